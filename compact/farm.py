"""Many independent tasks on the cores of this machine or on a Dask cluster, results as they come."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from compact.errors import StatisticsError

__all__ = ["CONNECT_LIMIT", "cores", "each"]

CONNECT_LIMIT = 15.0
"""How long a Dask scheduler may take to answer [s]."""
DASK_MEND = "pip install 'spinbricks[dask]'"


def cores() -> int:
    """Cores that this process may use."""
    with contextlib.suppress(AttributeError):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def each(
    function: Callable[[Any], Any],
    items: Sequence[Any],
    *,
    jobs: int | None = None,
    dask: str | None = None,
    connect_limit: float = CONNECT_LIMIT,
) -> Iterator[Any]:
    """Call a function with each item; results in the order in which they are ready.

    Parameters
    ----------
    function : callable
        A function of a module, which other processes can import.
    items : sequence
        What it is called with; must travel between processes.
    jobs : int, optional
        Processes on this machine; all cores by default, 1 for none but this one.
    dask : str, optional
        Address of a Dask scheduler that does the work instead, such as tcp://host:8786.
    connect_limit : float
        How long it may take to answer [s].

    Yields
    ------
    object
        Results.

    Raises
    ------
    StatisticsError
        If the scheduler does not answer, Dask is not installed, or a worker dies.
    """
    if dask is not None:
        yield from _on_dask(function, items, dask, connect_limit)
        return
    jobs = cores() if jobs is None else jobs
    if jobs < 1:
        raise StatisticsError(f"jobs = {jobs} must be at least 1")
    jobs = min(jobs, max(1, len(items)))
    if jobs == 1:
        yield from map(function, items)
        return
    from joblib import Parallel, delayed
    from joblib.externals.loky.process_executor import BrokenProcessPool

    _hide_aborts()
    try:
        with _deaf_to_interrupts():
            results = Parallel(n_jobs=jobs, return_as="generator_unordered", pre_dispatch="3*n_jobs")(
                delayed(function)(item) for item in items
            )
        yield from results
    except BrokenProcessPool as error:
        reason = " ".join(str(error).split(". ")[0].split())
        raise StatisticsError(f"a worker process died ({reason}); the results so far are kept") from None


@contextlib.contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Ignore Ctrl-C while workers are started, which takes a moment: they inherit that for good.

    A terminal sends Ctrl-C to all processes, and each worker would print where it was; this process ends them.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before if before is not None else signal.default_int_handler)


def _hide_aborts() -> None:
    """Keep off the screen that the thread behind the workers stumbles when an interruption takes its tasks away."""
    shown = threading.excepthook
    if getattr(shown, "hides_aborts", False):
        return

    def hook(args: threading.ExceptHookArgs) -> None:
        name = args.thread.name if args.thread else ""
        if not (name.startswith("ExecutorManagerThread") and issubclass(args.exc_type, KeyError)):
            shown(args)

    hook.hides_aborts = True  # type: ignore[attr-defined]
    threading.excepthook = hook


def _on_dask(function: Callable[[Any], Any], items: Sequence[Any], address: str, connect_limit: float) -> Iterator[Any]:
    try:
        from distributed import Client, as_completed
        from distributed.scheduler import KilledWorker
    except ImportError:
        raise StatisticsError(f"Dask is not installed; mend: {DASK_MEND}") from None
    try:
        client = Client(address, timeout=connect_limit, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        reason = str(error) or "no answer"
        raise StatisticsError(f"no Dask scheduler answers at '{address}' ({reason})") from None
    try:
        with _quiet():
            futures = client.map(function, items, pure=False, retries=1)
            for future in as_completed(futures, loop=client.loop):
                try:
                    yield future.result()
                except KilledWorker as error:
                    reason = " ".join(str(error).split(". ")[0].split())
                    raise StatisticsError(f"Dask workers died ({reason}); the results so far are kept") from None
                except OSError as error:
                    raise StatisticsError(
                        f"the Dask cluster at '{address}' is gone ({error}); the results so far are kept"
                    ) from None
                future.release()
    finally:
        client.close(timeout=5)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the cluster's chatter about connections off the screen; what matters comes as an exception."""
    import logging

    logger = logging.getLogger("distributed")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
