"""Lines of spectra: centre, Lorentzian, Gaussian or Voigt width, power, with errors and what can be resolved.

Points of a spectrum scatter about their mean by a factor, with a gamma distribution of as many degrees as averages;
lines are fitted by that likelihood (P. Whittle, Ark. Mat. 2, 423 (1953)). For time traces the expected spectrum of a
stretch of finite length takes the place of the Lorentzian (A. M. Sykulski et al., Biometrika 106, 251 (2019)), so that
the stretch need not be long compared with the inverse linewidth, and the error is the jackknife's, as an oscillator's
signal is not Gaussian.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import lmfit
import numpy as np
from numpy.typing import ArrayLike, NDArray

from compact.errors import DataError, ParameterError, unknown
from compact.spectrum import Spectrum, Trace
from compact.units import format_si

__all__ = ["SHAPES", "Line", "fit_line", "shape_of", "trace_line"]

FloatArray: TypeAlias = NDArray[np.float64]

SHAPES = ("lorentzian", "gaussian", "voigt")
SIGNIFICANT = 30.0
"""Fall of -2 log likelihood against a flat spectrum from which on there is a line: about 5 standard deviations."""
LEAST_LINES = 12.0
"""Length of a trace times linewidth from which on a width is stated: its error is then about a quarter."""
_LN2 = math.log(2.0)


@dataclass(frozen=True)
class Line:
    """A line of a spectrum.

    Parameters
    ----------
    shape : str
        One of `SHAPES`.
    centre, width : float
        Frequency and full width at half height [Hz].
    lorentzian, gaussian : float
        Full widths of the two parts of a Voigt line [Hz]; 0 where the shape has none.
    power : float
        Integral of the line without background [W or V^2].
    background : float
        Density beside it.
    stderr : mapping of str to float
        Standard errors by name.
    resolvable : float
        Narrowest width that the data can tell from a sharp line [Hz].
    dispersion : float
        Deviance per degree of freedom; 1 where the scatter is that of the averages, nan where these are not known.
    unit : str
        Unit of the density.
    source : str
        Name of the data.
    """

    shape: str
    centre: float
    width: float
    lorentzian: float
    gaussian: float
    power: float
    background: float
    stderr: Mapping[str, float]
    resolvable: float
    dispersion: float
    unit: str = "W/Hz"
    source: str = "spectrum"
    notes: tuple[str, ...] = field(default=())

    @property
    def resolved(self) -> bool:
        """Whether the width is one of the line and not of the measurement."""
        return self.width > self.resolvable

    def density(self, frequency: ArrayLike) -> FloatArray:
        """The fitted spectrum."""
        f = np.asarray(frequency, dtype=float)
        return self.background + self.power * shape_of(self.shape, f - self.centre, self.lorentzian, self.gaussian)

    def report(self) -> str:
        """What was found, as plain text."""
        unit = self.unit.removesuffix("/Hz")
        width = format_si(self.width, "Hz", self.stderr.get("width"))
        if not self.resolved:
            width = f"not resolved: below {format_si(self.resolvable, 'Hz')} (fitted {width})"
        lines = [
            f"{self.source}: {self.shape} line",
            f"  centre     {format_si(self.centre, 'Hz', self.stderr.get('centre'))}",
            f"  linewidth  {width} (full width at half height; {format_si(self.resolvable, 'Hz')} can be resolved)",
            f"  power      {format_si(self.power, unit, self.stderr.get('power'))}",
        ]
        if self.shape == "voigt":
            for name in ("lorentzian", "gaussian"):
                lines.append(f"  {name:10s} {format_si(getattr(self, name), 'Hz', self.stderr.get(name))}")
        if math.isfinite(self.dispersion):
            lines.append(f"  dispersion {self.dispersion:.3g}")
        return "\n".join([*lines, *(f"  {n}" for n in self.notes)]) + "\n"


def shape_of(shape: str, offset: ArrayLike, lorentzian: float, gaussian: float) -> FloatArray:
    """Line of unit area [1/Hz].

    Parameters
    ----------
    shape : {"lorentzian", "gaussian", "voigt"}
        Which.
    offset : array_like
        Distance from the centre [Hz].
    lorentzian, gaussian : float
        Full widths at half height of the parts [Hz].
    """
    x = np.asarray(offset, dtype=float)
    if shape == "lorentzian":
        return np.asarray(2 / (math.pi * lorentzian) / (1 + (2 * x / lorentzian) ** 2))
    sigma = gaussian / (2 * math.sqrt(2 * _LN2))
    if shape == "gaussian":
        return np.asarray(np.exp(-0.5 * (x / sigma) ** 2) / (sigma * math.sqrt(2 * math.pi)))
    from scipy.special import voigt_profile

    return np.asarray(voigt_profile(x, sigma, lorentzian / 2))


def voigt_width(lorentzian: float, gaussian: float) -> float:
    """Full width of a Voigt line to 0.02 % (J. J. Olivero and R. L. Longbothum, JQSRT 17, 233 (1977))."""
    return 0.5346 * lorentzian + math.sqrt(0.2166 * lorentzian**2 + gaussian**2)


def _deviance(ratio: FloatArray, averages: float) -> FloatArray:
    """Signed square roots of the deviance of gamma-distributed points over their mean."""
    r = np.maximum(ratio, 1e-12)
    return np.asarray(np.sign(r - 1) * np.sqrt(2 * averages * np.maximum(r - 1 - np.log(r), 0.0)))


def _guess(f: FloatArray, s: FloatArray) -> tuple[int, float, float]:
    """Index of the peak, full width [Hz] and background of a noisy spectrum."""
    step = float(np.median(np.diff(f)))
    count = max(len(s) // 100, 1)
    smooth = np.convolve(s, np.ones(count) / count, mode="same")
    k = int(np.argmax(smooth))
    floor = float(np.median(s)) / (1.0 if len(s) > 200 else 2.0)
    above = smooth - min(floor, smooth[k] / 2) > (smooth[k] - min(floor, smooth[k] / 2)) / 2
    left = k - int(np.argmin(above[k::-1])) if not above[: k + 1].all() else 0
    right = k + int(np.argmin(above[k:])) if not above[k:].all() else len(above) - 1
    return k, max(float(right - left - 1), 1.5) * step, max(floor, float(s[s > 0].min()))


def _fit(
    f: FloatArray,
    s: FloatArray,
    shape: str,
    averages: float,
    expected: Callable[[float, float, float], FloatArray],
    starts: Sequence[float] = (0.0, math.log(3.0), -math.log(3.0)),
) -> tuple[Any, Callable[[Any], FloatArray], float]:
    """Most likely line; the result, the mean it stands for, and -2 log likelihood of a flat spectrum less its own."""
    k, width, floor = _guess(f, s)
    centre = float(f[k])
    area = max(float(np.trapezoid(np.clip(s - floor, 0, None), f)), float(s[k]) * width)
    parameters = lmfit.Parameters()
    parameters.add("shift", 0.0, min=-(centre - f[0]) / width - 0.5, max=(f[-1] - centre) / width + 0.5)
    span = math.log((f[-1] - f[0]) / width)
    least = math.log(0.02 * float(np.median(np.diff(f))) / width)
    for name in ("lorentzian", "gaussian"):
        used = shape in (name, "voigt")
        parameters.add(name, -0.5 if shape == "voigt" else 0.0, vary=used, min=min(least, -3.0), max=span)
    parameters.add("area", 0.0, min=-12, max=6)
    parameters.add("floor", 0.0, min=-25, max=8)

    def mean(p: Any) -> FloatArray:
        v = p.valuesdict()
        a, b = width * math.exp(v["lorentzian"]), width * math.exp(v["gaussian"])
        line = expected(centre + v["shift"] * width, a, b)
        return np.asarray(floor * math.exp(v["floor"]) + area * math.exp(v["area"]) * line)

    def residual(p: Any) -> FloatArray:
        return _deviance(s / mean(p), averages)

    best = None
    for start in starts:
        for name in ("lorentzian", "gaussian"):
            if parameters[name].vary:
                low, high = parameters[name].min, parameters[name].max
                parameters[name].set(value=min(max(start, low + 1e-3), high - 1e-3))
        result = lmfit.minimize(residual, parameters, method="least_squares", max_nfev=400, x_scale="jac")
        if best is None or result.chisqr < best.chisqr - 1e-6:
            best = result
    assert best is not None
    flat = float(np.sum(_deviance(s / s.mean(), averages) ** 2))
    result = best
    result.scales = {"centre": centre, "width": width, "area": area, "floor": floor}
    return result, mean, flat - float(result.chisqr)


def _covariance(result: Any, mean: Callable[[Any], FloatArray], averages: float) -> dict[str, float]:
    """Standard errors from the expected information, averages sum (d ln S)(d ln S)."""
    names = [n for n, p in result.params.items() if p.vary]
    base = np.log(mean(result.params))
    rows = []
    for name in names:
        trial = result.params.copy()
        step = 1e-4
        trial[name].set(value=trial[name].value + step, max=np.inf)
        rows.append((np.log(mean(trial)) - base) / step)
    jacobian = np.array(rows)
    information = averages * jacobian @ jacobian.T
    covariance = np.linalg.pinv(information, rcond=1e-12)
    return {n: math.sqrt(max(covariance[k, k], 0.0)) for k, n in enumerate(names)}


def fit_line(spectrum: Spectrum, shape: str = "lorentzian", *, low: float = -math.inf, high: float = math.inf) -> Line:
    """Fit the strongest line of a spectrum.

    Parameters
    ----------
    spectrum : Spectrum
        The data.
    shape : {"lorentzian", "gaussian", "voigt"}
        Shape of the line on a flat background.
    low, high : float
        Part of the spectrum that is fitted [Hz].

    Returns
    -------
    Line
        Errors are those of the averages behind each point; where these are not known, those of the scatter.

    Raises
    ------
    DataError
        If there is no line.
    ParameterError
        For an unknown shape.
    """
    if shape not in SHAPES:
        raise ParameterError(unknown("shape of a line", shape, SHAPES))
    if math.isfinite(low) or math.isfinite(high):
        spectrum = spectrum.band(low, high)
    f, s = spectrum.frequency, spectrum.density
    known = spectrum.averages is not None
    averages = float(spectrum.averages or 1.0)
    result, mean, gain = _fit(f, s, shape, averages, lambda c, a, b: shape_of(shape, f - c, a, b))
    free = sum(p.vary for p in result.params.values())
    dispersion = float(result.chisqr) / max(len(f) - free, 1)
    if not known:
        gain /= max(dispersion, 1e-12)
    values = {n: p.value for n, p in result.params.items()}
    scales = result.scales
    centre = scales["centre"] + values["shift"] * scales["width"]
    parts = {
        n: scales["width"] * math.exp(values[n]) if shape in (n, "voigt") else 0.0 for n in ("lorentzian", "gaussian")
    }
    width = voigt_width(parts["lorentzian"], parts["gaussian"])
    covered = f[-1] - f[0]
    if not gain > SIGNIFICANT or not f[0] < centre < f[-1] or width > 0.7 * covered:
        why = "no point stands out of the scatter" if not gain > SIGNIFICANT else "the density has no peak inside"
        raise DataError(
            f"{spectrum.source}: no resonance between {format_si(float(f[0]), 'Hz')} and "
            f"{format_si(float(f[-1]), 'Hz')}: {why}"
        )
    inflate = 1.0 if known else math.sqrt(max(dispersion, 1e-12))
    errors = {n: e * inflate for n, e in _covariance(result, mean, averages).items()}
    power = scales["area"] * math.exp(values["area"])
    stderr = {"centre": errors["shift"] * scales["width"], "power": errors["area"] * power}
    for name, part in parts.items():
        if part:
            stderr[name] = errors[name] * part
    stderr["width"] = math.hypot(*(stderr[n] for n, part in parts.items() if part))
    notes = []
    if shape != "gaussian" and spectrum.resolution > 0.2 * width and spectrum.resolution > spectrum.step * 1.01:
        notes.append(f"the bandwidth of {format_si(spectrum.resolution, 'Hz')} is part of the width")
    if shape == "voigt" and not stderr["gaussian"] < 0.5 * parts["gaussian"]:
        notes.append("the Gaussian part is not told from none")
    return Line(
        shape, centre, width, parts["lorentzian"], parts["gaussian"], power,
        scales["floor"] * math.exp(values["floor"]), stderr, spectrum.resolvable,
        dispersion if known else math.nan, spectrum.unit, spectrum.source, tuple(notes),
    )  # fmt: skip


# -- traces --------------------------------------------------------------------------------------------


def _finite(f: FloatArray, centre: float, width: float, length: float) -> FloatArray:
    """Expected periodogram of a line of unit power over a stretch [1/Hz]: its autocorrelation under a triangle."""
    z = math.pi * width - 2j * math.pi * (f - centre)
    return np.asarray(2 * np.real(1 / z + np.expm1(-z * length) / (length * z * z)))


def trace_line(time: ArrayLike, signal: ArrayLike, *, source: str = "trace", span: float = 40.0) -> Line:
    """Lorentzian line of a time trace, with the error by the jackknife.

    Parameters
    ----------
    time, signal : array_like (n,)
        Evenly spaced times [s], voltage [V].
    source : str
        Name for messages.
    span : float
        Half of the band that is fitted, in linewidths.

    Returns
    -------
    Line
        In V^2/Hz.

    Raises
    ------
    DataError
        If the trace is too short for its linewidth (with the length that would do), or holds no line.
    """
    trace = Trace(np.asarray(time), np.asarray(signal), source)
    rough, whole = _rough_width(trace)
    needed = LEAST_LINES / max(rough, 1e-300)
    if trace.duration < needed:
        bound = f"at most about {format_si(rough, 'Hz')}" if whole else f"about {format_si(rough, 'Hz')}"
        more = " or more" if whole else ""
        raise DataError(
            f"{source}: {format_si(trace.duration, 's')} are too short for a linewidth of {bound}; "
            f"{format_si(float(f'{needed:.2g}'), 's')}{more} would do"
        )
    # Stretches of some coherence times each: long enough to resolve the line, and enough of them for a jackknife.
    pieces = int(np.clip(trace.duration * rough / 3.0, 6, 60))
    length = trace.signal.size // pieces
    stretch = length / trace.rate
    cut = trace.signal[: pieces * length].reshape(pieces, length)
    power = np.abs(np.fft.rfft(cut, axis=1)) ** 2 * 2 / (length * trace.rate)
    f = np.fft.rfftfreq(length, 1 / trace.rate)
    peak = float(f[1 + int(np.argmax(power[:, 1:].mean(axis=0)))])
    half = max(span * max(rough, 1 / stretch), 30 / stretch)
    inside = (np.abs(f - peak) <= half) & (f > 0.2 * peak) & (f < 0.98 * f[-1])
    f, power = f[inside], power[:, inside]
    if f.size < MIN_BAND:
        raise DataError(
            f"{source}: stretches of {format_si(stretch, 's')} leave {f.size} points about {format_si(peak, 'Hz')}; "
            "the line "
            "is as wide as its frequency"
        )

    def solve(mean_power: FloatArray, count: int, *starts: float) -> tuple[FloatArray, Any, float]:
        expected = lambda c, a, b: _finite(f, c, a, stretch)  # noqa: E731
        result, _, gain = _fit(f, mean_power, "lorentzian", float(count), expected, *([starts] if starts else []))
        v, sc = result.params.valuesdict(), result.scales
        found = [
            sc["centre"] + v["shift"] * sc["width"], math.log(sc["width"]) + v["lorentzian"],
            math.log(sc["area"]) + v["area"], math.log(sc["floor"]) + v["floor"],
        ]  # fmt: skip
        return np.array(found), result, gain

    best, result, gain = solve(power.mean(axis=0), pieces)
    if not gain > SIGNIFICANT:
        raise DataError(f"{source}: no line stands out of the noise")
    total = power.sum(axis=0)
    groups = np.array_split(np.arange(pieces), min(pieces, 20))
    left = np.array([
        solve((total - power[g].sum(axis=0)) / (pieces - len(g)), pieces - len(g), 0.0)[0] for g in groups
    ])  # fmt: skip
    count = len(groups)
    spread = np.sqrt((count - 1) / count * np.sum((left - left.mean(axis=0)) ** 2, axis=0))
    width, area = math.exp(best[1]), math.exp(best[2])
    stderr = {"centre": float(spread[0]), "width": width * float(spread[1]), "power": area * float(spread[2])}
    stderr["lorentzian"] = stderr["width"]
    dispersion = float(result.chisqr) / max(f.size - 4, 1)
    resolvable = LEAST_LINES / trace.duration
    return Line(
        "lorentzian", float(best[0]), width, width, 0.0, area, math.exp(best[3]), stderr, resolvable, dispersion,
        "V^2/Hz", source, (f"mean of {pieces} stretches of {format_si(stretch, 's')}",),
    )  # fmt: skip


MIN_BAND = 12


def _rough_width(trace: Trace) -> tuple[float, bool]:
    """Width of the strongest line from the decay of its autocorrelation [Hz], and whether it is only a bound."""
    n = trace.signal.size
    spectrum = np.fft.rfft(trace.signal, 2 * n)
    density = np.abs(spectrum) ** 2
    f = np.fft.rfftfreq(2 * n, 1 / trace.rate)
    count = max(n // 500, 1)
    smooth = np.convolve(density, np.ones(count) / count, mode="same")
    k = 1 + int(np.argmax(smooth[1:]))
    band = np.abs(f - f[k]) < 0.5 * f[k]
    analytic = np.zeros(2 * n, dtype=complex)
    analytic[: f.size][band] = density[band]
    decay = np.abs(np.fft.ifft(analytic))[:n] / (n - np.arange(n))
    # White noise within the band decays at once; start where it has.
    start = max(int(4 * trace.rate / f[k]), 1)
    if start >= n // 4:
        return 1 / trace.duration, True
    fallen = np.flatnonzero(decay[start : n // 2] < decay[start] / math.e)
    if fallen.size:
        return float(trace.rate / (math.pi * fallen[0])), False
    last = n // 2 - 1
    ratio = math.log(max(decay[start] / decay[last], 1 + 1e-6))
    rough = float(ratio * trace.rate / (math.pi * (last - start)))
    return min(max(rough, 0.05 / trace.duration), 1 / trace.duration), True
