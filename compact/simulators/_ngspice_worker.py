"""The process in which ngspice's shared library lives; started by `compact.simulators.worker`.

It reads requests from standard input and writes results to standard output: a length, a JSON header, raw
vectors. A crash, an endless loop or a library that cannot go on takes this process along and nothing else.
"""

from __future__ import annotations

import ctypes.util
import json
import logging
import os
import re
import shutil
import signal
import struct
import sys
import threading
import time
from typing import Any

os.environ.setdefault("NGSPICE_LIBRARY_PATH", ctypes.util.find_library("ngspice") or "libngspice.so.0")
logging.disable(logging.CRITICAL)

from PySpice.Spice.NgSpice.Shared import NgSpiceShared, ffi, ffi_string_utf8  # noqa: E402

LIMIT = 20_000  # lines of output kept per run
# A library that says one of these has no usable circuit, or gave up.
LOAD_FAILED = re.compile(
    r"(?i)^(error|fatal|no circuit loaded|undefined parameter|cannot compute|.*could not find a valid|"
    r".*can't find model|.*unknown parameter)"
)
RUN_FAILED = re.compile(
    r"(?i)(run simulation\(s\) aborted|run simulation not started|circuit not parsed|"
    r"aren't any circuits loaded|fatal error|doanalyses:)"
)


class Library(NgSpiceShared):
    """ngspice without the rule that any unusual line is an error."""

    LIBRARY_PATH = os.environ["NGSPICE_LIBRARY_PATH"]

    def __init__(self) -> None:
        self.lines: list[tuple[bool, str]] = []
        self.broken = False
        self.loaded = ""  # the deck that is still there
        self.altered: set[str] = set()
        super().__init__()
        # PySpice asks for the version first and finds some builds' answer unreadable; ask once more, plainly.
        text = " ".join(line for _, line in self.command("version -f"))
        match = re.search(r"ngspice-(\d+(?:\.\d+)*)", text)
        self.version = match[1] if match else "unknown"
        self.has_osdi = not any("no such command" in line for _, line in self.command("osdi"))
        self.command("set num_threads=1")
        self.command("set nomoremode")

    @staticmethod
    def _send_char(message: Any, _id: int, user_data: Any) -> int:
        self = ffi.from_handle(user_data)
        text = ffi_string_utf8(message)
        if isinstance(text, bytes):
            text = text.decode("latin-1")
        stream, _, content = text.partition(" ")
        if len(self.lines) < LIMIT:
            self.lines.append((stream == "stderr", content.strip()))
        # what PySpice's own commands look at
        (self._stderr if stream == "stderr" else self._stdout).append(content)
        return 0

    @staticmethod
    def _exit(status: int, _unload: bool, _quit: bool, _id: int, user_data: Any) -> int:
        ffi.from_handle(user_data).broken = True
        return status

    def command(self, text: str) -> list[tuple[bool, str]]:
        """Run a command; its output, each line with whether it came from stderr."""
        start = len(self.lines)
        self.clear_output()
        self._ngspice_shared.ngSpice_Command(text.encode())
        return self.lines[start:]

    def load(self, deck: str) -> bool:
        """Load a circuit; whether ngspice took it."""
        keep = [ffi.new("char[]", line.encode()) for line in deck.splitlines() if line.strip()]
        failed = self._ngspice_shared.ngSpice_Circ(ffi.new("char *[]", [*keep, ffi.NULL]))
        return not (failed or self.broken or self.said(LOAD_FAILED))

    def alter(self, deck: str, changes: list[tuple[str, float]]) -> bool:
        """Have a circuit with these transistors altered and all others as they are in the deck; whether it worked."""
        if self.loaded != deck:
            self.forget()
            if not self.load(deck):
                return False
            self.loaded = deck
        values = {**dict.fromkeys(self.altered, 0.0), **dict(changes)}
        for name, value in values.items():
            self.command(f"alter @{name}[delvto]={value!r}")
        self.altered = {name for name, _ in changes}
        return not (self.broken or self.said(LOAD_FAILED))

    def forget(self) -> None:
        """Let go of a circuit that was kept."""
        if self.loaded:
            self.command("remcirc")
        self.loaded, self.altered = "", set()

    def said(self, pattern: re.Pattern[str]) -> bool:
        """Whether a line of stderr matches."""
        return any(error and pattern.search(line) for error, line in self.lines)

    def vectors(self) -> tuple[list[tuple[str, str, int]], list[bytes]]:
        """Vectors of the current plot as (name, type, length), and copies of what they hold."""
        plot = ffi_string_utf8(self._ngspice_shared.ngSpice_CurPlot())
        names = self._ngspice_shared.ngSpice_AllVecs(plot.encode()) if plot != "const" else ffi.NULL
        headers: list[tuple[str, str, int]] = []
        buffers: list[bytes] = []
        k = 0
        while names != ffi.NULL and names[k] != ffi.NULL:
            name = ffi_string_utf8(names[k])
            k += 1
            info = self._ngspice_shared.ngGet_Vec_Info(f"{plot}.{name}".encode())
            if info == ffi.NULL:
                continue
            if info.v_compdata == ffi.NULL:
                headers.append((name, "f8", info.v_length))
                buffers.append(ffi.buffer(info.v_realdata, 8 * info.v_length)[:])
            else:
                headers.append((name, "c16", info.v_length))
                buffers.append(ffi.buffer(info.v_compdata, 16 * info.v_length)[:])
        return headers, buffers

    def clear(self, keep: bool = False) -> None:
        """Forget results, history and, unless it is to stay, the circuit, so that nothing is left for the next run."""
        if not keep:
            self.command("remcirc")
            self.loaded, self.altered = "", set()
        self.command("destroy all")
        self._ngspice_shared.ngSpice_Command(ffi.NULL)
        self.lines = []


