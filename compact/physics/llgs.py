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
import os
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compact.errors import ParameterError, SimulationError, unknown
from compact.physics import llgs_kernels as kernels
from compact.physics.drive import Drive
from compact.physics.ensemble import Ensemble, Probability
from compact.physics.equilibrium import boltzmann, random_keys
from compact.physics.macrospin import LARMOR, Macrospin

__all__ = ["Drive", "Ensemble", "Probability", "StepWarning", "boltzmann", "derivative", "simulate"]

METHODS = ("heun", "rk4")
STARTS = ("boltzmann", "equilibrated", "rest")
BACKENDS = ("cpu", "cuda", "auto")
_CHUNK_NUMBERS = 2_000_000
"""Numbers held for sums at a time; more records or trajectories take more rounds."""
_CHUNK_STEPS = 8192
"""Steps in a round."""
_CHUNK_SECONDS = 0.2
"""Time after which a thread reports, so that a run can be interrupted."""
_STEP_COST = 15e-9


Batch = Callable[[int, int, int], tuple[NDArray, NDArray]]
"""Sums and traces of the records of a piece: first step, number of records, steps for each."""


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
        run = _Run(device, drive, directions, state, thermal, method, step, seed, threshold, threads, report, gpu=gpu)
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
    run = _Run(device, (drive or Drive()).frozen(0.0, after=True), m, 1, False, "heun", step, 1, 0.0, 1, None)
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
    field, torque = _extremes(device, drive)
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


