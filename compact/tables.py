"""Text tables of instruments: delimiter, header, comments and units row found; cells kept as text."""

from __future__ import annotations

import csv
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from compact.errors import DataError
from compact.units import Unit, parse_unit

__all__ = ["Table", "read_table"]

MAX_BYTES = 200_000_000
_DELIMITERS: tuple[str | None, ...] = ("\t", ";", "|", None, ",")
"""In order of preference where several fit; None is white space."""
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][-+]?\d+)?|[-+]?(?:nan|inf|infinity)", re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"[-+]?\d*,\d+(?:[eE][-+]?\d+)?")
_COMMENT = re.compile(r"\s*(?:#|%|//|!)")
_REMARK = re.compile(r"\s*([^:=,;\t]{1,60}?)\s*[:=,;\t]\s*(.+?)\s*")


@dataclass(frozen=True)
class Table:
    """A text table.

    Parameters
    ----------
    source : str
        File name.
    sha256 : str
        Hash of the file.
    header : tuple of str
        Column headers, empty strings where there are none.
    rows : tuple of tuple of str
        Cells of the data rows, stripped.
    lines : tuple of int
        Line in the file at which each row starts, from 1.
    decimal_comma : bool
        Whether numbers are written as 1,5.
    unit_row : dict of int to Unit
        Units from a row of their own under the header, by column.
    remarks : dict of str to str
        `key: value` lines above the table.
    """

    source: str
    sha256: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]
    decimal_comma: bool
    unit_row: dict[int, Unit]
    remarks: dict[str, str]

    def cell(self, row: int, column: int) -> str:
        """Text of a cell, empty where the row is too short."""
        cells = self.rows[row]
        return cells[column] if column < len(cells) else ""

    def _label(self, column: int) -> str:
        return f"column '{self.header[column]}'" if self.header[column] else f"column {column + 1}"

    def numbers(self, column: int) -> NDArray[np.float64]:
        """Column as numbers, shape (rows,).

        Raises
        ------
        DataError
            Naming line and column of what is no finite number.
        """
        values = np.empty(len(self.rows))
        for k, line in enumerate(self.lines):
            text = self.cell(k, column)
            if not text:
                raise DataError(f"{self.source}: line {line}, {self._label(column)} is empty")
            number = _parse(text, self.decimal_comma)
            if number is None:
                raise DataError(f"{self.source}: line {line}, {self._label(column)}: '{text[:40]}' is not a number")
            values[k] = number
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            places = ", ".join(str(self.lines[k]) for k in bad[:5]) + (", ..." if bad.size > 5 else "")
            many = "value is" if bad.size == 1 else "values are"
            raise DataError(f"{self.source}: {self._label(column)}: {bad.size} {many} not finite (at line {places})")
        return values

    def try_numbers(self, column: int) -> NDArray[np.float64] | None:
        """Column as numbers, or None where a cell is none."""
        try:
            return self.numbers(column)
        except DataError:
            return None

    def is_constant(self, column: int) -> bool:
        """Whether all cells of a column say the same."""
        first = self.cell(0, column)
        return all(self.cell(k, column) == first for k in range(len(self.rows)))


def _parse(text: str, decimal_comma: bool) -> float | None:
    if decimal_comma and _DECIMAL_COMMA.fullmatch(text):
        text = text.replace(",", ".")
    if not _NUMBER.fullmatch(text):
        return None
    return float(text.replace("d", "e").replace("D", "e") if text[-1].isdigit() else text)


def _decode(data: bytes, source: str) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    elif b"\x00" in data:
        raise DataError(f"{source}: is a binary file, not a text table")
    else:
        encodings = ["utf-8-sig", "cp1252", "latin-1"]
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        return text.replace("\r\n", "\n").replace("\r", "\n")
    raise DataError(f"{source}: text is neither UTF-8, UTF-16 nor Latin")


def _split(lines: list[str], delimiter: str | None) -> list[tuple[int, tuple[str, ...]]]:
    """Rows as (first line, cells); comment lines are left out."""
    kept = ["\n" if _COMMENT.match(line) else line for line in lines]
    if delimiter is None:
        words = ((k + 1, line.split()) for k, line in enumerate(kept))
        return [(k, tuple(c.strip('"') for c in cells)) for k, cells in words if cells]
    reader = csv.reader(kept, delimiter=delimiter, skipinitialspace=True)
    rows, start = [], 1
    for cells in reader:
        stripped = [" ".join(c.split()) for c in cells]
        while stripped and not stripped[-1]:
            stripped.pop()
        if stripped:
            rows.append((start, tuple(stripped)))
        start = reader.line_num + 1
    return rows


def _count(cells: tuple[str, ...], comma: bool) -> int:
    return sum(_parse(c, comma) is not None for c in cells)


