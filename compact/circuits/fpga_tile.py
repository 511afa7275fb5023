"""Tile of a non-volatile FPGA: a user's truth table, or with a second tile a 2-bit counter, across a power-off."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compact.analysis import Tran
from compact.circuits.area import area_measures
from compact.circuits.base import Circuit, Junction, Setting, Testbench
from compact.circuits.complementary import (
    FAST,
    LONGEST_STEP,
    SETTINGS,
    retention,
    sized,
    supply,
    train,
    widths,
)
from compact.circuits.lut import lut_names, lut_states
from compact.circuits.nvff import PASS
from compact.circuits.truth import TruthTable, with_table
from compact.errors import CircuitError
from compact.measure import Measure, delay, energy
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.technology import Technology

if TYPE_CHECKING:
    from compact.waveform import Waveforms

__all__ = ["FpgaTile"]

NOT_FIRST, DIFFERENT = "1010", "0110"
"""Tables of the counter: the low bit turns at every clock, the high one where the low one is 1."""

_TILE = "out x0 a1 clk run restore sap sp sleep rd wl0 wl1 wl2 wl3 wl_back wl_registered b bn wap wp vdd vss"
_LOW = ("y", "q", "xff.xmaster.m")
_HIGH = ("vv", "yb", "qn", "xff.xmaster.mb", "xff.s", "xff.sb", "xlut.q", "xlut.qb", "fb", "fbn", "rg", "rgn")
"""Nodes of a tile before its first wake-up, so that no solver takes its latches to be balanced."""


class FpgaTile(Circuit):
    """Clocks, then the flip-flops store their bits and the supply goes; it comes back, and the clocks go on."""

    name = "fpga_tile"
    title = "FPGA tile of a look-up table, a flip-flop and routing, all non-volatile, behind a power switch"
    template = "fpga_tile.cir.j2"
    citation = "D. Suzuki et al., Jpn. J. Appl. Phys. 51 (2012) 04DM02, for the kind of circuit"
    ports = MappingProxyType(
        {
            "tile": tuple(_TILE.split()),
            "routing_bit": ("q", "qb", "run", "rd", "wl", "bl", "bln", "wap", "wp", "vdd", "vss"),
            "selector": ("a", "b", "s", "sn", "y", "vdd", "vss"),
            "power_gate": ("vdd", "vv", "sleep"),
        }
    )
    settings = (
        Setting("k", None, "1", "inputs of the table (derived: those of the table, else 2)", 2, 6),
        TruthTable("table", None, "1", "bits by address, 0110 or 0x6 (derived: two tiles that count to 4)"),
        Setting("clocks", None, "1", "clocks (derived: 8, or one for every address)", 2, 1024),
        Setting("before", None, "1", "clocks before the power-off (derived: 3 of 8, or half)", 1, 1023),
        *SETTINGS,
        Setting("w_access", None, "m", "access transistors of the write port (derived: write current)", 1e-8, 1e-3),
        Setting("w_tree", None, "m", "transistors of the select trees (derived: as w_n)", 1e-8, 1e-3),
        Setting("w_pass", None, "m", "transistors that write the latches (derived: twice w_p)", 1e-8, 1e-3),
        Setting("w_gate", None, "m", "power switch (derived: 2 % of vdd at the write current)", 1e-8, 1e-2),
        Setting("c_load", 1e-15, "F", "load of each output", 0, 1e-9),
        Setting("t_clk", None, "s", "clock period (derived: 4 times t_sense)", 1e-10, 1e-3),
        Setting("t_off", 100e-9, "s", "time without supply", 0, 10),
        Setting("t_ramp", 10e-9, "s", "each ramp of the supply", 1e-11, 1),
        Setting("t_gap", 0.5e-9, "s", "pause between signals", 1e-10, 1e-6),
    )

    def _bench(
        self, card: ParameterSet, technology: Technology, values: Mapping[str, Any], netlist: Netlist
    ) -> Testbench:
        counter = values["table"] is None
        known = with_table(values, default=2)
        k = int(known["k"])
        s = sized(Junction(card), technology, known, access=True, load=1 + 2 * k)
        s = {name: value for name, value in s.items() if value is not None}
        s = {"w_tree": s["w_n"], "w_pass": PASS * s["w_p"], "t_clk": 4 * s["t_sense"], **s}
        s = {"clocks": 8 if counter else 1 << k, **s}
        s = {"before": max(s["clocks"] // 2 - counter, 1), **s}
        for name in ("clocks", "before"):
            if s[name] != int(s[name]):
                raise CircuitError(f"setting '{name}' = {s[name]:g} must be a whole number")
        if s["before"] >= s["clocks"]:
            raise CircuitError(f"setting 'before' = {s['before']:g} is not less than the {s['clocks']:g} clocks")
        if counter:
            del s["table"]
        tables = [text * (1 << (k - 2)) for text in (NOT_FIRST, DIFFERENT)] if counter else [s["table"]]
        names = lut_names(k)
        names |= {"tile_inputs": ["x0", *names["inputs"][1:]]}
        names |= {"handed": " ".join(f"{state}={{{state}}}" for _, _, state in names["cells"])}
        netlist.add_text(self.render(technology, {**widths(s), **names}, "_io" if s["io"] else ""))

        times = self._drive(netlist, s)
        times["retention"] = retention(Junction(card))
        edges = self._edges(s, times)
        circuit, edge, on = netlist.circuit, s["edge"], s["vdd"]
        words = [circuit.gnd] * ((1 << k) + 6)  # the write port rests
        controls = ("clk", "run", "restore", "sap", "sp", "sleep", "rd")
        if counter:
            inputs = [[circuit.gnd] * k, [circuit.gnd, "out0", *[circuit.gnd] * (k - 2)]]
        else:
            inputs = [[f"x{bit}" for bit in range(k)]]
            for bit in range(k):
                ones = [(t, t + s["t_clk"]) for n, t in enumerate(edges) if (n % (1 << k)) >> bit & 1]
                train(netlist, f"x{bit}", f"x{bit}", on, ones, edge)
        for n, table in enumerate(tables):
            routing = -1 if counter else 1
            states = {**lut_states(table), "back": routing, "registered": routing}
            ends = (f"out{n}", *inputs[n], *controls, *words, "vdd", circuit.gnd)
            circuit.X(f"tile{n}", "tile", *ends, **states)
            if s["c_load"]:
                circuit.C(f"out{n}", f"out{n}", circuit.gnd, s["c_load"])
            netlist.nodesets |= {f"xtile{n}.{node}": 0.0 for node in _LOW}
            netlist.nodesets |= {f"xtile{n}.{node}": on for node in _HIGH}
        netlist.options |= {**FAST, "vacask:abstol": 1e-10}  # with the default it finds no operating point in sky130
        step = s["t_sense"] / 10
        largest = max(step, min(s["t_off"] / 50, LONGEST_STEP * edge))
        each = ("out{0}", "xtile{0}.y", "xtile{0}.q", "xtile{0}.vv", "xtile{0}.xff.xmtj.z", "xtile{0}.xff.xmtj_n.z")
        cells = tuple(name.format(n) for n in range(len(tables)) for name in each)
        asked = () if counter else tuple(f"x{bit}" for bit in range(k))
        save = (*controls, "vdd", "i(vvdd)", *asked, *cells)
        return Testbench(self.name, netlist, Tran(times["stop"], step, largest), save, s, times)

    @staticmethod
    def _drive(netlist: Netlist, s: Mapping[str, Any]) -> dict[str, float]:
        """Sources of supply, clock and power management; when things happen [s]."""
        clk, gap, edge, on = s["t_clk"], s["t_gap"], s["edge"], s["vdd"]
        before, after = int(s["before"]), int(s["clocks"] - s["before"])

        def wake(start: float) -> dict[str, float]:
            restore = start + 4 * gap
            run = restore + s["t_sense"]
            return {"rd": start + 2 * gap, "restore": restore, "run": run, "ready": run + 2 * gap, "clock": run + clk}

        first = wake(0.0)
        store = first["clock"] + before * clk
        stored = store + 2 * s["t_write"] + gap
        off = stored + 4 * gap
        back = off + 2 * s["t_ramp"] + s["t_off"]
        second = wake(back + 2 * gap)
        stop = second["clock"] + after * clk
        late = 2 * stop
        supply(netlist, "vdd", on, off, s["t_ramp"], s["t_off"])
        clocks = [begin["clock"] + n * clk for begin, count in ((first, before), (second, after)) for n in range(count)]
        train(netlist, "clk", "clk", on, [(t, t + clk / 2) for t in clocks], edge)
        train(netlist, "sleep", "sleep", on, [(stored + 3 * gap, back)], edge)
        train(netlist, "rd", "rd", on, [(first["rd"], stored + 2 * gap), (second["rd"], late)], edge)
        train(netlist, "run", "run", on, [(first["run"], stored + gap), (second["run"], late)], edge)
        train(netlist, "restore", "restore", on, [(w["restore"], w["ready"]) for w in (first, second)], edge)
        train(netlist, "sap", "sap", on, [(store, store + s["t_write"])], edge)
        train(netlist, "sp", "sp", on, [(stored - s["t_write"], stored)], edge)
        return {"first": first["clock"], "store": store, "stored": stored, "off": off, "back": back} | {
            "ready": second["ready"],
            "second": second["clock"],
            "stop": stop,
        }

    @staticmethod
    def _edges(s: Mapping[str, Any], at: Mapping[str, float]) -> NDArray[np.float64]:
        """Rising edges of the clock [s]."""
        before, after = int(s["before"]), int(s["clocks"] - s["before"])
        return np.concatenate(
            [at[name] + np.arange(count) * s["t_clk"] for name, count in (("first", before), ("second", after))]
        )

    def layout(self, bench: Testbench) -> dict[str, tuple[tuple[str, ...], ...]]:
        """Supply and its management, clock, inputs, outputs, junctions of the flip-flops."""
        saved = bench.save
        outs = tuple((name,) for name in saved if name.startswith("out"))
        inputs = tuple(name for name in saved if name.startswith("x") and "." not in name)
        states = tuple(name for name in saved if name.endswith(".z"))
        rows = (("vdd", "xtile0.vv"), ("run", "restore", "sleep"), ("sap", "sp"), ("clk",), inputs, *outs, states)
        return {"": tuple(row for row in rows if row)}

    def outputs(self, waveforms: Waveforms, bench: Testbench) -> list[int]:
        """What the tiles say in each clock, the highest bit that of the last tile; -1 where a level is not clear."""
        s = bench.settings
        at = self._edges(s, bench.times) + s["t_clk"] - 2 * s["edge"]
        outs = [name for name in bench.save if name.startswith("out")]
        levels = np.array([np.interp(at, waveforms.axis, waveforms[name]) for name in outs]) / s["vdd"]
        clear = np.all(np.abs(levels - np.round(levels)) < 0.1, axis=0)
        values = (1 << np.arange(len(outs))) @ (levels > 0.5)
        return [int(value) if ok else -1 for value, ok in zip(values, clear, strict=True)]

    @staticmethod
    def expected(bench: Testbench) -> list[int]:
        """What they should say."""
        s = bench.settings
        clocks = range(int(s["clocks"]))
        if "table" not in s:
            return [(n + 1) % 4 for n in clocks]
        return [int(s["table"][n % len(s["table"])]) for n in clocks]

    def measures(self, waveforms: Waveforms, bench: Testbench) -> list[Measure]:
        """Right outputs before and after the power-off, delay, energies, area."""
        s, at, t = bench.settings, bench.times, waveforms.axis
        said, wanted = self.outputs(waveforms, bench), self.expected(bench)
        before = int(s["before"])
        right = [float(np.mean(np.equal(said[part], wanted[part]))) for part in (slice(before), slice(before, None))]
        tiles = [f"xtile{n}" for n in range(sum(name.startswith("out") for name in bench.save))]
        kept = 0.0
        for tile in tiles:
            levels = np.interp([at["store"] - s["edge"], at["second"] - s["edge"]], t, waveforms[f"{tile}.q"])
            kept = max(kept, float(abs(levels[1] - levels[0])) / s["vdd"])
        power = waveforms["vdd"] * waveforms["i(vvdd)"]
        clock = energy(t, 1.0, power, at["first"] - s["edge"], at["store"] - s["edge"]) / before
        store = energy(t, 1.0, power, at["store"] - s["edge"], at["stored"] + s["t_gap"] / 2)
        wake = energy(t, 1.0, power, at["back"] - s["t_ramp"], at["ready"] + s["t_gap"])
        result = [
            Measure("right_before", right[0], "1", 1, 1, "share of the clocks before the power-off"),
            Measure("right_after", right[1], "1", 1, 1, "share of the clocks after it"),
            Measure("restored", kept, "1", 0, 0.1, "change of the flip-flops by the power-off, over vdd"),
            Measure("clock_energy", clock, "J", 0, description="from the supply, per clock, all tiles"),
            Measure("store_energy", store, "J", 0, description="from the supply, all flip-flops"),
            Measure("wake_energy", wake, "J", 0, description="from the ramp on, all tiles"),
        ]
        if "table" not in s:
            rise = delay(t, (waveforms["clk"], s["vdd"] / 2, "rise"), (waveforms["out0"], s["vdd"] / 2, "rise"))
            result.append(Measure("delay", rise, "s", 0, s["t_clk"] / 2, "first clock edge to the low bit"))
        return [
            *result,
            Measure("retention", at["retention"], "s", 100 * s["t_off"], description="mean life, at least 100 t_off"),
            *area_measures(bench.netlist, tiles),
        ]
