"""Axially symmetric perpendicular magnetic tunnel junction: one state, exact reduction of the macrospin.

For a macrospin with rotational symmetry (uniaxial anisotropy, field, spin polarisation and junction axis all
along the film normal) the stochastic Landau-Lifshitz-Gilbert-Slonczewski equation closes in z = cos(theta).
With time in tau_d = (1 + alpha^2) / (alpha gamma mu0 Hk) it reads, in the sense of Ito,

    dz = [(1 - z^2)(z + d) - z/delta] dtau + sqrt((1 - z^2)/delta) dW,      d = I/Ic + H/Hk.

Without noise the drift is the mean motion, its -z/delta being the thermal incubation; with noise, circuit
simulators converge to the Stratonovich solution, whose drift has -z/(2 delta).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import sympy as sp

from compact.constants import BOLTZMANN, ELECTRON_CHARGE, GYROMAGNETIC, HBAR, MU_0
from compact.errors import ParameterError
from compact.model import (
    Current,
    Item,
    Let,
    Model,
    Noise,
    Output,
    Rate,
    State,
    Static,
    Symbols,
    Terminal,
    smooth_positive,
)
from compact.parameters import Parameter

__all__ = ["Mtj", "from_physical"]

STATE_HINT = 1e-3
"""Weight of the initial state against a solver's start at z = 0; small against |z| of a settled state."""


