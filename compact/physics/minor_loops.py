"""Minor loops of a junction of many domains: how thermal activation lets them creep, and when they are forgotten.

A visit of a turning point adds to the dose D of each domain, the integral of its switching rate; what has not switched
is exp(-D). Domains are sorted by their dose, which falls nearly exponentially with the fraction F of easier ones, so
that more visits shift the border between those that switched and those that did not by

    dF = slope ln(D_2/D_1),   slope = -dF/d ln D at D = 1:

the n-th pulse at the turning point adds slope ln[n/(n - 1)], less and less, but without an end. Where the sweep goes on
after n such pulses, to where a single visit doses m times as much, it is ahead of one that never turned by

    slope ln(1 + n/m),

which is Frullani's integral of exp(-mD)[1 - exp(-nD)] over ln D. So a minor loop closes as fast as 1/n, and the major
loop forgets it exponentially. Logarithmic creep of hysteresis: R. Street and J. C. Woolley, Proc. Phys. Soc. A 62, 562
(1949); relaxing Preisach elements: Y. Estrin et al., J. Phys.: Condens. Matter 1, 4845 (1989).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import PchipInterpolator

from compact.constants import ZERO_CELSIUS
from compact.errors import ParameterError
from compact.models.multidomain import CLASSES, DIRECTIONS
from compact.parameters import ParameterSet

__all__ = ["Turn", "alternate", "doses"]

FloatArray = NDArray[np.float64]

CENTRE = math.exp(-np.euler_gamma)
"""Dose of the domains at the border: the mean of ln D, weighted with what a small further dose switches."""
STEPS = 400
"""Points of each ramp."""


def doses(card: ParameterSet, times: ArrayLike, volts: ArrayLike, way: str, temperature: float = 27.0) -> FloatArray:
    """Dose of each class in one direction, the integral of its switching rate over a voltage of straight ramps.

    Parameters
    ----------
    card : ParameterSet
        Card of a `multidomain`.
    times, volts : array_like, shape (n,)
        Corners of the voltage [s], [V].
    way : str
        "ap2p" or "p2ap".
    temperature : float
        Temperature [degC].

    Returns
    -------
    ndarray, shape (classes,)
    """
    if way not in DIRECTIONS:
        raise ParameterError(f"direction '{way}' of switching must be one of {', '.join(DIRECTIONS)}")
    t, v = np.asarray(times, dtype=float), np.asarray(volts, dtype=float)
    fine = np.unique(np.concatenate([np.linspace(a, b, STEPS) for a, b in pairwise(t)]))
    point = {**card.values, "v_fl_rl": np.interp(fine, t, v), "temperature": temperature + ZERO_CELSIUS}
    rates = card.definition.evaluate([f"rate{k}_{way}" for k in range(CLASSES)], point)
    return np.asarray([np.trapezoid(rate, fine) for rate in rates])


def alternate(up: FloatArray, down: FloatArray, visits: int) -> FloatArray:
    """Parallel fraction at each visit of the upper turning point, from the antiparallel state on.

    The fractions p of a class follow p -> 1 - (1 - p) exp(-D_up) and p -> p exp(-D_down), and so approach the fixed
    point of both geometrically.

    Parameters
    ----------
    up, down : ndarray, shape (classes,)
        Dose of each class at either turning point.
    visits : int
        Visits of the upper one.

    Returns
    -------
    ndarray, shape (visits,)
    """
    once = -np.expm1(-up)
    rest = once / -np.expm1(-up - down)
    power = np.exp(-np.multiply.outer(np.arange(visits), up + down))
    return np.asarray((rest + power * (once - rest)).mean(axis=1))


@dataclass(frozen=True)
class Turn:
    """A turning point, by what one visit does to the domains that have not switched.

    Parameters
    ----------
    dose : ndarray, shape (classes,)
        Dose of each class in one visit, from the easiest on.

    Raises
    ------
    ParameterError
        If there are not as many as classes.
    """

    dose: FloatArray

    def __post_init__(self) -> None:
        if np.shape(self.dose) != (CLASSES,):
            raise ParameterError(f"{CLASSES} classes need as many doses, not {np.size(self.dose)}")

    def slope(self, visits: float = 1.0) -> float:
        """Fraction that switches per unit of the logarithm of the dose, after a number of visits [1].

        Parameters
        ----------
        visits : float
            Visits so far.

        Raises
        ------
        ParameterError
            If the border between what switched and what did not is not within the distribution.
        """
        fraction = (np.arange(CLASSES) + 0.5) / CLASSES
        log = np.log(np.maximum(self.dose, np.finfo(float).tiny))
        level = math.log(CENTRE / visits)
        if not log.min() < level < log.max():
            raise ParameterError(
                "the turning point is at the end of a branch, where hardly any domain is left to creep"
            )
        order = np.argsort(log)
        return float(-PchipInterpolator(log[order], fraction[order]).derivative()(level))

    def creep(self, before: float, after: float) -> float:
        """Fraction that switches between two numbers of visits [1].

        Parameters
        ----------
        before, after : float
            Visits, the first one or more.
        """
        return self.slope(math.sqrt(before * after)) * math.log(after / before)

    def ahead(self, visits: float, further: float) -> float:
        """How far a sweep that turned is ahead of one that did not, once both went on [1].

        Parameters
        ----------
        visits : float
            Visits of the turning point beyond the first passage.
        further : float
            Dose at the place that was reached over that of a visit of the turning point.
        """
        return self.slope(math.sqrt(further * (visits + further))) * math.log1p(visits / further)

    def closing_visits(self, limit: float) -> int:
        """Visits after which one more switches less than a limit [1].

        Parameters
        ----------
        limit : float
            Fraction of all domains.
        """
        return math.ceil(1 / math.expm1(limit / self.slope()))
