"""Transistor technologies: device names, supplies and model text, so that one circuit runs on any of them."""

from __future__ import annotations

import importlib.util
import math
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from compact.errors import TechnologyError, unknown
from compact.files import cache_dir
from compact.modellibrary import ASSIGNMENT, read_library, spice_number
from compact.spicetext import logical_lines
from compact.templates import template_dir

__all__ = ["Device", "Technology", "cache_dir", "get_technology", "technologies"]

KINDS = ("nmos", "pmos", "nmos_io", "pmos_io")
_MISMATCH = ("a_vt", "dl", "dw")


@dataclass(frozen=True)
class Device:
    """One transistor of a technology.

    Parameters
    ----------
    model : str
        Its name in the library: a model for element "M", a subcircuit for "X".
    vdd : float
        Supply that it is meant for [V].
    length, min_width : float
        Shortest drawn gate and narrowest allowed one [m].
    max_width : float
        Widest single finger [m]; a wider transistor is drawn as several in parallel.
    k, vth, alpha, body, saturation : float
        Drive law used to choose widths before anything is simulated (never to simulate):
        see `current`. k is in A/m/V**alpha, vth in V, body in V/V, saturation in V**(1 - alpha/2).
    a_vt : float
        Pelgrom's coefficient: standard deviation of the difference between the thresholds of two equal neighbours
        times the square root of their area [V m]; 0 where it is not known.
    dl, dw : float
        What is taken off the drawn length and width for that area [m].
    """

    model: str
    vdd: float
    length: float
    min_width: float
    max_width: float
    k: float
    vth: float
    alpha: float = 1.3
    body: float = 0.2
    saturation: float = 0.7
    a_vt: float = 0.0
    dl: float = 0.0
    dw: float = 0.0

    def sigma_vth(self, width: float, length: float) -> float:
        """Standard deviation of the threshold of one transistor [V] by mismatch.

        Parameters
        ----------
        width, length : float
            Total drawn width and drawn length [m].

        References
        ----------
        M. J. M. Pelgrom, A. C. J. Duinmaijer and A. P. G. Welbers, IEEE J. Solid-State Circuits 24 (1989) 1433:
        a_vt/sqrt(W L) for the difference of two, so 1/sqrt(2) of it for each.
        """
        return self.a_vt / math.sqrt(2 * (width - self.dw) * (length - self.dl))

    def current(self, vgs: float, vds: float, vsb: float = 0.0) -> float:
        """Drain current per width by the alpha-power law, magnitudes for both polarities.

        Parameters
        ----------
        vgs, vds, vsb : float
            Gate, drain and source-to-bulk voltage [V]; the threshold rises by ``body * vsb``.

        Returns
        -------
        float
            Current per width [A/m].

        References
        ----------
        T. Sakurai and A. R. Newton, IEEE J. Solid-State Circuits 25 (1990) 584.
        """
        drive = vgs - self.vth - self.body * vsb
        if drive <= 0 or vds <= 0:
            return 0.0
        knee = min(vds / (self.saturation * drive ** (self.alpha / 2)), 1.0)
        return self.k * drive**self.alpha * knee * (2 - knee)

    def voltage(self, current: float, vgs: float, vsb: float = 0.0) -> float:
        """Drain-source voltage [V] at a current per width [A/m]; infinite above the saturation current."""
        drive = max(vgs - self.vth - self.body * vsb, 0.0)
        share = current / (self.k * drive**self.alpha) if drive > 0 else math.inf
        return (1 - math.sqrt(1 - share)) * self.saturation * drive ** (self.alpha / 2) if share <= 1 else math.inf


