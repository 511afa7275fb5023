"""Probabilistic bit: a superparamagnetic junction and three transistors whose mean output is a sigmoid of the input.

The junction moves one inverter over a part of its swing: the output is analogue, and smooth in the input. Two buffers
make it digital, and steep where the current does not favour one state.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import OptimizeWarning, brentq, curve_fit

from compact.analysis import Tran
from compact.circuits.base import Circuit, Junction, Setting, Testbench
from compact.circuits.trng import correlation_time
from compact.errors import CircuitError
from compact.measure import Measure, average, energy
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.technology import Device, Technology

if TYPE_CHECKING:
    from compact.waveform import Waveforms

__all__ = ["Pbit", "inverter_threshold"]

REACH = 2.5
SETTLING = 3
"""Correlation times after a step of the input that do not count."""


class Pbit(Circuit):
    """One p-bit whose input climbs in steps, on each of which the output is averaged."""

    name = "pbit"
    title = "probabilistic bit of three transistors and a superparamagnetic junction"
    template = "pbit.cir.j2"
    citation = "K. Y. Camsari, S. Salahuddin, S. Datta, IEEE Electron Device Lett. 38 (2017) 1767"
    junction = "telegraph"
    example = "schnitzspan_2023"
    ports = MappingProxyType({"pbit": ("in", "out", "vj", "vdd", "vss"), "pbit_buffer": ("in", "out", "vdd", "vss")})
    settings = (
        Setting("points", 15, "1", "input voltages", 5, 1001),
        Setting("samples", 60, "1", "correlation times of the junction that each of them lasts", 5, 1e6),
        Setting("seed", 1, "1", "seed of the junction", 0, 1e6),
        Setting("v_low", None, "V", "first input (derived: 1/2.5 of the current that can pull the output up)", 0, 20),
        Setting("v_high", None, "V", "last input (derived: 2.5 times the current that surely does)", 0, 20),
        Setting(
            "v_junction",
            None,
            "V",
            "voltage across the junction at which the inverter turns (derived: a sixth of the supply, at most 0.4 V)",
            1e-3,
            5,
        ),
        Setting("v_j", None, "V", "supply of the junction (derived: threshold of the inverter + v_junction)", 0.05, 20),
        Setting("vdd", None, "V", "supply of the inverter (derived: that of the core transistors)", 0.1, 20),
        Setting("w_n", None, "m", "nMOS of the inverter (derived: twice the narrowest)", 1e-8, 1e-3),
        Setting("w_p", None, "m", "pMOS of the inverter (derived: twice w_n)", 1e-8, 1e-3),
        Setting(
            "w_sink", None, "m", "nMOS below the junction (derived: half the supply turns the inverter)", 1e-8, 1e-3
        ),
        Setting("buffers", 0, "1", "inverters after the three transistors, for full swing: 0, 2 or 4", 0, 4),
        Setting("c_load", 1e-15, "F", "load of the output", 0, 1e-9),
    )

    def _bench(
        self, card: ParameterSet, technology: Technology, values: Mapping[str, float | None], netlist: Netlist
    ) -> Testbench:
        given = {name: value for name, value in values.items() if value is not None}
        for name in ("points", "seed"):
            if given[name] != int(given[name]):
                raise CircuitError(f"setting '{name}' = {given[name]:g} must be a whole number")
        if given["buffers"] % 2:
            raise CircuitError(f"setting 'buffers' = {given['buffers']:g} must be even: 0, 2 or 4")
        nmos, pmos, junction = technology.device("nmos"), technology.device("pmos"), Junction(card)
        s = {"vdd": nmos.vdd, "w_n": 2 * nmos.min_width} | given
        s = {"v_junction": min(s["vdd"] / 6, 0.4)} | s
        s = {"w_p": max(2 * s["w_n"], pmos.min_width)} | s
        turning = inverter_threshold(nmos, pmos, s)
        s = {"v_j": turning + s["v_junction"]} | s
        currents = [s["v_junction"] / junction.resistance(z) for z in (-1.0, 1.0)]
        middle = math.sqrt(currents[0] * currents[1])
        s = {"w_sink": max(middle / nmos.current(s["vdd"] / 2, turning), nmos.min_width)} | s

        def gate(current: float) -> float:
            def lacking(volts: float) -> float:
                return s["w_sink"] * nmos.current(volts, turning) - current

            if lacking(s["vdd"]) < 0:
                return s["vdd"]
            return float(brentq(lacking, nmos.vth, s["vdd"]))

        s = {"v_low": gate(currents[0] / REACH), "v_high": gate(REACH * currents[1])} | s
        if s["v_high"] <= s["v_low"]:
            raise CircuitError(f"setting 'v_high' = {s['v_high']:g} V must be above v_low = {s['v_low']:g} V")
        chain = [*(f"stage{k}" for k in range(1, int(s["buffers"]) + 1)), "out"]
        figures = {key: s[key] for key in ("w_n", "w_p", "w_sink")}
        netlist.add_text(self.render(technology, {**figures, "chain": chain, "links": list(pairwise(chain))}))

        memory = correlation_time(card)
        length, edge = s["samples"] * memory, memory / 20
        inputs = np.linspace(s["v_low"], s["v_high"], int(s["points"]))
        corners = [(0.0, float(inputs[0]))]
        for k, (before, after) in enumerate(pairwise(inputs.tolist()), start=1):
            corners += [(k * length, before), (k * length + edge, after)]
        circuit = netlist.circuit
        circuit.PieceWiseLinearVoltageSource("in", "in", circuit.gnd, values=corners)
        circuit.V("dd", "vdd", circuit.gnd, s["vdd"])
        circuit.V("j", "vj", circuit.gnd, s["v_j"])
        circuit.X("bit", "pbit", "in", "out", "vj", "vdd", circuit.gnd, state=1, seed=int(s["seed"]))
        if s["c_load"]:
            circuit.C("load", "out", circuit.gnd, s["c_load"])
        save = ("in", "out", "xbit.mid", "i(vdd)", "i(vj)", "xbit.xmtj.z")
        times = {"step": length, "settled": SETTLING * memory, "stop": len(inputs) * length}
        return Testbench(self.name, netlist, Tran(times["stop"], memory / 2), save, s, times)

    @staticmethod
    def sigmoid(waveforms: Waveforms, bench: Testbench) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Input voltages [V] and the mean output over the supply at each, both of shape (points,)."""
        s, at = bench.settings, bench.times
        inputs = np.linspace(s["v_low"], s["v_high"], int(s["points"]))
        starts = np.arange(len(inputs)) * at["step"]
        means = [average(waveforms.axis, waveforms["out"], t + at["settled"], t + at["step"]) for t in starts]
        return inputs, np.array(means) / s["vdd"]

    def measures(self, waveforms: Waveforms, bench: Testbench) -> list[Measure]:
        """Middle, width and ends of the sigmoid, its distance from a tanh, flips and power."""
        s, at, t = bench.settings, bench.times, waveforms.axis
        inputs, means = self.sigmoid(waveforms, bench)

        def tanh(v: NDArray[np.float64], middle: float, width: float) -> NDArray[np.float64]:
            return (1 + np.tanh((v - middle) / width)) / 2

        guess = float(np.interp(0.5, np.maximum.accumulate(means), inputs)), (s["v_high"] - s["v_low"]) / 6
        try:
            with warnings.catch_warnings():  # a step between two inputs has no covariance, which is not asked for
                warnings.simplefilter("ignore", OptimizeWarning)
                (middle, width), _ = curve_fit(tanh, inputs, means, p0=guess)
            rest = float(np.sqrt(np.mean((means - tanh(inputs, middle, width)) ** 2)))
        except RuntimeError:
            middle = width = rest = math.nan
        rates, swings = [], []
        for start in np.arange(len(inputs)) * at["step"]:
            out = waveforms["out"][(t >= start + at["settled"]) & (t <= start + at["step"])]
            rates.append(np.sum(np.diff(out > s["vdd"] / 2)) / (at["step"] - at["settled"]))
            swings.append(float(np.ptp(out)) / s["vdd"])
        busiest = int(np.argmax(rates))
        window = busiest * at["step"] + at["settled"], (busiest + 1) * at["step"]
        spent = energy(t, s["vdd"], waveforms["i(vdd)"], *window) + energy(t, s["v_j"], waveforms["i(vj)"], *window)
        power, flips = spent / (window[1] - window[0]), float(rates[busiest])
        return [
            Measure("v_middle", middle, "V", s["v_low"], s["v_high"], "input of even odds, from the fit of a tanh"),
            Measure("v_width", width, "V", 0, s["v_high"] - s["v_low"], "output is (1 + tanh((in - middle)/width))/2"),
            Measure("misfit", rest, "1", 0, 0.12, "rms distance of the mean output from the tanh"),
            Measure("mean_low", float(means[0]), "1", 0, 0.1, "mean output over the supply at v_low"),
            Measure("mean_high", float(means[-1]), "1", 0.9, 1, "the same at v_high"),
            Measure(
                "swing", max(swings), "1", 0.8 if s["buffers"] else 0.45, 1.3, "of the output over the supply, at most"
            ),
            Measure("flip_rate", flips, "1/s", 0, description="changes of the output per second, at most"),
            Measure("power", power, "W", 0, description="from both supplies where the output flips most"),
            Measure(
                "energy_per_flip", power / flips if flips else math.nan, "J", 0, description="power over flip rate"
            ),
        ]


def inverter_threshold(nmos: Device, pmos: Device, s: Mapping[str, float]) -> float:
    """Input [V] at which the inverter's output equals its input, by the drive law."""

    def excess(volts: float) -> float:
        up = s["vdd"] - volts
        return s["w_n"] * nmos.current(volts, volts) - s["w_p"] * pmos.current(up, up)

    return float(brentq(excess, 0.0, s["vdd"]))
