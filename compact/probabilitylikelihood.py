"""Likelihood of switching probabilities under the Fokker-Planck equation, and where it is largest."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import lmfit
import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

from compact.parameters import ParameterSet
from compact.physics.fokker_planck import Axial, mesh
from compact.probabilitytable import SwitchingTable
from compact.writing import AP, AxialDrive, P

__all__ = ["FIT_CELLS", "LIMITS", "Curve", "Problem", "deviance", "minimise", "objective", "refine", "stands_still"]

FloatArray: TypeAlias = NDArray[np.float64]

FIT_CELLS = 140
"""Cells of the Fokker-Planck mesh in the first round of a fit; the second takes as many as Delta asks for."""
LIMITS = {"delta": (4.0, 1e5), "ic_ap2p": (1e-12, 10.0), "ic_p2ap": (1e-12, 10.0), "tau_d": (1e-12, 1e-3)}


@dataclass
class Curve:
    """Switching probability of one table for any parameters; what it computed last is kept."""

    table: SwitchingTable
    base: ParameterSet
    temperature: float

    def __post_init__(self) -> None:
        self._levels, self._row = np.unique(self.table.level, return_inverse=True)
        self._widths, self._column = np.unique(self.table.pulse_width, return_inverse=True)
        self._kept: dict[tuple[float, ...], tuple[Axial, float]] = {}

    def sides(self, values: Mapping[str, float], scale: float, cells: int | None) -> tuple[FloatArray, FloatArray]:
        """Probabilities (n,) of not having switched and of having switched."""
        key = (*(values[k] for k in ("delta", "ic_ap2p", "ic_p2ap")), scale, float(cells or 0))
        if key not in self._kept:
            drive = AxialDrive(self.base.definition, dict(self.base.values) | dict(values), self.temperature)
            levels = self._levels * scale
            solver = drive.solve(self.table.quantity, levels, np.where(levels > 0, AP, P), cells=cells)
            while len(self._kept) > 1:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = solver, drive.tau / drive.values["tau_d"]
        solver, pace = self._kept[key]
        widths = self._widths / (values["tau_d"] * pace)
        left, right = solver.sides(widths)
        towards_parallel = self.table.level > 0
        left, right = left[self._row, self._column], right[self._row, self._column]
        return np.where(towards_parallel, left, right), np.where(towards_parallel, right, left)


def deviance(table: SwitchingTable, stay: FloatArray, go: FloatArray) -> FloatArray:
    """Deviance residuals of a binomial likelihood: the sum of their squares is -2 log(likelihood) + constant."""
    assert table.count is not None
    p, tiny = table.probability, 1e-300
    log_ratio = xlogy(p, p / np.maximum(go, tiny)) + xlogy(1 - p, (1 - p) / np.maximum(stay, tiny))
    return np.sign(p - go) * np.sqrt(2 * table.count * np.maximum(log_ratio, 0))


class Problem:
    """Tables, what is fitted to them and how far off it is."""

    def __init__(
        self, tables: Sequence[SwitchingTable], base: ParameterSet, temperature: float, method: str, vary: Sequence[str]
    ):
        self.tables, self.base, self.method, self.cells = tables, base, method, FIT_CELLS
        self.curves = [Curve(t, base, temperature) for t in tables]
        positive = any(np.any(t.level > 0) for t in tables)
        negative = any(np.any(t.level < 0) for t in tables)
        self.currents = [k for k, seen in (("ic_ap2p", positive), ("ic_p2ap", negative)) if seen]
        self.vary = [v for v in ("delta", "tau_d") if v in vary] + [c for c in self.currents if c in vary]

    def values(self, parameters: Mapping[str, float]) -> dict[str, float]:
        """Values of the card's parameters; a critical current that was not seen follows the other."""
        found = {k: self.base.values[k] for k in ("delta", "ic_ap2p", "ic_p2ap", "tau_d")}
        found |= {k: math.exp(parameters[f"log_{k}"]) for k in found if f"log_{k}" in parameters}
        if len(self.currents) == 1:
            seen = self.currents[0]
            other = "ic_p2ap" if seen == "ic_ap2p" else "ic_ap2p"
            found[other] = found[seen] * self.base.values[other] / self.base.values[seen]
        return found

    def sides(self, parameters: Mapping[str, float], cells: int = 0) -> list[tuple[FloatArray, FloatArray]]:
        """Probabilities of staying and of going for each table."""
        values, found = self.values(parameters), []
        top = parameters.get("p_max", 1.0)
        for k, curve in enumerate(self.curves):
            stay, go = curve.sides(values, math.exp(parameters.get(f"log_level_{k}", 0.0)), cells or self.cells)
            found.append((stay * top + (1 - top), go * top) if top < 1 else (stay, go))
        return found

    def residuals(self, parameters: Mapping[str, float], cells: int = 0) -> FloatArray:
        """What is squared and summed."""
        parts = []
        for table, (stay, go) in zip(self.tables, self.sides(parameters, cells), strict=True):
            parts.append(deviance(table, stay, go) if self.method == "binomial" else table.probability - go)
        return np.concatenate(parts)

    # -- start -----------------------------------------------------------------------------------------

    def guesses(self, count: int = 2) -> list[dict[str, float]]:
        """Starts, best first: Delta and tau_d on a coarse grid, the critical current from where half has switched."""
        deltas = (15.0, 40.0, 100.0, 250.0) if "delta" in self.vary else (self.base.values["delta"],)
        width = float(np.median(np.concatenate([t.pulse_width for t in self.tables])))
        paces = (0.7, 2.0, 5.0, 12.0) if "tau_d" in self.vary else (width / self.base.values["tau_d"],)
        drives = np.geomspace(0.15, 30.0, 30)
        found: list[tuple[float, dict[str, float]]] = []
        for delta in deltas:
            half = Axial(delta, drives, rest=0.0, start=AP, cells=60)
            for pace in paces:
                tau = min(max(width / pace, LIMITS["tau_d"][0]), LIMITS["tau_d"][1])
                start = {"log_delta": math.log(delta), "log_tau_d": math.log(tau)}
                for name in self.currents:
                    if name in self.vary:
                        start[f"log_{name}"] = self._current(name, half, drives, tau)
                start = {k: v for k, v in start.items() if k.removeprefix("log_") in self.vary}
                off = float(np.sum(self.residuals(start, 60) ** 2))
                found.append((off, start))
        found.sort(key=lambda pair: pair[0])
        return [start for _, start in found[:count]]

    def _current(self, name: str, half: Axial, drives: FloatArray, tau: float) -> float:
        """Logarithm of the critical current for which the point next to one half is met."""
        sign, best = (1.0 if name == "ic_ap2p" else -1.0), (math.inf, 0.0)
        for curve in self.curves:
            table = curve.table
            mine = np.flatnonzero(np.sign(table.level) == sign)
            if not mine.size:
                continue
            top = max(float(table.probability[mine].max()), 1e-6)
            k = int(mine[np.argmin(np.abs(table.probability[mine] / top - 0.5))])
            aim = min(max(float(table.probability[k]) / top, 1e-4), 0.999)
            reached = half.switched([table.pulse_width[k] / tau])[:, 0]
            needed = float(np.interp(math.log(aim), np.log(np.maximum.accumulate(reached)), np.log(drives)))
            drive = AxialDrive(self.base.definition, self.base.values, curve.temperature)
            at = drive.at_voltage if table.quantity == "voltage" else drive.at_current
            now = abs(float(at(np.array([table.level[k]]), np.array([-0.7 * sign]))[0, 0]) - drive.rest)
            guess = math.log(self.base.values[name]) + math.log(max(now, 1e-12)) - needed
            best = min(best, (abs(aim - 0.5), guess))
        low, high = LIMITS[name]
        return min(max(best[1], math.log(low)), math.log(high))


