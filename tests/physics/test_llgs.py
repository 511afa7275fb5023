"""Ensembles of macrospins against equilibrium statistics, closed forms and Fokker-Planck figures."""

from __future__ import annotations

import itertools
import math
import tracemalloc
import warnings

import numpy as np
import pytest

from compact.constants import BOLTZMANN, MU_0
from compact.errors import ParameterError, SimulationError
from compact.models import get_model
from compact.physics import llgs_kernels as kernels
from compact.physics.equilibrium import random_keys
from compact.physics.llgs import Drive, Probability, StepWarning, boltzmann, derivative, simulate
from compact.physics.macrospin import LARMOR, Macrospin
from compact.physics.macrospin_cards import to_card

WER = {3: 0.10981, 4: 0.015269, 5: 2.045e-3}
"""Fokker-Planck: not switched at t/tau_D, Delta = 60, twice the critical current."""


def axial(delta: float = 60.0, alpha: float = 0.01, h_k: float = 2e5, **others: object) -> Macrospin:
    """Perpendicular, without shape, of a given thermal stability at 300 K."""
    ms = 1e6
    volume = 2 * delta * BOLTZMANN * 300 / (MU_0 * ms * h_k)
    return Macrospin(ms=ms, h_k=h_k, alpha=alpha, volume=volume, **others)  # type: ignore[arg-type]


def in_plane(**others: object) -> Macrospin:
    settings: dict = dict(length=120e-9, width=50e-9, thickness=2e-9, ms=8e5, alpha=0.02, reference=(1, 0, 0))
    return Macrospin.from_geometry(**(settings | others))


def equilibrium(delta: float, power: int, low: float = -1.0) -> float:
    z = np.linspace(low, 1, 40001)
    weight = np.exp(delta * (z * z - 1))
    return float((weight * z**power).sum() / weight.sum())


# -- random numbers ------------------------------------------------------------------------------------


def test_philox_gives_the_published_words() -> None:
    """Known answers of the Random123 library (Salmon et al., 2011)."""
    full = 0xFFFFFFFF
    assert [int(w) for w in kernels.words(0, 0, 0, 0, 0, 0)] == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    assert [int(w) for w in kernels.words(*[full] * 6)] == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]


def test_normal_numbers_are_normal_and_independent() -> None:
    count, steps = 50_000, 20
    drawn = np.empty((steps, count, 3))
    for k in range(steps):
        kernels.normals(k, 0, *random_keys(1, 0), drawn[k])
    flat = drawn.reshape(-1)
    n = flat.size
    for power, expected, spread in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96), (6, 15, 10170)):
        assert (flat**power).mean() == pytest.approx(expected, abs=4 * math.sqrt(spread / n))
    assert (np.abs(flat) > 4).mean() == pytest.approx(6.334e-5, rel=4 / math.sqrt(6.3e-5 * n))
    for a, b in (
        (drawn[..., 0], drawn[..., 1]),
        (drawn[..., 0], drawn[..., 2]),
        (drawn[..., 1], drawn[..., 2]),
        (drawn[:-1], drawn[1:]),
        (drawn[:, :-1], drawn[:, 1:]),
    ):
        assert abs((a * b).mean()) < 4 / math.sqrt(a.size)


def test_same_numbers_whatever_the_threads_and_the_company() -> None:
    device = axial()
    drive = Drive(current=-1.5 * device.critical_currents()[0])
    runs = [
        simulate(device, drive, 4e-9, n=n, seed=5, threads=t, samples=s, step=1e-12)
        for n, t, s in ((300, 1, 20), (300, 2, 100), (130, 2, 1))
    ]
    assert np.array_equal(runs[0].final, runs[1].final)
    assert np.array_equal(runs[0].mean[::5], runs[1].mean[::25])
    assert np.array_equal(runs[0].final[:130], runs[2].final)
    assert runs[0].final[:, 2].max() <= 1
    assert np.array_equal(runs[0].crossing[:130], runs[2].crossing, equal_nan=True)
    assert not np.array_equal(simulate(device, drive, 4e-9, n=130, seed=6, step=1e-12).final, runs[2].final)


