"""Non-volatile look-up table: complementary junctions, select trees and one sense amplifier."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from compact.analysis import Tran
from compact.circuits.area import area_measures
from compact.circuits.base import Circuit, Junction, Setting, Testbench, pulse
from compact.circuits.complementary import (
    FAST,
    SETTINGS,
    retention,
    settled,
    sized,
    supply,
    train,
    widths,
)
from compact.circuits.truth import TruthTable, with_table
from compact.measure import Measure, energy, first_crossing, value_at
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.technology import Technology

if TYPE_CHECKING:
    from compact.waveform import Waveforms

__all__ = ["Lut", "drive_words", "lut_names", "lut_states"]


def lut_names(k: int) -> dict[str, Any]:
    """What the subcircuit `lut` of k inputs is made of, by the names that its template asks for."""
    count = 1 << k
    branches = []
    for level in range(k):
        bit = k - 1 - level
        for node in range(1 << level):
            upper = f"n{level}_{node}" if level else "top"
            for value in (0, 1):
                child = 2 * node + value
                lower = f"n{level + 1}_{child}" if level < k - 1 else f"cell{child}"
                branches.append((f"t{level}_{child}", upper, f"a{bit}" if value else f"na{bit}", lower))
    return {
        "inputs": [f"a{bit}" for bit in range(k)],
        "words": [f"wl{address}" for address in range(count)],
        "defaults": " ".join(f"s{address}=1" for address in range(count)),
        "branches": branches,
        "cells": [(f"wl{address}", f"cell{address}", f"s{address}") for address in range(count)],
    }


def lut_states(table: str) -> dict[str, int]:
    """Parameters of an instance of `lut` that hold a table: a 0 is parallel on the side of the output."""
    return {f"s{address}": 1 - 2 * int(bit) for address, bit in enumerate(table)}


def drive_words(netlist: Netlist, s: Mapping[str, Any], names: list[str], bits: str, start: float) -> float:
    """Sources of the write port that write bits one word line after the other; when they are done [s].

    Parameters
    ----------
    netlist : Netlist
        The circuit; its data lines are `b` and `bn`, the phases `wap` and `wp`.
    s : mapping
        Settings.
    names : list of str
        Word lines in the order in which they are written.
    bits : str
        A bit for each; no bits leave the port idle.
    start : float
        When the first write begins [s].
    """
    gap, write, edge, on = s["t_gap"], s["t_write"], s["edge"], s["vdd"]
    period = 2 * write + 4 * gap
    begins = [start + k * period for k in range(len(bits))]
    for name, begin in zip(names, begins, strict=False):
        train(netlist, name, name, on, [(begin, begin + period - gap)], edge)
    for name in names[len(bits) :]:
        train(netlist, name, name, on, [], edge)
    for name, value in (("b", "1"), ("bn", "0")):
        windows = [(t, t + period) for t, bit in zip(begins, bits, strict=True) if bit == value]
        train(netlist, name, name, on, windows, edge)
    for name, delay in (("wap", gap), ("wp", 2 * gap + write)):
        train(netlist, name, name, on, [(t + delay, t + delay + write) for t in begins], edge)
    return start + period * len(bits)


_NAMES = " ".join(name for kind in ("inputs", "words") for name in lut_names(4)[kind])


class Lut(Circuit):
    """The table is written over its inverse through the write port, the supply is taken away, every address is read."""

    name = "lut"
    title = "non-volatile look-up table with select trees and a pre-charge sense amplifier"
    template = "lut.cir.j2"
    citation = "D. Suzuki et al., Jpn. J. Appl. Phys. 51 (2012) 04DM02; sense amplifier: see pcsa"
    ports = MappingProxyType(
        {
            "lut": tuple(f"y yb sen rd {_NAMES} bl bln foot vdd vss".split()),
            "nv_cell": ("top", "top_n", "foot", "wl", "bl", "bln", "vss"),
            "sense": ("q", "qb", "top", "top_n", "sen", "rd", "vdd", "vss"),
            "write_lines": ("t", "t_n", "b", "bn", "wap", "wp", "vdd", "vss"),
            "write_foot": ("foot", "wap", "wp", "vdd", "vss"),
        }
    )
    settings = (
        Setting("k", None, "1", "inputs (derived: those of the table, else 4)", 2, 6),
        TruthTable("table", None, "1", "bits by address, 0110 or 0x6 (derived: parity of the inputs)"),
        Setting("write", 1, "1", "1: all cells are written at first, 0: they hold the table already", 0, 1),
        *SETTINGS,
        Setting("w_access", None, "m", "access transistors of the write port (derived: write current)", 1e-8, 1e-3),
        Setting("w_tree", None, "m", "transistors of the select trees (derived: as w_n)", 1e-8, 1e-3),
        Setting("w_gate", None, "m", "power switch, where one is used (derived: write current)", 1e-8, 1e-2),
        Setting("c_load", 1e-15, "F", "load of each output", 0, 1e-9),
        Setting("t_precharge", None, "s", "precharge phase (derived: as t_sense)", 1e-11, 1e-3),
        Setting("t_off", 20e-9, "s", "time without supply before the reads; 0 for none", 0, 1e3),
        Setting("t_ramp", 10e-9, "s", "each ramp of the supply", 1e-11, 1),
        Setting("t_idle", 10e-9, "s", "pause between power-up and the first read", 1e-10, 1e3),
        Setting("t_gap", 0.5e-9, "s", "pause between signals of a write", 1e-10, 1e-6),
    )

    def _bench(
        self, card: ParameterSet, technology: Technology, values: Mapping[str, Any], netlist: Netlist
    ) -> Testbench:
        values = with_table(values)
        k, table = int(values["k"]), values["table"]
        s = sized(Junction(card), technology, values, access=True, load=1 + 2 * k)
        s = {name: value for name, value in s.items() if value is not None}
        s = {"w_tree": s["w_n"], "t_precharge": s["t_sense"], **s}
        names = lut_names(k)
        netlist.add_text(self.render(technology, {**widths(s), **names}, "_io" if s["io"] else ""))

        circuit, edge, on = netlist.circuit, s["edge"], s["vdd"]
        bits = table if s["write"] else ""
        written = drive_words(netlist, s, names["words"], bits, s["t_gap"])
        off = written + 2 * s["t_gap"]
        back = off + (2 * s["t_ramp"] + s["t_off"] if s["t_off"] else 0.0)
        if s["t_off"]:
            supply(netlist, "vdd", on, off, s["t_ramp"], s["t_off"])
        else:
            circuit.V("vdd", "vdd", circuit.gnd, on)
        first = back + s["t_idle"]
        period = s["t_precharge"] + s["t_sense"]
        last = first + (period * 2**k)
        pulse(netlist, "sen", "sen", on, first + s["t_precharge"], s["t_sense"], edge, period)
        train(netlist, "rd", "rd", on, [(first - s["t_idle"] / 4, 2 * last)], edge)
        for bit, name in enumerate(names["inputs"]):
            pulse(netlist, name, name, on, first + period * 2**bit, period * 2**bit, edge, period * 2 ** (bit + 1))
        states = lut_states(table)
        if s["write"]:
            states = {name: -state for name, state in states.items()}
        ends = ("bl", "bln", "foot", "vdd", circuit.gnd)
        circuit.X("lut", "lut", "y", "yb", "sen", "rd", *names["inputs"], *names["words"], *ends, **states)
        circuit.X("lines", "write_lines", "bl", "bln", "b", "bn", "wap", "wp", "vdd", circuit.gnd)
        circuit.X("feet", "write_foot", "foot", "wap", "wp", "vdd", circuit.gnd)
        for node in ("y", "yb") if s["c_load"] else ():
            circuit.C(node, node, circuit.gnd, s["c_load"])

        cells = [f"xlut.xcell{address}.{mtj}.z" for address in range(1 << k) for mtj in ("xmtj", "xmtj_n")]
        save = ("sen", *names["inputs"], "xlut.q", "xlut.qb", "y", "vdd", "wap", "wp", "b", "i(vvdd)", *cells)
        times = {"written": written, "off": off, "back": back, "first": first, "last": last}
        times["retention"] = retention(Junction(card))
        netlist.options |= FAST
        netlist.nodesets |= {"y": 0.0, "yb": on}
        step = min(s["t_sense"] / 10, s["t_write"] / 40)
        return Testbench(self.name, netlist, Tran(last, step), save, s, times)

    def layout(self, bench: Testbench) -> dict[str, tuple[tuple[str, ...], ...]]:
        """Write port where it is used, supply, address and output above each other."""
        inputs = tuple(name for name in bench.save if name in lut_names(6)["inputs"])
        cells = tuple(name for name in bench.save if name.endswith("xmtj.z"))[:8]
        port = (("b", "wap", "wp"),) if bench.settings["write"] else ()
        return {"": (*port, ("vdd",), inputs, ("sen", "xlut.q", "xlut.qb"), ("y",), cells)}

    @staticmethod
    def reads(waveforms: Waveforms, bench: Testbench) -> str:
        """The bits that were read, that of address 0 first; "?" where the sense amplifier did not decide."""
        s = bench.settings
        period = s["t_precharge"] + s["t_sense"]
        ends = bench.times["first"] + period * (1 + np.arange(1 << int(s["k"]))) - s["edge"]
        levels = (
            np.array([np.interp(ends, waveforms.axis, waveforms[n]) for n in ("xlut.q", "xlut.qb", "y")]) / s["vdd"]
        )
        clear = np.abs(levels[0] - levels[1]) > 0.9
        agree = (levels[0] > 0.5) == (levels[2] > 0.5)
        return "".join(str(int(b)) if ok else "?" for b, ok in zip(levels[2] > 0.5, clear & agree, strict=True))

    def measures(self, waveforms: Waveforms, bench: Testbench) -> list[Measure]:
        """Bits written and read, delay and energy of reads and writes, disturb, retention, area."""
        s, at, t = bench.settings, bench.times, waveforms.axis
        table = s["table"]
        period = s["t_precharge"] + s["t_sense"]
        decided = abs(waveforms["xlut.q"] - waveforms["xlut.qb"]) / s["vdd"]
        starts = at["first"] + s["t_precharge"] + period * np.arange(len(table))
        delays = [first_crossing(t, decided, 0.5, "rise", after=start) - start for start in starts]
        right = sum(a == b for a, b in zip(self.reads(waveforms, bench), table, strict=True)) / len(table)
        cells = [waveforms[name] for name in bench.save if name.endswith(".z")]
        before = [value_at(t, z, at["first"]) for z in cells]
        moved = max(float(abs(z[t >= at["first"]] - z0).max()) for z, z0 in zip(cells, before, strict=True))
        power = waveforms["vdd"] * waveforms["i(vvdd)"]
        read = energy(t, 1.0, power, at["first"], at["last"]) / len(table)
        result = [
            Measure("right", right, "1", 1, 1, "share of the addresses that are read as in the table"),
            Measure("stored", settled(before, [int(b) for b in table]), "1", 1, 1, "share of the cells that hold it"),
            Measure("read_delay", max(delays), "s", 0, s["t_sense"], "slowest address, sen until |q - qb| = vdd/2"),
            Measure("read_energy", read, "J", 0, description="from the supply, mean of a read and its precharge"),
            Measure("read_disturb", moved, "1", 0, 0.2, "largest change of z while all addresses are read"),
        ]
        if s["write"]:
            spent = energy(t, 1.0, power, 0.0, at["written"]) / len(table)
            result.append(Measure("write_energy", spent, "J", 0, description="from the supply, per bit"))
        return [
            *result,
            Measure(
                "retention",
                at["retention"],
                "s",
                100 * s["t_off"],
                description="mean life, at least 100 t_off",
            ),
            *area_measures(bench.netlist, ("xlut", "xlines", "xfeet")),
        ]
