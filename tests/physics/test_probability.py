"""Fits of switching probabilities and dwell times: known parameters come back, plateaus are seen, measured data fit."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

from compact.cards import load_card
from compact.dwelldata import DwellTable, dwell_times
from compact.dwellfit import fit_dwells
from compact.errors import DataError
from compact.parameters import ParameterSet
from compact.physics.fokker_planck import mesh
from compact.probability import ProbabilityFit, SwitchingTable, fit_probability, read_probability
from compact.writing import AxialDrive, write_errors

FITTED = ("delta", "tau_d", "ic_ap2p")
ENOUGH = 0.015
"""Root mean square that the fits of measured probabilities must reach."""


def device(rng: np.random.Generator) -> ParameterSet:
    """A random device."""
    values = dict(
        delta=float(rng.uniform(25, 110)),
        tau_d=float(10 ** rng.uniform(-0.5, 0.3) * 1e-9),
        ic_ap2p=float(rng.uniform(20e-6, 90e-6)),
        r_p=float(rng.uniform(2e3, 8e3)),
        tmr=float(rng.uniform(0.6, 1.8)),
    )
    values["ic_p2ap"] = values["ic_ap2p"]
    return ParameterSet("mtj", "truth", values)


def measure(truth: ParameterSet, rng: np.random.Generator, top: float = 1.0, count: int = 2000) -> list[SwitchingTable]:
    """Two tables, against voltage and against pulse width, of counted events; on a mesh twice as fine as the fit's."""
    fine = 2 * (len(mesh(truth.values["delta"])) - 1)
    tau, ic = truth.values["tau_d"], truth.values["ic_ap2p"]
    volts = AxialDrive.of(truth).voltage_at(ic * np.linspace(0.7, 3.4, 22), np.array(-1.0))
    width = 3.0 * tau
    by_voltage = write_errors(truth, [width], voltage=volts, cells=fine).switched[:, 0]
    held = float(volts[11])
    widths = tau * np.linspace(0.8, 7.0, 18)
    by_width = write_errors(truth, widths, voltage=held, cells=fine).switched[0]
    return [
        SwitchingTable(rng.binomial(count, top * by_voltage) / count, width, voltage=volts, count=count),
        SwitchingTable(rng.binomial(count, top * by_width) / count, widths, voltage=held, count=count),
    ]


def recover(seed: int) -> tuple[ParameterSet, ProbabilityFit]:
    rng = np.random.default_rng(seed)
    truth = device(rng)
    known = ParameterSet("mtj", "known", {k: truth.values[k] for k in ("r_p", "tmr")})
    return truth, fit_probability(measure(truth, rng), card=known)


def inside(truth: ParameterSet, fit: ProbabilityFit) -> bool:
    """Whether all parameters lie within three errors, and the errors say something."""
    card = fit.card
    return set(FITTED) <= set(card.stderr) and all(
        abs(card.values[k] - truth.values[k]) < 3 * card.stderr[k] < truth.values[k] for k in FITTED
    )


@pytest.mark.parametrize("seed", range(3))
def test_known_parameters_come_back(seed: int) -> None:
    truth, fit = recover(seed)
    assert inside(truth, fit), fit.report()
    assert fit.p_max is None and max(fit.rms) < ENOUGH and fit.dispersion < 2


@pytest.mark.slow
def test_errors_cover_the_truth() -> None:
    """Inside three errors in 95 of 100 cases."""
    missed = [seed for seed in range(100, 200) if not inside(*recover(seed))]
    assert len(missed) <= 5, missed


def test_a_plateau_is_seen_and_not_smeared() -> None:
    rng = np.random.default_rng(7)
    truth = device(rng)
    tables = measure(truth, rng, top=0.93)
    known = ParameterSet("mtj", "known", {k: truth.values[k] for k in ("r_p", "tmr")})
    fit = fit_probability(tables, card=known)
    assert fit.p_max is not None and fit.p_max.stderr
    assert abs(fit.p_max.value - 0.93) < 3 * fit.p_max.stderr < 0.01
    assert inside(truth, fit)
    assert any("back-hopping" in note for note in fit.card.notes)
    smeared = fit_probability(tables, card=known, plateau=False)
    assert smeared.dispersion > 5 * fit.dispersion


