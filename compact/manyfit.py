"""Least squares for junctions of many domains: what the device has in common, and what each measurement has apart."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from compact.errors import DataError
from compact.fitting import REASONS
from compact.loopfit import _persistence
from compact.models import get_model
from compact.models.multidomain import DIRECTIONS, EASIEST
from compact.pulsed import PulsedJunction

__all__ = [
    "DEVICE", "LIMITS", "Part", "Problem", "Solution", "Transform", "at_limits", "criterion", "others_undetermined",
    "solution",
]  # fmt: skip

FloatArray = NDArray[np.float64]

DEVICE = ("ic_p2ap", "ic_ap2p", "width_p2ap", "width_ap2p", "skew_p2ap", "skew_ap2p", "delta", "h_bias")
"""Parameters of `multidomain` that loops may determine."""
POSITIVE = frozenset({"ic_p2ap", "ic_ap2p", "width_p2ap", "width_ap2p", "delta"})
LIMITS: dict[str, tuple[float, float]] = {
    "delta": (4.0, 1e3), "width_p2ap": (1e-3, 1.0), "width_ap2p": (1e-3, 1.0), "ic_p2ap": (1e-9, 10.0),
    "ic_ap2p": (1e-9, 10.0), "skew_p2ap": (-2.5, 2.5), "skew_ap2p": (-2.5, 2.5), "h_bias": (-0.7, 0.7),
}  # fmt: skip
PENALTY = 1e4
"""Residual of a distribution that reaches zero current, per unit of the median."""
DIFFERENCE = 1e-3
"""Step of the derivatives: well above the jumps that the cutting of pulses makes."""

@dataclass(frozen=True)
class Transform:
    """Parameters as a fit sees them: logarithms of those that are positive.

    Parameters
    ----------
    names : tuple of str
        The parameters that are fitted.
    """

    names: tuple[str, ...]

    def inside(self, values: Mapping[str, float]) -> FloatArray:
        """Point of the fit from values."""
        return np.array([math.log(values[n]) if n in POSITIVE else values[n] for n in self.names])

    def outside(self, point: FloatArray) -> dict[str, float]:
        """Values at a point of the fit."""
        return {n: float(np.exp(x)) if n in POSITIVE else float(x) for n, x in zip(self.names, point, strict=True)}

    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Lower and upper bounds of the fit."""
        low, high = (self.inside({n: LIMITS[n][k] for n in self.names}) for k in (0, 1))
        return low, high

    def slopes(self, values: Mapping[str, float]) -> FloatArray:
        """Change of each value with that of the fit's parameter."""
        return np.array([values[n] if n in POSITIVE else 1.0 for n in self.names])


class Part(Protocol):
    """One measurement of a fit.

    Attributes
    ----------
    drive : ndarray, shape (n,)
        Pulses in model convention [A or V].
    by_voltage : bool
        Whether they are voltages.
    free : list of str
        Parameters of its own that are fitted.
    point, scale : ndarray
        Their start values and sizes.
    sigma : ndarray, shape (n,)
        Noise of each point [Ohm].
    """

    drive: FloatArray
    by_voltage: bool
    free: list[str]
    point: FloatArray
    scale: FloatArray
    sigma: FloatArray

    def fraction(self, junction: PulsedJunction) -> FloatArray:
        """Parallel fraction after each pulse."""
        ...

    def left(self, fraction: FloatArray, point: FloatArray) -> FloatArray:
        """Residuals over the noise."""
        ...


