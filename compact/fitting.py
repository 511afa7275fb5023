"""From measured hysteresis loops to a model card, with errors and with what the data leave open."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from compact.data import Loop, read_loops, with_pulse_widths
from compact.errors import DataError
from compact.fitresult import REASONS as COMMON
from compact.fitresult import (
    CardFit,
    card_name,
    correlated,
    fitted,
    left_open,
    not_shown,
    origin,
    refuse_twice,
    remarks,
)
from compact.loopfit import BIAS_PARAMETERS, fit_shape
from compact.loopmodel import REGIONS, LoopFit
from compact.loops import analyse_loop
from compact.model import Model
from compact.models import get_model
from compact.parameters import ParameterSet, Provenance, Quantity
from compact.pulses import PulseFit, fit_pulses
from compact.units import format_si

__all__ = ["FitResult", "fit_loop"]

CONDUCTION = ("r_p", "tmr", *BIAS_PARAMETERS)
REQUIRED = (*CONDUCTION, "ic_p2ap", "ic_ap2p", "delta", "tau_d", "h_bias", "t_nom")
REASONS = COMMON | {
    "tau_d": "a loop is far slower than the relaxation time; it takes nanosecond pulses or a ferromagnetic resonance",
    "h_bias": "these loops cannot tell a stray field from unequal critical currents",
    "diameter_ref": "a loop does not show the size of the junction",
}
NUISANCES = {
    "drift": "drift of the resistance over the sweep, relative",
    "offset": "offset of the measured {}",
    "slope_p": "slope of the P plateau at full drive, relative",
    "slope_ap": "slope of the AP plateau at full drive, relative",
    "start": "parallel fraction at the start",
}
ASSUMED = "assumed for what is not determined: "
OTHER_REASON = "a hysteresis loop does not show it"


@dataclass(frozen=True)
class FitResult(CardFit):
    """Fit of one or several loops.

    Parameters
    ----------
    card : ParameterSet
        The device: values, errors, correlations, what is not determined, provenance.
    fits : tuple of LoopFit
        Fit of each loop: curve, residuals, regions, switching.
    pulses : PulseFit or None
        Thermal stability and intrinsic currents, where several pulse widths were given.
    """

    card: ParameterSet
    fits: tuple[LoopFit, ...]
    pulses: PulseFit | None = None

    def _told(self) -> list[str]:
        return _report(self)

    def plot(self, path: str | Path) -> Path:
        """Draw data, fit and residuals to a PNG, SVG or PDF file.

        Parameters
        ----------
        path : str or pathlib.Path
            File; its suffix says the format.

        Returns
        -------
        pathlib.Path
            The file written.
        """
        from compact.plotting import plot_fit  # matplotlib is slow to import and not always wanted

        return plot_fit(self, path)


def fit_loop(
    loops: Loop | str | Path | Iterable[Loop | str | Path],
    model: str = "mtj",
    name: str | None = None,
    *,
    pulse_widths: Sequence[float] | None = None,
    tau_d: float | None = None,
    temperature: float | None = None,
) -> FitResult:
    """Fit hysteresis loops of one device.

    Parameters
    ----------
    loops : Loop, path, or iterable of them
        One loop, or several of the same device; several pulse widths give the thermal stability factor.
    model : str
        Name of the model.
    name : str, optional
        Name of the card; made from the file name where not given.
    pulse_widths : sequence of float, optional
        Pulse width (or dwell time) of each loop [s], where the files do not state it.
    tau_d : float, optional
        Relaxation time to assume [s], the model's default where not given.
    temperature : float, optional
        Temperature of the measurement [K].

    Returns
    -------
    FitResult

    Raises
    ------
    DataError
        If the loops do not hold what a fit needs.
    ParameterError
        For an unknown model, or a name or value that is not allowed.
    """
    device = get_model(model)
    lacking = [p for p in REQUIRED if p not in {d.name for d in device.parameters}]
    if lacking:
        raise DataError(f"model '{model}' cannot be fitted to a loop: it has no parameter {', '.join(lacking)}")
    given = [loops] if isinstance(loops, Loop | str | Path) else list(loops)
    read = [loop for item in given for loop in ([item] if isinstance(item, Loop) else read_loops(item))]
    if not read:
        raise DataError("no loop was given")
    refuse_twice(read)
    if pulse_widths is not None:
        read = with_pulse_widths(read, pulse_widths)
    known = {k: v for k, v in (("tau_d", tau_d), ("t_nom", temperature)) if v is not None}
    assumed = device.complete(known)
    fits = tuple(fit_shape(analyse_loop(loop), device) for loop in read)
    pulses, reason = None, ""
    if len(fits) > 1:
        try:
            pulses = fit_pulses(fits, device, assumed["tau_d"])
        except DataError as error:
            reason = str(error)
    card = _card(device, fits, pulses, reason, known, name or card_name([loop.source for loop in read]))
    return FitResult(card, fits, pulses)


def _combine(found: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Weighted mean of values with errors; scatter beyond the errors enlarges the error of the mean.

    The random-effects mean of R. C. Paule and J. Mandel, J. Res. Natl. Bur. Stand. 87, 377 (1982).
    """
    values = np.array([v for v, _ in found])
    errors = np.array([e for _, e in found])
    spread = 0.0
    for _ in range(20):
        weight = 1 / (errors**2 + spread**2)
        mean = float(np.sum(weight * values) / weight.sum())
        excess = float(np.sum(weight * (values - mean) ** 2)) - (len(values) - 1)
        if excess <= 0.01 or len(values) == 1:
            break
        spread = float(np.sqrt(spread**2 + excess / weight.sum()))
    return mean, float(1 / np.sqrt(weight.sum()))


