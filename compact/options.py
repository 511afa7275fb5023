"""Options that several commands have, so that each is called and explained the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "Card",
    "CardFile",
    "CardOption",
    "Citation",
    "Debug",
    "Json",
    "Kelvin",
    "KnownCard",
    "KnownValues",
    "Name",
    "PlotFile",
    "Technology",
    "Timeout",
]

Card = Annotated[str, typer.Argument(metavar="CARD", help="A card file, or a name of `spinbricks list cards`.")]
CardOption = Annotated[str, typer.Option("--card", "-c", help="A card file, or a name of `spinbricks list cards`.")]
Technology = Annotated[str, typer.Option("--technology", "-t", help="generic, sky130, gf180 or a .toml file.")]
Timeout = Annotated[str, typer.Option(metavar="TIME", help="Limit of each simulation; 0 for none.")]
Json = Annotated[bool, typer.Option("--json", help="Write one JSON object to standard output and nothing else.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]

# Of commands that fit a card.
CardFile = Annotated[Path | None, typer.Option("--out", "-o", help="Card to write; by default NAME.json.")]
KnownCard = Annotated[str | None, typer.Option("--card", "-c", help="What is known of the device already.")]
KnownValues = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A value that is known, such as r_p=2.5k.")
]
Kelvin = Annotated[str | None, typer.Option(metavar="KELVIN", help="Temperature of the measurement.")]
Citation = Annotated[str, typer.Option(help="Publication of the data.")]
Name = Annotated[str | None, typer.Option(help="Name of the card.")]
PlotFile = Annotated[
    Path | None, typer.Option("--plot", metavar="FILE", help="Plot of data and fit (.png, .svg, .pdf).")
]
