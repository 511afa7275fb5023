"""Macrospins from cards and cards from macrospins."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from compact.constants import BOLTZMANN, MU_0
from compact.errors import ParameterError, unknown
from compact.models.mtj import critical_current
from compact.parameters import ParameterSet, Provenance
from compact.physics.macrospin import LARMOR, Macrospin, check_names

__all__ = ["from_card", "to_card"]

MODELS = ("mtj", "mtj_macrospin", "mtj_sot")
_SHARED = ("polarisation", "asymmetry", "fl_1", "fl_2", "vcma", "t_bloch", "k_exponent", "tc_r")
_CONDUCTION = ("tmr", "v_h", "tmr_slope", "g_slope", "g_curv")
_LINE = ("eta_sh", "beta_sh")
_ANGLES = {"axis": "k", "reference": "p", "sh_axis": "s"}


def from_card(card: ParameterSet, *, alpha: float | None = None, ms: float | None = None, **others: Any) -> Macrospin:
    """Macrospin that does what a card says, at the card's nominal temperature.

    A card of `mtj_macrospin` or `mtj_sot` holds all that is needed. One of `mtj` fixes, for a given damping, the
    moment, the anisotropy field and the torque: h_k from `tau_d`, the volume from `delta`, polarisation and asymmetry
    from the critical currents. For unequal ones the efficiency agrees in both states, and differs between them, where
    `mtj` takes it as linear in s.

    Parameters
    ----------
    card : ParameterSet
        Card.
    alpha : float
        Gilbert damping [1]; needed for `mtj`.
    ms : float
        Saturation magnetisation at `t_nom` [A/m]; for `mtj` without effect on the motion, as only the moment counts.
    **others
        Further fields of `Macrospin` in place of the card's, such as `h_ext` or `r_th`.

    Raises
    ------
    ParameterError
        If the card is for another model, `alpha` is missing, a name is not known, or the critical currents and the
        damping ask for an efficiency above 2.
    """
    if card.model not in MODELS:
        raise ParameterError(f"card '{card.name}': " + unknown("model of a macrospin", card.model, MODELS))
    check_names(others)
    c = card.values
    area = (c["diameter"] / c["diameter_ref"]) ** 2
    settings: dict[str, Any] = {name: c[name] for name in _CONDUCTION}
    settings |= {"r_p": c["r_p"] / area, "temperature": c["t_nom"]}
    if card.model == "mtj":
        settings |= {name: c[name] for name in ("t_bloch", "k_exponent", "tc_r")}
        return Macrospin(**(settings | _from_figures(c, area, alpha, 1e6 if ms is None else ms) | others))
    settings |= {name: c[name] for name in _SHARED}
    total = c["n_x"] + c["n_y"] + c["n_z"]
    settings |= {"n": tuple(c[f"n_{a}"] / total for a in "xyz"), "h_ext": tuple(c[f"h_{a}"] for a in "xyz")}
    settings |= {"volume": c["volume"] * area, "h_k": c["h_k"]}
    settings |= {"ms": c["ms"] if ms is None else ms, "alpha": c["alpha"] if alpha is None else alpha}
    line = card.model == "mtj_sot"
    if line:
        settings |= {name: c[name] for name in _LINE}
    for name, letter in _ANGLES.items():
        if name != "sh_axis" or line:
            settings[name] = _direction(c[f"theta_{letter}"], c[f"phi_{letter}"])
    return Macrospin(**(settings | others))


def to_card(device: Macrospin, name: str, provenance: Provenance | None = None, **values: float) -> ParameterSet:
    """Card of the model `mtj_macrospin` for a device, or of `mtj_sot` if it has a spin-Hall torque.

    Parameters
    ----------
    device : Macrospin
        Device; its temperature becomes `t_nom`.
    name : str
        Name of the card.
    provenance : Provenance, optional
        Where the values come from.
    **values
        Further parameters of the model, such as `diameter_ref` or `r_line`.
    """
    line = device.eta_sh != 0
    card: dict[str, float] = {n: getattr(device, n) for n in (*_SHARED, *_CONDUCTION, "r_p", "ms", "alpha", "h_k")}
    card |= {"volume": device.volume, "t_nom": device.temperature}
    for axis, factor, field in zip("xyz", device.n, device.h_ext, strict=True):
        card |= {f"n_{axis}": factor, f"h_{axis}": field}
    if line:
        card |= {n: getattr(device, n) for n in _LINE}
    for field_name, letter in _ANGLES.items():
        if letter != "s" or line:
            x, y, z = getattr(device, field_name)
            card |= {f"theta_{letter}": math.acos(max(min(z, 1.0), -1.0)), f"phi_{letter}": math.atan2(y, x)}
    about = Provenance(source="macrospin") if provenance is None else provenance
    return ParameterSet("mtj_sot" if line else "mtj_macrospin", name, values=card | values, provenance=about)


def _direction(theta: float, phi: float) -> tuple[float, float, float]:
    return math.sin(theta) * math.cos(phi), math.sin(theta) * math.sin(phi), math.cos(theta)


def _from_figures(c: Mapping[str, float], area: float, alpha: float | None, ms: float) -> dict[str, Any]:
    """Physical parameters from those of `mtj`."""
    if alpha is None:
        raise ParameterError("a card of the model mtj does not hold the damping: give alpha")
    if not 0 < alpha < 1:
        raise ParameterError(f"'alpha' = {alpha:g} must be above 0 and below 1")
    if not ms > 0:
        raise ParameterError(f"'ms' = {ms:g} A/m must be positive")
    h_k = (1 + alpha**2) / (alpha * LARMOR * c["tau_d"])
    energy = c["delta"] * area * BOLTZMANN * c["t_nom"]
    polarisation = critical_current(energy, alpha) / (c["ic_p2ap"] * area)
    if polarisation > 2:
        raise ParameterError(
            f"'alpha' = {alpha:g} and ic_p2ap = {c['ic_p2ap']:g} A ask for a spin-torque efficiency of "
            f"{polarisation:.3g}; alpha must be below {alpha * 2 / polarisation:.3g}"
        )
    return {
        "ms": ms,
        "alpha": alpha,
        "h_k": h_k,
        "volume": 2 * energy / (MU_0 * ms * h_k),
        "h_ext": (0.0, 0.0, c["h_bias"] * h_k),
        "polarisation": polarisation,
        "asymmetry": math.sqrt(c["ic_p2ap"] / c["ic_ap2p"]),
    }
