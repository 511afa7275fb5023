"""Statistical tests of a stream of bits: a subset of NIST SP 800-22, of our own making, and the autocorrelation.

The tests are those of A. Rukhin et al., NIST Special Publication 800-22 rev. 1a (2010) that say something about short
streams: frequency, block frequency, runs, longest run, cumulative sums, serial and approximate entropy. Each gives
p-values; an ideal source yields less than 0.01 once in a hundred tests.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erfc, gammaincc, ndtr

from compact.errors import DataError

__all__ = [
    "RANDOMNESS_TESTS",
    "approximate_entropy",
    "autocorrelation",
    "block_frequency",
    "cumulative_sums",
    "frequency",
    "longest_run",
    "randomness_report",
    "runs",
    "serial",
]

LONGEST_RUNS: tuple[tuple[int, int, tuple[int, int], tuple[float, ...]], ...] = (
    (750_000, 10_000, (10, 16), (0.0882, 0.2092, 0.2483, 0.1933, 0.1208, 0.0675, 0.0727)),
    (6_272, 128, (4, 9), (0.1174035788, 0.2429559593, 0.2493634832, 0.1751770602, 0.1027010710, 0.1123988475)),
    (128, 8, (1, 4), (0.21484375, 0.3671875, 0.23046875, 0.1875)),
)
"""Least number of bits, block length, range of runs told apart, and their probabilities in random blocks."""


def _bits(bits: ArrayLike, least: int = 1) -> NDArray[np.int64]:
    values = np.asarray(bits)
    if values.ndim != 1 or not np.isin(values, (0, 1)).all():
        raise DataError("bits must be a row of zeros and ones")
    if len(values) < least:
        raise DataError(f"{len(values)} bits are too few: the test needs {least}")
    return values.astype(np.int64)


def frequency(bits: ArrayLike) -> float:
    """P-value of the number of ones (test 2.1)."""
    values = _bits(bits)
    return float(erfc(abs(np.sum(2 * values - 1)) / math.sqrt(2 * len(values))))


def block_frequency(bits: ArrayLike, block: int | None = None) -> float:
    """P-value of the share of ones in blocks (test 2.2).

    Parameters
    ----------
    bits : array_like, shape (n,)
        Zeros and ones.
    block : int, optional
        Bits per block; by default a fiftieth of the stream, at least 20.
    """
    values = _bits(bits)
    block = block or max(20, len(values) // 50)
    count = len(values) // block
    if not count:
        raise DataError(f"{len(values)} bits are too few for a block of {block}")
    share = values[: count * block].reshape(count, block).mean(axis=1)
    return float(gammaincc(count / 2, 2 * block * np.sum((share - 0.5) ** 2)))


def runs(bits: ArrayLike) -> float:
    """P-value of the number of runs of equal bits (test 2.3); 0 if the frequency test fails grossly."""
    values = _bits(bits, 2)
    n, share = len(values), float(np.mean(values))
    if abs(share - 0.5) >= 2 / math.sqrt(n):
        return 0.0
    count = 1 + int(np.sum(values[1:] != values[:-1]))
    spread = share * (1 - share)
    return float(erfc(abs(count - 2 * n * spread) / (2 * math.sqrt(2 * n) * spread)))


def longest_run(bits: ArrayLike) -> float:
    """P-value of the longest run of ones in blocks (test 2.4), from 128 bits on."""
    values = _bits(bits, 128)
    _, block, (low, high), chances = next(row for row in LONGEST_RUNS if len(values) >= row[0])
    count = len(values) // block
    longest = np.zeros(count, dtype=np.int64)
    current = np.zeros(count, dtype=np.int64)
    for column in values[: count * block].reshape(count, block).T:
        current = (current + 1) * column
        longest = np.maximum(longest, current)
    seen = np.bincount(np.clip(longest, low, high) - low, minlength=len(chances))
    expected = count * np.array(chances)
    return float(gammaincc((len(chances) - 1) / 2, np.sum((seen - expected) ** 2 / expected) / 2))


def cumulative_sums(bits: ArrayLike, backward: bool = False) -> float:
    """P-value of the farthest excursion of the random walk that the bits make (test 2.13)."""
    steps = 2 * _bits(bits) - 1
    n = len(steps)
    far = int(np.max(np.abs(np.cumsum(steps[::-1] if backward else steps))))
    root, turns = math.sqrt(n), n // far

    def total(first: int, shifts: tuple[int, int]) -> float:
        k = np.arange(int(first / 4), int((turns - 1) / 4) + 1)  # towards zero, as in the publication
        upper, lower = ((4 * k + shift) * far / root for shift in shifts)
        return float(np.sum(ndtr(upper) - ndtr(lower)))

    return 1 - total(1 - turns, (1, -1)) + total(-3 - turns, (3, 1))


def _patterns(values: NDArray[np.int64], length: int) -> NDArray[np.float64]:
    """How often each pattern of a length occurs in the stream closed to a ring."""
    code = np.zeros(len(values), dtype=np.int64)
    for k in range(length):
        code = 2 * code + np.roll(values, -k)
    return np.bincount(code, minlength=1 << length).astype(float)


def serial(bits: ArrayLike, length: int | None = None) -> tuple[float, float]:
    """Both p-values of the serial test (2.11): all patterns of a length are equally frequent.

    Parameters
    ----------
    bits : array_like, shape (n,)
        Zeros and ones.
    length : int, optional
        Bits per pattern; by default as long as the stream allows, up to 8.
    """
    values = _bits(bits, 8)
    n = len(values)
    m = length or max(2, min(8, int(math.log2(n)) - 3))

    def psi(k: int) -> float:
        return float(np.sum(_patterns(values, k) ** 2)) * 2**k / n - n if k > 0 else 0.0

    first = psi(m) - psi(m - 1)
    second = psi(m) - 2 * psi(m - 1) + psi(m - 2)
    return float(gammaincc(2 ** (m - 2), first / 2)), float(gammaincc(2.0 ** (m - 3), second / 2))


def approximate_entropy(bits: ArrayLike, length: int | None = None) -> float:
    """P-value of the approximate entropy (test 2.12).

    Parameters
    ----------
    bits : array_like, shape (n,)
        Zeros and ones.
    length : int, optional
        Bits per pattern; by default as long as the stream allows, up to 8.
    """
    values = _bits(bits, 8)
    n = len(values)
    m = length or max(1, min(8, int(math.log2(n)) - 6))

    def phi(k: int) -> float:
        share = _patterns(values, k) / n
        share = share[share > 0]
        return float(np.sum(share * np.log(share)))

    statistic = 2 * n * (math.log(2) - (phi(m) - phi(m + 1)))
    return float(gammaincc(2 ** (m - 1), statistic / 2))


RANDOMNESS_TESTS: Mapping[str, Callable[[ArrayLike], float]] = MappingProxyType(
    {
        "frequency": frequency,
        "block_frequency": block_frequency,
        "runs": runs,
        "longest_run": longest_run,
        "cumulative_sums": cumulative_sums,
        "cumulative_sums_backward": lambda bits: cumulative_sums(bits, backward=True),
        "serial_1": lambda bits: serial(bits)[0],
        "serial_2": lambda bits: serial(bits)[1],
        "approximate_entropy": approximate_entropy,
    }
)
"""Tests by name: a stream of bits in, a p-value out."""


def randomness_report(bits: ArrayLike) -> dict[str, float]:
    """P-values of all tests by name.

    Parameters
    ----------
    bits : array_like, shape (n,)
        Zeros and ones, at least 128.

    Raises
    ------
    DataError
        If something else is given, or too few.
    """
    values = _bits(bits, 128)
    return {name: test(values) for name, test in RANDOMNESS_TESTS.items()}


def autocorrelation(bits: ArrayLike, lag: int = 1) -> float:
    """Correlation coefficient of bits `lag` apart; for independent ones zero within 1/sqrt(n)."""
    values = _bits(bits, lag + 2) - np.mean(_bits(bits))
    power = float(np.mean(values**2))
    return float(np.mean(values[lag:] * values[:-lag])) / power if power else math.nan
