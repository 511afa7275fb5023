"""Plot of the three regimes of one card."""

from __future__ import annotations

import math
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from compact.bench import Regime
from compact.constants import MU_0
from compact.plotting import DOWN, FIT, MUTED, UP, polish, save_figure
from compact.regimemap import KINDS
from compact.regimes import Regimes
from compact.units import format_si, si_scale

__all__ = ["plot_maps", "plot_regimes"]

LABELS = {
    "parallel": "P",
    "antiparallel": "AP",
    "across": "one state across",
    "both": "P and AP stay (hysteresis)",
    "telegraph": "telegraph noise",
    "precession": "precession",
}
COLOURS = (MUTED, UP, DOWN)
KIND_COLOURS = ("#0072B2", "#D55E00", "#F0E8C8", "#B9B9B9", "#F0C94A", "#009E73")
"""Colours of `compact.regimemap.KINDS`."""
TITLES = {"loop": "hysteresis", "telegraph": "telegraph noise", "precession": "precession"}


def plot_regimes(regimes: Regimes, path: str | Path) -> Path:
    """Draw the three regimes, one below the other so that a narrow screen shows them readably.

    Parameters
    ----------
    regimes : Regimes
        What was found.
    path : str or pathlib.Path
        File to write; its suffix is .png, .svg or .pdf.
    """
    heights = [0.4 if regime.reason else 1.0 for regime in regimes.all]
    figure = Canvas(figsize=(6.4, 0.6 + 3.0 * sum(heights)), dpi=130, layout="constrained")
    rows = figure.add_gridspec(3, 1, height_ratios=heights)
    draw = {"loop": _loop, "telegraph": _telegraph, "precession": _precession}
    for k, regime in enumerate(regimes.all):
        row = rows[k]
        if regime.reason:
            axes = figure.add_subplot(row)
            axes.set_axis_off()
            axes.set_title(_title(regime), fontsize=11, loc="left")
            axes.text(0.5, 0.5, textwrap.fill(regime.reason, 70), ha="center", va="center", fontsize=10)
        else:
            draw[regime.name](figure, row, regime)
    figure.suptitle(
        f"{regimes.card.name}: one junction, three regimes\nemitted model in {regimes.simulator}", fontsize=11
    )
    return save_figure(figure, path)


def _title(regime: Regime) -> str:
    text = TITLES[regime.name]
    if regime.place is not None:
        text += f"   µ₀H = {_short(regime.place.induction, 'T')}" if regime.place.induction else "   no field"
        if regime.place.voltage:
            text += f",  V = {_short(regime.place.voltage, 'V')}"
    return text


def _polish(axes: Any) -> None:
    polish(axes, 9)
    axes.xaxis.label.set_fontsize(10)
    axes.yaxis.label.set_fontsize(10)


def _loop(figure: Any, row: Any, regime: Regime) -> None:
    axes = figure.add_subplot(row)
    c = regime.curves
    scale, unit = si_scale(float(np.max(np.abs(c["voltage"][0]))), "V")
    r_scale, r_unit = si_scale(float(np.min(c["resistance"][0])), "Ω")
    for k, (v, r) in enumerate(zip(c["voltage"], c["resistance"], strict=True)):
        label = f"{len(c['voltage'])} sweeps with noise" if k == 0 else None
        axes.plot(v / scale, r / r_scale, color=UP, lw=0.9, alpha=0.75, label=label)
    axes.plot(c["mean_voltage"] / scale, c["mean_resistance"] / r_scale, color=FIT, lw=1.3, ls="--", label="mean, LLG")
    for figure_ in regime.figures:
        if figure_.unit == "V":
            axes.axvline(figure_.value / scale, color=DOWN, lw=1, ls=":")
            inward = 1 if figure_.value < 0 else -1
            axes.annotate(
                f"{figure_.name.split()[-1]}\n{_short(figure_.value, 'V')}",
                (figure_.value / scale, 0.36),
                xycoords=("data", "axes fraction"),
                xytext=(44 * inward, 0),
                textcoords="offset points",
                ha="left" if inward > 0 else "right",
                va="center",
                fontsize=9,
                color=DOWN,
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5},
            )
    axes.set_xlabel(f"voltage ({unit})")
    axes.set_ylabel(f"resistance ({r_unit})")
    axes.legend(fontsize=9, frameon=False, loc="center", bbox_to_anchor=(0.5, 0.18))
    axes.set_title(_title(regime), fontsize=11, loc="left")
    _polish(axes)


