"""SPICE text brought to one plain form: no unit letters, explicit source values, one line per element.

The same text is then read by every simulator, so that one circuit definition means the same in each of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

from compact.errors import CircuitError

__all__ = [
    "Scope",
    "Source",
    "inline_files",
    "logical_lines",
    "normalise",
    "number",
    "parse_scopes",
    "split_tokens",
]

_NUMBER = re.compile(
    r"(?P<probe>\b[vViI]\([^()]*\))|"  # what it names is no number
    r"(?<![\w.$#@:])(?P<value>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"
    r"(?![eE][-+]?\d)(?P<letters>[a-zA-Zµμ]+)(?![\w.(])"
)
_GROUPED = re.compile(r"[{}()'\"]")
_SCALES = {"t": 12, "g": 9, "k": 3, "m": -3, "u": -6, "µ": -6, "μ": -6, "n": -9, "p": -12, "f": -15, "a": -18}
# Number of node names that follow the element's name; X and N have any number, before the first `name=value`.
_NODES = {
    letter: count for count, letters in {0: "k", 2: "rclvibdfhw", 3: "qjz", 4: "egsmyo"}.items() for letter in letters
}
_MINIMUM = dict.fromkeys("rclvidbfhegm", 3) | {"v": 2, "i": 2, "m": 5, "x": 1}
_FUNCTIONS = ("pulse", "sin", "exp", "pwl", "sffm", "am", "trnoise", "trrandom")
# Cards that belong to a run and not to a circuit, and where they go instead.
_FOREIGN = {
    **dict.fromkeys((".tran", ".dc", ".ac", ".op", ".noise", ".tf", ".pz"), "give the analysis to run()"),
    **dict.fromkeys((".options", ".option", ".opt"), "use Netlist.options or run(options=...)"),
    **dict.fromkeys((".temp", ".save", ".print", ".plot", ".probe"), "use run(temperature=..., save=...)"),
    **dict.fromkeys((".meas", ".measure"), "measure on the waveforms instead"),
    **dict.fromkeys((".control", ".endc"), "simulator commands are not part of a circuit"),
}


def _plain(match: re.Match[str]) -> str:
    if match["probe"]:
        return match[0]
    letters = match["letters"]
    if letters == "A":  # one ampere, not one atto: the form in which units are written
        scale = 0
    elif letters.lower().startswith("meg"):
        scale = 6
    elif letters.lower().startswith("mil"):
        return f"{Decimal(match['value']) * Decimal('25.4e-6'):e}"
    else:
        scale = _SCALES.get(letters[0].lower(), 0)
    text = str(Decimal(match["value"]).scaleb(scale)).lower()
    return text.replace("e+", "e")


def number(text: str) -> float | None:
    """Value of a SPICE number such as ``1.5k`` or ``10ns``; None if the text is not one."""
    try:
        return float(_NUMBER.sub(_plain, text.strip()))
    except ValueError:
        return None


def logical_lines(text: str) -> list[str]:
    """Lines of a netlist without comments and with continuations joined."""
    lines: list[str] = []
    for raw in text.splitlines():
        line = re.split(r"(?:^|\s)\$\s|;|\s//", raw, maxsplit=1)[0].strip()
        if not line or line.startswith("*"):
            continue
        if line.startswith("+"):
            if not lines:
                raise CircuitError(f"netlist starts with a continuation line '{line}'")
            lines[-1] += " " + line[1:].strip()
        else:
            lines.append(line)
    return lines


def split_tokens(text: str) -> list[str]:
    """Words of a line; what stands in braces, quotes or parentheses is kept together, blanks around = go."""
    text = re.sub(r"\s*=\s*", "=", text)
    if not _GROUPED.search(text):
        return text.split()
    tokens, depth, quote, current = [], 0, "", ""
    for char in text:
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "{(":
            depth += 1
        elif char in "})":
            depth -= 1
        if char.isspace() and not depth and not quote:
            if current:
                tokens.append(current)
            current = ""
        else:
            current += char
    if depth or quote:
        raise CircuitError(f"unbalanced parentheses, braces or quotes in netlist line '{text}'")
    return [*tokens, current] if current else tokens


@dataclass(frozen=True)
class Source:
    """An independent source: DC value, AC drive and a function of time, all as text."""

    name: str
    plus: str
    minus: str
    dc: str = ""
    ac: tuple[str, ...] = ()
    function: str = ""
    arguments: tuple[str, ...] = ()
    tail: str = ""

    def text(self) -> str:
        """The SPICE line."""
        parts = [self.name, self.plus, self.minus, "dc", self.dc or "0"]
        if self.ac:
            parts += ["ac", *self.ac]
        if self.function:
            parts += [f"{self.function}({' '.join(self.arguments)})", *self.tail.split()]
        return " ".join(parts)


def _source(tokens: list[str], step: float) -> Source | None:
    """Read an independent source; None for kinds that only ngspice knows, which are left as they are."""
    line = " ".join(tokens[3:])
    line = re.sub(rf"(?i)\b({'|'.join(_FUNCTIONS)})\s*\(", r" \1(", line)
    words = split_tokens(line)
    dc, function, tail = "", "", ""
    ac: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    while words:
        word = words.pop(0)
        low = word.lower()
        head = low.split("(")[0]
        if low.startswith("dc=") or low.startswith("ac="):
            words[:0] = [word[:2], word[3:]]
        elif low == "dc" and words:
            dc = words.pop(0)
        elif low == "ac":
            while words and len(ac) < 2 and (number(words[0]) is not None or words[0][0] in "{'"):
                ac = (*ac, words.pop(0))
            ac = ac or ("1",)
        elif head in _FUNCTIONS:
            function = head
            body = word[len(head) :] or (words.pop(0) if words and words[0].startswith("(") else "")
            if body:
                arguments = tuple(split_tokens(body[1:-1].replace(",", " ")))
            else:  # the parentheses may be left out
                while words and words[0].lower() not in ("dc", "ac"):
                    arguments = (*arguments, words.pop(0))
        elif function == "pwl" and "=" in word:
            tail += f" {word}"
        elif not dc and (number(word) is not None or word[0] in "{'"):
            dc = word
        else:
            return None
    source = Source(tokens[0], tokens[1], tokens[2], dc, ac, function, arguments, tail)
    return _complete(source, step) if function else source


def _complete(source: Source, step: float) -> Source:
    """Make explicit what SPICE would fill in: pulse edges, and the DC value of a function of time."""
    arguments = list(source.arguments)
    if source.function == "pulse":
        if len(arguments) < 2:
            raise CircuitError(f"source '{source.name}': a pulse needs at least two values")
        arguments += ["0"] * (3 - len(arguments))
        arguments += [f"{step:.12g}"] * (5 - len(arguments))
        arguments[3:5] = [f"{step:.12g}" if number(edge) == 0 else edge for edge in arguments[3:5]]
        if len(arguments) == 8 and number(arguments[7]) == 0:
            arguments.pop()
    if source.function == "pwl":
        values = [number(a) for a in arguments if "=" not in a]
        times = values[::2]
        if len(values) < 2 or len(values) % 2 or None in times:
            raise CircuitError(f"source '{source.name}': a pwl needs pairs of a time and a value")
        if any(b <= a for a, b in pairwise(times)):  # type: ignore[operator]
            raise CircuitError(f"source '{source.name}': the times of a pwl must increase")
    start = {"pwl": 1}.get(source.function, 0)
    dc = source.dc or (arguments[start] if source.function not in ("trnoise", "trrandom") else "0")
    return replace(source, dc=dc, arguments=tuple(arguments))


def _element(line: str, step: float) -> str | Source:
    tokens = split_tokens(line)
    letter = tokens[0][0].lower()
    if len(tokens) <= _MINIMUM.get(letter, 0):
        raise CircuitError(f"netlist line '{line}' is too short: a node or a value is missing")
    if letter == "a":
        return line
    count = _NODES.get(letter)
    if letter in "eg" and any("=" in t or t.lower().startswith(("poly", "value")) for t in tokens[3:5]):
        count = 2
    if count is None:
        ends = (k for k, t in enumerate(tokens[1:]) if "=" in t or t.lower() == "params:")
        count = next(ends, len(tokens) - 1)
    head, tail = tokens[: count + 1], [_NUMBER.sub(_plain, t) for t in tokens[count + 1 :]]
    if letter in "vi":
        source = _source(head + tail, step)
        if source is not None:
            return source
    return " ".join(head + tail)


def _card(line: str) -> str:
    tokens = split_tokens(line)
    card = tokens[0].lower()
    if card in _FOREIGN:
        raise CircuitError(f"netlist line '{line}': {_FOREIGN[card]}")
    if card in (".include", ".inc", ".lib") and len(tokens) > 1 and (card != ".lib" or len(tokens) > 2):
        path = Path(tokens[1].strip("'\"")).expanduser().resolve()
        return " ".join([card, f'"{path}"', *tokens[2:]])
    keep = {".model": 3, ".subckt": len(tokens), ".ends": 2, ".global": len(tokens)}.get(card, 1)
    if card == ".subckt":
        keep = next((k for k, t in enumerate(tokens) if "=" in t), len(tokens))
    return " ".join(tokens[:keep] + [_NUMBER.sub(_plain, t) for t in tokens[keep:]])


def normalise(text: str, step: float = 1e-12) -> list[str | Source]:
    """Bring netlist text to its plain form.

    Parameters
    ----------
    text : str
        SPICE lines: elements, ``.subckt``, ``.model``, ``.param``, ``.include``, ``.lib``, ``.ic``,
        ``.nodeset``.
    step : float
        Rise and fall time [s] of pulses that give none (SPICE's rule: the step of the transient).

    Returns
    -------
    list of str or Source
        One entry per line; independent sources as records.

    Raises
    ------
    CircuitError
        On a line that cannot be an element, or a card that belongs to a run.
    """
    result: list[str | Source] = []
    depth: list[str] = []
    for line in logical_lines(text):
        card = line.split()[0].lower()
        if card in (".title", ".end"):
            continue
        if card == ".subckt":
            depth.append([*line.split(), ""][1])
        if card == ".ends":
            if not depth:
                raise CircuitError("netlist has an .ends without .subckt")
            result.append(f".ends {depth.pop()}")
        elif card.startswith("."):
            result.append(_card(line))
        elif card[0].isalpha():
            result.append(_element(line, step))
        else:
            raise CircuitError(f"netlist line '{line}' is not an element or a card")
    if depth:
        raise CircuitError(f"subcircuit '{depth[-1]}' has no .ends")
    return result


@dataclass
class Scope:
    """Names declared at one level of the hierarchy."""

    ports: tuple[str, ...] = ()
    nodes: set[str] = field(default_factory=set)
    sources: set[str] = field(default_factory=set)
    instances: dict[str, str] = field(default_factory=dict)


def parse_scopes(lines: list[str | Source]) -> dict[str, Scope]:
    """Names per subcircuit (lower case); the top level is ``""``."""
    scopes = {"": Scope()}
    stack = [""]
    for line in lines:
        tokens = split_tokens(line.text() if isinstance(line, Source) else line.lower())
        tokens = [t.lower() for t in tokens]
        scope, letter = scopes[stack[-1]], tokens[0][0]
        if tokens[0] == ".subckt":
            ports = tuple(t for t in tokens[2:] if "=" not in t and t != "params:")
            scopes[tokens[1]] = Scope(ports, set(ports))
            stack.append(tokens[1])
        elif tokens[0] == ".ends":
            stack.pop()
        elif letter == "x":
            words = [t for t in tokens[1:] if "=" not in t and t != "params:"]
            scope.instances[tokens[0]] = words[-1]
            scope.nodes.update(words[:-1])
        elif letter in _NODES:
            scope.nodes.update(tokens[1 : _NODES[letter] + 1] if letter not in "eg" else tokens[1:3])
            if letter in "vil":
                scope.sources.add(tokens[0])
    return scopes


def inline_files(lines: list[str], depth: int = 0) -> list[str]:
    """Lines with ``.include`` files and ``.lib`` sections put in their place.

    Raises
    ------
    CircuitError
        If a file or a section is missing.
    """
    result = []
    for line in lines:
        words = split_tokens(line) if line.lower().startswith((".inc", ".lib")) else []
        if len(words) < 2 or (words[0].lower() == ".lib" and len(words) < 3):
            result.append(line)
            continue
        if depth > 20:
            raise CircuitError(f"'{line}' includes itself")
        path = Path(words[1].strip("\"'"))
        try:
            inner = logical_lines(path.read_text(encoding="utf-8", errors="replace"))
        except OSError as error:
            raise CircuitError(f"cannot read '{path}': {error.strerror or error}") from None
        if len(words) > 2:
            inner = _section(inner, words[2], path)
        inner = [_relative(text, path.parent) for text in inner]
        result += [f"* from {path.name}", *inline_files(inner, depth + 1)]
    return result


def _section(lines: list[str], name: str, path: Path) -> list[str]:
    inside, found, result = False, False, []
    for line in lines:
        words = line.split()
        if words[0].lower() == ".lib" and len(words) == 2:
            inside = words[1].lower() == name.lower()
            found = found or inside
        elif words[0].lower() == ".endl":
            inside = False
        elif inside:
            result.append(line)
    if not found:
        raise CircuitError(f"library '{path}' has no section '{name}'")
    return result


def _relative(line: str, folder: Path) -> str:
    words = line.split()
    if words[0].lower() in (".include", ".inc") or (words[0].lower() == ".lib" and len(words) > 2):
        words[1] = f'"{folder / words[1].strip(chr(34) + chr(39))}"'
        return " ".join(words)
    return line
