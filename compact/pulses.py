"""Thermal stability and intrinsic critical currents from loops taken with several pulse widths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import lmfit
import numpy as np
from numpy.typing import NDArray
from scipy import stats

from compact.errors import DataError
from compact.loopmodel import LoopFit
from compact.model import Model
from compact.physics.activation import escape_rate

__all__ = ["Observation", "PulseFit", "fit_pulses", "median_current"]

FloatArray = NDArray[np.float64]
_DESCRIPTIONS = {
    "currents": "two critical currents, no field along the axis",
    "field": "one critical current and a field along the axis",
    "both": "two critical currents and a field along the axis",
}
MIN_SCATTER = 0.003
"""Least scatter of switching currents: calibration of the drive and a finite number of domains."""
MIN_BARRIER = 4.0
"""Barrier over kT below which the high-barrier rate is not used."""


@dataclass(frozen=True)
class Observation:
    """A measured switching current at one pulse width.

    Parameters
    ----------
    to_parallel : bool
        Direction.
    pulse_width : float
        Time at each current [s].
    currents : ndarray
        Current magnitudes applied one after the other [A].
    current, stderr : float
        Magnitude at which half has switched, and its standard error [A].
    """

    to_parallel: bool
    pulse_width: float
    currents: FloatArray
    current: float
    stderr: float


@dataclass(frozen=True)
class PulseFit:
    """Intrinsic parameters from several pulse widths.

    Parameters
    ----------
    values : dict of str to float
        `delta`, `ic_p2ap`, `ic_ap2p` [A], `h_bias`.
    stderr : dict of str to float
        Standard errors, without that of the assumed relaxation time.
    correlations : dict of (str, str) to float
        Correlation coefficients.
    description : str
        Which parameters the data asked for.
    scatter : float
        Relative scatter of the switching currents about the fit, beyond their own errors and `MIN_SCATTER`.
    rms : float
        Rms of the relative residuals.
    per_decade : dict of str to float
        Change of each value when the assumed relaxation time is ten times longer.
    observations : tuple of Observation
        What was fitted.
    fitted : tuple of float
        Fitted switching current of each observation [A].
    """

    values: dict[str, float]
    stderr: dict[str, float]
    correlations: dict[tuple[str, str], float]
    description: str
    scatter: float
    rms: float
    per_decade: dict[str, float]
    observations: tuple[Observation, ...]
    fitted: tuple[float, ...]


def observe(fit: LoopFit) -> list[Observation]:
    """Switching currents of a loop with the pulses that led to them."""
    width = fit.shape.loop.pulse_width
    assert width is not None
    found = []
    for to_parallel, switching in fit.switching.items():
        magnitude = fit.shape.drive * (1 if to_parallel else -1)
        drives = np.unique(np.round(magnitude[magnitude > 0] / magnitude.max(), 6)) * magnitude.max()
        scale = switching.current / switching.drive
        found.append(Observation(to_parallel, width, drives * scale, switching.current, switching.stderr))
    return found


def median_current(model: Model, values: Mapping[str, float], seen: Observation) -> float:
    """Current at which pulses of growing height have switched one half.

    Each pulse of height I leaves exp(-rate(I) t) of what was there; half is left where the sum of rate times
    pulse width is ln 2, found between two pulses by interpolating its logarithm.

    Parameters
    ----------
    model : Model
        Model with a torque efficiency that is linear in z, such as `mtj`.
    values : mapping of str to float
        Its parameters.
    seen : Observation
        The pulses.

    Returns
    -------
    float
        Current magnitude [A].
    """
    mean, half = (float(e) for e in model.evaluate(("e_mean", "e_half"), values))
    sign = 1.0 if seen.to_parallel else -1.0
    steps = seen.currents
    # Beyond the largest pulse the sweep is thought to go on at the same steps.
    grid = np.concatenate((steps, steps[-1] + np.diff(steps[-2:])[0] * np.arange(1, 3 * len(steps))))
    stiffness = np.maximum(1 + sign * grid * half, 0.05)
    push = (grid * mean + sign * values["h_bias"]) / stiffness
    rate = escape_rate(values["delta"], push, values["tau_d"], stiffness)
    dose = np.log(np.maximum(np.cumsum(rate) * seen.pulse_width, 1e-290))
    return float(np.interp(np.log(np.log(2)), dose, grid))


def fit_pulses(fits: Sequence[LoopFit], model: Model, tau_d: float) -> PulseFit:
    """Fit thermal stability factor and intrinsic critical currents to loops at several pulse widths.

    Parameters
    ----------
    fits : sequence of LoopFit
        Fitted loops, each with its pulse width.
    model : Model
        The model whose dynamics are assumed.
    tau_d : float
        Relaxation time [s], assumed.

    Returns
    -------
    PulseFit

    Raises
    ------
    DataError
        If pulse widths are missing or all alike, or the switching currents do not fall with pulse width.
    """
    for fit in fits:
        if fit.shape.loop.pulse_width is None:
            raise DataError(
                f"{fit.shape.loop.source}: no pulse width is known, so Delta cannot be fitted; give a column of it or "
                f"state it"
            )
    seen = [o for fit in fits for o in observe(fit)]
    widths = sorted({o.pulse_width for o in seen})
    if widths[-1] / widths[0] < 1.5:
        raise DataError(f"all loops have the pulse width {widths[0]:g} s; Delta needs two that differ")
    if widths[0] < 50 * tau_d:
        raise DataError(
            f"pulse width {widths[0]:.3g} s is not long against the relaxation time {tau_d:.3g} s; switching is then "
            f"not thermally activated"
        )
    start = _start(seen, tau_d)
    trials = {}
    for shift in _DESCRIPTIONS:
        result, scatter = _converge(seen, model, tau_d, start, shift)
        if result.covar is not None:
            trials[shift] = (_criterion(result, seen, scatter), result, scatter)
    if not trials:
        raise DataError("the switching currents do not determine Delta: more pulse widths, further apart, are needed")
    shift = min(trials, key=lambda k: trials[k][0])
    _, result, scatter = trials[shift]
    names = ("delta", "ic_p2ap", "ic_ap2p", "h_bias")
    values = {n: float(result.params[n].value) for n in names}
    fitted_names = [n for n in names if result.params[n].vary or result.params[n].expr]
    correlations = {
        (a, b): float((result.params[a].correl or {}).get(b, 0.0))
        for j, a in enumerate(fitted_names)
        for b in fitted_names[j + 1 :]
    }
    if shift == "field":  # one critical current: the second correlates as the first does
        correlations |= {
            ("delta", "ic_p2ap"): correlations["delta", "ic_ap2p"],
            ("ic_p2ap", "h_bias"): correlations["ic_ap2p", "h_bias"],
            ("ic_p2ap", "ic_ap2p"): 1.0,
        }
    # Few switching currents say little of their own scatter.
    student = float(stats.t.ppf(0.8413, max(len(seen) - result.nvarys, 1)))
    longer, _ = _converge(seen, model, 10 * tau_d, values, shift, scatter)
    full = model.complete(values | {"tau_d": tau_d})
    fitted = tuple(median_current(model, full, o) for o in seen)
    relative = np.array([o.current / f - 1 for o, f in zip(seen, fitted, strict=True)])
    return PulseFit(
        values=values,
        stderr={n: student * float(result.params[n].stderr or 0.0) for n in fitted_names},
        correlations=correlations,
        description=_DESCRIPTIONS[shift],
        scatter=scatter,
        rms=float(np.sqrt(np.mean(relative**2))),
        per_decade={n: float(longer.params[n].value) - values[n] for n in values},
        observations=tuple(seen),
        fitted=fitted,
    )


def _criterion(result: Any, seen: Sequence[Observation], scatter: float) -> float:
    """Akaike's information criterion for small samples, plain where the sample is too small for it."""
    own = np.hypot([o.stderr / o.current for o in seen], MIN_SCATTER)
    deviance = float(result.chisqr + np.sum(np.log(own**2 + scatter**2)))
    k, n = result.nvarys, len(seen)
    return deviance + 2 * k + (2 * k * (k + 1) / (n - k - 1) if n > k + 1 else 0.0)


