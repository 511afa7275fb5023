"""Cards of junctions whose barrier is a memristor, from measured loops of voltage and current or resistance.

A loop may hold two hystereses: the layer turns over at once, between two points, and the barrier moves gradually
beyond its thresholds. Where the layer turns over is read from the data, each place known to a step of the sweep, and
gives the critical currents; everything else comes from least squares through the declared equations.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact.barrierdecision import BARRIER, FITTED_AS, Settled, decide, steps_of
from compact.barrierguess import Guess, guesses
from compact.barrierloop import at
from compact.barrierproblem import (
    BEYOND,
    LEFT,
    MODEL,
    BarrierProblem,
    Turn,
    criterion,
    minimise,
    solve,
    start_parameters,
)
from compact.constants import ZERO_CELSIUS
from compact.errors import DataError, ParameterError, unknown
from compact.fitresult import (
    CardFit,
    card_name,
    correlated,
    correlations_of,
    fitted,
    left_open,
    not_shown,
    origin,
    refuse_twice,
    remarks,
)
from compact.loopchoice import CLEAR
from compact.parameters import ParameterSet, Quantity
from compact.units import format_si
from compact.voltageloop import VoltageLoop, read_voltage_loop

__all__ = ["BARRIER", "MODEL", "BarrierCurve", "BarrierFit", "Turn", "fit_barrier"]

FloatArray = NDArray[np.float64]

STARTS = 4
"""Starts with both hystereses."""
ROUGH, REFINED = 10, 3
"""Steps of a rough fit from each start, and how many of them are gone on with."""
TOGETHER = 0.9
"""Correlation above which two parameters are said to be known only together."""
STRUCTURE, SEEN = 2.0, 1e-3
"""Ratio of residuals to their point-to-point noise, and their size over the range, from which a fit is called poor."""


@dataclass(frozen=True)
class BarrierCurve:
    """One loop and its fit.

    Parameters
    ----------
    loop : VoltageLoop
        The data as measured.
    curve : ndarray (n,)
        Fitted response.
    state, memory : ndarray (n,)
        Layer: 1 parallel, -1 antiparallel; state of the barrier.
    used : ndarray of bool (n,)
        Points that were fitted.
    barrier : float
        State of the barrier at first.
    """

    loop: VoltageLoop
    curve: FloatArray
    state: FloatArray
    memory: FloatArray
    used: NDArray[np.bool_]
    barrier: float

    @property
    def residuals(self) -> FloatArray:
        """Measured minus fitted response."""
        return self.loop.response - self.curve

    @property
    def amps(self) -> FloatArray:
        """Fitted current [A]."""
        return self.curve if self.loop.quantity == "current" else self.loop.volts / self.curve

    @property
    def rms(self) -> float:
        """Root mean square of the residuals that were fitted over the range of the response [1]."""
        return float(np.sqrt(np.mean(self.residuals[self.used] ** 2)) / np.ptp(self.loop.response))

    @property
    def noise(self) -> float:
        """What of that neighbouring points do not share [1]; the median keeps single steps out of it."""
        steps = np.diff(self.residuals)[self.used[1:] & self.used[:-1]]
        return float(np.median(np.abs(steps)) / (0.6745 * math.sqrt(2)) / np.ptp(self.loop.response))


@dataclass(frozen=True)
class BarrierFit(CardFit):
    """Fit of a card to loops of one device.

    Parameters
    ----------
    card : ParameterSet
        The device.
    curves : tuple of BarrierCurve
        Each loop with its fit.
    turns : tuple of Turn
        Where the layer turned over.
    polarity : {1, -1}
        -1 if negative measured voltage sets the parallel state.
    parameters : int
        Number of what was fitted, switching voltages included.
    temperature : float
        Temperature [degC].
    base : ParameterSet
        What was known before.
    """

    card: ParameterSet
    curves: tuple[BarrierCurve, ...]
    turns: tuple[Turn, ...]
    polarity: int
    parameters: int
    temperature: float
    base: ParameterSet

    def _told(self) -> list[str]:
        card, lines = self.card, []
        for k, curve in enumerate(self.curves):
            loop = curve.loop
            turns = sum(t.loop == k for t in self.turns)
            lines.append(
                f"{loop.source}: {loop.quantity} against voltage, {loop.volts.size} points in "
                f"{format_si(float(np.ptp(loop.time)), 's')}, layer turns over {turns} times, rms "
                f"{100 * curve.rms:.2g} % of the range"
            )
        lines += [*fitted(card), *correlated(card, TOGETHER)]
        if card.derived:
            lines += ["", "seen in the data"]
            lines += [f"  {n:14s} {format_si(q.value, q.unit, q.stderr)}" for n, q in card.derived.items()]
        return [*lines, *left_open(card, " assumed"), *remarks(card.notes)]

    def plot(self, path: str | Path) -> Path:
        """Draw data, fit, residuals and both states to a PNG, SVG or PDF file; the file."""
        from compact.barrierplot import plot_barrier  # matplotlib is slow to import

        return plot_barrier(self, path)


def fit_barrier(
    loops: VoltageLoop | str | Path | Iterable[VoltageLoop | str | Path],
    *,
    card: ParameterSet | None = None,
    name: str | None = None,
    temperature: float = 27.0,
    citation: str = "",
    barrier: bool = True,
) -> BarrierFit:
    """Fit loops of voltage and current, or resistance, of one junction.

    Parameters
    ----------
    loops : VoltageLoop, path, or iterable of them
        One loop, or several of the same device; a much slower sweep tells thresholds and time constant apart.
    card : ParameterSet, optional
        What is known of the device, by default the defaults of `mgo_memristive`.
    name : str, optional
        Name of the card.
    temperature : float
        Temperature [degC].
    citation : str
        Publication of the data.
    barrier : bool
        Whether the barrier may move; without, only the magnetic switching is fitted.

    Returns
    -------
    BarrierFit

    Raises
    ------
    DataError
        If the loops do not determine a resistance.
    ParameterError
        If the card is of another model.
    """
    base = card or ParameterSet(MODEL, "assumed")
    if base.model != MODEL:
        raise ParameterError(unknown("model of this fit", base.model, [MODEL]))
    given = [loops] if isinstance(loops, VoltageLoop | str | Path) else list(loops)
    read = tuple(x if isinstance(x, VoltageLoop) else read_voltage_loop(x) for x in given)
    if not read:
        raise DataError("no loop was given")
    refuse_twice(read)
    values = at(base, temperature)
    tried = guesses(read, base.definition, values, barrier=barrier)
    # The likeliest of each kind: both hystereses, one of them, none.
    starts = [
        guess
        for moves, turns, count in ((True, True, STARTS), (True, False, 2), (False, True, 2), (False, False, 1))
        for guess in [g for g in tried if (g.moves, g.turns) == (moves, turns)][:count]
    ]
    rough = []
    for guess in starts:
        turned = tuple(_turned(x, guess.polarity) for x in read)
        problem = BarrierProblem(base, turned, temperature, _states(guess, base))
        first = minimise(problem, start_parameters(problem, guess), ROUGH)
        rough.append((criterion(problem, first), guess, problem, first))
    found = []
    for _, guess, problem, first in sorted(rough, key=lambda x: x[0])[:REFINED]:
        result = solve(problem, first.params)
        found.append((criterion(problem, result), guess, problem, result))
    # The simplest of those that the data do not clearly tell from the best.
    least = min(x[0] for x in found)
    _, guess, problem, result = min((x for x in found if x[0] < least + CLEAR), key=lambda x: (x[3].nvarys, x[0]))
    if len(read) > 1:
        for j, left in enumerate(_apart(problem, result)):
            problem.scales[j] *= max(float(np.sqrt(np.mean(left**2))), 1e-9)
        result = solve(problem, result.params)
    return _collect(base, read, guess.polarity, problem, result, name, citation)


def _turned(loop: VoltageLoop, polarity: int) -> VoltageLoop:
    """A loop in the convention of the model, where positive bias sets the parallel state."""
    if polarity > 0:
        return loop
    return replace(loop, volts=-loop.volts, response=-loop.response if loop.quantity == "current" else loop.response)


def _states(guess: Guess, base: ParameterSet) -> tuple[FloatArray, ...]:
    """States of the layer; where it never turns over, that of the card."""
    if guess.turns:
        return guess.states
    state = 1.0 if base.values["state"] >= 0 else -1.0
    return tuple(np.full(s.size, state) for s in guess.states)


def _apart(problem: BarrierProblem, result: Any) -> list[FloatArray]:
    """Residuals by loop."""
    ends = np.cumsum([int(u.sum()) for u in problem.used])[:-1]
    return np.split(problem.residual(result.params.valuesdict()), ends)


def _switching(settled: Settled) -> tuple[dict[str, float], dict[str, float], dict[str, Quantity]]:
    """Critical currents with their errors, and the voltages at which the layer turned over."""
    problem, point = settled.problem, settled.point
    values, errors, seen = {}, {}, {}
    found = problem.currents(point)
    inner = problem.currents(point, 0.25), problem.currents(point, 0.75)
    steps = steps_of(point, settled.names, problem.top)
    slopes: dict[str, list[float]] = {n: [] for n in found}
    for name, step in steps.items():
        ends = [problem.currents({**point, name: point[name] + s * step}) for s in (1, -1)]
        for n in found:
            slopes[n].append(float(np.mean(ends[0][n] - ends[1][n])) / (2 * step))
    for n, each in found.items():
        width = 2 * float(np.mean(np.abs(inner[1][n] - inner[0][n])))
        scatter = float(np.std(each, ddof=1) / np.sqrt(each.size)) if each.size > 1 else 0.0
        slope = np.array(slopes[n])
        carried = float(slope @ settled.covariance @ slope)
        values[n] = float(np.mean(each))
        errors[n] = float(np.sqrt(width**2 / 12 + scatter**2 + carried))
        turns = [t for t in problem.turns if t.to_parallel == (n == "ic_ap2p")]
        middle = np.array([t.middle for t in turns])
        error = np.mean([abs(t.high - t.low) for t in turns]) / np.sqrt(12)
        spread = np.std(middle, ddof=1) / np.sqrt(middle.size) if middle.size > 1 else 0.0
        way = "antiparallel to parallel" if n == "ic_ap2p" else "parallel to antiparallel"
        seen[f"v_{n[3:]}_measured"] = Quantity(
            float(np.mean(middle)), float(np.hypot(error, spread)), "V", f"bias at which the layer turns from {way}"
        )
    return values, errors, seen


def _reach(problem: BarrierProblem) -> tuple[float, float]:
    """Largest negative and positive bias."""
    return min(float(x.volts.min()) for x in problem.loops), max(float(x.volts.max()) for x in problem.loops)


def _beyond(base: ParameterSet, name: str, reach: tuple[float, float]) -> float:
    """A threshold of the card, or beyond the sweep where that is within it."""
    value = base.values[name]
    end = reach[1] if value > 0 else -reach[0]
    return value if abs(value) >= end else math.copysign(BEYOND * end, value)


def _unmoved(settled: Settled, base: ParameterSet, values: dict[str, Any]) -> dict[str, str]:
    """Reasons for what no hysteresis tells, and values with which the card does not switch either."""
    problem, reasons = settled.problem, {}
    reach = _reach(problem)
    span = f"within {reach[0]:.3g} V and {reach[1]:.3g} V"
    if "rs" not in settled.point:
        for name in ("v_set", "v_reset"):
            values[name] = _beyond(base, name, reach)
        reasons.update(dict.fromkeys(("rs", "v_set", "v_reset", "tau_b"), f"no resistive hysteresis is seen {span}"))
    turned = {n: any(t.to_parallel == (n == "ic_ap2p") for t in problem.turns) for n in LEFT}
    if not any(turned.values()):
        reasons["tmr"] = f"the layer does not turn over {span}; taken as known"
        if "roll" not in settled.point:
            reasons["v_h"] = "the parallel state does not show it"
    least = problem.least(settled.point)
    for name, sign in LEFT.items():
        if not turned[name]:
            way = "parallel" if sign > 0 else "antiparallel"
            above = f", so it is above {format_si(least[name], 'A')}" if name in least else ""
            like = "" if name in least or problem.fixed[name] == base.values[name] else "; taken like the other one"
            reasons[name] = f"the layer does not leave the {way} state {span}{above}{like}"
    return reasons


def _collect(
    base: ParameterSet,
    given: Sequence[VoltageLoop],
    polarity: int,
    problem: BarrierProblem,
    result: Any,
    name: str | None,
    citation: str,
) -> BarrierFit:
    settled = decide(problem, result)
    point, names = settled.point, settled.names
    values = problem.values(point)
    currents, errors, seen = _switching(settled)
    values.update(currents)
    sure = [n for n in names if n not in settled.tied and not n.startswith("offset")]
    for j, loop in enumerate(given):
        if (key := f"offset_{j}") in names:
            about = f"offset of the measured current in {loop.source}"
            height = problem.heights[j]
            seen[key] = Quantity(polarity * point[key] * height, settled.error(key) * height, "A", about)
    stderr = {n: settled.error(n) for n in sure if not n.startswith("barrier_") and n not in FITTED_AS}
    if "roll" in sure:
        stderr["v_h"] = 0.5 * values["v_h"] ** 3 * settled.error("roll")
    if "log_tau" in sure:
        stderr["tau_b"] = values["tau_b"] * settled.error("log_tau")
    if "barrier_0" in sure:
        stderr["barrier"] = settled.error("barrier_0")
    stderr.update(errors)
    values["state"] = float(problem.states[0][0])
    values["barrier"] = float(np.clip(point.get("barrier_0", values["barrier"]), -1, 1))
    reasons = settled.undetermined | _unmoved(settled, base, values)
    public = [k for k, n in enumerate(names) if n in sure and not (n.startswith("barrier_") and n != "barrier_0")]
    renamed = [FITTED_AS.get(names[k], names[k]) for k in public]
    correlations = correlations_of(settled.covariance[np.ix_(public, public)], renamed, {"v_h": -1.0})
    model = base.definition
    reasons |= not_shown(
        model, {*stderr, *reasons}, "a slow loop of voltage and current does not show it; taken as known", {}
    )
    curves, memory = problem.curves(point)
    fits = []
    for j, loop in enumerate(given):
        curve = polarity * curves[j] if loop.quantity == "current" else curves[j]
        first = float(point.get(f"barrier_{j}", 1.0))
        fits.append(BarrierCurve(loop, curve, problem.states[j], memory[j], problem.used[j], first))
    left = np.concatenate([c.residuals[c.used] / np.ptp(c.loop.response) for c in fits])
    quality = {"rms": float(np.sqrt(np.mean(left**2))), "points": float(left.size), "loops": float(len(fits)),
               "turns": float(len(problem.turns))}  # fmt: skip
    made = ParameterSet(
        model.name,
        name or card_name([x.source for x in given], "barrier"),
        {n: float(values[n]) for n in base.values},
        stderr=stderr,
        correlations=correlations,
        provenance=origin(given, "slow loops of voltage and current, barrier integrated", quality, citation),
        derived=seen,
        undetermined={n: why for n, why in reasons.items() if n in base.values and n not in stderr},
        notes=(*_notes(settled, given, polarity, stderr, correlations, values), *_poor(fits)),
    )
    celsius = problem.fixed["temperature"] - ZERO_CELSIUS
    return BarrierFit(made, tuple(fits), problem.turns, polarity, len(names) + len(currents), celsius, base)


def _poor(fits: Sequence[BarrierCurve]) -> list[str]:
    """Warnings of residuals that hang together from point to point."""
    return [
        f"{c.loop.source}: residuals of {100 * c.rms:.2g} % of the range are not the noise, {100 * c.noise:.2g} %: the "
        "model lacks something of this loop, or the fit found a wrong minimum; look at the plot, and give what is "
        "known with --set"
        for c in fits
        if c.rms > max(STRUCTURE * c.noise, SEEN)
    ]


def _notes(
    settled: Settled,
    given: Sequence[VoltageLoop],
    polarity: int,
    stderr: Mapping[str, float],
    correlations: Mapping[tuple[str, str], float],
    values: Mapping[str, float],
) -> list[str]:
    notes = [note for loop in given for note in loop.notes]
    problem = settled.problem
    if polarity < 0:
        notes.append("negative voltage sets the parallel state: the signs of voltage and current were reversed")
    if problem.turns:
        notes.append(
            f"critical currents are those with which the card, without noise and with delta = {values['delta']:g}, "
            f"switches where the loops do; a state ends at {1 - math.sqrt(2 / values['delta']):.2g} of them"
        )
        speed = max(float(np.max(np.abs(np.diff(x.volts) / np.diff(x.time)))) for x in problem.loops) / problem.top
        if (speed * values["tau_d"]) ** (2 / 3) > 0.01:
            notes.append("the sweep is not slow against tau_d: the layer would switch later than fitted here")
    elif not any(n in stderr for n in BARRIER):
        notes.append("nothing switches in these loops: they tell the conduction of one state and limits, no more")
    for a, b in itertools.combinations(("tau_b", "v_set", "v_reset", "rs"), 2):
        r = correlations.get((a, b), correlations.get((b, a), 0.0))
        if abs(r) > TOGETHER:
            rates = "a loop swept ten times more slowly tells them apart"
            notes.append(f"{a} and {b} are known together rather than each by itself (correlation {r:+.3f}); {rates}")
    return list(dict.fromkeys(notes))
