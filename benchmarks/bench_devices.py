"""Junctions alone, each with a pulse source of its own, for 15 ns: how the time grows with their number."""

from __future__ import annotations

from typing import Any

from benchmarks.devices import alone
from benchmarks.engines import engines

__all__ = ["rows"]

COUNTS = (1, 10, 100, 1000)


def rows(repeat: int = 3) -> list[dict[str, Any]]:
    """Seconds for 1 to 1000 junctions and for as many resistors.

    Parameters
    ----------
    repeat : int
        Times that each is run, in turn; the least time counts. The largest is run once.
    """
    return [
        {"what": f"{count} junctions", **alone(engine, count, repeat if count < max(COUNTS) else 1)}
        for engine in engines()
        for count in COUNTS
    ]
