"""A free layer as one magnetic moment: its physical parameters and what follows from them in closed form.

Frame: z is normal to the layers, x the long axis of the ellipse. s = m . p is the cosine of the angle between the free
layer m and the reference layer p; s = 1 is parallel. Positive voltage and current, from the free to the reference
layer, drive towards parallel.

With g = gamma mu0 and all fields in A/m the motion is

    dm/dt = -g m x H + alpha m x dm/dt - g a m x (m x p) - g a_sh m x (m x s_sh)
          = -g/(1 + alpha^2) [m x W + alpha m x (m x W)],   W = H + m x (a p + a_sh s_sh),
    H     = h_ext + (h_k + vcma V)(m . u) u - ms (n_x m_x, n_y m_y, n_z m_z) + (fl_1 V + fl_2 V^2) p
            + beta_sh a_sh s_sh + thermal field,
    a     = hbar/(2 e mu0 ms volume) polarisation 2 L^2/[(L^2 + 1) + (L^2 - 1) s] I,
    a_sh  = hbar/(2 e mu0 ms volume) eta_sh I_sh,

and each component of the thermal field is white (Stratonovich), with the autocorrelation
2 alpha k T/(gamma mu0^2 ms volume) delta(t).

References: J. C. Slonczewski, J. Magn. Magn. Mater. 159, L1 (1996) and 247, 324 (2002); W. F. Brown, Phys. Rev. 130,
1677 (1963); J. Z. Sun, Phys. Rev. B 62, 570 (2000).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compact.constants import BOLTZMANN, ELECTRON_CHARGE, GYROMAGNETIC, HBAR, MU_0
from compact.errors import ParameterError, unknown
from compact.parameters import ParameterSet
from compact.physics.demagnetisation import demagnetising_factors, volume_of

__all__ = ["LARMOR", "Macrospin", "check_names"]

LARMOR = GYROMAGNETIC * MU_0
"""Precession rate per field, gamma mu0 [rad m/(s A)]."""

Vector = tuple[float, float, float]
_Z: Vector = (0.0, 0.0, 1.0)
# Lowest and highest value, whether the lowest itself is allowed, and the unit.
_RANGES: dict[str, tuple[float, float, bool, str]] = {
    "ms": (0, 1e7, False, "A/m"),
    "volume": (0, 1e-12, False, "m^3"),
    "h_k": (-1e8, 1e8, True, "A/m"),
    "alpha": (0, 1, True, "1"),
    "polarisation": (0, 2, True, "1"),
    "asymmetry": (0.1, 10, True, "1"),
    "fl_1": (-1e8, 1e8, True, "A/m/V"),
    "fl_2": (-1e8, 1e8, True, "A/m/V^2"),
    "vcma": (-1e8, 1e8, True, "A/m/V"),
    "eta_sh": (-1e3, 1e3, True, "1"),
    "beta_sh": (-100, 100, True, "1"),
    "temperature": (0, 1e4, True, "K"),
    "t_bloch": (1, 1e6, True, "K"),
    "k_exponent": (0, 10, True, "1"),
    "r_th": (0, 1e9, True, "K/W"),
    "tau_th": (1e-12, 1, True, "s"),
    "tc_r": (-5e-3, 5e-3, True, "1/K"),
    "r_p": (1e-3, 1e12, True, "Ohm"),
    "tmr": (0, 100, True, "1"),
    "v_h": (1e-3, 1e3, True, "V"),
    "tmr_slope": (-20, 20, True, "1/V"),
    "g_slope": (-20, 20, True, "1/V"),
    "g_curv": (0, 1e3, True, "1/V^2"),
}
_DIRECTIONS = ("axis", "reference", "sh_axis")


@dataclass(frozen=True)
class Macrospin:
    """Parameters of a macrospin in a magnetic tunnel junction; they hold at `temperature`.

    Parameters
    ----------
    ms : float
        Saturation magnetisation [A/m].
    volume : float
        Volume of the free layer [m^3].
    h_k : float
        Uniaxial anisotropy field without the shape's part [A/m]: 2 (K_i/t + K_u)/(mu0 ms).
    alpha : float
        Gilbert damping [1].
    n : tuple of float
        Demagnetising factors along x, y, z [1]; equal ones have no effect.
    axis : tuple of float
        Direction u of the uniaxial anisotropy.
    reference : tuple of float
        Direction p of the reference layer.
    polarisation, asymmetry : float
        Efficiency of the spin torque at s = 1 [1] and Slonczewski's Lambda [1].
    fl_1, fl_2 : float
        Field-like torque as a field along p, linear [A/m/V] and quadratic [A/m/V^2] in the voltage.
    vcma : float
        Change of `h_k` with the voltage [A/m/V]; positive where positive V(free, reference) strengthens it.
    eta_sh, beta_sh : float
        Spin current over charge current of the spin-Hall line [1]; field-like over damping-like part [1].
    sh_axis : tuple of float
        Direction s_sh towards which positive spin-Hall current pulls.
    h_ext : tuple of float
        Applied and stray field [A/m].
    temperature : float
        Temperature [K].
    t_bloch, k_exponent : float
        Temperature of Bloch's law of the magnetisation m(T) [K], and the power of m that the barrier follows [1]:
        `ms` and `polarisation` go as m, `h_k` as m^(k_exponent - 1), `tmr` as m^2.
    r_th, tau_th, tc_r : float
        Self-heating: thermal resistance [K/W] (0: none), its time constant [s], and the temperature coefficient of
        `r_p` [1/K].
    r_p, tmr, v_h, tmr_slope, g_slope, g_curv : float
        Conduction, as in the model `mtj`.

    Raises
    ------
    ParameterError
        If a value is out of range.
    """

    ms: float
    volume: float
    h_k: float
    alpha: float
    n: Vector = (1 / 3, 1 / 3, 1 / 3)
    axis: Vector = _Z
    reference: Vector = _Z
    polarisation: float = 0.6
    asymmetry: float = 1.0
    fl_1: float = 0.0
    fl_2: float = 0.0
    vcma: float = 0.0
    eta_sh: float = 0.0
    beta_sh: float = 0.0
    sh_axis: Vector = (0.0, 1.0, 0.0)
    h_ext: Vector = (0.0, 0.0, 0.0)
    temperature: float = 300.0
    t_bloch: float = 1120.0
    k_exponent: float = 2.18
    r_th: float = 0.0
    tau_th: float = 1e-9
    tc_r: float = 0.0
    r_p: float = 5e3
    tmr: float = 1.0
    v_h: float = 0.5
    tmr_slope: float = 0.0
    g_slope: float = 0.0
    g_curv: float = 0.0

    def __post_init__(self) -> None:
        for name, (low, high, closed, unit) in _RANGES.items():
            value = _real(name, getattr(self, name))
            if not (low <= value <= high) or (value == low and not closed) or (name == "alpha" and value >= 1):
                bounds = f"{'[' if closed else '('}{low:g}, {high:g}{')' if name == 'alpha' else ']'}"
                raise ParameterError(f"'{name}' = {value:g} {unit} is outside its range {bounds} {unit}")
            object.__setattr__(self, name, value)
        for name in ("n", "h_ext", *_DIRECTIONS):
            object.__setattr__(self, name, _vector(name, getattr(self, name)))
        for name in _DIRECTIONS:
            size = math.hypot(*getattr(self, name))
            if size == 0:
                raise ParameterError(f"'{name}' = (0, 0, 0) is no direction")
            object.__setattr__(self, name, tuple(c / size for c in getattr(self, name)))
        if min(self.n) < -1e-9 or abs(sum(self.n) - 1) > 1e-6:
            raise ParameterError(
                f"'n' = {tuple(round(c, 6) for c in self.n)} must be three demagnetising factors of 0 or more that add "
                f"up to 1, not to {sum(self.n):g}"
            )
        if self.g_slope or self.tmr_slope:
            from compact.models.conduction import check_conduction  # SymPy takes a moment to load

            check_conduction(dataclasses.asdict(self))
        if self.temperature >= self.t_bloch:
            raise ParameterError(
                f"'temperature' = {self.temperature:g} K is not below 't_bloch' = {self.t_bloch:g} K, where the "
                "magnetisation ends"
            )

    # -- ways to one -------------------------------------------------------------------------------

    @classmethod
    def from_geometry(
        cls,
        *,
        length: float,
        thickness: float,
        ms: float,
        alpha: float,
        width: float | None = None,
        shape: str = "cylinder",
        k_i: float = 0.0,
        k_u: float = 0.0,
        xi: float = 0.0,
        t_ox: float = 1e-9,
        **others: Any,
    ) -> Macrospin:
        """Macrospin from the size and the material of the free layer.

        Parameters
        ----------
        length, width, thickness : float
            Extent along x, y (default: as x) and z [m].
        ms, alpha : float
            Saturation magnetisation [A/m], Gilbert damping [1].
        shape : str
            How volume and demagnetising factors follow; see
            `compact.physics.demagnetisation.demagnetising_factors`.
        k_i, k_u : float
            Anisotropy of the interface [J/m^2] and of the volume [J/m^3], both along `axis`.
        xi, t_ox : float
            Change of `k_i` with the electric field in the barrier [J/(V m)], and thickness of the barrier [m].
        **others
            Further fields of `Macrospin`.

        Raises
        ------
        ParameterError
            For an unknown field or shape (with the nearest match), an impossible size, or a value out of range.
        """
        if width is None:
            width = length
        if width > length:
            raise ParameterError(f"'width' = {width:g} m is above 'length' = {length:g} m; the long axis is x")
        check_names(others)
        n = demagnetising_factors(shape, length, width, thickness)
        if not t_ox > 0:
            raise ParameterError(f"'t_ox' = {t_ox:g} m must be positive")
        if not ms > 0:
            raise ParameterError(f"'ms' = {ms:g} A/m must be positive")
        scale = 2 / (MU_0 * ms * thickness)
        settings: dict[str, Any] = {"n": n, "vcma": scale * xi / t_ox} | others
        volume = volume_of(shape, length, width, thickness)
        return cls(ms=ms, volume=volume, h_k=scale * (k_i + k_u * thickness), alpha=alpha, **settings)

    @classmethod
    def from_card(
        cls, card: ParameterSet, *, alpha: float | None = None, ms: float | None = None, **others: Any
    ) -> Macrospin:
        """Macrospin of a card; see `compact.physics.macrospin_cards.from_card`."""
        from compact.physics.macrospin_cards import from_card

        return from_card(card, alpha=alpha, ms=ms, **others)

    def replace(self, **values: Any) -> Macrospin:
        """Copy with some fields changed.

        Raises
        ------
        ParameterError
            For an unknown field (with the nearest match) or a value out of range.
        """
        check_names(values)
        return dataclasses.replace(self, **values)

    def at(self, temperature: float) -> Macrospin:
        """The same device at another temperature [K]."""
        if not 0 <= temperature < self.t_bloch:
            raise ParameterError(f"'temperature' = {temperature:g} K is outside its range [0, {self.t_bloch:g}) K")
        m = (1 - (temperature / self.t_bloch) ** 1.5) / (1 - (self.temperature / self.t_bloch) ** 1.5)
        return self.replace(
            temperature=temperature,
            ms=self.ms * m,
            h_k=self.h_k * m ** (self.k_exponent - 1),
            polarisation=self.polarisation * m,
            tmr=self.tmr * m * m,
            r_p=self.r_p * (1 + self.tc_r * (temperature - self.temperature)),
        )

    # -- statics -----------------------------------------------------------------------------------

    @property
    def tensor(self) -> NDArray[np.float64]:
        """Anisotropy: the matrix that times m gives the field of axis and shape [A/m], shape (3, 3)."""
        u = np.array(self.axis)
        return self.h_k * np.outer(u, u) - self.ms * np.diag(self.n)

    @property
    def h_eff(self) -> float:
        """Anisotropy field between the easy axis and the lowest way over the barrier [A/m]; 0 without easy axis."""
        values = np.linalg.eigvalsh(self.tensor)
        return float(values[2] - values[1])

    @property
    def easy_axis(self) -> NDArray[np.float64]:
        """Easy axis, on the side of the reference layer.

        Raises
        ------
        ParameterError
            If there is none.
        """
        values, vectors = np.linalg.eigh(self.tensor)
        if values[2] - values[1] <= 1e-9 * max(np.abs(values).max(), 1.0):
            raise ParameterError(
                "no easy axis, so no two states and no barrier (Delta <= 0): "
                f"h_k = {self.h_k:g} A/m does not exceed what the shape takes, ms = {self.ms:g} A/m times "
                f"the difference of n = {tuple(round(c, 4) for c in self.n)}"
            )
        axis = vectors[:, 2]
        towards = float(axis @ np.array(self.reference))
        if abs(towards) < 1e-9:
            towards = float(axis[np.abs(axis).argmax()])
        return np.asarray(axis * math.copysign(1, towards))

    @property
    def barrier(self) -> float:
        """Energy barrier between the two states without field [J]."""
        return MU_0 * self.ms * self.h_eff * self.volume / 2

    @property
    def delta(self) -> float:
        """Thermal stability factor, barrier over kT [1].

        Raises
        ------
        ParameterError
            If it is not positive.
        """
        _ = self.easy_axis
        return self.barrier / (BOLTZMANN * self.temperature)

    def rest(self, state: int = 1, field: ArrayLike | None = None) -> NDArray[np.float64]:
        """Direction of rest without current.

        Parameters
        ----------
        state : {1, -1}
            Parallel or antiparallel (or along the easy axis and against it).
        field : array_like, shape (3,), optional
            Field [A/m] in place of `h_ext`.

        Raises
        ------
        ParameterError
            If the field leaves no such state.
        """
        h = np.array(self.h_ext if field is None else field, dtype=float)
        start = self.easy_axis * (1 if state > 0 else -1)
        tensor, m = self.tensor, self.easy_axis * (1 if state > 0 else -1)
        scale = np.ptp(np.linalg.eigvalsh(tensor)) + math.hypot(*h)
        for _ in range(20000):
            total = tensor @ m + h
            change = (total - (m @ total) * m) / scale
            m = m + change
            m /= math.sqrt(m @ m)
            if m @ start < 0:
                break
            if change @ change < 1e-26:
                if self.stiffness(m, h)[0] <= 0:
                    break
                return np.asarray(m)
        name = "parallel" if state > 0 else "antiparallel"
        raise ParameterError(f"the field ({h[0]:g}, {h[1]:g}, {h[2]:g}) A/m leaves no {name} state")

    def stiffness(self, direction: ArrayLike, field: ArrayLike | None = None) -> tuple[float, float]:
        """Restoring fields [A/m] along the two directions across one of rest; their product sets the precession."""
        h = np.array(self.h_ext if field is None else field, dtype=float)
        m = np.asarray(direction, dtype=float)
        _, _, across = np.linalg.svd(m[None, :])
        e = across[1:]
        matrix = (m @ (self.tensor @ m + h)) * np.eye(2) - e @ self.tensor @ e.T
        low, high = np.linalg.eigvalsh(matrix)
        return float(low), float(high)

    # -- dynamics ----------------------------------------------------------------------------------

    def small_motion(self, state: int = 1, field: ArrayLike | None = None) -> tuple[float, float]:
        """Angular frequency [rad/s] and damping rate [1/s] of small motion about rest (Kittel).

        References
        ----------
        C. Kittel, Phys. Rev. 73, 155 (1948).
        """
        low, high = self.stiffness(self.rest(state, field), field)
        rate = LARMOR / (1 + self.alpha**2)
        damping = self.alpha * rate * (low + high) / 2
        return math.sqrt(max((1 + self.alpha**2) * rate**2 * low * high - damping**2, 0.0)), damping

    @property
    def tau_d(self) -> float:
        """Relaxation time (1 + alpha^2)/(alpha gamma mu0 h_eff) [s], the unit of time of the axial motion."""
        _ = self.easy_axis
        if self.alpha == 0:
            raise ParameterError("'alpha' = 0: without damping there is no relaxation time")
        return (1 + self.alpha**2) / (self.alpha * LARMOR * self.h_eff)

    @property
    def torque_per_ampere(self) -> float:
        """hbar/(2 e mu0 ms volume) [1/m]: in-plane torque as a field over current, at full efficiency."""
        return HBAR / (2 * ELECTRON_CHARGE * MU_0 * self.ms * self.volume)

    def efficiency(self, s: ArrayLike) -> NDArray[np.float64]:
        """Slonczewski's efficiency [1] at the cosine `s`."""
        square = self.asymmetry**2
        cosine = np.asarray(s, dtype=float)
        return np.asarray(self.polarisation * 2 * square / (square + 1 + (square - 1) * cosine))

    def critical_currents(self) -> tuple[float, float]:
        """Magnitudes of the currents at which the parallel and the antiparallel state become unstable [A].

        For a perpendicular junction without transverse field both are (4 e alpha/(hbar eta)) E_b (1 +- h/h_eff).

        Raises
        ------
        ParameterError
            If a state is not along the reference layer, so that it has no single threshold.
        """
        result = []
        for state in (1, -1):
            m = self.rest(state)
            if float(m @ np.array(self.reference)) * state < 1 - 1e-9:
                raise ParameterError(
                    f"the {'parallel' if state > 0 else 'antiparallel'} state is at rest at "
                    f"({m[0]:.3g}, {m[1]:.3g}, {m[2]:.3g}), not along the reference layer; find the threshold by a run"
                )
            field = self.alpha * sum(self.stiffness(m)) / 2
            result.append(field / (self.torque_per_ampere * float(self.efficiency(state))))
        return result[0], result[1]

    @property
    def thermal_field(self) -> float:
        """Each component's thermal field, root of its spectral density [A/m s^0.5] (fluctuation-dissipation)."""
        power = 2 * self.alpha * BOLTZMANN * self.temperature / (GYROMAGNETIC * self.ms * self.volume)
        return math.sqrt(power) / MU_0

    def conductance(self, voltage: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Conductance [S] at s = 0 and its slope in s; it is linear in s, the law of the model `mtj`."""
        from compact.models import get_model  # SymPy takes a moment to load, and only voltages need it

        names = ("r_p", "tmr", "v_h", "tmr_slope", "g_slope", "g_curv")
        plain = {"tc_r": 0.0, "t_nom": 300.0, "temperature": 300.0, "t_bloch": 1120.0, "diameter": 1.0}
        values = {name: getattr(self, name) for name in names} | plain | {"diameter_ref": 1.0, "v_fl_rl": voltage}
        model = get_model("mtj")
        both = [1 / model.evaluate("resistance", values | {"z": z}) for z in (1.0, -1.0)]
        return (both[0] + both[1]) / 2, (both[0] - both[1]) / 2

    def step_limit(self, method: str = "heun", field: float = 0.0, torque: float = 0.0) -> float:
        """Largest step [s] that resolves the precession.

        With theta the angle per step, Heun's method on the sphere is exact for circular precession and feeds an
        elliptic one by a fraction of about theta^3/(35 alpha) of its damping; RK4 starves it by theta^5/(144 alpha).
        These are held below 0.2 and 0.1 % at rest, and theta below 0.3 in the strongest field.

        Parameters
        ----------
        method : {"heun", "rk4"}
            Integrator.
        field, torque : float
            Strongest field on top of anisotropy and `h_ext`, and strongest torque, as fields [A/m].
        """
        alpha = max(self.alpha, 1e-4)
        angle = min((0.07 * alpha) ** (1 / 3), 0.15) if method == "heun" else (0.144 * alpha) ** 0.2
        values = np.linalg.eigvalsh(self.tensor)
        applied = math.hypot(*self.h_ext) + field
        strongest = float(values[2] - values[0]) + applied
        resting = math.sqrt((values[2] - values[1] + applied) * (values[2] - values[0] + applied))
        rate = LARMOR / (1 + self.alpha**2)
        limits = [angle / (rate * resting)] if resting > 0 else []
        if strongest + torque > 0:
            limits.append(0.3 / (rate * (strongest + torque)))
        return min(limits, default=1e-12)


def _real(name: str, value: object) -> float:
    if isinstance(value, bool | str) or not hasattr(value, "__float__"):
        raise ParameterError(f"'{name}' is {value!r}, not a number")
    number = float(value)
    if not math.isfinite(number):
        raise ParameterError(f"'{name}' is {number}, not a finite number")
    return number


def _vector(name: str, value: object) -> Vector:
    try:
        parts = [_real(name, c) for c in value]  # type: ignore[attr-defined]
    except TypeError:
        raise ParameterError(f"'{name}' is {value!r}, not three numbers") from None
    if len(parts) != 3:
        raise ParameterError(f"'{name}' has {len(parts)} numbers, not three")
    return parts[0], parts[1], parts[2]


def check_names(values: Iterable[str]) -> None:
    """Raise `ParameterError`, with the nearest match, if one is no field of `Macrospin`."""
    known = [f.name for f in dataclasses.fields(Macrospin)]
    for name in values:
        if name not in known:
            raise ParameterError(unknown("parameter of a macrospin", name, known))
