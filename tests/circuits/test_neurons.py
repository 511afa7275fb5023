"""Neurons: rate against input in both simulators and by closed forms, bursts, and a network that learns patterns."""

import numpy as np
import pytest

from compact.cards import load_card
from compact.circuits import get_circuit
from compact.circuits.bursting_neuron import hop_window
from compact.circuits.lif_neuron import lif_rate
from compact.circuits.superparamagnetic_neuron import noisy_interval
from compact.errors import CircuitError

LEAK = load_card("ikeda_2010")
FLICKERING = load_card("schnitzspan_2023")
SYNAPSE = load_card("design_wall_synapse")
HOPPING = load_card("design_back_hopping")


def simulate(simulator, name, card, technology="generic", **settings):
    circuit = get_circuit(name)
    bench = circuit.build(card, technology, **settings)
    waveforms = simulator.run(bench.netlist, bench.analysis, save=bench.save, timeout=600)
    return {measure.name: measure for measure in circuit.measures(waveforms, bench)}, waveforms, bench


def failed(measures):
    return [f"{m.name} = {m.value:g}" for m in measures.values() if not m.passed]


def test_rates_of_the_neuron_agree(ngspice, vacask):
    """Silent below threshold, then rising; simulators within 2 %, closed form too."""
    rates = []
    for simulator in (ngspice, vacask):
        measures, waveforms, bench = simulate(simulator, "lif_neuron", LEAK)
        assert failed(measures) == []
        _, found, expected = get_circuit("lif_neuron").curve(waveforms, bench, LEAK)
        assert found[0] == 0 and np.all(np.diff(found) > 0)
        assert found[1:] == pytest.approx(expected[1:], rel=0.02)
        rates.append(found)
    assert rates[0] == pytest.approx(rates[1], rel=0.02)


@pytest.mark.parametrize("card", ["garcia_redondo_2021", "rehm_2023"])
@pytest.mark.parametrize("technology", ["generic", "sky130", "gf180"])
def test_neuron_with_leaks_that_depend_on_the_bias(simulator, installed, technology, card):
    """Supplies from 1.2 to 3.3 V, inputs from 0.1 to 1.8 mA: within 2 % of the card's own leak, integrated."""
    installed(technology)
    measures, _, _ = simulate(simulator, "lif_neuron", load_card(card), technology, points=3)
    assert failed(measures) == []
    assert measures["misfit"].value < 0.02


@pytest.mark.parametrize("technology", ["sky130", "gf180"])
def test_neuron_in_open_technologies(vacask, installed, technology):
    installed(technology)
    measures, _, _ = simulate(vacask, "lif_neuron", LEAK, technology, points=3)
    assert failed(measures) == []
    assert measures["misfit"].value < 0.02


def test_leak_that_saturates_against_a_straight_one():
    """Lapicque's logarithm for a straight leak; one that rises less than its tangent lets the neuron fire faster."""
    r, c, limits = 20e3, 0.5e-12, (0.1, 0.6)
    straight = lif_rate(60e-6, lambda v: v / r, c, *limits, 0.0)
    assert 1 / straight == pytest.approx(r * c * np.log((60e-6 * r - 0.1) / (60e-6 * r - 0.6)), rel=1e-9)
    assert lif_rate(60e-6, lambda v: np.tanh(v) / r, c, *limits, 0.0) > 1.02 * straight


def test_rates_of_the_superparamagnetic_neuron_agree(ngspice, vacask):
    """Simulators agree within 2 % and three standard errors: which are early depends on when the last one was."""
    rates, errors = [], []
    for simulator in (ngspice, vacask):
        measures, waveforms, bench = simulate(simulator, "superparamagnetic_neuron", FLICKERING, points=3, spikes=10)
        assert failed(measures) == []
        _, found, error, expected = get_circuit("superparamagnetic_neuron").curve(waveforms, bench, FLICKERING)
        assert np.all(np.diff(found) > 0) and found[-1] > 3 * found[0]
        assert found == pytest.approx(expected, rel=0.15)
        rates.append(found)
        errors.append(error)
    assert np.all(np.abs(rates[0] - rates[1]) < 0.02 * rates[1] + 3 * np.hypot(*errors))


