"""Models as text: Verilog-A modules, ngspice subcircuits, and libraries of them with corners."""

from __future__ import annotations

import collections
import functools
import math
import re
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import sympy as sp

import compact
from compact.constants import ZERO_CELSIUS
from compact.errors import EmitError, unknown
from compact.model import NOISE_PARAMETER, RANDOM_PARAMETERS, TEMPERATURE, TIME, TRACK_PARAMETER, Model
from compact.parameters import CORNERS, Parameter, ParameterSet, check_identifier, write_atomic
from compact.printers import NgspicePrinter, VerilogAPrinter, number
from compact.templates import render

__all__ = ["TARGETS", "EmittedDevice", "device", "emit", "emit_ngspice", "emit_veriloga", "write"]

TARGETS = ("veriloga", "ngspice")
NOISE_ONLY = {p.name for p in (NOISE_PARAMETER, *RANDOM_PARAMETERS)}
RESERVED = frozenset(
    """analog and begin branch case cross ddt ddx default discipline disciplines electrical else end endcase endmodule
    exp flow for from function generate gmin ground hertz hypot if inf initial inout input integer limexp ln log max min
    model module nature or output parameter potential pow real sin cos sqrt string table temp temper time tnom
    transition vt while xor abs""".split()  # noqa: SIM905 - a list of words reads better so
)
_BRACED = re.compile(r"\{(\w+)\}")
OPTIONS: Mapping[str, float | str] = {"method": "trap", "reltol": 1e-4}
"""Simulator options that travel with an emitted device."""


def _symbol(name: str) -> sp.Symbol:
    return sp.Symbol(name, real=True)


def header(card: ParameterSet, what: str) -> list[str]:
    """Lines that say what an emitted file is, where its figures come from, and whose it is.

    Parameters
    ----------
    card : ParameterSet
        The card that was emitted.
    what : str
        What the file is.
    """
    model, source = card.definition, card.provenance
    lines = [
        f"{what}",
        f"{model.title}, model {model.name} {model.version}, written by spinbricks {compact.__version__}",
        f"card: {card.name}",
        f"parameters from: {source.source}" + (f" ({source.date})" if source.date else ""),
    ]
    lines += [f"sha256 of the data: {source.sha256}"] if source.sha256 else []
    lines += [f"method: {source.method}"] if source.method else []
    lines += [f"reference: {source.citation}"] if source.citation else []
    lines += [f"{name}: {value:.4g}" for name, value in source.quality.items()]
    lines += [f"model equations: {model.citation}"]
    lines += [f"not determined by the data: {name} ({why})" for name, why in card.undetermined.items()]
    lines += [f"note: {note}" for note in card.notes]
    lines += [f"terminal {t.name}: {t.description}" for t in model.terminals]
    lines += ["This text is yours: use, change and pass it on without conditions; it comes without warranty."]
    return [part for line in lines for part in textwrap.wrap(line, 110, subsequent_indent="    ")]


def _check_names(model: Model) -> None:
    names = [t.name for t in model.terminals] + [p.name for p in model.parameters] + [s.name for s in model.states]
    for name in (*names, *model.lets, *model.outputs):
        if name in RESERVED:
            raise EmitError(f"model {model.name}: '{name}' is a reserved word of a target language")


# ------------------------------------------------------------------------------------------------ Verilog-A


