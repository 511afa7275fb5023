"""Fokker-Planck equation of the axial macrospin: switching probability, write errors, disturb, retention.

For dz = [(1 - z^2)(z + d) - z/delta] dtau + sqrt((1 - z^2)/delta) dW in the sense of Ito, with the drive d of either
sign (positive towards z = 1) and time in tau_d, the density p(z) obeys

    dp/dtau = -dJ/dz,    J = (1 - z^2) [(z + d) p - (1/(2 delta)) dp/dz],

and J vanishes at the poles by itself. It is put on finite volumes with exponentially fitted fluxes (D. L. Scharfetter
and H. K. Gummel, IEEE Trans. Electron Devices 16, 64 (1969); J. S. Chang and G. Cooper, J. Comput. Phys. 6, 1 (1970)),
even in the polar angle, so that the poles are resolved. What comes out is a Markov chain between neighbours: it keeps
probability, has the Boltzmann distribution for its own at rest, and its off-diagonal rates are positive.

Time is taken by uniformisation (A. Jensen, Skand. Aktuarietidskr. 36, 87 (1953)): with q above all rates the chain is
one of steps P = 1 + Q/q at Poisson times, so that any function of the state at time tau is a sum over k of Poisson(k;
q tau) times its mean after k steps. Those means are found once for each drive; every pulse width is then a sum of
positive numbers. Nothing is ever subtracted, so that a probability of 1e-18 is as exact as one of 0.5, on either side.
Long after the fast modes have died, the slowest one goes on alone, which is how years are reached.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigh_tridiagonal
from scipy.special import gammaln, logsumexp

from compact.errors import DataError, ParameterError
from compact.physics import chain_kernels as kernels

__all__ = ["Axial", "after_pulse", "mesh"]

FloatArray: TypeAlias = NDArray[np.float64]
Drive: TypeAlias = ArrayLike | Callable[[FloatArray], ArrayLike]
"""Drive d: a number, one for each case, or a function of z (m,) that returns (m,) or (cases, m)."""

CELL = 0.13
"""Size of a cell at a pole over the width of the thermal distribution there; 0.13 leaves 0.2 % at delta = 60."""
MIN_CELLS, MAX_CELLS = 120, 4000
DIED = 37.0
"""Decay, in powers of e, after which a mode is gone."""
MAX_STEPS = 2_000_000
SHORT = 20_000
"""Uniform steps that are taken without asking whether fewer would do."""
SPREAD = 12.0
"""Standard deviations of a Poisson distribution that are summed."""


def mesh(delta: float, cells: int | None = None) -> FloatArray:
    """Faces of the cells, from z = -1 to 1.

    Even in the polar angle; where that would take many cells, up to twice as coarse between the poles, where
    nothing is as narrow as the thermal distribution at the poles.

    Parameters
    ----------
    delta : float
        Thermal stability factor [1].
    cells : int, optional
        Number of cells, even; by default as many as `CELL` asks for.

    Returns
    -------
    ndarray, shape (cells + 1,)

    Raises
    ------
    ParameterError
        If `delta` is not positive, or the number of cells is odd or below 16.
    """
    _positive("delta", delta)
    angle = np.linspace(0.0, np.pi, 20001)
    width = 1 / math.sqrt(2 * delta)
    from_pole = np.minimum(angle, np.pi - angle) / width
    coarse = min(max(math.sqrt(delta / 400.0), 1.0), 2.0)
    density = 1 / (1 + (coarse - 1) * -np.expm1(-((from_pole / 15) ** 2)))
    count = np.concatenate(([0.0], np.cumsum((density[1:] + density[:-1]) / 2))) * (angle[1] - angle[0])
    if cells is None:
        wanted = count[-1] / (CELL * width)
        cells = 2 * round(min(max(wanted, MIN_CELLS), MAX_CELLS) / 2)
    if cells < 16 or cells % 2:
        raise ParameterError(f"{cells} cells: an even number of at least 16 is needed")
    half = np.interp(np.linspace(0, count[-1] / 2, cells // 2 + 1), count, angle)
    half[-1] = np.pi / 2
    left = -np.cos(half)
    left[-1] = 0.0
    return np.concatenate((left, -left[-2::-1]))


def _positive(name: str, value: float) -> float:
    if not (math.isfinite(value) and value > 0):
        raise ParameterError(f"'{name}' = {value:g} must be positive")
    return float(value)


def _bernoulli(x: FloatArray) -> FloatArray:
    """x/(exp(x) - 1)."""
    x = np.clip(x, -700.0, 700.0)
    small = np.abs(x) < 1e-5
    safe = np.where(small, 1.0, x)
    return np.where(small, 1 - x / 2 + x * x / 12, safe / np.expm1(safe))


@dataclass(frozen=True)
class _Chain:
    """Rates between neighbouring cells [1/tau_d], for several drives at once.

    `up` and `down` have shape (cases, cells - 1): from cell k to k + 1, and back.
    """

    z: FloatArray
    size: FloatArray
    up: FloatArray
    down: FloatArray
    _slow: dict[int, tuple[float, float]] = field(default_factory=dict, repr=False)

    @classmethod
    def build(cls, delta: float, drive: Drive, faces: FloatArray) -> _Chain:
        angles = np.arccos(-np.clip(faces, -1, 1))
        z = -np.cos((angles[1:] + angles[:-1]) / 2)
        size, step, middle = np.diff(faces), np.diff(z), (z[1:] + z[:-1]) / 2
        if callable(drive):
            d = np.atleast_2d(np.asarray(drive(middle), dtype=float))
        else:
            d = np.atleast_1d(np.asarray(drive, dtype=float))[:, None]
        if not np.all(np.isfinite(d)):
            raise ParameterError("the drive is not finite")
        slope = 2 * delta * (middle + d) * step
        ease = (1 - faces[1:-1] ** 2) / (2 * delta * step)
        return cls(z, size, ease * _bernoulli(-slope) / size[:-1], ease * _bernoulli(slope) / size[1:])

    @property
    def cases(self) -> int:
        return self.up.shape[0]

    @cached_property
    def out(self) -> FloatArray:
        """Rate out of each cell."""
        total = np.zeros((self.cases, len(self.z)))
        total[:, :-1] += self.up
        total[:, 1:] += self.down
        return total

    @cached_property
    def q(self) -> FloatArray:
        """Rate of the uniform steps of each case."""
        return 1.02 * self.out.max(axis=1)

    @cached_property
    def log_rest(self) -> FloatArray:
        """Logarithm of the distribution at rest under this drive."""
        log = np.zeros((self.cases, len(self.z)))
        np.cumsum(np.log(self.up) - np.log(self.down), axis=1, out=log[:, 1:])
        return np.asarray(log - logsumexp(log, axis=1, keepdims=True))

    def slow(self, case: int) -> tuple[float, float]:
        """Logarithm of the smallest rate that is not zero, and the distance from it to the next."""
        if case not in self._slow:
            up, down = self.up[case], self.down[case]
            lowest = eigh_tridiagonal(
                self.out[case], -np.sqrt(up * down), eigvals_only=True, select="i", select_range=(0, 2)
            )
            resolved = lowest[1] > 1e-9 * self.q[case]
            log_rate = math.log(float(lowest[1])) if resolved else self._log_slowest(case)
            self._slow[case] = log_rate, max(float(lowest[2] - lowest[1]), 1e-300)
        return self._slow[case]

    def _log_slowest(self, case: int) -> float:
        """Smallest rate by inverse iteration on the currents between cells, where all terms are positive.

        The current J of the mode obeys G (J/c) = J/rate with c the exchange between neighbours at rest and
        G(i, j) = rest(left of the first) rest(right of the second).
        """
        rest = self.log_rest[case]
        exchange = rest[:-1] + np.log(self.up[case])
        left = np.logaddexp.accumulate(rest)[:-1]
        right = np.logaddexp.accumulate(rest[::-1])[-2::-1]
        mode, last, growth = np.zeros(len(exchange)), math.inf, 0.0
        for _ in range(400):
            source = mode - exchange
            below = np.logaddexp.accumulate(source + left)
            above = np.logaddexp.accumulate((source + right)[::-1])[::-1]
            new = right + below
            new[:-1] = np.logaddexp(new[:-1], left[:-1] + above[1:])
            growth = float(logsumexp(new + mode - exchange) - logsumexp(2 * mode - exchange))
            mode = new - new.max()
            if abs(growth - last) < 1e-11:
                break
            last = growth
        return -growth

    @property
    def log_rate(self) -> FloatArray:
        return np.array([self.slow(case)[0] for case in range(self.cases)])

    def fast(self, tau: FloatArray) -> FloatArray:
        """Part of the times (cases, m) over which more than the slowest mode moves."""
        part = tau
        for case in np.flatnonzero(self.q * tau.max(axis=1, initial=0.0) > SHORT).tolist():
            if part is tau:
                part = np.array(tau)
            part[case] = np.minimum(tau[case], DIED / self.slow(case)[1])
        return part

    def uniform(self, case: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Probabilities of staying, going up and going down in a uniform step."""
        q = self.q[case]
        return 1 - self.out[case] / q, self.up[case] / q, self.down[case] / q

    def evolve(self, p: FloatArray, tau: float) -> FloatArray:
        """Distribution (cases, cells) after a time."""
        p = np.broadcast_to(p, self.out.shape)
        fast = self.fast(np.full((self.cases, 1), float(tau)))[:, 0]
        result = np.empty(self.out.shape)
        for case, time in enumerate(fast):
            mean = self.q[case] * time
            low, high = (int(x) for x in _window(np.array(mean)))
            k = np.arange(low, high)
            weight = np.exp(k * math.log(mean) - mean - gammaln(k + 1)) if mean > 0 else np.ones(1)
            result[case] = kernels.walk(np.ascontiguousarray(p[case]), *self.uniform(case), low, weight)
        for case in np.flatnonzero(fast < tau).tolist():
            decay = math.exp(self.slow(case)[0]) * (fast[case] - tau)
            result[case] = result[case] * math.exp(decay) - math.expm1(decay) * np.exp(self.log_rest[case])
        return result


