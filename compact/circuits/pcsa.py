"""Pre-charge sense amplifier that reads a bit stored in two complementary junctions."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from compact.analysis import Tran
from compact.circuits.base import Circuit, Junction, Setting, Testbench, pulse
from compact.measure import Measure, delay, energy, value_at
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.technology import Technology

if TYPE_CHECKING:
    from compact.waveform import Waveforms

__all__ = ["Pcsa"]

NODE_CAPACITANCE = 3e-9
"""Capacitance of an output per transistor width at it [F/m], for the length of the read only."""


class Pcsa(Circuit):
    """Two amplifiers, one per stored bit, read twice; the second read is measured."""

    name = "pcsa"
    title = "pre-charge sense amplifier with two complementary junctions"
    template = "pcsa.cir.j2"
    citation = "W. Zhao, C. Chappert, V. Javerliac, J.-P. Noziere, IEEE Trans. Magn. 45 (2009) 3784"
    ports = MappingProxyType({"pcsa": ("q", "qb", "sen", "vdd", "vss")})
    settings = (
        Setting("vdd", None, "V", "supply (derived: that of the core transistors)", 0.1, 20),
        Setting("w_n", None, "m", "nMOS of the latch (derived: three times the narrowest)", 1e-8, 1e-3),
        Setting("w_p", None, "m", "pMOS of the latch (derived: as w_n)", 1e-8, 1e-3),
        Setting("w_pre", None, "m", "precharge pMOS (derived: as w_p)", 1e-8, 1e-3),
        Setting("w_foot", None, "m", "discharge nMOS (derived: four times w_n)", 1e-8, 1e-3),
        Setting("c_load", 1e-15, "F", "load of each output", 0, 1e-9),
        Setting(
            "t_sense",
            None,
            "s",
            "read phase (derived: 4 time constants of R_AP and the output)",
            1e-11,
            1e-3,
        ),
        Setting("t_precharge", None, "s", "precharge phase (derived: as t_sense)", 1e-11, 1e-3),
        Setting("edge", 20e-12, "s", "rise and fall time of the sense signal", 1e-12, 1e-9),
    )

    def _bench(
        self, card: ParameterSet, technology: Technology, values: Mapping[str, float | None], netlist: Netlist
    ) -> Testbench:
        given = {name: value for name, value in values.items() if value is not None}
        nmos, pmos = technology.device("nmos"), technology.device("pmos")
        s = {"vdd": nmos.vdd, "w_n": 3 * nmos.min_width} | given
        s = {"w_p": max(s["w_n"], pmos.min_width), "w_foot": 4 * s["w_n"]} | s
        s = {"w_pre": s["w_p"]} | s
        capacitance = s["c_load"] + NODE_CAPACITANCE * (2 * s["w_n"] + 2 * s["w_p"] + s["w_pre"])
        s = {"t_sense": max(4 * capacitance * Junction(card).resistance(-1.0), 20 * s["edge"], 1e-9)} | s
        s = {"t_precharge": s["t_sense"]} | s

        widths = {key: s[key] for key in ("w_n", "w_p", "w_pre", "w_foot")}
        netlist.add_text(self.render(technology, widths))
        period = s["t_precharge"] + s["t_sense"]
        times = {"sense": s["t_precharge"] + period, "end": 2 * period + s["t_precharge"]}
        circuit = netlist.circuit
        pulse(netlist, "sen", "sen", s["vdd"], s["t_precharge"], s["t_sense"], s["edge"], period)
        for bit in (0, 1):
            state = 1 - 2 * bit
            circuit.V(f"dd{bit}", f"vdd{bit}", circuit.gnd, s["vdd"])
            circuit.X(
                f"bit{bit}",
                "pcsa",
                f"q{bit}",
                f"qb{bit}",
                "sen",
                f"vdd{bit}",
                circuit.gnd,
                state=state,
                state_n=-state,
            )
            if s["c_load"]:
                circuit.C(f"q{bit}", f"q{bit}", circuit.gnd, s["c_load"])
                circuit.C(f"qb{bit}", f"qb{bit}", circuit.gnd, s["c_load"])
        signals = ("q{0}", "qb{0}", "i(vdd{0})", "xbit{0}.xmtj.z", "xbit{0}.xmtj_n.z")
        save = ("sen", *(signal.format(bit) for bit in (0, 1) for signal in signals))
        return Testbench(self.name, netlist, Tran(times["end"], s["edge"] / 8), save, s, times)

    def measures(self, waveforms: Waveforms, bench: Testbench) -> list[Measure]:
        """Delay, energy, decision and disturb for both stored bits."""
        s, t = bench.settings, waveforms.axis
        start, end = bench.times["sense"], bench.times["end"]
        result = []
        for bit in (0, 1):
            decided = (waveforms[f"q{bit}"] - waveforms[f"qb{bit}"]) * (2 * bit - 1) / s["vdd"]
            wait = delay(t, (waveforms["sen"], s["vdd"] / 2, "rise"), (decided, 0.5, "rise"), after=start - s["edge"])
            spent = energy(t, s["vdd"], waveforms[f"i(vdd{bit})"], start - s["edge"], end - s["edge"])
            decision = value_at(t, decided, start + s["t_sense"] - s["edge"])
            states = [waveforms[f"xbit{bit}.{mtj}.z"] for mtj in ("xmtj", "xmtj_n")]
            moved = max(float(abs(z - z[0]).max()) for z in states)
            result += [
                Measure(
                    f"delay_{bit}",
                    wait,
                    "s",
                    0,
                    s["t_sense"],
                    "sen at half until |q - qb| is half the supply",
                ),
                Measure(f"energy_{bit}", spent, "J", 0, description="from the supply, one read and its precharge"),
                Measure(f"decision_{bit}", decision, "1", 0.9, 1.1, "(q - qb)/vdd at the end, 1 if right"),
                Measure(f"disturb_{bit}", moved, "1", 0, 0.2, "largest change of z in two reads"),
            ]
        return result
