"""A circuit written once, with PySpice, and read by every simulator."""

from __future__ import annotations

import copy
import logging
import math
import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from compact.analysis import Analysis, Dc, Tran
from compact.errors import CircuitError, SimulationWarning, unknown
from compact.mismatch import Edit, raise_threshold, rename_subckt, specialise
from compact.spicetext import Scope, Source, normalise, number, parse_scopes

if TYPE_CHECKING:
    from compact.technology import Technology

__all__ = ["Device", "Netlist", "module_parameters"]

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_FORCED = re.compile(r"v\(([^()]+)\)\s*=\s*(\S+)", re.IGNORECASE)


@runtime_checkable
class Device(Protocol):
    """What a netlist needs to know of an emitted device.

    Attributes
    ----------
    subckt : str
        Name under which instances call it (lower case).
    ports : sequence of str
        Terminals in order, the same for both texts.
    states : sequence of str
        Internal nodes that can be saved as ``xname.state``.
    instance_parameters : mapping of str to float
        Parameters an instance may give, with their defaults.
    model_parameters : mapping of str to float
        Parameters of the Verilog-A module that are to differ from its defaults; may be empty. Modules whose
        text does not depend on the card are compiled once for all cards.
    options : mapping of str to float or str
        Simulator options the device asks for (``method``, ``reltol``); ``ngspice:trtol`` goes to that one alone.
    """

    @property
    def subckt(self) -> str: ...

    @property
    def ports(self) -> Sequence[str]: ...

    @property
    def states(self) -> Sequence[str]: ...

    @property
    def instance_parameters(self) -> Mapping[str, float]: ...

    @property
    def model_parameters(self) -> Mapping[str, float]: ...

    @property
    def options(self) -> Mapping[str, float | str]: ...

    def ngspice_text(self, temperature: float = 27.0) -> str:
        """A library with ``.subckt <subckt> <ports> <instance parameters>``, for a temperature [degC]."""
        ...

    def veriloga_text(self) -> str:
        """A Verilog-A module with the same ports and instance parameters."""
        ...


def _raised(technology: Technology, rise: float, line: str) -> list[str]:
    return raise_threshold(technology, line, rise)


def _new_circuit(title: str) -> Any:
    from PySpice.Spice.Netlist import Circuit

    logging.getLogger("PySpice").setLevel(logging.ERROR)
    return Circuit(title)


def module_parameters(device: Device, analysis: Analysis) -> dict[str, float]:
    """Parameters of a device's Verilog-A module in an analysis.

    A device may have ``sweep_parameters``, which hold in DC sweeps only: there a state follows from the point
    before, while at an operating point the instance's initial state decides, whatever the solver's first steps do.
    Such a device also takes ``ngspice_text(temperature, sweep=True)``.
    """
    extra: Mapping[str, float] = getattr(device, "sweep_parameters", {}) if isinstance(analysis, Dc) else {}
    return {**device.model_parameters, **extra}


def _damping(merged: Mapping[str, float | str], asked: Mapping[str, float | str]) -> dict[str, str]:
    """What is wrong with the integration, by the name of the option, where a device asks for the trapezoidal rule."""
    found: dict[str, str] = {}
    method = str(merged.get("method", "trap")).lower()
    if not str(asked.get("method", "")).startswith("trap"):
        return found
    if not method.startswith("trap"):
        found["method"] = "that rule damps the precession; method=trap does not"
    elif number(str(merged.get("maxord", 2))) == 1:
        found["maxord"] = "the rule of first order damps the precession; leave maxord at 2"
    elif (share := number(str(merged.get("xmu", 0.5)))) is not None and share < 0.5:
        found["xmu"] = "less than 0.5 damps the precession"
    wanted, given = (number(str(options.get("reltol", 1e-3))) for options in (asked, merged))
    if wanted is not None and given is not None and given > wanted:
        found["reltol"] = f"steps this long change its frequency and amplitude; {wanted:g} or less does not"
    return found


