"""Macrospin junction: the whole Landau-Lifshitz-Gilbert-Slonczewski equation, three Cartesian components.

With g = gamma mu0, total field H and torques as fields a along the reference layer p and a_sh along s,

    dm/dt = -g m x H + alpha m x dm/dt - g a m x (m x p) - g a_sh m x (m x s),

solved for dm/dt: with W = H + m x (a p + a_sh s),

    dm/dt = -g/(1 + alpha^2) [m x W + alpha m x (m x W)].

a = hbar eta I/(2 e mu0 Ms V): J. C. Slonczewski, J. Magn. Magn. Mater. 159, L1 (1996). A positive current from free to
reference layer pulls m to p. Thermal field: W. F. Brown, Phys. Rev. 130, 1677 (1963), in the sense of Stratonovich.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

import sympy as sp

from compact.constants import BOLTZMANN, ELECTRON_CHARGE, GYROMAGNETIC, HBAR, MU_0
from compact.errors import ParameterError
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
from compact.models.conduction import AREA, CONDUCTION, TERMINALS, check_conduction, conduction, temperature_and_area
from compact.parameters import Parameter

__all__ = ["MtjMacrospin", "MtjSot"]

AXES = ("x", "y", "z")
NORM_RATE = 1.0
"""Rate at which |m| = 1 is restored, in units of the precession rate in a field of Ms: 1e11 to 1e12 /s."""
STEPS_PER_TURN = 50
"""Time steps, at least, in a turn of the fastest precession that the anisotropy and the applied field allow."""
SLOTS_PER_TURN = 20
"""Noise slots in 2 pi time scales of the precession, by default."""

MAGNET = (
    Parameter("ms", 1.2e6, "A/m", "saturation magnetisation", 1e3, 1e7),
    Parameter("volume", 1.6e-24, "m^3", "volume of the free layer", 1e-28, 1e-18),
    Parameter("alpha", 0.01, "1", "Gilbert damping", 1e-5, 0.99),
    Parameter("h_k", 1.3e6, "A/m", "uniaxial anisotropy field without shape", -1e8, 1e8),
    Parameter("theta_k", 0.0, "rad", "polar angle of the anisotropy axis", -3.2, 3.2),
    Parameter("phi_k", 0.0, "rad", "azimuth of the anisotropy axis", -6.3, 6.3),
    Parameter("n_x", 0.03, "1", "demagnetising factor along x", 0, 1),
    Parameter("n_y", 0.03, "1", "demagnetising factor along y", 0, 1),
    Parameter("n_z", 0.94, "1", "demagnetising factor along z, the film normal", 0, 1),
    Parameter("theta_p", 0.0, "rad", "polar angle of the reference layer", -3.2, 3.2),
    Parameter("phi_p", 0.0, "rad", "azimuth of the reference layer", -6.3, 6.3),
    Parameter("polarisation", 0.6, "1", "spin-torque efficiency", 0, 2),
    Parameter("asymmetry", 1.0, "1", "Slonczewski's Lambda, angular asymmetry of the torque", 0.5, 10),
    Parameter(
        "fl_1", 0.0, "A/m/V", "field-like torque, a field along the reference layer, linear in the bias", -1e8, 1e8
    ),
    Parameter("fl_2", 0.0, "A/m/V^2", "field-like torque, quadratic in the bias", -1e8, 1e8),
    Parameter("vcma", 0.0, "A/m/V", "change of the anisotropy field with the bias", -1e8, 1e8),
    Parameter("k_exponent", 2.18, "1", "power of the magnetisation that the anisotropy energy follows", 0, 10),
)
INSTANCE = (
    Parameter("h_x", 0.0, "A/m", "applied field along x", -1e8, 1e8, "instance"),
    Parameter("h_y", 0.0, "A/m", "applied field along y", -1e8, 1e8, "instance"),
    Parameter("h_z", 0.0, "A/m", "applied field along z", -1e8, 1e8, "instance"),
    Parameter("state", 1.0, "1", "initial state: 1 along the anisotropy axis or x, -1 against it", -1, 1, "instance"),
    Parameter("tilt", 0.05, "rad", "initial angle from there", -3.2, 3.2, "instance"),
)


def _direction(theta: sp.Expr, phi: sp.Expr) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    return sp.sin(theta) * sp.cos(phi), sp.sin(theta) * sp.sin(phi), sp.cos(theta)


def _cross(a: list[sp.Expr], b: list[sp.Expr]) -> list[sp.Expr]:
    return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]


class MtjMacrospin(Model):
    """Two-terminal junction of any orientation: switching, telegraph noise and precession from one card."""

    name = "mtj_macrospin"
    version = "1.0"
    title = "macrospin magnetic tunnel junction"
    citation = (
        "J. C. Slonczewski, J. Magn. Magn. Mater. 159, L1 (1996); J. Z. Sun, Phys. Rev. B 62, 570 (2000); "
        "W. F. Brown, Phys. Rev. 130, 1677 (1963)"
    )
    terminals: ClassVar[tuple[Terminal, ...]] = TERMINALS
    declared_parameters: ClassVar[tuple[Parameter, ...]] = (*CONDUCTION, *MAGNET, *AREA, *INSTANCE)
    states = tuple(State(f"m_{a}", "1", f"magnetisation along {a} over Ms", "tau_m") for a in AXES)
    step = "step_time"

    def check_values(self, values: Mapping[str, float]) -> None:
        """Conduction as everywhere; the demagnetising factors of a body add up to one."""
        check_conduction(values)
        total = values["n_x"] + values["n_y"] + values["n_z"]
        if abs(total - 1) > 1e-3:
            raise ParameterError(f"demagnetising factors n_x + n_y + n_z = {total:g} must add up to 1")

    def equations(self, q: Symbols) -> Iterator[Item]:
        """Conduction, fields, torques and motion; fields in units of the magnetisation."""
        yield from temperature_and_area(q)
        yield Let("ms_t", q.ms * q.m_t, "A/m", "magnetisation")
        yield Let("tau_m", (1 + q.alpha**2) / (GYROMAGNETIC * MU_0 * q.ms_t), "s", "precession time in a field of Ms")
        stiffness = q.h_k / q.ms * sp.exp((q.k_exponent - 2) * sp.log(q.m_t))
        yield Let("k_t", stiffness, "1", "anisotropy field over Ms")
        # Unit vectors are constants; those along a coordinate axis leave nothing of themselves in the text.
        for name, what in (("k", "anisotropy axis"), ("p", "reference layer")):
            vector = _direction(getattr(q, f"theta_{name}"), getattr(q, f"phi_{name}"))
            for axis, component in zip(AXES, vector, strict=True):
                yield Let(f"{name}_{axis}", component, "1", f"{what}, component along {axis}")
        m = [q.m_x, q.m_y, q.m_z]
        k = [q.k_x, q.k_y, q.k_z]
        p = [q.p_x, q.p_y, q.p_z]

        # Spread of the eigenvalues of the anisotropy, sqrt(2) times the norm of its traceless part at most.
        n = [q.n_x, q.n_y, q.n_z]
        along = sum((x * e * e for x, e in zip(n, k, strict=True)), sp.Integer(0))
        square = q.h_k**2 - 2 * q.h_k * q.ms * along + q.ms**2 * sum(x * x for x in n) - (q.h_k - q.ms) ** 2 / 3
        yield Let("spread", sp.sqrt(2 * smooth_positive(square / q.ms**2)), "1", "largest anisotropy field over ms")
        applied = sp.sqrt(q.h_x**2 + q.h_y**2 + q.h_z**2) / q.ms
        turn = 2 * sp.pi / (GYROMAGNETIC * MU_0 * q.ms * (q.spread + applied))
        yield Let("step_time", turn / STEPS_PER_TURN, "s", "largest time step")

        cosine = sum((a * b for a, b in zip(m, p, strict=True)), sp.Integer(0))
        yield Let("cosine", cosine, "1", "cosine of the angle between the layers", node=True)
        yield from conduction(q, q.cosine)

        # Torque of the tunnel current, as a field over Ms.
        moment = MU_0 * q.ms * q.volume * q.area
        yield Let("a_unit", HBAR / (2 * ELECTRON_CHARGE) / (moment * q.ms_t), "1/A", "torque field over Ms per current")
        yield Let("lambda_2", q.asymmetry**2, "1", "Lambda squared")
        yield Let("skew", (q.asymmetry**2 - 1) / (q.asymmetry**2 + 1), "1", "angular asymmetry")
        yield Let("eta", q.polarisation * 2 * q.lambda_2 / (q.lambda_2 + 1), "1", "efficiency at a right angle")
        torque = q.a_unit * q.eta / q.r_p_t * q.v_c / (1 + q.skew * q.cosine)
        yield Let("torque", torque, "1", "in-plane torque of the current, a field over Ms", node=True)
        field = (q.fl_1 * q.v + q.fl_2 * q.v * q.v) / q.ms_t
        yield Let("field_like", field, "1", "field-like torque, a field over Ms", node=True)
        uniaxial = sum((a * b for a, b in zip(m, k, strict=True)), sp.Integer(0))
        pull = (q.k_t + q.vcma * q.v / q.ms_t) * uniaxial
        yield Let("pull", pull, "1", "anisotropy field over Ms", node=True)

        yield slot_time(q, 2 * sp.pi * q.tau_m / SLOTS_PER_TURN)
        strength = sp.sqrt(2 * q.alpha * BOLTZMANN * q.temperature / (GYROMAGNETIC * q.ms_t * q.volume * q.area))
        yield Let("h_thermal", strength / (MU_0 * q.ms_t), "s^0.5", "thermal field over Ms")
        for axis in AXES:
            yield White(axis, f"unit white noise of the thermal field along {axis}")

        drive = [q.torque * component for component in p]
        for axis, extra in zip(AXES, self._line_torque(q), strict=True):
            drive[AXES.index(axis)] += extra
        yield from self._line(q)
        swirl = _cross(m, drive)
        for position, axis in enumerate(AXES):
            h = (
                getattr(q, f"h_{axis}") / q.ms_t
                + q.pull * k[position]
                - getattr(q, f"n_{axis}") * m[position]
                + q.field_like * p[position]
                + self._line_field(q)[position]
                + q.h_thermal * getattr(q, f"xi_{axis}")
                + swirl[position]
            )
            yield Let(f"w_{axis}", h, "1", f"field and torque along {axis} over Ms", node=True)
        w = [q.w_x, q.w_y, q.w_z]
        turn = _cross(m, w)
        for position, axis in enumerate(AXES):
            yield Let(f"c_{axis}", turn[position], "1", f"m x W along {axis}", node=True)
        c = [q.c_x, q.c_y, q.c_z]
        damping = _cross(m, c)
        excess = 1 - sum((x * x for x in m), sp.Integer(0))
        yield Let("excess", excess, "1", "1 - m^2, restored to zero", node=True)
        for position, axis in enumerate(AXES):
            rate = -c[position] - q.alpha * damping[position] + NORM_RATE * q.excess * m[position]
            yield Rate(f"m_{axis}", rate / q.tau_m)

        # The operating point holds the initial direction: the anisotropy axis, tilted in a plane that contains it.
        theta = q.theta_k + q.tilt + sp.pi / 2 * (1 - q.state)
        for axis, component in zip(AXES, _direction(theta, q.phi_k), strict=True):
            yield Static(f"m_{axis}", component)

    def _line(self, q: Symbols) -> Iterator[Item]:
        """Equations of a spin-Hall line, if there is one."""
        yield from ()

    def _line_torque(self, q: Symbols) -> list[sp.Expr]:
        return [sp.Integer(0)] * 3

    def _line_field(self, q: Symbols) -> list[sp.Expr]:
        return [sp.Integer(0)] * 3


class MtjSot(MtjMacrospin):
    """Three-terminal junction on a heavy-metal line, written by the spin-Hall current of that line."""

    name = "mtj_sot"
    title = "macrospin magnetic tunnel junction on a spin-Hall line"
    citation = MtjMacrospin.citation + "; L. Liu et al., Science 336, 555 (2012)"
    terminals: ClassVar[tuple[Terminal, ...]] = (
        *TERMINALS,
        Terminal("hm", "other end of the line; current from it to fl pulls m to the spin direction"),
    )
    declared_parameters: ClassVar[tuple[Parameter, ...]] = (
        *MtjMacrospin.declared_parameters,
        Parameter("r_line", 1e3, "Ohm", "resistance of the line", 1e-3, 1e9),
        Parameter("eta_sh", 0.3, "1", "spin current through the free layer over current of the line", -100, 100),
        Parameter("beta_sh", 0.0, "1", "field-like over damping-like spin-Hall torque", -100, 100),
        Parameter("theta_s", 1.5707963267948966, "rad", "polar angle of the spins of the line", -3.2, 3.2),
        Parameter("phi_s", 1.5707963267948966, "rad", "azimuth of the spins of the line", -6.3, 6.3),
    )

    def equations(self, q: Symbols) -> Iterator[Item]:
        """Those of the junction, and the line."""
        vector = _direction(q.theta_s, q.phi_s)
        for axis, component in zip(AXES, vector, strict=True):
            yield Let(f"s_{axis}", component, "1", f"spins of the line, component along {axis}")
        yield Let("i_line", q.v_hm_fl / q.r_line, "A", "current of the line")
        yield Current("hm", "fl", q.i_line)
        yield from super().equations(q)

    def _line(self, q: Symbols) -> Iterator[Item]:
        yield Output("line_torque", self._strength(q), "1", "spin-Hall torque, a field over Ms")

    def _strength(self, q: Symbols) -> sp.Expr:
        return q.a_unit * q.eta_sh * q.i_line

    def _line_torque(self, q: Symbols) -> list[sp.Expr]:
        return [self._strength(q) * s for s in (q.s_x, q.s_y, q.s_z)]

    def _line_field(self, q: Symbols) -> list[sp.Expr]:
        return [q.beta_sh * torque for torque in self._line_torque(q)]
