"""Precession above the threshold field and current: the emitted model against the package's own integrator."""

from __future__ import annotations

import numpy as np
import pytest

from compact.bench import Bench, Junction, Place, cosine_of
from compact.cards import load_card
from compact.ensemble import device_of
from compact.physics.macrospin import Macrospin
from compact.precession import find_precession, line_frequency, line_width, observe, spectrum, start_of, turn_of
from compact.simulators import Simulator, get_simulator

# In plane, a field that favours one state and a current that drives away from it; perpendicular, the field inclined.
# Measured in both simulators: frequencies 0.13 % and 0.09 % below those of the integrator, swings 0.2 and 0.1 % off.
PLACES = {
    "kim_2015_in_plane": (Place((80561.0, 0.0, 0.0), -0.5765), 1),
    "garcia_redondo_2021": (Place((0.0, -176381.5, -101833.9), 0.39342), -1),
}


def device(name: str) -> Macrospin:
    return device_of(load_card(name))[0]


@pytest.mark.parametrize("name", PLACES)
def test_frequency_and_swing(name: str, simulator: Simulator) -> None:
    """Frequency to 0.5 %, swing to 1 %, the same in the first and the second half: nothing decays by the integrator."""
    junction, (place, state) = device(name), PLACES[name]
    bench = Bench(junction, simulator, 200)
    start, turn = start_of(bench, state), turn_of(junction.replace(h_ext=place.field))
    # Started on the orbit, so that nothing has to settle.
    _, course = observe(junction, place, start, 40)
    on_orbit = course[int(np.argmax([abs(bench.reachable(m)[1] @ m) for m in course]))]
    begin = bench.reachable(on_orbit)[1]
    turns, skip = 60.0, 12.0
    courses, waves = bench.run(
        "precession",
        [f"Vd drive 0 dc {place.voltage!r}"],
        [Junction("drive", begin, place.field)],
        (turns + skip) * turn,
        turn / 160,
    )
    time, course = observe(junction, place, begin, 60.0)
    found, expected = (
        figures(junction, waves.axis, courses[0], skip * turn, turn),
        figures(junction, time, course, time[0], turn),
    )
    assert found[0] == pytest.approx(expected[0], rel=5e-3)
    assert found[1] == pytest.approx(expected[1], rel=0.02)
    assert found[2] == pytest.approx(1.0, abs=0.03)
    assert expected[1] > 0.3


def figures(junction: Macrospin, time: np.ndarray, course: np.ndarray, skip: float, turn: float) -> tuple[float, ...]:
    """Frequency, rms swing, and swing of the second half over that of the first."""
    grid = np.asarray(np.arange(skip, time[-1], turn / 30), dtype=np.float64)
    cosine = np.interp(grid, time, cosine_of(junction, course))
    early, late = np.array_split(cosine, 2)
    return (
        line_frequency(*spectrum(grid, cosine, len(grid))),
        float(cosine.std()),
        float(late.std() / early.std()),
    )


def test_axial_junction_has_none_along_its_axis_but_in_an_inclined_field() -> None:
    bench = Bench(device("garcia_redondo_2021"), get_simulator("reference"))
    steady = find_precession(bench)
    assert steady is not None
    assert steady.angle == pytest.approx(np.pi / 3)
    assert steady.swing > 0.3


def test_without_torque_there_is_none() -> None:
    bench = Bench(device("kim_2015_in_plane").replace(polarisation=1e-3), get_simulator("reference"))
    assert find_precession(bench) is None


def test_line_of_a_known_width() -> None:
    """A noise-driven damped oscillation: centre and width of its line."""
    rng, step, centre, width = np.random.default_rng(5), 1e-12, 10e9, 0.5e9
    densities = []
    for _ in range(6):
        noise = rng.normal(size=100_000) + 1j * rng.normal(size=100_000)
        pole = np.exp((2j * np.pi * centre - np.pi * width) * step)
        from scipy.signal import lfilter

        signal = lfilter([1.0], [1.0, -pole], noise).real
        frequency, density = spectrum(np.linspace(0, (len(signal) - 1) * step, len(signal)), signal, len(signal))
        densities.append(density)
    near = (frequency > 5e9) & (frequency < 15e9)
    found, full, error = line_width(frequency[near], np.mean(densities, axis=0)[near])
    assert found == pytest.approx(centre, rel=0.01)
    assert full == pytest.approx(width, abs=4 * error + 0.05 * width)
    assert error < 0.2 * width


def test_line_narrower_than_the_spectrum_resolves() -> None:
    time = np.asarray(np.arange(20_000) * 1e-12, dtype=np.float64)
    frequency, density = spectrum(time, np.sin(2 * np.pi * 9.03e9 * time), len(time))
    assert line_frequency(frequency, density) == pytest.approx(9.03e9, rel=2e-4)
    assert np.isnan(line_width(frequency, density)[1])
