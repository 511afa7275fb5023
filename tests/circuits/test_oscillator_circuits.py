"""Circuits of resonant junctions: closed forms, both simulators, and what they must not pass."""

import math

import numpy as np
import pytest

from compact.cards import load_card
from compact.circuits import get_circuit
from compact.errors import CircuitError, ParameterError, SimulationError
from compact.harmonic import diode_sensitivity
from compact.parameters import ParameterSet
from compact.physics.auto_oscillation import AutoOscillator
from compact.physics.oscillator_load import loaded

FANG = load_card("fang_2016")
BENCH = {
    "r_p": 500.0,
    "tmr": 1.0,
    "v_h": 0.5,
    "cos_0": 0.2,
    "f_0": 1e9,
    "gamma_g": 1e8,
    "i_th": 1e-3,
    "q_damping": 1.5,
    "n_shift": -2e7,
    "torque_ip": 1.5e11,
}


def bench_card(**values):
    return ParameterSet("auto_oscillator", "bench", BENCH | values)


def simulate(simulator, name, card=FANG, technology="generic", noise=False, **settings):
    circuit = get_circuit(name)
    bench = circuit.build(card, technology, noise=noise, **settings)
    waveforms = simulator.run(bench.netlist, bench.analysis, save=bench.save, timeout=600)
    return {m.name: m for m in circuit.measures(waveforms, bench)}, waveforms, bench


def failed(measures):
    return [f"{m.name} = {m.value:g}" for m in measures.values() if not m.passed]


SAME = {
    "sto_bias_tee": {"frequency": 1e-4, "t_half": 0.01},
    "sto_fm": {"deviation": 0.02, "frequency": 1e-4},
    "sto_lock": {"band_1": 0.03, "band_2": 0.03},
    "sto_coupled": {"order": 1e-3, "frequency": 1e-3},
    "sto_pll": {"bandwidth": 0.03, "control": 0.01, "lock_time": 0.05},
    "diode_receiver": {"bit_errors": 0, "sensitivity": 0.01, "gain": 0.02, "energy_per_bit": 0.03},
    "envelope_detector": {"recovered": 0.01, "distortion": 0.03, "sensitivity": 0.01},
}
"""Figures that both simulators must give alike, and how closely."""
SHORT = {"sto_lock": {"points": 6}}


@pytest.mark.parametrize("name", SAME)
def test_works_with_a_published_card_and_simulators_agree(ngspice, vacask, name):
    """Every circuit by default: within the limits about its closed forms, the same in both simulators."""
    runs = [simulate(s, name, **SHORT.get(name, {}))[0] for s in (ngspice, vacask)]
    for measures in runs:
        assert failed(measures) == []
    for figure, share in SAME[name].items():
        assert runs[0][figure].value == pytest.approx(runs[1][figure].value, rel=share), figure
    if name == "sto_bias_tee":
        assert runs[0]["power_dbm"].value == pytest.approx(runs[1]["power_dbm"].value, abs=0.1)


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n == "sto_pll" else n for n in SAME])
def test_works_with_the_other_published_card(vacask, name):
    """Positive threshold, four times the frequency, no field-like torque."""
    assert failed(simulate(vacask, name, load_card("kubota_2013"))[0]) == []


# ------------------------------------------------------------------------------------------------ load


def test_load_without_end_is_no_load():
    free = AutoOscillator.from_card(FANG)
    i = 1.5 * free.i_th
    open_ended = loaded(free, 1e12)
    for figure in ("power", "frequency", "linewidth", "relaxation_rate"):
        assert getattr(open_ended, figure)(i) == pytest.approx(getattr(free, figure)(i), rel=1e-6)
    at_rest = 0.5 * free.i_th
    f = free.frequency(at_rest)
    assert open_ended.spectrum(f, 1e-6, at_rest) == pytest.approx(free.spectrum(f, 1e-6, at_rest), rel=1e-5)
    with pytest.raises(ParameterError, match="load = 0 Ohm must be above 0"):
        loaded(free, 0.0)


def test_load_changes_the_threshold(vacask):
    """Emitted power at loads between a short and a match, where the load takes part of the drive away or adds to it."""
    for load, torque in ((10.0, 2e11), (50.0, 2e11), (300.0, -2e11)):
        card = bench_card(torque_ip=torque)
        measures, _, _ = simulate(vacask, "sto_bias_tee", card, load=load, turns=60)
        # Torques this strong, which throw the layer off at the start, leave t_half to itself.
        assert measures["frequency"].passed and measures["power_dbm"].passed, (load, torque)
        free = AutoOscillator.from_card(card)
        changed = loaded(free, load).power(1.5e-3) / free.power(1.5e-3)
        assert abs(float(changed) - 1) > 0.1, "the load does nothing here: the test shows nothing"


# ------------------------------------------------------------------------------------------------ modulation, locking


