"""Forward model of a measured loop: what the instrument shows for given parameters, and its noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from compact.loops import Flip, LoopShape
from compact.model import Model
from compact.models.mtj import resting_cosine
from compact.switching import History, switched

__all__ = ["NO_ROLL", "REGIONS", "LoopFit", "LoopModel", "Switching", "noise_of_points", "regions"]

FloatArray = NDArray[np.float64]

NO_ROLL = 1e-6
"""Least fall of the TMR [1/V^2]: the largest v_h of the model, squared and inverted."""
REGIONS = ("P plateau", "AP plateau", "AP->P", "P->AP")


@dataclass
class LoopModel:
    """Arrays and choices that the residual function needs."""

    shape: LoopShape
    model: Model
    fixed: dict[str, float]
    by_voltage: bool
    x: FloatArray
    time: FloatArray
    tunnelling: bool
    offset: bool
    history: History
    flips: dict[bool, list[Flip]] = field(default_factory=dict)
    gradual: dict[bool, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rest = resting_cosine(self.fixed)

    def conduction(self, p: Mapping[str, float]) -> dict[str, float]:
        """Model parameters from fit parameters."""
        values = dict(self.fixed)
        for name in ("r_p", "tmr", "tmr_slope", "g_slope", "g_curv"):
            if name in p:
                values[name] = float(p[name])
        if "roll" in p:
            values["v_h"] = 1 / np.sqrt(max(abs(float(p["roll"])), NO_ROLL))
        return values

    def current(self, values: Mapping[str, Any], voltage: FloatArray, z: FloatArray | float) -> FloatArray:
        """Current at a voltage and state [A]; a state of 1 is the resting point, where plateaus are measured."""
        point = {**values, "v_fl_rl": voltage, "z": self.rest * z, "temperature": values["t_nom"]}
        return self.model.evaluate("i", point)

    def resistance(self, values: Mapping[str, Any], z: FloatArray) -> FloatArray:
        """Resistance at the drive points in given states [Ohm]."""
        if self.by_voltage:
            return self.x / self.current(values, self.x, z)
        v = self.x * self.shape.resistance
        for _ in range(3):
            both = self.current(values, np.stack([v, 1.0001 * v]), z)
            v = v - (both[0] - self.x) * 1e-4 * v / (both[1] - both[0])
        return v / self.x

    def fraction(self, p: Mapping[str, float]) -> FloatArray:
        """Parallel fraction at each point."""
        targets = {}
        for to_parallel in (True, False):
            sign, name = (1, "ap2p") if to_parallel else (-1, "p2ap")
            magnitude = np.maximum(sign * self.shape.drive, 0.0)
            if self.gradual[to_parallel]:
                targets[to_parallel] = switched(
                    magnitude,
                    self.shape.limit(to_parallel),
                    p[f"x_{name}"],
                    p[f"width_{name}"],
                    p.get(f"skew_{name}", 0.0),
                )
            else:
                level = np.mean([f.middle for f in self.flips[to_parallel]])
                targets[to_parallel] = (magnitude >= level).astype(float)
        return self.history.fraction(targets[True], targets[False], float(p["start"]))

    def curve(self, p: Mapping[str, float], fraction: FloatArray) -> FloatArray:
        """Resistance that the instrument would show [Ohm]."""
        r = self.resistance(self.conduction(p), 2 * fraction - 1)
        if p.get("roll", 0.0) < 0:
            # A TMR that rises with bias is outside the model; mirrored at no fall, so that noise can cross zero.
            r = 2 * self.resistance(self.conduction({**p, "roll": NO_ROLL}), 2 * fraction - 1) - r
        return self.distort(p, r, fraction)

    def distort(self, p: Mapping[str, float], r: FloatArray, fraction: FloatArray) -> FloatArray:
        """Add slopes, drift and offset to a resistance."""
        if not self.tunnelling:
            u = self.x / np.abs(self.x).max()
            r = r * (1 + u * (p["slope_p"] * fraction + p["slope_ap"] * (1 - fraction)))
        r = r * (1 + p["drift"] * self.time)
        if self.offset:
            r = 1 / (1 / r + p["offset"] / self.x) if self.by_voltage else r + p["offset"] / self.x
        return r


def noise_of_points(problem: LoopModel, plateau: NDArray[np.bool_], state: FloatArray) -> FloatArray:
    """Noise of each point [Ohm]: a constant part and one of the measured voltage (or current) over the drive.

    Second differences of three neighbours on a plateau hold neither slopes nor drift; the two parts are those of
    largest likelihood.
    """
    y = problem.shape.resistance
    x = problem.x
    inner = plateau[1:-1] & plateau[:-2] & plateau[2:] & (state[1:-1] == state[:-2]) & (state[1:-1] == state[2:])
    second = (y[:-2] - 2 * y[1:-1] + y[2:])[inner]
    lever = y**2 / x**2 if problem.by_voltage else 1 / x**2
    lever = lever / np.min(lever)
    spread = ((lever[:-2] + 4 * lever[1:-1] + lever[2:]) / 6)[inner]
    floor = 1e-7 * abs(problem.shape.height)
    if len(second) < 4:
        return np.full(len(y), max(problem.shape.noise, floor))
    squares = second**2 / 6
    best: tuple[float, float, float] | None = None
    for share in (0.0, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0):
        shape = 1 - min(share, 1.0) + share * spread
        level = float(np.mean(squares / shape))
        # 1.4826 MAD against the mean keeps one glitch from setting the level.
        level = min(level, (1.9 * float(np.median(np.sqrt(squares / shape)))) ** 2)
        likelihood = float(np.sum(np.log(shape * level + floor**2) + squares / (shape * level + floor**2)))
        if best is None or likelihood < best[0] - (4.0 if best[1] == 0 else 0.0):
            best = (likelihood, share, level)
    assert best is not None
    _, share, level = best
    return np.sqrt((1 - min(share, 1.0) + share * lever) * level + floor**2)


def regions(problem: LoopModel, fraction: FloatArray, edge: FloatArray | float = 0.02) -> NDArray[np.str_]:
    """Name of the region of each point; a transition is where the fraction is further than `edge` from 0 and 1."""
    rising = np.gradient(problem.shape.drive) >= 0
    middle = (fraction > edge) & (fraction < 1 - edge)
    plateau = np.where(fraction >= 0.5, REGIONS[0], REGIONS[1])
    change = np.where(rising & (problem.shape.drive > 0), REGIONS[2], REGIONS[3])
    stuck = (problem.shape.drive > 0) != rising  # on the way back nothing switches
    return np.where(middle & ~stuck, change, plateau)


@dataclass(frozen=True)
class Switching:
    """Switching in one direction.

    Parameters
    ----------
    to_parallel : bool
        Direction.
    kind : {"abrupt", "gradual"}
        Whether the state changes between two points or over several.
    drive, drive_stderr : float
        Drive magnitude at which half has switched, and its standard error [A or V].
    current, stderr : float
        The same as current magnitude [A].
    width, width_stderr : float
        Spread of switching drives [A or V]: the standard deviation of a normal distribution of the same density at
        the median; zero for an abrupt one.
    skew : float
        Shape of the distribution [1].
    points : int
        Measured points within the transition.
    """

    to_parallel: bool
    kind: Literal["abrupt", "gradual"]
    drive: float
    drive_stderr: float
    current: float
    stderr: float
    width: float = 0.0
    width_stderr: float = 0.0
    skew: float = 0.0
    points: int = 0


@dataclass(frozen=True)
class LoopFit:
    """Result for one loop.

    Parameters
    ----------
    shape : LoopShape
        The loop in model convention.
    values : dict of str to float
        Model parameters of conduction, as fitted.
    stderr : dict of str to float
        Their standard errors; parameters held fixed are not in it.
    correlations : dict of (str, str) to float
        Correlation coefficients.
    switching : dict of bool to Switching
        By direction, True towards parallel.
    undetermined : dict of str to str
        Bias parameters the data do not determine, with the reason.
    nuisance : dict of str to (float, float)
        Drift, offset and slopes with their standard errors.
    curve : ndarray, shape (n,)
        Fitted resistance at the points of `shape` [Ohm].
    fraction : ndarray, shape (n,)
        Fitted parallel fraction.
    region : ndarray of str, shape (n,)
        One of `REGIONS` per point.
    used : ndarray of bool, shape (n,)
        Points that took part.
    sigma : ndarray, shape (n,)
        Noise of each point, from neighbouring points on the plateaus [Ohm].
    quality : dict of str to float
        Goodness figures.
    """

    shape: LoopShape
    values: dict[str, float]
    stderr: dict[str, float]
    correlations: dict[tuple[str, str], float]
    switching: dict[bool, Switching]
    undetermined: dict[str, str]
    nuisance: dict[str, tuple[float, float]]
    curve: FloatArray
    fraction: FloatArray
    region: NDArray[np.str_]
    used: NDArray[np.bool_]
    sigma: FloatArray
    quality: dict[str, float]

    @property
    def residuals(self) -> FloatArray:
        """Measured minus fitted resistance [Ohm], shape (n,)."""
        return self.shape.resistance - self.curve

    @property
    def height(self) -> float:
        """Fitted height of the loop at zero bias [Ohm]."""
        return self.values["r_p"] * self.values["tmr"]
