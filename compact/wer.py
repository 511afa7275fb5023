"""Commands about chance: `wer`, `fit-switching` and `fit-dwell`; `register` adds them to the command line."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from compact import asked
from compact.constants import ZERO_CELSIUS
from compact.fitcommands import held, known_device, write_fit
from compact.options import Card, CardFile, Citation, Debug, Json, Kelvin, KnownCard, KnownValues, Name, PlotFile
from compact.terminal import Terminal, WrongUse

if TYPE_CHECKING:
    from compact.parameters import ParameterSet

__all__ = ["register"]

MOST_COLUMNS, MOST_ROWS, MOST_POINTS = 8, 60, 400
TARGETS = (1e-3, 1e-6, 1e-9)

Levels = Annotated[
    str | None, typer.Option(metavar="LIST", help="Such as 0.6, 0.4,0.5 or 0.3:1:15 (from:to:how many).")
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--columns", metavar="ROLE=COLUMN,...", help="Once, or once for each file: voltage=1[mV],probability=2."
    ),
]


def _list(option: str, text: str, unit: str) -> list[float]:
    """Numbers from "0.4,0.5" or "0.3:1:15"; "1n:100n:20log" for even steps of the logarithm."""
    import numpy as np

    found: list[float] = []
    for item in text.split(","):
        parts = item.split(":")
        if len(parts) == 1:
            found.append(asked.number(option, item, unit))
            continue
        number = parts[-1].removesuffix("log")
        if len(parts) != 3 or not number.isdigit() or not 2 <= int(number) <= MOST_POINTS:
            raise WrongUse(f"{option}: '{item}' is not from:to:count with a count of 2 to {MOST_POINTS}")
        low, high = (asked.number(option, x, unit) for x in parts[:2])
        if parts[-1] != number:
            if low * high <= 0:
                raise WrongUse(f"{option}: '{item}': steps of the logarithm need two numbers of one sign, not zero")
            found += (np.sign(low) * np.geomspace(abs(low), abs(high), int(number))).tolist()
        else:
            found += np.linspace(low, high, int(number)).tolist()
    if len(found) > MOST_POINTS:
        raise WrongUse(f"{option}: {len(found)} values; at most {MOST_POINTS} are allowed")
    return found


def wer(
    card: Card,
    pulse: Annotated[str, typer.Option(metavar="LIST", help="Pulse widths, such as 10n, 5n,10n or 1n:50n:50.")],
    voltage: Levels = None,
    current: Levels = None,
    as_map: Annotated[bool, typer.Option("--map", help="Draw contours; by default wer_CARD.png.")] = False,
    start: Annotated[str, typer.Option(metavar="p|ap|auto", help="State before the pulse; auto: to be left.")] = "auto",
    error: Annotated[
        str, typer.Option(metavar="LIST", help="Error rates for which the pulse width is found.")
    ] = "1e-3,1e-6,1e-9",
    temperature: Annotated[
        str | None, typer.Option(metavar="CELSIUS", help="Temperature; by default that of the card.")
    ] = None,
    plot: PlotFile = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Write-error rates of a card.

    Probability that a pulse does not switch the junction, for every voltage (or current) and pulse width, down to
    1e-18 and below; with --start the state that a read must not disturb. Positive bias sets the parallel state.
    """
    from compact.writing import AP, P, retention, write_errors

    terminal = Terminal(as_json)
    if (voltage is None) == (current is None):
        raise WrongUse("give either --voltage or --current")
    states = {"p": P, "ap": AP, "auto": None}
    asked.one_of("state", start.lower(), states)
    quantity, unit, text = ("voltage", "V", voltage) if voltage is not None else ("current", "A", current or "")
    levels = _list(f"--{quantity}", text, unit)
    widths = _list("--pulse", pulse, "s")
    targets = _list("--error", error, "1")
    asked.plot_file(plot)
    loaded = asked.card(card)
    kelvin = asked.celsius(temperature) + ZERO_CELSIUS if temperature else None
    if any(not 0 < t < 1 for t in targets):
        raise WrongUse(f"--error: {error}: rates lie between 0 and 1")
    if as_map and min(len(levels), len(widths)) < 3:
        raise WrongUse(f"--map needs three values of --{quantity} and of --pulse or more")
    with terminal.step(f"{len(levels)} x {len(widths)} pulses"):
        with asked.wrong_use():
            result = write_errors(
                loaded, widths, voltage=levels if unit == "V" else None, current=levels if unit == "A" else None,
                start=states[start.lower()], temperature=kelvin,
            )  # fmt: skip
        needed = result.pulse_for(targets)
        kept = {name: retention(loaded, state, temperature=kelvin) for name, state in (("p", P), ("ap", AP))}
    files = []
    if as_map or plot:
        from compact.probabilityplot import plot_writing

        target = plot or Path(f"wer_{loaded.name}.png")
        asked.folder(target.parent)
        with terminal.step("drawing"), asked.writing(target):
            files.append(plot_writing(result, target, contours=as_map))
    _tables(terminal, loaded, result, targets, needed)
    lasts = ", ".join(f"{name.upper()} {_time(r.time)}" for name, r in kept.items())
    terminal.say(f"mean retention without bias: {lasts}")
    terminal.paths(files)
    terminal.result(
        "wer",
        card=loaded.name,
        quantity=result.quantity,
        level=result.level,
        pulse=result.pulse,
        start=["p" if s > 0 else "ap" for s in result.start],
        error=result.error,
        switched=result.switched,
        pulse_for=[{"error": t, "pulse": needed[:, k]} for k, t in enumerate(targets)],
        retention={name: r.time for name, r in kept.items()},
        log10_retention={name: -r.log_rate / 2.302585092994046 for name, r in kept.items()},
        files=files,
    )


