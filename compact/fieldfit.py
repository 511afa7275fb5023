"""Fit of one loop of resistance against field: resistances and switching fields, or anisotropy field."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import lmfit
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from compact.errors import DataError
from compact.fieldloop import FieldShape, sweeps
from compact.loops import Flip

__all__ = ["Estimate", "LoopOfField", "fit_closed", "fit_open"]

FloatArray: TypeAlias = NDArray[np.float64]
Estimate: TypeAlias = tuple[float, float]
"""Value and standard error."""

ROUNDED, KINK, MIN_USED = 2.0, 0.15, 10
"""Reduced chi-square from which a kink counts as rounded, its share of Hk either way, and points that must be left."""
MISFIT = 0.1
"""Rms residual over height beyond which a curve is not what the fit takes it for."""


@dataclass(frozen=True)
class LoopOfField:
    """Fit of one loop.

    Parameters
    ----------
    shape : FieldShape
        The loop in model convention.
    values : dict of str to (float, float)
        Figures with their standard errors: `r_p` [Ohm], `tmr` [1]; of an open loop `h_ap2p`, `h_p2ap` [A/m], their
        mean `h_centre` and half distance `h_c`, and where the change is gradual or several were seen `width_ap2p`,
        `width_p2ap`; of a closed one `h_k` [A/m].
    curve : ndarray, shape (n,)
        Fitted resistance [Ohm].
    rms : float
        Rms residual over the height of the loop, points within abrupt changes left out.
    form : {"loop", "across", "along"}
        Open loop; closed one with the reference layer across the field, so that the resistance is even in it; or
        along the field.
    """

    shape: FieldShape
    values: dict[str, Estimate]
    curve: FloatArray
    rms: float
    form: str


def _domains(shape: FieldShape, p: Mapping[str, float]) -> FloatArray:
    """Parallel fraction after each point, for domains that each have fixed switching fields."""
    up = ndtr((shape.field - p["h_ap2p"]) / p["width_ap2p"])
    down = ndtr((p["h_p2ap"] - shape.field) / p["width_p2ap"])
    result = np.empty(len(shape.field))
    now = 1.0 if shape.state[0] > 0 else 0.0
    for a, b, sign in sweeps(shape.field):
        if sign > 0:
            result[a:b] = np.maximum(now, np.maximum.accumulate(up[a:b]))
        else:
            result[a:b] = np.minimum(now, 1 - np.maximum.accumulate(down[a:b]))
        now = result[b - 1]
    return result


def fit_open(shape: FieldShape) -> LoopOfField:
    """Resistances, their drift and slopes, and switching fields of an open loop.

    Raises
    ------
    DataError
        If too few points are in one of the states.
    """
    field, u = shape.field, shape.field / np.abs(shape.field).max()
    time = np.linspace(-0.5, 0.5, len(u))
    params = lmfit.Parameters()
    params.add("r_p", value=shape.levels[0], min=1e-9)
    params.add("r_ap", value=shape.levels[1], min=1e-9)
    for name in ("slope_p", "slope_ap", "drift"):
        params.add(name, value=0.0)
    used = np.ones(len(u), dtype=bool)
    abrupt: dict[bool, list[Flip]] = {}
    step = float(np.median(np.abs(np.diff(field))))
    for way, name in ((True, "ap2p"), (False, "p2ap")):
        flips = [f for f in shape.flips if f.to_parallel == way]
        params.add(f"h_{name}", value=float(np.mean([f.middle for f in flips])), vary=shape.gradual[way])
        params.add(f"width_{name}", value=1.5 * step, min=0.05 * step, vary=shape.gradual[way])
        if not shape.gradual[way]:
            abrupt[way] = flips
            for flip in flips:  # what lies between two states belongs to none of them
                used[max(flip.index - 2, 0) : flip.index + 2] = False

    def fraction(p: Mapping[str, float]) -> FloatArray:
        if not abrupt:
            return _domains(shape, p)
        known = (1 + shape.state) / 2
        if len(abrupt) == 2:
            return known
        soft = _domains(shape, p)
        to_parallel = next(iter(abrupt))
        rising = np.zeros(len(field), dtype=bool)
        for a, b, sign in sweeps(field):
            rising[a:b] = sign > 0
        return np.where(rising == to_parallel, known, soft)

    def curve(p: Mapping[str, float]) -> FloatArray:
        f = fraction(p)
        low, high = p["r_p"] * (1 + p["slope_p"] * u), p["r_ap"] * (1 + p["slope_ap"] * u)
        # Domains in parallel: conductances add.
        return (1 + p["drift"] * time) / (f / low + (1 - f) / high)

    def residual(p: lmfit.Parameters) -> FloatArray:
        return ((shape.loop.resistance - curve(p.valuesdict())) / shape.noise)[used]

    if used.sum() < 8:
        raise DataError(f"{shape.loop.source}: fewer than 8 points are in one of the two states; take a finer sweep")
    result = lmfit.minimize(residual, params, method="leastsq", max_nfev=4000)
    best = result.params.valuesdict()
    fitted = curve(best)
    errors = {k: float(v.stderr) if v.stderr else 0.0 for k, v in result.params.items()}
    height = best["r_ap"] - best["r_p"]
    tmr = best["r_ap"] / best["r_p"] - 1
    # Errors of both resistances are nearly independent of each other.
    tmr_error = (1 + tmr) * math.hypot(errors["r_p"] / best["r_p"], errors["r_ap"] / best["r_ap"])
    values: dict[str, Estimate] = {"r_p": (best["r_p"], errors["r_p"]), "tmr": (tmr, tmr_error)}
    for way, name in ((True, "ap2p"), (False, "p2ap")):
        if way in abrupt:
            middles = np.array([f.middle for f in abrupt[way]])
            inside = float(np.mean([f.high - f.low for f in abrupt[way]])) / math.sqrt(12)
            scatter = float(np.std(middles, ddof=1)) if len(middles) > 1 else 0.0
            values[f"h_{name}"] = float(middles.mean()), math.hypot(inside, scatter / math.sqrt(len(middles)))
            if len(middles) >= 5 and scatter > inside:
                values[f"width_{name}"] = scatter, scatter / math.sqrt(2 * len(middles) - 2)
        else:
            values[f"h_{name}"] = best[f"h_{name}"], errors[f"h_{name}"]
            values[f"width_{name}"] = best[f"width_{name}"], errors[f"width_{name}"]
    (up, up_error), (down, down_error) = values["h_ap2p"], values["h_p2ap"]
    error = math.hypot(up_error, down_error) / 2
    values["h_centre"], values["h_c"] = ((up + down) / 2, error), ((up - down) / 2, error)
    rms = float(np.sqrt(np.mean((shape.loop.resistance - fitted)[used] ** 2))) / height
    return LoopOfField(shape, values, fitted, rms, "loop")


def fit_closed(shape: FieldShape, states: tuple[float, float] | None = None) -> LoopOfField:
    """Anisotropy field from a curve along the hard axis, by coherent rotation.

    Parameters
    ----------
    shape : FieldShape
        The curve.
    states : tuple of float, optional
        Conductances of the parallel and the antiparallel state [S], where an open loop has given them.

    Raises
    ------
    DataError
        If it is no such curve.
    """
    tries = [_fit_hard(shape, form, states) for form in ("across", "along")]
    best = min(tries, key=lambda fit: fit.rms)
    if best.rms > MISFIT:
        raise DataError(
            f"{shape.loop.source}: neither a loop that opens nor the closed curve of a hard axis: the nearest one is "
            f"off by {100 * best.rms:.0f} % of the height (superparamagnetic, of several domains, or tilted?)"
        )
    return best


def _fit_hard(shape: FieldShape, form: str, states: tuple[float, float] | None) -> LoopOfField:
    field, top = shape.field, float(np.abs(shape.field).max())
    conductance = 1 / shape.loop.resistance
    sigma = shape.noise * conductance**2
    ends = np.abs(field) > 0.9 * top
    side = np.ones(len(field))
    params = lmfit.Parameters()
    params.add("h_k", value=0.6 * top, min=1e-3 * top, max=50 * top)
    params.add("centre", value=0.0, min=-0.5 * top, max=0.5 * top)
    if form == "across":
        mean = (states[0] + states[1]) / 2 if states else float(np.median(conductance[ends]))
        side = _sides(conductance, mean, sigma)
        middle = float(np.median(np.abs(conductance - mean)[np.abs(field) < 0.15 * top]))
        seen = float(np.median((conductance - mean)[np.abs(field) < 0.15 * top]))
        params.add("g_0", value=middle if side.min() < 0 else math.copysign(middle, seen))
        params.add("g_s", value=mean, vary=states is None)
    else:
        slope = float(np.polyfit(field, conductance, 1)[0])
        params.add("g_0", value=0.5 * float(np.ptp(conductance)) * (1 if slope > 0 else -1))
        params.add("g_s", value=float(conductance.mean()))
    used = np.ones(len(field), dtype=bool)

    def curve(p: Mapping[str, float]) -> FloatArray:
        h = (field - p["centre"]) / p["h_k"]
        cosine = side * np.sqrt(np.maximum(1 - h * h, 0.0)) if form == "across" else np.clip(h, -1.0, 1.0)
        return p["g_s"] + p["g_0"] * cosine

    def residual(p: lmfit.Parameters) -> FloatArray:
        return ((conductance - curve(p.valuesdict())) / sigma)[used]

    found: list[Any] = []
    for share in (0.3, 0.5, 0.7, 0.9, 1.3):
        params["h_k"].set(value=share * top)
        found.append(lmfit.minimize(residual, params, method="leastsq", max_nfev=2000))
    result = min(found, key=lambda r: r.chisqr)
    for _ in range(2):  # a field somewhat off the axis rounds the kink, and the state may jump there
        if result.redchi < ROUNDED:
            break
        h = np.abs(field - result.params["centre"].value) / result.params["h_k"].value
        used = (h < 1 - KINK) | (h > 1 + KINK)
        if used.sum() < MIN_USED:
            break
        result = lmfit.minimize(residual, result.params, method="leastsq", max_nfev=2000)
    best = result.params.valuesdict()
    errors = {k: float(v.stderr) if v.stderr else math.inf for k, v in result.params.items()}
    values: dict[str, Estimate] = {"h_k": (best["h_k"], max(errors["h_k"], _kink(field, best)))}
    g_p, g_ap = best["g_s"] + abs(best["g_0"]), best["g_s"] - abs(best["g_0"])
    if g_ap > 0 and states is None and best["h_k"] < top:
        share = math.hypot(errors["g_0"], errors["g_s"]) / g_ap
        values["r_p"] = 1 / g_p, share / g_p
        values["tmr"] = g_p / g_ap - 1, g_p / g_ap * 1.5 * share
    fitted = 1 / curve(best)
    rms = float(np.sqrt(np.mean((shape.loop.resistance - fitted)[used] ** 2))) / shape.height
    return LoopOfField(shape, values, fitted, rms, form)


def _sides(conductance: FloatArray, mean: float, sigma: FloatArray) -> FloatArray:
    """Half space of the free layer at each point, 1 for all unless both are visited."""
    above, below = conductance - mean > 5 * sigma, mean - conductance > 5 * sigma
    if min(above.sum(), below.sum()) < 0.1 * len(conductance):
        return np.ones(len(conductance))
    known = np.where(above | below, np.arange(len(conductance)), 0)
    return np.where(above, 1.0, -1.0)[np.maximum.accumulate(known)]


def _kink(field: FloatArray, best: Mapping[str, float]) -> float:
    """Least error of the field of saturation [A/m]: a tenth of a step, as derivatives end at the kink."""
    return 0.1 * float(np.median(np.abs(np.diff(np.sort(field))))) if best["h_k"] < np.abs(field).max() else 0.0
