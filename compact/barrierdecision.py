"""Which parameters voltage loops of a memristive junction determine, with their covariance; the others are held."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import lmfit
import numpy as np
from numpy.typing import NDArray

from compact.barrierproblem import BarrierProblem, minimise
from compact.errors import DataError
from compact.fitresult import VAGUE
from compact.loopfit import _persistence

__all__ = ["BARRIER", "FITTED_AS", "Settled", "decide", "steps_of"]

FloatArray = NDArray[np.float64]

BARRIER = ("rs", "v_set", "v_reset", "tau_b")
GIVE_UP = ("offset", "g_curv", "roll", "barrier", "log_tau", "v_reset", "v_set", "rs", "tmr")
"""What is held, in this order, where the data leave a line of values open."""
FITTED_AS = {"roll": "v_h", "log_tau": "tau_b", "barrier_0": "barrier"}
"""Parameter of the model behind what is fitted."""
SEEN = 3.0
"""Standard errors from which on a curvature counts as seen."""
ALONE = 2
"""Place in `GIVE_UP` of the last one that is none where it is not seen."""
FLAT = 3e-6
"""Least singular value of the scaled derivatives: what is flatter is open, but shall not swamp the rest by rounding."""
OUTSIDE = 1.2
"""State of the barrier, at most 1, that noise may still feign."""


@dataclass
class Settled:
    """Solution in which everything that is fitted is determined."""

    problem: BarrierProblem
    result: Any
    covariance: FloatArray
    undetermined: dict[str, str]
    tied: frozenset[str]

    @property
    def names(self) -> list[str]:
        return list(self.result.var_names)

    @property
    def point(self) -> dict[str, float]:
        return dict(self.result.params.valuesdict())

    def error(self, name: str) -> float:
        return float(np.sqrt(self.covariance[self.names.index(name), self.names.index(name)]))


def steps_of(point: Mapping[str, float], names: Sequence[str], top: float) -> dict[str, float]:
    """Steps of derivatives: a small part of each value, or of what matters."""
    least = {
        "roll": 1 / top**2,
        "g_curv": 1 / top**2,
        "log_tau": 1.0,
        "tmr": 0.1,
        "rs": 0.01,
        "barrier": 1.0,
        "offset": 1.0,
    }
    return {n: 1e-4 * max(abs(point[n]), least.get(n, least.get(n.split("_")[0], 0.0))) for n in names}


def _covariance(problem: BarrierProblem, result: Any) -> FloatArray:
    """Covariance of what was fitted; infinite for what changes nothing."""
    names, point = list(result.var_names), dict(result.params.valuesdict())
    columns = []
    for name, step in steps_of(point, names, problem.top).items():
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
    inverse = (vt.T / np.maximum(singular, FLAT) ** 2) @ vt / np.outer(size[~dead], size[~dead])
    covariance = np.diag(np.where(dead, np.inf, 0.0))
    covariance[np.ix_(~dead, ~dead)] = spread * inverse
    return covariance


def _reason(problem: BarrierProblem, name: str, value: float, error: float) -> str:
    """Why a parameter is not determined, empty where it is."""
    if name.startswith("offset"):
        return "" if abs(value) > SEEN * error else "no offset"
    if name in ("roll", "g_curv"):
        return "" if value > SEEN * error else f"not told from none: {value:.2g} ± {error:.1g} 1/V^2"
    if error < (VAGUE if name == "log_tau" or name.startswith("barrier") else VAGUE * abs(value)):
        return ""
    if not math.isfinite(error):
        way = {"v_set": "lower", "v_reset": "raise"}.get(name)
        return f"no sweep goes far enough to {way} the resistance of the barrier" if way else "nothing depends on it"
    return "the loops leave it open"


def _kept(problem: BarrierProblem, result: Any, name: str, value: float) -> Any | None:
    """Fit with one parameter held at a value, None where that does not go with the data."""
    params = result.params.copy()
    if not params[name].min <= value <= params[name].max:
        return None
    params[name].set(value=value, vary=False)
    trial = minimise(problem, params)
    outside = any(n.startswith("barrier") and abs(p.value) > OUTSIDE for n, p in trial.params.items())
    return trial if not outside and _costs(result, trial) < SEEN**2 else None


def _costs(result: Any, other: Any) -> float:
    """How much chi squared rises from one result to another, in units of the variance of a point."""
    scatter = float(result.chisqr) / max(int(result.ndata) - int(result.nvarys), 1)
    return (float(other.chisqr) - float(result.chisqr)) / max(scatter, 1e-300)


def _known(problem: BarrierProblem, name: str) -> float:
    """What is known of a parameter of the fit."""
    fixed = problem.fixed
    if name.startswith("offset"):
        return 0.0
    if name == "roll":
        return float(1 / fixed["v_h"] ** 2)
    if name == "log_tau":
        return math.log(fixed["tau_b"])
    return float(fixed["barrier" if name.startswith("barrier") else name])


def _without_barrier(problem: BarrierProblem, result: Any) -> Any:
    params = lmfit.Parameters()
    for n, p in result.params.items():
        if n not in ("rs", "v_set", "v_reset", "log_tau") and not n.startswith("barrier"):
            params.add(n, p.value, min=p.min, max=p.max, vary=p.vary)
    return minimise(problem, params)


def _order(name: str) -> int:
    return next((k for k, n in enumerate(GIVE_UP) if name == n or name.startswith(f"{n}_")), len(GIVE_UP))


def _give_up(
    problem: BarrierProblem, result: Any, unsure: Mapping[str, str], undetermined: dict[str, str], dead: bool
) -> tuple[Any, set[str]]:
    """Hold a parameter that is not determined at what is known of it; the result, and those that stay open instead.

    These go on being varied, so that the errors of all others hold whatever their values are.
    """
    first, *others = sorted(unsure, key=_order)
    if _order(first) == len(GIVE_UP):
        raise DataError(f"{problem.loops[0].source}: the data do not determine {' and '.join(unsure)}")
    if "rs" in unsure and _costs(result, plain := _without_barrier(problem, result)) < SEEN**2:
        undetermined.update(dict.fromkeys(BARRIER, "no motion of the barrier that could be told from none"))
        return plain, set()
    for name in (first, *others):
        if _told(problem, name) and (trial := _kept(problem, result, name, _known(problem, name))) is not None:
            undetermined[FITTED_AS.get(name, name)] = f"{unsure[name]}; taken as known"
            return trial, set()
    if dead:
        params = result.params.copy()
        params[first].set(vary=False)
        undetermined[FITTED_AS.get(first, first)] = f"{unsure[first]}; one value of many"
        return minimise(problem, params), set()
    if _order(first) <= ALONE:
        # A curvature that is not told from none, but does not go with what is known: it stays as it is.
        undetermined[FITTED_AS.get(first, first)] = f"{unsure[first]}; as fitted"
        return result, {first}
    undetermined[FITTED_AS.get(first, first)] = f"{unsure[first]}; one value of many"
    for name in others:
        undetermined[FITTED_AS.get(name, name)] = f"known only together with {FITTED_AS.get(first, first)}"
    return result, {first, *others}


def _told(problem: BarrierProblem, name: str) -> bool:
    """Whether something is known of a parameter: a default of the model tells nothing of what the barrier does."""
    if _order(name) <= ALONE or name == "tmr":
        return True
    public = FITTED_AS.get(name, "barrier" if name.startswith("barrier") else name)
    model = problem.base.definition
    return public in model.complete({}) and problem.base.values[public] != model.complete({})[public]


def decide(problem: BarrierProblem, result: Any) -> Settled:
    """Hold what the data leave open, one parameter after the other, until the rest is determined."""
    undetermined: dict[str, str] = {}
    tied: set[str] = set()
    while True:
        covariance = _covariance(problem, result)
        names, point = list(result.var_names), dict(result.params.valuesdict())
        errors = dict(zip(names, np.sqrt(np.diag(covariance)).tolist(), strict=True))
        reasons = {n: _reason(problem, n, point[n], errors[n]) for n in names if n not in tied}
        unsure = {n: why for n, why in reasons.items() if why}
        if not unsure:
            break
        # Curvatures first, and what nothing depends on: neither says anything about the others.
        alone = [n for n in unsure if _order(n) <= ALONE or not math.isfinite(errors[n])][:1]
        dead = any(not math.isfinite(errors[n]) for n in alone)
        result, more = _give_up(problem, result, {n: unsure[n] for n in alone or unsure}, undetermined, dead)
        tied |= more
    outside = [n for n in names if n.startswith("barrier") and abs(point[n]) > 1]
    if outside:
        # Errors are those without the limit: at a limit there is no linear error.
        params = result.params.copy()
        for n in outside:
            params[n].set(value=math.copysign(1.0, point[n]), vary=False)
        held = minimise(problem, params)
        for n in names:
            result.params[n].value = held.params[n].value
    problem.settle(dict(result.params.valuesdict()))
    return Settled(problem, result, covariance, undetermined, frozenset(tied))
