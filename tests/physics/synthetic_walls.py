"""Synthetic measurements of domain walls with known parameters, from the emitted equations."""

from __future__ import annotations

import numpy as np
from scipy.integrate import solve_ivp

from compact.parameters import ParameterSet
from compact.wallfit import WallTable, wall_velocity

__all__ = ["loop_case", "velocity_case"]

POINTS = 60


def velocity_case(seed: int, kind: str) -> tuple[ParameterSet, WallTable]:
    """A card and noisy velocities on both sides of breakdown, in a `field`, a `track` or a `stack`."""
    rng = np.random.default_rng(seed)
    model = "domain_wall" if kind == "stack" else "domain_wall_track"
    alpha = rng.uniform(0.01, 0.1)
    values = {"alpha": alpha, "h_k": 10 ** rng.uniform(4, 5.5), "wall_width": rng.uniform(8, 30) * 1e-9}
    if kind == "track":
        values |= {"p_wire": rng.uniform(0.3, 0.7), "beta": alpha * rng.uniform(1.8, 5)}
    if kind == "stack":
        values |= {"fl_ratio": rng.choice([-1, 1]) * rng.uniform(0.1, 0.6)}
    truth = ParameterSet(model, "truth", values)
    quantity = "field" if kind == "field" else "density"
    # The drive of breakdown, by bisection of the closed form; the data reach to 2 to 4 times it.
    low, high = 1.0, 1e16
    for _ in range(200):
        middle = np.sqrt(low * high)
        linear = 1e-6 * wall_velocity(truth, quantity, 1e6 * low / 1e6, 27.0) / low * 1e6
        above = abs(wall_velocity(truth, quantity, middle)) < abs(linear * middle) * (1 - 1e-9)
        low, high = (low, middle) if above else (middle, high)
    x = np.linspace(-1, 1, POINTS) * low * rng.uniform(2, 4)
    y = wall_velocity(truth, quantity, x)
    noise = rng.uniform(0.005, 0.02) * np.max(np.abs(y))
    table = WallTable("velocity", quantity, x, y + noise * rng.normal(size=x.size), np.empty(0), f"synthetic_{kind}")
    return truth, table


def loop_case(seed: int) -> tuple[ParameterSet, WallTable]:
    """A card and a noisy pinched loop of a wall that comes to both ends, by the full equations with their inertia."""
    rng = np.random.default_rng(seed)
    values = {
        "r_p": rng.uniform(100, 400), "tmr": rng.uniform(0.4, 1.5), "v_h": rng.uniform(0.3, 0.8), "alpha": 0.1,
        "h_k": 4e5, "fl_ratio": rng.uniform(0.2, 0.6), "state": rng.uniform(-0.6, 0.6), "length": 4e-6, "h_end": 1e5,
    }  # fmt: skip
    truth = ParameterSet("domain_wall", "truth", values)
    volts, model = rng.uniform(0.3, 0.5), truth.definition
    speed = float(wall_velocity(truth, "current", volts / values["r_p"] / (1 + values["tmr"] / 2)))
    period = rng.uniform(3.0, 5.0) * values["length"] / speed * np.pi / 2

    def rates(t: float, y: np.ndarray) -> list[float]:
        point = truth.values | {"v_fl_rl": volts * np.sin(2 * np.pi * t / period)}
        found = model.evaluate(
            ["rate_z", "rate_tilt_c", "rate_tilt_s"], point | {"z": y[0], "tilt_c": y[1], "tilt_s": y[2]}
        )
        return [float(x) for x in found]

    t = np.linspace(0, 2 * period, 240)
    run = solve_ivp(rates, (0, t[-1]), [values["state"], 1.0, 0.0], t_eval=t, method="LSODA", rtol=1e-6, atol=1e-8)
    v = volts * np.sin(2 * np.pi * t / period)
    i = model.evaluate("i", truth.values | {"v_fl_rl": v, "z": run.y[0]})
    noise = rng.uniform(0.003, 0.01) * np.max(np.abs(i))
    return truth, WallTable("loop", "voltage", v, i + noise * rng.normal(size=v.size), t, "synthetic_loop")
