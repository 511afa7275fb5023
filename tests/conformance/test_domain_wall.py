"""The emitted domain-wall junctions in every simulator: parity, the laws of motion, memory, passivity."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from compact.analysis import Op, Tran
from compact.cards import load_card
from compact.checks import parity
from compact.emit import device
from compact.models import get_model
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.physics.domain_wall import UniformWall, drift_velocity
from compact.qa import run_qa
from compact.simulators import Simulator, get_simulator
from compact.waveform import Waveforms

LONG = {
    "alpha": 0.05, "h_k": 4e4, "length": 100e-6, "thickness": 5e-9, "r_wire": 1e3, "p_wire": 0.6, "beta": 0.1,
    "r_p": 1e9,
}  # fmt: skip
"""A wire so long that no wall of these tests comes to its end, and no current through its junction."""
PINS = {
    "h_site_1": 900.0,
    "h_site_2": 900.0,
    "site_1": 0.3,
    "site_2": 0.7,
    "site_width": 30e-9,
    "alpha": 0.2,
    "h_k": 4e5,
}
EVERYTHING = {
    "h_wave": 300.0, "h_rough": 200.0, "h_site_1": 500.0, "h_site_3": -300.0, "fl_2": 1e3, "theta_p": 0.7, "tilt": 0.1,
    "h_axis": 50.0, "tmr_slope": 0.1, "g_slope": 0.1, "g_curv": 0.5, "tc_r": 1e-4, "pin_seed": 3.0, "width": 150e-9,
}  # fmt: skip


def random_cards(model: str, count: int, seed: int) -> list[ParameterSet]:
    rng = np.random.default_rng(seed)

    def draw(k: int) -> ParameterSet:
        values = {
            "r_p": 10 ** rng.uniform(2, 5), "tmr": rng.uniform(0.05, 3), "g_curv": rng.uniform(0.1, 2),
            "ms": rng.uniform(3, 15) * 1e5, "alpha": 10 ** rng.uniform(-2.3, -0.5), "h_k": 10 ** rng.uniform(3.5, 5.5),
            "wall_width": rng.uniform(5, 50) * 1e-9, "length": rng.uniform(150, 2000) * 1e-9,
            "theta_p": rng.uniform(-3, 3), "polarisation": rng.uniform(-1, 1), "fl_ratio": rng.uniform(-1, 1),
            "fl_2": rng.uniform(-1, 1) * 1e4, "h_wave": rng.uniform(0, 1e3), "h_rough": rng.uniform(0, 1e3),
            "pin_seed": float(rng.integers(0, 1000)), "h_axis": rng.uniform(-1, 1) * 1e3,
            **{f"h_site_{n}": rng.uniform(-1, 1) * 1e3 for n in (1, 2, 3, 4)},
            **{f"site_{n}": rng.uniform(0, 1) for n in (1, 2, 3, 4)},
        }  # fmt: skip
        return ParameterSet(model, f"card_{k}", values)

    return [draw(k) for k in range(count)]


@pytest.mark.parametrize("model", ["domain_wall", "domain_wall_track"])
@pytest.mark.parametrize("temperature", [27.0, -55.0, 175.0])
def test_equals_numpy_at_random_points(simulator: Simulator, model: str, temperature: float) -> None:
    """Voltages and states forced from outside, at 100 points."""
    assert parity(random_cards(model, 5, 1), simulator, 20, temperature, seed=2) < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("model", ["domain_wall", "domain_wall_track"])
def test_equals_numpy_at_a_thousand_points(simulator: Simulator, model: str) -> None:
    for seed in range(4):
        assert parity(random_cards(model, 10, seed), simulator, 25, seed=seed) < 1e-6


@pytest.mark.parametrize("model", ["domain_wall", "domain_wall_track"])
def test_equals_numpy_with_terms_left_out(simulator: Simulator, model: str) -> None:
    names = ("theta_p", "fl_2", "h_rough", "h_site_3")
    cards = [ParameterSet(model, "plain"), ParameterSet(model, "everything", EVERYTHING)]
    cards += [ParameterSet(model, f"with_{name}", {name: EVERYTHING[name]}) for name in names]
    assert parity(cards, simulator, 10) < 1e-6


# -- laws of motion ----------------------------------------------------------------------------------


def mean_velocity(waves: Waveforms, name: str, length: float, turns: bool) -> float:
    """Velocity [m/s] in the second half of a run, over whole half turns where the wall turns."""
    t, z = waves.axis, waves[f"{name}.z"]
    angle = np.unwrap(np.arctan2(waves[f"{name}.tilt_s"], waves[f"{name}.tilt_c"]))
    begin, end = t[-1] / 2, t[-1]
    if turns:
        way = np.abs(angle - angle[0])
        first = np.interp(begin, t, way)
        count = math.floor((way[-1] - first) / math.pi)
        assert count >= 1
        end = float(np.interp(first + count * math.pi, way, t))
    return float((np.interp(end, t, z) - np.interp(begin, t, z)) * length / 2 / (end - begin))


def moving_walls(card: ParameterSet, fields: list[float], drifts: list[float]) -> Netlist:
    netlist = Netlist("walls in a uniform wire")
    netlist.use(card)
    lines = ["Rload u 0 1", "Vload u 0 1"]
    ms = float(card.definition.evaluate("ms_t", card.values))
    section = card.values["width_ref"] * card.values["thickness"]
    for k, h in enumerate(fields):
        lines.append(f"Xh{k} 0 0 0 {card.model} state=-0.5 h_axis={h!r}")
    for k, u in enumerate(drifts):
        current = u * section / float(drift_velocity(1.0, card.values["p_wire"], ms))
        lines.append(f"Vu{k} u{k} 0 dc {current * card.values['r_wire']!r}")
        lines.append(f"Xu{k} 0 0 u{k} {card.model} state=-0.5")
    netlist.add_text("\n".join(lines))
    return netlist


@pytest.mark.parametrize("engine", ["reference", "ngspice", "vacask"])
def test_laws_of_motion(engine: str, request: pytest.FixtureRequest) -> None:
    """Mobility, velocity in a current, both sides of breakdown, the drift far above it: within 1 %."""
    if engine != "reference":
        request.getfixturevalue(engine)
    card = ParameterSet("domain_wall_track", "long", LONG)
    wall = UniformWall.from_card(card)
    assert wall.mobility == pytest.approx(2.2128e5 * 20e-9 / 0.05, rel=1e-4)
    assert wall.walker_field == pytest.approx(0.05 * 4e4 / 2, rel=2e-4)
    h, u = wall.walker_field, wall.walker_drift
    fields, drifts = [0.3 * h, 1.2 * h, 4 * h], [0.3 * u, 10 * u]
    turning = [False, True, True, False, True]
    netlist = moving_walls(card, fields, drifts)
    names = [f"xh{k}" for k in range(len(fields))] + [f"xu{k}" for k in range(len(drifts))]
    run = Tran(step=2e-11, stop=60e-9)
    signals = [f"{n}.{s}" for n in names for s in ("z", "tilt_c", "tilt_s")]
    waves = get_simulator(engine).run(netlist, run, save=signals, timeout=300)
    found = [mean_velocity(waves, n, LONG["length"], t) for n, t in zip(names, turning, strict=True)]
    expected = [float(wall.velocity(x)) for x in fields] + [float(wall.velocity(0.0, x)) for x in drifts]
    assert found == pytest.approx(expected, rel=5e-3)
    # The same in the words of the textbooks.
    assert found[0] == pytest.approx(wall.mobility * fields[0], rel=0.01)
    assert found[3] == pytest.approx(LONG["beta"] / LONG["alpha"] * drifts[0], rel=0.01)
    far = drifts[1] * (1 + LONG["alpha"] * LONG["beta"]) / (1 + LONG["alpha"] ** 2)
    assert found[4] == pytest.approx(far, rel=0.01)
    assert [np.ptp(waves[f"{n}.tilt_c"]) > 1 for n in names] == turning


@pytest.mark.parametrize("engine", ["reference", "ngspice", "vacask"])
def test_breakdown_is_at_the_walker_field(engine: str, request: pytest.FixtureRequest) -> None:
    """1 % below it the angle settles, 1 % above it does not."""
    if engine != "reference":
        request.getfixturevalue(engine)
    card = ParameterSet("domain_wall_track", "long", LONG)
    h = UniformWall.from_card(card).walker_field
    netlist = moving_walls(card, [0.99 * h, 1.01 * h], [])
    signals = ["xh0.tilt_c", "xh1.tilt_c"]
    waves = get_simulator(engine).run(netlist, Tran(step=5e-11, stop=150e-9), save=signals, timeout=300)
    assert waves["xh0.tilt_c"].min() > math.cos(math.pi / 4) - 1e-3
    assert waves["xh1.tilt_c"].min() < -0.5


# -- memory ------------------------------------------------------------------------------------------


def driven(card: ParameterSet, source: str, **instance: float) -> Netlist:
    netlist = Netlist("one junction")
    netlist.use(card)
    given = " ".join(f"{k}={v!r}" for k, v in instance.items())
    ground = " 0" if card.model == "domain_wall_track" else ""
    netlist.add_text(f"{source}\nXm in 0{ground} {card.model} {given}")
    return netlist


ENGINES = pytest.mark.parametrize("engine", ["reference", "ngspice", "vacask"])


@ENGINES
def test_two_pins_make_three_states(engine: str, request: pytest.FixtureRequest) -> None:
    """Pulses of one sign take the wall from pin to pin to the end, those of the other sign back, step by step."""
    if engine != "reference":
        request.getfixturevalue(engine)
    card = ParameterSet("domain_wall", "two_pins", PINS)
    lines = ["Iread 0 in dc 1u"]
    for k, sign in enumerate((1, 1, -1, -1)):
        start = (5 + 20 * k) * 1e-9
        lines.append(f"I{k} 0 in dc 0 pulse(0 {sign * 2.5e-3!r} {start!r} 0.1n 0.1n 6n 1)")
    netlist = driven(card, "\n".join(lines), state=-0.4)
    waves = get_simulator(engine).run(netlist, Tran(step=2e-11, stop=85e-9), save=["xm.z", "in"], timeout=300)
    times = [4e-9, 24e-9, 44e-9, 64e-9, 84e-9]
    places = [float(np.interp(t, waves.axis, waves["xm.z"])) for t in times]
    ohms = [float(np.interp(t, waves.axis, waves["in"])) / 1e-6 for t in times]
    assert places[:2] == pytest.approx([-0.4, 0.4], abs=0.03) and places[3:] == pytest.approx([0.4, -0.4], abs=0.03)
    assert places[2] > 0.85
    assert ohms[0] > ohms[1] + 20 > ohms[2] + 40
    assert ohms[3:] == pytest.approx([ohms[1], ohms[0]], rel=0.01)


@ENGINES
def test_pinched_loop_and_passivity(engine: str, request: pytest.FixtureRequest) -> None:
    """The loop of two periods of a sine passes through the origin, has an area, and takes energy at every moment."""
    if engine != "reference":
        request.getfixturevalue(engine)
    card = ParameterSet("domain_wall", "smooth", {"length": 2e-6, "h_k": 2e5, "alpha": 0.05, "r_p": 40.0})
    source = "Vin in 0 dc 0 sin(0 0.3 2e7)"
    run = Tran(step=1e-10, stop=100e-9)
    waves = get_simulator(engine).run(
        driven(card, source, state=-0.5), run, save=["in", "i(vin)", "xm.z"], options={"reltol": 1e-5}, timeout=300
    )
    volts, amps = waves["in"], -waves["i(vin)"]
    assert np.ptp(waves["xm.z"]) > 0.3
    assert np.max(-volts * amps) <= 1e-9 * np.max(volts * amps)
    small = np.abs(volts) < 1e-3
    assert small.sum() >= 3 and np.max(np.abs(amps[small])) < 1e-3 / 40
    later = (waves.axis > 50e-9) & (waves.axis < 75e-9)
    peak = 62.5e-9
    up, down = later & (waves.axis < peak), later & (waves.axis > peak)
    rising = np.interp(0.2, *_sorted(volts[up], amps[up]))
    falling = np.interp(0.2, *_sorted(volts[down], amps[down]))
    assert falling > 1.03 * rising


def _sorted(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(x)
    return x[order], y[order]


@ENGINES
def test_resistance_is_controlled_by_charge(engine: str, request: pytest.FixtureRequest) -> None:
    """Along the wire: pulses of the same charge and different shapes leave the same resistance, twice as much twice."""
    if engine != "reference":
        request.getfixturevalue(engine)
    card = ParameterSet("domain_wall_track", "smooth", {"length": 2e-6, "h_k": 2e5, "alpha": 0.05, "beta": 0.05})
    amps, netlist = 60e-6, Netlist("pulses of equal charge")
    netlist.use(card)
    shapes = [(amps, 20e-9), (amps / 2, 40e-9), (2 * amps, 10e-9), (amps, 40e-9)]
    for k, (height, width) in enumerate(shapes):
        netlist.add_text(
            f"I{k} 0 f{k} dc 0 pulse(0 {height!r} 1n 0.1n 0.1n {width - 0.1e-9!r} 1)\n"
            f"X{k} 0 0 f{k} domain_wall_track state=-0.8"
        )
    names = [f"x{k}.z" for k in range(len(shapes))]
    waves = get_simulator(engine).run(netlist, Tran(step=5e-11, stop=60e-9), save=names, timeout=300)
    moved = [waves[n][-1] + 0.8 for n in names]
    wall = UniformWall.from_card(card)
    ms = float(card.definition.evaluate("ms_t", card.values))
    drift = float(drift_velocity(amps / 3e-16, card.values["p_wire"], ms))
    assert drift < wall.walker_drift
    assert moved[0] == pytest.approx(drift * 20e-9 / 1e-6, rel=0.01)
    assert moved[:3] == pytest.approx([moved[0]] * 3, rel=0.01)
    assert moved[3] == pytest.approx(2 * moved[0], rel=0.01)
    point = card.values | {"state": -0.8, "v_fl_rl": 1e-3, "v_far_fl": 0.0}
    ohms = [float(card.definition.evaluate("resistance", point | {"z": -0.8 + m})) for m in moved]
    assert ohms[0] == pytest.approx(ohms[1], rel=0.01) and ohms[3] < 0.95 * ohms[0]


@ENGINES
def test_retention_without_current(engine: str, request: pytest.FixtureRequest) -> None:
    """Wherever a wall is put on a flat wire, or in a well, it stays for a microsecond."""
    if engine != "reference":
        request.getfixturevalue(engine)
    netlist = Netlist("walls at rest")
    netlist.use(ParameterSet("domain_wall", "flat", {"h_site_2": 1000.0, "site_2": 0.5}))
    places = (-0.75, 0.0, 0.75)
    netlist.add_text("Vin in 0 dc 0\n" + "\n".join(f"X{k} in 0 domain_wall state={z}" for k, z in enumerate(places)))
    names = [f"x{k}.z" for k in range(len(places))]
    waves = get_simulator(engine).run(netlist, Tran(step=1e-9, stop=1e-6), save=names, timeout=300)
    assert [waves[n][-1] for n in names] == pytest.approx(places, abs=1e-3)


def test_operating_point_is_the_initial_place(simulator: Simulator) -> None:
    card = ParameterSet("domain_wall", "plain")
    netlist = Netlist("operating points")
    netlist.use(card)
    places = (-1.0, -0.5, 0.0, 0.5, 1.0)
    lines = [f"V{k} n{k} 0 dc 10m\nX{k} n{k} 0 domain_wall state={z} tilt=0.3" for k, z in enumerate(places)]
    netlist.add_text("\n".join(lines))
    waves = simulator.run(netlist, Op())
    ohms = []
    for k, z in enumerate(places):
        assert waves.value(f"x{k}.z") == pytest.approx(z, abs=1e-6)
        assert waves.value(f"x{k}.tilt_c") == pytest.approx(math.cos(0.3), abs=1e-6)
        ohms.append(-0.01 / waves.value(f"i(v{k})"))
    assert all(a > b for a, b in itertools.pairwise(ohms))
    assert ohms[4] == pytest.approx(200, rel=0.03) and ohms[0] == pytest.approx(400, rel=0.03)


def test_ends_are_soft_and_hold(simulator: Simulator) -> None:
    """A strong current presses the wall against an end, the reverse current takes it off again."""
    card = ParameterSet("domain_wall", "plain", {"alpha": 0.05})
    source = "Vin in 0 dc 0 pulse(0.3 -0.3 50n 0.1n 0.1n 1 2)"
    waves = simulator.run(driven(card, source), Tran(step=2e-11, stop=100e-9), save=["xm.z"])
    before = np.interp(49e-9, waves.axis, waves["xm.z"])
    assert 0.85 < before < 1.1 and -1.1 < waves["xm.z"][-1] < -0.85
    assert np.max(np.abs(waves["xm.z"])) < 1.2


def test_noise_is_the_same_everywhere(ngspice: Simulator, vacask: Simulator) -> None:
    card = ParameterSet("domain_wall", "warm", {"h_site_2": 3e3, "site_2": 0.5})
    grid = np.linspace(0.01e-9, 1e-9, 300)
    traces = []
    for simulator in (ngspice, vacask):
        netlist = Netlist("thermal noise")
        netlist.use(device(card, noise=True))
        netlist.add_text("Vin in 0 dc 0\nXm in 0 domain_wall state=0 seed=3")
        waves = simulator.run(netlist, Tran(step=0.5e-12, stop=1e-9), save=["xm.z"], timeout=120)
        traces.append(np.interp(grid, waves.axis, waves["xm.z"]))
    assert np.std(traces[0]) > 1e-3
    assert np.max(np.abs(traces[0] - traces[1])) < 0.1 * np.std(traces[0])


# -- the landscape -----------------------------------------------------------------------------------


def test_pinning_is_the_slope_of_an_energy() -> None:
    """No work is gained on any way round: the field is minus the slope of the energy the model reports."""
    model = get_model("domain_wall")
    values = model.complete(EVERYTHING) | {"v_fl_rl": 0.0, "tilt_c": 1.0, "tilt_s": 0.0, "temperature": 300.0}
    z = np.linspace(-1.2, 1.2, 200001)
    energy, pin, h_k, ms = model.evaluate(["wall_energy", "pin", "h_k_t", "ms_t"], values | {"z": z})
    moment = 2 * 4e-7 * math.pi * ms * values["thickness"] * values["width"]
    slope = -np.gradient(energy, z * values["length"] / 2) / moment
    field = pin * h_k
    assert slope[1:-1] == pytest.approx(field[1:-1], abs=2e-5 * np.max(np.abs(field)))


def test_a_site_holds_up_to_its_field() -> None:
    model = get_model("domain_wall")
    values = model.complete({"h_site_1": 700.0, "h_end": 1.0, "length": 2e-6}) | {"v_fl_rl": 0.0}
    pin, h_k = model.evaluate(["pin", "h_k_t"], values | {"z": np.linspace(-0.9, 0.9, 20001)})
    assert np.max(pin * h_k) == pytest.approx(700.0, rel=1e-4)


def test_random_landscapes_have_their_strength_and_their_seed() -> None:
    model = get_model("domain_wall")
    values = model.complete({"h_rough": 300.0, "length": 20e-6}) | {"v_fl_rl": 0.0, "z": np.linspace(-0.9, 0.9, 20001)}
    fields = []
    for seed in range(12):
        pin, h_k = model.evaluate(["pin", "h_k_t"], values | {"pin_seed": float(seed)})
        fields.append(pin * h_k)
        assert np.sqrt(np.mean(fields[-1] ** 2)) == pytest.approx(300.0, rel=0.05)
    correlation = np.corrcoef(fields)
    assert np.max(np.abs(correlation - np.eye(12))) < 0.95
    assert np.mean(np.abs(correlation - np.eye(12))) < 0.45


@pytest.mark.slow
@pytest.mark.parametrize("name", ["chanthbouala_2011", "khvalkovskiy_2009_planar", "khvalkovskiy_2009_perpendicular"])
def test_quality_checks_of_published_cards(name: str, ngspice: Simulator, vacask: Simulator) -> None:
    done = run_qa(load_card(name), points=20)
    assert {c.name for c in done} >= {"mobility", "above breakdown", "retention", "same equation"}
    assert [c for c in done if not c.passed] == []
