"""Corner tables: transistors, junction, temperature and supply in every combination, with the worst point marked."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from compact.circuits import get_circuit
from compact.errors import SimulationError, StatisticsError, unknown
from compact.farm import each
from compact.measure import Measure
from compact.montecarlo import Plan, prepare
from compact.parameters import CORNERS
from compact.technology import get_technology
from compact.variation import Variation

__all__ = ["Corner", "CornerTable", "corner_table", "corners_of"]

TEMPERATURES = (-40.0, 27.0, 125.0)
SUPPLIES = (0.9, 1.0, 1.1)


@dataclass(frozen=True)
class Corner:
    """One point of a corner table.

    Parameters
    ----------
    cmos, mtj : str
        Process corners of transistors and junctions.
    temperature : float
        Temperature [degC].
    supply : float
        Supply over the typical one.
    """

    cmos: str
    mtj: str
    temperature: float
    supply: float

    @property
    def typical(self) -> bool:
        """Whether nothing is off its typical value."""
        return (self.cmos, self.mtj, self.temperature, self.supply) == ("tt", "tt", 27.0, 1.0)

    def __str__(self) -> str:
        return f"{self.cmos} transistors, {self.mtj} junction, {self.temperature:g} degC, {self.supply:g} of the supply"


@dataclass(frozen=True)
class CornerTable:
    """Figures of a circuit at its corners.

    Parameters
    ----------
    corners : tuple of Corner
        The points.
    measures : tuple of (tuple of Measure)
        Figures at each; empty where the simulation failed.
    errors : mapping of int to str
        By the number of a point, why it could not be simulated; deck and log are named.
    """

    corners: tuple[Corner, ...]
    measures: tuple[tuple[Measure, ...], ...]
    errors: Mapping[int, str]

    @property
    def names(self) -> list[str]:
        """Names of the figures, in order."""
        return list(dict.fromkeys(m.name for found in self.measures for m in found))

    @property
    def passed(self) -> bool:
        """Whether all points were simulated and all their figures are within their limits."""
        return not self.errors and all(m.passed for found in self.measures for m in found)

    def column(self, name: str) -> list[Measure | None]:
        """A figure at each corner; None where the simulation failed.

        Raises
        ------
        StatisticsError
            If there is no such figure.
        """
        if name not in self.names:
            raise StatisticsError(unknown("measure", name, self.names))
        return [next((m for m in found if m.name == name), None) for found in self.measures]

    def worst(self, name: str) -> int | None:
        """Number of the worst corner for a figure: a failed simulation, then the one nearest to or beyond a limit.

        A figure with one limit at zero or none, such as an energy, is worst where it is largest. None where the figure
        is the same everywhere.

        Raises
        ------
        StatisticsError
            If there is no such figure.
        """
        found = [_badness(measure) for measure in self.column(name)]
        return max(range(len(found)), key=found.__getitem__) if len(set(found)) > 1 else None

    def rows(self) -> list[dict[str, Any]]:
        """The table as plain records: point, figures, pass, and for which figures it is the worst."""
        worst = {name: self.worst(name) for name in self.names}
        return [
            {
                "cmos": corner.cmos,
                "mtj": corner.mtj,
                "temperature": corner.temperature,
                "supply": corner.supply,
                "measures": {m.name: m.value for m in self.measures[k]},
                "passed": k not in self.errors and all(m.passed for m in self.measures[k]),
                "worst": [name for name in self.names if worst[name] == k],
                "error": self.errors.get(k),
            }
            for k, corner in enumerate(self.corners)
        ]


def _badness(measure: Measure | None) -> tuple[int, float]:
    """Larger is worse."""
    if measure is None:
        return 2, 0.0
    if not math.isfinite(measure.value):
        return 1, math.inf
    two_sided = math.isfinite(measure.low) and math.isfinite(measure.high)
    if math.isfinite(measure.high):
        share = (measure.value - measure.low) / (measure.high - measure.low) if two_sided else None
        if share is not None and measure.low != 0:
            return int(not measure.passed), abs(share - 0.5)
        return int(not measure.passed), measure.value - measure.high
    if math.isfinite(measure.low) and measure.low != 0:
        return int(not measure.passed), measure.low - measure.value
    return int(not measure.passed), measure.value


def corners_of(
    cmos: Iterable[str],
    mtj: Iterable[str] = tuple(CORNERS),
    temperatures: Iterable[float] = TEMPERATURES,
    supplies: Iterable[float] = SUPPLIES,
) -> list[Corner]:
    """Every combination.

    Raises
    ------
    StatisticsError
        If one of them has no value, or a temperature or a supply cannot be.
    """
    transistors, junctions = list(dict.fromkeys(cmos)), list(dict.fromkeys(mtj))
    degrees, shares = list(dict.fromkeys(map(float, temperatures))), list(dict.fromkeys(map(float, supplies)))
    for name, values in (("corners of transistors", transistors), ("corners of junctions", junctions),
                         ("temperatures", degrees), ("supplies", shares)):  # fmt: skip
        if not values:
            raise StatisticsError(f"no {name} are given")
    for corner in junctions:
        if corner not in CORNERS:
            raise StatisticsError(unknown("corner of junctions", corner, CORNERS))
    for degree in degrees:
        if not -273.15 < degree < 1000:
            raise StatisticsError(f"temperature {degree:g} degC cannot be")
    for share in shares:
        if not 0 < share < 10:
            raise StatisticsError(f"supply {share:g} must be a share of the typical one, such as 0.9")
    return [Corner(*point) for point in itertools.product(transistors, junctions, degrees, shares)]


def corner_table(
    plan: Plan,
    corners: Sequence[Corner],
    *,
    supply: str = "vdd",
    jobs: int | None = None,
    dask: str | None = None,
    progress: Callable[[int, int, int], None] | None = None,
) -> CornerTable:
    """Simulate a circuit at its corners; sizes and times stay those of the typical one.

    Parameters
    ----------
    plan : Plan
        What is run; its corners and its temperature are replaced.
    corners : sequence of Corner
        The points.
    supply : str
        Setting of the circuit that is its supply.
    jobs, dask, progress
        As for `monte_carlo`.

    Returns
    -------
    CornerTable

    Raises
    ------
    StatisticsError, CircuitError, TechnologyError
        If a point cannot be, or the circuit has no such setting.
    """
    circuit = get_circuit(plan.circuit)
    technology = get_technology(plan.technology)
    for corner in corners:
        technology.at_corner(corner.cmos)
    still = replace(plan, corner="tt", mtj_corner="tt", variation=Variation())
    typical = prepare(still, varied=False).bench.settings
    if supply not in typical:
        raise StatisticsError(unknown(f"setting of circuit '{circuit.name}'", supply, typical))
    volts = float(typical[supply])
    # what is derived at the typical point is fixed for all others
    fixed = {name: typical[name] for name in typical if name != supply}
    tasks = [
        (k, replace(still, corner=c.cmos, mtj_corner=c.mtj, temperature=c.temperature,
                    settings={**fixed, supply: volts * c.supply}))
        for k, c in enumerate(corners)
    ]  # fmt: skip
    measures: list[tuple[Measure, ...]] = [()] * len(corners)
    errors: dict[int, str] = {}
    for done, (k, found, error) in enumerate(each(_at_corner, tasks, jobs=jobs, dask=dask), start=1):
        measures[k] = found
        if error:
            errors[k] = error
        if progress:
            progress(done, len(tasks), len(errors))
    return CornerTable(tuple(corners), tuple(measures), errors)


def _at_corner(task: tuple[int, Plan]) -> tuple[int, tuple[Measure, ...], str]:
    number, plan = task
    ready = prepare(plan, varied=False)
    try:
        return number, tuple(ready.measures()), ""
    except SimulationError as error:
        return number, (), " ".join(str(error).split())
