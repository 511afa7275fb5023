"""Monte Carlo analyses: the same numbers wherever they are run, nothing lost, nothing dropped."""

from __future__ import annotations

import json
import math
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from compact import montecarlo
from compact.cards import load_card
from compact.errors import SimulationError, StatisticsError
from compact.farm import each
from compact.montecarlo import Plan, Probe, monte_carlo, prepare
from compact.samples import read_samples
from compact.simulators import worker
from compact.variation import Variation

pytestmark = pytest.mark.usefixtures("ngspice")
CARD = load_card("ikeda_2010")
PLAN = Plan("pcsa", CARD, "generic", stride=8.0, seed=7)
COUNT = 12


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of twelve samples, run on one core without interruption."""
    path = tmp_path_factory.mktemp("finished") / "samples.jsonl"
    monte_carlo(PLAN, COUNT, path, jobs=1)
    return path


def test_samples_differ_and_their_seed_decides(finished: Path, tmp_path: Path):
    first = read_samples(finished)
    assert first.numbers.tolist() == list(range(COUNT)) and not first.failures
    values = first.values("delay_0")
    assert len(set(values)) == COUNT
    assert 0.01 < values.std() / values.mean() < 0.3
    other = monte_carlo(replace(PLAN, seed=8), 2, tmp_path / "other.jsonl", jobs=1)
    assert not set(other.values("delay_0")) & set(values)


def test_junctions_and_transistors_both_make_a_difference(tmp_path: Path):
    still = Variation(shared={}, local={}, mismatch=0.0, process_vth=0.0)
    for k, change in enumerate(({"local": {"ra": 0.05}}, {"mismatch": 1.0}, {"process_vth": 0.02})):
        plan = replace(PLAN, variation=replace(still, **change))
        values = monte_carlo(plan, 4, tmp_path / f"{k}.jsonl", jobs=1).values("delay_1")
        assert len(set(values)) == 4, change


def test_two_cores_give_the_same_file(finished: Path, tmp_path: Path):
    path = tmp_path / "two.jsonl"
    monte_carlo(PLAN, COUNT, path, jobs=2)
    assert path.read_bytes() == finished.read_bytes()


def test_a_dask_cluster_of_two_workers_gives_the_same_file(finished: Path, tmp_path: Path):
    distributed = pytest.importorskip("distributed")
    path = tmp_path / "dask.jsonl"
    cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None)
    with cluster:
        monte_carlo(PLAN, COUNT, path, dask=cluster.scheduler_address)
    assert path.read_bytes() == finished.read_bytes()


def test_a_run_can_be_continued_with_more_samples(finished: Path, tmp_path: Path):
    path = tmp_path / "grown.jsonl"
    monte_carlo(PLAN, 5, path, jobs=1)
    five = path.read_text().splitlines()
    with pytest.raises(StatisticsError, match="--resume"):
        monte_carlo(PLAN, COUNT, path, jobs=1)
    monte_carlo(PLAN, COUNT, path, resume=True, jobs=1)
    assert path.read_bytes() == finished.read_bytes()
    assert path.read_text().splitlines()[:6] == five


def test_a_killed_run_goes_on_where_it_was(finished: Path, tmp_path: Path):
    path = tmp_path / "killed.jsonl"
    code = (
        "import sys\nfrom compact import montecarlo\nfrom compact.cards import load_card\n"
        "montecarlo.BATCH = 1\nmontecarlo.batches.__defaults__ = (1,)\n"
        "plan = montecarlo.Plan('pcsa', load_card('ikeda_2010'), 'generic', stride=8.0, seed=7)\n"
        f"montecarlo.monte_carlo(plan, {COUNT}, {str(path)!r}, jobs=1)\n"
    )
    run = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    try:
        limit = time.monotonic() + 120
        while not (path.exists() and path.read_bytes().count(b"\n") >= 4):
            assert run.poll() is None and time.monotonic() < limit
            time.sleep(0.02)
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    kept = path.read_bytes()
    before = [line for line in kept.splitlines(keepends=True) if line.endswith(b"\n")][1:]
    assert 3 <= len(before) < COUNT
    runs = []
    monte_carlo(PLAN, COUNT, path, resume=True, jobs=1, progress=lambda done, total, failed: runs.append(done))
    assert runs[0] == len(before)  # those were not run again
    assert path.read_bytes() == finished.read_bytes()
    assert set(before) <= set(path.read_bytes().splitlines(keepends=True))


def test_another_plan_is_not_mixed_in(finished: Path):
    before = finished.read_bytes()
    with pytest.raises(StatisticsError, match=r"another analysis: temperature is 27.0 there and 85.0 here"):
        monte_carlo(replace(PLAN, temperature=85.0), COUNT, finished, resume=True, jobs=1)
    assert finished.read_bytes() == before


def test_failed_simulations_are_counted_and_kept_with_their_decks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Ngspice is killed in the middle of the third and the fourth sample."""
    real, calls = worker.Worker.run, []

    def run(self, *arguments):
        calls.append(1)
        if len(calls) in (1 + 3, 1 + 4):  # the first run is the typical circuit
            os.kill(self.pid, signal.SIGKILL)
        return real(self, *arguments)

    monkeypatch.setattr(worker.Worker, "run", run)
    path = tmp_path / "s.jsonl"
    found = monte_carlo(PLAN, 6, path, jobs=1)
    assert [row["sample"] for row in found.failures] == [2, 3] and len(found.rows) == 6
    assert found.passed().tolist() == [True, True, False, False, True, True]
    for row in found.failures:
        assert "SIGKILL" in row["error"]
        text = (tmp_path / row["deck"]).read_text()
        assert "delvto=" in text and ".tran" in text  # the numbers of the sample are written out
        assert (tmp_path / row["deck"]).with_suffix(".log").is_file()
    # the results of the others are those of a run without failures
    whole = monte_carlo(PLAN, 6, tmp_path / "whole.jsonl", jobs=1)
    good = [0, 1, 4, 5]
    assert (found.values("delay_0")[good] == whole.values("delay_0")[good]).all()


