"""What is installed, whether it works, and the command that mends what is missing."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import compact
from compact.errors import SpinbricksError
from compact.terminal import MISSING

__all__ = ["Finding", "examine"]

DISTRIBUTION = "spinbricks"
WRONG = 0.02
"""Relative error of a smoke run that counts as broken."""


@dataclass(frozen=True)
class Finding:
    """One part and how it is.

    Parameters
    ----------
    name : str
        The part.
    status : {"ok", "missing", "failed"}
        Whether it is there and works; "missing" is no failure unless the part is required.
    version : str
        Its version.
    note : str
        What it gives, or what is wrong.
    mend : str
        Command that mends it, empty if nothing is to be mended.
    failed : bool
        Whether this makes the installation unsound.
    """

    name: str
    status: str
    version: str = ""
    note: str = ""
    mend: str = ""
    failed: bool = False

    def row(self) -> tuple[str, str, str, str]:
        """Cells of a table."""
        return self.name, self.status, self.version, self.note


def examine(smoke: bool = True) -> list[Finding]:
    """Look at the installation.

    Parameters
    ----------
    smoke : bool
        Whether each part is tried in a small run.

    Returns
    -------
    list of Finding
        An unusable required package, no simulator at all, and a part that is there but does not work are failures.
    """
    findings = [Finding("python", "ok", platform.python_version(), sys.executable)]
    findings.append(Finding(DISTRIBUTION, "ok", compact.__version__, "templates found" if _templates() else ""))
    if not _templates():
        findings[-1] = Finding(
            DISTRIBUTION, "failed", compact.__version__, "templates are missing", _pip(DISTRIBUTION), failed=True
        )
    findings += _packages()
    simulators = [_simulator(name, smoke) for name in ("reference", "ngspice", "vacask")]
    findings += [*simulators[:2], _openvaf(smoke), simulators[2]]
    if all(f.status == MISSING for f in simulators[1:]):
        note = "neither ngspice nor VACASK is there: circuits cannot be simulated"
        findings.append(Finding("circuits", "failed", "", note, simulators[1].mend, failed=True))
    findings += _technologies(smoke, simulators[1:])
    return findings


def _pip(requirement: str) -> str:
    return f"{sys.executable} -m pip install --force-reinstall --no-deps '{requirement}'"


def _templates() -> bool:
    from compact.templates import template_dir

    try:
        return all(template_dir(name).is_dir() for name in ("netlists", "veriloga", "pages"))
    except FileNotFoundError:
        return False


def _packages() -> Iterator[Finding]:
    """Required packages of the distribution."""
    try:
        required = importlib.metadata.requires(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        yield Finding("packages", MISSING, "", "run from a checkout that is not installed", "make install")
        return
    for requirement in required:
        if "extra ==" in requirement:
            continue
        name = re.split(r"[\s<>=!~;\[(]", requirement, maxsplit=1)[0]
        try:
            yield Finding(name, "ok", importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            mend = f"{sys.executable} -m pip install '{requirement}'"
            yield Finding(name, MISSING, "", f"{requirement} is required", mend, failed=True)


def _mend(text: str) -> str:
    """The command in a message that ends with one."""
    match = re.search(r"(?:mend|install it with): (.+)$", text)
    return re.sub(r"^pip ", f"{sys.executable} -m pip ", match[1]) if match else ""


def _tried(name: str, version: str, note: str, check: Callable[[], None] | None) -> Finding:
    """A part that is there, after a smoke run if one is given."""
    try:
        if check:
            check()
    except SpinbricksError as error:
        return Finding(name, "failed", version, str(error), _mend(str(error)), failed=True)
    except Exception as error:  # whatever a broken installation does, the others are still of interest
        return Finding(name, "failed", version, f"{type(error).__name__}: {error}", failed=True)
    return Finding(name, "ok", version, note + (", smoke run passed" if check else ""))


def _simulator(name: str, smoke: bool) -> Finding:
    from compact.errors import SimulatorNotFound
    from compact.simulators import get_simulator

    simulator = get_simulator(name)
    try:
        found: dict[str, Any] = simulator.find()
    except SimulatorNotFound as error:
        return Finding(name, MISSING, "", str(error), _mend(str(error)))
    note = "the model's own equations"
    if name == "ngspice":
        note = "OSDI yes: devices run compiled" if found["osdi"] else "OSDI no: devices run as behavioural subcircuits"
    elif name == "vacask":
        note = "devices run compiled"
    return _tried(name, str(found["version"]), note, (lambda: _divider(simulator)) if smoke else None)


def _divider(simulator: Any) -> None:
    """A parallel junction in series with a resistor of its own resistance halves a small voltage."""
    from compact.analysis import Op
    from compact.errors import SimulationError
    from compact.netlist import Netlist
    from compact.parameters import ParameterSet

    card = ParameterSet("mtj", "smoke")
    netlist = Netlist("smoke run")
    netlist.use(card, "mtj")
    netlist.circuit.V("in", "in", netlist.circuit.gnd, 2e-3)
    netlist.circuit.R("1", "in", "out", card.values["r_p"])
    netlist.circuit.X("m", "mtj", "out", netlist.circuit.gnd, state=1)
    out = simulator.run(netlist, Op(), save=["out"]).value("out")
    if abs(out / 1e-3 - 1) > WRONG:
        raise SimulationError(f"a divider gives {out:.6g} V instead of 0.001 V")


def _openvaf(smoke: bool) -> Finding:
    from compact.emit import emit_veriloga
    from compact.errors import SimulatorNotFound
    from compact.parameters import ParameterSet
    from compact.simulators.openvaf import compile_veriloga, find_openvaf

    try:
        found = find_openvaf()
    except SimulatorNotFound as error:
        return Finding("openvaf", MISSING, "", str(error), _mend(str(error)))

    def compile_model() -> None:
        compile_veriloga(emit_veriloga(ParameterSet("mtj", "defaults")))

    return _tried("openvaf", found["version"], "compiles Verilog-A", compile_model if smoke else None)


def _technologies(smoke: bool, simulators: Sequence[Finding]) -> Iterator[Finding]:
    from compact.errors import SimulationError, TechnologyError
    from compact.simulators import get_simulator
    from compact.technology import Technology, get_technology, technologies

    simulator = next((s for s in simulators if s.status == "ok"), None)

    def conduct(technology: Technology) -> None:
        """A transistor that is on pulls a node down."""
        from compact.analysis import Op
        from compact.netlist import Netlist

        assert simulator
        netlist = Netlist("smoke run", technology)
        width = 4 * technology.device("nmos").min_width
        netlist.add_text(technology.transistor("nmos", "n", "out", "vdd", "0", "0", width))
        netlist.circuit.V("dd", "vdd", netlist.circuit.gnd, technology.vdd)
        netlist.circuit.R("1", "vdd", "out", 1e5)
        out = get_simulator(simulator.name).run(netlist, Op(), save=["out"]).value("out")
        if not 0 < out < 0.2 * technology.vdd:
            raise SimulationError(f"a transistor that is on leaves {out:.3g} V of {technology.vdd:g} V")

    for name, description in technologies().items():
        label = f"technology {name}"
        try:
            technology = get_technology(name)
        except TechnologyError as error:
            yield Finding(label, MISSING, "", str(error), _mend(str(error)))
            continue
        yield _tried(label, "", description, partial(conduct, technology) if smoke and simulator else None)
