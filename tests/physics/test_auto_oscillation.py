"""Closed forms of the auto-oscillator against integrations written here once more, and the published cards."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from compact.analysis import Tran
from compact.cards import load_card
from compact.errors import ParameterError
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.physics.auto_oscillation import AutoOscillator, Junction
from compact.simulators import Simulator

PLAIN = AutoOscillator(
    f_0=1e9, gamma_g=1e8, i_th=-1e-3, q_damping=1.5, n_shift=-8e7, f_i=2e9, torque_ip=1e11, energy=4e-18
)
JUNCTION = {"r_p": 500.0, "tmr": 1.2, "v_h": 0.5, "tmr_slope": 0.3, "g_slope": 0.2, "g_curv": 0.6, "cos_0": 0.3}


def bias_of(i: float, cosine: float) -> float:
    """Voltage of a current by the conduction's formula, at 300 K."""

    def current(v: float) -> float:
        tmr = 1.2 / (1 + 1.2 + 0.3 * v + v * v / 0.25)  # TMR over R_AP/R_P, falling with the bias
        return (1 + 0.2 * v + 0.6 * v * v) * v * (1 + 1.2 / 2 * (cosine - 1) * tmr / 1.2) / 500.0

    return float(brentq(lambda v: current(v) - i, -5, 5, xtol=1e-15))


def card_of(**values: float) -> ParameterSet:
    own = {"f_0": 1e9, "gamma_g": 1e8, "i_th": -1e-3, "q_damping": 1.5, "torque_ip": 2e10, "t_nom": 300.0}
    return ParameterSet("auto_oscillator", "bench", JUNCTION | own | values)


def course(
    o: AutoOscillator, i: float, start: complex, stop: float, force: complex = 0.0, f: float = 0.0
) -> np.ndarray:
    """Slow amplitude against the frequency `f`, by the equation of Slavin and Tiberkevich; 2001 moments."""

    def rate(_: float, y: np.ndarray) -> list[float]:
        c = complex(*y)
        p, zeta = abs(c) ** 2, i / o.i_th
        growth = -o.gamma_g * (1 + o.q_damping * p) + o.gamma_g * zeta * (1 - p)
        turn = 2 * math.pi * (o.f_0 + o.n_shift * p + o.f_i * i - f)
        slope = (growth + 1j * turn) * c + force
        return [slope.real, slope.imag]

    grid = np.linspace(0, stop, 2001)
    settings = {"rtol": 1e-10, "atol": 1e-12, "method": "DOP853", "first_step": stop / 1e5}
    found = solve_ivp(rate, (0, stop), [start.real, start.imag], t_eval=grid, **settings)
    return found.y[0] + 1j * found.y[1]


@pytest.mark.parametrize("i", [-1.3e-3, -2e-3, -3e-3])
def test_free_oscillation(i: float) -> None:
    p_0, stop = float(PLAIN.power(i)), 20 / float(PLAIN.relaxation_rate(i))
    grid = np.linspace(0, stop, 2001)
    c = course(PLAIN, i, math.sqrt(1.01 * p_0), stop, f=PLAIN.f_0)
    assert abs(c[-1]) ** 2 == pytest.approx(p_0, rel=1e-6)
    phase = np.unwrap(np.angle(c))
    found = PLAIN.f_0 + (phase[-1] - phase[1500]) / (2 * math.pi * (grid[-1] - grid[1500]))
    assert found == pytest.approx(float(PLAIN.frequency(i)), rel=1e-6)
    deviation = np.abs(c[:400]) ** 2 / p_0 - 1
    assert -np.polyfit(grid[:400], np.log(deviation), 1)[0] == pytest.approx(float(PLAIN.relaxation_rate(i)), rel=0.01)
    slope = (PLAIN.frequency(i * 1.001) - PLAIN.frequency(i) - PLAIN.f_i * i * 1e-3) / (
        PLAIN.power(i * 1.001) - PLAIN.power(i)
    )
    restoring = PLAIN.gamma_g * (PLAIN.q_damping + PLAIN.zeta(i))
    assert float(PLAIN.nu(i)) == pytest.approx(float(2 * math.pi * slope / restoring), rel=1e-6)