def test_long_stretches_between_records_are_cut_into_pieces() -> None:
    device = axial(40, 0.1)
    drive = Drive(current=([0, 15e-9], [0, -3e-5]))
    runs = [simulate(device, drive, 20e-9, n=70, step=1e-12, samples=s, traces=2) for s in (1, 2, 200)]
    for run in runs:
        assert np.array_equal(run.final, runs[0].final)
        assert np.array_equal(run.mean[-1], runs[0].mean[-1])
        assert run.traces.shape == (2, len(run.time), 3)
        assert np.array_equal(run.traces[:, -1], run.final[:2])
    assert np.array_equal(runs[1].mean[1], runs[2].mean[100])


# -- the equation ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("temperature", "line"), [(300.0, False), (300.0, True), (370.0, False)])
def test_compiled_motion_is_that_of_the_compact_model(temperature: float, line: bool) -> None:
    """dm/dt with every term in use, driven by voltage and by current, against the model's SymPy equations."""
    device = Macrospin.from_geometry(
        length=80e-9, width=50e-9, thickness=1.6e-9, ms=1e6, alpha=0.03, k_i=9e-4, axis=(0.1, 0.2, 1),
        reference=(0.3, -0.2, 0.9), polarisation=0.7, asymmetry=1.4, fl_1=2e4, fl_2=-1e5, vcma=3e4,
        h_ext=(1e4, -2e4, 5e3), tmr=1.2, tmr_slope=0.2, g_slope=0.1, g_curv=0.5, tc_r=-2e-4,
        eta_sh=0.4 if line else 0.0, beta_sh=0.5, sh_axis=(0.1, 1, 0.2),
    )  # fmt: skip
    card = to_card(device, "all_terms", **({"r_line": 1e3} if line else {}))
    m = np.random.default_rng(3).normal(size=(40, 3))
    m /= np.linalg.norm(m, axis=1)[:, None]
    values = dict(card.values) | {"m_x": m[:, 0], "m_y": m[:, 1], "m_z": m[:, 2]}
    values |= {"temperature": temperature, "v_fl_rl": 0.37, "v_hm_fl": 0.2, "noise": 0.0}
    *rates, current = card.definition.evaluate(["rate_m_x", "rate_m_y", "rate_m_z", "i"], values)
    expected = np.stack(rates, axis=1)
    hall = 2e-4 if line else None
    by_voltage = derivative(device.at(temperature), m, Drive(voltage=0.37, spin_hall=hall))
    by_current = [
        derivative(device.at(temperature), one, Drive(current=float(i), spin_hall=hall))[0]
        for one, i in zip(m, current, strict=True)
    ]
    assert by_voltage == pytest.approx(expected, abs=1e-9 * np.abs(expected).max())
    assert np.array(by_current) == pytest.approx(expected, abs=1e-9 * np.abs(expected).max())


def test_axial_motion_is_that_of_the_model_mtj() -> None:
    """tau_d dz/dt = (1 - z^2)(z + d) without thermal field, d from the model `mtj` on the same device."""
    device = axial(60, 0.02, h_ext=(0, 0, 3e4), tmr=1.3, g_curv=0.2)
    z = np.linspace(-0.95, 0.95, 9)
    m = np.stack([np.sqrt(1 - z * z), 0 * z, z], axis=1)
    low, high = (i / (1 + s * 3e4 / device.h_eff) for i, s in zip(device.critical_currents(), (1, -1), strict=True))
    assert low == pytest.approx(high)
    values = {"ic_p2ap": low, "ic_ap2p": low, "h_bias": 3e4 / device.h_eff, "delta": 60.0, "tau_d": device.tau_d}
    model = get_model("mtj")
    card = model.complete(values | {n: getattr(device, n) for n in ("r_p", "tmr", "v_h", "g_curv")})
    drive = model.evaluate("d", card | {"v_fl_rl": -0.3, "z": z, "temperature": 300.0})
    rate = derivative(device, m, Drive(voltage=-0.3))[:, 2] * device.tau_d
    assert rate == pytest.approx((1 - z * z) * (z + drive), rel=1e-9)


