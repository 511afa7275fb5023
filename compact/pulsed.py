"""What pulses leave behind in a junction of many domains: the model's own rates, integrated pulse by pulse.

Rates and branch currents depend on the voltage alone, so they are tabulated from the model once; between two moments of
constant voltage each class of domains relaxes exponentially. At a given current the voltage follows the state, and the
pulse is cut into as many pieces as that takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from compact.errors import ParameterError
from compact.models import get_model
from compact.models.multidomain import CLASSES, DIRECTIONS

__all__ = ["PulsedJunction"]

FloatArray = NDArray[np.float64]
NAMES = tuple(f"rate{k}_{way}" for way in DIRECTIONS for k in range(CLASSES))
STATES = tuple(f"z{k}" for k in range(CLASSES))
GRID = 401
"""Points of the table over the range of voltages."""
SLOWEST = 1e-290
"""Rates below this are none [1/s]; keeps logarithms finite."""
CHANGE = 0.01
"""Largest change of the mean cosine within a piece of a pulse of given current."""


@numba.njit(cache=True)
def _march(
    drive: FloatArray,
    width: FloatArray,
    by_voltage: bool,
    volts: FloatArray,
    log_rates: FloatArray,
    i_ap: FloatArray,
    i_p: FloatArray,
    start: FloatArray,
    change: float,
) -> tuple[FloatArray, FloatArray]:  # pragma: no cover - compiled
    """States of the classes after each pulse, and the voltage at its end."""
    count, classes, last = len(drive), len(start), len(volts) - 1
    low, step = volts[0], volts[1] - volts[0]
    result, at = np.empty((count, classes)), np.empty(count)
    z, trial = start.copy(), start.copy()

    for n in range(count):
        done, piece = 0.0, width[n]
        v = drive[n]
        while True:
            piece = min(piece, width[n] - done)
            before = z.mean()
            middle = before
            for _ in range(1 if by_voltage else 2):
                if not by_voltage:
                    # The current grows with voltage: bisection on the table, then a straight line.
                    share = (1 + middle) / 2
                    a, b = 0, last
                    while b - a > 1:
                        m = (a + b) // 2
                        if i_ap[m] + (i_p[m] - i_ap[m]) * share > drive[n]:
                            b = m
                        else:
                            a = m
                    f_a = i_ap[a] + (i_p[a] - i_ap[a]) * share
                    f_b = i_ap[b] + (i_p[b] - i_ap[b]) * share
                    v = volts[a] + step * (drive[n] - f_a) / (f_b - f_a)
                place = (v - low) / step
                cell = min(max(int(place), 0), last - 1)
                part = place - cell
                for k in range(classes):
                    up = np.exp((1 - part) * log_rates[cell, k] + part * log_rates[cell + 1, k])
                    j = classes + k
                    down = np.exp((1 - part) * log_rates[cell, j] + part * log_rates[cell + 1, j])
                    total = up + down
                    rest = (up - down) / total
                    trial[k] = rest + (z[k] - rest) * np.exp(-total * piece)
                middle = (before + trial.mean()) / 2
            if not by_voltage and abs(trial.mean() - before) > change and piece > 1e-14 * width[n]:
                piece /= 4
                continue
            z[:] = trial
            done += piece
            piece *= 2
            if done >= width[n] * (1 - 1e-12):
                break
        result[n] = z
        at[n] = v
    return result, at


@dataclass(frozen=True)
class PulsedJunction:
    """A junction of many domains under pulses.

    Parameters
    ----------
    values : mapping of str to float
        Parameters of `multidomain`; those not given have their defaults.
    reach : float
        Largest magnitude of the drive [A or V].
    by_voltage : bool
        Whether the drive is a voltage.
    temperature : float, optional
        Temperature [K], by default `t_nom`.
    """

    values: Mapping[str, float]
    reach: float
    by_voltage: bool = False
    temperature: float | None = None

    def __post_init__(self) -> None:
        model = get_model("multidomain")
        values = dict(model.complete(self.values))
        values["temperature"] = self.temperature or values["t_nom"]
        top = self.reach
        if not top > 0:
            raise ParameterError(f"largest drive {top:g} {'V' if self.by_voltage else 'A'} must be positive")
        ends = {+1: dict.fromkeys(STATES, 1.0), -1: dict.fromkeys(STATES, -1.0)}
        if not self.by_voltage:
            high = self.reach * values["r_p"] * (1 + values["tmr"])
            for _ in range(60):
                both = model.evaluate("i", {**values, **ends[-1], "v_fl_rl": np.array([-high, high])})
                if np.abs(both).min() > self.reach:
                    break
                high *= 1.3
            else:
                raise ParameterError(f"no voltage below {high:.3g} V drives {self.reach:g} A through the junction")
            top = 1.001 * high
        volts = np.linspace(-1.001 * top, 1.001 * top, GRID)
        rates = model.evaluate(NAMES, {**values, "v_fl_rl": volts})
        tables = {
            "_values": values,
            "_volts": volts,
            "_log_rates": np.ascontiguousarray(np.log(np.maximum(np.stack(rates, axis=1), SLOWEST))),
            "_i_p": np.array(model.evaluate("i", {**values, **ends[1], "v_fl_rl": volts})),
            "_i_ap": np.array(model.evaluate("i", {**values, **ends[-1], "v_fl_rl": volts})),
        }
        for name, table in tables.items():
            object.__setattr__(self, name, table)

    def start(self, cosine: float) -> FloatArray:
        """States of the classes for a mean cosine, as the model's initial state has them; shape (classes,)."""
        model = get_model("multidomain")
        names = tuple(f"static_{s}" for s in STATES)
        still = {**dict.fromkeys(STATES, 0.0), "v_fl_rl": 0.0}
        return np.array(model.evaluate(names, {**self._values, **still, "state": cosine}))  # type: ignore[attr-defined]

    def after(self, drive: ArrayLike, width: ArrayLike, start: float | FloatArray = -1.0) -> FloatArray:
        """States of the classes after each of a series of pulses.

        Parameters
        ----------
        drive : array_like, shape (n,)
            Height of each pulse [A or V].
        width : array_like, shape (n,) or ()
            Width of each pulse [s].
        start : float or ndarray
            Mean cosine before the first, or states of the classes.

        Returns
        -------
        ndarray, shape (n, classes)
        """
        heights = np.ascontiguousarray(drive, dtype=float)
        widths = np.ascontiguousarray(np.broadcast_to(np.asarray(width, dtype=float), heights.shape))
        begin = self.start(start) if np.ndim(start) == 0 else np.ascontiguousarray(start, dtype=float)  # type: ignore[arg-type]
        states, _ = _march(
            heights, widths, self.by_voltage, self._volts, self._log_rates, self._i_ap, self._i_p, begin, CHANGE,  # type: ignore[attr-defined]
        )  # fmt: skip
        return states

    def fraction(self, drive: ArrayLike, width: ArrayLike, start: float | FloatArray = -1.0) -> FloatArray:
        """Parallel fraction after each pulse; arguments as for `after`, shape (n,)."""
        return (1 + self.after(drive, width, start).mean(axis=1)) / 2

    def resistance(self, fraction: ArrayLike, drive: ArrayLike) -> FloatArray:
        """Resistance at a drive and a parallel fraction [Ohm]; at zero drive that of zero bias.

        Parameters
        ----------
        fraction, drive : array_like
            Parallel fraction [1] and drive [A or V]; they broadcast.
        """
        model = get_model("multidomain")
        p, x = np.broadcast_arrays(np.asarray(fraction, dtype=float), np.asarray(drive, dtype=float))
        values = self._values  # type: ignore[attr-defined]
        cosines = dict.fromkeys(STATES, 2 * p - 1)
        if self.by_voltage:
            volts = np.where(x == 0, 1e-9, x)
            return np.asarray(volts / model.evaluate("i", {**values, **cosines, "v_fl_rl": volts}))
        currents = np.where(x == 0, 1e-9 * self.reach, x)
        volts = currents * values["r_p"] * (1 + values["tmr"] * (1 - p))
        for _ in range(8):
            both = model.evaluate("i", {**values, **cosines, "v_fl_rl": np.stack([volts, 1.0001 * volts])})
            volts = volts - (both[0] - currents) * 1e-4 * volts / (both[1] - both[0])
        return np.asarray(volts / currents)