class Problem:
    """Several measurements of one device."""

    def __init__(self, parts: Sequence[Part], base: Mapping[str, float], names: tuple[str, ...]):
        self.parts, self.base, self.transform = parts, dict(base), Transform(names)
        self.by_voltage = parts[0].by_voltage
        self.reach = max(float(np.abs(p.drive).max()) for p in parts)
        self.cuts = np.cumsum([len(names), *(len(p.free) for p in parts)])

    def split(self, point: FloatArray) -> tuple[FloatArray, list[FloatArray]]:
        own = np.split(point, self.cuts[:-1])
        return own[0], [x * p.scale for x, p in zip(own[1:], self.parts, strict=True)]

    def fractions(self, device: FloatArray) -> list[FloatArray]:
        values = self.base | self.transform.outside(device)
        for way, x in zip(DIRECTIONS, self.least(values), strict=True):
            if x < 1.2 * EASIEST:  # as wide as is allowed; the penalty leads back
                values[f"width_{way}"] *= (1 - 1.2 * EASIEST) / (1 - x)
        junction = PulsedJunction(values, self.reach, self.by_voltage)
        return [p.fraction(junction) for p in self.parts]

    def residual(self, point: FloatArray) -> FloatArray:
        device, own = self.split(point)
        left = [p.left(f, x) for p, f, x in zip(self.parts, self.fractions(device), own, strict=True)]
        return np.concatenate([*left, self.beyond(device)])

    def least(self, values: Mapping[str, float]) -> FloatArray:
        """Switching current of the easiest domains over the median, for each direction."""
        return np.array(get_model("multidomain").evaluate([f"x0_{way}" for way in DIRECTIONS], values))

    def beyond(self, device: FloatArray) -> FloatArray:
        """Penalty on distributions that reach zero current, which the model does not allow; shape (2,)."""
        least = self.least(self.base | self.transform.outside(device))
        return np.asarray(PENALTY * np.maximum(1.5 * EASIEST - least, 0.0))

    def jacobian(self, point: FloatArray) -> FloatArray:
        """Central differences; what belongs to one measurement moves that alone."""
        device, own = self.split(point)
        middle = self.fractions(device)
        columns = []
        for k in range(len(device)):
            step = np.zeros(len(device))
            step[k] = DIFFERENCE
            both = [self.fractions(device + s * step) for s in (1, -1)]
            ends = [
                np.concatenate(
                    [
                        *(p.left(f, x) for p, f, x in zip(self.parts, fs, own, strict=True)),
                        self.beyond(device + s * step),
                    ]
                )
                for s, fs in zip((1, -1), both, strict=True)
            ]
            columns.append((ends[0] - ends[1]) / (2 * DIFFERENCE))
        total = sum(len(p.sigma) for p in self.parts) + len(DIRECTIONS)
        at = 0
        for part, fraction, x in zip(self.parts, middle, own, strict=True):
            rows = slice(at, at + len(part.sigma))
            at = rows.stop
            for k in range(len(x)):
                step = np.zeros(len(x))
                step[k] = 1e-5 * part.scale[k]
                column = np.zeros(total)
                column[rows] = (part.left(fraction, x + step) - part.left(fraction, x - step)) / 2e-5
                columns.append(column)
        return np.stack(columns, axis=1)

    def solve(self, start: Mapping[str, float]) -> Any:
        low, high = self.transform.bounds()
        begin = np.clip(self.transform.inside(start), low + 1e-6, high - 1e-6)
        own = [p.point / p.scale for p in self.parts]
        free = np.full(sum(len(x) for x in own), np.inf)
        result = least_squares(
            self.residual, np.concatenate([begin, *own]), self.jacobian, xtol=1e-9, ftol=1e-9, gtol=1e-9, max_nfev=60,
            bounds=(np.concatenate([low, -free]), np.concatenate([high, free])), x_scale="jac",
        )  # fmt: skip
        result.fun, result.jac = result.fun[: -len(DIRECTIONS)], result.jac[: -len(DIRECTIONS)]
        return result


def criterion(result: Any) -> float:
    """Akaike's criterion for small samples, the noise estimated from the residuals."""
    n, k = len(result.fun), len(result.x) + 1
    return n * math.log(2 * result.cost / n) + 2 * k + 2 * k * (k + 1) / max(n - k - 1, 1)


