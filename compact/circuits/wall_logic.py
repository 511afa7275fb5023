"""Domain-wall logic: three-terminal junctions that hand currents on; inverter, fan-out of two, chain of three."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compact.analysis import Tran
from compact.circuits.base import Circuit, Setting, Testbench
from compact.circuits.stimulus import levels, windows
from compact.errors import CircuitError
from compact.measure import Measure, energy, value_at
from compact.models.domain_wall import SITES
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.technology import Technology

if TYPE_CHECKING:
    from compact.waveform import Waveforms

__all__ = ["Bits", "WallLogic", "WallSwitch"]

GATES = ("first", "second", "twin", "third")
"""The first inverter drives second and twin, the second the third."""
STEPS = ("reset", "first", "second", "third")
"""Of an operation: all walls to their starts, then each gate of the chain is written."""
ACTIVE = 0.7
"""Of a step; walls settle in their sites in the rest of it."""
DROP = 0.02
"""Voltage that a clock's transistor may lose [V]."""


@dataclass(frozen=True)
class Bits(Setting):
    """A setting whose value is a word of bits: "010"."""

    def check(self, value: object) -> str:
        """Return the bits if there are any, else raise CircuitError."""
        if not isinstance(value, str) or not 1 <= len(value) <= 64 or set(value) - {"0", "1"}:
            raise CircuitError(f"setting '{self.name}' = {value!r} must be 1 to 64 bits")
        return value

    def parse(self, text: str) -> str:
        """The bits as written."""
        return self.check(text)


@dataclass(frozen=True)
class WallSwitch:
    """A card of `domain_wall_track` as a gate: where its wall rests, and what frees it.

    Parameters
    ----------
    card : ParameterSet
        With pinning sites near either end.
    """

    card: ParameterSet

    def places(self) -> tuple[float, float]:
        """States z of a wall in the outermost pinning sites, the antiparallel one first."""
        found = [self.card.values[f"site_{k}"] for k in range(1, SITES + 1) if self.card.values[f"h_site_{k}"] > 0]
        if len(found) < 2:
            raise CircuitError(f"card '{self.card.name}' needs two pinning sites (h_site_1, h_site_2) to hold a bit")
        return 2 * min(found) - 1, 2 * max(found) - 1

    def _at(self, name: str, volts: float, z: float) -> float:
        known = {"v_fl_rl": volts, "v_far_fl": 1.0, "z": z, "tilt_c": 1.0, "tilt_s": 0.0, "noise": 0.0}
        return float(self.card.definition.evaluate(name, {**self.card.values, **known}))

    def depinning(self) -> float:
        """Current along the wire [A] whose non-adiabatic torque equals the strongest listed site."""
        strongest = max(self.card.values[f"h_site_{k}"] for k in range(1, SITES + 1))
        per_amp = abs(self.card.values["beta"] * self._at("drift", 0.0, 0.0) / self._at("i_wire", 0.0, 0.0))
        return strongest / (per_amp * self._at("h_k_t", 0.0, 0.0))

    def resistance(self, z: float) -> float:
        """Resistance of the junction [Ohm]."""
        return self._at("resistance", 0.0, z)

    def velocity(self, current: float) -> float:
        """Velocity of a free wall [m/s] at a current along the wire [A], below breakdown: beta u/alpha."""
        u = abs(self._at("drift_velocity", 0.0, 0.0) / self._at("i_wire", 0.0, 0.0)) * current
        return self.card.values["beta"] / self.card.values["alpha"] * u


