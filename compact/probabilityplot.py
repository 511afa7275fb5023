"""Plots of switching probabilities and write-error rates, as PNG, SVG or PDF."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from compact.plotting import DOWN, FIT, MUTED, UP, polish, save_figure
from compact.units import format_si, si_scale
from compact.writing import P

if TYPE_CHECKING:
    from compact.dwellfit import DwellFit
    from compact.probability import ProbabilityFit, SwitchingTable
    from compact.writing import Writing

__all__ = ["plot_dwells", "plot_probability", "plot_writing"]

SMALLEST = 1e-18
"""Smallest error rate that is drawn."""


def _fine(table: SwitchingTable, fit: ProbabilityFit) -> tuple[np.ndarray, np.ndarray]:
    """Abscissa in SI and fitted probability on a fine grid."""
    import dataclasses

    level = table.level
    if table.source in fit.levels:
        level = np.sign(level) * fit.levels[table.source].value
    if table.abscissa == "level":
        x = np.linspace(np.abs(level).min(), np.abs(level).max(), 160)
        levels, widths = np.sign(level[0]) * x, np.full(x.shape, np.median(table.pulse_width))
    else:
        x = np.linspace(table.pulse_width.min(), table.pulse_width.max(), 200)
        levels, widths = np.full(x.shape, level[0]), x
    fine = dataclasses.replace(
        table, probability=np.zeros(x.size), pulse_width=widths, count=None, free_level=False, lines=(),
        **{table.quantity: levels},
    )  # fmt: skip
    return x, fit.predict(fine)


def plot_probability(fit: ProbabilityFit, path: str | Path) -> Path:
    """Draw a fit of switching probabilities: data with counting errors, curve and residuals.

    Parameters
    ----------
    fit : ProbabilityFit
        The fit.
    path : str or pathlib.Path
        File; its suffix says the format.

    Returns
    -------
    pathlib.Path
        The file, written whole or not at all.
    """
    count = len(fit.tables)
    figure = Figure(figsize=(4.8 * count + 0.6, 5.0), dpi=130, layout="constrained")
    grid = figure.add_gridspec(2, count, height_ratios=(3.2, 1))
    for k, (table, curve, rms) in enumerate(zip(fit.tables, fit.curves, fit.rms, strict=True)):
        upper: Any = figure.add_subplot(grid[0, k])
        lower: Any = figure.add_subplot(grid[1, k], sharex=upper)
        x = np.abs(table.level) if table.abscissa == "level" else table.pulse_width
        unit = table.unit if table.abscissa == "level" else "s"
        scale, label = si_scale(float(x.max()), unit)
        error = None
        if table.count is not None:
            p = (table.probability * table.count + 1) / (table.count + 2)
            error = np.sqrt(p * (1 - p) / table.count)
        upper.errorbar(
            x / scale, table.probability, error, fmt="o", ms=3.6, mfc="none", color=UP, lw=0.8, label="measured"
        )
        fine, probability = _fine(table, fit)
        upper.plot(fine / scale, probability, "-", color=FIT, lw=1.2, label="fit")
        if fit.p_max:
            upper.axhline(fit.p_max.value, color=MUTED, lw=0.8, ls="--", label="plateau")
        upper.set_ylim(-0.03, 1.03)
        upper.set_ylabel("switching probability")
        upper.tick_params(labelbottom=False)
        if table.abscissa == "level":
            held = f"pulses of {format_si(float(np.median(table.pulse_width)), 's')}"
        else:
            level = fit.levels.get(table.source)
            amplitude = (level.value, level.unit, level.stderr) if level else (abs(table.level[0]), table.unit)
            shown = format_si(*amplitude)
            held = f"{table.quantity} {shown}" + (" (fitted)" if level else "")
        upper.set_title(f"{table.source}\n{held}", fontsize=8)
        upper.legend(fontsize=8, frameon=False, loc="lower right")
        lower.plot(x / scale, table.probability - curve, "o", ms=3, mfc="none", mec=UP, mew=0.8)
        lower.axhline(0, color=FIT, lw=0.8)
        lower.text(0.99, 0.93, f"rms {rms:.4f}", transform=lower.transAxes, fontsize=7, ha="right", va="top")
        reach = 1.25 * max(float(np.abs(table.probability - curve).max()), 0.005)
        lower.set_ylim(-reach, reach)
        lower.set_ylabel("residual", fontsize=8)
        lower.set_xlabel(f"{table.quantity if table.abscissa == 'level' else 'pulse width'} ({label})")
        for axes in (upper, lower):
            polish(axes)
    figure.suptitle(f"{fit.card.name}  (model {fit.card.model})", fontsize=10)
    return save_figure(figure, path)


def plot_writing(writing: Writing, path: str | Path, contours: bool = True) -> Path:
    """Draw write-error rates: a map over level and pulse width, or curves against the pulse width.

    Parameters
    ----------
    writing : Writing
        The outcome.
    path : str or pathlib.Path
        File; its suffix says the format.
    contours : bool
        Whether a map is drawn, which takes three levels and three pulse widths or more.

    Returns
    -------
    pathlib.Path
        The file, written whole or not at all.
    """
    figure = Figure(figsize=(6.4, 4.8), dpi=130, layout="constrained")
    axes: Any = figure.add_subplot()
    t_scale, t_unit = si_scale(float(writing.pulse.max()), "s")
    unit = "V" if writing.quantity == "voltage" else "A"
    v_scale, v_unit = si_scale(float(np.abs(writing.level).max()), unit)
    with np.errstate(divide="ignore"):
        depth = np.log10(np.maximum(writing.error, 10 ** (math.log10(SMALLEST) - 2)))
    if contours and min(writing.error.shape) >= 3:
        order = np.argsort(writing.level)
        steps = np.arange(math.log10(SMALLEST), 0.5, 1)
        filled = axes.contourf(
            writing.level[order] / v_scale, writing.pulse / t_scale, depth[order].T, steps, cmap="viridis", extend="min"
        )
        marks = [s for s in (-15, -12, -9, -6, -3, -1) if depth.min() < s < depth.max()]
        if marks:
            lines = axes.contour(
                writing.level[order] / v_scale, writing.pulse / t_scale, depth[order].T, marks, colors="white",
                linewidths=0.8, linestyles="-",
            )  # fmt: skip
            axes.clabel(lines, fmt=lambda x: f"$10^{{{x:.0f}}}$", fontsize=8)
        bar = figure.colorbar(filled, ax=axes)
        bar.set_label("log10 of the write-error rate")
        axes.set_xlabel(f"{writing.quantity} ({v_unit})")
        axes.set_ylabel(f"pulse width ({t_unit})")
    else:
        from matplotlib import colormaps

        shades = colormaps["viridis"](np.linspace(0, 0.9, len(writing.level)))
        for level, error, colour in zip(writing.level, writing.error, shades, strict=True):
            axes.semilogy(
                writing.pulse / t_scale, np.maximum(error, SMALLEST / 100), color=colour, marker=".", ms=3, lw=1.2,
                label=format_si(float(level), unit),
            )  # fmt: skip
        axes.set_ylim(bottom=max(SMALLEST, float(writing.error.min()) / 3), top=1.5)
        axes.set_xlabel(f"pulse width ({t_unit})")
        axes.set_ylabel("write-error rate")
        axes.grid(alpha=0.25, lw=0.5)
        if len(writing.level) <= 14:
            axes.legend(fontsize=8, frameon=False, loc="lower left")
    ways = {"P→AP" if s == P else "AP→P" for s in writing.start}
    axes.set_title(f"{writing.card.name}: write-error rate, {' and '.join(sorted(ways))}", fontsize=10)
    return save_figure(figure, path)


def plot_dwells(fit: DwellFit, path: str | Path) -> Path:
    """Draw mean dwell times of both states with the fitted law.

    Parameters
    ----------
    fit : DwellFit
        The fit.
    path : str or pathlib.Path
        File; its suffix says the format.

    Returns
    -------
    pathlib.Path
        The file, written whole or not at all.
    """
    figure = Figure(figsize=(6.4, 4.6), dpi=130, layout="constrained")
    axes: Any = figure.add_subplot()
    scale, unit = si_scale(float(np.abs(fit.table.level).max()), fit.table.unit)
    fine = np.linspace(fit.table.level.min(), fit.table.level.max(), 120)
    for values, count, curve, colour, label in zip(
        (fit.table.dwell_p, fit.table.dwell_ap), (fit.table.count_p, fit.table.count_ap), fit.predict(fine), (UP, DOWN),
        ("parallel", "antiparallel"), strict=True,
    ):  # fmt: skip
        error = values / np.sqrt(count)
        axes.errorbar(
            fit.table.level / scale, values, error, fmt="o", ms=4, mfc="none", color=colour, lw=0.8, label=label
        )
        axes.plot(fine / scale, curve, "-", color=colour, lw=1.1)
    axes.set_yscale("log")
    axes.set_xlabel(f"{fit.table.quantity} ({unit})")
    axes.set_ylabel("mean dwell time (s)")
    axes.grid(alpha=0.25, lw=0.5)
    axes.legend(fontsize=8, frameon=False)
    axes.set_title(f"{fit.card.name}  (model {fit.card.model})", fontsize=10)
    return save_figure(figure, path)
