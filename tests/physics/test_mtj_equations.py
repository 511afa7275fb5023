"""Signs and factors of the `mtj` equations against closed forms and independent expressions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from compact.cards import card_names, load_card
from compact.errors import ParameterError
from compact.models import get_model
from compact.models.mtj import from_physical
from compact.parameters import ParameterSet

MODEL = get_model("mtj")


def evaluate(name: str, card: ParameterSet | None = None, **changes: object) -> np.ndarray:
    values = dict((card or ParameterSet("mtj", "plain")).values) | {"temperature": 300.0} | changes
    return MODEL.evaluate(name, values)


def test_conduction_is_the_published_law() -> None:
    """G(V, z) = G_P(V) [1 + (z - 1)/2 TMR(V)/(1 + TMR(V))], written out independently."""
    card = ParameterSet("mtj", "full", dict(r_p=3e3, tmr=1.3, v_h=0.7, tmr_slope=0.3, g_slope=0.2, g_curv=2.0))
    v, z = np.linspace(-1, 1, 21)[:, None], np.linspace(-1, 1, 9)[None, :]
    tmr = 1.3 / (1 + 0.3 * v + (v / 0.7) ** 2)
    expected = v * (1 + 0.2 * v + 2.0 * v**2) / 3e3 * (1 + (z - 1) / 2 * tmr / (1 + tmr))
    assert evaluate("i", card, v_fl_rl=v, z=z) == pytest.approx(expected, rel=1e-13, abs=1e-18)


def test_resistances_of_the_states() -> None:
    low = evaluate("resistance", v_fl_rl=0.0, z=1.0, tmr=1.5)
    high = evaluate("resistance", v_fl_rl=0.0, z=-1.0, tmr=1.5)
    assert low == pytest.approx(5e3)
    assert high == pytest.approx(5e3 * 2.5)
    half = evaluate("resistance", v_fl_rl=0.5, z=-1.0, tmr=1.5) / evaluate("resistance", v_fl_rl=0.5, z=1.0, tmr=1.5)
    assert half == pytest.approx(1.75)  # at v_h the TMR is half


def test_brinkman_junction() -> None:
    """t = 0.85 nm, phi = 0.4 eV: R(V) = R0/(1 + 5.93 V^2), R0 = 7.96 kOhm at 40 nm."""
    for volts in (0.1, 0.3):
        r = evaluate("resistance", v_fl_rl=volts, z=1.0, r_p=7.96e3, g_curv=5.93)
        assert r == pytest.approx(7.96e3 / (1 + 5.93 * volts**2))


def test_thresholds_of_the_two_directions() -> None:
    """The drive reaches -1 in the parallel state at -ic_p2ap, +1 in the antiparallel state at +ic_ap2p."""
    card = ParameterSet("mtj", "two", dict(tmr=0.0, r_p=1e3, ic_p2ap=70e-6, ic_ap2p=30e-6))
    assert evaluate("d", card, v_fl_rl=-70e-3, z=1.0) == pytest.approx(-1.0)
    assert evaluate("d", card, v_fl_rl=30e-3, z=-1.0) == pytest.approx(1.0)


def test_drift_is_that_of_the_axial_macrospin() -> None:
    """With noise off the Ito drift; with noise on Stratonovich's, smaller by z/(2 delta)."""
    tau, delta = 1e-9, 50.0
    z = np.linspace(-0.99, 0.99, 33)
    settings = dict(v_fl_rl=0.0, z=z, h_bias=0.2, delta=delta, tau_d=tau, time=0.0)
    drift = (1 - z**2) * (z + 0.2)
    assert evaluate("rate_z", noise=0.0, **settings) * tau == pytest.approx(drift - z / delta, abs=1e-10)
    with_noise = evaluate("rate_z", noise=1.0, **settings) - evaluate("xi_z", noise=1.0, time=0.0) * np.sqrt(
        (1 - z**2) / (delta * tau)
    )
    assert with_noise * tau == pytest.approx(drift - z / (2 * delta), abs=1e-6)


