"""Macrospin parameters: demagnetising factors, figures in closed form, waveforms, cards and bad input."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import j1

from compact.cards import load_card
from compact.constants import BOLTZMANN, ELECTRON_CHARGE, HBAR, MU_0
from compact.errors import ParameterError
from compact.models.mtj import from_physical
from compact.parameters import ParameterSet
from compact.physics.demagnetisation import SHAPES, demagnetising_factors, volume_of
from compact.physics.drive import Drive, Waveform
from compact.physics.macrospin import LARMOR, Macrospin
from compact.physics.macrospin_cards import from_card, to_card

PUBLISHED = dict(length=50e-9, thickness=1e-9, shape="sato_ishii", ms=1.2e6, alpha=0.01, k_i=1e-3, polarisation=0.75)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [(3.0, 2.0, 1.0), (50.0, 50.0, 1.0), (90.0, 40.0, 1.5), (1.0, 1.0, 20.0)])
def test_factors_add_up_to_one(shape: str, size: tuple[float, float, float]) -> None:
    n = demagnetising_factors(shape, *(1e-9 * s for s in size))
    assert sum(n) == pytest.approx(1.0, abs=1e-12)
    assert min(n) > 0
    if shape != "sato_ishii":
        assert sorted(range(3), key=lambda k: n[k]) == sorted(range(3), key=lambda k: -size[k]) or size[0] == size[1]
    assert demagnetising_factors(shape, *size) == pytest.approx(n)


def test_spheroids_of_osborn() -> None:
    """Sphere, prolate and oblate spheroid in closed form."""
    assert demagnetising_factors("ellipsoid", 1, 1, 1) == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    m = 4.0
    root = math.sqrt(m * m - 1)
    prolate = (m / root * math.log(m + root) - 1) / (m * m - 1)
    assert demagnetising_factors("ellipsoid", 1, 1, m)[2] == pytest.approx(prolate)
    oblate = m * m / (m * m - 1) * (1 - math.asin(root / m) / root)
    assert demagnetising_factors("ellipsoid", m, m, 1)[2] == pytest.approx(oblate)


@pytest.mark.parametrize("aspect", [0.02, 0.3, 1.0, 5.0])
def test_circular_cylinder(aspect: float) -> None:
    """Against the Fourier integral; N_z = 0.3116 for equal height and diameter is the published value."""

    def density(k: float) -> float:
        return 2 * j1(k) ** 2 / k * -math.expm1(-2 * aspect * k) / (2 * aspect * k)

    total = sum(quad(density, a, a + 50, limit=400)[0] for a in range(0, 2000, 50)) + 1e-30
    tail = 1 / (math.pi * aspect) * 0.5 / 2000**2
    n_z = demagnetising_factors("cylinder", 1, 1, aspect)[2]
    assert n_z == pytest.approx(total + tail, rel=1e-5)
    if aspect == 1.0:
        assert n_z == pytest.approx(0.3116, abs=5e-5)


def test_elliptic_cylinder() -> None:
    """Axes can be swapped, a long one is a strip in two dimensions: N_x/N_y = width/length."""
    a = demagnetising_factors("cylinder", 120, 40, 3)
    b = demagnetising_factors("cylinder", 40, 120, 3)
    assert (a[1], a[0], a[2]) == pytest.approx(b)
    n_x, n_y, n_z = demagnetising_factors("cylinder", 3, 1, 1e5)
    assert n_z < 1e-4 and n_x / n_y == pytest.approx(1 / 3, rel=1e-4)


def test_published_junction() -> None:
    """Garcia-Redondo et al. 2021: Delta 72.9, Ic 24.5 uA, tau_D 2.216 ns, from N_z - N_x = 0.9353."""
    device = Macrospin.from_geometry(**PUBLISHED)  # type: ignore[arg-type]
    assert device.n[2] - device.n[0] == pytest.approx(0.9353, abs=1e-4)
    assert device.delta == pytest.approx(72.9, abs=0.05)
    assert device.critical_currents() == pytest.approx((24.5e-6, 24.5e-6), abs=0.05e-6)
    assert device.tau_d == pytest.approx(2.216e-9, rel=1e-3)
    exact = Macrospin.from_geometry(**(PUBLISHED | {"shape": "cylinder"}))  # type: ignore[arg-type]
    assert exact.delta > device.delta + 10


def test_axial_figures_are_those_of_the_model_mtj() -> None:
    device = Macrospin.from_geometry(**PUBLISHED)  # type: ignore[arg-type]
    figures = from_physical(ms=device.ms, hk=device.h_eff, alpha=device.alpha, polarisation=0.75, volume=device.volume)
    assert (device.delta, device.tau_d) == pytest.approx((figures["delta"], figures["tau_d"]))
    assert device.critical_currents() == pytest.approx((figures["ic_p2ap"], figures["ic_ap2p"]))


def test_in_plane_figures() -> None:
    """Barrier from N_y - N_x; threshold with the out-of-plane field (Sun 2000), far above the barrier's."""
    device = Macrospin.from_geometry(
        length=120e-9, width=50e-9, thickness=2e-9, ms=8e5, alpha=0.01, reference=(1, 0, 0), polarisation=0.5
    )
    n_x, n_y, n_z = device.n
    assert device.h_eff == pytest.approx(device.ms * (n_y - n_x))
    assert device.easy_axis == pytest.approx([1, 0, 0])
    h_k, out = device.ms * (n_y - n_x), device.ms * (n_z - n_x)
    expected = 2 * ELECTRON_CHARGE * 0.01 / HBAR / 0.5 * MU_0 * device.ms * device.volume * (h_k + out) / 2
    assert device.critical_currents() == pytest.approx((expected, expected))
    assert device.small_motion(1)[0] == pytest.approx(LARMOR * math.sqrt(h_k * out), rel=2e-3)


