"""The same equations integrated by SciPy: independent of any circuit simulator, for small linear circuits.

Resistors, capacitors, independent sources and registered devices are taken; at every moment the network is solved by
Newton's method, and the states and capacitor voltages are integrated by a stiff solver with tight tolerances.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import scipy
from scipy.integrate import solve_ivp

from compact.analysis import Ac, Analysis, Dc, Hb, Op, Tran
from compact.constants import ZERO_CELSIUS
from compact.emit import EmittedDevice
from compact.errors import CircuitError, ParameterError, SimulationError, unknown
from compact.netlist import Netlist
from compact.simulators.ngspice import find_source
from compact.spicetext import Source, number, split_tokens
from compact.waveform import Waveforms, signal_name

__all__ = ["Reference"]

STEP = 1e-30
"""Imaginary step of the complex-step derivative of a current; any that underflows nowhere is exact."""


@dataclass
class _Instance:
    """One device: its nodes, the columns of its states, and its functions."""

    name: str
    device: EmittedDevice
    nodes: dict[str, int]
    values: dict[str, float]
    first_state: int

    def __post_init__(self) -> None:
        self.model = self.device.card.definition
        self.state_names = [s.name for s in self.model.states]
        self.branches = {b: (self.nodes[p], self.nodes[m]) for b, (p, m) in self.model.branches.items()}

    def call(self, names: tuple[str, ...], volts: Mapping[str, Any], states: np.ndarray, at: float) -> list[Any]:
        function, arguments = self.model.function(*names)
        known = self.values | dict(zip(self.state_names, states, strict=True)) | dict(volts) | {"time": at}
        return list(function(*(known[a] for a in arguments)))


class Reference:
    """NumPy and SciPy on the model's own equations."""

    name = "reference"

    def find(self) -> dict[str, Any]:
        """Version of SciPy; it is always there."""
        return {"version": f"scipy {scipy.__version__}"}

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
        """Simulate; see `compact.simulators.Simulator.run`. `options` may hold `reltol`; `keep` has no use here."""
        start = time.perf_counter()
        circuit = _Circuit(netlist, analysis, temperature, None if timeout is None else start + timeout)
        tolerance = min(float((options or {}).get("reltol", 1e-8)), 1e-8)
        axis_name, axis, signals = circuit.solve(analysis, tolerance)
        wanted = [signal_name(name) for name in save]
        for name in wanted:
            if name not in signals:
                raise SimulationError("reference: " + unknown("signal", name, signals))
        chosen = {name: signals[name] for name in wanted} if wanted else signals
        info = {"simulator": self.name, "seconds": time.perf_counter() - start, **self.find()}
        return Waveforms(axis_name, axis, chosen, info)


