"""Plots of resistance against field with its fit, as PNG, SVG or PDF."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from compact.constants import MU_0
from compact.fieldfit import LoopOfField
from compact.fieldloop import sweeps
from compact.plotting import DOWN, FIT, MUTED, UP, over_residuals, save_figure
from compact.units import si_scale

if TYPE_CHECKING:
    from compact.fieldcard import FieldFit

__all__ = ["plot_field_loops"]


def plot_field_loops(result: FieldFit, path: str | Path) -> Path:
    """Draw data, fit and residuals of each loop.

    Parameters
    ----------
    result : FieldFit
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
    count = len(result.fits)
    columns = min(count, 3)
    rows = -(-count // columns)
    figure = Figure(figsize=(5.0 * columns + 1.0, 4.8 * rows), dpi=130, layout="constrained")
    grid = figure.add_gridspec(rows, columns)
    for k, fit in enumerate(result.fits):
        upper, lower = over_residuals(figure, grid[k // columns, k % columns])
        _draw(upper, lower, fit)
        if k == 0:
            handles = upper.get_legend_handles_labels()
            figure.legend(*handles, loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    figure.suptitle(f"{result.card.name}  (model {result.card.model})", fontsize=10)
    return save_figure(figure, path)


def _draw(upper: Any, lower: Any, fit: LoopOfField) -> None:
    shape = fit.shape
    field = MU_0 * shape.loop.field  # as measured
    scale, unit = si_scale(float(np.abs(field).max()), "T")
    resistance = shape.loop.resistance
    r_scale, r_unit = si_scale(float(resistance.min()), "Ω")
    rising = np.zeros(len(field), dtype=bool)
    for a, b, sign in sweeps(shape.loop.field):
        rising[a:b] = sign > 0
    for way, colour, label in ((rising, UP, "data, sweep up"), (~rising, DOWN, "data, sweep down")):
        upper.plot(field[way] / scale, resistance[way] / r_scale, "o", ms=3.2, mfc="none", color=colour, label=label)
        lower.plot(field[way] / scale, 100 * (resistance - fit.curve)[way] / shape.height, ".", ms=3.0, color=colour)
    upper.plot(field / scale, fit.curve / r_scale, "-", color=FIT, lw=1.1, label="fit")
    marks = {"h_ap2p": "AP→P", "h_p2ap": "P→AP"} if fit.form == "loop" else {"h_k": "saturation"}
    for key, text in marks.items():
        value, error = (MU_0 * x / scale for x in fit.values[key])
        at = shape.polarity * value
        if abs(at) <= 1.05 * np.abs(field).max() / scale:
            upper.axvspan(at - error, at + error, color=MUTED, alpha=0.3, lw=0)
            upper.axvline(at, color=MUTED, lw=0.8, ls="--")
            upper.annotate(
                f"{text}\n{at:.4g} {unit}",
                (at, 0.5),
                (6, 0),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                fontsize=7,
                bbox={"fc": "white", "ec": "none", "alpha": 0.7, "pad": 1.0},
            )
    upper.set_ylabel(f"resistance ({r_unit})")
    upper.set_title(shape.loop.source, fontsize=8)
    upper.tick_params(labelbottom=False)
    lower.axhline(0, color=MUTED, lw=0.8)
    lower.set_ylabel("residual (%)")
    lower.set_xlabel(f"µ₀H ({unit})")
    spread = float(np.percentile(np.abs(100 * (resistance - fit.curve) / shape.height), 97))
    lower.set_ylim(-2.5 * spread - 1e-6, 2.5 * spread + 1e-6)
