"""Building blocks of the quality checks: what is measured, on which circuit, against which exact figure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import quad
from scipy.optimize import brentq

from compact.analysis import Tran
from compact.constants import ZERO_CELSIUS
from compact.emit import device
from compact.errors import ParameterError
from compact.model import Model
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.simulators import Simulator

__all__ = [
    "Check",
    "boltzmann_moment",
    "fold_voltage",
    "parity",
    "single",
    "switching_time",
    "threshold_voltage",
]

VANISHING = 1e-12
"""Size over the largest below which a value is nothing but the smooth tail of a threshold."""


@dataclass(frozen=True)
class Check:
    """Outcome of one check.

    Parameters
    ----------
    name, target : str
        What was checked, and where ("numpy" or a simulator).
    value : float
        Measured figure in `unit`.
    unit : str
        Its unit.
    limit : float
        Largest allowed value.
    note : str
        What the figure is.
    """

    name: str
    target: str
    value: float
    unit: str
    limit: float
    note: str

    @property
    def passed(self) -> bool:
        """Whether the figure is within its limit; a figure that is no number is not."""
        return bool(self.value <= self.limit)


# -- building blocks, also used by the conformance tests ---------------------------------------------


def threshold_voltage(card: ParameterSet, state: int, overdrive: float = 1.0) -> float:
    """Voltage from free to reference layer at which an `mtj` in a state is driven out of it.

    Parameters
    ----------
    card : ParameterSet
        Card of an `mtj`.
    state : {1, -1}
        Parallel or antiparallel.
    overdrive : float
        Drive in units of the threshold.

    Returns
    -------
    float
        Voltage [V], negative for the parallel state.

    Raises
    ------
    ParameterError
        If no voltage up to 1 kV does it.
    """
    model = card.definition

    def excess(volts: float) -> float:
        drive = model.evaluate("d", {**card.values, "v_fl_rl": -state * volts, "z": float(state)})
        return float(-state * drive - overdrive)

    high = 1e-6
    while excess(high) < 0:
        high *= 2
        if high > 1e3:
            raise ParameterError(f"card '{card.name}': no voltage below 1 kV reaches {overdrive:g} of the threshold")
    return -state * float(brentq(excess, 0.0, high, xtol=1e-15, rtol=1e-12))


def fold_voltage(card: ParameterSet, state: int) -> float:
    """Voltage at which the noise-free motion of an `mtj` loses its resting point in a state.

    Beyond it the state is left however slowly the voltage rises; it lies below the threshold by about
    sqrt(2/Delta), where the thermal incubation term takes over.

    Parameters
    ----------
    card : ParameterSet
        Card of an `mtj`.
    state : {1, -1}
        Parallel or antiparallel.

    Returns
    -------
    float
        Voltage [V], negative for the parallel state.
    """
    z = state * np.linspace(0.3, 1.0, 20001)

    def strongest_return(volts: float) -> float:
        rate = card.definition.evaluate("rate_z", {**card.values, "v_fl_rl": volts, "z": z})
        return float(np.max(state * rate))

    return float(brentq(strongest_return, 0.0, threshold_voltage(card, state, 1.2), xtol=1e-15, rtol=1e-10))


def single(card: ParameterSet, state: float, source: str, *, flipped: bool = False) -> Netlist:
    """One two-terminal device `xm` between node `in` and ground, with sources given as SPICE text."""
    netlist = Netlist(f"{card.name} with a source of its own")
    netlist.use(card)
    netlist.add_text(source)
    ends = ("0", "in") if flipped else ("in", "0")
    netlist.circuit.X("m", card.model, *ends, state=state)
    return netlist


def switching_time(
    card: ParameterSet,
    state: int,
    volts: float,
    simulator: Simulator,
    *,
    step: float | None = None,
    **options: str | float,
) -> float:
    """Time from the start of a voltage step to z = 0 in an `mtj`.

    Parameters
    ----------
    card : ParameterSet
        Card of an `mtj`.
    state : {1, -1}
        Initial state.
    volts : float
        Height of the step [V].
    simulator : Simulator
        Where to run it.
    step : float, optional
        Largest time step [s]; by default 1/50 of tau_d.
    **options
        Simulator options.

    Returns
    -------
    float
        Time [s]; not a number if it did not switch within 60 tau_d.
    """
    tau = card.values["tau_d"]
    edge, start, stop = tau / 100, tau, 61 * tau
    netlist = single(card, state, f"Vin in 0 dc 0 pulse(0 {volts!r} {start!r} {edge!r} {edge!r} {stop!r} {2 * stop!r})")
    waves = simulator.run(netlist, Tran(step=step or tau / 50, stop=stop), save=["xm.z"], options=options)
    progress = state * waves.state("xm", "z")
    crossed = int(np.argmax(progress < 0))
    if not crossed:
        return math.nan
    early, late = progress[crossed - 1], progress[crossed]
    t0, t1 = waves.axis[crossed - 1], waves.axis[crossed]
    return float(t0 + (t1 - t0) * early / (early - late) - start - edge / 2)


def parity(
    cards: Sequence[ParameterSet],
    simulator: Simulator,
    points: int,
    temperature: float = 27.0,
    seed: int = 0,
    slots: float = 0.0,
) -> float:
    """Largest relative deviation of an emitted model from the NumPy equations, currents and rates together.

    Voltages and states are forced from outside at random points; the simulator's currents are compared.

    Parameters
    ----------
    cards : sequence of ParameterSet
        Cards of one model with one branch current.
    simulator : Simulator
        A circuit simulator.
    points : int
        Random points per card.
    temperature : float
        Temperature [degC].
    seed : int
        Seed of the points.
    slots : float
        For models that draw random numbers: length of the run in slots of the card whose slots are shortest. Every
        instance then has a seed of its own, and every time step is compared, except at the edges of slots.

    Returns
    -------
    float
        Largest deviation over the larger of the value and 1e-3 of its typical size, the median of what does not vanish.
    """
    rng = np.random.default_rng(seed)
    model = cards[0].definition
    netlist = Netlist("parity at random points")
    lines: list[str] = []
    forcing: list[dict[str, ArrayLike]] = []
    seeds = [f" seed={p + 1}" if slots else "" for p in range(points)]
    for c, card in enumerate(cards):
        netlist.use(device(card, subckt=f"device{c}", expose=True))
        reach = _forced_bias(card)
        volts = rng.uniform(-reach, reach, (points, len(model.terminals) - 1))
        states = rng.uniform(-1, 1, (points, len(model.states)))
        ports = [t.name for t in model.terminals]
        levels = {**{p: volts[:, k] for k, p in enumerate(ports[:-1])}, ports[-1]: np.zeros(points)}
        known = {branch: levels[a] - levels[b] for branch, (a, b) in model.branches.items()}
        known |= {s.name: states[:, k] for k, s in enumerate(model.states)}
        settings = {**card.values, "temperature": temperature + ZERO_CELSIUS}
        columns = {name: value[:, None] for name, value in known.items()}
        columns |= {"seed": np.arange(1.0, points + 1)[:, None]} if slots else {}
        forcing.append({**settings, **columns})
        for p in range(points):
            tag = f"{c}_{p}"
            forced = [*volts[p], *states[p]]
            nodes = [f"n{k}_{tag}" for k in range(len(forced))]
            lines += [
                f"V{k}_{tag} {node} 0 {value!r}"
                for k, (node, value) in enumerate(zip(nodes, map(float, forced), strict=True))
            ]
            ends = [*nodes[: len(ports) - 1], "0", *nodes[len(ports) - 1 :]]
            lines.append(f"X{tag} {' '.join(ends)} device{c}{seeds[p]}")
    netlist.add_text("\n".join(lines))
    widths = [float(np.max(model.evaluate("slot_time", card_points))) for card_points in forcing] if slots else []
    # The charge of a slow state over a tiny step would swamp its current.
    scales = [float(np.max(model.evaluate(s.time_scale, known))) for s in model.states for known in forcing]
    step = max(1e-13, 1e-4 * max(scales, default=0.0))
    run = Tran(step=min(widths) / 3, stop=slots * min(widths)) if slots else Tran(step=step, stop=10 * step)
    # Forced currents jump at the edges of slots: VACASK must not shorten its steps for them.
    loose = {"vacask:tran_lteratio": 1e9} if slots else {}
    waves = simulator.run(netlist, run, temperature=temperature, options=loose, timeout=300)
    worst = 0.0
    for c, points_of_card in enumerate(forcing):
        chosen = np.array([len(waves.axis) - 1])
        if slots:
            phase = waves.axis / widths[c] % 1
            chosen = np.flatnonzero((waves.axis > 0) & (np.minimum(phase, 1 - phase) > 1e-6))
        for k, value in enumerate(_forced_currents(model, {**points_of_card, "time": waves.axis[chosen]})):
            value = np.broadcast_to(value, (points, len(chosen)))
            sign = -1.0 if k < len(model.terminals) - 1 else 1.0
            measured = np.array([sign * waves[f"i(v{k}_{c}_{p})"][chosen] for p in range(points)])
            scale = np.maximum(np.abs(value), 1e-3 * _typical(value))
            worst = max(worst, float(np.max(np.abs(measured - value) / scale)))
    return worst


def _typical(values: NDArray[np.float64]) -> float:
    """Median size; where most vanish against the largest, as rates below a threshold do, that of the others."""
    sizes = np.abs(values)
    alive = sizes > VANISHING * sizes.max()
    return float(np.median(sizes if np.median(alive) > 0 or not alive.any() else sizes[alive]))


def _forced_bias(card: ParameterSet) -> float:
    """Largest bias of random points [V]: beyond the thresholds of a model that has them."""
    if card.model == "mtj":
        return 2 * abs(threshold_voltage(card, 1))
    return 3 * max((abs(card.values[name]) for name in ("v_set", "v_reset") if name in card.values), default=1 / 3)


def _forced_currents(model: Model, known: Mapping[str, ArrayLike]) -> list[NDArray[np.float64]]:
    """Currents out of the sources that force the terminals but the last, and out of those that force the states."""
    count, ports = len(model.currents), [t.name for t in model.terminals]
    names = [current.name for current in model.currents]
    names += [x for s in model.states for x in (f"rate_{s.name}", s.time_scale)]
    values = model.evaluate(names, known)
    terminal = [
        sum(i * ((branch.plus == p) - (branch.minus == p)) for i, branch in zip(values, model.currents, strict=False))
        for p in ports[:-1]
    ]
    return [*terminal, *(r * t for r, t in zip(values[count::2], values[count + 1 :: 2], strict=True))]


def boltzmann_moment(delta: float, power: int, low: float = -1.0) -> float:
    """Thermal mean of z^power over [low, 1] in the axial well: weight exp(delta (z^2 - 1)).

    Source: the stationary solution of Brown's Fokker-Planck equation.
    """

    def weight(z: float) -> float:
        return math.exp(delta * (z * z - 1))

    marks = [0.0, 1 - min(5 / delta, 0.9), -1 + min(5 / delta, 0.9)]
    marks = [m for m in marks if low < m < 1]
    top = quad(lambda z: z**power * weight(z), low, 1, points=marks, limit=200)[0]
    return float(top / quad(weight, low, 1, points=marks, limit=200)[0])
