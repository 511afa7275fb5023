"""Domain-wall logic: inverter, fan-out of two and chain of three hold their truth tables in both simulators."""

import numpy as np
import pytest

from compact.cards import load_card
from compact.circuits import get_circuit
from compact.circuits.wall_logic import GATES, WallSwitch
from compact.errors import CircuitError

CARD = load_card("design_wall_gate")
LOGIC = get_circuit("wall_logic")


def run(simulator, card=CARD, technology="generic", **settings):
    bench = LOGIC.build(card, technology, **settings)
    waveforms = simulator.run(bench.netlist, bench.analysis, save=bench.save, timeout=600)
    return {m.name: m for m in LOGIC.measures(waveforms, bench)}, LOGIC.outputs(waveforms, bench), waveforms, bench


def test_truth_tables_in_both_simulators(ngspice, vacask):
    energies = []
    for simulator in (ngspice, vacask):
        measures, outputs, _, _ = run(simulator, bits="01")
        assert [f"{m.name} = {m.value:g}" for m in measures.values() if not m.passed] == []
        assert {gate: bits.tolist() for gate, bits in outputs.items()} == {
            "first": [1, 0], "second": [0, 1], "twin": [0, 1], "third": [1, 0]
        }  # fmt: skip
        energies.append(measures["energy"].value)
    assert energies[0] == pytest.approx(energies[1], rel=0.02)


@pytest.mark.parametrize(("share", "stuck"), [(0.6, 1), (1.7, 0)])
def test_current_outside_its_window_fails(vacask, share, stuck):
    """Too little current for a 1 leaves every gate at its start; so much that a 0 frees the wall too moves them all."""
    current = share * LOGIC.build(CARD, "generic").settings["i_write"]
    measures, outputs, _, _ = run(vacask, bits="01", i_write=current)
    assert outputs["first"].tolist() == [stuck, stuck]
    assert not measures["inverter"].passed and not measures["chain"].passed


def test_gates_keep_what_they_hold_while_they_are_read(vacask):
    """The wall of the first gate stays in its site during the clocks of the second and the third."""
    _, _, waveforms, bench = run(vacask, bits="1")
    z, t = waveforms["xfirst.xwire.z"], waveforms.axis
    low, _ = WallSwitch(CARD).places()
    settled = t > bench.times["bit_0"] + 2 * bench.settings["t_step"]
    assert np.abs(z[settled] - low).max() < 0.1
    assert len(GATES) == 4


@pytest.mark.slow
def test_longer_words_and_a_transistor_of_another_process(ngspice, vacask, installed):
    word = "0110100"
    for simulator in (ngspice, vacask):
        measures, outputs, _, _ = run(simulator, bits=word)
        assert all(m.passed for m in measures.values())
        assert outputs["third"].tolist() == [1 - int(bit) for bit in word]
    for technology in ("sky130", "gf180"):
        installed(technology)
        measures, _, _, _ = run(vacask, technology=technology)
        assert all(m.passed for m in measures.values()), technology


def test_depinning_current_by_the_laws_of_walls():
    """beta u/(gamma mu0 D) = h_site, with u = (g mu_B P/2 e Ms) J."""
    j = WallSwitch(CARD).depinning() / (100e-9 * 0.9e-9)
    u = 9.2740e-24 * 0.5 * j / (1.602177e-19 * 1.1e6)
    assert 0.45 * u / (2.2128e5 * 5.6e-9) == pytest.approx(14.3e3, rel=2e-3)


@pytest.mark.parametrize(
    ("values", "settings", "words"),
    [
        (dict(p_wire=0.5), {}, "p_wire < 0"),
        (dict(h_site_2=0.0), {}, "two pinning sites"),
        (dict(r_p=30e3), {}, "less resistance"),
        ({}, dict(bits="012"), "bits"),
        ({}, dict(bits=""), "1 to 64"),
    ],
)
def test_wrong_cards_and_settings(values, settings, words):
    with pytest.raises(CircuitError, match=words):
        LOGIC.build(CARD.replace("other", **values), "generic", **settings)


def test_other_models_are_refused():
    with pytest.raises(CircuitError, match="domain_wall_track"):
        LOGIC.build(load_card("chanthbouala_2011"), "generic")
