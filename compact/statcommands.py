"""Commands for corners, Monte Carlo analyses and rare failures."""

from __future__ import annotations

import contextlib
import enum
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from compact import asked
from compact.errors import unknown
from compact.options import CardOption, Debug, Json, Technology, Timeout
from compact.terminal import Terminal, WrongUse, report_warning, verdict

if TYPE_CHECKING:
    from compact.montecarlo import Plan
    from compact.samples import Samples

__all__ = ["corners", "montecarlo", "rare", "register"]


class OneSimulator(enum.StrEnum):
    """What circuits run on."""

    ngspice = "ngspice"
    vacask = "vacask"


Name = Annotated[str, typer.Argument(metavar="CIRCUIT", help="See `spinbricks list circuits`.")]
SimulatorOption = Annotated[
    OneSimulator | None, typer.Option("--simulator", "-s", help="By default the first that is installed.")
]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A setting of the circuit; repeatable.")
]
Limits = Annotated[
    list[str] | None,
    typer.Option("--limit", metavar="NAME=LOW:HIGH", help="Limits of a measure, such as delay_0=:300p; repeatable."),
]
Probes = Annotated[
    list[str] | None,
    typer.Option("--probe", metavar="NAME=A-B@EVENT+TIME", help="A further figure: v(A)-v(B) at a time; repeatable."),
]
Shared = Annotated[
    list[str] | None,
    typer.Option(
        "--shared", metavar="NAME=SIGMA", help="Relative spread of all junctions together: ra, tmr, diameter, delta."
    ),
]
Local = Annotated[
    list[str] | None, typer.Option("--local", metavar="NAME=SIGMA", help="Relative spread of each junction by itself.")
]
Fit = Annotated[bool, typer.Option("--fit", help="Vary the card's fitted parameters by their covariance, too.")]
Mismatch = Annotated[float, typer.Option(help="Multiple of the technology's mismatch (Pelgrom); 0 for none.")]
ProcessVth = Annotated[str, typer.Option(metavar="VOLT", help="Spread of all thresholds of a polarity together.")]
CornerOption = Annotated[str, typer.Option(help="Corner of the transistors around which samples vary.")]
MtjCorner = Annotated[str, typer.Option(help="Corner of the junctions around which samples vary: tt, ff, ss.")]
Temperature = Annotated[float, typer.Option(metavar="CELSIUS", help="Temperature.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same samples, wherever they are run.")]
Stride = Annotated[
    float | None, typer.Option(help="Largest time step over that of the circuit; by default one that changes nothing.")
]
Jobs = Annotated[int | None, typer.Option("--jobs", "-j", help="Processes; by default one per core.")]
Dask = Annotated[str | None, typer.Option(metavar="ADDRESS", help="Run on this Dask cluster: tcp://host:8786.")]
Shown = Annotated[
    list[str] | None, typer.Option("--measure", metavar="NAME", help="Measures to look at; by default all. Repeatable.")
]


@contextlib.contextmanager
def _progress(terminal: Terminal, what: str) -> Iterator[Callable[[int, int, int], None]]:
    """A bar on standard error, where somebody looks at it."""
    if terminal.as_json or not sys.stderr.isatty():
        yield lambda done, total, failed: None
        return
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
        progress.TextColumn("left"),
        progress.TimeRemainingColumn(),
        progress.TextColumn("{task.fields[note]}"),
    )
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None, note="")

        def show(done: int, total: int, failed: int) -> None:
            bar.update(task, completed=done, total=total, note=f"{failed} failed" if failed else "")

        yield show


def _spreads(option: str, given: list[str] | None, default: dict[str, float]) -> dict[str, float]:
    values = dict(default)
    for text in given or ():
        name, mark, value = text.partition("=")
        if not mark:
            raise WrongUse(f"{option} '{text}': NAME=SIGMA is expected, such as ra=0.03")
        values[name.strip()] = asked.number(f"{option} {name.strip()}", value, "1")
        if not values[name.strip()] >= 0:
            raise WrongUse(f"{option} '{text}': a spread must be a number >= 0")
    return values


