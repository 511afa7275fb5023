"""Closed forms of an auto-oscillator with a load at radio frequency, whose current acts back on the oscillation.

A junction biased by a constant current, with a resistance R at its frequency, is a source of -dI/dcos cos_u c/G behind
1/G. Through R flows, per amplitude c, the current s = dI/dcos cos_u/(1 + G R), and the torque of that current adds the
rate kappa = torque s/2 to the equation of c: the load takes damping away or adds to it, and shifts the frequency. N
oscillators in phase with one load are each such an oscillator, with R/N if they are in series, N R if in parallel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike

from compact.errors import ParameterError
from compact.physics.auto_oscillation import Array, AutoOscillator, Complex, Linear

__all__ = ["LoadedOscillator", "at_bias", "loaded"]

SLOPE = 1e-4
"""Relative step of the current for slopes in it."""


@dataclass(frozen=True)
class LoadedOscillator(AutoOscillator):
    """An auto-oscillator with a resistance at radio frequency; currents and voltages are peak values.

    Parameters
    ----------
    load : float
        Resistance [Ohm]; without end for a junction that is open at radio frequency.
    """

    load: float = math.inf

    def current(self, i: ArrayLike) -> Array:
        """Alternating current that flows per amplitude [A], with its sign."""
        at = self._linear(i)
        return np.asarray(at.i_cos * self.cos_u / (1 + self.load * at.conductance))

    def reaction(self, i: ArrayLike) -> Complex:
        """Rate kappa that the load adds to the equation of the amplitude [1/s]."""
        i = np.asarray(i, dtype=float)
        at = self._linear(i)
        ahead = self.fl_ratio * (1 + self.fl_slope * (at.voltage - self.load * i))
        return np.asarray(self.torque_ip / 2 * self.current(i) * (1 + 1j * ahead))

    def _feedback(self, i: ArrayLike) -> Complex:
        return self.reaction(i)

    # -- free oscillation --------------------------------------------------------------------------

    def _excess(self, i: ArrayLike) -> Array:
        """Growth rate of a small amplitude over gamma_g [1]."""
        return np.asarray(self.zeta(i) - 1 + self.reaction(i).real / self.gamma_g)

    def power(self, i: ArrayLike) -> Array:
        """Power p of the free oscillation without noise [1]: (zeta - 1 + Re kappa/gamma_g)/(zeta + Q), or zero."""
        return np.asarray(np.maximum(self._excess(i), 0.0) / (self.zeta(i) + self.q_damping))

    def frequency(self, i: ArrayLike) -> Array:
        """Frequency [Hz], the shift Im kappa/2 pi by the load included."""
        return np.asarray(super().frequency(i) + self.reaction(i).imag / (2 * math.pi))

    def relaxation_rate(self, i: ArrayLike) -> Array:
        """Rate at which small deviations of the power decay [1/s]."""
        return np.asarray(2 * self.gamma_g * np.abs(self._excess(i)))

    def linewidth(self, i: ArrayLike) -> Array:
        """Full width at half maximum of the line [Hz]; laws and limits are those of the oscillator without load."""
        p, excess = self.power(i), self._excess(i)
        with np.errstate(divide="ignore", invalid="ignore"):
            above = self.gamma_g * (1 + self.q_damping * p) * self.thermal / (2 * math.pi * p) * (1 + self.nu(i) ** 2)
        return np.where(excess > 0, above, -self.gamma_g * excess / math.pi)

    def mean_power(self, i: ArrayLike, points: int = 0) -> Array:
        """Not for loaded oscillators.

        Raises
        ------
        ParameterError
            Always: the potential of the power has another shape here.
        """
        raise ParameterError("the thermal mean of the power is known without load only")

    def emitted(self, i: ArrayLike) -> Array:
        """Power in the load [W] of the free oscillation."""
        return np.asarray(self.load * self.current(i) ** 2 * self.power(i) / 2)

    # -- modulated ---------------------------------------------------------------------------------

    def tuning(self, i: ArrayLike, f_m: ArrayLike = 0.0) -> Complex:
        """Deviation of the frequency over that of the bias current [Hz/A] when the latter is modulated at `f_m` [Hz].

        What the power does to the frequency lags behind by the time in which the power relaxes.
        """
        i = np.asarray(i, dtype=float)
        step = SLOPE * np.abs(i)
        whole = (self.frequency(i + step) - self.frequency(i - step)) / (2 * step)
        slow = self.n_shift * (self.power(i + step) - self.power(i - step)) / (2 * step)
        lag = 1 + 2j * math.pi * np.asarray(f_m) / self.relaxation_rate(i)
        return np.asarray(whole - slow + slow / lag)

    # -- driven by a source behind the load --------------------------------------------------------

    def injected(self, p_rf: ArrayLike, i: ArrayLike = 0.0) -> Array:
        """Peak current [A] that a source of available power `p_rf` [W] behind the load drives through the junction."""
        return self.rf_current(p_rf, i, self.load)

    def spectrum(self, f: ArrayLike, i_rf: ArrayLike, i: ArrayLike = 0.0, linear: bool = False) -> Array:
        """Rectified voltage [V] as for the free junction; `i_rf` is what flows before the oscillation reacts."""
        c = self.response(f, i) * np.asarray(i_rf) if linear else self.driven(f, i_rf, i)
        rest = np.sqrt(self.power(i))
        flowing = self.current(i)
        return self.rectified(c, np.asarray(i_rf) + flowing * c, i) - self.rectified(rest, flowing * rest, i)


def at_bias(oscillator: AutoOscillator, i: ArrayLike) -> Linear:
    """Derivatives of the junction's current at a bias current [A].

    Raises
    ------
    ParameterError
        If the oscillator was given without its junction.
    """
    return oscillator._linear(i)


def loaded(oscillator: AutoOscillator, load: float) -> LoadedOscillator:
    """The same oscillator with a resistance `load` [Ohm] at radio frequency.

    Raises
    ------
    ParameterError
        If it is not positive.
    """
    if not load > 0:
        raise ParameterError(f"load = {load:g} Ohm must be above 0")
    own = {f.name: getattr(oscillator, f.name) for f in fields(AutoOscillator)}
    return LoadedOscillator(**own, load=load)
