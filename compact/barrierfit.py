"""Cards of junctions whose barrier is a memristor, from measured loops of voltage and current or resistance.

A loop may hold two hystereses: the layer turns over at once, between two points, and the barrier moves gradually beyond its
thresholds. Where the layer turns over is read from the data, each place known to a step of the sweep, and gives the critical
currents; everything else comes from least squares through the declared equations.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import lmfit
import numpy as np
from numpy.typing import NDArray

from compact.barrierguess import Guess, guesses
from compact.barrierloop import at, barrier_map, critical_currents, resting, response
from compact.constants import ZERO_CELSIUS
from compact.errors import DataError, ParameterError, unknown
from compact.fitresult import (
    VAGUE,
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
from compact.loopfit import _persistence
from compact.parameters import ParameterSet, Quantity
from compact.units import format_si
from compact.voltageloop import VoltageLoop, read_voltage_loop

__all__ = ["MODEL", "BarrierCurve", "BarrierFit", "Turn", "fit_barrier"]

FloatArray = NDArray[np.float64]

MODEL = "mgo_memristive"
BARRIER = ("rs", "v_set", "v_reset", "tau_b")
GIVE_UP = ("g_curv", "roll", "barrier", "log_tau", "v_reset", "v_set", "rs", "tmr")
"""What is held, in this order, where the data leave a line of values open."""
SEEN = 3.0
"""Standard errors from which on a curvature counts as seen."""
STARTS, ROUNDS = 4, 3
UNUSED = 2
"""Points before the layer turns over that are not fitted: how far it tilts there depends on where within a step it does."""
MOVED = 1e-3
"""Change of the barrier's state that counts as motion."""
TOGETHER = 0.9
"""Correlation above which two parameters are said to be known only together."""
LEFT = {"ic_p2ap": 1.0, "ic_ap2p": -1.0}
"""State that each critical current leaves."""
FITTED_AS = {"roll": "v_h", "log_tau": "tau_b", "barrier_0": "barrier"}
BEYOND = 1.05
"""How far beyond the end of a sweep that does not reach it a threshold is put."""
NO_ROLL = 1e-6
"""Least fall of the TMR [1/V^2], that of the largest v_h."""


