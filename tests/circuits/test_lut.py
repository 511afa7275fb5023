"""The look-up table: every address of every table, in both simulators; how tables are given; its standby power."""

import itertools

import numpy as np
import pytest

from compact.cards import load_card
from compact.circuits import get_circuit
from compact.circuits.area import area
from compact.circuits.base import Junction
from compact.circuits.complementary import retention
from compact.circuits.truth import TruthTable, parity, with_table
from compact.errors import CircuitError

LUT = get_circuit("lut")
GATE = get_circuit("power_gate")
EVERY = ["".join(bits) for bits in itertools.product("01", repeat=4)]


@pytest.fixture(scope="module")
def card():
    return load_card("garcia_redondo_2021")


def random_tables(k, count=8):
    rng = np.random.default_rng(100 + k)
    return ["".join(map(str, rng.integers(0, 2, 1 << k))) for _ in range(count)]


def run(simulator, circuit, card, technology="generic", **settings):
    bench = circuit.build(card, technology, **settings)
    waves = simulator.run(bench.netlist, bench.analysis, save=bench.save, timeout=600)
    return waves, bench, {measure.name: measure for measure in circuit.measures(waves, bench)}


def failed(measures):
    return [f"{m.name} = {m.value:g}" for m in measures.values() if not m.passed]


def read_back(simulator, card, table):
    """The table as it is read from cells that hold it."""
    waves, bench, measures = run(simulator, LUT, card, table=table, write=0, t_off=0)
    assert failed(measures) == [], table
    return LUT.reads(waves, bench)


# ------------------------------------------------------------------------------------------ every address


def test_all_tables_of_two_inputs(simulator, card):
    assert [read_back(simulator, card, table) for table in EVERY] == EVERY


@pytest.mark.parametrize("k", [3, 4])
def test_random_table(simulator, card, k):
    (table,) = random_tables(k, 1)
    assert read_back(simulator, card, table) == table


@pytest.mark.slow
@pytest.mark.parametrize("k", [3, 4, 5, 6])
def test_eight_random_tables(simulator, card, k):
    tables = random_tables(k)
    assert [read_back(simulator, card, table) for table in tables] == tables


def test_cells_that_hold_something_else_are_read_as_such(ngspice, card):
    waves, bench, _ = run(ngspice, LUT, card, table="0110", write=0, t_off=0)
    assert LUT.reads(waves, bench) == "0110"
    wrong = LUT.build(card, "generic", table="0111", write=0, t_off=0)
    measures = {m.name: m for m in LUT.measures(waves, wrong)}
    assert measures["right"].value == 0.75 and not measures["right"].passed
    assert measures["stored"].value == 0.75 and not measures["stored"].passed


# ------------------------------------------------------------------------------------------ written, powered off


def test_is_written_through_its_port_and_survives_the_power_off(simulator, card):
    waves, bench, measures = run(simulator, LUT, card, table="0100")
    assert failed(measures) == []
    assert LUT.reads(waves, bench) == "0100"
    # It began with the inverse table, and the supply was gone in between.
    assert np.sign(waves["xlut.xcell1.xmtj.z"][0]) == 1 and np.sign(waves["xlut.xcell1.xmtj.z"][-1]) == -1
    assert waves["vdd"].min() == pytest.approx(0, abs=1e-6)


def test_too_short_a_write_fails(ngspice, card):
    _, _, measures = run(ngspice, LUT, card, table="0100", t_write=2e-9)
    assert measures["stored"].value == 0
    assert {"right", "stored"} <= {name for name, m in measures.items() if not m.passed}


@pytest.mark.parametrize("junction", ["garcia_redondo_2021", "ikeda_2010"])
@pytest.mark.parametrize("technology", ["generic", "sky130", "gf180"])
def test_works_in_every_technology(installed, ngspice, technology, junction):
    _, bench, measures = run(ngspice, LUT, load_card(junction), installed(technology), table="0110")
    assert failed(measures) == []
    # A junction of 14 kOhm that needs 49 uA is out of reach of 1.2 V.
    assert bench.settings["io"] == (junction == "ikeda_2010" and technology != "gf180")


def test_simulators_agree(ngspice, vacask, card):
    one, two = (run(s, LUT, card, table="1001")[2] for s in (ngspice, vacask))
    for name in ("read_delay", "read_energy", "write_energy"):
        assert one[name].value == pytest.approx(two[name].value, rel=0.03), name


def test_amplifier_tolerates_a_weak_transistor(ngspice, card):
    # The select trees must not hide the junctions: a latch transistor 40 mV weaker still reads both values.
    for where in ("xlut.xsense.mn", "xlut.xsense.mn_n"):
        bench = LUT.build(card, "generic", table="01100110", write=0, t_off=0)
        bench.netlist.mismatch[where] = 0.04
        waves = ngspice.run(bench.netlist, bench.analysis, save=bench.save)
        assert LUT.reads(waves, bench) == "01100110", where


