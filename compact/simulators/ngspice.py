"""ngspice through PySpice's shared library, in a worker process."""

from __future__ import annotations

import functools
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from compact.analysis import Ac, Analysis, Dc, Hb, Op, Tran
from compact.errors import CircuitError, SimulationError, SimulatorNotFound, unknown
from compact.mismatch import alterations
from compact.netlist import Device, Netlist, module_parameters
from compact.simulators import openvaf
from compact.simulators.failure import fail, keep_files
from compact.simulators.worker import WorkerDied, WorkerTimeout, borrow
from compact.spicetext import Source, inline_files
from compact.variants import Variants
from compact.waveform import Waveforms, signal_name

__all__ = ["Ngspice", "deck"]

MEND = "apt-get install ngspice libngspice0"
_OPTION_NAMES = """
    abstol autostop chgtol convlimit convstep cshunt defad defas defl defw gmin gminsteps gshunt interp itl1 itl2
    itl3 itl4 itl5 itl6 klu maxevtiter maxopalter maxord method minbreak noopalter noopiter pivrel pivtol ramptime
    reltol rshunt savecurrents scale seed sparse srcsteps temp tnom trtol vntol xmu xtrtol
"""
_OPTIONS = frozenset(_OPTION_NAMES.split())
_AXES = {Op: "point", Tran: "time", Ac: "frequency"}
_SKIPPED = re.compile(r"(?i)^(note:|warning: (singular|further|.*gmin)|trying gmin|supplies reduced|$)")


class Ngspice:
    """ngspice, called through its shared library.

    The library is the system's, or the one ``NGSPICE_LIBRARY_PATH`` names; ``SPINBRICKS_NGSPICE_PYTHON``
    names the interpreter of the worker process where the library needs another one than this.

    Parameters
    ----------
    osdi : bool, optional
        Run devices as compiled Verilog-A instead of as behavioural subcircuits. By default this is done
        where ngspice can (version 44 and later, as a rule) and the compiler is installed.
    """

    name = "ngspice"

    def __init__(self, osdi: bool | None = None):
        self._osdi = osdi

    @staticmethod
    def _settings() -> tuple[str, str | None]:
        python = os.environ.get("SPINBRICKS_NGSPICE_PYTHON") or sys.executable
        return python, os.environ.get("NGSPICE_LIBRARY_PATH")

    def find(self) -> dict[str, Any]:
        """Version, library, whether it loads compiled models, and the program for decks run by hand.

        Raises
        ------
        SimulatorNotFound
            If the library does not load.
        """
        program = os.environ.get("SPINBRICKS_NGSPICE") or shutil.which("ngspice")
        return _find(*self._settings()) | {"program": program}

    def uses_osdi(self, netlist: Netlist) -> bool:
        """Whether devices of this netlist would run as compiled Verilog-A.

        Raises
        ------
        SimulatorNotFound
            If ``osdi=True`` was asked for and is not to be had.
        """
        if not netlist.devices or self._osdi is False:
            return False
        found = self.find()
        if self._osdi and not found["osdi"]:
            raise SimulatorNotFound(
                f"ngspice {found['version']} loads no compiled models; version 44 or later does "
                "(set NGSPICE_LIBRARY_PATH), or choose osdi=False"
            )
        if self._osdi:
            openvaf.find_openvaf()
            return True
        return bool(found["osdi"]) and openvaf.binary("openvaf-r", "SPINBRICKS_OPENVAF") is not None

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
        """Simulate; see `compact.simulators.Simulator.run`."""
        save = [signal_name(name) for name in save]
        doubts = netlist.warn_of_damping(analysis, options, self.name)
        compiled: dict[str, openvaf.Module] = {}
        if self.uses_osdi(netlist):
            compiled = openvaf.compile_devices(netlist)
        write = functools.partial(
            deck, analysis=analysis, save=save, temperature=temperature, options=options or {}, compiled=compiled
        )
        changes = None
        if netlist.mismatch and not compiled:
            typical = netlist.matched()
            changes = alterations(netlist, typical.lines())
        # one loaded circuit is altered from run to run; what is kept for people has the numbers written out
        text = write(netlist if changes is None else typical)
        if keep:
            keep_files(Path(keep), {"circuit.cir": text if changes is None else write(netlist)})
        python, library = self._settings()
        found = self.find()
        paths = [str(module.path) for module in compiled.values()]
        sent = re.sub(r"(?ms)^\.control$.*?^\.endc$\n", "", text)

        def stuck(message: str, log: str = "") -> SimulationError:
            shown = text if changes is None else write(netlist)
            return fail("ngspice", "circuit.cir", shown, keep, message, log)

        try:
            with borrow(python, library) as worker:
                header, vectors = worker.run(sent, paths, timeout, changes)
        except WorkerTimeout:
            raise stuck(f"did not finish within {timeout:g} s") from None
        except WorkerDied as error:
            raise stuck(str(error)) from None
        log = "\n".join(line for _, line in header["lines"])
        stuck = functools.partial(stuck, log=log)
        if not header["ok"]:
            if "no data saved" in log:
                raise stuck(unknown("signal", save[0], netlist.signals()))
            raise stuck(_reason(header["lines"], header["stage"]))
        if keep:
            keep_files(Path(keep), {"circuit.log": log})
        waveforms = _waveforms(analysis, vectors, stuck)
        missing = [name for name in save if name not in waveforms and not name.startswith("@")]
        if missing:
            raise stuck(unknown("signal", missing[0], {*waveforms, *netlist.signals()}))
        if any(not np.all(np.isfinite(values)) for values in waveforms.values()):
            raise stuck("a result is not a finite number")
        warnings = [line for error, line in header["lines"] if error and not _SKIPPED.match(line)]
        info = {
            "simulator": self.name,
            "version": found["version"],
            "seconds": header["seconds"],
            "warnings": [*doubts, *warnings],
            "osdi": bool(compiled),
        }
        return Waveforms(waveforms.axis_name, waveforms.axis, waveforms.signals, info)


