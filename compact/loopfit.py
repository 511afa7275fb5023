"""Fit of one hysteresis loop: conduction of the two states, switching, and the instrument's drift and offset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import lmfit
import numpy as np
from numpy.typing import NDArray

from compact.errors import DataError
from compact.loops import Flip, LoopShape
from compact.model import Model
from compact.switching import History, crossing, switched

__all__ = ["LoopFit", "Switching", "fit_shape"]

FloatArray = NDArray[np.float64]

BIAS_FOR_TUNNELLING = 0.05
"""Bias below which the bias dependence of a tunnel junction cannot be told from other slopes [V]."""
SIGNIFICANT = 3.0
"""A figure counts as determined from this many standard errors."""
SKEW_POINTS = 5
"""Points within a transition from which its skew is fitted."""
BIAS_PARAMETERS = ("v_h", "tmr_slope", "g_slope", "g_curv")
REGIONS = ("P plateau", "AP plateau", "AP->P", "P->AP")


@dataclass(frozen=True)
class Switching:
    """Switching in one direction.

    Parameters
    ----------
    to_parallel : bool
        Direction.
    kind : {"abrupt", "gradual"}
        Whether the state changes between two points or over several.
    drive, drive_stderr : float
        Drive magnitude at which half has switched, and its standard error [A or V].
    current, stderr : float
        The same as current magnitude [A].
    width, width_stderr : float
        Spread of switching drives [A or V]: the standard deviation of a normal distribution of the same density at
        the median; zero for an abrupt one.
    skew : float
        Shape of the distribution [1].
    points : int
        Measured points within the transition.
    """

    to_parallel: bool
    kind: Literal["abrupt", "gradual"]
    drive: float
    drive_stderr: float
    current: float
    stderr: float
    width: float = 0.0
    width_stderr: float = 0.0
    skew: float = 0.0
    points: int = 0


@dataclass(frozen=True)
class LoopFit:
    """Result for one loop.

    Parameters
    ----------
    shape : LoopShape
        The loop in model convention.
    values : dict of str to float
        Model parameters of conduction, as fitted.
    stderr : dict of str to float
        Their standard errors; parameters held fixed are not in it.
    correlations : dict of (str, str) to float
        Correlation coefficients.
    switching : dict of bool to Switching
        By direction, True towards parallel.
    undetermined : dict of str to str
        Bias parameters the data do not determine, with the reason.
    nuisance : dict of str to (float, float)
        Drift, offset and slopes with their standard errors.
    curve : ndarray, shape (n,)
        Fitted resistance at the points of `shape` [Ohm].
    fraction : ndarray, shape (n,)
        Fitted parallel fraction.
    region : ndarray of str, shape (n,)
        One of `REGIONS` per point.
    used : ndarray of bool, shape (n,)
        Points that took part.
    sigma : ndarray, shape (n,)
        Noise of each point, from neighbouring points on the plateaus [Ohm].
    quality : dict of str to float
        Goodness figures.
    notes : tuple of str
        Remarks.
    """

    shape: LoopShape
    values: dict[str, float]
    stderr: dict[str, float]
    correlations: dict[tuple[str, str], float]
    switching: dict[bool, Switching]
    undetermined: dict[str, str]
    nuisance: dict[str, tuple[float, float]]
    curve: FloatArray
    fraction: FloatArray
    region: NDArray[np.str_]
    used: NDArray[np.bool_]
    sigma: FloatArray
    quality: dict[str, float]
    notes: tuple[str, ...] = ()

    @property
    def residuals(self) -> FloatArray:
        """Measured minus fitted resistance [Ohm], shape (n,)."""
        return self.shape.resistance - self.curve

    @property
    def height(self) -> float:
        """Fitted height of the loop at zero bias [Ohm]."""
        return self.values["r_p"] * self.values["tmr"]


@dataclass
class _Problem:
    """Arrays and choices that the residual function needs."""

    shape: LoopShape
    model: Model
    fixed: dict[str, float]
    by_voltage: bool
    x: FloatArray
    time: FloatArray
    tunnelling: bool
    offset: bool
    history: History
    flips: dict[bool, list[Flip]] = field(default_factory=dict)
    gradual: dict[bool, int] = field(default_factory=dict)

    def conduction(self, p: Mapping[str, float]) -> dict[str, float]:
        """Model parameters from fit parameters."""
        values = dict(self.fixed)
        for name in ("r_p", "tmr", "tmr_slope", "g_slope", "g_curv"):
            if name in p:
                values[name] = float(p[name])
        if "roll" in p:
            values["v_h"] = 1 / np.sqrt(max(float(p["roll"]), 1e-6))
        return values

    def current(self, values: Mapping[str, Any], voltage: FloatArray, z: FloatArray | float) -> FloatArray:
        """Current at a voltage and state [A]."""
        point = {**values, "v_fl_rl": voltage, "z": z, "temperature": values["t_nom"]}
        return self.model.evaluate("i", point)

    def resistance(self, values: Mapping[str, Any], z: FloatArray) -> FloatArray:
        """Resistance at the drive points in given states [Ohm]."""
        if self.by_voltage:
            return self.x / self.current(values, self.x, z)
        v = self.x * self.shape.resistance
        for _ in range(3):
            both = self.current(values, np.stack([v, 1.0001 * v]), z)
            v = v - (both[0] - self.x) * 1e-4 * v / (both[1] - both[0])
        return v / self.x

    def fraction(self, p: Mapping[str, float]) -> FloatArray:
        """Parallel fraction at each point."""
        targets = {}
        for to_parallel in (True, False):
            sign, name = (1, "ap2p") if to_parallel else (-1, "p2ap")
            magnitude = np.maximum(sign * self.shape.drive, 0.0)
            if self.gradual[to_parallel]:
                targets[to_parallel] = switched(
                    magnitude,
                    self.shape.limit(to_parallel),
                    p[f"x_{name}"],
                    p[f"width_{name}"],
                    p.get(f"skew_{name}", 0.0),
                )
            else:
                level = np.mean([f.middle for f in self.flips[to_parallel]])
                targets[to_parallel] = (magnitude >= level).astype(float)
        return self.history.fraction(targets[True], targets[False], float(p["start"]))

    def curve(self, p: Mapping[str, float], fraction: FloatArray) -> FloatArray:
        """Resistance that the instrument would show [Ohm]."""
        r = self.resistance(self.conduction(p), 2 * fraction - 1)
        return self.distort(p, r, fraction)

    def distort(self, p: Mapping[str, float], r: FloatArray, fraction: FloatArray) -> FloatArray:
        """Add slopes, drift and offset to a resistance."""
        if not self.tunnelling:
            u = self.x / np.abs(self.x).max()
            r = r * (1 + u * (p["slope_p"] * fraction + p["slope_ap"] * (1 - fraction)))
        r = r * (1 + p["drift"] * self.time)
        if self.offset:
            r = 1 / (1 / r + p["offset"] / self.x) if self.by_voltage else r + p["offset"] / self.x
        return r


def _noise(problem: _Problem, plateau: NDArray[np.bool_], state: FloatArray) -> FloatArray:
    """Noise of each point [Ohm]: a constant part and one of the measured voltage (or current) over the drive.

    Second differences of three neighbours on a plateau hold neither slopes nor drift; the two parts are those of
    largest likelihood.
    """
    y = problem.shape.resistance
    x = problem.x
    inner = plateau[1:-1] & plateau[:-2] & plateau[2:] & (state[1:-1] == state[:-2]) & (state[1:-1] == state[2:])
    second = (y[:-2] - 2 * y[1:-1] + y[2:])[inner]
    lever = y**2 / x**2 if problem.by_voltage else 1 / x**2
    lever = lever / np.min(lever)
    spread = ((lever[:-2] + 4 * lever[1:-1] + lever[2:]) / 6)[inner]
    floor = 1e-7 * abs(problem.shape.height)
    if len(second) < 4:
        return np.full(len(y), max(problem.shape.noise, floor))
    squares = second**2 / 6
    best: tuple[float, float, float] | None = None
    for share in (0.0, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0):
        shape = 1 - min(share, 1.0) + share * spread
        level = float(np.mean(squares / shape))
        # 1.4826 MAD against the mean keeps one glitch from setting the level.
        level = min(level, (1.9 * float(np.median(np.sqrt(squares / shape)))) ** 2)
        likelihood = float(np.sum(np.log(shape * level + floor**2) + squares / (shape * level + floor**2)))
        if best is None or likelihood < best[0] - (4.0 if best[1] == 0 else 0.0):
            best = (likelihood, share, level)
    assert best is not None
    _, share, level = best
    return np.sqrt((1 - min(share, 1.0) + share * lever) * level + floor**2)


def _minimise(
    problem: _Problem,
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


def _start(problem: _Problem) -> lmfit.Parameters:
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


def _measured_fraction(problem: _Problem, p: Mapping[str, float]) -> FloatArray:
    """Parallel fraction of each point from its resistance, given the conduction of both states."""
    values = problem.conduction(p)
    ones = np.ones(len(problem.x))
    r_p = problem.distort(p, problem.resistance(values, ones), ones)
    r_ap = problem.distort(p, problem.resistance(values, -ones), 0 * ones)
    return (1 / problem.shape.resistance - 1 / r_ap) / (1 / r_p - 1 / r_ap)


def _transitions(problem: _Problem, fraction: FloatArray, blur: FloatArray) -> dict[bool, dict[str, float]]:
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
    problem = _Problem(
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
    sigma = _noise(problem, shape.plateau, shape.state)
    params = _start(problem)
    rough = _minimise(problem, params, sigma, shape.plateau, fraction=(1 + shape.state) / 2)
    v = rough.params.valuesdict()
    fraction = _measured_fraction(problem, v)
    guesses = _transitions(problem, fraction, sigma / abs(shape.height))
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
    used = _usable(problem, fraction, guesses)
    result = _minimise(problem, params, sigma, used)
    result, sigma_fit = _reweigh(problem, result, sigma, used)
    result, undetermined, notes = _decide(problem, result, sigma_fit, used, bias)
    return _collect(problem, result, sigma, used, undetermined, notes)


def _usable(problem: _Problem, fraction: FloatArray, guesses: Mapping[bool, Any]) -> NDArray[np.bool_]:
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


def _regions(problem: _Problem, fraction: FloatArray) -> NDArray[np.str_]:
    rising = np.gradient(problem.shape.drive) >= 0
    middle = (fraction > 0.02) & (fraction < 0.98)
    plateau = np.where(fraction >= 0.5, REGIONS[0], REGIONS[1])
    change = np.where(rising & (problem.shape.drive > 0), REGIONS[2], REGIONS[3])
    stuck = (problem.shape.drive > 0) != rising  # on the way back nothing switches
    return np.where(middle & ~stuck, change, plateau)


def _reweigh(problem: _Problem, result: Any, sigma: FloatArray, used: NDArray[np.bool_]) -> tuple[Any, FloatArray]:
    """Trust transitions less where the smooth distribution of switching drives does not describe them."""
    v = result.params.valuesdict()
    fraction = problem.fraction(v)
    region = _regions(problem, fraction)
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
    problem: _Problem, result: Any, sigma: FloatArray, used: NDArray[np.bool_], bias: float
) -> tuple[Any, dict[str, str], list[str]]:
    """Fix bias parameters that the data do not determine, and say why."""
    undetermined: dict[str, str] = {}
    notes: list[str] = []
    defaults = problem.fixed
    if not problem.tunnelling:
        for name in BIAS_PARAMETERS:
            undetermined[name] = (
                f"the bias stays below {1e3 * bias:.2g} mV, where the conduction of a tunnel junction changes by less "
                f"than other slopes do; sweep beyond {1e3 * BIAS_FOR_TUNNELLING:.0f} mV"
            )
        return result, undetermined, notes
    params = result.params
    for _ in range(4):
        changed = False
        roll, error = params["roll"].value, _error(params["roll"])
        if params["roll"].vary and not roll > SIGNIFICANT * error:
            limit = 1 / np.sqrt(max(roll, 0.0) + 2 * error) if np.isfinite(error) else bias
            pulsed = problem.shape.loop.pulse_width is not None
            undetermined["v_h"] = (
                f"the TMR does not fall measurably up to {bias:.2g} V, so v_h > {limit:.2g} V (95 %)"
                + ("; it may have been read at low bias after each pulse" if pulsed else "")
            )
            undetermined["tmr_slope"] = "it is the asymmetry of a fall of the TMR that is not seen"
            held = 1e3 if pulsed else max(defaults["v_h"], float(limit))
            params["roll"].set(value=1 / held**2, vary=False)
            params["tmr_slope"].set(value=0.0, vary=False)
            changed = True
        curv, slope = params["g_curv"], params["g_slope"]
        if curv.vary and curv.value < 0:
            undetermined["g_curv"] = (
                f"not told from zero: {curv.value:.2g} +- {_error(curv):.1g} 1/V^2, and it cannot be negative"
            )
            curv.set(value=0.0, vary=False)
            changed = True
        if slope.vary and slope.value**2 > 3.9 * curv.value:
            if abs(slope.value) < SIGNIFICANT * _error(slope):
                undetermined["g_slope"] = f"not told from zero: {slope.value:.2g} +- {_error(slope):.1g} 1/V"
                slope.set(value=0.0, vary=False)
            else:
                curv.set(value=slope.value**2 / 3.8, vary=False)
                notes.append("g_curv was raised to the least that keeps the conductance positive at every bias")
                undetermined["g_curv"] = "smaller than the least that keeps the conductance positive"
                slope.set(vary=False)
            changed = True
        skewed = params["tmr_slope"]
        if skewed.vary and abs(skewed.value) > 1.9 * np.sqrt(params["roll"].value):
            undetermined["tmr_slope"] = f"not told from zero: {skewed.value:.2g} +- {_error(skewed):.1g} 1/V"
            skewed.set(value=0.0, vary=False)
            changed = True
        if not changed:
            break
        result = _minimise(problem, params, sigma, used)
        params = result.params
    return result, undetermined, notes


def _error(parameter: Any) -> float:
    return float(parameter.stderr) if parameter.stderr else float("inf")


def _persistence(left: FloatArray) -> float:
    """Factor on standard errors for residuals that hang together, 1 where they do not."""
    if len(left) < 8:
        return 1.0
    centred = left - left.mean()
    rho = float(np.sum(centred[1:] * centred[:-1]) / np.sum(centred**2))
    return float(np.sqrt((1 + rho) / (1 - rho))) if rho > 2.5 / np.sqrt(len(left)) else 1.0


def _collect(
    problem: _Problem,
    result: Any,
    sigma: FloatArray,
    used: NDArray[np.bool_],
    undetermined: dict[str, str],
    notes: list[str],
) -> LoopFit:
    """Figures of the fit from what lmfit returned."""
    shape = problem.shape
    if not result.success or result.covar is None:
        raise DataError(f"{shape.loop.source}: the fit did not converge: {' '.join(str(result.message).split())}")
    v = result.params.valuesdict()
    fraction = problem.fraction(v)
    curve = problem.curve(v, fraction)
    region = _regions(problem, fraction)
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
    nuisance = {
        n: (float(v[n]), errors[n]) for n in ("drift", "offset", "slope_p", "slope_ap", "start") if n in errors
    }
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
        notes=tuple(notes),
    )


def _switching(
    problem: _Problem,
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
