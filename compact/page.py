"""What an HTML page of results is made of, and how it becomes one file that needs nothing else."""

from __future__ import annotations

import base64
import re
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from compact.errors import SpinbricksError
from compact.parameters import write_atomic
from compact.templates import render, template_dir
from compact.terminal import BAD, GOOD

__all__ = [
    "Block",
    "Facts",
    "Failure",
    "Formula",
    "Formulas",
    "Note",
    "Part",
    "Picture",
    "Remarks",
    "Table",
    "Verbatim",
    "render_page",
    "save_page",
]

HEAVIEST_SVG = 400_000
"""Size from which a picture goes into the page as pixels rather than as lines [bytes]."""
PIXELS_PER_POINT = 96 / 72
CLASSES = {GOOD: "good", "works": "good", BAD: "bad", "fails": "bad", "failed": "bad"}
"""Style of cells that hold a verdict."""


@dataclass(frozen=True)
class Note:
    """A paragraph.

    Parameters
    ----------
    text : str
        What it says.
    """

    text: str
    template = "note"


@dataclass(frozen=True)
class Failure:
    """What could not be made, and why; it marks its part of the page as failed.

    Parameters
    ----------
    text : str
        One line.
    """

    text: str
    template = "failure"

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", " ".join(self.text.split()))


@dataclass(frozen=True)
class Facts:
    """Terms and what they are.

    Parameters
    ----------
    pairs : sequence of (str, str)
        Term and description; pairs without a description are left out.
    """

    pairs: Sequence[tuple[str, str]]
    template = "facts"

    def __post_init__(self) -> None:
        object.__setattr__(self, "pairs", tuple(p for p in self.pairs if p[1]))


@dataclass(frozen=True)
class Remarks:
    """A list of sentences.

    Parameters
    ----------
    caption : str
        What they are about.
    items : sequence of str
        The sentences.
    """

    caption: str
    items: Sequence[str]
    template = "remarks"


@dataclass(frozen=True)
class Table:
    """A table; the first cell of a row is its header.

    Parameters
    ----------
    caption : str
        What it shows.
    columns : sequence of str
        Headers.
    rows : sequence of sequences of str
        Cells; "pass" and "FAIL" are coloured and counted.
    numbers : collection of str
        Columns that are set flush right.
    worst : frozenset of (int, int)
        Row and column of cells that stand out.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Sequence[str] = ()
    worst: frozenset[tuple[int, int]] = frozenset()
    template = "table"

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Class and text of each header."""
        return [("number" if c in self.numbers else "text", c) for c in self.columns]

    @property
    def body(self) -> list[tuple[tuple[str, str], list[tuple[str, str]]]]:
        """Header and cells of each row, each as class and text."""
        return [(cells[0], cells[1:]) for cells in ([*self._cells(k)] for k in range(len(self.rows)))]

    def _cells(self, row: int) -> Iterable[tuple[str, str]]:
        for k, (column, text) in enumerate(zip(self.columns, self.rows[row], strict=True)):
            kind = "number" if column in self.numbers else CLASSES.get(str(text), "text")
            yield kind + " worst" * ((row, k) in self.worst), str(text)

    def count(self, verdict: str) -> int:
        """How many cells say so."""
        return sum(cell == verdict for row in self.rows for cell in row)


@dataclass(frozen=True)
class Verbatim:
    """Lines that are set as they are.

    Parameters
    ----------
    text : str
        The lines.
    """

    text: str
    template = "verbatim"


@dataclass(frozen=True)
class Formula:
    """A typeset equation.

    Parameters
    ----------
    markup : str
        The equation, as a MathML element.
    unit, about : str
        SI unit of the left-hand side, and what it is.
    """

    markup: str
    unit: str
    about: str


@dataclass(frozen=True)
class Formulas:
    """Equations in order.

    Parameters
    ----------
    caption : str
        What they are about.
    lines : sequence of Formula
        The equations.
    """

    caption: str
    lines: Sequence[Formula]
    template = "formulas"