@dataclass(frozen=True)
class Turn:
    """One reversal of the layer.

    Parameters
    ----------
    loop, index : int
        Which loop, and its first point in the new state.
    to_parallel : bool
        Whether the new state is the parallel one.
    low, high : float
        Bias before and after, in the convention of the model [V].
    """

    loop: int
    index: int
    to_parallel: bool
    low: float
    high: float

    @property
    def middle(self) -> float:
        """Centre of the step [V]."""
        return (self.low + self.high) / 2


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
    def rms(self) -> float:
        """Root mean square of the residuals that were fitted over the range of the response [1]."""
        return float(np.sqrt(np.mean(self.residuals[self.used] ** 2)) / np.ptp(self.loop.response))


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
    """

    card: ParameterSet
    curves: tuple[BarrierCurve, ...]
    turns: tuple[Turn, ...]
    polarity: int
    parameters: int
    temperature: float

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
        return [*lines, *left_open(card, " assumed", units=True), *remarks(card.notes)]

    def plot(self, path: str | Path) -> Path:
        """Draw data, fit, residuals and both states to a PNG, SVG or PDF file; the file."""
        from compact.barrierplot import plot_barrier  # matplotlib is slow to import

        return plot_barrier(self, path)


# --------------------------------------------------------------------------------------------- problem


@dataclass
class _Problem:
    """Loops in the convention of the model, with the states of the layer that are tried."""

    base: ParameterSet
    loops: tuple[VoltageLoop, ...]
    temperature: float
    states: tuple[FloatArray, ...]

    def __post_init__(self) -> None:
        self.model = self.base.definition
        self.fixed = at(self.base, self.temperature)
        self.cosines = tuple(0.99 * s for s in self.states)
        self.turns = self._turns()
        self.used = tuple(self._usable(k) for k in range(len(self.loops)))
        self.scales = [float(np.ptp(x.response)) for x in self.loops]
        self.top = max(float(np.abs(x.volts).max()) for x in self.loops)

    def _turns(self) -> tuple[Turn, ...]:
        found = []
        for j, (loop, state) in enumerate(zip(self.loops, self.states, strict=True)):
            for k in (np.flatnonzero(np.diff(state)) + 1).tolist():
                parallel, (low, high) = bool(state[k] > 0), loop.volts[k - 1 : k + 1].tolist()
                sign = 1 if parallel else -1
                found.append(Turn(j, k, parallel, max(sign * low, 0.0) * sign, high))
        return tuple(found)

    def _usable(self, j: int) -> NDArray[np.bool_]:
        used = np.ones(self.loops[j].volts.size, dtype=bool)
        for turn in (t for t in self.turns if t.loop == j):
            used[max(turn.index - UNUSED, 0) : turn.index + 1] = False
        return used

    def values(self, p: Mapping[str, float]) -> dict[str, Any]:
        """Values of the model from what is fitted."""
        values = dict(self.fixed)
        values.update({n: float(p[n]) for n in ("r_p", "tmr", "g_curv", "rs", "v_set", "v_reset") if n in p})
        if "roll" in p:
            values["v_h"] = 1 / math.sqrt(max(float(p["roll"]), NO_ROLL))
        if "log_tau" in p:
            values["tau_b"] = math.exp(float(p["log_tau"]))
        return values

    def memory(self, p: Mapping[str, float], values: Mapping[str, Any]) -> list[FloatArray]:
        """State of the barrier in each loop."""
        if "rs" not in p:
            return [np.ones(x.volts.size) * values["barrier"] for x in self.loops]
        found = []
        for j, loop in enumerate(self.loops):
            a, b = barrier_map(self.model, values, loop.time, loop.volts)
            found.append(a * p[f"barrier_{j}"] + b)
        return found

    def curves(self, p: Mapping[str, float]) -> tuple[list[FloatArray], list[FloatArray]]:
        """Responses of all loops, and states of the barrier."""
        values = self.values(p)
        memory = self.memory(p, values)
        rows = zip(self.loops, self.cosines, memory, strict=True)
        return [response(self.model, values, loop, z, w) for loop, z, w in rows], memory

    def residual(self, p: Mapping[str, float]) -> FloatArray:
        """What is left of the fitted points, over the scale of each loop."""
        rows = zip(self.loops, self.curves(p)[0], self.used, self.scales, strict=True)
        left = np.concatenate([((loop.response - y) / scale)[used] for loop, y, used, scale in rows])
        return np.nan_to_num(left, nan=1e3, posinf=1e3, neginf=-1e3)

    def currents(self, p: Mapping[str, float], where: float = 0.5) -> dict[str, FloatArray]:
        """Critical current that each reversal tells, by parameter; `where` within the step of the sweep it is put."""
        values = self.values(p)
        memory = self.memory(p, values)
        volts = np.array([t.low + where * (t.high - t.low) for t in self.turns])
        w = np.array([memory[t.loop][t.index - 1] * (1 - where) + memory[t.loop][t.index] * where for t in self.turns])
        state = np.array([-1.0 if t.to_parallel else 1.0 for t in self.turns])
        found: dict[str, FloatArray] = {}
        for _ in range(3 if self.turns else 0):  # each direction has a little of the other's critical current in it
            each = critical_currents(self.model, values, volts, w, state)
            for name, sign in LEFT.items():
                if np.any(state == sign):
                    found[name] = each[state == sign]
                    values[name] = float(np.mean(found[name]))
        return found

    def settle(self, p: Mapping[str, float]) -> None:
        """Let the layer rest where its critical currents and the bias put it."""
        found = self.currents(p)
        self.fixed.update({n: float(np.mean(x)) for n, x in found.items()})
        values = self.values(p)
        if self.turns:
            rows = zip(self.loops, self.memory(p, values), self.states, strict=True)
            self.cosines = tuple(resting(self.model, values, x.volts, w, s) for x, w, s in rows)

    def reassign(self, p: Mapping[str, float]) -> bool:
        """Move each reversal to where the data have it; whether any moved."""
        values = self.values(p)
        memory = self.memory(p, values)
        changed = False
        for j, loop in enumerate(self.loops):
            both = [
                np.abs(response(self.model, values, loop, s * np.abs(self.cosines[j]), memory[j]) - loop.response)
                for s in (1.0, -1.0)
            ]
            nearer = np.where(both[0] < both[1], 1.0, -1.0)
            state = self.states[j].copy()
            for turn in (t for t in self.turns if t.loop == j):
                new, reach = state[turn.index], 6
                rows = range(max(turn.index - reach, 1), min(turn.index + reach, loop.volts.size - 1) + 1)
                # Of all places nearby, that with the fewest points nearer to the other state.
                first, last = rows[0] - 1, rows[-1]
                wrong = [np.sum(nearer[first:k] == new) + np.sum(nearer[k : last + 1] != new) for k in rows]
                sign = 1 if turn.to_parallel else -1
                allowed = [w if sign * loop.volts[k] > 0 else w + 99 for w, k in zip(wrong, rows, strict=True)]
                best = min(zip(allowed, (abs(k - turn.index) for k in rows), rows, strict=True))[2]
                state[first:best] = -new
                state[best : last + 1] = new
                changed |= best != turn.index
            if changed:
                self.states = (*self.states[:j], state, *self.states[j + 1 :])
        if changed:
            self.turns = self._turns()
            self.used = tuple(self._usable(k) for k in range(len(self.loops)))
        return changed


def _parameters(problem: _Problem, guess: Guess) -> lmfit.Parameters:
    """What is fitted, with start values; thresholds keep their signs."""
    top, many = problem.top, problem.turns or any(np.ptp(s) for s in problem.states)
    params = lmfit.Parameters()
    base = problem.fixed
    low = guess.values["r_p"]
    alone = problem.states[0][0] if not many else 1.0
    params.add("r_p", low if alone > 0 else low / (1 + base["tmr"]), min=1e-3 * low, max=1e3 * low)
    if many:
        params.add("tmr", min(guess.values["tmr"], 15.0), min=0.0, max=20.0)
    if many or alone < 0:
        params.add("roll", 1 / top**2, min=NO_ROLL, max=1e4)
    params.add("g_curv", 0.02 / top**2, min=base["g_slope"] ** 2 / 3.9, max=1e3)
    if guess.moves:
        params.add("rs", guess.values["rs"], min=0.0, max=10.0)
        for name in ("v_set", "v_reset"):
            value = guess.values[name]
            ends = sorted((math.copysign(0.02 * top, value), math.copysign(4 * top, value)))
            params.add(name, value, min=ends[0], max=ends[1])
        params.add("log_tau", math.log(guess.values["tau_b"]), min=math.log(1e-12), max=math.log(1e6))
        for j in range(len(problem.loops)):
            params.add(f"barrier_{j}", guess.values["barrier"])
    return params


def _minimise(problem: _Problem, params: lmfit.Parameters) -> Any:
    return lmfit.minimize(
        lambda p: problem.residual(p.valuesdict()), params, method="leastsq", max_nfev=1500, epsfcn=1e-10
    )


def _solve(problem: _Problem, params: lmfit.Parameters) -> Any:
    """Fit, let the layer settle where the fit puts it, and fit again."""
    result = _minimise(problem, params)
    for _ in range(ROUNDS):
        moved = problem.reassign(result.params.valuesdict())
        problem.settle(result.params.valuesdict())
        before = float(result.chisqr)
        result = _minimise(problem, result.params)
        if not moved and abs(before - result.chisqr) < 1e-4 * before:
            break
    return result


def _criterion(problem: _Problem, result: Any) -> float:
    """Akaike's criterion for small samples, noise and switching voltages counted among the parameters."""
    n, k = int(result.ndata), int(result.nvarys) + len({t.to_parallel for t in problem.turns}) + 1
    left = max(float(result.chisqr) / n, 1e-30)
    return n * math.log(left) + 2 * k + 2 * k * (k + 1) / max(n - k - 1, 1)


