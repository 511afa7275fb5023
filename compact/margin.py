"""At which TMR a sense amplifier stops reading rightly, for given mismatch, supply and temperature."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from compact import asked
from compact.errors import CircuitError, unknown
from compact.options import Card, Debug, Timeout
from compact.terminal import Terminal

if TYPE_CHECKING:
    from compact.circuits.sense import SenseAmplifier
    from compact.parameters import ParameterSet

__all__ = ["Margin", "critical_tmr", "decisions", "margins", "register"]

LOWEST, HIGHEST = 0.01, 10.24
"""Least and largest TMR that are tried."""
RIGHT = 0.9
"""Least share of the supply by which the outputs must differ in the right sense."""
TOLERANCE = 0.03
"""Relative width of the interval in which the limit is found."""


@dataclass(frozen=True)
class Margin:
    """Least TMR at which an amplifier reads both bits.

    Parameters
    ----------
    amplifier, technology, simulator : str
        Of what.
    vdd : float
        Supply [V].
    temperature : float
        Temperature [degC].
    vth : float
        Difference of the thresholds in every pair of transistors that should be alike [V].
    resistance : float
        Relative difference of the junctions' resistances between both sides.
    tmr : float
        Least TMR that is read rightly; 0 if all that were tried are, from 1 % on, infinite if none is, up to 1024 %.
    bit : int or None
        Stored bit that is read wrongly below it.
    runs : int
        Simulations that it took.
    """

    amplifier: str
    technology: str
    simulator: str
    vdd: float
    temperature: float
    vth: float
    resistance: float
    tmr: float
    bit: int | None
    runs: int


def _amplifier(name: str) -> SenseAmplifier:
    from compact.circuits import CIRCUITS
    from compact.circuits.sense import SenseAmplifier

    known = {key: circuit for key, circuit in CIRCUITS.items() if isinstance(circuit, SenseAmplifier)}
    if name not in known:
        raise CircuitError(unknown("sense amplifier", name, known))
    return known[name]


def decisions(
    amplifier: str,
    card: ParameterSet,
    technology: Any = "generic",
    simulator: str = "ngspice",
    *,
    vth: float = 0.0,
    resistance: float = 0.0,
    temperature: float = 27.0,
    settings: Mapping[str, float] | None = None,
    timeout: float | None = 120.0,
) -> tuple[float, float]:
    """What an amplifier makes of a stored 0 and of a stored 1 when all its mismatch pushes towards the other bit.

    Parameters
    ----------
    amplifier : str
        Name of the circuit.
    card : ParameterSet
        The junction.
    technology : Technology or str
        The transistors.
    simulator : str
        Name of the simulator.
    vth : float
        Difference of the thresholds in every pair of transistors that should be alike [V].
    resistance : float
        Relative difference of the junctions' resistances between both sides.
    temperature : float
        Temperature [degC].
    settings : mapping of str to float, optional
        Settings of the circuit.
    timeout : float, optional
        Limit of the run [s].

    Returns
    -------
    tuple of float
        (q - qb)/vdd at the end of the read, with the sign of the stored bit: 1 is right, -1 wrong.

    Raises
    ------
    CircuitError
        If there is no such amplifier, or a mismatch is negative.
    """
    from compact.simulators import get_simulator

    circuit = _amplifier(amplifier)
    if not (0 <= vth < math.inf and 0 <= resistance < 2):
        raise CircuitError(f"mismatch vth = {vth:g} V must not be negative, resistance = {resistance:g} lie in [0, 2)")
    given: Mapping[str, Any] = settings or {}
    bench = circuit.build(card, technology, **given)
    netlist = bench.netlist
    for name, sign in (("mtj_high", 1), ("mtj_low", -1)):
        netlist.use(card.replace(None, r_p=card.values["r_p"] * (1 + sign * resistance / 2)), name)
    for bit in (0, 1):
        push = 1 - 2 * bit
        for first, second, towards in circuit.pairs:
            for path, share in ((first, 0.5), (second, -0.5)):
                netlist.mismatch[f"xbit{bit}.{path}"] = push * towards * share * vth
        for side, name in zip(circuit.sides, ("mtj_high", "mtj_low")[::push], strict=True):
            for path in side:
                netlist.instead[f"xbit{bit}.{path}"] = name
    save = ("sen", "q0", "qb0", "q1", "qb1")
    waves = get_simulator(simulator).run(
        netlist, bench.analysis, save=save, temperature=temperature, timeout=timeout
    )  # fmt: skip
    return circuit.decision(waves, bench, 0), circuit.decision(waves, bench, 1)


def critical_tmr(
    amplifier: str,
    card: ParameterSet,
    technology: Any = "generic",
    simulator: str = "ngspice",
    *,
    vth: float = 0.02,
    resistance: float = 0.05,
    vdd: float | None = None,
    temperature: float = 27.0,
    timeout: float | None = 120.0,
) -> Margin:
    """Least TMR at which an amplifier reads both bits though all its mismatch pushes towards the other one.

    Sizes, bias voltages and times are those of the card as it is at the technology's own supply; then the TMR is
    changed with R_P kept. Bias voltages that hang from the supply follow it.

    Parameters
    ----------
    amplifier, card, technology, simulator, vth, resistance, temperature, timeout
        As for `decisions`.
    vdd : float, optional
        Supply [V]; the technology's own if left out.

    Returns
    -------
    Margin
    """
    nominal = dict(_amplifier(amplifier).build(card, technology).settings)
    supply = nominal["vdd"] if vdd is None else vdd
    settings = nominal | {"vdd": supply}
    wrong: int | None = None
    runs = 0

    def right(tmr: float) -> bool:
        nonlocal wrong, runs
        runs += 1
        found = decisions(
            amplifier, card.replace(None, tmr=tmr), technology, simulator, vth=vth, resistance=resistance,
            temperature=temperature, settings=settings, timeout=timeout,
        )  # fmt: skip
        bad = [bit for bit in (0, 1) if not found[bit] >= RIGHT]
        wrong = bad[0] if bad else wrong
        return not bad

    low, high = 0.0, LOWEST
    while not right(high):
        low, high = high, 2 * high
        if high > HIGHEST:
            high = math.inf
            break
    if low and math.isfinite(high):
        while high / low > 1 + TOLERANCE:
            middle = math.sqrt(low * high)
            low, high = (low, middle) if right(middle) else (middle, high)
    name = technology if isinstance(technology, str) else technology.name
    limit = high if low else 0.0
    return Margin(amplifier, name, simulator, supply, temperature, vth, resistance, limit, wrong, runs)


def margins(
    card: ParameterSet,
    amplifiers: Iterable[str],
    technology: Any = "generic",
    simulator: str = "ngspice",
    *,
    vth: Iterable[float] = (0.02,),
    resistance: Iterable[float] = (0.05,),
    vdd: Iterable[float | None] = (None,),
    temperature: Iterable[float] = (27.0,),
    timeout: float | None = 120.0,
) -> list[Margin]:
    """`critical_tmr` for every combination of amplifiers, mismatches, supplies and temperatures."""
    return [
        critical_tmr(
            name, card, technology, simulator, vth=dv, resistance=dr, vdd=v, temperature=degrees, timeout=timeout
        )
        for name, dv, dr, v, degrees in itertools.product(amplifiers, vth, resistance, vdd, temperature)
    ]


def _percent(value: float) -> str:
    if value == 0:
        return f"below {100 * LOWEST:g} %"
    return f"{100 * value:.3g} %" if math.isfinite(value) else f"above {100 * HIGHEST:g} %"


def margin(
    card: Card,
    amplifier: Annotated[
        str, typer.Option("--amplifier", "-a", metavar="LIST", help="Sense amplifiers; all by default.")
    ] = "",
    technology: Annotated[str, typer.Option("--technology", "-t", help="Transistors.")] = "generic",
    simulator: Annotated[
        str | None, typer.Option("--simulator", "-s", help="ngspice or vacask; by default the first installed.")
    ] = None,
    vth: Annotated[
        str, typer.Option(metavar="LIST", help="Difference of thresholds in every pair of transistors.")
    ] = "20m",
    resistance: Annotated[
        str, typer.Option(metavar="LIST", help="Relative difference of the junctions of both sides.")
    ] = "0.05",
    vdd: Annotated[str, typer.Option(metavar="LIST", help="Supplies; by default the technology's own.")] = "",
    temperature: Annotated[str, typer.Option(metavar="LIST", help="Temperatures in degrees Celsius.")] = "27",
    timeout: Timeout = "120",
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object and nothing else.")] = False,
    debug: Debug = False,
) -> None:
    """Least TMR that each sense amplifier reads.

    With a mismatch of all transistor pairs and junctions that pushes towards the wrong bit, for every combination of
    mismatches, supplies and temperatures. Sizes and times stay those of the card itself.
    """
    from compact.circuits import CIRCUITS
    from compact.circuits.sense import SenseAmplifier

    terminal = Terminal(as_json)
    known = [name for name, circuit in CIRCUITS.items() if isinstance(circuit, SenseAmplifier)]
    names = [asked.one_of("sense amplifier", n.strip(), known) for n in amplifier.split(",")] if amplifier else known
    lists = {
        "vth": [asked.number("--vth", x, "V") for x in vth.split(",")],
        "resistance": [asked.number("--resistance", x, "1") for x in resistance.split(",")],
        "vdd": [asked.number("--vdd", x, "V") for x in vdd.split(",")] if vdd else [None],
        "temperature": [asked.celsius(x) for x in temperature.split(",")],
    }
    limit = asked.time_limit(timeout)
    transistors = asked.technology(technology)
    loaded = asked.card_for(CIRCUITS[names[0]], card)
    (engine,), _ = asked.simulators(simulator)
    found: list[Margin] = []
    for name in names:
        with terminal.step(f"{name} on {engine}"):
            found += margins(loaded, [name], transistors, engine, **lists, timeout=limit)  # type: ignore[arg-type]
    heads = ("amplifier", "supply", "temperature", "Vth", "R", "least TMR", "wrong below")
    rows = [
        (
            m.amplifier,
            f"{m.vdd:.3g} V",
            f"{m.temperature:g} degC",
            f"{1e3 * m.vth:g} mV",
            f"{100 * m.resistance:g} %",
            _percent(m.tmr),
            "" if m.bit is None else str(m.bit),
        )
        for m in found
    ]
    terminal.table(f"{loaded.name} in {transistors}: TMR that is read", heads, rows, numbers=heads[1:6])
    terminal.result(
        "margin", card=loaded.name, technology=transistors, simulator=engine, margins=[vars(m) for m in found]
    )


def register(app: typer.Typer) -> None:
    """Add the command of this module to the command line."""
    app.command()(margin)
