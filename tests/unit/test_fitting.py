"""Structure of loops, switching history, cards and plots."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from compact.data import Loop
from compact.errors import DataError, ParameterError
from compact.fitting import FitResult, fit_loop
from compact.loops import analyse_loop
from compact.models.mtj import resting_cosine
from compact.parameters import ParameterSet
from compact.physics.activation import escape_rate
from compact.switching import History, crossing, distribution, quantile, switched

SWEEP = np.concatenate((np.linspace(0, 1, 21), np.linspace(0.95, -1, 40), np.linspace(-0.95, 0, 20))) * 1e-3


def square(sweep: np.ndarray, first: int, up: float = 0.5e-3, down: float = 0.45e-3, noise: float = 1.0) -> Loop:
    """Loop with constant resistances 800 and 1200 Ohm."""
    state, r = first, []
    for drive in sweep:
        state = 1 if drive > up else -1 if drive < -down else state
        r.append(1000 - 200 * state)
    return Loop(current=sweep, resistance=np.array(r) + noise * np.random.default_rng(1).normal(size=len(sweep)))


@pytest.fixture(scope="module")
def fitted() -> FitResult:
    return fit_loop(square(SWEEP, -1), name="device")


@pytest.mark.parametrize("polarity", [1, -1])
@pytest.mark.parametrize("first", [1, -1])
@pytest.mark.parametrize("start", ["middle", "end", "twice"])
def test_structure(polarity: int, first: int, start: str) -> None:
    away = -first
    half = np.linspace(-1, 1, 41) * 1e-3
    end = away * np.concatenate((half, half[-2::-1]))
    sweep = {"middle": away * SWEEP, "end": end, "twice": np.concatenate((end, end[1:]))}[start]
    loop = square(sweep, first)
    shape = analyse_loop(Loop(current=polarity * loop.current, resistance=loop.resistance))
    assert (shape.polarity, shape.first_state) == (polarity, first)
    assert len(shape.flips) == (4 if start == "twice" else 2)
    for flip in shape.flips:
        assert flip.low < (0.5e-3 if flip.to_parallel else 0.45e-3) + 1e-12 < flip.high + 2e-12
    assert shape.median(True) == pytest.approx(800, rel=2e-3)
    assert shape.median(False) == pytest.approx(1200, rel=2e-3)
    terminal = "fl (free layer)" if polarity > 0 else "rl (reference layer)"
    assert any(f"positive terminal is {terminal}" in note for note in shape.notes)


@pytest.mark.parametrize(
    ("loop", "message"),
    [
        (lambda: square(np.linspace(-1e-3, 1e-3, 60), -1), "only one branch: the current is swept upwards"),
        (lambda: square(np.linspace(1e-3, -1e-3, 60), 1), "only one branch: the current is swept downwards"),
        (lambda: square(np.abs(SWEEP), -1), "only one branch: the current is positive"),
        (lambda: square(SWEEP, 1), "one change of state"),
        (lambda: square(SWEEP, -1, up=1.0, down=1.0), "no hysteresis"),
        (lambda: Loop(current=SWEEP, resistance=1e3 + 1e9 * SWEEP**2 + SWEEP), "no hysteresis"),
        (lambda: square(np.concatenate((SWEEP, SWEEP)), -1, down=-0.2e-3), "not stable at zero drive"),
    ],
)
def test_what_is_no_loop(loop, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        fit_loop(loop())
    assert "\n" not in str(caught.value)


def test_history_against_domains() -> None:
    rng = np.random.default_rng(3)
    up, down = rng.uniform(0.5, 6, 3000), rng.uniform(0.5, 6, 3000)
    wide = 10 * np.sin(np.linspace(0, 15, 400))
    domains, seen = np.zeros(3000), []
    for drive in wide:
        domains = np.where(drive >= up, 1.0, np.where(drive <= -down, 0.0, domains))
        seen.append(domains.mean())
    forward = np.array([np.mean(up <= d) for d in np.maximum(wide, 0)])
    backward = np.array([np.mean(down <= d) for d in np.maximum(-wide, 0)])
    np.testing.assert_allclose(History(wide).fraction(forward, backward, 0.0), seen, atol=1e-12)


@pytest.mark.parametrize("skew", [-1.0, -0.3, 0.0, 0.4])
def test_distribution(skew: float) -> None:
    x = quantile([0.1, 0.5, 0.9], 3.0, 0.5, skew)
    np.testing.assert_allclose(distribution(x, 3.0, 0.5, skew), [0.1, 0.5, 0.9], rtol=1e-9)
    assert x[1] == pytest.approx(3.0)
    slope = np.diff(distribution([2.999, 3.001], 3.0, 0.5, skew))[0] / 0.002
    assert slope == pytest.approx(1 / (0.5 * np.sqrt(2 * np.pi)), rel=1e-5)
    half = crossing(4.0, 3.0, 0.5, skew)
    assert switched(np.array([0.0, half, 4.0]), 4.0, 3.0, 0.5, skew) == pytest.approx([0.0, 0.5, 1.0])


def test_escape_rate_against_relaxation_rates() -> None:
    # Relaxation rates of the axial Fokker-Planck operator at no push: Delta = 5 and 8; to first order in 1/Delta.
    for delta, exact in ((5.0, 1.354e-2), (8.0, 9.203e-4)):
        assert 2 * float(escape_rate(delta, 0.0, 1.0)) * (1 - 1 / delta) == pytest.approx(exact, rel=0.03)


@pytest.mark.parametrize(
    ("delta", "push", "k"), [(20.0, 0.0, 1.0), (40.0, 0.2, 1.0), (60.0, 0.4, 1.0), (30.0, 0.1, 1.2)]
)
def test_escape_rate_against_first_passage(delta: float, push: float, k: float) -> None:
    """Mean first-passage time of dz = (1-z^2)(k z - k push) dt + noise, by quadrature."""
    z = np.linspace(-0.98, 1.0, 200_001)[:-1]
    log_p = k * delta * (z * z - 2 * push * z)
    p = np.exp(log_p - log_p.max())
    step = z[1] - z[0]
    beyond = np.cumsum(p[::-1])[::-1] * step
    time = np.sum(2 * delta / (1 - z * z) / p * beyond) * step
    barrier = k * delta * (1 - push) ** 2
    assert float(escape_rate(delta, push, 1.0, k)) * (1 - 1 / barrier) * time == pytest.approx(1, rel=0.03)


def test_rate_never_falls_with_push() -> None:
    push = np.linspace(0, 3, 500)
    assert np.all(np.diff(escape_rate(30.0, push, 1e-9)) >= 0)


def test_card(fitted: FitResult, tmp_path: Path) -> None:
    card = fitted.card
    assert card.model == "mtj" and card.name == "device"
    # The plateaus are where the model rests, a little short of z = +-1.
    for state, plateau in ((1, 800.0), (-1, 1200.0)):
        point = {**card.values, "v_fl_rl": 0.0, "z": resting_cosine(card.values, state), "temperature": 300.0}
        error = 4 * 800 * (card.stderr["r_p"] / 800 + card.stderr["tmr"])
        assert float(card.definition.evaluate("resistance", point)) == pytest.approx(plateau, abs=error)
    step = 0.05e-3
    assert card.stderr["ic_ap2p"] == pytest.approx(step / np.sqrt(12), rel=1e-3)
    assert abs(card.values["ic_ap2p"] - 0.5e-3) <= step / 2 + 1e-9
    for name in ("v_h", "tmr_slope", "delta", "tau_d", "h_bias", "tc_r", "diameter_ref"):
        assert name in card.undetermined and name not in card.stderr
    assert "ic_p2ap_measured" in card.derived and card.provenance.quality["rms_over_height"] < 0.01
    card.save(tmp_path / "card.json")
    assert ParameterSet.load(tmp_path / "card.json") == card


def test_no_bias_dependence_is_not_invented(fitted: FitResult) -> None:
    assert "v_h >" in fitted.card.undetermined["v_h"]
    # The curve of the card stays that of the data up to the largest bias: no fall of the TMR is put in.
    assert fitted.card.values["v_h"] > 5


def test_report_says_all(fitted: FitResult) -> None:
    text = fitted.report()
    for phrase in ("not determined by the data", "rms residual", "AP->P: abrupt", "tau_d", "positive terminal"):
        assert phrase in text


def test_one_fit_per_point(fitted: FitResult) -> None:
    fit = fitted.fits[0]
    assert fit.curve.shape == fit.residuals.shape == fit.region.shape == (len(SWEEP),)
    np.testing.assert_allclose(fit.curve + fit.residuals, fit.shape.resistance)


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_plot(fitted: FitResult, tmp_path: Path, suffix: str) -> None:
    path = fitted.plot(tmp_path / "plots" / f"fit{suffix}")
    assert path.stat().st_size > 5000
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_plot_format(fitted: FitResult, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"\.png"):
        fitted.plot(tmp_path / "fit.pnj")
    assert not list(tmp_path.iterdir())


def test_wrong_use(tmp_path: Path) -> None:
    loop = square(SWEEP, -1)
    with pytest.raises(ParameterError, match="did you mean 'mtj'"):
        fit_loop(loop, model="mjt")
    with pytest.raises(DataError, match="no loop"):
        fit_loop([])
    with pytest.raises(DataError, match="one positive pulse width each"):
        fit_loop([loop, loop], pulse_widths=[0.1])
    path = tmp_path / "a.csv"
    rows = zip(SWEEP.tolist(), np.asarray(loop.resistance).tolist(), strict=True)
    path.write_text("I (A),R (Ohm)\n" + "".join(f"{i!r},{r!r}\n" for i, r in rows))
    with pytest.raises(DataError, match="given twice"):
        fit_loop([path, path])


def test_delta_left_open_with_reason() -> None:
    loop = square(SWEEP, -1)
    assert "one pulse width (0.1 s)" in fit_loop(loop, pulse_widths=[0.1]).card.undetermined["delta"]
    same = fit_loop([loop, square(SWEEP, -1, noise=0.5)], pulse_widths=[0.1, 0.1])
    assert "needs two that differ" in same.card.undetermined["delta"]
    unknown = fit_loop([loop, square(SWEEP, -1, noise=0.5)])
    assert "no pulse width is known" in unknown.card.undetermined["delta"]
    rising = fit_loop([loop, square(SWEEP, -1, 0.7e-3, 0.7e-3)], pulse_widths=[0.1, 1.0])
    assert "do not fall with pulse width" in rising.card.undetermined["delta"]