def emit_veriloga(card: ParameterSet, *, module: str | None = None, corner: str = "tt", expose: bool = False) -> str:
    """Verilog-A module whose defaults are the values of a card.

    Parameters
    ----------
    card : ParameterSet
        Values; every parameter stays a parameter of the module.
    module : str, optional
        Name of the module, by default the model's.
    corner : {"tt", "ff", "ss"}
        Process corner of the defaults.
    expose : bool
        Whether the states are terminals too, to be read or driven from outside.

    Returns
    -------
    str
        Text of a `.va` file.

    Raises
    ------
    EmitError
        If the model holds what Verilog-A cannot say.
    """
    model = card.definition
    _check_names(model)
    name = check_identifier("module name", module or model.name)
    values = card.corner(corner).values
    names = {p.name: p.name for p in model.parameters} | {n: n for n in model.lets}
    names |= {s.name: f"V({s.name})" for s in model.states}
    names |= {branch: f"V({a}, {b})" for branch, (a, b) in model.branches.items()}
    names |= {TEMPERATURE.name: "$temperature", TIME.name: "$abstime"}
    printer = VerilogAPrinter(model.name, names)
    assignments = [
        (let.name, printer.text(let.value), f"{let.description} [{let.unit}]") for let in model.lets.values()
    ]
    return render(
        "veriloga/module.va.j2",
        header=header(card, f"Verilog-A module {name}, defaults at corner {corner}"),
        module=name,
        bound=printer.text(_symbol(model.slot)) if model.random or model.has_noise else "",
        always_random=model.random,
        ports=_ports(model, expose),
        states=[{"name": s.name, "description": f"{s.description} [{s.unit}]"} for s in model.states if not expose],
        parameters=[_veriloga_parameter(p, values[p.name]) for p in model.parameters],
        outputs=[
            {"name": o.name, "unit": o.unit, "description": o.description, "value": printer.text(o.value)}
            for o in model.outputs.values()
        ],
        lets=list(model.lets),
        noise=[row for row in assignments if row[0] in model.noise_lets],
        constants=[row for row in assignments if row[0] in model.constant_lets],
        assignments=[row for row in assignments if row[0] not in {*model.noise_lets, *model.constant_lets}],
        currents=[(c.plus, c.minus, printer.text(c.value)) for c in model.currents],
        motions=[
            {
                "state": s.name,
                "scale": printer.text(_symbol(s.time_scale)),
                "static": printer.text(model.statics[s.name]),
                "rate": printer.text(_scaled_rate(model, s.name)),
            }
            for s in model.states
        ],
    )


def _scaled_rate(model: Model, state: str, rate: sp.Expr | None = None) -> sp.Expr:
    """Rate times time scale: the balance of the state's node, of order one."""
    scale = next(s.time_scale for s in model.states if s.name == state)
    return sp.Add(*(t * _symbol(scale) for t in sp.Add.make_args(model.rates[state] if rate is None else rate)))


def _veriloga_parameter(p: Parameter, value: float) -> dict[str, str]:
    def text(x: float) -> str:
        if math.isinf(x):
            return "inf" if x > 0 else "-inf"
        return str(int(x)) if p.integer else number(x)

    return {
        "name": p.name,
        "type": "integer" if p.integer else "real",
        "value": text(value),
        "range": f"from [{text(p.low)}:{text(p.high)}]",
        "attributes": f'desc="{p.description}", units="{p.unit}"'
        + (', type="instance"' if p.scope == "instance" else ""),
    }


# ------------------------------------------------------------------------------------------------ ngspice


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


