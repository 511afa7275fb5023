"""Rare failures of a circuit: importance sampling on the simulator itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact.errors import SpinbricksError, StatisticsError, unknown
from compact.farm import each
from compact.highsigma import Rare, importance_sampling
from compact.montecarlo import BATCH, Plan, batches, nominal, prepare, ready_of, settle
from compact.samples import FORMAT, SampleFile

__all__ = ["rare_failure"]


def rare_failure(
    plan: Plan,
    names: Sequence[str],
    *,
    samples: int = 1000,
    search: int = 400,
    jobs: int | None = None,
    dask: str | None = None,
    out: str | Path | None = None,
    resume: bool = False,
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
    out : str or pathlib.Path, optional
        File that keeps what each simulation said, in the order of the search, so that a run can be continued.
    resume : bool
        Whether such a file that is there is continued: what it holds is not simulated again.
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
        If there is no such figure, the typical circuit fails already, no failure is found, or the file is that of
        another analysis or cannot be written.
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
    asked = {"names": sorted(names), "samples": samples, "search": search, "variables": len(ready.space.names)}
    header = {
        "format": FORMAT,
        "plan": plan.plain() | {"rare": asked},
        "variables": list(ready.space.names),
        "measures": {"fails": {"unit": "1", "low": None, "high": 0.5, "description": "1 out of the limits, 0 within",
                               "typical": 0.0}},
    }  # fmt: skip
    with SampleFile(out, header, resume) if out is not None else nullcontext() as file:

        def fails(u: NDArray[np.float64]) -> NDArray[np.bool_]:
            # The search follows from the seed and from what was said before: its points have the same numbers again.
            first, result = counts["done"], np.zeros(len(u), dtype=bool)
            kept = {k: row for k in range(len(u)) if file is not None and (row := file.rows.get(first + k))}
            for k, row in kept.items():
                result[k] = bool(row["measures"]["fails"])
            counts["done"] += len(kept)
            counts["failed"] += sum("error" in row for row in kept.values())
            missing = [k for k in range(len(u)) if k not in kept]
            tasks: list[Any] = [(plan, tuple(names), k, u[k]) for k in map(np.asarray, batches(missing, BATCH))]
            for k, bad, errors in each(_fails, tasks, jobs=jobs if len(tasks) > 1 else 1, dask=dask) if tasks else ():
                result[k] = bad
                counts["done"] += len(k)
                counts["failed"] += len(errors)
                if file is not None:
                    file.append(
                        {"sample": first + int(n), "measures": {"fails": float(b)}}
                        | ({"error": errors[int(n)]} if int(n) in errors else {})
                        for n, b in zip(k, bad, strict=True)
                    )
                if progress:
                    progress(counts["done"])
            return result

        found = importance_sampling(
            fails, ready.space.dimension, samples=samples, search=search, seed=plan.seed + 1_000_003
        )
        if file is not None:
            file.finish()
    return found, counts["failed"]


def _fails(
    task: tuple[Plan, tuple[str, ...], NDArray[np.int64], NDArray[np.float64]],
) -> tuple[NDArray[np.int64], NDArray[np.bool_], dict[int, str]]:
    plan, names, numbers, points = task
    ready = ready_of(plan)
    bad = np.zeros(len(points), dtype=bool)
    errors: dict[int, str] = {}
    for k, u in enumerate(points):
        try:
            bad[k] = any(not m.passed for m in ready.at(u) if m.name in names)
        except SpinbricksError as error:
            bad[k] = True
            errors[int(numbers[k])] = str(error)
    return numbers, bad, errors
