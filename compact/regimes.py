"""Three regimes of one junction, by its emitted model in a circuit simulator: loop, telegraph noise, precession.

Where to look follows from the macrospin of the card: the loop is swept past its critical currents; for telegraph noise
a field across the easy axis lowers both barriers alike, to a height that is crossed often enough to be simulated; for
precession a field and a current that oppose each other are searched with the noise-free equation. What is shown is
then the emitted model with those fields, beside the same equation by the package's own integrator.
"""

from __future__ import annotations

import contextlib
import csv
import json
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact.bench import (
    SLOTS_PER_TURN,
    STEPS_PER_TURN,
    Bench,
    Effort,
    Figure,
    Junction,
    Place,
    Regime,
    cosine_of,
    critical_voltages,
    hard_axis,
    seconds_of,
)
from compact.constants import BOLTZMANN, MU_0
from compact.dwelldata import dwell_times
from compact.ensemble import device_of
from compact.errors import DataError, ParameterError
from compact.files import staged
from compact.parameters import ParameterSet
from compact.physics.drive import Drive
from compact.physics.llgs import simulate
from compact.physics.macrospin import Macrospin
from compact.precession import find_precession, precession, why_none
from compact.regimemap import RegimeMap, map_directions, regime_map
from compact.simulators import get_simulator
from compact.units import format_si

__all__ = ["Regimes", "run_regimes"]

Array = NDArray[np.float64]

MOST_VOLTS = 10.0
TURNS_PER_DWELL = 120
"""Turns of the precession in a dwell that is short enough to be simulated many times; more with little damping."""
PILOTS = 128
TARGETS = (4.5, 4.0, 3.5, 3.0, 2.5, 2.0)
"""Barriers over kT that are tried."""
READ = 0.03
"""Reading voltage over the critical one."""


@dataclass(frozen=True)
class Regimes:
    """What `run_regimes` found.

    Parameters
    ----------
    card : ParameterSet
        The card that was asked for.
    device : Macrospin
        Its macrospin.
    simulator : str
        Where the emitted model ran.
    loop, telegraph, precession : Regime
        The regimes.
    notes : tuple of str
        What was assumed.
    maps : mapping of str to RegimeMap
        Maps over field and voltage by direction of the field, where they were asked for.
    """

    card: ParameterSet
    device: Macrospin
    simulator: str
    loop: Regime
    telegraph: Regime
    precession: Regime
    notes: tuple[str, ...] = ()
    maps: Mapping[str, RegimeMap] = field(default_factory=dict)

    def rows(self) -> list[tuple[str, str, str, str, str]]:
        """Figures for a table, and why a regime is not shown."""
        rows = []
        for regime in self.all:
            if regime.reason:
                rows.append((regime.name, "not shown", "", "", regime.reason))
            elif regime.place is not None and regime.place.induction:
                strength = format_si(float(f"{regime.place.induction:.4g}"), "T")
                size = math.hypot(*regime.place.field)
                way = ", ".join(f"{round(x / size, 2) + 0.0:.2f}" for x in regime.place.field)
                rows.append((regime.name, "field", strength, "", f"along ({way}), in place of the card's"))
                rows.append(
                    (regime.name, "voltage", format_si(float(f"{regime.place.voltage:.4g}"), "V"), "", "applied")
                )
            rows += [figure.row(regime.name) for figure in regime.figures]
        for name, found in self.maps.items():
            shown = ", ".join(f"{kind} {share:.0%}" for kind, share in found.shares().items() if share)
            rows.append(("map", "share of the area", "", "", f"field {name}: {shown}"))
        return rows

    def content(self) -> dict[str, Any]:
        """Figures for JSON, in SI units."""
        return {
            "card": self.card.name,
            "model": self.card.model,
            "simulator": self.simulator,
            "notes": self.notes,
            "regimes": {
                regime.name: {
                    "shown": not regime.reason,
                    "reason": regime.reason,
                    "field": regime.place.field if regime.place else None,
                    "voltage": regime.place.voltage if regime.place else None,
                    "seconds": regime.seconds,
                    "figures": [
                        {"name": f.name, "value": f.value, "stderr": f.stderr, "unit": f.unit, "llg": f.reference}
                        | {"what": f.what}
                        for f in regime.figures
                    ],
                }
                for regime in self.all
            },
            "maps": {
                name: {"direction": found.direction, "window": found.window, "shares": found.shares()}
                for name, found in self.maps.items()
            },
        }

    def save(self, folder: Path) -> list[Path]:
        """Write figures, the traces behind them, and a plot; each file is there whole or not at all.

        Parameters
        ----------
        folder : pathlib.Path
            Made if need be.

        Returns
        -------
        list of pathlib.Path
        """
        from compact.regimesplot import plot_maps, plot_regimes
        from compact.terminal import plain

        stem = f"{self.card.name}_regimes"
        written = [folder / f"{stem}.json"]
        with staged(written[0]) as path:
            path.write_text(json.dumps(plain(self.content()), indent=2, ensure_ascii=False) + "\n")
        for regime in self.all:
            table = _table(regime)
            if table:
                written.append(folder / f"{stem}_{regime.name}.csv")
                with staged(written[-1]) as path, path.open("w", newline="") as file:
                    writer = csv.writer(file)
                    writer.writerow(table)
                    writer.writerows([f"{x:.9g}" for x in row] for row in zip(*table.values(), strict=True))
        written.append(plot_regimes(self, folder / f"{stem}.png"))
        for k, found in enumerate(self.maps.values(), start=1):
            written.append(found.write(folder / f"{stem}_map_{k}.csv"))
        if self.maps:
            written.append(plot_maps(self, folder / f"{stem}_map.png"))
        return written

    @property
    def all(self) -> tuple[Regime, Regime, Regime]:
        """The three."""
        return self.loop, self.telegraph, self.precession


