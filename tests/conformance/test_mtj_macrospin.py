"""The emitted macrospin models: parity, the axial limit, precession without numerical damping, thermal equilibrium."""

from __future__ import annotations

import math
import subprocess
from pathlib import Path

import numpy as np
import pytest

from compact.analysis import Op, Tran
from compact.checks import boltzmann_moment, parity
from compact.constants import BOLTZMANN, GYROMAGNETIC, MU_0
from compact.emit import device, emit_veriloga
from compact.models import MODELS
from compact.models.mtj import from_physical
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.simulators import Simulator, get_simulator, openvaf

COLD = {"t_bloch": 1e6, "k_exponent": 0.0}  # no temperature dependence
ROUND = {"n_x": 0.02, "n_y": 0.02, "n_z": 0.96}


def random_card(model: str, rng: np.random.Generator, name: str) -> ParameterSet:
    values = {
        "r_p": 10 ** rng.uniform(2, 4),
        "tmr": rng.uniform(0.2, 2),
        "g_curv": rng.uniform(0.1, 2),
        "h_k": rng.uniform(0.5, 2) * 1e6,
        "asymmetry": rng.uniform(0.8, 2),
        "n_x": 0.1,
        "n_y": 0.2,
        "n_z": 0.7,
    }
    values |= {n: rng.uniform(0, 3) for n in ("theta_k", "phi_k", "theta_p", "phi_p")}
    values |= {n: rng.uniform(-1e5, 1e5) for n in ("fl_1", "fl_2", "vcma", "h_x", "h_y", "h_z")}
    if model == "mtj_sot":
        values |= {"eta_sh": rng.uniform(-1, 1), "beta_sh": rng.uniform(-1, 1), "theta_s": rng.uniform(0, 3)}
    return ParameterSet(model, name, values)


