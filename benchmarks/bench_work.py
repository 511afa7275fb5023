"""What a user waits for: the fit of a curve, the text of a card, and the text of a large array."""

from __future__ import annotations

import multiprocessing
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

from compact import emit
from compact.cards import load_card
from compact.circuits.array_1t1mtj import Array1T1Mtj
from compact.data import read_loops
from compact.demo import EXAMPLE
from compact.fitting import fit_loop

__all__ = ["rows"]

SIDE = 1024


def rows(repeat: int = 3) -> list[dict[str, Any]]:
    """Seconds, and memory of the array's stream.

    Parameters
    ----------
    repeat : int
        Times that each is run; the least time counts.
    """
    loop = read_loops(EXAMPLE)[0]
    card = load_card("garcia_redondo_2021")
    seconds, peak, size = min(_streamed() for _ in range(max(1, repeat // 3)))
    return [
        {
            "what": "fit of one loop",
            "seconds": _least(repeat, fit_loop, loop),
            "limit": 1.0,
        },
        {"what": "Verilog-A and ngspice libraries of a card", "seconds": _least(1, emit.emit, card, "all")},
        {
            "what": f"array of {SIDE} x {SIDE} cells as a stream",
            "seconds": seconds,
            "limit": 20.0,
            "peak_mb": peak,
            "limit_mb": 300.0,
            "text_mb": size,
        },
    ]


def _least(repeat: int, function: Any, *args: Any) -> float:
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        function(*args)
        times.append(time.perf_counter() - start)
    return min(times)


def _streamed() -> tuple[float, float, float]:
    """Seconds, peak memory [MB] and size [MB] in a fresh process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_stream)


def _stream() -> tuple[float, float, float]:
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        path = Array1T1Mtj().write(
            Path(folder) / "array.cir", load_card("garcia_redondo_2021"), "generic", rows=SIDE, columns=SIDE
        )
        seconds = time.perf_counter() - start
        size = path.stat().st_size / 1e6
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, size
