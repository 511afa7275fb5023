"""Sources of testbenches that follow a list of levels."""

from __future__ import annotations

from collections.abc import Iterable

from compact.netlist import Netlist

__all__ = ["levels", "windows"]


def levels(netlist: Netlist, name: str, node: str, steps: Iterable[tuple[float, float]], edge: float) -> None:
    """Add a source against ground that takes on a new level at given times, half-way through each edge.

    Parameters
    ----------
    netlist : Netlist
        The circuit.
    name, node : str
        Of the source.
    steps : iterable of (float, float)
        Time [s] and level [V], in order of time, at least two edges apart; the first level holds from the beginning.
        A step to the level that holds already is left out.
    edge : float
        Rise and fall time [s].
    """
    points: list[tuple[float, float]] = []
    for time, level in steps:
        if not points:
            points.append((0.0, level))
        elif level != points[-1][1]:
            points += [(time - edge / 2, points[-1][1]), (time + edge / 2, level)]
    if len(points) == 1:
        netlist.circuit.V(name, node, netlist.circuit.gnd, points[0][1])
    else:
        netlist.circuit.PieceWiseLinearVoltageSource(name, node, netlist.circuit.gnd, values=points)


def windows(
    netlist: Netlist,
    name: str,
    node: str,
    high: float,
    spans: Iterable[tuple[float, float]],
    edge: float,
    low: float = 0.0,
) -> None:
    """Add a source that is `high` in some spans of time [s], half-way through its edges at their ends, else `low`."""
    steps = [(0.0, low)]
    for start, stop in spans:
        if start <= steps[-1][0] + edge and len(steps) > 1:
            steps.pop()  # the spans touch
        else:
            steps.append((start, high))
        steps.append((stop, low))
    levels(netlist, name, node, steps, edge)
