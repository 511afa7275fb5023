"""Both circuit simulators on circuits with known answers, through the one interface."""

from __future__ import annotations

import pickle
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from compact.analysis import Ac, Dc, Op, Tran
from compact.errors import CircuitError, SimulationError, SimulatorNotFound
from compact.netlist import Netlist
from compact.simulators import get_simulator
from compact.simulators.rawfile import read_raw

TAU, EDGE = 1e-9, 0.1e-9


@dataclass(frozen=True)
class Leaky:
    """A conductance that follows its voltage with a delay: one state, one instance parameter."""

    subckt: str = "leaky"
    ports: tuple[str, ...] = ("p", "n")
    states: tuple[str, ...] = ("z",)
    instance_parameters: dict = field(default_factory=lambda: {"state": -1.0})
    model_parameters: dict = field(default_factory=lambda: {"tau": TAU})
    options: dict = field(default_factory=lambda: {"method": "trap", "reltol": 1e-4})

    def ngspice_text(self, temperature: float = 27.0) -> str:
        return f""".subckt {self.subckt} p n state=-1
cz z 0 1e-3
bz 0 z i=(time > 0) ? 1e-3*(v(p,n) - v(z))/{TAU} : state - v(z)
bp p n i=1e-3*v(p,n)*(2 + v(z))
.ends {self.subckt}
"""

    def veriloga_text(self) -> str:
        return """`include "disciplines.vams"
module leaky(p, n);
  inout p, n; electrical p, n, z;
  parameter real tau = 5.0 from (0:inf);
  (*type="instance"*) parameter real state = -1.0;
  real balance;
  analog begin
    I(p, n) <+ 1e-3*V(p, n)*(2.0 + V(z));
    if (analysis("static") || analysis("ic") || (analysis("tran") && $abstime == 0.0))
      balance = V(z) - state;
    else
      balance = 1e-3*(V(z) - V(p, n))/tau;
    I(z) <+ ddt(1e-3*V(z)) + balance;
  end
endmodule
"""


def rc(**source: str) -> Netlist:
    netlist = Netlist("rc low pass")
    netlist.circuit.V("in", "a", 0, source.get("source", "pulse(0 1 1n 0.1n 0.1n 5n 20n)"))
    netlist.circuit.R(1, "a", "out", 1e3)
    netlist.circuit.C(1, "out", 0, 1e-12)
    return netlist


def ramp_response(t: np.ndarray) -> np.ndarray:
    """Exact answer of a first-order low pass to a ramp from 0 to 1 that begins at 1 ns."""
    x = np.clip(t - 1e-9, 0, None)
    slope = lambda x: np.where(x > 0, x - TAU * (1 - np.exp(-x / TAU)), 0)  # noqa: E731
    return (slope(x) - slope(x - EDGE)) / EDGE


def leaky_cell() -> Netlist:
    netlist = Netlist("one device, and one inside a subcircuit")
    netlist.use(Leaky())
    netlist.add_text(".subckt cell a b\nxm a c leaky state=0.5\nvs c b dc 0\n.ends cell")
    netlist.circuit.V("in", "a", 0, "dc 0 pulse(0 1 1n 0.1n 0.1n 50n 100n)")
    netlist.circuit.X("m1", "leaky", "a", 0)
    netlist.circuit.X("c1", "cell", "a", 0)
    return netlist


def test_transient_follows_the_closed_form(simulator):
    waves = simulator.run(rc(), Tran(5e-9, 0.1e-9, 0.02e-9))
    assert waves.axis_name == "time" and waves.axis[-1] == pytest.approx(5e-9)
    assert np.max(np.abs(waves["out"] - ramp_response(waves.axis))) < 1e-3
    assert np.allclose(waves["i(vin)"], -(waves["a"] - waves["out"]) / 1e3, atol=1e-9)


def test_ac_follows_the_closed_form(simulator):
    waves = simulator.run(rc(source="dc 0 ac 1"), Ac(1e6, 1e10, 5))
    assert waves.axis_name == "frequency" and len(waves.axis) == 21
    assert np.allclose(waves["out"], 1 / (1 + 2j * np.pi * waves.axis * TAU), rtol=1e-6)


