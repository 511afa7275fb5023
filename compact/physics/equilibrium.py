"""Thermal equilibrium of a macrospin within one of its states."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_ndtr

from compact.constants import BOLTZMANN, MU_0
from compact.physics import llgs_kernels as kernels
from compact.physics.macrospin import Macrospin

__all__ = ["boltzmann", "random_keys"]

_SWEEPS = 150
_STREAM = 2


def random_keys(seed: int, stream: int) -> tuple[np.uint64, np.uint64]:
    """Key of the random numbers of a seed; each use of a seed has its stream."""
    words = np.random.SeedSequence([seed, stream]).generate_state(2, np.uint32)
    return np.uint64(words[0]), np.uint64(words[1])


def boltzmann(
    device: Macrospin, n: int, state: int = 1, seed: int = 1, field: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Directions in thermal equilibrium within the well of a state.

    Metropolis' method with a fixed number of steps from a Gaussian approximation; the well is the half sphere about
    the direction of rest.

    Parameters
    ----------
    device : Macrospin
        Device.
    n : int
        Number of directions.
    state : {1, -1}
        Parallel or antiparallel.
    seed : int
        Seed.
    field : array_like, shape (3,), optional
        Field [A/m] in place of the device's.

    Returns
    -------
    ndarray, shape (n, 3)

    Raises
    ------
    ParameterError
        If there is no such state.
    """
    h = np.array(device.h_ext if field is None else field, dtype=float)
    centre = device.rest(state, field)
    if device.temperature == 0:
        return np.tile(centre, (n, 1))
    _, _, frame = np.linalg.svd(centre[None, :])
    across, tensor = frame[1:], device.tensor
    curvature = (centre @ (tensor @ centre + h)) * np.eye(2) - across @ tensor @ across.T
    values, vectors = np.linalg.eigh(curvature)
    scale = MU_0 * device.ms * device.volume / (BOLTZMANN * device.temperature)
    width = np.minimum(1 / np.sqrt(np.maximum(values * scale, 1e-6)), 1.0)
    axes = (vectors * width).T @ across

    def weight(m: NDArray) -> NDArray:
        energy = scale * (0.5 * np.einsum("ni,ij,nj->n", m, tensor, m) + m @ h)
        return np.where(m @ centre > 0, energy, -np.inf)

    def unit(m: NDArray) -> NDArray:
        return np.asarray(m / np.linalg.norm(m, axis=1, keepdims=True))

    keys, numbers = random_keys(seed, _STREAM), np.empty((n, 3))

    def draw(sweep: int) -> NDArray:
        kernels.normals(sweep, 0, *keys, numbers)
        return numbers

    m = unit(centre + draw(0)[:, :2] @ axes)
    now = weight(m)
    for sweep in range(1, _SWEEPS + 1):
        # A rotation that is as likely as its inverse: a reversible proposal.
        random = draw(sweep)
        turn = np.cross(centre, 1.5 * random[:, :2] @ axes)
        angle = np.linalg.norm(turn, axis=1, keepdims=True)
        axis = turn / np.maximum(angle, 1e-300)
        c, s = np.cos(angle), np.sin(angle)
        new = unit(m * c + np.cross(axis, m) * s + axis * np.sum(axis * m, axis=1, keepdims=True) * (1 - c))
        there = weight(new)
        take = log_ndtr(random[:, 2]) < there - now
        m[take], now[take] = new[take], there[take]
    return m
