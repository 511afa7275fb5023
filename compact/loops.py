"""Structure of a hysteresis loop: sweeps, the two states, their order, polarity, and where the state changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from compact.data import Loop
from compact.errors import DataError

__all__ = ["Flip", "LoopShape", "analyse_loop"]

FloatArray = NDArray[np.float64]
MIN_PLATEAU = 3
"""Fewest points per state."""
VOLATILE = (
    "{}: state {} is not stable at zero drive: the loop is shifted beyond zero, and the model needs both states to stay"
)
LOW_DRIVE = 1e-3
"""Drive over its maximum below which a resistance from V/I is meaningless."""


@dataclass(frozen=True)
class Flip:
    """One change of state in the data.

    Parameters
    ----------
    index : int
        First point in the new state.
    to_parallel : bool
        Whether the new state is the parallel one.
    low, high : float
        Drive before and after: the state changed between them. Of a loop against voltage or current its magnitude
        [V or A]; of one against field the field in the convention of the model [A/m].
    """

    index: int
    to_parallel: bool
    low: float
    high: float

    @property
    def middle(self) -> float:
        """Centre of the interval [V, A or A/m]."""
        return (self.low + self.high) / 2


@dataclass(frozen=True)
class LoopShape:
    """A loop reduced to drive and resistance in the convention of the models, with its structure.

    Parameters
    ----------
    loop : Loop
        The measured loop.
    rows : ndarray of int, shape (n,)
        Points of the loop that are used.
    drive : ndarray, shape (n,)
        Drive [A or V], positive towards the parallel state.
    resistance : ndarray, shape (n,)
        Resistance [Ohm].
    polarity : {1, -1}
        -1 where the sign of the measured drive was reversed.
    state : ndarray, shape (n,)
        Nearest state, 1 parallel, -1 antiparallel.
    plateau : ndarray of bool, shape (n,)
        Points that are in their state beyond doubt, also in a gradual loop.
    flips : tuple of Flip
        Changes of state in the order of measurement.
    noise : float
        Noise of the resistance, from differences of neighbours on the plateaus [Ohm].
    notes : tuple of str
        Remarks for the user.
    """

    loop: Loop
    rows: NDArray[np.int64]
    drive: FloatArray
    resistance: FloatArray
    polarity: Literal[1, -1]
    state: FloatArray
    plateau: NDArray[np.bool_]
    flips: tuple[Flip, ...]
    noise: float
    notes: tuple[str, ...]

    @property
    def first_state(self) -> int:
        """State at the first point: 1 parallel, -1 antiparallel."""
        return int(self.state[0])

    def limit(self, to_parallel: bool) -> float:
        """Largest drive magnitude towards a state [A or V]."""
        return float(self.drive.max() if to_parallel else -self.drive.min())

    def median(self, parallel: bool) -> float:
        """Median resistance of a plateau [Ohm]."""
        chosen = self.plateau & (self.state == (1 if parallel else -1))
        return float(np.median(self.resistance[chosen]))

    @property
    def height(self) -> float:
        """Height of the loop [Ohm]."""
        return self.median(False) - self.median(True)


def analyse_loop(loop: Loop) -> LoopShape:
    """Find sweeps, states and changes of state of a loop.

    The state is +1 after enough positive drive, -1 after enough negative drive and kept in between; the two
    thresholds are those for which a smooth curve per state leaves the smallest residual. Nothing is asked of
    where the sweep starts or how often it goes round.

    Parameters
    ----------
    loop : Loop
        The measured loop.

    Returns
    -------
    LoopShape

    Raises
    ------
    DataError
        If the drive is swept in one direction only, does not reach both signs, or the curve does not show two
        states and both changes between them.
    """
    notes = []
    drive = np.array(loop.drive)
    top = float(np.abs(drive).max())
    if loop.kind == "V-I":
        assert loop.voltage is not None and loop.current is not None
        rows = np.flatnonzero((np.abs(drive) > LOW_DRIVE * top) & (loop.current != 0))
        if len(rows) < loop.size:
            notes.append(f"{loop.size - len(rows)} points at zero drive left out: V/I is undefined there")
        resistance = loop.voltage[rows] / loop.current[rows]
    else:
        assert loop.resistance is not None
        rows = np.flatnonzero(loop.resistance > 0)
        if len(rows) < loop.size:
            notes.append(f"{loop.size - len(rows)} points with a resistance that is not positive left out")
        resistance = np.array(loop.resistance[rows])
    drive = drive[rows]
    directions = _directions(drive)
    if len(directions) < 2:
        way = "upwards" if directions[0] > 0 else "downwards"
        raise DataError(f"{loop.source}: only one branch: the {loop.drive_role} is swept {way} and never back")
    if drive.max() < 0.05 * top or -drive.min() < 0.05 * top:
        sign = "positive" if drive.min() >= -0.05 * top else "negative"
        raise DataError(
            f"{loop.source}: only one branch: the {loop.drive_role} is {sign} throughout; switching both ways needs "
            f"both signs"
        )
    conducting = 1 / resistance if loop.drive_role == "voltage" else resistance
    first, thresholds, quality = _two_states(drive, conducting)
    state = _forward_fill(drive, *thresholds, first)
    plateau = _plateaus(drive, state, thresholds)
    noise = _noise(resistance, plateau, state)
    weak = np.abs(drive) <= min(thresholds)
    means = [_centre(resistance, plateau & (state == s), weak) for s in (1, -1)]
    step = abs(means[0] - means[1])
    if quality > 0.6 or not step > 3 * noise:
        if _opens_aside(drive, resistance, noise):
            raise DataError(VOLATILE.format(loop.source, "of the two"))
        raise DataError(
            f"{loop.source}: no hysteresis: up and down sweep differ by {step:.3g} Ohm, the noise is {noise:.3g} Ohm"
        )
    flips = np.flatnonzero(np.diff(state)) + 1
    if len(set(state[flips])) < 2:
        seen = "one change of state" if len(flips) else "no change of state"
        raise DataError(
            f"{loop.source}: only one branch: the sweep shows {seen}; it must go to one end, to the other and back"
        )
    if min(np.sum(plateau & (state == 1)), np.sum(plateau & (state == -1))) < MIN_PLATEAU:
        raise DataError(f"{loop.source}: fewer than {MIN_PLATEAU} points in one of the two states; sweep further")
    polarity: Literal[1, -1] = 1 if means[0] < means[1] else -1
    if polarity < 0:
        notes.append(
            f"positive {loop.drive_role} sets the antiparallel state in the data, so the sign of the drive was "
            f"reversed: the measured positive terminal is rl (reference layer) of the model, the other one fl"
        )
    else:
        notes.append(
            f"positive {loop.drive_role} sets the parallel state in the data: the measured positive terminal is fl "
            f"(free layer) of the model, the other one rl"
        )
    changes = tuple(Flip(int(k), bool(polarity * state[k] > 0), *_interval(drive, state, int(k))) for k in flips)
    for change in changes:
        if change.low <= 0:
            raise DataError(VOLATILE.format(loop.source, "AP" if change.to_parallel else "P"))
    return LoopShape(
        loop=loop,
        rows=rows,
        drive=polarity * drive,
        resistance=resistance,
        polarity=polarity,
        state=polarity * state,
        plateau=plateau,
        flips=changes,
        noise=noise,
        notes=tuple(notes),
    )


def _opens_aside(drive: FloatArray, resistance: FloatArray, noise: float) -> bool:
    """Whether up and down sweep part clearly somewhere, at whatever drive."""
    rising = np.gradient(drive) > 0
    bins = np.linspace(drive.min(), drive.max(), 25)
    at = np.digitize(drive, bins)
    gaps = [
        abs(float(np.median(resistance[rising & (at == b)]) - np.median(resistance[~rising & (at == b)])))
        for b in range(1, len(bins))
        if np.any(rising & (at == b)) and np.any(~rising & (at == b))
    ]
    return sum(g > max(6 * noise, 0.3 * float(np.ptp(resistance))) for g in gaps) >= 2


def _directions(drive: FloatArray) -> list[int]:
    """Signs of the sweeps, turning points smaller than 3 % of the range being noise."""
    slack = 0.03 * float(np.ptp(drive))
    signs: list[int] = []
    extreme = turn = float(drive[0])
    for value in drive.tolist():
        if not signs:
            if abs(value - turn) > slack:
                signs.append(1 if value > turn else -1)
                extreme = value
        elif (value - extreme) * signs[-1] >= 0:
            extreme = value
        elif abs(value - extreme) > slack:
            signs.append(-signs[-1])
            extreme = value
    return signs or [1]


def _forward_fill(drive: FloatArray, up: float, down: float, first: int) -> FloatArray:
    """State +-1: set by drive >= up or <= -down, else as before."""
    event = np.where(drive >= up, 1, np.where(drive <= -down, -1, 0))
    event[0] = event[0] or first
    last = np.maximum.accumulate(np.where(event != 0, np.arange(len(event)), 0))
    return event[last].astype(float)


def _residual(drive: FloatArray, values: FloatArray, state: FloatArray | None) -> float:
    """Sum of squares left by one smooth curve per state."""
    x = drive / np.abs(drive).max()
    left = 0.0
    for chosen in [np.ones(len(x), dtype=bool)] if state is None else [state > 0, state < 0]:
        count = int(chosen.sum())
        if count < MIN_PLATEAU:
            return np.inf
        degree = 4 if count >= 16 or state is None else 2 if count >= 6 else 0
        basis = np.vander(x[chosen], degree + 1)
        solution = np.linalg.lstsq(basis, values[chosen], rcond=None)[0]
        left += float(np.sum((values[chosen] - basis @ solution) ** 2))
    return left


def _candidates(magnitudes: FloatArray) -> list[float]:
    """Thresholds that lie between the drive points of one sign, at most 60 of them."""
    top = magnitudes.max()
    ordered = np.unique(np.round(magnitudes / top, 6)) * top
    middles = (ordered[1:] + ordered[:-1]) / 2 if len(ordered) > 1 else ordered
    middles = np.concatenate(([ordered[0] * (1 - 1e-6)], middles))
    return middles[np.linspace(0, len(middles) - 1, min(len(middles), 60)).astype(int)].tolist()


def _two_states(drive: FloatArray, values: FloatArray) -> tuple[int, tuple[float, float], float]:
    """First state, thresholds, and residual over that of a curve without hysteresis."""

    def trial(up: float, down: float, first: int) -> float:
        return _residual(drive, values, _forward_fill(drive, up, down, first))

    ups, downs = _candidates(drive[drive > 0]), _candidates(-drive[drive < 0])
    best = (np.inf, ups[0], downs[0], 1)
    for first in (1, -1):
        for share in (0.3, 0.6):
            up, down = ups[int(share * (len(ups) - 1))], downs[int(share * (len(downs) - 1))]
            left = np.inf
            for _ in range(6):
                before = left
                left, up = min((trial(u, down, first), u) for u in ups)
                left, down = min((trial(up, d, first), d) for d in downs)
                if left >= before:
                    break
            if left < best[0] * (1 - 1e-9):
                best = (left, up, down, first)
    left, up, down, first = best
    single = _residual(drive, values, None)
    return first, (up, down), left / single if single > 0 else 1.0


def _plateaus(drive: FloatArray, state: FloatArray, thresholds: tuple[float, float]) -> NDArray[np.bool_]:
    """Points in their state beyond doubt: from the turning point back to half the other threshold."""
    up, down = thresholds
    sure = np.zeros(len(drive), dtype=bool)
    top, bottom = drive.max(), drive.min()
    since = 0  # +1 once the positive end has been reached, -1 once the negative one has
    for k, value in enumerate(drive.tolist()):
        if value >= 0.97 * top:
            since = 1
        elif value <= 0.97 * bottom:
            since = -1
        sure[k] = (since > 0 and state[k] > 0 and value > -0.5 * down) or (
            since < 0 and state[k] < 0 and value < 0.5 * up
        )
    # The stretch before the first end belongs to the first state while the drive is weak.
    for j, value in enumerate(drive.tolist()):
        if not -0.5 * down < value < 0.5 * up or state[j] != state[0]:
            break
        sure[j] = True
    for s in (1, -1):
        if np.sum(sure & (state == s)) < 2 * MIN_PLATEAU:
            near = np.zeros(len(drive), dtype=bool)
            for flip in np.flatnonzero(np.diff(state)).tolist():
                near[flip : flip + 2] = True
            sure |= (state == s) & ~near
    return sure


def _noise(resistance: FloatArray, plateau: NDArray[np.bool_], state: FloatArray) -> float:
    """Standard deviation of the noise from second differences on the plateaus, robust against outliers."""
    inner = plateau[1:-1] & plateau[:-2] & plateau[2:] & (state[1:-1] == state[:-2]) & (state[1:-1] == state[2:])
    second = (resistance[:-2] - 2 * resistance[1:-1] + resistance[2:])[inner]
    floor = 1e-9 * float(np.abs(resistance).max())
    if len(second) < 4:
        return max(float(np.std(second)) / 6**0.5 if len(second) else 0.0, floor)
    return max(1.4826 * float(np.median(np.abs(second))) / 6**0.5, floor)


def _centre(resistance: FloatArray, chosen: NDArray[np.bool_], weak: NDArray[np.bool_]) -> float:
    inside = chosen & weak
    return float(np.median(resistance[inside if inside.any() else chosen])) if chosen.any() else float("nan")


def _interval(drive: FloatArray, state: FloatArray, index: int) -> tuple[float, float]:
    """Drive magnitudes between which the state changed at a point."""
    sign = state[index]
    high = sign * float(drive[index])
    return max(sign * float(drive[index - 1]), 0.0), high