def test_operating_point_uses_the_dc_value(simulator):
    netlist = Netlist("divider")
    netlist.circuit.V("in", "a", 0, "dc 3 pulse(0 1 1n 1n 1n 1n 9n)")
    netlist.circuit.R(1, "a", "b", 1e3)
    netlist.circuit.R(2, "b", 0, 2e3)
    waves = simulator.run(netlist, Op())
    assert waves.value("b") == pytest.approx(2.0) and waves.value("V(B)") == pytest.approx(2.0)
    assert waves.value("i(vin)") == pytest.approx(-1e-3)
    with pytest.raises(SimulationError, match=r"unknown signal 'bb'.*did you mean 'b'"):
        waves["bb"]


@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize(("start", "stop"), [(0.0, 1.0), (0.7, -0.3)])
def test_dc_sweep(simulator, start, stop, back):
    analysis = Dc("Vin", start, stop, 0.1, back)
    waves = simulator.run(rc(), analysis)
    assert np.allclose(waves.axis, analysis.values()) and waves.axis_name == "vin"
    assert np.allclose(waves["out"], waves.axis, atol=1e-9)


def test_dc_sweep_of_a_current_turns_back(simulator):
    netlist = Netlist("current")
    netlist.circuit.I("in", 0, "a", 0)
    netlist.circuit.R(1, "a", 0, 1e3)
    waves = simulator.run(netlist, Dc("iin", -1e-3, 1e-3, 0.5e-3, back=True))
    assert np.allclose(waves["a"], [-1, -0.5, 0, 0.5, 1, 0.5, 0, -0.5, -1])


