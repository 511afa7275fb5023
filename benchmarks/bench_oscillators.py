"""Oscillators on a common wire for a microsecond: every turn of the carrier against the envelope alone."""

from __future__ import annotations

from typing import Any

from benchmarks.engines import compare, engines
from compact.analysis import Tran
from compact.netlist import Netlist
from compact.parameters import ParameterSet

__all__ = ["network", "rows"]

LENGTH = 1e-6
COUNTS = {1: 2e-7, 4: 1e-7, 16: 2.5e-8, 64: 1e-8}
"""Simulated time [s] of the carrier model for each number of oscillators; its cost is scaled to a microsecond."""
SHARE = 1 / 50
"""Highest cost of the envelope over that of the carrier."""
VALUES = {"f_0": 5e9, "gamma_g": 2e8, "i_th": 1e-3, "q_damping": 1.5, "n_shift": -5e7, "f_i": 1e9, "r_p": 500.0}


def network(model: str, count: int) -> tuple[Netlist, list[str]]:
    """Oscillators with bias currents of their own, coupled through a wire; the netlist and a state to save."""
    netlist = Netlist(f"{count} oscillators on a wire")
    netlist.use(ParameterSet(model, "bench", VALUES))
    envelope = model.endswith("envelope")
    for k in range(count):
        netlist.add_text(f"I{k} 0 n{k} dc {2e-3 + 1e-4 * k / count!r}")
        if envelope:
            netlist.add_text(f"Ra{k} oi{k} bi 500\nRb{k} oq{k} bq 500\nX{k} n{k} 0 0 0 oi{k} oq{k} {model} p_0=0.28")
        else:
            netlist.add_text(f"C{k} n{k} c{k} 10p\nR{k} c{k} b 500\nX{k} n{k} 0 {model} p_0=0.28 phase_0=1.57")
    netlist.add_text("Rbi bi 0 50\nRbq bq 0 50" if envelope else "Rb b 0 50")
    return netlist, ["x0.a_u" if envelope else "x0.u"]


def rows(repeat: int = 3) -> list[dict[str, Any]]:
    """Seconds of the envelope model for a microsecond of 1 to 64 oscillators, and of the carrier model.

    Parameters
    ----------
    repeat : int
        Times that the envelope is run; the least time counts. The carrier is run once.
    """
    table = []
    for engine in engines():
        for count, length in COUNTS.items():
            costs = {}
            for model, stop, times in (
                ("auto_oscillator_envelope", LENGTH, repeat),
                ("auto_oscillator", length, 1),
            ):
                netlist, save = network(model, count)
                run = engine.measure(netlist, Tran(stop, stop / 200), save)
                costs[model] = compare({model: run}, times)[model]
            slow, carrier = costs["auto_oscillator_envelope"], costs["auto_oscillator"]
            seconds = carrier.seconds * LENGTH / length
            table.append(
                {
                    "what": f"{count} oscillators, 1 us",
                    "engine": engine.name,
                    "seconds": slow.seconds,
                    "seconds_carrier": seconds,
                    "ratio": slow.seconds / seconds,
                    "target": SHARE,
                    "points": slow.points,
                    "points_carrier": carrier.points * LENGTH / length,
                }
            )
    return table
