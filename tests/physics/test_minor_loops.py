"""Closed forms of creeping minor loops against the pulse-by-pulse integration of the rates."""

from __future__ import annotations

import numpy as np
import pytest

from compact.cards import load_card
from compact.errors import ParameterError
from compact.models.multidomain import CLASSES
from compact.parameters import ParameterSet
from compact.physics.minor_loops import Turn, alternate, doses
from compact.pulsed import PulsedJunction

WIDE = ParameterSet(
    "multidomain",
    "memristor",
    dict(
        r_p=4e3, tmr=0.6, v_h=0.8, g_curv=0.2, ic_p2ap=60e-6, ic_ap2p=50e-6, width_p2ap=0.12, width_ap2p=0.15,
        skew_p2ap=-0.4, skew_ap2p=-0.2, delta=60.0, h_bias=0.02,
    ),
)  # fmt: skip
MEASURED = load_card("murray_2018")
VISITS = 33
CASES = [(WIDE, 0.20, -0.14, 1e-6), (WIDE, 0.22, -0.15, 1e-6), (MEASURED, 10.6e-3, -7.1e-3, 0.1),
         (MEASURED, 12.5e-3, -8.9e-3, 0.1)]  # fmt: skip


def visited(card: ParameterSet, up: float, down: float, width: float, then: tuple[float, ...] = ()) -> np.ndarray:
    """Parallel fraction at each visit of the upper turning point, and after the pulses that follow."""
    heights = [up, *[down, up] * (VISITS - 1), *then]
    junction = PulsedJunction(card.values, 2 * max(up, -down), by_voltage=True, temperature=300.15)
    found = junction.fraction(heights, width, -1.0)
    return np.concatenate([found[: 2 * VISITS : 2], found[2 * VISITS - 1 :]])


def dose(card: ParameterSet, volts: float, width: float, way: str) -> np.ndarray:
    return doses(card, [0.0, width], [volts, volts], way)


@pytest.mark.parametrize(("card", "up", "down", "width"), CASES)
def test_creep(card: ParameterSet, up: float, down: float, width: float) -> None:
    found = visited(card, up, down, width)
    ahead, back = dose(card, up, width, "ap2p"), dose(card, down, width, "p2ap")
    np.testing.assert_allclose(found, alternate(ahead, back, VISITS), atol=1e-4)
    growth, turn = np.diff(found), Turn(ahead)
    told = np.array([turn.creep(n, n + 1) for n in range(1, 17)])
    # What a down pulse turns back halfway no longer creeps; without that the logarithmic law holds by itself.
    assert np.all(growth[:16] < 1.06 * told)
    if card is WIDE:
        np.testing.assert_allclose(growth[:16], told, rtol=0.06)
    assert np.all(np.diff(growth) < 0)  # the loops converge
    closed = 1 + int(np.argmax(growth < 0.01))
    assert 2 <= closed <= turn.closing_visits(0.01) <= 33


@pytest.mark.parametrize(("up", "down"), [(0.20, -0.14), (0.22, -0.15)])
def test_major_loop_forgets(up: float, down: float) -> None:
    """Exponentially with the dose of what follows: after 32 further visits and a pulse that is higher by a fifth."""
    ahead = dose(WIDE, up, 1e-6, "ap2p")
    seen, told = [], []
    for ratio in (1.03, 1.06, 1.1, 1.15, 1.2):
        junction = PulsedJunction(WIDE.values, 0.5, by_voltage=True, temperature=300.15)
        plain = junction.fraction([up, ratio * up], 1e-6, -1.0)[-1]
        seen.append(visited(WIDE, up, down, 1e-6, (ratio * up,))[-1] - plain)
        more = dose(WIDE, ratio * up, 1e-6, "ap2p")
        border = int(np.argmin(np.abs(np.log(more))))
        told.append(Turn(ahead).ahead(VISITS - 1, 1 + more[border] / ahead[border]))
    np.testing.assert_allclose(seen, told, rtol=0.35, atol=1e-3)
    assert np.all(np.diff(seen) < 0) and seen[-1] < 0.005


def test_doses_are_integrals() -> None:
    """Of constant rates exactly, of ramps additively."""
    rates = np.array(WIDE.definition.evaluate(
        [f"rate{k}_ap2p" for k in range(CLASSES)], {**WIDE.values, "v_fl_rl": 0.2, "temperature": 300.15}
    ))  # fmt: skip
    np.testing.assert_allclose(dose(WIDE, 0.2, 1e-6, "ap2p"), rates * 1e-6, rtol=1e-9)
    once = doses(WIDE, [0, 1e-4], [0, 0.2], "ap2p")
    np.testing.assert_allclose(doses(WIDE, [0, 1e-4, 2e-4], [0, 0.2, 0], "ap2p"), 2 * once, rtol=1e-6)


def test_turning_points_that_cannot_be() -> None:
    with pytest.raises(ParameterError, match="12 classes need as many doses, not 3"):
        Turn(np.ones(3))
    with pytest.raises(ParameterError, match="at the end of a branch"):
        Turn(np.geomspace(1e-9, 1e-12, CLASSES)).slope()
    with pytest.raises(ParameterError, match="direction 'up'"):
        doses(WIDE, [0, 1], [0, 0.1], "up")
