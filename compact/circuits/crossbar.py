"""Crossbar of memristors: all columns read at once, each current a sum of inputs times weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compact.analysis import Tran
from compact.circuits.base import Circuit, Setting, Testbench
from compact.circuits.stimulus import levels, windows
from compact.emit import EmittedDevice, device
from compact.errors import CircuitError
from compact.holding import motion, resting
from compact.measure import Measure, average, energy
from compact.models.mtj_held import held, mean_cosine
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.physics.wires import Law, cell_voltages, divider, series
from compact.technology import Technology

if TYPE_CHECKING:
    from compact.waveform import Waveforms

__all__ = ["Crossbar", "CrossbarBench"]

FloatArray = NDArray[np.float64]
NONE, TRANSISTOR, TERMINALS = 0, 1, 2
"""Kinds of selectors."""
LARGEST = 128 * 128
"""Most cells that are built."""
ACROSS = 0.1
"""Voltage across a parallel junction that is read [V]."""
ACCESS_SHARE = 0.05
"""Resistance of an access transistor that is on, and of the limit of a selector, over that of a parallel junction."""
STILL = 0.01
"""Largest motion of a junction's state at which it counts as held."""
SHOWN = 6
"""Most rows and columns in a plot."""
SETTLED = 0.6
"""Part of a read after which currents are averaged."""


@dataclass(frozen=True)
class CrossbarBench(Testbench):
    """A crossbar with its weights as they are.

    Parameters
    ----------
    cosines : ndarray, shape (rows, columns)
        Mean cosine between the layers of each junction.
    """

    cosines: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))


