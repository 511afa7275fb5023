"""The resonant junction as oscillator, diode and one of many: emitted models against closed forms and each other."""

from __future__ import annotations

import math

import numpy as np
import pytest

from compact.analysis import Tran
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.physics.auto_oscillation import AutoOscillator
from compact.simulators import Simulator

BASE = {
    "r_p": 500.0,
    "tmr": 1.0,
    "v_h": 0.5,
    "cos_0": 0.2,
    "f_0": 1e9,
    "gamma_g": 1e8,
    "i_th": 1e-3,
    "q_damping": 1.5,
    "n_shift": -8e7,
    "f_i": 2e9,
}


def card_of(model: str, **values: float) -> ParameterSet:
    return ParameterSet(model, "bench", BASE | values)


# ------------------------------------------------------------------------------------------------ numerical damping


@pytest.mark.parametrize("length", [2e-7, pytest.param(1e-6, marks=pytest.mark.slow)])
def test_free_oscillation_keeps_amplitude_and_frequency(length: float, simulator: Simulator) -> None:
    """5 GHz with the options and the step that the netlist carries: undamped, hardly damped, and the limit cycle.

    Asked for steps of a nanosecond, five turns each: the bound is the model's own.
    """
    f, gamma = 5e9, {"still": 1.0, "slow": 2e5, "cycle": 1e8}
    netlist = Netlist("5 GHz for a microsecond")
    for name, rate in gamma.items():
        settings = {"f_0": f, "gamma_g": rate, "torque_ip": 0.0, "n_shift": 0.0, "f_i": 0.0}
        netlist.use(ParameterSet("auto_oscillator", name, BASE | settings), f"osc_{name}")
        i = 2e-3 if name == "cycle" else 0.0
        netlist.add_text(f"I{name} 0 n{name} dc {i!r}\nX{name} n{name} 0 osc_{name} p_0=0.2857142857")
    save = [f"x{name}.{state}" for name in gamma for state in "uv"]
    waves = simulator.run(netlist, Tran(step=1e-9, stop=length), save=save, timeout=300)
    for name, rate in gamma.items():
        c = waves[f"x{name}.u"] + 1j * waves[f"x{name}.v"]
        expected = math.sqrt(2 / 7)
        if name != "cycle":  # d ln p/dt = -2 gamma (1 + Q p)
            x = 1 / (1 + 1 / (1.5 * 2 / 7)) * math.exp(-2 * rate * length)
            expected = math.sqrt(x / (1 - x) / 1.5)
        last = np.abs(c[waves.axis > length - 1 / f])
        assert np.mean(last) == pytest.approx(expected, rel=5e-3)
        phase = np.unwrap(np.angle(c))
        assert (phase[-1] - phase[0]) / (2 * math.pi * length) == pytest.approx(f, rel=5e-3)


def test_step_bound_is_the_carriers_only() -> None:
    text = "I1 0 n dc 0\nXm n 0 {} {}"
    steps = []
    for model, ports in (("auto_oscillator", ""), ("auto_oscillator_envelope", "0 0 0 0 ")):
        netlist = Netlist("bound")
        netlist.use(card_of(model, f_0=5e9))
        netlist.add_text(text.format(ports + model, ""))
        steps.append(netlist.largest_step(netlist.lines(), 27.0))
    assert steps[0] == pytest.approx(1 / (120 * 5e9), rel=1e-6)
    assert steps[1] is None


# ------------------------------------------------------------------------------------------------ diode


def rectified(simulator: Simulator, card: ParameterSet, f: np.ndarray, i_rf: float, i: float) -> np.ndarray:
    """Change of the mean voltage [V] of the carrier model under current drives at several frequencies."""
    netlist = Netlist("diode")
    netlist.use(card)
    for k, frequency in enumerate([*map(float, f), 0.0]):
        drive = f"Ir{k} 0 n{k} dc 0 sin(0 {i_rf!r} {frequency!r})\n" if frequency else ""
        netlist.add_text(f"I{k} 0 n{k} dc {i!r}\n{drive}X{k} n{k} 0 auto_oscillator p_0=0")
    rate = card.values["gamma_g"] * (1 - i / card.values["i_th"])
    settle = 10 / rate
    stop = settle + 60 / card.values["f_0"]
    waves = simulator.run(netlist, Tran(step=1e-9, stop=stop), save=[f"n{k}" for k in range(len(f) + 1)], timeout=200)
    means = []
    for k, frequency in enumerate([*f, card.values["f_0"]]):
        turns = math.floor((stop - settle) * frequency)
        grid = np.linspace(stop - turns / frequency, stop, 128 * turns, endpoint=False)
        means.append(np.mean(np.interp(grid, waves.axis, waves[f"n{k}"])))
    return np.array(means[:-1]) - means[-1]


