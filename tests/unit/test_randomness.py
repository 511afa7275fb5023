"""Tests of bit streams against the worked examples of NIST SP 800-22 rev. 1a."""

import numpy as np
import pytest

from compact.errors import DataError
from compact.randomness import (
    approximate_entropy,
    autocorrelation,
    block_frequency,
    cumulative_sums,
    frequency,
    longest_run,
    randomness_report,
    runs,
    serial,
)

PI = "1100100100001111110110101010001000100001011010001100001000110100110001001100011001100010100010111000"
LONG = (
    "1100110000010101011011000100110011100000000000100100110101010001"
    "0001001111010110100000001101011111001100111001101101100010110010"
)


def bits(text):
    return [int(c) for c in text]


@pytest.mark.parametrize(
    ("p", "expected"),
    [
        (frequency(bits("1011010101")), 0.527089),
        (frequency(bits(PI)), 0.109599),
        (block_frequency(bits("0110011010"), 3), 0.801252),
        (block_frequency(bits(PI), 10), 0.706438),
        (runs(bits("1001101011")), 0.147232),
        (runs(bits(PI)), 0.500798),
        (longest_run(bits(LONG)), 0.180609),
        (cumulative_sums(bits("1011010111")), 0.4116588),
        (cumulative_sums(bits(PI)), 0.219194),
        (cumulative_sums(bits(PI), backward=True), 0.114866),
        (serial(bits("0011011101"), 3)[0], 0.808792),
        (serial(bits("0011011101"), 3)[1], 0.670320),
        (approximate_entropy(bits("0100110101"), 3), 0.261961),
        (approximate_entropy(bits(PI), 2), 0.235301),
    ],
)
def test_worked_examples(p, expected):
    assert p == pytest.approx(expected, abs=2e-5)


def test_good_bits_pass_at_the_rate_of_the_level():
    rng = np.random.default_rng(3)
    values = [randomness_report(rng.integers(0, 2, 4096)) for _ in range(200)]
    for name in values[0]:
        failed = np.mean([v[name] < 0.05 for v in values])
        assert failed < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 200), name


def test_bad_bits_fail():
    rng = np.random.default_rng(3)
    biased = (rng.random(4096) < 0.55).astype(int)
    assert randomness_report(biased)["frequency"] < 1e-4
    sticky = np.cumsum(rng.random(4096) < 0.4) % 2
    assert randomness_report(sticky)["runs"] < 1e-4
    assert randomness_report(sticky)["serial_1"] < 1e-4
    assert autocorrelation(sticky) == pytest.approx(0.2, abs=0.05)
    assert randomness_report(np.arange(4096) % 2)["approximate_entropy"] < 1e-4


@pytest.mark.parametrize("wrong", [[0, 1, 2], [[0, 1], [1, 0]], [0.5] * 200, [0, 1] * 20])
def test_wrong_input(wrong):
    with pytest.raises(DataError):
        randomness_report(wrong)
