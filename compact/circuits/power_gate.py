"""Power switch over a non-volatile look-up table, against the same table in memory cells that must stay on."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from compact.analysis import Tran
from compact.circuits.area import area, area_measures
from compact.circuits.base import Circuit, Junction, Setting, Testbench
from compact.circuits.complementary import FAST, LONGEST_STEP, SETTINGS, sized, train, widths
from compact.circuits.lut import lut_names, lut_states
from compact.circuits.truth import TruthTable, with_table
from compact.measure import Measure, average, energy, first_crossing, value_at
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.technology import Technology

if TYPE_CHECKING:
    from compact.waveform import Waveforms

__all__ = ["PowerGate"]

AWAKE = 0.95
"""Share of the supply at which a block counts as awake."""


class PowerGate(Circuit):
    """Both tables are read and rest; the switch takes the supply from the non-volatile one, which wakes and is read."""

    name = "power_gate"
    title = "power switch over a non-volatile look-up table, against memory cells that stay on"
    template = "power_gate.cir.j2"
    ports = MappingProxyType(
        {
            "power_gate": ("vdd", "vv", "sleep"),
            "sram_cell": ("q", "qb", "wl", "bl", "bln", "vdd", "vss"),
        }
    )
    settings = (
        Setting("k", None, "1", "inputs of both tables (derived: those of the table, else 4)", 2, 6),
        TruthTable("table", None, "1", "bits by address, 0110 or 0x6 (derived: parity of the inputs)"),
        *SETTINGS,
        Setting("w_access", None, "m", "access transistors of the write port (derived: write current)", 1e-8, 1e-3),
        Setting("w_tree", None, "m", "transistors of the select trees (derived: as w_n)", 1e-8, 1e-3),
        Setting("w_keep", None, "m", "pMOS that restores the level behind a tree (derived: narrowest)", 1e-8, 1e-3),
        Setting("w_gate", None, "m", "power switch (derived: 2 % of vdd at the write current)", 1e-8, 1e-2),
        Setting("t_precharge", None, "s", "precharge phase (derived: as t_sense)", 1e-11, 1e-3),
        Setting("t_idle", 2e-6, "s", "time with supply and without reads, for the leakage", 1e-9, 1),
        Setting("t_off", 20e-6, "s", "time asleep", 1e-9, 10),
        Setting("t_gap", 0.5e-9, "s", "pause between signals", 1e-10, 1e-6),
    )

    def _bench(
        self, card: ParameterSet, technology: Technology, values: Mapping[str, Any], netlist: Netlist
    ) -> Testbench:
        values = with_table(values)
        k, table = int(values["k"]), values["table"]
        s = sized(Junction(card), technology, values, access=True, load=1 + 2 * k)
        s = {name: value for name, value in s.items() if value is not None}
        pmos = technology.device("pmos_io" if s["io"] else "pmos")
        s = {"w_tree": s["w_n"], "w_keep": pmos.min_width, "t_precharge": s["t_sense"], **s}
        names = lut_names(k)
        netlist.add_text(self.render(technology, {**widths(s), **names}, "_io" if s["io"] else ""))

        circuit, edge, on, gap = netlist.circuit, s["edge"], s["vdd"], s["t_gap"]
        address = table.rindex("1") if "1" in table else 0
        begin = s["t_precharge"] + 4 * gap
        rest = begin + s["t_sense"] + gap
        sleep = rest + s["t_idle"]
        wake = sleep + s["t_off"]
        again = wake + s["t_precharge"] + s["t_sense"] + 4 * gap
        stop = again + s["t_sense"] + gap
        times = {"read": begin, "rest": rest, "sleep": sleep, "wake": wake, "read_again": again, "stop": stop}
        circuit.V("dd", "vdd", circuit.gnd, on)
        circuit.V("cmos", "cmos", circuit.gnd, on)
        train(netlist, "sleep", "sleep", on, [(sleep, wake)], edge)
        train(netlist, "sen", "sen", on, [(t, t + s["t_sense"]) for t in (begin, again)], edge)
        train(netlist, "rd", "rd", on, [(gap, rest), (wake + 2 * gap, 2 * stop)], edge)
        for bit, name in enumerate(names["inputs"]):
            awake = [(0, sleep), (wake, 2 * stop)] if address >> bit & 1 else []
            train(netlist, name, name, on, awake, edge)
            train(netlist, f"c{name}", f"c{name}", on, [(0, 2 * stop)] if awake else [], edge)
        ground = [circuit.gnd] * len(names["words"])
        circuit.X("gate", "power_gate", "vdd", "vv", "sleep")
        ends = ("y", "yb", "sen", "rd", *names["inputs"], *ground, circuit.gnd, circuit.gnd, "foot", "vv", circuit.gnd)
        circuit.X("lut", "lut", *ends, **lut_states(table))
        outer = [f"c{name}" for name in names["inputs"]]
        circuit.X("sram", "sram_lut", "ycmos", *outer, *ground, "cmos", "cmos", "cmos", circuit.gnd)
        for cell, bit in enumerate(table):
            high = on * int(bit)
            netlist.initial |= {f"xsram.cell{cell}": high, f"xsram.cell{cell}_n": on - high}
        netlist.nodesets |= {"y": 0.0, "yb": on, "vv": on}
        netlist.options |= {**FAST, "vacask:abstol": 1e-11}  # with the default it finds no operating point in sky130
        step = s["t_sense"] / 10
        largest = max(step, min((s["t_off"] + s["t_idle"]) / 50, LONGEST_STEP * edge))
        save = ("sen", "sleep", "vv", "xlut.q", "xlut.qb", "y", "ycmos", "i(vdd)", "i(vcmos)", "i(vsleep)")
        return Testbench(self.name, netlist, Tran(stop, step, largest), save, s, times)

    def layout(self, bench: Testbench) -> dict[str, tuple[tuple[str, ...], ...]]:
        """Switch, amplifier, outputs and currents above each other."""
        return {"": (("sleep", "sen"), ("vv",), ("xlut.q", "xlut.qb"), ("y", "ycmos"), ("i(vdd)", "i(vcmos)"))}

    def measures(self, waveforms: Waveforms, bench: Testbench) -> list[Measure]:
        """Standby powers, wake-up, droop, break-even time, right reads, area of both."""
        s, at, t = bench.settings, bench.times, waveforms.axis
        on, edge = s["vdd"], s["edge"]
        bit = int("1" in s["table"])
        idle = at["rest"] + s["t_idle"] / 2, at["sleep"] - edge
        asleep = at["sleep"] + s["t_off"] / 2, at["wake"] - edge
        cmos = -average(t, on * waveforms["i(vcmos)"], *idle)
        resting = -average(t, on * waveforms["i(vdd)"], *idle)
        gated = -average(t, on * waveforms["i(vdd)"], *asleep)
        rail = waveforms["vv"] / on
        ready = first_crossing(t, rail, AWAKE, "rise", after=at["wake"] - edge) - at["wake"]
        waking = energy(t, on, waveforms["i(vdd)"], at["wake"] - edge, at["read_again"] - s["t_precharge"] - s["t_gap"])
        # The driver of the switch charges its gate once per sleep from the same supply.
        charge = energy(t, -1.0, abs(waveforms["i(vsleep)"]), at["sleep"] - 2 * edge, at["sleep"] + s["t_gap"])
        switching = on * charge
        window = (t >= at["read"]) & (t <= at["rest"])
        droop = 1 - float(rail[window].min())
        reads = [value_at(t, waveforms["y"] / on, at[name] + s["t_sense"] - edge) for name in ("read", "read_again")]
        right = sum(abs(value - bit) < 0.1 for value in reads) / 2
        plain = value_at(t, waveforms["ycmos"] / on, at["sleep"] - edge)
        even = (waking + switching) / (cmos - gated) if cmos > gated else float("inf")
        transistors, *_ = area(bench.netlist, ["xsram"])
        return [
            Measure("right", right, "1", 1, 1, "reads of a bit before and after the sleep"),
            Measure("cmos_right", abs(plain - bit), "1", 0, 0.1, "|y/vdd - bit| of the memory cells"),
            Measure("cmos_power", cmos, "W", 0, description="memory cells at rest, which must stay on"),
            Measure("idle_power", resting, "W", 0, description="non-volatile table at rest, switch closed"),
            Measure("gated_power", gated, "W", 0, cmos, "non-volatile table asleep"),
            Measure("saving", cmos / gated, "1", 1, description="cmos_power over gated_power"),
            Measure("wake_time", ready, "s", 0, s["t_precharge"] + s["t_sense"], "until 95 % of the supply"),
            Measure("wake_energy", waking + switching, "J", 0, description="from the supply and into the switch"),
            Measure("droop", droop, "1", 0, 0.1, "of the switched supply during a read, over vdd"),
            Measure("break_even", even, "s", 0, description="time asleep from which on waking is paid back"),
            *area_measures(bench.netlist, ["xlut", "xgate"]),
            Measure("cmos_transistors", transistors, "1", 0, description="of the table in memory cells"),
        ]
