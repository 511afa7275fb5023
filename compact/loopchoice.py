"""Which model measured loops support: abrupt switching, many domains, or one domain wall that is driven along."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from compact.gradualfit import GradualFit, GradualLoop, loop_problem
from compact.manyfit import DEVICE
from compact.physics.domain_wall import GAMMA_0, UniformWall
from compact.switching import History

__all__ = ["CLEAR", "Candidate", "Choice", "candidate", "compare_models"]

FloatArray = NDArray[np.float64]
CLEAR = 10.0
"""Difference of the criterion from which the data clearly support the better model (K. P. Burnham and D. R. Anderson,
Model Selection and Multimodel Inference, Springer (2002))."""

UNBROKEN = 1e9
"""Hard-axis field of a wall that does not reach breakdown, over the largest drive."""


@dataclass(frozen=True)
class Candidate:
    """How well a model describes the loops.

    Parameters
    ----------
    model, about : str
        Name of the model, and what it assumes of the loops.
    parameters : int
        Parameters that were fitted, those of the instrument and the noise included.
    rms : float
        Rms residual over the height of the loops.
    aicc, bic : float
        Akaike's criterion for small samples and the Bayesian one, the noise estimated from the residuals.
    """

    model: str
    about: str
    parameters: int
    rms: float
    aicc: float
    bic: float


@dataclass(frozen=True)
class Choice:
    """Comparison of models on the same loops.

    Parameters
    ----------
    rows : tuple of Candidate
        The best first, by AICc.
    """

    rows: tuple[Candidate, ...]

    @property
    def best(self) -> str:
        """Model with the smallest AICc."""
        return self.rows[0].model

    @property
    def clear(self) -> bool:
        """Whether both criteria prefer it, and by more than `CLEAR`."""
        first = self.rows[0]
        return all(r.aicc - first.aicc > CLEAR and r.bic - first.bic > CLEAR for r in self.rows[1:])

    def lines(self) -> list[str]:
        """The comparison as text."""
        first = self.rows[0]
        wide = max(12, *(len(r.model) for r in self.rows))
        head = f"{'model':{wide}s} {'parameters':>10s} {'rms/height':>11s} {'dAICc':>9s} {'dBIC':>9s}"
        rows = [
            f"{r.model:{wide}s} {r.parameters:10d} {100 * r.rms:9.2f} % {r.aicc - first.aicc:9.1f} "
            f"{r.bic - first.bic:9.1f}  {r.about}"
            for r in self.rows
        ]
        verdict = f"the loops {'clearly ' if self.clear else ''}support {first.model}"
        return ["which model the loops support", head, *rows, verdict + ("" if self.clear else ", but not clearly")]


Path = Callable[[GradualLoop, FloatArray], FloatArray]
"""Parallel fraction along a loop for given parameters, drives in units of the largest."""


def _abrupt(loop: GradualLoop, x: FloatArray) -> FloatArray:
    """All switches at one drive each way; x holds both drives."""
    drive = loop.shape.drive / np.abs(loop.shape.drive).max()
    up, down = (np.maximum(s * drive, 0) >= level for s, level in zip((1, -1), x, strict=True))
    return History(drive).fraction(up.astype(float), down.astype(float), float(loop.shape.first_state > 0))


def _wall(loop: GradualLoop, x: FloatArray) -> FloatArray:
    """A wall in a periodic landscape, below breakdown; x: depinning drive and log of the mobility, both ways.

    Only ratios count: the largest drive stands for a field of 1 A/m, and the length of the wire is 1 m.
    """
    drive = loop.shape.drive / np.abs(loop.shape.drive).max()
    width = loop.shape.loop.pulse_width or 1.0
    step = np.zeros(len(drive))
    for sign, (depinning, mobility) in ((1, x[:2]), (-1, x[2:])):
        wall = UniformWall(width=math.exp(mobility) / GAMMA_0, alpha=1.0, h_k=UNBROKEN)
        step += sign * width * wall.velocity(np.maximum(sign * drive, 0), depinning=float(depinning))
    position, path = float(loop.shape.first_state > 0), np.empty(len(drive))
    for k, move in enumerate(step.tolist()):
        position = min(max(position + move, 0.0), 1.0)
        path[k] = position
    return path


def _instrument(loop: GradualLoop, fraction: FloatArray) -> tuple[FloatArray, int]:
    """Residual over the height after a fit of both resistances and of the instrument, and the number of parameters."""
    problem = loop_problem(loop.shape)
    names = [n for n in loop.instrument if n in ("r_p", "tmr", "drift") or (n == "offset" and problem.offset)]
    if not loop.shape.loop.pulse_width and not problem.tunnelling:
        names += ["slope_p", "slope_ap"]
    start = np.array([loop.instrument[n] for n in names])
    scale = np.maximum(np.abs(start), [{"r_p": 1.0, "tmr": 0.1}.get(n, 1e-2) for n in names])
    height = abs(loop.shape.height)

    def left(x: FloatArray) -> FloatArray:
        own = loop.instrument | dict(zip(names, (x * scale).tolist(), strict=True))
        return np.nan_to_num((loop.shape.resistance - problem.curve(own, fraction)) / height, nan=1e3)

    return least_squares(left, start / scale, max_nfev=30).fun, len(names)


def _quick(loop: GradualLoop, fraction: FloatArray) -> FloatArray:
    """Residual over the height with the best two conductances: what the path of the state is fitted with."""
    basis = np.stack([fraction, 1 - fraction], axis=1)
    solution = np.linalg.lstsq(basis, 1 / loop.shape.resistance, rcond=None)[0]
    curve = 1 / np.maximum(basis @ solution, 1e-30)
    return np.asarray((loop.shape.resistance - curve) / abs(loop.shape.height))


def _fit_path(loops: Sequence[GradualLoop], path: Path, starts: Sequence[FloatArray], low: FloatArray) -> FloatArray:
    """Best parameters of a path, from several starts."""

    def left(x: FloatArray) -> FloatArray:
        return np.concatenate([_quick(loop, path(loop, x)) for loop in loops])

    trials = [least_squares(left, s, bounds=(low, np.full(len(low), 30.0)), diff_step=1e-3) for s in starts]
    return np.asarray(min(trials, key=lambda r: r.cost).x)


def candidate(model: str, about: str, left: FloatArray, parameters: int) -> Candidate:
    """Criteria of a model from what it leaves.

    Parameters
    ----------
    model, about : str
        Name of the model, and what it assumes of the loops.
    left : ndarray (n,)
        Residuals over the height of the loops.
    parameters : int
        What was fitted; the noise, which is estimated from the residuals, comes on top.
    """
    n, k, mean = len(left), parameters + 1, float(np.mean(left**2))
    deviance = n * math.log(mean)
    aicc = deviance + 2 * k + 2 * k * (k + 1) / max(n - k - 1, 1)
    return Candidate(model, about, k, float(np.sqrt(mean)), aicc, deviance + k * math.log(n))


def _candidate(
    model: str, about: str, loops: Sequence[GradualLoop], paths: Sequence[FloatArray], own: int
) -> Candidate:
    found = [_instrument(loop, fraction) for loop, fraction in zip(loops, paths, strict=True)]
    return candidate(model, about, np.concatenate([x for x, _ in found]), own + sum(count for _, count in found))


def compare_models(fit: GradualFit) -> Choice:
    """Compare abrupt switching, many domains and one wall on the loops of a fit.

    Parameters
    ----------
    fit : GradualFit
        The loops, fitted with many domains.

    Returns
    -------
    Choice
    """
    loops = fit.loops
    abrupt = []
    for loop in loops:
        drive = loop.shape.drive / np.abs(loop.shape.drive).max()
        levels = [np.unique(np.maximum(s * drive, 0))[1:] for s in (1, -1)]
        at = [float(np.median(x)) for x in levels]
        for _ in range(4):  # each direction in turn: a step has no slope to follow
            for j in (0, 1):
                cost = [
                    float(np.sum(_quick(loop, _abrupt(loop, np.array([*at[:j], x, *at[j + 1 :]]))) ** 2))
                    for x in levels[j]
                ]
                at[j] = float(levels[j][int(np.argmin(cost))])
        abrupt.append(_abrupt(loop, np.array(at)))
    speed = math.log(3 / float(np.median([x.shape.loop.pulse_width or 1.0 for x in loops])))
    starts = [np.array([p, speed + s, p, speed + s]) for p in (0.15, 0.35, 0.55) for s in (-2.0, -0.5)]
    wall = _fit_path(loops, _wall, starts, np.array([0.0, -30.0, 0.0, -30.0]))
    many = sum(n in fit.card.stderr for n in DEVICE)
    rows = [
        _candidate("mtj", "all switches at one drive each way", loops, abrupt, 2 * len(loops)),
        _candidate("multidomain", "domains switch one after the other", loops, [x.fraction for x in loops], many),
        _candidate("domain_wall", "a wall moves beyond a pinning drive", loops, [_wall(x, wall) for x in loops], 4),
    ]
    return Choice(tuple(sorted(rows, key=lambda r: r.aicc)))