def _table(regime: Regime) -> dict[str, Array]:
    """Columns of what was simulated."""
    c = regime.curves
    if regime.reason or not c:
        return {}
    if regime.name == "loop":
        return {"voltage[V]": c["voltage"][0]} | {f"r_{k + 1}[Ohm]": r for k, r in enumerate(c["resistance"])}
    if regime.name == "telegraph":
        return {"time[s]": c["time"], "resistance[Ohm]": c["resistance"]}
    spectra = {f"psd_{v:.4g}V[Ohm^2/Hz]": density for v, (_, density) in c["spectra"].items()}
    return {"frequency[Hz]": next(iter(c["spectra"].values()))[0]} | spectra


# -- loop ----------------------------------------------------------------------------------------------


def _thermal_start(device: Macrospin, state: int, field: Sequence[float] | None = None) -> Array:
    """Direction of rest, off it by the thermal angle towards the hard axis."""
    rest = device.rest(state, field)
    across = hard_axis(device)
    across = across - (across @ rest) * rest
    angle = 1 / math.sqrt(2 * max(device.delta, 5.0))
    start = rest + math.tan(angle) * across / max(float(np.linalg.norm(across)), 1e-12)
    return np.asarray(start / np.linalg.norm(start))


def _loop(bench: Bench, seed: int) -> Regime:
    """Resistance under a slow triangular voltage, several sweeps with their own noise."""
    device = bench.device
    to_p, to_ap = critical_voltages(device)
    reach = 1.7 * max(to_p, to_ap)
    if not math.isfinite(reach):
        return Regime(
            "loop", reason="the reference layer is at a right angle to the states: no current sets one of them"
        )
    if reach > MOST_VOLTS:
        return Regime("loop", reason=f"a loop would take {reach:.3g} V; the torque is too weak for the resistance")
    period = 2 * math.pi / device.small_motion()[0]
    stop = float(np.clip(130 / device.small_motion()[1], 300 * period, 3000 * period))
    quarter = stop / 4
    edges = f"{quarter!r} {quarter!r} {quarter * 1e-6!r} {10 * stop!r}"
    sources = [
        f"V1 low 0 dc 0 pulse(0 {-reach!r} 0 {edges})",
        f"V2 drive low dc 0 pulse(0 {reach!r} {2 * quarter!r} {edges})",
    ]
    slot = period / SLOTS_PER_TURN
    start = _thermal_start(device, 1)
    junctions = [Junction("drive", start, device.h_ext, seed + k, slot) for k in range(bench.effort.sweeps)]
    courses, waves = bench.run("hysteresis under a slow voltage", sources, junctions, stop, period / STEPS_PER_TURN)
    time, volts = waves.axis, waves["drive"]
    found: dict[str, list[float]] = {"to_ap": [], "to_p": []}
    curves: dict[str, Any] = {"voltage": [], "resistance": []}
    grid = np.linspace(0, stop, 1500)
    v = np.interp(grid, time, volts)
    for course in courses:
        cosine = cosine_of(device, course)
        curves["voltage"].append(v)
        curves["resistance"].append(bench.resistance(np.interp(grid, time, cosine), v))
        for name, part, sign in (("to_ap", time < 2 * quarter, 1), ("to_p", time >= 2 * quarter, -1)):
            gone = np.flatnonzero(part & (sign * cosine < 0))
            if len(gone) and gone[0] > 0 and sign * cosine[np.argmax(part)] > 0:
                found[name].append(float(volts[gone[0]]))
    times, values = np.array([0, 1, 3, 4]) * quarter, np.array([0, -reach, reach, 0])
    ensemble = simulate(device, Drive(voltage=(times, values)), stop, n=128, state=1, seed=seed, samples=600, traces=64)
    mean = ensemble.mean @ np.array(device.reference)
    expected = np.interp(ensemble.time, times, values)
    curves |= {"mean_voltage": expected, "mean_resistance": bench.resistance(mean, expected)}
    down = ensemble.time < 2 * quarter
    references = {
        "to_ap": [_first(expected[down], c[down] < 0) for c in ensemble.cosine()],
        "to_p": [_first(expected[~down], c[~down] > 0) for c in ensemble.cosine()],
    }
    what = {
        "to_ap": f"mean of {len(found['to_ap'])} sweeps of {format_si(stop, 's')}",
        "to_p": f"mean of {len(found['to_p'])} sweeps",
    }
    figures = []
    for key, way in (("to_ap", "P→AP"), ("to_p", "AP→P")):
        if found[key]:
            value, error = _mean(found[key])
            known = [x for x in references[key] if not math.isnan(x)]
            reference = float(np.mean(known)) if known else math.nan
            figures.append(Figure(f"switching voltage {way}", value, "V", what[key], error, reference))
    if not figures:
        return Regime("loop", reason=f"no switching up to {reach:.3g} V", curves=curves, seconds=seconds_of(waves))
    low, high = (float(bench.resistance(np.array(c), 1e-3)) for c in (1.0, -1.0))
    figures.append(Figure("resistance ratio", high / low, "1", "antiparallel over parallel, at zero bias"))
    return Regime("loop", Place(device.h_ext, 0.0), tuple(figures), curves, seconds=seconds_of(waves))


