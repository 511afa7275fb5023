"""Fit of one hysteresis loop: conduction of the two states, switching, and the instrument's drift and offset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import lmfit
import numpy as np
from numpy.typing import NDArray

from compact.errors import DataError
from compact.loopmodel import NO_ROLL, REGIONS, LoopFit, LoopModel, Switching, noise_of_points, regions
from compact.loops import LoopShape
from compact.model import Model
from compact.switching import History, crossing
from compact.transitions import find_transitions, measured_fraction, usable_points

__all__ = ["LoopFit", "Switching", "fit_shape"]

FloatArray = NDArray[np.float64]

BIAS_FOR_TUNNELLING = 0.05
"""Bias below which the bias dependence of a tunnel junction cannot be told from other slopes [V]."""
SIGNIFICANT = 3.0
"""A figure counts as determined from this many standard errors."""
SKEW_POINTS = 4
"""Points within a transition from which its skew is fitted."""
BIAS_PARAMETERS = ("v_h", "tmr_slope", "g_slope", "g_curv")


def _minimise(
    problem: LoopModel,
    params: lmfit.Parameters,
    sigma: FloatArray,
    used: NDArray[np.bool_],
    fraction: FloatArray | None = None,
) -> Any:
    """Least squares over the points in use; with `fraction` given, of the conduction alone."""

    def residual(p: lmfit.Parameters) -> FloatArray:
        v = p.valuesdict()
        curve = problem.curve(v, problem.fraction(v) if fraction is None else fraction)
        left = ((problem.shape.resistance - curve) / sigma)[used]
        return np.nan_to_num(left, nan=1e6, posinf=1e6, neginf=-1e6)

    return lmfit.minimize(residual, params, method="leastsq", nan_policy="raise", max_nfev=4000)


def _start(problem: LoopModel) -> lmfit.Parameters:
    """Parameters of conduction and instrument with start values from the plateaus."""
    shape = problem.shape
    low, high = shape.median(True), shape.median(False)
    params = lmfit.Parameters()
    params.add("r_p", value=low)
    params.add("tmr", value=high / low - 1)
    if problem.tunnelling:
        params.add("roll", value=1 / problem.fixed["v_h"] ** 2)
        for name in ("tmr_slope", "g_slope", "g_curv"):
            params.add(name, value=0.0)
    else:
        params.add("slope_p", value=0.0)
        params.add("slope_ap", value=0.0)
    params.add("drift", value=0.0)
    if problem.offset:
        params.add("offset", value=0.0)
    params.add("start", value=float(shape.first_state > 0), vary=False)
    return params


def fit_shape(shape: LoopShape, model: Model) -> LoopFit:
    """Fit conduction and switching of one loop.

    Parameters
    ----------
    shape : LoopShape
        The analysed loop.
    model : Model
        Model with the conduction parameters of `mtj`.

    Returns
    -------
    LoopFit

    Raises
    ------
    DataError
        If the data do not suffice or the fit does not converge.
    """
    drive = shape.drive
    top = float(np.abs(drive).max())
    by_voltage = shape.loop.drive_role == "voltage"
    x = np.where(np.abs(drive) < 1e-4 * top, 1e-4 * top, drive)
    bias = float(np.max(np.abs(drive if by_voltage else drive * shape.resistance)))
    problem = LoopModel(
        shape=shape,
        model=model,
        fixed=model.complete({}),
        by_voltage=by_voltage,
        x=x,
        time=np.linspace(-0.5, 0.5, len(x)),
        tunnelling=bias >= BIAS_FOR_TUNNELLING,
        offset=bool(np.abs(drive).min() > 1e-4 * top),
        history=History(drive),
    )
    sigma = noise_of_points(problem, shape.plateau, shape.state)
    params = _start(problem)
    rough = _minimise(problem, params, sigma, shape.plateau, fraction=(1 + shape.state) / 2)
    v = rough.params.valuesdict()
    fraction = measured_fraction(problem, v)
    guesses = find_transitions(problem, fraction, sigma / abs(shape.height))
    params = rough.params.copy()
    for to_parallel, guess in guesses.items():
        name = "ap2p" if to_parallel else "p2ap"
        params.add(f"x_{name}", value=guess["x"], min=0.0, max=2 * shape.limit(to_parallel))
        params.add(f"width_{name}", value=guess["width"], min=0.05 * guess["step"], max=3 * shape.limit(to_parallel))
        if problem.gradual[to_parallel] >= SKEW_POINTS:
            params.add(f"skew_{name}", value=-0.2, min=-3.0, max=3.0)
    first = float(np.median(fraction[:3]))
    if 0.1 < first < 0.9 and abs(first - round(first)) * shape.height > 6 * sigma[0]:
        params["start"].set(value=first, vary=True, min=0.0, max=1.0)
    used = usable_points(problem, fraction, guesses)
    result = _minimise(problem, params, sigma, used)
    result, sigma_fit = _reweigh(problem, result, sigma, used)
    result, undetermined = _decide(problem, result, sigma_fit, used, bias)
    return _collect(problem, result, sigma, used, undetermined)


def _reweigh(problem: LoopModel, result: Any, sigma: FloatArray, used: NDArray[np.bool_]) -> tuple[Any, FloatArray]:
    """Trust transitions less where the smooth distribution of switching drives does not describe them."""
    v = result.params.valuesdict()
    fraction = problem.fraction(v)
    # The tails belong to it: left to their small noise they would pull the whole transition.
    region = regions(problem, fraction, np.clip(0.3 * sigma / abs(problem.shape.height), 1e-6, 0.02))
    left = (problem.shape.resistance - problem.curve(v, fraction)) / sigma
    on_plateau = used & np.isin(region, REGIONS[:2])
    level = float(np.sqrt(np.mean(left[on_plateau] ** 2))) if on_plateau.any() else 1.0
    scaled = np.array(sigma)
    changed = False
    for name, to_parallel in ((REGIONS[2], True), (REGIONS[3], False)):
        rows = used & (region == name)
        freedom = int(rows.sum()) - (3 if problem.gradual[to_parallel] >= SKEW_POINTS else 2)
        if freedom < 1:
            continue
        ratio = float(np.sqrt(np.sum(left[rows] ** 2) / freedom)) / level
        if ratio > 1 + 2 / np.sqrt(freedom):
            scaled[rows] *= ratio
            changed = True
    return (_minimise(problem, result.params, scaled, used) if changed else result), scaled


def _decide(
    problem: LoopModel, result: Any, sigma: FloatArray, used: NDArray[np.bool_], bias: float
) -> tuple[Any, dict[str, str]]:
    """Fix bias parameters that the data do not determine, and say why."""
    undetermined: dict[str, str] = {}
    if not problem.tunnelling:
        for name in BIAS_PARAMETERS:
            undetermined[name] = (
                f"the bias stays below {1e3 * bias:.2g} mV, where the conduction of a tunnel junction changes by less "
                f"than other slopes do; sweep beyond {1e3 * BIAS_FOR_TUNNELLING:.0f} mV"
            )
        return result, undetermined
    params = result.params
    settled = False
    for _ in range(6):
        changed = _keep_allowed(params, undetermined)
        roll, error = params["roll"].value, _error(params["roll"])
        if not changed and not settled and not roll > SIGNIFICANT * error:
            settled = changed = True
            limit = 1 / np.sqrt(max(roll, 0.0) + 2 * error) if np.isfinite(error) else 0.0
            pulsed = problem.shape.loop.pulse_width is not None
            undetermined["v_h"] = (
                f"the TMR does not fall measurably up to {bias:.2g} V"
                + (f", so v_h > {limit:.2g} V (95 %)" if limit else "")
                + ("; it may have been read at low bias after each pulse" if pulsed else "")
            )
            undetermined["tmr_slope"] = "it is the asymmetry of a fall of the TMR that is not seen"
            params["tmr_slope"].set(value=0.0, vary=False)
            if pulsed or roll <= NO_ROLL:
                params["roll"].set(value=NO_ROLL, vary=False)
            elif limit < problem.fixed["v_h"]:
                params["roll"].set(value=1 / problem.fixed["v_h"] ** 2, vary=False)
        if not changed:
            break
        result = _minimise(problem, params, sigma, used)
        params = result.params
    if params["roll"].vary and params["roll"].value <= 0:
        params["roll"].set(value=NO_ROLL, vary=False)
        result = _minimise(problem, params, sigma, used)
    return result, undetermined


def _keep_allowed(params: lmfit.Parameters, undetermined: dict[str, str]) -> bool:
    """Hold what has come out where the model does not allow it; whether anything was held."""
    curv, slope, skewed = params["g_curv"], params["g_slope"], params["tmr_slope"]
    changed = False
    if curv.vary and curv.value < 0:
        undetermined["g_curv"] = f"{_unclear(curv, '1/V^2')}, and it cannot be negative"
        curv.set(value=0.0, vary=False)
        changed = True
    if slope.vary and not curv.expr and slope.value**2 > 3.9 * curv.value:
        if abs(slope.value) < SIGNIFICANT * _error(slope):
            undetermined["g_slope"] = _unclear(slope, "1/V")
            slope.set(value=0.0, vary=False)
        else:
            curv.set(expr="g_slope**2/3.8")
            undetermined["g_curv"] = "smaller than the least that keeps the conductance positive at every bias"
        changed = True
    if skewed.vary and abs(skewed.value) > 1.9 * np.sqrt(max(params["roll"].value, NO_ROLL)):
        undetermined["tmr_slope"] = _unclear(skewed, "1/V")
        skewed.set(value=0.0, vary=False)
        changed = True
    return changed


def _error(parameter: Any) -> float:
    return float(parameter.stderr) if parameter.stderr else float("inf")


def _unclear(parameter: Any, unit: str) -> str:
    return f"not told from zero: {parameter.value:.2g} ± {_error(parameter):.1g} {unit}"


def _persistence(left: FloatArray) -> float:
    """Factor on standard errors for residuals that hang together, 1 where they do not."""
    if len(left) < 8:
        return 1.0
    centred = left - left.mean()
    rho = float(np.sum(centred[1:] * centred[:-1]) / np.sum(centred**2))
    return float(np.sqrt((1 + rho) / (1 - rho))) if rho > 2.5 / np.sqrt(len(left)) else 1.0


def _collect(
    problem: LoopModel,
    result: Any,
    sigma: FloatArray,
    used: NDArray[np.bool_],
    undetermined: dict[str, str],
) -> LoopFit:
    """Figures of the fit from what lmfit returned."""
    shape = problem.shape
    if not result.success or result.covar is None:
        raise DataError(f"{shape.loop.source}: the fit did not converge: {' '.join(str(result.message).split())}")
    v = result.params.valuesdict()
    fraction = problem.fraction(v)
    curve = problem.curve(v, fraction)
    region = regions(problem, fraction)
    residual = shape.resistance - curve
    factor = _persistence(residual[used] / sigma[used])
    names = list(result.var_names)
    covariance = result.covar * factor**2
    values = problem.conduction(v)
    errors = dict(zip(names, np.sqrt(np.diag(covariance)).tolist(), strict=True))
    correlation = covariance / np.outer(list(errors.values()), list(errors.values()))
    renamed = {"roll": "v_h", "x_ap2p": "ic_ap2p", "x_p2ap": "ic_p2ap"}
    flipped = {"roll"}
    public = [n for n in names if renamed.get(n, n) in values]
    pairs = {
        (renamed.get(a, a), renamed.get(b, b)): float(correlation[names.index(a), names.index(b)])
        * (-1) ** ((a in flipped) + (b in flipped))
        for j, a in enumerate(public)
        for b in public[j + 1 :]
    }
    stderr = {n: errors[n] for n in public if n in values}
    if "roll" in errors:
        stderr["v_h"] = 0.5 * values["v_h"] ** 3 * errors["roll"]
    switching = {direction: _switching(problem, v, names, covariance, values, direction) for direction in (True, False)}
    low = v["r_p"]
    height = low * v["tmr"]
    freedom = max(int(used.sum()) - len(names), 1)
    quality = {
        "points": float(used.sum()),
        "rms_over_height": float(np.sqrt(np.mean(residual**2)) / abs(height)),
        "reduced_chi2": float(np.sum((residual[used] / sigma[used]) ** 2) / freedom),
        "noise_over_height": float(np.median(sigma) / abs(height)),
    }
    for name in REGIONS:
        rows = region == name
        if rows.any():
            key = name.lower().replace(" ", "_").replace("->", "2")
            quality[f"rms_{key}"] = float(np.sqrt(np.mean(residual[rows] ** 2)) / abs(height))
    nuisance = {n: (float(v[n]), errors[n]) for n in ("drift", "offset", "slope_p", "slope_ap", "start") if n in errors}
    return LoopFit(
        shape=shape,
        values=values,
        stderr=stderr,
        correlations=pairs,
        switching=switching,
        undetermined=undetermined,
        nuisance=nuisance,
        curve=curve,
        fraction=fraction,
        region=region,
        used=used,
        sigma=sigma,
        quality=quality,
    )


def _switching(
    problem: LoopModel,
    v: Mapping[str, float],
    names: list[str],
    covariance: FloatArray,
    values: Mapping[str, float],
    to_parallel: bool,
) -> Switching:
    """Switching drive of one direction with its error."""
    name = "ap2p" if to_parallel else "p2ap"
    flips = problem.flips[to_parallel]
    limit = problem.shape.limit(to_parallel)
    width = width_stderr = skew = 0.0
    kind: Literal["abrupt", "gradual"]
    if problem.gradual[to_parallel]:
        kind = "gradual"
        keys = [k for k in (f"x_{name}", f"width_{name}", f"skew_{name}") if k in names]
        at = np.array([v[k] for k in keys])

        def half(point: FloatArray) -> float:
            return crossing(limit, point[0], point[1], point[2] if len(point) > 2 else 0.0)

        drive = half(at)
        step = 1e-4 * np.maximum(np.abs(at), [at[1]] * 2 + [1.0] * (len(at) - 2))
        slope = np.array([(half(at + d) - half(at - d)) / (2 * d.max()) for d in np.diag(step)])
        where = [names.index(k) for k in keys]
        error = float(np.sqrt(slope @ covariance[np.ix_(where, where)] @ slope))
        width, skew = v[f"width_{name}"], v.get(f"skew_{name}", 0.0)
        width_stderr = float(np.sqrt(covariance[where[1], where[1]])) if len(where) > 1 else 0.0
    else:
        kind = "abrupt"
        drive = float(np.mean([f.middle for f in flips]))
        within = float(np.mean([f.high - f.low for f in flips])) / np.sqrt(12)
        scatter = float(np.std([f.middle for f in flips], ddof=1)) / np.sqrt(len(flips)) if len(flips) > 1 else 0.0
        error = float(np.hypot(within, scatter))
    current, slope_i = drive, 1.0
    if problem.by_voltage:
        sign = 1.0 if to_parallel else -1.0
        at_v = sign * np.array([drive, 1.001 * drive])
        currents = np.abs(problem.current(values, at_v, -sign))
        current = float(currents[0])
        slope_i = float(currents[1] - currents[0]) / (1e-3 * drive)
    return Switching(
        to_parallel,
        kind,
        drive,
        error,
        current,
        error * slope_i,
        width,
        width_stderr,
        skew,
        problem.gradual[to_parallel],
    )
