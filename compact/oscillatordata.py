"""Tables of frequency, power and linewidth of an oscillator against current."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from compact.errors import DataError
from compact.microwave import watts
from compact.roles import Role, read_roles
from compact.spectrum import check_frequencies

__all__ = ["KINDS", "OscillatorTable", "read_oscillator"]

FloatArray: TypeAlias = NDArray[np.float64]

KINDS = ("frequency", "power", "linewidth")
UNITS = {"frequency": "Hz", "power": "W", "linewidth": "Hz"}
ROLES = {
    "current": Role("A", r"(^|[^a-z])(i|curr|current|bias|i_dc)([^a-z]|$)"),
    "frequency_error": Role("Hz", r"(err|sigma|unc).*(^|[^a-z])(f|freq)|(freq|^f).*(err|sigma|unc)"),
    "linewidth_error": Role("Hz", r"(err|sigma|unc).*(width|fwhm)|(width|fwhm).*(err|sigma|unc)"),
    "power_error": Role("W", r"(err|sigma|unc).*(pow|^p)|(pow|^p).*(err|sigma|unc)"),
    "linewidth": Role("Hz", r"width|fwhm|^d(elta)?_?f([^a-z]|$)", must_state=True),
    "frequency": Role("Hz", r"^(f|freq\.?|frequency)([^a-z]|$)", must_state=True),
    "level": Role("dBm", r"level|power|^p([^a-z]|$)"),
    "power": Role("W", r"power|^p([^a-z]|$)"),
}


@dataclass(frozen=True)
class OscillatorTable:
    """Figures of an oscillator against current.

    Parameters
    ----------
    current : array_like (n,)
        [A], from free to reference layer.
    frequency, linewidth : array_like (n,), optional
        Of the line [Hz]; the full width at half height. Missing ones are nan.
    power : array_like (n,), optional
        Delivered into the load [W].
    frequency_error, linewidth_error, power_error : array_like (n,), optional
        Standard errors; by default from the scatter.
    load : float
        [Ohm].
    source, sha256 : str
        Name and hash of the file.
    notes : tuple of str
        What was assumed.

    Raises
    ------
    DataError
        If columns differ in length, a figure is in the wrong unit, or a power or width is negative.
    """

    current: FloatArray
    frequency: FloatArray | None = None
    linewidth: FloatArray | None = None
    power: FloatArray | None = None
    frequency_error: FloatArray | None = None
    linewidth_error: FloatArray | None = None
    power_error: FloatArray | None = None
    load: float = 50.0
    source: str = "table"
    sha256: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        current = np.array(self.current, dtype=float)
        if current.ndim != 1 or current.size < 3:
            raise DataError(f"{self.source}: {current.size} currents; three or more are needed")
        if not np.isfinite(current).all():
            raise DataError(f"{self.source}: a current is not finite")
        if np.any(np.abs(current) > 1):
            raise DataError(
                f"{self.source}: a current of {np.abs(current).max():g} A is no junction's; in mA? say it with "
                "--columns "
                "'current=1[mA]'"
            )
        if np.any(current * current[np.argmax(np.abs(current))] < 0):
            raise DataError(f"{self.source}: currents of both signs; only one of them excites: give that branch")
        object.__setattr__(self, "current", current)
        if all(getattr(self, kind) is None for kind in KINDS):
            raise DataError(f"{self.source}: neither frequency nor power nor linewidth; one of them is needed")
        for name in (*KINDS, *(f"{k}_error" for k in KINDS)):
            value = getattr(self, name)
            if value is None:
                continue
            array = np.array(value, dtype=float)
            if array.shape != current.shape:
                raise DataError(f"{self.source}: {name} has {array.size} values, current has {current.size}")
            bad = np.flatnonzero(array <= 0)
            if bad.size:
                k = int(bad[0])
                hint = "; if the column is in dBm, say so with --columns 'level=3[dBm]'" if name == "power" else ""
                raise DataError(
                    f"{self.source}: {name} = {array[k]:g} {UNITS[name.removesuffix('_error')]} at point {k + 1} is "
                    "not "
                    f"positive{hint}"
                )
            object.__setattr__(self, name, array)
        if self.frequency is not None:
            check_frequencies(self.frequency[np.isfinite(self.frequency)], self.source)
            if self.linewidth is not None and np.nanmin(self.linewidth / self.frequency) > 1:
                raise DataError(
                    f"{self.source}: linewidths from {np.nanmin(self.linewidth):g} Hz exceed their frequencies; is "
                    "the unit "
                    "right?"
                )
        if self.power is not None and np.nanmax(self.power) > 1e-3:
            raise DataError(
                f"{self.source}: powers up to {np.nanmax(self.power):g} W are no junction's; in uW or dBm? say it with "
                "--columns 'power=3[uW]' or 'level=3[dBm]'"
            )


def read_oscillator(
    path: str | Path, columns: str | Mapping[str, str] | None = None, *, load: float = 50.0
) -> OscillatorTable:
    """Read a table of current and frequency, power (W or dBm) or linewidth.

    Parameters
    ----------
    path : str or pathlib.Path
        Text with a column of currents and others; see `ROLES`.
    columns : str or mapping of str to str, optional
        Column of each role, such as "current=1[mA],frequency=2[GHz],linewidth=3[MHz],level=4[dBm]".
    load : float
        Into which the power was measured [Ohm].

    Raises
    ------
    DataError
        In one line that names what is wrong.
    """
    table = read_roles(path, ROLES, columns)
    found: dict[str, Any] = dict(table.columns)
    if "current" not in found:
        raise DataError(
            f"{table.source}: which column is the current? Name it: --columns 'current=1[mA],frequency=2[GHz]'"
        )
    if "level" in found:
        if "power" in found:
            raise DataError(f"{table.source}: both a power and a level; choose one with --columns")
        level = found.pop("level")
        if np.all(level >= 0) and level.max() < 1e-3:
            raise DataError(
                f"{table.source}: levels of 0 ... {level.max():g} dBm are 1 mW each; the numbers look like watts: "
                "--columns 'power=3[W]'"
            )
        found["power"] = watts(level)
    return OscillatorTable(**found, load=load, source=table.source, sha256=table.sha256, notes=table.notes)