def objective(parameters: lmfit.Parameters, problem: Problem) -> FloatArray:
    """Residuals at parameters as lmfit hands them over."""
    return problem.residuals(parameters.valuesdict())


def start_parameters(problem: Problem, start: Mapping[str, float], plateau: bool) -> lmfit.Parameters:
    """What is varied, between its limits, from a start."""
    parameters = lmfit.Parameters()
    for name in problem.vary:
        low, high = LIMITS[name]
        key = f"log_{name}"
        value = min(max(start[key], math.log(low) + 1e-6), math.log(high) - 1e-6)
        parameters.add(key, value, min=math.log(low), max=math.log(high))
    for k, table in enumerate(problem.tables):
        if table.free_level:
            parameters.add(f"log_level_{k}", start.get(f"log_level_{k}", 0.0), min=-1.0, max=1.0)
    if plateau:
        top = max(float(t.probability.max()) for t in problem.tables)
        parameters.add("p_max", min(max(start.get("p_max", top), 0.02), 0.9999), min=0.01, max=1.0)
    return parameters


_ROUGH: dict[str, Any] = {"epsfcn": 1e-9, "ftol": 1e-5, "xtol": 1e-4}
_FINE: dict[str, Any] = {"epsfcn": 1e-9, "ftol": 1e-8, "xtol": 1e-6}


def minimise(problem: Problem, starts: Iterable[Mapping[str, float]], plateau: bool) -> Any:
    """Best of the fits from several starts, on a coarse mesh."""
    best, problem.cells = None, FIT_CELLS
    for start in starts:
        parameters = start_parameters(problem, start, plateau)
        result = lmfit.minimize(
            objective,
            parameters,
            args=(problem,),
            method="leastsq",
            scale_covar=False,
            max_nfev=400,
            **_ROUGH,
        )
        if best is None or result.chisqr < best.chisqr:
            best = result
    return best


def refine(problem: Problem, result: Any) -> Any:
    """The fit again on the mesh that Delta asks for."""
    best = result.params.valuesdict()
    cells = len(mesh(problem.values(best)["delta"])) - 1
    problem.cells = max(cells, FIT_CELLS)
    parameters = start_parameters(problem, best, "p_max" in best)
    return lmfit.minimize(
        objective, parameters, args=(problem,), method="leastsq", scale_covar=False, max_nfev=200, **_FINE
    )


def stands_still(problem: Problem, result: Any) -> bool:
    """Whether the probability does stand still where the switching itself would be all but complete.

    At least three points must lie there, and what is left of them may not rise with the amplitude or pulse width.
    """
    best, order, left = result.params.valuesdict(), [], []
    points = problem.residuals(best)
    at = 0
    for table, (_, go) in zip(problem.tables, problem.sides(best), strict=True):
        chosen = np.flatnonzero(go / best["p_max"] > 0.985)
        x = np.abs(table.level) if table.abscissa == "level" else table.pulse_width
        if chosen.size >= 3:
            rank = np.argsort(np.argsort(x[chosen])) / (chosen.size - 1) - 0.5
            order.append(rank)
            left.append(points[at : at + table.probability.size][chosen])
        at += table.probability.size
    if not order:
        return False
    x, r = np.concatenate(order), np.concatenate(left)
    noise = 1.0 if problem.method == "binomial" else math.sqrt(result.redchi)
    return float(np.sum(x * (r - r.mean())) / math.sqrt(np.sum(x * x))) < 3 * noise
