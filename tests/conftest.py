"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from compact.errors import SimulatorNotFound
from compact.simulators import Simulator, get_simulator

REQUIRED = os.environ.get("SPINBRICKS_REQUIRE_SIMULATORS") == "1"


def _installed(name: str) -> Simulator:
    simulator = get_simulator(name)
    try:
        simulator.find()
    except SimulatorNotFound as error:
        if REQUIRED:
            pytest.fail(str(error))
        pytest.skip(str(error))
    return simulator


@pytest.fixture(scope="session")
def ngspice() -> Simulator:
    """Ngspice; the test fails without it where simulators are required, and is skipped elsewhere."""
    return _installed("ngspice")


@pytest.fixture(scope="session")
def vacask() -> Simulator:
    """VACASK, by the same rule."""
    return _installed("vacask")


@pytest.fixture(scope="session", params=["ngspice", "vacask"])
def simulator(request: pytest.FixtureRequest) -> Simulator:
    """Each circuit simulator in turn."""
    return _installed(request.param)


@pytest.fixture(scope="session")
def chromium() -> str:
    """A browser, by the same rule; `CHROMIUM` names another one."""
    names = (os.environ.get("CHROMIUM", "chromium"), "chromium-browser", "google-chrome")
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        missing = "no Chromium: install it with tools/setup_browser.sh or apt-get install chromium"
        if REQUIRED:
            pytest.fail(missing)
        pytest.skip(missing)
    return found


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of measured data beside the repository."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no measured data at {folder}")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the tests away from the user's cache, unless one is named, and what failed runs leave in one place."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("kept")))
        if "SPINBRICKS_CACHE" not in os.environ:
            patch.setenv("SPINBRICKS_CACHE", str(tmp_path_factory.getbasetemp().parent / "spinbricks-cache"))
        yield
