"""Cards of domain-wall junctions from measurements: wall velocity against drive, and pinched loops of V and I."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lmfit
import numpy as np
from numpy.typing import ArrayLike, NDArray

from compact.constants import ZERO_CELSIUS
from compact.errors import DataError, ParameterError, unknown
from compact.fitresult import VAGUE, CardFit, correlated, fitted, left_open, origin, remarks
from compact.parameters import ParameterSet
from compact.physics.domain_wall import UniformWall, drift_velocity, torque_field
from compact.units import format_si
from compact.walltable import UNITS, WallTable, read_wall

__all__ = ["MODELS", "WallFit", "WallTable", "fit_loop", "fit_velocity", "loop_current", "read_wall", "wall_velocity"]

FloatArray = NDArray[np.float64]

MODELS = ("domain_wall", "domain_wall_track")
SLOPE = {"field": "alpha", "domain_wall": "fl_ratio", "domain_wall_track": "beta"}
"""What the velocity at a small drive tells."""
LOOP = ("r_p", "tmr", "v_h", "fl_ratio", "state")
GIVE_UP = ("v_h", "tmr", "r_p", "state", "h_wave", "p_wire", "h_k")
"""What is held, in this order, where the data leave a line of values open."""
NO_BREAKDOWN = 1e8
"""Hard-axis field of a wall that does not break down [A/m]."""
SEEN = 9.0
"""Fall of chi squared, in units of the variance, from which on breakdown counts as seen: three standard errors."""
FINER = 4
"""Steps of the wall between two points of a loop."""
STOPPED = 0.02
"""Velocity over the largest one below which a driven wall counts as pinned."""
STRUCTURE, VISIBLE = 2.0, 5e-3
"""Ratio of residuals to their point-to-point noise, and their size over the range, from which a fit is called poor."""


# ------------------------------------------------------------------------------------------------ laws


def _at(card: ParameterSet, temperature: float) -> dict[str, float]:
    return {**card.values, "temperature": temperature + ZERO_CELSIUS}


def wall_velocity(card: ParameterSet, quantity: str, level: ArrayLike, temperature: float = 27.0) -> FloatArray:
    """Mean velocity [m/s] of the wall of a card in a uniform drive.

    Parameters
    ----------
    card : ParameterSet
        Card of `domain_wall`, driven by the current through the junction, or `domain_wall_track`, along the wire.
    quantity : {"density", "field", "current"}
        What drives: density [A/m^2], field [A/m] or current [A].
    level : array_like
        Its values.
    temperature : float
        Temperature [degC].

    Raises
    ------
    ParameterError
        If the polariser is not along the domains, where no closed form holds.
    """
    v, x = card.values, np.asarray(level, dtype=float)
    wall = UniformWall.from_card(card, temperature)
    depinning = v["h_wave"]
    if quantity == "field":
        return wall.velocity(v["h_axis"] + x, depinning=depinning)
    ms = float(card.definition.evaluate("ms_t", _at(card, temperature)))
    if card.model == "domain_wall_track":
        density = x / (v["width"] * v["thickness"]) if quantity == "current" else x
        return wall.velocity(v["h_axis"], drift_velocity(density, v["p_wire"], ms), depinning=depinning)
    if abs(math.sin(v["theta_p"])) > 1e-9:
        raise ParameterError(
            f"theta_p = {v['theta_p']:g} rad: velocities are fitted for polarisers along the domains, 0"
        )
    density = x / (v["width"] * v["length"]) if quantity == "current" else x
    torque = torque_field(density, v["polarisation"], ms, v["thickness"]) * math.cos(v["theta_p"])
    return wall.velocity(v["h_axis"] + v["fl_ratio"] * torque, 0.0, torque, depinning)


def loop_current(card: ParameterSet, time: ArrayLike, volts: ArrayLike, temperature: float = 27.0) -> FloatArray:
    """Current [A] through a junction whose wall follows the bias without inertia.

    Parameters
    ----------
    card : ParameterSet
        Card of `domain_wall` with the polariser along the domains; `state` is the place of the wall at first.
    time, volts : array_like (n,)
        Times [s] and bias [V].
    temperature : float
        Temperature [degC].
    """
    t, bias = np.asarray(time, dtype=float), np.asarray(volts, dtype=float)
    # The wall moves on between the data, of which there may be few.
    fine = np.interp(np.arange((t.size - 1) * FINER + 1) / FINER, np.arange(t.size), t)
    point = _at(card, temperature) | {"v_fl_rl": np.interp(fine, t, bias)}
    names = ["field_like", "torque", "h_k_t", "p_z"]
    field_like, torque, h_k, p_z = card.definition.evaluate(names, point | {"z": 0.0})
    wall, v = UniformWall.from_card(card, temperature), card.values
    push = v["h_axis"] + field_like * h_k * p_z
    speed = wall.velocity(push, 0.0, torque * h_k * p_z, v["h_wave"])
    steps = np.diff(fine) * (speed[1:] + speed[:-1]) / v["length"]
    # Where the field of an end, h_end r^2 at r - 1 wall widths beyond it, balances the push.
    span = 2 * v["wall_width"] / v["length"]
    right, left = (1 - span * (1 - np.sqrt(np.maximum(sign * push, 0) / v["h_end"])) for sign in (1, -1))
    places = [v["state"]]
    for step, most, least in zip(steps.tolist(), right[1:].tolist(), (-left[1:]).tolist(), strict=True):
        places.append(min(max(places[-1] + step, least), most))
    at_data = _at(card, temperature) | {"v_fl_rl": bias, "z": np.array(places[::FINER])}
    return np.asarray(card.definition.evaluate("i", at_data))


# ------------------------------------------------------------------------------------------------ fit


@dataclass(frozen=True)
class WallFit(CardFit):
    """Fit of a card to velocities or to a loop.

    Parameters
    ----------
    card : ParameterSet
        The device.
    table : WallTable
        The data.
    curve : ndarray (n,)
        Fitted response.
    """

    card: ParameterSet
    table: WallTable
    curve: FloatArray

    @property
    def rms(self) -> float:
        """Root mean square of the residuals over the range of the response [1]."""
        return float(np.sqrt(np.mean((self.curve - self.table.response) ** 2)) / np.ptp(self.table.response))

    def _told(self) -> list[str]:
        card = self.card
        lines = [f"{self.table.source}: {self.table.drive.size} points, rms {100 * self.rms:.2g} % of the range"]
        lines += [*fitted(card), *correlated(card, 0.5)]
        for name, quantity in card.derived.items():
            lines.append(f"  {name:10s} {format_si(quantity.value, quantity.unit, quantity.stderr)} (derived)")
        return [*lines, *left_open(card), *remarks(card.notes)]

    def plot(self, path: str | Path) -> Path:
        """Draw data, fit and residuals to a PNG, SVG or PDF file; the file."""
        from compact.wallplot import plot_wall  # matplotlib is slow to import

        return plot_wall(self, path)


Residual = Callable[[ParameterSet], FloatArray]


def _minimised(residual: Residual, card: ParameterSet, names: Sequence[str]) -> tuple[ParameterSet, Any]:
    """Least squares in parameters over their starts; the card at the minimum and lmfit's result."""
    scales = {n: abs(card.values[n]) or card.definition.parameter(n).high * 0.1 for n in names}
    parameters = lmfit.Parameters()
    for n in names:
        p = card.definition.parameter(n)
        parameters.add(n, card.values[n] / scales[n], min=p.low / scales[n], max=p.high / scales[n])

    def moved(given: lmfit.Parameters) -> ParameterSet:
        return card.replace(None, **{n: float(given[n].value) * scales[n] for n in names})

    result = lmfit.minimize(lambda p: residual(moved(p)), parameters, method="leastsq", max_nfev=2000)
    for n in names:
        result.params[n].stderr = result.params[n].stderr * scales[n] if result.params[n].stderr else None
    return moved(result.params), result