def test_frequency_follows_only_as_fast_as_the_power(vacask):
    """Deviation falls with the modulation as the lag of the power says."""
    card = bench_card(n_shift=-1e8)
    osc = loaded(AutoOscillator.from_card(card), 50.0)
    corner = float(osc.relaxation_rate(1.5e-3)) / (2 * math.pi)
    found = {}
    for share in (0.1, 1.0, 3.0):
        measures, _, _ = simulate(vacask, "sto_fm", card, f_m=share * corner, periods=8)
        assert failed(measures) == [], share
        found[share] = measures["deviation"].value
    assert found[1.0] / found[0.1] == pytest.approx(math.sqrt(1.01 / 2), rel=0.05)
    assert found[3.0] / found[0.1] == pytest.approx(math.sqrt(1.01 / 10), rel=0.05)


def test_band_is_wider_by_the_nonlinear_shift(vacask):
    """Locking band with and without a nonlinear frequency shift: their ratio is sqrt(1 + nu^2)."""
    bands = {}
    for shift in (0.0, -1.2e8):
        card = bench_card(n_shift=shift)
        osc = loaded(AutoOscillator.from_card(card), 50.0)
        measures, _, _ = simulate(vacask, "sto_lock", card, p_rf=4e-7, levels=1, points=14)
        assert measures["band_1"].passed, (shift, measures["band_1"])
        bands[shift] = measures["band_1"].value, float(osc.nu(1.5e-3))
    (plain, _), (wide, nu) = bands[0.0], bands[-1.2e8]
    assert abs(nu) > 2
    assert wide / plain == pytest.approx(math.sqrt(1 + nu**2), rel=0.05)


def test_strong_waves_leave_the_law_of_weak_ones(vacask):
    """At a hundred times the derived power the band is not that of the closed form, and the measure says so."""
    bench = get_circuit("sto_lock").build(FANG, "generic")
    measures, _, _ = simulate(vacask, "sto_lock", levels=1, p_rf=100 * bench.settings["p_rf"])
    assert not (measures["band_1"].passed and measures["offset_1"].passed)


# ------------------------------------------------------------------------------------------------ networks


@pytest.mark.parametrize("count", [2, 16])
@pytest.mark.parametrize("series", [0, 1])
def test_oscillators_run_in_phase_where_the_wiring_couples_them_so(vacask, count, series):
    """In series with a positive torque, in parallel with a negative one; the other way round they do not."""
    for torque in (1.5e11, -1.5e11):
        measures, _, _ = simulate(vacask, "sto_coupled", bench_card(torque_ip=torque), count=count, series=series)
        right = (torque > 0) == bool(series)
        assert (failed(measures) == []) == right, (torque, failed(measures))
        if not right:
            assert measures["order"].value < 0.5


def test_too_wide_a_spread_is_not_bridged(vacask):
    card = bench_card(n_shift=-1e8)
    bench = get_circuit("sto_coupled").build(card, "generic", count=4)
    measures, _, _ = simulate(vacask, "sto_coupled", card, count=4, spread=40 * bench.settings["spread"])
    assert "order" in [name.split(" ")[0] for name in failed(measures)]


def line_of(simulator, count, **settings):
    """Linewidth of noisy oscillators that are coupled much more strongly than noise pulls them apart."""
    card = bench_card(torque_ip=6e11, energy=2.5e-19)
    measures, _, _ = simulate(simulator, "sto_coupled", card, noise=True, count=count, **settings)
    return measures


def test_two_oscillators_have_half_the_linewidth(vacask):
    """Each within its statistical error of 1/N of the law of one, and the ratio of both."""
    one, two = (line_of(vacask, count) for count in (1, 2))
    assert one["linewidth"].passed and two["linewidth"].passed
    # Both traces hold 36 linewidths: 13 % each.
    assert two["linewidth"].value / one["linewidth"].value == pytest.approx(0.5, rel=3 * 0.19)


@pytest.mark.slow
def test_linewidth_falls_as_one_over_the_number(vacask):
    measures = [line_of(vacask, count) for count in (1, 4)]
    assert all(m["linewidth"].passed for m in measures)
    assert measures[1]["linewidth"].value / measures[0]["linewidth"].value == pytest.approx(0.25, rel=3 * 0.19)


@pytest.mark.slow
def test_line_behind_the_amplifier(vacask):
    """Every turn of the carrier with thermal noise: linewidth and count of turns within their statistical errors."""
    assert failed(simulate(vacask, "sto_bias_tee", noise=True)[0]) == []


# ------------------------------------------------------------------------------------------------ phase-locked loop


@pytest.mark.parametrize(("share", "damping"), [(40.0, 0.5), pytest.param(100.0, 1.2, marks=pytest.mark.slow)])
def test_loop_has_the_bandwidth_that_is_predicted(vacask, share, damping):
    card = bench_card(n_shift=-1e8)
    rate = float(loaded(AutoOscillator.from_card(card), 50.0).relaxation_rate(1.5e-3))
    f_n = rate / share / (2 * math.pi)
    measures, _, _ = simulate(vacask, "sto_pll", card, f_n=f_n, damping=damping, c_pole=2e-14)
    assert failed(measures) == []
    # Second order, without the lag of the power and the small capacitor.
    x = 1 + 2 * damping**2
    assert measures["bandwidth"].value == pytest.approx(f_n * math.sqrt(x + math.sqrt(x * x + 1)), rel=0.12)


