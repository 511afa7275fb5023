"""Writing, reading and keeping a bit in a card's junction: switching probability, write errors, disturb, retention.

The drive is taken from the card's own equations, with the conductance and the torque efficiency that change while the
state moves; the statistics are those of the Fokker-Planck equation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compact.errors import DataError, ParameterError
from compact.model import Model
from compact.parameters import ParameterSet
from compact.physics.fokker_planck import Axial, after_pulse

__all__ = ["AP", "AxialDrive", "P", "Retention", "Writing", "retention", "write_errors", "write_waveform"]

FloatArray: TypeAlias = NDArray[np.float64]
P, AP = 1.0, -1.0
"""States, as the sign of z."""
NEEDED = ("d", "i", "delta_t", "tau_t")


@dataclass(frozen=True)
class AxialDrive:
    """What a card's equations say of drive, barrier and pace at one temperature.

    Parameters
    ----------
    model : Model
        A model with the quantities `d`, `i`, `delta_t`, `tau_t` and the state z.
    values : mapping of str to float
        Values of all its parameters.
    temperature : float
        Temperature [K].

    Raises
    ------
    ParameterError
        If the model is not axial, or the temperature leaves no barrier.
    """

    model: Model
    values: Mapping[str, float]
    temperature: float

    @classmethod
    def of(cls, card: ParameterSet, temperature: float | None = None) -> AxialDrive:
        """Drive of a card, by default at the temperature at which its values hold."""
        lacking = [name for name in NEEDED if name not in card.definition.quantities]
        if lacking:
            raise ParameterError(
                f"card '{card.name}': model {card.model} is not the axial macrospin (no {', '.join(lacking)})"
            )
        return cls(card.definition, card.values, card.values["t_nom"] if temperature is None else float(temperature))

    def __post_init__(self) -> None:
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise ParameterError(f"a temperature of {self.temperature:g} K is not possible")
        if not (math.isfinite(self.delta) and self.delta > 0 and math.isfinite(self.tau) and self.tau > 0):
            raise ParameterError(f"at {self.temperature:g} K no energy barrier is left")

    def _value(self, name: str, **at: Any) -> Any:
        return self.model.evaluate(name, dict(self.values) | {"temperature": self.temperature} | at)

    @property
    def delta(self) -> float:
        """Thermal stability factor [1]."""
        with np.errstate(all="ignore"):
            return float(self._value("delta_t"))

    @property
    def tau(self) -> float:
        """Relaxation time [s]."""
        with np.errstate(all="ignore"):
            return float(self._value("tau_t"))

    @property
    def rest(self) -> float:
        """Drive without bias [1]."""
        return float(self._value("d", v_fl_rl=0.0, z=0.0))

    def at_voltage(self, voltage: FloatArray, z: FloatArray) -> FloatArray:
        """Drive [1] at voltages (cases,) for states z (m,), shape (cases, m)."""
        return np.asarray(self._value("d", v_fl_rl=voltage[:, None], z=z[None, :]))

    def at_current(self, current: FloatArray, z: FloatArray) -> FloatArray:
        """Drive [1] at currents (cases,) for states z (m,), shape (cases, m)."""
        return np.asarray(self._value("d", v_fl_rl=self.voltage_at(current[:, None], z[None, :]), z=z[None, :]))

    def voltage_at(self, current: FloatArray, z: FloatArray) -> FloatArray:
        """Voltage [V] that drives `current` [A] through the junction in state `z`; arrays broadcast.

        Raises
        ------
        ParameterError
            If more than 1000 V would be needed.
        """
        current, z = np.broadcast_arrays(np.asarray(current, dtype=float), np.asarray(z, dtype=float))
        size, sign = np.abs(current), np.where(current < 0, -1.0, 1.0)
        low, high = np.zeros(current.shape), np.full(current.shape, 1e-3)
        while np.any(short := sign * self._value("i", v_fl_rl=sign * high, z=z) < size):
            if high.max() > 1e3:
                raise ParameterError(f"a current of {np.abs(current).max():g} A would take more than 1000 V")
            high = np.where(short, 2 * high, high)
        for _ in range(60):
            middle = (low + high) / 2
            above = sign * self._value("i", v_fl_rl=sign * middle, z=z) > size
            low, high = np.where(above, low, middle), np.where(above, middle, high)
        return sign * (low + high) / 2

    def solve(
        self,
        quantity: Literal["voltage", "current"],
        level: FloatArray,
        start: FloatArray,
        count: Literal["side", "rest"] = "side",
        cells: int | None = None,
    ) -> Axial:
        """Fokker-Planck equation under constant voltages [V] or currents [A], shape (cases,)."""
        at = self.at_voltage if quantity == "voltage" else self.at_current
        return Axial(self.delta, lambda z: at(level, z), rest=self.rest, start=start, count=count, cells=cells)


@dataclass(frozen=True)
class Writing:
    """Outcome of pulses of constant voltage or current.

    Parameters
    ----------
    card : ParameterSet
        The junction.
    quantity : {"voltage", "current"}
        What is held during the pulse.
    level : ndarray, shape (n,)
        Voltage of the free against the reference layer [V], or current [A].
    pulse : ndarray, shape (m,)
        Pulse widths [s].
    start : ndarray, shape (n,)
        State before the pulse: `P` or `AP`.
    error : ndarray, shape (n, m)
        Probability of not having switched (the write-error rate).
    switched : ndarray, shape (n, m)
        Probability of having switched (the read disturb, where that is not wanted).
    solver : Axial
        Its equation.
    tau : float
        Relaxation time [s].
    """

    card: ParameterSet
    quantity: Literal["voltage", "current"]
    level: FloatArray
    pulse: FloatArray
    start: FloatArray
    error: FloatArray
    switched: FloatArray
    solver: Axial
    tau: float

    def pulse_for(self, error: ArrayLike) -> FloatArray:
        """Pulse width [s] that leaves a given write-error rate, shape (n, k); nan where none does."""
        return self.solver.width_for(error) * self.tau


def _levels(voltage: ArrayLike | None, current: ArrayLike | None) -> tuple[Literal["voltage", "current"], FloatArray]:
    if (voltage is None) == (current is None):
        raise ParameterError("give either a voltage or a current")
    quantity: Literal["voltage", "current"] = "voltage" if current is None else "current"
    level = np.atleast_1d(np.asarray(voltage if current is None else current, dtype=float))
    if level.ndim != 1 or not level.size or not np.all(np.isfinite(level)):
        raise ParameterError(f"a {quantity} is not a finite number")
    return quantity, level


def _starts(start: ArrayLike | None, level: FloatArray) -> FloatArray:
    """State before each pulse: as given, else the one that the pulse drives away from."""
    if start is None:
        return np.where(level > 0, AP, P)
    chosen = np.broadcast_to(np.asarray(start, dtype=float), level.shape)
    if not np.all(np.abs(chosen) == 1):
        raise ParameterError("a start is neither 1 (parallel) nor -1 (antiparallel)")
    return chosen


def write_errors(
    card: ParameterSet,
    pulse: ArrayLike,
    *,
    voltage: ArrayLike | None = None,
    current: ArrayLike | None = None,
    start: ArrayLike | None = None,
    temperature: float | None = None,
    count: Literal["side", "rest"] = "side",
    cells: int | None = None,
) -> Writing:
    """Switching probabilities and write-error rates of a card for every level and every pulse width.

    Parameters
    ----------
    card : ParameterSet
        A card of the axial model.
    pulse : array_like (m,)
        Pulse widths [s].
    voltage, current : array_like (n,)
        One of them: voltage of the free against the reference layer [V] or current into the free layer [A], held
        during the pulse; positive ones set the parallel state.
    start : array_like, optional
        State before the pulse, 1 or -1, one or for each level; by default the one that the pulse drives away from.
    temperature : float, optional
        Temperature [K], that of the card by default.
    count, cells
        As for `compact.physics.fokker_planck.Axial`.

    Returns
    -------
    Writing

    Raises
    ------
    ParameterError
        For values that are not possible, or a card of a model that is not axial.
    """
    quantity, level = _levels(voltage, current)
    widths = np.atleast_1d(np.asarray(pulse, dtype=float))
    if widths.ndim != 1 or not widths.size or not np.all(np.isfinite(widths) & (widths >= 0)):
        raise ParameterError("a pulse width is negative or not a finite number")
    drive = AxialDrive.of(card, temperature)
    starts = _starts(start, level)
    solver = drive.solve(quantity, level, starts, count, cells)
    left, right = solver.sides(widths / drive.tau)
    low = starts[:, None] < 0
    error, switched = np.where(low, left, right), np.where(low, right, left)
    return Writing(card, quantity, level, widths, starts, error, switched, solver, drive.tau)


def write_waveform(
    card: ParameterSet,
    time: ArrayLike,
    *,
    voltage: ArrayLike | None = None,
    current: ArrayLike | None = None,
    start: float | None = None,
    temperature: float | None = None,
    pieces: int = 16,
    cells: int | None = None,
) -> tuple[float, float]:
    """Outcome of a pulse of any shape, given as a table of points joined by straight lines.

    Parameters
    ----------
    card : ParameterSet
        A card of the axial model.
    time : array_like (n,)
        Times [s], never going back; two equal ones make a step.
    voltage, current : array_like (n,)
        One of them, at these times [V or A].
    start : float, optional
        State before the pulse, by default the one that its mean drives away from.
    temperature : float, optional
        Temperature [K], that of the card by default.
    pieces : int
        Pieces of constant drive into which a straight line that is not level is cut.
    cells : int, optional
        As for `Axial`.

    Returns
    -------
    unswitched, switched : float
        Probabilities at the last time.

    Raises
    ------
    DataError
        If the table goes back in time, or times and levels differ in number.
    ParameterError
        As `write_errors`.
    """
    quantity, level = _levels(voltage, current)
    times = np.atleast_1d(np.asarray(time, dtype=float))
    if times.shape != level.shape or times.size < 2:
        raise DataError(f"a pulse table needs two points or more, as many times as levels, not {times.size}")
    if not np.all(np.isfinite(times)):
        raise DataError("a time of the pulse table is not a finite number")
    back = np.flatnonzero(np.diff(times) < 0)
    if back.size:
        k = int(back[0])
        raise DataError(f"the pulse table goes back in time at point {k + 2}: {times[k + 1]:g} s after {times[k]:g} s")
    drive = AxialDrive.of(card, temperature)
    at = drive.at_voltage if quantity == "voltage" else drive.at_current
    held: list[tuple[float, float]] = []
    for k in range(len(times) - 1):
        span = float(times[k + 1] - times[k])
        if span > 0:
            parts = 1 if level[k] == level[k + 1] else pieces
            middles = level[k] + (level[k + 1] - level[k]) * (np.arange(parts) + 0.5) / parts
            held += [(float(x), span / parts) for x in middles]
    mean = sum(x * t for x, t in held)
    starts = _starts(start, np.array([mean]))
    drives = [lambda z, x=x: at(np.array([x]), z) for x, _ in held]
    unswitched, switched = after_pulse(
        drive.delta, drives, [t / drive.tau for _, t in held], rest=drive.rest, start=starts, cells=cells
    )
    return float(unswitched[0]), float(switched[0])


@dataclass(frozen=True)
class Retention:
    """How long a state lasts without bias, or under a small one.

    Parameters
    ----------
    log_rate : float
        Natural logarithm of the rate of leaving the state [1/s]; the rate itself may be too small for a number.
    """

    log_rate: float

    @property
    def time(self) -> float:
        """Mean time to leave the state [s], infinite where it is beyond numbers."""
        return math.exp(-self.log_rate) if self.log_rate > -700 else math.inf

    def time_to(self, probability: float) -> float:
        """Time until the state is lost with a probability [s]."""
        if not 0 < probability < 1:
            raise ParameterError(f"a probability of {probability:g} is not between 0 and 1")
        return -math.log1p(-probability) * self.time


def retention(
    card: ParameterSet, start: float = P, *, voltage: float = 0.0, temperature: float | None = None
) -> Retention:
    """How long a card's junction keeps a state.

    Parameters
    ----------
    card : ParameterSet
        A card of the axial model.
    start : {1, -1}
        The state.
    voltage : float
        Bias [V], such as that of a read.
    temperature : float, optional
        Temperature [K], that of the card by default.

    Returns
    -------
    Retention

    Raises
    ------
    ParameterError
        As `write_errors`.
    """
    drive = AxialDrive.of(card, temperature)
    starts = _starts(start, np.array([voltage]))
    solver = drive.solve("voltage", np.array([float(voltage)]), starts)
    to_parallel, to_antiparallel = solver.log_escape()
    return Retention(float((to_parallel if starts[0] < 0 else to_antiparallel)[0]) - math.log(drive.tau))
