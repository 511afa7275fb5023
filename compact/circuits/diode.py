"""What receivers with a spin-torque diode share: the junction below threshold under a wave, and its settings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from compact.circuits.base import Setting
from compact.circuits.resonant import LOAD, ResonantCircuit
from compact.errors import CircuitError
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.physics.oscillator_load import LoadedOscillator

__all__ = ["DIODE", "DiodeCircuit"]

FORCE = 0.15
"""Derived drive of the amplitude over the rate at which it falls: weak."""

DIODE = (
    Setting("bias", None, "A", "bias current (derived: half the threshold current, with its sign)", -10, 10),
    LOAD,
    Setting("p_rf", None, "W", "available power of the wave (derived: drives the oscillation weakly)", 1e-21, 1),
    Setting("detuning", 0.0, "Hz", "frequency of the wave less that of the resonance", -1e12, 1e12),
)


class DiodeCircuit(ResonantCircuit):
    """A circuit of a junction that rectifies: bias below threshold, wave at the reference frequency."""

    overdrive = 0.5

    def _reference(self, card: ParameterSet, settings: Mapping[str, Any]) -> float:
        return super()._reference(card, settings) + float(settings.get("detuning", 0.0))

    def rectifying(self, netlist: Netlist, s: Mapping[str, Any]) -> tuple[LoadedOscillator, dict[str, Any]]:
        """Closed forms of the diode, and the settings with the power of the wave.

        Raises
        ------
        CircuitError
            If the junction oscillates at this bias, or no current drives it.
        """
        osc, i = self.oscillator(netlist, s["load"]), s["bias"]
        if osc.power(i) > 0:
            raise CircuitError(
                f"circuit '{self.name}': at bias = {i:g} A the junction oscillates; its threshold current without "
                f"load is {osc.i_th:g} A"
            )
        torque = abs(complex(osc.torque(i)))
        if not torque:
            raise CircuitError(f"circuit '{self.name}': torque_ip is 0: no current drives the junction")
        unit = float(osc.injected(1.0, i)) * torque / 2 / (float(osc.relaxation_rate(i)) / 2)
        return osc, {"p_rf": (FORCE / unit) ** 2, **s}

    def signal(
        self, osc: LoadedOscillator, s: Mapping[str, Any], netlist: Netlist, power: float | None = None
    ) -> float:
        """Rectified voltage [V] that closed forms expect of a wave of `power` [W], by default that of the settings."""
        f = netlist.devices["mtj"].card.values["f_ref"]  # type: ignore[attr-defined]
        return float(osc.spectrum(f, osc.injected(s["p_rf"] if power is None else power, s["bias"]), s["bias"]))

    @staticmethod
    def wave(s: Mapping[str, Any]) -> float:
        """Peak of the source [V] behind the load."""
        return math.sqrt(8 * s["load"] * s["p_rf"])