def test_one_pulse_width_leaves_a_line_open() -> None:
    """The pulse-width data of one voltage do not tell the pace from the overdrive; that is said, not invented."""
    rng = np.random.default_rng(3)
    truth = device(rng)
    known = ParameterSet("mtj", "known", {k: truth.values[k] for k in ("r_p", "tmr", "tau_d")})
    fit = fit_probability(measure(truth, rng)[1], card=known)
    assert "tau_d" in fit.card.undetermined and "open" in fit.card.undetermined["tau_d"]
    assert fit.card.values["tau_d"] == truth.values["tau_d"]
    for key in ("delta", "ic_ap2p"):
        assert abs(fit.card.values[key] - truth.values[key]) < 4 * fit.card.stderr[key]


def test_both_directions_and_currents() -> None:
    rng = np.random.default_rng(5)
    truth = ParameterSet("mtj", "truth", dict(delta=50, tau_d=1e-9, ic_ap2p=40e-6, ic_p2ap=60e-6))
    level = np.concatenate((40e-6 * np.linspace(0.8, 3, 16), -60e-6 * np.linspace(0.8, 3, 16)))
    widths = np.tile([2e-9, 6e-9], 16)
    every = write_errors(truth, [2e-9, 6e-9], current=level).switched
    p = every[np.arange(32), np.tile([0, 1], 16)]
    table = SwitchingTable(rng.binomial(3000, p) / 3000, widths, current=level, count=3000)
    fit = fit_probability(table)
    for key in ("delta", "tau_d", "ic_ap2p", "ic_p2ap"):
        assert abs(fit.card.values[key] - truth.values[key]) < 3.5 * fit.card.stderr[key]
    assert not {"ic_ap2p", "ic_p2ap"} & set(fit.card.undetermined)


def test_profile_intervals_agree_with_errors() -> None:
    rng = np.random.default_rng(11)
    truth = device(rng)
    known = ParameterSet("mtj", "known", {k: truth.values[k] for k in ("r_p", "tmr", "tau_d")})
    fit = fit_probability(measure(truth, rng), card=known, vary=("delta", "ic_ap2p"))
    for key, (low, high) in fit.intervals().items():
        assert low < fit.card.values[key] < high
        assert (high - low) / 2 == pytest.approx(fit.card.stderr[key], rel=0.25)


def rehm(folder: Path) -> tuple[SwitchingTable, SwitchingTable]:
    switching = folder / "switching"
    return (
        read_probability(
            switching / "rehm2023_p_vs_voltage_300K.txt", "voltage=1,probability=2", pulse_width=1e-9, count=10_000
        ),
        read_probability(
            switching / "rehm2023_p_vs_pulse.txt", "pulse_width=1,probability=2", voltage=0.715, count=10_000
        ),
    )


def test_measured_probabilities(shared_data: Path) -> None:
    """Each file alone and both together to 0.015; what one says of the other is told."""
    by_voltage, by_width = rehm(shared_data)
    base = ParameterSet("mtj", "known", dict(r_p=2530.0, tmr=1.24))
    alone = fit_probability(by_voltage, card=base, predict=[by_width])
    assert alone.rms[0] < ENOUGH and alone.p_max is None
    assert alone.predictions[0].rms < 0.12 and alone.predictions[0].rms_scaled < 0.05
    assert "rms" in alone.card.notes[-1] and by_width.source in alone.card.notes[-1]
    assert by_width.source in alone.report()
    other = fit_probability(by_width, card=base)
    assert other.rms[0] < ENOUGH and "tau_d" in other.card.undetermined
    joint = fit_probability([by_voltage, dataclasses.replace(by_width, free_level=True)], card=base)
    assert max(joint.rms) < ENOUGH
    assert joint.levels[by_width.source].value == pytest.approx(0.683, abs=0.01)
    # the card that is shipped is this fit
    shipped = load_card("rehm_2023")
    for key in FITTED:
        assert shipped.values[key] == pytest.approx(joint.card.values[key], rel=0.02)
        assert shipped.stderr[key] == pytest.approx(joint.card.stderr[key], rel=0.2)
    assert {by_voltage.sha256, by_width.sha256} == set(shipped.provenance.sha256.split())


