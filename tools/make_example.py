"""Write the example curve that comes with the package: a synthetic measurement of a CoFeB/MgO junction.

Run from the root of the repository: python tools/make_example.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from compact.files import staged
from compact.models import get_model
from compact.models.mtj import resting_cosine
from compact.physics.activation import escape_rate

TARGET = Path(__file__).resolve().parents[1] / "compact" / "examples" / "mtj_loops.csv"
SEED = 22
DEVICE = {
    "r_p": 5.0e3,
    "tmr": 1.10,
    "v_h": 0.47,
    "tmr_slope": 0.06,
    "g_slope": 0.03,
    "g_curv": 0.18,
    "ic_p2ap": 78e-6,
    "ic_ap2p": 52e-6,
    "delta": 58.0,
    "tau_d": 1.0e-9,
}
"""A junction of 45 nm diameter and 8 Ohm um^2, as perpendicular ones of 2015-2020 are."""
WIDTHS = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
TOP, STEP = 0.42, 0.006
NOISE, DRIFT = 2.5e-3, 4e-3
HEADER = """\
# Synthetic example, not a measurement: resistance of a perpendicular CoFeB/MgO junction over voltage
# Written by tools/make_example.py from the model mtj, with thermally activated switching, noise and drift
"""


def sweep() -> np.ndarray:
    """One cycle from zero down, up and back [V]; down first, for the junction starts parallel."""
    up = np.arange(0.5 * STEP, TOP, STEP)
    return np.concatenate((-up, -up[-2::-1], up, up[-2::-1]))


def measure(width: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Voltages [V] and resistances [Ohm] of one cycle with a given time at each point [s]."""
    model = get_model("mtj")
    values = model.complete(DEVICE)
    mean, half = (float(e) for e in model.evaluate(("e_mean", "e_half"), values))
    volts = sweep()
    rest = {z: resting_cosine(values, z) for z in (1, -1)}
    z, states = 1, np.empty(len(volts))
    for k, v in enumerate(volts):
        current = float(model.evaluate("i", values | {"v_fl_rl": v, "z": rest[z], "temperature": values["t_nom"]}))
        towards_other = -z
        stiffness = 1 + current * half
        push = towards_other * current * mean / stiffness
        rate = float(escape_rate(values["delta"], push, values["tau_d"], stiffness))
        if rng.random() < -np.expm1(-rate * width):
            z = -z
        states[k] = rest[z]
    current = model.evaluate("i", values | {"v_fl_rl": volts, "z": states, "temperature": values["t_nom"]})
    drift = 1 + DRIFT * np.linspace(-0.5, 0.5, len(volts))
    return volts, volts / current * drift * (1 + NOISE * rng.normal(size=len(volts)))


def main() -> None:
    """Write the file."""
    rng = np.random.default_rng(SEED)
    with staged(TARGET) as path, path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(HEADER)
        file.write("Voltage (mV),Resistance (kOhm),Pulse width (ms)\n")
        for width in WIDTHS:
            for v, r in zip(*measure(width, rng), strict=True):
                file.write(f"{1e3 * v:.1f},{1e-3 * r:.4f},{1e3 * width:g}\n")
    print(TARGET)


if __name__ == "__main__":
    main()
