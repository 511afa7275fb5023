"""Neurons: rate against input in both simulators and by closed forms, bursts, and a network that learns patterns."""

import numpy as np
import pytest

from compact.cards import load_card
from compact.circuits import get_circuit
from compact.circuits.lif_neuron import lif_rate
from compact.circuits.superparamagnetic_neuron import noisy_interval
from compact.errors import CircuitError

LEAK = load_card("ikeda_2010")
FLICKERING = load_card("schnitzspan_2023")


def simulate(simulator, name, card, technology="generic", **settings):
    circuit = get_circuit(name)
    bench = circuit.build(card, technology, **settings)
    waveforms = simulator.run(bench.netlist, bench.analysis, save=bench.save, timeout=600)
    return {measure.name: measure for measure in circuit.measures(waveforms, bench)}, waveforms, bench


def failed(measures):
    return [f"{m.name} = {m.value:g}" for m in measures.values() if not m.passed]


def test_rates_of_the_neuron_agree(ngspice, vacask):
    """Silent below threshold, then rising; simulators within 2 %, closed form within 5 %."""
    rates = []
    for simulator in (ngspice, vacask):
        measures, waveforms, bench = simulate(simulator, "lif_neuron", LEAK)
        assert failed(measures) == []
        _, found, expected = get_circuit("lif_neuron").curve(waveforms, bench, LEAK)
        assert found[0] == 0 and np.all(np.diff(found) > 0)
        assert found[1:] == pytest.approx(expected[1:], rel=0.05)
        rates.append(found)
    assert rates[0] == pytest.approx(rates[1], rel=0.02)


@pytest.mark.parametrize("technology", ["sky130", "gf180"])
def test_neuron_in_open_technologies(vacask, installed, technology):
    installed(technology)
    measures, _, _ = simulate(vacask, "lif_neuron", LEAK, technology, points=3)
    assert failed(measures) == []


def test_rates_of_the_superparamagnetic_neuron_agree(ngspice, vacask):
    """The same random numbers, so that simulators differ by less than chance does."""
    rates = []
    for simulator in (ngspice, vacask):
        measures, waveforms, bench = simulate(simulator, "superparamagnetic_neuron", FLICKERING, points=3, spikes=10)
        assert failed(measures) == []
        _, found, _, expected = get_circuit("superparamagnetic_neuron").curve(waveforms, bench, FLICKERING)
        assert np.all(np.diff(found) > 0) and found[-1] > 3 * found[0]
        assert found == pytest.approx(expected, rel=0.15)
        rates.append(found)
    assert rates[0] == pytest.approx(rates[1], rel=0.05)


def test_seed_changes_spikes_and_not_the_curve(vacask):
    runs = [
        simulate(vacask, "superparamagnetic_neuron", FLICKERING, points=2, spikes=20, seed=seed)[0] for seed in (1, 50)
    ]
    assert runs[0]["rate_low"].value != runs[1]["rate_low"].value
    assert runs[0]["rate_high"].value == pytest.approx(runs[1]["rate_high"].value, rel=0.1)


def test_closed_forms_against_integration():
    """Both rates against a membrane that is integrated step by step; the second one with random states."""
    r, c, low, high = 20e3, 0.5e-12, 0.1, 0.6
    step, v, t = 1e-13, low, 0.0
    while v < high:
        v, t = v + step * (60e-6 - v / r) / c, t + step
    assert 1 / lif_rate(60e-6, r, c, low, high, 2e-9) == pytest.approx(t + 2e-9, rel=1e-3)
    assert lif_rate(0.99 * high / r, r, c, low, high, 0.0) == 0.0
    rng, tau_p, tau_ap, late = np.random.default_rng(1), 4e-9, 6e-9, 0.75
    parallel = rng.random(40_000) < tau_p / (tau_p + tau_ap)
    free, last = (1 / lif_rate(60e-6, r, c, low, v, 0.0) for v in (high, late))
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
