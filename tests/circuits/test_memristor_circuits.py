"""Memristor circuits: crossbar, write-verify cell, plastic and stochastic synapses, in both simulators."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from scipy.stats import norm

from compact.cards import load_card
from compact.checks import parity
from compact.circuits import get_circuit
from compact.constants import ELECTRON_CHARGE, HBAR, MU_0
from compact.errors import CircuitError, EmitError
from compact.holding import freeing_voltage, motion, resting
from compact.models.mtj_held import held
from compact.parameters import ParameterSet
from compact.physics.activation import escape_rate
from compact.physics.wires import cell_voltages, crossbar_currents, divider, series

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
    with pytest.raises(EmitError, match="that of its barrier moves too"):
        held(ParameterSet("mgo_memristive", "barrier"))


def test_held_wall_conducts_as_the_model_does():
    """Also where it is wider than its card's, and where the width of the wall blurs the ends."""
    card = load_card("chanthbouala_2011")
    card = card.replace("wide", width=2 * card.values["width_ref"], tc_r=1e-3)
    volts, kelvin = np.linspace(-0.3, 0.3, 7), 340.0
    for place in (-1.0, -0.2, 0.6, 1.0):
        fixed = held(card.replace("here", state=place))
        lean = fixed.definition.evaluate("i", {**fixed.values, "v_fl_rl": volts, "temperature": kelvin})
        point = {**card.values, "z": place, "v_fl_rl": volts, "temperature": kelvin}
        np.testing.assert_allclose(lean, card.definition.evaluate("i", point), rtol=1e-12)


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


def test_nodes_of_cells_that_are_not_ohmic_by_hand():
    """Ohmic cells are those of elimination; a single cell obeys its law; a solved crossbar obeys Kirchhoff's laws."""
    rng = np.random.default_rng(2)
    g, drive = rng.uniform(1e-4, 2e-4, (6, 5)), rng.uniform(-1, 1, (2, 6))
    wires = (3.0, 20.0, 5.0)
    across = cell_voltages(lambda v: g * v, drive, g.shape, *wires)
    np.testing.assert_allclose((g * across).sum(axis=1), crossbar_currents(g, drive, *wires), rtol=1e-9)

    def steep(volts):
        return 1e-9 * np.sinh(volts / 0.04)

    one = float(cell_voltages(steep, [0.7], (1, 1), 10.0, 500.0, 2.0)[0, 0, 0])
    assert steep(one) * (20.0 + 502.0) == pytest.approx(0.7 - one, rel=1e-9)
    law = series(steep, lambda volts: g * volts)
    v = np.array([[0.3], [-0.5], [0.0], [0.8], [1e-3], [0.1]])
    middle = divider(steep, lambda volts: g * volts, np.broadcast_to(v, g.shape))
    np.testing.assert_allclose(law(np.broadcast_to(v, g.shape)), steep(middle), rtol=1e-7, atol=1e-20)
    np.testing.assert_allclose(steep(middle), g * (v - middle), rtol=1e-7, atol=1e-16)
    # Along the last row, from the driver to the last cell, and down the last column, voltages add up.
    current = law(across := cell_voltages(law, np.full((1, 6), 0.6), g.shape, *wires)[0])
    row, column = current[-1], current[:, -1]
    drop = row.sum() * (wires[0] + wires[1]) + wires[0] * sum(row[j:].sum() for j in range(1, 5))
    drop += column.sum() * (wires[0] + wires[2])
    assert across[-1, -1] + drop == pytest.approx(0.6, rel=1e-9)
    with pytest.raises(ValueError, match="must rise smoothly"):
        cell_voltages(lambda volts: np.where(volts > 0.3, 1.0, 0.0), [0.7], (1, 1), 10.0)


# -- crossbar --------------------------------------------------------------------------------------------

SELECTORS = pytest.mark.parametrize("selector", [0, 1, 2])
ACCESS = 0.05 * MEMRISTOR.values["r_p"]


def off(circuit, waves, bench):
    """Largest distance of the columns' currents from the equations of the wires, relative; then at half voltage."""
    transistor = bench.settings["selector"] == 1
    found, want = circuit.read_currents(waves, bench), circuit.predicted(bench, ACCESS if transistor else 0.0)
    half = np.abs(found[-1] - want[-1]).max() / (want[0].max() if transistor else want[-1].max())
    return np.abs(found[:-1] / want[:-1] - 1).max(), half


