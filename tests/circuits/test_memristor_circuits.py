"""Memristor circuits: crossbar, write-verify cell, plastic and stochastic synapses, in both simulators."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from scipy.stats import norm

from compact.checks import parity
from compact.circuits import get_circuit
from compact.errors import CircuitError, EmitError
from compact.models.mtj_held import held
from compact.parameters import ParameterSet
from compact.physics.activation import escape_rate
from compact.physics.wires import crossbar_currents

MEMRISTOR = ParameterSet("multidomain", "memristor")
JUNCTION = ParameterSet("mtj", "junction")


def simulate(simulator, name, card=MEMRISTOR, **settings):
    circuit = get_circuit(name)
    bench = circuit.build(card, "generic", **settings)
    waveforms = simulator.run(bench.netlist, bench.analysis, save=bench.save, timeout=600)
    return circuit, {m.name: m for m in circuit.measures(waveforms, bench)}, waveforms, bench


def failed(measures):
    return [f"{m.name} = {m.value:g}" for m in measures.values() if not m.passed]


# -- junctions held, wires -------------------------------------------------------------------------------


def test_held_junction_conducts_as_the_model_does(simulator):
    """Emission against NumPy, and NumPy against the models it stands for."""
    values = dict(tmr_slope=0.1, g_slope=0.1, g_curv=0.2, tc_r=-1e-4, r_p=3e3, tmr=1.3, v_h=0.4)
    cards = [ParameterSet("multidomain", "terms", values), MEMRISTOR]
    assert parity([held(card) for card in cards], simulator, 6, 85.0, seed=3) < 1e-6
    volts = np.linspace(-0.6, 0.6, 13)
    for card in cards:
        for cosine in (-1.0, 0.3, 1.0):
            states = {f"z{k}": cosine for k in range(12)}
            whole = card.definition.evaluate("i", {**card.values, **states, "v_fl_rl": volts})
            alone = held(card)
            lean = alone.definition.evaluate("i", {**alone.values, "state": cosine, "v_fl_rl": volts})
            np.testing.assert_allclose(lean, whole, rtol=1e-12)
    with pytest.raises(EmitError, match="telegraph"):
        held(ParameterSet("telegraph", "flips"))


def test_wires_by_hand():
    """One cell is four resistors in series; two on a row solve by series and parallel."""
    assert crossbar_currents([[1e-3]], [0.1], 10.0, 5.0, 2.0)[0, 0] == pytest.approx(0.1 / (1000 + 20 + 7))
    near, far = 1000 + 10, 10 + 2000 + 10
    node = 0.1 / (1 + 10 * (1 / near + 1 / far))
    np.testing.assert_allclose(crossbar_currents([[1e-3, 0.5e-3]], [0.1], 10.0)[0], [node / near, node / far])
    rng = np.random.default_rng(1)
    g = rng.uniform(1e-4, 2e-4, (5, 4))
    ideal = crossbar_currents(g, np.eye(5), 1e-6)
    np.testing.assert_allclose(ideal, g, rtol=1e-6)
    with pytest.raises(ValueError, match="do not drive"):
        crossbar_currents(g, np.ones(4), 1.0)


# -- crossbar --------------------------------------------------------------------------------------------


def test_crossbar_obeys_the_laws_of_its_wires(simulator):
    """Without transistors and bias dependence every current is that of exact elimination, and the error follows."""
    ohmic = MEMRISTOR.replace(v_h=1e3)
    errors = []
    for r_wire in (1.0, 10.0):
        circuit, measures, waves, bench = simulate(
            simulator, "crossbar", ohmic, rows=6, columns=5, transistors=0, r_wire=r_wire, error=0.5, seed=4
        )
        found, want = circuit.read_currents(waves, bench), circuit.predicted(bench)
        np.testing.assert_allclose(found, want, rtol=2e-4)
        errors.append(measures["read_error"].value)
    assert errors[1] > 5 * errors[0]


def test_crossbar_16x16_reads(simulator):
    """Within its limits; no current is further from the exact one of linear cells than their transistors explain."""
    circuit, measures, waves, bench = simulate(simulator, "crossbar", rows=16, columns=16, seed=2)
    assert failed(measures) == []
    found = circuit.read_currents(waves, bench)
    access = 0.05 * MEMRISTOR.values["r_p"]
    np.testing.assert_allclose(found, circuit.predicted(bench, access), rtol=0.02)


@pytest.mark.slow
def test_crossbar_64x64_reads(simulator):
    circuit, measures, waves, bench = simulate(simulator, "crossbar", rows=64, columns=64)
    assert failed(measures) == []
    found = circuit.read_currents(waves, bench)
    np.testing.assert_allclose(found, circuit.predicted(bench, 0.05 * MEMRISTOR.values["r_p"]), rtol=0.02)


def test_held_crossbar_reads_as_one_with_all_states(vacask):
    reads = []
    for full in (0, 1):
        circuit, measures, waves, bench = simulate(vacask, "crossbar", rows=3, columns=3, full=full, seed=5)
        assert failed(measures) == []
        reads.append(circuit.read_currents(waves, bench))
    np.testing.assert_allclose(*reads, rtol=1e-3)


def test_reads_that_would_move_the_state_are_refused():
    with pytest.raises(CircuitError, match="move domains"):
        get_circuit("crossbar").build(MEMRISTOR, "generic", v_read=0.4)


# -- write and verify ------------------------------------------------------------------------------------


def test_cell_writes_itself_to_its_target(vacask):
    """Each cell stops by itself, at most a pulse beyond its target, and keeps its weight while the train goes on."""
    _, measures, waves, bench = simulate(vacask, "write_verify", levels=2, steps=8)
    assert failed(measures) == []
    states = [np.mean([waves[f"xcell{k}.xmtj.z{n}"] for n in range(12)], axis=0) for k in range(2)]
    assert states[0][-1] < states[1][-1]
    stop = bench.times["write"] + bench.times["cycle"] * measures["pulses_0"].value
    later = states[0][waves.axis > stop]
    assert np.ptp(later) < 1e-3


@pytest.mark.slow
def test_write_verify_in_both_simulators(ngspice, vacask):
    runs = [simulate(s, "write_verify", levels=3, steps=12)[1] for s in (ngspice, vacask)]
    for measures in runs:
        assert failed(measures) == []
    for k in range(3):
        assert runs[0][f"pulses_{k}"].value == runs[1][f"pulses_{k}"].value
        assert runs[0][f"beyond_{k}"].value == pytest.approx(runs[1][f"beyond_{k}"].value, abs=0.01)


# -- plasticity ------------------------------------------------------------------------------------------


def smooth_window(bench, gaps):
    """Change of the weight by pairs of spikes with a continuous distribution of domains, by its own equations."""
    v, s = MEMRISTOR.values, bench.settings
    delta = v["delta"] * v["t_nom"] / 300.15
    normal, ranks = NormalDist(), (np.arange(2000) + 0.5) / 2000
    y = np.array([normal.inv_cdf(u) for u in ranks])
    changes = []
    for gap in gaps:
        way, head, tail = (
            ("ap2p", s["head_post"], s["tail_pre"]) if gap > 0 else ("p2ap", s["head_pre"], s["tail_post"])
        )
        x = 1 + v[f"width_{way}"] * (1 - np.exp(-v[f"skew_{way}"] * y)) / v[f"skew_{way}"]
        t = np.linspace(0, s["t_head"], 50)
        late = abs(gap) + t - s["t_head"] * 1.025
        end = math.exp(-4.8)
        volts = head + tail * (np.exp(-late / s["tau"]) - end) / (1 - end)
        tmr = v["tmr"] * (1 - (300.15 / v["t_bloch"]) ** 1.5) ** 2 / (1 - (300 / v["t_bloch"]) ** 1.5) ** 2
        ratio = 1.0 if way == "p2ap" else 1 - tmr / (1 + tmr + (volts / v["v_h"]) ** 2)
        i = volts * ratio / v["r_p"] / v[f"ic_{way}"]
        push = np.maximum(1 - i[:, None] / x, 0)
        rate = np.exp(-delta * x ** v["barrier_power"] * push ** v["exponent"]) / v["tau_0"]
        changes.append(np.sign(gap) * np.mean(1 - np.exp(-np.trapezoid(rate, t, axis=0))))
    return np.array(changes)


def test_window_of_plasticity(simulator):
    """Right signs, time constants that follow the spikes, and the size that a continuous distribution gives."""
    circuit, measures, waves, bench = simulate(simulator, "stdp_synapse", pairs=3)
    assert failed(measures) == []
    gaps = circuit.gaps(bench.settings)
    paired = np.isfinite(gaps)
    found = circuit.window(waves, bench)[paired]
    np.testing.assert_array_equal(np.sign(found), np.sign(gaps[paired]))
    # Twelve classes stand for the distribution, and chords of the tail for its exponential.
    np.testing.assert_allclose(found, smooth_window(bench, gaps[paired]), atol=0.04)


def test_time_constants_are_those_of_the_spikes():
    """The window scales with the tails: twice as long a tail gives twice the time constant."""
    circuit = get_circuit("stdp_synapse")
    found = []
    for tau in (10e-3, 20e-3):
        bench = circuit.build(MEMRISTOR, "generic", tau=tau)
        gaps = np.linspace(0.3, 1.8, 12) * tau
        found.append([circuit.time_constant(sign * gaps, circuit.predicted(bench, sign * gaps)) for sign in (1, -1)])
    np.testing.assert_allclose(np.divide(*reversed(found)), 2, rtol=0.05)
    assert np.all((np.array(found[0]) / 10e-3 > 0.4) & (np.array(found[0]) / 10e-3 < 1))


# -- chance ----------------------------------------------------------------------------------------------


def test_stochastic_synapses_switch_as_fokker_planck_says(vacask):
    """Shares after each pulse within 3.5 standard errors, which one pulse more would exceed."""
    circuit, measures, waves, bench = simulate(vacask, "stochastic_synapse", JUNCTION, synapses=120, pulses=2)
    assert failed(measures) == []
    found, want = circuit.shares(waves, bench), circuit.expected(bench)
    assert want[0] == pytest.approx(0.25, abs=1e-3)
    assert want[1] == pytest.approx(1 - 0.75**2, abs=0.01)
    assert np.all(np.abs(found - want) < norm.isf(2e-4) * np.sqrt(want * (1 - want) / 120))


def test_rare_switching_is_activation():
    """Far below the critical current the share per pulse is rate times width, by Brown's formula."""
    circuit = get_circuit("stochastic_synapse")
    card = JUNCTION.replace(tmr=1e-6, v_h=1e3)
    bench = circuit.build(card, "generic", probability=1e-4, t_pulse=200e-9, pulses=3)
    push = bench.settings["v_pulse"] / card.values["r_p"] / card.values["ic_ap2p"]
    rate = float(escape_rate(card.values["delta"], push, card.values["tau_d"]))
    want = circuit.expected(bench)
    np.testing.assert_allclose(want, rate * 200e-9 * np.array([1, 2, 3]), rtol=0.25)
    np.testing.assert_allclose(want, want[0] * np.array([1, 2, 3]), rtol=0.01)


