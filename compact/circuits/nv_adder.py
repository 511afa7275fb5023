"""Non-volatile full adder: logic in memory, one operand is stored in junctions that the logic reads."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from scipy.optimize import brentq

from compact.circuits.adder import Adder, adder_settings
from compact.circuits.base import Junction, Setting, Testbench
from compact.circuits.cell_1t1mtj import SWITCHED
from compact.circuits.sense import NODE_CAPACITANCE
from compact.circuits.stimulus import windows
from compact.errors import CircuitError
from compact.measure import Measure, value_at
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.technology import Device, Technology

if TYPE_CHECKING:
    from compact.waveform import Waveforms

__all__ = ["NvAdder", "series_voltage"]

ACCESS_DROP = 0.1
"""Voltage that each write-access transistor may take [V]."""
MARGIN = 1.3
"""Factor on the width of the access transistors, over the drive law."""
WIDEST = 20e-6
"""Of an access transistor [m]."""
TREE = 5
"""Read times are this many time constants: of the slower junction and the tree's capacitance."""


def series_voltage(junction: Junction, overdrive: float) -> tuple[float, float]:
    """Voltage across a parallel and an antiparallel junction in series, and current, that turn both.

    Parameters
    ----------
    junction : Junction
        The junction.
    overdrive : float
        Current over the larger one of both critical currents.

    Returns
    -------
    tuple of float
        Voltage [V] and current [A].

    Raises
    ------
    CircuitError
        If no voltage up to 10 V drives that current.
    """
    to_ap, to_p = junction.write_voltage(1.0, overdrive), junction.write_voltage(-1.0, overdrive)
    current = max(-junction.current(-to_ap, 1.0), junction.current(to_p, -1.0))
    across = 0.0
    for z, sign in ((1.0, -1), (-1.0, 1)):

        def lacking(volts: float, z: float = z, sign: int = sign) -> float:
            return sign * junction.current(sign * volts, z) - current

        if lacking(10.0) < 0:
            raise CircuitError(f"card '{junction.card.name}' does not carry {current:g} A below 10 V")
        across += float(brentq(lacking, 0.0, 10.0))
    return across, current


