"""Transistor models out of SPICE libraries: sections, bins and expressions, reduced to plain numbers and kept."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import json
import math
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from compact.errors import TechnologyError
from compact.files import cache_dir
from compact.parameters import write_atomic
from compact.spicetext import logical_lines

__all__ = ["ASSIGNMENT", "Bin", "read_library", "spice_number"]

FORMAT = "spinbricks-models/1"
ASSIGNMENT = re.compile(r"""([a-z_]\w*)\s*=\s*('[^']*'|"[^"]*"|\{[^}]*\}|[^\s()]+)""")
"""Parameters and their values in a statement."""
_UNITS = {"t": 1e12, "g": 1e9, "meg": 1e6, "k": 1e3, "m": 1e-3, "u": 1e-6, "n": 1e-9, "p": 1e-12, "f": 1e-15}
_LITERAL = re.compile(r"(?<![\w.])(\d+\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?)(meg|[tgkmunpf])?(?![\w.])")


@dataclass(frozen=True)
class Bin:
    """One ``.model`` with the sizes it is meant for [m]."""

    name: str
    text: str
    lmin: float
    lmax: float
    wmin: float
    wmax: float

    def holds(self, w: float, ell: float) -> bool:
        """Whether a size lies in the bin, edges included; a size that is not a number lies in every bin."""
        slack = 1e-12
        return not (
            w < self.wmin - slack or w > self.wmax + slack or ell < self.lmin - slack or ell > self.lmax + slack
        )


def spice_number(text: str) -> float:
    """Value of a SPICE number; NaN where it is no plain one."""
    match = _LITERAL.match(text.lower())
    if not match:
        return math.nan
    return float(match[1]) * _UNITS.get(match[2] or "", 1.0)


@dataclass(frozen=True)
class _File:
    """A library file that was read: its hash and its statements."""

    digest: str
    statements: tuple[str, ...]


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _section(path: Path, section: str | None, files: dict[Path, _File]) -> Iterator[str]:
    """Statements of one section of a library, nested ones too; `files` collects what was read."""
    if path not in files:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise TechnologyError(f"cannot read SPICE library {path}: {error.strerror or error}") from None
        files[path] = _File(_digest(content), tuple(logical_lines(content.decode("utf-8", errors="replace"))))
    current, found = None, section is None
    for statement in files[path].statements:
        if statement[0] != ".":
            continue
        words = [word.strip("\"'") for word in statement.split(None, 3)]
        command = words[0].lower()
        if command == ".lib" and len(words) == 2:
            current = words[1].lower()
            found = found or current == section
        elif command == ".endl":
            current = None
        elif current != section:
            continue
        elif command == ".lib":
            yield from _section(path.parent / words[1], words[2].lower(), files)
        elif command in (".include", ".inc"):
            yield from _section(path.parent / words[1], None, files)
        else:
            yield statement
    if not found:
        raise TechnologyError(f"SPICE library {path} has no section '{section}'")


@lru_cache(maxsize=32)
def read_library(path: Path, sections: tuple[str, ...], models: tuple[str, ...]) -> dict[str, list[Bin]]:
    """Models of a library by device, all bins of each, from the cache if the library is still the same."""
    key = _digest(repr((FORMAT, path, sections, models)).encode())
    cached = cache_dir() / f"models-{key}.json"
    try:
        data = json.loads(cached.read_text(encoding="utf-8"))
        if all(_digest(Path(name).read_bytes()) == digest for name, digest in data["files"].items()):
            return {model: [Bin(*b) for b in bins] for model, bins in data["bins"].items()}
    except (OSError, ValueError, KeyError, TypeError):
        pass  # no cache yet, or not one of ours: derive it
    files: dict[Path, _File] = {}
    bins = _read_models(path, sections, models, files)
    data = {
        "files": {str(name): file.digest for name, file in files.items()},
        "bins": {model: [list(vars(b).values()) for b in of] for model, of in bins.items()},
    }
    with contextlib.suppress(OSError):  # a cache that cannot be written costs time only
        write_atomic(cached, json.dumps(data))
    return bins