class _SubcircuitWriter:
    """Splits the equations into linear elements, which ngspice evaluates fast, and as few B sources as possible.

    Of a B source, each operation costs as much as a linear element, and its derivatives cost as much again. Terms that
    are linear in one voltage become G elements and resistors. Intermediates that the model marks as nodes get one,
    unless nothing but linear terms would use it; a quotient becomes the balance of its products, and a constant factor
    the resistor of its node. Terms whose parameter is zero on the card are left out. What depends on the card and
    the temperature alone is a `.param` outside the subcircuit, evaluated once for all instances.
    """

    def __init__(
        self,
        model: Model,
        values: Mapping[str, float],
        name: str,
        noise: bool,
        temperature: float,
        expose: bool,
        sweep: bool,
    ):
        self.model, self.card_values, self.name, self.temperature = model, values, name, temperature
        self.sweep = sweep
        self.ports = _ports(model, expose)
        self.instance = _instance_parameters(model, noise)
        adjustable = {p.name for p in self.instance}
        literal = {p.name: values[p.name] for p in model.parameters if p.name not in adjustable}
        zero = {_symbol(n): sp.Integer(0) for n, value in literal.items() if not value}
        zero |= {_symbol("noise"): sp.Integer(int(noise)), _symbol(TRACK_PARAMETER.name): sp.Integer(int(sweep))}
        self.literal = [n for n in literal if _symbol(n) not in zero]
        self.lets: dict[str, sp.Expr] = {}
        for let in model.lets.values():
            value = let.value.subs(zero)
            inputs = {s.name for s in value.free_symbols}
            if inputs <= set(self.literal) and not value.subs({_symbol(n): values[n] for n in inputs}):
                zero[_symbol(let.name)] = sp.Integer(0)
            elif value.is_number:
                zero[_symbol(let.name)] = value
            else:
                self.lets[let.name] = value
        self.rates = {s: _scaled_rate(model, s, e.subs(zero)) for s, e in model.rates.items()}
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
        self.nodes = {n for n in self.lets if n not in self.fixed and model.lets[n].node}
        self._drop_linear_nodes()
        self.combined: dict[str, tuple[str, str]] = {}  # text of a constant: name, text
        self.counts: dict[str, int] = {}
        self.parameter_names = {n: self._constant_name(n) for n in self.fixed}
        self.parameter_names[TEMPERATURE.name] = f"({name}__temp + {number(ZERO_CELSIUS)})"
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
                value = value.xreplace({_symbol(name): self.lets[name]})
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
        return top - bottom * _symbol(name)

    def _drop_linear_nodes(self) -> None:
        """A linear node that serves linear terms only is not needed: its users take its terms."""
        for name in [n for n in self.lets if n in self.nodes]:
            if self._split(self._balance(name))[1] != 0:
                continue
            users = [self._balance(n) for n in self.nodes if n != name] + [e for _, _, e in self.currents]
            users += self.rates.values()
            if not any(_symbol(name) in self._split(e)[1].free_symbols for e in users):
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
            return _symbol(self.combined[text][0])
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
        own = _symbol(name)
        linear, rest = self._split(self._balance(name))
        leak = -linear.pop(own)
        factor = rest.as_independent(*self._bias(rest), as_Add=False)[0] if rest != 0 else sp.Integer(1)
        factor = factor if factor.free_symbols else sp.Integer(1)
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
            zero = {_symbol(n): sp.Integer(0) for n in (*(s.name for s in model.states), *model.branches)}
            start = self._combine(self._inline(self.statics[state.name], nodes=True).subs(zero), f"{state.name}_start")
            scale, start_text = self._source_text(_symbol(state.time_scale)), self._source_text(start)
            static = self.statics[state.name] - _symbol(state.name)
            lines = [
                f"C{state.name} {state.name} 0 {scale} ic={start_text}",
                *self._elements(state.name, "0", state.name, self.rates[state.name], static),
            ]
            blocks.append((f"{state.name}: {state.description} [{state.unit}]", lines))
        everything = [
            (n, number(self.card_values[n]), f"{p.description} [{p.unit}]")
            for n in self.literal
            for p in [model.parameter(n)]
        ]
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
            shared.insert(0, (f"{self.name}__temp", number(self.temperature), "temperature [degC]"))
        return Subcircuit(
            self.name,
            self.ports,
            [(p.name, number(self.card_values[p.name])) for p in self.instance],
            shared,
            [row for row in everything if row[0] in self.own],
            blocks,
        )

    def _about(self, name: str) -> str:
        let = self.model.lets[name]
        return f"{name}: {let.description} [{let.unit}]"


def _names_in(texts: Iterable[str]) -> list[str]:
    return [name for text in texts for name in re.findall(r"[A-Za-z_]\w*", text)]


def _ports(model: Model, expose: bool) -> list[str]:
    return [t.name for t in model.terminals] + [s.name for s in model.states if expose]


def _instance_parameters(model: Model, noise: bool) -> list[Parameter]:
    return [
        p for p in model.parameters if p.scope == "instance" and (noise or model.random or p.name not in NOISE_ONLY)
    ]


def emit_ngspice(
    card: ParameterSet,
    *,
    subckt: str | None = None,
    corner: str = "tt",
    noise: bool = False,
    temperature: float = 27.0,
    expose: bool = False,
    sweep: bool = False,
) -> str:
    """Subcircuit of behavioural sources, for any ngspice.

    Parameters
    ----------
    card : ParameterSet
        Values; those of instance parameters become defaults.
    subckt : str, optional
        Name of the subcircuit, by default the model's.
    corner : {"tt", "ff", "ss"}
        Process corner.
    noise : bool
        With thermal noise in transients, whose largest step must then not exceed its slot, by default a hundredth
        of the relaxation time.
    temperature : float
        Temperature [degC]. ngspice computes constants before it knows the temperature of the simulation, so a netlist
        at another one must set the parameter `<subckt>__temp`.
    expose : bool
        Whether the states are terminals too, to be read or driven from outside.
    sweep : bool
        For DC sweeps instead of operating points and transients: states follow from the point before.

    Returns
    -------
    str
        A `.subckt`, and before it the constants that its instances share.

    Raises
    ------
    EmitError
        If the model holds what ngspice cannot say, or has no noise that could be on.
    """
    if noise and not card.definition.has_noise:
        raise EmitError(f"model {card.model} declares no noise")
    name = check_identifier("subcircuit name", subckt or card.model)
    moved = card.corner(corner)
    return _ngspice_text(moved.definition, tuple(moved.values.items()), name, noise, temperature, expose, sweep)


