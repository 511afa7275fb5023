"""SI units as instruments and people write them: `Current(mA)`, `R [kΩ]`, `Pulse width s`, `20 ms`."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from compact.errors import ParameterError

__all__ = ["PREFIXES", "Unit", "format_si", "parse_quantity", "parse_unit", "si_scale", "split_label"]

PREFIXES = {
    "f": 1e-15,
    "p": 1e-12,
    "n": 1e-9,
    "u": 1e-6,
    "µ": 1e-6,
    "μ": 1e-6,
    "m": 1e-3,
    "": 1.0,
    "k": 1e3,
    "K": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
}
"""Factor of each SI prefix; `K` is read as kilo, both micro signs are known."""

_LONG_PREFIXES = {"pico": "p", "nano": "n", "micro": "u", "milli": "m", "kilo": "k", "mega": "M", "giga": "G"}
_BASES = {
    "A": ("a", "amp", "amps", "ampere", "amperes"),
    "V": ("v", "volt", "volts"),
    "Ohm": ("ohm", "ohms", "Ω", "Ω", "ω"),
    "s": ("s", "sec", "secs", "second", "seconds"),
    "Oe": ("oe", "oersted"),
    "T": ("t", "tesla"),
    "G": ("g", "gauss"),
    "K": ("k", "kelvin"),
    "degC": ("degc", "°c", "celsius"),
    "m": ("meter", "metre"),
    "Hz": ("hz", "hertz"),
    "W": ("w", "watt", "watts"),
    "S": ("siemens",),
    "A/m": ("a/m",),
    "m/s": ("m/s",),
    "A/m^2": ("a/m^2", "a/m²", "a/m2"),
    "A/cm^2": ("a/cm^2", "a/cm²", "a/cm2"),
    "W/Hz": ("w/hz",),
    "V^2/Hz": ("v^2/hz", "v²/hz", "v2/hz"),
    "dBm": ("dbm",),
    "dBm/Hz": ("dbm/hz",),
}
_WORDS = {word: base for base, words in _BASES.items() for word in words}
_NO_UNIT = {"", "1", "-", "a.u.", "a.u", "arb", "arb."}


@dataclass(frozen=True)
class Unit:
    """A unit as read from text.

    Parameters
    ----------
    base : str
        SI base unit it scales to: "A", "V", "Ohm", "s", ...
    scale : float
        Factor from the written unit to the base unit.
    """

    base: str
    scale: float


def parse_unit(text: str) -> Unit | None:
    """Read a unit with any SI prefix.

    Parameters
    ----------
    text : str
        Unit alone, for example "mA", "µA", "kOhm", "MΩ", "milliamps".

    Returns
    -------
    Unit or None
        None if the text is no unit. Prefixes tell cases apart ("mOhm" and "MOhm"); a lone "K" is kelvin and a
        lone "T" is tesla.
    """
    text = text.strip().rstrip(".")
    if text in ("S", "mS", "uS", "µS", "μS", "nS"):
        return Unit("S", PREFIXES[text[:-1]])
    if text == "k":
        return None
    base = _WORDS.get(text.lower())
    if base:
        return Unit(base, 1.0)
    for long, short in _LONG_PREFIXES.items():
        if text.lower().startswith(long):
            rest = _WORDS.get(text[len(long) :].strip().lower())
            return Unit(rest, PREFIXES[short]) if rest else None
    base = _WORDS.get(text[1:].lower())
    if not base or text[0] not in PREFIXES or base.startswith("dBm"):
        return None
    return Unit(base, PREFIXES[text[0]] ** (2 if base.startswith("V^2") else 1))  # nV^2 is (nV)^2


_BRACKETED = re.compile(r"^(.*?)\s*[(\[{]\s*([^()\[\]{}]*)\s*[)\]}]\s*$", re.DOTALL)
_TRAILING = re.compile(r"^(.*?)(?:\s+in\s+|\s*[/,:_]\s*|\s+)([^\s/,:_]+)$", re.DOTALL)


def split_label(text: str) -> tuple[str, Unit | None]:
    """Split a column header into its name and unit.

    Parameters
    ----------
    text : str
        For example "Current(mA)", "R / kΩ", "I_mA", "Pulse width s", "Voltage, V".

    Returns
    -------
    name : str
        The header without its unit, or all of it when no unit is found.
    unit : Unit or None
        The unit, None when there is none.
    """
    text = " ".join(text.split())
    match = _BRACKETED.match(text)
    if match:
        unit = parse_unit(match.group(2))
        if unit or match.group(2).strip().lower() in _NO_UNIT:
            return match.group(1).strip(), unit
        return text, None
    match = _TRAILING.match(text)
    if match and match.group(1).strip():
        unit = parse_unit(match.group(2))
        if unit:
            return match.group(1).strip(), unit
    return text, None


_DISPLAY = (
    (1e12, "T"),
    (1e9, "G"),
    (1e6, "M"),
    (1e3, "k"),
    (1.0, ""),
    (1e-3, "m"),
    (1e-6, "µ"),
    (1e-9, "n"),
    (1e-12, "p"),
    (1e-15, "f"),
    (1e-18, "a"),
)
_PLAIN = 999.99
"""In the largest prefix; from there on figures are powers of ten of the unit itself, as they are below the smallest."""
_AREAS = ((1e-2, 1.0, ""), (1e-8, 1e-6, "m"), (1e-14, 1e-12, "µ"), (1e-20, 1e-18, "n"))
"""From which value on, which scale and which prefix; an area of 0.1 um^2 is not called 1e5 nm^2."""


def si_scale(value: float, unit: str) -> tuple[float, str]:
    """SI prefix that suits a value.

    Parameters
    ----------
    value : float
        In `unit`.
    unit : str
        Unit without prefix; pure numbers and powers other than areas are left as they are.

    Returns
    -------
    scale : float
        What to divide by.
    unit : str
        Unit with its prefix.
    """
    if unit in ("", "1", "points", "sigma") or "/" in unit or ("^" in unit and unit != "m^2"):
        return 1.0, "" if unit == "1" else unit
    if unit == "m^2":
        return next(((scale, prefix + unit) for low, scale, prefix in _AREAS if abs(value) >= low), (1.0, unit))
    if abs(value) >= _PLAIN * _DISPLAY[0][0]:
        return 1.0, unit
    for scale, prefix in _DISPLAY:
        if abs(value) >= 0.99999 * scale:
            return scale, prefix + unit
    return 1.0, unit


def format_si(value: float, unit: str, stderr: float | None = None) -> str:
    """A value with unit and standard error, rounded to what the error allows: "5.937 ± 0.079 mA"."""
    scale, label = si_scale(value, unit)
    label = f" {label}" if label else ""
    if stderr is None or not math.isfinite(stderr) or stderr <= 0:
        return f"{value / scale:.5g}{label}"
    places = max(0, 1 - math.floor(math.log10(stderr / scale)))
    if abs(value) >= 1e6 * scale:
        digits = max(1, math.floor(math.log10(abs(value))) - math.floor(math.log10(stderr)) + 2)
        return f"{value / scale:.{digits}g} ± {stderr / scale:.2g}{label}"
    if places > 9:
        return f"{value / scale:.6g} ± {stderr / scale:.1e}{label}"
    return f"{value / scale:.{places}f} ± {stderr / scale:.{places}f}{label}"


_QUANTITY = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*([^\s\d]*)")


def parse_quantity(text: str, unit: str = "") -> float:
    """Read a number with an SI suffix, as written on a command line: "50u", "9.22n", "1.2 V", "2kOhm", "3e-9".

    Parameters
    ----------
    text : str
        Number, optionally with a prefix, optionally with a unit after it. Prefixes tell cases apart ("m" is milli,
        "M" is mega), "meg" is mega too; a prefix alone goes before a unit of the same letter ("5m" is 5e-3).
    unit : str
        SI unit that is expected; any known one if empty.

    Returns
    -------
    float
        Value in SI units.

    Raises
    ------
    ParameterError
        If the text is no number, not finite, or has another unit.
    """
    match = _QUANTITY.fullmatch(text.strip())
    if not match:
        raise ParameterError(f"'{text}' is not a number; write for example 1.2, 50u or 9.22n")
    number, suffix = float(match[1]), match[2]
    if not math.isfinite(number):
        raise ParameterError(f"'{text}' is not a finite number")
    if suffix.lower() == "meg":
        return number * 1e6
    if (suffix in PREFIXES and suffix != unit) or suffix == "m":
        return number * PREFIXES[suffix]
    written = parse_unit(suffix)
    if written is None and suffix[:1] in PREFIXES and suffix[1:] == unit:
        written = Unit(unit, PREFIXES[suffix[:1]])  # a unit that only the caller knows, such as farad
    if suffix == unit:
        written = Unit(unit, 1.0)
    if written is None:
        raise ParameterError(f"'{text}': '{suffix}' is neither an SI prefix nor a unit")
    if unit and written.base != unit:
        raise ParameterError(f"'{text}' is in {written.base}; {unit if unit != '1' else 'a pure number'} is expected")
    return number * written.scale
