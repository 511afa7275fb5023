"""The data a card was fitted to: finding them again, and fitting them again to see what the card is worth."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from compact.errors import DataError
from compact.parameters import ParameterSet

__all__ = ["DataFile", "Fitted", "find_data", "refit"]

_WIDTH = re.compile(r" at [-+.\de]+ s$")
"""What the source of one of several loops in a file has behind the file's name."""


@dataclass(frozen=True)
class DataFile:
    """A file of measured data and how it is read.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    columns : str, optional
        Column of each role, where the headers do not say it.
    constants : mapping of str to float
        What holds for all of it [SI]: pulse_width, voltage, current, count.
    """

    path: Path
    columns: str | None = None
    constants: Mapping[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the file without its folder."""
        return self.path.name

    @property
    def sha256(self) -> str:
        """Hash of its content.

        Raises
        ------
        DataError
            If it cannot be read.
        """
        try:
            return hashlib.sha256(self.path.read_bytes()).hexdigest()
        except OSError as error:
            raise DataError(f"cannot read '{self.path}': {error.strerror or error}") from None


class Fitted(Protocol):
    """What every fit gives."""

    @property
    def card(self) -> ParameterSet:
        """The device as these data show it."""

    def plot(self, path: str | Path) -> Path:
        """Draw data and fit into a file."""


def find_data(card: ParameterSet, home: Path, given: Sequence[DataFile] = ()) -> tuple[list[DataFile], str]:
    """Measured data of a card: those that are given, else those that the card names.

    Parameters
    ----------
    card : ParameterSet
        The card.
    home : pathlib.Path
        Folder in which the files that the card names are looked for; only those with the card's hash are taken.
    given : sequence of DataFile
        Files to be taken whatever the card says.

    Returns
    -------
    files : list of DataFile
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
        known = [file.sha256 in hashes for file in given]
        if all(known):
            return list(given), "These are data that the card was fitted to: their SHA-256 is in it."
        names = ", ".join(file.name for file, same in zip(given, known, strict=True) if not same)
        return list(given), f"The card does not name these data as its source: {names}."
    if not hashes:
        return [], "The card names no data file; give measured data with --data."
    sources = (_WIDTH.sub("", source) for source in card.provenance.source.split(", "))
    files = [DataFile(home / name) for name in dict.fromkeys(sources)]
    lacking = [file.name for file in files if not file.path.is_file()]
    if lacking:
        return [], f"The data that the card names are not beside it: {', '.join(lacking)}; give them with --data."
    changed = [file.name for file in files if file.sha256 not in hashes]
    if changed:
        return [], f"Files beside the card are not those it was fitted to, their SHA-256 differs: {', '.join(changed)}."
    return files, "These are the data that the card was fitted to: their SHA-256 is in it."


def _field_loops(card: ParameterSet, files: Sequence[DataFile]) -> Fitted | None:
    from compact.fieldcard import fit_field_loops
    from compact.fieldloop import is_field_loop, read_field_loop

    if not all(is_field_loop(file.path, file.columns) for file in files):
        return None
    loops = [read_field_loop(file.path, file.columns) for file in files]
    return fit_field_loops(loops, card.model, card.name, temperature=card.values["t_nom"])


def _dwells(card: ParameterSet, files: Sequence[DataFile]) -> Fitted | None:
    from compact.dwelldata import TABLE_ROLES, read_dwells
    from compact.dwellfit import fit_dwells

    if len(files) > 1 or not _has(files, "dwell_p", TABLE_ROLES):
        return None
    (file,) = files
    table = read_dwells(file.path, file.columns, count=file.constants.get("count"))
    return fit_dwells(table, card=card, name=card.name)


def _probabilities(card: ParameterSet, files: Sequence[DataFile]) -> Fitted | None:
    from compact.probability import fit_probability, read_probability
    from compact.probabilitytable import ROLES

    if not _has(files, "probability", ROLES):
        return None
    tables = [
        read_probability(
            file.path,
            file.columns,
            pulse_width=file.constants.get("pulse_width"),
            voltage=file.constants.get("voltage"),
            current=file.constants.get("current"),
            count=file.constants.get("count"),
        )
        for file in files
    ]
    counted = all(table.count is not None for table in tables)
    return fit_probability(tables, card=card, name=card.name, method="binomial" if counted else "least_squares")


def _walls(card: ParameterSet, files: Sequence[DataFile]) -> Fitted | None:
    from compact.wallfit import MODELS, fit_loop, fit_velocity, read_wall

    if card.model not in MODELS or len(files) > 1:
        return None
    table = read_wall(files[0].path, files[0].columns)
    return (fit_loop if table.kind == "loop" else fit_velocity)(table, card=card, name=card.name)


def _barriers(card: ParameterSet, files: Sequence[DataFile]) -> Fitted | None:
    from compact.barrierfit import MODEL, fit_barrier
    from compact.voltageloop import LOOP_ROLES, read_voltage_loop

    if card.model != MODEL or not _has(files, "time", LOOP_ROLES):
        return None
    return fit_barrier([read_voltage_loop(file.path, file.columns) for file in files], card=card, name=card.name)


def _domains(card: ParameterSet, files: Sequence[DataFile]) -> Fitted | None:
    from compact.data import read_loops
    from compact.gradualfit import fit_gradual, with_widths
    from compact.trainfit import fit_train, read_train

    if card.model != "multidomain":
        return None
    widths = [file.constants.get("pulse_width") for file in files]
    # What a first fit did not determine it was given, or took from the model.
    known = {name: card.values[name] for name in ("delta", "h_bias") if name not in card.stderr}
    if "train" in card.provenance.method:
        return fit_train(
            [read_train(f.path, f.columns, pulse_width=w) for f, w in zip(files, widths, strict=True)],
            card.name,
            known=known,
        )
    loops = [loop for file in files for loop in read_loops(file.path, file.columns)]
    if all(widths) and len(loops) == len(files):
        loops, _ = with_widths(loops, [], [w for w in widths if w])
    return fit_gradual(loops, card.name, known=known, temperature=card.values["t_nom"])


def _oscillators(card: ParameterSet, files: Sequence[DataFile]) -> Fitted | None:
    from compact.diodedata import ROLES, read_diode
    from compact.diodefit import MODEL, fit_diode
    from compact.oscillatordata import read_oscillator
    from compact.oscillatorfit import fit_oscillator

    if card.model != MODEL:
        return None
    if _has(files, "voltage", ROLES):
        spectra = [
            s for file in files for s in read_diode(file.path, file.columns, current=file.constants.get("current"))
        ]
        return fit_diode(spectra, card=card, name=card.name)
    return fit_oscillator([read_oscillator(file.path, file.columns) for file in files], card=card, name=card.name)


def _loops(card: ParameterSet, files: Sequence[DataFile]) -> Fitted | None:
    from compact.data import read_loops
    from compact.fitting import fit_loop

    loops = []
    for file in files:
        width = file.constants.get("pulse_width")
        read = read_loops(file.path, file.columns)
        loops += [dataclasses.replace(loop, pulse_width=width) for loop in read] if width else read
    held = None if "tau_d" in card.stderr else card.values.get("tau_d")
    return fit_loop(loops, card.model, card.name, tau_d=held, temperature=card.values["t_nom"])


def _has(files: Sequence[DataFile], role: str, roles: Mapping[str, Any]) -> bool:
    """Whether all files have a column of this role."""
    from compact.roles import read_roles

    try:
        return all(role in read_roles(file.path, roles, file.columns).columns for file in files)
    except DataError:
        return False


_KINDS: tuple[Callable[[ParameterSet, Sequence[DataFile]], Fitted | None], ...] = (
    _walls,
    _barriers,
    _domains,
    _oscillators,
    _field_loops,
    _dwells,
    _probabilities,
    _loops,
)
"""Fits by kind of data; each gives None for data of another kind, the last one takes or refuses what is left."""


def refit(card: ParameterSet, files: Sequence[DataFile]) -> Fitted:
    """Fit data again with a card's model, its name, and what it holds as known.

    Parameters
    ----------
    card : ParameterSet
        The card.
    files : sequence of DataFile
        Loops against current, voltage or field, switching probabilities, dwell times, pulse trains, wall velocities,
        figures of oscillators or spectra of diodes; the columns say which, and the model of the card.

    Returns
    -------
    Fitted

    Raises
    ------
    DataError
        If the files are of no kind that is known, or do not hold what the fit needs.
    """
    for kind in _KINDS:
        if (fitted := kind(card, files)) is not None:
            return fitted
    raise DataError(f"{', '.join(file.name for file in files)}: no kind of data that a card is fitted to")
