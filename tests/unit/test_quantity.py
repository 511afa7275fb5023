"""Numbers as people write them on a command line."""

from __future__ import annotations

import pytest

from compact.errors import ParameterError
from compact.units import parse_quantity


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("50u", "A", 50e-6),
        ("9.22n", "s", 9.22e-9),
        ("1.2", "V", 1.2),
        ("1.2V", "V", 1.2),
        ("-300 mV", "V", -0.3),
        ("2k", "Ohm", 2e3),
        ("2kOhm", "Ohm", 2e3),
        ("3M", "Ohm", 3e6),
        ("3m", "Ohm", 3e-3),
        ("3meg", "Ohm", 3e6),
        ("0.2um", "m", 0.2e-6),
        ("200n", "m", 200e-9),
        ("5m", "m", 5e-3),
        ("10fF", "F", 10e-15),
        ("10f", "F", 10e-15),
        ("1f", "J", 1e-15),
        ("300K", "K", 300.0),
        ("300", "K", 300.0),
        ("3K", "Ohm", 3e3),
        ("1e-9", "s", 1e-9),
        (".5", "1", 0.5),
        ("5µs", "s", 5e-6),
        ("50uA", "", 50e-6),
    ],
)
def test_reads(text: str, unit: str, value: float) -> None:
    assert parse_quantity(text, unit) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("text", ["", "u", "1.2.3", "nan", "inf", "1e999", "5 q", "1,2", "5uu", "0x1", "5\n.include x"])
def test_refuses_what_is_no_number(text: str) -> None:
    with pytest.raises(ParameterError):
        parse_quantity(text, "V")


@pytest.mark.parametrize(("text", "unit"), [("5V", "A"), ("5ns", "V"), ("5V", "1"), ("5 mA", "s")])
def test_refuses_another_unit(text: str, unit: str) -> None:
    with pytest.raises(ParameterError, match="expected"):
        parse_quantity(text, unit)
