"""Sense amplifiers: they read both bits, simulators agree, and the TMR that each needs follows from its mismatch."""

import json

import pytest

from compact.cards import load_card
from compact.circuits import CIRCUITS, get_circuit
from compact.circuits.sense import SenseAmplifier
from compact.cli import run as command
from compact.errors import CircuitError
from compact.margin import critical_tmr, decisions
from compact.runs import simulate

AMPLIFIERS = [name for name, circuit in CIRCUITS.items() if isinstance(circuit, SenseAmplifier)]
COMPLEMENTARY = [name for name in AMPLIFIERS if CIRCUITS[name].complementary]
AREAS = {"pcsa": (7, 2), "spcsa": (12, 2), "strongarm": (17, 5), "current_sense": (15, 5)}


@pytest.fixture(scope="module")
def card():
    return load_card("garcia_redondo_2021")


def failed(run):
    return [f"{m.name} = {m.value:g}" for m in run.measures if not m.passed]


def agree(runs, tolerance=0.02):
    for run in runs:
        assert failed(run) == []
    figures = [{m.name: m.value for m in run.measures} for run in runs]
    for name in figures[0]:
        if name.startswith(("delay", "energy")):
            assert figures[0][name] == pytest.approx(figures[1][name], rel=tolerance), name


def test_all_are_here():
    assert set(AREAS) == set(AMPLIFIERS)


@pytest.mark.parametrize("name", [name for name in AMPLIFIERS if name != "pcsa"])
def test_reads_both_bits_and_simulators_agree(ngspice, vacask, card, name):
    runs = [simulate(name, card, "generic", s) for s in ("ngspice", "vacask")]
    agree(runs)
    figures = {m.name: m.value for m in runs[0].measures}
    assert (figures["transistors"], figures["junctions"]) == AREAS[name]
    assert set(runs[0].circuit.ports) <= set(runs[0].bench.netlist.scopes())


@pytest.mark.slow
@pytest.mark.parametrize("junction", ["garcia_redondo_2021", "ikeda_2010"])
@pytest.mark.parametrize("technology", ["generic", "sky130", "gf180"])
@pytest.mark.parametrize("name", AMPLIFIERS)
def test_reads_in_every_technology(installed, ngspice, vacask, name, technology, junction):
    where = installed(technology)
    agree([simulate(name, load_card(junction), where, s) for s in ("ngspice", "vacask")])


@pytest.mark.slow
@pytest.mark.parametrize("corner", ["ff", "ss", "fs", "sf"])
@pytest.mark.parametrize("name", AMPLIFIERS)
def test_reads_at_corners(ngspice, card, name, corner):
    assert failed(simulate(name, card, "generic", "ngspice", corner=corner)) == []


@pytest.mark.parametrize("name", COMPLEMENTARY)
@pytest.mark.parametrize("technology", ["generic", "sky130"])
def test_complementary_sensing_is_right_at_tmr_100_percent(installed, simulator, card, name, technology):
    nominal = card.replace(None, tmr=1.0)
    got = decisions(name, nominal, installed(technology), simulator.name)
    assert min(got) > 0.99


def test_mismatch_pushes_towards_the_wrong_bit_and_enough_tmr_holds_against_it(ngspice, card):
    poor, rich = card.replace(None, tmr=0.1), card.replace(None, tmr=1.0)
    for settings in ({"vth": 0.06}, {"resistance": 0.25}):
        assert max(decisions("pcsa", poor, **settings)) < -0.9
        assert min(decisions("pcsa", rich, **settings)) > 0.9
    assert min(decisions("pcsa", poor)) > 0.9


