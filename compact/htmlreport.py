"""The command `report`: everything about a card in one HTML page that needs nothing else."""

from __future__ import annotations

import datetime
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import compact
from compact import asked
from compact.errors import SpinbricksError
from compact.options import Card, Debug, Timeout
from compact.terminal import BAD, GOOD, Terminal, WrongUse

if TYPE_CHECKING:
    from compact.page import Part
    from compact.refit import DataFile
    from compact.sections import Section
    from compact.subject import Subject

__all__ = ["make_part", "register", "write_report"]

SUFFIXES = (".html", ".htm")
Steps = Callable[[str], AbstractContextManager[object]]


def make_part(section: Section, subject: Subject, debug: bool = False) -> Part:
    """One part of the page; what cannot be made says so in it.

    Parameters
    ----------
    section : Section
        Which part.
    subject : Subject
        Of what.
    debug : bool
        Whether tracebacks go to standard error.
    """
    from compact.page import Block, Failure, Part
    from compact.subject import DoesNotApply

    blocks: list[Block] = []
    absent = ""
    try:
        for block in section.make(subject):
            blocks.append(block)
    except DoesNotApply as reason:
        absent = str(reason)
    except SpinbricksError as error:
        _trace(debug)
        blocks.append(Failure(str(error)))
    except Exception as error:  # a page with one part missing is better than none
        _trace(debug)
        blocks.append(Failure(f"unexpected {type(error).__name__}: {error}"))
    return Part(section.key, section.title, tuple(blocks), absent)


def _trace(debug: bool) -> None:
    if debug:
        traceback.print_exc()


def write_report(
    subject: Subject,
    path: str | Path,
    sections: Sequence[Section] | None = None,
    *,
    step: Steps = lambda text: nullcontext(),
    debug: bool = False,
) -> list[Part]:
    """Make the report of a card.

    Parameters
    ----------
    subject : Subject
        The card and what to do with it.
    path : str or pathlib.Path
        File to write, whole or not at all.
    sections : sequence of Section, optional
        What it holds, by default everything.
    step : callable
        Called with what is being made; gives a context for the time that takes.
    debug : bool
        Whether tracebacks of failed parts go to standard error.

    Returns
    -------
    list of Part
        What the page holds; `Part.failed` says which of it could not be made.

    Raises
    ------
    SpinbricksError
        If the file cannot be written.
    """
    from compact.page import Facts, render_page, save_page
    from compact.sections import SECTIONS

    began = time.perf_counter()
    parts = []
    for section in SECTIONS.values() if sections is None else sections:
        with step(f"{subject.card.name}: {section.title.lower()}"):
            parts.append(make_part(section, subject, debug))
    card = subject.card
    facts = Facts(
        (
            ("technology", subject.technology),
            ("simulators", ", ".join(subject.simulators) or "none"),
            ("effort", "full" if subject.full else "quick"),
            ("made", f"{datetime.date.today().isoformat()}, in {time.perf_counter() - began:.0f} s"),
            ("findings", _findings(parts)),
        )
    )
    footer = f"Made by spinbricks {compact.__version__}. This page holds everything it shows and loads nothing."
    with step("writing"):
        text = render_page(f"{card.name}: report", card.definition.title, facts, parts, footer)
        save_page(Path(path), text)
    return parts


def _findings(parts: Sequence[Part]) -> str:
    good, bad = (sum(part.count(verdict) for part in parts) for verdict in (GOOD, BAD))
    failed = [part.title.lower() for part in parts if part.failed]
    text = f"{good} checks and measures pass, {bad} fail" if good + bad else "nothing was checked"
    return text + (f"; not made or not complete: {', '.join(failed)}" if failed else "")


def _target(out: Path | None, name: str) -> Path:
    path = out or Path(f"report_{name}.html")
    if path.is_dir():
        path /= f"report_{name}.html"
    if path.suffix.lower() not in SUFFIXES:
        raise WrongUse(f"--out '{path}': a report is a .html file")
    asked.folder(path.parent)
    return path


def _home(card: str) -> Path:
    return Path(card).parent if Path(card).is_file() else Path()


def _data(
    paths: Sequence[Path], columns: Sequence[str], constants: Mapping[str, tuple[Sequence[str] | None, str]]
) -> tuple[DataFile, ...]:
    """Data files with what was typed about them."""
    from compact.refit import DataFile

    if not paths and (columns or any(given for given, _ in constants.values())):
        raise WrongUse("--columns, --pulse-width, --voltage, --current and --count belong to files given by --data")
    if len(columns) not in (0, 1, len(paths)):
        raise WrongUse(f"--columns is given {len(columns)} times; give it once, or once for each of {len(paths)} files")
    texts: list[str | None] = [*columns] if len(columns) > 1 else [next(iter(columns), None)] * len(paths)
    values = {
        name: asked.each_file(f"--{name.replace('_', '-')}", given, len(paths), unit)
        for name, (given, unit) in constants.items()
    }
    return tuple(
        DataFile(asked.data_file(path), text, {n: x for n in values if (x := values[n][k]) is not None})
        for k, (path, text) in enumerate(zip(paths, texts, strict=True))
    )


