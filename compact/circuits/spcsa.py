"""Separated pre-charge sense amplifier: the junctions discharge two nodes, and a latch of its own decides."""

from __future__ import annotations

from types import MappingProxyType

from compact.circuits.base import Setting
from compact.circuits.sense import SenseAmplifier, sense_settings
from compact.parameters import ParameterSet
from compact.technology import Technology

__all__ = ["Spcsa"]


class Spcsa(SenseAmplifier):
    """Both bits read twice; between the supply and ground lie one transistor and one junction.

    The published amplifier decides by two inverters and a latch; here the latch is two NOR gates, which keep the
    first node to fall and need no clock of their own.
    """

    name = "spcsa"
    title = "separated pre-charge sense amplifier with two complementary junctions"
    template = "spcsa.cir.j2"
    citation = "after W. Kang et al., IEEE Trans. Magn. 50 (2014) 3400305"
    ports = MappingProxyType(
        {"spcsa": ("q", "qb", "sen", "vdd", "vss"), "sense_latch": ("d", "db", "q", "qb", "vdd", "vss")}
    )
    settings = sense_settings(Setting("w_foot", None, "m", "discharge nMOS (derived: twice w_n)", 1e-8, 1e-3))
    pairs = (
        ("mn", "mn_n", 1),
        ("xlatch.mset", "xlatch.mset_n", 1),
        ("xlatch.mhold", "xlatch.mhold_n", 1),
        ("xlatch.mdown", "xlatch.mdown_n", -1),
    )

    def _sized(self, card: ParameterSet, technology: Technology, s: dict[str, float]) -> dict[str, float]:
        return {"w_foot": 2 * s["w_n"]}
