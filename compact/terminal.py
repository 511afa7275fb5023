"""What the command line says and how: tables for people, JSON for machines, progress, errors in one line."""

from __future__ import annotations

import contextlib
import json
import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compact.errors import SpinbricksError

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Failed", "Terminal", "WrongUse", "plain", "report_error", "report_warning", "verdict"]

WIDTH_OF_PIPES = 160
"""Columns where the output is no terminal."""
WIDTH_OF_WORDS = 24
"""Columns that the last, wordy column of a table has at least."""
GOOD, BAD, MISSING = "pass", "FAIL", "missing"
_STYLES = {GOOD: "green", "ok": "green", BAD: "bold red", "failed": "bold red", MISSING: "yellow"}


def verdict(passed: bool) -> str:
    """How a table says it."""
    return GOOD if passed else BAD


class WrongUse(SpinbricksError):
    """The command was asked for something that does not exist or makes no sense; exit code 2."""


class Failed(Exception):
    """What was asked for was done and its result is negative; the output has said so; exit code 1."""


def plain(value: Any) -> Any:
    """A value as JSON knows it: figures that are not finite become null, paths and other things text."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Iterable):
        return [plain(v) for v in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, bool | int) else str(value)


def report_error(error: BaseException, as_json: bool, message: str | None = None) -> None:
    """Say what went wrong: one line on standard error, and as JSON on standard output where that was asked for."""
    text = " ".join((message or str(error) or type(error).__name__).split())
    print(f"error: {text}", file=sys.stderr)
    if as_json:
        content: dict[str, Any] = {"type": type(error).__name__, "message": text}
        content |= {key: plain(path) for key in ("deck", "log") if (path := getattr(error, key, None))}
        print(json.dumps({"ok": False, "error": content}, ensure_ascii=False))


def report_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    """Say what is doubtful: one line on standard error; takes the place of `warnings.showwarning`."""
    print(f"warning: {' '.join(str(message).split())}", file=sys.stderr)


class Terminal:
    """Output of one command.

    Parameters
    ----------
    as_json : bool
        Whether standard output takes JSON and nothing else.
    """

    def __init__(self, as_json: bool = False):
        self.as_json = as_json
        self._out: Console | None = None

    @property
    def console(self) -> Console:
        """Where people read: standard output."""
        if self._out is None:
            self._out = _console(stderr=False)
        return self._out

    @contextlib.contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Show that something is going on, on standard error, where somebody looks at it."""
        if self.as_json or not sys.stderr.isatty():
            yield
            return
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=_console(stderr=True), transient=True) as progress:
            progress.add_task(text, total=None)
            yield

    def say(self, text: str = "", style: str | None = None) -> None:
        """A line or several for people; nothing where JSON was asked for."""
        if not self.as_json:
            self.console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)

    def table(
        self, title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], numbers: Sequence[str] = ()
    ) -> None:
        """A table for people.

        Parameters
        ----------
        title : str
            Line above it.
        columns : sequence of str
            Headers.
        rows : iterable of sequences
            Cells; "pass" and "FAIL" are coloured.
        numbers : sequence of str
            Columns that are set flush right.
        """
        if self.as_json:
            return
        from rich import box
        from rich.measure import Measurement
        from rich.table import Table
        from rich.text import Text

        cells = [[str(cell) for cell in row] for row in rows]
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for k, column in enumerate(columns):
            widest = max(len(text) for text in (column, *(row[k] for row in cells)))
            last = k == len(columns) - 1  # the words; they alone may take several lines
            table.add_column(
                column,
                justify="right" if column in numbers else "left",
                overflow="fold",
                min_width=min(widest, WIDTH_OF_WORDS) if last else widest,
            )
        for row in cells:
            table.add_row(*(Text(text, style=_STYLES.get(text, "")) for text in row))
        if title:
            self.say(title, "bold")
        # Where a terminal is too narrow lines run on: better than figures cut off.
        width = self.console.width
        needed = Measurement.get(self.console, self.console.options.update(width=10_000), table).minimum
        self.console.width = max(needed, width)
        self.console.print(table)
        self.console.width = width

    def result(self, command: str, ok: bool = True, **content: Any) -> None:
        """The result of a command as JSON, where that was asked for; raise `Failed` if it is negative."""
        if self.as_json:
            text = json.dumps({"command": command, "ok": ok, **plain(content)}, ensure_ascii=False, allow_nan=False)
            print(text, flush=True)
        if not ok:
            raise Failed

    def paths(self, paths: Iterable[Path]) -> None:
        """Files that were written, one a line."""
        for path in paths:
            self.say(f"  {path}")


def _console(stderr: bool) -> Console:
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    fixed = None if stream.isatty() else WIDTH_OF_PIPES
    return Console(stderr=stderr, width=fixed)