def _card(
    device: Model, fits: Sequence[LoopFit], pulses: PulseFit | None, reason: str, known: Mapping[str, float], name: str
) -> ParameterSet:
    """Card of a device from the fits of its loops."""
    values: dict[str, float] = dict(known)
    stderr: dict[str, float] = {}
    correlations: dict[tuple[str, str], float] = {}
    undetermined: dict[str, str] = {}
    for parameter in CONDUCTION:
        found = [
            (f.values[parameter], f.stderr[parameter])
            for f in fits
            if parameter in f.stderr and parameter not in f.undetermined
        ]
        if found:
            values[parameter], stderr[parameter] = _combine(found)
        else:
            undetermined[parameter] = next(
                (f.undetermined[parameter] for f in fits if parameter in f.undetermined), "held fixed in the fit"
            )
            # Pulsed loops may have been read at low bias, which says nothing of the bias dependence.
            if parameter != "v_h" or fits[0].shape.loop.pulse_width is None:
                values[parameter] = fits[0].values[parameter]
    if len(fits) == 1:
        correlations |= fits[0].correlations
    for to_parallel, key in ((False, "ic_p2ap"), (True, "ic_ap2p")):
        if pulses:
            values[key], stderr[key] = pulses.values[key], pulses.stderr[key]
        else:
            found = [(f.switching[to_parallel].current, f.switching[to_parallel].stderr) for f in fits]
            values[key], stderr[key] = _combine(found)
    if pulses:
        for key in ("delta", "h_bias"):
            values[key] = pulses.values[key]
            if key in pulses.stderr:
                stderr[key] = pulses.stderr[key]
        correlations |= pulses.correlations
    else:
        widths = sorted({f.shape.loop.pulse_width for f in fits if f.shape.loop.pulse_width})
        at = f"one pulse width ({widths[0]:g} s)" if len(widths) == 1 else "no known pulse width"
        undetermined["delta"] = reason or (
            f"{at} gives one point on a line of Delta and critical current; loops at two pulse widths or more "
            f"tell them apart"
        )
    if values.get("g_slope", 0.0) ** 2 > 3.8 * values.get("g_curv", 0.0):
        values["g_curv"] = values["g_slope"] ** 2 / 3.8  # the least that the model allows
    undetermined |= not_shown(device, {*stderr, *known, *undetermined}, OTHER_REASON, REASONS)
    complete = device.complete(values)
    return ParameterSet(
        model=device.name,
        name=name,
        values=complete,
        stderr=stderr,
        correlations={pair: min(max(r, -1.0), 1.0) for pair, r in correlations.items()},
        provenance=_provenance(fits, pulses),
        derived=_derived(fits),
        undetermined=undetermined,
        notes=tuple(_notes(fits, pulses, undetermined, complete)),
    )