def test_both_simulators_switch_the_same_synapses(ngspice, vacask):
    runs = []
    for simulator in (ngspice, vacask):
        circuit, _, waves, bench = simulate(simulator, "stochastic_synapse", JUNCTION, synapses=5, pulses=1, seed=7)
        runs.append(circuit.switched(waves, bench))
    np.testing.assert_array_equal(*runs)
    assert 0 < runs[0].sum() < 5


@pytest.mark.slow
def test_statistics_of_many_synapses(vacask):
    for start in (-1, 1):
        circuit, measures, waves, bench = simulate(
            vacask, "stochastic_synapse", JUNCTION, synapses=600, pulses=3, start=start, seed=1000
        )
        assert failed(measures) == []
        found, want = circuit.shares(waves, bench), circuit.expected(bench)
        assert np.all(np.abs(found - want) < norm.isf(2e-4) * np.sqrt(want * (1 - want) / 600))


# -- wrong use -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("crossbar", dict(rows=2.5), "whole number"),
        ("crossbar", dict(rows=1024, columns=1024), "too large"),
        ("crossbar", dict(t_read=2e-10), "10 edges"),
        ("write_verify", dict(v_first=0.5, v_last=0.4), "must grow"),
        ("write_verify", dict(edge=5e-9), "edge"),
        ("stdp_synapse", dict(tau=1e-3), "no room"),
        ("stdp_synapse", dict(head_post=0.4), "switches alone"),
        ("stochastic_synapse", dict(start=0), "must be -1 or 1"),
        ("stochastic_synapse", dict(probability=0.9, t_pulse=1e-9), "longer pulses"),
    ],
)
def test_wrong_settings(name, settings, words):
    with pytest.raises(CircuitError, match=words):
        get_circuit(name).build(JUNCTION if name == "stochastic_synapse" else MEMRISTOR, "generic", **settings)
