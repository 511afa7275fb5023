"""Command about memristive barriers: `fit-barrier`; `register` adds it to the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from compact import asked
from compact.constants import ZERO_CELSIUS
from compact.fitcommands import known_device, write_fit
from compact.options import CardFile, Citation, Debug, Json, Kelvin, KnownCard, KnownValues, Name, PlotFile
from compact.terminal import Terminal

__all__ = ["register"]


def fit_barrier(
    data: Annotated[
        list[Path], typer.Argument(metavar="DATA...", help="Tables of voltage, time and current or resistance.")
    ],
    out: CardFile = None,
    card: KnownCard = None,
    settings: KnownValues = None,
    columns: Annotated[
        str | None, typer.Option("--columns", metavar="ROLE=COLUMN,...", help="voltage=1[mV],current=2[uA],time=3")
    ] = None,
    period: Annotated[
        list[str] | None,
        typer.Option(metavar="TIME", help="Time that all rows of a file took, - for a file that says it."),
    ] = None,
    temperature: Kelvin = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Say which model the loops support: barrier, switching alone, or a wall.")
    ] = False,
    citation: Citation = "",
    name: Name = None,
    plot: PlotFile = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Fit a junction with a memristive barrier to voltage loops.

    Current or resistance against voltage and time, several cycles and several files of one device together: magnetic
    switching, and resistive switching of the barrier. Writes a card of mgo_memristive and a plot. A second
    loop, swept more slowly, tells thresholds and time constant of the barrier apart.
    """
    from compact import barrierfit
    from compact.voltageloop import read_voltage_loop

    terminal = Terminal(as_json)
    for path in data:
        asked.data_file(path)
    asked.card_file(out)
    asked.card_name(name)
    asked.plot_file(plot)
    seconds = asked.each_file("--period", period, len(data), "s")
    celsius = asked.kelvin(temperature) - ZERO_CELSIUS if temperature else 27.0
    base = known_device(card, barrierfit.MODEL, settings)
    with terminal.step("reading"):
        loops = [read_voltage_loop(path, columns, period=time) for path, time in zip(data, seconds, strict=True)]
    with terminal.step(f"fitting {len(data)} file{'s' * (len(data) > 1)}"):
        fit = barrierfit.fit_barrier(loops, card=base, name=name, temperature=celsius, citation=citation)
    content: dict[str, Any] = {"rms": {x.loop.source: x.rms for x in fit.curves}}
    lines: list[str] = []
    if compare:
        from compact.barrierchoice import compare_barrier

        with terminal.step("comparing models"):
            choice = compare_barrier(fit)
        content |= {"models": choice.rows, "supported": choice.best, "clear": choice.clear}
        lines = ["", *choice.lines()]
        if not any(row.model == "domain_wall" for row in choice.rows):
            lines.append("left out: domain_wall, as the loops do not determine one")
    write_fit(terminal, fit, out, plot, "fit-barrier", **content)
    for line in lines:
        terminal.say(line)


def register(app: typer.Typer) -> None:
    """Add the command of this module to the command line."""
    app.command("fit-barrier")(fit_barrier)
