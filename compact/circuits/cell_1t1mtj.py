"""Memory cell of one transistor and one junction, with write driver and read switch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from compact.analysis import Tran
from compact.circuits.base import Circuit, Junction, Setting, Testbench, pulse
from compact.errors import CircuitError
from compact.measure import Measure, average, energy, first_crossing, value_at
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.technology import Device, Technology
from compact.units import format_si

if TYPE_CHECKING:
    from compact.waveform import Waveforms

__all__ = ["Cell1T1Mtj"]

SWITCHED = 0.8
"""Magnitude of z beyond which a state counts as written."""
DRIVER_SHARE = 0.05
"""Share of the write supply that each driver transistor may take."""
MARGIN = 1.2
"""Factor on widths from the drive law, which is good to 10-20 %."""
OVERVOLTAGE = 1.1
"""Highest voltage on a transistor over its supply."""
LOWEST_BIT_LINE = 0.6
"""Least share of v_sl at the bit line, so that its pull-up is well on."""
WIDEST = 20e-6
"""Widest access transistor that is chosen by itself [m]; a wider one must be asked for."""


class Cell1T1Mtj(Circuit):
    """Write antiparallel, then parallel, and read before, between and after."""

    name = "cell_1t1mtj"
    title = "1T-1MTJ memory cell with write driver and read switch"
    template = "cell_1t1mtj.cir.j2"
    ports = MappingProxyType(
        {
            "cell_1t1mtj": ("bl", "wl", "sl", "vss"),
            "write_driver": ("bl", "sl", "wap", "wp", "vbl", "vsl", "vss"),
            "read_switch": ("bl", "vread", "rd", "vss"),
        }
    )
    settings = (
        Setting("overdrive", 1.5, "1", "drive of a write over the card's critical one", 1.05, 10),
        Setting("io", None, "1", "1: thick-oxide transistors, 0: core ones (derived: core if they suffice)", 0, 1),
        Setting("v_sl", None, "V", "source-line supply, writes AP (derived: that of the transistors)", 0.1, 20),
        Setting("v_bl", None, "V", "bit-line supply, writes P (derived: gives the overdrive)", 0.1, 20),
        Setting("v_wl", None, "V", "word line and read gate when on (derived: v_sl)", 0.1, 20),
        Setting("v_read", 0.1, "V", "read supply", 1e-3, 2),
        Setting("w_access", None, "m", "access transistor (derived: carries the write current)", 1e-8, 1e-3),
        Setting("w_up_sl", None, "m", "pull-up of the source line (derived: takes 5 % of v_sl)", 1e-8, 1e-2),
        Setting("w_up_bl", None, "m", "pull-up of the bit line (derived: takes 5 % of v_bl)", 1e-8, 1e-2),
        Setting("w_down", None, "m", "pull-downs and read switch (derived: take 5 % of v_sl)", 1e-8, 1e-2),
        Setting("v_junction", 1.6, "V", "highest voltage that the junction stands", 0.1, 10),
        Setting("t_write", None, "s", "write pulse (derived: twice the junction's switching time)", 1e-11, 1e-3),
        Setting("t_read", 2e-9, "s", "read pulse", 1e-10, 1e-3),
        Setting("t_gap", 1e-9, "s", "pause between operations", 1e-10, 1e-3),
        Setting("edge", 50e-12, "s", "rise and fall time of control signals", 1e-12, 1e-9),
        Setting("c_line", 10e-15, "F", "capacitance of the bit line and of the source line", 0, 1e-9),
    )

    def _bench(
        self, card: ParameterSet, technology: Technology, values: Mapping[str, float | None], netlist: Netlist
    ) -> Testbench:
        s = sized(Junction(card), technology, values)
        suffix = "_io" if s["io"] else ""
        smallest = {kind: technology.device(kind + suffix).min_width for kind in ("nmos", "pmos")}
        widths = {key: s[key] for key in ("w_access", "w_up_sl", "w_up_bl", "w_down")}
        widest = max(s["w_up_sl"], s["w_up_bl"])
        widths["w_gate_n"] = max(smallest["nmos"], widest / 8)
        widths["w_gate_p"] = max(smallest["pmos"], widest / 4)
        netlist.add_text(self.render(technology, widths, suffix))

        t_read, t_write, gap = s["t_read"], s["t_write"], s["t_gap"]
        cycle = t_read + t_write + 2 * gap
        times = {"read_p": gap, "write_ap": 2 * gap + t_read}
        times |= {"read_ap": gap + cycle, "write_p": times["write_ap"] + cycle, "read_again": gap + 2 * cycle}
        stop = times["read_again"] + t_read + gap
        edge, on = s["edge"], s["v_wl"]

        circuit = netlist.circuit
        circuit.V("sl", "vsl", circuit.gnd, s["v_sl"])
        circuit.V("bl", "vbl", circuit.gnd, s["v_bl"])
        circuit.V("read", "vread", circuit.gnd, s["v_read"])
        pulse(netlist, "wl", "wl", on, gap / 2, stop - gap, edge)
        pulse(netlist, "rd", "rd", on, gap, t_read, edge, period=cycle)
        pulse(netlist, "wap", "wap", s["v_sl"], times["write_ap"], t_write, edge)
        pulse(netlist, "wp", "wp", s["v_sl"], times["write_p"], t_write, edge)
        circuit.X("cell", "cell_1t1mtj", "bl", "wl", "sl", circuit.gnd, state=1)
        circuit.X("driver", "write_driver", "bl", "sl", "wap", "wp", "vbl", "vsl", circuit.gnd)
        circuit.X("switch", "read_switch", "bl", "vread", "rd", circuit.gnd)
        if s["c_line"]:
            circuit.C("bl", "bl", circuit.gnd, s["c_line"])
            circuit.C("sl", "sl", circuit.gnd, s["c_line"])
        step = min(t_write / 100, t_read / 20)
        save = ("wap", "wp", "bl", "sl", "i(vsl)", "i(vbl)", "i(vread)", "xcell.mid", "xcell.xmtj.z")
        return Testbench(self.name, netlist, Tran(stop, step), save, s, times)

    def measures(self, waveforms: Waveforms, bench: Testbench) -> list[Measure]:
        """Latency and energy of each write, state after it, read currents."""
        s, at, t = bench.settings, bench.times, waveforms.axis
        z = waveforms["xcell.xmtj.z"]
        power = s["v_sl"] * waveforms["i(vsl)"] + s["v_bl"] * waveforms["i(vbl)"]
        across = waveforms["bl"] - waveforms["xcell.mid"]
        half, result, reads = s["v_sl"] / 2, [], {}
        for name, control, level, direction in (
            ("ap", "wap", -SWITCHED, "fall"),
            ("p", "wp", SWITCHED, "rise"),
        ):
            begin, end = at[f"write_{name}"], at[f"write_{name}"] + s["t_write"]
            start = first_crossing(t, waveforms[control], half, "rise")
            latency = first_crossing(t, z, level, direction, after=start) - start
            spent = energy(t, 1.0, power, begin - s["edge"], end + s["t_gap"] / 2)
            final = value_at(t, z, end + s["t_gap"] / 2)
            low, high = (SWITCHED, 1.1) if name == "p" else (-1.1, -SWITCHED)
            stress = float(abs(across[(t >= begin) & (t <= end)]).max())
            result += [
                Measure(
                    f"write_latency_{name}",
                    latency,
                    "s",
                    0,
                    s["t_write"],
                    f"write edge until |z| = {SWITCHED}",
                ),
                Measure(f"write_energy_{name}", spent, "J", 0, description="from both write supplies, whole pulse"),
                Measure(f"state_{name}", final, "1", low, high, "z after the write"),
                Measure(f"junction_voltage_{name}", stress, "V", 0, s["v_junction"], "highest across it"),
            ]
        for name in ("p", "ap", "again"):
            window = (at[f"read_{name}"] + s["t_read"] / 2, at[f"read_{name}"] + 0.9 * s["t_read"])
            reads[name] = -average(t, waveforms["i(vread)"], *window)
        last = at["read_again"] + s["t_read"] + s["t_gap"] / 2
        disturb = abs(value_at(t, z, last) - value_at(t, z, at["read_again"] - s["edge"]))
        difference = min(reads["p"], reads["again"]) - reads["ap"]
        return [
            *result,
            Measure("read_current_p", reads["p"], "A", 0, description="at v_read"),
            Measure("read_current_ap", reads["ap"], "A", 0, description="at v_read"),
            Measure("read_difference", difference, "A", 0.1 * reads["p"], description="parallel - antiparallel"),
            Measure("read_disturb", disturb, "1", 0, 0.05, "change of z by the last read"),
        ]


def sized(junction: Junction, technology: Technology, values: Mapping[str, float | None]) -> dict[str, float]:
    """All settings, what was left open derived from the card and the drive law of the transistors."""
    given = {name: value for name, value in values.items() if value is not None}
    choices = [bool(given["io"])] if "io" in given else [False, True]
    if "nmos_io" not in technology.devices:
        choices = [io for io in choices if not io]
    reasons = []
    for io in choices:
        suffix = "_io" if io else ""
        nmos, pmos = technology.device("nmos" + suffix), technology.device("pmos" + suffix)
        try:
            sizes = _sizes(junction, nmos, pmos, given)
        except CircuitError as error:
            reasons.append(f"{'nmos' + suffix} {error}")
            continue
        return {"io": float(io), **sizes}
    raise CircuitError(
        f"card '{junction.card.name}' cannot be written in {technology.name}: "
        + ("; ".join(reasons) or "it has no such transistors")
    )


def _sizes(junction: Junction, nmos: Device, pmos: Device, given: Mapping[str, float]) -> dict[str, float]:
    """Settings for one kind of transistor; CircuitError says why there are none."""
    supply = given.get("v_sl", nmos.vdd)
    word = given.get("v_wl", supply)
    for name, value in (("v_sl", supply), ("v_wl", word), ("v_bl", given.get("v_bl", 0.0))):
        if value > OVERVOLTAGE * nmos.vdd:
            raise CircuitError(f"stands {nmos.vdd:g} V, not {name} = {value:g} V")
    if given.get("v_bl", 0.0) > supply:
        raise CircuitError(f"needs v_bl = {given['v_bl']:g} V not above v_sl = {supply:g} V")
    drop = DRIVER_SHARE * supply
    to_ap = junction.write_voltage(1.0, given["overdrive"])
    to_p = junction.write_voltage(-1.0, given["overdrive"])
    i_ap, i_p = -junction.current(-to_ap, 1.0), junction.current(to_p, -1.0)
    # Towards parallel the source of the access transistor is at sl; towards antiparallel it is at the junction.
    bit = given.get("v_bl", supply)
    middle = drop + to_ap
    density_p = nmos.current(word - drop, (1 - DRIVER_SHARE) * bit - drop - to_p, drop)
    density_ap = nmos.current(word - middle, supply - drop - middle, middle)
    widths = [i / d if d > 0 else math.inf for i, d in ((i_p, density_p), (i_ap, density_ap))]
    width = given.get("w_access", max(MARGIN * max(widths), nmos.min_width))
    if "w_access" not in given and not width <= WIDEST:
        cases = ("parallel", to_p, i_p), ("antiparallel", to_ap, i_ap)
        state, volts, amps = cases[widths[1] >= widths[0]]
        raise CircuitError(
            f"at {supply:g} V cannot write {state}: the junction needs {format_si(float(f'{amps:.3g}'), 'A')}, "
            f"which takes {volts:.3g} V across it (access transistor up to {WIDEST * 1e6:g} um)"
        )
    if "v_bl" not in given:
        needed = to_p + drop + nmos.voltage(i_p / width, word - drop, drop)
        bit = min(max(needed / (1 - DRIVER_SHARE), LOWEST_BIT_LINE * supply), supply)
    up_sl, up_bl = (i / pmos.current(v, DRIVER_SHARE * v) for i, v in ((i_ap, supply), (i_p, bit)))
    down = max(i_ap, i_p) / nmos.current(supply, drop)
    derived = {
        "v_sl": supply,
        "v_bl": bit,
        "v_wl": word,
        "w_access": width,
        "w_up_sl": max(MARGIN * up_sl, pmos.min_width),
        "w_up_bl": max(MARGIN * up_bl, pmos.min_width),
        "w_down": max(MARGIN * down, nmos.min_width),
        "t_write": 2 * junction.switching_time(given["overdrive"]),
    }
    return {**derived, **given}
