"""What an emitted model must pass before a designer gets it: same equation, same behaviour, sane physics."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from compact.analysis import Dc, Op, Tran
from compact.checks import Check, boltzmann_moment, fold_voltage, parity, single, switching_time, threshold_voltage
from compact.constants import ZERO_CELSIUS
from compact.emit import device
from compact.errors import SimulationError, SpinbricksError
from compact.memristorchecks import barrier_checks, wall_checks
from compact.netlist import Netlist
from compact.parameters import ParameterSet
from compact.physics.auto_oscillation import AutoOscillator
from compact.simulators import Simulator, get_simulator
from compact.units import format_si

__all__ = ["Check", "run_qa"]

COLD, HOT = -55.0, 175.0
"""Temperature range of the checks [degC]."""
REACH = 1.0
"""Largest bias of the checks of models that have no threshold voltage [V]."""
DWELLS = 400
"""Dwells of the check of a telegraph model."""


def _reach(card: ParameterSet) -> float:
    if card.model == "mtj":
        return max(abs(threshold_voltage(card, 1)), abs(threshold_voltage(card, -1)), REACH)
    return REACH


def _gentle(card: ParameterSet) -> float:
    """A voltage at which both states are read, well below what switches the device [V]."""
    if card.model == "mtj":
        return min(0.1 * _reach(card), 0.3 * min(abs(fold_voltage(card, state)) for state in (1, -1)))
    return 0.1 * _reach(card)


# -- any model ---------------------------------------------------------------------------------------


def _numeric_checks(card: ParameterSet) -> Iterator[Check]:
    """Values on a grid of bias, states and temperature, far beyond where the device is used."""
    model, values = card.definition, card.values
    reach = 10 * _reach(card)
    rng = np.random.default_rng(0)
    ports = [t.name for t in model.terminals]
    levels = {p: np.append(rng.uniform(-reach, reach, 4000), [-reach, reach]) for p in ports[:-1]}
    levels[ports[-1]] = np.zeros(4002)
    known = {branch: (levels[a] - levels[b])[:, None] for branch, (a, b) in model.branches.items()}
    known |= {s.name: rng.uniform(-1, 1, 4002)[:, None] for s in model.states}
    kelvin = np.array([COLD, 27.0, HOT]) + ZERO_CELSIUS
    names = [c.name for c in model.currents] + [f"{kind}_{s.name}" for kind in ("rate", "static") for s in model.states]
    results = model.evaluate(names, {**values, **known, "temperature": kelvin})
    bad = sum(int(np.sum(~np.isfinite(x))) for x in results)
    where = f"within +-{reach:.3g} V, {COLD:g}..{HOT:g} degC"
    yield Check("finite values", "numpy", bad, "points", 0, f"not finite {where}")
    power = sum(i * known[f"v_{c.plus}_{c.minus}"] for c, i in zip(model.currents, results, strict=False))
    yield Check("passive", "numpy", float(np.max(-power)), "W", 0, f"largest power delivered {where}")
    statics = results[len(results) - len(model.states) :]
    numbers = [np.abs(x).max() for s, x in zip(model.states, statics, strict=True) if s.unit == "1"]
    static = max(numbers, default=0.0)  # states that have a unit, such as a temperature, know no bound
    yield Check("bounded state", "numpy", float(static), "1", 1 + 1e-12, "largest state at an operating point")
    for current in model.currents:
        tiny = 1e-6 * np.array([-1.0, 1.0])
        point = {**values, **dict.fromkeys(known, 0.3), f"v_{current.plus}_{current.minus}": tiny}
        still = model.evaluate(current.name, {**point, f"v_{current.plus}_{current.minus}": 0.0})
        slope = (model.evaluate(current.name, point) - still) / tiny
        yield Check("smooth at 0 V", "numpy", float(abs(slope[1] / slope[0] - 1)), "1", 1e-4, "jump of dI/dV")


def _circuit_checks(card: ParameterSet, simulator: Simulator, points: int) -> Iterator[Check]:
    """The emitted model against the equations, and its operating points."""
    model, name = card.definition, simulator.name
    if name != "reference":
        for temperature in (27.0, HOT, COLD):
            yield Check("same equation", name, parity([card], simulator, points, temperature), "1", 1e-6,
                        f"largest deviation from NumPy at {points} points, {temperature:g} degC")  # fmt: skip
    if len(model.terminals) > 2 or "state" not in card.values:
        return
    worst = 0.0
    volts = _gentle(card)
    currents = {}
    for state in (1, -1):
        waves = simulator.run(single(card, state, f"Vin in 0 dc {volts!r}"), Op())
        currents[state] = abs(waves["i(vin)"][-1])
        states = {s.name: waves.state("xm", s.name)[-1] for s in model.states}
        point = {**card.values, "state": state, "v_fl_rl": volts, **states}
        for s in model.states:
            worst = max(worst, abs(float(model.evaluate(f"static_{s.name}", point)) - states[s.name]))
    yield Check("initial state", name, worst, "1", 1e-3, "states of operating points against the equations")
    yield Check(
        "R_P below R_AP", name, currents[-1] / currents[1], "1", 1, f"ratio of the resistances at {volts:.3g} V"
    )
    forward = simulator.run(single(card, -1, f"Vin in 0 dc {volts!r}"), Op())["i(vin)"][-1]
    backward = simulator.run(single(card, -1, f"Vin in 0 dc {-volts!r}", flipped=True), Op())["i(vin)"][-1]
    yield Check("terminal flip", name, float(abs(backward / forward + 1)), "1", 1e-9, "I(-V) of the flipped device")


# -- single models -----------------------------------------------------------------------------------


def _axial_checks(card: ParameterSet, simulator: Simulator) -> Iterator[Check]:
    name = simulator.name
    edges = {s: fold_voltage(card, s) for s in (1, -1)}
    low, high = 1.5 * edges[1], 1.5 * edges[-1]
    waves = simulator.run(single(card, -1, "Vin in 0 dc 0"), Dc("vin", low, high, (high - low) / 300, back=True))
    z, v = waves.state("xm", "z"), waves["in"]
    jumps = np.flatnonzero(np.diff(np.sign(z)))
    found = [v[k + 1] for k in jumps]
    worst = math.inf
    if len(found) == 2:
        worst = max(abs(found[0] / edges[-1] - 1), abs(found[1] / edges[1] - 1))
    yield Check("hysteresis loop", name, worst, "1", 0.03, "switching voltages of a .dc loop against slow motion")

    reference = get_simulator("reference")
    for state, way in ((1, "P to AP"), (-1, "AP to P")):
        volts = threshold_voltage(card, state, 2.0)
        measured = switching_time(card, state, volts, simulator)
        if name != "reference":
            deviation = abs(measured / switching_time(card, state, volts, reference) - 1)
            yield Check(f"switching {way}", name, deviation, "1", 0.01, f"time against the reference at {volts:.3g} V")
            finer = switching_time(card, state, volts, simulator, step=card.values["tau_d"] / 100)
            yield Check(f"step size, {way}", name, abs(finer / measured - 1), "1", 0.01, "change with half the step")
            other = switching_time(card, state, volts, simulator, method="gear")
            yield Check(f"method, {way}", name, abs(other / measured - 1), "1", 0.01, "change with gear for trap")
        else:
            yield Check(f"switching {way}", name, 0.0 if math.isfinite(measured) else math.nan, "1", 0.0,
                        f"switches in {format_si(float(f'{measured:.3g}'), 's')} at {volts:.3g} V")  # fmt: skip
    yield _retention_check(card, simulator)
    yield _energy_check(card, simulator)
    # A shallower well is left during the trace, a deeper one spreads less than the integrator's tolerance.
    if name != "reference" and 8 <= card.values["delta"] <= 1e4:
        yield _noise_check(card, simulator)


def _retention_check(card: ParameterSet, simulator: Simulator) -> Check:
    tau = card.values["tau_d"]
    kept = []
    for state in (1, -1):
        waves = simulator.run(single(card, state, "Vin in 0 dc 0"), Tran(step=tau, stop=1000 * tau), save=["xm.z"])
        z = waves.state("xm", "z")
        kept.append(abs(z[-1] - z[0]))
    return Check("retention", simulator.name, float(max(kept)), "1", 1e-2, "change of z in 1000 tau_d at 0 V")


def _energy_check(card: ParameterSet, simulator: Simulator) -> Check:
    tau = card.values["tau_d"]
    height = max(abs(threshold_voltage(card, s, 2.0)) for s in (1, -1))
    period = 40 * tau
    source = f"Vin in 0 dc 0 sin(0 {height!r} {1 / period!r})"
    waves = simulator.run(single(card, 1, source), Tran(step=period / 400, stop=2 * period), save=["in", "i(vin)"])
    taken = -waves["in"] * waves["i(vin)"]
    given = float(max(0.0, -taken.min()) / taken.max())
    return Check(
        "passive cycle", simulator.name, given, "1", 1e-9, "largest power delivered in two cycles over largest taken"
    )


def _noise_check(card: ParameterSet, simulator: Simulator) -> Check:
    """Mean of 1 - z^2 in the well against Boltzmann, in standard errors from blocks of the trace."""
    tau = card.values["tau_d"]
    slot, blocks = tau / 25, 40
    netlist = Netlist("thermal noise at zero bias")
    netlist.use(device(card, noise=True))
    netlist.add_text(f"Vin in 0 dc 0\nXm in 0 {card.model} state=1 seed=7 t_slot={slot!r}")
    waves = simulator.run(netlist, Tran(step=slot, stop=(10 * blocks + 10) * tau), save=["xm.z"])
    grid = np.arange(10 * tau, waves.axis[-1], slot)
    spread = 1 - np.interp(grid, waves.axis, waves.state("xm", "z")) ** 2
    means = spread[: len(spread) // blocks * blocks].reshape(blocks, -1).mean(axis=1)
    kelvin = 27.0 + ZERO_CELSIUS
    at_27 = float(card.definition.evaluate("delta_t", {**card.values, "temperature": kelvin}))
    exact = 1 - boltzmann_moment(at_27, 2, low=0.0)
    sigma = means.std(ddof=1) / math.sqrt(blocks)
    return Check("thermal spread", simulator.name, float(abs(means.mean() - exact) / sigma), "sigma", 4,
                 f"<1 - z^2> {means.mean():.4g} against Boltzmann's {exact:.4g}")  # fmt: skip


def _precession_checks(card: ParameterSet, simulator: Simulator) -> Iterator[Check]:
    """Free motion from the initial angle, against the reference."""
    model = card.definition
    if abs(math.sin(card.values["tilt"])) < 1e-2:
        card = card.replace(None, tilt=0.05)
    start = {**card.values, **dict.fromkeys(model.branches, 0.0)}
    m = np.array([float(model.evaluate(f"static_{s.name}", start)) for s in model.states])
    at_start = start | {s.name: x for s, x in zip(model.states, m, strict=True)}
    speed = math.hypot(*(float(model.evaluate(f"rate_{s.name}", at_start)) for s in model.states))
    turn = 2 * math.pi * math.sin(abs(card.values["tilt"])) / speed
    run = Tran(step=turn / 200, stop=8 * turn)
    saved = [f"xm.{s.name}" for s in model.states]
    ports = " ".join(["in"] + ["0"] * (len(model.terminals) - 1))
    netlist = Netlist("free precession")
    netlist.use(card)
    netlist.add_text(f"Vin in 0 dc 0\nXm {ports} {card.model} state=1")
    waves = simulator.run(netlist, run, save=saved)
    norm = np.sqrt(sum(waves[s] ** 2 for s in saved))
    yield Check("length", simulator.name, float(np.max(np.abs(norm - 1))), "1", 5e-3, "largest change of |m|")
    if simulator.name == "reference":
        return
    exact = get_simulator("reference").run(netlist, run, save=saved)
    deviation = max(np.max(np.abs(np.interp(exact.axis, waves.axis, waves[s]) - exact[s])) for s in saved)
    limit = 0.05 * math.sin(abs(card.values["tilt"]))
    yield Check("precession", simulator.name, float(deviation), "1", limit, "deviation from the reference in 8 turns")


def _dwell_checks(card: ParameterSet, simulator: Simulator) -> Iterator[Check]:
    """Mean dwells at zero bias against the law, in standard errors."""
    if simulator.name == "reference":
        return
    point = {**card.values, "v_fl_rl": 0.0, "temperature": 27.0 + ZERO_CELSIUS}
    law = {1: float(card.definition.evaluate("dwell_p", point)), -1: float(card.definition.evaluate("dwell_ap", point))}
    stop = DWELLS * (law[1] + law[-1]) / 2
    netlist = single(card, 1, "Vin in 0 dc 0")
    waves = simulator.run(netlist, Tran(step=stop / 1000, stop=stop), save=["xm.z"], timeout=300)
    side = np.sign(waves.state("xm", "z"))
    flips = np.flatnonzero(np.diff(side))
    for state, way in ((1, "parallel"), (-1, "antiparallel")):
        dwells = np.diff(waves.axis[flips])[side[flips + 1][:-1] == state]
        if len(dwells) < 10:
            yield Check(f"dwell, {way}", simulator.name, math.nan, "sigma", 4, f"only {len(dwells)} dwells seen")
            continue
        sigma = abs(dwells.mean() / law[state] - 1) * math.sqrt(len(dwells))
        yield Check(f"dwell, {way}", simulator.name, float(sigma), "sigma", 4,
                    f"mean of {len(dwells)} dwells {dwells.mean():.3g} s, law {law[state]:.3g} s")  # fmt: skip


def _oscillator_checks(card: ParameterSet, simulator: Simulator) -> Iterator[Check]:
    """Operating points at the instance's start, and the free oscillation at twice the threshold."""
    model, name = card.definition, simulator.name
    first, second = (s.name for s in model.states)
    oscillator = AutoOscillator.from_card(card)
    current = 2 * oscillator.i_th
    power = float(oscillator.power(current))
    netlist = Netlist("a resonant junction resting and oscillating")
    netlist.use(card)
    rest = " ".join(["0"] * (len(model.terminals) - 1))
    # No constant torque, which moves the centre of the turns.
    free = device(card.replace(None, torque_ip=0.0), subckt="free")
    netlist.use(free)
    netlist.add_text(
        f"Ia 0 a dc 0\nIb 0 b dc {current!r}\nIc 0 c dc {current!r}\nXa a {rest} {card.model} p_0=0.3 phase_0=1\n"
        f"Xb b {rest} {card.model} p_0=0 phase_0=0\nXc c {rest} free p_0={power!r}"
    )
    waves = simulator.run(netlist, Op())
    states = [waves.value(f"x{k}.{s}") for k in "ab" for s in (first, second)]
    start = [math.sqrt(0.3) * math.cos(1), math.sqrt(0.3) * math.sin(1), 0.0, 0.0]
    worst = max(abs(a - b) for a, b in zip(states, start, strict=True))
    yield Check("initial state", name, worst, "1", 1e-6, "states of operating points at rest and above threshold")
    stop = 40 / card.values["f_0"]
    saved = [f"xc.{first}", f"xc.{second}"]
    waves = simulator.run(netlist, Tran(step=stop / 400, stop=stop), save=saved)
    c = waves[saved[0]] + 1j * waves[saved[1]]
    yield Check("free power", name, float(abs(np.abs(c[-1]) ** 2 / power - 1)), "1", 0.01,
                f"at twice the threshold, against {power:.4g}")  # fmt: skip
    phase = np.unwrap(np.angle(c))
    found = (phase[-1] - phase[0]) / (2 * math.pi * stop) + card.values.get("f_ref", 0.0)
    expected = float(oscillator.frequency(current))
    yield Check("free frequency", name, abs(found / expected - 1), "1", 0.005, f"against {expected:.6g} Hz")


