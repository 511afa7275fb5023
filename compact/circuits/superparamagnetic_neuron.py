"""Integrate-and-fire neuron with a noisy threshold: whether it fires early is up to a superparamagnetic junction."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from compact.analysis import Tran
from compact.circuits.base import Circuit, Junction, Setting, Testbench
from compact.circuits.pbit import inverter_threshold
from compact.circuits.trng import correlation_time
from compact.errors import CircuitError
from compact.measure import Measure, crossings, energy
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.technology import Technology

if TYPE_CHECKING:
    from compact.waveform import Waveforms

__all__ = ["SuperparamagneticNeuron", "noisy_interval"]

FloatArray = NDArray[np.float64]
LEAST_SPIKES = 4
ONSET = 0.05
"""Output over the supply from which a neuron counts as firing."""
AGREEMENT = 0.15
"""Of rates with the closed form, beside what chance does: the junction's bias moves while the membrane rises."""
SIGMAS = 3.0


def noisy_interval(
    current: float, r: float, c: float, v_reset: float, v_early: float, v_late: float, dwells: tuple[float, float]
) -> float:
    """Mean time from a reset to the next spike [s] of a neuron that fires early only if its junction is antiparallel.

    t(v_early) + p tau_p {1 - exp[-(t(v_late) - t(v_early))/tau_p]}, with t(v) = R C ln[(I R - v_reset)/(I R - v)] and
    p = tau_p/(tau_p + tau_ap) for the junction to be parallel then: it has forgotten the spike before.

    Parameters
    ----------
    current : float
        Input I [A], above v_early/R.
    r, c : float
        Leak [Ohm] and capacitance [F] of the membrane.
    v_reset, v_early, v_late : float
        Membrane after a spike, and where it fires while the junction is antiparallel, and parallel [V].
    dwells : tuple of float
        Mean dwell times tau_p and tau_ap of the junction at v_early [s].

    References
    ----------
    Renewal theory with a hazard: W. Gerstner and W. M. Kistler, Spiking Neuron Models, Cambridge (2002), section 5.3.
    """

    def until(volts: float) -> float:
        left = current * r - volts
        return r * c * math.log((current * r - v_reset) / left) if left > 0 else math.inf

    early, tau_p = until(v_early), dwells[0]
    return early + tau_p * tau_p / sum(dwells) * -math.expm1(-(until(v_late) - early) / tau_p)