def line_shape(x: np.ndarray, volts: np.ndarray) -> complex:
    """Lorentzian and anti-Lorentzian part of a line over a constant: x is the detuning in half widths."""
    basis = np.array([1 / (1 + x * x), x / (1 + x * x), np.ones_like(x)]).T
    a, b, _ = np.linalg.lstsq(basis, volts, rcond=None)[0]
    return complex(a, b)


TORQUES = {"in-plane": (2e11, 0.0), "field-like": (2e8, 1e3), "both": (2e11, 0.4), "more field-like": (1e11, 1.5)}


@pytest.mark.parametrize("kind", TORQUES)
def test_diode_against_the_linear_kernel(kind: str, simulator: Simulator) -> None:
    """Amplitude to 3 %, phase of the line shape to 2 degrees; Lorentzian and anti-Lorentzian change places."""
    torque, ratio = TORQUES[kind]
    settings = {"f_0": 5e9, "gamma_g": 4e8, "torque_ip": torque, "fl_ratio": ratio, "f_i": 0.0, "n_shift": 0.0}
    card = card_of("auto_oscillator", **settings)
    oscillator = AutoOscillator.from_card(card)
    x = np.array([-1.6, -0.8, 0.0, 0.8, 1.6])
    f = 5e9 + x * float(oscillator.linewidth(0.0)) / 2
    measured = line_shape(x, rectified(simulator, card, f, 2e-5, 0.0))
    expected = line_shape(x, (oscillator.diode_kernel(f) * 2e-5**2).real)
    assert abs(measured) == pytest.approx(abs(expected), rel=0.03)
    assert abs(math.degrees(np.angle(measured / expected))) < 2
    known = math.degrees(math.atan2(ratio, 1))  # the cosine falls with the voltage: minus Lorentzian
    assert math.degrees(np.angle(-expected)) == pytest.approx(known, abs=1e-6)


def test_diode_under_bias(vacask: Simulator) -> None:
    """Half way to threshold, with bias-dependent TMR and field-like torque: all terms of second order."""
    settings = {"f_0": 5e9, "gamma_g": 4e8, "torque_ip": 2e11, "fl_ratio": 0.4, "fl_slope": 1.0, "g_curv": 0.5}
    card = card_of("auto_oscillator", **settings)
    oscillator = AutoOscillator.from_card(card)
    x = np.array([-1.6, -0.8, 0.0, 0.8, 1.6])
    f = float(oscillator.frequency(5e-4)) + x * float(oscillator.linewidth(5e-4)) / 2
    measured = rectified(vacask, card, f, 2e-5, 5e-4)
    expected = oscillator.spectrum(f, 2e-5, 5e-4)
    one, other = line_shape(x, measured), line_shape(x, expected)
    assert abs(one) == pytest.approx(abs(other), rel=0.03)
    assert abs(math.degrees(np.angle(one / other))) < 4  # 2 of them by the constant torque, of the order gamma_g/f
    assert np.mean(measured) == pytest.approx(np.mean(expected), rel=0.03)


