"""Junctions of one card side by side in a circuit simulator, and what is measured of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact.analysis import Tran
from compact.constants import MU_0, ZERO_CELSIUS
from compact.emit import EmittedDevice
from compact.emit import device as emitted
from compact.netlist import Netlist
from compact.physics.macrospin import Macrospin
from compact.physics.macrospin_cards import to_card
from compact.simulators import Simulator
from compact.units import format_si
from compact.waveform import Waveforms

__all__ = [
    "LIGHT",
    "Bench",
    "Effort",
    "Figure",
    "Junction",
    "Place",
    "Regime",
    "cosine_of",
    "critical_voltages",
    "seconds_of",
]

Array = NDArray[np.float64]

SLOTS_PER_TURN = 20
STEPS_PER_TURN = 20


@dataclass(frozen=True)
class Figure:
    """A measured figure.

    Parameters
    ----------
    name, unit, what : str
        What it is.
    value, stderr : float
        Value and standard error, in `unit`; nan for none.
    reference : float
        The same by the package's own integrator, nan for none.
    """

    name: str
    value: float
    unit: str
    what: str
    stderr: float = math.nan
    reference: float = math.nan

    def row(self, regime: str) -> tuple[str, str, str, str, str]:
        """Cells of a table."""
        return regime, self.name, _text(self.value, self.unit, self.stderr), _text(self.reference, self.unit), self.what


def _text(value: float, unit: str, stderr: float = math.nan) -> str:
    if math.isnan(value):
        return "—"
    if math.isnan(stderr):
        scale_free = format_si(float(f"{value:.4g}"), unit)
        return scale_free
    return format_si(value, unit, stderr)


@dataclass(frozen=True)
class Place:
    """Field and voltage at which a junction is looked at.

    Parameters
    ----------
    field : tuple of float
        Applied field [A/m].
    voltage : float
        Voltage of the free against the reference layer [V].
    """

    field: tuple[float, float, float]
    voltage: float

    @property
    def induction(self) -> float:
        """mu0 times the field's magnitude [T]."""
        return MU_0 * math.hypot(*self.field)


@dataclass(frozen=True)
class Regime:
    """One regime, or why a card does not show it.

    Parameters
    ----------
    name : {"loop", "telegraph", "precession"}
        Which.
    place : Place or None
        Where it was looked for.
    figures : tuple of Figure
        What was measured.
    curves : mapping of str to ndarray
        What is drawn.
    reason : str
        Why it is not shown; empty where it is.
    seconds : float
        Time that the simulator took [s].
    """

    name: str
    place: Place | None = None
    figures: tuple[Figure, ...] = ()
    curves: dict[str, Any] = field(default_factory=dict)
    reason: str = ""
    seconds: float = 0.0

    def figure(self, name: str) -> Figure:
        """Figure of a name."""
        return next(f for f in self.figures if f.name == name)


@dataclass(frozen=True)
class Junction:
    """An instance: the node it is driven from, where it starts, its field, its noise."""

    node: str
    start: Array
    field: Sequence[float]
    seed: int = 0
    slot: float = 0.0


@dataclass(frozen=True)
class Effort:
    """How much is simulated.

    Parameters
    ----------
    sweeps : int
        Sweeps of a loop.
    flickering : int
        Junctions with telegraph noise side by side.
    dwells : int
        Dwells that each of them has on average.
    noisy : int
        Spectra behind a mean.
    turns : int
        Turns of the precession behind a spectrum.
    tuning : tuple of float
        Voltages over that of the operating point; the first, 1.0 and the last get a spectrum.
    """

    sweeps: int = 4
    flickering: int = 6
    dwells: int = 30
    noisy: int = 4
    turns: int = 200
    tuning: tuple[float, ...] = (0.4, 0.55, 0.7, 0.85, 1.0, 1.15, 1.3)


LIGHT = Effort(sweeps=1, flickering=1, dwells=12, noisy=1, turns=60, tuning=(0.4, 0.8, 1.0, 1.3))
"""For simulators without compiled models, which take fifty times as long."""


