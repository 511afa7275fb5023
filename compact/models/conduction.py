"""Conduction of a magnetic tunnel junction, shared by all models of one.

Conductance linear in the cosine of the angle between the layers, TMR falling and parallel conductance rising with bias:
J. C. Slonczewski, Phys. Rev. B 39, 6995 (1989); W. F. Brinkman et al., J. Appl. Phys. 41, 1915 (1970). Temperature by
Bloch's law of the polarisation: C. H. Shang et al., Phys. Rev. B 58, R2917 (1998).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import sympy as sp

from compact.errors import ParameterError
from compact.model import Current, Item, Let, Output, Symbols, Terminal
from compact.parameters import Parameter

__all__ = ["AREA", "CONDUCTION", "TEMPERATURE", "TERMINALS", "check_conduction", "conduction", "temperature_and_area"]

TERMINALS = (
    Terminal("fl", "free layer; positive current into it sets the parallel state"),
    Terminal("rl", "reference layer; positive current into it sets the antiparallel state"),
)
CONDUCTION = (
    Parameter("r_p", 5e3, "Ohm", "resistance of the parallel state at zero bias", 1e-3, 1e12, spread=-0.03),
    Parameter("tmr", 1.0, "1", "tunnel magnetoresistance (R_AP - R_P)/R_P at zero bias", 0, 20, spread=0.03),
    Parameter("v_h", 0.5, "V", "voltage at which the TMR has fallen to half", 1e-2, 1e3),
    Parameter("tmr_slope", 0.0, "1/V", "asymmetry of the TMR: linear term of tmr/TMR(V)", -20, 20),
    Parameter("g_slope", 0.0, "1/V", "asymmetry of the parallel conductance: linear term of G(V)/G(0)", -20, 20),
    Parameter("g_curv", 0.0, "1/V^2", "quadratic term of the parallel conductance G(V)/G(0)", 0, 1e3),
)
TEMPERATURE = (
    Parameter("t_nom", 300.0, "K", "temperature at which the parameters hold", 1, 500),
    Parameter("tc_r", 0.0, "1/K", "linear temperature coefficient of r_p", -5e-3, 5e-3),
    Parameter("t_bloch", 1120.0, "K", "temperature of Bloch's law for magnetisation and polarisation", 600, 1e6),
)
AREA = (
    *TEMPERATURE,
    Parameter("diameter_ref", 40e-9, "m", "diameter of the junction that the parameters describe", 1e-9, 1e-3),
    Parameter("diameter", "diameter_ref", "m", "diameter of this junction", 1e-9, 1e-3, "instance"),
)


def check_conduction(values: Mapping[str, float]) -> None:
    """Raise `ParameterError` where conductance or TMR would turn negative at some bias."""
    if values["g_slope"] and values["g_slope"] ** 2 > 3.9 * values["g_curv"]:
        raise ParameterError(
            f"g_slope = {values['g_slope']:g} 1/V needs g_curv >= {values['g_slope'] ** 2 / 3.9:g} 1/V^2, "
            f"not {values['g_curv']:g}, or the conductance turns negative"
        )
    if abs(values["tmr_slope"]) * values["v_h"] > 1.9:
        raise ParameterError(
            f"tmr_slope = {values['tmr_slope']:g} 1/V must be within +-{1.9 / values['v_h']:g} 1/V "
            f"for v_h = {values['v_h']:g} V, or the TMR diverges"
        )


def temperature_and_area(q: Symbols, area: sp.Expr | None = None) -> Iterator[Item]:
    """`m_t`, `area` and the conduction parameters at temperature and size; by default the junction is round."""
    bloch = (1 - (q.temperature / q.t_bloch) ** sp.Rational(3, 2)) / (1 - (q.t_nom / q.t_bloch) ** sp.Rational(3, 2))
    yield Let("m_t", bloch, "1", "magnetisation over its value at t_nom")
    size = (q.diameter / q.diameter_ref) ** 2 if area is None else area
    yield Let("area", size, "1", "junction area over that of the reference")
    yield Let("r_p_t", q.r_p * (1 + q.tc_r * (q.temperature - q.t_nom)) / q.area, "Ohm", "parallel resistance")
    yield Let("tmr_t", q.tmr * q.m_t**2, "1", "zero-bias TMR")


def conduction(q: Symbols, cosine: sp.Expr) -> Iterator[Item]:
    """Current `i` from free to reference layer at the cosine of the angle between them, and the resistance."""
    yield Let("v", q.v_fl_rl, "V", "bias, free against reference layer", node=True)
    yield Let("tmr_1", 1 + q.tmr_t, "1", "zero-bias R_AP/R_P")
    yield Let("roll_2", 1 / q.v_h**2, "1/V^2", "quadratic fall of the TMR with bias")
    yield Let("roll", q.tmr_slope * q.v + q.roll_2 * q.v * q.v, "1", "fall of the TMR with bias", node=True)
    yield Let("fall", 1 / (q.tmr_1 + q.roll), "1", "TMR over zero-bias TMR R_AP/R_P")
    yield Let("w", (cosine - 1) * q.v * q.fall, "V", "bias times that, weighed by the antiparallel part", node=True)
    v_squared = (q.roll - q.tmr_slope * q.v) / q.roll_2
    rise = 1 + q.g_slope * q.v + q.g_curv * v_squared
    yield Let("rise", rise, "1", "parallel conductance over its zero-bias value", node=True)
    yield Let("v_0", q.v + q.tmr_t / 2 * q.w, "V", "current over zero-bias parallel conductance and rise", node=True)
    yield Let("v_c", q.rise * q.v_0, "V", "current times zero-bias parallel resistance", node=True)
    yield Let("i", q.v_c / q.r_p_t, "A", "current from free to reference layer")
    yield Current("fl", "rl", q.i)
    yield Output("resistance", q.r_p_t / (q.rise * (1 + q.tmr_t / 2 * (cosine - 1) * q.fall)), "Ohm", "resistance V/I")
