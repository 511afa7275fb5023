"""The GPU kernels of the macrospin ensemble, executed thread by thread in numba's simulator of CUDA."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from compact.errors import ParameterError, SimulationError
from compact.physics.llgs import Drive, simulate
from compact.physics.llgs_cuda import available
from compact.physics.macrospin import Macrospin

SCRIPT = """
import json
import numpy as np
from compact.physics.llgs import Drive, simulate
from compact.physics.macrospin import Macrospin

device = Macrospin.from_geometry(length=50e-9, thickness=1e-9, ms=1.2e6, alpha=0.01, k_i=1e-3, shape="sato_ishii")
warm = device.replace(fl_1=1e4, r_th=1e5, tau_th=1e-9)
worst = {}
for name, case, options in (
    ("heun", device, {}),
    ("rk4", device, {"thermal": False}),
    ("equilibrated", device, {"start": "equilibrated"}),
    ("own voltage and temperature, heun", warm, {}),
    ("own voltage and temperature, rk4", warm, {"thermal": False}),
):
    drive = Drive.pulse(current=-60e-6, width=6e-12)
    # 70 trajectories: one block is full and one is not.
    about = dict(n=70, samples=3, traces=2, seed=3, step=1e-12, threshold=0.9995) | options
    if name == "equilibrated":
        case = case.replace(alpha=0.9)
    one, other = (simulate(case, drive, 9e-12, backend=b, **about) for b in ("cpu", "cuda"))
    fields = ("mean", "square", "remaining", "heat", "final", "traces", "crossing")
    worst[name] = {f: float(np.nanmax(abs(getattr(one, f) - getattr(other, f)), initial=0)) for f in fields}
    assert np.array_equal(np.isnan(one.crossing), np.isnan(other.crossing)) and np.ptp(one.final) > 0.01
print(json.dumps(worst))
"""


def test_gpu_kernels_do_what_the_processor_does() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "NUMBA_ENABLE_CUDASIM": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    worst = json.loads(done.stdout)
    assert len(worst) == 5
    for name, fields in worst.items():
        assert {f: x for f, x in fields.items() if x > 1e-12 and f != "crossing"} == {}, name
        assert fields["crossing"] < 1e-18, name


@pytest.mark.skipif(available(), reason="there is a GPU")
def test_without_a_gpu() -> None:
    device = Macrospin.from_geometry(length=50e-9, thickness=1e-9, ms=1.2e6, alpha=0.01, k_i=1e-3)
    with pytest.raises(SimulationError, match="no GPU"):
        simulate(device, Drive(), 1e-11, n=1, backend="cuda")
    with pytest.raises(ParameterError, match="did you mean 'cuda'"):
        simulate(device, Drive(), 1e-11, n=1, backend="cudo")
    same = [simulate(device, Drive(), 1e-11, n=3, backend=b).final for b in ("cpu", "auto")]
    assert (same[0] == same[1]).all()


@pytest.mark.skipif(not available(), reason="there is no GPU")
def test_with_a_gpu() -> None:
    device = Macrospin.from_geometry(length=50e-9, thickness=1e-9, ms=1.2e6, alpha=0.01, k_i=1e-3, shape="sato_ishii")
    drive = Drive.pulse(current=-60e-6, width=6e-9)
    one, other = (simulate(device, drive, 6e-9, n=20_000, seed=3, backend=b) for b in ("cpu", "cuda"))
    assert one.switched.value == pytest.approx(other.switched.value, abs=4 * one.switched.stderr)
