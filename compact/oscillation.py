"""Commands about oscillators: `fit-oscillator`, `fit-diode`, `linewidth`, `extract`; `register` adds them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from compact import asked
from compact.fitcommands import held, known_device, write_fit
from compact.options import CardFile, Citation, Debug, Json, Kelvin, KnownCard, Name, PlotFile
from compact.terminal import Terminal, WrongUse

if TYPE_CHECKING:
    from compact.parameters import ParameterSet

__all__ = ["register"]

MODEL = "auto_oscillator"
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A value that is known, such as r_p=500.")
]
Hold = Annotated[str | None, typer.Option(metavar="NAME,...", help="Do not fit: f_i, q_damping, ...")]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--columns", metavar="ROLE=COLUMN,...", help="Once, or once for each file: frequency=1[GHz],level=2[dBm]."
    ),
]


def _checked(data: list[Path], name: str | None, plot: Path | None) -> None:
    for path in data:
        asked.data_file(path)
    asked.card_name(name)
    asked.plot_file(plot)


def _power(text: str) -> float:
    """Power from "10u", "1e-5W" or "-20dBm" [W]."""
    from compact.microwave import watts

    if text.lower().endswith("dbm"):
        with asked.wrong_use("--power"):
            return float(watts(asked.number("--power", text[:-3].strip(), "1")))
    value = asked.number("--power", text, "W")
    if value <= 0:
        raise WrongUse(
            f"--power {text}: a power in watts is positive; a level is written with its unit, such as -20dBm"
        )
    return value


def fit_oscillator(
    data: Annotated[list[Path], typer.Argument(metavar="DATA...", help="Tables of frequency, power, linewidth.")],
    out: CardFile = None,
    card: KnownCard = None,
    settings: Settings = None,
    columns: Columns = None,
    load: Annotated[str, typer.Option(metavar="OHM", help="Load into which the power was measured.")] = "50",
    hold: Hold = None,
    temperature: Kelvin = None,
    citation: Citation = "",
    name: Name = None,
    plot: PlotFile = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Fit a spin-torque oscillator.

    Tables of frequency, power (W or dBm) and linewidth against current, fitted together. Writes a card and a plot.
    """
    from compact.oscillatordata import read_oscillator
    from compact.oscillatorfit import FREE, fit_oscillator

    terminal = Terminal(as_json)
    _checked(data, name, plot)
    kept = held(hold, FREE)
    ohms = asked.number("--load", load, "Ohm")
    base = known_device(card, MODEL, settings)
    kelvin = asked.kelvin(temperature) if temperature else None
    with terminal.step(f"fitting {len(data)} file{'s' * (len(data) > 1)}"):
        texts = asked.each_text("--columns", columns, len(data))
        tables = [read_oscillator(path, text, load=ohms) for path, text in zip(data, texts, strict=True)]
        vary = [k for k in FREE if k not in kept]
        fit = fit_oscillator(tables, card=base, name=name, vary=vary, temperature=kelvin, citation=citation)
    write_fit(terminal, fit, out, plot, "fit-oscillator", scatter=fit.scatter, skipped=fit.skipped)


