"""Content-addressable memory: a word of cells of two transistors and two junctions on a match line."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from compact.analysis import Tran
from compact.circuits.area import area_measures
from compact.circuits.base import Circuit, Junction, Setting, Testbench
from compact.circuits.cell_1t1mtj import SWITCHED, Cell1T1Mtj, sized
from compact.circuits.sense import NODE_CAPACITANCE
from compact.circuits.stimulus import windows
from compact.errors import CircuitError
from compact.measure import Measure, energy, first_crossing, value_at
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.technology import Device, Technology

if TYPE_CHECKING:
    from compact.waveform import Waveforms

__all__ = ["Cam"]

_CELL = {s.name: s for s in Cell1T1Mtj.settings}
_FROM_CELL = ("overdrive", "io", "v_sl", "v_bl", "w_access", "t_write", "edge")
WIDER = 2
"""Width of the transistors in the cells over that which a write needs: their resistance dilutes the TMR."""
REACH = 1.2
"""Highest bias of a precharged line over v_h: beyond 1.41 the reference, whose junctions are in series and keep more of
their TMR, is slower than a match."""
SWINGS = 5
"""Least time of a search over that in which the latch's pMOS would charge an output, for slow corners too."""
PRECHARGE = 0.1
"""Of a search, in which the precharge would bring the charge of a line at half the supply; the latch's nMOS, source
followers, take the rest."""
HOLD = 0.5
"""Width of the write port's inverter over that of a pMOS behind it: the falling edge of a write line would else pull
their gates below ground."""
DECIDED = 0.8
"""Share of the supply by which both outputs must differ in the right sense."""


