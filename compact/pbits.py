"""Networks of probabilistic bits: a reference simulation, and the factors of an integer from one.

A p-bit is 1 with the probability (1 + tanh x)/2 of its input x, which is what the circuit `pbit` does after a shift
and a scale of its input voltage. Updated one at a time with x = -beta (E(1) - E(0))/2, where E is a function of all
bits, they visit every state with its Boltzmann weight exp(-beta E); as beta rises they settle where E is lowest.

To factor N, the bits are those of two odd numbers X and Y, and the energy is (ln(X Y) - ln(N))^2, zero where X Y = N.
Couplings between many bits are implied, as in the experiment of W. A. Borders et al., Nature 573 (2019) 390, whose
energy is (X Y - N)^2; its logarithm makes the same steps of beta fit integers of any size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from compact.errors import ParameterError

__all__ = ["Factoring", "factor", "gibbs"]

LARGEST = 2**40


@dataclass(frozen=True)
class Factoring:
    """Outcome of runs that look for the factors of an integer.

    Parameters
    ----------
    number : int
        The integer.
    factors : tuple of int or None
        The smaller and the larger factor; None if no run found them.
    runs, successes : int
        Runs, and how many met the factors.
    sweeps : ndarray of int, shape (runs,)
        Updates per bit until a run met them, -1 for those that did not.
    bits : int
        P-bits in the network.
    """

    number: int
    factors: tuple[int, int] | None
    runs: int
    successes: int
    sweeps: NDArray[np.int64]
    bits: int

    @property
    def success(self) -> float:
        """Share of runs that met the factors."""
        return self.successes / self.runs

    @property
    def error(self) -> float:
        """Standard error of `success`, by the rule of Agresti and Coull, so that it is never zero."""
        p, n = (self.successes + 2) / (self.runs + 4), self.runs + 4
        return math.sqrt(p * (1 - p) / n)


@numba.njit(cache=True)
def _sample(
    couplings: NDArray[np.float64], fields: NDArray[np.float64], beta: float, sweeps: int, seed: int
) -> NDArray[np.int64]:
    np.random.seed(seed)
    n = len(fields)
    spins = np.ones(n)
    counts = np.zeros(1 << n, dtype=np.int64)
    for _ in range(sweeps):
        for _ in range(n):
            k = np.random.randint(n)
            pull = fields[k]
            for j in range(n):
                pull += couplings[k, j] * spins[j]
            spins[k] = 1.0 if 2 * np.random.random() - 1 < math.tanh(beta * pull) else -1.0
        code = 0
        for k in range(n):
            code = 2 * code + (1 if spins[k] > 0 else 0)
        counts[code] += 1
    return counts


def gibbs(
    couplings: ArrayLike, fields: ArrayLike, beta: float = 1.0, sweeps: int = 10_000, seed: int = 0
) -> NDArray[np.int64]:
    """How often a network of p-bits visits each of its states, updated one bit at a time in random order.

    Parameters
    ----------
    couplings : array_like, shape (n, n)
        Symmetric couplings J without a diagonal; bit k has the input beta (h_k + sum_j J_kj m_j), m = +-1.
    fields : array_like, shape (n,)
        Fields h.
    beta : float
        Inverse temperature.
    sweeps : int
        Updates per bit; states are counted after each n updates.
    seed : int
        Seed of the random numbers.

    Returns
    -------
    ndarray of int, shape (2**n,)
        Counts by state; the first bit is the highest binary digit, 1 for m = +1.

    Raises
    ------
    ParameterError
        If shapes do not fit, couplings are not symmetric, or there are more than 20 bits.
    """
    j, h = np.asarray(couplings, float), np.asarray(fields, float)
    if h.ndim != 1 or j.shape != (len(h), len(h)):
        raise ParameterError(f"couplings of shape {j.shape} do not fit fields of shape {h.shape}")
    if not np.array_equal(j, j.T) or np.any(np.diag(j)):
        raise ParameterError("couplings must be symmetric without a diagonal")
    if not 1 <= len(h) <= 20:
        raise ParameterError(f"{len(h)} bits: states of 1 to 20 bits can be counted")
    return _sample(j, h, float(beta), int(sweeps), int(seed))


@numba.njit(cache=True)
def _anneal(
    number: int, first: int, second: int, sweeps: int, beta_low: float, beta_high: float, seed: int
) -> tuple[int, int, int]:
    """Two odd numbers of so many bits whose product is `number`, and the sweep that met them, or -1."""
    np.random.seed(seed)
    n = first + second - 2
    values = np.ones(2, dtype=np.int64)
    for k in range(n):
        which, place = (0, k + 1) if k < first - 1 else (1, k - first + 2)
        if np.random.random() < 0.5:
            values[which] |= 1 << place
    target = math.log(number)
    for sweep in range(sweeps):
        beta = beta_low * (beta_high / beta_low) ** (sweep / max(sweeps - 1, 1))
        for _ in range(n):
            k = np.random.randint(n)
            which, place = (0, k + 1) if k < first - 1 else (1, k - first + 2)
            up = values[which] | (1 << place)
            down = up - (1 << place)
            other = math.log(float(values[1 - which]))
            high = (math.log(float(up)) + other - target) ** 2
            low = (math.log(float(down)) + other - target) ** 2
            pull = -beta * (high - low) / 2
            values[which] = up if 2 * np.random.random() - 1 < math.tanh(pull) else down
            if values[0] * values[1] == number and values[0] > 1 and values[1] > 1:
                return values[0], values[1], sweep
    return 0, 0, -1


def factor(
    number: int,
    runs: int = 100,
    sweeps: int = 2000,
    beta: tuple[float, float] = (1.0, 100.0),
    seed: int = 0,
    bits: tuple[int, int] | None = None,
) -> Factoring:
    """Factor an odd integer with a network of p-bits that is cooled, several times.

    Parameters
    ----------
    number : int
        Odd integer from 9 on.
    runs : int
        Independent runs.
    sweeps : int
        Updates per bit in each run.
    beta : tuple of float
        First and last inverse temperature, passed through geometrically; the energy is (ln(X Y) - ln(number))^2.
    seed : int
        Seed of the first run; the others take the next ones.
    bits : tuple of int, optional
        Binary digits of the smaller and the larger factor, the lowest of which is always 1; by default those of the
        square root and of a third of the number.

    Returns
    -------
    Factoring

    Raises
    ------
    ParameterError
        If the integer is even, too small or too large, or runs, sweeps or beta are not positive.
    """
    if isinstance(number, bool) or number != int(number) or not 9 <= number <= LARGEST or number % 2 == 0:
        raise ParameterError(f"number = {number} must be an odd integer from 9 to {LARGEST}")
    if runs < 1 or sweeps < 1 or min(beta) <= 0:
        raise ParameterError("runs, sweeps and beta must be positive")
    number = int(number)
    first, second = bits or (math.isqrt(number).bit_length(), (number // 3).bit_length())
    if min(first, second) < 2:
        raise ParameterError(f"bits = {first, second}: each factor needs at least 2")
    found = [_anneal(number, first, second, sweeps, float(beta[0]), float(beta[1]), seed + k) for k in range(runs)]
    met = np.array([sweep for _, _, sweep in found], dtype=np.int64)
    pairs = {(min(x, y), max(x, y)) for x, y, sweep in found if sweep >= 0}
    best = (int(min(pairs)[0]), int(min(pairs)[1])) if pairs else None
    return Factoring(number, best, runs, int(np.sum(met >= 0)), met, first + second - 2)
