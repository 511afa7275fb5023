"""Commands about the motion of macrospins: `regimes` and `ensemble`; `register` adds them to the command line."""

from __future__ import annotations

import enum
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from compact import asked
from compact.constants import ZERO_CELSIUS
from compact.options import Card, Debug, Json, Timeout
from compact.terminal import Terminal, WrongUse

if TYPE_CHECKING:
    from compact.parameters import ParameterSet
    from compact.regimes import Regimes
    from compact.resonance import Resonance

__all__ = ["register"]

OERSTED = 1e3 / (4 * math.pi)
MOST = 10_000_000

Alpha = Annotated[str | None, typer.Option(metavar="NUMBER", help="Damping; a card of mtj does not hold it.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the noise.")]


class Backend(enum.StrEnum):
    """Where an ensemble is computed."""

    cpu = "cpu"
    cuda = "cuda"
    auto = "auto"


class Choice(enum.StrEnum):
    """Where the emitted model runs."""

    vacask = "vacask"
    ngspice = "ngspice"


def field(text: str) -> tuple[float, float, float]:
    """A field [A/m] from "x,y,z" with one unit at each: A/m, T (of mu0 H) or Oe."""
    from compact.constants import MU_0
    from compact.errors import ParameterError
    from compact.units import parse_quantity

    parts = text.split(",")
    if len(parts) != 3:
        raise WrongUse(f"--field '{text}': three components are expected, such as 0,20mT,-5mT")
    found = []
    for part in parts:
        for unit, factor in (("T", 1 / MU_0), ("Oe", OERSTED), ("A/m", 1.0)):
            try:
                value = parse_quantity(part, unit)
            except ParameterError:
                continue
            if unit == "A/m" or not part.strip()[-1:].isdigit():
                found.append(value * factor)
                break
        else:
            raise WrongUse(f"--field: '{part}' is no field; write for example 20mT, 150Oe or 16kA/m")
    return found[0], found[1], found[2]


