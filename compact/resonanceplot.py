"""Plot of one resonant junction as diode, oscillator and injection-locked detector."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Canvas

from compact.bench import Regime
from compact.constants import ZERO_CELSIUS
from compact.physics.auto_oscillation import AutoOscillator
from compact.plotting import DOWN, FIT, MUTED, UP, polish, save_figure
from compact.resonance import DIODE_BIASES, OVERDRIVE, Resonance
from compact.units import format_si, si_scale

__all__ = ["plot_resonance"]

COLOURS = (UP, DOWN)
FINE = 400
"""Points of a closed form."""


def plot_resonance(found: Resonance, path: str | Path) -> Path:
    """Draw the three uses, one below the other so that a narrow screen shows them readably.

    Parameters
    ----------
    found : Resonance
        What was found.
    path : str or pathlib.Path
        File to write; its suffix is .png, .svg or .pdf.
    """
    figure = Canvas(figsize=(6.4, 9.6), dpi=130, layout="constrained")
    upper, middle, lower = figure.subplots(3, 1)
    law = AutoOscillator.from_card(found.card, found.temperature + ZERO_CELSIUS)
    _diode(upper, found.diode, law, found.i_rf)
    _oscillator(middle, found.oscillator)
    _detector(lower, found.detector, law, found.i_rf)
    for axes in (upper, middle, lower):
        polish(axes, 9)
        axes.legend(fontsize=9, frameon=False)
    power = format_si(float(f"{found.p_rf:.2g}"), "W")
    figure.suptitle(
        f"{found.card.name}: one junction, three uses by bias alone\nemitted model in {found.simulator}, "
        f"RF power {power}",
        fontsize=11,
    )
    return save_figure(figure, path)


def _scaled(axes: Any, f: np.ndarray, volts: np.ndarray) -> tuple[float, float]:
    f_scale, f_unit = si_scale(float(np.max(f)), "Hz")
    v_scale, v_unit = si_scale(float(np.nanmax(np.abs(volts))) or 1.0, "V")
    axes.set_xlabel(f"frequency of the current ({f_unit})", fontsize=10)
    axes.set_ylabel(f"DC voltage ({v_unit})", fontsize=10)
    return f_scale, v_scale


def _diode(axes: Any, regime: Regime, law: AutoOscillator, i_rf: float) -> None:
    c = regime.curves
    every = np.concatenate([c[f"v_{share:g}[V]"] for share in DIODE_BIASES])
    f_scale, v_scale = _scaled(axes, c["f_0[Hz]"], every)
    for share, colour in zip(DIODE_BIASES, COLOURS, strict=True):
        f, v = c[f"f_{share:g}[Hz]"], c[f"v_{share:g}[V]"]
        fine = np.linspace(f.min(), f.max(), FINE)
        closed = np.asarray(law.spectrum(fine, i_rf, share * law.i_th))
        label = "no bias" if share == 0 else f"{share:g} of the threshold current"
        axes.plot(f / f_scale, v / v_scale, "o", ms=4, color=colour, label=label)
        axes.plot(fine / f_scale, closed / v_scale, "-", lw=1, color=colour, alpha=0.7)
    axes.plot([], [], "-", lw=1, color=MUTED, label="closed form")
    axes.set_title("diode", fontsize=11, loc="left")


def _oscillator(axes: Any, regime: Regime) -> None:
    c = regime.curves
    f = regime.figure("frequency").reference
    offset = c["f[Hz]"] - f
    scale, unit = si_scale(float(np.max(np.abs(offset))), "Hz")
    axes.plot(offset / scale, c["density[V^2/Hz]"], color=UP, lw=0.8, label="with thermal noise")
    if "fit[V^2/Hz]" in c:
        width = regime.figure("linewidth")
        label = f"Lorentzian, {format_si(width.value, 'Hz', width.stderr)}"
        axes.plot(offset / scale, c["fit[V^2/Hz]"], color=FIT, lw=1.1, ls="--", label=label)
    axes.set_yscale("log")
    axes.set_xlabel(f"frequency − {format_si(float(f'{f:.5g}'), 'Hz')} ({unit})", fontsize=10)
    axes.set_ylabel("voltage noise (V²/Hz)", fontsize=10)
    axes.set_title(f"oscillator   {OVERDRIVE:g} times threshold", fontsize=11, loc="left")


def _detector(axes: Any, regime: Regime, law: AutoOscillator, i_rf: float) -> None:
    c = regime.curves
    held = c["locked[1]"] > 0.5
    f_scale, v_scale = _scaled(axes, c["f[Hz]"], c["v[V]"])
    f, v = c["f[Hz]"] / f_scale, c["v[V]"] / v_scale
    axes.plot(f[held], v[held], "o", ms=4, color=UP, label="locked")
    axes.plot(f[~held], v[~held], "o", ms=4, color=MUTED, mfc="white", label="not locked")
    fine = np.linspace(c["f[Hz]"].min(), c["f[Hz]"].max(), FINE)
    closed = np.asarray(law.spectrum(fine, i_rf, OVERDRIVE * law.i_th))  # not a number where it does not lock
    axes.plot(fine / f_scale, closed / v_scale, "-", lw=1, color=UP, alpha=0.7, label="closed form")
    axes.set_title(f"injection-locked detector   {OVERDRIVE:g} times threshold", fontsize=11, loc="left")
    axes.ticklabel_format(axis="x", useOffset=False)
