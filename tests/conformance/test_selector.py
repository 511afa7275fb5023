"""The two-terminal selector: parity, what its parameters mean, and how it sits in a circuit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq

from compact.analysis import Dc, Op
from compact.checks import parity
from compact.errors import ParameterError
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.qa import run_qa
from compact.simulators import Simulator


def random_cards(count: int, seed: int) -> list[ParameterSet]:
    rng = np.random.default_rng(seed)

    def draw(k: int) -> ParameterSet:
        v_on, i_on = rng.uniform(0.2, 1.5), 10 ** rng.uniform(-9, -3)
        values = {
            "v_on": v_on, "i_on": i_on, "selectivity": 10 ** rng.uniform(0.5, 8),
            "r_s": rng.uniform(0.001, 0.9) * v_on / i_on,
            "e_a": rng.choice([0.0, rng.uniform(0, 0.5)]), "scale": 10 ** rng.uniform(-1, 1),
        }  # fmt: skip
        return ParameterSet("selector", f"card_{k}", values)

    return [draw(k) for k in range(count)]


@pytest.mark.parametrize("temperature", [27.0, -55.0, 175.0])
def test_equals_numpy_at_random_points(simulator: Simulator, temperature: float) -> None:
    assert parity(random_cards(6, 1), simulator, 20, temperature, seed=2) < 1e-6


@pytest.mark.slow
def test_equals_numpy_at_a_thousand_points(simulator: Simulator) -> None:
    for seed in range(4):
        assert parity(random_cards(10, seed), simulator, 25, seed=seed) < 1e-6


def test_parameters_mean_what_they_say() -> None:
    """Current at v_on, selectivity with the limit included, symmetry, rise everywhere, the limit far beyond."""
    for card in random_cards(30, 3):
        v = card.values
        known = {**v, "temperature": v["t_nom"]}

        def current(volts, known=known, card=card):
            return card.definition.evaluate("i", {**known, "v_top_bottom": volts})

        assert current(v["v_on"]) == pytest.approx(v["scale"] * v["i_on"], rel=1e-6)
        assert current(v["v_on"]) / current(v["v_on"] / 2) == pytest.approx(v["selectivity"], rel=1e-5)
        volts = np.linspace(-3, 3, 6001) * v["v_on"]
        assert np.all(np.diff(current(volts)) > 0)
        np.testing.assert_allclose(current(-volts), -current(volts), rtol=1e-12)
        assert current(1e3) == pytest.approx(1e3 * v["scale"] / v["r_s"], rel=1e-3)


def test_leakage_is_activated() -> None:
    """Below the limit the current follows exp(-e_a/kT); at an e_a of zero no temperature is seen."""
    card = ParameterSet("selector", "warm", {"e_a": 0.3, "r_s": 1e-3})
    low, high = (
        float(card.definition.evaluate("i", {**card.values, "v_top_bottom": 0.1, "temperature": kelvin}))
        for kelvin in (300.0, 360.0)
    )
    assert high / low == pytest.approx(np.exp(0.3 / 8.617333e-5 * (1 / 300 - 1 / 360)), rel=1e-5)
    cold = card.replace("cold", e_a=0.0)
    currents = cold.definition.evaluate(
        "i", {**cold.values, "v_top_bottom": 0.1, "temperature": np.array([200.0, 400.0])}
    )
    assert currents[0] == currents[1]


def test_solves_behind_a_resistor(simulator: Simulator) -> None:
    """A stiff law that Newton's method has to find: sweep and operating points of a series circuit, by bisection."""
    card = ParameterSet("selector", "steep", {"selectivity": 1e8, "r_s": 10.0})
    netlist = Netlist("a selector behind a resistor")
    netlist.use(card)
    netlist.add_text("Vin in 0 dc 1.2\nR1 in mid 5k\nXs mid 0 selector")

    def middle(volts: float) -> float:
        def excess(v: float) -> float:
            return float(card.definition.evaluate("i", {**card.values, "v_top_bottom": v})) - (volts - v) / 5e3

        return float(brentq(excess, min(volts, 0.0), max(volts, 0.0), xtol=1e-14)) if volts else 0.0

    waves = simulator.run(netlist, Op())
    assert waves["mid"][-1] == pytest.approx(middle(1.2), rel=2e-3)
    waves = simulator.run(netlist, Dc("vin", -1.5, 1.5, 0.05))
    expected = [middle(v) for v in waves["in"]]
    np.testing.assert_allclose(waves["mid"], expected, rtol=2e-3, atol=1e-5)


def test_quality_checks_pass() -> None:
    checks = run_qa(ParameterSet("selector", "plain"), points=20)
    assert len(checks) >= 10 and [c.name for c in checks if not c.passed] == []


@pytest.mark.parametrize(
    ("values", "words"),
    [({"r_s": 25e3}, "below v_on/i_on = 25000 Ohm"), ({"selectivity": 2.0}, "selectivity"), ({"v_on": -1}, "v_on")],
)
def test_what_cannot_be(values: dict[str, float], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        ParameterSet("selector", "wrong", values)
