"""Superparamagnetic tunnel junction as a two-state process: random telegraph noise with rates that follow the bias.

The layer hops between parallel and antiparallel with the rates of thermal activation,

    1/dwell = exp[-delta (1 +- (V/Vc + h))^b] / tau_0,

b = 2 for an axial perpendicular layer (W. F. Brown, Phys. Rev. 130, 1677 (1963)) and b = 1, phenomenologically, in
plane (W. Rippard et al., Phys. Rev. B 84, 064439 (2011)). Time is cut into slots: in even ones the layer may only be
kicked towards parallel, in odd ones towards antiparallel, each with the probability 1 - exp(-2 rate slot), decided by a
number that the slot and the seed determine. Dwell times are exponential for any bias that changes little within a slot,
and the number of time steps follows the dwell, whether nanoseconds or seconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import sympy as sp

from compact.errors import ParameterError
from compact.model import (
    Item,
    Let,
    Model,
    Output,
    Rate,
    State,
    Static,
    Symbols,
    slot_time,
    smooth_positive,
    uniform_number,
)
from compact.models.conduction import AREA, CONDUCTION, TERMINALS, check_conduction, conduction, temperature_and_area
from compact.parameters import Parameter

__all__ = ["Telegraph"]

SLOTS_PER_DWELL = 50
SETTLING = 4
"""Time constants of the state in one slot: a kick leaves exp(-4) of the way, and the bistable rest does that."""


class Telegraph(Model):
    """Two-terminal junction that flickers between its two resistances."""

    name = "telegraph"
    version = "1.0"
    title = "superparamagnetic tunnel junction, two-state rate model"
    citation = "W. F. Brown, Phys. Rev. 130, 1677 (1963); W. Rippard et al., Phys. Rev. B 84, 064439 (2011)"
    terminals = TERMINALS
    random = True
    slot = "step_time"
    declared_parameters = (
        *CONDUCTION,
        Parameter("delta", 8.0, "1", "energy barrier over kT at t_nom, without bias", 1, 100, spread=-0.03),
        Parameter("tau_0", 1e-9, "s", "attempt time", 1e-13, 1e-3),
        Parameter("exponent", 2.0, "1", "power of the barrier's fall: 2 perpendicular, 1 in plane", 1, 2),
        Parameter("vc_p2ap", 0.5, "V", "voltage (a magnitude) that removes the barrier from parallel", 1e-4, 1e3),
        Parameter("vc_ap2p", 0.5, "V", "voltage (a magnitude) that removes the barrier from antiparallel", 1e-4, 1e3),
        Parameter("h_bias", 0.0, "1", "stray field over the switching field, positive towards parallel", -0.99, 0.99),
        Parameter("k_exponent", 2.18, "1", "power of the magnetisation that the energy barrier follows", 0, 10),
        *AREA,
        Parameter("state", 1.0, "1", "initial state: 1 parallel, -1 antiparallel", -1, 1, "instance"),
    )
    states = (State("z", "1", "state: 1 parallel, -1 antiparallel", "settle"),)

    def check_values(self, values: Mapping[str, float]) -> None:
        """Conduction as everywhere; a state must be one of the two."""
        check_conduction(values)
        if abs(values["state"]) != 1:
            raise ParameterError(f"state = {values['state']:g} must be 1 (parallel) or -1 (antiparallel)")

    def equations(self, q: Symbols) -> Iterator[Item]:
        """Conduction, rates, and the kicks of each slot."""
        yield from temperature_and_area(q)
        yield Let(
            "delta_t",
            q.delta * q.area * sp.exp(q.k_exponent * sp.log(q.m_t)) * q.t_nom / q.temperature,
            "1",
            "thermal stability factor",
        )
        yield from conduction(q, q.z)

        def rate(fraction: sp.Expr) -> sp.Expr:
            """Rate of leaving a state whose barrier is `fraction`^exponent of delta."""
            return sp.exp(-q.delta_t * sp.exp(q.exponent * sp.log(smooth_positive(fraction)))) / q.tau_0

        yield Let("rest_rate", rate(1 + q.h_bias) + rate(1 - q.h_bias), "1/s", "sum of both rates without bias")
        yield slot_time(q, 2 / (SLOTS_PER_DWELL * q.rest_rate))
        yield Let("step_time", q.slot_time / 2, "s", "largest time step")
        yield Let("settle", q.slot_time / SETTLING, "s", "time constant of a hop")
        yield Let("rate_p", rate(1 + q.h_bias + q.v / q.vc_p2ap), "1/s", "rate of leaving the parallel state")
        yield Let("rate_ap", rate(1 - q.h_bias - q.v / q.vc_ap2p), "1/s", "rate of leaving the antiparallel state")

        yield Let("slot_index", sp.floor(q.time / q.slot_time), "1", "slot")
        yield Let(
            "odd", (1 - sp.cos(sp.Float(math.pi) * q.slot_index)) / 2, "1", "0 in even slots, 1 in odd ones", node=True
        )
        chance = 1 - sp.exp(-2 * q.slot_time * (q.odd * q.rate_p + (1 - q.odd) * q.rate_ap))
        yield Let("chance", chance, "1", "probability of a kick in this slot", node=True)
        yield Let("dice", uniform_number(q, q.slot_index), "1", "random number of this slot")
        yield Let("kick", (1 + sp.sign(q.chance - q.dice)) / 2, "1", "1 in slots with a kick", node=True)
        # On its own: the Verilog-A compiler gets 2 - 2 kick wrong.
        yield Let("stay", 1 - q.kick, "1", "1 in slots without a kick")
        towards = 1 - 2 * q.odd - q.z
        yield Rate("z", (q.kick * towards + 2 * q.stay * q.z * (1 - q.z * q.z)) / q.settle)
        yield Static("z", q.state)

        yield Output("dwell_p", 1 / q.rate_p, "s", "mean dwell time of the parallel state at this bias")
        yield Output("dwell_ap", 1 / q.rate_ap, "s", "mean dwell time of the antiparallel state at this bias")
