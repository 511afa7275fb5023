"""Card of an auto-oscillator fitted to tables of frequency, power and linewidth against current, together.

    from compact.oscillatordata import read_oscillator
    from compact.oscillatorfit import fit_oscillator

    fit = fit_oscillator([read_oscillator("tuning.csv")], card=known)
    print(fit.report())

Frequency and power follow A. Slavin and V. Tiberkevich, IEEE Trans. Magn. 45, 1875 (2009), with the thermal mean of the
power where noise matters; linewidths are used away from threshold, where their closed forms hold.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import lmfit
import numpy as np
from numpy.typing import ArrayLike, NDArray

from compact.errors import DataError, ParameterError, unknown
from compact.fitresult import (
    VAGUE,
    CardFit,
    card_name,
    correlated,
    correlations_of,
    fitted,
    left_open,
    not_shown,
    relative_errors,
    remarks,
)
from compact.oscillatordata import KINDS, OscillatorTable
from compact.oscillatorlaw import Points, deviation, points_of, predict, rounding
from compact.parameters import ParameterSet, Provenance
from compact.physics.auto_oscillation import AutoOscillator
from compact.units import format_si

__all__ = ["FREE", "OscillatorFit", "fit_oscillator"]

FloatArray: TypeAlias = NDArray[np.float64]

MODEL = "auto_oscillator"
FREE = ("i_th", "f_0", "f_i", "n_shift", "q_damping", "gamma_g", "energy", "cos_u")
"""What the tables may determine."""
LOGARITHMIC = ("i_th", "gamma_g", "energy", "cos_u")
NEEDS = {
    "n_shift": ("frequency", "linewidth"), "f_0": ("frequency",), "f_i": ("frequency",), "cos_u": ("power",),
    "gamma_g": ("linewidth",), "energy": ("linewidth", "power"),
}  # fmt: skip
NEAR = 3.0
"""Widths of the thermal rounding of the threshold within which no linewidth is fitted."""
GIVE_UP = ("energy", "q_damping", "n_shift", "cos_u", "f_i", "gamma_g", "i_th", "f_0")
"""What is held first where the data leave several open: what shows only above threshold."""
PASSES = 3


@dataclass(frozen=True)
class OscillatorFit(CardFit):
    """Fit of a card to tables.

    Parameters
    ----------
    card : ParameterSet
        The oscillator.
    tables : tuple of OscillatorTable
        The data.
    temperature : float
        [K].
    scatter : dict of str to float
        Rms deviation of frequency [Hz], and relative one of power and linewidth [1].
    skipped : int
        Linewidths near threshold that were not used.
    """

    card: ParameterSet
    tables: tuple[OscillatorTable, ...]
    temperature: float
    scatter: dict[str, float]
    skipped: int

    def predict(self, kind: str, current: ArrayLike, load: float = 50.0) -> FloatArray:
        """Fitted frequency [Hz], power [W] or linewidth [Hz] at currents [A]."""
        if kind not in KINDS:
            raise ParameterError(unknown("figure of an oscillator", kind, KINDS))
        model = AutoOscillator.from_card(self.card, self.temperature)
        i = np.asarray(current, dtype=float)
        assert model.junction is not None
        return predict(model, kind, i, model.junction.at(i), load)

    def _told(self) -> list[str]:
        card = self.card
        lines = [f"{t.source}: {t.current.size} currents" for t in self.tables]
        for kind, value in self.scatter.items():
            text = format_si(value, "Hz") if kind == "frequency" else f"{100 * value:.2g} %"
            lines.append(f"  {kind:10s} scatters by {text}")
        if self.skipped:
            lines.append(f"  {self.skipped} linewidths near threshold are not used")
        return [*lines, *fitted(card), *correlated(card), *left_open(card), *remarks(card.notes)]

    def plot(self, path: str | Path) -> Path:
        """Draw data and fitted laws to a PNG, SVG or PDF file; the file."""
        from compact.spectrumplot import plot_oscillator  # matplotlib is slow to import

        return plot_oscillator(self, path)


def fit_oscillator(
    tables: Sequence[OscillatorTable],
    *,
    card: ParameterSet | None = None,
    name: str | None = None,
    vary: Iterable[str] | None = None,
    temperature: float | None = None,
    citation: str = "",
) -> OscillatorFit:
    """Fit an auto-oscillator to tables of one device.

    Parameters
    ----------
    tables : sequence of OscillatorTable
        The data.
    card : ParameterSet, optional
        What is known of the device: conduction above all, and values for what is not fitted.
    name : str, optional
        Name of the card.
    vary : iterable of str, optional
        What may be fitted, by default all of `FREE` that the kinds of data can tell.
    temperature : float, optional
        [K], by default t_nom of the card.
    citation : str
        Publication of the data.

    Returns
    -------
    OscillatorFit

    Raises
    ------
    DataError
        If there are fewer points than parameters, or nothing tells a threshold.
    ParameterError
        For a name that is not allowed.
    """
    if not tables:
        raise DataError("no table to fit")
    base = card or ParameterSet(MODEL, "assumed")
    if base.model != MODEL:
        raise ParameterError(f"card '{base.name}' is of model {base.model}; a card of {MODEL} is needed")
    kelvin = float(temperature or base.values["t_nom"])
    wanted = FREE if vary is None else tuple(vary)
    for key in wanted:
        if key not in FREE:
            raise ParameterError(unknown("parameter that is fitted", key, FREE))
    base = base.replace(None, t_nom=kelvin, **_guess(tables, base, wanted))
    points = points_of(tables, AutoOscillator.from_card(base, kelvin))
    kinds = {p.kind for p in points}
    names = [k for k in FREE if k in wanted and (k not in NEEDS or kinds & set(NEEDS[k]))]
    undetermined = {
        k: f"needs {' or '.join(NEEDS[k])} against current; assumed"
        for k in FREE
        if k in NEEDS and not kinds & set(NEEDS[k])
    }
    undetermined |= {k: "held" for k in FREE if k not in wanted}
    total = sum(p.value.size for p in points)
    if total < len(names) + 2:
        raise DataError(
            f"{tables[0].source}: {total} figures are too few for {len(names)} parameters ({', '.join(names)})"
        )

    result, used = _solve(points, base, names, kelvin)
    while vague := _vague(result, names, base, points):
        key, text = vague
        if text == "at its limit" and key == "i_th":
            raise DataError(f"{tables[0].source}: the data show no threshold current")
        undetermined[key] = f"the data leave it open ({text}); assumed"
        names.remove(key)
        if not names:
            raise DataError(f"{tables[0].source}: the data determine no parameter of an oscillator")
        result, used = _solve(points, base, names, kelvin)
    values = _values(result.params.valuesdict(), base)
    chosen = base.replace(None, **values)
    model = AutoOscillator.from_card(chosen, kelvin)
    excess = math.sqrt(max(result.redchi, 1.0))
    if result.covar is None:
        raise DataError(f"{tables[0].source}: the fit does not settle; hold a parameter")
    units = _units(base)
    stderr, plain = {}, [n.removeprefix("log_") for n in result.var_names]
    for key, full in zip(plain, result.var_names, strict=True):
        stderr[key] = (
            float(result.params[full].stderr) * excess * (abs(values[key]) if full.startswith("log_") else units[key])
        )
    # What is varied of these is the logarithm of their size.
    signs = {k: math.copysign(1.0, values[k]) for k in plain if k in LOGARITHMIC}
    correlations = correlations_of(result.covar, plain, signs)
    other = "tables of frequency, power and linewidth do not show it"
    undetermined |= not_shown(chosen.definition, {*stderr, *undetermined}, other, {})
    scatter = {}
    for kind in KINDS:
        left = [deviation(p, predict(model, kind, p.current, p.at, p.load))[u] for p, u in zip(points, used,
        strict=True) if p.kind == kind]  # fmt: skip
        if left and sum(x.size for x in left):
            scatter[kind] = float(np.sqrt(np.mean(np.concatenate(left) ** 2)))
    skipped = sum(int((~u).sum()) for u in used)
    notes = [n for t in tables for n in t.notes]
    if result.redchi > 2 and any(p.error is not None for p in points):
        notes.append(f"the data scatter {excess:.2g} times more about the law than their errors say")
    if scatter.get("power", 0.0) > 1:
        notes.append("the power is not described: it depends on r_p and tmr, which such tables do not show; give them")
    if not (model.zeta(np.concatenate([p.current for p in points])) < 1).any():
        notes.append("no data below threshold")
    digest = hashlib.sha256("".join(t.sha256 for t in tables).encode()).hexdigest() if tables[0].sha256 else ""
    quality = {f"rms_{k}": v for k, v in scatter.items()} | {"reduced_chi_squared": float(result.redchi)}
    found = dataclasses.replace(
        chosen, name=name or card_name(tables[0].source, "oscillator"), stderr=stderr, correlations=correlations,
        undetermined=undetermined, notes=tuple(dict.fromkeys(notes)), derived={},
        provenance=Provenance(
            source=", ".join(t.source for t in tables), sha256=tables[0].sha256 if len(tables) == 1 else digest,
            date=datetime.date.today().isoformat(), citation=citation, quality=quality,
            method=f"{', '.join(k for k in KINDS if k in kinds)} against current, least squares",
        ),
    )  # fmt: skip
    return OscillatorFit(found, tuple(tables), kelvin, scatter, skipped)


def _units(base: ParameterSet) -> dict[str, float]:
    """Units in which frequencies are fitted: their derivatives are taken in steps of a fixed size about zero."""
    f_0 = base.values["f_0"]
    return {"f_0": f_0, "n_shift": f_0, "f_i": f_0 / abs(base.values["i_th"]), "q_damping": 1.0}


def _values(raw: Mapping[str, float], base: ParameterSet) -> dict[str, float]:
    units = _units(base)
    return {
        k.removeprefix("log_"): math.copysign(math.exp(v), base.values[k[4:]]) if k.startswith("log_") else v * units[k]
        for k, v in raw.items()
    }


def _guess(tables: Sequence[OscillatorTable], base: ParameterSet, wanted: Sequence[str]) -> dict[str, float]:
    """Where the fit starts, from the shapes of the curves."""
    current = np.concatenate([t.current for t in tables])
    sign = math.copysign(1.0, current[np.argmax(np.abs(current))])
    low, high = float(np.abs(current).min()), float(np.abs(current).max())
    guess: dict[str, float] = {}
    i_th = max(low, 0.5 * high)
    for table in tables:
        i = np.abs(table.current)
        if table.power is not None:
            order = np.argsort(i)
            p = table.power[order] / np.maximum(i[order], 1e-30) ** 2
            rise = np.flatnonzero(p > 0.15 * np.nanmax(p))
            i_th = max(float(i[order][rise[0]]), 0.02 * high)
        elif table.linewidth is not None:
            order = np.argsort(i)
            w, x = table.linewidth[order], i[order]
            # The width falls towards threshold from below: its steepest relative fall is there.
            fall = np.diff(np.log(w)) / np.maximum(np.diff(x), 1e-30)
            if fall.size and fall.min() < 0:
                i_th = float(x[1 + int(np.argmin(fall))])
    guess["i_th"] = sign * max(i_th, 1e-9)
    for table in tables:
        i = np.abs(table.current)
        if table.frequency is not None:
            good = np.isfinite(table.frequency)
            guess["f_0"] = float(table.frequency[good][np.argmin(i[good])])
            above = good & (i > i_th)
            if above.sum() >= 2:
                change = float(table.frequency[above][np.argmax(i[above])]) - guess["f_0"]
                guess["n_shift"] = change / max((high / i_th - 1) / (high / i_th + 1), 0.05)
        if table.linewidth is not None:
            good = np.isfinite(table.linewidth)
            first = float(table.linewidth[good][np.argmin(i[good])])
            below = 1 - float(i[good].min()) / i_th
            if below > 0.1:
                guess["gamma_g"] = math.pi * first / below
    f_0 = guess.get("f_0", base.values["f_0"])
    guess["gamma_g"] = min(guess.get("gamma_g", base.values["gamma_g"]), 0.9 * f_0)
    guess["q_damping"], guess["f_i"] = 1.0, 0.0
    return {k: v for k, v in guess.items() if k in wanted} | ({"f_0": f_0} if "f_0" in wanted else {})


def _parameters(base: ParameterSet, names: Sequence[str], start: Mapping[str, float]) -> lmfit.Parameters:
    parameters = lmfit.Parameters()
    for key in names:
        declared = base.definition.parameter(key)
        value = start.get(key, base.values[key])
        if key in LOGARITHMIC:
            low = math.log(max(declared.low, 1e-30)) if declared.low > 0 else math.log(1e-12 if key == "i_th" else 1e-4)
            parameters.add(f"log_{key}", math.log(abs(value)), min=low, max=math.log(declared.high))
        else:
            unit = _units(base)[key]
            parameters.add(key, value / unit, min=declared.low / unit, max=declared.high / unit)
    return parameters


def _solve(
    points: list[Points], base: ParameterSet, names: Sequence[str], kelvin: float
) -> tuple[Any, list[NDArray[np.bool_]]]:
    """Fit; where no errors are given their size follows from the scatter, kind by kind, in some passes."""
    template = AutoOscillator.from_card(base, kelvin)
    area = (base.values["diameter"] / base.values["diameter_ref"]) ** 2
    power = {"i_th": 1, "energy": 1, "f_i": -1}
    sigma = {"frequency": 2e-3 * base.values["f_0"], "power": 0.1, "linewidth": 0.2}
    kinds = {p.kind for p in points}

    def model_of(raw: Mapping[str, float]) -> AutoOscillator:
        values = _values(raw, base)
        changed: dict[str, Any] = {k: v * area ** power.get(k, 0) for k, v in values.items()}
        return dataclasses.replace(template, **changed)

    def deviations(raw: Mapping[str, float], used: list[NDArray[np.bool_]], exact: bool = True) -> list[FloatArray]:
        model = model_of(raw)
        left = []
        for p, u in zip(points, used, strict=True):
            d = deviation(p, predict(model, p.kind, p.current, p.at, p.load, exact))
            error = p.error if p.error is None or p.kind == "frequency" else p.error / p.value
            left.append(np.where(u, d / (sigma[p.kind] if error is None else error), 0.0))
        return left

    def away(raw: Mapping[str, float]) -> list[NDArray[np.bool_]]:
        model = model_of(raw)
        width = max(NEAR * rounding(model), 0.02)
        found = []
        for p in points:
            zeta = model.zeta(p.current)
            keep = np.ones(p.current.shape, dtype=bool)
            if p.kind == "linewidth":
                law = model.linewidth(p.current)
                keep = (np.abs(zeta - 1) > width) & (law < 0.3 * model.relaxation_rate(p.current) / (2 * math.pi) * 2)
                keep |= (zeta < 1) & (np.abs(zeta - 1) > width)
            found.append(keep)
        return found

    def first_look(p: Any, used: list[NDArray[np.bool_]]) -> FloatArray:
        # Far points pull no more than five errors do, and no thermal mean is taken.
        return np.asarray(np.arctan(np.concatenate(deviations(p.valuesdict(), used, False)) / 5) * 5)

    def residual(p: Any, used: list[NDArray[np.bool_]]) -> FloatArray:
        return np.concatenate([d[u] for d, u in zip(deviations(p.valuesdict(), used), used, strict=True)])

    every = [np.ones(p.current.shape, dtype=bool) for p in points]
    best: Any = None
    shift, i_th = base.values["n_shift"], base.values["i_th"]
    energies = (base.values["energy"],) if "energy" not in names else (1e-19, 1e-18, 1e-17)
    for factor in (1.0, 0.7, 1.3):
        for energy in energies:
            start = {"i_th": i_th * factor, "n_shift": shift, "energy": energy}
            parameters = _parameters(base, names, start)
            _scale_start(parameters, points, model_of)
            used = away(parameters.valuesdict()) if kinds != {"frequency"} else every
            if sum(int(u.sum()) for u in used) < len(names) + 1:
                used = every
            trial = lmfit.minimize(
                first_look, parameters, args=(used,), method="least_squares", max_nfev=200, x_scale="jac"
            )  # fmt: skip
            # Points left out must not make a start look good.
            count = sum(int(u.sum()) for u in used)
            score = float(trial.chisqr) / max(count - len(names), 1)
            if best is None or score < best[0]:
                best = score, trial
    result = best[1]
    used = every
    for _ in range(PASSES):
        raw = result.params.valuesdict()
        used = away(raw) if kinds != {"frequency"} else every
        left = deviations(raw, used)
        for kind in kinds:
            mine = [d[u] for p, d, u in zip(points, left, used, strict=True) if p.kind == kind and p.error is None]
            count = sum(x.size for x in mine)
            if count > 3:
                free = max(count - len(names) * count / max(sum(int(u.sum()) for u in used), 1), 1.0)
                sigma[kind] *= math.sqrt(max(float(np.sum(np.concatenate(mine) ** 2)) / free, 1e-12))
        result = lmfit.minimize(
            residual, result.params, args=(used,), method="least_squares", max_nfev=600, x_scale="jac",
            xtol=1e-6, ftol=1e-6,
        )  # fmt: skip
    return result, used


def _scale_start(parameters: lmfit.Parameters, points: list[Points], model_of: Any) -> None:
    """Start `cos_u` where the powers have the right size."""
    if "log_cos_u" not in parameters:
        return
    model = model_of(parameters.valuesdict())
    ratios = [np.median(np.log(p.value) - np.log(np.maximum(predict(model, p.kind, p.current, p.at, p.load, False),
    1e-300))) for p in points if p.kind == "power"]  # fmt: skip
    value = parameters["log_cos_u"].value + float(np.mean(ratios)) / 2
    parameters["log_cos_u"].set(value=min(max(value, parameters["log_cos_u"].min), parameters["log_cos_u"].max))


def _vague(result: Any, names: Sequence[str], base: ParameterSet, points: list[Points]) -> tuple[str, str] | None:
    """A parameter that is not determined, if there is one, in the order of `GIVE_UP`, and how."""
    values = _values(result.params.valuesdict(), base)
    f_0 = values.get("f_0", base.values["f_0"])
    top = max(float(np.abs(p.current).max()) for p in points)
    scale = {
        "f_0": f_0, "f_i": max(abs(values.get("f_i", 0.0)), 0.05 * f_0 / top),
        "n_shift": max(abs(values.get("n_shift", 0.0)), 0.05 * f_0),
        "q_damping": 2 * (1 + values.get("q_damping", 1.0)),
    }  # fmt: skip
    units = _units(base)
    errors = relative_errors(result, {n: scale.get(n, 1.0) / units.get(n, 1.0) for n in result.var_names})
    for key in sorted(names, key=GIVE_UP.index):
        full = f"log_{key}" if key in LOGARITHMIC else key
        parameter, relative = result.params[full], errors[full]
        room = min(parameter.value - parameter.min, parameter.max - parameter.value)
        if room < 1e-6 * (1 + abs(parameter.value)):
            return key, "at its limit"
        if not relative < VAGUE:
            return key, f"error {100 * min(relative, 99.0):.0f} % of its size"
    return None
