"""Models as text: Verilog-A modules, ngspice subcircuits, and libraries of them with corners."""

from __future__ import annotations

import functools
import math
import re
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import compact
from compact.constants import ZERO_CELSIUS
from compact.declarations import TEMPERATURE, TIME, TRACK_PARAMETER
from compact.errors import EmitError, unknown
from compact.model import ROOM, Model
from compact.parameters import CORNERS, Parameter, ParameterSet, check_identifier, write_atomic
from compact.printers import VerilogAPrinter, number
from compact.subcircuit import (
    NAME,
    VALUE,
    SubcircuitWriter,
    absent_terms,
    instance_parameters,
    port_names,
    scaled_rate,
    symbol,
)
from compact.switch import SWITCHABLE, subcircuits, thresholds
from compact.templates import render

__all__ = ["TARGETS", "EmittedDevice", "device", "emit", "emit_ngspice", "emit_switch", "emit_veriloga", "write"]

TARGETS = ("veriloga", "ngspice", "switch")
RESERVED = frozenset(
    """analog and begin branch case cross ddt ddx default discipline disciplines electrical else end endcase endmodule
    exp flow for from function generate gmin ground hertz hypot if inf initial inout input integer limexp ln log max min
    model module nature or output parameter potential pow real sin cos sqrt string table temp temper time tnom
    transition vt while xor abs""".split()  # noqa: SIM905 - a list of words reads better so
)
OPTIONS: Mapping[str, float | str] = {"method": "trap", "reltol": 1e-4}
"""Simulator options that travel with an emitted device."""


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
    return _wrapped(lines)


def _wrapped(lines: Iterable[str]) -> list[str]:
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
        bound=printer.text(symbol(model.slot)) if model.random or model.has_noise else "",
        bounds=[printer.text(symbol(n)) for n in ((model.slot if model.random else ""), model.step) if n],
        ports=port_names(model, expose),
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
                "scale": printer.text(symbol(s.time_scale)),
                "static": printer.text(model.statics[s.name]),
                "rate": printer.text(scaled_rate(model, s.name)),
            }
            for s in model.states
        ],
    )


@functools.lru_cache(maxsize=64)
def _default_module(model: Model, expose: bool) -> str:
    """Text of the module that serves all cards of a model: a netlist may hold hundreds of them."""
    return emit_veriloga(ParameterSet(model.name, "defaults"), expose=expose)


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
    model, values = moved.definition, {**moved.values, "temp": temperature}
    absent = absent_terms(model, moved.values, noise, sweep)
    text = _subcircuit_text(model, absent, noise, expose, sweep)
    return _STAND_IN.sub(lambda match: number(values[match[1]]) if match[1] else name, text)


_STAND_IN = re.compile(rf"{VALUE}(\w+)|{NAME}")