def test_thermal_field_is_that_of_brown() -> None:
    """Spectral density 2 alpha kT/(gamma mu0^2 Ms V), written out independently."""
    device = Macrospin(ms=8e5, volume=3e-24, h_k=1e5, alpha=0.02, temperature=350)
    expected = math.sqrt(2 * 0.02 * BOLTZMANN * 350 / (LARMOR * MU_0 * 8e5 * 3e-24))
    assert device.thermal_field == pytest.approx(expected)


def test_efficiency() -> None:
    device = Macrospin(ms=8e5, volume=3e-24, h_k=1e5, alpha=0.02, polarisation=0.6, asymmetry=1.5)
    assert device.efficiency([1.0, -1.0]) == pytest.approx([0.6, 0.6 * 1.5**2])
    low, high = device.critical_currents()
    assert low / high == pytest.approx(1.5**2)


def test_temperature() -> None:
    device = Macrospin.from_geometry(**PUBLISHED)  # type: ignore[arg-type]
    hot = device.at(400.0)
    m = (1 - (400 / 1120) ** 1.5) / (1 - (300 / 1120) ** 1.5)
    assert hot.ms == pytest.approx(device.ms * m)
    assert hot.ms * hot.h_k == pytest.approx(device.ms * device.h_k * m**device.k_exponent)
    assert hot.tmr == pytest.approx(device.tmr * m * m)
    assert hot.at(300.0).h_k == pytest.approx(device.h_k)
    with pytest.raises(ParameterError, match="outside its range"):
        device.at(1200.0)


def test_rest_in_a_field() -> None:
    """Stoner and Wohlfarth: sin(theta) = h for a transverse field below h_eff."""
    device = Macrospin(ms=1e6, volume=2e-24, h_k=2e5, alpha=0.01, h_ext=(6e4, 0, 0))
    assert device.rest(1) == pytest.approx([0.3, 0, math.sqrt(1 - 0.09)], abs=1e-9)
    assert device.rest(-1) == pytest.approx([0.3, 0, -math.sqrt(1 - 0.09)], abs=1e-9)
    with pytest.raises(ParameterError, match="not along the reference layer"):
        device.critical_currents()
    with pytest.raises(ParameterError, match="leaves no parallel state"):
        device.rest(1, (0, 0, -2.1e5))


# -- cards -----------------------------------------------------------------------------------------------


