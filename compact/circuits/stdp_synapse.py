"""Synapse with spike-timing-dependent plasticity: a memristor between two neurons whose spikes overlap."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import OptimizeWarning, brentq, curve_fit

from compact.analysis import Tran
from compact.circuits.base import Circuit, Setting, Testbench
from compact.errors import CircuitError
from compact.measure import Measure, average
from compact.model import ROOM
from compact.models.mtj_held import held
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.pulsed import PulsedJunction
from compact.technology import Technology

if TYPE_CHECKING:
    from compact.waveform import Waveforms

__all__ = ["StdpSynapse", "switching_voltage"]

FloatArray = NDArray[np.float64]
ONSET, FULL = 0.01, 0.7
"""Share of the domains that the head of a spike alone may switch, and that head and whole tail together do."""
PIECE, PIECES = 0.3, 16
"""Length of a straight piece of the tail over its time constant, and how many there are."""
READ = 0.02
"""Voltage of the reads [V], where that is far below a spike."""
EDGE = 0.05
"""Edge of a spike over its head."""
SLICES = 20
"""Slices of constant voltage that a straight piece is cut into for the prediction."""
REACH = 3.0
"""Highest voltage that is looked at, over that of the median critical currents."""


def switching_voltage(card: ParameterSet, share: float, width: float, start: float) -> float:
    """Voltage [V] of a pulse that switches a share of all domains of a junction, with the sign that it takes.

    Parameters
    ----------
    card : ParameterSet
        Card of `multidomain`.
    share : float
        Share of the domains.
    width : float
        Width of the pulse [s].
    start : {-1, 1}
        State before it: antiparallel or parallel.

    Raises
    ------
    CircuitError
        If no voltage within three times that of the critical current does it.
    """
    v = card.values
    top = REACH * max(v["ic_p2ap"] * v["r_p"], v["ic_ap2p"] * v["r_p"] * (1 + v["tmr"]))
    with np.errstate(divide="ignore"):  # far above the critical current no barrier is left, to the last digit
        junction = PulsedJunction(v, top, by_voltage=True, temperature=ROOM)

    def lacking(volts: float) -> float:
        return abs(float(junction.fraction([-start * volts], width, start)[0]) - (1 + start) / 2) - share

    if lacking(0.0) >= 0:
        raise CircuitError(f"card '{card.name}' switches {share:g} of its domains within {width:g} s without a voltage")
    if lacking(top) < 0:
        raise CircuitError(
            f"card '{card.name}' does not switch {share:g} of its domains within {width:g} s up to {top:g} V"
        )
    return -start * float(brentq(lacking, 0.0, top))


class StdpSynapse(Circuit):
    """Many equal synapses at once, one for each time between the spikes before and after it.

    A spike is a negative head and a positive tail that decays. A head alone switches next to nothing; where it meets
    the tail of the other spike, their difference does. A spike after the synapse that follows one before it drives the
    junction towards parallel, one that comes first towards antiparallel. Each pair finds its synapse with its weight at
    the end from which it leads away, unless the setting `state` says otherwise.
    """

    name = "stdp_synapse"
    title = "synapse with spike-timing-dependent plasticity"
    template = "stdp_synapse.cir.j2"
    citation = (
        "B. Linares-Barranco and T. Serrano-Gotarredona, Nature Precedings (2009), hdl:10101/npre.2009.3010.1; "
        "G. Bi and M. Poo, J. Neurosci. 18 (1998) 10464"
    )
    junction = "multidomain"
    example = "design_multidomain_synapse"
    ports = MappingProxyType({"stdp_synapse": ("pre", "post")})
    settings = (
        Setting("pairs", 4, "1", "times between spikes of either sign", 2, 100),
        Setting("t_head", 1e-3, "s", "head of a spike", 1e-9, 1e3),
        Setting("tau", 10e-3, "s", "time constant of its tail", 1e-8, 1e4),
        Setting("reach", 2.0, "1", "longest time between spikes over tau", 0.5, 4),
        Setting("head_post", None, "V", "head of the spike after (derived: raises 1 % of the weight)", 1e-4, 20),
        Setting("tail_pre", None, "V", "tail of the spike before (derived: with head_post raises 70 %)", 1e-4, 20),
        Setting("head_pre", None, "V", "head of the spike before (derived: lowers 1 % of the weight)", 1e-4, 20),
        Setting("tail_post", None, "V", "tail of the spike after (derived: with head_pre lowers 70 %)", 1e-4, 20),
        Setting("state", None, "1", "weight before (derived: -1 where it is to rise, 1 where it is to fall)", -1, 1),
        Setting("v_read", None, "V", "reads before and after (derived: 20 mV, a fifth of a head at most)", 1e-4, 1),
    )

    def _bench(
        self, card: ParameterSet, technology: Technology, values: Mapping[str, Any], netlist: Netlist
    ) -> Testbench:
        s = {name: value for name, value in values.items() if value is not None}
        if s["pairs"] != int(s["pairs"]):
            raise CircuitError(f"setting 'pairs' = {s['pairs']:g} must be a whole number")
        if s["tau"] * s["reach"] < 4 * s["t_head"]:
            raise CircuitError(
                f"setting 'tau' = {s['tau']:g} s with reach = {s['reach']:g} leaves no room beside heads of "
                f"{s['t_head']:g} s"
            )
        for head, tail, start in (("head_post", "tail_pre", -1.0), ("head_pre", "tail_post", 1.0)):
            onset, full = (abs(switching_voltage(card, share, s["t_head"], start)) for share in (ONSET, FULL))
            s.setdefault(head, onset)
            s.setdefault(tail, full - s[head])
            if s[tail] <= 0:
                raise CircuitError(f"setting '{head}' = {s[head]:g} V switches alone; lower it or give {tail}")
        s.setdefault("v_read", min(READ, 0.2 * min(s["head_post"], s["head_pre"])))
        netlist.add_text(self.render(technology, {}))

        read = 2 * s["t_head"]
        first = 2 * read
        last = first + s["reach"] * s["tau"] + 2 * s["t_head"] + PIECES * PIECE * s["tau"]
        times = {"read": 0.0, "spike": first, "read_again": last, "stop": last + 2 * read}
        circuit = netlist.circuit
        save = []
        for k, gap in enumerate(self.gaps(s)):
            for side, at in (("pre", max(-gap, 0.0)), ("post", max(gap, 0.0))):
                points = self.spike(s, first + at, side) if np.isfinite(at) else []
                if side == "pre":
                    points = [*self._read(s, 0.0), *points, *self._read(s, last)]
                circuit.PieceWiseLinearVoltageSource(
                    f"{side}{k}", f"{side}{k}", circuit.gnd, values=points or [(0.0, 0.0), (first, 0.0)]
                )
                save.append(f"{side}{k}")
            circuit.X(f"syn{k}", "stdp_synapse", f"pre{k}", f"post{k}", state=self._begin(s, gap))
            save.append(f"i(vpost{k})")
        netlist.options["reltol"] = 1e-4
        return Testbench(self.name, netlist, Tran(times["stop"], s["tau"] / 4), tuple(save), s, times)

    @staticmethod
    def gaps(settings: Mapping[str, Any]) -> FloatArray:
        """Times from the spike before each synapse to that after it [s]; infinite where there is only one of them.

        The first half leads to a fall, the second to a rise; the first and the last synapse have one spike only, the
        one after and the one before it. Shape (2 pairs + 2,).
        """
        near = np.linspace(2 * settings["t_head"], settings["reach"] * settings["tau"], int(settings["pairs"]))
        return np.concatenate(([-np.inf], -near[::-1], near, [np.inf]))

    @staticmethod
    def _begin(s: Mapping[str, Any], gap: float) -> float:
        return float(s["state"]) if "state" in s else (-1.0 if gap > 0 else 1.0)

    @staticmethod
    def _read(s: Mapping[str, Any], begin: float) -> list[tuple[float, float]]:
        edge, width = EDGE * s["t_head"], 2 * s["t_head"]
        levels = (0.0, 0.0, s["v_read"], s["v_read"], 0.0)
        steps = (0.0, 0.5 * s["t_head"], edge, width, edge)
        return list(zip((begin + np.cumsum(steps)).tolist(), levels, strict=True))

    @staticmethod
    def spike(settings: Mapping[str, Any], at: float, side: str) -> list[tuple[float, float]]:
        """Corners of the spike on a side, "pre" or "post", that begins at a time [s]: times [s] and voltages [V]."""
        s, edge = settings, EDGE * settings["t_head"]
        tail = PIECE * np.arange(PIECES + 1)
        height = s[f"tail_{side}"] * (np.exp(-tail) - np.exp(-tail[-1])) / (1 - np.exp(-tail[-1]))
        begin = at + s["t_head"] + edge / 2
        head = -s[f"head_{side}"]
        corners = [(at - edge / 2, 0.0), (at + edge / 2, head), (begin - edge, head)]
        return corners + list(zip((begin + s["tau"] * tail).tolist(), height.tolist(), strict=True))

    def window(self, waveforms: Waveforms, bench: Testbench) -> FloatArray:
        """Change of each weight, of its whole range, by the currents of the reads; shape (2 pairs + 2,)."""
        s, t = bench.settings, waveforms.axis
        card = held(bench.netlist.devices["mtj"].card)  # type: ignore[attr-defined]
        ends = card.definition.evaluate("i", {**card.values, "v_fl_rl": s["v_read"], "state": np.array([-1.0, 1.0])})
        changes = []
        for k in range(len(self.gaps(s))):
            spans = [
                (bench.times[name] + s["t_head"], bench.times[name] + 2 * s["t_head"])
                for name in ("read", "read_again")
            ]
            before, after = (average(t, waveforms[f"i(vpost{k})"], *span) for span in spans)
            changes.append((after - before) / float(ends[1] - ends[0]))
        return np.array(changes)

    def predicted(self, bench: Testbench, gaps: ArrayLike | None = None) -> FloatArray:
        """The same without a simulator: the model's rates along the difference of both spikes, shape (gaps,).

        Parameters
        ----------
        bench : Testbench
            The testbench.
        gaps : array_like, optional
            Times between the spikes [s], by default those of the testbench.
        """
        s, card = bench.settings, bench.netlist.devices["mtj"].card  # type: ignore[attr-defined]
        top = 1.05 * max(s["head_post"] + s["tail_pre"], s["head_pre"] + s["tail_post"])
        junction = PulsedJunction(card.values, top, by_voltage=True, temperature=ROOM)
        changes = []
        for gap in self.gaps(s) if gaps is None else np.asarray(gaps, dtype=float):
            starts = {"pre": (1, max(-gap, 0.0)), "post": (-1, max(gap, 0.0))}
            spikes = [
                (sign, np.array(self.spike(s, at, side)).T)
                for side, (sign, at) in starts.items()
                if np.isfinite(at)
            ]  # fmt: skip
            corners = np.unique(np.concatenate([spike[0] for _, spike in spikes]))
            edges = np.concatenate([np.linspace(a, b, SLICES + 1)[:-1] for a, b in pairwise(corners)])
            edges = np.append(edges, corners[-1])
            middle = (edges[1:] + edges[:-1]) / 2
            volts = sum(sign * np.interp(middle, spike[0], spike[1], left=0.0, right=0.0) for sign, spike in spikes)
            start = self._begin(s, float(gap))
            changes.append(float(junction.fraction(volts, np.diff(edges), start)[-1]) - (1 + start) / 2)
        return np.array(changes)

    @staticmethod
    def time_constant(gaps: FloatArray, changes: FloatArray) -> float:
        """Time constant [s] of the exponential that comes nearest to changes at gaps of one sign; NaN if none does."""
        length = np.abs(gaps)
        try:
            with warnings.catch_warnings():  # of two points there is no covariance, which is not asked for
                warnings.simplefilter("ignore", OptimizeWarning)
                found, _ = curve_fit(
                    lambda t, height, tau: height * np.exp(-t / tau),
                    length,
                    changes,
                    p0=(changes[np.argmin(length)], length.max() / 2),
                )
        except RuntimeError:
            return float("nan")
        return float(found[1])

    def measures(self, waveforms: Waveforms, bench: Testbench) -> list[Measure]:
        """Signs, size and time constants of the window, its distance from the prediction, what one spike alone does."""
        s, gaps = bench.settings, self.gaps(bench.settings)
        found, expected = self.window(waveforms, bench), self.predicted(bench)
        paired = np.isfinite(gaps)
        near = paired & (np.abs(gaps) <= 1.01 * s["tau"])
        right = float(np.mean(found[near] * gaps[near] > 0))
        result = [Measure("right_signs", right, "1", 1, 1, "share of pairs within tau that change as they should")]
        for name, side, sign in (("rise", paired & (gaps > 0), 1), ("fall", paired & (gaps < 0), -1)):
            peak = found[side][np.argmin(np.abs(gaps[side]))]
            low, high = sorted((0.05 * sign, 1.0 * sign))
            result.append(Measure(f"{name}_peak", peak, "1", low, high, "change of the weight by the nearest pair"))
            tau = self.time_constant(gaps[side], found[side])
            want = self.time_constant(gaps[side], expected[side])
            what = f"of the window, within 5 % of {want:.3g} s from card and spikes"
            result.append(Measure(f"tau_{name}", tau, "s", 0.95 * want, 1.05 * want, what))
        worst = float(np.abs(found - expected).max())
        alone = float(np.abs(found[~paired]).max())
        return [
            *result,
            Measure("misfit", worst, "1", 0, 0.02, "largest distance from the window of the card's rates"),
            Measure("unpaired", alone, "1", 0, 0.02, "change by one spike alone"),
        ]
