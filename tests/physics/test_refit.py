"""Data of every kind of fit are fitted again by what the card says of them, as a report does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from synthetic_barrier import barrier_case
from synthetic_domains import draw_domains, measured_loop
from synthetic_oscillator import CONDUCTION, DIODE_CONDUCTION, card, diode_spectra, table
from synthetic_walls import velocity_case

from compact.parameters import ParameterSet
from compact.refit import DataFile, refit


def written(path: Path, header: str, *columns: Any) -> Path:
    """A file of columns."""
    rows = [",".join(repr(float(x)) for x in row) for row in zip(*columns, strict=True)]
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def wall(folder: Path) -> tuple[ParameterSet, list[DataFile]]:
    from compact.wallfit import fit_velocity, read_wall

    truth, data = velocity_case(3, "track")
    path = written(folder / "walls.csv", "density (A/m2),velocity (m/s)", data.drive, data.response)
    return fit_velocity(read_wall(path), card=truth.replace("base")).card, [DataFile(path)]


def barrier(folder: Path) -> tuple[ParameterSet, list[DataFile]]:
    from compact.barrierfit import fit_barrier

    _, loop, _ = barrier_case(4)
    path = written(folder / "loop.csv", "time (s),voltage (V),current (A)", loop.time, loop.volts, loop.response)
    return fit_barrier(path).card, [DataFile(path)]


def domains(folder: Path) -> tuple[ParameterSet, list[DataFile]]:
    from compact.gradualfit import fit_gradual

    rng = np.random.default_rng(5)
    device = draw_domains(rng)
    files = []
    for k, width in enumerate((0.02, 1.0)):
        loop = measured_loop(device, width, rng)
        assert loop.current is not None
        path = written(folder / f"loop_{k}.csv", "current (A),resistance (Ohm)", loop.current, loop.resistance)
        files.append(DataFile(path, constants={"pulse_width": width}))
    return fit_gradual([f.path for f in files], pulse_widths=[0.02, 1.0]).card, files


def oscillator(folder: Path) -> tuple[ParameterSet, list[DataFile]]:
    from compact.oscillatordata import read_oscillator
    from compact.oscillatorfit import fit_oscillator

    data = table(np.random.default_rng(1), with_errors=False)
    path = written(
        folder / "tuning.csv", "current (A),frequency (Hz),linewidth (Hz),power (W)", data.current, data.frequency,
        data.linewidth, data.power,
    )  # fmt: skip
    return fit_oscillator([read_oscillator(path)], card=card(**CONDUCTION)).card, [DataFile(path)]


def diode(folder: Path) -> tuple[ParameterSet, list[DataFile]]:
    from compact.diodedata import read_diode
    from compact.diodefit import fit_diode

    spectra = diode_spectra(np.random.default_rng(2))
    columns = [
        np.concatenate(x) for x in zip(*((s.x, s.voltage, np.full(s.x.size, s.current)) for s in spectra), strict=True)
    ]
    path = written(
        folder / "diode.csv",
        "frequency (Hz),voltage (V),current (A),power (W)",
        *columns,
        np.full(columns[0].size, 1e-5),
    )
    return fit_diode(read_diode(path), card=card(**DIODE_CONDUCTION)).card, [DataFile(path)]


@pytest.mark.parametrize("kind", [wall, barrier, pytest.param(domains, marks=pytest.mark.slow), oscillator, diode])
def test_fits_again(kind: Callable[[Path], tuple[ParameterSet, list[DataFile]]], tmp_path: Path) -> None:
    first, files = kind(tmp_path)
    again = refit(first, files).card
    assert again.model == first.model and set(again.stderr) == set(first.stderr)
    for name, error in first.stderr.items():
        assert abs(again.values[name] - first.values[name]) < 0.5 * error, name
