"""The manual: every model with its parameters and equations, as they are declared."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
import sympy as sp

from compact import cli
from compact.manual import LONGEST, model_blocks, write_manual
from compact.models import MODELS, get_model
from compact.page import Formula, Formulas, Table


def lines(name: str) -> list[Formula]:
    return [line for block in model_blocks(get_model(name)) if isinstance(block, Formulas) for line in block.lines]


def identifiers(markup: str) -> set[str]:
    """First parts of the names in an equation; XML that is not well-formed raises."""
    return {element.text or "" for element in ElementTree.fromstring(markup).iter("mi")}


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.name)
def test_every_equation_and_parameter_is_there(model) -> None:
    blocks = model_blocks(model)
    (parameters,) = [b for b in blocks if isinstance(b, Table) and b.caption == "Parameters"]
    assert [row[0] for row in parameters.rows] == [p.name for p in model.parameters]
    found = [line for b in blocks if isinstance(b, Formulas) for line in b.lines]
    expected = len(model.lets) + 2 * len(model.states) + len(model.currents) + len(model.outputs)
    assert len(found) == expected
    for line in found:
        assert identifiers(line.markup)
    # Names of one part appear on the right as they are declared.
    for let, line in zip(model.lets.values(), found, strict=False):
        if let.name in model.noise_lets or let.value.count_ops() > LONGEST:
            continue
        plain = {s.name for s in let.value.free_symbols if re.fullmatch("[a-z]{2,}", s.name)} - GREEK
        assert plain <= identifiers(line.markup), let.name


GREEK = {"alpha", "beta", "gamma", "delta", "theta", "phi", "tau", "eta", "energy"} - {"energy"}


def test_the_law_of_a_simple_quantity_reads_as_declared() -> None:
    (tmr,) = [line for line in lines("mtj") if line.about == "zero-bias TMR"]
    text = "".join(ElementTree.fromstring(tmr.markup).itertext())
    assert text == "tmrt=mt2·tmr"
    assert (
        sp.simplify(
            get_model("mtj").lets["tmr_t"].value - sp.Symbol("m_t", real=True) ** 2 * sp.Symbol("tmr", real=True)
        )
        == 0
    )


def test_smooth_functions_are_typeset() -> None:
    (sin2,) = [line for line in lines("mtj") if line.about.startswith("squared sine")]
    assert "SmoothPositive" not in sin2.markup and "<mo>+</mo></msub>" in sin2.markup


def test_one_page_holds_all_models(tmp_path: Path) -> None:
    text = write_manual(MODELS, tmp_path / "models.html").read_text(encoding="utf-8")
    for model in MODELS:
        assert f'<section id="{model.name}"' in text and model.title in text
    assert "<script" not in text and "src=" not in text


def test_the_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "m.html"
    assert cli.run(["manual", "mtj", "telegraph", "-o", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["models"] == ["mtj", "telegraph"]
    assert out.exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["mjt", "-o", "m.html"], "mtj"), (["mtj", "-o", "m.pdf"], ".html")],
)
def test_wrong_use(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.run(["manual", *arguments]) == 2
    err = capsys.readouterr().err
    assert says in err and len(err.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
