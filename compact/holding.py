"""Whether a junction keeps its state while it is read: where it rests, and how far a read moves it from there."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from compact.constants import BOLTZMANN, MU_0
from compact.errors import CircuitError, SpinbricksError
from compact.model import ROOM
from compact.models.mtj_held import mean_cosine
from compact.parameters import ParameterSet
from compact.pulsed import PulsedJunction

__all__ = ["freeing_voltage", "motion", "resting", "well_depth"]

FloatArray = NDArray[np.float64]
REST = 100.0
"""Time in which a wall comes to rest, over that in which its angle is damped."""
INSIDE = np.linspace(-0.8, 0.8, 801)
"""Places of a wall where its pinning is looked at: not at the ends, which hold it by themselves."""
MOST = 20.0
"""Highest voltage that is looked at [V]."""


def _moved(card: ParameterSet, volts: float, time: float, state: float) -> float:
    """Place of a wall that starts at a state, after a time [s] at a voltage [V]; without noise."""
    model = card.definition
    names = tuple(s.name for s in model.states)
    known = {**card.values, "noise": 0.0, "temperature": ROOM, "v_fl_rl": volts, "state": state}
    rates, arguments = model.function(*(f"rate_{name}" for name in names))
    fixed = [float(known.get(a, 0.0)) for a in arguments]
    at = [arguments.index(name) if name in arguments else -1 for name in names]

    def slope(_: float, x: FloatArray) -> list[float]:
        point = fixed.copy()
        for place, value in zip(at, x, strict=True):
            if place >= 0:
                point[place] = value
        return list(rates(*point))

    start = [float(model.evaluate(f"static_{name}", known)) for name in names]
    solved = solve_ivp(slope, (0.0, time), start, method="LSODA", rtol=1e-6, atol=1e-8, t_eval=[time])
    if not solved.success:
        raise SpinbricksError(f"card '{card.name}': its motion within {time:g} s is not found: {solved.message}")
    return float(solved.y[names.index("z"), -1])


def resting(card: ParameterSet, states: ArrayLike) -> FloatArray:
    """States in which junctions rest that are left alone in given ones.

    Parameters
    ----------
    card : ParameterSet
        Card of `multidomain`, whose domains stay, or of `domain_wall`, whose wall goes into the nearest well.
    states : array_like
        What instances are given as `state`.

    Returns
    -------
    ndarray
        Of the shape of `states`.
    """
    given = np.asarray(states, dtype=float)
    if card.model != "domain_wall":
        return given
    still = {**card.values, "temperature": ROOM}
    time = REST / card.values["alpha"] * float(card.definition.evaluate("tau_m", still))
    return np.clip(np.vectorize(functools.partial(_moved, card, 0.0, time), otypes=[float])(given), -1, 1)


def motion(card: ParameterSet, volts: ArrayLike, time: float, states: ArrayLike) -> float:
    """Largest change of the state of junctions that are under a voltage for a time.

    Parameters
    ----------
    card : ParameterSet
        Card of `multidomain` or `domain_wall`.
    volts : array_like
        Voltage across each junction [V].
    time : float
        How long it lasts [s].
    states : array_like
        Where each begins: what instances are given as `state`; of the shape of `volts`.

    Returns
    -------
    float
        Change of the mean cosine, of `multidomain` that of any class of domains.
    """
    across, begin = (np.asarray(x, dtype=float).ravel() for x in (volts, states))
    if card.model != "domain_wall":
        junction = PulsedJunction(card.values, max(float(np.abs(across).max()), 1e-6), by_voltage=True)
        pairs = zip(across, begin.tolist(), strict=True)
        return float(max(np.abs(junction.after([v], time, z) - junction.start(z)).max() for v, z in pairs))
    places = [_moved(card, float(v), time, float(z)) for v, z in zip(across, begin, strict=True)]
    return float(np.abs(mean_cosine(card, places) - mean_cosine(card, begin)).max())


def freeing_voltage(card: ParameterSet) -> float:
    """Voltage whose torque equals the strongest pinning field of a wall [V], a magnitude.

    A wall that is hit by a pulse overshoots, and is free at somewhat less.

    Parameters
    ----------
    card : ParameterSet
        Card of `domain_wall`.

    Raises
    ------
    CircuitError
        If no voltage up to 20 V frees it.
    """
    known = {**card.values, "noise": 0.0, "temperature": ROOM, "z": INSIDE, "tilt_c": 1.0, "tilt_s": 0.0}
    strongest = float(np.abs(card.definition.evaluate("pin", {**known, "v_fl_rl": 0.0})).max())
    still = float(card.definition.evaluate("push", {**known, "v_fl_rl": 0.0, "z": 0.0}))

    def lacking(volts: float) -> float:
        both = [float(card.definition.evaluate("push", {**known, "v_fl_rl": v, "z": 0.0})) for v in (volts, -volts)]
        return min(abs(push - still) for push in both) - strongest

    if lacking(MOST) < 0:
        raise CircuitError(f"no voltage up to {MOST:g} V frees the wall of card '{card.name}' from its pinning sites")
    return float(brentq(lacking, 0.0, MOST)) if lacking(0.0) < 0 else 0.0


def well_depth(card: ParameterSet, temperature: float = ROOM) -> float:
    """Highest climb of a wall's pinning energy on its way from one end to the other, over kT.

    2 mu0 Ms t w times the pinning field at zero bias, integrated over the way; of both directions the easier one.

    Parameters
    ----------
    card : ParameterSet
        Card of `domain_wall`.
    temperature : float
        Temperature [K].

    Returns
    -------
    float
        0 where nothing pins the wall.
    """
    v = card.values
    known = {**v, "noise": 0.0, "temperature": ROOM, "v_fl_rl": 0.0, "tilt_c": 1.0, "tilt_s": 0.0, "z": INSIDE}
    field = v["h_k"] * np.broadcast_to(np.asarray(card.definition.evaluate("pin", known), dtype=float), INSIDE.shape)
    per_field = 2 * MU_0 * v["ms"] * v["thickness"] * v["width"]
    step = (INSIDE[1] - INSIDE[0]) / 2 * v["length"]
    energy = -per_field * step * np.concatenate([[0.0], np.cumsum((field[1:] + field[:-1]) / 2)])
    forth = np.max(energy - np.minimum.accumulate(energy))
    back = np.max(energy - np.minimum.accumulate(energy[::-1])[::-1])
    return float(min(forth, back) / (BOLTZMANN * temperature))
