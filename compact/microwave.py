"""Microwave figures of oscillators and detectors: power, mismatch, sensitivity, noise, locking band."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compact.constants import BOLTZMANN
from compact.errors import DataError, ParameterError, SpinbricksError

__all__ = [
    "LockingBand",
    "Sensitivity",
    "absorbed",
    "dbm",
    "delivered_power",
    "johnson_noise",
    "locking_band",
    "noise_equivalent_power",
    "reflection",
    "sensitivity",
    "watts",
]

FloatArray: TypeAlias = NDArray[np.float64]

MILLIWATT = 1e-3
MOST_DBM = 60.0
"""Powers from here on (1 kW) are taken for another unit."""


def dbm(power: ArrayLike) -> FloatArray:
    """Power [W] as dBm.

    Raises
    ------
    DataError
        If a power is negative or zero: that is no power in watts.
    """
    p = np.asarray(power, dtype=float)
    if not np.all(p > 0):
        raise DataError(
            f"power {float(np.min(p)):g} W is not positive; if the numbers are dBm, they need no conversion"
        )
    return np.asarray(10 * np.log10(p / MILLIWATT))


def watts(level: ArrayLike) -> FloatArray:
    """Level [dBm] as power [W].

    Raises
    ------
    DataError
        If a level is above 60 dBm (1 kW).
    """
    x = np.asarray(level, dtype=float)
    if np.any(x > MOST_DBM):
        raise DataError(f"level {float(np.max(x)):g} dBm is above {MOST_DBM:g} dBm; is the column in another unit?")
    return np.asarray(MILLIWATT * 10 ** (x / 10))


def delivered_power(swing: ArrayLike, resistance: ArrayLike, load: float = 50.0) -> FloatArray:
    """Power that an oscillating source delivers into a load [W].

    Parameters
    ----------
    swing : array_like
        Amplitude (half of peak to peak) of the open-circuit voltage [V].
    resistance : array_like
        Resistance of the source [Ohm].
    load : float
        Resistance of the load [Ohm].
    """
    if not load > 0:
        raise ParameterError(f"load = {load:g} Ohm must be positive")
    r = np.asarray(resistance, dtype=float)
    return np.asarray((np.asarray(swing, dtype=float) * load / (load + r)) ** 2 / (2 * load))


def johnson_noise(resistance: float, temperature: float = 300.0) -> float:
    """Voltage noise of a resistance, sqrt(4 k T R) [V/sqrt(Hz)]."""
    if not (resistance > 0 and temperature > 0):
        raise ParameterError(f"resistance {resistance:g} Ohm and temperature {temperature:g} K must be positive")
    return math.sqrt(4 * BOLTZMANN * temperature * resistance)


def absorbed(power: ArrayLike, gamma: ArrayLike) -> FloatArray:
    """Power that enters a device with a reflection coefficient, P (1 - |S11|^2) [W].

    Raises
    ------
    DataError
        If all or more is reflected.
    """
    size = np.abs(np.asarray(gamma))
    if np.any(size >= 1):
        raise DataError(f"|S11| = {float(size.max()):g} is 1 or more: nothing enters the device")
    return np.asarray(np.asarray(power, dtype=float) * (1 - size**2))


def reflection(path: str | Path, frequency: ArrayLike, port: int = 1) -> NDArray[np.complex128]:
    """Reflection coefficient from a Touchstone file, interpolated.

    Parameters
    ----------
    path : str or pathlib.Path
        File .s1p, .s2p, ...
    frequency : array_like
        Where it is needed [Hz].
    port : int
        Port of the device, from 1.

    Returns
    -------
    ndarray of complex
        S11 (or S22, ...), interpolated in its complex plane.

    Raises
    ------
    DataError
        If the file cannot be read, has no such port, or does not reach the frequencies.
    SpinbricksError
        If scikit-rf is not installed.
    """
    try:
        import skrf
    except ImportError:
        raise SpinbricksError(
            "Touchstone files are read by scikit-rf, which is not installed: pip install 'spinbricks[rf]'"
        ) from None
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: there is no such file")
    try:
        network = skrf.Network(str(path))
    except Exception as error:  # the reader raises whatever the text makes it stumble over
        raise DataError(f"{path.name}: is no Touchstone file: {' '.join(str(error).split())[:120]}") from None
    if not 1 <= port <= network.nports:
        raise DataError(f"{path.name}: there is no port {port}; the file has {network.nports}")
    f = np.asarray(frequency, dtype=float)
    known = network.f
    if len(known) == 0 or f.min() < known[0] * (1 - 1e-9) or f.max() > known[-1] * (1 + 1e-9):
        span = f"{known[0]:g} ... {known[-1]:g}" if len(known) else "nothing"
        raise DataError(f"{path.name}: covers {span} Hz, not the {f.min():g} ... {f.max():g} Hz that are needed")
    s = network.s[:, port - 1, port - 1]
    return np.asarray(np.interp(f, known, s.real) + 1j * np.interp(f, known, s.imag))


@dataclass(frozen=True)
class Sensitivity:
    """What a detector gives per power.

    Parameters
    ----------
    value : float
        Rectified voltage over incident power [V/W]; 1 V/W is 1 mV/mW.
    stderr : float
        Standard error [V/W]; nan where not known.
    matched : float
        The same over the power that enters the device [V/W].
    """

    value: float
    stderr: float
    matched: float


def sensitivity(voltage: float, power: float, stderr: float = math.nan, gamma: complex | float = 0.0) -> Sensitivity:
    """Sensitivity of a detector, as measured and corrected for what it reflects.

    Parameters
    ----------
    voltage, stderr : float
        Rectified voltage and its standard error [V].
    power : float
        Incident power [W].
    gamma : complex
        Reflection coefficient of the device.

    Raises
    ------
    DataError
        If the power is not positive, as of a level in dBm taken for watts.
    """
    if not power > 0:
        raise DataError(f"incident power {power:g} W is not positive; a level in dBm must be given as such")
    entering = float(absorbed(power, gamma))
    return Sensitivity(voltage / power, stderr / power, voltage / entering)


def noise_equivalent_power(noise: float, value: float) -> float:
    """Noise-equivalent power [W/sqrt(Hz)]: voltage noise [V/sqrt(Hz)] over sensitivity [V/W]."""
    if value == 0 or not noise > 0:
        raise ParameterError(f"noise {noise:g} V/sqrt(Hz) must be positive and sensitivity {value:g} V/W not zero")
    return noise / abs(value)


@dataclass(frozen=True)
class LockingBand:
    """Band in which an oscillator follows an injected signal.

    Parameters
    ----------
    low, high : float
        Edges [Hz], midway between the last locked and the first free point; nan where the sweep ends locked.
    stderr : float
        Half a step of the sweep over sqrt(3): standard error of each edge [Hz].
    points : int
        Number of locked points.
    """

    low: float
    high: float
    stderr: float
    points: int

    @property
    def width(self) -> float:
        """Whole band [Hz]."""
        return self.high - self.low


def locking_band(injected: ArrayLike, measured: ArrayLike, tolerance: float, source: str = "sweep") -> LockingBand:
    """Band of injected frequencies that the oscillator follows.

    Parameters
    ----------
    injected, measured : array_like (n,)
        Injected frequency, rising, and frequency of the oscillator [Hz].
    tolerance : float
        Largest difference that counts as locked [Hz]: the resolution of the measurement.
    source : str
        Name for messages.

    Raises
    ------
    DataError
        If frequencies are not sorted, or nowhere locked.
    """
    x, y = np.asarray(injected, dtype=float), np.asarray(measured, dtype=float)
    if x.shape != y.shape or x.ndim != 1 or x.size < 3:
        raise DataError(
            f"{source}: {x.size} injected and {y.size} measured frequencies; three pairs or more are needed"
        )
    back = np.flatnonzero(np.diff(x) <= 0)
    if back.size:
        raise DataError(f"{source}: injected frequencies are not sorted: {x[back[0] + 1]:g} after {x[back[0]]:g} Hz")
    locked = np.abs(y - x) <= tolerance
    if not locked.any():
        raise DataError(
            f"{source}: nowhere locked: the nearest approach is {np.abs(y - x).min():g} Hz, {tolerance:g} Hz are asked"
        )
    # The longest run of locked points: single coincidences far from the band are none.
    edges = np.flatnonzero(np.diff(np.concatenate(([0], locked.astype(int), [0]))))
    starts, ends = edges[::2], edges[1::2]
    k = int(np.argmax(ends - starts))
    a, b = int(starts[k]), int(ends[k])
    low = math.nan if a == 0 else float(x[a - 1] + x[a]) / 2
    high = math.nan if b == x.size else float(x[b - 1] + x[b]) / 2
    return LockingBand(low, high, float(np.median(np.diff(x))) / math.sqrt(12), b - a)
