"""The command `manual`: equations, parameters and sources of the models, as they are declared, in one HTML page."""

from __future__ import annotations

import html
import inspect
import math
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import compact
from compact import asked
from compact.options import Debug, Json
from compact.terminal import Terminal, WrongUse

if TYPE_CHECKING:
    import sympy as sp

    from compact.model import Model
    from compact.page import Block, Formula

__all__ = ["model_blocks", "register", "write_manual"]

LONGEST = 150
"""Operations of an expression beyond which its description stands for it."""
SUFFIXES = (".html", ".htm")


def _printer() -> Any:
    """Printer of expressions as presentation MathML; SymPy is slow to import."""
    from sympy.printing.mathml import MathMLPresentationPrinter

    class Printer(MathMLPresentationPrinter):
        """Adds the functions of the model language."""

        def _applied(self, *children: Any) -> Any:
            row = self.dom.createElement("mrow")
            for child in children:
                row.appendChild(child)
            return row

        def _sign(self, text: str) -> Any:
            sign = self.dom.createElement("mo")
            sign.appendChild(self.dom.createTextNode(text))
            return sign

        def _print_SmoothPositive(self, e: sp.Expr) -> Any:
            positive = self.dom.createElement("msub")
            inside = self._applied(self._sign("("), self._print(e.args[0]), self._sign(")"))
            positive.appendChild(inside)
            positive.appendChild(self._sign("+"))
            return positive

        def _print_Remainder(self, e: sp.Expr) -> Any:
            return self._applied(self._print(e.args[0]), self._sign("mod"), self._print(e.args[1]))

    return Printer({"mul_symbol": "dot"})  # names of several letters would run together


def _text(formula: str) -> str:
    """MathML element around printed MathML, with characters in place of HTML's names for them."""
    plain = re.sub(r"&(?!lt;|gt;|amp;)\w+;", lambda name: html.unescape(name[0]), formula)
    return f'<math displaystyle="true">{plain}</math>'


class _Writer:
    """Formulas of one model."""

    def __init__(self) -> None:
        self._printer = _printer()

    def left(self, name: str) -> str:
        import sympy as sp

        return str(self._printer.doprint(sp.Symbol(name)))

    def line(self, left: str, value: sp.Expr | None, unit: str, about: str) -> Formula:
        from compact.page import Formula

        short = value is not None and value.count_ops() <= LONGEST
        right = f"<mo>=</mo>{self._printer.doprint(value)}" if short else ""
        return Formula(_text(f"<mrow>{left}{right}</mrow>"), "" if unit == "1" else unit, about)


def _about(model: Model) -> Iterator[Block]:
    """What the module of a model says of it: paragraphs, and the lines that it sets off."""
    from compact.page import Note, Remarks, Verbatim

    text = inspect.getdoc(sys.modules[type(model).__module__]) or ""
    for paragraph in re.split(r"\n\s*\n", text):
        if paragraph.startswith(" "):
            yield Verbatim(inspect.cleandoc(paragraph))
        else:
            yield Note(" ".join(paragraph.split()))
    yield Remarks("Sources", [source.strip() for source in model.citation.split(";")])


def model_blocks(model: Model) -> list[Block]:
    """What the manual says of a model.

    Parameters
    ----------
    model : Model
        The model.

    Returns
    -------
    list of Block
        Text, terminals, parameters with their ranges, and the equations in the order in which they are evaluated.
    """
    from compact.page import Formulas, Table

    writer = _Writer()
    rows = [
        (p.name, _number(p.default), p.unit, f"{_number(p.low)} … {_number(p.high)}", p.scope, p.description)
        for p in model.parameters
    ]
    noise = set(model.noise_lets)
    lets = [
        writer.line(writer.left(let.name), None if let.name in noise else let.value, let.unit, let.description)
        for let in model.lets.values()
    ]
    currents = [
        writer.line(writer.left(c.name), c.value, "A", f"current through the device from {c.plus} to {c.minus}")
        for c in model.currents
    ]
    motion = []
    for state in model.states:
        name = writer.left(state.name)
        rate = f"<mfrac><mrow><mi>d</mi>{name}</mrow><mrow><mi>d</mi><mi>t</mi></mrow></mfrac>"
        unit = "1/s" if state.unit == "1" else f"{state.unit}/s"
        motion.append(writer.line(rate, model.rates[state.name], unit, f"{state.description}, in transients"))
        at_rest = f"<msub>{name}<mn>0</mn></msub>"
        motion.append(
            writer.line(at_rest, model.statics[state.name], state.unit, "the same at the operating point and at t = 0")
        )
    outputs = [writer.line(writer.left(o.name), o.value, o.unit, o.description) for o in model.outputs.values()]
    terminals = Table("Terminals", ("terminal", "what"), [(t.name, t.description) for t in model.terminals])
    head = ("parameter", "default", "unit", "allowed", "scope", "what")
    blocks: list[Block] = [*_about(model), terminals, Table("Parameters", head, rows, numbers=("default",))]
    kinds = (("Quantities", lets), ("Motion of the states", motion), ("Currents", currents), ("Outputs", outputs))
    return [*blocks, *(Formulas(caption, tuple(lines)) for caption, lines in kinds if lines)]


def _number(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return "∞" if value == math.inf else "-∞" if value == -math.inf else f"{value:g}"


def write_manual(models: Sequence[Model], path: str | Path) -> Path:
    """Write the manual of models, a chapter for each.

    Parameters
    ----------
    models : sequence of Model
        Which.
    path : str or pathlib.Path
        HTML file to write, whole or not at all.

    Raises
    ------
    SpinbricksError
        If the file cannot be written.
    """
    from compact.page import Facts, Part, render_page, save_page

    parts = [Part(m.name, f"{m.name} {m.version}: {m.title}", tuple(model_blocks(m))) for m in models]
    facts = Facts(
        (
            ("names", "An underscore sets the index: r_p is the parameter of that name in cards and in emitted text."),
            ("(x)₊", "max(x, 0), smooth within 1e-6 of zero"),
            ("ξ", "unit white noise, a function of time and of the instance's seed, the same in every simulator"),
            ("scope", "model: on the card; instance: also set for each device in a netlist"),
        )
    )
    lead = "Everything here is made from the declaration from which Verilog-A, subcircuits and Python functions come."
    footer = f"Made by spinbricks {compact.__version__}. This page holds everything it shows and loads nothing."
    return save_page(Path(path), render_page("Models of spinbricks", lead, facts, parts, footer))


def manual(
    names: Annotated[list[str] | None, typer.Argument(metavar="MODEL...", help="Models; all if none is given.")] = None,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="HTML file to write.")] = Path(
        "spinbricks_models.html"
    ),
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Write the equations of models, typeset.

    One self-contained page: meaning, sources, terminals, parameters with units and ranges, equations.
    """
    terminal = Terminal(as_json)
    if out.suffix.lower() not in SUFFIXES or out.is_dir():
        raise WrongUse(f"--out '{out}': a manual is a .html file")
    asked.folder(out.parent)
    with terminal.step("writing"):
        from compact.models import MODELS, get_model

        with asked.wrong_use():
            models = [get_model(name) for name in dict.fromkeys(names)] if names else list(MODELS)
        written = write_manual(models, out)
    terminal.say(f"{len(models)} model{'s' * (len(models) > 1)}")
    terminal.paths([written])
    terminal.result("manual", models=[m.name for m in models], files=[written])


def register(app: typer.Typer) -> None:
    """Add the command of this module to the command line."""
    app.command("manual")(manual)