def test_area_is_that_of_the_parts(card):
    for k in (2, 4):
        bench = LUT.build(card, "generic", k=k)
        cells, tree = 2 << k, 2 * ((2 << k) - 2)
        # 8 in the amplifier, 12 in what keeps its bit, 2 per inverter, 1 foot.
        assert area(bench.netlist, ["xlut"])[:2] == (cells + tree + 8 + 12 + 2 * k + 1, 2 << k)


# ------------------------------------------------------------------------------------------ truth tables


def test_tables_as_users_write_them(card):
    setting = TruthTable("table", None, "1", "")
    assert setting.check("0110") == "0110" == setting.check("0x6")
    assert setting.check("0x8") == "0001"  # and: bit 3 of the number is that of address 3
    assert setting.check("0x01_00") == "0000000010000000"
    assert setting.check(setting.check("0x1234")) == setting.check("0x1234")
    assert LUT.build(card, "generic", table="0x8").settings["table"] == "0001"
    assert LUT.build(card, "generic", table="01101001").settings["k"] == 3
    assert LUT.build(card, "generic", k=3).settings["table"] == parity(3) == "01101001"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"table": "011"}, r"'table' = 011 has 3 bits; a truth table of 2 to 6 inputs has 4, 8, 16, 32, 64"),
        ({"table": "0110", "k": 3}, r"'table' = 0110 has 4 bits; a truth table of 3 inputs has 8"),
        ({"table": "0x123"}, "has 12 bits"),
        ({"table": "01" * 64}, "has 128 bits"),
        ({"table": "0120"}, "must be a truth table such as 0110"),
        ({"table": ""}, "must be a truth table"),
        ({"table": 110}, "not 110"),
        ({"k": 7}, r"'k' = 7 is outside its range \[2, 6\]"),
        ({"k": 1}, r"'k' = 1 is outside its range \[2, 6\]"),
        ({"k": 2.5}, "'k' = 2.5 must be a whole number"),
    ],
)
def test_wrong_tables_are_refused(card, settings, message):
    with pytest.raises(CircuitError, match=message):
        LUT.build(card, "generic", **settings)


def test_length_of_a_table_follows_from_the_number_of_inputs():
    assert with_table({"k": None, "table": None}) == {"k": 4, "table": parity(4)}
    assert with_table({"k": 2.0, "table": "0111"}) == {"k": 2, "table": "0111"}


def test_card_that_cannot_be_written_says_why():
    strong = load_card("ikeda_2010").replace(ic_p2ap=400e-6, ic_ap2p=400e-6)
    with pytest.raises(CircuitError, match=r"cannot be written in generic: nmos at 1.2 V cannot write: .* 600 µA"):
        LUT.build(strong, "generic", k=2)


def test_life_of_a_bit_is_that_of_the_barrier():
    # Kramers' rate of either junction without a push; half of it is the life of the pair.
    junction = Junction(load_card("garcia_redondo_2021"))
    delta, tau = (junction.card.values[name] for name in ("delta", "tau_d"))
    assert retention(junction) == pytest.approx(tau / (2 * np.sqrt(delta / np.pi)) * np.exp(delta))


# ------------------------------------------------------------------------------------------ standby


def test_gated_table_needs_less_than_memory_cells(simulator, card):
    _, _, m = run(simulator, GATE, card, k=3)
    assert failed(m) == []
    assert m["gated_power"].value < m["idle_power"].value < m["cmos_power"].value
    assert m["break_even"].value == pytest.approx(
        m["wake_energy"].value / (m["cmos_power"].value - m["gated_power"].value)
    )
    # To wake the block is to charge it at most to its supply once and to read it: no more than some reads' worth.
    assert 0 < m["wake_energy"].value < 1e-12
    assert 1e-7 < m["break_even"].value < 1e-5


def test_standby_power_grows_with_the_cells(ngspice, card):
    small, large = (run(ngspice, GATE, card, k=k)[2]["cmos_power"].value for k in (2, 4))
    assert large == pytest.approx(small * 4, rel=0.5)
    # Without the switch the junctions leak nothing, and most of what is left is the amplifier.
    one, two = (run(ngspice, GATE, card, k=k)[2]["idle_power"].value for k in (2, 4))
    assert two < 2 * one


@pytest.mark.parametrize("technology", ["sky130", "gf180"])
@pytest.mark.parametrize("k", [2, 4])
def test_standby_power_in_real_technologies(installed, ngspice, vacask, card, technology, k):
    one, two = (run(s, GATE, card, installed(technology), k=k)[2] for s in (ngspice, vacask))
    for m in (one, two):
        assert failed(m) == [] and m["saving"].value > 10
    for name in ("cmos_power", "gated_power", "break_even"):
        assert one[name].value == pytest.approx(two[name].value, rel=0.05), name
