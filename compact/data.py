"""Measured curves: instrument files read as they are, columns known by their headers and never guessed."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from compact.columns import MEASURED, PULSE_WIDTH_NAME, ROLES, ColumnSpec, assign_columns, parse_columns
from compact.errors import DataError, unknown
from compact.tables import Table, read_table
from compact.units import parse_unit, split_label

__all__ = ["Loop", "Metadatum", "read_loop", "read_loops", "with_pulse_widths"]

FloatArray: TypeAlias = NDArray[np.float64]

MIN_POINTS = 12
PLAUSIBLE = {"current": 10.0, "voltage": 1e3, "resistance": 1e15}
"""Largest plausible magnitude per role [SI]: beyond it the unit is taken to be wrong."""
R_MIN = 1e-2
"""Smallest plausible resistance of a magnetoresistive device [Ohm]."""


@dataclass(frozen=True)
class Metadatum:
    """A value that came with a curve.

    Parameters
    ----------
    value : float or str
        Number in `unit`, or text.
    unit : str
        SI unit, empty for text and pure numbers.
    """

    value: float | str
    unit: str = ""


@dataclass(frozen=True)
class Loop:
    """A measured hysteresis loop in the order in which it was taken.

    Two of `current`, `voltage` and `resistance` are given: current and resistance (R-I), voltage and
    resistance (R-V) or voltage and current (V-I).

    Parameters
    ----------
    current : ndarray, shape (n,), optional
        Current [A].
    voltage : ndarray, shape (n,), optional
        Voltage [V].
    resistance : ndarray, shape (n,), optional
        Resistance [Ohm].
    pulse_width : float, optional
        Time for which each drive point acts [s].
    source : str
        Name of the file.
    sha256 : str
        Hash of the file.
    columns : mapping of str to str
        Header of the column of each role.
    metadata : mapping of str to Metadatum
        Constant columns and header lines.
    notes : tuple of str
        What the reader assumed.

    Raises
    ------
    DataError
        If the arrays cannot be a loop: fewer points than `MIN_POINTS`, values that are not finite, a constant
        curve, or columns that look swapped.
    """

    current: FloatArray | None = None
    voltage: FloatArray | None = None
    resistance: FloatArray | None = None
    pulse_width: float | None = None
    source: str = "arrays"
    sha256: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, Metadatum] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for role in MEASURED:
            values = getattr(self, role)
            if values is not None:
                array = np.array(values, dtype=float)
                array.setflags(write=False)
                object.__setattr__(self, role, array)
        given = [role for role in MEASURED if getattr(self, role) is not None]
        if len(given) != 2:
            raise DataError(f"{self.source}: a loop needs two of {', '.join(MEASURED)}, not {given}")
        _check_values(self, given)

    def label(self, role: str) -> str:
        """How the file calls a role."""
        return f"{role} column '{self.columns[role]}'" if role in self.columns else role

    @property
    def kind(self) -> Literal["R-I", "R-V", "V-I"]:
        """Which curve it is."""
        if self.resistance is None:
            return "V-I"
        return "R-I" if self.current is not None else "R-V"

    @property
    def drive_role(self) -> Literal["current", "voltage"]:
        """What was swept: of a V-I curve, the column whose steps are even."""
        if self.current is None:
            return "voltage"
        if self.voltage is None:
            return "current"
        return "current" if _unevenness(self.current) <= _unevenness(self.voltage) else "voltage"

    @property
    def drive(self) -> FloatArray:
        """Swept quantity [A or V], shape (n,)."""
        drive = self.current if self.drive_role == "current" else self.voltage
        assert drive is not None
        return drive

    @property
    def size(self) -> int:
        """Number of points."""
        return len(self.drive)


def with_pulse_widths(loops: Sequence[Loop], widths: Sequence[float]) -> list[Loop]:
    """Loops with the pulse widths [s] that are given for them, one for each.

    Raises
    ------
    DataError
        If there are not as many widths as loops, or they are not positive.
    """
    if len(widths) != len(loops) or not all(math.isfinite(w) and w > 0 for w in widths):
        need = "1 loop needs" if len(loops) == 1 else f"{len(loops)} loops need"
        raise DataError(f"{need} one positive pulse width each, not {', '.join(f'{w:g} s' for w in widths)}")
    return [dataclasses.replace(loop, pulse_width=float(w)) for loop, w in zip(loops, widths, strict=True)]


def _unevenness(values: FloatArray) -> float:
    """Largest step over the median step of a curve, infinite where most steps are zero."""
    steps = np.abs(np.diff(values))
    median = float(np.median(steps))
    return float(steps.max()) / median if median > 0 else np.inf


def _check_values(loop: Loop, given: list[str]) -> None:
    """Raise DataError where a loop's arrays cannot be what they claim to be."""
    arrays = {role: getattr(loop, role) for role in given}
    shapes = {role: a.shape for role, a in arrays.items()}
    if len(set(shapes.values())) != 1 or any(a.ndim != 1 for a in arrays.values()):
        raise DataError(f"{loop.source}: columns differ in length: {shapes}")
    count = len(arrays[given[0]])
    if count < MIN_POINTS:
        raise DataError(f"{loop.source}: {count} points are too few for a loop; {MIN_POINTS} are needed")
    for role, values in arrays.items():
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            places = ", ".join(str(k + 1) for k in bad[:5]) + (", ..." if bad.size > 5 else "")
            raise DataError(f"{loop.source}: {loop.label(role)} has {bad.size} values not finite (points {places})")
        if np.ptp(values) <= 1e-12 * np.abs(values).max(initial=0.0):
            raise DataError(f"{loop.source}: {loop.label(role)} is constant at {values[0]:g} {ROLES[role]}")
    resistance = arrays.get("resistance")
    swept = [role for role in given if role != "resistance"]
    if resistance is not None:
        drive = arrays[swept[0]]
        names = f"{loop.label(swept[0])} and {loop.label('resistance')}"
        negative = int(np.sum(resistance <= 0))
        one_sided = bool(np.all(drive > 0) or np.all(drive < 0))
        sweep_like = _unevenness(resistance) < 3.0 < _unevenness(drive)
        if (negative and one_sided) or (sweep_like and one_sided):
            raise DataError(
                f"{loop.source}: {names} look swapped: the {swept[0]} keeps its sign and the resistance is "
                f"swept; say which is which with --columns"
            )
        if negative > 0.1 * count:
            raise DataError(
                f"{loop.source}: {loop.label('resistance')} has {negative} values that are not positive; are "
                f"columns swapped, or is it a Hall resistance without its offset?"
            )
    else:
        current, voltage = arrays["current"], arrays["voltage"]
        strong = np.abs(current) > 0.3 * np.abs(current).max()
        ratio = float(np.median(voltage[strong] / current[strong]))
        if ratio <= 0:
            raise DataError(f"{loop.source}: current and voltage have opposite signs; reverse one of them")
        if ratio < R_MIN:
            raise DataError(
                f"{loop.source}: voltage over current is {ratio:.3g} Ohm; {loop.label('current')} and "
                f"{loop.label('voltage')} look swapped, or their units are wrong"
            )
    for role, values in arrays.items():
        if np.abs(values).max() > PLAUSIBLE[role]:
            raise DataError(
                f"{loop.source}: {loop.label(role)} reaches {np.abs(values).max():.3g} {ROLES[role]}, which "
                f"is not plausible; give the unit with --columns, e.g. --columns '{role}=1[m{ROLES[role]}]'"
            )


