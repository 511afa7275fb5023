"""Crossbar of memristors: all columns read at once, each current a sum of inputs times weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compact.analysis import Tran
from compact.circuits.base import Circuit, Setting, Testbench
from compact.circuits.stimulus import windows
from compact.emit import EmittedDevice, device
from compact.errors import CircuitError
from compact.measure import Measure, average, energy
from compact.models.mtj_held import held
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.physics.wires import crossbar_currents
from compact.pulsed import PulsedJunction
from compact.technology import Technology

if TYPE_CHECKING:
    from compact.waveform import Waveforms

__all__ = ["Crossbar"]

LARGEST = 128 * 128
"""Most cells that are built."""
ACCESS_SHARE = 0.05
"""Resistance of an access transistor that is on, over the parallel resistance of its junction."""
STILL = 0.01
"""Largest motion of a class of domains at which a state counts as held."""
SETTLED = 0.6
"""Part of a read after which currents are averaged."""


class Crossbar(Circuit):
    """Random weights are read with all inputs on, then with random inputs; every column is sensed.

    The ideal current of a column is the sum over its cells at the read voltage, without wires and transistors. One gain
    for all columns is taken out before the read error is told: what is left depends on place and data, and no reference
    removes it.
    """

    name = "crossbar"
    title = "crossbar of memristors with access transistors"
    template = "crossbar.cir.j2"
    citation = "wires and selectors of crossbars: A. Chen, IEEE Trans. Electron Devices 60 (2013) 1318"
    junction = "multidomain"
    ports = MappingProxyType({"crossbar_cell": ("row", "col", "gate", "vss")})
    settings = (
        Setting("rows", 8, "1", "inputs", 1, 1024),
        Setting("columns", 8, "1", "outputs", 1, 1024),
        Setting("levels", 4, "1", "weights from antiparallel to parallel, evenly spaced", 2, 1024),
        Setting("seed", 1, "1", "seed of weights and inputs", 0, 1e9),
        Setting("reads", 2, "1", "reads: the first with all inputs on, the others with random ones", 1, 1000),
        Setting("transistors", 1, "1", "1: an access transistor in each cell, 0: none, all rows are driven", 0, 1),
        Setting("full", 0, "1", "1: junctions with all their states, 0: held, which reads do not move", 0, 1),
        Setting("v_read", 0.1, "V", "input that is on", 1e-3, 2),
        Setting("r_wire", 0.2, "Ohm", "wire from one cell to the next", 1e-6, 1e6),
        Setting("r_driver", 10.0, "Ohm", "driver of a row", 1e-6, 1e6),
        Setting("r_sense", 1.0, "Ohm", "input of a sense amplifier", 1e-6, 1e6),
        Setting("c_cell", 0.1e-15, "F", "capacitance that a cell adds to its row and to its column", 0, 1e-9),
        Setting("v_gate", None, "V", "gates that are on (derived: supply of the core transistors)", 0.1, 20),
        Setting("w_access", None, "m", "access transistor (derived: 5 % of the junction's resistance)", 1e-8, 1e-3),
        Setting("t_read", 10e-9, "s", "one read", 1e-10, 1.0),
        Setting("edge", 0.1e-9, "s", "rise and fall time", 1e-12, 1e-3),
        Setting("error", 0.05, "1", "largest read error that passes, over full scale", 1e-6, 1),
    )

    def _bench(
        self, card: ParameterSet, technology: Technology, values: Mapping[str, Any], netlist: Netlist
    ) -> Testbench:
        s = {name: value for name, value in values.items() if value is not None}
        for name in ("rows", "columns", "levels", "seed", "reads", "transistors", "full"):
            if s[name] != int(s[name]):
                raise CircuitError(f"setting '{name}' = {s[name]:g} must be a whole number")
        rows, columns = int(s["rows"]), int(s["columns"])
        if rows * columns > LARGEST:
            raise CircuitError(
                f"a crossbar of {rows} x {columns} cells is too large: at most {LARGEST} cells are built"
            )
        if s["t_read"] < 10 * s["edge"]:
            raise CircuitError(f"setting 't_read' = {s['t_read']:g} s must be at least 10 edges of {s['edge']:g} s")
        nmos = technology.device("nmos")
        s = {"v_gate": nmos.vdd} | s
        small = 1e-3
        density = nmos.current(s["v_gate"], small) / small
        if s["transistors"] and not density > 0:
            raise CircuitError(f"setting 'v_gate' = {s['v_gate']:g} V does not turn the transistors on")
        if "w_access" not in s:
            wanted = 1 / (ACCESS_SHARE * card.values["r_p"] * density) if density > 0 else 0.0
            s["w_access"] = max(wanted, nmos.min_width)
        used = netlist.devices["mtj"]
        if not s["full"] and isinstance(used, EmittedDevice):
            moved = _motion(used.card, s["v_read"], s["reads"] * s["t_read"])
            if moved > STILL:
                raise CircuitError(
                    f"reads at v_read = {s['v_read']:g} V move domains of card '{card.name}' by {moved:.2g}; they are "
                    f"held only up to {STILL:g}: read at less, or set full=1"
                )
            netlist.drop("mtj")
            netlist.use(device(held(used.card), subckt="mtj"))
        netlist.add_text(self.render(technology, {"w_access": s["w_access"], "transistor": bool(s["transistors"])}))
        netlist.add_text("\n".join(_array(self.weights(s), s)))
        reads = self.inputs(s)
        circuit = netlist.circuit
        for row in range(rows):
            # What is read twice in a row stays on: the inputs change at the borders only.
            spans = [(k * s["t_read"] + 2 * s["edge"], (k + 1) * s["t_read"]) for k in np.flatnonzero(reads[:, row])]
            windows(netlist, f"r{row}", f"in{row}", s["v_read"], spans, s["edge"])
            if s["transistors"]:
                windows(netlist, f"g{row}", f"gate{row}", s["v_gate"], spans, s["edge"])
        for column in range(columns):
            circuit.V(f"s{column}", f"out{column}", circuit.gnd, 0.0)
        save = (*(f"i(vs{k})" for k in range(columns)), *(f"i(vr{k})" for k in range(rows)))
        times = {"read": 0.0, "stop": s["reads"] * s["t_read"]}
        netlist.options["reltol"] = 1e-4
        return Testbench(self.name, netlist, Tran(times["stop"], s["t_read"] / 10), save, s, times)

    @staticmethod
    def weights(settings: Mapping[str, Any]) -> NDArray[np.float64]:
        """Mean cosines of all junctions of a testbench's settings, shape (rows, columns)."""
        rng = np.random.default_rng([int(settings["seed"]), 0])
        levels = np.linspace(-1, 1, int(settings["levels"]))
        return np.asarray(rng.choice(levels, (int(settings["rows"]), int(settings["columns"]))))

    @staticmethod
    def inputs(settings: Mapping[str, Any]) -> NDArray[np.bool_]:
        """Which inputs are on in each read, shape (reads, rows)."""
        rng = np.random.default_rng([int(settings["seed"]), 1])
        on = rng.random((int(settings["reads"]), int(settings["rows"]))) < 0.5
        on[0] = True
        return np.asarray(on)

    @staticmethod
    def read_currents(waveforms: Waveforms, bench: Testbench) -> NDArray[np.float64]:
        """Settled currents of the columns [A], shape (reads, columns)."""
        s, t = bench.settings, waveforms.axis
        starts = np.arange(int(s["reads"])) * s["t_read"]
        spans = [(start + SETTLED * s["t_read"], start + s["t_read"] - 2 * s["edge"]) for start in starts]
        columns = range(int(s["columns"]))
        return np.array([[average(t, waveforms[f"i(vs{k})"], *span) for k in columns] for span in spans])

    def _cells(self, bench: Testbench) -> NDArray[np.float64]:
        """Conductance of every junction at the read voltage [S], shape (rows, columns)."""
        card = getattr(bench.netlist.devices["mtj"], "card", None)
        if card is None:
            raise CircuitError("what stands in for the junctions has no card, so that their conductance is not known")
        card = card if card.model == "mtj_held" else held(card)
        point = {**card.values, "v_fl_rl": bench.settings["v_read"], "state": self.weights(bench.settings)}
        return np.asarray(card.definition.evaluate("i", point)) / float(bench.settings["v_read"])

    def ideal(self, bench: Testbench) -> NDArray[np.float64]:
        """Currents of the columns without wires and transistors [A], shape (reads, columns)."""
        return np.asarray(self.inputs(bench.settings) * bench.settings["v_read"] @ self._cells(bench))

    def predicted(self, bench: Testbench, r_access: float = 0.0) -> NDArray[np.float64]:
        """Currents of the columns [A] of cells that are linear, by exact elimination; shape (reads, columns).

        Rows whose input is off have no cells if there are transistors, of the resistance `r_access` [Ohm] when on.
        """
        s, g, on = bench.settings, self._cells(bench), self.inputs(bench.settings)
        g = g / (1 + g * r_access)
        wires = (s["r_wire"], s["r_driver"], s["r_sense"])
        if not s["transistors"]:
            return crossbar_currents(g, on * s["v_read"], *wires)
        return np.array([crossbar_currents(g * row[:, None], row * s["v_read"], *wires)[0] for row in on])

    def measures(self, waveforms: Waveforms, bench: Testbench) -> list[Measure]:
        """Gain, read errors, what they are of one weight step, and energy."""
        s, t = bench.settings, waveforms.axis
        read, ideal = self.read_currents(waveforms, bench), self.ideal(bench)
        gain = float(np.sum(read * ideal) / np.sum(ideal * ideal))
        rest = read - gain * ideal
        full_scale = gain * float(s["rows"] * s["v_read"] * self._cells(bench).max())
        step = gain * s["v_read"] * float(np.ptp(self._cells(bench))) / (s["levels"] - 1)
        worst, rms = float(np.abs(rest).max()), float(np.sqrt(np.mean(rest**2)))
        spent = sum(energy(t, s["v_read"], waveforms[f"i(vr{k})"]) for k in range(int(s["rows"])))
        return [
            Measure("gain", gain, "1", 0.5, 1.1, "read over ideal currents, one figure for all columns"),
            Measure("read_error", worst / full_scale, "1", 0, s["error"], "worst column over full scale, gain removed"),
            Measure("read_error_rms", rms / full_scale, "1", 0, s["error"], "the same, rms over columns and reads"),
            Measure(
                "error_in_steps",
                worst / step if step else np.nan,
                "1",
                0,
                description="worst over one step of a weight",
            ),
            Measure(
                "read_energy", spent / s["reads"], "J", 0, description="from the row drivers, per read of all columns"
            ),
        ]


