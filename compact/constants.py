"""CODATA 2022 constants in SI units; emitted text carries them as literals.

Source: P. J. Mohr et al., "CODATA recommended values of the fundamental physical constants: 2022",
Rev. Mod. Phys. 97, 025002 (2025).
"""

from __future__ import annotations

import math

__all__ = ["BOLTZMANN", "ELECTRON_CHARGE", "GYROMAGNETIC", "HBAR", "MU_0", "ZERO_CELSIUS"]

ELECTRON_CHARGE = 1.602176634e-19
"""Elementary charge [C] (exact)."""
HBAR = 6.62607015e-34 / (2 * math.pi)
"""Reduced Planck constant [J s] (exact)."""
BOLTZMANN = 1.380649e-23
"""Boltzmann constant [J/K] (exact)."""
MU_0 = 1.25663706127e-6
"""Vacuum permeability [N/A^2]."""
GYROMAGNETIC = 1.76085962784e11
"""Gyromagnetic ratio of the free electron [rad/(s T)]."""
ZERO_CELSIUS = 273.15
"""0 degC [K]."""
