"""Card of an auto-oscillator from the magnet: a macrospin linearised about rest, and its limit cycles.

    from compact.cards import load_card
    from compact.extraction import extract

    found = extract(load_card("kim_2015_in_plane"), h_ext=(0.0, 3e4, 0.0))
    print(found.report())
    found.card.save("oscillator.json")

Threshold, resonance, damping, ellipticity and drive follow from the eigenvalues and eigenvectors of the linearised
Landau-Lifshitz-Gilbert-Slonczewski equation; the energy from its stiffness (equipartition). Nonlinear damping and
frequency shift are those for which power and frequency of A. Slavin and V. Tiberkevich, IEEE Trans. Magn. 45, 1875
(2009) come nearest to the limit cycles of the whole equation. The power p = 1 is that at which the fundamental of the
cosine swings by `cos_u`.
"""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from compact.constants import MU_0
from compact.errors import ParameterError
from compact.models import get_model
from compact.parameters import ParameterSet, Provenance, Quantity
from compact.physics.auto_oscillation import AutoOscillator
from compact.physics.limit_cycle import Cycle, Mode, cycle, project, rates, threshold
from compact.physics.macrospin import LARMOR, Macrospin
from compact.physics.thiele import Vortex
from compact.units import format_si

__all__ = ["Extraction", "extract", "extract_device", "vortex_card"]

MODEL = "auto_oscillator"
ZETAS = (1.05, 1.1, 1.2, 1.35, 1.5, 1.75, 2.0)
LEAST_SLOPE = 1e-3
BOUNDS = {"power": 0.10, "frequency": 0.02}
"""Departure of the model from the limit cycle that is reported."""
CONDUCTION = (
    "r_p", "tmr", "v_h", "tmr_slope", "g_slope", "g_curv", "t_nom", "tc_r", "t_bloch", "diameter_ref", "diameter",
)  # fmt: skip


@dataclass(frozen=True)
class Extraction:
    """An auto-oscillator and the macrospin it stands for.

    Parameters
    ----------
    device : Macrospin
        The magnet.
    rest, at_threshold : Mode
        Small motion without current and at threshold.
    cycles : tuple of Cycle
        Limit cycles above threshold.
    values : dict of str to float
        Parameters of `auto_oscillator`, without conduction.
    conduction : dict of str to float
        Its conduction.
    name : str
        Name of the card.
    notes : tuple of str
        Where the model departs from the magnet.
    """

    device: Macrospin
    rest: Mode
    at_threshold: Mode
    cycles: tuple[Cycle, ...]
    values: dict[str, float]
    conduction: dict[str, float]
    name: str
    notes: tuple[str, ...] = ()
    provenance: Provenance = field(default_factory=Provenance)

    @property
    def oscillator(self) -> AutoOscillator:
        """Closed forms, at the temperature of the device and without conduction."""
        own: dict[str, Any] = {k: v for k, v in self.values.items() if k != "cos_0"}
        return AutoOscillator(**own, temperature=self.device.temperature)

    @property
    def card(self) -> ParameterSet:
        """Card of the model `auto_oscillator`."""
        mode = self.at_threshold
        return ParameterSet(
            MODEL,
            self.name,
            values=self.values | self.conduction,
            provenance=self.provenance,
            derived={"ellipticity": Quantity(mode.ellipticity, None, "1", "short over long axis of the small orbit")},
            notes=self.notes,
        )

    def departures(self) -> list[tuple[float, float, float]]:
        """(zeta, relative departure of the power, of the frequency) of the model from each limit cycle."""
        model, cos_u = self.oscillator, self.values["cos_u"]
        rows = []
        for c in self.cycles:
            power = float(model.power(c.current)) * cos_u**2 / c.amplitude**2 - 1
            rows.append((c.zeta, power, float(model.frequency(c.current)) / c.frequency - 1))
        return rows

    def report(self) -> str:
        """What was found, as plain text."""
        v = self.values
        lines = [f"{self.name}: auto-oscillator from a macrospin", ""]
        rows = (
            ("threshold", v["i_th"], "A"), ("f_0", v["f_0"], "Hz"), ("gamma_g", v["gamma_g"], "1/s"),
            ("q_damping", v["q_damping"], "1"), ("n_shift", v["n_shift"], "Hz"), ("f_i", v["f_i"], "Hz/A"),
            ("torque_ip", v["torque_ip"], "1/(A s)"), ("fl_ratio", v["fl_ratio"], "1"),
            ("fl_slope", v["fl_slope"], "1/V"), ("energy", v["energy"], "J"), ("cos_0", v["cos_0"], "1"),
            ("cos_u", v["cos_u"], "1"), ("ellipticity", self.at_threshold.ellipticity, "1"),
        )  # fmt: skip
        lines += [f"  {name:12s} {format_si(value, unit)}" for name, value, unit in rows]
        lines += ["", "  I/I_th   frequency      cosine swing   model: power   frequency"]
        for c, (_, power, frequency) in zip(self.cycles, self.departures(), strict=True):
            lines.append(
                f"  {c.zeta:6.3f}   {format_si(c.frequency, 'Hz'):13s}  {c.amplitude:12.4f}   {100 * power:+10.2f} %"
                f"   {100 * frequency:+8.3f} %"
            )
        return "\n".join([*lines, *(["", *(f"  {n}" for n in self.notes)] if self.notes else [])]) + "\n"


