"""What sense amplifiers share: a testbench that reads both stored bits twice, and its measures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from compact.analysis import Tran
from compact.circuits.area import area_measures
from compact.circuits.base import Circuit, Junction, Setting, Testbench, pulse
from compact.errors import CircuitError
from compact.measure import Measure, delay, energy, value_at
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.technology import Technology

if TYPE_CHECKING:
    from compact.waveform import Waveforms

__all__ = ["NODE_CAPACITANCE", "SenseAmplifier", "sense_settings"]

NODE_CAPACITANCE = 3e-9
"""Capacitance of an output per transistor width at it [F/m], for the length of the read only."""
DISTURBED = 0.2
"""Change of z that a read must not cause."""

_COMMON = (
    Setting("vdd", None, "V", "supply (derived: that of the core transistors)", 0.1, 20),
    Setting("w_n", None, "m", "nMOS of the latch (derived: three times the narrowest)", 1e-8, 1e-3),
    Setting("w_p", None, "m", "pMOS of the latch (derived: as w_n)", 1e-8, 1e-3),
    Setting("w_pre", None, "m", "transistors that precharge or reset (derived: as w_p)", 1e-8, 1e-3),
)
_TIMES = (
    Setting("c_load", 1e-15, "F", "load of each output", 0, 1e-9),
    Setting("t_sense", None, "s", "read phase (derived: 4 time constants of R_AP and the output)", 1e-11, 1e-3),
    Setting("t_precharge", None, "s", "precharge phase (derived: as t_sense)", 1e-11, 1e-3),
    Setting("edge", 20e-12, "s", "rise and fall time of the sense signal", 1e-12, 1e-9),
)


def sense_settings(*own: Setting) -> tuple[Setting, ...]:
    """Settings of a sense amplifier: those all have, with its own between sizes and times."""
    return (*_COMMON, *own, *_TIMES)


class SenseAmplifier(Circuit):
    """Two amplifiers, one per stored bit, read twice; the second read is measured.

    Subclasses say how they are sized (`_sized`), which further nodes they need (`_bias`), and which of their
    transistors are meant to be alike.

    Attributes
    ----------
    complementary : bool
        Whether a bit is two opposite junctions, or one that is compared with a reference.
    pairs : tuple of (str, str, int)
        Transistors that are meant to be alike, as paths inside the amplifier, that on the side of q first; and
        towards which bit a higher threshold of the first one pushes: 1 or -1 for 0.
    strobed : bool
        Whether the port behind sen is a strobe that comes the setting `t_settle` later.
    sides : tuple of two tuples of str
        Paths of the junctions on the side of the stored bit and on the other one; a higher resistance of the first
        pushes towards 1.
    """

    complementary: bool = True
    strobed: bool = False
    pairs: tuple[tuple[str, str, int], ...] = ()
    sides: tuple[tuple[str, ...], tuple[str, ...]] = (("xmtj",), ("xmtj_n",))

    def _sized(self, card: ParameterSet, technology: Technology, s: dict[str, float]) -> dict[str, float]:
        """Settings of its own that were left open, and those that differ from what all have."""
        raise NotImplementedError

    def _bias(self, s: Mapping[str, float]) -> dict[str, float]:
        """Voltages [V] of nodes besides sen and the supply, in the order of its ports."""
        return {}

    def _bench(
        self, card: ParameterSet, technology: Technology, values: Mapping[str, Any], netlist: Netlist
    ) -> Testbench:
        given = {name: value for name, value in values.items() if value is not None}
        nmos, pmos = technology.device("nmos"), technology.device("pmos")
        s = {"vdd": nmos.vdd, "w_n": 3 * nmos.min_width} | given
        s = {"w_p": max(s["w_n"], pmos.min_width)} | s
        s = {"w_pre": s["w_p"]} | s
        s = self._sized(card, technology, s) | s
        capacitance = s["c_load"] + NODE_CAPACITANCE * (2 * s["w_n"] + 2 * s["w_p"] + s["w_pre"])
        settle = s.get("t_settle", 0.0)
        s = {"t_sense": settle + max(4 * capacitance * Junction(card).resistance(-1.0), 20 * s["edge"], 1e-9)} | s
        s = {"t_precharge": s["t_sense"]} | s

        netlist.add_text(self.render(technology, {key: value for key, value in s.items() if key[:2] == "w_"}))
        period = s["t_precharge"] + s["t_sense"]
        times = {"sense": s["t_precharge"] + period, "end": 2 * period + s["t_precharge"]}
        circuit = netlist.circuit
        pulse(netlist, "sen", "sen", s["vdd"], s["t_precharge"], s["t_sense"], s["edge"], period)
        controls = ["sen"]
        if self.strobed:
            if not 0 < settle < s["t_sense"] - 2 * s["edge"]:
                raise CircuitError(
                    f"setting 't_settle' = {settle:g} s leaves no time in t_sense = {s['t_sense']:g} s to decide"
                )
            begin, width = s["t_precharge"] + settle, s["t_sense"] - settle
            pulse(netlist, "strobe", "strobe", s["vdd"], begin, width, s["edge"], period)
            controls.append("strobe")
        bias = self._bias(s)
        for name, volts in bias.items():
            circuit.V(name, name, circuit.gnd, volts)
        for bit in (0, 1):
            state = 1 - 2 * bit
            stored = {"state": state} | ({"state_n": -state} if self.complementary else {})
            circuit.V(f"dd{bit}", f"vdd{bit}", circuit.gnd, s["vdd"])
            ends = (f"q{bit}", f"qb{bit}", *controls, *bias, f"vdd{bit}", circuit.gnd)
            circuit.X(f"bit{bit}", self.name, *ends, **stored)
            if s["c_load"]:
                circuit.C(f"q{bit}", f"q{bit}", circuit.gnd, s["c_load"])
                circuit.C(f"qb{bit}", f"qb{bit}", circuit.gnd, s["c_load"])
        states = [f"xbit{{0}}.{path}.z" for side in self.sides for path in side]
        signals = ("q{0}", "qb{0}", "i(vdd{0})", *states)
        save = ("sen", *(signal.format(bit) for bit in (0, 1) for signal in signals))
        return Testbench(self.name, netlist, Tran(times["end"], s["edge"] / 8), save, s, times)

    def layout(self, bench: Testbench) -> dict[str, tuple[tuple[str, ...], ...]]:
        """One column per stored bit: voltages, current, states."""
        paths = [path for side in self.sides for path in side]
        return {
            f"stored bit {bit}": (
                ("sen", f"q{bit}", f"qb{bit}"),
                (f"i(vdd{bit})",),
                tuple(f"xbit{bit}.{path}.z" for path in paths),
            )
            for bit in (0, 1)
        }

    @staticmethod
    def decided(waveforms: Waveforms, bench: Testbench, bit: int) -> Any:
        """(q - qb)/vdd over time, with the sign of the stored bit: 1 where it is read rightly; shape (n,)."""
        return (waveforms[f"q{bit}"] - waveforms[f"qb{bit}"]) * (2 * bit - 1) / bench.settings["vdd"]

    def decision(self, waveforms: Waveforms, bench: Testbench, bit: int) -> float:
        """`decided` at the end of the read phase."""
        s = bench.settings
        at = bench.times["sense"] + s["t_sense"] - s["edge"]
        return value_at(waveforms.axis, self.decided(waveforms, bench, bit), at)

    def measures(self, waveforms: Waveforms, bench: Testbench) -> list[Measure]:
        """Delay, energy, decision and disturb for both stored bits, and area."""
        s, t = bench.settings, waveforms.axis
        start, end = bench.times["sense"], bench.times["end"]
        result = []
        for bit in (0, 1):
            decided = self.decided(waveforms, bench, bit)
            wait = delay(t, (waveforms["sen"], s["vdd"] / 2, "rise"), (decided, 0.5, "rise"), after=start - s["edge"])
            spent = energy(t, s["vdd"], waveforms[f"i(vdd{bit})"], start - s["edge"], end - s["edge"])
            states = [waveforms[f"xbit{bit}.{path}.z"] for side in self.sides for path in side]
            moved = max(float(abs(z - z[0]).max()) for z in states)
            right = "(q - qb)/vdd at the end, 1 if right"
            result += [
                Measure(f"delay_{bit}", wait, "s", 0, s["t_sense"], "sen at half until |q - qb| is half the supply"),
                Measure(f"energy_{bit}", spent, "J", 0, description="from the supply, one read and its precharge"),
                Measure(f"decision_{bit}", self.decision(waveforms, bench, bit), "1", 0.9, 1.1, right),
                Measure(f"disturb_{bit}", moved, "1", 0, DISTURBED, "largest change of z in two reads"),
            ]
        return [*result, *area_measures(bench.netlist, ["xbit0"], "one amplifier with its bit")]
