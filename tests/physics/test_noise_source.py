"""The noise of the models: a function of time and seed that must look like white noise."""

from __future__ import annotations

import math

import numpy as np
import pytest

from compact.models import get_model
from compact.parameters import ParameterSet

COUNT = 200_000


def numbers(seed: int, count: int = COUNT) -> np.ndarray:
    """The random numbers themselves: at whole slots, with slots of one second."""
    model = get_model("mtj")
    values = {**ParameterSet("mtj", "noisy").values, "noise": 1.0, "seed": seed, "t_slot": 1.0}
    return model.evaluate("xi_z", {**values, "time": np.arange(count, dtype=float)})


@pytest.mark.parametrize("seed", [0, 1, 2, 999_999])
def test_moments(seed: int) -> None:
    x = numbers(seed)
    assert abs(np.mean(x)) < 4 / math.sqrt(COUNT)
    assert np.mean(x**2) == pytest.approx(1.0, abs=4 * math.sqrt(1.625 / COUNT))  # kurtosis 3 - 1.5/4
    assert np.mean(x**4) == pytest.approx(3 - 1.5 / 4, abs=0.05)


def test_slots_are_independent() -> None:
    x = numbers(1)
    spectrum = np.abs(np.fft.rfft(x, 2 * COUNT)) ** 2
    correlation = np.fft.irfft(spectrum)[1:2001] / COUNT
    assert np.max(np.abs(correlation)) < 5 / math.sqrt(COUNT)
    squares = x**2 - np.mean(x**2)
    lagged = [np.mean(squares[lag:] * squares[:-lag]) for lag in range(1, 200)]
    assert np.max(np.abs(lagged)) < 5 * np.var(squares) / math.sqrt(COUNT)


def test_spectrum_is_flat() -> None:
    """Power in 20 bands, each a mean of 10 000 exponentially distributed lines."""
    power = np.abs(np.fft.rfft(numbers(3)))[1:] ** 2 / COUNT
    bands = power.reshape(20, -1).mean(axis=1)
    assert np.max(np.abs(bands - 1)) < 4 / math.sqrt(COUNT / 2 / 20)


def test_seeds_are_independent() -> None:
    traces = np.array([numbers(seed, 20_000) for seed in range(12)])
    correlation = np.corrcoef(traces) - np.eye(12)
    assert np.max(np.abs(correlation)) < 5 / math.sqrt(20_000)
    shifted = [np.mean(traces[0, lag:] * traces[1, : 20_000 - lag]) for lag in range(1, 500)]
    assert np.max(np.abs(shifted)) < 5 / math.sqrt(19_000)


def test_scale_is_that_of_white_noise() -> None:
    """The integral over a time long against the slot has the variance of a Wiener process."""
    model = get_model("mtj")
    slot = 1e-11
    values = {**ParameterSet("mtj", "noisy").values, "noise": 1.0, "seed": 4, "t_slot": slot}
    time = np.arange(COUNT * 4) * slot / 4
    xi = model.evaluate("xi_z", {**values, "time": time})
    steps = (xi.reshape(-1, 400).sum(axis=1)) * slot / 4
    assert np.var(steps) == pytest.approx(100 * slot, rel=4 * math.sqrt(2 / len(steps)) + 0.01)
