"""First look at a loop of a memristive junction: where the layer turns over, and what its barrier may do."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from compact.barrierloop import barrier_map
from compact.model import Model
from compact.voltageloop import VoltageLoop

__all__ = ["Guess", "guesses"]

FloatArray = NDArray[np.float64]

JUMPS = 4
"""Places for each sign of the voltage at which the layer may turn over."""
NEAR = 5
"""Points over which a reversal is moved to a jump."""
STATES = 6
"""Histories of the layer for which motions of the barrier are tried."""
LEVELS = (0.3, 0.48, 0.66, 0.85, 2.0)
"""Thresholds that are tried, over the largest voltage; the last one is never reached."""
DOSES = (0.6, 3.0, 15.0)
"""Time constants that are tried: how often the state relaxes in the time that a sweep spends beyond a threshold."""


@dataclass(frozen=True, eq=False)
class Guess:
    """Where a fit may start.

    Parameters
    ----------
    polarity : {1, -1}
        -1 if negative voltage sets the parallel state.
    states : tuple of ndarray
        State of the layer at the points of each loop: 1 parallel, -1 antiparallel.
    values : dict of str to float
        Start values; those of the barrier only where it moves.
    cost : float
        Sum of the squares that a rough fit leaves over that of the responses.
    """

    polarity: int
    states: tuple[FloatArray, ...]
    values: dict[str, float]
    cost: float

    @property
    def turns(self) -> bool:
        """Whether the layer turns over."""
        return any(np.ptp(s) > 0 for s in self.states)

    @property
    def moves(self) -> bool:
        """Whether the barrier does."""
        return "rs" in self.values


def _history(volts: FloatArray, up: float, down: float, start: float) -> FloatArray:
    """1 after the voltage was above `up`, -1 after it was below -`down`, `start` before either."""
    event = np.where(volts > up, 1.0, np.where(volts < -down, -1.0, 0.0))
    last = np.maximum.accumulate(np.where(event != 0, np.arange(event.size), -1))
    return np.where(last >= 0, event[last], start)


def _jumps(loop: VoltageLoop) -> FloatArray:
    """Jump of the current behind each point on the way out, 0 on the way back: that of the conductance, times V [A]."""
    v, i = loop.volts, loop.amps
    step, top = np.diff(v), float(np.abs(v).max())
    sign = np.sign(v[1:])
    out = (sign * step > 0) & (sign * v[:-1] > 0.02 * top)
    jump = np.zeros(v.size)
    jump[1:][out] = np.abs(i[1:] - i[:-1] * v[1:] / np.where(v[:-1] == 0, 1, v[:-1]))[out]
    # What the neighbours do as well is the barrier, which takes many points.
    return np.maximum(jump - median_filter(jump, 7), 0.0)


def _places(loop: VoltageLoop, jump: FloatArray) -> tuple[list[float], list[float]]:
    """Magnitudes of the voltage, of either sign, at which the current jumps, the largest jumps first."""
    found: tuple[list[float], list[float]] = ([], [])
    v = loop.volts
    width = 2.5 * float(np.median(np.abs(np.diff(v))))
    for sign, chosen in zip((1, -1), found, strict=True):
        rows = np.flatnonzero((jump > 0) & (sign * v > 0))
        for k in rows[np.argsort(-jump[rows])].tolist():
            middle = float(sign * (v[k - 1] + v[k]) / 2)
            if all(abs(middle - other) > width for other in chosen):
                chosen.append(middle)
            if len(chosen) == JUMPS:
                break
    return found


def _snapped(loop: VoltageLoop, state: FloatArray, jump: FloatArray) -> FloatArray:
    """Reversals moved to the largest jump nearby: the voltage of a reversal changes with the barrier."""
    found = state.copy()
    near = max(NEAR, loop.volts.size // 100)
    for k in (np.flatnonzero(np.diff(state)) + 1).tolist():
        low, high = max(k - near, 1), min(k + near + 1, loop.volts.size)
        size = jump[low:high] * (np.sign(loop.volts[low:high]) == np.sign(loop.volts[k]))
        best = low + int(np.argmax(size))
        found[low:best], found[best:high] = state[k - 1], state[k]
    return found


def _basis(volts: FloatArray, top: float, state: FloatArray) -> FloatArray:
    """Currents of both states: odd in the voltage and rising faster than it, with a small even part."""
    u = volts / top
    columns = [u, u * np.abs(u), u**3]
    if np.ptp(state):
        columns += [state * c for c in columns]
    return np.stack(columns, axis=1)


def _left(columns: FloatArray, amps: FloatArray) -> tuple[float, FloatArray]:
    solution = np.asarray(np.linalg.lstsq(columns, amps, rcond=None)[0], dtype=np.float64)
    return float(np.sum((columns @ solution - amps) ** 2)), solution


def _all_states(loops: Sequence[VoltageLoop]) -> list[tuple[float, tuple[FloatArray, ...]]]:
    """Likely histories of the layer, the likeliest first; always one in which it never turns over."""
    each: list[list[tuple[float, FloatArray]]] = []
    for loop in loops:
        jump = _jumps(loop)
        ups, downs = _places(loop, jump)
        scale = float(np.sum(loop.amps**2))
        top = float(np.abs(loop.volts).max())
        seen: dict[bytes, tuple[float, FloatArray]] = {}
        for up, down, start in itertools.product((*ups, math.inf), (*downs, math.inf), (1.0, -1.0)):
            state = _snapped(loop, _history(loop.volts, up, down, start), jump)
            state = state if np.ptp(state) else np.ones_like(state)
            key = np.sign(state).astype(np.int8).tobytes()
            if key not in seen:
                seen[key] = (_left(_basis(loop.volts, top, state), loop.amps)[0] / scale, state)
        ranked = sorted(seen.values(), key=lambda x: x[0])
        flat = next(x for x in ranked if not np.ptp(x[1]))
        each.append([*[x for x in ranked if x is not flat][: STATES - 1], flat])
    # The loops of one device have like histories: the likeliest together, the next together, and so on.
    rows = zip(*each, strict=False)
    return [(sum(cost for cost, _ in row), tuple(state for _, state in row)) for row in rows]


def _polarity(loops: Sequence[VoltageLoop], states: Sequence[FloatArray]) -> int:
    """-1 if the state after positive voltage conducts less."""
    more = 0.0
    for loop, state in zip(loops, states, strict=True):
        if np.ptp(state):
            u = loop.volts / np.abs(loop.volts).max()
            more += float(_left(np.stack([u, u**3, state * u], axis=1), loop.amps)[1][2]) / np.abs(loop.amps).max()
    return -1 if more < 0 else 1


def _resistances(loops: Sequence[VoltageLoop], states: Sequence[FloatArray], sign: int) -> dict[str, float]:
    """Start values of the conduction: resistances at moderate bias."""
    ohms = np.concatenate([x.volts / np.where(x.amps == 0, np.nan, x.amps) for x in loops])
    large = np.concatenate([np.abs(x.volts) > 0.1 * np.abs(x.volts).max() for x in loops]) & np.isfinite(ohms)
    state = sign * np.concatenate(list(states))
    low, high = (
        float(np.median(ohms[large & (state == s)])) if np.any(large & (state == s)) else math.nan for s in (1, -1)
    )
    if math.isnan(low) or math.isnan(high):
        return {"r_p": high if math.isnan(low) else low}
    return {"r_p": low, "tmr": max(1.3 * (high / low - 1), 0.02)}


def guesses(
    loops: Sequence[VoltageLoop], model: Model, base: Mapping[str, float], *, barrier: bool = True
) -> list[Guess]:
    """Places from which to start a fit, the best first.

    Parameters
    ----------
    loops : sequence of VoltageLoop
        Loops of one device.
    model : Model
        Model with the barrier of `mgo_memristive`.
    base : mapping of str to float
        Its parameters, as far as known, and `temperature`.
    barrier : bool
        Whether the barrier may move.

    Returns
    -------
    list of Guess
    """
    found: list[Guess] = []
    top = max(float(np.abs(x.volts).max()) for x in loops)
    motions: dict[int, list[_Motion]] = {}
    for cost, states in _all_states(loops):
        sign = _polarity(loops, states)
        start = _resistances(loops, states, sign)
        turned = tuple(sign * s for s in states)
        found.append(Guess(sign, turned, start, cost))
        if barrier:
            if sign not in motions:
                motions[sign] = _motions(loops, model, base, top, sign)
            found += _barriers(loops, motions[sign], found[-1], top)
    return sorted(found, key=lambda g: g.cost)


@dataclass(frozen=True)
class _Motion:
    """A motion of the barrier: its parameters, and its state in each loop as a linear function of that at first."""

    values: dict[str, float]
    maps: tuple[tuple[FloatArray, FloatArray], ...]


def _motions(
    loops: Sequence[VoltageLoop], model: Model, base: Mapping[str, float], top: float, polarity: int
) -> list[_Motion]:
    """Motions that are tried."""
    span = float(np.median([np.ptp(x.time) / _sweeps(x) for x in loops]))
    found = []
    for way, set_at, reset_at, dose in itertools.product((1, -1), LEVELS, LEVELS, DOSES):
        reached = min(set_at, reset_at)
        if reached > 1:
            continue
        # Half of a sweep from zero to the end and back is spent at each sign; the rate is that halfway to the end.
        rate = ((1 + 1 / reached) / 2 - 1) ** 2 * (1 - reached) * span / 2
        given: dict[str, float] = {
            "v_set": way * set_at * top, "v_reset": -way * reset_at * top, "tau_b": max(rate / dose, 1e-12),
        }  # fmt: skip
        found.append(
            _Motion(given, tuple(barrier_map(model, {**base, **given}, x.time, polarity * x.volts) for x in loops))
        )
    return found


def _barriers(loops: Sequence[VoltageLoop], motions: Sequence[_Motion], still: Guess, top: float) -> list[Guess]:
    """Motions of the barrier that go with one history of the layer, the best first."""
    found = []
    plain = [_basis(x.volts, top, s) for x, s in zip(loops, still.states, strict=True)]
    scales = [float(np.sum(x.amps**2)) for x in loops]
    stride = [max(1, x.volts.size // 250) for x in loops]
    for motion, first in itertools.product(motions, (-1.0, 0.0, 1.0)):
        cost, gain = 0.0, 0.0
        for x, columns, (a, b), scale, k in zip(loops, plain, motion.maps, scales, stride, strict=True):
            u, memory = x.volts / top, a * first + b
            left, solution = _left(np.column_stack([columns, memory * u, memory * u**3])[::k], x.amps[::k])
            cost += k * left / scale
            gain += (0.5 * solution[-2] + 0.125 * solution[-1]) / (0.5 * float(np.abs(x.amps).max()))
        share = float(np.clip(gain / len(loops), 0.0, 0.4))
        if share > 0 and cost < 0.98 * still.cost:
            switching = max(2 * share / (1 - 2 * share), 0.01)
            values = {**still.values, **motion.values, "barrier": first, "rs": switching}
            found.append(Guess(still.polarity, still.states, values, cost))
    best = sorted(found, key=lambda g: g.cost)
    return [*best[:1], *[g for g in best[1:] if g.values["v_set"] != best[0].values["v_set"]][:1]]


def _sweeps(loop: VoltageLoop) -> int:
    """Number of sweeps from one end to the other and back, at least one."""
    sign = np.sign(loop.volts[np.abs(loop.volts) > 0.2 * np.abs(loop.volts).max()])
    return max(1, round(np.sum(sign[1:] != sign[:-1]) / 2))
