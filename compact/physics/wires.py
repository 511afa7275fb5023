"""Crossbar with resistance in its wires: node voltages by elimination, by Newton's method if cells are not ohmic."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array, csc_array
from scipy.sparse.linalg import splu

__all__ = ["Law", "cell_voltages", "crossbar_currents", "divider", "series"]

FloatArray = NDArray[np.float64]
Law = Callable[[FloatArray], FloatArray]
"""Currents [A] of cells at their voltages [V], of the same shape; each rises with its voltage."""
SLOPE = 1e-6
"""Half of the difference of voltages of which slopes are taken [V]."""
HALVINGS = 52
"""Bisections of a voltage, to its last digit."""
CLOSE = 1e-11
"""Largest last step of a node voltage over the largest input."""
STEPS = 100
"""Most steps of Newton's method."""


def _checked(inputs: ArrayLike, shape: tuple[int, ...], r_wire: float) -> FloatArray:
    """Inputs as an array of reads, if they fit the cells."""
    drive = np.atleast_2d(np.asarray(inputs, dtype=float))
    if len(shape) != 2 or drive.shape[1] != shape[0]:
        raise ValueError(f"inputs of shape {drive.shape} do not drive cells of shape {shape}")
    if not r_wire > 0:
        raise ValueError(f"a wire of {r_wire:g} Ohm has no node voltages")
    return drive


def _network(g: FloatArray, r_wire: float, r_driver: float, r_sense: float) -> csc_array:
    """Nodal conductances of wires and ohmic cells: first the nodes of all rows, then those of all columns."""
    rows, columns = g.shape
    upper = np.arange(g.size).reshape(g.shape)
    lower = upper + g.size
    pairs = [
        (upper.ravel(), lower.ravel(), g.ravel()),
        (upper[:, :-1].ravel(), upper[:, 1:].ravel(), np.full(rows * (columns - 1), 1 / r_wire)),
        (lower[:-1].ravel(), lower[1:].ravel(), np.full((rows - 1) * columns, 1 / r_wire)),
    ]
    a, b, value = (np.concatenate(part) for part in zip(*pairs, strict=True))
    ends = np.concatenate((upper[:, 0], lower[-1]))
    leak = np.concatenate((np.full(rows, 1 / (r_wire + r_driver)), np.full(columns, 1 / (r_wire + r_sense))))
    i = np.concatenate((a, b, a, b, ends))
    j = np.concatenate((a, b, b, a, ends))
    return coo_array((np.concatenate((value, value, -value, -value, leak)), (i, j))).tocsc()


def crossbar_currents(
    conductance: ArrayLike,
    inputs: ArrayLike,
    r_wire: float,
    r_driver: float = 0.0,
    r_sense: float = 0.0,
) -> NDArray[np.float64]:
    """Currents out of the columns of a crossbar of linear cells whose wires have resistance.

    Rows are driven at their left end, columns end at ground below the last row; a piece of wire lies before each cell
    of a row and behind each cell of a column.

    Parameters
    ----------
    conductance : array_like, shape (rows, columns)
        Of the cells [S]; zero where there is none.
    inputs : array_like, shape (reads, rows)
        Voltages that drive the rows [V].
    r_wire : float
        Resistance of a piece of wire [Ohm], above 0.
    r_driver, r_sense : float
        Resistance between source and row, and between column and ground [Ohm].

    Returns
    -------
    ndarray, shape (reads, columns)
        Currents into ground [A].

    Raises
    ------
    ValueError
        If shapes do not match or a wire has no resistance.
    """
    g = np.asarray(conductance, dtype=float)
    drive = _checked(inputs, g.shape, r_wire)
    source = np.zeros((2 * g.size, len(drive)))
    source[: g.size : g.shape[1]] = drive.T / (r_wire + r_driver)
    voltages = splu(_network(g, r_wire, r_driver, r_sense)).solve(source)
    return np.asarray(voltages[-g.shape[1] :].T / (r_wire + r_sense))


def divider(first: Law, second: Law, volts: FloatArray) -> FloatArray:
    """Voltage across the first of two elements in series [V], by bisection, at voltages across both [V]."""
    low, high = np.minimum(volts, 0.0), np.maximum(volts, 0.0)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        above = first(middle) > second(volts - middle)
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return (low + high) / 2


def series(first: Law, second: Law) -> Law:
    """Law of two elements in series."""

    def current(volts: FloatArray) -> FloatArray:
        middle = divider(first, second, volts)
        # Of the element that has the larger voltage, whose last digits count least.
        return np.where(np.abs(middle) > np.abs(volts / 2), first(middle), second(volts - middle))

    return current


def cell_voltages(
    law: Law,
    inputs: ArrayLike,
    shape: tuple[int, int],
    r_wire: float,
    r_driver: float = 0.0,
    r_sense: float = 0.0,
) -> FloatArray:
    """Voltages across the cells of a crossbar whose cells follow any rising law, by Newton's method.

    Wires and their ends are those of `crossbar_currents`. Currents of columns and rows are sums of the law's at these
    voltages.

    Parameters
    ----------
    law : callable
        Currents of all cells [A] at their voltages [V], both of the shape of the crossbar.
    inputs : array_like, shape (reads, rows)
        Voltages that drive the rows [V].
    shape : (int, int)
        Rows and columns.
    r_wire, r_driver, r_sense : float
        As for `crossbar_currents` [Ohm].

    Returns
    -------
    ndarray, shape (reads, rows, columns)

    Raises
    ------
    ValueError
        If shapes do not match, a wire has no resistance, or no solution is found, as for a law that jumps.
    """
    drive = _checked(inputs, shape, r_wire)
    size = shape[0] * shape[1]
    wires = _network(np.zeros(shape), r_wire, r_driver, r_sense)
    found = []
    for volts in drive:
        source = np.zeros(2 * size)
        source[: size : shape[1]] = volts / (r_wire + r_driver)

        def excess(x: FloatArray, source: FloatArray = source) -> FloatArray:
            current = law((x[:size] - x[size:]).reshape(shape)).ravel()
            return wires @ x - source + np.concatenate((current, -current))

        x = np.zeros(2 * size)
        off = excess(x)
        for _ in range(STEPS):
            v = (x[:size] - x[size:]).reshape(shape)
            g = (law(v + SLOPE) - law(v - SLOPE)) / (2 * SLOPE)
            step = splu(_network(g, r_wire, r_driver, r_sense)).solve(off)
            share = 1.0
            while np.linalg.norm(nearer := excess(x - share * step)) > np.linalg.norm(off) and share > CLOSE:
                share /= 2
            x, off = x - share * step, nearer
            if np.abs(step).max() <= CLOSE * max(np.abs(volts).max(), SLOPE):
                break
        else:
            raise ValueError(
                f"no node voltages within {STEPS} steps: a cell's current must rise smoothly with its voltage"
            )
        found.append((x[:size] - x[size:]).reshape(shape))
    return np.array(found)