def test_full_and_folded_kernels_take_the_same_steps() -> None:
    """Self-heating of no effect sends a run through the kernel with a voltage per trajectory."""
    device = axial(40, 0.03, fl_2=1e4, vcma=1e4, asymmetry=1.2)
    drive = Drive.pulse(voltage=-0.4, width=1e-9, delay=0.2e-9, edge=0.1e-9)
    for thermal in (True, False):
        options = dict(n=64, thermal=thermal, step=2e-12, start=(0.1, 0, 1.0))
        folded = simulate(device, drive, 1.6e-9, **options)
        full = simulate(device.replace(r_th=1e-9), drive, 1.6e-9, **options)
        assert full.final == pytest.approx(folded.final, abs=1e-8)


# -- closed forms ------------------------------------------------------------------------------------------


def switching_time(i: float, z0: float, z: float) -> float:
    """Axial motion at zero temperature, in tau_D."""
    return (
        math.log((1 - z) / (1 - z0)) / (2 * (i - 1))
        + math.log((1 + z0) / (1 + z)) / (2 * (i + 1))
        + math.log((i - z0) / (i - z)) / (i * i - 1)
    )


@pytest.mark.parametrize("i", [1.3, 2.0, 5.0])
@pytest.mark.parametrize("threshold", [0.0, -0.9])
def test_switching_time_at_zero_temperature(i: float, threshold: float) -> None:
    device = axial(60, 0.02)
    for state in (1, -1):
        run = simulate(
            device,
            Drive(current=-state * i * device.critical_currents()[0]),
            10 / (i - 1) * device.tau_d,
            n=1,
            thermal=False,
            state=state,
            start=(math.sqrt(1 - 0.99**2), 0, 0.99 * state),
            threshold=threshold,
        )
        assert run.crossing[0] == pytest.approx(switching_time(i, 0.99, threshold) * device.tau_d, rel=2e-3)
        assert run.switched.value == 1


@pytest.mark.parametrize("method", ["rk4", "heun"])
@pytest.mark.parametrize(
    "device",
    [axial(60, 0.01, h_ext=(0, 0, 5e4)), in_plane(alpha=0.01, h_ext=(2e3, 1e4, 0)), axial(60, 0.01, h_ext=(4e4, 0, 0))],
    ids=["perpendicular", "in plane", "tilted"],
)
def test_precession_and_damping(device: Macrospin, method: str) -> None:
    """Small motion about rest: Kittel's frequency and the damping of both stiffness fields."""
    omega, damping = device.small_motion(1)
    rest = device.rest(1)
    aside = np.cross(rest, [0.3, 0.5, 0.81])
    start = rest + 0.01 * aside
    run = simulate(device, None, 2 / damping, n=1, thermal=False, method=method, start=start, samples=20_000, traces=1)
    course = (run.traces[0] - rest) @ np.cross(rest, aside)
    crossings = np.flatnonzero((course[:-1] < 0) & (course[1:] >= 0))
    exact = run.time[crossings] - course[crossings] / (course[crossings + 1] - course[crossings]) * run.time[1]
    frequency = (len(exact) - 1) / (exact[-1] - exact[0])
    assert frequency == pytest.approx(omega / (2 * math.pi), rel=2e-3)
    peaks = [np.abs(course[a:b]).max() for a, b in itertools.pairwise(crossings)]
    decay = math.log(peaks[0] / peaks[-1]) / (exact[-2] - exact[0])
    assert decay == pytest.approx(damping, rel=6e-3)


def test_field_alone_precesses_at_the_larmor_frequency() -> None:
    """No anisotropy, no damping: one turn in 2 pi/(gamma mu0 H), and the angle stays."""
    field = 1e5
    device = Macrospin(ms=1e6, volume=1e-24, h_k=0.0, alpha=0.0)
    turn = 2 * math.pi / (LARMOR * field)
    run = simulate(
        device, Drive(field=(0, 0, field)), 10 * turn, n=1, thermal=False, start=(1, 0, 1.0), step=turn / 400
    )
    assert run.final[0] == pytest.approx([math.sqrt(0.5), 0, math.sqrt(0.5)], abs=1e-6)


