"""From resistance against field to a model card: resistances, stray field, anisotropy field, stability."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from compact.constants import BOLTZMANN, MU_0
from compact.errors import DataError
from compact.fieldfit import Estimate, LoopOfField, fit_closed, fit_open
from compact.fieldloop import OERSTED, FieldLoop, analyse_field_loop, read_field_loop
from compact.fieldthermal import VAGUE, Thermal, fit_thermal
from compact.fitresult import REASONS as COMMON
from compact.fitresult import CardFit, card_name, fitted, left_open, not_shown, origin, refuse_twice, remarks
from compact.model import Model
from compact.models import get_model
from compact.parameters import ParameterSet, Quantity
from compact.units import format_si

__all__ = ["FieldFit", "fit_field_loops"]

MODELS = ("mtj", "mtj_macrospin")
REASONS = COMMON | {
    "tau_d": "field loops are far slower than the relaxation time; it takes nanosecond pulses or a resonance",
    "ic_p2ap": "no current switches in a field loop",
    "ic_ap2p": "no current switches in a field loop",
    "polarisation": "no current switches in a field loop",
    "asymmetry": "no current switches in a field loop",
    "diameter_ref": "a loop does not show the size of the junction",
    "alpha": "a quasistatic loop does not show the damping",
}
BIAS = ("v_h", "tmr_slope", "g_slope", "g_curv")
SHAPE = "the loop shows the anisotropy field with the demagnetising field in it: h_k holds both, factors are equal"
OTHER_REASON = "a loop of resistance against field does not show it"


@dataclass(frozen=True)
class FieldFit(CardFit):
    """Fit of one or several loops of one device.

    Parameters
    ----------
    card : ParameterSet
        The device.
    fits : tuple of LoopOfField
        Fit of each loop.
    thermal : Thermal or None
        Result of the switching fields, where they yield it.
    """

    card: ParameterSet
    fits: tuple[LoopOfField, ...]
    thermal: Thermal | None = None

    def _told(self) -> list[str]:
        return _report(self)

    def plot(self, path: str | Path) -> Path:
        """Draw data, fit and residuals to a PNG, SVG or PDF file."""
        from compact.fieldplot import plot_field_loops  # matplotlib is slow to import and not always wanted

        return plot_field_loops(self, path)


def _mean(found: Sequence[Estimate]) -> Estimate:
    """Weighted mean; scatter beyond the errors enlarges the error."""
    values = np.array([v for v, _ in found])
    errors = np.maximum([e for _, e in found], 1e-9 * np.abs(values))
    weight = 1 / errors**2
    mean = float(np.sum(weight * values) / weight.sum())
    excess = float(np.sum(weight * (values - mean) ** 2)) / max(len(values) - 1, 1)
    return mean, float(np.sqrt(max(excess, 1.0) / weight.sum()))


def fit_field_loops(
    loops: FieldLoop | str | Path | Iterable[FieldLoop | str | Path],
    model: str = "mtj",
    name: str | None = None,
    *,
    tau_d: float | None = None,
    temperature: float | None = None,
    sweep_rate: float | None = None,
) -> FieldFit:
    """Fit loops of resistance against field, all of one device.

    Parameters
    ----------
    loops : FieldLoop, path, or iterable of them
        Loops along the easy axis (they open) give resistances, switching fields and the stray field; curves along
        the hard axis give the anisotropy field. With the speed of the field, its scatter over cycles, several speeds
        or a hard-axis curve beside the loop give the thermal stability factor too.
    model : {"mtj", "mtj_macrospin"}
        Name of the model.
    name : str, optional
        Name of the card; made from the file name where not given.
    tau_d : float, optional
        Relaxation time to assume [s], that of the model `mtj` where not given.
    temperature : float, optional
        Temperature of the measurement [K].
    sweep_rate : float, optional
        Speed of the field [A/m per second] of loops that do not say it.

    Raises
    ------
    DataError
        If the loops do not hold what a fit needs.
    ParameterError
        For an unknown model, or a name or value that is not allowed.
    """
    device = get_model(model)
    if model not in MODELS:
        raise DataError(f"model '{model}' cannot be fitted to field loops; {' and '.join(MODELS)} can")
    given = [loops] if isinstance(loops, FieldLoop | str | Path) else list(loops)
    read = [item if isinstance(item, FieldLoop) else read_field_loop(item) for item in given]
    if not read:
        raise DataError("no loop was given")
    refuse_twice(read)
    if sweep_rate is not None:
        read = [loop if loop.sweep_rate else dataclasses.replace(loop, sweep_rate=sweep_rate) for loop in read]
    shapes = [analyse_field_loop(loop) for loop in read]
    opened = [fit_open(shape) for shape in shapes if shape.axis == "easy"]
    states = None
    if opened:
        r_p, tmr = (_mean([f.values[k] for f in opened])[0] for k in ("r_p", "tmr"))
        states = 1 / r_p, 1 / (r_p * (1 + tmr))
    closed = [fit_closed(shape, states) for shape in shapes if shape.axis == "hard"]
    fits = tuple(opened + closed)
    relaxation = get_model("mtj").complete({} if tau_d is None else {"tau_d": tau_d})["tau_d"]
    prior, why_not = _anisotropy(fits)
    thermal = fit_thermal(fits, relaxation, prior) if opened else "no loop along the easy axis shows switching"
    card = _card(device, fits, prior, why_not, thermal, relaxation, temperature, name)
    return FieldFit(card, fits, None if isinstance(thermal, str) else thermal)


def _anisotropy(fits: Sequence[LoopOfField]) -> tuple[Estimate | None, str]:
    """Anisotropy field from hard-axis curves, or why there is none."""
    found = [f.values["h_k"] for f in fits if f.form != "loop"]
    if not found:
        return None, "no curve along the hard axis"
    best = _mean(found)
    if not best[1] <= VAGUE * best[0]:
        return None, "the curve along the hard axis does not come near saturation"
    return best, ""


def _card(
    device: Model,
    fits: Sequence[LoopOfField],
    prior: Estimate | None,
    why_not: str,
    thermal: Thermal | str,
    tau_d: float,
    temperature: float | None,
    name: str | None,
) -> ParameterSet:
    """Card of a device from the fits of its loops."""
    opened = [f for f in fits if f.form == "loop"]
    values: dict[str, float] = {}
    stderr: dict[str, float] = {}
    undetermined: dict[str, str] = {}
    correlations: dict[tuple[str, str], float] = {}

    def put(key: str, estimate: Estimate) -> None:
        values[key], stderr[key] = estimate

    resistive = [f for f in opened or fits if "r_p" in f.values]
    for key in ("r_p", "tmr"):
        if resistive:
            put(key, _mean([f.values[key] for f in resistive]))
        else:
            undetermined[key] = "the curve along the hard axis does not reach saturation"
    kelvin = temperature or next((f.shape.loop.temperature for f in fits if f.shape.loop.temperature), None)
    if kelvin is not None:
        values["t_nom"] = kelvin
    h_k = thermal.h_k if isinstance(thermal, Thermal) else prior
    reason = thermal if isinstance(thermal, str) else ""
    no_h_k = f"the anisotropy field is not known: {why_not}, and {reason}" if h_k is None else ""
    centre = _mean([f.values["h_centre"] for f in opened]) if opened else None
    if isinstance(thermal, Thermal):
        centre = thermal.centre
    if device.name == "mtj":
        if h_k and centre:
            put("h_bias", _ratio((-centre[0], centre[1]), h_k))
        elif centre:
            undetermined["h_bias"] = f"{no_h_k}; the centre of the loop is among the derived figures"
        else:
            undetermined["h_bias"] = "no loop along the easy axis"
        if isinstance(thermal, Thermal):
            put("delta", thermal.delta)
        else:
            undetermined["delta"] = reason
        if tau_d != device.complete({})["tau_d"]:
            values["tau_d"] = tau_d
    else:
        if h_k:
            put("h_k", h_k)
            values |= {f"n_{a}": 1 / 3 for a in "xyz"}
            undetermined |= {f"n_{a}": SHAPE for a in "xyz"}
        else:
            undetermined["h_k"] = no_h_k.removeprefix("the anisotropy field is not known: ")
        if centre:
            put("h_z", (-centre[0], centre[1]))
        if isinstance(thermal, Thermal) and h_k:
            moment, error = _moment(thermal, values.get("t_nom", 300.0))
            ms = device.complete({})["ms"]
            put("volume", (moment / ms, error / ms))
            undetermined["ms"] = "switching shows the moment alone; the volume is the one for this magnetisation"
            correlations[("h_k", "volume")] = min(max(_moment_correlation(thermal), -1.0), 1.0)
        else:
            undetermined["volume"] = reason or OTHER_REASON
            undetermined["ms"] = OTHER_REASON
    bias = next((f.shape.loop.bias for f in fits if f.shape.loop.bias), None)
    for key in BIAS:
        undetermined[key] = "all data are at one bias"
    undetermined |= not_shown(device, {*stderr, *undetermined, *values}, OTHER_REASON, REASONS)
    quality = {"loops": float(len(fits)), "rms_over_height": float(np.sqrt(np.mean([f.rms**2 for f in fits])))}
    loops = [f.shape.loop for f in fits]
    method = "resistance against field, least squares"
    if isinstance(thermal, Thermal):
        method += "; thermally activated switching, largest likelihood"
        quality["switching_events"] = float(thermal.events)
    return ParameterSet(
        model=device.name,
        name=name or card_name(loops[0].source),
        values=device.complete(values),
        stderr=stderr,
        correlations=correlations,
        provenance=origin(loops, method, quality),
        derived=_derived(fits, h_k, thermal, values.get("t_nom", 300.0)),
        undetermined=undetermined,
        notes=tuple(_notes(fits, h_k, thermal, tau_d, bias, kelvin)),
    )


def _ratio(a: Estimate, b: Estimate) -> Estimate:
    value = a[0] / b[0]
    return value, math.hypot(a[1] / b[0], value * b[1] / b[0])


def _moment(thermal: Thermal, kelvin: float) -> Estimate:
    """Magnetic moment of what switches [A m^2]: Delta = mu0 m Hk/(2 k T)."""
    value = 2 * thermal.delta[0] * BOLTZMANN * kelvin / (MU_0 * thermal.h_k[0])
    a, b = thermal.delta[1] / thermal.delta[0], thermal.h_k[1] / thermal.h_k[0]
    return value, value * math.sqrt(max(a * a + b * b - 2 * thermal.correlation * a * b, 1e-18))


def _moment_correlation(thermal: Thermal) -> float:
    a, b = thermal.delta[1] / thermal.delta[0], thermal.h_k[1] / thermal.h_k[0]
    return (thermal.correlation * a - b) / math.sqrt(max(a * a + b * b - 2 * thermal.correlation * a * b, 1e-18))


def _derived(
    fits: Sequence[LoopOfField], h_k: Estimate | None, thermal: Thermal | str, kelvin: float
) -> dict[str, Quantity]:
    found: dict[str, Quantity] = {}
    texts = {
        "h_ap2p": "field that switches AP->P, positive towards parallel",
        "h_p2ap": "field that switches P->AP, positive towards parallel",
        "h_c": "coercive field",
        "h_centre": "field of the loop's centre; the stray field on the free layer is the opposite",
        "width_ap2p": "spread of the fields that switch AP->P (standard deviation)",
        "width_p2ap": "spread of the fields that switch P->AP (standard deviation)",
    }
    opened = [f for f in fits if f.form == "loop"]
    for k, fit in enumerate(opened):
        tag = f"_{k + 1}" if len(opened) > 1 else ""
        where = f" in {fit.shape.loop.source}" if tag else ""
        for key, text in texts.items():
            if key in fit.values:
                found[f"{key}{tag}"] = Quantity(*fit.values[key], "A/m", text + where)
    if h_k:
        found["h_k"] = Quantity(*h_k, "A/m", "anisotropy field, demagnetising field subtracted")
    if isinstance(thermal, Thermal):
        found["moment"] = Quantity(*_moment(thermal, kelvin), "A m^2", "magnetic moment of what switches")
    return found


def _notes(
    fits: Sequence[LoopOfField],
    h_k: Estimate | None,
    thermal: Thermal | str,
    tau_d: float,
    bias: float | None,
    kelvin: float | None,
) -> list[str]:
    notes: list[str] = []
    for fit in fits:
        notes += fit.shape.loop.notes
        if fit.shape.polarity < 0:
            notes.append(
                f"{fit.shape.loop.source}: negative field sets the parallel state in the data; fields on the card are "
                f"positive towards parallel"
            )
        if fit.form == "across":
            notes.append(f"{fit.shape.loop.source}: hard axis, reference layer across the field and taken as fixed")
        if fit.form == "along":
            notes.append(f"{fit.shape.loop.source}: hard axis, reference layer along the field")
        if fit.form != "loop" and fit.rms * fit.shape.height > 3 * fit.shape.noise:
            notes.append(
                f"{fit.shape.loop.source}: off coherent rotation by {100 * fit.rms:.1f} % of the height, as where the "
                f"field is some degrees off the axis; from 3 degrees on Hk comes out too high, by 10 % at 4"
            )
        if fit.form != "loop" and fit.values["h_k"][0] > np.abs(fit.shape.field).max():
            notes.append(f"{fit.shape.loop.source}: saturation is extrapolated, the sweep ends before it")
        if fit.form == "loop" and any(fit.shape.gradual.values()):
            notes.append(
                f"{fit.shape.loop.source}: the state changes gradually, as many domains do; the model switches as one"
            )
    opened = [f for f in fits if f.form == "loop"]
    if bias:
        notes.append(
            f"resistances hold at the bias of the measurement, {format_si(bias, 'V')}, not extrapolated to zero"
        )
    if opened and h_k is None:
        h_c = max(f.values["h_c"][0] for f in opened)
        notes.append(
            f"the anisotropy field is above the coercive field of {h_c / OERSTED:.4g} Oe, by how much is not known"
        )
    if opened and h_k:
        h_c = max(f.values["h_c"][0] for f in opened)
        if h_c > h_k[0] + 3 * h_k[1]:
            notes.append(
                "the coercive field exceeds the anisotropy field: the axes were taken for one another, or mixed"
            )
    if isinstance(thermal, Thermal):
        h, d = thermal.per_decade
        notes.append(
            f"Delta and anisotropy field assume a relaxation time of {format_si(tau_d, 's')} and a barrier "
            f"Delta (1 - H/Hk)^2; a time ten times longer changes Delta by {100 * d / thermal.delta[0]:+.1f} % and Hk "
            f"by {100 * h / thermal.h_k[0]:+.1f} %"
        )
        if any(any(f.shape.gradual.values()) for f in opened):
            notes.append("of a gradual loop, Delta is that of nucleation, not of the whole layer")
    if kelvin is None:
        notes.append("temperature assumed: 300 K")
    return list(dict.fromkeys(notes))


# ------------------------------------------------------------------------------------------------ report


def _report(result: FieldFit) -> list[str]:
    card = result.card
    lines: list[str] = []
    for fit in result.fits:
        shape = fit.shape
        axis = "easy axis" if fit.form == "loop" else "hard axis"
        rate = f", {shape.loop.sweep_rate / OERSTED:.3g} Oe/s" if shape.loop.sweep_rate else ""
        lines.append(f"{shape.loop.source}: {axis}, {len(shape.field)} points{rate}")
        if fit.form == "loop":
            for key, way in ((True, "ap2p"), (False, "p2ap")):
                at = _oersted(fit.values[f"h_{way}"])
                kind = "gradual" if shape.gradual[key] else "abrupt"
                count = sum(f.to_parallel == key for f in shape.flips)
                spread = ""
                if f"width_{way}" in fit.values:
                    spread = f", spread {_oersted(fit.values[f'width_{way}'])}"
                label = "AP->P" if key else "P->AP"
                lines.append(f"  {label}: {kind} at {at}{spread}, {count} times")
            lines.append(f"  coercive field {_oersted(fit.values['h_c'])}, centre {_oersted(fit.values['h_centre'])}")
        else:
            lines.append(f"  anisotropy field {_oersted(fit.values['h_k'])}")
        lines.append(f"  rms residual over loop height: {100 * fit.rms:.2f} %")
        lines.append("")
    lines.pop()
    return [*lines, *fitted(card, given=True), *left_open(card, " assumed"), *remarks(card.notes)]


def _oersted(estimate: Estimate) -> str:
    """A field in Oe, and in mT."""
    value, error = estimate
    return f"{format_si(value / OERSTED, 'Oe', error / OERSTED)} ({1e3 * MU_0 * value:.4g} mT)"
