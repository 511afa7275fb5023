"""What fits of cards have in common: the card's name, origin and correlations, and the report."""

from __future__ import annotations

import datetime
import math
import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from compact.declarations import AUTOMATIC
from compact.errors import DataError
from compact.model import Model
from compact.parameters import ParameterSet, Provenance
from compact.units import format_si

__all__ = [
    "REASONS",
    "VAGUE",
    "CardFit",
    "card_name",
    "correlated",
    "correlations_of",
    "fitted",
    "left_open",
    "not_shown",
    "origin",
    "refuse_twice",
    "relative_errors",
    "remarks",
]

VAGUE = 0.5
"""Relative standard error from which on a parameter counts as not determined."""
REASONS = {
    "t_nom": "the file does not say at which temperature it was taken",
    "tc_r": "all data are at one temperature",
    "t_bloch": "all data are at one temperature",
    "k_exponent": "all data are at one temperature",
}
"""Why data of one device in one file do not determine a parameter."""


class Measured(Protocol):
    """Data that know which file they are from."""

    @property
    def source(self) -> str:
        """Name of the file."""

    @property
    def sha256(self) -> str:
        """Its hash, empty where there is no file."""


# ------------------------------------------------------------------------------------------------ card


def card_name(sources: str | Sequence[str], empty: str = "fit") -> str:
    """Name of a card, from what the names of its files have in common.

    Parameters
    ----------
    sources : str or sequence of str
        Names of the files.
    empty : str
        Name where no letter or digit is left.
    """
    stems = [Path(source).stem.lower() for source in ([sources] if isinstance(sources, str) else sources)]
    common = os.path.commonprefix(stems)  # noqa: RUF071 - letters, not path components
    name = re.sub(r"[^a-z0-9]+", "_", common if len(common) > 2 else stems[0]).strip("_") or empty
    return (name if name[0].isalpha() else f"fit_{name}")[:60].strip("_")


def refuse_twice(given: Iterable[Measured]) -> None:
    """Refuse data of which one file stands there twice.

    Raises
    ------
    DataError
        That names the file.
    """
    hashes = [(item.sha256, item.source) for item in given if item.sha256]
    if len(set(hashes)) < len(hashes):
        raise DataError(f"{max(hashes, key=hashes.count)[1]} was given twice")


def origin(given: Sequence[Measured], method: str, quality: dict[str, float], citation: str = "") -> Provenance:
    """Origin of a card fitted today: files with their hashes, method and goodness figures."""
    return Provenance(
        source=", ".join(dict.fromkeys(item.source for item in given)),
        sha256=" ".join(dict.fromkeys(item.sha256 for item in given if item.sha256)),
        date=datetime.date.today().isoformat(),
        method=method,
        citation=citation,
        quality=quality,
    )


def correlations_of(
    covariance: NDArray[Any], names: Sequence[str], signs: Mapping[str, float] | None = None
) -> dict[tuple[str, str], float]:
    """Correlations of fitted parameters.

    Parameters
    ----------
    covariance : ndarray, shape (n, n)
        Of what was varied.
    names : sequence of str
        Parameter behind each of them.
    signs : mapping of str to float, optional
        -1 for parameters that fall as what was varied rises.

    Returns
    -------
    dict of (str, str) to float
        Each pair once, in the order of `names`.
    """
    root, sign = np.sqrt(np.diag(covariance)), signs or {}
    return {
        (names[b], names[a]): float(
            np.clip(covariance[a, b] / (root[a] * root[b]) * sign.get(names[a], 1) * sign.get(names[b], 1), -1, 1)
        )
        for a in range(len(names))
        for b in range(a)
    }


def relative_errors(result: Any, scales: Mapping[str, float]) -> dict[str, float]:
    """Standard errors of the varied parameters over their sizes, huge ones too, where the fit itself gives up on them.

    Parameters
    ----------
    result : lmfit.MinimizerResult
        Of the method least_squares.
    scales : mapping of str to float
        Size of each parameter, in its own unit.

    Raises
    ------
    DataError
        If the fit was given up.
    """
    if not hasattr(result, "jac"):
        raise DataError(f"the fit does not settle within {result.nfev} trials; hold a parameter, or give better starts")
    excess = math.sqrt(max(result.redchi, 1.0))
    size = np.array([scales[n] for n in result.var_names])
    _, singular, rows = np.linalg.svd(np.nan_to_num(result.jac) * size, full_matrices=False)
    # What the data do not see at all gets an error of a billion times its size.
    weight = 1 / np.maximum(singular, 1e-9)
    return dict(zip(result.var_names, (excess * np.linalg.norm(rows * weight[:, None], axis=0)).tolist(), strict=True))


def not_shown(model: Model, known: Collection[str], other: str, reasons: Mapping[str, str] = REASONS) -> dict[str, str]:
    """Why the parameters of a model that are not among the known ones are not determined.

    Parameters
    ----------
    model : Model
        The model.
    known : collection of str
        Parameters that were fitted, are given, or whose reason is told already.
    other : str
        Reason for those without one of their own.
    reasons : mapping of str to str
        Reason by parameter.
    """
    left = (p.name for p in model.declared_parameters if p.scope == "model" and p.name not in known)
    return {name: reasons.get(name, other) for name in left}


# ---------------------------------------------------------------------------------------------- report


class CardFit:
    """Base of the fits of cards to data; a subclass has the field `card` and says what its report holds."""

    card: ParameterSet

    @property
    def quality(self) -> dict[str, float]:
        """Goodness figures of the card."""
        return dict(self.card.provenance.quality)

    def report(self) -> str:
        """What was fitted, how well, and what was not determined, as plain text."""
        card = self.card
        lines = [f"{card.name}: model {card.model}, {card.provenance.method}", "", *self._told()]
        return "\n".join(lines) + "\n"

    def _told(self) -> list[str]:
        """Lines of the report below its title."""
        raise NotImplementedError


def fitted(card: ParameterSet, given: bool = False) -> list[str]:
    """Heading and lines of the fitted parameters, and of those that were given, if asked for."""
    lines = ["", "parameters"]
    for parameter, value, error in card.table():
        if error is None:
            settled = parameter.name in {*card.undetermined, *AUTOMATIC} or parameter.scope == "instance"
            if not given or settled:
                continue
        mark = "" if error is not None else " (given)"
        lines.append(f"  {parameter.name:10s} {format_si(value, parameter.unit, error)}{mark}")
    return lines


def correlated(card: ParameterSet, above: float = 0.9) -> list[str]:
    """Lines of the correlations that are larger than a limit."""
    return [f"  correlation of {a} and {b}: {r:+.3f}" for (a, b), r in card.correlations.items() if abs(r) > above]


def left_open(card: ParameterSet, word: str = "") -> list[str]:
    """Heading and lines of what the data leave open, by reason.

    Parameters
    ----------
    card : ParameterSet
        The card.
    word : str
        What stands between values and reason, such as " assumed".
    """
    reasons: dict[str, list[str]] = {}
    for name, why in card.undetermined.items():
        shown = format_si(card.values[name], card.definition.parameter(name).unit)
        reasons.setdefault(why, []).append(f"{name} = {shown}")
    lines = [f"  {', '.join(names)}{word}: {why}" for why, names in reasons.items()]
    return ["", "not determined by the data", *lines]


def remarks(notes: Iterable[str]) -> list[str]:
    """Heading and lines of the notes, if there are any."""
    lines = [f"  {note}" for note in notes]
    return ["", "notes", *lines] if lines else []
