"""Figures taken from waveforms: crossings, delays, energies, settled values, and their limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Measure", "average", "crossings", "delay", "energy", "first_crossing", "integral", "value_at"]

DIRECTIONS = ("rise", "fall", "either")


@dataclass(frozen=True)
class Measure:
    """One figure of merit with the limits between which it passes.

    Parameters
    ----------
    name : str
        What was measured, as used in tables and JSON.
    value : float
        The figure; NaN if the event it belongs to did not happen, which never passes.
    unit : str
        SI unit of value, low and high.
    low, high : float
        Limits, both included.
    description : str
        One line that says how it is measured.
    """

    name: str
    value: float
    unit: str = "1"
    low: float = -np.inf
    high: float = np.inf
    description: str = ""

    @property
    def passed(self) -> bool:
        """True if the value exists and lies within the limits."""
        return bool(self.low <= self.value <= self.high)


def crossings(
    time: ArrayLike, signal: ArrayLike, level: float, direction: str = "either", after: float = -np.inf
) -> NDArray[np.float64]:
    """Times at which a signal passes a level, by linear interpolation between samples.

    Parameters
    ----------
    time, signal : array_like, shape (n,)
        Samples in order of time [s]; the signal's unit is that of level.
    level : float
        A crossing is counted when the signal arrives at or beyond the level from its other side.
    direction : {"either", "rise", "fall"}
        Which crossings count.
    after : float
        Earlier crossings are left out [s].

    Returns
    -------
    ndarray, shape (m,)
        Crossing times [s] in order; empty if there are none.

    Raises
    ------
    ValueError
        If the shapes differ or the direction is unknown.
    """
    t, v = _samples(time, signal)
    if direction not in DIRECTIONS:
        raise ValueError(f"direction must be one of {', '.join(DIRECTIONS)}, not {direction!r}")
    above = v - level
    rises = (above[:-1] < 0) & (above[1:] >= 0)
    falls = (above[:-1] > 0) & (above[1:] <= 0)
    wanted = {"rise": rises, "fall": falls, "either": rises | falls}[direction]
    k = np.flatnonzero(wanted)
    times = t[k] - above[k] * (t[k + 1] - t[k]) / (above[k + 1] - above[k])
    return times[times >= after]


def first_crossing(
    time: ArrayLike, signal: ArrayLike, level: float, direction: str = "either", after: float = -np.inf
) -> float:
    """First time at which a signal passes a level [s]; NaN if it never does."""
    found = crossings(time, signal, level, direction, after)
    return float(found[0]) if found.size else float("nan")


def delay(
    time: ArrayLike,
    trigger: tuple[ArrayLike, float, str],
    target: tuple[ArrayLike, float, str],
    after: float = -np.inf,
) -> float:
    """Time from the first crossing of the trigger to the first crossing of the target behind it.

    Parameters
    ----------
    time : array_like, shape (n,)
        Sample times [s].
    trigger, target : tuple of (signal, level, direction)
        As in `crossings`.
    after : float
        Time at which the search for the trigger begins [s].

    Returns
    -------
    float
        Delay [s]; NaN if either crossing is missing.
    """
    start = first_crossing(time, *trigger, after=after)
    return first_crossing(time, *target, after=start) - start if np.isfinite(start) else float("nan")


def value_at(time: ArrayLike, signal: ArrayLike, at: float) -> float:
    """Value of a signal at one time [s], by linear interpolation; NaN outside the samples."""
    t, v = _samples(time, signal)
    return float(np.interp(at, t, v, left=np.nan, right=np.nan))


def integral(time: ArrayLike, signal: ArrayLike, start: float = -np.inf, stop: float = np.inf) -> float:
    """Integral of a signal over time between two times, by the trapezoidal rule.

    Parameters
    ----------
    time, signal : array_like, shape (n,)
        Samples in order of time [s].
    start, stop : float
        Limits [s]; cut to the samples' range, and interpolated where they fall between samples.

    Returns
    -------
    float
        Integral in the signal's unit times seconds; 0 if the window is empty.
    """
    t, v = _samples(time, signal)
    start, stop = max(start, t[0]), min(stop, t[-1])
    if not start < stop:
        return 0.0
    inside = (t > start) & (t < stop)
    grid = np.concatenate([[start], t[inside], [stop]])
    return float(np.trapezoid(np.interp(grid, t, v), grid))


def energy(
    time: ArrayLike,
    voltage: ArrayLike | float,
    current: ArrayLike,
    start: float = -np.inf,
    stop: float = np.inf,
) -> float:
    """Energy that a source delivers between two times.

    Parameters
    ----------
    time : array_like, shape (n,)
        Sample times [s].
    voltage : float or array_like, shape (n,)
        Voltage of the source [V].
    current : array_like, shape (n,)
        Current with SPICE's sign, positive into the positive terminal [A].
    start, stop : float
        Limits [s].

    Returns
    -------
    float
        Energy given to the circuit [J].
    """
    power = -np.asarray(voltage, float) * np.asarray(current, float)
    return integral(time, power, start, stop)


def average(time: ArrayLike, signal: ArrayLike, start: float = -np.inf, stop: float = np.inf) -> float:
    """Time average of a signal between two times [s]; NaN if the window is empty."""
    t, v = _samples(time, signal)
    length = min(stop, t[-1]) - max(start, t[0])
    return integral(t, v, start, stop) / length if length > 0 else float("nan")


def _samples(time: ArrayLike, signal: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    t, v = np.asarray(time, float), np.asarray(signal, float)
    if t.ndim != 1 or t.shape != v.shape or t.size < 2:
        raise ValueError(f"time and signal must be arrays of one length >= 2, not {t.shape} and {v.shape}")
    return t, v