def _window(mean: FloatArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last step (exclusive) that matter in Poisson distributions.

    Raises
    ------
    ParameterError
        If there are too many of them.
    """
    if np.max(mean, initial=0.0) > MAX_STEPS:
        raise ParameterError(f"{np.max(mean):.1e} uniform steps are needed; take fewer cells or a smaller drive")
    reach = SPREAD * np.sqrt(mean)
    low = np.maximum(mean - reach - 100, 0).astype(np.int64)
    high = np.where(mean > 0, mean + reach + 60, 1).astype(np.int64)
    return np.where(mean > 0, low, 0), high


class Axial:
    """Axial macrospin under one constant drive, or several side by side, from the moment that a pulse sets in.

    Parameters
    ----------
    delta : float
        Thermal stability factor [1].
    drive : float, array_like (cases,) or callable
        Drive d towards z = 1 in units of the threshold [1]; a callable gets z (m,) and returns (m,) or (cases, m),
        for torques that depend on the state.
    rest : float
        Drive before (and after) the pulse, a field along the axis [1]; the start is in equilibrium in its well.
    start : float or array_like (cases,)
        Well at the start: -1 or 1.
    count : {"side", "rest"}
        What counts as switched: the side of the barrier on which the state is at the end of the pulse, or the well
        into which it falls thereafter.
    cells : int, optional
        Number of cells, see `mesh`.

    Raises
    ------
    ParameterError
        If `delta` is not positive, a start is neither -1 nor 1, or there are no two wells at rest.
    """

    def __init__(
        self,
        delta: float,
        drive: Drive,
        *,
        rest: float = 0.0,
        start: ArrayLike = -1.0,
        count: Literal["side", "rest"] = "side",
        cells: int | None = None,
    ):
        self.delta = _positive("delta", delta)
        faces = mesh(delta, cells)
        self._chain = _Chain.build(delta, drive, faces)
        self._wells = _Wells(delta, rest, faces)
        self.start = np.broadcast_to(np.asarray(start, dtype=float), (self._chain.cases,))
        if not np.all(np.abs(self.start) == 1):
            raise ParameterError("a start is neither -1 nor 1")
        self._initial = np.where(self.start[:, None] < 0, self._wells.left, self._wells.right)
        self._weights = self._wells.weights(count)
        self._means: dict[int, FloatArray] = {}

    @property
    def cells(self) -> int:
        """Number of cells."""
        return len(self._chain.z)

    # -- probabilities ---------------------------------------------------------------------------------

    def _mean(self, case: int, count: int) -> FloatArray:
        """Probability of each side after 0 ... count - 1 uniform steps, shape (2, at least count)."""
        means = self._means.get(case)
        if means is None or means.shape[1] < count:
            means = np.empty((2, count + count // 8))  # room for longer pulses
            kernels.side_means(self._initial[case], *self._chain.uniform(case), self._weights, means)
            self._means[case] = means
        return means

    def sides(self, tau: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Probabilities of the left and of the right side after pulses of width `tau`.

        Parameters
        ----------
        tau : array_like (m,) or (cases, m)
            Pulse widths over tau_d [1].

        Returns
        -------
        left, right : ndarray, shape (cases, m)
            Both without cancellation.

        Raises
        ------
        ParameterError
            If a width is negative or not finite.
        """
        chain = self._chain
        given = np.atleast_1d(np.asarray(tau, dtype=float))
        if not np.all(np.isfinite(given) & (given >= 0)):
            raise ParameterError("a pulse width is negative or not finite")
        widths = np.broadcast_to(given, (chain.cases, given.shape[-1]))
        fast = chain.fast(widths)
        steps = chain.q[:, None] * fast
        lows, highs = _window(steps)
        log_factorial = gammaln(np.arange(1.0, highs.max(initial=1) + 1))
        sides = np.empty((chain.cases, 2, widths.shape[1]))
        for case in range(chain.cases):
            means = self._mean(case, int(highs[case].max(initial=1)))
            kernels.mixture(means, steps[case], lows[case], highs[case], log_factorial, sides[case])
        for case in np.flatnonzero(np.any(fast < widths, axis=1)).tolist():
            decay = math.exp(chain.slow(case)[0]) * (fast[case] - widths[case])
            sides[case] = sides[case] * np.exp(decay) - np.exp(self._log_final[case])[:, None] * np.expm1(decay)
        sides = np.minimum(sides, 1.0)
        return sides[:, 0], sides[:, 1]

    @cached_property
    def _log_final(self) -> FloatArray:
        """Logarithm of the probabilities of both sides in equilibrium under the drive, shape (cases, 2)."""
        with np.errstate(divide="ignore"):
            weight = np.log(self._weights)
        return np.asarray(logsumexp(weight[None] + self._chain.log_rest[:, None], axis=2))

    def unswitched(self, tau: ArrayLike) -> FloatArray:
        """Probability of being found where it started, shape (cases, m); arguments as `sides`."""
        left, right = self.sides(tau)
        return np.where(self.start[:, None] < 0, left, right)

    def switched(self, tau: ArrayLike) -> FloatArray:
        """Probability of being found on the other side, shape (cases, m); arguments as `sides`."""
        left, right = self.sides(tau)
        return np.where(self.start[:, None] < 0, right, left)

    def density(self, tau: float) -> tuple[FloatArray, FloatArray]:
        """Density of z after a pulse.

        Parameters
        ----------
        tau : float
            Pulse width over tau_d [1].

        Returns
        -------
        z : ndarray, shape (cells,)
        density : ndarray, shape (cases, cells)
        """
        return self._chain.z, self._chain.evolve(self._initial, tau) / self._chain.size

    def width_for(self, unswitched: ArrayLike, longest: float = 1e6) -> FloatArray:
        """Pulse width after which a given probability of not having switched is left.

        Parameters
        ----------
        unswitched : array_like (m,)
            Probabilities [1].
        longest : float
            Longest width that is looked at, over tau_d [1].

        Returns
        -------
        ndarray, shape (cases, m)
            Width over tau_d [1]; nan where it is not reached.
        """
        wanted = np.atleast_1d(np.asarray(unswitched, dtype=float))
        if not np.all((wanted > 0) & (wanted < 1)):
            raise ParameterError("a probability asked for is not between 0 and 1")
        found = np.empty((self._chain.cases, len(wanted)))
        for j, probability in enumerate(wanted):
            low, high = np.zeros(self._chain.cases), np.full(self._chain.cases, 4.0)
            while True:
                short = (self.unswitched(high[:, None])[:, 0] > probability) & (high < longest)
                if not np.any(short):
                    break
                low, high = np.where(short, high, low), np.where(short, high * 2, high)
            never = self.unswitched(high[:, None])[:, 0] > probability
            for _ in range(50):
                middle = (low + high) / 2
                above = self.unswitched(middle[:, None])[:, 0] > probability
                low, high = np.where(above, middle, low), np.where(above, high, middle)
                if np.all(high - low < 1e-9 * high):
                    break
            found[:, j] = np.where(never, np.nan, (low + high) / 2)
        return found

    # -- rates -----------------------------------------------------------------------------------------

    @property
    def log_rate(self) -> FloatArray:
        """Logarithm of the relaxation rate, the smallest eigenvalue that is not zero [1/tau_d], shape (cases,)."""
        return self._chain.log_rate

    @property
    def rate(self) -> FloatArray:
        """Relaxation rate [1/tau_d], shape (cases,)."""
        return np.exp(self._chain.log_rate)

    def log_escape(self) -> tuple[FloatArray, FloatArray]:
        """Logarithms of the rates from left to right and from right to left [1/tau_d], each of shape (cases,).

        They are those of a telegraph between two wells, and mean something while there are two.
        """
        return self.log_rate + self._log_final[:, 1], self.log_rate + self._log_final[:, 0]


class _Wells:
    """The two wells at rest: equilibrium in each, and what counts as being in one."""

    def __init__(self, delta: float, rest: float, faces: FloatArray):
        if not (math.isfinite(rest) and abs(rest) < 1):
            raise ParameterError(f"at rest the drive is {rest:g}: there are two wells only within -1 ... 1")
        self._chain = _Chain.build(delta, rest, faces)
        log = self._chain.log_rest[0]
        self._border = int(np.clip(np.argmin(np.abs(faces + rest)), 1, len(faces) - 2))
        inside = np.arange(len(log)) < self._border
        self.left = np.where(inside, np.exp(log - logsumexp(log[inside])), 0.0)
        self.right = np.where(inside, 0.0, np.exp(log - logsumexp(log[~inside])))

    def weights(self, count: str) -> FloatArray:
        """Weight of each cell for the left and right side, shape (2, cells)."""
        chain = self._chain
        if count == "side":
            left = (np.arange(len(chain.z)) < self._border).astype(float)
            return np.stack((left, 1 - left))
        if count != "rest":
            raise ParameterError(f"count = '{count}' is neither 'side' nor 'rest'")
        # Probability of reaching one pole's cell before the other's: resistances in series.
        resistance = -(chain.log_rest[0, :-1] + np.log(chain.up[0]))
        below = np.concatenate(([-np.inf], np.logaddexp.accumulate(resistance)))
        above = np.concatenate((np.logaddexp.accumulate(resistance[::-1])[::-1], [-np.inf]))
        return np.exp(np.stack((above, below)) - below[-1])


def after_pulse(
    delta: float,
    drives: Sequence[Drive],
    durations: ArrayLike,
    *,
    rest: float = 0.0,
    start: ArrayLike = -1.0,
    count: Literal["side", "rest"] = "side",
    cells: int | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Switching by a pulse of any shape, given as pieces of constant drive.

    Parameters
    ----------
    delta : float
        Thermal stability factor [1].
    drives : sequence of float, array_like (cases,) or callable
        Drive of each piece, as for `Axial`.
    durations : array_like (pieces,)
        Length of each piece over tau_d [1].
    rest, start, count, cells
        As for `Axial`.

    Returns
    -------
    unswitched, switched : ndarray, shape (cases,)
        Both without cancellation.

    Raises
    ------
    DataError
        If a duration is negative or not finite, or there are not as many as drives.
    ParameterError
        As `Axial`.
    """
    lengths = np.atleast_1d(np.asarray(durations, dtype=float))
    if lengths.shape != (len(drives),):
        raise DataError(f"a pulse of {len(drives)} drives needs as many durations, not {lengths.size}")
    bad = np.flatnonzero(~(np.isfinite(lengths) & (lengths >= 0)))
    if bad.size:
        raise DataError(f"piece {bad[0] + 1} of the pulse lasts {lengths[bad[0]]:g}: time cannot go back")
    if not len(drives):
        raise DataError("the pulse has no pieces")
    first = Axial(delta, drives[0], rest=rest, start=start, count=count, cells=cells)
    p, faces = first._initial, mesh(delta, cells)
    for drive, length in zip(drives, lengths, strict=True):
        chain = _Chain.build(delta, drive, faces)
        if chain.cases == 1 < len(p):
            chain = dataclasses.replace(
                chain, up=chain.up.repeat(len(p), 0), down=chain.down.repeat(len(p), 0), _slow={}
            )
        p = chain.evolve(p, float(length))
    sides = p @ first._weights.T
    starts = np.broadcast_to(first.start, len(sides))
    return np.where(starts < 0, sides[:, 0], sides[:, 1]), np.where(starts < 0, sides[:, 1], sides[:, 0])
