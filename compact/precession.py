"""Precession of a junction: where it is, its spectrum, its frequency and width of line."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact.bench import (
    SLOTS_PER_TURN,
    Bench,
    Figure,
    Junction,
    Place,
    Regime,
    cosine_of,
    critical_voltages,
    hard_axis,
    seconds_of,
)
from compact.physics.drive import Drive
from compact.physics.llgs import simulate
from compact.physics.macrospin import LARMOR, Macrospin
from compact.units import format_si

__all__ = ["Steady", "find_precession", "line_frequency", "line_width", "observe", "precession", "spectrum"]

Array = NDArray[np.float64]

MOST_VOLTS = 5.0
LEAST_SWING = 0.1
"""Rms swing of the cosine from which on a motion counts as precession."""
COLD_STEPS, HOT_STEPS = 200, 80
"""Steps per turn without noise and with; trapezoidal ones shift the line of a wide orbit by 4 % at 40, 0.1 % at 200."""
ANGLES = (0.0, math.pi / 3)
FACTORS = (1.5, 2.5, 4.0)
SHARES = (0.8, 1.2)
START = 0.2


@dataclass(frozen=True)
class Steady:
    """A steady precession of the noise-free equation.

    Parameters
    ----------
    place : Place
        Field and voltage.
    angle : float
        Angle of the field from the easy axis [rad].
    state : {1, -1}
        State that the field favours.
    swing : float
        Rms swing of the cosine between the layers.
    """

    place: Place
    angle: float
    state: int
    swing: float


def turn_of(device: Macrospin) -> float:
    """Period of the precession in the fields that are there [s]."""
    low, middle, high = np.linalg.eigvalsh(device.tensor)
    applied = math.hypot(*device.h_ext)
    return float(2 * math.pi / (LARMOR * math.sqrt((high - low + applied) * (high - middle + applied))))


def turns_to_settle(device: Macrospin) -> float:
    """Turns after which only what is steady is left."""
    return float(np.clip(1 / device.alpha, 20, 300))


def start_of(bench: Bench, state: int) -> Array:
    """Direction from which a precession is started: off the easy axis as far as the emitted model can be."""
    device = bench.device
    across = np.linalg.eigh(device.tensor)[1][:, :2].sum(axis=1)
    m = device.easy_axis * state + START * across
    return bench.reachable(m / np.linalg.norm(m))[1]


def observe(device: Macrospin, place: Place, start: Array, turns: float) -> tuple[Array, Array]:
    """Noise-free motion by the package's own integrator, once it has settled.

    Parameters
    ----------
    device : Macrospin
        Device; its field is replaced.
    place : Place
        Field and voltage.
    start : ndarray, shape (3,)
        Initial direction.
    turns : float
        Periods to record.

    Returns
    -------
    time : ndarray, shape (n,)
        [s].
    course : ndarray, shape (n, 3)
        Directions.
    """
    there = device.replace(h_ext=place.field)
    turn, skip = turn_of(there), turns_to_settle(device)
    run = simulate(
        there,
        Drive(voltage=place.voltage),
        (turns + skip) * turn,
        n=1,
        start=start,
        thermal=False,
        traces=1,
        samples=int((turns + skip) * 24),
    )
    late = run.time >= skip * turn
    return run.time[late], run.traces[0][late]


def find_precession(bench: Bench) -> Steady | None:
    """Field and voltage, opposing each other, at which the resistance swings widely and steadily.

    Fields along the easy axis are tried first, then such at 60 degrees from it.

    Parameters
    ----------
    bench : Bench
        The junction.

    Returns
    -------
    Steady or None
        None if there is none.
    """
    device = bench.device
    easy, across = device.easy_axis, hard_axis(device)
    to_p, to_ap = critical_voltages(device)
    for angle in ANGLES:
        best: tuple[float, Steady] | None = None
        way = math.cos(angle) * easy + math.sin(angle) * across
        for factor, share, state in itertools.product(FACTORS, SHARES, (1, -1)):
            # The field favours `state`, the current drives away from it.
            h = share * device.h_eff * state * way
            volts = -state * factor * (to_ap if state > 0 else to_p)
            if not abs(volts) < MOST_VOLTS:
                continue
            place = Place((float(h[0]), float(h[1]), float(h[2])), volts)
            cosine = cosine_of(device, observe(device, place, start_of(bench, state), 30)[1])
            early, late = np.array_split(cosine, 2)
            swing = float(late.std())
            unsteady = abs(float(early.std()) - swing) > 0.04 * swing or abs(float(early.mean() - late.mean())) > 0.03
            if swing < LEAST_SWING or unsteady:
                continue
            score = swing / math.sqrt(factor)
            if best is None or score > best[0]:
                best = score, Steady(place, angle, state, swing)
        if best:
            return best[1]
    return None


def why_none(device: Macrospin) -> str:
    """Why a junction shows no precession."""
    tried = "fields of 0.8 and 1.2 anisotropy fields at 0 and 60 degrees, up to 4 thresholds"
    collinear = abs(abs(float(device.easy_axis @ np.array(device.reference))) - 1) < 1e-6
    across = np.linalg.eigvalsh(device.tensor)
    if collinear and across[1] - across[0] < 1e-6 * device.h_eff:
        return (
            f"none found ({tried}). With axial symmetry dz/dt = (1 - z^2)(z + h + i): an angle at which both vanish is "
            "left again, unless the torque falls with the angle faster than the anisotropy grows"
        )
    return f"none found ({tried})"


def precession(bench: Bench, seed: int, steady: Steady) -> Regime:
    """Spectra and tuning of the emitted model at the place of a steady precession."""
    device, place = bench.device, steady.place
    there = device.replace(h_ext=place.field)
    turn, skip = turn_of(there), turns_to_settle(device)
    start = start_of(bench, steady.state)
    # One source for each voltage; junctions without noise give the tuning, those with it the spectra.
    effort, tuning = bench.effort, np.array(bench.effort.tuning)
    shown = (float(tuning[0]), 1.0, float(tuning[-1]))
    voltages = tuning * place.voltage
    sources = [f"V{k} n{k} 0 dc {float(v)!r}" for k, v in enumerate(voltages)]
    slot = turn / SLOTS_PER_TURN
    cold = [Junction(f"n{k}", start, place.field) for k in range(len(voltages))]
    hot = [
        Junction(f"n{int(np.argmin(abs(tuning - share)))}", start, place.field, seed + 200 + j, slot)
        for share in shown
        for j in range(effort.noisy)
    ]
    stop = (effort.turns + skip) * turn
    courses, waves = bench.run("precession", sources, cold, stop, turn / COLD_STEPS)
    seconds = seconds_of(waves)
    tuned = [
        _line(device, waves.axis, course, skip * turn, turn, bench, v)
        for course, v in zip(courses, voltages, strict=True)
    ]
    same = []
    for v in voltages:
        time, course = observe(device, Place(place.field, float(v)), start, effort.turns)
        same.append(_line(device, time, course, 0.0, turn, bench, v))
    courses, waves = bench.run("precession with noise", sources, hot, stop, turn / HOT_STEPS)
    seconds += seconds_of(waves)
    spectra = {}
    for j, share in enumerate(shown):
        v = float(share * place.voltage)
        densities = []
        for course in courses[j * effort.noisy : (j + 1) * effort.noisy]:
            frequency, density = _resistance_spectrum(device, waves.axis, course, skip * turn, turn, bench, v)
            densities.append(density)
        spectra[v] = (frequency, np.mean(densities, axis=0))
    main = int(np.argmin(abs(tuning - 1.0)))
    frequency, density = spectra[float(place.voltage)]
    near = (frequency > 0.4 * tuned[main][0]) & (frequency < 2.5 * tuned[main][0])
    centre, width, error = line_width(frequency[near], density[near])
    about = f"full width at half height, mean of {effort.noisy} spectra"
    if math.isnan(width):
        about = f"narrower than {format_si(2 * float(frequency[1] - frequency[0]), 'Hz')}, which this run resolves"
    figures = [
        Figure(
            "frequency",
            tuned[main][0],
            "Hz",
            "strongest line of the resistance, without noise",
            math.nan,
            same[main][0],
        ),
        Figure("swing", tuned[main][1], "1", "rms of the cosine between the layers", math.nan, same[main][1]),
        Figure("line with noise", centre, "Hz", "centre of a Lorentzian"),
        Figure("linewidth", width, "Hz", about, error),
    ]
    threshold = min(
        (abs(float(v)) for v, t in zip(voltages, tuned, strict=True) if t[1] > LEAST_SWING), default=math.nan
    )
    figures.append(
        Figure("lowest voltage", math.copysign(threshold, place.voltage), "V", "of those tried, with precession")
    )
    curves: dict[str, Any] = {
        "spectra": spectra,
        "voltage": voltages,
        "frequency": np.array([t[0] for t in tuned]),
        "swing": np.array([t[1] for t in tuned]),
        "reference_frequency": np.array([t[0] for t in same]),
        "reference_swing": np.array([t[1] for t in same]),
    }
    return Regime("precession", place, tuple(figures), curves, seconds=seconds)


def _late(time: Array, course: Array, skip: float, turn: float) -> tuple[Array, Array]:
    grid = np.arange(max(skip, time[0]), time[-1], turn / 24)
    return grid, np.stack([np.interp(grid, time, component) for component in course.T], axis=1)


def _line(
    device: Macrospin, time: Array, course: Array, skip: float, turn: float, bench: Bench, voltage: float
) -> tuple[float, float]:
    """Frequency of the strongest line of the resistance [Hz], nan without precession, and swing of the cosine."""
    _, even = _late(time, course, skip, turn)
    swing = float(cosine_of(device, even).std())
    frequency, density = _resistance_spectrum(device, time, course, skip, turn, bench, voltage)
    return (line_frequency(frequency, density) if swing > LEAST_SWING else math.nan), swing


def _resistance_spectrum(
    device: Macrospin, time: Array, course: Array, skip: float, turn: float, bench: Bench, voltage: float
) -> tuple[Array, Array]:
    grid, even = _late(time, course, skip, turn)
    return spectrum(grid, bench.resistance(cosine_of(device, even), voltage), len(grid))


def spectrum(time: Array, signal: Array, points: int) -> tuple[Array, Array]:
    """One-sided power spectral density of a signal, sampled evenly at `points` points.

    Returns
    -------
    frequency : ndarray
        [Hz].
    density : ndarray
        Square of the signal's unit per hertz.
    """
    from scipy.signal import periodogram

    grid = np.linspace(time[0], time[-1], points)
    even = np.interp(grid, time, signal)
    return periodogram(even, 1 / (grid[1] - grid[0]), window="hann", detrend="constant")


def line_frequency(frequency: Array, density: Array) -> float:
    """Frequency of the strongest line [Hz], interpolated between points of a spectrum through a Hann window."""
    k = int(np.argmax(density[1:-1])) + 1
    low, peak, high = np.log(np.maximum(density[k - 1 : k + 2], 1e-300))
    shift = 0.5 * (low - high) / (low - 2 * peak + high)
    return float(frequency[k] + shift * (frequency[1] - frequency[0]))


def line_width(frequency: Array, density: Array) -> tuple[float, float, float]:
    """Centre, full width at half height and its standard error [Hz] of the strongest line: a Lorentzian, fitted.

    The width is nan where the line is narrower than two points of the spectrum.
    """
    from scipy.optimize import curve_fit

    step = frequency[1] - frequency[0]
    count = max(len(density) // 100, 3)
    smooth = np.convolve(density, np.ones(count) / count, mode="same")
    k = int(np.argmax(smooth[2:-2])) + 2
    above = smooth > smooth[k] / 2
    low = k - int(np.argmin(above[k::-1])) if not above[: k + 1].all() else 0
    high = k + int(np.argmin(above[k:])) if not above[k:].all() else len(above) - 1
    guess = max(float(high - low), 2.0) * step
    near = np.abs(frequency - frequency[k]) < max(2.5 * guess, 10 * step)

    def shape(f: Array, centre: float, log_full: float, log_height: float) -> Array:
        return np.asarray(log_height - np.log1p((2 * (f - centre) / math.exp(log_full)) ** 2))

    # The points of a periodogram scatter about their mean by a factor, hence the logarithm.
    start = (0.0, 0.0, 0.0)
    offset = (frequency[near] - frequency[k]) / guess
    level = np.log(np.maximum(density[near], 1e-300) / smooth[k])
    try:
        best, covariance = curve_fit(shape, offset, level, p0=start)
    except (RuntimeError, ValueError):
        return float(frequency[k]), math.nan, math.nan
    centre, full = frequency[k] + best[0] * guess, math.exp(min(best[1], 50.0)) * guess
    if not 2 * step < full < frequency[-1] - frequency[0]:
        return float(centre), math.nan, math.nan
    return float(centre), float(full), float(full * math.sqrt(covariance[1, 1]))
