"""Fits of resistance against field must find what synthetic loops were made of, with errors that hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from synthetic_field import FieldTruth, draw_field, easy_loop, hard_loop, thermal_loop

from compact.constants import BOLTZMANN, MU_0
from compact.fieldcard import FieldFit, fit_field_loops
from compact.fieldloop import FieldLoop
from compact.fieldthermal import median_field
from compact.physics.activation import escape_rate

CASES = 100


def within(found: list[float]) -> float:
    """Share of deviations below three standard errors."""
    return float(np.mean(np.abs(found) < 3))


@pytest.fixture(scope="module")
def easy() -> list[tuple[FieldTruth, FieldFit]]:
    found = []
    for seed in range(CASES):
        rng = np.random.default_rng(seed)
        truth = draw_field(rng)
        found.append((truth, fit_field_loops(easy_loop(truth, rng))))
    return found


@pytest.mark.parametrize("name", ["r_p", "tmr", "h_ap2p", "h_p2ap", "h_c", "h_centre", "width_ap2p", "width_p2ap"])
def test_easy_axis(easy: list[tuple[FieldTruth, FieldFit]], name: str) -> None:
    off = []
    for truth, fit in easy:
        h_c, centre = (truth.up - truth.down) / 2, (truth.up + truth.down) / 2
        expected = {"r_p": truth.r_p, "tmr": truth.tmr, "h_ap2p": truth.up, "h_p2ap": truth.down}
        expected |= {"h_c": h_c, "h_centre": centre}
        expected |= {"width_ap2p": truth.width, "width_p2ap": truth.width} if truth.width else {}
        if name in expected:
            value, error = fit.fits[0].values[name]
            off.append((value - expected[name]) / error)
    assert len(off) > 30 and within(off) >= 0.95


def test_easy_axis_shapes(easy: list[tuple[FieldTruth, FieldFit]]) -> None:
    """Polarity, and which loops are gradual, are never mistaken."""
    for truth, fit in easy:
        assert fit.fits[0].shape.polarity == truth.polarity
        assert set(fit.fits[0].shape.gradual.values()) == {truth.width > 0}
        assert fit.quality["rms_over_height"] < 0.05


@pytest.mark.parametrize("along", [False, True])
def test_hard_axis(along: bool) -> None:
    off: dict[str, list[float]] = {"h_k": [], "r_p": [], "tmr": []}
    for seed in range(CASES // 2):
        rng = np.random.default_rng(seed)
        truth = draw_field(rng)
        fit = fit_field_loops(hard_loop(truth, rng, rng.uniform(1.15, 2.0), along), "mtj_macrospin")
        assert fit.fits[0].form == ("along" if along else "across")
        for name, values in off.items():
            value, error = fit.fits[0].values[name]
            values.append((value - getattr(truth, name)) / error)
        assert fit.card.values["h_k"] == pytest.approx(truth.h_k, rel=0.05)
    assert all(within(values) >= 0.95 for values in off.values()), off


@pytest.mark.parametrize("degrees", [0.5, 1.0, 2.0])
def test_hard_axis_some_degrees_off(degrees: float) -> None:
    """Stoner-Wohlfarth: the kink is rounded and both states are seen, each on one half of the cycle."""
    h_k, off = 2e5, np.pi / 2 - np.deg2rad(degrees)
    half = np.linspace(-1.6, 1.6, 161)
    field, angle, cosine = np.concatenate((half, half[::-1])), 0.01, []
    for h in field:
        for _ in range(20_000):  # down the slope into the next minimum
            slope = np.sin(angle) * np.cos(angle) + h * np.sin(angle - off)
            angle -= 0.3 * slope
            if abs(slope) < 1e-8:
                break
        cosine.append(np.cos(angle))
    conductance = (1 + 0.25 * (1 + np.array(cosine))) / 3000
    noise = 1 + 1e-3 * np.random.default_rng(0).normal(size=len(field))
    fit = fit_field_loops(FieldLoop(field * h_k, noise / conductance), "mtj_macrospin")
    assert fit.card.values["h_k"] == pytest.approx(h_k, rel=0.02)
    assert fit.card.values["r_p"] == pytest.approx(2000, rel=2e-3)
    assert fit.card.values["tmr"] == pytest.approx(0.5, rel=0.01)
    assert any("degrees off the axis" in note for note in fit.card.notes)


def thermal_case(seed: int) -> tuple[FieldTruth, float, FieldFit]:
    """One speed and many cycles, or two speeds and few."""
    rng = np.random.default_rng(1000 + seed)
    h_k, delta = 10 ** rng.uniform(4.5, 5.5), rng.uniform(25, 80)
    centre = rng.uniform(-0.3, 0.3) * h_k
    spread = {"up": centre + 0.5 * h_k, "down": centre - 0.5 * h_k, "h_k": h_k, "top": abs(centre) + 1.15 * h_k}
    truth = replace(draw_field(rng), noise=2e-3, drift=0.0, slope=0.0, **spread)
    rates, cycles = [((0.1,), 20), ((0.01, 10.0), 8)][seed % 2]
    loops = [thermal_loop(truth, delta, 1e-9, rate * h_k, cycles, rng) for rate in rates]
    return truth, delta, fit_field_loops(loops, tau_d=1e-9, temperature=300.0)


def test_thermal_switching() -> None:
    off: dict[str, list[float]] = {"delta": [], "h_bias": [], "h_k": [], "moment": []}
    for seed in range(CASES // 5):
        truth, delta, fit = thermal_case(seed)
        assert fit.thermal is not None
        moment = 2 * delta * BOLTZMANN * 300 / (MU_0 * truth.h_k)
        card = fit.card
        off["delta"].append((card.values["delta"] - delta) / card.stderr["delta"])
        off["h_bias"].append((card.values["h_bias"] + (truth.up + truth.down) / 2 / truth.h_k) / card.stderr["h_bias"])
        for name, expected in (("h_k", truth.h_k), ("moment", moment)):
            quantity = card.derived[name]
            off[name].append((quantity.value - expected) / quantity.stderr)
        assert card.stderr["delta"] < 0.25 * delta
    assert all(within(values) >= 0.95 for values in off.values()), off


def test_hard_axis_beside_a_loop_gives_stability_and_stray_field() -> None:
    truth, delta, _ = thermal_case(0)
    rng = np.random.default_rng(7)
    loops = [thermal_loop(truth, delta, 1e-9, 0.1 * truth.h_k, 2, rng), hard_loop(truth, rng)]
    fit = fit_field_loops(loops, tau_d=1e-9)
    card = fit.card
    assert abs(card.values["delta"] - delta) < 3 * card.stderr["delta"] < 0.3 * delta
    centre = (truth.up + truth.down) / 2 / truth.h_k
    assert abs(card.values["h_bias"] + centre) < 3 * card.stderr["h_bias"] < 0.1
    full = fit_field_loops(loops, "mtj_macrospin", tau_d=1e-9).card
    assert full.values["h_k"] == pytest.approx(truth.h_k, rel=0.02)
    energy = MU_0 * full.values["ms"] * full.values["volume"] * full.values["h_k"] / 2
    assert energy / (BOLTZMANN * full.values["t_nom"]) == pytest.approx(card.values["delta"], rel=1e-6)


def test_median_field_against_a_direct_sum() -> None:
    h_k, delta, rate, tau_d = 2e5, 45.0, 1e3, 1e-9
    field = np.linspace(0, h_k, 200_001)
    dose = np.cumsum(escape_rate(delta, field / h_k, tau_d)) * (field[1] / rate)
    assert median_field(h_k, delta, rate, tau_d) == pytest.approx(field[np.searchsorted(dose, np.log(2))], rel=1e-3)
    # Sharrock: slower fields switch lower.
    assert median_field(h_k, delta, rate / 100, tau_d) < median_field(h_k, delta, rate, tau_d) < h_k
