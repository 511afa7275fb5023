"""Parts of the report of a card: each turns one kind of result into blocks of a page.

`SECTIONS` is the one list of them, in the order of the page.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from compact.circuits import get_circuit
from compact.errors import CircuitError, SpinbricksError
from compact.page import Block, Facts, Failure, Note, Picture, Remarks, Table
from compact.parameters import ParameterSet
from compact.refit import find_data, refit
from compact.report import figure, limits
from compact.statsections import corners, monte_carlo_samples, shmoo
from compact.subject import DoesNotApply, Subject, chosen, first_simulator, three
from compact.terminal import verdict
from compact.units import format_si

if TYPE_CHECKING:
    from compact.runs import Run
    from compact.writing import AxialDrive, Writing

__all__ = ["SECTIONS", "Section"]

POINTS = {False: 100, True: 1000}
"""Random points of the comparison with NumPy, quick and full."""
GRID = {False: 13, True: 31}
"""Levels and pulse widths of a map of write errors, quick and full."""
OVERDRIVES = (1.15, 3.0)
ERRORS = (1e-3, 1e-6, 1e-9)
CLEAR = 0.3
"""Correlations from here on are listed."""
MOST_IN_MATRIX = 8


@dataclass(frozen=True)
class Section:
    """One kind of part of the page.

    Parameters
    ----------
    key, title : str
        Name on the command line, and heading.
    make : callable
        Yields the blocks of a subject; raises `DoesNotApply` or an error of the package.
    """

    key: str
    title: str
    make: Callable[[Subject], Iterable[Block]]


# ---------------------------------------------------------------------------------------------- card


def _card(subject: Subject) -> Iterator[Block]:
    card = subject.card
    origin = card.provenance
    yield Facts(
        (
            ("model", f"{card.model} {card.definition.version}: {card.definition.title}"),
            ("source", origin.source),
            ("method", origin.method),
            ("citation", origin.citation),
            ("date", origin.date),
            ("SHA-256", origin.sha256),
            ("quality", ", ".join(f"{k} {v:.4g}" for k, v in origin.quality.items())),
        )
    )
    rows = [
        (p.name, format_si(value, p.unit, error), _origin(card, p.name), p.description)
        for p, value, error in card.table()
        if p.scope == "model"
    ]
    yield Table("Parameters", ("parameter", "value", "from", "what"), rows, ("value",))
    if card.correlations:
        yield from _correlations(card)
    if card.derived:
        yield Table(
            "Derived quantities",
            ("quantity", "value", "what"),
            [(name, format_si(q.value, q.unit, q.stderr), q.description) for name, q in card.derived.items()],
            ("value",),
        )
    if card.undetermined:
        reasons: dict[str, list[str]] = {}
        for name, reason in card.undetermined.items():
            reasons.setdefault(reason, []).append(name)
        why = [(", ".join(names), reason) for reason, names in reasons.items()]
        yield Table("Not determined by the data", ("parameters", "why"), why)
    if card.notes:
        yield Remarks("Notes", card.notes)


def _origin(card: ParameterSet, name: str) -> str:
    if name in card.undetermined:
        return "assumed"
    if name in card.stderr:
        return "fitted"
    return "default" if card.values[name] == card.definition.complete({})[name] else "given"


def _correlations(card: ParameterSet) -> Iterator[Block]:
    both = dict(card.correlations) | {(b, a): r for (a, b), r in card.correlations.items()}
    fitted = {a for pair in card.correlations for a in pair}
    names = [p.name for p in card.definition.parameters if p.name in fitted]
    if len(names) <= MOST_IN_MATRIX:
        known = both | {(n, n): 1.0 for n in names}
        rows = [(a, *(f"{known[a, b]:+.2f}" if (a, b) in known else "—" for b in names)) for a in names]
        yield Table("Correlations of the fitted parameters", ("", *names), rows, names)
        return
    order = sorted(card.correlations.items(), key=lambda item: -abs(item[1]))
    rows = [(a, b, f"{r:+.3f}") for (a, b), r in order if abs(r) >= CLEAR]
    yield Table(f"Correlations of {CLEAR:g} and above", ("parameter", "with", "correlation"), rows, ("correlation",))


# ----------------------------------------------------------------------------------------------- fit


def _fit(subject: Subject) -> Iterator[Block]:
    files, source = find_data(subject.card, subject.home, subject.data)
    if not files:
        raise DoesNotApply(source)
    fitted = refit(subject.card, files)
    names = ", ".join(file.name for file in files)
    yield Note(source)
    yield Picture.drawn(
        fitted.plot,
        f"Measured points of {names}, the fitted curve through them, and what is left between both",
        f"Data of {names} and the fit of model {fitted.card.model}: {fitted.card.provenance.method}.",
    )
    rows = []
    for p, value, error in fitted.card.table():
        if error:
            given = subject.card.values[p.name]
            texts = (figure(given, p.unit), format_si(value, p.unit, error), f"{(given - value) / error:+.2f}")
            rows.append((p.name, *texts, p.description))
    columns = ("parameter", "card", "fit of these data", "card − fit (errors)", "what")
    yield Table("The card against a fit of these data", columns, rows, columns[1:4])


# ------------------------------------------------------------------------------------ quality checks


def _qa(subject: Subject) -> Iterator[Block]:
    from compact.qa import run_qa

    checks = run_qa(subject.card, ("reference", *subject.simulators), points=POINTS[subject.full])
    rows = [
        (c.name, c.target, figure(c.value, c.unit), figure(c.limit, c.unit), verdict(c.passed), c.note) for c in checks
    ]
    columns = ("check", "in", "value", "limit", "verdict", "what")
    yield Table("Checks of the emitted model", columns, rows, ("value", "limit"))


# ------------------------------------------------------------------------------------------ circuits


def _circuits(subject: Subject) -> Iterator[Block]:
    from compact.runs import simulate
    from compact.technology import get_technology
    from compact.waveplot import plot_waveforms

    technology = get_technology(subject.technology)
    names = chosen(subject)
    first_simulator(subject)
    for name in names:
        circuit, runs = get_circuit(name), []
        for simulator in subject.simulators:
            try:
                runs.append(simulate(circuit, subject.card, technology, simulator, timeout=subject.timeout))
            except SpinbricksError as error:
                yield Failure(f"{name} in {simulator}: {error}")
        if not runs:
            continue
        yield _measures(runs)
        versions = " and ".join(f"{run.simulator} {run.version}" for run in runs)
        yield Picture.drawn(
            lambda path, runs=runs: plot_waveforms(runs, path),  # type: ignore[misc]
            f"Voltages, currents and states of circuit {name} against time",
            f"{circuit.title}, in {technology.name} with {subject.card.name}, simulated by {versions}.",
        )


def _measures(runs: Sequence[Run]) -> Table:
    names = [run.simulator for run in runs]
    rows = []
    for same in zip(*(run.measures for run in runs), strict=True):
        values = [figure(m.value, m.unit) for m in same]
        passed = verdict(all(m.passed for m in same))
        rows.append((same[0].name, *values, limits(same[0]), passed, same[0].description))
    circuit = runs[0].circuit
    columns = ("measure", *names, "limit", "verdict", "what")
    return Table(f"{circuit.name}: {circuit.title}", columns, rows, (*names, "limit"))


# ------------------------------------------------------------------------------------- write errors


def _write_errors(subject: Subject) -> Iterator[Block]:
    from compact.errors import ParameterError
    from compact.writing import AP, AxialDrive, P, retention

    card = subject.card
    try:
        drive = AxialDrive.of(card)
    except ParameterError as error:
        raise DoesNotApply(f"Write errors are those of an axial macrospin: {error}.") from None
    rows: list[tuple[str, ...]] = []
    pictures = []
    for start, way in ((AP, "AP → P"), (P, "P → AP")):
        result = _map(card, drive, start, GRID[subject.full])
        needed = result.pulse_for(ERRORS)
        for k in np.unique(np.linspace(0, len(result.level) - 1, 5).astype(int)):
            times = ("—" if math.isnan(t) else three(t, "s") for t in needed[k])
            rows.append((way, three(float(result.level[k]), "V"), *times))
        pictures.append(_contours(result, way))
    columns = ("direction", "voltage", *(f"pulse for {e:g}" for e in ERRORS))
    yield Table("Pulse widths for given write-error rates", columns, rows, columns[1:])
    yield from pictures
    kept = [(name, _span(retention(card, state).time)) for name, state in (("parallel", P), ("antiparallel", AP))]
    yield Table("Mean retention without bias", ("state", "time"), kept, ("time",))


def _map(card: ParameterSet, drive: AxialDrive, start: float, count: int) -> Writing:
    """Error rates from little above the threshold to three times it, for pulses as long as those levels need."""
    from compact.circuits.base import Junction
    from compact.writing import write_errors

    levels = []
    for overdrive in np.linspace(*OVERDRIVES, count):
        try:
            levels.append(-start * Junction(card).write_voltage(start, float(overdrive)))
        except CircuitError:
            break
    if len(levels) < 3:
        raise DoesNotApply(f"Card {card.name} does not switch at voltages of circuits.")
    few = write_errors(card, [drive.tau], voltage=levels, start=start)
    needed = few.pulse_for([ERRORS[-1]])[:, 0]
    usual = needed[np.isfinite(needed)]
    longest = float(np.median(usual)) * 1.5 if usual.size else 50 * drive.tau
    return write_errors(card, np.linspace(longest / (2 * count), longest, count), voltage=levels, start=start)


def _contours(result: Writing, way: str) -> Picture:
    from compact.probabilityplot import plot_writing

    return Picture.drawn(
        lambda path: plot_writing(result, path),
        f"Map of the write-error rate of {way} over voltage and pulse width, with its powers of ten as lines",
        f"Write-error rate of {way} at {result.card.values['t_nom']:g} K by the Fokker-Planck equation of the card.",
    )


def _span(seconds: float) -> str:
    year = 3.15576e7
    if math.isinf(seconds):
        return "beyond numbers"
    return f"{seconds / year:.3g} years" if seconds > year else three(seconds, "s")


# --------------------------------------------------------------------------------------- the list

SECTIONS: Mapping[str, Section] = {
    section.key: section
    for section in (
        Section("card", "Card", _card),
        Section("fit", "Fit to measured data", _fit),
        Section("qa", "Quality checks", _qa),
        Section("circuits", "Circuits", _circuits),
        Section("corners", "Corners", corners),
        Section("shmoo", "Supply and temperature", shmoo),
        Section("monte-carlo", "Monte Carlo", monte_carlo_samples),
        Section("wer", "Write errors", _write_errors),
    )
}
"""Parts of the report by name, in the order of the page."""
