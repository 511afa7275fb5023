"""Parameters of models and the sets of values (cards) that describe one measured or published device."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from compact.errors import ParameterError, unknown

if TYPE_CHECKING:
    from compact.model import Model

__all__ = ["CORNERS", "Parameter", "ParameterSet", "Provenance", "Quantity", "check_identifier", "write_atomic"]

FORMAT = "spinbricks-card/1"
CORNERS: Mapping[str, int] = MappingProxyType({"tt": 0, "ff": 1, "ss": -1})
"""Process corners and their sign: +1 is three process spreads towards fast (low resistance, easy switching)."""
CORNER_SIGMAS = 3.0

_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,62}")


def check_identifier(kind: str, name: object) -> str:
    """Return `name` if it is safe as a name in every netlist language, else raise.

    Raises
    ------
    ParameterError
        If `name` is not lower-case letters, digits and underscores starting with a letter.
    """
    if not isinstance(name, str) or not _IDENTIFIER.fullmatch(name):
        raise ParameterError(
            f"{kind} {name!r} is not allowed: use 1 to 63 lower-case letters, digits and '_', first a letter"
        )
    return name


def _check_text(kind: str, text: object) -> str:
    if not isinstance(text, str) or any(not c.isprintable() for c in text):
        raise ParameterError(f"{kind} {text!r} is not allowed: one line of printable text is expected")
    return text


def _number(kind: str, value: object) -> float:
    if isinstance(value, bool) or not hasattr(value, "__float__") or isinstance(value, str):
        raise ParameterError(f"{kind} is {value!r}, not a number")
    number = float(value)
    if not math.isfinite(number):
        raise ParameterError(f"{kind} is {number}, not a finite number")
    return number


def write_atomic(path: Path, text: str) -> None:
    """Write `text` to `path` so that the file is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@dataclass(frozen=True)
class Parameter:
    """Declaration of one parameter of a model.

    Parameters
    ----------
    name : str
        Name in Python, Verilog-A and SPICE (lower case: SPICE does not tell cases apart).
    default : float or str
        Default value in `unit`, or the name of the parameter whose value it takes.
    unit : str
        SI unit, "1" for a pure number.
    description : str
        One phrase for designers.
    low, high : float
        Closed range of allowed values.
    scope : {"model", "instance"}
        Whether it belongs to the device type or to each instance.
    integer : bool
        Whether only whole numbers are allowed.
    spread : float
        Relative one-sigma process spread, used for corners; its sign says which way `ff` goes.
    """

    name: str
    default: float | str
    unit: str
    description: str
    low: float = -math.inf
    high: float = math.inf
    scope: Literal["model", "instance"] = "model"
    integer: bool = False
    spread: float = 0.0

    def check(self, value: object) -> float:
        """Return `value` as a float if it is allowed.

        Raises
        ------
        ParameterError
            If it is no finite number, out of range or not whole where that is asked.
        """
        number = _number(f"parameter '{self.name}'", value)
        if not self.low <= number <= self.high:
            unit = "" if self.unit == "1" else f" {self.unit}"
            raise ParameterError(
                f"parameter '{self.name}' = {number:g}{unit} is outside its range [{self.low:g}, {self.high:g}]{unit}"
            )
        if self.integer and number != round(number):
            raise ParameterError(f"parameter '{self.name}' = {number:g} must be a whole number")
        return number


@dataclass(frozen=True)
class Quantity:
    """A derived figure with its standard error.

    Parameters
    ----------
    value : float
        Value in `unit`.
    stderr : float or None
        Standard error in `unit`, None where it is not known.
    unit, description : str
        SI unit and what it is.
    """

    value: float
    stderr: float | None
    unit: str
    description: str


