"""Vortex in a disk under a spin-polarised current, by the Thiele equation.

With the core at X, s = |X|/R, gyrovector G, friction D and stiffness kappa,

    G z x dX/dt + D(s) dX/dt + kappa(s) X - F = 0,        F: spin torque, along z x X for a perpendicular polariser,
    G     = 2 pi L M_s/gamma,
    kappa = (10/9) mu0 M_s^2 L^2/R (1 + s^2/4) + kappa_Oe (1 - s^2/2),      kappa_Oe = 0.85 mu0 M_s C J L R,
    D/G   = alpha [eta_0 + eta_1 s^2],   eta_0 = ln(R/2 l_ex)/2 + 3/8,   eta_1 = 11/6,
    F     = pi M_s L a_J |X|,            a_J = hbar P_z J/(2 e M_s L),

so that the radius grows at the rate gamma a_J/2 - alpha eta(s) omega(s), omega = kappa/G. Restoring force and
gyrotropic frequency: K. Y. Guslienko et al., J. Appl. Phys. 91, 8037 (2002); Yu. B. Gaididei, V. P. Kravchuk and D. D.
Sheka, Int. J. Quantum Chem. 110, 83 (2010); Oersted field and nonlinear terms: A. Dussaux et al., Phys. Rev. B 86,
014402 (2012); torque and damping: B. A. Ivanov and C. E. Zaspel, Phys. Rev. Lett. 99, 247208 (2007); A. V.
Khvalkovskiy et al., Phys. Rev. B 80, 140401 (2009); nonlinear friction: K. Y. Guslienko, O. V. Sukhostavets and D. V.
Berkov, Nanoscale Res. Lett. 9, 386 (2014). The core is taken as rigid: published micromagnetic frequencies lie up to
some 20 % off.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from compact.constants import ELECTRON_CHARGE, GYROMAGNETIC, HBAR, MU_0
from compact.errors import ParameterError
from compact.physics.limit_cycle import project

__all__ = ["Vortex"]

FloatArray: TypeAlias = NDArray[np.float64]

ZETAS = (1.02, 1.05, 1.1, 1.2, 1.3, 1.5, 1.75, 2.0)
"""Currents over threshold for which the law of an auto-oscillator is made to agree, as far as the radius allows."""
MOST_RADIUS = 0.7
"""Reduced radius up to which the expansions are used."""
SWING = 2 / 3
"""In-plane magnetisation over reduced radius (no charges at the side)."""
OERSTED = 0.85
STIFFENING, OERSTED_STIFFENING = 0.25, -0.5
_RANGES = {
    "radius": (10e-9, 5e-6, "m"),
    "thickness": (1e-9, 200e-9, "m"),
    "ms": (1e4, 3e6, "A/m"),
    "alpha": (1e-4, 0.5, "1"),
    "polarisation_z": (-1.0, 1.0, "1"),
    "l_ex": (1e-9, 50e-9, "m"),
    "eta_1": (-10, 100, "1"),
    "temperature": (1, 1000, "K"),
}


@dataclass(frozen=True)
class Vortex:
    """A vortex in the free layer of a round junction; currents in A from free to reference layer.

    Parameters
    ----------
    radius, thickness : float
        Of the free layer [m].
    ms, alpha : float
        Saturation magnetisation [A/m], Gilbert damping [1].
    polarisation_z : float
        Component of the spin polarisation along the normal [1], with a sign: positive where a positive current feeds
        the gyration of this core.
    l_ex : float
        Exchange length sqrt(2 A/(mu0 ms^2)) [m].
    eta_1 : float
        Growth of the friction with s^2 over alpha [1].
    chirality : {1, 0, -1}
        Sense of the curling against the Oersted field of a positive current; 0 leaves that field out.
    temperature : float
        [K].

    Raises
    ------
    ParameterError
        If a value is out of range, or the disk is no thin one.
    """

    radius: float
    thickness: float
    ms: float
    alpha: float
    polarisation_z: float
    l_ex: float = 5.3e-9
    eta_1: float = 11 / 6
    chirality: int = 0
    temperature: float = 300.0

    def __post_init__(self) -> None:
        for name, (low, high, unit) in _RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ParameterError(f"'{name}' = {value:g} {unit} is outside its range [{low:g}, {high:g}] {unit}")
        if self.polarisation_z == 0:
            raise ParameterError(
                "'polarisation_z' = 0: without a perpendicular polariser the current drives no gyration"
            )
        if self.thickness > 0.3 * self.radius:
            raise ParameterError(
                f"'thickness' = {self.thickness:g} m must be at most 0.3 times the radius of {self.radius:g} m: "
                "the restoring force is that of a thin disk"
            )
        if self.radius < 4 * self.l_ex:
            raise ParameterError(f"'radius' = {self.radius:g} m is below four exchange lengths: no vortex forms")
        if self.chirality not in (-1, 0, 1):
            raise ParameterError(f"'chirality' = {self.chirality} must be 1, 0 or -1")

    def replace(self, **values: float) -> Vortex:
        """Copy with some fields changed."""
        return dataclasses.replace(self, **values)  # type: ignore[arg-type]

    # -- terms of the equation ---------------------------------------------------------------------

    @property
    def gyro(self) -> float:
        """G [J s/m^2]."""
        return 2 * math.pi * self.thickness * self.ms / GYROMAGNETIC

    @property
    def area(self) -> float:
        """Of the junction [m^2]."""
        return math.pi * self.radius**2

    def stiffness(self, s: ArrayLike = 0.0, current: ArrayLike = 0.0) -> FloatArray:
        """Force over displacement of the core [N/m]."""
        u = np.asarray(s, dtype=float) ** 2
        magnetic = 10 / 9 * MU_0 * self.ms**2 * self.thickness**2 / self.radius
        field = (
            OERSTED * MU_0 * self.ms * self.thickness * self.radius * self.chirality * np.asarray(current) / self.area
        )
        return np.asarray(magnetic * (1 + STIFFENING * u) + field * (1 + OERSTED_STIFFENING * u))

    def friction(self, s: ArrayLike = 0.0) -> FloatArray:
        """D/G [1]."""
        eta_0 = math.log(self.radius / (2 * self.l_ex)) / 2 + 3 / 8
        return np.asarray(self.alpha * (eta_0 + self.eta_1 * np.asarray(s, dtype=float) ** 2))

    def torque(self, current: ArrayLike) -> FloatArray:
        """Rate at which the current feeds the gyration, gamma a_J/2 [1/s]."""
        a_j = HBAR * self.polarisation_z / (2 * ELECTRON_CHARGE * self.ms * self.thickness) / self.area
        return np.asarray(GYROMAGNETIC * a_j * np.asarray(current, dtype=float) / 2)

    # -- what follows ------------------------------------------------------------------------------

    def frequency(self, s: ArrayLike = 0.0, current: ArrayLike = 0.0) -> FloatArray:
        """Gyrotropic frequency at a reduced radius [Hz]."""
        return self.stiffness(s, current) / (2 * math.pi * self.gyro)

    def damping(self, s: ArrayLike = 0.0, current: ArrayLike = 0.0) -> FloatArray:
        """Rate at which the radius shrinks without torque [1/s]."""
        return self.friction(s) * 2 * math.pi * self.frequency(s, current)

    @property
    def threshold(self) -> float:
        """Current at which torque and friction cancel at s = 0 [A].

        Raises
        ------
        ParameterError
            If the Oersted field rises faster than the torque.
        """
        per_ampere = float(self.torque(1.0)) - float(self.damping(0.0, 1.0) - self.damping(0.0, 0.0))
        if per_ampere * self.polarisation_z <= 0:
            raise ParameterError("no threshold: the Oersted field stiffens the vortex faster than the torque feeds it")
        return float(self.damping()) / per_ampere

    def radius_at(self, current: float) -> float:
        """Steady reduced radius under a current [1], 0 below threshold.

        Raises
        ------
        ParameterError
            Where it leaves what the expansions describe: the core is expelled or reversed there.
        """
        balance = lambda s: float(self.damping(s, current) - self.torque(current))  # noqa: E731
        if balance(0.0) >= 0:
            return 0.0
        if balance(MOST_RADIUS) < 0:
            raise ParameterError(
                f"{current:g} A ({current / self.threshold:.3g} times threshold) drives the core beyond "
                f"{MOST_RADIUS:g} radii"
            )
        return float(brentq(balance, 0.0, MOST_RADIUS, xtol=1e-12))

    def damping_growth(self) -> float:
        """Growth of the damping rate with s^2 over its value at s = 0 and threshold [1]."""
        i = self.threshold
        eta_0 = float(self.friction()) / self.alpha
        kappa = float(self.stiffness(0.0, i))
        return self.eta_1 / eta_0 + (float(self.stiffness(1.0, i)) - kappa) / kappa

    def oscillator_values(self, angle: float = math.pi / 2) -> dict[str, float]:
        """Parameters of `auto_oscillator`, without conduction and drive by alternating currents.

        Nonlinear damping is that for which (zeta - 1)/(zeta + Q) comes nearest to the square of the steady radius, and
        the frequency shift that of least squares; p = 1 lies where that law puts it, beyond the disk as a rule.

        Parameters
        ----------
        angle : float
            Angle of the reference layer from the normal [rad]: its in-plane part reads the gyration.
        """
        i_th = self.threshold
        zetas, squares = [], []
        for zeta in ZETAS:
            try:
                squares.append(self.radius_at(zeta * i_th) ** 2)
            except ParameterError:
                break
            zetas.append(zeta)
        if len(zetas) < 2:
            raise ParameterError("friction does not grow with the radius: the gyration has no steady radius")
        scale, q = project(zetas, squares)
        f_0, f_th = float(self.frequency()), float(self.frequency(0.0, i_th))
        currents = np.array(zetas) * i_th
        power = (np.array(zetas) - 1) / (np.array(zetas) + q)
        shift = self.frequency(np.sqrt(squares), currents) - self.frequency(0.0, currents)
        return {
            "cos_0": 0.0,
            "cos_u": SWING * math.sin(angle) * math.sqrt(scale),
            "f_0": f_0,
            "gamma_g": float(self.damping()),
            "i_th": i_th,
            "q_damping": q,
            "n_shift": float(shift @ power / (power @ power)),
            "f_i": (f_th - f_0) / i_th,
            "energy": float(self.stiffness(0.0, i_th)) * self.radius**2 * scale / 2,
        }
