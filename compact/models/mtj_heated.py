"""Perpendicular junction that heats itself: the model `mtj` with its temperature as a second state.

The free layer is at T = ambient + rise with tau_th d(rise)/dt = r_th v i - rise, and all that depends on temperature
follows it: barrier, anisotropy, polarisation, TMR, resistance and thermal noise. So a junction that a current leaves
alone while it is cold is written by the same current once it is hot (thermally assisted switching): I. L. Prejbeanu et
al., J. Phys. D: Appl. Phys. 46, 074002 (2013).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar, cast

import sympy as sp

from compact.model import Item, Let, Output, Rate, State, Static, Symbols, slot_time, smooth_positive
from compact.models.mtj import Mtj
from compact.parameters import Parameter

__all__ = ["MtjHeated"]

SCALE = 100.0
"""Unit of the state `warmth` [K]."""
HOTTEST = 0.9
"""Temperature that is not exceeded, over that at which the magnetisation is gone."""
FOLLOWING = ("m_t", "barrier_t", "tmr_t")
"""Intermediates of `mtj` that follow the temperature and are used more than once."""
SLOTS = 100
"""Noise slots per relaxation time at the nominal temperature."""


class _Hot:
    """The names of a model, with the temperature of the layer in place of that of its surroundings."""

    def __init__(self, q: Symbols):
        self._q = q

    def __getattr__(self, name: str) -> sp.Symbol:
        return getattr(self._q, "hot" if name == "temperature" else name)


class MtjHeated(Mtj):
    """Two-terminal perpendicular MTJ with self-heating."""

    name = "mtj_heated"
    version = "1.0"
    title = "axial perpendicular magnetic tunnel junction with self-heating"
    citation = Mtj.citation + "; I. L. Prejbeanu et al., J. Phys. D: Appl. Phys. 46, 074002 (2013)"
    declared_parameters: ClassVar[tuple[Parameter, ...]] = (  # type: ignore[assignment]
        *Mtj.declared_parameters,
        Parameter("r_th", 5e5, "K/W", "thermal resistance from the free layer to its surroundings", 0, 1e12),
        Parameter("tau_th", 5e-9, "s", "thermal time constant", 1e-12, 1.0),
    )
    oscillates = False
    states: ClassVar[tuple[State, ...]] = (  # type: ignore[assignment]
        State("z", "1", "cosine of the angle between free and reference layer", "tau_z"),
        State("warmth", "hK", "temperature above the surroundings, in hectokelvin", "tau_w"),
    )

    def equations(self, q: Symbols) -> Iterator[Item]:
        """Those of `mtj` at the temperature of the layer, and its heat balance."""
        yield Let("ambient", 1.0 * q.temperature, "K", "temperature of the surroundings")
        # Bounded, so that no step of a solver leaves the range of the laws of temperature; below half of the bound
        # the temperature is what the heat balance says to 1.5 %, below a quarter to 0.1 %.
        yield Let("room", HOTTEST * q.t_bloch - q.temperature, "K", "largest rise that is followed")
        yield Let("x_w", SCALE * smooth_positive(q.warmth) / q.room, "1", "rise over the largest", node=True)
        bounded = sp.tanh(q.x_w + q.x_w * q.x_w * q.x_w / 3)
        yield Let("warm", bounded, "1", "rise over the largest, bounded", node=True)
        yield Let("hot", q.ambient + q.room * q.warm, "K", "temperature of the layer")
        yield Let("tau_z", 1.0 * q.tau_d, "s", "relaxation time at the nominal temperature")
        yield Let("tau_w", 1.0 * q.tau_th, "s", "thermal time constant")
        yield slot_time(q, q.tau_d / SLOTS)
        for item in super().equations(cast(Symbols, _Hot(q))):
            shared = isinstance(item, Let) and item.name in FOLLOWING
            yield replace(cast(Let, item), node=True) if shared else item
        # A junction of twice the area has half the thermal resistance.
        yield Let("heat", q.r_th / q.area * q.v * q.i / SCALE, "hK", "rise that the power ends in")
        yield Rate("warmth", (q.heat - q.warmth) / q.tau_w)
        yield Static("warmth", q.heat)
        yield Output("layer_temperature", q.hot, "K", "temperature of the layer")