# ------------------------------------------------------------------------------------------------- fit


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
        One loop, or several of the same device; different sweep rates tell thresholds and time constant apart.
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
    found = []
    for guess in starts:
        turned = tuple(_turned(x, guess.polarity) for x in read)
        problem = _Problem(base, turned, temperature, _states(guess, base))
        result = _solve(problem, _parameters(problem, guess))
        found.append((_criterion(problem, result), guess, problem, result))
    # The simplest of those that the data do not clearly tell from the best.
    least = min(x[0] for x in found)
    _, guess, problem, result = min((x for x in found if x[0] < least + CLEAR), key=lambda x: (x[3].nvarys, x[0]))
    if len(read) > 1:
        for j, left in enumerate(_apart(problem, result)):
            problem.scales[j] *= max(float(np.sqrt(np.mean(left**2))), 1e-9)
        result = _solve(problem, result.params)
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


def _apart(problem: _Problem, result: Any) -> list[FloatArray]:
    """Residuals by loop."""
    ends = np.cumsum([int(u.sum()) for u in problem.used])[:-1]
    return np.split(problem.residual(result.params.valuesdict()), ends)


# ------------------------------------------------------------------------------------------------ card


@dataclass
class _Settled:
    """Solution in which everything that is fitted is determined."""

    problem: _Problem
    result: Any
    covariance: FloatArray
    undetermined: dict[str, str]
    notes: list[str]

    @property
    def names(self) -> list[str]:
        return list(self.result.var_names)

    @property
    def point(self) -> dict[str, float]:
        return dict(self.result.params.valuesdict())

    def error(self, name: str) -> float:
        return float(np.sqrt(self.covariance[self.names.index(name), self.names.index(name)]))


