"""Figures of an auto-oscillator against current as its card has them, beside those that were measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compact.microwave import delivered_power
from compact.oscillatordata import KINDS, OscillatorTable
from compact.physics.auto_oscillation import AutoOscillator, Linear

__all__ = ["Points", "deviation", "emitted", "mean_power", "points_of", "predict", "rounding"]

FloatArray: TypeAlias = NDArray[np.float64]

GRID = 400
"""Points of the thermal distribution: they hold its mean to 0.05 %."""


def emitted(model: AutoOscillator, power: ArrayLike, at: Linear, load: float) -> FloatArray:
    """Power delivered into a load [W] at an oscillation power p, at the bias points `at`."""
    swing = np.abs(at.i_cos / at.conductance) * model.cos_u * np.sqrt(np.asarray(power, dtype=float))
    return delivered_power(swing, 1 / at.conductance, load)


def rounding(model: AutoOscillator) -> float:
    """Half width of the thermal rounding of the threshold, in supercriticality [1]."""
    return math.sqrt(2 * model.thermal * (1 + model.q_damping))


def mean_power(model: AutoOscillator, current: FloatArray, exact: bool = True) -> FloatArray:
    """Thermal mean of the power; away from threshold (or everywhere, for a first look), by its closed form."""
    zeta = model.zeta(current)
    width = rounding(model)
    below = model.thermal / np.maximum(1 - zeta, width)
    result = np.where(zeta < 1, below, model.power(current))
    near = (np.abs(zeta - 1) < 12 * width) & exact
    if near.any():
        result[near] = model.mean_power(current[near], GRID)
    return np.asarray(result)


def predict(
    model: AutoOscillator, kind: str, current: FloatArray, at: Linear, load: float, exact: bool = True
) -> FloatArray:
    """Frequency [Hz], power [W] or linewidth [Hz] at currents [A] with the bias points `at`."""
    if kind == "linewidth":
        return model.linewidth(current)
    p = mean_power(model, current, exact)
    if kind == "frequency":
        return np.asarray(model.f_0 + model.f_i * current + model.n_shift * p)
    return emitted(model, p, at, load)


@dataclass(frozen=True)
class Points:
    """One kind of figure of one table."""

    kind: str
    current: FloatArray
    value: FloatArray
    error: FloatArray | None
    at: Linear
    load: float


def points_of(tables: Sequence[OscillatorTable], base: AutoOscillator) -> list[Points]:
    """Finite figures of all tables, with the bias points of their currents."""
    assert base.junction is not None
    found = []
    for table in tables:
        for kind in KINDS:
            value = getattr(table, kind)
            if value is None:
                continue
            good = np.isfinite(value)
            error = getattr(table, f"{kind}_error")
            i = table.current[good]
            found.append(
                Points(kind, i, value[good], None if error is None else error[good], base.junction.at(i), table.load)
            )
    return found


def deviation(points: Points, law: FloatArray) -> FloatArray:
    """Deviation of the data: in hertz for the frequency, logarithmic for powers and widths, which are positive."""
    if points.kind == "frequency":
        return points.value - law
    return np.asarray(np.log(points.value) - np.log(np.maximum(law, 1e-300)))
