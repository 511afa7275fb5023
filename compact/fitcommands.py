"""What commands that fit a card share: what is known of the device, what is held, and what is written."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compact import asked
from compact.terminal import Terminal, WrongUse

if TYPE_CHECKING:
    from compact.parameters import ParameterSet

__all__ = ["held", "known_device", "write_fit"]


def known_device(card: str | None, model: str, settings: list[str] | None) -> ParameterSet:
    """What is known of the device: a card or the defaults, with single values changed.

    Parameters
    ----------
    card : str or None
        Name or path of a card.
    model : str
        Model whose defaults are taken where there is no card.
    settings : list of str or None
        Texts such as "r_p=2.5k".

    Raises
    ------
    WrongUse
        If a text cannot be read, or a value is not allowed.
    """
    from compact.parameters import ParameterSet

    base = asked.card(card) if card else ParameterSet(model, "assumed")
    values = {}
    for text in settings or []:
        name, mark, value = text.partition("=")
        if not mark:
            raise WrongUse(f"--set '{text}': NAME=VALUE is expected, such as r_p=2.5k")
        with asked.wrong_use():
            values[name.strip()] = asked.number(f"--set {name}", value, base.definition.parameter(name.strip()).unit)
    with asked.wrong_use():
        return base.replace(None, **values)


def held(hold: str | None, known: Collection[str]) -> list[str]:
    """Names after --hold, each of them of a parameter that is fitted otherwise."""
    return [asked.one_of("parameter that is fitted", item.strip(), known) for item in (hold.split(",") if hold else [])]


def write_fit(terminal: Terminal, fit: Any, out: Path | None, plot: Path | None, command: str, **content: Any) -> None:
    """Write card and plot and say what came out.

    Parameters
    ----------
    terminal : Terminal
        Where it is said.
    fit : CardFit
        With its method `plot`.
    out, plot : pathlib.Path or None
        Files; by default named after the card.
    command : str
        Name of the command.
    **content
        Further figures for JSON.
    """
    card = fit.card
    target = out or Path(f"{card.name}.json")
    asked.folder(target.parent)
    with terminal.step("drawing and writing"), asked.writing(target):
        card.save(target)
        files = [target, fit.plot(plot or target.with_suffix(".png"))]
    terminal.say(fit.report().rstrip())
    terminal.say("\nwritten")
    terminal.paths(files)
    terminal.result(
        command,
        card=card.name,
        model=card.model,
        values=card.values,
        stderr=card.stderr,
        correlations=[[a, b, r] for (a, b), r in card.correlations.items()],
        undetermined=card.undetermined,
        derived=card.derived,
        quality=card.provenance.quality,
        notes=card.notes,
        files=files,
        **content,
    )
