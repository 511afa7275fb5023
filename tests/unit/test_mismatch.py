"""Single transistors and junctions that differ from the others of their kind."""

from __future__ import annotations

import math
import pickle

import pytest

from compact.analysis import Op
from compact.cards import load_card
from compact.circuits import get_circuit
from compact.errors import CircuitError, TechnologyError
from compact.mismatch import junction_paths, transistor_paths
from compact.netlist import Netlist
from compact.technology import get_technology


def drain_current(simulator, technology, kind: str, rise: float = 0.0, gate: float = 0.0) -> float:
    """Drain current of one transistor, two levels down, with its threshold raised or its gate lowered [A]."""
    device, sign = technology.device(kind), -1 if kind.startswith("p") else 1
    netlist = Netlist("one transistor", technology)
    body = technology.transistor(kind, "1", "d", "g", "0", "0", 4 * device.min_width)
    netlist.add_text(
        f".subckt inner d g\n{body}\n.ends inner\n.subckt outer d g\nxa d g inner\n.ends outer\nxo d g outer"
    )
    netlist.circuit.V("d", "d", netlist.circuit.gnd, sign * device.vdd)
    netlist.circuit.V("g", "g", netlist.circuit.gnd, sign * (device.vdd - gate))
    if rise:
        netlist.mismatch[f"xo.xa.{technology.element.lower()}1"] = rise
    return -sign * float(simulator.run(netlist, Op())["i(vd)"][0])


@pytest.mark.parametrize("name", ["generic", "sky130", "gf180"])
@pytest.mark.parametrize("kind", ["nmos", "pmos", "nmos_io", "pmos_io"])
def test_raised_threshold_weakens_both_polarities(simulator, name, kind):
    technology = get_technology(name)
    typical = drain_current(simulator, technology, kind)
    raised, lowered = (drain_current(simulator, technology, kind, rise) for rise in (0.01, -0.01))
    by_gate = drain_current(simulator, technology, kind, gate=0.01)
    assert raised < typical < lowered
    # a threshold acts like a gate voltage, but for what it does to the mobility
    assert (typical - raised) / (typical - by_gate) == pytest.approx(1, abs=0.5)


def test_transistors_that_are_subcircuits_get_a_source_at_the_gate(ngspice, tmp_path):
    wrapped = tmp_path / "wrapped.lib"
    generic = get_technology("generic")
    text = ".lib tt\n" + generic.models("m1 d g 0 0 nmos w=1e-6 l=6e-8\nm2 d g 0 0 pmos w=1e-6 l=6e-8")
    for kind in ("nmos", "pmos"):
        text += f".subckt {kind}_x d g s b w=1u l=1u ad=0 as=0 pd=0 ps=0\nm1 d g s b {kind} w={{w}} l={{l}}\n.ends\n"
    wrapped.write_text(text + ".endl tt\n")
    lines = ['library = "wrapped.lib"', 'element = "X"', "trim = false", "[corners]", 'tt = ["tt"]']
    for kind in ("nmos", "pmos"):
        device = generic.device(kind)
        lines += [f"[devices.{kind}]", f'model = "{kind}_x"', f"vdd = {device.vdd}", f"length = {device.length}"]
        lines += [f"min_width = {device.min_width}", f"max_width = {device.max_width}", "k = 800", "vth = 0.4"]
    description = tmp_path / "wrapped.toml"
    description.write_text("\n".join(lines))
    technology = get_technology(str(description))
    for kind in ("nmos", "pmos"):
        raised = drain_current(ngspice, technology, kind, rise=0.03)
        assert raised == pytest.approx(drain_current(ngspice, technology, kind, gate=0.03), rel=1e-9)
        assert raised < 0.99 * drain_current(ngspice, technology, kind)


def test_only_the_named_instance_differs(ngspice):
    card = load_card("ikeda_2010")
    circuit = get_circuit("pcsa")
    bench = circuit.build(card, "generic")
    typical = ngspice.run(bench.netlist, bench.analysis, save=bench.save)
    netlist = bench.netlist
    netlist.mismatch["xbit0.mn"] = 0.05
    netlist.use(card.replace(r_p=1.2 * card.values["r_p"]), "mtj_b")
    netlist.instead["xbit1.xmtj_n"] = "mtj_b"
    moved = ngspice.run(netlist, bench.analysis, save=bench.save)
    figures = [{m.name: m.value for m in circuit.measures(w, bench)} for w in (typical, moved)]
    assert figures[1]["delay_0"] != pytest.approx(figures[0]["delay_0"], rel=1e-3)
    assert figures[1]["delay_1"] != pytest.approx(figures[0]["delay_1"], rel=1e-3)
    netlist.instead.clear()
    alone = {m.name: m.value for m in circuit.measures(ngspice.run(netlist, bench.analysis, save=bench.save), bench)}
    assert alone["delay_0"] == pytest.approx(figures[1]["delay_0"], rel=1e-6)
    assert alone["delay_1"] == pytest.approx(figures[0]["delay_1"], rel=1e-4)
    netlist.mismatch.clear()
    again = ngspice.run(netlist, bench.analysis, save=bench.save)
    assert (again["q0"] == typical["q0"]).all()


