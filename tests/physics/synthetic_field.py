"""Synthetic loops of resistance against field with known parameters, made without the code that fits them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from compact.fieldloop import FieldLoop

__all__ = ["FieldTruth", "draw_field", "easy_loop", "hard_loop", "thermal_loop"]

DOMAINS = 3000


@dataclass(frozen=True)
class FieldTruth:
    """What a synthetic loop is made of; fields in A/m, positive towards parallel before the polarity."""

    r_p: float
    tmr: float
    up: float
    down: float
    width: float
    h_k: float
    noise: float
    drift: float
    slope: float
    polarity: int
    cycles: int
    step: float
    top: float
    from_top: bool


def draw_field(rng: np.random.Generator) -> FieldTruth:
    """A random device and measurement; the stray field may shift the loop beyond zero."""
    h_c = 10 ** rng.uniform(3.3, 5.0)
    centre = float(rng.uniform(-1.5, 1.5)) * h_c
    width = float(rng.uniform(0.08, 0.2)) * h_c if rng.integers(2) else 0.0
    top = abs(centre) + h_c * rng.uniform(1.9, 3.0)
    return FieldTruth(
        r_p=float(10 ** rng.uniform(2.5, 4.5)),
        tmr=float(rng.uniform(0.3, 2.0)),
        up=centre + h_c,
        down=centre - h_c,
        width=width,
        h_k=float(h_c * rng.uniform(1.5, 4)),
        noise=float(10 ** rng.uniform(-3.3, -2.3)),
        drift=float(rng.uniform(-0.005, 0.005)),
        slope=float(rng.uniform(-0.01, 0.01)),
        polarity=int(rng.choice([-1, 1])),
        cycles=int(rng.integers(1, 4)),
        step=float(rng.uniform(0.02, 0.06)) * h_c,
        top=float(top),
        from_top=bool(rng.integers(2)),
    )


def _path(truth: FieldTruth) -> np.ndarray:
    way = np.arange(-truth.top, truth.top, truth.step)
    one = np.concatenate((way, way[::-1]))
    return np.tile(one * (-1 if truth.from_top else 1), truth.cycles)


def _measure(truth: FieldTruth, field: np.ndarray, fraction: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    u, time = field / np.abs(field).max(), np.linspace(-0.5, 0.5, len(field))
    low = truth.r_p * (1 + truth.slope * u)
    high = truth.r_p * (1 + truth.tmr) * (1 - truth.slope * u)
    resistance = 1 / (fraction / low + (1 - fraction) / high) * (1 + truth.drift * time)
    return resistance * (1 + truth.noise * rng.normal(size=len(field)))


def easy_loop(truth: FieldTruth, rng: np.random.Generator) -> FieldLoop:
    """Domains with fixed thresholds, all alike where the width is zero."""
    field = _path(truth)
    ranks = norm.ppf((np.arange(DOMAINS) + 0.5) / DOMAINS) if truth.width else np.zeros(1)
    up, down = truth.up + truth.width * ranks, truth.down + truth.width * rng.permutation(ranks)
    domains = np.full(len(ranks), 1.0 if truth.from_top else 0.0)
    fraction = np.empty(len(field))
    for k, h in enumerate(field):
        domains = np.where(h >= up, 1.0, np.where(h <= down, 0.0, domains))
        fraction[k] = domains.mean()
    return FieldLoop(truth.polarity * field, _measure(truth, field, fraction, rng))


def hard_loop(truth: FieldTruth, rng: np.random.Generator, reach: float = 1.6, along: bool = False) -> FieldLoop:
    """Coherent rotation, the reference layer fixed across or along the field."""
    half = np.arange(-reach, reach, 0.03) * truth.h_k
    field = np.concatenate((half, half[::-1]))
    h = field / truth.h_k
    cosine = np.clip(h, -1, 1) if along else np.sqrt(np.maximum(1 - h**2, 0))
    low, high = 1 / truth.r_p, 1 / (truth.r_p * (1 + truth.tmr))
    conductance = high + (low - high) * (1 + cosine) / 2
    return FieldLoop(field, (1 + truth.noise * rng.normal(size=len(field))) / conductance)


def thermal_loop(
    truth: FieldTruth, delta: float, tau_d: float, rate: float, cycles: int, rng: np.random.Generator, steps: int = 400
) -> FieldLoop:
    """One barrier delta (1 - h/Hk)^2, each switching drawn point by point from the rate of escape."""
    way = np.linspace(-truth.top, truth.top, steps)
    field = np.tile(np.concatenate((way, way[::-1])), cycles)
    centre, dwell = (truth.up + truth.down) / 2, (way[1] - way[0]) / rate
    parallel, fraction = False, np.empty(len(field))
    for k, h in enumerate(field):
        push = (h - centre) / truth.h_k * (-1 if parallel else 1)
        left = max(1 - push, 1 / math.sqrt(delta))
        escape = math.sqrt(delta / math.pi) / tau_d * (2 - left) * left**2 * math.exp(-delta * left**2)
        if rng.random() < -math.expm1(-max(escape, 0.0) * dwell):
            parallel = not parallel
        fraction[k] = parallel
    return FieldLoop(truth.polarity * field, _measure(truth, field, fraction, rng), sweep_rate=rate)