@SELECTORS
def test_crossbar_obeys_the_laws_of_its_wires(simulator, selector):
    """Every current is that of the nodes' equations, which know nothing of the simulator; a longer wire errs more.

    A transistor is there the resistance for which it was sized.
    """
    errors = []
    for r_wire in (0.05, 5.0):
        circuit, measures, waves, bench = simulate(
            simulator, "crossbar", rows=16, columns=16, selector=selector, r_wire=r_wire, seed=4, error=0.5
        )
        reads, half = off(circuit, waves, bench)
        assert reads < (0.03 if selector == 1 else 1e-5) and half < (1e-3 if selector == 1 else 1e-4)
        errors.append(measures["read_error"].value)
    assert errors[1] > (3 if selector == 1 else 20) * errors[0]


@pytest.mark.slow
@SELECTORS
@pytest.mark.parametrize("side", [16, 64])
def test_read_error_against_wire_resistance(ngspice, vacask, side, selector):
    """Errors grow with the wire, in both simulators alike and as the nodes' equations say."""
    errors = []
    for simulator in (ngspice, vacask):
        row = []
        for r_wire in (0.05, 0.2, 1.0, 5.0) if side < 64 else (0.2, 5.0):
            circuit, measures, waves, bench = simulate(
                simulator, "crossbar", rows=side, columns=side, selector=selector, r_wire=r_wire, seed=4, error=1
            )
            reads, _ = off(circuit, waves, bench)
            assert reads < (0.05 if selector == 1 else 1e-4)  # reltol of the simulators
            row.append(measures["read_error"].value)
        assert np.all(np.diff(row) > 0)
        errors.append(row)
    # The simulators' transistors differ by some 0.2 % of full scale, whatever the wires.
    np.testing.assert_allclose(*errors, rtol=0.02, atol=3e-3 if selector == 1 else 0)


def test_crossbar_16x16_reads(simulator):
    """Within its limits; no current is further from the exact one of linear cells than their transistors explain."""
    circuit, measures, waves, bench = simulate(simulator, "crossbar", rows=16, columns=16, seed=2)
    assert failed(measures) == []
    assert off(circuit, waves, bench)[0] < 0.02


@pytest.mark.slow
def test_crossbar_64x64_reads(simulator):
    circuit, measures, waves, bench = simulate(simulator, "crossbar", rows=64, columns=64)
    assert failed(measures) == []
    assert off(circuit, waves, bench)[0] < 0.02


def test_selectors_keep_half_selected_cells_off(simulator):
    """At half of the voltage a cell without selector carries half, one behind a selector as little as it allows."""
    leaks = {}
    for selector, selectivity in ((0, 1e3), (1, 1e3), (2, 1e2), (2, 1e4)):
        _, measures, _, bench = simulate(
            simulator, "crossbar", rows=4, columns=4, selector=selector, selectivity=selectivity
        )
        assert failed(measures) == []
        leaks[selector, selectivity] = measures["half_select"].value
        assert bench.settings["v_read"] == pytest.approx(0.6 if selector == 2 else 0.1)
    assert leaks[0, 1e3] == pytest.approx(0.5, abs=0.01)
    assert leaks[1, 1e3] < 1e-4
    # With the junction's own voltage in it, a cell is less selective than its selector, but not by more than a decade.
    for selectivity in (1e2, 1e4):
        assert 1 / selectivity < leaks[2, selectivity] < 10 / selectivity


def test_inputs_off_at_half_leak_into_all_columns(vacask):
    """What is off at half of the read voltage adds the current of half-selected cells, and that is all it adds."""
    currents = []
    for v_off in (0.0, 0.275):
        circuit, _, waves, bench = simulate(
            vacask, "crossbar", rows=6, columns=4, selector=2, selectivity=30, v_off=v_off, v_read=0.55,
            r_wire=1e-3, r_driver=1e-3, r_sense=1e-3, error=1,
        )  # fmt: skip
        np.testing.assert_allclose(circuit.read_currents(waves, bench), circuit.predicted(bench), rtol=1e-5)
        currents.append(circuit.read_currents(waves, bench)[1])
    idle = ~circuit.inputs(bench.settings)[1]
    leak = circuit._cells(bench)(np.full((6, 4), 0.275)) * idle[:, None]
    np.testing.assert_allclose(currents[1] - currents[0], leak.sum(axis=0), rtol=0.01)


def test_junctions_without_selectors_sneak(vacask):
    """Current returns through grounded inputs where nothing hinders it, the more the longer the wires."""
    shares = {}
    for selector in (0, 2):
        for r_wire in (0.2, 5.0):
            _, measures, _, _ = simulate(vacask, "crossbar", selector=selector, r_wire=r_wire, error=1)
            shares[selector, r_wire] = measures["sneak"].value
    assert shares[0, 5.0] > 5 * shares[0, 0.2] > 1e-3
    assert shares[2, 5.0] < 1e-3 * shares[0, 5.0]


