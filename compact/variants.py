"""Subcircuits copied once per value of a parameter that must be a word of the text and cannot be a number."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from compact.errors import CircuitError
from compact.spicetext import Source, number

__all__ = ["Variants"]

_VALUE = re.compile(r"\{?\s*(-?)\s*([a-z_]\w*)\s*\}?")


class Variants:
    """Rewrites a netlist so that devices with a `variant` method are called by the name of their variant.

    A subcircuit that passes such a parameter on is copied for each value that it is called with.

    Parameters
    ----------
    lines : iterable of str or Source
        The netlist, as `Netlist.lines` gives it.
    devices : mapping of str to Device
        Registered devices by subcircuit name.
    """

    def __init__(self, lines: Iterable[str | Source], devices: Mapping[str, Any]):
        self._devices = {name: device for name, device in devices.items() if hasattr(device, "variant")}
        self._defaults: dict[str, dict[str, str]] = {}
        self._heads: dict[str, str] = {}
        self._bodies: dict[str, list[str | Source]] = {}
        self._top: list[str | Source] = []
        self._wanted: dict[str, tuple[str, dict[str, float]]] = {}
        self._done: set[str] = set()
        current = None
        for line in lines:
            words = line.split() if isinstance(line, str) else []
            card = words[0].lower() if words else ""
            if card == ".subckt":
                current = words[1].lower()
                self._heads[current] = " ".join(w for w in words[2:] if "=" not in w and w.lower() != "params:")
                self._defaults[current] = _given(words)
                self._bodies[current] = []
            elif card == ".ends":
                current = None
            else:
                (self._top if current is None else self._bodies[current]).append(line)
        self._needs = {name: self._needed(name, ()) for name in self._bodies}

    def _needed(self, name: str, above: tuple[str, ...]) -> frozenset[str]:
        """Parameters of a subcircuit that decide on the variant of a device in it."""
        found: set[str] = set()
        for line in self._bodies[name]:
            callee, given = _call(line)
            if callee in self._devices:
                texts = list(given.values())
            elif callee in self._bodies and callee not in above:
                inner = self._needed(callee, (*above, name))
                texts = [text for key, text in given.items() if key in inner]
                found |= {"*"} if inner and not texts else set()
            else:
                continue
            found |= {match[2] for text in texts if (match := _VALUE.fullmatch(text))}
            found |= {"*"} if callee in self._devices else set()
        return frozenset(found)

    def line(self, text: str | Source, values: Mapping[str, float] | None = None) -> str | Source:
        """One line rewritten; `values` are the parameters of the subcircuit that it lies in."""
        callee, given = _call(text)
        if not isinstance(text, str) or (callee not in self._devices and not self._needs.get(callee)):
            return text
        own = values or {}
        name = text.split()[0]
        if callee in self._devices:
            device = self._devices[callee]
            numbers = {key: _evaluate(value, own, name) for key, value in given.items()}
            m = numbers.pop("m", 1.0)
            if m != 1:
                raise CircuitError(f"'{name}': at switch level '{callee}' takes no m={m:g}")
            return _renamed(text, callee, f"{callee}__{device.variant({**device.instance_parameters, **numbers})}")
        needed = self._needs[callee] - {"*"}
        texts = {**self._defaults[callee], **given}
        numbers = {key: _evaluate(texts[key], own if key in given else {}, name) for key in sorted(needed & set(texts))}
        copy = "__".join([callee, *(f"{value:g}".replace("-", "n").replace(".", "d") for value in numbers.values())])
        self._wanted.setdefault(copy, (callee, numbers))
        return _renamed(text, callee, copy, keep=lambda key: key not in numbers)

    def want(self, subckt: str, **values: float) -> None:
        """Have a copy of a subcircuit that is only called by lines not in the netlist."""
        self.line(f"x__ {subckt} " + " ".join(f"{key}={value:g}" for key, value in values.items()))

    def lines(self) -> list[str | Source]:
        """The whole netlist rewritten, copies first."""
        top = [self.line(line) for line in self._top]
        result: list[str | Source] = []
        for name, body in self._bodies.items():
            if not self._needs[name]:
                result += [f".subckt {name} {self._heads[name]}" + _tail(self._defaults[name]), *body, f".ends {name}"]
        while waiting := [copy for copy in self._wanted if copy not in self._done]:
            for copy in waiting:
                self._done.add(copy)
                name, numbers = self._wanted[copy]
                rest = {key: value for key, value in self._defaults[name].items() if key not in numbers}
                body = [self.line(line, numbers) for line in self._bodies[name]]
                result += [f".subckt {copy} {self._heads[name]}" + _tail(rest), *body, f".ends {copy}"]
        return [*result, *top]


def _given(words: list[str]) -> dict[str, str]:
    return {key.lower(): value.lower() for key, mark, value in (w.partition("=") for w in words) if mark}


def _tail(values: Mapping[str, str]) -> str:
    return "".join(f" {key}={value}" for key, value in values.items())


def _call(line: str | Source) -> tuple[str, dict[str, str]]:
    """Subcircuit that an instance calls, lower case, and the parameters that it gives; "" for other lines."""
    if not isinstance(line, str) or line[:1] not in "xX":
        return "", {}
    words = line.split()
    names = [w for w in words[1:] if "=" not in w and w.lower() != "params:"]
    return (names[-1].lower() if names else ""), _given(words)


def _renamed(line: str, callee: str, name: str, keep: Any = None) -> str:
    words = line.split()
    named = max(k for k, w in enumerate(words) if w.lower() == callee)
    words[named] = name
    return " ".join(w for w in words if "=" not in w or (keep is not None and keep(w.partition("=")[0].lower())))


def _evaluate(text: str, values: Mapping[str, float], where: str) -> float:
    value = number(text.strip("{}'\" "))
    if value is not None:
        return value
    match = _VALUE.fullmatch(text)
    if match is None or match[2] not in values:
        raise CircuitError(f"'{where}': at switch level {text} must be a plain number, or a parameter that is one")
    return -values[match[2]] if match[1] else values[match[2]]
