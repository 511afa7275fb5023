"""Junction of many small domains: gradual switching as a distribution of switching currents, a behavioural memristor.

The domains conduct in parallel. They are sorted by how hard they switch into classes of equal area; class k switches at
the quantile x_k of a distribution with a median, a width and a skew for each direction (the generalised normal one of
J. R. M. Hosking and J. R. Wallis, Regional Frequency Analysis, Cambridge (1997), appendix A.8). Its mean cosine z_k
follows from the populations of its two states, which thermal activation exchanges,

    dz_k/dt = (1 - z_k) r_ap2p - (1 + z_k) r_p2ap,   r = (1/tau_0) exp[-delta x_k^n (1 - i/(ic x_k))^b],

as in a Preisach model whose elements relax: the state never leaves its two branches, minor loops close, pulses switch
the more the longer and the more numerous they are, and retention follows delta. The current that acts on a domain is
that through itself: what the whole junction would carry, were all of it in the state that the domain is in. Hard
domains are hard both ways. Switching is smooth, by thermal rounding, where delta width is less than the number of
classes; beyond that, and at the very ends of a loop, the classes show as steps. A DC sweep has no time of its own: in
it a class turns over, as a whole, at the point whose time `t_point` is one dose. That is meant for sweeps of the
voltage: at a given current domains that turn antiparallel drive the others, how many of them turn over at one point
then depends on the solver, and a slow ramp in a transient is the way.

Relaxing elements: Y. Estrin et al., J. Phys.: Condens. Matter 1, 4845 (1989); rates: W. F. Brown, Phys. Rev. 130, 1677
(1963), b = 2; many-domain synapses: S. Lequeux et al., Sci. Rep. 6, 31510 (2016).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from statistics import NormalDist
from typing import ClassVar

import sympy as sp

from compact.errors import ParameterError
from compact.model import Item, Let, Model, Output, Rate, State, Static, Symbols
from compact.models.conduction import AREA, CONDUCTION, TERMINALS, check_conduction, conduction, temperature_and_area
from compact.parameters import Parameter

__all__ = ["CLASSES", "DIRECTIONS", "EASIEST", "Multidomain", "switching_scale"]

CLASSES = 12
"""Classes of domains."""
DIRECTIONS = ("ap2p", "p2ap")
RANKS = tuple(NormalDist().inv_cdf((k + 0.5) / CLASSES) for k in range(CLASSES))
"""Quantiles of the normal distribution at the centres of the classes."""
EASIEST = 0.05
"""Least switching current over the median."""
STEEP, FIRST = 1e3, 0.01
"""In DC sweeps, the weight of a class's own state, and of the initial one in it."""
EDGE = 1e-9
"""What remains of the barrier's factor beyond the critical current, so that its logarithm exists."""
SETTLE = math.exp(10)
"""Time unit of the states over the attempt time: between the nanoseconds and the seconds in which domains switch, so
that the currents at the nodes of the states are neither tiny nor huge."""


def switching_scale(width: sp.Expr, skew: sp.Expr, rank: float) -> sp.Expr:
    """Switching current over its median of the domains at a rank (quantile of the standard normal distribution).

    1 + width (1 - exp(-skew y))/skew, written so that it holds at skew = 0 too.
    """
    y = sp.Float(rank)
    half = sp.sqrt((skew * y / 2) ** 2 + sp.Float(1e-8))
    shape = (sp.exp(half) - sp.exp(-half)) / (2 * half)
    return 1 + width * y * sp.exp(-skew * y / 2) * shape