def test_sensitivity_grows_towards_threshold_and_saturates(simulator: Simulator) -> None:
    """On resonance, envelope model: as 1/(I_th - I) for weak waves, less for strong ones, as the closed form says."""
    r_in = 1000.0
    shares, powers = [0.0, 0.5, 0.8, 0.9, 0.95], [1e-6, 1e-3]
    # Bias small and ohmic, so that the junction is the same at all of them.
    settings = {"torque_ip": 2e9, "i_th": 1e-4, "v_h": 1e3, "r_in": r_in, "n_shift": 0.0, "f_i": 0.0}
    card = card_of("auto_oscillator_envelope", **settings)
    oscillator = AutoOscillator.from_card(card)
    netlist = Netlist("sensitivity")
    netlist.use(card)
    cases = [(share * 1e-4, power) for power in powers for share in shares]
    drives = [float(oscillator.rf_current(power, i, None)) for i, power in cases]
    for k, ((i, _), drive) in enumerate(zip(cases, drives, strict=True)):
        for name, volts in (("w", drive * r_in), ("d", 0.0)):
            netlist.add_text(
                f"I{name}{k} 0 {name}{k} dc {i!r}\nV{name}{k} i{name}{k} 0 dc {volts!r}\n"
                f"R{name}{k}a a{name}{k} 0 1e12\nR{name}{k}b b{name}{k} 0 1e12\n"
                f"X{name}{k} {name}{k} 0 i{name}{k} 0 a{name}{k} b{name}{k} auto_oscillator_envelope p_0=0"
            )
    save = [f"{name}{k}" for k in range(len(cases)) for name in "wd"]
    options = {"reltol": 1e-6, "vntol": 1e-12, "abstol": 1e-15}
    waves = simulator.run(netlist, Tran(step=2e-9, stop=2.5e-6), save=save, options=options, timeout=100)
    rise = np.array([waves[f"w{k}"][-1] - waves[f"d{k}"][-1] for k in range(len(cases))])
    measured = rise / np.array([power for _, power in cases])
    closed = np.array([float(oscillator.sensitivity(1e9, power, i)) for i, power in cases])
    assert measured == pytest.approx(closed, rel=0.03)
    weak, strong = np.abs(measured[: len(shares)]), np.abs(measured[len(shares) :])
    assert weak / weak[0] == pytest.approx(1 / (1 - np.array(shares)), rel=0.03)
    assert strong[-1] / strong[0] < 0.5 * weak[-1] / weak[0]


# ------------------------------------------------------------------------------------------------ envelope and carrier


@pytest.mark.parametrize("load", [None, 250.0])
def test_envelope_is_the_carrier_without_its_carrier(load: float | None, simulator: Simulator) -> None:
    """Power, frequency, emitted wave and DC voltage at twice the threshold, open and into a load behind a bias tee."""
    i = 2e-3
    pair = {"c": card_of("auto_oscillator", torque_ip=2e10), "e": card_of("auto_oscillator_envelope", torque_ip=2e10)}
    oscillator = AutoOscillator.from_card(pair["c"])
    resistance = 1e9 if load is None else load
    netlist = Netlist("carrier and envelope")
    for card in pair.values():
        netlist.use(card)
    tee = "" if load is None else f"Ct nc out 50p\nRl out 0 {load!r}\n"
    netlist.add_text(
        f"Ic 0 nc dc {i!r}\n{tee}Xc nc 0 auto_oscillator p_0=0.28 phase_0=1.57\n"
        f"Ie 0 ne dc {i!r}\nXe ne 0 0 0 oi oq auto_oscillator_envelope p_0=0.28\n"
        f"Ri oi 0 {resistance!r}\nRq oq 0 {resistance!r}"
    )
    save = ["nc", "ne", "oi", "oq", "xc.u", "xc.v", "xe.a_u", "xe.a_v"] + ([] if load is None else ["out"])
    stop = 400e-9
    waves = simulator.run(netlist, Tran(step=1e-9, stop=stop), save=save, timeout=100)
    time, late = waves.axis, waves.axis > stop / 2
    carrier, envelope = waves["xc.u"] + 1j * waves["xc.v"], waves["xe.a_u"] + 1j * waves["xe.a_v"]

    def mean(values: np.ndarray) -> float:
        return float(np.trapezoid(values[late], time[late]) / (time[late][-1] - time[late][0]))

    frequency = [
        np.polyfit(time[late], np.unwrap(np.angle(c))[late], 1)[0] / (2 * math.pi) for c in (carrier, envelope)
    ]
    assert frequency[0] == pytest.approx(frequency[1] + BASE["f_0"], rel=2e-3)
    power = [mean(np.abs(c) ** 2) for c in (carrier, envelope)]
    assert power[0] == pytest.approx(power[1], rel=0.02)
    if load is None:
        assert power[1] == pytest.approx(float(oscillator.power(i)), rel=0.01)
    assert mean(waves["nc"]) == pytest.approx(mean(waves["ne"]), rel=0.01)
    # The wave at the port: the envelope's peak against the first harmonic of the carrier model.
    turn = np.exp(-1j * np.unwrap(np.angle(carrier)))
    volts = waves["nc" if load is None else "out"]
    volts = volts - mean(volts)
    wave = 2 * abs(complex(mean((volts * turn).real), mean((volts * turn).imag)))
    peak = mean(np.hypot(waves["oi"], waves["oq"]))
    assert peak > 5e-3
    assert wave == pytest.approx(peak, rel=0.03)