class _Circuit:
    """A netlist as a system of equations: unknown node voltages and branch currents, states, sources."""

    def __init__(self, netlist: Netlist, analysis: Analysis, temperature: float, deadline: float | None):
        if isinstance(analysis, Ac | Hb):
            what = "AC analysis is not offered; use ngspice or vacask"
            if isinstance(analysis, Hb):
                what = "harmonic balance is not offered; use vacask"
            raise SimulationError(f"reference: {what}")
        self.deadline = deadline
        self.sweeps = isinstance(analysis, Dc)
        self.lines = netlist.lines(analysis.step if isinstance(analysis, Tran) else 1e-12)
        self.nodes: dict[str, int] = {"0": -1, "gnd": -1}
        self.resistors: list[tuple[int, int, float]] = []
        self.sources: list[Source] = []
        self.fixed: list[tuple[str, int, int]] = []  # voltage sources and capacitors: name, nodes
        self.currents: list[tuple[Source, int, int]] = []
        self.capacitors: list[tuple[int, float]] = []  # row of its branch, farads
        self.instances: list[_Instance] = []
        self.kelvin = temperature + ZERO_CELSIUS
        for line in self.lines:
            self._add(line, netlist)
        self.count = len(self.nodes) - 2
        self.size = self.count + len(self.fixed)
        self.states = sum(len(i.state_names) for i in self.instances)
        self.matrix = self._linear()

    def _node(self, name: str) -> int:
        return self.nodes.setdefault(name.lower(), len(self.nodes) - 2)

    def _add(self, line: str | Source, netlist: Netlist) -> None:
        if isinstance(line, Source):
            a, b = self._node(line.plus), self._node(line.minus)
            self.sources.append(line)
            if line.name[0] in "vV":
                self.fixed.append((line.name.lower(), a, b))
            else:
                self.currents.append((line, a, b))
            return
        words = split_tokens(line)
        kind, name = line[0].lower(), words[0].lower()
        if kind in "rc":
            value = number(words[3])
            if value is None or value <= 0:
                raise SimulationError(f"reference: value '{words[3]}' of {name} is not a positive number")
            a, b = self._node(words[1]), self._node(words[2])
            if kind == "r":
                self.resistors.append((a, b, 1 / value))
            else:
                self.capacitors.append((len(self.fixed), value))
                self.fixed.append((name, a, b))
        elif kind == "x":
            plain = [w for w in words[1:] if "=" not in w]
            device = netlist.devices.get(plain[-1].lower())
            if not isinstance(device, EmittedDevice):
                raise SimulationError(f"reference: '{line}' is no device of this netlist, and subcircuits are not read")
            given: dict[str, float] = {}
            for word in words:
                key, is_value, text = word.partition("=")
                if is_value:
                    value = number(text)
                    if value is None:
                        raise CircuitError(f"'{line}': {text} is not a number")
                    given[key.lower()] = value
            try:
                card = device.card.replace(None, **given)
            except ParameterError as error:
                raise CircuitError(f"instance {name}: {error}") from None
            values = {**card.values, "temperature": self.kelvin, "noise": float(device.noise)}
            if self.sweeps:
                values |= device.sweep_parameters
            nodes = {port: self._node(node) for port, node in zip(device.ports, plain[:-1], strict=True)}
            first = sum(len(i.state_names) for i in self.instances)
            self.instances.append(_Instance(name, device, nodes, values, first))
        else:
            raise SimulationError(f"reference: element '{words[0]}' is not offered (R, C, V, I and devices are)")

    def _linear(self) -> np.ndarray:
        matrix = np.zeros((self.size, self.size))
        for a, b, g in self.resistors:
            for row, column, sign in ((a, a, 1), (b, b, 1), (a, b, -1), (b, a, -1)):
                if row >= 0 and column >= 0:
                    matrix[row, column] += sign * g
        for k, (_, a, b) in enumerate(self.fixed):
            for node, sign in ((a, 1), (b, -1)):
                if node >= 0:
                    matrix[node, self.count + k] += sign
                    matrix[self.count + k, node] += sign
        return matrix

    # -- one moment --------------------------------------------------------------------------------

    def _network(self, at: float, dynamic: np.ndarray, guess: np.ndarray, dc: Mapping[str, float] | None) -> np.ndarray:
        """Solve for voltages and branch currents, states and capacitor voltages being given.

        With `dc`, sources have their DC value and capacitors carry no current.
        """
        matrix, right = self.matrix.copy(), np.zeros(self.size)
        values = {s.name.lower(): (dc[s.name.lower()] if dc else _value(s, at)) for s in self.sources}
        for source, a, b in self.currents:
            for node, sign in ((a, -1), (b, 1)):
                if node >= 0:
                    right[node] += sign * values[source.name.lower()]
        rows = {row: k for k, (row, _) in enumerate(self.capacitors)}
        for k, (name, _, _) in enumerate(self.fixed):
            if k in rows and dc:
                matrix[self.count + k] = 0
                matrix[self.count + k, self.count + k] = 1
            elif k in rows:
                right[self.count + k] = dynamic[self.states + rows[k]]
            else:
                right[self.count + k] = values[name]
        x = guess
        for _ in range(100):
            jacobian, residual = matrix.copy(), matrix @ x - right
            for instance in self.instances:
                self._stamp(instance, at, dynamic, x, jacobian, residual)
            try:
                step = np.linalg.solve(jacobian, residual)
            except np.linalg.LinAlgError:
                raise SimulationError("reference: the network has no unique solution (floating node or loop)") from None
            x = x - step
            if np.all(np.abs(step) <= 1e-12 * np.abs(x) + 1e-15):
                return x
        raise SimulationError(f"reference: the network did not converge at {at:g} s")

    def _volts(self, instance: _Instance, x: np.ndarray) -> dict[str, float]:
        level = np.append(x[: self.count], 0.0)  # index -1 is ground
        return {b: level[p] - level[m] for b, (p, m) in instance.branches.items()}

    def _states(self, instance: _Instance, dynamic: np.ndarray) -> np.ndarray:
        return dynamic[instance.first_state : instance.first_state + len(instance.state_names)]

    def _stamp(
        self,
        instance: _Instance,
        at: float,
        dynamic: np.ndarray,
        x: np.ndarray,
        jacobian: np.ndarray,
        residual: np.ndarray,
    ) -> None:
        volts, states = self._volts(instance, x), self._states(instance, dynamic)
        names = tuple(c.name for c in instance.model.currents)
        rows = [(instance.nodes[c.plus], instance.nodes[c.minus]) for c in instance.model.currents]
        for port, node in instance.nodes.items():
            if node < 0:
                continue
            moved = {
                b: v + 1j * STEP * ((instance.model.branches[b][0] == port) - (instance.model.branches[b][1] == port))
                for b, v in volts.items()
            }
            for (plus, minus), slope in zip(rows, instance.call(names, moved, states, at), strict=True):
                for row, sign in ((plus, 1), (minus, -1)):
                    if row >= 0:
                        jacobian[row, node] += sign * np.imag(slope) / STEP
        for (plus, minus), value in zip(rows, instance.call(names, volts, states, at), strict=True):
            for row, sign in ((plus, 1), (minus, -1)):
                if row >= 0:
                    residual[row] += sign * value

    def _rates(self, at: float, dynamic: np.ndarray, x: np.ndarray) -> np.ndarray:
        rates = np.zeros_like(dynamic)
        for instance in self.instances:
            names = tuple(f"rate_{s}" for s in instance.state_names)
            moving = instance.call(names, self._volts(instance, x), self._states(instance, dynamic), at)
            rates[instance.first_state : instance.first_state + len(moving)] = moving
        for k, (row, farads) in enumerate(self.capacitors):
            rates[self.states + k] = x[self.count + row] / farads
        return rates

    # -- analyses ----------------------------------------------------------------------------------

    def _initial(self) -> np.ndarray:
        """States as they settle at zero bias, capacitors empty."""
        dynamic = np.zeros(self.states + len(self.capacitors))
        return self._settle(dynamic, np.zeros(self.size), 1)

    def _settle(self, dynamic: np.ndarray, x: np.ndarray, rounds: int) -> np.ndarray:
        settled = dynamic.copy()
        for _ in range(rounds):
            for instance in self.instances:
                names = tuple(f"static_{s}" for s in instance.state_names)
                values = instance.call(names, self._volts(instance, x), self._states(instance, settled), 0.0)
                settled[instance.first_state : instance.first_state + len(values)] = values
        return settled

    def _operating_point(
        self, dynamic: np.ndarray, x: np.ndarray, dc: Mapping[str, float]
    ) -> tuple[np.ndarray, np.ndarray]:
        for _ in range(200):
            x = self._network(0.0, dynamic, x, dc)
            settled = self._settle(dynamic, x, 1)
            for k, (row, _) in enumerate(self.capacitors):
                _, a, b = self.fixed[row]
                level = np.append(x[: self.count], 0.0)
                settled[self.states + k] = level[a] - level[b]
            if np.all(np.abs(settled - dynamic) <= 1e-12):
                return settled, x
            dynamic = settled
        raise SimulationError("reference: no operating point found")

    def solve(self, analysis: Analysis, tolerance: float) -> tuple[str, np.ndarray, dict[str, np.ndarray]]:
        """Axis name, axis and signals."""
        dc = {s.name.lower(): number(s.dc) or 0.0 for s in self.sources}
        x = np.zeros(self.size)
        if isinstance(analysis, Dc):
            swept = find_source(self.lines, analysis.source).name.lower()
            dynamic, rows = self._initial(), []
            for value in analysis.values():
                dynamic, x = self._operating_point(dynamic, x, {**dc, swept: value})
                rows.append((dynamic, x))
            return swept, np.array(analysis.values()), self._signals(rows)
        dynamic, x = self._operating_point(self._initial(), x, dc)
        if isinstance(analysis, Op):
            return "point", np.zeros(1), self._signals([(dynamic, x)])
        assert isinstance(analysis, Tran)
        if analysis.uic:
            dynamic = self._initial()
        return self._transient(analysis, dynamic, x, tolerance)

    def _transient(
        self, analysis: Tran, dynamic: np.ndarray, x: np.ndarray, tolerance: float
    ) -> tuple[str, np.ndarray, dict[str, np.ndarray]]:
        corners = {0.0, analysis.stop}
        for source in self.sources:
            corners |= {t for t in _corners(source, analysis.stop) if 0 < t < analysis.stop}
        slots = [i.model.largest_step(i.values, i.device.noise) for i in self.instances]
        largest = min([analysis.largest_step, *(slot / 2 for slot in slots if slot)])
        memory = {"x": x}

        def slope(at: float, y: np.ndarray) -> np.ndarray:
            if self.deadline is not None and time.perf_counter() > self.deadline:
                raise SimulationError(f"reference: time limit reached at {at:g} s of {analysis.stop:g} s")
            memory["x"] = self._network(at, y, memory["x"], None)
            return self._rates(at, y, memory["x"])

        times, rows = [0.0], [dynamic]
        ordered = sorted(corners)
        for begin, end in pairwise(ordered):
            # Inside a stretch the sources are smooth; their corners belong to the side they are approached from.
            inset = 1e-9 * (end - begin)
            result = solve_ivp(
                lambda t, y, a=begin + inset, b=end - inset: slope(min(max(t, a), b), y),
                (begin, end), rows[-1], method="LSODA" if dynamic.size else "RK45",
                rtol=tolerance, atol=tolerance, max_step=largest,
            )  # fmt: skip
            if not result.success:
                raise SimulationError(f"reference: {result.message}")
            times += list(result.t[1:])
            rows += list(result.y.T[1:])
        points = []
        for at, y in zip(times, rows, strict=True):
            memory["x"] = self._network(at, y, memory["x"], None)
            points.append((y, memory["x"]))
        return "time", np.array(times), self._signals(points)

    def _signals(self, rows: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, np.ndarray]:
        dynamic, x = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
        signals = {name: x[:, k] for name, k in self.nodes.items() if k >= 0}
        for k, (name, _, _) in enumerate(self.fixed):
            if name[0] == "v":
                signals[f"i({name})"] = x[:, self.count + k]
        for instance in self.instances:
            for k, state in enumerate(instance.state_names):
                signals[f"{instance.name}.{state}"] = dynamic[:, instance.first_state + k]
        return signals


