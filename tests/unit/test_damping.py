"""Options that let the integrator damp a precession are said to do so, where it matters and nowhere else."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from compact.analysis import Dc, Op, Tran
from compact.errors import SimulationWarning
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.simulators import Simulator

RUN = Tran(stop=2e-11, step=1e-12)


def circuit(model: str) -> Netlist:
    netlist = Netlist("one device")
    netlist.use(ParameterSet(model, "plain"))
    netlist.add_text(f"Vin in 0 dc 0.1\nXm in 0 {model}")
    return netlist


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"method": "gear"}, "method=gear: 'mtj_macrospin' precesses"),
        ({"method": "trap", "reltol": 1e-3}, "reltol=0.001: .* 0.0001 or less"),
        ({"reltol": "1m"}, "reltol=1m"),
        ({"maxord": 1}, "maxord=1"),
        ({"ngspice:xmu": 0.4}, "xmu=0.4"),
        ({"ngspice:method": "gear"}, "method=gear"),
    ],
)
def test_damping_options_are_named(options: dict[str, float | str], what: str) -> None:
    with pytest.warns(SimulationWarning, match=what) as seen:
        found = circuit("mtj_macrospin").warn_of_damping(RUN, options, "ngspice")
    assert len(found) == len(seen) == 1 and "\n" not in found[0]


def test_two_options_two_lines() -> None:
    with pytest.warns(SimulationWarning):
        found = circuit("mtj_macrospin").warn_of_damping(RUN, {"method": "gear", "reltol": 1e-2}, "vacask")
    assert [line.split("=")[0] for line in found] == ["option method", "option reltol"]


def test_vacask_by_its_own_name() -> None:
    with pytest.warns(SimulationWarning, match="method=gear2"):
        assert circuit("mtj_macrospin").warn_of_damping(RUN, {"vacask:tran_method": "gear2"}, "vacask")


@pytest.mark.parametrize(
    ("model", "analysis", "options"),
    [
        ("mtj_macrospin", RUN, {}),
        ("mtj_macrospin", RUN, {"reltol": 1e-6, "method": "trap", "maxord": 2}),
        ("mtj_macrospin", RUN, {"vacask:tran_method": "gear2"}),
        ("mtj_macrospin", Op(), {"method": "gear"}),
        ("mtj_macrospin", Dc("vin", 0, 1, 0.1), {"reltol": 1e-2}),
        ("mtj", RUN, {"method": "gear", "reltol": 1e-3}),  # one state does not precess
        ("mtj_heated", RUN, {"method": "gear"}),  # nor does temperature
    ],
)
def test_nothing_is_said_where_nothing_is_damped(
    model: str, analysis: Op | Dc | Tran, options: dict[str, float | str]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert circuit(model).warn_of_damping(analysis, options, "ngspice") == []


def test_runs_carry_the_warning(simulator: Simulator) -> None:
    netlist = circuit("mtj_macrospin")
    netlist.options["method"] = "gear"
    with pytest.warns(SimulationWarning, match="method=gear"):
        waves = simulator.run(netlist, RUN)
    assert any("damps the precession" in line for line in waves.info["warnings"])
    quiet = simulator.run(netlist, RUN, options={"method": "trap"})
    assert not any("precesses" in line for line in quiet.info["warnings"])


def test_written_decks_warn(tmp_path: Path) -> None:
    with pytest.warns(SimulationWarning, match="reltol=0.01"):
        circuit("mtj_macrospin").save(tmp_path / "a.cir", RUN, options={"reltol": 0.01})


def test_command_line_shows_one_line() -> None:
    code = (
        "import sys, warnings; import compact.cli as cli; from compact.errors import SimulationWarning\n"
        "def run(arguments):\n    warnings.warn('doubtful', SimulationWarning)\n    warnings.warn('noise')\n"
        "    return 0\n"
        "cli.run = run; sys.argv = ['spinbricks']; cli.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stderr == "warning: doubtful\n" and not done.stdout
