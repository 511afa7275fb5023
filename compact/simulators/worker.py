"""Worker processes that run ngspice: started when needed, reused, killed at a time limit."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["Worker", "WorkerDied", "WorkerTimeout", "borrow"]

_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from compact.simulators._ngspice_worker import main; main()"
)
_START_LIMIT = 60.0
_RUNS = 5000  # a worker is replaced after so many runs, as a guard against leaks in the library


class WorkerDied(Exception):
    """The process ended by itself; the text says how."""


class WorkerTimeout(Exception):
    """No answer within the time limit."""


class Worker:
    """One process with one copy of the library.

    Parameters
    ----------
    python : str
        Interpreter that runs it.
    library : str or None
        The shared library; None for the system's.

    Raises
    ------
    WorkerDied
        If it does not start; the text says why.
    """

    def __init__(self, python: str, library: str | None):
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "HOME": os.sep}  # no ~/.spiceinit
        if library:
            environment["NGSPICE_LIBRARY_PATH"] = library
        paths = [str(Path(__file__).resolve().parents[2]), *(str(Path(p or ".").resolve()) for p in sys.path)]
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        # where ngspice may drop files such as bsim4.out
        self._folder = tempfile.TemporaryDirectory(prefix="spinbricks-worker-", ignore_cleanup_errors=True)
        self._process = subprocess.Popen(
            [python, "-c", _BOOT, json.dumps(paths), self._folder.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,
            cwd=self._folder.name,
            env=environment,
        )
        assert self._process.stdin and self._process.stdout
        self._in, self._out = self._process.stdin.fileno(), self._process.stdout.fileno()
        with contextlib.suppress(OSError, ImportError, AttributeError):
            import fcntl

            fcntl.fcntl(self._out, fcntl.F_SETPIPE_SZ, 1 << 20)
        self._poll = select.poll()
        self._poll.register(self._out, select.POLLIN)
        self._runs = 0
        self._retired = False
        try:
            self.hello = self._header(time.monotonic() + _START_LIMIT)
        except BaseException:
            self.kill()
            raise
        if not self.hello["ok"]:
            self.kill()
            raise WorkerDied(self.hello["error"])

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def usable(self) -> bool:
        """Whether it may serve another run."""
        return not self._retired and self._runs < _RUNS and self._process.poll() is None

    def run(
        self, deck: str, osdi: list[str], timeout: float | None, alter: list[tuple[str, float]] | None = None
    ) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Run a deck.

        Parameters
        ----------
        deck : str
            SPICE text with one analysis.
        osdi : list of str
            Compiled modules to load first.
        timeout : float or None
            Limit [s].
        alter : list of (str, float), optional
            ``delvto`` of transistors [V] by flat name, set before the run. The circuit then stays loaded, and a next
            run of the same deck only alters it.

        Returns
        -------
        header, vectors
            What ngspice said, and its vectors by ngspice's names.

        Raises
        ------
        WorkerDied, WorkerTimeout
            The process is gone then.
        """
        self._runs += 1
        deadline = None if timeout is None else time.monotonic() + timeout
        text = json.dumps({"deck": deck, "osdi": osdi, "alter": alter}).encode()
        try:
            self._write(struct.pack("<Q", len(text)) + text)
            header = self._header(deadline)
            vectors = {
                name: np.frombuffer(self._read(length * np.dtype(kind).itemsize, deadline), dtype=kind)
                for name, kind, length in header["vectors"]
            }
        except BaseException:  # also Ctrl-C: a run that nobody waits for must not go on
            self.kill()
            raise
        self._retired = header["last"]
        return header, vectors

    def kill(self) -> None:
        """End the process now."""
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            with contextlib.suppress(OSError):
                stream.close()  # type: ignore[union-attr]
        self._folder.cleanup()

    def forget(self) -> None:
        """Let go of everything without touching the process: it belongs to the parent of a fork."""
        self._folder._finalizer.detach()  # type: ignore[attr-defined]
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            with contextlib.suppress(OSError):
                stream.close()  # type: ignore[union-attr]

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._in, view) :]
        except OSError:
            raise WorkerDied(self._last_words()) from None

    def _header(self, deadline: float | None) -> dict[str, Any]:
        (length,) = struct.unpack("<Q", self._read(8, deadline))
        header: dict[str, Any] = json.loads(bytes(self._read(length, deadline)))
        return header

    def _read(self, count: int, deadline: float | None) -> bytearray:
        data = bytearray(count)
        view = memoryview(data)
        while view:
            wait = None if deadline is None else 1e3 * (deadline - time.monotonic())
            if wait is not None and (wait <= 0 or not self._poll.poll(wait)):
                raise WorkerTimeout
            got = os.readv(self._out, [view])
            if not got:
                raise WorkerDied(self._last_words())
            view = view[got:]
        return data

    def _last_words(self) -> str:
        try:
            code = self._process.wait(5)
        except subprocess.TimeoutExpired:
            return "closed its output"
        self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, self._errors.tell() - 2000))
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        said = f": {lines[-1]}" if lines else ""
        if code < 0:
            with contextlib.suppress(ValueError):
                return f"was ended by {signal.Signals(-code).name}{said}"
        return f"ended with exit code {code}{said}"


_lock = threading.Lock()
_idle: dict[tuple[str, str | None], list[Worker]] = {}
_all: set[Worker] = set()


@contextlib.contextmanager
def borrow(python: str, library: str | None) -> Iterator[Worker]:
    """A worker for the time of a run, one per concurrent run; kept for the next if it is still sound."""
    key = (python, library)
    with _lock:
        idle = _idle.setdefault(key, [])
        while idle and not idle[-1].usable:
            _drop(idle.pop())
        worker = idle.pop() if idle else None
    if worker is None:
        worker = Worker(python, library)
        with _lock:
            _all.add(worker)
    try:
        yield worker
    except BaseException:
        with _lock:
            _drop(worker)
        raise
    with _lock:
        if worker.usable:
            _idle[key].append(worker)
        else:
            _drop(worker)


def _drop(worker: Worker) -> None:
    worker.kill()
    _all.discard(worker)


@atexit.register
def _kill_all() -> None:
    for worker in list(_all):
        _drop(worker)


def _after_fork() -> None:
    global _lock
    _lock = threading.Lock()
    for worker in _all:
        worker.forget()
    _all.clear()
    _idle.clear()


os.register_at_fork(after_in_child=_after_fork)
