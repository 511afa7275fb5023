"""The inner loops of `compact.physics.llgs` on an NVIDIA GPU: a thread for each trajectory, steps as on the processor.

Numbers of the thermal field are the same; the GPU rounds products and sums in its own way, so a trajectory differs from
the processor's by rounding errors, which noise and instability amplify, and ensembles agree within their statistics.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import cuda as numba_cuda
from numba import float64
from numpy.typing import NDArray

from compact.physics import llgs_kernels as kernels
from compact.physics.llgs_fixed import Fixed
from compact.physics.llgs_kernels import LANES, heun_full_step, heun_step, rk4_full_step, rk4_step

__all__ = ["Board", "advance", "advance_full", "available"]

cuda: Any = numba_cuda  # its intrinsics look otherwise to a type checker than to a kernel
SUMS = 8
# What reads arrays is compiled for the GPU from the same source; scalar functions are so by themselves.
row = cuda.jit(device=True)(kernels.row.py_func)
full_row = cuda.jit(device=True)(kernels.full_row.py_func)


def available() -> bool:
    """Whether there is a GPU that numba can use."""
    return bool(cuda.is_available())


@cuda.jit
def advance(
    m, crossing, heat, volts, total, rows, steps, every, first, o, sigma, k0, k1, level, side, rk4, out, traces
):
    """Advance every trajectory by `steps` steps; arguments as in `compact.physics.llgs_kernels.advance`."""
    shared = cuda.shared.array((LANES, SUMS), float64)
    j = cuda.grid(1)
    keys = k0, k1
    x, y, z, cross = m[0, j], m[1, j], m[2, j], crossing[j]
    for r in range(steps // every):
        for k in range(r * every, (r + 1) * every):
            if rk4:
                x, y, z, cross = rk4_step(
                    x,
                    y,
                    z,
                    cross,
                    first + k,
                    row(rows, 3 * k),
                    row(rows, 3 * k + 1),
                    row(rows, 3 * k + 2),
                    o,
                    level,
                    side,
                )
            else:
                x, y, z, cross = heun_step(
                    x, y, z, cross, first + k, j, row(rows, 2 * k), row(rows, 2 * k + 1), o, sigma, keys, level, side
                )
        _record(x, y, z, heat[j], o, side, j, total, shared, out, r, traces)
    m[0, j], m[1, j], m[2, j], crossing[j] = x, y, z, cross


@cuda.jit
def advance_full(
    m, crossing, heat, volts, total, rows, steps, every, first, o, sigma, k0, k1, level, side, rk4, out, traces
):
    """Like `advance`, with a voltage and a temperature rise of each trajectory's own."""
    shared = cuda.shared.array((LANES, SUMS), float64)
    j = cuda.grid(1)
    keys = k0, k1
    x, y, z, cross, volt, warm = m[0, j], m[1, j], m[2, j], crossing[j], volts[j], heat[j]
    for r in range(steps // every):
        for k in range(r * every, (r + 1) * every):
            if rk4:
                now, mid, after = full_row(rows, 3 * k), full_row(rows, 3 * k + 1), full_row(rows, 3 * k + 2)
                x, y, z, volt, warm, cross = rk4_full_step(
                    x, y, z, volt, warm, cross, first + k, now, mid, after, o, level, side
                )
            else:
                now, after = full_row(rows, 2 * k), full_row(rows, 2 * k + 1)
                x, y, z, volt, warm, cross = heun_full_step(
                    x, y, z, volt, warm, cross, first + k, j, now, after, o, sigma, keys, level, side
                )
        _record(x, y, z, warm, o, side, j, total, shared, out, r, traces)
    m[0, j], m[1, j], m[2, j], crossing[j], volts[j], heat[j] = x, y, z, cross, volt, warm


@cuda.jit(device=True)
def _record(x, y, z, heat, o, side, j, total, shared, out, r, traces):
    """Sums over one block, in the order of the processor, and the traces that were asked for."""
    lane = cuda.threadIdx.x
    counts = 1.0 if j < total else 0.0
    shared[lane, 0], shared[lane, 1], shared[lane, 2] = counts * x, counts * y, counts * z
    shared[lane, 3], shared[lane, 4], shared[lane, 5] = counts * x * x, counts * y * y, counts * z * z
    shared[lane, 6] = counts if side * (x * o.px + y * o.py + z * o.pz) > 0.0 else 0.0
    shared[lane, 7] = counts * heat
    if j < traces.shape[1]:
        traces[r, j, 0], traces[r, j, 1], traces[r, j, 2] = x, y, z
    cuda.syncthreads()
    if lane < SUMS:
        total_of_lane = 0.0
        for other in range(LANES):
            total_of_lane += shared[other, lane]
        out[r, cuda.blockIdx.x, lane] = total_of_lane
    cuda.syncthreads()


class Board:
    """State of an ensemble on the GPU, between rounds.

    Parameters
    ----------
    m : ndarray, shape (3, lanes)
        Directions.
    crossing, heat, volts : ndarray, shape (lanes,)
        As in `compact.physics.llgs_kernels.advance_full`.
    """

    def __init__(self, m: NDArray, crossing: NDArray, heat: NDArray, volts: NDArray):
        self._host = m, crossing, heat, volts
        self._state = tuple(cuda.to_device(np.ascontiguousarray(a)) for a in self._host)
        self._blocks = m.shape[1] // LANES

    def advance(
        self,
        full: bool,
        total: int,
        rows: NDArray,
        steps: int,
        every: int,
        first: int,
        fixed: Fixed,
        sigma: float,
        keys: tuple[Any, Any],
        threshold: float,
        side: float,
        rk4: bool,
        traces: int,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Advance the ensemble; sums of shape (records, 8) and traces of shape (records, traces, 3)."""
        records = steps // every
        out = cuda.device_array((records, self._blocks, SUMS), np.float64)
        courses = cuda.device_array((records, max(traces, 1), 3), np.float64)
        kernel = advance_full if full else advance
        kernel[self._blocks, LANES](
            *self._state, total, cuda.to_device(rows), steps, every, first, fixed, sigma, *keys, threshold, side, rk4,
            out, courses,
        )  # fmt: skip
        return out.copy_to_host().sum(axis=1), courses.copy_to_host()[:, :traces]

    def fetch(self) -> None:
        """Write the state back into the arrays that it came from."""
        for here, there in zip(self._host, self._state, strict=True):
            here[...] = there.copy_to_host()
