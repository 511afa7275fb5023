"""Plots of wall velocities and pinched loops with their fits."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from compact.plotting import FIT, MUTED, UP, save_figure
from compact.units import si_scale
from compact.walltable import UNITS

if TYPE_CHECKING:
    from compact.wallfit import WallFit

__all__ = ["plot_wall"]

NAMES = {"density": "current density", "field": "field", "current": "current", "voltage": "voltage"}


def plot_wall(fit: WallFit, path: str | Path) -> Path:
    """Draw data, fit and residuals.

    Parameters
    ----------
    fit : WallFit
        The fit.
    path : str or pathlib.Path
        File; its suffix says the format.

    Returns
    -------
    pathlib.Path
        The file, written whole or not at all.

    Raises
    ------
    DataError
        If the suffix is not known.
    """
    table = fit.table
    figure = Figure(figsize=(6.4, 5.2), dpi=130, layout="constrained")
    upper: Any
    lower: Any
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
    response = "A" if table.kind == "loop" else "m/s"
    largest = float(np.abs(table.drive).max())
    if table.quantity == "density":
        power = math.floor(math.log10(largest))
        x_scale, x_unit = 10.0**power, rf"$10^{{{power}}}$ A/m$^2$"
    else:
        x_scale, x_unit = si_scale(largest, UNITS[table.quantity])
    y_scale, y_unit = si_scale(float(np.abs(table.response).max()), response)
    order = np.arange(table.drive.size) if table.kind == "loop" else np.argsort(table.drive)
    x = table.drive / x_scale
    upper.plot(x, table.response / y_scale, "o", ms=3.6, mfc="none", color=UP, label="measured")
    upper.plot(x[order], fit.curve[order] / y_scale, "-", color=FIT, lw=1.2, label="fit")
    upper.set_ylabel(f"{'current' if table.kind == 'loop' else 'wall velocity'} ({y_unit})")
    upper.legend(fontsize=8, frameon=False)
    lower.plot(x, 100 * (table.response - fit.curve) / np.ptp(table.response), "o", ms=2.6, color=MUTED)
    lower.axhline(0, color=FIT, lw=0.8)
    lower.set_ylabel("residual\n(% of range)")
    lower.set_xlabel(f"{NAMES[table.quantity]} ({x_unit})")
    for axes in (upper, lower):
        axes.grid(alpha=0.25, lw=0.5)
    upper.set_title(f"{fit.card.name}  (model {fit.card.model})", fontsize=10)
    return save_figure(figure, path)
