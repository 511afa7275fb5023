"""Plots of oscillators and detectors: spectra, phase noise, tuning, locking, diode lines, sensitivity."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from compact.microwave import LockingBand, dbm, noise_equivalent_power
from compact.plotting import COLOURS, DOWN, FIT, MUTED, UP, polish, save_figure
from compact.units import format_si, si_scale

if TYPE_CHECKING:
    from compact.diodefit import DiodeFit
    from compact.extraction import Extraction
    from compact.linefit import Line
    from compact.oscillatorfit import OscillatorFit
    from compact.spectrum import PhaseNoise, Spectrum

__all__ = [
    "plot_diode",
    "plot_extraction",
    "plot_locking",
    "plot_oscillator",
    "plot_phase_noise",
    "plot_sensitivity",
    "plot_spectrum",
]

SEVERAL = (*COLOURS, "#000000")
"""Colours of several data sets in turn."""


def _figure(rows: int = 1, columns: int = 1, size: tuple[float, float] = (6.4, 4.2), **more: Any) -> tuple[Figure, Any]:
    figure = Figure(figsize=(size[0] * columns, size[1] * rows), dpi=130, layout="constrained")
    return figure, figure.subplots(rows, columns, **more)


def plot_spectrum(spectrum: Spectrum, path: str | Path, line: Line | None = None) -> Path:
    """Draw a spectrum and the line fitted to it.

    Parameters
    ----------
    spectrum : Spectrum
        The data.
    path : str or pathlib.Path
        File; its suffix says the format.
    line : Line, optional
        Fitted line; the plot then shows twelve of its widths.

    Returns
    -------
    pathlib.Path
        The file, written whole or not at all.
    """
    figure, axes = _figure()
    f, s = spectrum.frequency, spectrum.density
    if line is not None:
        reach = max(12 * line.width, 40 * spectrum.step)
        near = np.abs(f - line.centre) < reach
        if near.sum() > 8:
            f, s = f[near], s[near]
    scale, unit = si_scale(float(f.max()), "Hz")
    watts = spectrum.unit == "W/Hz"
    shown = (lambda x: 10 * np.log10(np.maximum(x, 1e-300) / 1e-3)) if watts else (lambda x: 10 * np.log10(x))
    good = s > 0
    axes.plot(f[good] / scale, shown(s[good]), ".", ms=3, color=UP, label="data")
    if line is not None:
        fine = np.linspace(f[0], f[-1], 1200)
        label = f"{line.shape.capitalize()} line, shaded: its width"
        axes.plot(fine / scale, shown(line.density(fine)), "-", lw=1.3, color=FIT, label=label)
        text = [f"centre {format_si(line.centre, 'Hz', line.stderr.get('centre'))}"]
        if line.resolved:
            text.append(f"linewidth {format_si(line.width, 'Hz', line.stderr.get('width'))}")
        else:
            text.append(f"linewidth below {format_si(line.resolvable, 'Hz')} (not resolved)")
        text.append(f"power {format_si(line.power, spectrum.unit.removesuffix('/Hz'), line.stderr.get('power'))}")
        axes.text(0.02, 0.97, "\n".join(text), transform=axes.transAxes, va="top", fontsize=8)
        axes.axvspan((line.centre - line.width / 2) / scale, (line.centre + line.width / 2) / scale,
                     color=MUTED, alpha=0.25, lw=0)  # fmt: skip
        axes.legend(fontsize=8, frameon=False, loc="upper right")
    axes.set_xlabel(f"frequency ({unit})")
    axes.set_ylabel("density (dBm/Hz)" if watts else "density (dB above 1 V²/Hz)")
    axes.set_title(f"{spectrum.source}, resolution {format_si(spectrum.resolution, 'Hz')}", fontsize=9)
    polish(axes)
    return save_figure(figure, path)


def plot_phase_noise(noise: PhaseNoise, path: str | Path, title: str = "") -> Path:
    """Draw single-sideband phase noise with the 1/f^2 line of white frequency noise; the file."""
    figure, axes = _figure()
    axes.semilogx(noise.offset, noise.level, ".", ms=4, color=UP, label="measured")
    law = 10 * np.log10(noise.linewidth / (2 * np.pi * noise.offset**2))
    axes.semilogx(noise.offset, law, "-", lw=1.3, color=FIT,
                  label=f"white frequency noise: {format_si(noise.linewidth, 'Hz', noise.stderr)}")  # fmt: skip
    axes.set_xlabel("offset from the carrier (Hz)")
    axes.set_ylabel("L(f) (dBc/Hz)")
    axes.set_title(title or f"carrier {format_si(noise.carrier, 'Hz')}", fontsize=9)
    axes.legend(fontsize=8, frameon=False)
    polish(axes)
    return save_figure(figure, path)


def plot_locking(
    injected: ArrayLike, measured: ArrayLike, band: LockingBand, path: str | Path, title: str = "injection locking"
) -> Path:
    """Draw an oscillator's frequency less the injected one, against the latter, with the locked band; the file."""
    x, y = np.asarray(injected, dtype=float), np.asarray(measured, dtype=float)
    figure, axes = _figure()
    scale, unit = si_scale(float(x.max()), "Hz")
    over, small = si_scale(float(np.abs(y - x).max()), "Hz")
    low = x[0] if np.isnan(band.low) else band.low
    high = x[-1] if np.isnan(band.high) else band.high
    axes.axvspan(low / scale, high / scale, color=MUTED, alpha=0.25, lw=0)
    axes.plot(x / scale, (y - x) / over, "o", ms=4, mfc="none", color=UP)
    axes.axhline(0, color=FIT, lw=0.8)
    bound = "more than " if np.isnan(band.width) else ""
    axes.text(
        0.02, 0.05, f"locked band {bound}{format_si(float(high - low), 'Hz')}", transform=axes.transAxes, fontsize=8
    )
    axes.set_xlabel(f"injected frequency ({unit})")
    axes.set_ylabel(f"oscillator less injected ({small})")
    axes.set_title(title, fontsize=9)
    polish(axes)
    return save_figure(figure, path)


