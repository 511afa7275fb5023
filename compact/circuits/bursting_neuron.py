"""Bursting neuron: a junction that hops back and forth under one bias, switched by a slow node that its hops charge."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from compact.analysis import Tran
from compact.circuits.base import Circuit, Setting, Testbench
from compact.circuits.pbit import inverter_threshold
from compact.errors import CircuitError
from compact.measure import Measure, crossings, energy
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.technology import Technology

if TYPE_CHECKING:
    from compact.waveform import Waveforms

__all__ = ["BurstingNeuron", "hop_window"]

FloatArray = NDArray[np.float64]
SEARCH = 3.0
"""Highest voltage at which back-hopping is looked for [V]."""
SILENCE = 3.0
"""Gap between two hops over their median distance from which on the latter begins a new burst."""


def hop_window(card: ParameterSet) -> tuple[float, float, float]:
    """Voltages from reference to free layer between which a junction relaxes back and forth [V].

    Parameters
    ----------
    card : ParameterSet
        Card of `mgo_memristive`, whose field-like torque opposes the in-plane one.

    Returns
    -------
    v_a, v_b : float
        Between them the parallel state is unstable.
    v_c : float
        Above it the antiparallel state is unstable; where v_c > v_b, a capacitor across the junction makes it an
        oscillator.

    Raises
    ------
    CircuitError
        If the card has no such voltages.
    """
    model = card.definition

    def drive(volts: float, z: float) -> float:
        return float(model.evaluate("d", {**card.values, "noise": 0.0, "w_b": 1.0, "v_fl_rl": -volts, "z": z}))

    grid = np.linspace(1e-3, SEARCH, 600)
    parallel = np.array([drive(v, 1.0) for v in grid]) + 1
    other = np.array([drive(v, -1.0) for v in grid]) - 1
    falls = np.flatnonzero((parallel[:-1] >= 0) & (parallel[1:] < 0))
    rises = np.flatnonzero((parallel[:-1] < 0) & (parallel[1:] >= 0))
    hops = np.flatnonzero((other[:-1] < 0) & (other[1:] >= 0))
    if not (len(falls) and len(rises) and len(hops)):
        raise CircuitError(
            f"card '{card.name}' does not hop back: fl_2 = {card.values['fl_2']:g} 1/V^2 leaves one state stable at "
            f"every voltage up to {SEARCH:g} V"
        )
    root = [
        float(brentq(lambda v, z=z, sign=sign: drive(v, z) + sign, grid[k], grid[k + 1]))
        for k, z, sign in ((falls[0], 1.0, 1), (rises[0], 1.0, 1), (hops[0], -1.0, -1))
    ]
    return root[0], root[1], root[2]


class BurstingNeuron(Circuit):
    """One neuron, from rest; noise may be on or off."""

    name = "bursting_neuron"
    title = "bursting neuron from back-hopping"
    template = "bursting_neuron.cir.j2"
    citation = (
        "back-hopping: J. Z. Sun et al., J. Appl. Phys. 105 (2009) 07D109; bursts by a slow variable: J. Rinzel, "
        "in Ordinary and Partial Differential Equations, Springer (1985), p. 304"
    )
    junction = "mgo_memristive"
    example = "design_back_hopping"
    ports = MappingProxyType(
        {"bursting_neuron": ("j", "out", "s", "off", "vdd", "vss", "base"), "schmitt": ("in", "out", "vdd", "vss")}
    )
    settings = (
        Setting("bursts", 1.5, "1", "bursts that there is time for, about", 1, 1e4),
        Setting("i_drive", None, "A", "current of the drive at the hopping voltage (derived: between what sustains the "
                "parallel and the antiparallel branch)", 1e-12, 1),
        Setting("polarity", 1, "1", "1 as back-hopping needs it, -1 for the junction the other way round", -1, 1),
        Setting("t_hop", None, "s", "time constant of the junction and its capacitor (derived: 50 tau_d, or "
                "their feedback damps the hops)", 1e-12, 1e-3),
        Setting("hops", 5, "1", "hops in a burst that slow node and pump are sized for", 2, 1000),
        Setting("c_slow", 0.5e-12, "F", "capacitance of the slow node", 1e-15, 1e-6),
        Setting("vdd", None, "V", "supply (derived: that of the core transistors)", 0.1, 20),
        Setting("v_base", None, "V", "rail below the junction (derived: 0, or what lifts the hopping voltage to where "
                "an inverter turns)", 0, 20),
        Setting("w_n", None, "m", "nMOS of the logic (derived: twice the narrowest)", 1e-8, 1e-3),
        Setting("w_p", None, "m", "pMOS of the logic (derived: twice w_n)", 1e-8, 1e-3),
        Setting("w_sense_n", None, "m", "nMOS of the first inverter (derived: four times the narrowest)", 1e-8, 1e-3),
        Setting("w_sense_p", None, "m", "pMOS of the first inverter (derived: it turns at the hopping voltage)",
                1e-8, 1e-3),
        Setting("w_drive", None, "m", "pMOS of the drive (derived: carries i_drive)", 1e-8, 1e-3),
    )  # fmt: skip

    def _bench(
        self, card: ParameterSet, technology: Technology, values: Mapping[str, float | None], netlist: Netlist
    ) -> Testbench:
        given = {name: value for name, value in values.items() if value is not None}
        if abs(given["polarity"]) != 1:
            raise CircuitError(f"setting 'polarity' = {given['polarity']:g} must be 1 or -1")
        nmos, pmos = technology.device("nmos"), technology.device("pmos")
        v_a, v_b, v_c = hop_window(card)
        turn = (v_b + v_c) / 2
        s = {"vdd": nmos.vdd, "w_n": 2 * nmos.min_width, "w_sense_n": 4 * nmos.min_width} | given
        s = {"w_p": max(2 * s["w_n"], pmos.min_width)} | s
        least, most = nmos.vth, s["vdd"] - pmos.vth
        s = {"v_base": (least + most) / 2 - turn if turn <= least < most else 0.0} | s
        level = s["v_base"] + turn
        if not least < level < most:
            raise CircuitError(
                f"card '{card.name}' hops at {turn:.3g} V over v_base = {s['v_base']:.3g} V, which an inverter at "
                f"vdd = {s['vdd']:g} V cannot tell: between {least:.3g} and {most:.3g} V it can"
            )

        def current(volts: float, z: float) -> float:
            known = {**card.values, "noise": 0.0, "w_b": 1.0, "v_fl_rl": -volts, "z": z}
            return -float(card.definition.evaluate("i", known))

        i_p, holds = current(v_b, 1.0), max(current(v_a, 1.0), current(v_c, -1.0))
        if holds >= i_p:
            raise CircuitError(f"card '{card.name}': no current makes both states unstable in turn")
        s = {"i_drive": math.sqrt(holds * i_p)} | s
        s = {"t_hop": 50 * card.values["tau_d"]} | s
        s = {"w_drive": max(s["i_drive"] / pmos.current(s["vdd"], s["vdd"] - level), pmos.min_width)} | s
        if "w_sense_p" not in s:

            def excess(log_width: float) -> float:
                return inverter_threshold(nmos, pmos, s | {"w_n": s["w_sense_n"], "w_p": math.exp(log_width)}) - level

            ends = math.log(pmos.min_width), math.log(200 * s["w_sense_n"])
            inside = excess(ends[0]) < 0 < excess(ends[1])
            s["w_sense_p"] = math.exp(brentq(excess, *ends)) if inside else math.exp(ends[int(excess(ends[0]) < 0)])
        resistance = 2 * turn / (current(turn, -1.0) + current(turn, 1.0))
        # A hop takes some two time constants, and the pump is on for half of it. The trigger turns at about 0.6 and
        # 0.4 of the supply.
        period = 2 * s["t_hop"]
        r_pump = s["hops"] * period / (2 * s["c_slow"] * math.log(0.6 / 0.35))
        sizes = {key: s[key] for key in ("w_n", "w_p", "w_sense_n", "w_sense_p", "w_drive", "c_slow")}
        rest = {"c_hop": s["t_hop"] / resistance, "r_pump": r_pump, "r_leak": 6 * r_pump, "forward": s["polarity"] > 0}
        netlist.add_text(self.render(technology, {**sizes, **rest}))
        circuit = netlist.circuit
        circuit.V("dd", "vdd", circuit.gnd, s["vdd"])
        circuit.V("base", "base", circuit.gnd, s["v_base"])
        circuit.X("neuron", "bursting_neuron", "j", "out", "s", "off", "vdd", circuit.gnd, "base")
        netlist.initial |= {"j": s["v_base"], "s": 0.0}
        silence = 6 * r_pump * s["c_slow"] * math.log(0.6 / 0.4)
        stop = (s["bursts"] + 0.5) * (s["hops"] * period + silence) + r_pump * s["c_slow"]
        save = ("j", "out", "s", "off", "xneuron.xmtj.z", "xneuron.xmtj.w_b", "i(vdd)", "i(vbase)")
        return Testbench(self.name, netlist, Tran(stop, s["t_hop"] / 20), save, s, {"stop": stop, "silence": silence})

    @staticmethod
    def bursts(waveforms: Waveforms, bench: Testbench) -> list[FloatArray]:
        """Times of the hops to antiparallel [s], burst by burst; the first and the last may be incomplete."""
        times = crossings(waveforms.axis, waveforms["out"], bench.settings["vdd"] / 2, "rise")
        if len(times) < 2:
            return [times] if len(times) else []
        gaps = np.diff(times)
        return np.split(times, np.flatnonzero(gaps > SILENCE * np.median(gaps)) + 1)

    def measures(self, waveforms: Waveforms, bench: Testbench) -> list[Measure]:
        """Bursts, hops in each, times within and between, turns of the layer and energy."""
        s, at, t = bench.settings, bench.times, waveforms.axis
        found = self.bursts(waveforms, bench)
        whole = [burst for burst in found if len(burst) > 1]
        inside = float(np.median(np.concatenate([np.diff(b) for b in whole]))) if whole else math.nan
        between = [float(b[0] - a[-1]) for a, b in pairwise(whole)]
        hops = [len(burst) for burst in whole]
        layer = len(crossings(t, waveforms["xneuron.xmtj.z"], 0.0, "fall"))
        spent = energy(t, s["vdd"], waveforms["i(vdd)"], 0.0, at["stop"])
        spent += energy(t, s["v_base"], waveforms["i(vbase)"], 0.0, at["stop"])
        total = sum(map(len, found))
        return [
            Measure("bursts", len(whole), "1", 2, description="groups of hops with silence between them"),
            Measure("hops", float(min(hops[:-1])) if len(hops) > 1 else math.nan, "1", 3,
                    1e6, "in a burst, at least"),
            Measure("interval", inside, "s", 0, description="between hops in a burst, median"),
            Measure("silence", min(between, default=math.nan), "s", SILENCE * inside, description="between bursts"),
            Measure("layer", layer / total if total else math.nan, "1", 0.6, 1.4, "turns of the layer for each spike"),
            Measure("energy_per_hop", spent / total if total else math.nan, "J", 0, description="from both rails"),
        ]  # fmt: skip
