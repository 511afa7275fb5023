"""Frequency modulation of a spin-torque oscillator through its bias current."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from compact.analysis import Tran
from compact.circuits.base import Setting, Testbench
from compact.circuits.resonant import BIAS, LOAD, STO, ResonantCircuit, against, is_noisy, mean_phasor, phasor
from compact.measure import Measure
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.technology import Technology

if TYPE_CHECKING:
    from compact.waveform import Waveforms

__all__ = ["StoFm"]

DEPTH = 0.02
SETTLE = 10.0
"""Times in which the power relaxes before anything is measured."""


class StoFm(ResonantCircuit):
    """One oscillator, as envelope, under a sinusoidal modulation of its bias current."""

    name = "sto_fm"
    title = "frequency modulation of a spin-torque oscillator"
    template = "sto.cir.j2"
    citation = "closed forms: A. Slavin and V. Tiberkevich, IEEE Trans. Magn. 45 (2009) 1875"
    ports = MappingProxyType({"sto": STO})
    settings = (
        BIAS,
        LOAD,
        Setting("i_m", None, "A", "peak of the modulation (derived: a fiftieth of the bias)", 1e-15, 1),
        Setting("f_m", None, "Hz", "modulation (derived: a fifth of where the power cannot follow)", 1, 1e12),
        Setting("periods", 6, "1", "periods of the modulation that are measured", 1, 1e6),
        Setting("seed", 1, "1", "seed of the thermal noise", 0, 1e6),
    )

    def _bench(
        self, card: ParameterSet, technology: Technology, values: Mapping[str, Any], netlist: Netlist
    ) -> Testbench:
        s = self._given(card, values)
        osc = self.oscillating(netlist, s["bias"], s["load"])
        rate = float(osc.relaxation_rate(s["bias"]))
        s = {"i_m": DEPTH * abs(s["bias"]), "f_m": rate / (2 * math.pi) / 5} | s
        netlist.add_text(self.render(technology, {"noisy": is_noisy(netlist)}))
        netlist.add_text(f"Ibias 0 dc dc {s['bias']!r} sin({s['bias']!r} {s['i_m']!r} {s['f_m']!r})")
        circuit = netlist.circuit
        start = float(osc.power(s["bias"]))
        circuit.X("osc", "sto", "dc", "out_i", "out_q", circuit.gnd, p_0=start, seed=int(s["seed"]))
        for part in "iq":
            circuit.R(f"load_{part}", f"out_{part}", circuit.gnd, s["load"])
        times = {"steady": SETTLE / rate}
        times["stop"] = times["steady"] + s["periods"] / s["f_m"]
        save = ("dc", "out_i", "out_q", "xosc.xmtj.a_u", "xosc.xmtj.a_v")
        return Testbench(self.name, netlist, Tran(times["stop"], 1 / (100 * s["f_m"])), save, s, times)

    def measures(self, waveforms: Waveforms, bench: Testbench) -> list[Measure]:
        """Deviation of the frequency, mean frequency, amplitude modulation that comes with it."""
        s, at, t = bench.settings, bench.times, waveforms.axis
        osc, wave = self.oscillator(bench.netlist, s["load"]), phasor(waveforms, "out")
        i, f_m = s["bias"], s["f_m"]
        begin = at["stop"] - s["periods"] / f_m
        phase = np.unwrap(np.angle(wave))
        first, last = np.interp([begin, at["stop"]], t, phase)
        mean = float(last - first) / (at["stop"] - begin)
        swing = mean_phasor(t, phase - mean * (t - begin), f_m, begin, at["stop"])
        level = np.abs(wave)
        depth = abs(mean_phasor(t, level, f_m, begin, at["stop"])) / float(level[t >= begin].mean())
        reference = bench.netlist.devices["mtj"].card.values["f_ref"]  # type: ignore[attr-defined]
        noise = 3 * math.sqrt(float(osc.linewidth(i)) * f_m / s["periods"]) if is_noisy(bench.netlist) else 0.0
        return [
            against(
                "deviation",
                abs(swing) * f_m,
                abs(complex(osc.tuning(i, f_m))) * s["i_m"],
                0.05,
                "Hz",
                "peak deviation of the frequency",
                noise,
            ),
            against("frequency", reference + mean / (2 * math.pi), float(osc.frequency(i)), 0.01, "Hz", "mean"),
            Measure("index", abs(swing), "1", 0, description="modulation index, peak swing of the phase [rad]"),
            Measure("am_depth", depth, "1", 0, 0.5, "amplitude modulation that comes with it"),
        ]
