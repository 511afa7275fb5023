"""What does not change while macrospins are followed: device and step, as the compiled loops take them."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from compact.physics.drive import Drive
from compact.physics.macrospin import Macrospin

__all__ = ["Fixed", "middle"]


def middle(device: Macrospin) -> float:
    """Middle eigenvalue of the anisotropy [A/m].

    A field along m itself turns nothing, but shifts the angular velocity along m, which counts in a finite step.
    Without the middle eigenvalue precession in an axial anisotropy is a steady turn about the axis, which the method
    follows exactly.
    """
    return float(np.linalg.eigvalsh(device.tensor)[1])


class Fixed(NamedTuple):
    """What does not change during a run; fields and torques as angles per step."""

    px: float
    py: float
    pz: float
    """Reference direction."""
    skew: float
    """(Lambda^2 - 1)/(Lambda^2 + 1)."""
    alpha: float
    """Gilbert damping."""
    ux: float
    uy: float
    uz: float
    """Axis of the uniaxial anisotropy."""
    h_k: float
    """Uniaxial anisotropy field."""
    dx: float
    dy: float
    dz: float
    """Magnetisation times demagnetising factors."""
    shift: float
    """Field along m itself; without effect but on the accuracy of a step, see `middle`."""
    vcma: float
    """Change of `h_k` with voltage, per volt."""
    fl_1: float
    fl_2: float
    """Field-like torque per volt and per square volt."""
    torque: float
    """In-plane torque per ampere at s = 0."""
    by_voltage: float
    """1: the waveform is a voltage; 0: a current."""
    r_p: float
    tmr: float
    tmr_slope: float
    roll: float
    g_slope: float
    g_curv: float
    tc_r: float
    """Conduction as in the model `mtj`; `roll` is 1/v_h^2."""
    r_th: float
    """Thermal resistance [K/W]."""
    decay: float
    """1 - exp(-step/tau_th)."""
    ambient: float
    """Temperature [K]."""
    bloch: float
    """(ambient/t_bloch)^1.5."""
    k_1: float
    k_2: float
    k_3: float
    """Change of `h_k` with the relative magnetisation m: 1 + k_1 (m - 1) + k_2 (m - 1)^2 + k_3 (m - 1)^3."""

    @classmethod
    def of(cls, device: Macrospin, drive: Drive, unit: float, step: float) -> Fixed:
        """Constants of a device for time steps of one length [s]; `unit` turns fields into angles per step [m/A]."""
        square = device.asymmetry**2
        power = device.k_exponent - 1
        return cls(
            *device.reference,
            skew=(square - 1) / (square + 1),
            alpha=device.alpha,
            ux=device.axis[0],
            uy=device.axis[1],
            uz=device.axis[2],
            h_k=device.h_k * unit,
            dx=device.ms * device.n[0] * unit,
            dy=device.ms * device.n[1] * unit,
            dz=device.ms * device.n[2] * unit,
            shift=-middle(device) * unit,
            vcma=device.vcma * unit,
            fl_1=device.fl_1 * unit,
            fl_2=device.fl_2 * unit,
            torque=device.torque_per_ampere * float(device.efficiency(0.0)) * unit,
            by_voltage=1.0 if drive.voltage else 0.0,
            r_p=device.r_p,
            tmr=device.tmr,
            tmr_slope=device.tmr_slope,
            roll=1 / device.v_h**2,
            g_slope=device.g_slope,
            g_curv=device.g_curv,
            tc_r=device.tc_r,
            r_th=device.r_th,
            decay=-math.expm1(-step / device.tau_th),
            ambient=max(device.temperature, 1e-3),
            bloch=(device.temperature / device.t_bloch) ** 1.5,
            k_1=power,
            k_2=power * (power - 1) / 2,
            k_3=power * (power - 1) * (power - 2) / 6,
        )
