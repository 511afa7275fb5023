"""Synthetic hysteresis loops with known parameters, made without the code that fits them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from compact.data import Loop
from compact.models import get_model
from compact.models.mtj import resting_cosine

__all__ = ["Truth", "draw", "make_loop"]

DOMAINS = 4000


@dataclass(frozen=True)
class Truth:
    """What a synthetic loop is made of; drives in A or V, the rest as in the model."""

    values: dict[str, float]
    by_voltage: bool
    kind: str
    polarity: int
    first: int
    from_end: bool
    on_ap2p: float
    on_p2ap: float
    width: float
    noise: float
    offset: float
    drift: float
    step: float
    top: float


def draw(rng: np.random.Generator, gradual: bool | None = None) -> Truth:
    """A random device and measurement."""
    kind = rng.choice(["R-I", "V-I", "R-V", "I-V"])
    by_voltage = kind in ("R-V", "I-V")
    values = {
        "r_p": float(rng.uniform(1e3, 8e3)),
        "tmr": float(rng.uniform(0.5, 1.8)),
        "v_h": float(rng.uniform(0.3, 0.6)),
        "tmr_slope": float(rng.uniform(-0.2, 0.2)),
        "g_slope": float(rng.uniform(-0.1, 0.1)),
        "g_curv": float(rng.uniform(0.02, 0.3)),
    }
    gradual = bool(rng.integers(2)) if gradual is None else gradual
    v_switch = rng.uniform(0.25, 0.4, 2)
    on = v_switch if by_voltage else v_switch / values["r_p"] / (1 + 0.5 * values["tmr"])
    top = float(1.7 * on.max())
    points = int(rng.integers(60, 160))
    return Truth(
        values=values,
        by_voltage=by_voltage,
        kind=str(kind),
        polarity=int(rng.choice([-1, 1])),
        first=int(rng.choice([-1, 1])),
        from_end=bool(rng.integers(2)),
        on_ap2p=float(on[0]),
        on_p2ap=float(on[1]),
        width=float(rng.uniform(0.08, 0.15) * on.min()) if gradual else 0.0,
        noise=float(10 ** rng.uniform(-3.3, -2.3)),
        offset=float(rng.uniform(-3e-4, 3e-4)),
        drift=float(rng.uniform(-0.01, 0.01)),
        step=4 * top / points,
        top=top,
    )


def _sweep(truth: Truth) -> np.ndarray:
    """Drive in model convention: a full cycle that holds both changes of state."""
    # Positive drive sets P: coming from P the first way is down.
    away = -truth.first
    top = truth.top + 1e-3 * truth.step
    way = np.arange(-top, top, truth.step)
    if truth.from_end:
        return away * np.concatenate((way, way[::-1]))
    half = np.arange(0.3 * truth.step, top, truth.step)
    return away * np.concatenate((half, half[-2::-1], -half, -half[-2::-1]))


def make_loop(truth: Truth, rng: np.random.Generator) -> Loop:
    """Measure a device: domains with fixed thresholds, then the instrument's faults."""
    model = get_model("mtj")
    x = _sweep(truth)
    ranks = norm.ppf((np.arange(DOMAINS) + 0.5) / DOMAINS) if truth.width else np.zeros(1)
    up = np.maximum(truth.on_ap2p + truth.width * ranks, 0)
    down = np.maximum(truth.on_p2ap + truth.width * rng.permutation(ranks), 0)
    domains = np.full(len(ranks), float(truth.first))
    z = np.empty(len(x))
    for k, drive in enumerate(x):
        domains = np.where(drive >= up, 1.0, np.where(drive <= -down, -1.0, domains)) if drive else domains
        z[k] = domains.mean()

    def current(v: np.ndarray) -> np.ndarray:
        values = model.complete(truth.values)
        cosine = resting_cosine(values) * z
        return model.evaluate("i", values | {"v_fl_rl": v, "z": cosine, "temperature": values["t_nom"]})

    if truth.by_voltage:
        v, i = x, current(x)
    else:
        low, high = np.full(len(x), -20.0), np.full(len(x), 20.0)
        for _ in range(80):  # bisection
            v = (low + high) / 2
            above = current(v) > x
            high, low = np.where(above, v, high), np.where(above, low, v)
        i = x
    t = np.linspace(-0.5, 0.5, len(x))
    r = v / i * (1 + truth.drift * t)
    if truth.kind == "V-I":
        measured = i * r + truth.offset + truth.noise * truth.top * truth.values["r_p"] * rng.normal(size=len(x)) * 0.3
        return Loop(current=truth.polarity * i, voltage=truth.polarity * measured)
    if truth.kind == "I-V":
        scale = truth.top / truth.values["r_p"]
        measured = v / r + truth.offset * scale + truth.noise * scale * rng.normal(size=len(x)) * 0.3
        return Loop(current=truth.polarity * measured, voltage=truth.polarity * v)
    r = r * (1 + truth.noise * rng.normal(size=len(x)))
    if truth.by_voltage:
        return Loop(voltage=truth.polarity * v, resistance=r)
    return Loop(current=truth.polarity * i, resistance=r)