def test_dc_sweep_continues_from_the_point_before(simulator):
    netlist = Netlist("two cross-coupled inverters with hysteresis")
    netlist.circuit.V("in", "in", 0, 0)
    netlist.circuit.R(1, "in", "x", 1e3)
    netlist.add_text("Bfb x 0 i=-2e-3*tanh(4*v(x))\nRx x 0 1e3")
    loop = simulator.run(netlist, Dc("vin", -4, 4, 0.05, back=True))
    half = len(loop.axis) // 2
    up, down = loop["x"][half // 2], loop["x"][-half // 2 - 1]
    assert loop.axis[half // 2] == pytest.approx(0, abs=1e-9)
    assert up < -0.5 and down > 0.5


def test_units_and_sources_of_pyspice(simulator):
    from PySpice.Unit import u_kOhm, u_ns, u_pF, u_ps, u_V

    netlist = Netlist("units: as PySpice writes them")
    netlist.circuit.PulseVoltageSource(
        "in", "a", 0, initial_value=0 @ u_V, pulsed_value=1 @ u_V, pulse_width=5 @ u_ns, period=20 @ u_ns,
        rise_time=100 @ u_ps, fall_time=100 @ u_ps, delay_time=1 @ u_ns,
    )  # fmt: skip
    netlist.circuit.R(1, "a", "out", 1 @ u_kOhm)
    netlist.circuit.C(1, "out", 0, 1 @ u_pF)
    waves = simulator.run(netlist, Tran(5e-9, 0.02e-9), save=["out"])
    assert list(waves) == ["out"]
    assert np.max(np.abs(waves["out"] - ramp_response(waves.axis))) < 1e-3


def test_piecewise_linear_sources(simulator):
    netlist = Netlist("pwl")
    netlist.circuit.V("q", "q", 0, "pwl(0 0 1n 1 2n 1 3n -1.5)")
    netlist.circuit.I("p", 0, "p", "pwl(0 1m 1n -1m 2n 0)")
    netlist.circuit.R(1, "q", 0, 1e3)
    netlist.circuit.R(2, "p", 0, 1e3)
    waves = simulator.run(netlist, Tran(5e-9, 0.1e-9))
    assert set(waves) == {"q", "p", "i(vq)"}
    times = 1e9 * waves.axis
    assert np.allclose(waves["q"], np.interp(times, [0, 1, 2, 3], [0, 1, 1, -1.5]), atol=1e-6)
    assert np.allclose(waves["p"], np.interp(times, [0, 1, 2], [1, -1, 0]), atol=1e-6)
    assert np.allclose(waves["i(vq)"], -waves["q"] / 1e3, atol=1e-9)


def test_negative_pulses_and_pulses_without_edges(simulator):
    netlist = Netlist("negative")
    netlist.circuit.V("in", "a", 0, "pulse(-1 -2.5 1n 0 0 2n)")
    netlist.circuit.R(1, "a", 0, 1e3)
    waves = simulator.run(netlist, Tran(5e-9, 0.1e-9))
    assert waves.at("a", 0) == pytest.approx(-1) and waves.at("a", 2e-9) == pytest.approx(-2.5)
    assert waves.at("a", 4e-9) == pytest.approx(-1)


def test_initial_conditions(simulator):
    netlist = rc(source="dc 0")
    netlist.initial["out"] = 0.8
    for uic in (False, True):
        waves = simulator.run(netlist, Tran(3e-9, 0.05e-9, uic=uic))
        assert waves.at("out", 2e-9) == pytest.approx(0.8 * np.exp(-2), rel=2e-3)


def test_initial_conditions_in_the_text(simulator):
    netlist = rc(source="dc 0")
    netlist.add_text(".ic v(OUT)=0.8V\n.subckt none a b\nR1 a b 1k\n.nodeset v(a)=1\n.ends\nX1 out 0 none")
    netlist.add_text("")
    waves = simulator.run(netlist, Tran(1e-9, 0.05e-9))
    assert waves.at("out", 0) == pytest.approx(0.8, rel=1e-3)


def test_temperature_and_options(simulator):
    netlist = Netlist("warm")
    netlist.circuit.V("in", "a", 0, 1)
    netlist.add_text("R1 a b 1k tc1=1m\nR2 b 0 1k")
    netlist.options["ngspice:xtrtol"] = 7
    waves = simulator.run(netlist, Op(), temperature=127.0, options={"reltol": 1e-5})
    assert waves.value("b") == pytest.approx(1 / 2.1, rel=1e-6)


def test_devices_keep_their_states(simulator):
    waves = simulator.run(leaky_cell(), Tran(5e-9, 0.1e-9, 0.02e-9))
    after = waves.axis > 1.2e-9
    assert waves.state("xm1", "z")[0] == pytest.approx(-1) and waves["xc1.xm.z"][0] == pytest.approx(0.5)
    for name, start in (("xm1.z", -1), ("xc1.xm.z", 0.5)):
        exact = ramp_response(waves.axis) + start * np.exp(-waves.axis / TAU)
        assert np.max(np.abs(waves[name] - exact)[after]) < 5e-3
    inner = 1e-3 * (2 + waves["xc1.xm.z"]) * (waves["a"] - waves["xc1.c"])
    assert np.allclose(waves["i(xc1.vs)"], inner, atol=1e-6)


def test_states_and_inner_currents_can_be_saved(simulator):
    names = ["xm1.z", "XC1.XM.Z", "i(xc1.vs)", "xc1.c", "v(a)"]
    waves = simulator.run(leaky_cell(), Tran(2e-9, 0.1e-9), save=names)
    assert set(waves) == {"xm1.z", "xc1.xm.z", "i(xc1.vs)", "xc1.c", "a"}


@pytest.mark.parametrize("state", [-1.0, 0.0, 0.5])
def test_operating_point_holds_the_initial_state(simulator, state):
    netlist = Netlist("state")
    netlist.use(Leaky())
    netlist.circuit.V("in", "a", 0, 1)
    netlist.circuit.X("m", "leaky", "a", 0, state=state)
    waves = simulator.run(netlist, Op())
    assert waves.value("i(vin)") == pytest.approx(-1e-3 * (2 + state), rel=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: c.X("m", "leaky", "a", 0, stat=1), "unknown instance parameter.*did you mean 'state'"),
        (lambda c: c.X("m", "leaky", "a"), "has 1 nodes; its ports are p, n"),
    ],
)
def test_wrong_instances_are_refused(call, message):
    netlist = Netlist("wrong")
    netlist.use(Leaky())
    call(netlist.circuit)
    with pytest.raises(CircuitError, match=message):
        netlist.lines()


