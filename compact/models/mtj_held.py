"""Junction whose state is held: its conduction alone, for reads of large arrays that move no state.

Bias-dependent TMR, temperature and size are those of every other junction; what is left out is motion. `held` makes a
card of it from one of a model that conducts by the same law.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compact.errors import EmitError
from compact.model import Item, Let, Model, Symbols
from compact.models.conduction import AREA, CONDUCTION, TERMINALS, check_conduction, conduction, temperature_and_area
from compact.parameters import Parameter, ParameterSet

__all__ = ["HOLDABLE", "MtjHeld", "held", "mean_cosine"]

HOLDABLE = frozenset({"mtj", "multidomain", "domain_wall"})
"""Models that conduct by this law at a mean cosine that their states give."""


DIAMETER = next(float(p.default) for p in AREA if p.name == "diameter_ref")
"""Diameter that stands for the area of an elongated junction on its card [m]."""


class MtjHeld(Model):
    """Two-terminal junction that only conducts."""

    name = "mtj_held"
    version = "1.0"
    title = "magnetic tunnel junction in a state that is held, conduction only"
    citation = "J. C. Slonczewski, Phys. Rev. B 39, 6995 (1989); W. F. Brinkman et al., J. Appl. Phys. 41, 1915 (1970)"
    terminals = TERMINALS
    declared_parameters = (
        *CONDUCTION,
        *(dataclasses.replace(p, scope="model") for p in AREA),
        Parameter("state", 1.0, "1", "mean cosine between the layers: 1 parallel, -1 antiparallel", -1, 1, "instance"),
    )

    def check_values(self, values: Mapping[str, float]) -> None:
        """Conductance and TMR must stay positive at every bias."""
        check_conduction(values)

    def equations(self, q: Symbols) -> Iterator[Item]:
        """Conduction in one piece, of the voltage at one node: with nothing else to use its parts, they need none."""
        yield from temperature_and_area(q)
        yield Let("lost", 1 - q.state, "1", "one less the mean cosine")
        for item in conduction(q, 1 - q.lost):
            yield dataclasses.replace(item, node=item.name == "v") if isinstance(item, Let) else item


def held(card: ParameterSet) -> ParameterSet:
    """The card of the same junction with its state held.

    Parameters
    ----------
    card : ParameterSet
        Card of a model in `HOLDABLE`.

    Raises
    ------
    EmitError
        If the model conducts by another law.
    """
    if card.model not in HOLDABLE:
        there = ", ".join(sorted(HOLDABLE))
        why = ": that of its barrier moves too" if card.model == "mgo_memristive" else ""
        raise EmitError(f"model {card.model} has no form with its state held{why}; it is there for {there}")
    names = {p.name for p in MtjHeld.declared_parameters} & set(card.values)
    values = {name: card.values[name] for name in names} | {"state": float(mean_cosine(card, card.values["state"]))}
    if "width_ref" in card.values:  # an elongated junction: its area goes with the width
        values["diameter"] = math.sqrt(card.values["width"] / card.values["width_ref"]) * DIAMETER
    return ParameterSet(
        "mtj_held", card.name, values, provenance=card.provenance,
        notes=(*card.notes, "state held: conduction only"),
    )  # fmt: skip


def mean_cosine(card: ParameterSet, state: ArrayLike) -> NDArray[np.float64]:
    """Mean cosine between the layers of a junction at what its instances are given as `state`.

    Parameters
    ----------
    card : ParameterSet
        Card of a model in `HOLDABLE`.
    state : array_like
        The instances' parameter: a cosine, or the place of a wall, whose own width blurs the ends.

    Returns
    -------
    ndarray
        Of the shape of `state`.
    """
    model, given = card.definition, np.asarray(state, dtype=float)
    if card.model != "domain_wall":
        return given
    return np.asarray(model.evaluate("cosine", {**card.values, "z": given}))
