"""Cards fitted to the dwell times of junctions that flicker."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import lmfit
import numpy as np
from numpy.typing import ArrayLike, NDArray

from compact.dwelldata import DwellTable
from compact.errors import DataError, ParameterError
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
    remarks,
)
from compact.parameters import ParameterSet
from compact.writing import AxialDrive

__all__ = ["DwellFit", "fit_dwells"]

FloatArray: TypeAlias = NDArray[np.float64]

FREE = {
    "mtj": ("delta", "tau_d", "ic_p2ap", "ic_ap2p", "h_bias"),
    "telegraph": ("delta", "tau_0", "vc_p2ap", "vc_ap2p", "h_bias"),
}
"""What dwell times may determine, by model."""
GIVE_UP = {"mtj": ("tau_d", "delta"), "telegraph": ("tau_0", "delta")}
"""What is held, in this order, where the data leave a line of values open."""
OTHER_REASON = "dwell times do not show it"


@dataclass(frozen=True)
class DwellFit(CardFit):
    """Fit of a card to dwell times.

    Parameters
    ----------
    card : ParameterSet
        The device.
    table : DwellTable
        The data.
    rms : float
        Root mean square of the logarithmic residuals of the dwell times [1].
    dispersion : float
        Chi squared per degree of freedom.
    """

    card: ParameterSet
    table: DwellTable
    rms: float
    dispersion: float

    def predict(self, level: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Dwell times of the parallel and the antiparallel state [s] at biases [V or A]."""
        logs = _log_dwells(self.card, self.table.quantity, np.asarray(level, dtype=float))
        return np.exp(logs[0]), np.exp(logs[1])

    def _told(self) -> list[str]:
        card, data = self.card, f"{self.table.source}: {self.table.level.size} biases; rms of ln(dwell) {self.rms:.3g}"
        return [data, *fitted(card), *correlated(card, 0.5), *left_open(card), *remarks(card.notes)]

    def plot(self, path: str | Path) -> Path:
        """Draw data and fitted law to a PNG, SVG or PDF file; the file."""
        from compact.probabilityplot import plot_dwells  # matplotlib is slow to import

        return plot_dwells(self, path)


def _log_dwells(card: ParameterSet, quantity: str, level: FloatArray) -> FloatArray:
    """Logarithms of the dwell times [s] of both states, shape (2, n)."""
    if card.model == "telegraph":
        if quantity == "current":
            raise ParameterError("model telegraph is fitted to dwell times against voltage, not current")
        pair = card.definition.evaluate(
            ("dwell_p", "dwell_ap"),
            dict(card.values) | {"v_fl_rl": level, "z": 0.0, "temperature": card.values["t_nom"]},
        )
        return np.log(np.stack([np.broadcast_to(x, level.shape) for x in pair]))
    drive = AxialDrive.of(card)
    solver = drive.solve("voltage" if quantity == "voltage" else "current", level, np.ones(level.shape), cells=100)
    to_parallel, to_antiparallel = solver.log_escape()
    return math.log(drive.tau) - np.stack((to_antiparallel, to_parallel))


