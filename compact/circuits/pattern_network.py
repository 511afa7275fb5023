"""Small network that learns patterns: a crossbar of memristors, neurons at its columns, learning where spikes meet."""

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
from compact.circuits.pbit import inverter_threshold
from compact.circuits.sense import NODE_CAPACITANCE
from compact.circuits.stimulus import levels, windows
from compact.errors import CircuitError
from compact.holding import freeing_voltage, well_depth
from compact.measure import Measure, crossings, energy, value_at
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.technology import Technology

if TYPE_CHECKING:
    from compact.waveform import Waveforms

__all__ = ["PatternNetwork", "Patterns"]

DROP = 0.03
"""Voltage that a driver of a column may lose [V]."""
WRITE = 4 / 3
"""Voltage where a row meets a column over that which frees a wall, so that half of it does not."""
READ = 1.9
"""Active rows over the neurons' threshold: columns come to 0.55 of it with their own pattern, to 0.45 with another."""

LASTING = 10.0
"""Least depth of a well over kT: 1 ns times its exponential, 20 us, is longer than what is simulated."""
DISTURBING = 1.15
"""Highest v_read over what frees a wall: spikes pull a column down, but not quite to ground."""


@dataclass(frozen=True)
class Patterns(Setting):
    """A setting whose value is patterns of bits, all of one length, with spaces between them: "1100 0011"."""

    def check(self, value: object) -> str:
        """Return the patterns if they can be told apart, else raise CircuitError."""
        words = value.split() if isinstance(value, str) else []
        if not 1 <= len(words) <= 8 or any(set(word) - {"0", "1"} or "1" not in word for word in words):
            raise CircuitError(f"setting '{self.name}' = {value!r} must be 1 to 8 patterns of 0 and 1, each with a 1")
        if len({len(word) for word in words}) > 1 or len(words[0]) > 16:
            raise CircuitError(f"setting '{self.name}' = {value!r} must be patterns of one length, at most 16")
        if len(set(words)) < len(words):
            raise CircuitError(f"setting '{self.name}' = {value!r} has the same pattern twice")
        return " ".join(words)

    def parse(self, text: str) -> str:
        """The patterns as written."""
        return self.check(text)


