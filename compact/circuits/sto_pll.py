"""Phase-locked loop around a spin-torque oscillator: phase detector, loop filter and bias current."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from compact.analysis import Tran
from compact.circuits.base import Setting, Testbench
from compact.circuits.resonant import BIAS, LOAD, STO, ResonantCircuit, against, is_noisy, mean_phasor, whole
from compact.errors import CircuitError
from compact.measure import Measure, average
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.physics.auto_oscillation import AutoOscillator
from compact.physics.oscillator_load import LoadedOscillator, loaded
from compact.technology import Technology
from compact.units import format_si

if TYPE_CHECKING:
    from compact.waveform import Waveforms

__all__ = ["StoPll"]

SLOWER = 20.0
"""Rate at which the power relaxes over the derived natural frequency, both in rad/s."""
PROBES = (0.25, 0.5, 0.9, 1.1, 2.0)
"""Frequencies of the test signals over the bandwidth that is expected."""
PROBE = 0.1
"""Their swing [rad]."""
SETTLE, PERIODS = 12.0, 5
"""Times 1/(zeta w_n) before, and periods of the slowest test signal while the loop is watched."""
LOCKED = 0.1
"""Distance from the final phase [rad] within which the loop counts as locked."""


class StoPll(ResonantCircuit):
    """The loop, closed at the start on an oscillator off the reference, and again under test signals of its phase."""

    name = "sto_pll"
    title = "phase-locked loop around a spin-torque oscillator"
    template = "sto_pll.cir.j2"
    citation = "F. M. Gardner, Phaselock Techniques (Wiley, 2005); S. Tamaru et al., Sci. Rep. 5 (2015) 18134"
    ports = MappingProxyType({"sto": STO, "sto_pll": ("dc", "out_i", "out_q", "ctl", "test", "vss")})
    settings = (
        BIAS,
        LOAD,
        Setting(
            "f_n", None, "Hz", "natural frequency (derived: a twentieth of where the power cannot follow)", 1, 1e12
        ),
        Setting("damping", 0.8, "1", "damping zeta of the loop", 0.1, 10),
        Setting("offset", None, "Hz", "free frequency less that of the reference (derived: f_n)", -1e12, 1e12),
        Setting("c_zero", 20e-12, "F", "capacitor of the loop filter", 1e-18, 1),
        Setting("c_pole", None, "F", "capacitor beside it (derived: a fortieth of c_zero)", 1e-21, 1),
        Setting("r_zero", None, "Ohm", "resistor of the loop filter (derived: gives the damping)", 1e-3, 1e15),
        Setting("gm_detector", None, "S", "transconductor behind the phase detector (derived: gives f_n)", 1e-15, 1e6),
        Setting(
            "gm_tuning", None, "S", "transconductor of the bias (derived: a fifth of the bias per volt)", 1e-12, 1e3
        ),
        Setting("r_out", 1e9, "Ohm", "output resistance of the detector's transconductor", 1, 1e15),
        Setting("seed", 1, "1", "seed of the thermal noise", 0, 1e6),
    )

    def _given(self, card: ParameterSet, values: Mapping[str, Any]) -> dict[str, Any]:
        s = super()._given(card, values)
        osc = loaded(AutoOscillator.from_card(card), s["load"])
        s = {"f_n": float(osc.relaxation_rate(s["bias"])) / SLOWER / (2 * math.pi)} | s
        return {"offset": s["f_n"]} | s

    def _reference(self, card: ParameterSet, settings: Mapping[str, Any]) -> float:
        free = super()._reference(card, settings)
        declared = {setting.name: setting.default for setting in self.settings}
        return free - float(self._given(card, declared | dict(settings))["offset"])

    @staticmethod
    def _swing(osc: LoadedOscillator, s: Mapping[str, float]) -> float:
        """Peak of the wave in the load [V]."""
        return float(np.sqrt(2 * s["load"] * osc.emitted(s["bias"])))

    def loop_gain(self, osc: LoadedOscillator, s: Mapping[str, float], f: ArrayLike) -> NDArray[np.complex128]:
        """Open-loop gain of the phase at frequencies [Hz], the lag of the power included."""
        jw = 2j * math.pi * np.asarray(f, dtype=float)
        admittance = 1 / s["r_out"] + jw * s["c_pole"] + 1 / (s["r_zero"] + 1 / (jw * s["c_zero"]))
        tuning = osc.tuning(s["bias"], f) * np.sign(float(osc.tuning(s["bias"]).real))
        gain = 2 * math.pi * tuning * s["gm_tuning"] * s["gm_detector"] * self._swing(osc, s)
        return np.asarray(gain / admittance / jw)

    def bandwidth(self, osc: LoadedOscillator, s: Mapping[str, float]) -> float:
        """Frequency [Hz] at which the closed loop follows the phase of the reference with 1/sqrt(2)."""

        def excess(log_f: float) -> float:
            gain = self.loop_gain(osc, s, math.exp(log_f))
            return float(abs(gain / (1 + gain)) - math.sqrt(0.5))

        grid = math.log(s["f_n"]) + np.linspace(-1, 5, 121)
        values = [excess(x) for x in grid]
        k = next((k for k in range(120) if values[k] > 0 >= values[k + 1]), None)
        if k is None:
            raise CircuitError(f"circuit '{self.name}': these settings close no loop of a finite bandwidth")
        return math.exp(float(brentq(excess, grid[k], grid[k + 1])))

    def _bench(
        self, card: ParameterSet, technology: Technology, values: Mapping[str, Any], netlist: Netlist
    ) -> Testbench:
        s = self._given(card, values)
        osc = self.oscillating(netlist, s["bias"], s["load"])
        whole("seed", s)
        i, w_n = s["bias"], 2 * math.pi * s["f_n"]
        tuning = float(osc.tuning(i).real)
        if not tuning:
            raise CircuitError(f"circuit '{self.name}': the current does not tune card '{card.name}'")
        s = {"c_pole": s["c_zero"] / 40, "gm_tuning": abs(i) / 5} | s
        s = {"r_zero": 2 * s["damping"] / (w_n * s["c_zero"])} | s
        unit = 2 * math.pi * abs(tuning) * s["gm_tuning"] * self._swing(osc, s)
        s = {"gm_detector": w_n**2 * (s["c_zero"] + s["c_pole"]) / unit} | s
        expected, noisy = self.bandwidth(osc, s), is_noisy(netlist)
        parts = ("c_pole", "c_zero", "r_zero", "gm_detector", "gm_tuning", "r_out")
        netlist.add_text(self.render(technology, {k: s[k] for k in parts} | {"noisy": noisy}))
        circuit = netlist.circuit
        # V_q falls with the phase where the current in the load is in phase with the amplitude.
        stable = 0.0 if tuning * float(osc.current(i)) > 0 else math.pi
        start = float(osc.power(i))
        settle = SETTLE / (s["damping"] * w_n)
        times = {"watch": settle, "stop": settle + PERIODS / (PROBES[0] * expected), "bandwidth": 1 / expected}
        for k, share in enumerate((0.0, *PROBES)):
            swing = PROBE * self._swing(osc, s) if k else 0.0
            f = share * expected or 1.0
            netlist.add_text(f"Vtest{k} test{k} 0 dc 0 sin(0 {swing!r} {f!r})\nIbias{k} 0 dc{k} dc {i!r}")
            circuit.X(
                f"pll{k}", self.name, f"dc{k}", f"out{k}_i", f"out{k}_q", f"ctl{k}", f"test{k}", circuit.gnd,
                p_0=start, phase_0=stable, seed=int(s["seed"]) + k,
            )  # fmt: skip
            for part in "iq":
                circuit.R(f"load{k}_{part}", f"out{k}_{part}", circuit.gnd, s["load"])
            netlist.initial[f"ctl{k}"] = 0.0
        nodes = tuple(f"out{k}_{part}" for k in range(len(PROBES) + 1) for part in "iq")
        save = (*nodes, "ctl0", "xpll0.xosc.xmtj.a_u", "xpll0.xosc.xmtj.a_v")
        return Testbench(self.name, netlist, Tran(times["stop"], times["stop"] / 4000), save, s, times)

    def layout(self, bench: Testbench) -> dict[str, tuple[tuple[str, ...], ...]]:
        """The loop without a test signal, and the one with the middle one."""
        tested = (len(PROBES) + 1) // 2
        return {"": (("out0_i", "out0_q"), ("ctl0",), (f"out{tested}_q",))}

    def measures(self, waveforms: Waveforms, bench: Testbench) -> list[Measure]:
        """Lock time, what is left of the phase, control voltage, bandwidth by the test signals."""
        s, at, t = bench.settings, bench.times, waveforms.axis
        osc, noisy = self.oscillator(bench.netlist, s["load"]), is_noisy(bench.netlist)
        i, w_n, expected = s["bias"], 2 * math.pi * s["f_n"], 1 / at["bandwidth"]
        wave = waveforms["out0_i"] + 1j * waveforms["out0_q"]
        phase = np.unwrap(np.angle(wave))
        late = t >= at["watch"]
        mean = average(t, phase, at["watch"], at["stop"])
        error = mean - math.pi * round(mean / math.pi)  # the detector is zero at both
        rms = math.sqrt(max(average(t, (phase - mean) ** 2, at["watch"], at["stop"]), 0.0))
        off = np.abs(phase - mean) > LOCKED
        lock = float(t[np.flatnonzero(off)[-1]]) if off.any() else 0.0
        if off[late].any():
            lock = math.nan
        # A step of the frequency: its phase rings as (step/w_n) exp(-zeta w_n t), or slower.
        ring = max(math.log(max(abs(s["offset"]) / s["f_n"] / LOCKED, math.e)), 1.0) / (s["damping"] * w_n)
        swing = self._swing(osc, s)
        drawn = average(t, waveforms["ctl0"], at["watch"], at["stop"])
        tuning = float(osc.tuning(i).real)
        followed = []
        for k, share in enumerate(PROBES, start=1):
            found = mean_phasor(t, waveforms[f"out{k}_q"], share * expected, at["watch"], at["stop"])
            followed.append(abs(found) / (PROBE * swing))
        bandwidth = _falls(np.array(PROBES) * expected, np.array(followed))
        wander = math.sqrt(math.pi * float(osc.linewidth(i)) / (2 * s["damping"] * w_n))
        result = [
            Measure(
                "residual_phase", error, "1", -0.05 - wander * noisy, 0.05 + wander * noisy, "mean phase error [rad]"
            ),
            Measure(
                "control",
                drawn,
                "V",
                -1,
                1,
                f"voltage that holds it; slope of the tuning {-s['offset'] / tuning / s['gm_tuning']:.4g} V",
            ),
        ]
        if noisy:
            window = (at["stop"] - at["watch"]) * s["damping"] * w_n
            room = 3 / math.sqrt(2 * window)
            result.append(
                against("phase_rms", rms, wander, room, "1", "phase under noise [rad], white noise of frequency")
            )
        else:
            result.append(
                Measure(
                    "lock_time",
                    lock,
                    "s",
                    0,
                    2 * ring,
                    f"to 0.1 rad; the phase rings down in {format_si(float(f'{ring:.3g}'), 's')}",
                )
            )
            result.append(against("bandwidth", bandwidth, expected, 0.05, "Hz", "of the closed loop, -3 dB"))
            result.append(
                Measure(
                    "peaking", 20 * math.log10(max(followed)), "1", -1, 6, "of the closed loop at a test signal [dB]"
                )
            )
        return result


def _falls(f: NDArray[np.float64], gain: NDArray[np.float64]) -> float:
    """Frequency at which a gain falls through 1/sqrt(2), by interpolation in logarithms; nan if it does not."""
    level = np.log(gain) - math.log(math.sqrt(0.5))
    for k in range(len(f) - 1):
        if level[k] > 0 >= level[k + 1]:
            share = level[k] / (level[k] - level[k + 1])
            return float(f[k] * (f[k + 1] / f[k]) ** share)
    return math.nan
