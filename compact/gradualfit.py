"""Fit of gradual hysteresis loops: the distribution of switching currents of a junction of many domains."""

from __future__ import annotations

import dataclasses
import datetime
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from compact.data import Loop, read_loops
from compact.errors import DataError
from compact.fitting import REASONS, _combine, _name
from compact.loopfit import _persistence, fit_shape
from compact.loopmodel import LoopFit, LoopModel
from compact.loops import LoopShape, analyse_loop
from compact.models import get_model
from compact.parameters import ParameterSet, Provenance
from compact.pulsed import PulsedJunction
from compact.switching import History
from compact.units import format_si

__all__ = ["DEVICE", "GradualFit", "GradualLoop", "Transform", "fit_gradual", "loop_problem", "predict_loop"]

FloatArray = NDArray[np.float64]

DEVICE = ("ic_p2ap", "ic_ap2p", "width_p2ap", "width_ap2p", "skew_p2ap", "skew_ap2p", "delta", "h_bias")
"""Parameters of `multidomain` that loops may determine."""
POSITIVE = frozenset({"ic_p2ap", "ic_ap2p", "width_p2ap", "width_ap2p", "delta"})
LIMITS: dict[str, tuple[float, float]] = {
    "delta": (4.0, 1e3), "width_p2ap": (1e-3, 1.0), "width_ap2p": (1e-3, 1.0), "ic_p2ap": (1e-9, 10.0),
    "ic_ap2p": (1e-9, 10.0), "skew_p2ap": (-2.5, 2.5), "skew_ap2p": (-2.5, 2.5), "h_bias": (-0.7, 0.7),
}  # fmt: skip
BIAS = {"v_h": "roll", "tmr_slope": "tmr_slope", "g_slope": "g_slope", "g_curv": "g_curv"}
"""Parameters of the bias dependence, and their names in the model of a loop."""
MISS = 1e3
"""Residual in standard errors of what cannot be."""
SEPARATE = 1.5
"""Least ratio of the longest pulse width to the shortest from which loops tell the barrier."""
DEFAULT_WIDTH = 1.0
"""Pulse width where none is known [s]."""
ROUNDS = 2
"""Fits, each with the conduction that the one before found."""


@dataclass(frozen=True)
class Transform:
    """Parameters as a fit sees them: logarithms of those that are positive.

    Parameters
    ----------
    names : tuple of str
        The parameters that are fitted.
    """

    names: tuple[str, ...]

    def inside(self, values: Mapping[str, float]) -> FloatArray:
        """Point of the fit from values."""
        return np.array([math.log(values[n]) if n in POSITIVE else values[n] for n in self.names])

    def outside(self, point: FloatArray) -> dict[str, float]:
        """Values at a point of the fit."""
        return {n: float(np.exp(x)) if n in POSITIVE else float(x) for n, x in zip(self.names, point, strict=True)}

    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Lower and upper bounds of the fit."""
        low, high = (self.inside({n: LIMITS[n][k] for n in self.names}) for k in (0, 1))
        return low, high

    def slopes(self, values: Mapping[str, float]) -> FloatArray:
        """Change of each value with that of the fit's parameter."""
        return np.array([values[n] if n in POSITIVE else 1.0 for n in self.names])


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
class GradualFit:
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

    @property
    def quality(self) -> dict[str, float]:
        """Goodness figures of the card."""
        return dict(self.card.provenance.quality)

    def report(self) -> str:
        """What was fitted, how well, and what was not determined, as plain text."""
        return "\n".join(_report(self)) + "\n"

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


