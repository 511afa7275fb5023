"""Thermal equilibrium of a macrospin within one of its states."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compact.constants import BOLTZMANN, MU_0
from compact.physics import llgs_kernels as kernels
from compact.physics.macrospin import Macrospin

__all__ = ["boltzmann", "random_keys"]

_SWEEPS = 150
_REACH = 1.5
_PIECE = 20_000
_STREAM = 2


def random_keys(seed: int, stream: int) -> tuple[np.uint64, np.uint64]:
    """Key of the random numbers of a seed; each use of a seed has its stream."""
    words = np.random.SeedSequence([seed, stream]).generate_state(2, np.uint32)
    return np.uint64(words[0]), np.uint64(words[1])


def boltzmann(
    device: Macrospin, n: int, state: int = 1, seed: int = 1, field: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Directions in thermal equilibrium within the well of a state.

    Metropolis' method with a fixed number of steps from the direction of rest, the well being the half sphere about
    it.

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
    tensor = device.tensor
    _, _, frame = np.linalg.svd(centre[None, :])
    across = frame[1:]
    curvature = (centre @ (tensor @ centre + h)) * np.eye(2) - across @ tensor @ across.T
    values, vectors = np.linalg.eigh(curvature)
    scale = MU_0 * device.ms * device.volume / (BOLTZMANN * device.temperature)
    width = np.minimum(1 / np.sqrt(np.maximum(values * scale, 1e-6)), 1.0)
    # A move along one axis is a rotation about the other; the quaternion holds half its angle.
    turns = np.cross(centre, _REACH / 2 * (vectors * width).T @ across)
    m = np.empty((3, n))
    parts = [scale * tensor[i, j] for i, j in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))]
    keys = random_keys(seed, _STREAM)
    about = (tuple(centre), tuple(turns.ravel()), tuple(parts), tuple(scale * h), _SWEEPS, *keys)
    for first in range(0, n, _PIECE):  # compiled code does not hear an interrupt
        kernels.metropolis(m[:, first : first + _PIECE], first, *about)
    return np.asarray(m.T / np.linalg.norm(m, axis=0)[:, None])