def _telegraph(figure: Any, row: Any, regime: Regime) -> None:
    left, right = (figure.add_subplot(cell) for cell in row.subgridspec(1, 2, width_ratios=(1.9, 1)))
    c = regime.curves
    scale, unit = si_scale(float(c["time"][-1]), "s")
    r_scale, r_unit = si_scale(float(c["levels"][0]), "Ω")
    shown = c["time"] < 0.6 * c["time"][-1]
    left.plot(c["time"][shown] / scale, c["resistance"][shown] / r_scale, color=UP, lw=0.6)
    for level, name in zip(c["levels"], ("P", "AP"), strict=True):
        left.axhline(level / r_scale, color=DOWN, lw=0.8, ls="--")
        left.annotate(
            name,
            (1.0, level / r_scale),
            xycoords=("axes fraction", "data"),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=DOWN,
        )
    left.set_xlim(0, float(c["time"][shown][-1]) / scale)
    left.set_xlabel(f"time ({unit})")
    left.set_ylabel(f"resistance ({r_unit})")
    left.set_title(_title(regime), fontsize=11, loc="left")
    longest = max(float(np.quantile(c[f"dwell_{name}"], 0.99)) for name in ("p", "ap"))
    scale, unit = si_scale(longest, "s")
    for name, colour in (("P", UP), ("AP", DOWN)):
        times, same = c[f"dwell_{name.lower()}"], c[f"reference_{name.lower()}"]
        mean = regime.figure(f"mean dwell {name}")
        right.plot(*_survival(times, scale), color=colour, lw=1.5, label=f"{name} {_short(mean.value, 's')}")
        right.plot(*_survival(same, scale), color=FIT, lw=0.9, ls="--", label="LLG" if name == "AP" else None)
    right.set_yscale("log")
    right.set_ylim(0.008, 1.3)
    right.set_xlim(0, longest / scale)
    right.set_xlabel(f"dwell ({unit})")
    right.set_ylabel("share that lasts longer")
    right.legend(fontsize=8, frameon=False, loc="upper right", handlelength=1.2)
    for axes in (left, right):
        _polish(axes)