def test_two_devices_need_two_names():
    netlist = Netlist("two")
    netlist.use(Leaky())
    netlist.use(Leaky())  # the same one again
    netlist.use(Leaky(subckt="other"))
    with pytest.raises(CircuitError, match="another device"):
        netlist.use(_Changed())


@dataclass(frozen=True)
class _Changed(Leaky):
    def ngspice_text(self, temperature: float = 27.0) -> str:
        return super().ngspice_text(temperature) + "* changed\n"


def test_saved_deck_runs_by_hand(ngspice, tmp_path):
    program = ngspice.find()["program"]
    if program is None:
        pytest.skip("no ngspice program")
    library = tmp_path / "parts.lib"
    library.write_text(".lib tt\n.param rload=1k\n.endl tt\n.lib ff\n.param rload=2k\n.endl\n")
    netlist = leaky_cell()
    netlist.circuit.lib(library, "ff")
    netlist.circuit.R("load", "a", 0, "{rload}")
    behavioural = get_simulator("ngspice", osdi=False)
    expected = behavioural.run(netlist, Tran(3e-9, 0.1e-9), temperature=50, save=["xm1.z", "i(vin)"])
    path = netlist.save(tmp_path / "new" / "deck.cir", Tran(3e-9, 0.1e-9), temperature=50, save=["xm1.z", "i(vin)"])
    library.unlink()
    done = subprocess.run(
        [program, "-n", "-b", "-r", "out.raw", path.name], cwd=path.parent, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    vectors = read_raw(path.parent / "out.raw")
    for saved, public in (("v(xm1.z)", "xm1.z"), ("i(vin)", "i(vin)")):
        assert np.allclose(np.interp(expected.axis, vectors["time"], vectors[saved]), expected[public], atol=1e-9)


def test_the_two_simulators_name_signals_alike(ngspice, vacask):
    runs = [s.run(leaky_cell(), Tran(2e-9, 0.1e-9)) for s in (ngspice, vacask)]
    assert set(runs[0]) == set(runs[1])


def test_waveforms_can_be_written(ngspice, tmp_path):
    waves = ngspice.run(rc(source="dc 0 ac 1"), Ac(1e6, 1e8, 2))
    lines = waves.to_csv(tmp_path / "w.csv").read_text().splitlines()
    assert lines[0].startswith("frequency,") and "re(out)" in lines[0] and len(lines) == 6
    with np.load(waves.to_npz(tmp_path / "w.npz")) as data:
        assert np.array_equal(data["out"], waves["out"])


def test_keep_leaves_deck_and_log(simulator, tmp_path):
    simulator.run(rc(), Op(), keep=tmp_path / "run")
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"circuit.cir", "circuit.log"} <= names


def test_netlists_travel_to_other_processes(simulator):
    copy = pickle.loads(pickle.dumps(leaky_cell()))
    assert simulator.run(copy, Op()).value("xc1.xm.z") == pytest.approx(0.5)


def test_unknown_simulator():
    with pytest.raises(SimulatorNotFound, match=r"unknown simulator 'ngspic'.*did you mean 'ngspice'"):
        get_simulator("ngspic")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Tran(0, 1e-9), lambda: Tran(1e-9, 2e-9), lambda: Tran(float("nan"), 1e-9), lambda: Dc("v", 1, 1, 0.1),
        lambda: Dc("v", 0, 1, 0), lambda: Ac(10, 1), lambda: Ac(0, 1), lambda: Tran(1e-9, 1e-12, 0.0),
    ],
)  # fmt: skip
def test_impossible_analyses_are_refused(make):
    with pytest.raises(CircuitError):
        make()


def test_saved_path_may_be_text(tmp_path):
    path = rc().save(str(tmp_path / "a.cir"))
    assert isinstance(path, Path) and ".op" in path.read_text()