class Mtj(Model):
    """Two-terminal perpendicular MTJ with spin-transfer switching, thermal incubation and thermal noise."""

    name = "mtj"
    version = "1.0"
    title = "axial perpendicular magnetic tunnel junction"
    citation = (
        "W. F. Brown, Phys. Rev. 130, 1677 (1963); J. Z. Sun, Phys. Rev. B 62, 570 (2000); "
        "W. H. Butler et al., IEEE Trans. Magn. 48, 4684 (2012)"
    )
    terminals = (
        Terminal("fl", "free layer; positive current into it sets the parallel state"),
        Terminal("rl", "reference layer; positive current into it sets the antiparallel state"),
    )
    declared_parameters = (
        Parameter("r_p", 5e3, "Ohm", "resistance of the parallel state at zero bias", 1e-3, 1e12, spread=-0.03),
        Parameter("tmr", 1.0, "1", "tunnel magnetoresistance (R_AP - R_P)/R_P at zero bias", 0, 20, spread=0.03),
        Parameter("v_h", 0.5, "V", "voltage at which the TMR has fallen to half", 1e-2, 1e3),
        Parameter("tmr_slope", 0.0, "1/V", "asymmetry of the TMR: linear term of tmr/TMR(V)", -20, 20),
        Parameter("g_slope", 0.0, "1/V", "asymmetry of the parallel conductance: linear term of G(V)/G(0)", -20, 20),
        Parameter("g_curv", 0.0, "1/V^2", "quadratic term of the parallel conductance G(V)/G(0)", 0, 1e3),
        Parameter(
            "ic_p2ap",
            50e-6,
            "A",
            "critical current from parallel to antiparallel (a magnitude)",
            1e-12,
            10.0,
            spread=-0.03,
        ),
        Parameter(
            "ic_ap2p",
            50e-6,
            "A",
            "critical current from antiparallel to parallel (a magnitude)",
            1e-12,
            10.0,
            spread=-0.03,
        ),
        Parameter(
            "delta", 60.0, "1", "thermal stability factor, energy barrier over kT at t_nom", 4, 1e9, spread=-0.03
        ),
        Parameter("tau_d", 1e-9, "s", "magnetisation relaxation time (1 + alpha^2)/(alpha gamma mu0 Hk)", 1e-12, 1e-3),
        Parameter(
            "h_bias", 0.0, "1", "stray and applied field along the axis over Hk, positive towards parallel", -5, 5
        ),
        Parameter("t_nom", 300.0, "K", "temperature at which the parameters hold", 1, 1000),
        Parameter("tc_r", 0.0, "1/K", "linear temperature coefficient of r_p", -5e-3, 5e-3),
        Parameter("t_bloch", 1120.0, "K", "temperature of Bloch's law for magnetisation and polarisation", 600, 1e6),
        Parameter("k_exponent", 2.18, "1", "power of the magnetisation that the energy barrier follows", 0, 10),
        Parameter("diameter_ref", 40e-9, "m", "diameter of the junction that the parameters describe", 1e-9, 1e-3),
        Parameter("diameter", "diameter_ref", "m", "diameter of this junction", 1e-9, 1e-3, "instance"),
        Parameter("state", 1.0, "1", "initial state: 1 parallel, -1 antiparallel", -1, 1, "instance"),
    )
    states = (State("z", "1", "cosine of the angle between free and reference layer", "tau_t"),)

    def check_values(self, values: Mapping[str, float]) -> None:
        """Conductance and TMR must stay positive at every bias."""
        if values["g_slope"] ** 2 > 3.9 * values["g_curv"] and values["g_slope"]:
            raise ParameterError(
                f"g_slope = {values['g_slope']:g} 1/V needs g_curv >= {values['g_slope'] ** 2 / 3.9:g} 1/V^2, "
                f"not {values['g_curv']:g}, or the conductance turns negative"
            )
        if abs(values["tmr_slope"]) * values["v_h"] > 1.9:
            raise ParameterError(
                f"tmr_slope = {values['tmr_slope']:g} 1/V must be within +-{1.9 / values['v_h']:g} 1/V "
                f"for v_h = {values['v_h']:g} V, or the TMR diverges"
            )

    def equations(self, q: Symbols) -> Iterator[Item]:
        """Conduction, torque and motion."""
        # Temperature: Bloch's law for magnetisation and polarisation, a power of it for the barrier
        # (interface anisotropy; J. Kim et al., IEEE CICC 2015).
        bloch = (1 - (q.temperature / q.t_bloch) ** sp.Rational(3, 2)) / (
            1 - (q.t_nom / q.t_bloch) ** sp.Rational(3, 2)
        )
        yield Let("m_t", bloch, "1", "magnetisation over its value at t_nom")
        yield Let("area", (q.diameter / q.diameter_ref) ** 2, "1", "junction area over that of the reference")
        yield Let("r_p_t", q.r_p * (1 + q.tc_r * (q.temperature - q.t_nom)) / q.area, "Ohm", "parallel resistance")
        yield Let("tmr_t", q.tmr * q.m_t**2, "1", "zero-bias TMR")
        barrier = sp.exp(q.k_exponent * sp.log(q.m_t))
        yield Let("barrier_t", barrier, "1", "energy barrier per area over its value at t_nom")
        yield Let("delta_t", q.delta * q.area * q.barrier_t * q.t_nom / q.temperature, "1", "thermal stability factor")
        # Critical currents follow barrier over polarisation, the relaxation time follows 1/Hk.
        yield Let("ic_t", q.area * q.barrier_t / q.m_t, "1", "critical currents over those of the card")
        yield Let("tau_t", q.tau_d * q.m_t / q.barrier_t, "s", "relaxation time")

        # Conduction: conductance linear in z, TMR and parallel conductance falling and rising with bias
        # (W. F. Brinkman et al., J. Appl. Phys. 41, 1915 (1970)).
        yield Let("v", q.v_fl_rl, "V", "bias, free against reference layer", node=True)
        yield Let("tmr_1", 1 + q.tmr_t, "1", "zero-bias R_AP/R_P")
        yield Let("roll_2", 1 / q.v_h**2, "1/V^2", "quadratic fall of the TMR with bias")
        yield Let(
            "u",
            q.v / (q.tmr_1 + q.tmr_slope * q.v + q.roll_2 * q.v * q.v),
            "V",
            "bias over 1 + TMR, times TMR over zero-bias TMR",
            node=True,
        )
        yield Let("w", (q.z - 1) * q.u, "V", "the same, weighed by the antiparallel part", node=True)
        yield Let(
            "v_c",
            (1 + q.g_slope * q.v + q.g_curv * q.v * q.v) * (q.v + q.tmr_t / 2 * q.w),
            "V",
            "current times zero-bias parallel resistance",
            node=True,
        )
        yield Let("i", q.v_c / q.r_p_t, "A", "current from free to reference layer")
        yield Current("fl", "rl", q.i)

        # Torque: the efficiency changes linearly from one state to the other, so each direction has its own
        # critical current.
        yield Let("e_mean", (1 / q.ic_p2ap + 1 / q.ic_ap2p) / 2, "1/A", "mean inverse critical current")
        yield Let("e_half", (1 / q.ic_p2ap - 1 / q.ic_ap2p) / 2, "1/A", "half difference of the inverse ones")
        yield Let(
            "d",
            q.i / q.ic_t * (q.e_mean + q.e_half * q.z) + q.h_bias,
            "1",
            "drive towards parallel in units of the threshold",
        )
        yield Let("pull", q.z + q.d, "1", "torque over the sine of the angle", node=True)
        yield Let("sin2", smooth_positive(1 - q.z * q.z), "1", "squared sine of the angle, never negative")
        thermal = q.z * (1 - q.noise / 2) / q.delta_t
        yield Rate("z", (q.sin2 * q.pull - thermal) / q.tau_t)
        yield Noise("z", sp.sqrt(q.sin2 / (q.delta_t * q.tau_t)))

        # Operating point: the stable root of the noise-free motion next to the present state. A state is left
        # where its root ends, at a margin of sqrt(2/delta) before the threshold.
        origin = q.track * q.z + (1 - q.track + STATE_HINT) * q.state
        yield Let(
            "memory",
            sp.sign(sp.sign(origin) + q.d / (1 - sp.sqrt(2 / q.delta_t))),
            "1",
            "state kept in an operating point: 1 parallel, -1 antiparallel",
        )
        yield Let("margin", 1 + q.memory * q.d, "1", "distance from the threshold")
        depth = (q.margin - sp.sqrt(smooth_positive(q.margin * q.margin - 2 / q.delta_t))) / 2
        yield Static("z", q.memory * sp.Abs(q.state) * (1 - depth))

        share = 1 + q.tmr_t / 2 * (q.z - 1) / (q.tmr_1 + q.tmr_slope * q.v + q.roll_2 * q.v * q.v)
        yield Output(
            "resistance", q.r_p_t / ((1 + q.g_slope * q.v + q.g_curv * q.v * q.v) * share), "Ohm", "resistance V/I"
        )
        yield Output("drive", q.d, "1", "drive towards parallel in units of the threshold")


