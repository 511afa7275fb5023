"""Three uses of one resonant junction by bias alone: diode, oscillator, injection-locked detector.

Below its threshold a small alternating current at resonance makes a DC voltage (spin-torque diode); above it the
junction oscillates by itself; and there the same small alternating current, close enough to the oscillation, locks it
and so moves the DC voltage by far more than it could rectify below (B. Fang et al., Nat. Commun. 7, 11259 (2016)). All
from the emitted models in a circuit simulator, beside the closed forms of `compact.physics.auto_oscillation`.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact.analysis import Tran
from compact.bench import Figure, Regime, seconds_of
from compact.constants import ZERO_CELSIUS
from compact.errors import DataError, ParameterError
from compact.files import staged
from compact.linefit import trace_line
from compact.measure import average
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.physics.auto_oscillation import AutoOscillator
from compact.simulators import Simulator, get_simulator
from compact.spectrum import psd
from compact.units import format_si

__all__ = ["RESONANT", "Effort", "Resonance", "run_resonance"]

Array = NDArray[np.float64]

RESONANT = ("auto_oscillator", "auto_oscillator_envelope")
"""Models that this is for."""
DIODE_BIASES = (0.0, 0.7)
OVERDRIVE = 1.5
"""Current of the oscillator over the threshold."""
FORCE = 0.01
"""Drive of the amplitude over its damping rate: small enough for the linear response without bias."""
SETTLE = 8.0
"""Times in which the amplitude relaxes before anything is measured."""
PERIODS = 40
LINE_TIMES = 60.0
"""Length of the envelope behind the line of the oscillator, in inverse linewidths."""
LOCKED = 0.95
"""Share of the power that is coherent with the injected current, from which on the oscillator counts as locked."""


@dataclass(frozen=True)
class Effort:
    """How much is simulated.

    Parameters
    ----------
    diode : int
        Frequencies of each diode spectrum.
    turns : int
        Periods behind the spectrum of the oscillator.
    detector : int
        Frequencies of the injected current.
    steps : int
        Most steps of the envelope behind the line of the oscillator.
    """

    diode: int = 25
    turns: int = 4000
    detector: int = 33
    steps: int = 400_000


LIGHT = Effort(diode=9, turns=600, detector=17, steps=40_000)
"""For simulators without compiled models."""


@dataclass(frozen=True)
class Resonance:
    """What `run_resonance` found.

    Parameters
    ----------
    card : ParameterSet
        The card.
    simulator : str
        Where the emitted models ran.
    i_rf, p_rf : float
        Peak of the alternating current [A] and the power [W] that the resting junction takes from it.
    diode, oscillator, detector : Regime
        The uses.
    notes : tuple of str
        What was assumed.
    temperature : float
        Temperature [degC].
    """

    card: ParameterSet
    simulator: str
    i_rf: float
    p_rf: float
    diode: Regime
    oscillator: Regime
    detector: Regime
    notes: tuple[str, ...] = ()
    temperature: float = 27.0

    @property
    def all(self) -> tuple[Regime, Regime, Regime]:
        """The three."""
        return self.diode, self.oscillator, self.detector

    def rows(self) -> list[tuple[str, str, str, str, str]]:
        """Figures for a table."""
        shared = ("all", "RF power", _shown(self.p_rf, "W"), "", f"{_shown(self.i_rf, 'A')} peak, absorbed at rest")
        return [shared, *(figure.row(regime.name) for regime in self.all for figure in regime.figures)]

    def content(self) -> dict[str, Any]:
        """Figures for JSON, in SI units."""
        return {
            "card": self.card.name,
            "model": self.card.model,
            "simulator": self.simulator,
            "i_rf": self.i_rf,
            "p_rf": self.p_rf,
            "notes": self.notes,
            "regimes": {
                regime.name: {
                    "shown": True,
                    "seconds": regime.seconds,
                    "figures": [
                        {"name": f.name, "value": f.value, "stderr": f.stderr, "unit": f.unit}
                        | {"closed_form": f.reference, "what": f.what}
                        for f in regime.figures
                    ],
                }
                for regime in self.all
            },
        }

    def save(self, folder: Path) -> list[Path]:
        """Write figures, curves and a plot into a folder; each file is there whole or not at all."""
        from compact.resonanceplot import plot_resonance
        from compact.terminal import plain

        stem = f"{self.card.name}_regimes"
        written = [folder / f"{stem}.json"]
        with staged(written[0]) as path:
            path.write_text(json.dumps(plain(self.content()), indent=2, ensure_ascii=False) + "\n")
        for regime in self.all:
            written.append(folder / f"{stem}_{regime.name}.csv")
            with staged(written[-1]) as path, path.open("w", newline="") as file:
                writer = csv.writer(file)
                columns = {k: v for k, v in regime.curves.items() if "[" in k}
                writer.writerow(columns)
                writer.writerows([f"{x:.9g}" for x in row] for row in zip(*columns.values(), strict=True))
        written.append(plot_resonance(self, folder / f"{stem}.png"))
        return written


class _Bench:
    """Junctions of one card in a simulator, each driven by a current of its own."""

    def __init__(self, card: ParameterSet, simulator: Simulator, timeout: float | None, temperature: float):
        self.simulator, self.timeout, self.temperature = simulator, timeout, temperature
        carrier = {k: v for k, v in card.values.items() if k not in ("f_ref", "r_in")}
        self.carrier = ParameterSet("auto_oscillator", "carrier", carrier)
        self.seconds = 0.0

    def envelope(self, f_ref: float, name: str) -> ParameterSet:
        return ParameterSet("auto_oscillator_envelope", name, {**self.carrier.values, "f_ref": f_ref})

    def run(self, netlist: Netlist, analysis: Tran, save: list[str]) -> Any:
        waves = self.simulator.run(netlist, analysis, save=save, temperature=self.temperature, timeout=self.timeout)
        self.seconds += seconds_of(waves)
        return waves

    def rectified(self, cases: Sequence[tuple[float, float, float]], stop: float, settle: float) -> Array:
        """Mean voltage of the carrier model [V] for (bias [A], peak [A], frequency [Hz]), after `settle` [s]."""
        netlist = Netlist("diode spectrum")
        netlist.use(self.carrier, "osc")
        for k, (bias, peak, f) in enumerate(cases):
            netlist.add_text(f"I{k} 0 n{k} dc {bias!r} sin({bias!r} {peak!r} {f!r})\nX{k} n{k} 0 osc p_0=1e-12")
        waves = self.run(netlist, Tran(stop=stop, step=stop / 1000), [f"n{k}" for k in range(len(cases))])
        means = []
        for k, (_, _, f) in enumerate(cases):
            start = stop - math.floor((stop - settle) * f) / f
            means.append(average(waves.axis, waves[f"n{k}"], start, stop))
        return np.array(means)


def run_resonance(
    card: ParameterSet,
    simulator: str = "vacask",
    *,
    seed: int = 1,
    temperature: float = 27.0,
    timeout: float | None = 300.0,
    effort: Effort | None = None,
    step: Callable[[str], AbstractContextManager[None]] | None = None,
) -> Resonance:
    """Show one card as diode, oscillator and injection-locked detector.

    Parameters
    ----------
    card : ParameterSet
        A card of one of `RESONANT`.
    simulator : str
        Circuit simulator.
    seed : int
        Seed of the thermal noise of the oscillator.
    temperature : float
        [degC].
    timeout : float, optional
        Limit of each simulation [s]; None for none.
    effort : Effort, optional
        How much is simulated; by default as much as suits the simulator.
    step : callable, optional
        Given a text, a context in which the step it describes is done.

    Returns
    -------
    Resonance

    Raises
    ------
    ParameterError
        If the card is of another model, or nothing couples its current to the oscillation.
    SimulatorNotFound, SimulationError
        As `Simulator.run`.
    """
    if card.model not in RESONANT:
        raise ParameterError(
            f"card '{card.name}' of model {card.model} is no resonant junction ({', '.join(RESONANT)})"
        )
    doing = step or (lambda _: nullcontext())
    engine = get_simulator(simulator)
    if effort is None:
        effort = Effort() if engine.name == "vacask" or engine.find().get("osdi") else LIGHT
    osc = AutoOscillator.from_card(card, temperature + ZERO_CELSIUS)
    torque = abs(complex(np.asarray(osc.torque(0.0)).item()))
    if torque == 0 or osc.cos_u == 0:
        raise ParameterError(f"card '{card.name}': torque_ip or cos_u is 0: no current drives, or nothing is seen")
    bench = _Bench(card, engine, timeout, temperature)
    i_rf = 2 * FORCE * osc.gamma_g / torque
    assert osc.junction is not None
    p_rf = i_rf**2 / 2 / float(osc.junction.at(0.0).conductance)
    with doing(f"diode in {simulator}"):
        diode = _diode(bench, osc, i_rf, p_rf, effort)
    with doing(f"oscillator in {simulator}"):
        oscillator = _oscillator(bench, osc, seed, effort)
    with doing(f"injection-locked detector in {simulator}"):
        detector = _detector(bench, osc, i_rf, p_rf, effort)
    return Resonance(card, simulator, i_rf, p_rf, diode, oscillator, detector, temperature=temperature)


def _diode(bench: _Bench, osc: AutoOscillator, i_rf: float, p_rf: float, effort: Effort) -> Regime:
    """DC voltage against frequency, without bias and with one below threshold."""
    bench.seconds = 0.0
    offsets = np.tan(np.linspace(-1.3, 1.3, effort.diode))  # dense where the line is
    curves: dict[str, Any] = {}
    figures = []
    for share in DIODE_BIASES:
        bias = share * osc.i_th
        half = osc.gamma_g * (1 - share) / (2 * math.pi)
        centre = float(osc.frequency(bias))
        f = centre + half * offsets
        settle = SETTLE / (osc.gamma_g * (1 - share))
        cases = [(bias, i_rf, float(x)) for x in f] + [(bias, 0.0, centre)]
        found = bench.rectified(cases, settle + PERIODS / centre, settle)
        volts = found[:-1] - found[-1]
        expected = np.asarray(osc.spectrum(f, i_rf, bias))
        k = int(np.argmax(np.abs(volts - np.median(volts[[0, -1]]))))
        tag = f"{share:g} I_th"
        curves |= {f"f_{share:g}[Hz]": f, f"v_{share:g}[V]": volts, f"closed_{share:g}[V]": expected}
        about = f"at {_shown(f[k], 'Hz')}, over the RF power; 1 V/W is 1 mV/mW"
        figures.append(
            Figure(f"sensitivity, {tag}", volts[k] / p_rf, "V/W", about, math.nan, float(expected[k]) / p_rf)
        )
    return Regime("diode", None, tuple(figures), curves, seconds=bench.seconds)


def _oscillator(bench: _Bench, osc: AutoOscillator, seed: int, effort: Effort) -> Regime:
    """Frequency and power with the carrier, and the line, for which the envelope is followed for longer."""
    bench.seconds = 0.0
    bias, power = OVERDRIVE * osc.i_th, float(osc.power(OVERDRIVE * osc.i_th))
    f, settle = float(osc.frequency(bias)), SETTLE / float(osc.relaxation_rate(bias))
    stop = settle + effort.turns / f
    netlist = Netlist("oscillator")
    netlist.use(bench.carrier, "osc", noise=True)
    netlist.add_text(f"I1 0 out dc {bias!r}\nX1 out 0 osc seed={seed} p_0={power!r}")
    waves = bench.run(netlist, Tran(stop=stop, step=0.02 / f), ["out", "x1.u", "x1.v"])
    late = waves.axis >= settle
    time, c = waves.axis[late], (waves["x1.u"] + 1j * waves["x1.v"])[late]
    phase = np.unwrap(np.angle(c))
    counted = float(phase[-1] - phase[0]) / (2 * math.pi * float(time[-1] - time[0]))
    width = float(osc.linewidth(bias))
    # The phase diffuses by 2 pi width t.
    scatter = math.sqrt(width / (2 * math.pi * float(time[-1] - time[0])))
    mean = float(np.trapezoid(np.abs(c) ** 2, time) / (time[-1] - time[0]))
    v_mean = average(time, waves["out"][late])
    swing = math.sqrt(2 * average(time, (waves["out"][late] - v_mean) ** 2))
    line, curves, about = _line(bench, osc, bias, f, width, power, seed, effort)
    figures = (
        Figure("frequency", counted, "Hz", f"turns in {_shown(stop - settle, 's')} with noise", scatter, f),
        Figure("power", mean, "1", "mean of |c|^2", math.nan, float(osc.mean_power(bias))),
        Figure("swing", swing, "V", f"peak of the voltage at {OVERDRIVE:g} I_th"),
        Figure("linewidth", line[0], "Hz", about, line[1], width),
    )
    return Regime("oscillator", None, figures, curves, seconds=bench.seconds)


def _line(
    bench: _Bench, osc: AutoOscillator, bias: float, f: float, width: float, power: float, seed: int, effort: Effort
) -> tuple[tuple[float, float], dict[str, Any], str]:
    """Full linewidth and its error [Hz], the spectrum behind it, and what to say of it."""
    card = bench.envelope(f, "slow")
    slot = card.definition.largest_step({**card.values, "temperature": bench.temperature + ZERO_CELSIUS}, True)
    assert slot is not None
    stop = min(LINE_TIMES / width, effort.steps * slot)
    netlist = Netlist("line of the oscillator")
    netlist.use(card, "osc", noise=True)
    netlist.add_text(f"I1 0 n dc {bias!r}\nX1 n 0 0 0 a b osc seed={seed} p_0={power!r}\nR1 a 0 1e9\nR2 b 0 1e9")
    waves = bench.run(netlist, Tran(stop=stop, step=slot), ["a", "b"])
    # The line is shifted to where a band of 50 linewidths on each side has room.
    middle = max(50 * width, 200 / stop)
    grid = np.linspace(0, stop, int(8 * middle * stop))
    slow = np.interp(grid, waves.axis, waves["a"]) + 1j * np.interp(grid, waves.axis, waves["b"])
    volts = np.real(slow * np.exp(2j * math.pi * middle * grid))
    spectrum = psd(grid, volts)
    near = np.abs(spectrum.frequency - middle) < 0.8 * middle
    curves = {
        "f[Hz]": spectrum.frequency[near] - middle + f,
        "density[V^2/Hz]": spectrum.density[near],
    }
    try:
        line = trace_line(grid, volts)
    except DataError as lacking:
        return (math.nan, math.nan), curves, f"not resolved: {lacking}"
    curves["fit[V^2/Hz]"] = np.asarray(line.density(spectrum.frequency[near]))
    return (line.width, line.stderr["width"]), curves, f"full, of an envelope of {_shown(stop, 's')}"


def _shown(value: float, unit: str) -> str:
    return format_si(float(f"{value:.3g}"), unit)


def _detector(bench: _Bench, osc: AutoOscillator, i_rf: float, p_rf: float, effort: Effort) -> Regime:
    """DC voltage above threshold against the frequency of a small injected current, without noise."""
    bench.seconds = 0.0
    bias = OVERDRIVE * osc.i_th
    band, free = float(osc.locking_half_band(bias, i_rf)), float(osc.frequency(bias))
    f = free + band * np.linspace(-2, 2, effort.detector)
    # Beats slow down towards the edge of the band; a hundredth of it away they take 7 band periods.
    settle = SETTLE / float(osc.relaxation_rate(bias)) + 6 / band
    stop = settle + 12 / band
    power = float(osc.power(bias))
    netlist = Netlist("injection locking")
    for k, x in enumerate([*f, free]):
        netlist.use(bench.envelope(float(x), f"osc{k}"), f"osc{k}")
        peak = i_rf if k < len(f) else 0.0
        netlist.add_text(
            f"I{k} 0 n{k} dc {bias!r}\nJ{k} 0 a{k} dc {peak!r}\nR{k} b{k} 0 1e9\nQ{k} a{k} 0 1e9\n"
            f"X{k} n{k} 0 0 0 a{k} b{k} osc{k} p_0={power!r}".replace(f"J{k}", f"Irf{k}").replace(f"Q{k}", f"Rrf{k}")
        )
    every = range(len(f) + 1)
    save = [*(f"n{k}" for k in every), *(f"x{k}.{s}" for k in every for s in ("a_u", "a_v"))]
    waves = bench.run(netlist, Tran(stop=stop, step=stop / 4000), save)
    volts = np.array([average(waves.axis, waves[f"n{k}"], settle, stop) for k in every])
    volts = volts[:-1] - volts[-1]
    held = np.array([_coherence(waves, k, settle) > LOCKED for k in every])[:-1]
    expected = np.asarray(osc.spectrum(f, i_rf, bias))
    curves = {"f[Hz]": f, "v[V]": volts, "locked[1]": held.astype(float), "closed[V]": expected}
    k = int(np.argmax(np.abs(np.where(held, volts, 0.0))))
    half = float(f[held].max() - f[held].min()) / 2 + float(f[1] - f[0]) / 2 if held.any() else 0.0
    grid = float(f[1] - f[0]) / 2
    about = f"at {format_si(float(f'{f[k]:.6g}'), 'Hz')}, locked, at {OVERDRIVE:g} I_th"
    figures = (
        Figure("locking half band", half, "Hz", "to half the distance of two frequencies", grid, band),
        Figure("sensitivity, locked", volts[k] / p_rf, "V/W", about, math.nan, float(expected[k]) / p_rf),
    )
    return Regime("detector", None, figures, curves, seconds=bench.seconds)


def _coherence(waves: Any, k: int, settle: float) -> float:
    """Share of the power that stands still against the injected current."""
    late = waves.axis >= settle
    grid = np.linspace(settle, float(waves.axis[-1]), 2000)
    a = sum(
        unit * np.interp(grid, waves.axis[late], waves[f"x{k}.{state}"][late])
        for unit, state in ((1, "a_u"), (1j, "a_v"))
    )
    return float(np.abs(np.mean(a)) ** 2 / np.mean(np.abs(a) ** 2))
