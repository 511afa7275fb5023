"""Measured switching probabilities against voltage, current and pulse width: what they hold, and reading them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from compact.bias import Biased
from compact.errors import DataError
from compact.roles import Role, read_roles

__all__ = ["ROLES", "SwitchingTable", "read_probability"]

FloatArray: TypeAlias = NDArray[np.float64]

ROLES = {
    "probability": Role("1", r"^(p|p[ _]?sw\w*|prob\w*|switching[ _]?prob\w*)$"),
    "pulse_width": Role("s", r"pulse|^t_?p|^t$|width|duration|^tau$"),
    "voltage": Role("V", r"(^|[^a-z])(v|u|volts?|voltage|amplitude)([^a-z]|$)"),
    "current": Role("A", r"(^|[^a-z])(i|curr|current)([^a-z]|$)"),
    "count": Role("1", r"^(n|count|counts|trials|events|shots|repeats)$"),
}


@dataclass(frozen=True)
class SwitchingTable(Biased):
    """Measured switching probabilities.

    Parameters
    ----------
    probability : array_like (n,)
        Fraction of pulses that switched [1].
    pulse_width : array_like (n,) or float
        Width of the pulses [s].
    voltage, current : array_like (n,) or float
        One of them: amplitude [V or A], positive where it drives towards parallel.
    count : array_like (n,) or float, optional
        Number of pulses behind each probability.
    free_level : bool
        Whether the amplitude, one for the whole table, is only a start and to be fitted.
    source, sha256 : str
        Name and hash of the file.
    notes : tuple of str
        What was assumed.

    Raises
    ------
    DataError
        If a probability is outside 0 ... 1, a pulse width is not positive, a count is not a positive number, or
        columns differ in length.
    """

    probability: FloatArray
    pulse_width: FloatArray
    voltage: FloatArray | None = None
    current: FloatArray | None = None
    count: FloatArray | None = None
    free_level: bool = False
    source: str = "arrays"
    sha256: str = ""
    notes: tuple[str, ...] = ()
    lines: tuple[int, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        probability = np.atleast_1d(np.asarray(self.probability, dtype=float))
        for name in ("probability", "pulse_width", "voltage", "current", "count"):
            values = getattr(self, name)
            if values is None:
                continue
            array = np.atleast_1d(np.array(values, dtype=float))
            if array.ndim != 1 or array.size not in (1, probability.size):
                raise DataError(f"{self.source}: {name} has {array.size} values, probability has {probability.size}")
            array = np.broadcast_to(array, probability.shape)
            bad = np.flatnonzero(~np.isfinite(array))
            if bad.size:
                raise DataError(f"{self.source}: {name} is not finite{self._at(bad)}")
            object.__setattr__(self, name, array)
        if (self.voltage is None) == (self.current is None):
            raise DataError(
                f"{self.source}: either voltages or currents are needed; give those of the whole table if they are "
                f"not in the file"
            )
        bad = np.flatnonzero((self.probability < 0) | (self.probability > 1))
        if bad.size:
            value = self.probability[bad[0]]
            hint = "; if they are per cent, say so: probability=...[%]" if 1 < self.probability.max() <= 100 else ""
            raise DataError(f"{self.source}: probability {value:g} is outside 0 ... 1{self._at(bad)}{hint}")
        bad = np.flatnonzero(self.pulse_width <= 0)
        if bad.size:
            raise DataError(f"{self.source}: pulse width {self.pulse_width[bad[0]]:g} s is not positive{self._at(bad)}")
        if self.pulse_width.max() > 1e4:
            raise DataError(f"{self.source}: a pulse width of {self.pulse_width.max():g} s is not plausible")
        if self.count is not None and np.any(self.count < 1):
            bad = np.flatnonzero(self.count < 1)
            raise DataError(f"{self.source}: count {self.count[bad[0]]:g} is less than one pulse{self._at(bad)}")
        if np.any(self.level == 0):
            raise DataError(f"{self.source}: {self.quantity} is zero{self._at(np.flatnonzero(self.level == 0))}")
        if self.free_level and np.ptp(self.level) > 0:
            raise DataError(f"{self.source}: only a table of one {self.quantity} can have it fitted")

    def _at(self, rows: NDArray[np.intp]) -> str:
        if not self.lines:
            return f" (point {rows[0] + 1})"
        return f" (line {self.lines[rows[0]]})"

    @property
    def abscissa(self) -> Literal["level", "pulse"]:
        """What varies more."""
        return "pulse" if np.ptp(np.log(np.abs(self.level))) < np.ptp(np.log(self.pulse_width)) else "level"


def read_probability(
    path: str | Path,
    columns: str | Mapping[str, str] | None = None,
    *,
    pulse_width: float | None = None,
    voltage: float | None = None,
    current: float | None = None,
    count: float | None = None,
    direction: Literal["ap2p", "p2ap"] | None = None,
    free_level: bool = False,
) -> SwitchingTable:
    """Read a table of switching probabilities.

    Parameters
    ----------
    path : str or pathlib.Path
        Comma, semicolon, tab or blank separated text with a column of probabilities and one or more of pulse width,
        voltage or current, and number of pulses.
    columns : str or mapping of str to str, optional
        Column of each role, such as "voltage=1,probability=2"; by default the headers say it.
    pulse_width, voltage, current, count : float, optional
        Values [s, V, A, 1] for the whole table, where it has no such column.
    direction : {"ap2p", "p2ap"}, optional
        Direction of the switching, where amplitudes are written as magnitudes; by default the sign says it,
        positive being towards parallel.
    free_level : bool
        Whether the amplitude given is only a start, see `SwitchingTable`.

    Returns
    -------
    SwitchingTable

    Raises
    ------
    DataError
        In one line that names file, line and column.
    """
    table = read_roles(path, ROLES, columns)
    found: dict[str, Any] = dict(table.columns)
    if "probability" not in found:
        raise DataError(
            f"{table.source}: cannot tell which column is the probability; name it with --columns, e.g. "
            f"--columns 'voltage=1,probability=2'"
        )
    given = {"pulse_width": pulse_width, "voltage": voltage, "current": current, "count": count}
    for name, value in given.items():
        if value is not None:
            if name in found:
                raise DataError(f"{table.source}: has a column of its own for the {name}; do not give another")
            found[name] = value
    if "pulse_width" not in found:
        raise DataError(f"{table.source}: no column of pulse widths; give the pulse width of the whole table")
    for name in ("voltage", "current"):
        if name in found and direction is not None:
            found[name] = np.abs(found[name]) * (1.0 if direction == "ap2p" else -1.0)
    return SwitchingTable(
        **found,
        free_level=free_level,
        source=table.source,
        sha256=table.sha256,
        notes=table.notes,
        lines=table.lines,
    )
