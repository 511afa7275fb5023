"""Spectra, microwave figures and their files: closed forms, and one clear line for what cannot be."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from compact import cli
from compact.diodedata import DiodeSpectrum, find_resonance, read_diode
from compact.diodefit import fit_diode, torkances
from compact.errors import DataError, ParameterError
from compact.linefit import fit_line, shape_of, trace_line
from compact.microwave import (
    absorbed,
    dbm,
    delivered_power,
    johnson_noise,
    locking_band,
    noise_equivalent_power,
    reflection,
    sensitivity,
    watts,
)
from compact.oscillatordata import OscillatorTable, read_oscillator
from compact.oscillatorfit import fit_oscillator
from compact.parameters import ParameterSet
from compact.spectrum import Spectrum, Trace, phase_noise, psd, read_signal, read_spectrum
from compact.units import parse_unit
from tests.physics import synthetic_oscillator as made

F = np.linspace(4e9, 6e9, 201)
S = 1e-9 * shape_of("lorentzian", F - 5e9, 50e6, 0.0) + 1e-19


def write(folder: Path, text: str, name: str = "data.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def rows(header: str, *columns: np.ndarray) -> str:
    return "\n".join([header, *(",".join(f"{x:.9g}" for x in row) for row in zip(*columns, strict=True))]) + "\n"


# -- figures -------------------------------------------------------------------------------------------


def test_power_and_levels() -> None:
    assert dbm(1e-3) == pytest.approx(0.0)
    assert watts(dbm([1e-9, 2e-6])) == pytest.approx([1e-9, 2e-6])
    # A matched source of amplitude V delivers V^2/(8 R).
    assert delivered_power(1e-2, 50.0, 50.0) == pytest.approx(1e-4 / 400)
    assert absorbed(1.0, 0.6 + 0.0j) == pytest.approx(0.64)
    found = sensitivity(5e-6, 1e-5, 1e-7, 0.6)
    assert (found.value, found.matched, found.stderr) == pytest.approx((0.5, 0.5 / 0.64, 0.01))
    assert johnson_noise(1e3) == pytest.approx(4.07e-9, rel=2e-3)
    assert noise_equivalent_power(4e-9, 1000.0) == pytest.approx(4e-12)


def test_locking_band() -> None:
    injected = np.linspace(4.9e9, 5.1e9, 41)
    detuning = injected - 5.01e9
    beat = np.where(abs(detuning) < 32e6, 0.0, np.sign(detuning) * np.sqrt(np.maximum(detuning**2 - 32e6**2, 0)))
    band = locking_band(injected, injected - beat, 1e5)
    assert band.low == pytest.approx(5.01e9 - 32e6, abs=2.6e6)
    assert band.width == pytest.approx(64e6, abs=5.1e6)
    assert math.isnan(locking_band(injected[15:20], injected[15:20], 1e5).width)
    with pytest.raises(DataError, match="nowhere locked"):
        locking_band(injected, injected + 1e7, 1e5)
    with pytest.raises(DataError, match="not sorted"):
        locking_band(injected[::-1], injected, 1e5)


def test_touchstone(tmp_path: Path) -> None:
    pytest.importorskip("skrf")
    path = write(tmp_path, "# GHz S RI R 50\n4.0 0.5 0.0\n5.0 0.5 0.2\n6.0 0.5 0.4\n", "device.s1p")
    assert reflection(path, [4.5e9, 6e9]) == pytest.approx([0.5 + 0.1j, 0.5 + 0.4j])
    with pytest.raises(DataError, match=r"covers 4e\+09"):
        reflection(path, [7e9])
    with pytest.raises(DataError, match="no port 2"):
        reflection(path, [5e9], port=2)
    with pytest.raises(DataError, match="no such file"):
        reflection(tmp_path / "other.s1p", [5e9])
    with pytest.raises(DataError, match="no Touchstone file"):
        reflection(write(tmp_path, "no numbers\n", "bad.s1p"), [5e9])


def test_mismatch_of_a_touchstone_file_counts(tmp_path: Path) -> None:
    pytest.importorskip("skrf")
    spectrum = made.diode_spectra(np.random.default_rng(1))[2]
    # Zero bias, layers across each other: the mean of both conductances.
    r = 2 / (1 / 200 + 1 / 380)
    gamma = (r - 50) / (r + 50)
    text = "# Hz S RI R 50\n" + "".join(f"{x} {gamma} 0.0\n" for x in np.linspace(4.5e9, 8.5e9, 41))
    device = write(tmp_path, text, "device.s1p")
    path = write(tmp_path, rows("f (GHz),V (uV)", spectrum.x / 1e9, spectrum.voltage * 1e6))
    read = read_diode(path, power=1e-5, touchstone=device)
    fit = fit_diode(read, card=made.card(**made.DIODE_CONDUCTION))
    error = fit.card.stderr["torque_ip"]
    assert fit.card.values["torque_ip"] == pytest.approx(made.DIODE["torque_ip"], abs=4 * error)
    assert error < 0.05 * made.DIODE["torque_ip"]
    q = fit.card.derived
    assert q["sensitivity"].value / q["sensitivity_matched"].value == pytest.approx(1 - gamma**2, rel=1e-6)
    assert {"i_th", "f_i", "fl_slope", "cos_u"} <= set(fit.card.undetermined)
    # Taken as matched, the same data ask for a smaller torque.
    blind = fit_diode(read_diode(path, power=1e-5, impedance=None), card=made.card(**made.DIODE_CONDUCTION))
    ratio = blind.card.values["torque_ip"] / fit.card.values["torque_ip"]
    assert ratio == pytest.approx(1 - gamma**2, rel=1e-3)


def test_units_of_spectra() -> None:
    found = {t: parse_unit(t) for t in ("dBm", "nV^2/Hz", "pW/Hz", "dBm/Hz", "mdBm")}
    assert found["dBm"] and found["dBm"].base == "dBm" and found["mdBm"] is None
    assert found["nV^2/Hz"] and found["nV^2/Hz"].scale == pytest.approx(1e-18)
    assert found["pW/Hz"] and found["pW/Hz"].scale == pytest.approx(1e-12)


def test_spectra_of_traces_hold_the_power() -> None:
    t, y = made.trace(np.random.default_rng(1), noise=0.0)
    assert psd(t, y).power() == pytest.approx(np.var(y), rel=0.02)
    with pytest.raises(DataError, match=r"too short for 1000 Hz; 0\.0015 s would do"):
        psd(t, y, 1e3)


@pytest.mark.parametrize(("header", "scale"), [("P (dBm)", "level"), ("P (nW)", "power"), ("PSD (dBm/Hz)", "density")])
def test_reading_spectra(tmp_path: Path, header: str, scale: str) -> None:
    values = {"level": dbm(S * 1e6), "power": S * 1e6 * 1e9, "density": dbm(S)}[scale]
    path = write(tmp_path, rows(f"frequency (GHz),{header}", F / 1e9, values))
    read = read_spectrum(path, resolution=1e6)
    assert read.density == pytest.approx(S, rel=1e-6)
    line = fit_line(read)
    assert (line.centre, line.width) == (pytest.approx(5e9, rel=1e-6), pytest.approx(50e6, rel=1e-2))


# -- what cannot be ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "values", "message"),
    [
        ("frequency (GHz),P (W)", (F / 1e9, dbm(S * 1e6)), "is negative; power is not; if the column is in dBm"),
        ("frequency (GHz),P (dBm)", (F / 1e9, S * 1e6), "look like watts"),
        ("frequency (Hz),P (dBm)", (F / 1e9, dbm(S * 1e6)), r"in GHz\? say it with --columns 'frequency=1\[GHz\]'"),
        ("frequency (GHz),P (dBm)", (F, dbm(S * 1e6)), r"in Hz\? say it"),
        ("frequency,P (dBm)", (F / 1e9, dbm(S * 1e6)), "states no unit"),
        ("frequency (GHz),P (dBm)", (F[::-1] / 1e9, dbm(S * 1e6)), "frequencies are not sorted"),
        ("frequency (GHz),note (A)", (F / 1e9, S), "needs a frequency and one density"),
        ("frequency (GHz),P (dBm)", (F / 1e9, -dbm(S)), "above 60 dBm"),
        ("frequency (GHz),PSD (W/Hz)", (F / 1e9, S * 1e12), "which no junction emits"),
    ],
)
def test_spectra_that_cannot_be(tmp_path: Path, header: str, values: tuple, message: str) -> None:
    with pytest.raises(DataError, match=message) as error:
        read_spectrum(write(tmp_path, rows(header, *values)), resolution=1e6)
    assert "\n" not in str(error.value)


def test_bandwidth_is_needed_for_levels(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the bandwidth is needed"):
        read_spectrum(write(tmp_path, rows("frequency (GHz),P (dBm)", F / 1e9, dbm(S))))


def test_no_line_in_noise() -> None:
    rng = np.random.default_rng(0)
    missed = 0
    for _ in range(10):
        try:
            fit_line(Spectrum(F, 1e-18 * rng.gamma(10, 0.1, F.size), averages=10))
            missed += 1
        except DataError as error:
            assert "no resonance" in str(error)
    assert missed == 0
    with pytest.raises(ParameterError, match="did you mean 'gaussian'"):
        fit_line(Spectrum(F, S), "gauss")


def test_narrow_lines_are_said_not_to_be_resolved() -> None:
    line = fit_line(Spectrum(F, 1e-9 * shape_of("lorentzian", F - 5e9, 12e6, 0.0) + 1e-19))
    assert not line.resolved
    assert "not resolved: below 20 MHz" in line.report()


@pytest.mark.parametrize("width", [2e5, 5e4])
def test_trace_too_short_for_its_linewidth(width: float) -> None:
    t, y = made.trace(np.random.default_rng(2), width=width, duration=12e-6)
    with pytest.raises(DataError, match=r"12 µs are too short for a linewidth of .*Hz; .*s.* would do") as error:
        trace_line(t, y)
    assert "\n" not in str(error.value)


def test_the_length_that_would_do_does() -> None:
    import re

    # Of one random phase: its first part is too short, and what the message asks for is enough.
    t, y = made.trace(np.random.default_rng(4), width=1e6, duration=60e-6)
    n = t.size // 10
    with pytest.raises(DataError) as error:
        trace_line(t[:n], y[:n])
    match = re.search(r"; ([\d.]+) (µs|ms)", str(error.value))
    assert match
    asked = float(match[1]) * {"µs": 1e-6, "ms": 1e-3}[match[2]]
    assert 6e-6 < asked < 60e-6
    line = trace_line(t, y)
    assert line.width == pytest.approx(1e6, abs=4 * line.stderr["width"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t, y: (t[::-1], y), "times are not sorted"),
        (lambda t, y: (t**1.2, y), "not evenly spaced"),
        (lambda t, y: (t, 0 * y), "constant"),
        (lambda t, y: (t[:20], y[:20]), "needs 64 samples"),
        (lambda t, y: (t, np.where(t > t[50], np.nan, y)), "not finite"),
    ],
)
def test_traces_that_cannot_be(change: object, message: str) -> None:
    t, y = made.trace(np.random.default_rng(2), duration=1e-6)
    with pytest.raises(DataError, match=message):
        Trace(*change(t, y))  # type: ignore[operator]
    with pytest.raises(DataError, match="20 are needed"):
        phase_noise(t[:100], np.sin(2 * np.pi * t[:100] / t[100] * 3))


def test_reading_traces(tmp_path: Path) -> None:
    t, y = made.trace(np.random.default_rng(2), duration=1e-6)
    read = read_signal(write(tmp_path, rows("time (ns),CH1 (mV)", t * 1e9, y * 1e3)))
    assert read.duration == pytest.approx(1e-6, rel=0.01)
    with pytest.raises(DataError, match="column of voltage"):
        read_signal(write(tmp_path, rows("time (ns),x (K)", t * 1e9, y)))


I = np.linspace(1e-4, 1e-3, 10)  # noqa: E741


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (dict(power=np.full(10, -40.0)), r"is not positive; if the column is in dBm"),
        (dict(power=np.full(10, 3.0)), "in uW or dBm"),
        (dict(frequency=np.full(10, 5.0)), r"in GHz\?"),
        (dict(linewidth=np.full(10, 5e12), frequency=np.full(10, 5e9)), "exceed their frequencies"),
        (dict(linewidth=np.full(10, -1.0)), "linewidth = -1 Hz"),
        (dict(current=I * 1e3 * 5, frequency=np.full(10, 5e9)), r"in mA\?"),
        (dict(current=I - 3e-4, frequency=np.full(10, 5e9)), "both signs"),
        (dict(), "neither frequency nor power"),
        (dict(frequency=np.full(9, 5e9)), "frequency has 9 values"),
    ],
)
def test_tables_that_cannot_be(values: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        OscillatorTable(**(dict(current=I) | values))


def test_fits_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="too few"):
        fit_oscillator([OscillatorTable(I[:3], np.full(3, 5e9), np.full(3, 1e7))])
    with pytest.raises(ParameterError, match="did you mean 'q_damping'"):
        fit_oscillator([made.table(np.random.default_rng(0))], vary=["q_dampin"])
    with pytest.raises(ParameterError, match="is of model mtj"):
        fit_oscillator([made.table(np.random.default_rng(0))], card=ParameterSet("mtj", "other"))
    with pytest.raises(DataError, match="look like watts"):
        read_oscillator(write(tmp_path, rows("I (mA),P (dBm)", I * 1e3, I * 1e-6)))
    with pytest.raises(DataError, match="which column is the current"):
        read_oscillator(write(tmp_path, rows("x (K),frequency (GHz)", I * 1e3, I)))


def test_what_a_table_does_not_tell_is_named() -> None:
    full = made.table(np.random.default_rng(0))
    below = full.current < 1.1e-3
    table = OscillatorTable(full.current[below], full.frequency[below], full.linewidth[below])  # type: ignore[index]
    fit = fit_oscillator([table], card=made.card(**made.CONDUCTION))
    assert {"n_shift", "q_damping", "cos_u"} <= set(fit.card.undetermined)
    assert {"f_0", "gamma_g", "i_th"} <= set(fit.card.stderr)
    for name in ("i_th", "f_0", "f_i", "gamma_g"):
        assert abs(fit.card.values[name] - made.OSCILLATOR[name]) < 4 * fit.card.stderr[name]
    assert fit.card.stderr["i_th"] < 2.5e-4
    assert "not determined by the data" in fit.report()


X = np.linspace(4e9, 8e9, 101)
V = 1e-4 / (1 + ((X - 6e9) / 2e8) ** 2)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (dict(power=-20.0), "a level in dBm is given as such"),
        (dict(power=None), "either the incident power"),
        (dict(x=np.roll(X, 3)), "frequencies are not sorted"),
        (dict(x=X / 1e9), r"in GHz\?"),
        (dict(voltage=V * 1e6), "in uV"),
        (dict(voltage=V[:5], x=X[:5]), "needs 10 points"),
        (dict(axis="field", x=X / 1e5), "needs its frequency"),
        (dict(axis="field", fixed=5e9, x=X), "is the unit right"),
        (dict(axis="field", fixed=5e9, x=np.linspace(-1e4, 1e4, 101)), "changes its sign"),
    ],
)
def test_diode_spectra_that_cannot_be(values: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        DiodeSpectrum(**(dict(x=X, voltage=V, power=1e-5) | values))


def test_falling_sweeps_are_turned_round() -> None:
    up, down = DiodeSpectrum(X, V, power=1e-5), DiodeSpectrum(X[::-1], V[::-1], power=1e-5)
    assert np.array_equal(up.x, down.x) and np.array_equal(up.voltage, down.voltage)


def test_no_resonance_in_noise() -> None:
    rng = np.random.default_rng(0)
    found = [find_resonance(DiodeSpectrum(X, rng.normal(0, 1e-6, X.size), power=1e-5)).significant for _ in range(12)]
    assert not any(found)
    with pytest.raises(DataError, match="no resonance in the data: between 4 GHz and 8 GHz"):
        fit_diode([DiodeSpectrum(X, rng.normal(0, 1e-6, X.size), power=1e-5)])


def test_torkances_of_a_circular_precession() -> None:
    # (moment/gamma) torque_ip cos_u/sin(theta) G: angular momentum times rate of the angle per volt.
    card = made.card(**made.DIODE, **made.DIODE_CONDUCTION, cos_0=0.6)
    moment = 1e6 * 1e-23
    at_rest = 1 / (200.0 * 1.9) + 0.8 * (1 / 200.0 - 1 / 380.0)
    expected = moment / 1.76085963e11 * 1.5e12 * 0.5 / 0.8 * at_rest
    assert torkances(card, moment) == (pytest.approx(expected, rel=1e-3), pytest.approx(-0.4 * expected, rel=1e-3))


# -- commands ------------------------------------------------------------------------------------------


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = cli.run(list(arguments))
    text = capsys.readouterr()
    return code, text.out, text.err


def test_fit_commands(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    table = made.table(np.random.default_rng(1))
    assert table.frequency is not None and table.linewidth is not None and table.power is not None
    data = rows("current (mA),frequency (GHz),linewidth (MHz),power (dBm)", table.current * 1e3, table.frequency / 1e9,
                table.linewidth / 1e6, dbm(table.power))  # fmt: skip
    path, out = write(tmp_path, data, "tuning.csv"), tmp_path / "osc.json"
    code, text, _ = run(
        capsys, "fit-oscillator", str(path), "--set", "r_p=60", "--set", "tmr=0.6", "--out", str(out), "--json"
    )
    assert code == 0
    content = json.loads(text)
    assert content["values"]["i_th"] == pytest.approx(1.2e-3, abs=5 * content["stderr"]["i_th"])
    assert ParameterSet.load(out).values["f_0"] == content["values"]["f_0"]
    assert out.with_suffix(".png").stat().st_size > 10_000

    spectra = made.field_spectra(np.random.default_rng(1))
    data = rows("field (mT),V (uV),frequency (GHz)", *(
        np.concatenate(x) for x in zip(*(
            (s.x * 4e-4 * np.pi, s.voltage * 1e6, np.full(s.x.size, s.fixed) / 1e9) for s in spectra), strict=True)
    ))  # fmt: skip
    path, out = write(tmp_path, data, "diode.csv"), tmp_path / "diode.json"
    code, text, _ = run(
        capsys, "fit-diode", str(path), "--set", "r_p=200", "--set", "tmr=0.9", "--set", "cos_u=0.5", "--power=-20dBm",
        "--out", str(out), "--json",
    )  # fmt: skip
    assert code == 0
    content = json.loads(text)
    assert content["derived"]["alpha"]["value"] == pytest.approx(0.012, abs=5 * content["derived"]["alpha"]["stderr"])
    assert len(content["resonances"]) == 5

    code, _, err = run(capsys, "fit-diode", str(path), "--power=-20")
    assert code == 2 and "-20dBm" in err and err.count("\n") == 1
    code, _, err = run(capsys, "fit-oscillator", str(path), "--hold", "f_00")
    assert code == 2 and "did you mean 'f_0'" in err


def test_linewidth_and_extract_commands(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    t, y = made.trace(np.random.default_rng(1), duration=12e-6)
    path = write(tmp_path, rows("time (ns),voltage (mV)", t * 1e9, y * 1e3))
    plot = tmp_path / "line.svg"
    code, text, _ = run(capsys, "linewidth", str(path), "--trace", "--plot", str(plot), "--json")
    assert code == 0 and plot.exists()
    line = json.loads(text)["line"]
    assert line["width"] == pytest.approx(2e6, abs=5 * line["stderr"]["width"])
    for card, words in (("rehm_2023", "give alpha"), ("schnitzspan_2023", "unknown model of a macrospin")):
        code, _, err = run(capsys, "extract", card)
        assert code == 2 and words in err and err.count("\n") == 1
    code, _, err = run(capsys, "extract", "kim_2015_in_plane", "--field", "1,2")
    assert code == 2 and "three components" in err
