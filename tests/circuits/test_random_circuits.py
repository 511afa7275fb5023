"""Random-number generator and p-bit: they work, simulators agree, and chance is what the junctions make of it."""

import numpy as np
import pytest

from compact.cards import load_card
from compact.circuits import get_circuit
from compact.errors import CircuitError

CARD = load_card("schnitzspan_2023")


def simulate(simulator, name, technology="generic", **settings):
    circuit = get_circuit(name)
    bench = circuit.build(CARD, technology, **settings)
    waveforms = simulator.run(bench.netlist, bench.analysis, save=bench.save, timeout=600)
    return {measure.name: measure for measure in circuit.measures(waveforms, bench)}, waveforms, bench


def failed(measures):
    return [f"{m.name} = {m.value:g}" for m in measures.values() if not m.passed]


def test_generator_works_and_simulators_agree(ngspice, vacask):
    """The same bits, and each is the state that its junction had at the clock."""
    runs = [simulate(s, "trng", bits=24, streams=2, seed=3) for s in (ngspice, vacask)]
    streams = [get_circuit("trng").stream(w, b) for _, w, b in runs]
    assert np.array_equal(*streams)
    for measures, waveforms, bench in runs:
        assert failed(measures) == []
        first, second = (get_circuit("trng").stream(waveforms, bench, node) for node in ("q0", "q1"))
        assert np.array_equal(first ^ second, streams[0])
    energies = [measures["energy_per_bit"].value for measures, _, _ in runs]
    assert energies[0] == pytest.approx(energies[1], rel=0.05)
    assert 5e-15 < energies[0] < 50e-15


def test_stream_passes_the_statistical_tests(vacask):
    measures, _, _ = simulate(vacask, "trng", bits=128, streams=2)
    assert failed(measures) == []
    assert sum(name.startswith("p_") for name in measures) == 9


@pytest.mark.slow
def test_long_streams(vacask):
    """Four streams combined pass; one alone is off by its read disturb at most."""
    single, _, _ = simulate(vacask, "trng", bits=1000)
    assert abs(single["ones"].value - 0.5) < 0.05
    combined, _, _ = simulate(vacask, "trng", bits=500, streams=4)
    assert failed(combined) == []


def test_reading_too_fast_is_seen(vacask):
    """At a third of the memory of the junction, neighbours are correlated as exp(-t_bit/memory) says."""
    measures, _, _ = simulate(vacask, "trng", bits=200, t_bit=2.5e-9)
    assert measures["autocorrelation"].value == pytest.approx(np.exp(-0.5), abs=0.2)
    assert not measures["autocorrelation"].passed


def test_pbit_is_a_sigmoid_and_simulators_agree(ngspice, vacask):
    runs = [simulate(s, "pbit", samples=30, points=9)[0] for s in (ngspice, vacask)]
    for measures in runs:
        assert failed(measures) == []
    for name, tolerance in (("v_middle", 0.01), ("v_width", 0.1), ("power", 0.03)):
        assert runs[0][name].value == pytest.approx(runs[1][name].value, rel=tolerance), name


@pytest.mark.parametrize("buffers", [0, 2])
@pytest.mark.parametrize("technology", ["sky130", "gf180"])
def test_pbit_in_open_technologies(vacask, technology, buffers):
    measures, _, _ = simulate(vacask, "pbit", technology, buffers=buffers)
    assert failed(measures) == []
    assert measures["swing"].value > 0.95 if buffers else measures["swing"].value < 0.95


@pytest.mark.parametrize("technology", ["sky130", "gf180"])
def test_generator_in_open_technologies(vacask, technology):
    measures, _, _ = simulate(vacask, "trng", technology, bits=16)
    assert failed(measures) == []


def test_mean_of_the_pbit_rises(vacask):
    measures, waveforms, bench = simulate(vacask, "pbit", samples=60)
    inputs, means = get_circuit("pbit").sigmoid(waveforms, bench)
    assert inputs[0] == bench.settings["v_low"]
    assert np.all(np.diff(means) > -0.15)
    assert failed(measures) == []


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("trng", dict(bits=10.5), "whole number"),
        ("trng", dict(t_bit=1e-9, t_sense=1e-9), "precharge"),
        ("trng", dict(streems=2), "streams"),
        ("pbit", dict(v_low=0.9, v_high=0.5), "above v_low"),
        ("pbit", dict(buffers=1), "even"),
    ],
)
def test_wrong_settings(name, settings, words):
    with pytest.raises(CircuitError, match=words):
        get_circuit(name).build(CARD, "generic", **settings)


def test_other_junctions_are_refused():
    with pytest.raises(CircuitError, match="telegraph"):
        get_circuit("trng").build(load_card("ikeda_2010"), "generic")
    with pytest.raises(CircuitError, match="mtj"):
        get_circuit("pcsa").build(CARD, "generic")