def _metadata(table: Table, used: set[int]) -> dict[str, Metadatum]:
    """Constant columns and `key: value` lines of the header."""
    found: dict[str, Metadatum] = {}
    for key, text in table.remarks.items():
        name, unit = split_label(key)
        match = re.fullmatch(r"([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*(\S*)", text)
        unit = (parse_unit(match.group(2)) if match and match.group(2) else None) or unit
        if match and (unit or not match.group(2)):
            scale, base = (unit.scale, unit.base) if unit else (1.0, "")
            found[name] = Metadatum(float(match.group(1)) * scale, base)
        else:
            found[key] = Metadatum(text)
    for index, header in enumerate(table.header):
        if index in used or not header or not table.is_constant(index):
            continue
        name, unit = split_label(header)
        values = table.try_numbers(index)
        if values is None:
            found[header] = Metadatum(table.cell(0, index))
        else:
            scale = unit.scale if unit else 1.0
            found[name] = Metadatum(float(values[0]) * scale, unit.base if unit else "")
    return found


def _pulse_width(metadata: Mapping[str, Metadatum]) -> float | None:
    widths = {
        m.value
        for k, m in metadata.items()
        if PULSE_WIDTH_NAME.search(k) and m.unit == "s" and isinstance(m.value, float) and m.value > 0
    }
    return float(widths.pop()) if len(widths) == 1 else None


