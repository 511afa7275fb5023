"""What circuits of resonant junctions share: cards of either model, closed forms, phasors, figures against them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compact.circuits.base import Circuit, Setting, Testbench
from compact.errors import CircuitError
from compact.measure import Measure
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.physics.auto_oscillation import AutoOscillator
from compact.physics.oscillator_load import LoadedOscillator, loaded
from compact.units import format_si

if TYPE_CHECKING:
    from compact.technology import Technology
    from compact.waveform import Waveforms

__all__ = [
    "BIAS",
    "LOAD",
    "STO",
    "ResonantCircuit",
    "against",
    "is_noisy",
    "mean_phasor",
    "phasor",
    "slow_frequency",
    "whole",
]

MODELS = ("auto_oscillator", "auto_oscillator_envelope")
OVERDRIVE = 1.5
"""Bias of an oscillator over its threshold current."""
BIAS = Setting("bias", None, "A", "bias current (derived: 1.5 times the threshold current, with its sign)", -10, 10)
LOAD = Setting("load", 50.0, "Ohm", "resistance at radio frequency", 1e-2, 1e6)

STO = ("dc", "out_i", "out_q", "vss")
"""Ports of an oscillator as envelope."""


class ResonantCircuit(Circuit):
    """A circuit of a resonant junction, from a card of either of its models.

    Attributes
    ----------
    junction : str
        The model that is simulated.
    overdrive : float
        Derived bias over the threshold current.
    """

    junction = "auto_oscillator_envelope"
    junctions = MODELS
    example = "kubota_2013"
    overdrive = OVERDRIVE

    def build(
        self,
        card: ParameterSet,
        technology: Technology | str,
        *,
        corner: str = "tt",
        noise: bool = False,
        device: Any = None,
        **settings: Any,
    ) -> Testbench:
        """As `Circuit.build`; a card of the other model of resonant junctions is taken over to this one's."""
        if self.takes(card):
            card = self._converted(card, settings)
        return super().build(card, technology, corner=corner, noise=noise, device=device, **settings)

    def _converted(self, card: ParameterSet, settings: Mapping[str, Any]) -> ParameterSet:
        """The card for the model of the circuit; envelopes are against the frequency that `_reference` says."""
        own = {k: v for k, v in card.values.items() if k not in ("f_ref", "r_in")}
        if self.junction == "auto_oscillator_envelope":
            envelope = {"f_ref": own["f_0"], "r_in": card.values.get("r_in", 50.0)}
            own |= envelope | {
                "f_ref": self._reference(ParameterSet(self.junction, card.name, own | envelope), settings)
            }
        elif card.model == self.junction:
            return card
        return ParameterSet(self.junction, card.name, own, provenance=card.provenance)

    def _reference(self, card: ParameterSet, settings: Mapping[str, Any]) -> float:
        """Reference frequency of envelopes [Hz]: by default what closed forms say at the bias and with the load."""
        declared = {setting.name: setting for setting in self.settings}
        asked = {k: declared[k].check(v) for k, v in settings.items() if k in declared}
        s = self._given(card, {k: setting.default for k, setting in declared.items()} | asked)
        return float(loaded(AutoOscillator.from_card(card), s["load"]).frequency(s["bias"]))

    def _given(self, card: ParameterSet, values: Mapping[str, Any]) -> dict[str, Any]:
        """Settings that are known, the derived bias included."""
        given = {name: value for name, value in values.items() if value is not None}
        return {"bias": self.overdrive * AutoOscillator.from_card(card).i_th} | given

    def oscillator(self, netlist: Netlist, load: float) -> LoadedOscillator:
        """Closed forms of the junction in a netlist, at its corner, with a load [Ohm]."""
        return loaded(AutoOscillator.from_card(netlist.devices["mtj"].card), load)  # type: ignore[attr-defined]

    def oscillating(self, netlist: Netlist, bias: float, load: float) -> LoadedOscillator:
        """The same, of a junction that oscillates.

        Raises
        ------
        CircuitError
            If it does not at this bias [A] with this load.
        """
        osc = self.oscillator(netlist, load)
        if not osc.power(bias) > 1e-3:
            raise CircuitError(
                f"circuit '{self.name}': at bias = {bias:g} A with a load of {load:g} Ohm the junction does not "
                f"oscillate: its threshold current without load is {osc.i_th:g} A"
            )
        return osc


def against(
    name: str, value: float, closed: float, share: float, unit: str, what: str, absolute: float = 0.0
) -> Measure:
    """A figure that should be that of a closed form, within a share of it and an absolute part."""
    room = share * abs(closed) + absolute
    shown = f"{closed:.4g}" if unit == "1" else format_si(float(f"{closed:.5g}"), unit)
    return Measure(name, value, unit, closed - room, closed + room, f"{what}; closed form {shown}")


def whole(name: str, settings: Mapping[str, Any]) -> int:
    """A setting that must be a whole number.

    Raises
    ------
    CircuitError
        If it is none.
    """
    value = settings[name]
    if value != int(value):
        raise CircuitError(f"setting '{name}' = {value:g} must be a whole number")
    return int(value)


def is_noisy(netlist: Netlist) -> bool:
    """Whether the junctions of a netlist have thermal noise."""
    return bool(getattr(netlist.devices["mtj"], "noise", False))


def phasor(waveforms: Waveforms, stem: str) -> NDArray[np.complex128]:
    """In-phase part `stem`_i and quadrature `stem`_q as one complex signal, shape (n,)."""
    return np.asarray(waveforms[f"{stem}_i"] + 1j * waveforms[f"{stem}_q"])


def slow_frequency(time: NDArray[np.float64], values: NDArray[np.complex128], start: float, stop: float) -> float:
    """Mean frequency of a complex signal between two times [Hz], from the turns of its phase."""
    late = (time >= start) & (time <= stop)
    phase = np.unwrap(np.angle(values[late]))
    return float(phase[-1] - phase[0]) / (2 * math.pi * float(time[late][-1] - time[late][0]))


def mean_phasor(
    time: NDArray[np.float64], values: NDArray[Any], frequency: float, start: float, stop: float, points: int = 64
) -> complex:
    """Peak phasor of a signal at a frequency [Hz], over the whole periods that end at `stop` [s].

    Of a real signal this is the amplitude of its cosine and minus that of its sine.
    """
    turns = math.floor((stop - start) * frequency * (1 + 1e-9))
    if turns < 1:
        raise CircuitError(f"{stop - start:g} s hold no period of {frequency:g} Hz")
    grid = stop - turns / frequency + np.arange(points * turns) / (points * frequency)
    wave = np.interp(grid, time, values.real) + 1j * np.interp(grid, time, values.imag)
    share = complex(np.mean(wave * np.exp(-2j * math.pi * frequency * grid)))
    return share if np.iscomplexobj(values) else 2 * share