@dataclass(frozen=True)
class Provenance:
    """Where the values of a parameter set come from.

    Parameters
    ----------
    source : str
        File or publication.
    sha256 : str
        Hash of the source file(s), empty for publications.
    date : str
        Date of the fit or publication, ISO 8601.
    method : str
        How the values were obtained.
    citation : str
        Publication, if any.
    quality : dict of str to float
        Goodness figures of the fit, by name.
    """

    source: str = "defaults"
    sha256: str = ""
    date: str = ""
    method: str = ""
    citation: str = ""
    quality: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class ParameterSet:
    """Values of all parameters of one model: a device card.

    Parameters
    ----------
    model : str
        Name of the model the values are for.
    name : str
        Name of the card, usable as a netlist identifier.
    values : mapping of str to float
        Values in the units of the declarations; missing ones take their default.
    stderr : mapping of str to float
        Standard errors of fitted values.
    correlations : mapping of (str, str) to float
        Correlation coefficients of pairs of fitted values.
    provenance : Provenance
        Source of the values.
    derived : mapping of str to Quantity
        Further measured figures that are no parameters of the model.
    undetermined : mapping of str to str
        Parameters that the data could not determine, with the reason.
    notes : sequence of str
        Remarks for the user.

    Raises
    ------
    ParameterError
        For an unknown model or parameter (with the nearest match), a value out of range, or text
        that could change the meaning of a netlist.
    """

    model: str
    name: str
    values: Mapping[str, float] = field(default_factory=dict)
    stderr: Mapping[str, float] = field(default_factory=dict)
    correlations: Mapping[tuple[str, str], float] = field(default_factory=dict)
    provenance: Provenance = field(default_factory=Provenance)
    derived: Mapping[str, Quantity] = field(default_factory=dict)
    undetermined: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        model = self.definition
        check_identifier("card name", self.name)
        object.__setattr__(self, "values", model.complete(self.values))
        declared = {p.name for p in model.parameters}
        for kind, names in (
            ("standard error", self.stderr),
            ("undetermined parameter", self.undetermined),
            ("correlation", {n for pair in self.correlations for n in pair}),
        ):
            for name in names:
                if name not in declared:
                    raise ParameterError(f"{kind}: " + unknown(f"parameter of model {self.model}", name, declared))
        object.__setattr__(self, "stderr", {k: _number(f"stderr of '{k}'", v) for k, v in self.stderr.items()})
        pairs = {(a, b): _number(f"correlation of '{a}', '{b}'", v) for (a, b), v in self.correlations.items()}
        for (a, b), value in pairs.items():
            if abs(value) > 1 + 1e-9:
                raise ParameterError(f"correlation of '{a}' and '{b}' is {value:g}, outside [-1, 1]")
        object.__setattr__(self, "correlations", pairs)
        object.__setattr__(self, "notes", tuple(_check_text("note", n) for n in self.notes))
        for name, reason in self.undetermined.items():
            _check_text(f"reason for '{name}'", reason)
        for name, quantity in self.derived.items():
            check_identifier("derived quantity", name)
            _check_text("unit", quantity.unit)
            _check_text("description", quantity.description)
            _number(f"derived quantity '{name}'", quantity.value)
        for item in dataclasses.fields(Provenance):
            if item.name != "quality":
                _check_text(f"provenance {item.name}", getattr(self.provenance, item.name))
        for name, value in self.provenance.quality.items():
            _check_text("quality figure", name)
            _number(f"quality figure '{name}'", value)

    @property
    def definition(self) -> Model:
        """The model these values are for."""
        from compact.models import get_model  # models are built from Parameter, so the import waits

        return get_model(self.model)

    def replace(self, name: str | None = None, **values: float) -> ParameterSet:
        """Copy with some values changed (and no standard errors for those).

        Parameters
        ----------
        name : str, optional
            New card name.
        **values : float
            New values by parameter name.
        """
        followers = {
            p.name
            for p in self.definition.parameters
            if isinstance(p.default, str) and p.default in values and self.values[p.name] == self.values[p.default]
        }
        kept = {k: v for k, v in self.values.items() if k not in followers}
        return dataclasses.replace(
            self,
            name=name or self.name,
            values=kept | values,
            stderr={k: v for k, v in self.stderr.items() if k not in values},
            correlations={p: r for p, r in self.correlations.items() if not set(p) & set(values)},
        )

    def corner(self, corner: str) -> ParameterSet:
        """Card at a process corner: each spread parameter moved by three spreads.

        Parameters
        ----------
        corner : {"tt", "ff", "ss"}
            Typical, fast (low resistance and critical currents) or slow.

        Raises
        ------
        ParameterError
            For an unknown corner.
        """
        if corner not in CORNERS:
            raise ParameterError(unknown("corner", corner, CORNERS))
        shift = CORNER_SIGMAS * CORNERS[corner]
        moved = {
            p.name: min(max(self.values[p.name] * (1 + shift * p.spread), p.low), p.high)
            for p in self.definition.parameters
            if p.spread and shift
        }
        return dataclasses.replace(self, values=dict(self.values) | moved)

    def to_json(self) -> str:
        """Card as JSON text; `from_json` gives back an equal card."""
        content = {
            "format": FORMAT,
            "model": self.model,
            "model_version": self.definition.version,
            "name": self.name,
            "values": dict(self.values),
            "stderr": dict(self.stderr),
            "correlations": [[a, b, r] for (a, b), r in self.correlations.items()],
            "provenance": dataclasses.asdict(self.provenance),
            "derived": {k: dataclasses.asdict(q) for k, q in self.derived.items()},
            "undetermined": dict(self.undetermined),
            "notes": list(self.notes),
        }
        return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str = "card") -> ParameterSet:
        """Read a card written by `to_json`.

        Parameters
        ----------
        text : str
            JSON text.
        where : str
            What to call it in error messages.

        Raises
        ------
        ParameterError
            If the text is no card or holds something that is not allowed.
        """
        try:
            content = json.loads(text)
        except json.JSONDecodeError as error:
            raise ParameterError(f"{where} is not JSON: {error}") from None
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise ParameterError(f"{where} is no parameter set: 'format' must be '{FORMAT}'")
        content = {k: v for k, v in content.items() if k not in ("format", "model_version")}
        names = {f.name for f in dataclasses.fields(cls)}
        for key in content:
            if key not in names:
                raise ParameterError(f"{where}: " + unknown("entry", key, names))
        try:
            pairs = content.get("correlations", [])
            content["correlations"] = {(a, b): r for a, b, r in pairs}
            content["provenance"] = Provenance(**content.get("provenance", {}))
            content["derived"] = {k: Quantity(**q) for k, q in content.get("derived", {}).items()}
            content["notes"] = tuple(content.get("notes", ()))
            return cls(**content)
        except (TypeError, ValueError, AttributeError) as error:
            raise ParameterError(f"{where} is malformed: {error}") from None
        except ParameterError as error:
            raise ParameterError(f"{where}: {error}") from None

    def save(self, path: str | Path) -> None:
        """Write the card to `path`, whole or not at all."""
        write_atomic(Path(path), self.to_json())

    @classmethod
    def load(cls, path: str | Path) -> ParameterSet:
        """Read a card from a file.

        Raises
        ------
        ParameterError
            If the file cannot be read or is no card.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ParameterError(f"cannot read card '{path}': {error}") from None
        return cls.from_json(text, where=f"card '{path}'")

    def table(self) -> Iterable[tuple[Parameter, float, float | None]]:
        """Rows of (declaration, value, standard error) in the model's order."""
        for parameter in self.definition.parameters:
            yield parameter, self.values[parameter.name], self.stderr.get(parameter.name)


def values_by_name(parameters: Iterable[Parameter], given: Mapping[str, Any], owner: str) -> dict[str, float]:
    """Check `given` against declarations and fill in defaults.

    Parameters
    ----------
    parameters : iterable of Parameter
        The declarations, in order.
    given : mapping of str to float
        Values by name.
    owner : str
        Whose parameters these are, for messages.

    Returns
    -------
    dict of str to float
        A value for every declared parameter, in declared order.

    Raises
    ------
    ParameterError
        For an unknown name or a value that is not allowed.
    """
    declared = {p.name: p for p in parameters}
    for name in given:
        if name not in declared:
            raise ParameterError(unknown(f"parameter of {owner}", name, declared))
    values: dict[str, float] = {}
    for name, parameter in declared.items():
        value = given.get(name, parameter.default)
        values[name] = parameter.check(values[value] if isinstance(value, str) and value in values else value)
    return values
