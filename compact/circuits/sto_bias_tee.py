"""Spin-torque oscillator behind a bias tee with an amplifier, every turn of the carrier followed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from compact.analysis import Tran
from compact.circuits.base import Setting, Testbench
from compact.circuits.resonant import BIAS, LOAD, ResonantCircuit, against, is_noisy, mean_phasor
from compact.errors import DataError
from compact.linefit import LEAST_LINES, trace_line
from compact.measure import Measure, crossings, first_crossing
from compact.microwave import dbm
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.technology import Technology

if TYPE_CHECKING:
    from compact.waveform import Waveforms

__all__ = ["StoBiasTee"]

REACTANCE = 50.0
"""Reactance of the choke over the load, and of the load over that of the capacitor."""
START = 1e-3
"""Power p at the start: the oscillation is seen to grow."""
SETTLE = 8.0
"""Times in which the power relaxes until it counts as steady."""
SAMPLES = 12
"""Samples of a turn for spectra."""


class StoBiasTee(ResonantCircuit):
    """One oscillator from its start; with thermal noise it runs for as long as its linewidth asks."""

    name = "sto_bias_tee"
    title = "spin-torque oscillator with bias tee and amplifier"
    template = "sto_bias_tee.cir.j2"
    citation = "closed forms: A. Slavin and V. Tiberkevich, IEEE Trans. Magn. 45 (2009) 1875"
    junction = "auto_oscillator"
    ports = MappingProxyType(
        {
            "sto_bias_tee": ("dc", "out", "vss"),
            "bias_tee": ("dc", "rf", "both"),
            "rf_amplifier": ("in", "out", "vss"),
        }
    )
    settings = (
        BIAS,
        LOAD,
        Setting("gain", 20.0, "1", "power gain of the amplifier [dB]", -60, 100),
        Setting("choke", None, "H", "choke of the bias tee (derived: 50 times the load at f_0)", 1e-15, 1),
        Setting("block", None, "F", "its capacitor (derived: a fiftieth of the load at f_0)", 1e-18, 1),
        Setting(
            "turns",
            None,
            "1",
            "turns after the start (derived: 150; with noise 2.5 times what a linewidth takes, at most 6000)",
            20,
            1e8,
        ),
        Setting("seed", 1, "1", "seed of the thermal noise", 0, 1e6),
    )

    def _bench(
        self, card: ParameterSet, technology: Technology, values: Mapping[str, Any], netlist: Netlist
    ) -> Testbench:
        s = self._given(card, values)
        osc = self.oscillating(netlist, s["bias"], s["load"])
        f, omega = float(osc.frequency(s["bias"])), 2 * math.pi * osc.f_0
        s = {"choke": REACTANCE * s["load"] / omega, "block": REACTANCE / (s["load"] * omega)} | s
        noisy = is_noisy(netlist)
        line = 2.5 * LEAST_LINES / float(osc.linewidth(s["bias"])) * f
        s = {"turns": float(math.ceil(min(line, 6000.0))) if noisy else 150.0} | s
        gain = 10 ** (s["gain"] / 20)
        netlist.add_text(
            self.render(technology, {k: s[k] for k in ("choke", "block", "load")} | {"gain": gain, "noisy": noisy})
        )
        circuit = netlist.circuit
        circuit.I("bias", circuit.gnd, "dc", s["bias"])
        circuit.X("osc", self.name, "dc", "out", circuit.gnd, p_0=START, seed=int(s["seed"]))
        circuit.R("load", "out", circuit.gnd, s["load"])
        rise = math.log(max(float(osc.power(s["bias"])) / START, 2.0)) + SETTLE
        times = {"steady": rise / float(osc.relaxation_rate(s["bias"]))}
        times["stop"] = times["steady"] + s["turns"] / f
        save = ("out", "xosc.both", "xosc.xmtj.u", "xosc.xmtj.v")
        return Testbench(self.name, netlist, Tran(times["stop"], 0.02 / f), save, s, times)

    def layout(self, bench: Testbench) -> dict[str, tuple[tuple[str, ...], ...]]:
        """The oscillation over the output."""
        return {"": (("xosc.xmtj.u",), ("out",))}

    def measures(self, waveforms: Waveforms, bench: Testbench) -> list[Measure]:
        """Frequency, power and second harmonic at the output, start, and with noise the linewidth."""
        s, at, t, out = bench.settings, bench.times, waveforms.axis, waveforms["out"]
        osc, noisy = self.oscillator(bench.netlist, s["load"]), is_noisy(bench.netlist)
        i, gain = s["bias"], 10 ** (s["gain"] / 10)
        length = at["stop"] - at["steady"]
        power, width = float(osc.power(i)), float(osc.linewidth(i))
        rises = crossings(t, out, 0.0, "rise", after=at["steady"])
        f = (len(rises) - 1) / float(rises[-1] - rises[0]) if len(rises) > 1 else math.nan
        # The phase diffuses by 2 pi width t, and so does the count of turns.
        wander = 3 * math.sqrt(width / (2 * math.pi * length)) if noisy else 0.0
        result = [against("frequency", f, float(osc.frequency(i)), 0.01, "Hz", "from the turns at the output", wander)]
        emitted = float(osc.emitted(i)) * gain
        if noisy:
            late = t >= at["steady"]
            grid = np.linspace(at["steady"], at["stop"], int(SAMPLES * length * float(osc.frequency(i))))
            swing = np.interp(grid, t[late], out[late])
            mean = float(np.mean((swing - swing.mean()) ** 2)) / s["load"]
            result.append(
                Measure("power_dbm", float(dbm(mean)), "dBm", description="into the load, behind the amplifier")
            )
            try:
                found, about = trace_line(grid, swing).width, "full width of the line"
                room = 3 * math.sqrt(2 / (math.pi * width * length))  # as many lines as the trace holds
                result.append(against("linewidth", found, width, room, "Hz", about))
            except DataError as lacking:
                result.append(Measure("linewidth", math.nan, "Hz", 0, description=f"not resolved: {lacking}"))
            return result
        first, second = (
            abs(mean_phasor(t, out, k * f, at["steady"], at["stop"])) if math.isfinite(f) else math.nan for k in (1, 2)
        )
        level, closed = first**2 / (2 * s["load"]), float(dbm(emitted))
        p = waveforms["xosc.xmtj.u"] ** 2 + waveforms["xosc.xmtj.v"] ** 2
        half = math.log(max(power / START - 1, 1.0)) / float(osc.relaxation_rate(i))
        return [
            *result,
            Measure(
                "power_dbm",
                float(dbm(level)) if level > 0 else math.nan,
                "dBm",
                closed - 0.4,
                closed + 0.4,
                f"into the load, behind the amplifier; closed form {closed:.4g} dBm",
            ),
            Measure("harmonic_2", 20 * math.log10(second / first), "1", -200, -20, "second harmonic [dB to the first]"),
            against(
                "t_half", first_crossing(t, p, power / 2, "rise"), half, 0.1, "s", "from p = 0.001 to half the power"
            ),
        ]