def extract_device(
    device: Macrospin,
    *,
    state: int = 1,
    zetas: Sequence[float] = ZETAS,
    name: str = "oscillator",
    conduction: Mapping[str, float] | None = None,
    source: str = "macrospin",
) -> Extraction:
    """Auto-oscillator of a macrospin.

    Parameters
    ----------
    device : Macrospin
        The magnet, with its field.
    state : {1, -1}
        State of rest: parallel or antiparallel, or along the easy axis and against it.
    zetas : sequence of float
        Currents over threshold at which limit cycles are followed, rising.
    name : str
        Name of the card.
    conduction : dict of str to float, optional
        Conduction of the card, by default that of the device.
    source : str
        What the magnet is, for the card.

    Raises
    ------
    ParameterError
        If there is no threshold, the resistance does not swing at the frequency of the precession, or no steady
        precession follows.
    """
    if len(zetas) < 2 or any(not 1 < a < b for a, b in itertools.pairwise(zetas)):
        raise ParameterError(f"zetas = {tuple(zetas)} must rise, and start above 1")
    rest, at = threshold(device, state)
    p = np.array(device.reference)
    slope = abs(rest.frame @ p @ rest.right) / float(np.linalg.norm(rest.right))
    if slope < LEAST_SLOPE:
        raise ParameterError(
            f"the reference layer is along the free layer at rest (cosine {float(rest.rest @ p):.4f}): the resistance "
            "does "
            "not swing at the frequency of the precession; tilt the field or the reference layer"
        )
    across = np.real(at.right) @ at.frame
    across /= np.linalg.norm(across)
    cycles: list[Cycle] = []
    notes: list[str] = []
    start = at.rest + 0.3 * across
    for zeta in zetas:
        found = cycle(device, at, rest, zeta, start / np.linalg.norm(start))
        if found is None:
            notes.append(f"no steady precession at {zeta:g} times the threshold")
            break
        cycles.append(found)
        start = found.end
    if len(cycles) < 2:
        raise ParameterError(
            f"threshold {format_si(at.current, 'A')}: no steady precession follows at {zetas[len(cycles)]:g} times "
            "that; "
            "the state is left (switching) or the precession jumps"
        )
    least = get_model(MODEL).parameter("q_damping").low
    scale, q = project([c.zeta for c in cycles], [c.amplitude**2 for c in cycles], least)
    if q <= least + 1e-9:
        notes.append(f"the power saturates faster than nonlinear damping of {least:g} allows")
    cos_u = math.sqrt(scale)
    f_i = (at.frequency - rest.frequency) / at.current
    p_0 = np.array([(c.zeta - 1) / (c.zeta + q) for c in cycles])
    shift = np.array([c.frequency - rest.frequency - f_i * c.current for c in cycles])
    n_shift = float(shift @ p_0 / (p_0 @ p_0))
    values = {
        "cos_0": float(rest.rest @ p), "cos_u": cos_u, "f_0": rest.frequency, "gamma_g": -rest.growth,
        "i_th": at.current, "q_damping": q, "n_shift": n_shift, "f_i": f_i, **_drive(device, rest, cos_u),
        "energy": _energy(device, rest, cos_u),
    }  # fmt: skip
    result = Extraction(
        device, rest, at, tuple(cycles), values, dict(_conduction_of(device) if conduction is None else conduction),
        name, (), Provenance(source=source, date=datetime.date.today().isoformat(),
                   method="linearised macrospin and its limit cycles"),
    )  # fmt: skip
    notes += _departed(result)
    return dataclasses.replace(result, notes=tuple(notes))


def _departed(result: Extraction) -> list[str]:
    """Where the model is further from the limit cycles than it should be."""
    notes = []
    rows = result.departures()
    for k, (what, bound) in enumerate(BOUNDS.items(), start=1):
        bad = [row for row in rows if abs(row[k]) > bound]
        if bad:
            worst = max(bad, key=lambda row: abs(row[k]))
            notes.append(
                f"{what} departs by more than {100 * bound:g} % from {min(r[0] for r in bad):g} times the threshold on "
                f"(at most {100 * worst[k]:+.1f} % at {worst[0]:g})"
            )
    far = [c for c in result.cycles if c.distortion > 0.3]
    if far:
        notes.append(
            f"harmonics reach {100 * far[0].distortion:.0f} % of the fundamental at {far[0].zeta:g} times threshold"
        )
    drift = result.cycles[-1].mean - result.values["cos_0"]
    if abs(drift) > 0.05:
        notes.append(
            f"the mean cosine moves by {drift:+.2f} up to {result.cycles[-1].zeta:g} times threshold, which the model "
            "has not"
        )
    return notes