def test_seed_changes_spikes_and_not_the_curve(vacask):
    runs = [
        simulate(vacask, "superparamagnetic_neuron", FLICKERING, points=2, spikes=8, seed=seed)[0] for seed in (1, 50)
    ]
    assert runs[0]["rate_low"].value != runs[1]["rate_low"].value
    assert runs[0]["rate_high"].value == pytest.approx(runs[1]["rate_high"].value, rel=0.1)


def test_closed_forms_against_integration():
    """Both rates against a membrane that is integrated step by step; the second one with random states."""
    r, c, low, high = 20e3, 0.5e-12, 0.1, 0.6
    step, v, t = 1e-13, low, 0.0
    while v < high:
        v, t = v + step * (60e-6 - v / r) / c, t + step
    assert 1 / lif_rate(60e-6, lambda v: v / r, c, low, high, 2e-9) == pytest.approx(t + 2e-9, rel=1e-3)
    assert lif_rate(0.99 * high / r, lambda v: v / r, c, low, high, 0.0) == 0.0
    rng, tau_p, tau_ap, late = np.random.default_rng(1), 4e-9, 6e-9, 0.75
    parallel = rng.random(40_000) < tau_p / (tau_p + tau_ap)
    free, last = (1 / lif_rate(60e-6, lambda v: v / r, c, low, v, 0.0) for v in (high, late))
    drawn = np.minimum(free + parallel * rng.exponential(tau_p, parallel.size), last)
    found = noisy_interval(60e-6, r, c, low, high, late, (tau_p, tau_ap))
    assert found == pytest.approx(np.mean(drawn), abs=4 * np.std(drawn) / np.sqrt(drawn.size))


@pytest.mark.parametrize(
    ("name", "card", "settings", "words"),
    [
        ("lif_neuron", LEAK, dict(i_low=1e-5, i_high=1.5e-5), "no neuron fires"),
        ("lif_neuron", LEAK, dict(c_feedback=1e-12), "below ground"),
        ("lif_neuron", LEAK, dict(points=2.5), "whole number"),
        ("lif_neuron", FLICKERING, {}, "mtj"),
        ("superparamagnetic_neuron", LEAK, {}, "telegraph"),
        ("superparamagnetic_neuron", FLICKERING, dict(i_low=1e-5, i_high=1e-6), "above i_low"),
    ],
)
def test_wrong_settings(name, card, settings, words):
    with pytest.raises(CircuitError, match=words):
        get_circuit(name).build(card, "generic", **settings)


def learned(simulator, **settings):
    measures, waveforms, bench = simulate(simulator, "pattern_network", SYNAPSE, **settings)
    return measures, get_circuit("pattern_network").weights(waveforms, bench), (waveforms, bench)


def test_network_learns_the_same_in_both_simulators(ngspice, vacask):
    """Silent before; each neuron fires at its own pattern after; weights within 2 %."""
    network, weights = get_circuit("pattern_network"), []
    for simulator in (ngspice, vacask):
        measures, final, run = learned(simulator)
        assert failed(measures) == []
        assert not network.spikes(*run, "before").any()
        spikes = network.spikes(*run)
        assert np.all(np.diag(spikes) >= 3) and np.sum(spikes) == np.trace(spikes)
        assert np.array_equal(final > 0.5, [[True, True, False, False], [False, False, True, True]])
        weights.append(final)
    assert weights[0] == pytest.approx(weights[1], rel=0.02)


def test_half_the_pulse_teaches_nothing(vacask):
    """Neither a row's pulse nor a column's alone moves a wall: with both at 0.7 V nothing is learned."""
    measures, final, _ = learned(vacask, v_write=0.7)
    assert np.abs(final - 0.5).max() < 0.02
    assert {"recalled", "contrast"} <= {name for name, m in measures.items() if not m.passed}


