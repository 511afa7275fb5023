"""What the README promises."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from compact.circuits import CIRCUITS
from compact.cli import run
from compact.models import MODELS
from compact.simulators import SIMULATORS, Simulator
from compact.technology import technologies

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_python_runs_as_it_stands(ngspice: Simulator, tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len([line for line in code.splitlines() if line]) <= 12
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "decision_1" in done.stdout and "FAIL" not in done.stdout
    assert len(list((tmp_path / "models").iterdir())) == 4


def test_everything_that_is_there_is_named() -> None:
    names = [model.name for model in MODELS]
    for name in [*names, *technologies(), *SIMULATORS, *CIRCUITS]:
        assert name in README.lower(), name


def test_options_and_files_exist(capsys: pytest.CaptureFixture[str]) -> None:
    for line in re.findall(r"^spinbricks (.*?)\s*(?:#.*)?$", README, re.MULTILINE):
        assert run([line.split()[0], "--help"]) == 0
        text = capsys.readouterr().out
        for option in re.findall(r"(?<=\s)--?[a-z]+", line):
            assert option in text, line
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).is_file(), target
    makefile = (ROOT / "Makefile").read_text()
    for goal in re.findall(r"\bmake (\w+)", README):
        if goal in ("demo", "test", "install"):
            assert re.search(rf"^{goal}:", makefile, re.MULTILINE)
