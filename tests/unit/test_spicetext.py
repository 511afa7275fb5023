"""Plain form of SPICE text: numbers, sources, what is refused."""

from __future__ import annotations

import pytest

from compact.errors import CircuitError
from compact.spicetext import Source, inline_files, normalise, number, parse_scopes, split_tokens


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1k", 1e3), ("1.5kOhm", 1.5e3), ("2Meg", 2e6), ("2MegHz", 2e6), ("3m", 3e-3), ("3MOhm", 3e-3),
        ("1e-09s", 1e-9), ("1e3k", 1e6), (".5u", 0.5e-6), ("10ns", 1e-8), ("5pF", 5e-12), ("1F", 1e-15),
        ("4V", 4.0), ("1A", 1.0), ("2uA", 2e-6), ("0s", 0.0), ("7", 7.0), ("-1.8V", -1.8), ("1mil", 25.4e-6),
        ("1T", 1e12), ("1g", 1e9), ("3a", 3e-18), ("", None), ("out", None), ("1n2", None), ("{x}", None),
    ],
)  # fmt: skip
def test_numbers(text, value):
    assert number(text) == (None if value is None else pytest.approx(value, rel=1e-12))


@pytest.mark.parametrize(
    ("line", "plain"),
    [
        ("R1 a b 1kOhm", "R1 a b 1e3"),
        ("R1 1k 2n 1kOhm tc1 = 1m", "R1 1k 2n 1e3 tc1=0.001"),
        ("M1 d g 0 0 nm w=1um l = 60nm", "M1 d g 0 0 nm w=0.000001 l=6.0e-8"),
        ("X1 3v 5p mtj state=-1 diameter=50nm", "X1 3v 5p mtj state=-1 diameter=5.0e-8"),
        ("E1 o 0 a b 2k", "E1 o 0 a b 2e3"),
        ("B1 o 0 v=v(2n)*1k", "B1 o 0 v=v(2n)*1e3"),
        ("C1 a 0 {2*cload}", "C1 a 0 {2*cload}"),
        (".model 2n2222 npn (is=1fA bf = 100)", ".model 2n2222 npn (is=1e-15 bf=100)"),
        (".model nm nmos level=54 version=4.5.0", ".model nm nmos level=54 version=4.5.0"),
        (".param foo = 3u", ".param foo=0.000003"),
        (".global vdd 1v8", ".global vdd 1v8"),
        ("R1 a b 1k $ comment", "R1 a b 1e3"),
        ("R1 a b 1k ; comment", "R1 a b 1e3"),
    ],
)
def test_lines(line, plain):
    assert normalise(line) == [plain]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("V1 a 0 5V", "V1 a 0 dc 5"),
        ("V1 a 0", "V1 a 0 dc 0"),
        ("V1 a 0 dc=2 ac=1", "V1 a 0 dc 2 ac 1"),
        ("V1 a 0 ac 1 90", "V1 a 0 dc 0 ac 1 90"),
        ("V1 a 0 AC", "V1 a 0 dc 0 ac 1"),
        ("V1 a 0 PULSE(1 2 3n 4n 5n 6n 7n 0)", "V1 a 0 dc 1 pulse(1 2 3e-9 4e-9 5e-9 6e-9 7e-9)"),
        ("V1 a 0 PULSE 1 2 3n 4n 5n", "V1 a 0 dc 1 pulse(1 2 3e-9 4e-9 5e-9)"),
        ("V1 a 0 pulse(0, 1)", "V1 a 0 dc 0 pulse(0 1 0 1e-10 1e-10)"),
        ("V1 a 0 pulse(0 1 1n 0 0)", "V1 a 0 dc 0 pulse(0 1 1e-9 1e-10 1e-10)"),
        ("V1 a 0 dc 3 sin (0 1 1MEG)", "V1 a 0 dc 3 sin(0 1 1e6)"),
        ("I1 a 0 pwl(0 1m 1n 2m) r=0", "I1 a 0 dc 0.001 pwl(0 0.001 1e-9 0.002) r=0"),
        ("V1 a 0 dc {vdd} pulse({lo} {hi-1} 1n 1n 1n)", "V1 a 0 dc {vdd} pulse({lo} {hi-1} 1e-9 1e-9 1e-9)"),
        ("V1 a 0 trnoise(1m 1n 0 0)", "V1 a 0 dc 0 trnoise(0.001 1e-9 0 0)"),
    ],
)  # fmt: skip
def test_sources(line, text):
    (source,) = normalise(line, step=1e-10)
    assert isinstance(source, Source) and source.text() == text


def test_continuations_comments_and_ends():
    lines = normalise(".title x\n* c\n.subckt s a b\nR1 a b\n+ 1k\n* c\n+ tc1=1\n.ends\n.end\n")
    assert lines == [".subckt s a b", "R1 a b 1e3 tc1=1", ".ends s"]


def test_words_in_braces_stay_together():
    assert split_tokens("X1 a b s p = {a + b} q='1 + 2'") == ["X1", "a", "b", "s", "p={a + b}", "q='1 + 2'"]


def test_scopes_know_the_hierarchy():
    text = ".subckt inner a b\nR1 a m 1\nV2 m b 0\n.ends\nV1 in 0 1\nX1 in out inner p=1\nR2 out 0 1"
    scopes = parse_scopes(normalise(text))
    assert scopes[""].nodes == {"in", "out", "0"} and scopes[""].instances == {"x1": "inner"}
    assert scopes["inner"].nodes == {"a", "b", "m"} and scopes["inner"].sources == {"v2"}


def test_files_are_put_inline(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "inner.inc").write_text("R9 x y 9\n")
    (tmp_path / "sub" / "top.lib").write_text(
        ".lib ff\n.param v=2\n.endl\n.lib tt\n.include 'inner.inc'\n.param v=1\n.endl tt\n"
    )
    lines = inline_files([f'.lib "{tmp_path}/sub/top.lib" tt', "R1 a b 1"])
    assert [line for line in lines if line[0] != "*"] == ["R9 x y 9", ".param v=1", "R1 a b 1"]
    with pytest.raises(CircuitError, match="no section 'ss'"):
        inline_files([f'.lib "{tmp_path}/sub/top.lib" ss'])
    with pytest.raises(CircuitError, match="cannot read"):
        inline_files([".include /no/such/file"])
    (tmp_path / "self.inc").write_text(f".include {tmp_path}/self.inc\n")
    with pytest.raises(CircuitError, match="includes itself"):
        inline_files([f".include {tmp_path}/self.inc"])


def test_included_paths_are_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert normalise(".include 'a b.inc'") == [f'.include "{tmp_path}/a b.inc"']
    assert normalise(".lib x.lib tt") == [f'.lib "{tmp_path}/x.lib" tt']
