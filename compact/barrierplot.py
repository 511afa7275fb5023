"""Plots of loops of junctions with a memristive barrier, with their fits and both states."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from compact.plotting import DOWN, FIT, MUTED, UP, polish, save_figure
from compact.units import format_si, si_scale

if TYPE_CHECKING:
    from compact.barrierfit import BarrierCurve, BarrierFit

__all__ = ["plot_barrier"]

LOW = 0.06
"""Voltage over the largest one below which V/I is noise and is not drawn."""


def plot_barrier(fit: BarrierFit, path: str | Path) -> Path:
    """Draw each loop as current and as resistance, with fit, residuals and the states of layer and barrier.

    Parameters
    ----------
    fit : BarrierFit
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
    count = len(fit.curves)
    figure = Figure(figsize=(10.0, 5.0 * count + 0.3), dpi=130, layout="constrained")
    grid = figure.add_gridspec(2 * count, 2, height_ratios=(3, 1.1) * count)
    for k, curve in enumerate(fit.curves):
        axes = [figure.add_subplot(grid[2 * k + j, i]) for i in (0, 1) for j in (0, 1)]
        _draw(axes, curve, fit.polarity)
        if k == 0:
            handles = axes[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    figure.suptitle(f"{fit.card.name}  (model {fit.card.model})", fontsize=10)
    return save_figure(figure, path)


def _draw(axes: list[Any], curve: BarrierCurve, polarity: int) -> None:
    current, left, resistance, states = axes
    loop = curve.loop
    v_scale, v_unit = si_scale(float(np.abs(loop.volts).max()), "V")
    x = loop.volts / v_scale
    rising = np.gradient(loop.volts) >= 0
    large = np.abs(loop.volts) > LOW * np.abs(loop.volts).max()
    fitted = curve.amps
    ways = ((rising, UP, "data, sweep up"), (~rising, DOWN, "data, sweep down"))

    i_scale, i_unit = si_scale(float(np.abs(loop.amps).max()), "A")
    for way, colour, label in ways:
        current.plot(x[way], loop.amps[way] / i_scale, "o", ms=2.6, mfc="none", mec=colour, mew=0.6, label=label)
    current.plot(x, fitted / i_scale, "-", color=FIT, lw=1.0, label="fit")
    current.set_ylabel(f"current ({i_unit})")
    current.set_title(f"{loop.source}, {format_si(float(np.ptp(loop.time)), 's')}", fontsize=8)

    ohms = np.divide(loop.volts, loop.amps, out=np.full(x.size, np.nan), where=large & (loop.amps != 0))
    r_scale, r_unit = si_scale(float(np.nanmedian(ohms)), "Ω")
    drawn = np.divide(loop.volts, fitted, out=np.full(x.size, np.nan), where=large & (fitted != 0))
    for way, colour, _ in ways:
        resistance.plot(x[way], ohms[way] / r_scale, "o", ms=2.6, mfc="none", mec=colour, mew=0.6)
    resistance.plot(x, drawn / r_scale, "-", color=FIT, lw=1.0)
    resistance.set_ylabel(f"resistance V/I ({r_unit})")
    seen = [word for word, path in (("magnetic", curve.state), ("resistive", curve.memory)) if np.ptp(path) > 0.01]
    resistance.set_title(f"{' and '.join(seen) or 'no'} hysteresis", fontsize=8)

    scaled = 100 * curve.residuals / float(np.ptp(loop.response))
    for way, colour, _ in ways:
        rows = way & curve.used
        left.plot(x[rows], scaled[rows], "o", ms=2.2, mfc="none", mec=colour, mew=0.6)
    aside = ~curve.used
    if aside.any():
        reach = 1.3 * float(np.abs(scaled[curve.used]).max())
        left.plot(x[aside], np.clip(scaled[aside], -reach, reach), "x", ms=3.0, color=MUTED)
        current.plot([], [], "x", ms=3.0, color=MUTED, label="not fitted, next to a reversal")
    left.axhline(0, color=FIT, lw=0.8)
    left.set_ylabel("residual\n(% of range)", fontsize=8)

    states.plot(x, curve.memory, "-", color="#009E73", lw=1.1, label="barrier (1 low resistance)")
    states.plot(x, curve.state, "--", color=MUTED, lw=1.0, label="layer (1 parallel)")
    states.set_ylim(-1.2, 2.1)
    states.set_yticks([-1, 0, 1])
    states.set_ylabel("state", fontsize=8)
    states.legend(fontsize=7, frameon=False, loc="upper center", ncols=2)
    for lower in (left, states):
        lower.set_xlabel(f"voltage ({v_unit})")
    current.tick_params(labelbottom=False)
    resistance.tick_params(labelbottom=False)
    for each in axes:
        polish(each)
