"""The wheel and the source distribution hold what they must and work elsewhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "*.egg-info", "spinbricks_out")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with a wheel and a source distribution, built from a copy and without the network."""
    folder = tmp_path_factory.mktemp("dist")
    copy = tmp_path_factory.mktemp("copy") / "project"
    shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
    command = [
        sys.executable,
        "-m",
        "build",
        "--no-isolation",
        "--sdist",
        "--wheel",
        "--outdir",
        str(folder),
        str(copy),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of a fresh environment with the wheel, and the dependencies of this one but not this checkout."""
    folder = tmp_path_factory.mktemp("elsewhere") / "venv"
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    (wheel,) = built.glob("*.whl")
    places = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(subprocess.run([python, "-c", places], capture_output=True, text=True, check=True).stdout.strip())
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # Path files of the other environment (editable installs) are not read from a folder that is only on the path.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


def _run(installed: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return subprocess.run(
        [installed / "spinbricks", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_the_wheel_holds_templates_cards_and_the_example(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for name in (
        "compact/netlists/subckt.lib.j2",
        "compact/netlists/circuits/pcsa.cir.j2",
        "compact/netlists/technologies/generic.lib",
        "compact/netlists/technologies/sky130.toml",
        "compact/veriloga/module.va.j2",
        "compact/pages/page.html.j2",
        "compact/pages/page.css",
        "compact/cards/ikeda_2010.json",
        "compact/examples/mtj_loops.csv",
        "compact/cli.py",
    ):
        assert name in names, name
    top = {name.split("/")[0] for name in names}
    assert {t for t in top if not t.endswith(".dist-info")} == {"compact"}
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if name.endswith((".pyc", ".osdi", ".raw"))]


def test_the_source_distribution_builds_and_tests_by_itself(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    for name in (
        "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "Makefile", "docs/overview.png",
        "tools/setup_python.sh", "tools/make_example.py", "netlists/subckt.lib.j2", "veriloga/module.va.j2",
        "compact/cli.py", "compact/examples/mtj_loops.csv", "tests/conftest.py", "tests/unit/test_wheel.py",
    ):  # fmt: skip
        assert name in names, name


def test_the_wheel_works_from_another_folder(installed: Path, tmp_path: Path) -> None:
    done = _run(installed, tmp_path, "doctor", "--quick", "--json")
    assert str(ROOT / "compact") not in done.stdout
    code = "import compact; print(compact.__file__)"
    where = subprocess.run([installed / "python", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert str(installed.parent) in where.stdout
    for kind, name in (("models", "mtj"), ("cards", "ikeda_2010"), ("circuits", "pcsa"), ("technologies", "generic")):
        done = _run(installed, tmp_path, "list", kind)
        assert done.returncode == 0 and name in done.stdout, done.stderr
    done = _run(installed, tmp_path, "emit", "ikeda_2010", "-o", "models")
    assert done.returncode == 0, done.stderr
    assert "module ikeda_2010" in (tmp_path / "models" / "ikeda_2010.va").read_text()


def test_the_wheel_simulates(installed: Path, tmp_path: Path, ngspice: object) -> None:
    done = _run(installed, tmp_path, "simulate", "pcsa", "-c", "ikeda_2010", "-s", "ngspice")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "decision_1" in done.stdout