@pytest.mark.slow
def test_loop_holds_against_noise(vacask):
    """Phase under noise as white frequency noise says; the mean stays."""
    card = bench_card(n_shift=-1e8, energy=2e-17)
    measures, _, _ = simulate(vacask, "sto_pll", card, noise=True)
    assert failed(measures) == []
    assert 0.02 < measures["phase_rms"].value < 0.5


def test_loop_of_too_wide_an_offset_does_not_lock(vacask):
    bench = get_circuit("sto_pll").build(FANG, "generic")
    measures, _, _ = simulate(vacask, "sto_pll", offset=30 * bench.settings["f_n"])
    assert not measures["lock_time"].passed


# ------------------------------------------------------------------------------------------------ diode


@pytest.mark.parametrize("technology", ["sky130", "gf180"])
def test_receiver_in_open_technologies(installed, vacask, technology):
    measures, waveforms, bench = simulate(vacask, "diode_receiver", technology=installed(technology))
    assert failed(measures) == []
    circuit = get_circuit("diode_receiver")
    assert np.array_equal(circuit.received(waveforms, bench) > 0, circuit.sent(bench.settings) == 1)


def test_receiver_fails_where_the_junction_cannot_follow(vacask):
    """Bits much shorter than the junction settles in are not received, and the sensitivity is not reached."""
    measures, _, bench = simulate(vacask, "diode_receiver")
    assert failed(measures) == []
    short, _, _ = simulate(vacask, "diode_receiver", t_bit=bench.settings["t_bit"] / 12, edge=20e-12, bits=16)
    assert {"bit_errors", "sensitivity"} <= {text.split(" ")[0] for text in failed(short)}


def test_detector_follows_off_resonance_and_with_strong_waves(vacask):
    for settings in ({"detuning": 2e7}, {"depth": 1.0}, {"bias": 0.0}):
        assert failed(simulate(vacask, "envelope_detector", **settings)[0]) == [], settings


@pytest.mark.parametrize("bias", [0.0, -1e-4, -1.8e-4])
def test_harmonic_balance_is_what_a_transient_comes_to(vacask, bias):
    """Rectified voltage at the level of the carrier by both, and in closed form."""
    found = diode_sensitivity(FANG, bias=bias, simulator=vacask)
    assert found.harmonic == pytest.approx(found.transient, rel=0.02)
    assert found.harmonic == pytest.approx(found.closed, rel=0.03)


def test_harmonic_balance_where_waves_are_strong(vacask):
    """With the nonlinear shift and damping the sensitivity falls; harmonics that are left out would show."""
    weak, strong = (diode_sensitivity(FANG, p_rf=p, bias=-1.8e-4, simulator=vacask) for p in (1e-7, 3e-5))
    assert abs(strong.harmonic) < 0.7 * abs(weak.harmonic)
    assert strong.harmonic == pytest.approx(strong.transient, rel=0.02)


def test_harmonic_balance_is_refused_elsewhere(ngspice):
    with pytest.raises(SimulationError, match="harmonic balance is not offered; use vacask"):
        diode_sensitivity(FANG, simulator=ngspice)


# ------------------------------------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("sto_fm", {"bias": -1e-4}, "does not oscillate: its threshold current without load is -0.0002 A"),
        ("sto_bias_tee", {"load": 0.5, "bias": -2.05e-4}, "with a load of 0.5 Ohm the junction does not oscillate"),
        ("diode_receiver", {"bias": -4e-4}, "oscillates; its threshold current"),
        ("sto_coupled", {"count": 2.5}, "setting 'count' = 2.5 must be a whole number"),
        ("sto_lock", {"levels": 0}, r"setting 'levels' = 0 is outside its range \[1, 10\]"),
        ("sto_pll", {"dampng": 1}, "unknown setting of circuit 'sto_pll' 'dampng'; did you mean 'damping'"),
        ("envelope_detector", {"depth": 2}, "'depth' = 2 is outside its range"),
    ],
)
def test_errors_say_what_is_wrong(name, settings, message):
    with pytest.raises(CircuitError, match=message):
        get_circuit(name).build(FANG, "generic", **settings)


def test_other_cards_are_refused():
    with pytest.raises(CircuitError, match="model 'auto_oscillator' or 'auto_oscillator_envelope', not 'mtj'"):
        get_circuit("sto_fm").build(load_card("ikeda_2010"), "generic")
    with pytest.raises(CircuitError, match="torque_ip is 0: no current drives the junction"):
        get_circuit("envelope_detector").build(bench_card(torque_ip=0.0), "generic")
    with pytest.raises(CircuitError, match="the current does not tune card 'bench'"):
        get_circuit("sto_pll").build(bench_card(n_shift=0.0, torque_ip=0.0), "generic")
