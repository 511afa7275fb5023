"""The memory cell and the sense amplifier: they work in every technology, and simulators agree."""

import math
import subprocess

import numpy as np
import pytest

from compact.cards import load_card
from compact.circuits import CIRCUITS, get_circuit
from compact.circuits.base import Junction
from compact.errors import CircuitError, TechnologyError
from compact.technology import get_technology

NAMES = ("generic", "sky130", "gf180")
FIGURES = {
    "cell_1t1mtj": ("write_latency", "write_energy"),
    "array_1t1mtj": ("write_latency", "write_energy"),
    "pcsa": ("delay", "energy"),
}


JUNCTIONS = ("ikeda_2010", "garcia_redondo_2021")


def card(name, **changes):
    """A published card, with some values changed."""
    base = load_card(name)
    return base.replace(**changes) if changes else base


def simulate(simulator, circuit, junction, technology, **settings):
    junction = card(junction) if isinstance(junction, str) else junction
    bench = get_circuit(circuit).build(junction, technology, **settings)
    waveforms = simulator.run(bench.netlist, bench.analysis, save=bench.save)
    return {measure.name: measure for measure in get_circuit(circuit).measures(waveforms, bench)}, bench


@pytest.mark.parametrize("junction", JUNCTIONS)
@pytest.mark.parametrize("technology", NAMES)
@pytest.mark.parametrize("circuit", FIGURES)
def test_works_for_both_bits_and_simulators_agree(installed, ngspice, vacask, circuit, technology, junction):
    measures = [simulate(s, circuit, junction, installed(technology))[0] for s in (ngspice, vacask)]
    for result in measures:
        assert [f"{m.name} = {m.value:g}" for m in result.values() if not m.passed] == []
    for name in (name for name in measures[0] if name.startswith(FIGURES[circuit])):
        # Target 3 % in generic; with every junction area written out, PDKs come as close.
        assert measures[0][name].value == pytest.approx(measures[1][name].value, rel=0.02), name


@pytest.mark.parametrize("corner", ("ff", "ss", "fs", "sf"))
@pytest.mark.parametrize("circuit", FIGURES)
def test_works_at_corners(ngspice, circuit, corner):
    typical, _ = simulate(ngspice, circuit, "garcia_redondo_2021", "generic")
    measures, _ = simulate(ngspice, circuit, "garcia_redondo_2021", "generic", corner=corner)
    assert [f"{m.name} = {m.value:g}" for m in measures.values() if not m.passed] == []
    key = {"cell_1t1mtj": "write_latency_ap", "array_1t1mtj": "write_latency", "pcsa": "delay_0"}[circuit]
    if corner in ("ff", "ss"):
        assert (measures[key].value < typical[key].value) == (corner == "ff")


def test_bits_are_symmetric_and_the_junctions_decide(ngspice):
    measures, _ = simulate(ngspice, "pcsa", "ikeda_2010", "generic")
    assert measures["delay_0"].value == pytest.approx(measures["delay_1"].value, rel=1e-3)
    delays = [
        simulate(ngspice, "pcsa", card("ikeda_2010", tmr=tmr), "generic")[0]["delay_0"].value
        for tmr in (0.03, 0.3, 3.0)
    ]
    assert delays[0] > 1.2 * delays[1] > 1.2 * delays[2]


def test_too_short_a_pulse_fails_the_cell(ngspice):
    measures, bench = simulate(ngspice, "cell_1t1mtj", "garcia_redondo_2021", "generic", t_write=1e-9)
    failed = {name for name, measure in measures.items() if not measure.passed}
    assert {"write_latency_ap", "state_ap"} <= failed
    assert math.isnan(measures["write_latency_ap"].value)
    assert bench.settings["t_write"] == 1e-9


def test_energy_is_current_times_voltage_times_time(ngspice):
    # With a long pulse, energy grows by the settled power times the added time.
    short, bench = simulate(ngspice, "cell_1t1mtj", "garcia_redondo_2021", "generic", t_write=20e-9)
    long, _ = simulate(ngspice, "cell_1t1mtj", "garcia_redondo_2021", "generic", t_write=30e-9)
    added = long["write_energy_p"].value - short["write_energy_p"].value
    junction = Junction(card("garcia_redondo_2021"))
    settled = bench.settings["v_bl"] * junction.current(long["junction_voltage_p"].value, 1.0)
    assert added == pytest.approx(settled * 10e-9, rel=0.2)


