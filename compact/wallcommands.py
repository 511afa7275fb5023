"""Command about domain walls: `fit-wall`; `register` adds it to the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from compact import asked
from compact.terminal import Terminal
from compact.wer import Debug, Json, PlotFile, _base, _plot_file, _written

__all__ = ["register"]


def fit_wall(
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="Table of velocity and drive, or of voltage, current and time.")
    ],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Card to write; by default NAME.json.")] = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="domain_wall (through the junction) or domain_wall_track.")
    ] = None,
    card: Annotated[str | None, typer.Option("--card", "-c", help="What is known of the device already.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A value that is known, such as alpha=0.02.")
    ] = None,
    columns: Annotated[
        str | None, typer.Option("--columns", metavar="ROLE=COLUMN,...", help="density=1[A/cm2],velocity=2")
    ] = None,
    period: Annotated[
        str | None, typer.Option(metavar="TIME", help="Time that all rows of a loop took, if no column says it.")
    ] = None,
    temperature: Annotated[str | None, typer.Option(metavar="CELSIUS", help="Temperature; 27 by default.")] = None,
    citation: Annotated[str, typer.Option(help="Publication of the data.")] = "",
    name: Annotated[str | None, typer.Option(help="Name of the card.")] = None,
    plot: PlotFile = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Fit a domain wall: velocities, or a pinched loop.

    Velocity against current density, current or field; or voltage and current against time. Writes a card and a plot.
    """
    from compact.parameters import check_identifier
    from compact.wallfit import MODELS, fit_loop, fit_velocity, read_wall

    terminal = Terminal(as_json)
    asked.data_file(data)
    if model is not None:
        asked.one_of("model with a domain wall", model, MODELS)
    if name is not None:
        with asked.wrong_use():
            check_identifier("card name", name)
    _plot_file(plot)
    seconds = asked.number("--period", period, "s") if period else None
    celsius = asked.number("--temperature", temperature, "degC") if temperature else 27.0
    with terminal.step("fitting"):
        table = read_wall(data, columns, period=seconds)
        loop = table.kind == "loop"
        base = _base(card, model or MODELS[0 if loop else 1], settings)
        fitted = (fit_loop if loop else fit_velocity)(
            table, card=base, name=name, temperature=celsius, citation=citation
        )
    _written(terminal, fitted, out, plot, "fit-wall")


def register(app: typer.Typer) -> None:
    """Add the command of this module to the command line."""
    app.command("fit-wall")(fit_wall)