class Crossbar(Circuit):
    """Random weights are read with all inputs on, then with random inputs; every column is sensed.

    A junction stands alone in its cell, behind a transistor whose gate goes with the input of its row, or behind a
    selector of two terminals. Inputs that are off are grounded like the columns: where all columns are read at once,
    that leaves their cells without a voltage, while half of the read voltage, at which a crossbar idles that is written
    cell by cell, would add the leakage of half-selected cells to every column. What these cells leak is measured by
    itself, in a last read with all inputs at half of the read voltage and all transistors off.

    The ideal current of a column is the sum over its cells at the read voltage, without wires and transistors, but with
    selectors of two terminals, which belong to the weight. One gain for all columns is taken out before the read error
    is told: what is left depends on place and data, and no reference removes it.
    """

    name = "crossbar"
    title = "crossbar of memristors with selectors"
    template = "crossbar.cir.j2"
    citation = (
        "wires and selectors of crossbars: A. Chen, IEEE Trans. Electron Devices 60 (2013) 1318; access devices: "
        "G. W. Burr et al., J. Vac. Sci. Technol. B 32 (2014) 040802"
    )
    junction = "multidomain"
    junctions = ("multidomain", "domain_wall")
    example = "design_multidomain_synapse"
    ports = MappingProxyType({"crossbar_cell": ("row", "col", "gate", "vss")})
    settings = (
        Setting("rows", 8, "1", "inputs", 1, 1024),
        Setting("columns", 8, "1", "outputs", 1, 1024),
        Setting("levels", 4, "1", "weights from antiparallel to parallel, evenly spaced", 2, 1024),
        Setting("seed", 1, "1", "seed of weights and inputs", 0, 1e9),
        Setting("reads", 2, "1", "reads: the first with all inputs on, the others with random ones", 1, 1000),
        Setting("selector", 1, "1", "of each cell: 0 none, 1 an access transistor, 2 a device of two terminals", 0, 2),
        Setting("full", 0, "1", "1: junctions with all their states, 0: held, which reads do not move", 0, 1),
        Setting("v_read", None, "V", "input that is on (derived: 0.1 V, and v_selector where there is one)", 1e-3, 5),
        Setting("v_off", 0.0, "V", "input that is off", -5, 5),
        Setting("v_selector", 0.5, "V", "selector of two terminals at the current of a parallel junction at 0.1 V",
                1e-2, 5),
        Setting("selectivity", 1e3, "1", "of such a selector: that current over the one at half of v_selector", 2.01,
                1e12),
        Setting("r_wire", 0.2, "Ohm", "wire from one cell to the next", 1e-6, 1e6),
        Setting("r_driver", 10.0, "Ohm", "driver of a row", 1e-6, 1e6),
        Setting("r_sense", 1.0, "Ohm", "input of a sense amplifier", 1e-6, 1e6),
        Setting("c_cell", 0.1e-15, "F", "capacitance that a cell adds to its row and to its column", 0, 1e-9),
        Setting("v_gate", None, "V", "gates that are on (derived: supply of the core transistors)", 0.1, 20),
        Setting("w_access", None, "m", "access transistor (derived: 5 % of the junction's resistance)", 1e-8, 1e-3),
        Setting("t_read", 10e-9, "s", "one read", 1e-10, 1.0),
        Setting("edge", 0.1e-9, "s", "rise and fall time", 1e-12, 1e-3),
        Setting("error", 0.05, "1", "largest read error that passes, over full scale", 1e-6, 1),
    )  # fmt: skip

    def _bench(
        self, card: ParameterSet, technology: Technology, values: Mapping[str, Any], netlist: Netlist
    ) -> Testbench:
        s = {name: value for name, value in values.items() if value is not None}
        for name in ("rows", "columns", "levels", "seed", "reads", "selector", "full"):
            if s[name] != int(s[name]):
                raise CircuitError(f"setting '{name}' = {s[name]:g} must be a whole number")
        rows, columns, kind = int(s["rows"]), int(s["columns"]), int(s["selector"])
        if rows * columns > LARGEST:
            raise CircuitError(
                f"a crossbar of {rows} x {columns} cells is too large: at most {LARGEST} cells are built"
            )
        if s["t_read"] < 10 * s["edge"]:
            raise CircuitError(f"setting 't_read' = {s['t_read']:g} s must be at least 10 edges of {s['edge']:g} s")
        nmos = technology.device("nmos")
        s = {"v_gate": nmos.vdd, "v_read": ACROSS + (s["v_selector"] if kind == TERMINALS else 0.0)} | s
        small = 1e-3
        density = nmos.current(s["v_gate"], small) / small
        if kind == TRANSISTOR and not density > 0:
            raise CircuitError(f"setting 'v_gate' = {s['v_gate']:g} V does not turn the transistors on")
        if "w_access" not in s:
            wanted = 1 / (ACCESS_SHARE * _parallel(card) * density) if density > 0 else 0.0
            s["w_access"] = max(wanted, nmos.min_width)
        if kind == TERMINALS:
            netlist.use(self._selector(card, s), "selector")
        states, cosines = self._place(card, netlist, s)
        netlist.add_text(self.render(technology, {"w_access": s["w_access"], "selector": kind}))
        netlist.add_text("\n".join(_array(states, s)))
        reads = self.inputs(s)
        circuit = netlist.circuit
        last = s["reads"] * s["t_read"]
        for row, volts in enumerate(self.drives(s).T):
            # What is read twice in a row stays on: the inputs change at the borders only.
            steps = [(0.0, s["v_off"])] + [(k * s["t_read"] + 2 * s["edge"], v) for k, v in enumerate(volts)]
            levels(netlist, f"r{row}", f"in{row}", steps, s["edge"])
            if kind == TRANSISTOR:
                on = np.flatnonzero(reads[:, row])
                spans = [(k * s["t_read"] + 2 * s["edge"], (k + 1) * s["t_read"]) for k in on]
                windows(netlist, f"g{row}", f"gate{row}", s["v_gate"], spans, s["edge"])
        for column in range(columns):
            circuit.V(f"s{column}", f"out{column}", circuit.gnd, 0.0)
        save = [f"i(vs{k})" for k in range(columns)] + [x for k in range(rows) for x in (f"i(vr{k})", f"in{k}")]
        times = {"read": 0.0, "half": last, "stop": last + s["t_read"]}
        netlist.options["reltol"] = 1e-4
        # Its own, 10 fC, is more than the cells hold at little reads, whose ends it then misses.
        netlist.options["ngspice:chgtol"] = 1e-14 * min(1.0, s["v_read"] / ACROSS) ** 2
        tran = Tran(times["stop"], s["t_read"] / 10)
        return CrossbarBench(self.name, netlist, tran, tuple(save), s, times, cosines)

    @staticmethod
    def _selector(card: ParameterSet, s: Mapping[str, Any]) -> ParameterSet:
        """Selector that carries the current of a parallel junction."""
        junction = held(card)
        on = float(junction.definition.evaluate("i", {**junction.values, "v_fl_rl": ACROSS, "state": 1.0}))
        figures = {"v_on": s["v_selector"], "i_on": on, "selectivity": s["selectivity"]}
        return ParameterSet("selector", "selector", figures | {"r_s": ACCESS_SHARE * _parallel(card)})

    def _place(self, card: ParameterSet, netlist: Netlist, s: Mapping[str, Any]) -> tuple[FloatArray, FloatArray]:
        """What instances are given as `state`, and mean cosines; junctions are held from here on, if that is true."""
        weights, used = self.weights(s), netlist.devices["mtj"]
        if not isinstance(used, EmittedDevice):
            return weights, weights
        known = np.linspace(-1, 1, int(s["levels"]))
        which = np.searchsorted(known, weights)
        rest = resting(card, known)  # a wall that is put between two wells goes into the nearer one
        cosines = mean_cosine(card, rest)
        if s["full"]:
            return rest[which], cosines[which]
        junction, other = self._elements(netlist, held(used.card), cosines, s)
        for volts in {s["v_read"], s["v_off"]} - {0.0}:
            every = np.full(known.shape, volts)
            across = divider(junction, other, every) if other else every
            moved = motion(used.card, across, (s["reads"] + 1) * s["t_read"], rest)
            if moved > STILL:
                raise CircuitError(
                    f"inputs of {volts:g} V (v_read, v_off) move the state of card '{card.name}' by {moved:.2g}; it is "
                    f"held only up to {STILL:g}: read at less, or set full=1"
                )
        netlist.drop("mtj")
        netlist.use(device(held(used.card), subckt="mtj"))
        return cosines[which], cosines[which]

    @staticmethod
    def weights(settings: Mapping[str, Any]) -> FloatArray:
        """Weights that are written, from -1 antiparallel to 1 parallel, shape (rows, columns)."""
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

    def drives(self, settings: Mapping[str, Any]) -> FloatArray:
        """Voltages of the inputs [V] in each read, and in the one of half-selected cells; shape (reads + 1, rows)."""
        on = self.inputs(settings)
        half = np.full((1, on.shape[1]), settings["v_read"] / 2)
        return np.concatenate((np.where(on, settings["v_read"], settings["v_off"]), half))

    @staticmethod
    def _spans(bench: Testbench) -> list[tuple[float, float]]:
        """When currents have settled, in each read and in that of half-selected cells."""
        s = bench.settings
        starts = np.arange(int(s["reads"]) + 1) * s["t_read"]
        return [(start + SETTLED * s["t_read"], start + s["t_read"] - 2 * s["edge"]) for start in starts]

    def _settled(self, waveforms: Waveforms, bench: Testbench, names: list[str]) -> FloatArray:
        t = waveforms.axis
        return np.array([[average(t, waveforms[name], *span) for name in names] for span in self._spans(bench)])

    def read_currents(self, waveforms: Waveforms, bench: Testbench) -> FloatArray:
        """Settled currents of the columns [A], shape (reads + 1, columns), the last of half-selected cells."""
        return self._settled(waveforms, bench, [f"i(vs{k})" for k in range(int(bench.settings["columns"]))])

    def input_currents(self, waveforms: Waveforms, bench: Testbench) -> FloatArray:
        """Settled currents out of the inputs [A], shape (reads + 1, rows)."""
        return -self._settled(waveforms, bench, [f"i(vr{k})" for k in range(int(bench.settings["rows"]))])

    @staticmethod
    def _elements(
        netlist: Netlist, junction: ParameterSet, cosines: Any, s: Mapping[str, Any], r_access: float = 0.0
    ) -> tuple[Law, Law | None]:
        """Laws of the junctions and of what is in series with each, if anything."""

        def through(volts: FloatArray) -> FloatArray:
            known = {**junction.values, "v_fl_rl": volts, "state": cosines}
            return np.asarray(junction.definition.evaluate("i", known))

        def behind(volts: FloatArray, card: ParameterSet) -> FloatArray:
            return np.asarray(card.definition.evaluate("i", {**card.values, "v_top_bottom": volts}))

        if s["selector"] == TERMINALS:
            return through, partial(behind, card=netlist.devices["selector"].card)  # type: ignore[attr-defined]
        return through, partial(np.multiply, 1 / r_access) if r_access else None

    def _cells(self, bench: Testbench, r_access: float = 0.0) -> Law:
        """Law of all cells; `r_access` [Ohm] stands for an access transistor that is on."""
        card = getattr(bench.netlist.devices["mtj"], "card", None)
        if card is None or not isinstance(bench, CrossbarBench):
            raise CircuitError("what stands in for the junctions has no card, so that their conductance is not known")
        card = card if card.model == "mtj_held" else held(card)
        junction, other = self._elements(bench.netlist, card, bench.cosines, bench.settings, r_access)
        return series(junction, other) if other else junction

    def _on(self, bench: Testbench) -> FloatArray:
        """Currents of all cells at the read voltage, without wires and transistors [A], shape (rows, columns)."""
        shape = (int(bench.settings["rows"]), int(bench.settings["columns"]))
        return self._cells(bench)(np.full(shape, float(bench.settings["v_read"])))

    def ideal(self, bench: Testbench) -> FloatArray:
        """Currents of the columns without wires and transistors [A], shape (reads, columns)."""
        return np.asarray(self.inputs(bench.settings) @ self._on(bench))

    def predicted(self, bench: Testbench, r_access: float = 0.0) -> FloatArray:
        """Currents of the columns [A] by Newton's method on the nodes of the wires, shape (reads + 1, columns).

        Rows whose input is off have no cells if there are transistors, of the resistance `r_access` [Ohm] when on.
        """
        s = bench.settings
        shape, law = (int(s["rows"]), int(s["columns"])), self._cells(bench, r_access)
        gates = np.ones((int(s["reads"]) + 1, shape[0]))
        if s["selector"] == TRANSISTOR:
            gates = np.concatenate((self.inputs(s), np.zeros((1, shape[0]))))
        found = []
        for volts, gate in zip(self.drives(s), gates, strict=True):

            def gated(v: FloatArray, gate: FloatArray = gate) -> FloatArray:
                return gate[:, None] * law(v)

            across = cell_voltages(gated, volts, shape, s["r_wire"], s["r_driver"], s["r_sense"])[0]
            found.append(gated(across).sum(axis=0))
        return np.array(found)

    def layout(self, bench: Testbench) -> dict[str, tuple[tuple[str, ...], ...]]:
        """Inputs, currents of the columns, currents of the row drivers; the first few of each."""
        counts = {"in{}": "rows", "i(vs{})": "columns", "i(vr{})": "rows"}
        shown = [(name, range(min(int(bench.settings[count]), SHOWN))) for name, count in counts.items()]
        return {"": tuple(tuple(name.format(k) for k in which) for name, which in shown)}

    def errors(self, currents: FloatArray, bench: Testbench) -> tuple[float, FloatArray]:
        """Gain of all columns, and what is left of each current beside it, over full scale; shape (reads, columns).

        Parameters
        ----------
        currents : ndarray, shape (reads + 1, columns)
            Measured or predicted currents of the columns [A]; the last row, of half-selected cells, is left out.
        bench : Testbench
            The testbench.
        """
        read, ideal = currents[:-1], self.ideal(bench)
        gain = float(np.sum(read * ideal) / np.sum(ideal * ideal))
        full_scale = gain * float(bench.settings["rows"] * self._on(bench).max())
        return gain, (read - gain * ideal) / full_scale

    def measures(self, waveforms: Waveforms, bench: Testbench) -> list[Measure]:
        """Gain, read errors, what they are of one weight step, leakage and energy."""
        s, t, cells = bench.settings, waveforms.axis, self._on(bench)
        currents, off = self.read_currents(waveforms, bench), ~self.inputs(s)
        read, half = currents[:-1], currents[-1]
        gain, errors = self.errors(currents, bench)
        worst, rms = float(np.abs(errors).max()), float(np.sqrt(np.mean(errors**2)))
        step = float(np.ptp(cells)) / (s["levels"] - 1) / float(s["rows"] * cells.max())
        back = np.abs(self.input_currents(waveforms, bench)[:-1] * off).sum(axis=1) / np.abs(read).sum(axis=1)
        names = [(f"in{k}", f"i(vr{k})") for k in range(int(s["rows"]))]
        spent = sum(energy(t, waveforms[v], waveforms[i], 0.0, bench.times["half"]) for v, i in names)
        return [
            Measure("gain", gain, "1", 0.5, 1.1, "read over ideal currents, one figure for all columns"),
            Measure("read_error", worst, "1", 0, s["error"], "worst column over full scale, gain removed"),
            Measure("read_error_rms", rms, "1", 0, s["error"], "the same, rms over columns and reads"),
            Measure(
                "error_in_steps",
                worst / step if step else np.nan,
                "1",
                0,
                description="worst over one step of a weight",
            ),
            Measure(
                "half_select",
                float(np.abs(half).max() / np.abs(read[0]).max()),
                "1",
                0,
                description="column at half of the read voltage, transistors off, over the first read",
            ),
            Measure(
                "sneak", float(back.max()), "1", 0, description="current of inputs that are off over that of columns"
            ),
            Measure(
                "read_energy", spent / s["reads"], "J", 0, description="from the row drivers, per read of all columns"
            ),
        ]