@functools.lru_cache
def _find(python: str, library: str | None) -> dict[str, Any]:
    try:
        with borrow(python, library) as worker:
            return {key: worker.hello[key] for key in ("version", "osdi", "library")}
    except (WorkerDied, WorkerTimeout, OSError) as error:
        raise SimulatorNotFound(f"ngspice's library does not load ({error}); mend: {MEND}") from None


def _reason(lines: list[tuple[bool, str]], stage: str) -> str:
    """The line in which ngspice says what is wrong."""
    errors = [line for error, line in lines if error and not _SKIPPED.match(line)]
    for pattern in ("(?i)^undefined parameter|unknown subckt|fatal error", "(?i)^doanalyses", "(?i)^error"):
        for k, line in enumerate(errors):
            if re.search(pattern, line):
                more = errors[k + 1] if line.endswith(("line", ":")) and k + 1 < len(errors) else ""
                return f"{line} {more}".strip()
    return errors[-1] if errors else f"ngspice could not {stage} the circuit"


def _waveforms(
    analysis: Analysis, vectors: dict[str, np.ndarray], stuck: functools.partial[SimulationError]
) -> Waveforms:
    signals: dict[str, np.ndarray] = {}
    axis = None
    for name, values in vectors.items():
        if name in ("time", "frequency") or name.endswith("-sweep"):
            axis = values.real.copy() if np.iscomplexobj(values) else values
        elif "__" not in name:
            signals[_public_name(name)] = values
    if isinstance(analysis, Op):
        axis = np.zeros(1)
    if axis is None or not len(axis):
        raise stuck("ngspice gave no result")
    name = analysis.source.lower() if isinstance(analysis, Dc) else _AXES[type(analysis)]
    if isinstance(analysis, Tran) and axis[-1] < analysis.stop * (1 - 1e-6):
        raise stuck(f"the transient stopped at {axis[-1]:.6g} s of {analysis.stop:.6g} s")
    if isinstance(analysis, Dc):
        values = np.array(analysis.values())
        if len(values) != len(axis):
            raise stuck(f"the sweep has {len(axis)} of {len(values)} points")
        axis = values
    return Waveforms(name, axis, signals)


def _public_name(name: str) -> str:
    """`xc.xm.z` from ngspice's `n.xc.xm.ncore#z`, `i(xc.vi)` from `v.xc.vi#branch`."""
    name = signal_name(name)
    base, mark, rest = name.partition("#")
    if not mark:
        return name
    if len(base) > 2 and base[1] == ".":
        base = base[2:]
    if rest == "branch":
        return f"i({base})"
    return f"{base.removesuffix('.ncore')}.{rest}"


def _saved_name(name: str, find: Callable[[str], Device | None] | None) -> str:
    """ngspice's form of a public name; `find` gives the device at a path, where devices are compiled."""
    if name.startswith("@"):
        return name
    if name.startswith("i("):
        path = name[2:-1]
        head, dot, last = path.rpartition(".")
        return f"i({last[0]}.{head}.{last})" if dot else name
    path, _, last = name.rpartition(".")
    if find and path and (device := find(path)) and last in device.states:
        return f"v(n.{path}.ncore#{last})"
    return f"v({name})"


