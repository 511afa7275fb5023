"""The model language refuses what is not declared, not used or not sensible, naming it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import sympy as sp

from compact.emit import emit_ngspice, emit_veriloga
from compact.errors import EmitError, ParameterError
from compact.model import Current, Item, Let, Model, Noise, Output, Rate, State, Static, Symbols, Terminal
from compact.models import get_model
from compact.parameters import Parameter, ParameterSet


class Leaky(Model):
    """A capacitor-like state behind a resistor: the smallest model with everything in it."""

    name = "leaky"
    version = "1"
    title = "test device"
    citation = "none"
    terminals = (Terminal("p", "plus"), Terminal("n", "minus"))
    declared_parameters = (
        Parameter("r", 1e3, "Ohm", "resistance", 1.0, 1e9),
        Parameter("tau", 1e-9, "s", "time constant", 1e-12, 1.0),
    )
    states = (State("x", "1", "state", "tau"),)

    def equations(self, q: Symbols) -> Iterator[Item]:
        yield Let("g", 1 / q.r, "S", "conductance")
        yield Current("p", "n", q.v_p_n * q.g)
        yield Rate("x", (q.v_p_n - q.x) / q.tau)
        yield Static("x", q.v_p_n)


def broken(**changes: object) -> type[Model]:
    return type("Broken", (Leaky,), changes)


def test_a_sound_model_evaluates() -> None:
    model = Leaky()
    i, rate = model.evaluate(["i_p_n", "rate_x"], {"r": 2e3, "tau": 1e-9, "v_p_n": np.array([1.0, 2.0]), "x": 0.5})
    assert i == pytest.approx([5e-4, 1e-3])
    assert rate == pytest.approx([0.5e9, 1.5e9])
    assert model.evaluate("i_p_n", {"r": 2e3, "v_n_p": 1.0}) == pytest.approx(-5e-4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"declared_parameters": (*Leaky.declared_parameters, Parameter("spare", 1.0, "1", "x"))}, "'spare'.*not used"),
        ({"declared_parameters": (*Leaky.declared_parameters, Parameter("r", 1.0, "1", "x"))}, "'r' is declared twice"),
        ({"declared_parameters": (Parameter("r", 1.0, "", "x"), Leaky.declared_parameters[1])}, "'r' has no unit"),
        ({"declared_parameters": (Parameter("r", 1.0, "Ohm", ""), Leaky.declared_parameters[1])}, "'r' has no descr"),
        ({"declared_parameters": (Parameter("r", 0.1, "Ohm", "x", 1, 2), Leaky.declared_parameters[1])}, "'r' = 0.1"),
        ({"declared_parameters": (Parameter("R", 1.0, "Ohm", "x"), Leaky.declared_parameters[1])}, "'R' is not allow"),
        ({"declared_parameters": Leaky.declared_parameters[:1]}, "unknown symbol 'tau'"),
        ({"declared_parameters": (Parameter("r", "tao", "Ohm", "x"), Leaky.declared_parameters[1])}, "unknown earlier"),
        ({"terminals": ()}, "no terminals"),
        ({"citation": ""}, "no citation"),
        ({"states": (State("x", "1", "state", "tua"),)}, "time scale of 'x'.*did you mean 'tau'"),
        ({"states": (*Leaky.states, State("y", "1", "more", "tau"))}, "state 'y' has no rate"),
    ],
)
def test_declarations(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        broken(**changes)()


def equations(*items: object, start: bool = True) -> type[Model]:
    def body(self: Model, q: Symbols) -> Iterator[Item]:
        if start:
            yield from Leaky.equations(self, q)
        for item in items:
            yield item(q) if callable(item) else item  # type: ignore[misc]

    return broken(equations=body)


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (lambda q: Let("unused", q.r, "Ohm", "x"), "'unused' is declared but not used"),
        (lambda q: Let("h", q.rr, "Ohm", "x"), "unknown symbol 'rr'; did you mean 'r'"),
        (lambda q: Let("h", sp.Symbol("other"), "1", "x"), "undeclared symbol 'other'"),
        (lambda q: Let("h", q.r, "", "x"), "'h' has no unit"),
        (lambda q: Output("h", q.r, "Ohm", ""), "'h' has no description"),
        (lambda q: Let("r", q.g, "S", "x"), "'r' is declared twice"),
        (lambda q: Current("p", "m", q.g), "unknown terminal 'm'"),
        (lambda q: Rate("y", q.g), "unknown state 'y'"),
        (lambda q: Rate("x", q.g), "rate of 'x' is given twice"),
        (lambda q: Noise("z", q.g), "unknown state 'z'"),
    ],
)
def test_equations(item: object, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        equations(item)()


def test_unknown_model_names_the_nearest() -> None:
    with pytest.raises(ParameterError, match="did you mean 'mtj'"):
        get_model("mtjj")


def test_evaluate_names_what_is_missing() -> None:
    with pytest.raises(ParameterError, match="no value for z"):
        get_model("mtj").evaluate("i", {**ParameterSet("mtj", "x").values, "v_fl_rl": 1.0})
    with pytest.raises(ParameterError, match="unknown quantity"):
        get_model("mtj").evaluate("current", {})


def test_targets_refuse_what_they_cannot_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown function and a power that is no product name the model, the expression and the target."""
    cases = [
        (lambda q: Output("o", sp.erf(q.x), "1", "x"), "erf"),
        (lambda q: Output("o", q.r**q.x, "1", "x"), "power"),
    ]
    for item, word in cases:
        model = equations(item)()
        monkeypatch.setattr("compact.models.MODELS", (model,))
        with pytest.raises(EmitError, match=f"model leaky: .*{word}.* cannot be written for Verilog-A"):
            emit_veriloga(ParameterSet("leaky", "card"))
    item = lambda q: Current("n", "p", sp.erf(q.v_p_n))  # noqa: E731
    monkeypatch.setattr("compact.models.MODELS", (equations(item)(),))
    with pytest.raises(EmitError, match="'erf' cannot be written for ngspice"):
        emit_ngspice(ParameterSet("leaky", "card"))


def test_any_model_is_emitted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("compact.models.MODELS", (Leaky(),))
    card = ParameterSet("leaky", "card", {"r": 50.0})
    assert "parameter real r = 50.0 from [1.0:1000000000.0];" in emit_veriloga(card)
    assert ".subckt leaky p n" in emit_ngspice(card)
    with pytest.raises(EmitError, match="declares no noise"):
        emit_ngspice(card, noise=True)


@pytest.mark.parametrize("name", ["mtj", "domain_wall_track", "auto_oscillator_envelope"])
def test_functions_are_the_equations_written_out(name: str) -> None:
    """Functions keep the intermediates; the same written out in parameters, states and voltages gives the same."""
    model = get_model(name)
    names = [f"rate_{s.name}" for s in model.states] + [c.name for c in model.currents]
    function, arguments = model.function(*names)
    assert not set(arguments) & set(model.lets)
    values = dict.fromkeys(arguments, 0.1) | model.complete({}) | {"temperature": 310.0, "time": 0.0}
    # Noise, which magnifies rounding, is left out.
    values |= {"noise": 0.0}
    found = function(*(np.float64(values[a]) for a in arguments))
    for quantity, value in zip(names, found, strict=True):
        expression = model.expand(model.quantities[quantity])
        plain = sp.lambdify(sorted(expression.free_symbols, key=str), expression, "numpy")
        inputs = [np.float64(values[s.name]) for s in sorted(expression.free_symbols, key=str)]
        assert value == pytest.approx(float(plain(*inputs)), rel=1e-10), quantity