def test_a_kept_deck_gives_the_sample(tmp_path: Path, ngspice):
    """What is kept of a sample runs by hand and gives its figures."""
    from compact.simulators.rawfile import read_raw
    from compact.variation import draw

    program = ngspice.find()["program"]
    if not program:
        pytest.skip("no ngspice program")
    ready = prepare(PLAN)
    figures = {m.name: m.value for m in ready.at(draw(PLAN.seed, 0, ready.space.dimension))}
    analysis = replace(ready.bench.analysis, max_step=ready.bench.analysis.largest_step * PLAN.stride)
    deck = ready.bench.netlist.save(tmp_path / "sample.cir", analysis, save=ready.bench.save)
    raw = tmp_path / "r.raw"
    subprocess.run([program, "-n", "-b", "-r", str(raw), str(deck)], capture_output=True, check=True, cwd=tmp_path)
    vectors = read_raw(raw)
    from compact.measure import crossings

    half = ready.bench.settings["vdd"] / 2
    sensed = crossings(vectors["time"], vectors["v(sen)"], half, "rise", ready.bench.times["sense"] - 1e-10)[0]
    decided = vectors["v(qb0)"] - vectors["v(q0)"]
    found = crossings(vectors["time"], decided, half, "rise", sensed)[0] - sensed
    assert found == pytest.approx(figures["delay_0"], rel=0.02)


def test_parameters_out_of_range_are_failures_too(tmp_path: Path):
    wild = Variation(shared={}, local={"tmr": 2.0}, mismatch=0.0, process_vth=0.0)
    found = monte_carlo(replace(PLAN, variation=wild), 10, tmp_path / "s.jsonl", jobs=1)
    assert found.failures and all("parameter 'tmr'" in row["error"] for row in found.failures)
    assert len(found.rows) == 10


