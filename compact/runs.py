"""One circuit with one junction in one technology and one simulator: build, simulate, measure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compact.circuits import Circuit, Testbench, get_circuit
from compact.errors import SimulatorNotFound
from compact.files import staged
from compact.measure import Measure
from compact.parameters import ParameterSet
from compact.simulators import get_simulator
from compact.technology import Technology
from compact.waveform import Waveforms

__all__ = ["CIRCUIT_SIMULATORS", "Run", "find_simulators", "simulate"]

CIRCUIT_SIMULATORS = ("ngspice", "vacask")
"""Simulators that take transistors, in order of preference."""


@dataclass(frozen=True)
class Run:
    """A simulated circuit.

    Parameters
    ----------
    circuit : Circuit
        What was simulated.
    bench : Testbench
        With which sources, sizes and times.
    technology, simulator, version : str
        With what.
    waveforms : Waveforms
        The signals that the measures need.
    measures : tuple of Measure
        Figures of merit with their limits.
    """

    circuit: Circuit
    bench: Testbench
    technology: str
    simulator: str
    version: str
    waveforms: Waveforms
    measures: tuple[Measure, ...]

    @property
    def passed(self) -> bool:
        """Whether all measures are within their limits."""
        return all(measure.passed for measure in self.measures)

    @property
    def seconds(self) -> float:
        """How long the simulator took [s]."""
        return float(self.waveforms.info.get("seconds", float("nan")))

    @property
    def label(self) -> str:
        """Name for files."""
        return f"{self.circuit.name}_{self.technology}_{self.simulator}"

    def save(self, folder: str | Path) -> list[Path]:
        """Write the waveforms as CSV and the netlist as a file that plain ``ngspice -b`` runs.

        Parameters
        ----------
        folder : str or pathlib.Path
            Made if need be.

        Returns
        -------
        list of pathlib.Path
            What was written.
        """
        folder = Path(folder)
        table = folder / f"{self.label}.csv"
        with staged(table) as path:
            self.waveforms.to_csv(path)
        deck = folder / f"{self.circuit.name}_{self.technology}.cir"
        self.bench.netlist.save(deck, self.bench.analysis, save=self.bench.save)
        return [deck, table]


def find_simulators(names: Iterable[str] = CIRCUIT_SIMULATORS) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Which simulators are installed.

    Parameters
    ----------
    names : iterable of str
        Simulators to look for.

    Returns
    -------
    found : dict of str to dict
        What each installed one says of itself.
    missing : dict of str to str
        Why each other one cannot be used, with the command that mends it.
    """
    found: dict[str, dict[str, Any]] = {}
    missing: dict[str, str] = {}
    for name in names:
        try:
            found[name] = get_simulator(name).find()
        except SimulatorNotFound as error:
            missing[name] = str(error)
    return found, missing


def simulate(
    circuit: str | Circuit,
    card: ParameterSet,
    technology: str | Technology = "generic",
    simulator: str = "ngspice",
    *,
    corner: str = "tt",
    noise: bool = False,
    temperature: float = 27.0,
    timeout: float | None = 120.0,
    settings: Mapping[str, Any] | None = None,
    keep: str | Path | None = None,
) -> Run:
    """Build a circuit, simulate it and take its figures of merit.

    Parameters
    ----------
    circuit : str or Circuit
        The circuit or its name.
    card : ParameterSet
        The junction.
    technology : str or Technology
        The transistors.
    simulator : str
        Name of the simulator.
    corner : str
        Process corner of transistors and junction.
    noise : bool
        Whether junctions have thermal noise.
    temperature : float
        Temperature [degC].
    timeout : float, optional
        Limit of the run [s]; None for none.
    settings : mapping of str to float, optional
        Settings of the circuit, numbers in SI units, truth tables as text.
    keep : str or pathlib.Path, optional
        Folder in which to leave the simulator's own deck and log.

    Returns
    -------
    Run

    Raises
    ------
    CircuitError, TechnologyError
        If the circuit cannot be built.
    SimulatorNotFound
        If the simulator is not installed.
    SimulationError
        If the run fails; deck and log are kept and named.
    """
    chosen = get_circuit(circuit) if isinstance(circuit, str) else circuit
    engine = get_simulator(simulator)
    bench = chosen.build(card, technology, corner=corner, noise=noise, **(settings or {}))
    waveforms = engine.run(
        bench.netlist, bench.analysis, save=bench.save, temperature=temperature, timeout=timeout, keep=keep
    )
    return Run(
        circuit=chosen,
        bench=bench,
        technology=technology if isinstance(technology, str) else technology.name,
        simulator=simulator,
        version=str(waveforms.info.get("version", "")),
        waveforms=waveforms,
        measures=tuple(chosen.measures(waveforms, bench)),
    )