def fit_diode(
    data: Annotated[
        list[Path], typer.Argument(metavar="DATA...", help="Rectified voltage against frequency or field.")
    ],
    out: CardFile = None,
    card: KnownCard = None,
    settings: Settings = None,
    columns: Columns = None,
    current: Annotated[
        list[str] | None, typer.Option(metavar="AMPERE", help="Bias of a file; '-' where it has a column.")
    ] = None,
    power: Annotated[list[str] | None, typer.Option(metavar="POWER", help="Incident power: 10u or -20dBm.")] = None,
    i_rf: Annotated[str | None, typer.Option(metavar="AMPERE", help="In its place the peak current.")] = None,
    frequency: Annotated[
        list[str] | None, typer.Option(metavar="HERTZ", help="Frequency of a file against field; '-' likewise.")
    ] = None,
    touchstone: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Reflection of the device (.s1p), for the mismatch.")
    ] = None,
    matched: Annotated[bool, typer.Option("--matched", help="The power given is what enters the device.")] = False,
    field_at: Annotated[str | None, typer.Option(metavar="A/M", help="Field at which the card shall hold.")] = None,
    known: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="For V(H): h_k, m_eff, alpha or h_0 that is known.")
    ] = None,
    moment: Annotated[
        str | None, typer.Option(metavar="A*M^2", help="Magnetisation times volume: gives the torkances.")
    ] = None,
    hold: Hold = None,
    temperature: Kelvin = None,
    citation: Citation = "",
    name: Name = None,
    plot: PlotFile = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Fit a spin-torque diode.

    Spectra of the rectified voltage against frequency or field, at several biases or frequencies, fitted together:
    torques, damping, resonance and sensitivity. Writes a card and a plot.
    """
    from compact.diodedata import read_diode
    from compact.diodefit import fit_diode, torkances
    from compact.diodelaw import FIELD, FREE

    terminal = Terminal(as_json)
    _checked(data, name, plot)
    if touchstone is not None:
        asked.data_file(touchstone)
    kept = held(hold, (*FREE, *FIELD))
    base = known_device(card, MODEL, settings)
    kelvin = asked.kelvin(temperature) if temperature else None
    count = len(data)
    given = [None if x == "-" else _power(x) for x in power or []]
    if len(given) not in (0, 1, count):
        raise WrongUse(f"--power is given {len(given)} times; give it once, or once for each of the {count} files")
    powers = given * count if len(given) == 1 else given or [None] * count
    currents, fixed = (
        asked.each_file("--current", current, count, "A"),
        asked.each_file("--frequency", frequency, count, "Hz"),
    )
    drive = asked.number("--i-rf", i_rf, "A") if i_rf else None
    told = {}
    for item in known or []:
        key, mark, value = item.partition("=")
        if not mark:
            raise WrongUse(f"--known '{item}': NAME=VALUE is expected, such as m_eff=1.2M")
        told[asked.one_of("value of the field law", key.strip(), FIELD)] = asked.number(f"--known {key}", value, "1")
    with terminal.step(f"fitting {count} file{'s' * (count > 1)}"):
        spectra = []
        for k, (path, text) in enumerate(zip(data, asked.each_text("--columns", columns, count), strict=True)):
            spectra += read_diode(
                path, text, current=currents[k], power=powers[k], i_rf=drive, frequency=fixed[k],
                touchstone=touchstone, impedance=None if matched else 50.0,
            )  # fmt: skip
        by_field = spectra[0].axis == "field"
        others = ("f_0", "gamma_g") if by_field else FIELD
        own = [k for k in (*FREE, *FIELD) if k not in (*kept, *others)]
        fit = fit_diode(
            spectra, card=base, name=name, vary=own, temperature=kelvin, citation=citation, known=told,
            field_at=asked.number("--field-at", field_at, "A/m") if field_at else None,
        )  # fmt: skip
    extra: dict[str, Any] = {"resonances": fit.resonances}
    if moment:
        pair = torkances(fit.card, asked.number("--moment", moment, "1"))
        extra["torkances"] = {"in_plane": pair[0], "field_like": pair[1]}
        terminal.say(f"torkances: in-plane {pair[0]:.4g} N m/V, field-like {pair[1]:.4g} N m/V\n")
    write_fit(terminal, fit, out, plot, "fit-diode", **extra)


def linewidth(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="A spectrum, or a trace of time and voltage.")],
    columns: Annotated[
        str | None, typer.Option("--columns", metavar="ROLE=COLUMN,...", help="frequency=1[GHz],level=2[dBm].")
    ] = None,
    trace: Annotated[bool, typer.Option("--trace", help="The file is a trace of time and voltage.")] = False,
    shape: Annotated[str, typer.Option(metavar="SHAPE", help="lorentzian, gaussian or voigt.")] = "lorentzian",
    resolution: Annotated[str | None, typer.Option(metavar="HERTZ", help="Resolution bandwidth.")] = None,
    averages: Annotated[str | None, typer.Option(metavar="N", help="Number of averaged spectra.")] = None,
    band: Annotated[str | None, typer.Option(metavar="LOW:HIGH", help="Part of the spectrum, such as 5G:7G.")] = None,
    plot: PlotFile = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Linewidth and power of an oscillator.

    From a spectrum or a time trace, with errors and the narrowest line that the data can resolve; of a trace the phase
    noise as well.
    """
    from compact.linefit import SHAPES, fit_line, trace_line
    from compact.spectrum import phase_noise, psd, read_signal, read_spectrum
    from compact.spectrumplot import plot_spectrum

    terminal = Terminal(as_json)
    asked.data_file(data)
    asked.one_of("shape of a line", shape, SHAPES)
    asked.plot_file(plot)
    hertz = asked.number("--resolution", resolution, "Hz") if resolution else None
    low, high = float("-inf"), float("inf")
    if band:
        parts = band.split(":")
        if len(parts) != 2:
            raise WrongUse(f"--band '{band}' is not LOW:HIGH, such as 5G:7G")
        low, high = (asked.number("--band", x, "Hz") for x in parts)
    extra: dict[str, Any] = {}
    with terminal.step("fitting"):
        if trace:
            signal = read_signal(data, columns)
            if shape == "lorentzian":
                line = trace_line(signal.time, signal.signal, source=signal.source)
                fine = max(line.width / 4, 8 / signal.duration) if hertz is None else hertz
                spectrum = psd(signal.time, signal.signal, fine, signal.source)
            else:
                spectrum = psd(signal.time, signal.signal, hertz, signal.source)
                line = fit_line(spectrum, shape, low=low, high=high)
            noise = phase_noise(signal.time, signal.signal, min(40 * line.width, 0.5 * line.centre), signal.source)
            extra["phase_noise"] = noise
        else:
            number = asked.number("--averages", averages, "1") if averages else None
            spectrum = read_spectrum(data, columns, resolution=hertz, averages=number)
            line = fit_line(spectrum, shape, low=low, high=high)
    files = []
    if plot:
        asked.folder(plot.parent)
        with asked.writing(plot):
            files.append(plot_spectrum(spectrum, plot, line))
    terminal.say(line.report().rstrip())
    if trace:
        from compact.units import format_si

        terminal.say(f"  phase noise gives a linewidth of {format_si(noise.linewidth, 'Hz', noise.stderr)}")
    terminal.paths(files)
    terminal.result("linewidth", line=line, resolved=line.resolved, unit=spectrum.unit, files=files, **extra)


