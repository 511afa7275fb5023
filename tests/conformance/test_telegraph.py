"""The emitted `telegraph` against NumPy, its law of dwell times, and itself in the other simulator."""

from __future__ import annotations

import functools
import math
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import curve_fit
from scipy.signal import welch
from scipy.stats import kstest

from compact.analysis import Op, Tran
from compact.cards import card_names, load_card
from compact.checks import parity
from compact.constants import ZERO_CELSIUS
from compact.emit import emit_veriloga
from compact.measure import crossings
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.simulators import Simulator, openvaf

FLICKER = ParameterSet(
    "telegraph",
    "flicker",
    dict(
        r_p=4e3, tmr=1.2, v_h=0.6, tmr_slope=0.1, g_slope=0.05, g_curv=0.4, tc_r=-2e-4, delta=5.0, tau_0=1e-9,
        exponent=1.0, vc_p2ap=0.5, vc_ap2p=0.7, h_bias=0.05,
    ),
)  # fmt: skip
PERPENDICULAR = FLICKER.replace("perpendicular", exponent=2.0, delta=6.0, h_bias=-0.04)


def law(card: ParameterSet, name: str, volts: float | np.ndarray = 0.0, temperature: float = 27.0, **instance) -> float:
    """A quantity of the model from its equations."""
    kelvin = temperature + ZERO_CELSIUS
    known = {**card.values, **instance, "v_fl_rl": volts, "z": 1.0, "temperature": kelvin}
    value = card.definition.evaluate(name, known)
    return float(value) if np.ndim(value) == 0 else value


