"""What goes wrong in a simulator: each time one line, deck and log kept, nothing stale, nothing left running."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from compact.analysis import Dc, Op, Tran
from compact.errors import CircuitError, SimulationError, SimulatorNotFound
from compact.netlist import Netlist
from compact.simulators import get_simulator, worker

ROOT = Path(__file__).resolve().parents[2]


def netlist(text: str) -> Netlist:
    result = Netlist("from text")
    result.add_text(text)
    return result


def good() -> Netlist:
    return netlist("V1 a 0 2\nR1 a b 1k\nR2 b 0 1k")


def endless() -> Netlist:
    return netlist("V1 a 0 dc 0 sin(0 1 1e9)\nR1 a b 1k\nC1 b 0 1p")


def idle_worker() -> int:
    """Process that will serve the next run of ngspice."""
    return [process.pid for idle in worker._idle.values() for process in idle][-1]


def check(error: pytest.ExceptionInfo[SimulationError], simulator, words: str) -> None:
    """One line that names the simulator and its message; deck and log are there; the next run is sound."""
    text = str(error.value)
    assert "\n" not in text and text.startswith(f"{simulator.name}: ")
    assert re.search(words, error.value.message), text
    assert error.value.deck.read_text() and error.value.log.is_file()
    assert str(error.value.deck) in text and str(error.value.log) in text
    assert simulator.run(good(), Op()).value("b") == pytest.approx(1.0)


BAD = {
    "unknown subcircuit": ("V1 a 0 1\nX1 a 0 nosuch", Op(), "nosuch"),
    "unknown model": ("V1 a 0 1\nM1 a a 0 0 nosuch w=1u l=1u", Op(), "nosuch"),
    "undefined parameter": ("V1 a 0 1\nR1 a 0 {nope}", Op(), "nope"),
    "unbalanced expression": ("V1 a 0 1\nR1 a 0 {2*}", Op(), "."),
    "sources in a loop": ("V1 a 0 1\nV2 a 0 2\nR1 a 0 1k", Op(), "(?i)timestep too small|factorization"),
    "stops early": (
        "V1 a 0 1\nR1 a b 1k\nC1 b 0 1n\nBq q 0 v=1/(v(b)-0.5)+sqrt(0.6-v(b))\nCq q 0 1p",
        Tran(10e-6, 10e-9, uic=True),
        "(?i)timestep too small|stopped at|converge",
    ),
    "missing file": ("V1 a 0 1\nR1 a 0 1k\n.include /no/such/file.lib", Op(), "(?i)no/such/file|include"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_decks(simulator, case):
    text, analysis, words = BAD[case]
    with pytest.raises(SimulationError) as error:
        simulator.run(netlist(text), analysis)
    check(error, simulator, words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("V1 a 0 1\nR1 a", "too short"),
        ("V1 a 0 1\n.tran 1n 1u", r"give the analysis to run\(\)"),
        ("V1 a 0 1\n.options reltol=1", "Netlist.options"),
        ("V1 a 0 1\n.control\nquit\n.endc", "commands are not part"),
        ("V1 a 0 1\n3foo bar baz", "not an element"),
        (".subckt s a b\nR1 a b 1", "no .ends"),
        ("R1 a b 1\n.ends", "without .subckt"),
        ("V1 a 0 pulse(0 1", "unbalanced"),
        ("V1 a 0 pwl(0 0 1n 1 1n 2)", "must increase"),
        ("V1 a 0 pwl(0 0 1n)", "pairs"),
    ],
)
def test_bad_text_is_refused_before_it_is_run(text, words):
    with pytest.raises(CircuitError, match=words) as error:
        netlist(text).lines()
    assert "\n" not in str(error.value)


def test_unknown_signals_name_the_nearest(simulator):
    with pytest.raises(SimulationError, match=r"unknown signal 'bb'; did you mean 'b'") as error:
        simulator.run(good(), Op(), save=["bb"])
    check(error, simulator, "bb")
    with pytest.raises(SimulationError, match=r"unknown signal 'i\(v2\)'; did you mean 'i\(v1\)'"):
        simulator.run(good(), Op(), save=["a", "i(v2)"])
    with pytest.raises(CircuitError, match=r"unknown source 'v2'.*did you mean 'v1'"):
        simulator.run(good(), Dc("v2", 0, 1, 0.1))


def test_time_limit(simulator):
    start = time.monotonic()
    with pytest.raises(SimulationError) as error:
        simulator.run(endless(), Tran(1e-3, 1e-12), timeout=0.5)
    assert time.monotonic() - start < 5
    check(error, simulator, "did not finish within 0.5 s")


def test_results_never_come_from_the_run_before(simulator):
    assert simulator.run(good(), Op()).value("b") == pytest.approx(1.0)
    for text in ("V1 a 0 9\nX1 a b nosuch\nR1 b 0 1", "V1 a 0 9\nR1 a b {nope}\nR2 b 0 1"):
        with pytest.raises(SimulationError):
            simulator.run(netlist(text), Op())
    assert simulator.run(netlist("V1 a 0 8\nR1 a b 1k\nR2 b 0 1k"), Op()).value("b") == pytest.approx(4.0)


def test_odd_names_are_no_errors(simulator):
    waves = simulator.run(netlist("V1 error_out 0 1\nR1 error_out failed 1k\nR2 failed 0 1k"), Op())
    assert waves.value("failed") == pytest.approx(0.5)


def test_library_that_crashes(ngspice):
    if int(ngspice.find()["version"].split(".")[0]) > 39:
        pytest.skip("this version does not crash on it")
    with pytest.raises(SimulationError) as error:
        ngspice.run(netlist("Vx a 0 dc 0 external\nR1 a 0 1k"), Op())
    check(error, ngspice, "SIGSEGV|exit code")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV])
def test_worker_that_is_killed_while_it_runs(ngspice, how):
    ngspice.run(good(), Op())
    victim = idle_worker()
    timer = threading.Timer(0.3, os.kill, (victim, how))
    timer.start()
    with pytest.raises(SimulationError) as error:
        ngspice.run(endless(), Tran(1e-3, 1e-12))
    check(error, ngspice, how.name)


def test_worker_that_was_killed_between_runs_is_replaced(ngspice):
    ngspice.run(good(), Op())
    for process in list(worker._all):
        os.kill(process.pid, signal.SIGKILL)
    time.sleep(0.1)
    assert ngspice.run(good(), Op()).value("b") == pytest.approx(1.0)


def fake(tmp_path: Path, body: str) -> str:
    path = tmp_path / "program"
    path.write_text(f"#!/bin/sh\ncase $1 in -*elp) echo This is vacask 9.9. ;; *) {body} ;; esac\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("body", "words"),
    [("kill -SEGV $$", "SIGSEGV"), ("kill -9 $$", "SIGKILL"), ("exit 0", "no result"), ("echo oops; exit 3", "oops")],
)
def test_program_that_crashes(vacask, monkeypatch, tmp_path, body, words):
    monkeypatch.setenv("SPINBRICKS_VACASK", fake(tmp_path, body))
    with pytest.raises(SimulationError, match=words) as error:
        vacask.run(good(), Op())
    monkeypatch.delenv("SPINBRICKS_VACASK")
    check(error, vacask, words)


def test_elements_that_would_be_skipped_are_an_error(vacask):
    with pytest.raises(SimulationError, match="skipped"):
        vacask.run(netlist("V1 a 0 1\nR1 b 0 1k\nG1 b 0 cur={v(a)*2}"), Op())


@pytest.mark.parametrize("source", ["trnoise(1m 1n 0 0)", "pwl(0 0 1n 1) r=0", "am(1 0 1e6 1e9)"])
def test_sources_vacask_has_not(vacask, source):
    with pytest.raises((SimulationError, CircuitError), match="not available"):
        vacask.run(netlist(f"V1 a 0 dc 0 {source}\nR1 a 0 1k"), Tran(1e-8, 1e-10))


def test_options_have_names(simulator):
    with pytest.raises(SimulationError, match="unknown option 'rel_tol'; did you mean 'reltol'"):
        simulator.run(good(), Op(), options={"rel_tol": 1})


def test_missing_simulators_say_what_mends_them(monkeypatch):
    monkeypatch.setenv("NGSPICE_LIBRARY_PATH", "/no/such/libngspice.so")
    with pytest.raises(SimulatorNotFound, match="apt-get install ngspice libngspice0") as error:
        get_simulator("ngspice").find()
    assert "\n" not in str(error.value)
    monkeypatch.setenv("SPINBRICKS_VACASK", "/no/such/vacask")
    with pytest.raises(SimulatorNotFound, match=r"pip install 'spinbricks\[vacask\]'"):
        get_simulator("vacask").find()
    monkeypatch.setenv("SPINBRICKS_OPENVAF", "/no/such/openvaf")
    monkeypatch.delenv("SPINBRICKS_VACASK")
    with pytest.raises(SimulatorNotFound, match=r"pip install 'spinbricks\[vacask\]'"):
        get_simulator("vacask").find()


def test_threads_run_side_by_side(simulator):
    def run(k: int) -> float:
        return simulator.run(netlist(f"V1 a 0 {k}\nR1 a b 1k\nR2 b 0 1k"), Op()).value("b")

    with ThreadPoolExecutor(3) as pool:
        assert np.allclose(list(pool.map(run, range(12))), np.arange(12) / 2)


def test_forked_processes_get_workers_of_their_own(ngspice):
    ngspice.run(good(), Op())
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if abs(ngspice.run(good(), Op()).value("b") - 1) < 1e-9 else 1)
        finally:
            os._exit(2)
    assert ngspice.run(good(), Op()).value("b") == pytest.approx(1.0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert ngspice.run(good(), Op()).value("b") == pytest.approx(1.0)


SCRIPT = """
from compact.analysis import Op, Tran
from compact.netlist import Netlist
from compact.simulators import get_simulator, worker
import sys, time
n = Netlist("script without a main guard")
n.add_text("V1 a 0 dc 0 sin(0 1 1e9)\\nR1 a b 1k\\nC1 b 0 1p")
s = get_simulator(sys.argv[1])
print(s.run(n, Op()).value("b"), flush=True)
print(*[w.pid for w in worker._all], flush=True)
if len(sys.argv) > 2:
    s.run(n, Tran(1e-3, 1e-12))
