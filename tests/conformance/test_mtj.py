"""The emitted `mtj` in every simulator, against NumPy, closed forms and each other."""

from __future__ import annotations

import math
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from compact.analysis import Dc, Op, Tran
from compact.cards import card_names, load_card
from compact.checks import boltzmann_moment, fold_voltage, parity, switching_time
from compact.emit import TARGETS, device, emit, emit_ngspice, emit_veriloga, write
from compact.netlist import Netlist
from compact.parameters import CORNERS, ParameterSet
from compact.qa import _circuit_checks, run_qa
from compact.simulators import Simulator, get_simulator, openvaf

Draw = Callable[[int, int], list[ParameterSet]]


@pytest.fixture(scope="module")
def card() -> ParameterSet:
    """A card with every term of the model in use."""
    values = dict(
        r_p=4e3, tmr=1.2, v_h=0.6, tmr_slope=0.2, g_slope=0.1, g_curv=0.5, ic_p2ap=45e-6, ic_ap2p=30e-6, delta=55,
        tau_d=1e-9, h_bias=0.03, tc_r=-2e-4,
    )  # fmt: skip
    return ParameterSet("mtj", "everything", values)


@pytest.mark.parametrize("temperature", [27.0, -55.0, 175.0])
def test_equals_numpy_at_random_points(random_cards: Draw, simulator: Simulator, temperature: float) -> None:
    """1000 points: 20 cards, 50 points each, voltages and states forced from outside."""
    assert parity(random_cards(20, 1), simulator, 50, temperature, seed=2) < 1e-6


def test_equals_numpy_with_terms_left_out(simulator: Simulator) -> None:
    """Cards whose zero parameters drop terms from the ngspice text."""
    cards = [card for name in card_names() if (card := load_card(name)).model == "mtj"]
    cards.append(cards[0].replace("leaky", g_curv=2.0))
    cards.append(cards[0].replace("skewed", ic_ap2p=20e-6))
    cards.append(cards[0].replace("biased", h_bias=-0.2))
    assert parity(cards, simulator, 50) < 1e-6


def test_operating_point_is_the_initial_state(random_cards: Draw, simulator: Simulator) -> None:
    """Both states of 1000 random cards at zero bias, without a stray field beyond the fold."""
    cards = random_cards(1000, 3)
    for start in range(0, len(cards), 50):
        netlist = Netlist("operating points at zero bias")
        lines = []
        for k, card in enumerate(cards[start : start + 50]):
            netlist.use(card, f"device{k}")
            lines += [f"Xp{k} a 0 device{k} state=1", f"Xap{k} a 0 device{k} state=-1"]
        netlist.add_text("\n".join(["Va a 0 dc 0", *lines]))
        waves = simulator.run(netlist, Op(), timeout=300)
        for k, card in enumerate(cards[start : start + 50]):
            for name, state in (("xp", 1.0), ("xap", -1.0)):
                values = {**card.values, "state": state, "v_fl_rl": 0.0, "z": state}
                assert waves.value(f"{name}{k}.z") == pytest.approx(
                    float(card.definition.evaluate("static_z", values)), abs=1e-6
                )
                assert state * waves.value(f"{name}{k}.z") > 0.7


def test_sweeps_show_the_loop(card: ParameterSet, simulator: Simulator) -> None:
    """Up and down in one run; each edge at the fold of the motion, states on their own branches."""
    low, high = 1.4 * fold_voltage(card, 1), 1.4 * fold_voltage(card, -1)
    netlist = Netlist("loop")
    netlist.use(card)
    netlist.add_text("Vin in 0 dc 0\nXm in 0 mtj state=-1")
    waves = simulator.run(netlist, Dc("vin", low, high, (high - low) / 200, back=True), options={"reltol": 1e-6})
    z, v = waves.state("xm", "z"), waves["in"]
    up, down = np.flatnonzero(np.diff(np.sign(z)))
    assert up < len(v) // 2 < down
    assert v[up + 1] == pytest.approx(fold_voltage(card, -1), rel=0.03)
    assert v[down + 1] == pytest.approx(fold_voltage(card, 1), rel=0.03)
    biased = np.abs(v) > 1e-3
    resistance = -v[biased] / waves["i(vin)"][biased]
    expected = card.definition.evaluate("resistance", {**card.values, "v_fl_rl": v[biased], "z": z[biased]})
    assert resistance == pytest.approx(expected, rel=1e-5)
    near_zero = np.abs(v) < 0.05
    assert np.min(np.abs(z[near_zero])) > 0.95


