"""What samples say: yield with its interval, read margins as distributions, and which spread matters most."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from compact.errors import StatisticsError
from compact.samples import Samples
from compact.variation import draw

__all__ = ["Margin", "Proportion", "Sensitivity", "drawn", "margin", "rank", "yield_of"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Proportion:
    """A probability from a count, with the interval of Clopper and Pearson.

    Parameters
    ----------
    hits, trials : int
        How often it happened, of how many.
    confidence : float
        That the interval holds the probability, at least.

    References
    ----------
    C. J. Clopper and E. S. Pearson, Biometrika 26 (1934) 404.
    """

    hits: int
    trials: int
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if not (0 <= self.hits <= self.trials and self.trials > 0):
            raise StatisticsError(f"{self.hits} of {self.trials} is no proportion")
        if not 0 < self.confidence < 1:
            raise StatisticsError(f"confidence = {self.confidence:g} must lie between 0 and 1")

    @property
    def value(self) -> float:
        """The share."""
        return self.hits / self.trials

    @cached_property
    def interval(self) -> tuple[float, float]:
        """Lower and upper limit of the probability."""
        found = stats.binomtest(self.hits, self.trials).proportion_ci(self.confidence, method="exact")
        return float(found.low), float(found.high)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.value:.4%} ({self.hits} of {self.trials}; {self.confidence:.0%}: {low:.4%} ... {high:.4%})"


def yield_of(samples: Samples, names: Iterable[str] | None = None, confidence: float = 0.95) -> Proportion:
    """Share of samples whose figures are within their limits; a failed simulation counts as not.

    Parameters
    ----------
    samples : Samples
        The samples.
    names : iterable of str, optional
        Figures that count; all by default.
    confidence : float
        Of the interval.

    Raises
    ------
    StatisticsError
        If there are no samples, or no such figure.
    """
    if not samples.rows:
        raise StatisticsError("there are no samples")
    good = samples.passed(names)
    return Proportion(int(good.sum()), len(good), confidence)


@dataclass(frozen=True)
class Margin:
    """Two distributions of a read signal, and how far they are apart.

    Parameters
    ----------
    low, high : ndarray
        Signals of the two stored values; those of `low` should all lie below those of `high`.
    """

    low: Array
    high: Array

    @property
    def window(self) -> float:
        """From the largest of the low ones to the smallest of the high ones; negative where they overlap."""
        return float(self.high.min() - self.low.max())

    @property
    def sigmas(self) -> float:
        """Distance of the means over the sum of the standard deviations."""
        return float((self.high.mean() - self.low.mean()) / (self.high.std(ddof=1) + self.low.std(ddof=1)))

    @property
    def threshold(self) -> float:
        """Level that is the same number of standard deviations from both means."""
        a, b = self.low.std(ddof=1), self.high.std(ddof=1)
        return float((self.low.mean() * b + self.high.mean() * a) / (a + b))

    @property
    def error(self) -> float:
        """Chance of a wrong reading at that level if both are normal."""
        return float(stats.norm.sf(self.sigmas))


def margin(low: ArrayLike, high: ArrayLike) -> Margin:
    """Two distributions from signals of the two stored values; what is not finite is left out.

    Raises
    ------
    StatisticsError
        If fewer than two signals are left of one.
    """
    parts = [np.asarray(x, float)[np.isfinite(np.asarray(x, float))] for x in (low, high)]
    if min(len(part) for part in parts) < 2:
        raise StatisticsError("a read margin needs at least two samples of each stored value")
    first, second = sorted(parts, key=lambda part: float(part.mean()))
    return Margin(first, second)


@dataclass(frozen=True)
class Sensitivity:
    """How much of a figure's variance one spread makes.

    Parameters
    ----------
    name : str
        The variable, as in the header of the samples.
    slope : float
        Change of the figure per standard deviation of the variable, in the figure's unit.
    share : float
        Part of the figure's variance.
    error : float
        Standard error of the slope.
    """

    name: str
    slope: float
    share: float
    error: float

    @property
    def significant(self) -> bool:
        """Whether the slope differs from zero by three standard errors."""
        return abs(self.slope) > 3 * self.error


def drawn(samples: Samples) -> Array:
    """Standard normal numbers behind samples, drawn again.

    Returns
    -------
    ndarray, shape (samples, variables)

    Raises
    ------
    StatisticsError
        If the generator draws other numbers than those the samples were made with.
    """
    count, seed = len(samples.header["variables"]), samples.header["plan"]["seed"]
    if abs(float(np.sum(draw(seed, 0, count))) - samples.header["plan"]["first"]) > 1e-9:
        raise StatisticsError("the generator of random numbers is another one than that of these samples")
    return np.array([draw(seed, int(number), count) for number in samples.numbers]).reshape(-1, count)


def rank(samples: Samples, name: str) -> tuple[list[Sensitivity], float]:
    """Variables by their influence on a figure, from a linear regression.

    Parameters
    ----------
    samples : Samples
        The samples.
    name : str
        The figure.

    Returns
    -------
    list of Sensitivity
        The most influential first.
    float
        Part of the variance that the linear model explains (R squared, corrected for its number of variables); where it
        is far below 1 the ranking misses what is curved.

    Raises
    ------
    StatisticsError
        If there is no such figure, it does not vary, or there are fewer than twice as many samples as variables.
    """
    values = samples.values(name)
    there = np.isfinite(values)
    x, y = drawn(samples)[there], values[there]
    n, d = x.shape
    if n < 2 * d + 2:
        raise StatisticsError(f"sensitivities of {d} variables need {2 * d + 2} samples with '{name}', not {n}")
    spread = float(np.var(y))
    if spread <= (1e-12 * float(np.abs(y).max())) ** 2:
        raise StatisticsError(f"'{name}' does not vary")
    design = np.column_stack([np.ones(n), x])
    inverse = np.linalg.inv(design.T @ design)
    slopes = inverse @ (design.T @ y)
    left = float(np.sum((y - design @ slopes) ** 2)) / (n - d - 1)
    errors = np.sqrt(np.diag(inverse) * left)
    explained = 1 - left / (spread * n / (n - 1))
    found = [
        Sensitivity(variable, float(slope), float(slope**2) / spread, float(error))
        for variable, slope, error in zip(samples.header["variables"], slopes[1:], errors[1:], strict=True)
    ]
    return sorted(found, key=lambda s: -s.share), float(explained) if math.isfinite(explained) else 0.0
