"""Measured switching probabilities against voltage, current and pulse width: reading, and fitting a card to them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

import lmfit
import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

from compact.errors import DataError, ParameterError
from compact.fitresult import (
    REASONS,
    VAGUE,
    CardFit,
    card_name,
    correlated,
    correlations_of,
    fitted,
    left_open,
    origin,
    remarks,
)
from compact.parameters import ParameterSet, Quantity
from compact.physics.fokker_planck import Axial, mesh
from compact.roles import Role, read_roles
from compact.units import format_si
from compact.writing import AP, AxialDrive, P

__all__ = ["ProbabilityFit", "SwitchingTable", "fit_probability", "read_probability"]

FloatArray: TypeAlias = NDArray[np.float64]

ROLES = {
    "probability": Role("1", r"^(p|p[ _]?sw\w*|prob\w*|switching[ _]?prob\w*)$"),
    "pulse_width": Role("s", r"pulse|^t_?p|^t$|width|duration|^tau$"),
    "voltage": Role("V", r"(^|[^a-z])(v|u|volts?|voltage|amplitude)([^a-z]|$)"),
    "current": Role("A", r"(^|[^a-z])(i|curr|current)([^a-z]|$)"),
    "count": Role("1", r"^(n|count|counts|trials|events|shots|repeats)$"),
}
FIT_CELLS = 140
"""Cells of the Fokker-Planck mesh in the first round of a fit; the second takes as many as Delta asks for."""
LIMITS = {"delta": (4.0, 1e5), "ic_ap2p": (1e-12, 10.0), "ic_p2ap": (1e-12, 10.0), "tau_d": (1e-12, 1e-3)}
PLATEAU_MARGIN = 9.0
"""Fall of the deviance, in units of the dispersion, that a plateau below 1 must bring."""
STRAY = {"h_bias": "taken as given: a stray field cannot be told from the critical current"}
OTHER_REASON = "switching probabilities do not show it"
GIVEN = "given with the data, not fitted"


@dataclass(frozen=True)
class SwitchingTable:
    """Measured switching probabilities.

    Parameters
    ----------
    probability : array_like (n,)
        Fraction of pulses that switched [1].
    pulse_width : array_like (n,) or float
        Width of the pulses [s].
    voltage, current : array_like (n,) or float
        One of them: amplitude [V or A], positive where it drives towards parallel.
    count : array_like (n,) or float, optional
        Number of pulses behind each probability.
    free_level : bool
        Whether the amplitude, one for the whole table, is only a start and to be fitted.
    source, sha256 : str
        Name and hash of the file.
    notes : tuple of str
        What was assumed.

    Raises
    ------
    DataError
        If a probability is outside 0 ... 1, a pulse width is not positive, a count is not a positive number, or
        columns differ in length.
    """

    probability: FloatArray
    pulse_width: FloatArray
    voltage: FloatArray | None = None
    current: FloatArray | None = None
    count: FloatArray | None = None
    free_level: bool = False
    source: str = "arrays"
    sha256: str = ""
    notes: tuple[str, ...] = ()
    lines: tuple[int, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        probability = np.atleast_1d(np.asarray(self.probability, dtype=float))
        for name in ("probability", "pulse_width", "voltage", "current", "count"):
            values = getattr(self, name)
            if values is None:
                continue
            array = np.atleast_1d(np.array(values, dtype=float))
            if array.ndim != 1 or array.size not in (1, probability.size):
                raise DataError(f"{self.source}: {name} has {array.size} values, probability has {probability.size}")
            array = np.broadcast_to(array, probability.shape)
            bad = np.flatnonzero(~np.isfinite(array))
            if bad.size:
                raise DataError(f"{self.source}: {name} is not finite{self._at(bad)}")
            object.__setattr__(self, name, array)
        if (self.voltage is None) == (self.current is None):
            raise DataError(
                f"{self.source}: either voltages or currents are needed; give those of the whole table if they are "
                f"not in the file"
            )
        bad = np.flatnonzero((self.probability < 0) | (self.probability > 1))
        if bad.size:
            value = self.probability[bad[0]]
            hint = "; if they are per cent, say so: probability=...[%]" if 1 < self.probability.max() <= 100 else ""
            raise DataError(f"{self.source}: probability {value:g} is outside 0 ... 1{self._at(bad)}{hint}")
        bad = np.flatnonzero(self.pulse_width <= 0)
        if bad.size:
            raise DataError(f"{self.source}: pulse width {self.pulse_width[bad[0]]:g} s is not positive{self._at(bad)}")
        if self.pulse_width.max() > 1e4:
            raise DataError(f"{self.source}: a pulse width of {self.pulse_width.max():g} s is not plausible")
        if self.count is not None and np.any(self.count < 1):
            bad = np.flatnonzero(self.count < 1)
            raise DataError(f"{self.source}: count {self.count[bad[0]]:g} is less than one pulse{self._at(bad)}")
        if np.any(self.level == 0):
            raise DataError(f"{self.source}: {self.quantity} is zero{self._at(np.flatnonzero(self.level == 0))}")
        if self.free_level and np.ptp(self.level) > 0:
            raise DataError(f"{self.source}: only a table of one {self.quantity} can have it fitted")

    def _at(self, rows: NDArray[np.intp]) -> str:
        if not self.lines:
            return f" (point {rows[0] + 1})"
        return f" (line {self.lines[rows[0]]})"

    @property
    def quantity(self) -> Literal["voltage", "current"]:
        """What was applied."""
        return "voltage" if self.current is None else "current"

    @property
    def level(self) -> FloatArray:
        """Amplitudes [V or A], shape (n,)."""
        level = self.voltage if self.current is None else self.current
        assert level is not None
        return level

    @property
    def unit(self) -> str:
        """Unit of the amplitudes."""
        return "V" if self.quantity == "voltage" else "A"

    @property
    def abscissa(self) -> Literal["level", "pulse"]:
        """What varies more."""
        return "pulse" if np.ptp(np.log(np.abs(self.level))) < np.ptp(np.log(self.pulse_width)) else "level"


def read_probability(
    path: str | Path,
    columns: str | Mapping[str, str] | None = None,
    *,
    pulse_width: float | None = None,
    voltage: float | None = None,
    current: float | None = None,
    count: float | None = None,
    direction: Literal["ap2p", "p2ap"] | None = None,
    free_level: bool = False,
) -> SwitchingTable:
    """Read a table of switching probabilities.

    Parameters
    ----------
    path : str or pathlib.Path
        Comma, semicolon, tab or blank separated text with a column of probabilities and one or more of pulse width,
        voltage or current, and number of pulses.
    columns : str or mapping of str to str, optional
        Column of each role, such as "voltage=1,probability=2"; by default the headers say it.
    pulse_width, voltage, current, count : float, optional
        Values [s, V, A, 1] for the whole table, where it has no such column.
    direction : {"ap2p", "p2ap"}, optional
        Direction of the switching, where amplitudes are written as magnitudes; by default the sign says it,
        positive being towards parallel.
    free_level : bool
        Whether the amplitude given is only a start, see `SwitchingTable`.

    Returns
    -------
    SwitchingTable

    Raises
    ------
    DataError
        In one line that names file, line and column.
    """
    table = read_roles(path, ROLES, columns)
    found: dict[str, Any] = dict(table.columns)
    if "probability" not in found:
        raise DataError(
            f"{table.source}: cannot tell which column is the probability; name it with --columns, e.g. "
            f"--columns 'voltage=1,probability=2'"
        )
    given = {"pulse_width": pulse_width, "voltage": voltage, "current": current, "count": count}
    for name, value in given.items():
        if value is not None:
            if name in found:
                raise DataError(f"{table.source}: has a column of its own for the {name}; do not give another")
            found[name] = value
    if "pulse_width" not in found:
        raise DataError(f"{table.source}: no column of pulse widths; give the pulse width of the whole table")
    for name in ("voltage", "current"):
        if name in found and direction is not None:
            found[name] = np.abs(found[name]) * (1.0 if direction == "ap2p" else -1.0)
    return SwitchingTable(
        **found,
        free_level=free_level,
        source=table.source,
        sha256=table.sha256,
        notes=table.notes,
        lines=table.lines,
    )


# ----------------------------------------------------------------------------------------------- model


@dataclass
class _Curve:
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


def _deviance(table: SwitchingTable, stay: FloatArray, go: FloatArray) -> FloatArray:
    """Deviance residuals of a binomial likelihood: the sum of their squares is -2 log(likelihood) + constant."""
    assert table.count is not None
    p, tiny = table.probability, 1e-300
    log_ratio = xlogy(p, p / np.maximum(go, tiny)) + xlogy(1 - p, (1 - p) / np.maximum(stay, tiny))
    return np.sign(p - go) * np.sqrt(2 * table.count * np.maximum(log_ratio, 0))


class _Problem:
    """Tables, what is fitted to them and how far off it is."""

    def __init__(
        self, tables: Sequence[SwitchingTable], base: ParameterSet, temperature: float, method: str, vary: Sequence[str]
    ):
        self.tables, self.base, self.method, self.cells = tables, base, method, FIT_CELLS
        self.curves = [_Curve(t, base, temperature) for t in tables]
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
            parts.append(_deviance(table, stay, go) if self.method == "binomial" else table.probability - go)
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


# ------------------------------------------------------------------------------------------------- fit


@dataclass(frozen=True)
class Comparison:
    """How well a card predicts a table it was not fitted to.

    Parameters
    ----------
    source : str
        The table.
    probability : ndarray, shape (n,)
        Prediction.
    rms, worst : float
        Root mean square and largest of the differences [1].
    level_scale : float
        Factor on the amplitudes with which it would predict best [1].
    rms_scaled : float
        Root mean square that is left then [1].
    fitted_to : str
        What the card was fitted to, where that is less than the whole.
    """

    source: str
    probability: FloatArray
    rms: float
    worst: float
    level_scale: float
    rms_scaled: float
    fitted_to: str = ""


@dataclass(frozen=True)
class ProbabilityFit(CardFit):
    """Fit of a card to switching probabilities.

    Parameters
    ----------
    card : ParameterSet
        The device: values, errors, correlations, what is not determined, provenance.
    tables : tuple of SwitchingTable
        The data.
    curves : tuple of ndarray
        Fitted probability at each point of each table.
    rms : tuple of float
        Root mean square of the residuals of the probability, for each table.
    levels : dict of str to Quantity
        Amplitudes that were fitted, by source.
    p_max : Quantity or None
        Level at which the probability saturates, where it stays below 1 (back-hopping).
    dispersion : float
        Deviance (or sum of squares) per degree of freedom; above 1 the scatter is larger than that of counting, and
        errors are enlarged by its root.
    predictions : tuple of Comparison
        Tables that were predicted and not fitted.
    """

    card: ParameterSet
    tables: tuple[SwitchingTable, ...]
    curves: tuple[FloatArray, ...]
    rms: tuple[float, ...]
    levels: Mapping[str, Quantity]
    p_max: Quantity | None
    dispersion: float
    predictions: tuple[Comparison, ...]
    _problem: Any = field(repr=False, default=None)
    _result: Any = field(repr=False, default=None)

    def predict(self, table: SwitchingTable) -> FloatArray:
        """Probability [1] of the card at each point of a table."""
        curve = _Curve(table, self.card, self.card.values["t_nom"])
        return curve.sides(self.card.values, 1.0, None)[1] * (self.p_max.value if self.p_max else 1.0)

    def compare(self, table: SwitchingTable) -> Comparison:
        """How far the card predicts a table that it was not fitted to."""
        from scipy.optimize import minimize_scalar

        curve, top = _Curve(table, self.card, self.card.values["t_nom"]), self.p_max.value if self.p_max else 1.0

        def off(log_scale: float) -> float:
            go = curve.sides(self.card.values, math.exp(log_scale), FIT_CELLS)[1] * top
            return float(np.sqrt(np.mean((table.probability - go) ** 2)))

        trials = np.linspace(-0.3, 0.3, 25)
        best = float(trials[int(np.argmin([off(x) for x in trials]))])
        found = minimize_scalar(off, bounds=(best - 0.03, best + 0.03), method="bounded")
        predicted = self.predict(table)
        left = table.probability - predicted
        return Comparison(
            table.source,
            predicted,
            float(np.sqrt(np.mean(left**2))),
            float(np.abs(left).max()),
            float(np.exp(found.x)),
            float(found.fun),
        )

    def intervals(self, sigma: float = 1.0) -> dict[str, tuple[float, float]]:
        """Profile-likelihood intervals of the fitted parameters.

        Parameters
        ----------
        sigma : float
            Their width in standard errors: 1 for 68 %, 2 for 95 %.

        Returns
        -------
        dict of str to (low, high)
            In SI units; infinite where the likelihood does not fall far enough.
        """
        problem, result = self._problem, self._result
        base = float(np.sum(np.square(result.residual)))
        allowed = sigma**2 * max(self.dispersion, 1.0 if problem.method == "binomial" else 0.0)
        found = {}
        for name in result.var_names:
            bounds = []
            for way in (-1, 1):
                centre, step = result.params[name].value, result.params[name].stderr or 0.1
                inside, outside = 0.0, None
                reach = sigma * step
                for _ in range(24):
                    trial = result.params.copy()
                    trial[name].set(value=centre + way * reach, vary=False)
                    again = lmfit.minimize(_objective, trial, args=(problem,), method="least_squares")
                    if again.chisqr - base > allowed:
                        outside = reach
                    else:
                        inside = reach
                    if outside is None:
                        reach *= 1.6
                        if reach > 12:
                            break
                    else:
                        if outside - inside < 0.01 * step:
                            break
                        reach = (inside + outside) / 2
                bounds.append(way * math.inf if outside is None else centre + way * reach)
            plain = name.removeprefix("log_")
            found[plain] = tuple(math.exp(x) if plain != name else x for x in bounds)
        return {k: (float(a), float(b)) for k, (a, b) in found.items()}

    def sample(self, steps: int = 1000, walkers: int = 24, seed: int = 1) -> dict[str, FloatArray]:
        """Draw parameters from their posterior distribution (flat in their logarithms) with emcee.

        Parameters
        ----------
        steps, walkers : int
            Length and number of the Markov chains; the first third of each is left out.
        seed : int
            Seed.

        Returns
        -------
        dict of str to ndarray
            Samples in SI units.

        Raises
        ------
        ParameterError
            If emcee is not installed.
        """
        try:
            import emcee
        except ImportError:
            raise ParameterError("sampling needs emcee: pip install 'spinbricks[mcmc]'") from None
        problem, result = self._problem, self._result
        names = list(result.var_names)
        fixed = {k: p.value for k, p in result.params.items()}
        scale = max(self.dispersion, 1.0 if problem.method == "binomial" else 1e-300)

        def log_probability(x: FloatArray) -> float:
            for name, value in zip(names, x, strict=True):
                if not result.params[name].min < value < result.params[name].max:
                    return -math.inf
            return -0.5 * float(np.sum(problem.residuals(fixed | dict(zip(names, x, strict=True))) ** 2)) / scale

        rng = np.random.default_rng(seed)
        centre = np.array([result.params[n].value for n in names])
        spread = np.array([result.params[n].stderr or 0.01 for n in names])
        sampler = emcee.EnsembleSampler(walkers, len(names), log_probability)
        sampler.random_state = np.random.RandomState(seed).get_state()
        sampler.run_mcmc(centre + 0.3 * spread * rng.normal(size=(walkers, len(names))), steps)
        chain = sampler.get_chain(discard=steps // 3, flat=True)
        plain = {n: n.removeprefix("log_") for n in names}
        return {plain[n]: np.exp(chain[:, k]) if plain[n] != n else chain[:, k] for k, n in enumerate(names)}

    def _told(self) -> list[str]:
        return _report(self)

    def plot(self, path: str | Path) -> Path:
        """Draw data, fit and residuals to a PNG, SVG or PDF file; the file."""
        from compact.probabilityplot import plot_probability  # matplotlib is slow to import

        return plot_probability(self, path)


def _objective(parameters: lmfit.Parameters, problem: _Problem) -> FloatArray:
    return problem.residuals(parameters.valuesdict())


def _parameters(problem: _Problem, start: Mapping[str, float], plateau: bool) -> lmfit.Parameters:
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


def _minimise(problem: _Problem, starts: Iterable[Mapping[str, float]], plateau: bool) -> Any:
    """Best of the fits from several starts, on a coarse mesh."""
    best, problem.cells = None, FIT_CELLS
    for start in starts:
        parameters = _parameters(problem, start, plateau)
        result = lmfit.minimize(
            _objective,
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


def _refine(problem: _Problem, result: Any) -> Any:
    """The fit again on the mesh that Delta asks for."""
    best = result.params.valuesdict()
    cells = len(mesh(problem.values(best)["delta"])) - 1
    problem.cells = max(cells, FIT_CELLS)
    parameters = _parameters(problem, best, "p_max" in best)
    return lmfit.minimize(
        _objective, parameters, args=(problem,), method="leastsq", scale_covar=False, max_nfev=200, **_FINE
    )


def _flat(problem: _Problem, result: Any) -> bool:
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


def fit_probability(
    tables: SwitchingTable | Iterable[SwitchingTable],
    *,
    card: ParameterSet | None = None,
    name: str | None = None,
    vary: Sequence[str] = ("delta", "ic_ap2p", "ic_p2ap", "tau_d"),
    plateau: bool | None = None,
    method: Literal["binomial", "least_squares"] = "binomial",
    temperature: float | None = None,
    predict: Iterable[SwitchingTable] = (),
    cross: bool = False,
    notes: Sequence[str] = (),
    citation: str = "",
) -> ProbabilityFit:
    """Fit thermal stability, critical currents and relaxation time to switching probabilities.

    The probability is that of the Fokker-Planck equation under the card's own drive. Parameters that the data leave
    open are held at the values of `card`, and named.

    Parameters
    ----------
    tables : SwitchingTable or iterable of them
        Data of one device, fitted together.
    card : ParameterSet, optional
        What is known of the device, its resistances above all, and values for what is not fitted; the defaults of
        model `mtj` where not given.
    name : str, optional
        Name of the card; made from the file name where not given.
    vary : sequence of str
        What may be fitted, of `delta`, `ic_ap2p`, `ic_p2ap`, `tau_d`.
    plateau : bool, optional
        Whether the probability saturates below 1 (back-hopping); by default the data decide.
    method : {"binomial", "least_squares"}
        Likelihood of counted events, which needs their number; or plain least squares of the probabilities.
    temperature : float, optional
        Temperature of the measurement [K], that of the card by default.
    predict : iterable of SwitchingTable
        Data that are not fitted, and compared with what the fitted card predicts.
    cross : bool
        Whether each of several tables is also predicted from a fit of the others.
    notes : sequence of str
        Remarks for the card.
    citation : str
        Publication of the data.

    Returns
    -------
    ProbabilityFit

    Raises
    ------
    DataError
        If the number of events is missing, or there are fewer points than parameters.
    ParameterError
        For a name or value that is not allowed.
    """
    given = (tables,) if isinstance(tables, SwitchingTable) else tuple(tables)
    if not given:
        raise DataError("no table was given")
    base = card or ParameterSet("mtj", "assumed")
    if temperature is not None:
        base = base.replace(t_nom=float(temperature))
    for item in vary:
        if item not in LIMITS:
            raise ParameterError(f"'{item}' cannot be fitted to switching probabilities; {', '.join(LIMITS)} can")
    if method not in ("binomial", "least_squares"):
        raise ParameterError(f"method '{method}' is neither 'binomial' nor 'least_squares'")
    for table in given:
        if method == "binomial" and table.count is None:
            raise DataError(
                f"{table.source}: the likelihood needs the number of pulses behind each probability: a column n, or a "
                f"count for the whole table{_resolution(table)}; plain least squares does without"
            )
    if all(t.free_level for t in given):
        raise DataError(f"{given[0].source}: an amplitude can only be fitted beside a table whose amplitudes are known")
    AxialDrive.of(base)
    problem = _Problem(given, base, base.values["t_nom"], method, vary)
    points = sum(t.probability.size for t in given)
    if points < len(problem.vary) + 2:
        raise DataError(f"{points} points are too few for {len(problem.vary)} parameters")
    spread = np.concatenate([t.probability for t in given])
    if np.all(spread < 0.02) or np.all(spread > 0.98):
        raise DataError("no probability lies between 0.02 and 0.98: nothing says where half of the pulses switch")
    result = _minimise(problem, problem.guesses(), bool(plateau))
    if plateau is None:
        trial = _minimise(problem, [result.params.valuesdict()], True)
        error = trial.params["p_max"].stderr
        scale = max(trial.redchi, 1.0) if method == "binomial" else trial.redchi
        better = (result.chisqr - trial.chisqr) / scale > PLATEAU_MARGIN
        clear = error is None or 1 - trial.params["p_max"].value > 3 * error * math.sqrt(scale)
        if better and clear and 1 - trial.params["p_max"].value > 2e-3 and _flat(problem, trial):
            result = trial
    undetermined: dict[str, str] = {}
    for candidate in ("tau_d", "delta"):
        vague = _vague(result, problem, method)
        if vague and candidate in problem.vary:
            partners = ", ".join(f"{k} ({100 * v:.0f} %)" for k, v in vague.items())
            undetermined[candidate] = (
                f"these data leave a line of values open (errors with all free: {partners}); held as assumed"
            )
            problem.vary.remove(candidate)
            has_top = "p_max" in result.params
            result = _minimise(
                problem, [*problem.guesses(), result.params.valuesdict() | problem.guesses(1)[0]], has_top
            )
    result = _refine(problem, result)
    held = () if temperature is None else ("t_nom",)
    fit = _assemble(problem, result, undetermined, base, name, citation, method, held)
    compared = [fit.compare(t) for t in predict]
    if cross and len(given) > 1:
        for k, table in enumerate(given):
            others = [dataclasses.replace(t, free_level=False) for j, t in enumerate(given) if j != k]
            apart = fit_probability(others, card=base, vary=vary, plateau=plateau, method=method, predict=[table])
            compared += [dataclasses.replace(c, fitted_to=apart.card.provenance.source) for c in apart.predictions]
    more = (*notes, *(_prediction_note(c) for c in compared))
    noted = dataclasses.replace(fit.card, notes=(*fit.card.notes, *more))
    return dataclasses.replace(fit, card=noted, predictions=tuple(compared))


def _vague(result: Any, problem: _Problem, method: str) -> dict[str, float]:
    """Relative errors of parameters that are not determined."""
    scale = math.sqrt(max(result.redchi, 1.0) if method == "binomial" else result.redchi)
    found = {}
    for key in problem.vary:
        parameter = result.params[f"log_{key}"]
        error = math.inf if parameter.stderr is None else parameter.stderr * scale
        at_limit = min(parameter.value - parameter.min, parameter.max - parameter.value) < 1e-3
        if not error < VAGUE or at_limit:
            found[key] = min(error, 99.0)
    return found


def _resolution(table: SwitchingTable) -> str:
    """Hint at the number of pulses from the digits of the probabilities."""
    for count in (100, 200, 250, 500, 1000, 2000, 5000, 10_000, 100_000):
        if np.allclose(table.probability * count, np.round(table.probability * count), atol=1e-6):
            return f" (all are multiples of 1/{count})"
    return ""


def _prediction_note(c: Comparison) -> str:
    alone = f"a fit of {c.fitted_to} alone" if c.fitted_to else "the card"
    return (
        f"{alone} predicts {c.source} to {c.rms:.3g} rms (worst {c.worst:.3g}), with amplitudes times "
        f"{c.level_scale:.4g} to {c.rms_scaled:.3g} rms"
    )


def _assemble(
    problem: _Problem,
    result: Any,
    undetermined: dict[str, str],
    base: ParameterSet,
    name: str | None,
    citation: str,
    method: str,
    given: Collection[str] = (),
) -> ProbabilityFit:
    best = result.params.valuesdict()
    scale = math.sqrt(max(result.redchi, 1.0) if method == "binomial" else result.redchi)
    curves = tuple(go for _, go in problem.sides(best))
    rms = tuple(float(np.sqrt(np.mean((t.probability - c) ** 2))) for t, c in zip(problem.tables, curves, strict=True))
    values = problem.values(best)
    errors = {k: (result.params[f"log_{k}"].stderr or math.nan) * scale for k in problem.vary}
    stderr = {k: values[k] * e for k, e in errors.items() if math.isfinite(e)}
    correlations = {}
    if result.covar is not None:
        every = correlations_of(result.covar, [n.removeprefix("log_") for n in result.var_names])
        correlations = {pair: r for pair, r in every.items() if {*pair} <= {*stderr}}
    levels = {}
    derived: dict[str, Quantity] = {}
    for k, table in enumerate(problem.tables):
        key = f"log_level_{k}"
        if key in best:
            factor = math.exp(best[key])
            error = (result.params[key].stderr or math.nan) * scale
            value = abs(float(table.level[0])) * factor
            levels[table.source] = Quantity(
                value,
                value * error if math.isfinite(error) else None,
                table.unit,
                f"amplitude of {table.source}, fitted",
            )
            derived[f"level_{k + 1}"] = levels[table.source]
    p_max = None
    if "p_max" in best:
        error = result.params["p_max"].stderr
        p_max = Quantity(
            best["p_max"],
            error * scale if error else None,
            "1",
            "probability at which switching saturates (back-hopping)",
        )
        derived["p_max"] = p_max
    quality = {f"rms_{k + 1}" if len(rms) > 1 else "rms": v for k, v in enumerate(rms)}
    quality |= {"points": float(sum(t.probability.size for t in problem.tables))}
    quality |= {"dispersion" if method == "binomial" else "mean_square": float(result.redchi)}
    complete = base.replace(None, **values)
    drive = AxialDrive.of(complete)
    for current in problem.currents:
        sign = 1.0 if current == "ic_ap2p" else -1.0
        volts = float(drive.voltage_at(np.array(sign * values[current]), np.array(-sign)))
        slope = stderr.get(current)
        step = float(drive.voltage_at(np.array(sign * values[current] * 1.001), np.array(-sign))) - volts
        error = abs(step) / (0.001 * values[current]) * slope if slope else None
        way = "AP->P" if current == "ic_ap2p" else "P->AP"
        derived[f"vc_{current.removeprefix('ic_')}"] = Quantity(
            abs(volts), error, "V", f"critical voltage {way}, with the assumed resistances"
        )
    for current in ("ic_ap2p", "ic_p2ap"):
        if current not in problem.currents:
            undetermined[current] = "that direction was not measured; kept in proportion to the other one"
        elif current not in problem.vary:
            undetermined[current] = "held as given"
    for key in ("delta", "tau_d"):
        if key not in problem.vary:
            undetermined.setdefault(key, "held as given")
    for declared in complete.definition.declared_parameters:
        if declared.scope == "model" and declared.name not in {*stderr, *undetermined}:
            known = declared.name in given or base.values[declared.name] != declared.default
            why = GIVEN if known else (REASONS | STRAY).get(declared.name, OTHER_REASON)
            undetermined[declared.name] = why
    found = ParameterSet(
        model=base.model,
        name=name or card_name(problem.tables[0].source),
        values=complete.values,
        stderr=stderr,
        correlations=correlations,
        derived=derived,
        undetermined=undetermined,
        notes=tuple(_notes(problem, p_max, levels, float(result.redchi), values, method)),
        provenance=origin(
            problem.tables, f"Fokker-Planck switching probability, {_METHODS[method]}", quality, citation
        ),
    )
    return ProbabilityFit(
        found, tuple(problem.tables), curves, rms, levels, p_max, float(result.redchi), (), problem, result
    )


_METHODS = {"binomial": "binomial likelihood", "least_squares": "least squares"}


def _notes(
    problem: _Problem,
    p_max: Quantity | None,
    levels: Mapping[str, Quantity],
    dispersion: float,
    values: Mapping[str, float],
    method: str,
) -> list[str]:
    notes = [note for t in problem.tables for note in t.notes]
    if any(t.quantity == "voltage" for t in problem.tables):
        notes.append(
            "critical currents follow from voltages by the assumed resistances; the critical voltages among the "
            "derived figures are what was measured"
        )
    if method == "binomial" and dispersion > 1.5:
        notes.append(
            f"the data scatter {math.sqrt(dispersion):.2g} times more about the model than counting does; errors are "
            f"enlarged by that factor"
        )
    if p_max is not None:
        notes.append(
            f"the probability saturates at {format_si(p_max.value, '1', p_max.stderr)}: back-hopping, which the model "
            f"does not have; the card switches with certainty there"
        )
    for source, quantity in levels.items():
        table = next(t for t in problem.tables if t.source == source)
        stated = format_si(abs(float(table.level[0])), table.unit)
        notes.append(
            f"the amplitude of {source} was fitted: {format_si(quantity.value, quantity.unit, quantity.stderr)}, "
            f"stated {stated}"
        )
    for table in problem.tables:
        low = np.argsort(np.abs(table.level))
        rising = table.probability[low]
        if table.abscissa == "level" and table.count is not None and len(rising) > 5:
            peak = int(np.argmax(rising))
            sigma = math.sqrt(max(rising[peak] * (1 - rising[peak]), 1 / table.count[0]) / table.count[0])
            if rising[peak] - rising[-1] > 5 * sigma and peak < len(rising) - 2:
                notes.append(f"{table.source}: the probability falls again beyond {abs(table.level[low][peak]):g} "
                             f"{table.unit}, which no plateau describes")  # fmt: skip
    return list(dict.fromkeys(notes))


def _report(fit: ProbabilityFit) -> list[str]:
    card = fit.card
    lines: list[str] = []
    for table, rms in zip(fit.tables, fit.rms, strict=True):
        if table.abscissa == "level":
            width = format_si(float(table.pulse_width[0]), "s") if np.ptp(table.pulse_width) == 0 else "several widths"
            span = np.abs(table.level)
            what = f"{table.quantity} {span.min():g} ... {span.max():g} {table.unit}, pulses of {width}"
        else:
            what = f"pulses of {format_si(table.pulse_width.min(), 's')} ... {format_si(table.pulse_width.max(), 's')}"
        lines.append(f"{table.source}: {table.probability.size} points, {what}; rms residual {rms:.4f}")
    lines += [f"{_prediction_note(c)}" for c in fit.predictions]
    lines += fitted(card)
    for key, quantity in card.derived.items():
        lines.append(f"  {key:10s} {format_si(quantity.value, quantity.unit, quantity.stderr)}  {quantity.description}")
    told = {_prediction_note(c) for c in fit.predictions}
    return [*lines, *correlated(card, -1), *left_open(card), *remarks(n for n in card.notes if n not in told)]
