"""Cards of published devices against what was published of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from compact.analysis import Tran
from compact.cards import load_card
from compact.constants import BOLTZMANN, ELECTRON_CHARGE, GYROMAGNETIC, HBAR, MU_0, ZERO_CELSIUS
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.physics.demagnetisation import demagnetising_factors, volume_of
from compact.simulators import get_simulator

PUBLISHED = {0.40: 3.63e-9, 0.45: 3.07e-9, 0.50: 2.64e-9, 0.60: 2.03e-9}
"""Kim et al., CICC 2015, interface-perpendicular device: AP->P switching time [s] by voltage [V]."""
DEVICES = {
    "interface": (65e-9, 65e-9, 1.48e-9, 0.69, 0.006, 0.65),
    "crystalline": (45e-9, 45e-9, 0.45e-9, 0.62, 0.03, 0.48),
    "in_plane": (96e-9, 32e-9, 2.44e-9, 0.69, 0.0062, 0.65),
}
"""Length, width, thickness [m], polarisation at 0 K, damping, voltage of half TMR [V]."""
KELVIN = 358.0


def kim(name: str) -> ParameterSet:
    return load_card(f"kim_2015_{name}")


def published(name: str) -> dict[str, float]:
    """Quantities of a device by the published laws at 358 K."""
    length, width, thickness, p_0, alpha, v_h = DEVICES[name]
    ms = 1.21e6 * (1 - KELVIN / 1420) ** 0.4
    p = p_0 * (1 - 2e-5 * KELVIN**1.5)
    n = demagnetising_factors("prism", length, width, thickness)
    h_k = {"interface": ms * 1.5 / 1.48, "crystalline": 2 * 1.08e6 / (MU_0 * ms), "in_plane": 0.0}[name]
    volume = volume_of("prism", length, width, thickness)
    stiffness = h_k - n[2] * ms if h_k else (n[1] - n[0]) * ms
    found = {"ms": ms, "h_k": h_k, "alpha": alpha, "v_h": v_h, "volume": volume, "p": p}
    found |= {"n_x": n[0], "n_y": n[1], "n_z": n[2], "r_p": 5e-12 / (length * width), "tmr": 2 * p * p / (1 - p * p)}
    return found | {"delta": MU_0 * ms * stiffness * volume / (2 * BOLTZMANN * KELVIN)}


def published_time(name: str, volts: float) -> float:
    """Switching time [s] by an integration of the published equations, written here once more."""
    q = published(name)
    axis = np.array([1.0, 0.0, 0.0] if name == "in_plane" else [0.0, 0.0, 1.0])
    tilt = math.asin(math.sqrt(1 / (2 * q["delta"])))
    start = -math.copysign(1, volts) * (math.cos(tilt) * axis + math.sin(tilt) * np.array([0.0, 1.0, 0.0]))
    factors = np.array([q["n_x"], q["n_y"], q["n_z"]])
    rate = GYROMAGNETIC * MU_0 / (1 + q["alpha"] ** 2)
    tmr = q["tmr"] / (1 + (volts / q["v_h"]) ** 2)
    efficiency = q["p"] * (1.0 if volts > 0 else 1 / 1.5)
    spin = efficiency * HBAR / (2 * ELECTRON_CHARGE * MU_0 * q["ms"] * q["volume"])

    def motion(_: float, m: np.ndarray) -> np.ndarray:
        cosine = m @ axis
        current = volts / (q["r_p"] * (1 + tmr * (1 - cosine) / 2))
        field = -q["ms"] * factors * m
        field[2] += q["h_k"] * m[2]
        turn = np.cross(m, field)
        return -rate * (turn + q["alpha"] * np.cross(m, turn) + spin * current * np.cross(m, np.cross(m, axis)))

    def through(_: float, m: np.ndarray) -> float:
        return float(m @ axis)

    through.terminal = True  # type: ignore[attr-defined]
    solution = solve_ivp(motion, (0, 3e-8), start, events=through, rtol=1e-6, atol=1e-9)
    return float(solution.t_events[0][0])


def switching_time(name: str, volts: float, simulator: str) -> float:
    card = kim(name)
    netlist = Netlist("switching by a step that starts at once")
    netlist.use(card)
    state = -1 if volts > 0 else 1
    netlist.add_text(f"Vin in 0 dc 0 pulse(0 {volts!r} 0 1e-13 1e-13 1 2)\nXm in 0 mtj_macrospin state={state}")
    signal = "xm.m_x" if name == "in_plane" else "xm.m_z"
    stop = 1.2 * published_time(name, volts)
    run = Tran(step=2e-12, stop=stop)
    waves = get_simulator(simulator).run(netlist, run, save=[signal], temperature=KELVIN - ZERO_CELSIUS)
    progress = waves[signal] * state
    k = int(np.argmax(progress < 0))
    return float(np.interp(0, [-progress[k - 1], -progress[k]], [waves.axis[k - 1], waves.axis[k]]))


@pytest.mark.parametrize("name", DEVICES)
def test_kim_parameters_follow_the_published_laws(name: str) -> None:
    card, expected = kim(name), published(name)
    for key in ("ms", "h_k", "alpha", "v_h", "volume", "n_x", "n_y", "n_z", "r_p", "tmr"):
        assert card.values[key] == pytest.approx(expected[key], rel=1e-4), key
    assert card.derived["delta"].value == pytest.approx(expected["delta"], rel=1e-4)
    model = card.definition
    point = {f"m_{a}": 0.0 for a in "xyz"} | {"v_fl_rl": 0.1, "temperature": KELVIN}
    values = dict(card.values) | point
    for cosine, share in ((-1.0, 1.0), (1.0, 1 / 1.5)):
        values["m_x" if name == "in_plane" else "m_z"] = cosine
        torque = float(model.evaluate("torque", values) / model.evaluate("i", values)) * card.values["ms"]
        unit = HBAR / (2 * ELECTRON_CHARGE * MU_0 * expected["ms"] * expected["volume"])
        assert torque == pytest.approx(share * expected["p"] * unit, rel=1e-4)


def test_kim_published_figures() -> None:
    card = kim("interface")
    assert card.derived["delta"].value == pytest.approx(72.9, abs=0.1)
    assert card.values["r_p"] == pytest.approx(1183, abs=1)
    assert card.values["tmr"] == pytest.approx(1.105, abs=1e-3)
    for volts, expected in PUBLISHED.items():
        assert published_time("interface", volts) == pytest.approx(expected, rel=5e-3)


@pytest.mark.parametrize("engine", ["reference", "ngspice", "vacask"])
@pytest.mark.parametrize("volts", PUBLISHED)
def test_kim_switching_times(volts: float, engine: str, request: pytest.FixtureRequest) -> None:
    if engine != "reference":
        request.getfixturevalue(engine)
    assert switching_time("interface", volts, engine) == pytest.approx(PUBLISHED[volts], rel=0.05)


@pytest.mark.parametrize(
    ("name", "volts"),
    [
        ("interface", -0.5),
        pytest.param("crystalline", 0.6, marks=pytest.mark.slow),
        ("crystalline", -0.7),
        pytest.param("in_plane", 0.7, marks=pytest.mark.slow),
        ("in_plane", -0.7),
    ],
)
def test_kim_other_devices_and_direction(name: str, volts: float) -> None:
    """Against the published equations, as the cards' notes say: 8 %."""
    assert switching_time(name, volts, "reference") == pytest.approx(published_time(name, volts), rel=0.08)


def test_prism_factors() -> None:
    assert demagnetising_factors("prism", 1.0, 1.0, 1.0) == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    # Square rods of infinite length, and films: one half across, one along the normal.
    assert demagnetising_factors("prism", 1.0, 1.0, 1e3)[0] == pytest.approx(0.5, abs=1e-3)
    assert demagnetising_factors("prism", 1.0, 1.0, 1e-4)[2] == pytest.approx(1.0, abs=1e-3)
    turned = demagnetising_factors("prism", 0.1, 3.0, 2.0)
    assert sorted(turned) == pytest.approx(sorted(demagnetising_factors("prism", 3.0, 2.0, 0.1)))