def _read_models(
    path: Path, sections: Iterable[str], models: Iterable[str], files: dict[Path, _File]
) -> dict[str, list[Bin]]:
    wanted = {model.lower(): model for model in models}
    bins: dict[str, list[Bin]] = {model: [] for model in models}
    parameters: dict[str, str] = {}
    found: list[tuple[str, str]] = []
    inside = 0
    for section in sections:
        for statement in _section(path, section.lower(), files):
            command, _, rest = statement.partition(" ")
            command = command.lower()
            inside += (command == ".subckt") - (command == ".ends")
            if inside:
                continue
            if command == ".param":
                parameters.update(ASSIGNMENT.findall(rest.lower()))
            elif command == ".model":
                base, _, index = rest.split(None, 1)[0].lower().partition(".")
                if base in wanted and (not index or index.isdigit()):
                    found.append((wanted[base], rest.lower()))
    for model, rest in found:
        name, kind, values = (*rest.replace("(", " ( ").split(None, 2), "")[:3]
        try:
            numbers = {key: _fold(value, parameters) for key, value in ASSIGNMENT.findall(values)}
        except (ArithmeticError, ValueError, SyntaxError, RecursionError) as error:
            raise TechnologyError(
                f"model '{name}' of {path} cannot be reduced to numbers ({error}); set trim = false"
            ) from None
        if "paramchk" in numbers:
            numbers["paramchk"] = "0"  # its only effect is a report written into the working directory
        limits = [spice_number(numbers.get(key, "")) for key in ("lmin", "lmax", "wmin", "wmax")]
        lines, line = [], f".model {name} {kind}"
        for word in (f"{key}={value}" for key, value in numbers.items()):
            if len(line) + len(word) > 108:
                lines.append(line)
                line = "+"
            line += " " + word
        bins[model].append(Bin(name, "\n".join([*lines, line]), *limits))
    for model, of in bins.items():
        if not of:
            raise TechnologyError(f"SPICE library {path} has no model '{model}' in section {', '.join(sections)}")
    return bins


# ------------------------------------------------------------------------------------ expressions

_OPERATORS: dict[type[ast.AST], Callable[..., float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_FUNCTIONS: dict[str, Callable[..., float]] = {
    "abs": abs,
    "exp": math.exp,
    "log": math.log,
    "max": max,
    "min": min,
    "sqrt": math.sqrt,
}


def _fold(value: str, parameters: Mapping[str, str]) -> str:
    """A model's value as a plain number: literals stay as they are, expressions are worked out."""
    if _LITERAL.fullmatch(value.lstrip("+-")):
        return value
    return f"{_evaluate(value, parameters):.12g}"


def _evaluate(text: str, parameters: Mapping[str, str]) -> float:
    """Value of a SPICE parameter expression; ValueError names what is not understood."""
    source = _LITERAL.sub(lambda m: repr(spice_number(m[0])), text.strip("'\"{} ")).replace("^", "**")

    def value(node: ast.AST) -> float:
        match node:
            case ast.Expression(body=body):
                return value(body)
            case ast.Constant(value=int() | float() as number):
                return float(number)
            case ast.Name(id=name) if name in parameters:
                return _evaluate(parameters[name], parameters)
            case ast.Name(id=name):
                raise ValueError(f"no parameter '{name}'")
            case ast.UnaryOp(op=op, operand=operand) if type(op) in _OPERATORS:
                return _OPERATORS[type(op)](value(operand))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                return _OPERATORS[type(op)](value(left), value(right))
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _OPERATORS:
                return float(_OPERATORS[type(op)](value(left), value(right)))
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
                return float(_FUNCTIONS[name](*map(value, args)))
        raise ValueError(f"expression {text} is not understood")

    return value(ast.parse(source.strip(), mode="eval"))
