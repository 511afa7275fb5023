"""The emitted `multidomain` against NumPy, and what a memristor of many domains must do in circuit simulators."""

from __future__ import annotations

import itertools
import subprocess
from pathlib import Path

import numpy as np
import pytest

from compact.analysis import Dc, Op, Tran
from compact.cards import load_card
from compact.checks import parity
from compact.emit import emit_veriloga
from compact.models.multidomain import CLASSES
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.physics.minor_loops import Turn, alternate, doses
from compact.pulsed import PulsedJunction
from compact.qa import run_qa
from compact.simulators import Simulator, openvaf

CARD = ParameterSet(
    "multidomain",
    "memristor",
    dict(
        r_p=4e3, tmr=0.6, v_h=0.8, g_curv=0.2, ic_p2ap=60e-6, ic_ap2p=50e-6, width_p2ap=0.12, width_ap2p=0.15,
        skew_p2ap=-0.4, skew_ap2p=-0.2, delta=60.0, h_bias=0.02,
    ),
)  # fmt: skip
WIDTH = 1e-6
STATES = [f"xm.z{k}" for k in range(CLASSES)]


def random_card(rng: np.random.Generator, name: str) -> ParameterSet:
    g_curv, v_h, r_p = rng.uniform(0.1, 3.0), rng.uniform(0.3, 2.0), 10 ** rng.uniform(1, 5)
    return ParameterSet(
        "multidomain", name,
        dict(
            r_p=r_p, tmr=rng.uniform(0.02, 3.0), v_h=v_h, tmr_slope=rng.uniform(-0.5, 0.5) / v_h,
            g_slope=rng.uniform(-0.3, 0.3) * np.sqrt(g_curv), g_curv=g_curv, ic_p2ap=rng.uniform(0.02, 0.3) / r_p,
            ic_ap2p=rng.uniform(0.02, 0.3) / r_p, width_p2ap=rng.uniform(0.02, 0.3), width_ap2p=rng.uniform(0.02, 0.3),
            skew_p2ap=rng.uniform(-1, 0.2), skew_ap2p=rng.uniform(-1, 0.2), delta=rng.uniform(10, 60),
            barrier_power=rng.uniform(0, 2), exponent=rng.uniform(1, 2), h_bias=rng.uniform(-0.3, 0.3),
        ),
    )  # fmt: skip


def waveform(points: list[tuple[float, float]]) -> str:
    """A voltage through the given times and levels, as ramps in series that each add one step."""
    lines, node = [], "0"
    for k, ((t0, v0), (t1, v1)) in enumerate(itertools.pairwise(points)):
        lines.append(f"V{k} w{k} {node} dc 0 pulse(0 {v1 - v0!r} {t0!r} {t1 - t0!r} 1e-9 1e3 2e3)")
        node = f"w{k}"
    return "\n".join([*lines, f"Vend in {node} dc {points[0][1]!r}"])


