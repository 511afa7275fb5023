"""Wrong input and failing tools: one line, the right exit code, no traceback, nothing half-written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from compact import cli
from compact.cards import load_card
from compact.demo import EXAMPLE
from compact.simulators import Simulator

FAILED, WRONG, INTERRUPTED = 1, 2, 130


def refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, code: int, says: str, *arguments: str
) -> dict[str, str]:
    """Check that a command fails as it should, for people and for machines; its error as JSON."""
    before = sorted(tmp_path.rglob("*"))
    assert cli.run(list(arguments)) == code
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith("error: ") and err.count("\n") == 1
    assert says.lower() in err.lower()
    assert "Traceback" not in err
    assert cli.run([*arguments, "--json"]) == code
    content = json.loads(capsys.readouterr().out)
    assert content["ok"] is False
    assert sorted(tmp_path.rglob("*")) == before
    return dict(content["error"])


def loop(points: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """A plain loop: current [mA] and resistance [Ohm]."""
    way = np.linspace(-1, 1, points // 2)
    current = np.concatenate((way, way[::-1]))
    rising = np.arange(points) < points // 2
    high = np.where(rising, current < 0.5, current < -0.5)
    return current, np.where(high, 2000.0, 1000.0) + np.random.default_rng(1).normal(size=points)


def curve(path: Path, current: np.ndarray, resistance: np.ndarray, header: str = "I (mA),R (Ohm)") -> str:
    path.write_text(header + "\n" + "".join(f"{i},{r}\n" for i, r in zip(current, resistance, strict=True)))
    return str(path)


@pytest.fixture
def out(tmp_path: Path) -> str:
    """Where a card would go if there were one."""
    return str(tmp_path / "card.json")


class TestData:
    def test_a_good_one_passes(self, tmp_path: Path, out: str) -> None:
        assert cli.run(["fit", curve(tmp_path / "a.csv", *loop()), "-o", out, "--no-plot"]) == 0
        assert Path(out).is_file()

    def test_missing_file(self, capsys, tmp_path: Path, out: str) -> None:
        refused(capsys, tmp_path, WRONG, "no such file", "fit", str(tmp_path / "none.csv"), "-o", out)

    def test_folder(self, capsys, tmp_path: Path, out: str) -> None:
        refused(capsys, tmp_path, WRONG, "is a folder", "fit", str(tmp_path), "-o", out)

    def test_empty_file(self, capsys, tmp_path: Path, out: str) -> None:
        (tmp_path / "a.csv").touch()
        refused(capsys, tmp_path, FAILED, "a.csv", "fit", str(tmp_path / "a.csv"), "-o", out)

    def test_binary_file(self, capsys, tmp_path: Path, out: str) -> None:
        (tmp_path / "a.csv").write_bytes(bytes(range(256)) * 20)
        refused(capsys, tmp_path, FAILED, "a.csv", "fit", str(tmp_path / "a.csv"), "-o", out)

    def test_text_in_numbers(self, capsys, tmp_path: Path, out: str) -> None:
        path = curve(tmp_path / "a.csv", *loop())
        lines = Path(path).read_text().splitlines()
        lines[30] = "0.1,broken"
        Path(path).write_text("\n".join(lines))
        refused(capsys, tmp_path, FAILED, "broken", "fit", path, "-o", out)

    def test_nan(self, capsys, tmp_path: Path, out: str) -> None:
        current, resistance = loop()
        resistance[7] = np.nan
        refused(capsys, tmp_path, FAILED, "a.csv", "fit", curve(tmp_path / "a.csv", current, resistance), "-o", out)

    def test_one_branch(self, capsys, tmp_path: Path, out: str) -> None:
        current, resistance = (a[:50] for a in loop())
        path = curve(tmp_path / "a.csv", current, resistance)
        refused(capsys, tmp_path, FAILED, "branch", "fit", path, "-o", out)

    def test_constant(self, capsys, tmp_path: Path, out: str) -> None:
        current, resistance = loop()
        path = curve(tmp_path / "a.csv", current, np.full_like(resistance, 1000.0))
        refused(capsys, tmp_path, FAILED, "constant", "fit", path, "-o", out)

    def test_swapped_columns(self, capsys, tmp_path: Path, out: str) -> None:
        current, resistance = loop()
        path = curve(tmp_path / "a.csv", resistance, current)
        refused(capsys, tmp_path, FAILED, "swapped", "fit", path, "-o", out)

    def test_columns_that_are_not_there(self, capsys, tmp_path: Path, out: str) -> None:
        path = curve(tmp_path / "a.csv", *loop())
        columns = ("--columns", "current=I_set,resistance=2")
        refused(capsys, tmp_path, FAILED, "I_set", "fit", path, "-o", out, *columns)
        refused(capsys, tmp_path, WRONG, "--columns", "fit", path, "-o", out, "--columns", "currant=1")

    def test_plot_that_cannot_be(self, capsys, tmp_path: Path, out: str) -> None:
        path = curve(tmp_path / "a.csv", *loop())
        refused(capsys, tmp_path, WRONG, "plot format", "fit", path, "-o", out, "--plot", "a.doc")

    def test_number_that_is_none(self, capsys, tmp_path: Path, out: str) -> None:
        path = curve(tmp_path / "a.csv", *loop())
        refused(capsys, tmp_path, WRONG, "--tau-d", "fit", path, "-o", out, "--tau-d", "1 volt")

    def test_card_that_is_no_json_file(self, capsys, tmp_path: Path) -> None:
        path = curve(tmp_path / "a.csv", *loop())
        refused(capsys, tmp_path, WRONG, ".json", "fit", path, "-o", str(tmp_path / "card.png"))

    def test_card_that_cannot_be_written(self, capsys, tmp_path: Path) -> None:
        path = curve(tmp_path / "a.csv", *loop())
        refused(capsys, tmp_path, FAILED, "cannot write", "fit", path, "-o", "/proc/none/card.json")
        (tmp_path / "folder.json").mkdir()
        refused(capsys, tmp_path, FAILED, "cannot write", "fit", path, "-o", str(tmp_path / "folder.json"))


class TestNames:
    def test_model(self, capsys, tmp_path: Path, out: str) -> None:
        refused(capsys, tmp_path, WRONG, "did you mean 'mtj'", "fit", str(EXAMPLE), "-m", "mtk", "-o", out)

    def test_card(self, capsys, tmp_path: Path) -> None:
        refused(capsys, tmp_path, WRONG, "did you mean 'ikeda_2010'", "emit", "ikeda", "-o", str(tmp_path))
        refused(capsys, tmp_path, WRONG, "no such file", "emit", str(tmp_path / "a.json"), "-o", str(tmp_path))

    def test_target(self, capsys, tmp_path: Path) -> None:
        refused(capsys, tmp_path, WRONG, "verilog", "emit", "ikeda_2010", "-t", "verilog", "-o", str(tmp_path))

    def test_circuit(self, capsys, tmp_path: Path) -> None:
        refused(capsys, tmp_path, WRONG, "did you mean 'pcsa'", "simulate", "pcs", "-c", "ikeda_2010")

    def test_technology(self, capsys, tmp_path: Path) -> None:
        arguments = ("simulate", "pcsa", "-c", "ikeda_2010", "-t")
        refused(capsys, tmp_path, WRONG, "did you mean 'sky130'", *arguments, "sky13")
        refused(capsys, tmp_path, WRONG, "no such file", *arguments, str(tmp_path / "a.toml"))
        (tmp_path / "b.toml").write_text("not = [toml")
        refused(capsys, tmp_path, FAILED, "not a TOML file", *arguments, str(tmp_path / "b.toml"))

    def test_corner(self, capsys, tmp_path: Path) -> None:
        refused(capsys, tmp_path, WRONG, "corner", "simulate", "pcsa", "-c", "ikeda_2010", "--corner", "xx")

    def test_simulator(self, capsys, tmp_path: Path) -> None:
        refused(capsys, tmp_path, WRONG, "spectre", "simulate", "pcsa", "-c", "ikeda_2010", "-s", "spectre")

    def test_settings(self, capsys, tmp_path: Path) -> None:
        arguments = ("simulate", "pcsa", "-c", "ikeda_2010", "--set")
        refused(capsys, tmp_path, WRONG, "did you mean 'c_load'", *arguments, "cload=1f")
        refused(capsys, tmp_path, WRONG, "NAME=VALUE", *arguments, "c_load")
        refused(capsys, tmp_path, WRONG, "not a number", *arguments, "c_load=big")
        refused(capsys, tmp_path, WRONG, "outside its range", *arguments, "c_load=-1f")
        refused(capsys, tmp_path, WRONG, "is in V", *arguments, "t_sense=1V")

    def test_list(self, capsys, tmp_path: Path) -> None:
        refused(capsys, tmp_path, WRONG, "devices", "list", "devices")

    def test_command_and_option(self, capsys, tmp_path: Path) -> None:
        refused(capsys, tmp_path, WRONG, "plot", "plot")
        refused(capsys, tmp_path, WRONG, "--nothing", "doctor", "--nothing")
        refused(capsys, tmp_path, WRONG, "card", "corners", "pcsa")


def _evil(**changes: object) -> str:
    content = json.loads(load_card("ikeda_2010").to_json())
    for key, value in changes.items():
        if key in ("values", "provenance"):
            content[key].update(value)
        else:
            content[key] = value
    return json.dumps(content)


EVIL = {
    "newline in name": _evil(name="a\n.include /etc/passwd"),
    "dollar in name": _evil(name="a$b"),
    "quote in name": _evil(name='a"b'),
    "path as name": _evil(name="../../a"),
    "blank name": _evil(name=""),
    "text as value": _evil(values={"r_p": "1k\n.include x"}),
    "expression as value": _evil(values={"r_p": "{1+1}"}),
    "unknown parameter": _evil(values={"r_p\n.end": 1.0}),
    "infinite value": _evil(values={"r_p": 1e999}).replace("Infinity", "1e999"),
    "value out of range": _evil(values={"r_p": -5.0}),
    "newline in note": _evil(notes=["a\n.include x"]),
    "newline in source": _evil(provenance={"source": "a\n.control\nshell rm x\n.endc"}),
    "unknown model": _evil(model="mtj\n.end"),
    "unknown entry": _evil(include="x"),
    "list": "[1, 2]",
    "no JSON": "{",
    "nothing": "",
    "null": "null",
}


@pytest.mark.parametrize("case", EVIL)
def test_a_card_that_could_change_a_netlist_is_refused(case: str, capsys, tmp_path: Path) -> None:
    path = tmp_path / "evil.json"
    path.write_text(EVIL[case])
    refused(capsys, tmp_path, FAILED, "evil.json", "emit", str(path), "-o", str(tmp_path))
    refused(capsys, tmp_path, FAILED, "evil.json", "simulate", "pcsa", "-c", str(path), "-o", str(tmp_path / "o"))


def test_technology_with_text_that_could_change_a_netlist(capsys, tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_text("[devices.nmos]\nmodel = 'a\nb'\n")
    refused(capsys, tmp_path, FAILED, "t.toml", "simulate", "pcsa", "-c", "ikeda_2010", "-t", str(path))


def script(path: Path, body: str) -> str:
    """A stand-in for VACASK that says its version and then does something bad."""
    path.write_text(f'#!/bin/sh\ncase "$1" in --help) echo "This is vacask 0.1 .";; *) {body};; esac\n')
    path.chmod(0o755)
    return str(path)


class TestSimulators:
    arguments = ("simulate", "pcsa", "-c", "ikeda_2010", "-s")

    def test_missing(self, capsys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SPINBRICKS_VACASK", "/nonexistent")
        monkeypatch.setenv("NGSPICE_LIBRARY_PATH", "/nonexistent")
        refused(capsys, tmp_path, FAILED, "pip install 'spinbricks[vacask]'", *self.arguments, "vacask")
        refused(capsys, tmp_path, FAILED, "apt-get install ngspice", *self.arguments, "ngspice")
        refused(capsys, tmp_path, FAILED, "apt-get install ngspice", *self.arguments, "all")

    def test_crash(self, vacask: Simulator, capsys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SPINBRICKS_VACASK", script(tmp_path / "crash", "kill -SEGV $$"))
        error = refused(capsys, tmp_path, FAILED, "vacask", *self.arguments, "vacask")
        assert Path(error["deck"]).is_file() and Path(error["log"]).is_file()
        assert error["deck"] in error["message"]

    def test_time_limit(self, simulator: Simulator, capsys, tmp_path: Path) -> None:
        limit = ("--timeout", "1m")
        error = refused(capsys, tmp_path, FAILED, "did not finish", *self.arguments, simulator.name, *limit)
        assert Path(error["deck"]).is_file() and Path(error["log"]).is_file()

    def test_a_failed_run_leaves_nothing(self, ngspice: Simulator, capsys, tmp_path: Path) -> None:
        assert cli.run([*self.arguments, "ngspice", "--timeout", "1m", "-o", str(tmp_path / "o")]) == FAILED
        assert not (tmp_path / "o").exists()


def test_what_nobody_expected_is_one_line_too(capsys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*_: object, **__: object) -> None:
        raise ZeroDivisionError("of all\nthings")

    monkeypatch.setattr("compact.emit.write", break_down)
    arguments = ("emit", "ikeda_2010", "-o", str(tmp_path))
    refused(capsys, tmp_path, FAILED, "unexpected ZeroDivisionError: of all things", *arguments)
    assert cli.run([*arguments, "--debug"]) == FAILED
    assert "Traceback" in capsys.readouterr().err


def _marked(mark: str) -> list[int]:
    """Processes whose environment holds a mark."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                environment = (entry / "environ").read_bytes()
                dead = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
            except OSError:
                continue
            if mark.encode() in environment and not dead:
                found.append(int(entry.name))
    return found


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, INTERRUPTED), (signal.SIGTERM, 128 + signal.SIGTERM)])
def test_interruption_leaves_nothing_behind(
    number: signal.Signals, code: int, simulator: Simulator, tmp_path: Path
) -> None:
    mark = f"SPINBRICKS_TEST_MARK={tmp_path.name}-{os.getpid()}-{time.monotonic_ns()}"
    name, value = mark.split("=")
    environment = os.environ | {name: value, "TMPDIR": str(tmp_path)}
    long = ["--set", "t_sense=100u", "--set", "edge=1p", "--timeout", "0", "-o", str(tmp_path / "out")]
    command = ["simulate", "pcsa", "-c", "ikeda_2010", "-s", simulator.name, *long]
    process = subprocess.Popen(
        [sys.executable, "-m", "compact.cli", *command],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job in the background ignores it
    )
    deadline = time.monotonic() + 60
    while len(_marked(mark)) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1.0)
    assert process.poll() is None, process.communicate()
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == code
    assert not out and "Traceback" not in err
    assert err == ("error: interrupted\n" if number == signal.SIGINT else "")
    deadline = time.monotonic() + 10
    while _marked(mark) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not _marked(mark)
    assert not (tmp_path / "out").exists()
