"""Compiled loops over a Markov chain between neighbours, in uniform steps (see `fokker_planck`)."""

# mypy: disable-error-code="no-untyped-def, misc"

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["mixture", "side_means", "walk"]


@njit(cache=True, nogil=True)
def _step(p, new, stay, up, down):
    """One step: `up[j]` is the probability of going from cell j to j + 1, `down[j]` that of going back."""
    last = p.shape[0] - 1
    new[0] = p[0] * stay[0] + p[1] * down[0]
    for j in range(1, last):
        new[j] = p[j] * stay[j] + p[j - 1] * up[j - 1] + p[j + 1] * down[j]
    new[last] = p[last] * stay[last] + p[last - 1] * up[last - 1]


@njit(cache=True, nogil=True)
def side_means(p, stay, up, down, weights, means):
    """Fill `means` (2, count) with the weighted sums of the distribution after 0, 1, ... steps; return the last."""
    p = p.copy()
    new = np.empty_like(p)
    for k in range(means.shape[1]):
        a = 0.0
        b = 0.0
        for j in range(p.shape[0]):
            a += weights[0, j] * p[j]
            b += weights[1, j] * p[j]
        means[0, k] = a
        means[1, k] = b
        _step(p, new, stay, up, down)
        p, new = new, p
    return p


@njit(cache=True, nogil=True)
def walk(p, stay, up, down, low, poisson):
    """Sum of the distributions after low, low + 1, ... steps, each with its Poisson weight."""
    p = p.copy()
    new = np.empty_like(p)
    total = np.zeros_like(p)
    for k in range(low + poisson.shape[0]):
        if k >= low:
            for j in range(p.shape[0]):
                total[j] += poisson[k - low] * p[j]
        _step(p, new, stay, up, down)
        p, new = new, p
    return total


@njit(cache=True, nogil=True)
def mixture(means, mean_steps, lows, highs, log_factorial, out):
    """Fill `out` (2, m) with `means` (2, count) weighed by Poisson distributions of `mean_steps` (m,) steps."""
    for i in range(mean_steps.shape[0]):
        mean = mean_steps[i]
        if mean <= 0.0:
            out[0, i] = means[0, 0]
            out[1, i] = means[1, 0]
            continue
        log_mean = np.log(mean)
        a = 0.0
        b = 0.0
        for k in range(lows[i], highs[i]):
            weight = np.exp(k * log_mean - mean - log_factorial[k])
            a += weight * means[0, k]
            b += weight * means[1, k]
        out[0, i] = a
        out[1, i] = b