@dataclass(frozen=True)
class Picture:
    """A picture inside the page.

    Parameters
    ----------
    source : str
        Its content, as a data URI.
    width, height : int
        Natural size [pixels].
    alt : str
        What it shows, for those who do not see it.
    caption : str
        Line below it.
    """

    source: str
    width: int
    height: int
    alt: str
    caption: str
    template = "picture"

    @classmethod
    def drawn(cls, draw: Callable[[Path], object], alt: str, caption: str = "") -> Picture:
        """Picture of a function that draws into a file: lines where they are not too many, pixels otherwise.

        Parameters
        ----------
        draw : callable
            Takes a path that ends in .svg or .png and writes that file.
        alt, caption : str
            As for the class.
        """
        import matplotlib

        # The same picture twice is the same text: identifiers come from the content.
        with tempfile.TemporaryDirectory() as folder, matplotlib.rc_context({"svg.hashsalt": "spinbricks"}):
            path = Path(folder) / "picture.svg"
            draw(path)
            content, kind = path.read_bytes(), "svg+xml"
            sizes = re.findall(rb'(?:width|height)="([\d.]+)pt"', content[:2000])
            width, height = (float(x) * PIXELS_PER_POINT for x in sizes[:2])
            if len(content) > HEAVIEST_SVG:
                path, kind = Path(folder) / "picture.png", "png"
                draw(path)
                content = path.read_bytes()
        uri = f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
        return cls(uri, round(width), round(height), alt, caption)


Block: TypeAlias = Note | Failure | Facts | Remarks | Verbatim | Formulas | Table | Picture


@dataclass(frozen=True)
class Part:
    """One part of the page with its heading.

    Parameters
    ----------
    key, title : str
        Anchor and heading.
    blocks : sequence of Block
        What it holds.
    absent : str
        Why it holds nothing, where it does not apply.
    """

    key: str
    title: str
    blocks: Sequence[Block] = field(default=())
    absent: str = ""

    @property
    def failures(self) -> list[str]:
        """What could not be made."""
        return [block.text for block in self.blocks if isinstance(block, Failure)]

    @property
    def failed(self) -> bool:
        """Whether something could not be made."""
        return bool(self.failures)

    def count(self, verdict: str) -> int:
        """How many cells of its tables hold a verdict."""
        return sum(block.count(verdict) for block in self.blocks if isinstance(block, Table))

    @property
    def summary(self) -> tuple[str, str]:
        """Class and text of its line in the contents."""
        if self.absent:
            return "absent", "does not apply"
        if self.failed:
            return "bad", "could not be made" if len(self.failures) == len(self.blocks) else "not complete"
        good, bad = self.count(GOOD), self.count(BAD)
        if bad:
            return "bad", f"{bad} of {good + bad} fail"
        return ("good", f"all {good} pass") if good else ("text", "")

    @property
    def html(self) -> str:
        """Its blocks as HTML; the reason where there are none."""
        blocks = self.blocks or (Note(self.absent or "nothing to show"),)
        return "".join(render(f"pages/{block.template}.html.j2", block=block) for block in blocks)


def render_page(title: str, lead: str, facts: Facts, parts: Sequence[Part], footer: str) -> str:
    """A page as HTML text, with its style inside.

    Parameters
    ----------
    title, lead : str
        Heading and the line below it.
    facts : Facts
        What was done with what.
    parts : sequence of Part
        The parts in order.
    footer : str
        Last line.
    """
    style = (template_dir("pages") / "page.css").read_text(encoding="utf-8")
    head = render("pages/facts.html.j2", block=facts)
    return render("pages/page.html.j2", title=title, lead=lead, style=style, facts=head, parts=parts, footer=footer)


def save_page(path: Path, text: str) -> Path:
    """Write a page, whole or not at all.

    Raises
    ------
    SpinbricksError
        If it cannot be written there.
    """
    try:
        write_atomic(path, text)
    except OSError as error:
        raise SpinbricksError(f"cannot write '{path}': {error.strerror or error}") from None
    return path