def _survival(times: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    ordered = np.sort(times) / scale
    return ordered, 1 - np.arange(len(ordered)) / len(ordered)


def _precession(figure: Any, row: Any, regime: Regime) -> None:
    left, right = (figure.add_subplot(cell) for cell in row.subgridspec(1, 2, width_ratios=(1.5, 1)))
    c = regime.curves
    tuned = c["frequency"][np.isfinite(c["frequency"])]
    scale, unit = si_scale(float(tuned.max()), "Hz")
    lowest = math.inf
    for (v, (frequency, density)), colour in zip(c["spectra"].items(), COLOURS, strict=True):
        # Power per hertz of the resistance over its static value, in parts per million.
        some = (frequency > 0.15 * tuned.min()) & (frequency < 2.6 * tuned.max())
        left.plot(frequency[some] / scale, density[some], color=colour, lw=1.1, label=_short(v, "V"))
        lowest = min(lowest, float(np.median(density[some])))
    left.set_yscale("log")
    peak = max(float(d.max()) for _, d in c["spectra"].values())
    left.set_ylim(max(lowest / 10, peak * 1e-9), 3 * peak)
    left.axvline(regime.figure("frequency").value / scale, color=FIT, lw=0.8, ls=":")
    left.set_xlabel(f"frequency ({unit})")
    left.set_ylabel("resistance noise (Ω²/Hz)")
    left.legend(fontsize=8, frameon=False, loc="upper right", handlelength=1.2)
    left.set_title(_title(regime), fontsize=11, loc="left")
    v_scale, v_unit = si_scale(float(np.max(np.abs(c["voltage"]))), "V")
    right.plot(c["voltage"] / v_scale, c["frequency"] / scale, "o", ms=6, color=UP, label="emitted model")
    right.plot(c["voltage"] / v_scale, c["reference_frequency"] / scale, "+", ms=9, mew=1.4, color=FIT, label="LLG")
    none = ~np.isfinite(c["frequency"])
    low, high = float(tuned.min()) / scale, float(tuned.max()) / scale
    margin = 0.25 * (high - low) + 0.02 * high
    bottom = max(low - 2 * margin, 0.0)
    right.set_ylim(bottom, high + 2 * margin)
    if none.any():
        edge = np.full(int(none.sum()), bottom + 0.4 * (low - bottom))
        right.plot(c["voltage"][none] / v_scale, edge, "x", ms=6, color=MUTED, label="at rest")
    right.set_xlabel(f"voltage ({v_unit})")
    right.set_ylabel(f"frequency ({unit})")
    right.legend(fontsize=8, frameon=False, loc="best", handlelength=1.2)
    for axes in (left, right):
        _polish(axes)


def _short(value: float, unit: str) -> str:
    scale, label = si_scale(value, unit)
    return f"{value / scale:.3g} {label}"


def plot_maps(regimes: Regimes, path: str | Path) -> Path:
    """Draw the maps of the regimes over voltage and field, one below the other.

    Parameters
    ----------
    regimes : Regimes
        With maps.
    path : str or pathlib.Path
        File to write; its suffix is .png, .svg or .pdf.
    """
    figure = Canvas(figsize=(6.4, 0.9 + 3.6 * len(regimes.maps)), dpi=130, layout="constrained")
    colours = ListedColormap(KIND_COLOURS)
    shown: set[int] = set()
    for k, (name, found) in enumerate(regimes.maps.items(), start=1):
        axes = figure.add_subplot(len(regimes.maps), 1, k)
        v_scale, v_unit = si_scale(float(found.voltage[-1]), "V")
        b_scale, b_unit = si_scale(MU_0 * float(found.field[-1]), "T")
        grid = found.voltage / v_scale, MU_0 * found.field / b_scale
        axes.pcolormesh(*grid, found.kind, cmap=colours, vmin=-0.5, vmax=len(KINDS) - 0.5, shading="nearest")
        if np.isfinite(found.frequency).sum() > 3:
            tuned = np.ma.masked_invalid(found.frequency) / 1e9
            lines = axes.contour(*grid, tuned, levels=4, colors="white", linewidths=0.8)
            axes.clabel(lines, fmt="%.3g GHz", fontsize=8)
        shown |= set(np.unique(found.kind).tolist())
        for regime in regimes.all:
            place = regime.place
            if place is not None and regime.name != "loop" and not regime.reason:
                along = float(np.array(place.field) @ found.direction)
                if abs(along) > 0.97 * math.hypot(*place.field):
                    axes.plot(place.voltage / v_scale, MU_0 * along / b_scale, "k+", ms=10, mew=1.6)
        axes.set_xlabel(f"voltage ({v_unit})")
        axes.set_ylabel(f"µ₀H ({b_unit})")
        axes.set_title(f"field {name}", fontsize=11, loc="left")
        _polish(axes)
        axes.grid(False)
    handles: list[Any] = [Patch(facecolor=KIND_COLOURS[k], label=LABELS[KINDS[k]]) for k in sorted(shown)]
    handles.append(Line2D([], [], marker="+", ls="", color="k", ms=10, mew=1.6, label="shown in the other figure"))
    figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=9, frameon=False)
    window = format_si(float(f"{next(iter(regimes.maps.values())).window:.2g}"), "s")
    figure.suptitle(f"{regimes.card.name}: regimes over field and voltage\nLLG, noise for {window}", fontsize=11)
    return save_figure(figure, path)
