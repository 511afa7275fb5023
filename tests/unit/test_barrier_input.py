"""Bad input to the fit of memristive barriers: one clear line, nothing written; and what the command writes."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from compact.barrierloop import simulate_sweep
from compact.cli import run
from compact.errors import DataError
from compact.parameters import ParameterSet
from compact.voltageloop import VoltageLoop, read_voltage_loop

N = 161
TIME = np.linspace(0, 2, N)
VOLTS = np.interp(TIME % 1, [0, 0.25, 0.75, 1], [0, 1, -1, 0])
VALUES = {
    "r_p": 1e3, "tmr": 1.0, "v_h": 0.6, "rs": 0.1, "v_set": 0.6, "v_reset": -0.5, "tau_b": 0.01, "ic_p2ap": 5e-4,
    "ic_ap2p": 3e-4, "barrier": 0.3,
}  # fmt: skip


def rows(*columns: np.ndarray) -> str:
    return "".join(",".join(repr(float(x)) for x in row) + "\n" for row in zip(*columns, strict=True))


def good() -> str:
    """A synthetic loop with both hystereses, as a file."""
    swept = simulate_sweep(ParameterSet("mgo_memristive", "truth", VALUES), TIME, VOLTS)
    amps = swept.current + 2e-6 * np.random.default_rng(0).normal(size=N)
    return "time (s),voltage (mV),current (uA)\n" + rows(TIME, 1e3 * VOLTS, 1e6 * amps)


AMPS = VOLTS / 1e3
HEAD = "time (s),voltage (V),current (A)\n"
BACK = np.where(np.arange(N) == 40, 0.1, TIME)
BAD = {
    "empty": ("", "empty"),
    "header alone": (HEAD, "no data|no rows|empty"),
    "no voltage": ("time (s),current (A)\n" + rows(TIME, AMPS), "no loop without voltage"),
    "no response": ("time (s),voltage (V)\n" + rows(TIME, VOLTS), "no loop without current or resistance"),
    "no time": ("voltage (V),current (A)\n" + rows(VOLTS, AMPS), "needs its times"),
    "opposite signs": (HEAD + rows(TIME, VOLTS, -AMPS), "opposite signs"),
    "few points": (HEAD + rows(TIME[:20], VOLTS[:20], AMPS[:20]), "20 points of a loop are too few; 30 are needed"),
    "time back": (HEAD + rows(BACK, VOLTS, AMPS), "time goes back after row 40"),
    "not finite": (HEAD + rows(TIME, VOLTS, np.where(TIME > 1.99, np.nan, AMPS)), "not finite"),
    "no number": (HEAD + rows(TIME, VOLTS, AMPS) + "2.1,0.1,broken\n", "not a number"),
    "constant voltage": (HEAD + rows(TIME, 0 * VOLTS + 0.1, AMPS + 1), "the voltage is 0.1 V throughout"),
    "constant current": (HEAD + rows(TIME, VOLTS, 0 * AMPS), "the current is 0 A throughout"),
    "negative resistance": (
        "time (s),voltage (V),R (Ohm)\n" + rows(TIME, VOLTS, np.where(TIME > 1.5, -5.0, 1e3 + TIME)),
        "must be positive",
    ),
    "wrong unit": ("time (s),voltage (V),current (T)\n" + rows(TIME, VOLTS, AMPS), "current|unit"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_tables(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text, message = BAD[what]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_voltage_loop(tmp_path / "bad.csv")
    assert run(["fit-barrier", "bad.csv", "--out", "card.json"]) == 1
    error = capsys.readouterr().err
    assert "bad.csv" in error and "Traceback" not in error and len(error.strip().splitlines()) == 1
    assert [f.name for f in tmp_path.iterdir()] == ["bad.csv"]


OTHER = {"format": "spinbricks-card/1", "model": "mgo_memristiv", "name": "x", "values": {}}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["lopp.csv"], 2, "no such file"),
        ([".", "--name", "x"], 2, "is a folder"),
        (["loop.csv", "--card", "other.json"], 1, "did you mean 'mgo_memristive'"),
        (["loop.csv", "--card", "ikeda_2010"], 1, "mgo_memristive"),
        (["loop.csv", "--set", "v_sett=0.5"], 2, "did you mean 'v_set'"),
        (["loop.csv", "--set", "v_set=5k V"], 2, "v_set"),
        (["loop.csv", "--set", "tau_b=1 V"], 2, "tau_b"),
        (["loop.csv", "--set", "v_set=-0.5"], 2, "must be of opposite signs"),
        (["loop.csv", "--temperature", "5 V"], 2, "--temperature"),
        (["loop.csv", "--temperature=-20"], 2, "--temperature -20: must be above 0 K"),
        (["loop.csv", "--period", "1 V"], 2, "--period"),
        (["loop.csv", "--period", "1", "--period", "2"], 2, "--period is given 2 times"),
        (["loop.csv", "--columns", "volt=2"], 1, "did you mean 'voltage'"),
        (["loop.csv", "--columns", "voltage=2[T],current=3,time=1"], 1, "no unit of voltage"),
        (["loop.csv", "--columns", "voltage=2,current=9,time=1"], 1, "there is no column 9"),
        (["loop.csv", "loop.csv"], 1, "given twice"),
        (["loop.csv", "--out", "folder"], 2, "a card is a .json file"),
        (["loop.csv", "--out", "folder.json"], 1, "cannot write"),
        (["loop.csv", "--plot", "a.bmp"], 2, "plot format"),
        (["loop.csv", "--name", "Bad Name"], 2, "card name"),
    ],
)
def test_commands_say_what_is_wrong(
    arguments: list[str], code: int, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop.csv").write_text(good())
    (tmp_path / "other.json").write_text(json.dumps(OTHER))
    (tmp_path / "folder.json").mkdir()
    before = {f.name for f in tmp_path.iterdir()}
    assert run(["fit-barrier", *arguments]) == code
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error
    assert error.count("error:") == 1 and len(error.strip().splitlines()) == 1
    assert {f.name for f in tmp_path.iterdir()} == before and not list((tmp_path / "folder.json").iterdir())


def test_columns_of_a_table() -> None:
    with pytest.raises(DataError, match="columns differ in length"):
        VoltageLoop(TIME, VOLTS, AMPS[:-1])
    with pytest.raises(DataError, match="neither current nor resistance"):
        VoltageLoop(TIME, VOLTS, AMPS, "power")


def test_a_loop_by_its_period(tmp_path: Path) -> None:
    path = tmp_path / "loop.csv"
    path.write_text("R (kOhm),bias (mV)\n" + rows(1 + 0.1 * TIME, 1e3 * VOLTS))
    loop = read_voltage_loop(path, period=2.0)
    assert loop.quantity == "resistance" and loop.volts == pytest.approx(VOLTS)
    assert loop.time == pytest.approx(np.arange(N) * 2.0 / N)
    assert loop.amps == pytest.approx(VOLTS / (1e3 + 100 * TIME))
    with pytest.raises(DataError, match="period = -1 s must be positive"):
        read_voltage_loop(path, period=-1.0)


def test_command_writes_card_and_plot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop.csv").write_text(good())
    assert run(["fit-barrier", "loop.csv", "--json", "--compare", "--name", "device"]) == 0
    told = json.loads(capsys.readouterr().out)
    card = ParameterSet.load(tmp_path / "device.json")
    assert told["card"] == card.name == "device" and told["stderr"] == card.stderr
    assert told["supported"] == "mgo_memristive" and told["clear"] is True
    assert told["rms"]["loop.csv"] < 0.01 and {m["model"] for m in told["models"]} >= {"mtj", "mgo_memristive"}
    assert card.values["rs"] == pytest.approx(0.1, abs=4 * card.stderr["rs"])
    assert card.provenance.sha256 and card.provenance.quality["turns"] == 3
    assert {f.name for f in tmp_path.iterdir()} == {"loop.csv", "device.json", "device.png"}
    assert (tmp_path / "device.png").stat().st_size > 3e4


@pytest.mark.parametrize(
    "where", ["compact.barrierfit.guesses", "compact.barrierfit.solve", "matplotlib.figure.Figure.savefig"]
)
def test_interrupted_fits_leave_nothing_half_written(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*given: object, **named: object) -> None:
        for target in given:
            if isinstance(target, Path):
                target.write_text("half a picture")
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(where, interrupted)
    (tmp_path / "loop.csv").write_text(good())
    assert run(["fit-barrier", "loop.csv", "--name", "device"]) == 130
    error = capsys.readouterr().err
    assert "interrupted" in error and "Traceback" not in error
    left = {f.name for f in tmp_path.iterdir()} - {"loop.csv"}
    # A card is written whole before its plot; of the plot there is nothing.
    assert left == ({"device.json"} if "savefig" in where else set())
    if left:
        ParameterSet.load(tmp_path / "device.json")
