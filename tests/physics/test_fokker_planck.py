"""Fokker-Planck equation against independent figures, closed forms, an ensemble and itself."""

from __future__ import annotations

import math

import numpy as np
import pytest

from compact.cards import load_card
from compact.errors import DataError, ParameterError
from compact.models import get_model
from compact.parameters import ParameterSet
from compact.physics.activation import escape_rate
from compact.physics.fokker_planck import Axial, after_pulse, mesh
from compact.writing import AP, AxialDrive, P, retention, write_errors, write_waveform

WIDTHS = [3, 4, 5, 6, 8, 10]
INDEPENDENT = [0.10981, 0.015269, 2.045e-3, 2.726e-4, 4.837e-6, 8.58e-8]
"""Unswitched probability for delta = 60, d = 2, integrated independently."""


def test_write_errors_are_the_independent_ones() -> None:
    assert Axial(60, 2.0).unswitched(WIDTHS)[0] == pytest.approx(INDEPENDENT, rel=0.005)


def test_the_mirror_image_is_the_same() -> None:
    assert Axial(60, -2.0, start=1).unswitched(WIDTHS) == pytest.approx(Axial(60, 2.0).unswitched(WIDTHS), rel=1e-9)


@pytest.mark.parametrize(("delta", "rate"), [(5, 1.354e-2), (8, 9.203e-4)])
def test_relaxation_rate_is_the_independent_one(delta: float, rate: float) -> None:
    assert Axial(delta, 0.0).rate[0] == pytest.approx(rate, rel=0.002)


def test_times_of_the_published_device() -> None:
    """Constant 40 uA: half switched at 6.82 ns, 1e-2 left at 13.95 ns and 1e-4 at 21.83 ns."""
    outcome = write_errors(load_card("garcia_redondo_2021"), [1e-9], current=40e-6)
    assert outcome.pulse_for([0.5, 1e-2, 1e-4])[0] == pytest.approx([6.82e-9, 13.95e-9, 21.83e-9], rel=0.004)


@pytest.mark.parametrize(("delta", "drive"), [(60, 2.0), (12, 1.2), (300, 1.5), (1000, 2.0), (40, 0.7)])
def test_halving_the_mesh_changes_less_than_a_per_cent(delta: float, drive: float) -> None:
    cells = len(mesh(delta)) - 1
    coarse = Axial(delta, drive, cells=cells)
    tau = coarse.width_for([0.5, 1e-2, 1e-6, 1e-12])[0]
    tau = tau[np.isfinite(tau)]
    fine = Axial(delta, drive, cells=2 * cells)
    assert coarse.unswitched(tau)[0] == pytest.approx(fine.unswitched(tau)[0], rel=0.01)
    assert coarse.rate == pytest.approx(fine.rate, rel=0.01)


def test_probability_is_kept() -> None:
    solver = Axial(60, [0.0, 0.5, 1.0, 2.0, 5.0])
    left, right = solver.sides([0.0, 1e-3, 1.0, 10.0, 1e3, 1e9])
    assert left + right == pytest.approx(np.ones(left.shape), abs=1e-9)
    z, density = solver.density(2.0)
    faces = mesh(60)
    assert np.sum(density * np.diff(faces), axis=1) == pytest.approx(np.ones(5), abs=1e-9)
    assert np.all(density >= 0) and len(z) == solver.cells


def test_tail_without_cancellation() -> None:
    """For d > 1 the tail falls as exp[-2 (d - 1) tau], over tens of decades."""
    tau = np.array([12.0, 16.0, 20.0, 30.0])
    error = Axial(60, 2.0).unswitched(tau)[0]
    assert error[-1] < 1e-24
    slopes = -np.diff(np.log(error)) / np.diff(tau)
    assert slopes == pytest.approx(2.016 * np.ones(3), rel=0.005)  # 2 (d - 1), raised by the start's own width
    assert Axial(60, 2.0).rate[0] == pytest.approx(2.016, rel=0.002)


def test_the_other_tail() -> None:
    """Far below the threshold the switched fraction is rate x time, however small."""
    solver = Axial(60, 0.1)
    rate = math.exp(solver.log_escape()[0][0])
    switched = solver.switched([1e3, 1e6])[0]
    assert switched[0] < 1e-14
    assert switched == pytest.approx(rate * np.array([1e3, 1e6]), rel=0.02)