def _motion(card: ParameterSet, volts: float, time: float) -> float:
    """Largest change of the mean cosine of any class of domains at a voltage of either sign [V] for a time [s]."""
    junction = PulsedJunction(card.values, volts, by_voltage=True)
    changes = [
        np.abs(junction.after([sign * volts], time, start)[-1] - junction.start(start)).max()
        for sign in (1, -1)
        for start in (-1.0, 1.0)
    ]
    return float(max(changes))


def _array(weights: NDArray[np.float64], s: Mapping[str, Any]) -> Iterator[str]:
    """Lines of cells and wires."""
    rows, columns = weights.shape
    for i in range(rows):
        gate = f"gate{i}" if s["transistors"] else "0"
        yield f"rd{i} in{i} r{i}_0 {s['r_driver'] + s['r_wire']!r}"
        for j in range(columns):
            if j:
                yield f"rr{i}_{j} r{i}_{j - 1} r{i}_{j} {s['r_wire']!r}"
            if i:
                yield f"rc{i}_{j} c{i - 1}_{j} c{i}_{j} {s['r_wire']!r}"
            yield f"xc{i}_{j} r{i}_{j} c{i}_{j} {gate} 0 crossbar_cell state={float(weights[i, j])!r}"
        if s["c_cell"]:
            yield f"cr{i} r{i}_{columns - 1} 0 {s['c_cell'] * columns!r}"
    for j in range(columns):
        yield f"rs{j} c{rows - 1}_{j} out{j} {s['r_sense'] + s['r_wire']!r}"
        if s["c_cell"]:
            yield f"cc{j} c0_{j} 0 {s['c_cell'] * rows!r}"
