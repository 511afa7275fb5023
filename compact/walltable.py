"""Tables of domain-wall junctions: wall velocity against drive, and loops of voltage and current."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from compact.constants import MU_0
from compact.errors import DataError
from compact.roles import Role, read_roles
from compact.voltageloop import LOOP_ROLES, MIN_LOOP_POINTS, check_loop, loop_time

__all__ = ["UNITS", "WallTable", "read_wall"]

FloatArray = NDArray[np.float64]

OERSTED = 1e3 / (4 * math.pi)
ROLES = {
    "velocity": Role("m/s", r"veloc|speed|(^|[^a-z])v_?(dw|wall)([^a-z]|$)"),
    "density": Role("A/m^2", r"densit|(^|[^a-z])j([^a-z]|$)", {"A/cm^2": 1e4}, must_state=True),
    "field": Role("A/m", r"field|(^|[^a-z])[hb]([^a-z]|$)", {"Oe": OERSTED, "T": 1 / MU_0}, must_state=True),
    **LOOP_ROLES,
}
DRIVES = ("density", "field", "current")
UNITS = {name: role.unit for name, role in ROLES.items()}
MIN_POINTS = {"velocity": 6, "loop": MIN_LOOP_POINTS}


@dataclass(frozen=True)
class WallTable:
    """Velocities of a wall, or a loop of voltage and current.

    Parameters
    ----------
    kind : {"velocity", "loop"}
        What was measured.
    quantity : {"density", "field", "current", "voltage"}
        What drove the wall.
    drive, response : ndarray (n,)
        Drive in SI units; velocity [m/s] or current [A].
    time : ndarray (n,)
        Times of a loop [s], empty for velocities.
    source, sha256 : str
        Name and hash of the file.
    notes : tuple of str
        What was assumed.
    """

    kind: str
    quantity: str
    drive: FloatArray
    response: FloatArray
    time: FloatArray
    source: str = "data"
    sha256: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        columns = {self.quantity: self.drive, "response": self.response} | (
            {"time": self.time} if self.time.size else {}
        )
        for name, values in columns.items():
            if values.shape != self.drive.shape or values.ndim != 1:
                raise DataError(f"{self.source}: columns differ in length")
            if not np.all(np.isfinite(values)):
                raise DataError(f"{self.source}: {name} in row {int(np.argmin(np.isfinite(values))) + 1} is not finite")
        if self.drive.size < MIN_POINTS[self.kind]:
            what = "velocities" if self.kind == "velocity" else "points of a loop"
            raise DataError(f"{self.source}: {self.drive.size} {what} are too few; {MIN_POINTS[self.kind]} are needed")
        if np.ptp(self.drive) == 0:
            raise DataError(
                f"{self.source}: the {self.quantity} is {self.drive[0]:g} {UNITS[self.quantity]} throughout"
            )
        if np.ptp(self.response) == 0:
            raise DataError(f"{self.source}: the response is {self.response[0]:g} throughout")
        if self.kind == "loop":
            check_loop(self.source, self.time, self.drive, self.response)


def read_wall(
    path: str | Path, columns: str | Mapping[str, str] | None = None, *, period: float | None = None
) -> WallTable:
    """Read velocities against current, current density or field, or a loop of voltage and current.

    Parameters
    ----------
    path : str or pathlib.Path
        Text with `velocity` and one of `density`, `field`, `current`; or `voltage`, `current` and, if need be, `time`.
    columns : str or mapping of str to str, optional
        Column of each role, such as "density=1[A/cm2],velocity=2".
    period : float, optional
        Time that all rows of a loop took [s], where no column says it; the rows are then evenly spaced.

    Raises
    ------
    DataError
        In one line that names what is wrong.
    """
    table = read_roles(path, ROLES, columns)
    found = table.columns
    about = (table.source, table.sha256, table.notes)
    if "velocity" in found:
        drives = [d for d in DRIVES if d in found]
        if len(drives) != 1:
            which = f"both {' and '.join(drives)} are there" if drives else "no column of density, field or current"
            raise DataError(
                f"{table.source}: velocities need one drive, but {which}; name it with --columns, e.g. "
                f"--columns 'density=1[A/cm2],velocity=2'"
            )
        return WallTable("velocity", drives[0], found[drives[0]], found["velocity"], np.empty(0), *about)
    lacking = [k for k in ("voltage", "current") if k not in found]
    if lacking:
        raise DataError(
            f"{table.source}: no velocity, and no loop without {' and '.join(lacking)}; name the columns with "
            f"--columns, e.g. --columns 'voltage=1,current=2'"
        )
    time = loop_time(table, found["voltage"].size, period)
    return WallTable("loop", "voltage", found["voltage"], found["current"], time, *about)
