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
GIVE_UP = ("g_curv", "roll", "barrier", "log_tau", "v_reset", "v_set", "rs", "tmr")
"""What is held, in this order, where the data leave a line of values open."""
FITTED_AS = {"roll": "v_h", "log_tau": "tau_b", "barrier_0": "barrier"}
"""Parameter of the model behind what is fitted."""
SEEN = 3.0
"""Standard errors from which on a curvature counts as seen."""


@dataclass
class Settled:
    """Solution in which everything that is fitted is determined."""

    problem: BarrierProblem
    result: Any
    covariance: FloatArray
    undetermined: dict[str, str]

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
    least = {"roll": 1 / top**2, "g_curv": 1 / top**2, "log_tau": 1.0, "tmr": 0.1, "rs": 0.01}
    return {n: 1e-4 * max(abs(point[n]), least.get(n, 1.0 if n.startswith("barrier") else 0.0)) for n in names}


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


def _hold(problem: BarrierProblem, result: Any, name: str) -> tuple[Any, str]:
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
            trials.append((minimise(problem, params), value))
    best = min(float(r.chisqr) for r, _ in trials)
    scatter = best / max(int(result.ndata) - int(result.nvarys), 1)
    for trial, value in trials:
        if trial.chisqr - best < SEEN**2 * scatter:
            return trial, "taken as known" if value == known and value != result.params[name].value else "as fitted"
    raise AssertionError("one of the trials is the best")


def _without_barrier(problem: BarrierProblem, result: Any) -> Any:
    params = lmfit.Parameters()
    for n, p in result.params.items():
        if n not in ("rs", "v_set", "v_reset", "log_tau") and not n.startswith("barrier"):
            params.add(n, p.value, min=p.min, max=p.max, vary=p.vary)
    return minimise(problem, params)


def decide(problem: BarrierProblem, result: Any) -> Settled:
    """Hold what the data leave open, one parameter after the other, until the rest is determined."""
    undetermined: dict[str, str] = {}
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
        held = minimise(problem, params)
        for n in names:
            result.params[n].value = held.params[n].value
    problem.settle(dict(result.params.valuesdict()))
    return Settled(problem, result, covariance, undetermined)
