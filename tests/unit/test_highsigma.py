"""Rare failures: importance sampling against closed forms and brute force."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy import stats

from compact.cards import load_card
from compact.errors import StatisticsError
from compact.highsigma import importance_sampling, quadratic_tail
from compact.montecarlo import Plan, Probe, monte_carlo
from compact.rare import rare_failure
from compact.variation import Variation
from compact.yields import Proportion, drawn, rank


def linear(dimension: int, seed: int = 0) -> np.ndarray:
    """A direction in which few of many variables matter much."""
    rng = np.random.default_rng(seed)
    w = rng.normal(size=dimension) * np.exp(rng.normal(size=dimension))
    return w / np.linalg.norm(w)


@pytest.mark.parametrize(("beta", "dimension"), [(3.0, 1), (4.75, 5), (4.75, 36), (5.6, 36)])
def test_linear_border_has_the_normal_tail(beta: float, dimension: int):
    w = linear(dimension)
    expected = stats.norm.sf(beta)
    found = [importance_sampling(lambda u: u @ w > beta, dimension, seed=seed) for seed in range(40)]
    held = sum(f.interval[0] <= expected <= f.interval[1] for f in found)
    # 95 % of 40 intervals, four standard deviations below
    assert held >= 40 * 0.95 - 4 * np.sqrt(40 * 0.95 * 0.05)
    ratio = np.array([f.probability for f in found]) / expected
    assert abs(ratio.mean() - 1) < 4 * ratio.std() / np.sqrt(40) + 0.01 and ratio.std() < 0.15
    assert all(f.distance == pytest.approx(beta, rel=0.1) for f in found)
    assert all(f.evaluations < 16_000 and f.opposite < 0.05 for f in found)


def test_tail_of_a_quadratic_form():
    assert quadratic_tail(0.0, np.zeros(20), np.eye(20), 9.0) == pytest.approx(stats.chi2.cdf(9.0, 20), rel=1e-6)
    flat = np.zeros((2, 2))
    assert quadratic_tail(1.0, np.array([0.6, 0.8]), flat, -3.0) == pytest.approx(stats.norm.cdf(-4), rel=1e-5)
    rng = np.random.default_rng(2)
    a = rng.normal(size=(5, 5)) * 0.05
    curvature, gradient = (a + a.T) / 2, rng.normal(size=5) * 0.3
    u = rng.standard_normal((2_000_000, 5))
    values = 1 + u @ gradient + np.einsum("ij,jk,ik->i", u, curvature, u, optimize=True)
    for limit in (0.0, -1.0):
        low, high = Proportion(int((values < limit).sum()), len(values), 0.999).interval
        assert low <= quadratic_tail(1.0, gradient, curvature, limit) <= high


def test_curved_border():
    rng = np.random.default_rng(3)
    d = 20
    a = rng.normal(size=(d, d)) * 0.002
    curvature, gradient = (a + a.T) / 2, -0.2 * linear(d, 4)
    expected = quadratic_tail(1.0, gradient, curvature, 0.0)
    assert 1e-8 < expected < 1e-4

    def fails(u):
        return 1 + u @ gradient + ((u @ curvature) * u).sum(axis=1) < 0

    found, refused = [], 0
    for seed in range(30):
        try:
            found.append(importance_sampling(fails, d, seed=seed))
        except StatisticsError as error:  # rather no figure than one that rests on a handful of samples
            assert "effective failures" in str(error)
            refused += 1
    assert refused <= 2
    held = sum(f.interval[0] <= expected <= f.interval[1] for f in found)
    assert held >= len(found) * 0.95 - 4 * np.sqrt(len(found) * 0.95 * 0.05)


def test_a_second_way_to_fail_is_noticed():
    w = linear(10)
    with pytest.raises(StatisticsError, match="several ways to fail"):
        importance_sampling(lambda u: np.abs(u @ w) > 4, 10)
    # a rarer one leaves a share that is told
    found = importance_sampling(lambda u: (u @ w > 3) | (u @ w < -6), 10)
    assert 0 < found.opposite < 0.2


@pytest.mark.parametrize(
    ("fails", "message"),
    [
        (lambda u: np.zeros(len(u), dtype=bool), "nothing to estimate from"),
        (lambda u: u[:, 0] > 30, "nothing to estimate from"),
    ],
)
def test_what_never_fails_is_said(fails, message):
    with pytest.raises(StatisticsError, match=message):
        importance_sampling(fails, 3)


# ------------------------------------------------------------------------------------------ sense amplifier

PLAN = Plan(
    "pcsa",
    load_card("ikeda_2010"),
    "sky130",
    seed=11,
    stride=16.0,
    settings={"w_n": 0.42e-6, "w_p": 0.42e-6, "w_foot": 1.68e-6},
    probes=(Probe("signal_0", "qb0", "q0", "sense", 100e-12),),
)
"""A small amplifier, and by how much it is on the right side while it still decides."""
RUNS = 160


@cache
def surface(folder: str) -> tuple[float, np.ndarray, np.ndarray]:
    """Response surface of the signal, fitted to simulations: linear in all, curved in the four that matter most."""
    found = monte_carlo(PLAN, RUNS, f"{folder}/s.jsonl", jobs=1)
    u, y = drawn(found), found.values("signal_0")
    names = found.header["variables"]
    best = [names.index(s.name) for s in rank(found, "signal_0")[0][:4]]
    pairs = [(i, j) for a, i in enumerate(best) for j in best[a:]]
    design = np.column_stack([np.ones(len(u)), u, *(u[:, i] * u[:, j] for i, j in pairs)])
    fitted, *_ = np.linalg.lstsq(design, y, rcond=None)
    explained = 1 - np.var(y - design @ fitted) / np.var(y)
    assert explained > 0.97
    curvature = np.zeros((u.shape[1],) * 2)
    for (i, j), value in zip(pairs, fitted[1 + u.shape[1] :], strict=True):
        curvature[i, j] += value / 2
        curvature[j, i] += value / 2
    return float(fitted[0]), fitted[1 : 1 + u.shape[1]], curvature


@pytest.fixture(scope="module")
def amplifier(ngspice, tmp_path_factory) -> tuple[float, np.ndarray, np.ndarray, float]:
    """The surface, and the signal below which it lies once in a million."""
    from scipy.optimize import brentq

    constant, gradient, curvature = surface(str(tmp_path_factory.mktemp("surface")))
    scale = float(np.linalg.norm(gradient))

    def excess(k: float) -> float:
        return np.log(max(quadratic_tail(constant, gradient, curvature, constant - k * scale), 1e-12)) - np.log(1e-6)

    limit = constant - brentq(excess, 3.0, 6.5) * scale
    return constant, gradient, curvature, float(limit)


def below(constant, gradient, curvature, limit):
    return lambda u: constant + u @ gradient + ((u @ curvature) * u).sum(axis=1) < limit


def test_one_in_a_million_of_a_sense_amplifier(amplifier):
    """Its response surface: the estimate's interval against the exact tail."""
    constant, gradient, curvature, limit = amplifier
    expected = quadratic_tail(constant, gradient, curvature, limit)
    assert expected == pytest.approx(1e-6, rel=0.01)
    found = [importance_sampling(below(*amplifier), len(gradient), seed=seed) for seed in range(20)]
    held = sum(f.interval[0] <= expected <= f.interval[1] for f in found)
    assert held >= 20 * 0.95 - 4 * np.sqrt(20 * 0.95 * 0.05)
    assert np.mean([f.probability for f in found]) == pytest.approx(expected, rel=0.1)