class Bench:
    """Netlists of junctions of one device.

    Parameters
    ----------
    device : Macrospin
        The device.
    simulator : Simulator
        Where they run.
    timeout : float, optional
        Limit of a run [s]; None for none.
    effort : Effort, optional
        How much is simulated; by default as much as suits the simulator.
    """

    def __init__(
        self, device: Macrospin, simulator: Simulator, timeout: float | None = None, effort: Effort | None = None
    ):
        self.effort = effort or (Effort() if _compiles(simulator) else LIGHT)
        self.device = device
        easy, across = device.easy_axis, hard_axis(device)
        # The initial direction of the model lies in a plane through the anisotropy axis. An axis without anisotropy is
        # laid along the easy one, and of a vertical axis the azimuth is free.
        x, y, z = easy if device.h_k == 0 else device.axis
        if math.hypot(x, y) > 1e-9:
            self.axis = math.acos(max(min(z, 1.0), -1.0)), math.atan2(y, x)
        else:
            other = easy if math.hypot(easy[0], easy[1]) > 1e-9 else across
            self.axis = (0.0 if z > 0 else math.pi), math.atan2(other[1], other[0])
        plain = to_card(device.replace(axis=(x, y, z)), "device")
        self.card = plain.replace(theta_k=self.axis[0], phi_k=self.axis[1], tilt=0.0)
        self.simulator, self.timeout = simulator, timeout

    def reachable(self, direction: Array) -> tuple[float, Array]:
        """Tilt [rad] of the model's initial direction that comes closest to `direction`, and that direction."""
        theta, phi = self.axis
        along = np.array([math.sin(theta) * math.cos(phi), math.sin(theta) * math.sin(phi), math.cos(theta)])
        across = np.array([math.cos(theta) * math.cos(phi), math.cos(theta) * math.sin(phi), -math.sin(theta)])
        tilt = math.atan2(float(across @ direction), float(along @ direction))
        return tilt, math.cos(tilt) * along + math.sin(tilt) * across

    def run(
        self, title: str, sources: Sequence[str], junctions: Sequence[Junction], stop: float, step: float
    ) -> tuple[list[Array], Waveforms]:
        """Courses of the magnetisation of every junction, each of shape (points, 3), and all waveforms."""
        netlist = Netlist(title)
        lines = list(sources)
        for k, junction in enumerate(junctions):
            noisy = junction.slot > 0
            name = "hot" if noisy else "cold"
            netlist.use(self.device_of(noisy), name) if name not in netlist.devices else None
            tilt, _ = self.reachable(junction.start)
            x, y, z = (float(h) for h in junction.field)
            given = f"h_x={x!r} h_y={y!r} h_z={z!r} state=1 tilt={tilt!r}"
            noise = f" seed={junction.seed} t_slot={junction.slot!r}" if noisy else ""
            lines.append(f"X{k} {junction.node} 0 {name} {given}{noise}")
        netlist.add_text("\n".join(lines))
        nodes = sorted({junction.node for junction in junctions})
        waves = self.simulator.run(
            netlist,
            Tran(stop=stop, step=step),
            save=[*nodes, *(f"x{k}.m_{a}" for k in range(len(junctions)) for a in "xyz")],
            temperature=self.card.values["t_nom"] - ZERO_CELSIUS,
            timeout=self.timeout,
        )
        courses = [np.stack([waves[f"x{k}.m_{a}"] for a in "xyz"], axis=1) for k in range(len(junctions))]
        return courses, waves

    def device_of(self, noisy: bool) -> EmittedDevice:
        """The card as a device of a netlist."""
        return emitted(self.card, subckt="hot" if noisy else "cold", noise=noisy)

    def resistance(self, cosine: Array, voltage: Array | float) -> Array:
        """Resistance at a cosine and a voltage [Ohm], by the card's own equation."""
        mean, slope = self.device.conductance(voltage)
        return np.asarray(1 / (mean + slope * cosine))


def _compiles(simulator: Simulator) -> bool:
    """Whether devices run as compiled Verilog-A."""
    return simulator.name == "vacask" or bool(simulator.find().get("osdi"))


def cosine_of(device: Macrospin, course: Array) -> Array:
    return np.asarray(course @ np.array(device.reference) / np.linalg.norm(course, axis=-1))


def hard_axis(device: Macrospin) -> Array:
    """Direction of the lowest way over the barrier."""
    return np.asarray(np.linalg.eigh(device.tensor)[1][:, 1])


def critical_voltages(device: Macrospin) -> tuple[float, float]:
    """Magnitudes of the voltages at which the state -1 and the state 1 become unstable [V]; inf where none does."""
    grid = np.geomspace(1e-4, 1e3, 4000)
    result = []
    for state in (-1, 1):
        m = device.rest(state)
        s = float(m @ np.array(device.reference))
        if abs(s) < 0.1:
            return math.inf, math.inf
        needed = device.alpha * sum(device.stiffness(m)) / 2 / (device.torque_per_ampere * abs(s))
        needed /= float(device.efficiency(s))
        mean, slope = device.conductance(-state * grid)
        current = grid * (mean + slope * s)
        result.append(float(np.interp(needed, current, grid)) if current[-1] > needed else math.inf)
    return result[0], result[1]


def seconds_of(waves: Waveforms) -> float:
    """Time that the simulator took [s]."""
    return float(waves.info.get("seconds", math.nan))