class _Unbroken:
    """A raw stream that writes buffers of any size whole."""

    def __init__(self, raw: Any):
        self._raw = raw

    def write(self, data: Any) -> None:
        view = memoryview(data)
        while view:
            view = view[self._raw.write(view) :]

    def flush(self) -> None:
        """Nothing is held back."""


def _send(out: _Unbroken, header: dict[str, Any], buffers: list[Any]) -> None:
    text = json.dumps(header).encode()
    out.write(struct.pack("<Q", len(text)) + text)
    for buffer in buffers:
        out.write(buffer)
    out.flush()


def _serve(library: Library, request: dict[str, Any], loaded: set[str], out: _Unbroken) -> bool:
    """One run; False if this process should not be used again."""
    for path in request["osdi"]:
        if path not in loaded:
            library.command(f"osdi {path}")
            loaded.add(path)
    start = time.perf_counter()
    changes = request.get("alter")
    if changes is None:
        library.forget()
        took = library.load(request["deck"])
    else:
        took = library.alter(request["deck"], changes)
    if took:
        library.command("run")
    ok = took and not library.broken and not library.said(RUN_FAILED)
    seconds = time.perf_counter() - start
    headers, buffers = library.vectors() if ok else ([], [])
    lines = library.lines
    if not library.broken:
        library.clear(keep=ok and changes is not None)
    header = {
        "ok": ok,
        "stage": "run" if took else "load",
        "lines": lines,
        "seconds": seconds,
        "vectors": headers,
        "last": library.broken,
    }
    _send(out, header, buffers)
    return not library.broken


def _watch_parent(parent: int, folder: str) -> None:
    """End when the parent is gone, however it went; the folder is then nobody's."""
    while os.getppid() == parent:
        time.sleep(0.5)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


def main() -> None:
    """Serve requests until standard input ends or the library is beyond use."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_watch_parent, args=(os.getppid(), sys.argv[2]), daemon=True).start()
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what the library prints past its callbacks must not reach the results
    stdin = sys.stdin.buffer
    stream = _Unbroken(out)
    try:
        library = Library()
    except (OSError, NameError) as error:
        _send(stream, {"ok": False, "error": str(error)}, [])
        return
    _send(
        stream, {"ok": True, "version": library.version, "osdi": library.has_osdi, "library": Library.LIBRARY_PATH}, []
    )
    library.lines = []
    loaded: set[str] = set()
    while len(head := stdin.read(8)) == 8:
        request = json.loads(stdin.read(struct.unpack("<Q", head)[0]))
        if not _serve(library, request, loaded, stream):
            return
    shutil.rmtree(sys.argv[2], ignore_errors=True)  # the parent is gone
