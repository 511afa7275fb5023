"""The flip-flop: it works, keeps its bit without supply for any time, and says what that costs."""

import numpy as np
import pytest

from compact.cards import load_card
from compact.circuits import get_circuit
from compact.errors import CircuitError

NVFF = get_circuit("nvff")


@pytest.fixture(scope="module")
def card():
    return load_card("garcia_redondo_2021")


def run(simulator, card, technology="generic", corner="tt", **settings):
    bench = NVFF.build(card, technology, corner=corner, **settings)
    waves = simulator.run(bench.netlist, bench.analysis, save=bench.save, timeout=600)
    return waves, bench, {measure.name: measure for measure in NVFF.measures(waves, bench)}


def failed(measures):
    return [f"{m.name} = {m.value:g}" for m in measures.values() if not m.passed]


@pytest.mark.parametrize("t_off", [0.0, 1e-9, 1e-6, 100e-6])
def test_keeps_both_bits_however_long_it_is_off(simulator, card, t_off):
    waves, bench, measures = run(simulator, card, t_off=t_off)
    assert failed(measures) == []
    # Both junctions of each bit were turned by the store, and the supply really was gone.
    for bit in (0, 1):
        z = waves[f"xbit{bit}.xmtj.z"]
        assert np.sign([z[0], z[-1]]).tolist() == [2 * bit - 1, 1 - 2 * bit]
        assert waves[f"vdd{bit}"].min() == pytest.approx(0, abs=1e-6)
        assert np.interp(bench.times["back"] - bench.settings["t_ramp"], waves.axis, waves[f"q{bit}"]) < 0.4


@pytest.mark.slow
@pytest.mark.parametrize("t_off", [1e-3, 0.1])
def test_keeps_both_bits_for_very_long(simulator, card, t_off):
    # ngspice takes corners closer than a share of its largest step for one, so long times need slower edges.
    _, _, measures = run(simulator, card, t_off=t_off, edge=1e-9)
    assert failed(measures) == []


@pytest.mark.parametrize("t_ramp", [0.1e-9, 1e-6])
def test_ramps_may_be_fast_or_slow(ngspice, card, t_ramp):
    _, _, measures = run(ngspice, card, t_ramp=t_ramp)
    assert failed(measures) == []


@pytest.mark.parametrize("technology", ["generic", "sky130", "gf180"])
@pytest.mark.parametrize("junction", ["garcia_redondo_2021", "ikeda_2010"])
def test_works_in_every_technology(installed, ngspice, technology, junction):
    _, _, measures = run(ngspice, load_card(junction), installed(technology))
    assert failed(measures) == []


@pytest.mark.parametrize("corner", ["ff", "ss", "fs", "sf"])
def test_works_at_corners(ngspice, card, corner):
    _, _, measures = run(ngspice, card, corner=corner)
    assert failed(measures) == []


def test_without_a_store_the_old_bits_come_back(ngspice, card):
    # Too short a pulse turns no junction, so each flip-flop wakes with the bit that its junctions had.
    _, _, measures = run(ngspice, card, t_write=1e-9)
    assert {"stored_0", "stored_1", "restored_0", "restored_1"} == {n for n, m in measures.items() if not m.passed}
    assert measures["restored_0"].value == pytest.approx(1, abs=0.01)


def test_simulators_agree(ngspice, vacask, card):
    one, two = (run(s, card)[2] for s in (ngspice, vacask))
    for name in ("delay_0", "delay_1", "cmos_delay", "store_energy_0", "restore_energy_1", "cmos_power", "break_even"):
        assert one[name].value == pytest.approx(two[name].value, rel=0.03), name


def test_break_even_is_store_and_restore_over_leakage(ngspice, card):
    _, _, m = run(ngspice, card)
    spent = max(m[f"store_energy_{b}"].value for b in (0, 1)) + max(m[f"restore_energy_{b}"].value for b in (0, 1))
    assert m["break_even"].value == pytest.approx(spent / m["cmos_power"].value)
    assert 1e-4 < m["break_even"].value < 1e-2
    # At the fast corner the transistors leak more, so it pays back sooner.
    fast = run(ngspice, card, corner="ff")[2]
    assert fast["cmos_power"].value > 2 * m["cmos_power"].value
    assert fast["break_even"].value < m["break_even"].value / 2


def test_junctions_cost_area_and_little_delay(ngspice, card):
    _, _, m = run(ngspice, card)
    assert m["junctions"].value == 2 and m["transistors"].value == m["cmos_transistors"].value + 36
    assert m["cmos_delay"].value < m["delay_1"].value < 2 * m["cmos_delay"].value


def test_bits_that_do_not_live_long_enough_are_told():
    weak = load_card("garcia_redondo_2021").replace(delta=15.0)
    bench = NVFF.build(weak, "generic", t_off=1e-3)
    # Kramers: 2.2 ns/(2 sqrt(15/pi)) e^15 = 1.66 ms for either of two junctions.
    assert bench.times["retention"] == pytest.approx(1.66e-3, rel=0.01)


def test_wrong_settings_are_refused(card):
    with pytest.raises(CircuitError, match=r"'t_off' = -1 s is outside its range"):
        NVFF.build(card, "generic", t_off=-1)
    with pytest.raises(CircuitError, match="cannot be written in generic"):
        NVFF.build(load_card("ikeda_2010"), "generic", io=0)
