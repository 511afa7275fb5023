"""Resistive crossbar with wires: exact node voltages, by sparse elimination."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.linalg import splu

__all__ = ["crossbar_currents"]


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
    g, drive = np.asarray(conductance, dtype=float), np.atleast_2d(np.asarray(inputs, dtype=float))
    if g.ndim != 2 or drive.shape[1] != g.shape[0]:
        raise ValueError(f"inputs of shape {drive.shape} do not drive cells of shape {g.shape}")
    if not r_wire > 0:
        raise ValueError(f"a wire of {r_wire:g} Ohm has no node voltages")
    rows, columns = g.shape
    upper = np.arange(g.size).reshape(g.shape)
    lower = upper + g.size
    first, last = 1 / (r_wire + r_driver), 1 / (r_wire + r_sense)
    pairs = [
        (upper.ravel(), lower.ravel(), g.ravel()),
        (upper[:, :-1].ravel(), upper[:, 1:].ravel(), np.full(rows * (columns - 1), 1 / r_wire)),
        (lower[:-1].ravel(), lower[1:].ravel(), np.full((rows - 1) * columns, 1 / r_wire)),
    ]
    a, b, value = (np.concatenate(part) for part in zip(*pairs, strict=True))
    ends = np.concatenate((upper[:, 0], lower[-1]))
    leak = np.concatenate((np.full(rows, first), np.full(columns, last)))
    i = np.concatenate((a, b, a, b, ends))
    j = np.concatenate((a, b, b, a, ends))
    matrix = coo_array((np.concatenate((value, value, -value, -value, leak)), (i, j))).tocsc()
    source = np.zeros((2 * g.size, len(drive)))
    source[upper[:, 0]] = first * drive.T
    return np.asarray(splu(matrix).solve(source)[lower[-1]].T * last)