"""


def script(tmp_path: Path, *arguments: str) -> subprocess.Popen[str]:
    path = tmp_path / "script.py"
    path.write_text(textwrap.dedent(SCRIPT))
    return subprocess.Popen(
        [sys.executable, str(path), *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}, cwd=tmp_path,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def test_script_without_main_guard(simulator, tmp_path):
    out, err = script(tmp_path, simulator.name).communicate(timeout=60)
    assert out.split()[0] in ("0.0", "-0.0") and not err
    assert [path.name for path in tmp_path.iterdir()] == ["script.py"]


def children(pid: int) -> list[int]:
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_scripts_leave_no_process(simulator, tmp_path, how):
    if simulator.name == "vacask" and how == signal.SIGKILL:
        pytest.skip("a program whose parent is killed ends with its run")
    process = script(tmp_path, simulator.name, "endless")
    process.stdout.readline(), process.stdout.readline()
    deadline = time.monotonic() + 10
    while not (started := children(process.pid)) and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.3)
    os.kill(process.pid, how)
    process.communicate(timeout=20)
    assert started
    deadline = time.monotonic() + 5
    while not all(map(gone, started)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert all(map(gone, started))
    assert not list(tmp_path.glob("spinbricks-worker-*"))


def resident(pid: int) -> float:
    """Memory of a process [MB]."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024


@pytest.mark.parametrize("runs", [100, pytest.param(1000, marks=pytest.mark.slow)])
def test_no_leak(ngspice, runs):
    bench = Netlist("rc ladder")
    bench.circuit.V("in", "n0", 0, "pulse(0 1 1n 1n 1n 5n 20n)")
    for k in range(50):
        bench.circuit.R(k, f"n{k}", f"n{k + 1}", 1e3)
        bench.circuit.C(k, f"n{k + 1}", 0, 1e-15)
    for _ in range(20):
        ngspice.run(bench, Tran(20e-9, 0.1e-9))
    pid = idle_worker()
    before = resident(pid), resident(os.getpid())
    for _ in range(runs):
        ngspice.run(bench, Tran(20e-9, 0.1e-9))
    after = resident(pid), resident(os.getpid())
    assert after[0] - before[0] < 5 and after[1] - before[1] < 5, (before, after)
