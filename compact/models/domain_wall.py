"""Elongated junction with a domain wall in its free layer: a memristor, in collective coordinates.

The wall has a place q and an angle phi out of its resting plane, D is its width. With g = gamma mu0 and all fields in
A/m, the Landau-Lifshitz-Gilbert-Slonczewski equation, integrated over the wall, gives

    dphi/dt + (alpha/D) dq/dt = g [H + H_pin(q) + b p_z + (pi/2) a p_y cos phi] + beta u/D
    (1/D) dq/dt - alpha dphi/dt = g [(H_K/2) sin 2 phi + a p_z - (pi/2) b p_y cos phi] + u/D

with the polariser p = (p_z along the domains, p_y along the wall's hard axis), the in-plane torque of the current
density J through the junction a = hbar P J/(2 e mu0 Ms t), its field-like torque b, and the drift velocity of the
current density J_w along the wire u = hbar gamma P J_w/(2 e Ms). So a polariser along the domains drives the wall
through b alone (a merely tilts it), one along the hard axis through a. A. Thiaville et al., Europhys. Lett. 69, 990
(2005); A. V. Khvalkovskiy et al., Phys. Rev. Lett. 102, 067206 (2009).

The angle grows without bound above Walker's breakdown, so its cosine and sine are the states. Thermal fields act on
both equations, each of the strength 2 alpha k T/(g mu0 Ms 2 S D) of Brown's field in the volume 2 S D of the wall: that
is what dissipation alpha asks of both coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
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
    uniform_number,
)
from compact.models.conduction import (
    CONDUCTION,
    TEMPERATURE,
    TERMINALS,
    check_conduction,
    conduction,
    temperature_and_area,
)
from compact.parameters import Parameter

__all__ = ["SITES", "DomainWall", "DomainWallTrack"]

SITES = 4
"""Pinning sites that a card may list."""
WAVES = (1.0, math.sqrt(3) / 2, math.sqrt(2) - 0.1, math.sqrt(7) - 1, math.sqrt(5))
"""Wave numbers of the random landscape over that of its length: no two in a simple ratio."""
SLOTS_PER_TURN = 20
"""Noise slots in 2 pi time scales of the angle, by default."""

BARRIER = tuple(replace(p, default=200.0) if p.name == "r_p" else p for p in CONDUCTION)
"""Conduction of a barrier of 8 Ohm um2, thin enough for its current to move a wall."""
WALL = (
    Parameter("ms", 8e5, "A/m", "saturation magnetisation of the free layer", 1e3, 1e7),
    Parameter("alpha", 0.02, "1", "Gilbert damping", 1e-4, 0.99),
    Parameter("h_k", 1e5, "A/m", "hard-axis anisotropy field of the wall; breakdown is at alpha h_k/2", 1.0, 1e8),
    Parameter("wall_width", 20e-9, "m", "wall width D, of the profile tanh(x/D)", 1e-10, 1e-5),
    Parameter("length", 400e-9, "m", "length of the free layer along which the wall moves", 1e-9, 1e-2),
    Parameter("width_ref", 100e-9, "m", "width of the junction that the parameters describe", 1e-9, 1e-3),
    Parameter("thickness", 3e-9, "m", "thickness of the free layer", 1e-10, 1e-6),
    Parameter("polarisation", 0.5, "1", "spin-torque efficiency of the current through the junction", -2, 2),
    Parameter("theta_p", 0.0, "rad", "angle of the polariser from the domains to the wall's hard axis", -3.2, 3.2),
    Parameter("fl_ratio", 0.4, "1", "field-like over in-plane torque of the current through the junction", -10, 10),
    Parameter("fl_2", 0.0, "A/m/V^2", "field-like torque, quadratic in the bias", -1e8, 1e8),
    Parameter("h_end", 2e4, "A/m", "field with which either end holds a wall that has come to it", 1.0, 1e8),
    Parameter("h_wave", 0.0, "A/m", "depinning field of a periodic landscape, with wells at multiples of the period",
              0, 1e7),
    Parameter("wave_length", 100e-9, "m", "period of that landscape", 1e-9, 1e-2),
    Parameter("h_rough", 0.0, "A/m", "rms pinning field of a random landscape", 0, 1e7),
    Parameter("rough_length", 80e-9, "m", "length of the random landscape, its mean period", 1e-9, 1e-2),
    Parameter("site_width", 20e-9, "m", "half width of the listed pinning sites", 1e-9, 1e-3),
    *(
        item
        for k in range(1, SITES + 1)
        for item in (
            Parameter(f"site_{k}", k / (SITES + 1), "1", f"place of pinning site {k} over the length", -1, 2),
            Parameter(f"h_site_{k}", 0.0, "A/m", f"depinning field of site {k}, 0 for none", -1e7, 1e7),
        )
    ),
)  # fmt: skip
INSTANCE = (
    Parameter("width", "width_ref", "m", "width of this junction", 1e-9, 1e-3, "instance"),
    Parameter("state", 0.0, "1", "initial place of the wall: 1 all parallel, 0 in the middle, -1 all antiparallel",
              -1, 1, "instance"),
    Parameter("tilt", 0.0, "rad", "initial angle of the wall out of its resting plane", -3.2, 3.2, "instance"),
    Parameter("h_axis", 0.0, "A/m", "applied field along the domains, positive widens the parallel one",
              -1e8, 1e8, "instance"),
    Parameter("pin_seed", 1, "1", "seed of the random landscape; give each instance its own", 0, 1e6, "instance",
              integer=True),
)  # fmt: skip


class _Landscape:
    """Symbols whose seed is that of the landscape."""

    def __init__(self, seed: sp.Symbol):
        self.seed = seed


class DomainWall(Model):
    """Two-terminal junction whose parallel part ends at a domain wall, moved by the current through it."""

    name = "domain_wall"
    version = "1.0"
    title = "tunnel junction with a domain wall, current perpendicular to the plane"
    citation = (
        "N. L. Schryer and L. R. Walker, J. Appl. Phys. 45, 5406 (1974); A. Thiaville et al., Europhys. Lett. 69, 990 "
        "(2005); A. V. Khvalkovskiy et al., Phys. Rev. Lett. 102, 067206 (2009)"
    )
    terminals: ClassVar[tuple[Terminal, ...]] = TERMINALS
    declared_parameters: ClassVar[tuple[Parameter, ...]] = (*BARRIER, *WALL, *TEMPERATURE, *INSTANCE)
    states = (
        State("z", "1", "place of the wall: 1 all parallel, -1 all antiparallel", "tau_z"),
        State("tilt_c", "1", "cosine of the wall's angle out of its resting plane", "tau_m"),
        State("tilt_s", "1", "sine of the wall's angle out of its resting plane", "tau_m"),
    )

    def check_values(self, values: Mapping[str, float]) -> None:
        """Conduction as everywhere; a wall must be narrower than its wire."""
        check_conduction(values)
        if values["wall_width"] > values["length"] / 2:
            raise ParameterError(
                f"wall_width = {values['wall_width']:g} m must be at most half of length = {values['length']:g} m"
            )

    def equations(self, q: Symbols) -> Iterator[Item]:
        """Conduction of both domains, fields and torques on the wall, and its motion; fields in units of H_K."""
        yield from temperature_and_area(q, q.width / q.width_ref)
        yield Let("ms_t", q.ms * q.m_t, "A/m", "magnetisation")
        yield Let("h_k_t", q.h_k * q.m_t, "A/m", "hard-axis anisotropy field, of shape")
        yield Let("tau_m", (1 + q.alpha**2) / (GYROMAGNETIC * MU_0 * q.h_k_t), "s", "time scale of the wall's angle")
        yield Let("tau_z", q.tau_m * q.length / (2 * q.wall_width), "s", "time scale of the wall's place")
        # Part of the length that is parallel, less the antiparallel part. The wall's own width rounds the ends: with
        # a tail of 1/x^2 in place of an exponential, and exact for a wall at either end.
        yield Let("blur", sp.Float(2 * math.log(2)) * q.wall_width / q.length, "1", "width of the wall over the length")
        ahead = sp.sqrt((1 + q.z) * (1 + q.z) + q.blur**2) - sp.sqrt((1 - q.z) * (1 - q.z) + q.blur**2)
        yield Let("cosine", ahead / 2, "1", "mean cosine of the angle between the layers", node=True)
        yield from conduction(q, q.cosine)

        # At the wall the layers are at a right angle, and that fixes the current density there.
        per_current = HBAR * q.polarisation / (2 * ELECTRON_CHARGE * MU_0 * q.ms_t * q.h_k_t)
        size = q.thickness * q.length * q.width
        yield Let("a_unit", per_current / size / q.r_p_t, "1/V", "in-plane torque over H_K per bias")
        torque = q.a_unit * q.rise * q.v * (1 - q.tmr_t / 2 * q.fall)
        yield Let("torque", torque, "1", "in-plane torque of the current, a field over H_K", node=True)
        field_like = q.fl_ratio * q.torque + q.fl_2 * q.v * q.v / q.h_k_t
        yield Let("field_like", field_like, "1", "field-like torque, a field over H_K", node=True)
        yield Let("p_z", sp.cos(q.theta_p), "1", "polariser along the domains")
        yield Let("p_y", sp.pi / 2 * sp.sin(q.theta_p), "1", "polariser along the hard axis, times pi/2")

        yield Let("place", (1 + q.z) / 2, "1", "place of the wall over the length")
        for k in range(1, SITES + 1):
            far = (q.place - getattr(q, f"site_{k}")) * q.length / q.site_width
            yield Let(f"far_{k}", far, "1", f"distance from site {k} over its half width", node=True)
        yield Let("pin", self._pinning(q) / q.h_k_t, "1", "pinning field over H_K", node=True)

        yield slot_time(q, 2 * sp.pi * q.tau_m / SLOTS_PER_TURN)
        body = q.ms_t * q.thickness * q.width * q.wall_width
        strength = sp.sqrt(q.alpha * BOLTZMANN * q.temperature / (GYROMAGNETIC * body)) / MU_0
        yield Let("h_thermal", strength / q.h_k_t, "s^0.5", "thermal field over H_K")
        yield White("place", "unit white noise of the thermal field along the domains")
        yield White("angle", "unit white noise of the thermal field across the wall")

        yield from self._wire(q)
        push = (
            q.h_axis / q.h_k_t
            + q.pin
            + q.field_like * q.p_z
            + q.torque * q.p_y * q.tilt_c
            + self._push(q)
            + q.h_thermal * q.xi_place
        )
        yield Let("push", push, "1", "field on the wall along the domains over H_K", node=True)
        twist = (
            q.tilt_s * q.tilt_c
            + q.torque * q.p_z
            - q.field_like * q.p_y * q.tilt_c
            + self._twist(q)
            + q.h_thermal * q.xi_angle
        )
        yield Let("twist", twist, "1", "field on the wall across it over H_K", node=True)
        yield Let("glide", q.alpha * q.push + q.twist, "1", "velocity of the wall over that of H_K", node=True)
        yield Let("turn", q.push - q.alpha * q.twist, "1", "rate of the angle over that of H_K", node=True)
        yield Let("excess", 1 - q.tilt_c * q.tilt_c - q.tilt_s * q.tilt_s, "1", "to be restored to zero", node=True)
        yield Rate("z", q.glide / q.tau_z)
        yield Rate("tilt_c", (q.excess * q.tilt_c - q.tilt_s * q.turn) / q.tau_m)
        yield Rate("tilt_s", (q.excess * q.tilt_s + q.tilt_c * q.turn) / q.tau_m)

        # The operating point holds the wall where it starts.
        yield Static("z", q.state)
        yield Static("tilt_c", sp.cos(q.tilt))
        yield Static("tilt_s", sp.sin(q.tilt))

        yield Output("position", q.place * q.length, "m", "place of the wall from the end that is parallel")
        yield Output("velocity", q.glide / q.tau_z * q.length / 2, "m/s", "velocity of the wall")
        yield Output("wall_energy", self._energy(q), "J", "energy of the wall in its landscape and of its angle")

    def _pinning(self, q: Symbols) -> sp.Expr:
        """Pinning field [A/m]: minus the slope of `_potential`."""
        turn = 2 * sp.pi * q.place * q.length
        field = -q.h_wave * sp.sin(turn / q.wave_length)
        rough = sum((sp.sin(turn * wave + phase) for wave, phase in self._waves(q)), sp.Integer(0))
        field -= q.h_rough * math.sqrt(2 / len(WAVES)) * rough
        for k in range(1, SITES + 1):
            far = getattr(q, f"far_{k}")
            field -= getattr(q, f"h_site_{k}") * sp.Float(math.sqrt(2 * math.e)) * far * sp.exp(-far * far)
        right, left = self._ends(q)
        return field - q.h_end * (right * right - left * left)

    def _potential(self, q: Symbols) -> sp.Expr:
        """Potential of the pinning field [A]: its slope along the wire is minus the field."""
        turn = 2 * sp.pi * q.place * q.length
        total = -q.h_wave * q.wave_length / (2 * sp.pi) * sp.cos(turn / q.wave_length)
        for wave, phase in self._waves(q):
            total -= q.h_rough * math.sqrt(2 / len(WAVES)) / (2 * sp.pi * wave) * sp.cos(turn * wave + phase)
        for k in range(1, SITES + 1):
            far = getattr(q, f"far_{k}")
            depth = getattr(q, f"h_site_{k}") * sp.Float(math.sqrt(math.e / 2)) * q.site_width
            total -= depth * sp.exp(-far * far)
        right, left = self._ends(q)
        return total + q.h_end * q.wall_width / 3 * (right**3 + left**3)

    def _waves(self, q: Symbols) -> list[tuple[sp.Expr, sp.Expr]]:
        """Wave numbers over 2 pi [1/m] and phases of the random landscape."""
        seed = _Landscape(q.pin_seed)
        chosen = [2 * sp.pi * uniform_number(seed, sp.Integer(k), 7) for k in range(len(WAVES))]  # type: ignore[arg-type]
        return [(wave / q.rough_length, phase) for wave, phase in zip(map(sp.Float, WAVES), chosen, strict=True)]

    def _ends(self, q: Symbols) -> tuple[sp.Expr, sp.Expr]:
        """How far the wall is beyond one wall width before the right and the left end, in wall widths, or zero."""
        reach = q.length / q.wall_width
        return tuple(smooth_positive(1 + reach * x) for x in (q.place - 1, -q.place))

    def _energy(self, q: Symbols) -> sp.Expr:
        moment = 2 * MU_0 * q.ms_t * q.thickness * q.width
        shape = q.h_k_t * q.wall_width / 2 * q.tilt_s * q.tilt_s
        return moment * (self._potential(q) + shape)

    def _wire(self, q: Symbols) -> Iterator[Item]:
        """Equations of a current along the wire, if there is one."""
        yield from ()

    def _push(self, q: Symbols) -> sp.Expr:
        return sp.Integer(0)

    def _twist(self, q: Symbols) -> sp.Expr:
        return sp.Integer(0)


class DomainWallTrack(DomainWall):
    """Three-terminal junction: written by a current along the wire, read through the barrier."""

    name = "domain_wall_track"
    title = "tunnel junction on a wire with a domain wall, written along the wire"
    citation = DomainWall.citation + "; S. Zhang and Z. Li, Phys. Rev. Lett. 93, 127204 (2004)"
    terminals: ClassVar[tuple[Terminal, ...]] = (
        *TERMINALS,
        Terminal("far", "other end of the wire; current from it to fl widens the parallel domain"),
    )
    declared_parameters: ClassVar[tuple[Parameter, ...]] = (
        *DomainWall.declared_parameters,
        Parameter("r_wire", 500.0, "Ohm", "resistance of the wire", 1e-3, 1e12),
        Parameter("p_wire", 0.5, "1", "spin polarisation of the current along the wire", -2, 2),
        Parameter("beta", 0.04, "1", "non-adiabatic over adiabatic torque of that current", -100, 100),
    )

    def _wire(self, q: Symbols) -> Iterator[Item]:
        yield Let("i_wire", q.v_far_fl / (q.r_wire * q.width_ref / q.width), "A", "current of the wire from far to fl")
        yield Current("far", "fl", q.i_wire)
        drift = HBAR * q.p_wire / (2 * ELECTRON_CHARGE * MU_0 * q.ms_t * q.h_k_t * q.wall_width * q.width * q.thickness)
        yield Let("drift", drift * q.i_wire, "1", "drift of the wall with the electrons over H_K", node=True)
        yield Output("drift_velocity", q.drift / q.tau_z * q.length / 2 * (1 + q.alpha**2), "m/s", "drift velocity u")

    def _push(self, q: Symbols) -> sp.Expr:
        return q.beta * q.drift

    def _twist(self, q: Symbols) -> sp.Expr:
        return q.drift
