"""Current-mode sense amplifier: the currents of a junction and of a reference at one clamped voltage are compared."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from compact.circuits.base import Junction, Setting
from compact.circuits.sense import NODE_CAPACITANCE, SenseAmplifier, sense_settings
from compact.parameters import ParameterSet
from compact.technology import Technology

__all__ = ["CurrentSense"]

OVERDRIVE = 0.15
"""Gate overdrive at which the clamps carry the read current [V]: little, so that the junction's voltage stays put."""
SLEWS = 2
"""Read phase, in units of the time in which the read current turns a node from the supply to ground."""


class CurrentSense(SenseAmplifier):
    """Both bits read twice; the reference is four junctions half-way between both states."""

    name = "current_sense"
    title = "current-mode sense amplifier with a junction and a reference"
    template = "current_sense.cir.j2"
    citation = "after the clamped-reference scheme of J. Kim, K. Ryu, S. H. Kang, S.-O. Jung, IEEE TVLSI 20 (2012) 181"
    ports = MappingProxyType(
        {
            "current_sense": ("q", "qb", "sen", "clamp", "vdd", "vss"),
            "sense_latch": ("d", "db", "q", "qb", "vdd", "vss"),
            "sense_reference": ("fl", "rl"),
        }
    )
    settings = sense_settings(
        Setting("v_read", 0.12, "V", "voltage across the junction while it is read", 1e-3, 2),
        Setting("w_clamp", None, "m", "clamp nMOS (derived: carry the mean read current)", 1e-8, 1e-3),
        Setting("v_clamp", None, "V", "gates of the clamps (derived: leave v_read at the mean current)", 0.05, 20),
        Setting("w_foot", None, "m", "discharge nMOS (derived: eight times w_n)", 1e-8, 1e-3),
    )
    complementary = False
    sides = (("xmtj",), ("xref.xp1", "xref.xap1", "xref.xap2", "xref.xp2"))
    pairs = (
        ("mclamp", "mclamp_n", 1),
        ("mp", "mp_n", -1),
        ("xlatch.mset", "xlatch.mset_n", 1),
        ("xlatch.mhold", "xlatch.mhold_n", 1),
        ("xlatch.mdown", "xlatch.mdown_n", -1),
    )

    def _sized(self, card: ParameterSet, technology: Technology, s: dict[str, float]) -> dict[str, float]:
        nmos, junction = technology.device("nmos"), Junction(card)
        current = (junction.current(s["v_read"], 1.0) + junction.current(s["v_read"], -1.0)) / 2
        sizes = {"w_foot": 8 * s["w_n"], "w_clamp": max(current / (nmos.k * OVERDRIVE**nmos.alpha), nmos.min_width)}
        width = s.get("w_clamp", sizes["w_clamp"])
        drive = (current / (nmos.k * width)) ** (1 / nmos.alpha)
        slew = NODE_CAPACITANCE * (2 * s["w_p"] + 2 * s["w_n"] + s["w_pre"]) * s["vdd"] / current
        return {
            **sizes,
            "t_sense": max(SLEWS * slew, 1e-9),
            "v_clamp": s["v_read"] * (1 + nmos.body) + nmos.vth + drive,
        }

    def _bias(self, s: Mapping[str, float]) -> dict[str, float]:
        return {"clamp": s["v_clamp"]}
