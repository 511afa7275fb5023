"""Plots of simulated circuits, and the one picture that tells the whole story."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from compact.circuits import Circuit, Testbench
from compact.errors import CircuitError
from compact.plotting import COLOURS, FIT, polish, save_figure
from compact.units import format_si, si_scale

if TYPE_CHECKING:
    from compact.fitting import FitResult
    from compact.runs import Run

__all__ = ["plot_overview", "plot_waveforms"]

STYLES = ("-", (0, (4, 3)), (0, (1, 2)))
"""Line of each simulator in turn."""
VOLTAGE, CURRENT, Z = ("voltage", "V"), ("current", "A"), ("state z", "1")

# Rows of signals of each column by circuit; circuits that are not here get one column by kind of signal.
LAYOUTS: dict[str, dict[str, tuple[tuple[str, ...], ...]]] = {
    "cell_1t1mtj": {
        "": (("wap", "wp", "xcell.mid"), ("i(vsl)", "i(vbl)", "i(vread)"), ("xcell.xmtj.z",)),
    },
    "pcsa": {
        f"stored bit {bit}": (
            ("sen", f"q{bit}", f"qb{bit}"),
            (f"i(vdd{bit})",),
        )
        for bit in (0, 1)
    },
}


def _quantity(name: str, bench: Testbench) -> tuple[str, str]:
    """What a signal is and its unit: a current, a state of a device as its model declares it, else a voltage."""
    if name.startswith("i("):
        return CURRENT
    path, _, last = name.rpartition(".")
    for device in bench.netlist.devices.values() if path else ():
        card = getattr(device, "card", None)
        for state in card.definition.states if card is not None else ():
            if state.name == last:
                return Z if last == "z" else ("state", state.unit)
    return Z if path and last == "z" else VOLTAGE


def _layout(circuit: Circuit, bench: Testbench) -> dict[str, tuple[tuple[str, ...], ...]]:
    if known := LAYOUTS.get(circuit.name) or circuit.layout(bench):
        return known
    rows: dict[tuple[str, str], list[str]] = {VOLTAGE: [], CURRENT: [], Z: []}
    for name in bench.save:
        rows.setdefault(_quantity(name, bench), []).append(name)
    return {"": tuple(tuple(names[:8]) for names in rows.values() if names)}


def _draw(axes: Any, runs: Sequence[Run], names: Sequence[str], t_scale: float) -> None:
    """One row of signals; the first run has the colours' names, all have the same colours."""
    quantity = _quantity(names[0], runs[0].bench)
    present = [name for name in names if name in runs[0].waveforms]
    what, unit = quantity
    largest = max((float(np.abs(runs[0].waveforms[name]).max()) for name in present), default=1.0)
    scale, label = (1.0, unit.replace("1", "")) if quantity in (VOLTAGE, Z) else si_scale(largest, unit)
    for k, run in enumerate(runs):
        for j, name in enumerate(present):
            axes.plot(
                run.waveforms.axis / t_scale,
                run.waveforms[name] / scale,
                ls=STYLES[(k or j // len(COLOURS)) % len(STYLES)],  # dashed where colours come back
                color=COLOURS[j % len(COLOURS)] if k == 0 else FIT,
                lw=1.5 if k == 0 else 0.8,
                label=_pretty(name) if k == 0 else None,
            )
    axes.set_ylabel(f"{what} ({label})" if label else what, fontsize=8)
    polish(axes)
    axes.legend(fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5), handlelength=1.4)
    if quantity == Z:
        axes.set_ylim(-1.15, 1.15)
        axes.set_yticks([-1, 0, 1], ["AP", "0", "P"])


def _short(value: float, unit: str) -> str:
    """Three digits are enough in a picture."""
    scale, label = si_scale(value, unit)
    return f"{value / scale:.3g} {label}"


def _window(run: Run) -> tuple[float, float]:
    """Times to be shown [s]: of a read that is repeated, the one that is measured."""
    times, stop = run.bench.times, run.bench.analysis.stop
    if "sense" in times:
        begin, end = times["sense"], times.get("end", stop)
        return begin - 0.1 * (end - begin), end
    return 0.0, stop


def _pretty(name: str) -> str:
    """A signal without the letter x of the subcircuits it lies in."""
    return re.sub(r"\bx(?=\w+\.)", "", name)


def _columns(figure: Any, runs: Sequence[Run], titles: bool = True) -> None:
    """Fill a figure (or a part of one) with the waveforms of one circuit."""
    layout = _layout(runs[0].circuit, runs[0].bench)
    t_scale, t_unit = si_scale(runs[0].bench.analysis.stop, "s")
    rows = max(len(column) for column in layout.values())
    grid = figure.subplots(rows, len(layout), sharex=True, squeeze=False)
    for k, (title, column) in enumerate(layout.items()):
        for axes, names in zip(grid[:, k], column, strict=False):
            _draw(axes, runs, names, t_scale)
        grid[0, k].set_title(title, fontsize=9)
        grid[-1, k].set_xlabel(f"time ({t_unit})", fontsize=8)
        grid[-1, k].set_xlim(*(t / t_scale for t in _window(runs[0])))
    if titles:
        figure.suptitle(_title(runs), fontsize=10)


def _title(runs: Sequence[Run]) -> str:
    lines = ", ".join(f"{run.simulator} ({'thin black, dashed' if k else 'coloured'})" for k, run in enumerate(runs))
    where = lines if len(runs) > 1 else runs[0].simulator
    return f"{runs[0].bench.netlist.title}: {where}"


def plot_waveforms(runs: Sequence[Run], path: str | Path) -> Path:
    """Draw what a circuit did, the simulators over each other.

    Parameters
    ----------
    runs : sequence of Run
        Runs of the same circuit.
    path : str or pathlib.Path
        File to write; its suffix is .png, .svg or .pdf.

    Returns
    -------
    pathlib.Path
        The file, written whole or not at all.

    Raises
    ------
    CircuitError
        If the suffix is not known.
    """
    layout = _layout(runs[0].circuit, runs[0].bench)
    rows = max(len(column) for column in layout.values())
    width = 8.0 if len(layout) == 1 else 5.2 * len(layout)
    figure = Figure(figsize=(width, 0.6 + 1.9 * rows), dpi=130, layout="constrained")
    _columns(figure, runs)
    return save_figure(figure, path, CircuitError)


def plot_overview(result: FitResult, write: Run, read: Run, path: str | Path) -> Path:
    """Draw the way from a measured curve to a read bit in one picture.

    Parameters
    ----------
    result : FitResult
        Fit of one or several loops.
    write : Run
        A run of the circuit `cell_1t1mtj`.
    read : Run
        A run of the circuit `pcsa`.
    path : str or pathlib.Path
        File to write; its suffix is .png, .svg or .pdf.

    Returns
    -------
    pathlib.Path
        The file, written whole or not at all.
    """
    figure = Figure(figsize=(10.5, 3.9), dpi=130, layout="constrained")
    grid = figure.add_gridspec(2, 3)
    _draw_loop(figure.add_subplot(grid[:, 0]), result)
    upper = figure.add_subplot(grid[0, 1])
    _draw_write(upper, figure.add_subplot(grid[1, 1], sharex=upper), write)
    first = figure.add_subplot(grid[0, 2])
    for bit, axes in ((1, first), (0, figure.add_subplot(grid[1, 2], sharex=first))):
        _draw_read(axes, read, bit)
    first.tick_params(labelbottom=False)
    return save_figure(figure, path, CircuitError)


def _polish(axes: Any, title: str = "") -> None:
    polish(axes)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_fontsize(8.5)
    if title:
        axes.set_title(title, fontsize=9.5, loc="left")


def _draw_loop(axes: Any, result: FitResult) -> None:
    fit = result.fits[len(result.fits) // 2]
    shape = fit.shape
    drive = shape.polarity * shape.drive
    scale, unit = si_scale(float(np.abs(drive).max()), "V" if shape.loop.drive_role == "voltage" else "A")
    r_scale, r_unit = si_scale(float(shape.resistance.min()), "Ω")
    axes.plot(drive / scale, shape.resistance / r_scale, "o", ms=3, mfc="none", mec=COLOURS[0], mew=0.8, label="data")
    axes.plot(drive / scale, fit.curve / r_scale, "-", color=COLOURS[1], lw=1.3, label="fit")
    axes.set_xlabel(f"{shape.loop.drive_role} ({unit})")
    axes.set_ylabel(f"resistance ({r_unit})")
    axes.legend(fontsize=8, frameon=False, loc="center right", bbox_to_anchor=(1.0, 0.5))
    values = result.card.values
    text = f"R$_P$ = {_short(values['r_p'], 'Ω')}\nTMR = {100 * values['tmr']:.1f} %"
    if result.pulses is not None:
        text += f"\nΔ = {format_si(values['delta'], '1', result.card.stderr.get('delta'))}"
    axes.text(0.47, 0.5, text, transform=axes.transAxes, fontsize=8, ha="center", va="center")
    _polish(axes, "1  a loop, fitted")


def _draw_write(upper: Any, lower: Any, run: Run) -> None:
    time, t_unit = si_scale(run.bench.analysis.stop, "s")
    waves = run.waveforms
    current = -(waves["i(vbl)"] - waves["i(vsl)"])
    scale, unit = si_scale(float(np.percentile(np.abs(current), 95)), "A")
    upper.plot(waves.axis / time, current / scale, color=COLOURS[0], lw=1.3)
    reach = 1.6 * float(np.percentile(np.abs(current), 97)) / scale
    upper.set_ylim(-reach, reach)
    upper.set_ylabel(f"write current ({unit})")
    upper.tick_params(labelbottom=False)
    _polish(upper, f"2  a memory cell, written in {run.simulator}")
    lower.plot(waves.axis / time, waves["xcell.xmtj.z"], color=COLOURS[1], lw=1.5)
    lower.set_ylim(-1.2, 1.2)
    lower.set_yticks([-1, 0, 1], ["AP", "0", "P"])
    lower.set_xlim(0, run.bench.analysis.stop / time)
    lower.set_ylabel("magnetisation z")
    lower.set_xlabel(f"time ({t_unit})")
    _polish(lower)
    found = {m.name: m.value for m in run.measures}
    for name, at in (("ap", "write_ap"), ("p", "write_p")):
        start = run.bench.times[at] / time
        text = f"{_short(found[f'write_latency_{name}'], 's')}\n{_short(found[f'write_energy_{name}'], 'J')}"
        lower.text(start + 0.97 * run.bench.settings["t_write"] / time, 0, text, fontsize=7, ha="right", va="center")


def _draw_read(axes: Any, run: Run, bit: int) -> None:
    time, t_unit = si_scale(run.bench.analysis.stop, "s")
    start, _ = _window(run)
    stop = min(run.bench.times["sense"] + 0.35 * run.bench.settings["t_sense"], run.bench.analysis.stop)
    start = run.bench.times["sense"] - 0.15 * (stop - run.bench.times["sense"])
    for name, colour, style in (("sen", FIT, ":"), (f"q{bit}", COLOURS[0], "-"), (f"qb{bit}", COLOURS[1], "-")):
        axes.plot(run.waveforms.axis / time, run.waveforms[name], style, color=colour, lw=1.4, label=name.rstrip("01"))
    axes.set_xlim(start / time, stop / time)
    axes.set_ylabel("voltage (V)")
    axes.legend(fontsize=7, frameon=False, loc="center right", ncols=1)
    found = {m.name: m.value for m in run.measures}
    note = f"stored {bit}: {_short(found[f'delay_{bit}'], 's')}, {_short(found[f'energy_{bit}'], 'J')}"
    axes.text(0.98, 0.79, note, transform=axes.transAxes, fontsize=8, ha="right", va="center")
    if bit == 0:
        axes.set_xlabel(f"time ({t_unit})")
    _polish(axes, f"3  a sense amplifier, reading in {run.simulator}" if bit else "")
