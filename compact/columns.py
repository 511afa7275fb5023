"""Which column of a table is which: by what the user says, else by header and unit, never by a guess."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from compact.errors import DataError, unknown
from compact.tables import Table
from compact.units import Unit, parse_unit, split_label

__all__ = ["MEASURED", "PULSE_WIDTH_NAME", "ROLES", "Column", "ColumnSpec", "assign_columns", "parse_columns"]

ColumnSpec: TypeAlias = str | Mapping[str, str | int]

ROLES = {"current": "A", "voltage": "V", "resistance": "Ohm", "pulse_width": "s"}
"""Columns a loop can have, with their SI units."""
EXAMPLE = "current=1[mA],resistance=2[Ohm]"
MEASURED = ("current", "voltage", "resistance")
PULSE_WIDTH_NAME = re.compile(r"pulse.*(width|length|duration|time)|^t_?p(ulse)?$|dwell", re.IGNORECASE)
_NAMES = {
    "current": re.compile(r"(^|[^a-z])(i|curr|currents?|amps?|amperes?)([^a-z]|$)", re.IGNORECASE),
    "voltage": re.compile(r"(^|[^a-z])(v|u|volts?|voltages?)([^a-z]|$)", re.IGNORECASE),
    "resistance": re.compile(r"(^|[^a-z])(r|mr|res|ohms?|resistances?)([^a-z]|$)", re.IGNORECASE),
    "pulse_width": PULSE_WIDTH_NAME,
}
_DIFFERENTIAL = re.compile(r"d\s*v\s*/\s*d\s*i|differential|lock-?in", re.IGNORECASE)


def parse_columns(text: str) -> dict[str, str | int]:
    """Read what `--columns` was given.

    Parameters
    ----------
    text : str
        For example "current=I_set,resistance=3" or "current=1[mA],resistance=2[kOhm]"; a column is named by
        its header or its number from 1, and an SI unit in brackets replaces that of the header.

    Returns
    -------
    dict of str to str or int
        Column per role.

    Raises
    ------
    DataError
        If the text is malformed or a role is not known.
    """
    columns: dict[str, str | int] = {}
    for item in re.split(r",(?=\s*[A-Za-z_]+\s*=)", text):
        role, sign, reference = (part.strip() for part in item.partition("="))
        role = {"i": "current", "v": "voltage", "r": "resistance"}.get(role.lower(), role.lower())
        if not sign or not reference:
            raise DataError(f"--columns: '{item.strip()}' is not 'role=column', e.g. {EXAMPLE}")
        if role not in ROLES:
            raise DataError("--columns: " + unknown("role", role, ROLES))
        if role in columns:
            raise DataError(f"--columns: role '{role}' is given twice")
        columns[role] = reference
    return columns


@dataclass(frozen=True)
class Column:
    """A column with what its header says.

    Parameters
    ----------
    index : int
        Place in the table, from 0.
    header : str
        Header as in the file, empty if there is none.
    name : str
        Header without its unit.
    unit : Unit or None
        Unit, None where not stated.
    """

    index: int
    header: str
    name: str
    unit: Unit | None

    @property
    def role(self) -> str | None:
        """Role that header and unit agree on."""
        if _DIFFERENTIAL.search(self.header):
            return None
        by_name = [role for role, pattern in _NAMES.items() if pattern.search(self.name)]
        if self.unit is None:
            return by_name[0] if len(by_name) == 1 and by_name[0] != "pulse_width" else None
        by_unit = next((role for role, base in ROLES.items() if base == self.unit.base), None)
        if by_unit == "pulse_width":
            return by_unit if by_unit in by_name else None
        # The unit decides, unless the name is that of another quantity ("current monitor (V)").
        return by_unit if by_unit in by_name or not by_name else None


def _describe(table: Table, columns: Iterable[Column]) -> str:
    parts = []
    for column in columns:
        values = table.try_numbers(column.index)
        span = "text" if values is None else f"{np.min(values):g} ... {np.max(values):g}"
        name = f" '{column.header}'" if column.header else ""
        parts.append(f"{column.index + 1}{name} ({span})")
    return ", ".join(parts)


def _find(table: Table, columns: list[Column], role: str, reference: str | int) -> Column:
    """Column a user named, with the unit in brackets if there is one."""
    text, unit = str(reference).strip(), None
    names = {c.header: c for c in columns if c.header}
    match = re.fullmatch(r"(.*?)\s*\[([^\[\]]*)\]", text, re.DOTALL)
    if match and text not in names:
        unit = parse_unit(match.group(2))
        if unit is None or unit.base != ROLES[role]:
            raise DataError(f"--columns: '{match.group(2)}' is no unit of {role}; use {ROLES[role]} with any SI prefix")
        text = match.group(1).strip()
    if re.fullmatch(r"\d+", text) and text not in names:
        if not 1 <= int(text) <= len(columns):
            raise DataError(f"{table.source}: there is no column {text}; the file has {_describe(table, columns)}")
        found = columns[int(text) - 1]
    else:
        folded: dict[str, list[Column]] = {}
        for column in columns:
            for key in {column.header.lower(), column.name.lower()} - {""}:
                folded.setdefault(key, []).append(column)
        hits = [names[text]] if text in names else folded.get(text.lower(), [])
        if len(hits) > 1:
            raise DataError(
                f"{table.source}: '{text}' names {len(hits)} columns, give a number: {_describe(table, hits)}"
            )
        if not hits:
            known = names or [str(k + 1) for k in range(len(columns))]
            raise DataError(f"{table.source}: " + unknown("column", text, known))
        found = hits[0]
    if unit is None and found.unit is not None and found.unit.base != ROLES[role]:
        raise DataError(
            f"{table.source}: column '{found.header}' is in {found.unit.base}, which is no unit of {role}; "
            f"give the unit in brackets, e.g. {role}={found.index + 1}[m{ROLES[role]}]"
        )
    return Column(found.index, found.header, found.name, unit or found.unit)


def assign_columns(table: Table, spec: Mapping[str, str | int]) -> dict[str, Column]:
    """Column of each role, by what the user said and then by what the headers say.

    Parameters
    ----------
    table : Table
        The table.
    spec : mapping of str to (str or int)
        Columns the user named, by role.

    Returns
    -------
    dict of str to Column
        Two or three of the measured roles, and the pulse width if there is one.

    Raises
    ------
    DataError
        If a named column is not there, a role has several candidates, or fewer than two are found.
    """
    columns = [Column(k, h, *split_label(h)) for k, h in enumerate(table.header)]
    for k, unit in table.unit_row.items():
        columns[k] = Column(k, columns[k].header, columns[k].header, unit)
    chosen = {role: _find(table, columns, role, reference) for role, reference in spec.items()}
    taken = {c.index for c in chosen.values()}
    if len(taken) < len(chosen):
        raise DataError(f"{table.source}: --columns names one column for two roles: {dict(spec)}")
    complete = sum(role in chosen for role in MEASURED) >= 2
    for role in ROLES:
        if role in chosen or (complete and role in MEASURED):
            continue
        candidates = [c for c in columns if c.role == role and c.index not in taken]
        if len(candidates) > 1:
            candidates = [c for c in candidates if not table.is_constant(c.index)] or candidates
        if len(candidates) > 1:
            raise DataError(
                f"{table.source}: {len(candidates)} columns could be the {role}; choose with "
                f"--columns '{role}=...': {_describe(table, candidates)}"
            )
        if candidates:
            chosen[role] = candidates[0]
    if sum(role in chosen for role in MEASURED) < 2:
        known = ", ".join(f"{r} = '{c.header}'" for r, c in chosen.items() if r in MEASURED) or "none"
        raise DataError(
            f"{table.source}: cannot tell which columns are {', '.join(MEASURED)} (known: {known}); name "
            f"them with --columns, e.g. --columns '{EXAMPLE}'; columns: {_describe(table, columns)}"
        )
    return chosen
