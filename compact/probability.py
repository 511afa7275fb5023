"""Cards fitted to measured switching probabilities against voltage, current and pulse width."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from compact.errors import DataError, ParameterError
from compact.fitresult import REASONS as COMMON
from compact.fitresult import (
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
from compact.probabilityintervals import profile_intervals, sample_posterior
from compact.probabilitylikelihood import FIT_CELLS, LIMITS, Curve, Problem, minimise, refine, stands_still
from compact.probabilitytable import SwitchingTable, read_probability
from compact.units import format_si
from compact.writing import AxialDrive

__all__ = ["Comparison", "ProbabilityFit", "SwitchingTable", "fit_probability", "read_probability"]

FloatArray: TypeAlias = NDArray[np.float64]

PLATEAU_MARGIN = 9.0
"""Fall of the deviance, in units of the dispersion, that a plateau below 1 must bring."""
REASONS = COMMON | {"h_bias": "taken as given: a stray field cannot be told from the critical current"}
OTHER_REASON = "switching probabilities do not show it"
GIVEN = "given with the data, not fitted"


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
        curve = Curve(table, self.card, self.card.values["t_nom"])
        return curve.sides(self.card.values, 1.0, None)[1] * (self.p_max.value if self.p_max else 1.0)

    def compare(self, table: SwitchingTable) -> Comparison:
        """How far the card predicts a table that it was not fitted to."""
        from scipy.optimize import minimize_scalar

        curve, top = Curve(table, self.card, self.card.values["t_nom"]), self.p_max.value if self.p_max else 1.0

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
        return profile_intervals(self._problem, self._result, self.dispersion, sigma)

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
        return sample_posterior(self._problem, self._result, self.dispersion, steps, walkers, seed)

    def _told(self) -> list[str]:
        return _report(self)

    def plot(self, path: str | Path) -> Path:
        """Draw data, fit and residuals to a PNG, SVG or PDF file; the file."""
        from compact.probabilityplot import plot_probability  # matplotlib is slow to import

        return plot_probability(self, path)


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
    problem = Problem(given, base, base.values["t_nom"], method, vary)
    points = sum(t.probability.size for t in given)
    if points < len(problem.vary) + 2:
        raise DataError(f"{points} points are too few for {len(problem.vary)} parameters")
    spread = np.concatenate([t.probability for t in given])
    if np.all(spread < 0.02) or np.all(spread > 0.98):
        raise DataError("no probability lies between 0.02 and 0.98: nothing says where half of the pulses switch")
    result = minimise(problem, problem.guesses(), bool(plateau))
    if plateau is None:
        trial = minimise(problem, [result.params.valuesdict()], True)
        error = trial.params["p_max"].stderr
        scale = max(trial.redchi, 1.0) if method == "binomial" else trial.redchi
        better = (result.chisqr - trial.chisqr) / scale > PLATEAU_MARGIN
        clear = error is None or 1 - trial.params["p_max"].value > 3 * error * math.sqrt(scale)
        if better and clear and 1 - trial.params["p_max"].value > 2e-3 and stands_still(problem, trial):
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
            result = minimise(
                problem, [*problem.guesses(), result.params.valuesdict() | problem.guesses(1)[0]], has_top
            )
    result = refine(problem, result)
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


def _vague(result: Any, problem: Problem, method: str) -> dict[str, float]:
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
    problem: Problem,
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
            undetermined[declared.name] = GIVEN if known else REASONS.get(declared.name, OTHER_REASON)
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
    problem: Problem,
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
