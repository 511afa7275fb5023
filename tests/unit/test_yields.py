"""What samples say: intervals, margins, rankings."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from compact.errors import StatisticsError
from compact.samples import FORMAT, Samples
from compact.statplot import plot_margin, plot_samples, plot_sensitivities, varies
from compact.variation import draw
from compact.yields import Proportion, margin, rank, yield_of

NAMES = [f"x{k}" for k in range(6)]
SLOPES = np.array([3.0, -2.0, 1.0, 0.0, 0.0, 0.0])


def samples(count: int, noise: float = 0.1, bend: float = 0.0, seed: int = 5) -> Samples:
    """Synthetic samples: a figure that is linear in its variables, with noise of its own and a square if asked for."""
    u = np.array([draw(seed, k, len(NAMES)) for k in range(count)])
    own = np.random.default_rng(0).standard_normal(count)
    y = 10 + u @ SLOPES + noise * own + bend * u[:, 3] ** 2
    about = {"unit": "s", "description": "", "typical": 10.0}
    header = {
        "format": FORMAT,
        "plan": {"seed": seed, "first": float(u[0].sum()), "circuit": "c", "card": "d", "technology": "t"},
        "variables": NAMES,
        "measures": {"y": {**about, "low": 0.0, "high": 14.0}, "one": {**about, "low": None, "high": None}},
    }
    rows = [{"sample": k, "measures": {"y": float(v), "one": 1.0}} for k, v in enumerate(y)]
    return Samples(header, tuple(rows))


@pytest.mark.parametrize(("hits", "trials"), [(0, 10), (10, 10), (3, 20), (997, 1000)])
def test_interval_of_clopper_and_pearson(hits: int, trials: int):
    low, high = Proportion(hits, trials).interval
    assert low == pytest.approx(stats.beta.ppf(0.025, hits, trials - hits + 1) if hits else 0, abs=1e-9)
    assert high == pytest.approx(stats.beta.ppf(0.975, hits + 1, trials - hits) if hits < trials else 1, abs=1e-9)


def test_interval_holds_the_probability_at_least_as_often_as_it_says():
    trials = 60
    intervals = [Proportion(k, trials).interval for k in range(trials + 1)]
    for p in np.linspace(0.01, 0.99, 50):
        weights = stats.binom.pmf(np.arange(trials + 1), trials, p)
        held = sum(w for w, (low, high) in zip(weights, intervals, strict=True) if low <= p <= high)
        assert held >= 0.95


@pytest.mark.parametrize(("hits", "trials", "confidence"), [(3, 2, 0.95), (-1, 2, 0.95), (0, 0, 0.95), (1, 2, 1.0)])
def test_proportions_that_cannot_be(hits: int, trials: int, confidence: float):
    with pytest.raises(StatisticsError):
        Proportion(hits, trials, confidence)


def test_yield_counts_what_was_not_simulated_as_bad():
    found = samples(100)
    good = yield_of(found).hits
    broken = Samples(found.header, (*found.rows, {"sample": 100, "error": "no convergence"}))
    assert (yield_of(broken).hits, yield_of(broken).trials) == (good, 101)
    expected = float(stats.norm.cdf(4 / math.hypot(*SLOPES, 0.1)))
    low, high = yield_of(samples(2000)).interval
    assert low <= expected <= high


def test_ranking_finds_the_slopes_with_their_errors():
    found = samples(800)
    ranking, explained = rank(found, "y")
    assert [s.name for s in ranking[:3]] == ["x0", "x1", "x2"] and explained > 0.99
    for s in ranking:
        assert abs(s.slope - SLOPES[NAMES.index(s.name)]) < 4 * s.error
        assert s.error == pytest.approx(0.1 / math.sqrt(800), rel=0.2)
    assert [s.significant for s in ranking[:3]] == [True] * 3
    assert sum(s.share for s in ranking) == pytest.approx(1, abs=0.1)
    # a square is what a linear model cannot see, and it says so
    assert rank(samples(800, bend=5.0), "y")[1] < 0.4


def test_rankings_that_cannot_be():
    with pytest.raises(StatisticsError, match="sensitivities of 6 variables need 14 samples"):
        rank(samples(10), "y")
    with pytest.raises(StatisticsError, match="'one' does not vary"):
        rank(samples(50), "one")
    with pytest.raises(StatisticsError, match="unknown measure 'z'"):
        rank(samples(50), "z")
    other = samples(50)
    other.header["plan"]["first"] += 1e-3
    with pytest.raises(StatisticsError, match="generator of random numbers is another one"):
        rank(other, "y")


def test_margin_of_two_distributions():
    rng = np.random.default_rng(1)
    low, high = rng.normal(-0.2, 0.02, 4000), rng.normal(0.3, 0.03, 4000)
    found = margin(high, [*low, math.nan])  # in any order; what is not there is left out
    assert found.sigmas == pytest.approx(10, rel=0.05)
    assert found.threshold == pytest.approx(0.0, abs=0.003)
    assert found.window == high.min() - low.max() > 0
    assert found.error == pytest.approx(stats.norm.sf(10), rel=3)
    assert margin(low, low + 0.01).window < 0
    with pytest.raises(StatisticsError, match="at least two samples"):
        margin([1.0], [2.0, 3.0])


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_plots_are_written_whole(tmp_path, suffix):
    found = samples(300)
    assert varies(found, "y") and not varies(found, "one")
    ranking, explained = rank(found, "y")
    paths = [
        plot_samples(found, tmp_path / f"a{suffix}"),
        plot_sensitivities(ranking, explained, "y", tmp_path / f"b{suffix}"),
        plot_margin(margin(found.values("y") - 40, found.values("y")), tmp_path / f"c{suffix}"),
    ]
    assert all(path.stat().st_size > 3000 for path in paths) and len(list(tmp_path.iterdir())) == 3