def _drive(device: Macrospin, rest: Mode, cos_u: float) -> dict[str, float]:
    """Drive of the amplitude by a current: complex torque and how its field-like part grows with bias."""
    p = np.array(device.reference)
    # Deviations are Re(c right): the amplitude in which the cosine swings by cos_u at p = 1.
    scale = cos_u / abs(rest.frame @ p @ rest.right)
    small = 1e-3 * device.alpha * abs(rest.eigenvalue.imag) / LARMOR / device.torque_per_ampere

    def torque(i: float) -> complex:
        dm = [(rates(device, rest.rest, i + s * small) @ rest.frame.T)[0] for s in (1, -1)]
        return complex(2 * rest.left @ ((dm[0] - dm[1]) / (2 * small)) / scale)

    at = torque(0.0)
    if abs(at.real) < 1e-9 * abs(at):
        raise ParameterError("a current drives this precession through a field-like torque alone")
    r = float(1 / sum(device.conductance(0.0)[k] * (1.0, float(rest.rest @ p))[k] for k in range(2)))
    bias = 50 * small
    slope = (torque(bias).imag - torque(-bias).imag) / (2 * bias * r)
    # The field-like torque goes as V (1 + s V), its derivative as 1 + 2 s V.
    ratio = at.imag / at.real
    tiny = abs(ratio) < 1e-3
    return {
        "torque_ip": at.real, "fl_ratio": 0.0 if abs(ratio) < 1e-9 else ratio,
        "fl_slope": 0.0 if tiny or abs(slope) < 1e-6 * abs(at.imag) else slope / (2 * at.imag),
    }  # fmt: skip


def _energy(device: Macrospin, rest: Mode, cos_u: float) -> float:
    """Energy at p = 1 [J] from equipartition: <cos^2> = kT/(mu0 ms volume) g K^-1 g = cos_u^2 kT/(2 energy)."""
    h, m, e = np.array(device.h_ext), rest.rest, rest.frame
    stiff = (m @ (device.tensor @ m + h)) * np.eye(2) - e @ device.tensor @ e.T
    g = e @ np.array(device.reference)
    return float(cos_u**2 * MU_0 * device.ms * device.volume / (2 * g @ np.linalg.solve(stiff, g)))


def _conduction_of(device: Macrospin) -> dict[str, float]:
    names = ("r_p", "tmr", "v_h", "tmr_slope", "g_slope", "g_curv", "tc_r", "t_bloch")
    return {name: getattr(device, name) for name in names} | {"t_nom": device.temperature}


def extract(card: ParameterSet, *, state: int = 1, name: str | None = None, zetas: Sequence[float] = ZETAS,
            **others: Any) -> Extraction:  # fmt: skip
    """Auto-oscillator of a macrospin card.

    Parameters
    ----------
    card : ParameterSet
        Of `mtj_macrospin`, or of another model with a macrospin.
    state : {1, -1}
        State of rest.
    name : str, optional
        Name of the new card.
    zetas : sequence of float
        Currents over threshold at which limit cycles are followed.
    **others
        Fields of the macrospin in place of the card's, such as `h_ext` [A/m] or `temperature`.

    Raises
    ------
    ParameterError
        As `extract_device`, or if the card is of another kind of model.
    """
    device = Macrospin.from_card(card, **others)
    own = {n: card.values[n] for n in CONDUCTION if n in card.values}
    return extract_device(
        device, state=state, zetas=zetas, name=name or f"{card.name}_oscillator", conduction=own, source=card.name
    )


def vortex_card(vortex: Vortex, name: str = "vortex", angle: float = math.pi / 2, **conduction: float) -> ParameterSet:
    """Card of the model `auto_oscillator` for a vortex.

    Parameters
    ----------
    vortex : Vortex
        The vortex.
    name : str
        Name of the card.
    angle : float
        Angle of the reference layer from the normal [rad]; its in-plane part reads the gyration.
    **conduction : float
        Conduction of the junction, such as r_p.

    Raises
    ------
    ParameterError
        If there is no threshold, or a value is not allowed.
    """
    values = vortex.oscillator_values(angle)
    none = "a perpendicular polariser drives no gyration from the centre; a diode spectrum would tell it"
    return ParameterSet(
        MODEL, name, values=values | {"torque_ip": 0.0, "t_nom": vortex.temperature} | conduction,
        undetermined={"torque_ip": none, "fl_ratio": none, "fl_slope": none},
        provenance=Provenance(
            source="vortex in a disk", date=datetime.date.today().isoformat(), method="Thiele equation",
            citation="A. V. Khvalkovskiy et al., Phys. Rev. B 80, 140401 (2009); A. Dussaux et al., Phys. Rev. B 86, "
            "014402 (2012)",
        ),
        derived={
            "gyrotropic_frequency": Quantity(float(vortex.frequency()), None, "Hz", "without current, at the centre"),
            "damping_growth": Quantity(vortex.damping_growth(), None, "1", "growth of the damping with (X/R)^2"),
        },
        notes=(
            "rigid core: micromagnetic frequencies lie up to some 20 % off",
            f"reduced radius {vortex.radius_at(1.05 * vortex.threshold):.2f} at 1.05 times threshold",
        ),
    )  # fmt: skip