def _time(seconds: float) -> str:
    from compact.units import format_si

    if seconds > 3e7:
        return f"{seconds / 3.15576e7:.3g} years"
    return format_si(seconds, "s")


def _tables(terminal: Terminal, card: ParameterSet, result: Any, targets: Sequence[float], needed: Any) -> None:
    """Error rates by pulse and level, and pulse widths for given error rates."""
    import numpy as np

    from compact.units import format_si

    unit = "V" if result.quantity == "voltage" else "A"
    arrow = {1.0: "P->AP", -1.0: "AP->P"}
    heads = [format_si(float(x), unit) for x in result.level]
    if len(heads) <= MOST_COLUMNS and len(result.pulse) <= MOST_ROWS:
        names = [f"{h} {arrow[float(s)]}" for h, s in zip(heads, result.start, strict=True)]
        rows = [
            (format_si(float(t), "s"), *(f"{e:.3e}" for e in result.error[:, k])) for k, t in enumerate(result.pulse)
        ]
        terminal.table(f"{card.name}: write-error rate", ("pulse", *names), rows, numbers=("pulse", *names))
    columns = [f"pulse for {t:g}" for t in targets]
    chosen = np.unique(np.linspace(0, len(heads) - 1, min(len(heads), 20)).astype(int))
    rows = [
        (heads[k], arrow[float(result.start[k])], *("—" if np.isnan(x) else format_si(x, "s") for x in needed[k]))
        for k in chosen
    ]
    terminal.table(f"{card.name}: pulse widths", (result.quantity, "", *columns), rows, (result.quantity, *columns))


