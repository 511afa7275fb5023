"""Exceptions of the package; every message names the offending thing, its value and what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

__all__ = [
    "CircuitError",
    "DataError",
    "EmitError",
    "ParameterError",
    "SimulationError",
    "SimulationWarning",
    "SimulatorNotFound",
    "SpinbricksError",
    "StatisticsError",
    "TechnologyError",
    "unknown",
]


class SpinbricksError(Exception):
    """Base of all errors that are the input's fault, or the environment's; shown to users as one line."""


class ParameterError(SpinbricksError):
    """A model declaration or a parameter set is not valid."""


class DataError(SpinbricksError):
    """A measured curve cannot be read, or does not hold what a fit needs."""


class EmitError(SpinbricksError):
    """A model cannot be written for a target."""


class CircuitError(SpinbricksError):
    """A circuit cannot be built from what was given."""


class TechnologyError(SpinbricksError):
    """A transistor technology is not installed or cannot be used."""


class StatisticsError(SpinbricksError):
    """A corner table or a Monte Carlo analysis cannot be run as asked, or its results cannot be kept or used."""


class SimulationWarning(UserWarning):
    """A simulation runs, but its settings make the result doubtful; shown to users as one line."""


class SimulatorNotFound(SpinbricksError):
    """A simulator is not installed; the message holds the command that installs it."""


class SimulationError(SpinbricksError):
    """A simulation failed.

    Parameters
    ----------
    message : str
        One line that says what failed.
    deck, log : pathlib.Path, optional
        The netlist that was run and what the simulator said; both are kept on disk.
    """

    def __init__(self, message: str, deck: Path | None = None, log: Path | None = None):
        kept = "".join(f" [{label}: {path}]" for label, path in (("deck", deck), ("log", log)) if path)
        super().__init__(message + kept)
        self.message, self.deck, self.log = message, deck, log

    def __reduce__(self) -> tuple[type, tuple[str, Path | None, Path | None]]:
        return type(self), (self.message, self.deck, self.log)


def unknown(kind: str, name: str, candidates: Iterable[str]) -> str:
    """Text for a name that is not known, with the nearest match and the list of known ones."""
    known = sorted(str(c) for c in candidates)
    lowered = {c.lower(): c for c in known}
    close = difflib.get_close_matches(str(name).lower(), list(lowered), n=1, cutoff=0.4)
    hint = f"; did you mean '{lowered[close[0]]}'?" if close else ""
    return f"unknown {kind} '{name}'{hint} (known: {', '.join(known) or 'none'})"
