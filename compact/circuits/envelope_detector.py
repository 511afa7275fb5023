"""Demodulator: amplitude-modulated waves rectified by a spin-torque diode."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from compact.analysis import Tran
from compact.circuits.base import Setting, Testbench
from compact.circuits.diode import DIODE, DiodeCircuit
from compact.circuits.resonant import STO, against, is_noisy, mean_phasor
from compact.measure import Measure, average
from compact.microwave import johnson_noise, noise_equivalent_power
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.physics.oscillator_load import at_bias
from compact.technology import Technology

if TYPE_CHECKING:
    from compact.waveform import Waveforms

__all__ = ["EnvelopeDetector"]

SLOWER = 40.0
"""Rate at which the amplitude of the junction settles over the derived modulation, both in rad/s."""
SETTLE = 10.0


class EnvelopeDetector(DiodeCircuit):
    """A carrier that is modulated by a sine, and what the diode makes of it."""

    name = "envelope_detector"
    example = "fang_2016"
    title = "demodulator of amplitude-modulated waves with a spin-torque diode"
    template = "sto.cir.j2"
    citation = "A. A. Tulapurkar et al., Nature 438 (2005) 339"
    ports = MappingProxyType({"sto": STO})
    settings = (
        *DIODE,
        Setting("depth", 0.5, "1", "modulation of the amplitude", 0, 1),
        Setting("f_m", None, "Hz", "modulation (derived: a fortieth of where the junction cannot follow)", 1, 1e12),
        Setting("c_video", 0.1e-12, "F", "capacitor across the diode", 1e-18, 1e-3),
        Setting("periods", 2, "1", "periods of the modulation that are measured", 1, 1e6),
        Setting("seed", 1, "1", "seed of the thermal noise", 0, 1e6),
    )

    def _bench(
        self, card: ParameterSet, technology: Technology, values: Mapping[str, Any], netlist: Netlist
    ) -> Testbench:
        s = self._given(card, values)
        osc, s = self.rectifying(netlist, s)
        rate = float(osc.relaxation_rate(s["bias"])) / 2
        s = {"f_m": rate / SLOWER / (2 * math.pi)} | s
        netlist.add_text(self.render(technology, {"noisy": is_noisy(netlist)}))
        circuit, peak = netlist.circuit, self.wave(s)
        netlist.add_text(f"Vrf rf 0 dc {peak!r} sin({peak!r} {peak * s['depth']!r} {s['f_m']!r})")
        circuit.R("source_i", "rf", "rf_i", s["load"])
        circuit.R("source_q", "rf_q", circuit.gnd, s["load"])
        circuit.I("bias", circuit.gnd, "slow", s["bias"])
        circuit.C("video", "slow", circuit.gnd, s["c_video"])
        circuit.X("osc", "sto", "slow", "rf_i", "rf_q", circuit.gnd, p_0=0.0, seed=int(s["seed"]))
        times = {"steady": SETTLE / rate}
        times["stop"] = times["steady"] + s["periods"] / s["f_m"]
        return Testbench(
            self.name,
            netlist,
            Tran(times["stop"], 1 / (200 * s["f_m"])),
            ("rf", "slow", "xosc.xmtj.a_u", "xosc.xmtj.a_v"),
            s,
            times,
        )

    def measures(self, waveforms: Waveforms, bench: Testbench) -> list[Measure]:
        """Recovered amplitude and its distortion, sensitivity, noise-equivalent power by Johnson noise alone."""
        s, at, t = bench.settings, bench.times, waveforms.axis
        osc, slow = self.oscillator(bench.netlist, s["load"]), waveforms["slow"]
        i, begin = s["bias"], at["stop"] - s["periods"] / s["f_m"]
        # Quasi-static: what each momentary power would give.
        turn = np.linspace(0, 2 * math.pi, 64, endpoint=False)
        powers = s["p_rf"] * (1 + s["depth"] * np.sin(turn)) ** 2
        ideal = np.array([self.signal(osc, s, bench.netlist, float(p)) if p > 0 else 0.0 for p in powers])
        closed = [2 * abs(np.mean(ideal * np.exp(-1j * k * turn))) for k in (1, 2)]
        first, second = (abs(mean_phasor(t, slow, k * s["f_m"], begin, at["stop"])) for k in (1, 2))
        base = float(at_bias(osc, i).voltage)
        rise = average(t, slow, begin, at["stop"]) - base
        mean_power = float(np.mean(powers))
        about = "rectified over mean available power; 1 V/W is 1 mV/mW"
        noise = math.inf if is_noisy(bench.netlist) else 0.0
        resistance = 1 / float(at_bias(osc, i).conductance)
        sensitivity = rise / mean_power
        return [
            against("recovered", first, closed[0], 0.05, "V", "peak of the recovered modulation", noise),
            against(
                "distortion",
                second / first if first else math.nan,
                closed[1] / closed[0] if closed[0] else math.nan,
                0.1,
                "1",
                "second harmonic over the first; a quarter of the depth for a square law",
                0.005 + noise,
            ),
            against("sensitivity", sensitivity, float(np.mean(ideal)) / mean_power, 0.05, "V/W", about, noise),
            Measure(
                "nep",
                noise_equivalent_power(johnson_noise(resistance), sensitivity),
                "W",
                0,
                description="noise-equivalent power in 1 Hz, by the Johnson noise of dV/dI alone",
            ),
        ]