class Cam(Circuit):
    """A word is written over its inverse, then searched with itself, all keys that differ in one bit, and its inverse.

    A mismatch adds one parallel branch among antiparallel ones, so that the difference shrinks as TMR over the
    length of the word. The lines are precharged to a threshold below the supply of the search, and the TMR that counts
    is the one left at that bias: the search has a supply of its own, below that of the write where need be.
    """

    name = "cam"
    title = "content-addressable memory, one word of 2T-2MTJ cells with its match line"
    template = "cam.cir.j2"
    citation = "cell after S. Matsunaga et al., Appl. Phys. Express 2 (2009) 023004"
    ports = MappingProxyType(
        {
            "cam_cell": ("ml", "s", "sn", "foot", "vss"),
            "cam_sense": ("match", "nomatch", "ml", "ref", "foot", "pre", "sen", "vdd", "vss"),
            "cam_port": ("ml", "foot", "bl", "sl", "wen", "vdd", "vss"),
        }
    )
    settings = (
        Setting("bits", 4, "1", "length of the word", 2, 64),
        Setting("word", None, "1", "stored word as a number, first bit least (derived: 0101...)", 0, 2.0**64),
        Setting("any", 0, "1", "bits that match any key, as a number likewise", 0, 2.0**64),
        *(_CELL[name] for name in _FROM_CELL),
        Setting("v_search", None, "V", "supply of searches (derived: v_sl, or what charges lines to 1.2 v_h)", 0.1, 20),
        Setting("w_n", None, "m", "nMOS of the inverter (derived: three times the narrowest)", 1e-8, 1e-3),
        Setting("w_p", None, "m", "pMOS of latch and inverter (derived: as w_n)", 1e-8, 1e-3),
        Setting("w_pre", None, "m", "precharge pMOS (derived: as w_p, or charge the lines in a tenth of t_search)",
                1e-8, 1e-3),
        Setting("w_latch", None, "m", "nMOS of the latch (derived: w_n times half the length of the word)", 1e-8, 1e-3),
        Setting("w_foot", None, "m", "discharge nMOS (derived: four times w_latch)", 1e-8, 1e-3),
        Setting("t_search", None, "s", "search (derived: 4 time constants, 5 swings, 1 ns at least)", 1e-11, 1e-3),
        Setting("c_cell", 0.1e-15, "F", "capacitance that a cell adds to the match line", 0, 1e-9),
        Setting("c_load", 1e-15, "F", "load of both outputs", 0, 1e-9),
    )  # fmt: skip

    def _bench(
        self, card: ParameterSet, technology: Technology, values: Mapping[str, Any], netlist: Netlist
    ) -> Testbench:
        s, sizes = self._sized(card, technology, values)
        suffix = "_io" if s["io"] else ""
        netlist.add_text(self.render(technology, sizes, suffix))
        bits, circuit, gnd = int(s["bits"]), netlist.circuit, netlist.circuit.gnd
        stored, anything = _digits(s["word"], bits), _digits(s["any"], bits)
        start = [(2 * b - 1, 1 - 2 * b) for b in stored]  # the inverse of the word
        targets = [(-1, -1) if x else (1 - 2 * b, 2 * b - 1) for b, x in zip(stored, anything, strict=True)]
        writes = [
            (k, side, target) for k in range(bits) for side, target in enumerate(targets[k]) if target != start[k][side]
        ]
        times = self._sources(netlist, s, writes, self.keys(s))
        circuit.V("dd", "vdd", gnd, s["v_sl"])
        circuit.V("search", "vsearch", gnd, s["v_search"])
        for k, (state, state_n) in enumerate(start):
            circuit.X(f"c{k}", "cam_cell", "ml", f"s{k}", f"sn{k}", "foot", gnd, state=state, state_n=state_n)
            if k:
                circuit.X(f"r{k}", "cam_cell", "ref", "vdd", gnd, "foot", gnd, state=-1, state_n=1)
        circuit.X("half", "cam_half", "ref", "vdd", gnd, "foot", gnd)
        circuit.X("dummy", "cam_dummy", "ref", "vdd", gnd)
        circuit.X("sense", "cam_sense", "match", "nomatch", "ml", "ref", "foot", "pre", "sen", "vsearch", gnd)
        circuit.X("port", "cam_port", "ml", "foot", "bl", "sl", "wen", "vdd", gnd)
        for line in ("ml", "ref"):
            if s["c_cell"]:
                circuit.C(line, line, gnd, s["c_cell"] * bits)
        for line in ("match", "nomatch"):
            if s["c_load"]:
                circuit.C(line, line, gnd, s["c_load"])
        states = tuple(f"xc{k}.{mtj}.z" for k in range(bits) for mtj in ("xmtj", "xmtj_n"))
        keys = tuple(f"s{k}" for k in range(bits))
        currents = ("i(vdd)", "i(vsearch)", "i(vbl)", "i(vsl)")
        lines = ("match", "nomatch", "ml", "ref", "sen", "wen", *keys, "bl", "sl", *currents)
        netlist.options |= {"reltol": 1e-3, "ngspice:xmu": 0.47, "vacask:tran_xmu": 0.47}
        # Contacts of 1 kS turn the rounding of a volt into a third of VACASK's 1 pA, and lines float beside them.
        netlist.options |= {"vacask:abstol": 1e-11}
        step = min(s["t_write"] / 75, s["t_search"] / 10)
        return Testbench(self.name, netlist, Tran(times["stop"], step), (*lines, *states), s, times)

    @staticmethod
    def _sized(
        card: ParameterSet, technology: Technology, values: Mapping[str, Any]
    ) -> tuple[dict[str, float], dict[str, float]]:
        given = {name: value for name, value in values.items() if value is not None}
        for name in ("bits", "word", "any"):
            if given.get(name, 0) != int(given.get(name, 0)):
                raise CircuitError(f"setting '{name}' = {given[name]:g} must be a whole number")
        bits = int(given["bits"])
        given = {"word": float(sum(1 << k for k in range(0, bits, 2)))} | given
        for name in ("word", "any"):
            if given[name] >= 2**bits:
                raise CircuitError(f"setting '{name}' = {given[name]:g} has more than {bits} bits")
        cell = {name: setting.default for name, setting in _CELL.items()}
        found = sized(Junction(card), technology, cell | {name: values[name] for name in _FROM_CELL})
        s = {name: found[name] for name in _FROM_CELL} | {"w_access": WIDER * found["w_access"]} | given
        suffix = "_io" if s["io"] else ""
        nmos, pmos = technology.device("nmos" + suffix), technology.device("pmos" + suffix)
        s = {"w_n": 3 * nmos.min_width, "v_search": min(s["v_sl"], _supply(card, nmos))} | s
        s = {"w_p": max(s["w_n"], pmos.min_width), "w_latch": max(s["w_n"] * bits / 2, s["w_n"])} | s
        s = {"w_foot": 4 * s["w_latch"]} | s
        lines = NODE_CAPACITANCE * (3 * s["w_latch"] + 3 * s["w_p"] + bits * s["w_access"]) + s["c_cell"] * bits
        drive = pmos.current(s["v_search"], s["v_search"] / 2)
        charge = lines * max(s["v_search"] - nmos.vth, 0.0)
        if not drive:
            raise CircuitError(
                f"setting 'v_search' = {s['v_search']:.3g} V is below the threshold of {pmos.vth:.3g} V of the pMOS "
                "that charge the lines"
            )
        output = s["c_load"] + NODE_CAPACITANCE * (s["w_latch"] + 2 * s["w_p"])
        swing = output * s["v_search"] / (s["w_p"] * drive)
        constants = (lines + s["c_load"]) * Junction(card).resistance(-1.0)
        s = {"t_search": max(4 * constants, SWINGS * swing, 20 * s["edge"], 1e-9)} | s
        s = {"w_pre": max(s["w_p"], charge / (PRECHARGE * s["t_search"] * drive))} | s
        sizes = {key: value for key, value in s.items() if key[:2] == "w_"}
        port = {"w_port_n": found["w_down"], "w_port_p": max(found["w_up_sl"], found["w_up_bl"])}
        return s, sizes | port | {"w_off": max(s["w_n"], s["w_p"], HOLD * port["w_port_p"])}

    @staticmethod
    def keys(s: Mapping[str, float]) -> list[tuple[int, bool]]:
        """Keys in the order of the search, and whether each must match."""
        word, free, full = int(s["word"]), int(s["any"]), (1 << int(s["bits"])) - 1
        keys = [word]
        for k in range(int(s["bits"])):
            keys += [word ^ 1 << k, word]
        return [(key, not (key ^ word) & ~free) for key in [*keys, word ^ full]]

    @staticmethod
    def _sources(
        netlist: Netlist, s: Mapping[str, float], writes: list[tuple[int, int, int]], keys: list[tuple[int, bool]]
    ) -> dict[str, float]:
        edge, on, bits = s["edge"], s["v_sl"], int(s["bits"])
        gap = 10 * edge
        select: dict[str, list[tuple[float, float]]] = {f"{n}{k}": [] for n in ("s", "sn") for k in range(bits)}
        wen: list[tuple[float, float]] = []
        bl: list[tuple[float, float]] = []
        sl: list[tuple[float, float]] = []
        clock = gap
        for k, side, target in writes:
            span = (clock, clock + s["t_write"])
            select[f"{('s', 'sn')[side]}{k}"].append((span[0] - 2 * edge, span[1] + 2 * edge))
            wen.append((span[0] - 4 * edge, span[1] + 4 * edge))
            (bl if target > 0 else sl).append(span)
            clock = span[1] + gap
        times = {"searches": clock}
        reads = []
        for number, (key, _) in enumerate(keys):
            reads.append((clock + s["t_search"], clock + 2 * s["t_search"]))
            times[f"search_{number}"] = reads[-1][0]
            for k in range(bits):
                name = f"s{k}" if key >> k & 1 else f"sn{k}"
                select[name].append((clock + 2 * edge, reads[-1][1] - 2 * edge))
            clock = reads[-1][1]
        for name, spans in select.items():
            windows(netlist, name, name, on, spans, edge)
        windows(netlist, "wen", "wen", on, wen, edge)
        windows(netlist, "bl", "bl", s["v_bl"], bl, edge)
        windows(netlist, "sl", "sl", on, sl, edge)
        windows(netlist, "sen", "sen", on, reads, edge)
        # Precharge is off while the word is written: the latch would otherwise feed the match line.
        windows(netlist, "pre", "pre", on, [(edge, times["searches"]), *reads], edge)
        return times | {"stop": clock + gap}

    def layout(self, bench: Testbench) -> dict[str, tuple[tuple[str, ...], ...]]:
        """Control, outputs, lines, states."""
        bits = min(int(bench.settings["bits"]), 4)
        keys = tuple(f"s{k}" for k in range(bits))
        states = tuple(f"xc{k}.{mtj}.z" for k in range(bits) for mtj in ("xmtj", "xmtj_n"))
        return {"": (("sen", "wen", *keys), ("match", "nomatch"), ("ml", "ref"), states)}

    def measures(self, waveforms: Waveforms, bench: Testbench) -> list[Measure]:
        """Right searches, delay, energy, written states, disturb, area."""
        s, at, t = bench.settings, bench.times, waveforms.axis
        right, slowest, spent = 0, 0.0, 0.0
        apart = (waveforms["match"] - waveforms["nomatch"]) / s["v_search"]
        keys = self.keys(s)
        for number, (_, matches) in enumerate(keys):
            begin = at[f"search_{number}"]
            sign = 1 if matches else -1
            right += sign * value_at(t, apart, begin + s["t_search"] - s["edge"]) >= DECIDED
            slowest = max(slowest, first_crossing(t, sign * apart, 0.5, "rise", after=begin) - begin)
            span = (begin - s["t_search"], begin + s["t_search"])
            spent += energy(t, s["v_sl"], waveforms["i(vdd)"], *span)
            spent += energy(t, s["v_search"], waveforms["i(vsearch)"], *span)
        written = sum(energy(t, waveforms[n], waveforms[f"i(v{n})"], 0.0, at["searches"]) for n in ("bl", "sl"))
        good, moved = 0, 0.0
        after = t >= at["searches"]
        stored, anything = (_digits(s[name], int(s["bits"])) for name in ("word", "any"))
        for k, (bit, free) in enumerate(zip(stored, anything, strict=True)):
            for mtj, target in (("xmtj", -1 if free else 1 - 2 * bit), ("xmtj_n", -1 if free else 2 * bit - 1)):
                z = waveforms[f"xc{k}.{mtj}.z"]
                good += target * value_at(t, z, at["searches"]) >= SWITCHED
                moved = max(moved, float(np.ptp(z[after])))
        bits = int(s["bits"])
        instances = [f"xc{k}" for k in range(bits)] + [f"xr{k}" for k in range(1, bits)]
        return [
            Measure("searches", right / len(keys), "1", 1, 1, f"share of {len(keys)} searches with the right answer"),
            Measure("search_delay", slowest, "s", 0, s["t_search"], "slowest, until the outputs differ by half"),
            Measure("search_energy", spent / len(keys), "J", 0, description="from the supply, with its precharge"),
            Measure("written", good / (2 * bits), "1", 1, 1, "share of junctions in the right state"),
            Measure("write_energy", written / bits, "J", 0, description="from the write port, per bit"),
            Measure("disturb", moved, "1", 0, 0.2, "largest change of z in all searches"),
            *area_measures(
                bench.netlist, [*instances, "xhalf", "xdummy", "xsense", "xport"], "word, reference and port"
            ),
        ]


def _supply(card: ParameterSet, nmos: Device) -> float:
    """Supply [V] that precharges a line to the highest bias at which the reference lies between match and mismatch."""
    line = REACH * card.values["v_h"]
    return line + nmos.vth + nmos.body * line


def _digits(number: float, bits: int) -> list[int]:
    return [int(number) >> k & 1 for k in range(bits)]
