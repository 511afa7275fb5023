"""What varies from chip to chip and from device to device: from standard normal numbers to a circuit.

Everything that varies is one standard normal number u in a fixed order, so that sampling, importance sampling and
sensitivities speak of the same space. Relative spreads of junctions are log-normal, exp(sigma u): values stay positive.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact.errors import StatisticsError, unknown
from compact.mismatch import junction_paths, transistor_paths
from compact.netlist import Netlist
from compact.parameters import ParameterSet

__all__ = ["FACTORS", "Point", "Space", "Variation", "covariance", "draw"]

Array = NDArray[np.float64]

FACTORS: Mapping[str, Mapping[str, float]] = {
    "ra": {"r_p": 1},
    "tmr": {"tmr": 1},
    "diameter": {"diameter": 1},
    "delta": {"delta": 1, "ic_p2ap": 1, "ic_ap2p": 1, "tau_d": -1, "h_k": 1},
}
"""Parameters that a named spread multiplies, and to which power: `delta` is a spread of the anisotropy, which takes
barrier and critical currents up and the relaxation time down. Any parameter of the card can be named itself as well."""

SHARED = {"ra": 0.03, "tmr": 0.03, "diameter": 0.01, "delta": 0.03}
LOCAL = {"ra": 0.02, "tmr": 0.02, "diameter": 0.02, "delta": 0.03}


def _spreads(kind: str, given: Mapping[str, float], card: ParameterSet) -> dict[str, float]:
    """Spreads that are not zero and act on this card, checked."""
    declared = {p.name for p in card.definition.parameters}
    result = {}
    for name, sigma in given.items():
        if name not in FACTORS and name not in declared:
            raise StatisticsError(unknown(f"{kind} spread", name, {*FACTORS, *declared}))
        if not (math.isfinite(sigma) and sigma >= 0):
            raise StatisticsError(f"{kind} spread of '{name}' = {sigma:g} must be a number >= 0")
        if sigma and declared & set(FACTORS.get(name, (name,))):
            result[name] = float(sigma)
    return result


def covariance(card: ParameterSet) -> tuple[list[str], Array]:
    """Names and covariance matrix of the fitted parameters of a card.

    Parameters
    ----------
    card : ParameterSet
        Its standard errors and correlations are used.

    Returns
    -------
    names : list of str
        Parameters with a standard error above zero.
    matrix : ndarray, shape (n, n)
        Covariances in the parameters' units.

    Raises
    ------
    StatisticsError
        If a standard error is negative, there are none, or the correlations cannot be: the matrix is not positive.
    """
    for name, value in card.stderr.items():
        if value < 0:
            raise StatisticsError(f"card '{card.name}': standard error of '{name}' = {value:g} must not be negative")
    names = [name for name, value in card.stderr.items() if value > 0]
    if not names:
        raise StatisticsError(f"card '{card.name}' has no standard errors: its fit's covariance is not known")
    matrix = np.eye(len(names))
    for (a, b), r in card.correlations.items():
        if a in names and b in names and a != b:
            i, j = names.index(a), names.index(b)
            matrix[i, j] = matrix[j, i] = r
    lowest, vectors = (part[..., 0] for part in np.linalg.eigh(matrix))
    if lowest < -1e-6:
        involved = [names[k] for k in np.argsort(-np.abs(vectors)) if abs(vectors[k]) > 0.2]
        raise StatisticsError(
            f"card '{card.name}': the covariance is not positive; correlations of {', '.join(involved)} "
            f"contradict each other (smallest eigenvalue {lowest:.3g}, must be >= 0)"
        )
    errors = np.array([card.stderr[name] for name in names])
    return names, matrix * np.outer(errors, errors)


@dataclass(frozen=True)
class Variation:
    """Spreads of a Monte Carlo analysis, all one standard deviation.

    Parameters
    ----------
    shared : mapping of str to float
        Relative spreads that all junctions of a sample have in common, by the names of `FACTORS` or of parameters.
    local : mapping of str to float
        Relative spreads of each junction by itself.
    fit : bool
        Whether the card's fit errors vary too, with their correlations, all junctions together.
    mismatch : float
        Multiple of the technology's Pelgrom spread by which each transistor's threshold varies.
    process_vth : float
        Spread of the thresholds that all transistors of a polarity have in common [V].
    """

    shared: Mapping[str, float] = field(default_factory=lambda: dict(SHARED))
    local: Mapping[str, float] = field(default_factory=lambda: dict(LOCAL))
    fit: bool = False
    mismatch: float = 1.0
    process_vth: float = 0.015

    def __post_init__(self) -> None:
        for name, value in (("mismatch", self.mismatch), ("process_vth", self.process_vth)):
            if not (math.isfinite(value) and value >= 0):
                raise StatisticsError(f"{name} = {value:g} must be a number >= 0")

    def plain(self) -> dict[str, Any]:
        """As JSON knows it."""
        return {
            "shared": dict(self.shared),
            "local": dict(self.local),
            "fit": self.fit,
            "mismatch": self.mismatch,
            "process_vth": self.process_vth,
        }


@dataclass(frozen=True)
class Point:
    """One sample in the terms of a circuit.

    Parameters
    ----------
    mismatch : mapping of str to float
        Rise of the threshold of each transistor [V], by path.
    junctions : mapping of str to (mapping of str to float)
        Parameters of each junction that differ from its card, by path.
    """

    mismatch: Mapping[str, float]
    junctions: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Space:
    """The standard normal numbers behind a circuit that varies.

    Parameters
    ----------
    names : tuple of str
        What each number moves: `shared.ra`, `local.ra.xbit0.xmtj`, `fit.1`, `process.nmos`, `mismatch.xbit0.mn`.
    devices : mapping of str to str
        Name of the registered device of each junction, by path.
    cards : mapping of str to ParameterSet
        Junctions by path, typical.
    shared, local : mapping of str to (mapping of str to float)
        Relative spreads by name, zero ones left out.
    fitted : tuple of str
        Parameters that the fit's covariance moves.
    root : ndarray, shape (n, n)
        Square root of that covariance: parameters move by ``root @ u``.
    transistors : mapping of str to (str, float)
        Polarity and own spread [V] of each transistor, by path.
    process_vth : float
        Spread that the transistors of a polarity share [V].
    """

    names: tuple[str, ...]
    devices: Mapping[str, str]
    cards: Mapping[str, ParameterSet]
    shared: Mapping[str, float]
    local: Mapping[str, float]
    fitted: tuple[str, ...]
    root: Array
    transistors: Mapping[str, tuple[str, float]]
    process_vth: float

    @classmethod
    def of(cls, netlist: Netlist, variation: Variation, card: ParameterSet) -> Space:
        """What varies in a circuit.

        Parameters
        ----------
        netlist : Netlist
            The circuit, typical.
        variation : Variation
            Spreads.
        card : ParameterSet
            The card of its junctions, for the covariance of its fit.

        Raises
        ------
        StatisticsError
            If a spread is not known or negative, or the covariance is not positive, or nothing varies.
        """
        devices = junction_paths(netlist)
        cards = {path: typical for path, name in devices.items() if (typical := _card(netlist.devices[name]))}
        shared = _spreads("shared", variation.shared, card)
        local = _spreads("local", variation.local, card)
        fitted: list[str] = []
        root = np.zeros((0, 0))
        if variation.fit:
            fitted, matrix = covariance(card)
            scales = np.sqrt(np.diag(matrix))
            values, vectors = np.linalg.eigh(matrix / np.outer(scales, scales))
            root = scales[:, None] * vectors * np.sqrt(np.clip(values, 0, None))
        placed = transistor_paths(netlist) if variation.mismatch or variation.process_vth else {}
        transistors = {path: (t.kind, variation.mismatch * t.sigma) for path, t in placed.items()}
        names = [f"shared.{name}" for name in shared]
        names += [f"fit.{k + 1}" for k in range(len(fitted))]
        names += [f"local.{name}.{path}" for path in cards for name in local]
        if variation.process_vth:
            names += [f"process.{kind}" for kind in dict.fromkeys(kind for kind, _ in transistors.values())]
        names += [f"mismatch.{path}" for path, (_, sigma) in transistors.items() if sigma]
        if not names:
            raise StatisticsError("nothing varies: all spreads are zero")
        return cls(tuple(names), devices, cards, shared, local, tuple(fitted), root, transistors, variation.process_vth)

    @property
    def dimension(self) -> int:
        """How many numbers there are."""
        return len(self.names)

    def point(self, u: Array) -> Point:
        """The sample that belongs to standard normal numbers.

        Parameters
        ----------
        u : ndarray, shape (dimension,)
            One number for each of `names`.
        """
        given = dict(zip(self.names, (float(x) for x in u), strict=True))
        moved = self.root @ np.array([given[f"fit.{k + 1}"] for k in range(len(self.fitted))])
        junctions = {}
        for path, card in self.cards.items():
            values = {name: card.values[name] + float(step) for name, step in zip(self.fitted, moved, strict=True)}
            for prefix, spreads, end in (("shared", self.shared, ""), ("local", self.local, f".{path}")):
                for name, sigma in spreads.items():
                    factor = math.exp(sigma * given[f"{prefix}.{name}{end}"])
                    for parameter, power in FACTORS.get(name, {name: 1.0}).items():
                        if parameter in card.values:
                            values[parameter] = values.get(parameter, card.values[parameter]) * factor**power
            if values:
                junctions[path] = values
        mismatch = {}
        for path, (kind, sigma) in self.transistors.items():
            common = self.process_vth * given.get(f"process.{kind}", 0.0)
            mismatch[path] = common + sigma * given.get(f"mismatch.{path}", 0.0)
        return Point(mismatch, junctions)

    def apply(self, netlist: Netlist, point: Point) -> None:
        """Make a netlist that sample; what an earlier sample did to it is forgotten.

        Raises
        ------
        ParameterError
            If a parameter of a junction leaves the range of its model.
        """
        for name in set(netlist.instead.values()):
            netlist.drop(name)
        netlist.instead.clear()
        netlist.mismatch.clear()
        netlist.mismatch.update(point.mismatch)
        for k, (path, values) in enumerate(point.junctions.items()):
            base: Any = netlist.devices[self.devices[path]]
            own = f"{base.subckt}_n{k}"
            netlist.use(replace(base, card=base.card.replace(**values), subckt=own))
            netlist.instead[path] = own


def _card(device: Any) -> ParameterSet | None:
    card = getattr(device, "card", None)
    return card if isinstance(card, ParameterSet) else None


def draw(seed: int, sample: int, dimension: int) -> Array:
    """Standard normal numbers of one sample: the same whoever draws them, in whichever order.

    Parameters
    ----------
    seed : int
        Seed of the analysis, >= 0.
    sample : int
        Number of the sample, >= 0.
    dimension : int
        How many numbers.

    Returns
    -------
    ndarray, shape (dimension,)
    """
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, sample]))).standard_normal(dimension)
