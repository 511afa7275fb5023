"""What every circuit has: settings, a testbench, measures; and what sizing needs to know of a junction."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import brentq

from compact.analysis import Tran
from compact.cards import fitting_cards
from compact.errors import CircuitError, unknown
from compact.measure import Measure
from compact.netlist import Netlist
from compact.parameters import CORNERS, ParameterSet
from compact.technology import Technology, get_technology
from compact.templates import render
from compact.units import parse_quantity

if TYPE_CHECKING:
    from compact.waveform import Waveforms

__all__ = ["Circuit", "Junction", "Setting", "Testbench"]

SEARCH_LIMIT = 10.0
"""Highest voltage at which a junction's switching point is looked for [V]."""


@dataclass(frozen=True)
class Setting:
    """One setting of a circuit's testbench.

    Parameters
    ----------
    name : str
        As given to ``build`` and to ``--set``.
    default : float or None
        Value in `unit`; None if it is derived from card and technology.
    unit : str
        SI unit, "1" for a pure number.
    description : str
        One phrase for designers; for a derived one it says from what.
    low, high : float
        Closed range of allowed values.
    """

    name: str
    default: float | None
    unit: str
    description: str
    low: float = -math.inf
    high: float = math.inf

    def check(self, value: object) -> Any:
        """Return the value as a float if it is allowed, else raise CircuitError."""
        if isinstance(value, bool) or not isinstance(value, int | float | np.number):
            raise CircuitError(f"setting '{self.name}' must be a number in {self.unit}, not {value!r}")
        if not self.low <= float(value) <= self.high:
            unit = "" if self.unit == "1" else f" {self.unit}"
            allowed = f"[{self.low:g}, {self.high:g}]{unit}"
            raise CircuitError(f"setting '{self.name}' = {float(value):g}{unit} is outside its range {allowed}")
        return float(value)

    def parse(self, text: str) -> Any:
        """The value that is meant by a text such as "8n", to be checked.

        Raises
        ------
        ParameterError
            If the text is no number, or has another unit.
        """
        return parse_quantity(text, self.unit)


@dataclass(frozen=True)
class Testbench:
    """A circuit with sources and loads, ready to be simulated.

    Parameters
    ----------
    circuit : str
        Name of the circuit.
    netlist : Netlist
        What is simulated.
    analysis : Tran
        For how long and in which steps.
    save : tuple of str
        Signals that the measures need.
    settings : mapping of str to float
        All settings, derived ones included; truth tables are text.
    times : mapping of str to float
        When things happen [s], by event.
    """

    circuit: str
    netlist: Netlist
    analysis: Tran
    save: tuple[str, ...]
    settings: Mapping[str, Any]
    times: Mapping[str, float] = field(default_factory=dict)


class Circuit:
    """Base of all circuits: declarations as class attributes, `_bench` and `measures` in each.

    Attributes
    ----------
    name, title : str
        What it is called and what it is.
    template : str
        File in netlists/circuits that holds its subcircuits.
    ports : mapping of str to tuple of str
        Ports of each subcircuit in the template, in order.
    settings : tuple of Setting
        What can be set.
    citation : str
        Where the circuit was published.
    junction : str
        Model of the junction's card.
    junctions : tuple of str
        Models whose cards are taken, where there are several.
    example : str
        Card that comes with the package and that the circuit works with in `generic`.
    """

    name: str
    title: str
    template: str
    ports: Mapping[str, tuple[str, ...]]
    settings: tuple[Setting, ...]
    citation: str = ""
    junction: str = "mtj"
    junctions: tuple[str, ...] = ()
    example: str = "garcia_redondo_2021"

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
        """The circuit with its testbench for one junction and one technology.

        Parameters
        ----------
        card : ParameterSet
            The junction, a card of the model `junction`.
        technology : Technology or str
            The transistors; a name is looked up.
        corner : str
            Process corner of transistors and junction (typical where the junction has no such corner). Widths
            are always those of the typical corner.
        noise : bool
            Whether the junctions have thermal noise.
        device : optional
            An emitted device to be used instead of emitting the card.
        **settings
            Values for `settings`; those left out are derived or default.

        Returns
        -------
        Testbench

        Raises
        ------
        CircuitError
            If a setting is unknown or out of range, or the card cannot be used in this technology.
        TechnologyError
            If the technology cannot be used.
        """
        technology, values, netlist = self._start(card, technology, corner, noise, device, settings)
        declared = {setting.name: setting for setting in self.settings}
        try:
            bench = self._bench(card, technology, values, netlist)
            for name, value in bench.settings.items():
                with _derived(card) if name not in settings else nullcontext():
                    declared[name].check(value)
        except CircuitError as error:
            if str(error).startswith(f"card '{card.name}'") and card.name != self.example:
                raise CircuitError(f"{error}; a card that the circuit works with is '{self.example}'") from None
            raise
        return replace(bench, settings=dict(bench.settings))

    def takes(self, card: ParameterSet) -> bool:
        """Whether a card is of a model that the circuit is for."""
        return card.model in (self.junctions or (self.junction,))

    def check_card(self, card: ParameterSet) -> None:
        """Raise CircuitError, with the names of cards that suit, unless the circuit takes cards of this model."""
        if not self.takes(card):
            models = "' or '".join(self.junctions or (self.junction,))
            raise CircuitError(
                f"circuit '{self.name}' needs a card of model '{models}', not '{card.model}' as '{card.name}' is; "
                f"of those that come with the package: {', '.join(fitting_cards(self.takes))}"
            )

    def _start(
        self,
        card: ParameterSet,
        technology: Technology | str,
        corner: str,
        noise: bool,
        device: Any,
        settings: Mapping[str, Any],
    ) -> tuple[Technology, dict[str, Any], Netlist]:
        """Technology at its corner, checked settings, and a netlist that knows the junction."""
        self.check_card(card)
        if isinstance(technology, str):
            technology = get_technology(technology)
        technology = technology.at_corner(corner if technology.corner == "tt" else technology.corner)
        declared = {setting.name: setting for setting in self.settings}
        for name in settings:
            if name not in declared:
                raise CircuitError(unknown(f"setting of circuit '{self.name}'", name, declared))
        values = {
            name: setting.check(settings[name]) if name in settings else setting.default
            for name, setting in declared.items()
        }
        netlist = Netlist(f"{self.name} with {card.name} in {technology.name} {technology.corner}", technology)
        if device is not None:
            netlist.use(device)
        else:
            netlist.use(card, "mtj", corner=corner if corner in CORNERS else "tt", noise=noise)
        return technology, values, netlist

    def layout(self, bench: Testbench) -> dict[str, tuple[tuple[str, ...], ...]]:
        """Rows of signals of each column of its plot; empty for one column by kind of signal."""
        return {}

    def measures(self, waveforms: Waveforms, bench: Testbench) -> list[Measure]:
        """Figures of merit with their limits, from a simulation of a testbench."""
        raise NotImplementedError

    def _bench(
        self, card: ParameterSet, technology: Technology, values: Mapping[str, Any], netlist: Netlist
    ) -> Testbench:
        raise NotImplementedError

    def render(self, technology: Technology, values: Mapping[str, Any], suffix: str = "") -> str:
        """The circuit's subcircuits as SPICE text.

        Parameters
        ----------
        technology : Technology
            Resolves ``nmos(name, "drain gate source bulk", width)`` and ``pmos(...)`` in the template.
        values : mapping of str to float
            Widths [m] and other figures or lists that the template names.
        suffix : str
            "_io" for thick-oxide transistors.
        """

        def transistor(kind: str, name: str, nodes: str, width: float) -> str:
            drain, gate, source, bulk = nodes.split()
            return technology.transistor(kind + suffix, name, drain, gate, source, bulk, width)

        kinds = {kind: partial(transistor, kind) for kind in ("nmos", "pmos")}
        return render(
            f"netlists/circuits/{self.template}", title=self.title, technology=technology.name, **kinds, **values
        )