def plot_sensitivity(
    power: ArrayLike, voltage: ArrayLike, path: str | Path, noise: float | None = None, title: str = "detector"
) -> Path:
    """Draw rectified voltage and sensitivity of a detector against incident power.

    Parameters
    ----------
    power, voltage : array_like (n,)
        Incident power [W] and rectified voltage [V].
    path : str or pathlib.Path
        File; its suffix says the format.
    noise : float, optional
        Voltage noise [V/sqrt(Hz)]; adds the noise-equivalent power.
    title : str
        Above the plot.

    Returns
    -------
    pathlib.Path
    """
    p, v = np.asarray(power, dtype=float), np.abs(np.asarray(voltage, dtype=float))
    level = dbm(p)
    figure, (left, right) = _figure(1, 2, (4.8, 4.0))
    left.semilogy(level, v, "o-", ms=4, color=UP)
    left.set_ylabel("rectified voltage (V)")
    right.semilogy(level, v / p, "o-", ms=4, color=UP)
    right.set_ylabel("sensitivity (mV/mW)")
    if noise is not None:
        best = float((v / p).max())
        right.text(0.03, 0.05, f"noise-equivalent power {format_si(noise_equivalent_power(noise, best), 'W')}/√Hz",
                   transform=right.transAxes, fontsize=8)  # fmt: skip
    for axes in (left, right):
        axes.set_xlabel("incident power (dBm)")
        polish(axes)
    figure.suptitle(title, fontsize=9)
    return save_figure(figure, path)


def plot_oscillator(fit: OscillatorFit, path: str | Path) -> Path:
    """Draw a fit of frequency, power and linewidth against current; the file, written whole or not at all."""
    from compact.oscillatordata import KINDS

    shown = [k for k in KINDS if any(getattr(t, k) is not None for t in fit.tables)]
    figure, cells = _figure(1, len(shown), (4.5, 4.0), squeeze=False)
    currents = np.concatenate([t.current for t in fit.tables])
    scale, unit = si_scale(float(np.abs(currents).max()), "A")
    i_th = fit.card.values["i_th"]
    for axes, kind in zip(cells[0], shown, strict=True):
        data = [(t, getattr(t, kind), getattr(t, f"{kind}_error")) for t in fit.tables if getattr(t, kind) is not None]
        top = float(np.nanmax(np.concatenate([d[1] for d in data])))
        size, label = si_scale(top, "W" if kind == "power" else "Hz")
        for (t, y, error), colour in zip(data, SEVERAL * len(data), strict=False):
            axes.errorbar(t.current / scale, y / size, yerr=None if error is None else error / size, fmt="o", ms=4,
                          mfc="none", color=colour, lw=0.9, label=t.source)  # fmt: skip
        fine = np.linspace(currents.min(), currents.max(), 300)
        if kind == "linewidth":
            fine = fine[np.abs(fine / i_th - 1) > 0.03]
        curve = fit.predict(kind, fine, data[0][0].load) / size
        if kind == "linewidth":
            for side in (fine / i_th < 1, fine / i_th > 1):
                axes.plot(fine[side] / scale, curve[side], "-", color=FIT, lw=1.3)
        else:
            axes.plot(fine / scale, curve, "-", color=FIT, lw=1.3)
        if kind != "frequency":
            axes.set_yscale("log")
            low = float(np.nanmin(np.concatenate([d[1] for d in data]))) / size
            axes.set_ylim(low / 3, top / size * 3)
        axes.axvline(i_th / scale, color=MUTED, ls="--", lw=0.9)
        axes.set_xlabel(f"current ({unit})")
        axes.set_ylabel(f"{kind} ({label})")
        if len(data) > 1:
            axes.legend(fontsize=7, frameon=False)
        polish(axes)
    error = fit.card.stderr.get("i_th")
    figure.suptitle(f"{fit.card.name}: threshold {format_si(i_th, 'A', error)} (dashed)", fontsize=9)
    return save_figure(figure, path)