@pytest.mark.parametrize("model", ["mtj_macrospin", "mtj_sot"])
def test_equals_numpy_at_random_points(model: str, simulator: Simulator) -> None:
    rng = np.random.default_rng(11)
    cards = [random_card(model, rng, f"card_{k}") for k in range(3)] + [ParameterSet(model, "plain")]
    assert parity(cards, simulator, 20, 60.0) < 1e-6


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.name)
def test_every_model_compiles_without_a_warning(model: object, vacask: Simulator, tmp_path: Path) -> None:
    card = ParameterSet(model.name, "plain")  # type: ignore[attr-defined]
    for expose in (False, True):
        (tmp_path / "module.va").write_text(emit_veriloga(card, expose=expose))
        command = [openvaf.find_openvaf()["path"], "module.va"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "warning" not in (done.stdout + done.stderr).lower()


def axial_pair() -> tuple[ParameterSet, ParameterSet]:
    """The same junction as macrospin and as axial model, cold."""
    ms, h_eff, alpha, efficiency, volume = 1.2e6, 2.04e5, 0.01, 0.75, 1.96e-24
    shared = {"r_p": 6e3, "tmr": 1.0} | COLD
    reduced = from_physical(ms=ms, hk=h_eff, alpha=alpha, polarisation=efficiency, volume=volume)
    axial = ParameterSet("mtj", "axial", shared | reduced | {"delta": 1e9})
    full = {"ms": ms, "alpha": alpha, "polarisation": efficiency, "volume": volume, "tilt": 0.1}
    h_k = h_eff + ms * (ROUND["n_z"] - ROUND["n_x"])
    return ParameterSet("mtj_macrospin", "full", shared | full | ROUND | {"h_k": h_k}), axial


def crossing(card: ParameterSet, signal: str, state: float, volts: float, simulator: Simulator, step: float) -> float:
    netlist = Netlist("switching by a step that starts at once")
    netlist.use(card)
    netlist.add_text(f"Vin in 0 dc 0 pulse(0 {volts!r} 0 1e-13 1e-13 1 2)\nXm in 0 {card.model} state={state!r}")
    waves = simulator.run(netlist, Tran(step=step, stop=15e-9), save=[f"xm.{signal}"])
    progress = waves[f"xm.{signal}"] * np.sign(state)
    k = int(np.argmax(progress < 0))
    return float(np.interp(0, [-progress[k - 1], -progress[k]], [waves.axis[k - 1], waves.axis[k]]))


@pytest.mark.parametrize(("state", "volts"), [(1, -0.3), (-1, 0.45)])
def test_axial_limit(state: int, volts: float, simulator: Simulator) -> None:
    """Perpendicular, no transverse field: the axial model's switching time from the same angle."""
    full, axial = axial_pair()
    expected = crossing(axial, "z", state * math.cos(0.1), volts, get_simulator("reference"), 20e-12)
    assert crossing(full, "m_z", state, volts, simulator, 2e-12) == pytest.approx(expected, rel=0.004)


def test_precession_neither_drifts_nor_decays(simulator: Simulator) -> None:
    """100 turns about an easy axis: frequency gamma mu0 Hk cos(theta)/2 pi to 0.5 %, amplitude by its own damping."""
    h_k, alpha, angle = 2e5, 1e-4, 0.3
    settings = {"h_k": h_k, "alpha": alpha, "ms": 1e6, "n_x": 1 / 3, "n_y": 1 / 3, "n_z": 1 / 3, "tilt": angle} | COLD
    netlist = Netlist("free precession")
    netlist.use(ParameterSet("mtj_macrospin", "free", settings))
    netlist.add_text("Vin in 0 dc 0\nXm in 0 mtj_macrospin state=1")
    turn = 2 * math.pi / (GYROMAGNETIC * MU_0 * h_k * math.cos(angle))
    waves = simulator.run(netlist, Tran(step=turn / 100, stop=100 * turn), save=["xm.m_x", "xm.m_z"])
    phase = np.unwrap(
        np.angle(_analytic(np.interp(grid := np.linspace(0, waves.axis[-1], 20001), waves.axis, waves["xm.m_x"])))
    )
    turns = (phase[18000] - phase[2000]) / (2 * math.pi)
    assert abs(turns) * turn / (grid[18000] - grid[2000]) == pytest.approx(1.0, abs=5e-3)
    # d(cos theta)/dt = alpha gamma mu0 Hk cos sin^2 / (1 + alpha^2)
    start, end = math.cos(angle), waves["xm.m_z"][-1]
    rate = alpha * GYROMAGNETIC * MU_0 * h_k
    logit = math.log(start**2 / (1 - start**2)) + 2 * rate * waves.axis[-1]
    expected = math.sqrt(1 / (1 + math.exp(-logit)))
    assert math.sqrt(1 - end**2) == pytest.approx(math.sqrt(1 - expected**2), rel=5e-3)


def _analytic(signal: np.ndarray) -> np.ndarray:
    spectrum = np.fft.fft(signal - signal.mean())
    spectrum[len(spectrum) // 2 :] = 0
    return np.fft.ifft(spectrum)


def test_line_current_pulls_to_its_spins(simulator: Simulator) -> None:
    """A strong current from hm to fl turns m to the spin direction, the reverse current against it."""
    netlist = Netlist("spin-Hall switching")
    netlist.use(ParameterSet("mtj_sot", "line", {"theta_s": 0.0, "eta_sh": 0.5, "alpha": 0.05} | COLD))
    netlist.add_text(
        "V1 a 0 dc 0 pulse(0 1.5 0 1e-12 1e-12 1 2)\nV2 b 0 dc 0 pulse(0 -1.5 0 1e-12 1e-12 1 2)\n"
        "X1 0 0 a mtj_sot state=-1\nX2 0 0 b mtj_sot state=1"
    )
    waves = simulator.run(netlist, Tran(step=1e-12, stop=5e-9), save=["x1.m_z", "x2.m_z"])
    assert waves["x1.m_z"][0] < -0.9 < 0.9 < waves["x1.m_z"][-1]
    assert waves["x2.m_z"][0] > 0.9 > -0.9 > waves["x2.m_z"][-1]


def test_in_plane_states_and_resistances(simulator: Simulator) -> None:
    """An in-plane junction: reference layer and easy axis along x."""
    plane = {"theta_k": math.pi / 2, "theta_p": math.pi / 2, "h_k": 2e4, "n_x": 0.03, "n_y": 0.05, "n_z": 0.92}
    netlist = Netlist("in plane")
    netlist.use(ParameterSet("mtj_macrospin", "plane", plane | {"tmr": 1.0, "tilt": 0.0}))
    netlist.add_text("Va a 0 dc 1m\nVb b 0 dc 1m\nX1 a 0 mtj_macrospin state=1\nX2 b 0 mtj_macrospin state=-1")
    waves = simulator.run(netlist, Op())
    assert waves.value("x1.m_x") == pytest.approx(1.0, abs=1e-6)
    assert waves.value("x2.m_x") == pytest.approx(-1.0, abs=1e-6)
    assert waves.value("i(va)") / waves.value("i(vb)") == pytest.approx(2.0, rel=1e-2)


def warm_card() -> tuple[ParameterSet, float]:
    """Delta = 5, strong damping; the factor that 27 degC makes of it."""
    ms, h_eff, temperature = 1e6, 2e5, 300.15
    volume = 5 * BOLTZMANN * temperature * 2 / (MU_0 * ms * h_eff)
    h_k = h_eff + ms * (ROUND["n_z"] - ROUND["n_x"])
    values = {"ms": ms, "h_k": h_k, "volume": volume, "alpha": 0.1, "t_nom": temperature, "tilt": 0.2}
    return ParameterSet("mtj_macrospin", "warm", values | ROUND | COLD), 5.0


def test_thermal_equilibrium(vacask: Simulator) -> None:
    """<m_z^2> at Delta = 5 within 2 % of Boltzmann and 4 standard errors; |m| stays 1."""
    card, delta = warm_card()
    means = []
    for seed in range(6):
        netlist = Netlist("thermal noise")
        netlist.use(device(card, noise=True))
        netlist.add_text(f"Vin in 0 dc 0\nXm in 0 mtj_macrospin state=1 seed={seed + 1}")
        waves = vacask.run(netlist, Tran(step=1e-12, stop=150e-9), save=[f"xm.m_{a}" for a in "xyz"], timeout=300)
        norm = sum(waves[f"xm.m_{a}"] ** 2 for a in "xyz")
        assert np.max(np.abs(norm - 1)) < 0.02
        grid = np.arange(2e-9, 150e-9, 10e-12)
        means.append(np.mean(np.interp(grid, waves.axis, waves["xm.m_z"]) ** 2))
    error = np.std(means, ddof=1) / math.sqrt(len(means))
    exact = boltzmann_moment(delta, 2)
    assert error < 0.01 * exact
    assert np.mean(means) == pytest.approx(exact, abs=min(4 * error, 0.02 * exact + error))


def test_noise_is_the_same_everywhere(ngspice: Simulator, vacask: Simulator) -> None:
    card, _ = warm_card()
    grid = np.linspace(0.01e-9, 0.5e-9, 300)
    traces = []
    for simulator in (ngspice, vacask):
        netlist = Netlist("thermal noise")
        netlist.use(device(card, noise=True))
        netlist.add_text("Vin in 0 dc 0\nXm in 0 mtj_macrospin state=1 seed=3")
        waves = simulator.run(netlist, Tran(step=0.1e-12, stop=0.5e-9), save=["xm.m_x"], timeout=120)
        traces.append(np.interp(grid, waves.axis, waves["xm.m_x"]))
    assert np.max(np.abs(traces[0] - traces[1])) < 0.1 * np.std(traces[0])
