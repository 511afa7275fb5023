"""One junction, four descriptions: Fokker-Planck, the ensemble, and the emitted axial and macrospin models."""

from __future__ import annotations

import math

import numpy as np
import pytest

from compact.analysis import Tran
from compact.emit import device
from compact.ensemble import pulse_ensemble
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.physics.ensemble import Probability
from compact.physics.macrospin import Macrospin
from compact.physics.macrospin_cards import to_card
from compact.simulators import Simulator
from compact.writing import write_errors

ALPHA = 0.1
CELSIUS = 273.15
AXIAL = ParameterSet(
    "mtj",
    "axial",
    {"r_p": 5e3, "tmr": 1.0, "v_h": 0.6, "delta": 25.0, "tau_d": 0.25e-9, "t_nom": 27 + CELSIUS}
    | {"ic_p2ap": 40e-6, "ic_ap2p": 40e-6},
)
PULSES = ((-0.42, 0.4e-9), (-0.42, 0.55e-9))
WAIT = 4 * 0.25e-9
"""Time in which the junctions reach equilibrium before the pulse, four relaxation times."""
COUNT = 300
EDGE = 1e-13


def expected(volts: float, width: float) -> float:
    return float(write_errors(AXIAL, width, voltage=volts).switched[0, 0])


def switched(card: ParameterSet, simulator: Simulator, instance: str, signal: str) -> list[Probability]:
    """Share switched at the end of each pulse of `COUNT` instances, each with its own seed."""
    netlist = Netlist("many junctions under one pulse")
    netlist.use(device(card, subckt="junction", noise=True))
    longest = max(width for _, width in PULSES)
    volts = PULSES[0][0]
    netlist.add_text(f"Vp drive 0 dc 0 pulse(0 {volts!r} {WAIT!r} {EDGE!r} {EDGE!r} {2 * longest!r} 1)")
    netlist.add_text("\n".join(f"X{k} drive 0 junction state=1 seed={k + 1} {instance}" for k in range(COUNT)))
    names = [f"x{k}.{signal}" for k in range(COUNT)]
    waves = simulator.run(netlist, Tran(stop=WAIT + longest, step=5e-12), save=names, timeout=200)
    shares = []
    for _, width in PULSES:
        at = WAIT + width * (1 - 1e-6)
        shares.append(Probability(sum(waves.at(name, at) < 0 for name in names), COUNT))
    return shares


def agrees(found: Probability, value: float) -> bool:
    """Within three binomial standard errors and 3 %."""
    error = math.sqrt(value * (1 - value) / found.trials)
    return abs(found.value - value) < 3 * error + 0.03 * value


def test_pulses_are_telling() -> None:
    assert [expected(*pulse) for pulse in PULSES] == pytest.approx([0.45, 0.79], abs=0.15)


@pytest.mark.parametrize(("volts", "width"), PULSES)
def test_ensemble(volts: float, width: float) -> None:
    run = pulse_ensemble(AXIAL, width, voltage=volts, count=10_000, alpha=ALPHA, seed=2)
    assert agrees(run.switched, expected(volts, width)), (str(run.switched), expected(volts, width))
    assert run.expected == pytest.approx(expected(volts, width), rel=2e-3)


def test_emitted_axial_model(vacask: Simulator) -> None:
    for found, pulse in zip(switched(AXIAL, vacask, "", "z"), PULSES, strict=True):
        assert agrees(found, expected(*pulse)), (pulse, str(found), expected(*pulse))


def test_emitted_macrospin_model(vacask: Simulator) -> None:
    """Without a transverse field; noise slots of a twentieth of a turn."""
    full = Macrospin.from_card(AXIAL, alpha=ALPHA)
    turn = 2 * np.pi / full.small_motion()[0]
    card = to_card(full, "full")
    for found, pulse in zip(switched(card, vacask, f"t_slot={turn / 20!r}", "m_z"), PULSES, strict=True):
        assert agrees(found, expected(*pulse)), (pulse, str(found), expected(*pulse))
