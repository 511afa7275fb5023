"""Results of a statistical analysis in a file of JSON lines, written as they come.

The first line says what was run; every further one is a sample. A run that was killed leaves at most half a line, which
is dropped; what is missing is run by the next. A finished file is put in order, so that it is the same to the byte
however many cores wrote it and however often it was interrupted.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact.errors import StatisticsError, unknown
from compact.files import staged

__all__ = ["FORMAT", "SampleFile", "Samples", "read_samples"]

FORMAT = "spinbricks-samples/1"
Row = dict[str, Any]


def _text(row: Mapping[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"


@dataclass(frozen=True)
class Samples:
    """Samples of a circuit with their figures.

    Parameters
    ----------
    header : dict
        What was run: its "plan" pins everything that decides a result, "measures" has unit and limits of each figure.
    rows : tuple of dict
        In order of the samples' numbers: "sample", then "measures" (figures by name, None where an event did not
        happen), or "error" and "deck" of a sample that could not be simulated.
    """

    header: dict[str, Any]
    rows: tuple[Row, ...]

    @property
    def names(self) -> list[str]:
        """Names of the figures."""
        return list(self.header["measures"])

    @property
    def numbers(self) -> NDArray[np.int64]:
        """Numbers of the samples."""
        return np.array([row["sample"] for row in self.rows], dtype=np.int64)

    @property
    def failures(self) -> list[Row]:
        """Samples that could not be simulated."""
        return [row for row in self.rows if "error" in row]

    def limits(self, name: str) -> tuple[float, float]:
        """Between which a figure passes.

        Raises
        ------
        StatisticsError
            If there is no such figure.
        """
        self.check(name)
        low, high = self.header["measures"][name]["low"], self.header["measures"][name]["high"]
        return (-math.inf if low is None else low), (math.inf if high is None else high)

    def check(self, name: str) -> str:
        """The name of a figure that is there."""
        if name not in self.header["measures"]:
            raise StatisticsError(unknown("measure", name, self.names))
        return name

    def values(self, name: str) -> NDArray[np.float64]:
        """A figure of all samples; NaN where it did not happen or the simulation failed.

        Raises
        ------
        StatisticsError
            If there is no such figure.
        """
        self.check(name)
        found = (row.get("measures", {}).get(name) for row in self.rows)
        return np.array([math.nan if value is None else value for value in found])

    def passed(self, names: Iterable[str] | None = None) -> NDArray[np.bool_]:
        """Which samples have the named figures (all by default) within their limits; failed simulations have not."""
        result = np.ones(len(self.rows), dtype=bool)
        for name in self.names if names is None else names:
            low, high = self.limits(name)
            values = self.values(name)
            result &= (values >= low) & (values <= high)
        return result


class SampleFile:
    """A results file that is being written.

    Parameters
    ----------
    path : str or pathlib.Path
        The file; its folder is made if need be.
    header : mapping
        What is run; "plan" must be that of the file if there is one already.
    resume : bool
        Whether a file that is there is continued. Without, it is an error.

    Raises
    ------
    StatisticsError
        If the file is another analysis, no results file, used by another run or cannot be written.
    """

    def __init__(self, path: str | Path, header: Mapping[str, Any], resume: bool = False):
        self.path = Path(path)
        self.rows: dict[int, Row] = {}
        self.header = dict(header)
        exists = self.path.exists() and self.path.stat().st_size > 0
        if exists and not resume:
            raise StatisticsError(f"'{self.path}' is there already; continue it with --resume or choose another --out")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._stream = self.path.open("r+b" if self.path.exists() else "w+b", buffering=0)
        except OSError as error:
            raise StatisticsError(f"cannot write '{self.path}': {error.strerror or error}") from None
        try:
            self._lock()
            if exists:
                self._read()
            else:
                self._write(_text(self.header))
        except BaseException:
            self._stream.close()
            raise

    def _lock(self) -> None:
        try:
            fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StatisticsError(f"'{self.path}' is being written by another run") from None
        except OSError:  # a file system without locks
            return

    def _read(self) -> None:
        content = self._stream.read() or b""
        whole = content[: content.rfind(b"\n") + 1]
        if not whole:  # killed before the first line was there
            self._stream.seek(0)
            self._stream.truncate()
            self._write(_text(self.header))
            return
        header, rows = _parse(whole.decode("utf-8", errors="replace"), self.path)
        different = _difference(header.get("plan"), json.loads(_text(self.header)).get("plan"))
        if different:
            raise StatisticsError(f"'{self.path}' holds another analysis: {different}; choose another --out")
        self.header = header
        self.rows = {row["sample"]: row for row in rows}
        self._stream.seek(len(whole))
        self._stream.truncate()

    def _write(self, text: str) -> None:
        data = memoryview(text.encode())
        try:
            while data:
                data = data[self._stream.write(data) or 0 :]
        except OSError as error:
            raise StatisticsError(
                f"cannot write '{self.path}': {error.strerror or error}; {len(self.rows)} samples are kept there, "
                "continue with --resume once there is room"
            ) from None

    def append(self, rows: Iterable[Row]) -> None:
        """Add samples; each is in the file when this returns.

        Raises
        ------
        StatisticsError
            If the file cannot be written; what was in it before still is.
        """
        for row in rows:
            if row["sample"] not in self.rows:
                self._write(_text(row))
                self.rows[row["sample"]] = row

    def samples(self, count: int | None = None) -> Samples:
        """What is there, in order; only the first `count` samples if that is given."""
        rows = [row for number, row in sorted(self.rows.items()) if count is None or number < count]
        return Samples(self.header, tuple(rows))

    def finish(self) -> None:
        """Put the file in order."""
        text = _text(self.header) + "".join(_text(row) for _, row in sorted(self.rows.items()))
        try:
            with staged(self.path) as part:
                part.write_text(text, encoding="utf-8")
        except OSError as error:
            raise StatisticsError(
                f"cannot put '{self.path}' in order: {error.strerror or error}; it is complete as it is"
            ) from None

    def close(self) -> None:
        """Let go of the file."""
        with contextlib.suppress(OSError):
            os.fsync(self._stream.fileno())
        self._stream.close()

    def __enter__(self) -> SampleFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_samples(path: str | Path) -> Samples:
    """Results of an analysis, finished or not.

    Raises
    ------
    StatisticsError
        If the file cannot be read or is no results file.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StatisticsError(f"cannot read '{path}': {getattr(error, 'strerror', None) or error}") from None
    header, rows = _parse(text[: text.rfind("\n") + 1], path)
    return Samples(header, tuple(sorted(rows, key=lambda row: row["sample"])))


def _parse(text: str, path: Path) -> tuple[dict[str, Any], list[Row]]:
    lines = text.splitlines()
    try:
        header = json.loads(lines[0])
        known = header.get("format") == FORMAT and isinstance(header.get("measures"), dict)
    except (IndexError, ValueError, AttributeError):
        known = False
    if not known:
        raise StatisticsError(f"'{path}' is no results file of samples: its first line must say '{FORMAT}'")
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        try:
            row = json.loads(line)
            rows.append({**row, "sample": int(row["sample"])})
        except (ValueError, KeyError, TypeError):
            raise StatisticsError(f"'{path}': line {number} is no sample") from None
    return header, rows


def _difference(there: Any, here: Any, where: str = "") -> str:
    """The first entry in which two plans differ, as text; "" if they are equal."""
    if isinstance(there, dict) and isinstance(here, dict):
        for key in dict.fromkeys([*there, *here]):
            if text := _difference(there.get(key), here.get(key), f"{where}.{key}" if where else str(key)):
                return text
        return ""
    return "" if there == here else f"{where} is {_short(there)} there and {_short(here)} here"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."