@functools.lru_cache(maxsize=512)
def _ngspice_text(
    model: Model,
    values: tuple[tuple[str, float], ...],
    name: str,
    noise: bool,
    temperature: float,
    expose: bool,
    sweep: bool,
) -> str:
    _check_names(model)
    writer = _SubcircuitWriter(model, dict(values), name, noise, temperature, expose, sweep)
    return render("netlists/subckt.lib.j2", sub=writer.write())


# ------------------------------------------------------------------------------------------------ devices and files


@dataclass(frozen=True)
class EmittedDevice:
    """A card as a device of a netlist, in the form that each simulator takes.

    Parameters
    ----------
    card : ParameterSet
        Its values, at its corner.
    subckt : str
        Name under which instances call it.
    noise : bool
        Whether thermal noise is on.
    expose : bool
        Whether the states are terminals too.
    """

    card: ParameterSet
    subckt: str
    noise: bool = False
    expose: bool = False

    @property
    def ports(self) -> tuple[str, ...]:
        """Terminals in order."""
        return tuple(_ports(self.card.definition, self.expose))

    @property
    def states(self) -> tuple[str, ...]:
        """Internal nodes that can be saved."""
        return () if self.expose else tuple(s.name for s in self.card.definition.states)

    @property
    def instance_parameters(self) -> dict[str, float]:
        """Parameters an instance may give, with their defaults."""
        return {p.name: self.card.values[p.name] for p in _instance_parameters(self.card.definition, self.noise)}

    @property
    def model_parameters(self) -> dict[str, float]:
        """Parameters of the Verilog-A module that differ from its defaults."""
        changed = {
            p.name: self.card.values[p.name]
            for p in self.card.definition.parameters
            if p.scope == "model" and self.card.values[p.name] != p.default
        }
        return changed | ({"noise": 1.0} if self.noise else {})

    @property
    def sweep_parameters(self) -> dict[str, float]:
        """Parameters of the Verilog-A module that differ in DC sweeps."""
        return {TRACK_PARAMETER.name: 1.0} if TRACK_PARAMETER in self.card.definition.parameters else {}

    @property
    def options(self) -> Mapping[str, float | str]:
        """Simulator options the device asks for."""
        return OPTIONS

    def largest_step(self, given: Mapping[str, float], temperature: float) -> float | None:
        """Largest time step [s] of an instance at which no random number is missed; None where there are none.

        Parameters
        ----------
        given : mapping of str to float
            Instance parameters that differ from the card.
        temperature : float
            Temperature [degC].
        """
        values = {**self.card.values, **given, "temperature": temperature + ZERO_CELSIUS}
        return self.card.definition.largest_step(values, self.noise)

    def ngspice_text(self, temperature: float = 27.0, sweep: bool = False) -> str:
        """Subcircuit of behavioural sources; see `emit_ngspice`."""
        return emit_ngspice(
            self.card, subckt=self.subckt, noise=self.noise, temperature=temperature, expose=self.expose, sweep=sweep
        )

    def veriloga_text(self) -> str:
        """Verilog-A module with the model's own defaults, so that it is compiled once for all cards."""
        return emit_veriloga(ParameterSet(self.card.model, "defaults"), expose=self.expose)


def device(
    card: ParameterSet,
    *,
    subckt: str | None = None,
    corner: str = "tt",
    noise: bool = False,
    expose: bool = False,
) -> EmittedDevice:
    """A card ready to be used in a netlist.

    Parameters
    ----------
    card : ParameterSet
        Its values.
    subckt : str, optional
        Name under which instances call it, by default the model's.
    corner : {"tt", "ff", "ss"}
        Process corner.
    noise : bool
        Whether thermal noise is on.
    expose : bool
        Whether the states are terminals too, to be read or driven from outside.

    Raises
    ------
    EmitError
        If noise is asked of a model that has none.
    """
    if noise and not card.definition.has_noise:
        raise EmitError(f"model {card.model} declares no noise")
    return EmittedDevice(card.corner(corner), check_identifier("subcircuit name", subckt or card.model), noise, expose)