class SuperparamagneticNeuron(Circuit):
    """Several neurons side by side, each with its own constant input current and random numbers."""

    name = "superparamagnetic_neuron"
    title = "integrate-and-fire neuron whose threshold is a superparamagnetic junction"
    template = "superparamagnetic_neuron.cir.j2"
    citation = (
        "front end: K. Y. Camsari, S. Salahuddin, S. Datta, IEEE Electron Device Lett. 38 (2017) 1767; membrane: "
        "C. Mead, Analog VLSI and Neural Systems, Addison-Wesley (1989), chapter 12"
    )
    junction = "telegraph"
    example = "schnitzspan_2023"
    ports = MappingProxyType({"superparamagnetic_neuron": ("m", "out", "mid", "vj", "vdd", "vss")})
    settings = (
        Setting("points", 4, "1", "inputs, each of a neuron of its own", 2, 100),
        Setting("spikes", 12, "1", "intervals that the slowest neuron has time for, about", 4, 1e6),
        Setting("seed", 1, "1", "seed of the first junction; the others take the next ones", 0, 1e6 - 100),
        Setting("i_low", None, "A", "first input (derived: 1.4 times the leak at the supply's half)", 1e-12, 1),
        Setting("i_high", None, "A", "last input (derived: 4 times the leak at the supply's half)", 1e-12, 1),
        Setting("r_leak", None, "Ohm", "leak of the membrane (derived: its time constant is 10 times what the junction "
                "remembers)", 1.0, 1e12),
        Setting("c_membrane", 400e-15, "F", "capacitance of the membrane", 1e-16, 1e-6),
        Setting("c_feedback", 150e-15, "F", "feedback from the output to the membrane", 1e-16, 1e-6),
        Setting("v_junction", None, "V", "voltage across the junction at which the output turns (derived: a sixth of "
                "the supply, at most 0.4 V)", 1e-3, 5),
        Setting("vdd", None, "V", "supply of the inverters (derived: that of the core transistors)", 0.1, 20),
        Setting("w_n", None, "m", "nMOS of the inverters (derived: twice the narrowest)", 1e-8, 1e-3),
        Setting("w_p", None, "m", "pMOS of the inverters (derived: twice w_n)", 1e-8, 1e-3),
        Setting("w_sink", None, "m", "nMOS below the junction (derived: half the supply turns it)", 1e-8, 1e-3),
        Setting("w_out", None, "m", "transistors of the output (derived: charge the feedback in 0.5 ns)", 1e-8, 1e-3),
        Setting("w_reset", None, "m", "reset nMOS (derived: discharges the membrane in 1 ns)", 1e-8, 1e-3),
    )  # fmt: skip

    def _bench(
        self, card: ParameterSet, technology: Technology, values: Mapping[str, float | None], netlist: Netlist
    ) -> Testbench:
        given = {name: value for name, value in values.items() if value is not None}
        for name in ("points", "seed"):
            if given[name] != int(given[name]):
                raise CircuitError(f"setting '{name}' = {given[name]:g} must be a whole number")
        nmos, pmos, junction = technology.device("nmos"), technology.device("pmos"), Junction(card)
        s = {"vdd": nmos.vdd, "w_n": 2 * nmos.min_width} | given
        s = {"w_p": max(2 * s["w_n"], pmos.min_width), "v_junction": min(s["vdd"] / 6, 0.4)} | s
        turning, half = inverter_threshold(nmos, pmos, s), s["vdd"] / 2
        currents = [-junction.current(-s["v_junction"], z) for z in (-1.0, 1.0)]
        middle = math.sqrt(currents[0] * currents[1])
        s = {"w_sink": max(middle / nmos.current(half, turning), nmos.min_width)} | s
        total, memory = s["c_membrane"] + s["c_feedback"], correlation_time(card)
        s = {"r_leak": 10 * memory / total} | s
        s = {"i_low": 1.4 * half / s["r_leak"], "i_high": 4 * half / s["r_leak"]} | s
        if s["i_high"] <= s["i_low"]:
            raise CircuitError(f"setting 'i_high' = {s['i_high']:g} A must be above i_low = {s['i_low']:g} A")
        jump = s["vdd"] * s["c_feedback"] / total
        if jump > half:
            raise CircuitError(
                f"setting 'c_feedback' = {s['c_feedback']:g} F would throw the membrane below ground: at most "
                f"c_membrane = {s['c_membrane']:g} F"
            )
        strong, least = s["c_feedback"] * s["vdd"] / 0.5e-9, max(nmos.min_width, pmos.min_width)
        s = {
            "w_out": max(strong / pmos.current(s["vdd"], half), least),
            "w_reset": max(total * s["vdd"] / 1e-9 / nmos.current(s["vdd"], half), nmos.min_width),
        } | s
        sizes = ("r_leak", "c_membrane", "c_feedback", "w_n", "w_p", "w_sink", "w_out", "w_reset")
        netlist.add_text(self.render(technology, {key: s[key] for key in sizes}))

        circuit = netlist.circuit
        circuit.V("dd", "vdd", circuit.gnd, s["vdd"])
        circuit.V("j", "vj", circuit.gnd, turning + s["v_junction"])
        inputs = np.linspace(s["i_low"], s["i_high"], int(s["points"]))
        for k, current in enumerate(inputs.tolist()):
            circuit.I(f"in{k}", circuit.gnd, f"m{k}", current)
            ports = (f"m{k}", f"out{k}", f"mid{k}", "vj", "vdd", circuit.gnd)
            circuit.X(f"neuron{k}", "superparamagnetic_neuron", *ports, state=1, seed=int(s["seed"]) + k)
            netlist.initial[f"m{k}"] = 0.0
        top = max(s["i_low"] * s["r_leak"], 1.05 * half)
        interval = s["r_leak"] * total * math.log((top - half + jump) / (top - half)) + memory
        stop = (s["spikes"] + 2) * interval
        save = [x for k in range(len(inputs)) for x in (f"m{k}", f"out{k}", f"mid{k}", f"xneuron{k}.xmtj.z")]
        times = {"stop": stop, "v_j": turning + s["v_junction"]}
        netlist.options["reltol"] = 1e-3
        tran = Tran(stop, memory / 20)
        return Testbench(self.name, netlist, tran, (*save, "i(vdd)", "i(vj)"), s, times)

    @staticmethod
    def curve(
        waveforms: Waveforms, bench: Testbench, card: ParameterSet
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Inputs [A], rates [1/s], their standard errors, and those of the closed form, each of shape (points,).

        The closed form takes both thresholds, the reset and the width of the spikes from the membranes, and the dwell
        times from the card at the junction's voltage there.
        """
        s, at, t = bench.settings, bench.times, waveforms.axis
        inputs = np.linspace(s["i_low"], s["i_high"], int(s["points"]))
        rates, errors, expected = (np.full(len(inputs), np.nan) for _ in range(3))
        seen: list[tuple[float, float, float, float, float]] = []
        for k in range(len(inputs)):
            begins = crossings(t, waveforms[f"out{k}"], ONSET * s["vdd"], "rise")
            ends = crossings(t, waveforms[f"out{k}"], ONSET * s["vdd"], "fall")
            if len(begins) < LEAST_SPIKES:
                rates[k] = 0.0
                continue
            gaps = np.diff(begins)[1:]
            rates[k] = 1 / np.mean(gaps)
            errors[k] = rates[k] * np.std(gaps, ddof=1) / np.mean(gaps) / math.sqrt(len(gaps))
            m, across = waveforms[f"m{k}"], waveforms[f"mid{k}"] - at["v_j"]
            for begin, end in zip(begins[1:], ends[1:], strict=False):
                seen.append((begin, end, *(float(np.interp(x, t, m)) for x in (begin, end)),
                             float(np.interp(begin, t, across))))  # fmt: skip
        if not seen:
            return inputs, rates, errors, expected
        begin, end, fires, resets, volts = np.array(seen).T
        early, late = float(np.quantile(fires, 0.05)), float(np.quantile(fires, 0.95))
        bias = float(np.median(volts))
        known = {**card.values, "v_fl_rl": bias, "z": 1.0}
        dwells = tuple(float(x) for x in card.definition.evaluate(["dwell_p", "dwell_ap"], known))
        total = s["c_membrane"] + s["c_feedback"]
        for k, current in enumerate(inputs.tolist()):
            if current * s["r_leak"] > early:
                free = noisy_interval(current, s["r_leak"], total, float(np.mean(resets)), early, late, dwells)  # type: ignore[arg-type]
                expected[k] = 1 / (free + float(np.mean(end - begin)))
        return inputs, rates, errors, expected

    def measures(self, waveforms: Waveforms, bench: Testbench) -> list[Measure]:
        """Rates at the ends, their distance from the closed form, irregularity, and energy per spike."""
        s, at, t = bench.settings, bench.times, waveforms.axis
        card = bench.netlist.devices["mtj"].card  # type: ignore[attr-defined]
        inputs, rates, errors, expected = self.curve(waveforms, bench, card)
        off = np.abs(rates / expected - 1) - SIGMAS * errors / rates
        spikes = [crossings(t, waveforms[f"out{k}"], s["vdd"] / 2, "rise") for k in range(len(inputs))]
        count = sum(map(len, spikes))
        gaps = [np.diff(own)[1:] for own in spikes]
        spread = max((float(np.std(own, ddof=1) / np.mean(own)) for own in gaps if len(own) > 2), default=math.nan)
        spent = energy(t, s["vdd"], waveforms["i(vdd)"], 0, at["stop"])
        spent += energy(t, at["v_j"], waveforms["i(vj)"], 0, at["stop"])
        return [
            Measure("rate_low", float(rates[0]), "1/s", 1, description="at the first input"),
            Measure("rate_high", float(rates[-1]), "1/s", float(rates[0]), description="at the last input"),
            Measure("misfit", float(np.max(off)), "1", -math.inf, AGREEMENT, "largest distance of a rate from the "
                    "closed form, relative, less three standard errors"),
            Measure("irregularity", spread, "1", 0.02, 2, "deviation over mean of intervals, largest"),
            Measure("energy_per_spike", spent / count if count else math.nan, "J", 0, description="from both supplies"),
        ]  # fmt: skip
