"""Small motion and limit cycles of a macrospin under a current: what an auto-oscillator is reduced from.

Threshold, resonance, damping and ellipticity follow from the eigenvalues and eigenvectors of the linearised
Landau-Lifshitz-Gilbert-Slonczewski equation (J. Grollier et al., Phys. Rev. B 67, 174402 (2003)); limit cycles from its
integration. The law of power is that of A. Slavin and V. Tiberkevich, IEEE Trans. Magn. 45, 1875 (2009).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize_scalar

from compact.errors import ParameterError
from compact.physics.drive import Drive
from compact.physics.llgs import derivative, simulate
from compact.physics.macrospin import LARMOR, Macrospin
from compact.units import format_si

__all__ = ["Cycle", "Mode", "cycle", "linearise", "project", "rates", "threshold"]

FloatArray: TypeAlias = NDArray[np.float64]

MOST_Q = 1e3
TURNS, SAMPLES = 48, 48
"""Periods of a limit cycle that are recorded, and records in each."""
STEP = 1e-4
"""Turn of the magnetisation over which derivatives are taken [rad]; their error goes as its square."""


@dataclass(frozen=True)
class Mode:
    """Small motion about rest at a current.

    Parameters
    ----------
    current : float
        [A].
    rest : ndarray (3,)
        Direction of rest.
    frame : ndarray (2, 3)
        Two directions across it.
    eigenvalue : complex
        Growth rate and angular frequency [1/s].
    right, left : ndarray of complex (2,)
        Eigenvectors: deviations are Re(c right), and c = 2 left . deviation.
    """

    current: float
    rest: FloatArray
    frame: FloatArray
    eigenvalue: complex
    right: NDArray[np.complex128]
    left: NDArray[np.complex128]

    @property
    def frequency(self) -> float:
        """[Hz]."""
        return self.eigenvalue.imag / (2 * math.pi)

    @property
    def growth(self) -> float:
        """[1/s]; negative where rest is stable."""
        return self.eigenvalue.real

    @property
    def ellipticity(self) -> float:
        """Short over long axis of the orbit [1]."""
        circle = float(abs(np.sum(self.right**2)))
        size = float(np.sum(np.abs(self.right) ** 2))
        return math.sqrt(max(size - circle, 0.0) / (size + circle))


@dataclass(frozen=True)
class Cycle:
    """A limit cycle.

    Parameters
    ----------
    zeta, current : float
        Current over threshold [1], and current [A].
    frequency : float
        Of the strongest line of the cosine [Hz].
    amplitude : float
        Amplitude of its fundamental [1].
    mean : float
        Mean cosine [1].
    distortion : float
        Amplitude of the harmonics over that of the fundamental [1].
    end : ndarray (3,)
        A direction on the orbit.
    """

    zeta: float
    current: float
    frequency: float
    amplitude: float
    mean: float
    distortion: float
    end: FloatArray


def rates(device: Macrospin, m: FloatArray, current: float) -> FloatArray:
    """dm/dt [1/s] of directions (n, 3) at a current [A]."""
    return derivative(device, m, Drive(current=current))


def linearise(device: Macrospin, current: float = 0.0, state: int = 1, start: FloatArray | None = None) -> Mode:
    """Rest and small motion of a macrospin at a current.

    Parameters
    ----------
    device : Macrospin
        The device.
    current : float
        [A] from free to reference layer.
    state : {1, -1}
        Parallel or antiparallel rest.
    start : ndarray (3,), optional
        Where rest is looked for, by default that without current.

    Raises
    ------
    ParameterError
        If there is no rest, or small motion does not precess.
    """
    m = np.array(_rest(device, state) if start is None else start, dtype=float)
    for _ in range(60):
        frame = np.linalg.svd(m[None, :])[2][1:]
        near = np.array([m, *(m + s * STEP * e for e in frame for s in (1, -1))])
        near /= np.linalg.norm(near, axis=1)[:, None]
        dm = rates(device, near, current) @ frame.T
        matrix = np.stack([(dm[1] - dm[2]), (dm[3] - dm[4])], axis=1) / (2 * math.atan(STEP))
        move = np.linalg.solve(matrix, -dm[0])
        size = float(np.hypot(*move))
        m = m + (move * min(1.0, 0.2 / max(size, 1e-30))) @ frame
        m /= np.linalg.norm(m)
        if size < 1e-11:
            break
    else:
        raise ParameterError(f"a current of {current:g} A leaves no direction of rest near the one without")
    values, vectors = np.linalg.eig(matrix)
    k = int(np.argmax(values.imag))
    if not values[k].imag > 0:
        raise ParameterError(
            f"small motion at {current:g} A does not precess: rates {values[0]:.3g} and {values[1]:.3g}"
        )
    right = vectors[:, k]
    slope = complex(frame @ np.array(device.reference) @ right)
    if abs(slope) > 0:
        right = right * (abs(slope) / slope)
    left = np.linalg.inv(np.stack([right, right.conj()], axis=1))[0]
    return Mode(current, m, frame, complex(values[k]), right, left)


def _rest(device: Macrospin, state: int) -> FloatArray:
    """Rest without current; where the field is strong, the direction of least energy nearest to the state."""
    try:
        return device.rest(state)
    except ParameterError:
        h = np.array(device.h_ext)
        if not math.hypot(*h):
            raise
        m = h / np.linalg.norm(h) + 0.01 * np.array(device.reference)
        scale = float(np.ptp(np.linalg.eigvalsh(device.tensor)) + math.hypot(*h))
        for _ in range(20000):
            m = m / np.linalg.norm(m)
            total = device.tensor @ m + h
            m = m + (total - (m @ total) * m) / scale
        return np.asarray(m / np.linalg.norm(m))


def threshold(device: Macrospin, state: int = 1) -> tuple[Mode, Mode]:
    """Rest without current, and at the current at which it becomes unstable: a Hopf bifurcation.

    Raises
    ------
    ParameterError
        If no current up to ten times the one that damping suggests does so.
    """
    rest = linearise(device, 0.0, state)
    if rest.growth >= 0:
        raise ParameterError(f"rest without current is not stable: it grows at {rest.growth:.3g} /s")
    # First-order change of the growth rate with current sets the sign and the scale of the search.
    scale = device.alpha * max(abs(rest.eigenvalue.imag), 1.0) / LARMOR / device.torque_per_ampere
    probe = 0.02 * scale
    slope = (linearise(device, probe, state, rest.rest).growth - linearise(device, -probe, state, rest.rest).growth) / (
        2 * probe
    )
    if abs(slope) * scale < 1e-6 * abs(rest.growth):
        raise ParameterError("the current changes the damping of this state in no first order: no threshold")
    sign, last = math.copysign(1.0, slope), rest
    step = abs(rest.growth / slope) / 8
    for k in range(1, 400):
        current = sign * k * step
        try:
            here = linearise(device, current, state, last.rest)
        except ParameterError as error:
            raise ParameterError(f"no threshold of precession: {error}") from None
        if here.growth > 0:
            before = last

            i_th = brentq(
                lambda i, near=before.rest: linearise(device, i, state, near).growth,
                before.current, here.current, xtol=1e-9 * abs(current), rtol=1e-10,
            )  # fmt: skip
            return rest, linearise(device, float(i_th), state, before.rest)
        last = here
        if k > 80 and abs(here.growth) > 0.9 * abs(rest.growth):
            break
    raise ParameterError(
        f"no threshold: up to {format_si(current, 'A')} the damping rate only goes from {-rest.growth:.3g} to "
        f"{-last.growth:.3g} /s"
    )


def cycle(device: Macrospin, at_threshold: Mode, rest: Mode, zeta: float, start: FloatArray) -> Cycle | None:
    """Limit cycle at a current, by the package's own integrator; None where motion does not become steady."""
    current = zeta * at_threshold.current
    turn = 1 / at_threshold.frequency
    settle = 7.0 / (-rest.growth * (zeta - 1))
    begin: Any = start
    for _ in range(4):
        run = simulate(
            device, Drive(current=current), settle + TURNS * turn, n=1, start=begin, thermal=False, traces=1,
            samples=math.ceil((settle / turn + TURNS) * SAMPLES),
        )  # fmt: skip
        count = TURNS * SAMPLES
        time, course = run.time[-count:], run.traces[0][-count:]
        cosine = course @ np.array(device.reference)
        halves = [_fundamental(t, x, at_threshold.frequency) for t, x in zip(
            np.array_split(time, 2), np.array_split(cosine, 2), strict=True
        )]  # fmt: skip
        (f_1, a_1, *_), (f_2, a_2, *_) = halves
        if abs(a_1 - a_2) < 2e-3 * a_2 and abs(f_1 - f_2) < 2e-3 * f_2 and a_2 > 1e-4:
            frequency, amplitude, mean, distortion = _fundamental(time, cosine, f_2)
            return Cycle(zeta, current, frequency, amplitude, mean, distortion, run.final[0])
        begin = run.final[0]
    return None