def _provenance(fits: Sequence[LoopFit], pulses: PulseFit | None) -> Provenance:
    loops = [f.shape.loop for f in fits]
    if len(fits) == 1:
        quality = dict(fits[0].quality)
    else:
        quality = {"loops": float(len(fits))}
        for key in ("rms_over_height", "reduced_chi2", "noise_over_height"):
            quality[f"{key}_worst"] = max(f.quality[key] for f in fits)
        quality["rms_over_height"] = float(np.sqrt(np.mean([f.quality["rms_over_height"] ** 2 for f in fits])))
    if pulses:
        quality["rms_switching_currents"] = pulses.rms
    method = f"{loops[0].kind} hysteresis loop, least squares"
    if pulses:
        method = f"{len(fits)} {loops[0].kind} hysteresis loops, least squares; thermally activated switching"
    return origin(loops, method, quality)


def _time_label(seconds: float) -> str:
    """A time as part of a name: 0.02 -> "20ms"."""
    for scale, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns")):
        if seconds >= 0.9999 * scale:
            return f"{seconds / scale:.4g}{unit}".replace(".", "p").replace("e+", "e")
    return f"{seconds / 1e-12:.4g}ps".replace(".", "p")


def _derived(fits: Sequence[LoopFit]) -> dict[str, Quantity]:
    """Measured figures that are no parameters of the model."""
    found: dict[str, Quantity] = {}
    for k, fit in enumerate(fits):
        width = fit.shape.loop.pulse_width
        tag, when = "", ""
        if len(fits) > 1:
            tag = f"_{_time_label(width)}" if width else f"_{k + 1}"
            if f"ic_p2ap_measured{tag}" in found:
                tag += f"_{k + 1}"
            when = f" in {fit.shape.loop.source}"
        found[f"r_p_plateau{tag}"] = Quantity(
            fit.shape.median(True), None, "Ohm", f"median resistance of the parallel plateau{when}"
        )
        found[f"r_ap_plateau{tag}"] = Quantity(
            fit.shape.median(False), None, "Ohm", f"median resistance of the antiparallel plateau{when}"
        )
        unit = "V" if fit.shape.loop.drive_role == "voltage" else "A"
        for switching in fit.switching.values():
            key, way = ("ap2p", "AP->P") if switching.to_parallel else ("p2ap", "P->AP")
            found[f"ic_{key}_measured{tag}"] = Quantity(
                switching.current, switching.stderr, "A", f"current that switches half {way}, as measured{when}"
            )
            if unit == "V":
                found[f"v_{key}_measured{tag}"] = Quantity(
                    switching.drive, switching.drive_stderr, "V", f"voltage that switches half {way}{when}"
                )
            if switching.kind == "gradual":
                found[f"width_{key}{tag}"] = Quantity(
                    switching.width,
                    switching.width_stderr,
                    unit,
                    f"spread of the switching {fit.shape.loop.drive_role}s {way} (standard deviation){when}",
                )
    return found


