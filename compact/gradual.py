"""Commands about gradual switching: `fit-gradual` and `fit-train`; `register` adds them to the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from compact import asked
from compact.options import CardFile, Citation, Debug, Json, Kelvin, Name
from compact.terminal import Terminal, WrongUse

__all__ = ["register"]

Known = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A value that is known and held, as delta=45.")
]
Plot = Annotated[Path | None, typer.Option(metavar="FILE", help="Plot (.png, .svg, .pdf); by default beside the card.")]


def _known(given: list[str] | None) -> dict[str, float]:
    """Values of parameters from texts such as "delta=45"."""
    from compact.models import get_model

    model = get_model("multidomain")
    values = {}
    for text in given or []:
        name, mark, value = (part.strip() for part in text.partition("="))
        if not mark or not value:
            raise WrongUse(f"--set '{text}': NAME=VALUE is expected, such as delta=45")
        with asked.wrong_use():
            parameter = model.parameter(name)
            values[name] = asked.number(f"--set {name}", value, parameter.unit)
            parameter.check(values[name])
    return values


def _check(data: list[Path], out: Path | None, plot: Path | None, name: str | None) -> None:
    for path in data:
        asked.data_file(path)
    asked.card_name(name)
    asked.card_file(out)
    asked.plot_file(plot)


def _write(terminal: Terminal, fit: Any, out: Path | None, plot: Path | None, command: str, **content: Any) -> None:
    """Write card and plot and say what came out."""
    target = out or Path(f"{fit.card.name}.json")
    asked.folder(target.parent)
    with terminal.step("drawing and writing"), asked.writing(target):
        picture = fit.plot(plot or target.with_suffix(".png"))
        fit.card.save(target)
    terminal.say(fit.report().rstrip())
    for line in content.pop("lines", ()):
        terminal.say(line)
    terminal.say("\nwritten")
    terminal.paths([target, picture])
    card = fit.card
    terminal.result(
        command, card=card.name, model=card.model, values=card.values, stderr=card.stderr,
        correlations=[[a, b, r] for (a, b), r in card.correlations.items()], undetermined=card.undetermined,
        quality=card.provenance.quality, notes=card.notes, files=[target, picture], **content,
    )  # fmt: skip


def fit_gradual(
    data: Annotated[list[Path], typer.Argument(metavar="DATA...", help="Measured loops, R-I, R-V or V-I.")],
    out: CardFile = None,
    predict: Annotated[
        list[Path] | None, typer.Option("--predict", metavar="DATA", help="A loop that the card is to predict.")
    ] = None,
    known: Known = None,
    columns: Annotated[
        str | None, typer.Option("--columns", metavar="ROLE=COLUMN,...", help="current=1[mA],resistance=2[Ohm].")
    ] = None,
    pulse_width: Annotated[
        list[str] | None, typer.Option(metavar="TIME", help="Time at each point, per loop, if no file says it.")
    ] = None,
    temperature: Kelvin = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Say which model the loops support: abrupt, many domains or one wall.")
    ] = False,
    leave_out: Annotated[
        bool,
        typer.Option("--leave-out", help="Predict each loop from the others to decide whether plateaus may slope."),
    ] = False,
    citation: Citation = "",
    note: Annotated[list[str] | None, typer.Option("--note", metavar="TEXT", help="A remark for the card.")] = None,
    name: Name = None,
    plot: Plot = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Fit gradual loops with a junction of many domains.

    Writes a card of `multidomain` and a plot. Loops at several pulse widths, given together, yield the energy barrier;
    --predict leaves loops out of the fit and says how well the card tells them beforehand. With three loops or more,
    --leave-out says so of each of them, and decides by it, and not by the loops of --predict, whether plateaus may
    slope with the drive in the fit.
    """
    terminal = Terminal(as_json)
    asking = predict or []
    _check([*data, *asking], out, plot, name)
    values = _known(known)
    kelvin = asked.kelvin(temperature) if temperature else None
    widths = [asked.positive("--pulse-width", w, "s") for w in pulse_width] if pulse_width else None
    with terminal.step("starting"):
        from compact.data import read_loops
        from compact.gradualfit import fit_gradual as fit_loops
        from compact.gradualfit import with_widths
    with terminal.step("reading"):
        loops = [loop for path in data for loop in read_loops(path, columns)]
        others = [loop for path in asking for loop in read_loops(path, columns)]
        if widths:
            loops, others = with_widths(loops, others, widths)
    lines: list[str] = []
    notes: list[str] = []
    content: dict[str, Any] = {}
    sloping = None
    if leave_out:
        from compact.leaveout import leave_one_out

        with terminal.step("leaving out each loop in turn"):
            left = leave_one_out(loops, known=values, temperature=kelvin)
        sloping, lines = left.sloping, ["", *left.lines()]
        notes.append(f"each loop predicted from the others: {lines[-1]}")
        content |= {"left_out": left.rows, "sloping": sloping}
    with terminal.step(f"fitting {len(data)} file{'s' * (len(data) > 1)}"):
        fit = fit_loops(
            loops, name, predict=others, known=values, temperature=kelvin, sloping=sloping, citation=citation,
            notes=[*notes, *(note or ())],
        )  # fmt: skip
    content |= {
        "rms_over_height": {x.shape.loop.source: x.rms for x in fit.loops},
        "predicted": {x.shape.loop.source: x.rms for x in fit.predictions},
    }
    if compare:
        from compact.loopchoice import compare_models

        with terminal.step("comparing models"):
            choice = compare_models(fit)
        content |= {"models": choice.rows, "supported": choice.best}
        lines += ["", *choice.lines()]
    _write(terminal, fit, out, plot, "fit-gradual", lines=lines, **content)


def fit_train(
    data: Annotated[list[Path], typer.Argument(metavar="DATA...", help="Tables of pulses and resistances.")],
    out: CardFile = None,
    known: Known = None,
    columns: Annotated[
        str | None,
        typer.Option("--columns", metavar="ROLE=COLUMN,...", help="current=1[mA],resistance=2[Ohm],pulse_width=3[us]."),
    ] = None,
    pulse_width: Annotated[str | None, typer.Option(metavar="TIME", help="Width of all pulses.")] = None,
    start: Annotated[str | None, typer.Option(metavar="p|ap", help="State before the first pulse.")] = None,
    name: Name = None,
    plot: Plot = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Fit pulse trains with a junction of many domains.

    Resistance after each pulse, in the order of the pulses: potentiation, depression, staircases. Writes a card of
    `multidomain` and a plot.
    """
    terminal = Terminal(as_json)
    _check(data, out, plot, name)
    if start is not None:
        asked.one_of("state", start, ("p", "ap"))
    values = _known(known)
    width = asked.positive("--pulse-width", pulse_width, "s") if pulse_width else None
    with terminal.step("starting"):
        from compact.trainfit import fit_train as fit_trains
        from compact.trainfit import read_train
    with terminal.step(f"fitting {len(data)} file{'s' * (len(data) > 1)}"):
        trains = [read_train(path, columns, pulse_width=width, start=start) for path in data]
        fit = fit_trains(trains, name, known=values)
    _write(terminal, fit, out, plot, "fit-train", rms_over_range={c.train.source: c.rms for c in fit.trains})


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the command line."""
    app.command("fit-gradual")(fit_gradual)
    app.command("fit-train")(fit_train)