def report(
    card: Card,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Page to write; by default report_CARD.html.")] = None,
    section: Annotated[
        list[str] | None,
        typer.Option("--section", metavar="NAME", help="Only this part (card, qa, circuits, ...); repeatable."),
    ] = None,
    skip: Annotated[
        list[str] | None, typer.Option("--skip", metavar="NAME", help="All parts but this one; repeatable.")
    ] = None,
    circuit: Annotated[list[str] | None, typer.Option("--circuit", help="Simulate this circuit; repeatable.")] = None,
    data: Annotated[
        list[Path] | None,
        typer.Option(
            "--data", metavar="FILE", help="Measured data of this device, for the plot of the fit; repeatable."
        ),
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option("--columns", metavar="ROLE=COLUMN,...", help="Of --data: once, or once for each file."),
    ] = None,
    pulse_width: Annotated[
        list[str] | None, typer.Option(metavar="TIME", help="Of --data; '-' where the file has a column.")
    ] = None,
    voltage: Annotated[list[str] | None, typer.Option(metavar="VOLT", help="Of --data; '-' likewise.")] = None,
    current: Annotated[list[str] | None, typer.Option(metavar="AMPERE", help="Of --data; '-' likewise.")] = None,
    count: Annotated[
        list[str] | None, typer.Option(metavar="N", help="Events behind each point of --data; '-' likewise.")
    ] = None,
    technology: Annotated[
        str, typer.Option("--technology", "-t", help="generic, sky130, gf180 or a .toml file.")
    ] = "generic",
    simulator: Annotated[
        str, typer.Option("--simulator", "-s", metavar="ngspice|vacask|all", help="By default all that are there.")
    ] = "all",
    full: Annotated[bool, typer.Option("--full", help="All circuits, more points and samples: takes minutes.")] = False,
    samples: Annotated[
        int | None, typer.Option(min=2, metavar="N", help="Monte Carlo samples; by default 100, or 1000 with --full.")
    ] = None,
    timeout: Timeout = "120",
    as_json: Annotated[
        bool, typer.Option("--json", help="Write one JSON object to standard output and nothing else.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Write all about a card as one HTML page.

    Parameters, fit, quality checks, circuits, corners, statistics and write errors, with their plots inside: the page
    needs no network and no other file. The exit code is 1 if a part of it could not be made or a check or measure in
    it fails; the page is written all the same.
    """
    terminal = Terminal(as_json)
    with terminal.step("starting"):
        from compact.circuits import CIRCUITS
        from compact.runs import CIRCUIT_SIMULATORS
        from compact.sections import SECTIONS
        from compact.subject import Subject, circuits_of

    for name in (*(section or ()), *(skip or ())):
        asked.one_of("section", name, SECTIONS)
    if section and skip:
        raise WrongUse("give either --section or --skip")
    chosen = [s for key, s in SECTIONS.items() if key in (section or SECTIONS) and key not in (skip or ())]
    if not chosen:
        raise WrongUse("--skip: no part of the report is left")
    for name in circuit or ():
        asked.one_of("circuit", name, CIRCUITS)
    asked.one_of("simulator", simulator, ("all", *CIRCUIT_SIMULATORS))
    asked.technology(technology)
    limit = asked.time_limit(timeout)
    loaded = asked.card(card)
    for name in circuit or ():
        if name not in (fitting := circuits_of(loaded)):
            known = f"those that do: {', '.join(fitting)}" if fitting else "none of the library does"
            raise WrongUse(f"circuit '{name}' takes no card of model {loaded.model}; {known}")
    files = _data(
        data or [], columns or [], {"pulse_width": (pulse_width, "s"), "voltage": (voltage, "V"),
                                    "current": (current, "A"), "count": (count, "1")}
    )  # fmt: skip
    target = _target(out, loaded.name)
    with terminal.step("looking for simulators"):
        names, missing = asked.simulators(simulator, none_is_error=False)
    subject = Subject(
        loaded, _home(card), files, tuple(circuit or ()), technology, tuple(names), full, limit, samples
    )  # fmt: skip
    with asked.writing(target):
        parts = write_report(subject, target, chosen, step=terminal.step, debug=debug)
    rows = [(part.title, part.summary[1] or "made", "; ".join(part.failures) or part.absent) for part in parts]
    terminal.table(f"{loaded.name}: report", ("part", "", "note"), rows)
    for text in missing.values():
        terminal.say(f"note: {text}")
    terminal.say("written")
    terminal.paths([target])
    terminal.result(
        "report",
        ok=not any(part.failed or part.count(BAD) for part in parts),
        card=loaded.name,
        sections=[
            {"name": part.key, "passed": part.count(GOOD), "failed": part.count(BAD)}
            | {"absent": part.absent, "errors": part.failures}
            for part in parts
        ],
        missing=missing,
        files=[target],
    )


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(report)