@dataclass(frozen=True)
class Technology:
    """A set of transistors with their model library, at one process corner.

    Parameters
    ----------
    name : str
        What it is called.
    library : pathlib.Path
        SPICE library file with one section per corner.
    corners : mapping of str to tuple of str
        Sections that make up each corner.
    devices : mapping of str to Device
        By kind: "nmos", "pmos" and where there are some "nmos_io", "pmos_io".
    description, citation, licence : str
        What it is, where it comes from and under which terms.
    diffusion : float
        Length of a source or drain area beside the gate, for junction areas and perimeters [m].
    element : {"M", "X"}
        Whether transistors are called as models or as subcircuits.
    unit : float
        Metres per unit of the widths and lengths in transistor lines (1e-6 where they are in micrometres).
    trim : bool
        Whether models are picked from the library and written out, or the library is called as a whole.
    corner : str
        The corner whose models are used.
    """

    name: str
    library: Path
    corners: Mapping[str, tuple[str, ...]]
    devices: Mapping[str, Device]
    description: str = ""
    citation: str = ""
    licence: str = ""
    diffusion: float = 0.0
    element: str = "M"
    unit: float = 1.0
    trim: bool = True
    corner: str = "tt"
    _text: dict[tuple[str, ...], str] = field(default_factory=dict, repr=False, compare=False)

    def __reduce__(self) -> tuple[Any, ...]:
        """To other processes without the text, and with plain mappings: proxies do not travel."""
        known = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "_text"}
        return _restore, ({k: dict(v) if isinstance(v, Mapping) else v for k, v in known.items()},)

    @property
    def vdd(self) -> float:
        """Core supply [V]."""
        return self.devices["nmos"].vdd

    def device(self, kind: str) -> Device:
        """The device of a kind.

        Raises
        ------
        TechnologyError
            If the technology has none of that kind.
        """
        try:
            return self.devices[kind]
        except KeyError:
            message = unknown(f"device of technology '{self.name}'", kind, self.devices)
            raise TechnologyError(message) from None

    def at_corner(self, corner: str) -> Technology:
        """The same technology at another process corner.

        Raises
        ------
        TechnologyError
            If it has no such corner.
        """
        if corner not in self.corners:
            raise TechnologyError(unknown(f"corner of technology '{self.name}'", corner, self.corners))
        return replace(self, corner=corner, _text={})

    def transistor(
        self,
        kind: str,
        name: str,
        drain: str,
        gate: str,
        source: str,
        bulk: str,
        width: float,
        length: float | None = None,
    ) -> str:
        """One transistor as a SPICE line.

        Parameters
        ----------
        kind : str
            "nmos", "pmos", "nmos_io" or "pmos_io".
        name : str
            Instance name without the letter of the element.
        drain, gate, source, bulk : str
            Nodes.
        width : float
            Total width [m]; above the device's max_width it is split into equal parallel ones.
        length : float, optional
            Drawn length [m]; the device's shortest if left out.

        Raises
        ------
        TechnologyError
            If there is no such device or it cannot have that size.
        """
        device = self.device(kind)
        length = device.length if length is None else length
        tolerance = 1 + 1e-9
        if not device.min_width <= width * tolerance < math.inf:
            raise TechnologyError(
                f"{kind} '{name}' of {width * 1e6:.4g} um is narrower than {self.name} allows "
                f"({device.min_width * 1e6:.4g} um)"
            )
        if not device.length <= length * tolerance < math.inf:
            raise TechnologyError(
                f"{kind} '{name}' of length {length * 1e6:.4g} um is shorter than {self.name} allows "
                f"({device.length * 1e6:.4g} um)"
            )
        copies = math.ceil(width / device.max_width / tolerance)
        w = width / copies
        sizes = {"w": w / self.unit, "l": length / self.unit}
        if self.diffusion:
            area, around = w * self.diffusion / self.unit**2, 2 * (w + self.diffusion) / self.unit
            sizes |= {"ad": area, "as": area, "pd": around, "ps": around}
        words = [f"{self.element}{name}", drain, gate, source, bulk, device.model]
        words += [f"{key}={value:.6g}" for key, value in sizes.items()]
        return " ".join(words + ([f"m={copies}"] if copies > 1 else []))

    def models(self, netlist: str) -> str:
        """Model text for the transistors of a netlist, ready to be put in front of it.

        Parameters
        ----------
        netlist : str
            SPICE text; its transistor lines decide which models and which bins are needed. A transistor
            whose size is an expression gets all bins of its device.

        Returns
        -------
        str
            ``.model`` statements, or ``.lib`` calls where the technology is not trimmed; "" if the netlist
            has no transistor of this technology.

        Raises
        ------
        TechnologyError
            If the library cannot be read, or has no bin for a transistor.
        """
        used = sorted(set(self._used(netlist)))
        if not used:
            return ""
        key = tuple(map(str, used))
        if key not in self._text:
            self._text[key] = self._pick(used) if self.trim else self._call()
        return self._text[key]

    def _used(self, netlist: str) -> Iterator[tuple[str, float, float]]:
        names = {device.model.lower(): device.model for device in self.devices.values()}
        for statement in logical_lines(netlist):
            words = statement.lower().split()
            model = next((word for word in words if word in names), None)
            if model and words[0][0] == self.element.lower():
                sizes = {"nf": "1"} | dict(ASSIGNMENT.findall(statement.lower()))
                w, ell, fingers = (spice_number(sizes.get(key, "")) for key in ("w", "l", "nf"))
                yield names[model], w * self.unit / fingers, ell * self.unit

    def _call(self) -> str:
        return "".join(f'.lib "{self.library}" {section}\n' for section in self.corners[self.corner])

    def _pick(self, used: Iterable[tuple[str, float, float]]) -> str:
        bins = read_library(self.library, self.corners[self.corner], tuple(d.model for d in self.devices.values()))
        text: dict[str, str] = {}
        for model, w, ell in used:
            fitting = [b for b in bins[model] if b.holds(w, ell)]
            if not fitting:
                raise TechnologyError(
                    f"technology '{self.name}' has no '{model}' of {w * 1e6:.4g} um / {ell * 1e6:.4g} um"
                )
            text |= {b.name: b.text for b in fitting}
        terms = f" ({self.licence})" if self.licence else ""
        head = f"* {self.name} {self.corner}: models in use, from {self.library.name}{terms}\n"
        return head + "\n".join(text.values()) + "\n"


