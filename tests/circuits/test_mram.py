"""Memory and content-addressable word: random patterns come back, neighbours keep theirs, simulators agree."""

import numpy as np
import pytest

from compact.cards import load_card
from compact.circuits import get_circuit
from compact.circuits.mram import decoder
from compact.errors import CircuitError
from compact.runs import simulate

MRAM = get_circuit("mram")


@pytest.fixture(scope="module")
def card():
    return load_card("garcia_redondo_2021")


def figures(run):
    assert [f"{m.name} = {m.value:g}" for m in run.measures if not m.passed] == []
    return {m.name: m.value for m in run.measures}


def agree(first, second):
    for name in ("write_latency", "read_time", "write_energy", "read_energy", "signal_0", "signal_1"):
        assert first[name] == pytest.approx(second[name], rel=0.03), name


def test_random_pattern_comes_back_in_both_simulators(ngspice, vacask, card):
    runs = [
        simulate("mram", card, "generic", s, settings={"rows": 3, "columns": 3, "seed": 5})
        for s in ("ngspice", "vacask")
    ]
    found = [figures(run) for run in runs]
    agree(*found)
    _, data = MRAM.patterns(runs[0].bench.settings)
    assert 0 < data.mean() < 1
    for run in runs:
        assert ((MRAM.read_back(run.waveforms, run.bench) > 0) == data).all()
    assert found[0]["junctions"] == 3 * (3 + 2)


def test_bits_come_back_through_thick_oxide_transistors(ngspice):
    """A bias voltage within a threshold of the supply, and charge of switches that is a good part of the signal."""
    run = simulate("mram", load_card("ikeda_2010"), "generic", "ngspice", settings={"rows": 2, "columns": 2, "seed": 5})
    found = figures(run)
    assert run.bench.settings["io"] == 1 and found["read_back"] == 1
    assert min(found["signal_0"], found["signal_1"]) > 0.02  # of 75 mV between both states and their mean


@pytest.mark.slow
def test_sixteen_words_of_sixteen_bits(ngspice, vacask, card):
    settings = {"rows": 16, "columns": 16}
    found = [
        figures(simulate("mram", card, "generic", s, settings=settings, timeout=1800)) for s in ("ngspice", "vacask")
    ]
    agree(*found)
    assert found[0]["disturb"] < 0.01


@pytest.mark.slow
@pytest.mark.parametrize("technology", ["sky130", "gf180"])
def test_memory_in_open_technologies(installed, ngspice, card, technology):
    figures(simulate("mram", card, installed(technology), "ngspice", timeout=600))


def test_pulse_that_is_too_short_fails(ngspice, card):
    run = simulate("mram", card, "generic", "ngspice", settings={"rows": 2, "columns": 2, "t_write": 3e-9, "seed": 2})
    found = {m.name: m for m in run.measures}
    before, after = MRAM.patterns(run.bench.settings)
    assert (before != after).any()
    assert found["written"].value == pytest.approx(np.mean(before == after))
    assert found["read_back"].value == pytest.approx(np.mean(before == after))


@pytest.mark.parametrize("rows", [2, 3, 6, 11])
def test_decoder_raises_one_word_line(ngspice, rows):
    """The gates as the text has them, evaluated as logic for all addresses."""
    lines = [line.split() for line in decoder(rows).splitlines()[1:-1]]
    bits = (rows - 1).bit_length()
    for address, enable in np.ndindex(rows, 2):
        known = {f"a{k}": address >> k & 1 for k in range(bits)} | {"en": enable}
        for words in lines:
            kind = words[-1]
            if kind == "mram_inv":
                known[words[2]] = 1 - known[words[1]]
            else:
                known[words[3]] = known[words[1]] & known[words[2]]
        assert [known[f"wl{row}"] for row in range(rows)] == [int(row == address and enable) for row in range(rows)]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (dict(rows=2.5), "whole number"),
        (dict(rows=1000, columns=1000), "too large"),
        (dict(rows=1), "outside its range"),
    ],
)
def test_wrong_settings(card, settings, words):
    with pytest.raises(CircuitError, match=words):
        MRAM.build(card, "generic", **settings)


# ------------------------------------------------------------------------------------------ content-addressable


def test_word_is_found_and_every_single_mismatch_told(ngspice, vacask, card):
    found = [
        figures(simulate("cam", card, "generic", s, settings={"bits": 3, "word": 6})) for s in ("ngspice", "vacask")
    ]
    for name in ("search_energy", "write_energy"):
        assert found[0][name] == pytest.approx(found[1][name], rel=0.03), name


def test_bits_that_match_any_key(ngspice, card):
    run = simulate("cam", card, "generic", "ngspice", settings={"bits": 3, "word": 1, "any": 2})
    keys = get_circuit("cam").keys(run.bench.settings)
    assert (3, True) in keys and (0, False) in keys
    figures(run)


def test_low_tmr_makes_searches_fail(ngspice, card):
    run = simulate("cam", card.replace(None, tmr=0.02), "generic", "ngspice", settings={"bits": 3})
    assert not {m.name: m for m in run.measures}["searches"].passed


@pytest.mark.slow
@pytest.mark.parametrize("technology", ["generic", "sky130", "gf180"])
def test_word_in_every_technology(installed, simulator, card, technology):
    figures(simulate("cam", card, installed(technology), simulator.name))


@pytest.mark.parametrize(
    ("technology", "name"), [("gf180", "garcia_redondo_2021"), ("sky130", "rehm_2023"), ("sky130", "ikeda_2010")]
)
def test_words_of_junctions_of_low_and_high_currents(installed, vacask, technology, name):
    """Precharge keeps up with short searches; edges of the write lines leave the port's gates within the supply."""
    run = simulate("cam", load_card(name), installed(technology), "vacask", settings={"bits": 2})
    figures(run)


@pytest.mark.parametrize("corner", ["ss", "ff"])
def test_words_at_corners_of_a_high_threshold(installed, vacask, corner):
    """Searches last for what the latch's pMOS take at their supply, with room for slow ones."""
    name = "garcia_redondo_2021"
    figures(simulate("cam", load_card(name), installed("gf180"), "vacask", corner=corner, settings={"bits": 2}))


def test_precharge_follows_the_search(card):
    short, long = (get_circuit("cam").build(card, "generic", t_search=t).settings for t in (0.3e-9, 20e-9))
    assert short["w_pre"] > 2 * short["w_p"] and long["w_pre"] == long["w_p"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (dict(v_search=0.35), "below the threshold"),
        (dict(bits=3, word=8), "more than 3 bits"),
        (dict(bits=2.5), "whole number"),
    ],
)
def test_wrong_words(card, settings, words):
    with pytest.raises(CircuitError, match=words):
        get_circuit("cam").build(card, "generic", **settings)