def regimes(
    card: Card,
    simulator: Annotated[
        Choice | None, typer.Option("--simulator", "-s", help="By default VACASK, else ngspice.")
    ] = None,
    alpha: Alpha = None,
    seed: Seed = 1,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for figure, traces and figures of merit.")
    ] = None,
    timeout: Timeout = "300",
    map_: Annotated[bool, typer.Option("--map", help="Also map the regimes over field and voltage.")] = False,
    points: Annotated[int, typer.Option(min=3, max=301, help="Fields and voltages of the map.")] = 31,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Loop, telegraph noise and precession of one card; diode, oscillator and detector of a resonant one.

    The emitted model with field and voltage at which each shows, in a circuit simulator with thermal noise, beside the
    same equation by the package's own integrator. Says why where a card does not show one. ngspice without compiled
    models takes a shorter look.
    """
    terminal = Terminal(as_json)
    with terminal.step("starting"):
        from compact.regimes import run_regimes
        from compact.resonance import RESONANT, run_resonance

    loaded = asked.card(card)
    damping = asked.number("--alpha", alpha, "1") if alpha else None
    limit = asked.time_limit(timeout)
    with terminal.step("looking for simulators"):
        names, _ = asked.simulators(simulator.value if simulator else "all")
    if out is not None:
        asked.folder(out)
    chosen = "vacask" if "vacask" in names else names[0]
    if loaded.model in RESONANT:
        _resonant(loaded, alpha, map_)
        shown = run_resonance(loaded, chosen, seed=seed, timeout=limit, step=terminal.step)
        _tell(terminal, shown, chosen, "closed form", out)
        return
    wanted = points if map_ else 0
    result = run_regimes(loaded, chosen, alpha=damping, seed=seed, timeout=limit, map_points=wanted, step=terminal.step)
    _tell(terminal, result, chosen, "LLG", out)


def _resonant(card: ParameterSet, alpha: str | None, map_: bool) -> None:
    """Refuse what a resonant card does not know."""
    for given, option in ((alpha, "--alpha"), (map_, "--map")):
        if given:
            raise WrongUse(f"{option} is for cards with two states; '{card.name}' is of model {card.model}")


def _tell(terminal: Terminal, result: Regimes | Resonance, simulator: str, twin: str, out: Path | None) -> None:
    """Write the files, the table and the JSON of what was found."""
    files: list[Path] = []
    if out is not None:
        with terminal.step("drawing and writing"), asked.writing(out):
            files = result.save(out)
    head = ("regime", "figure", "value", twin, "what")
    terminal.table(f"{result.card.name} in {simulator}", head, result.rows(), numbers=("value", twin))
    for note in result.notes:
        terminal.say(f"assumed: {note}")
    terminal.paths(files)
    terminal.result("regimes", **result.content(), files=files)


def ensemble(
    card: Card,
    pulse: Annotated[str, typer.Option(metavar="TIME", help="Width of the pulse.")],
    voltage: Annotated[str | None, typer.Option(metavar="V", help="Positive sets the parallel state.")] = None,
    current: Annotated[str | None, typer.Option(metavar="A", help="In place of the voltage.")] = None,
    count: Annotated[int, typer.Option("--count", "-n", help="Number of junctions.")] = 10_000,
    start: Annotated[str, typer.Option(metavar="p|ap|auto", help="State before the pulse; auto: to be left.")] = "auto",
    field_: Annotated[
        str | None, typer.Option("--field", metavar="X,Y,Z", help="Field on top of the card's, such as 0,20mT,0.")
    ] = None,
    settle: Annotated[str, typer.Option(metavar="TIME", help="Time to follow after the pulse.")] = "0",
    edge: Annotated[str, typer.Option(metavar="TIME", help="Rise and fall of the pulse.")] = "0",
    alpha: Alpha = None,
    temperature: Annotated[
        str | None, typer.Option(metavar="CELSIUS", help="Temperature; by default that of the card.")
    ] = None,
    step: Annotated[str | None, typer.Option(metavar="TIME", help="Time step; by default what is safe.")] = None,
    seed: Seed = 1,
    backend: Annotated[Backend, typer.Option(help="Processor, NVIDIA GPU, or that where there is one.")] = Backend.cpu,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder for plot, means and times.")] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Many macrospins under one pulse.

    Switching probability with its error, when the junctions switch, and their mean magnetisation, by the stochastic
    Landau-Lifshitz-Gilbert-Slonczewski equation.
    """
    terminal = Terminal(as_json)
    if (voltage is None) == (current is None):
        raise WrongUse("give either --voltage or --current")
    states = {"p": 1, "ap": -1, "auto": None}
    asked.one_of("state", start.lower(), states)
    if not 1 <= count <= MOST:
        raise WrongUse(f"--count {count}: between 1 and {MOST} junctions can be followed")
    level = asked.number("--voltage", voltage, "V") if voltage is not None else None
    amps = asked.number("--current", current, "A") if current is not None else None
    if not (level or amps):
        raise WrongUse("a pulse of nothing does nothing; give a --voltage or --current that is not 0")
    after, rise = asked.number("--settle", settle, "s"), asked.number("--edge", edge, "s")
    width = asked.number("--pulse", pulse, "s")
    applied = field(field_) if field_ else None
    damping = asked.number("--alpha", alpha, "1") if alpha else None
    kelvin = asked.celsius(temperature) + ZERO_CELSIUS if temperature else None
    dt = asked.number("--step", step, "s") if step else None
    loaded = asked.card(card)
    if out is not None:
        asked.folder(out)
    with terminal.step("starting"):
        from compact.ensemble import pulse_ensemble
        from compact.units import format_si
    with asked.wrong_use():
        result = pulse_ensemble(
            loaded,
            width,
            voltage=level,
            current=amps,
            count=count,
            start=states[start.lower()],
            field=applied,
            alpha=damping,
            temperature=kelvin,
            seed=seed,
            step=dt,
            backend=backend.value,
            progress=not as_json and sys.stderr.isatty(),
            settle=after,
            edge=rise,
        )
    files: list[Path] = []
    if out is not None:
        with terminal.step("drawing and writing"), asked.writing(out):
            files = result.save(out)
    target = "AP" if result.start == "P" else "P"
    title = f"{loaded.name}: {count} junctions, {result.start} to {target}, "
    title += f"{format_si(result.level, result.unit)} for {format_si(width, 's')}"
    terminal.table(title, ("figure", "value", "what"), result.rows(), numbers=("value",))
    for note in result.notes:
        terminal.say(f"assumed: {note}")
    terminal.paths(files)
    terminal.result("ensemble", **result.content(), files=files)


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the command line."""
    app.command()(regimes)
    app.command()(ensemble)
