"""The map of regimes against limits of stability in closed form, and against the precession of single places."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from compact.cards import load_card
from compact.ensemble import device_of
from compact.errors import ParameterError
from compact.physics.macrospin import Macrospin
from compact.regimemap import KINDS, map_directions, regime_map


@pytest.fixture(scope="module")
def axial() -> Macrospin:
    """A perpendicular junction with a barrier so high that noise leaves the limits of stability sharp."""
    return device_of(load_card("garcia_redondo_2021"), 0.02)[0].at(20.0)


def test_limits_of_an_axial_junction(axial: Macrospin) -> None:
    """P and AP both rest where |h + i| < 1 (drift (1 - z^2)(z + h + i)), each alone beyond."""
    found = regime_map(axial, points=9)
    assert found.direction == pytest.approx([0, 0, 1])
    field, voltage = np.meshgrid(found.field, found.voltage, indexing="ij")

    def drive(state: int) -> np.ndarray:
        """h + i at the current that flows in a state."""
        mean, slope = axial.conductance(voltage)
        current = voltage * (mean + slope * state)
        critical = axial.alpha * axial.h_eff / (axial.torque_per_ampere * float(axial.efficiency(1.0)))
        return np.asarray(field / axial.h_eff + current / critical)

    leaves_p, leaves_ap = drive(1) < -1, drive(-1) > 1
    # Right at a limit the answer takes longer than is waited for.
    clear = (abs(drive(1) + 1) > 0.15) & (abs(drive(-1) - 1) > 0.15)
    expected = np.where(leaves_p, KINDS.index("antiparallel"), np.where(leaves_ap, 0, KINDS.index("both")))
    expected[leaves_p & leaves_ap] = -1
    same = found.kind == expected
    assert clear.sum() > 50 and len(np.unique(expected[clear])) == 3
    assert same[clear].all(), [
        (found.field[i], found.voltage[j], found.kind[i, j]) for i, j in np.argwhere(clear & ~same)
    ]


def test_regimes_of_an_in_plane_junction(tmp_path: Path) -> None:
    device = device_of(load_card("kim_2015_in_plane"), None)[0]
    (name, along), (_, across) = map_directions(device)
    assert name == "along the easy axis" and abs(along @ across) < 1e-12
    found = regime_map(device, along, 7)
    top = found.field[-1], found.voltage[0]
    assert found.at(0.0, 0.0) == "both" and found.at(found.field[-1], 0.0) == "parallel"
    assert found.at(*top) == "precession" and 1e9 < found.frequency[-1, 0] < 50e9
    assert found.at(-top[0], -top[1]) == "precession" and found.at(-top[0], top[1]) == "antiparallel"
    assert math.isnan(found.frequency[3, 3]) and sum(found.shares().values()) == pytest.approx(1)
    lines = found.write(tmp_path / "map.csv").read_text().splitlines()
    assert len(lines) == 50 and lines[0] == "field[A/m],voltage[V],regime,frequency[Hz]"


def test_telegraph_noise_where_a_field_across_lowers_the_barrier() -> None:
    device = device_of(load_card("kim_2015_in_plane"), None)[0]
    found = regime_map(device, map_directions(device)[1][1], 13)
    column = [KINDS[k] for k in found.kind[6:, 6]]  # no voltage, field from zero
    assert column[0] == "both" and column[-1] == "across" and "telegraph" in column


def test_wrong_maps(axial: Macrospin) -> None:
    with pytest.raises(ParameterError, match="'points' = 2 must be 3 or more"):
        regime_map(axial, points=2)
    with pytest.raises(ParameterError, match="no voltage up to 5 V"):
        regime_map(axial.replace(r_p=1e9))