class _Part:
    """A loop within a fit: what is known of its instrument, and its curve."""

    def __init__(self, loop: Loop):
        self.shape = analyse_loop(loop)
        self.first = fit_shape(self.shape, get_model("mtj"))
        self.problem = loop_problem(self.shape)
        self.width = loop.pulse_width or DEFAULT_WIDTH
        found = self.first
        start = {"r_p": found.values["r_p"], "tmr": found.values["tmr"], "drift": 0.0, "offset": 0.0}
        start |= {"slope_p": 0.0, "slope_ap": 0.0} | {n: v for n, (v, _) in found.nuisance.items()}
        self.free = ["r_p", "tmr", *(n for n in found.nuisance if n != "start")]
        if self.problem.tunnelling:
            for public, own in BIAS.items():
                start[own] = 1 / found.values["v_h"] ** 2 if public == "v_h" else found.values[public]
                if public in found.stderr and public not in found.undetermined:
                    self.free.append(own)
        self.held = start
        self.point = np.array([start[n] for n in self.free])
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


class _Problem:
    """Several loops of one device."""

    def __init__(self, parts: Sequence[_Part], base: Mapping[str, float], names: tuple[str, ...]):
        self.parts, self.base, self.transform = parts, dict(base), Transform(names)
        self.by_voltage = parts[0].problem.by_voltage
        self.reach = max(float(np.abs(p.shape.drive).max()) for p in parts)
        self.cuts = np.cumsum([len(names), *(len(p.free) for p in parts)])

    def split(self, point: FloatArray) -> tuple[FloatArray, list[FloatArray]]:
        own = np.split(point, self.cuts[:-1])
        return own[0], [x * p.scale for x, p in zip(own[1:], self.parts, strict=True)]

    def fractions(self, device: FloatArray) -> list[FloatArray]:
        junction = PulsedJunction(self.base | self.transform.outside(device), self.reach, self.by_voltage)
        return [p.fraction(junction) for p in self.parts]

    def residual(self, point: FloatArray) -> FloatArray:
        device, own = self.split(point)
        return np.concatenate(
            [p.left(f, x) for p, f, x in zip(self.parts, self.fractions(device), own, strict=True)]
        )

    def jacobian(self, point: FloatArray) -> FloatArray:
        """Central differences; the instrument of a loop moves that loop alone."""
        device, own = self.split(point)
        middle = self.fractions(device)
        columns = []
        for k in range(len(device)):
            step = np.zeros(len(device))
            step[k] = 1e-4
            both = [self.fractions(device + s * step) for s in (1, -1)]
            ends = [
                np.concatenate([p.left(f, x) for p, f, x in zip(self.parts, fs, own, strict=True)]) for fs in both
            ]
            columns.append((ends[0] - ends[1]) / 2e-4)
        total = sum(len(p.sigma) for p in self.parts)
        at = 0
        for part, fraction, x in zip(self.parts, middle, own, strict=True):
            rows = slice(at, at + len(part.sigma))
            at = rows.stop
            for k in range(len(x)):
                step = np.zeros(len(x))
                step[k] = 1e-5 * part.scale[k]
                column = np.zeros(total)
                column[rows] = (part.left(fraction, x + step) - part.left(fraction, x - step)) / 2e-5
                columns.append(column)
        return np.stack(columns, axis=1)

    def solve(self, start: Mapping[str, float]) -> Any:
        low, high = self.transform.bounds()
        begin = np.clip(self.transform.inside(start), low + 1e-6, high - 1e-6)
        own = [p.point / p.scale for p in self.parts]
        free = np.full(sum(len(x) for x in own), np.inf)
        return least_squares(
            self.residual, np.concatenate([begin, *own]), self.jacobian, xtol=1e-9, ftol=1e-9, gtol=1e-9, max_nfev=60,
            bounds=(np.concatenate([low, -free]), np.concatenate([high, free])), x_scale="jac",
        )  # fmt: skip


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
    device = get_model("multidomain")
    read, asked = _read(loops), _read(predict)
    if not read:
        raise DataError("no loop was given")
    if pulse_widths is not None:
        count = len(read) + len(asked)
        if len(pulse_widths) != count or not all(math.isfinite(w) and w > 0 for w in pulse_widths):
            raise DataError(f"{count} loops need as many positive pulse widths, not {list(pulse_widths)}")
        both = [dataclasses.replace(x, pulse_width=float(w)) for x, w in zip([*read, *asked], pulse_widths, strict=True)]
        read, asked = both[: len(read)], both[len(read) :]
    hashes = [(x.sha256, x.source) for x in [*read, *asked] if x.sha256]
    if len(set(hashes)) < len(hashes):
        raise DataError(f"{max(hashes, key=hashes.count)[1]} was given twice")
    given = dict(known or {}) | ({} if temperature is None else {"t_nom": float(temperature)})
    base = ParameterSet("multidomain", "known", given).values  # checks them
    parts = [_Part(loop) for loop in read]
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
    card, covariance = _card(problem, result, chosen, given, several, name or _name([p.shape.loop.source for p in parts]))
    fitted = problem.transform.outside(problem.split(result.x)[0])
    junction = PulsedJunction(problem.base | fitted, problem.reach, problem.by_voltage)
    found = tuple(
        GradualLoop(p.shape, p.first, p.instrument(x), p.curve(f, x), f)
        for p, x in zip(parts, problem.split(result.x)[1], strict=True)
        for f in [p.fraction(junction)]
    )
    del covariance, device
    return GradualFit(card, found, tuple(predict_loop(card, loop) for loop in asked))


