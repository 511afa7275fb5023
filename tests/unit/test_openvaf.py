"""The Verilog-A compiler and its cache, and compiled models in ngspice where it can load them."""

from __future__ import annotations

import subprocess
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from test_simulators import Leaky, leaky_cell

from compact.analysis import Dc, Op, Tran
from compact.errors import EmitError, SimulatorNotFound
from compact.netlist import Netlist
from compact.simulators import get_simulator, openvaf
from compact.simulators.rawfile import read_raw


@pytest.fixture
def cache(tmp_path, monkeypatch, vacask) -> Path:
    monkeypatch.setenv("SPINBRICKS_CACHE", str(tmp_path / "cache"))
    openvaf.compile_veriloga.cache_clear()
    yield tmp_path / "cache" / "osdi"
    openvaf.compile_veriloga.cache_clear()


def test_compiled_once_per_text(cache):
    first = openvaf.compile_veriloga(Leaky().veriloga_text())
    stamp = first.path.stat().st_mtime_ns
    openvaf.compile_veriloga.cache_clear()
    again = openvaf.compile_veriloga(Leaky().veriloga_text())
    other = openvaf.compile_veriloga(Leaky().veriloga_text().replace("5.0", "6.0"))
    assert again == first and again.path.stat().st_mtime_ns == stamp
    assert other.name != first.name and first.name.startswith("leaky_")
    assert sorted(path.name for path in cache.iterdir()) == sorted([first.path.name, other.path.name])


def test_compiled_by_many_processes_at_once(cache):
    text = Leaky().veriloga_text()
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        modules = list(pool.map(openvaf.compile_veriloga, [text] * 8))
    assert len(set(modules)) == 1 and [p.name for p in cache.iterdir()] == [modules[0].path.name]


def test_text_that_does_not_compile(cache):
    with pytest.raises(EmitError, match=r"OpenVAF: error.*module and log") as error:
        openvaf.compile_veriloga(Leaky().veriloga_text().replace("V(p, n)*", "V(p, q)*"))
    assert "\n" not in str(error.value) and not list(cache.glob("*"))
    with pytest.raises(EmitError, match="one module, not 0"):
        openvaf.compile_veriloga("nothing")


@pytest.fixture
def osdi(ngspice):
    if not ngspice.find()["osdi"]:
        pytest.skip(f"ngspice {ngspice.find()['version']} loads no compiled models")
    return get_simulator("ngspice", osdi=True)


def test_ngspice_without_osdi_says_so(ngspice):
    if ngspice.find()["osdi"]:
        pytest.skip("this ngspice loads compiled models")
    assert ngspice.run(leaky_cell(), Op()).info["osdi"] is False
    with pytest.raises(SimulatorNotFound, match="loads no compiled models"):
        get_simulator("ngspice", osdi=True).run(leaky_cell(), Op())


def test_compiled_and_behavioural_models_agree(osdi):
    behavioural = get_simulator("ngspice", osdi=False)
    for analysis in (Op(), Dc("vin", 0, 1, 0.1), Tran(5e-9, 0.05e-9)):
        one, two = (s.run(leaky_cell(), analysis) for s in (osdi, behavioural))
        assert one.info["osdi"] and not two.info["osdi"] and set(one) == set(two)
        for name in ("xm1.z", "xc1.xm.z", "i(vin)"):
            expected = np.interp(one.axis, two.axis, two[name])
            assert np.allclose(one[name], expected, rtol=1e-3, atol=2e-4)


def test_deck_with_compiled_models_runs_by_hand(osdi, tmp_path):
    program = osdi.find()["program"]
    waves = osdi.run(leaky_cell(), Tran(3e-9, 0.1e-9), keep=tmp_path)
    done = subprocess.run([program, "-n", "-b", "-r", "out.raw", "circuit.cir"], cwd=tmp_path, capture_output=True)
    assert done.returncode == 0
    assert read_raw(tmp_path / "out.raw")["i(vin)"][-1] == pytest.approx(waves["i(vin)"][-1], rel=1e-6)


def test_module_parameters_of_a_sweep():
    class Tracking(Leaky):
        sweep_parameters = MappingProxyType({"track": 1.0})

    from compact.netlist import module_parameters

    assert module_parameters(Tracking(), Dc("v", 0, 1, 1))["track"] == 1.0
    assert "track" not in module_parameters(Tracking(), Op())


def test_nodesets_choose_the_well(simulator):
    netlist = Netlist("bistable")
    netlist.add_text("Bx x 0 i=-2e-3*tanh(4*v(x))\nRx x 0 1e3\nIx 0 x 0")
    for side in (-1, 1):
        netlist.nodesets["x"] = float(side)
        assert simulator.run(netlist, Op()).value("x") == pytest.approx(2 * side, rel=1e-2)
