"""Memory of n words of m bits: cells, row decoder, write drivers, reference cells and sense amplifiers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import chain, pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compact.analysis import Tran
from compact.circuits.area import area_measures
from compact.circuits.base import Circuit, Junction, Setting, Testbench
from compact.circuits.cell_1t1mtj import SWITCHED, Cell1T1Mtj, sized
from compact.circuits.sense import NODE_CAPACITANCE
from compact.circuits.stimulus import levels, windows
from compact.circuits.strongarm import load
from compact.errors import CircuitError
from compact.measure import Measure, energy, first_crossing, value_at
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.technology import Technology

if TYPE_CHECKING:
    from compact.waveform import Waveforms

__all__ = ["Mram", "decoder"]

LARGEST = 64 * 64
"""Most cells that are built."""
_CELL = {s.name: s for s in Cell1T1Mtj.settings}
_FROM_CELL = ("overdrive", "io", "v_sl", "v_bl", "w_access", "w_up_sl", "w_up_bl", "w_down", "t_write", "edge")
SETTLING = 6
"""Time constants of the slower line from the read current to the comparison."""
READ_GAIN = 0.6
"""Part of the supply that a decided comparator's outputs differ by at least."""


def decoder(rows: int) -> str:
    """Row decoder as a subcircuit ``row_decoder``: a tree of two-input gates that shares what rows have in common.

    Parameters
    ----------
    rows : int
        Word lines, 2 or more.

    Returns
    -------
    str
        Subcircuit with the ports a0 ... (least first), en, wl0 ..., vdd, vss; at most the word line of the address
        is high, while en is.
    """
    bits = max((rows - 1).bit_length(), 1)
    lines = [f"xnot{k} a{k} an{k} vdd vss mram_inv" for k in range(bits)]
    groups: list[list[str]] = [[f"an{k}", f"a{k}"] for k in range(bits)]
    while len(groups) > 1:
        merged = []
        for low, high in zip(groups[::2], groups[1::2], strict=False):
            names = []
            for j, i in np.ndindex(len(high), len(low)):
                name = f"g{len(lines)}"
                lines.append(f"x{name} {low[i]} {high[j]} {name} vdd vss mram_and")
                names.append(name)
            merged.append(names)
        groups = merged + ([groups[-1]] if len(groups) % 2 else [])
    lines += [f"xword{row} {groups[0][row]} en wl{row} vdd vss mram_word" for row in range(rows)]
    ports = [*(f"a{k}" for k in range(bits)), "en", *(f"wl{row}" for row in range(rows)), "vdd", "vss"]
    return "\n".join([f".subckt row_decoder {' '.join(ports)}", *lines, ".ends row_decoder"])