def _best(
    residual: Residual, starts: Iterable[ParameterSet], names: Sequence[str], tries: int
) -> tuple[ParameterSet, Any]:
    """Minimise from the best of many starts."""
    ranked = sorted(starts, key=lambda c: float(np.sum(residual(c) ** 2)))
    results = [_minimised(residual, start, names) for start in ranked[:tries]]
    return min(results, key=lambda r: float(r[1].chisqr))


def _settled(
    residual: Residual, card: ParameterSet, result: Any, names: list[str], base: ParameterSet
) -> tuple[ParameterSet, Any, list[str], list[str]]:
    """Hold what the data leave open, one parameter after the other, until the rest is determined."""
    given_up: list[str] = []

    def vague(n: str) -> bool:
        error = result.params[n].stderr
        return error is None or not error < VAGUE * max(abs(card.values[n]), 1e-300) if n != "state" else error is None

    while any(vague(n) for n in names):
        drop = next((n for n in GIVE_UP if n in names and len(names) > 1), None)
        if drop is None:
            raise DataError(f"the data do not determine {' and '.join(names)}")
        names = [n for n in names if n != drop]
        given_up.append(drop)
        card, result = _minimised(residual, card.replace(None, **{drop: base.values[drop]}), names)
    return card, result, names, given_up


