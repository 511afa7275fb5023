"""Full adder in static CMOS with a stored operand: what a non-volatile one is measured against."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from compact.circuits.adder import Adder, adder_settings
from compact.circuits.base import Setting, Testbench
from compact.circuits.stimulus import windows
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.technology import Technology

__all__ = ["CmosAdder"]


class CmosAdder(Adder):
    """Mirror adder of 28 transistors, one operand in a memory cell of six; it has no junction and ignores the card."""

    name = "cmos_adder"
    title = "full adder in static CMOS, one operand in a memory cell"
    template = "cmos_adder.cir.j2"
    citation = "mirror adder: N. Weste and K. Eshraghian, Principles of CMOS VLSI Design, Addison-Wesley (1993), ch. 8"
    ports = MappingProxyType(
        {
            "cmos_adder": ("a", "ci", "s", "co", "wl", "bl", "blb", "vdd", "vss"),
            "mirror_adder": ("a", "b", "ci", "s", "co", "vdd", "vss"),
            "sram_cell": ("b", "bb", "wl", "bl", "blb", "vdd", "vss"),
        }
    )
    settings = adder_settings(
        Setting("w_cell", None, "m", "nMOS of the memory cell (derived: one and a half times w_n)", 1e-8, 1e-3)
    )

    def _bench(
        self, card: ParameterSet, technology: Technology, values: Mapping[str, Any], netlist: Netlist
    ) -> Testbench:
        given = {name: value for name, value in values.items() if value is not None}
        nmos, pmos = technology.device("nmos"), technology.device("pmos")
        s = {"vdd": nmos.vdd, "w_n": 3 * nmos.min_width, "t_write": 1e-9, "t_operation": 2e-9} | given
        s = {"w_p": max(2 * s["w_n"], pmos.min_width), "w_cell": 1.5 * s["w_n"]} | s
        netlist.add_text(self.render(technology, {key: value for key, value in s.items() if key[:2] == "w_"}))
        times, _ = self._timed(netlist, s)
        spans = {b: (times[f"write_{b}"], times[f"write_{b}"] + s["t_write"]) for b in (0, 1)}
        margin = s["t_write"] / 5
        windows(netlist, "wl", "wl", s["vdd"], [(a + margin, b - margin) for a, b in spans.values()], s["edge"])
        windows(netlist, "bl", "bl", 0.0, [spans[0]], s["edge"], s["vdd"])
        windows(netlist, "blb", "blb", 0.0, [spans[1]], s["edge"], s["vdd"])
        gnd = netlist.circuit.gnd
        netlist.circuit.X("adder", "cmos_adder", "a", "ci", "s", "co", "wl", "bl", "blb", "vdd", gnd)
        netlist.nodesets |= {"xadder.b": s["vdd"], "xadder.bb": 0.0}
        return self._testbench(netlist, s, times, ("wl", "xadder.b"))

    def _read_at(self, s: Mapping[str, float], start: float) -> tuple[float, float]:
        return start, start + s["t_operation"] - s["edge"]

    def layout(self, bench: Testbench) -> dict[str, tuple[tuple[str, ...], ...]]:
        """Operands, outputs, current."""
        return {"": (("a", "ci", "xadder.b", "wl"), ("s", "co"), ("i(vdd)",))}
