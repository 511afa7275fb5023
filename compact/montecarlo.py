"""Monte Carlo analysis of circuits: process and mismatch, drawn here and written out as numbers.

A sample is decided by the seed and its number alone, so it is the same on one core, on many and on a cluster, and a run
that was killed goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

import compact
from compact.circuits import Circuit, Testbench, get_circuit
from compact.errors import SimulationError, SpinbricksError, StatisticsError, unknown
from compact.farm import each
from compact.files import staged
from compact.measure import Measure, value_at
from compact.parameters import ParameterSet
from compact.samples import FORMAT, Row, SampleFile, Samples
from compact.simulators import Simulator, get_simulator
from compact.technology import get_technology
from compact.variation import Array, Space, Variation, draw
from compact.waveform import Waveforms

__all__ = ["Plan", "Probe", "Ready", "batches", "monte_carlo", "nominal", "prepare", "ready_of", "settle"]

STRIDES = (16.0, 8.0, 4.0, 2.0, 1.0)
"""Largest steps that are tried, over the circuit's own: steps follow the error anyway."""
STEP_TOLERANCE = 0.01
"""How much figures of the typical circuit may change by that."""
BATCH = 8
"""Samples that a worker runs before it reports."""


@dataclass(frozen=True)
class Probe:
    """A difference of two signals at a time: a figure that tells by how much a decision is right.

    Parameters
    ----------
    name : str
        Name of the figure.
    plus, minus : str
        Signals; an empty one is ground.
    event : str
        One of the testbench's times.
    after : float
        Time behind it [s].
    """

    name: str
    plus: str
    minus: str
    event: str
    after: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Probe:
        """A probe from a text such as ``margin_0=qb0-q0@sense+150p``.

        Raises
        ------
        StatisticsError
            If the text is not of that form.
        """
        from compact.units import parse_quantity

        name, mark, rest = (part.strip() for part in text.partition("="))
        signals, at, when = rest.partition("@")
        event, _, after = when.partition("+")
        plus, _, minus = signals.partition("-")
        if not (mark and at and name and plus.strip() and event.strip()):
            raise StatisticsError(f"probe '{text}': NAME=SIGNAL-SIGNAL@EVENT+TIME is expected")
        delay = parse_quantity(after, "s") if after.strip() else 0.0
        return cls(name, plus.strip(), minus.strip(), event.strip(), delay)

    def measure(self, waveforms: Waveforms, bench: Testbench) -> Measure:
        """The figure [V]."""
        difference = waveforms[self.plus] - (waveforms[self.minus] if self.minus else 0.0)
        at = bench.times[self.event] + self.after
        what = f"{self.plus}-{self.minus}" if self.minus else self.plus
        return Measure(self.name, value_at(waveforms.axis, difference, at), "V", description=f"{what} at {at:.4g} s")


