"""Least squares of voltage loops of a memristive junction: what is fitted, and where the layer turns over."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import lmfit
import numpy as np
from numpy.typing import NDArray

from compact.barrierguess import Guess
from compact.barrierloop import at, barrier_map, critical_currents, response, resting
from compact.loopchoice import candidate
from compact.parameters import ParameterSet
from compact.voltageloop import VoltageLoop

__all__ = ["BEYOND", "LEFT", "MODEL", "BarrierProblem", "Turn", "criterion", "minimise", "solve", "start_parameters"]

FloatArray = NDArray[np.float64]

MODEL = "mgo_memristive"
ROUNDS = 3
"""How often the layer is let settle after a fit."""
UNUSED = 2
"""Points before the layer turns over that are not fitted: how far it tilts there depends on where in a step it does."""
REACH = 6
"""Points over which the data may move a reversal."""
LEFT = {"ic_p2ap": 1.0, "ic_ap2p": -1.0}
"""State that each critical current leaves."""
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


@dataclass
class BarrierProblem:
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
        self.heights = [float(np.ptp(x.response)) for x in self.loops]
        self.scales = list(self.heights)
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
        rows = enumerate(zip(self.loops, self.cosines, memory, strict=True))
        offset = [p.get(f"offset_{j}", 0.0) * height for j, height in enumerate(self.heights)]
        return [response(self.model, values, loop, z, w) + offset[j] for j, (loop, z, w) in rows], memory

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

    def least(self, p: Mapping[str, float]) -> dict[str, float]:
        """Critical currents above which a state that was never left stays, where the sweep went against it [A]."""
        values = self.values(p)
        memory = self.memory(p, values)
        found: dict[str, float] = {}
        for name, sign in LEFT.items():
            rows = [(s == sign) & (sign * x.volts < 0) for x, s in zip(self.loops, self.states, strict=True)]
            if any((t.to_parallel == (sign < 0)) for t in self.turns) or not any(r.any() for r in rows):
                continue
            volts = np.concatenate([x.volts[r] for x, r in zip(self.loops, rows, strict=True)])
            w = np.concatenate([m[r] for m, r in zip(memory, rows, strict=True)])
            k = int(np.argmax(np.abs(volts)))
            at_end = critical_currents(self.model, values, volts[k : k + 1], w[k : k + 1], np.array([sign]))
            found[name] = float(at_end[0])
        return found

    def settle(self, p: Mapping[str, float]) -> None:
        """Let the layer rest where its critical currents and the bias put it."""
        default = self.model.complete({})
        for _ in range(3):  # each direction depends on the other, a little
            found = {n: float(np.mean(x)) for n, x in self.currents(p).items()}
            self.fixed.update(found)
            least = self.least(p)
            for n in LEFT:
                if n in least:
                    self.fixed[n] = max(self.base.values[n], BEYOND * least[n])
                elif n not in found and found and self.base.values[n] == default[n]:
                    self.fixed[n] = next(iter(found.values()))  # of which nothing is known: like the other one
        values = self.values(p)
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
                new = state[turn.index]
                rows = range(max(turn.index - REACH, 1), min(turn.index + REACH, loop.volts.size - 1) + 1)
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


def start_parameters(problem: BarrierProblem, guess: Guess) -> lmfit.Parameters:
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
    for j, loop in enumerate(problem.loops):
        if loop.quantity == "current":
            params.add(f"offset_{j}", 0.0)
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


def minimise(problem: BarrierProblem, params: lmfit.Parameters, rounds: int = 100) -> Any:
    """Least squares; a change of chi squared by a part in a million is far below the errors."""
    free = sum(p.vary for p in params.values())
    return lmfit.minimize(
        lambda p: problem.residual(p.valuesdict()), params, method="leastsq", max_nfev=rounds * (free + 1),
        epsfcn=1e-10, ftol=1e-6, xtol=1e-6,
    )  # fmt: skip


def solve(problem: BarrierProblem, params: lmfit.Parameters) -> Any:
    """Fit, let the layer settle where the fit puts it, and fit again."""
    result = minimise(problem, params)
    for _ in range(ROUNDS):
        moved = problem.reassign(result.params.valuesdict())
        problem.settle(result.params.valuesdict())
        before = float(result.chisqr)
        result = minimise(problem, result.params)
        if not moved and abs(before - result.chisqr) < 1e-4 * before:
            break
    return result


def criterion(problem: BarrierProblem, result: Any) -> float:
    """Akaike's criterion for small samples; each direction of switching has its voltage as a parameter."""
    left = np.maximum(np.abs(problem.residual(result.params.valuesdict())), 1e-12)
    return candidate(MODEL, "", left, int(result.nvarys) + len({t.to_parallel for t in problem.turns})).aicc
