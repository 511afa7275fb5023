"""Injection locking of a spin-torque oscillator: the band of frequencies that it follows, against injected power."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compact.analysis import Tran
from compact.circuits.base import Setting, Testbench
from compact.circuits.resonant import BIAS, LOAD, STO, ResonantCircuit, against, is_noisy, slow_frequency, whole
from compact.errors import DataError
from compact.measure import Measure
from compact.microwave import LockingBand, locking_band
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.technology import Technology
from compact.units import format_si

if TYPE_CHECKING:
    from compact.waveform import Waveforms

__all__ = ["StoLock"]

WEAK = 0.05
"""Derived half band over the rate at which the power relaxes, both as frequencies."""
SPAN = 0.5
"""How far the sweep goes to each side of the edges that closed forms expect, over the half band."""
SETTLE, WATCH = 6.0, 12.0
"""Times before and while it is watched whether an oscillator follows, in inverse half bands."""
SLIP = 0.25
"""Turns of the phase against the injected wave, while it is watched, from which on an oscillator does not follow."""


class StoLock(ResonantCircuit):
    """Many oscillators side by side, each under a wave of its own power and frequency through its load."""

    name = "sto_lock"
    title = "injection locking of spin-torque oscillators"
    template = "sto.cir.j2"
    citation = "R. Adler, Proc. IRE 34 (1946) 351; A. Slavin and V. Tiberkevich, IEEE Trans. Magn. 45 (2009) 1875"
    ports = MappingProxyType({"sto": STO})
    settings = (
        BIAS,
        LOAD,
        Setting("p_rf", None, "W", "highest available power (derived: a band that is narrow for the power)", 1e-21, 1),
        Setting("levels", 2, "1", "powers, each a quarter of the one before", 1, 10),
        Setting("points", 10, "1", "frequencies about each edge of a band", 4, 1000),
        Setting("seed", 1, "1", "seed of the thermal noise", 0, 1e6),
    )

    def _bench(
        self, card: ParameterSet, technology: Technology, values: Mapping[str, Any], netlist: Netlist
    ) -> Testbench:
        s = self._given(card, values)
        levels = whole("levels", s)
        whole("points", s)
        osc = self.oscillating(netlist, s["bias"], s["load"])
        i, rate = s["bias"], float(osc.relaxation_rate(s["bias"]))
        unit = float(osc.locking_half_band(i, osc.injected(1.0, i)))
        s = {"p_rf": (WEAK * rate / (2 * math.pi) / unit) ** 2} | s
        netlist.add_text(self.render(technology, {"noisy": is_noisy(netlist)}))
        start = float(osc.power(i))
        reference = netlist.devices["mtj"].card.values["f_ref"]  # type: ignore[attr-defined]
        circuit = netlist.circuit
        save: list[str] = []
        band = min(self._half_band(osc, s, level) for level in range(levels))
        for level in range(levels):
            peak = math.sqrt(8 * s["load"] * s["p_rf"] / 4**level)
            for k, f in enumerate((self.injected(osc, s, level) - reference).tolist()):
                x = f"{level}_{k}"
                circuit.I(f"b{x}", circuit.gnd, f"dc{x}", i)
                circuit.X(
                    f"osc{x}",
                    "sto",
                    f"dc{x}",
                    f"i{x}",
                    f"q{x}",
                    circuit.gnd,
                    p_0=start,
                    seed=int(s["seed"]) + len(save),
                )
                late = 1 / (4 * abs(f))  # a sine a quarter of a period later; the wave begins there
                sign = 1.0 if f > 0 else -1.0
                netlist.add_text(
                    f"Vi{x} si{x} 0 dc 0 sin(0 {peak!r} {abs(f)!r} {late!r})\n"
                    f"Vq{x} sq{x} 0 dc 0 sin(0 {sign * peak!r} {abs(f)!r} {2 * late!r})\n"
                    f"Ri{x} si{x} i{x} {s['load']!r}\nRq{x} sq{x} q{x} {s['load']!r}"
                )
                save += [f"xosc{x}.xmtj.a_u", f"xosc{x}.xmtj.a_v"]
        times = {"watch": SETTLE / band + SETTLE / rate}
        times["stop"] = times["watch"] + WATCH / band
        return Testbench(self.name, netlist, Tran(times["stop"], times["stop"] / 2000), tuple(save), s, times)

    def layout(self, bench: Testbench) -> dict[str, tuple[tuple[str, ...], ...]]:
        """Amplitudes in the middle and outside of the band, one column per power."""
        last = 2 * int(bench.settings["points"]) - 1
        return {
            f"power {level + 1}": tuple(
                (f"xosc{level}_{k}.xmtj.a_u", f"xosc{level}_{k}.xmtj.a_v") for k in (0, last // 2, last)
            )
            for level in range(min(int(bench.settings["levels"]), 3))
        }

    @staticmethod
    def _half_band(osc: Any, s: Mapping[str, float], level: int) -> float:
        """Half band that closed forms expect at a level of power [Hz]."""
        return float(osc.locking_half_band(s["bias"], osc.injected(s["p_rf"] / 4**level, s["bias"])))

    def injected(self, osc: Any, s: Mapping[str, float], level: int) -> NDArray[np.float64]:
        """Injected frequencies [Hz] at a level of power, shape (2 points,): dense about both edges."""
        u = np.linspace(-1, 1, int(s["points"]))
        offsets = 1 + SPAN * u * np.abs(u)
        both = np.concatenate([-offsets[::-1], offsets])
        return np.asarray(float(osc.frequency(s["bias"])) + self._half_band(osc, s, level) * both)

    def followed(
        self, waveforms: Waveforms, bench: Testbench, level: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Injected frequencies at a level of power, and those of the oscillators [Hz], shape (2 points,) each."""
        t, at = waveforms.axis, bench.times
        reference = bench.netlist.devices["mtj"].card.values["f_ref"]  # type: ignore[attr-defined]
        asked = self.injected(self.oscillator(bench.netlist, bench.settings["load"]), bench.settings, level)
        found = []
        for k in range(len(asked)):
            x = f"xosc{level}_{k}.xmtj"
            wave = waveforms[f"{x}.a_u"] + 1j * waveforms[f"{x}.a_v"]
            found.append(reference + slow_frequency(t, wave, at["watch"], at["stop"]))
        return asked, np.array(found)

    def band(self, waveforms: Waveforms, bench: Testbench, level: int) -> LockingBand:
        """Band of frequencies that are followed at a level of power.

        Raises
        ------
        DataError
            If none is.
        """
        watched = bench.times["stop"] - bench.times["watch"]
        return locking_band(*self.followed(waveforms, bench, level), SLIP / watched)

    def measures(self, waveforms: Waveforms, bench: Testbench) -> list[Measure]:
        """Whole band and its middle at each power, and the exponent of band against power."""
        s, osc = bench.settings, self.oscillator(bench.netlist, bench.settings["load"])
        free = float(osc.frequency(s["bias"]))
        result, widths = [], []
        for level in range(int(s["levels"])):
            power = s["p_rf"] / 4**level
            closed = 2 * self._half_band(osc, s, level)
            try:
                found = self.band(waveforms, bench, level)
                width, middle = found.width, (found.low + found.high) / 2 - free
            except DataError:
                width = middle = math.nan
            widths.append(width)
            about = f"locked at {format_si(float(f'{power:.3g}'), 'W')} available, sqrt(1 + nu^2) included"
            result.append(against(f"band_{level + 1}", width, closed, 0.05, "Hz", about))
            result.append(
                Measure(
                    f"offset_{level + 1}", middle, "Hz", -0.1 * closed, 0.1 * closed, "its middle, from the free one"
                )
            )
        if len(widths) > 1:
            slope = (
                math.log(widths[0] / widths[-1]) / ((len(widths) - 1) * math.log(4)) if min(widths) > 0 else math.nan
            )
            result.append(
                Measure("exponent", slope, "1", 0.45, 0.55, "of the band against the power; 1/2 for weak waves")
            )
        return result
