"""Thermally activated switching of an axially symmetric macrospin over a high barrier."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["escape_rate"]


def escape_rate(delta: ArrayLike, push: ArrayLike, tau_d: ArrayLike, stiffness: ArrayLike = 1.0) -> NDArray[np.float64]:
    """Rate at which a macrospin leaves the state z = 1 for z = -1, or the other way round.

    For the motion dz = (1 - z^2)(k z - p) dtau + sqrt((1 - z^2)/delta) dW with k = `stiffness` and p = k `push`,
    time in `tau_d`, the potential is -k (z^2 - 2 push z), its barrier over kT

        B = k delta (1 - push)^2,

    and the rate to leading order in 1/B

        (k/tau_d) sqrt(k delta/pi) (1 - push^2)(1 - push) exp(-B).

    The next order lowers it by about 1/B; below B = 1 the rate is held at its maximum.

    Parameters
    ----------
    delta : array_like
        Energy barrier over kT without a push [1].
    push : array_like
        Current over critical current, or field over anisotropy field, towards the other state [1].
    tau_d : array_like
        Relaxation time (1 + alpha^2)/(alpha gamma mu0 Hk) [s].
    stiffness : array_like
        Factor on the restoring torque [1], other than 1 where the torque efficiency depends on the state.

    Returns
    -------
    ndarray
        Rate [1/s].

    References
    ----------
    W. F. Brown, Phys. Rev. 130, 1677 (1963), equation 4.36; Z. Li and S. Zhang, Phys. Rev. B 69, 134416 (2004)
    for the spin torque in the barrier.
    """
    k = np.asarray(stiffness, dtype=float)
    strength = k * np.asarray(delta, dtype=float)
    margin = np.maximum(1 - np.asarray(push, dtype=float), 1 / np.sqrt(strength))
    prefactor = k / np.asarray(tau_d, dtype=float) * np.sqrt(strength / np.pi) * (2 - margin) * margin**2
    return np.asarray(prefactor * np.exp(-strength * margin**2))
