"""Sensitivity of a spin-torque diode in a circuit: periodic steady state by harmonic balance, and by a transient.

Both follow every turn of the wave, from a source with an internal resistance through a capacitor, on a junction whose
bias current comes through a choke. What they leave out of closed forms is of the order of gamma_g/f.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from compact.analysis import Hb, Tran
from compact.constants import ZERO_CELSIUS
from compact.errors import ParameterError
from compact.measure import average
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.physics.auto_oscillation import AutoOscillator
from compact.physics.oscillator_load import at_bias, loaded
from compact.simulators import Simulator, get_simulator

__all__ = ["DiodeSensitivity", "diode_sensitivity"]

REACTANCE = 50.0
"""Reactance of the choke over the source's resistance, and of all resistance in the loop over the capacitor's."""
TIGHT = {"reltol": 1e-6, "vntol": 1e-11, "abstol": 1e-14}
"""Tolerances: what is rectified is small against the wave."""
SETTLE = 9.0
"""Times in which the amplitude of the junction settles, before a transient is averaged."""
PERIODS = 40


@dataclass(frozen=True)
class DiodeSensitivity:
    """Rectified voltage of a diode over available power, several ways; 1 V/W is 1 mV/mW.

    Parameters
    ----------
    harmonic : float
        By harmonic balance [V/W].
    transient : float
        By a transient [V/W]; nan if none was asked for.
    closed : float
        Closed form [V/W].
    seconds_harmonic, seconds_transient : float
        What they took [s].
    """

    harmonic: float
    transient: float
    closed: float
    seconds_harmonic: float
    seconds_transient: float


def diode_sensitivity(
    card: ParameterSet,
    frequency: float | None = None,
    p_rf: float = 1e-6,
    bias: float = 0.0,
    load: float = 50.0,
    *,
    harmonics: int = 8,
    transient: bool = True,
    temperature: float = 27.0,
    simulator: Simulator | None = None,
) -> DiodeSensitivity:
    """Sensitivity of a diode at one frequency, bias and power.

    Parameters
    ----------
    card : ParameterSet
        Card of `auto_oscillator`.
    frequency : float, optional
        Of the wave [Hz]; by default that of the loaded resonance.
    p_rf : float
        Available power [W].
    bias : float
        Bias current [A], below threshold.
    load : float
        Resistance of the source [Ohm].
    harmonics : int
        Harmonics besides DC.
    transient : bool
        Whether to simulate a transient of the same circuit too.
    temperature : float
        [degC].
    simulator : Simulator, optional
        One that offers harmonic balance; VACASK by default.

    Returns
    -------
    DiodeSensitivity

    Raises
    ------
    ParameterError
        If the junction oscillates by itself, or a figure is out of range.
    SimulationError
        If harmonic balance does not converge.
    SimulatorNotFound
        If the simulator is not installed.
    """
    if not p_rf > 0:
        raise ParameterError(f"p_rf = {p_rf:g} W must be above 0")
    osc = loaded(AutoOscillator.from_card(card, temperature + ZERO_CELSIUS), load)
    if osc.power(bias) > 0:
        raise ParameterError(f"card '{card.name}' oscillates at a bias of {bias:g} A: it is no diode there")
    f = float(osc.frequency(bias)) if frequency is None else frequency
    engine = simulator or get_simulator("vacask")
    waves = {}
    for name, power in (("on", p_rf), ("off", 0.0)):
        netlist = _circuit(card, f, math.sqrt(8 * load * power), bias, load)
        waves[name] = engine.run(netlist, Hb(f, harmonics), save=["n"], temperature=temperature, options=TIGHT)
    balance = float(waves["on"]["n"][0].real - waves["off"]["n"][0].real)
    took = [float(w.info["seconds"]) for w in waves.values()]
    rise, spent = math.nan, math.nan
    if transient:
        settle = SETTLE / (float(osc.relaxation_rate(bias)) / 2)
        stop = settle + PERIODS / f
        netlist = _circuit(card, f, math.sqrt(8 * load * p_rf), bias, load)
        run = engine.run(netlist, Tran(stop, 0.02 / f), save=["n"], temperature=temperature, options=TIGHT, timeout=300)
        at_rest = float(waves["off"]["n"][0].real)
        rise, spent = average(run.axis, run["n"], settle, stop) - at_rest, float(run.info["seconds"])
    closed = float(osc.spectrum(f, osc.injected(p_rf, bias), bias))
    return DiodeSensitivity(balance / p_rf, rise / p_rf, closed / p_rf, float(np.sum(took)), spent)


def _circuit(card: ParameterSet, f: float, peak: float, bias: float, load: float) -> Netlist:
    """The diode behind a bias tee, with a wave of `peak` [V] from a source of the resistance `load` [Ohm]."""
    netlist = Netlist("spin-torque diode")
    netlist.use(card, "mtj")
    omega = 2 * math.pi * f
    series = load + 1 / float(at_bias(AutoOscillator.from_card(card), bias).conductance)
    netlist.add_text(
        f"Vrf s 0 dc 0 sin(0 {peak!r} {f!r})\nRs s rf {load!r}\nCblock rf n {REACTANCE / (omega * series)!r}\n"
        f"Ibias 0 dc dc {bias!r}\nLchoke dc n {REACTANCE * load / omega!r}\nXd n 0 mtj p_0=0"
    )
    return netlist
