"""Demagnetising factors of uniformly magnetised bodies: how much of the magnetisation acts back as a field."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import elliprd, hyp2f1

from compact.errors import ParameterError, unknown

__all__ = ["SHAPES", "demagnetising_factors", "volume_of"]

Factors = tuple[float, float, float]
"""Along the long axis (x), the short axis (y) and the normal (z); they add up to 1."""


def demagnetising_factors(shape: str, length: float, width: float, thickness: float) -> Factors:
    """Demagnetising factors of a body centred on its axes.

    Parameters
    ----------
    shape : {"ellipsoid", "cylinder", "prism", "sato_ishii"}
        `ellipsoid`: the three lengths are its axes (Osborn). `cylinder`: straight, of elliptic or circular cross
        section; the factors are averages over its volume, exact (Beleggia). `prism`: rectangular, averages over its
        volume, exact (Aharoni). `sato_ishii`: the approximation
        N_z = 1/(1 + 2 t/(sqrt(pi) R)), R^2 = length width/4, N_x = N_y, which several published sets of MTJ
        parameters use; for thin discs its N_z - N_x is several per cent above that of `cylinder`.
    length, width, thickness : float
        Extent along x, y and z [m].

    Returns
    -------
    tuple of float
        N_x, N_y, N_z [1].

    Raises
    ------
    ParameterError
        If the shape is not known or an extent is no positive number.

    References
    ----------
    J. A. Osborn, Phys. Rev. 67, 351 (1945); M. Beleggia et al., J. Phys. D: Appl. Phys. 38, 3333 (2005);
    A. Aharoni, J. Appl. Phys. 83, 3432 (1998); M. Sato and Y. Ishii, J. Appl. Phys. 66, 983 (1989);
    B. C. Carlson, Numer. Algorithms 10, 13 (1995) for the elliptic integrals.
    """
    if shape not in SHAPES:
        raise ParameterError(unknown("shape", shape, SHAPES))
    for name, value in (("length", length), ("width", width), ("thickness", thickness)):
        if not (math.isfinite(value) and value > 0):
            raise ParameterError(f"'{name}' = {value:g} m must be positive")
    return SHAPES[shape](length, width, thickness)


def volume_of(shape: str, length: float, width: float, thickness: float) -> float:
    """Volume [m^3] of a body of that shape and extent [m].

    Raises
    ------
    ParameterError
        If the shape is not known.
    """
    if shape not in SHAPES:
        raise ParameterError(unknown("shape", shape, SHAPES))
    part = {"ellipsoid": math.pi / 6, "prism": 1.0}.get(shape, math.pi / 4)
    return part * length * width * thickness


def _ellipsoid(length: float, width: float, thickness: float) -> Factors:
    scale = max(length, width, thickness)
    a, b, c = length / scale, width / scale, thickness / scale
    n_x = a * b * c / 3 * float(elliprd(b * b, c * c, a * a))
    n_y = a * b * c / 3 * float(elliprd(a * a, c * c, b * b))
    return n_x, n_y, 1 - n_x - n_y


def _cylinder(length: float, width: float, thickness: float) -> Factors:
    # In Fourier space the average over the azimuth separates: each direction sees a circular cylinder whose aspect
    # ratio is thickness over the width of the ellipse's reciprocal. The integrand is periodic and smooth, so that
    # equidistant points converge exponentially.
    count = 64 * math.ceil(max(length / width, width / length))
    phi = (np.arange(count) + 0.5) * (math.pi / count)
    cos2, sin2 = (np.cos(phi) / length) ** 2, (np.sin(phi) / width) ** 2
    normal = _circular(thickness * np.sqrt(cos2 + sin2))
    n_x = float(np.mean(cos2 / (cos2 + sin2) * (1 - normal)))
    n_z = float(np.mean(normal))
    return n_x, 1 - n_x - n_z, n_z


def _circular(aspect: np.ndarray) -> np.ndarray:
    """Factor along the axis of a circular cylinder, height over diameter given."""
    # 2F1(-1/2, 1/2; 2; -1/aspect^2) by Pfaff's transformation, whose argument stays within 0 ... 1.
    inverse = 1 / aspect**2
    series = np.sqrt(1 + inverse) * hyp2f1(-0.5, 1.5, 2.0, inverse / (1 + inverse))
    return 1 + 4 / (3 * math.pi * aspect) - series


def _prism(length: float, width: float, thickness: float) -> Factors:
    scale = max(length, width, thickness)
    a, b, c = length / scale, width / scale, thickness / scale
    n_x, n_y = _prism_factor(b, c, a), _prism_factor(c, a, b)
    return n_x, n_y, 1 - n_x - n_y


def _prism_factor(a: float, b: float, c: float) -> float:
    """Factor along c. Its terms are grouped by their symmetry in a and b."""
    ab, bc, ac, abc = math.hypot(a, b), math.hypot(b, c), math.hypot(a, c), math.hypot(a, b, c)

    def side(x: float, y: float, xc: float, yc: float) -> float:
        """Terms of one transverse edge, of length x; the other one is y."""
        far = (y * y - c * c) / (y * c) * math.asinh(x / yc)
        return -far + y / c * math.asinh(x / y) - c / y * math.asinh(x / c) + c / (x * y) * xc

    edges = side(a, b, ac, bc) + side(b, a, bc, ac)
    cubes = (a**3 + b**3 - 2 * c**3 + (a * a + b * b - 2 * c * c) * abc - ab**3 - bc**3 - ac**3) / (3 * a * b * c)
    return (edges + 2 * math.atan(a * b / (c * abc)) + cubes) / math.pi


def _sato_ishii(length: float, width: float, thickness: float) -> Factors:
    n_z = 1 / (1 + 4 * thickness / math.sqrt(math.pi * length * width))
    return (1 - n_z) / 2, (1 - n_z) / 2, n_z


SHAPES = {"ellipsoid": _ellipsoid, "cylinder": _cylinder, "prism": _prism, "sato_ishii": _sato_ishii}
"""Shapes by name."""
