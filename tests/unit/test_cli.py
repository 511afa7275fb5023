"""The command line as people and machines use it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from compact import cli
from compact.cards import load_card
from compact.demo import EXAMPLE
from compact.parameters import ParameterSet
from compact.runs import find_simulators
from compact.simulators import Simulator

COMMANDS = ("demo", "fit", "emit", "simulate", "qa", "list", "doctor")
NOWHERE = {"SPINBRICKS_VACASK": "/nonexistent", "NGSPICE_LIBRARY_PATH": "/nonexistent"}


def spinbricks(*arguments: str, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "compact.cli", *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(Path(cli.__file__).parents[1])} | env,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict]:
    """Exit code and JSON of a command, run in this process."""
    code = cli.run([*arguments, "--json"])
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    return code, json.loads(out)


def test_help_loads_nothing_heavy() -> None:
    heavy = ("numpy", "scipy", "sympy", "matplotlib", "PySpice", "lmfit", "rich")
    code = f"import sys, compact.cli; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_of_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--help"]) == 0
    text = capsys.readouterr().out
    for command in COMMANDS:
        assert command in text
        assert cli.run([command, "--help"]) == 0
        assert "--json" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("spinbricks ")


@pytest.mark.parametrize("kind", ["models", "cards", "circuits", "technologies", "simulators"])
def test_list(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, content = answer(capsys, "list", kind)
    assert code == 0 and content["ok"]
    names = {item["name"] for item in content[kind]}
    assert cli.run(["list", kind]) == 0
    text = capsys.readouterr().out
    assert names and all(name in text for name in names)


def test_fit_of_the_example_recovers_what_it_was_made_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
    try:
        from make_example import DEVICE
    finally:
        sys.path.pop(0)
    card = tmp_path / "sub" / "device.json"
    code, content = answer(capsys, "fit", str(EXAMPLE), "-o", str(card))
    assert code == 0
    assert content["files"] == [str(card), str(card.with_suffix(".png"))]
    assert card.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    loaded = ParameterSet.load(card)
    for name in ("r_p", "tmr", "v_h", "g_slope", "g_curv", "ic_p2ap", "ic_ap2p", "delta"):
        error = loaded.stderr[name]
        assert abs(loaded.values[name] - DEVICE[name]) < 3.5 * error, name
        assert error < 0.2 * DEVICE[name], name
    assert "tau_d" in content["undetermined"]
    assert content["quality"]["rms_over_height"] < 0.01


def test_the_example_is_what_the_script_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2] / "tools"))
    import make_example

    monkeypatch.setattr(make_example, "TARGET", tmp_path / "again.csv")
    make_example.main()
    assert (tmp_path / "again.csv").read_text() == EXAMPLE.read_text()
    assert "ynthetic" in EXAMPLE.read_text().splitlines()[0]


def test_emit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, content = answer(capsys, "emit", "ikeda_2010", "-o", str(tmp_path))
    assert code == 0
    assert {Path(p).name for p in content["files"]} == {p.name for p in tmp_path.iterdir()}
    assert {p.suffix for p in tmp_path.iterdir()} == {".va", ".lib"}


def test_simulate(simulator: Simulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, content = answer(
        capsys, "simulate", "pcsa", "-c", "garcia_redondo_2021", "-s", simulator.name,
        "--set", "c_load=2f", "--set", "vdd=1.1V", "-o", str(tmp_path),
    )  # fmt: skip
    assert code == 0 and content["ok"]
    assert content["settings"]["c_load"] == 2e-15 and content["settings"]["vdd"] == 1.1
    measures = {m["name"]: m for m in content["runs"][0]["measures"]}
    assert measures["decision_0"]["passed"] and measures["decision_1"]["passed"]
    assert 0 < measures["delay_1"]["value"] < 1e-9
    assert all(Path(p).stat().st_size for p in content["files"])
    assert {Path(p).suffix for p in content["files"]} == {".cir", ".csv", ".png"}


def test_a_measure_that_misses_its_limit_fails(ngspice: Simulator, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["simulate", "cell_1t1mtj", "-c", "garcia_redondo_2021", "--set", "t_write=0.2n", "-s", "ngspice"]
    code, content = answer(capsys, *arguments)
    assert code == 1 and not content["ok"] and "error" not in content
    assert cli.run(arguments) == 1
    assert "FAIL" in capsys.readouterr().out


def test_demo(ngspice: Simulator, vacask: Simulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, content = answer(capsys, "demo", "-o", str(tmp_path / "new"))
    failed = [(r["simulator"], m["name"]) for r in content["runs"] for m in r["measures"] if not m["passed"]]
    assert code == 0, failed
    assert [(r["circuit"], r["simulator"]) for r in content["runs"]] == [
        (circuit, name) for circuit in ("cell_1t1mtj", "pcsa") for name in ("ngspice", "vacask")
    ]
    files = {Path(p) for p in content["files"]}
    assert files == set((tmp_path / "new").iterdir())
    assert {p.suffix for p in files} == {".csv", ".json", ".va", ".lib", ".cir", ".png", ".svg"}
    load_card(tmp_path / "new" / "example_mtj.json")


def test_demo_without_any_simulator_says_how_to_mend_it(tmp_path: Path) -> None:
    done = spinbricks("demo", cwd=tmp_path, **NOWHERE)
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stderr
    assert "apt-get install ngspice" in done.stdout and "spinbricks[vacask]" in done.stdout
    assert (tmp_path / "spinbricks_out" / "example_mtj.va").is_file()


def test_without_simulators_the_rest_works(tmp_path: Path) -> None:
    assert spinbricks("emit", "ikeda_2010", cwd=tmp_path, **NOWHERE).returncode == 0
    assert spinbricks("list", "simulators", cwd=tmp_path, **NOWHERE).stdout.count("missing") == 2
    done = spinbricks("doctor", "--json", cwd=tmp_path, **NOWHERE)
    findings = {f["name"]: f for f in json.loads(done.stdout)["findings"]}
    assert done.returncode == 1
    assert findings["ngspice"]["status"] == findings["vacask"]["status"] == "missing"
    assert findings["ngspice"]["mend"] == "apt-get install ngspice libngspice0"
    assert findings["reference"]["status"] == "ok"


def test_doctor(capsys: pytest.CaptureFixture[str]) -> None:
    code, content = answer(capsys, "doctor")
    findings = {f["name"]: f for f in content["findings"]}
    assert {"python", "numpy", "pyspice", "ngspice", "openvaf", "vacask", "technology generic"} <= {
        name.lower() for name in findings
    }
    found, _ = find_simulators()
    assert code == (0 if found else 1)
    for name in found:
        assert findings[name]["status"] == "ok" and "smoke run passed" in findings[name]["note"]
    if "ngspice" in found:
        assert "OSDI" in findings["ngspice"]["note"]
    assert all(f["mend"] for f in findings.values() if f["status"] == "missing")


def test_a_folder_that_takes_no_files_is_no_obstacle_to_work_in(tmp_path: Path) -> None:
    done = spinbricks("emit", "ikeda_2010", "-o", str(tmp_path), cwd=Path("/proc"))
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.iterdir())) == 4
    done = spinbricks("emit", "ikeda_2010", cwd=Path("/proc"))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and "choose another place with --out" in done.stderr


def test_output_into_a_pipe_is_plain(tmp_path: Path) -> None:
    done = spinbricks("list", "cards", cwd=tmp_path, TERM="xterm-256color")
    assert "\x1b" not in done.stdout and "…" not in done.stdout
    assert not done.stderr
    assert spinbricks("list", "cards", PYTHONIOENCODING="ascii").returncode == 0


def test_a_home_that_takes_no_files_is_no_obstacle(simulator: Simulator, tmp_path: Path) -> None:
    nowhere = {"HOME": "/proc/none", "SPINBRICKS_CACHE": "/proc/none", "XDG_CACHE_HOME": "", "MPLCONFIGDIR": ""}
    arguments = ("simulate", "pcsa", "-c", "ikeda_2010", "-s", simulator.name, "-o", str(tmp_path))
    done = spinbricks(*arguments, cwd=tmp_path, **nowhere)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
