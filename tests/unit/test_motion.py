"""The commands `regimes` and `ensemble`, and what they are made of."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from compact import cli
from compact.bench import LIGHT, Bench
from compact.cards import load_card
from compact.constants import MU_0
from compact.ensemble import device_of, pulse_ensemble
from compact.errors import ParameterError
from compact.motion import field
from compact.parameters import ParameterSet
from compact.regimes import Regimes, run_regimes
from compact.simulators import Simulator, get_simulator
from compact.writing import write_errors

QUICK = dataclasses.replace(LIGHT, dwells=8, turns=40, tuning=(0.4, 1.0, 1.3))
PULSE = ["ensemble", "garcia_redondo_2021", "--current", "-40u", "--pulse", "7n", "--count", "400"]


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict]:
    code = cli.run([*arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


# -- ensemble ------------------------------------------------------------------------------------------


def test_ensemble_as_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, content = answer(capsys, *PULSE, "--settle", "1n", "--out", str(tmp_path / "out"))
    assert code == 0 and content["ok"] and content["command"] == "ensemble"
    expected = float(write_errors(load_card("garcia_redondo_2021"), 7e-9, current=-40e-6).switched[0, 0])
    assert content["fokker_planck"] == pytest.approx(expected, rel=2e-3)
    assert content["switched"] == pytest.approx(expected, abs=4 * content["stderr"])
    assert content["write_error"] == pytest.approx(1 - content["switched"])
    assert content["interval"][0] < content["switched"] < content["interval"][1]
    assert 4e-9 < content["median_time"] < 8e-9
    assert content["start"] == "P" and content["count"] == 400
    files = [Path(f) for f in content["files"]]
    assert sorted(f.suffix for f in files) == [".csv", ".csv", ".json", ".png"]
    assert {p.name for p in (tmp_path / "out").iterdir()} == {f.name for f in files}
    means = np.genfromtxt(files[0], delimiter=",", names=True)
    assert means["times"][0] == 0 and means["remaining"][0] == 1


def test_ensemble_depends_on_its_seed_alone() -> None:
    card = load_card("garcia_redondo_2021")
    one, same, other = (pulse_ensemble(card, 5e-9, current=-40e-6, count=100, seed=s) for s in (3, 3, 4))
    assert np.array_equal(one.times, same.times)
    assert not np.array_equal(one.times, other.times)


def test_ensemble_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([*PULSE, "--field", "0,5mT,0"]) == 0
    text = capsys.readouterr().out
    assert re.search(r"switched +0\.\d+ ± 0\.\d+", text)
    assert "Fokker-Planck" not in text  # a transverse field: no longer axial
    assert "assumed: damping 0.008" in text


def test_no_bias_for_the_state_it_is_driven_from(capsys: pytest.CaptureFixture[str]) -> None:
    _, up = answer(capsys, *PULSE[:2], "--voltage", "0.6", "--pulse", "5n", "--count", "50")
    _, down = answer(capsys, *PULSE[:2], "--voltage=-0.6", "--pulse", "5n", "--count", "50", "--start", "ap")
    assert (up["start"], down["start"]) == ("AP", "AP")
    assert up["switched"] > 0.9 and down["switched"] < 0.1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--pulse", "5n"], "either --voltage or --current"),
        (["--pulse", "5n", "--voltage", "1", "--current", "1u"], "either --voltage or --current"),
        (["--pulse", "5n", "--voltage", "0"], "does nothing"),
        (["--pulse", "-5n", "--voltage", "1"], "'pulse' = -5e-09 s must be positive"),
        (["--pulse", "5V", "--voltage", "1"], "--pulse"),
        (["--pulse", "5n", "--voltage", "1", "--count", "0"], "--count 0"),
        (["--pulse", "5n", "--voltage", "1", "--start", "q"], "unknown state 'q'"),
        (["--pulse", "5n", "--voltage", "1", "--field", "5mT"], "three components"),
        (["--pulse", "5n", "--voltage", "1", "--field", "0,5mV,0"], "'5mV' is no field"),
        (["--pulse", "5n", "--voltage", "1", "--alpha", "1.5"], "alpha"),
        (["--pulse", "5n", "--voltage", "1", "--edge", "9n"], "edge"),
    ],
)
def test_wrong_use_of_ensemble(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["ensemble", "garcia_redondo_2021", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_field() -> None:
    assert field("0,20mT,-100") == pytest.approx((0, 0.02 / MU_0, -100))
    assert field("1Oe,0,2kA/m") == pytest.approx((79.577, 0, 2000), rel=1e-4)


def test_interrupted_ensemble_leaves_nothing(tmp_path: Path) -> None:
    command = [*PULSE[:4], "--pulse", "70n", "--count", "200000", "--out", str(tmp_path / "out")]
    process = subprocess.Popen(
        [sys.executable, "-m", "compact.cli", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(cli.__file__).parents[1])},
    )
    time.sleep(8.0)
    assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert not out and err == "error: interrupted\n"
    assert not (tmp_path / "out").exists()


def test_damping_that_a_card_leaves_open() -> None:
    card = load_card("garcia_redondo_2021")
    device, notes = device_of(card)
    assert device.polarisation == pytest.approx(0.6) and device.delta == pytest.approx(card.values["delta"])
    assert "damping" in notes[0]
    published, _ = device_of(card, 0.01)
    assert published.polarisation == pytest.approx(0.75, rel=0.01)
    assert device_of(load_card("kim_2015_in_plane"))[1] == ()


# -- regimes -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shown(vacask: Simulator) -> Regimes:
    return run_regimes(load_card("kim_2015_in_plane"), vacask.name, effort=QUICK)


def test_one_card_shows_three_regimes(shown: Regimes) -> None:
    assert [r.reason for r in shown.all] == ["", "", ""]
    to_ap = shown.loop.figure("switching voltage P→AP")
    to_p = shown.loop.figure("switching voltage AP→P")
    assert to_ap.value < 0 < to_p.value
    for figure in (to_ap, to_p):
        assert figure.value == pytest.approx(figure.reference, rel=0.25)  # of a single sweep
    for name in ("P", "AP"):
        dwell = shown.telegraph.figure(f"mean dwell {name}")
        assert dwell.reference / 4 < dwell.value < 4 * dwell.reference  # of a few dwells
    frequency = shown.precession.figure("frequency")
    assert frequency.value == pytest.approx(frequency.reference, rel=5e-3)
    assert shown.precession.place is not None
    assert shown.precession.place.field[0] * shown.precession.place.voltage < 0  # they oppose each other


def test_regimes_are_written(shown: Regimes, tmp_path: Path) -> None:
    files = shown.save(tmp_path / "out")
    assert sorted(f.name for f in files) == sorted(f.name for f in (tmp_path / "out").iterdir())
    assert {f.suffix for f in files} == {".json", ".csv", ".png"}
    content = json.loads(files[0].read_text())
    assert set(content["regimes"]) == {"loop", "telegraph", "precession"}
    trace = np.genfromtxt(tmp_path / "out" / "kim_2015_in_plane_regimes_telegraph.csv", delimiter=",", skip_header=1)
    assert np.all(np.diff(trace[:, 0]) > 0) and trace[:, 1].min() > 1000


def test_regimes_that_a_junction_cannot_show(vacask: Simulator, tmp_path: Path) -> None:
    """Without a torque there is no loop and no precession, and the figure says so."""
    weak = load_card("kim_2015_in_plane").replace(polarisation=1e-3)
    result = run_regimes(weak, vacask.name, effort=QUICK)
    assert "too weak" in result.loop.reason
    assert "none found" in result.precession.reason
    assert sum(row[1] == "not shown" for row in result.rows()) >= 2
    assert result.save(tmp_path)[-1].stat().st_size > 10_000


def test_regimes_need_a_macrospin(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    ParameterSet("telegraph", "flicker").save(tmp_path / "flicker.json")
    assert cli.run(["regimes", str(tmp_path / "flicker.json")]) == 1
    assert "model of a macrospin 'telegraph'" in capsys.readouterr().err
    with pytest.raises(ParameterError, match="two terminals"):
        run_regimes(ParameterSet("mtj_sot", "line"), "reference")


@pytest.mark.parametrize("name", ["kim_2015_in_plane", "garcia_redondo_2021", "kim_2015_interface"])
def test_initial_directions_are_where_the_states_are(name: str) -> None:
    device, _ = device_of(load_card(name))
    bench = Bench(device, get_simulator("reference"), effort=LIGHT)
    for state in (1, -1):
        rest = device.rest(state)
        assert bench.reachable(rest)[1] == pytest.approx(rest, abs=1e-9)
