"""Commands for corners, Monte Carlo analyses and rare failures."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from compact.cli import run

pytestmark = pytest.mark.usefixtures("ngspice")
COMMON = ["pcsa", "--card", "ikeda_2010", "--simulator", "ngspice"]


def called(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, dict]:
    code = run([str(a) for a in (*arguments, "--json")])
    return code, json.loads(capsys.readouterr().out)


def test_monte_carlo_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "s.jsonl"
    common = ["montecarlo", *COMMON, "-o", out, "--stride", 8, "-j", 1, "--limit", "delay_0=:90p"]
    probes = ["--probe", "a=qb0-q0@sense+40p", "--probe", "b=qb1-q1@sense+40p", "--margin", "a,b"]
    code, content = called(capsys, *common, *probes, "-n", 4)
    assert code == 0 and content["samples"] == 4 and content["failures"] == []
    assert content["margin"]["window"] > 0 and set(content["measures"]) >= {"delay_0", "a", "b"}
    assert {Path(f).name for f in content["files"]} == {"s.jsonl", "s.png", "s_margin.png"}
    code, again = called(capsys, *common, *probes, "-n", 4)
    assert code == 1 and "--resume" in again["error"]["message"]
    code, more = called(capsys, *common, *probes, "-n", 6, "--resume")
    assert code == 0 and more["samples"] == 6 and more["yield"]["trials"] == 6
    assert run(["montecarlo", *COMMON, "-o", str(tmp_path / "t.jsonl"), "-n", "2", "-j", "1", "--no-plot"]) == 0
    text = capsys.readouterr().out
    assert "yield 100" in text and "delay_0" in text


def test_corners_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "corners.csv"
    few = ["--cmos", "tt,ss", "--mtj", "tt", "--temperatures", "-40,27", "--supplies", "1", "-j", 1, "--stride", 8]
    code, content = called(capsys, "corners", *COMMON, *few, "-o", out)
    assert code == 0 and len(content["corners"]) == 4
    with out.open() as stream:
        rows = list(csv.DictReader(stream))
    assert [float(r["delay_0"]) for r in rows] == [c["measures"]["delay_0"] for c in content["corners"]]
    assert out.with_suffix(".png").is_file()
    assert run([str(a) for a in ("corners", *COMMON, *few)]) == 0
    assert capsys.readouterr().out.count("*") >= 3
    code, content = called(capsys, "corners", *COMMON, *few, "--limit", "delay_0=:1p")
    assert code == 1 and not content["ok"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--measure", "dealy_0"], "unknown measure of circuit 'pcsa' 'dealy_0'; did you mean 'delay_0'"),
        (["--margin", "delay_0"], "two measures are expected"),
        (["--margin", "delay_0,b"], "unknown measure of circuit 'pcsa' 'b'"),
        (["--local", "ra"], "NAME=SIGMA is expected"),
        (["--local", "ra=5V"], "--local ra"),
        (["--mismatch=-1"], "mismatch = -1 must be a number >= 0"),
        (["--process-vth=-15m"], "process_vth = -0.015 must be a number >= 0"),
        (["--limit", "delay_0=3"], "NAME=LOW:HIGH is expected"),
        (["--limit", "delay_0=3:2"], "limits of 'delay_0': 3 is above 2"),
        (["--probe", "x"], "NAME=SIGNAL-SIGNAL@EVENT"),
        (["--set", "vddd=1"], "unknown setting of circuit 'pcsa' 'vddd'"),
        (["--seed=-3"], "seed = -3"),
        (["--samples", "0"], "--samples 0 must be at least 1"),
        (["--shared", "ra=-0.05"], "--shared 'ra=-0.05': a spread must be a number >= 0"),
    ],
)
def test_wrong_use_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str):
    out = tmp_path / "s.jsonl"
    code, content = called(capsys, "montecarlo", *COMMON, "-o", out, "-n", 2, *arguments)
    assert code == 2 and message in content["error"]["message"]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--fit"], "has no standard errors"),
        (["--dask", "tcp://127.0.0.1:9"], "no Dask scheduler answers at 'tcp://127.0.0.1:9'"),
    ],
)
def test_what_cannot_be_run_is_named(tmp_path: Path, capsys, monkeypatch, arguments: list[str], message: str):
    monkeypatch.setattr("compact.farm.each.__kwdefaults__", {"jobs": None, "dask": None, "connect_limit": 1.0})
    code, content = called(capsys, "montecarlo", *COMMON, "-o", tmp_path / "s.jsonl", "-n", 2, *arguments)
    assert code == 1 and message in content["error"]["message"]


def test_corners_that_cannot_be(capsys: pytest.CaptureFixture[str]):
    for arguments, message in (
        (["--cmos", "tx"], "unknown corner of technology 'generic' 'tx'"),
        (["--mtj", "fs"], "unknown corner of junctions 'fs'"),
        (["--temperatures", "hot"], "--temperatures"),
        (["--supplies", "0"], "supply 0 must be a share"),
    ):
        code, content = called(capsys, "corners", *COMMON, *arguments)
        assert code == 2 and message in content["error"]["message"], arguments


def test_rare_failures_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    only_ra = ["--mismatch", 0, "--process-vth", 0, "--local", "ra=0.05"]
    only_ra += [word for name in ("ra", "tmr", "diameter", "delta") for word in ("--shared", f"{name}=0")]
    only_ra += [word for name in ("tmr", "diameter", "delta") for word in ("--local", f"{name}=0")]
    out = tmp_path / "rare.jsonl"
    asked = [*COMMON, "--measure", "delay_0", "--limit", "delay_0=:85p", "-n", 100, "--search", 50, "-j", 1,
             "--stride", 16, *only_ra, "-o", out]  # fmt: skip
    code, content = called(capsys, "rare", *asked)
    assert code == 0 and 0 < content["interval"][0] < content["probability"] < content["interval"][1] < 0.2
    assert content["evaluations"] > 200 and content["not_simulated"] == 0
    assert called(capsys, "rare", *asked, "--resume") == (0, content)
    code, content = called(capsys, "rare", *COMMON, "--measure", "delay_0", "--limit", "delay_0=:1p")
    assert code == 1 and "is not rare" in content["error"]["message"]
