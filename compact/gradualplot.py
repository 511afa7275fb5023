"""Plots of gradual loops and pulse trains with their fits, as PNG, SVG or PDF."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from compact.models import get_model
from compact.models.multidomain import CLASSES, DIRECTIONS
from compact.plotting import DOWN, FIT, UP, over_residuals, polish, save_figure
from compact.units import format_si, si_scale

if TYPE_CHECKING:
    from compact.gradualfit import GradualFit, GradualLoop
    from compact.parameters import ParameterSet
    from compact.trainfit import TrainCurve, TrainFit

__all__ = ["plot_gradual", "plot_trains"]


def _residuals(axes: Any, x: Any, left: Any, colours: Any, rms: float, of: str) -> None:
    axes.scatter(x, left, s=8, facecolors="none", edgecolors=colours, linewidths=0.8)
    axes.axhline(0, color=FIT, lw=0.8)
    reach = max(1.25 * float(np.abs(left).max()), 1e-9)
    axes.set_ylim(-reach, reach)
    axes.set_ylabel(f"residual\n(% of {of})", fontsize=8)
    text = dict(transform=axes.transAxes, fontsize=7, ha="right", va="top")
    axes.text(0.99, 0.95, f"rms {100 * rms:.2g} %", **text, bbox={"fc": "white", "ec": "none", "alpha": 0.7, "pad": 1})
    polish(axes)


def _draw_loop(figure: Figure, cell: Any, loop: GradualLoop, word: str) -> Any:
    upper, lower = over_residuals(figure, cell)
    shape = loop.shape
    drive = shape.polarity * shape.drive
    unit = "V" if shape.loop.drive_role == "voltage" else "A"
    scale, unit = si_scale(float(np.abs(drive).max()), unit)
    r_scale, r_unit = si_scale(float(shape.resistance.min()), "Ω")
    rising = np.gradient(drive) >= 0
    for way, colour, label in ((rising, UP, "data, sweep up"), (~rising, DOWN, "data, sweep down")):
        at = drive[way] / scale, shape.resistance[way] / r_scale
        upper.plot(*at, "o", ms=3.4, mfc="none", mec=colour, mew=0.9, label=label)
    style = "--" if word else "-"
    upper.plot(drive / scale, loop.curve / r_scale, style, color=FIT, lw=1.2, label="card" if word else "fit")
    upper.set_ylabel(f"resistance ({r_unit})")
    upper.tick_params(labelbottom=False)
    width = shape.loop.pulse_width
    about = f", {format_si(width, 's')}" if width and format_si(width, "s") not in shape.loop.source else ""
    upper.set_title(f"{word}{shape.loop.source}{about}", fontsize=8)
    polish(upper)
    colours = [UP if r else DOWN for r in rising]
    _residuals(lower, drive / scale, 100 * loop.residuals / abs(shape.height), colours, loop.rms, "height")
    lower.set_xlabel(f"{shape.loop.drive_role} ({unit})")
    return upper


def _draw_distribution(axes: Any, card: ParameterSet) -> None:
    """Switching currents of the classes, as cumulative distributions."""
    model = get_model(card.model)
    share = (np.arange(CLASSES) + 0.5) / CLASSES
    found = {w: np.array(model.evaluate([f"x{k}_{w}" for k in range(CLASSES)], card.values)) for w in DIRECTIONS}
    found = {w: x * card.values[f"ic_{w}"] for w, x in found.items()}
    scale, unit = si_scale(max(float(x.max()) for x in found.values()), "A")
    for way, colour, label in (("ap2p", UP, "AP→P"), ("p2ap", DOWN, "P→AP")):
        axes.plot(found[way] / scale, 100 * share, "o-", ms=3.4, lw=1.2, color=colour, mfc="none", label=label)
    axes.set_xlabel(f"critical current ({unit})")
    axes.set_ylabel("domains that switch below it (%)")
    axes.set_ylim(0, 100)
    delta = format_si(card.values["delta"], "1", card.stderr.get("delta"))
    axes.set_title(f"distribution, Δ = {delta}" + ("" if "delta" in card.stderr else " (held)"), fontsize=8)
    axes.legend(fontsize=7, frameon=False)
    polish(axes)


def plot_gradual(fit: GradualFit, path: str | Path) -> Path:
    """Draw a fit of gradual loops: data, curves, residuals and the distribution of critical currents.

    Parameters
    ----------
    fit : GradualFit
        The fit.
    path : str or pathlib.Path
        File; its suffix says the format.

    Returns
    -------
    pathlib.Path
        The file, written whole or not at all.
    """
    loops = [*((x, "") for x in fit.loops), *((x, "predicted: ") for x in fit.predictions)]
    count = len(loops) + 1
    columns = 2 if count in (2, 4) else 3
    rows = -(-count // columns)
    figure = Figure(figsize=(4.6 * columns, 4.0 * rows + 0.3), dpi=130, layout="constrained")
    grid = figure.add_gridspec(rows, columns)
    for k, (loop, word) in enumerate(loops):
        upper = _draw_loop(figure, grid[k // columns, k % columns], loop, word)
        if k == 0:
            handles = upper.get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    k = len(loops)
    _draw_distribution(figure.add_subplot(grid[k // columns, k % columns]), fit.card)
    figure.suptitle(f"{fit.card.name}  (model {fit.card.model})", fontsize=10)
    return save_figure(figure, path)


def _draw_train(upper: Any, lower: Any, drives: Any, curve: TrainCurve) -> None:
    train = curve.train
    number = np.arange(1, len(train.drive) + 1)
    r_scale, r_unit = si_scale(float(train.resistance.min()), "Ω")
    up = train.drive * curve.polarity > 0
    for way, colour, label in ((up, UP, "data, towards P"), (~up, DOWN, "data, towards AP")):
        at = number[way], train.resistance[way] / r_scale
        upper.plot(*at, "o", ms=3, mfc="none", mec=colour, mew=0.8, label=label)
    upper.plot(number, curve.curve / r_scale, "-", color=FIT, lw=1.0, label="fit")
    upper.set_ylabel(f"resistance ({r_unit})")
    upper.set_title(train.source, fontsize=8)
    colours = [UP if u else DOWN for u in up]
    left = 100 * curve.residuals / float(np.ptp(train.resistance))
    _residuals(lower, number, left, colours, curve.rms, "range")
    scale, unit = si_scale(float(np.abs(train.drive).max()), "V" if train.by_voltage else "A")
    drives.bar(number, train.drive / scale, width=0.8, color=colours)
    drives.axhline(0, color=FIT, lw=0.8)
    drives.set_ylabel(f"pulse ({unit})", fontsize=8)
    drives.set_xlabel("pulse number")
    for axes in (upper, lower):
        axes.tick_params(labelbottom=False)
    for axes in (upper, drives):
        polish(axes)


def plot_trains(fit: TrainFit, path: str | Path) -> Path:
    """Draw a fit of pulse trains: resistance after each pulse, residuals, pulses, distribution of critical currents.

    Parameters
    ----------
    fit : TrainFit
        The fit.
    path : str or pathlib.Path
        File; its suffix says the format.

    Returns
    -------
    pathlib.Path
        The file, written whole or not at all.
    """
    count = len(fit.trains)
    figure = Figure(figsize=(11.0, 4.6 * count + 0.3), dpi=130, layout="constrained")
    grid = figure.add_gridspec(count, 2, width_ratios=(2.2, 1))
    for k, curve in enumerate(fit.trains):
        cell = grid[k, 0].subgridspec(3, 1, height_ratios=(3, 1, 1), hspace=0.05)
        upper = figure.add_subplot(cell[0])
        others = [figure.add_subplot(cell[j], sharex=upper) for j in (1, 2)]
        _draw_train(upper, others[0], others[1], curve)
        if k == 0:
            handles = upper.get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    _draw_distribution(figure.add_subplot(grid[0, 1]), fit.card)
    figure.suptitle(f"{fit.card.name}  (model {fit.card.model})", fontsize=10)
    return save_figure(figure, path)