def read_table(path: Path) -> Table:
    """Read a text table as an instrument or a spreadsheet wrote it.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    Table

    Raises
    ------
    DataError
        If the file is missing, empty, no text, or holds no rows of numbers.
    """
    source = path.name
    try:
        if path.is_file() and path.stat().st_size > MAX_BYTES:
            raise DataError(f"{path}: is larger than {MAX_BYTES // 10**6} MB; a loop is a small table")
        data = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    if not data.strip():
        raise DataError(f"{source}: the file is empty")
    lines = _decode(data, source).splitlines(keepends=True)
    best: tuple[int, list[tuple[int, tuple[str, ...]]], bool, str | None] | None = None
    for delimiter in _DELIMITERS:
        try:
            rows = _split(lines, delimiter)
        except csv.Error:
            continue
        comma = delimiter != "," and any(_DECIMAL_COMMA.fullmatch(c) for _, cells in rows for c in cells)
        score = sum(_count(cells, comma) >= 2 for _, cells in rows)
        if score and (best is None or score > best[0]):
            best = (score, rows, comma, delimiter)
    if best is None:
        raise DataError(f"{source}: holds no data rows: no line has two numbers or more")
    _, rows, comma, delimiter = best
    first, header, units = _header(rows, comma, lines, delimiter)
    body = rows[first:]
    width = max(max(len(cells) for _, cells in body), len(header))
    header = header + ("",) * (width - len(header))
    header_row = first - 1 - bool(units)
    named = header_row >= 0 and rows[header_row][1] == header[: len(rows[header_row][1])]
    above = rows[header_row if named else first][0]
    remarks = _remarks(lines[: above - 1], header)
    return Table(
        source=source,
        sha256=hashlib.sha256(data).hexdigest(),
        header=header,
        rows=tuple(cells for _, cells in body),
        lines=tuple(line for line, _ in body),
        decimal_comma=comma,
        unit_row=units,
        remarks=remarks,
    )


def _header(
    rows: list[tuple[int, tuple[str, ...]]], comma: bool, lines: list[str], delimiter: str | None
) -> tuple[int, tuple[str, ...], dict[int, Unit]]:
    """Index of the first data row, the headers and a units row if there is one."""
    first = next(k for k, (_, cells) in enumerate(rows) if _count(cells, comma) >= 2)
    width = len(rows[first][1])
    # A data row spoiled by text may stand between the header and the first good row.
    while first > 1 and _count(rows[first - 1][1], comma) >= 1 and len(rows[first - 1][1]) == width:
        first -= 1
    units: dict[int, Unit] = {}
    above = first - 1
    if above >= 1:
        parsed = [parse_unit(c.strip("()[]")) for c in rows[above][1]]
        if (
            sum(u is not None for u in parsed) >= 2
            and len(rows[above - 1][1]) >= 2
            and not any(parse_unit(c.strip("()[]")) for c in rows[above - 1][1] if len(c) > 1)
        ):
            units = {k: u for k, u in enumerate(parsed) if u is not None}
            above -= 1
    if above >= 0 and len(rows[above][1]) >= 2 and _count(rows[above][1], comma) == 0:
        header = rows[above][1]
        if delimiter is None and len(header) != width:
            header = _rejoin(header, width)
        return first, header, units
    for line in reversed(lines[: rows[first][0] - 1]):  # a header written as a comment
        match = _COMMENT.match(line)
        if match:
            text = line[match.end() :].strip(" #%!/\t\n")
            parts = re.split(r"\t+|\s{2,}", text) if delimiter is None else text.split(delimiter)
            if len(parts) != width:
                parts = text.split() if delimiter is None else parts
            cells = tuple(" ".join(c.split()) for c in parts)
            if len(cells) == width and _count(cells, comma) == 0:
                return first, cells, units
            cells = _rejoin(cells, width)
            if len(cells) == width and delimiter is None and _count(cells, comma) == 0:
                return first, cells, units
    return first, (), units


def _rejoin(words: tuple[str, ...], width: int) -> tuple[str, ...]:
    """Blank-separated header words put together where a unit stands apart: "I (mA) R (Ohm)"."""
    joined: list[str] = []
    for word in words:
        if joined and (re.match(r"[(\[{/]", word)):
            joined[-1] += " " + word
        else:
            joined.append(word)
    return tuple(joined) if len(joined) == width else words


def _remarks(lines: list[str], header: tuple[str, ...]) -> dict[str, str]:
    remarks: dict[str, str] = {}
    for line in lines:
        match = _COMMENT.match(line)
        text = line[match.end() :] if match else line
        found = _REMARK.fullmatch(text.rstrip("\n").rstrip(",;\t"))
        if found and found.group(1) and not any(h.startswith(found.group(1)) for h in header):
            remarks[found.group(1).strip('"')] = found.group(2).strip('"')
    return remarks
