"""What drives a device, as functions of time: voltage or current, field, spin-Hall current."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compact.errors import ParameterError

__all__ = ["Drive", "Waveform"]


@dataclass(frozen=True)
class Waveform:
    """A piecewise linear function of time, held before its first and after its last point.

    Parameters
    ----------
    time : array_like, shape (n,)
        Moments [s]; two equal ones make a jump.
    value : array_like, shape (n,) or (n, 3)
        Values.
    name : str
        What it is, for messages.

    Raises
    ------
    ParameterError
        If time goes back, or a number is not finite.
    """

    time: NDArray[np.float64]
    value: NDArray[np.float64]
    name: str = "waveform"

    def __post_init__(self) -> None:
        try:
            time, value = np.atleast_1d(np.array(self.time, dtype=float)), np.array(self.value, dtype=float)
        except (TypeError, ValueError):
            raise ParameterError(f"{self.name}: of its moments and values, not all are numbers") from None
        if time.ndim != 1 or value.shape[:1] != time.shape or not len(time):
            raise ParameterError(f"{self.name}: {len(time)} moments for values of the shape {value.shape}")
        if not (np.isfinite(time).all() and np.isfinite(value).all()):
            raise ParameterError(f"{self.name}: a moment or a value is not finite")
        back = np.flatnonzero(np.diff(time) < 0)
        if len(back):
            k = int(back[0])
            raise ParameterError(
                f"{self.name}: time goes back from {time[k]:g} s to {time[k + 1]:g} s (points {k + 1} and {k + 2})"
            )
        object.__setattr__(self, "time", time)
        object.__setattr__(self, "value", value)

    def at(self, time: ArrayLike) -> NDArray[np.float64]:
        """Values at `time` [s]: shape of `time`, with three components appended for a vector."""
        t = np.asarray(time, dtype=float)
        if self.value.ndim == 1:
            return np.asarray(np.interp(t, self.time, self.value))
        return np.stack([np.interp(t, self.time, column) for column in self.value.T], axis=-1)

    @property
    def largest(self) -> float:
        """Largest magnitude."""
        size = np.abs(self.value) if self.value.ndim == 1 else np.linalg.norm(self.value, axis=1)
        return float(size.max())


Course = float | tuple[ArrayLike, ArrayLike] | Waveform | None


@dataclass(frozen=True, init=False)
class Drive:
    """Voltage or current, field and spin-Hall current as functions of time.

    Parameters
    ----------
    voltage : float, (times, values) or Waveform
        Voltage from free to reference layer [V]; positive drives towards parallel.
    current : float, (times, values) or Waveform
        In its place, the current [A].
    field : sequence of 3 float, (times, (n, 3) values) or Waveform
        Field in addition to that of the device [A/m].
    spin_hall : float, (times, values) or Waveform
        Current of the spin-Hall line [A].

    Raises
    ------
    ParameterError
        If both voltage and current are given, time goes back, or a number is not finite.
    """

    voltage: Waveform | None
    current: Waveform | None
    field: Waveform | None
    spin_hall: Waveform | None

    def __init__(
        self,
        *,
        voltage: Course = None,
        current: Course = None,
        field: Sequence[float] | Course = None,
        spin_hall: Course = None,
    ):
        if voltage is not None and current is not None:
            raise ParameterError("a junction is driven by a voltage or by a current, not by both")
        courses = (("voltage", voltage), ("current", current), ("field", field), ("spin_hall", spin_hall))
        for name, given in courses:
            object.__setattr__(self, name, None if given is None else _waveform(name, given))

    @classmethod
    def pulse(
        cls,
        *,
        width: float,
        voltage: float | None = None,
        current: float | None = None,
        delay: float = 0.0,
        edge: float = 0.0,
        field: Sequence[float] | Course = None,
        spin_hall: Course = None,
    ) -> Drive:
        """A pulse of a voltage or a current, of a width at half height [s], with linear edges.

        Raises
        ------
        ParameterError
            If there is not one amplitude, or the edges do not fit into the width.
        """
        if (voltage is None) == (current is None):
            raise ParameterError("a pulse needs one amplitude: voltage or current")
        if not (width > 0 and delay >= 0 and 0 <= edge <= width):
            raise ParameterError(
                f"pulse: width = {width:g} s must be positive, delay = {delay:g} s not negative, and "
                f"edge = {edge:g} s between 0 and the width"
            )
        times = np.array([delay, delay + edge, delay + width, delay + width + edge])
        shape = np.array([0.0, 1.0, 1.0, 0.0])
        if voltage is not None:
            return cls(voltage=(times, voltage * shape), field=field, spin_hall=spin_hall)
        assert current is not None
        return cls(current=(times, current * shape), field=field, spin_hall=spin_hall)

    def frozen(self, at: float, after: bool = False) -> Drive:
        """The same, held at what it is just before `at` [s] (nothing flows before a pulse), or just after."""
        moment = math.nextafter(at, math.inf if after else -math.inf)
        held = {}
        for name in ("voltage", "current", "field", "spin_hall"):
            waveform: Waveform | None = getattr(self, name)
            held[name] = None if waveform is None else Waveform(np.array([0.0]), waveform.at([moment]), name)
        return Drive(**held)


def _waveform(name: str, given: object) -> Waveform:
    parts = 3 if name == "field" else 1
    if isinstance(given, Waveform):
        result = Waveform(given.time, given.value, name)
    elif isinstance(given, tuple) and len(given) == 2:
        result = Waveform(given[0], given[1], name)
    else:
        try:
            result = Waveform(np.array([0.0]), np.array([given], dtype=float), name)
        except (TypeError, ValueError):
            raise ParameterError(f"{name}: {given!r} is no number, no (times, values) and no Waveform") from None
    if result.value.shape[1:] != (() if parts == 1 else (3,)):
        raise ParameterError(f"{name}: values have the shape {result.value.shape}; each must be {parts} number(s)")
    return result
