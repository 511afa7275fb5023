"""Every circuit works with the card that it names as its example; designs are what their cards say; refusals help."""

import math

import pytest

from compact.cards import card_names, design_names, fitting_cards, load_card
from compact.circuits import CIRCUITS, get_circuit
from compact.circuits.wall_logic import WallSwitch
from compact.constants import BOLTZMANN, MU_0
from compact.errors import CircuitError
from compact.holding import well_depth
from compact.runs import simulate

ELSEWHERE = {
    "cell_1t1mtj", "pcsa", "array_1t1mtj", "spcsa", "strongarm", "current_sense", "mram", "cam", "nv_adder",
    "cmos_adder",    "lut", "nvff", "power_gate", "fpga_tile", "trng", "pbit", "lif_neuron", "superparamagnetic_neuron",
    "wall_logic", "pattern_network", "sto_bias_tee", "sto_fm", "sto_lock", "sto_coupled", "sto_pll", "diode_receiver",
    "envelope_detector",
}  # fmt: skip
"""Circuits that tests of their own run, most of them with the same card; here only the slow run takes them."""


def cases():
    return [pytest.param(n, marks=[pytest.mark.slow] if n in ELSEWHERE else []) for n in CIRCUITS]


@pytest.mark.parametrize("name", cases())
def test_examples_pass_their_measures(vacask, name):
    run = simulate(name, load_card(CIRCUITS[name].example), simulator="vacask", timeout=300)
    assert [f"{m.name} = {m.value:g}" for m in run.measures if not m.passed] == []


def test_every_model_of_a_circuit_has_a_card():
    for circuit in CIRCUITS.values():
        assert circuit.example in fitting_cards(circuit.takes)


# -- designs ---------------------------------------------------------------------------------------------


def test_designs_are_told_from_measurements():
    assert len(design_names()) >= 4
    for name in card_names():
        card = load_card(name)
        assert (
            name.startswith("design_")
            == card.provenance.method.startswith("design, not a measurement")
            == (any(note.startswith("a design, not a measurement") for note in card.notes))
        )


@pytest.mark.parametrize("name", design_names())
def test_every_value_of_a_design_says_where_it_comes_from(name):
    card = load_card(name)
    defaults = card.definition.complete({})
    chosen = {p.name for p in card.definition.parameters if card.values[p.name] != defaults[p.name]}
    followers = {p.name for p in card.definition.parameters if isinstance(p.default, str)}
    assert chosen - followers <= set(card.undetermined)
    kinds = ("material: ", "geometry, chosen", "chosen: ", "assumed: ")
    assert all(reason.startswith(kinds) for reason in card.undetermined.values())
    assert card.provenance.citation


@pytest.mark.parametrize("name", ["design_wall_gate", "design_wall_synapse"])
def test_barrier_between_notches(name):
    """By the pinning field itself, integrated from one notch to the next: 2 mu0 Ms t w times the field over the way."""
    card = load_card(name)
    v = card.values
    places = sorted(v[f"site_{k}"] for k in range(1, 5) if v[f"h_site_{k}"] > 0)
    points, still = 4001, {"noise": 0.0, "v_fl_rl": 0.0, "v_far_fl": 0.0, "tilt_c": 1.0, "tilt_s": 0.0}
    start, end = places[0], (places[0] + places[1]) / 2
    step = (end - start) / (points - 1)
    fields = [
        v["h_k"] * float(card.definition.evaluate("pin", {**v, **still, "z": 2 * (start + k * step) - 1}))
        for k in range(points)
    ]
    work = -sum(fields) * step * v["length"]
    barrier = 2 * MU_0 * v["ms"] * v["thickness"] * v["width"] * work / (BOLTZMANN * 300)
    assert barrier == pytest.approx(card.derived["barrier"].value, rel=0.02)
    if card.model == "domain_wall":
        assert well_depth(card) == pytest.approx(barrier, rel=0.02)