def _read(loops: Loop | str | Path | Iterable[Loop | str | Path]) -> list[Loop]:
    given = [loops] if isinstance(loops, Loop | str | Path) else list(loops)
    return [loop for item in given for loop in ([item] if isinstance(item, Loop) else read_loops(item))]


def _choose(
    parts: Sequence[_Part], base: Mapping[str, float], given: Mapping[str, float], several: bool
) -> tuple[dict[str, float], _Problem, Any]:
    """Fit with and without a stray field, with equal and growing barriers, and take what the data support."""
    always = tuple(n for n in DEVICE if n not in given and n not in ("delta", "h_bias"))
    extra = tuple(n for n in ("delta", "h_bias") if several and n not in given)
    powers = [base["barrier_power"]] if not several or "barrier_power" in given else [1.0, 0.0]
    best: tuple[float, dict[str, float], _Problem, Any] | None = None
    start = {**_start(parts, base, several and "delta" not in given), **{n: v for n, v in given.items() if n in DEVICE}}
    for power in powers:
        for names in [always + extra] if "h_bias" not in extra else [always + extra, always + extra[:-1]]:
            values = {**base, **_conduction(parts), "barrier_power": power}
            begin = start if best is None else {**start, **best[2].transform.outside(best[2].split(best[3].x)[0])}
            if "h_bias" not in names:
                begin = {**begin, "h_bias": base["h_bias"]}
            for _ in range(ROUNDS):
                problem = _Problem(parts, values | {n: begin[n] for n in DEVICE if n not in names}, names)
                result = problem.solve(begin)
                device, own = problem.split(result.x)
                begin = {**begin, **problem.transform.outside(device)}
                for part, x in zip(parts, own, strict=True):
                    part.point = x
                values |= _conduction(parts)
            score = _criterion(result)
            if best is None or score < best[0] - 1e-9:
                best = (score, {"barrier_power": power}, problem, result)
    assert best is not None
    return best[1], best[2], best[3]


def _criterion(result: Any) -> float:
    """Akaike's criterion for small samples, the noise estimated from the residuals."""
    n, k = len(result.fun), len(result.x) + 1
    return n * math.log(2 * result.cost / n) + 2 * k + 2 * k * (k + 1) / max(n - k - 1, 1)


