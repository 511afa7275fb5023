"""Leave-one-out: how well a card of gradual loops tells a loop beforehand, and what of the rest is not the device's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from compact.data import Loop
from compact.errors import DataError
from compact.gradualfit import GradualFit, GradualLoop, fit_gradual, loop_problem, read_given
from compact.units import format_si

__all__ = ["HeldOut", "LeaveOneOut", "Shares", "leave_one_out", "shares"]

FloatArray = NDArray[np.float64]

LEAST = 3
"""Loops from which each can be left out and two are left, which tell the barrier."""


@dataclass(frozen=True)
class Shares:
    """What the residuals of a predicted loop consist of; all are over the height of the loop.

    Parameters
    ----------
    rms : float
        Rms residual of the prediction.
    states : float
        What it owes to the resistances of the two states in this measurement, which differ from those of the card.
    path : float
        What is left with the two resistances of this measurement: the path of the state that the card tells.
    r_p, r_ap : float
        Resistances of both states in this measurement less those of the card.
    """

    rms: float
    states: float
    path: float
    r_p: float
    r_ap: float


def shares(loop: GradualLoop) -> Shares:
    """Split the residuals of a predicted loop into those of its two resistances and those of its path.

    Parameters
    ----------
    loop : GradualLoop
        A prediction of `compact.gradualfit.predict_loop`.
    """
    problem, height = loop_problem(loop.shape), abs(loop.shape.height)
    told = np.array([loop.instrument["r_p"], loop.instrument["r_p"] * (1 + loop.instrument["tmr"])])

    def curve(x: FloatArray) -> FloatArray:
        low, high = told * (1 + x)
        return problem.curve({**loop.instrument, "r_p": float(low), "tmr": float(high / low - 1)}, loop.fraction)

    own = least_squares(lambda x: (loop.shape.resistance - curve(x)) / height, np.zeros(2))
    moved = own.x * told / height
    return Shares(loop.rms, _rms((curve(own.x) - loop.curve) / height), _rms(own.fun), float(moved[0]), float(moved[1]))


def _rms(values: Sequence[float] | FloatArray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


@dataclass(frozen=True)
class HeldOut:
    """A loop as the card of the other loops tells it.

    Parameters
    ----------
    source : str
        Where the loop comes from.
    pulse_width : float or None
        Its pulse width [s].
    sloping : bool
        Whether plateaus were allowed to slope in the fit of the others.
    shares : Shares
        The residuals.
    """

    source: str
    pulse_width: float | None
    sloping: bool
    shares: Shares


@dataclass(frozen=True)
class LeaveOneOut:
    """Each loop predicted from the others, once with plateaus that slope with the drive and once without.

    Parameters
    ----------
    rows : tuple of HeldOut
        One for each loop and kind of fit.
    """

    rows: tuple[HeldOut, ...]

    def rms(self, sloping: bool) -> float:
        """Rms over all loops of the prediction, over their heights."""
        return _rms([r.shares.rms for r in self.rows if r.sloping == sloping])

    @property
    def sloping(self) -> bool:
        """Whether fits with plateaus that slope predict better; where both do alike, the simpler kind counts."""
        return self.rms(True) < self.rms(False)

    def lines(self) -> list[str]:
        """The predictions as text."""
        found = [
            "each loop from the others, rms over loop height",
            f"{'plateaus':9s} {'all':>7s} {'states':>7s} {'path':>7s}",
        ]
        for r in self.rows:
            width = f", pulse width {format_si(r.pulse_width, 's')}" if r.pulse_width else ""
            figures = " ".join(f"{100 * x:5.2f} %" for x in (r.shares.rms, r.shares.states, r.shares.path))
            found.append(f"{'sloping' if r.sloping else 'level':9s} {figures}  {r.source}{width}")
        level, sloping = (100 * self.rms(x) for x in (False, True))
        better = "plateaus that slope with the drive" if self.sloping else "level plateaus"
        return [*found, f"{better} predict better: {level:.2f} % level, {sloping:.2f} % sloping"]


def leave_one_out(
    loops: Iterable[Loop | str | Path],
    *,
    known: Mapping[str, float] | None = None,
    temperature: float | None = None,
    fit: Callable[..., GradualFit] = fit_gradual,
) -> LeaveOneOut:
    """Predict each loop from the others, with and without slopes of the plateaus in the fits.

    In a fit, slopes of the plateaus always lessen the residuals, and as residuals hang together from point to point,
    criteria that count points overrate that. A card has no such slopes; so what decides is how well the card that
    comes out tells a loop which took no part.

    Parameters
    ----------
    loops : iterable of Loop or path
        Three loops or more; those that are to test the outcome must not be among them.
    known, temperature
        As for `compact.gradualfit.fit_gradual`.
    fit : callable
        The fit.

    Returns
    -------
    LeaveOneOut

    Raises
    ------
    DataError
        If there are fewer than three loops, and as `fit_gradual` does.
    """
    read = read_given(loops)
    if len(read) < LEAST:
        raise DataError(
            f"{len(read)} loop{'s are' if len(read) != 1 else ' is'} too few to leave one out and fit the others; "
            f"{LEAST} are needed"
        )
    rows = []
    for sloping in (False, True):
        for k, loop in enumerate(read):
            others = [*read[:k], *read[k + 1 :]]
            found = fit(others, predict=[loop], known=known, temperature=temperature, sloping=sloping)
            rows.append(HeldOut(loop.source, loop.pulse_width, sloping, shares(found.predictions[0])))
    return LeaveOneOut(tuple(rows))
