"""Fit of pulse trains: resistance after each pulse, as a junction of many domains is written up and down."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact.errors import DataError
from compact.fitresult import CardFit, card_name, correlated, left_open, origin, remarks
from compact.manyfit import DEVICE, Problem, Solution, at_limits, criterion, others_undetermined, solution
from compact.parameters import ParameterSet
from compact.pulsed import PulsedJunction
from compact.roles import Role, read_roles
from compact.units import format_si

__all__ = ["PulseTrain", "TrainCurve", "TrainFit", "fit_train", "read_train"]

FloatArray = NDArray[np.float64]

ROLES = {
    "current": Role("A", r"(^|[^a-z])(i|curr|currents?|amps?)([^a-z]|$)"),
    "voltage": Role("V", r"(^|[^a-z])(v|u|volts?|voltages?)([^a-z]|$)"),
    "resistance": Role("Ohm", r"(^|[^a-z])(r|res|resistances?)([^a-z]|$)"),
    "pulse_width": Role("s", r"pulse.*(width|length|duration|time)|^t_?p(ulse)?$"),
}
MIN_POINTS = 8
"""Fewest pulses of a train."""
UNSURE = 0.35
"""Relative standard error beyond which a barrier counts as not determined."""
UNSURE_SKEW = 0.7
"""The same for a skew, absolute."""


@dataclass(frozen=True)
class PulseTrain:
    """Resistance after each of a series of pulses.

    Parameters
    ----------
    drive : ndarray, shape (n,)
        Height of each pulse, with its sign [A or V]; zero for a reading without a pulse.
    resistance : ndarray, shape (n,)
        Resistance after it, at low bias [Ohm].
    pulse_width : ndarray, shape (n,) or float
        Its width [s].
    by_voltage : bool
        Whether the drive is a voltage.
    start : {"p", "ap"} or None
        State before the first pulse; by default the one that the first reading is nearer to.
    source, sha256 : str
        File and its hash.
    notes : tuple of str
        What the reader assumed.

    Raises
    ------
    DataError
        If the arrays cannot be a pulse train.
    """

    drive: FloatArray
    resistance: FloatArray
    pulse_width: FloatArray
    by_voltage: bool = False
    start: str | None = None
    source: str = "arrays"
    sha256: str = ""
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        drive = np.array(self.drive, dtype=float)
        arrays = {"drive": drive, "resistance": np.array(self.resistance, dtype=float)}
        if arrays["resistance"].shape != drive.shape or drive.ndim != 1:
            raise DataError(f"{self.source}: {drive.shape} pulses and {arrays['resistance'].shape} readings")
        arrays["pulse_width"] = np.array(np.broadcast_to(np.asarray(self.pulse_width, dtype=float), drive.shape))
        for name, values in arrays.items():
            bad = np.flatnonzero(~np.isfinite(values))
            if bad.size:
                first = f"the first at pulse {bad[0] + 1}"
                raise DataError(f"{self.source}: {name} has {bad.size} values not finite, {first}")
            values.setflags(write=False)
            object.__setattr__(self, name, values)
        if len(drive) < MIN_POINTS:
            raise DataError(f"{self.source}: {len(drive)} pulses are too few for a fit; {MIN_POINTS} are needed")
        for name in ("resistance", "pulse_width"):
            low = int(np.argmin(arrays[name]))
            if arrays[name][low] <= 0:
                unit = "Ohm" if name == "resistance" else "s"
                at = f"{arrays[name][low]:g} {unit} at pulse {low + 1}"
                raise DataError(f"{self.source}: {name} {at} must be positive")
        if not np.any(drive):
            raise DataError(f"{self.source}: all pulses are of zero height")
        if np.ptp(arrays["resistance"]) <= 1e-9 * arrays["resistance"].max():
            level = arrays["resistance"][0]
            raise DataError(f"{self.source}: the resistance is {level:g} Ohm throughout: no pulse did anything")
        if self.start not in (None, "p", "ap"):
            raise DataError(f"{self.source}: state before the train is '{self.start}', not p or ap")


def read_train(
    path: str | Path,
    columns: str | Mapping[str, str] | None = None,
    *,
    pulse_width: float | None = None,
    start: str | None = None,
) -> PulseTrain:
    """Read a table of pulses: current or voltage, resistance after each, pulse width.

    Parameters
    ----------
    path : str or pathlib.Path
        Comma, semicolon, tab or blank separated text, one row per pulse in the order in which they were applied.
    columns : str or mapping, optional
        Column of each role, such as "current=1[mA],resistance=2[kOhm],pulse_width=3[us]".
    pulse_width : float, optional
        Width of all pulses [s], where no column says it.
    start : {"p", "ap"}, optional
        State before the first pulse.

    Returns
    -------
    PulseTrain

    Raises
    ------
    DataError
        In one line that names file, line and column.
    """
    table = read_roles(path, ROLES, columns)
    found = table.columns
    for role in ("resistance",):
        if role not in found:
            raise DataError(f"{table.source}: no column of the {role}; name it with --columns '{role}=2[Ohm]'")
    drives = [r for r in ("current", "voltage") if r in found]
    if len(drives) != 1:
        seen = "both a current and a voltage column" if drives else "neither a current nor a voltage column"
        raise DataError(
            f"{table.source}: {seen}; name the one that was applied, with --columns 'current=1[mA],resistance=2[Ohm]'"
        )
    if "pulse_width" not in found and pulse_width is None:
        raise DataError(f"{table.source}: no column of the pulse width; say it with --pulse-width, such as 100us")
    width = found.get("pulse_width", np.array(pulse_width if pulse_width is not None else 0.0))
    if pulse_width is not None and "pulse_width" in found:
        raise DataError(f"{table.source}: has a column of the pulse width, and --pulse-width says another")
    return PulseTrain(
        drive=found[drives[0]], resistance=found["resistance"], pulse_width=width, by_voltage=drives[0] == "voltage",
        start=start, source=table.source, sha256=table.sha256, notes=table.notes,
    )  # fmt: skip


@dataclass(frozen=True)
class TrainCurve:
    """A train with what was fitted to it.

    Parameters
    ----------
    train : PulseTrain
        The data.
    polarity : {1, -1}
        -1 where positive pulses set the antiparallel state in the data.
    curve : ndarray, shape (n,)
        Fitted resistance after each pulse [Ohm].
    fraction : ndarray, shape (n,)
        Parallel fraction.
    """

    train: PulseTrain
    polarity: int
    curve: FloatArray
    fraction: FloatArray

    @property
    def residuals(self) -> FloatArray:
        """Measured minus fitted resistance [Ohm]."""
        return self.train.resistance - self.curve

    @property
    def rms(self) -> float:
        """Rms residual over the range of the measured resistance."""
        return float(np.sqrt(np.mean(self.residuals**2)) / np.ptp(self.train.resistance))


@dataclass(frozen=True)
class TrainFit(CardFit):
    """Fit of pulse trains with the model `multidomain`.

    Parameters
    ----------
    card : ParameterSet
        The device.
    trains : tuple of TrainCurve
        Each train with its curve.
    """

    card: ParameterSet
    trains: tuple[TrainCurve, ...]

    def _told(self) -> list[str]:
        card, lines = self.card, []
        for c in self.trains:
            first, last = c.train.resistance[[0, -1]]
            lines.append(
                f"{c.train.source}: {len(c.curve)} pulses, {format_si(float(first), 'Ohm')} to "
                f"{format_si(float(last), 'Ohm')}, rms residual over range {100 * c.rms:.2f} %"
            )
        lines += ["", "parameters"]
        for p, value, error in card.table():
            if p.name not in card.undetermined and p.scope != "instance":
                given = "" if error is not None else " (given)"
                lines.append(f"  {p.name:13s} {format_si(value, p.unit, error)}{given}")
        return [*lines, *correlated(card, 0.95), *left_open(card, " assumed"), *remarks(card.notes)]

    def plot(self, path: str | Path) -> Path:
        """Draw data, fit and residuals to a PNG, SVG or PDF file."""
        from compact.gradualplot import plot_trains  # matplotlib is slow to import and not always wanted

        return plot_trains(self, path)


class _Part:
    """A train within a fit; all trains are of one device, so the first holds its two resistances."""

    free: list[str]

    def __init__(self, train: PulseTrain):
        self.train, self.by_voltage = train, train.by_voltage
        pulses = np.flatnonzero(train.drive)
        change = np.diff(train.resistance, prepend=train.resistance[0])[pulses]
        trend = float(np.sum(change * train.drive[pulses]))
        self.polarity = -1 if trend > 0 else 1  # positive pulses lower the resistance in the model
        self.drive = self.polarity * train.drive
        low, high = float(train.resistance.min()), float(train.resistance.max())
        near = train.resistance[0] > (low + high) / 2
        self.begin = {"p": 1.0, "ap": -1.0, None: -1.0 if near else 1.0}[train.start]
        self.free = ["r_p", "r_ap"]
        self.point = np.array([low, high])
        self.scale = np.array([1.0, 1.0]) * (high - low)
        steps = np.diff(train.resistance, 2)
        noise = 1.4826 * float(np.median(np.abs(steps))) / 6**0.5
        self.sigma = np.full(len(train.drive), max(noise, 1e-4 * (high - low)))

    def fraction(self, junction: PulsedJunction) -> FloatArray:
        return junction.fraction(self.drive, self.train.pulse_width, self.begin)

    def curve(self, fraction: FloatArray, point: FloatArray) -> FloatArray:
        return 1 / (fraction / point[0] + (1 - fraction) / point[1])

    def left(self, fraction: FloatArray, point: FloatArray) -> FloatArray:
        return (self.train.resistance - self.curve(fraction, point)) / self.sigma


def _start(parts: Sequence[_Part], base: Mapping[str, float], read: Mapping[str, float]) -> list[dict[str, float]]:
    """Start values: the pulses that did most, towards either state, as critical with thermal help."""
    load = math.log(float(np.median(np.concatenate([p.train.pulse_width for p in parts]))) / base["tau_0"] * 3)
    starts = []
    for delta in (base["delta"], 1.6 * load, 3.0 * load):
        start = {n: base[n] for n in DEVICE} | {"delta": max(delta, 1.2 * load)}
        for way, sign in (("ap2p", 1), ("p2ap", -1)):
            moved, heights = [], []
            for p in parts:
                step = np.abs(np.diff(p.train.resistance, prepend=p.train.resistance[0]))
                chosen = p.drive * sign > 0
                moved.append(step[chosen])
                heights.append(np.abs(p.drive[chosen]))
            weight, height = np.concatenate(moved), np.concatenate(heights)
            if not len(height) or not weight.sum():
                raise DataError(
                    f"no pulse towards {'parallel' if sign > 0 else 'antiparallel'} changed the resistance; trains "
                    f"need pulses of both signs"
                )
            seen = float(np.sum(weight * height) / weight.sum())
            if parts[0].by_voltage:
                seen /= read["r_p"] * (1 + read["tmr"] * (sign > 0))
            start[f"ic_{way}"] = seen / (1 - min((load / start["delta"]) ** (1 / base["exponent"]), 0.9))
        starts.append(start)
    return starts


def fit_train(
    trains: PulseTrain | str | Path | Iterable[PulseTrain | str | Path],
    name: str | None = None,
    *,
    known: Mapping[str, float] | None = None,
    pulse_width: float | None = None,
) -> TrainFit:
    """Fit pulse trains of one device with the model `multidomain`.

    Parameters
    ----------
    trains : PulseTrain, path, or iterable of them
        Resistance after each pulse: potentiation, depression, staircases, at one or several pulse widths.
    name : str, optional
        Name of the card; made from the file name where not given.
    known : mapping of str to float, optional
        Parameters that are known and held, such as `delta`, `skew_ap2p`, `r_p` and `tmr` where the trains do not
        reach both states.
    pulse_width : float, optional
        Width of all pulses [s], where files do not say it.

    Returns
    -------
    TrainFit

    Raises
    ------
    DataError
        If the trains do not hold what a fit needs.
    ParameterError
        For a known value that is not allowed.
    """
    given_trains = [trains] if isinstance(trains, PulseTrain | str | Path) else list(trains)
    read = [t if isinstance(t, PulseTrain) else read_train(t, pulse_width=pulse_width) for t in given_trains]
    if not read:
        raise DataError("no pulse train was given")
    hashes = [t.sha256 for t in read if t.sha256]
    if len(set(hashes)) < len(hashes):
        raise DataError("a pulse train was given twice")
    given = dict(known or {})
    base = ParameterSet("multidomain", "known", given).values
    parts = [_Part(t) for t in read]
    if len({p.by_voltage for p in parts}) > 1:
        raise DataError("trains of current pulses and of voltage pulses are fitted apart")
    if len({p.polarity for p in parts}) > 1:
        raise DataError("trains disagree on the sign of the pulses that lower the resistance; reverse those of one")
    shortest = min(float(p.train.pulse_width.min()) for p in parts)
    if shortest < 10 * base["tau_0"]:
        raise DataError(f"pulse width {shortest:.3g} s is not long against the attempt time {base['tau_0']:.3g} s")
    low = min(float(p.point[0]) for p in parts)
    high = max(float(p.point[1]) for p in parts)
    states = {"r_p": given.get("r_p", low), "tmr": given.get("tmr", high / given.get("r_p", low) - 1)}
    for p in parts:
        p.point = np.array([states["r_p"], states["r_p"] * (1 + states["tmr"])])
        p.free = [n for n, k in (("r_p", "r_p"), ("r_ap", "tmr")) if k not in given]
    shared = _Joint(parts, states, given)
    names = tuple(n for n in DEVICE if n not in given and n != "h_bias")
    undetermined: dict[str, str] = {}
    starts = _start(parts, base, states)
    while True:
        best = None
        for start in starts:
            values = {**base, **states}
            begin = {**start, **{n: v for n, v in given.items() if n in DEVICE}}
            begin |= {n: base[n] for n in DEVICE if n in undetermined}
            for _ in range(2):
                problem = Problem([shared], values | {n: begin[n] for n in DEVICE if n not in names}, names)
                result = problem.solve(begin)
                device, own = problem.split(result.x)
                begin = {**begin, **problem.transform.outside(device)}
                shared.point = own[0]
                values |= shared.states(own[0])
            if best is None or criterion(result) < criterion(best[1]):
                best = problem, result
        assert best is not None
        problem, result = best
        solved = solution(problem, result)
        unsure = _unsure(solved, names)
        if not unsure:
            break
        names = tuple(n for n in names if n not in unsure)
        undetermined |= unsure
        starts = [{**starts[0], **solved.values, **{n: base[n] for n in unsure}}]
    card = _card(problem, result, solved, shared, given, undetermined, name or card_name([t.source for t in read]))
    junction = PulsedJunction({**problem.base, **solved.values}, problem.reach, problem.by_voltage)
    point = problem.split(result.x)[1][0]
    curves = tuple(
        TrainCurve(p.train, p.polarity, shared.curve(f, point), f) for p in parts for f in [p.fraction(junction)]
    )
    return TrainFit(card, curves)


def _unsure(solved: Solution, names: Sequence[str]) -> dict[str, str]:
    """Parameters whose errors say nothing of them, the worst kind first."""
    if "delta" in names and solved.stderr["delta"] > UNSURE * solved.values["delta"]:
        return {"delta": "the trains do not tell it from the critical currents; other pulse widths or heights would"}
    found = [n for n in names if n.startswith("skew") and solved.stderr[n] > UNSURE_SKEW]
    return dict.fromkeys(found, "the pulses do not show the tails of the distribution")


class _Joint:
    """All trains as one measurement with two resistances."""

    def __init__(self, parts: Sequence[_Part], states: Mapping[str, float], given: Mapping[str, float]):
        self.parts, self.by_voltage = parts, parts[0].by_voltage
        self.drive = np.concatenate([p.drive for p in parts])
        self.sigma = np.concatenate([p.sigma for p in parts])
        self.full = np.array([states["r_p"], states["r_p"] * (1 + states["tmr"])])
        self.which = [k for k, n in enumerate(("r_p", "tmr")) if n not in given]
        self.free = [("r_p", "r_ap")[k] for k in self.which]
        self.point = self.full[self.which]
        self.scale = np.full(len(self.which), float(np.ptp(self.full)))

    def ends(self, point: FloatArray) -> FloatArray:
        """Both resistances [Ohm]."""
        both = self.full.copy()
        both[self.which] = point
        if self.which == [0]:  # the ratio is given
            both[1] = both[0] * self.full[1] / self.full[0]
        return both

    def states(self, point: FloatArray) -> dict[str, float]:
        low, high = self.ends(point)
        return {"r_p": float(max(low, 1e-3)), "tmr": float(np.clip(high / max(low, 1e-3) - 1, 1e-3, 20))}

    def fraction(self, junction: PulsedJunction) -> FloatArray:
        return np.concatenate([p.fraction(junction) for p in self.parts])

    def curve(self, fraction: FloatArray, point: FloatArray) -> FloatArray:
        low, high = self.ends(point)
        return 1 / (fraction / low + (1 - fraction) / high)

    def left(self, fraction: FloatArray, point: FloatArray) -> FloatArray:
        measured = np.concatenate([p.train.resistance for p in self.parts])
        return (measured - self.curve(fraction, point)) / self.sigma


def _card(
    problem: Problem, result: Any, solved: Solution, shared: _Joint, given: Mapping[str, float],
    undetermined: Mapping[str, str], name: str,
) -> ParameterSet:  # fmt: skip
    """Card of a device from the fit of its trains."""
    own = solved.own[0]
    states = shared.states(np.array([own[n][0] for n in shared.free]))
    stderr = dict(solved.stderr)
    if "r_p" in own:
        stderr["r_p"] = own["r_p"][1]
    if "r_ap" in own:
        relative = own.get("r_p", (states["r_p"], 0.0))
        stderr["tmr"] = float(np.hypot(own["r_ap"][1], (1 + states["tmr"]) * relative[1]) / states["r_p"])
    trains = [p.train for p in shared.parts]
    spans = [float(np.ptp(t.resistance)) for t in trains]
    left = np.split(result.fun * shared.sigma, np.cumsum([len(t.drive) for t in trains])[:-1])
    rms = [float(np.sqrt(np.mean(x**2)) / s) for x, s in zip(left, spans, strict=True)]
    why = {**undetermined}
    if "h_bias" not in given:
        why["h_bias"] = "trains cannot tell a stray field from unequal critical currents"
    bias = ("v_h", "tmr_slope", "g_slope", "g_curv")
    why |= {n: "the resistance was read at one bias" for n in bias if n not in given}
    if "barrier_power" not in given:
        why["barrier_power"] = "trains do not tell the barriers of easy and hard domains apart"
    why |= others_undetermined({*stderr, *given, *why})
    if any(p.polarity < 0 for p in shared.parts):
        sign = "positive pulses raise the resistance: the measured positive terminal is rl, the other one fl"
    else:
        sign = "positive pulses lower the resistance: the measured positive terminal is fl, the other one rl"
    begin = {p.begin for p in shared.parts if p.train.start is None}
    assumed = [f"{'parallel' if b > 0 else 'antiparallel'} before the first pulse, by the first reading" for b in begin]
    notes = [n for t in trains for n in t.notes]
    return ParameterSet(
        "multidomain", name,
        {**given, **{n: problem.base[n] for n in DEVICE}, **solved.values, **states},
        stderr=stderr, correlations=solved.correlations,
        provenance=origin(
            trains,
            f"{len(trains)} pulse train{'s' * (len(trains) > 1)}, least squares, pulse by pulse",
            {
                "points": float(len(result.fun)), "trains": float(len(trains)),
                "rms_over_range": float(np.sqrt(np.mean(np.square(rms)))), "reduced_chi2": solved.reduced,
            },
        ),
        undetermined=why,
        notes=tuple(dict.fromkeys([*notes, sign, *assumed, *at_limits(solved)])),
    )  # fmt: skip