def test_wrong_sign_of_the_current_does_not_excite() -> None:
    assert float(PLAIN.power(2e-3)) == 0
    assert float(PLAIN.linewidth(2e-3)) == pytest.approx(3 * PLAIN.gamma_g / math.pi)


@pytest.mark.parametrize("side", [-1, 1])
def test_locking_edge(side: int) -> None:
    """A weak drive locks at 98 % of the half band and not at 102 %."""
    i, i_rf = -2e-3, 2e-6
    free, band = float(PLAIN.frequency(i)), float(PLAIN.locking_half_band(i, i_rf))
    force = PLAIN.torque_ip * i_rf / 2
    for share, locked in ((0.98, True), (1.02, False)):
        stop = 12 / band
        c = course(PLAIN, i, math.sqrt(float(PLAIN.power(i))), stop, force, free + side * share * band)
        assert bool(np.ptp(np.unwrap(np.angle(c))[1200:]) < 0.5) is locked
        steady = complex(PLAIN.driven(free + side * share * band, i_rf, i))
        assert math.isfinite(steady.real) is locked
        if locked:
            assert abs(c[-1] - steady) < 1e-2 * abs(steady)


@pytest.mark.parametrize("share", [0.3, 0.9])
@pytest.mark.parametrize("i_rf", [1e-6, 3e-4])
def test_driven_below_threshold(share: float, i_rf: float) -> None:
    """Steady states under weak and strong drives, on the flanks of a line that bends."""
    i = -1e-3 * share
    for x in (-2.0, 0.0, 0.7):
        f = float(PLAIN.frequency(i)) + x * float(PLAIN.linewidth(i)) / 2
        c = course(PLAIN, i, 0.0, 30 / (PLAIN.gamma_g * (1 - share)), PLAIN.torque_ip * i_rf / 2, f)
        assert abs(c[-1] - complex(PLAIN.driven(f, i_rf, i))) < 1e-3 * abs(c[-1])
        if i_rf < 1e-5:
            assert complex(PLAIN.response(f, i)) * i_rf == pytest.approx(c[-1], rel=5e-3)


@pytest.mark.parametrize("q", [0.0, 1.5, 6.0])
def test_thermal_power(q: float) -> None:
    """Boltzmann without current; with it, an ensemble of trajectories of the same diffusion."""
    thermal = 0.01
    o = AutoOscillator(
        f_0=1e9, gamma_g=1.0, i_th=1.0, q_damping=q, energy=1.380649e-23 * 300 / thermal, temperature=300
    )
    assert o.thermal == pytest.approx(thermal)
    assert float(o.mean_power(0.0)) == pytest.approx(thermal, rel=1e-3)
    assert float(o.mean_power(4.0)) == pytest.approx(float(o.power(4.0)), rel=0.03)
    rng, step = np.random.default_rng(2), 4e-3
    for zeta in (0.8, 1.05):
        c = np.sqrt(float(o.mean_power(zeta))) * np.exp(2j * np.pi * rng.random(4000))
        sums = []
        for k in range(5000):
            p = np.abs(c) ** 2
            # Ito, with the drift that makes the stationary state at zero current Boltzmann's: grad D / 2.
            drift = (-(1 + q * p) + zeta * (1 - p) + q * thermal) * c
            noise = rng.standard_normal(4000) + 1j * rng.standard_normal(4000)
            c = c + drift * step + np.sqrt((1 + q * p) * thermal * step) * noise
            if k > 2500 and k % 50 == 0:
                sums.append(np.mean(np.abs(c) ** 2))
        assert np.mean(sums) == pytest.approx(float(o.mean_power(zeta)), rel=0.03)


# ------------------------------------------------------------------------------------------------ rectification


