"""Perpendicular junction whose barrier remembers its bias: magnetic and resistive hysteresis in one device.

The barrier state w multiplies the conductance of `mtj`, by a few percent, and moves only where the bias exceeds a
threshold, towards 1 (low resistance) for one sign and towards -1 for the other,

    dw/dt = [set(V) (1 - w) - reset(V) (1 + w)]/tau_b,      set = max(V/v_set - 1, 0)^2, and reset likewise,

so that what a pulse does depends on where w is, and any value is kept below the thresholds: P. Krzysteczko et al.,
Appl. Phys. Lett. 95, 112508 (2009); D. B. Strukov et al., Nature 453, 80 (2008). The field-like torque acts on the
layer as a field along the axis, linear and quadratic in the bias. Where it opposes the in-plane torque, both states may
lose their stability, and the layer hops back: J. Z. Sun et al., J. Appl. Phys. 105, 07D109 (2009); S.-C. Oh et al.,
Nature Phys. 5, 898 (2009).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, cast

import sympy as sp

from compact.errors import ParameterError
from compact.model import Item, Let, Output, Rate, State, Static, Symbols, smooth_positive
from compact.models.mtj import Mtj
from compact.parameters import Parameter

__all__ = ["MgoMemristive"]


class _Behind:
    """The names of `mtj`, behind a barrier of changing resistance and with the field-like torque in its field."""

    def __init__(self, q: Symbols):
        self._q = q

    def __getattr__(self, name: str) -> sp.Expr:
        if name == "r_p_t":
            return self._q.r_p_t / self._q.memory_g
        return getattr(self._q, "h_v" if name == "h_bias" else name)


class MgoMemristive(Mtj):
    """Two-terminal perpendicular MTJ with resistive switching of its barrier and a field-like torque."""

    name = "mgo_memristive"
    version = "1.0"
    title = "perpendicular magnetic tunnel junction with a memristive barrier"
    citation = (
        Mtj.citation + "; P. Krzysteczko et al., Appl. Phys. Lett. 95, 112508 (2009); "
        "S.-C. Oh et al., Nature Phys. 5, 898 (2009)"
    )
    declared_parameters: ClassVar[tuple[Parameter, ...]] = (  # type: ignore[assignment]
        *Mtj.declared_parameters,
        Parameter("rs", 0.06, "1", "resistive switching of the barrier, (R_high - R_low)/R_low; r_p is R_low", 0, 10),
        Parameter("v_set", 0.6, "V", "threshold of the low-resistance state; negative if it takes negative bias",
                  -1e3, 1e3),
        Parameter("v_reset", -0.6, "V", "threshold of the high-resistance state, of the opposite sign", -1e3, 1e3),
        Parameter("tau_b", 1e-6, "s", "time constant of the barrier at twice a threshold", 1e-12, 1e6),
        Parameter("fl_1", 0.0, "1/V", "field-like torque, a field over Hk towards parallel, linear in the bias",
                  -1e3, 1e3),
        Parameter("fl_2", 0.0, "1/V^2", "field-like torque, quadratic in the bias", -1e4, 1e4),
        Parameter("barrier", 1.0, "1", "initial state of the barrier: 1 low resistance, -1 high", -1, 1, "instance"),
    )  # fmt: skip
    oscillates = False
    states: ClassVar[tuple[State, ...]] = (  # type: ignore[assignment]
        *Mtj.states,
        State("w_b", "1", "state of the barrier: 1 low resistance, -1 high", "tau_w"),
    )

    def check_values(self, values: Mapping[str, float]) -> None:
        """Those of `mtj`; set and reset take bias of opposite signs."""
        super().check_values(values)
        if values["v_set"] * values["v_reset"] >= 0:
            raise ParameterError(
                f"v_set = {values['v_set']:g} V and v_reset = {values['v_reset']:g} V must be of opposite signs"
            )

    def equations(self, q: Symbols) -> Iterator[Item]:
        """The barrier, what its state makes of `mtj`, and its own motion."""
        yield Let("tau_w", 1.0 * q.tau_b, "s", "time constant of the barrier")
        yield Let("share", q.rs / (1 + q.rs) / 2, "1", "half of the conductance that the barrier may lose")
        memory = 1 - q.share * (1 - q.w_b)
        yield Let(
            "memory_g", memory, "1", "conductance of the barrier over that of its low-resistance state", node=True
        )
        bias = q.v_fl_rl
        yield Let(
            "h_v", q.h_bias + q.fl_1 * bias + q.fl_2 * bias * bias, "1", "field along the axis over Hk", node=True
        )
        yield from super().equations(cast(Symbols, _Behind(q)))
        for name, what in (("set", "low"), ("reset", "high")):
            beyond = smooth_positive(q.v / getattr(q, f"v_{name}") - 1)
            yield Let(f"rate_{name}", beyond * beyond, "1", f"rate towards {what} resistance, times tau_b")
        yield Rate("w_b", (q.rate_set * (1 - q.w_b) - q.rate_reset * (1 + q.w_b)) / q.tau_w)
        yield Static("w_b", q.barrier)
        yield Output("barrier_factor", 1 / q.memory_g, "1", "resistance over that of the low-resistance barrier")
