"""Card of an auto-oscillator fitted to rectified voltages of a spin-torque diode, V_dc(f) or V_dc(H), several at once.

    from compact.diodedata import read_diode
    from compact.diodefit import fit_diode

    fit = fit_diode(read_diode("spectra.csv", power=1e-5), card=known)
    print(fit.report())

Every spectrum is a Lorentzian (in-plane torque) and an anti-Lorentzian (field-like torque) on a straight background:
A. A. Tulapurkar et al., Nature 438, 339 (2005); J. C. Sankey et al., Nat. Phys. 4, 67 (2008); H. Kubota et al., ibid.
37. Torques, damping and resonance are shared by all spectra; the law is the oscillator's own small-signal response.
Spectra against field take the resonance from C. Kittel, Phys. Rev. 73, 155 (1948), and the width from Gilbert's
damping.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import lmfit
import numpy as np
from numpy.typing import NDArray

from compact.diodedata import DiodeSpectrum, Resonance, find_resonance
from compact.diodelaw import FIELD, FREE, DiodeLaw, gilbert, kittel
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
from compact.oscillatorfit import MODEL
from compact.parameters import ParameterSet, Provenance, Quantity
from compact.physics.auto_oscillation import Junction
from compact.physics.macrospin import LARMOR
from compact.units import format_si

__all__ = ["DiodeFit", "fit_diode", "torkances"]

FloatArray: TypeAlias = NDArray[np.float64]

FIELD_UNITS = {"h_k": "A/m", "m_eff": "A/m", "alpha": "1", "h_0": "A/m"}
FIELD_WORDS = {
    "h_k": "anisotropy field of Kittel's law", "m_eff": "effective magnetisation of Kittel's law",
    "alpha": "Gilbert damping", "h_0": "inhomogeneous full width in field",
}  # fmt: skip


@dataclass(frozen=True)
class DiodeFit(CardFit):
    """Fit of a card to diode spectra.

    Parameters
    ----------
    card : ParameterSet
        The oscillator.
    spectra : tuple of DiodeSpectrum
        The data.
    curves : tuple of ndarray
        Fitted voltages at the data's points [V].
    resonances : tuple of Resonance
        Each spectrum fitted alone: Lorentzian and anti-Lorentzian.
    field_law : dict of str to Quantity
        Kittel's law and damping, for spectra against field.
    """

    card: ParameterSet
    spectra: tuple[DiodeSpectrum, ...]
    curves: tuple[FloatArray, ...]
    resonances: tuple[Resonance, ...]
    field_law: dict[str, Quantity]

    def _told(self) -> list[str]:
        card, lines = self.card, []
        for s, r in zip(self.spectra, self.resonances, strict=True):
            lines.append(
                f"  {s.label}: resonance {format_si(r.centre, s.unit, r.stderr['centre'])}, full width "
                f"{format_si(r.width, s.unit, r.stderr['width'])}, Lorentzian "
                f"{format_si(r.even, 'V', r.stderr['even'])}, "
                f"anti-Lorentzian {format_si(r.odd, 'V', r.stderr['odd'])}"
            )
        lines += fitted(card)
        for name, q in card.derived.items():
            lines.append(f"  {name:10s} {format_si(q.value, q.unit, q.stderr)}   {q.description}")
        return [*lines, *correlated(card), *left_open(card), *remarks(card.notes)]

    def plot(self, path: str | Path) -> Path:
        """Draw data and fitted law to a PNG, SVG or PDF file; the file."""
        from compact.spectrumplot import plot_diode  # matplotlib is slow to import

        return plot_diode(self, path)


def torkances(card: ParameterSet, moment: float) -> tuple[float, float]:
    """In-plane and field-like torque over voltage at zero bias [N m/V], for nearly circular precession.

    Parameters
    ----------
    card : ParameterSet
        Of an auto-oscillator, with the cosine at rest in cos_0.
    moment : float
        Saturation magnetisation times volume of the free layer [A m^2].
    """
    v = card.values
    sine = math.sqrt(max(1 - v["cos_0"] ** 2, 1e-12))
    at = Junction({"f_ref": v["f_0"], "r_in": 50.0} | dict(v), v["t_nom"]).at(0.0)
    angular = moment / (LARMOR / (4e-7 * math.pi))  # angular momentum of the layer [J s]
    ip = angular * v["torque_ip"] * v["cos_u"] / sine * float(at.conductance)
    return ip, ip * v["fl_ratio"]


def fit_diode(
    spectra: Sequence[DiodeSpectrum],
    *,
    card: ParameterSet | None = None,
    name: str | None = None,
    vary: Iterable[str] | None = None,
    temperature: float | None = None,
    field_at: float | None = None,
    known: Mapping[str, float] | None = None,
    citation: str = "",
) -> DiodeFit:
    """Fit an auto-oscillator to spectra of rectified voltage of one device, all of one kind.

    Parameters
    ----------
    spectra : sequence of DiodeSpectrum
        The data, below the threshold current.
    card : ParameterSet, optional
        What is known of the device: conduction, cos_0 and cos_u above all.
    name : str, optional
        Name of the card.
    vary : iterable of str, optional
        What may be fitted: of `FREE`, and of `FIELD` for spectra against field.
    temperature : float, optional
        [K], by default t_nom of the card.
    field_at : float, optional
        Field at which the card holds [A/m], by default the middle resonance.
    known : mapping of str to float, optional
        Values of `FIELD` that are known.
    citation : str
        Publication of the data.

    Returns
    -------
    DiodeFit

    Raises
    ------
    DataError
        If no spectrum shows a resonance, or there are fewer points than parameters.
    ParameterError
        For a name that is not allowed.
    """
    if not spectra:
        raise DataError("no spectrum to fit")
    if len({s.axis for s in spectra}) > 1:
        raise DataError("spectra against frequency and against field are fitted apart")
    by_field = spectra[0].axis == "field"
    base = card or ParameterSet(MODEL, "assumed")
    if base.model != MODEL:
        raise ParameterError(f"card '{base.name}' is of model {base.model}; a card of {MODEL} is needed")
    kelvin = float(temperature or base.values["t_nom"])
    allowed = (*FIELD, *(k for k in FREE if k not in ("f_0", "gamma_g"))) if by_field else FREE
    wanted = allowed if vary is None else tuple(vary)
    for key in (*wanted, *(known or {})):
        if key not in allowed:
            raise ParameterError(unknown("parameter that is fitted", key, allowed))
    resonances = tuple(find_resonance(s) for s in spectra)
    if not any(r.significant for r in resonances):
        s = spectra[0]
        raise DataError(
            f"{s.source}: no resonance in the data: between {format_si(float(s.x[0]), s.unit)} and "
            f"{format_si(float(s.x[-1]), s.unit)} nothing stands out of the noise of "
            f"{format_si(resonances[0].noise, 'V')}"
        )
    base = base.replace(t_nom=kelvin)
    work = _Work(list(spectra), list(resonances), base, kelvin, by_field)
    state = work.guess() | dict(known or {})
    held = set(known or {})
    undetermined: dict[str, str] = {}
    biases = {s.current for s in spectra}
    names = [k for k in allowed if k in wanted and k not in held]
    for key, few, why in (
        ("i_th", 2, "needs spectra at two bias currents"), ("f_i", 2, "needs spectra at two bias currents"),
        ("fl_slope", 2, "needs spectra at two bias currents"),
    ):  # fmt: skip
        if len(biases) < few and key in names:
            names.remove(key)
            undetermined[key] = f"{why}; assumed"
    if by_field:
        several = len({s.fixed for s in spectra})
        for key, few in (("h_k", 2), ("h_0", 3)):
            if several < few and key in names:
                names.remove(key)
                state[key] = 0.0
    points = sum(s.x.size for s in spectra)
    if points < len(names) + 2 * len(spectra) + 2:
        raise DataError(f"{spectra[0].source}: {points} points are too few for {len(names)} parameters")
    result = work.solve(names, state)
    while vague := work.vague(result, names):
        key, text = vague
        undetermined[key] = f"the data leave it open ({text}); assumed"
        if key in ("f_i", "fl_slope", "h_0", "fl_ratio", "h_k"):
            state[key] = 0.0
        elif key in base.values:
            state[key] = base.values[key]
        names.remove(key)
        if not names:
            raise DataError(f"{spectra[0].source}: the data determine no parameter of a diode")
        result = work.solve(names, state)
    return work.finish(result, names, state, undetermined, name, field_at, citation)


class _Work(DiodeLaw):
    """The law while it is fitted."""

    def solve(self, names: Sequence[str], state: Mapping[str, float]) -> Any:
        """Fit, with the noise of each spectrum from what its own lines leave."""
        sigma = [s.sigma if s.sigma is not None else np.full(s.x.shape, r.noise)
                 for s, r in zip(self.spectra, self.resonances, strict=True)]  # fmt: skip
        lines = [np.linalg.qr(b / g[:, None])[0] for b, g in zip(self.basis, sigma, strict=True)]

        def residual(p: lmfit.Parameters) -> FloatArray:
            trial = self.state(p, state)
            left = []
            for k, s in enumerate(self.spectra):
                d = (s.voltage - self.curve(trial, k)) / sigma[k]
                left.append(d - lines[k] @ (lines[k].T @ d))
            return np.concatenate(left)

        best = None
        for scale, flip in ((1.0, 1.0), (2.0, 1.0), (0.5, 1.0), (1.0, -1.0)):
            parameters = lmfit.Parameters()
            for key in names:
                value = state[key]
                if key in ("gamma_g", "alpha"):
                    value *= scale
                if key == "fl_ratio":
                    value *= flip
                if key in self.logs:
                    low, high = (1e-5, 0.9) if key == "alpha" else (1.0, 1e13) if key != "m_eff" else (1e2, 1e8)
                    parameters.add(
                        f"log_{key}", math.log(min(max(value, low), high)), min=math.log(low), max=math.log(high)
                    )
                elif key == "i_th":
                    # The inverse goes through zero where the current changes from damping to anti-damping.
                    most = 0.999 / max(abs(s.current) for s in self.spectra)
                    parameters.add("per_i_th", min(max(1 / value, -most), most), min=-most, max=most)
                elif key in FIELD:
                    unit = self.units[key]
                    parameters.add(key, value / unit, min=0.0 if key == "h_0" else -1e7 / unit, max=1e7 / unit)
                else:
                    declared, unit = self.base.definition.parameter(key), self.units.get(key, 1.0)
                    parameters.add(key, value / unit, min=declared.low / unit, max=declared.high / unit)
            trial = lmfit.minimize(residual, parameters, method="least_squares", max_nfev=800, x_scale="jac")
            if best is None or trial.chisqr < best.chisqr * (1 - 1e-9):
                best = trial
            count = sum(s.x.size for s in self.spectra)
            if best.chisqr < 1.3 * count:
                break
        return best

    def state(self, p: Any, held: Mapping[str, float]) -> dict[str, float]:
        """Values of all parameters."""
        found = dict(held)
        for key, value in p.valuesdict().items():
            if key == "per_i_th":
                found["i_th"] = 1 / value if abs(value) > 1e-9 else 1e9
            elif key.startswith("log_"):
                found[key[4:]] = math.exp(value)
            else:
                found[key] = value * self.units.get(key, 1.0)
        return found

    def full(self, key: str) -> str:
        return f"log_{key}" if key in self.logs else "per_i_th" if key == "i_th" else key

    def error(self, result: Any, key: str, state: Mapping[str, float]) -> float:
        """Standard error of a value."""
        raw = result.params[self.full(key)].stderr
        if raw is None or not math.isfinite(raw):
            return math.inf
        excess = math.sqrt(max(result.redchi, 1.0))
        factor = abs(state[key]) if key in self.logs else state[key] ** 2 if key == "i_th" else self.units.get(key, 1.0)
        return float(raw) * factor * excess

    def vague(self, result: Any, names: Sequence[str]) -> tuple[str, str] | None:
        """The parameter that is least determined, if one is not, and how."""
        state = self.state(result.params, dict.fromkeys((*FREE, *FIELD), 1.0))
        swing = max((abs(s.current) for s in self.spectra), default=0.0)
        f_0 = state["f_0"] if not self.by_field else float(np.median([s.fixed or 1.0 for s in self.spectra]))
        volts = max((abs(float(self.template._linear(s.current).voltage)) for s in self.spectra), default=0.0)
        scale = {
            "f_i": max(abs(state["f_i"]), 0.1 * f_0 / max(swing, 1e-12)), "fl_ratio": max(abs(state["fl_ratio"]), 1.0),
            "fl_slope": max(abs(state["fl_slope"]), 1 / max(volts, 1e-6)),
            "h_k": max(abs(state["h_k"]), state["m_eff"]),
            "h_0": math.inf, "i_th": abs(state["i_th"]),
        }  # fmt: skip
        raw = {}
        for key in names:
            size = scale.get(key, abs(state[key]))
            raw[self.full(key)] = (
                1.0
                if key in self.logs
                else abs(1 / state[key])
                if key == "i_th"
                else min(size, 1e18) / self.units.get(key, 1.0)
            )
        errors = relative_errors(result, raw)
        worst: tuple[float, str, str] | None = None
        for key in names:
            relative = errors[self.full(key)] if math.isfinite(scale.get(key, 1.0)) else 0.0
            if not relative < VAGUE and (worst is None or relative > worst[0]):
                worst = relative, key, f"error {100 * min(relative, 99.0):.0f} % of its size"
        return None if worst is None else (worst[1], worst[2])

    def finish(
        self, result: Any, names: list[str], held: Mapping[str, float], undetermined: dict[str, str], name: str | None,
        field_at: float | None, citation: str,
    ) -> DiodeFit:  # fmt: skip
        """Card and what goes with it."""
        state = self.state(result.params, held)
        stderr = {k: self.error(result, k, state) for k in names if k not in FIELD}
        values = {k: state[k] for k in FREE}
        if result.covar is None:
            raise DataError(f"{self.spectra[0].source}: the fit does not settle; hold a parameter")
        covariance = result.covar * max(result.redchi, 1.0)
        derived: dict[str, Quantity] = {}
        law: dict[str, Quantity] = {}
        notes = [n for s in self.spectra for n in s.notes]
        if self.by_field:
            place = float(np.median([r.centre for r in self.resonances])) if field_at is None else field_at

            def at(key: str) -> Callable[[Mapping[str, float]], float]:
                if key == "f_0":
                    return lambda v: float(kittel(place, v["h_k"], v["m_eff"]))
                return lambda v: float(gilbert(place, v["h_k"], v["m_eff"], v["alpha"], v["h_0"]))

            for key in ("f_0", "gamma_g"):
                values[key] = at(key)(state)
                stderr[key] = self._carried(result, held, covariance, at(key))
            for key in FIELD:
                error = self.error(result, key, state) if key in names else None
                law[key] = Quantity(state[key], error, FIELD_UNITS[key], FIELD_WORDS[key])
            derived |= law | {"field": Quantity(place, None, "A/m", "at which the card holds")}
        undetermined = {k: v for k, v in undetermined.items() if k in values}
        allowed = self.base.definition
        for key in values:
            declared = allowed.parameter(key)
            if not declared.low <= values[key] <= declared.high:
                undetermined.setdefault(key, "out of the model's range; assumed")
                values[key], _ = self.base.values[key], stderr.pop(key, None)
        chosen = self.base.replace(None, **values)
        curves = []
        for k, s in enumerate(self.spectra):
            curve = self.curve(state, k)
            curves.append(curve + self.background(k, s.voltage - curve))
        derived |= self._sensitivity()
        plain = [n.removeprefix("log_").replace("per_i_th", "i_th") for n in result.var_names]
        every = correlations_of(result.covar, plain, {"i_th": -1.0})
        correlations = {pair: r for pair, r in every.items() if {*pair} <= {*chosen.values}}
        why = "only its product with torque_ip shows in a rectified voltage"
        undetermined.setdefault("cos_u", why)
        undetermined |= not_shown(allowed, {*stderr, *undetermined}, "rectified voltages do not show it", {})
        silent = [s.label for s, r in zip(self.spectra, self.resonances, strict=True) if not r.significant]
        if silent:
            notes.append(f"no resonance of its own stands out in {', '.join(silent)}")
        if result.redchi > 2:
            notes.append(
                f"the spectra scatter {math.sqrt(result.redchi):.2g} times more about the shared law than about theirs"
            )
        hashes = dict.fromkeys(s.sha256 for s in self.spectra if s.sha256)
        digest = next(iter(hashes), "") if len(hashes) < 2 else hashlib.sha256("".join(hashes).encode()).hexdigest()
        sources = list(dict.fromkeys(s.source for s in self.spectra))
        found = dataclasses.replace(
            chosen, name=name or card_name(sources[0], "oscillator"), stderr=stderr, correlations=correlations,
            undetermined=undetermined, notes=tuple(dict.fromkeys(notes)), derived=derived,
            provenance=Provenance(
                source=", ".join(sources), sha256=digest, date=datetime.date.today().isoformat(), citation=citation,
                method=f"{len(self.spectra)} spectra of voltage against {self.spectra[0].axis}, least squares",
                quality={"reduced_chi_squared": float(result.redchi)},
            ),
        )  # fmt: skip
        return DiodeFit(found, tuple(self.spectra), tuple(curves), tuple(self.resonances), law)

    def _carried(
        self,
        result: Any,
        held: Mapping[str, float],
        covariance: FloatArray,
        figure: Callable[[Mapping[str, float]], float],
    ) -> float:
        """Standard error of a figure that follows from the fitted parameters."""
        centre = figure(self.state(result.params, held))
        slopes = []
        for key in result.var_names:
            trial = result.params.copy()
            step = 1e-3 * (result.params[key].stderr or 1e-6)
            trial[key].set(value=trial[key].value + step, min=-np.inf, max=np.inf)
            slopes.append((figure(self.state(trial, held)) - centre) / step)
        slope = np.array(slopes)
        return math.sqrt(max(float(slope @ covariance @ slope), 0.0))

    def _sensitivity(self) -> dict[str, Quantity]:
        """Largest rectified voltage over incident power, and over that which enters."""
        best: tuple[float, float, float] | None = None
        for s, r, drive in zip(self.spectra, self.resonances, self.drive, strict=True):
            if s.power is None or not r.significant:
                continue
            value = r.peak / s.power
            k = int(np.argmin(np.abs(s.x - r.centre)))
            at = self.template._linear(s.current)
            entering = float(drive[k]) ** 2 / (2 * float(at.conductance))
            if best is None or abs(value) > abs(best[0]):
                best = value, r.stderr["peak"] / s.power, r.peak / entering
        if best is None:
            return {}
        error = best[1] * abs(best[2] / best[0]) if best[0] else None
        return {
            "sensitivity": Quantity(best[0], best[1], "V/W", "largest rectified voltage over incident power, mV/mW"),
            "sensitivity_matched": Quantity(best[2], error, "V/W", "the same over the power that enters, mV/mW"),
        }