def read_loops(path: str | Path, columns: ColumnSpec | None = None) -> list[Loop]:
    """Read the hysteresis loops of one file, one for each pulse width in it.

    Parameters
    ----------
    path : str or pathlib.Path
        Comma, semicolon, tab or blank separated text.
    columns : str or mapping of str to (str or int), optional
        Column of each role, as in `parse_columns`; roles not named are found by header.

    Returns
    -------
    list of Loop
        In the order of the file.

    Raises
    ------
    DataError
        In one line that names file, line and column.
    """
    table = read_table(Path(path))
    spec = parse_columns(columns) if isinstance(columns, str) else dict(columns or {})
    for role in spec:
        if role not in ROLES:
            raise DataError(f"{table.source}: " + unknown("role", role, ROLES))
    chosen = assign_columns(table, spec)
    notes, arrays = [], {}
    for role, column in chosen.items():
        if column.unit is None:
            name = f"{column.index + 1} '{column.header}'"
            notes.append(f"{role}: column {name} states no unit, read as {ROLES[role]}")
        arrays[role] = table.numbers(column.index) * (column.unit.scale if column.unit else 1.0)
    if all(role in arrays for role in MEASURED):
        notes.append(_reduce(arrays))
    metadata = _metadata(table, {c.index for r, c in chosen.items() if r in MEASURED})
    labels = {role: chosen[role].header or f"column {chosen[role].index + 1}" for role in arrays}
    widths = arrays.pop("pulse_width", None)
    groups = [(_pulse_width(metadata), np.ones(len(next(iter(arrays.values()))), dtype=bool))]
    if widths is not None:
        if np.any(widths <= 0):
            raise DataError(f"{table.source}: column '{labels['pulse_width']}' has values <= 0")
        distinct = dict.fromkeys(np.round(widths, 15).tolist())
        groups = [(float(w), np.isclose(widths, w, rtol=1e-6)) for w in distinct]
        if len(groups) > 50:
            raise DataError(
                f"{table.source}: column '{labels['pulse_width']}' takes {len(groups)} values; a pulse width "
                f"must be constant within each loop"
            )
    source = table.source
    return [
        Loop(
            **{role: values[rows] for role, values in arrays.items()},
            pulse_width=width,
            source=source if len(groups) == 1 else f"{source} at {width:g} s",
            sha256=table.sha256,
            columns=labels,
            metadata=metadata,
            notes=tuple(notes),
        )
        for width, rows in groups
    ]


def _reduce(arrays: dict[str, FloatArray]) -> str:
    """Drop one of three measured columns, in place, and say which."""
    current, voltage, resistance = (arrays[r] for r in MEASURED)
    strong = np.abs(current) > 0.1 * np.abs(current).max(initial=0.0)
    with np.errstate(all="ignore"):
        same = bool(np.median(np.abs(voltage[strong] / current[strong] / resistance[strong] - 1)) < 0.02)
    if same:
        del arrays["resistance"]
        return "resistance column left aside: it is voltage over current, which are fitted"
    swept = "current" if _unevenness(current) <= _unevenness(voltage) else "voltage"
    del arrays["voltage" if swept == "current" else "current"]
    return (
        f"resistance is not voltage over current, so it was read apart from the drive; the {swept} is taken "
        f"as the drive and the other column left aside"
    )


def read_loop(path: str | Path, columns: ColumnSpec | None = None) -> Loop:
    """Read the one hysteresis loop of a file.

    Parameters
    ----------
    path, columns
        As for `read_loops`.

    Returns
    -------
    Loop

    Raises
    ------
    DataError
        As `read_loops`; also if the file holds several loops.
    """
    loops = read_loops(path, columns)
    if len(loops) > 1:
        widths = ", ".join(f"{loop.pulse_width:g} s" for loop in loops)
        raise DataError(f"{Path(path).name}: holds {len(loops)} loops ({widths}): use read_loops")
    return loops[0]
