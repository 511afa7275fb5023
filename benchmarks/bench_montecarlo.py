"""What a sample of a Monte Carlo analysis costs, and how two workers share the work.

``python -m benchmarks montecarlo`` prints the table. Reloading is compared with altering a circuit that is loaded; the
library as a whole with its trimmed models. Processor time counts where it can, so that a busy machine says the same.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from compact.cards import load_card
from compact.montecarlo import Plan, prepare, settle
from compact.simulators import worker
from compact.variation import draw

__all__ = ["rows"]

CARD = "ikeda_2010"
SAMPLES = 1000


def _worker_seconds() -> float:
    """Processor time of all simulator processes so far [s]."""
    ticks = 0
    for process in worker._all:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _loads(repeat: int) -> list[dict[str, Any]]:
    """Seconds per sample of transistors that vary: altered, loaded anew, and with the whole library."""
    plan = settle(Plan("pcsa", load_card(CARD), "sky130"))
    ready = prepare(plan)
    assert ready.space is not None
    points = [ready.space.point(draw(1, k, ready.space.dimension)).mismatch for k in range(24)]
    netlist, technology = ready.bench.netlist, ready.bench.netlist.technology
    assert technology is not None

    def run(what: str, count: int) -> dict[str, Any]:
        best = np.inf
        for _ in range(repeat):
            before, own = _worker_seconds(), time.process_time()
            for k in range(count):
                netlist.mismatch.clear()
                netlist.mismatch.update(points[k])
                if what != "altered":  # another title is another circuit
                    netlist.title = f"sample {k}"
                ready.measures()
            best = min(best, (_worker_seconds() - before + time.process_time() - own) / count)
        return {"what": f"PCSA in sky130, transistors vary: {what}", "seconds": best, "points": count}

    result = [run("altered", 24), run("loaded anew", 24)]
    netlist.technology = replace(technology, trim=False, _text={})
    return [*result, run("whole library loaded anew", 2)]


_SCRIPT = """
import sys, time
from compact.cards import load_card
from compact.montecarlo import Plan, monte_carlo
from joblib.externals.loky import get_reusable_executor
if __name__ == "__main__":
    samples, jobs, out = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    plan = Plan("pcsa", load_card("ikeda_2010"), "sky130", stride=16.0)
    first = out + ".first"
    monte_carlo(plan, 16, first, jobs=jobs)  # starts the workers
    start = time.perf_counter()
    monte_carlo(plan, samples, out, jobs=jobs)
    print(time.perf_counter() - start)
    get_reusable_executor().shutdown(wait=True)
"""


def _run(samples: int, jobs: int) -> tuple[float, float]:
    """Wall time of the samples, and processor time of everything [s]."""
    with tempfile.TemporaryDirectory() as folder:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [sys.executable, "-c", _SCRIPT, str(samples), str(jobs), f"{folder}/s.jsonl"],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return float(done.stdout), spent


def rows(repeat: int = 3) -> list[dict[str, Any]]:
    """Seconds per sample, seconds of a thousand, and the efficiency of two workers, in wall and in processor time.

    Parameters
    ----------
    repeat : int
        Times that short cases are run; the least time counts.
    """
    (alone, alone_spent), (together, spent) = _run(SAMPLES, 1), _run(SAMPLES, 2)
    return [
        *_loads(repeat),
        {"what": f"{SAMPLES} samples of the PCSA in sky130, one worker", "seconds": alone, "processor": alone_spent},
        {"what": f"{SAMPLES} samples of the PCSA in sky130, two workers", "seconds": together, "limit": 60.0,
         "processor": spent, "efficiency": alone / together / 2, "of work": alone_spent / spent},
    ]  # fmt: skip
