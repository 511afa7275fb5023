"""A junction as SPICE's compiled switch with hysteresis: two resistances and two thresholds, no dynamics.

For arrays of ten thousand cells and more, where only the stored bits and the currents count: no switching time, no
incubation, no thermal noise, no fall of the TMR with bias. A pulse of picoseconds above a threshold turns it, so that
it may only be read well below: not by sense amplifiers that precharge or kick back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scipy.optimize import brentq

from compact.constants import ZERO_CELSIUS
from compact.errors import EmitError
from compact.parameters import ParameterSet, check_identifier
from compact.printers import number

__all__ = ["SWITCHABLE", "SwitchDevice", "Thresholds", "subcircuits", "thresholds"]

SWITCHABLE = frozenset({"mtj"})
"""Models that have a switch-level form: one resistance and one threshold for each of two states."""
STATES = {1: "p", -1: "ap"}
SEARCH_LIMIT = 10.0
"""Highest voltage at which a threshold is looked for [V]."""


@dataclass(frozen=True)
class Thresholds:
    """What is left of a junction at switch level.

    Parameters
    ----------
    r_p, r_ap : float
        Zero-bias resistances [Ohm].
    v_p, v_ap : float
        Voltages from fl to rl at which the critical current flows: above v_p the junction becomes parallel, below
        v_ap (negative) antiparallel [V].
    """

    r_p: float
    r_ap: float
    v_p: float
    v_ap: float


def thresholds(card: ParameterSet, temperature: float = 27.0) -> Thresholds:
    """Resistances and switching voltages of a card, by its model's own equations.

    Parameters
    ----------
    card : ParameterSet
        Card of the model `mtj`.
    temperature : float
        Temperature [degC].

    Raises
    ------
    EmitError
        If the model has no switch-level form, or the card does not switch below 10 V.
    """
    if card.model not in SWITCHABLE:
        raise EmitError(f"model {card.model} has no switch-level form; it is there for {', '.join(sorted(SWITCHABLE))}")
    known = {**card.values, "noise": 0.0, "temperature": temperature + ZERO_CELSIUS}

    def value(name: str, volts: float, z: float) -> float:
        return float(card.definition.evaluate(name, {**known, "v_fl_rl": volts, "z": z}))

    found = {}
    for z in (1.0, -1.0):

        def lacking(volts: float, z: float = z) -> float:
            return -z * value("d", -z * volts, z) - 1.0

        if lacking(SEARCH_LIMIT) < 0:
            raise EmitError(f"card '{card.name}' does not switch below {SEARCH_LIMIT:g} V")
        if lacking(0.0) >= 0:
            raise EmitError(f"card '{card.name}' has one stable state only without bias; a switch needs both")
        found[z] = float(brentq(lacking, 0.0, SEARCH_LIMIT))
    r_p, r_ap = (value("resistance", 0.0, z) for z in (1.0, -1.0))
    if not r_ap > r_p:
        raise EmitError(f"card '{card.name}': R_AP = {r_ap:g} Ohm is not above R_P = {r_p:g} Ohm")
    return Thresholds(r_p, r_ap, found[-1.0], -found[1.0])


def subcircuits(card: ParameterSet, subckt: str, temperature: float = 27.0) -> str:
    """Two ngspice subcircuits, ``NAME__p`` and ``NAME__ap``, that differ in the state they start from.

    The start of ngspice's switch is a word on its line, which no parameter can stand for.

    Parameters
    ----------
    card : ParameterSet
        Card of the model `mtj`.
    subckt : str
        Stem of their names.
    temperature : float
        Temperature [degC].
    """
    t = thresholds(card, temperature)
    # On is parallel: on above vt + vh, off below vt - vh, and between them as before.
    middle, half = (t.v_p + t.v_ap) / 2, (t.v_p - t.v_ap) / 2
    values = {"ron": t.r_p, "roff": t.r_ap, "vt": middle, "vh": half}
    lines = [
        "* switch level: resistances and thresholds only, no dynamics",
        f".model {subckt}__switch sw " + " ".join(f"{name}={number(value)}" for name, value in values.items()),
    ]
    for name, start in (("p", "on"), ("ap", "off")):
        lines += [f".subckt {subckt}__{name} fl rl", f"S1 fl rl fl rl {subckt}__switch {start}"]
        lines += [f".ends {subckt}__{name}"]
    return "\n".join(lines)


@dataclass(frozen=True)
class SwitchDevice:
    """A card as a device of a netlist, at switch level; ngspice only.

    Instances call it as the full model, ``X1 a b mtj state=-1``; the state must come out as a plain number, because
    each value of it becomes a subcircuit of its own (see `compact.variants`).

    Parameters
    ----------
    card : ParameterSet
        Card of the model `mtj`, at its corner.
    subckt : str
        Name under which instances call it.
    """

    card: ParameterSet
    subckt: str = "mtj"

    def __post_init__(self) -> None:
        check_identifier("subcircuit name", self.subckt)
        thresholds(self.card)

    @property
    def ports(self) -> tuple[str, ...]:
        """Terminals in order."""
        return tuple(t.name for t in self.card.definition.terminals)

    @property
    def states(self) -> tuple[str, ...]:
        """A switch has no node that could be saved."""
        return ()

    @property
    def instance_parameters(self) -> Mapping[str, float]:
        """Parameters an instance may give."""
        return {"state": self.card.values["state"]}

    @property
    def model_parameters(self) -> Mapping[str, float]:
        """There is no Verilog-A module."""
        return {}

    @property
    def options(self) -> Mapping[str, float | str]:
        """The same as the full model asks for."""
        return {"method": "trap", "reltol": 1e-4}

    @staticmethod
    def variant(values: Mapping[str, float]) -> str:
        """Suffix of the subcircuit for an instance's parameters: its initial state."""
        return STATES[1 if values["state"] > 0 else -1]

    def ngspice_text(self, temperature: float = 27.0) -> str:
        """Both subcircuits; see `subcircuits`."""
        return subcircuits(self.card, self.subckt, temperature)

    def veriloga_text(self) -> str:
        """There is none.

        Raises
        ------
        EmitError
            Always: a switch with hysteresis is an element of SPICE, and Verilog-A has no memory but states.
        """
        raise EmitError(
            f"'{self.subckt}' is at switch level, which only ngspice's built-in switch can do: VACASK has no switch "
            "with hysteresis; use the compiled model there (a card instead of SwitchDevice)"
        )
