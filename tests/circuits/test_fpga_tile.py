"""The FPGA tile: it counts and computes across a power-off, in both simulators and in every technology."""

import numpy as np
import pytest

from compact.cards import load_card
from compact.circuits import get_circuit
from compact.circuits.area import area
from compact.errors import CircuitError

TILE = get_circuit("fpga_tile")


@pytest.fixture(scope="module")
def card():
    return load_card("garcia_redondo_2021")


def run(simulator, card, technology="generic", corner="tt", **settings):
    bench = TILE.build(card, technology, corner=corner, **settings)
    waves = simulator.run(bench.netlist, bench.analysis, save=bench.save, timeout=600)
    return waves, bench, {measure.name: measure for measure in TILE.measures(waves, bench)}


def failed(measures):
    return [f"{m.name} = {m.value:g}" for m in measures.values() if not m.passed]


def test_counts_to_four_across_a_power_off(simulator, card):
    waves, bench, measures = run(simulator, card)
    assert TILE.outputs(waves, bench) == [1, 2, 3, 0, 1, 2, 3, 0]
    assert failed(measures) == []
    # It went off at 3, so both flip-flops had to turn both of their junctions, and nothing was left of the supply.
    for tile in (0, 1):
        z = waves[f"xtile{tile}.xff.xmtj.z"]
        assert np.sign([z[0], z[-1]]).tolist() == [1, -1]
    assert waves["vdd"].min() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(("table", "bits"), [("0110", "0110"), ("0x8", "0001"), ("0x1e", "01111000")])
def test_computes_the_table_of_a_user(ngspice, card, table, bits):
    waves, bench, measures = run(ngspice, card, table=table)
    assert TILE.outputs(waves, bench) == [int(bit) for bit in bits]
    assert failed(measures) == []


def test_computes_in_vacask_too(vacask, card):
    waves, bench, measures = run(vacask, card, table="0111")
    assert TILE.outputs(waves, bench) == [0, 1, 1, 1]
    assert failed(measures) == []


def test_without_a_store_the_count_is_lost(ngspice, card):
    # Too short a pulse turns no junction: both flip-flops wake with the bits that their junctions had, 0.
    waves, bench, measures = run(ngspice, card, t_write=1e-9)
    assert TILE.outputs(waves, bench) == [1, 2, 3, 1, 2, 3, 0, 1]
    assert measures["right_before"].passed and not measures["right_after"].passed and not measures["restored"].passed


@pytest.mark.slow
@pytest.mark.parametrize("before", range(1, 8))
def test_counts_on_from_every_state(ngspice, card, before):
    waves, bench, measures = run(ngspice, card, before=before)
    assert TILE.outputs(waves, bench) == [1, 2, 3, 0, 1, 2, 3, 0]
    assert failed(measures) == []


@pytest.mark.slow
@pytest.mark.parametrize("junction", ["garcia_redondo_2021", "ikeda_2010"])
@pytest.mark.parametrize("technology", ["generic", "sky130", "gf180"])
def test_counts_in_every_technology(installed, simulator, technology, junction):
    waves, bench, measures = run(simulator, load_card(junction), installed(technology))
    assert TILE.outputs(waves, bench) == [1, 2, 3, 0, 1, 2, 3, 0]
    assert failed(measures) == []


@pytest.mark.slow
@pytest.mark.parametrize("corner", ["ff", "ss", "fs", "sf"])
def test_counts_at_corners(ngspice, card, corner):
    waves, bench, measures = run(ngspice, card, corner=corner)
    assert TILE.outputs(waves, bench) == [1, 2, 3, 0, 1, 2, 3, 0]
    assert failed(measures) == []


def test_area_is_that_of_the_parts(card):
    counter, single = TILE.build(card, "generic"), TILE.build(card, "generic", table="0110")
    one = area(single.netlist, ["xtile0"])
    assert area(counter.netlist, ["xtile0", "xtile1"])[:2] == (2 * one[0], 2 * one[1])
    # Table, flip-flop, two routing bits.
    assert one[1] == 8 + 2 + 4


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"table": "01101"}, "has 5 bits; a truth table of 2 to 6 inputs has 4, 8, 16, 32, 64"),
        ({"table": "0110", "k": 4}, "a truth table of 4 inputs has 16"),
        ({"clocks": 8.5}, "'clocks' = 8.5 must be a whole number"),
        ({"before": 8}, "'before' = 8 is not less than the 8 clocks"),
    ],
)
def test_wrong_settings_are_refused(card, settings, message):
    with pytest.raises(CircuitError, match=message):
        TILE.build(card, "generic", **settings)