@dataclass(frozen=True)
class Solution:
    """Where a fit ended, with errors.

    Parameters
    ----------
    values, stderr : dict of str to float
        Of the device.
    correlations : dict of (str, str) to float
        Between them.
    own : list of dict of str to (float, float)
        Parameters of each measurement with their standard errors.
    reduced : float
        Reduced chi squared.
    """

    values: dict[str, float]
    stderr: dict[str, float]
    correlations: dict[tuple[str, str], float]
    own: list[dict[str, tuple[float, float]]]
    reduced: float


def solution(problem: Problem, result: Any) -> Solution:
    """Values and standard errors from what the least squares returned.

    Errors are scaled by the residuals, and enlarged where residuals hang together.

    Raises
    ------
    DataError
        If the data do not determine the parameters.
    """
    device, own = problem.split(result.x)
    names = problem.transform.names
    values = problem.transform.outside(device)
    n, k = len(result.fun), len(result.x)
    if n <= k:
        raise DataError(f"{n} points do not determine {k} parameters")
    if np.any(problem.least(problem.base | values) < 1.2 * EASIEST):
        raise DataError(
            "the fit ends at a distribution of switching currents that reaches zero current; hold a skew or delta, or "
            "give data that saturate both ways"
        )
    norm = np.linalg.norm(result.jac, axis=0)
    if np.any(norm == 0):
        flat = [*names, *(m for p in problem.parts for m in p.free)][int(np.argmin(norm))]
        raise DataError(f"the data do not depend on {flat}; pulses that switch some domains both ways are needed")
    scaled = result.jac / norm
    if np.linalg.cond(scaled) > 1e8:
        raise DataError(
            "the data do not determine the distribution of switching currents: more points within transitions"
        )
    covariance = np.linalg.inv(scaled.T @ scaled) / np.outer(norm, norm)
    reduced = 2 * result.cost / (n - k)
    pieces = np.split(result.fun, np.cumsum([len(p.sigma) for p in problem.parts])[:-1])
    factor = max(_persistence(x) for x in pieces)
    covariance = covariance * max(reduced, 1e-12) * factor**2
    errors = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(errors, errors)
    slopes = problem.transform.slopes(values)
    return Solution(
        values=values,
        stderr={m: float(e * s) for m, e, s in zip(names, errors, slopes, strict=False)},
        correlations={
            (a, b): float(np.clip(correlation[i, j], -1, 1))
            for i, a in enumerate(names) for j, b in enumerate(names) if i < j
        },
        own=[
            {m: (float(v), float(errors[at + j] * p.scale[j])) for j, (m, v) in enumerate(zip(p.free, x, strict=True))}
            for p, x, at in zip(problem.parts, own, problem.cuts[:-1], strict=True)
        ],
        reduced=float(reduced),
    )  # fmt: skip


def others_undetermined(known: Collection[str]) -> dict[str, str]:
    """Why parameters that are neither fitted nor given are not determined."""
    reasons = {
        "tau_0": "it is told from the barrier only over many decades of pulse width",
        "exponent": "pulses far below the critical current do not tell how the barrier falls",
        "barrier_power": "pulses of one width do not tell the barriers of easy and hard domains apart",
    }
    return {
        p.name: reasons.get(p.name, REASONS.get(p.name, "such data do not show it"))
        for p in get_model("multidomain").parameters
        if p.scope == "model" and p.name not in known and p.name not in DEVICE
    }


def at_limits(solved: Solution) -> list[str]:
    """Remarks on values that ran into what is allowed."""
    return [
        f"{n} = {v:g} is at the limit of what is allowed, {LIMITS[n][0]:g} to {LIMITS[n][1]:g}"
        for n, v in solved.values.items()
        if not LIMITS[n][0] + 1e-3 * abs(LIMITS[n][0]) < v < LIMITS[n][1] - 1e-3 * abs(LIMITS[n][1])
    ]
