"""Analyses of a circuit: operating point, DC sweep, transient, AC and harmonic balance, as plain frozen records."""

from __future__ import annotations

import math
from dataclasses import dataclass

from compact.errors import CircuitError

__all__ = ["Ac", "Analysis", "Dc", "Hb", "Op", "Tran"]


def _plain(record: object, *names: str) -> None:
    """Make numbers plain floats: NumPy's would be printed by their type."""
    for name in names:
        if (value := getattr(record, name)) is not None:
            object.__setattr__(record, name, float(value))


def _finite(analysis: str, **values: float) -> None:
    for name, value in values.items():
        if not math.isfinite(value):
            raise CircuitError(f"{analysis}: {name} = {value} is not a finite number")


def _positive(analysis: str, **values: float) -> None:
    _finite(analysis, **values)
    for name, value in values.items():
        if value <= 0:
            raise CircuitError(f"{analysis}: {name} = {value:g} must be > 0")


@dataclass(frozen=True)
class Op:
    """Operating point; one value per signal."""


@dataclass(frozen=True)
class Dc:
    """Sweep of the DC value of an independent source, each point starting from the one before.

    Parameters
    ----------
    source : str
        Name of a voltage or current source, with its letter (``"vin"``).
    start, stop : float
        First and last value [V or A]; ``stop`` may be below ``start``.
    step : float
        Distance between points [V or A]; its sign does not matter.
    back : bool
        Sweep to ``stop`` and back to ``start`` in one run: a hysteresis loop.

    Raises
    ------
    CircuitError
        If a value is not finite, the step is zero, or ``start`` equals ``stop``.
    """

    source: str
    start: float
    stop: float
    step: float
    back: bool = False

    def __post_init__(self) -> None:
        _plain(self, "start", "stop", "step")
        _finite("Dc", start=self.start, stop=self.stop)
        _positive("Dc", step=abs(self.step))
        if self.start == self.stop:
            raise CircuitError(f"Dc: start and stop are both {self.start:g}")

    def values(self) -> list[float]:
        """All values of the source [V or A], in the order in which they are applied."""
        count = math.floor(abs(self.stop - self.start) / abs(self.step) * (1 + 1e-9) + 1e-9)
        step = math.copysign(self.step, self.stop - self.start)
        up = [self.start + step * k for k in range(count + 1)]
        return up + up[-2::-1] if self.back else up


@dataclass(frozen=True)
class Tran:
    """Transient from time zero.

    Parameters
    ----------
    stop : float
        Last time [s].
    step : float
        Suggested step [s]; the largest one too, unless `max_step` is given.
    max_step : float, optional
        Largest step the integrator may take [s].
    uic : bool
        Start from the given initial conditions instead of an operating point.

    Raises
    ------
    CircuitError
        If a time is not positive and finite, or ``step`` is above ``stop``.
    """

    stop: float
    step: float
    max_step: float | None = None
    uic: bool = False

    def __post_init__(self) -> None:
        _plain(self, "stop", "step", "max_step")
        _positive("Tran", stop=self.stop, step=self.step)
        if self.max_step is not None:
            _positive("Tran", max_step=self.max_step)
        if self.step > self.stop:
            raise CircuitError(f"Tran: step = {self.step:g} s is above stop = {self.stop:g} s")

    @property
    def largest_step(self) -> float:
        """The largest step the integrator may take [s]."""
        return self.step if self.max_step is None else self.max_step


@dataclass(frozen=True)
class Ac:
    """Small-signal sweep with logarithmic spacing; signals are complex phasors.

    Parameters
    ----------
    start, stop : float
        First and last frequency [Hz].
    points_per_decade : int
        Number of points per factor of ten.

    Raises
    ------
    CircuitError
        If a frequency is not positive, or ``stop`` is not above ``start``.
    """

    start: float
    stop: float
    points_per_decade: int = 10

    def __post_init__(self) -> None:
        _plain(self, "start", "stop")
        _positive("Ac", start=self.start, stop=self.stop, points_per_decade=self.points_per_decade)
        if self.stop <= self.start:
            raise CircuitError(f"Ac: stop = {self.stop:g} Hz must be above start = {self.start:g} Hz")


@dataclass(frozen=True)
class Hb:
    """Periodic steady state by harmonic balance; signals are complex peak phasors of the harmonics, a sine is -j.

    Noise and whatever else depends on time but not periodically has no place in it.

    Parameters
    ----------
    frequency : float
        Fundamental frequency [Hz], that of all alternating sources.
    harmonics : int
        Number of harmonics besides DC.

    Raises
    ------
    CircuitError
        If the frequency is not positive, or there are no harmonics.
    """

    frequency: float
    harmonics: int = 8

    def __post_init__(self) -> None:
        _plain(self, "frequency")
        _positive("Hb", frequency=self.frequency, harmonics=self.harmonics)


Analysis = Op | Dc | Tran | Ac | Hb
