"""Intervals of fitted switching probabilities: profiles of the likelihood, and samples of the posterior."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import lmfit
import numpy as np
from numpy.typing import NDArray

from compact.errors import ParameterError
from compact.probabilitylikelihood import Problem, objective

__all__ = ["profile_intervals", "sample_posterior"]

FloatArray: TypeAlias = NDArray[np.float64]


def profile_intervals(problem: Problem, result: Any, dispersion: float, sigma: float) -> dict[str, tuple[float, float]]:
    """Profile-likelihood intervals of what was varied, in SI units.

    Parameters
    ----------
    problem : Problem
        What was fitted.
    result : lmfit.MinimizerResult
        At the largest likelihood.
    dispersion : float
        Deviance per degree of freedom.
    sigma : float
        Width in standard errors.

    Returns
    -------
    dict of str to (low, high)
        Infinite where the likelihood does not fall far enough.
    """
    base = float(np.sum(np.square(result.residual)))
    allowed = sigma**2 * max(dispersion, 1.0 if problem.method == "binomial" else 0.0)
    found = {}
    for name in result.var_names:
        bounds = []
        for way in (-1, 1):
            centre, step = result.params[name].value, result.params[name].stderr or 0.1
            inside, outside = 0.0, None
            reach = sigma * step
            for _ in range(24):
                trial = result.params.copy()
                trial[name].set(value=centre + way * reach, vary=False)
                again = lmfit.minimize(objective, trial, args=(problem,), method="least_squares")
                if again.chisqr - base > allowed:
                    outside = reach
                else:
                    inside = reach
                if outside is None:
                    reach *= 1.6
                    if reach > 12:
                        break
                else:
                    if outside - inside < 0.01 * step:
                        break
                    reach = (inside + outside) / 2
            bounds.append(way * math.inf if outside is None else centre + way * reach)
        plain = name.removeprefix("log_")
        found[plain] = tuple(math.exp(x) if plain != name else x for x in bounds)
    return {k: (float(a), float(b)) for k, (a, b) in found.items()}


def sample_posterior(
    problem: Problem, result: Any, dispersion: float, steps: int, walkers: int, seed: int
) -> dict[str, FloatArray]:
    """Samples of the posterior distribution, flat in the logarithms, with emcee, in SI units.

    Parameters
    ----------
    problem, result, dispersion
        As for `profile_intervals`.
    steps, walkers : int
        Length and number of the Markov chains; the first third of each is left out.
    seed : int
        Seed.

    Raises
    ------
    ParameterError
        If emcee is not installed.
    """
    try:
        import emcee
    except ImportError:
        raise ParameterError("sampling needs emcee: pip install 'spinbricks[mcmc]'") from None
    names = list(result.var_names)
    fixed = {k: p.value for k, p in result.params.items()}
    scale = max(dispersion, 1.0 if problem.method == "binomial" else 1e-300)

    def log_probability(x: FloatArray) -> float:
        for name, value in zip(names, x, strict=True):
            if not result.params[name].min < value < result.params[name].max:
                return -math.inf
        return -0.5 * float(np.sum(problem.residuals(fixed | dict(zip(names, x, strict=True))) ** 2)) / scale

    rng = np.random.default_rng(seed)
    centre = np.array([result.params[n].value for n in names])
    spread = np.array([result.params[n].stderr or 0.01 for n in names])
    sampler = emcee.EnsembleSampler(walkers, len(names), log_probability)
    sampler.random_state = np.random.RandomState(seed).get_state()
    sampler.run_mcmc(centre + 0.3 * spread * rng.normal(size=(walkers, len(names))), steps)
    chain = sampler.get_chain(discard=steps // 3, flat=True)
    plain = {n: n.removeprefix("log_") for n in names}
    return {plain[n]: np.exp(chain[:, k]) if plain[n] != n else chain[:, k] for k, n in enumerate(names)}