@contextmanager
def _derived(card: ParameterSet) -> Iterator[None]:
    """Say of a derived setting that is out of range that the card asks for it."""
    try:
        yield
    except CircuitError as error:
        raise CircuitError(f"card '{card.name}' does not suit the circuit: derived {error}") from None


@dataclass(frozen=True)
class Junction:
    """A card seen from the circuit: what it takes to switch it, by the model's own equations.

    Parameters
    ----------
    card : ParameterSet
        Card of the model `mtj` or, where only its resistance is asked for, of any junction with a state z.
    """

    card: ParameterSet

    def _at(self, name: str, voltage: float, z: float) -> float:
        model = self.card.definition
        return float(model.evaluate(name, {**self.card.values, "noise": 0.0, "v_fl_rl": voltage, "z": z}))

    def current(self, voltage: float, z: float) -> float:
        """Current [A] at a voltage [V] in state z (1 parallel, -1 antiparallel)."""
        return self._at("i", voltage, z)

    def resistance(self, z: float) -> float:
        """Zero-bias resistance [Ohm] in state z."""
        return self._at("resistance", 0.0, z)

    def write_voltage(self, z: float, overdrive: float) -> float:
        """Magnitude of the voltage [V] at which state z is driven towards the other one.

        Parameters
        ----------
        z : float
            State that is to be left: 1 parallel, -1 antiparallel.
        overdrive : float
            Drive in units of the threshold, above 1.

        Raises
        ------
        CircuitError
            If no voltage up to 10 V does it.
        """
        sign = -z

        def lacking(voltage: float) -> float:
            return sign * self._at("d", sign * voltage, z) - overdrive

        if lacking(SEARCH_LIMIT) < 0:
            raise CircuitError(f"card '{self.card.name}' does not switch below {SEARCH_LIMIT:g} V")
        return float(brentq(lacking, 0.0, SEARCH_LIMIT)) if lacking(0.0) < 0 else 0.0

    def switching_time(self, overdrive: float) -> float:
        """Estimate of the time [s] in which a constant drive turns the junction, thermal start included.

        The zero-temperature solution of the axial macrospin from z0 = sqrt(1 - 1/delta) to z = -0.9
        (J. Z. Sun, Phys. Rev. B 62, 570 (2000)).
        """
        i, z0, z = overdrive, math.sqrt(1 - 1 / self.card.values["delta"]), -0.9
        tau = math.log((1 - z) / (1 - z0)) / (2 * (i - 1)) + math.log((1 + z0) / (1 + z)) / (2 * (i + 1))
        return self.card.values["tau_d"] * (tau + math.log((i - z0) / (i - z)) / (i * i - 1))


def pulse(
    netlist: Netlist,
    name: str,
    node: str,
    high: float,
    start: float,
    width: float,
    edge: float,
    period: float = 0.0,
) -> None:
    """Add a pulse source against ground: low 0 V, half-height at `start` and `start + width`."""
    netlist.circuit.PulseVoltageSource(
        name,
        node,
        netlist.circuit.gnd,
        initial_value=0.0,
        pulsed_value=high,
        delay_time=start - edge / 2,
        rise_time=edge,
        fall_time=edge,
        pulse_width=width - edge,
        period=period or 1.0,
    )
