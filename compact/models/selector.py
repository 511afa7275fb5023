"""Selector of two terminals: an access device for crossbars whose current rises exponentially with either bias.

It is told by what a crossbar asks of it: the current it carries when its cell is selected, and how much less it
carries at half of that voltage. The law is that of a thin barrier or of thermal emission over a symmetric one,
i = (v_0/r_0) sinh(v/v_0), to whose chord resistance an ohmic one is added:

    i = v/[r_s + r_0 x/sinh(x)],   x = v/v_0,

so that the current is limited, smoothly, by r_s. x/sinh(x) falls with |x|, so the current rises with the voltage
everywhere. From i_on = i(v_on) and the selectivity i(v_on)/i(v_on/2), with r_t = v_on/i_on, follow exactly

    v_0 = v_on/(2 arcosh c),   c = (r_t selectivity/2 - r_s)/(r_t - r_s),   r_0 = (r_t - r_s) sinh(v_on/v_0) v_0/v_on.

Access devices and what arrays ask of them: G. W. Burr et al., J. Vac. Sci. Technol. B 32, 040802 (2014); sinh law of
barriers: J. G. Simmons, J. Appl. Phys. 34, 1793 (1963).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import sympy as sp

from compact.constants import BOLTZMANN, ELECTRON_CHARGE
from compact.errors import ParameterError
from compact.model import Current, Item, Let, Model, Output, Symbols, Terminal
from compact.parameters import Parameter

__all__ = ["Selector"]

ROUNDING = 1e-8
"""Square of the bias over v_0 below which x/sinh(x) is that at zero bias: it keeps the quotient from being 0/0."""
FAR = 300.0
"""Bias over v_0 beyond which the limit alone is left, to the last digit; there the sine ends before it overflows."""


class Selector(Model):
    """Two-terminal bipolar selector: sinh law with a smooth limit, symmetric in its terminals."""

    name = "selector"
    version = "1.0"
    title = "two-terminal bipolar selector, an access device for crossbars"
    citation = (
        "G. W. Burr et al., J. Vac. Sci. Technol. B 32, 040802 (2014); J. G. Simmons, J. Appl. Phys. 34, 1793 (1963)"
    )
    terminals = (
        Terminal("top", "one electrode; current flows from it to the other at a positive voltage between them"),
        Terminal("bottom", "the other electrode; the device is symmetric"),
    )
    declared_parameters = (
        Parameter("v_on", 0.5, "V", "voltage at which the selector counts as on", 1e-3, 1e3),
        Parameter("i_on", 20e-6, "A", "current at v_on, at t_nom", 1e-15, 10.0, spread=0.03),
        Parameter("selectivity", 1e3, "1", "current at v_on over that at half of it, at t_nom; 2 is ohmic", 2.01, 1e12),
        Parameter("r_s", 1e3, "Ohm", "resistance that limits the current, below v_on/i_on", 1e-3, 1e12),
        Parameter("e_a", 0.0, "V", "activation energy of the current below the limit, over the charge", 0, 3),
        Parameter("t_nom", 300.0, "K", "temperature at which the parameters hold", 1, 500),
        Parameter("scale", 1.0, "1", "area over that of the device on the card", 1e-6, 1e6, "instance"),
    )  # fmt: skip

    def check_values(self, values: Mapping[str, float]) -> None:
        """The limit must let the selector turn on."""
        if values["r_s"] * values["i_on"] >= values["v_on"]:
            raise ParameterError(
                f"r_s = {values['r_s']:g} Ohm must be below v_on/i_on = {values['v_on'] / values['i_on']:g} Ohm, or "
                "i_on does not flow at v_on"
            )

    def equations(self, q: Symbols) -> Iterator[Item]:
        """What follows from the figures of the card, and the current."""
        yield Let("r_t", q.v_on / q.i_on, "Ohm", "resistance at v_on")
        yield Let("gain", (q.r_t * q.selectivity / 2 - q.r_s) / (q.r_t - q.r_s), "1", "hyperbolic cosine of v_on/2/v_0")
        yield Let("slope", sp.sqrt(q.gain * q.gain - 1), "1", "hyperbolic sine of v_on/2/v_0")
        yield Let("x_on", 2 * sp.log(q.gain + q.slope), "1", "v_on over v_0")
        yield Let("v_0", q.v_on / q.x_on, "V", "voltage of the sinh law")
        heat = sp.exp(q.e_a * (ELECTRON_CHARGE / BOLTZMANN) * (1 / q.temperature - 1 / q.t_nom))
        yield Let("heat", heat, "1", "zero-bias resistance over its value at t_nom")
        rest = (q.r_t - q.r_s) * 2 * q.gain * q.slope / q.x_on
        yield Let("r_0", rest * q.heat / q.scale, "Ohm", "zero-bias resistance of the sinh law")
        yield Let("r_end", q.r_s / q.scale, "Ohm", "resistance that limits the current")

        yield Let("v", q.v_top_bottom, "V", "bias", node=True)
        x = q.v / q.v_0
        bounded = sp.Min(sp.sqrt(x * x + sp.Float(ROUNDING)), sp.Float(FAR))
        yield Let("x", bounded, "1", "magnitude of the bias over v_0")
        yield Let("r", q.r_end + q.r_0 * q.x / sp.sinh(q.x), "Ohm", "resistance at the bias")
        yield Let("i", q.v / q.r, "A", "current from top to bottom")
        yield Current("top", "bottom", q.i)
        yield Output("resistance", 1.0 * q.r, "Ohm", "resistance V/I")
