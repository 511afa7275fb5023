"""Regimes of one junction over field and voltage, by the noise-free and the thermal macrospin."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from compact.bench import critical_voltages, hard_axis
from compact.errors import ParameterError
from compact.files import staged
from compact.physics.drive import Drive
from compact.physics.llgs import simulate
from compact.physics.macrospin import Macrospin
from compact.precession import LEAST_SWING, START, line_frequency, spectrum, turn_of, turns_to_settle

__all__ = ["KINDS", "RegimeMap", "map_directions", "regime_map"]

Array = NDArray[np.float64]

KINDS = ("parallel", "antiparallel", "across", "both", "telegraph", "precession")
"""What a place shows; "across": one state, about at right angles to the reference; "both": two states that stay."""
ACROSS = 0.3
"""Cosine below which a single state counts as across."""
ALIKE = 0.1
"""Difference of cosines up to which two junctions have come to rest in the same state."""
FIELD_REACH = 1.5
"""Largest field over the anisotropy field."""
VOLTAGE_REACH = 3.0
"""Largest voltage over the critical one."""
MOST_VOLTS = 5.0
RECORDED_TURNS = 40
WINDOW_TURNS = 200
"""Turns for which noise may carry a junction over its barrier."""
COPIES = 32
"""Junctions that start in each of the two states."""
MIXED = 0.2
"""Smallest share of either state in the end where junctions come and go."""
CHANGES = 2
"""Changes of state in the window, on average, from which on they count as telegraph noise."""


@dataclass(frozen=True)
class RegimeMap:
    """Regimes over field and voltage.

    Parameters
    ----------
    direction : ndarray, shape (3,)
        Unit vector of the field.
    field : ndarray, shape (m,)
        Field along it, in place of the card's [A/m].
    voltage : ndarray, shape (n,)
        Voltage of the free against the reference layer [V].
    kind : ndarray of int, shape (m, n)
        Index into `KINDS`.
    frequency : ndarray, shape (m, n)
        Frequency of precession [Hz], nan elsewhere.
    window : float
        Time for which each place was watched with noise [s].
    """

    direction: Array
    field: Array
    voltage: Array
    kind: NDArray[np.int64]
    frequency: Array
    window: float

    def at(self, field: float, voltage: float) -> str:
        """Regime of the nearest place that was looked at."""
        row, column = (int(np.argmin(abs(a - x))) for a, x in ((self.field, field), (self.voltage, voltage)))
        return KINDS[int(self.kind[row, column])]

    def shares(self) -> dict[str, float]:
        """Share of the map that each regime takes."""
        return {name: float(np.mean(self.kind == k)) for k, name in enumerate(KINDS)}

    def write(self, path: Path) -> Path:
        """Write the map as a table, whole or not at all."""
        with staged(path) as part, part.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["field[A/m]", "voltage[V]", "regime", "frequency[Hz]"])
            for row, h in enumerate(self.field):
                for column, v in enumerate(self.voltage):
                    f = self.frequency[row, column]
                    tuned = f"{f:.6g}" if math.isfinite(f) else ""
                    writer.writerow([f"{h:.6g}", f"{v:.6g}", KINDS[int(self.kind[row, column])], tuned])
        return path


def regime_map(
    device: Macrospin,
    direction: Array | None = None,
    points: int = 25,
    *,
    seed: int = 1,
    progress: Callable[[float], None] | None = None,
) -> RegimeMap:
    """What a junction does at each field and voltage.

    At each place two junctions without noise, one started near each state, tell whether there is a steady precession;
    then junctions with noise tell whether they stay, leave for good, or come and go.

    Parameters
    ----------
    device : Macrospin
        Device; its field is replaced.
    direction : ndarray, shape (3,), optional
        Direction of the field, by default the easy axis, towards parallel.
    points : int
        Number of fields and of voltages, at least 3.
    seed : int
        Seed of the noise.
    progress : callable, optional
        Called with the share done.

    Returns
    -------
    RegimeMap

    Raises
    ------
    ParameterError
        If there are fewer than 3 points, or no voltage within 5 V moves the layer.

    Notes
    -----
    Fields reach 1.5 anisotropy fields, voltages three critical ones (at most 5 V).
    """
    if points < 3:
        raise ParameterError(f"'points' = {points} must be 3 or more")
    easy = device.easy_axis * (1 if device.easy_axis @ np.array(device.reference) >= 0 else -1)
    way = easy if direction is None else np.asarray(direction, dtype=float) / np.linalg.norm(direction)
    critical = [v for v in critical_voltages(device) if math.isfinite(v)]
    if not critical or max(critical) > MOST_VOLTS:
        raise ParameterError(f"no voltage up to {MOST_VOLTS:g} V moves the layer: there is no map of regimes to draw")
    reach = min(VOLTAGE_REACH * max(critical), MOST_VOLTS)
    fields, volts = (np.linspace(-x, x, points) for x in (FIELD_REACH * device.h_eff, reach))
    across = np.linalg.eigh(device.tensor)[1][:, :2].sum(axis=1)
    starts = np.array([state * easy + START * across for state in (1, -1)])
    window = WINDOW_TURNS * turn_of(device.replace(h_ext=(0.0, 0.0, 0.0)))
    kind = np.zeros((points, points), dtype=np.int64)
    frequency = np.full((points, points), math.nan)
    done = 0

    def look(place: tuple[int, int]) -> None:
        row, column = place
        x, y, z = (float(c) for c in fields[row] * way)
        there = device.replace(h_ext=(x, y, z))
        frequency[place], ends = _quiet(there, float(volts[column]), starts)
        if math.isfinite(frequency[place]):
            kind[place] = KINDS.index("precession")
        elif abs(ends[0] - ends[1]) < ALIKE:
            kind[place] = KINDS.index("across") if abs(ends.mean()) < ACROSS else int(ends.mean() < 0)
        else:
            kind[place] = KINDS.index(_noisy(there, float(volts[column]), starts, window, seed))

    places = [(row, column) for row in range(points) for column in range(points)]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        try:
            for _ in pool.map(look, places):
                done += 1
                if progress:
                    progress(done / len(places))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return RegimeMap(way, fields, volts, kind, frequency, window)


def _quiet(device: Macrospin, voltage: float, starts: Array) -> tuple[float, Array]:
    """Frequency of a steady precession without noise [Hz], nan if there is none, and mean cosines in the end."""
    turn, skip = turn_of(device), turns_to_settle(device)
    stop = (skip + RECORDED_TURNS) * turn
    samples = int((skip + RECORDED_TURNS) * 12)
    run = simulate(
        device, Drive(voltage=voltage), stop, n=2, start=starts, thermal=False, traces=2, samples=samples, threads=1
    )
    late = run.time >= skip * turn
    for cosine in run.cosine()[:, late]:
        early, later = np.array_split(cosine, 2)
        swing = float(later.std())
        steady = abs(early.std() - swing) < 0.1 * swing and abs(early.mean() - later.mean()) < 0.05
        if swing > LEAST_SWING and steady:
            return line_frequency(*spectrum(run.time[late], cosine, len(cosine))), run.cosine()[:, late].mean(axis=1)
    return math.nan, run.cosine()[:, late].mean(axis=1)


def _noisy(device: Macrospin, voltage: float, starts: Array, window: float, seed: int) -> str:
    """What noise makes of a junction with two states at rest."""
    both = np.repeat(starts, COPIES, axis=0)
    run = simulate(
        device,
        Drive(voltage=voltage),
        window,
        n=len(both),
        start=both,
        traces=len(both),
        samples=WINDOW_TURNS * 4,
        threads=1,
        seed=seed,
    )
    cosine = run.cosine()[:, len(run.time) // 4 :]
    # A change counts once it has reached the outer half of the swing.
    outer = 0.5 * float(np.quantile(np.abs(cosine), 0.5))
    changes = sum(int(np.count_nonzero(np.diff(np.sign(c[np.abs(c) > outer])))) for c in cosine)
    if changes >= CHANGES * len(both):
        return "telegraph"
    stays, comes = (float(np.mean(part > 0)) for part in np.array_split(cosine[:, -1], 2))
    if stays - comes > 0.5:
        return "both"
    share = (stays + comes) / 2
    # Where they start is forgotten, yet both states are found: they come and go, if only now and then.
    if MIXED < share < 1 - MIXED:
        return "telegraph"
    return "parallel" if share > 0.5 else "antiparallel"


def map_directions(device: Macrospin, angle: float = 0.0) -> list[tuple[str, Array]]:
    """Directions worth a map: along the easy axis or at `angle` [rad] from it, and across it."""
    easy = device.easy_axis * (1 if device.easy_axis @ np.array(device.reference) >= 0 else -1)
    across = hard_axis(device)
    tilted = math.cos(angle) * easy + math.sin(angle) * across
    name = "along the easy axis" if angle == 0 else f"at {math.degrees(angle):.0f}° to the easy axis"
    return [(name, tilted), ("across the easy axis", across)]