def technologies() -> dict[str, str]:
    """Names of the known technologies and what each is."""
    return {name: str(data.get("description", "")) for name, data in _descriptions().items()}


def get_technology(name: str | Path, corner: str = "tt") -> Technology:
    """A technology by its name, or by the path of its description.

    Parameters
    ----------
    name : str or pathlib.Path
        "generic", "sky130", "gf180", or a TOML file as described in netlists/technologies/README.md.
    corner : str
        Process corner.

    Raises
    ------
    TechnologyError
        If it is not known, its Python package is not installed, or its description is not valid.
    """
    known = _descriptions()
    if str(name) in known:
        technology = _build(known[str(name)], template_dir("netlists") / "technologies", str(name))
    elif str(name).endswith(".toml"):
        path = Path(name).expanduser()
        technology = _build(_read_toml(path), path.resolve().parent, path.stem)
    else:
        raise TechnologyError(
            unknown("technology", str(name), known) + "; any other one by the path of its .toml description"
        )
    return technology.at_corner(corner)


def _restore(known: dict[str, Any]) -> Technology:
    values: dict[str, Any] = {k: MappingProxyType(v) if isinstance(v, dict) else v for k, v in known.items()}
    return Technology(**values)


# ------------------------------------------------------------------------------------ descriptions


def _descriptions() -> dict[str, dict[str, Any]]:
    folder = template_dir("netlists") / "technologies"
    return {path.stem: _read_toml(path) for path in sorted(folder.glob("*.toml"))}


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TechnologyError(f"cannot read technology '{path}': {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TechnologyError(f"technology '{path}' is not a TOML file: {error}") from None


def _build(data: Mapping[str, Any], folder: Path, name: str) -> Technology:
    """A Technology from a description; paths in it are relative to `folder` or to its package."""
    allowed = {f.name for f in fields(Technology)} - {"corner", "name", "_text"} | {"package", "install"}
    _check_keys(f"key of technology '{name}'", data, allowed, {"library", "corners", "devices"})
    if "package" in data:
        folder = _package_folder(name, str(data["package"]), str(data.get("install", "")))
    library = folder / Path(str(data["library"])).expanduser()
    if not library.is_file():
        raise TechnologyError(f"technology '{name}': its library {library} does not exist")
    required = {f.name for f in fields(Device) if f.default is MISSING}
    devices = {}
    for kind, values in data["devices"].items():
        if kind not in KINDS:
            raise TechnologyError(unknown(f"device of technology '{name}'", kind, KINDS))
        _check_keys(f"key of '{kind}' in technology '{name}'", values, {f.name for f in fields(Device)}, required)
        figures = {key: v for key, v in values.items() if key != "model"}
        if not all(isinstance(v, int | float) and (v > 0 or key in _MISMATCH) for key, v in figures.items()):
            raise TechnologyError(f"technology '{name}': figures of '{kind}' must be positive numbers")
        if values.get("a_vt", 0) < 0:
            raise TechnologyError(
                f"technology '{name}': a_vt of '{kind}' = {values['a_vt']:g} V m must not be negative"
            )
        if values.get("dl", 0) >= values["length"] or values.get("dw", 0) >= values["min_width"]:
            raise TechnologyError(f"technology '{name}': dl and dw of '{kind}' leave no area")
        devices[kind] = Device(**values)
    if not {"nmos", "pmos"} <= set(devices):
        raise TechnologyError(f"technology '{name}' must describe at least the devices nmos and pmos")
    known = {key: data[key] for key in allowed - {"package", "install"} if key in data}
    known |= {
        "library": library,
        "devices": MappingProxyType(devices),
        "corners": MappingProxyType({corner: tuple(names) for corner, names in data["corners"].items()}),
    }
    if known.get("element", "M") not in ("M", "X"):
        raise TechnologyError(f"technology '{name}': element must be 'M' or 'X', not {known['element']!r}")
    if known.setdefault("trim", known.get("element") != "X") and known.get("element") == "X":
        raise TechnologyError(f"technology '{name}': subcircuits cannot be picked from a library; set trim = false")
    return Technology(name=name, **known)


def _check_keys(what: str, data: Mapping[str, Any], allowed: Iterable[str], required: Iterable[str]) -> None:
    for key in data:
        if key not in allowed:
            raise TechnologyError(unknown(what, key, allowed))
    for key in required:
        if key not in data:
            raise TechnologyError(f"missing {what}: '{key}'")


def _package_folder(name: str, package: str, install: str) -> Path:
    """Folder of an installed Python package, found without importing it."""
    parent, _, leaf = package.rpartition(".")
    try:
        spec = importlib.util.find_spec(parent or leaf)
    except ModuleNotFoundError:
        spec = None
    places = [Path(p) / leaf if parent else Path(p) for p in (spec and spec.submodule_search_locations) or ()]
    for place in places:
        if place.is_dir():
            return place
    raise TechnologyError(f"technology '{name}' is not installed; install it with: {install}")