def test_the_shipped_card_reproduces_its_data(shared_data: Path) -> None:
    card = load_card("rehm_2023")
    by_voltage, by_width = rehm(shared_data)
    found = write_errors(card, [1e-9], voltage=by_voltage.level).switched[:, 0]
    assert math.sqrt(np.mean((found - by_voltage.probability) ** 2)) < ENOUGH
    found = write_errors(card, by_width.pulse_width, voltage=card.derived["level_2"].value).switched[0]
    assert math.sqrt(np.mean((found - by_width.probability) ** 2)) < ENOUGH


# --------------------------------------------------------------------------------------------- dwells


def test_dwell_times_give_the_device() -> None:
    """Means over exponential dwells from the exact rates of a low barrier."""
    rng = np.random.default_rng(2)
    truth = ParameterSet("mtj", "x", dict(delta=9.0, tau_d=2e-9, ic_p2ap=60e-6, ic_ap2p=40e-6, h_bias=0.05))
    bias = np.linspace(-0.12, 0.12, 13)
    drive = AxialDrive.of(truth)
    to_p, to_ap = drive.solve("voltage", bias, np.ones(13)).log_escape()
    n = 2000
    table = DwellTable(
        drive.tau * np.exp(-to_ap) * rng.gamma(n, 1 / n, 13),
        drive.tau * np.exp(-to_p) * rng.gamma(n, 1 / n, 13),
        voltage=bias, count_p=n, count_ap=n,
    )  # fmt: skip
    fit = fit_dwells(table)
    for key in ("delta", "tau_d", "ic_p2ap", "ic_ap2p", "h_bias"):
        assert abs(fit.card.values[key] - truth.values[key]) < 3 * fit.card.stderr[key]
    assert fit.rms < 0.03
    telegraph = fit_dwells(table, model="telegraph")
    assert telegraph.card.model == "telegraph" and telegraph.rms < 0.25


def test_dwell_times_of_the_telegraph_model() -> None:
    rng = np.random.default_rng(4)
    truth = ParameterSet("telegraph", "x", dict(delta=10.0, tau_0=5e-10, vc_p2ap=0.6, vc_ap2p=0.5, h_bias=-0.04))
    bias = np.linspace(-0.2, 0.2, 15)
    p, ap = truth.definition.evaluate(
        ("dwell_p", "dwell_ap"), dict(truth.values) | {"v_fl_rl": bias, "z": 0.0, "temperature": 300.0}
    )
    n = 3000
    noisy = [x * rng.gamma(n, 1 / n, 15) for x in (p, ap)]
    fit = fit_dwells(DwellTable(*noisy, voltage=bias, count_p=n, count_ap=n), model="telegraph")
    for key in ("delta", "tau_0", "vc_p2ap", "vc_ap2p", "h_bias"):
        assert abs(fit.card.values[key] - truth.values[key]) < 3 * fit.card.stderr[key]


def test_dwells_of_a_noisy_trace() -> None:
    rng = np.random.default_rng(6)
    lengths = np.empty(2400)
    lengths[::2], lengths[1::2] = rng.exponential(40e-6, 1200), rng.exponential(15e-6, 1200)
    edges = np.cumsum(lengths)
    time = np.arange(0, edges[-1], 0.5e-6)
    high = np.searchsorted(edges, time) % 2
    signal = 5e3 + 4e3 * high + 400 * rng.normal(size=time.size)
    dwells = dwell_times(time, signal)
    for way, mean in ((False, 40e-6), (True, 15e-6)):
        found, error = dwells.mean(way)
        assert found == pytest.approx(mean, abs=4 * error)
        assert dwells.exponential(way) > 0.01
    assert dwells.levels == pytest.approx((5e3, 9e3), rel=0.02)
    table = DwellTable.from_traces([dwells, dwells], voltage=[0.0, 0.1])
    assert table.dwell_p[0] == pytest.approx(40e-6, rel=0.15)
    with pytest.raises(DataError, match="no two levels"):
        dwell_times(time, 5e3 + 400 * rng.normal(size=time.size))
