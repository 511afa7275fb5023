"""Rectified voltage of a spin-torque diode as the card of an auto-oscillator has it, for spectra of one device.

Resonance against field: C. Kittel, Phys. Rev. 73, 155 (1948), with the width of Gilbert's damping.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from compact.diodedata import DiodeSpectrum, Resonance
from compact.microwave import absorbed
from compact.parameters import ParameterSet
from compact.physics.auto_oscillation import AutoOscillator, Junction, Linear
from compact.physics.macrospin import LARMOR

__all__ = ["FIELD", "FREE", "DiodeLaw", "gilbert", "kittel"]

FloatArray: TypeAlias = NDArray[np.float64]

FREE = ("f_0", "f_i", "gamma_g", "i_th", "torque_ip", "fl_ratio", "fl_slope")
"""What spectra may determine."""
FIELD = ("h_k", "m_eff", "alpha", "h_0")
"""In place of f_0 and gamma_g for spectra against field: anisotropy field, effective magnetisation, damping and
inhomogeneous width [A/m], [A/m], [1], [A/m]."""


@dataclass(frozen=True)
class _Fixed(Junction):
    """The junction with bias points that were looked up once."""

    known: dict[float, Linear] = field(default_factory=dict)

    def at(self, current: Any) -> Linear:
        key = float(np.asarray(current).flat[0])
        if key not in self.known:
            self.known[key] = Junction(self.values, self.temperature).at(key)
        return self.known[key]


def kittel(h: FloatArray | float, h_k: float, m_eff: float) -> FloatArray:
    """Resonance in a field along the easy direction of the plane [Hz]; m_eff = 0 for one along the axis of symmetry."""
    first = np.asarray(h, dtype=float) + h_k
    return np.asarray(LARMOR / (2 * math.pi) * np.sqrt(np.maximum(first * (first + m_eff), 1e-12)))


def gilbert(h: FloatArray | float, h_k: float, m_eff: float, alpha: float, h_0: float) -> FloatArray:
    """Damping rate of the amplitude there [1/s]: Gilbert's, and that of a spread of fields of full width h_0."""
    mean = np.asarray(h, dtype=float) + h_k + m_eff / 2
    slope = mean / np.sqrt(np.maximum((mean - m_eff / 2) * (mean + m_eff / 2), 1e-12))
    return np.asarray(LARMOR * (alpha * mean + slope * h_0 / 2))