def _notes(
    fits: Sequence[LoopFit], pulses: PulseFit | None, undetermined: Mapping[str, str], values: Mapping[str, float]
) -> list[str]:
    notes: list[str] = []
    for fit in fits:
        notes += [*fit.shape.loop.notes, *fit.shape.notes]
    kinds = {s.kind for f in fits for s in f.switching.values()}
    if "gradual" in kinds:
        notes.append(
            "the loop switches gradually, as many domains do; the model switches as one, at the current that "
            "switches half of them"
        )
    if "abrupt" in kinds:
        notes.append("switching is abrupt: its current is known to the step of the sweep, half a step either way")
    if pulses:
        notes.append(
            f"critical currents are intrinsic (no thermal help), from {pulses.description}; the currents seen at "
            f"each pulse width are among the derived figures"
        )
        change = ", ".join(
            f"{k} by {100 * pulses.per_decade[k] / pulses.values[k]:+.1f} %" for k in ("delta", "ic_p2ap", "ic_ap2p")
        )
        notes.append(
            f"Delta and critical currents assume a relaxation time of {format_si(values['tau_d'], 's')}; one ten "
            f"times longer changes {change}"
        )
        reach = max(
            float(o.currents.max()) / values["ic_ap2p" if o.to_parallel else "ic_p2ap"] for o in pulses.observations
        )
        if reach < 0.9:
            notes.append(f"intrinsic critical currents are extrapolated: the sweeps reach {reach:.2g} of them")
    else:
        widths = {f.shape.loop.pulse_width for f in fits}
        width = widths.pop() if len(widths) == 1 else None
        scale = f"at {format_si(width, 's')}" if width else "at the time scale of the sweep"
        notes.append(f"critical currents hold {scale}; without thermal help, and for shorter pulses, they are larger")
        fold = 1 - math.sqrt(2 / values["delta"])
        notes.append(
            f"a slow sweep of the model leaves a state at {fold:.2g} of the critical current, where its resting point "
            f"ends at Delta = {values['delta']:g}; loops at several pulse widths give both"
        )
    defaults = {k: values[k] for k in undetermined if k in values}
    notes.append(ASSUMED + ", ".join(f"{k} = {v:g}" for k, v in defaults.items()))
    return list(dict.fromkeys(notes))


def _report(result: FitResult) -> list[str]:
    card = result.card
    lines: list[str] = []
    for fit in result.fits:
        shape = fit.shape
        width = f", pulse width {format_si(shape.loop.pulse_width, 's')}" if shape.loop.pulse_width else ""
        start = "P" if shape.first_state > 0 else "AP"
        lines.append(f"{shape.loop.source}: {shape.loop.kind}, {len(shape.drive)} points{width}, starts in {start}")
        for switching in fit.switching.values():
            way = "AP->P" if switching.to_parallel else "P->AP"
            unit = "V" if shape.loop.drive_role == "voltage" else "A"
            width = format_si(switching.width, unit, switching.width_stderr)
            spread = f", spread {width}" if switching.kind == "gradual" else ""
            lines.append(f"  {way}: {switching.kind} at {format_si(switching.current, 'A', switching.stderr)}{spread}")
        rms = "  rms residual over loop height: " + f"{100 * fit.quality['rms_over_height']:.2f} %"
        parts = []
        for region in REGIONS:
            key = "rms_" + region.lower().replace(" ", "_").replace("->", "2")
            if key in fit.quality:
                parts.append(f"{region} {100 * fit.quality[key]:.2f} %")
        lines.append(f"{rms} ({', '.join(parts)}); noise {100 * fit.quality['noise_over_height']:.2f} %")
        reading, unit = ("current", "A") if shape.loop.drive_role == "voltage" else ("voltage", "V")
        lines += [
            f"  {NUISANCES[key].format(reading)}: {format_si(v, unit if key == 'offset' else '1', e)}"
            for key, (v, e) in fit.nuisance.items()
        ]
        lines.append("")
    lines.pop()
    lines += [*fitted(card, given=True), *correlated(card), *left_open(card, " assumed")]
    return [*lines, *remarks(note for note in card.notes if not note.startswith(ASSUMED))]
