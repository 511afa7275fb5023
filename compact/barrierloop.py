"""A slow sweep of the voltage over a junction with a memristive barrier: both states, and what the instrument shows.

The layer follows the bias without delay: it rests where its drift vanishes, and leaves a state where that place ends.
The barrier is integrated: its equation is linear in its state, so each step is exact but for the doses of both rates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compact.constants import ZERO_CELSIUS
from compact.model import Model
from compact.parameters import ParameterSet
from compact.voltageloop import VoltageLoop

__all__ = ["Sweep", "at", "barrier_map", "critical_currents", "response", "resting", "simulate_sweep"]

FloatArray = NDArray[np.float64]

STEPS = 1000
"""Steps of the barrier over a loop, at the least one between two points."""
COSINE = np.sin(np.linspace(-np.pi / 2, np.pi / 2, 401))
"""Cosines at which the drift of the layer is looked at."""
ROWS = 2000
"""Points whose drift is looked at together."""


def at(card: ParameterSet, temperature: float) -> dict[str, float]:
    """Values of a card at a temperature [degC], without noise."""
    return {**card.values, "temperature": temperature + ZERO_CELSIUS, "noise": 0.0}


def barrier_map(
    model: Model, values: Mapping[str, Any], time: FloatArray, volts: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """State of the barrier at each point as a linear function a w_0 + b of that at the first one.

    Parameters
    ----------
    model : Model
        Model with the barrier of `mgo_memristive`.
    values : mapping of str to float
        Its parameters.
    time, volts : ndarray (n,)
        Times [s] and bias [V], straight between the points.

    Returns
    -------
    a, b : ndarray (n,)
    """
    n = time.size
    count = max(1, -(-STEPS // n))
    # Simpson's rule on each step: the rates are quadratic beyond their thresholds.
    share = np.arange(2 * count + 1) / (2 * count)
    bias = volts[:-1, None] + np.diff(volts)[:, None] * share
    up, down, tau = model.evaluate(["rate_set", "rate_reset", "tau_w"], {**values, "v_fl_rl": bias})
    step = (np.diff(time) / count)[:, None] / tau[:1, :1]
    dose_up, dose_down = ((r[:, :-1:2] + 4 * r[:, 1::2] + r[:, 2::2]) / 6 * step for r in (up, down))
    total = dose_up + dose_down
    aim = (dose_up - dose_down) / np.maximum(total, 1e-300)
    kept = np.exp(-total)
    slope, offset = np.ones(n - 1), np.zeros(n - 1)
    for k in range(count):
        slope, offset = slope * kept[:, k], offset * kept[:, k] + aim[:, k] * -np.expm1(-total[:, k])
    a, b = [1.0], [0.0]
    for x, y in zip(slope.tolist(), offset.tolist(), strict=True):
        a.append(a[-1] * x)
        b.append(b[-1] * x + y)
    return np.array(a), np.array(b)


def _drift(model: Model, values: Mapping[str, Any], volts: FloatArray, memory: FloatArray) -> FloatArray:
    """Drift of the layer at each point (rows) and cosine (columns) [1/s]."""
    point = {**values, "v_fl_rl": volts[:, None], "w_b": memory[:, None], "z": COSINE}
    return np.asarray(model.evaluate("rate_z", point))


def _settled(drift: FloatArray, start: float) -> float:
    """Where the drift leads from a cosine: the next one at which it changes its sign."""
    j = int(np.searchsorted(COSINE, start).clip(1, COSINE.size - 1))
    f0, f1 = drift[j - 1], drift[j]
    here = f0 + (f1 - f0) * (start - COSINE[j - 1]) / (COSINE[j] - COSINE[j - 1])
    if here >= 0:
        ahead = np.flatnonzero(drift[j:] < 0)
        k = j + int(ahead[0]) if ahead.size else COSINE.size - 1
        a, b = (k - 1, k) if k > j or f0 >= 0 else (j - 1, j)
    else:
        behind = np.flatnonzero(drift[:j] >= 0)
        a = int(behind[-1]) if behind.size else 0
        b = a + 1
    fall = drift[a] - drift[b]
    share = float(np.clip(drift[a] / fall, 0, 1)) if fall else 0.0
    return float(COSINE[a] + share * (COSINE[b] - COSINE[a]))


def resting(
    model: Model, values: Mapping[str, Any], volts: FloatArray, memory: FloatArray, state: FloatArray
) -> FloatArray:
    """Cosine at which the layer rests in given states, at the end of that state where it is not stable any more.

    Parameters
    ----------
    model : Model
        The model.
    values : mapping of str to float
        Its parameters.
    volts, memory, state : ndarray (n,)
        Bias [V], state of the barrier, and 1 for parallel, -1 for antiparallel.

    Returns
    -------
    ndarray (n,)
    """
    half = COSINE[COSINE.size // 2 :][::-1]  # from the pole to the equator
    cosine = np.empty(volts.size)
    for k in range(0, volts.size, ROWS):
        rows = slice(k, k + ROWS)
        point = {**values, "v_fl_rl": volts[rows, None], "w_b": memory[rows, None], "z": state[rows, None] * half}
        outward = state[rows, None] * np.asarray(model.evaluate("rate_z", point))
        stable = outward >= 0
        b = np.where(stable.any(axis=1), np.argmax(stable, axis=1), np.argmax(outward, axis=1))
        a = np.maximum(b - 1, 0)
        i = np.arange(b.size)
        fall = outward[i, b] - outward[i, a]
        share = np.where(stable.any(axis=1), np.clip(-outward[i, a] / np.where(fall == 0, 1, fall), 0, 1), 1.0)
        cosine[rows] = state[rows] * (half[a] + share * (half[b] - half[a]))
    return cosine


def critical_currents(
    model: Model, values: Mapping[str, Any], volts: FloatArray, memory: FloatArray, state: FloatArray
) -> FloatArray:
    """Critical current for which a state ends at a given bias [A].

    Parameters
    ----------
    model : Model
        The model.
    values : mapping of str to float
        Its parameters; the critical current of the other direction is taken from there.
    volts, memory, state : ndarray (n,)
        Bias [V] and state of the barrier where the layer leaves a state, and that state: 1 parallel, -1 antiparallel.

    Returns
    -------
    ndarray (n,)
        `ic_p2ap` where parallel is left, `ic_ap2p` otherwise.
    """
    half = COSINE[COSINE.size // 2 :]
    cosine = state[:, None] * half
    amps = np.abs(model.evaluate("i", {**values, "v_fl_rl": volts, "w_b": memory, "z": state}))
    low, high = np.log(0.02 * amps), np.log(50 * amps)
    left = state[:, None] > 0
    for _ in range(40):
        middle = (low + high) / 2
        own = np.exp(middle)[:, None]
        point = {
            **values, "v_fl_rl": volts[:, None], "w_b": memory[:, None], "z": cosine,
            "ic_p2ap": np.where(left, own, values["ic_p2ap"]), "ic_ap2p": np.where(left, values["ic_ap2p"], own),
        }  # fmt: skip
        kept = np.max(state[:, None] * model.evaluate("rate_z", point), axis=1) >= 0
        low, high = np.where(kept, low, middle), np.where(kept, middle, high)
    return np.asarray(np.exp((low + high) / 2))


def response(
    model: Model,
    values: Mapping[str, Any],
    loop: VoltageLoop,
    cosine: FloatArray,
    memory: FloatArray,
) -> FloatArray:
    """What a loop shows at given states: current [A] or resistance [Ohm]."""
    point = {**values, "v_fl_rl": loop.volts, "z": cosine, "w_b": memory}
    return np.asarray(model.evaluate("i" if loop.quantity == "current" else "resistance", point))


@dataclass(frozen=True)
class Sweep:
    """A card in a slow sweep.

    Parameters
    ----------
    current, resistance : ndarray (n,)
        Current [A] and resistance [Ohm].
    cosine, memory : ndarray (n,)
        States of layer and barrier.
    """

    current: FloatArray
    resistance: FloatArray
    cosine: FloatArray
    memory: FloatArray


def simulate_sweep(card: ParameterSet, time: ArrayLike, volts: ArrayLike, temperature: float = 27.0) -> Sweep:
    """Sweep the bias of a card slowly: its magnetic state follows at once, its barrier as fast as it can.

    Parameters
    ----------
    card : ParameterSet
        Card of `mgo_memristive`; `state` and `barrier` are the states at first.
    time, volts : array_like (n,)
        Times [s] and bias [V], which goes straight from one point to the next.
    temperature : float
        Temperature [degC].

    Returns
    -------
    Sweep
    """
    t, bias = np.asarray(time, dtype=float), np.asarray(volts, dtype=float)
    model, values = card.definition, at(card, temperature)
    a, b = barrier_map(model, values, t, bias)
    memory = a * values["barrier"] + b
    cosine, now = np.empty(t.size), float(values["state"])
    for first in range(0, t.size, ROWS):
        rows = slice(first, first + ROWS)
        for k, drift in enumerate(_drift(model, values, bias[rows], memory[rows])):
            cosine[first + k] = now = _settled(drift, now)
    point = values | {"v_fl_rl": bias, "z": cosine, "w_b": memory}
    current, resistance = model.evaluate(["i", "resistance"], point)
    return Sweep(current, resistance, cosine, memory)