def _base(card: ParameterSet | None, models: Sequence[str]) -> ParameterSet:
    base = card or ParameterSet(models[0], "assumed")
    if base.model not in models:
        raise ParameterError(unknown("model of this fit", base.model, models))
    return base


def fit_velocity(
    table: WallTable,
    *,
    card: ParameterSet | None = None,
    name: str | None = None,
    temperature: float = 27.0,
    citation: str = "",
) -> WallFit:
    """Fit wall velocities against drive.

    The slope at a small drive gives `alpha` (field), `fl_ratio` (current through the junction) or `beta` (current along
    the wire); where the data show breakdown, its place gives `h_k`, and the slope above it `p_wire`; where a driven
    wall stands still, `h_wave`. What is not fitted is that of the card.

    Parameters
    ----------
    table : WallTable
        Velocities.
    card : ParameterSet, optional
        What is known of the device, by default the defaults of `domain_wall_track`.
    name : str, optional
        Name of the card.
    temperature : float
        Temperature [degC].
    citation : str
        Publication of the data.

    Raises
    ------
    DataError
        If the table holds no velocities, or they do not determine anything.
    ParameterError
        If the card is of another model, or its polariser not along the domains.
    """
    if table.kind != "velocity":
        raise DataError(f"{table.source}: holds a loop of voltage and current, not velocities")
    base = _base(card, MODELS[::-1])
    slope = SLOPE["field" if table.quantity == "field" else base.model]
    x, y = table.drive, table.response
    scale = float(np.ptp(y))

    def residual(c: ParameterSet) -> FloatArray:
        return (wall_velocity(c, table.quantity, x, temperature) - y) / scale

    # Above breakdown a wall may be as slow as below depinning.
    rising = (np.abs(x) > 0.02 * np.max(np.abs(x))) & (np.abs(x) < np.abs(x[np.argmax(np.abs(y))]))
    pinned = (np.abs(y) < STOPPED * np.max(np.abs(y))) & rising
    extra = ["h_wave"] if pinned.any() else []
    quiet = base.replace(None, h_k=NO_BREAKDOWN, h_wave=0.0)
    low = np.abs(x) <= np.quantile(np.abs(x), 0.4)
    unit = wall_velocity(quiet, table.quantity, x, temperature)
    if not np.any(unit):
        raise ParameterError(f"card '{base.name}': nothing drives its wall: {slope} = {base.values[slope]:g}")

    def starts(full: bool) -> Iterable[ParameterSet]:
        """Slopes of several parts of the data, with breakdown at several places."""
        for part in (low, np.ones_like(low)):
            ratio = float(np.sum(unit[part] * y[part]) / max(np.sum(unit[part] ** 2), 1e-300))
            if not ratio:
                continue
            factor = 1 / ratio if slope == "alpha" else ratio
            moved = abs(base.values[slope] * factor) if slope == "alpha" else base.values[slope] * factor
            rough = quiet.replace(None, **{slope: float(np.clip(moved, *_range(base, slope)))})
            edges = [0.0] if not extra else [0.5, 0.9]
            threshold = float(np.max(np.abs(x[pinned]))) if extra else 0.0
            for edge in edges:
                pushed = _pushed(rough, table.quantity, edge * threshold, temperature)
                still = rough.replace(None, h_wave=min(pushed, 1e7))
                if not full:
                    yield still
                    continue
                for share, mix in itertools.product((0.15, 0.3, 0.45, 0.6, 0.75, 0.9), (0.25, 0.5, 1.0, 2.0, 4.0)):
                    tried = still
                    if "p_wire" in free:
                        value = rough.values["p_wire"] * mix
                        if not -2 < value < 2:
                            continue
                        tried = still.replace(None, p_wire=value, beta=rough.values["beta"] / mix)
                    elif mix != 1.0:
                        continue
                    at = share * float(np.max(np.abs(x)))
                    yield tried.replace(None, h_k=_breakdown(tried, table.quantity, at, temperature))

    free = [slope, *extra]
    best, result = _best(residual, starts(False), free, 2)
    names, given_up = free, ["h_k"]
    tracked = ["p_wire"] if slope == "beta" else []
    free = [slope, "h_k", *tracked, *extra]
    if x.size > len(free) + 2:
        full, other = _best(residual, starts(True), free, 3)
        # The curve has a kink at breakdown, where a descent may get stuck between two points of the data.
        near = [full.replace(None, h_k=min(full.values["h_k"] * f, NO_BREAKDOWN)) for f in np.linspace(0.9, 1.1, 41)]
        near = [c.replace(None, **{slope: c.values[slope] * g}) for c in near for g in (0.97, 1.0, 1.03)]
        again = _best(residual, near, free, 6)
        full, other = min(((full, other), again), key=lambda r: float(r[1].chisqr))
        if result.chisqr - other.chisqr > SEEN * other.chisqr / (x.size - len(free)):
            best, result, names, given_up = full, other, free, []
    best, result, names, more = _settled(residual, best, result, names, base)
    notes = [*table.notes]
    if "h_k" in given_up:
        at = float(np.max(np.abs(x)))
        bound = _breakdown(best, table.quantity, at, temperature)
        held = max(base.values["h_k"], bound)
        best = best.replace(None, h_k=min(held, NO_BREAKDOWN))
        notes.append(f"no breakdown up to {format_si(at, UNITS[table.quantity])}: h_k is at least {bound:.3g} A/m")
    reasons = dict.fromkeys([*given_up, *more], "these velocities leave it open")
    curve = wall_velocity(best, table.quantity, x, temperature)
    notes += _warnings(best, table, curve, names)
    method = f"wall velocity against {table.quantity}, closed form of the collective coordinates"
    return WallFit(_card(base, best, result, names, table, name, method, citation, reasons, notes), table, curve)


