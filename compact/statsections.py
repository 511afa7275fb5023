"""Parts of a report that run a circuit many times: corners, supply against temperature, Monte Carlo."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compact.circuits import get_circuit
from compact.page import Block, Failure, Picture, Table
from compact.report import limits
from compact.subject import DoesNotApply, Subject, first_simulator, statistical, three
from compact.technology import get_technology
from compact.terminal import verdict

if TYPE_CHECKING:
    from compact.montecarlo import Plan
    from compact.samples import Samples
    from compact.sweep import CornerTable

__all__ = ["corners", "monte_carlo_samples", "shmoo"]

SUPPLY = "vdd"
QUICK_CMOS = ("tt", "ff", "ss")
QUICK_TEMPERATURES, QUICK_SUPPLIES = (-40.0, 125.0), (0.9, 1.1)
SHMOO_TEMPERATURES = (-40.0, 0.0, 27.0, 85.0, 125.0)
SHMOO_SUPPLIES = {False: (0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.2), True: tuple(np.round(np.arange(0.25, 1.225, 0.05), 2))}
"""Supplies over the typical one, quick and full."""
SAMPLES = {False: 100, True: 1000}
"""Monte Carlo samples, quick and full."""


def _plan(subject: Subject, **changes: Any) -> Plan:
    """What is run many times; samples take the long steps of Monte Carlo, unless something else is said."""
    from compact.montecarlo import Plan
    from compact.variation import Variation

    return Plan(
        statistical(subject),
        subject.card,
        subject.technology,
        first_simulator(subject),
        variation=Variation(fit=any(error > 0 for error in subject.card.stderr.values())),
        timeout=subject.timeout,
        **changes,
    )


def _plan_with_supply(subject: Subject) -> Plan:
    name = statistical(subject)
    if SUPPLY not in {setting.name for setting in get_circuit(name).settings}:
        raise DoesNotApply(f"Circuit {name} has no setting {SUPPLY} for its supply.")
    return _plan(subject, stride=1.0)


def _failures(table: CornerTable) -> Iterator[Block]:
    for k, error in list(table.errors.items())[:1]:
        count = f"{len(table.errors)} of {len(table.corners)} points could not be simulated"
        yield Failure(f"{count}; {table.corners[k]}: {error}")


# ------------------------------------------------------------------------------------------- corners


def corners(subject: Subject) -> Iterator[Block]:
    """Table and plot of a circuit at the corners of process, temperature and supply."""
    from compact.statplot import plot_corners
    from compact.sweep import Corner, corner_table, corners_of

    plan = _plan_with_supply(subject)
    known = get_technology(subject.technology).corners
    if subject.full:
        points = corners_of(known)
    else:
        few = [name for name in QUICK_CMOS if name in known]
        points = [
            Corner("tt", "tt", 27.0, 1.0),
            *corners_of(few, temperatures=QUICK_TEMPERATURES, supplies=QUICK_SUPPLIES),
        ]
    table = corner_table(plan, points)
    yield from _failures(table)
    names = [name for name in table.names if table.worst(name) is not None]
    if not names:
        return
    yield _worst(table, names, plan.circuit)
    yield Picture.drawn(
        lambda path: plot_corners(table, path),
        f"Figures of circuit {plan.circuit} at {len(points)} corners, by temperature",
        f"{plan.circuit} in {subject.technology} on {plan.simulator} at {len(points)} corners of transistors, "
        "junction, temperature and supply; the worst is ringed.",
    )
    yield _all_corners(table, names, plan.circuit)


def _worst(table: CornerTable, names: Sequence[str], circuit: str) -> Table:
    """Typical and worst value of each figure."""
    typical = next((k for k, corner in enumerate(table.corners) if corner.typical), None)
    rows = []
    for name in names:
        column, at = table.column(name), table.worst(name)
        worst = None if at is None else column[at]
        middle = None if typical is None else column[typical]
        known = worst or middle
        rows.append(
            (
                name,
                three(middle.value, middle.unit) if middle else "—",
                three(worst.value, worst.unit) if worst else "not simulated",
                limits(known) if known else "",
                verdict(all(m is not None and m.passed for m in column)),
                str(table.corners[at]) if at is not None else "",
            )
        )
    columns = ("figure", "typical", "worst", "limit", "everywhere", "worst at")
    return Table(f"{circuit}: typical and worst", columns, rows, ("typical", "worst", "limit"))


def _all_corners(table: CornerTable, names: Sequence[str], circuit: str) -> Table:
    columns = ("transistors", "junction", "temperature", "supply", *names)
    rows = [
        (
            corner.cmos,
            corner.mtj,
            f"{corner.temperature:g} °C",
            f"{100 * corner.supply:g} %",
            *_figures(table, names, k),
        )
        for k, corner in enumerate(table.corners)
    ]
    worst = frozenset((at, 4 + k) for k, name in enumerate(names) if (at := table.worst(name)) is not None)
    return Table(f"{circuit}: all corners, the worst marked", columns, rows, columns[2:], worst)


def _figures(table: CornerTable, names: Sequence[str], k: int) -> list[str]:
    found = {m.name: m for m in table.measures[k]}
    return [three(found[name].value, found[name].unit) if name in found else "failed" for name in names]


# --------------------------------------------------------------------------------------------- shmoo


def shmoo(subject: Subject) -> Iterator[Block]:
    """Whether a circuit works, for every supply and temperature."""
    from compact.sweep import corner_table, corners_of

    plan = _plan_with_supply(subject)
    supplies = SHMOO_SUPPLIES[subject.full]
    table = corner_table(plan, corners_of(["tt"], ["tt"], SHMOO_TEMPERATURES, supplies))
    yield from _failures(table)
    works = {(c.temperature, c.supply): _works(table, k) for k, c in enumerate(table.corners)}
    rows = [
        (f"{100 * supply:g} %", *(works[degrees, supply] for degrees in SHMOO_TEMPERATURES))
        for supply in sorted(supplies, reverse=True)
    ]
    columns = ("supply", *(f"{degrees:g} °C" for degrees in SHMOO_TEMPERATURES))
    yield Table(f"{plan.circuit}: where all figures are within their limits (typical process)", columns, rows)
    lost = {name: sum(m is None or not m.passed for m in table.column(name)) for name in table.names}
    rows = [(name, f"{count} of {len(table.corners)}") for name, count in lost.items() if count]
    if rows:
        yield Table("Figures that leave their limits", ("figure", "at points"), rows, ("at points",))


def _works(table: CornerTable, k: int) -> str:
    """Whether a point of a shmoo works; these words colour a cell and are counted nowhere, as some points must fail."""
    if k in table.errors:
        return "no result"
    return "works" if all(m.passed for m in table.measures[k]) else "fails"


# --------------------------------------------------------------------------------------- Monte Carlo


def monte_carlo_samples(subject: Subject) -> Iterator[Block]:
    """Yield, histograms and the spreads that matter."""
    from compact.montecarlo import monte_carlo
    from compact.statplot import plot_samples, plot_sensitivities, varies
    from compact.yields import rank

    plan = _plan(subject)
    with tempfile.TemporaryDirectory() as folder:
        samples = monte_carlo(plan, subject.samples or SAMPLES[subject.full], Path(folder) / "samples.jsonl")
    for row in samples.failures[:1]:
        count = f"{len(samples.failures)} of {len(samples.rows)} samples could not be simulated"
        yield Failure(f"{count}; sample {row['sample']}: {row['error']}")
    yield _spreads(samples)
    varied = [name for name in samples.names if varies(samples, name)]
    if not varied:
        return
    spread = "Process, mismatch and fit errors" if plan.variation.fit else "Process and mismatch"
    yield Picture.drawn(
        lambda path: plot_samples(samples, path),
        f"Histograms of the figures of circuit {plan.circuit} over {len(samples.rows)} samples",
        f"{spread} vary; {plan.simulator}, seed {plan.seed}. Dotted: typical; dashed: limits, where they are near.",
    )
    enough = 2 * len(samples.header["variables"]) + 2
    told = [name for name in varied if np.isfinite(samples.values(name)).sum() >= enough]
    if told:
        ranking, explained = rank(samples, told[0])
        yield Picture.drawn(
            lambda path: plot_sensitivities(ranking, explained, told[0], path),
            f"Bars: shares of the variance of {told[0]} by what varies",
            f"What makes {told[0]} vary.",
        )


def _spreads(samples: Samples) -> Table:
    """Mean, spread and yield of each figure."""
    from compact.statplot import varies
    from compact.yields import Proportion, yield_of

    def share(part: Proportion) -> tuple[str, str]:
        low, high = part.interval
        return f"{100 * part.value:.4g} %", f"{100 * low:.4g} … {100 * high:.4g} %"

    shown = [n for n in samples.names if varies(samples, n) or not samples.passed([n]).all()] or samples.names
    rows: list[tuple[str, ...]] = []
    for name in shown:
        values, unit = samples.values(name), samples.header["measures"][name]["unit"]
        known = values[np.isfinite(values)]
        moments = (known.mean(), known.std(ddof=1)) if known.size > 1 else (math.nan, math.nan)
        ends = (known.min(), known.max()) if known.size else (math.nan, math.nan)
        texts = [three(float(x), unit) for x in (*moments, *ends)]
        rows.append((name, *texts, *share(yield_of(samples, [name]))))
    rows.append(("all together", "", "", "", "", *share(yield_of(samples))))
    lost = frozenset((k, 5) for k, name in enumerate(shown) if not samples.passed([name]).all())
    columns = ("figure", "mean", "spread", "least", "largest", "within limits", "95 % interval")
    title = f"{len(samples.rows)} samples of {samples.header['plan']['circuit']}"
    return Table(title, columns, rows, columns[1:], lost)
