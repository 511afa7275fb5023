"""Multilevel cell that writes itself: pulses of growing height until a comparator finds the target reached."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compact.analysis import Tran
from compact.circuits.base import Circuit, Setting, Testbench
from compact.circuits.stdp_synapse import switching_voltage
from compact.circuits.stimulus import levels, windows
from compact.errors import CircuitError
from compact.measure import Measure, energy, value_at
from compact.model import ROOM
from compact.models.mtj_held import held
from compact.models.multidomain import CLASSES
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.pulsed import PulsedJunction
from compact.technology import Technology

if TYPE_CHECKING:
    from compact.waveform import Waveforms

__all__ = ["WriteVerify"]

FIRST, LAST = 0.02, 0.97
"""Share of the domains that the first and the last pulse of a whole train switch."""
SWITCH_SHARES = {"w_write": 0.02, "w_read": 0.1}
"""Resistance of the write and read switches over the parallel resistance.

Those of the reads are in both sides of the comparison; wider ones would disturb the state through their gates.
"""
STROBE_EDGE = 20e-12
"""Rise and fall time of the strobe [s]."""
LEAST = 0.1
"""Least first pulse [V]: the edges of the switches couple some tens of millivolts into a cell."""
UNDERSHOOT = 0.02
"""Part of the range by which a weight may stay below its target: what comparator and switches are off by."""


class WriteVerify(Circuit):
    """Several cells share one staircase of pulses; each stops at a target of its own and must then stay there.

    Every cycle reads first: cell and target resistor carry current through equal loads, a comparator tells which is
    higher, a latch keeps its answer. Then comes a pulse, one step higher than that before, which reaches those cells
    alone that are not there yet.
    """

    name = "write_verify"
    title = "multilevel cell with write and verify"
    template = "write_verify.cir.j2"
    citation = "F. Alibart et al., Nanotechnology 23 (2012) 075201"
    junction = "multidomain"
    example = "design_multidomain_synapse"
    ports = MappingProxyType(
        {
            "write_verify": ("top", "ref", "go", "ramp", "vr", "rd", "strobe", "wen", "vdd", "vss"),
            "comparator": ("in", "ref", "q", "qb", "strobe", "vdd", "vss"),
        }
    )
    settings = (
        Setting("levels", 3, "1", "cells, with targets evenly between antiparallel and parallel", 1, 32),
        Setting("steps", 12, "1", "pulses of the staircase", 2, 1000),
        Setting("t_write", 100e-9, "s", "pulse", 1e-9, 1.0),
        Setting("t_read", 20e-9, "s", "read", 2e-9, 1.0),
        Setting("edge", 0.5e-9, "s", "rise and fall time", 1e-12, 1e-3),
        Setting("v_read", 0.2, "V", "supply of the reads, half of which is across the junction", 1e-3, 2),
        Setting("v_first", None, "V", "first pulse (derived: switches 2 % of the domains)", 1e-3, 20),
        Setting("v_last", None, "V", "last pulse (derived: switches 97 %)", 1e-3, 20),
        Setting("vdd", None, "V", "supply (derived: that of the core transistors)", 0.1, 20),
        Setting("r_load", None, "Ohm", "load of the reads (derived: geometric mean of both states)", 1, 1e12),
        Setting("w_write", None, "m", "switches of the pulses (derived: 2 % of the resistance)", 1e-8, 1e-2),
        Setting("w_read", None, "m", "switches of the reads (derived: 10 % of the resistance)", 1e-8, 1e-2),
        Setting("w_n", None, "m", "nMOS of gates and comparators (derived: three times the narrowest)", 1e-8, 1e-3),
        Setting("w_p", None, "m", "pMOS of gates and comparators (derived: twice w_n)", 1e-8, 1e-3),
    )

    def _bench(
        self, card: ParameterSet, technology: Technology, values: Mapping[str, Any], netlist: Netlist
    ) -> Testbench:
        s = {name: value for name, value in values.items() if value is not None}
        for name in ("levels", "steps"):
            if s[name] != int(s[name]):
                raise CircuitError(f"setting '{name}' = {s[name]:g} must be a whole number")
        if s["t_read"] < 20 * s["edge"] or s["t_write"] < 10 * s["edge"]:
            raise CircuitError(f"setting 'edge' = {s['edge']:g} s must be below t_read/20 and t_write/10")
        nmos, pmos = technology.device("nmos"), technology.device("pmos")
        for name, share in (("v_first", FIRST), ("v_last", LAST)):
            if name not in s:
                s[name] = switching_voltage(card, share, s["t_write"], -1.0)
        s = {"vdd": nmos.vdd, "w_n": 3 * nmos.min_width} | s
        s = {"w_p": max(2 * s["w_n"], pmos.min_width)} | s
        if not s["v_first"] < s["v_last"] <= s["vdd"]:
            raise CircuitError(
                f"pulses from {s['v_first']:.3g} V to {s['v_last']:.3g} V must grow and stay below vdd = {s['vdd']:g} V"
            )
        if s["v_first"] < LEAST:
            raise CircuitError(
                f"card '{card.name}' takes pulses from {s['v_first']:.3g} V to {s['v_last']:.3g} V: below {LEAST:g} V "
                f"the edges of the switches move a cell as much; higher critical currents or resistances are needed"
            )
        r_p, r_ap = (float(self.resistance(card, s["v_read"] / 2, z)) for z in (1.0, -1.0))
        s = {"r_load": math.sqrt(r_p * r_ap)} | s
        for name, source in (("w_write", 0.0), ("w_read", s["v_read"])):
            small = 1e-3
            density = nmos.current(s["vdd"] - source, small, source) / small
            s = {name: max(1 / (SWITCH_SHARES[name] * r_p * density), nmos.min_width, pmos.min_width)} | s
        widths = {name: s[name] for name in ("w_write", "w_read", "w_n", "w_p", "r_load")}
        others = {"w_in": 2 * s["w_p"], "w_pre": s["w_n"], "w_up": s["w_p"], "w_down": s["w_n"], "w_gate": s["w_p"]}
        netlist.add_text(self.render(technology, widths | others))

        gap = 4 * s["edge"]
        cycle = s["t_read"] + s["t_write"] + 3 * gap
        starts = (np.arange(int(s["steps"]) + 1) * cycle + gap).tolist()
        heights = np.linspace(s["v_first"], s["v_last"], int(s["steps"])).tolist()
        circuit = netlist.circuit
        circuit.V("dd", "vdd", circuit.gnd, s["vdd"])
        circuit.V("r", "vr", circuit.gnd, s["v_read"])
        windows(netlist, "rd", "rd", s["vdd"], [(t, t + s["t_read"]) for t in starts], s["edge"])
        strobes = [(t + 0.5 * s["t_read"], t + s["t_read"] - s["edge"]) for t in starts]
        # Short edges: an integrator that steps over the regeneration of the comparator leaves it undecided.
        windows(netlist, "strobe", "strobe", s["vdd"], strobes, min(STROBE_EDGE, s["edge"]))
        writes = [(t + s["t_read"] + gap, t + s["t_read"] + gap + s["t_write"]) for t in starts[:-1]]
        windows(netlist, "wen", "wen", s["vdd"], writes, s["edge"])
        steps = [(t, height) for t, height in zip([0.0, *starts[1:]], heights, strict=False)]
        levels(netlist, "ramp", "ramp", steps, s["edge"])
        save = ["i(vdd)", "i(vramp)", "i(vr)", "ramp", "wen", "strobe"]
        for k, target in enumerate(self.targets(s)):
            ohms = float(self.resistance(card, s["v_read"] / 2, target))
            ends = (f"top{k}", f"ref{k}", f"go{k}", "ramp", "vr", "rd", "strobe", "wen", "vdd", circuit.gnd)
            circuit.X(f"cell{k}", "write_verify", *ends, state=-1, target=ohms)
            netlist.nodesets[f"go{k}"] = s["vdd"]
            save += [f"go{k}", f"top{k}", *(f"xcell{k}.xmtj.z{n}" for n in range(CLASSES))]
        times = {"first": starts[0], "cycle": cycle, "write": writes[0][0], "stop": starts[-1] + s["t_read"] + gap}
        netlist.options["ngspice:chgtol"] = 1e-17  # its own, 10 fC, is more than the comparator's nodes hold
        netlist.options["vacask:abstol"] = 1e-9  # with the default it gets stuck in a transition in sky130
        return Testbench(self.name, netlist, Tran(times["stop"], s["t_write"] / 10), tuple(save), s, times)

    @staticmethod
    def resistance(card: ParameterSet, volts: float, cosine: float) -> float:
        """Resistance [Ohm] of a junction at a voltage [V] and a mean cosine."""
        fixed = held(card)
        return volts / float(fixed.definition.evaluate("i", {**fixed.values, "v_fl_rl": volts, "state": cosine}))

    @staticmethod
    def targets(settings: Mapping[str, Any]) -> NDArray[np.float64]:
        """Mean cosine at which each cell is to stop, shape (levels,)."""
        return np.linspace(-1, 1, int(settings["levels"]) + 2)[1:-1]

    @staticmethod
    def predicted(bench: Testbench) -> NDArray[np.float64]:
        """Mean cosine after each pulse of the whole staircase by the card's rates, the start first; (steps + 1,)."""
        s, card = bench.settings, bench.netlist.devices["mtj"].card  # type: ignore[attr-defined]
        heights = np.linspace(s["v_first"], s["v_last"], int(s["steps"]))
        junction = PulsedJunction(card.values, 1.01 * s["v_last"], by_voltage=True, temperature=ROOM)
        return np.concatenate(([-1.0], 2 * junction.fraction(heights, s["t_write"]) - 1))

    def layout(self, bench: Testbench) -> dict[str, tuple[tuple[str, ...], ...]]:
        """Staircase, voltages across the junctions, answers of the comparators."""
        cells = range(min(int(bench.settings["levels"]), 6))
        return {"": (("ramp",), tuple(f"top{k}" for k in cells), tuple(f"go{k}" for k in cells))}

    def measures(self, waveforms: Waveforms, bench: Testbench) -> list[Measure]:
        """Of each cell weight beyond target and pulses; whether all have stopped; energy and time."""
        s, t, at = bench.settings, waveforms.axis, bench.times
        train, targets = self.predicted(bench), self.targets(s)
        largest = float(np.diff(train).max()) / 2
        moments = at["write"] + s["t_write"] / 2 + at["cycle"] * np.arange(int(s["steps"]))
        result, stopped, used = [], 0, []
        for k, target in enumerate(targets):
            states = [waveforms[f"xcell{k}.xmtj.z{n}"] for n in range(CLASSES)]
            final = float(np.mean([z[-1] for z in states]))
            going = np.interp(moments, t, waveforms[f"go{k}"]) > s["vdd"] / 2
            used.append(int(going.sum()))
            want = int(np.argmax(train >= target)) if train[-1] >= target else len(train)
            stopped += value_at(t, waveforms[f"go{k}"], at["stop"]) < s["vdd"] / 2
            result += [
                Measure(f"beyond_{k}", (final - target) / 2, "1", -UNDERSHOOT, largest + UNDERSHOOT,
                        "of the range of the weight, at most one pulse beyond the target"),
                Measure(f"pulses_{k}", used[-1], "1", want - 1, want + 1, f"{want} by the card's rates"),
            ]  # fmt: skip
        supplies = {"vdd": s["vdd"], "vr": s["v_read"], "vramp": waveforms["ramp"]}
        spent = sum(energy(t, volts, waveforms[f"i({name})"]) for name, volts in supplies.items())
        return [
            *result,
            Measure("stopped", stopped / len(targets), "1", 1, 1, "share of the cells that have come to their target"),
            Measure("write_time", max(used) * at["cycle"], "s", 0, at["stop"], "of the slowest cell"),
            Measure("write_energy", spent / len(targets), "J", 0, description="from all supplies, per cell"),
        ]
