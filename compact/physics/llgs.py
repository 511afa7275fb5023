"""Stochastic Landau-Lifshitz-Gilbert-Slonczewski equation for ensembles of macrospins.

    from compact.physics.llgs import Drive, simulate
    from compact.physics.macrospin import Macrospin

    device = Macrospin.from_geometry(length=50e-9, thickness=1e-9, ms=1.2e6, alpha=0.01, k_i=1e-3, shape="sato_ishii")
    run = simulate(device, Drive.pulse(current=-60e-6, width=20e-9), 25e-9, n=10_000, state=1, seed=7)
    print(run.switched)

Heun's method on the sphere with thermal field (Stratonovich; W. F. Brown, Phys. Rev. 130, 1677 (1963); J. L.
Garcia-Palacios and F. J. Lazaro, Phys. Rev. B 58, 14937 (1998); S. J. A. Malham and A. Wiese, SIAM J. Sci. Comput. 30,
597 (2008)), RK4 without; Cartesian, of unit length after every step. What a trajectory does depends on the seed and its
place in the ensemble alone: not on the number of threads, nor on how many others there are.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compact.errors import ParameterError, SimulationError, unknown
from compact.physics import llgs_kernels as kernels
from compact.physics.drive import Drive
from compact.physics.ensemble import Ensemble, Probability
from compact.physics.equilibrium import boltzmann
from compact.physics.llgs_run import Run, extremes
from compact.physics.macrospin import Macrospin

__all__ = ["Drive", "Ensemble", "Probability", "StepWarning", "boltzmann", "derivative", "simulate"]

METHODS = ("heun", "rk4")
STARTS = ("boltzmann", "equilibrated", "rest")
BACKENDS = ("cpu", "cuda", "auto")


class StepWarning(UserWarning):
    """The time step is too large for the precession; the message holds one that would do."""


def simulate(
    device: Macrospin,
    drive: Drive | None = None,
    duration: float = 1e-9,
    *,
    n: int = 1000,
    state: int = 1,
    start: str | ArrayLike = "boltzmann",
    thermal: bool = True,
    method: str | None = None,
    step: float | None = None,
    seed: int = 1,
    samples: int = 200,
    traces: int = 0,
    threshold: float = 0.0,
    threads: int | None = None,
    backend: str = "cpu",
    progress: bool | Callable[[float], None] = False,
) -> Ensemble:
    """Follow an ensemble of macrospins through a waveform.

    Parameters
    ----------
    device : Macrospin
        Device; its values hold at its `temperature`, see `Macrospin.at`.
    drive : Drive, optional
        Voltage or current, field and spin-Hall current as functions of time; nothing by default.
    duration : float
        Time to simulate [s].
    n : int
        Number of trajectories.
    state : {1, -1}
        Initial state, parallel or antiparallel.
    start : {"boltzmann", "equilibrated", "rest"} or array_like, shape (3,) or (n, 3)
        Initial directions: the Boltzmann distribution within the well of `state`; that, followed by five relaxation
        times at the drive of t = 0; the direction of rest; or as given.
    thermal : bool
        Whether there is a thermal field.
    method : {"heun", "rk4"}
        Integrator, by default Heun with and RK4 without thermal field.
    step : float
        Time step [s], by default `Macrospin.step_limit`.
    seed : int
        Seed of the thermal field and the initial directions.
    samples : int
        Number of records over the run, at least.
    traces : int
        Number of trajectories whose course is recorded.
    threshold : float
        A trajectory has crossed when its cosine, positive on the initial side, falls to this.
    threads : int, optional
        Threads, by default one per available core.
    backend : {"cpu", "cuda", "auto"}
        Where to compute: the processor; an NVIDIA GPU, by numba; or that where there is one, else the processor. A GPU
        rounds in its own way: with the same seed an ensemble has the same statistics, not the same last digits.
    progress : bool or callable
        Whether to show a bar on standard error, or what to call with the share done.

    Returns
    -------
    Ensemble

    Raises
    ------
    ParameterError
        If an argument is out of range.
    SimulationError
        If the step is so large that the motion diverged, or "cuda" is asked for where there is no such GPU.

    Warns
    -----
    StepWarning
        If the step is too large for the precession.
    """
    drive = drive or Drive()
    method = method or ("heun" if thermal else "rk4")
    _check(device, duration, n, state, thermal, method, seed, samples, traces, threshold)
    step = _choose_step(device, drive, duration, method, step)
    steps = math.ceil(duration / step * (1 - 1e-9))
    every = max(steps // max(samples, 1), 1)
    steps = every * math.ceil(steps / every)
    step = duration / steps
    gpu = _on_gpu(backend)
    directions = _starting(device, drive, n, state, start, thermal, seed, step, threads, gpu)
    with _reporter(progress) as report:
        run = Run(device, drive, directions, state, thermal, method, step, seed, threshold, threads, report, gpu=gpu)
        return run.go(steps, every, traces)


def derivative(device: Macrospin, directions: ArrayLike, drive: Drive | None = None) -> NDArray[np.float64]:
    """dm/dt without thermal field, by the same compiled functions that `simulate` uses.

    Parameters
    ----------
    device : Macrospin
        Device.
    directions : array_like, shape (n, 3)
        Unit vectors m.
    drive : Drive, optional
        What drives the device, at t = 0.

    Returns
    -------
    ndarray, shape (n, 3)
        [1/s].
    """
    m = np.atleast_2d(np.asarray(directions, dtype=float))
    step = 1e-15
    run = Run(device, (drive or Drive()).frozen(0.0, after=True), m, 1, False, "heun", step, 1, 0.0, 1, None)
    rows, out = np.repeat(run.rows(0, 1)[:1], len(m), axis=0), np.empty((3, len(m)))
    (kernels.derivative_full if run.full else kernels.derivative)(np.ascontiguousarray(m.T), rows, run.fixed, out)
    return np.asarray(out.T / step)


# -- arguments -----------------------------------------------------------------------------------------


def _check(
    device: Macrospin,
    duration: float,
    n: int,
    state: int,
    thermal: bool,
    method: str,
    seed: int,
    samples: int,
    traces: int,
    threshold: float,
) -> None:
    if not (math.isfinite(duration) and duration > 0):
        raise ParameterError(f"'duration' = {duration:g} s must be positive")
    for name, value, low in (("n", n, 1), ("samples", samples, 1), ("traces", traces, 0), ("seed", seed, 0)):
        if isinstance(value, bool) or int(value) != value or value < low:
            raise ParameterError(f"'{name}' = {value} must be a whole number of {low} or more")
    if traces > n:
        raise ParameterError(f"'traces' = {traces} is more than 'n' = {n}")
    if state not in (1, -1):
        raise ParameterError(f"'state' = {state} must be 1 (parallel) or -1 (antiparallel)")
    if method not in METHODS:
        raise ParameterError(unknown("method", method, METHODS))
    if thermal and method == "rk4":
        raise ParameterError("method 'rk4' takes no thermal field; use 'heun', or thermal=False")
    if thermal and device.alpha == 0:
        raise ParameterError("'alpha' = 0: a thermal field needs damping; give alpha, or thermal=False")
    if not -1 <= threshold < 1:
        raise ParameterError(f"'threshold' = {threshold:g} is outside its range [-1, 1)")


def _choose_step(device: Macrospin, drive: Drive, duration: float, method: str, step: float | None) -> float:
    field, torque = extremes(device, drive)
    limit = device.step_limit(method, field, torque)
    if step is None:
        return min(limit, duration)
    if not (math.isfinite(step) and step > 0):
        raise ParameterError(f"'step' = {step:g} s must be positive")
    if step > duration:
        raise ParameterError(f"'step' = {step:g} s is longer than the run of {duration:g} s")
    if step > limit * 1.001:
        warnings.warn(
            f"step of {step * 1e12:.3g} ps is too large for the precession; {limit * 1e12:.3g} ps would do",
            StepWarning,
            stacklevel=3,
        )
    return step


def _starting(
    device: Macrospin,
    drive: Drive,
    n: int,
    state: int,
    start: str | ArrayLike,
    thermal: bool,
    seed: int,
    step: float,
    threads: int | None,
    gpu: bool,
) -> NDArray[np.float64]:
    if not isinstance(start, str):
        given = np.array(start, dtype=float)
        if given.shape not in ((3,), (n, 3)):
            raise ParameterError(f"'start' has the shape {given.shape}, not (3,) or ({n}, 3)")
        sizes = np.linalg.norm(given, axis=-1, keepdims=True)
        if not (np.isfinite(given).all() and (sizes > 0).all()):
            raise ParameterError("'start' holds a direction that is zero or not finite")
        return np.broadcast_to(given / sizes, (n, 3)).copy()
    if start not in STARTS:
        raise ParameterError(unknown("start", start, STARTS))
    field = np.array(device.h_ext) + (drive.field.at(0.0) if drive.field else 0.0)
    if start == "rest":
        return np.tile(device.rest(state, field), (n, 1))
    directions = boltzmann(device, n, state, seed, field)
    if start == "equilibrated" and thermal:
        calm = Run(
            device,
            drive.frozen(0.0),
            directions,
            state,
            True,
            "heun",
            step,
            seed,
            -1.0,
            threads,
            None,
            stream=1,
            gpu=gpu,
        )
        steps = math.ceil(5 * device.tau_d / step)
        directions = calm.go(steps, steps, 0).final
    return directions


def _on_gpu(backend: str) -> bool:
    if backend not in BACKENDS:
        raise ParameterError(unknown("backend", backend, BACKENDS))
    if backend == "cpu":
        return False
    from compact.physics.llgs_cuda import available

    if backend == "cuda" and not available():
        raise SimulationError("no GPU that numba can use; install the extra 'cuda' and a driver, or take backend='cpu'")
    return available()


@contextmanager
def _reporter(progress: bool | Callable[[float], None]) -> Iterator[Callable[[float], None] | None]:
    if callable(progress):
        yield progress
    elif not progress:
        yield None
    else:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TimeRemainingColumn

        columns = ("trajectories", BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("", total=1.0)
            yield lambda share: bar.update(task, completed=share)
