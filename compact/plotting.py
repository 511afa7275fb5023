"""Plots of fits: data, fitted curve and residuals, as PNG, SVG or PDF."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec

from compact.errors import DataError, SpinbricksError, unknown
from compact.files import staged
from compact.loopmodel import LoopFit
from compact.units import format_si, si_scale

if TYPE_CHECKING:
    from compact.fitting import FitResult

__all__ = ["COLOURS", "FORMATS", "over_residuals", "plot_fit", "polish", "save_figure"]

FORMATS = (".png", ".svg", ".pdf")
UP, DOWN, FIT, MUTED = "#0072B2", "#D55E00", "#222222", "#8a8a8a"
COLOURS = (UP, DOWN, "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Colours that the colour-blind can tell apart (Okabe and Ito)."""


def save_figure(figure: Figure, path: str | Path, error: type[SpinbricksError] = DataError) -> Path:
    """Write a figure whole or not at all.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure.
    path : str or pathlib.Path
        File to write; its suffix is one of `FORMATS`.
    error : type
        What is raised if it is not.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    DataError
        Or `error`, if the suffix is not known.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise error(unknown("plot format", path.suffix or path.name, FORMATS))
    with staged(path) as temporary:  # without a date, the same figure gives the same file
        figure.savefig(temporary, metadata={"Date": None} if path.suffix.lower() == ".svg" else None)
    return path


def polish(axes: Any, size: float = 8) -> None:
    """Give axes the faint grid and the small ticks that all plots have."""
    axes.grid(alpha=0.25, lw=0.5)
    axes.tick_params(labelsize=size)


def over_residuals(figure: Figure, cell: SubplotSpec) -> tuple[Any, Any]:
    """Axes of a curve, and below them those of its residuals over the same abscissa, in one cell of a grid."""
    grid = cell.subgridspec(2, 1, height_ratios=(3.2, 1), hspace=0.05)
    upper = figure.add_subplot(grid[0])
    return upper, figure.add_subplot(grid[1], sharex=upper)


def plot_fit(result: FitResult, path: str | Path) -> Path:
    """Draw a fit.

    Parameters
    ----------
    result : FitResult
        The fit.
    path : str or pathlib.Path
        File to write; its suffix is one of `FORMATS`.

    Returns
    -------
    pathlib.Path
        The file, written whole or not at all.

    Raises
    ------
    DataError
        If the suffix is not known.
    """
    count = len(result.fits) + (result.pulses is not None)
    columns = 1 if count == 1 else 3 if count > 4 or count == 3 else 2
    rows = -(-count // columns)
    figure = Figure(
        figsize=(6.4 if count == 1 else 4.6 * columns, (5.2 if count == 1 else 4.0) * rows),
        dpi=130,
        layout="constrained",
    )
    grid = figure.add_gridspec(rows, columns)
    for k, fit in enumerate(result.fits):
        upper, lower = over_residuals(figure, grid[k // columns, k % columns])
        _draw_loop(upper, lower, fit)
        if k == 0:
            figure.legend(
                *upper.get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8, frameon=False
            )
    if result.pulses is not None:
        k = len(result.fits)
        _draw_pulses(figure.add_subplot(grid[k // columns, k % columns]), result)
    figure.suptitle(f"{result.card.name}  (model {result.card.model})", fontsize=10)
    return save_figure(figure, path)


def _draw_loop(upper: Any, lower: Any, fit: LoopFit) -> None:
    shape = fit.shape
    drive = shape.polarity * shape.drive
    scale, unit = si_scale(float(np.abs(drive).max()), "V" if shape.loop.drive_role == "voltage" else "A")
    r_scale, r_unit = si_scale(float(shape.resistance.min()), "Ω")
    rising = np.gradient(drive) >= 0
    for way, colour, label in ((rising, UP, "data, sweep up"), (~rising, DOWN, "data, sweep down")):
        upper.plot(
            drive[way] / scale,
            shape.resistance[way] / r_scale,
            "o",
            ms=3.4,
            mfc="none",
            mec=colour,
            mew=0.9,
            label=label,
        )
    upper.plot(drive / scale, fit.curve / r_scale, "-", color=FIT, lw=1.2, label="fit")
    for switching in fit.switching.values():
        at = shape.polarity * (1 if switching.to_parallel else -1) * switching.drive / scale
        error = switching.drive_stderr / scale
        upper.axvspan(at - error, at + error, color=MUTED, alpha=0.3, lw=0)
        way = "AP→P" if switching.to_parallel else "P→AP"
        upper.axvline(at, color=MUTED, lw=0.8, ls="--")
        upper.annotate(
            f"{way}\n{abs(at):.3g} {unit}",
            (at, 0.5),
            xycoords=("data", "axes fraction"),
            fontsize=7,
            xytext=(-4 if at > 0 else 4, 0),
            textcoords="offset points",
            ha="right" if at > 0 else "left",
            va="center",
        )
    upper.set_ylabel(f"resistance ({r_unit})")
    upper.tick_params(labelbottom=False)
    width = f", pulses of {format_si(shape.loop.pulse_width, 's')}" if shape.loop.pulse_width else ""
    upper.set_title(f"{shape.loop.source}{width}", fontsize=8)
    left = 100 * fit.residuals / fit.height
    noise = 100 * fit.sigma / fit.height
    order = np.argsort(drive)
    lower.fill_between(drive[order] / scale, -noise[order], noise[order], color=MUTED, alpha=0.25, lw=0)
    for way, colour in ((rising, UP), (~rising, DOWN)):
        lower.plot(drive[way] / scale, left[way], "o", ms=2.6, mfc="none", mec=colour, mew=0.8)
    lower.axhline(0, color=FIT, lw=0.8)
    reach = 1.2 * max(float(np.abs(left).max()), 3 * float(np.median(noise)))
    lower.set_ylim(-reach, reach)
    lower.set_xlabel(f"{shape.loop.drive_role} ({unit})")
    lower.set_ylabel("residual\n(% of height)", fontsize=8)
    lower.text(
        0.99,
        0.93,
        f"rms {100 * fit.quality['rms_over_height']:.2g} %",
        transform=lower.transAxes,
        fontsize=7,
        ha="right",
        va="top",
        bbox={"fc": "white", "ec": "none", "alpha": 0.7, "pad": 1},
    )
    for axes in (upper, lower):
        polish(axes)


def _draw_pulses(axes: Any, result: FitResult) -> None:
    """Switching currents over pulse width, with the fitted dependence."""
    from compact.models import get_model
    from compact.pulses import Observation, median_current

    pulses = result.pulses
    assert pulses is not None
    model = get_model(result.card.model)
    scale, unit = si_scale(max(o.current for o in pulses.observations), "A")
    widths = [o.pulse_width for o in pulses.observations]
    line = np.geomspace(min(widths) / 2, 2 * max(widths), 40)
    for to_parallel, colour, way in ((True, UP, "AP→P"), (False, DOWN, "P→AP")):
        seen = [o for o in pulses.observations if o.to_parallel == to_parallel]
        axes.errorbar(
            [o.pulse_width for o in seen],
            [o.current / scale for o in seen],
            yerr=[o.stderr / scale for o in seen],
            fmt="o",
            ms=4.5,
            mfc="none",
            color=colour,
            label=f"{way}, data",
        )
        at = [
            median_current(model, result.card.values, Observation(to_parallel, float(t), seen[0].currents, 0.0, 0.0))
            for t in line
        ]
        axes.plot(line, np.array(at) / scale, "-", color=colour, lw=1.2, label=f"{way}, thermal activation")
    axes.set_xscale("log")
    axes.set_xlabel("pulse width (s)")
    axes.set_ylabel(f"current that switches half ({unit})")
    polish(axes)
    axes.legend(fontsize=7, frameon=False)
    delta = format_si(pulses.values["delta"], "1", pulses.stderr.get("delta"))
    axes.set_title(f"Δ = {delta} for τ$_D$ = {format_si(result.card.values['tau_d'], 's')}", fontsize=8)
