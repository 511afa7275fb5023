"""Pre-charge sense amplifier that reads a bit stored in two complementary junctions."""

from __future__ import annotations

from types import MappingProxyType

from compact.circuits.base import Setting
from compact.circuits.sense import NODE_CAPACITANCE, SenseAmplifier, sense_settings
from compact.parameters import ParameterSet
from compact.technology import Technology

__all__ = ["NODE_CAPACITANCE", "Pcsa"]


class Pcsa(SenseAmplifier):
    """Two amplifiers, one per stored bit, read twice; the second read is measured."""

    name = "pcsa"
    title = "pre-charge sense amplifier with two complementary junctions"
    template = "pcsa.cir.j2"
    citation = "W. Zhao, C. Chappert, V. Javerliac, J.-P. Noziere, IEEE Trans. Magn. 45 (2009) 3784"
    ports = MappingProxyType({"pcsa": ("q", "qb", "sen", "vdd", "vss")})
    settings = sense_settings(Setting("w_foot", None, "m", "discharge nMOS (derived: four times w_n)", 1e-8, 1e-3))
    pairs = (("mn", "mn_n", 1), ("mp", "mp_n", -1))

    def _sized(self, card: ParameterSet, technology: Technology, s: dict[str, float]) -> dict[str, float]:
        return {"w_foot": 4 * s["w_n"]}
