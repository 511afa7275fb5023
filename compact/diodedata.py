"""Spectra of rectified voltage, read from tables; each as a Lorentzian and an anti-Lorentzian by itself."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from compact.constants import MU_0
from compact.errors import DataError
from compact.microwave import reflection, watts
from compact.roles import Role, read_roles
from compact.spectrum import check_frequencies, check_sorted
from compact.units import format_si

__all__ = ["DiodeSpectrum", "Resonance", "find_resonance", "read_diode"]

FloatArray: TypeAlias = NDArray[np.float64]

OERSTED = 1e3 / (4 * math.pi)
ROLES = {
    "frequency": Role("Hz", r"^(f|freq\.?|frequency)([^a-z]|$)", must_state=True),
    "field": Role(
        "A/m", r"^(h|b|field|mu_?0 ?h)([^a-z]|$)|field", {"T": 1 / MU_0, "Oe": OERSTED, "G": OERSTED}, must_state=True
    ),
    "voltage_error": Role("V", r"(err|sigma|unc).*v|v.*(err|sigma|unc)"),
    "voltage": Role("V", r"(^|[^a-z])(v|u|v_?dc|v_?mix|volts?|voltage)([^a-z]|$)", must_state=True),
    "current": Role("A", r"(^|[^a-z])(i|i_?dc|curr|current|bias)([^a-z]|$)"),
    "level": Role("dBm", r"level|power|^p([^a-z]|$)"),
    "power": Role("W", r"power|^p([^a-z]|$)"),
}
MIN_POINTS = 10
MOST_VOLTS = 1.0
MOST_WATTS = 1.0
SIGNIFICANT = 40.0
"""Fall of chi squared against a straight line from which on there is a resonance: above what the best of many places
and
widths takes out of pure noise."""
WIDTHS = 14
PLACES = 40


@dataclass(frozen=True)
class DiodeSpectrum:
    """Rectified voltage against frequency or field, at one bias and one power.

    Parameters
    ----------
    x : array_like (n,)
        Frequency [Hz] or field [A/m], rising (or falling, and turned round).
    voltage : array_like (n,)
        [V].
    axis : {"frequency", "field"}
        What x is.
    fixed : float, optional
        Frequency of a spectrum against field [Hz].
    current : float
        Bias [A].
    power : float, optional
        Incident power [W]; it or `i_rf` is needed.
    i_rf : float, optional
        Peak of the alternating current through the junction [A].
    reflection : ndarray of complex, optional
        Reflection coefficient at each x.
    impedance : float or None
        Of the source [Ohm], where the reflection is not given; None for a matched one.
    sigma : array_like (n,), optional
        Standard errors [V].
    source, sha256 : str
        Name and hash of the file.
    notes : tuple of str
        What was assumed.

    Raises
    ------
    DataError
        If values are unsorted, too few, or in the wrong unit.
    """

    x: FloatArray
    voltage: FloatArray
    axis: str = "frequency"
    fixed: float | None = None
    current: float = 0.0
    power: float | None = None
    i_rf: float | None = None
    reflection: NDArray[np.complex128] | None = None
    impedance: float | None = 50.0
    sigma: FloatArray | None = None
    source: str = "spectrum"
    sha256: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        x, v = np.array(self.x, dtype=float), np.array(self.voltage, dtype=float)
        if x.ndim != 1 or x.shape != v.shape or x.size < MIN_POINTS:
            raise DataError(
                f"{self.source}: {x.size} points and {v.size} voltages; a spectrum needs {MIN_POINTS} points"
            )
        if not (np.isfinite(x).all() and np.isfinite(v).all()):
            raise DataError(f"{self.source}: a value is not finite")
        order = slice(None)
        if np.all(np.diff(x) < 0):  # a sweep downwards
            order = slice(None, None, -1)
        x, v = x[order], v[order]
        check_sorted(x, "frequencies" if self.axis == "frequency" else "fields", self.unit, self.source)
        if self.axis == "frequency":
            check_frequencies(x, self.source)
        else:
            if self.fixed is None:
                raise DataError(f"{self.source}: a spectrum against field needs its frequency (--frequency)")
            check_frequencies(np.array([self.fixed]), self.source)
            if np.abs(x).max() > 2e7:
                raise DataError(
                    f"{self.source}: fields up to {np.abs(x).max() * MU_0:.3g} T; is the unit right? (--columns "
                    "'field=1[Oe]')"
                )
            if x[0] * x[-1] < 0:
                raise DataError(f"{self.source}: the field changes its sign: give one side at a time")
            if x[-1] <= 0:
                x, v, order = -x[::-1], v[::-1], slice(None, None, -1)
        if np.abs(v).max() > MOST_VOLTS:
            raise DataError(
                f"{self.source}: rectified voltages up to {np.abs(v).max():g} V are no junction's; in uV? say it with "
                "--columns 'voltage=2[uV]'"
            )
        if (self.power is None) == (self.i_rf is None):
            raise DataError(f"{self.source}: either the incident power or the alternating current is needed")
        if self.power is not None and not 0 < self.power <= MOST_WATTS:
            hint = "; a level in dBm is given as such: -20dBm" if self.power <= 0 or self.power > MOST_WATTS else ""
            raise DataError(f"{self.source}: incident power {self.power:g} W is outside 0 ... {MOST_WATTS:g} W{hint}")
        if self.i_rf is not None and not self.i_rf > 0:
            raise DataError(f"{self.source}: alternating current {self.i_rf:g} A must be positive")
        object.__setattr__(self, "x", x)
        object.__setattr__(self, "voltage", v)
        for name in ("sigma", "reflection"):
            given = getattr(self, name)
            if given is not None:
                object.__setattr__(self, name, np.broadcast_to(np.asarray(given), x.shape)[order])
        if self.sigma is not None and not np.all(self.sigma > 0):
            raise DataError(f"{self.source}: a standard error is not positive")

    @property
    def unit(self) -> str:
        """Of x."""
        return "Hz" if self.axis == "frequency" else "A/m"

    @property
    def label(self) -> str:
        """What tells it from the others."""
        parts = [format_si(self.current, "A")] if self.current else ["no bias"]
        if self.fixed is not None:
            parts.append(format_si(self.fixed, "Hz"))
        return ", ".join(parts)


def read_diode(
    path: str | Path,
    columns: str | Mapping[str, str] | None = None,
    *,
    current: float | None = None,
    power: float | None = None,
    i_rf: float | None = None,
    frequency: float | None = None,
    touchstone: str | Path | None = None,
    impedance: float | None = 50.0,
) -> list[DiodeSpectrum]:
    """Read one spectrum or several of rectified voltage from a table.

    Parameters
    ----------
    path : str or pathlib.Path
        Text with `frequency` or `field`, `voltage` and, if need be, `current`, `power` or `level` (dBm). Rows of equal
        bias and power make a spectrum; of frequency and field, the one that changes from row to row is swept.
    columns : str or mapping of str to str, optional
        Column of each role, such as "frequency=1[GHz],voltage=2[uV]".
    current, power, i_rf, frequency : float, optional
        Bias [A], incident power [W], alternating current [A] and frequency [Hz], where the file does not say them.
    touchstone : str or pathlib.Path, optional
        Reflection of the device.
    impedance : float or None
        Of the source [Ohm], without Touchstone file; None for a matched one.

    Raises
    ------
    DataError
        In one line that names what is wrong.
    """
    table = read_roles(path, ROLES, columns)
    found = dict(table.columns)
    if "voltage" not in found or not {"frequency", "field"} & set(found):
        raise DataError(
            f"{table.source}: needs a frequency or a field, and a voltage; name them, e.g. --columns "
            "'frequency=1[GHz],voltage=2[uV]'"
        )
    if "level" in found:
        found["power"] = watts(found.pop("level"))
    elif "power" in found and np.any(found["power"] <= 0):
        raise DataError(
            f"{table.source}: power {found['power'].min():g} W is not positive; if the column is in dBm, say so with "
            "--columns "
            "'level=3[dBm]'"
        )
    axis = "frequency" if "frequency" in found else "field"
    if {"frequency", "field"} <= set(found):
        axis = max(("frequency", "field"), key=lambda k: int(np.count_nonzero(np.diff(found[k]))))
    x = found.pop(axis)
    keys = [k for k in ("current", "power", "frequency", "field") if k in found]
    rows = np.stack([found[k] for k in keys], axis=1) if keys else np.zeros((x.size, 1))
    _, group = np.unique(rows, axis=0, return_inverse=True)
    spectra = []
    for number in dict.fromkeys(group.ravel().tolist()):
        mine = group.ravel() == number
        own: dict[str, Any] = {k: float(found[k][mine][0]) for k in keys}
        fixed = own.get("frequency", frequency) if axis == "field" else None
        at = x[mine]
        gamma = None
        if touchstone is not None:
            places = at if axis == "frequency" else np.full(at.shape, fixed if fixed is not None else math.nan)
            gamma = reflection(touchstone, places)
        spectra.append(
            DiodeSpectrum(
                at, found["voltage"][mine], axis, fixed, own.get("current", 0.0 if current is None else current),
                own.get("power", power), i_rf if "power" not in own and power is None else None, gamma, impedance,
                found["voltage_error"][mine] if "voltage_error" in found else None,
                table.source, table.sha256, table.notes,
            )
        )  # fmt: skip
    return spectra


@dataclass(frozen=True)
class Resonance:
    """A spectrum by itself: even S(x) + odd x S(x) on a straight line, S = 1/(1 + x^2), x = 2 (f - centre)/width.

    Parameters
    ----------
    centre, width : float
        Resonance and full width at half height, in the unit of the abscissa.
    even, odd : float
        Heights of Lorentzian and anti-Lorentzian [V].
    peak : float
        Largest departure from the background [V], with its sign.
    noise : float
        Scatter of the points [V].
    gain : float
        Fall of chi squared against the background alone.
    stderr : dict of str to float
        Standard errors by name.
    """

    centre: float
    width: float
    even: float
    odd: float
    peak: float
    noise: float
    gain: float
    stderr: dict[str, float]

    @property
    def significant(self) -> bool:
        """Whether there is a resonance."""
        return self.gain > SIGNIFICANT


def _line(x: FloatArray, centre: float, width: float) -> FloatArray:
    """Lorentzian, anti-Lorentzian, constant and slope, shape (n, 4)."""
    u = 2 * (x - centre) / width
    s = 1 / (1 + u * u)
    return np.stack([s, u * s, np.ones(x.size), (x - x.mean()) / np.ptp(x)], axis=1)


def find_resonance(spectrum: DiodeSpectrum) -> Resonance:
    """Fit one spectrum by itself.

    Returns
    -------
    Resonance
        To be asked whether it is `significant`.
    """
    x, v = spectrum.x, spectrum.voltage
    weight = np.ones(x.size) if spectrum.sigma is None else 1 / spectrum.sigma
    span, step = float(np.ptp(x)), float(np.median(np.diff(x)))

    def solve(centre: float, width: float) -> tuple[FloatArray, FloatArray]:
        basis = _line(x, centre, width) * weight[:, None]
        found, *_ = np.linalg.lstsq(basis, v * weight, rcond=None)
        return np.asarray(found), np.asarray(v * weight - basis @ found)

    grid = [
        (float(np.sum(solve(c, w)[1] ** 2)), c, w)
        for w in np.geomspace(2 * step, 0.7 * span, WIDTHS)
        for c in np.linspace(x[0], x[-1], max(PLACES, int(min(2 * span / w, 200))))[1:-1]
    ]
    _, centre, width = min(grid)

    def residual(p: FloatArray) -> FloatArray:
        return solve(centre + p[0] * width, width * math.exp(p[1]))[1]

    best = least_squares(residual, [0.0, 0.0], bounds=([-2, -2], [2, 2]), x_scale=0.1)
    centre, width = centre + best.x[0] * width, width * math.exp(best.x[1])
    found, left = solve(centre, width)
    plain = _line(x, centre, width)[:, 2:] * weight[:, None]
    flat = v * weight - plain @ np.linalg.lstsq(plain, v * weight, rcond=None)[0]
    free = max(x.size - 6, 1)
    scatter = float(np.sum(left**2)) / free
    gain = (float(np.sum(flat**2)) - float(np.sum(left**2))) / max(scatter, 1e-300)
    inside = x[0] < centre < x[-1]
    basis = _line(x, centre, width)

    def value(p: FloatArray) -> FloatArray:
        return _line(x, p[0], p[1])[:, :2] @ p[2:4] + basis[:, 2:] @ p[4:6]

    point = np.array([centre, width, *found])
    scales = np.array([width, width, *(np.abs(found) + np.ptp(v))]) * 1e-5
    # In units of 1e5 steps, so that hertz and volts stand beside each other.
    rows = np.array([(value(point + np.eye(6)[k] * scales[k]) - value(point)) * 1e5 * weight for k in range(6)])
    covariance = np.linalg.pinv(rows @ rows.T, rcond=1e-13) * np.outer(scales, scales) * 1e10
    if spectrum.sigma is None or scatter > 1:
        covariance = covariance * scatter
    error = np.sqrt(np.maximum(np.diag(covariance), 0))
    even, odd = float(found[0]), float(found[1])
    size = math.hypot(even, odd)
    # Extremes of (even + odd u)/(1 + u^2).
    peak = (even + math.copysign(size, even)) / 2
    turn = np.array([(even / size + math.copysign(1.0, even)) / 2, odd / size / 2]) if size else np.zeros(2)
    stderr = dict(zip(("centre", "width", "even", "odd"), error[:4].tolist(), strict=True))
    stderr["peak"] = math.sqrt(max(float(turn @ covariance[2:4, 2:4] @ turn), 0.0))
    noise = math.sqrt(scatter) / float(np.sqrt(np.mean(weight**2)))
    return Resonance(centre, width, even, odd, peak, noise, gain if inside else 0.0, stderr)


def same_device(spectra: Sequence[DiodeSpectrum], **changes: Any) -> list[DiodeSpectrum]:
    """Spectra with some fields replaced, such as the impedance of the source."""
    return [dataclasses.replace(s, **changes) for s in spectra]