def test_low_resistance_is_parallel_and_positive_current_sets_it(card: ParameterSet, simulator: Simulator) -> None:
    assert math.isfinite(switching_time(card, -1, 0.9, simulator))
    assert math.isnan(switching_time(card, -1, -0.9, simulator))
    assert math.isfinite(switching_time(card, 1, -0.9, simulator))
    assert math.isnan(switching_time(card, 1, 0.9, simulator))
    netlist = Netlist("both states")
    netlist.use(card)
    netlist.add_text("Va a 0 dc 0.05\nX1 a 0 mtj state=1\nVb b 0 dc 0.05\nX2 b 0 mtj state=-1")
    waves = simulator.run(netlist, Op())
    assert -waves.value("i(va)") > 1.8 * -waves.value("i(vb)") > 0


@pytest.mark.parametrize(("state", "volts"), [(s, -s * v) for s in (1, -1) for v in (0.4, 0.6, 0.8, 1.0)])
def test_switching_times_agree(state: int, volts: float, ngspice: Simulator, vacask: Simulator) -> None:
    """0.4 to 1.0 V in both directions, three integrators."""
    card = load_card("garcia_redondo_2021")
    times = [switching_time(card, state, volts, s) for s in (get_simulator("reference"), ngspice, vacask)]
    assert max(times) / min(times) - 1 < 0.01


def zero_temperature_time(i: float, z0: float, z: float) -> float:
    """Closed form for a constant drive i > 1 from z0 to z, in units of tau_d."""
    return (
        math.log((1 - z) / (1 - z0)) / (2 * (i - 1))
        + math.log((1 + z0) / (1 + z)) / (2 * (i + 1))
        + math.log((i - z0) / (i - z)) / (i * i - 1)
    )


@pytest.mark.parametrize("name", ["reference", "ngspice", "vacask"])
@pytest.mark.parametrize(("i", "z0"), [(1.5, 0.95), (2.0, 0.99), (4.0, 0.9), (2.0, -0.95)])
def test_zero_temperature_switching_time(name: str, i: float, z0: float, request: pytest.FixtureRequest) -> None:
    simulator = get_simulator(name) if name == "reference" else request.getfixturevalue(name)
    tau, critical = 1e-9, 50e-6
    card = ParameterSet("mtj", "cold", {"delta": 1e9, "tau_d": tau, "ic_p2ap": critical, "ic_ap2p": critical})
    side = 1 if z0 > 0 else -1
    netlist = Netlist("constant current from a given angle")
    netlist.use(card)
    amps = side * i * critical * float(card.definition.evaluate("ic_t", card.values))
    netlist.add_text(f"Iin in 0 dc 0 pulse(0 {amps!r} 0 1e-14 1e-14 1e-6 2e-6)\nXm in 0 mtj state={z0}")
    waves = simulator.run(netlist, Tran(step=5e-12, stop=20e-9), save=["xm.z"])
    kelvin = {**card.values}
    tau_27 = float(card.definition.evaluate("tau_t", kelvin))
    progress = -side * waves.state("xm", "z")
    for end in (0.0, 0.9):
        expected = tau_27 * zero_temperature_time(i, abs(z0), -end)
        assert np.interp(end, progress[: np.argmax(progress > 0.99)], waves.axis[: np.argmax(progress > 0.99)]) == (
            pytest.approx(expected, rel=0.01)
        )