def plot_diode(fit: DiodeFit, path: str | Path) -> Path:
    """Draw diode spectra and their shared law, one above the other; the file, written whole or not at all."""
    count = len(fit.spectra)
    figure, axes = _figure(1, 1, (6.6, 3.2 + 0.45 * min(count, 12)))
    first = fit.spectra[0]
    field = first.axis == "field"
    label = "T" if field else "Hz"
    factor = 4e-7 * np.pi if field else 1.0
    scale, unit = si_scale(max(float(np.abs(s.x).max()) * factor for s in fit.spectra), label)
    swing = max(float(np.ptp(s.voltage)) for s in fit.spectra)
    size, volt = si_scale(swing, "V")
    order = sorted(range(count), key=lambda k: (fit.spectra[k].current, fit.spectra[k].fixed or 0.0))
    gap = 0.0 if count == 1 else 0.55 * swing
    for place, k in enumerate(order):
        s, curve = fit.spectra[k], fit.curves[k]
        lift = place * gap - (np.median(s.voltage) if count > 1 else 0.0)
        colour = SEVERAL[place % len(SEVERAL)]
        axes.plot(s.x * factor / scale, (s.voltage + lift) / size, "o", ms=2.8, mfc="none", mew=0.7, color=colour)
        axes.plot(s.x * factor / scale, (curve + lift) / size, "-", lw=1.2, color=FIT)
        axes.annotate(s.label, (1.01, (curve[-1] + lift) / size), xycoords=("axes fraction", "data"), fontsize=7,
                      va="center", color=colour)  # fmt: skip
    axes.set_xlabel(f"{'field' if field else 'frequency'} ({unit})")
    axes.set_ylabel(f"rectified voltage ({volt}){', shifted' if count > 1 else ''}")
    ratio = format_si(fit.card.values["fl_ratio"], "1", fit.card.stderr.get("fl_ratio"))
    axes.set_title(f"{fit.card.name}: field-like over in-plane torque {ratio}", fontsize=9)
    polish(axes)
    return save_figure(figure, path)


def plot_extraction(found: Extraction, path: str | Path, hot: Sequence[Any] = ()) -> Path:
    """Draw the limit cycles of a macrospin beside the auto-oscillator that stands for it.

    Parameters
    ----------
    found : Extraction
        The extraction.
    path : str or pathlib.Path
        File; its suffix says the format.
    hot : sequence of (current, frequency, swing)
        Figures of an ensemble with thermal field: currents [A], frequencies [Hz] and amplitudes of the cosine.

    Returns
    -------
    pathlib.Path
    """
    figure, (left, right) = _figure(1, 2, (4.8, 4.0))
    model, cos_u = found.oscillator, found.values["cos_u"]
    i = np.array([c.current for c in found.cycles])
    scale, unit = si_scale(float(np.abs(i).max()), "A")
    fine = np.linspace(0.5, 1.05, 2)[0] * model.i_th + np.linspace(0, 1, 300) * (i[-1] * 1.03 - 0.5 * model.i_th)
    size, label = si_scale(model.f_0, "Hz")
    left.plot(fine / scale, model.frequency(fine) / size, "-", color=FIT, lw=1.3, label="auto-oscillator")
    left.plot(
        i / scale, np.array([c.frequency for c in found.cycles]) / size, "o", color=UP, mfc="none", label="macrospin"
    )
    right.plot(fine / scale, cos_u * np.sqrt(model.power(fine)), "-", color=FIT, lw=1.3)
    right.plot(i / scale, [c.amplitude for c in found.cycles], "o", color=UP, mfc="none")
    if len(hot):
        a, b, c = (np.array(x, dtype=float) for x in zip(*hot, strict=True))
        name = f"ensemble at {found.device.temperature:g} K"
        left.plot(a / scale, b / size, "s", ms=4, color=DOWN, mfc="none", label=name)
        right.plot(a / scale, c, "s", ms=4, color=DOWN, mfc="none")
    for axes, text in ((left, f"frequency ({label})"), (right, "amplitude of the cosine")):
        axes.axvline(model.i_th / scale, color=MUTED, ls="--", lw=0.9)
        axes.set_xlabel(f"current ({unit})")
        axes.set_ylabel(text)
        polish(axes)
    left.legend(fontsize=8, frameon=False)
    figure.suptitle(f"{found.name}: threshold {format_si(model.i_th, 'A')} (dashed)", fontsize=9)
    return save_figure(figure, path)