def _fundamental(time: FloatArray, cosine: FloatArray, near: float) -> tuple[float, float, float, float]:
    """Frequency [Hz], amplitude, mean and distortion of a periodic course, by harmonics that fit it best."""
    t = time - time[0]
    window = np.hanning(len(t))
    grid = np.fft.rfftfreq(8 * len(t), t[1])
    power = np.abs(np.fft.rfft((cosine - cosine.mean()) * window, 8 * len(t)))
    inside = (grid > 0.4 * near) & (grid < 1.7 * near)
    coarse = float(grid[inside][np.argmax(power[inside])])

    def solve(f: float) -> tuple[float, FloatArray]:
        phase = 2 * math.pi * f * t[:, None] * np.arange(1, 5)
        basis = np.concatenate([np.ones((len(t), 1)), np.cos(phase), np.sin(phase)], axis=1)
        found, *_ = np.linalg.lstsq(basis, cosine, rcond=None)
        return float(np.sum((cosine - basis @ found) ** 2)), found

    width = 0.5 / t[-1]
    best = minimize_scalar(lambda f: solve(f)[0], bounds=(coarse - width, coarse + width), method="bounded",
                           options={"xatol": 1e-6 * coarse})  # fmt: skip
    found = solve(float(best.x))[1]
    sizes = np.hypot(found[1:5], found[5:9])
    return float(best.x), float(sizes[0]), float(found[0]), float(np.hypot.reduce(sizes[1:]) / max(sizes[0], 1e-30))


