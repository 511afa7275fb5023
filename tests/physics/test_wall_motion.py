"""Collective coordinates against a chain of spins, thermal equilibrium, and published walls."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from compact.analysis import Tran
from compact.cards import load_card
from compact.constants import BOLTZMANN, ELECTRON_CHARGE, MU_0, ZERO_CELSIUS
from compact.emit import device
from compact.errors import ParameterError
from compact.models import get_model
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.physics.domain_wall import SpinChain, UniformWall, drift_velocity, torque_field
from compact.simulators import Simulator

BOHR_MAGNETON = 9.2740100657e-24
G_FACTOR = 2.00231930436
CHAIN = {"alpha": 0.05, "h_k": 4e4}
WIDTH = 20e-9


def test_factors_of_the_torques() -> None:
    """u = g mu_B P J/(2 e Ms); a is the spin hbar/2 of each electron over the moment mu0 Ms of a square metre."""
    u = G_FACTOR * BOHR_MAGNETON * 0.4 * 1e12 / (2 * ELECTRON_CHARGE * 8e5)
    assert float(drift_velocity(1e12, 0.4, 8e5)) == pytest.approx(u, rel=1e-6)
    # 1 T in Ms t = 1 A: an electron a second carries hbar/2 and turns m at gamma hbar/(2 Ms t) a square metre.
    field_in_tesla = 1.054571817e-34 / 2 / ELECTRON_CHARGE * 0.5 * 1e10 / (8e5 * 2e-9)
    assert MU_0 * float(torque_field(1e10, 0.5, 8e5, 2e-9)) == pytest.approx(field_in_tesla, rel=1e-6)


def test_closed_forms_join_at_breakdown() -> None:
    wall = UniformWall(WIDTH, 0.05, 4e4, 0.1)
    h, u = wall.walker_field, wall.walker_drift
    assert wall.velocity(h * (1 - 1e-9)) == pytest.approx(float(wall.velocity(h * (1 + 1e-9))), rel=1e-3)
    assert wall.velocity(0.5 * h) == pytest.approx(wall.mobility * h / 2)
    assert wall.velocity(0.0, 0.5 * u) == pytest.approx(wall.beta / wall.alpha * u / 2)
    assert wall.velocity(0.0, 300 * u) == pytest.approx(300 * u * (1 + 0.005) / (1 + 0.0025), rel=1e-4)
    assert wall.velocity(-3 * h, -u) == pytest.approx(-float(wall.velocity(3 * h, u)))
    assert math.isinf(UniformWall(WIDTH, 0.05, 4e4, 0.05).walker_drift)
    with pytest.raises(ParameterError, match="alpha = 0"):
        UniformWall(WIDTH, 0.0, 4e4)


DRIVES = (
    {"field": 700.0},
    {"drift": 100.0},
    {"torque": 2500.0, "theta_p": math.pi / 2},
    {"field_like": 3000.0, "theta_p": math.pi / 2},
    {"torque": 3000.0},
    {"field_like": 700.0},
    {"torque": 1500.0, "field_like": 800.0, "theta_p": 1.0},
)


@pytest.mark.parametrize("drive", DRIVES, ids=lambda d: "-".join(d))
def test_collective_coordinates_follow_a_chain_of_spins(drive: dict[str, float]) -> None:
    """The rates of the emitted equations against 80 spins that know nothing of them: signs, pi/2 and all."""
    chain = SpinChain(WIDTH, CHAIN["alpha"], CHAIN["h_k"], 1.5e6, beta=0.1, cells=80, fineness=3)
    time, place, angle = chain.run(0.5e-9, 0.15e-12, every=40, **drive)
    model = get_model("domain_wall_track")
    theta = drive.get("theta_p", 0.0)
    torque, field_like = drive.get("torque", 0.0), drive.get("field_like", 0.0)
    values = model.complete(
        CHAIN | {"length": 20e-6, "theta_p": theta, "beta": 0.1, "tmr": 0.0, "h_axis": drive.get("field", 0.0),
                 "fl_ratio": field_like / torque if torque else 0.0, "t_nom": 300.0}
    )  # fmt: skip
    point = values | {"temperature": 300.0, "v_fl_rl": 1.0, "v_far_fl": 1.0}
    per_volt, per_wire = (float(model.evaluate(n, point | {"z": 0.0})) for n in ("torque", "drift_velocity"))
    point |= {"v_fl_rl": torque / CHAIN["h_k"] / per_volt, "v_far_fl": drive.get("drift", 0.0) / per_wire}
    if field_like and not torque:  # through the quadratic term: 1 V, and hardly any in-plane torque
        point |= {"v_fl_rl": 1.0, "fl_2": field_like, "polarisation": 1e-9}

    def rates(_: float, y: np.ndarray) -> list[float]:
        found = model.evaluate(
            ["rate_z", "rate_tilt_c", "rate_tilt_s"], point | {"z": y[0], "tilt_c": y[1], "tilt_s": y[2]}
        )
        return [float(x) for x in found]

    result = solve_ivp(rates, (0, time[-1]), [0.0, 1.0, 0.0], t_eval=time, rtol=1e-7, atol=1e-10)
    way, turned = result.y[0] * 10e-6, np.unwrap(np.arctan2(result.y[2], result.y[1]))
    assert place - place[0] == pytest.approx(way, abs=0.02 * np.max(np.abs(way)))
    if "field_like" not in drive or not theta:  # a field across the wire tilts the domains too
        assert angle == pytest.approx(turned, abs=0.03 * np.max(np.abs(turned)))


def test_equipartition_in_a_well(vacask: Simulator) -> None:
    """A wall in a parabolic well: kT/2 in its place and kT/2 in its angle, within 4 standard errors and 4 %."""
    values = {
        "h_site_1": 2e4, "site_1": 0.5, "site_width": 60e-9, "alpha": 0.2, "h_k": 2e5, "length": 400e-9,
        "thickness": 5e-9, "t_nom": 300.15,
    }  # fmt: skip
    card = ParameterSet("domain_wall", "well", values)
    places, angles = [], []
    netlist = Netlist("thermal noise")
    netlist.use(device(card, noise=True))
    count = 24
    lines = [f"X{k} in 0 domain_wall state=0 seed={k + 1}" for k in range(count)]
    netlist.add_text("Vin in 0 dc 0\n" + "\n".join(lines))
    names = [f"x{k}.{s}" for k in range(count) for s in ("z", "tilt_s")]
    waves = vacask.run(netlist, Tran(step=1e-12, stop=20e-9), save=names, timeout=300)
    grid = np.arange(1e-9, 20e-9, 5e-12)
    for k in range(count):
        places.append(np.mean(np.interp(grid, waves.axis, waves[f"x{k}.z"]) ** 2) * (200e-9) ** 2)
        angles.append(np.mean(np.interp(grid, waves.axis, waves[f"x{k}.tilt_s"]) ** 2))
    thermal = BOLTZMANN * (27.0 + ZERO_CELSIUS)
    moment = 2 * MU_0 * values.get("ms", 8e5) * 100e-9 * values["thickness"]
    # The slope of the site's field at its middle, and the shape energy of small angles.
    stiffness = moment * values["h_site_1"] * math.sqrt(2 * math.e) / values["site_width"]
    twist = moment * values["h_k"] * WIDTH
    for found, exact, name in ((places, thermal / stiffness, "place"), (angles, thermal / twist, "angle")):
        error = np.std(found, ddof=1) / math.sqrt(count)
        assert error < 0.03 * exact, name
        assert np.mean(found) == pytest.approx(exact, abs=4 * error + 0.01 * exact), name


# -- published walls ---------------------------------------------------------------------------------


def test_velocities_of_both_polarisers(simulator: Simulator) -> None:
    """Published: 50 m/s with a planar, 640 m/s with a perpendicular polariser at 5e6 A/cm2."""
    velocity = {}
    for kind, stop in (("planar", 20e-9), ("perpendicular", 4e-9)):
        card = load_card(f"khvalkovskiy_2009_{kind}")
        current = 5e10 * card.values["length"] * card.values["width_ref"]
        netlist = Netlist(f"wall under a {kind} polariser")
        netlist.use(card)
        netlist.add_text(f"I1 0 a dc 0 pulse(0 {current!r} 0 1p 1p 1 2)\nX1 a 0 domain_wall state=-0.9")
        waves = simulator.run(netlist, Tran(step=4e-12, stop=stop), save=["x1.z"])
        late = waves.axis > 0.75 * stop
        velocity[kind] = np.polyfit(waves.axis[late], waves["x1.z"][late], 1)[0] * card.values["length"] / 2
    assert velocity["planar"] == pytest.approx(50.0, rel=0.05)
    assert velocity["perpendicular"] == pytest.approx(640.0, rel=0.25)
    assert velocity["perpendicular"] / velocity["planar"] == pytest.approx(640 / 50, rel=0.25)
    # The efficiency, the adjusted number, is the one that gives the planar velocity.
    wall = UniformWall.from_card(card)
    field = card.values["fl_ratio"] * float(torque_field(5e10, card.values["polarisation"], 8e5, 3e-9))
    assert wall.mobility * field == pytest.approx(50.0, rel=0.02)


@pytest.mark.parametrize("fl_ratio", [None, 0.0])
def test_three_states_of_the_published_memristor(simulator: Simulator, fl_ratio: float | None) -> None:
    """100 uA for 1.8 ns moves by one state, forwards or backwards; 45 uA does not, nor the in-plane torque alone."""
    card = load_card("chanthbouala_2011")
    if fl_ratio is not None:
        card = card.replace(None, fl_ratio=fl_ratio)
    netlist = Netlist("three states")
    netlist.use(card)
    lines = ["Iread 0 a dc 1u", "Ilow 0 b dc 45u"]
    for k, sign in enumerate((1, 1, -1, -1)):
        lines.append(f"I{k} 0 a dc 0 pulse(0 {sign * 100e-6!r} {(2 + 10 * k) * 1e-9!r} 0.1n 0.1n 1.8n 1)")
    netlist.add_text("\n".join([*lines, "X1 a 0 domain_wall state=-0.6", "X2 b 0 domain_wall state=-0.6"]))
    waves = simulator.run(netlist, Tran(step=1e-11, stop=42e-9), save=["x1.z", "x2.z", "a"])
    places = [float(np.interp(t, waves.axis, waves["x1.z"])) for t in (1e-9, 11e-9, 21e-9, 31e-9, 41e-9)]
    assert places == pytest.approx([-0.6, 0.0, 0.6, 0.0, -0.6] if fl_ratio is None else [-0.6] * 5, abs=0.03)
    assert waves["x2.z"][-1] < -0.5
    if fl_ratio is None:
        ohms = [float(np.interp(t, waves.axis, waves["a"])) / 1e-6 for t in (1e-9, 11e-9, 21e-9)]
        assert ohms[0] > 1.1 * ohms[1] > 1.2 * ohms[2]
