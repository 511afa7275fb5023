"""StrongARM comparator that reads a junction against a reference, both as voltages under equal currents."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

from compact.circuits.base import Junction, Setting
from compact.circuits.sense import SenseAmplifier, sense_settings
from compact.parameters import ParameterSet
from compact.technology import Device, Technology

__all__ = ["Strongarm", "load"]

OVERDRIVE = 0.25
"""Gate overdrive of the current sources [V]."""


def load(pmos: Device, current: float, width: float | None = None) -> tuple[float, float]:
    """Width [m] and source-gate voltage [V] of a pMOS that carries a current [A] in saturation.

    Parameters
    ----------
    pmos : Device
        The transistor.
    current : float
        Wanted current [A].
    width : float, optional
        Width, if it is given.
    """
    width = max(current / (pmos.k * OVERDRIVE**pmos.alpha), pmos.min_width) if width is None else width
    return width, pmos.vth + (current / (pmos.k * width)) ** (1 / pmos.alpha)


class Strongarm(SenseAmplifier):
    """Both bits read twice: currents flow when sen rises, the comparator is let go a little later by a delay line.

    The comparator has pMOS inputs, as junctions must be read at a few tenths of a volt.
    """

    name = "strongarm"
    title = "StrongARM sense amplifier with a junction and a reference"
    template = "strongarm.cir.j2"
    citation = (
        "comparator: T. Kobayashi et al., IEEE J. Solid-State Circuits 28 (1993) 523, and J. Montanaro et al., "
        "IEEE J. Solid-State Circuits 31 (1996) 1703, here with pMOS inputs"
    )
    ports = MappingProxyType(
        {
            "strongarm": ("q", "qb", "sen", "strobe", "bias", "vdd", "vss"),
            "comparator": ("in", "ref", "q", "qb", "strobe", "vdd", "vss"),
            "sense_reference": ("fl", "rl"),
        }
    )
    settings = sense_settings(
        Setting("v_read", 0.15, "V", "voltage across a junction of mean resistance while it is read", 1e-3, 2),
        Setting("w_load", None, "m", "pMOS that give the currents (derived: 0.25 V overdrive)", 1e-8, 1e-3),
        Setting("v_load", None, "V", "their source-gate voltage (derived: gives v_read)", 0.05, 20),
        Setting("w_in", None, "m", "input pair of the comparator (derived: three times w_p)", 1e-8, 1e-3),
        Setting("t_settle", 0.5e-9, "s", "from sen until the comparator is let go", 1e-11, 1e-6),
    )
    complementary = False
    strobed = True
    sides = (("xmtj",), ("xref.xp1", "xref.xap1", "xref.xap2", "xref.xp2"))
    pairs = (
        ("mload", "mload_n", -1),
        ("xcomp.min", "xcomp.min_n", -1),
        ("xcomp.mp", "xcomp.mp_n", -1),
        ("xcomp.mn", "xcomp.mn_n", 1),
    )

    def _sized(self, card: ParameterSet, technology: Technology, s: dict[str, float]) -> dict[str, float]:
        pmos, junction = technology.device("pmos"), Junction(card)
        current = math.sqrt(junction.current(s["v_read"], 1.0) * junction.current(s["v_read"], -1.0))
        width, volts = load(pmos, current, s.get("w_load"))
        return {"w_load": width, "v_load": volts, "w_in": 3 * s["w_p"]}

    def _bias(self, s: Mapping[str, float]) -> dict[str, float]:
        return {"bias": s["vdd"] - s["v_load"]}
