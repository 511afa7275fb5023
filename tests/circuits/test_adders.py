"""Full adders: all rows, energy as charge times voltage, and the crossover of logic in memory and CMOS."""

import json

import numpy as np
import pytest

from compact.cards import load_card
from compact.circuits import get_circuit
from compact.circuits.base import Junction
from compact.circuits.nv_adder import series_voltage
from compact.cli import run as command
from compact.crossover import Comparison, compare
from compact.errors import CircuitError
from compact.runs import simulate

ADDERS = {"nv_adder": (34, 4), "cmos_adder": (34, 0)}


@pytest.fixture(scope="module")
def card():
    return load_card("garcia_redondo_2021")


@pytest.fixture(scope="module")
def runs(card, ngspice, vacask):
    return {
        (n, s): simulate(n, card, "generic", s, settings={"t_idle": 100e-9})
        for n in ADDERS
        for s in ("ngspice", "vacask")
    }


@pytest.mark.parametrize("name", ADDERS)
def test_eight_rows_in_both_simulators(runs, name):
    for simulator in ("ngspice", "vacask"):
        run = runs[name, simulator]
        assert [f"{m.name} = {m.value:g}" for m in run.measures if not m.passed] == []
        rows = run.circuit.rows(run.waveforms, run.bench)
        assert {row[:3] for row in rows} == set(np.ndindex(2, 2, 2))
        for b, a, ci, total, carry in rows:
            assert (round(carry), round(total)) == divmod(a + b + ci, 2)
    figures = [{m.name: m.value for m in runs[name, s].measures} for s in ("ngspice", "vacask")]
    for key in ("delay", "energy", "write_energy"):
        assert figures[0][key] == pytest.approx(figures[1][key], rel=0.04), key
    assert (figures[0]["transistors"], figures[0]["junctions"]) == ADDERS[name]


@pytest.mark.slow
@pytest.mark.parametrize("technology", ["sky130", "gf180"])
@pytest.mark.parametrize("name", ADDERS)
def test_works_in_open_technologies(installed, simulator, card, name, technology):
    run = simulate(name, card, installed(technology), simulator.name)
    assert [f"{m.name} = {m.value:g}" for m in run.measures if not m.passed] == []


def test_a_short_write_is_seen(ngspice, card):
    run = simulate("nv_adder", card, "generic", "ngspice", settings={"t_write": 3e-9, "t_idle": 1e-9})
    found = {m.name: m for m in run.measures}
    assert not found["written"].passed and not found["rows"].passed


def test_write_energy_is_current_times_voltage_times_time(runs):
    run = runs["nv_adder", "ngspice"]
    s = run.bench.settings
    settled = 2 * s["v_write"] * series_voltage(Junction(load_card("garcia_redondo_2021")), s["overdrive"])[1]
    found = {m.name: m.value for m in run.measures}
    assert found["write_energy"] == pytest.approx(settled * s["t_write"], rel=0.3)


def test_current_in_series_drives_both_junctions(card):
    junction = Junction(card)
    volts, amps = series_voltage(junction, 1.5)
    assert amps >= 1.5 * max(card.values["ic_p2ap"], card.values["ic_ap2p"]) * 0.999
    assert volts > junction.write_voltage(1.0, 1.5) + 0.9 * junction.write_voltage(-1.0, 1.5)


def test_card_that_needs_too_much_is_refused():
    with pytest.raises(CircuitError, match="cannot"):
        get_circuit("nv_adder").build(load_card("ikeda_2010"), "generic")


def test_logic_in_memory_loses_where_its_junctions_switch_often(runs, card):
    """The counter-result: with every operation a write, and no idle time, CMOS needs far less energy."""
    result = _comparison(runs, "ngspice")
    assert result.non_volatile(1.0) > 20 * result.cmos(1.0)
    assert result.crossover(0.0) < 0  # even without a single write: two precharged latches against static gates
    # Only standby can turn it round, and the crossover grows with the idle time.
    wait = 2 * result.idle_time(0.0)
    at = result.crossover(wait)
    assert 0 < at < result.crossover(10 * wait)
    assert result.non_volatile(at) == pytest.approx(result.cmos(at, wait), rel=1e-9)
    assert result.non_volatile(0.5 * at) < result.cmos(0.5 * at, wait) and result.non_volatile(2 * at) > result.cmos(
        2 * at, wait
    )


def _comparison(runs, simulator):
    nv, cmos = ({m.name: m.value for m in runs[name, simulator].measures} for name in ADDERS)
    return Comparison(nv["energy"], nv["write_energy"], cmos["energy"], cmos["write_energy"], cmos["standby_power"])


def test_simulators_find_the_same_crossover(runs):
    waits = [_comparison(runs, s).idle_time(0.01) for s in ("ngspice", "vacask")]
    assert waits[0] == pytest.approx(waits[1], rel=0.15)


@pytest.mark.slow
def test_comparison_as_a_whole(ngspice, card, tmp_path):
    result, nv, cmos = compare(card)
    assert nv.passed and cmos.passed
    assert 1e-7 < result.idle_time(0.0) < result.idle_time(1.0) < 1e-1


def test_command(ngspice, tmp_path, capsys):
    plot = tmp_path / "crossover.png"
    assert (
        command(
            ["crossover", "garcia_redondo_2021", "-s", "ngspice", "--idle", "0,100u", "--plot", str(plot), "--json"]
        )
        == 0
    )
    told = json.loads(capsys.readouterr().out)
    assert told["crossover"][0] < 0 < told["crossover"][1] < 1 and told["simulator"] == "ngspice"
    assert plot.stat().st_size > 10_000
    for wrong, words in (
        (["--activity", "2"], "must lie in 0 ... 1"),
        (["--plot", "x.bmp"], "plot format"),
        (["-t", "genric"], "did you mean 'generic'"),
    ):
        assert command(["crossover", "garcia_redondo_2021", *wrong]) == 2
        assert words in capsys.readouterr().err