def _limits(given: list[str] | None) -> dict[str, tuple[float, float]]:
    """Limits from texts such as ``delay_0=:300p``; units are those of the measure."""
    result = {}
    for text in given or ():
        name, mark, span = text.partition("=")
        low, colon, high = span.partition(":")
        if not mark or not colon or not (low.strip() or high.strip()):
            raise WrongUse(f"--limit '{text}': NAME=LOW:HIGH is expected, one of which may be left out")
        result[name.strip()] = (
            asked.number(f"--limit {name}", low, "1") if low.strip() else -math.inf,
            asked.number(f"--limit {name}", high, "1") if high.strip() else math.inf,
        )
    return result


def _plan(
    circuit: str, card: str, technology: str, simulator: str | None, settings: list[str] | None,
    limits: list[str] | None, probes: list[str] | None, timeout: str, stride: float | None, **more: Any,
) -> Plan:  # fmt: skip
    from compact.circuits import CIRCUITS
    from compact.montecarlo import Plan, Probe
    from compact.technology import get_technology

    asked.one_of("circuit", circuit, CIRCUITS)
    asked.technology(technology)
    loaded = asked.card_for(CIRCUITS[circuit], card)
    values = asked.settings(CIRCUITS[circuit], settings or ())
    asked.buildable(CIRCUITS[circuit], loaded, technology, values)
    if "corner" in more:
        known = get_technology(technology).corners
        asked.one_of(f"corner of technology '{technology}'", str(more["corner"]), known)
    asked.celsius(str(more.get("temperature", 27.0)))
    names, _ = asked.simulators(simulator)
    with asked.wrong_use():
        return Plan(
            circuit=circuit, card=loaded, technology=technology, simulator=names[0],
            settings=values, limits=_limits(limits),
            probes=tuple(Probe.parse(text) for text in probes or ()), timeout=asked.time_limit(timeout),
            stride=stride, **more,
        )  # fmt: skip


def _variation(shared: Any, local: Any, fit: bool, mismatch: float, process_vth: str) -> Any:
    from compact.variation import LOCAL, SHARED, Variation

    with asked.wrong_use():
        return Variation(
            shared=_spreads("--shared", shared, SHARED),
            local=_spreads("--local", local, LOCAL),
            fit=fit,
            mismatch=mismatch,
            process_vth=asked.number("--process-vth", process_vth, "V"),
        )


def _list(option: str, text: str, unit: str) -> list[float]:
    return [asked.number(option, part, unit) for part in text.split(",") if part.strip()]


