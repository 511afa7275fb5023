"""Networks of p-bits: Boltzmann weights of a small one, factors of integers."""

import itertools

import numpy as np
import pytest
from scipy.stats import chisquare

from compact.errors import ParameterError
from compact.pbits import factor, gibbs


def test_states_have_their_boltzmann_weights():
    couplings = np.array([[0, 0.8, -0.3], [0.8, 0, 0.4], [-0.3, 0.4, 0]])
    fields = np.array([0.2, -0.1, 0.3])
    counts = gibbs(couplings, fields, beta=0.9, sweeps=200_000, seed=4)
    spins = np.array(list(itertools.product((-1, 1), repeat=3)))
    weights = np.exp(0.9 * (spins @ fields + np.einsum("si,ij,sj->s", spins, couplings, spins) / 2))
    expected = counts.sum() * weights / weights.sum()
    assert np.max(np.abs(counts / expected - 1)) < 0.05
    # Sweeps are correlated: thinned to a tenth, the counts are independent.
    assert chisquare(counts / 10, expected / 10).pvalue > 0.01


def test_and_gate_runs_backwards():
    """The invertible gate C = A and B: with C held low, its three input pairs are equally likely and (1, 1) is rare."""
    couplings = np.array([[0, -1, 2], [-1, 0, 2], [2, 2, 0]], float)
    fields = np.array([1.0, 1.0, -2.0 - 20.0])
    counts = gibbs(couplings, fields, beta=1.5, sweeps=60_000, seed=1)
    pairs = counts.reshape(4, 2)[:, 0]
    assert pairs[:3] == pytest.approx(np.full(3, counts.sum() / 3), rel=0.05)
    assert pairs[3] < 0.02 * counts.sum()


@pytest.mark.parametrize(
    ("number", "factors", "least"), [(35, (5, 7), 0.9), (143, (11, 13), 0.9), (899, (29, 31), 0.9), (945, None, 0.9)]
)
def test_factors(number, factors, least):
    found = factor(number, runs=200, seed=7)
    assert found.success >= least
    assert found.factors[0] * found.factors[1] == number
    if factors:
        assert found.factors == factors
    assert 0 < found.error < 0.1
    assert np.sum(found.sweeps >= 0) == found.successes


def test_seed_decides_and_more_sweeps_help():
    assert np.array_equal(factor(10403, runs=20, seed=3).sweeps, factor(10403, runs=20, seed=3).sweeps)
    assert not np.array_equal(factor(10403, runs=20, seed=3).sweeps, factor(10403, runs=20, seed=30).sweeps)
    assert factor(10403, sweeps=20_000).success > factor(10403, sweeps=500).success + 0.3


def test_primes_are_not_factored():
    found = factor(97, runs=20, sweeps=200)
    assert found.factors is None
    assert found.success == 0


@pytest.mark.parametrize("wrong", [dict(number=36), dict(number=7), dict(number=35.5), dict(number=35, runs=0)])
def test_wrong_input(wrong):
    with pytest.raises(ParameterError):
        factor(**wrong)
    with pytest.raises(ParameterError):
        gibbs([[0, 1], [2, 0]], [0, 0])
