"""Synthetic gradual loops and pulse trains of many domains, made without the code that fits them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from compact.data import Loop
from compact.trainfit import PulseTrain

__all__ = ["Domains", "draw_domains", "measured_loop", "measured_train"]

PIECES = np.diff(np.geomspace(1e-4, 1.0, 41), prepend=0.0)
"""Pieces of a pulse at constant voltage, over its width."""


@dataclass(frozen=True)
class Domains:
    """A junction of many domains by its defining equations, in plain NumPy.

    Parameters
    ----------
    r_p, tmr : float
        Parallel resistance [Ohm] and TMR, constant in bias.
    ic, width, skew : dict of int to float
        Median switching current [A], relative width and skew: 1 towards parallel, -1 towards antiparallel.
    delta, power, exponent, h : float
        Barrier of the median domain, power of its growth with the switching current, power of its fall, stray field.
    count : int
        Classes of domains.
    """

    r_p: float
    tmr: float
    ic: dict[int, float]
    width: dict[int, float]
    skew: dict[int, float]
    delta: float
    power: float
    exponent: float
    h: float = 0.0
    count: int = 12
    tau_0: float = 1e-9

    def scale(self, way: int) -> np.ndarray:
        """Switching currents over their median."""
        y = norm.ppf((np.arange(self.count) + 0.5) / self.count)
        k = self.skew[way]
        return 1 + self.width[way] * (y if abs(k) < 1e-6 else (1 - np.exp(-k * y)) / k)

    def run(self, drive: np.ndarray, width: np.ndarray, by_voltage: bool, start: float) -> np.ndarray:
        """Parallel fraction after each pulse."""
        x = {way: self.scale(way) for way in (1, -1)}
        p = np.full(self.count, (1 + start) / 2)
        out = np.empty(len(drive))
        g = {1: 1 / self.r_p, -1: 1 / self.r_p / (1 + self.tmr)}
        for n, (level, time) in enumerate(zip(drive, width, strict=True)):
            for piece in [time] if by_voltage else PIECES * time:
                guess = p
                for _ in range(1 if by_voltage else 3):
                    mean = (p.mean() + guess.mean()) / 2
                    volts = level if by_voltage else level / (g[1] * mean + g[-1] * (1 - mean))
                    rate = {}
                    for way in (1, -1):
                        # Antiparallel domains switch to parallel, by the current through themselves.
                        push = way * (volts * g[-way] / self.ic[way] + self.h)
                        left = np.maximum(1 - push / x[way], 0)
                        rate[way] = np.exp(-self.delta * x[way] ** self.power * left**self.exponent) / self.tau_0
                    total = rate[1] + rate[-1]
                    rest = rate[1] / total
                    guess = rest + (p - rest) * np.exp(-total * piece)
                p = guess
            out[n] = p.mean()
        return out

    def resistance(self, fraction: np.ndarray) -> np.ndarray:
        """Resistance at low bias [Ohm]."""
        return self.r_p * (1 + self.tmr) / (1 + self.tmr * fraction)

    @property
    def values(self) -> dict[str, float]:
        """Parameters by the names of the model."""
        return {
            "r_p": self.r_p, "tmr": self.tmr, "ic_ap2p": self.ic[1], "ic_p2ap": self.ic[-1],
            "width_ap2p": self.width[1], "width_p2ap": self.width[-1], "skew_ap2p": self.skew[1],
            "skew_p2ap": self.skew[-1], "delta": self.delta, "h_bias": self.h,
        }  # fmt: skip

    def drive(self, way: int, width: float, by_voltage: bool) -> float:
        """Drive at which a pulse of a width switches about half [A or V]."""
        left = (np.log(2 * width / self.tau_0) / self.delta) ** (1 / self.exponent)
        current = self.ic[way] * max(1 - left, 0.05)
        ahead = 1 + self.tmr if way > 0 else 1.0
        # Parallel domains take current away from the antiparallel ones, which therefore need more of it.
        return float(current * (self.r_p * ahead if by_voltage else 1 + self.tmr * (way > 0)))


def draw_domains(rng: np.random.Generator, *, by_voltage: bool = False, field: bool = False) -> Domains:
    """A random device; where the current is given, one that switches gradually rather than as an avalanche."""
    ic = float(10 ** rng.uniform(-5, -3))
    return Domains(
        r_p=float(rng.uniform(0.5e3, 5e3)),
        tmr=float(rng.uniform(0.3, 1.2) if by_voltage else rng.uniform(0.05, 0.3)),
        ic={1: ic, -1: ic * float(rng.uniform(0.8, 1.25))},
        width={way: float(rng.uniform(0.08, 0.2)) for way in (1, -1)},
        skew={way: float(rng.uniform(-0.6, 0.1)) for way in (1, -1)},
        delta=float(rng.uniform(35, 60)),
        power=1.0,
        exponent=2.0,
        h=float(rng.uniform(-0.03, 0.03)) if field else 0.0,
    )


def measured_loop(
    device: Domains, width: float, rng: np.random.Generator, *, by_voltage: bool = False, noise: float = 3e-3
) -> Loop:
    """A loop of pulses, read at low bias after each; noise over the height of the loop."""
    top = max(1.3 * device.drive(way, width, by_voltage) * (1 + 4 * device.width[way]) for way in (1, -1))
    half = np.linspace(0, top, 25)
    drive = np.concatenate((half, half[-2::-1], -half[1:], -half[-2::-1]))
    fraction = device.run(drive, np.full(len(drive), width), by_voltage, -1.0)
    read = device.resistance(fraction) + noise * device.r_p * device.tmr * rng.normal(size=len(drive))
    return Loop(
        **{"voltage" if by_voltage else "current": drive}, resistance=read, pulse_width=width,
        source=f"synthetic at {width:g} s",
    )  # fmt: skip


def measured_train(
    device: Domains, widths: tuple[float, ...], rng: np.random.Generator, *, by_voltage: bool = False,
    noise: float = 3e-3,
) -> PulseTrain:  # fmt: skip
    """Staircases up and down at each width, then many equal pulses each way."""
    drive: list[float] = []
    time: list[float] = []
    for width in widths:
        for shape in (np.linspace(0.3, 2.0, 24), np.full(16, 0.95)):
            for way in (1, -1):
                drive += (way * device.drive(way, width, by_voltage) * shape).tolist()
                time += [width] * len(shape)
    pulses, spans = np.array(drive), np.array(time)
    fraction = device.run(pulses, spans, by_voltage, -1.0)
    read = device.resistance(fraction) + noise * device.r_p * device.tmr * rng.normal(size=len(pulses))
    return PulseTrain(pulses, read, spans, by_voltage=by_voltage, start="ap", source="synthetic train")
