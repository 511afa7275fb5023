"""Splitting a model into the elements of an ngspice subcircuit."""

from __future__ import annotations

import collections
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import sympy as sp

from compact.constants import ZERO_CELSIUS
from compact.declarations import NOISE_PARAMETER, RANDOM_PARAMETERS, TEMPERATURE, TIME, TRACK_PARAMETER
from compact.model import Model
from compact.parameters import Parameter
from compact.printers import NgspicePrinter, number

__all__ = [
    "NAME",
    "VALUE",
    "Subcircuit",
    "SubcircuitWriter",
    "absent_terms",
    "instance_parameters",
    "port_names",
    "scaled_rate",
    "symbol",
]

NOISE_ONLY = {p.name for p in (NOISE_PARAMETER, *RANDOM_PARAMETERS)}
_BRACED = re.compile(r"\{(\w+)\}")


def symbol(name: str) -> sp.Symbol:
    """The symbol of a name in the equations."""
    return sp.Symbol(name, real=True)


def port_names(model: Model, expose: bool) -> list[str]:
    """Terminals, and the states where they are exposed."""
    return [t.name for t in model.terminals] + [s.name for s in model.states if expose]


def instance_parameters(model: Model, noise: bool) -> list[Parameter]:
    """Parameters that an instance may give."""
    return [
        p for p in model.parameters if p.scope == "instance" and (noise or model.random or p.name not in NOISE_ONLY)
    ]


def scaled_rate(model: Model, state: str, rate: sp.Expr | None = None) -> sp.Expr:
    """Rate times time scale: the balance of the state's node, of order one."""
    scale = next(s.time_scale for s in model.states if s.name == state)
    return sp.Add(*(t * symbol(scale) for t in sp.Add.make_args(model.rates[state] if rate is None else rate)))


@dataclass(frozen=True)
class Subcircuit:
    """A `.subckt` in parts, for the template.

    Parameters
    ----------
    name : str
        Its name.
    ports : list of str
        Its terminals.
    instance : list of (str, str)
        Instance parameters and their default text.
    shared : list of (str, str, str)
        `.param` lines of all instances: name, text, comment.
    constants : list of (str, str, str)
        `.param` lines of each instance.
    blocks : list of (str, list of str)
        Comment and elements of each node or branch.
    """

    name: str
    ports: list[str]
    instance: list[tuple[str, str]]
    shared: list[tuple[str, str, str]]
    constants: list[tuple[str, str, str]]
    blocks: list[tuple[str, list[str]]]


NAME, VALUE = "SUBCKT", "VALUE_"
"""Stand-ins for the name of a subcircuit and for values of its parameters; names of models are in lower case."""


def absent_terms(model: Model, values: Mapping[str, float], noise: bool, sweep: bool) -> frozenset[str]:
    """Parameters, and intermediates of parameters alone, that are zero on a card.

    Parameters
    ----------
    model : Model
        Its model.
    values : mapping of str to float
        Its values.
    noise, sweep : bool
        As for `SubcircuitWriter`.
    """
    adjustable = {p.name for p in instance_parameters(model, noise)}
    literal = {p.name: values[p.name] for p in model.parameters if p.name not in adjustable}
    literal |= {name: float(on) for name, on in (("noise", noise), (TRACK_PARAMETER.name, sweep)) if name in literal}
    known = set(literal)
    names = []
    for name, let in model.lets.items():
        if {s.name for s in let.value.free_symbols} <= known:
            known.add(name)
            names.append(name)
    results = model.evaluate(names, literal) if names else ()
    zero = {name for name, value in zip(names, results, strict=True) if value == 0}
    return frozenset(zero | {name for name, value in literal.items() if not value})


