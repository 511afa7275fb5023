"""Stochastic binary synapse: a junction that pulses below its critical current switch by chance."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from compact.analysis import Tran
from compact.circuits.base import Circuit, Junction, Setting, Testbench
from compact.circuits.stimulus import windows
from compact.emit import EmittedDevice, device
from compact.errors import CircuitError
from compact.measure import Measure, value_at
from compact.model import ROOM
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.physics.fokker_planck import after_pulse
from compact.technology import Technology

if TYPE_CHECKING:
    from compact.waveform import Waveforms

__all__ = ["StochasticSynapse", "switching_probabilities"]

FloatArray = NDArray[np.float64]
SIGMAS = 4.0
"""Standard errors by which a share of switched synapses may be off."""
GAP = 4.0
"""Relaxation times before, between and after pulses."""


def switching_probabilities(
    card: ParameterSet, volts: float, width: float, gap: float, pulses: int, start: float
) -> FloatArray:
    """Probability that a junction has left its state after each of some equal pulses, by the Fokker-Planck equation.

    Parameters
    ----------
    card : ParameterSet
        Card of `mtj`.
    volts : float
        Height of the pulses, free against reference layer [V].
    width, gap : float
        Of each pulse, and from it to the next or to the count [s].
    pulses : int
        How many.
    start : {-1, 1}
        State before them.

    Returns
    -------
    ndarray, shape (pulses,)
    """
    model = card.definition
    known = {**card.values, "noise": 1.0, "temperature": ROOM}
    delta, tau = (float(x) for x in model.evaluate(["delta_t", "tau_t"], known))

    def drive(level: float, z: ArrayLike) -> FloatArray:
        return np.asarray(model.evaluate("d", {**known, "v_fl_rl": level, "z": z}))

    shape: list[Any] = [partial(drive, volts), partial(drive, 0.0)]
    lengths = [width / tau, gap / tau]
    rest = float(known["h_bias"])
    return np.array(
        [float(after_pulse(delta, shape * k, lengths * k, rest=rest, start=start)[1][0]) for k in range(1, pulses + 1)]
    )


class StochasticSynapse(Circuit):
    """Many equal synapses under the same pulses, each with chance of its own; the share that has switched is counted.

    The height of the pulses follows from the probability that one of them is to have; it must stay below the critical
    one, where thermal motion alone switches. Thermal noise is on whether or not it is asked for.
    """

    name = "stochastic_synapse"
    title = "stochastic binary synapse"
    template = "stochastic_synapse.cir.j2"
    citation = "A. F. Vincent et al., IEEE Trans. Biomed. Circuits Syst. 9 (2015) 166"
    ports = MappingProxyType({"stochastic_synapse": ("pre", "post")})
    settings = (
        Setting("synapses", 60, "1", "equal synapses that are observed", 1, 1e5),
        Setting("pulses", 3, "1", "pulses", 1, 1000),
        Setting("probability", 0.25, "1", "of switching by one pulse, for the height of the pulses", 1e-6, 0.999),
        Setting("start", -1, "1", "state before: -1 antiparallel, 1 parallel", -1, 1),
        Setting("seed", 1, "1", "seed of the first synapse; the others take the next ones", 0, 9e5),
        Setting("slots", 50, "1", "random numbers per relaxation time; more only take longer", 10, 1e3),
        Setting("t_pulse", None, "s", "pulse (derived: 8 relaxation times)", 1e-12, 1e3),
        Setting("v_pulse", None, "V", "height of the pulses (derived: gives the probability)", 1e-3, 20),
    )

    def _bench(
        self, card: ParameterSet, technology: Technology, values: Mapping[str, Any], netlist: Netlist
    ) -> Testbench:
        s = {name: value for name, value in values.items() if value is not None}
        for name in ("synapses", "pulses", "seed"):
            if s[name] != int(s[name]):
                raise CircuitError(f"setting '{name}' = {s[name]:g} must be a whole number")
        if abs(s["start"]) != 1:
            raise CircuitError(f"setting 'start' = {s['start']:g} must be -1 or 1")
        used = netlist.devices["mtj"]
        if isinstance(used, EmittedDevice):
            card = used.card
            if not used.noise:
                netlist.drop("mtj")
                netlist.use(device(card, subckt="mtj", noise=True))
        tau = float(card.definition.evaluate("tau_t", {**card.values, "noise": 1.0}))
        s = {"t_pulse": 8 * tau} | s
        gap, edge = GAP * tau, min(tau, s["t_pulse"]) / 20
        if "v_pulse" not in s:
            s["v_pulse"] = self._height(card, s, gap)
        netlist.add_text(self.render(technology, {}))

        period = s["t_pulse"] + gap
        spans = [(gap + k * period, gap + k * period + s["t_pulse"]) for k in range(int(s["pulses"]))]
        windows(netlist, "pre", "pre", -s["start"] * s["v_pulse"], spans, edge)
        circuit = netlist.circuit
        circuit.V("post", "post", circuit.gnd, 0.0)
        slot = tau / s["slots"]
        for k in range(int(s["synapses"])):
            seed = int(s["seed"]) + k
            circuit.X(f"syn{k}", "stochastic_synapse", "pre", "post", state=s["start"], seed=seed, t_slot=slot)
        states = tuple(f"xsyn{k}.xmtj.z" for k in range(int(s["synapses"])))
        times = {"first": gap, "period": period, "gap": gap, "stop": gap + s["pulses"] * period}
        return Testbench(self.name, netlist, Tran(times["stop"], slot), ("pre", "i(vpost)", *states), s, times)

    @staticmethod
    def _height(card: ParameterSet, s: Mapping[str, float], gap: float) -> float:
        """Height of a pulse [V] with the wanted probability."""

        def lacking(volts: float) -> float:
            signed = -s["start"] * volts
            return float(switching_probabilities(card, signed, s["t_pulse"], gap, 1, s["start"])[0]) - s["probability"]

        critical = Junction(card).write_voltage(s["start"], 1.0)
        if lacking(critical) < 0:
            raise CircuitError(
                f"setting 'probability' = {s['probability']:g} needs more than the critical {critical:.3g} V "
                f"within t_pulse = {s['t_pulse']:g} s; take longer pulses"
            )
        if lacking(0.0) >= 0:
            raise CircuitError(f"card '{card.name}' switches with probability {s['probability']:g} without any pulse")
        return float(brentq(lacking, 0.0, critical, xtol=1e-6 * critical))

    def shares(self, waveforms: Waveforms, bench: Testbench) -> FloatArray:
        """Share of the synapses that have left their state after each pulse, shape (pulses,)."""
        return np.asarray(self.switched(waveforms, bench).mean(axis=1))

    @staticmethod
    def switched(waveforms: Waveforms, bench: Testbench) -> NDArray[np.bool_]:
        """Which synapses have left their state a gap after each pulse, shape (pulses, synapses)."""
        s, at, t = bench.settings, bench.times, waveforms.axis
        moments = at["first"] + (np.arange(int(s["pulses"])) + 1) * at["period"] - 1e-6 * at["period"]
        signals = [waveforms[f"xsyn{k}.xmtj.z"] for k in range(int(s["synapses"]))]
        return np.array([[value_at(t, z, moment) * s["start"] < 0 for z in signals] for moment in moments])

    @staticmethod
    def expected(bench: Testbench) -> FloatArray:
        """The same as `shares` by the Fokker-Planck equation."""
        s, card = bench.settings, bench.netlist.devices["mtj"].card  # type: ignore[attr-defined]
        volts = -s["start"] * s["v_pulse"]
        return switching_probabilities(card, volts, s["t_pulse"], bench.times["gap"], int(s["pulses"]), s["start"])

    def measures(self, waveforms: Waveforms, bench: Testbench) -> list[Measure]:
        """Drive of the pulses, shares of switched synapses and their distance from the Fokker-Planck equation."""
        s, card = bench.settings, bench.netlist.devices["mtj"].card  # type: ignore[attr-defined]
        shares, expected = self.shares(waveforms, bench), self.expected(bench)
        error = np.sqrt(expected * (1 - expected) / s["synapses"])
        volts = -s["start"] * s["v_pulse"]
        drive = abs(
            float(card.definition.evaluate("d", {**card.values, "noise": 1.0, "v_fl_rl": volts, "z": s["start"]}))
        )
        off = float(np.abs((shares - expected) / error).max())
        power = float(np.abs(waveforms["pre"] * waveforms["i(vpost)"]).max())
        return [
            Measure("drive", drive, "1", 0, 1, "of the pulses over the critical one"),
            Measure("switched_first", float(shares[0]), "1", 0, 1, "share of the synapses after one pulse"),
            Measure("expected_first", float(expected[0]), "1", 0, 1, "the same by the Fokker-Planck equation"),
            Measure("switched_last", float(shares[-1]), "1", 0, 1, "share of the synapses after all pulses"),
            Measure("expected_last", float(expected[-1]), "1", 0, 1, "the same by the Fokker-Planck equation"),
            Measure("deviation", off, "1", 0, SIGMAS, "largest distance of a share, in standard errors"),
            Measure("peak_power", power / s["synapses"], "W", 0, description="of one synapse, at most"),
        ]
