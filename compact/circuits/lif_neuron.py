"""Leaky integrate-and-fire neuron: a relaxation oscillator of transistors whose membrane leaks through a junction."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad

from compact.analysis import Tran
from compact.circuits.base import Circuit, Junction, Setting, Testbench
from compact.circuits.pbit import inverter_threshold
from compact.circuits.sense import NODE_CAPACITANCE
from compact.errors import CircuitError
from compact.measure import Measure, crossings, energy, value_at
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.technology import Technology

if TYPE_CHECKING:
    from compact.waveform import Waveforms

__all__ = ["LifNeuron", "lif_rate"]

FloatArray = NDArray[np.float64]
LEAST_SPIKES = 3
"""Spikes from which a rate is taken: the first interval, from rest, does not count."""
ONSET = 0.05
"""Output over the supply from which a neuron counts as firing."""
MARGIN = 1.3
"""Least input over the leak at the threshold for which a rate is asked."""
FEEDBACK = 3 / 8
"""Feedback capacitor over that of the membrane."""
FAN_OUT = 16
"""Most width that the first inverter drives, over its own."""
DOMINANT = 60
"""Least membrane capacitance over an upper estimate of what the transistors add to it."""


def lif_rate(
    current: float, leak: Callable[[float], float], c: float, v_reset: float, v_threshold: float, refractory: float
) -> float:
    """Rate of a leaky integrate-and-fire neuron [1/s], 0 below its threshold.

    1/f = refractory + integral of C dv/(I - leak(v)) from v_reset to v_threshold; with a leak v/R that is Lapicque's
    R C ln[(I R - v_reset)/(I R - v_threshold)].

    Parameters
    ----------
    current : float
        Input I [A].
    leak : callable
        Current of the leak [A] at a voltage [V], rising with it.
    c : float
        Membrane capacitance [F].
    v_reset, v_threshold : float
        Membrane after a spike and at which the next one begins [V].
    refractory : float
        From the beginning of a spike to the membrane's reset [s].

    References
    ----------
    L. Lapicque, J. Physiol. Pathol. Gen. 9, 620 (1907); W. Gerstner and W. M. Kistler, Spiking Neuron Models, Cambridge
    (2002), section 4.1.
    """
    if current <= leak(v_threshold):
        return 0.0
    integral = quad(lambda v: c / (current - leak(v)), v_reset, v_threshold)[0]
    return 1 / (refractory + integral)


class LifNeuron(Circuit):
    """Several neurons side by side, each with its own constant input current, the first below threshold."""

    name = "lif_neuron"
    title = "leaky integrate-and-fire neuron of five transistors with a junction as leak"
    template = "lif_neuron.cir.j2"
    citation = "C. Mead, Analog VLSI and Neural Systems, Addison-Wesley (1989), chapter 12 (axon hillock)"
    ports = MappingProxyType({"lif_neuron": ("m", "out", "vdd", "vss")})
    settings = (
        Setting("points", 5, "1", "inputs, each of a neuron of its own", 2, 100),
        Setting("i_low", None, "A", "first input (derived: 0.8 of the leak's current at the threshold)", 1e-12, 1),
        Setting("i_high", None, "A", "last input (derived: 4 times the leak's current at the threshold)", 1e-12, 1),
        Setting("c_membrane", None, "F", "capacitance of the membrane (derived: 0.4 pF, or what is large beside that "
                "of the transistors)", 1e-15, 1e-6),
        Setting("c_feedback", None, "F", "feedback from the output to the membrane (derived: 3/8 of c_membrane)",
                1e-16, 1e-6),
        Setting("spikes", 5, "1", "intervals that the slowest firing neuron has time for", 3, 1e4),
        Setting("vdd", None, "V", "supply (derived: that of the core transistors)", 0.1, 20),
        Setting("w_n", None, "m", "nMOS (derived: twice the narrowest, or a 16th of w_out)", 1e-8, 1e-3),
        Setting("w_p", None, "m", "pMOS (derived: as w_n)", 1e-8, 1e-3),
        Setting("w_out", None, "m", "transistors of the output (derived: carry 6 times the last input)", 1e-8, 1e-3),
        Setting("w_reset", None, "m", "reset nMOS (derived: carries 4 times the last input)", 1e-8, 1e-3),
    )  # fmt: skip

    def _bench(
        self, card: ParameterSet, technology: Technology, values: Mapping[str, float | None], netlist: Netlist
    ) -> Testbench:
        given = {name: value for name, value in values.items() if value is not None}
        for name in ("points", "spikes"):
            if given[name] != int(given[name]):
                raise CircuitError(f"setting '{name}' = {given[name]:g} must be a whole number")
        nmos, pmos, junction = technology.device("nmos"), technology.device("pmos"), Junction(card)
        s = {"vdd": nmos.vdd} | given
        least = max(2 * nmos.min_width, pmos.min_width)
        # Both are of one width where neither is given, so that the threshold is known before they are.
        threshold = inverter_threshold(nmos, pmos, {"w_n": least, "w_p": s.get("w_n", least)} | s)
        leak = -junction.current(-threshold, -1.0)
        s = {"i_low": 0.8 * leak, "i_high": 4 * leak} | s
        if s["i_high"] <= max(s["i_low"], leak):
            raise CircuitError(
                f"setting 'i_high' = {s['i_high']:g} A must be above i_low = {s['i_low']:g} A and the leak's "
                f"{leak:g} A at the threshold of {threshold:.3g} V, or no neuron fires"
            )
        s = {"w_reset": max(4 * s["i_high"] / nmos.current(s["vdd"], threshold), nmos.min_width)} | s
        s = {"w_out": max(6 * s["i_high"] / pmos.current(s["vdd"], s["vdd"] / 2), nmos.min_width, pmos.min_width)} | s
        s = {"w_n": max(least, s["w_out"] / FAN_OUT)} | s
        s = {"w_p": max(s["w_n"], pmos.min_width)} | s
        s = {"c_membrane": max(400e-15, DOMINANT * NODE_CAPACITANCE * (s["w_n"] + s["w_p"] + s["w_reset"]))} | s
        s = {"c_feedback": FEEDBACK * s["c_membrane"]} | s
        total = s["c_membrane"] + s["c_feedback"]
        jump = s["vdd"] * s["c_feedback"] / total
        if jump > threshold:
            raise CircuitError(
                f"setting 'c_feedback' = {s['c_feedback']:g} F would throw the membrane below ground: at most "
                f"{s['c_membrane'] * threshold / (s['vdd'] - threshold):.3g} F"
            )
        sizes = ("c_membrane", "c_feedback", "w_n", "w_p", "w_out", "w_reset")
        netlist.add_text(self.render(technology, {key: s[key] for key in sizes}))

        inputs = np.linspace(s["i_low"], s["i_high"], int(s["points"]))
        slowest = min(i for i in inputs if i > leak)
        resistance = threshold / leak
        interval = resistance * total * math.log(
            (slowest * resistance - threshold + jump) / max(slowest * resistance - threshold, threshold / 50)
        ) + 2 * jump * total / (3 * s["i_high"])
        stop = (s["spikes"] + 3) * interval
        circuit = netlist.circuit
        circuit.V("dd", "vdd", circuit.gnd, s["vdd"])
        for k, current in enumerate(inputs.tolist()):
            circuit.I(f"in{k}", circuit.gnd, f"m{k}", current)
            circuit.X(f"neuron{k}", "lif_neuron", f"m{k}", f"out{k}", "vdd", circuit.gnd)
            netlist.initial[f"m{k}"] = 0.0
        save = tuple(name for k in range(len(inputs)) for name in (f"m{k}", f"out{k}", f"xneuron{k}.xleak.z"))
        times = {"stop": stop, "threshold": threshold}
        netlist.options["reltol"] = 1e-3
        tran = Tran(stop, interval / 80)
        return Testbench(self.name, netlist, tran, (*save, "i(vdd)"), s, times)

    @staticmethod
    def curve(waveforms: Waveforms, bench: Testbench, card: ParameterSet) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Inputs [A], rates [1/s] of the simulation, and those of the closed form, each of shape (points,).

        The closed form takes threshold, reset and width of the spikes from the membrane, the leak from the card. At
        either end of a spike the output is at `ONSET` of the supply, which the feedback has already added to the
        membrane at its beginning and is yet to take away at its end: what the input brings leads from the one voltage
        to the other without it.
        """
        s, t = bench.settings, waveforms.axis
        junction = Junction(card)
        inputs = np.linspace(s["i_low"], s["i_high"], int(s["points"]))
        rates, expected = np.zeros(len(inputs)), np.zeros(len(inputs))
        leak_at = bench.times["threshold"]
        total = s["c_membrane"] + s["c_feedback"]
        pushed = ONSET * s["vdd"] * s["c_feedback"] / total
        for k, current in enumerate(inputs.tolist()):
            begins = crossings(t, waveforms[f"out{k}"], ONSET * s["vdd"], "rise")
            ends = crossings(t, waveforms[f"out{k}"], ONSET * s["vdd"], "fall")
            v_reset, v_threshold, refractory = 0.0, leak_at, 0.0
            if len(begins) >= LEAST_SPIKES:
                rates[k] = (len(begins) - 2) / (begins[-1] - begins[1])
                v_threshold = value_at(t, waveforms[f"m{k}"], begins[1]) - pushed
                v_reset = value_at(t, waveforms[f"m{k}"], ends[1]) - pushed
                refractory = float(ends[1] - begins[1])
            expected[k] = lif_rate(
                current, lambda v: -junction.current(-v, -1.0), total, v_reset, v_threshold, refractory
            )
        return inputs, rates, expected

    def measures(self, waveforms: Waveforms, bench: Testbench) -> list[Measure]:
        """Rates against input, their distance from the closed form, energy per spike and the leak's state."""
        s, t = bench.settings, waveforms.axis
        card = bench.netlist.devices["mtj"].card  # type: ignore[attr-defined]
        inputs, rates, expected = self.curve(waveforms, bench, card)
        leak = -Junction(card).current(-bench.times["threshold"], -1.0)
        driven = inputs > MARGIN * leak
        silent = float(np.max(rates[inputs < leak], initial=0.0))
        misfit = float(np.max(np.abs(rates[driven] / expected[driven] - 1), initial=0.0)) if driven.any() else math.nan
        falls = float(np.min(np.diff(rates[driven]), initial=math.inf))
        spikes = sum(len(crossings(t, waveforms[f"out{k}"], s["vdd"] / 2, "rise")) for k in range(len(inputs)))
        spent = energy(t, s["vdd"], waveforms["i(vdd)"], 0.0, bench.times["stop"])
        kept = max(float(np.max(waveforms[f"xneuron{k}.xleak.z"])) for k in range(len(inputs)))
        return [
            Measure("rate_low", silent, "1/s", 0, 0, "of neurons whose input is below the leak at the threshold"),
            Measure("rate_high", float(rates[-1]), "1/s", 1, description="at the last input"),
            Measure("rate_step", falls, "1/s", 0, description="least rise of the rate from one input to the next"),
            Measure("misfit", misfit, "1", 0, 0.03, "largest distance of a rate from the closed form, relative"),
            Measure("leak_state", kept, "1", -1.01, -0.9, "largest cosine of the leaks, to stay antiparallel"),
            Measure("energy_per_spike", spent / spikes if spikes else math.nan, "J", 0, description="from the supply"),
        ]