def corners(
    circuit: Name,
    card: CardOption,
    technology: Technology = "generic",
    simulator: SimulatorOption = None,
    cmos: Annotated[str, typer.Option(metavar="NAME,...", help="Corners of the transistors; 'all' for all.")] = "all",
    mtj: Annotated[str, typer.Option(metavar="NAME,...", help="Corners of the junctions.")] = "tt,ff,ss",
    temperatures: Annotated[str, typer.Option(metavar="CELSIUS,...", help="Temperatures.")] = "-40,27,125",
    supplies: Annotated[str, typer.Option(metavar="SHARE,...", help="Supplies over the typical one.")] = "0.9,1,1.1",
    supply: Annotated[str, typer.Option(help="The setting of the circuit that is its supply.")] = "vdd",
    measure: Shown = None,
    settings: Settings = None,
    limits: Limits = None,
    probes: Probes = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Table as CSV, and a plot beside it.")] = None,
    stride: Stride = 1.0,
    jobs: Jobs = None,
    dask: Dask = None,
    timeout: Timeout = "120",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Corners: transistors, junction, temperature and supply.

    Simulates a circuit in every combination and marks the worst for each measure.
    """
    terminal = Terminal(as_json)
    with terminal.step("starting"):
        from compact.circuits import CIRCUITS
        from compact.statplot import plot_corners
        from compact.sweep import corner_table, corners_of
        from compact.technology import get_technology
        from compact.units import format_si

    plan = _plan(circuit, card, technology, simulator, settings, limits, probes, timeout, stride)
    known = get_technology(technology).corners
    chosen = list(known) if cmos == "all" else [c.strip() for c in cmos.split(",") if c.strip()]
    for name in chosen:
        asked.one_of(f"corner of technology '{technology}'", name, known)
    with asked.wrong_use():
        points = corners_of(
            chosen, [c.strip() for c in mtj.split(",") if c.strip()],
            _list("--temperatures", temperatures, "1"), _list("--supplies", supplies, "1"),
        )  # fmt: skip
    if any(point.supply != 1 for point in points):
        asked.one_of(f"setting of circuit '{circuit}'", supply, [s.name for s in CIRCUITS[circuit].settings])
    if out is not None:
        asked.folder(out.parent)
    with _progress(terminal, f"{len(points)} corners of {circuit}") as show:
        table = corner_table(plan, points, supply=supply, jobs=jobs, dask=dask, progress=show)
    names = measure or [name for name in table.names if table.worst(name) is not None]
    with asked.wrong_use():
        units = {name: next((m.unit for m in table.column(name) if m), "1") for name in names}
    rows = table.rows()
    cells = []
    for row in rows:
        figures = [
            (format_si(row["measures"][n], units[n]) if n in row["measures"] else "failed")
            + (" *" if n in row["worst"] else "")
            for n in names
        ]
        point = [row["cmos"], row["mtj"], f"{row['temperature']:g}", f"{row['supply']:g}"]
        cells.append([*point, *figures, verdict(row["passed"])])
    columns = ["transistors", "junction", "degC", "supply", *names, "result"]
    terminal.table(f"{circuit} with {plan.card.name} in {technology}; * marks the worst", columns, cells,
                   numbers=["degC", "supply", *names])  # fmt: skip
    for k, error in table.errors.items():
        terminal.say(f"not simulated: {points[k]}: {error}")
    files = []
    if out is not None:
        with terminal.step("writing"), asked.writing(out):
            files = [_csv(rows, table.names, out), plot_corners(table, out.with_suffix(".png"), measure)]
        terminal.paths(files)
    terminal.result("corners", ok=table.passed, circuit=circuit, card=plan.card.name, technology=technology,
                    simulator=plan.simulator, units=units, corners=rows, files=files)  # fmt: skip


def _csv(rows: list[dict[str, Any]], names: list[str], path: Path) -> Path:
    import csv

    from compact.files import staged

    with staged(path) as part, part.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["cmos", "mtj", "temperature", "supply", *names, "passed", "worst of", "error"])
        for row in rows:
            point = [row[key] for key in ("cmos", "mtj", "temperature", "supply")]
            figures = [row["measures"].get(name, "") for name in names]
            writer.writerow([*point, *figures, row["passed"], " ".join(row["worst"]), row["error"] or ""])
    return path


def montecarlo(
    circuit: Name,
    card: CardOption,
    technology: Technology = "generic",
    simulator: SimulatorOption = None,
    samples: Annotated[int, typer.Option("--samples", "-n", help="How many there are to be in the end.")] = 200,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Results file; by default CIRCUIT.jsonl.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a results file that is there.")] = False,
    seed: Seed = 1,
    shared: Shared = None,
    local: Local = None,
    fit: Fit = False,
    mismatch: Mismatch = 1.0,
    process_vth: ProcessVth = "15m",
    corner: CornerOption = "tt",
    mtj_corner: MtjCorner = "tt",
    temperature: Temperature = 27.0,
    settings: Settings = None,
    limits: Limits = None,
    probes: Probes = None,
    measure: Shown = None,
    margin: Annotated[
        str | None, typer.Option(metavar="NAME,NAME", help="Two measures as the two distributions of a read margin.")
    ] = None,
    no_plot: Annotated[bool, typer.Option("--no-plot", help="Draw nothing.")] = False,
    stride: Stride = None,
    jobs: Jobs = None,
    dask: Dask = None,
    timeout: Timeout = "120",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Monte Carlo: process and mismatch, yield, sensitivities.

    Results go into a file as they come; a run that was stopped goes on with --resume and ends with the same file.
    """
    terminal = Terminal(as_json)
    with terminal.step("starting"):
        from compact.montecarlo import monte_carlo
        from compact.variation import Variation

    variation: Variation = _variation(shared, local, fit, mismatch, process_vth)
    plan = _plan(
        circuit, card, technology, simulator, settings, limits, probes, timeout, stride, variation=variation,
        seed=seed, corner=corner, mtj_corner=mtj_corner, temperature=temperature,
    )  # fmt: skip
    if samples < 1:
        raise WrongUse(f"--samples {samples} must be at least 1")
    target = out or Path(f"{circuit}.jsonl")
    asked.folder(target.parent)
    pair = [name.strip() for name in margin.split(",")] if margin else []
    if pair and len(pair) != 2:
        raise WrongUse(f"--margin '{margin}': two measures are expected, such as margin_0,margin_1")
    _known_measures(plan, [*(measure or ()), *pair])
    with _progress(terminal, f"{samples} samples of {circuit}") as show:
        found = monte_carlo(plan, samples, target, resume=resume, jobs=jobs, dask=dask, progress=show,
                            warn=report_warning)  # fmt: skip
    files = [target]
    content = _say(terminal, found, measure, pair)
    if not no_plot:
        with terminal.step("drawing"), asked.writing(target):
            files += _plots(found, target, measure, pair)
    for row in found.failures:
        kept = f" [deck: {target.parent / row['deck']}]" if "deck" in row else ""
        terminal.say(f"sample {row['sample']} could not be simulated: {row['error']}{kept}")
    terminal.say("written")
    terminal.paths(files)
    terminal.result("montecarlo", circuit=circuit, card=plan.card.name, technology=technology,
                    simulator=plan.simulator, samples=len(found.rows), failures=found.failures, files=files,
                    **content)  # fmt: skip


def _known_measures(plan: Plan, names: list[str]) -> None:
    """Wrong names are better found before an hour's work than after it."""
    if not names:
        return
    from compact.montecarlo import nominal, prepare

    known = [m.name for m in nominal(prepare(plan))]
    for name in names:
        if name not in known:
            raise WrongUse(unknown(f"measure of circuit '{plan.circuit}'", name, known))


def _say(terminal: Terminal, found: Samples, names: list[str] | None, pair: list[str]) -> dict[str, Any]:
    """Tables for people; the same as content for machines."""
    import numpy as np

    from compact.errors import StatisticsError
    from compact.statplot import varies
    from compact.units import format_si
    from compact.yields import margin, rank, yield_of

    content: dict[str, Any] = {"measures": {}, "sensitivities": {}}
    cells = []
    shown = names or [name for name in found.names if varies(found, name)] or found.names
    for name in shown:
        values, unit = found.values(name), found.header["measures"][name]["unit"]
        good = values[np.isfinite(values)]
        part = yield_of(found, [name])
        low, high = (float(np.quantile(good, q)) if len(good) else math.nan for q in (0.00135, 0.99865))
        mean, spread = (float(good.mean()), float(good.std(ddof=1))) if len(good) > 1 else (math.nan, math.nan)
        figures = [format_si(x, unit) for x in (mean, spread, low, high)]
        interval = f"{1 - part.interval[1]:.2g} ... {1 - part.interval[0]:.2g}"
        cells.append([name, *figures, str(part.trials - part.hits), interval])
        content["measures"][name] = {
            "unit": unit, "mean": mean, "stdev": spread, "low": low, "high": high,
            "failing": part.trials - part.hits, "failure_interval": [1 - part.interval[1], 1 - part.interval[0]],
            "typical": found.header["measures"][name]["typical"],
        }  # fmt: skip
    columns = ("measure", "mean", "stdev", "0.135 %", "99.865 %", "failing", "95 % interval of failing")
    terminal.table("", columns, cells, numbers=columns[1:])
    total = yield_of(found, names)
    content["yield"] = {"value": total.value, "hits": total.hits, "trials": total.trials, "interval": total.interval}
    terminal.say(f"yield {total}")
    if found.failures:
        terminal.say(f"{len(found.failures)} samples could not be simulated and count as failing")
    for name in shown:
        try:
            ranking, explained = rank(found, name)
        except StatisticsError:
            continue  # too few samples for that, or nothing varies
        best = [s for s in ranking[:4] if s.significant]
        content["sensitivities"][name] = {"explained": explained, "ranking": ranking[:12]}
        told = ", ".join(f"{s.name} {s.share:.0%}" for s in best)
        terminal.say(f"{name}: {told or 'nothing significant'} (linear model explains {explained:.0%})")
    if pair:
        both = margin(found.values(pair[0]), found.values(pair[1]))
        content["margin"] = {"window": both.window, "sigmas": both.sigmas, "threshold": both.threshold,
                             "error": both.error}  # fmt: skip
        unit = found.header["measures"][pair[0]]["unit"]
        terminal.say(f"read margin: window {format_si(both.window, unit)}, means {both.sigmas:.2f} standard deviations "
                     f"from the threshold, wrong in {both.error:.2g} if both are normal")  # fmt: skip
    return content


def _plots(found: Samples, target: Path, names: list[str] | None, pair: list[str]) -> list[Path]:
    import numpy as np

    from compact.statplot import plot_margin, plot_samples, plot_sensitivities, varies
    from compact.yields import margin, rank

    files = []
    if names or any(varies(found, name) for name in found.names):
        files.append(plot_samples(found, target.with_suffix(".png"), names))
    for name in names or ():
        if len(found.rows) >= 2 * len(found.header["variables"]) + 2 and varies(found, name):
            ranking, explained = rank(found, name)
            place = target.with_name(f"{target.stem}_{name}.png")
            files.append(plot_sensitivities(ranking, explained, name, place))
    if pair:
        unit = found.header["measures"][pair[0]]["unit"]
        both = margin(found.values(pair[0]), found.values(pair[1]))
        first, second = sorted(pair, key=lambda name: float(np.nanmean(found.values(name))))
        place = target.with_name(f"{target.stem}_margin.png")
        files.append(plot_margin(both, place, unit=unit, labels=(first, second)))
    return files


def rare(
    circuit: Name,
    card: CardOption,
    measure: Annotated[list[str], typer.Option("--measure", metavar="NAME", help="Measures that count; repeatable.")],
    technology: Technology = "generic",
    simulator: SimulatorOption = None,
    samples: Annotated[int, typer.Option("--samples", "-n", help="Samples of the estimate, after the search.")] = 1000,
    search: Annotated[int, typer.Option(help="Samples of each step of the search.")] = 400,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File of what was simulated, to go on with.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with such a file that is there.")] = False,
    seed: Seed = 1,
    shared: Shared = None,
    local: Local = None,
    fit: Fit = False,
    mismatch: Mismatch = 1.0,
    process_vth: ProcessVth = "15m",
    corner: CornerOption = "tt",
    mtj_corner: MtjCorner = "tt",
    temperature: Temperature = 27.0,
    settings: Settings = None,
    limits: Limits = None,
    probes: Probes = None,
    stride: Stride = None,
    jobs: Jobs = None,
    dask: Dask = None,
    timeout: Timeout = "120",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Probability of a rare failure, by importance sampling.

    Finds the most likely way in which the named measures leave their limits, and samples around it.
    """
    terminal = Terminal(as_json)
    with terminal.step("starting"):
        from compact.rare import rare_failure

    plan = _plan(
        circuit, card, technology, simulator, settings, limits, probes, timeout, stride, seed=seed, corner=corner,
        mtj_corner=mtj_corner, temperature=temperature,
        variation=_variation(shared, local, fit, mismatch, process_vth),
    )  # fmt: skip
    _known_measures(plan, measure)
    with _progress(terminal, f"rare failures of {circuit}") as show:
        found, failed = rare_failure(
            plan, measure, samples=samples, search=search, jobs=jobs, dask=dask, out=out, resume=resume,
            progress=lambda done: show(done, 7 * search + samples, 0),
        )  # fmt: skip
    low, high = found.interval
    terminal.say(f"failure probability {found.probability:.3g} (95 %: {low:.3g} ... {high:.3g})")
    terminal.say(f"{found.sigma:.2f} sigma; most likely failure {found.distance:.2f} standard deviations away")
    terminal.say(f"{found.evaluations} simulations, {failed} failed; {found.effective:.0f} effective failures")
    if found.opposite > 0.05:
        told = f"{found.opposite:.0%} of the failures in the search lie on the other side"
        report_warning(f"{told}: there is a second way to fail; name fewer measures")
    content = {key: value for key, value in vars(found).items() if key != "point"}
    terminal.result("rare", circuit=circuit, measures=measure, sigma=found.sigma, not_simulated=failed, **content)


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the command line."""
    app.command()(corners)
    app.command()(montecarlo)
    app.command()(rare)
