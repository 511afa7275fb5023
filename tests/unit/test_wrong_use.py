"""Wrong use exits with 2, what fails on its own account with 1; plots say what their axes are."""

import json

import pytest

from compact.cards import load_card
from compact.circuits import CIRCUITS, get_circuit
from compact.cli import run
from compact.waveplot import _quantity


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("simulate nonsense", "unknown circuit"),
        ("simulate pcsa --set nonsense=1", "unknown setting"),
        ("simulate pcsa --set c_load=99", "outside its range"),
        ("simulate pcsa --set w_n=10n", "narrower than generic allows"),
        ("simulate cam --set bits=2.5", "whole number"),
        ("simulate array_1t1mtj --set row=99", "not one of the 4 rows"),
        ("simulate lut --set k=2 --set table=0110111", "has 7 bits"),
        ("simulate cell_1t1mtj --set v_sl=1.0 --set v_bl=1.2", "not above v_sl"),
        ("simulate pcsa --card fang_2016", "garcia_redondo_2021, ikeda_2010"),
        ("simulate pcsa --temperature=-400", "absolute zero"),
        ("simulate pcsa --corner xx", "unknown corner"),
        ("ensemble kim_2015_interface --voltage=-0.5 --pulse 3n --temperature=-300", "absolute zero"),
        ("list card", "error: Invalid value for 'kind': 'card' is not one of 'models'"),
        ("emit fang_2016 --target switch", "no such form"),
        ("corners pcsa --card ikeda_2010 --supply nonsense", "unknown setting"),
        ("corners pcsa --card fang_2016", "garcia_redondo_2021"),
        ("montecarlo pcsa --card ikeda_2010 -n 2 --corner xx", "unknown corner"),
        ("montecarlo pcsa --card ikeda_2010 -n 2 --temperature=-300", "absolute zero"),
        ("montecarlo cam --card ikeda_2010 -n 2 --set bits=2.5", "whole number"),
        ("margin fang_2016", "needs a card of model 'mtj'"),
        ("crossover fang_2016", "needs a card of model 'mtj'"),
    ],
)
def test_wrong_use(ngspice, capsys, monkeypatch, tmp_path, command, words):
    monkeypatch.chdir(tmp_path)
    assert run(command.split()) == 2
    assert words in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("simulate nv_adder --card ikeda_2010", "'garcia_redondo_2021'"),
        ("simulate nv_adder --card ikeda_2010 --set c_load=2f", "cannot be written in series"),
    ],
)
def test_cards_that_cannot_are_failures(ngspice, capsys, command, words):
    """Not of the settings: without them it cannot be built either."""
    assert run(command.split()) == 1
    assert words in capsys.readouterr().err


def test_simulate_without_a_card_takes_the_example(vacask, capsys):
    assert run(["simulate", "bursting_neuron", "--simulator", "vacask"]) == 0
    assert "design_back_hopping is taken" in capsys.readouterr().out
    assert run(["list", "circuits", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["circuits"]
    assert {item["name"]: item["example"] for item in listed} == {c.name: c.example for c in CIRCUITS.values()}


def test_readme_names_the_examples():
    from pathlib import Path

    rows = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8").splitlines()
    for circuit in CIRCUITS.values():
        row = next(line for line in rows if line.startswith("|") and f"`{circuit.name}`" in line)
        assert f"`{circuit.example}`" in row.partition("Example:")[2], circuit.name


@pytest.mark.parametrize(
    ("circuit", "signal", "quantity"),
    [
        ("sto_fm", "xosc.xmtj.a_u", ("state", "1")),
        ("sto_fm", "xosc.out_i", ("voltage", "V")),
        ("pcsa", "xamp.xmtj.z", ("state z", "1")),
        ("pcsa", "i(vdd)", ("current", "A")),
        ("bursting_neuron", "xneuron.xmtj.w_b", ("state", "1")),
        ("bursting_neuron", "s", ("voltage", "V")),
    ],
)
def test_signals_are_what_their_model_declares(circuit, signal, quantity):
    bench = get_circuit(circuit).build(load_card(get_circuit(circuit).example), "generic")
    assert _quantity(signal, bench) == quantity


def test_report_with_a_failed_measure_is_written_and_fails(vacask, capsys, tmp_path):
    """As `simulate` and `qa` do: both states of a junction with 2 % of magnetoresistance read too much alike."""
    page, card = tmp_path / "page.html", tmp_path / "weak.json"
    load_card("garcia_redondo_2021").replace("weak", tmr=0.02).save(card)
    told = ["--section", "circuits", "--circuit", "cell_1t1mtj", "-s", "vacask", "-o", str(page)]
    assert run(["report", str(card), *told]) == 1
    assert page.stat().st_size > 10_000 and "read_difference" in page.read_text(encoding="utf-8")
    assert capsys.readouterr().err == ""