def _domain_checks(card: ParameterSet, simulator: Simulator) -> Iterator[Check]:
    """Pulses against the integration of the rates, states within their branches, retention."""
    from compact.pulsed import PulsedJunction

    tau, v = card.values["tau_0"], card.values
    width = 1e3 * tau
    levels = [v["ic_ap2p"] * v["r_p"] * (1 + v["tmr"]), -v["ic_p2ap"] * v["r_p"]]
    heights = [float(share * volts) for share in (0.7, 0.9, 1.1) for volts in levels]
    gap, edge = 0.2 * width, 1e-4 * width
    lines, node = [], "0"
    for k, height in enumerate(heights):
        start = gap + k * (width + gap)
        shape = f"pulse(0 {height!r} {start!r} {edge!r} {edge!r} {width - edge!r} {1e3 * width!r})"
        lines.append(f"V{k} n{k} {node} dc 0 {shape}")
        node = f"n{k}"
    source = "\n".join([*lines, f"Vend in {node} dc 0"])
    stop = gap + len(heights) * (width + gap)
    waves = simulator.run(single(card, -1, source), Tran(step=width / 50, stop=stop), timeout=300)
    names = [s.name for s in card.definition.states]
    states = np.stack([waves.state("xm", n) for n in names])
    yield Check("within its branches", simulator.name, float(np.abs(states).max()), "1", 1 + 1e-3,
                "largest state under pulses of both signs")  # fmt: skip
    at = gap + (width + gap) * (np.arange(len(heights)) + 1) - gap / 2
    seen = np.mean([np.interp(at, waves.axis, z) for z in states], axis=0)
    reach = max(abs(h) for h in heights)
    junction = PulsedJunction(v, reach, by_voltage=True, temperature=27.0 + ZERO_CELSIUS)
    told = junction.after(heights, width, -1.0).mean(axis=1)
    yield Check("pulse by pulse", simulator.name, float(np.abs(seen - told).max()), "1", 0.01,
                "mean state after each pulse against the rates")  # fmt: skip


