"""The model language: a device is declared once, in SymPy, and everything else is derived from it."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import sympy as sp

from compact.declarations import (
    AUTOMATIC,
    BUILT_IN,
    NOISE_PARAMETER,
    RANDOM_PARAMETERS,
    TEMPERATURE,
    TRACK_PARAMETER,
    Current,
    Equation,
    Item,
    Let,
    Noise,
    Output,
    Rate,
    State,
    Static,
    Symbols,
    Terminal,
    White,
    slot_time,
)
from compact.errors import ParameterError, unknown
from compact.parameters import Parameter, check_identifier, values_by_name
from compact.symbolic import Remainder, SmoothPositive, in_steps, normal_number, smooth_positive, uniform_number

__all__ = [
    "Current",
    "Item",
    "Let",
    "Model",
    "Noise",
    "Output",
    "Rate",
    "Remainder",
    "SmoothPositive",
    "State",
    "Static",
    "Symbols",
    "Terminal",
    "White",
    "slot_time",
    "smooth_positive",
    "uniform_number",
]

ROOM = 300.15
"""Default temperature of `Model.evaluate` [K]: 27 degC, as in SPICE."""
SLOTS = 100
"""Noise slots per time scale of the state, by default: <z^2> of an MTJ is then off by 0.2 % at Delta = 5."""


class Model:
    """Base of all device models: declarations as class attributes, physics in `equations`.

    Raises
    ------
    ParameterError
        At construction, so at import of the model, if a symbol is undeclared or unused, a unit or description
        is missing, a default is out of range, or a state has no rate or static value.
    """

    name: ClassVar[str]
    version: ClassVar[str]
    title: ClassVar[str]
    citation: ClassVar[str]
    terminals: ClassVar[tuple[Terminal, ...]]
    declared_parameters: ClassVar[tuple[Parameter, ...]]
    states: ClassVar[tuple[State, ...]] = ()
    random: ClassVar[bool] = False
    """Whether the equations use `seed` and `t_slot` of their own accord, without any `Noise`."""
    oscillates: ClassVar[bool | None] = None
    """Whether its states may oscillate by themselves; by default if there are several."""
    slot: ClassVar[str] = "slot_time"
    """Name of the `Let` that bounds the time step of models that are random or have noise."""
    step: ClassVar[str] = ""
    """Name of the `Let` that bounds the time step of every transient, noise or not; none by default."""
    options: ClassVar[Mapping[str, float | str]] = {}
    """Simulator options it needs beyond those of every device; ``ngspice:trtol`` goes to that simulator alone."""

    def __init__(self) -> None:
        self.lets: dict[str, Let] = {}
        self.currents: list[Current] = []
        self.rates: dict[str, sp.Expr] = {}
        self.statics: dict[str, sp.Expr] = {}
        self.noises: dict[str, sp.Expr] = {}
        self.outputs: dict[str, Output] = {}
        self._check_declarations()
        terminals = [t.name for t in self.terminals]
        self.branches = {f"v_{a}_{b}": (a, b) for a in terminals for b in terminals if a != b}
        names = [p.name for p in (*self.declared_parameters, NOISE_PARAMETER, *RANDOM_PARAMETERS, TRACK_PARAMETER)]
        symbols = Symbols(self.name, [*names, *(s.name for s in self.states), *self.branches])
        self.noise_lets: tuple[str, ...] = ()
        for item in self.equations(symbols):
            if isinstance(item, White):
                self._add_white(item.name, item.description, symbols)
            else:
                self._take(item, symbols)
        everything = [*self.statics.values(), *(let.value for let in self.lets.values())]
        tracks = any(getattr(symbols, TRACK_PARAMETER.name) in e.free_symbols for e in everything)
        self.parameters = (
            *self.declared_parameters,
            *([TRACK_PARAMETER] if tracks else []),
            *([NOISE_PARAMETER] if self.has_noise else []),
            *(RANDOM_PARAMETERS if self.has_noise or self.random else []),
        )
        if self.noises:
            self._add_noise(symbols)
        self._check_use()

    def equations(self, q: Symbols) -> Iterator[Item]:
        """Yield the equations in order; later ones may use the names of earlier `Let`s through `q`."""
        raise NotImplementedError

    def check_values(self, values: Mapping[str, float]) -> None:
        """Raise `ParameterError` if values that are allowed one by one do not go together."""

    # -- declaration checks ------------------------------------------------------------------------

    def _fail(self, message: str) -> ParameterError:
        return ParameterError(f"model {self.name}: {message}")

    def _check_declarations(self) -> None:
        check_identifier("model name", self.name)
        for kind in ("version", "title", "citation", "terminals"):
            if not getattr(self, kind, None):
                raise self._fail(f"no {kind}")
        seen: set[str] = set()
        everything: tuple[Terminal | Parameter | State, ...]
        everything = (*self.terminals, *self.declared_parameters, *self.states)
        for item in everything:
            check_identifier(f"model {self.name}: name", item.name)
            if item.name in seen or item.name in BUILT_IN or item.name in AUTOMATIC:
                raise self._fail(f"'{item.name}' is declared twice")
            seen.add(item.name)
            if not item.description:
                raise self._fail(f"'{item.name}' has no description")
            if not isinstance(item, Terminal) and not item.unit:
                raise self._fail(f"'{item.name}' has no unit")
        earlier: set[str] = set()
        for p in self.declared_parameters:
            if isinstance(p.default, str):
                if p.default not in earlier:
                    raise self._fail(f"default of '{p.name}': " + unknown("earlier parameter", p.default, earlier))
            else:
                try:
                    p.check(p.default)
                except ParameterError as error:
                    raise self._fail(f"default: {error}") from None
            earlier.add(p.name)

    def _check_expression(self, where: str, value: Any, symbols: Symbols) -> sp.Expr:
        expression = sp.sympify(value)
        for symbol in expression.free_symbols:
            if symbol.name not in symbols or getattr(symbols, symbol.name) != symbol:
                raise self._fail(f"{where} uses an undeclared symbol '{symbol.name}'")
        return expression

    def _take(self, item: Equation, symbols: Symbols) -> None:
        states = {s.name for s in self.states}
        if isinstance(item, Let | Output):
            if not item.unit or not item.description:
                raise self._fail(f"'{item.name}' has no {'unit' if not item.unit else 'description'}")
            expression = self._check_expression(f"'{item.name}'", item.value, symbols)
            store: dict[str, Any] = self.lets if isinstance(item, Let) else self.outputs
            if item.name in self.outputs:
                raise self._fail(f"'{item.name}' is declared twice")
            store[item.name] = dataclasses.replace(item, value=expression)
            if isinstance(item, Let):
                check_identifier(f"model {self.name}: name", item.name)
                symbols._add(item.name)
        elif isinstance(item, Current):
            terminals = [t.name for t in self.terminals]
            for end in (item.plus, item.minus):
                if end not in terminals:
                    raise self._fail(unknown("terminal", end, terminals))
            value = self._check_expression(f"current {item.name}", item.value, symbols)
            self.currents.append(Current(item.plus, item.minus, value))
        else:
            if item.state not in states:
                raise self._fail(unknown("state", item.state, states))
            target = {Rate: self.rates, Static: self.statics, Noise: self.noises}[type(item)]
            if item.state in target:
                raise self._fail(f"{type(item).__name__.lower()} of '{item.state}' is given twice")
            raw = item.amplitude if isinstance(item, Noise) else item.value
            target[item.state] = self._check_expression(
                f"{type(item).__name__.lower()} of '{item.state}'", raw, symbols
            )

    @property
    def has_noise(self) -> bool:
        """Whether thermal noise can be switched on."""
        return bool(self.noises or self.noise_lets)

    def _add_white(self, name: str, description: str, q: Symbols) -> None:
        """Noise as a function of time: the same numbers in every simulator, in any order of steps.

        In slot k it is a number of unit variance, the sum of four sines of a fast-turning phase that k, the seed and
        the order of the source determine; between slots it is interpolated, and divided by the root of the slot its
        spectrum at low frequency is that of unit white noise.
        """
        before = set(self.lets)
        if "slot" not in q:
            self._take(Let("slot", q.time / q.slot_time, "1", "position in noise slots"), q)
            self._take(Let("slot_index", sp.floor(q.slot), "1", "noise slot"), q)
        order = sum(n.startswith("xi_") for n in self.noise_lets)
        fraction, (first, second) = q.slot - q.slot_index, (normal_number(q, q.slot_index + k, order) for k in (0, 1))
        value = ((1 - fraction) * first + fraction * second) / sp.sqrt(q.slot_time)
        self._take(Let(f"xi_{name}", q.noise * value, "s^-0.5", description), q)
        self.noise_lets += tuple(n for n in self.lets if n not in before)

    def _add_noise(self, q: Symbols) -> None:
        first = next(s for s in self.states if s.name in self.noises)
        if self.slot not in self.lets:
            self._take(slot_time(q, getattr(q, first.time_scale) / SLOTS), q)
        for state in self.noises:
            self._add_white(state, f"unit white noise on {state}", q)
            self.rates[state] += self.noises[state] * getattr(q, f"xi_{state}")

    def _check_use(self) -> None:
        for state in self.states:
            for kind, found in (("rate", self.rates), ("static value", self.statics)):
                if state.name not in found:
                    raise self._fail(f"state '{state.name}' has no {kind}")
        if not self.currents:
            raise self._fail("no branch current")
        results = [c.value for c in self.currents] + [*self.rates.values(), *self.statics.values()]
        results += [o.value for o in self.outputs.values()]
        used = {s.name for e in (*results, *(x.value for x in self.lets.values())) for s in e.free_symbols}
        used |= {s.time_scale for s in self.states} | ({self.slot} if self.random else set())
        used |= {self.step} - {""}
        used |= {p.default for p in self.parameters if isinstance(p.default, str)}
        declared = [p.name for p in self.parameters] + list(self.lets) + [s.name for s in self.states]
        for name in declared:
            if name not in used:
                raise self._fail(f"'{name}' is declared but not used")
        for state in self.states:
            if state.time_scale not in declared:
                raise self._fail(f"time scale of '{state.name}': " + unknown("name", state.time_scale, declared))

    # -- values ------------------------------------------------------------------------------------

    def complete(self, given: Mapping[str, float]) -> dict[str, float]:
        """Values of all parameters: `given` ones checked, the others at their defaults.

        Raises
        ------
        ParameterError
            For an unknown name (with the nearest match) or values that are not allowed.
        """
        values = values_by_name(self.parameters, given, f"model {self.name}")
        self.check_values(values)
        return values

    def parameter(self, name: str) -> Parameter:
        """Declaration of one parameter.

        Raises
        ------
        ParameterError
            If there is none of that name.
        """
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        raise ParameterError(unknown(f"parameter of model {self.name}", name, [p.name for p in self.parameters]))

    def largest_step(self, values: Mapping[str, float], noise: bool) -> float | None:
        """Largest time step [s] at which no random number is missed, None where there are none.

        Parameters
        ----------
        values : mapping of str to float
            Parameters, and `temperature` [K].
        noise : bool
            Whether thermal noise is on.
        """
        return float(self.evaluate(self.slot, values)) if self.random or noise else None

    def widest_step(self, values: Mapping[str, float]) -> float | None:
        """Largest time step [s] at which a circuit simulator keeps amplitude and frequency, None if it need not care.

        Parameters
        ----------
        values : mapping of str to float
            Parameters, and `temperature` [K].
        """
        return float(self.evaluate(self.step, values)) if self.step else None

    @functools.cached_property
    def constant_lets(self) -> tuple[str, ...]:
        """Names of the intermediates that depend on parameters and temperature alone."""
        fixed = {p.name for p in self.parameters} | {TEMPERATURE.name}
        names: list[str] = []
        for name, let in self.lets.items():
            if {s.name for s in let.value.free_symbols} <= fixed:
                fixed.add(name)
                names.append(name)
        return tuple(names)

    @functools.cached_property
    def quantities(self) -> dict[str, sp.Expr]:
        """All that can be evaluated, by name: intermediates, outputs, `i_*`, `rate_*`, `static_*`."""
        table = {name: let.value for name, let in self.lets.items()}
        table |= {name: output.value for name, output in self.outputs.items()}
        table |= {current.name: current.value for current in self.currents}
        table |= {f"rate_{s}": e for s, e in self.rates.items()}
        table |= {f"static_{s}": e for s, e in self.statics.items()}
        return table

    def expand(self, expression: sp.Expr, keep: Sequence[str] = ()) -> sp.Expr:
        """Write `expression` in parameters, states and branch voltages only, but for the names in `keep`."""
        for name, let in reversed(self.lets.items()):
            if name not in keep:
                expression = expression.xreplace({sp.Symbol(name, real=True): let.value})
        return expression

    @functools.lru_cache(maxsize=256)  # noqa: B019 - models are module-level singletons
    def function(self, *names: str) -> tuple[Any, tuple[str, ...]]:
        """NumPy function of the named quantities.

        Returns
        -------
        callable, tuple of str
            A function of positional arguments returning a tuple of values, and the arguments' names.

        Raises
        ------
        ParameterError
            If a name is not known.
        """
        for name in names:
            if name not in self.quantities:
                raise ParameterError(unknown(f"quantity of model {self.name}", name, self.quantities))
        lets = {name: let.value for name, let in self.lets.items()}
        steps, results = in_steps(lets, [self.quantities[name] for name in names])
        own = {symbol for symbol, _ in steps}
        used = {s for e in (*results, *(value for _, value in steps)) for s in e.free_symbols}
        arguments = sorted(used - own, key=lambda s: s.name)
        compiled = sp.lambdify(arguments, results, "numpy", cse=lambda _: (steps, results))
        return compiled, tuple(s.name for s in arguments)

    def evaluate(self, names: str | Sequence[str], values: Mapping[str, Any]) -> Any:
        """Evaluate named quantities with NumPy.

        Parameters
        ----------
        names : str or sequence of str
            Names in `quantities`.
        values : mapping of str to array_like
            Parameters, states, branch voltages `v_plus_minus` [V], `temperature` [K, default 300.15] and `time`
            [s, default 0]; arrays broadcast.

        Returns
        -------
        ndarray or tuple of ndarray
            In SI units; a tuple if `names` is a sequence.

        Raises
        ------
        ParameterError
            If a name is not known or a value is missing.
        """
        single = isinstance(names, str)
        compiled, arguments = self.function(*([names] if single else names))
        known = {"temperature": ROOM, "time": 0.0} | dict(values)
        for name, (a, b) in self.branches.items():
            if name not in known and f"v_{b}_{a}" in known:
                known[name] = -np.asarray(known[f"v_{b}_{a}"])
        missing = [a for a in arguments if a not in known]
        if missing:
            raise ParameterError(f"model {self.name}: no value for {', '.join(missing)}")
        results = compiled(*(np.asarray(known[a], dtype=float) for a in arguments))
        shape = np.broadcast_shapes(*(np.shape(known[a]) for a in arguments))
        arrays = tuple(np.broadcast_to(np.asarray(r, dtype=float), shape) for r in results)
        return arrays[0] if single else arrays
