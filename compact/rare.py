"""Rare failures of a circuit: importance sampling on the simulator itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact.errors import SpinbricksError, StatisticsError, unknown
from compact.farm import each
from compact.highsigma import Rare, importance_sampling
from compact.montecarlo import BATCH, Plan, batches, nominal, prepare, ready_of, settle

__all__ = ["rare_failure"]


def rare_failure(
    plan: Plan,
    names: Sequence[str],
    *,
    samples: int = 1000,
    search: int = 400,
    jobs: int | None = None,
    dask: str | None = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[Rare, int]:
    """Probability that one of the named figures of a circuit is out of its limits, by importance sampling.

    Give figures that fail in one way, such as the decision of one stored bit: see `Rare.opposite`.

    Parameters
    ----------
    plan : Plan
        What varies; its seed is used.
    names : sequence of str
        Figures that count.
    samples, search
        As for `importance_sampling`.
    jobs, dask
        As for `monte_carlo`.
    progress : callable, optional
        Called with the number of simulations done.

    Returns
    -------
    Rare
        The probability.
    int
        Simulations that failed; they count as failures of the circuit.

    Raises
    ------
    StatisticsError
        If there is no such figure, the typical circuit fails already, or no failure is found.
    """
    plan = settle(plan)
    ready = prepare(plan)
    assert ready.space is not None
    typical = {m.name: m for m in nominal(ready)}
    for name in names:
        if name not in typical:
            raise StatisticsError(unknown("measure", name, typical))
        if not typical[name].passed:
            raise StatisticsError(f"'{name}' is out of its limits in the typical circuit already: that is not rare")
    if not names:
        raise StatisticsError("no measure is named")
    counts = {"done": 0, "failed": 0}

    def fails(u: NDArray[np.float64]) -> NDArray[np.bool_]:
        tasks: list[Any] = [(plan, tuple(names), k, u[k]) for k in map(np.asarray, batches(list(range(len(u))), BATCH))]
        result = np.zeros(len(u), dtype=bool)
        for k, bad, failed in each(_fails, tasks, jobs=jobs if len(tasks) > 1 else 1, dask=dask):
            result[k] = bad
            counts["done"] += len(k)
            counts["failed"] += failed
            if progress:
                progress(counts["done"])
        return result

    found = importance_sampling(
        fails, ready.space.dimension, samples=samples, search=search, seed=plan.seed + 1_000_003
    )
    return found, counts["failed"]


def _fails(
    task: tuple[Plan, tuple[str, ...], NDArray[np.int64], NDArray[np.float64]],
) -> tuple[NDArray[np.int64], NDArray[np.bool_], int]:
    plan, names, numbers, points = task
    ready = ready_of(plan)
    bad, failed = np.zeros(len(points), dtype=bool), 0
    for k, u in enumerate(points):
        try:
            bad[k] = any(not m.passed for m in ready.at(u) if m.name in names)
        except SpinbricksError:
            bad[k] = True
            failed += 1
    return numbers, bad, failed
