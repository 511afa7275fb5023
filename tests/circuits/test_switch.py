"""Junctions at switch level: thresholds are those of the model, arrays read and write, and what cannot be is said."""

import subprocess

import numpy as np
import pytest

from compact.analysis import Tran
from compact.cards import load_card
from compact.circuits import get_circuit
from compact.circuits.base import Junction
from compact.emit import emit
from compact.errors import CircuitError, EmitError
from compact.netlist import Netlist
from compact.simulators.ngspice import deck
from compact.simulators.rawfile import read_raw
from compact.spicetext import parse_scopes
from compact.switch import SwitchDevice, thresholds


@pytest.fixture(scope="module")
def card():
    return load_card("garcia_redondo_2021")


def swept(ngspice, card, state, top):
    """Current of a junction under a triangle to `top` [V] and back."""
    netlist = Netlist("one junction")
    netlist.use(SwitchDevice(card))
    netlist.add_text(f"v1 a 0 pwl(0 0 10n {top} 20n 0)\nx1 a 0 mtj state={state}")
    waves = ngspice.run(netlist, Tran(20e-9, 10e-12), save=["a", "i(v1)"])
    return waves.axis, waves["a"], -waves["i(v1)"]


@pytest.mark.parametrize(("state", "top"), [(1, -0.3), (-1, 0.4)])
def test_switches_where_the_model_has_its_critical_current(ngspice, card, state, top):
    known = thresholds(card)
    _, volts, amps = swept(ngspice, card, state, top)
    live = abs(volts) > 0.02
    ohms = volts[live] / amps[live]
    first, last = (known.r_p, known.r_ap) if state > 0 else (known.r_ap, known.r_p)
    assert ohms[0] == pytest.approx(first, rel=1e-3) and ohms[-1] == pytest.approx(last, rel=1e-3)
    turned = volts[live][np.argmax(abs(ohms - last) < 0.01 * last)]
    assert turned == pytest.approx(known.v_ap if state > 0 else known.v_p, rel=0.02)
    critical = card.values["ic_p2ap"] if state > 0 else card.values["ic_ap2p"]
    assert abs(Junction(card).current(turned, state)) == pytest.approx(critical, rel=0.03)


@pytest.mark.parametrize(("state", "top"), [(1, 0.4), (-1, -0.4), (1, -0.13), (-1, 0.24)])
def test_keeps_its_state_below_the_threshold_and_under_the_other_sign(ngspice, card, state, top):
    known = thresholds(card)
    _, volts, amps = swept(ngspice, card, state, top)
    live = abs(volts) > 0.02
    assert volts[live] / amps[live] == pytest.approx(known.r_p if state > 0 else known.r_ap, rel=1e-3)


def test_array_inverts_a_word_as_with_the_full_model(ngspice, card):
    array = get_circuit("array_1t1mtj")
    full = array.build(card, "generic", rows=3, columns=4)
    plain = array.build(card, "generic", rows=3, columns=4, device=SwitchDevice(card))
    save = [name for name in full.save if not name.endswith(".z")]
    waves = [ngspice.run(b.netlist, b.analysis, save=save) for b in (full, plain)]
    for column in range(4):
        for name in ("read", "read_again"):
            at = full.times[name] + 0.8 * full.settings["t_read"]
            read = [float(np.interp(at, w.axis, w[f"i(vr{column})"])) for w in waves]
            assert read[0] == pytest.approx(read[1], rel=0.03)


def test_stream_at_switch_level_is_the_circuit(ngspice, card, tmp_path):
    array, device = get_circuit("array_1t1mtj"), SwitchDevice(card)
    bench = array.build(card, "generic", rows=3, columns=2, device=device)
    save = [name for name in bench.save if not name.endswith(".z")]
    built = ngspice.run(bench.netlist, bench.analysis, save=save)
    path = array.write(tmp_path / "array.cir", card, "generic", rows=3, columns=2, device=device)
    done = subprocess.run(["ngspice", "-b", "-r", "out.raw", path.name], cwd=tmp_path, capture_output=True, timeout=60)
    assert done.returncode == 0
    streamed = read_raw(tmp_path / "out.raw")
    for column in range(2):
        assert streamed[f"i(vr{column})"][-1] == pytest.approx(built[f"i(vr{column})"][-1], rel=1e-6)


