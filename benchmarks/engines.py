"""Simulators run as plain processes of one thread, so that their processor time can be read."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compact.analysis import Tran
from compact.circuits.base import Junction
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.simulators import openvaf, vacask
from compact.simulators.ngspice import deck
from compact.simulators.rawfile import read_raw

__all__ = ["Cost", "Engine", "FixedResistor", "compare", "engines"]

_ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True)
class FixedResistor:
    """What stands in for a junction in the circuit that it is compared with: R_P or R_AP, by its initial state.

    Parameters
    ----------
    card : ParameterSet
        The junction.
    """

    card: ParameterSet
    subckt: str = "mtj"
    ports: tuple[str, ...] = ("fl", "rl")
    states: tuple[str, ...] = ()

    @property
    def instance_parameters(self) -> Mapping[str, float]:
        """Parameters an instance may give."""
        return {"state": 1.0}

    @property
    def model_parameters(self) -> Mapping[str, float]:
        """Resistances [Ohm]."""
        junction = Junction(self.card)
        return {"r_p": junction.resistance(1.0), "r_ap": junction.resistance(-1.0)}

    @property
    def options(self) -> Mapping[str, float | str]:
        """The same as an emitted device asks for."""
        return {"method": "trap", "reltol": 1e-4}

    def ngspice_text(self, temperature: float = 27.0) -> str:
        """One resistor in a subcircuit."""
        r = self.model_parameters
        return f".subckt mtj fl rl state=1\nR1 fl rl {{state > 0 ? {r['r_p']!r} : {r['r_ap']!r}}}\n.ends mtj"

    def veriloga_text(self) -> str:
        """One resistor in a module."""
        return """`include "disciplines.vams"
module fixed_resistor(fl, rl);
  inout fl, rl;
  electrical fl, rl;
  parameter real r_p = 1e3 from [1e-3:inf];
  parameter real r_ap = 1e3 from [1e-3:inf];
  (* type="instance" *) parameter real state = 1 from [-1:1];
  analog I(fl, rl) <+ V(fl, rl) / (state > 0 ? r_p : r_ap);
endmodule
"""


@dataclass(frozen=True)
class Cost:
    """What one simulation took.

    Parameters
    ----------
    seconds : float
        Processor time of the whole process, loading included [s].
    points : int
        Accepted time points.
    iterations : int or None
        Newton iterations, where the simulator tells.
    peak_mb : float
        Most memory that the process held [MB].
    """

    seconds: float
    points: int
    iterations: int | None = None
    peak_mb: float = 0.0


@dataclass(frozen=True)
class Engine:
    """A simulator to be measured.

    Parameters
    ----------
    name : str
        Its name and version.
    target : float
        Highest ratio to aim at.
    prepare : callable
        Writes a netlist into a folder; the command that runs it.
    read : callable
        Points and iterations from the folder and what the command printed.
    """

    name: str
    target: float
    prepare: Callable[[Netlist, Tran, list[str], Path], list[str]]
    read: Callable[[Path, str], tuple[int, int | None]]

    def measure(self, netlist: Netlist, analysis: Tran, save: Iterable[str]) -> Callable[[], Cost]:
        """Prepare a circuit; each call of the result runs it once."""
        folder = Path(tempfile.mkdtemp(prefix="spinbricks-bench-"))
        command = self.prepare(netlist, analysis, list(save), folder)

        def run() -> Cost:
            with (folder / "log").open("wb") as log:
                process = subprocess.Popen(
                    command, cwd=folder, env=_ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )
                status, usage, peak = _finished(process.pid)
                process.returncode = os.waitstatus_to_exitcode(status)
            text = (folder / "log").read_text(errors="replace")
            if process.returncode:
                raise RuntimeError(f"{self.name} failed, see {folder}\n{text[-2000:]}")
            return Cost(usage.ru_utime + usage.ru_stime, *self.read(folder, text), peak_mb=peak)

        return run


def _finished(pid: int) -> tuple[int, Any, float]:
    """Wait for a process: its status, what it used, and the most memory that it held [MB].

    The peak is looked up while it runs: what ``wait4`` tells is that of this process too, from before the start.
    """
    peak = 0.0
    while True:
        with contextlib.suppress(OSError):
            if found := re.search(r"VmHWM:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_text()):
                peak = int(found[1]) / 1024
        ended, status, usage = os.wait4(pid, os.WNOHANG)
        if ended:
            return status, usage, peak
        time.sleep(0.002)


def compare(runs: Mapping[str, Callable[[], Cost]], repeat: int) -> dict[str, Cost]:
    """Run the circuits in turn, several times, and keep the least time of each."""
    best: dict[str, Cost] = {}
    for _ in range(repeat):
        for name, run in runs.items():
            cost = run()
            if name not in best or cost.seconds < best[name].seconds:
                best[name] = cost
    return best


def engines() -> list[Engine]:
    """The simulators that are here; NGSPICE names another ngspice than the one on the search path."""
    found = []
    if path := os.environ.get("NGSPICE") or shutil.which("ngspice"):
        version = _ngspice_version(path)
        found.append(Engine(f"ngspice {version}", 2.0, _ngspice(path, False), _ngspice_points))
        if _loads_osdi(path) and openvaf.binary("openvaf-r", "SPINBRICKS_OPENVAF"):
            found.append(Engine(f"ngspice {version} OSDI", 1.2, _ngspice(path, True), _ngspice_points))
    if path := openvaf.binary("vacask", "SPINBRICKS_VACASK"):
        found.append(Engine(f"vacask {vacask.Vacask().find()['version']}", 1.2, _vacask(path), _vacask_points))
    return found


def _ngspice_version(path: str) -> str:
    text = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    match = re.search(r"ngspice-(\d+(?:\.\d+)*)", text)
    return match[1] if match else "unknown"


def _loads_osdi(path: str) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a.cir").write_text("* osdi\nr1 a 0 1\n.control\nosdi none.osdi\nquit\n.endc\n.end\n")
        done = subprocess.run([path, "-n", "-b", "a.cir"], cwd=folder, capture_output=True, text=True, check=False)
    return "no such command" not in done.stdout + done.stderr


def _ngspice(path: str, osdi: bool) -> Any:
    def prepare(netlist: Netlist, analysis: Tran, save: list[str], folder: Path) -> list[str]:
        compiled = openvaf.compile_devices(netlist) if osdi else {}
        text = deck(netlist, analysis, save=save, compiled=compiled).replace(".options ", ".options acct ", 1)
        (folder / "circuit.cir").write_text(text)
        (folder / ".spiceinit").write_text("set num_threads=1\n")
        return [path, "-b", "-r", "result.raw", "circuit.cir"]

    return prepare


def _ngspice_points(folder: Path, log: str) -> tuple[int, int | None]:
    points = re.search(r"No\. of Data Rows : (\d+)", log)
    iterations = re.search(r"(?i)total iterations\s*=\s*(\d+)", log)
    if points is None:
        raise RuntimeError(f"ngspice gave no result, see {folder}\n{log[-2000:]}")
    return int(points[1]), int(iterations[1]) if iterations else None


def _vacask(path: str) -> Any:
    def prepare(netlist: Netlist, analysis: Tran, save: list[str], folder: Path) -> list[str]:
        files = vacask._deck(netlist, analysis, save, 27.0, {}, openvaf.compile_devices(netlist))
        for name, text in files.items():
            (folder / name).write_text(text)
        return [path, "-qp", "-sp", "circuit.sim"]

    return prepare


def _vacask_points(folder: Path, log: str) -> tuple[int, int | None]:
    return len(read_raw(folder / "result.raw")["time"]), None