def _extremes(device: Macrospin, drive: Drive) -> tuple[float, float]:
    """Strongest field beyond anisotropy and `h_ext`, and strongest torque [A/m]."""
    field = drive.field.largest if drive.field else 0.0
    volts = amps = 0.0
    if drive.voltage:
        volts = drive.voltage.largest
        g_0, g_1 = device.conductance(volts)
        amps = volts * float(g_0 + abs(g_1))
    elif drive.current:
        amps = drive.current.largest
        volts = amps * device.r_p * (1 + device.tmr)
    hall = drive.spin_hall.largest * abs(device.eta_sh) * device.torque_per_ampere if drive.spin_hall else 0.0
    field += abs(device.fl_1) * volts + abs(device.fl_2) * volts**2 + abs(device.vcma) * volts
    torque = amps * device.torque_per_ampere * float(np.max(device.efficiency([-1.0, 1.0])))
    return field + abs(device.beta_sh) * hall, torque + hall


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
        calm = _Run(
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


# -- running -------------------------------------------------------------------------------------------


class _Run:
    """One ensemble on its way: state arrays of whole blocks, and pieces of work for threads."""

    def __init__(
        self,
        device: Macrospin,
        drive: Drive,
        directions: NDArray[np.float64],
        state: int,
        thermal: bool,
        method: str,
        step: float,
        seed: int,
        threshold: float,
        threads: int | None,
        report: Callable[[float], None] | None,
        stream: int = 0,
        gpu: bool = False,
    ):
        self.device, self.drive, self.state, self.step, self.report = device, drive, state, step, report
        self.n = len(directions)
        self.blocks = math.ceil(self.n / kernels.LANES)
        lanes = self.blocks * kernels.LANES
        self.m = np.empty((3, lanes))
        self.m[:, : self.n] = directions.T
        self.m[:, self.n :] = directions[:1].T
        self.crossing = np.full(lanes, -1.0)
        self.heat = np.zeros(lanes)
        self.volts = np.zeros(lanes)
        self.rk4 = method == "rk4"
        self.unit = LARMOR / (1 + device.alpha**2) * step
        self.sigma = device.thermal_field / math.sqrt(step) * self.unit if thermal else 0.0
        self.keys = random_keys(seed, stream)
        self.threshold = threshold
        self.threads = threads or _cores()
        self.gpu = gpu
        self.fetch: Callable[[], None] = lambda: None
        voltage_acts = drive.current is not None and bool(device.fl_1 or device.fl_2 or device.vcma)
        driven = drive.current is not None or drive.voltage is not None
        self.full = voltage_acts or (device.r_th > 0 and driven)
        self.fixed = _fixed(device, drive, self.unit, step)

    def go(self, steps: int, every: int, traces: int) -> Ensemble:
        records = steps // every
        sums = np.empty((records + 1, 8))
        courses = np.empty((traces, records + 1, 3))
        px, py, pz = self.device.reference
        first = self.state * (px * self.m[0] + py * self.m[1] + pz * self.m[2])[: self.n]
        here = self.m[:, : self.n]
        sums[0] = [*here.sum(axis=1), *(here**2).sum(axis=1), (first > 0).sum(), 0.0]
        courses[:, 0] = here[:, :traces].T
        threads = min(self.threads, self.blocks)
        with ThreadPoolExecutor(threads) as pool:
            batch = self._gpu_batches(steps, traces) if self.gpu else self._cpu_batches(pool, threads, steps, traces)
            for begin, count, length in self._plan(records, every, traces):
                part, trace = batch(begin, count, length)
                # A piece that ends between two records is overwritten by the next one.
                last = (begin + count * length - 1) // every + 2
                sums[last - count : last] = part
                courses[:, last - count : last] = trace.transpose(1, 0, 2)
            self.fetch()
        if not np.isfinite(sums).all():
            limit = self.device.step_limit("rk4" if self.rk4 else "heun", *_extremes(self.device, self.drive))
            raise SimulationError(
                f"the motion diverged at a step of {self.step * 1e12:.3g} ps; {limit * 1e12:.3g} ps would do"
            )
        share = sums / self.n
        crossing = self.crossing[: self.n]
        return Ensemble(
            device=self.device,
            state=self.state,
            step=self.step,
            time=np.asarray(np.arange(records + 1) * (every * self.step), dtype=float),
            mean=share[:, :3],
            square=share[:, 3:6],
            remaining=share[:, 6],
            heat=share[:, 7],
            crossing=np.where(crossing >= 0, crossing * self.step, np.nan),
            final=self.m[:, : self.n].T.copy(),
            traces=courses,
        )

    def _plan(self, records: int, every: int, traces: int) -> Iterator[tuple[int, int, int]]:
        """Pieces of the run: first step, number of records, steps for each; none needs much memory or time."""
        if every > _CHUNK_STEPS:
            for k in range(records):
                for offset in range(0, every, _CHUNK_STEPS):
                    yield k * every + offset, 1, min(_CHUNK_STEPS, every - offset)
            return
        batch = min(_CHUNK_NUMBERS // (self.blocks * 8 + traces * 3), _CHUNK_STEPS // every)
        for done in range(0, records, max(batch, 1)):
            yield done * every, min(max(batch, 1), records - done), every

    def _gpu_batches(self, total: int, traces: int) -> Batch:
        """Batches on the GPU, where the state stays between them until `fetch` brings it back."""
        from compact.physics.llgs_cuda import Board

        board = Board(self.m, self.crossing, self.heat, self.volts)
        self.fetch = board.fetch

        def batch(first: int, count: int, every: int) -> tuple[NDArray, NDArray]:
            steps = count * every
            about = (steps, every, first, self.fixed, self.sigma, self.keys, self.threshold, float(self.state))
            sums, courses = board.advance(self.full, self.n, self.rows(first, steps), *about, self.rk4, traces)
            if self.report:
                self.report((first + steps) / total)
            return sums, courses

        return batch

    def _cpu_batches(self, pool: ThreadPoolExecutor, threads: int, total: int, traces: int) -> Batch:
        return lambda first, count, every: self._batch(pool, threads, first, count, every, traces, total)

    def _batch(
        self, pool: ThreadPoolExecutor, threads: int, first: int, count: int, every: int, traces: int, total: int
    ) -> tuple[NDArray, NDArray]:
        steps = count * every
        rows = self.rows(first, steps)
        sums, courses = np.zeros((count, self.blocks, 8)), np.zeros((count, traces, 3))
        cost = _STEP_COST * steps * kernels.LANES
        share = math.ceil(self.blocks * cost / (threads * _CHUNK_SECONDS)) * threads
        size = math.ceil(self.blocks / share)
        pieces = [(b, min(b + size, self.blocks)) for b in range(0, self.blocks, size)]

        def work(piece: tuple[int, int]) -> int:
            state = (self.m, self.crossing, self.heat)
            about = (steps, every, first, self.fixed, self.sigma, self.keys, self.threshold, float(self.state))
            out = (sums, courses)
            if self.full:
                kernels.advance_full(*state, self.volts, piece, self.n, rows, *about, self.rk4, out)
            else:
                kernels.advance(*state, piece, self.n, rows, *about, self.rk4, out)
            return piece[1] - piece[0]

        waiting: set[Future[int]] = {pool.submit(work, piece) for piece in pieces}
        ready = 0
        try:
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                ready += sum(future.result() for future in done)
                if self.report:
                    self.report((first + steps * ready / self.blocks) / total)
        except BaseException:
            for future in waiting:
                future.cancel()
            raise
        return sums.sum(axis=1), courses

    def rows(self, first: int, steps: int) -> NDArray[np.float64]:
        """What drives the motion at the beginning, (the middle) and the end of each step, as angles per step."""
        device, drive, unit = self.device, self.drive, self.unit
        # A billionth of a step inside the step, so that jumps between two steps are sharp.
        inside = np.array([1e-6, 0.5, 1 - 1e-6] if self.rk4 else [1e-6, 1 - 1e-6])
        time = ((first + np.arange(steps))[:, None] + inside) * self.step
        time = time.ravel()
        rows = np.zeros((len(time), kernels.FULL_ROW if self.full else kernels.ROW))
        rows[:, 0:3] = np.array(device.h_ext) * unit
        if drive.field:
            rows[:, 0:3] += drive.field.at(time) * unit
        if drive.spin_hall:
            hall = drive.spin_hall.at(time) * (device.eta_sh * device.torque_per_ampere * unit)
            rows[:, 0:3] += device.beta_sh * hall[:, None] * np.array(device.sh_axis)
            rows[:, 3:6] = hall[:, None] * np.array(device.sh_axis)
        if self.full:
            rows[:, 6] = (drive.voltage or drive.current).at(time)  # type: ignore[union-attr]
            return rows
        tensor = np.broadcast_to((device.tensor - _middle(device) * np.eye(3)) * unit, (len(time), 3, 3))
        if drive.voltage:
            v = drive.voltage.at(time)
            g_0, g_1 = device.conductance(v)
            rows[:, 6], rows[:, 7] = self.fixed.torque * v * g_0, self.fixed.torque * v * g_1
            u, p = np.array(device.axis), np.array(device.reference)
            tensor = tensor + (device.vcma * unit * v)[:, None, None] * np.outer(u, u)
            rows[:, 0:3] += ((device.fl_1 + device.fl_2 * v) * v * unit)[:, None] * p
        elif drive.current:
            rows[:, 6] = self.fixed.torque * drive.current.at(time)
        for column, (i, j) in enumerate(((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)), start=8):
            rows[:, column] = tensor[:, i, j]
        return rows


def _on_gpu(backend: str) -> bool:
    if backend not in BACKENDS:
        raise ParameterError(unknown("backend", backend, BACKENDS))
    if backend == "cpu":
        return False
    from compact.physics.llgs_cuda import available

    if backend == "cuda" and not available():
        raise SimulationError("no GPU that numba can use; install the extra 'cuda' and a driver, or take backend='cpu'")
    return available()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _middle(device: Macrospin) -> float:
    """Middle eigenvalue of the anisotropy [A/m].

    A field along m itself turns nothing, but shifts the angular velocity along m, which counts in a finite step.
    Without the middle eigenvalue precession in an axial anisotropy is a steady turn about the axis, which the method
    follows exactly.
    """
    return float(np.linalg.eigvalsh(device.tensor)[1])


def _fixed(device: Macrospin, drive: Drive, unit: float, step: float) -> kernels.Fixed:
    square = device.asymmetry**2
    power = device.k_exponent - 1
    return kernels.Fixed(
        *device.reference,
        skew=(square - 1) / (square + 1),
        alpha=device.alpha,
        ux=device.axis[0],
        uy=device.axis[1],
        uz=device.axis[2],
        h_k=device.h_k * unit,
        dx=device.ms * device.n[0] * unit,
        dy=device.ms * device.n[1] * unit,
        dz=device.ms * device.n[2] * unit,
        shift=-_middle(device) * unit,
        vcma=device.vcma * unit,
        fl_1=device.fl_1 * unit,
        fl_2=device.fl_2 * unit,
        torque=device.torque_per_ampere * float(device.efficiency(0.0)) * unit,
        by_voltage=1.0 if drive.voltage else 0.0,
        r_p=device.r_p,
        tmr=device.tmr,
        tmr_slope=device.tmr_slope,
        roll=1 / device.v_h**2,
        g_slope=device.g_slope,
        g_curv=device.g_curv,
        tc_r=device.tc_r,
        r_th=device.r_th,
        decay=-math.expm1(-step / device.tau_th),
        ambient=max(device.temperature, 1e-3),
        bloch=(device.temperature / device.t_bloch) ** 1.5,
        k_1=power,
        k_2=power * (power - 1) / 2,
        k_3=power * (power - 1) * (power - 2) / 6,
    )


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
