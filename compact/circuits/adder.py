"""What the two full adders share: all eight rows of the truth table with writes of the stored operand between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from compact.analysis import Tran
from compact.circuits.area import area_measures
from compact.circuits.base import Circuit, Setting, Testbench
from compact.circuits.stimulus import levels
from compact.measure import Measure, average, energy, first_crossing, value_at
from compact.netlist import Netlist

if TYPE_CHECKING:
    from compact.waveform import Waveforms

__all__ = ["ROWS", "Adder", "adder_settings"]

ROWS = ((0, 0), (0, 1), (1, 1), (1, 0))
"""Operand a and carry-in of four operations in a row: one of them changes at a time."""
RIGHT = 0.9
"""Share of the supply that a high output must reach, and a low one stay below the rest of."""


def adder_settings(*own: Setting) -> tuple[Setting, ...]:
    """Settings of an adder: those both have, and its own."""
    return (
        Setting("vdd", None, "V", "supply (derived: that of the core transistors)", 0.1, 20),
        Setting("w_n", None, "m", "nMOS (derived: three times the narrowest)", 1e-8, 1e-3),
        Setting("w_p", None, "m", "pMOS (derived: as w_n, in static gates twice)", 1e-8, 1e-3),
        *own,
        Setting("t_write", None, "s", "write of the stored operand (derived)", 1e-11, 1e-3),
        Setting("t_operation", None, "s", "one addition (derived)", 1e-11, 1e-3),
        Setting("t_idle", 200e-9, "s", "wait at the end, in which the standby current is measured", 1e-10, 1e-3),
        Setting("c_load", 1e-15, "F", "load of sum and carry", 0, 1e-9),
        Setting("edge", 20e-12, "s", "rise and fall time of signals", 1e-12, 1e-9),
    )


class Adder(Circuit):
    """The stored operand b is written 0, then 1, and added to all four pairs of the others each time.

    The energy of an operation is that from the supply; the energy of a write is that from the supply and from both bit
    lines, until the next operation. Drivers of inputs and clocks are ideal and not counted, in neither adder.
    """

    def _timed(
        self, netlist: Netlist, s: dict[str, float]
    ) -> tuple[dict[str, float], list[tuple[float, int, int, int]]]:
        """Sources of supply and operands; times, and start, b, a and carry-in of each operation."""
        circuit, edge, operation = netlist.circuit, s["edge"], s["t_operation"]
        clock, rows, times = operation / 2, [], {}
        inputs = {"a": [(0.0, 0.0)], "ci": [(0.0, 0.0)]}
        for b in (0, 1):
            times[f"write_{b}"] = clock
            clock += s["t_write"] + operation / 2
            times[f"written_{b}"] = clock
            for a, ci in ROWS:
                for name, bit in (("a", a), ("ci", ci)):
                    inputs[name].append((clock, s["vdd"] * bit))
                rows.append((clock, b, a, ci))
                clock += operation
        times |= {"idle": clock, "stop": clock + s["t_idle"]}
        for name, steps in inputs.items():
            levels(netlist, name, name, steps, edge)
        circuit.V("dd", "vdd", circuit.gnd, s["vdd"])
        for name in ("s", "co"):
            if s["c_load"]:
                circuit.C(name, name, circuit.gnd, s["c_load"])
        return times, rows

    @staticmethod
    def _operations(s: Mapping[str, float], times: Mapping[str, float]) -> list[tuple[float, int, int, int]]:
        return [
            (times[f"written_{b}"] + k * s["t_operation"], b, a, ci) for b in (0, 1) for k, (a, ci) in enumerate(ROWS)
        ]

    def _read_at(self, s: Mapping[str, float], start: float) -> tuple[float, float]:
        """When the outputs of an operation begin to form, and when they must be there [s]."""
        raise NotImplementedError

    def rows(self, waveforms: Waveforms, bench: Testbench) -> list[tuple[int, int, int, float, float]]:
        """What came out: b, a, carry-in, and sum and carry over the supply, for all eight rows."""
        s, t = bench.settings, waveforms.axis
        found = []
        for start, b, a, ci in self._operations(s, bench.times):
            at = self._read_at(s, start)[1]
            outputs = [value_at(t, waveforms[name], at) / s["vdd"] for name in ("s", "co")]
            found.append((b, a, ci, outputs[0], outputs[1]))
        return found

    def measures(self, waveforms: Waveforms, bench: Testbench) -> list[Measure]:
        """Right rows, delay, energy of operations and writes, standby power, area."""
        s, at, t = bench.settings, bench.times, waveforms.axis
        good, slowest = 0, 0.0
        for b, a, ci, total, carry in self.rows(waveforms, bench):
            wanted = ((a + b + ci) % 2, (a + b + ci) // 2)
            good += all(abs(out - bit) < 1 - RIGHT for out, bit in zip((total, carry), wanted, strict=True))
        for start, *_ in self._operations(s, at):
            begin, end = self._read_at(s, start)
            for name in ("s", "co"):
                signal = waveforms[name] / s["vdd"]
                if value_at(t, signal, begin - s["edge"]) > 0.5 > value_at(t, signal, end):
                    slowest = max(slowest, first_crossing(t, signal, 0.5, "fall", after=begin) - begin)
                elif value_at(t, signal, begin - s["edge"]) < 0.5 < value_at(t, signal, end):
                    slowest = max(slowest, first_crossing(t, signal, 0.5, "rise", after=begin) - begin)
        spent = energy(
            t, s["vdd"], waveforms["i(vdd)"], at["written_0"] - s["edge"], at["write_1"] - s["t_operation"] / 2
        )
        spent += energy(t, s["vdd"], waveforms["i(vdd)"], at["written_1"] - s["edge"], at["idle"] - s["edge"])
        idle = average(t, waveforms["i(vdd)"], at["idle"] + s["t_idle"] / 2, at["stop"])
        power = -s["vdd"] * idle
        write = 0.0
        for b in (0, 1):
            span = (at[f"write_{b}"] - 2 * s["edge"], at[f"written_{b}"] - s["edge"])
            write += energy(t, s["vdd"], waveforms["i(vdd)"], *span)
            for line in ("bl", "blb"):
                write += energy(t, waveforms[line], waveforms[f"i(v{line})"], *span)
        return [
            Measure("rows", good, "1", 8, 8, "right rows of the truth table, both outputs"),
            Measure("delay", slowest, "s", 0, s["t_operation"], "slowest output, from its cause to half the supply"),
            Measure("energy", spent / 8, "J", 0, description="of an operation, from the supply, mean of eight"),
            Measure("write_energy", write / 2, "J", 0, description="of a change of the stored operand, mean of two"),
            Measure("standby_power", power, "W", 0, description="from the supply, clocks and inputs at rest"),
            *self._own_measures(waveforms, bench),
            *area_measures(bench.netlist, ["xadder"], "the adder with its stored operand"),
        ]

    def _own_measures(self, waveforms: Waveforms, bench: Testbench) -> list[Measure]:
        return []

    def _testbench(
        self, netlist: Netlist, s: dict[str, float], times: dict[str, float], save: tuple[str, ...]
    ) -> Testbench:
        # The trapezoidal rule lets currents ring from step to step, by more than the standby current.
        netlist.options |= {"ngspice:xmu": 0.47, "vacask:tran_xmu": 0.47}
        signals = ("a", "ci", "s", "co", "i(vdd)", "bl", "blb", "i(vbl)", "i(vblb)", *save)
        return Testbench(
            self.name, netlist, Tran(times["stop"], s["edge"] / 2, max_step=s["t_operation"] / 20), signals, s, times
        )