@functools.lru_cache(maxsize=512)
def _subcircuit_text(model: Model, absent: frozenset[str], noise: bool, expose: bool, sweep: bool) -> str:
    _check_names(model)
    writer = SubcircuitWriter(model, absent, noise=noise, expose=expose, sweep=sweep)
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
        return tuple(port_names(self.card.definition, self.expose))

    @property
    def states(self) -> tuple[str, ...]:
        """Internal nodes that can be saved."""
        return () if self.expose else tuple(s.name for s in self.card.definition.states)

    @property
    def instance_parameters(self) -> dict[str, float]:
        """Parameters an instance may give, with their defaults."""
        return {p.name: self.card.values[p.name] for p in instance_parameters(self.card.definition, self.noise)}

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
        """Simulator options the device asks for; ``ngspice:trtol`` is for that simulator alone."""
        return {**OPTIONS, **self.card.definition.options}

    @property
    def oscillates(self) -> bool:
        """Whether its states may oscillate by themselves, which some integrators damp."""
        declared = self.card.definition.oscillates
        return len(self.card.definition.states) > 1 if declared is None else declared

    def largest_step(self, given: Mapping[str, float], temperature: float) -> float | None:
        """Largest time step [s] of an instance at which no random number and no oscillation is missed; None for any.

        Parameters
        ----------
        given : mapping of str to float
            Instance parameters that differ from the card.
        temperature : float
            Temperature [degC].
        """
        values = {**self.card.values, **given, "temperature": temperature + ZERO_CELSIUS}
        model = self.card.definition
        steps = (model.largest_step(values, self.noise), model.widest_step(values))
        return min((step for step in steps if step), default=None)

    def ngspice_text(self, temperature: float = 27.0, sweep: bool = False) -> str:
        """Subcircuit of behavioural sources; see `emit_ngspice`."""
        return emit_ngspice(
            self.card, subckt=self.subckt, noise=self.noise, temperature=temperature, expose=self.expose, sweep=sweep
        )

    def veriloga_text(self) -> str:
        """Verilog-A module with the model's own defaults, so that it is compiled once for all cards."""
        return _default_module(self.card.definition, self.expose)


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
    step = card.definition.widest_step({**card.values, "temperature": ROOM})
    what = f"ngspice library {name}.lib, sections " + ", ".join(s["name"] for s in sections)
    asked = {**OPTIONS, **card.definition.options}.items()
    options = {name.removeprefix("ngspice:"): v for name, v in asked if name.startswith("ngspice:") or ":" not in name}
    usage = [
        f'use: .lib "{name}.lib" {name}_tt',
        f"     X1 {' '.join(t.name for t in card.definition.terminals)} {name} "
        + " ".join(f"{p.name}={card.values[p.name]:g}" for p in instance_parameters(card.definition, False)),
        f"{name}_noise has thermal noise; the time step must not exceed t_slot (0: tau_d at temperature, over 100).",
        "Integrate with .options " + " ".join(f"{k}={v}" for k, v in options.items()) + ".",
        *([f"The time step must not exceed {step:.3g} s, or amplitude and frequency drift."] if step else []),
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
                "instance": [(p.name, number(values[p.name])) for p in instance_parameters(card.definition, True)],
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


def emit_switch(card: ParameterSet) -> str:
    """Library for ngspice at switch level, sections per corner: `NAME_p` starts parallel, `NAME_ap` antiparallel.

    Raises
    ------
    EmitError
        If the model has no switch-level form.
    """
    name = card.name
    sections = []
    for corner in CORNERS:
        text = subcircuits(card.corner(corner), name).replace(f"{name}__", f"{name}_")
        sections.append({"name": f"{name}_{corner}", "text": text})
    t = thresholds(card)
    usage = [
        "SWITCH LEVEL: two resistances and two thresholds. No switching time, no incubation, no noise, no fall of the "
        "TMR with bias: it switches at once where the full model needs nanoseconds at more than the critical current.",
        f"R_P {t.r_p:.4g} Ohm, R_AP {t.r_ap:.4g} Ohm; parallel above {t.v_p:.4g} V, antiparallel below {t.v_ap:.4g} V "
        "from fl to rl (tt); values of the model's equations at 27 degC.",
        f'use: .lib "{name}_switch.lib" {name}_tt, then X1 fl rl {name}_p (starts parallel) or {name}_ap',
        "ngspice only: VACASK has no switch with hysteresis, use the compiled model there.",
    ]
    what = f"ngspice library {name}_switch.lib, sections " + ", ".join(s["name"] for s in sections)
    return render("netlists/card.lib.j2", header=[*_wrapped(usage[:1]), *header(card, what), *_wrapped(usage[1:])],
                  sections=sections)  # fmt: skip


def emit(card: ParameterSet, target: str) -> dict[str, str]:
    """Files of a card for a target.

    Parameters
    ----------
    card : ParameterSet
        The card.
    target : {"veriloga", "ngspice", "switch", "all"}
        What to write for; "switch" is ngspice at switch level, which "all" leaves out where the model has none.

    Returns
    -------
    dict of str to str
        Text by file name.

    Raises
    ------
    EmitError
        If the target is not known, or is "switch" and the model has no such form.
    """
    if target not in (*TARGETS, "all"):
        raise EmitError(unknown("target", target, (*TARGETS, "all")))
    files = {}
    if target in ("veriloga", "all"):
        files[f"{card.name}.va"] = emit_veriloga(card, module=card.name)
        files[f"{card.name}_osdi.lib"] = _osdi_library(card)
    if target in ("ngspice", "all"):
        files[f"{card.name}.lib"] = _library(card)
    if target == "switch" or (target == "all" and card.model in SWITCHABLE):
        files[f"{card.name}_switch.lib"] = emit_switch(card)
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