def _first(values: Array, mask: NDArray[np.bool_]) -> float:
    return float(values[np.argmax(mask)]) if mask.any() and not mask[0] else math.nan


def _mean(values: Sequence[float] | Array) -> tuple[float, float]:
    spread = float(np.std(values, ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return float(np.mean(values)), spread


# -- telegraph -----------------------------------------------------------------------------------------


def _telegraph(bench: Bench, seed: int) -> Regime:
    """Telegraph noise where a field across the easy axis has lowered both barriers alike."""
    device = bench.device
    easy, across = device.easy_axis, hard_axis(device)
    to_p, to_ap = critical_voltages(device)
    volts = READ * min(to_p, to_ap)
    if not math.isfinite(volts):
        return Regime("telegraph", reason="the reference layer is at a right angle to the states: both resist alike")
    moment = MU_0 * device.ms * device.volume / (BOLTZMANN * device.temperature)
    longest = max(TURNS_PER_DWELL, 1.5 / device.alpha)
    for target in TARGETS:
        share = max(1 - math.sqrt(target / device.delta), 0.0)
        there, dwell, bias = device, math.inf, 0.0
        # The reading current favours one state; a field along the axis makes up for it.
        for _ in range(2):
            x, y, z = (float(c) for c in share * device.h_eff * across + bias * easy)
            there = device.replace(h_ext=(x, y, z))
            turn = 2 * math.pi / there.small_motion()[0]
            starts = np.array([there.rest(1), there.rest(-1)] * (PILOTS // 2))
            trial = 2 * longest * turn
            pilot = simulate(there, Drive(voltage=volts), trial, n=PILOTS, start=starts, seed=seed, traces=PILOTS)
            dwell, share_p = _rough_dwell(pilot.time, _smooth(pilot.time, pilot.cosine(), there))
            if dwell > longest * turn:
                break
            bias -= math.log(share_p / (1 - share_p)) / (2 * moment * abs(float(there.rest(1) @ easy)))
        if dwell < longest * turn:
            break
    else:
        lasts = format_si(float(f"{dwell:.2g}"), "s")
        return Regime("telegraph", reason=f"a dwell lasts {lasts} even at a barrier of 2 kT: too long to simulate")
    h = there.h_ext
    place = Place(h, volts)
    stop, slot = bench.effort.dwells * dwell, turn / SLOTS_PER_TURN
    junctions = [
        Junction("drive", there.rest(1 if k % 2 == 0 else -1), h, seed + 100 + k, slot)
        for k in range(bench.effort.flickering)
    ]
    courses, waves = bench.run("telegraph noise", [f"V1 drive 0 dc {volts!r}"], junctions, stop, turn / STEPS_PER_TURN)
    grid = np.linspace(0, stop, int(stop / (turn / 10)))
    cosines = [np.interp(grid, waves.axis, cosine_of(device, course)) for course in courses]
    twin = simulate(
        there, Drive(voltage=volts), stop, n=32, state=1, seed=seed, samples=len(grid) - 1, traces=32, start="rest"
    )
    try:
        found = _pooled(grid, list(_smooth(grid, np.array(cosines), there)))
        expected = _pooled(twin.time, list(_smooth(twin.time, twin.cosine(), there)))
    except DataError as lacking:
        return Regime("telegraph", place, reason=f"two levels do not stand apart: {lacking}", seconds=seconds_of(waves))
    low, high = found
    curves = {
        "time": grid,
        "cosine": cosines[0],
        "resistance": bench.resistance(cosines[0], volts),
        "levels": bench.resistance(np.array([there.rest(s) @ np.array(device.reference) for s in (1, -1)]), volts),
        "dwell_p": high,
        "dwell_ap": low,
        "reference_p": expected[1],
        "reference_ap": expected[0],
    }
    figures = []
    for way, times, same in (("P", high, expected[1]), ("AP", low, expected[0])):
        reference = float(same.mean()) if len(same) else math.nan
        value, error = _mean(times) if len(times) else (math.nan, math.nan)
        figures.append(Figure(f"mean dwell {way}", value, "s", f"of {len(times)} dwells", error, reference))
    share, scatter = _mean([float(np.mean(c > 0)) for c in cosines])
    reference = float((twin.cosine() > 0).mean())
    figures.append(Figure("share of P", share, "1", "of the time", scatter, reference))
    figures.append(Figure("barrier", target, "1", "over kT, lowered by the field across the easy axis"))
    return Regime("telegraph", place, tuple(figures), curves, seconds=seconds_of(waves))


def _rough_dwell(time: Array, cosines: Array) -> tuple[float, float]:
    """Mean dwell of both states [s], from changes between the outer halves of the swing, and share of the upper one."""
    outer = 0.5 * float(np.quantile(np.abs(cosines), 0.5))
    changes = 0
    for cosine in cosines:
        far = np.sign(cosine[np.abs(cosine) > outer])
        changes += int(np.count_nonzero(np.diff(far)))
    late = cosines[:, cosines.shape[1] // 2 :]
    share = float(np.clip((late > 0).mean(), 0.02, 0.98))
    return float(time[-1]) * len(cosines) / max(changes, 1), share


def _smooth(time: Array, cosines: Array, device: Macrospin) -> Array:
    """Traces as a measurement of finite bandwidth gives them: averaged over a time of relaxation.

    A lightly damped junction that has just crossed its barrier crosses it some more times before it comes to rest.
    """
    from scipy.ndimage import uniform_filter1d

    width = max(round(1 / device.small_motion()[1] / float(time[1] - time[0])), 1)
    return np.asarray(uniform_filter1d(np.asarray(cosines, dtype=float), width, axis=-1, mode="nearest"))


def _pooled(time: Array, cosines: Sequence[Array]) -> tuple[Array, Array]:
    """Complete dwells in the low and in the high level, of several traces."""
    found = [dwell_times(time, cosine) for cosine in cosines]
    return np.concatenate([d.low for d in found]), np.concatenate([d.high for d in found])


# -- all three -----------------------------------------------------------------------------------------


def run_regimes(
    card: ParameterSet,
    simulator: str = "vacask",
    *,
    alpha: float | None = None,
    seed: int = 1,
    timeout: float | None = 300.0,
    effort: Effort | None = None,
    map_points: int = 0,
    step: Callable[[str], AbstractContextManager[None]] | None = None,
) -> Regimes:
    """Show a card in three regimes.

    Parameters
    ----------
    card : ParameterSet
        A card of `mtj_macrospin`, or one of `mtj` from which a macrospin follows, see `compact.ensemble.device_of`.
    simulator : str
        Circuit simulator.
    alpha : float, optional
        Damping [1] in place of the card's.
    seed : int
        Seed of the first junction's noise.
    timeout : float, optional
        Limit of each simulation [s]; None for none.
    effort : Effort, optional
        How much is simulated; by default as much as suits the simulator.
    map_points : int
        Fields and voltages of maps of the regimes; 0 for no maps.
    step : callable, optional
        Given a text, a context in which the step it describes is done.

    Returns
    -------
    Regimes

    Raises
    ------
    ParameterError
        If no macrospin with two states follows from the card.
    SimulatorNotFound, SimulationError
        As `Simulator.run`.
    """
    if card.model == "mtj_sot":
        raise ParameterError(f"card '{card.name}': regimes are shown for junctions with two terminals, not of mtj_sot")
    doing = step or (lambda _: contextlib.nullcontext())
    device, notes = device_of(card, alpha)
    _ = device.delta
    bench = Bench(device, get_simulator(simulator), timeout, effort)
    with doing(f"loop in {simulator}"):
        loop = _loop(bench, seed)
    with doing(f"telegraph noise in {simulator}"):
        telegraph = _telegraph(bench, seed)
    with doing("looking for precession"):
        steady = find_precession(bench)
    if steady is None:
        moving = Regime("precession", reason=why_none(device))
    else:
        with doing(f"precession in {simulator}"):
            moving = precession(bench, seed, steady)
    maps = {}
    for name, way in map_directions(device, steady.angle if steady else 0.0) if map_points else ():
        with doing(f"map of the regimes, field {name}"):
            maps[name] = regime_map(device, way, map_points, seed=seed)
    return Regimes(card, device, simulator, loop, telegraph, moving, notes, maps)