def test_gate_of_walls_lies_within_what_is_published():
    """1e11 to 3e12 A/m2; below breakdown when it is reset; the torque is that of the stated spin-Hall angle."""
    card = load_card("design_wall_gate")
    v, switch = card.values, WallSwitch(card)
    density = switch.depinning() / (v["width"] * 3.9e-9)
    assert density == pytest.approx(card.derived["j_depinning"].value, rel=1e-3) and 1e11 < density < 3e12
    interaction = 2 / math.pi * MU_0 * v["h_k"] * v["ms"] * v["wall_width"]
    assert interaction == pytest.approx(1.1e-3, rel=0.02)  # J/m2, as stated
    assert v["wall_width"] == pytest.approx(math.sqrt(16e-12 / 0.5e6), rel=0.02)
    assert v["beta"] * abs(v["p_wire"]) == pytest.approx(math.pi / 2 * 0.1 * v["wall_width"] / 3.9e-9, rel=0.01)
    reset = get_circuit("wall_logic").build(card, "generic").settings["i_reset"]
    assert v["h_site_1"] * reset / switch.depinning() < v["alpha"] * v["h_k"] / 2


def test_synapse_of_walls_is_freed_by_the_currents_that_are_published():
    card = load_card("design_wall_synapse")
    v = card.values
    density = 1.2 / v["r_p"] / (v["length"] * v["width"])
    assert density == pytest.approx(card.derived["j_write"].value, rel=1e-3) and 3e10 < density < 1e11


def test_back_hopping_by_the_formulas_of_in_plane_junctions():
    """Critical current, barrier and relaxation time from the stated fields; field-like below the in-plane torque."""
    v = load_card("design_back_hopping").values
    area, field, sheet = math.pi / 4 * v["diameter_ref"] ** 2, 10e-3, 1.5e-3  # m2; T; A
    threshold = field + 0.02 * field  # alpha (Hk + Meff/2), with alpha Meff/2 = Hk
    charge, hbar, gamma = 1.602177e-19, 1.054572e-34, 1.760859e11
    assert v["ic_p2ap"] == pytest.approx(2 * charge / hbar * sheet * threshold / 0.66 * area, rel=0.05)
    assert v["delta"] == pytest.approx(field * sheet / 2 * area / (BOLTZMANN * 300), rel=0.02)
    assert v["tau_d"] == pytest.approx(1 / (gamma * field), rel=0.01)
    bias = 0.583
    in_plane = threshold * bias / v["r_p"] / v["ic_p2ap"]
    assert 0.5 < field * v["fl_2"] * bias**2 / in_plane < 1


def test_domains_of_the_synapse_lie_between_published_junctions():
    v = load_card("design_multidomain_synapse").values
    ikeda, garcia = (load_card(name).values for name in ("ikeda_2010", "garcia_redondo_2021"))
    assert garcia["ic_p2ap"] < v["ic_p2ap"] / 12 < ikeda["ic_p2ap"]
    assert ikeda["delta"] < v["delta"] < garcia["delta"]


# -- junctions that circuits could not use ---------------------------------------------------------------


def test_words_are_found_where_writing_takes_a_high_supply(vacask):
    """The lines are precharged below the bias at which the reference keeps more of its TMR than they do."""
    card = load_card("ikeda_2010")
    run = simulate("cam", card, simulator="vacask", settings={"bits": 2})
    assert [f"{m.name} = {m.value:g}" for m in run.measures if not m.passed] == []
    assert run.bench.settings["v_search"] < run.bench.settings["v_sl"] == 2.5
    wrong = simulate("cam", card, simulator="vacask", settings={"bits": 2, "v_search": 3.3})
    assert {m.name: m.value for m in wrong.measures}["searches"] < 1


@pytest.mark.parametrize(
    ("circuit", "card", "words"),
    [
        ("nv_adder", "ikeda_2010", r"'ikeda_2010' cannot be written in series in generic.*'garcia_redondo_2021'"),
        ("bursting_neuron", "krzysteczko_2009", "does not hop back.*'design_back_hopping'"),
        ("wall_logic", "chanthbouala_2011", "needs a card of model 'domain_wall_track'.*: design_wall_gate"),
        ("pattern_network", "chanthbouala_2011", r"holds its wall with 0.22 kT.*'design_wall_synapse'"),
        ("pcsa", "fang_2016", "garcia_redondo_2021, ikeda_2010, rehm_2023"),
    ],
)
def test_refusals_name_a_card_that_works(circuit, card, words):
    with pytest.raises(CircuitError, match=words):
        get_circuit(circuit).build(load_card(card), "generic")
