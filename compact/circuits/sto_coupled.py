"""Spin-torque oscillators that are coupled through the load that they share, in series or in parallel."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compact.analysis import Tran
from compact.circuits.base import Setting, Testbench
from compact.circuits.resonant import BIAS, STO, ResonantCircuit, against, is_noisy, phasor, slow_frequency, whole
from compact.errors import DataError
from compact.linefit import LEAST_LINES, trace_line
from compact.measure import Measure, average
from compact.microwave import dbm
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.physics.auto_oscillation import AutoOscillator
from compact.physics.oscillator_load import LoadedOscillator, at_bias, loaded
from compact.technology import Technology

if TYPE_CHECKING:
    from compact.waveform import Waveforms

__all__ = ["StoCoupled"]

SPREAD = 0.1
"""Derived spread of the free frequencies, from one end to the other, over the rate of the coupling."""
SETTLE = 12.0
"""Times of the coupling and of the power until the oscillators count as synchronous."""
TURNS = 60.0
"""Window without noise, in the same times."""
LINES = 3.0
"""Length with noise, in what a linewidth takes."""
MIDDLE = 50.0
"""Frequency to which the line is shifted before it is fitted, over its width."""


class StoCoupled(ResonantCircuit):
    """Oscillators of slightly different bias, their phases at the start at random."""

    name = "sto_coupled"
    title = "electrically coupled spin-torque oscillators"
    template = "sto_coupled.cir.j2"
    citation = "J. Grollier, V. Cros and A. Fert, Phys. Rev. B 73 (2006) 060409; B. Georges et al., Appl. Phys. Lett. 92 (2008) 232504"  # fmt: skip # noqa: E501
    ports = MappingProxyType({"sto": STO, "balun": ("in", "vss", "p", "n")})
    settings = (
        Setting("count", 4, "1", "oscillators", 1, 1024),
        BIAS,
        Setting("load", None, "Ohm", "shared load (derived: dV/dI of one junction at the bias)", 1e-2, 1e6),
        Setting(
            "series",
            None,
            "1",
            "1: all in series with the load, 0: all in parallel to it (derived: what couples in phase)",
            0,
            1,
        ),
        Setting(
            "spread",
            None,
            "Hz",
            "of the free frequencies, from one end to the other (derived: a tenth of what the coupling bridges)",
            0,
            1e12,
        ),
        Setting(
            "length",
            None,
            "s",
            "time that is measured (derived: 60 times of the coupling; with noise 3 times what a linewidth takes)",
            1e-12,
            1,
        ),
        Setting("seed", 1, "1", "seed of the first junction and of the phases at the start", 0, 1e6),
    )

    def _reference(self, card: ParameterSet, settings: Mapping[str, Any]) -> float:
        return float(card.values["f_0"])

    @staticmethod
    def collective(osc: AutoOscillator, s: Mapping[str, float]) -> LoadedOscillator:
        """What each of the oscillators is when all are in phase."""
        return loaded(osc, s["load"] / s["count"] if s["series"] else s["load"] * s["count"])

    @staticmethod
    def coupling(osc: AutoOscillator, s: Mapping[str, float]) -> float:
        """Rate at which a phase returns to that of all the others [1/s]; negative where they do not run in phase.

        In series each has the current of all: kappa_0 N/(N + G R) times the mean amplitude, kappa_0 being the rate at a
        short. In parallel what flows through the others takes it away: minus kappa_0 N G R/(1 + N G R). With the shift
        of the frequency by the power, phases return at Re K - nu Im K.
        """
        short = complex(loaded(osc, 1e-9).reaction(s["bias"]))
        share = s["load"] * float(at_bias(osc, s["bias"]).conductance)
        n = s["count"]
        rate = short * n / (n + share) if s["series"] else -short * n * share / (1 + n * share)
        return rate.real - float(osc.nu(s["bias"])) * rate.imag

    def _bench(
        self, card: ParameterSet, technology: Technology, values: Mapping[str, Any], netlist: Netlist
    ) -> Testbench:
        s = self._given(card, values)
        count = whole("count", s)
        osc = AutoOscillator.from_card(netlist.devices["mtj"].card)  # type: ignore[attr-defined]
        i = s["bias"]
        s = {"load": 1 / float(at_bias(osc, i).conductance)} | s
        s = {"series": float(self.coupling(osc, s | {"series": 1.0}) > 0)} | s
        whole("series", s)
        coupling, one = self.coupling(osc, s), self.collective(osc, s)
        self.oscillating(netlist, i, one.load)
        s = {"spread": SPREAD * abs(coupling) / (2 * math.pi) if count > 1 else 0.0} | s
        rate, width = float(one.relaxation_rate(i)), float(one.linewidth(i)) / count
        memory = 1 / min(rate, abs(coupling)) if count > 1 else 1 / rate
        noisy = is_noisy(netlist)
        s = {"length": LINES * LEAST_LINES / width if noisy else TURNS * memory} | s

        netlist.add_text(self.render(technology, {"noisy": noisy}))
        circuit, start = netlist.circuit, float(one.power(i))
        tuning = float(one.tuning(i).real)
        offsets = np.linspace(-0.5, 0.5, count) if count > 1 else np.zeros(1)
        if s["spread"] and abs(tuning) * abs(i) < s["spread"]:
            s["spread"] = 0.0  # the current does not tune them
        biases = i + offsets * (s["spread"] / tuning if s["spread"] else 0.0)
        random = np.random.default_rng(int(s["seed"]))
        phases = random.permutation(count) / count * 2 * math.pi - math.pi + random.uniform(0, 0.5, count)
        for k in range(count):
            ends = [f"w{k}_i", f"w{k}_q"] if s["series"] else ["out_i", "out_q"]
            circuit.I(f"b{k}", circuit.gnd, f"dc{k}", float(biases[k]))
            circuit.X(
                f"osc{k}", "sto", f"dc{k}", *ends, circuit.gnd,
                p_0=start, phase_0=float(phases[k]), seed=int(s["seed"]) + k,
            )  # fmt: skip
            if s["series"]:
                for part in "iq":
                    below = f"s{k - 1}_{part}" if k else circuit.gnd
                    above = f"s{k}_{part}" if k < count - 1 else f"out_{part}"
                    circuit.X(f"t{k}{part}", "balun", f"w{k}_{part}", circuit.gnd, above, below)
        for part in "iq":
            circuit.R(f"load_{part}", f"out_{part}", circuit.gnd, s["load"])
        times = {"steady": SETTLE * memory}
        times["stop"] = times["steady"] + s["length"]
        save = ("out_i", "out_q", *(f"xosc{k}.xmtj.{part}" for k in range(count) for part in ("a_u", "a_v")))
        step = min(times["stop"] / 200, 0.5 / float(osc.gamma_g))
        return Testbench(self.name, netlist, Tran(times["stop"], step), save, s, times)

    def layout(self, bench: Testbench) -> dict[str, tuple[tuple[str, ...], ...]]:
        """The wave in the load over the amplitudes of the first oscillators."""
        few = range(min(int(bench.settings["count"]), 4))
        return {"": (("out_i", "out_q"), tuple(f"xosc{k}.xmtj.a_u" for k in few))}

    def order(self, waveforms: Waveforms, bench: Testbench) -> NDArray[np.float64]:
        """Order parameter |mean exp(j phase)| over time, shape (n,)."""
        units = []
        for k in range(int(bench.settings["count"])):
            a = waveforms[f"xosc{k}.xmtj.a_u"] + 1j * waveforms[f"xosc{k}.xmtj.a_v"]
            units.append(a / np.maximum(np.abs(a), 1e-12))
        return np.asarray(np.abs(np.mean(units, axis=0)))

    def measures(self, waveforms: Waveforms, bench: Testbench) -> list[Measure]:
        """Order parameter, frequency and power in the load, and with noise the linewidth."""
        s, at, t = bench.settings, bench.times, waveforms.axis
        card = bench.netlist.devices["mtj"].card  # type: ignore[attr-defined]
        osc, count, i = AutoOscillator.from_card(card), s["count"], s["bias"]
        one, wave, noisy = self.collective(osc, s), phasor(waveforms, "out"), is_noisy(bench.netlist)
        window = at["steady"], at["stop"]
        order = average(t, self.order(waveforms, bench), *window)
        level = average(t, np.abs(wave) ** 2, *window) / (2 * s["load"])
        f, width = float(one.frequency(i)), float(one.linewidth(i)) / count
        found = card.values["f_ref"] + slow_frequency(t, wave, *window)
        # In phase the voltages (series) or the currents (parallel) of all add up in the load.
        closed = float(dbm(float(one.emitted(i)) * count))
        wander = 3 * math.sqrt(width / (2 * math.pi * s["length"])) if noisy else 0.0
        result = [
            Measure("order", order, "1", 0.9 if not noisy else 0.7, 1.0001, "order parameter, 1 if all are in phase"),
            against("frequency", found, f, 0.01, "Hz", "common frequency", wander),
            Measure(
                "power_dbm",
                float(dbm(level)) if level > 0 else math.nan,
                "dBm",
                closed - 1,
                closed + 1,
                f"into the load; closed form in phase {closed:.4g} dBm",
            ),
        ]
        if noisy:
            middle = MIDDLE * width
            grid = np.linspace(*window, int(8 * middle * s["length"]))
            slow = np.interp(grid, t, wave.real) + 1j * np.interp(grid, t, wave.imag)
            shift = 2j * math.pi * (middle - (f - card.values["f_ref"]))
            try:
                line = trace_line(grid, np.real(slow * np.exp(shift * grid)))
                about = "of the wave in the load; 1/N of that of one oscillator"
                room = 3 * math.sqrt(2 / (math.pi * width * s["length"]))
                result.append(against("linewidth", line.width, width, room, "Hz", about))
            except DataError as lacking:
                result.append(Measure("linewidth", math.nan, "Hz", 0, description=f"not resolved: {lacking}"))
        return result