def _library(card: ParameterSet) -> str:
    name = card.name
    variants: dict[str, dict[str, bool]] = {"": {}, "_sweep": {"sweep": True}}
    if card.definition.has_noise:
        variants["_noise"] = {"noise": True}
    sections: list[dict[str, str]] = [
        {
            "name": f"{name}_{corner}",
            "text": "\n".join(
                emit_ngspice(card, subckt=name + suffix, corner=corner, **choices)
                for suffix, choices in variants.items()
            ),
        }
        for corner in CORNERS
    ]
    what = f"ngspice library {name}.lib, sections " + ", ".join(s["name"] for s in sections)
    usage = [
        f'use: .lib "{name}.lib" {name}_tt',
        f"     X1 {' '.join(t.name for t in card.definition.terminals)} {name} "
        + " ".join(f"{p.name}={card.values[p.name]:g}" for p in _instance_parameters(card.definition, False)),
        f"{name}_noise has thermal noise; the time step must not exceed t_slot (0: tau_d at temperature, over 100).",
        "Integrate with .options " + " ".join(f"{k}={v}" for k, v in OPTIONS.items()) + ".",
        f"Constants hold at 27 degC; for another temperature set .param {name}__temp=85 behind the library.",
        f"{name}_sweep is for .dc, where states follow from the point before; {name} for everything else.",
        "Terms whose parameter is zero on the card are left out.",
    ]
    return render("netlists/card.lib.j2", header=[*header(card, what), *usage], sections=sections)


def _osdi_library(card: ParameterSet) -> str:
    sections: list[dict[str, object]] = []
    for corner in CORNERS:
        values = card.corner(corner).values
        sections.append(
            {
                "name": f"{card.name}_{corner}",
                "ports": [t.name for t in card.definition.terminals],
                "instance": [(p.name, number(values[p.name])) for p in _instance_parameters(card.definition, True)],
                "values": [
                    (p.name, str(int(values[p.name])) if p.integer else number(values[p.name]))
                    for p in card.definition.parameters
                    if p.scope == "model" and p.name != "noise"
                ],
            }
        )
    what = f"library {card.name}_osdi.lib for ngspice with OSDI, sections " + ", ".join(
        str(s["name"]) for s in sections
    )
    return render(
        "netlists/osdi.lib.j2",
        header=[
            *header(card, what),
            f'use: pre_osdi {card.name}.osdi, then .lib "{card.name}_osdi.lib" {card.name}_tt',
        ],
        name=card.name,
        sections=sections,
    )


def emit(card: ParameterSet, target: str) -> dict[str, str]:
    """Files of a card for a target.

    Parameters
    ----------
    card : ParameterSet
        The card.
    target : {"veriloga", "ngspice", "all"}
        What to write for.

    Returns
    -------
    dict of str to str
        Text by file name.

    Raises
    ------
    EmitError
        If the target is not known.
    """
    if target not in (*TARGETS, "all"):
        raise EmitError(unknown("target", target, (*TARGETS, "all")))
    files = {}
    if target in ("veriloga", "all"):
        files[f"{card.name}.va"] = emit_veriloga(card, module=card.name)
        files[f"{card.name}_osdi.lib"] = _osdi_library(card)
    if target in ("ngspice", "all"):
        files[f"{card.name}.lib"] = _library(card)
    return files


def write(card: ParameterSet, target: str, folder: str | Path) -> list[Path]:
    """Write the files of `emit` into a folder.

    Returns
    -------
    list of pathlib.Path
        What was written.

    Raises
    ------
    EmitError
        If the target is not known, or the folder cannot be written.
    """
    folder = Path(folder)
    paths = []
    for name, text in emit(card, target).items():
        try:
            write_atomic(folder / name, text)
        except OSError as error:
            raise EmitError(f"cannot write {folder / name}: {error.strerror or error}") from None
        paths.append(folder / name)
    return paths