@dataclass(frozen=True)
class Plan:
    """What is run, apart from how often and where.

    Parameters
    ----------
    circuit : str
        Name of the circuit.
    card : ParameterSet
        The junction.
    technology : str
        Name of the technology, or path of its description.
    simulator : str
        "ngspice" or "vacask".
    corner, mtj_corner : str
        Process corners of transistors and of junctions around which samples vary. Sizes and times are those of the
        typical card.
    temperature : float
        Temperature [degC].
    settings : mapping of str to value
        Settings of the circuit.
    variation : Variation
        Spreads.
    seed : int
        Seed, >= 0.
    stride : float, optional
        Largest time step over that of the circuit; by default the largest of `STRIDES` at which the figures of the
        typical circuit stay within `STEP_TOLERANCE`.
    limits : mapping of str to (float, float)
        Limits in place of those that figures come with.
    probes : tuple of Probe
        Further figures.
    timeout : float, optional
        Limit of each simulation [s]; decides no result, so a resumed run may have another.
    """

    circuit: str
    card: ParameterSet
    technology: str = "generic"
    simulator: str = "ngspice"
    corner: str = "tt"
    mtj_corner: str = "tt"
    temperature: float = 27.0
    settings: Mapping[str, Any] = field(default_factory=dict)
    variation: Variation = field(default_factory=Variation)
    seed: int = 1
    stride: float | None = None
    limits: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    probes: tuple[Probe, ...] = ()
    timeout: float | None = 120.0

    def __post_init__(self) -> None:
        if self.seed < 0 or int(self.seed) != self.seed:
            raise StatisticsError(f"seed = {self.seed} must be a whole number >= 0")
        if self.stride is not None and not (math.isfinite(self.stride) and self.stride > 0):
            raise StatisticsError(f"stride = {self.stride:g} must be > 0")
        for name, (low, high) in self.limits.items():
            if not low <= high:
                raise StatisticsError(f"limits of '{name}': {low:g} is above {high:g}")

    def plain(self) -> dict[str, Any]:
        """Everything that decides a result, as JSON knows it."""
        return {
            "circuit": self.circuit,
            "card": self.card.name,
            "card_hash": hashlib.blake2b(self.card.to_json().encode(), digest_size=16).hexdigest(),
            "technology": str(self.technology),
            "simulator": self.simulator,
            "version": get_simulator(self.simulator).find()["version"],
            "corner": self.corner,
            "mtj_corner": self.mtj_corner,
            "temperature": self.temperature,
            "settings": {key: self.settings[key] for key in sorted(self.settings)},
            "variation": self.variation.plain(),
            "seed": self.seed,
            "stride": self.stride,
            "limits": {k: [None if math.isinf(x) else x for x in v] for k, v in sorted(self.limits.items())},
            "probes": [[p.name, p.plus, p.minus, p.event, p.after] for p in self.probes],
            "spinbricks": compact.__version__,
            "numpy": np.__version__,
        }


@dataclass(frozen=True)
class Ready:
    """A plan whose circuit is built.

    Parameters
    ----------
    plan : Plan
        The plan.
    circuit : Circuit
        Its circuit.
    bench : Testbench
        The testbench, typical.
    simulator : Simulator
        What runs it.
    space : Space or None
        What varies; None where nothing does.
    """

    plan: Plan
    circuit: Circuit
    bench: Testbench
    simulator: Simulator
    space: Space | None

    def measures(self, stride: float | None = None) -> list[Measure]:
        """Figures of the circuit as its netlist is now.

        Raises
        ------
        SimulationError
            If the simulation fails.
        """
        bench, plan = self.bench, self.plan
        analysis = replace(bench.analysis, max_step=bench.analysis.largest_step * (stride or plan.stride or 1.0))
        signals = [name for probe in plan.probes for name in (probe.plus, probe.minus) if name]
        save = tuple(dict.fromkeys([*bench.save, *signals]))
        waveforms = self.simulator.run(
            bench.netlist, analysis, save=save, temperature=plan.temperature, timeout=plan.timeout
        )
        found = [*self.circuit.measures(waveforms, bench), *(probe.measure(waveforms, bench) for probe in plan.probes)]
        return [replace(m, low=plan.limits[m.name][0], high=plan.limits[m.name][1]) if m.name in plan.limits else m
                for m in found]  # fmt: skip

    def at(self, u: Array) -> list[Measure]:
        """Figures of the sample that belongs to standard normal numbers.

        Raises
        ------
        SimulationError
            If the simulation fails.
        ParameterError
            If a parameter leaves the range of its model.
        """
        assert self.space is not None
        self.space.apply(self.bench.netlist, self.space.point(u))
        return self.measures()