def test_derivatives_of_the_junction() -> None:
    card = card_of()
    junction = AutoOscillator.from_card(card, 300.0).junction
    assert isinstance(junction, Junction)
    i, h, k = 7e-4, 1e-7, 1e-4
    at = junction.at(i)
    assert float(at.voltage) == pytest.approx(bias_of(i, 0.3), rel=1e-9)
    up, down = bias_of(i + h, 0.3), bias_of(i - h, 0.3)
    assert float(at.conductance) == pytest.approx(2 * h / (up - down), rel=1e-6)
    by_cosine = (bias_of(i, 0.3 + k) - bias_of(i, 0.3 - k)) / (2 * k)
    assert float(at.i_cos) == pytest.approx(-by_cosine * float(at.conductance), rel=1e-6)
    other = junction.at(np.array([i - 1e-6, i + 1e-6]))
    assert float(at.curvature) == pytest.approx(np.ptp(other.conductance) / np.ptp(other.voltage), rel=1e-4)
    assert float(at.g_cos) == pytest.approx(np.diff(other.i_cos)[0] / np.diff(other.voltage)[0], rel=1e-4)


@pytest.mark.parametrize("i", [0.0, -6e-4])
@pytest.mark.parametrize("fl_slope", [0.0, 0.8])
def test_rectified_voltage_from_the_carrier(i: float, fl_slope: float) -> None:
    """Mean of V(I(t), u(t)) over whole turns, every turn followed, with bias-dependent TMR: signs, halves and all."""
    o = AutoOscillator.from_card(card_of(fl_ratio=0.4, fl_slope=fl_slope, gamma_g=6e7, torque_ip=2e10), 300.0)
    i_rf, turns, settle = 3e-5, 8, 7 / (o.gamma_g * (1 - float(o.zeta(i))))
    knots = np.linspace(-1e-3, 1e-3, 201) if fl_slope else np.zeros(1)
    table = np.array([bias_of(x, 0.3) for x in knots])
    slope = np.array([(bias_of(x, 0.31) - bias_of(x, 0.29)) / 0.02 for x in knots])
    for x in (-1.0, 0.5):
        f = float(o.frequency(i)) + x * float(o.linewidth(i)) / 2

        def rate(t: float, y: np.ndarray, drive: float = i_rf, f: float = f) -> list[float]:
            u, v = y
            p, now = u * u + v * v, i + drive * math.cos(2 * math.pi * f * t)
            grow = o.gamma_g * (now / o.i_th * (1 - p) - 1 - o.q_damping * p)
            w = 2 * math.pi * (o.f_0 + o.n_shift * p + o.f_i * now)
            level = 0.0
            if fl_slope:
                level = np.interp(now, knots, table) + np.interp(now, knots, slope) * u
            force = o.torque_ip * now
            return [grow * u - w * v + force, grow * v + w * u + force * o.fl_ratio * (1 + fl_slope * level)]

        grid = settle + np.arange(turns * 64) / (64 * f)
        means = []
        for drive in (i_rf, 0.0):
            found = solve_ivp(
                rate,
                (0, grid[-1]),
                [0.0, 0.0],
                t_eval=grid,
                rtol=1e-6,
                atol=1e-10,
                args=(drive,),
                method="DOP853",
                first_step=1e-12,
            )
            currents = i + drive * np.cos(2 * math.pi * f * grid)
            means.append(np.mean([bias_of(a, 0.3 + b) for a, b in zip(currents, found.y[0], strict=True)]))
        expected = float(o.spectrum(f, i_rf, i))
        scale = abs(float(o.spectrum(float(o.frequency(i)), i_rf, i)))
        assert means[0] - means[1] == pytest.approx(expected, abs=0.03 * scale)


def test_torques_change_places() -> None:
    """In-plane torque gives a Lorentzian, field-like an anti-Lorentzian of the same size."""
    x = np.linspace(-3, 3, 61)
    one = AutoOscillator.from_card(card_of(torque_ip=2e10), 300.0)
    other = AutoOscillator.from_card(card_of(torque_ip=2e7, fl_ratio=1e3), 300.0)
    f = one.f_0 + x * float(one.linewidth(0.0)) / 2
    peak = abs(complex(one.diode_kernel(one.f_0)))
    assert one.diode_kernel(f).real / peak == pytest.approx(-1 / (1 + x * x), abs=1e-9)
    assert other.diode_kernel(f).real / peak == pytest.approx(-x / (1 + x * x), abs=1.1e-3)  # its in-plane thousandth


