"""Receiver of on-off keyed waves: spin-torque diode, low-noise amplifier and comparator."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compact.analysis import Tran
from compact.circuits.area import area_measures
from compact.circuits.base import Setting, Testbench, pulse
from compact.circuits.diode import DIODE, DiodeCircuit
from compact.circuits.resonant import against, is_noisy, whole
from compact.circuits.stimulus import levels
from compact.measure import Measure, energy, value_at
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.physics.oscillator_load import at_bias
from compact.technology import Technology

if TYPE_CHECKING:
    from compact.waveform import Waveforms

__all__ = ["DiodeReceiver"]

OVERDRIVE = 0.08
"""Gate overdrive of the input pair [V]."""
COMMON = 0.2
"""On what the junctions stand, over the supply."""
LEVEL = 0.3
"""Mean output of the amplifier over the supply."""
SETTLE = 5.0
"""Times in which the amplitude of the junction settles within a bit, until it is decided."""
DECIDE = 0.2
"""Part of a bit in which the comparator decides."""
DECIDED = 0.9
"""Part of the supply by which its outputs differ at least."""


class DiodeReceiver(DiodeCircuit):
    """Bits at random as a keyed wave, each decided at its end."""

    name = "diode_receiver"
    example = "fang_2016"
    title = "receiver with spin-torque diode, low-noise amplifier and comparator"
    template = "diode_receiver.cir.j2"
    citation = "diode: A. A. Tulapurkar et al., Nature 438 (2005) 339; comparator: as of `strongarm`"
    ports = MappingProxyType(
        {
            "diode_receiver": ("rf_i", "rf_q", "slow", "dummy", "cm", "ref", "q", "qb", "strobe", "vdd", "vss"),
            "lna": ("in", "inn", "out", "outn", "ref", "vdd", "vss"),
            "comparator": ("in", "ref", "q", "qb", "strobe", "vdd", "vss"),
        }
    )
    settings = (
        *DIODE,
        Setting("bits", 8, "1", "bits", 2, 100000),
        Setting("t_bit", None, "s", "length of a bit (derived: 7 times in which the junction settles)", 1e-12, 1),
        Setting("c_video", 1e-12, "F", "capacitor across the diode and across the reference", 1e-18, 1e-3),
        Setting("choke", 0.0, "H", "choke in front of it", 0, 1),
        Setting("vdd", None, "V", "supply (derived: that of the core transistors)", 0.1, 20),
        Setting("v_cm", None, "V", "on what the junctions stand (derived: a fifth of the supply)", 0, 20),
        Setting("i_lna", 200e-6, "A", "current of the amplifier", 1e-9, 1),
        Setting("w_pair", None, "m", "its input pair (derived: 0.08 V overdrive)", 1e-8, 1e-2),
        Setting("w_tail", None, "m", "its current mirror (derived: as w_pair)", 1e-8, 1e-2),
        Setting("r_lna", None, "Ohm", "its loads (derived: outputs at 0.3 of the supply)", 1, 1e9),
        Setting("w_n", None, "m", "nMOS of the comparator (derived: three times the narrowest)", 1e-8, 1e-3),
        Setting("w_p", None, "m", "its pMOS (derived: as w_n)", 1e-8, 1e-3),
        Setting("w_pre", None, "m", "its reset transistors (derived: as w_p)", 1e-8, 1e-3),
        Setting("w_in", None, "m", "its input pair (derived: three times w_p)", 1e-8, 1e-3),
        Setting("c_load", 2e-15, "F", "load of each output", 0, 1e-9),
        Setting("edge", 50e-12, "s", "rise and fall time of the strobe", 1e-12, 1e-6),
        Setting("seed", 1, "1", "seed of bits and junctions", 0, 1e6),
    )

    @staticmethod
    def sent(s: Mapping[str, float]) -> NDArray[np.int64]:
        """The bits that are sent, shape (bits,): at random, the first two 0 and 1."""
        bits = np.random.default_rng(int(s["seed"])).integers(0, 2, int(s["bits"]))
        bits[:2] = (0, 1)
        return bits

    def _bench(
        self, card: ParameterSet, technology: Technology, values: Mapping[str, Any], netlist: Netlist
    ) -> Testbench:
        s = self._given(card, values)
        osc, s = self.rectifying(netlist, s)
        for name in ("bits", "seed"):
            whole(name, s)
        nmos, pmos = technology.device("nmos"), technology.device("pmos")
        i = s["bias"]
        conductance = float(at_bias(osc, i).conductance)
        s = {"vdd": nmos.vdd} | s
        s = {"v_cm": COMMON * s["vdd"], "w_n": 3 * nmos.min_width} | s
        s = {"w_p": max(s["w_n"], pmos.min_width)} | s
        s = {"w_pre": s["w_p"], "w_in": 3 * s["w_p"]} | s
        pair = s["i_lna"] / 2 / pmos.current(pmos.vth + OVERDRIVE, s["vdd"] / 2)
        s = {"w_pair": max(pair, pmos.min_width), "r_lna": LEVEL * s["vdd"] / (s["i_lna"] / 2)} | s
        s = {"w_tail": s["w_pair"]} | s
        settling = 2 / float(osc.relaxation_rate(i)) + s["c_video"] / conductance
        s = {"t_bit": max(7 * settling, 100 * s["edge"])} | s
        expected = self.signal(osc, s, netlist)
        widths = {k: v for k, v in s.items() if k.startswith("w_")}
        inputs = "slow dummy" if expected > 0 else "dummy slow"
        noisy = is_noisy(netlist)
        more = {"load": s["load"], "r_lna": s["r_lna"], "inputs": inputs, "noisy": noisy}
        netlist.add_text(self.render(technology, widths | more))

        circuit, t_bit = netlist.circuit, s["t_bit"]
        lead = t_bit  # a bit without a wave, in which everything settles
        peak = self.wave(s)
        keyed = [(0.0, 0.0)] + [(lead + k * t_bit, float(bit) * peak) for k, bit in enumerate(self.sent(s))]
        levels(netlist, "rf", "rf", keyed, t_bit / 50)
        circuit.V("cm", "cm", circuit.gnd, s["v_cm"])
        circuit.VCVS("rf", "wave", "cm", "rf", circuit.gnd, 1.0)
        circuit.R("source_i", "wave", "rf_i", s["load"])
        circuit.R("source_q", "rf_q", "cm", s["load"])
        for name, current in (("slow", i), ("dummy", i + expected / 2 * conductance)):
            node = f"{name}_bias" if s["choke"] else name
            circuit.I(name, "cm", node, current)
            if s["choke"]:
                circuit.L(name, node, name, s["choke"])
            circuit.C(name, name, "cm", s["c_video"])
        circuit.I("lna", "ref", circuit.gnd, s["i_lna"])
        circuit.V("dd", "vdd", circuit.gnd, s["vdd"])
        pulse(netlist, "strobe", "strobe", s["vdd"], lead + (1 - DECIDE) * t_bit, DECIDE * t_bit, s["edge"], t_bit)
        ends = ("rf_i", "rf_q", "slow", "dummy", "cm", "ref", "q", "qb", "strobe", "vdd", circuit.gnd)
        seeds = {"seed": int(s["seed"]), "seed_n": int(s["seed"]) + 1}
        circuit.X("rx", self.name, *ends, **seeds)
        for node in ("q", "qb"):
            circuit.C(node, node, circuit.gnd, s["c_load"])
        netlist.options["reltol"] = 1e-3  # sensitivity and gain are within 0.1 % of those at 1e-4
        times = {"first": lead, "stop": lead + s["bits"] * t_bit}
        save = ("rf", "slow", "dummy", "xrx.y", "xrx.yb", "q", "qb", "strobe", "i(vdd)")
        return Testbench(self.name, netlist, Tran(times["stop"], t_bit / 100), save, s, times)

    def layout(self, bench: Testbench) -> dict[str, tuple[tuple[str, ...], ...]]:
        """One column from the wave to the bits."""
        return {"": (("rf",), ("slow", "dummy"), ("xrx.y", "xrx.yb"), ("strobe", "q"))}

    @staticmethod
    def received(waveforms: Waveforms, bench: Testbench) -> NDArray[np.float64]:
        """(q - qb)/vdd at the end of each bit, shape (bits,): 1 or -1 where it is decided."""
        s, at = bench.settings, bench.times
        ends = at["first"] + np.arange(1, int(s["bits"]) + 1) * s["t_bit"] - 2 * s["edge"]
        out = (waveforms["q"] - waveforms["qb"]) / s["vdd"]
        return np.asarray(np.interp(ends, waveforms.axis, out))

    def measures(self, waveforms: Waveforms, bench: Testbench) -> list[Measure]:
        """Wrong bits, sensitivity, gain, signal at the comparator, energy per bit, area."""
        s, at, t = bench.settings, bench.times, waveforms.axis
        osc, bits = self.oscillator(bench.netlist, s["load"]), self.sent(s)
        out = self.received(waveforms, bench)
        wrong = int(np.sum(out * (2 * bits - 1) < DECIDED))
        moments = at["first"] + (np.arange(len(bits)) + 1 - DECIDE) * s["t_bit"] - 2 * s["edge"]

        def seen(signal: NDArray[np.float64]) -> tuple[float, float]:
            """Mean rise from bits 0 to bits 1, and the least distance of any 1 from any 0, where it is decided."""
            values = np.array([value_at(t, signal, moment) for moment in moments])
            rise = float(values[bits == 1].mean() - values[bits == 0].mean())
            way = math.copysign(1.0, rise)
            return rise, float((way * values[bits == 1]).min() - (way * values[bits == 0]).max())

        signal, _ = seen(waveforms["slow"] - waveforms["dummy"])
        amplified, eye = seen(waveforms["xrx.y"] - waveforms["xrx.yb"])
        closed = self.signal(osc, s, bench.netlist)
        noise = 0.0
        if is_noisy(bench.netlist):
            noise = math.inf  # a few bits are no mean
        spent = energy(t, s["vdd"], waveforms["i(vdd)"], at["first"], at["stop"]) / len(bits)
        what = "rectified over available power; 1 V/W is 1 mV/mW"
        return [
            Measure("bit_errors", wrong, "1", 0, 0, f"of {len(bits)}, undecided ones included"),
            against("sensitivity", signal / s["p_rf"], closed / s["p_rf"], 0.05, "V/W", what, noise),
            Measure("signal", signal, "V", description="rise of the diode's voltage by the wave"),
            Measure("gain", abs(amplified / signal), "1", 2, 1e3, "of the amplifier, at the ends of bits"),
            Measure("eye", eye, "V", 0, description="least distance of 1 and 0 at the comparator"),
            Measure("energy_per_bit", spent, "J", 0, description="from the supply, amplifier and comparator"),
            *area_measures(bench.netlist, ["xrx"], "receiver with both junctions"),
        ]
