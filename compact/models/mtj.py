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
    Item,
    Let,
    Model,
    Noise,
    Output,
    Rate,
    State,
    Static,
    Symbols,
    smooth_positive,
)
from compact.models.conduction import (
    AREA,
    CONDUCTION,
    TERMINALS,
    check_conduction,
    conduction,
    temperature_and_area,
)
from compact.parameters import Parameter

__all__ = ["Mtj", "critical_current", "from_physical", "resting_cosine"]

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
    terminals = TERMINALS
    declared_parameters = (
        *CONDUCTION,
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
        Parameter("k_exponent", 2.18, "1", "power of the magnetisation that the energy barrier follows", 0, 10),
        *AREA,
        Parameter("state", 1.0, "1", "initial state: 1 parallel, -1 antiparallel", -1, 1, "instance"),
    )
    states = (State("z", "1", "cosine of the angle between free and reference layer", "tau_t"),)

    def check_values(self, values: Mapping[str, float]) -> None:
        """Conductance and TMR must stay positive at every bias."""
        check_conduction(values)

    def equations(self, q: Symbols) -> Iterator[Item]:
        """Conduction, torque and motion."""
        # A power of the magnetisation for the barrier: interface anisotropy; J. Kim et al., IEEE CICC 2015.
        yield from temperature_and_area(q)
        barrier = sp.exp(q.k_exponent * sp.log(q.m_t))
        yield Let("barrier_t", barrier, "1", "energy barrier per area over its value at t_nom")
        yield Let("delta_t", q.delta * q.area * q.barrier_t * q.t_nom / q.temperature, "1", "thermal stability factor")
        # Critical currents follow barrier over polarisation, the relaxation time follows 1/Hk.
        yield Let("ic_t", q.area * q.barrier_t / q.m_t, "1", "critical currents over those of the card")
        yield Let("tau_t", q.tau_d * q.m_t / q.barrier_t, "s", "relaxation time")

        yield from conduction(q, q.z)

        # Torque: the efficiency changes linearly from one state to the other, so each direction has its own
        # critical current.
        yield Let("e_mean", (1 / q.ic_p2ap + 1 / q.ic_ap2p) / 2, "1/A", "mean inverse critical current")
        yield Let("e_half", (1 / q.ic_p2ap - 1 / q.ic_ap2p) / 2, "1/A", "half difference of the inverse ones")
        drive = q.i / q.ic_t * (q.e_mean + q.e_half * q.z) + q.h_bias
        yield Let("pull", q.z + drive, "1", "torque over the sine of the angle", node=True)
        yield Let("d", q.pull - q.z, "1", "drive towards parallel in units of the threshold")
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
        root = sp.sqrt(smooth_positive(1 - 2 / q.delta_t + q.d * (2 * q.memory + q.d)))
        yield Static("z", sp.Abs(q.state) / 2 * (q.memory * (1 + root) - q.d))

        yield Output("drive", q.d, "1", "drive towards parallel in units of the threshold")


def resting_cosine(values: Mapping[str, float], state: int = 1) -> float:
    """Cosine at which a junction rests at zero bias and `t_nom`: +-sqrt(1 - 1/delta), moved by a stray field.

    Parameters
    ----------
    values : mapping of str to float
        All parameters of `mtj`.
    state : {1, -1}
        Parallel or antiparallel.
    """
    from compact.models import get_model  # the table of models imports this module

    point = {**values, "v_fl_rl": 0.0, "z": float(state), "state": float(state), "temperature": values["t_nom"]}
    return float(get_model("mtj").evaluate("static_z", point))


def critical_current(energy: float, alpha: float = 1.0, polarisation: float = 1.0) -> float:
    """Critical current (4 e/hbar)(alpha/polarisation) energy of an axial macrospin [A].

    Parameters
    ----------
    energy : float
        Energy barrier [J].
    alpha, polarisation : float
        Gilbert damping and spin-torque efficiency [1].

    References
    ----------
    J. Z. Sun, Phys. Rev. B 62, 570 (2000).
    """
    return 4 * ELECTRON_CHARGE / HBAR * alpha / polarisation * energy


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
    critical = critical_current(energy, alpha, polarisation)
    return {
        "delta": energy / (BOLTZMANN * temperature),
        "ic_p2ap": critical,
        "ic_ap2p": critical,
        "tau_d": (1 + alpha**2) / (alpha * GYROMAGNETIC * MU_0 * hk),
        "t_nom": temperature,
    }
