"""Parameter sets of published devices, one cited file each; adding one is adding a file."""

from __future__ import annotations

from pathlib import Path

from compact.errors import ParameterError, unknown
from compact.parameters import ParameterSet

__all__ = ["card_names", "load_card"]

FOLDER = Path(__file__).resolve().parent


def card_names() -> list[str]:
    """Names of the published cards."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def load_card(card: str | Path) -> ParameterSet:
    """A card by the name of a published one, or by path.

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
