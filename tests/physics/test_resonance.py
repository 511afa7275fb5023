"""One resonant card as diode, oscillator and injection-locked detector: the emitted models against the closed forms."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from compact import cli
from compact.errors import ParameterError
from compact.parameters import ParameterSet
from compact.resonance import LIGHT, Effort, run_resonance
from compact.simulators import Simulator

VALUES = {
    "r_p": 500.0,
    "cos_0": 0.2,
    "f_0": 1e9,
    "gamma_g": 1e8,
    "i_th": 1e-3,
    "q_damping": 1.5,
    "n_shift": -8e7,
    "f_i": 2e9,
    "energy": 4e-18,
    "torque_ip": 1e11,
    "fl_ratio": 0.3,
}
QUICK = Effort(diode=5, turns=1200, detector=9, steps=150_000)


def card(**changes: float) -> ParameterSet:
    return ParameterSet("auto_oscillator", "bench", VALUES | changes)


def test_three_uses_of_one_card(vacask: Simulator, tmp_path: Path) -> None:
    found = run_resonance(card(), vacask.name, effort=QUICK)
    for name in ("sensitivity, 0 I_th", "sensitivity, 0.7 I_th"):
        figure = found.diode.figure(name)
        assert figure.value == pytest.approx(figure.reference, rel=0.03), name
    frequency = found.oscillator.figure("frequency")
    assert frequency.value == pytest.approx(frequency.reference, abs=4 * frequency.stderr)
    assert found.oscillator.figure("power").value == pytest.approx(found.oscillator.figure("power").reference, rel=0.05)
    width = found.oscillator.figure("linewidth")
    # The closed form leaves out what is of second order in the noise.
    assert width.value == pytest.approx(width.reference, abs=4 * width.stderr + 0.1 * width.reference)
    curves = found.detector.curves
    inside = np.isfinite(curves["closed[V]"])
    assert np.array_equal(inside, curves["locked[1]"] > 0.5) and 3 <= inside.sum() < len(inside)
    reach = np.nanmax(abs(curves["closed[V]"]))
    assert curves["v[V]"][inside] == pytest.approx(curves["closed[V]"][inside], abs=0.03 * reach)
    # Bias alone makes another device of it: the detector sees more than the diode at the same power.
    assert abs(found.detector.figure("sensitivity, locked").value) > 1.5 * abs(
        found.diode.figure("sensitivity, 0 I_th").value
    )
    files = found.save(tmp_path)
    assert [f.name for f in files] == [f"bench_regimes{end}" for end in
                                       (".json", "_diode.csv", "_oscillator.csv", "_detector.csv", ".png")]  # fmt: skip
    assert json.loads(files[0].read_text())["regimes"]["detector"]["figures"][0]["unit"] == "Hz"


@pytest.mark.slow  # the three uses are shown by VACASK, and that ngspice has the same equations by its parity
def test_ngspice_shows_the_same(ngspice: Simulator) -> None:
    effort = dataclasses.replace(LIGHT, diode=3, turns=60, detector=5, steps=2000)
    found = run_resonance(card(), ngspice.name, effort=effort)
    figure = found.diode.figure("sensitivity, 0 I_th")
    assert figure.value == pytest.approx(figure.reference, rel=0.03)
    inside = np.isfinite(found.detector.curves["closed[V]"])
    assert np.array_equal(inside, found.detector.curves["locked[1]"] > 0.5)
    assert "too short" in found.oscillator.figure("linewidth").what


def test_wrong_cards(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ParameterError, match="is no resonant junction"):
        run_resonance(ParameterSet("mtj", "other"))
    with pytest.raises(ParameterError, match="no current drives"):
        run_resonance(card(torque_ip=0.0, fl_ratio=0.0))
    path = tmp_path / "card.json"
    card().save(path)
    assert cli.run(["regimes", str(path), "--map"]) == 2
    assert "--map is for cards with two states; 'bench'" in capsys.readouterr().err
