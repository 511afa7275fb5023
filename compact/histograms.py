"""Plots of Monte Carlo samples: how the figures of a circuit spread between their limits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from compact.errors import StatisticsError, unknown
from compact.files import staged
from compact.plotting import DOWN, FIT, FORMATS, UP
from compact.samples import Samples
from compact.units import si_scale

__all__ = ["plot_histograms", "spread_names"]

MOST_BINS = 40
COLUMNS = 3
SMALLEST = 1e-3
"""Spread, over the largest value, below which a figure is called the same in all samples."""


def spread_names(samples: Samples) -> list[str]:
    """Figures that are not the same in all samples."""
    found = []
    for name in samples.names:
        values = _finite(samples, name)
        if values.size > 1 and np.ptp(values) > SMALLEST * np.abs(values).max():
            found.append(name)
    return found


def _finite(samples: Samples, name: str) -> np.ndarray:
    values = samples.values(name)
    return values[np.isfinite(values)]


def plot_histograms(samples: Samples, path: str | Path, names: Sequence[str] | None = None) -> Path:
    """Draw a histogram of each figure with its typical value and its limits.

    Parameters
    ----------
    samples : Samples
        The samples.
    path : str or pathlib.Path
        File to write; its suffix is .png, .svg or .pdf.
    names : sequence of str, optional
        Figures, by default all that spread.

    Returns
    -------
    pathlib.Path
        The file, written whole or not at all.

    Raises
    ------
    StatisticsError
        If no figure spreads, one is not known, or the suffix is not.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise StatisticsError(unknown("plot format", path.suffix or path.name, FORMATS))
    chosen = [samples.check(name) for name in (spread_names(samples) if names is None else names)]
    if not chosen:
        raise StatisticsError("no figure differs between the samples: there is nothing to draw")
    columns = min(COLUMNS, len(chosen))
    rows = -(-len(chosen) // columns)
    figure = Figure(figsize=(3.1 * columns + 0.4, 2.3 * rows + 0.5), dpi=130, layout="constrained")
    for k, name in enumerate(chosen):
        _draw(figure.add_subplot(rows, columns, k + 1), samples, name)
    plan = samples.header["plan"]
    figure.suptitle(f"{plan['circuit']} with {plan['card']}: {len(samples.rows)} samples", fontsize=10)
    figure.supylabel("samples", fontsize=9)
    with staged(path) as temporary:
        figure.savefig(temporary, metadata={"Date": None} if path.suffix.lower() == ".svg" else None)
    return path


def _draw(axes: Any, samples: Samples, name: str) -> None:
    values = _finite(samples, name)
    about = samples.header["measures"][name]
    scale, unit = si_scale(float(np.abs(values).max()), about["unit"])
    bins = np.histogram_bin_edges(values / scale, bins="auto")
    if bins.size > MOST_BINS + 1:
        bins = np.linspace(bins[0], bins[-1], MOST_BINS + 1)
    axes.hist(values / scale, bins=bins, color=UP, alpha=0.75)
    low, high = axes.get_xlim()
    span = high - low
    if about["typical"] is not None:
        axes.axvline(about["typical"] / scale, color=FIT, lw=1.1)
    for limit in samples.limits(name):
        # A limit far away would squeeze the histogram into a line, and one of zero says only that there is a sign.
        if limit and np.isfinite(limit) and low - span <= limit / scale <= high + span:
            axes.axvline(limit / scale, color=DOWN, lw=1.2, ls="--")
    axes.set_title(name, fontsize=9)
    axes.set_xlabel(unit, fontsize=8)
    axes.grid(alpha=0.25, lw=0.5)
    axes.tick_params(labelsize=7)
    axes.locator_params(axis="x", nbins=5)
