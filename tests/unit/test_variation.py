"""What varies in a circuit, and how samples are drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest

from compact.cards import load_card
from compact.circuits import get_circuit
from compact.errors import StatisticsError
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.simulators.ngspice import deck
from compact.technology import get_technology
from compact.variation import Space, Variation, covariance, draw

CARD = load_card("ikeda_2010")
FITTED = ParameterSet(
    "mtj",
    "fitted",
    {"r_p": 5000.0, "tmr": 1.1, "delta": 50.0},
    stderr={"r_p": 50.0, "tmr": 0.02, "delta": 4.0},
    correlations={("r_p", "tmr"): -0.6, ("tmr", "delta"): 0.3},
)
NOTHING = {"shared": {}, "local": {}, "mismatch": 0.0, "process_vth": 0.0}


def bench(card: ParameterSet = CARD, technology: str = "sky130"):
    return get_circuit("pcsa").build(card, technology)


def test_a_sample_is_decided_by_seed_and_number_alone():
    one = draw(3, 17, 5)
    assert (draw(3, 17, 5) == one).all()
    assert (draw(3, 17, 3) == one[:3]).all()
    assert not (draw(3, 18, 5) == one).any() and not (draw(4, 17, 5) == one).any()
    many = np.array([draw(1, k, 20) for k in range(4000)]).ravel()
    # 80 000 numbers: mean within 4 standard errors, variance within 4 of its own
    assert abs(many.mean()) < 4 / math.sqrt(80_000)
    assert abs(many.var() - 1) < 4 * math.sqrt(2 / 80_000)


def test_fit_errors_vary_with_their_correlations():
    space = Space.of(bench(FITTED).netlist, Variation(**(NOTHING | {"fit": True})), FITTED)
    assert space.names == ("fit.1", "fit.2", "fit.3")
    points = [space.point(draw(1, k, 3)).junctions["xbit0.xmtj"] for k in range(5000)]
    drawn = np.array([[p[name] for name in ("r_p", "tmr", "delta")] for p in points])
    names, expected = covariance(FITTED)
    assert names == ["r_p", "tmr", "delta"]
    scale = np.sqrt(np.diag(expected))
    assert np.abs((drawn.mean(axis=0) - [5000, 1.1, 50]) / scale).max() < 4 / math.sqrt(5000)
    # errors of a sample covariance are about sqrt((1 + r^2)/n) of the scales
    assert np.abs((np.cov(drawn.T) - expected) / np.outer(scale, scale)).max() < 4 * math.sqrt(2 / 5000)


def test_all_junctions_share_the_fit_error_and_have_their_own_mismatch():
    space = Space.of(bench(FITTED).netlist, Variation(shared={"ra": 0.1}, local={"tmr": 0.1}, fit=False), FITTED)
    point = space.point(draw(1, 0, space.dimension))
    values = list(point.junctions.values())
    assert len({v["r_p"] for v in values}) == 1 and len({v["tmr"] for v in values}) == 4


def test_relative_spreads_are_log_normal_and_anisotropy_moves_what_follows_it():
    space = Space.of(bench().netlist, Variation(**(NOTHING | {"local": {"delta": 0.1}})), CARD)
    u = np.zeros(space.dimension)
    u[space.names.index("local.delta.xbit1.xmtj_n")] = 2.0
    point = space.point(u)
    moved, still = point.junctions["xbit1.xmtj_n"], point.junctions["xbit1.xmtj"]
    factor = math.exp(0.2)
    assert moved["delta"] == pytest.approx(43.0 * factor) and still["delta"] == 43.0
    assert moved["ic_p2ap"] == pytest.approx(49e-6 * factor)
    assert moved["tau_d"] == pytest.approx(1.214e-9 / factor)


def test_transistors_vary_by_pelgrom_and_share_the_process():
    netlist = bench().netlist
    space = Space.of(netlist, Variation(shared={}, local={}, mismatch=2.0, process_vth=0.02), CARD)
    u = np.zeros(space.dimension)
    u[space.names.index("mismatch.xbit0.mn")] = 1.0
    u[space.names.index("process.pmos")] = -1.0
    mismatch = space.point(u).mismatch
    sigma = get_technology("sky130").device("nmos").sigma_vth(1.26e-6, 0.15e-6)
    assert mismatch["xbit0.mn"] == pytest.approx(2 * sigma) and mismatch["xbit1.mn"] == 0
    assert mismatch["xbit0.mp"] == mismatch["xbit1.mpre"] == pytest.approx(-0.02)
    assert not space.point(u).junctions


def test_a_sample_leaves_nothing_behind():
    ready = bench()
    space = Space.of(ready.netlist, Variation(), CARD)
    points = [space.point(draw(1, k, space.dimension)) for k in (0, 1)]

    def text(*order: int) -> str:
        for k in order:
            space.apply(ready.netlist, points[k])
        return deck(ready.netlist, ready.analysis, save=ready.save)

    assert text(0) == text(1, 0) != text(0, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shared": {"ra": -0.05}}, "shared spread of 'ra' = -0.05 must be a number >= 0"),
        ({"local": {"tmr": math.nan}}, "local spread of 'tmr' = nan must be a number >= 0"),
        ({"local": {"diametre": 0.05}}, "unknown local spread 'diametre'; did you mean 'diameter'"),
        ({"fit": True}, "card 'ikeda_2010' has no standard errors"),
        (NOTHING, "nothing varies"),
    ],
)
def test_spreads_that_cannot_be_are_named(change, message):
    with pytest.raises(StatisticsError, match=message):
        Space.of(bench().netlist, Variation(**change), CARD)


@pytest.mark.parametrize("name", ["mismatch", "process_vth"])
def test_negative_sigma_is_refused(name):
    with pytest.raises(StatisticsError, match=f"{name} = -0.1 must be a number >= 0"):
        Variation(**{name: -0.1})


def test_covariance_that_is_not_positive_names_the_correlations():
    pairs = {("r_p", "tmr"): 0.9, ("tmr", "delta"): 0.9, ("r_p", "delta"): -0.9}
    card = ParameterSet("mtj", "wrong", FITTED.values, FITTED.stderr, pairs)
    with pytest.raises(StatisticsError, match=r"covariance is not positive; correlations of .*r_p.*eigenvalue -0\.8"):
        covariance(card)


def test_circuits_without_transistors_vary_by_their_junctions():
    netlist = Netlist("one junction")
    netlist.use(CARD, "mtj")
    netlist.add_text("xm a 0 mtj")
    space = Space.of(netlist, Variation(shared={"ra": 0.1}, local={}), CARD)
    assert space.names == ("shared.ra",)
