"""Single transistors and junctions of a netlist made different from the others of their kind.

Elements are named by their path, as simulators do: ``xbit0.mn`` is the element ``mn`` in the subcircuit that ``xbit0``
calls. What differs is written out as literals: the subcircuits on the way to such an element are copied.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from compact.errors import CircuitError, TechnologyError, unknown
from compact.spicetext import Source, number, split_tokens

if TYPE_CHECKING:
    from compact.netlist import Netlist
    from compact.technology import Device, Technology

__all__ = [
    "Placed",
    "alterations",
    "junction_paths",
    "raise_threshold",
    "rename_subckt",
    "specialise",
    "transistor_paths",
]

Line = str | Source
Edit = Callable[[str], list[str]]


@dataclass(frozen=True)
class Placed:
    """A transistor in a circuit.

    Parameters
    ----------
    kind : str
        "nmos", "pmos", "nmos_io" or "pmos_io".
    width, length : float
        Total drawn width, of all fingers and parallel copies, and drawn length [m].
    sigma : float
        Standard deviation of its threshold by mismatch [V]; 0 where the technology gives no coefficient.
    """

    kind: str
    width: float
    length: float
    sigma: float


def raise_threshold(technology: Technology, line: str, rise: float) -> list[str]:
    """A transistor line with the magnitude of its threshold voltage raised: a weaker transistor of either polarity.

    Models called as elements get the instance parameter ``delvto`` of BSIM3 and BSIM4, transistors called as
    subcircuits a source in series with the gate.

    Parameters
    ----------
    technology : Technology
        Whose transistor it is.
    line : str
        The line, as `Technology.transistor` writes it.
    rise : float
        By how much [V].

    Returns
    -------
    list of str
        One or two lines.

    Raises
    ------
    TechnologyError
        If the line is no transistor of that technology.
    """
    words = split_tokens(line)
    signed = _signed(technology, words, rise)
    if technology.element == "M":
        words = [word for word in words if not word.lower().startswith("delvto=")]
        return [" ".join([*words, f"delvto={signed!r}"])]
    name, gate = words[0], words[2]
    words[2] = f"{name}__g"
    return [" ".join(words), f"V{name}__g {gate} {name}__g dc {signed!r}"]


def alterations(netlist: Netlist, typical: list[Line]) -> list[tuple[str, float]] | None:
    """What a simulator that has the typical circuit loaded must alter to have this one.

    Parameters
    ----------
    netlist : Netlist
        With its mismatch.
    typical : list of str or Source
        Its lines without.

    Returns
    -------
    list of (str, float), or None
        Flat names of transistors, as in ``m.xbit0.mn``, with their ``delvto`` [V]; None where transistors are no
        elements of a compiled model, so that nothing of them can be altered.

    Raises
    ------
    CircuitError
        If there is no element of such a path.
    """
    technology = netlist.technology
    if technology is None or technology.element != "M":
        return None
    elements = dict(_elements(typical))
    found = []
    for path, rise in netlist.mismatch.items():
        if path not in elements:
            raise CircuitError(unknown("element", path, elements))
        if not math.isfinite(rise):
            raise CircuitError(f"mismatch of '{path}' is {rise} V, not a finite number")
        flat = f"m.{path}" if "." in path else path
        found.append((flat, _signed(technology, split_tokens(elements[path]), rise)))
    return found


def rename_subckt(name: str) -> Edit:
    """An edit that makes an instance call another subcircuit."""

    def edit(line: str) -> list[str]:
        words = split_tokens(line)
        words[_called(words)] = name
        return [" ".join(words)]

    return edit


def specialise(lines: list[Line], edits: Mapping[str, Edit]) -> list[Line]:
    """Lines of a circuit in which single elements are edited; subcircuits on the way to them are copied.

    Parameters
    ----------
    lines : list of str or Source
        The circuit, as `Netlist.lines` gives it.
    edits : mapping of str to callable
        By the path of an element, what makes its new lines of its old one.

    Raises
    ------
    CircuitError
        If there is no element of such a path, with the nearest match.
    """
    top, bodies = _split(lines)
    made: dict[str, list[Line]] = {}

    def edited(scope: list[Line], wanted: Mapping[str, Edit], where: str) -> list[Line]:
        here: dict[str, Edit] = {}
        below: dict[str, dict[str, Edit]] = defaultdict(dict)
        for path, edit in wanted.items():
            head, _, rest = path.partition(".")
            if rest:
                below[head][rest] = edit
            else:
                here[head] = edit
        result: list[Line] = []
        for line in scope:
            words = line.split() if isinstance(line, str) else [line.name]
            name = words[0].lower()
            if name in below and isinstance(line, str):
                words = split_tokens(line)
                called = words[_called(words)].lower() if name[0] == "x" else ""
                if called not in bodies:
                    raise CircuitError(f"'{where}{name}' is no instance of a subcircuit of this circuit")
                header, *body = bodies[called]
                copy = f"{called}__{len(made) + 1}"
                made[copy] = []  # its number is taken
                head_words = str(header).split()
                head_words[1] = copy
                made[copy] = [
                    " ".join(head_words),
                    *edited(body[:-1], below.pop(name), f"{where}{name}."),
                    f".ends {copy}",
                ]
                words[_called(words)] = copy
                line = " ".join(words)
            if name in here:
                if not isinstance(line, str):
                    raise CircuitError(f"'{where}{name}' is a source, which has no such parameter")
                result += here.pop(name)(line)
            else:
                result.append(line)
        for left in (*here, *below):
            names = [line.split()[0].lower() if isinstance(line, str) else line.name for line in scope]
            known = [where + name for name in names if name[0] != "."]
            raise CircuitError(unknown("element", where + left, known))
        return result

    wanted = {path.lower(): edit for path, edit in edits.items()}
    rest = edited(top, wanted, "")
    originals = [line for body in bodies.values() for line in body]
    return [*originals, *(line for body in made.values() for line in body), *rest]


def transistor_paths(netlist: Netlist) -> dict[str, Placed]:
    """All transistors of a circuit by path, in order.

    Raises
    ------
    TechnologyError
        If a size is an expression: then mismatch is not known.
    """
    technology = netlist.technology
    if technology is None:
        return {}
    models = _models(technology)
    found = {}
    for path, line in _elements(netlist.lines()):
        words = split_tokens(line)
        model = next((word.lower() for word in words[1:] if word.lower() in models), None)
        if model is None or words[0][0].lower() != technology.element.lower():
            continue
        kind, device = models[model]
        given = {key.lower(): number(text) for key, _, text in (w.partition("=") for w in words if "=" in w)}
        width, length, copies = given.get("w"), given.get("l"), given.get("m", 1.0)
        if width is None or length is None or copies is None:
            raise TechnologyError(f"transistor '{path}' has a size that is no plain number, so no known mismatch")
        width, length = width * copies * technology.unit, length * technology.unit
        found[path] = Placed(kind, width, length, device.sigma_vth(width, length))
    return found


def junction_paths(netlist: Netlist) -> dict[str, str]:
    """All instances of registered devices by path, in order, each with the name of its device."""
    found = {}
    for path, line in _elements(netlist.lines()):
        words = split_tokens(line)
        if words[0][0].lower() == "x" and (called := words[_called(words)].lower()) in netlist.devices:
            found[path] = called
    return found


def _signed(technology: Technology, words: list[str], rise: float) -> float:
    """A rise of the magnitude as a shift of the threshold [V], which is negative for p-channel transistors."""
    kind, _ = _device(technology, words)
    return -float(rise) if kind.startswith("p") else float(rise)


def _models(technology: Technology) -> dict[str, tuple[str, Device]]:
    return {device.model.lower(): (kind, device) for kind, device in technology.devices.items()}


def _device(technology: Technology, words: list[str]) -> tuple[str, Device]:
    models = _models(technology)
    for word in words[1:]:
        if word.lower() in models and words[0][0].lower() == technology.element.lower():
            return models[word.lower()]
    raise TechnologyError(f"'{' '.join(words)}' is no transistor of technology '{technology.name}'")


def _called(words: list[str]) -> int:
    """Position of the subcircuit's name in an instance line."""
    ends = (k for k, word in enumerate(words) if "=" in word or word.lower() == "params:")
    return next(ends, len(words)) - 1


def _split(lines: list[Line]) -> tuple[list[Line], dict[str, list[Line]]]:
    """Lines at the top level, and those of each subcircuit with its first and last line."""
    top: list[Line] = []
    bodies: dict[str, list[Line]] = {}
    current, depth = top, 0
    for line in lines:
        card = line.split(maxsplit=1)[0].lower() if isinstance(line, str) else ""
        if card == ".subckt" and not depth:
            current = bodies.setdefault(str(line).split()[1].lower(), [])
        depth += (card == ".subckt") - (card == ".ends")
        current.append(line)
        if card == ".ends" and not depth:
            current = top
    return top, bodies


def _elements(lines: list[Line]) -> Iterator[tuple[str, str]]:
    """Every element of the flattened circuit, in order: path and line; sources are left out."""
    top, bodies = _split(lines)

    def walk(scope: list[Line], prefix: str) -> Iterator[tuple[str, str]]:
        for line in scope:
            if not isinstance(line, str) or line[0] == ".":
                continue
            name = line.split(maxsplit=1)[0].lower()
            yield prefix + name, line
            if name[0] == "x":
                words = split_tokens(line)
                yield from walk(bodies.get(words[_called(words)].lower(), []), f"{prefix}{name}.")

    return walk(top, "")