def _dies(task: tuple[Plan, list[int]]) -> list[dict]:
    _, numbers = task
    if 4 in numbers:
        time.sleep(3)  # the others have reported by then
        os.kill(os.getpid(), signal.SIGKILL)
    return montecarlo._batch(task)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_worker_that_dies_is_named_and_costs_only_its_own(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "s.jsonl"
    with monkeypatch.context() as patch:
        patch.setattr(montecarlo, "each", lambda function, items, **where: each(_dies, items, **where))
        patch.setattr(montecarlo.batches, "__defaults__", (2,))
        with pytest.raises(StatisticsError, match=r"a worker process died .*results so far are kept"):
            monte_carlo(PLAN, COUNT, path, jobs=2)
    kept = read_samples(path).numbers.tolist()
    assert kept and not {4, 5} & set(kept)
    monte_carlo(PLAN, COUNT, path, resume=True, jobs=1)
    assert path.read_bytes() == finished.read_bytes()


INTERRUPTED = """
import os, signal, time
from compact.farm import each
os.setpgrp()
try:
    for number, _ in enumerate(each(time.sleep, [0.002] * 10**5, jobs=2)):
        if number == {after}:
            os.killpg(0, signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize("after", [0, 300])
def test_an_interruption_leaves_no_traceback(after: int):
    """As a terminal does it: to all processes, while the last worker starts and while all work."""
    script = INTERRUPTED.format(after=after)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=100)
    assert done.stdout.split() == ["interrupted"]
    assert "Traceback" not in done.stderr and "KeyboardInterrupt" not in done.stderr


def test_a_worker_thread_that_is_interrupted_is_not_shown(monkeypatch: pytest.MonkeyPatch):
    seen = []
    monkeypatch.setattr(threading, "excepthook", lambda args: seen.append(args.exc_type))
    assert list(each(abs, [-1, -1], jobs=2)) == [1, 1]

    def stumble(error):
        raise error

    for name, error in (
        ("ExecutorManagerThread", KeyError(1)),
        ("ExecutorManagerThread", OSError()),
        ("x", KeyError()),
    ):
        thread = threading.Thread(target=stumble, args=(error,), name=name)
        thread.start()
        thread.join()
    assert seen == [OSError, KeyError]


def test_a_cluster_that_does_not_answer_is_named(tmp_path: Path):
    pytest.importorskip("distributed")
    path = tmp_path / "s.jsonl"
    monte_carlo(PLAN, 3, path, jobs=1)
    before = path.read_bytes()
    start = time.monotonic()
    with pytest.raises(StatisticsError, match=r"no Dask scheduler answers at 'tcp://127\.0\.0\.1:9'"):
        list(each(math.sqrt, [1.0], dask="tcp://127.0.0.1:9", connect_limit=1.0))
    assert time.monotonic() - start < 30
    with pytest.raises(StatisticsError, match="no Dask scheduler answers"):
        list(each(math.sqrt, [1.0], dask="nonsense://nowhere", connect_limit=1.0))
    assert path.read_bytes() == before


def test_without_dask_the_mend_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(StatisticsError, match="Dask is not installed; mend: pip install"):
        list(each(math.sqrt, [1.0], dask="tcp://127.0.0.1:9"))


@pytest.mark.parametrize("technology", ["generic", "sky130"])
def test_steps_are_as_long_as_changes_no_figure(technology: str):
    plan = montecarlo.settle(replace(PLAN, technology=technology, stride=None))
    assert plan.stride in montecarlo.STRIDES and plan.stride > 1
    ready = prepare(plan, varied=False)
    assert montecarlo.step_error(ready, plan.stride)[1] <= montecarlo.STEP_TOLERANCE
    own = {m.name: m.value for m in ready.measures(stride=1.0)}
    assert {m.name: m.value for m in ready.measures()} == pytest.approx(own, rel=montecarlo.STEP_TOLERANCE)


def test_steps_that_are_too_long_are_said(tmp_path: Path):
    said: list[str] = []
    monte_carlo(replace(PLAN, stride=400.0), 1, tmp_path / "s.jsonl", jobs=1, warn=said.append)
    assert any("lower --stride" in text for text in said)


def test_probes_and_limits(tmp_path: Path):
    probes = (Probe.parse("read_0 = qb0 - q0 @ sense + 60p"), Probe("read_1", "q1", "qb1", "sense", 60e-12))
    plan = replace(PLAN, probes=probes, limits={"read_0": (0.1, math.inf)})
    found = monte_carlo(plan, 4, tmp_path / "s.jsonl", jobs=1)
    assert found.limits("read_0") == (0.1, math.inf) and found.header["measures"]["read_1"]["unit"] == "V"
    assert (found.values("read_0") > 0.01).all()
    assert (found.passed(["read_0"]) == (found.values("read_0") >= 0.1)).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"limits": {"dealy_0": (0, 1)}}, "unknown measure of circuit 'pcsa' 'dealy_0'; did you mean 'delay_0'"),
        ({"limits": {"delay_0": (2, 1)}}, "limits of 'delay_0': 2 is above 1"),
        ({"probes": (Probe("p", "q0", "", "snese"),)}, "unknown event of circuit 'pcsa' 'snese'; did you mean 'sense'"),
        ({"probes": (Probe("p", "q0", "", "sense", 1.0),)}, "probe 'p' is at"),
        ({"probes": (Probe("delay_0", "q0", "", "sense"),)}, "probe 'delay_0' has the name of another measure"),
        ({"probes": (Probe("p", "q9", "", "sense"),)}, "unknown signal 'q9'"),
        ({"seed": -1}, "seed = -1 must be"),
        ({"stride": 0.0}, "stride = 0 must be > 0"),
        ({"variation": Variation(local={"ra": -0.1})}, "local spread of 'ra' = -0.1"),
    ],
)
def test_plans_that_cannot_be_are_named(tmp_path: Path, change: dict, message: str):
    path = tmp_path / "s.jsonl"
    with pytest.raises((StatisticsError, SimulationError), match=message):
        monte_carlo(replace(PLAN, **change), 2, path, jobs=1)
    assert not path.exists()


@pytest.mark.parametrize("text", ["", "a", "a=b", "a=@t", "=b@t", "a=b@"])
def test_probes_that_cannot_be_read_are_named(text: str):
    with pytest.raises(StatisticsError, match="NAME=SIGNAL-SIGNAL@EVENT"):
        Probe.parse(text)


def test_rows_of_both_simulators_agree(vacask, finished: Path, tmp_path: Path):
    """The same samples, whoever simulates them."""
    found = monte_carlo(replace(PLAN, simulator="vacask"), 4, tmp_path / "v.jsonl", jobs=1)
    reference = read_samples(finished)
    for name in ("delay_0", "delay_1", "energy_0"):
        np.testing.assert_allclose(found.values(name), reference.values(name)[:4], rtol=0.03)
    spread = reference.values("delay_0").std()
    assert np.abs(found.values("delay_0") - reference.values("delay_0")[:4]).max() < 0.5 * spread


def _spent() -> float:
    """Processor time of this process and of those it has waited for [s]."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(r.ru_utime + r.ru_stime for r in used)


def _thousand(path: Path, jobs: int) -> float:
    """Processor time of a thousand samples of the sense amplifier in sky130, starting included [s]."""
    code = (
        "from compact.montecarlo import Plan, monte_carlo\nfrom compact.cards import load_card\n"
        "from joblib.externals.loky import get_reusable_executor\n"
        "if __name__ == '__main__':\n"
        f"    monte_carlo(Plan('pcsa', load_card('ikeda_2010'), 'sky130'), 1000, {str(path)!r}, jobs={jobs})\n"
        "    get_reusable_executor().shutdown(wait=True)\n"
    )
    before = _spent()
    subprocess.run([sys.executable, "-c", code], check=True)
    return _spent() - before


@pytest.mark.slow
def test_a_thousand_samples_of_the_sense_amplifier_in_a_minute(tmp_path: Path):
    """In processor time of two cores, so that it says the same on a busy machine."""
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    alone, together = _thousand(one, 1), _thousand(two, 2)
    found = read_samples(two)
    assert len(found.rows) == 1000 and not found.failures
    assert one.read_bytes() == two.read_bytes()
    assert together / 2 < 60
    assert alone / together >= 0.85  # what the second worker costs: the efficiency where cores are free
    assert json.loads(two.read_text().splitlines()[0])["plan"]["technology"] == "sky130"
