"""Bad input of the parts about chance: one clear line each, on the command line too."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from compact import cli
from compact.dwelldata import Dwells, DwellTable, dwell_times, read_dwells, read_trace
from compact.dwellfit import fit_dwells
from compact.errors import DataError, ParameterError
from compact.parameters import ParameterSet
from compact.probability import SwitchingTable, fit_probability, read_probability

P, V, T = np.linspace(0.02, 0.98, 9), np.linspace(0.3, 0.7, 9), 5e-9


def write(folder: Path, text: str) -> Path:
    path = folder / "table.csv"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(probability=P * 1.1), r"probability 1\.\d+ is outside 0 \.\.\. 1 \(point 9\)"),
        (dict(probability=P * 100), "per cent"),
        (dict(probability=P - 0.1), "outside 0"),
        (dict(probability=np.where(P > 0.9, np.nan, P)), "not finite"),
        (dict(pulse_width=-1e-9), "not positive"),
        (dict(pulse_width=0.0), "not positive"),
        (dict(pulse_width=1e9), "not plausible"),
        (dict(count=0.0), "less than one pulse"),
        (dict(voltage=V[:4]), "voltage has 4 values, probability has 9"),
        (dict(voltage=None), "either voltages or currents"),
        (dict(current=V), "either voltages or currents"),
        (dict(voltage=V - V[0]), "voltage is zero"),
        (dict(free_level=True), "only a table of one voltage"),
    ],
)
def test_tables_that_cannot_be(changes: dict, message: str) -> None:
    good = dict(probability=P, pulse_width=T, voltage=V, count=100.0)
    with pytest.raises(DataError, match=message) as error:
        SwitchingTable(**(good | changes))
    assert "\n" not in str(error.value)


def test_fits_that_cannot_be() -> None:
    table = SwitchingTable(P, T, voltage=V)
    with pytest.raises(DataError, match="needs the number of pulses"):
        fit_probability(table)
    with pytest.raises(DataError, match="too few"):
        fit_probability(SwitchingTable(P[:3], T, voltage=V[:3], count=50))
    with pytest.raises(DataError, match=r"between 0\.02 and 0\.98"):
        fit_probability(SwitchingTable(np.zeros(9), T, voltage=V, count=50))
    with pytest.raises(DataError, match="no table"):
        fit_probability([])
    with pytest.raises(DataError, match="beside a table"):
        fit_probability(SwitchingTable(P, T * np.arange(1, 10), voltage=0.5, count=50, free_level=True))
    with pytest.raises(ParameterError, match="cannot be fitted"):
        fit_probability(table, vary=("r_p",))
    with pytest.raises(ParameterError, match="method"):
        fit_probability(table, method="guess")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="not the axial macrospin"):
        fit_probability(SwitchingTable(P, T, voltage=V, count=50), card=ParameterSet("telegraph", "x"))
    assert fit_probability(table, method="least_squares").rms[0] < 0.2


def test_headers_say_what_columns_are(tmp_path: Path) -> None:
    rows = "\n".join(f"{v * 1e3:g},{T * 1e9:g},{p * 100:g},500" for v, p in zip(V, P, strict=True))
    table = read_probability(write(tmp_path, f"V (mV),t_p (ns),P_sw (%),n\n{rows}\n"))
    assert table.voltage == pytest.approx(V)
    assert table.pulse_width == pytest.approx(np.full(9, T))
    assert table.probability == pytest.approx(P)
    assert table.count == pytest.approx(np.full(9, 500.0))
    down = read_probability(write(tmp_path, f"V (mV),t_p (ns),P_sw (%),n\n{rows}\n"), direction="p2ap")
    assert down.voltage == pytest.approx(-V)


@pytest.mark.parametrize(
    ("text", "columns", "message"),
    [
        ("1,0.5\n2,0.6\n", None, "cannot tell which column is the probability"),
        ("V,P\n1,0.5\n2,0.6\n", None, "no column of pulse widths"),
        ("V,t_p,P,n\n1,1e-9,1.5,10\n2,1e-9,0.6,10\n", None, r"outside 0 \.\.\. 1 \(line 2\)"),
        ("V,t_p,P,n\n1,1e-9,0.5,10\n2,1e-9,x,10\n", None, "line 3, column 'P': 'x' is not a number"),
        ("V,t_p,P,n\n1,1e-9,0.5,10\n2,1e-9,0.6,10\n", "volts=1", "unknown role 'volts'; did you mean 'voltage'"),
        ("V,t_p,P,n\n1,1e-9,0.5,10\n2,1e-9,0.6,10\n", "voltage=9,probability=3", "no column 9"),
        ("V,t_p,P,n\n1,1e-9,0.5,10\n2,1e-9,0.6,10\n", "voltage=1[A],probability=3", "no unit of voltage"),
        ("V,t_p,P,n\n1,1e-9,0.5,10\n2,1e-9,0.6,10\n", "voltage=1,probability=1", "one column for two roles"),
        ("V,t_p,P,n\n1,1e-9,0.5,10\n2,1e-9,0.6,10\n", "voltage", "is not 'role=column'"),
    ],
)
def test_files_that_cannot_be(tmp_path: Path, text: str, columns: str | None, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_probability(write(tmp_path, text), columns)


def test_dwell_input(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="time goes back at sample 4"):
        dwell_times([0, 1, 2, 1.5, *range(3, 30)], np.arange(31) % 2)
    with pytest.raises(DataError, match="not evenly spaced"):
        dwell_times(np.geomspace(1, 2, 30), np.arange(30) % 2)
    with pytest.raises(DataError, match="constant"):
        dwell_times(np.arange(30), np.ones(30))
    with pytest.raises(DataError, match="20 samples"):
        dwell_times([0, 1], [0, 1])
    with pytest.raises(DataError, match="too few for a mean"):
        Dwells(np.ones(2), np.ones(9), (0.0, 1.0), 1.0).mean(False)
    with pytest.raises(DataError, match="not possible"):
        DwellTable(np.array([1.0, -1.0]), np.ones(2), voltage=np.array([0.0, 0.1]))
    with pytest.raises(DataError, match="too few"):
        fit_dwells(DwellTable(np.ones(2), np.ones(2), voltage=np.array([0.0, 0.1])))
    path = write(tmp_path, "V,tau_p (us),tau_ap (us)\n0,1,2\n0.1,2,1\n")
    with pytest.raises(DataError, match="number of dwells"):
        read_dwells(path)
    assert read_dwells(path, count=100).dwell_ap == pytest.approx([2e-6, 1e-6])
    trace = "\n".join(f"{k}e-6,{5 + 4 * (k // 7 % 2)}" for k in range(200))
    assert read_trace(write(tmp_path, f"t (s),R (kOhm)\n{trace}\n")).levels == pytest.approx((5e3, 9e3))


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = cli.run(list(arguments))
    text = capsys.readouterr()
    return code, text.out, text.err


def test_wer_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = run(capsys, "wer", "garcia_redondo_2021", "--current", "40u", "--pulse", "13.95n,21.83n", "--json")
    content = json.loads(out)
    assert code == 0 and content["error"][0] == pytest.approx([1e-2, 1e-4], rel=0.06)
    assert content["pulse_for"][0]["pulse"][0] == pytest.approx(17.93e-9, rel=0.01)
    code, out, _ = run(capsys, "wer", "garcia_redondo_2021", "--current", "40u", "--pulse", "6.82n")
    assert code == 0 and "5.0" in out and "AP->P" in out and "years" in out
    plot = tmp_path / "map.png"
    arguments = ("--voltage", "0.3:0.8:8", "--pulse", "2n:60n:8log", "--map", "--plot", str(plot))
    code, out, _ = run(capsys, "wer", "garcia_redondo_2021", *arguments)
    assert code == 0 and plot.stat().st_size > 10_000 and list(tmp_path.iterdir()) == [plot]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--pulse", "1n"), "either --voltage or --current"),
        (("--voltage", "0.5", "--current", "1u", "--pulse", "1n"), "either --voltage or --current"),
        (("--voltage", "0.5", "--pulse=-1n"), "negative"),
        (("--voltage", "0.5", "--pulse", "1V"), "s is expected"),
        (("--voltage", "0.1:0.5", "--pulse", "1n"), "from:to:count"),
        (("--voltage", "0:0.5:4log", "--pulse", "1n"), "not zero"),
        (("--voltage", "0.5", "--pulse", "1n", "--map"), "three values"),
        (("--voltage", "0.5", "--pulse", "1n", "--error", "2"), "between 0 and 1"),
        (("--voltage", "0.5", "--pulse", "1n", "--start", "up"), "unknown state 'up'"),
        (("--voltage", "0.5", "--pulse", "1n", "--temperature", "1500"), "no energy barrier"),
        (("--voltage", "0.5", "--pulse", "1n", "--plot", "a.xyz"), "plot format"),
    ],
)
def test_wrong_use_of_wer(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str) -> None:
    code, out, err = run(capsys, "wer", "garcia_redondo_2021", *arguments)
    assert code == 2 and message in err and err.count("\n") == 1 and not out


def test_fit_switching_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    p = 1 / (1 + np.exp(-(V - 0.5) / 0.03))
    path = write(tmp_path, "V (V),P\n" + "\n".join(f"{v},{x:.4f}" for v, x in zip(V, p, strict=True)) + "\n")
    card = tmp_path / "card.json"
    given = ("--pulse-width", "5n", "--count", "500", "--hold", "tau_d", "--out", str(card), "--json")
    code, out, err = run(capsys, "fit-switching", str(path), *given)
    content = json.loads(out)
    assert code == 0, err
    assert content["stderr"].keys() >= {"delta", "ic_ap2p"} and "tau_d" in content["undetermined"]
    assert math.isfinite(content["rms"][0]) and ParameterSet.load(card).values["delta"] == content["values"]["delta"]
    assert card.with_suffix(".png").exists()
    code, out, err = run(capsys, "fit-switching", str(path), "--pulse-width", "5n")
    assert code == 1 and "number of pulses" in err and err.count("\n") == 1
    code, out, err = run(capsys, "fit-switching", str(path), "--hold", "deltta")
    assert code == 2 and "did you mean 'delta'" in err
    code, out, err = run(capsys, "fit-switching", str(tmp_path / "none.csv"))
    assert code == 2 and "no such file" in err


def test_fit_dwell_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    bias = np.linspace(-0.2, 0.2, 9)
    rows = (f"{v},{1e-6 * math.exp(20 * v)},{1e-6 * math.exp(-20 * v)}" for v in bias)
    path = write(tmp_path, "V (V),tau_p (s),tau_ap (s)\n" + "\n".join(rows) + "\n")
    card = tmp_path / "card.json"
    code, out, err = run(capsys, "fit-dwell", str(path), "--count", "1000", "--out", str(card))
    assert code == 0, err
    assert "vc_p2ap" in out and ParameterSet.load(card).model == "telegraph"
    code, out, err = run(capsys, "fit-dwell", str(path), "--model", "mtjj", "--count", "10")
    assert code == 2 and "mtj" in err
