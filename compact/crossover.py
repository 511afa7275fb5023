"""Energy of logic in memory against CMOS: how often may the junctions of a non-volatile adder switch?

A logic-in-memory adder pays with every change of its stored operand for the switching of four junctions, and gets in
return that it may be switched off between operations. F. Ren and D. Markovic (IEEE Trans. Electron Devices 57, 1023,
2010) found that such an adder has no advantage over CMOS where its junctions switch often; here both are simulated in
the same technology, and the crossover is worked out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from compact import asked
from compact.errors import SimulationError
from compact.options import Card, Debug, Timeout
from compact.terminal import Terminal, WrongUse

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from compact.parameters import ParameterSet
    from compact.runs import Run

__all__ = ["Comparison", "compare", "plot_comparison", "register"]


@dataclass(frozen=True)
class Comparison:
    """Energies of both adders; activity is the share of operations before which the stored operand changes.

    Parameters
    ----------
    nv_operation, nv_write : float
        Energy of an operation, and of a change of the stored operand, of the non-volatile adder [J].
    cmos_operation, cmos_write : float
        The same of the CMOS adder [J].
    cmos_standby : float
        What the CMOS adder draws while it waits [W]; the non-volatile one is switched off then and draws nothing.
    technology, simulator : str
        Where they were simulated.
    """

    nv_operation: float
    nv_write: float
    cmos_operation: float
    cmos_write: float
    cmos_standby: float
    technology: str = ""
    simulator: str = ""

    def non_volatile(self, activity: ArrayLike) -> NDArray[Any]:
        """Energy per operation of the non-volatile adder [J]."""
        import numpy as np

        return self.nv_operation + np.asarray(activity, float) * self.nv_write

    def cmos(self, activity: ArrayLike, idle: ArrayLike = 0.0) -> NDArray[Any]:
        """Energy per operation of the CMOS adder [J], with an idle time [s] after each."""
        import numpy as np

        waiting = np.asarray(idle, float) * self.cmos_standby
        return self.cmos_operation + np.asarray(activity, float) * self.cmos_write + waiting

    def crossover(self, idle: float = 0.0) -> float:
        """Activity above which the non-volatile adder needs more energy; 0 or less if it always does.

        Parameters
        ----------
        idle : float
            Idle time after each operation [s].
        """
        ahead = self.cmos_operation + idle * self.cmos_standby - self.nv_operation
        return ahead / (self.nv_write - self.cmos_write)

    def idle_time(self, activity: float) -> float:
        """Idle time per operation [s] from which on the non-volatile adder needs less energy; 0 if it always does."""
        behind = float(self.non_volatile(activity) - self.cmos(activity))
        return max(behind, 0.0) / self.cmos_standby if self.cmos_standby > 0 else math.inf


def compare(
    card: ParameterSet, technology: Any = "generic", simulator: str = "ngspice", *, temperature: float = 27.0,
    timeout: float | None = 120.0,
) -> tuple[Comparison, Run, Run]:  # fmt: skip
    """Simulate both adders in one technology.

    Parameters
    ----------
    card : ParameterSet
        The junction.
    technology : Technology or str
        The transistors of both.
    simulator : str
        Name of the simulator.
    temperature : float
        Temperature [degC].
    timeout : float, optional
        Limit of each run [s].

    Returns
    -------
    Comparison
    nv, cmos : Run
        What it follows from.

    Raises
    ------
    SimulationError
        If an adder adds wrongly: its energy would mean nothing.
    """
    from compact.runs import simulate

    runs = []
    for name in ("nv_adder", "cmos_adder"):
        run = simulate(name, card, technology, simulator, temperature=temperature, timeout=timeout)
        if bad := [m.name for m in run.measures if not m.passed]:
            raise SimulationError(f"{name} does not work in {run.technology} on {simulator}: {', '.join(bad)} failed")
        runs.append(run)
    nv, cmos = ({m.name: m.value for m in run.measures} for run in runs)
    result = Comparison(
        nv["energy"],
        nv["write_energy"],
        cmos["energy"],
        cmos["write_energy"],
        cmos["standby_power"],
        runs[0].technology,
        simulator,
    )
    return result, runs[0], runs[1]


def plot_comparison(comparison: Comparison, idle: list[float], path: str | Path) -> Path:
    """Draw energy per operation against activity, CMOS for several idle times, with the crossovers.

    Parameters
    ----------
    comparison : Comparison
        Energies.
    idle : list of float
        Idle times of CMOS [s].
    path : str or pathlib.Path
        File to write: .png, .svg or .pdf.
    """
    import numpy as np
    from matplotlib.figure import Figure

    from compact.plotting import COLOURS, save_figure
    from compact.units import format_si

    figure = Figure(figsize=(8.4, 4.2), dpi=130, layout="constrained")
    axes = figure.subplots()
    activity = np.geomspace(1e-4, 1, 200)
    axes.loglog(
        activity, comparison.non_volatile(activity) / 1e-15, color="k", lw=2, label="non-volatile, off when idle"
    )
    for colour, wait in zip(COLOURS * 3, idle, strict=False):
        label = "CMOS" + (f", idle {format_si(wait, 's')} per operation" if wait else ", never idle")
        axes.loglog(activity, comparison.cmos(activity, wait) / 1e-15, color=colour, label=label)
        at = comparison.crossover(wait)
        if activity[0] < at < 1:
            axes.plot(at, comparison.non_volatile(at) / 1e-15, "o", color=colour, mec="k", ms=7, zorder=3)
            axes.annotate(f"{at:.2g}", (at, comparison.non_volatile(at) / 1e-15), (6, -12), textcoords="offset points")
    axes.set_xlabel("changes of the stored operand per operation")
    axes.set_ylabel("energy per operation (fJ)")
    axes.set_title(f"full adders in {comparison.technology}, {comparison.simulator}", fontsize=10)
    axes.grid(alpha=0.3, which="both", lw=0.4)
    axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return save_figure(figure, path)


def crossover(
    card: Card,
    technology: Annotated[str, typer.Option("--technology", "-t", help="Transistors.")] = "generic",
    simulator: Annotated[
        str | None, typer.Option("--simulator", "-s", help="ngspice or vacask; by default the first installed.")
    ] = None,
    activity: Annotated[
        str, typer.Option(metavar="LIST", help="Changes of the stored operand per operation.")
    ] = "0,0.01,0.1,1",
    idle: Annotated[str, typer.Option(metavar="LIST", help="Idle times per operation.")] = "0,10u,100u,1m",
    temperature: Annotated[str, typer.Option(metavar="CELSIUS", help="Temperature.")] = "27",
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw it: .png, .svg or .pdf.")] = None,
    timeout: Timeout = "120",
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object and nothing else.")] = False,
    debug: Debug = False,
) -> None:
    """Logic in memory against CMOS.

    Energy per operation of a non-volatile full adder and of a CMOS one against how often the stored operand changes,
    and where the crossover lies for given idle times, in which the non-volatile one is switched off.
    """
    from compact.circuits import CIRCUITS
    from compact.plotting import FORMATS
    from compact.units import format_si

    terminal = Terminal(as_json)
    shares = [asked.number("--activity", x, "1") for x in activity.split(",")]
    waits = [asked.number("--idle", x, "s") for x in idle.split(",")]
    if any(not 0 <= x <= 1 for x in shares) or any(x < 0 for x in waits):
        raise WrongUse(f"--activity '{activity}' must lie in 0 ... 1, and --idle '{idle}' must not be negative")
    if plot is not None:
        asked.one_of("plot format", plot.suffix.lower(), FORMATS)
        asked.folder(plot.parent)
    degrees, limit = asked.celsius(temperature), asked.time_limit(timeout)
    transistors = asked.technology(technology)
    loaded = asked.card_for(CIRCUITS["nv_adder"], card)
    (engine,), _ = asked.simulators(simulator)
    with terminal.step(f"two adders in {transistors} on {engine}"):
        result, _, _ = compare(loaded, transistors, engine, temperature=degrees, timeout=limit)
    heads = ("idle", *(f"activity {x:g}" for x in shares), "crossover at")
    rows = [("non-volatile, off when idle", *(format_si(float(result.non_volatile(x)), "J") for x in shares), "")]
    for wait in waits:
        at = result.crossover(wait)
        where = f"{at:.3g}" if 0 < at <= 1 else ("CMOS always wins" if at <= 0 else "CMOS never wins")
        rows.append(
            (
                f"CMOS, {format_si(wait, 's')} idle",
                *(format_si(float(result.cmos(x, wait)), "J") for x in shares),
                where,
            )
        )
    terminal.table(f"{loaded.name} in {transistors}: energy per addition", heads, rows, numbers=heads[1:])
    for x in (0.0, 1.0):
        terminal.say(
            f"activity {x:g}: the non-volatile adder pays from {format_si(result.idle_time(x), 's')} of idle time on"
        )
    files = []
    if plot is not None:
        with terminal.step("drawing"), asked.writing(plot):
            files.append(plot_comparison(result, waits, plot))
        terminal.paths(files)
    terminal.result(
        "crossover", card=loaded.name, **vars(result),
        activity=shares, idle=waits, crossover=[result.crossover(x) for x in waits], files=files,
    )  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add the command of this module to the command line."""
    app.command()(crossover)
