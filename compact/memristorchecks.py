"""Quality checks of the memristors: laws of wall motion, switching and memory of the barrier."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from compact.analysis import Op, Tran
from compact.checks import Check
from compact.models.domain_wall import SITES
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.physics.domain_wall import UniformWall
from compact.simulators import Simulator

__all__ = ["barrier_checks", "wall_checks"]

BELOW, ABOVE = 0.3, 4.0
"""Fields of the checks over that of breakdown."""


def wall_checks(card: ParameterSet, simulator: Simulator) -> Iterator[Check]:
    """Mobility, velocity above breakdown and rest of a wall of the card, in a long wire without pinning.

    Parameters
    ----------
    card : ParameterSet
        Card of `domain_wall` or `domain_wall_track`.
    simulator : Simulator
        Where to run it.
    """
    name = simulator.name
    flat = dict.fromkeys(["h_wave", "h_rough", *(f"h_site_{k}" for k in range(1, SITES + 1))], 0.0)
    wall = UniformWall.from_card(card)
    relaxation = float(card.definition.evaluate("tau_m", card.values)) / wall.alpha
    period = math.pi / float(wall.precession(ABOVE * wall.walker_field))
    stop = max(20 * relaxation, 10 * period)
    fields = {"mobility": BELOW * wall.walker_field, "above breakdown": ABOVE * wall.walker_field}
    reach = stop * max(abs(float(wall.velocity(h))) for h in fields.values())
    length = max(4 * reach, 100 * wall.width)
    uniform = card.replace(None, **flat, length=length, h_axis=0.0, tilt=0.0)
    netlist = Netlist("walls in a uniform wire")
    netlist.use(uniform)
    ends = " ".join("0" for _ in card.definition.terminals)
    lines = [f"Xm{k} {ends} {card.model} state=0 h_axis={h!r}" for k, h in enumerate((*fields.values(), 0.0))]
    netlist.add_text("\n".join(["Rload in 0 1", "Vin in 0 0", *lines]))
    saved = [f"xm{k}.{s}" for k in range(3) for s in ("z", "tilt_c", "tilt_s")]
    waves = simulator.run(netlist, Tran(step=min(relaxation / 5, period / 40), stop=stop), save=saved, timeout=300)
    time = waves.axis
    for k, (what, field) in enumerate(fields.items()):
        z, end = waves[f"xm{k}.z"], stop
        if field > wall.walker_field:
            angle = np.abs(np.unwrap(np.arctan2(waves[f"xm{k}.tilt_s"], waves[f"xm{k}.tilt_c"])))
            half = float(np.interp(stop / 2, time, angle))
            end = float(np.interp(half + math.pi * math.floor((angle[-1] - half) / math.pi), angle, time))
        found = (np.interp(end, time, z) - np.interp(stop / 2, time, z)) * length / 2 / (end - stop / 2)
        exact = float(wall.velocity(field))
        yield Check(what, name, float(abs(found / exact - 1)), "1", 0.01,
                    f"velocity {found:.4g} m/s at {field:.3g} A/m against {exact:.4g} m/s")  # fmt: skip
    norm = max(np.max(np.abs(waves[f"xm{k}.tilt_c"] ** 2 + waves[f"xm{k}.tilt_s"] ** 2 - 1)) for k in range(3))
    yield Check("angle", name, float(norm), "1", 5e-3, "largest change of cos^2 + sin^2")
    yield Check("retention", name, float(np.max(np.abs(waves["xm2.z"]))), "1", 1e-6, f"motion in {stop:.3g} s at rest")


def barrier_checks(card: ParameterSet, simulator: Simulator) -> Iterator[Check]:
    """Resistive switching, its motion beyond a threshold, and its memory.

    Parameters
    ----------
    card : ParameterSet
        Card of `mgo_memristive`.
    simulator : Simulator
        Where to run it.
    """
    name, values = simulator.name, card.values
    small = 1e-3 * min(abs(values["v_set"]), abs(values["v_reset"]))
    netlist = Netlist("both states of the barrier")
    netlist.use(card)
    netlist.add_text(f"Va a 0 dc {small!r}\nVb b 0 dc {small!r}")
    netlist.add_text(f"Xa a 0 {card.model} state=1 barrier=1\nXb b 0 {card.model} state=1 barrier=-1")
    waves = simulator.run(netlist, Op())
    switching = float(waves.value("i(va)") / waves.value("i(vb)") - 1)
    yield Check("resistive switching", name, abs(switching - values["rs"]), "1", 1e-4 * (1 + values["rs"]),
                f"(R_high - R_low)/R_low {switching:.4g} against {values['rs']:.4g} of the card")  # fmt: skip
    for way, start in (("set", -1), ("reset", 1)):
        volts = 1.5 * values[f"v_{way}"]
        constant = values["tau_b"] / 0.5**2
        netlist = Netlist(f"{way} of the barrier, and rest after it")
        netlist.use(card)
        edge = constant / 1000
        pulse = f"pulse(0 {volts!r} {edge!r} {edge!r} {edge!r} {constant!r} {100 * constant!r})"
        netlist.add_text(f"Vin in 0 dc 0 {pulse}\nXm in 0 {card.model} state=1 barrier={start}")
        run = Tran(step=constant / 50, stop=3 * constant)
        w = simulator.run(netlist, run, save=["xm.w_b"], timeout=300)
        after = float(np.interp(1.2 * constant, w.axis, w["xm.w_b"]))
        # Ramps of the pulse add what the square of the excess says: beyond the threshold for a third of each.
        exact = start * (2 * math.exp(-1 - 2 * 1e-3 / 9) - 1)
        yield Check(f"barrier, {way}", name, abs(after - exact), "1", 0.01,
                    f"state {after:.4f} after a pulse of {volts:.3g} V against {exact:.4f}")  # fmt: skip
        yield Check(f"barrier kept, {way}", name, float(abs(w["xm.w_b"][-1] - after)), "1", 1e-6, "change at 0 V")
