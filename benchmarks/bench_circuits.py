"""What junctions cost in a circuit: each circuit against the same one with fixed resistors in their place.

Steps, options and saved signals of both are equal; a run counts with the processor time of its whole process of one
thread, loading included. ``python -m benchmarks circuits`` prints the table; NGSPICE names another ngspice.
"""

from __future__ import annotations

from typing import Any

from benchmarks.devices import CARDS, in_circuit
from benchmarks.engines import engines

__all__ = ["rows"]

CIRCUITS: tuple[tuple[str, dict[str, float]], ...] = (
    ("pcsa", {}),
    ("array_1t1mtj", {"rows": 16, "columns": 16}),
    ("lut", {"k": 6, "write": 0, "t_off": 0}),
)


def rows(repeat: int = 3) -> list[dict[str, Any]]:
    """Seconds with junctions and with resistors for every simulator, circuit and card.

    Parameters
    ----------
    repeat : int
        Times that each is run, in turn; the least time counts.
    """
    return [
        {"what": circuit, "card": card, **in_circuit(engine, circuit, card, repeat, **settings)}
        for engine in engines()
        for circuit, settings in CIRCUITS
        for card in CARDS
    ]
