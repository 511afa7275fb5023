"""Parameter sets: validation, round trip, corners, and what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compact.cards import load_card
from compact.errors import EmitError, ParameterError
from compact.parameters import ParameterSet, Provenance, Quantity


def full() -> ParameterSet:
    return ParameterSet(
        "mtj",
        "measured",
        {"r_p": 1234.5678901234567, "tmr": 0.1 + 0.2},
        {"r_p": 1.5},
        {("r_p", "tmr"): -0.3},
        Provenance("loop.csv", "ab" * 32, "2026-11-22", "lmfit", "", {"rms": 0.01}),
        {"jump": Quantity(1e-3, None, "A", "measured edge")},
        {"tau_d": "one pulse width only"},
        ("contact resistance included",),
    )


def test_round_trip_loses_nothing(tmp_path: Path) -> None:
    card = full()
    card.save(tmp_path / "card.json")
    assert ParameterSet.load(tmp_path / "card.json") == card
    assert list(tmp_path.iterdir()) == [tmp_path / "card.json"]


@given(st.floats(1e-3, 1e12), st.floats(0, 20))
def test_round_trip_of_any_value(r_p: float, tmr: float) -> None:
    card = ParameterSet("mtj", "any", {"r_p": r_p, "tmr": tmr})
    assert ParameterSet.from_json(card.to_json()).values == card.values


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rp": 1.0}, "unknown parameter of model mtj 'rp'; did you mean 'r_p'"),
        ({"r_p": -5.0}, r"'r_p' = -5 Ohm is outside its range \[0.001, 1e\+12\] Ohm"),
        ({"r_p": math.nan}, "not a finite number"),
        ({"r_p": math.inf}, "not a finite number"),
        ({"r_p": "5k"}, "not a number"),
        ({"r_p": True}, "not a number"),
        ({"r_p": None}, "not a number"),
        ({"seed": 1.5}, "must be a whole number"),
        ({"g_slope": 1.0}, "needs g_curv"),
        ({"tmr_slope": 10.0}, "TMR diverges"),
    ],
)
def test_values_that_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        ParameterSet("mtj", "bad", values)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "Upper", "1st", "a b", "a\n.include /etc/passwd", "x'y", "a$b", "é", "a" * 64])
def test_names_that_could_change_a_netlist(name: str) -> None:
    with pytest.raises(ParameterError, match="card name"):
        ParameterSet("mtj", name)


@pytest.mark.parametrize(
    "change",
    [
        {"source": "a\n.control\nshell rm -rf /\n.endc"},
        {"method": "x\ry"},
        {"citation": "\x00"},
        {"quality": {"a\nb": 1.0}},
        {"quality": {"a": math.nan}},
    ],
)
def test_text_that_could_change_a_netlist(change: dict[str, object]) -> None:
    with pytest.raises(ParameterError):
        ParameterSet("mtj", "x", provenance=Provenance(**change))  # type: ignore[arg-type]
    with pytest.raises(ParameterError):
        ParameterSet("mtj", "x", notes=("a\nb",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ("[1]", "no parameter set"),
        ('{"format": "other"}', "no parameter set"),
        (json.dumps({"format": "spinbricks-card/1"}), "malformed"),
        (json.dumps({"format": "spinbricks-card/1", "model": "mtjx", "name": "a"}), "did you mean 'mtj'"),
        (json.dumps({"format": "spinbricks-card/1", "model": "mtj", "name": "a", "vals": {}}), "did you mean 'values'"),
        (json.dumps({"format": "spinbricks-card/1", "model": "mtj", "name": "a", "values": {"r_p": "1"}}), "number"),
        (json.dumps({"format": "spinbricks-card/1", "model": "mtj", "name": "a", "values": 3}), "malformed|card"),
        (json.dumps({"format": "spinbricks-card/1", "model": "mtj", "name": "a", "correlations": [1]}), "malformed"),
    ],
)
def test_files_that_are_no_card(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    path.write_text(text)
    with pytest.raises(ParameterError, match=message):
        ParameterSet.load(path)


def test_missing_card_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="did you mean 'ikeda_2010'"):
        load_card("ikeda2010")
    with pytest.raises(ParameterError, match="cannot read card"):
        load_card(tmp_path / "none.json")


def test_corners() -> None:
    card = load_card("ikeda_2010")
    fast, slow = card.corner("ff"), card.corner("ss")
    assert fast.values["r_p"] < card.values["r_p"] < slow.values["r_p"]
    assert fast.values["ic_p2ap"] < card.values["ic_p2ap"] < slow.values["ic_p2ap"]
    assert fast.values["tmr"] > card.values["tmr"] > slow.values["tmr"]
    assert card.corner("tt") == card
    with pytest.raises(ParameterError, match="unknown corner 'fs'"):
        card.corner("fs")


def test_replace_keeps_followers_and_drops_errors() -> None:
    card = full().replace("wider", diameter_ref=80e-9, r_p=2e3)
    assert card.name == "wider"
    assert card.values["diameter"] == 80e-9
    assert "r_p" not in card.stderr
    assert not card.correlations
    narrow = full().replace(diameter=20e-9)
    assert narrow.values["diameter_ref"] == 40e-9


def test_write_leaves_nothing_half_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from compact.emit import emit, write

    with pytest.raises(EmitError, match="unknown target 'verilog'; did you mean 'veriloga'"):
        emit(full(), "verilog")
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(EmitError, match="cannot write"):
        write(full(), "all", blocked)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file"]
