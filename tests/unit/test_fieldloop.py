"""Reading loops of resistance against field: units, roles, and what is wrong with a file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from compact.cli import run
from compact.constants import MU_0
from compact.errors import DataError, ParameterError
from compact.fieldcard import fit_field_loops
from compact.fieldloop import FieldLoop, analyse_field_loop, is_field_loop, parse_sweep_rate, read_field_loop, sweeps

OE = 1e3 / (4 * np.pi)


def cycle(h_c: float = 400.0, centre: float = 50.0, top: float = 1000.0) -> tuple[np.ndarray, np.ndarray]:
    """A square loop in Oe and Ohm: up and down."""
    way = np.arange(-top, top + 1, 20.0)
    field = np.concatenate((way, way[::-1]))
    rising = np.arange(len(field)) < len(way)
    parallel = np.where(rising, field > centre + h_c, field > centre - h_c)
    noise = np.random.default_rng(1).normal(size=len(field))
    return field, np.where(parallel, 1000.0, 2000.0) * (1 + 1e-3 * noise)


def write(path: Path, header: str, *columns: np.ndarray) -> Path:
    rows = [",".join(f"{x:.8g}" for x in row) for row in zip(*columns, strict=True)]
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("header", "scale"),
    [
        ("Field(Oe),Resistance(Ohm)", 1.0),
        ("H (kA/m),R (Ohm)", OE / 1e3),
        ("B (mT),R_MTJ [Ohm]", MU_0 * OE * 1e3),
        ("mu0H (T),Resistance Ohm", MU_0 * OE),
        ("µ0H [mT],R / Ω", MU_0 * OE * 1e3),
        ("H_ext / kOe,R(Ohm)", 1e-3),
        ("Magnetic field (G),R(Ohm)", 1.0),
        ("Applied Field [A/m],Resistance [Ohm]", OE),
    ],
)
def test_units_of_the_field(tmp_path: Path, header: str, scale: float) -> None:
    field, resistance = cycle()
    path = write(tmp_path / "a.csv", header, field * scale, resistance)
    assert is_field_loop(path)
    loop = read_field_loop(path)
    assert loop.field == pytest.approx(field * OE, rel=1e-6, abs=1e-3)
    assert loop.resistance == pytest.approx(resistance, rel=1e-6)


def test_units_in_a_row_of_their_own(tmp_path: Path) -> None:
    field, resistance = cycle()
    path = write(tmp_path / "a.csv", "Field,Resistance\nOe,kOhm", field, resistance / 1e3)
    loop = read_field_loop(path)
    assert loop.field[0] == pytest.approx(-1000 * OE) and loop.resistance[0] == pytest.approx(resistance[0], rel=1e-6)


def test_resistance_speed_and_bias_from_other_columns(tmp_path: Path) -> None:
    field, resistance = cycle()
    current = np.full(len(field), 1e-5)
    columns = (field, current, current * resistance, 0.1 * np.arange(len(field)), np.full(len(field), 310.0))
    path = write(tmp_path / "a.csv", "Field (Oe),I (A),V (V),Time (s),Temperature (K)", *columns)
    assert is_field_loop(path)
    loop = read_field_loop(path)
    assert loop.resistance == pytest.approx(resistance, rel=1e-6)
    assert loop.sweep_rate == pytest.approx(200 * OE, rel=1e-6)
    assert loop.bias == pytest.approx(np.median(current * resistance), rel=1e-6)
    assert loop.temperature == 310
    assert fit_field_loops(loop).card.values["t_nom"] == 310


def test_current_loops_at_a_field_are_not_field_loops(tmp_path: Path) -> None:
    x, resistance = cycle()
    constant = write(tmp_path / "a.csv", "Current(mA),Resistance(Ohm),Field (Oe)", x, resistance, 0 * x + 100)
    assert not is_field_loop(constant)
    assert not is_field_loop(write(tmp_path / "b.csv", "Current(mA),Resistance(Ohm)", x, resistance))
    both = write(tmp_path / "c.csv", "Field (Oe),I (A),R (Ohm)", x, x[::-1] * 1e-6, resistance)
    assert not is_field_loop(both) and is_field_loop(both, "field=1,resistance=3")


def test_columns_by_hand(tmp_path: Path) -> None:
    field, resistance = cycle()
    path = write(tmp_path / "a.csv", "a,b", field, resistance)
    loop = read_field_loop(path, "field=1[Oe],resistance=2")
    assert loop.field[0] == pytest.approx(-1000 * OE)


@pytest.mark.parametrize(
    ("header", "columns", "message"),
    [
        ("Field,Resistance(Ohm)", None, "states no unit; say it with --columns 'field=1[Oe]'"),
        ("Field(Oe),Temperature (K)", None, "no column of resistances"),
        ("x,Resistance(Ohm)", None, "cannot tell which column is the field"),
        ("Field(Oe),H_ext(mT)", None, "could both be the field"),
        ("Field(Oe),R(Ohm)", "field=1[s],resistance=2", "no unit of field; use A/m or Oe or T or G"),
        ("Field(Oe),R(Ohm)", "field=1,resistance=1", "one column for two roles"),
        ("Field(Oe),R(Ohm)", "field=3,resistance=2", "there is no column 3"),
    ],
)
def test_what_a_file_lacks(tmp_path: Path, header: str, columns: str | None, message: str) -> None:
    path = write(tmp_path / "a.csv", header, *cycle())
    with pytest.raises(DataError) as caught:
        read_field_loop(path, columns)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_bad_values() -> None:
    field, resistance = cycle()
    cases = [
        (field[:5] * OE, resistance[:5], "too few"),
        (field * OE, resistance[:-1], "differ in length"),
        (0 * field + 1, resistance, "the field is constant"),
        (field * OE, 0 * resistance + 1, "the resistance is constant"),
        (field * OE, resistance - 1500, "are not positive"),
        (field * 1e7, resistance, "not plausible"),
        (np.where(np.arange(len(field)) == 3, np.nan, field), resistance, r"not finite \(point 4\)"),
    ]
    for h, r, message in cases:
        with pytest.raises(DataError, match=message):
            FieldLoop(h, r)
    with pytest.raises(DataError, match="sweep_rate = -1 must be positive"):
        FieldLoop(field * OE, resistance, sweep_rate=-1.0)


def test_curves_that_are_no_loops() -> None:
    field, resistance = cycle()
    half = len(field) // 2
    rng = np.random.default_rng(2)
    noise = FieldLoop(field * OE, 1000 + rng.normal(size=len(field)))
    with pytest.raises(DataError, match="does not follow the field"):
        analyse_field_loop(noise)
    with pytest.raises(DataError, match="only one branch"):
        analyse_field_loop(FieldLoop(field[:half] * OE, resistance[:half]))
    # Switched up, and the way back ends before it switches down.
    short = slice(0, half + 40)
    with pytest.raises(DataError, match="only one branch"):
        analyse_field_loop(FieldLoop(field[short] * OE, resistance[short]))
    telegraph = np.where((np.abs(field) < 500) & (rng.random(len(field)) < 0.5), 1000.0, 2000.0)
    telegraph = np.where(field > 500, 1000.0, telegraph) + rng.normal(size=len(field))
    with pytest.raises(DataError):
        fit_field_loops(FieldLoop(np.tile(field, 3) * OE, np.tile(telegraph, 3)))


def test_sweeps_bear_with_noise_of_the_field() -> None:
    field, _ = cycle()
    noisy = field + 8 * np.random.default_rng(3).normal(size=len(field))
    found = sweeps(noisy)
    assert [sign for *_, sign in found] == [1, -1]
    assert abs(found[0][1] - len(field) // 2) < 4


def test_speed_of_the_field() -> None:
    assert parse_sweep_rate("100Oe/s") == pytest.approx(100 * OE)
    assert parse_sweep_rate("5 mT/s") == pytest.approx(5e-3 / MU_0)
    assert parse_sweep_rate("2kA/m/s") == pytest.approx(2000)
    for text in ("100", "100 Oe", "fast", "-3Oe/s", "1V/s"):
        with pytest.raises(ParameterError):
            parse_sweep_rate(text)


def test_reasons_of_what_is_not_determined() -> None:
    field, resistance = cycle()
    card = fit_field_loops(FieldLoop(field * OE, resistance)).card
    assert card.values["r_p"] == pytest.approx(1000, rel=2e-3) and card.values["tmr"] == pytest.approx(1, rel=5e-3)
    assert card.derived["h_c"].value == pytest.approx(400 * OE, abs=10 * OE)
    assert card.derived["h_centre"].value == pytest.approx(50 * OE, abs=10 * OE)
    assert "speed of the field is not known" in card.undetermined["delta"]
    assert "no curve along the hard axis" in card.undetermined["h_bias"]
    with_rate = fit_field_loops(FieldLoop(field * OE, resistance), sweep_rate=100 * OE).card
    assert "one point on a line" in with_rate.undetermined["delta"]
    full = fit_field_loops(FieldLoop(field * OE, resistance), "mtj_macrospin").card
    assert full.model == "mtj_macrospin" and "h_k" in full.undetermined
    assert full.values["h_z"] == pytest.approx(-50 * OE, abs=10 * OE)
    with pytest.raises(DataError, match="mtj and mtj_macrospin can"):
        fit_field_loops(FieldLoop(field * OE, resistance), "telegraph")


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "Loop 1.csv", "Field(Oe),Resistance(Ohm)", *cycle())
    card = tmp_path / "card.json"
    assert run(["fit", str(path), "-o", str(card), "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["card"] == "loop_1" and content["model"] == "mtj"
    assert card.is_file() and card.with_suffix(".png").stat().st_size > 10_000
    assert run(["fit", str(path), "-o", str(card), "--no-plot", "--sweep-rate", "100Oe/s"]) == 0
    assert "coercive field" in capsys.readouterr().out


def test_command_used_wrongly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    field, resistance = cycle()
    path = write(tmp_path / "a.csv", "Field(Oe),Resistance(Ohm)", field, resistance)
    other = write(tmp_path / "b.csv", "Current(mA),Resistance(Ohm)", field / 100, resistance)
    for arguments, message in (
        ([path, other], "fitted apart"),
        ([path, "--sweep-rate", "100"], "no speed of a field"),
        ([other, "--sweep-rate", "100Oe/s"], "no loop against field"),
        ([path, "--pulse-width", "1m"], "has none"),
        ([path, "--columns", "field=1,resistanc=2"], "did you mean 'resistance'"),
    ):
        assert run(["fit", *map(str, arguments), "-o", str(tmp_path / "c.json")]) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "c.json").exists()
