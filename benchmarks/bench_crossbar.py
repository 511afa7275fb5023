"""Crossbar of memristors, all columns read, against the same crossbar with fixed resistors in the junctions' place.

Wires, selectors, inputs, steps, options and saved signals of both are equal; a run counts with the processor
time of its whole process of one thread, loading included. The junctions are those that the circuit itself takes for
reads, whose states are held (conduction with bias-dependent TMR, `mtj_held`), after it has found from the card's rates
that the reads move none; rows called "all states" have the twelve states of `multidomain` in every cell. Targets are
2.0 in ngspice and 1.3 in VACASK, for junctions that are held.
"""

from __future__ import annotations

from typing import Any

from benchmarks.devices import CARDS
from benchmarks.engines import Engine, FixedResistor, compare, engines
from compact.circuits import get_circuit
from compact.parameters import ParameterSet

__all__ = ["rows"]

SIDES = (16, 64)
SELECTORS = ("no selectors", "transistors", "two terminals")
"""By the setting `selector`."""
ONCE = 64
"""From this side on, each is run once."""
CARD = ParameterSet("multidomain", "memristor")
TARGETS = {"ngspice": 2.0, "vacask": 1.3}


def rows(repeat: int = 3) -> list[dict[str, Any]]:
    """Seconds with junctions and with resistors for every simulator and size.

    Parameters
    ----------
    repeat : int
        Times that each is run, in turn; the least time counts. Crossbars of 64 x 64 are run once.
    """
    found = []
    for engine in engines():
        for side in SIDES:
            found.append(_compared(engine, side, repeat))
            if side < ONCE:
                found.append(_compared(engine, side, repeat, selector=0))
                found.append(_compared(engine, side, repeat, selector=2))
                found.append(_compared(engine, side, 1, full=1))
    return found


def _compared(engine: Engine, side: int, repeat: int, **settings: float) -> dict[str, Any]:
    choices: dict[str, Any] = {"rows": side, "columns": side, "levels": 2, **settings}
    circuit = get_circuit("crossbar")
    plain = FixedResistor(CARDS["symmetric"])
    benches = {
        "junctions": circuit.build(CARD, "generic", **choices),
        "resistors": circuit.build(CARD, "generic", device=plain, **choices),
    }
    runs = {name: engine.measure(bench.netlist, bench.analysis, bench.save) for name, bench in benches.items()}
    costs = compare(runs, 1 if side >= ONCE else repeat)
    what = f"{side} x {side}, {SELECTORS[int(settings.get('selector', 1))]}"
    target = next((value for name, value in TARGETS.items() if engine.name.startswith(name)), None)
    return {
        "what": what,
        "card": "all states" if settings.get("full") else "held",
        "engine": engine.name,
        "seconds": costs["junctions"].seconds,
        "seconds_resistor": costs["resistors"].seconds,
        "ratio": costs["junctions"].seconds / costs["resistors"].seconds,
        "target": None if settings.get("full") else target,
        "points": costs["junctions"].points,
        "points_resistor": costs["resistors"].points,
        "peak_mb": costs["junctions"].peak_mb,
    }