def _steps(point: Mapping[str, float], names: Sequence[str], top: float) -> dict[str, float]:
    """Steps of derivatives: a small part of each value, or of what matters."""
    least = {"roll": 1 / top**2, "g_curv": 1 / top**2, "log_tau": 1.0, "tmr": 0.1, "rs": 0.01}
    return {n: 1e-4 * max(abs(point[n]), least.get(n, 1.0 if n.startswith("barrier") else 0.0)) for n in names}


def _covariance(problem: _Problem, result: Any) -> FloatArray:
    """Covariance of what was fitted; infinite for what changes nothing."""
    names, point = list(result.var_names), dict(result.params.valuesdict())
    columns = []
    for name, step in _steps(point, names, problem.top).items():
        up, down = (problem.residual({**point, name: point[name] + s * step}) for s in (1, -1))
        columns.append((up - down) / (2 * step))
    jacobian = np.stack(columns, axis=1)
    left = problem.residual(point)
    freedom = max(left.size - len(names), 1)
    spread = np.sum(left**2) / freedom * _persistence(left) ** 2
    size = np.linalg.norm(jacobian, axis=0)
    dead = size < 1e-12 * size.max()
    scaled = jacobian / np.where(dead, 1.0, size)
    _, singular, vt = np.linalg.svd(scaled[:, ~dead], full_matrices=False)
    inverse = (vt.T / np.maximum(singular, 1e-9) ** 2) @ vt / np.outer(size[~dead], size[~dead])
    covariance = np.diag(np.where(dead, np.inf, 0.0))
    covariance[np.ix_(~dead, ~dead)] = spread * inverse
    return covariance


def _reason(name: str, value: float, error: float) -> str:
    """Why a parameter is not determined, empty where it is."""
    limit = {"log_tau": VAGUE, "barrier": VAGUE}.get(name.split("_")[0] if name.startswith("barrier") else name)
    if name in ("roll", "g_curv"):
        return "" if value > SEEN * error else f"not told from none: {value:.2g} ± {error:.1g} 1/V^2"
    if error < (limit if limit is not None else VAGUE * abs(value)):
        return ""
    return "the loops leave it open" + ("" if not math.isfinite(error) else f": ± {error:.1g}")