@pytest.mark.slow
def test_one_in_a_million_by_brute_force(amplifier):
    """A thousand million samples of the response surface."""
    constant, gradient, curvature, limit = amplifier
    values, vectors = np.linalg.eigh(curvature)
    slopes = vectors.T @ gradient
    curved = np.abs(values) > 1e-12 * np.abs(values).max()
    rest = float(np.linalg.norm(slopes[~curved]))  # what is only linear is one normal number
    rng = np.random.default_rng(5)
    hits, block = 0, 2_000_000
    for _ in range(500):
        z = rng.standard_normal((int(curved.sum()) + 1, block), dtype=np.float32)
        y = constant + rest * z[-1]
        for l, b, x in zip(values[curved], slopes[curved], z[:-1], strict=True):  # noqa: E741
            y += (b + l * x) * x
        hits += int((y < limit).sum())
    low, high = Proportion(hits, 500 * block, 0.999).interval
    assert low <= quadratic_tail(constant, gradient, curvature, limit) <= high
    found = importance_sampling(below(*amplifier), len(gradient), samples=4000)
    assert found.interval[0] <= hits / (500 * block) <= found.interval[1]


def test_rare_failures_of_the_simulated_circuit(ngspice, tmp_path):
    """A limit that plain samples can check: importance sampling on the simulator agrees with them."""
    few = Variation(shared={}, local={"ra": 0.05}, mismatch=0.0, process_vth=0.0)
    plan = replace(PLAN, technology="generic", settings={}, stride=16.0, variation=few)
    signals = monte_carlo(plan, 100, tmp_path / "s.jsonl", jobs=1).values("signal_0")
    limit = float(signals.mean() - 2.0 * signals.std())
    low, high = Proportion(int((signals < limit).sum()), len(signals), 0.999).interval
    plan, path = replace(plan, limits={"signal_0": (limit, np.inf)}), tmp_path / "rare.jsonl"
    about = dict(samples=150, search=60, jobs=1, out=path)
    found, failed = rare_failure(plan, ["signal_0"], **about)
    assert failed == 0
    assert found.interval[0] < high and found.interval[1] > low
    assert found.distance == pytest.approx(2.0, abs=0.7)
    # A run that was killed leaves the file like this; it goes on where it was, to the same end.
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    assert len(lines) == 1 + found.evaluations
    path.write_bytes(b"".join(lines[:-60]) + lines[-60][:9])
    with pytest.raises(StatisticsError, match="--resume"):
        rare_failure(plan, ["signal_0"], **about)
    with pytest.raises(StatisticsError, match="holds another analysis"):
        rare_failure(replace(plan, seed=3), ["signal_0"], **about, resume=True)
    counted: list[int] = []
    again, _ = rare_failure(plan, ["signal_0"], **about, resume=True, progress=counted.append)
    assert found.evaluations - 60 < counted[0] and counted[-1] == found.evaluations
    assert path.read_bytes() == whole
    assert (again.probability, again.interval) == (found.probability, found.interval)


def test_measures_that_are_not_there_or_not_rare(ngspice):
    with pytest.raises(StatisticsError, match="unknown measure 'signal_1'"):
        rare_failure(PLAN, ["signal_1"])
    with pytest.raises(StatisticsError, match="out of its limits in the typical circuit already"):
        rare_failure(replace(PLAN, limits={"signal_0": (10.0, np.inf)}), ["signal_0"])
