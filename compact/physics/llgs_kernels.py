"""Compiled inner loops of `compact.physics.llgs`: counter-based normal numbers, torque, Heun and RK4 steps.

Heun's method is used on the sphere: an Euler step predicts, and the mean of the angular velocities at both ends then
turns m. Unlike its form with a mean rate and a renormalisation it neither feeds nor starves axial precession.

Trajectories are advanced in blocks of `LANES`, one after the other within a step, so that the compiler turns each step
into vector instructions. Every normal number is a function of seed, trajectory and step alone: results depend neither
on the number of threads nor on how a run is cut into pieces.

All fields arrive multiplied by gamma mu0 dt/(1 + alpha^2), which makes them angles.

The kernels share one file, because numba's cache of a kernel notices changes in the kernel's own file alone.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import float64, int64, njit, uint64

__all__ = [
    "FULL_ROW",
    "LANES",
    "ROW",
    "advance",
    "advance_full",
    "derivative",
    "derivative_full",
    "metropolis",
    "normals",
    "words",
]

LANES = 64
"""Trajectories per block; a multiple of every vector width, so that no lane is computed differently from another."""
ROW = 14
"""Numbers per moment for `advance`: field (3), spin-Hall torque (3), torque at s = 0 and its slope in s (2),
anisotropy tensor xx, yy, zz, xy, xz, yz."""
FULL_ROW = 7
"""Numbers per moment for `advance_full`: field (3), spin-Hall torque (3), voltage or current (1)."""


# No flag that assumes the absence of NaN, so that a run that blows up says so.
_FAST = {"contract", "nsz", "arcp", "reassoc"}
_OPTIONS: dict[str, Any] = dict(nogil=True, cache=True, fastmath=_FAST, error_model="numpy", boundscheck=False)
_INLINE: dict[str, Any] = dict(fastmath=_FAST, error_model="numpy", boundscheck=False, forceinline=True)

_MASK = uint64(0xFFFFFFFF)
_HALF = uint64(32)
_MANTISSA = uint64(0xFFFFFFFFFFFFF)
_ONE = uint64(0x3FF0000000000000)
_PHILOX_0, _PHILOX_1 = uint64(0xD2511F53), uint64(0xCD9E8D57)
_WEYL_0, _WEYL_1 = uint64(0x9E3779B9), uint64(0xBB67AE85)


# -- random numbers ----------------------------------------------------------------------------------


@njit(**_INLINE)
def _round(c0, c1, c2, c3, k0, k1):
    p0 = _PHILOX_0 * c0
    p1 = _PHILOX_1 * c2
    return (p1 >> _HALF) ^ c1 ^ k0, p1 & _MASK, (p0 >> _HALF) ^ c3 ^ k1, p0 & _MASK


@njit(**_INLINE)
def _philox(c0, c1, c2, c3, k0, k1):
    """Philox4x32-10 (J. K. Salmon et al., Proc. SC11, 2011); written out, because loops do not vectorise within."""
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + _WEYL_0) & _MASK, (k1 + _WEYL_1) & _MASK
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + _WEYL_0) & _MASK, (k1 + _WEYL_1) & _MASK
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + _WEYL_0) & _MASK, (k1 + _WEYL_1) & _MASK
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + _WEYL_0) & _MASK, (k1 + _WEYL_1) & _MASK
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + _WEYL_0) & _MASK, (k1 + _WEYL_1) & _MASK
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + _WEYL_0) & _MASK, (k1 + _WEYL_1) & _MASK
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + _WEYL_0) & _MASK, (k1 + _WEYL_1) & _MASK
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + _WEYL_0) & _MASK, (k1 + _WEYL_1) & _MASK
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + _WEYL_0) & _MASK, (k1 + _WEYL_1) & _MASK
    return _round(c0, c1, c2, c3, k0, k1)


@njit(**_INLINE)
def _radius(word):
    """sqrt(-2 ln u) of u = (word + 1/2)/2^32; at most 6.7."""
    u = np.float64(float64(int64(word)) + 0.5)
    bits = np.uint64(u.view(np.int64))
    exponent = float64(int64(bits >> uint64(52)) - int64(1023 + 32))
    m = np.uint64((bits & _MANTISSA) | _ONE).view(np.float64)
    upper = m > 1.4142135623730951
    m = 0.5 * m if upper else m
    exponent = exponent + 1.0 if upper else exponent
    # ln m = 2 artanh((m - 1)/(m + 1)), series up to an error of 1e-13
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    tail = 2 / 7 + z * (2 / 9 + z * (2 / 11 + z * (2 / 13 + z * (2 / 15))))
    log = 0.6931471805599453 * exponent + s * (2.0 + z * (2 / 3 + z * (2 / 5 + z * tail)))
    return math.sqrt(-2.0 * log)


@njit(**_INLINE)
def _direction(word):
    """Cosine and sine of 2 pi (word + 1/2)/2^32, turned by 1/8; Taylor series in a quarter, error below 1e-9."""
    quarter = word >> uint64(30)
    f = (float64(int64(word & uint64(0x3FFFFFFF))) + 0.5) * 2.0**-30 - 0.5
    z = f * f
    s = z * (-0.004681754135318687 + z * (0.00016044118478735975 - z * 3.598843235212085e-06))
    s = f * (1.5707963267948966 + z * (-0.6459640975062462 + z * (0.07969262624616703 + s)))
    c = z * (0.0009192602748394263 + z * (-2.5202042373060605e-05 + z * 4.710874778818171e-07))
    c = 1.0 + z * (-1.2337005501361697 + z * (0.2536695079010480 + z * (-0.02086348076335296 + c)))
    odd = (quarter & uint64(1)) != uint64(0)
    negative = (quarter & uint64(2)) != uint64(0)
    a = s if odd else c
    b = c if odd else s
    a = -a if odd != negative else a
    b = -b if negative else b
    return a, b


@njit(**_INLINE)
def _normals(step, trajectory, k0, k1):
    """Four independent normal numbers (Box and Muller)."""
    a, b, c, d = _philox(step & _MASK, step >> _HALF, trajectory & _MASK, trajectory >> _HALF, k0, k1)
    first, second = _radius(a), _radius(c)
    x, y = _direction(b)
    z, w = _direction(d)
    return first * x, first * y, second * z, second * w


@njit(**_OPTIONS)
def normals(step, first, k0, k1, out):
    """Normal numbers of one step for the trajectories from `first` on: `out` has the shape (count, 3)."""
    for j in range(out.shape[0]):
        a, b, c, _ = _normals(uint64(step), uint64(first + j), k0, k1)
        out[j, 0], out[j, 1], out[j, 2] = a, b, c


@njit(**_OPTIONS)
def metropolis(m, first, centre, axes, tensor, field, sweeps, k0, k1):
    """Sample exp(m A m/2 + h m) on the half sphere about `centre`; `m`, shape (3, n), receives the directions of
    the trajectories from `first` on.

    Moves are rotations as likely as their inverse, by vectors `axes[0]` and `axes[1]` times normal numbers.
    """
    x0, y0, z0 = centre
    ax, ay, az, bx, by, bz = axes
    xx, yy, zz, xy, xz, yz = tensor
    hx, hy, hz = field
    for k in range(sweeps + 1):
        for j in range(m.shape[1]):
            f, g, c, d = _normals(uint64(k), uint64(first + j), k0, k1)
            x, y, z = (x0, y0, z0) if k == 0 else (m[0, j], m[1, j], m[2, j])
            # Rotation by the quaternion (1, u, v, w)
            u, v, w = f * ax + g * bx, f * ay + g * by, f * az + g * bz
            px, py, pz = v * z - w * y, w * x - u * z, u * y - v * x
            scale = 2.0 / (1.0 + u * u + v * v + w * w)
            nx = x + scale * (px + v * pz - w * py)
            ny = y + scale * (py + w * px - u * pz)
            nz = z + scale * (pz + u * py - v * px)
            # Log weights; for unit vectors, so that rounding does not build up.
            now = 0.5 * (xx * x * x + yy * y * y + zz * z * z) + xy * x * y + xz * x * z + yz * y * z
            now = now + hx * x + hy * y + hz * z
            new = 0.5 * (xx * nx * nx + yy * ny * ny + zz * nz * nz) + xy * nx * ny + xz * nx * nz + yz * ny * nz
            new = new + hx * nx + hy * ny + hz * nz
            take = (nx * x0 + ny * y0 + nz * z0 > 0.0) & (now - new < 0.5 * (c * c + d * d))
            m[0, j] = nx if take else x
            m[1, j] = ny if take else y
            m[2, j] = nz if take else z


@njit(**_OPTIONS)
def words(c0, c1, c2, c3, k0, k1):
    """One block of Philox4x32-10, for the published test vectors."""
    return _philox(uint64(c0), uint64(c1), uint64(c2), uint64(c3), uint64(k0), uint64(k1))


# -- motion ------------------------------------------------------------------------------------------


@njit(**_INLINE)
def _turning(x, y, z, hx, hy, hz, qx, qy, qz, alpha):
    """Angular velocity W + alpha m x W, with W = h + m x q; its cross product with m is the motion."""
    wx, wy, wz = hx + y * qz - z * qy, hy + z * qx - x * qz, hz + x * qy - y * qx
    return wx + alpha * (y * wz - z * wy), wy + alpha * (z * wx - x * wz), wz + alpha * (x * wy - y * wx)


@njit(**_INLINE)
def _cross(a, b, c, x, y, z):
    return b * z - c * y, c * x - a * z, a * y - b * x


@njit(**_INLINE)
def _rotated(a, b, c, x, y, z):
    """The vector (x, y, z) turned by an angular velocity (Cayley's map): length and axial precession are exact."""
    u, v, w = 0.5 * a, 0.5 * b, 0.5 * c
    px, py, pz = _cross(u, v, w, x, y, z)
    qx, qy, qz = _cross(u, v, w, px, py, pz)
    r = 2.0 / (1.0 + u * u + v * v + w * w)
    return x + r * (px + qx), y + r * (py + qy), z + r * (pz + qz)


@njit(**_INLINE)
def _simple(x, y, z, nx, ny, nz, row, o):
    """Angular velocity where nothing but the efficiency depends on the state: all else is in `row`."""
    h0, h1, h2, q0, q1, q2, a0, a1, xx, yy, zz, xy, xz, yz = row
    s = x * o.px + y * o.py + z * o.pz
    a = (a0 + a1 * s) / (1.0 + o.skew * s)
    return _turning(
        x,
        y,
        z,
        nx + h0 + xx * x + xy * y + xz * z,
        ny + h1 + xy * x + yy * y + yz * z,
        nz + h2 + xz * x + yz * y + zz * z,
        q0 + a * o.px,
        q1 + a * o.py,
        q2 + a * o.pz,
        o.alpha,
    )


@njit(**_INLINE)
def _slope(x, y, z, nx, ny, nz, row, o):
    f, g, h = _simple(x, y, z, nx, ny, nz, row, o)
    return _cross(f, g, h, x, y, z)


@njit(**_INLINE)
def row(rows, k):
    return (
        rows[k, 0], rows[k, 1], rows[k, 2], rows[k, 3], rows[k, 4], rows[k, 5], rows[k, 6],
        rows[k, 7], rows[k, 8], rows[k, 9], rows[k, 10], rows[k, 11], rows[k, 12], rows[k, 13],
    )  # fmt: skip


@njit(**_INLINE)
def _crossed(before, now, level, k, crossing):
    """Moment, in steps, at which a falling margin passes `level` for the first time; -1 as long as it has not."""
    hit = (crossing < 0.0) & (now <= level)
    return k + (before - level) / (before - now) if hit else crossing


@njit(**_INLINE)
def heun_step(x, y, z, crossing, k, trajectory, now, after, o, sigma, keys, level, side):
    """One step of one trajectory, from its direction and first crossing to the next ones."""
    a, b, c, _ = _normals(uint64(k), uint64(trajectory), keys[0], keys[1])
    a, b, c = sigma * a, sigma * b, sigma * c
    before = side * (x * o.px + y * o.py + z * o.pz)
    f, g, h = _simple(x, y, z, a, b, c, now, o)
    dx, dy, dz = _cross(f, g, h, x, y, z)
    u, v, w = _simple(x + dx, y + dy, z + dz, a, b, c, after, o)
    x, y, z = _rotated(0.5 * (f + u), 0.5 * (g + v), 0.5 * (h + w), x, y, z)
    return x, y, z, _crossed(before, side * (x * o.px + y * o.py + z * o.pz), level, float64(k), crossing)


@njit(**_INLINE)
def rk4_step(x, y, z, crossing, k, now, mid, after, o, level, side):
    """One step of one trajectory without thermal field."""
    before = side * (x * o.px + y * o.py + z * o.pz)
    f, g, h = _slope(x, y, z, 0.0, 0.0, 0.0, now, o)
    sx, sy, sz = f, g, h
    f, g, h = _slope(x + 0.5 * f, y + 0.5 * g, z + 0.5 * h, 0.0, 0.0, 0.0, mid, o)
    sx, sy, sz = sx + 2 * f, sy + 2 * g, sz + 2 * h
    f, g, h = _slope(x + 0.5 * f, y + 0.5 * g, z + 0.5 * h, 0.0, 0.0, 0.0, mid, o)
    sx, sy, sz = sx + 2 * f, sy + 2 * g, sz + 2 * h
    f, g, h = _slope(x + f, y + g, z + h, 0.0, 0.0, 0.0, after, o)
    x, y, z = x + (sx + f) / 6, y + (sy + g) / 6, z + (sz + h) / 6
    r = 1.0 / math.sqrt(x * x + y * y + z * z)
    x, y, z = x * r, y * r, z * r
    return x, y, z, _crossed(before, side * (x * o.px + y * o.py + z * o.pz), level, float64(k), crossing)


@njit(**_OPTIONS)
def _heun(mx, my, mz, crossing, rows, start, steps, first, o, sigma, keys, level, side):
    for k in range(start, start + steps):
        now, after = row(rows, 2 * k), row(rows, 2 * k + 1)
        for j in range(LANES):
            mx[j], my[j], mz[j], crossing[j] = heun_step(
                mx[j], my[j], mz[j], crossing[j], first[0] + k, first[1] + j, now, after, o, sigma, keys, level, side
            )


@njit(**_OPTIONS)
def _rk4(mx, my, mz, crossing, rows, start, steps, first, o, level, side):
    for k in range(start, start + steps):
        now, mid, after = row(rows, 3 * k), row(rows, 3 * k + 1), row(rows, 3 * k + 2)
        for j in range(LANES):
            mx[j], my[j], mz[j], crossing[j] = rk4_step(
                mx[j], my[j], mz[j], crossing[j], first[0] + k, now, mid, after, o, level, side
            )


@njit(**_OPTIONS)
def _record(mx, my, mz, heat, o, side, count, first, sums, traces):
    """Sums over one block at one moment, and the traces that were asked for."""
    for j in range(count):
        x, y, z = mx[j], my[j], mz[j]
        sums[0] += x
        sums[1] += y
        sums[2] += z
        sums[3] += x * x
        sums[4] += y * y
        sums[5] += z * z
        sums[6] += 1.0 if side * (x * o.px + y * o.py + z * o.pz) > 0.0 else 0.0
        sums[7] += heat[j]
        if first + j < traces.shape[0]:
            traces[first + j, 0], traces[first + j, 1], traces[first + j, 2] = x, y, z


@njit(**_OPTIONS)
def advance(m, crossing, heat, blocks, total, rows, steps, every, first, o, sigma, keys, level, side, rk4, out):
    """Advance blocks of trajectories by `steps` steps and record sums and traces every `every` steps.

    Parameters
    ----------
    m : ndarray, shape (3, lanes)
        Directions; changed in place.
    crossing, heat : ndarray, shape (lanes,)
        First crossing in steps (-1: none yet), changed in place; temperature rise, only recorded.
    blocks : tuple of int
        First and last block, the last exclusive.
    total : int
        Trajectories that count; lanes beyond are padding.
    rows : ndarray, shape (2 steps, ROW) for Heun, (3 steps, ROW) for RK4
        What drives the motion at the beginning, (the middle) and the end of each step; a jump between two steps is
        therefore sharp.
    steps, every, first : int
        Steps; steps between records; steps before.
    o : Fixed
        Constants.
    sigma : float
        Standard deviation of each component of the thermal field.
    keys : tuple of uint64
        Key of the random numbers.
    level, side : float
        A crossing is the moment at which side * (m . p) falls to `level`.
    rk4 : bool
        Method.
    out : tuple of ndarray
        Sums (records, blocks, 8) and traces (records, traces, 3).
    """
    sums, traces = out
    for b in range(blocks[0], blocks[1]):
        lo = b * LANES
        mx, my, mz = m[0, lo : lo + LANES], m[1, lo : lo + LANES], m[2, lo : lo + LANES]
        cr = crossing[lo : lo + LANES]
        for r in range(steps // every):
            if rk4:
                _rk4(mx, my, mz, cr, rows, r * every, every, (first, lo), o, level, side)
            else:
                _heun(mx, my, mz, cr, rows, r * every, every, (first, lo), o, sigma, keys, level, side)
            count = min(LANES, total - lo)
            _record(mx, my, mz, heat[lo : lo + LANES], o, side, count, lo, sums[r, b], traces[r])


@njit(**_OPTIONS)
def derivative(m, rows, o, out):
    """Motion without thermal field at the directions `m`, shape (3, n), with one row each; `out` is like `m`."""
    for j in range(m.shape[1]):
        f, g, h = _slope(m[0, j], m[1, j], m[2, j], 0.0, 0.0, 0.0, row(rows, j), o)
        out[0, j], out[1, j], out[2, j] = f, g, h


# -- motion with voltages of its own, for current drive and self-heating --------------------------------


@njit(**_INLINE)
def _conduction(v, s, share, r_p, o):
    """Current and differential conductance at voltage `v`; `share` is half the zero-bias TMR."""
    inverse = 1.0 / (1.0 + 2.0 * share + (o.tmr_slope + o.roll * v) * v)
    g_p = (1.0 + (o.g_slope + o.g_curv * v) * v) / r_p
    anti = (s - 1.0) * share * inverse
    slope = (o.g_slope + 2.0 * o.g_curv * v) / r_p * (1.0 + anti)
    fall = g_p * anti * inverse * (o.tmr_slope + 2.0 * o.roll * v)
    g = g_p * (1.0 + anti)
    return v * g, g + v * (slope - fall)


@njit(**_INLINE)
def _bias(drive, s, guess, share, r_p, o):
    """Voltage and current; Newton's method from the last voltage where the current is given."""
    v = drive if o.by_voltage > 0.5 else guess
    i, g = _conduction(v, s, share, r_p, o)
    v = v if o.by_voltage > 0.5 else v + (drive - i) / g
    i, g = _conduction(v, s, share, r_p, o)
    v = v if o.by_voltage > 0.5 else v + (drive - i) / g
    i, g = _conduction(v, s, share, r_p, o)
    v = v if o.by_voltage > 0.5 else v + (drive - i) / g
    return v, i


@njit(**_INLINE)
def _hot(rise, o):
    """Relative magnetisation, anisotropy field, half the TMR and resistance at a temperature rise [K]."""
    t = 1.0 + rise / o.ambient
    m = (1.0 - o.bloch * t * math.sqrt(t)) / (1.0 - o.bloch)
    m = m if m > 0.01 else 0.01
    e = m - 1.0
    h_k = o.h_k * (1.0 + e * (o.k_1 + e * (o.k_2 + e * o.k_3)))
    return m, h_k, 0.5 * o.tmr * m * m, o.r_p * (1.0 + o.tc_r * rise)


@njit(**_INLINE)
def _complete(x, y, z, nx, ny, nz, row, hot, guess, o):
    """Angular velocity, and the voltage and current it belongs to."""
    h0, h1, h2, q0, q1, q2, drive = row
    m, h_k, share, r_p = hot
    s = x * o.px + y * o.py + z * o.pz
    v, i = _bias(drive, s, guess, share, r_p, o)
    k = (h_k + o.vcma * v) * (x * o.ux + y * o.uy + z * o.uz)
    b = (o.fl_1 + o.fl_2 * v) * v
    a = o.torque * i / (1.0 + o.skew * s)
    f, g, h = _turning(
        x,
        y,
        z,
        nx + h0 + k * o.ux + b * o.px - (m * o.dx - o.shift) * x,
        ny + h1 + k * o.uy + b * o.py - (m * o.dy - o.shift) * y,
        nz + h2 + k * o.uz + b * o.pz - (m * o.dz - o.shift) * z,
        q0 + a * o.px,
        q1 + a * o.py,
        q2 + a * o.pz,
        o.alpha,
    )
    return f, g, h, v, i


@njit(**_INLINE)
def _full_slope(x, y, z, nx, ny, nz, row, hot, guess, o):
    f, g, h, v, i = _complete(x, y, z, nx, ny, nz, row, hot, guess, o)
    f, g, h = _cross(f, g, h, x, y, z)
    return f, g, h, v, i


@njit(**_INLINE)
def full_row(rows, k):
    return rows[k, 0], rows[k, 1], rows[k, 2], rows[k, 3], rows[k, 4], rows[k, 5], rows[k, 6]


@njit(**_INLINE)
def heun_full_step(x, y, z, volt, heat, crossing, k, trajectory, now, after, o, sigma, keys, level, side):
    """Like `heun_step`, with the trajectory's voltage and temperature rise."""
    hot = _hot(heat, o)
    strength = sigma * math.sqrt((1.0 + heat / o.ambient) / hot[0])
    a, b, c, _ = _normals(uint64(k), uint64(trajectory), keys[0], keys[1])
    a, b, c = strength * a, strength * b, strength * c
    before = side * (x * o.px + y * o.py + z * o.pz)
    f, g, h, volt, amp = _complete(x, y, z, a, b, c, now, hot, volt, o)
    dx, dy, dz = _cross(f, g, h, x, y, z)
    u, v, w, volt, amp = _complete(x + dx, y + dy, z + dz, a, b, c, after, hot, volt, o)
    x, y, z = _rotated(0.5 * (f + u), 0.5 * (g + v), 0.5 * (h + w), x, y, z)
    heat = heat + (o.r_th * volt * amp - heat) * o.decay
    return x, y, z, volt, heat, _crossed(before, side * (x * o.px + y * o.py + z * o.pz), level, float64(k), crossing)


@njit(**_INLINE)
def rk4_full_step(x, y, z, volt, heat, crossing, k, now, mid, after, o, level, side):
    """Like `rk4_step`, with the trajectory's voltage and temperature rise."""
    hot = _hot(heat, o)
    before = side * (x * o.px + y * o.py + z * o.pz)
    f, g, h, v, i = _full_slope(x, y, z, 0.0, 0.0, 0.0, now, hot, volt, o)
    sx, sy, sz = f, g, h
    f, g, h, v, i = _full_slope(x + 0.5 * f, y + 0.5 * g, z + 0.5 * h, 0.0, 0.0, 0.0, mid, hot, v, o)
    sx, sy, sz = sx + 2 * f, sy + 2 * g, sz + 2 * h
    f, g, h, v, i = _full_slope(x + 0.5 * f, y + 0.5 * g, z + 0.5 * h, 0.0, 0.0, 0.0, mid, hot, v, o)
    sx, sy, sz = sx + 2 * f, sy + 2 * g, sz + 2 * h
    f, g, h, v, i = _full_slope(x + f, y + g, z + h, 0.0, 0.0, 0.0, after, hot, v, o)
    x, y, z = x + (sx + f) / 6, y + (sy + g) / 6, z + (sz + h) / 6
    r = 1.0 / math.sqrt(x * x + y * y + z * z)
    x, y, z = x * r, y * r, z * r
    heat = heat + (o.r_th * v * i - heat) * o.decay
    return x, y, z, v, heat, _crossed(before, side * (x * o.px + y * o.py + z * o.pz), level, float64(k), crossing)


@njit(**_OPTIONS)
def _heun_full(mx, my, mz, volts, heat, crossing, rows, start, steps, first, o, sigma, keys, level, side):
    for k in range(start, start + steps):
        now, after = full_row(rows, 2 * k), full_row(rows, 2 * k + 1)
        for j in range(LANES):
            state = mx[j], my[j], mz[j], volts[j], heat[j], crossing[j]
            mx[j], my[j], mz[j], volts[j], heat[j], crossing[j] = heun_full_step(
                *state, first[0] + k, first[1] + j, now, after, o, sigma, keys, level, side
            )


@njit(**_OPTIONS)
def _rk4_full(mx, my, mz, volts, heat, crossing, rows, start, steps, first, o, level, side):
    for k in range(start, start + steps):
        now, mid, after = full_row(rows, 3 * k), full_row(rows, 3 * k + 1), full_row(rows, 3 * k + 2)
        for j in range(LANES):
            state = mx[j], my[j], mz[j], volts[j], heat[j], crossing[j]
            mx[j], my[j], mz[j], volts[j], heat[j], crossing[j] = rk4_full_step(
                *state, first[0] + k, now, mid, after, o, level, side
            )


@njit(**_OPTIONS)
def advance_full(
    m, crossing, heat, volts, blocks, total, rows, steps, every, first, o, sigma, keys, level, side, rk4, out
):
    """Like `advance`, with a voltage (`volts`, shape (lanes,)) and a temperature rise of each trajectory's own."""
    sums, traces = out
    for b in range(blocks[0], blocks[1]):
        lo = b * LANES
        mx, my, mz = m[0, lo : lo + LANES], m[1, lo : lo + LANES], m[2, lo : lo + LANES]
        cr, ht, vo = crossing[lo : lo + LANES], heat[lo : lo + LANES], volts[lo : lo + LANES]
        for r in range(steps // every):
            if rk4:
                _rk4_full(mx, my, mz, vo, ht, cr, rows, r * every, every, (first, lo), o, level, side)
            else:
                _heun_full(mx, my, mz, vo, ht, cr, rows, r * every, every, (first, lo), o, sigma, keys, level, side)
            _record(mx, my, mz, ht, o, side, min(LANES, total - lo), lo, sums[r, b], traces[r])


@njit(**_OPTIONS)
def derivative_full(m, rows, o, out):
    """Like `derivative`, at ambient temperature."""
    for j in range(m.shape[1]):
        v = 0.0
        for _ in range(10):
            f, g, h, v, _ = _full_slope(m[0, j], m[1, j], m[2, j], 0.0, 0.0, 0.0, full_row(rows, j), _hot(0.0, o), v, o)
            out[0, j], out[1, j], out[2, j] = f, g, h
