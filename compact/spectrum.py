"""Spectra of oscillators: read, or made from time traces; power, phase noise, and what they can resolve.

from compact.spectrum import read_spectrum
from compact.linefit import fit_line

spectrum = read_spectrum("spectrum.csv", resolution=1e6)
print(fit_line(spectrum).report())
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compact.errors import DataError, ParameterError
from compact.microwave import watts
from compact.roles import Role, read_roles

__all__ = ["PhaseNoise", "Spectrum", "Trace", "phase_noise", "psd", "read_signal", "read_spectrum"]

FloatArray: TypeAlias = NDArray[np.float64]

FREQUENCY = Role("Hz", r"^(f|freq\.?|frequency)([^a-z]|$)", must_state=True)
SPECTRUM_ROLES = {
    "frequency": FREQUENCY,
    "density": Role("W/Hz", r"psd|density|spectrum|^s([^a-z]|$)|power"),
    "voltage_density": Role("V^2/Hz", r"psd|density|spectrum|^s([^a-z]|$)|noise"),
    "level_density": Role("dBm/Hz", r"psd|density|spectrum|level|power"),
    "level": Role("dBm", r"level|power|^p([^a-z]|$)|psd|spectrum|amplitude|trace"),
    "power": Role("W", r"power|^p([^a-z]|$)"),
}
TRACE_ROLES = {
    "time": Role("s", r"^(t|time|seconds?)([^a-z]|$)"),
    "voltage": Role("V", r"(^|[^a-z])(v|u|volts?|voltage|signal|ch(annel)?[ _]?\d)([^a-z]|$)"),
}
LOWEST, HIGHEST = 1e3, 2e12
"""Frequencies of spectra [Hz]; outside the unit is taken to be wrong."""
MOST_WATTS = 1.0
MIN_POINTS = 8
MAX_SAMPLES = 50_000_000


@dataclass(frozen=True)
class Spectrum:
    """A one-sided power spectral density.

    Parameters
    ----------
    frequency : ndarray (n,)
        Rising [Hz].
    density : ndarray (n,)
        [`unit`].
    unit : str
        "W/Hz" or "V^2/Hz".
    resolution : float
        Bandwidth of the analyser, or of the points of a transform [Hz].
    averages : float or None
        Independent averages behind each point; None where not known.
    source, sha256 : str
        Name and hash of the file.
    notes : tuple of str
        What was assumed.

    Raises
    ------
    DataError
        If frequencies are unsorted or in the wrong unit, a density is negative, or the power is not plausible.
    """

    frequency: FloatArray
    density: FloatArray
    unit: str = "W/Hz"
    resolution: float = 0.0
    averages: float | None = None
    source: str = "spectrum"
    sha256: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        f, s = np.array(self.frequency, dtype=float), np.array(self.density, dtype=float)
        if f.ndim != 1 or f.shape != s.shape or f.size < MIN_POINTS:
            raise DataError(
                f"{self.source}: {f.size} frequencies and {s.size} densities; a spectrum needs {MIN_POINTS} points"
            )
        if not (np.isfinite(f).all() and np.isfinite(s).all()):
            raise DataError(f"{self.source}: a value is not finite")
        check_sorted(f, "frequencies", "Hz", self.source)
        check_frequencies(f, self.source)
        if np.any(s < 0):
            k = int(np.argmin(s))
            raise DataError(
                f"{self.source}: density {s[k]:g} {self.unit} at {f[k]:g} Hz is negative; if the column is in dBm, "
                "say so "
                "with --columns 'level=2[dBm]' (or level_density=2[dBm/Hz])"
            )
        if not np.any(s > 0):
            raise DataError(f"{self.source}: all densities are zero")
        object.__setattr__(self, "frequency", f)
        object.__setattr__(self, "density", s)
        if not self.resolution > 0:
            object.__setattr__(self, "resolution", float(np.median(np.diff(f))))
        if self.unit == "W/Hz" and self.power() > MOST_WATTS:
            raise DataError(
                f"{self.source}: the power adds up to {self.power():.3g} W, which no junction emits; are the numbers "
                "dBm, "
                "dBm/Hz or W rather than W/Hz?"
            )

    @property
    def step(self) -> float:
        """Median distance of the points [Hz]."""
        return float(np.median(np.diff(self.frequency)))

    @property
    def resolvable(self) -> float:
        """Narrowest line that the points and the bandwidth can tell from a sharp one [Hz]."""
        return max(2 * self.step, self.resolution)

    def peak(self) -> tuple[float, float]:
        """Frequency [Hz] and density of the highest point."""
        k = int(np.argmax(self.density))
        return float(self.frequency[k]), float(self.density[k])

    def power(self, low: float = -math.inf, high: float = math.inf) -> float:
        """Integral between two frequencies [W or V^2]."""
        inside = (self.frequency >= low) & (self.frequency <= high)
        return float(np.trapezoid(self.density[inside], self.frequency[inside]))

    def band(self, low: float, high: float) -> Spectrum:
        """The part between two frequencies [Hz]."""
        import dataclasses

        inside = (self.frequency >= low) & (self.frequency <= high)
        return dataclasses.replace(self, frequency=self.frequency[inside], density=self.density[inside])


def check_sorted(values: FloatArray, what: str, unit: str, source: str) -> None:
    """Raise `DataError` where values do not rise, naming the first place."""
    back = np.flatnonzero(np.diff(values) <= 0)
    if back.size:
        k = int(back[0])
        raise DataError(
            f"{source}: {what} are not sorted: {values[k + 1]:g} {unit} follows {values[k]:g} {unit} (point {k + 2})"
        )


def check_frequencies(f: FloatArray, source: str) -> None:
    """Raise `DataError` for frequencies that no resonance has, naming the unit that would make them plausible."""
    high = float(np.abs(f).max())
    if f.min() < 0:
        raise DataError(f"{source}: frequency {f.min():g} Hz is negative")
    if not LOWEST <= high <= HIGHEST:
        guess = next((u for u, s in (("GHz", 1e9), ("MHz", 1e6), ("kHz", 1e3)) if 1e5 <= high * s <= 1e12), None)
        if high > HIGHEST:
            guess = next((u for u, s in (("MHz", 1e-3), ("kHz", 1e-6), ("Hz", 1e-9)) if high * s <= 1e11), None)
        hint = f"; in {guess}? say it with --columns 'frequency=1[{guess}]'" if guess else ""
        raise DataError(
            f"{source}: frequencies up to {high:g} Hz: resonances lie between {LOWEST:g} and {HIGHEST:g} Hz{hint}"
        )


def read_spectrum(
    path: str | Path,
    columns: str | Mapping[str, str] | None = None,
    *,
    resolution: float | None = None,
    averages: float | None = None,
) -> Spectrum:
    """Read a spectrum.

    Parameters
    ----------
    path : str or pathlib.Path
        Text with the columns `frequency` and one of `density` (W/Hz), `voltage_density` (V^2/Hz), `level_density`
        (dBm/Hz), or `power` (W) or `level` (dBm) within the resolution bandwidth.
    columns : str or mapping of str to str, optional
        Column of each role, such as "frequency=1[GHz],level=2[dBm]".
    resolution : float, optional
        Resolution bandwidth [Hz]; needed for `power` and `level`.
    averages : float, optional
        Number of spectra averaged.

    Raises
    ------
    DataError
        In one line that names what is wrong.
    """
    table = read_roles(path, SPECTRUM_ROLES, columns)
    found = dict(table.columns)
    f = found.pop("frequency", None)
    if f is None or len(found) != 1:
        seen = ", ".join(found) or "none"
        raise DataError(
            f"{table.source}: needs a frequency and one density (found: {seen}); name them, e.g. --columns "
            "'frequency=1[GHz],level=2[dBm]'; a trace of time and voltage is read with --trace"
        )
    ((kind, values),) = found.items()
    unit = "V^2/Hz" if kind == "voltage_density" else "W/Hz"
    if kind in ("level", "level_density"):
        if np.all(values >= 0) and values.max() < 1e-3:
            raise DataError(
                f"{table.source}: levels of 0 ... {values.max():g} dBm are 1 mW each; the numbers look like "
                f"watts: --columns '{'power=2[W]' if kind == 'level' else 'density=2[W/Hz]'}'"
            )
        try:
            values = watts(values)
        except DataError as error:
            raise DataError(f"{table.source}: {error}") from None
    elif np.any(values < 0):
        k = int(np.argmin(values))
        raise DataError(
            f"{table.source}: line {table.lines[k]}: {kind} = {values[k]:g} is negative; power is not; if the column "
            "is in "
            "dBm, say so with --columns 'level=2[dBm]' (or level_density=2[dBm/Hz])"
        )
    if kind in ("level", "power"):
        if resolution is None:
            raise DataError(f"{table.source}: {kind} per resolution bandwidth: the bandwidth is needed (--resolution)")
        values = values / resolution
    return Spectrum(f, values, unit, resolution or 0.0, averages, table.source, table.sha256, table.notes)


# -- traces --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trace:
    """An evenly sampled signal.

    Parameters
    ----------
    time, signal : ndarray (n,)
        [s] and [V].
    source, sha256 : str
        Name and hash of the file.

    Raises
    ------
    DataError
        If times go back or are uneven, or the signal is constant.
    """

    time: FloatArray
    signal: FloatArray
    source: str = "trace"
    sha256: str = ""

    def __post_init__(self) -> None:
        t, y = np.array(self.time, dtype=float), np.array(self.signal, dtype=float)
        if t.ndim != 1 or t.shape != y.shape or t.size < 64:
            raise DataError(f"{self.source}: {t.size} times and {y.size} values; a trace needs 64 samples or more")
        if not (np.isfinite(t).all() and np.isfinite(y).all()):
            raise DataError(f"{self.source}: a value is not finite")
        check_sorted(t, "times", "s", self.source)
        steps = np.diff(t)
        if np.any(np.abs(steps - np.median(steps)) > 0.02 * np.median(steps)):
            raise DataError(f"{self.source}: samples are not evenly spaced; resample the trace first")
        if np.ptp(y) <= 1e-12 * np.abs(y).max():
            raise DataError(f"{self.source}: the trace is constant")
        object.__setattr__(self, "time", t)
        object.__setattr__(self, "signal", y - y.mean())

    @property
    def rate(self) -> float:
        """Samples per second."""
        return (self.time.size - 1) / float(self.time[-1] - self.time[0])

    @property
    def duration(self) -> float:
        """Length [s]."""
        return self.time.size / self.rate


def read_signal(path: str | Path, columns: str | Mapping[str, str] | None = None) -> Trace:
    """Read a trace of time and voltage.

    Raises
    ------
    DataError
        In one line that names what is wrong.
    """
    table = read_roles(path, TRACE_ROLES, columns)
    lacking = [k for k in TRACE_ROLES if k not in table.columns]
    if lacking:
        raise DataError(
            f"{table.source}: cannot tell the column of {' and '.join(lacking)}; name it: --columns "
            "'time=1[ns],voltage=2[mV]'"
        )
    return Trace(table.columns["time"], table.columns["voltage"], table.source, table.sha256)


def psd(time: ArrayLike, signal: ArrayLike, resolution: float | None = None, source: str = "trace") -> Spectrum:
    """Power spectral density of a trace by Welch's method (Hann window, half overlap).

    Parameters
    ----------
    time, signal : array_like (n,)
        Evenly spaced times [s], voltage [V].
    resolution : float, optional
        Bandwidth of the points [Hz]; by default 32 segments or the whole trace, whichever is finer than a thousandth of
        the frequency of the peak.
    source : str
        Name for messages.

    Returns
    -------
    Spectrum
        In V^2/Hz, without the point at zero.

    Raises
    ------
    DataError
        If the trace is no trace, or too short for the resolution.
    """
    from scipy.signal import welch

    trace = Trace(np.asarray(time), np.asarray(signal), source)
    n = trace.signal.size
    hann = 1.5  # noise bandwidth of a Hann window in points
    if resolution is None:
        length = max(n // 32, 2 * MIN_POINTS)
    else:
        length = round(hann * trace.rate / resolution)
        if length > n:
            raise DataError(
                f"{source}: {trace.duration:.3g} s are too short for {resolution:g} Hz; {hann / resolution:.3g} s "
                "would do"
            )
        length = max(length, 2 * MIN_POINTS)
    f, s = welch(trace.signal, trace.rate, window="hann", nperseg=length, noverlap=length // 2, detrend="constant")
    step = float(f[1] - f[0])
    averages = max(trace.duration * step, 0.5)
    return Spectrum(f[1:], s[1:], "V^2/Hz", hann * step, averages, source)


# -- phase noise ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PhaseNoise:
    """Single-sideband phase noise of a carrier.

    Parameters
    ----------
    offset : ndarray (n,)
        Offsets from the carrier [Hz].
    level : ndarray (n,)
        L(f) = S_phi(f)/2 [dBc/Hz] (IEEE Std 1139).
    carrier : float
        Frequency [Hz].
    linewidth, stderr : float
        Full width at half height of the Lorentzian that white frequency noise of this size gives, pi S_nu, and its
        standard error [Hz].
    """

    offset: FloatArray
    level: FloatArray
    carrier: float
    linewidth: float
    stderr: float

    def at(self, offset: float) -> float:
        """L at an offset [dBc/Hz].

        Raises
        ------
        ParameterError
            If the offset is outside what was measured.
        """
        if not self.offset[0] <= offset <= self.offset[-1]:
            raise ParameterError(f"offset {offset:g} Hz is outside {self.offset[0]:g} ... {self.offset[-1]:g} Hz")
        return float(np.interp(math.log(offset), np.log(self.offset), self.level))


def phase_noise(
    time: ArrayLike, signal: ArrayLike, bandwidth: float | None = None, source: str = "trace"
) -> PhaseNoise:
    """Phase noise of the strongest line of a trace, from the phase of its analytic signal.

    Parameters
    ----------
    time, signal : array_like (n,)
        Evenly spaced times [s], voltage [V].
    bandwidth : float, optional
        Half width of the band about the carrier that is used [Hz]; by default half the carrier's frequency.
    source : str
        Name for messages.

    Raises
    ------
    DataError
        If the trace is no trace, or holds fewer than 20 periods.
    """
    from scipy.signal import welch

    trace = Trace(np.asarray(time), np.asarray(signal), source)
    n, rate = trace.signal.size, trace.rate
    spectrum = np.fft.rfft(trace.signal)
    f = np.fft.rfftfreq(n, 1 / rate)
    coarse = np.convolve(np.abs(spectrum) ** 2, np.ones(max(n // 2000, 1)), mode="same")
    carrier = float(f[1 + int(np.argmax(coarse[1:]))])
    if carrier * trace.duration < 20:
        raise DataError(
            f"{source}: {trace.duration:.3g} s hold {carrier * trace.duration:.2g} periods; 20 are needed: "
            f"{20 / carrier:.3g} s"
        )
    half = carrier / 2 if bandwidth is None else min(bandwidth, 0.95 * carrier)
    inside = np.abs(f - carrier) <= half
    # Analytic signal of the band alone: what lies outside it is no phase noise of this line.
    padded = np.zeros(n, dtype=complex)
    padded[: f.size][inside] = 2 * spectrum[inside]
    base = np.fft.ifft(padded) * np.exp(-2j * np.pi * carrier * np.arange(n) / rate)
    fewer = max(int(rate / (2 * half)) - 1, 1)
    phase = np.unwrap(np.angle(base))[::fewer]
    slow = rate / fewer
    edge = phase.size // 50
    inner = phase[edge : phase.size - edge or None]
    slope = float(np.polyfit(np.arange(inner.size) / slow, inner, 1)[0]) / (2 * np.pi)
    carrier += slope
    # Frequency noise is flat where phase noise falls as 1/f^2: no window leaks there.
    nu = np.diff(inner) * slow / (2 * np.pi) - slope
    length = max(inner.size // 8, 16)
    g, s_nu = welch(nu, slow, nperseg=length, detrend="constant")
    keep = (g > 1.5 * g[1]) & (g < 0.8 * half)
    if keep.sum() < 4:
        raise DataError(f"{source}: {trace.duration:.3g} s are too short for phase noise within {half:.3g} Hz")
    g, s_nu = g[keep], s_nu[keep]
    # The difference of two samples passes sin^2(pi g/slow).
    s_nu = s_nu / np.sinc(g / slow) ** 2
    flat = g <= max(4 * g[0], 0.05 * half)
    averages = max((inner.size / slow) * float(g[1] - g[0]) * int(flat.sum()), 1.0)
    width = math.pi * float(np.mean(s_nu[flat]))
    return PhaseNoise(g, 10 * np.log10(s_nu / g**2 / 2), carrier, width, width / math.sqrt(averages))