class SubcircuitWriter:
    """Splits the equations into linear elements, which ngspice evaluates fast, and as few B sources as possible.

    Of a B source, each operation costs as much as a linear element, and its derivatives cost as much again. Terms that
    are linear in one voltage become G elements and resistors. Intermediates that the model marks as nodes get one,
    unless nothing but linear terms would use it; a quotient becomes the balance of its products, and a constant factor
    the resistor of its node. Terms whose parameter is zero on the card are left out. What depends on the card and
    the temperature alone is a `.param` outside the subcircuit, evaluated once for all instances.

    The text has stand-ins for name and values, so that it serves all cards on which the same terms are absent.
    """

    def __init__(self, model: Model, absent: Collection[str], *, noise: bool, expose: bool, sweep: bool):
        self.model, self.name, self.sweep = model, NAME, sweep
        self.ports = port_names(model, expose)
        self.instance = instance_parameters(model, noise)
        adjustable = {p.name for p in self.instance}
        literal = [p.name for p in model.parameters if p.name not in adjustable]
        zero = {symbol(n): sp.Integer(0) for n in absent}
        zero |= {symbol("noise"): sp.Integer(int(noise)), symbol(TRACK_PARAMETER.name): sp.Integer(int(sweep))}
        self.literal = [n for n in literal if symbol(n) not in zero]
        self.lets: dict[str, sp.Expr] = {}
        for let in model.lets.values():
            value = let.value.subs(zero)
            if value.is_number:
                zero[symbol(let.name)] = value
            elif let.name not in absent:
                self.lets[let.name] = value
        self.rates = {s: scaled_rate(model, s, e.subs(zero)) for s, e in model.rates.items()}
        self.statics = {s: e.subs(zero) for s, e in model.statics.items()}
        self.currents = [(c.plus, c.minus, c.value.subs(zero)) for c in model.currents]
        self.fixed = {*self.literal, *adjustable, TEMPERATURE.name}
        for let_name, value in self.lets.items():
            if {s.name for s in value.free_symbols} <= self.fixed:
                self.fixed.add(let_name)
        self.own = {p.name for p in self.instance}  # constants that differ between instances
        for let_name in (n for n in self.lets if n in self.fixed):
            if {s.name for s in self.lets[let_name].free_symbols} & self.own:
                self.own.add(let_name)
        self.uncertain = {p.name for p in self.instance if p.low <= 0 <= p.high}  # what an instance may set to zero
        for let_name in (n for n in self.lets if n in self.fixed):
            if {s.name for s in self.lets[let_name].free_symbols} & self.uncertain:
                self.uncertain.add(let_name)
        self.nodes = {n for n in self.lets if n not in self.fixed and model.lets[n].node}
        self._drop_linear_nodes()
        self.combined: dict[str, tuple[str, str]] = {}  # text of a constant: name, text
        self.counts: dict[str, int] = {}
        self.parameter_names = {n: self._constant_name(n) for n in self.fixed}
        self.parameter_names[TEMPERATURE.name] = f"({NAME}__temp + {number(ZERO_CELSIUS)})"
        self.names = {n: "{" + self._constant_name(n) + "}" for n in self.fixed} | {TIME.name: "time"}
        self.names |= {n: f"V({n})" for n in (*(s.name for s in model.states), *self.nodes)}
        self.names |= {branch: f"V({a}, {b})" for branch, (a, b) in model.branches.items()}

    def _constant_name(self, name: str) -> str:
        return name if name in self.own else f"{self.name}__{name}"

    def _parameter_text(self, value: sp.Expr) -> str:
        return NgspicePrinter(self.model.name, self.parameter_names).text(value)

    def _source_text(self, value: sp.Expr) -> str:
        return NgspicePrinter(self.model.name, self.names).text(value)

    def _bias(self, value: sp.Expr) -> list[sp.Symbol]:
        """Symbols that change while the circuit runs."""
        return [s for s in value.free_symbols if s.name not in self.fixed]

    def _inline(self, value: sp.Expr, nodes: bool = False) -> sp.Expr:
        """Expand intermediates that are neither constants nor, unless `nodes`, nodes."""
        for name in reversed(list(self.lets)):
            if name not in self.fixed and (nodes or name not in self.nodes):
                value = value.xreplace({symbol(name): self.lets[name]})
        return value

    def _split(self, value: sp.Expr) -> tuple[dict[sp.Symbol | None, sp.Expr], sp.Expr]:
        """Coefficients of the terms linear in one voltage, key None for the constant, and the other terms."""
        linear: dict[sp.Symbol | None, sp.Expr] = {}
        rest = []
        for term in sp.Add.make_args(sp.expand_mul(self._inline(value))):
            bias = self._bias(term)
            coefficient, core = term.as_independent(*bias, as_Add=False) if bias else (term, None)
            if core is None or (core in bias and core != TIME):
                linear[core] = linear.get(core, sp.Integer(0)) + coefficient
            else:
                rest.append(term)
        others = sp.Add(*rest)
        bias = self._bias(others)
        if len(rest) > 1 and others.is_polynomial(*bias):
            others = min((others, sp.factor(others)), key=sp.count_ops)
        return linear, others

    def _balance(self, name: str) -> sp.Expr:
        """Current into a node, zero where its voltage is the value of the intermediate of that name."""
        value = self._inline(self.lets[name])
        bottoms = [f for f in sp.Mul.make_args(value) if f.is_Pow and f.exp.is_negative and self._bias(f.base)]
        bottom = sp.Mul(*(sp.Pow(f.base, -f.exp) for f in bottoms))
        top = sp.Mul(*(f for f in sp.Mul.make_args(value) if f not in bottoms))
        balance = top - bottom * symbol(name)
        # A denominator without a constant part would leave the node without a leak of its own.
        return balance if symbol(name) in self._split(balance)[0] else value - symbol(name)

    def _drop_linear_nodes(self) -> None:
        """A linear node that serves linear terms only is not needed: its users take its terms."""
        for name in [n for n in self.lets if n in self.nodes]:
            if self._split(self._balance(name))[1] != 0:
                continue
            users = [self._balance(n) for n in self.nodes if n != name] + [e for _, _, e in self.currents]
            users += self.rates.values()
            if not any(symbol(name) in self._split(e)[1].free_symbols for e in users):
                self.nodes.discard(name)

    def _combine(self, value: sp.Expr, owner: str) -> sp.Expr:
        """Give each constant sub-expression of more than a name a `.param` of its own."""
        if value.is_Symbol or value.is_number:
            return value
        if not self._bias(value):
            text = self._parameter_text(value)
            if text not in self.combined:
                self.counts[owner] = self.counts.get(owner, 0) + 1
                name = f"k{self.counts[owner]}_{owner}"
                self.combined[text] = (name, text)
                self.fixed.add(name)
                if {s.name for s in value.free_symbols} & self.own:
                    self.own.add(name)
                self.parameter_names[name] = self._constant_name(name)
                self.names[name] = "{" + self._constant_name(name) + "}"
            return symbol(self.combined[text][0])
        arguments = value.args
        if isinstance(value, sp.Add | sp.Mul):
            constant, varying = value.as_independent(*self._bias(value), as_Add=value.is_Add)
            arguments = (*(() if constant == value.identity else (constant,)), *value.func.make_args(varying))
        parts = [self._combine(a, owner) for a in arguments]
        return value.func(*parts, evaluate=False) if len(parts) > 1 else value.func(*parts)

    def _elements(self, owner: str, plus: str, minus: str, value: sp.Expr, static: sp.Expr | None = None) -> list[str]:
        """Elements that carry a current of `value` from node `plus` to node `minus`.

        With `static`, the current at the operating point is that instead. There, and in transients nowhere else,
        `time` is zero; in DC sweeps it is the value swept.
        """
        linear, rest = self._split(value)
        lines: list[str] = []
        total = sp.Integer(0)
        for order, (symbol, coefficient) in enumerate(linear.items(), start=1):
            total += coefficient * (symbol if symbol is not None else 1)
            across = self._across(symbol)
            if across in ((plus, minus), (minus, plus)):
                resistance = (1 if across == (plus, minus) else -1) / coefficient
                text = self._source_text(self._combine(resistance, owner))
                lines.append(f"R{owner}_{order} {across[0]} {across[1]} {text}")
                continue
            gain = self._combine(coefficient, owner)
            if symbol is None:
                lines.append(f"I{owner}_{order} {plus} {minus} {self._source_text(gain)}")
            else:
                a, b = self.model.branches.get(symbol.name, (symbol.name, "0"))
                lines.append(f"G{owner}_{order} {plus} {minus} {a} {b} {self._source_text(gain)}")
        text = self._source_text(self._combine(rest, owner))
        if static is not None:
            settle = self._combine(self._gathered(self._inline(static) - total), f"{owner}_op")
            settled = self._source_text(settle)
            text = settled if self.sweep else f"time ? {text} : {settled}"
        return [*lines, f"B{owner} {plus} {minus} I={text}"] if rest != 0 or static is not None else lines

    def _gathered(self, value: sp.Expr) -> sp.Expr:
        """A sum in which each voltage has one coefficient."""
        terms: dict[sp.Expr, sp.Expr] = {}
        for term in sp.Add.make_args(value):
            coefficient, core = term.as_independent(*self._bias(term), as_Add=False)
            terms[core] = terms.get(core, sp.Integer(0)) + coefficient
        return sp.Add(*(coefficient * core for core, coefficient in terms.items()))

    def _across(self, symbol: sp.Symbol | None) -> tuple[str, str]:
        """Nodes between which the voltage is that of a symbol; terminals rather than a node that repeats them."""
        name = "" if symbol is None else symbol.name
        same = str(self.lets[name]) if name in self.nodes else name
        return self.model.branches.get(same, (name, "0"))

    def _node(self, name: str) -> list[str]:
        """Elements of the node of an intermediate."""
        own = symbol(name)
        linear, rest = self._split(self._balance(name))
        leak = -linear.pop(own)
        factor = rest.as_independent(*self._bias(rest), as_Add=False)[0] if rest != 0 else sp.Integer(1)
        certain = bool(factor.free_symbols) and not {s.name for s in factor.free_symbols} & self.uncertain
        factor = factor if certain else sp.Integer(1)
        linear = {symbol: coefficient / factor for symbol, coefficient in linear.items()}
        value = sp.Add(*(k * (1 if s is None else s) for s, k in linear.items()), rest / factor)
        resistance = self._source_text(self._combine(factor / leak, name))
        return [*self._elements(name, "0", name, value), f"R{name} {name} 0 {resistance}"]

    def write(self) -> Subcircuit:
        """The subcircuit in parts."""
        model = self.model
        blocks = [(self._about(name), self._node(name)) for name in self.lets if name in self.nodes]
        for plus, minus, value in self.currents:
            lines = self._elements(f"i_{plus}_{minus}", plus, minus, value)
            blocks.append((f"current from {plus} to {minus} [A]", lines))
        for state in model.states:
            zero = {symbol(n): sp.Integer(0) for n in (*(s.name for s in model.states), *model.branches)}
            start = self._combine(self._inline(self.statics[state.name], nodes=True).subs(zero), f"{state.name}_start")
            scale, start_text = self._source_text(symbol(state.time_scale)), self._source_text(start)
            static = self.statics[state.name] - symbol(state.name)
            lines = [
                f"C{state.name} {state.name} 0 {scale} ic={start_text}",
                *self._elements(state.name, "0", state.name, self.rates[state.name], static),
            ]
            blocks.append((f"{state.name}: {state.description} [{state.unit}]", lines))
        everything = [(n, VALUE + n, f"{p.description} [{p.unit}]") for n in self.literal for p in [model.parameter(n)]]
        everything += [(n, self._parameter_text(self.lets[n]), self._about(n)) for n in self.lets if n in self.fixed]
        everything += [(name, text, "combined for speed") for name, text in self.combined.values()]
        # Each constant of an instance costs as much as an element: those used once are written where they are used,
        # except in B sources, where ngspice would not compute them but put in their text.
        uses = collections.Counter(_names_in([t for _, t, _ in everything] + [x for _, lines in blocks for x in lines]))
        sources = {n for _, lines in blocks for n in _names_in(x for x in lines if x.startswith("B"))}
        once = {n: t for n, t in self.combined.values() if n in self.own and uses[n] == 1 and n not in sources}
        for position, (comment, lines) in enumerate(blocks):
            blocks[position] = (comment, [_BRACED.sub(lambda m: f"{{{once.get(m[1], m[1])}}}", x) for x in lines])
        everything = [(n, t, c) for n, t, c in everything if uses[self._constant_name(n)] and n not in once]
        shared = [(self._constant_name(n), t, c) for n, t, c in everything if n not in self.own]
        if uses[f"{self.name}__temp"]:
            shared.insert(0, (f"{self.name}__temp", VALUE + "temp", "temperature [degC]"))
        return Subcircuit(
            self.name,
            self.ports,
            [(p.name, VALUE + p.name) for p in self.instance],
            shared,
            [row for row in everything if row[0] in self.own],
            blocks,
        )

    def _about(self, name: str) -> str:
        let = self.model.lets[name]
        return f"{name}: {let.description} [{let.unit}]"


def _names_in(texts: Iterable[str]) -> list[str]:
    return [name for text in texts for name in re.findall(r"[A-Za-z_]\w*", text)]