def trace(
    simulator: Simulator, points: list[tuple[float, float]], card: ParameterSet = CARD, state: float = -1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Times [s] and states of the classes, shape (n, classes)."""
    netlist = Netlist("many domains under a voltage")
    netlist.use(card)
    netlist.add_text(f"{waveform(points)}\nXm in 0 multidomain state={state!r}")
    stop = points[-1][0]
    waves = simulator.run(netlist, Tran(stop, stop / 2000), save=STATES, timeout=300)
    return waves.axis, np.stack([waves[s] for s in STATES], axis=1)


@pytest.mark.parametrize("temperature", [27.0, -55.0, 175.0])
def test_equals_numpy_at_random_points(simulator: Simulator, temperature: float) -> None:
    rng = np.random.default_rng(7)
    cards = [random_card(rng, f"random_{k}") for k in range(2)]
    assert parity(cards, simulator, 8, temperature, seed=1) < 1e-6


@pytest.mark.slow
def test_equals_numpy_at_a_thousand_points(simulator: Simulator) -> None:
    rng = np.random.default_rng(8)
    assert parity([random_card(rng, f"random_{k}") for k in range(20)], simulator, 50) < 1e-6


def test_initial_states(simulator: Simulator) -> None:
    """The mean cosine is what the instance says; the easiest domains are the parallel ones."""
    for state in (-1.0, -0.37, 0.0, 0.8, 1.0):
        netlist = Netlist("start")
        netlist.use(CARD)
        netlist.add_text(f"Vin in 0 dc 0.01\nXm in 0 multidomain state={state!r}")
        waves = simulator.run(netlist, Op())
        z = np.array([waves.value(s) for s in STATES])
        assert z.mean() == pytest.approx(state, abs=1e-6)
        assert np.all(np.diff(z) <= 1e-9)
        assert np.abs(z).max() <= 1 + 1e-9


def pulses(heights: list[float], width: float, gap: float) -> list[tuple[float, float]]:
    edge, points, now = 1e-3 * width, [(0.0, 0.0)], 0.0
    for height in heights:
        points += [(now + gap, 0.0), (now + gap + edge, height), (now + gap + width, height)]
        points += [(now + gap + width + edge, 0.0)]
        now += gap + width + edge
    return [*points, (now + gap, 0.0)]


def test_pulses_switch_what_the_rates_say(simulator: Simulator) -> None:
    """Partial switching by trains of voltage pulses of both signs, against the exact relaxation of each class."""
    heights = [0.20, 0.20, 0.20, 0.24, 0.28, -0.13, -0.16, -0.16, 0.26]
    times, z = trace(simulator, pulses(heights, WIDTH, 0.3 * WIDTH))
    ends = (np.arange(len(heights)) + 1) * 1.301 * WIDTH + 0.1 * WIDTH
    seen = np.array([np.interp(ends, times, column) for column in z.T]).T
    told = PulsedJunction(CARD.values, 0.3, by_voltage=True, temperature=300.15).after(heights, WIDTH, -1.0)
    assert np.abs(seen - told).max() < 0.02
    mean = told.mean(axis=1)
    assert np.all(np.diff(mean[:5]) > 0)  # potentiation, pulse by pulse
    assert np.all(np.diff(mean[4:8]) < 0)  # depression
    assert mean[4] - mean[0] > 0.1 and np.abs(mean[:-1]).max() < 0.99


def test_longer_pulses_switch_more() -> None:
    junction = PulsedJunction(CARD.values, 0.3, by_voltage=True)
    found = [junction.fraction([0.2], width)[0] for width in (1e-8, 1e-7, 1e-6, 1e-5, 1e-4)]
    assert np.all(np.diff(found) > 0.02)


def test_loops_are_smooth(monkeypatch: pytest.MonkeyPatch) -> None:
    """No steps of single classes: the slope of a fine sweep has one peak; the outermost classes stand apart."""
    monkeypatch.setattr("compact.pulsed.GRID", 8001)  # the table must not add ripple of its own
    drive = np.linspace(0, 0.6, 601)
    junction = PulsedJunction(CARD.values, 0.6, by_voltage=True)
    fraction = junction.fraction(drive, 1e-6)
    slope = np.diff(fraction)[(fraction[1:] > 0.15) & (fraction[1:] < 0.85)]
    peak = int(np.argmax(slope))
    rise, fall = slope[: peak + 1], slope[peak:]
    dips = np.maximum.accumulate(rise) - rise, fall - np.minimum.accumulate(fall)
    assert max(float(d.max()) for d in dips) < 0.03 * slope[peak]


COLD = CARD.replace("cold", delta=2000.0)
"""High barriers: minor loops close but for the creep at the turning point, which falls as 1/delta."""
TURN, BOTTOM, TOP = 0.31, -0.225, 0.6
RAMP = 2e-4


def minor(repeats: int, turn: float = TURN, bottom: float = BOTTOM, top: float = TOP) -> list[tuple[float, float]]:
    """Up to a turning point, then down and up again a number of times, then on to saturation; all at one rate."""
    corners = [0.0, turn, *([bottom, turn] * repeats), top]
    times = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(corners)) / TURN * RAMP)])
    return list(zip(times.tolist(), corners, strict=True))


def test_minor_loops_close(simulator: Simulator) -> None:
    """The state is the same after each inner loop, and the sweep then goes on as if it had never turned."""
    points = minor(3)
    times, z = trace(simulator, points, COLD)
    mean = z.mean(axis=1)
    turns = np.interp([t for t, v in points if v == TURN], times, mean)
    low = np.interp([t for t, v in points if v < 0], times, mean)
    assert 0.25 < (turns[0] + 1) / 2 < 0.9  # on the branch, at neither end
    assert turns.mean() - low.mean() > 0.2  # the inner loop is one
    height = 2.0
    assert np.abs(np.diff(turns)).max() / height < 0.01
    assert np.abs(np.diff(low)).max() / height < 0.01
    plain, state = trace(simulator, [(0.0, 0.0), (RAMP * TOP / TURN, TOP)], COLD)
    volts = np.linspace(TURN + 0.01, TOP, 60)
    straight = np.interp(volts * RAMP / TURN, plain, state.mean(axis=1))
    last = points[-2][0]
    returned = np.interp(last + (volts - TURN) * RAMP / TURN, times, mean)
    assert np.abs(returned - straight).max() / height < 0.01


MEASURED = load_card("murray_2018")
VISITS = 8


@pytest.mark.parametrize(
    ("card", "up", "down", "width"),
    [(CARD, 0.2, -0.14, WIDTH), (MEASURED, 12.5e-3, -8.9e-3, 0.1)],
    ids=["memristor", "measured"],
)
def test_minor_loops_creep_as_the_rates_say(
    card: ParameterSet, up: float, down: float, width: float, simulator: Simulator
) -> None:
    """At barriers as they are, each visit of a turning point switches some more, the less the more there were."""
    heights = [up, *[down, up] * (VISITS - 1)]
    times, z = trace(simulator, pulses(heights, width, 0.1 * width), card)
    ends = (np.arange(len(heights)) + 1) * 1.101 * width + 0.02 * width
    seen = (1 + np.interp(ends, times, z.mean(axis=1))[::2]) / 2
    junction = PulsedJunction(card.values, 1.5 * up, by_voltage=True, temperature=300.15)
    np.testing.assert_allclose(np.diff(seen), np.diff(junction.fraction(heights, width, -1.0)[::2]), rtol=0.01)
    ahead = doses(card, [0.0, width], [up, up], "ap2p")
    told = alternate(ahead, doses(card, [0.0, width], [down, down], "p2ap"), VISITS)
    growth = np.diff(seen)
    np.testing.assert_allclose(growth, np.diff(told), rtol=0.01)
    assert growth[0] > 0.04 and np.all(np.diff(growth) < 0)  # they converge
    closed = 1 + int(np.argmax(growth < 0.01))  # to one percent of the major loop
    assert growth[-1] < 0.01 and closed <= min(7, Turn(ahead).closing_visits(0.01))


def test_major_loop_forgets_minor_ones(simulator: Simulator) -> None:
    """Three inner loops at barriers as they are: how far the sweep is ahead where it goes on, and that this is lost."""
    turn, top, repeats = 0.2, 0.4, 3
    points = minor(repeats, turn, -0.14, top)
    times, z = trace(simulator, points)
    rate = TURN / RAMP
    volts = np.linspace(turn, top, 41)
    plain, state = trace(simulator, [(0.0, 0.0), (top / rate, top)])
    straight = (1 + np.interp(volts / rate, plain, state.mean(axis=1))) / 2
    ahead = (1 + np.interp(points[-2][0] + (volts - turn) / rate, times, z.mean(axis=1))) / 2 - straight
    # On the way down and up again each loop doses twice what the first way up did; domains that are hard enough to be
    # still at stake when the sweep goes on are not turned back at the bottom.
    one = doses(CARD, [0.0, turn / rate], [0.0, turn], "ap2p")
    told = [
        float(np.mean(np.exp(-doses(CARD, [0.0, v / rate], [0.0, v], "ap2p")) * -np.expm1(-2 * repeats * one)))
        for v in volts
    ]
    np.testing.assert_allclose(ahead, told, atol=2e-3)
    assert ahead[0] > 0.1
    regained = volts[int(np.argmax(ahead < 0.01))]
    assert np.all(ahead[volts >= regained] < 0.01) and regained < 1.25 * turn
    assert straight[volts >= regained][0] < 0.95  # before the branch ends


@pytest.mark.parametrize("t_point", [1e-3, 1.0])
def test_dc_sweep_shows_the_loop(t_point: float, simulator: Simulator) -> None:
    """Each class turns over where the time per point is one dose, both ways; and stays as it is elsewhere."""
    netlist = Netlist("loop")
    netlist.use(CARD)
    netlist.add_text(f"Vin in 0 dc 0\nXm in 0 multidomain state=-1 t_point={t_point!r}")
    waves = simulator.run(netlist, Dc("vin", -0.4, 0.4, 0.008, back=True), save=["i(vin)", *STATES])
    volts, z = waves.axis, np.array([waves[s] for s in STATES])
    np.testing.assert_allclose(np.abs(z), 1, atol=2e-3)  # rounded at the very point where a class turns over
    up = np.arange(len(volts)) <= int(np.argmax(volts))
    for way, part, sign in (("ap2p", up, 1), ("p2ap", ~up, -1)):
        point = {**CARD.values, "v_fl_rl": volts[part], "temperature": 300.15}
        for k in range(CLASSES):
            dose = CARD.definition.evaluate(f"rate{k}_{way}", point) * t_point
            turned = np.where(np.arange(len(dose)) < int(np.argmax(dose > 1)), -sign, sign)
            clear = np.abs(np.log(dose)) > 0.05
            assert np.all((z[k][part] * turned > 0)[clear])
    point = {**CARD.values, "v_fl_rl": volts, "temperature": 300.15, **{f"z{k}": z[k] for k in range(CLASSES)}}
    np.testing.assert_allclose(-waves["i(vin)"], CARD.definition.evaluate("i", point), rtol=2e-4, atol=1e-9)


@pytest.mark.parametrize("count", [400, pytest.param(10_000, marks=pytest.mark.slow)])
def test_stays_within_its_branches(count: int, simulator: Simulator) -> None:
    """Random pulses of all heights up to twice what saturates, one of which ends in each slot of a sampled sine."""
    # Products of incommensurate sines give pulses of irregular height and sign from few sources.
    period = 2 * WIDTH
    shapes = [(0.35, 1.0), (0.3, 1 / np.sqrt(2)), (0.3, 1 / np.pi)]
    lines, node = [], "0"
    for k, (height, ratio) in enumerate(shapes):
        t = period * float(ratio)
        lines.append(
            f"V{k} n{k} {node} dc {-height} pulse({-height} {height} {0.1 * WIDTH!r} {0.05 * t!r} {0.05 * t!r} "
            f"{0.45 * t!r} {t!r})"
        )
        node = f"n{k}"
    netlist = Netlist("irregular pulses")
    netlist.use(CARD)
    netlist.add_text("\n".join([*lines, f"Vend in {node} dc 0", "Xm in 0 multidomain state=-1"]))
    stop = count * period / (1 + np.sqrt(2) + np.pi)
    waves = simulator.run(netlist, Tran(stop, WIDTH / 10), save=["in", "i(vend)", *STATES], timeout=600)
    z = np.stack([waves[s] for s in STATES])
    assert (
        np.sum(np.abs(np.diff(np.sign(waves["in"] - 0.2))) > 0)
        + np.sum(np.abs(np.diff(np.sign(waves["in"] + 0.2))) > 0)
        > 0.3 * count
    )
    # The equations keep |z| <= 1; what is beyond is what the integrator allows itself within a step.
    assert np.abs(z).max() <= 1.002
    strong = np.abs(waves["in"]) > 0.1
    branch = {}
    for end in (1.0, -1.0):
        point = {**CARD.values, **dict.fromkeys((f"z{k}" for k in range(CLASSES)), end), "v_fl_rl": waves["in"][strong]}
        branch[end] = CARD.definition.evaluate("resistance", point)
    resistance = waves["in"][strong] / -waves["i(vend)"][strong]
    slack = 2e-3 * (branch[-1.0] - branch[1.0])
    assert np.all(resistance > branch[1.0] - slack) and np.all(resistance < branch[-1.0] + slack)


def test_ten_thousand_random_pulses_in_the_rates() -> None:
    rng = np.random.default_rng(3)
    for by_voltage, reach in ((True, 1.0), (False, 2e-4)):
        junction = PulsedJunction(CARD.values, reach, by_voltage=by_voltage)
        heights, widths = rng.uniform(-reach, reach, 10_000), 10 ** rng.uniform(-9, 0, 10_000)
        z = junction.after(heights, widths, -1.0)
        assert np.abs(z).max() <= 1.0
        assert z.mean(axis=1).min() < -0.95 and z.mean(axis=1).max() > 0.95


def test_retention_follows_the_barrier(simulator: Simulator) -> None:
    """At zero bias all classes relax at their own two rates."""
    card = CARD.replace("leaky", delta=16.0, h_bias=0.0)
    rates = {
        way: np.array(
            card.definition.evaluate([f"rate{k}_{way}" for k in range(CLASSES)], {**card.values, "v_fl_rl": 0.0})
        )
        for way in ("ap2p", "p2ap")
    }
    total = rates["ap2p"] + rates["p2ap"]
    rest = (rates["ap2p"] - rates["p2ap"]) / total
    stop = 1 / float(np.median(total))
    _, z = trace(simulator, [(0.0, 0.0), (stop, 0.0)], card, state=1.0)
    assert z[-1] == pytest.approx(rest + (1 - rest) * np.exp(-total * stop), abs=5e-3)
    assert z[-1].mean() < 0.8


def test_quality_checks_pass(vacask: Simulator) -> None:
    checks = run_qa(CARD, ["vacask"], points=10)
    assert {c.name for c in checks} >= {"pulse by pulse", "within its branches"}
    assert [c for c in checks if not c.passed] == []


def test_compiles_without_a_warning(vacask: Simulator, tmp_path: Path) -> None:
    compiler = openvaf.find_openvaf()["path"]
    for expose in (False, True):
        source = tmp_path / f"multidomain_{int(expose)}.va"
        source.write_text(emit_veriloga(CARD, expose=expose))
        done = subprocess.run([compiler, source.name], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0
        assert "warning" not in (done.stdout + done.stderr).lower()