@dataclass
class DiodeLaw:
    """Rectified voltage of an oscillator at the points of spectra, and where a fit of it starts."""

    spectra: list[DiodeSpectrum]
    resonances: list[Resonance]
    base: ParameterSet
    kelvin: float
    by_field: bool

    def __post_init__(self) -> None:
        template = AutoOscillator.from_card(self.base, self.kelvin)
        assert template.junction is not None
        self.template = dataclasses.replace(template, junction=_Fixed(template.junction.values, self.kelvin))
        self.area = (self.base.values["diameter"] / self.base.values["diameter_ref"]) ** 2
        self.drive = [self.rf_current(s) for s in self.spectra]
        self.logs = ("gamma_g", "f_0", "m_eff", "alpha")

    def rf_current(self, s: DiodeSpectrum) -> FloatArray:
        """Peak current through the junction at the points of a spectrum [A]."""
        if s.i_rf is not None:
            return np.full(s.x.shape, s.i_rf)
        assert s.power is not None
        if s.reflection is None:
            current = self.template.rf_current(s.power, s.current, s.impedance)
            return np.full(s.x.shape, float(current))
        return np.broadcast_to(
            self.template.rf_current(absorbed(s.power, s.reflection), s.current, None), s.x.shape
        )  # fmt: skip

    def model(self, state: Mapping[str, float], s: DiodeSpectrum) -> tuple[AutoOscillator, Any]:
        """Oscillator at the points of a spectrum, and their frequencies."""
        own: dict[str, Any] = {k: state[k] for k in FREE if k in state}
        own["i_th"] = own["i_th"] * self.area
        own["torque_ip"] = own["torque_ip"] / self.area
        own["f_i"] = own["f_i"] / self.area
        if not self.by_field:
            return dataclasses.replace(self.template, **own), s.x
        law = (state["h_k"], state["m_eff"])
        own["f_0"] = kittel(s.x, *law)
        own["gamma_g"] = gilbert(s.x, *law, state["alpha"], state["h_0"])
        return dataclasses.replace(self.template, **own), s.fixed

    def curve(self, state: Mapping[str, float], k: int) -> FloatArray:
        """Rectified voltage of a spectrum without background [V]."""
        model, f = self.model(state, self.spectra[k])
        return model.spectrum(f, self.drive[k], self.spectra[k].current, linear=True)

    def background(self, k: int, left: FloatArray) -> FloatArray:
        """Straight line through what a law leaves of a spectrum."""
        basis = self.basis[k]
        return np.asarray(basis @ (basis.T @ left))

    @property
    def basis(self) -> list[FloatArray]:
        """Orthonormal straight lines over the points of each spectrum."""
        if not hasattr(self, "_basis"):
            self._basis = [
                np.linalg.qr(np.stack([np.ones(s.x.size), (s.x - s.x.mean()) / np.ptp(s.x)], axis=1))[0]
                for s in self.spectra
            ]
        return self._basis

    @property
    def units(self) -> dict[str, float]:
        """Units in which some values are fitted: derivatives are taken in steps of a fixed size about zero."""
        scale = next((r.centre for r in self.resonances if r.significant), 1.0)
        swing = max(max(abs(s.current) for s in self.spectra), 1e-9)
        return {"f_i": (1e9 if self.by_field else scale) / swing, "h_k": 1e4, "h_0": 1e3, "torque_ip": 1e12}

    def guess(self) -> dict[str, float]:
        """Start, from the spectra fitted alone."""
        good = [(s, r, np.median(d)) for s, r, d in zip(self.spectra, self.resonances, self.drive, strict=True)
                if r.significant]  # fmt: skip
        quiet = min(good, key=lambda g: abs(g[0].current))
        state = {k: self.base.values[k] for k in FREE}
        state |= {"f_i": 0.0, "fl_slope": 0.0, "h_k": 0.0, "h_0": 0.0, "alpha": 0.01, "m_eff": 1e6}
        s, r, drive = quiet
        if self.by_field:
            h, f = np.array([g[1].centre for g in good]), np.array([g[0].fixed for g in good])
            # (2 pi f/g)^2 = H^2 + (2 h_k + m_eff) H + ...: from each resonance, with h_k = 0, m_eff follows.
            state["m_eff"] = max(float(np.median((2 * math.pi * f / LARMOR) ** 2 / h - h)), 1e3)
            mean = np.median(h) + state["m_eff"] / 2
            widths = np.array([g[1].width for g in good])
            rates = (
                LARMOR * mean / np.sqrt(np.maximum(mean**2 - (state["m_eff"] / 2) ** 2, 1.0)) * np.median(widths) / 2
            )
            state["alpha"] = float(np.clip(rates / (LARMOR * mean), 1e-4, 0.5))
            gamma = float(rates)
        else:
            state["f_0"] = r.centre
            gamma = min(math.pi * r.width, 0.9 * r.centre)
            state["gamma_g"] = gamma
        currents = np.array([g[0].current for g in good])
        if np.ptp(currents) > 0:
            if not self.by_field:
                state["f_i"], state["f_0"] = (float(x) for x in np.polyfit(currents, [g[1].centre for g in good], 1))
            slope, zero = (float(x) for x in np.polyfit(currents, [g[1].width for g in good], 1))
            reach = 1.2 * float(np.abs(currents).max())
            i_th = -zero / slope if slope else math.inf
            state["i_th"] = float(np.clip(abs(i_th), reach, 30 * reach)) * math.copysign(1.0, i_th)
            if not self.by_field:
                state["gamma_g"] = gamma = min(max(math.pi * zero, 0.3 * gamma), 0.9 * state["f_0"])
        # Height of the Lorentzian at resonance: kernel times torque/(2 gamma).
        at = self.template._linear(s.current)
        growth = 1 - s.current / state["i_th"]
        kernel = -float(at.g_cos) * self.template.cos_u / (2 * float(at.conductance) ** 2) * drive**2
        even = r.even if abs(r.even) > 0.1 * abs(r.odd) else math.copysign(0.1 * abs(r.odd), r.even or 1.0)
        state["torque_ip"] = 2 * gamma * max(growth, 0.05) * even / kernel * self.area
        ratio = r.odd / even
        state["fl_ratio"] = ratio if not self.by_field else -ratio
        return state