SPECIAL_CHECKS: dict[str, Callable[[ParameterSet, Simulator], Iterator[Check]]] = {
    "mtj": _axial_checks,
    "mtj_macrospin": _precession_checks,
    "mtj_sot": _precession_checks,
    "telegraph": _dwell_checks,
    "multidomain": _domain_checks,
    "domain_wall": wall_checks,
    "domain_wall_track": wall_checks,
    "mgo_memristive": barrier_checks,
    "auto_oscillator": _oscillator_checks,
    "auto_oscillator_line": _oscillator_checks,
    "auto_oscillator_envelope": _oscillator_checks,
}
"""Checks beyond those that apply to all models."""


def run_qa(
    card: ParameterSet,
    simulators: Iterable[str] = ("reference", "ngspice", "vacask"),
    points: int = 100,
    progress: Callable[[str], None] = lambda text: None,
) -> list[Check]:
    """Run all checks that apply to a card.

    Parameters
    ----------
    card : ParameterSet
        The card.
    simulators : iterable of str
        Where to run it.
    points : int
        Random points of the comparison with NumPy.
    progress : callable
        Called with the name of each check that is done.

    Returns
    -------
    list of Check

    Raises
    ------
    SimulatorNotFound
        If a simulator is missing.
    """
    machines = [get_simulator(name) for name in simulators]
    for machine in machines:
        machine.find()
    done: list[Check] = []
    for check in _numeric_checks(card):
        done.append(check)
        progress(check.name)
    special = SPECIAL_CHECKS.get(card.model)
    for machine in machines:
        try:
            for check in _circuit_checks(card, machine, points):
                done.append(check)
                progress(f"{machine.name}: {check.name}")
            for check in special(card, machine) if special else ():
                done.append(check)
                progress(f"{machine.name}: {check.name}")
        except (SimulationError, SpinbricksError) as error:
            done.append(Check("run", machine.name, math.nan, "1", 0, str(error)))
    return done
