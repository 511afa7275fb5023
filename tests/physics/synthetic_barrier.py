"""Synthetic loops of junctions with a memristive barrier, with known parameters."""

from __future__ import annotations

import numpy as np

from compact.analysis import Tran
from compact.barrierloop import simulate_sweep
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.simulators import get_simulator
from compact.voltageloop import VoltageLoop

__all__ = ["FREE", "barrier_case", "opening", "sweep", "transient"]

FREE = ("r_p", "tmr", "v_h", "rs", "v_set", "v_reset", "tau_b", "ic_p2ap", "ic_ap2p", "barrier")
POINTS = 200
"""Points of one cycle."""


def sweep(peak: float, period: float, cycles: int) -> tuple[np.ndarray, np.ndarray]:
    """Times and voltages of triangles that start upwards from zero."""
    time = np.arange(POINTS * cycles + 1) * period / POINTS
    corners = np.concatenate([[0.0], np.arange(cycles * 2) / 2 + 0.25, [cycles]])
    level = np.array([0.0, *([1.0, -1.0] * cycles), 0.0])
    return time, peak * np.interp(time / period, corners, level)


def opening(card: ParameterSet, volts: np.ndarray) -> float:
    """Height of the loop: largest difference of the current between both magnetic states [A]."""
    point = {**card.values, "v_fl_rl": volts, "w_b": 1.0}
    up, down = (card.definition.evaluate("i", {**point, "z": z}) for z in (1.0, -1.0))
    return float(np.max(np.abs(up - down)))


def barrier_case(seed: int, cycles: int = 2, engine: str = "") -> tuple[ParameterSet, VoltageLoop, float]:
    """A card, a noisy loop with both hystereses, and its noise [A]; through a circuit simulator if one is named."""
    rng = np.random.default_rng(seed)
    peak, period = rng.uniform(0.8, 1.3), 10 ** rng.uniform(-1, 1)
    sign = rng.choice([-1.0, 1.0])
    r_p, tmr, v_h = 10 ** rng.uniform(2.5, 4), rng.uniform(0.5, 1.5), rng.uniform(0.4, 1.0)
    thresholds = rng.uniform(0.4, 0.65, 2) * peak
    # Motion that lasts: 2 to 6 relaxation times beyond the higher threshold in each half of a cycle.
    far = peak / thresholds.max() - 1
    beyond = period / 2 * (1 - thresholds.max() / peak)
    values = {
        "r_p": r_p, "tmr": tmr, "v_h": v_h, "rs": rng.uniform(0.05, 0.3), "v_set": sign * thresholds[0],
        "v_reset": -sign * thresholds[1], "tau_b": far**2 / 3 * beyond / rng.uniform(2, 6),
        "barrier": rng.uniform(-1, 1), "state": rng.choice([-1.0, 1.0]), "delta": 60.0,
    }  # fmt: skip
    for name, conduction in (("ic_p2ap", 1.0), ("ic_ap2p", 1 / (1 + tmr / 2))):
        values[name] = rng.uniform(0.3, 0.85) * peak / r_p * conduction / 0.82
    truth = ParameterSet("mgo_memristive", "truth", values)
    time, volts = sweep(peak, period, cycles)
    while _stuck(truth, time, volts):
        truth = truth.replace(None, ic_p2ap=0.9 * truth.values["ic_p2ap"], ic_ap2p=0.9 * truth.values["ic_ap2p"])
    amps = transient(truth, time, volts, engine) if engine else simulate_sweep(truth, time, volts).current
    noise = rng.uniform(0.002, 0.008) * opening(truth, volts)
    return truth, VoltageLoop(time, volts, amps + noise * rng.normal(size=amps.size), source=f"synthetic_{seed}"), noise


def _stuck(card: ParameterSet, time: np.ndarray, volts: np.ndarray) -> bool:
    """Whether the sweep does not turn the layer both ways in its last cycle."""
    last = np.sign(simulate_sweep(card, time, volts).cosine)[-POINTS:]
    return not (np.any(np.diff(last) > 0) and np.any(np.diff(last) < 0))


def transient(card: ParameterSet, time: np.ndarray, volts: np.ndarray, engine: str) -> np.ndarray:
    """Current at given times by a transient of the emitted card in a circuit simulator [A]."""
    netlist = Netlist("slow sweep")
    netlist.use(card, "device")
    turns = np.flatnonzero(np.diff(np.sign(np.diff(volts)))) + 1
    corners = [0, *turns.tolist(), volts.size - 1]
    points = [(float(time[k]), float(volts[k])) for k in corners]
    netlist.circuit.PieceWiseLinearVoltageSource("in", "a", netlist.circuit.gnd, values=points)
    netlist.add_text(f"Xm a 0 device state={card.values['state']!r} barrier={card.values['barrier']!r}")
    step = float(time[1] - time[0]) / 8
    waves = get_simulator(engine).run(netlist, Tran(time[-1], step), save=["a", "i(vin)"], timeout=300)
    return np.interp(time, waves.axis, -waves["i(vin)"])
