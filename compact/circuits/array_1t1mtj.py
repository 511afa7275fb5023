"""Array of cells of one transistor and one junction, written and read a word at a time; of any size as a stream."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from compact.analysis import Tran
from compact.circuits.base import Circuit, Junction, Setting, Testbench, pulse
from compact.circuits.cell_1t1mtj import SWITCHED, Cell1T1Mtj, sized
from compact.errors import CircuitError
from compact.files import staged
from compact.measure import Measure, average, energy, first_crossing, value_at
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.simulators.ngspice import deck
from compact.technology import Technology
from compact.variants import Variants

if TYPE_CHECKING:
    from compact.waveform import Waveforms

__all__ = ["Array1T1Mtj", "checkerboard"]

LARGEST = 128 * 128
"""Most cells that are built as a circuit; larger arrays are only streamed."""
_CELL_SETTINGS = ("overdrive", "io", "v_sl", "v_bl", "v_wl", "w_access", "t_write")


def checkerboard(rows: int, columns: int) -> np.ndarray:
    """States +1 and -1 in turn, shape (rows, columns), +1 first."""
    return 1 - 2 * (np.add.outer(np.arange(rows), np.arange(columns)) % 2)


class Array1T1Mtj(Circuit):
    """One word is read, every bit of it is inverted, and it is read again; the other words must keep theirs."""

    name = "array_1t1mtj"
    title = "array of 1T-1MTJ cells, one word read, inverted and read"
    template = "array_1t1mtj.cir.j2"
    ports = MappingProxyType({"array_cell": ("bl", "wl", "sl", "vss")})
    settings = (
        Setting("rows", 4, "1", "words", 1, 1 << 16),
        Setting("columns", 4, "1", "bits per word", 1, 1 << 16),
        Setting("row", None, "1", "word that is written, from 0 (derived: the middle one)", 0, 1 << 16),
        *(setting for setting in Cell1T1Mtj.settings if setting.name in _CELL_SETTINGS),
        Setting("v_read", 0.1, "V", "bit lines during a read", 1e-3, 2),
        Setting("t_read", 2e-9, "s", "read pulse", 1e-10, 1e-3),
        Setting("t_gap", 0.5e-9, "s", "pause between operations", 1e-10, 1e-3),
        Setting("edge", 50e-12, "s", "rise and fall time of control signals", 1e-12, 1e-9),
        Setting("c_cell", 0.1e-15, "F", "capacitance that a cell adds to its bit line and to its source line", 0, 1e-9),
        Setting("r_driver", 50.0, "Ohm", "resistance of the drivers of bit lines and source lines", 1e-3, 1e6),
    )

    def _bench(
        self, card: ParameterSet, technology: Technology, values: Mapping[str, float | None], netlist: Netlist
    ) -> Testbench:
        s = self._frame(card, technology, values, netlist)
        rows, columns = int(s["rows"]), int(s["columns"])
        if rows * columns > LARGEST:
            raise CircuitError(f"an array of {rows} x {columns} cells is too large to be built; stream it")
        netlist.add_text("\n".join(_cells(checkerboard(rows, columns))))
        return self._testbench(netlist, s)

    def _frame(
        self, card: ParameterSet, technology: Technology, values: Mapping[str, float | None], netlist: Netlist
    ) -> dict[str, float]:
        """Everything but the cells; all settings."""
        cell = {s.name: s.default for s in Cell1T1Mtj.settings} | {name: values[name] for name in _CELL_SETTINGS}
        sizes = sized(Junction(card), technology, cell)
        s = {name: value for name, value in values.items() if value is not None}
        s |= {name: sizes[name] for name in _CELL_SETTINGS}
        for name in ("rows", "columns", "row"):
            if name in s and s[name] != int(s[name]):
                raise CircuitError(f"setting '{name}' = {s[name]:g} must be a whole number")
        s.setdefault("row", s["rows"] // 2)
        if s["row"] >= s["rows"]:
            raise CircuitError(f"setting 'row' = {s['row']:g} is not one of the {s['rows']:g} rows, from 0")
        netlist.add_text(self.render(technology, {"w_access": s["w_access"]}, "_io" if s["io"] else ""))
        self._sources(netlist, s)
        return s

    @staticmethod
    def _times(s: Mapping[str, float]) -> dict[str, float]:
        read, write = s["t_gap"], 2 * s["t_gap"] + s["t_read"]
        again = write + s["t_write"] + s["t_gap"]
        return {"read": read, "write": write, "read_again": again, "stop": again + s["t_read"] + s["t_gap"]}

    def _sources(self, netlist: Netlist, s: Mapping[str, float]) -> None:
        """Word lines and the drivers of the columns; odd cells of a row hold the opposite of even ones."""
        at, circuit, edge = self._times(s), netlist.circuit, s["edge"]
        for row in range(int(s["rows"])):
            if row == s["row"]:
                pulse(netlist, f"wl{row}", f"wl{row}", s["v_wl"], s["t_gap"] / 2, at["stop"] - s["t_gap"], edge)
            else:
                circuit.V(f"wl{row}", f"wl{row}", circuit.gnd, 0.0)
        period = at["read_again"] - at["read"]
        for column in range(int(s["columns"])):
            line, level = ("sl", "v_sl") if (s["row"] + column) % 2 == 0 else ("bl", "v_bl")
            pulse(netlist, f"w{column}", f"w{column}", s[level], at["write"], s["t_write"], edge)
            nodes = {"bl": circuit.gnd, "sl": circuit.gnd, line: f"w{column}"}
            circuit.PulseVoltageSource(
                f"r{column}",
                f"r{column}",
                nodes["bl"],
                initial_value=0.0,
                pulsed_value=s["v_read"],
                delay_time=at["read"] - edge / 2,
                rise_time=edge,
                fall_time=edge,
                pulse_width=s["t_read"] - edge,
                period=period,
            )
            circuit.R(f"bl{column}", f"r{column}", f"bl{column}", s["r_driver"])
            circuit.R(f"sl{column}", nodes["sl"], f"sl{column}", s["r_driver"])
            if s["c_cell"]:
                circuit.C(f"bl{column}", f"bl{column}", circuit.gnd, s["c_cell"] * s["rows"])
                circuit.C(f"sl{column}", f"sl{column}", circuit.gnd, s["c_cell"] * s["rows"])

    def _testbench(self, netlist: Netlist, s: dict[str, float]) -> Testbench:
        at, row, columns = self._times(s), int(s["row"]), int(s["columns"])
        word = tuple(f"{_cell(row, column)}.xmtj.z" for column in range(columns))
        first = tuple(f"{_cell(k, 0)}.xmtj.z" for k in range(int(s["rows"])) if k != row)
        currents = tuple(f"i(v{kind}{column})" for kind in "wr" for column in range(columns))
        step = min(s["t_write"] / 50, s["t_read"] / 20)
        return Testbench(
            self.name, netlist, Tran(at["stop"], step), (f"wl{row}", *word, *first, *currents), s, dict(at)
        )

    def measures(self, waveforms: Waveforms, bench: Testbench) -> list[Measure]:
        """Latency and energy of the write, bits written and kept, read currents before and after."""
        s, at, t = bench.settings, bench.times, waveforms.axis
        row, columns = int(s["row"]), int(s["columns"])
        end = at["write"] + s["t_write"] + s["t_gap"] / 2
        start_states = checkerboard(int(s["rows"]), columns)[row]
        latencies, written, spent = [], 0, 0.0
        reads: dict[str, list[float]] = {"read": [], "read_again": []}
        for column, state in enumerate(start_states):
            z = waveforms[f"{_cell(row, column)}.xmtj.z"]
            edge = "fall" if state > 0 else "rise"
            latencies.append(first_crossing(t, z, -state * SWITCHED, edge, after=at["write"]) - at["write"])
            written += value_at(t, z, end) * -state >= SWITCHED
            level = s["v_sl"] if state > 0 else s["v_bl"]
            spent += energy(t, level, waveforms[f"i(vw{column})"], at["write"] - s["edge"], end)
            for name, values in reads.items():
                window = (at[name] + s["t_read"] / 2, at[name] + 0.9 * s["t_read"])
                values.append(-average(t, waveforms[f"i(vr{column})"], *window))
        ones = np.array([*reads["read"], *reads["read_again"]])
        parallel = np.array([*(start_states > 0), *(start_states < 0)])
        kept = [waveforms[f"{_cell(k, 0)}.xmtj.z"] for k in range(int(s["rows"])) if k != row]
        moved = max((float(abs(z - z[0]).max()) for z in kept), default=0.0)
        return [
            Measure("written", written / columns, "1", 1, 1, "share of the word's bits that were inverted"),
            Measure("write_latency", max(latencies), "s", 0, s["t_write"], f"slowest bit, until |z| = {SWITCHED}"),
            Measure("write_energy", spent / columns, "J", 0, description="from the write supplies, per bit"),
            Measure("read_p_lowest", ones[parallel].min(), "A", 0, description="lowest current of a parallel bit"),
            Measure("read_ap_highest", ones[~parallel].max(), "A", 0, ones[parallel].min(), "highest of the others"),
            Measure("disturb", moved, "1", 0, 0.05, "largest change of z in the other cells of the first column"),
        ]

    def lines(
        self,
        card: ParameterSet,
        technology: Technology | str,
        states: ArrayLike | None = None,
        *,
        temperature: float = 27.0,
        device: Any = None,
        **settings: float,
    ) -> Iterator[str]:
        """The array as text for plain ``ngspice -b``, piece by piece, of any size in little memory.

        Parameters
        ----------
        card : ParameterSet
            The junction.
        technology : Technology or str
            The transistors.
        states : array_like, shape (rows, columns), optional
            Initial states, +1 parallel, -1 antiparallel; a checkerboard if left out. The word that is
            written gets the inverse of a checkerboard in any case.
        temperature : float
            Temperature [degC].
        device : optional
            An emitted device in place of the card's full model, such as a `compact.switch.SwitchDevice`.
        **settings
            As for `build`.

        Yields
        ------
        str
            Text that ends with a line feed.

        Raises
        ------
        CircuitError
            As `build`, or if `states` has another shape or other values.
        """
        technology, values, netlist = self._start(card, technology, "tt", False, device, settings)
        s = self._frame(card, technology, values, netlist)
        shape = (int(s["rows"]), int(s["columns"]))
        given = checkerboard(*shape) if states is None else np.asarray(states)
        if given.shape != shape or not np.isin(given, (-1, 1)).all():
            raise CircuitError(f"states must be an array of {shape[0]} x {shape[1]} values +1 or -1")
        bench = self._testbench(netlist, s)
        states = netlist.devices["mtj"].states
        save = [name for name in bench.save if not name.endswith(".z") or "z" in states]
        called = [("array_cell", {"state": state}) for state in (1.0, -1.0)]
        text = deck(netlist, bench.analysis, save=save, temperature=temperature, inline=True, called=called)
        rewrite = Variants(netlist.lines(), netlist.devices)
        head, end, _ = text.rpartition(".end\n")
        yield head
        cells = _cells(given)
        while block := list(itertools.islice(cells, 4096)):
            yield "\n".join([*(str(rewrite.line(line)) for line in block), ""])
        yield end

    def write(self, path: str | Path, *args: Any, **kwargs: Any) -> Path:
        """Write `lines` to a file, which is there whole or not at all.

        Parameters
        ----------
        path : str or Path
            File to write.
        *args, **kwargs
            As for `lines`.

        Returns
        -------
        pathlib.Path
        """
        with staged(path) as part, part.open("w", encoding="utf-8", buffering=1 << 20) as stream:
            stream.writelines(self.lines(*args, **kwargs))
        return Path(path)


def _cell(row: int, column: int) -> str:
    return f"xc{row}_{column}"


def _cells(states: np.ndarray) -> Iterator[str]:
    for row, word in enumerate(states):
        for column, state in enumerate(word.tolist()):
            yield f"{_cell(row, column)} bl{column} wl{row} sl{column} 0 array_cell state={int(state)}"
