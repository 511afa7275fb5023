"""What an ensemble of trajectories gives: shares with their errors, moments, means, courses and spectra."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compact.errors import ParameterError
from compact.physics.macrospin import Macrospin

__all__ = ["Ensemble", "Probability"]


@dataclass(frozen=True)
class Probability:
    """A share of trajectories with its statistical error.

    Parameters
    ----------
    events, trials : int
        Counts.
    """

    events: int
    trials: int

    @property
    def value(self) -> float:
        """Share of events."""
        return self.events / self.trials

    @property
    def stderr(self) -> float:
        """Binomial standard error, from Wilson's interval, so that it is not 0 where nothing or all happened."""
        low, high = self.interval()
        return (high - low) / 2

    def interval(self, sigmas: float = 1.0) -> tuple[float, float]:
        """Confidence interval (E. B. Wilson, J. Am. Stat. Assoc. 22, 209 (1927))."""
        n, p, z2 = self.trials, self.value, sigmas**2
        centre = (p + z2 / (2 * n)) / (1 + z2 / n)
        half = sigmas / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
        return max(centre - half, 0.0), min(centre + half, 1.0)

    def __str__(self) -> str:
        return f"{self.value:.4g} +- {self.stderr:.2g} ({self.events} of {self.trials})"


@dataclass(frozen=True)
class Ensemble:
    """Result of `simulate`.

    Parameters
    ----------
    device : Macrospin
        What was simulated.
    state : int
        State at the start: 1 parallel, -1 antiparallel.
    step : float
        Time step [s].
    time : ndarray, shape (records,)
        Moments of the records [s], from 0.
    mean, square : ndarray, shape (records, 3)
        Mean of m and of the squares of its components.
    remaining : ndarray, shape (records,)
        Share of trajectories on the initial side of the reference layer.
    heat : ndarray, shape (records,)
        Mean temperature rise [K].
    crossing : ndarray, shape (n,)
        When each trajectory first passed the threshold [s]; NaN if it never did.
    final : ndarray, shape (n, 3)
        Directions at the end.
    traces : ndarray, shape (traces, records, 3)
        Directions of the first trajectories.
    """

    device: Macrospin
    state: int
    step: float
    time: NDArray[np.float64]
    mean: NDArray[np.float64]
    square: NDArray[np.float64]
    remaining: NDArray[np.float64]
    heat: NDArray[np.float64]
    crossing: NDArray[np.float64]
    final: NDArray[np.float64]
    traces: NDArray[np.float64]

    @property
    def n(self) -> int:
        """Number of trajectories."""
        return len(self.final)

    @property
    def switched(self) -> Probability:
        """Share of trajectories on the other side at the end."""
        return Probability(self.n - round(float(self.remaining[-1]) * self.n), self.n)

    def not_switched(self, at: float) -> Probability:
        """Share still on the initial side at the moment `at` [s], between records linear: the write-error rate."""
        if not 0 <= at <= self.time[-1] * (1 + 1e-9):
            raise ParameterError(f"'at' = {at:g} s is outside the run of {self.time[-1]:g} s")
        return Probability(round(float(np.interp(at, self.time, self.remaining)) * self.n), self.n)

    def cosine(self) -> NDArray[np.float64]:
        """Cosine s between free and reference layer along the traces, shape (traces, records)."""
        return np.asarray(self.traces @ np.array(self.device.reference))

    def spectrum(self, direction: Sequence[float] = (1.0, 0.0, 0.0)) -> tuple[NDArray, NDArray]:
        """Mean power spectral density of the traces' component along `direction`.

        Returns
        -------
        frequency : ndarray
            [Hz].
        density : ndarray
            One-sided [1/Hz].

        Raises
        ------
        ParameterError
            If no traces were recorded.
        """
        if not len(self.traces) or len(self.time) < 8:
            raise ParameterError("a spectrum needs traces of 8 records or more: ask for them with traces=, samples=")
        from scipy.signal import periodogram

        axis = np.array(direction, dtype=float)
        component = self.traces @ (axis / math.sqrt(axis @ axis))
        rate = 1 / (self.time[1] - self.time[0])
        frequency, density = periodogram(component, rate, window="hann", detrend="constant", axis=1)
        return frequency, density.mean(axis=0)