@pytest.mark.parametrize(
    "name", [name if name == "pcsa" else pytest.param(name, marks=pytest.mark.slow) for name in AMPLIFIERS]
)
def test_every_pair_that_is_named_counts(ngspice, card, name):
    """Each pair alone, far off, makes a bit come out later or wrong; the declared sign is the bad one."""
    circuit = get_circuit(name)
    for first, second, towards in circuit.pairs:
        delays = []
        for way in (1, -1):
            bench = circuit.build(card, "generic")
            bench.netlist.mismatch |= {f"xbit0.{first}": way * towards * 0.02, f"xbit0.{second}": -way * towards * 0.02}
            waves = ngspice.run(bench.netlist, bench.analysis, save=bench.save)
            found = {m.name: m for m in circuit.measures(waves, bench)}
            delays.append(found["delay_0"].value if found["decision_0"].passed else float("inf"))
        assert delays[0] > delays[1], first


def test_less_mismatch_needs_less_tmr(ngspice, card):
    limits = [critical_tmr("pcsa", card, vth=v, resistance=r).tmr for v, r in ((0.04, 0.05), (0.02, 0.05), (0.02, 0.0))]
    assert limits[0] > 1.3 * limits[1] > 1.5 * limits[2] > 0.05
    assert critical_tmr("pcsa", card, vth=0.0, resistance=0.0).tmr == 0.0


def test_limit_lies_between_right_and_wrong(ngspice, card):
    found = critical_tmr("pcsa", card, vth=0.03, resistance=0.1)
    for factor, right in ((1.01, True), (0.95, False)):
        got = decisions("pcsa", card.replace(None, tmr=factor * found.tmr), vth=0.03, resistance=0.1,
                        settings=dict(get_circuit("pcsa").build(card, "generic").settings))  # fmt: skip
        assert (min(got) >= 0.9) is right
    assert found.bit in (0, 1) and found.runs > 5


@pytest.mark.slow
@pytest.mark.parametrize("name", AMPLIFIERS)
def test_simulators_find_the_same_limit(ngspice, vacask, card, name):
    limits = [critical_tmr(name, card, simulator=s).tmr for s in ("ngspice", "vacask")]
    assert limits[0] == pytest.approx(limits[1], rel=0.07)


@pytest.mark.slow
def test_references_need_more_tmr_than_complements(ngspice, card):
    limits = {name: critical_tmr(name, card, vth=0.01).tmr for name in AMPLIFIERS}
    assert max(limits[n] for n in COMPLEMENTARY) < min(limits[n] for n in AMPLIFIERS if n not in COMPLEMENTARY)


@pytest.mark.slow
def test_trend_with_supply_and_temperature(ngspice, card):
    """Heat takes TMR from the junctions, so more must be there at 27 degC; more supply helps this one."""
    by_heat = [critical_tmr("pcsa", card, temperature=t).tmr for t in (-40.0, 27.0, 125.0)]
    by_supply = [critical_tmr("pcsa", card, vdd=v).tmr for v in (1.0, 1.2, 1.4)]
    assert by_heat[0] < by_heat[1] < by_heat[2] < 2 * by_heat[0]
    assert by_supply[0] > by_supply[1] >= by_supply[2] > 0.5 * by_supply[0]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (dict(amplifier="pcas"), "did you mean 'pcsa'"),
        (dict(vth=-0.01), "must not be negative"),
        (dict(resistance=2.5), "must not be negative"),
    ],
)
def test_wrong_use(card, settings, words):
    with pytest.raises(CircuitError, match=words):
        decisions(settings.pop("amplifier", "pcsa"), card, **settings)


def test_time_to_settle_must_leave_time_to_decide(card):
    with pytest.raises(CircuitError, match="t_settle"):
        get_circuit("strongarm").build(card, "generic", t_settle=2e-9, t_sense=1e-9)


def test_command(ngspice, capsys):
    options = ["-a", "pcsa", "-s", "ngspice", "--vth", "20m", "--resistance", "0.05", "--json"]
    assert command(["margin", "garcia_redondo_2021", *options]) == 0
    (found,) = json.loads(capsys.readouterr().out)["margins"]
    assert found["amplifier"] == "pcsa" and 0.1 < found["tmr"] < 0.5
    for wrong, words in ((["-a", "pcas"], "did you mean 'pcsa'"), (["--vth", "x"], "--vth")):
        assert command(["margin", "garcia_redondo_2021", *wrong]) == 2
        assert words in capsys.readouterr().err