def prepare(plan: Plan, varied: bool = True) -> Ready:
    """Build the circuit of a plan.

    Parameters
    ----------
    plan : Plan
        The plan.
    varied : bool
        Whether its variation is of interest.

    Raises
    ------
    CircuitError, TechnologyError, ParameterError, StatisticsError
        If the plan cannot be run.
    """
    circuit = get_circuit(plan.circuit)
    technology = get_technology(plan.technology, plan.corner)
    bench = circuit.build(plan.card, technology, **plan.settings)
    netlist = bench.netlist
    for name, device in list(netlist.devices.items()):
        card = getattr(device, "card", None)
        if isinstance(card, ParameterSet):
            # sized and timed for the typical junction; from here on it is the one of the corner, and of it alone
            moved: Any = replace(device, card=plan.card.corner(plan.mtj_corner))  # type: ignore[type-var]
            netlist.drop(name)
            netlist.use(moved)
    for probe in plan.probes:
        if probe.event not in bench.times:
            raise StatisticsError(unknown(f"event of circuit '{plan.circuit}'", probe.event, bench.times))
        at = bench.times[probe.event] + probe.after
        if not 0 <= at <= bench.analysis.stop:
            raise StatisticsError(f"probe '{probe.name}' is at {at:g} s, outside [0, {bench.analysis.stop:g}] s")
    space = Space.of(netlist, plan.variation, plan.card) if varied else None
    return Ready(plan, circuit, bench, get_simulator(plan.simulator), space)


def nominal(ready: Ready) -> list[Measure]:
    """Figures of the typical circuit.

    Raises
    ------
    StatisticsError
        If a limit is given for a figure that does not exist, or a probe has the name of another figure.
    SimulationError
        If the typical circuit cannot be simulated.
    """
    found = ready.measures()
    names = [m.name for m in found]
    for name in names:
        if names.count(name) > 1:
            raise StatisticsError(f"probe '{name}' has the name of another measure")
    for name in ready.plan.limits:
        if name not in names:
            raise StatisticsError(unknown(f"measure of circuit '{ready.plan.circuit}'", name, names))
    return found


def step_error(ready: Ready, stride: float) -> tuple[str, float]:
    """The figure of the typical circuit that changes most with larger steps, and by how much (relative)."""
    worst, largest = "", 0.0
    for fine, coarse in zip(ready.measures(stride=1.0), ready.measures(stride=stride), strict=True):
        scale = max(abs(fine.value), abs(coarse.value))
        change = abs(coarse.value - fine.value) / scale if scale > 0 else 0.0
        change = math.inf if math.isfinite(fine.value) != math.isfinite(coarse.value) else change
        if change > largest:
            worst, largest = fine.name, change
    return worst, largest


def settle(plan: Plan) -> Plan:
    """The plan with its time step chosen, if it leaves that open."""
    if plan.stride is not None:
        return plan
    ready = prepare(plan, varied=False)
    return replace(plan, stride=next(s for s in STRIDES if s == 1 or step_error(ready, s)[1] <= STEP_TOLERANCE))


# ------------------------------------------------------------------------------------------ samples

_ready: dict[str, Ready] = {}


def ready_of(plan: Plan) -> Ready:
    """A plan whose circuit is built, once per process."""
    key = json.dumps([plan.plain(), plan.timeout], sort_keys=True)
    if key not in _ready:
        _ready.clear()
        _ready[key] = prepare(plan)
    return _ready[key]


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _sample(ready: Ready, number: int) -> Row:
    """One row of the results; of a failed simulation also its files, under "files"."""
    assert ready.space is not None
    u = draw(ready.plan.seed, number, ready.space.dimension)
    try:
        return {"sample": number, "measures": {m.name: _number(m.value) for m in ready.at(u)}}
    except SimulationError as error:
        files = {}
        for path in (error.deck, error.log):
            if path and path.is_file():
                files[path.name] = path.read_text(errors="replace")
        if error.deck:
            shutil.rmtree(error.deck.parent, ignore_errors=True)
        return {"sample": number, "error": " ".join(error.message.split()), "files": files}
    except SpinbricksError as error:  # a parameter out of range: there is no deck of what cannot be
        return {"sample": number, "error": " ".join(str(error).split()), "files": {}}


def _batch(task: tuple[Plan, Sequence[int]]) -> list[Row]:
    plan, numbers = task
    ready = ready_of(plan)
    return [_sample(ready, number) for number in numbers]