class Mram(Circuit):
    """A random pattern is written over another one, word by word, and then all words are read back."""

    name = "mram"
    title = "magnetic memory: array, decoder, write drivers, reference cells, sense amplifiers"
    template = "mram.cir.j2"
    ports = MappingProxyType(
        {
            "mram_column": ("bl", "sl", "d", "wen", "gate", "ref", "q", "qb", "strobe", "rest", "vbl", "vdd", "vss"),
            "mram_reference": ("ref", "sl", "gate", "rest", "vdd", "vss"),
            "cell_1t1mtj": ("bl", "wl", "sl", "vss"),
            "comparator": ("in", "ref", "q", "qb", "strobe", "vdd", "vss"),
        }
    )
    settings = (
        Setting("rows", 4, "1", "words", 2, 4096),
        Setting("columns", 4, "1", "bits per word", 1, 4096),
        Setting("seed", 1, "1", "seed of both random patterns", 0, 1e9),
        *(_CELL[name] for name in _FROM_CELL),
        Setting("v_read", 0.15, "V", "voltage across a junction of mean resistance while it is read", 1e-3, 2),
        Setting("v_load", None, "V", "source-gate voltage of the read-current sources (derived: gives v_read)", 0, 20),
        Setting("w_load", None, "m", "pMOS that give the read currents (derived: 0.25 V overdrive)", 1e-8, 1e-3),
        Setting("w_n", None, "m", "nMOS of gates and comparators (derived: three times the narrowest)", 1e-8, 1e-3),
        Setting("w_p", None, "m", "pMOS of gates and comparators (derived: twice w_n)", 1e-8, 1e-3),
        Setting("c_ref", None, "F", "added to the reference line (derived: what a bit line has, per column)", 0, 1e-6),
        Setting("t_settle", None, "s", "read current until the comparison (derived: 6 time constants)", 1e-11, 1e-3),
        Setting("t_compare", 1e-9, "s", "comparison", 1e-10, 1e-3),
        Setting("t_gap", 0.5e-9, "s", "from address to operation and back", 1e-10, 1e-3),
        Setting("c_cell", 0.1e-15, "F", "capacitance that a cell adds to its bit line and to its source line", 0, 1e-9),
    )

    def _bench(
        self, card: ParameterSet, technology: Technology, values: Mapping[str, Any], netlist: Netlist
    ) -> Testbench:
        s = self._sized(card, technology, values)
        rows, columns = int(s["rows"]), int(s["columns"])
        suffix = "_io" if s["io"] else ""
        self._subcircuits(technology, netlist, s, suffix)
        before, after = self.patterns(s)
        times = self._sources(netlist, s, after)
        circuit = netlist.circuit
        gnd = circuit.gnd
        words = [f"wl{row}" for row in range(rows)]
        address = [f"a{k}" for k in range(_bits(rows))]
        circuit.X("decoder", "row_decoder", *address, "en", *words, "vsl", gnd)
        circuit.X("bias", "mram_bias", "gate", "sen", "bias", "vsl", gnd)
        circuit.X("ref", "mram_reference", "ref", "slr", "gate", "rest", "vsl", gnd)
        for column in range(columns):
            outputs = (f"q{column}", f"qb{column}")
            ends = (f"bl{column}", f"sl{column}", f"d{column}", "wen", "gate", "ref", *outputs, "strobe", "rest", "vbl")
            circuit.X(f"column{column}", "mram_column", *ends, "vsl", gnd)
        lines = [f"{line}{column}" for line in ("bl", "sl") for column in range(columns)]
        for line, count in chain(((line, 1) for line in lines), (("ref", 2), ("slr", 2))):
            if s["c_cell"]:
                circuit.C(line, line, gnd, s["c_cell"] * rows * count)
        if s["c_ref"]:
            circuit.C("hold", "ref", gnd, s["c_ref"])
        netlist.add_text("\n".join(_cells(before)))
        states: tuple[str, ...] = ()
        if "z" in netlist.devices["mtj"].states:
            states = (
                *(f"{_cell(r, c)}.xmtj.z" for r in range(rows) for c in range(columns)),
                *(f"xr{r}_{kind}.xmtj.z" for r in range(rows) for kind in ("p", "ap")),
            )
        signals = tuple(f"{name}{c}" for c in range(columns) for name in ("q", "qb", "bl"))
        save = ("en", "wen", "sen", "strobe", "wl0", "ref", "i(vsl)", "i(vbl)", *signals, *states)
        # Latencies are within 0.2 %, energies within 0.6 % of those at 1e-4 and a sixth of the step.
        netlist.options |= {"reltol": 1e-3, "ngspice:xmu": 0.47, "vacask:tran_xmu": 0.47}
        return Testbench(self.name, netlist, Tran(times["stop"], s["t_write"] / 75), save, s, times)

    def _sized(self, card: ParameterSet, technology: Technology, values: Mapping[str, Any]) -> dict[str, float]:
        given = {name: value for name, value in values.items() if value is not None}
        for name in ("rows", "columns", "seed"):
            if given[name] != int(given[name]):
                raise CircuitError(f"setting '{name}' = {given[name]:g} must be a whole number")
        if given["rows"] * given["columns"] > LARGEST:
            raise CircuitError(
                f"a memory of {given['rows']:g} x {given['columns']:g} cells is too large to be built (most: {LARGEST})"
            )
        junction = Junction(card)
        cell = {name: setting.default for name, setting in _CELL.items()}
        sizes = sized(junction, technology, cell | {name: values[name] for name in _FROM_CELL})
        s = {name: sizes[name] for name in _FROM_CELL} | given
        suffix = "_io" if s["io"] else ""
        nmos, pmos = technology.device("nmos" + suffix), technology.device("pmos" + suffix)
        s = {"w_n": 3 * nmos.min_width} | s
        s = {"w_p": max(2 * s["w_n"], pmos.min_width)} | s
        current = math.sqrt(junction.current(s["v_read"], 1.0) * junction.current(s["v_read"], -1.0))
        width, volts = load(pmos, current, s.get("w_load"))
        s = {"w_load": width, "v_load": volts} | s
        wide = s["w_up_bl"] + s["w_down"] + s["w_load"] + 3 * s["w_p"] + s["rows"] * s["w_access"]
        line = NODE_CAPACITANCE * wide / 2 + s["c_cell"] * s["rows"]
        s = {"c_ref": line * s["columns"]} | s
        r_p, r_ap = (junction.resistance(z) for z in (1.0, -1.0))
        slowest = max(line * r_ap, (2 * line + s["c_ref"]) * r_p * r_ap / (r_p + r_ap))
        return {"t_settle": max(SETTLING * slowest, 0.5e-9)} | s

    def _subcircuits(self, technology: Technology, netlist: Netlist, s: Mapping[str, float], suffix: str) -> None:
        smallest = {kind: technology.device(kind + suffix).min_width for kind in ("nmos", "pmos")}
        widest = max(s["w_up_sl"], s["w_up_bl"])
        widths = {key: value for key, value in s.items() if key[:2] == "w_"}
        widths |= {"w_gate_n": max(smallest["nmos"], widest / 8), "w_gate_p": max(smallest["pmos"], widest / 4)}
        netlist.add_text(Cell1T1Mtj().render(technology, widths, suffix))
        word = max(1.0, s["columns"] * s["w_access"] / (8 * s["w_n"]))
        widths |= {"w_pre": s["w_n"], "w_in": 3 * s["w_p"], "w_reference": 2 * s["w_down"]}
        widths |= {"w_word_n": word * s["w_n"], "w_word_p": word * s["w_p"]}
        netlist.add_text(self.render(technology, widths, suffix))
        netlist.add_text(decoder(int(s["rows"])))

    @staticmethod
    def patterns(s: Mapping[str, float]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Bits in the memory at the start, and those that are written; each of shape (rows, columns)."""
        rng = np.random.default_rng(int(s["seed"]))
        shape = (int(s["rows"]), int(s["columns"]))
        return rng.integers(0, 2, shape), rng.integers(0, 2, shape)

    @staticmethod
    def _times(s: Mapping[str, float]) -> dict[str, float]:
        write, read = 2 * s["t_gap"] + s["t_write"], 2 * s["t_gap"] + s["t_settle"] + s["t_compare"]
        rows = int(s["rows"])
        times = {f"write_{row}": row * write + s["t_gap"] for row in range(rows)}
        times |= {f"read_{row}": rows * write + row * read + s["t_gap"] for row in range(rows)}
        return times | {"reads": rows * write, "stop": rows * (write + read)}

    def _sources(self, netlist: Netlist, s: Mapping[str, float], data: NDArray[np.int64]) -> dict[str, float]:
        at, edge, rows = self._times(s), s["edge"], int(s["rows"])
        circuit, on, gap = netlist.circuit, s["v_sl"], s["t_gap"]
        circuit.V("sl", "vsl", circuit.gnd, s["v_sl"])
        circuit.V("bl", "vbl", circuit.gnd, s["v_bl"])
        circuit.V("bias", "bias", circuit.gnd, s["v_sl"] - s["v_load"])
        starts = [at[f"write_{row}"] for row in range(rows)] + [at[f"read_{row}"] for row in range(rows)]
        lengths = [s["t_write"]] * rows + [s["t_settle"] + s["t_compare"]] * rows
        for k in range(_bits(rows)):
            steps = [(start - gap, on * (row >> k & 1)) for start, row in zip(starts, [*range(rows)] * 2, strict=True)]
            levels(netlist, f"a{k}", f"a{k}", steps, edge)
        for column in range(int(s["columns"])):
            steps = [(at[f"write_{row}"] - gap, on * int(data[row, column])) for row in range(rows)]
            levels(netlist, f"d{column}", f"d{column}", [*steps, (at["reads"], 0.0)], edge)
        spans = [(start - gap / 2, start + length + gap / 2) for start, length in zip(starts, lengths, strict=True)]
        windows(netlist, "en", "en", on, spans, edge)
        writes = [(at[f"write_{row}"], at[f"write_{row}"] + s["t_write"]) for row in range(rows)]
        windows(netlist, "wen", "wen", on, writes, edge)
        reads = [(at[f"read_{row}"], at[f"read_{row}"] + s["t_settle"] + s["t_compare"]) for row in range(rows)]
        windows(netlist, "sen", "sen", on, reads, edge)
        busy = [*writes, *reads]
        pauses = [(a[1] + 2 * edge, b[0] - 2 * edge) for a, b in pairwise([(0.0, 0.0), *busy])]
        windows(netlist, "rest", "rest", on, pauses, edge)
        windows(netlist, "strobe", "strobe", on, [(a + s["t_settle"], b) for a, b in reads], edge)
        return at

    def layout(self, bench: Testbench) -> dict[str, tuple[tuple[str, ...], ...]]:
        """Control signals, one column, currents, the states of the first cells."""
        rows = min(int(bench.settings["rows"]), 8)
        states = tuple(f"{_cell(row, 0)}.xmtj.z" for row in range(rows))
        return {"": (("en", "wen", "sen", "strobe"), ("bl0", "ref", "q0", "qb0"), ("i(vsl)", "i(vbl)"), states)}

    def read_back(self, waveforms: Waveforms, bench: Testbench) -> NDArray[np.float64]:
        """What the comparators gave for each word: (q - qb)/v_sl, 1 or -1 for bits; shape (rows, columns)."""
        s, at = bench.settings, bench.times
        found = np.empty((int(s["rows"]), int(s["columns"])))
        for row, column in np.ndindex(*found.shape):
            end = at[f"read_{row}"] + s["t_settle"] + s["t_compare"] - s["edge"]
            outputs = [value_at(waveforms.axis, waveforms[f"{name}{column}"], end) for name in ("q", "qb")]
            found[row, column] = (outputs[0] - outputs[1]) / s["v_sl"]
        return found

    def measures(self, waveforms: Waveforms, bench: Testbench) -> list[Measure]:
        """Bits written and read back, times, energies, signal at the comparators, disturb, area."""
        s, at, t = bench.settings, bench.times, waveforms.axis
        _, data = self.patterns(s)
        cells = data.size
        got = self.read_back(waveforms, bench)
        right = np.mean(got * (2 * data - 1) >= READ_GAIN)
        slowest, signal = 0.0, {0: math.inf, 1: math.inf}
        for row, column in np.ndindex(*data.shape):
            begin = at[f"read_{row}"] + s["t_settle"]
            apart = abs(waveforms[f"q{column}"] - waveforms[f"qb{column}"])
            slowest = max(slowest, first_crossing(t, apart, s["v_sl"] / 2, "rise", after=begin) - begin)
            level = waveforms[f"bl{column}"] - waveforms["ref"]
            bit = int(data[row, column])
            signal[bit] = min(signal[bit], (2 * bit - 1) * value_at(t, level, begin - s["edge"]))
        spent = []
        for start, stop in ((0.0, at["reads"]), (at["reads"], at["stop"])):
            both = (energy(t, s[f"v_{line}"], waveforms[f"i(v{line})"], start, stop) for line in ("sl", "bl"))
            spent.append(sum(both) / cells)
        return [
            Measure("read_back", float(right), "1", 1, 1, "share of the written bits that were read"),
            *(self._states(waveforms, bench, data) if f"{_cell(0, 0)}.xmtj.z" in waveforms else []),
            Measure("read_time", s["t_settle"] + slowest, "s", 0, description="slowest bit, settling included"),
            Measure("signal_0", signal[0], "V", 0, description="least distance from the reference, stored 0"),
            Measure("signal_1", signal[1], "V", 0, description="the same of stored 1"),
            Measure("write_energy", spent[0], "J", 0, description="per bit, whole memory"),
            Measure("read_energy", spent[1], "J", 0, description="per bit, whole memory"),
            *area_measures(bench.netlist, what="the whole memory"),
        ]

    def _states(self, waveforms: Waveforms, bench: Testbench, data: NDArray[np.int64]) -> list[Measure]:
        s, at, t = bench.settings, bench.times, waveforms.axis
        written, latest, moved, read = 0, 0.0, 0.0, 0.0
        reading = t >= at["reads"]
        for row, column in np.ndindex(*data.shape):
            z = waveforms[f"{_cell(row, column)}.xmtj.z"]
            sign = 1 - 2 * int(data[row, column])
            begin = at[f"write_{row}"]
            end = begin + s["t_write"] + s["t_gap"] / 2
            written += sign * value_at(t, z, end) >= SWITCHED
            if sign * value_at(t, z, begin) < 0:
                reached = first_crossing(t, sign * z, SWITCHED, "rise", after=begin)
                latest = max(latest, reached - begin) if math.isfinite(reached) else math.nan
            # Other words' writes: before its own one, and from a while after it on, when it has come to rest.
            rest = at[f"write_{row + 1}"] if f"write_{row + 1}" in at else at["reads"]
            for window in ((t < begin - s["t_gap"]), (t > rest) & ~reading):
                if window.any():
                    moved = max(moved, float(np.ptp(z[window])))
            read = max(read, float(np.ptp(z[reading])))
        pairs = [waveforms[name] for name in bench.save if name.startswith("xr") and name.endswith(".z")]
        reference = max(float(abs(z - z[0]).max()) for z in pairs)
        return [
            Measure("written", written / data.size, "1", 1, 1, "share of bits in the right state after their write"),
            Measure("write_latency", latest, "s", 0, s["t_write"], f"slowest bit, until |z| = {SWITCHED}"),
            Measure("disturb", moved, "1", 0, 0.05, "largest change of z in cells of other words during writes"),
            Measure("read_disturb", read, "1", 0, 0.2, "largest change of z in all cells while all words are read"),
            Measure("reference_disturb", reference, "1", 0, 0.2, "largest change of z in the reference cells"),
        ]


def _bits(rows: int) -> int:
    return max((rows - 1).bit_length(), 1)


def _cell(row: int, column: int) -> str:
    return f"xc{row}_{column}"


def _cells(bits: NDArray[np.int64]) -> Iterator[str]:
    for row, word in enumerate(bits.tolist()):
        for column, bit in enumerate(word):
            yield f"{_cell(row, column)} bl{column} wl{row} sl{column} 0 cell_1t1mtj state={1 - 2 * bit}"
        for kind, state in (("p", 1), ("ap", -1)):
            yield f"xr{row}_{kind} ref wl{row} slr 0 cell_1t1mtj state={state}"
