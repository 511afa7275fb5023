"""Speed of write-error maps against a plain time-stepping solver of the same equation.

``python -m benchmarks.bench_fokker_planck`` prints the table; `rows` is for the runner.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_banded

from compact.cards import load_card
from compact.physics.fokker_planck import Axial
from compact.writing import write_errors

__all__ = ["rows"]

LIMIT = 2.0
"""Seconds in which a map of 50 x 50 points down to 1e-15 must be done."""
PUBLISHED = 8.4
"""Seconds that the published Fokker-Planck tool takes for one curve (arXiv:2106.04976, as measured elsewhere)."""
DELTA, TAU = 60.0, np.linspace(0.5, 20.0, 50)


def rows(repeat: int = 3) -> list[dict[str, Any]]:
    """Seconds for a map, for one curve, and for the same curve by stepping through time.

    Parameters
    ----------
    repeat : int
        Times that each is run; the least time counts.
    """
    card = load_card("garcia_redondo_2021")
    voltages, pulses = np.linspace(0.3, 0.8, 50), np.linspace(1e-9, 80e-9, 50)
    table = []
    seconds, outcome = _least(lambda: write_errors(card, pulses, voltage=voltages).error, repeat)
    table.append(
        {
            "what": "map 50 x 50, voltage drive",
            "seconds": seconds,
            "limit": LIMIT,
            "smallest": float(outcome.min()),
            "below 1e-15": int(np.sum(outcome < 1e-15)),
        }
    )
    ours, curve = _least(lambda: Axial(DELTA, 2.0).unswitched(TAU)[0], repeat)
    theirs, stepped = _least(lambda: stepping(DELTA, 2.0, TAU), max(1, repeat // 3))
    with np.errstate(all="ignore"):
        good = np.abs(stepped / curve - 1) < 0.02
    table.append(
        {
            "what": "curve of 50 widths, constant drive",
            "seconds": ours,
            "seconds_stepping": theirs,
            "ratio": theirs / ours,
            "ratio_published": PUBLISHED / ours,
            "smallest": float(curve.min()),
            "smallest_stepping": float(np.min(curve[good], initial=1.0)),
        }
    )
    return table


def _least(work: Callable[[], NDArray[np.float64]], repeat: int) -> tuple[float, NDArray[np.float64]]:
    result = work()
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times), result


def stepping(delta: float, drive: float, tau: NDArray[np.float64], cells: int = 1000) -> NDArray[np.float64]:
    """Unswitched probability by central differences and Crank-Nicolson, as one would write it first.

    Parameters
    ----------
    delta, drive : float
        As for `Axial`.
    tau : ndarray, shape (m,)
        Evenly spaced pulse widths over tau_d.
    cells : int
        Even cells in z.
    """
    faces = np.linspace(-1, 1, cells + 1)
    z, h = (faces[1:] + faces[:-1]) / 2, 2 / cells
    flat = 1 - faces[1:-1] ** 2
    drift, spread = flat * (faces[1:-1] + drive), flat / (2 * delta * h)
    # flux = drift (p_k + p_k+1)/2 - spread (p_k+1 - p_k)
    from_left, from_right = (drift / 2 + spread) / h, (drift / 2 - spread) / h
    diagonal = np.zeros(cells)
    diagonal[:-1] -= from_left
    diagonal[1:] += from_right
    steps = 40
    dt = (tau[1] - tau[0]) / steps
    implicit = np.zeros((3, cells))
    implicit[0, 1:], implicit[1], implicit[2, :-1] = dt / 2 * from_right, 1 - dt / 2 * diagonal, -dt / 2 * from_left
    p = np.where(z < 0, np.exp(-delta * (1 - z**2)), 0.0)
    p /= p.sum()
    found, now = np.empty(len(tau)), 0.0
    for k, end in enumerate(tau):
        for _ in range(round((end - now) / dt)):
            right = p * (1 + dt / 2 * diagonal)
            right[1:] += dt / 2 * from_left * p[:-1]
            right[:-1] -= dt / 2 * from_right * p[1:]
            p = solve_banded((1, 1), implicit, right)
        now = end
        found[k] = p[: cells // 2].sum()
    return found


def main() -> None:
    """Print the table."""
    for row in rows():
        print(", ".join(f"{k} {v:.3g}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()))


if __name__ == "__main__":
    main()
