"""The data a card was fitted to: finding them again, and fitting them again to see what the card is worth."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from compact.errors import DataError
from compact.parameters import ParameterSet

__all__ = ["Fitted", "find_data", "refit"]


class Fitted(Protocol):
    """What every fit gives."""

    @property
    def card(self) -> ParameterSet:
        """The device as these data show it."""

    def plot(self, path: str | Path) -> Path:
        """Draw data and fit into a file."""


def _hash(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise DataError(f"cannot read '{path}': {error.strerror or error}") from None


def find_data(card: ParameterSet, home: Path, given: Sequence[Path] = ()) -> tuple[list[Path], str]:
    """Measured data of a card: those that are given, else those that the card names.

    Parameters
    ----------
    card : ParameterSet
        The card.
    home : pathlib.Path
        Folder in which the files that the card names are looked for; only those with the card's hash are taken.
    given : sequence of pathlib.Path
        Files to be taken whatever the card says.

    Returns
    -------
    paths : list of pathlib.Path
        The files; none where they cannot be found.
    what : str
        A sentence that says which data these are, or why there are none.

    Raises
    ------
    DataError
        If a file cannot be read.
    """
    hashes = card.provenance.sha256.split()
    if given:
        known = [_hash(path) in hashes for path in given]
        if all(known):
            return list(given), "These are data that the card was fitted to: their SHA-256 is in it."
        names = ", ".join(path.name for path, same in zip(given, known, strict=True) if not same)
        return list(given), f"The card does not name these data as its source: {names}."
    if not hashes:
        return [], "The card names no data file; give measured data with --data."
    paths = [home / name.strip() for name in card.provenance.source.split(",")]
    lacking = [path.name for path in paths if not path.is_file()]
    if lacking:
        return [], f"The data that the card names are not beside it: {', '.join(lacking)}; give them with --data."
    changed = [path.name for path in paths if _hash(path) not in hashes]
    if changed:
        return [], f"Files beside the card are not those it was fitted to, their SHA-256 differs: {', '.join(changed)}."
    return paths, "These are the data that the card was fitted to: their SHA-256 is in it."


def _field_loops(card: ParameterSet, paths: Sequence[Path]) -> Fitted | None:
    from compact.fieldcard import fit_field_loops
    from compact.fieldloop import is_field_loop, read_field_loop

    if not all(is_field_loop(path) for path in paths):
        return None
    loops = [read_field_loop(path) for path in paths]
    return fit_field_loops(loops, card.model, card.name, temperature=card.values["t_nom"])


def _dwells(card: ParameterSet, paths: Sequence[Path]) -> Fitted | None:
    from compact.dwell import TABLE_ROLES, fit_dwells, read_dwells

    if len(paths) > 1 or not _has(paths, "dwell_p", TABLE_ROLES):
        return None
    return fit_dwells(read_dwells(paths[0]), card=card, name=card.name)


def _probabilities(card: ParameterSet, paths: Sequence[Path]) -> Fitted | None:
    from compact.probability import ROLES, fit_probability, read_probability

    if not _has(paths, "probability", ROLES):
        return None
    tables = [read_probability(path) for path in paths]
    counted = all(table.count is not None for table in tables)
    return fit_probability(
        tables, card=card, name=card.name, method="binomial" if counted else "least_squares"
    )  # fmt: skip


def _loops(card: ParameterSet, paths: Sequence[Path]) -> Fitted | None:
    from compact.data import read_loops
    from compact.fitting import fit_loop

    loops = [loop for path in paths for loop in read_loops(path)]
    held = None if "tau_d" in card.stderr else card.values.get("tau_d")
    return fit_loop(loops, card.model, card.name, tau_d=held, temperature=card.values["t_nom"])


def _has(paths: Sequence[Path], role: str, roles: object) -> bool:
    """Whether the headers of all files name a column of this role."""
    from compact.roles import read_roles

    try:
        return all(role in read_roles(path, roles).columns for path in paths)  # type: ignore[arg-type]
    except DataError:
        return False


_KINDS: tuple[Callable[[ParameterSet, Sequence[Path]], Fitted | None], ...] = (
    _field_loops,
    _dwells,
    _probabilities,
    _loops,
)
"""Fits by kind of data; each gives None for data of another kind, the last one takes or refuses what is left."""


def refit(card: ParameterSet, paths: Sequence[Path]) -> Fitted:
    """Fit data again with a card's model, its name, and what it holds as known.

    Parameters
    ----------
    card : ParameterSet
        The card.
    paths : sequence of pathlib.Path
        Loops against current, voltage or field, switching probabilities, or dwell times; the headers say which.

    Returns
    -------
    Fitted

    Raises
    ------
    DataError
        If the files are of no kind that is known, or do not hold what the fit needs.
    """
    for kind in _KINDS:
        if (fitted := kind(card, paths)) is not None:
            return fitted
    raise DataError(f"{', '.join(path.name for path in paths)}: no kind of data that a card is fitted to")