def test_macrospin_of_a_card_has_its_figures() -> None:
    card = load_card("garcia_redondo_2021")
    device = from_card(card, alpha=0.01)
    assert (device.delta, device.tau_d) == pytest.approx((card.values["delta"], card.values["tau_d"]))
    assert device.critical_currents() == pytest.approx((card.values["ic_p2ap"], card.values["ic_ap2p"]))
    uneven = card.replace(ic_p2ap=30e-6, ic_ap2p=20e-6, h_bias=0.1, diameter=70e-9)
    other = Macrospin.from_card(uneven, alpha=0.02, ms=8e5)
    area = (70 / 50) ** 2
    assert other.delta == pytest.approx(card.values["delta"] * area)
    low, high = other.critical_currents()
    assert (low, high) == pytest.approx((30e-6 * area * 1.1, 20e-6 * area * 0.9))


def test_macrospin_cards_there_and_back() -> None:
    device = Macrospin.from_geometry(
        length=80e-9, width=50e-9, thickness=1.6e-9, ms=1e6, alpha=0.03, k_i=9e-4, axis=(0.1, 0.2, 1),
        reference=(0.3, -0.2, 0.9), asymmetry=1.4, fl_2=-1e5, vcma=3e4, h_ext=(1e4, -2e4, 5e3), tmr=1.2,
        eta_sh=0.4, beta_sh=0.5, sh_axis=(0.1, 1, 0.2),
    )  # fmt: skip
    for original, model in ((device, "mtj_sot"), (device.replace(eta_sh=0.0), "mtj_macrospin")):
        card = to_card(original, "there")
        back = from_card(card)
        assert card.model == model
        for name in ("ms", "volume", "h_k", "n", "axis", "reference", "h_ext", "fl_2", "vcma", "eta_sh", "tmr"):
            assert getattr(back, name) == pytest.approx(getattr(original, name), abs=1e-12)
    wide = from_card(to_card(device, "there").replace(diameter=80e-9))
    assert (wide.volume, wide.r_p) == pytest.approx((4 * device.volume, device.r_p / 4))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(), "give alpha"),
        (dict(alpha=1.0), "above 0 and below 1"),
        (dict(alpha=0.5), r"efficiency of 37\.\d; alpha must be below 0\.0267"),
        (dict(alpha=0.01, hk=1.0), "unknown parameter of a macrospin 'hk'; did you mean 'h_k'"),
        (dict(alpha=0.01, ms=-1.0), "'ms' = -1"),
    ],
)
def test_bad_card_input(settings: dict, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        from_card(load_card("garcia_redondo_2021"), **settings)


def test_conductance_is_that_of_the_model() -> None:
    device = from_card(ParameterSet("mtj", "plain", {"tmr": 1.5, "g_curv": 0.3}), alpha=0.005)
    g_0, g_1 = device.conductance([0.0, 0.5])
    assert 1 / (g_0 + g_1) == pytest.approx([5e3, 5e3 / (1 + 0.3 * 0.25)])
    assert 1 / (g_0 - g_1)[0] == pytest.approx(5e3 * 2.5)


# -- waveforms -------------------------------------------------------------------------------------------


def test_waveforms() -> None:
    pulse = Drive.pulse(current=2e-5, width=3e-9, delay=1e-9, edge=1e-9).current
    assert pulse is not None
    assert pulse.at([0, 1e-9, 1.5e-9, 3e-9, 4.5e-9, 9e-9]) == pytest.approx([0, 0, 1e-5, 2e-5, 1e-5, 0])
    assert np.trapezoid(pulse.value, pulse.time) == pytest.approx(2e-5 * 3e-9)
    assert pulse.largest == 2e-5
    field = Drive(field=([0, 1e-9], [[0, 0, 0], [3, 4, 0]])).field
    assert field is not None
    assert field.largest == 5.0 and field.at([0.5e-9]).shape == (1, 3)
    before = Drive.pulse(voltage=0.3, width=1e-9).frozen(0.0).voltage
    after = Drive.pulse(voltage=0.3, width=1e-9).frozen(0.0, after=True).voltage
    assert before is not None and after is not None
    assert (float(before.at(0)), float(after.at(0))) == (0.0, 0.3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Drive(voltage=1.0, current=1e-6), "not by both"),
        (lambda: Drive(current=([0, 2e-9, 1e-9], [0, 1, 2])), r"current: time goes back from 2e-09 s to 1e-09 s"),
        (lambda: Drive(current=([0, 1], [0, 1, 2])), r"2 moments for values of the shape \(3,\)"),
        (lambda: Drive(voltage=float("nan")), "not finite"),
        (lambda: Drive(voltage="high"), "voltage: 'high' is no number"),
        (lambda: Drive(current=([0, 1], ["a", "b"])), "not all are numbers"),
        (lambda: Drive(field=1.0), r"each must be 3 number"),
        (lambda: Drive(voltage=(1.0, 2.0, 3.0)), "each must be 1 number"),
        (lambda: Drive.pulse(width=1e-9), "needs one amplitude"),
        (lambda: Drive.pulse(width=-1e-9, voltage=1.0), "must be positive"),
        (lambda: Drive.pulse(width=1e-9, edge=2e-9, voltage=1.0), "between 0 and the width"),
        (lambda: Waveform([], []), "0 moments"),
    ],
)
def test_bad_waveforms(make: object, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        make()  # type: ignore[operator]


# -- parameters ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(alpha=1.0), r"'alpha' = 1 1 is outside its range \[0, 1\) 1"),
        (dict(alpha=-0.1), "outside its range"),
        (dict(ms=0.0), r"outside its range \(0, 1e\+07\] A/m"),
        (dict(volume=-1e-24), "'volume' = -1e-24"),
        (dict(h_k=float("inf")), "not a finite number"),
        (dict(h_k="large"), "'h_k' is 'large', not a number"),
        (dict(n=(0.5, 0.5, 0.5)), "add up to 1, not to 1.5"),
        (dict(n=(-0.1, 0.1, 1.0)), "0 or more"),
        (dict(axis=(0, 0, 0)), "no direction"),
        (dict(reference=(0, 1)), "has 2 numbers, not three"),
        (dict(h_ext=3.0), "not three numbers"),
        (dict(temperature=1200.0), "not below 't_bloch'"),
        (dict(g_slope=1.0), "g_slope = 1 1/V needs g_curv"),
    ],
)
def test_bad_parameters(change: dict, message: str) -> None:
    settings: dict = dict(ms=1e6, volume=1e-24, h_k=1e5, alpha=0.01) | change
    with pytest.raises(ParameterError, match=message):
        Macrospin(**settings)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(length=-50e-9, width=-50e-9), "'length' = -5e-08 m must be positive"),
        (dict(thickness=0.0), "'thickness' = 0 m must be positive"),
        (dict(width=60e-9), "'width' = 6e-08 m is above 'length'"),
        (dict(shape="cilinder"), "unknown shape 'cilinder'; did you mean 'cylinder'"),
        (dict(polarization=0.5), "did you mean 'polarisation'"),
        (dict(t_ox=0.0), "'t_ox'"),
        (dict(ms=0.0), "'ms'"),
    ],
)
def test_impossible_geometry(change: dict, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        Macrospin.from_geometry(**(PUBLISHED | change))  # type: ignore[arg-type]


def test_no_barrier_is_an_error_where_one_is_needed() -> None:
    easy_plane = Macrospin.from_geometry(length=50e-9, thickness=2e-9, ms=1.2e6, alpha=0.01, k_i=1e-4)
    for figure in ("delta", "tau_d", "easy_axis"):
        with pytest.raises(ParameterError, match=r"no easy axis, so no two states and no barrier \(Delta <= 0\)"):
            getattr(easy_plane, figure)
    with pytest.raises(ParameterError, match="unknown shape"):
        volume_of("cube", 1, 1, 1)
    with pytest.raises(ParameterError, match="without damping"):
        _ = Macrospin(ms=1e6, volume=1e-24, h_k=1e5, alpha=0.0).tau_d
    with pytest.raises(ParameterError, match="did you mean 'alpha'"):
        easy_plane.replace(alfa=0.1)
