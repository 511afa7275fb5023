"""Plots of corner tables and Monte Carlo analyses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from scipy import stats

from compact.errors import StatisticsError
from compact.plotting import DOWN, FIT, MUTED, UP, save_figure
from compact.samples import Samples
from compact.sweep import CornerTable
from compact.units import format_si, si_scale
from compact.yields import Margin, Sensitivity, yield_of

__all__ = ["plot_corners", "plot_margin", "plot_samples", "plot_sensitivities", "varies"]

VARIES = 1e-4
"""Relative range from which on a figure is worth a histogram: less is the simulator's tolerance."""


def plot_samples(samples: Samples, path: str | Path, names: Sequence[str] | None = None) -> Path:
    """Histogram of every figure, with its limits, the typical circuit and a normal law of the same moments.

    Parameters
    ----------
    samples : Samples
        The samples.
    path : str or pathlib.Path
        File to write; its suffix is .png, .svg or .pdf.
    names : sequence of str, optional
        Figures; by default all that vary.

    Raises
    ------
    StatisticsError
        If there is no such figure, or none that varies.
    """
    shown = [samples.check(name) for name in names] if names else [n for n in samples.names if varies(samples, n)]
    if not shown:
        raise StatisticsError("no figure varies: nothing to plot")
    columns = min(len(shown), 4 if len(shown) > 6 else 3)
    rows = math.ceil(len(shown) / columns)
    figure = Figure(figsize=(3.5 * columns, 2.7 * rows + 0.5), dpi=130, layout="constrained")
    for k, name in enumerate(shown):
        _histogram(figure.add_subplot(rows, columns, k + 1), samples, name)
    plan = samples.header["plan"]
    figure.suptitle(
        f"{plan['circuit']} with {plan['card']} in {plan['technology']}: {len(samples.rows)} samples, "
        f"{len(samples.failures)} not simulated, yield {yield_of(samples).value:.4g}",
        fontsize=10,
    )
    return save_figure(figure, path)


def varies(samples: Samples, name: str) -> bool:
    """Whether a figure varies by more than the simulator's tolerance."""
    values = samples.values(name)
    values = values[np.isfinite(values)]
    return len(values) > 1 and float(np.ptp(values)) > VARIES * float(np.abs(values).max())


def _histogram(axes: Any, samples: Samples, name: str) -> None:
    about = samples.header["measures"][name]
    all_values = samples.values(name)
    values = all_values[np.isfinite(all_values)]
    missing = len(all_values) - len(values)
    scale, unit = si_scale(float(np.abs(values).max()) if len(values) else 1.0, about["unit"])
    values = values / scale
    axes.hist(values, bins=max(8, min(60, int(2 * len(values) ** (1 / 3)))), density=True, color=UP, alpha=0.75)
    mean, spread = (float(values.mean()), float(values.std())) if len(values) else (0.0, 0.0)
    if spread > 0:
        x = np.linspace(mean - 4 * spread, mean + 4 * spread, 200)
        axes.plot(x, stats.norm.pdf(x, mean, spread), color=FIT, lw=1.1)
        left, right = min(x[0], float(values.min())), max(x[-1], float(values.max()))
    else:
        left, right = axes.get_xlim()
    for limit in samples.limits(name):
        if math.isfinite(limit) and left - (right - left) / 2 < limit / scale < right + (right - left) / 2:
            axes.axvline(limit / scale, color=DOWN, lw=1.2, ls=(0, (4, 3)))
            left, right = min(left, limit / scale), max(right, limit / scale)
    if about.get("typical") is not None:
        axes.axvline(about["typical"] / scale, color=MUTED, lw=1.2, ls=(0, (1, 2)))
    pad = 0.04 * (right - left)
    axes.set_xlim(left - pad, right + pad)
    axes.locator_params(axis="x", nbins=5)
    axes.set_yticks([])
    axes.set_xlabel(f"{name} ({unit})" if unit and unit != "1" else name, fontsize=9)
    axes.tick_params(labelsize=8)
    text = f"{mean:.4g} ± {spread:.2g}" + (f"\n{missing} without" if missing else "")
    axes.text(0.97, 0.96, text, transform=axes.transAxes, ha="right", va="top", fontsize=8)
    for side in ("top", "left", "right"):
        axes.spines[side].set_visible(False)
    axes.margins(y=0.25)


def plot_margin(found: Margin, path: str | Path, *, unit: str = "V", labels: tuple[str, str] = ("0", "1")) -> Path:
    """The two distributions of a read signal, with their normal laws and the best threshold.

    Parameters
    ----------
    found : Margin
        The signals.
    path : str or pathlib.Path
        File to write.
    unit : str
        Unit of the signals.
    labels : tuple of str
        What the lower and the higher ones belong to.
    """
    scale, shown = si_scale(float(max(np.abs(found.low).max(), np.abs(found.high).max())), unit)
    figure = Figure(figsize=(6.2, 3.6), dpi=130, layout="constrained")
    axes = figure.add_subplot()
    for values, colour, label in ((found.low, UP, labels[0]), (found.high, DOWN, labels[1])):
        values = values / scale
        axes.hist(values, bins=max(8, min(60, int(2 * len(values) ** (1 / 3)))), density=True, color=colour, alpha=0.6,
                  label=label)  # fmt: skip
        x = np.linspace(values.mean() - 4.5 * values.std(), values.mean() + 4.5 * values.std(), 300)
        axes.plot(x, stats.norm.pdf(x, values.mean(), values.std()), color=colour, lw=1.3)
    axes.axvline(found.threshold / scale, color=FIT, lw=1, ls=(0, (4, 3)))
    axes.set_yticks([])
    axes.set_xlabel(f"read signal ({shown})")
    axes.margins(y=0.18)
    axes.legend(frameon=False, fontsize=9, loc="upper center", ncols=2)
    axes.set_title(
        f"means {found.sigmas:.2f} standard deviations from the threshold; window {format_si(found.window, unit)}",
        fontsize=9,
    )
    for side in ("top", "left", "right"):
        axes.spines[side].set_visible(False)
    return save_figure(figure, path)


