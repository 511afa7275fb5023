"""Fit of gradual hysteresis loops: the distribution of switching currents of a junction of many domains."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact.data import Loop, read_loops, with_pulse_widths
from compact.errors import DataError
from compact.fitresult import CardFit, card_name, correlated, left_open, origin, refuse_twice, remarks
from compact.fitting import _combine
from compact.loopfit import fit_shape
from compact.loopmodel import NO_ROLL, LoopFit, LoopModel, Switching, noise_of_points, regions
from compact.loops import LoopShape, analyse_loop
from compact.manyfit import DEVICE, Problem, Solution, at_limits, criterion, others_undetermined, solution
from compact.models import get_model
from compact.parameters import ParameterSet
from compact.pulsed import PulsedJunction
from compact.switching import History
from compact.units import format_si

__all__ = ["GradualFit", "GradualLoop", "fit_gradual", "loop_problem", "predict_loop", "read_given", "with_widths"]

FloatArray = NDArray[np.float64]

BIAS = {"v_h": "roll", "tmr_slope": "tmr_slope", "g_slope": "g_slope", "g_curv": "g_curv"}
"""Parameters of the bias dependence, and their names in the model of a loop."""
MISS = 1e3
"""Residual in standard errors of what cannot be."""
SEPARATE = 1.5
"""Least ratio of the longest pulse width to the shortest from which loops tell the barrier."""
DEFAULT_WIDTH = 1.0
"""Pulse width where none is known [s]."""
ONE_WIDTH = "loops at one pulse width tell it from the critical currents only together; give loops at two or more"
GOOD = 1.3
"""Reduced chi squared up to which one start of a fit is enough."""
ROUNDS = 2
"""Fits, each with the conduction that the one before found."""


@dataclass(frozen=True)
class GradualLoop:
    """One loop of a fit, or one that was predicted.

    Parameters
    ----------
    shape : LoopShape
        The loop in model convention.
    conduction : LoopFit
        Fit of its two states, with the noise of each point.
    instrument : dict of str to float
        Conduction of both states, drift, slopes and offset as fitted.
    curve : ndarray, shape (n,)
        Fitted resistance [Ohm].
    fraction : ndarray, shape (n,)
        Parallel fraction after each pulse.
    """

    shape: LoopShape
    conduction: LoopFit
    instrument: dict[str, float]
    curve: FloatArray
    fraction: FloatArray

    @property
    def residuals(self) -> FloatArray:
        """Measured minus fitted resistance [Ohm]."""
        return self.shape.resistance - self.curve

    @property
    def rms(self) -> float:
        """Rms residual over the height of the loop."""
        return float(np.sqrt(np.mean(self.residuals**2)) / abs(self.shape.height))


@dataclass(frozen=True)
class GradualFit(CardFit):
    """Fit of gradual loops with the model `multidomain`.

    Parameters
    ----------
    card : ParameterSet
        The device.
    loops : tuple of GradualLoop
        Each loop with its curve.
    predictions : tuple of GradualLoop
        Loops that took no part, with what the card alone says of them.
    """

    card: ParameterSet
    loops: tuple[GradualLoop, ...]
    predictions: tuple[GradualLoop, ...] = ()

    def _told(self) -> list[str]:
        return _report(self)

    def plot(self, path: str | Path) -> Path:
        """Draw data, fit and residuals to a PNG, SVG or PDF file."""
        from compact.gradualplot import plot_gradual  # matplotlib is slow to import and not always wanted

        return plot_gradual(self, path)


def loop_problem(shape: LoopShape) -> LoopModel:
    """Model of what the instrument shows of a junction whose domains are parallel or antiparallel."""
    device = get_model("mtj")
    drive = shape.drive
    top = float(np.abs(drive).max())
    by_voltage = shape.loop.drive_role == "voltage"
    x = np.where(np.abs(drive) < 1e-4 * top, 1e-4 * top, drive)
    bias = float(np.max(np.abs(drive if by_voltage else drive * shape.resistance)))
    problem = LoopModel(
        shape=shape, model=device, fixed=device.complete({}), by_voltage=by_voltage, x=x,
        time=np.linspace(-0.5, 0.5, len(x)), tunnelling=bias >= 0.05, offset=bool(np.abs(drive).min() > 1e-4 * top),
        history=History(drive),
    )  # fmt: skip
    problem.rest = 1.0  # domains are at +-1, a macrospin rests beside it
    return problem


def _first_look(shape: LoopShape, problem: LoopModel) -> LoopFit:
    """Fit of a single loop by itself; where that does not converge, what its plateaus show."""
    with contextlib.suppress(DataError):
        return fit_shape(shape, problem.model)
    values = {**problem.fixed, "r_p": shape.median(True), "tmr": shape.median(False) / shape.median(True) - 1}
    by_voltage = problem.by_voltage
    switching = {}
    for to_parallel in (True, False):
        at = float(np.mean([f.middle for f in shape.flips if f.to_parallel == to_parallel]))
        current = at / values["r_p"] / (1 + values["tmr"] * to_parallel) if by_voltage else at
        switching[to_parallel] = Switching(to_parallel, "gradual", at, at, current, current, 0.2 * at)
    fraction = (1 + shape.state) / 2
    own = {"r_p": values["r_p"], "tmr": values["tmr"], "roll": NO_ROLL, "drift": 0.0, "offset": 0.0}
    own |= dict.fromkeys(("slope_p", "slope_ap", "tmr_slope", "g_slope", "g_curv"), 0.0)
    values["v_h"] = NO_ROLL**-0.5
    return LoopFit(
        shape=shape, values=values, stderr={}, correlations={}, switching=switching,
        undetermined=dict.fromkeys(BIAS, "held fixed in the fit"), nuisance={"drift": (0.0, 0.0)},
        curve=problem.curve(own, fraction), fraction=fraction, region=regions(problem, fraction),
        used=np.ones(len(fraction), dtype=bool), sigma=noise_of_points(problem, shape.plateau, shape.state), quality={},
    )  # fmt: skip


class _Part:
    """A loop within a fit: what is known of its instrument, and its curve."""

    def __init__(self, loop: Loop, sloping: bool | None = None):
        self.shape = analyse_loop(loop)
        self.problem = loop_problem(self.shape)
        self.first = _first_look(self.shape, self.problem)
        self.drive, self.by_voltage = self.shape.drive, self.problem.by_voltage
        self.width = loop.pulse_width or DEFAULT_WIDTH
        found = self.first
        start = {"r_p": found.values["r_p"], "tmr": found.values["tmr"], "drift": 0.0, "offset": 0.0}
        start |= {"slope_p": 0.0, "slope_ap": 0.0} | {n: v for n, (v, _) in found.nuisance.items()}
        # Between pulses a device is read at one bias: plateaus slope with the state, not with the drive. Slopes would
        # take for the instrument's what is the tail of a transition, and the card, which has none, then predicts worse.
        level = bool(loop.pulse_width) if sloping is None else not sloping
        aside = {"start"} | ({"slope_p", "slope_ap"} if level else set())
        start |= dict.fromkeys(aside, 0.0)
        self.free = ["r_p", "tmr", *(n for n in found.nuisance if n not in aside)]
        if self.problem.tunnelling:
            for public, own in BIAS.items():
                start[own] = 1 / found.values["v_h"] ** 2 if public == "v_h" else found.values[public]
                if public in found.stderr and public not in found.undetermined:
                    self.free.append(own)
        self.held = start
        self.point = np.array([start[n] for n in self.free])
        self.first_point = self.point
        self.scale = np.maximum(np.abs(self.point), [{"r_p": 1.0, "tmr": 0.1}.get(n, 1e-2) for n in self.free])
        first = found.nuisance.get("start", (float(self.shape.first_state > 0), 0.0))[0]
        self.begin = 2 * first - 1
        self.sigma = found.sigma

    def instrument(self, point: FloatArray) -> dict[str, float]:
        return {**self.held, **dict(zip(self.free, point.tolist(), strict=True))}

    def curve(self, fraction: FloatArray, point: FloatArray) -> FloatArray:
        return self.problem.curve(self.instrument(point), fraction)

    def left(self, fraction: FloatArray, point: FloatArray) -> FloatArray:
        return np.nan_to_num((self.shape.resistance - self.curve(fraction, point)) / self.sigma, nan=MISS)

    def fraction(self, junction: PulsedJunction) -> FloatArray:
        return junction.fraction(self.shape.drive, self.width, self.begin)


def _start(parts: Sequence[_Part], base: Mapping[str, float], several: bool) -> dict[str, float]:
    """Start values from the currents that switch half and the widths of the transitions."""
    b = base["exponent"]
    load = np.array([math.log(p.width / base["tau_0"] * 3) for p in parts])
    root = load ** (1 / b)
    start = {n: base[n] for n in DEVICE}
    half, deltas = {}, []
    for way, to_parallel in (("ap2p", True), ("p2ap", False)):
        half[way] = np.array([p.first.switching[to_parallel].drive for p in parts])
        if parts[0].problem.by_voltage:
            half[way] = np.array([p.first.switching[to_parallel].current for p in parts])
        relative = [p.first.switching[to_parallel].width / p.first.switching[to_parallel].drive for p in parts]
        start[f"width_{way}"] = float(np.clip(0.5 * np.median(relative), 0.03, 0.3))
        start[f"skew_{way}"] = -0.3
        if several:
            slope, intercept = np.polyfit(half[way], root, 1)
            if slope < 0 and intercept > 0:
                deltas.append(intercept**b)
    if several:
        start["delta"] = float(np.clip(np.median(deltas) if deltas else 40.0, 1.1 * load.max(), 300.0))
    for way, currents in half.items():
        left = 1 - np.minimum((load / start["delta"]) ** (1 / b), 0.9)
        start[f"ic_{way}"] = float(np.median(currents / left))
    return start


def fit_gradual(
    loops: Loop | str | Path | Iterable[Loop | str | Path],
    name: str | None = None,
    *,
    predict: Iterable[Loop | str | Path] = (),
    known: Mapping[str, float] | None = None,
    pulse_widths: Sequence[float] | None = None,
    temperature: float | None = None,
    sloping: bool | None = None,
    citation: str = "",
    notes: Sequence[str] = (),
) -> GradualFit:
    """Fit gradual loops of one device with the model `multidomain`.

    Parameters
    ----------
    loops : Loop, path, or iterable of them
        One loop, or several at different pulse widths, which then yield the energy barrier.
    name : str, optional
        Name of the card; made from the file name where not given.
    predict : iterable of Loop or path
        Loops that the card is to predict; they take no part in the fit.
    known : mapping of str to float, optional
        Parameters that are known and held, such as `delta`, `exponent`, `tau_0`, `barrier_power`.
    pulse_widths : sequence of float, optional
        Pulse width of each loop [s], first of `loops`, then of `predict`, where the files do not state it.
    temperature : float, optional
        Temperature of the measurement [K].
    sloping : bool, optional
        Whether plateaus may slope with the drive, where the bias is too low for that of a tunnel junction. By default
        not where a pulse width is known, as the device is then read between pulses, at one bias;
        `compact.leaveout.leave_one_out` says what the loops themselves support.
    citation : str
        Publication of the data.
    notes : sequence of str
        Further remarks for the card.

    Returns
    -------
    GradualFit

    Raises
    ------
    DataError
        If the loops do not hold what a fit needs, or some are driven by current and others by voltage.
    ParameterError
        For a known value that is not allowed.
    """
    read, asked = read_given(loops), read_given(predict)
    if not read:
        raise DataError("no loop was given")
    if pulse_widths is not None:
        read, asked = with_widths(read, asked, pulse_widths)
    refuse_twice([*read, *asked])
    given = dict(known or {}) | ({} if temperature is None else {"t_nom": float(temperature)})
    base = ParameterSet("multidomain", "known", given).values  # checks them
    parts = [_Part(loop, sloping) for loop in read]
    if len({p.problem.by_voltage for p in parts}) > 1:
        raise DataError("loops driven by current and loops driven by voltage are fitted apart")
    widths = [p.width for p in parts if p.shape.loop.pulse_width]
    several = len(widths) == len(parts) > 1 and max(widths) > SEPARATE * min(widths)
    if min(p.width for p in parts) < 10 * base["tau_0"]:
        raise DataError(
            f"pulse width {min(p.width for p in parts):.3g} s is not long against the attempt time tau_0 = "
            f"{base['tau_0']:.3g} s; switching is then not thermally activated"
        )
    chosen, problem, result = _choose(parts, base, given, several)
    card = _card(problem, result, chosen, given, several, name or card_name([p.shape.loop.source for p in parts]))
    fitted = problem.transform.outside(problem.split(result.x)[0])
    junction = PulsedJunction(problem.base | fitted, problem.reach, problem.by_voltage)
    found = tuple(
        GradualLoop(p.shape, p.first, p.instrument(x), p.curve(f, x), f)
        for p, x in zip(parts, problem.split(result.x)[1], strict=True)
        for f in [p.fraction(junction)]
    )
    predictions = tuple(predict_loop(card, loop) for loop in asked)
    return GradualFit(_remarked(card, predictions, citation, notes), found, predictions)


def _remarked(
    card: ParameterSet, predictions: Sequence[GradualLoop], citation: str, notes: Sequence[str]
) -> ParameterSet:
    """The card with its citation, what it predicts of loops that took no part, and further remarks."""
    from compact.leaveout import shares  # which itself needs this module

    told = [
        f"{loop.shape.loop.source}, which took no part, is predicted with an rms of {100 * part.rms:.1f} % of the "
        f"height of the loop; {100 * part.path:.1f} % with the resistances that both states have in it"
        for loop in predictions
        for part in [shares(loop)]
    ]
    return dataclasses.replace(
        card,
        provenance=dataclasses.replace(card.provenance, citation=citation),
        notes=(*card.notes, *told, *notes),
    )


def with_widths(
    loops: Sequence[Loop], others: Sequence[Loop], widths: Sequence[float]
) -> tuple[list[Loop], list[Loop]]:
    """Two series of loops with the pulse widths [s] that are given for both.

    Raises
    ------
    DataError
        If there are not as many positive widths as loops.
    """
    both = with_pulse_widths([*loops, *others], widths)
    return both[: len(loops)], both[len(loops) :]


def read_given(loops: Loop | str | Path | Iterable[Loop | str | Path]) -> list[Loop]:
    """Loops from loops and files, of which one may hold several."""
    given = [loops] if isinstance(loops, Loop | str | Path) else list(loops)
    return [loop for item in given for loop in ([item] if isinstance(item, Loop) else read_loops(item))]


def _choose(
    parts: Sequence[_Part], base: Mapping[str, float], given: Mapping[str, float], several: bool
) -> tuple[dict[str, float], Problem, Any]:
    """Fit with equal and with growing barriers of the domains, and take what the data support."""
    always = tuple(n for n in DEVICE if n not in given and n not in ("delta", "h_bias"))
    extra = tuple(n for n in ("delta", "h_bias") if several and n not in given)
    powers = [base["barrier_power"]] if not several or "barrier_power" in given else [1.0, 0.0]
    best: tuple[float, dict[str, float], Problem, Any] | None = None
    start = {**_start(parts, base, several and "delta" not in given), **{n: v for n, v in given.items() if n in DEVICE}}
    for power in powers:
        names = always + extra
        values = {**base, **_conduction(parts), "barrier_power": power}
        begin = start if best is None else {**start, **best[2].transform.outside(best[2].split(best[3].x)[0])}
        trials = [_converge(parts, values, begin, names)]
        # Further ways down: transitions as they look, without a tail; then from where that led, with moderate ones.
        for factor, width, skew in ((2.0, None, 0.0), (1.0, 0.12, -0.3)):
            problem, result = min(trials, key=lambda trial: trial[1].cost)
            if best is not None or result.cost <= GOOD * len(result.fun) / 2:
                break
            if width is not None:
                begin = {**begin, **problem.transform.outside(problem.split(result.x)[0])}
            tails = {n: min(factor * begin[n], 0.4) if width is None else width for n in names if n.startswith("width")}
            tails |= {n: skew for n in names if n.startswith("skew")}
            trials.append(_converge(parts, values, {**begin, **tails}, names))
        problem, result = min(trials, key=lambda trial: trial[1].cost)
        score = criterion(result)
        if best is None or score < best[0] - 1e-9:
            best = (score, {"barrier_power": power}, problem, result)
    assert best is not None
    return best[1], best[2], best[3]


def _converge(
    parts: Sequence[_Part], base: Mapping[str, float], start: Mapping[str, float], names: tuple[str, ...]
) -> tuple[Problem, Any]:
    """Fit from one start, with the conduction that the round before found."""
    values, begin = dict(base), dict(start)
    for part in parts:
        part.point = part.first_point
    for _ in range(ROUNDS):
        problem = Problem(parts, values | {n: begin[n] for n in DEVICE if n not in names}, names)
        result = problem.solve(begin)
        device, own = problem.split(result.x)
        begin |= problem.transform.outside(device)
        for part, x in zip(parts, own, strict=True):
            part.point = x
        values |= _conduction(parts)
    return problem, result


def _conduction(parts: Sequence[_Part]) -> dict[str, float]:
    """Conduction of the device, as the mean of what the loops show."""
    rows = [p.problem.conduction(p.instrument(p.point)) for p in parts]
    names = ("r_p", "tmr", *BIAS) if parts[0].problem.tunnelling else ("r_p", "tmr")
    found = {n: float(np.mean([r[n] for r in rows])) for n in names}
    if found.get("g_slope", 0.0) ** 2 > 3.8 * found.get("g_curv", 0.0):
        found["g_curv"] = found["g_slope"] ** 2 / 3.8
    return found


def _card(
    problem: Problem, result: Any, chosen: Mapping[str, float], given: Mapping[str, float], several: bool, name: str
) -> ParameterSet:
    """Card of a device from the fit of its loops."""
    solved = solution(problem, result)
    stderr, parts = dict(solved.stderr), [p for p in problem.parts if isinstance(p, _Part)]
    undetermined: dict[str, str] = {}
    conduction: dict[str, float] = {}
    for parameter in ("r_p", "tmr", *BIAS):
        found = [own[BIAS.get(parameter, parameter)] for own in solved.own if BIAS.get(parameter, parameter) in own]
        if parameter == "v_h":
            found = [(x**-0.5, 0.5 * x**-1.5 * e) for x, e in found if x > 0]
        if found:
            conduction[parameter], stderr[parameter] = _combine(found)
        else:
            why = (p.first.undetermined.get(parameter) for p in parts)
            undetermined[parameter] = next((w for w in why if w), "held fixed in the fit")
            conduction[parameter] = problem.base[parameter]
    if conduction.get("g_slope", 0.0) ** 2 > 3.8 * conduction.get("g_curv", 0.0):
        conduction["g_curv"] = conduction["g_slope"] ** 2 / 3.8
    for parameter in ("delta", "h_bias"):
        if parameter not in problem.transform.names and parameter not in given:
            undetermined[parameter] = ONE_WIDTH
    undetermined |= others_undetermined({*stderr, *given, *undetermined, *chosen})
    loops = [p.shape.loop for p in parts]
    left = np.split(result.fun, np.cumsum([len(p.sigma) for p in parts])[:-1])
    rms = [float(np.sqrt(np.mean((x * p.sigma) ** 2)) / abs(p.shape.height)) for x, p in zip(left, parts, strict=True)]
    quality = {
        "points": float(len(result.fun)), "loops": float(len(loops)),
        "rms_over_height": float(np.sqrt(np.mean(np.square(rms)))), "rms_over_height_worst": max(rms),
        "reduced_chi2": solved.reduced,
    }  # fmt: skip
    return ParameterSet(
        "multidomain", name,
        {**given, **chosen, **{m: problem.base[m] for m in DEVICE}, **solved.values, **conduction},
        stderr=stderr, correlations=solved.correlations,
        provenance=origin(
            loops,
            f"{len(loops)} gradual {loops[0].kind} loop{'s' * (len(loops) > 1)}, least squares, pulse by pulse",
            quality,
        ),
        undetermined=undetermined,
        notes=tuple(_notes(problem, parts, solved, chosen, several)),
    )  # fmt: skip


def _notes(
    problem: Problem, parts: Sequence[_Part], solved: Solution, chosen: Mapping[str, float], several: bool
) -> list[str]:
    notes: list[str] = []
    for part in parts:
        notes += [*part.shape.loop.notes, *part.shape.notes]
        if part.shape.loop.pulse_width is None:
            notes.append(
                f"{part.shape.loop.source}: no pulse width is known; {DEFAULT_WIDTH:g} s at each point assumed"
            )
    if several:
        grow = f"barriers that grow with the switching current to the power {chosen['barrier_power']:g}"
        notes.append(f"{grow if chosen['barrier_power'] else 'one barrier for all domains'} describe the loops best")
    if not problem.by_voltage:
        share = max(problem.reach / solved.values.get(k, problem.base[k]) for k in ("ic_p2ap", "ic_ap2p"))
        if share < 0.9:
            notes.append(f"critical currents are extrapolated: the sweeps reach {share:.2g} of them")
    return list(dict.fromkeys([*notes, *at_limits(solved)]))


def predict_loop(card: ParameterSet, loop: Loop) -> GradualLoop:
    """What a card says of a loop: nothing is fitted to it but where its two states are told from the data.

    Parameters
    ----------
    card : ParameterSet
        Card of a `multidomain`.
    loop : Loop
        The loop.
    """
    part = _Part(loop)
    own = {**dict.fromkeys(part.held, 0.0), **{n: card.values[n] for n in ("r_p", "tmr", "tmr_slope", "g_slope")}}
    own |= {"g_curv": card.values["g_curv"], "roll": card.values["v_h"] ** -2}
    junction = PulsedJunction(card.values, float(np.abs(part.shape.drive).max()), part.problem.by_voltage)
    fraction = part.fraction(junction)
    return GradualLoop(part.shape, part.first, own, part.problem.curve(own, fraction), fraction)


def _report(fit: GradualFit) -> list[str]:
    from compact.leaveout import shares  # which itself needs this module

    card = fit.card
    lines: list[str] = []
    for word, loops in (("", fit.loops), ("predicted, ", fit.predictions)):
        for loop in loops:
            width = loop.shape.loop.pulse_width
            about = f", pulse width {format_si(width, 's')}" if width else ""
            lines.append(
                f"{loop.shape.loop.source}: {word}{len(loop.curve)} points{about}, "
                f"rms residual over loop height {100 * loop.rms:.2f} %"
            )
            if word:
                part = shares(loop)
                lines.append(
                    f"  of it {100 * part.states:.2f} % as both states have other resistances there, by "
                    f"{100 * part.r_p:+.1f} % (P) and {100 * part.r_ap:+.1f} % (AP), and {100 * part.path:.2f} % for "
                    f"the path between them"
                )
    lines += ["", "parameters"]
    for parameter, value, error in card.table():
        if parameter.name not in card.undetermined and parameter.scope != "instance":
            given = "" if error is not None else " (given)" if parameter.name != "barrier_power" else " (chosen)"
            lines.append(f"  {parameter.name:13s} {format_si(value, parameter.unit, error)}{given}")
    return [*lines, *correlated(card, 0.95), *left_open(card, " assumed"), *remarks(card.notes)]
