"""What a junction costs in a simulation, against a resistor in its place."""

from __future__ import annotations

from typing import Any

from benchmarks.engines import Engine, FixedResistor, compare
from compact.analysis import Tran
from compact.circuits import get_circuit
from compact.netlist import Netlist
from compact.parameters import ParameterSet

__all__ = ["CARDS", "alone", "in_circuit"]

CARDS = {
    "symmetric": ParameterSet("mtj", "symmetric"),
    "all terms": ParameterSet(
        "mtj",
        "all_terms",
        values={
            "ic_p2ap": 55e-6,
            "ic_ap2p": 45e-6,
            "tmr_slope": 0.1,
            "g_slope": 0.05,
            "g_curv": 0.1,
            "h_bias": 0.05,
            "tc_r": -1e-4,
        },
    ),
}
"""Cards of the same junction: equal critical currents and an ohmic barrier, and every term of the model in use."""
LENGTH = 15e-9
"""Time that junctions alone are simulated for [s]."""


def in_circuit(engine: Engine, circuit: str, card: str, repeat: int, **settings: float) -> dict[str, Any]:
    """A circuit with junctions against the same with resistors: steps, options and saved signals are equal.

    Parameters
    ----------
    engine : Engine
        Simulator.
    circuit : str
        Name of the circuit.
    card : str
        Name in `CARDS`.
    repeat : int
        Times that each is run; the least time counts.
    **settings
        Settings of the circuit.
    """
    parameters = CARDS[card]
    plain = FixedResistor(parameters)
    build: Any = get_circuit(circuit).build
    benches = {
        "mtj": build(parameters, "generic", **settings),
        "resistor": build(parameters, "generic", device=plain, **settings),
    }
    save = [name for name in benches["mtj"].save if not name.endswith(".z")]
    runs = {name: engine.measure(bench.netlist, bench.analysis, save) for name, bench in benches.items()}
    return _row(engine, compare(runs, repeat), benches["mtj"].analysis, engine.target)


def alone(engine: Engine, count: int, repeat: int) -> dict[str, Any]:
    """Junctions with a voltage source each, half of them switched, against resistors.

    Parameters
    ----------
    engine : Engine
        Simulator.
    count : int
        How many.
    repeat : int
        Times that each is run.
    """
    card, analysis = CARDS["symmetric"], Tran(LENGTH, LENGTH / 300)
    runs = {}
    for name in ("mtj", "resistor"):
        netlist = Netlist(f"{count} junctions")
        netlist.use(card if name == "mtj" else FixedResistor(card))
        netlist.add_text(
            "\n".join(
                f"v{k} n{k} 0 pulse(0 {0.6 + 0.3 * k / count:g} 1n 0.1n 0.1n 12n 100n)\n"
                f"xm{k} n{k} 0 mtj state={-1 if k % 2 else 1}"
                for k in range(count)
            )
        )
        runs[name] = engine.measure(netlist, analysis, ["n0", "i(v0)"])
    return _row(engine, compare(runs, repeat), analysis)


def _row(engine: Engine, costs: dict[str, Any], analysis: Tran, target: float | None = None) -> dict[str, Any]:
    mtj, plain = costs["mtj"], costs["resistor"]
    return {
        "engine": engine.name,
        "seconds": mtj.seconds,
        "seconds_resistor": plain.seconds,
        "ratio": mtj.seconds / plain.seconds,
        "target": target,
        "points": mtj.points,
        "points_resistor": plain.points,
        "iterations": mtj.iterations,
        "iterations_resistor": plain.iterations,
        "step": analysis.step,
        "stop": analysis.stop,
    }