# -- sources ---------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=1024)
def _shape(source: Source) -> tuple[Callable[[float], float], tuple[float, ...], float]:
    """Value over time, times of its corners, and their period (0 for none)."""
    arguments = []
    for text in source.arguments:
        value = number(text)
        if value is None:
            raise SimulationError(f"reference: source '{source.name}': '{text}' is not a number")
        arguments.append(value)
    if source.function == "":
        level = number(source.dc) or 0.0
        return (lambda t: level), (), 0.0
    if source.function == "pulse":
        low, high, delay, rise, fall = arguments[:5]
        width = arguments[5] if len(arguments) > 5 else np.inf
        period = arguments[6] if len(arguments) > 6 else np.inf
        knots = np.array([0.0, rise, rise + width, rise + width + fall])
        finite = np.isfinite(knots)
        levels = np.array([low, high, high, low])[finite]

        def pulse(t: float) -> float:
            inside = t - delay
            if np.isfinite(period) and inside > 0:
                inside %= period
            return float(np.interp(inside, knots[finite], levels))

        return pulse, tuple(delay + knots[finite]), period if np.isfinite(period) else 0.0
    if source.function == "pwl":
        t, v = np.array(arguments[::2]), np.array(arguments[1::2])
        return (lambda at: float(np.interp(at, t, v))), tuple(t), 0.0
    if source.function == "sin":
        offset, amplitude, frequency, delay, damping = [*arguments, *([0.0] * 5)][:5]

        def sine(t: float) -> float:
            late = max(t - delay, 0.0)
            return float(offset + amplitude * np.sin(2 * np.pi * frequency * late) * np.exp(-damping * late))

        return sine, (delay,), 0.0
    raise SimulationError(f"reference: source '{source.name}': {source.function} is not offered (pulse, pwl, sin are)")


def _value(source: Source, at: float) -> float:
    return _shape(source)[0](at)


def _corners(source: Source, stop: float) -> Iterable[float]:
    _, corners, period = _shape(source)
    repeats = int(stop / period) + 1 if period else 1
    return [t + k * period for k in range(repeats) for t in corners]