def deck(
    netlist: Netlist,
    analysis: Analysis,
    *,
    save: Iterable[str] = (),
    temperature: float = 27.0,
    options: Mapping[str, float | str] | None = None,
    compiled: Mapping[str, openvaf.Module] | None = None,
    inline: bool = False,
    called: Iterable[tuple[str, Mapping[str, float]]] = (),
) -> str:
    """Text that ``ngspice -b`` runs by itself.

    Parameters
    ----------
    netlist, analysis, save, temperature, options
        As for ``run``.
    compiled : mapping of str to Module, optional
        Compiled modules by subcircuit name; devices not in it are written as behavioural subcircuits.
    inline : bool
        Put included files into the text, so that it needs no other file.
    called : iterable of (str, mapping)
        Subcircuits, with parameters, that only lines added to this text later will call.
    """
    compiled = compiled or {}
    lines = netlist.lines(analysis.step if isinstance(analysis, Tran) else 1e-12)
    if any(hasattr(device, "variant") for device in netlist.devices.values()):
        variants = Variants(lines, netlist.devices)
        for name, values in called:
            variants.want(name, **values)
        lines = variants.lines()
    parts = [f"* {netlist.title}", "* run by hand: ngspice -n -b -r result.raw THIS_FILE"]
    for name, device in netlist.devices.items():
        if name in compiled:
            parts += _compiled_device(device, compiled[name].name, analysis)
        else:
            parts.append(netlist.ngspice_text(name, temperature, isinstance(analysis, Dc)))
    parts.append(netlist.models(lines).strip())
    if isinstance(analysis, Dc):
        lines = _swept(lines, analysis)
    text = [line.text() if isinstance(line, Source) else line for line in lines]
    parts += inline_files(text) if inline else text
    parts += [f".ic v({node})={volts!r}" for node, volts in netlist.initial.items()]
    parts += [f".nodeset v({node})={volts!r}" for node, volts in netlist.nodesets.items()]
    merged = netlist.merged_options(options or {}, "ngspice") | {"temp": float(temperature)}
    for name in merged:
        if name not in _OPTIONS:
            raise SimulationError(f"ngspice: {unknown('option', name, _OPTIONS)}")
    parts.append(".options " + " ".join(f"{key}={value}" for key, value in merged.items()))
    find = netlist.device_finder() if compiled else None
    parts += [f".save {_saved_name(signal_name(name), find)}" for name in save]
    if isinstance(analysis, Tran) and (bound := netlist.largest_step(lines, temperature)):
        analysis = replace(analysis, max_step=min(analysis.largest_step, bound))
    parts.append(_analysis_card(analysis))
    if compiled or inline:  # elsewhere the worker has set the threads; more than one wait for each other
        loads = [f"pre_osdi {module.path}" for module in compiled.values()]
        parts += [".control", *loads, "set num_threads=1", ".endc"]
    return "\n".join([part for part in parts if part] + [".end", ""])


def _compiled_device(device: Device, module: str, analysis: Analysis) -> list[str]:
    defaults = " ".join(f"{name}={value!r}" for name, value in device.instance_parameters.items())
    given = " ".join(f"{name}={{{name}}}" for name in device.instance_parameters)
    card = " ".join(f"{name}={value!r}" for name, value in module_parameters(device, analysis).items())
    return [
        f".subckt {device.subckt} {' '.join(device.ports)} {defaults}".rstrip(),
        f"ncore {' '.join(device.ports)} {device.subckt}_module {given}".rstrip(),
        f".ends {device.subckt}",
        f".model {device.subckt}_module {module} {card}".rstrip(),
    ]


def _analysis_card(analysis: Analysis) -> str:
    match analysis:
        case Op():
            return ".op"
        case Dc():
            return f".dc vsweep__ {1 - len(analysis.values())} 0 1"
        case Tran():
            uic = " uic" if analysis.uic else ""
            return f".tran {analysis.step!r} {analysis.stop!r} 0 {analysis.largest_step!r}{uic}"
        case Ac():
            return f".ac dec {analysis.points_per_decade} {analysis.start!r} {analysis.stop!r}"
        case Hb():
            raise SimulationError("ngspice: harmonic balance is not offered; use vacask")


def find_source(lines: Iterable[str | Source], name: str) -> Source:
    """The independent source of that name at the top level.

    Raises
    ------
    CircuitError
        If there is none.
    """
    sources = {line.name.lower(): line for line in lines if isinstance(line, Source)}
    if name.lower() not in sources:
        raise CircuitError(unknown("source", name, sources))
    return sources[name.lower()]


def _swept(lines: list[str | Source], analysis: Dc) -> list[str | Source]:
    """Lines for a sweep, in which the source follows a helper node that counts the points up to zero.

    So a sweep can turn back, and ``time``, which ngspice sets to the value swept, never is positive: behavioural
    models tell by it whether a transient is on.
    """
    source = find_source(lines, analysis.source)
    values = analysis.values()
    last = len(values) - 1
    corners = {0: values[0], last // 2 if analysis.back else last: max(values, key=lambda v: abs(v - values[0]))}
    corners[last] = values[last]
    shape = ", ".join(f"{k - last}, {value!r}" for k, value in corners.items())
    shape = f"pwl(v(sweep__), {shape})" if last else f"{values[0]!r}"
    name, plus, minus = source.name, source.plus, source.minus
    if name[0] in "vV":
        driven = [f"{name} {plus} {name}__ dc 0", f"b{name}__ {name}__ {minus} v={shape}"]
    else:
        driven = [f"b{name}__ {plus} {minus} i={shape}"]
    index = lines.index(source)
    return [*lines[:index], *driven, *lines[index + 1 :], "vsweep__ sweep__ 0 dc 0"]
