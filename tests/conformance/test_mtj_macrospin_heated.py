"""The macrospin that heats itself: parity, cold and warm limits, its temperature, writing that takes heat."""

from __future__ import annotations

import numpy as np
import pytest

from compact.analysis import Op, Tran
from compact.model import Model
from compact.models import get_model
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.physics.drive import Drive
from compact.physics.llgs import simulate
from compact.physics.macrospin import Macrospin
from compact.physics.macrospin_cards import from_card
from compact.qa import parity
from compact.simulators import Simulator

R_TH, TAU_TH = 8e6, 1e-9
PERPENDICULAR = {"r_p": 5e3, "tmr": 0.5, "alpha": 0.05, "polarisation": 0.6, "tilt": 0.05}


def card(**values: float) -> ParameterSet:
    return ParameterSet("mtj_macrospin_heated", "hot", PERPENDICULAR | values)


def circuit(device: ParameterSet, source: str, state: int = 1) -> Netlist:
    netlist = Netlist("one junction")
    netlist.use(device)
    netlist.add_text(f"Vin in 0 {source}\nXm in 0 {device.model} state={state}")
    return netlist


@pytest.mark.parametrize("temperature", [27.0, 85.0])
def test_equals_numpy_at_random_points(simulator: Simulator, temperature: float) -> None:
    tilted = {"theta_k": 1.57, "phi_k": 0.3, "theta_p": 1.5, "h_x": 1e5, "n_x": 0.02, "n_z": 0.95}
    rest = {"asymmetry": 1.5, "fl_1": 1e4, "fl_2": -3e3, "vcma": 3e4, "tc_r": 1e-4, "r_th": 1e6}
    assert parity([card(), card(**tilted, **rest)], simulator, 20, temperature) < 1e-6


def test_warm_it_is_the_plain_junction_in_warmer_surroundings() -> None:
    hot, plain = get_model("mtj_macrospin_heated"), get_model("mtj_macrospin")
    given = {"vcma": 3e4, "fl_1": 1e4, "asymmetry": 1.3, "tc_r": 1e-4}
    point = {"m_x": 0.3, "m_y": -0.5, "m_z": 0.8, "v_fl_rl": 0.4}
    names = ["i", "rate_m_x", "rate_m_y", "rate_m_z", "h_thermal"]
    for rise in (0.0, 100.0):
        one = hot.evaluate(names, hot.complete(given) | point | {"warmth": rise / 100, "temperature": 330.0})
        other = plain.evaluate(names, plain.complete(given) | point | {"temperature": 330.0 + rise})
        # What bounds the temperature adds 0.1 %.
        assert [float(x) for x in one] == pytest.approx([float(x) for x in other], rel=2e-3), rise
    assert isinstance(hot, Model)


def test_follows_the_llg_equation_with_self_heating(simulator: Simulator) -> None:
    """Course of magnetisation and temperature against the package's integrator, which has a heat balance of its own."""
    device = card(r_th=R_TH, tau_th=TAU_TH)
    twin: Macrospin = from_card(_without_heat(device)).at(300.15)
    twin = twin.replace(r_th=R_TH, tau_th=TAU_TH)
    volts, stop = -0.25, 4e-9
    start = [np.sin(0.05), 0.0, np.cos(0.05)]
    run = simulate(twin, Drive(voltage=volts), stop, n=1, start=start, thermal=False, traces=1, samples=400)
    step = 2 * np.pi / twin.small_motion()[0] / 200
    waves = simulator.run(
        circuit(device, f"dc 0 pulse(0 {volts} 0 1f 1f 1 2)"),
        Tran(stop=stop, step=step),
        save=["xm.m_x", "xm.m_z", "xm.warmth"],
    )
    assert run.heat[-1] > 50
    rise = np.interp(run.time, waves.axis, 100 * waves["xm.warmth"])
    assert np.max(np.abs(rise - run.heat)) < 0.02 * run.heat.max()
    m_z = np.interp(run.time, waves.axis, waves["xm.m_z"])
    assert np.max(np.abs(m_z - run.traces[0][:, 2])) < 0.02
    # The phase of precession adds up what the temperature does to its frequency.
    m_x = np.interp(run.time, waves.axis, waves["xm.m_x"])
    assert np.max(np.abs(m_x - run.traces[0][:, 0])) < 0.1 * np.max(np.abs(run.traces[0][:, 0]))


def _without_heat(device: ParameterSet) -> ParameterSet:
    values = {k: v for k, v in device.values.items() if k not in ("r_th", "tau_th")}
    return ParameterSet("mtj_macrospin", "cold", values)


def test_heat_assists_writing(simulator: Simulator) -> None:
    final = {}
    for r_th in (0.0, 4e6):
        netlist = circuit(card(r_th=r_th, tau_th=TAU_TH), "dc 0 pulse(0 -0.5 0.1n 0.1n 0.1n 100n 200n)")
        if r_th:
            assert 50 < 100 * simulator.run(circuit(card(r_th=r_th), "dc -0.3"), Op())["xm.warmth"][0] < 500
        waves = simulator.run(netlist, Tran(stop=12e-9, step=2e-12), save=["xm.m_z", "xm.warmth"], timeout=120)
        final[r_th] = waves["xm.m_z"][-1]
    assert final[0.0] > 0.9 and final[4e6] < -0.5
