"""The junction that heats itself: parity, heat balance, and writing that takes the heat."""

from __future__ import annotations

import numpy as np
import pytest

from compact.analysis import Op, Tran
from compact.model import Model, smooth_positive
from compact.models import get_model
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.qa import parity
from compact.simulators import Simulator, get_simulator

R_TH, TAU_TH = 5e5, 2e-9
IDLE = {"ic_p2ap": 1e-2, "ic_ap2p": 1e-2, "r_th": R_TH, "tau_th": TAU_TH}
"""A junction that does not switch."""


def circuit(values: dict[str, float], source: str, state: int = 1) -> Netlist:
    netlist = Netlist("one junction")
    netlist.use(ParameterSet("mtj_heated", "hot", values))
    netlist.add_text(f"Vin in 0 {source}\nXm in 0 mtj_heated state={state}")
    return netlist


def random_cards(count: int) -> list[ParameterSet]:
    rng = np.random.default_rng(3)
    return [
        ParameterSet(
            "mtj_heated",
            f"card_{k}",
            {
                "r_p": 10 ** rng.uniform(2.5, 4),
                "tmr": rng.uniform(0.3, 2),
                "g_curv": rng.uniform(0, 1),
                "delta": rng.uniform(20, 80),
                "ic_p2ap": rng.uniform(2, 8) * 1e-5,
                "r_th": 10 ** rng.uniform(4, 6),
                "tc_r": rng.uniform(-1, 1) * 1e-4,
                "h_bias": rng.uniform(-0.2, 0.2),
            },
        )
        for k in range(count)
    ]


@pytest.mark.parametrize("temperature", [27.0, 85.0])
def test_equals_numpy_at_random_points(simulator: Simulator, temperature: float) -> None:
    cards = [*random_cards(3), ParameterSet("mtj_heated", "plain")]
    assert parity(cards, simulator, 20, temperature) < 1e-6


def test_cold_it_is_the_plain_junction() -> None:
    hot, plain = get_model("mtj_heated"), get_model("mtj")
    point = {"z": 0.3, "v_fl_rl": 0.4, "temperature": 330.0}
    values = plain.complete({"delta": 45.0, "tc_r": 1e-4})
    for name in ("i", "rate_z", "delta_t"):
        with_heat = hot.evaluate(name, hot.complete({"delta": 45.0, "tc_r": 1e-4}) | point | {"warmth": 0.0})
        assert with_heat == pytest.approx(float(plain.evaluate(name, values | point)), rel=1e-5)
        # 100 K of self-heating are 100 K of surroundings, but for what bounds the temperature.
        warm = hot.evaluate(name, hot.complete({"delta": 45.0, "tc_r": 1e-4}) | point | {"warmth": 1.0})
        same = plain.evaluate(name, values | point | {"temperature": 430.0})
        assert warm == pytest.approx(float(same), rel=1e-3)


def test_heat_stays_within_the_laws_of_temperature() -> None:
    model = get_model("mtj_heated")
    values = model.complete({}) | {
        "z": 0.5,
        "v_fl_rl": 1.0,
        "temperature": 300.0,
        "warmth": np.linspace(-50, 500, 1001),
    }
    for name in ("m_t", "delta_t", "i", "rate_z", "rate_warmth"):
        assert np.all(np.isfinite(model.evaluate(name, values))), name
    assert np.all(model.evaluate("m_t", values) > 0.1)


@pytest.mark.parametrize("engine", ["reference", "ngspice", "vacask"])
def test_heat_balance(engine: str, request: pytest.FixtureRequest) -> None:
    """Steady rise r_th P; the way there with tau_th; the energy goes into the layer and its surroundings."""
    if engine != "reference":
        request.getfixturevalue(engine)
    simulator = get_simulator(engine)
    still = simulator.run(circuit(IDLE, "dc 0.5"), Op())
    power = -0.5 * still["i(vin)"][0]
    assert 100 * still["xm.warmth"][0] == pytest.approx(R_TH * power, rel=1e-5)

    netlist = circuit(IDLE, "dc 0 pulse(0 0.5 1n 1p 1p 20n 60n)")
    waves = simulator.run(netlist, Tran(stop=40e-9, step=2e-11), save=["xm.warmth", "in", "i(vin)"])
    time, rise = waves.axis, 100 * waves["xm.warmth"]
    assert float(np.interp(20.9e-9, time, rise)) == pytest.approx(R_TH * power, rel=2e-3)
    assert float(np.interp(1e-9 + TAU_TH, time, rise)) == pytest.approx((1 - np.exp(-1)) * R_TH * power, rel=0.01)
    assert float(np.interp(21e-9 + TAU_TH, time, rise)) == pytest.approx(np.exp(-1) * R_TH * power, rel=0.01)
    spent = np.trapezoid(-waves["in"] * waves["i(vin)"], time)
    given = np.trapezoid(rise / R_TH, time) + TAU_TH / R_TH * (rise[-1] - rise[0])
    assert given == pytest.approx(spent, rel=5e-3)


@pytest.mark.parametrize("state", [1, -1])
def test_heat_assists_writing(simulator: Simulator, state: int) -> None:
    """A current of 0.8 of the cold threshold writes when the junction warms up, and does not when it cannot."""
    values = {"r_p": 5e3, "tmr": 0.5, "ic_p2ap": 76e-6, "ic_ap2p": 54e-6, "delta": 80.0, "tau_th": 3e-9}
    final = {}
    for r_th in (0.0, 1.2e7):
        source = f"dc 0 pulse(0 {-0.3 * state} 1n 0.1n 0.1n 100n 300n)"
        run = Tran(stop=100e-9, step=5e-11)
        waves = simulator.run(circuit(values | {"r_th": r_th}, source, state), run, save=["xm.z", "xm.warmth"])
        final[r_th] = state * waves["xm.z"][-1]
        assert np.all(np.abs(waves["xm.z"]) < 1.01)
    assert final[0.0] > 0.9 and final[1.2e7] < -0.9


def test_larger_junctions_rise_alike(vacask: Simulator) -> None:
    """At the same voltage power and area grow together."""
    netlist = circuit(IDLE, "dc 0.5")
    netlist.add_text("Xn in 0 mtj_heated state=1 diameter=80n")
    waves = vacask.run(netlist, Op())
    assert waves["xn.warmth"][0] == pytest.approx(waves["xm.warmth"][0], rel=1e-2)


def test_products_of_smooth_maxima_are_evaluated_in_the_right_order() -> None:
    import sympy as sp

    x = sp.Symbol("x", real=True)
    function = sp.lambdify([x], 100.0 * smooth_positive(x), "numpy")
    assert function(np.array([-1.0, 2.0])) == pytest.approx([0.0, 200.0], abs=1e-4)
    assert isinstance(get_model("mtj_heated"), Model)