def fit_switching(
    data: Annotated[list[Path], typer.Argument(metavar="DATA...", help="Tables of switching probabilities.")],
    out: CardFile = None,
    card: KnownCard = None,
    settings: KnownValues = None,
    columns: Columns = None,
    pulse_width: Annotated[
        list[str] | None, typer.Option(metavar="TIME", help="Pulse width of a file; '-' where it has a column.")
    ] = None,
    voltage: Annotated[list[str] | None, typer.Option(metavar="VOLT", help="Voltage of a file; '-' likewise.")] = None,
    current: Annotated[
        list[str] | None, typer.Option(metavar="AMPERE", help="Current of a file; '-' likewise.")
    ] = None,
    count: Annotated[
        list[str] | None, typer.Option(metavar="N", help="Pulses behind each probability; '-' likewise.")
    ] = None,
    direction: Annotated[str | None, typer.Option(metavar="ap2p|p2ap", help="Where amplitudes are magnitudes.")] = None,
    fit_level: Annotated[
        bool, typer.Option("--fit-level", help="Take a --voltage or --current given here as a start, and fit it.")
    ] = False,
    hold: Annotated[str | None, typer.Option(metavar="NAME,...", help="Do not fit: delta, tau_d, ...")] = None,
    predict: Annotated[int, typer.Option(metavar="K", help="Predict the last K files instead of fitting them.")] = 0,
    least_squares: Annotated[bool, typer.Option("--least-squares", help="Fit without the number of pulses.")] = False,
    profile: Annotated[bool, typer.Option("--profile", help="Profile-likelihood intervals as well.")] = False,
    temperature: Kelvin = None,
    cross: Annotated[bool, typer.Option("--cross", help="Predict each file from a fit of the others, too.")] = False,
    note: Annotated[list[str] | None, typer.Option(metavar="TEXT", help="A remark for the card; repeatable.")] = None,
    citation: Citation = "",
    name: Name = None,
    plot: PlotFile = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Fit switching probabilities of one device.

    Tables against voltage, current or pulse width, fitted together by their likelihood. Writes a card and a plot.
    """
    from compact.probability import fit_probability, read_probability
    from compact.probabilitylikelihood import LIMITS

    terminal = Terminal(as_json)
    for path in data:
        asked.data_file(path)
    if direction is not None:
        asked.one_of("direction", direction, ("ap2p", "p2ap"))
    if not 0 <= predict < len(data):
        raise WrongUse(f"--predict {predict}: of {len(data)} files at least one must be fitted")
    asked.card_name(name)
    asked.plot_file(plot)
    fixed = held(hold, LIMITS)
    texts = asked.each_text("--columns", columns, len(data))
    constants = {
        "pulse_width": asked.each_file("--pulse-width", pulse_width, len(data), "s"),
        "voltage": asked.each_file("--voltage", voltage, len(data), "V"),
        "current": asked.each_file("--current", current, len(data), "A"),
        "count": asked.each_file("--count", count, len(data), "1"),
    }
    base = known_device(card, "mtj", settings)
    kelvin = asked.kelvin(temperature) if temperature else None
    with terminal.step(f"fitting {len(data)} file{'s' * (len(data) > 1)}"):
        tables = []
        for k, path in enumerate(data):
            own: dict[str, Any] = {key: values[k] for key, values in constants.items()}
            stated = own["voltage"] is not None or own["current"] is not None
            free = fit_level and stated and k < len(data) - predict
            tables.append(read_probability(path, texts[k], direction=direction, free_level=free, **own))  # type: ignore[arg-type]
        fitted = len(tables) - predict
        fit = fit_probability(
            tables[:fitted], card=base, name=name, vary=[p for p in LIMITS if p not in fixed], temperature=kelvin,
            method="least_squares" if least_squares else "binomial", predict=tables[fitted:], citation=citation,
            cross=cross, notes=note or (),
        )  # fmt: skip
        intervals = fit.intervals() if profile else {}
    extra = {"intervals": intervals} if profile else {}
    told = [dataclasses.asdict(c) for c in fit.predictions]
    write_fit(terminal, fit, out, plot, "fit-switching", rms=fit.rms, predictions=told, **extra)
    if intervals:
        terminal.say("profile-likelihood intervals (68 %)")
        for key, (low, high) in intervals.items():
            terminal.say(f"  {key:10s} {low:.5g} ... {high:.5g}")


def fit_dwell(
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="Table of bias, dwell_p, dwell_ap and number of dwells.")
    ],
    out: CardFile = None,
    model: Annotated[str, typer.Option("--model", "-m", help="mtj or telegraph.")] = "telegraph",
    card: KnownCard = None,
    settings: KnownValues = None,
    columns: Annotated[
        str | None, typer.Option("--columns", metavar="ROLE=COLUMN,...", help="voltage=1[mV],dwell_p=2,dwell_ap=3.")
    ] = None,
    count: Annotated[
        str | None, typer.Option(metavar="N", help="Dwells behind each mean, if no column says it.")
    ] = None,
    hold: Annotated[str | None, typer.Option(metavar="NAME,...", help="Do not fit: h_bias, ...")] = None,
    temperature: Kelvin = None,
    name: Name = None,
    plot: PlotFile = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Fit dwell times of a junction that flickers.

    Mean dwell times of both states against voltage or current. Writes a card and a plot.
    """
    from compact.dwelldata import read_dwells
    from compact.dwellfit import FREE, fit_dwells

    terminal = Terminal(as_json)
    asked.data_file(data)
    asked.one_of("model with dwell times", model, FREE)
    asked.card_name(name)
    asked.plot_file(plot)
    fixed = held(hold, FREE[model])
    number = asked.number("--count", count, "1") if count else None
    base = known_device(card, model, settings)
    kelvin = asked.kelvin(temperature) if temperature else None
    with terminal.step("fitting"):
        table = read_dwells(data, columns, count=number)
        vary = [p for p in FREE[base.model] if p not in fixed]
        fit = fit_dwells(table, card=base, name=name, vary=vary, temperature=kelvin)
    write_fit(terminal, fit, out, plot, "fit-dwell")


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the command line."""
    app.command()(wer)
    app.command("fit-switching")(fit_switching)
    app.command("fit-dwell")(fit_dwell)
