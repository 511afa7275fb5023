"""Probabilities of rare failures: importance sampling around the most likely way to fail.

Plain samples at widened spread show where failures lie, a search along that direction finds the border, and samples
around the point found there, weighed by how likely they are, give the probability with its interval. It needs some
thousand evaluations where plain sampling needs 100 over the probability.

References
----------
L. Dolecek et al., "Breaking the simulation barrier: SRAM evaluation through norm minimization", ICCAD (2008) 322.
T. C. Hesterberg, "Weighted average importance sampling and defensive mixture distributions", Technometrics 37
(1995) 185.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import logsumexp

from compact.errors import StatisticsError

__all__ = ["Rare", "importance_sampling", "quadratic_tail"]

Array = NDArray[np.float64]
Fails = Callable[[Array], NDArray[np.bool_]]

SCALES = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0)
"""Widenings of the spread that are tried until enough samples fail."""
ENOUGH = 0.15
"""Share of failures at which the direction is clear enough."""
BOTH_SIDES = 0.2
"""Share of the failures on the other side above which there is no one direction."""
FARTHEST = 12.0
"""Distance from the typical circuit up to which a border is looked for [standard deviations]."""
CLEAR = 20.0
"""Effective failures on which an estimate must rest."""
DEFENSIVE = 0.1
"""Share of the samples that is drawn without a shift: it bounds the weights."""


@dataclass(frozen=True)
class Rare:
    """Probability of a rare failure.

    Parameters
    ----------
    probability : float
        The estimate.
    interval : tuple of float
        Limits at the stated confidence.
    confidence : float
        Confidence.
    distance : float
        Distance of the most likely failure from the typical circuit [standard deviations].
    point : ndarray
        That failure, in standard normal numbers.
    evaluations : int
        How often the circuit was evaluated.
    effective : float
        Number of failing samples that count: 1 over the sum of their squared shares.
    opposite : float
        Share of the failures found in the search that lie on the other side of the typical circuit: above a few
        percent there is a second way to fail, which the estimate may miss.
    """

    probability: float
    interval: tuple[float, float]
    confidence: float
    distance: float
    point: Array
    evaluations: int
    effective: float
    opposite: float

    @property
    def sigma(self) -> float:
        """Number of standard deviations with the same tail."""
        return float(stats.norm.isf(self.probability))


def _normal(u: Array, failed: NDArray[np.bool_]) -> Array:
    """Direction in which samples of equal spread begin to fail: from the mean of the good ones to that of the bad.

    Components that are no larger than their error are shrunk, for most variables of a circuit hardly matter.
    """
    if failed.all():
        mean, noise = u.mean(axis=0), 1 / len(u)
    else:
        mean = u[failed].mean(axis=0) - u[~failed].mean(axis=0)
        noise = 1 / int(failed.sum()) + 1 / int((~failed).sum())
    mean = mean * mean**2 / (mean**2 + noise)
    return mean / float(np.linalg.norm(mean))


def _boundary(fails: Fails, direction: Array) -> tuple[float, int]:
    """Distance at which failure begins along a direction, and how many evaluations it took."""
    grid = np.arange(1.0, FARTHEST + 0.5)
    bad = fails(grid[:, None] * direction)
    if not bad.any():
        raise StatisticsError(f"no failure within {FARTHEST:g} standard deviations along the direction of the search")
    high = float(grid[int(np.argmax(bad))])
    low, used = high - 1.0, len(grid)
    while high - low > 0.02:
        middle = (low + high) / 2
        low, high = (low, middle) if bool(fails(middle * direction[None, :])[0]) else (middle, high)
        used += 1
    return high, used


def importance_sampling(
    fails: Fails,
    dimension: int,
    *,
    samples: int = 4000,
    search: int = 1000,
    rounds: int = 3,
    seed: int = 1,
    confidence: float = 0.95,
) -> Rare:
    """Probability that a function of standard normal numbers says "fails".

    Parameters
    ----------
    fails : callable
        Takes an array of shape (n, dimension), gives booleans of shape (n,).
    dimension : int
        Number of standard normal numbers.
    samples : int
        Samples of the final estimate.
    search : int
        Samples per widening of the search, and per round of its refinement.
    rounds : int
        Refinements of the most likely failure.
    seed : int
        Seed.
    confidence : float
        Of the interval: that of the logarithm of a weighted mean, by Student's law of as many degrees of freedom as
        there are effective failures.

    Returns
    -------
    Rare

    Raises
    ------
    StatisticsError
        If no failure is found, there are failures on all sides, or the interval would rest on fewer than `CLEAR`
        effective failures.
    """
    if dimension < 1 or samples < 100 or search < 50:
        raise StatisticsError("importance sampling needs dimension >= 1, samples >= 100 and search >= 50")
    rng = np.random.Generator(np.random.Philox(seed))
    count = 0
    bad: NDArray[np.bool_] = np.zeros(0, dtype=bool)
    u = np.zeros((0, dimension))
    for scale in SCALES:
        u = scale * rng.standard_normal((search, dimension))
        bad = fails(u)
        count += search
        if bad.mean() >= ENOUGH:
            break
    if bad.sum() < 5:
        raise StatisticsError(
            f"{int(bad.sum())} of {search} samples fail at {SCALES[-1]:g} times the spread; nothing to estimate from"
        )
    direction = _normal(u / scale, bad)
    opposite = float((u[bad] @ direction < 0).mean())
    if opposite > BOTH_SIDES:
        raise StatisticsError(
            f"{opposite:.0%} of the failures lie on the other side of the typical circuit: there are several ways to "
            "fail; estimate each by itself"
        )
    distance, used = _boundary(fails, direction)
    count += used
    seen = np.zeros((0, dimension))
    labels = np.zeros(0, dtype=bool)
    for _ in range(rounds):  # around the border its own normal shows, nearer to the most likely failure each time
        around = rng.standard_normal((search, dimension))
        failed = fails(around + distance * direction)
        count += search
        seen, labels = np.concatenate([seen, around]), np.concatenate([labels, failed])
        if labels.all() or not labels.any():
            break
        direction = _normal(seen, labels)
        distance, used = _boundary(fails, direction)
        count += used
    shift = distance * direction
    v, weights = _shifted(rng, shift, samples)
    failed = fails(v)
    count += samples
    scores = np.where(failed, weights, 0.0)
    effective = float(scores.sum() ** 2 / np.sum(scores**2)) if scores.any() else 0.0
    p, error = float(scores.mean()), float(scores.std(ddof=1)) / math.sqrt(samples)
    if effective < CLEAR:
        raise StatisticsError(
            f"the estimate rests on {effective:.1f} effective failures of {samples} samples, fewer than "
            f"{CLEAR:g}; take more samples, for the search as well"
        )
    # weights are skewed to the right, and so is what is not known of their mean
    width = float(stats.t.isf((1 - confidence) / 2, effective - 1)) * error / p
    interval = (p * math.exp(-width), min(p * math.exp(width), 1.0))
    return Rare(p, interval, confidence, float(np.linalg.norm(shift)), shift, count, effective, opposite)


def _shifted(rng: np.random.Generator, shift: Array, n: int) -> tuple[Array, Array]:
    """Samples around a point, some around none, and their weights against standard normal ones."""
    v = rng.standard_normal((n, len(shift)))
    v[: n - round(DEFENSIVE * n)] += shift
    moved = v @ shift - shift @ shift / 2  # log of the shifted density over the standard one
    log_density = logsumexp(np.stack([moved + math.log1p(-DEFENSIVE), np.full(n, math.log(DEFENSIVE))]), axis=0)
    return v, np.exp(-log_density)


def quadratic_tail(constant: float, gradient: Array, curvature: Array, limit: float) -> float:
    """Probability that a quadratic form of standard normal numbers lies below a limit, by Imhof's inversion.

    The form is ``constant + gradient . u + u . curvature . u``. Good to about 1e-10 absolute where there is a linear
    part or many numbers are squared; else the integral converges slowly.

    Parameters
    ----------
    constant : float
        Value at the typical point.
    gradient : ndarray, shape (n,)
        Slopes.
    curvature : ndarray, shape (n, n)
        Symmetric matrix.
    limit : float
        The limit.

    References
    ----------
    J. P. Imhof, Biometrika 48 (1961) 419; with linear terms: R. B. Davies, Biometrika 60 (1973) 415.
    """
    from scipy.integrate import quad

    values, vectors = np.linalg.eigh(curvature)
    slopes = vectors.T @ gradient
    scale = math.sqrt(float(slopes @ slopes + 2 * values @ values))
    values, slopes, x = values / scale, slopes / scale, (limit - constant) / scale

    def integrand(t: float) -> float:
        # characteristic function of sum(l z^2 + b z) at t: prod (1 - 2 i t l)^(-1/2) exp(-t^2 b^2 / (2 (1 - 2 i t l)))
        a = 1 - 2j * t * values
        phi = np.exp(-0.5 * np.sum(np.log(a)) - 0.5 * t * t * np.sum(slopes**2 / a))
        return float((phi * np.exp(-1j * t * x)).imag / t)

    upper, size = 1.0, 1.0
    while size > 1e-14 and upper < 1e6:  # where the characteristic function is gone
        upper *= 1.5
        a = 1 - 2j * upper * values
        size = float(abs(np.exp(-0.5 * np.sum(np.log(a)) - 0.5 * upper**2 * np.sum(slopes**2 / a))))
    found, _ = quad(integrand, 0, upper, limit=2000, epsabs=1e-12, epsrel=1e-10)
    return 0.5 - found / math.pi
