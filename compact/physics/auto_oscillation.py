"""Closed forms of the nonlinear auto-oscillator: power, frequency, linewidth, locking, rectified voltage.

The amplitude c = u + j v of the oscillation moves as

    dc/dt = [j 2 pi f(p, I) - Gamma_plus(p) + Gamma_minus(p, I)] c + f_drive + noise,            p = |c|^2,
    Gamma_plus = gamma_g (1 + Q p),  Gamma_minus = gamma_g zeta (1 - p),  zeta = I/I_th,  f = f_0 + n p + f_i I,

with complex white noise of the correlation <f f*> = 2 Gamma_plus (k T/E) delta(t), E being the energy at p = 1: a
diffusion of Gamma_plus k T/E in each quadrature. An alternating current of peak I_rf drives it by
torque_ip (1 + j fl) I_rf/2 near its frequency: a real current has half of itself at the positive frequency.

A. Slavin and V. Tiberkevich, IEEE Trans. Magn. 45, 1875 (2009); rectification: J. C. Sankey et al., Nat. Phys. 4, 67
(2008) and C. Wang et al., J. Appl. Phys. 106, 053905 (2009).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compact.constants import BOLTZMANN, ZERO_CELSIUS
from compact.errors import ParameterError

if TYPE_CHECKING:
    from compact.parameters import ParameterSet

__all__ = ["AutoOscillator", "Junction", "Linear"]

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

ROOM = 27.0 + ZERO_CELSIUS
GRID = 20_001
"""Points of the thermal distribution of the power."""
NEWTON = 60
"""Most steps of the search for the voltage of a current."""


@dataclass(frozen=True)
class Linear:
    """A junction at a bias: derivatives of its current I(V, cosine).

    Parameters
    ----------
    voltage, current : ndarray
        Bias [V], [A].
    conductance : ndarray
        dI/dV [S].
    curvature : ndarray
        d2I/dV2 [A/V^2].
    i_cos : ndarray
        dI/dcos [A].
    g_cos : ndarray
        d2I/dV dcos [S].
    """

    voltage: Array
    current: Array
    conductance: Array
    curvature: Array
    i_cos: Array
    g_cos: Array


@dataclass(frozen=True)
class Junction:
    """Conduction of an oscillator's card: the model's own equations, at the cosine about which it oscillates.

    Parameters
    ----------
    values : mapping of str to float
        Parameters of `auto_oscillator_envelope`.
    temperature : float
        [K].
    """

    values: Mapping[str, float]
    temperature: float = ROOM

    def at(self, current: ArrayLike) -> Linear:
        """The junction at a bias current [A] from free to reference layer.

        Raises
        ------
        ParameterError
            If no voltage gives the current.
        """
        from compact.models import get_model  # the models' tests use this module

        model = get_model("auto_oscillator_envelope")
        names = ["i", "g_v", "g_vv", "i_c", "g_vc"]
        wanted = np.asarray(current, dtype=float)
        volts = wanted * self.values["r_p"]
        for _ in range(NEWTON):
            found = model.evaluate(names, {**self.values, "v_fl_rl": volts, "temperature": self.temperature})
            move = (found[0] - wanted) / found[1]
            volts = volts - move
            if np.all(np.abs(move) <= 1e-12 * np.abs(volts) + 1e-15):
                return Linear(volts, wanted, *found[1:])
        raise ParameterError(f"no voltage gives a current of {float(np.max(np.abs(wanted))):g} A through the junction")


@dataclass(frozen=True)
class AutoOscillator:
    """Figures of a nonlinear auto-oscillator; currents in A from free to reference layer, scalars or arrays.

    Parameters
    ----------
    f_0 : float
        Frequency of small oscillations without current [Hz].
    gamma_g : float
        Rate at which their amplitude falls without current [1/s].
    i_th : float
        Threshold current, with its sign [A].
    q_damping : float
        Nonlinear damping Q [1].
    n_shift : float
        Frequency over power, N/2 pi [Hz].
    f_i : float
        Frequency over current [Hz/A].
    torque_ip : float
        Drive of the amplitude by a current, through the in-plane torque [1/(A s)].
    fl_ratio, fl_slope : float
        Drive through the field-like torque over that, at zero bias [1], and its relative slope [1/V].
    energy : float
        Energy of the oscillation at p = 1 [J].
    temperature : float
        [K].
    cos_u : float
        Slope of the cosine between the layers in u [1].
    junction : Junction, optional
        Conduction; without it there are no voltages.
    """

    f_0: float
    gamma_g: float
    i_th: float
    q_damping: float = 0.0
    n_shift: float = 0.0
    f_i: float = 0.0
    torque_ip: float = 0.0
    fl_ratio: float = 0.0
    fl_slope: float = 0.0
    energy: float = 1e-18
    temperature: float = ROOM
    cos_u: float = 1.0
    junction: Junction | None = None

    @classmethod
    def from_card(cls, card: ParameterSet, temperature: float = ROOM) -> AutoOscillator:
        """The oscillator of a card at a temperature [K] and at the size that the card says.

        Raises
        ------
        ParameterError
            If the card is of another kind of model.
        """
        own = {f.name for f in fields(cls)} - {"temperature", "junction"}
        if missing := own - set(card.values):
            raise ParameterError(f"card '{card.name}' of model {card.model} is no auto-oscillator: no {min(missing)}")
        values: dict[str, Any] = {name: card.values[name] for name in own}
        area = (card.values["diameter"] / card.values["diameter_ref"]) ** 2
        for name, power in (("i_th", 1), ("energy", 1), ("torque_ip", -1), ("f_i", -1)):
            values[name] *= area**power
        shared = {"f_ref": values["f_0"], "r_in": 50.0} | dict(card.values)
        return cls(**values, temperature=temperature, junction=Junction(shared, temperature))

    # -- free oscillation --------------------------------------------------------------------------

    def zeta(self, i: ArrayLike) -> Array:
        """Supercriticality I/I_th [1]."""
        return np.asarray(i, dtype=float) / self.i_th

    def power(self, i: ArrayLike) -> Array:
        """Power p of the free oscillation without noise [1]: zero below threshold, (zeta - 1)/(zeta + Q) above."""
        zeta = np.maximum(self.zeta(i), 1.0)
        return (zeta - 1) / (zeta + self.q_damping)

    def frequency(self, i: ArrayLike) -> Array:
        """Frequency [Hz]: of the resonance below threshold, of the free oscillation above."""
        return self.f_0 + self.f_i * np.asarray(i, dtype=float) + self.n_shift * self.power(i)

    def nu(self, i: ArrayLike) -> Array:
        """Coupling of frequency to power, N/(gamma_g Q + sigma I) [1]."""
        return 2 * math.pi * self.n_shift / (self.gamma_g * (self.q_damping + self.zeta(i)))

    def relaxation_rate(self, i: ArrayLike) -> Array:
        """Rate at which small deviations of the power decay, 2 gamma_g |zeta - 1| on both sides of threshold [1/s]."""
        return 2 * self.gamma_g * np.abs(self.zeta(i) - 1)

    @property
    def thermal(self) -> float:
        """Thermal energy over that of p = 1."""
        return BOLTZMANN * self.temperature / self.energy

    def linewidth(self, i: ArrayLike) -> Array:
        """Full width at half maximum of the line of c [Hz].

        Below threshold gamma_g (1 - zeta)/pi; above it Gamma_plus(p) k T/(2 pi E p) (1 + nu^2). Both hold away from
        threshold, the latter where the width is small against the relaxation rate of the power over 2 pi.
        """
        zeta, p = self.zeta(i), self.power(i)
        with np.errstate(divide="ignore", invalid="ignore"):
            above = self.gamma_g * (1 + self.q_damping * p) * self.thermal / (2 * math.pi * p) * (1 + self.nu(i) ** 2)
        return np.where(zeta > 1, above, self.gamma_g * (1 - zeta) / math.pi)

    def mean_power(self, i: ArrayLike, points: int = GRID) -> Array:
        """Thermal mean of the power, at, below and above threshold [1].

        The stationary solution of the Fokker-Planck equation is exp[-(E/kT) int (1 - Gamma_minus/Gamma_plus) dp], here
        on a grid of `points` points.
        """
        currents = np.atleast_1d(np.asarray(i, dtype=float))
        means = np.array([self._mean_power(float(z), points) for z in self.zeta(currents).ravel()])
        return means.reshape(np.shape(i))

    def _mean_power(self, zeta: float, points: int = GRID) -> float:
        p_0 = max((zeta - 1) / (zeta + self.q_damping), 0.0) if zeta > 1 else 0.0
        wide = math.sqrt(2 * self.thermal / (max(zeta, 1.0) + self.q_damping))
        slow = self.thermal / max(1 - zeta, 1e-9)
        top = p_0 + 12 * min(max(wide, self.thermal), slow) if zeta < 1 else p_0 + 12 * max(wide, self.thermal)
        p = np.linspace(0, max(top, 1e-12), points)
        pull = 1 - zeta * np.maximum(1 - p, 0) / (1 + self.q_damping * p)
        well = np.concatenate([[0.0], np.cumsum((pull[1:] + pull[:-1]) / 2 * np.diff(p))]) / self.thermal
        weight = np.exp(-(well - well.min()))
        return float(np.trapezoid(p * weight, p) / np.trapezoid(weight, p))

    # -- driven ------------------------------------------------------------------------------------

    def _linear(self, i: ArrayLike) -> Linear:
        if self.junction is None:
            raise ParameterError("this oscillator was given without its junction: voltages are not known")
        return self.junction.at(i)

    def torque(self, i: ArrayLike = 0.0) -> Complex:
        """Complex drive of the amplitude by a small current on top of a bias [1/(A s)].

        In-plane torque is real, field-like torque imaginary; the latter is torque_ip fl_ratio (1 + fl_slope V) I.
        """
        i = np.asarray(i, dtype=float)
        share = np.full(i.shape, self.fl_ratio)
        if self.fl_ratio and self.fl_slope:
            at = self._linear(i)
            share = self.fl_ratio * (1 + self.fl_slope * (at.voltage + i / at.conductance))
        return self.torque_ip * (1 + 1j * share)

    def locking_half_band(self, i: ArrayLike, i_rf: ArrayLike) -> Array:
        """Detuning up to which an alternating current of peak `i_rf` [A] locks the oscillation [Hz].

        (F/sqrt(p)) sqrt(1 + nu^2)/2 pi with F = |torque| i_rf/2, for drives that change the power little.
        """
        force = np.abs(self.torque(i)) * np.asarray(i_rf, dtype=float) / 2
        with np.errstate(divide="ignore"):
            return force / np.sqrt(self.power(i)) * np.sqrt(1 + self.nu(i) ** 2) / (2 * math.pi)

    def _feedback(self, i: ArrayLike) -> Complex:
        """Rate that the amplitude gets from its own voltage, through the bias dependence of the field-like torque."""
        i = np.asarray(i, dtype=float)
        if not (self.fl_ratio and self.fl_slope and self.torque_ip):
            return np.zeros(i.shape, dtype=complex)
        at = self._linear(i)
        return -0.5j * self.torque_ip * self.fl_ratio * self.fl_slope * i * at.i_cos * self.cos_u / at.conductance

    def response(self, f: ArrayLike, i: ArrayLike = 0.0) -> Complex:
        """Small-signal amplitude over the peak of the current at a frequency [1/A], below threshold.

        torque/2 over gamma_g (1 - zeta) + 2 pi j (f - f_resonance): the phasor of c, whose real part is that of u.
        """
        f, i = np.asarray(f, dtype=float), np.asarray(i, dtype=float)
        rate = self.gamma_g * (1 - self.zeta(i)) - self._feedback(i)
        return self.torque(i) / 2 / (rate + 2j * math.pi * (f - self.f_0 - self.f_i * i))

    def driven(self, f: ArrayLike, i_rf: ArrayLike, i: ArrayLike = 0.0) -> Complex:
        """Steady phasor of c under an alternating current of peak `i_rf` [A], with all nonlinear terms.

        Below threshold and, where it is locked, above. Of several solutions the stable one of least power.

        Returns
        -------
        ndarray of complex
            Not a number where no stable one is (the oscillation is then not locked).
        """
        f, i_rf, i = np.broadcast_arrays(*(np.asarray(x, dtype=float) for x in (f, i_rf, i)))
        force = np.asarray(self.torque(i)) * i_rf / 2
        feedback = self._feedback(i)
        result = np.full(f.shape, np.nan + 0j)
        for at in np.ndindex(f.shape):
            result[at] = self._steady(float(f[at]), complex(force[at]), float(i[at]), complex(feedback[at]))
        return result

    def _steady(self, f: float, force: complex, i: float, feedback: complex) -> complex:
        zeta = float(self.zeta(i))
        rate = self.gamma_g * (1 - zeta) - feedback + 2j * math.pi * (f - self.f_0 - self.f_i * i)
        slope = self.gamma_g * (self.q_damping + zeta) - 2j * math.pi * self.n_shift
        unit = abs(rate) + abs(slope) or 1.0
        # p |rate + slope p|^2 = |force|^2
        r, s, g = rate / unit, slope / unit, abs(force / unit) ** 2
        for p in sorted(np.roots([abs(s) ** 2, 2 * (r * s.conjugate()).real, abs(r) ** 2, -g]), key=lambda x: x.real):
            if abs(p.imag) > 1e-9 * (abs(p) + 1e-30) or p.real < 0:
                continue
            k = r + s * p.real
            trace, turn = 2 * k.real + 2 * s.real * p.real, abs(k + s * p.real) ** 2 - abs(s * p.real) ** 2
            if trace > 0 and turn > 0:
                return force / (unit * k)
        return complex(math.nan)

    def rectified(self, amplitude: ArrayLike, i_rf: ArrayLike, i: ArrayLike = 0.0) -> Array:
        """Change of the DC voltage at a fixed DC current [V] while c has a phasor under a current of peak `i_rf`.

        To second order in voltage and amplitude, with V_rf = I_rf/G - (dI/dcos) cos_u c/G across the junction,
        -1/G [1/2 d2I/dVdcos cos_u Re(V_rf c*) + 1/4 d2I/dV2 |V_rf|^2]. Without bias and curvature it is
        1/2 dR/dcos cos_u Re(I_rf c*).
        """
        at, c = self._linear(i), np.asarray(amplitude, dtype=complex)
        v_rf = (np.asarray(i_rf) - at.i_cos * self.cos_u * c) / at.conductance
        mixed = at.g_cos * self.cos_u / 2 * (v_rf * c.conj()).real
        return np.asarray(-(mixed + at.curvature / 4 * np.abs(v_rf) ** 2) / at.conductance)

    def diode_kernel(self, f: ArrayLike, i: ArrayLike = 0.0) -> Complex:
        """Rectified voltage over the square of the peak current [V/A^2] as a complex line shape K: V = Re(K) I_rf^2.

        1/2 dR/dcos cos_u (c/I_rf)*: of an in-plane torque the real part is a Lorentzian and the imaginary part an
        anti-Lorentzian, of a field-like torque the other way round. Terms of second order in the oscillation, which
        appear with bias, and the curvature of I(V) are in `spectrum`, not here.
        """
        at = self._linear(i)
        return -at.g_cos * self.cos_u / (2 * at.conductance**2) * self.response(f, i).conj()

    def spectrum(self, f: ArrayLike, i_rf: ArrayLike, i: ArrayLike = 0.0, linear: bool = False) -> Array:
        """Rectified voltage of a diode at fixed DC current, against that without the alternating one [V].

        Parameters
        ----------
        f : array_like
            Frequency [Hz].
        i_rf : array_like
            Peak of the alternating current through the junction [A].
        i : array_like
            Bias current [A].
        linear : bool
            Small-signal response instead of the steady one with nonlinear damping and frequency shift.
        """
        c = self.response(f, i) * np.asarray(i_rf) if linear else self.driven(f, i_rf, i)
        return self.rectified(c, i_rf, i) - self.rectified(np.sqrt(self.power(i)), 0.0, i)

    def rf_current(self, p_rf: ArrayLike, i: ArrayLike = 0.0, z_0: float | None = 50.0) -> Array:
        """Peak current through the junction [A] of a source of available power `p_rf` [W] and impedance `z_0` [Ohm].

        With `z_0` None the source is matched. The junction counts as the resistor dV/dI.
        """
        r = 1 / self._linear(i).conductance
        share = 1.0 if z_0 is None else 4 * z_0 * r / (r + z_0) ** 2
        return np.sqrt(2 * np.asarray(p_rf, dtype=float) * share / r)

    def sensitivity(
        self, f: ArrayLike, p_rf: ArrayLike, i: ArrayLike = 0.0, z_0: float | None = None, linear: bool = False
    ) -> Array:
        """Rectified voltage over available RF power [V/W]; 1 V/W = 1 mV/mW.

        Parameters
        ----------
        f : array_like
            Frequency [Hz].
        p_rf : array_like
            Available power of the source [W].
        i : array_like
            Bias current [A].
        z_0 : float or None
            Its impedance [Ohm]; None for a matched source, that is per absorbed power.
        linear : bool
            As for `spectrum`.
        """
        return self.spectrum(f, self.rf_current(p_rf, i, z_0), i, linear) / np.asarray(p_rf, dtype=float)

    # -- networks ----------------------------------------------------------------------------------

    @staticmethod
    def kuramoto_order(coupling: ArrayLike, half_width: float) -> Array:
        """Order parameter sqrt(1 - K_c/K) of many oscillators, K_c twice the half width of their Lorentzian spread.

        `coupling` and `half_width` in the same unit. Y. Kuramoto, Chemical Oscillations, Waves, and Turbulence (1984).
        """
        k = np.asarray(coupling, dtype=float)
        return np.sqrt(np.clip(1 - 2 * half_width / np.maximum(k, 1e-300), 0, None))