def _noisy(
    simulator: Simulator, delta: float, slot: float, seed: int, stop: float, step: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    netlist = Netlist("thermal noise")
    netlist.use(device(ParameterSet("mtj", "warm", {"delta": delta}), noise=True))
    netlist.add_text(f"Vin in 0 dc 0\nXm in 0 mtj state=1 seed={seed} t_slot={slot!r}")
    waves = simulator.run(netlist, Tran(step=step or slot, stop=stop), save=["xm.z"], timeout=300)
    return waves.axis, waves.state("xm", "z")


def test_noise_is_the_same_function_of_time_everywhere(ngspice: Simulator, vacask: Simulator) -> None:
    """Same seed, same trace, to the integrators' accuracy; other seed, other trace."""
    grid = np.linspace(0.1e-9, 20e-9, 500)
    traces = []
    for simulator, seed in ((ngspice, 5), (vacask, 5), (get_simulator("reference"), 5), (ngspice, 6)):
        t, z = _noisy(simulator, 30.0, 50e-12, seed, 20e-9, step=10e-12)
        traces.append(np.interp(grid, t, z))
    spread = np.std(traces[2])
    assert np.max(np.abs(traces[0] - traces[2])) < 0.1 * spread
    assert np.max(np.abs(traces[1] - traces[2])) < 0.1 * spread
    assert np.max(np.abs(traces[3] - traces[2])) > spread


@pytest.mark.parametrize("slot", [10e-12, 5e-12])
def test_thermal_equilibrium_does_not_depend_on_the_slot(slot: float, vacask: Simulator) -> None:
    """<z^2> at Delta = 5 against Boltzmann, within four standard errors from independent runs."""
    card = ParameterSet("mtj", "warm", {"delta": 5.0})
    delta = float(card.definition.evaluate("delta_t", card.values))
    means = []
    for seed in range(12):
        t, z = _noisy(vacask, 5.0, slot, seed + 1, 600e-9)
        grid = np.arange(20e-9, t[-1], slot)
        means.append(np.mean(np.interp(grid, t, z) ** 2))
    error = np.std(means, ddof=1) / math.sqrt(len(means))
    assert error < 0.006
    assert np.mean(means) == pytest.approx(boltzmann_moment(delta, 2), abs=4 * error)


def test_compiles_without_a_warning(card: ParameterSet, vacask: Simulator, tmp_path: Path) -> None:
    compiler = openvaf.find_openvaf()["path"]
    for text in (emit_veriloga(card), emit_veriloga(card, expose=True)):
        (tmp_path / "module.va").write_text(text)
        done = subprocess.run([compiler, "module.va"], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "warning" not in (done.stdout + done.stderr).lower()


def test_library_sections_are_the_corners(ngspice: Simulator, tmp_path: Path) -> None:
    """Each section loads in plain ngspice by hand, with the corner's resistance; the header names the source."""
    card = load_card("ikeda_2010")
    write(card, "all", tmp_path)
    text = (tmp_path / "ikeda_2010.lib").read_text()
    assert "Nature Materials 9, 721" in text
    assert "This text is yours" in text
    for corner in CORNERS:
        deck = f"""by hand
.lib "ikeda_2010.lib" ikeda_2010_{corner}
V1 a 0 1m
X1 a 0 ikeda_2010 state=1
X2 a 0 ikeda_2010_noise state=1 seed=3
.control
op
print i(v1)
.endc
.end
"""
        (tmp_path / "deck.cir").write_text(deck)
        done = subprocess.run(["ngspice", "-b", "deck.cir"], cwd=tmp_path, capture_output=True, text=True, check=False)
        amps = -float(done.stdout.split("i(v1) =")[1].split()[0])
        values = {**card.corner(corner).values, "v_fl_rl": 1e-3, "z": 1.0}
        static = card.definition.evaluate("static_z", values)
        expected = 2e-3 / float(card.definition.evaluate("resistance", {**values, "z": static}))
        assert amps == pytest.approx(expected, rel=1e-5)


def test_targets_write_what_they_say(card: ParameterSet) -> None:
    files = [set(emit(card, target)) for target in TARGETS]
    assert set(emit(card, "all")) == set.union(*files)
    assert "e_half" not in emit_ngspice(load_card("ikeda_2010"))
    assert "e_half" in emit_ngspice(card)


QUALITY = "garcia_redondo_2021"
"""Card whose quality checks run by default; those of the others take as long each."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name == QUALITY else pytest.mark.slow)
        for name in card_names()
        if load_card(name).model == "mtj"
    ],
)
def test_published_cards_pass_all_checks(name: str, ngspice: Simulator, vacask: Simulator) -> None:
    failed = [check for check in run_qa(load_card(name), points=20) if not check.passed]
    assert not failed


def test_a_junction_of_low_resistance_is_read_below_its_threshold() -> None:
    low = load_card(QUALITY).replace("low", r_p=2.0, ic_p2ap=0.02, ic_ap2p=0.02)  # switches far below 0.1 V
    (read,) = (c for c in _circuit_checks(low, get_simulator("reference"), 5) if c.name == "R_P below R_AP")
    assert read.passed and read.value == pytest.approx(1 / (1 + low.values["tmr"]), rel=0.05)