def from_physical(
    *,
    ms: float,
    hk: float,
    alpha: float,
    polarisation: float,
    volume: float,
    temperature: float = 300.0,
) -> dict[str, float]:
    """Behavioural parameters of `mtj` from physical ones.

    Parameters
    ----------
    ms : float
        Saturation magnetisation [A/m].
    hk : float
        Effective perpendicular anisotropy field, demagnetisation subtracted [A/m].
    alpha : float
        Gilbert damping [1].
    polarisation : float
        Spin-torque efficiency [1], the polarisation for Slonczewski's Lambda = 1.
    volume : float
        Volume of the free layer [m^3].
    temperature : float
        Temperature [K].

    Returns
    -------
    dict of str to float
        `delta`, `ic_p2ap`, `ic_ap2p` [A], `tau_d` [s], `t_nom` [K].

    Raises
    ------
    ParameterError
        If a value is not positive.

    References
    ----------
    J. Z. Sun, Phys. Rev. B 62, 570 (2000): I_c0 = (2 e/hbar)(alpha/eta) mu0 Ms Hk V.
    """
    given = {
        "ms": ms,
        "hk": hk,
        "alpha": alpha,
        "polarisation": polarisation,
        "volume": volume,
        "temperature": temperature,
    }
    for name, value in given.items():
        if not (math.isfinite(value) and value > 0):
            raise ParameterError(f"'{name}' = {value:g} must be positive")
    energy = MU_0 * ms * hk * volume / 2
    critical = 4 * ELECTRON_CHARGE / HBAR * alpha / polarisation * energy
    return {
        "delta": energy / (BOLTZMANN * temperature),
        "ic_p2ap": critical,
        "ic_ap2p": critical,
        "tau_d": (1 + alpha**2) / (alpha * GYROMAGNETIC * MU_0 * hk),
        "t_nom": temperature,
    }