@pytest.mark.parametrize("delta", [30, 60, 100, 200])
@pytest.mark.parametrize("push", [0.0, 0.3])
def test_high_barriers_leave_at_the_known_rate(delta: float, push: float) -> None:
    """The leading order is above the exact rate by about one over the barrier."""
    log_rate = Axial(delta, push).log_escape()[0][0]
    barrier = delta * (1 - push) ** 2
    log_leading = 0.5 * math.log(delta / math.pi) + math.log(1 - push**2) + math.log(1 - push) - barrier
    assert log_leading - log_rate == pytest.approx(1 / barrier, abs=0.03)
    if barrier < 300:
        assert float(escape_rate(delta, push, 1.0)) == pytest.approx(math.exp(log_leading), rel=1e-9)


def test_equilibrium_is_boltzmann() -> None:
    z, density = Axial(5, 0.3).density(1e6)
    expected = np.exp(5 * (z**2 + 2 * 0.3 * z))
    expected /= np.sum(expected * np.diff(mesh(5)))
    assert density[0] == pytest.approx(expected, rel=2e-3)


def test_high_barrier_limit_of_the_switching_time() -> None:
    """Half have switched at the closed-form time without noise, from the median of start and early noise together.

    Next to the pole the angle is a complex Ornstein-Uhlenbeck process: noise on the way adds 1/(d - 1) to the mean
    square of the start.
    """
    delta, d = 5000.0, 2.0
    z0, z = -1 + math.log(2) / (2 * delta) * d / (d - 1), 0.0
    closed = (
        math.log((1 + z) / (1 + z0)) / (2 * (d - 1))
        + math.log((1 - z0) / (1 - z)) / (2 * (d + 1))
        + math.log((d + z0) / (d + z)) / (d**2 - 1)
    )
    assert Axial(delta, d).width_for([0.5])[0, 0] == pytest.approx(closed, rel=4e-3)


def test_shapes_of_pulses() -> None:
    whole = Axial(60, 2.0).unswitched([5.0])[0, 0]
    parts, switched = after_pulse(60, [2.0, 2.0, 2.0], [1.0, 0.0, 4.0])
    assert parts[0] == pytest.approx(whole, rel=1e-9) and parts[0] + switched[0] == pytest.approx(1)
    rested = after_pulse(60, [2.0, 0.0], [5.0, 3.0])[0][0]
    assert rested == pytest.approx(whole, rel=0.05) and rested != whole
    # what counts as switched after a rest is the well into which it falls
    settled = Axial(60, 2.0, count="rest").unswitched([5.0])[0, 0]
    assert rested == pytest.approx(settled, rel=0.01)
    several = after_pulse(60, [[1.5, 2.0], 1.8], [2.0, 1.0])[0]
    assert several[0] > several[1]


def test_long_after() -> None:
    """A year at rest, in one call and against the rate."""
    card = load_card("garcia_redondo_2021")
    kept = retention(card)
    year = 3.156e7
    lost = write_errors(card, [year, 10 * year], voltage=0.0, start=P).switched[0]
    assert lost == pytest.approx(np.array([year, 10 * year]) / kept.time, rel=1e-3)
    assert kept.time_to(1e-3) == pytest.approx(1e-3 * kept.time, rel=1e-3)
    assert retention(card, P, voltage=-0.1).time < 1e-6 * kept.time < retention(card, P, voltage=0.05).time
    assert retention(card, temperature=400).time < 1e-9 * kept.time


def test_many_drives_and_widths_at_once() -> None:
    drives, widths = np.array([0.8, 1.5, 3.0]), np.array([0.0, 1.0, 5.0, 1e4])
    together = Axial(60, drives).unswitched(widths)
    assert together.shape == (3, 4)
    for k, d in enumerate(drives):
        assert together[k] == pytest.approx(Axial(60, d).unswitched(widths)[0], rel=1e-6)
    assert np.all(np.diff(together[1:, :3], axis=1) < 0)


def test_drive_is_that_of_the_model() -> None:
    """The equation solved has the drift and noise of the model's own rate."""
    card = ParameterSet(
        "mtj", "all", dict(ic_p2ap=60e-6, ic_ap2p=40e-6, tmr=1.2, tmr_slope=0.2, g_slope=0.1, g_curv=0.2, h_bias=0.1)
    )
    drive = AxialDrive.of(card)
    z, v = np.linspace(-0.95, 0.95, 21), np.array([-0.4, 0.3])
    d = drive.at_voltage(v, z)
    values = dict(card.values) | {"v_fl_rl": v[:, None], "z": z, "temperature": 300.0, "time": 0.0, "noise": 0.0}
    rate = get_model("mtj").evaluate("rate_z", values)
    assert rate * drive.tau == pytest.approx((1 - z**2) * (z + d) - z / drive.delta, abs=1e-6)
    current = np.array([-30e-6, 50e-6])
    volts = drive.voltage_at(current[:, None], z[None])
    back = get_model("mtj").evaluate("i", values | {"v_fl_rl": volts})
    assert back == pytest.approx(np.broadcast_to(current[:, None], back.shape), rel=1e-9)