def _range(card: ParameterSet, name: str) -> tuple[float, float]:
    p = card.definition.parameter(name)
    return p.low, p.high


def _drive(card: ParameterSet, quantity: str, level: float, temperature: float) -> tuple[float, float]:
    """Push on the wall and what turns it, both as fields [A/m], by the slopes of the closed form."""
    wall = UniformWall.from_card(card, temperature)
    smooth = card.replace(None, h_k=NO_BREAKDOWN, h_wave=0.0, h_axis=0.0)
    push = float(wall_velocity(smooth, quantity, level, temperature)) / wall.mobility
    if quantity != "field" and card.model == "domain_wall_track":
        return push, push * (1 - wall.alpha / wall.beta) if wall.beta else math.inf
    if quantity != "field":
        return push, push * (1 - wall.alpha / card.values["fl_ratio"]) if card.values["fl_ratio"] else math.inf
    return push, push


def _pushed(card: ParameterSet, quantity: str, level: float, temperature: float) -> float:
    return abs(_drive(card, quantity, level, temperature)[0])


def _breakdown(card: ParameterSet, quantity: str, level: float, temperature: float) -> float:
    """Hard-axis field whose breakdown lies at a drive [A/m]."""
    turning = abs(_drive(card, quantity, level, temperature)[1])
    ratio = float(card.definition.evaluate("h_k_t", _at(card, temperature))) / card.values["h_k"]
    return float(np.clip(2 * turning / card.values["alpha"] / ratio, 1.0, NO_BREAKDOWN))


def fit_loop(
    table: WallTable,
    *,
    card: ParameterSet | None = None,
    name: str | None = None,
    temperature: float = 27.0,
    citation: str = "",
) -> WallFit:
    """Fit a pinched loop of voltage and current.

    Parameters
    ----------
    table : WallTable
        The loop, with its times.
    card : ParameterSet, optional
        What is known of the device, by default the defaults of `domain_wall`.
    name : str, optional
        Name of the card.
    temperature : float
        Temperature [degC].
    citation : str
        Publication of the data.

    Raises
    ------
    DataError
        If the table holds no loop, or it does not determine anything.
    ParameterError
        If the card is of another model, or its polariser not along the domains.
    """
    if table.kind != "loop":
        raise DataError(f"{table.source}: holds velocities, not a loop of voltage and current")
    base = _base(card, MODELS[:1])
    if abs(math.sin(base.values["theta_p"])) > 1e-9:
        raise ParameterError(
            f"theta_p = {base.values['theta_p']:g} rad: loops are fitted for polarisers along the domains"
        )
    volts, amps, scale = table.drive, table.response, float(np.ptp(table.response))

    def residual(c: ParameterSet) -> FloatArray:
        return (loop_current(c, table.time, volts, temperature) - amps) / scale

    large = np.abs(volts) > 0.1 * np.max(np.abs(volts))
    ohms = volts[large] / np.where(amps[large] == 0, np.nan, amps[large])
    low, high = (float(x) for x in np.nanquantile(ohms, (0.01, 0.99)))

    def starts() -> Iterable[ParameterSet]:
        for sign, travel, state in itertools.product((1, -1), (0.2, 0.6, 1.5, 4.0), (-0.9, -0.5, 0.0, 0.5, 0.9)):
            for r_p, tmr in (
                (low, high / low - 1),
                (0.8 * low, 1.5 * high / low - 1),
                (base.values["r_p"], base.values["tmr"]),
            ):
                rough = base.replace(
                    None, r_p=r_p, tmr=float(np.clip(tmr, 0.01, 19)), state=state, fl_ratio=1.0, h_k=NO_BREAKDOWN
                )
                way = _travel(rough, table, temperature)
                ratio = sign * travel / max(way, 1e-300)
                if abs(ratio) < 10:
                    yield rough.replace(None, fl_ratio=ratio, h_k=base.values["h_k"])

    best, result = _best(residual, starts(), LOOP, 4)
    best, result, names, given_up = _settled(residual, best, result, list(LOOP), base)
    reasons = dict.fromkeys(given_up, "this loop leaves it open; taken as given")
    notes = [*table.notes, "the wall follows the bias without inertia, and stops at the ends"]
    curve = loop_current(best, table.time, volts, temperature)
    notes += _warnings(best, table, curve, names)
    method = "pinched loop of voltage and current, wall without inertia"
    return WallFit(_card(base, best, result, names, table, name, method, citation, reasons, notes), table, curve)


