"""The command `spinbricks`.

Everything heavy is imported inside the commands, so that `--help` and wrong use answer at once.
"""

from __future__ import annotations

import enum
import logging
import signal
import sys
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import compact
from compact import (
    asked,
    barriercommands,
    crossover,
    gradual,
    htmlreport,
    manual,
    margin,
    motion,
    oscillation,
    statcommands,
    wallcommands,
    wer,
)
from compact.errors import SimulationWarning, SpinbricksError
from compact.options import Card, CardFile, Debug, Json, Kelvin, Name, Technology, Timeout
from compact.terminal import Failed, Terminal, WrongUse, report_error, report_warning

if TYPE_CHECKING:
    from compact.runs import Run

__all__ = ["app", "main", "run"]

OK, FAILED, WRONG, INTERRUPTED = 0, 1, 2, 130
UsageError: Any = typer.BadParameter.__mro__[1]
ClickError: Any = typer.BadParameter.__mro__[2]

app = typer.Typer(
    name="spinbricks",
    help="Measured spin-torque devices in, SPICE and Verilog-A models that a circuit designer can trust out.",
    epilog="Exit codes: 0 all is well, 1 something failed, 2 wrong use, 130 interrupted. "
    "Numbers take SI suffixes: 50u, 9.22n, 1.2V.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Corner = Annotated[str, typer.Option(help="Process corner of transistors and junction: tt, ff, ss, ...")]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="Folder for what is written.")]


class Kind(enum.StrEnum):
    """What `list` knows."""

    models = "models"
    cards = "cards"
    circuits = "circuits"
    technologies = "technologies"
    simulators = "simulators"


class Target(enum.StrEnum):
    """What `emit` writes."""

    veriloga = "veriloga"
    ngspice = "ngspice"
    switch = "switch"
    all = "all"


class SimulatorChoice(enum.StrEnum):
    """What circuits run on."""

    ngspice = "ngspice"
    vacask = "vacask"
    all = "all"


@app.callback(invoke_without_command=True)
def _top(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    if version:
        print(f"spinbricks {compact.__version__}")
        raise typer.Exit(OK)
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(WRONG)


# ------------------------------------------------------------------------------------------ commands


@app.command()
def demo(
    out: Out = None,
    technology: Annotated[str, typer.Option("--technology", "-t", help="Transistors.")] = "generic",
    timeout: Timeout = "120",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """From a measured curve to a sense amplifier.

    The main job on a curve that comes with the package: fit, emit, write a memory cell, read a sense amplifier.
    """
    terminal = Terminal(as_json)
    with terminal.step("starting"):
        from compact.demo import run_demo

    limit = asked.time_limit(timeout)
    asked.technology(technology)
    run_demo(terminal, asked.folder(out or Path("spinbricks_out")), technology, limit)


@app.command()
def fit(
    data: Annotated[list[Path], typer.Argument(metavar="DATA...", help="Measured loops: CSV, TSV or plain columns.")],
    out: CardFile = None,
    model: Annotated[str, typer.Option("--model", "-m", help="Device model.")] = "mtj",
    columns: Annotated[
        str | None,
        typer.Option("--columns", metavar="ROLE=COLUMN,...", help="Such as current=1[mA],resistance=2[Ohm]."),
    ] = None,
    pulse_width: Annotated[
        list[str] | None,
        typer.Option(metavar="TIME", help="Time at each point, once per loop, where files do not say it."),
    ] = None,
    tau_d: Annotated[str | None, typer.Option(metavar="TIME", help="Relaxation time to assume.")] = None,
    temperature: Kelvin = None,
    sweep_rate: Annotated[
        str | None, typer.Option(metavar="RATE", help="Speed of a swept field, such as 100Oe/s or 5mT/s.")
    ] = None,
    name: Name = None,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Plot of data and fit (.png, .svg, .pdf); by default beside the card."),
    ] = None,
    no_plot: Annotated[bool, typer.Option("--no-plot", help="Draw nothing.")] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Fit measured loops of one device.

    Writes a card and a plot. Loops at several pulse widths, given together, yield Delta as well; so do loops of
    resistance against field, at several speeds of the field or with a curve along the hard axis.
    """
    terminal = Terminal(as_json)
    for path in data:
        asked.data_file(path)
    with terminal.step("starting"):
        from compact import fieldcard, fieldloop
        from compact.columns import parse_columns
        from compact.data import read_loops
        from compact.fitting import FitResult, fit_loop
        from compact.models import MODELS
        from compact.roles import parse_roles

    asked.one_of("model", model, [m.name for m in MODELS])
    asked.card_name(name)
    asked.plot_file(plot)
    asked.card_file(out)
    by_field = [fieldloop.is_field_loop(path, columns) for path in data]
    if any(by_field) != all(by_field):
        odd = data[by_field.index(not by_field[0])]
        raise WrongUse(f"'{odd}': loops against field and loops against current or voltage are fitted apart")
    if columns is not None:
        with asked.wrong_use("--columns"):
            if by_field[0]:
                parse_roles(columns, fieldloop.ROLES)
            else:
                parse_columns(columns)
    if sweep_rate and not by_field[0]:
        raise WrongUse("--sweep-rate: no loop against field is given")
    if pulse_width and by_field[0]:
        raise WrongUse("--pulse-width: a loop against field has none; --sweep-rate is the speed of the field")
    asked.folder((out or Path("card.json")).parent)
    widths = [asked.positive("--pulse-width", w, "s") for w in pulse_width] if pulse_width else None
    known = {
        "tau_d": asked.number("--tau-d", tau_d, "s") if tau_d else None,
        "temperature": asked.kelvin(temperature) if temperature else None,
    }
    with terminal.step(f"fitting {len(data)} file{'s' * (len(data) > 1)}"):
        result: FitResult | fieldcard.FieldFit
        if by_field[0]:
            with asked.wrong_use("--sweep-rate"):
                rate = fieldloop.parse_sweep_rate(sweep_rate) if sweep_rate else None
            curves = [fieldloop.read_field_loop(path, columns) for path in data]
            result = fieldcard.fit_field_loops(curves, model, name, sweep_rate=rate, **known)
        else:
            loops = [loop for path in data for loop in read_loops(path, columns)]
            result = fit_loop(loops, model, name, pulse_widths=widths, **known)
    card = result.card
    target = out or Path(f"{card.name}.json")
    picture = plot or target.with_suffix(".png")
    written = [target]
    with terminal.step("drawing and writing"), asked.writing(target):
        card.save(target)
        if not no_plot:
            written.append(result.plot(picture))
    terminal.say(result.report().rstrip())
    terminal.say("\nwritten")
    terminal.paths(written)
    terminal.result(
        "fit",
        card=card.name,
        model=card.model,
        values=card.values,
        stderr=card.stderr,
        undetermined=card.undetermined,
        derived=card.derived,
        quality=card.provenance.quality,
        notes=card.notes,
        files=written,
    )


@app.command()
def emit(
    card: Card,
    target: Annotated[Target, typer.Option("--target", "-t", help="For which simulators.")] = Target.all,
    out: Out = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Write a card as Verilog-A and ngspice library."""
    from compact.emit import write
    from compact.switch import SWITCHABLE

    terminal = Terminal(as_json)
    loaded = asked.card(card)
    if target is Target.switch and loaded.model not in SWITCHABLE:
        raise WrongUse(f"--target switch: model {loaded.model} has no such form; {', '.join(SWITCHABLE)} has")
    folder = asked.folder(out or Path())
    with terminal.step(f"writing {loaded.name}"), asked.writing(folder):
        paths = write(loaded, target.value, folder)
    terminal.paths(paths)
    terminal.result("emit", card=loaded.name, target=target.value, files=paths)


@app.command()
def simulate(
    circuit: Annotated[str, typer.Argument(metavar="CIRCUIT", help="See `spinbricks list circuits`.")],
    card: Annotated[
        str | None,
        typer.Option("--card", "-c", help="A card file, or a name of `spinbricks list cards`; by default an example."),
    ] = None,
    technology: Technology = "generic",
    simulator: Annotated[
        SimulatorChoice | None,
        typer.Option("--simulator", "-s", help="By default the first that is installed."),
    ] = None,
    corner: Corner = "tt",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A setting of the circuit, such as t_write=8n; repeatable."),
    ] = None,
    temperature: Annotated[str, typer.Option(metavar="CELSIUS", help="Temperature.")] = "27",
    noise: Annotated[bool, typer.Option("--noise", help="Thermal noise in the junctions.")] = False,
    timeout: Timeout = "120",
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder for netlist, waveforms and plot; nothing is written without it."),
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Run a circuit with the junction of a card."""
    terminal = Terminal(as_json)
    with terminal.step("starting"):
        from compact.circuits import CIRCUITS
        from compact.report import measures_table, run_content
        from compact.runs import simulate as run_circuit
        from compact.technology import get_technology

    asked.one_of("circuit", circuit, CIRCUITS)
    values = asked.settings(CIRCUITS[circuit], settings or [])
    degrees, limit = asked.celsius(temperature), asked.time_limit(timeout)
    loaded = asked.card_for(CIRCUITS[circuit], card)
    transistors = get_technology(asked.technology(technology))
    asked.one_of(f"corner of technology '{transistors.name}'", corner, transistors.corners)
    asked.buildable(CIRCUITS[circuit], loaded, transistors, values)
    with terminal.step("looking for simulators"):
        names, missing = asked.simulators(simulator.value if simulator else None)
    if out:
        asked.folder(out)
    runs: list[Run] = []
    for name in names:
        with terminal.step(f"{circuit} in {transistors.name} on {name}"):
            runs.append(
                run_circuit(
                    circuit,
                    loaded,
                    transistors,
                    name,
                    corner=corner,
                    noise=noise,
                    temperature=degrees,
                    timeout=limit,
                    settings=values,
                )
            )
    files: list[Path] = []
    if out:
        from compact.waveplot import plot_waveforms

        with terminal.step("drawing and writing"), asked.writing(out):
            files = [path for one in runs for path in one.save(out)]
            files.append(plot_waveforms(runs, out / f"{circuit}_{transistors.name}.png"))
            files = list(dict.fromkeys(files))
    if card is None:
        terminal.say(f"note: without --card, {loaded.name} is taken, the example for this circuit")
    measures_table(terminal, f"{circuit}: {loaded.name} in {transistors.name}, corner {corner}", runs)
    for text in missing.values():
        terminal.say(f"note: {text}")
    terminal.paths(files)
    terminal.result(
        "simulate",
        ok=all(one.passed for one in runs),
        circuit=circuit,
        card=loaded.name,
        technology=transistors.name,
        corner=corner,
        settings=runs[0].bench.settings,
        runs=[run_content(one) for one in runs],
        missing=missing,
        files=files,
    )


@app.command()
def qa(
    card: Card,
    simulator: Annotated[
        SimulatorChoice, typer.Option("--simulator", "-s", help="Where the emitted model is checked.")
    ] = SimulatorChoice.all,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Check the model that a card gives.

    Same equation and same behaviour in every simulator, sane numerics and physics.
    """
    terminal = Terminal(as_json)
    with terminal.step("starting"):
        from compact.qa import run_qa
        from compact.report import checks_table

    loaded = asked.card(card)
    with terminal.step("looking for simulators"):
        names, missing = asked.simulators(simulator.value, none_is_error=False)
    with terminal.step(f"checking {loaded.name} in {', '.join(names) or 'NumPy'}"):
        checks = run_qa(loaded, simulators=names)
    checks_table(terminal, loaded.name, checks)
    for text in missing.values():
        terminal.say(f"note: {text}")
    content = [
        {"name": c.name, "target": c.target, "value": c.value, "unit": c.unit, "limit": c.limit, "passed": c.passed}
        | {"note": c.note}
        for c in checks
    ]
    terminal.result("qa", ok=all(c.passed for c in checks), card=loaded.name, checks=content, missing=missing)


@app.command("list")
def list_(
    kind: Annotated[Kind, typer.Argument(help="What to list.")],
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """List models, cards, circuits, technologies, ...

    Circuits are shown with their settings, models with their parameters.
    """
    from compact.report import list_items

    terminal = Terminal(as_json)
    items: dict[str, Any] = {kind.value: list_items(kind.value, terminal)}
    terminal.result("list", **items)


@app.command()
def doctor(
    quick: Annotated[bool, typer.Option("--quick", help="Only look, run nothing.")] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Say what is installed and what to mend.

    Tries each part in a small run and names the command that installs what is missing.
    """
    from compact.doctor import examine

    terminal = Terminal(as_json)
    with terminal.step("looking and trying"):
        findings = examine(smoke=not quick)
    terminal.table("", ("what", "status", "version", "note"), [f.row() for f in findings])
    mends = list(dict.fromkeys(f.mend for f in findings if f.mend))
    if mends:
        terminal.say("to mend")
        for command in mends:
            terminal.say(f"  {command}")
    terminal.result("doctor", ok=not any(f.failed for f in findings), findings=findings)


wer.register(app)
oscillation.register(app)
margin.register(app)
crossover.register(app)
motion.register(app)
wallcommands.register(app)
barriercommands.register(app)
gradual.register(app)
statcommands.register(app)
htmlreport.register(app)
manual.register(app)


# ---------------------------------------------------------------------------------------- entry point


def run(arguments: Sequence[str]) -> int:
    """Run the command line; the exit code.

    Parameters
    ----------
    arguments : sequence of str
        What follows the name of the command.
    """
    as_json, debug = "--json" in arguments, "--debug" in arguments
    try:
        code = app(list(arguments), prog_name="spinbricks", standalone_mode=False)
        code = code if isinstance(code, int) else OK
    except Failed:
        return FAILED
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except (WrongUse, UsageError) as error:
        _trace(debug)
        text = error.format_message() if isinstance(error, UsageError) else str(error)
        text = text.replace(": Value error, ", ": ")  # the parser's own words
        report_error(error, as_json, text)
        return WRONG
    except (SpinbricksError, ClickError) as error:
        _trace(debug)
        report_error(error, as_json)
        return FAILED
    except BrokenPipeError:
        return FAILED
    except Exception as error:
        _trace(debug)
        hint = "" if debug else " (more with --debug)"
        report_error(error, as_json, f"unexpected {type(error).__name__}: {error}{hint}")
        return FAILED
    if code == INTERRUPTED:
        report_error(KeyboardInterrupt(), as_json, "interrupted")
    return code


def _trace(debug: bool) -> None:
    if debug:
        traceback.print_exc()


def main() -> None:
    """Entry point of the command `spinbricks`."""
    if "--debug" not in sys.argv:
        warnings.simplefilter("ignore")
        warnings.simplefilter("default", SimulationWarning)
        warnings.showwarning = report_warning
        logging.disable(logging.WARNING)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    code = run(sys.argv[1:])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # what is left is tidying up
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        sys.stdout = None
    sys.exit(code)


if __name__ == "__main__":
    main()
