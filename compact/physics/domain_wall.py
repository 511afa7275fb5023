"""Domain walls without any circuit: closed forms of steady and precessing motion, and a chain of spins to check them.

The closed forms are those of the collective coordinates of `compact.models.domain_wall`, in a uniform wire; the chain
integrates the Landau-Lifshitz-Gilbert-Slonczewski equation of a row of cells, which knows of no collective coordinates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compact.constants import ELECTRON_CHARGE, GYROMAGNETIC, HBAR, MU_0, ZERO_CELSIUS
from compact.errors import ParameterError
from compact.parameters import ParameterSet

__all__ = ["SpinChain", "UniformWall", "drift_velocity", "torque_field"]

GAMMA_0 = GYROMAGNETIC * MU_0
"""Gyromagnetic ratio for fields in A/m [m/(A s)]."""


def drift_velocity(density: ArrayLike, polarisation: ArrayLike, ms: ArrayLike) -> NDArray[np.float64]:
    """Drift velocity u = hbar gamma P J/(2 e Ms) of a wall with the spins of a current along the wire [m/s].

    Parameters
    ----------
    density : array_like
        Current density [A/m^2], positive where the electrons push the wall forwards.
    polarisation, ms : array_like
        Spin polarisation [1] and magnetisation [A/m].

    References
    ----------
    S. Zhang and Z. Li, Phys. Rev. Lett. 93, 127204 (2004), with hbar gamma = g mu_B.
    """
    return np.asarray(
        HBAR * GYROMAGNETIC / (2 * ELECTRON_CHARGE) * np.asarray(polarisation) * np.asarray(density) / np.asarray(ms)
    )


def torque_field(density: ArrayLike, polarisation: ArrayLike, ms: ArrayLike, thickness: float) -> NDArray[np.float64]:
    """In-plane torque a = hbar P J/(2 e mu0 Ms t) of a current through the junction, as a field [A/m].

    Parameters
    ----------
    density : array_like
        Current density [A/m^2].
    polarisation, ms : array_like
        Spin-torque efficiency [1] and magnetisation [A/m].
    thickness : float
        Thickness of the free layer [m].

    References
    ----------
    J. C. Slonczewski, J. Magn. Magn. Mater. 159, L1 (1996).
    """
    field = HBAR / (2 * ELECTRON_CHARGE * MU_0 * thickness) * np.asarray(polarisation) * np.asarray(density)
    return np.asarray(field / np.asarray(ms))


@dataclass(frozen=True)
class UniformWall:
    """A wall in a uniform wire.

    Parameters
    ----------
    width : float
        Wall width D [m], of the profile tanh(x/D).
    alpha, beta : float
        Gilbert damping and non-adiabatic over adiabatic torque [1].
    h_k : float
        Hard-axis anisotropy field [A/m].
    """

    width: float
    alpha: float
    h_k: float
    beta: float = 0.0

    def __post_init__(self) -> None:
        for name in ("width", "alpha", "h_k"):
            if not getattr(self, name) > 0:
                raise ParameterError(f"{name} = {getattr(self, name):g} of a wall must be positive")

    @classmethod
    def from_card(cls, card: ParameterSet, temperature: float = 27.0) -> UniformWall:
        """The wall of a card of `domain_wall` or `domain_wall_track` at a temperature [degC]."""
        point = {**card.values, "temperature": temperature + ZERO_CELSIUS}
        h_k = float(card.definition.evaluate("h_k_t", point))
        return cls(card.values["wall_width"], card.values["alpha"], h_k, card.values.get("beta", 0.0))

    @property
    def mobility(self) -> float:
        """Velocity per field below breakdown, gamma D/alpha [m^2/(A s)]."""
        return GAMMA_0 * self.width / self.alpha

    @property
    def walker_field(self) -> float:
        """Field of breakdown without current, alpha H_K/2 [A/m]."""
        return self.alpha * self.h_k / 2

    @property
    def walker_drift(self) -> float:
        """Drift velocity of breakdown without field, gamma D alpha H_K/(2 |beta - alpha|) [m/s]."""
        difference = abs(self.beta - self.alpha)
        return math.inf if difference == 0 else GAMMA_0 * self.width * self.walker_field / difference

    def precession(
        self, field: ArrayLike = 0.0, drift: ArrayLike = 0.0, torque: ArrayLike = 0.0
    ) -> NDArray[np.float64]:
        """Mean rate of the angle [rad/s]: zero below breakdown, sqrt(F^2 - G^2)/(1 + alpha^2) above it.

        Parameters
        ----------
        field, drift : array_like
            Field along the domains, applied and field-like together [A/m], and drift velocity u [m/s].
        torque : array_like
            In-plane torque of a polariser along the domains, as a field [A/m].

        References
        ----------
        N. L. Schryer and L. R. Walker, J. Appl. Phys. 45, 5406 (1974); A. Mougin et al., Europhys. Lett. 78, 57007
        (2007).
        """
        drive = GAMMA_0 * (np.asarray(field) - self.alpha * np.asarray(torque))
        drive = drive + (self.beta - self.alpha) * np.asarray(drift) / self.width
        brake = GAMMA_0 * self.walker_field
        return np.asarray(np.sign(drive) * np.sqrt(np.maximum(drive * drive - brake * brake, 0)) / (1 + self.alpha**2))

    def velocity(
        self, field: ArrayLike = 0.0, drift: ArrayLike = 0.0, torque: ArrayLike = 0.0, depinning: float = 0.0
    ) -> NDArray[np.float64]:
        """Mean velocity [m/s] at a field, a drift velocity and an in-plane torque, on both sides of breakdown.

        Below it is mobility times field plus beta/alpha times drift; far above, the drift counts
        (1 + alpha beta)/(1 + alpha^2). A periodic landscape with the depinning field H_p slows a wall that is pushed
        by H_0 = H + beta u/(gamma D) to that of sqrt(H_0^2 - H_p^2), below breakdown.

        Parameters
        ----------
        field, drift, torque : array_like
            As for `precession` [A/m], [m/s], [A/m].
        depinning : float
            Depinning field of a periodic landscape [A/m].
        """
        pushed = np.asarray(field) + self.beta * np.asarray(drift) / (GAMMA_0 * self.width)
        net = np.sign(pushed) * np.sqrt(np.maximum(pushed * pushed - depinning * depinning, 0)) if depinning else pushed
        turned = self.precession(np.asarray(field) + net - pushed, drift, torque)
        moving = (GAMMA_0 * net * self.width - self.width * turned) / self.alpha
        return np.asarray(np.where(net == 0, 0.0, moving) if depinning else moving)


@dataclass(frozen=True)
class SpinChain:
    """A row of magnetic cells with easy axis z, hard axis y, exchange along x, and one wall.

    Parameters
    ----------
    width : float
        Width of the resting wall [m].
    alpha, beta : float
        Gilbert damping and non-adiabatic over adiabatic torque [1].
    h_k, h_easy : float
        Anisotropy fields of hard and easy axis [A/m]; the wall keeps its width where h_easy is much larger.
    cells : int
        Number of cells.
    fineness : float
        Cells per wall width.
    """

    width: float
    alpha: float
    h_k: float
    h_easy: float
    beta: float = 0.0
    cells: int = 320
    fineness: float = 4.0

    def run(
        self,
        stop: float,
        step: float,
        *,
        field: float = 0.0,
        drift: float = 0.0,
        torque: float = 0.0,
        field_like: float = 0.0,
        theta_p: float = 0.0,
        every: int = 10,
        start: float = 0.5,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Integrate by Runge and Kutta's fourth-order method.

        Parameters
        ----------
        stop, step : float
            Time to run and step [s].
        field : float
            Field along z [A/m].
        drift : float
            Drift velocity u, positive where it pushes the wall to larger x [m/s].
        torque, field_like : float
            In-plane and field-like torque of a current through the film, as fields [A/m].
        theta_p : float
            Angle of the polariser from z to y [rad].
        every : int
            Steps between two results.
        start : float
            Place of the wall at first, over the length.

        Returns
        -------
        time, place, angle : ndarray
            [s], [m] and [rad] (continuous); place by the sum of m_z, angle by the sums of m_x and m_y.
        """
        dx = self.width / self.fineness
        x = (np.arange(self.cells) + 0.5) * dx
        length = self.cells * dx
        bend = (x - start * length) / self.width
        m = np.stack([1 / np.cosh(bend), np.zeros_like(x), -np.tanh(bend)])
        polariser = np.array([0.0, math.sin(theta_p), math.cos(theta_p)])[:, None]
        exchange = self.h_easy * self.width**2 / dx**2  # H_easy D^2 is 2 A/(mu0 Ms)
        scale = GAMMA_0 / (1 + self.alpha**2)

        def padded(v: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.concatenate([v[:, :1], v, v[:, -1:]], axis=1)

        def cross(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])

        def rate(v: NDArray[np.float64]) -> NDArray[np.float64]:
            wide = padded(v)
            h = exchange * (wide[:, 2:] - 2 * v + wide[:, :-2])
            h[1] -= self.h_k * v[1]
            h[2] += self.h_easy * v[2] + field
            h = h + field_like * polariser + torque * cross(v, polariser)
            # Currents along the wire: (u.grad) m with its non-adiabatic part, as fields of their own.
            slope = (wide[:, 2:] - wide[:, :-2]) / (2 * dx) * (-drift / GAMMA_0)
            h = h + cross(v, slope) + self.beta * slope if drift else h
            turn = cross(v, h)
            return -scale * (turn + self.alpha * cross(v, turn))

        count = round(stop / step)
        time, place, angle = [], [], []
        for k in range(count + 1):
            if k % every == 0:
                time.append(k * step)
                place.append(float(np.mean(1 + m[2]) / 2 * length))
                angle.append(math.atan2(float(m[1].sum()), float(m[0].sum())))
            k1 = rate(m)
            k2 = rate(m + step / 2 * k1)
            k3 = rate(m + step / 2 * k2)
            m = m + step / 6 * (k1 + 2 * k2 + 2 * k3 + rate(m + step * k3))
            m /= np.sqrt(np.sum(m * m, axis=0))
        return np.array(time), np.array(place), np.unwrap(np.array(angle))