def trace(
    simulator: Simulator,
    card: ParameterSet,
    stop: float,
    volts: float = 0.0,
    temperature: float = 27.0,
    source: str = "",
    **instance: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Times [s] and states of a junction at a voltage, or at any source between `in` and ground."""
    netlist = Netlist("telegraph noise")
    netlist.use(card)
    words = " ".join(f"{name}={value!r}" for name, value in instance.items())
    netlist.add_text(f"{source or f'Vin in 0 dc {volts!r}'}\nXm in 0 telegraph state=1 {words}")
    step = law(card, "step_time", volts, temperature, **instance)
    waves = simulator.run(netlist, Tran(stop, step), save=["xm.z"], temperature=temperature, timeout=300)
    return waves.axis, waves["xm.z"]


def dwells(times: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Complete dwells [s] in the parallel and in the antiparallel state; the run starts parallel."""
    spans = np.diff(crossings(times, z, 0.0))
    return spans[1::2], spans[::2]


@functools.lru_cache(maxsize=32)
def long_run(
    simulator: Simulator, card_name: str, volts: float, count: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """At least about `count` dwells, shared by tests."""
    card = {"flicker": FLICKER, "perpendicular": PERPENDICULAR}[card_name]
    stop = 0.55 * count * (law(card, "dwell_p", volts) + law(card, "dwell_ap", volts))
    return trace(simulator, card, stop, volts, seed=seed)


def expected_flips(card: ParameterSet, stop: float, volts: float = 0.0, **instance: float) -> np.ndarray:
    """Slots in which the state changes, by the equations alone."""
    width = law(card, "slot_time", volts, **instance)
    slots = np.arange(int(stop / width))
    kicks = np.flatnonzero(law(card, "kick", volts, **instance, time=(slots + 0.5) * width) > 0.5)
    targets = 1 - 2 * (kicks % 2)
    return kicks[np.flatnonzero(np.diff(np.concatenate([[1], targets])))]


@pytest.mark.parametrize("temperature", [27.0, -55.0, 175.0])
def test_equals_numpy_at_random_points_and_times(simulator: Simulator, temperature: float) -> None:
    """Currents and rates over 60 slots at random voltages, states and seeds, in steps that know nothing of slots."""
    rng = np.random.default_rng(5)
    for k in range(3):
        values = dict(
            r_p=10 ** rng.uniform(1, 5), tmr=rng.uniform(0.1, 3), v_h=rng.uniform(0.3, 2),
            tc_r=rng.uniform(-1e-3, 1e-3), delta=rng.uniform(1, 12), tau_0=10 ** rng.uniform(-12, -6),
            exponent=rng.uniform(1, 2), vc_p2ap=rng.uniform(0.1, 2), vc_ap2p=rng.uniform(0.1, 2),
            h_bias=rng.uniform(-0.3, 0.3),
        )  # fmt: skip
        card = ParameterSet("telegraph", f"random_{k}", values)
        assert parity([card], simulator, 15, temperature, seed=k, slots=60) < 1e-6


def test_equals_numpy_with_terms_left_out(simulator: Simulator) -> None:
    cards = [load_card(name) for name in card_names() if load_card(name).model == "telegraph"]
    for card in (ParameterSet("telegraph", "defaults"), *cards):
        assert parity([card], simulator, 20, slots=30) < 1e-6


def test_operating_point_is_the_initial_state(simulator: Simulator) -> None:
    netlist = Netlist("both states at 0.3 V")
    netlist.use(FLICKER)
    netlist.add_text("Va a 0 dc 0.3\nXp a 0 telegraph state=1\nVb b 0 dc 0.3\nXap b 0 telegraph state=-1")
    waves = simulator.run(netlist, Op())
    assert waves.value("xp.z") == pytest.approx(1.0, abs=1e-9)
    assert waves.value("xap.z") == pytest.approx(-1.0, abs=1e-9)
    assert -waves.value("i(va)") > 1.5 * -waves.value("i(vb)") > 0


@pytest.mark.parametrize(("card", "seed"), [(FLICKER, 1), (FLICKER, 987654), (PERPENDICULAR, 3)])
def test_every_flip_is_where_the_equations_say(
    card: ParameterSet, seed: int, ngspice: Simulator, vacask: Simulator
) -> None:
    """The same switching instants in both simulators, not one lost and not one added."""
    stop = 120 * (law(card, "dwell_p") + law(card, "dwell_ap"))
    flips = expected_flips(card, stop, seed=seed)
    width = law(card, "slot_time")
    assert len(flips) > 100
    for simulator in (ngspice, vacask):
        at = crossings(*trace(simulator, card, stop, seed=seed), 0.0) / width
        assert len(at) == len(flips)
        assert np.all((at > flips) & (at < flips + 0.5))


def test_seed_decides_the_trace(vacask: Simulator) -> None:
    stop = 60 * (law(FLICKER, "dwell_p") + law(FLICKER, "dwell_ap"))
    first, again, other = (crossings(*trace(vacask, FLICKER, stop, seed=seed), 0.0) for seed in (7, 7, 8))
    assert np.array_equal(first, again)
    assert len(other) != len(first) or np.max(np.abs(other - first)) > law(FLICKER, "dwell_p")


@pytest.mark.parametrize("card", ["flicker", "perpendicular"])
def test_dwells_are_exponential(card: str, vacask: Simulator) -> None:
    """2000 dwells of each state; a slot's width blurs them, so each is moved within its slot pair at random."""
    junction = {"flicker": FLICKER, "perpendicular": PERPENDICULAR}[card]
    blur = 2 * law(junction, "slot_time")
    rng = np.random.default_rng(0)
    for spans, name in zip(dwells(*long_run(vacask, card, 0.0, 4000, 11)), ("dwell_p", "dwell_ap"), strict=True):
        mean = law(junction, name)
        assert len(spans) > 1900
        continuous = np.abs(spans + rng.uniform(-0.5, 0.5, len(spans)) * blur)
        assert kstest(continuous, "expon", args=(0, mean)).pvalue > 0.01
        assert np.mean(spans) == pytest.approx(mean, rel=4 / math.sqrt(len(spans)))


@pytest.mark.parametrize("card", ["flicker", pytest.param("perpendicular", marks=pytest.mark.slow)])
def test_dwells_follow_the_voltage(card: str, vacask: Simulator) -> None:
    """Mean dwells within their errors, and their ratio within 5 % of the law, at three voltages."""
    junction = {"flicker": FLICKER, "perpendicular": PERPENDICULAR}[card]
    reach = 0.1 if card == "flicker" else 0.03
    for volts in (-reach, 0.0, reach):
        both = dwells(*long_run(vacask, card, volts, 4000, 11))
        expected = law(junction, "dwell_p", volts), law(junction, "dwell_ap", volts)
        for spans, mean in zip(both, expected, strict=True):
            assert np.mean(spans) == pytest.approx(mean, rel=4 / math.sqrt(len(spans)))
        # sqrt(2/2000) is 3 %; the seeds are fixed.
        ratio = np.mean(both[0]) / np.mean(both[1])
        assert ratio == pytest.approx(expected[0] / expected[1], rel=0.05)


def test_dwells_under_a_ramped_voltage(vacask: Simulator) -> None:
    """The rate integrated over each dwell is exponential with mean one, whatever the voltage did meanwhile."""
    period = 20 * (law(FLICKER, "dwell_p") + law(FLICKER, "dwell_ap"))
    height, stop = 0.15, 100 * period
    ramp = f"pulse({-height} {height} 0 {period / 2!r} {period / 2!r} {period * 1e-9!r} {period * (1 + 2e-9)!r})"
    times, z = trace(vacask, FLICKER, stop, source=f"Vin in 0 dc {-height} {ramp}", seed=5)
    grid = np.linspace(0, stop, 400_001)
    volts = height * (1 - 2 * np.abs(1 - 2 * (grid / period % 1)))
    at = crossings(times, z, 0.0)
    for name, first in (("rate_p", 1), ("rate_ap", 0)):
        rate = law(FLICKER, name, volts)
        age = np.concatenate([[0.0], np.cumsum((rate[1:] + rate[:-1]) / 2 * np.diff(grid))])
        starts, stops = at[first::2], at[first + 1 :: 2]
        starts = starts[: len(stops)]
        spans = np.interp(stops, grid, age) - np.interp(starts, grid, age)
        assert len(spans) > 1500
        assert np.mean(spans) == pytest.approx(1.0, abs=4 / math.sqrt(len(spans)))
        blur = 2 * law(FLICKER, "slot_time") * np.interp(starts, grid, rate)
        moved = np.abs(spans + np.random.default_rng(1).uniform(-0.5, 0.5, len(spans)) * blur)
        assert kstest(moved, "expon").pvalue > 0.01


def test_dwells_do_not_depend_on_the_slot(vacask: Simulator) -> None:
    usual = law(FLICKER, "slot_time")
    stop = 1100 * (law(FLICKER, "dwell_p") + law(FLICKER, "dwell_ap"))
    for slot in (usual, usual / 2):
        spans = dwells(*trace(vacask, FLICKER, stop, seed=3, t_slot=slot))
        for values, name in zip(spans, ("dwell_p", "dwell_ap"), strict=True):
            assert np.mean(values) == pytest.approx(law(FLICKER, name), rel=4 / math.sqrt(len(values)))


@pytest.mark.parametrize("temperature", [-20.0, 100.0])
def test_dwells_follow_the_temperature(temperature: float, vacask: Simulator) -> None:
    expected = law(FLICKER, "dwell_p", 0.0, temperature), law(FLICKER, "dwell_ap", 0.0, temperature)
    spans = dwells(*trace(vacask, FLICKER, 1100 * sum(expected), temperature=temperature, seed=2))
    for values, mean in zip(spans, expected, strict=True):
        assert np.mean(values) == pytest.approx(mean, rel=4 / math.sqrt(len(values)))
    assert law(FLICKER, "dwell_p", 0.0, -20.0) > 1.3 * law(FLICKER, "dwell_p", 0.0, 100.0)


def test_one_second_of_milliseconds_takes_seconds(simulator: Simulator) -> None:
    card = FLICKER.replace("slow", delta=math.log(1e6), h_bias=0.0)
    expected = law(card, "dwell_p")
    assert 0.8e-3 < expected < 1.2e-3
    start = time.perf_counter()
    times, z = trace(simulator, card, 1.0, seed=9)
    assert time.perf_counter() - start < 20
    spans = np.concatenate(dwells(times, z))
    assert np.mean(spans) == pytest.approx(expected, rel=4 / math.sqrt(len(spans)))


def test_spectrum_is_lorentzian(vacask: Simulator) -> None:
    """Corner at the sum of both rates over 2 pi, from the averaged periodogram."""
    times, z = long_run(vacask, "flicker", 0.0, 4000, 11)
    total = law(FLICKER, "rate_p") + law(FLICKER, "rate_ap")
    interval = 0.1 / total
    state = np.sign(np.interp(np.arange(0, times[-1], interval), times, z))
    frequency, power = welch(state, 1 / interval, nperseg=512)
    low = (frequency > 0) & (frequency < total)

    def log_lorentzian(f: np.ndarray, plateau: float, corner: float) -> np.ndarray:
        return np.log(plateau) - np.log1p((f / corner) ** 2)

    start = power[1], total / (2 * math.pi)
    (_, corner), _ = curve_fit(log_lorentzian, frequency[low], np.log(power[low]), p0=start)
    assert abs(corner) == pytest.approx(total / (2 * math.pi), rel=0.08)


def test_compiles_without_a_warning(vacask: Simulator, tmp_path: Path) -> None:
    compiler = openvaf.find_openvaf()["path"]
    for text in (emit_veriloga(FLICKER), emit_veriloga(FLICKER, expose=True)):
        (tmp_path / "module.va").write_text(text)
        done = subprocess.run([compiler, "module.va"], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "warning" not in (done.stdout + done.stderr).lower()
