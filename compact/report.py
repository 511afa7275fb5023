"""Results as tables for people and as plain content for JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from compact.terminal import MISSING, Terminal, verdict
from compact.units import format_si

if TYPE_CHECKING:
    from compact.measure import Measure
    from compact.parameters import ParameterSet
    from compact.qa import Check
    from compact.runs import Run

__all__ = ["checks_table", "limits", "list_items", "measures_table", "run_content"]


def figure(value: float, unit: str) -> str:
    """A value for a table; a dash where the event it belongs to did not happen."""
    return "—" if math.isnan(value) else format_si(value + 0.0, unit)  # + 0.0 for -0.0


def limits(measure: Measure) -> str:
    """Limits of a measure for a table."""
    low, high = (figure(x, measure.unit) for x in (measure.low, measure.high))
    if math.isinf(measure.high):
        return "" if math.isinf(measure.low) else f"≥ {low}"
    return f"≤ {high}" if measure.low == 0 or math.isinf(measure.low) else f"{low} … {high}"


def measures_table(terminal: Terminal, title: str, runs: Sequence[Run]) -> None:
    """Figures of merit of one circuit, a column for each simulator.

    Parameters
    ----------
    terminal : Terminal
        Where to.
    title : str
        Line above the table.
    runs : sequence of Run
        Runs of the same circuit.
    """
    rows = []
    for same in zip(*(run.measures for run in runs), strict=True):
        values = [figure(m.value, m.unit) for m in same]
        rows.append([same[0].name, *values, limits(same[0]), verdict(all(m.passed for m in same)), same[0].description])
    names = [run.simulator for run in runs]
    terminal.table(title, ["measure", *names, "limit", "", "what"], rows, numbers=names)


def run_content(run: Run) -> dict[str, Any]:
    """A run for JSON."""
    measures = [
        {"name": m.name, "value": m.value, "unit": m.unit, "low": m.low, "high": m.high, "passed": m.passed}
        for m in run.measures
    ]
    content: dict[str, Any] = {"circuit": run.circuit.name, "technology": run.technology, "simulator": run.simulator}
    content |= {"version": run.version, "seconds": run.seconds, "passed": run.passed}
    return content | {"measures": measures}


def checks_table(terminal: Terminal, title: str, checks: Sequence[Check]) -> None:
    """Outcome of the checks of a card."""
    rows = [
        (c.name, c.target, figure(c.value, c.unit), "≤ " + figure(c.limit, c.unit), verdict(c.passed), c.note)
        for c in checks
    ]
    terminal.table(title, ("check", "in", "value", "limit", "", "what"), rows, numbers=("value", "limit"))
    failed = sum(not c.passed for c in checks)
    terminal.say(f"{len(checks)} checks, " + (f"{failed} failed" if failed else "all passed"))


def list_items(kind: str, terminal: Terminal) -> list[dict[str, Any]]:
    """Show what there is of a kind, and return it for JSON.

    Parameters
    ----------
    kind : {"models", "cards", "circuits", "technologies", "simulators"}
        What to list.
    terminal : Terminal
        Where to.
    """
    return _LISTS[kind](terminal)


def _models(terminal: Terminal) -> list[dict[str, Any]]:
    from compact.models import MODELS

    items = []
    for model in MODELS:
        rows = [
            {
                "name": p.name,
                "default": p.default,
                "unit": p.unit,
                "low": p.low,
                "high": p.high,
                "scope": p.scope,
                "description": p.description,
            }
            for p in model.parameters
        ]
        terminals = {t.name: t.description for t in model.terminals}
        items.append(
            {"name": model.name, "version": model.version, "title": model.title, "terminals": terminals}
            | {"citation": model.citation, "parameters": rows}
        )
        terminal.say(f"{model.name} {model.version}: {model.title}", "bold")
        for name, text in terminals.items():
            terminal.say(f"  terminal {name}: {text}")
        cells = [(r["name"], r["default"], r["unit"], r["scope"], r["description"]) for r in rows]
        terminal.table("", ("parameter", "default", "unit", "scope", "what"), cells, numbers=("default",))
    return items


def _cards(terminal: Terminal) -> list[dict[str, Any]]:
    from compact.cards import card_names, design_names, load_card

    cards, designs = [load_card(name) for name in card_names()], design_names()
    items = [
        {"name": c.name, "model": c.model, "citation": c.provenance.citation or c.provenance.source, "values": c.values}
        | {"kind": "design" if c.name in designs else "published"}
        for c in cards
    ]
    head = ("card", "model", "R_P", "TMR", "Delta", "I_c P->AP", "from")
    kinds = {
        "of published devices": [c for c in cards if c.name not in designs],
        "designs, not measured: devices that could be ordered, chosen so that circuits work": [
            c for c in cards if c.name in designs
        ],
    }
    for title, some in kinds.items():
        rows = [_card_row(c, c.provenance.source if c.name in designs else c.provenance.citation) for c in some]
        terminal.table(title, head, rows, numbers=head[2:6])
    return items


def _card_row(card: ParameterSet, origin: str) -> tuple[str, ...]:
    return (
        card.name,
        card.model,
        format_si(card.values["r_p"], "Ohm"),
        f"{100 * card.values['tmr']:.4g} %",
        _known(card, "delta", "1"),
        _known(card, "ic_p2ap", "A"),
        origin or card.provenance.source,
    )


def _known(card: ParameterSet, name: str, unit: str) -> str:
    """A parameter, or where the model has none the figure derived from the others; a dash where there is neither."""
    derived = card.derived.get(name)
    value = card.values.get(name, derived.value if derived else math.nan)
    return figure(float(f"{value:.4g}"), unit)


def _shown(default: float | str, unit: str) -> str:
    from compact.units import format_si

    return default if isinstance(default, str) else format_si(default, unit)


def _circuits(terminal: Terminal) -> list[dict[str, Any]]:
    from compact.cards import fitting_cards
    from compact.circuits import CIRCUITS

    items = []
    for circuit in CIRCUITS.values():
        declared = [
            {"name": s.name, "default": s.default, "unit": s.unit, "low": s.low, "high": s.high}
            | {"description": s.description}
            for s in circuit.settings
        ]
        items.append(
            {"name": circuit.name, "title": circuit.title, "citation": circuit.citation, "example": circuit.example}
            | {"ports": circuit.ports, "settings": declared}
        )
        terminal.say(f"{circuit.name}: {circuit.title}", "bold")
        terminal.say(f"  cards: {', '.join(fitting_cards(circuit.takes))}; by default {circuit.example}")
        rows = [
            (s.name, "derived" if s.default is None else _shown(s.default, s.unit), s.unit, s.description)
            for s in circuit.settings
        ]
        terminal.table("", ("setting", "default", "unit", "what"), rows, numbers=("default",))
    return items


def _technologies(terminal: Terminal) -> list[dict[str, Any]]:
    from compact.errors import TechnologyError
    from compact.technology import get_technology, technologies

    items: list[dict[str, Any]] = []
    for name, description in technologies().items():
        item: dict[str, Any] = {"name": name, "description": description, "installed": True}
        try:
            found = get_technology(name)
            item |= {"vdd": found.vdd, "corners": list(found.corners), "licence": found.licence}
        except TechnologyError as error:
            item |= {"installed": False, "note": str(error)}
        items.append(item)
    rows = [
        (
            i["name"],
            "ok" if i["installed"] else MISSING,
            i["description"],
            " ".join(i.get("corners", [])),
            i.get("note") or i.get("licence", ""),
        )
        for i in items
    ]
    terminal.table("", ("technology", "", "what", "corners", "licence or note"), rows)
    return items


def _simulators(terminal: Terminal) -> list[dict[str, Any]]:
    from compact.runs import find_simulators
    from compact.simulators import SIMULATORS

    found, missing = find_simulators(SIMULATORS)
    items: list[dict[str, Any]] = []
    for name in SIMULATORS:
        details: Mapping[str, Any] = found.get(name, {})
        items.append({"name": name, "installed": name in found, "note": missing.get(name, ""), **details})
    rows = [
        (i["name"], "ok" if i["installed"] else MISSING, i.get("version", ""), _devices(i), i["note"]) for i in items
    ]
    terminal.table("", ("simulator", "", "version", "devices run as", "note"), rows)
    return items


def _devices(item: Mapping[str, Any]) -> str:
    if not item["installed"]:
        return ""
    if item["name"] == "reference":
        return "the model's own equations (no transistors)"
    return "compiled Verilog-A" if item.get("osdi", item["name"] == "vacask") else "behavioural subcircuits"


_LISTS = {
    "models": _models,
    "cards": _cards,
    "circuits": _circuits,
    "technologies": _technologies,
    "simulators": _simulators,
}