def test_voltage_drive_is_not_current_drive() -> None:
    """While switching to P the junction's current rises at constant voltage, so that it goes on faster."""
    card = load_card("garcia_redondo_2021")
    level = float(AxialDrive.of(card).voltage_at(np.array(40e-6), np.array(-1.0)))
    pulse = np.array([8e-9, 14e-9])
    assert np.all(write_errors(card, pulse, voltage=level).error < write_errors(card, pulse, current=40e-6).error)


def ensemble(delta: float, drive: float, times: list[float], count: int, seed: int = 3) -> np.ndarray:
    """Fraction with z < 0 at `times`: Euler-Maruyama on z in the sense of Ito, apart from the code tested."""
    rng, step = np.random.default_rng(seed), 2e-3
    z = np.linspace(-1, 0, 20001)
    weight = np.cumsum(np.exp(-delta * (1 - z**2)))
    state = np.interp(rng.random(count), weight / weight[-1], z)
    found, now = [], 0.0
    for time in times:
        for _ in range(round((time - now) / step)):
            flat = np.maximum(1 - state**2, 0)
            state = state + (flat * (state + drive) - state / delta) * step
            state += np.sqrt(flat / delta * step) * rng.normal(size=count)
            state = np.where(np.abs(state) > 1, np.sign(state) * (2 - np.abs(state)), state)
        now = time
        found.append(float(np.mean(state < 0)))
    return np.array(found)


@pytest.mark.parametrize(("delta", "drive", "times"), [(20, 1.5, [2.0, 4.0, 6.0]), (8, 0.6, [4.0, 10.0])])
def test_an_ensemble_of_trajectories(delta: float, drive: float, times: list[float]) -> None:
    count = 6000
    expected = Axial(delta, drive).unswitched(times)[0]
    spread = np.sqrt(expected * (1 - expected) / count)
    assert np.all(np.abs(ensemble(delta, drive, times, count) - expected) < 3 * spread + 0.01 * expected)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_delta_must_be_positive(bad: float) -> None:
    with pytest.raises(ParameterError, match=r"'delta' = .* must be positive"):
        Axial(bad, 1.0)


def test_bad_input() -> None:
    solver = Axial(20, 1.5)
    with pytest.raises(ParameterError, match="pulse width"):
        solver.unswitched([-1.0])
    with pytest.raises(ParameterError, match="between 0 and 1"):
        solver.width_for([0.0])
    with pytest.raises(ParameterError, match="two wells"):
        Axial(20, 1.5, rest=1.2)
    with pytest.raises(ParameterError, match="not finite"):
        Axial(20, math.nan)
    with pytest.raises(ParameterError, match="neither -1 nor 1"):
        Axial(20, 1.0, start=0.5)
    with pytest.raises(ParameterError, match="even number"):
        Axial(20, 1.0, cells=33)
    with pytest.raises(ParameterError, match="neither"):
        Axial(20, 1.0, count="wrong")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="time cannot go back"):
        after_pulse(20, [1.0, 2.0], [1.0, -1.0])
    with pytest.raises(DataError, match="as many durations"):
        after_pulse(20, [1.0, 2.0], [1.0])
    card = load_card("garcia_redondo_2021")
    with pytest.raises(DataError, match="goes back in time at point 3"):
        write_waveform(card, [0, 2e-9, 1e-9], voltage=[0, 0.5, 0.5])
    with pytest.raises(ParameterError, match="either a voltage or a current"):
        write_errors(card, [1e-9])
    with pytest.raises(ParameterError, match="no energy barrier"):
        write_errors(card, [1e-9], voltage=0.5, temperature=1500)
    with pytest.raises(ParameterError, match="pulse width"):
        write_errors(card, [math.nan], voltage=0.5)
    with pytest.raises(ParameterError, match="1000 V"):
        write_errors(card, [1e-9], current=10.0)


def test_edges_of_a_pulse() -> None:
    card = load_card("garcia_redondo_2021")
    square = write_errors(card, [10e-9], voltage=0.5).error[0, 0]
    assert write_waveform(card, [0, 0, 10e-9, 10e-9], voltage=[0, 0.5, 0.5, 0])[0] == pytest.approx(square, rel=1e-6)
    slow = write_waveform(card, [0, 1e-9, 9e-9, 10e-9], voltage=[0, 0.5, 0.5, 0], start=AP)[0]
    assert slow > square
