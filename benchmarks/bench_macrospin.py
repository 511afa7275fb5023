"""Macrospin junctions in ngspice's behavioural sources: the emitted text against the same equations written flat.

The flat text has no nodes for intermediates: each source holds its whole expression, as a hand-written deck would.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import compact.models
from benchmarks.engines import compare, engines
from compact.analysis import Tran
from compact.emit import device
from compact.model import Item, Let, Symbols
from compact.models.mtj_macrospin import MtjMacrospin
from compact.netlist import Netlist
from compact.parameters import ParameterSet

__all__ = ["rows"]

COUNTS = {1: 15e-9, 10: 15e-9, 100: 1.5e-9}
"""Simulated time [s] for each number of junctions."""
STEP = 5e-12


class Flat(MtjMacrospin):
    """The macrospin without nodes for intermediates."""

    name = "mtj_macrospin_flat"

    def equations(self, q: Symbols) -> Iterator[Item]:
        """The same, every intermediate put in where it is used."""
        for item in super().equations(q):
            yield replace(item, node=False) if isinstance(item, Let) else item


def rows(repeat: int = 3) -> list[dict[str, Any]]:
    """Seconds for 1 to 100 macrospins, as emitted and flat; the ratio is emitted over flat.

    Parameters
    ----------
    repeat : int
        Times that each is run, in turn; the least time counts. The largest is run once.
    """
    table = []
    before = compact.models.MODELS
    compact.models.MODELS = (*before, Flat())
    try:
        for engine in engines():
            if not engine.name.startswith("ngspice") or engine.name.endswith("OSDI"):
                continue
            for count, length in COUNTS.items():
                runs = {}
                for model in ("mtj_macrospin", Flat.name):
                    netlist = Netlist(f"{count} macrospins")
                    netlist.use(device(ParameterSet(model, "plain"), subckt="macrospin"))
                    netlist.add_text(
                        "\n".join(
                            f"v{k} n{k} 0 pulse(0 {0.6 + 0.3 * k / count:g} 1n 0.1n 0.1n 12n 100n)\n"
                            f"xm{k} n{k} 0 macrospin state={-1 if k % 2 else 1}"
                            for k in range(count)
                        )
                    )
                    runs[model] = engine.measure(netlist, Tran(length, STEP), ["n0", "xm0.m_z"])
                costs = compare(runs, repeat if count < max(COUNTS) else 1)
                emitted, flat = costs["mtj_macrospin"], costs[Flat.name]
                table.append(
                    {
                        "what": f"{count} macrospins, {length * 1e9:g} ns",
                        "engine": engine.name,
                        "seconds": emitted.seconds,
                        "seconds_flat": flat.seconds,
                        "ratio": emitted.seconds / flat.seconds,
                        "points": emitted.points,
                        "points_flat": flat.points,
                    }
                )
    finally:
        compact.models.MODELS = before
    return table
