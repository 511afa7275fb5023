"""From SymPy expressions to the text of a target language."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import sympy as sp
from sympy.printing.codeprinter import CodePrinter
from sympy.printing.precedence import PRECEDENCE, precedence

from compact.errors import EmitError
from compact.symbolic import Remainder, SmoothPositive

__all__ = ["NgspicePrinter", "TargetPrinter", "VerilogAPrinter", "number"]


def number(value: float) -> str:
    """Shortest text that reads back as the same double, always with a point or an exponent."""
    text = repr(float(value))
    if not math.isfinite(float(value)):
        raise EmitError(f"{text} cannot be written as a number")
    return text


def _bracketed(text: str) -> bool:
    """Whether the first bracket of a text closes at its end."""
    depth = 0
    for position, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return character == ")" and position == len(text) - 1
    return False


class TargetPrinter(CodePrinter):
    """Common ground of the printers: numbers, powers as products, checked names and functions.

    Parameters
    ----------
    model : str
        Name of the model, for error messages.
    names : mapping of str to str
        Text of every symbol that may occur.
    """

    target = ""
    functions: Mapping[str, str] = {}
    printmethod = "_spinbricks"

    def __init__(self, model: str, names: Mapping[str, str]):
        super().__init__({"allow_unknown_functions": True})
        self._model = model
        self._names = names

    def text(self, expression: sp.Expr) -> str:
        """Text of an expression.

        Raises
        ------
        EmitError
            If it holds a symbol or function that the target does not know; the message names it.
        """
        return self._print(sp.sympify(expression))

    def _fail(self, what: str) -> EmitError:
        return EmitError(f"model {self._model}: {what} cannot be written for {self.target}")

    def _print_not_supported(self, expr: Any) -> str:
        raise self._fail(f"'{expr}'")

    emptyPrinter = _print_not_supported

    def parenthesize(self, item: Any, level: int, strict: bool = False) -> str:
        """Text of an operand, in brackets where its precedence asks for them and it has none."""
        text = self._print(item)
        weak = precedence(item) < level or (not strict and precedence(item) <= level)
        if (item.is_Rational and item >= 0) or not weak or _bracketed(text):
            return text
        return f"({text})"

    def _print_Symbol(self, expr: sp.Symbol) -> str:
        if expr.name not in self._names:
            raise self._fail(f"symbol '{expr.name}'")
        return self._names[expr.name]

    def _print_Integer(self, expr: sp.Integer) -> str:
        return number(expr)

    def _print_Float(self, expr: sp.Float) -> str:
        return number(expr)

    def _print_Rational(self, expr: sp.Rational) -> str:
        return number(expr)

    def _print_NumberSymbol(self, expr: sp.NumberSymbol) -> str:
        return number(expr)

    def _print_Pow(self, expr: sp.Pow) -> str:
        base, exponent = expr.as_base_exp()
        if exponent == sp.Rational(1, 2):
            return f"sqrt({self._print(base)})"
        if exponent.is_Rational and exponent < 0:
            return f"1.0/{self.parenthesize(sp.Pow(base, -exponent), PRECEDENCE['Pow'])}"
        text = self.parenthesize(base, PRECEDENCE["Pow"])
        if exponent.is_Integer and exponent <= 8:
            return "(" + "*".join([text] * int(exponent)) + ")"
        if (2 * exponent).is_Integer and exponent <= 8:
            whole = "*".join([text] * int(exponent))
            return f"({whole}*sqrt({self._print(base)}))"
        raise self._fail(f"power '{expr}'")

    def _print_Mul(self, expr: sp.Mul) -> str:
        top, bottom = [], []
        for factor in expr.as_ordered_factors():
            base, exponent = factor.as_base_exp()
            if exponent.is_Rational and exponent < 0:
                bottom.append(sp.Pow(base, -exponent))
            else:
                top.append(factor)
        sign = ""
        if top and top[0].is_number and top[0] < 0:
            sign = "-"
            top = top[1:] if top[0] == -1 else [-top[0], *top[1:]]
        level = precedence(expr)
        above = "*".join(self.parenthesize(f, level) for f in top) or "1.0"
        if not bottom:
            return sign + above
        below = "*".join(self.parenthesize(f, PRECEDENCE["Pow"]) for f in bottom)
        return f"{sign}{above}/({below})" if len(bottom) > 1 else f"{sign}{above}/{below}"

    def _print_Function(self, expr: sp.Function) -> str:
        name = expr.func.__name__
        if name not in self.functions:
            raise self._fail(f"function '{name}'")
        return f"{self.functions[name]}({', '.join(self._print(a) for a in expr.args)})"

    _print_Max = _print_Min = _print_Function  # SymPy has printers of its own for these

    def _print_Remainder(self, expr: Remainder) -> str:
        x, n = map(self._print, expr.args)
        return f"({x} - {n}*floor(({x})/{n}))"

    def _print_SmoothPositive(self, expr: SmoothPositive) -> str:
        x = self._print(expr.args[0])
        squared = number(expr.args[1] ** 2)
        return f"(0.5*({x} + sqrt(({x})*({x}) + {squared})) + {squared})"


COMMON = {f: f for f in ("sqrt", "exp", "sin", "cos", "tan", "sinh", "cosh", "tanh", "acos", "atan", "floor")}


class VerilogAPrinter(TargetPrinter):
    """Verilog-A as OpenVAF takes it; exponentials are limited so that nothing overflows."""

    target = "Verilog-A"
    functions = COMMON | {"exp": "limexp", "log": "ln", "Abs": "abs", "Max": "max", "Min": "min"}

    def _print_sign(self, expr: sp.sign) -> str:
        inner = self._print(expr.args[0])
        return f"({inner} > 0.0 ? 1.0 : ({inner} < 0.0 ? -1.0 : 0.0))"


class _Ramp(sp.Function):
    """The larger of the argument and zero."""

    nargs = 1


class NgspicePrinter(TargetPrinter):
    """Expressions of ngspice's B sources and `.param` lines.

    Each node of an expression costs time at every step, and so does each one of its derivatives: the smooth
    maximum is written as a plain one (they differ by less than half its width).
    """

    target = "ngspice"
    functions = COMMON | {"log": "ln", "Abs": "abs", "sign": "sgn", "Max": "max", "Min": "min"}

    def text(self, expression: sp.Expr) -> str:
        """Text of an expression."""
        return super().text(self._ramped(sp.sympify(expression)))

    def _ramped(self, expr: sp.Expr) -> sp.Expr:
        """Smooth maxima as plain ramps, except in roots, quotients and functions, which might not bear a zero."""
        if isinstance(expr, SmoothPositive):
            return _Ramp(self._ramped(expr.args[0]))
        if expr.is_Add or expr.is_Mul or (expr.is_Pow and expr.exp.is_Integer and expr.exp > 0):
            return expr.func(*(self._ramped(a) for a in expr.args), evaluate=False)
        return expr

    def _as_ordered_terms(self, expr: sp.Add, order: str | None = None) -> list[sp.Expr]:
        """Terms to be taken away come last: a leading minus is an operation of its own."""
        return sorted(super()._as_ordered_terms(expr, order), key=lambda t: t.could_extract_minus_sign())

    def _print__Ramp(self, expr: _Ramp) -> str:
        return f"uramp({self._print(expr.args[0])})"

    def _print_SmoothPositive(self, expr: SmoothPositive) -> str:
        x, width = expr.args
        return f"max({self._print(x)}, {number(width / 2)})"
