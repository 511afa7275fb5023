"""What a circuit is made of: transistors, junctions and gate area, counted in its netlist."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from compact.measure import Measure
from compact.mismatch import junction_paths, transistor_paths

if TYPE_CHECKING:
    from compact.netlist import Netlist

__all__ = ["area", "area_measures"]


def area(netlist: Netlist, paths: Iterable[str] = ("",)) -> tuple[int, int, float]:
    """Number of transistors, number of junctions, and width times length of all gates [m^2].

    Parameters
    ----------
    netlist : Netlist
        Circuit with its testbench.
    paths : iterable of str
        Instances that count, such as ``"xcell"``; all by default.
    """
    heads = tuple(f"{path}." if path else "" for path in paths)
    transistors = [t for path, t in transistor_paths(netlist).items() if path.startswith(heads)]
    junctions = sum(path.startswith(heads) for path in junction_paths(netlist))
    return len(transistors), junctions, sum(t.width * t.length for t in transistors)


def area_measures(netlist: Netlist, paths: Iterable[str] = ("",), what: str = "") -> list[Measure]:
    """The same as measures ``transistors``, ``junctions`` and ``gate_area``; `what` says in words what is counted."""
    transistors, junctions, gates = area(netlist, paths)
    of = f" of {what}" if what else ""
    return [
        Measure("transistors", transistors, "1", 0, description=f"number{of}"),
        Measure("junctions", junctions, "1", 0, description=f"number{of}"),
        Measure("gate_area", gates, "m^2", 0, description=f"width times length of all gates{of}"),
    ]
