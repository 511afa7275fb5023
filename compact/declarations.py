"""What the equations of a model are made of: terminals, states, currents, rates, noise, and the names they may use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from compact.errors import ParameterError, unknown
from compact.parameters import Parameter

__all__ = [
    "AUTOMATIC",
    "BUILT_IN",
    "NOISE_PARAMETER",
    "RANDOM_PARAMETERS",
    "TEMPERATURE",
    "TIME",
    "TRACK_PARAMETER",
    "Current",
    "Equation",
    "Item",
    "Let",
    "Noise",
    "Output",
    "Rate",
    "State",
    "Static",
    "Symbols",
    "Terminal",
    "White",
    "slot_time",
]

TEMPERATURE = sp.Symbol("temperature", real=True)
TIME = sp.Symbol("time", real=True)
BUILT_IN = {
    "temperature": (TEMPERATURE, "K", "device temperature"),
    "time": (TIME, "s", "simulated time"),
}
NOISE_PARAMETER = Parameter("noise", 0, "1", "thermal noise in transients: 0 off, 1 on", 0, 1, integer=True)
RANDOM_PARAMETERS = (
    Parameter(
        "seed", 1, "1", "seed of the random numbers; give each instance its own", 0, 1e6, "instance", integer=True
    ),
    Parameter(
        "t_slot",
        0.0,
        "s",
        "time between two random numbers, 0 for one that suits the device; it bounds the time step",
        0.0,
        1e3,
        "instance",
    ),
)

TRACK_PARAMETER = Parameter(
    "track",
    0,
    "1",
    "1 in DC sweeps, where the state follows from the point before; 0: the initial state decides",
    0,
    1,
    integer=True,
)
"""Added to models whose operating point depends on it: Newton's first steps through a circuit may be wild, and only a
sweep, whose points lie close together, may let them decide the state."""

AUTOMATIC = {p.name for p in (NOISE_PARAMETER, *RANDOM_PARAMETERS, TRACK_PARAMETER)}


@dataclass(frozen=True)
class Terminal:
    """An electrical terminal.

    Parameters
    ----------
    name, description : str
        Name in netlists, and what it connects to, with its polarity.
    """

    name: str
    description: str


@dataclass(frozen=True)
class State:
    """An internal state, an extra node of the emitted model.

    Parameters
    ----------
    name, unit, description : str
        Name, SI unit and meaning; states are scaled to order one.
    time_scale : str
        Parameter or intermediate with the time [s] on which it moves; it conditions the node's equation.
    """

    name: str
    unit: str
    description: str
    time_scale: str


@dataclass(frozen=True)
class Let:
    """A named intermediate.

    Parameters
    ----------
    name : str
        Name, used in the emitted text.
    value : sympy.Expr
        Its value.
    unit, description : str
        SI unit and meaning.
    node : bool
        Whether it is worth a node of its own in a simulator that walks expression trees. It must then be of
        order one.
    """

    name: str
    value: sp.Expr
    unit: str
    description: str
    node: bool = False


@dataclass(frozen=True)
class Current:
    """Current from one terminal through the device to another [A]."""

    plus: str
    minus: str
    value: sp.Expr

    @property
    def name(self) -> str:
        """Name of the branch current, `i_plus_minus`."""
        return f"i_{self.plus}_{self.minus}"


@dataclass(frozen=True)
class Rate:
    """Time derivative of a state in transients [unit of the state per second]."""

    state: str
    value: sp.Expr


@dataclass(frozen=True)
class Static:
    """Value of a state in operating-point, DC and AC analyses, and at the start of a transient."""

    state: str
    value: sp.Expr


@dataclass(frozen=True)
class Noise:
    """Thermal noise on a state: `amplitude` times unit white noise is added to its rate (Stratonovich).

    `amplitude` has the state's unit per square root of a second; unit white noise has the autocorrelation
    delta(t).
    """

    state: str
    amplitude: sp.Expr


@dataclass(frozen=True)
class White:
    """Unit white noise of its own, used by later equations as `xi_name` [s^-0.5] (Stratonovich).

    The model must have a `Let` named `slot_time` before it; see the function of that name.
    """

    name: str
    description: str


@dataclass(frozen=True)
class Output:
    """An observable: computed from the others, visible to the user, without effect on the circuit."""

    name: str
    value: sp.Expr
    unit: str
    description: str


Equation = Let | Current | Rate | Static | Noise | Output
Item = Equation | White


def slot_time(q: Symbols, suitable: sp.Expr) -> Let:
    """The `Let` of the time between random numbers: what the instance says, or `suitable`."""
    return Let("slot_time", q.t_slot + (1 - sp.sign(q.t_slot)) * suitable, "s", "time between two random numbers")


class Symbols:
    """The names an equation may use: parameters, states, branch voltages `v_plus_minus`, earlier `Let`s."""

    def __init__(self, owner: str, names: Sequence[str]):
        self._owner = owner
        self._known = {name: sp.Symbol(name, real=True) for name in names} | {k: s for k, (s, *_) in BUILT_IN.items()}

    def __getattr__(self, name: str) -> sp.Symbol:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self._known[name]
        except KeyError:
            raise ParameterError(f"model {self._owner}: " + unknown("symbol", name, self._known)) from None

    def __contains__(self, name: str) -> bool:
        return name in self._known

    def _add(self, name: str) -> None:
        if name in self._known:
            raise ParameterError(f"model {self._owner}: '{name}' is declared twice")
        self._known[name] = sp.Symbol(name, real=True)