def plot_sensitivities(
    ranking: Sequence[Sensitivity], explained: float, name: str, path: str | Path, count: int = 12
) -> Path:
    """Shares of a figure's variance as bars, the largest on top.

    Parameters
    ----------
    ranking : sequence of Sensitivity
        As `compact.yields.rank` gives it.
    explained : float
        Part of the variance that the linear model explains.
    name : str
        The figure.
    path : str or pathlib.Path
        File to write.
    count : int
        How many to show.
    """
    shown = list(ranking[:count])[::-1]
    figure = Figure(figsize=(6.4, 0.9 + 0.28 * len(shown)), dpi=130, layout="constrained")
    axes = figure.add_subplot()
    colours = [(UP if s.slope > 0 else DOWN) if s.significant else MUTED for s in shown]
    axes.barh([s.name for s in shown], [100 * s.share for s in shown], color=colours)
    axes.set_xlabel(f"share of the variance of {name} (%)")
    axes.tick_params(axis="y", labelsize=8)
    told = f"blue raises, orange lowers it, grey: not significant; linear model explains {100 * explained:.0f} %"
    axes.set_title(told, fontsize=9)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return save_figure(figure, path)


def plot_corners(table: CornerTable, path: str | Path, names: Sequence[str] | None = None) -> Path:
    """Every figure at every corner, by temperature; the worst is ringed.

    Parameters
    ----------
    table : CornerTable
        The table.
    path : str or pathlib.Path
        File to write.
    names : sequence of str, optional
        Figures; by default all that change.

    Raises
    ------
    StatisticsError
        If there is no such figure.
    """
    shown = list(names) if names else [name for name in table.names if table.worst(name) is not None]
    if not shown:
        raise StatisticsError("no figure changes between the corners: nothing to plot")
    temperatures = sorted({c.temperature for c in table.corners})
    groups = list(dict.fromkeys((c.cmos, c.mtj, c.supply) for c in table.corners))
    colours = _shades(len(temperatures))
    columns = min(len(shown), 2)
    rows = math.ceil(len(shown) / columns)
    width = max(4.2, 0.17 * len(groups) + 1.2)
    figure = Figure(figsize=(width * columns, 2.5 * rows + 0.6), dpi=130, layout="constrained")
    for k, name in enumerate(shown):
        axes = figure.add_subplot(rows, columns, k + 1)
        measures = table.column(name)
        values = np.array([math.nan if m is None else m.value for m in measures])
        unit = next((m.unit for m in measures if m), "1")
        finite = values[np.isfinite(values)]
        scale, shown_unit = si_scale(float(np.abs(finite).max()) if len(finite) else 1.0, unit)
        for temperature, colour in zip(temperatures, colours, strict=True):
            chosen = [j for j, c in enumerate(table.corners) if c.temperature == temperature]
            x = [groups.index((table.corners[j].cmos, table.corners[j].mtj, table.corners[j].supply)) for j in chosen]
            axes.plot(x, values[chosen] / scale, "o", ms=4, color=colour, label=f"{temperature:g} °C")
        worst = table.worst(name)
        if worst is not None and math.isfinite(values[worst]):
            corner = table.corners[worst]
            at = groups.index((corner.cmos, corner.mtj, corner.supply))
            axes.plot(at, values[worst] / scale, "o", ms=10, mfc="none", mec=FIT, mew=1.3)
        axes.set_ylabel(f"{name} ({shown_unit})" if shown_unit and shown_unit != "1" else name, fontsize=9)
        axes.tick_params(labelsize=7)
        labels = [f"{cmos}/{mtj} {supply:g}" for cmos, mtj, supply in groups]
        last_row = k >= len(shown) - columns
        axes.set_xticks(range(len(groups)), labels if last_row else [""] * len(groups), rotation=90, fontsize=7)
        axes.grid(axis="x", color="#eeeeee", lw=0.6)
        axes.set_axisbelow(True)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        if k == 0:
            handles, texts = axes.get_legend_handles_labels()
    figure.legend(handles, texts, loc="outside upper center", ncols=len(temperatures), fontsize=8, frameon=False)
    if failed := len(table.errors):
        figure.suptitle(f"{failed} of {len(table.corners)} corners could not be simulated", fontsize=9, color=DOWN)
    figure.supxlabel("transistors/junction, share of the supply; the worst is ringed", fontsize=8)
    return save_figure(figure, path)


def _shades(count: int) -> list[str]:
    """Colours from cold to hot."""
    cold_to_hot = ["#0072B2", "#56B4E9", "#E69F00", "#D55E00"]
    if count == 1:
        return [cold_to_hot[0]]
    return [cold_to_hot[round(k * (len(cold_to_hot) - 1) / (count - 1))] for k in range(count)]
