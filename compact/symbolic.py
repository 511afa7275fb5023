"""Symbolic pieces of model equations: smooth functions, exact remainders, random numbers as functions of an index."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import sympy as sp

if TYPE_CHECKING:
    from compact.declarations import Symbols

__all__ = ["Remainder", "SmoothPositive", "in_steps", "normal_number", "smooth_positive", "uniform_number"]

# Phases advance by multiples of 2 pi times badly approximable numbers, so that no two of the slots, seeds,
# terms and states of a run come near each other on the circle; the gains then make neighbours independent.
HASH_GAINS = 1e4, 1e5
TURN = 10**8
TURN_SLOT, TURN_SEED, TURN_STATE = (
    round(TURN * x) for x in ((math.sqrt(5) - 1) / 2, math.sqrt(2) - 1, (math.sqrt(13) - 3) / 2)
)
"""Steps of the phase, in parts of a turn: whole numbers, so that their sums are exact."""
HASH_TERM = round(2 * math.pi * (math.sqrt(3) - 1), 9)  # ngspice keeps eleven digits of a number in a source
HASH_TERMS = 4


class SmoothPositive(sp.Function):
    """Smooth replacement of max(x, 0): (x + sqrt(x^2 + width^2))/2 + width^2, off by width/2 at x = 0."""

    nargs = 2

    def rewritten(self) -> sp.Expr:
        """The expression itself."""
        x, width = self.args
        return (x + sp.sqrt(x**2 + width**2)) / 2 + width**2

    def _eval_is_real(self) -> bool:
        return True

    def _numpycode(self, printer: Any, **settings: Any) -> str:
        return f"({printer._print(self.rewritten())})"


class Remainder(sp.Function):
    """Remainder x - n floor(x/n) in one piece: SymPy would spread factors over its terms, and rounding with them."""

    nargs = 2

    def _eval_is_real(self) -> bool:
        return True

    def _numpycode(self, printer: Any, **settings: Any) -> str:
        x, n = (printer._print(a) for a in self.args)
        return f"(({x}) - {n}*floor(({x})/{n}))"


def smooth_positive(x: sp.Expr, width: float = 1e-6) -> sp.Expr:
    """Smooth replacement of max(x, 0) that is positive everywhere, and `width`/2 at x = 0."""
    return SmoothPositive(x, sp.Float(width))


def uniform_number(q: Symbols, index: sp.Expr, stream: int = 0) -> sp.Expr:
    """A number uniform in [0, 1] that `index`, the seed and the stream determine, independent of all others."""
    # Not asin: the Verilog-A compiler takes asin(sin(x)) for x, wherever x may be.
    return sp.acos(_scrambled(_phase(q, index, stream))) / sp.pi


def normal_number(q: Symbols, index: sp.Expr, stream: int = 0) -> sp.Expr:
    """A number of mean 0 and variance 1, close to normal: the sum of four sines of a fast-turning phase."""
    phase = _phase(q, index, stream)
    terms = [_scrambled(phase + HASH_TERM * m) for m in range(HASH_TERMS)]
    return sp.Add(*terms) * math.sqrt(2 / HASH_TERMS)


def _phase(q: Symbols, index: sp.Expr, stream: int) -> sp.Expr:
    """Phase on the circle that `index`, the seed and the stream determine.

    Whole turns are dropped in integers, so that every simulator does it exactly: each reduces a large phase in its own
    way, and a difference of 1e-12 in it makes another number.
    """
    steps = TURN_SLOT * index + TURN_SEED * q.seed + TURN_STATE * sp.Integer(stream)
    return sp.Float(round(2 * math.pi, 9) / TURN) * Remainder(steps, TURN)


def _scrambled(phase: sp.Expr) -> sp.Expr:
    """Sine of a phase that turns many times while `phase` moves little: a number in [-1, 1] of variance 1/2."""
    value = sp.sin(phase)
    for gain in HASH_GAINS:
        value = sp.sin(sp.Float(gain) * value)
    return value


def in_steps(
    lets: dict[str, sp.Expr], results: Sequence[sp.Expr]
) -> tuple[list[tuple[sp.Symbol, sp.Expr]], list[sp.Expr]]:
    """Straight-line code of some results: assignments in order, and the results in their terms.

    Named intermediates stay assignments, because written out in each other they grow beyond what SymPy finds its way
    through in seconds.

    Parameters
    ----------
    lets : dict of str to sympy.Expr
        Named intermediates in the order of their definition; those that no result needs are left out.
    results : sequence of sympy.Expr
        What is to be computed.

    Returns
    -------
    list of (sympy.Symbol, sympy.Expr)
        Assignments; pieces that several of them share have names of their own.
    list of sympy.Expr
        The results.
    """
    needed = {s.name for e in results for s in e.free_symbols}
    chosen: list[tuple[sp.Symbol, sp.Expr]] = []
    for name, value in reversed(lets.items()):
        if name in needed:
            needed |= {s.name for s in value.free_symbols}
            chosen.insert(0, (sp.Symbol(name, real=True), value))
    every = [value for _, value in chosen] + list(results)
    shared, reduced = sp.cse(every, symbols=sp.numbered_symbols("shared_", real=True))
    pieces = dict(shared)
    steps: list[tuple[sp.Symbol, sp.Expr]] = []

    def prepare(expression: sp.Expr) -> None:
        for symbol in sorted(expression.free_symbols & pieces.keys(), key=lambda s: s.name):
            if symbol in pieces:
                piece = pieces.pop(symbol)
                prepare(piece)
                steps.append((symbol, piece))

    for k, expression in enumerate(reduced):
        prepare(expression)
        if k < len(chosen):
            steps.append((chosen[k][0], expression))
    return steps, reduced[len(chosen) :]
