"""The auto-oscillator of a macrospin against that macrospin: threshold, frequency and power."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from compact.constants import ELECTRON_CHARGE, GYROMAGNETIC, HBAR, MU_0
from compact.errors import ParameterError
from compact.extraction import Extraction, extract, extract_device, vortex_card
from compact.physics.auto_oscillation import AutoOscillator
from compact.physics.limit_cycle import cycle, project
from compact.physics.llgs import Drive, derivative, simulate
from compact.physics.macrospin import Macrospin
from compact.physics.macrospin_cards import to_card
from compact.physics.thiele import Vortex

OERSTED = 1e3 / (4 * math.pi)
EFFICIENCY = 0.54
LAMBDA = EFFICIENCY**2


def perpendicular(field: float = 2e3 * OERSTED, **others: object) -> Macrospin:
    """Perpendicular free layer, in-plane reference, as of T. Taniguchi et al., Appl. Phys. Express 6, 123003 (2013).

    There the torque is eta/(1 + lambda s), lambda = eta^2; here polarisation 2 L^2/(L^2 + 1)/(1 + skew s).
    """
    square = (1 + LAMBDA) / (1 - LAMBDA)
    values = dict(
        ms=1448.3e3, volume=math.pi * 60e-9**2 * 2e-9, h_k=18.616e3 * OERSTED, alpha=0.005, n=(0, 0, 1),
        axis=(0, 0, 1), reference=(1, 0, 0), polarisation=EFFICIENCY * (square + 1) / (2 * square),
        asymmetry=math.sqrt(square), h_ext=(0, 0, field), r_p=50.0, tmr=0.7,
    )  # fmt: skip
    return Macrospin(**(values | others))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def found() -> Extraction:
    return extract(to_card(perpendicular(), "perpendicular"))


def test_threshold_of_the_published_closed_form(found: Extraction) -> None:
    # I_c = 4 alpha e M V/(hbar eta lambda) (H + H_K - 4 pi M), to first order in alpha.
    d = found.device
    field = d.h_ext[2] + d.h_k - d.ms
    expected = 4 * d.alpha * ELECTRON_CHARGE * d.ms * d.volume / (HBAR * EFFICIENCY * LAMBDA) * MU_0 * field
    assert abs(found.values["i_th"]) == pytest.approx(expected, rel=2e-3)
    assert found.values["f_0"] == pytest.approx(GYROMAGNETIC * MU_0 * field / (2 * math.pi), rel=1e-3)
    assert found.values["gamma_g"] == pytest.approx(d.alpha * GYROMAGNETIC * MU_0 * field, rel=1e-3)
    assert found.at_threshold.ellipticity == pytest.approx(1.0, abs=0.01)


def test_stable_angle_of_the_published_closed_form(found: Extraction) -> None:
    # I(theta) of the energy balance of the same paper, at the angles of the limit cycles: sin(theta) is the swing.
    d = found.device
    scale = 2 * d.alpha * ELECTRON_CHARGE * d.ms * d.volume / (HBAR * EFFICIENCY * LAMBDA) * MU_0
    for c in found.cycles:
        sine = c.amplitude
        cosine = math.sqrt(1 - sine**2)
        balance = (1 / math.sqrt(1 - LAMBDA**2 * sine**2) - 1) / (LAMBDA**2 * sine**2)
        expected = scale * (d.h_ext[2] + (d.h_k - d.ms) * cosine) / (cosine * balance)
        assert abs(c.current) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("field", [2e3 * OERSTED, pytest.param(3e3 * OERSTED, marks=pytest.mark.slow)])
def test_frequency_and_power_of_limit_cycles(field: float) -> None:
    device = perpendicular(field)
    found = extract_device(device)
    model, cos_u = found.oscillator, found.values["cos_u"]
    for zeta in (1.07, 1.3, 1.6, 1.9, 2.0):  # not those that it was made from, but for the last
        c = cycle(device, found.at_threshold, found.rest, zeta, found.cycles[3].end)
        assert c is not None
        assert model.frequency(c.current) == pytest.approx(c.frequency, rel=0.02)
        assert cos_u**2 * model.power(c.current) == pytest.approx(c.amplitude**2, rel=0.10)


def test_ensemble_at_room_temperature(found: Extraction) -> None:
    """Frequency within 2 %, threshold within 3 %, power within 10 % up to twice the threshold, at 300 K."""
    model, cos_u, device = found.oscillator, found.values["cos_u"], found.device
    assert device.temperature == 300.0

    def ensemble(zeta: float, n: int, record: float) -> tuple[float, float]:
        settle = 6 / (model.gamma_g * abs(zeta - 1))
        start = found.rest.rest if zeta < 1 else found.cycles[-1 if zeta > 1.4 else 2].end
        run = simulate(
            device, Drive(current=zeta * model.i_th), settle + record, n=n, start=start, traces=n,
            samples=int((settle + record) * (3.7 if zeta < 1 else 12) * model.f_0), seed=5,
        )  # fmt: skip
        late = run.time > settle
        x, y, time = run.traces[:, late, 0], run.traces[:, late, 1], run.time[late]
        phase = np.unwrap(np.arctan2(y, x), axis=1)
        frequency = abs(float(np.mean(phase[:, -1] - phase[:, 0]))) / (time[-1] - time[0]) / (2 * math.pi)
        return 2 * float(np.var(x)) / cos_u**2, frequency

    # Below threshold 1/<p> falls linearly to zero at it (A. Slavin and V. Tiberkevich 2009): the usual measurement.
    # 3000 correlation times at the highest current hold the crossing to 0.3 %.
    zetas = np.array([0.5, 0.7, 0.85])
    powers = np.array([ensemble(z, 256, 200e-9)[0] for z in zetas])
    slope, offset = np.polyfit(zetas, 1 / powers, 1, w=powers)
    assert -offset / slope == pytest.approx(1.0, abs=0.03)
    assert powers == pytest.approx(model.mean_power(zetas * model.i_th), rel=0.06)
    for zeta in (1.3, 1.6, 2.0):
        current = zeta * model.i_th
        power, frequency = ensemble(zeta, 48, 150e-9)
        mean = float(model.mean_power(current))
        assert mean == pytest.approx(power, rel=0.10)
        assert model.f_0 + model.f_i * current + model.n_shift * mean == pytest.approx(frequency, rel=0.02)


def test_departure_is_stated() -> None:
    """An in-plane free layer saturates, shifts by a third and leaves its state: the card says so."""
    device = Macrospin.from_geometry(
        length=130e-9, width=70e-9, thickness=2e-9, ms=1e6, alpha=0.012, polarisation=0.6, r_p=400.0, tmr=0.9,
        reference=(math.cos(2.36), math.sin(2.36), 0.0), h_ext=(300 * OERSTED, 0.0, 0.0), shape="ellipsoid",
    )  # fmt: skip
    found = extract_device(device, zetas=(1.05, 1.2, 1.5, 1.75, 2.0))
    text = "\n".join(found.notes)
    assert "no steady precession at 2 times the threshold" in text
    assert "frequency departs by more than 2 %" in text
    assert "power departs by more than 10 %" in text
    assert found.card.notes == found.notes
    assert found.at_threshold.ellipticity < 0.5


def test_small_signal_drive_is_that_of_the_macrospin(found: Extraction) -> None:
    """Response of the cosine to a small alternating current: linear kernel against the linearised equation."""
    plain = found.values["fl_ratio"]
    device = perpendicular(fl_1=4e3, fl_2=2e3)
    found = extract_device(device, zetas=(1.05, 1.1))
    model, cos_u, p = AutoOscillator.from_card(found.card, 300.0), found.values["cos_u"], np.array(device.reference)
    rest, frame = found.rest.rest, found.rest.frame
    small = 1e-7

    def kick(current: float) -> np.ndarray:
        return (derivative(device, rest, Drive(current=current)) @ frame.T)[0]

    push = (kick(small) - kick(-small)) / (2 * small)
    step = 1e-5
    columns = []
    for e in frame:
        ends = np.array([rest + step * e, rest - step * e])
        ends /= np.linalg.norm(ends, axis=1)[:, None]
        rates = derivative(device, ends) @ frame.T
        columns.append((rates[0] - rates[1]) / (2 * step))
    matrix = np.stack(columns, axis=1)
    for f in model.f_0 + model.gamma_g / (2 * math.pi) * np.array([-3, -1, 0, 1, 3]):
        phasor = (frame @ p) @ np.linalg.solve(2j * math.pi * f * np.eye(2) - matrix, push)
        ours = cos_u * complex(model.response(f))
        assert abs(ours) == pytest.approx(abs(phasor), rel=0.03)
        assert abs(np.angle(ours / phasor, deg=True)) < 2.0
    # The field-like torque grows as V (1 + (fl_2/fl_1) V); damping turns a little of the in-plane one to its phase.
    v = found.values
    assert v["fl_ratio"] * v["fl_slope"] == pytest.approx(0.5 * (v["fl_ratio"] - plain), rel=0.02)


def test_energy_is_that_of_equipartition(found: Extraction) -> None:
    device, v = found.device, found.values
    run = simulate(device, None, 60e-9, n=256, start=found.rest.rest, traces=256, samples=1500, seed=3)
    late = run.time > 25e-9
    variance = float(np.var(run.traces[:, late, 0]))
    expected = v["cos_u"] ** 2 * found.oscillator.thermal / 2
    # 256 courses of 7 correlation times each: 5 % for three standard errors.
    assert variance == pytest.approx(expected, rel=0.08)


def test_law_of_power_is_projected() -> None:
    zeta = np.array([1.05, 1.2, 1.5, 2.0])
    scale, q = project(zeta, 0.7 * (zeta - 1) / (zeta + 2.5))
    assert (scale, q) == (pytest.approx(0.7, rel=1e-3), pytest.approx(2.5, rel=1e-3))
    with pytest.raises(ParameterError, match="two powers"):
        project([1.1], [0.2])


def test_what_cannot_oscillate() -> None:
    with pytest.raises(ParameterError, match="no threshold"):
        extract_device(perpendicular(asymmetry=1.0))  # a symmetric torque along an in-plane layer does no work
    easy = perpendicular(reference=(0, 0, 1))
    with pytest.raises(ParameterError, match="the reference layer is along the free layer at rest"):
        extract_device(easy)
    with pytest.raises(ParameterError, match="must rise"):
        extract_device(perpendicular(), zetas=(1.5, 1.2))


# -- vortex --------------------------------------------------------------------------------------------


def integrate(vortex: Vortex, current: float, start: float, duration: float) -> tuple[np.ndarray, np.ndarray]:
    """The Thiele equation in Cartesian coordinates, solved for the velocity."""
    from scipy.integrate import solve_ivp

    g, r = vortex.gyro, vortex.radius

    def rate(_: float, x: np.ndarray) -> np.ndarray:
        s = float(np.hypot(*x)) / r
        d = float(vortex.friction(s)) * g
        across = np.array([-x[1], x[0]])
        # The torque of a perpendicular polariser along z x X, of a size that makes the radius grow at its rate.
        force = -float(vortex.stiffness(s, current)) * x + g * float(vortex.torque(current)) * across
        # G z x v + D v = force, up to the sense of the gyration.
        return np.linalg.solve(np.array([[d, -g], [g, d]]), force)

    run = solve_ivp(rate, (0, duration), [start * r, 0.0], method="DOP853", rtol=1e-9, atol=1e-15)
    return run.t, run.y / r


def test_vortex_against_its_own_equation() -> None:
    vortex = Vortex(radius=85e-9, thickness=6e-9, ms=6.2e5, alpha=0.01, polarisation_z=-0.1)
    i_th = vortex.threshold
    for zeta in (1.2, 1.5):
        expected = vortex.radius_at(zeta * i_th)
        _, path = integrate(vortex, zeta * i_th, 0.95 * expected, 0.5e-6)
        radius = np.hypot(*path)
        # Friction of order alpha^2 is left out of the closed form.
        assert radius[-1] == pytest.approx(expected, rel=0.01)
    _, path = integrate(vortex, 0.5 * i_th, 0.1, 0.1e-6)
    assert np.hypot(*path)[-1] < 0.05


def test_vortex_card() -> None:
    vortex = Vortex(radius=85e-9, thickness=6e-9, ms=6.2e5, alpha=0.01, polarisation_z=0.1, chirality=1)
    card = vortex_card(vortex, r_p=60.0)
    model = AutoOscillator.from_card(card, 300.0)
    scale = (card.values["cos_u"] / (2 / 3)) ** 2
    for zeta in (1.05, 1.2, 1.5):
        s = vortex.radius_at(zeta * vortex.threshold)
        assert scale * model.power(zeta * vortex.threshold) == pytest.approx(s**2, rel=0.01)
        assert model.frequency(zeta * vortex.threshold) == pytest.approx(
            vortex.frequency(s, zeta * vortex.threshold), rel=0.005
        )
    assert model.linewidth(0.0) == pytest.approx(float(vortex.damping()) / math.pi)
    # Frequency of the two-vortex form, (5/9 pi) gamma mu0 Ms L/R over 2 pi.
    closed = 5 / (9 * math.pi) * GYROMAGNETIC * MU_0 * vortex.ms * vortex.thickness / vortex.radius / (2 * math.pi)
    assert vortex.frequency() == pytest.approx(closed, rel=1e-6)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (dict(polarisation_z=0.0), "drives no gyration"),
        (dict(thickness=60e-9), "thin disk"),
        (dict(radius=15e-9, thickness=4e-9), "no vortex forms"),
        (dict(alpha=0.0), "outside its range"),
        (dict(chirality=2), "1, 0 or -1"),
    ],
)
def test_vortices_that_cannot_be(values: dict, message: str) -> None:
    good = dict(radius=85e-9, thickness=6e-9, ms=6.2e5, alpha=0.01, polarisation_z=0.1)
    with pytest.raises(ParameterError, match=message):
        Vortex(**(good | values))
    vortex = Vortex(**good)
    with pytest.raises(ParameterError, match="drives the core beyond"):
        dataclasses.replace(vortex).radius_at(5 * vortex.threshold)