# ------------------------------------------------------------------------------------------------ networks, field line


@pytest.mark.parametrize("share", [0.5, 2.0, 4.0])
def test_network_follows_kuramoto(share: float, vacask: Simulator) -> None:
    """Envelope oscillators on a common wire, frequencies spread as a Lorentzian: r against sqrt(1 - K_c/K)."""
    count, i, half_width = 80, 2e-3, 2 * math.pi * 80e3
    tuning = 1e12
    settings = {"n_shift": 0.0, "f_i": tuning, "f_0": 1e9 + 2e9, "f_ref": 3e9 + tuning * i}
    at = AutoOscillator.from_card(card_of("auto_oscillator_envelope", **settings)).junction.at(i)  # type: ignore[union-attr]
    # Current from the wire, (mean voltage - own)/R, drives with torque/2: K = -torque/2 dI/dcos cos_u.
    coupling = share * 2 * half_width
    settings["torque_ip"] = -2 * coupling / float(at.i_cos)
    netlist = Netlist("network")
    netlist.use(card_of("auto_oscillator_envelope", **settings))
    quantiles = (np.arange(count) + 0.5) / count
    spread = half_width * np.tan(math.pi * (quantiles - 0.5)) / (2 * math.pi)
    phases = np.random.default_rng(4).permutation(2 * math.pi * quantiles) - math.pi
    for k in range(count):
        netlist.add_text(
            f"I{k} 0 n{k} dc {float(i + spread[k] / tuning)!r}\n"
            f"X{k} n{k} 0 0 0 bi bq auto_oscillator_envelope p_0=0.2857 phase_0={float(phases[k])!r}"
        )
    netlist.add_text("Ri bi 0 1e9\nRq bq 0 1e9")
    stop = 16 / half_width
    save = [f"x{k}.{state}" for k in range(count) for state in ("a_u", "a_v")]
    waves = vacask.run(netlist, Tran(step=stop / 200, stop=stop), save=save, timeout=200)
    c = np.array([waves[f"x{k}.a_u"] + 1j * waves[f"x{k}.a_v"] for k in range(count)])
    order = np.abs(np.mean(c / np.abs(c), axis=0))
    late = waves.axis > stop / 2
    measured = float(np.trapezoid(order[late], waves.axis[late]) / (stop / 2))
    expected = float(AutoOscillator.kuramoto_order(coupling, half_width))
    # A finite network wanders by 1/sqrt(N), and so much is what an unsynchronised one has.
    assert measured == pytest.approx(expected, abs=0.05) if share > 1 else measured < 2.5 / math.sqrt(count)


def test_field_line_drives_and_tunes(simulator: Simulator) -> None:
    """An alternating current of the line excites a resting junction, a constant one shifts its resonance."""
    card = card_of("auto_oscillator_line", torque_line=1e10, f_line=5e9, phase_line=0.7, r_line=50.0)
    netlist = Netlist("field line")
    netlist.use(card)
    shifted = 1e9 + 5e9 * 4e-3
    for name, offset, f in (("a", 0.0, 1e9), ("b", 0.2, shifted), ("c", 0.2, 1e9)):
        netlist.add_text(
            f"V{name} l{name} 0 dc {offset!r} sin({offset!r} 5m {f!r})\nRn{name} n{name} 0 50\n"
            f"X{name} n{name} 0 l{name} 0 auto_oscillator_line p_0=0"
        )
    save = ["xa.u", "xa.v", "xb.u", "xb.v", "xc.u", "xc.v"]
    waves = simulator.run(netlist, Tran(step=1e-9, stop=120e-9), save=save)
    late = waves.axis > 100e-9
    found = {}
    for name in "abc":
        c = waves[f"x{name}.u"][late] + 1j * waves[f"x{name}.v"][late]
        found[name] = float(np.mean(np.abs(c - np.mean(c)) ** 2)) ** 0.5
    resonant = 1e10 * 1e-4 / 2 / 1e8  # torque I/2 over the damping rate
    assert found["a"] == pytest.approx(resonant, rel=0.05)
    assert found["b"] == pytest.approx(resonant, rel=0.05)
    detuned = resonant / math.hypot(1, 2 * math.pi * 20e6 / 1e8)
    assert found["c"] == pytest.approx(detuned, rel=0.05)