def test_written_current_is_that_of_the_overdrive(ngspice):
    # At the derived size the drive just before the junction switches is at least the one asked for, less the
    # accuracy of the drive law.
    for junction, technology in (("ikeda_2010", "generic"), ("garcia_redondo_2021", "generic")):
        bench = get_circuit("cell_1t1mtj").build(card(junction), technology)
        w = ngspice.run(bench.netlist, bench.analysis, save=bench.save)
        device = Junction(card(junction))
        for name, state, edge in (("ap", 1.0, "write_ap"), ("p", -1.0, "write_p")):
            at = bench.times[edge] + 4 * bench.settings["edge"]
            volts = np.interp(at, w.axis, w["bl"] - w["xcell.mid"])
            drive = abs(device.current(volts, state) / card(junction).values["ic_p2ap"])
            assert 1.25 < drive < 2.5, (junction, name, drive)


def test_junction_seen_from_the_circuit():
    junction = Junction(card("garcia_redondo_2021"))
    assert junction.resistance(1.0) == pytest.approx(6e3, rel=1e-3)
    assert junction.resistance(-1.0) == pytest.approx(12e3, rel=1e-2)
    volts = junction.write_voltage(1.0, 1.5)
    assert volts == pytest.approx(1.5 * 24.5e-6 * 6e3, rel=1e-2)
    assert junction.write_voltage(-1.0, 1.5) > volts
    # Far above threshold the time is the logarithm of the angle to be gained over twice the drive.
    assert junction.switching_time(1.5) > junction.switching_time(2.0) > junction.switching_time(4.0)


def test_card_that_cannot_be_written_says_why():
    strong = card("ikeda_2010", ic_p2ap=400e-6, ic_ap2p=400e-6)
    with pytest.raises(
        CircuitError, match=r"card 'ikeda_2010' cannot be written in generic: nmos at 1.2 V cannot write"
    ):
        get_circuit("cell_1t1mtj").build(strong, "generic")
    with pytest.raises(CircuitError, match=r"nmos stands 1\.2 V, not v_sl = 2\.5 V"):
        get_circuit("cell_1t1mtj").build(card("garcia_redondo_2021"), "generic", io=0, v_sl=2.5)
    with pytest.raises(CircuitError, match="not above v_sl"):
        get_circuit("cell_1t1mtj").build(card("garcia_redondo_2021"), "generic", v_sl=1.0, v_bl=1.2)
    # Asked for by name, the transistor is used at any width, and the simulation decides.
    get_circuit("cell_1t1mtj").build(card("ikeda_2010"), "generic", io=1, w_access=40e-6)


def test_names_and_ranges_are_checked():
    with pytest.raises(CircuitError, match="unknown circuit 'psca'; did you mean 'pcsa'"):
        get_circuit("psca")
    with pytest.raises(CircuitError, match="unknown setting of circuit 'pcsa' 'c_laod'; did you mean 'c_load'"):
        get_circuit("pcsa").build(card("ikeda_2010"), "generic", c_laod=1e-15)
    with pytest.raises(CircuitError, match=r"'c_load' = -1 F is outside its range \[0, 1e-09\] F"):
        get_circuit("pcsa").build(card("ikeda_2010"), "generic", c_load=-1)
    with pytest.raises(CircuitError, match="'overdrive' must be a number in 1, not 'x'"):
        get_circuit("cell_1t1mtj").build(card("ikeda_2010"), "generic", overdrive="x")
    with pytest.raises(TechnologyError, match="narrower than generic allows"):
        get_circuit("pcsa").build(card("ikeda_2010"), "generic", w_n=50e-9)


@pytest.mark.parametrize("circuit", CIRCUITS.values(), ids=list(CIRCUITS))
def test_everything_is_documented(circuit):
    assert circuit.title and circuit.ports and circuit.__doc__
    for setting in circuit.settings:
        assert setting.unit and setting.description
        assert setting.default is not None or "derived" in setting.description
        assert setting.low < setting.high
        if setting.default is not None:
            assert setting.check(setting.default) == setting.default


@pytest.mark.parametrize("circuit", CIRCUITS.values(), ids=list(CIRCUITS))
def test_ports_are_those_of_the_template(circuit):
    bench = circuit.build(card(circuit.example), get_technology("generic"))
    scopes = bench.netlist.scopes()
    for name, ports in circuit.ports.items():
        assert scopes[name].ports == ports


def test_netlist_can_be_run_by_hand(ngspice, tmp_path):
    bench = get_circuit("pcsa").build(card("garcia_redondo_2021"), "generic")
    deck = bench.netlist.save(tmp_path / "pcsa.cir", bench.analysis, save=bench.save)
    done = subprocess.run(
        ["ngspice", "-b", "-r", "out.raw", deck.name], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert (tmp_path / "out.raw").stat().st_size > 10000