def test_resting_points_are_roots_of_the_motion() -> None:
    """At zero bias z = +-sqrt(1 - 1/delta); under bias the operating point moves with the root."""
    for delta in (20.0, 60.0, 200.0):
        for state in (1.0, -1.0):
            z = float(evaluate("static_z", delta=delta, state=state, v_fl_rl=0.0, z=state))
            assert z == pytest.approx(state * math.sqrt(1 - 1 / delta), abs=0.5 / delta**2)
            rate = evaluate("rate_z", delta=delta, v_fl_rl=-0.08 * state, z=z) * 1e-9
            biased = float(evaluate("static_z", delta=delta, state=state, v_fl_rl=-0.08 * state, z=z))
            assert abs(evaluate("rate_z", delta=delta, v_fl_rl=-0.08 * state, z=biased)) * 1e-9 < 0.2 * abs(rate)


def test_temperature() -> None:
    hot = dict(temperature=400.0)
    bloch = (1 - (400 / 1120) ** 1.5) / (1 - (300 / 1120) ** 1.5)
    assert evaluate("tmr_t", **hot) == pytest.approx(bloch**2)
    assert evaluate("delta_t", **hot) == pytest.approx(60 * 300 / 400 * bloch**2.18)
    assert evaluate("ic_t", **hot) == pytest.approx(bloch**1.18)
    assert evaluate("tau_t", **hot) == pytest.approx(1e-9 * bloch ** (1 - 2.18))
    for name in ("tmr_t", "delta_t", "ic_t", "tau_t", "r_p_t"):
        values = ParameterSet("mtj", "plain").values
        reference = {"tmr_t": values["tmr"], "delta_t": values["delta"], "ic_t": 1.0, "tau_t": values["tau_d"],
                     "r_p_t": values["r_p"]}[name]  # fmt: skip
        assert evaluate(name) == pytest.approx(reference)


def test_geometry() -> None:
    """Twice the area: half the resistance, twice the critical current and barrier."""
    wide = dict(diameter=40e-9 * math.sqrt(2))
    assert evaluate("r_p_t", **wide) == pytest.approx(evaluate("r_p_t") / 2)
    assert evaluate("ic_t", **wide) == pytest.approx(2.0)
    assert evaluate("delta_t", **wide) == pytest.approx(120.0)


def test_from_physical_reproduces_the_published_set() -> None:
    """50 nm x 1 nm, Ms 1.2e6 A/m, alpha 0.01, P 0.75 and the Hk that gives Delta 72.9: Ic 24.5 uA, tau_d 2.216 ns."""
    volume = math.pi / 4 * 50e-9**2 * 1e-9
    hk = 72.9 * 2 * 1.380649e-23 * 300 / (4e-7 * math.pi * 1.2e6 * volume)
    derived = from_physical(ms=1.2e6, hk=hk, alpha=0.01, polarisation=0.75, volume=volume)
    card = load_card("garcia_redondo_2021")
    assert derived["delta"] == pytest.approx(card.values["delta"], rel=1e-6)
    assert derived["ic_p2ap"] == pytest.approx(card.values["ic_p2ap"], rel=2e-3)
    assert derived["tau_d"] == pytest.approx(card.values["tau_d"], rel=2e-3)
    assert ParameterSet("mtj", "derived", derived).values["ic_ap2p"] == derived["ic_ap2p"]


@pytest.mark.parametrize("name", ["ms", "hk", "alpha", "polarisation", "volume", "temperature"])
def test_from_physical_refuses_what_is_not_positive(name: str) -> None:
    good = dict(ms=1e6, hk=2e5, alpha=0.01, polarisation=0.6, volume=1e-24, temperature=300.0)
    for bad in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ParameterError, match=name):
            from_physical(**(good | {name: bad}))


def test_published_cards_are_cited() -> None:
    assert {"ikeda_2010", "garcia_redondo_2021"} <= set(card_names())
    for name in card_names():
        assert load_card(name).provenance.citation
