"""Self-heating of a junction, for models that have a temperature.

The free layer is at T = ambient + rise with tau_th d(rise)/dt = r_th v i - rise, and all that depends on temperature
follows it: barrier, anisotropy, magnetisation, TMR, resistance and thermal noise. So a junction that a current leaves
alone while it is cold is written by the same current once it is hot (thermally assisted switching): I. L. Prejbeanu et
al., J. Phys. D: Appl. Phys. 46, 074002 (2013).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import cast

import sympy as sp

from compact.model import Item, Let, Output, Rate, State, Static, Symbols, smooth_positive
from compact.parameters import Parameter

__all__ = ["CITATION", "HEATING", "WARMTH", "heated"]

CITATION = "I. L. Prejbeanu et al., J. Phys. D: Appl. Phys. 46, 074002 (2013)"
HEATING = (
    Parameter("r_th", 5e5, "K/W", "thermal resistance from the free layer to its surroundings", 0, 1e12),
    Parameter("tau_th", 5e-9, "s", "thermal time constant", 1e-12, 1.0),
)
WARMTH = State("warmth", "hK", "temperature above the surroundings, in hectokelvin", "tau_w")
SCALE = 100.0
"""Unit of the state `warmth` [K]."""
HOTTEST = 0.9
"""Temperature that is not exceeded, over that at which the magnetisation is gone."""


class _Hot:
    """The names of a model, with the temperature of the layer in place of that of its surroundings."""

    def __init__(self, q: Symbols):
        self._q = q

    def __getattr__(self, name: str) -> sp.Symbol:
        return getattr(self._q, "hot" if name == "temperature" else name)


def heated(
    q: Symbols,
    equations: Callable[[Symbols], Iterator[Item]],
    following: tuple[str, ...],
    settled: tuple[str, ...] = (),
) -> Iterator[Item]:
    """Equations of a model at the temperature of its layer, and the heat balance.

    Parameters
    ----------
    q : Symbols
        Names.
    equations : callable
        Those of the model, which declare the bias `v`, the current `i` and the `area`.
    following : tuple of str
        Intermediates that follow the temperature and are used more than once.
    settled : tuple of str
        Intermediates that have been declared before, at the temperature of the surroundings.
    """
    yield Let("ambient", 1.0 * q.temperature, "K", "temperature of the surroundings")
    # Bounded, so that no step of a solver leaves the range of the laws of temperature; below half of the bound
    # the temperature is what the heat balance says to 1.5 %, below a quarter to 0.1 %.
    yield Let("room", HOTTEST * q.t_bloch - q.temperature, "K", "largest rise that is followed")
    yield Let("x_w", SCALE * smooth_positive(q.warmth) / q.room, "1", "rise over the largest", node=True)
    bounded = sp.tanh(q.x_w + q.x_w * q.x_w * q.x_w / 3)
    yield Let("warm", bounded, "1", "rise over the largest, bounded", node=True)
    yield Let("hot", q.ambient + q.room * q.warm, "K", "temperature of the layer")
    yield Let("tau_w", 1.0 * q.tau_th, "s", "thermal time constant")
    for item in equations(cast(Symbols, _Hot(q))):
        if isinstance(item, Let) and item.name in settled:
            continue
        shared = isinstance(item, Let) and item.name in following
        yield replace(cast(Let, item), node=True) if shared else item
    # A junction of twice the area has half the thermal resistance.
    yield Let("heat", q.r_th / q.area * q.v * q.i / SCALE, "hK", "rise that the power ends in")
    yield Rate("warmth", (q.heat - q.warmth) / q.tau_w)
    yield Static("warmth", q.heat)
    yield Output("layer_temperature", q.hot, "K", "temperature of the layer")
