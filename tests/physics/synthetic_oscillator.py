"""Synthetic data of oscillators and diodes with known parameters; nothing here is measured."""

from __future__ import annotations

import dataclasses

import numpy as np

from compact.diodedata import DiodeSpectrum
from compact.diodelaw import gilbert, kittel
from compact.oscillatordata import OscillatorTable
from compact.oscillatorlaw import emitted
from compact.parameters import ParameterSet
from compact.physics.auto_oscillation import AutoOscillator

CONDUCTION = dict(r_p=60.0, tmr=0.6, t_nom=300.0)
OSCILLATOR = dict(
    i_th=1.2e-3, f_0=6.5e9, f_i=-3e11, n_shift=-1.2e9, q_damping=1.5, gamma_g=2.5e8, energy=4e-18, cos_u=0.9
)  # fmt: skip
DIODE_CONDUCTION = dict(r_p=200.0, tmr=0.9, cos_u=0.5, t_nom=300.0)
DIODE = dict(i_th=1.2e-3, f_0=6.5e9, f_i=-3e11, gamma_g=6e8, torque_ip=1.5e12, fl_ratio=-0.4, fl_slope=1.5)
FIELD = dict(h_k=4e3, m_eff=9e5, alpha=0.012, h_0=800.0)


def card(**values: float) -> ParameterSet:
    return ParameterSet("auto_oscillator", "true", values=values)


def table(rng: np.random.Generator, with_errors: bool = True) -> OscillatorTable:
    """Frequency to 3 MHz, power to 5 % and linewidth to 8 %, at 22 currents below and above threshold."""
    model = AutoOscillator.from_card(card(**OSCILLATOR, **CONDUCTION), 300.0)
    i = np.linspace(0.31e-3, 2.4e-3, 22)
    p = model.mean_power(i)
    assert model.junction is not None
    frequency = model.f_0 + model.f_i * i + model.n_shift * p + rng.normal(0, 3e6, i.size)
    power = emitted(model, p, model.junction.at(i), 50.0) * np.exp(rng.normal(0, 0.05, i.size))
    width = model.linewidth(i) * np.exp(rng.normal(0, 0.08, i.size))
    errors = dict(frequency_error=np.full(i.size, 3e6), power_error=0.05 * power, linewidth_error=0.08 * width)
    return OscillatorTable(i, frequency, width, power, **(errors if with_errors else {}), source="synthetic.csv")


def trace(
    rng: np.random.Generator, width: float = 2e6, duration: float = 30e-6, centre: float = 3e8, noise: float = 3e-4
) -> tuple[np.ndarray, np.ndarray]:
    """1 mV oscillation whose phase diffuses to a Lorentzian line, in white noise."""
    step = 0.12 / centre
    n = int(duration / step)
    t = np.arange(n) * step
    phase = 2 * np.pi * centre * t + np.cumsum(rng.normal(0, np.sqrt(2 * np.pi * width * step), n))
    return t, 1e-3 * np.cos(phase) + rng.normal(0, noise, n)


def diode_spectra(rng: np.random.Generator, noise: float = 0.03) -> list[DiodeSpectrum]:
    """V_dc(f) at five biases, with a scatter of 3 % of the swing and an offset."""
    model = AutoOscillator.from_card(card(**DIODE, **DIODE_CONDUCTION), 300.0)
    f = np.linspace(5e9, 8e9, 121)
    spectra = []
    for i in (-6e-4, -3e-4, 0.0, 3e-4, 6e-4):
        v = model.spectrum(f, model.rf_current(1e-5, i, 50.0), i, linear=True)
        v = v + 2e-6 + rng.normal(0, noise * np.ptp(v), f.size)
        spectra.append(DiodeSpectrum(f, v, current=i, power=1e-5, source="synthetic.csv"))
    return spectra


def field_spectra(rng: np.random.Generator, noise: float = 0.03) -> list[DiodeSpectrum]:
    """V_dc(H) at five frequencies, without bias."""
    model = AutoOscillator.from_card(card(**DIODE, **DIODE_CONDUCTION), 300.0)
    h = np.linspace(5e3, 1.6e5, 121)
    there = dataclasses.replace(
        model, f_0=kittel(h, FIELD["h_k"], FIELD["m_eff"]), gamma_g=gilbert(h, *FIELD.values())
    )  # fmt: skip
    spectra = []
    for f in (5e9, 6e9, 7e9, 8e9, 9e9):
        v = there.spectrum(f, np.full(h.shape, model.rf_current(1e-5, 0.0, 50.0)), 0.0, linear=True)
        v = v + 2e-6 + rng.normal(0, noise * np.ptp(v), h.size)
        spectra.append(DiodeSpectrum(h, v, axis="field", fixed=f, power=1e-5, source="synthetic.csv"))
    return spectra
