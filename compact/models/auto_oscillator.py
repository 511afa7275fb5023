"""Resonant junction: spin-torque diode below its threshold current, spin-torque oscillator above it.

One normal mode of the free layer with the complex amplitude c = u + j v and the power p = |c|^2:

    dc/dt = [j 2 pi (f_0 + n_shift p + f_i I) - gamma_g (1 + q_damping p) + gamma_g (I/i_th) (1 - p)] c
            + torque_ip [1 + j fl_ratio (1 + fl_slope V)] I + sqrt(Gamma_plus(p) k T/energy) (xi_u + j xi_v),

I being the whole current at the moment, so that it drives and tunes at any frequency, and xi unit white noise. The
junction conducts as the others do, at the cosine cos_0 + cos_u u, held within +-1. A. Slavin and V. Tiberkevich, IEEE
Trans. Magn. 45, 1875 (2009). A positive current flows from free to reference layer and pulls the layers parallel; the
sign of i_th says which of them excites. c turns from u to v: u runs as sqrt(p) cos(2 pi f t).

Noise is Stratonovich here; a drift of half the derivative of the diffusion makes its stationary state at zero current
Boltzmann's, <p> = k T/energy. The restoring factor 1 - p ends at zero: beyond p = 1 a current does nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import ClassVar

import sympy as sp

from compact.constants import BOLTZMANN
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

__all__ = [
    "AMPLITUDE",
    "START",
    "AutoOscillator",
    "AutoOscillatorLine",
    "check_oscillator",
    "scaled",
]

STEPS_PER_TURN = 120
"""Trapezoidal steps of a turn: they slow it by (2 pi/120)^2/12 = 0.023 %."""
SLOTS_PER_TURN = 20
"""Noise slots of a turn."""
WIDEST_SLOT = 0.25
"""Longest slot in turns: noise that is coarser does not reach the carrier."""

AMPLITUDE = (
    Parameter("cos_0", 0.0, "1", "cosine between the layers at rest", -1, 1),
    Parameter("cos_u", 1.0, "1", "slope of that cosine in u", -2, 2),
    Parameter("f_0", 5e9, "Hz", "frequency at vanishing power and current", 1e3, 1e13),
    Parameter("gamma_g", 2e8, "1/s", "rate at which the amplitude falls without current", 1, 1e13),
    Parameter("i_th", 1e-3, "A", "threshold current; its sign is that of the currents that excite", -10, 10),
    Parameter("q_damping", 1.0, "1", "nonlinear damping Q, rise of the damping rate with the power", -0.9, 1e3),
    Parameter("n_shift", 0.0, "Hz", "nonlinear shift N/2 pi, rise of the frequency with the power", -1e13, 1e13),
    Parameter("f_i", 0.0, "Hz/A", "rise of the frequency with the current", -1e16, 1e16),
    Parameter("torque_ip", 1e11, "1/(A*s)", "drive of the amplitude by the current, in-plane torque", -1e18, 1e18),
    Parameter("fl_ratio", 0.0, "1", "field-like over in-plane drive, 90 degrees ahead, at zero bias", -1e3, 1e3),
    Parameter("fl_slope", 0.0, "1/V", "bias dependence of that ratio", -1e3, 1e3),
    Parameter("energy", 1e-18, "J", "energy of the oscillation at p = 1", 1e-24, 1e-9),
)  # fmt: skip
START = (
    Parameter("p_0", 1e-6, "1", "power at the start", 0, 1, "instance"),
    Parameter("phase_0", 0.0, "rad", "phase of the amplitude at the start", -6.3, 6.3, "instance"),
)


def check_oscillator(values: Mapping[str, float]) -> None:
    """Raise `ParameterError` for values that do not go together."""
    check_conduction(values)
    if abs(values["i_th"]) < 1e-12:
        raise ParameterError(f"i_th = {values['i_th']:g} A must be at least 1e-12 A, with its sign")
    if values["gamma_g"] > values["f_0"]:
        raise ParameterError(
            f"gamma_g = {values['gamma_g']:g} 1/s must be below f_0 = {values['f_0']:g} Hz, or nothing resonates"
        )


def scaled(q: Symbols) -> Iterator[Item]:
    """Constants at temperature and size: currents go with the area, and so does the energy."""
    yield from temperature_and_area(q)
    yield Let("i_th_t", q.i_th * q.area, "A", "threshold current")
    yield Let("torque_t", q.torque_ip / q.area, "1/(A*s)", "drive by the current")
    yield Let("f_i_t", q.f_i / q.area, "Hz/A", "rise of the frequency with the current")
    yield Let("thermal", BOLTZMANN * q.temperature / (q.energy * q.area), "1", "thermal energy over that of p = 1")


def _biased_conduction(q: Symbols, cosine: sp.Expr) -> Iterator[Item]:
    """Conduction with the bias under the name `bias`: `v` is a state here."""
    short, long = q.v, sp.Symbol("bias", real=True)
    for item in conduction(q, cosine):
        if isinstance(item, Let):
            name = "bias" if item.name == "v" else item.name
            yield dataclasses.replace(item, name=name, value=item.value.xreplace({short: long}))
        elif isinstance(item, Output | Current):
            yield dataclasses.replace(item, value=item.value.xreplace({short: long}))


class AutoOscillator(Model):
    """Two-terminal resonant junction, every turn of the carrier followed."""

    name = "auto_oscillator"
    version = "1.0"
    title = "resonant magnetic tunnel junction, oscillator and diode"
    citation = (
        "A. Slavin and V. Tiberkevich, IEEE Trans. Magn. 45, 1875 (2009); "
        "J. C. Slonczewski, Phys. Rev. B 39, 6995 (1989)"
    )
    terminals: ClassVar[tuple[Terminal, ...]] = TERMINALS
    step = "step_time"
    declared_parameters: ClassVar[tuple[Parameter, ...]] = (*CONDUCTION, *AMPLITUDE, *AREA, *START)
    states = (
        State("u", "1", "amplitude in phase, which moves the resistance", "tau_c"),
        State("v", "1", "amplitude in quadrature", "tau_c"),
    )

    def check_values(self, values: Mapping[str, float]) -> None:
        """Conduction as everywhere, a threshold that is not zero, a resonance, noise that reaches the carrier."""
        check_oscillator(values)
        widest = WIDEST_SLOT / values["f_0"]
        if values.get("t_slot", 0.0) > widest:
            raise ParameterError(
                f"t_slot = {values['t_slot']:g} s must be within [0, {widest:g}] s, a quarter of a turn at f_0"
            )

    def equations(self, q: Symbols) -> Iterator[Item]:
        """Conduction, frequency, damping, drive and motion, in turns of the carrier."""
        yield from scaled(q)
        yield Let("tau_c", 1 / (2 * sp.pi * q.f_0), "s", "time in which the phase advances by one radian")
        fastest = q.f_0 + (q.n_shift + sp.Abs(q.n_shift)) / 4
        yield Let("step_time", 1 / (STEPS_PER_TURN * fastest), "s", "largest time step, up to a power of one half")

        swing = q.cos_0 + q.cos_u * q.u
        yield Let("cosine", 1 - smooth_positive(2 - smooth_positive(1 + swing)), "1", "cosine between the layers")
        yield from _biased_conduction(q, q.cosine)
        yield from self._line(q)

        yield Let("p", q.u * q.u + q.v * q.v, "1", "power of the oscillation", node=True)
        yield Let("damping", q.gamma_g * q.tau_c, "1", "damping rate over angular frequency")
        frequency = 1 + q.n_shift / q.f_0 * q.p + q.f_i_t / q.f_0 * q.i + self._line_frequency(q)
        yield Let("turning", frequency, "1", "frequency over f_0", node=True)
        gain = q.i / q.i_th_t * smooth_positive(1 - q.p) - 1 - q.q_damping * q.p
        yield Let("gain", gain, "1", "growth rate of the amplitude over gamma_g", node=True)
        line_u, line_v = self._line_drive(q)
        drive = q.torque_t * q.tau_c * q.i
        ahead = drive * q.fl_ratio * (1 + q.fl_slope * q.bias)

        yield slot_time(q, 1 / (SLOTS_PER_TURN * q.f_0))
        # Interpolated between slots, noise has the spectrum sinc^4: at the carrier this makes up for it.
        yield Let("slot_angle", sp.pi * q.f_0 * q.slot_time, "1", "half the phase that the carrier turns in a slot")
        whiter = (q.slot_angle / sp.sin(q.slot_angle)) ** 2
        strength = q.tau_c * sp.sqrt(q.gamma_g * q.thermal) * whiter
        yield Let("strength", strength, "s^0.5", "strength of the noise at vanishing power")
        yield White("u", "unit white noise on u")
        yield White("v", "unit white noise on v")
        yield Let("spread", sp.sqrt(smooth_positive(1 + q.q_damping * q.p)), "1", "its rise with the power")
        yield Let("drift", q.noise * q.damping * q.q_damping * q.thermal / 2, "1", "drift of the noise over 2 pi f_0")

        kick_u, kick_v = (q.strength * q.spread * xi for xi in (q.xi_u, q.xi_v))
        grow = q.damping * q.gain + q.drift
        yield Rate("u", (grow * q.u - q.turning * q.v + drive + line_u + kick_u) / q.tau_c)
        yield Rate("v", (grow * q.v + q.turning * q.u + ahead + line_v + kick_v) / q.tau_c)
        yield Static("u", sp.sqrt(q.p_0) * sp.cos(q.phase_0))
        yield Static("v", sp.sqrt(q.p_0) * sp.sin(q.phase_0))

        yield Output("oscillation_power", q.p, "1", "power p of the oscillation")
        yield Output("frequency", q.f_0 * q.turning, "Hz", "frequency at the moment")
        yield Output("overdrive", q.i / q.i_th_t, "1", "current over threshold current")

    def _line(self, q: Symbols) -> Iterator[Item]:
        """Equations of a field line, if there is one."""
        yield from ()

    def _line_frequency(self, q: Symbols) -> sp.Expr:
        return sp.Integer(0)

    def _line_drive(self, q: Symbols) -> tuple[sp.Expr, sp.Expr]:
        return sp.Integer(0), sp.Integer(0)


class AutoOscillatorLine(AutoOscillator):
    """The same under a field line, which drives and tunes it without a contact."""

    name = "auto_oscillator_line"
    title = "resonant magnetic tunnel junction with field line"
    terminals: ClassVar[tuple[Terminal, ...]] = (
        *TERMINALS,
        Terminal("la", "field line; a positive current flows from here to lb"),
        Terminal("lb", "other end of the field line, isolated from the junction"),
    )
    declared_parameters: ClassVar[tuple[Parameter, ...]] = (
        *AutoOscillator.declared_parameters,
        Parameter("r_line", 50.0, "Ohm", "resistance of the field line", 1e-3, 1e9),
        Parameter("torque_line", 1e10, "1/(A*s)", "drive of the amplitude by the current of the line", -1e18, 1e18),
        Parameter("phase_line", 1.5707963267948966, "rad", "phase of that drive against in-plane torque", -6.3, 6.3),
        Parameter("f_line", 0.0, "Hz/A", "rise of the frequency with the current of the line", -1e16, 1e16),
    )

    def _line(self, q: Symbols) -> Iterator[Item]:
        yield Let("i_line", q.v_la_lb / q.r_line, "A", "current of the field line")
        yield Current("la", "lb", q.i_line)

    def _line_frequency(self, q: Symbols) -> sp.Expr:
        return q.f_line / q.f_0 * q.i_line

    def _line_drive(self, q: Symbols) -> tuple[sp.Expr, sp.Expr]:
        drive = q.torque_line * q.tau_c * q.i_line
        return drive * sp.cos(q.phase_line), drive * sp.sin(q.phase_line)
