"""The main job on the example that comes with the package: curve, card, models, memory cell, sense amplifier."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

from compact.emit import write
from compact.errors import SimulatorNotFound, SpinbricksError
from compact.files import staged
from compact.fitting import FitResult, fit_loop
from compact.parameters import ParameterSet
from compact.report import measures_table, run_content
from compact.runs import CIRCUIT_SIMULATORS, Run, find_simulators, simulate
from compact.technology import Technology, get_technology
from compact.terminal import MISSING, Terminal, verdict
from compact.units import format_si

__all__ = ["EXAMPLE", "run_demo"]

EXAMPLE = Path(__file__).resolve().parent / "examples" / "mtj_loops.csv"
"""Synthetic loops of a CoFeB/MgO junction at several pulse widths."""
CARD = "example_mtj"
CIRCUITS = ("cell_1t1mtj", "pcsa")
SHOWN = ("r_p", "tmr", "v_h", "ic_p2ap", "ic_ap2p", "delta")


def run_demo(terminal: Terminal, folder: Path, technology: str, timeout: float | None) -> None:
    """Do it all and write what comes out into a folder.

    Parameters
    ----------
    terminal : Terminal
        Where results are shown.
    folder : pathlib.Path
        Where files go; it exists.
    technology : str
        Name of the transistors' technology.
    timeout : float or None
        Limit of each simulation [s].

    Raises
    ------
    Failed
        If a measure is outside its limits, or no simulator could be used.
    SpinbricksError
        If a step fails.
    """
    began = time.perf_counter()
    transistors = get_technology(technology)
    files: list[Path] = []
    try:
        with terminal.step("fitting the example curve"):
            curve = folder / EXAMPLE.name
            with staged(curve) as path:
                shutil.copyfile(EXAMPLE, path)
            result = fit_loop(curve, name=CARD)
            card = result.card
            card.save(folder / f"{CARD}.json")
        with terminal.step("drawing the fit"):
            files += [curve, folder / f"{CARD}.json"]
            files += [result.plot(folder / f"fit.{suffix}") for suffix in ("png", "svg")]
        with terminal.step("writing Verilog-A and SPICE"):
            files += write(card, "all", folder)
        _say_card(terminal, card)
        runs, notes = _simulate(terminal, card, transistors, timeout)
        with terminal.step("drawing waveforms"):
            files += _draw(folder, result, runs)
    except OSError as error:
        raise SpinbricksError(f"cannot write {error.filename or folder}: {error.strerror or error}") from None
    for name in CIRCUITS:
        same = [run for run in runs if run.circuit.name == name]
        if same:
            measures_table(terminal, f"{name}: {same[0].circuit.title}, in {transistors.name}", same)
    _say_end(terminal, runs, notes, files, time.perf_counter() - began)
    terminal.result(
        "demo",
        ok=bool(runs) and all(run.passed for run in runs),
        card=card.name,
        values=card.values,
        stderr=card.stderr,
        quality=card.provenance.quality,
        runs=[run_content(run) for run in runs],
        missing=notes,
        files=files,
    )


def _say_card(terminal: Terminal, card: ParameterSet) -> None:
    rows = [
        (p.name, format_si(value, p.unit, error), p.description) for p, value, error in card.table() if p.name in SHOWN
    ]
    residual = 100 * card.provenance.quality["rms_over_height"]
    terminal.table(
        f"{card.name}: fitted to a synthetic curve, rms residual {residual:.2g} % of the loop's height",
        ("parameter", "value", "what"),
        rows,
        numbers=("value",),
    )


def _simulate(
    terminal: Terminal, card: ParameterSet, technology: Technology, timeout: float | None
) -> tuple[list[Run], dict[str, str]]:
    """Both circuits in every simulator there is, and why others were left out."""
    found, missing = find_simulators(CIRCUIT_SIMULATORS)
    runs = []
    for circuit in CIRCUITS:
        for simulator in list(found):
            with terminal.step(f"{circuit} in {technology.name} on {simulator}"):
                try:
                    runs.append(simulate(circuit, card, technology, simulator, timeout=timeout))
                except SimulatorNotFound as error:  # found, but what it needs is not
                    missing[simulator] = str(error)
                    del found[simulator]
    return runs, missing


def _draw(folder: Path, result: FitResult, runs: list[Run]) -> list[Path]:
    from compact.waveplot import plot_overview, plot_waveforms

    files: list[Path] = []
    for name in CIRCUITS:
        same = [run for run in runs if run.circuit.name == name]
        if same:
            files += [path for run in same for path in run.save(folder)]
            files += [plot_waveforms(same, folder / f"{name}.{suffix}") for suffix in ("png", "svg")]
    first = {run.circuit.name: run for run in reversed(runs)}
    if len(first) == len(CIRCUITS):
        cell, amplifier = (first[name] for name in CIRCUITS)
        files += [plot_overview(result, cell, amplifier, folder / f"overview.{suffix}") for suffix in ("png", "svg")]
    return list(dict.fromkeys(files))


def _say_end(terminal: Terminal, runs: list[Run], notes: dict[str, str], files: list[Path], seconds: float) -> None:
    done: list[tuple[Any, ...]] = [
        (run.circuit.name, run.simulator, run.version, verdict(run.passed), format_si(run.seconds, "s")) for run in runs
    ]
    done += [(name, simulator, "", MISSING, "") for simulator in notes for name in CIRCUITS]
    terminal.table("summary", ("circuit", "simulator", "version", "", "took"), done, numbers=("took",))
    for text in notes.values():
        terminal.say(f"note: {text}", "yellow")
    terminal.say("written")
    terminal.paths(files)
    terminal.say(f"done in {seconds:.1f} s")
