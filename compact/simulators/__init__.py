"""Simulators behind one interface: ``get_simulator("ngspice").run(netlist, analysis)``.

Environment variables point at installations other than the system's:

``NGSPICE_LIBRARY_PATH``
    ngspice's shared library, e.g. one of version 44 or later, which loads compiled models.
``SPINBRICKS_NGSPICE_PYTHON``
    Interpreter of the process that loads the library, where it needs another C library than this Python's.
``SPINBRICKS_NGSPICE``
    The ngspice program, for decks run by hand.
``SPINBRICKS_VACASK``, ``SPINBRICKS_OPENVAF``
    The programs of VACASK and of the Verilog-A compiler.
``SPINBRICKS_CACHE``
    Folder for compiled models.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from compact.errors import SimulatorNotFound, unknown

if TYPE_CHECKING:
    from compact.analysis import Analysis
    from compact.netlist import Netlist
    from compact.waveform import Waveforms

__all__ = ["SIMULATORS", "Simulator", "get_simulator"]

# Name -> module and class; loaded when asked for, so that a missing one hurts nobody.
SIMULATORS = {
    "ngspice": ("compact.simulators.ngspice", "Ngspice"),
    "vacask": ("compact.simulators.vacask", "Vacask"),
    "reference": ("compact.simulators.reference", "Reference"),
}


class Simulator(Protocol):
    """What every simulator offers."""

    name: str

    def find(self) -> dict[str, Any]:
        """What is installed: at least ``version``; more by simulator.

        Raises
        ------
        SimulatorNotFound
            If it is missing; the message holds the command that installs it.
        """
        ...

    def run(
        self,
        netlist: Netlist,
        analysis: Analysis,
        *,
        save: Iterable[str] = (),
        temperature: float = 27.0,
        options: Mapping[str, float | str] | None = None,
        timeout: float | None = 60.0,
        keep: str | Path | None = None,
    ) -> Waveforms:
        """Simulate.

        Parameters
        ----------
        netlist : Netlist
            The circuit.
        analysis : Op, Dc, Tran or Ac
            What to do with it.
        save : iterable of str
            Signals to return (``out``, ``i(vdd)``, ``xmtj1.z``); all by default.
        temperature : float
            Temperature [degC].
        options : mapping, optional
            Simulator options on top of the circuit's.
        timeout : float, optional
            Limit of the run [s]; None for none.
        keep : str or Path, optional
            Folder in which to leave the deck and the log.

        Raises
        ------
        SimulationError
            If the run fails, ends early or takes too long; deck and log are kept and named.
        SimulatorNotFound
            If it is not installed.
        CircuitError
            If the netlist is not valid.
        """
        ...


def get_simulator(name: str, **choices: Any) -> Simulator:
    """A simulator by name.

    Parameters
    ----------
    name : str
        ``ngspice``, ``vacask`` or ``reference``.
    **choices
        Settings of that simulator, e.g. ``osdi=False`` for ngspice.

    Raises
    ------
    SimulatorNotFound
        If there is no simulator of that name.
    """
    if name not in SIMULATORS:
        raise SimulatorNotFound(unknown("simulator", name, SIMULATORS))
    module, attribute = SIMULATORS[name]
    simulator: Simulator = getattr(importlib.import_module(module), attribute)(**choices)
    return simulator