@pytest.mark.slow
def test_larger_network_unlearns_and_learns(ngspice, vacask):
    """Three overlapping patterns of eight bits in two epochs, from weights that are all low."""
    weights = []
    for simulator in (ngspice, vacask):
        measures, final, _ = learned(
            simulator, patterns="11110000 00111100 11000011", epochs=2, start=-0.6, t_write=5e-9
        )
        assert failed(measures) == []
        weights.append(final)
    assert weights[0] == pytest.approx(weights[1], rel=0.02)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (dict(patterns="1100 001"), "one length"),
        (dict(patterns="1100 1100"), "twice"),
        (dict(patterns="1200"), "0 and 1"),
        (dict(epochs=1.5), "whole number"),
        (dict(v_write=1.5), "at most vdd"),
    ],
)
def test_wrong_patterns(settings, words):
    with pytest.raises(CircuitError, match=words):
        get_circuit("pattern_network").build(SYNAPSE, "generic", **settings)


def test_bursts_from_back_hopping_agree(ngspice, vacask):
    """Bursts with silence between them, between the two voltages at which either state loses its stability."""
    stiff = HOPPING.replace("stiff", delta=60.0)  # at a barrier of 25 the layer turns somewhat before its limits
    intervals, counts = [], []
    for simulator in (ngspice, vacask):
        measures, waveforms, bench = simulate(simulator, "bursting_neuron", stiff)
        assert failed(measures) == []
        first, second = get_circuit("bursting_neuron").bursts(waveforms, bench)[:2]
        inside = (waveforms.axis > first[2]) & (waveforms.axis < first[-1])
        _, v_b, v_c = hop_window(HOPPING)
        assert waveforms["j"][inside].min() == pytest.approx(v_b, abs=0.02)
        assert waveforms["j"][inside].max() == pytest.approx(v_c, abs=0.02)
        assert waveforms["xneuron.xmtj.z"][inside].max() > 0.5 and waveforms["xneuron.xmtj.z"][inside].min() < -0.9
        intervals.append(measures["interval"].value)
        counts.append((len(first), len(second)))
    assert intervals[0] == pytest.approx(intervals[1], rel=0.03)
    assert np.abs(np.subtract(*counts)).max() <= 1


@pytest.mark.parametrize("technology", ["sky130", "gf180"])
def test_bursts_above_a_rail_that_lifts_the_junction(simulator, installed, technology):
    """Where an inverter turns above the hopping voltage; across the junction the swing is the same."""
    measures, waveforms, bench = simulate(simulator, "bursting_neuron", HOPPING, installed(technology))
    assert failed(measures) == [] and bench.settings["v_base"] > 0.3
    _, v_b, v_c = hop_window(HOPPING)
    first = get_circuit("bursting_neuron").bursts(waveforms, bench)[0]
    inside = (waveforms.axis > first[2]) & (waveforms.axis < first[-1])
    across = waveforms["j"][inside] - bench.settings["v_base"]
    assert across.min() == pytest.approx(v_b, abs=0.04) and across.max() == pytest.approx(v_c, abs=0.04)


def test_no_bursts_for_the_other_polarity(vacask):
    measures, waveforms, _ = simulate(vacask, "bursting_neuron", HOPPING, polarity=-1, bursts=1)
    assert measures["bursts"].value == 0
    assert np.all(waveforms["xneuron.xmtj.z"][len(waveforms.axis) // 4 :] > 0.5)


@pytest.mark.parametrize(
    ("values", "settings", "words"),
    [
        (dict(fl_2=0.0), {}, "does not hop back"),
        (dict(r_p=42.0, fl_2=0.21 / 0.04**2), dict(v_base=0.0), "cannot tell"),
        ({}, dict(v_base=0.8), "over v_base = 0.8 V"),
        ({}, dict(polarity=0.5), "1 or -1"),
    ],
)
def test_junctions_that_cannot_burst(values, settings, words):
    with pytest.raises(CircuitError, match=words):
        get_circuit("bursting_neuron").build(HOPPING.replace("other", **values), "generic", **settings)