def _start(seen: Sequence[Observation], tau_d: float) -> dict[str, float]:
    """Start values from sqrt(barrier) = sqrt(delta) (1 - I/Ic), a straight line for each direction."""
    start, deltas = {}, []
    for to_parallel, name in ((False, "ic_p2ap"), (True, "ic_ap2p")):
        chosen = [o for o in seen if o.to_parallel == to_parallel]
        root = np.sqrt([np.log(o.pulse_width / tau_d) for o in chosen])
        current = np.array([o.current for o in chosen])
        slope, intercept = np.polyfit(current, root, 1)
        if slope >= 0:
            raise DataError(
                f"switching currents {'AP->P' if to_parallel else 'P->AP'} do not fall with pulse width; Delta cannot "
                f"be fitted"
            )
        start[name] = float(-intercept / slope)
        deltas.append(intercept**2)
    start["delta"] = float(np.clip(np.mean(deltas), 2 * MIN_BARRIER, 500))
    return start


def _converge(
    seen: Sequence[Observation],
    model: Model,
    tau_d: float,
    start: Mapping[str, float],
    shift: str,
    scatter: float | None = None,
) -> tuple[Any, float]:
    """Weighted least squares; the scatter between loops is raised until it explains the residuals."""
    base = model.complete({})
    params = lmfit.Parameters()
    params.add("delta", value=start["delta"], min=MIN_BARRIER, max=5e3)
    for name in ("ic_p2ap", "ic_ap2p"):
        least = max(o.current for o in seen if o.to_parallel == (name == "ic_ap2p"))
        params.add(name, value=max(start[name], 1.05 * least), min=least, max=1e4 * least)
    params.add("h_bias", value=start.get("h_bias", 0.0), min=-0.9, max=0.9, vary=shift != "currents")
    if shift == "field":
        params["ic_p2ap"].set(expr="ic_ap2p")
    current = np.array([o.current for o in seen])
    own = np.hypot([o.stderr / o.current for o in seen], MIN_SCATTER)

    def residual(p: lmfit.Parameters, spread: float) -> FloatArray:
        values = base | p.valuesdict() | {"tau_d": tau_d}
        fitted = np.array([median_current(model, values, o) for o in seen])
        return (current / fitted - 1) / np.hypot(own, spread)

    freedom = len(seen) - (4 if shift == "both" else 3)
    if freedom < 1:
        return lmfit.minimizer.MinimizerResult(covar=None), 0.0
    spread = scatter or 0.0
    for _ in range(12):
        result = lmfit.minimize(residual, params, args=(spread,), method="leastsq", scale_covar=False)
        excess = result.chisqr / freedom
        if scatter is not None or excess < 1.05:
            break
        params = result.params
        spread = float(np.sqrt(max(spread, 0.2 * float(own.min())) ** 2 * excess))
    return result, spread
