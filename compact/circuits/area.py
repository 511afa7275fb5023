"""What a circuit is made of: transistors, junctions and gate area, counted in its netlist."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from compact.measure import Measure
from compact.mismatch import junction_paths, transistor_paths

if TYPE_CHECKING:
    from compact.netlist import Netlist

__all__ = ["area_measures"]


def area_measures(netlist: Netlist, paths: Iterable[str] = ("",), what: str = "") -> list[Measure]:
    """Number of transistors and of junctions, and the area of all gates.

    Parameters
    ----------
    netlist : Netlist
        Circuit with its testbench.
    paths : iterable of str
        Instances that count, such as ``"xcell"``; all by default.
    what : str
        What is counted, for the description.

    Returns
    -------
    list of Measure
        ``transistors``, ``junctions`` and ``gate_area`` [m^2].
    """
    heads = tuple(f"{path}." if path else "" for path in paths)
    transistors = [t for path, t in transistor_paths(netlist).items() if path.startswith(heads)]
    junctions = sum(path.startswith(heads) for path in junction_paths(netlist))
    gates = sum(t.width * t.length for t in transistors)
    of = f" of {what}" if what else ""
    return [
        Measure("transistors", len(transistors), "1", 0, description=f"number{of}"),
        Measure("junctions", junctions, "1", 0, description=f"number{of}"),
        Measure("gate_area", gates, "m^2", 0, description=f"width times length of all gates{of}"),
    ]