def _conduction(parts: Sequence[_Part]) -> dict[str, float]:
    """Conduction of the device, as the mean of what the loops show."""
    rows = [p.problem.conduction(p.instrument(p.point)) for p in parts]
    names = ("r_p", "tmr", *BIAS) if parts[0].problem.tunnelling else ("r_p", "tmr")
    found = {n: float(np.mean([r[n] for r in rows])) for n in names}
    if found.get("g_slope", 0.0) ** 2 > 3.8 * found.get("g_curv", 0.0):
        found["g_curv"] = found["g_slope"] ** 2 / 3.8
    return found


def _card(
    problem: _Problem, result: Any, chosen: Mapping[str, float], given: Mapping[str, float], several: bool, name: str
) -> tuple[ParameterSet, FloatArray]:
    """Card of a device from the fit of its loops."""
    device, own = problem.split(result.x)
    names = problem.transform.names
    values = problem.transform.outside(device)
    n, k = len(result.fun), len(result.x)
    try:
        covariance = np.linalg.inv(result.jac.T @ result.jac)
    except np.linalg.LinAlgError:
        raise DataError("the loops do not determine the distribution: more points within the transitions") from None
    reduced = 2 * result.cost / max(n - k, 1)
    factor = max(_persistence(x) for x in np.split(result.fun, np.cumsum([len(p.sigma) for p in problem.parts])[:-1]))
    covariance = covariance * max(reduced, 1e-12) * factor**2
    errors = np.sqrt(np.diag(covariance))
    slopes = problem.transform.slopes(values)
    stderr = {m: float(e * s) for m, e, s in zip(names, errors, slopes, strict=False)}
    correlation = covariance / np.outer(errors, errors)
    pairs = {
        (a, b): float(np.clip(correlation[i, j], -1, 1))
        for i, a in enumerate(names) for j, b in enumerate(names) if i < j
    }  # fmt: skip
    undetermined: dict[str, str] = {}
    conduction: dict[str, float] = {}
    for parameter in ("r_p", "tmr", *BIAS):
        inner = BIAS.get(parameter, parameter)
        found = []
        for p, x, at in zip(problem.parts, own, problem.cuts[:-1], strict=True):
            if inner in p.free:
                j = p.free.index(inner)
                value, error = float(x[j]), float(errors[at + j] * p.scale[j])
                if parameter == "v_h" and value > 0:
                    value, error = value**-0.5, 0.5 * value**-1.5 * error
                found.append((value, error))
        if found:
            conduction[parameter], stderr[parameter] = _combine(found)
        else:
            why = (p.first.undetermined.get(parameter) for p in problem.parts)
            undetermined[parameter] = next((w for w in why if w), "held fixed in the fit")
            conduction[parameter] = problem.base[parameter]
    if conduction.get("g_slope", 0.0) ** 2 > 3.8 * conduction.get("g_curv", 0.0):
        conduction["g_curv"] = conduction["g_slope"] ** 2 / 3.8
    model = get_model("multidomain")
    for parameter in ("delta", "h_bias"):
        if parameter not in names and parameter not in given:
            undetermined[parameter] = (
                "loops at one pulse width tell it from the critical currents only together; give loops at two or more"
                if not several else "the loops are described as well without it"
            )  # fmt: skip
    for p in model.parameters:
        if p.scope == "model" and p.name not in {*stderr, *given, *undetermined, *chosen} and p.name not in DEVICE:
            undetermined[p.name] = {
                "tau_0": "loops tell it from the barrier only over many decades of pulse width",
                "exponent": "loops far below the critical current do not tell how the barrier falls",
                "barrier_power": "loops at one pulse width do not tell the barriers of easy and hard domains apart",
            }.get(p.name, REASONS.get(p.name, "a hysteresis loop does not show it"))
    loops = [p.shape.loop for p in problem.parts]
    heights = [abs(p.shape.height) for p in problem.parts]
    left = np.split(result.fun, np.cumsum([len(p.sigma) for p in problem.parts])[:-1])
    rms = [float(np.sqrt(np.mean((x * p.sigma) ** 2)) / h) for x, p, h in zip(left, problem.parts, heights, strict=True)]
    quality = {
        "points": float(n), "loops": float(len(loops)), "rms_over_height": float(np.sqrt(np.mean(np.square(rms)))),
        "rms_over_height_worst": max(rms), "reduced_chi2": float(reduced),
    }  # fmt: skip
    reach = problem.reach if not problem.by_voltage else math.nan
    card = ParameterSet(
        "multidomain", name,
        {**given, **chosen, **{m: problem.base[m] for m in DEVICE}, **values, **conduction},
        stderr=stderr, correlations=pairs,
        provenance=Provenance(
            source=", ".join(dict.fromkeys(x.source for x in loops)),
            sha256=" ".join(dict.fromkeys(x.sha256 for x in loops if x.sha256)),
            date=datetime.date.today().isoformat(),
            method=f"{len(loops)} gradual {loops[0].kind} loop{'s' * (len(loops) > 1)}, least squares, pulse by pulse",
            quality=quality,
        ),
        undetermined=undetermined,
        notes=tuple(_notes(problem, values, chosen, several, reach, stderr)),
    )  # fmt: skip
    return card, covariance


