"""Ensembles of macrospins for cards: one pulse, many junctions, how many switch and when."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact.constants import BOLTZMANN
from compact.errors import ParameterError, SpinbricksError
from compact.files import staged
from compact.models.mtj import critical_current
from compact.parameters import ParameterSet
from compact.physics.drive import Drive
from compact.physics.ensemble import Ensemble, Probability
from compact.physics.llgs import simulate
from compact.physics.macrospin import Macrospin
from compact.units import format_si

__all__ = ["ASSUMED_EFFICIENCY", "Pulsed", "device_of", "pulse_ensemble"]

ASSUMED_EFFICIENCY = 0.6
"""Spin-torque efficiency that is assumed where a card of the axial model leaves the damping open."""
ALIGNED = 1e-6


def device_of(card: ParameterSet, alpha: float | None = None) -> tuple[Macrospin, tuple[str, ...]]:
    """Macrospin of a card, and what had to be assumed.

    A card of the axial model holds the ratio of damping and spin-torque efficiency alone; where no damping is given,
    the efficiency is taken as `ASSUMED_EFFICIENCY`.

    Parameters
    ----------
    card : ParameterSet
        A card of `mtj`, `mtj_macrospin` or `mtj_sot`.
    alpha : float, optional
        Gilbert damping [1]; that of the card by default.

    Returns
    -------
    device : Macrospin
    notes : tuple of str

    Raises
    ------
    ParameterError
        If no macrospin follows from the card.
    """
    if card.model != "mtj":
        return Macrospin.from_card(card, alpha=alpha), ()
    if alpha is not None:
        device = Macrospin.from_card(card, alpha=alpha)
        return device, (f"spin-torque efficiency {device.polarisation:.3g}: follows from I_c, Delta and the damping",)
    c = card.values
    energy = c["delta"] * BOLTZMANN * c["t_nom"]
    assumed = ASSUMED_EFFICIENCY * c["ic_p2ap"] / critical_current(energy)
    if assumed >= 1:
        raise ParameterError(
            f"card '{card.name}': an efficiency of {ASSUMED_EFFICIENCY:g} would ask for a damping of {assumed:.3g}; "
            "give the damping"
        )
    note = f"damping {assumed:.3g}: not in a card of mtj, taken for a spin-torque efficiency of {ASSUMED_EFFICIENCY:g}"
    return Macrospin.from_card(card, alpha=assumed), (note,)


@dataclass(frozen=True)
class Pulsed:
    """An ensemble under one pulse.

    Parameters
    ----------
    card : ParameterSet
        The junction.
    quantity : {"voltage", "current"}
        What was held during the pulse.
    level : float
        Its value [V or A].
    pulse : float
        Width of the pulse [s].
    seed : int
        Seed.
    ensemble : Ensemble
        The trajectories.
    expected : float or None
        Switching probability by the Fokker-Planck equation, where the junction is axial.
    notes : tuple of str
        What was assumed.
    """

    card: ParameterSet
    quantity: str
    level: float
    pulse: float
    seed: int
    ensemble: Ensemble
    expected: float | None
    notes: tuple[str, ...]

    @property
    def unit(self) -> str:
        """Unit of the level."""
        return "V" if self.quantity == "voltage" else "A"

    @property
    def start(self) -> str:
        """State at the start."""
        return "P" if self.ensemble.state > 0 else "AP"

    @property
    def staying(self) -> Probability:
        """Share on the initial side at the end of the pulse: the write-error rate."""
        return self.ensemble.not_switched(self.pulse)

    @property
    def switched(self) -> Probability:
        """Share on the other side at the end of the pulse."""
        staying = self.staying
        return Probability(staying.trials - staying.events, staying.trials)

    @property
    def times(self) -> NDArray[np.float64]:
        """First passages through the plane between the states, in ascending order [s]."""
        crossing = self.ensemble.crossing
        return np.sort(crossing[np.isfinite(crossing)])

    @property
    def mean_cosine(self) -> NDArray[np.float64]:
        """Mean cosine of the angle between the layers, at the records."""
        return np.asarray(self.ensemble.mean @ np.array(self.ensemble.device.reference))

    def rows(self) -> list[tuple[str, str, str]]:
        """Figures for a table: name, value, what it is."""
        p, times = self.switched, self.times
        low, high = p.interval(1.96)
        rows = [
            ("switched", f"{p.value:.4g} ± {p.stderr:.2g}", f"at the end of the pulse; {p.events} of {p.trials}"),
            ("interval", f"{low:.4g} … {high:.4g}", "of 95 %, Wilson's"),
        ]
        if self.expected is not None:
            away = (p.value - self.expected) / max(p.stderr, 1e-12)
            rows.append(("Fokker-Planck", f"{self.expected:.4g}", f"the same without sampling; {away:+.1f} sigma away"))
        if self.ensemble.time[-1] > self.pulse * (1 + 1e-9):
            end = self.ensemble.switched
            rows.append(("at rest", f"{end.value:.4g} ± {end.stderr:.2g}", "switched at the end of the run"))
        if len(times) > 1:
            error = float(times.std(ddof=1)) / math.sqrt(len(times))
            quartiles = np.percentile(times, (10, 50, 90))
            rows += [
                ("mean time", format_si(float(times.mean()), "s", error), "first passage, of those that passed"),
                ("spread", format_si(float(times.std(ddof=1)), "s"), "standard deviation of the same"),
                ("median", format_si(quartiles[1], "s"), "of the same"),
                ("10 … 90 %", f"{format_si(quartiles[0], 's')} … {format_si(quartiles[2], 's')}", "of the same"),
            ]
        rows.append(("mean cosine", f"{self.mean_cosine[-1]:.4g}", "at the end of the run; 1 parallel"))
        return rows

    def content(self) -> dict[str, Any]:
        """Figures for JSON, in SI units."""
        p, times = self.switched, self.times
        some = len(times) > 1
        end = self.ensemble.switched
        return {
            "card": self.card.name,
            "model": self.card.model,
            "quantity": self.quantity,
            "level": self.level,
            "pulse": self.pulse,
            "seed": self.seed,
            "start": self.start,
            "count": p.trials,
            "switched": p.value,
            "stderr": p.stderr,
            "interval": p.interval(1.96),
            "write_error": self.staying.value,
            "switched_at_end": end.value,
            "fokker_planck": self.expected,
            "mean_time": float(times.mean()) if some else None,
            "mean_time_stderr": float(times.std(ddof=1)) / math.sqrt(len(times)) if some else None,
            "spread": float(times.std(ddof=1)) if some else None,
            "median_time": float(np.median(times)) if some else None,
            "mean_cosine": float(self.mean_cosine[-1]),
            "step": self.ensemble.step,
            "notes": self.notes,
        }

    def save(self, folder: Path) -> list[Path]:
        """Write means, switching times, figures and a plot; each file is there whole or not at all.

        Parameters
        ----------
        folder : pathlib.Path
            Made if need be.

        Returns
        -------
        list of pathlib.Path
        """
        from compact.ensembleplot import plot_ensemble
        from compact.terminal import plain

        stem = f"{self.card.name}_ensemble"
        paths = [folder / f"{stem}{end}" for end in (".csv", "_times.csv", ".json", ".png")]
        run = self.ensemble
        with staged(paths[0]) as path, path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("time[s]", "m_x", "m_y", "m_z", "m_x^2", "m_y^2", "m_z^2", "remaining"))
            table = np.column_stack((run.time, run.mean, run.square, run.remaining))
            writer.writerows([f"{x:.9g}" for x in row] for row in table)
        with staged(paths[1]) as path, path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("switching_time[s]",))
            writer.writerows((f"{t:.9g}",) for t in self.times)
        with staged(paths[2]) as path:
            path.write_text(json.dumps(plain(self.content()), indent=2, ensure_ascii=False) + "\n")
        plot_ensemble(self, paths[3])
        return paths


def pulse_ensemble(
    card: ParameterSet,
    pulse: float,
    *,
    voltage: float | None = None,
    current: float | None = None,
    count: int = 10_000,
    start: int | None = None,
    field: Sequence[float] | None = None,
    settle: float = 0.0,
    edge: float = 0.0,
    alpha: float | None = None,
    temperature: float | None = None,
    seed: int = 1,
    step: float | None = None,
    backend: str = "cpu",
    traces: int = 12,
    progress: bool | Callable[[float], None] = False,
) -> Pulsed:
    """Follow many copies of a card's junction through one pulse.

    Parameters
    ----------
    card : ParameterSet
        A card of `mtj`, `mtj_macrospin` or `mtj_sot`.
    pulse : float
        Width of the pulse [s].
    voltage, current : float
        One of them: voltage of the free against the reference layer [V] or current into the free layer [A].
    count : int
        Number of junctions.
    start : {1, -1}, optional
        State before the pulse; by default the one that the pulse drives away from.
    field : sequence of 3 float, optional
        Field on top of the card's [A/m].
    settle : float
        Time to follow after the pulse [s].
    edge : float
        Rise and fall of the pulse [s].
    alpha : float, optional
        Damping [1] for a card of `mtj`; see `device_of`.
    temperature : float, optional
        Temperature [K]; that of the card by default.
    seed, step, backend, progress
        As for `compact.physics.llgs.simulate`.
    traces : int
        Number of trajectories whose course is kept.

    Returns
    -------
    Pulsed

    Raises
    ------
    ParameterError
        If a value is out of range.
    """
    if (voltage is None) == (current is None):
        raise ParameterError("give either a voltage or a current")
    for name, value in (("pulse", pulse), ("settle", settle), ("edge", edge)):
        if not (math.isfinite(value) and (value > 0 if name == "pulse" else value >= 0)):
            raise ParameterError(f"'{name}' = {value:g} s must be {'positive' if name == 'pulse' else '0 or more'}")
    level = float(voltage if current is None else current)  # type: ignore[arg-type]
    quantity = "voltage" if current is None else "current"
    device, notes = device_of(card, alpha)
    if field is not None:
        device = device.replace(h_ext=tuple(np.array(device.h_ext) + np.array(field, dtype=float)))
    if temperature is not None:
        device = device.at(temperature)
    state = start if start is not None else (-1 if level > 0 else 1)
    drive = Drive.pulse(width=pulse, voltage=voltage, current=current, edge=edge)
    run = simulate(
        device,
        drive,
        pulse + edge + settle,
        n=count,
        state=state,
        step=step,
        seed=seed,
        traces=min(traces, count),
        backend=backend,
        progress=progress,
    )
    expected = None
    if edge == 0:
        expected = _expected(card, device, pulse, quantity, level, state, temperature)
    return Pulsed(card, quantity, level, pulse, seed, run, expected, notes)


def _expected(
    card: ParameterSet,
    device: Macrospin,
    pulse: float,
    quantity: str,
    level: float,
    state: int,
    temperature: float | None,
) -> float | None:
    """Switching probability by the Fokker-Planck equation; None where the junction is not axial."""
    from compact.physics.fokker_planck import Axial

    axis = np.array(device.reference)
    tensor, field = device.tensor, np.array(device.h_ext)
    tilt = np.linalg.norm(tensor @ axis - (axis @ tensor @ axis) * axis) + np.linalg.norm(field - (axis @ field) * axis)
    across = np.linalg.eigvalsh(tensor)
    round_about = across[1] - across[0] < ALIGNED * device.h_eff
    if tilt > ALIGNED * device.h_eff or not round_about or device.fl_1 or device.fl_2 or device.vcma or device.r_th:
        return None
    threshold = device.alpha * device.h_eff / device.torque_per_ampere
    rest = float(axis @ field) / device.h_eff

    def drive(z: NDArray[np.float64]) -> NDArray[np.float64]:
        if quantity == "current":
            amps: NDArray[np.float64] = np.full(z.shape, level)
        else:
            middle, slope = device.conductance(level)
            amps = level * (middle + slope * z)
        return np.asarray(rest + amps * device.efficiency(z) / threshold)

    try:
        axial = Axial(device.delta, drive, rest=rest, start=float(state))
        left, right = axial.sides(pulse / device.tau_d)
    except SpinbricksError:
        return None  # such as no two wells at rest
    return float((right if state < 0 else left)[0, 0])
