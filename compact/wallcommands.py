"""Command about domain walls: `fit-wall`; `register` adds it to the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from compact import asked
from compact.constants import ZERO_CELSIUS
from compact.fitcommands import known_device, write_fit
from compact.options import CardFile, Citation, Debug, Json, Kelvin, KnownCard, Name, PlotFile
from compact.terminal import Terminal

__all__ = ["register"]


def fit_wall(
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="Table of velocity and drive, or of voltage, current and time.")
    ],
    out: CardFile = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="domain_wall (through the junction) or domain_wall_track.")
    ] = None,
    card: KnownCard = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A value that is known, such as alpha=0.02.")
    ] = None,
    columns: Annotated[
        str | None, typer.Option("--columns", metavar="ROLE=COLUMN,...", help="density=1[A/cm2],velocity=2")
    ] = None,
    period: Annotated[
        str | None, typer.Option(metavar="TIME", help="Time that all rows of a loop took, if no column says it.")
    ] = None,
    temperature: Kelvin = None,
    citation: Citation = "",
    name: Name = None,
    plot: PlotFile = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Fit a domain wall: velocities, or a pinched loop.

    Velocity against current density, current or field; or voltage and current against time. Writes a card and a plot.
    """
    from compact.wallfit import MODELS, fit_loop, fit_velocity, read_wall

    terminal = Terminal(as_json)
    asked.data_file(data)
    if model is not None:
        asked.one_of("model with a domain wall", model, MODELS)
    asked.card_name(name)
    asked.plot_file(plot)
    seconds = asked.number("--period", period, "s") if period else None
    celsius = asked.kelvin(temperature) - ZERO_CELSIUS if temperature else 27.0
    with terminal.step("fitting"):
        table = read_wall(data, columns, period=seconds)
        loop = table.kind == "loop"
        base = known_device(card, model or MODELS[0 if loop else 1], settings)
        fitted = (fit_loop if loop else fit_velocity)(
            table, card=base, name=name, temperature=celsius, citation=citation
        )
    write_fit(terminal, fitted, out, plot, "fit-wall")


def register(app: typer.Typer) -> None:
    """Add the command of this module to the command line."""
    app.command("fit-wall")(fit_wall)