def _parallel(card: ParameterSet) -> float:
    """Resistance of a parallel junction of its own size at zero bias [Ohm]."""
    junction, small = held(card), 1e-6
    return small / float(junction.definition.evaluate("i", {**junction.values, "v_fl_rl": small, "state": 1.0}))


def _array(states: FloatArray, s: Mapping[str, Any]) -> Iterator[str]:
    """Lines of cells and wires."""
    rows, columns = states.shape
    for i in range(rows):
        gate = f"gate{i}" if s["selector"] == TRANSISTOR else "0"
        yield f"rd{i} in{i} r{i}_0 {s['r_driver'] + s['r_wire']!r}"
        for j in range(columns):
            if j:
                yield f"rr{i}_{j} r{i}_{j - 1} r{i}_{j} {s['r_wire']!r}"
            if i:
                yield f"rc{i}_{j} c{i - 1}_{j} c{i}_{j} {s['r_wire']!r}"
            yield f"xc{i}_{j} r{i}_{j} c{i}_{j} {gate} 0 crossbar_cell state={float(states[i, j])!r}"
        if s["c_cell"]:
            yield f"cr{i} r{i}_{columns - 1} 0 {s['c_cell'] * columns!r}"
    for j in range(columns):
        yield f"rs{j} c{rows - 1}_{j} out{j} {s['r_sense'] + s['r_wire']!r}"
        if s["c_cell"]:
            yield f"cc{j} c0_{j} 0 {s['c_cell'] * rows!r}"