def test_held_crossbar_reads_as_one_with_all_states(vacask):
    # Walls yield to a read a little, by less than what counts as still.
    for card, tolerance in ((MEMRISTOR, 1e-3), (load_card("design_wall_synapse"), 5e-3)):
        reads = []
        for full in (0, 1):
            circuit, measures, waves, bench = simulate(vacask, "crossbar", card, rows=3, columns=3, full=full, seed=5)
            assert failed(measures) == []
            reads.append(circuit.read_currents(waves, bench)[0])
        np.testing.assert_allclose(*reads, rtol=tolerance)


def test_walls_are_read_where_they_rest():
    """Weights of a wall are its wells; what it conducts there is that of the whole model."""
    card = load_card("chanthbouala_2011")
    rest = resting(card, [-0.7, 0.1, 0.65])
    np.testing.assert_allclose(rest, [-0.6, 0.0, 0.6], atol=1e-3)
    bench = get_circuit("crossbar").build(card.replace("thick", r_p=10e3), "generic", levels=3, rows=4, columns=4)
    assert len(np.unique(np.round(bench.cosines, 3))) <= 3
    states = resting(card, get_circuit("crossbar").weights(bench.settings))
    whole = card.definition.evaluate("cosine", {**card.values, "z": states})
    np.testing.assert_allclose(bench.cosines, whole, atol=1e-6)


def test_voltage_that_frees_a_wall():
    """Where the field-like torque of the current density at the wall is the depinning field of the listed sites."""
    card = load_card("chanthbouala_2011")
    v = card.values
    per_density = v["fl_ratio"] * HBAR * v["polarisation"] / (2 * ELECTRON_CHARGE * MU_0 * v["ms"] * v["thickness"])

    def field(volts):
        shape = 1 - v["tmr"] / 2 / (1 + v["tmr"] + (volts / v["v_h"]) ** 2)  # layers at a right angle
        return per_density * volts * shape / (v["r_p"] * v["length"] * v["width"])

    found = freeing_voltage(card)
    assert field(found) == pytest.approx(v["h_site_1"], rel=0.01)
    # Half of it does not free a wall that rests, although it overshoots.
    states = np.zeros(2)
    assert motion(card, 1.05 * found * np.array([1, -1]), 10e-9, states) > 0.4
    assert motion(card, found / 2 * np.array([1, -1]), 10e-9, states) < 0.1
    with pytest.raises(CircuitError, match="no voltage up to 20 V"):
        freeing_voltage(card.replace("deep", h_site_2=1e6))


def test_reads_that_would_move_the_state_are_refused():
    crossbar = get_circuit("crossbar")
    with pytest.raises(CircuitError, match="move the state"):
        crossbar.build(MEMRISTOR, "generic", v_read=0.4)
    with pytest.raises(CircuitError, match="move the state"):
        crossbar.build(MEMRISTOR, "generic", selector=2, v_read=1.5)
    crossbar.build(MEMRISTOR, "generic", selector=2, v_read=0.65, rows=2, columns=2)
    with pytest.raises(CircuitError, match="move the state"):  # a thin barrier: the current of a read frees the wall
        crossbar.build(load_card("chanthbouala_2011"), "generic", v_read=0.25)


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


def test_comparator_tells_millivolts(vacask):
    """The latch behind the comparator loads neither side more: it stops where the TMR is small too."""
    _, measures, _, _ = simulate(vacask, "write_verify", MEMRISTOR.replace("shallow", tmr=0.12), levels=1, steps=8)
    assert failed(measures) == []


def test_pulses_that_the_switches_would_drown_are_refused():
    with pytest.raises(CircuitError, match=r"pulses from 0\.03 V to 0\.06 V: below 0\.1 V"):
        get_circuit("write_verify").build(load_card("murray_2018"), "generic")


def test_card_of_measured_loops_in_its_circuits(simulator):
    """A device of two ohms as it is between two neurons, and one of a hundredth of its diameter in a crossbar."""
    card = load_card("murray_2018")
    _, measures, _, _ = simulate(simulator, "stdp_synapse", card)
    assert failed(measures) == [] and measures["misfit"].value < 2e-3
    small = card.replace("small", diameter=card.values["diameter_ref"] / 100)
    _, measures, _, _ = simulate(simulator, "crossbar", small, v_read=4e-3)
    assert failed(measures) == [] and measures["read_error"].value < 0.01


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
        ("crossbar", dict(selector=0.5), "whole number"),
        ("crossbar", dict(selector=3), "outside its range"),
        ("crossbar", dict(selectors=2), "did you mean 'selector'"),
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
