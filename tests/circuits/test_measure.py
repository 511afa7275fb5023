"""Measures against closed forms."""

import numpy as np
import pytest

from compact.measure import Measure, average, crossings, delay, energy, first_crossing, integral, value_at


def test_sine_crosses_half_at_thirty_degrees():
    t = np.linspace(0, 2, 20001)
    s = np.sin(2 * np.pi * t)
    assert crossings(t, s, 0.5, "rise") == pytest.approx([1 / 12, 13 / 12], abs=1e-7)
    assert crossings(t, s, 0.5, "fall") == pytest.approx([5 / 12, 17 / 12], abs=1e-7)
    assert crossings(t, s, 0.5, after=1.0) == pytest.approx([13 / 12, 17 / 12], abs=1e-7)


def test_crossing_on_a_sample_is_counted_once():
    t = np.array([0.0, 1.0, 2.0, 3.0])
    assert crossings(t, [0.0, 0.5, 1.0, 1.0], 0.5, "rise").tolist() == [1.0]
    assert crossings(t, [1.0, 0.5, 0.0, 0.0], 0.5).tolist() == [1.0]
    assert crossings(t, [0.5, 0.5, 0.5, 0.5], 0.5).size == 0


def test_missing_crossing_is_nan():
    t = np.linspace(0, 1, 11)
    assert np.isnan(first_crossing(t, t, 2.0))
    assert np.isnan(delay(t, (t, 2.0, "rise"), (t, 0.5, "rise")))
    assert np.isnan(delay(t, (t, 0.5, "rise"), (t, 0.2, "rise")))


def test_delay_of_an_rc_step():
    tau = 1e-9
    t = np.linspace(0, 10e-9, 100001)
    step = (t >= 1e-9).astype(float)
    out = np.where(t >= 1e-9, 1 - np.exp(-(t - 1e-9) / tau), 0.0)
    assert delay(t, (step, 0.5, "rise"), (out, 0.5, "rise")) == pytest.approx(tau * np.log(2), rel=1e-3)


def test_energy_of_charging_a_capacitor():
    # A source of V charging C through any R gives C V^2, half of it to the resistor.
    r, c, v = 1e3, 1e-12, 1.2
    t = np.linspace(0, 20 * r * c, 200001)
    i = -v / r * np.exp(-t / (r * c))
    assert energy(t, v, i) == pytest.approx(c * v**2, rel=1e-6)
    until_rc = c * v**2 * (1 - np.exp(-1))
    assert energy(t, np.full_like(t, v), i, stop=r * c) == pytest.approx(until_rc, rel=1e-6)


def test_window_between_samples_is_interpolated():
    t = np.array([0.0, 1.0, 4.0])
    ramp = 2 * t
    assert integral(t, ramp, 0.5, 2.5) == pytest.approx(2.5**2 - 0.5**2)
    assert integral(t, ramp, 3.0, 2.0) == 0.0
    assert integral(t, ramp) == pytest.approx(16.0)
    assert average(t, ramp, 0.5, 2.5) == pytest.approx(3.0)
    assert value_at(t, ramp, 2.0) == pytest.approx(4.0)
    assert np.isnan(value_at(t, ramp, 5.0))


def test_measure_passes_within_limits_only():
    assert Measure("t", 1e-9, "s", low=0, high=2e-9).passed
    assert not Measure("t", 3e-9, "s", low=0, high=2e-9).passed
    assert not Measure("t", float("nan"), "s").passed


@pytest.mark.parametrize("bad", [([0, 1], [0, 1, 2]), ([0], [0]), ([[0, 1]], [[0, 1]])])
def test_shapes_are_checked(bad):
    with pytest.raises(ValueError, match="one length"):
        crossings(*bad, 0.5)
    with pytest.raises(ValueError, match="direction"):
        crossings([0, 1], [0, 1], 0.5, "up")
