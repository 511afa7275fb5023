"""One ensemble of macrospins on its way: pieces of work for the threads of the processor, or for a GPU."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

import numpy as np
from numpy.typing import NDArray

from compact.errors import SimulationError
from compact.physics import llgs_kernels as kernels
from compact.physics.drive import Drive
from compact.physics.ensemble import Ensemble
from compact.physics.equilibrium import random_keys
from compact.physics.llgs_fixed import Fixed, middle
from compact.physics.macrospin import LARMOR, Macrospin

__all__ = ["Run", "cores", "extremes"]

_CHUNK_NUMBERS = 2_000_000
"""Numbers held for sums at a time; more records or trajectories take more rounds."""
_CHUNK_STEPS = 8192
"""Steps in a round."""
_CHUNK_SECONDS = 0.2
"""Time after which a thread reports, so that a run can be interrupted."""
_STEP_COST = 15e-9
"""About what a step of one trajectory takes [s]."""
Batch = Callable[[int, int, int], tuple[NDArray, NDArray]]
"""Sums and traces of the records of a piece: first step, number of records, steps for each."""


def extremes(device: Macrospin, drive: Drive) -> tuple[float, float]:
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


class Run:
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
        self.threads = threads or cores()
        self.gpu = gpu
        self.fetch: Callable[[], None] = lambda: None
        voltage_acts = drive.current is not None and bool(device.fl_1 or device.fl_2 or device.vcma)
        driven = drive.current is not None or drive.voltage is not None
        self.full = voltage_acts or (device.r_th > 0 and driven)
        self.fixed = Fixed.of(device, drive, self.unit, step)

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
            limit = self.device.step_limit("rk4" if self.rk4 else "heun", *extremes(self.device, self.drive))
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
        tensor = np.broadcast_to((device.tensor - middle(device) * np.eye(3)) * unit, (len(time), 3, 3))
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


def cores() -> int:
    """Processor cores that may be used."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
