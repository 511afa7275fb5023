"""What circuits with complementary junctions share: sizes of sense amplifiers and write heads, sources, area.

A bit is stored in two junctions of opposite state. A sense amplifier reads them against each other, and a write head
writes them in two phases through their common node: first the one that becomes antiparallel (wap), then the other (wp).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from compact.circuits.base import Junction, Setting
from compact.circuits.cell_1t1mtj import DRIVER_SHARE, MARGIN, WIDEST
from compact.circuits.pcsa import NODE_CAPACITANCE
from compact.errors import CircuitError
from compact.netlist import Netlist
from compact.physics.activation import escape_rate
from compact.technology import Device, Technology
from compact.units import format_si

__all__ = [
    "FAST",
    "LONGEST_STEP",
    "SETTINGS",
    "retention",
    "settled",
    "sized",
    "supply",
    "train",
    "widths",
]

FOREVER = 1e4
"""Period of pulses that come once [s]."""
GATED = 0.02
"""Share of the supply that the power switch may take while a junction is written."""

FAST: Mapping[str, float | str] = {
    "method": "gear",
    "reltol": 1e-3,
    "ngspice:reltol": 1e-4,
    "vacask:tran_lteratio": 10.0,
    "gmin": 1e-15,
}
"""Simulator options: the rule that damps leaves no ringing in the small currents of an idle circuit; delays and
energies are within 2 % of those at a tenth of the tolerance. The default gmin would leak as much as transistors do."""
LONGEST_STEP = 1e4
"""Largest step over the edge of the signals: ngspice takes corners closer than 5e-5 of it for one."""

SETTINGS = (
    Setting("overdrive", 1.5, "1", "drive of a write over the card's critical one", 1.05, 10),
    Setting("io", None, "1", "1: thick-oxide transistors, 0: core ones (derived: core if they can write)", 0, 1),
    Setting("vdd", None, "V", "supply (derived: that of the transistors)", 0.1, 20),
    Setting("w_n", None, "m", "nMOS of latches and gates (derived: three times the narrowest)", 1e-8, 1e-3),
    Setting("w_p", None, "m", "pMOS of latches and gates (derived: as w_n)", 1e-8, 1e-3),
    Setting("w_foot", None, "m", "discharge nMOS of sense amplifiers (derived: four times w_n)", 1e-8, 1e-3),
    Setting("w_up", None, "m", "pull-ups of the write head (derived: carry the write current)", 1e-8, 1e-2),
    Setting("w_down", None, "m", "pull-downs of the write head (derived: carry the write current)", 1e-8, 1e-2),
    Setting("v_junction", 1.6, "V", "highest voltage that a junction stands", 0.1, 10),
    Setting("t_write", None, "s", "each phase of a write (derived: twice the switching time)", 1e-11, 1e-3),
    Setting("t_sense", None, "s", "read phase (derived: 4 time constants of R_AP and the output)", 1e-11, 1e-3),
    Setting("edge", 50e-12, "s", "rise and fall time of signals", 1e-12, 1e-9),
)
"""Settings of every circuit that stores bits in complementary junctions."""


def sized(
    junction: Junction, technology: Technology, values: Mapping[str, Any], access: bool = False, load: float = 0.0
) -> dict[str, Any]:
    """All settings, those of `SETTINGS` derived from the card and the drive law where they are left open.

    Parameters
    ----------
    junction : Junction
        What is written and read.
    technology : Technology
        The transistors; thick-oxide ones where core ones cannot write.
    values : mapping
        Settings; None for those to be derived.
    access : bool
        Whether there is a transistor between write head and junction, whose width w_access is then derived too.
    load : float
        Width of the transistors that load each output of the sense amplifier beyond its own [m], over w_n.

    Raises
    ------
    CircuitError
        If the junction cannot be written in this technology; the message says what is lacking.
    """
    given = {name: value for name, value in values.items() if value is not None}
    choices = [bool(given["io"])] if "io" in given else [False, True]
    reasons = []
    for io in choices:
        suffix = "_io" if io else ""
        if "nmos" + suffix not in technology.devices:
            reasons.append(f"{technology.name} has no thick-oxide transistors")
            continue
        nmos, pmos = technology.device("nmos" + suffix), technology.device("pmos" + suffix)
        try:
            derived = _writing(junction, nmos, pmos, given, access)
        except CircuitError as error:
            reasons.append(f"nmos{suffix} {error}")
            continue
        s = {"io": float(io), "w_n": 3 * nmos.min_width, **derived, **given}
        s = {"w_p": max(s["w_n"], pmos.min_width), "w_foot": 4 * s["w_n"], **s}
        capacitance = NODE_CAPACITANCE * ((2 + load) * s["w_n"] + 3 * s["w_p"])
        s = {"t_sense": max(4 * capacitance * junction.resistance(-1.0), 20 * s["edge"], 1e-9), **s}
        return {**values, **s}
    raise CircuitError(f"card '{junction.card.name}' cannot be written in {technology.name}: " + "; ".join(reasons))


def _writing(
    junction: Junction, nmos: Device, pmos: Device, given: Mapping[str, Any], access: bool
) -> dict[str, float]:
    """Supply, widths of the write path and write time for one kind of transistor, or CircuitError."""
    supply = given.get("vdd", nmos.vdd)
    volts = {z: junction.write_voltage(z, given["overdrive"]) for z in (1.0, -1.0)}
    amps = {z: abs(junction.current(-z * volts[z], z)) for z in volts}
    hardest = max(volts, key=lambda z: volts[z])
    spare = supply - volts[hardest]
    drop = DRIVER_SHARE * supply if access else spare / 2
    too_much = CircuitError(
        f"at {supply:g} V cannot write: the junction needs {format_si(float(f'{max(amps.values()):.3g}'), 'A')}, "
        f"which takes {volts[hardest]:.3g} V across it (transistors up to {WIDEST * 1e6:g} um)"
    )
    if spare <= 2 * DRIVER_SHARE * supply:
        raise too_much
    most, sizes = max(amps.values()), {}
    for name, device in (("w_up", pmos), ("w_down", nmos)):
        sizes[name] = max(MARGIN * most / device.current(supply, drop), device.min_width)
    if access:
        # Towards parallel the source of the access transistor is at the junction; towards antiparallel at its line.
        middle = drop + volts[-1.0]
        densities = (
            nmos.current(supply - middle, supply - drop - middle, middle),
            nmos.current(supply - drop, supply - 2 * drop - volts[1.0], drop),
        )
        needed = max(amps[z] / d if d > 0 else math.inf for z, d in zip((-1.0, 1.0), densities, strict=True))
        sizes["w_access"] = max(MARGIN * needed, nmos.min_width)
    if max(sizes[name] for name in (["w_access"] if access else sizes) if name not in given or access) > WIDEST:
        raise too_much
    gate = max(MARGIN * most / pmos.current(supply, GATED * supply), pmos.min_width)
    return {"vdd": supply, "t_write": 2 * junction.switching_time(given["overdrive"]), "w_gate": gate, **sizes}


def widths(s: Mapping[str, Any]) -> dict[str, float]:
    """Settings that are widths [m]."""
    return {name: value for name, value in s.items() if name.startswith("w_")}


def train(
    netlist: Netlist, name: str, node: str, high: float, windows: Iterable[tuple[float, float]], edge: float
) -> None:
    """Add a source that is high in some windows of time, at half-height at their ends, and low otherwise.

    Parameters
    ----------
    netlist : Netlist
        The circuit.
    name, node : str
        Of the source; where there are several windows it is a chain, whose last current is that of source `name`.
    high : float
        High level [V]; low is 0.
    windows : iterable of tuple of float
        Starts and ends [s] in order of time, by at least two edges apart unless they touch; a start of 0 or before
        is high from the beginning.
    edge : float
        Rise and fall time [s].
    """
    merged: list[list[float]] = []
    for start, stop in windows:
        if merged and start - merged[-1][1] < edge:
            merged[-1][1] = stop
        else:
            merged.append([start, stop])
    circuit = netlist.circuit
    if not merged:
        circuit.V(name, node, circuit.gnd, 0.0)
    for k, (start, stop) in enumerate(merged):
        last = k == len(merged) - 1
        below = circuit.gnd if k == 0 else f"{node}_{k}"
        begins_high = start <= 0
        circuit.PulseVoltageSource(
            name if last else f"{name}_{k + 1}",
            node if last else f"{node}_{k + 1}",
            below,
            initial_value=high if begins_high else 0.0,
            pulsed_value=0.0 if begins_high else high,
            delay_time=(stop if begins_high else start) - edge / 2,
            rise_time=edge,
            fall_time=edge,
            pulse_width=FOREVER / 2 if begins_high else stop - start - edge,
            period=FOREVER,
        )


def supply(netlist: Netlist, name: str, volts: float, off: float, ramp: float, length: float) -> None:
    """Add a supply v<name> at node <name> that ramps down at `off`, stays down for `length` and ramps up [V, s]."""
    netlist.circuit.PulseVoltageSource(
        name,
        name,
        netlist.circuit.gnd,
        initial_value=volts,
        pulsed_value=0.0,
        delay_time=off,
        rise_time=ramp,
        fall_time=ramp,
        pulse_width=max(length, 1e-15),
        period=FOREVER,
    )


def settled(states: Sequence[float], bits: Sequence[int]) -> float:
    """Share of pairs (z of the junction, z of its complement) that store the given bits."""
    pairs = list(zip(states[::2], states[1::2], bits, strict=True))
    return sum((z < -0.8 and z_n > 0.8) if bit else (z > 0.8 and z_n < -0.8) for z, z_n, bit in pairs) / len(pairs)


def retention(junction: Junction) -> float:
    """Mean time [s] until the heat turns one of a bit's two junctions, without supply."""
    values = junction.card.values
    push = values["h_bias"]
    rates = [float(escape_rate(values["delta"], sign * push, values["tau_d"])) for sign in (1, -1)]
    return 1 / sum(rates)
