"""Speed of macrospin ensembles per trajectory and step, against cmtj where it is installed.

``python -m benchmarks.bench_llgs`` prints the table; `rows` is for the runner.
"""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Callable
from typing import Any

from compact.physics.llgs import Drive, boltzmann, simulate
from compact.physics.macrospin import Macrospin

__all__ = ["rows"]

TRAJECTORIES = 10_000
STEP = 1e-12
STEPS = 1000
PEER_STEPS = 50_000
RATIO = 8.0
"""How many times faster than the peer's Heun an ensemble at 300 K must be."""


def rows(repeat: int = 3) -> list[dict[str, Any]]:
    """Nanoseconds of processor time per trajectory and step, with and without spin torque, on one core and on all.

    Parameters
    ----------
    repeat : int
        Times that each is run; the least time counts.
    """
    device = _device()
    current = -2 * device.critical_currents()[0]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cases: list[tuple[str, Drive, dict[str, Any], Macrospin]] = [
        ("Heun, 300 K, current", Drive(current=current), {}, device),
        ("Heun, 300 K, voltage, TMR", Drive(voltage=current * device.r_p), {}, device),
        ("Heun, 300 K, self-heating", Drive(voltage=current * device.r_p), {}, device.replace(r_th=1e6)),
        ("RK4, no noise", Drive(current=current), {"thermal": False}, device),
    ]
    start = boltzmann(device, TRAJECTORIES)
    table = []
    for name, drive, options, used in cases:
        for threads in sorted({1, cores}):

            def work(threads: int = threads, drive: Drive = drive, options: Any = options, used: Any = used) -> None:
                settings = {"n": TRAJECTORIES, "step": STEP, "threads": threads, "samples": 1, "start": start}
                simulate(used, drive, STEPS * STEP, **settings, **options)

            wall, cpu = _least(work, repeat)
            count = TRAJECTORIES * STEPS * 1e-9
            table.append({"what": name, "threads": threads, "ns_wall": wall / count, "ns_cpu": cpu / count})
    peer = _peer(repeat)
    for row in table:
        row["peer_ns"] = peer.get("RK4" if row["what"].startswith("RK4") else "Heun")
        row["ratio"] = row["peer_ns"] / row["ns_cpu"] if row["peer_ns"] and row["threads"] == 1 else None
    return table


def _device() -> Macrospin:
    return Macrospin.from_geometry(
        length=50e-9, thickness=1e-9, shape="sato_ishii", ms=1.2e6, alpha=0.01, k_i=1e-3, polarisation=0.75
    )


def _least(work: Callable[[], None], repeat: int) -> tuple[float, float]:
    work()
    times = []
    for _ in range(repeat):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        times.append((time.perf_counter() - wall, time.process_time() - cpu))
    return min(w for w, _ in times), min(c for _, c in times)


def _peer(repeat: int) -> dict[str, float]:
    """Nanoseconds per step of cmtj, one macrospin of the same parameters; empty where it is not installed."""
    if importlib.util.find_spec("cmtj") is None:
        return {}
    import cmtj

    device = _device()
    result = {}
    for name, temperature in (("Heun", 300.0), ("RK4", 0.0)):
        factors = [cmtj.CVector(*(device.n[i] if i == j else 0.0 for j in range(3))) for i in range(3)]
        layer = cmtj.Layer.createSTTLayer(
            "free",
            cmtj.CVector(0.1, 0.0, 0.995),
            cmtj.CVector(0, 0, 1),
            1.2e6 * 1.25663706127e-6,
            1e-9,
            device.volume / 1e-9,
            factors,
            device.alpha,
            1.0,
            0.0,
            device.polarisation,
        )
        layer.setReferenceLayer(cmtj.CVector(0, 0, 1))
        layer.setAnisotropyDriver(cmtj.ScalarDriver.getConstantDriver(1e6))
        junction = cmtj.Junction([layer])
        if temperature:
            junction.setLayerTemperatureDriver("free", cmtj.ScalarDriver.getConstantDriver(temperature))
        mode = getattr(cmtj.SolverMode, name)
        length = PEER_STEPS * STEP

        def work(junction: Any = junction, mode: Any = mode, length: float = length) -> None:
            junction.clearLog()
            junction.runSimulation(length, STEP, length / 10, solverMode=mode)

        result[name] = _least(work, repeat)[1] / PEER_STEPS * 1e9
    return result


if __name__ == "__main__":
    for row in rows():
        ratio = f"{row['ratio']:5.1f} x" if row["ratio"] else ""
        peer = f"cmtj {row['peer_ns']:4.0f} ns" if row["peer_ns"] else "cmtj not installed"
        print(
            f"{row['what']:28s} {row['threads']} threads  wall {row['ns_wall']:5.1f} ns  cpu {row['ns_cpu']:5.1f} ns  "
            f"{peer}  {ratio}"
        )
