"""Large arrays: the full junction, the junction at switch level and fixed resistors, time and memory against size.

One word of an array of 1T-1MTJ cells is read, inverted and read again. Steps, options and saved signals are equal; a
run counts with the processor time and the peak memory of its whole process of one thread, loading included. Targets
are for 64 words of 4 bits: 2.0 in time and 1.2 in memory in ngspice, 1.2 and 1.2 in VACASK, which has no switch with
hysteresis and so takes the compiled model only.
"""

from __future__ import annotations

import re
from typing import Any

from benchmarks.devices import CARDS
from benchmarks.engines import Engine, FixedResistor, compare, engines
from compact.circuits import get_circuit
from compact.switch import SwitchDevice

__all__ = ["rows"]

BLOCK = (64, 4)
SIDES = (32, 64, 128)
FULL_SIDE = 32
"""Largest array with the full model; its time grows as that of the others, only faster."""
MEMORY_TARGET = 1.2


def rows(repeat: int = 3) -> list[dict[str, Any]]:
    """Seconds and peak memory of each, and their ratios to those with resistors.

    Parameters
    ----------
    repeat : int
        Times that each is run, in turn; the least time counts. Arrays above 32 x 32 are run once.
    """
    found = []
    for engine in engines():
        switches = re.fullmatch(r"ngspice \S+", engine.name) is not None
        found += _compared(engine, *BLOCK, repeat, full=True, switches=switches)
        for side in SIDES:
            if side <= FULL_SIDE or switches:
                times = repeat if side <= FULL_SIDE else 1
                found += _compared(engine, side, side, times, full=side <= FULL_SIDE, switches=switches)
    return found


def _compared(
    engine: Engine, count: int, columns: int, repeat: int, *, full: bool, switches: bool
) -> list[dict[str, Any]]:
    card = CARDS["symmetric"]
    devices: dict[str, Any] = {"resistor": FixedResistor(card)}
    devices |= {"full": None} if full else {}
    devices |= {"switch level": SwitchDevice(card)} if switches else {}
    circuit = get_circuit("array_1t1mtj")
    runs = {}
    for name, device in devices.items():
        bench = circuit.build(card, "generic", device=device, rows=count, columns=columns)
        save = [signal for signal in bench.save if not signal.endswith(".z")]
        runs[name] = engine.measure(bench.netlist, bench.analysis, save)
    costs = compare(runs, repeat)
    plain = costs.pop("resistor")
    aims = (count, columns) == BLOCK
    return [
        {
            "what": f"{count} x {columns}",
            "card": name,
            "engine": engine.name,
            "seconds": cost.seconds,
            "ratio": cost.seconds / plain.seconds,
            "target": engine.target if aims else None,
            "peak_mb": cost.peak_mb,
            "memory_ratio": cost.peak_mb / plain.peak_mb,
            "limit_mb": MEMORY_TARGET * plain.peak_mb if aims else None,
            "points": cost.points,
        }
        for name, cost in costs.items()
    ]
