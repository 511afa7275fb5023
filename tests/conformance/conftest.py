"""Random but allowed cards of each model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from compact.parameters import ParameterSet


def _mtj(rng: np.random.Generator, name: str) -> ParameterSet:
    g_curv, v_h = rng.uniform(0.1, 6.0), rng.uniform(0.2, 2.0)
    return ParameterSet(
        "mtj",
        name,
        {
            "r_p": 10 ** rng.uniform(0, 5),
            "tmr": rng.uniform(0.02, 4.0),
            "v_h": v_h,
            "tmr_slope": rng.uniform(-0.8, 0.8) / v_h,
            "g_slope": rng.uniform(-0.3, 0.3) * np.sqrt(g_curv),
            "g_curv": g_curv,
            "ic_p2ap": 10 ** rng.uniform(-6, -3),
            "ic_ap2p": 10 ** rng.uniform(-6, -3),
            "delta": rng.uniform(10, 200),
            "tau_d": 10 ** rng.uniform(-10, -8),
            "h_bias": rng.uniform(-0.3, 0.3),
            "tc_r": rng.uniform(-1e-3, 1e-3),
        },
    )


@pytest.fixture(scope="session")
def random_cards() -> Callable[[int, int], list[ParameterSet]]:
    """Function of a count and a seed that draws cards of `mtj`."""

    def draw(count: int, seed: int) -> list[ParameterSet]:
        rng = np.random.default_rng(seed)
        return [_mtj(rng, f"card_{k}") for k in range(count)]

    return draw
