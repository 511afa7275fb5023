"""Columns of a table by the role they play, from what the user says and what the headers say, never by a guess."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from compact.errors import DataError, unknown
from compact.tables import Table, read_table
from compact.units import Unit, parse_unit, split_label

__all__ = ["Role", "RoleTable", "parse_roles", "read_roles"]

PERCENT = Unit("1", 0.01)


@dataclass(frozen=True)
class Role:
    """A column that a table may have.

    Parameters
    ----------
    unit : str
        SI unit, "1" for pure numbers.
    pattern : str
        Regular expression that its header matches, without the unit; cases are not told apart.
    also : mapping of str to float
        Other units that are read, with the factor to `unit`.
    must_state : bool
        Whether a column without a unit is an error, as there is no unit that one may assume.
    """

    unit: str
    pattern: str
    also: Mapping[str, float] = field(default_factory=dict)
    must_state: bool = False

    def convert(self, unit: Unit | None) -> Unit | None:
        """A written unit as one of the role, None if it is none."""
        if unit is None or unit.base == self.unit:
            return unit
        return Unit(self.unit, unit.scale * self.also[unit.base]) if unit.base in self.also else None

    @property
    def units(self) -> str:
        """Units that are read, for messages."""
        return " or ".join((self.unit, *self.also))


@dataclass(frozen=True)
class RoleTable:
    """Columns of a file by role, in SI units.

    Parameters
    ----------
    columns : dict of str to ndarray
        Values by role, each of shape (rows,).
    lines : tuple of int
        Line of the file at which each row stands.
    source, sha256 : str
        Name and hash of the file.
    notes : tuple of str
        What was assumed.
    """

    columns: dict[str, NDArray[np.float64]]
    lines: tuple[int, ...]
    source: str
    sha256: str
    notes: tuple[str, ...]


def _unit(text: str, role: Role) -> Unit | None:
    if role.unit == "1":
        return PERCENT if text.strip() in ("%", "percent") else Unit("1", 1.0) if text.strip() in ("", "1") else None
    return role.convert(parse_unit(text))


def parse_roles(text: str, roles: Mapping[str, Role]) -> dict[str, str]:
    """Read what `--columns` was given: "voltage=1[mV],probability=P_sw".

    Raises
    ------
    DataError
        If the text is malformed or a role is not known.
    """
    found: dict[str, str] = {}
    for item in re.split(r",(?=\s*[A-Za-z_]+\s*=)", text):
        role, sign, reference = (part.strip() for part in item.partition("="))
        if not sign or not reference:
            raise DataError(f"--columns: '{item.strip()}' is not 'role=column', e.g. {next(iter(roles))}=1")
        if role not in roles:
            raise DataError("--columns: " + unknown("role", role, roles))
        if role in found:
            raise DataError(f"--columns: role '{role}' is given twice")
        found[role] = reference
    return found


def _named(table: Table, role: str, reference: str, roles: Mapping[str, Role]) -> tuple[int, Unit | None]:
    """Column that the user named, by number or header, and the unit in brackets if there is one."""
    match = re.fullmatch(r"(.*?)\s*\[([^\[\]]*)\]", reference)
    unit = None
    if match and reference not in table.header:
        reference, text = match.group(1).strip(), match.group(2)
        unit = _unit(text, roles[role])
        if unit is None:
            raise DataError(f"--columns: '{text}' is no unit of {role}; use {roles[role].units} with any SI prefix")
    headers = {h.lower(): k for k, h in enumerate(table.header) if h}
    headers |= {split_label(h)[0].lower(): k for h, k in headers.items()} | headers
    if reference.lower() in headers:
        index = headers[reference.lower()]
    elif re.fullmatch(r"\d+", reference):
        index = int(reference) - 1
        if not 0 <= index < len(table.header):
            raise DataError(f"{table.source}: there is no column {reference}; the file has {len(table.header)}")
    else:
        known = [h for h in table.header if h] or [str(k + 1) for k in range(len(table.header))]
        raise DataError(f"{table.source}: " + unknown("column", reference, known))
    return index, unit


def _header_unit(header: str, role: Role) -> tuple[str, Unit | None]:
    """Name and unit of a header; per cent is known for pure numbers."""
    if role.unit == "1" and re.search(r"%|percent", header):
        return re.sub(r"[\s(\[]*(%|percent)[\s)\]]*", "", header), PERCENT
    name, unit = split_label(header)
    return name, unit


def read_roles(
    path: str | Path, roles: Mapping[str, Role], columns: str | Mapping[str, str] | None = None
) -> RoleTable:
    """Read the columns of a text table by role.

    Parameters
    ----------
    path : str or pathlib.Path
        Comma, semicolon, tab or blank separated text.
    roles : mapping of str to Role
        What its columns may be.
    columns : str or mapping of str to str, optional
        Column of each role as in `parse_roles`; where given, only these are read, else headers are asked.

    Returns
    -------
    RoleTable

    Raises
    ------
    DataError
        In one line that names file, line and column.
    """
    table = read_table(Path(path))
    spec = parse_roles(columns, roles) if isinstance(columns, str) else {k: str(v) for k, v in (columns or {}).items()}
    for key in spec:
        if key not in roles:
            raise DataError(f"{table.source}: " + unknown("role", key, roles))
    chosen: dict[str, tuple[int, Unit | None]] = {r: _named(table, r, text, roles) for r, text in spec.items()}
    if len({index for index, _ in chosen.values()}) < len(chosen):
        raise DataError(f"{table.source}: --columns names one column for two roles: {dict(spec)}")
    notes = []
    for index, header in enumerate(table.header if not spec else ()):
        for name, role in roles.items():
            label, unit = _header_unit(header, role)
            if not header or not re.search(role.pattern, label, re.IGNORECASE):
                continue
            if unit is not None:
                unit = role.convert(unit)
                if unit is None:
                    continue
            if name in chosen:
                raise DataError(
                    f"{table.source}: columns {chosen[name][0] + 1} and {index + 1} could both be the {name}; "
                    f"choose with --columns '{name}=...'"
                )
            chosen[name] = index, unit
            break
    arrays = {}
    for name, (index, unit) in chosen.items():
        if unit is None and table.header[index]:
            written = _header_unit(table.header[index], roles[name])[1]
            unit = roles[name].convert(written)
            if written is not None and unit is None:
                header = table.header[index]
                raise DataError(f"{table.source}: column '{header}' is in {written.base}, no unit of {name}")
        unit = unit or roles[name].convert(table.unit_row.get(index))
        if unit is None and roles[name].must_state:
            raise DataError(
                f"{table.source}: the column of the {name} states no unit; say it with --columns "
                f"'{name}={index + 1}[{next(iter(roles[name].also), roles[name].unit)}]' ({roles[name].units})"
            )
        if unit is None and roles[name].unit != "1":
            label = f"{index + 1} '{table.header[index]}'" if table.header[index] else f"{index + 1}"
            notes.append(f"{name}: column {label} states no unit, read as {roles[name].unit}")
        arrays[name] = table.numbers(index) * (unit.scale if unit else 1.0)
    return RoleTable(arrays, table.lines, table.source, table.sha256, tuple(notes))