class Multidomain(Model):
    """Two-terminal junction of many domains with a distribution of switching currents."""

    name = "multidomain"
    version = "1.0"
    title = "many-domain magnetic tunnel junction, a memristor with gradual loops"
    citation = (
        "Y. Estrin et al., J. Phys.: Condens. Matter 1, 4845 (1989); W. F. Brown, Phys. Rev. 130, 1677 (1963); "
        "S. Lequeux et al., Sci. Rep. 6, 31510 (2016)"
    )
    terminals = TERMINALS
    oscillates = False
    # At the edge of a pulse the rate of a class grows many times within one step. What an integrator allows itself by
    # default there lets the trapezoidal rule overshoot a branch by a percent (ngspice), and what the solver allows
    # itself against the largest current so far leaves as much of a small one (VACASK).
    options: ClassVar[Mapping[str, float | str]] = {"ngspice:trtol": 1.0, "vacask:relrefsol": "pointlocal"}
    declared_parameters = (
        *CONDUCTION,
        Parameter("ic_p2ap", 50e-6, "A",
                  "median critical current from parallel to antiparallel (a magnitude), of the parallel junction",
                  1e-12, 10.0, spread=-0.03),
        Parameter("ic_ap2p", 50e-6, "A",
                  "median critical current from antiparallel to parallel (a magnitude), of the antiparallel junction",
                  1e-12, 10.0, spread=-0.03),
        Parameter("width_p2ap", 0.1, "1", "width of the distribution of ic_p2ap over its median", 1e-4, 2),
        Parameter("width_ap2p", 0.1, "1", "width of the distribution of ic_ap2p over its median", 1e-4, 2),
        Parameter("skew_p2ap", -0.3, "1", "skew of that of ic_p2ap: negative for a sharp onset and a long tail", -3, 3),
        Parameter("skew_ap2p", -0.3, "1", "skew of that of ic_ap2p: negative for a sharp onset and a long tail", -3, 3),
        Parameter("delta", 60.0, "1", "energy barrier of the median domain over kT at t_nom, without bias", 1, 1e4,
                  spread=-0.03),
        Parameter("barrier_power", 1.0, "1", "power n of the barrier's growth with the switching current of a domain: "
                  "0 one barrier for all, 1 hard domains have high ones", 0, 2),
        Parameter("exponent", 2.0, "1", "power of the barrier's fall with current: 2 perpendicular, 1 in plane", 1, 2),
        Parameter("tau_0", 1e-9, "s", "attempt time", 1e-13, 1e-3),
        Parameter("h_bias", 0.0, "1", "stray field over the switching field, positive towards parallel", -0.99, 0.99),
        Parameter("k_exponent", 2.18, "1", "power of the magnetisation that the energy barrier follows", 0, 10),
        *AREA,
        Parameter("state", 1.0, "1", "initial mean cosine: 1 parallel, -1 antiparallel; in between the easiest "
                  "domains are parallel", -1, 1, "instance"),
        Parameter("t_point", 1e-3, "s", "time that a DC sweep stays at each of its points", 1e-12, 1e6, "instance"),
    )  # fmt: skip
    states = tuple(State(f"z{k}", "1", f"mean cosine of the domains of class {k}", "settle") for k in range(CLASSES))

    def check_values(self, values: Mapping[str, float]) -> None:
        """Conduction as everywhere; the easiest domains must need a current."""
        check_conduction(values)
        for way in DIRECTIONS:
            width, skew = values[f"width_{way}"], values[f"skew_{way}"]
            least = float(self.evaluate(f"x0_{way}", values))
            if least < EASIEST:
                raise ParameterError(
                    f"width_{way} = {width:g} with skew_{way} = {skew:g}: the easiest domains would switch at "
                    f"{least:.2g} of the median current, at least {EASIEST:g} is allowed; narrow the distribution or "
                    f"make the skew more negative"
                )

    def equations(self, q: Symbols) -> Iterator[Item]:
        """Conduction, the drive on the domains of either state, and the balance of each class."""
        yield from temperature_and_area(q)
        barrier = sp.exp(q.k_exponent * sp.log(q.m_t))
        yield Let("barrier_t", barrier, "1", "energy barrier per area over its value at t_nom")
        # The domains stay as large as they are in a larger junction; there are more of them.
        yield Let("delta_t", q.delta * q.barrier_t * q.t_nom / q.temperature, "1", "barrier of the median domain")
        yield Let("ic_t", q.area * q.barrier_t / q.m_t, "1", "critical currents over those of the card")
        yield Let("settle", SETTLE * q.tau_0, "s", "time unit of the states")

        z = [getattr(q, s.name) for s in self.states]
        yield Let("mean", sp.Add(*z) / CLASSES, "1", "mean of the states", node=True)
        # The equations keep it within +-1; where an integrator overshoots, the junction stays on its branch.
        bounded = (sp.Abs(q.mean + 1) - sp.Abs(q.mean - 1)) / 2
        yield Let("cosine", bounded, "1", "mean cosine of all domains", node=True)
        yield from conduction(q, q.cosine)
        i_ap = q.rise * (q.v - q.tmr_t * q.v * q.fall) / q.r_p_t
        yield Let("drive_ap2p", i_ap / (q.ic_ap2p * q.ic_t) + q.h_bias, "1", "drive on antiparallel domains", node=True)
        i_p = q.rise * q.v / q.r_p_t
        yield Let("drive_p2ap", -i_p / (q.ic_p2ap * q.ic_t) - q.h_bias, "1", "drive on parallel domains", node=True)

        for k, rank in enumerate(RANKS):
            for way, start in zip(DIRECTIONS, ("antiparallel", "parallel"), strict=True):
                scale = switching_scale(getattr(q, f"width_{way}"), getattr(q, f"skew_{way}"), rank)
                yield Let(f"x{k}_{way}", scale, "1", f"class {k}: switching current over the median, {way}")
                x = getattr(q, f"x{k}_{way}")
                height = q.delta_t * sp.exp(q.barrier_power * sp.log(x))
                yield Let(f"barrier{k}_{way}", height, "1", f"class {k}: barrier over kT without bias, {way}")
                room = 1 - getattr(q, f"drive_{way}") / x
                left = (room + sp.Abs(room)) / 2 + EDGE
                fall = sp.exp(-getattr(q, f"barrier{k}_{way}") * sp.exp(q.exponent * sp.log(left)))
                yield Let(f"rate{k}_{way}", fall / q.tau_0, "1/s", f"rate at which {start} domains of class {k} switch")
            up, down = (getattr(q, f"rate{k}_{way}") for way in DIRECTIONS)
            # Nodes of their own, so that no simulator multiplies the rates out; without a factor of a half, which the
            # Verilog-A compiler gets wrong together with the 2 that it would need below.
            yield Let(f"p{k}", 1 + z[k], "1", f"twice the parallel fraction of class {k}", node=True)
            yield Let(f"ap{k}", 1 - z[k], "1", f"twice the antiparallel fraction of class {k}", node=True)
            yield Rate(f"z{k}", getattr(q, f"ap{k}") * up - getattr(q, f"p{k}") * down)
            # The classes below the initial parallel fraction are parallel; |x + 1| - |x - 1| cuts off at +-1.
            place = CLASSES * (1 + q.state) - 2 * k - 1
            begin = (sp.Abs(place + 1) - sp.Abs(place - 1)) / 2
            # In DC sweeps a class stays as it is until the dose of a point reaches one, which turns it over; its own
            # value, far beyond +-1, is what makes it stay, and a trace of the initial state tells the first point.
            push = STEEP * (z[k] + FIRST * begin + q.t_point * up - q.t_point * down)
            held = push / sp.sqrt(1 + push * push)
            yield Static(f"z{k}", (1 - q.track) * begin + q.track * held)

        yield Output("parallel_fraction", (1 + q.cosine) / 2, "1", "fraction of the area that is parallel")
