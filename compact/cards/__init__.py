"""Parameter sets of published devices and of designs, one cited file each; adding one is adding a file.

A card whose name begins with `design_` is a device that could be ordered, not one that was measured: its constants are
those of published materials, its geometry is chosen so that a circuit works; each of its values says which.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from compact.errors import ParameterError, unknown
from compact.parameters import ParameterSet

__all__ = ["card_names", "design_names", "fitting_cards", "load_card"]

FOLDER = Path(__file__).resolve().parent
DESIGN = "design_"


def card_names() -> list[str]:
    """Names of the cards that come with the package, published ones first."""
    names = sorted(path.stem for path in FOLDER.glob("*.json"))
    return sorted(names, key=lambda name: name.startswith(DESIGN))


def design_names() -> list[str]:
    """Names of the cards among them that are designs, not measurements."""
    return [name for name in card_names() if name.startswith(DESIGN)]


def fitting_cards(takes: Callable[[ParameterSet], bool]) -> list[str]:
    """Names of the cards that come with the package and that something takes, such as a circuit."""
    return [name for name in card_names() if takes(load_card(name))]


def load_card(card: str | Path) -> ParameterSet:
    """A card by the name of one that comes with the package, or by path.

    Parameters
    ----------
    card : str or Path
        Name such as `ikeda_2010`, or a file.

    Raises
    ------
    ParameterError
        If there is no such card, with the nearest match, or the file is no card.
    """
    text = str(card)
    if text in card_names():
        return ParameterSet.load(FOLDER / f"{text}.json")
    if Path(text).is_file() or text.endswith(".json") or "/" in text:
        return ParameterSet.load(text)
    raise ParameterError(unknown("card", text, card_names()) + "; a file of that name is not there either")
