"""Non-volatile flip-flop: works as any other, stores its bit in two junctions, and has it again after a power-off."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from compact.analysis import Tran
from compact.circuits.area import area, area_measures
from compact.circuits.base import Circuit, Junction, Setting, Testbench
from compact.circuits.complementary import (
    FAST,
    LONGEST_STEP,
    SETTINGS,
    retention,
    settled,
    sized,
    supply,
    train,
    widths,
)
from compact.measure import Measure, average, delay, energy, value_at
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.technology import Technology

if TYPE_CHECKING:
    from compact.waveform import Waveforms

__all__ = ["Nvff"]

PASS = 2.0
"""Width of the transistors that write a latch, over that of its pMOS, which they must overpower."""


class Nvff(Circuit):
    """Two flip-flops, one per bit: they take the other bit, then theirs, store it, lose their supply and restore it."""

    name = "nvff"
    title = "non-volatile flip-flop whose slave latch reads two complementary junctions"
    template = "nvff.cir.j2"
    citation = "K. Ryu et al., IEEE Trans. VLSI Syst. 20 (2012) 2044, for the kind of circuit"
    ports = MappingProxyType(
        {
            "nvff": ("d", "clk", "q", "qn", "run", "restore", "wap", "wp", "vdd", "vss"),
            "dff": ("d", "clk", "q", "qn", "vdd", "vss"),
            "master": ("d", "clk", "u", "ub", "vdd", "vss"),
            "write_lines": ("t", "t_n", "b", "bn", "wap", "wp", "vdd", "vss"),
            "write_foot": ("foot", "wap", "wp", "vdd", "vss"),
        }
    )
    settings = (
        *SETTINGS,
        Setting("w_pass", None, "m", "transistors that write the latches (derived: twice w_p)", 1e-8, 1e-3),
        Setting("w_gate", None, "m", "power switch, where one is used (derived: write current)", 1e-8, 1e-2),
        Setting("c_load", 1e-15, "F", "load of each output", 0, 1e-9),
        Setting("t_clk", 4e-9, "s", "clock period", 1e-10, 1e-3),
        Setting("t_idle", 1e-6, "s", "time with supply and without clock, for the leakage", 1e-9, 1),
        Setting("t_off", 100e-9, "s", "time without supply", 0, 10),
        Setting("t_ramp", 10e-9, "s", "each ramp of the supply", 1e-11, 1),
        Setting("t_gap", 0.5e-9, "s", "pause between signals", 1e-10, 1e-6),
    )

    def _bench(
        self, card: ParameterSet, technology: Technology, values: Mapping[str, Any], netlist: Netlist
    ) -> Testbench:
        s = {k: v for k, v in sized(Junction(card), technology, values, load=3).items() if v is not None}
        s = {"w_pass": PASS * s["w_p"], **s}
        netlist.add_text(self.render(technology, widths(s), "_io" if s["io"] else ""))

        clk, gap, edge, on = s["t_clk"], s["t_gap"], s["edge"], s["vdd"]
        store = 3 * clk + s["t_idle"]
        stored = store + 2 * s["t_write"] + gap
        off = stored + 2 * gap
        back = off + 2 * s["t_ramp"] + s["t_off"]
        restore = back + clk
        ready = restore + s["t_sense"] + 2 * gap
        again = ready + 1.5 * clk
        stop = again + clk
        times = {
            "first": clk,
            "second": 2 * clk,
            "idle": store - s["t_idle"] / 2,
            "store": store,
            "stored": stored,
            "off": off,
        }
        times |= {"back": back, "restore": restore, "ready": ready, "again": again, "stop": stop}
        times["retention"] = retention(Junction(card))

        circuit, late = netlist.circuit, 2 * stop
        train(netlist, "clk", "clk", on, [(t, t + clk / 2) for t in (clk, 2 * clk, again)], edge)
        train(netlist, "run", "run", on, [(0, stored + gap), (restore + s["t_sense"], late)], edge)
        train(netlist, "restore", "restore", on, [(restore, ready)], edge)
        train(netlist, "wap", "wap", on, [(store, store + s["t_write"])], edge)
        train(netlist, "wp", "wp", on, [(stored - s["t_write"], stored)], edge)
        swap = 1.7 * clk
        train(netlist, "d0", "d0", on, [(0, swap), (ready, late)], edge)
        train(netlist, "d1", "d1", on, [(swap, stored + gap)], edge)
        for bit in (0, 1):
            supply(netlist, f"vdd{bit}", on, off, s["t_ramp"], s["t_off"])
            ends = (f"d{bit}", "clk", f"q{bit}", f"qn{bit}", "run", "restore", "wap", "wp", f"vdd{bit}", circuit.gnd)
            circuit.X(f"bit{bit}", "nvff", *ends, state=2 * bit - 1, state_n=1 - 2 * bit)
            if s["c_load"]:
                circuit.C(f"q{bit}", f"q{bit}", circuit.gnd, s["c_load"])
        circuit.V("cmos", "cmos", circuit.gnd, on)
        circuit.X("cmos", "dff", "d1", "clk", "q", "qn", "cmos", circuit.gnd)
        if s["c_load"]:
            circuit.C("q", "q", circuit.gnd, s["c_load"])
        # Where the latches begin, so that no solver takes them to be balanced.
        netlist.nodesets |= {"xbit0.s": 0.0, "xbit0.sb": on, "xbit1.s": 0.0, "xbit1.sb": on, "xcmos.s": 0.0}
        netlist.nodesets |= {"xcmos.sb": on}
        netlist.options |= FAST
        each = ("d{0}", "q{0}", "vdd{0}", "xbit{0}.s", "xbit{0}.sb", "i(vvdd{0})", "xbit{0}.xmtj.z", "xbit{0}.xmtj_n.z")
        both = tuple(name.format(bit) for bit in (0, 1) for name in each)
        save = ("clk", "run", "restore", "wap", "wp", "q", "i(vcmos)", *both)
        step = min(s["t_sense"] / 10, s["t_write"] / 40)
        largest = max(step, min((s["t_off"] + s["t_idle"]) / 50, LONGEST_STEP * edge))
        return Testbench(self.name, netlist, Tran(stop, step, largest), save, s, times)

    def layout(self, bench: Testbench) -> dict[str, tuple[tuple[str, ...], ...]]:
        """A column for each bit."""
        return {
            f"bit {bit}": (
                ("clk", f"d{bit}", f"q{bit}"),
                ("wap", "wp"),
                (f"vdd{bit}",),
                ("run", "restore"),
                (f"xbit{bit}.s", f"xbit{bit}.sb"),
                (f"xbit{bit}.xmtj.z", f"xbit{bit}.xmtj_n.z"),
            )
            for bit in (0, 1)
        }

    def measures(self, waveforms: Waveforms, bench: Testbench) -> list[Measure]:
        """Right bits before and after, delay, energy of store and restore, leakage, break-even time, area."""
        s, at, t = bench.settings, bench.times, waveforms.axis
        gap, half, on = s["t_gap"], s["t_clk"] / 2, s["vdd"]
        result, spent, restored = [], [], []
        for bit in (0, 1):
            q = waveforms[f"q{bit}"] / on
            right = [(at["second"] - s["edge"], 1 - bit), (at["second"] + half, bit), (at["again"] + half, 1 - bit)]
            works = sum(abs(value_at(t, q, when) - wanted) < 0.1 for when, wanted in right) / len(right)
            kept = abs(value_at(t, q, at["ready"] + gap) - bit)
            z = [value_at(t, waveforms[f"xbit{bit}.{mtj}.z"], at["off"]) for mtj in ("xmtj", "xmtj_n")]
            edge = ("rise", "fall")[1 - bit]
            wait = delay(t, (waveforms["clk"], on / 2, "rise"), (q, 0.5, edge), after=at["second"] - s["edge"])
            power = waveforms[f"vdd{bit}"] * waveforms[f"i(vvdd{bit})"]
            idle = -average(t, power, at["idle"], at["store"] - s["edge"])
            window = at["stored"] + gap - at["store"] + s["edge"]
            spent.append(energy(t, 1.0, power, at["store"] - s["edge"], at["stored"] + gap) - idle * window)
            restored.append(energy(t, 1.0, power, at["back"] - s["t_ramp"], at["ready"] + gap))
            result += [
                Measure(f"works_{bit}", works, "1", 1, 1, "right outputs of three: two before, one after"),
                Measure(f"stored_{bit}", settled(z, [bit]), "1", 1, 1, "1 if both junctions hold the bit"),
                Measure(f"restored_{bit}", kept, "1", 0, 0.1, "|q/vdd - bit| after the power-off"),
                Measure(f"delay_{bit}", wait, "s", 0, half, "clk to q at half the supply"),
                Measure(f"store_energy_{bit}", spent[-1], "J", 0, description="from the supply"),
                Measure(f"restore_energy_{bit}", restored[-1], "J", 0, description="from the ramp on"),
                Measure(f"idle_power_{bit}", idle, "W", 0, description="with supply, clock at rest"),
            ]
        cmos = -average(t, on * waveforms["i(vcmos)"], at["idle"], at["store"] - s["edge"])
        wait = delay(
            t, (waveforms["clk"], on / 2, "rise"), (waveforms["q"] / on, 0.5, "rise"), after=at["second"] - s["edge"]
        )
        even = (max(spent) + max(restored)) / cmos
        plain, *_ = area(bench.netlist, ["xcmos"])
        return [
            *result,
            Measure("cmos_delay", wait, "s", 0, half, "the same of the flip-flop without junctions"),
            Measure("cmos_power", cmos, "W", 0, description="of the one without junctions, which stays on"),
            Measure("break_even", even, "s", 0, description="time off from which on store and restore are paid back"),
            Measure("retention", at["retention"], "s", 100 * s["t_off"], description="mean life, at least 100 t_off"),
            *area_measures(bench.netlist, ["xbit0"]),
            Measure("cmos_transistors", plain, "1", 0, description="of the one without junctions"),
        ]
