"""Reading of measured curves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compact.columns import parse_columns
from compact.data import Loop, read_loop, read_loops
from compact.errors import DataError
from compact.units import PREFIXES, format_si, parse_unit, split_label

CURRENT = np.concatenate((np.linspace(0, 1, 11), np.linspace(0.9, -1, 20), np.linspace(-0.9, 0, 10)))
RESISTANCE = 1500.0 - 500.0 * (np.arange(41) > 6) * (np.arange(41) < 26)


def table(separator: str = ",", scale: tuple[float, float] = (1.0, 1.0), form: str = "{!r}") -> str:
    rows = zip(CURRENT / scale[0], RESISTANCE / scale[1], strict=True)
    return "\n".join(separator.join(form.format(float(v)) for v in row) for row in rows) + "\n"


@pytest.fixture
def write(tmp_path: Path):
    def to_file(content: str | bytes) -> Path:
        path = tmp_path / "loop.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return to_file


def check(loop: Loop, scale: float = 1e-3) -> None:
    assert loop.kind == "R-I" and loop.drive_role == "current"
    np.testing.assert_allclose(loop.current, scale * CURRENT, rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(loop.resistance, RESISTANCE, rtol=1e-9)


@pytest.mark.parametrize("pulse", ["0.02", "0.1", "0.4", "1.0"])
def test_instrument_files(shared_data: Path, pulse: str) -> None:
    loop = read_loop(shared_data / "ri_loops" / f"sot_loop_100Oe_{pulse}s.csv")
    assert loop.kind == "R-I" and loop.size == 81
    assert loop.pulse_width == pytest.approx(float(pulse))
    assert loop.current is not None and loop.resistance is not None
    assert loop.current.max() == pytest.approx(11e-3) and 1.7 < loop.resistance.min() < 1.82
    field = loop.metadata["Applied in-plane field"]
    assert (field.value, field.unit) == (100.0, "Oe")
    assert len(loop.sha256) == 64 and not loop.notes


@pytest.mark.parametrize(
    "text",
    [
        "Current(mA),Resistance(Ohm)\n" + table(),
        "Current (mA);Resistance (Ohm)\r\n" + table(";").replace(".", ",").replace("\n", "\r\n"),
        "I_mA\tR_Ohm\n" + table("\t"),
        "I (mA)  R (Ohm)\n" + table("   "),
        "# taken at noon\n# I (mA)  R (Ohm)\n" + table("  "),
        "I / mA | R / Ω\n" + table("|"),
        "I,R\nmA,Ohm\n" + table(),
        '"Current\n(mA)","Resistance\n(Ohm)"\n' + table(),
        "Operator: Jane\nPulse width: 20 ms\n\nR (kOhm), I (mA)\n"
        + "".join(f"{r / 1e3!r},{i!r}\n" for i, r in zip(CURRENT.tolist(), RESISTANCE.tolist(), strict=True)),
        "% I (mA), R (Ohm)\n" + table(),
        "I (mA),R (Ohm),remark,\n" + table().replace("\n", ",ok,\n"),
    ],
)
def test_layouts(write, text: str) -> None:
    check(read_loop(write(text)))


def test_encodings(write) -> None:
    check(read_loop(write(("I (µA),R (Ω)\n" + table()).encode("utf-16"))), 1e-6)
    check(read_loop(write(("\ufeffI (µA),R (Ω)\n" + table()).encode())), 1e-6)
    check(read_loop(write(("I (µA),R (Ohm)\n" + table()).encode("cp1252"))), 1e-6)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    prefixes=st.tuples(st.sampled_from(sorted(PREFIXES)), st.sampled_from(["", "k", "M", "m", "K"])),
    ohm=st.sampled_from(["Ohm", "ohms", "Ω", "Ω"]),
    style=st.sampled_from(["{} ({})", "{}({})", "{} [{}]", "{}_{}", "{} / {}", "{} {}"]),
    separator=st.sampled_from([",", ";", "\t"]),
    ending=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_any_prefix_and_layout(write, prefixes, ohm, style, separator, ending) -> None:
    scale = (PREFIXES[prefixes[0]], PREFIXES[prefixes[1]])
    header = separator.join((style.format("Current", prefixes[0] + "A"), style.format("Resistance", prefixes[1] + ohm)))
    text = f"{header}\n{table(separator, (scale[0] / 1e-3, scale[1]))}"
    check(read_loop(write(text.replace("\n", ending).encode())))


@settings(max_examples=60, deadline=None)
@given(value=st.floats(1e-11, 1e9), error=st.floats(1e-3, 0.5))
def test_format_si_keeps_value(value: float, error: float) -> None:
    number, _, rest = format_si(value, "A", value * error).partition(" ± ")
    unit = parse_unit(rest.split()[1])
    assert unit is not None and unit.base == "A"
    assert float(number) * unit.scale == pytest.approx(value, abs=0.06 * value * error)


@pytest.mark.parametrize(
    ("value", "stderr", "text"),
    [
        (1.05e22, None, "1.05e+22 s"),
        (1.05e22, 3e20, "1.05e+22 ± 3e+20 s"),
        (9.9e14, None, "990 Ts"),
        (1e15, None, "1e+15 s"),
        (5e12, None, "5 Ts"),
        (3e-19, None, "3e-19 s"),
        (2e-9, 1e-11, "2.000 ± 0.010 ns"),
    ],
)
def test_format_si_beyond_prefixes(value: float, stderr: float | None, text: str) -> None:
    assert format_si(value, "s", stderr) == text
    assert format_si(-value, "s", stderr) == f"-{text}"


@pytest.mark.parametrize(
    ("label", "name", "base", "scale"),
    [
        ("Current(mA)", "Current", "A", 1e-3),
        ("R [kΩ]", "R", "Ohm", 1e3),
        ("I_uA", "I", "A", 1e-6),
        ("Pulse width s", "Pulse width", "s", 1.0),
        ("Voltage, V", "Voltage", "V", 1.0),
        ("R / MOhm", "R", "Ohm", 1e6),
        ("R (mOhm)", "R", "Ohm", 1e-3),
        ("Field (kOe)", "Field", "Oe", 1e3),
        ("bias in millivolts", "bias", "V", 1e-3),
    ],
)
def test_labels(label: str, name: str, base: str, scale: float) -> None:
    found, unit = split_label(label)
    assert unit is not None
    assert (found, unit.base, unit.scale) == (name, base, scale)


@pytest.mark.parametrize("label", ["V", "I", "R", "V/I", "sample name", "R (a.u.)", "run k"])
def test_labels_without_unit(label: str) -> None:
    assert split_label(label)[1] is None


def test_columns_are_asked_for(write) -> None:
    with pytest.raises(DataError, match=r"--columns.*1 \(-1 \.\.\. 1\), 2 \(1000 \.\.\. 1500\)"):
        read_loop(write(table()))
    with pytest.raises(DataError, match=r"2 columns could be the current.*--columns 'current=\.\.\.'.*I set.*I meas"):
        read_loop(
            write(
                "I set (mA),I meas (mA),R (Ohm)\n"
                + "".join(f"{i},{1.01 * i},{r}\n" for i, r in zip(CURRENT, RESISTANCE, strict=True))
            )
        )
    with pytest.raises(DataError, match="cannot tell which"):
        read_loop(write("X,Y\n" + table()))


def test_columns_given(write) -> None:
    check(read_loop(write(table()), "current=1[mA],resistance=2"))
    check(read_loop(write(table()), {"current": "1[mA]", "resistance": 2}))
    check(read_loop(write("X (mA),Y\n" + table()), "current=X,resistance=Y"))
    check(
        read_loop(
            write("A,B (mA),R (Ohm)\n" + "".join(f"0,{i},{r}\n" for i, r in zip(CURRENT, RESISTANCE, strict=True))),
            "i=B (mA)",
        )
    )
    assert parse_columns("current=I, set (mA),resistance=2[kOhm]") == {
        "current": "I, set (mA)",
        "resistance": "2[kOhm]",
    }


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("curent=1,resistance=2", "did you mean 'current'"),
        ("current=1,resistance=9", "there is no column 9"),
        ("current=Curent,resistance=2", "did you mean 'Current"),
        ("current=1[kOhm],resistance=2", "no unit of current"),
        ("current", "is not 'role=column'"),
        ("current=1,current=2", "given twice"),
        ("current=1,resistance=1", "no unit of resistance"),
        ("current=1,resistance=1[Ohm]", "two roles"),
        ("current=2,resistance=1", "no unit of current"),
    ],
)
def test_wrong_columns(write, columns: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_loop(write("Current (mA),R (Ohm)\n" + table()), columns)


def bad(text: str) -> str:
    return "I (mA),R (Ohm)\n" + text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        (b"I (mA),R (Ohm)\n", "no data rows"),
        (b"\x00\x01\x02", "binary"),
        (b"nothing here\nat all\n", "no data rows"),
        (bad(table().replace("\n0.8,", "\nabc,")), r"line \d+, column 'I \(mA\)': 'abc' is not a number"),
        (bad("oops,1500.0\n" + table()), r"line 2, column 'I \(mA\)': 'oops'"),
        (bad(table().replace("\n0.8,1000.0\n", "\n0.8,nan\n")), r"'R \(Ohm\)': \d values? (is|are) not finite"),
        (
            bad(table().replace(",1000.0\n", ",inf\n")),
            r"19 values are not finite \(at line 9, 10, 11, 12, 13, \.\.\.\)",
        ),
        (bad(table().replace("\n0.8,1000.0\n", "\n0.8\n")), r"line \d+, column 'R \(Ohm\)' is empty"),
        (bad(table().replace("1000.0", "1500.0")), r"'R \(Ohm\)' is constant at 1500 Ohm"),
        (bad("\n".join(table().splitlines()[:8])), "8 points are too few"),
        ("R (Ohm),I (mA)\n" + table(), "look swapped"),
        ("I (A),V (V)\n" + "".join(f"{i},{i * 1e-4}\n" for i in CURRENT), "look swapped"),
        ("I (A),V (V)\n" + "".join(f"{i},{-i * 1e3}\n" for i in CURRENT), "opposite signs"),
        ("I (MA),R (Ohm)\n" + table(), "not plausible"),
        (bad("".join(f"{i},{r - 1250}\n" for i, r in zip(CURRENT, RESISTANCE, strict=True))), "not positive"),
    ],
)
def test_bad_files(write, content: str | bytes, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read_loop(write(content))
    assert "\n" not in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_loop(tmp_path / "absent.csv")
    with pytest.raises(DataError, match="cannot be read"):
        read_loop(tmp_path)


def test_several_pulse_widths_in_one_file(write) -> None:
    rows = "".join(f"{i},{r},{w}\n" for w in (5.0, 50.0) for i, r in zip(CURRENT, RESISTANCE, strict=True))
    path = write("I (mA),R (Ohm),Pulse width (ms)\n" + rows)
    assert [loop.pulse_width for loop in read_loops(path)] == [0.005, 0.05]
    with pytest.raises(DataError, match="holds 2 loops"):
        read_loop(path)


def test_three_columns(write) -> None:
    def rows(factor: float) -> str:
        return "".join(f"{i},{i * r * 1e-3},{factor * r}\n" for i, r in zip(CURRENT, RESISTANCE, strict=True))

    loop = read_loop(write("I (mA),V (V),R (Ohm)\n" + rows(1.0)))
    assert loop.kind == "V-I" and loop.drive_role == "current" and "left aside" in loop.notes[0]
    loop = read_loop(write("I (mA),V (V),R (Ohm)\n" + rows(1.3)))
    assert loop.kind == "R-I" and "read apart" in loop.notes[0]


def test_unit_is_said_when_assumed(write) -> None:
    loop = read_loop(write("I,R\n" + table()))
    assert "states no unit, read as A" in loop.notes[0]
