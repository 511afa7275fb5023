"""Loops of current or resistance against a voltage that was swept in time, as memristors are measured."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from compact.errors import DataError
from compact.roles import Role, RoleTable, read_roles

__all__ = ["LOOP_ROLES", "MIN_LOOP_POINTS", "VoltageLoop", "check_loop", "loop_time", "read_voltage_loop"]

FloatArray = NDArray[np.float64]

LOOP_ROLES = {
    "voltage": Role("V", r"(^|[^a-z])(v|u|volts?|voltage|bias)([^a-z]|$)"),
    "current": Role("A", r"(^|[^a-z])(i|curr|current)([^a-z]|$)"),
    "time": Role("s", r"^(t|time|seconds?)([^a-z]|$)"),
}
RESISTANCE = {"resistance": Role("Ohm", r"(^|[^a-z])(r|res|resistance)([^a-z]|$)")}
MIN_LOOP_POINTS = 30
FEW_WRONG = 0.1
"""Share of points that noise may carry to the wrong sign."""


def check_loop(source: str, time: FloatArray, volts: FloatArray, amps: FloatArray) -> None:
    """Refuse a loop whose time goes back, or whose current flows against its voltage.

    Parameters
    ----------
    source : str
        Name of the file.
    time, volts, amps : ndarray (n,)
        Times [s], voltage [V] and current [A], or anything of the sign of the current.

    Raises
    ------
    DataError
        That names the row.
    """
    back = np.flatnonzero(np.diff(time) <= 0)
    if back.size:
        k = int(back[0])
        raise DataError(f"{source}: time goes back after row {k + 1}, to {time[k + 1]:g} s")
    if np.sum(volts * amps < 0) > FEW_WRONG * volts.size:
        raise DataError(f"{source}: voltage and current have opposite signs; a loop of a memristor has not")


def loop_time(table: RoleTable, rows: int, period: float | None) -> FloatArray:
    """Times of the rows of a loop [s]: those of the table, or rows evenly spaced over a period.

    Parameters
    ----------
    table : RoleTable
        The table.
    rows : int
        Number of rows.
    period : float or None
        Time that all rows took [s].

    Raises
    ------
    DataError
        If neither the table nor `period` says it.
    """
    time = table.columns.get("time")
    if time is not None:
        return time
    if period is None:
        raise DataError(f"{table.source}: a loop needs its times: a column time, or --period for all rows together")
    if not (math.isfinite(period) and period > 0):
        raise DataError(f"{table.source}: period = {period:g} s must be positive")
    return np.arange(rows) * period / rows


@dataclass(frozen=True)
class VoltageLoop:
    """Current or resistance while a voltage is swept.

    Parameters
    ----------
    time, volts : ndarray (n,)
        Times [s] and voltage [V], which goes straight from one point to the next.
    response : ndarray (n,)
        Current [A] or resistance [Ohm].
    quantity : {"current", "resistance"}
        Which of both.
    source, sha256 : str
        Name and hash of the file.
    notes : tuple of str
        What was assumed.

    Raises
    ------
    DataError
        If the columns are no loop.
    """

    time: FloatArray
    volts: FloatArray
    response: FloatArray
    quantity: str = "current"
    source: str = "data"
    sha256: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.quantity not in ("current", "resistance"):
            raise DataError(f"{self.source}: quantity '{self.quantity}' is neither current nor resistance")
        columns = {"time": self.time, "voltage": self.volts, self.quantity: self.response}
        for name, values in columns.items():
            if values.shape != self.volts.shape or values.ndim != 1:
                raise DataError(f"{self.source}: columns differ in length")
            if not np.all(np.isfinite(values)):
                raise DataError(f"{self.source}: {name} in row {int(np.argmin(np.isfinite(values))) + 1} is not finite")
        if self.volts.size < MIN_LOOP_POINTS:
            raise DataError(
                f"{self.source}: {self.volts.size} points of a loop are too few; {MIN_LOOP_POINTS} are needed"
            )
        for name, values, unit in (("voltage", self.volts, "V"), (self.quantity, self.response, self.unit)):
            if np.ptp(values) == 0:
                raise DataError(f"{self.source}: the {name} is {values[0]:g} {unit} throughout")
        if self.quantity == "resistance":
            if np.any(self.response <= 0):
                k = int(np.argmax(self.response <= 0))
                raise DataError(f"{self.source}: resistance {self.response[k]:g} Ohm in row {k + 1} must be positive")
            check_loop(self.source, self.time, self.volts, self.volts)
        else:
            check_loop(self.source, self.time, self.volts, self.response)

    @property
    def unit(self) -> str:
        """SI unit of the response."""
        return "A" if self.quantity == "current" else "Ohm"

    @property
    def amps(self) -> FloatArray:
        """Current [A], shape (n,)."""
        return self.response if self.quantity == "current" else self.volts / self.response


def read_voltage_loop(
    path: str | Path, columns: str | Mapping[str, str] | None = None, *, period: float | None = None
) -> VoltageLoop:
    """Read a loop of voltage and current, or of voltage and resistance.

    Parameters
    ----------
    path : str or pathlib.Path
        Text with `voltage`, `current` or `resistance`, and, if need be, `time`; where both are there, the current is
        taken.
    columns : str or mapping of str to str, optional
        Column of each role, such as "voltage=1,current=2[uA]".
    period : float, optional
        Time that all rows took [s], where no column says it; the rows are then evenly spaced.

    Returns
    -------
    VoltageLoop

    Raises
    ------
    DataError
        In one line that names what is wrong.
    """
    table = read_roles(path, LOOP_ROLES | RESISTANCE, columns)
    found = table.columns
    quantity = "resistance" if "current" not in found and "resistance" in found else "current"
    lacking = [name for name in ("voltage", quantity) if name not in found]
    if lacking:
        what = " and ".join(re.sub("^current$", "current or resistance", name) for name in lacking)
        raise DataError(
            f"{table.source}: no loop without {what}; name the columns with --columns, e.g. "
            f"--columns 'voltage=1,current=2'"
        )
    time = loop_time(table, found["voltage"].size, period)
    return VoltageLoop(time, found["voltage"], found[quantity], quantity, table.source, table.sha256, table.notes)
