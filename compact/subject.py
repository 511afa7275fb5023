"""What a report is about, and which circuits and simulators it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from compact.circuits import CIRCUITS
from compact.errors import SimulatorNotFound
from compact.parameters import ParameterSet
from compact.refit import DataFile
from compact.report import figure

__all__ = ["DoesNotApply", "Subject", "chosen", "circuits_of", "first_simulator", "statistical", "three"]

PREFERRED = ("cell_1t1mtj", "pcsa")
"""Circuits of a quick report, where they take the card."""
MOST_QUICK = 2
STATISTICAL = "pcsa"
"""Circuit of corners and statistics, where it takes the card."""


class DoesNotApply(Exception):
    """A section says in one line why it has nothing to say of a card."""


@dataclass(frozen=True)
class Subject:
    """What a report is about.

    Parameters
    ----------
    card : ParameterSet
        The card.
    home : pathlib.Path
        Folder in which data that the card names are looked for.
    data : sequence of DataFile
        Measured data that were given.
    circuits : sequence of str
        Circuits that were asked for; none for those that suit the card.
    technology : str
        Transistors.
    simulators : sequence of str
        Circuit simulators.
    full : bool
        Whether effort matters less than completeness.
    timeout : float or None
        Limit of each simulation [s].
    samples : int, optional
        Samples of Monte Carlo, where neither the quick nor the full number is wanted.
    """

    card: ParameterSet
    home: Path = field(default_factory=Path)
    data: Sequence[DataFile] = ()
    circuits: Sequence[str] = ()
    technology: str = "generic"
    simulators: Sequence[str] = ("ngspice",)
    full: bool = False
    timeout: float | None = 120.0
    samples: int | None = None


def circuits_of(card: ParameterSet) -> list[str]:
    """Circuits that take a card."""
    return [name for name, circuit in CIRCUITS.items() if circuit.takes(card)]


def chosen(subject: Subject) -> list[str]:
    """Circuits of a report.

    Raises
    ------
    DoesNotApply
        If none takes the card.
    """
    if subject.circuits:
        return list(dict.fromkeys(subject.circuits))
    names = circuits_of(subject.card)
    if not names:
        raise DoesNotApply(f"No circuit of the library takes a card of model {subject.card.model}.")
    if subject.full:
        return names
    return ([n for n in PREFERRED if n in names] or names)[:MOST_QUICK]


def statistical(subject: Subject) -> str:
    """The circuit that is run many times: the first that was asked for, else a sense amplifier.

    Raises
    ------
    DoesNotApply
        If the sense amplifier does not take the card, and no other circuit was asked for: others may run for long.
    """
    names = chosen(subject)
    if subject.circuits or (STATISTICAL not in names and subject.full):
        return names[0]
    if STATISTICAL in names:
        return STATISTICAL
    raise DoesNotApply(f"Quick reports run only {STATISTICAL} so often; name a circuit: {', '.join(names)}.")


def first_simulator(subject: Subject) -> str:
    """The simulator that runs a circuit many times.

    Raises
    ------
    SimulatorNotFound
        If there is none.
    """
    if not subject.simulators:
        raise SimulatorNotFound("neither ngspice nor VACASK is there: circuits cannot be simulated")
    return subject.simulators[0]


def three(value: float, unit: str) -> str:
    """A figure with three digits; a dash for what did not happen."""
    return figure(float(f"{value:.3g}"), unit)
