"""Plot of an ensemble under one pulse: courses, their mean, and when they switch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from compact.plotting import DOWN, FIT, MUTED, UP, polish, save_figure
from compact.units import format_si, si_scale

if TYPE_CHECKING:
    from compact.ensemble import Pulsed

__all__ = ["plot_ensemble"]


def plot_ensemble(pulsed: Pulsed, path: str | Path) -> Path:
    """Draw an ensemble.

    Parameters
    ----------
    pulsed : Pulsed
        The ensemble.
    path : str or pathlib.Path
        File to write; its suffix is .png, .svg or .pdf.
    """
    run = pulsed.ensemble
    figure = Figure(figsize=(6.4, 6.2), dpi=130, layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(1.15, 1))
    scale, unit = si_scale(float(run.time[-1]), "s")
    time = run.time / scale
    for k, course in enumerate(run.cosine()):
        upper.plot(time, course, color=MUTED, lw=0.6, alpha=0.6, label="single junctions" if k == 0 else None)
    upper.plot(time, pulsed.mean_cosine, color=UP, lw=2.2, label=f"mean of {run.n}")
    upper.set_ylim(-1.12, 1.12)
    upper.set_yticks([-1, 0, 1], ["AP", "0", "P"])
    upper.set_ylabel("cosine between layers")
    upper.legend(fontsize=8, frameon=False, loc="best")
    p = pulsed.switched
    level = format_si(pulsed.level, pulsed.unit)
    target = "AP" if pulsed.start == "P" else "P"
    upper.set_title(
        f"{pulsed.card.name}: {pulsed.start} → {target}, {level} for {format_si(pulsed.pulse, 's')}\n"
        f"{100 * p.value:.4g} ± {100 * p.stderr:.2g} % switched",
        fontsize=10,
    )
    times = pulsed.times
    if len(times) > 1:
        bins = int(np.clip(2 * len(times) ** (1 / 3), 10, 60))
        density, edges = np.histogram(times / scale, bins=np.linspace(0, time[-1], bins + 1))
        share = density / run.n / np.diff(edges)
        lower.stairs(share, edges, fill=True, color=UP, alpha=0.35, label="first passages")
        lower.set_ylabel(f"first passages (share per {unit})")
        lower.set_ylim(0, 1.15 * float(share.max()))
    other = lower.twinx()
    other.plot(time, 1 - run.remaining, color=DOWN, lw=1.8)
    other.set_ylim(0, 1.15)
    other.set_ylabel("switched (share)", color=DOWN)
    other.tick_params(axis="y", colors=DOWN, labelsize=8)
    if pulsed.expected is not None:
        other.plot([pulsed.pulse / scale], [pulsed.expected], "D", ms=6, mfc="white", mec=FIT, mew=1.4, clip_on=False)
        other.annotate(
            f"Fokker-Planck {pulsed.expected:.4g}",
            (pulsed.pulse / scale, pulsed.expected),
            xytext=(-9, 0),
            textcoords="offset points",
            fontsize=8,
            ha="right",
            va="bottom" if pulsed.expected < 0.9 else "top",
        )
    lower.set_xlabel(f"time from the start of the pulse ({unit})")
    lower.set_xlim(0, time[-1])
    if run.time[-1] > pulsed.pulse * (1 + 1e-9):
        for axes in (upper, lower):
            axes.axvline(pulsed.pulse / scale, color=FIT, lw=0.8, ls=":")
    for axes in (upper, lower):
        polish(axes)
    return save_figure(figure, path)
