"""What was typed on the command line, checked before anything is done: names, numbers, cards, folders."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compact.constants import ZERO_CELSIUS
from compact.errors import CircuitError, SimulatorNotFound, SpinbricksError, TechnologyError, unknown
from compact.terminal import WrongUse

if TYPE_CHECKING:
    from compact.circuits import Circuit
    from compact.parameters import ParameterSet
    from compact.technology import Technology

__all__ = [
    "buildable",
    "card",
    "card_file",
    "card_for",
    "card_name",
    "celsius",
    "data_file",
    "each_file",
    "each_text",
    "folder",
    "kelvin",
    "number",
    "one_of",
    "plot_file",
    "positive",
    "settings",
    "simulators",
    "technology",
    "time_limit",
    "writing",
    "wrong_use",
]


@contextlib.contextmanager
def wrong_use(what: str = "") -> Iterator[None]:
    """Turn an error of the package into wrong use: what was typed cannot be."""
    try:
        yield
    except SpinbricksError as error:
        raise WrongUse(f"{what}: {error}" if what else str(error)) from None


@contextlib.contextmanager
def writing(place: Path) -> Iterator[None]:
    """Name the place where writing failed."""
    try:
        yield
    except OSError as error:
        raise SpinbricksError(f"cannot write {error.filename or place}: {error.strerror or error}") from None


def folder(path: Path) -> Path:
    """A folder that can be written into; it is made when the first file goes there."""
    existing = next(place for place in (path.absolute(), *path.absolute().parents) if place.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        message = f"cannot write into '{path.absolute()}': {error.strerror or error}; choose another place with --out"
        raise SpinbricksError(message) from None
    return path


def data_file(path: Path) -> Path:
    """A file that is there."""
    if not path.is_file():
        raise WrongUse(f"'{path}': " + ("is a folder, not a file" if path.is_dir() else "no such file"))
    return path


def plot_file(path: Path | None) -> None:
    """Refuse a plot of a format that is not drawn."""
    from compact.plotting import FORMATS

    if path is not None and path.suffix.lower() not in FORMATS:
        raise WrongUse(unknown("plot format", path.suffix or path.name, FORMATS))


def card_file(path: Path | None) -> None:
    """Refuse to write a card into a file of another kind."""
    if path is not None and path.suffix.lower() != ".json":
        raise WrongUse(f"--out '{path}': a card is a .json file")


def card_name(name: str | None) -> None:
    """Refuse a name that a card cannot have."""
    from compact.parameters import check_identifier

    if name is not None:
        with wrong_use():
            check_identifier("card name", name)


def one_of(kind: str, name: str, known: Collection[str]) -> str:
    """A known name."""
    if name not in known:
        raise WrongUse(unknown(kind, name, known))
    return name


def number(what: str, text: str, unit: str) -> float:
    """A number with an SI suffix, in `unit`."""
    from compact.units import parse_quantity

    with wrong_use(what):
        return parse_quantity(text, unit)


def positive(what: str, text: str, unit: str) -> float:
    """A number above zero with an SI suffix, in `unit`."""
    value = number(what, text, unit)
    if not value > 0:
        raise WrongUse(f"{what} {text}: must be above 0 {unit}")
    return value


def each_file(option: str, given: Sequence[str] | None, count: int, unit: str) -> list[float | None]:
    """One number for each of `count` files, "-" where the file says it itself; one for all where only one is given."""
    if not given:
        return [None] * count
    if len(given) not in (1, count):
        raise WrongUse(f"{option} is given {len(given)} times; give it once, or once for each of the {count} files")
    values = [None if x == "-" else number(option, x, unit) for x in given]
    return values * count if len(values) == 1 else values


def each_text(option: str, given: Sequence[str] | None, count: int) -> list[str | None]:
    """One text for each of `count` files; one for all where only one is given."""
    texts: list[str | None] = [*given] if given else [None]
    if len(texts) not in (1, count):
        raise WrongUse(f"{option} is given {len(texts)} times; give it once, or once for each of {count} files")
    return texts * count if len(texts) == 1 else texts


def time_limit(text: str) -> float | None:
    """Seconds; None for no limit."""
    value = number("--timeout", text, "s")
    if value < 0:
        raise WrongUse(f"--timeout: {text} is negative")
    return value or None


def technology(name: str) -> str:
    """A technology that is known, or described in a file that is there."""
    from compact.technology import technologies

    if name.endswith(".toml"):
        if not Path(name).expanduser().is_file():
            raise WrongUse(f"technology '{name}': no such file")
    elif name not in (known := technologies()):
        raise WrongUse(unknown("technology", name, known) + "; any other one by the path of its .toml description")
    return name


def card(text: str) -> ParameterSet:
    """A card by name or path."""
    from compact.cards import card_names, load_card

    if text not in card_names() and not Path(text).is_file():
        if "/" in text or text.endswith(".json"):
            raise WrongUse(f"card '{text}': no such file")
        raise WrongUse(unknown("card", text, card_names()) + "; a file of that name is not there either")
    return load_card(text)


def card_for(circuit: Circuit, text: str | None) -> ParameterSet:
    """A card that a circuit takes, by name or path; without one the circuit's example."""
    loaded = card(circuit.example if text is None else text)
    with wrong_use():
        circuit.check_card(loaded)
    return loaded


def buildable(circuit: Circuit, card: ParameterSet, technology: Technology | str, values: Mapping[str, Any]) -> None:
    """Refuse settings with which a circuit cannot be built though it can be without them."""
    try:
        circuit.build(card, technology, **values)
    except (CircuitError, TechnologyError) as error:
        if not values:
            raise
        circuit.build(card, technology)  # an error of the card itself is not one of the settings
        raise WrongUse(str(error)) from None


def celsius(text: str, option: str = "--temperature") -> float:
    """A temperature [degC] above absolute zero."""
    value = number(option, text, "degC")
    if value <= -ZERO_CELSIUS:
        raise WrongUse(f"{option}: {text} degC is below absolute zero")
    return value


def kelvin(text: str, option: str = "--temperature") -> float:
    """A temperature [K] above absolute zero."""
    return positive(option, text, "K")


def settings(circuit: Circuit, given: Sequence[str]) -> dict[str, Any]:
    """Settings of a circuit from texts such as "t_write=8n" or "table=0110"."""
    declared = {setting.name: setting for setting in circuit.settings}
    values: dict[str, Any] = {}
    for text in given:
        name, mark, value = text.partition("=")
        name = name.strip()
        if not mark or not name:
            raise WrongUse(f"--set '{text}': NAME=VALUE is expected, such as {next(iter(declared))}=1.2")
        one_of(f"setting of circuit '{circuit.name}'", name, declared)
        with wrong_use(f"--set {name}"):
            meant = declared[name].parse(value)
        with wrong_use():
            values[name] = declared[name].check(meant)
    return values


def simulators(choice: str | None, none_is_error: bool = True) -> tuple[list[str], dict[str, str]]:
    """Simulators to use, and why others cannot be; no choice is the first one that is there."""
    from compact.runs import CIRCUIT_SIMULATORS, find_simulators

    wanted = CIRCUIT_SIMULATORS if choice in (None, "all") else (str(choice),)
    found, missing = find_simulators(wanted)
    if not found and none_is_error:
        raise SimulatorNotFound("; ".join(missing.values()))
    names = list(found)
    return (names[:1], {}) if choice is None else (names, missing)
