"""Corner tables."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from compact import sweep
from compact.cards import load_card
from compact.errors import CircuitError, SimulationError, StatisticsError, TechnologyError
from compact.measure import Measure
from compact.montecarlo import Plan, Ready
from compact.runs import simulate
from compact.statplot import plot_corners
from compact.sweep import Corner, CornerTable, corner_table, corners_of

CARD = load_card("ikeda_2010")
PLAN = Plan("pcsa", CARD, "generic", stride=8.0)


@pytest.fixture(scope="module")
def table(ngspice) -> CornerTable:
    """Sixteen corners of a sense amplifier."""
    return corner_table(PLAN, corners_of(("tt", "ss"), ("tt", "ff"), (27.0, 125.0), (0.9, 1.0)), jobs=1)


def test_every_combination_comes_once():
    points = corners_of(("tt", "ff", "tt"), ("tt",), (27, 125), (1,))
    assert [(c.cmos, c.temperature) for c in points] == [("tt", 27), ("tt", 125), ("ff", 27), ("ff", 125)]
    assert points[0].typical and not points[1].typical


def test_the_typical_corner_is_the_circuit_as_it_is(table: CornerTable):
    here = next(k for k, c in enumerate(table.corners) if c.typical)
    run = simulate("pcsa", CARD, "generic")
    expected = {m.name: m.value for m in run.measures}
    for m in table.measures[here]:
        assert m.value == pytest.approx(expected[m.name], rel=0.02)


def test_corners_do_what_they_say(table: CornerTable):
    delay = {c: m.value for c, m in zip(table.corners, table.column("delay_0"), strict=True) if m}
    base = Corner("tt", "tt", 27.0, 1.0)
    assert delay[replace(base, cmos="ss")] > delay[base]
    assert delay[replace(base, supply=0.9)] > delay[base]
    assert delay[replace(base, mtj="ff")] < delay[base]  # less resistance
    energy = {c: m.value for c, m in zip(table.corners, table.column("energy_0"), strict=True) if m}
    assert energy[replace(base, supply=0.9)] < energy[base]


def test_the_worst_is_marked_once_per_figure(table: CornerTable):
    rows = table.rows()
    slowest = max(range(len(rows)), key=lambda k: rows[k]["measures"]["delay_0"])
    assert table.worst("delay_0") == slowest
    assert (rows[slowest]["cmos"], rows[slowest]["supply"]) == ("ss", 0.9)
    assert sum("delay_0" in row["worst"] for row in rows) == 1
    assert table.passed and all(row["passed"] for row in rows)


def test_supply_too_low_fails_where_it_is(ngspice):
    found = corner_table(PLAN, corners_of(("tt",), ("tt",), (27.0,), (0.3, 1.0)), jobs=1)
    assert not found.passed and [row["passed"] for row in found.rows()] == [False, True]
    assert found.worst("delay_0") == 0


def test_sizes_and_times_stay_those_of_the_typical_corner(monkeypatch: pytest.MonkeyPatch):
    seen = []
    monkeypatch.setattr(Ready, "measures", lambda self, stride=None: seen.append(self.bench) or [])
    corner_table(PLAN, corners_of(("tt", "ss"), ("tt", "ss"), (27.0,), (1.0,)), jobs=1)
    kept = [{k: v for k, v in bench.settings.items() if k != "vdd"} for bench in seen]
    assert len(kept) == 4 and all(settings == kept[0] for settings in kept)
    cards = [bench.netlist.devices["mtj"].card.values["r_p"] for bench in seen]
    assert cards[0] != cards[1] and cards[::2] == [cards[0]] * 2


def test_failed_simulations_are_kept_in_the_table(table: CornerTable, tmp_path, monkeypatch: pytest.MonkeyPatch):
    real = Ready.measures

    def measures(self, stride=None):
        if self.plan.temperature > 100:
            raise SimulationError("ngspice: no convergence", tmp_path / "circuit.cir")
        return real(self, stride)

    monkeypatch.setattr(Ready, "measures", measures)
    found = corner_table(PLAN, corners_of(("tt",), ("tt",), (27.0, 125.0), (1.0,)), jobs=1)
    assert not found.passed and set(found.errors) == {1}
    assert "no convergence" in found.errors[1] and "circuit.cir" in found.errors[1]
    assert found.worst("delay_0") == 1 and found.rows()[1]["error"]
    assert plot_corners(found, tmp_path / "corners.png").stat().st_size > 3000


@pytest.mark.parametrize(
    ("values", "worst"),
    [
        ([(1.0, 0, 5), (4.0, 0, 5), (3.0, 0, 5)], 1),
        ([(1.0, 0.9, 1.1), (0.95, 0.9, 1.1), (1.02, 0.9, 1.1)], 1),
        ([(1.0, 0.9, 1.1), (0.95, 0.9, 1.1), (1.2, 0.9, 1.1)], 2),
        ([(1.0, 0, math.inf), (2.0, 0, math.inf)], 1),
        ([(3.0, 2, math.inf), (2.5, 2, math.inf)], 1),
        ([(3.0, 2, math.inf), (math.nan, 2, math.inf), (1.0, 2, math.inf)], 1),
        ([(1.0, 0, 5), (1.0, 0, 5)], None),
    ],
)
def test_what_is_worst(values, worst):
    corners = tuple(Corner("tt", "tt", float(k), 1.0) for k in range(len(values)))
    measures = tuple((Measure("m", v, "1", low, high),) for v, low, high in values)
    assert CornerTable(corners, measures, {}).worst("m") == worst


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cmos": ()}, "no corners of transistors are given"),
        ({"mtj": ("fs",)}, "unknown corner of junctions 'fs'; did you mean"),
        ({"temperatures": (-300,)}, "temperature -300 degC cannot be"),
        ({"supplies": (-1,)}, "supply -1 must be a share"),
    ],
)
def test_corners_that_cannot_be(arguments, message):
    with pytest.raises(StatisticsError, match=message):
        corners_of(**({"cmos": ("tt",)} | arguments))


def test_unknown_corners_settings_and_measures_are_named(table: CornerTable):
    with pytest.raises(TechnologyError, match="unknown corner of technology 'generic' 'fff'"):
        corner_table(PLAN, [Corner("fff", "tt", 27.0, 1.0)])
    with pytest.raises(StatisticsError, match="unknown setting of circuit 'pcsa' 'vddd'; did you mean 'vdd'"):
        corner_table(PLAN, [Corner("tt", "tt", 27.0, 1.0)], supply="vddd")
    with pytest.raises(CircuitError, match="vdd"):
        corner_table(replace(PLAN, settings={"vdd": -1.0}), [Corner("tt", "tt", 27.0, 1.0)])
    with pytest.raises(StatisticsError, match="unknown measure 'delai_0'"):
        table.column("delai_0")
    assert sweep.SUPPLIES[1] == 1.0