def test_paths_and_spreads_by_pelgrom():
    bench = get_circuit("pcsa").build(load_card("ikeda_2010"), "sky130")
    transistors = transistor_paths(bench.netlist)
    assert len(transistors) == 14 and {"xbit0.mn", "xbit1.mfoot"} <= set(transistors)
    assert junction_paths(bench.netlist) == {f"xbit{k}.{m}": "mtj" for k in (0, 1) for m in ("xmtj", "xmtj_n")}
    foot = transistors["xbit0.mfoot"]
    assert foot.width == pytest.approx(bench.settings["w_foot"])  # both parallel copies
    latch = transistors["xbit0.mn"]
    # the difference of two latch transistors has Pelgrom's spread
    assert math.hypot(latch.sigma, latch.sigma) == pytest.approx(6.37e-9 / math.sqrt(1.26e-6 * 0.15e-6), rel=1e-9)
    gf180 = get_technology("gf180").device("nmos")
    assert gf180.sigma_vth(1e-6, 0.28e-6) == pytest.approx(7.148e-9 / math.sqrt(2 * 1.1e-6 * 0.13e-6), rel=1e-12)


def test_netlists_keep_their_differences_on_the_way_to_other_processes():
    bench = get_circuit("pcsa").build(load_card("ikeda_2010"), "generic")
    bench.netlist.mismatch["xbit0.mn"] = 0.05
    there = pickle.loads(pickle.dumps(bench.netlist))
    assert [str(line) for line in there.lines()] == [str(line) for line in bench.netlist.lines()]


@pytest.mark.parametrize(
    ("path", "rise", "message"),
    [
        ("xbit0.mn_m", 0.01, "unknown element 'xbit0.mn_m'; did you mean 'xbit0.mn_n'"),
        ("xbit7.mn", 0.01, "unknown element 'xbit7'; did you mean 'xbit1'"),
        ("xbit0.xmtj", 0.01, "no transistor of technology 'generic'"),
        ("cq0.mn", 0.01, "'cq0' is no instance of a subcircuit"),
        ("xbit0.mn", math.nan, "not a finite number"),
    ],
)
def test_wrong_paths_are_named(path, rise, message):
    bench = get_circuit("pcsa").build(load_card("ikeda_2010"), "generic")
    bench.netlist.mismatch[path] = rise
    with pytest.raises((CircuitError, TechnologyError), match=message):
        bench.netlist.lines()


def test_unknown_replacement_is_named():
    bench = get_circuit("pcsa").build(load_card("ikeda_2010"), "generic")
    bench.netlist.instead["xbit0.xmtj"] = "mtk"
    with pytest.raises(CircuitError, match="unknown device 'mtk'; did you mean 'mtj'"):
        bench.netlist.lines()


def test_negative_coefficient_is_refused(tmp_path):
    path = tmp_path / "bad.toml"
    (tmp_path / "x.lib").write_text("")
    device = "model = 'n'\nvdd = 1\nlength = 1e-7\nmin_width = 1e-7\nmax_width = 1e-6\nk = 1\nvth = 0.4\n"
    head = "library = 'x.lib'\n[corners]\ntt = ['tt']\n"
    path.write_text(f"{head}[devices.nmos]\n{device}a_vt = -1e-9\n[devices.pmos]\n{device}")
    with pytest.raises(TechnologyError, match="a_vt of 'nmos' = -1e-09 V m must not be negative"):
        get_technology(str(path))
    path.write_text(f"{head}[devices.nmos]\n{device}dl = 1e-7\n[devices.pmos]\n{device}")
    with pytest.raises(TechnologyError, match="dl and dw of 'nmos' leave no area"):
        get_technology(str(path))


def test_altering_a_loaded_circuit_is_loading_it_with_the_numbers_written_out(ngspice, tmp_path):
    """Whatever ran before: results depend on the circuit alone, to the bit."""
    bench = get_circuit("pcsa").build(load_card("ikeda_2010"), "sky130")

    def run(**mismatch: float):
        bench.netlist.mismatch.clear()
        bench.netlist.mismatch.update({path.replace("__", "."): rise for path, rise in mismatch.items()})
        return ngspice.run(bench.netlist, bench.analysis, save=bench.save)

    first = run(xbit0__mn=0.02, xbit1__mp=-0.03)
    other = run(xbit0__mpre=0.2, xbit0__mn_n=-0.1)
    again = run(xbit0__mn=0.02, xbit1__mp=-0.03)
    assert (first.axis == again.axis).all() and (first["q0"] == again["q0"]).all()
    assert not (len(first.axis) == len(other.axis) and (first["q0"] == other["q0"]).all())
    # a kept deck holds the numbers themselves
    bench.netlist.mismatch.clear()
    bench.netlist.mismatch["xbit1.mp"] = 0.03
    altered = ngspice.run(bench.netlist, bench.analysis, save=bench.save, keep=tmp_path)
    text = (tmp_path / "circuit.cir").read_text()
    assert "delvto=-0.03" in text
    plain = Netlist("literal", bench.netlist.technology)
    inner = [line for line in text.splitlines() if not line.startswith(("*", ".option", ".save", ".tran", ".end"))]
    inner = [line for line in text.splitlines() if line.startswith(".ends") or line in inner]
    plain.add_text("\n".join(inner))
    plain.options.update(method="trap", reltol=1e-4)
    literal = ngspice.run(plain, bench.analysis, save=bench.save)
    measures = get_circuit("pcsa").measures
    figures = [{m.name: m.value for m in measures(w, bench)} for w in (altered, literal)]
    for name in ("delay_0", "delay_1", "energy_1"):
        assert figures[0][name] == pytest.approx(figures[1][name], rel=1e-3)
