"""Thermal reduction of switching fields: anisotropy field and stability factor from their means and scatter.

The barrier is Delta (1 - H/Hk)^2, of an axially symmetric macrospin: J. Kurkijarvi, Phys. Rev. B 6, 832 (1972);
M. P. Sharrock, J. Appl. Phys. 76, 6413 (1994).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar

from compact.fieldfit import Estimate, LoopOfField
from compact.physics.activation import escape_rate

__all__ = ["VAGUE", "Thermal", "fit_thermal", "median_field"]

FloatArray: TypeAlias = NDArray[np.float64]

VAGUE = 0.4
"""Relative standard error from which on a parameter counts as not determined."""
CALIBRATION = 1e-3
"""Least relative error of an anisotropy field from another measurement."""
PUSHES = np.concatenate((np.linspace(-1.0, 0.0, 200, endpoint=False), np.linspace(0.0, 1.6, 3000)))
"""Fields over the anisotropy field at which rates are integrated."""


@dataclass(frozen=True)
class Thermal:
    """Anisotropy field and stability factor from switching fields.

    Parameters
    ----------
    h_k, delta, centre : (float, float)
        Anisotropy field [A/m], stability factor [1] and field of the loop's centre [A/m], with standard errors.
    correlation : float
        Of anisotropy field and stability factor.
    per_decade : (float, float)
        Change of anisotropy field [A/m] and stability factor when the assumed relaxation time is ten times longer.
    events : int
        Switching events used.
    """

    h_k: Estimate
    delta: Estimate
    centre: Estimate
    correlation: float
    per_decade: tuple[float, float]
    events: int


def _dose(h_k: float, delta: float, rate: float, tau_d: float) -> FloatArray:
    """Integral of the escape rate over time up to each of `PUSHES`, for a field that grows at `rate` [A/m/s]."""
    speed = rate / h_k
    escape = escape_rate(delta, PUSHES, tau_d)
    parts = np.diff(PUSHES) * (escape[1:] + escape[:-1]) / 2
    return np.concatenate(([0.0], np.cumsum(parts))) / speed


def median_field(h_k: float, delta: float, rate: float, tau_d: float) -> float:
    """Field at which half of the junctions have switched while it grows [A/m].

    Parameters
    ----------
    h_k : float
        Anisotropy field [A/m].
    delta : float
        Thermal stability factor [1].
    rate : float
        Speed of the field [A/m per second].
    tau_d : float
        Relaxation time [s].
    """
    dose = np.log(np.maximum(_dose(h_k, delta, rate, tau_d), 1e-290))
    return h_k * float(np.interp(math.log(math.log(2)), dose, PUSHES))


@dataclass(frozen=True)
class _Events:
    """Switching of abrupt loops, each between two fields, and medians of gradual ones."""

    abrupt: tuple[tuple[float, int, float, float], ...]  # speed, direction, low, high
    medians: tuple[tuple[float, int, float, float], ...]  # speed, direction, field, error

    @property
    def rates(self) -> set[float]:
        return {e[0] for e in (*self.abrupt, *self.medians)}


def _events(fits: Sequence[LoopOfField]) -> _Events:
    abrupt, medians = [], []
    for fit in fits:
        rate = fit.shape.loop.sweep_rate
        if fit.form != "loop" or rate is None:
            continue
        for way, name in ((True, "ap2p"), (False, "p2ap")):
            sign = 1 if way else -1
            if fit.shape.gradual[way]:
                medians.append((rate, sign, *fit.values[f"h_{name}"]))
            else:
                abrupt += [(rate, sign, f.low, f.high) for f in fit.shape.flips if f.to_parallel == way]
    return _Events(tuple(abrupt), tuple(medians))


def _unlikelihood(x: FloatArray, events: _Events, tau_d: float, prior: Estimate | None) -> float:
    """Minus the logarithm of the likelihood of log Hk, log Delta and centre."""
    h_k, delta, centre = math.exp(x[0]), math.exp(x[1]), float(x[2])
    total = 0.0
    doses = {rate: _dose(h_k, delta, rate, tau_d) for rate in events.rates}
    for rate, sign, low, high in events.abrupt:
        near, far = sorted((sign * (low - centre) / h_k, sign * (high - centre) / h_k))
        a, b = np.interp((near, far), PUSHES, doses[rate])
        stay = math.exp(-min(a, 600.0))
        total -= math.log(max(stay * -math.expm1(-max(b - a, 0.0)), 1e-250))
        total += 1e3 * max(a - 500.0, 0.0) / 500.0
    for rate, sign, field, error in events.medians:
        dose = np.log(np.maximum(doses[rate], 1e-290))
        expected = h_k * float(np.interp(math.log(math.log(2)), dose, PUSHES))
        total += 0.5 * ((sign * (field - centre) - expected) / max(error, 2e-3 * h_k)) ** 2
    if prior:
        total += 0.5 * ((h_k - prior[0]) / prior[1]) ** 2
    return total


def fit_thermal(fits: Sequence[LoopOfField], tau_d: float, prior: Estimate | None = None) -> Thermal | str:
    """Anisotropy field and stability factor from switching fields, or why they are not determined.

    Parameters
    ----------
    fits : sequence of LoopOfField
        Fits of loops; those that open and state their speed count.
    tau_d : float
        Relaxation time [s].
    prior : (float, float), optional
        Anisotropy field [A/m] known from elsewhere, with its standard error.
    """
    events = _events(fits)
    if prior is not None:  # two methods never agree better than the calibration of the field
        prior = prior[0], max(prior[1], CALIBRATION * prior[0])
    if not events.rates:
        return "the speed of the field is not known: give --sweep-rate, or a column of times"
    spread = max(events.rates) / min(events.rates)
    steps = [high - low for *_, low, high in events.abrupt]
    scatter = (
        [float(np.std([(low + high) / 2 for _, s, low, high in events.abrupt if s == sign])) for sign in (1, -1)]
        if len(events.abrupt) >= 10
        else [0.0]
    )
    resolved = bool(steps) and max(scatter) > 0.5 * float(np.median(steps))
    if prior is None and spread < 3 and not resolved:
        return (
            "one switching field gives one point on a line of Delta and anisotropy field; several cycles in fine "
            "steps, speeds of the field that differ threefold, or a hard-axis loop tell them apart"
        )
    centre = float(np.mean([f.values["h_centre"][0] for f in fits if f.form == "loop"]))
    h_c = float(np.mean([f.values["h_c"][0] for f in fits if f.form == "loop"]))
    best = _minimum(events, tau_d, prior, centre, h_c)
    if best is None:
        return "the switching fields fit no thermally activated switching over one barrier"
    x, covariance = best
    h_k, delta = math.exp(x[0]), math.exp(x[1])
    errors = np.sqrt(np.diag(covariance))
    h_error, delta_error = _reach(events, tau_d, prior, x, errors)
    if not delta_error < VAGUE * delta:
        return (
            f"the switching fields leave it open: {delta:.3g} with a standard error of {delta_error:.2g}; more "
            f"cycles or speeds of the field would tell"
        )
    slower = _minimum(events, 10 * tau_d, prior, centre, h_c)
    moved = (math.exp(slower[0][0]) - h_k, math.exp(slower[0][1]) - delta) if slower else (math.nan, math.nan)
    return Thermal(
        h_k=(h_k, h_error),
        delta=(delta, delta_error),
        centre=(float(x[2]), float(errors[2])),
        correlation=float(covariance[0, 1] / (errors[0] * errors[1])),
        per_decade=moved,
        events=len(events.abrupt) + len(events.medians),
    )


def _reach(
    events: _Events, tau_d: float, prior: Estimate | None, x: FloatArray, errors: FloatArray
) -> tuple[float, float]:
    """Standard errors of Hk and Delta: a third of the longer side of the interval of three.

    The likelihood is far from a parabola along the valley in which both trade for one another, so the interval is
    where its profile has fallen by 9/2.
    """
    lowest = _unlikelihood(x, events, tau_d, prior)

    def profile(log_delta: float) -> tuple[float, float]:
        """Best likelihood at this Delta, and the log Hk of it."""
        width = max(4 * float(errors[0]), 1.2 * abs(log_delta - x[1]), 0.01)
        best = minimize_scalar(
            lambda log_h: _unlikelihood(np.array([log_h, log_delta, x[2]]), events, tau_d, prior),
            bounds=(float(x[0]) - width, float(x[0]) + width),
            method="bounded",
            options={"xatol": 1e-4},
        )
        return float(best.fun), float(best.x)

    ends = []
    for sign in (1.0, -1.0):
        inner, outer = 0.0, max(float(errors[1]), 1e-3)
        while profile(x[1] + sign * outer)[0] < lowest + 4.5 and outer < 3.0:
            inner, outer = outer, 2 * outer
        for _ in range(7):
            middle = (inner + outer) / 2
            if profile(x[1] + sign * middle)[0] < lowest + 4.5:
                inner = middle
            else:
                outer = middle
        ends.append((profile(x[1] + sign * outer)[1], x[1] + sign * outer))
    found = []
    for k in (0, 1):
        found.append(max(abs(math.exp(end[k]) - math.exp(x[k])) for end in ends) / 3)
    return max(found[0], math.exp(x[0]) * 1e-4), found[1]


def _minimum(
    events: _Events, tau_d: float, prior: Estimate | None, centre: float, h_c: float
) -> tuple[FloatArray, FloatArray] | None:
    """Most likely log Hk, log Delta and centre with their covariance; None if it is at no proper maximum."""
    scale = np.array([0.02, 0.05, 0.02 * h_c])

    def cost(y: FloatArray) -> float:
        x = y * scale
        if not (-2.3 < x[0] - math.log(h_c) < 3.0 and 1.4 < x[1] < 11.5):
            return 1e9
        return _unlikelihood(x, events, tau_d, prior)

    found = []
    for delta in (25.0, 60.0, 200.0):
        # Hk from Delta by where the median lies, so that the search starts on the valley's floor.
        share = median_field(1.0, delta, float(np.median([*events.rates])) / h_c, tau_d)
        h_k = h_c / max(share, 0.05) if prior is None else prior[0]
        start = np.array([math.log(h_k), math.log(delta), centre]) / scale
        result = minimize(cost, start, method="Nelder-Mead", options={"xatol": 1e-3, "fatol": 1e-5, "maxiter": 1500})
        found.append((float(result.fun), np.asarray(result.x)))
    value, y = min(found, key=lambda pair: pair[0])
    if value > 1e6:
        return None
    step = 0.3
    hessian = np.empty((3, 3))
    unit = np.eye(3) * step
    for i in range(3):
        for j in range(3):
            corners = [cost(y + a * unit[i] + b * unit[j]) * a * b for a in (1, -1) for b in (1, -1)]
            hessian[i, j] = sum(corners) / (4 * step * step)
    try:
        covariance = np.linalg.inv(hessian)
    except np.linalg.LinAlgError:
        return None
    if np.any(np.diag(covariance) <= 0):
        return None
    return np.asarray(y * scale, dtype=float), np.asarray(covariance * np.outer(scale, scale), dtype=float)
