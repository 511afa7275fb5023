"""Many-domain switching: distribution of switching currents and the state that a drive history leaves behind."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

__all__ = ["History", "crossing", "distribution", "quantile", "switched"]

_TINY = 1e-300


def distribution(x: ArrayLike, location: float, width: float, skew: float) -> NDArray[np.float64]:
    """Cumulative distribution of switching drives: a normal one, skewed.

    The generalised normal distribution of J. R. M. Hosking and J. R. Wallis, Regional Frequency Analysis,
    Cambridge (1997), appendix A.8. Its median is `location`, its density there that of a normal distribution
    of standard deviation `width`; `skew` < 0 gives a sharp onset and a long tail, as nucleation followed by
    hard domains does.

    Parameters
    ----------
    x : array_like
        Drive magnitude.
    location, width : float
        Median and width, in the unit of `x`.
    skew : float
        Shape [1].

    Returns
    -------
    ndarray, shape of x
        Fraction in 0 ... 1.
    """
    u = (np.asarray(x, dtype=float) - location) / width
    if abs(skew) < 1e-8:
        return np.asarray(ndtr(u))
    return np.asarray(ndtr(-np.log(np.maximum(1 - skew * u, _TINY)) / skew))


def quantile(fraction: ArrayLike, location: float, width: float, skew: float) -> NDArray[np.float64]:
    """Drive at which `distribution` reaches `fraction`; arguments as there."""
    y = ndtri(np.asarray(fraction, dtype=float))
    return location + width * (y if abs(skew) < 1e-8 else -np.expm1(-skew * y) / skew)


def switched(x: NDArray[np.float64], limit: float, location: float, width: float, skew: float) -> NDArray[np.float64]:
    """Fraction switched at drive `x`, 0 at no drive and 1 at `limit`, the end of the sweep.

    A plateau defines its state: what has not switched at the end of the sweep is not part of the loop.
    """
    start, end = distribution(np.array([0.0, limit]), location, width, skew)
    span = max(float(end - start), _TINY)
    return np.clip((distribution(x, location, width, skew) - start) / span, 0.0, 1.0)


def crossing(limit: float, location: float, width: float, skew: float) -> float:
    """Drive at which half has switched, for `switched` with the same arguments."""
    start, end = distribution(np.array([0.0, limit]), location, width, skew)
    return float(quantile((start + end) / 2, location, width, skew))


@dataclass(frozen=True)
class History:
    """Order in which a sweep visits its drive points, for domains that each have a fixed switching drive.

    Parameters
    ----------
    drive : ndarray, shape (n,)
        Drive in the order of measurement; positive drive favours one state, negative the other.
    """

    drive: NDArray[np.float64]

    def __post_init__(self) -> None:
        sign = np.sign(self.drive)
        last = np.maximum.accumulate(np.where(sign != 0, np.arange(len(sign)), 0))
        filled = sign[last]
        cuts = [0, *(np.flatnonzero(np.diff(filled) != 0) + 1).tolist(), len(sign)]
        stretches = tuple((a, b, float(filled[a])) for a, b in itertools.pairwise(cuts))
        object.__setattr__(self, "_stretches", stretches)

    def fraction(
        self, positive: NDArray[np.float64], negative: NDArray[np.float64], start: float
    ) -> NDArray[np.float64]:
        """Fraction in the state that positive drive favours, after each point.

        Parameters
        ----------
        positive, negative : ndarray, shape (n,)
            Fraction of domains that positive (negative) drive of each point's magnitude switches.
        start : float
            Fraction at the beginning.

        Returns
        -------
        ndarray, shape (n,)
        """
        result = np.empty(len(self.drive))
        now = start
        for a, b, sign in self._stretches:  # type: ignore[attr-defined]
            if sign > 0:
                result[a:b] = np.maximum(now, np.maximum.accumulate(positive[a:b]))
            elif sign < 0:
                result[a:b] = np.minimum(now, 1 - np.maximum.accumulate(negative[a:b]))
            else:
                result[a:b] = now
            now = result[b - 1]
        return result
