"""Notebooks run from top to bottom and are kept without outputs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from compact.simulators import Simulator

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

pytest.importorskip("nbclient")
sys.path.insert(0, str(ROOT / "tools"))
import nbformat  # noqa: E402
from run_notebooks import execute  # noqa: E402


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_within_a_minute(path: Path, ngspice: Simulator) -> None:
    assert execute(path) < 120  # on a busy machine


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_is_kept_without_outputs(path: Path) -> None:
    code = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert code and not any(cell.outputs or cell.execution_count for cell in code)