def fit_dwells(
    table: DwellTable,
    *,
    model: Literal["mtj", "telegraph"] = "mtj",
    card: ParameterSet | None = None,
    name: str | None = None,
    vary: Iterable[str] | None = None,
    temperature: float | None = None,
    citation: str = "",
) -> DwellFit:
    """Fit barrier, critical bias, attempt time and stray field to dwell times of both states.

    For `mtj` the dwell times are those of the Fokker-Planck equation under the card's own drive, without the
    approximation of a high barrier; for `telegraph` those of its law.

    Parameters
    ----------
    table : DwellTable
        The data.
    model : {"mtj", "telegraph"}
        Model of the card.
    card : ParameterSet, optional
        What is known of the device, and values for what is not fitted.
    name : str, optional
        Name of the card.
    vary : iterable of str, optional
        What may be fitted, by default all that dwell times can tell, see `FREE`.
    temperature : float, optional
        Temperature of the measurement [K].
    citation : str
        Publication of the data.

    Returns
    -------
    DwellFit

    Raises
    ------
    DataError
        If there are fewer points than parameters.
    ParameterError
        For a name or value that is not allowed.
    """
    base = card or ParameterSet(model, "assumed", values={"delta": 8.0})
    if base.model not in FREE:
        raise ParameterError(f"model '{base.model}' cannot be fitted to dwell times; {', '.join(FREE)} can")
    if temperature is not None:
        base = base.replace(t_nom=float(temperature))
    names = [n for n in FREE[base.model] if n in (FREE[base.model] if vary is None else tuple(vary))]
    if len(names) < len(tuple(vary or ())):
        raise ParameterError(f"only {', '.join(FREE[base.model])} can be fitted to dwell times")
    level = table.level
    if 2 * level.size < len(names) + 1 or np.ptp(level) == 0:
        raise DataError(f"{table.source}: {level.size} biases are too few for {len(names)} parameters")
    measured = np.log(np.stack((table.dwell_p, table.dwell_ap)))
    weight = np.sqrt(np.stack((np.asarray(table.count_p), np.asarray(table.count_ap))))

    def values(parameters: Mapping[str, float]) -> dict[str, float]:
        return {k.removeprefix("log_"): math.exp(v) if k.startswith("log_") else v for k, v in parameters.items()}

    def residual(parameters: lmfit.Parameters) -> FloatArray:
        trial = base.replace(None, **values(parameters.valuesdict()))
        return ((measured - _log_dwells(trial, table.quantity, level)) * weight).ravel()

    def solve() -> Any:
        return min((_solve(residual, base, names, start, table) for start in _starts(base, names)), key=_quality)

    undetermined: dict[str, str] = {}
    result = solve()
    for held in GIVE_UP[base.model]:
        errors = _vague(result, names)
        if errors and held in names:
            partners = ", ".join(f"{k} ({100 * v:.0f} %)" for k, v in errors.items())
            undetermined[held] = f"these data leave a line of values open (errors with all free: {partners}); assumed"
            names.remove(held)
            result = solve()
    best = values(result.params.valuesdict())
    scale = math.sqrt(max(result.redchi, 1.0))
    chosen = base.replace(None, **best)
    stderr = {}
    for key in names:
        parameter = result.params.get(f"log_{key}") or result.params[key]
        if parameter.stderr is not None:
            stderr[key] = parameter.stderr * scale * (1.0 if key == "h_bias" else best[key])
    correlations = {}
    if result.covar is not None:
        correlations = correlations_of(result.covar, [n.removeprefix("log_") for n in result.var_names])
    undetermined |= not_shown(chosen.definition, {*stderr, *undetermined}, OTHER_REASON, {})
    notes = list(table.notes)
    if result.redchi > 2:
        notes.append(f"dwell times scatter {scale:.2g} times more about the law than their number explains")
    left = measured - _log_dwells(chosen, table.quantity, level)
    rms = float(np.sqrt(np.mean(left**2)))
    found = dataclasses.replace(
        chosen,
        name=name or card_name(table.source, "dwells"),
        stderr=stderr,
        correlations=correlations,
        undetermined=undetermined,
        notes=tuple(dict.fromkeys(notes)),
        derived={},
        provenance=origin(
            [table],
            "mean dwell times of both states against bias, maximum likelihood",
            {"rms_log_dwell": rms, "dispersion": float(result.redchi), "biases": float(level.size)},
            citation,
        ),
    )
    return DwellFit(found, table, rms, float(result.redchi))


def _quality(result: Any) -> float:
    return float(result.chisqr) if np.isfinite(result.chisqr) else math.inf


def _starts(base: ParameterSet, names: Sequence[str]) -> list[dict[str, float]]:
    deltas = (5.0, 10.0, 20.0, 40.0) if "delta" in names else (base.values["delta"],)
    return [{"delta": delta} for delta in deltas]


def _solve(
    residual: Any, base: ParameterSet, names: Sequence[str], start: Mapping[str, float], table: DwellTable
) -> Any:
    """Fit from one start: pace and critical bias guessed from the mean and the slope of the logarithms."""
    delta = start["delta"]
    mean = math.exp(float(np.mean(np.log(table.dwell_p) + np.log(table.dwell_ap)) / 2))
    ratio = np.log(table.dwell_p / table.dwell_ap)
    slope = float(np.polyfit(table.level, ratio, 1)[0])
    critical = 4 * delta / max(abs(slope), 1e-30)
    guess = {"delta": delta, "h_bias": 0.0}
    guess |= {"tau_0": mean * math.exp(-delta), "vc_p2ap": critical, "vc_ap2p": critical}
    guess |= {"tau_d": mean * math.exp(-delta) * 4 * math.sqrt(delta / math.pi) * delta**0.5}
    if base.model == "mtj":
        drive = AxialDrive.of(base)
        current = critical if table.quantity == "current" else critical / _resistance(drive)
        guess |= {"ic_p2ap": current, "ic_ap2p": current}
    parameters = lmfit.Parameters()
    for name in names:
        declared = base.definition.parameter(name)
        if name == "h_bias":
            parameters.add(name, 0.0, min=-0.9, max=0.9)
            continue
        low, high = math.log(max(declared.low, 1e-15)), math.log(declared.high)
        parameters.add(f"log_{name}", min(max(math.log(guess[name]), low + 0.01), high - 0.01), min=low, max=high)
    return lmfit.minimize(residual, parameters, method="least_squares", max_nfev=60, x_scale="jac")


def _resistance(drive: AxialDrive) -> float:
    return 1e-3 / float(drive.model.evaluate("i", dict(drive.values) | {"v_fl_rl": 1e-3, "z": 0.0}))


def _vague(result: Any, names: Sequence[str]) -> dict[str, float]:
    scale = math.sqrt(max(result.redchi, 1.0))
    found = {}
    for name in names:
        parameter = result.params.get(f"log_{name}") or result.params[name]
        error = math.inf if parameter.stderr is None else parameter.stderr * scale
        if not error < VAGUE:
            found[name] = min(error, 99.0)
    return found
