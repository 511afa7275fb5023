"""Which model a loop of voltage and current supports: a memristive barrier, magnetic switching alone, or a wall."""

from __future__ import annotations

import numpy as np

from compact.barrierfit import BARRIER, BarrierFit, fit_barrier
from compact.errors import DataError
from compact.loopchoice import Choice, candidate
from compact.wallfit import fit_loop
from compact.walltable import WallTable

__all__ = ["compare_barrier"]


def compare_barrier(fit: BarrierFit) -> Choice:
    """Compare a fit with models of fewer or other states, on the points that all of them are fitted to.

    Parameters
    ----------
    fit : BarrierFit
        Loops fitted with `mgo_memristive`.

    Returns
    -------
    Choice
        The best first. A wall is left out where the loops do not determine one.
    """
    loops = [c.loop for c in fit.curves]
    plain = fit_barrier(loops, card=fit.base, temperature=fit.temperature, barrier=False)
    used = [a.used & b.used for a, b in zip(fit.curves, plain.curves, strict=True)]
    scales = [float(np.ptp(x.amps)) for x in loops]
    barriers = len(loops) + len(BARRIER)
    gained = "rs" in fit.card.stderr
    rows = []
    for found, model, about, own in (
        # A barrier of which nothing is seen costs its parameters and gains nothing.
        (fit, fit.card.model, "the barrier moves beyond thresholds", fit.parameters + (0 if gained else barriers)),
        (plain, "mtj", "the layer turns over at once, no more", plain.parameters),
    ):
        left = [((c.loop.amps - c.amps) / scale)[u] for c, u, scale in zip(found.curves, used, scales, strict=True)]
        rows.append(candidate(model, about, np.concatenate(left), own))
    try:
        walls = [
            fit_loop(WallTable("loop", "voltage", x.volts, x.amps, x.time, x.source), temperature=fit.temperature)
            for x in loops
        ]
    except DataError:
        walls = []
    if walls:
        left = [((w.table.response - w.curve) / s)[u] for w, u, s in zip(walls, used, scales, strict=True)]
        count = sum(len(w.card.stderr) for w in walls)
        rows.append(candidate("domain_wall", "a wall follows the bias", np.concatenate(left), count))
    return Choice(tuple(sorted(rows, key=lambda r: r.aicc)))
