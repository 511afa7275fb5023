"""Where and how a loop changes its state, once the conduction of both states is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact.errors import DataError
from compact.loopmodel import LoopModel
from compact.loops import VOLATILE, Flip

__all__ = ["find_transitions", "measured_fraction", "usable_points"]

FloatArray = NDArray[np.float64]


def measured_fraction(problem: LoopModel, p: Mapping[str, float]) -> FloatArray:
    """Parallel fraction of each point from its resistance, given the conduction of both states."""
    values = problem.conduction(p)
    ones = np.ones(len(problem.x))
    r_p = problem.distort(p, problem.resistance(values, ones), ones)
    r_ap = problem.distort(p, problem.resistance(values, -ones), 0 * ones)
    return (1 / problem.shape.resistance - 1 / r_ap) / (1 / r_p - 1 / r_ap)


def find_transitions(problem: LoopModel, fraction: FloatArray, blur: FloatArray) -> dict[bool, dict[str, float]]:
    """Flips and number of points within each transition, from measured fractions; start values where gradual."""
    shape = problem.shape
    guesses: dict[bool, dict[str, float]] = {}
    problem.flips = {True: [], False: []}
    problem.gradual = {}
    for to_parallel in (True, False):
        sign = 1 if to_parallel else -1
        inside: list[int] = []
        for flip in (f for f in shape.flips if f.to_parallel == to_parallel):
            rows = _rise(sign * shape.drive, flip.index)
            q = fraction[rows] if to_parallel else 1 - fraction[rows]
            above = np.flatnonzero(q > 0.5)
            below = np.flatnonzero(q <= 0.5)
            if not len(above) or not len(below):
                problem.flips[to_parallel].append(flip)
                inside.append(0)
                continue
            k = next((j for j in above.tolist() if j > 0 and np.mean(q[j:] > 0.5) > 0.7), int(above[-1]))
            x = sign * shape.drive[rows]
            if x[k] <= 0:
                raise DataError(VOLATILE.format(shape.loop.source, "AP" if to_parallel else "P"))
            low = max(float(x[k - 1]), 0.0) if k > 0 else 0.0
            problem.flips[to_parallel].append(Flip(int(rows[k]), to_parallel, low, float(x[k])))
            margin = np.clip(4 * blur[rows], 0.06, 0.3)
            middle = (q > margin) & (q < 1 - margin) & (x > 0)
            count = int(middle.sum())
            inside.append(count)
            if count >= 2:
                ordered = np.maximum.accumulate(np.clip(q, 0, 1)) + 1e-9 * np.arange(len(q))
                at = np.interp([0.16, 0.5, 0.84], ordered, x)
                step = float(np.median(np.abs(np.diff(x)))) or float(x.max()) / len(x)
                guesses[to_parallel] = {
                    "x": float(at[1]),
                    "width": max(float(at[2] - at[0]) / 2, 0.3 * step),
                    "step": step,
                }
        problem.gradual[to_parallel] = min(inside) if inside and min(inside) >= 2 else 0
        if not problem.gradual[to_parallel]:
            guesses.pop(to_parallel, None)
    return guesses


def _rise(x: FloatArray, index: int) -> NDArray[np.int64]:
    """Points of the sweep towards the end that holds a flip: from its last start at the other end to the top."""
    begin = index
    while begin > 0 and x[begin - 1] <= x[begin] + 1e-3 * np.ptp(x):
        begin -= 1
    end = index
    while end + 1 < len(x) and x[end + 1] >= x[end] - 1e-3 * np.ptp(x):
        end += 1
    return np.arange(begin, end + 1)


def usable_points(problem: LoopModel, fraction: FloatArray, guesses: Mapping[bool, Any]) -> NDArray[np.bool_]:
    """All points but those caught within an abrupt change of state."""
    used = np.ones(len(fraction), dtype=bool)
    for to_parallel in (True, False):
        if to_parallel in guesses:
            continue
        flips = problem.flips[to_parallel]
        magnitude = problem.shape.drive * (1 if to_parallel else -1)
        low, high = min(f.low for f in flips), max(f.high for f in flips)
        level = np.mean([f.middle for f in flips])
        for flip in flips:
            for k in (flip.index - 1, flip.index):
                q = fraction[k] if to_parallel else 1 - fraction[k]
                if abs(q - float(magnitude[k] >= level)) > 0.06:
                    used[k] = abs(q - float(magnitude[k] >= level)) * problem.shape.height < 6 * problem.shape.noise
        if len(flips) > 1:
            used &= ~((magnitude > low) & (magnitude < high))
    return used
