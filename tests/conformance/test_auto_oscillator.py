"""The emitted resonant junction, with carrier and as envelope: the same equation everywhere, and its closed forms."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from compact.analysis import Dc, Op, Tran
from compact.checks import parity
from compact.emit import device
from compact.errors import ParameterError
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.physics.auto_oscillation import AutoOscillator
from compact.simulators import Simulator, get_simulator
from compact.waveform import Waveforms

MODELS = ("auto_oscillator", "auto_oscillator_line", "auto_oscillator_envelope")
BOTH = ("auto_oscillator", "auto_oscillator_envelope")
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
    "energy": 4e-18,
}
"""Oscillator of the tests: at twice the threshold p = 0.286, nu = -1.44."""


@pytest.fixture(params=["reference", "ngspice", "vacask"])
def engine(request: pytest.FixtureRequest) -> Simulator:
    """Every simulator in turn."""
    if request.param == "reference":
        return get_simulator("reference")
    return request.getfixturevalue(request.param)


def card_of(model: str, **changes: float) -> ParameterSet:
    values = BASE | changes
    if not model.endswith("envelope"):
        values = {k: v for k, v in values.items() if k not in ("f_ref", "r_in")}
    return ParameterSet(model, "bench", values)


def states_of(model: str) -> tuple[str, str]:
    return ("a_u", "a_v") if model.endswith("envelope") else ("u", "v")


def instance(name: str, model: str, node: str, settings: str = "", subckt: str | None = None) -> str:
    """One junction from `node` to ground; the ports of an envelope are left without load or drive."""
    ports = f"{node} 0"
    text = ""
    if model.endswith("envelope"):
        ports += f" 0 0 {name}_oi {name}_oq"
        text = f"R{name}_i {name}_oi 0 1e9\nR{name}_q {name}_oq 0 1e9\n"
    return f"{text}X{name} {ports} {subckt or model} {settings}"


def amplitude(waves: Waveforms, name: str, model: str) -> np.ndarray:
    first, second = states_of(model)
    return waves[f"x{name}.{first}"] + 1j * waves[f"x{name}.{second}"]


def saved(model: str, *names: str) -> list[str]:
    return [f"x{name}.{state}" for name in names for state in states_of(model)]


def slope(time: np.ndarray, values: np.ndarray) -> float:
    return float(np.polyfit(time, values, 1)[0])


def frequency_of(waves: Waveforms, name: str, model: str, late: np.ndarray) -> float:
    """Mean frequency [Hz], against the reference frequency for an envelope."""
    phase = np.unwrap(np.angle(amplitude(waves, name, model)))
    return slope(waves.axis[late], phase[late]) / (2 * math.pi)


# ------------------------------------------------------------------------------------------------ same equation


def random_card(model: str, rng: np.random.Generator, name: str) -> ParameterSet:
    values = {
        "r_p": 10 ** rng.uniform(2, 3.5),
        "tmr": rng.uniform(0.2, 2),
        "tmr_slope": rng.uniform(-0.4, 0.4),
        "g_slope": 0.1,
        "g_curv": rng.uniform(0.1, 1),
        "cos_0": rng.uniform(-0.7, 0.7),
        "cos_u": rng.uniform(-2, 2),
        "f_0": 10 ** rng.uniform(8.5, 10.3),
        "gamma_g": 10 ** rng.uniform(7, 8.4),
        "i_th": rng.choice([-1, 1]) * 10 ** rng.uniform(-4, -2.5),
        "q_damping": rng.uniform(-0.4, 4),
        "n_shift": rng.uniform(-1e9, 1e9),
        "f_i": rng.uniform(-1e11, 1e11),
        "torque_ip": 10 ** rng.uniform(10, 12),
        "fl_ratio": rng.uniform(-2, 2),
        "fl_slope": rng.uniform(-1, 1),
        "diameter_ref": 4e-8,
        "diameter": 5e-8,
    }
    if model.endswith("envelope"):
        values |= {"f_ref": values["f_0"] * rng.uniform(0.98, 1.02), "r_in": 300.0}
    if model.endswith("line"):
        values |= {"f_line": 1e10, "phase_line": rng.uniform(-3, 3)}
    return ParameterSet(model, name, values)


@pytest.mark.parametrize("model", MODELS)
def test_equals_numpy_at_random_points(model: str, simulator: Simulator) -> None:
    rng = np.random.default_rng(5)
    cards = [random_card(model, rng, f"card_{k}") for k in range(3)] + [ParameterSet(model, "plain")]
    assert parity(cards, simulator, 20, 60.0) < 1e-6


@pytest.mark.parametrize("model", MODELS)
def test_operating_point_from_every_start(model: str, simulator: Simulator) -> None:
    """The state is where the instance says, below and far above threshold, at both signs of the current."""
    netlist = Netlist("operating points")
    netlist.use(card_of(model))
    starts = [(p, phase, i) for p in (0.0, 1e-6, 0.3, 1.0) for phase in (-2.0, 0.0, 3.0) for i in (-5e-3, 0.0, 2e-3)]
    for k, (p, phase, i) in enumerate(starts):
        text = instance(str(k), model, f"n{k}", f"p_0={p!r} phase_0={phase!r}")
        netlist.add_text(
            f"I{k} 0 n{k} dc {i!r}\n" + text.replace(f" {model} ", f" 0 0 {model} ", model.endswith("line"))
        )
    waves = simulator.run(netlist, Op())
    for k, (p, phase, i) in enumerate(starts):
        assert amplitude(waves, str(k), model)[0] == pytest.approx(math.sqrt(p) * np.exp(1j * phase), abs=1e-6)
        assert abs(waves.value(f"n{k}")) <= abs(i) * 1000 * (1 + 1e-6)  # R_AP, the largest resistance
        assert abs(waves.value(f"n{k}")) >= abs(i) * 500 * (1 - 1e-6) * (not model.endswith("envelope"))


@pytest.mark.parametrize("model", BOTH)
def test_sweeps_show_the_resistance_at_rest(model: str, simulator: Simulator) -> None:
    netlist = Netlist("sweep")
    card = card_of(model, f_i=0.0)
    netlist.use(card)
    netlist.add_text("Iin 0 n dc 0\n" + instance("m", model, "n", "p_0=0"))
    waves = simulator.run(netlist, Dc("iin", -2e-4, 2e-4, 4e-5, back=True))
    expected = AutoOscillator.from_card(card).junction.at(waves.axis).voltage  # type: ignore[union-attr]
    assert waves["n"] == pytest.approx(expected, rel=1e-5, abs=1e-6)  # vntol


# ------------------------------------------------------------------------------------------------ closed forms


@pytest.mark.parametrize("model", BOTH)
def test_threshold_power_frequency_and_relaxation(model: str, engine: Simulator) -> None:
    """Growth from nothing on both sides of threshold, and the return of the power at twice threshold."""
    card = card_of(model, torque_ip=0.0)
    oscillator = AutoOscillator.from_card(card)
    p_0 = float(oscillator.power(2e-3))
    netlist = Netlist("free oscillation")
    netlist.use(card)
    start = {"low": (0.9e-3, 1e-4), "high": (1.1e-3, 1e-4), "free": (2e-3, 1.5 * p_0)}
    for name, (i, p) in start.items():
        netlist.add_text(f"I{name} 0 n{name} dc {i!r}\n" + instance(name, model, f"n{name}", f"p_0={p!r}"))
    step = 1e-9 if model == "auto_oscillator" else 0.2e-9
    waves = engine.run(netlist, Tran(step=step, stop=50e-9), save=saved(model, *start), timeout=120)
    time = waves.axis
    power = {name: np.abs(amplitude(waves, name, model)) ** 2 for name in start}
    rates = [slope(time, np.log(power[name])) / 2 for name in ("low", "high")]
    threshold = 0.9e-3 - 0.2e-3 * rates[0] / (rates[1] - rates[0])
    assert threshold == pytest.approx(1e-3, rel=0.05)
    assert rates[0] == pytest.approx(-0.1 * BASE["gamma_g"], rel=0.05)
    late = time > 40e-9
    assert np.mean(power["free"][late]) == pytest.approx(p_0, rel=0.01)
    expected = float(oscillator.frequency(2e-3)) - (BASE["f_0"] if model.endswith("envelope") else 0)
    assert frequency_of(waves, "free", model, late) == pytest.approx(expected, abs=1e-3 * BASE["f_0"])
    early = time < 6e-9  # 1 - p_0/p falls exponentially from any start
    relaxation = -slope(time[early], np.log(1 - p_0 / power["free"][early]))
    assert relaxation == pytest.approx(float(oscillator.relaxation_rate(2e-3)), rel=0.05)


def test_locking_band_by_beats_of_the_envelope(simulator: Simulator) -> None:
    check_locking_by_beats(simulator, 2e-5, "abcd")


@pytest.mark.slow
def test_locking_band_by_beats_in_the_reference() -> None:
    check_locking_by_beats(get_simulator("reference"), 6e-5, "a")


def check_locking_by_beats(engine: Simulator, i_rf: float, names: str) -> None:
    """Beyond the band the beat is sqrt(detuning^2 - band^2): the band of both sides, with its sqrt(1 + nu^2)."""
    r_in = 100.0
    oscillator = AutoOscillator.from_card(card_of("auto_oscillator_envelope"))
    free, band = float(oscillator.frequency(2e-3)), float(oscillator.locking_half_band(2e-3, i_rf))
    assert math.sqrt(1 + float(oscillator.nu(2e-3)) ** 2) > 1.5
    netlist = Netlist("pulling")
    detunings = {"a": -1.4 * band, "b": 1.4 * band, "c": 0.9 * band, "d": -0.9 * band}
    detunings = {name: detunings[name] for name in names}
    for name, detuning in detunings.items():
        card = card_of("auto_oscillator_envelope", f_ref=free + detuning, r_in=r_in)
        netlist.use(card, f"osc_{name}")
        netlist.add_text(
            f"I{name} 0 n{name} dc 2m\nV{name} i{name} 0 dc {i_rf * r_in!r}\nR{name}1 o{name} 0 1e9\n"
            f"R{name}2 q{name} 0 1e9\nX{name} n{name} 0 i{name} 0 o{name} q{name} osc_{name} p_0=0.2857"
        )
    stop = 5 / band
    save = saved("auto_oscillator_envelope", *detunings)
    waves = engine.run(netlist, Tran(step=stop / 2000, stop=stop), save=save, timeout=120)
    for name, detuning in detunings.items():
        phase = np.unwrap(np.angle(amplitude(waves, name, "auto_oscillator_envelope")))
        late = waves.axis > stop / 4
        if name in "cd":
            assert np.ptp(phase[waves.axis > stop / 2]) < 0.1
            continue
        # Whole beats: between the first and the last passage of the same phase.
        turn = np.sign(phase[-1] - phase[0]) * phase[late]
        count = math.floor((turn[-1] - turn[0]) / (2 * math.pi))
        end = float(np.interp(turn[0] + 2 * math.pi * count, turn, waves.axis[late]))
        beat = count / (end - waves.axis[late][0])
        assert math.sqrt(detuning**2 - beat**2) == pytest.approx(band, rel=0.05)


def test_locking_band_of_the_carrier(vacask: Simulator) -> None:
    check_locking_of_the_carrier(vacask)


@pytest.mark.slow
def test_locking_band_of_the_carrier_in_ngspice(ngspice: Simulator) -> None:
    check_locking_of_the_carrier(ngspice)


def check_locking_of_the_carrier(simulator: Simulator) -> None:
    """From the beats on both sides of the band, about whatever centre it has, and a lock in its middle.

    The closed form leaves out terms of the order gamma_g/2 pi f, here 2 %: a constant torque moves the centre of the
    turns.
    """
    card = card_of("auto_oscillator", f_0=4e8, gamma_g=5e7, n_shift=-4e7, torque_ip=1e10)
    oscillator, i_rf, share = AutoOscillator.from_card(card), 3e-4, 1.3
    free, band = float(oscillator.frequency(2e-3)), float(oscillator.locking_half_band(2e-3, i_rf))
    netlist = Netlist("locking")
    netlist.use(card)
    detunings = {"low": -share * band, "high": share * band, "lock": 0.0}
    for name, detuning in detunings.items():
        netlist.add_text(
            f"I{name} 0 n{name} dc 2m\nIr{name} 0 n{name} dc 0 sin(0 {i_rf!r} {free + detuning!r})\n"
            + instance(name, "auto_oscillator", f"n{name}", "p_0=0.2857")
        )
    stop = 5 / band
    waves = simulator.run(netlist, Tran(step=1e-9, stop=stop), save=saved("auto_oscillator", *detunings), timeout=200)
    late = waves.axis > stop / 6
    beats = {}
    for name, detuning in detunings.items():
        phase = np.unwrap(np.angle(amplitude(waves, name, "auto_oscillator")))
        phase = (phase - 2 * math.pi * (free + detuning) * waves.axis)[late]
        # Smoothed over a turn, so that the first and last passage of the same phase are found.
        turn = -np.sign(detuning or 1) * np.convolve(phase, np.ones(120) / 120, "valid")
        time = waves.axis[late][60 : 60 + len(turn)]
        count = math.floor((turn[-1] - turn[0]) / (2 * math.pi))
        if name == "lock":
            assert np.ptp(turn) < 0.5
            continue
        beats[name] = count / (float(np.interp(turn[0] + 2 * math.pi * count, turn, time)) - time[0])
    centre = (beats["low"] ** 2 - beats["high"] ** 2) / (4 * share * band)
    assert abs(centre) < 5e-3 * free
    measured = math.sqrt((share * band - centre) ** 2 - beats["high"] ** 2)
    assert measured == pytest.approx(band, rel=0.05)


# ------------------------------------------------------------------------------------------------ noise


def phase_widths(waves: Waveforms, name: str, model: str, lag: float, skip: float) -> tuple[float, float]:
    """Variance of the phase increments over a lag [rad^2], and its standard error."""
    phase = np.unwrap(np.angle(amplitude(waves, name, model)))
    grid = np.arange(skip, waves.axis[-1], lag)
    steps = np.diff(np.interp(grid, waves.axis, phase))
    width = float(np.var(steps, ddof=1))
    return width, width * math.sqrt(2 / (len(steps) - 1))


def expected_width(oscillator: AutoOscillator, i: float, lag: float) -> float:
    """Phase variance of S & T, eq. of the nonlinear broadening: it sets in as the power forgets its deviations."""
    nu2, rate = float(oscillator.nu(i)) ** 2, float(oscillator.relaxation_rate(i))
    diffusion = 2 * math.pi * float(oscillator.linewidth(i))
    return diffusion * (lag - nu2 / (1 + nu2) * (1 - math.exp(-rate * lag)) / rate)


def noisy(
    model: str, simulator: Simulator, i: float, stop: float, count: int, step: float = 1e-9, **changes: float
) -> Waveforms:
    netlist = Netlist("thermal noise")
    netlist.use(device(card_of(model, **changes), noise=True))
    p_0 = float(AutoOscillator.from_card(card_of(model, **changes)).power(i))
    for k in range(count):
        netlist.add_text(f"I{k} 0 n{k} dc {i!r}\n" + instance(str(k), model, f"n{k}", f"p_0={p_0!r} seed={k + 3}"))
    save = saved(model, *map(str, range(count)))
    return simulator.run(netlist, Tran(step=step, stop=stop), save=save, timeout=1200)


def check_linewidth_above(model: str, waves: Waveforms, oscillator: AutoOscillator, i: float, count: int) -> float:
    """Phase diffusion against (1 + nu^2), within four standard errors; the relative standard error."""
    lag = 6 / float(oscillator.relaxation_rate(i))
    both = [phase_widths(waves, str(k), model, lag, lag) for k in range(count)]
    width = np.mean([w for w, _ in both])
    error = math.sqrt(sum(e * e for _, e in both)) / count
    expected = expected_width(oscillator, i, lag)
    assert width == pytest.approx(expected, abs=4 * error + 0.01 * expected)
    return error / expected


def test_linewidth_above_threshold_of_the_envelope(simulator: Simulator) -> None:
    i, count = 2e-3, 2
    stop = 12e-6 if simulator.name == "vacask" else 2e-6
    oscillator = AutoOscillator.from_card(card_of("auto_oscillator_envelope"))
    waves = noisy("auto_oscillator_envelope", simulator, i, stop, count)
    error = check_linewidth_above("auto_oscillator_envelope", waves, oscillator, i, count)
    assert error < 0.16
    assert float(oscillator.nu(i)) ** 2 > 10 * error  # the broadening is seen


def check_below(model: str, waves: Waveforms, oscillator: AutoOscillator, i: float, count: int, f: float) -> None:
    """Decay of the autocorrelation and mean power, each within four standard errors of blocks."""
    rate = math.pi * float(oscillator.linewidth(i))
    lag = 0.7 / rate
    grid = np.arange(5 / rate, waves.axis[-1], lag)
    size = 40  # lags of a block, long against the memory of the power
    mixed, powers = [], []
    for k in range(count):
        c = amplitude(waves, str(k), model) * np.exp(-2j * math.pi * f * waves.axis)
        c = np.interp(grid, waves.axis, c.real) + 1j * np.interp(grid, waves.axis, c.imag)
        for block in np.array_split(c, len(c) // size):
            mixed.append(np.mean(block[1:] * block[:-1].conj()).real)
            powers.append(np.mean(np.abs(block) ** 2))
    mixed_mean, power = np.mean(mixed), np.mean(powers)
    spread = np.std(powers, ddof=1) / math.sqrt(len(powers))
    expected = float(oscillator.mean_power(i))
    assert spread < 0.12 * expected
    assert power == pytest.approx(expected, abs=4 * spread)
    ratio = mixed_mean / power
    error = np.std(np.array(mixed) - ratio * np.array(powers), ddof=1) / math.sqrt(len(powers)) / power
    assert error < 0.06
    assert ratio == pytest.approx(math.exp(-rate * lag), abs=4 * error)


def test_linewidth_and_power_below_threshold(vacask: Simulator) -> None:
    check_all_below(vacask, 8e-6, 4)


@pytest.mark.slow
def test_linewidth_and_power_below_threshold_in_ngspice(ngspice: Simulator) -> None:
    check_all_below(ngspice, 2e-6, 16)


def check_all_below(simulator: Simulator, stop: float, count: int) -> None:
    i = 0.5e-3
    oscillator = AutoOscillator.from_card(card_of("auto_oscillator_envelope"))
    waves = noisy("auto_oscillator_envelope", simulator, i, stop, count)
    check_below("auto_oscillator_envelope", waves, oscillator, i, count, float(oscillator.f_i * i))


def test_noise_is_the_same_everywhere(ngspice: Simulator, vacask: Simulator) -> None:
    for model in BOTH:
        one, two = (noisy(model, simulator, 2e-3, 20e-9, 1, step=0.05e-9) for simulator in (ngspice, vacask))
        grid = np.linspace(0, 20e-9, 500)
        c, d = (np.interp(grid, w.axis, np.abs(amplitude(w, "0", model)) ** 2) for w in (one, two))
        assert np.max(np.abs(c - d)) < 0.1 * np.std(c)


def test_noise_parity_over_slots(simulator: Simulator) -> None:
    """All noise terms against NumPy, step by step."""
    for model in BOTH:
        cards = [card_of(model).replace(None, noise=1)]
        assert _noise_parity(cards[0], simulator) < 1e-6


def _noise_parity(card: ParameterSet, simulator: Simulator) -> float:
    """Rates of a device with exposed, forced states at every step of a noisy run."""
    model = card.definition
    netlist = Netlist("noise at forced states")
    netlist.use(device(card, noise=True, expose=True))
    ports = [t.name for t in model.terminals]
    states = [s.name for s in model.states]
    nodes = [("0" if name == "rl" else f"n_{name}") for name in (*ports, *states)]
    levels = {name: 0.1 + 0.05 * k for k, name in enumerate((*ports, *states))} | {"rl": 0.0}
    netlist.add_text("\n".join(f"V_{n} n_{n} 0 dc {v!r}" for n, v in levels.items() if n != "rl"))
    netlist.add_text(f"Xm {' '.join(nodes)} {card.model} seed=7")
    point = {**card.values, "seed": 7.0, "noise": 1.0, "temperature": 300.15, **{s: levels[s] for s in states}}
    point |= {branch: levels[a] - levels[b] for branch, (a, b) in model.branches.items()}
    slot = float(model.evaluate("slot_time", point))
    waves = simulator.run(netlist, Tran(step=slot / 3, stop=60 * slot), options={"vacask:tran_lteratio": 1e9})
    phase = waves.axis / slot % 1
    chosen = np.flatnonzero((waves.axis > 0) & (np.minimum(phase, 1 - phase) > 1e-6))
    worst = 0.0
    for state in model.states:
        rate = model.evaluate(f"rate_{state.name}", {**point, "time": waves.axis[chosen]})
        expected = rate * float(model.evaluate(state.time_scale, point))
        measured = waves[f"i(v_{state.name})"][chosen]
        worst = max(worst, float(np.max(np.abs(measured - expected)) / np.max(np.abs(expected))))
    return worst


@pytest.mark.slow
def test_linewidth_above_threshold_of_the_carrier(vacask: Simulator) -> None:
    changes = {"f_0": 4e8, "torque_ip": 0.0}  # a constant torque moves the centre, and the phase about it wobbles
    oscillator = dataclasses.replace(AutoOscillator.from_card(card_of("auto_oscillator", **changes)))
    waves = noisy("auto_oscillator", vacask, 2e-3, 6e-6, 2, **changes)
    assert check_linewidth_above("auto_oscillator", waves, oscillator, 2e-3, 2) < 0.12


@pytest.mark.slow
def test_linewidth_in_the_reference() -> None:
    i, count = 2e-3, 1
    oscillator = AutoOscillator.from_card(card_of("auto_oscillator_envelope"))
    waves = noisy("auto_oscillator_envelope", get_simulator("reference"), i, 1e-6, count)
    check_linewidth_above("auto_oscillator_envelope", waves, oscillator, i, count)


# ------------------------------------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("model", "changes", "named"),
    [
        ("auto_oscillator", {"i_th": 0.0}, "i_th"),
        ("auto_oscillator", {"gamma_g": 2e9}, "gamma_g"),
        ("auto_oscillator", {"t_slot": 1e-9}, "t_slot"),
        ("auto_oscillator_envelope", {"q_damping": -2.0}, "q_damping"),
        ("auto_oscillator", {"n_shft": 1.0}, "n_shift"),
    ],
)
def test_values_that_do_not_go_together(model: str, changes: dict[str, float], named: str) -> None:
    with pytest.raises(ParameterError, match=named):
        card_of(model, **changes)