@pytest.mark.parametrize(
    "device",
    [axial(60, 0.02), axial(60, 0.02, asymmetry=1.4, h_ext=(0, 0, 2e4)), in_plane(asymmetry=1.2)],
    ids=["perpendicular", "asymmetric", "in plane"],
)
def test_critical_currents(device: Macrospin) -> None:
    """Small deviations decay just below the threshold and grow just above, in both directions."""
    for state, threshold in zip((1, -1), device.critical_currents(), strict=True):
        damping = device.small_motion(state)[1]
        start = device.rest(state) + np.array([0.0, 1e-3, 0.0])
        for factor, grows in ((0.95, False), (1.05, True)):
            run = simulate(
                device,
                Drive(current=-state * factor * threshold),
                20 / damping,
                n=1,
                thermal=False,
                start=start,
                state=state,
            )
            away = np.linalg.norm(run.final[0] - device.rest(state))
            assert (away > 2e-3) is grows or (away < 0.8e-3) is not grows


@pytest.mark.parametrize("method", ["rk4", "heun"])
def test_out_of_plane_oscillator(method: str) -> None:
    """Perpendicular polariser on an easy plane: s = a/(alpha Ms), turning at gamma mu0 a/alpha."""
    device = Macrospin.from_geometry(length=100e-9, thickness=2e-9, ms=8e5, alpha=0.02, polarisation=0.4)
    effective = device.ms * (device.n[2] - device.n[0])
    torque = 0.4 * device.alpha * effective
    current = torque / (device.torque_per_ampere * 0.4)
    run = simulate(
        device,
        Drive(current=current),
        12e-9,
        n=1,
        thermal=False,
        method=method,
        start=(1, 0, 0.1),
        samples=6000,
        traces=1,
    )
    m = run.traces[0, len(run.time) // 2 :]
    assert m[:, 2] == pytest.approx(0.4, abs=1e-4)
    phase = np.unwrap(np.arctan2(m[:, 1], m[:, 0]))
    frequency = (phase[-1] - phase[0]) / ((len(phase) - 1) * run.time[1])
    assert abs(frequency) == pytest.approx(LARMOR * torque / device.alpha, rel=3e-3)


def test_spin_hall_torque_along_the_reference_is_a_spin_torque() -> None:
    """A spin-Hall current polarised along p acts as a tunnel current of the same spin current."""
    device = axial(60, 0.02, eta_sh=0.3, sh_axis=(0, 0, 1), polarisation=0.6)
    current = -2 * device.critical_currents()[0]
    options = dict(n=1, thermal=False, start=(0.2, 0, 1.0))
    tunnel = simulate(device, Drive(current=current), 3 * device.tau_d, **options)
    hall = simulate(device, Drive(spin_hall=2 * current), 3 * device.tau_d, step=tunnel.step, **options)
    assert hall.final == pytest.approx(tunnel.final, abs=1e-9)


def test_field_like_torque_and_vcma_are_fields() -> None:
    device = axial(60, 0.05, fl_1=2e4, fl_2=5e4, vcma=-3e4)
    v = -0.4
    plain = device.replace(fl_1=0, fl_2=0, vcma=0, h_k=device.h_k - 3e4 * v)
    m = np.random.default_rng(1).normal(size=(9, 3))
    m /= np.linalg.norm(m, axis=1)[:, None]
    along = Drive(voltage=v, field=(0, 0, 2e4 * v + 5e4 * v * v))
    assert derivative(device, m, Drive(voltage=v)) == pytest.approx(derivative(plain, m, along), rel=1e-9)


# -- thermal equilibrium -----------------------------------------------------------------------------------


@pytest.mark.parametrize("delta", [5.0, 60.0])
def test_boltzmann_distribution(delta: float) -> None:
    m = boltzmann(axial(delta), 40_000, state=-1, seed=2)
    expected = 1 - equilibrium(delta, 1, 0.0)
    assert (1 + m[:, 2]).mean() == pytest.approx(expected, abs=4 * m[:, 2].std() / 200)
    assert m[:, 0].var() == pytest.approx(m[:, 1].var(), rel=0.03)


def test_boltzmann_distribution_in_plane_under_field() -> None:
    """Against direct integration over the half sphere."""
    device = in_plane(length=100e-9, width=70e-9, h_ext=(1e3, 2e3, 0.0))
    m = boltzmann(device, 40_000)
    z, phi = np.meshgrid(np.linspace(-0.6, 0.6, 801), np.linspace(-math.pi, math.pi, 1600), indexing="ij")
    grid = np.stack([np.sqrt(1 - z * z) * np.cos(phi), np.sqrt(1 - z * z) * np.sin(phi), z], axis=-1).reshape(-1, 3)
    energy = 0.5 * np.einsum("ni,ij,nj->n", grid, device.tensor, grid) + grid @ np.array(device.h_ext)
    energy *= MU_0 * device.ms * device.volume / (BOLTZMANN * 300)
    weight = np.where(grid @ device.rest(1) > 0, np.exp(energy - energy.max()), 0.0)
    weight /= weight.sum()
    assert m.mean(axis=0) == pytest.approx(weight @ grid, abs=0.004)
    assert (m**2).mean(axis=0) == pytest.approx(weight @ grid**2, rel=0.03)


@pytest.mark.parametrize(
    ("alpha", "count", "part"), [(0.005, 1200, 1.0), (0.02, 4000, 1.0), (0.02, 4000, 0.5), (0.1, 6000, 1.0)]
)
def test_equipartition(alpha: float, count: int, part: float) -> None:
    """Mean deviation from the easy axis, reached from rest, at the default step and at half of it."""
    device = axial(60, alpha)
    step = part * device.step_limit()
    run = simulate(device, None, 16 * device.tau_d, n=count, step=step, start="rest", samples=60, seed=11)
    deviation = 1 - run.mean[run.time > 4 * device.tau_d, 2].mean()
    assert deviation == pytest.approx(1 - equilibrium(60, 1, 0.0), rel=0.02)


@pytest.mark.parametrize("part", [1.0, 0.5])
def test_boltzmann_over_both_states(part: float) -> None:
    """<mz^2> = 0.7643 at Delta = 5, from the equator."""
    device = axial(5, 0.1)
    step = part * device.step_limit()
    run = simulate(device, None, 45 * device.tau_d, n=5000, step=step, start=(1, 0, 0), samples=90, seed=3)
    assert run.square[20:, 2].mean() == pytest.approx(0.7643, rel=0.01)
    assert run.mean[-1, 2] == pytest.approx(0, abs=0.05)


def test_in_plane_equipartition() -> None:
    """Each transverse component gets kT/2: stiff and soft direction of an ellipse apart."""
    device = in_plane(length=200e-9, width=80e-9, thickness=2.5e-9, alpha=0.05)
    low, high = device.stiffness(device.rest(1))
    damping = device.small_motion(1)[1]
    run = simulate(device, None, 40 / damping, n=2000, start="boltzmann", samples=100, seed=4)
    unit = BOLTZMANN * 300 / (MU_0 * device.ms * device.volume)
    assert run.square[10:, 2].mean() == pytest.approx(unit / high, rel=0.02)
    assert run.square[10:, 1].mean() == pytest.approx(unit / low, rel=0.04)


def test_thermal_spectrum_peaks_at_the_precession() -> None:
    device = axial(60, 0.01)
    omega, damping = device.small_motion(1)
    run = simulate(device, None, 60e-9, n=64, traces=64, samples=6000, seed=8)
    frequency, density = run.spectrum((1, 0, 0))
    line = density[np.abs(frequency - omega / 2 / math.pi) < 4 * damping / math.pi]
    assert frequency[density.argmax()] == pytest.approx(omega / (2 * math.pi), rel=0.04)
    total = density.sum() * frequency[1]
    assert total == pytest.approx(run.square[:, 0].mean(), rel=0.1)
    assert line.sum() * frequency[1] > 0.6 * total


# -- switching ---------------------------------------------------------------------------------------------


def test_write_error_rate_is_that_of_fokker_planck() -> None:
    device = axial(60, 0.02)
    drive = Drive(current=-2 * device.critical_currents()[0])
    run = simulate(device, drive, 5 * device.tau_d, n=12_000, samples=500, seed=1)
    for tau, expected in WER.items():
        found = run.not_switched(tau * device.tau_d)
        assert found.value == pytest.approx(expected, abs=3 * found.stderr + 0.03 * expected)


@pytest.mark.slow
def test_small_write_error_rates() -> None:
    device = axial(60, 0.05)
    drive = Drive(current=2 * device.critical_currents()[0])
    run = simulate(device, drive, 6 * device.tau_d, n=400_000, state=-1, samples=300, seed=2)
    for tau, expected in (WER | {6: 2.726e-4}).items():
        found = run.not_switched(tau * device.tau_d)
        assert found.value == pytest.approx(expected, abs=3 * found.stderr + 0.03 * expected)


def test_published_junction_at_40_microampere() -> None:
    """Garcia-Redondo et al. 2021: half switched at 6.82 ns, 1 % left at 13.95 ns."""
    device = Macrospin.from_geometry(
        length=50e-9, thickness=1e-9, shape="sato_ishii", ms=1.2e6, alpha=0.01, k_i=1e-3, polarisation=0.75
    )
    run = simulate(device, Drive(current=40e-6), 14e-9, n=6000, state=-1, samples=280)
    half = np.interp(-0.5, -run.remaining, run.time)
    assert half == pytest.approx(6.82e-9, rel=0.02)
    left = run.not_switched(13.95e-9)
    assert left.value == pytest.approx(0.01, abs=3 * left.stderr + 0.0003)
    assert np.nanmedian(run.crossing) == pytest.approx(half, rel=0.01)


def test_equilibrated_start_and_pulse() -> None:
    """An equilibrated start is the Boltzmann distribution; a pulse that is over leaves the ensemble in its wells."""
    device = axial(60, 0.05)
    drive = Drive.pulse(current=-3 * device.critical_currents()[0], width=5 * device.tau_d, delay=device.tau_d)
    run = simulate(device, drive, 9 * device.tau_d, n=2000, start="equilibrated", samples=180)
    expected = 1 - equilibrium(60, 1, 0.0)
    assert 1 - run.mean[:20, 2].mean() == pytest.approx(expected, rel=0.05)
    assert run.switched.value > 0.99
    assert 1 + run.mean[-1, 2] == pytest.approx(expected, abs=0.1 * expected + 2 * (1 - run.switched.value))
    assert (run.crossing[np.isfinite(run.crossing)] > device.tau_d).all()


def test_edges_on_the_grid_are_sharp() -> None:
    """A rectangular field pulse turns the magnetisation by its area, to the order of the method."""
    device = Macrospin(ms=1e6, volume=1e-24, h_k=0.0, alpha=0.0)
    step, steps, field = 1e-12, 40, 5e4
    times = [10 * step, 10 * step, 30 * step, 30 * step]
    pulse = (times, [[0, 0, 0], [0, 0, field], [0, 0, field], [0, 0, 0]])
    for method in ("rk4", "heun"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", StepWarning)
            run = simulate(
                device, Drive(field=pulse), steps * step, n=1, thermal=False, start=(1, 0, 0), step=step, method=method
            )
        angle = math.atan2(run.final[0, 1], run.final[0, 0])
        assert angle == pytest.approx(LARMOR * field * 20 * step, rel=1e-4)


def test_self_heating() -> None:
    """The rise settles at r_th times the power, and the thermal spread is that of the hotter device."""
    device = axial(60, 0.1, r_th=2e6, tau_th=0.3e-9, tmr=0.0, polarisation=0.0, r_p=1e3)
    voltage = math.sqrt(60.0 * 1e3 / 2e6)
    for drive in (Drive(voltage=voltage), Drive(current=voltage / 1e3)):
        run = simulate(device, drive, 20 * device.tau_d, n=3000, samples=100)
        assert run.heat[-1] == pytest.approx(60.0, rel=1e-6)
        k = int(np.abs(run.time - 0.3e-9).argmin())
        assert run.heat[k] == pytest.approx(60 * -math.expm1(-run.time[k] / 0.3e-9), rel=0.02)
        hot = device.at(360.0)
        deviation = 1 - run.mean[40:, 2].mean()
        assert deviation == pytest.approx(1 - equilibrium(hot.delta, 1, 0.0), rel=0.02)
        assert hot.delta < 0.8 * device.delta


# -- running -------------------------------------------------------------------------------------------------


def test_memory_does_not_grow_with_the_steps() -> None:
    device, peaks = axial(60, 0.05), []
    simulate(device, None, 1e-11, n=64, step=1e-12)
    for steps in (5_000, 200_000):
        tracemalloc.start()
        simulate(device, None, steps * 1e-12, n=64, step=1e-12, samples=10, threads=1)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 40e6 and peaks[1] < 12 * peaks[0]


def test_progress_and_interruption() -> None:
    device, shares = axial(), []
    simulate(device, None, 2e-9, n=300, progress=shares.append)
    assert shares == sorted(shares) and shares[-1] == pytest.approx(1.0)

    def stop(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(device, None, 1.0, n=64, samples=100_000, progress=stop)


def test_probability() -> None:
    share = Probability(20, 100)
    assert share.value == 0.2 and share.stderr == pytest.approx(0.04, rel=0.01)
    assert Probability(0, 50).stderr > 0 and Probability(0, 50).interval()[0] == 0.0
    low, high = share.interval(2.0)
    assert low == pytest.approx(0.1319, abs=2e-3) and high == pytest.approx(0.2911, abs=2e-3)


def test_too_large_a_step_is_warned_of() -> None:
    device = axial()
    with pytest.warns(StepWarning, match=r"step of 5 ps is too large for the precession; 2\.01 ps would do"):
        simulate(device, None, 1e-10, n=4, step=5e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        simulate(device, None, 1e-10, n=4, step=1e-12)


def test_nonsense_in_the_middle_of_a_run_is_an_error() -> None:
    with pytest.warns(StepWarning), pytest.raises(SimulationError, match="diverged at a step of"):
        simulate(axial(), Drive(field=(1e150, 1e150, 0)), 1e-9, n=4, step=1e-10, start=(0, 0, 1.0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(duration=0.0), "'duration' = 0 s must be positive"),
        (dict(n=0), "'n' = 0 must be a whole number of 1 or more"),
        (dict(n=2.5), "whole number"),
        (dict(traces=9), "'traces' = 9 is more than 'n' = 4"),
        (dict(state=0), "'state' = 0 must be 1"),
        (dict(method="rk5"), "unknown method 'rk5'; did you mean 'rk4'"),
        (dict(method="rk4"), "takes no thermal field"),
        (dict(start="boltzman"), "did you mean 'boltzmann'"),
        (dict(start=(1, 0)), r"shape \(2,\), not \(3,\) or \(4, 3\)"),
        (dict(start=(0, 0, 0)), "zero or not finite"),
        (dict(step=-1e-12), "must be positive"),
        (dict(step=2e-9), "longer than the run"),
        (dict(threshold=2.0), "outside its range"),
        (dict(device=axial(alpha=0.0)), "a thermal field needs damping"),
        (dict(device=axial(h_ext=(0, 0, 3e5)), state=-1), "leaves no antiparallel state"),
        (dict(device=Macrospin(ms=1e6, volume=1e-24, h_k=-1e5, alpha=0.01)), "no easy axis"),
    ],
)
def test_bad_input(change: dict, message: str) -> None:
    settings: dict = dict(device=axial(), drive=None, duration=1e-9, n=4) | change
    with pytest.raises(ParameterError, match=message):
        simulate(settings.pop("device"), settings.pop("drive"), settings.pop("duration"), **settings)


def test_spectrum_needs_traces() -> None:
    run = simulate(axial(), None, 1e-10, n=4)
    with pytest.raises(ParameterError, match="needs traces"):
        run.spectrum()
    with pytest.raises(ParameterError, match="outside the run"):
        run.not_switched(1e-9)
