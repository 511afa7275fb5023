"""Truth tables as users write them: settings that are text, and how they and the number of inputs belong together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from compact.circuits.base import Setting
from compact.errors import CircuitError

__all__ = ["TruthTable", "parity", "with_table"]


@dataclass(frozen=True)
class TruthTable(Setting):
    """A setting whose value is a truth table.

    It is written as its bits with that of address 0 first ("0110" is exclusive or), or as a number in base 16 whose
    bit a is that of address a ("0x8" is and), as synthesis tools write it. Its value is the first form.
    """

    def check(self, value: object) -> str:
        """Return the bits, that of address 0 first, else raise CircuitError."""
        if isinstance(value, str):
            text = value.strip().lower().replace("_", "")
            if re.fullmatch("[01]+", text):
                return text
            if re.fullmatch("0x[0-9a-f]+", text):
                return f"{int(text, 16):0{4 * (len(text) - 2)}b}"[::-1]
        raise CircuitError(
            f"setting '{self.name}' must be a truth table such as 0110, the bit of address 0 first, "
            f"or a number such as 0x6 whose bit a is that of address a, not {value!r}"
        )

    def parse(self, text: str) -> str:
        """The text itself."""
        return text


def parity(inputs: int) -> str:
    """Table that is 1 where an odd number of inputs is: every step of one input changes it."""
    return "".join(str(address.bit_count() % 2) for address in range(1 << inputs))


def with_table(
    values: Mapping[str, Any], name: str = "table", inputs: str = "k", default: int = 4, most: int = 6
) -> dict[str, Any]:
    """Settings with both the truth table and the number of its inputs.

    Parameters
    ----------
    values : mapping
        Checked settings; None for those that were left out.
    name, inputs : str
        Names of both settings.
    default : int
        Inputs where neither is given; the table is then that of `parity`.
    most : int
        Most inputs; 2 is the least.

    Raises
    ------
    CircuitError
        If the number of inputs is not whole, or the table has another length than it must have.
    """
    k, table = values[inputs], values[name]
    if k is not None and k != int(k):
        raise CircuitError(f"setting '{inputs}' = {k:g} must be a whole number")
    lengths = {1 << n: n for n in range(2, most + 1)}
    if table is not None:
        if k is None and len(table) not in lengths:
            known = ", ".join(map(str, lengths))
            raise CircuitError(
                f"setting '{name}' = {table} has {len(table)} bits; a truth table of 2 to {most} inputs has {known}"
            )
        if k is not None and len(table) != 1 << int(k):
            raise CircuitError(
                f"setting '{name}' = {table} has {len(table)} bits; a truth table of {int(k)} inputs has {1 << int(k)}"
            )
        return {**values, inputs: len(table).bit_length() - 1, name: table}
    k = int(k or default)
    return {**values, inputs: k, name: parity(k)}