def batches(numbers: Sequence[int], size: int = BATCH) -> Iterator[Sequence[int]]:
    """Numbers in groups."""
    for start in range(0, len(numbers), size):
        yield numbers[start : start + size]


def monte_carlo(
    plan: Plan,
    samples: int,
    out: str | Path,
    *,
    resume: bool = False,
    jobs: int | None = None,
    dask: str | None = None,
    progress: Callable[[int, int, int], None] | None = None,
    warn: Callable[[str], None] | None = None,
) -> Samples:
    """Run samples of a circuit; what is in the results file already is not run again.

    Parameters
    ----------
    plan : Plan
        What is run.
    samples : int
        How many samples there are to be in the end.
    out : str or pathlib.Path
        Results file of JSON lines; decks of failed simulations go into a folder of that name with ".failed".
    resume : bool
        Continue a file that is there.
    jobs : int, optional
        Processes on this machine; all cores by default.
    dask : str, optional
        Address of a Dask scheduler that does the work instead.
    progress : callable, optional
        Called with the number of samples done, wanted, and failed.
    warn : callable, optional
        Called with what is doubtful.

    Returns
    -------
    Samples
        The first `samples` samples.

    Raises
    ------
    StatisticsError
        If the plan or the file cannot be used, a worker dies or the cluster does not answer; results so far are kept.
    SimulationError
        If already the typical circuit cannot be simulated.
    """
    if samples < 1:
        raise StatisticsError(f"samples = {samples} must be at least 1")
    given, plan = plan.stride, settle(plan)
    ready = prepare(plan)
    assert ready.space is not None and plan.stride is not None
    typical = nominal(ready)
    if warn and given is not None and given > 1:
        name, change = step_error(ready, given)
        if change > STEP_TOLERANCE:
            warn(f"'{name}' changes by {100 * change:.2g} % with the circuit's own time steps; lower --stride")
    header = {
        "format": FORMAT,
        "plan": plan.plain() | {"variables": len(ready.space.names), "first": float(_checksum(plan, ready.space))},
        "variables": list(ready.space.names),
        "measures": {
            m.name: {"unit": m.unit, "low": _number(m.low), "high": _number(m.high), "description": m.description,
                     "typical": _number(m.value)}
            for m in typical
        },
    }  # fmt: skip
    with SampleFile(out, header, resume) as file:
        missing = [k for k in range(samples) if k not in file.rows]
        failed = sum("error" in row for row in file.rows.values())
        done = samples - len(missing)
        if progress:
            progress(done, samples, failed)
        tasks = [(plan, numbers) for numbers in batches(missing)]
        for rows in each(_batch, tasks, jobs=jobs, dask=dask) if tasks else ():
            file.append(_keep_failures(rows, file.path))
            done, failed = done + len(rows), failed + sum("error" in row for row in rows)
            if progress:
                progress(done, samples, failed)
        file.finish()
        return file.samples(samples)


def _checksum(plan: Plan, space: Space) -> float:
    """A figure of the first sample's numbers, which would tell another generator."""
    return float(np.sum(draw(plan.seed, 0, space.dimension)))


def _keep_failures(rows: Iterable[Row], out: Path) -> list[Row]:
    """Rows in which decks and logs of failed simulations are paths beside the results file, no text."""
    kept = []
    for row in rows:
        files = row.pop("files", {})
        if files:
            folder = out.with_name(f"{out.name}.failed") / f"{row['sample']:06d}"
            try:
                for name, text in files.items():
                    with staged(folder / name) as part:
                        part.write_text(text)
            except OSError as error:
                raise StatisticsError(f"cannot keep the deck of sample {row['sample']} in '{folder}': "
                                      f"{error.strerror or error}; the results so far are kept") from None  # fmt: skip
            row["deck"] = f"{folder.parent.name}/{folder.name}/{next(iter(files))}"
        kept.append(row)
    return kept