def extract(
    card: Annotated[str, typer.Argument(metavar="CARD", help="Card of a macrospin: a file or a published name.")],
    out: CardFile = None,
    state: Annotated[str, typer.Option(metavar="p|ap", help="State of rest.")] = "p",
    field: Annotated[
        str | None, typer.Option(metavar="X,Y,Z", help="Applied field in A/m, in place of the card's.")
    ] = None,
    alpha: Annotated[str | None, typer.Option(metavar="NUMBER", help="Gilbert damping, for cards without it.")] = None,
    temperature: Kelvin = None,
    to: Annotated[str, typer.Option(metavar="RATIO", help="Largest current over threshold that is followed.")] = "2",
    name: Name = None,
    plot: PlotFile = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Oscillator card of a macrospin card.

    Threshold, resonance, damping, drive and energy from the linearised equation, nonlinear damping and frequency shift
    from its limit cycles; says where the oscillator departs from the magnet. Writes a card and a plot.
    """
    from compact.extraction import ZETAS
    from compact.extraction import extract as reduce
    from compact.physics.macrospin import Macrospin
    from compact.spectrumplot import plot_extraction

    terminal = Terminal(as_json)
    asked.one_of("state", state.lower(), ("p", "ap"))
    asked.plot_file(plot)
    asked.card_name(name)
    loaded: ParameterSet = asked.card(card)
    others: dict[str, Any] = {}
    if field:
        parts = [asked.number("--field", x, "A/m") for x in field.split(",")]
        if len(parts) != 3:
            raise WrongUse(f"--field '{field}': three components are expected, such as 0,0,160k")
        others["h_ext"] = tuple(parts)
    if alpha:
        others["alpha"] = asked.number("--alpha", alpha, "1")
    if temperature:
        others["temperature"] = asked.kelvin(temperature)
    top = asked.number("--to", to, "1")
    zetas = [z for z in ZETAS if z < top - 1e-9] + [top]
    if top <= 1 or len(zetas) < 2:
        raise WrongUse(f"--to {to}: must be above {ZETAS[0]:g}, the lowest current over threshold that is followed")
    with asked.wrong_use():
        Macrospin.from_card(loaded, **others)
    with terminal.step("following limit cycles"):
        found = reduce(loaded, state=1 if state.lower() == "p" else -1, name=name, zetas=zetas, **others)
        new = found.card
    target = out or Path(f"{new.name}.json")
    asked.folder(target.parent)
    with asked.writing(target):
        new.save(target)
        files = [target, plot_extraction(found, plot or target.with_suffix(".png"))]
    terminal.say(found.report().rstrip())
    terminal.say("\nwritten")
    terminal.paths(files)
    rows = [{"zeta": z, "power": p, "frequency": f} for z, p, f in found.departures()]
    cycles = [
        {"zeta": c.zeta, "current": c.current, "frequency": c.frequency, "amplitude": c.amplitude, "mean": c.mean}
        for c in found.cycles
    ]
    terminal.result(
        "extract", card=new.name, model=new.model, values=new.values, ellipticity=found.at_threshold.ellipticity,
        cycles=cycles, departures=rows, notes=new.notes, files=files,
    )  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the command line."""
    app.command("fit-oscillator")(fit_oscillator)
    app.command("fit-diode")(fit_diode)
    app.command()(linewidth)
    app.command()(extract)