class WallLogic(Circuit):
    """For each bit of the input: reset of all gates, then one clock after the other.

    A bit is 1 if the junction is parallel and lets a large current into the next wire, where it drives the wall to
    the antiparallel end: an inverter. The wall starts at the parallel end; a small current does not free it. While a
    gate is read, its own input is open and the clock of the gates behind it low, so that it is not written again.
    """

    name = "wall_logic"
    title = "domain-wall logic: inverter, fan-out of two, chain of three"
    template = "wall_logic.cir.j2"
    citation = (
        "J. A. Currivan-Incorvia et al., Nature Commun. 7 (2016) 10275; clocks: J. A. Currivan et al., "
        "IEEE Magn. Lett. 3 (2012) 3000104"
    )
    junction = "domain_wall_track"
    example = "design_wall_gate"
    ports = MappingProxyType(
        {
            "wall_gate": ("in", "out", "up", "down", "vclk", "vss"),
            "wall_reset": ("in", "reset", "vss"),
            "wall_input": ("in", "line", "write", "vss"),
        }
    )
    settings = (
        Bits("bits", "01", "1", "input, one bit for each operation"),  # type: ignore[arg-type]
        Setting("i_write", None, "A", "current of a 1 along a wire (derived: as far above the depinning current as "
                "that of a 0 is below)", 1e-12, 1),
        Setting("i_reset", None, "A", "current of the reset along each wire (derived: 1.5 times i_write)", 1e-12, 1),
        Setting("v_clk_1", None, "V", "clock of gates with one output (derived: drives i_write)", 1e-6, 20),
        Setting("v_clk_2", None, "V", "clock of gates with two outputs (derived: drives i_write in each)", 1e-6, 20),
        Setting("t_step", None, "s", "each of reset and three writes (derived: a free wall goes 6 times from one "
                "site to the other)", 1e-11, 1e-3),
        Setting("edge", 50e-12, "s", "rise and fall times", 1e-12, 1e-6),
        Setting("vdd", None, "V", "high level of clocks (derived: that of the core transistors)", 0.1, 20),
        Setting("w_clk", None, "m", "transistors of clocks and input (derived: lose 20 mV at most)", 1e-8, 1e-2),
        Setting("w_reset", None, "m", "reset nMOS (derived: limits the current of a wire to i_reset)", 1e-8, 1e-3),
    )  # fmt: skip

    def _bench(
        self, card: ParameterSet, technology: Technology, values: Mapping[str, Any], netlist: Netlist
    ) -> Testbench:
        given = {name: value for name, value in values.items() if value is not None}
        if card.values["p_wire"] >= 0:
            raise CircuitError(
                f"card '{card.name}' has p_wire = {card.values['p_wire']:g}: gates invert with p_wire < 0, which "
                "stands for a reference layer that is parallel to the domain at the end 'far'"
            )
        switch, nmos = WallSwitch(card), technology.device("nmos")
        low, high = switch.places()
        wire = card.values["r_wire"]
        r0, r1 = (switch.resistance(z) for z in (low, high))
        s = {"vdd": nmos.vdd} | given
        ratio = (r0 + wire) / (r1 + wire)
        s = {"i_write": math.sqrt(ratio) * switch.depinning()} | s
        s = {"i_reset": 1.5 * s["i_write"]} | s
        s = {f"v_clk_{f}": s["i_write"] * (f * r1 + wire) for f in (1, 2)} | s
        most = 2 * s["i_write"]
        drive = nmos.current(s["vdd"] - s["v_clk_2"], DROP)
        if not drive:
            raise CircuitError(
                f"card '{card.name}': two inputs take clocks of {s['v_clk_2']:.3g} V, which transistors at vdd = "
                f"{s['vdd']:g} V do not pass; a junction of less resistance does"
            )
        travel = (high - low) / 2 * card.values["length"]
        s = {
            "t_step": 6 * travel / switch.velocity(s["i_write"]) + 4 * s["edge"],
            "w_clk": max(most / drive, nmos.min_width),
            "w_reset": max(s["i_reset"] / nmos.current(s["vdd"], s["v_clk_1"] / 2), nmos.min_width),
        } | s
        netlist.add_text(self.render(technology, {key: s[key] for key in ("w_clk", "w_reset")}))

        circuit, ground, step, edge = netlist.circuit, netlist.circuit.gnd, s["t_step"], s["edge"]
        gap = 4 * edge
        gates = ("reset", "first", "low1", "low2", "low3", "high1", "high2")
        spans: dict[str, list[tuple[float, float]]] = {name: [] for name in gates}
        line = [(0.0, 0.0)]
        times: dict[str, float] = {}
        for k, bit in enumerate(given["bits"]):
            begin = gap + 4 * k * step
            times[f"bit_{k}"] = begin
            at = {name: (begin + n * step, begin + (n + ACTIVE) * step) for n, name in enumerate(STEPS)}
            spans["reset"].append(at["reset"])
            for clock, write in (("1", "first"), ("2", "second"), ("3", "third")):
                spans[f"low{clock}"].append(at[write])
            spans["high1"] += [at["reset"], at["second"]]
            spans["high2"] += [at["reset"], at["third"]]
            spans["first"].append(at["first"])
            line += [(at["first"][0] - gap / 2, s["v_clk_1"] * (1.0 if bit == "1" else (r1 + wire) / (r0 + wire)))]
            line += [(at["first"][1] + gap / 2, 0.0)]
            times[f"done_{k}"] = begin + 4 * step - edge
        for name in gates:
            windows(netlist, name, name, s["vdd"], spans[name], edge)
        levels(netlist, "line", "line", line, edge)
        circuit.V("c1", "vc1", ground, s["v_clk_1"])
        circuit.V("c2", "vc2", ground, s["v_clk_2"])
        circuit.R("in", "line", "source", r1)
        circuit.X("input", "wall_input", "in1", "source", "first", ground)
        start = {"state": low}
        circuit.X("first", "wall_gate", "in1", "in2", "high1", "low1", "vc2", ground, **start)
        circuit.X("second", "wall_gate", "in2", "in3", "high2", "low2", "vc1", ground, **start)
        circuit.X("twin", "wall_gate", "in2", "out_twin", "reset", "low2", "vc1", ground, **start)
        circuit.X("third", "wall_gate", "in3", "out_third", "reset", "low3", "vc1", ground, **start)
        for node, count in (("in1", 1), ("in2", 2), ("in3", 1)):
            for n in range(count):
                circuit.X(f"reset_{node}_{n}", "wall_reset", node, "reset", ground)
        for node in ("out_twin", "out_third"):  # outputs that nothing is behind
            circuit.R(node, node, ground, 1e6)
        stop = gap + 4 * len(given["bits"]) * step
        times |= {"stop": stop}
        states = tuple(f"x{gate}.xwire.z" for gate in GATES)
        save = (*states, "in1", "in2", "in3", "line", "high1", "high2", "reset", "i(vc1)", "i(vc2)", "i(vline)")
        return Testbench(self.name, netlist, Tran(stop, step / 100), save, s, times)

    @staticmethod
    def outputs(waveforms: Waveforms, bench: Testbench) -> dict[str, NDArray[np.int64]]:
        """Bits that each gate holds after each operation, by gate, each of shape (bits,)."""
        ends = [bench.times[f"done_{k}"] for k in range(len(bench.settings["bits"]))]
        middle = sum(_places(bench)) / 2
        return {
            gate: (np.interp(ends, waveforms.axis, waveforms[f"x{gate}.xwire.z"]) > middle).astype(np.int64)
            for gate in GATES
        }

    @staticmethod
    def truth(bits: str) -> dict[str, NDArray[np.int64]]:
        """What each gate should hold for each bit of the input."""
        a = np.array([int(bit) for bit in bits])
        return {"first": 1 - a, "second": a, "twin": a, "third": 1 - a}

    def measures(self, waveforms: Waveforms, bench: Testbench) -> list[Measure]:
        """Right outputs of each part, how far walls are from their sites, and energy per operation."""
        s, at, t = bench.settings, bench.times, waveforms.axis
        low, high = _places(bench)
        found, wanted = self.outputs(waveforms, bench), self.truth(s["bits"])
        parts = {"inverter": ("first",), "fan_out": ("second", "twin"), "chain": ("first", "second", "third")}
        result = [
            Measure(name, float(np.mean([found[gate] == wanted[gate] for gate in gates])), "1", 1, 1, "right outputs")
            for name, gates in parts.items()
        ]
        off, reset = 0.0, 0.0
        for gate in GATES:
            z = waveforms[f"x{gate}.xwire.z"]
            for k, bit in enumerate(wanted[gate]):
                off = max(off, abs(value_at(t, z, at[f"done_{k}"]) - (high if bit else low)))
                started = value_at(t, z, at[f"bit_{k}"] + s["t_step"] - s["edge"])
                reset = max(reset, abs(started - high))
        spent = energy(t, waveforms["line"], waveforms["i(vline)"])
        spent += sum(energy(t, s[f"v_clk_{n}"], waveforms[f"i(vc{n})"]) for n in (1, 2))
        span = high - low
        return [
            *result,
            Measure(
                "off_site", off / span, "1", 0, 0.2, "largest distance of a wall from its site, over their distance"
            ),
            Measure("reset", reset / span, "1", 0, 0.2, "the same after the resets, from the site of the start"),
            Measure("time", 4 * s["t_step"], "s", 0, description="of an operation: reset and three clocks"),
            Measure("energy", spent / len(s["bits"]), "J", 0, description="of an operation, from clocks and input"),
        ]


def _places(bench: Testbench) -> tuple[float, float]:
    """States of a wall that stand for 0 and 1."""
    return WallSwitch(bench.netlist.devices["mtj"].card).places()  # type: ignore[attr-defined]
