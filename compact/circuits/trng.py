"""Random-number generator: superparamagnetic junctions, read by a clock, their bits combined by exclusive or."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from compact.analysis import Tran
from compact.circuits.base import Circuit, Junction, Setting, Testbench, pulse
from compact.circuits.pcsa import NODE_CAPACITANCE
from compact.errors import CircuitError
from compact.measure import Measure, energy
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.randomness import autocorrelation, randomness_report
from compact.technology import Technology

if TYPE_CHECKING:
    from compact.waveform import Waveforms

__all__ = ["Trng", "correlation_time"]

LEAST_BITS = 128
"""Bits from which on the statistical tests are made."""
SIGNIFICANCE = 0.01
SIGMAS = 4.0
READ_SHARE = 0.25
"""Voltage across the junction, in units of the supply, when the amplifier decides."""


def correlation_time(card: ParameterSet, voltage: float = 0.0) -> float:
    """Time [s] in which a telegraph junction forgets its state: one over the sum of both rates at a voltage [V]."""
    known = {**card.values, "v_fl_rl": voltage, "z": 1.0}
    return 1 / float(sum(card.definition.evaluate(["rate_p", "rate_ap"], known)))


def _between(junction: Junction, volts: float) -> float:
    """Geometric mean of both resistances [Ohm] at a voltage [V]."""
    return volts / math.sqrt(junction.current(volts, 1.0) * junction.current(volts, -1.0))


class Trng(Circuit):
    """Streams of bits, one per junction, read at every clock; the output is their exclusive or."""

    name = "trng"
    title = "random-number generator with superparamagnetic junctions"
    template = "trng.cir.j2"
    citation = (
        "D. Vodenicarevic et al., Phys. Rev. Applied 8 (2017) 054045; sense amplifier: W. Zhao et al., "
        "IEEE Trans. Magn. 45 (2009) 3784"
    )
    junction = "telegraph"
    example = "schnitzspan_2023"
    ports = MappingProxyType(
        {
            "trng_cell": ("q", "qb", "clk", "vdd", "vss"),
            "trng_sense": ("d", "db", "clk", "vdd", "vss"),
            "trng_latch": ("d", "db", "q", "qb", "vdd", "vss"),
            "trng_xor": ("a", "na", "b", "nb", "y", "ny", "vdd", "vss"),
        }
    )
    settings = (
        Setting("bits", 32, "1", "bits of the output stream; the tests of SP 800-22 need 128", 8, 1e7),
        Setting("streams", 1, "1", "junctions whose bits are combined by exclusive or", 1, 16),
        Setting("seed", 1, "1", "seed of the first junction; the others take the next ones", 0, 1e6 - 16),
        Setting("slots", 8, "1", "random numbers per time that the junction remembers; more only take longer", 2, 1e3),
        Setting("t_bit", None, "s", "clock period (derived: 5 times what the junction remembers)", 1e-11, 1e3),
        Setting("t_sense", None, "s", "read phase (derived: 4 time constants of R_AP and the output)", 1e-11, 1e-3),
        Setting("r_ref", None, "Ohm", "reference (derived: geometric mean of both states at a quarter of vdd)", 1, 1e9),
        Setting("vdd", None, "V", "supply (derived: that of the core transistors)", 0.1, 20),
        Setting("w_n", None, "m", "nMOS (derived: three times the narrowest)", 1e-8, 1e-3),
        Setting("w_p", None, "m", "pMOS (derived: as w_n)", 1e-8, 1e-3),
        Setting("w_pre", None, "m", "precharge pMOS (derived: as w_p)", 1e-8, 1e-3),
        Setting("w_foot", None, "m", "discharge nMOS (derived: four times w_n)", 1e-8, 1e-3),
        Setting("c_load", 1e-15, "F", "load of the output", 0, 1e-9),
        Setting("edge", 20e-12, "s", "rise and fall time of the clock", 1e-12, 1e-9),
    )

    def _bench(
        self, card: ParameterSet, technology: Technology, values: Mapping[str, float | None], netlist: Netlist
    ) -> Testbench:
        given = {name: value for name, value in values.items() if value is not None}
        for name in ("bits", "streams", "seed"):
            if given[name] != int(given[name]):
                raise CircuitError(f"setting '{name}' = {given[name]:g} must be a whole number")
        nmos, pmos, junction = technology.device("nmos"), technology.device("pmos"), Junction(card)
        s = {"vdd": nmos.vdd, "w_n": 3 * nmos.min_width} | given
        s = {"w_p": max(s["w_n"], pmos.min_width), "w_foot": 4 * s["w_n"]} | s
        s = {"w_pre": s["w_p"], "r_ref": _between(junction, READ_SHARE * s["vdd"])} | s
        capacitance = NODE_CAPACITANCE * (3 * s["w_n"] + 3 * s["w_p"] + s["w_pre"])
        s = {"t_sense": max(4 * capacitance * junction.resistance(-1.0), 20 * s["edge"], 1e-9)} | s
        s = {"t_bit": max(5 * correlation_time(card), 3 * s["t_sense"])} | s
        if s["t_bit"] < s["t_sense"] + 10 * s["edge"]:
            raise CircuitError(
                f"setting 't_bit' = {s['t_bit']:g} s leaves no time to precharge after t_sense = {s['t_sense']:g} s"
            )
        netlist.add_text(self.render(technology, {k: s[k] for k in ("w_n", "w_p", "w_pre", "w_foot", "r_ref")}))

        circuit, count = netlist.circuit, int(s["streams"])
        pulse(netlist, "clk", "clk", s["vdd"], s["t_bit"] - s["t_sense"], s["t_sense"], s["edge"], s["t_bit"])
        circuit.V("dd", "vdd", circuit.gnd, s["vdd"])
        slot = correlation_time(card) / s["slots"]
        for k in range(count):
            ends = (f"q{k}", f"qb{k}", "clk", "vdd", circuit.gnd)
            circuit.X(f"cell{k}", "trng_cell", *ends, state=1 - 2 * (k % 2), seed=int(s["seed"]) + k, t_slot=slot)
        out = ("q0", "qb0")
        for k in range(1, count):
            gate = (*out, f"q{k}", f"qb{k}", f"y{k}", f"ny{k}", "vdd", circuit.gnd)
            circuit.X(f"xor{k}", "trng_xor", *gate)
            out = (f"y{k}", f"ny{k}")
        if s["c_load"]:
            circuit.C("load", out[0], circuit.gnd, s["c_load"])
        cells = tuple(name for k in range(count) for name in (f"q{k}", f"xcell{k}.xsense.xmtj.z"))
        save = tuple(dict.fromkeys(("clk", "i(vdd)", out[0], *cells)))
        times = {"first": s["t_bit"] - s["t_sense"], "stop": (s["bits"] + 1) * s["t_bit"]}
        netlist.options["reltol"] = 1e-3  # decisions and energy are within 0.2 % of those at 1e-4
        return Testbench(self.name, netlist, Tran(times["stop"], s["t_sense"] / 5), save, s, times)

    @staticmethod
    def stream(waveforms: Waveforms, bench: Testbench, node: str = "") -> NDArray[np.int64]:
        """The bits of a simulation, read just before each clock's read phase begins; the first read is not a bit.

        Parameters
        ----------
        waveforms : Waveforms
            Of the testbench.
        bench : Testbench
            The testbench.
        node : str
            Where to read: by default the output, else e.g. "q0" for the first junction's stream.

        Returns
        -------
        ndarray of int, shape (bits,)
        """
        s = bench.settings
        node = node or (f"y{int(s['streams']) - 1}" if s["streams"] > 1 else "q0")
        at = bench.times["first"] + (np.arange(int(s["bits"])) + 1) * s["t_bit"] - s["edge"]
        return (np.interp(at, waveforms.axis, waveforms[node]) > s["vdd"] / 2).astype(np.int64)

    def measures(self, waveforms: Waveforms, bench: Testbench) -> list[Measure]:
        """Share of ones, correlation of neighbours, right reads, energy per bit and, of long streams, p-values."""
        s, t = bench.settings, waveforms.axis
        bits = self.stream(waveforms, bench)
        n = len(bits)
        right = []
        begin = bench.times["first"] + np.arange(n) * s["t_bit"]
        for k in range(int(s["streams"])):
            z = np.interp(begin, t, waveforms[f"xcell{k}.xsense.xmtj.z"])
            right.append(self.stream(waveforms, bench, f"q{k}") == (z < 0))
        spent = energy(t, s["vdd"], waveforms["i(vdd)"], s["t_bit"], bench.times["stop"]) / n
        near = SIGMAS / math.sqrt(n)
        result = [
            Measure("ones", float(np.mean(bits)), "1", 0.5 - near / 2, 0.5 + near / 2, "share of ones, within 4 sigma"),
            Measure("autocorrelation", autocorrelation(bits), "1", -near, near, "of neighbours, within 4 sigma"),
            Measure("right_reads", float(np.mean(right)), "1", 0.97, 1, "bits that are the junction's state"),
            Measure("energy_per_bit", spent, "J", 0, description="from the supply, all streams"),
            Measure("bit_rate", 1 / s["t_bit"], "1/s", 0, description="of the output"),
        ]
        if n >= LEAST_BITS:
            result += [
                Measure(f"p_{name}", p, "1", SIGNIFICANCE, 1, "SP 800-22, own implementation")
                for name, p in randomness_report(bits).items()
            ]
        return result