class PatternNetwork(Circuit):
    """One transient: recall before learning, supervised learning in epochs, recall after it.

    A pattern is shown as pulses of its rows while the teacher makes the column of that pattern spike: first low, then
    high. A row's pulse alone, or a column's, is half of what moves a wall; only where both meet, weights change.
    Active rows raise theirs while the column is low, the others lower theirs while it is high.
    """

    name = "pattern_network"
    title = "network of memristors and neurons that learns patterns"
    template = "pattern_network.cir.j2"
    citation = (
        "B. Linares-Barranco, T. Serrano-Gotarredona, Nature Precedings (2009) 3010; "
        "M. Prezioso et al., Nature 521 (2015) 61"
    )
    junction = "domain_wall"
    example = "design_wall_synapse"
    ports = MappingProxyType(
        {
            "column_gate": ("col", "line", "en", "enb", "vdd", "vss"),
            "column_neuron": ("col", "m", "out", "listen", "vdd", "vss"),
            "synapses": ("r0", "r1", "r2", "r3", "col"),
        }
    )
    settings = (
        Patterns("patterns", "1100 0011", "1", "what is learned, a column for each"),  # type: ignore[arg-type]
        Setting("epochs", 1, "1", "how often each pattern is shown", 1, 100),
        Setting("start", 0.0, "1", "initial weights: 1 parallel, -1 antiparallel", -1, 1),
        Setting("t_write", 4e-9, "s", "width of a learning pulse", 1e-12, 1e-3),
        Setting("t_recall", 10e-9, "s", "for how long neurons listen to a pattern", 1e-11, 1e-3),
        Setting("t_gap", None, "s", "between two pulses (derived: 0.5 ns, or the lag of columns)", 1e-11, 1e-3),
        Setting("edge", 50e-12, "s", "rise and fall times", 1e-12, 1e-6),
        Setting("vdd", None, "V", "supply of the neurons (derived: that of the core transistors)", 0.1, 20),
        Setting("v_gate", None, "V", "gates of switches that are on (derived: supply of core transistors)", 0.1, 20),
        Setting(
            "v_write", None, "V", "where row and column meet (derived: 4/3 of what frees a wall, at most vdd)", 0.01, 20
        ),
        Setting("v_read", None, "V", "active rows in a recall (derived: 1.9 times the neurons' threshold)", 0.01, 20),
        Setting("c_membrane", 100e-15, "F", "capacitance of a membrane", 1e-16, 1e-6),
        Setting("c_feedback", 30e-15, "F", "feedback from the output to the membrane", 1e-16, 1e-6),
        Setting("w_n", None, "m", "nMOS of the inverters (derived: twice the narrowest)", 1e-8, 1e-3),
        Setting("w_p", None, "m", "pMOS of the inverters (derived: as w_n)", 1e-8, 1e-3),
        Setting("w_out", None, "m", "output of the neurons (derived: four times w_n)", 1e-8, 1e-3),
        Setting("w_listen", None, "m", "switch of the neurons (derived: as w_out)", 1e-8, 1e-3),
        Setting(
            "w_reset",
            None,
            "m",
            "reset of the membranes (derived: three times what column and switch bring)",
            1e-8,
            1e-2,
        ),
        Setting("w_gate", None, "m", "drivers of the columns (derived: lose 30 mV at most)", 1e-8, 1e-2),
    )

    def _bench(
        self, card: ParameterSet, technology: Technology, values: Mapping[str, Any], netlist: Netlist
    ) -> Testbench:
        given = {name: value for name, value in values.items() if value is not None}
        if given["epochs"] != int(given["epochs"]):
            raise CircuitError(f"setting 'epochs' = {given['epochs']:g} must be a whole number")
        words = given["patterns"].split()
        count, columns = len(words[0]), len(words)
        nmos, pmos = technology.device("nmos"), technology.device("pmos")
        s = {"vdd": nmos.vdd, "w_n": 2 * nmos.min_width} | given
        s = {"v_gate": max(nmos.vdd, s["vdd"])} | s
        s = {"w_p": max(s["w_n"], pmos.min_width), "v_write": min(WRITE * freeing_voltage(card), s["vdd"])} | s
        if not s["v_write"] > 0:
            raise CircuitError(f"card '{card.name}' pins its wall nowhere: its weights would not last")
        if (depth := well_depth(card)) < LASTING:
            raise CircuitError(
                f"card '{card.name}' holds its wall with {depth:.2g} kT, and weights would not last; {LASTING:g} kT do"
            )
        turning = inverter_threshold(nmos, pmos, s)
        s = {"v_read": READ * turning, "w_out": max(4 * s["w_n"], pmos.min_width)} | s
        freeing = freeing_voltage(card)
        if s["v_read"] > DISTURBING * freeing:
            raise CircuitError(
                f"card '{card.name}' frees its wall at {freeing:.3g} V, and recalls at v_read = {s['v_read']:.3g} V, "
                f"which neurons at vdd = {s['vdd']:g} V need, would write; lower vdd, or take a card with a barrier "
                f"of r_p = {card.values['r_p'] * s['v_read'] / freeing:.3g} Ohm or more"
            )
        if s["v_write"] > s["vdd"]:
            raise CircuitError(f"setting 'v_write' = {s['v_write']:g} V must be at most vdd = {s['vdd']:g} V")
        known = {**card.values, "noise": 0.0, "z": 1.0, "tilt_c": 1.0, "tilt_s": 0.0}
        most = count * float(card.definition.evaluate("i", {**known, "v_fl_rl": s["v_write"]}))
        both = nmos.current(s["v_gate"], DROP)
        s = {"w_listen": s["w_out"], "w_gate": max(most / both, nmos.min_width, pmos.min_width)} | s
        # A reset that is much stronger than what charges the membrane holds it at the threshold, without a spike.
        switched = s["w_listen"] * nmos.current(s["v_gate"] - turning, max(s["v_read"] - turning, 0.0), turning)
        brought = min(most * s["v_read"] / s["v_write"], switched)
        s = {"w_reset": max(3 * brought / nmos.current(s["vdd"], turning), nmos.min_width)} | s
        rows = [f"r{k}" for k in range(count)]
        sizes = ("w_n", "w_p", "w_out", "w_listen", "w_reset", "w_gate", "c_membrane", "c_feedback")
        lists = {"rows": rows, "rows_start": [f"s{k}=0" for k in range(count)]}
        gate = {"w_gate_p": max(s["w_gate"] * nmos.k / pmos.k, pmos.min_width)}
        # A column whose drivers are off follows through its synapses; one that lags has all of v_read across them.
        middle = float(card.definition.evaluate("resistance", {**known, "v_fl_rl": 0.0, "z": 0.0})) / count
        s = {"t_gap": max(0.5e-9, middle * NODE_CAPACITANCE * (s["w_gate"] + gate["w_gate_p"]))} | s
        netlist.add_text(self.render(technology, {**{key: s[key] for key in sizes}, **gate, **lists}))

        high, half, gap = s["v_write"], s["v_write"] / 2, s["t_gap"]
        row_steps: list[list[tuple[float, float]]] = [[(0.0, 0.0)] for _ in rows]
        col_steps: list[list[tuple[float, float]]] = [[(0.0, 0.0)] for _ in words]
        listening: list[tuple[float, float]] = []
        times: dict[str, float] = {}
        t = 2 * gap

        def show(steps: list[list[tuple[float, float]]], at: float, volts: list[float]) -> None:
            for own, level in zip(steps, volts, strict=True):
                own.append((at, level))

        def recall(label: str) -> None:
            nonlocal t
            for p, word in enumerate(words):
                listening.append((t, t + s["t_recall"]))
                times[f"{label}_{p}"] = t
                # In two steps: a column that lags behind would put all of v_read across its synapses.
                for at, share in ((t, 0.5), (t + gap, 1.0)):
                    show(row_steps, at, [share * s["v_read"] * int(bit) for bit in word])
                t += s["t_recall"]
                show(row_steps, t, [0.0] * count)
                t += 2 * gap  # columns and membranes are discharged

        recall("before")
        times["learn"] = t
        for _ in range(int(s["epochs"])):
            for p, word in enumerate(words):
                for active, column in (("1", 0.0), ("0", high)):
                    show(row_steps, t, [half] * count)
                    show(col_steps, t, [half] * columns)
                    t += gap
                    show(row_steps, t, [high - column if bit == active else half for bit in word])
                    show(col_steps, t, [column if c == p else half for c in range(columns)])
                    t += s["t_write"]
        for steps, n in ((row_steps, count), (col_steps, columns)):
            show(steps, t, [half] * n)
            show(steps, t + gap, [0.0] * n)
        times["learned"] = t + gap
        t += max(s["t_write"], 3 * gap)  # walls settle in their wells
        recall("after")
        circuit, ground = netlist.circuit, netlist.circuit.gnd
        for name, own in zip(rows, row_steps, strict=True):
            levels(netlist, name, name, own, s["edge"])
        on = s["v_gate"]
        circuit.V("dd", "vdd", ground, s["vdd"])
        windows(netlist, "enb", "enb", on, listening, s["edge"])
        levels(netlist, "en", "en", [(0.0, on), *((x, v) for a, b in listening for x, v in ((a, 0.0), (b, on)))],
               s["edge"])  # fmt: skip
        # Neurons listen before and after each recall too, which discharges their membranes.
        spans = [(max(a - gap, 0.0), b + gap) for a, b in listening]
        windows(netlist, "listen", "listen", on, spans, s["edge"])
        state = {f"s{k}": s["start"] for k in range(count)}
        for c, own in enumerate(col_steps):
            levels(netlist, f"line{c}", f"line{c}", own, s["edge"])
            circuit.X(f"gate{c}", "column_gate", f"col{c}", f"line{c}", "en", "enb", "vdd", ground)
            circuit.X(f"syn{c}", "synapses", *rows, f"col{c}", **state)
            circuit.X(f"neuron{c}", "column_neuron", f"col{c}", f"m{c}", f"out{c}", "listen", "vdd", ground)
        weights = tuple(f"xsyn{c}.x{row}.z" for c in range(columns) for row in rows)
        nodes = tuple(x for c in range(columns) for x in (f"col{c}", f"m{c}", f"out{c}", f"i(vline{c})", f"line{c}"))
        drives = tuple(x for row in rows for x in (row, f"i(v{row})"))
        times["stop"] = t
        save = (*weights, *nodes, *drives, "i(vdd)")
        return Testbench(self.name, netlist, Tran(t, s["t_write"] / 40), save, s, times)

    @staticmethod
    def weights(waveforms: Waveforms, bench: Testbench, at: float | None = None) -> NDArray[np.float64]:
        """Weights at a time [s], by default at the end: parallel share of each synapse, shape (columns, rows)."""
        words = bench.settings["patterns"].split()
        at = bench.times["stop"] if at is None else at
        place = [
            [value_at(waveforms.axis, waveforms[f"xsyn{c}.xr{k}.z"], at) for k in range(len(words[0]))]
            for c in range(len(words))
        ]
        return (1 + np.array(place)) / 2

    @staticmethod
    def spikes(waveforms: Waveforms, bench: Testbench, label: str = "after") -> NDArray[np.int64]:
        """Spikes of each neuron in the recall "before" or "after" learning, shape (patterns, columns)."""
        s, t = bench.settings, waveforms.axis
        count = len(s["patterns"].split())
        found = np.zeros((count, count), dtype=np.int64)
        for p in range(count):
            begin = bench.times[f"{label}_{p}"]
            for c in range(count):
                rises = crossings(t, waveforms[f"out{c}"], s["vdd"] / 2, "rise", after=begin)
                found[p, c] = int(np.sum(rises < begin + s["t_recall"]))
        return found

    def measures(self, waveforms: Waveforms, bench: Testbench) -> list[Measure]:
        """Recall before and after learning, weights, what recall changes, and the energy of learning."""
        s, at, t = bench.settings, bench.times, waveforms.axis
        words = s["patterns"].split()
        target = np.array([[bit == "1" for bit in word] for word in words])
        final, learned = self.weights(waveforms, bench), self.weights(waveforms, bench, at["after_0"] - s["edge"])
        before, after = (self.spikes(waveforms, bench, label) for label in ("before", "after"))
        own = np.eye(len(words), dtype=bool)
        spent = sum(
            energy(t, waveforms[name], waveforms[f"i(v{name})"], at["learn"], at["learned"])
            for name in (*(f"r{k}" for k in range(len(words[0]))), *(f"line{c}" for c in range(len(words))))
        )
        pulses = 2 * len(words) * s["epochs"]
        raised, lowered = final[target], final[~target]
        contrast = float(np.min(raised) - np.max(lowered)) if lowered.size else math.nan
        return [
            Measure("recalled", float(np.mean((after > 0) == own)), "1", 1, 1, "right pairs of pattern and neuron"),
            Measure("before", float(np.mean((before > 0) == own)), "1", 0, 0.99, "the same before learning"),
            Measure(
                "spikes", float(np.min(after[own])), "1", 1, description="of neurons at their own pattern, at least"
            ),
            Measure("contrast", contrast, "1", 0.2, 1, "least raised weight less the highest lowered one"),
            Measure("disturb", float(np.max(np.abs(final - learned))), "1", 0, 0.02, "change of a weight by recall"),
            Measure("energy_per_pulse", spent / pulses, "J", 0, description="of learning, from rows and columns"),
        ]
