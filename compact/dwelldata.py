"""Dwell times of junctions that flicker: from traces of resistance, and tables of their means against bias."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compact.bias import Biased
from compact.errors import DataError
from compact.roles import Role, read_roles

__all__ = ["DwellTable", "Dwells", "dwell_times", "read_dwells", "read_trace"]

FloatArray: TypeAlias = NDArray[np.float64]

TABLE_ROLES = {
    "dwell_p": Role("s", r"(dwell|tau|t)[ _-]*p$|^parallel"),
    "dwell_ap": Role("s", r"(dwell|tau|t)[ _-]*ap$|^anti"),
    "voltage": Role("V", r"(^|[^a-z])(v|u|volts?|voltage|bias)([^a-z]|$)"),
    "current": Role("A", r"(^|[^a-z])(i|curr|current)([^a-z]|$)"),
    "count": Role("1", r"^(n|count|counts|events|dwells)$"),
}
TRACE_ROLES = {
    "time": Role("s", r"^(t|time|seconds?)([^a-z]|$)"),
    "resistance": Role("Ohm", r"(^|[^a-z])(r|res|resistance)([^a-z]|$)"),
    "voltage": Role("V", r"(^|[^a-z])(v|u|volts?|voltage|signal)([^a-z]|$)"),
    "current": Role("A", r"(^|[^a-z])(i|curr|current)([^a-z]|$)"),
}
MIN_DWELLS = 5


# --------------------------------------------------------------------------------------------- traces


@dataclass(frozen=True)
class Dwells:
    """Dwell times of the two states of one trace.

    Parameters
    ----------
    low, high : ndarray
        Complete dwells in the low and in the high state [s]; those cut off by the ends of the trace are left out.
    levels : tuple of float
        The two levels, in the unit of the trace.
    step : float
        Time between samples [s].
    """

    low: FloatArray
    high: FloatArray
    levels: tuple[float, float]
    step: float

    def mean(self, high: bool) -> tuple[float, float]:
        """Mean dwell time of a state and its standard error [s], freed from the rounding to whole samples.

        Parameters
        ----------
        high : bool
            Whether of the high state.

        Raises
        ------
        DataError
            If there are fewer than five dwells.
        """
        times = self.high if high else self.low
        if len(times) < MIN_DWELLS:
            raise DataError(f"{len(times)} complete dwells are too few for a mean; {MIN_DWELLS} are needed")
        samples = float(times.mean()) / self.step
        mean = self.step / -math.log1p(-1 / max(samples, 1.0 + 1e-9))
        return mean, mean / math.sqrt(len(times))

    def exponential(self, high: bool) -> float:
        """Kolmogorov-Smirnov probability that the dwells of a state are exponential with their own mean."""
        from scipy.stats import kstest

        times = self.high if high else self.low
        mean, _ = self.mean(high)
        jitter = np.random.default_rng(0).random(len(times)) * self.step
        return float(kstest(times - self.step + jitter, "expon", args=(0, mean)).pvalue)


def dwell_times(time: ArrayLike, signal: ArrayLike, source: str = "trace") -> Dwells:
    """Find the dwells of a two-level trace.

    The levels are those of the two groups of samples; a state changes when the signal passes three quarters of the way
    to the other level, so that noise does not count as a change.

    Parameters
    ----------
    time : array_like (n,)
        Evenly spaced times [s].
    signal : array_like (n,)
        Resistance, voltage or current.
    source : str
        Name for error messages.

    Returns
    -------
    Dwells

    Raises
    ------
    DataError
        If times go back or are uneven, the trace is constant or shows no two levels.
    """
    t, y = np.asarray(time, dtype=float), np.asarray(signal, dtype=float)
    if t.ndim != 1 or t.shape != y.shape or t.size < 20:
        raise DataError(f"{source}: a trace needs 20 samples or more, and as many times as values")
    if not (np.all(np.isfinite(t)) and np.all(np.isfinite(y))):
        raise DataError(f"{source}: a value is not finite")
    steps = np.diff(t)
    back = np.flatnonzero(steps <= 0)
    if back.size:
        raise DataError(
            f"{source}: time goes back at sample {back[0] + 2}: {t[back[0] + 1]:g} s after {t[back[0]]:g} s"
        )
    step = float(np.median(steps))
    if np.any(np.abs(steps - step) > 0.02 * step):
        raise DataError(f"{source}: samples are not evenly spaced")
    if np.ptp(y) <= 1e-9 * np.abs(y).max():
        raise DataError(f"{source}: the trace is constant")
    low, high = np.quantile(y, [0.02, 0.98])
    if high <= low:
        low, high = y.min(), y.max()
    for _ in range(50):  # two means
        upper = y > (low + high) / 2
        new = float(y[~upper].mean()), float(y[upper].mean())
        if new == (low, high):
            break
        low, high = new
    scatter = float(np.sqrt((np.var(y[upper]) * upper.sum() + np.var(y[~upper]) * (~upper).sum()) / y.size))
    if high - low < 4 * scatter:
        raise DataError(
            f"{source}: no two levels: the groups are only {(high - low) / scatter:.2g} standard deviations apart"
        )
    up, down = low + 0.75 * (high - low), low + 0.25 * (high - low)
    mark = np.where(y > up, 1, np.where(y < down, -1, 0))
    last = np.maximum.accumulate(np.where(mark != 0, np.arange(y.size), 0))
    state = mark[last]
    edges = np.flatnonzero(np.diff(state[last[0] :]) != 0) + 1
    lengths, states = np.diff(edges) * step, state[edges[:-1]] if edges.size else np.array([])
    return Dwells(lengths[states < 0], lengths[states > 0], (low, high), step)


def read_trace(path: str | Path, columns: str | Mapping[str, str] | None = None) -> Dwells:
    """Read a trace of time and resistance, voltage or current, and find its dwells.

    Parameters
    ----------
    path : str or pathlib.Path
        Text with two columns or more.
    columns : str or mapping of str to str, optional
        Column of each role, such as "time=1,resistance=2".

    Raises
    ------
    DataError
        In one line that names what is wrong.
    """
    table = read_roles(path, TRACE_ROLES, columns)
    signals = [k for k in ("resistance", "voltage", "current") if k in table.columns]
    if "time" not in table.columns or not signals:
        raise DataError(f"{table.source}: cannot tell time and signal; name them: --columns 'time=1,resistance=2'")
    return dwell_times(table.columns["time"], table.columns[signals[0]], table.source)


# --------------------------------------------------------------------------------------------- tables


@dataclass(frozen=True)
class DwellTable(Biased):
    """Mean dwell times against bias.

    Parameters
    ----------
    dwell_p, dwell_ap : array_like (n,)
        Mean dwell times of the parallel and the antiparallel state [s].
    voltage, current : array_like (n,), optional
        One of them: bias [V or A], positive towards parallel.
    count_p, count_ap : array_like (n,) or float
        Number of dwells behind each mean; errors are mean / sqrt(number).
    source, sha256 : str
        Name and hash of the file.
    notes : tuple of str
        What was assumed.

    Raises
    ------
    DataError
        If a dwell time or count is not positive, or columns differ in length.
    """

    dwell_p: FloatArray
    dwell_ap: FloatArray
    voltage: FloatArray | None = None
    current: FloatArray | None = None
    count_p: FloatArray | float = 1000.0
    count_ap: FloatArray | float = 1000.0
    source: str = "arrays"
    sha256: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        size = np.atleast_1d(np.asarray(self.dwell_p, dtype=float)).size
        for name in ("dwell_p", "dwell_ap", "voltage", "current", "count_p", "count_ap"):
            value = getattr(self, name)
            if value is None:
                continue
            array = np.atleast_1d(np.array(value, dtype=float))
            if array.ndim != 1 or array.size not in (1, size):
                raise DataError(f"{self.source}: {name} has {array.size} values, dwell_p has {size}")
            array = np.broadcast_to(array, (size,))
            wrong = ~np.isfinite(array) | ((array <= 0) if name not in ("voltage", "current") else False)
            if np.any(wrong):
                k = int(np.flatnonzero(wrong)[0])
                raise DataError(f"{self.source}: {name} = {array[k]:g} at point {k + 1} is not possible")
            object.__setattr__(self, name, array)
        if (self.voltage is None) == (self.current is None):
            raise DataError(f"{self.source}: either voltages or currents are needed")

    @classmethod
    def from_traces(
        cls, dwells: Sequence[Dwells], *, voltage: ArrayLike | None = None, current: ArrayLike | None = None,
        high_is_parallel: bool = False,
    ) -> DwellTable:  # fmt: skip
        """Table from traces at several biases; the high level is antiparallel, as of a resistance, unless said."""
        means = {high: [d.mean(high)[0] for d in dwells] for high in (True, False)}
        counts = {high: [len(d.high if high else d.low) for d in dwells] for high in (True, False)}
        p, ap = high_is_parallel, not high_is_parallel
        return cls(
            np.array(means[p]),
            np.array(means[ap]),
            None if voltage is None else np.asarray(voltage, dtype=float),
            None if current is None else np.asarray(current, dtype=float),
            np.array(counts[p], dtype=float),
            np.array(counts[ap], dtype=float),
            source="traces",
        )


def read_dwells(
    path: str | Path, columns: str | Mapping[str, str] | None = None, *, count: float | None = None
) -> DwellTable:
    """Read a table of bias and mean dwell times.

    Parameters
    ----------
    path : str or pathlib.Path
        Text with the columns `voltage` or `current`, `dwell_p`, `dwell_ap` and, if need be, `count`.
    columns : str or mapping of str to str, optional
        Column of each role.
    count : float, optional
        Number of dwells behind each mean, where the file does not say it.

    Raises
    ------
    DataError
        In one line that names what is wrong.
    """
    table = read_roles(path, TABLE_ROLES, columns)
    found: dict[str, Any] = dict(table.columns)
    lacking = [k for k in ("dwell_p", "dwell_ap") if k not in found]
    if lacking:
        raise DataError(
            f"{table.source}: cannot tell which column is {' and '.join(lacking)}; name them with --columns, e.g. "
            f"--columns 'voltage=1,dwell_p=2,dwell_ap=3'"
        )
    number = found.pop("count", count)
    if number is None:
        raise DataError(f"{table.source}: the likelihood needs the number of dwells: a column n, or one for all")
    return DwellTable(
        **found, count_p=number, count_ap=number, source=table.source, sha256=table.sha256, notes=table.notes
    )