def _notes(
    problem: _Problem, values: Mapping[str, float], chosen: Mapping[str, float], several: bool, reach: float,
    stderr: Mapping[str, float],
) -> list[str]:  # fmt: skip
    notes: list[str] = []
    for part in problem.parts:
        notes += [*part.shape.loop.notes, *part.shape.notes]
        if part.shape.loop.pulse_width is None:
            notes.append(f"{part.shape.loop.source}: no pulse width is known; {DEFAULT_WIDTH:g} s at each point assumed")
    if several:
        kind = "one barrier for all domains" if chosen["barrier_power"] == 0 else (
            f"barriers that grow with the switching current to the power {chosen['barrier_power']:g}"
        )  # fmt: skip
        notes.append(f"{kind} describe the loops best")
    if math.isfinite(reach):
        share = max(reach / values[k] for k in values if k.startswith("ic_"))
        if share < 0.9:
            notes.append(f"critical currents are extrapolated: the sweeps reach {share:.2g} of them")
    for n in stderr:
        if n in LIMITS and n in values and not LIMITS[n][0] * 1.01 < values[n] < LIMITS[n][1] * 0.99 and n != "h_bias":
            notes.append(f"{n} = {values[n]:g} is at the limit of what is allowed")
    return list(dict.fromkeys(notes))


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
    card = fit.card
    lines = [f"{card.name}: model {card.model}, {card.provenance.method}", ""]
    for word, loops in (("", fit.loops), ("predicted, ", fit.predictions)):
        for loop in loops:
            width = loop.shape.loop.pulse_width
            about = f", pulse width {format_si(width, 's')}" if width else ""
            lines.append(
                f"{loop.shape.loop.source}: {word}{len(loop.curve)} points{about}, "
                f"rms residual over loop height {100 * loop.rms:.2f} %"
            )
    lines += ["", "parameters"]
    for parameter, value, error in card.table():
        if parameter.name not in card.undetermined and parameter.scope != "instance":
            given = "" if error is not None else " (given)" if parameter.name != "barrier_power" else " (chosen)"
            lines.append(f"  {parameter.name:13s} {format_si(value, parameter.unit, error)}{given}")
    strong = [(a, b, r) for (a, b), r in card.correlations.items() if abs(r) > 0.95]
    lines += [f"  correlation of {a} and {b}: {r:+.3f}" for a, b, r in strong]
    lines += ["", "not determined by the data"]
    reasons: dict[str, list[str]] = {}
    for n, why in card.undetermined.items():
        reasons.setdefault(why, []).append(f"{n} = {format_si(card.values[n], card.definition.parameter(n).unit)}")
    lines += [f"  {', '.join(names)} assumed: {why}" for why, names in reasons.items()]
    return [*lines, "", "notes", *(f"  {note}" for note in card.notes)]