class NvAdder(Adder):
    """Sum and carry each read their own pair of complementary junctions through a tree of the volatile operands.

    Writing sends a current from one bit line through both junctions of a pair in series to the other bit line.
    """

    name = "nv_adder"
    title = "non-volatile full adder, logic in memory"
    template = "nv_adder.cir.j2"
    citation = "S. Matsunaga et al., Appl. Phys. Express 1 (2008) 091301"
    ports = MappingProxyType(
        {
            "nv_adder": ("a", "ci", "s", "sb", "co", "cob", "sen", "pre", "wen", "bl", "blb", "vdd", "vss"),
            "nv_sum": ("a", "an", "ci", "cin", "s", "sb", "sen", "pre", "wen", "bl", "blb", "vdd", "vss"),
            "nv_carry": ("a", "an", "ci", "cin", "co", "cob", "sen", "pre", "wen", "bl", "blb", "vdd", "vss"),
        }
    )
    settings = adder_settings(
        Setting("overdrive", 1.5, "1", "write current over the card's critical one", 1.05, 10),
        Setting("w_tree", None, "m", "nMOS of the trees (derived: twice w_n)", 1e-8, 1e-3),
        Setting("w_foot", None, "m", "discharge nMOS (derived: four times w_n)", 1e-8, 1e-3),
        Setting(
            "w_access", None, "m", "write access, thick oxide where there is one (derived: 0.1 V drop)", 1e-8, 1e-3
        ),
        Setting("v_write", None, "V", "bit line when it writes (derived: carries the write current)", 0.1, 20),
        Setting("v_wen", None, "V", "gates of the write access (derived: supply of those transistors)", 0.1, 20),
    )

    def _bench(
        self, card: ParameterSet, technology: Technology, values: Mapping[str, Any], netlist: Netlist
    ) -> Testbench:
        kind = "nmos_io" if "nmos_io" in technology.devices else "nmos"
        s = self._sized(Junction(card), technology, kind, values)
        widths = {key: value for key, value in s.items() if key[:2] == "w_"}
        netlist.add_text(self.render(technology, {**widths, "access": partial(_transistor, technology, kind)}))
        times, rows = self._timed(netlist, s)
        half, edge = s["t_operation"] / 2, s["edge"]
        spans = {b: (times[f"write_{b}"], times[f"write_{b}"] + s["t_write"]) for b in (0, 1)}
        # Precharged from the beginning of each operation, read in its second half, floating while b is written.
        reads = [(start + half, start + 2 * half) for start, *_ in rows]
        windows(netlist, "sen", "sen", s["vdd"], reads, edge)
        off = [(a - 4 * edge, b + 4 * edge) for a, b in spans.values()]
        windows(netlist, "pre", "pre", s["vdd"], sorted([*reads, *off]), edge)
        windows(netlist, "wen", "wen", s["v_wen"], [(a - 2 * edge, b + 2 * edge) for a, b in spans.values()], edge)
        # b = 0 is the true junction parallel: current into its free layer, from bl.
        windows(netlist, "bl", "bl", s["v_write"], [spans[0]], edge)
        windows(netlist, "blb", "blb", s["v_write"], [spans[1]], edge)
        ends = ("a", "ci", "s", "sb", "co", "cob", "sen", "pre", "wen", "bl", "blb", "vdd", netlist.circuit.gnd)
        netlist.circuit.X("adder", "nv_adder", *ends, state=-1, state_n=1)
        if s["c_load"]:
            for name in ("sb", "cob"):
                netlist.circuit.C(name, name, netlist.circuit.gnd, s["c_load"])
        states = tuple(f"xadder.{part}.{mtj}.z" for part in ("xsum", "xcarry") for mtj in ("xmtj", "xmtj_n"))
        return self._testbench(netlist, s, times, ("sen", "wen", "sb", "cob", *states))

    @staticmethod
    def _sized(junction: Junction, technology: Technology, kind: str, values: Mapping[str, Any]) -> dict[str, float]:
        given = {name: value for name, value in values.items() if value is not None}
        nmos, pmos, access = technology.device("nmos"), technology.device("pmos"), technology.device(kind)
        s = {"vdd": nmos.vdd, "w_n": 3 * nmos.min_width, "v_wen": access.vdd} | given
        s = {"w_p": max(s["w_n"], pmos.min_width), "w_tree": 2 * s["w_n"], "w_foot": 4 * s["w_n"]} | s
        across, current = series_voltage(junction, s["overdrive"])
        s = {"v_write": across + 2 * ACCESS_DROP} | s
        s = {"w_access": _access(access, s["v_wen"], across, current)} | s
        if s["v_write"] > s["v_wen"] or not math.isfinite(s["w_access"]):
            raise CircuitError(
                f"card '{junction.card.name}' cannot be written in series in {technology.name}: {current * 1e6:.3g} uA "
                f"through both junctions need {s['v_write']:.3g} V, and access transistors with {s['v_wen']:g} V at "
                "their gates pass less; junctions that switch at less voltage do, or a technology of higher supply"
            )
        s = {"t_write": 2 * junction.switching_time(s["overdrive"])} | s
        capacitance = NODE_CAPACITANCE * (2 * s["w_n"] + 3 * s["w_p"] + 6 * s["w_tree"] + s["w_access"]) + s["c_load"]
        return {"t_operation": 2 * max(TREE * capacitance * junction.resistance(-1.0), 20 * s["edge"], 1e-9)} | s

    def _read_at(self, s: Mapping[str, float], start: float) -> tuple[float, float]:
        return start + s["t_operation"] / 2, start + s["t_operation"] - s["edge"]

    def layout(self, bench: Testbench) -> dict[str, tuple[tuple[str, ...], ...]]:
        """Operands and clock, outputs, currents, states."""
        states = tuple(name for name in bench.save if name.endswith(".z"))
        return {"": (("a", "ci", "sen", "wen", "bl", "blb"), ("s", "co"), ("i(vdd)", "i(vbl)", "i(vblb)"), states)}

    def _own_measures(self, waveforms: Waveforms, bench: Testbench) -> list[Measure]:
        s, at, t = bench.settings, bench.times, waveforms.axis
        right, moved = 0, 0.0
        for b in (0, 1):
            begin, end = at[f"written_{b}"], at[f"written_{b}"] + 4 * s["t_operation"]
            for part in ("xsum", "xcarry"):
                for mtj, sign in (("xmtj", 1 - 2 * b), ("xmtj_n", 2 * b - 1)):
                    z = waveforms[f"xadder.{part}.{mtj}.z"]
                    right += sign * value_at(t, z, begin) >= SWITCHED
                    inside = z[(t >= begin) & (t <= end)]
                    moved = max(moved, float(abs(inside - inside[0]).max()))
        return [
            Measure("written", right / 8, "1", 1, 1, "share of junctions in the right state after two writes"),
            Measure("disturb", moved, "1", 0, 0.2, "largest change of z in four operations"),
        ]


def _access(device: Device, gate: float, across: float, current: float) -> float:
    """Width [m] of the write-access transistors, infinite if none will do; the upper, a source follower, is weaker."""
    source = ACCESS_DROP + across
    density = device.current(gate - source, ACCESS_DROP, source)
    width = MARGIN * current / density if density > 0 else math.inf
    return max(width, device.min_width) if width <= WIDEST else math.inf


def _transistor(technology: Technology, kind: str, name: str, nodes: str, width: float) -> str:
    drain, gate, source, bulk = nodes.split()
    return technology.transistor(kind, name, drain, gate, source, bulk, width)