class Netlist:
    """A circuit with the devices it uses, ready for any simulator.

    Parameters
    ----------
    title : str
        One line that says what the circuit is.
    technology : Technology, optional
        Where the transistors come from; the models in use are put in front of the circuit.

    Attributes
    ----------
    circuit : PySpice.Spice.Netlist.Circuit
        Elements are added here: ``netlist.circuit.R(1, "a", "b", 1e3)``.
    options : dict
        Simulator options of this circuit, by their SPICE names; a name such as ``vacask:tran_lteratio`` or
        ``ngspice:xtrtol`` goes to that simulator alone.
    initial, nodesets : dict of str to float
        Node voltages [V] that hold at the start of a transient, or are where the solver should begin.
    mismatch : dict of str to float
        By the path of a transistor (``xbit0.mn``), how much the magnitude of its threshold is raised [V]: positive
        makes a transistor of either polarity weaker.
    instead : dict of str to str
        By the path of a device (``xbit0.xmtj``), the name of the registered device that takes its place.
    """

    def __init__(self, title: str, technology: Technology | None = None):
        self.title = " ".join(str(title).split()) or "circuit"
        self.circuit = _new_circuit(self.title)
        self.technology = technology
        self.devices: dict[str, Device] = {}
        self.options: dict[str, float | str] = {}
        self.initial: dict[str, float] = {}
        self.nodesets: dict[str, float] = {}
        self.mismatch: dict[str, float] = {}
        self.instead: dict[str, str] = {}
        self._texts: list[str] = []
        self._emitted: dict[tuple[object, ...], str] = {}

    def use(self, card: Any, subckt: str | None = None, **choices: Any) -> Device:
        """Register a device; instances then call it: ``circuit.X("mtj1", "mtj", "a", "b", state=-1)``.

        Parameters
        ----------
        card : ParameterSet or Device
            A card, or a device that was emitted already.
        subckt : str, optional
            Name under which instances call it; by default the model's name.
        **choices
            Passed to the emission: ``corner="ff"``, ``noise=True``.

        Returns
        -------
        Device

        Raises
        ------
        CircuitError
            If another device has that name, or the name cannot be one.
        """
        if isinstance(card, Device):
            device = card
        else:
            from compact.emit import device as emit_device

            if subckt is not None:
                choices["subckt"] = subckt
            device = emit_device(card, **choices)
        if not _NAME.fullmatch(device.subckt):
            raise CircuitError(f"subcircuit name '{device.subckt}' must be lower-case letters, digits and _")
        present = self.devices.setdefault(device.subckt, device)
        if present is not device and present.ngspice_text(27.0) != device.ngspice_text(27.0):
            raise CircuitError(f"subcircuit '{device.subckt}' is another device already; give another subckt=")
        return present

    def drop(self, subckt: str) -> None:
        """Forget a registered device and its texts; nothing happens if there is none of that name."""
        self.devices.pop(subckt, None)
        for key in [key for key in self._emitted if key[0] == subckt]:
            del self._emitted[key]

    def ngspice_text(self, subckt: str, temperature: float, sweep: bool = False) -> str:
        """Subcircuit of a registered device at a temperature [degC], of its own kind for DC sweeps; emitted once."""
        device = self.devices[subckt]
        choices = {"sweep": True} if sweep and hasattr(device, "sweep_parameters") else {}
        key = (subckt, temperature, *choices)
        if key not in self._emitted:
            self._emitted[key] = device.ngspice_text(temperature, **choices).strip()
        return self._emitted[key]

    def veriloga_text(self, subckt: str) -> str:
        """Verilog-A module of a registered device; emitted once."""
        key = (subckt, None)
        if key not in self._emitted:
            self._emitted[key] = self.devices[subckt].veriloga_text()
        return self._emitted[key]

    def add_text(self, text: str) -> None:
        """Add SPICE lines, such as a ``.subckt``; instances and elements may use them."""
        self._texts.append(text)

    def lines(self, step: float = 1e-12) -> list[str | Source]:
        """The circuit in plain SPICE: text that was added, then PySpice's elements; no device, no model.

        Parameters
        ----------
        step : float
            Edge of pulses that give none [s].

        Raises
        ------
        CircuitError
            If a line is not valid, or an instance gives a parameter its device has not.
        """
        lines = normalise("\n".join([*self._texts, str(self.circuit)]), step)
        plain = []
        depth = 0
        for line in lines:
            text = line if isinstance(line, str) else ""
            card = text.split(maxsplit=1)[0].lower() if text else ""
            depth += (card == ".subckt") - (card == ".ends")
            if card in (".ic", ".nodeset") and not depth:
                target = self.initial if card == ".ic" else self.nodesets
                for node, value in _FORCED.findall(text):
                    if (volts := number(value)) is None:
                        raise CircuitError(f"'{text}': {value} is not a number")
                    target.setdefault(node.strip().lower(), volts)
            else:
                plain.append(line)
        if self.mismatch or self.instead:
            plain = specialise(plain, self._edits())
        self._check_instances(plain)
        return plain

    def matched(self) -> Netlist:
        """The same circuit without mismatch; it shares everything else with this one."""
        other = copy.copy(self)
        other.mismatch = {}
        return other

    def _edits(self) -> dict[str, Edit]:
        """What makes single transistors and devices different, by path."""
        edits: dict[str, Edit] = {}
        for path, name in self.instead.items():
            if name not in self.devices:
                raise CircuitError(unknown("device", name, self.devices))
            edits[path] = rename_subckt(name)
        for path, rise in self.mismatch.items():
            if self.technology is None:
                raise CircuitError(f"'{path}': a circuit without a technology has no transistors")
            if not math.isfinite(rise):
                raise CircuitError(f"mismatch of '{path}' is {rise} V, not a finite number")
            edits[path] = partial(_raised, self.technology, rise)
        return edits

    def _check_instances(self, lines: Iterable[str | Source]) -> None:
        for line in lines:
            if not isinstance(line, str) or line[:1] not in "xX":
                continue
            words = line.split()
            names = [word for word in words[1:] if "=" not in word]
            device = self.devices.get(names[-1].lower()) if names else None
            if device is None:
                continue
            if len(names) - 1 != len(device.ports):
                raise CircuitError(
                    f"instance '{words[0]}' of '{device.subckt}' has {len(names) - 1} nodes; "
                    f"its ports are {', '.join(device.ports)}"
                )
            known = {name.lower() for name in device.instance_parameters} | {"m"}
            for word in words:
                name = word.partition("=")[0].lower()
                if "=" in word and name not in known:
                    raise CircuitError(unknown(f"instance parameter of '{device.subckt}'", name, known))

    def largest_step(self, lines: Iterable[str | Source], temperature: float) -> float | None:
        """Largest time step [s] at which no instance misses a random number; None if there are none.

        Parameters
        ----------
        lines : iterable
            The circuit, as `lines` gives it.
        temperature : float
            Temperature [degC].
        """
        steps = []
        for line in lines:
            words = line.split() if isinstance(line, str) and line[:1] in "xX" else []
            device = next((self.devices[w.lower()] for w in words if w.lower() in self.devices), None)
            bound = getattr(device, "largest_step", None)
            if bound is None:
                continue
            given = {name.lower(): number(text) for name, _, text in (w.partition("=") for w in words if "=" in w)}
            known = {name: value for name, value in given.items() if value is not None and name != "m"}
            steps.append(bound(known, temperature))
        return min((step for step in steps if step), default=None)

    def models(self, lines: Iterable[str | Source]) -> str:
        """Transistor models used by the given lines."""
        if self.technology is None:
            return ""
        return self.technology.models("\n".join(line for line in lines if isinstance(line, str)))

    def scopes(self) -> dict[str, Scope]:
        """Names per subcircuit; the top level is ``""``."""
        return parse_scopes(self.lines())

    def signals(self) -> list[str]:
        """Names that can be saved at the top level: nodes, currents of sources, states of devices."""
        top = self.scopes()[""]
        states = [
            f"{name}.{state}"
            for name, subckt in top.instances.items()
            if (device := self.devices.get(subckt))
            for state in device.states
        ]
        return sorted(top.nodes - {"0", "gnd"}) + sorted(f"i({name})" for name in top.sources) + sorted(states)

    def device_finder(self) -> Callable[[str], Device | None]:
        """A function that gives the registered device behind an instance path such as ``xcell.xmtj1``, or None."""
        scopes = self.scopes()

        def find(path: str) -> Device | None:
            name = ""
            for part in path.lower().split("."):
                name = scopes.get(name, Scope()).instances.get(part, "?")
            return self.devices.get(name)

        return find

    def merged_options(self, run: Mapping[str, float | str], simulator: str) -> dict[str, float | str]:
        """Options for a run: what the devices ask for, then the circuit's own, then those of the run.

        Parameters
        ----------
        run : mapping
            Options given to ``run``.
        simulator : str
            Options for other simulators are left out.
        """
        merged: dict[str, float | str] = {}
        for device in self.devices.values():
            for name, value in device.options.items():
                target, _, short = name.rpartition(":")
                if target in ("", simulator):
                    both = [v for v in (merged.get(short), value) if isinstance(v, float | int)]
                    merged[short] = min(both) if short.endswith("tol") and both else value
        for name, value in {**self.options, **run}.items():
            target, _, short = name.rpartition(":")
            if target in ("", simulator):
                merged[short] = value
        return merged

    def warn_of_damping(self, analysis: Analysis, run: Mapping[str, float | str] | None, simulator: str) -> list[str]:
        """Warn where options take the place of the safe ones that a precessing device asks for.

        A device of several states may oscillate by itself; an integrator that damps then changes amplitude and
        frequency, though every step is within its tolerance.

        Parameters
        ----------
        analysis : Analysis
            Only transients integrate.
        run : mapping, optional
            Options given to ``run``.
        simulator : str
            Whose options count.

        Returns
        -------
        list of str
            One line for each option, given as a `SimulationWarning` too.
        """
        if not isinstance(analysis, Tran):
            return []
        merged = {
            name.removeprefix("tran_"): value for name, value in self.merged_options(run or {}, simulator).items()
        }
        found = []
        for device in self.devices.values():
            if not getattr(device, "oscillates", len(device.states) > 1):
                continue
            for name, reason in _damping(merged, device.options).items():
                found.append(f"option {name}={merged[name]}: '{device.subckt}' precesses, and {reason}")
        for text in found:
            warnings.warn(text, SimulationWarning, stacklevel=3)
        return found

    def save(
        self,
        path: str | Path,
        analysis: Analysis | None = None,
        *,
        save: Iterable[str] = (),
        temperature: float = 27.0,
        options: Mapping[str, float | str] | None = None,
    ) -> Path:
        """Write one file that plain ``ngspice -b`` can run.

        Parameters
        ----------
        path : str or Path
            File to write; its folder is made if need be.
        analysis : Analysis, optional
            What to run; an operating point by default.
        save : iterable of str
            Signals to write; all by default.
        temperature : float
            Temperature [degC].
        options : mapping, optional
            Simulator options on top of the circuit's.

        Returns
        -------
        pathlib.Path
        """
        from compact.analysis import Op
        from compact.parameters import write_atomic
        from compact.simulators.ngspice import deck

        path = Path(path)
        run = analysis or Op()
        self.warn_of_damping(run, options, "ngspice")
        text = deck(self, run, save=save, temperature=temperature, options=options or {}, inline=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, text)
        return path

    def __getstate__(self) -> dict[str, Any]:
        """Elements travel to other processes as text; PySpice's circuits do not survive pickling."""
        return self.__dict__ | {"circuit": None, "_texts": [*self._texts, str(self.circuit)]}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, circuit=_new_circuit(state["title"]))

    def __repr__(self) -> str:
        return f"Netlist({self.title!r}, devices={list(self.devices)})"