def _hold(problem: _Problem, result: Any, name: str) -> tuple[Any, str]:
    """Fit without one parameter, at what is known of it, or as fitted where that does not go with the data."""
    params = result.params.copy()
    fixed, known = problem.fixed, float(result.params[name].value)
    if name == "roll":
        known = 1 / fixed["v_h"] ** 2
    elif name == "log_tau":
        known = math.log(fixed["tau_b"])
    elif name.startswith("barrier"):
        known = fixed["barrier"]
    else:
        known = fixed[name]
    trials = []
    low, high = params[name].min, params[name].max
    for value in (known, float(result.params[name].value)):
        if low <= value <= high:
            params[name].set(value=value, vary=False)
            trials.append((_minimise(problem, params), value))
    best = min(float(r.chisqr) for r, _ in trials)
    scatter = best / max(int(result.ndata) - int(result.nvarys), 1)
    for trial, value in trials:
        if trial.chisqr - best < SEEN**2 * scatter:
            return trial, "taken as known" if value == known and value != result.params[name].value else "as fitted"
    raise AssertionError("one of the trials is the best")


def _without_barrier(problem: _Problem, result: Any) -> Any:
    params = lmfit.Parameters()
    for n, p in result.params.items():
        if n not in ("rs", "v_set", "v_reset", "log_tau") and not n.startswith("barrier"):
            params.add(n, p.value, min=p.min, max=p.max, vary=p.vary)
    return _minimise(problem, params)


def _decide(problem: _Problem, result: Any) -> _Settled:
    """Hold what the data leave open, one parameter after the other, until the rest is determined."""
    undetermined: dict[str, str] = {}
    notes: list[str] = []
    while True:
        covariance = _covariance(problem, result)
        names, point = list(result.var_names), dict(result.params.valuesdict())
        errors = dict(zip(names, np.sqrt(np.diag(covariance)).tolist(), strict=True))
        unknown_ = {n: why for n in names if (why := _reason(n, point[n], errors[n]))}
        drop = next((n for g in GIVE_UP for n in unknown_ if n == g or n.rstrip("0123456789") == f"{g}_"), None)
        if drop is None:
            if unknown_:
                raise DataError(f"{problem.loops[0].source}: the data do not determine {' and '.join(unknown_)}")
            break
        why = unknown_[drop]
        if drop == "rs":
            result = _without_barrier(problem, result)
            undetermined.update(dict.fromkeys(BARRIER, "no motion of the barrier that could be told from none"))
            continue
        result, how = _hold(problem, result, drop)
        undetermined[FITTED_AS.get(drop, drop)] = f"{why}; {how}"
    outside = [n for n in names if n.startswith("barrier") and abs(point[n]) > 1]
    if outside:
        # Errors are those without the limit: at a limit there is no linear error.
        params = result.params.copy()
        for n in outside:
            params[n].set(value=math.copysign(1.0, point[n]), vary=False)
        held = _minimise(problem, params)
        for n in names:
            result.params[n].value = held.params[n].value
    problem.settle(dict(result.params.valuesdict()))
    return _Settled(problem, result, covariance, undetermined, notes)


def _switching(settled: _Settled) -> tuple[dict[str, float], dict[str, float], dict[str, Quantity]]:
    """Critical currents with their errors, and the voltages at which the layer turned over."""
    problem, point = settled.problem, settled.point
    values, errors, seen = {}, {}, {}
    found = problem.currents(point)
    inner = problem.currents(point, 0.25), problem.currents(point, 0.75)
    steps = _steps(point, settled.names, problem.top)
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


def _reach(problem: _Problem) -> tuple[float, float]:
    """Largest negative and positive bias."""
    return min(float(x.volts.min()) for x in problem.loops), max(float(x.volts.max()) for x in problem.loops)


