"""Memristor circuits with the transistors of open process design kits: some in one simulator, all in both if slow."""

import numpy as np
import pytest

from compact.cards import load_card
from compact.circuits import get_circuit
from compact.errors import CircuitError
from compact.parameters import ParameterSet

PDKS = pytest.mark.parametrize("technology", ["sky130", "gf180"])
MEMRISTOR = ParameterSet("multidomain", "memristor")
JUNCTION = ParameterSet("mtj", "junction")
FLICKERING = load_card("schnitzspan_2023")
# A barrier that is a little thicker than the one for 1.2 V, as neurons turn at a higher voltage here.
SYNAPSE = load_card("design_wall_synapse")
SYNAPSE = SYNAPSE.replace("thicker_barrier", r_p=1.4 * SYNAPSE.values["r_p"])
NETWORK = dict(vdd=1.8, t_recall=15e-9)
CASES = {
    "crossbar": (MEMRISTOR, {}),
    "write_verify": (MEMRISTOR, dict(levels=2, steps=8)),
    "stdp_synapse": (MEMRISTOR, dict(pairs=3)),
    "stochastic_synapse": (JUNCTION, dict(synapses=40, pulses=1)),
    "superparamagnetic_neuron": (FLICKERING, dict(points=3, spikes=8)),
    "pattern_network": (SYNAPSE, NETWORK),
}
QUICK = {
    "crossbar": (MEMRISTOR, dict(rows=6, columns=6)),
    "superparamagnetic_neuron": (FLICKERING, dict(points=2, spikes=6)),
    "pattern_network": (SYNAPSE, NETWORK),
}


def check(simulator, technology, name, card, settings):
    circuit = get_circuit(name)
    bench = circuit.build(card, technology, **settings)
    waveforms = simulator.run(bench.netlist, bench.analysis, save=bench.save, timeout=300)
    measures = circuit.measures(waveforms, bench)
    assert [f"{m.name} = {m.value:g}" for m in measures if not m.passed] == []
    return circuit, waveforms, bench


@PDKS
@pytest.mark.parametrize("name", QUICK)
def test_works_in_open_technologies(vacask, installed, technology, name):
    check(vacask, installed(technology), name, *QUICK[name])


@pytest.mark.slow
@PDKS
@pytest.mark.parametrize("name", CASES)
def test_works_in_open_technologies_and_both_simulators(simulator, installed, technology, name):
    check(simulator, installed(technology), name, *CASES[name])


@PDKS
def test_network_at_its_own_supply(vacask, installed, technology):
    """Recalls that would write are refused; the barrier that the refusal asks for works at the core supply."""
    card, chosen = load_card("design_wall_synapse"), installed(technology)
    with pytest.raises(CircuitError, match=r"recalls at v_read .* would write") as refused:
        get_circuit("pattern_network").build(card, chosen)
    asked = float(str(refused.value).split("r_p = ")[1].split(" Ohm")[0])
    check(vacask, chosen, "pattern_network", card.replace("thicker", r_p=1.02 * asked), {})


def test_gates_of_reads_do_not_write(vacask, installed):
    """Gates of 3.3 V couple into the cell when its read begins and ends; what that moves is little."""
    settings = dict(levels=1, steps=4, v_last=0.4)
    _, waveforms, bench = check(vacask, installed("gf180"), "write_verify", MEMRISTOR, settings)
    mean = np.mean([waveforms[f"xcell0.xmtj.z{k}"] for k in range(12)], axis=0)
    start, read = np.interp([0.0, bench.times["write"] - bench.settings["edge"]], waveforms.axis, mean)
    assert start == pytest.approx(-1, abs=1e-3) and abs(read - start) < 0.02
