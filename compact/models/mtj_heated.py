"""Junctions that heat themselves: the models `mtj` and `mtj_macrospin` with their temperature as a further state."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import sympy as sp

from compact.constants import GYROMAGNETIC, MU_0
from compact.model import Item, Let, State, Symbols, slot_time
from compact.models import heating
from compact.models.mtj import Mtj
from compact.models.mtj_macrospin import SLOTS_PER_TURN, MtjMacrospin
from compact.parameters import Parameter

__all__ = ["MtjHeated", "MtjMacrospinHeated"]

SLOTS = 100
"""Noise slots per relaxation time at the nominal temperature."""


class MtjHeated(Mtj):
    """Two-terminal perpendicular MTJ with self-heating."""

    name = "mtj_heated"
    version = "1.0"
    title = "axial perpendicular magnetic tunnel junction with self-heating"
    citation = f"{Mtj.citation}; {heating.CITATION}"
    declared_parameters: ClassVar[tuple[Parameter, ...]] = (  # type: ignore[assignment]
        *Mtj.declared_parameters,
        *heating.HEATING,
    )
    oscillates = False
    states: ClassVar[tuple[State, ...]] = (  # type: ignore[assignment]
        State("z", "1", "cosine of the angle between free and reference layer", "tau_z"),
        heating.WARMTH,
    )

    def equations(self, q: Symbols) -> Iterator[Item]:
        """Those of `mtj` at the temperature of the layer, and its heat balance."""
        yield Let("tau_z", 1.0 * q.tau_d, "s", "relaxation time at the nominal temperature")
        yield slot_time(q, q.tau_d / SLOTS)
        yield from heating.heated(q, super().equations, following=("m_t", "barrier_t", "tmr_t"))


class MtjMacrospinHeated(MtjMacrospin):
    """Two-terminal junction of any orientation with self-heating."""

    name = "mtj_macrospin_heated"
    title = "macrospin magnetic tunnel junction with self-heating"
    citation = f"{MtjMacrospin.citation}; {heating.CITATION}"
    declared_parameters: ClassVar[tuple[Parameter, ...]] = (*MtjMacrospin.declared_parameters, *heating.HEATING)
    states: ClassVar[tuple[State, ...]] = (
        *(State(s.name, s.unit, s.description, "tau_rest") for s in MtjMacrospin.states),
        heating.WARMTH,
    )

    def equations(self, q: Symbols) -> Iterator[Item]:
        """Those of `mtj_macrospin` at the temperature of the layer, and its heat balance."""
        rest = (1 + q.alpha**2) / (GYROMAGNETIC * MU_0 * q.ms)
        yield Let("tau_rest", rest, "s", "precession time in a field of the nominal magnetisation")
        yield slot_time(q, 2 * sp.pi * q.tau_rest / SLOTS_PER_TURN)
        yield from heating.heated(q, super().equations, following=("m_t", "tmr_t", "k_t"), settled=("slot_time",))