def _beyond(base: ParameterSet, name: str, reach: tuple[float, float]) -> float:
    """A threshold of the card, or beyond the sweep where that is within it."""
    value = base.values[name]
    end = reach[1] if value > 0 else -reach[0]
    return value if abs(value) >= end else math.copysign(BEYOND * end, value)


def _unmoved(settled: _Settled, base: ParameterSet, values: dict[str, Any]) -> dict[str, str]:
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
    memory = problem.memory(settled.point, values)
    for name, sign in LEFT.items():
        if turned[name]:
            continue
        way = "parallel" if sign > 0 else "antiparallel"
        reasons[name] = f"the layer does not leave the {way} state {span}"
        rows = [(s == sign) & (sign * x.volts < 0) for x, s in zip(problem.loops, problem.states, strict=True)]
        if any(r.any() for r in rows):
            volts = np.concatenate([x.volts[r] for x, r in zip(problem.loops, rows, strict=True)])
            w = np.concatenate([m[r] for m, r in zip(memory, rows, strict=True)])
            k = int(np.argmax(np.abs(volts)))
            least = critical_currents(problem.model, values, volts[k : k + 1], w[k : k + 1], np.array([sign]))
            values[name] = max(values[name], BEYOND * float(least[0]))
            reasons[name] += f", so it is above {format_si(float(least[0]), 'A')}"
    return reasons


def _collect(
    base: ParameterSet,
    given: Sequence[VoltageLoop],
    polarity: int,
    problem: _Problem,
    result: Any,
    name: str | None,
    citation: str,
) -> BarrierFit:
    settled = _decide(problem, result)
    point, names = settled.point, settled.names
    values = problem.values(point)
    currents, errors, seen = _switching(settled)
    values.update(currents)
    stderr = {n: settled.error(n) for n in names if not n.startswith("barrier_") and n not in FITTED_AS}
    if "roll" in names:
        stderr["v_h"] = 0.5 * values["v_h"] ** 3 * settled.error("roll")
    if "log_tau" in names:
        stderr["tau_b"] = values["tau_b"] * settled.error("log_tau")
    if "barrier_0" in names:
        stderr["barrier"] = settled.error("barrier_0")
    stderr.update(errors)
    values["state"] = float(problem.states[0][0])
    values["barrier"] = float(np.clip(point.get("barrier_0", values["barrier"]), -1, 1))
    reasons = settled.undetermined | _unmoved(settled, base, values)
    public = [k for k, n in enumerate(names) if not (n.startswith("barrier_") and n != "barrier_0")]
    renamed = [FITTED_AS.get(names[k], names[k]) for k in public]
    correlations = correlations_of(settled.covariance[np.ix_(public, public)], renamed, {"v_h": -1.0})
    model = base.definition
    reasons |= not_shown(
        model, {*stderr, *reasons}, "a slow loop of voltage and current does not show it; taken as known", {}
    )
    curves, memory = problem.curves(point)
    fits = tuple(
        BarrierCurve(
            loop, polarity * y if loop.quantity == "current" else y, state, w, used, float(point.get(f"barrier_{j}", 1.0))
        )
        for j, (loop, y, state, w, used) in enumerate(zip(given, curves, problem.states, memory, problem.used, strict=True))
    )
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
        undetermined={n: why for n, why in reasons.items() if n not in stderr},
        notes=tuple(_notes(settled, given, polarity, stderr, correlations, values)),
    )
    counted = len(names) + len(currents)
    return BarrierFit(made, fits, problem.turns, polarity, counted, problem.fixed["temperature"] - ZERO_CELSIUS)


def _notes(
    settled: _Settled,
    given: Sequence[VoltageLoop],
    polarity: int,
    stderr: Mapping[str, float],
    correlations: Mapping[tuple[str, str], float],
    values: Mapping[str, float],
) -> list[str]:
    notes = [note for loop in given for note in loop.notes] + settled.notes
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
            rates = "a loop swept at another rate tells them apart" if len(given) == 1 else "other sweep rates may help"
            notes.append(f"{a} and {b} are known together rather than each by itself (correlation {r:+.3f}); {rates}")
    return list(dict.fromkeys(notes))