def project(zeta: Sequence[float], power: Sequence[float], least_q: float = -0.9) -> tuple[float, float]:
    """Scale and Q for which scale (zeta - 1)/(zeta + Q) comes nearest to a power, by relative deviation.

    Parameters
    ----------
    zeta, power : sequence of float
        Supercriticality above 1, and power in any unit.
    least_q : float
        Lower limit of Q: at p = 1 damping is still positive.

    Returns
    -------
    scale, q : float
        Power at p = 1, and nonlinear damping.

    Raises
    ------
    ParameterError
        If the power falls to nothing or jumps at threshold, which the law does not describe.
    """
    z, a = np.asarray(zeta, dtype=float), np.asarray(power, dtype=float)
    if len(z) < 2 or np.any(z <= 1) or np.any(a <= 0):
        raise ParameterError("two powers or more above threshold are needed")

    def best(q: float) -> tuple[float, float]:
        law = np.log((z - 1) / (z + q))
        shift = float(np.mean(np.log(a) - law))
        return float(np.sum((np.log(a) - law - shift) ** 2)), shift

    grid = np.concatenate([np.linspace(least_q, 1, 120), np.geomspace(1.01, MOST_Q, 120)])
    k = int(np.argmin([best(q)[0] for q in grid]))
    low, high = grid[max(k - 1, 0)], grid[min(k + 1, len(grid) - 1)]
    found = minimize_scalar(lambda q: best(q)[0], bounds=(low, high), method="bounded", options={"xatol": 1e-6})
    q = min((float(found.x), float(low), float(high)), key=lambda x: best(x)[0])
    return math.exp(best(q)[1]), q