def test_amplifier_with_two_states_passed_on(ngspice, card):
    """Both states of a bit reach its junctions through the amplifier's parameters, each pair in a copy of its own."""
    bench = get_circuit("pcsa").build(card, "generic", device=SwitchDevice(card))
    scopes = parse_scopes(deck(bench.netlist, bench.analysis).splitlines()[2:-4])
    for bit, (true, other) in enumerate((("p", "ap"), ("ap", "p"))):
        inside = scopes[scopes[""].instances[f"xbit{bit}"]].instances
        assert inside["xmtj"] == f"mtj__{true}" and inside["xmtj_n"] == f"mtj__{other}"


def test_only_amplifiers_that_stay_below_the_threshold_work_at_switch_level(ngspice, card):
    """The others turn the junctions at once, which the full model does not do in the picoseconds of a read."""
    for name, right in (("current_sense", True), ("pcsa", False)):
        circuit = get_circuit(name)
        bench = circuit.build(card, "generic", device=SwitchDevice(card))
        waves = ngspice.run(bench.netlist, bench.analysis, save=["q0", "qb0", "q1", "qb1"])
        assert all(circuit.decision(waves, bench, bit) > 0.9 for bit in (0, 1)) is right, name


def test_library_says_what_it_is_and_runs(card, tmp_path, ngspice):
    ((name, text),) = emit(card, "switch").items()
    assert name == "garcia_redondo_2021_switch.lib" and text.startswith("* SWITCH LEVEL")
    assert set(emit(card, "switch")) < set(emit(card, "all"))
    (tmp_path / name).write_text(text)
    deck = f'* t\n.lib "{name}" garcia_redondo_2021_ss\nv1 a 0 0.1\nx1 a 0 garcia_redondo_2021_p\nv2 b 0 0.1\n'
    deck += "x2 b 0 garcia_redondo_2021_ap\n.tran 1n 10n\n.end\n"
    (tmp_path / "t.cir").write_text(deck)
    done = subprocess.run(["ngspice", "-b", "-r", "o.raw", "t.cir"], cwd=tmp_path, capture_output=True, timeout=60)
    assert done.returncode == 0
    slow, raw = thresholds(card.corner("ss")), read_raw(tmp_path / "o.raw")
    assert -0.1 / raw["i(v1)"][-1] == pytest.approx(slow.r_p, rel=1e-3)
    assert -0.1 / raw["i(v2)"][-1] == pytest.approx(slow.r_ap, rel=1e-3)


def test_what_cannot_be_is_said(vacask, ngspice, card):
    with pytest.raises(EmitError, match="telegraph has no switch-level form"):
        emit(load_card("schnitzspan_2023"), "switch")
    assert not any("switch" in name for name in emit(load_card("schnitzspan_2023"), "all"))
    bench = get_circuit("pcsa").build(card, "generic", device=SwitchDevice(card))
    with pytest.raises(EmitError, match="VACASK has no switch with hysteresis"):
        vacask.run(bench.netlist, bench.analysis)
    netlist = Netlist("size")
    netlist.use(SwitchDevice(card))
    netlist.add_text("v1 a 0 0\nx1 a 0 mtj diameter=40n")
    with pytest.raises(CircuitError, match="unknown instance parameter of 'mtj' 'diameter'"):
        ngspice.run(netlist, Tran(1e-9, 1e-10))
    netlist = Netlist("state")
    netlist.use(SwitchDevice(card))
    netlist.add_text(".param s=1\nv1 a 0 0\nx1 a 0 mtj state={s}")
    with pytest.raises(CircuitError, match="must be a plain number"):
        ngspice.run(netlist, Tran(1e-9, 1e-10))