def _travel(card: ParameterSet, table: WallTable, temperature: float) -> float:
    """Largest excursion of a free wall in a loop, in units of z."""
    point = _at(card, temperature) | {"v_fl_rl": table.drive, "z": 0.0}
    field_like, h_k = card.definition.evaluate(["field_like", "h_k_t"], point)
    speed = UniformWall.from_card(card, temperature).mobility * field_like * h_k * 2 / card.values["length"]
    return float(np.ptp(np.cumsum(speed * np.gradient(table.time))))


def _warnings(card: ParameterSet, table: WallTable, curve: FloatArray, names: Sequence[str]) -> list[str]:
    """Values at the limit of what is allowed, and residuals that hang together from point to point."""
    notes = []
    for name in names:
        low, high = _range(card, name)
        if not low + 1e-3 * abs(low) < card.values[name] < high - 1e-3 * abs(high):
            notes.append(f"{name} = {card.values[name]:g} is at the limit of what is allowed, {low:g} to {high:g}")
    order = np.argsort(table.drive) if table.kind == "velocity" else np.arange(table.drive.size)
    left = (table.response - curve)[order] / np.ptp(table.response)
    rms = float(np.sqrt(np.mean(left**2)))
    noise = float(np.median(np.abs(np.diff(left)))) / (0.6745 * math.sqrt(2))
    if rms > max(STRUCTURE * noise, VISIBLE):
        other = next(m for m in MODELS if m != card.model)
        better = f", or try --model {other}" if table.quantity in ("density", "current") else ""
        notes.append(
            f"residuals of {100 * rms:.2g} % of the range are not the noise, {100 * noise:.2g} %: {card.model} with "
            f"what is given does not describe these data; give what is known with --set or --card{better}"
        )
    return notes


def _card(
    base: ParameterSet,
    best: ParameterSet,
    result: Any,
    names: Sequence[str],
    table: WallTable,
    name: str | None,
    method: str,
    citation: str,
    reasons: Mapping[str, str],
    notes: Sequence[str],
) -> ParameterSet:
    errors = {n: float(result.params[n].stderr) for n in names}
    correlations = {
        (a, b): float(r)
        for a, b in itertools.combinations(names, 2)
        if (r := (result.params[a].correl or {}).get(b)) is not None
    }
    instance = {p.name for p in base.definition.parameters if p.scope == "instance"}
    automatic = {"noise", "track"}
    other = f"{'wall velocities do' if table.kind == 'velocity' else 'a loop does'} not show it; taken as given"
    left = [n for n in best.values if n not in names and n not in instance | automatic]
    stem = re.sub(r"\W+", "_", Path(table.source).stem).strip("_") or "wall"
    return ParameterSet(
        base.model,
        name or (stem if stem[0].isalpha() else f"wall_{stem}"),
        best.values,
        stderr=errors,
        correlations=correlations,
        provenance=origin(
            [table],
            method,
            {"rms": float(np.sqrt(result.chisqr / table.drive.size)), "points": float(table.drive.size)},
            citation,
        ),
        undetermined={n: reasons.get(n, other) for n in left},
        notes=tuple(notes),
    )