def test_without_a_junction_there_are_no_voltages() -> None:
    with pytest.raises(ParameterError, match="junction"):
        PLAIN.spectrum(1e9, 1e-6)
    with pytest.raises(ParameterError, match="auto-oscillator"):
        AutoOscillator.from_card(ParameterSet("mtj", "other"))


# ------------------------------------------------------------------------------------------------ published cards


def best(o: AutoOscillator, i: float, power: float) -> tuple[float, float]:
    """Largest sensitivity per absorbed power [V/W] and its frequency [Hz]."""
    half = (
        float(o.linewidth(i)) if float(o.zeta(i)) < 1 else float(o.locking_half_band(i, o.rf_current(power, i, None)))
    )
    f = float(o.frequency(i)) + np.linspace(-1.2, 1.2, 241) * half
    s = np.abs(o.sensitivity(f, power, i))
    return float(np.nanmax(s)), float(f[np.nanargmax(s)])


def test_fang_2016(vacask: Simulator) -> None:
    """75 400 mV/mW at 10 nW by injection locking, above 500 mV/mW without bias; the emitted model agrees."""
    card, power = load_card("fang_2016"), 1e-8
    o = AutoOscillator.from_card(card)
    rest, locked = best(o, 0.0, power), best(o, 1.25 * o.i_th, power)
    assert 500 < rest[0] < 1e3
    assert best(o, 0.5 * o.i_th, power)[0] < 1e4 < best(o, 0.9 * o.i_th, power)[0] < 1e5
    assert locked[0] == pytest.approx(75_400, rel=0.01)
    netlist = Netlist("diode of Fang et al.")
    r_in = 1000.0
    for name, i, f in (("rest", 0.0, rest[1]), ("lock", 1.25 * o.i_th, locked[1])):
        values = {k: v for k, v in card.values.items() if k not in ("noise", "seed", "t_slot")}
        netlist.use(ParameterSet("auto_oscillator_envelope", name, values | {"f_ref": f, "r_in": r_in}), name)
        drive, start = float(o.rf_current(power, i, None)) * r_in, float(o.power(i))
        for k, volts in (("w", drive), ("d", 0.0)):
            netlist.add_text(
                f"I{name}{k} 0 {name}{k} dc {float(i)!r}\nV{name}{k} i{name}{k} 0 dc {volts!r}\n"
                f"Ra{name}{k} a{name}{k} 0 1e9\nRb{name}{k} b{name}{k} 0 1e9\n"
                f"X{name}{k} {name}{k} 0 i{name}{k} 0 a{name}{k} b{name}{k} {name} p_0={start!r}"
            )
    save = [f"{name}{k}" for name in ("rest", "lock") for k in "wd"]
    options = {"reltol": 1e-6, "vntol": 1e-12, "abstol": 1e-15}
    waves = vacask.run(netlist, Tran(step=1e-9, stop=6e-6), save=save, options=options)
    for name, (expected, _) in (("rest", rest), ("lock", locked)):
        measured = abs(waves[f"{name}w"][-1] - waves[f"{name}d"][-1]) / power
        assert measured == pytest.approx(expected, rel=0.05)


def test_kubota_2013() -> None:
    """6.3 GHz, 0.55 uW into 50 Ohm, 47 MHz at 2 mA."""
    card = load_card("kubota_2013")
    o = AutoOscillator.from_card(card)
    i = 2e-3
    assert float(o.frequency(i)) == pytest.approx(6.3e9, rel=1e-3)
    assert float(o.linewidth(i)) == pytest.approx(47e6, rel=0.01)
    assert o.junction is not None
    at = o.junction.at(i)
    wave, r = abs(float(at.i_cos)) * o.cos_u * math.sqrt(float(o.power(i))) / float(at.conductance), 1 / at.conductance
    assert wave**2 / 2 * 50 / float(50 + r) ** 2 == pytest.approx(0.55e-6, rel=0.01)
