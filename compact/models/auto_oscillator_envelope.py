"""The resonant junction without its carrier: slow amplitude against a reference frequency, for long runs and networks.

With a = c exp(-j 2 pi f_ref t) in place of the c of `auto_oscillator`, and the same parameters,

    da/dt = [j 2 pi (f_0 - f_ref + n_shift p + f_i I) - gamma_g (1 + q_damping p) + gamma_g (I/i_th) (1 - p)] a
            + torque_ip/2 [X + j fl_ratio (X (1 + fl_slope V) + fl_slope I V_rf)] + noise,

as the slow terms of the whole equation say: X is the phasor of the alternating current, Re[X exp(j 2 pi f_ref t)],
V_rf that of the voltage, I and V are the slow current and voltage. To first order in them, with I(V, cosine) of the
junction, X = dI/dV V_rf + dI/dcos cos_u a, and to second order the slow current is

    I(V, cos_0) + 1/2 d2I/dVdcos cos_u Re(V_rf a*) + 1/4 d2I/dV2 |V_rf|^2.

Phasors are peak values on pairs of terminals. `out` is the port of the junction at radio frequency: a source
-dI/dcos cos_u a/(dI/dV) behind the resistance dV/dI; current into it drives the oscillation, so that outs joined by
resistors couple as junctions do. `in` injects a current of its own, its voltage over r_in, into the same junction,
isolated from `out`: no load, no reaction. What is left out is of the order of gamma_g/f_0, and so is the shift by a
constant torque.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

import sympy as sp

from compact.model import (
    Current,
    Item,
    Let,
    Model,
    Output,
    Rate,
    State,
    Static,
    Symbols,
    Terminal,
    White,
    slot_time,
    smooth_positive,
)
from compact.models.auto_oscillator import AMPLITUDE, START, check_oscillator, scaled
from compact.models.conduction import AREA, CONDUCTION, TERMINALS, conduction
from compact.parameters import Parameter

__all__ = ["AutoOscillatorEnvelope"]

SLOTS = 20
"""Noise slots in the time in which the amplitude falls or turns by one radian."""
HALF = sp.Rational(1, 2)


class AutoOscillatorEnvelope(Model):
    """Resonant junction as slow amplitude: steps follow what changes, not the carrier."""

    name = "auto_oscillator_envelope"
    version = "1.0"
    title = "resonant magnetic tunnel junction, envelope against a reference frequency"
    citation = "A. Slavin and V. Tiberkevich, IEEE Trans. Magn. 45, 1875 (2009)"
    terminals: ClassVar[tuple[Terminal, ...]] = (
        *TERMINALS,
        Terminal("in_i", "in-phase part of the injected voltage envelope, against rl, over r_in"),
        Terminal("in_q", "quadrature part of the injected voltage envelope, against rl, over r_in"),
        Terminal("out_i", "in-phase part of the voltage envelope across the junction, against rl, behind dV/dI"),
        Terminal("out_q", "quadrature part of the voltage envelope across the junction, against rl, behind dV/dI"),
    )
    oscillates = False
    declared_parameters: ClassVar[tuple[Parameter, ...]] = (
        *CONDUCTION,
        *AMPLITUDE,
        Parameter("f_ref", "f_0", "Hz", "reference frequency of the envelopes", 1e3, 1e13),
        Parameter("r_in", 50.0, "Ohm", "resistance of each input", 1e-3, 1e12),
        *AREA,
        *START,
    )
    states = (
        State("a_u", "1", "slow amplitude, real part", "tau_a"),
        State("a_v", "1", "slow amplitude, imaginary part", "tau_a"),
    )

    def check_values(self, values: Mapping[str, float]) -> None:
        """As for the carrier model."""
        check_oscillator(values)

    def equations(self, q: Symbols) -> Iterator[Item]:
        """Conduction and its derivatives, phasors, slow current and motion."""
        yield from scaled(q)
        yield Let("tau_a", 1 / q.gamma_g, "s", "time in which the amplitude falls by 1/e without current")
        yield Let("cosine", 1.0 * q.cos_0, "1", "cosine between the layers at rest")
        chain: dict[str, sp.Expr] = {}
        for item in conduction(q, q.cosine):
            if isinstance(item, Let):
                chain[item.name] = item.value
                yield item
            elif isinstance(item, Output):
                yield item

        # Derivatives of the current by what the conduction itself says, over the parallel conductance.
        yield Let("share", q.fall, "1", "TMR over zero-bias R_AP/R_P at this bias", node=True)
        roll = chain["roll"]
        current = q.v_c
        for name in reversed([n for n in chain if n not in ("v", "fall", "tmr_1", "roll_2")]):
            current = current.xreplace({sp.Symbol(name, real=True): chain[name]})
        current = current.xreplace({q.fall: q.share})

        def by_bias(value: sp.Expr) -> sp.Expr:
            """Derivative in the bias, share = 1/(tmr_1 + roll) going with it."""
            return sp.diff(value, q.v) - sp.diff(value, q.share) * q.share**2 * sp.diff(roll, q.v)

        by_cosine = sp.diff(current, q.cosine)
        for name, value, unit, what in (
            ("s_v", by_bias(current), "1", "slope of the current in the bias"),
            ("s_c", by_cosine, "V", "slope of the current in the cosine"),
            ("s_vc", by_bias(by_cosine), "1", "slope of both"),
            ("s_vv", by_bias(by_bias(current)), "1/V", "curvature of the current in the bias"),
        ):
            yield Let(name, value, unit, f"{what}, times the parallel resistance", node=True)

        # Phasors of voltage and current at the reference frequency.
        for part, state in (("i", q.a_u), ("q", q.a_v)):
            port_in, port_out = getattr(q, f"v_in_{part}_rl"), getattr(q, f"v_out_{part}_rl")
            yield Let(f"x_in_{part}", port_in / q.r_in, "A", "injected current")
            yield Current(f"in_{part}", "rl", getattr(q, f"x_in_{part}"))
            emitted = (q.s_v * port_out + q.s_c * q.cos_u * state) / q.r_p_t
            yield Let(f"x_out_{part}", emitted, "A", "current into the port of the junction")
            yield Current(f"out_{part}", "rl", getattr(q, f"x_out_{part}"))
            across = port_out + q.r_p_t / q.s_v * getattr(q, f"x_in_{part}")
            yield Let(f"v_rf_{part}", across, "V", "voltage across the junction", node=True)
            total = q.r_p_t * (getattr(q, f"x_in_{part}") + getattr(q, f"x_out_{part}"))
            yield Let(f"x_{part}", total, "V", "current through the junction, times the parallel resistance", node=True)
        yield Let("p", q.a_u * q.a_u + q.a_v * q.a_v, "1", "power of the oscillation", node=True)
        mixed = q.s_vc * q.cos_u * HALF * (q.v_rf_i * q.a_u + q.v_rf_q * q.a_v)
        curved = q.s_vv / 4 * (q.v_rf_i * q.v_rf_i + q.v_rf_q * q.v_rf_q)
        slow = q.v_c + mixed + curved
        yield Let("y", slow, "V", "slow current times the parallel resistance", node=True)
        yield Current("fl", "rl", q.y / q.r_p_t)

        # Motion, in the time in which the amplitude falls.
        yield Let("i_dc", q.y / q.r_p_t, "A", "slow current")
        radian = 2 * sp.pi * q.tau_a
        detuned = radian * (q.f_0 - q.f_ref) + radian * q.n_shift * q.p + radian * q.f_i_t * q.i_dc
        yield Let("detuning", detuned, "1", "angular frequency against the reference over gamma_g", node=True)
        gain = q.i_dc / q.i_th_t * smooth_positive(1 - q.p) - 1 - q.q_damping * q.p
        yield Let("gain", gain, "1", "growth rate of the amplitude over gamma_g", node=True)
        ahead = {}
        for part in "iq":
            bent = q.fl_slope * (getattr(q, f"x_{part}") * q.v + q.y * getattr(q, f"v_rf_{part}"))
            ahead[part] = q.fl_ratio * (getattr(q, f"x_{part}") + bent)
        half = q.torque_t * q.tau_a / (2 * q.r_p_t)

        turning = q.gamma_g + 2 * sp.pi * sp.Abs(q.f_0 - q.f_ref)
        yield slot_time(q, 1 / (SLOTS * turning))
        yield Let("strength", sp.sqrt(q.tau_a * q.thermal), "s^0.5", "strength of the noise at vanishing power")
        yield White("a_u", "unit white noise on a_u")
        yield White("a_v", "unit white noise on a_v")
        yield Let("spread", sp.sqrt(smooth_positive(1 + q.q_damping * q.p)), "1", "its rise with the power")
        yield Let("drift", q.noise * q.q_damping * q.thermal / 2, "1", "drift of the noise over gamma_g")
        kick_u, kick_v = (q.strength * q.spread * xi for xi in (q.xi_a_u, q.xi_a_v))
        grow = q.gain + q.drift
        yield Rate("a_u", (grow * q.a_u - q.detuning * q.a_v + half * (q.x_i - ahead["q"]) + kick_u) / q.tau_a)
        yield Rate("a_v", (grow * q.a_v + q.detuning * q.a_u + half * (q.x_q + ahead["i"]) + kick_v) / q.tau_a)
        yield Static("a_u", sp.sqrt(q.p_0) * sp.cos(q.phase_0))
        yield Static("a_v", sp.sqrt(q.p_0) * sp.sin(q.phase_0))

        yield Output("oscillation_power", q.p, "1", "power p of the oscillation")
        yield Output("frequency", q.f_ref + q.gamma_g / (2 * sp.pi) * q.detuning, "Hz", "frequency without drive")
        yield Output("resting_current", q.i, "A", "slow current as it would be without oscillation")
        yield Output("overdrive", q.i_dc / q.i_th_t, "1", "slow current over threshold current")
        for name, value, unit, what in (
            ("g_v", q.s_v, "S", "slope of the current in the bias"),
            ("i_c", q.s_c, "A", "slope of the current in the cosine"),
            ("g_vc", q.s_vc, "S", "slope of both"),
            ("g_vv", q.s_vv, "A/V^2", "curvature of the current in the bias"),
        ):
            yield Output(name, value / q.r_p_t, unit, what)
