"""Bad input to the fits of gradual loops and pulse trains: one clear line, nothing left behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from compact.cli import run
from compact.data import Loop
from compact.errors import DataError, ParameterError
from compact.gradualfit import fit_gradual
from compact.leaveout import leave_one_out
from compact.parameters import ParameterSet
from compact.pulsed import PulsedJunction
from compact.trainfit import PulseTrain, fit_train, read_train

N = 24
UP = np.linspace(0.1, 1, N) * 1e-3
R = np.linspace(2000.0, 1000.0, N)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"resistance": R[:-1]}, "24.*pulses and .*23.*readings"),
        (
            {"resistance": np.where(np.arange(N) == 3, np.nan, R)},
            "resistance has 1 values not finite, the first at pulse 4",
        ),
        ({"resistance": -R}, "resistance -2000 Ohm at pulse 1 must be positive"),
        ({"pulse_width": 0.0}, "pulse_width 0 s at pulse 1 must be positive"),
        ({"drive": 0 * UP}, "all pulses are of zero height"),
        ({"resistance": 0 * R + 5.0}, "5 Ohm throughout"),
        ({"start": "up"}, "'up', not p or ap"),
        ({"drive": UP[:5], "resistance": R[:5]}, "5 pulses are too few"),
    ],
)
def test_trains_that_cannot_be(change: dict[str, object], message: str) -> None:
    given = {"drive": UP, "resistance": R, "pulse_width": 1e-6, **change}
    with pytest.raises(DataError, match=message):
        PulseTrain(**given)  # type: ignore[arg-type]


def test_fits_of_trains_that_cannot_be() -> None:
    good = PulseTrain(UP, R, np.array(1e-6))
    with pytest.raises(DataError, match="need pulses of both signs"):
        fit_train(good)
    with pytest.raises(DataError, match="no pulse train"):
        fit_train([])
    with pytest.raises(DataError, match="not long against the attempt time"):
        fit_train(PulseTrain(np.concatenate([UP, -UP]), np.concatenate([R, R[::-1]]), np.array(1e-9)))
    with pytest.raises(DataError, match="current pulses and of voltage pulses"):
        fit_train([good, PulseTrain(UP, R, np.array(1e-6), by_voltage=True)])
    with pytest.raises(ParameterError, match="delta"):
        fit_train(good, known={"delta": -3.0})
    with pytest.raises(ParameterError, match="did you mean 'delta'"):
        fit_train(good, known={"dleta": 40.0})


def test_loops_that_cannot_be_fitted() -> None:
    half = np.linspace(0, 1e-3, 20)
    sweep = np.concatenate((half, half[::-1], -half, -half[::-1]))
    flat = Loop(current=sweep, resistance=1000 + np.arange(80) * 1e-3, pulse_width=1e-3)
    with pytest.raises(DataError, match=r"only one branch|no hysteresis"):
        fit_gradual(flat)
    with pytest.raises(DataError, match="no loop was given"):
        fit_gradual([])
    with pytest.raises(DataError, match="1 loop needs one positive pulse width each, not 0"):
        fit_gradual(flat, pulse_widths=[1e-3, 1e-3])


def test_cards_that_reach_zero_current_are_refused() -> None:
    with pytest.raises(ParameterError, match=r"width_ap2p = 0.9 with skew_ap2p = 0.5: the easiest domains"):
        ParameterSet("multidomain", "wide", {"width_ap2p": 0.9, "skew_ap2p": 0.5})
    with pytest.raises(ParameterError, match="must be positive"):
        PulsedJunction({}, 0.0)


def table(folder: Path, text: str) -> Path:
    file = folder / "train.csv"
    file.write_text(text)
    return file


ROWS = "".join(f"{x:.6g},{r:.6g}\n" for x, r in zip(1e3 * UP, R, strict=True))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("I (mA),R (Ohm)\n" + ROWS, "no column of the pulse width; say it with --pulse-width"),
        ("I (mA),x\n" + ROWS, "no column of the resistance"),
        ("n,R (Ohm)\n" + ROWS, "neither a current nor a voltage column"),
    ],
)
def test_tables_that_lack_a_column(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read_train(table(tmp_path, text))


def test_tables_are_read(tmp_path: Path) -> None:
    file = table(tmp_path, "I (mA),R (Ohm)\n" + ROWS)
    train = read_train(file, pulse_width=2e-6, start="ap")
    assert train.drive == pytest.approx(UP, rel=1e-5)
    assert train.pulse_width == pytest.approx(np.full(N, 2e-6))
    assert not train.by_voltage and train.start == "ap"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["fit-train", "none.csv"], 2, "no such file"),
        (["fit-train", "train.csv"], 1, "no column of the pulse width"),
        (["fit-train", "train.csv", "--pulse-width=-1us"], 2, "--pulse-width -1us: must be above 0 s"),
        (["fit-gradual", "train.csv", "--pulse-width", "0"], 2, "--pulse-width 0: must be above 0 s"),
        (["fit-train", "train.csv", "--pulse-width", "1us", "--set", "dleta=4"], 2, "did you mean 'delta'"),
        (["fit-train", "train.csv", "--pulse-width", "1us", "--set", "delta"], 2, "NAME=VALUE"),
        (["fit-train", "train.csv", "--pulse-width", "1us", "--start", "up"], 2, "unknown state 'up'"),
        (["fit-train", "train.csv", "--pulse-width", "1us", "--plot", "x.bmp"], 2, "unknown plot format"),
        (["fit-train", "train.csv", "--pulse-width", "1us", "--out", "x.txt"], 2, "a card is a .json file"),
        (["fit-gradual", "train.csv"], 1, "only one branch"),
        (["fit-gradual", "train.csv", "--name", "Bad Name"], 2, "card name"),
    ],
)
def test_commands_say_what_is_wrong(
    arguments: list[str], code: int, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    table(tmp_path, "I (mA),R (Ohm)\n" + ROWS)
    assert run(arguments) == code
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error
    assert error.count("error:") == 1 and len(error.strip().splitlines()) == 1
    assert [f.name for f in tmp_path.iterdir()] == ["train.csv"]


def test_too_few_loops_to_leave_one_out() -> None:
    with pytest.raises(DataError, match="2 loops are too few to leave one out"):
        leave_one_out([Loop(current=UP, resistance=R, source="a"), Loop(current=UP, resistance=R + 1, source="b")])
