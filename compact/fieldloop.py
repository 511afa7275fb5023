"""Resistance against applied field: reading, and the structure of what was measured."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from compact.constants import MU_0
from compact.errors import DataError, ParameterError
from compact.loops import Flip
from compact.roles import Role, RoleTable, read_roles
from compact.units import parse_quantity, parse_unit

__all__ = [
    "FIELD_UNITS",
    "ROLES",
    "FieldLoop",
    "FieldShape",
    "analyse_field_loop",
    "is_field_loop",
    "parse_sweep_rate",
    "read_field_loop",
    "sweeps",
]

FloatArray: TypeAlias = NDArray[np.float64]

OERSTED = 1e3 / (4 * np.pi)
FIELD_UNITS = {"Oe": OERSTED, "T": 1 / MU_0, "G": OERSTED}
"""Units of a field or of its flux density in vacuum, in A/m."""
ROLES = {
    "field": Role("A/m", r"field|oersted|^(mu_?0|[µμ]_?0)?[\s*_]*[hb](_?(ext|app|applied|x|y|z))?$", FIELD_UNITS, True),
    "resistance": Role("Ohm", r"(^|[^a-z])(r|res|resistance|rmtj|mr)([^a-z]|$)"),
    "voltage": Role("V", r"(^|[^a-z])(v|u|volts?|voltage|bias)([^a-z]|$)"),
    "current": Role("A", r"(^|[^a-z])(i|curr|current|bias)([^a-z]|$)"),
    "time": Role("s", r"^t$|time|elapsed"),
    "temperature": Role("K", r"^t$|temp"),
}
MIN_POINTS = 12
LARGEST_FIELD = 100 / MU_0
"""Field beyond which the unit is taken to be wrong [A/m]."""
TURN = 0.03
"""Way back, over the range of the field, from which on a sweep has turned."""
LEAVE, ENTER = 0.65, 0.35
"""Level between the states, 0 that of the present one, at which the state has changed, and the mirrored one."""


@dataclass(frozen=True)
class FieldLoop:
    """Resistance against applied field, in the order of measurement.

    Parameters
    ----------
    field : ndarray, shape (n,)
        Applied field [A/m].
    resistance : ndarray, shape (n,)
        Resistance [Ohm].
    bias : float, optional
        Magnitude of the voltage at which the resistance was read [V].
    sweep_rate : float, optional
        Speed of the field [A/m per second].
    temperature : float, optional
        Temperature of the measurement [K].
    source, sha256 : str
        Name and hash of the file.
    notes : tuple of str
        What was assumed.

    Raises
    ------
    DataError
        If the arrays cannot be such a loop.
    """

    field: FloatArray
    resistance: FloatArray
    bias: float | None = None
    sweep_rate: float | None = None
    temperature: float | None = None
    source: str = "arrays"
    sha256: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("field", "resistance"):
            array = np.array(getattr(self, name), dtype=float)
            array.setflags(write=False)
            object.__setattr__(self, name, array)
            bad = np.flatnonzero(~np.isfinite(array))
            if bad.size:
                raise DataError(f"{self.source}: {name} has {bad.size} values not finite (point {bad[0] + 1})")
        if self.field.shape != self.resistance.shape or self.field.ndim != 1:
            shapes = f"{self.field.shape} and {self.resistance.shape}"
            raise DataError(f"{self.source}: field and resistance differ in length: {shapes}")
        if len(self.field) < MIN_POINTS:
            raise DataError(f"{self.source}: {len(self.field)} points are too few; {MIN_POINTS} are needed")
        for name, unit in (("field", "A/m"), ("resistance", "Ohm")):
            array = getattr(self, name)
            if np.ptp(array) <= 1e-12 * np.abs(array).max(initial=0.0):
                raise DataError(f"{self.source}: the {name} is constant at {array[0]:g} {unit}")
        if np.any(self.resistance <= 0):
            count = int(np.sum(self.resistance <= 0))
            raise DataError(
                f"{self.source}: {count} resistances are not positive; is it a Hall or relative resistance?"
            )
        if np.abs(self.field).max() > LARGEST_FIELD:
            raise DataError(
                f"{self.source}: the field reaches {MU_0 * np.abs(self.field).max():.3g} T, which is not plausible; "
                f"give the unit with --columns, e.g. --columns 'field=1[Oe]'"
            )
        for name in ("bias", "sweep_rate", "temperature"):
            value = getattr(self, name)
            if value is not None and not (np.isfinite(value) and value > 0):
                raise DataError(f"{self.source}: {name} = {value:g} must be positive")


def parse_sweep_rate(text: str) -> float:
    """Read a speed of the field such as "100Oe/s", "5 mT/s" or "2 kA/m/s", in A/m per second.

    Raises
    ------
    ParameterError
        If the text is no number with such a unit.
    """
    match = re.fullmatch(r"\s*([-+\d.eE]+)\s*(.*?)\s*/\s*s\s*", text)
    unit = parse_unit(match[2]) if match else None
    if not match or unit is None or unit.base not in (*FIELD_UNITS, "A/m"):
        raise ParameterError(f"'{text}' is no speed of a field; write for example 100Oe/s, 5mT/s or 2kA/m/s")
    value = parse_quantity(match[1]) * unit.scale * FIELD_UNITS.get(unit.base, 1.0)
    if value <= 0:
        raise ParameterError(f"'{text}': a speed is positive")
    return value


def _varies(values: FloatArray) -> bool:
    return bool(np.ptp(values) > 1e-3 * np.abs(values).max(initial=0.0))


def is_field_loop(path: str | Path, columns: str | None = None) -> bool:
    """Whether a file holds resistance against field: its field is swept, and no current or voltage but by it.

    Parameters
    ----------
    path : str or pathlib.Path
        The file.
    columns : str, optional
        Columns that the user named; a field among them settles it.

    Raises
    ------
    DataError
        If the file cannot be read as a table.
    """
    if columns is not None:
        return re.search(r"(^|,)\s*field\s*=", columns) is not None
    loose = {name: Role(r.unit, r.pattern, r.also) for name, r in ROLES.items()}
    try:
        found = read_roles(path, {k: loose[k] for k in ("field", "voltage", "current", "resistance")}).columns
    except DataError:
        try:
            found = read_roles(path, {"field": loose["field"]}).columns
        except DataError:
            return False
    if "field" not in found or not _varies(found["field"]):
        return False
    driven = [k for k in ("voltage", "current") if k in found and _varies(found[k])]
    # The voltage of a constant current follows the resistance, and the other way round.
    return not driven or (len(driven) == 1 and ("resistance" not in found or len(found) == 4))


def read_field_loop(
    path: str | Path,
    columns: str | Mapping[str, str] | None = None,
    *,
    sweep_rate: float | None = None,
    temperature: float | None = None,
) -> FieldLoop:
    """Read resistance against field.

    Parameters
    ----------
    path : str or pathlib.Path
        Comma, semicolon, tab or blank separated text with a column of fields (Oe, A/m, T, G with any prefix) and one
        of resistances, or of voltages and currents; a column of times gives the speed of the field.
    columns : str or mapping of str to str, optional
        Column of each role, such as "field=1[Oe],resistance=2"; by default the headers say it.
    sweep_rate : float, optional
        Speed of the field [A/m per second], where there is no column of times.
    temperature : float, optional
        Temperature [K], where there is no column of it.

    Raises
    ------
    DataError
        In one line that names file, line and column.
    """
    table = read_roles(path, ROLES, columns)
    found = table.columns
    if "field" not in found:
        raise DataError(
            f"{table.source}: cannot tell which column is the field; name it with --columns, e.g. "
            f"--columns 'field=1[Oe],resistance=2'"
        )
    resistance, bias = _resistance(table)
    notes = list(table.notes)
    field = found["field"]
    if "time" in found:
        if sweep_rate is not None:
            raise DataError(f"{table.source}: has a column of times; do not give a speed of the field")
        steps = np.diff(found["time"])
        if np.any(steps <= 0):
            raise DataError(
                f"{table.source}: time does not increase (line {table.lines[int(np.argmax(steps <= 0)) + 1]})"
            )
        sweep_rate = float(np.median(np.abs(np.diff(field)) / steps)) or None
        if sweep_rate:
            notes.append(f"speed of the field from the column of times: {sweep_rate / OERSTED:.3g} Oe/s")
    if "temperature" in found and temperature is None:
        temperature = float(np.median(found["temperature"]))
    return FieldLoop(field, resistance, bias, sweep_rate, temperature, table.source, table.sha256, tuple(notes))


def _resistance(table: RoleTable) -> tuple[FloatArray, float | None]:
    """Resistance and the bias at which it was read, of a table that has one or what it follows from."""
    found = table.columns
    voltage, current = found.get("voltage"), found.get("current")
    if "resistance" in found:
        resistance = found["resistance"]
        if voltage is not None:
            return resistance, float(np.median(np.abs(voltage))) or None
        return resistance, (float(np.median(np.abs(current * resistance))) or None) if current is not None else None
    if voltage is None or current is None:
        raise DataError(
            f"{table.source}: no column of resistances, nor voltages and currents to compute it; name it with "
            f"--columns, e.g. --columns 'field=1[Oe],resistance=2'"
        )
    if np.any(current == 0):
        line = table.lines[int(np.argmax(current == 0))]
        raise DataError(f"{table.source}: the current is zero at line {line}: voltage over current is undefined")
    return voltage / current, float(np.median(np.abs(voltage))) or None


# ------------------------------------------------------------------------------------------- structure


@dataclass(frozen=True)
class FieldShape:
    """A loop reduced to field and resistance in the convention of the models, with its structure.

    Parameters
    ----------
    loop : FieldLoop
        The measured loop.
    axis : {"easy", "hard"}
        Whether it opens, as along the easy axis, or not.
    field : ndarray, shape (n,)
        Field [A/m], of an open loop positive towards the parallel state.
    polarity : {1, -1}
        -1 where the sign of the measured field was reversed.
    state : ndarray, shape (n,)
        Nearest state, 1 parallel, -1 antiparallel; of an open loop only.
    flips : tuple of Flip
        Changes of state in the order of measurement.
    gradual : dict of bool to bool
        By direction, True towards parallel: whether the state changes over several points.
    noise : float
        Noise of the resistance, from differences of neighbours [Ohm].
    levels : tuple of float
        Resistance of the lower and the upper state [Ohm].
    """

    loop: FieldLoop
    axis: Literal["easy", "hard"]
    field: FloatArray
    polarity: Literal[1, -1]
    state: FloatArray
    flips: tuple[Flip, ...]
    gradual: dict[bool, bool]
    noise: float
    levels: tuple[float, float]

    @property
    def height(self) -> float:
        """Difference of the levels [Ohm]."""
        return self.levels[1] - self.levels[0]


def sweeps(field: FloatArray) -> list[tuple[int, int, int]]:
    """Stretches of one direction, as (first point, point after the last, sign), small ways back being noise."""
    slack = TURN * float(np.ptp(field))
    found: list[tuple[int, int, int]] = []
    begin = extreme = 0
    sign = 0
    for k, value in enumerate(field.tolist()):
        gone = value - float(field[extreme])
        if not sign:
            if abs(value - float(field[0])) > slack:
                sign = 1 if value > field[0] else -1
                extreme = k
        elif gone * sign >= 0:
            extreme = k
        elif abs(gone) > slack:
            found.append((begin, extreme + 1, sign))
            begin, extreme, sign = extreme + 1, k, -sign
    found.append((begin, len(field), sign or 1))
    return found


def _noise(resistance: FloatArray) -> float:
    second = resistance[:-2] - 2 * resistance[1:-1] + resistance[2:]
    return max(1.4826 * float(np.median(np.abs(second))) / 6**0.5, 1e-9 * float(resistance.max()))


def _levels(resistance: FloatArray) -> tuple[float, float]:
    """Medians of the lower and the upper group."""
    low, high = (float(x) for x in np.percentile(resistance, (3, 97)))
    for _ in range(20):
        upper = resistance > (low + high) / 2
        if not upper.any() or upper.all():
            break
        moved = float(np.median(resistance[~upper])), float(np.median(resistance[upper]))
        if moved == (low, high):
            break
        low, high = moved
    return low, high


def _opening(loop: FieldLoop, ways: list[tuple[int, int, int]], levels: tuple[float, float], noise: float) -> float:
    """Largest difference of up and down sweeps over the height, once the noise is taken off."""
    # Only where sweeps of both ways have been.
    reach = [[(loop.field[a:b].min(), loop.field[a:b].max()) for a, b, s in ways if s == sign] for sign in (1, -1)]
    low, high = max(min(x for x, _ in r) for r in reach), min(max(x for _, x in r) for r in reach)
    grid = np.linspace(low, high, 161)
    mean: dict[int, list[FloatArray]] = {1: [], -1: []}
    for a, b, sign in ways:
        if b - a >= 3:
            order = np.argsort(loop.field[a:b], kind="stable")
            x, y = loop.field[a:b][order], loop.resistance[a:b][order]
            mean[sign].append(np.interp(grid, x, y, left=np.nan, right=np.nan))
    if not mean[1] or not mean[-1]:
        return 0.0
    stacks = [np.stack(mean[sign]) for sign in (1, -1)]
    seen = np.all([np.isfinite(stack).any(axis=0) for stack in stacks], axis=0)
    gap = np.abs(np.nanmedian(stacks[0][:, seen], axis=0) - np.nanmedian(stacks[1][:, seen], axis=0))
    if not gap.size:
        return 0.0
    # The third largest value: one stray point opens nothing.
    return max(float(np.sort(gap)[-min(3, gap.size)]) - 4 * noise, 0.0) / max(levels[1] - levels[0], 1e-30)


def analyse_field_loop(loop: FieldLoop) -> FieldShape:
    """Find sweeps, states, their order, polarity and the changes of state.

    Parameters
    ----------
    loop : FieldLoop
        The measured loop.

    Raises
    ------
    DataError
        If the resistance shows nothing but noise, the loop holds only one of its branches, or the state changes both
        ways within one sweep.
    """
    noise, levels = _noise(loop.resistance), _levels(loop.resistance)
    height = levels[1] - levels[0]
    if height < 5 * noise:
        raise DataError(
            f"{loop.source}: the resistance does not follow the field: it changes by {height:.3g} Ohm, the noise is "
            f"{noise:.3g} Ohm"
        )
    ways = sweeps(loop.field)
    level = (loop.resistance - levels[0]) / height
    jump = float(np.abs(np.diff(level)).max())
    if len({sign for *_, sign in ways}) < 2:
        if jump > 0.5:
            raise DataError(
                f"{loop.source}: only one branch: the field is swept one way and never back; both switching fields "
                f"take a sweep to one end, to the other and back"
            )
        return _hard(loop, noise, levels)
    if _opening(loop, ways, levels, noise) < 0.25 or _meets_at_ends(loop):
        return _hard(loop, noise, levels)
    return _easy(loop, ways, level, noise, levels)


def _meets_at_ends(loop: FieldLoop) -> bool:
    """Whether both ends lie midway and the two states at small fields: a hard axis that is passed in either state."""
    top = np.abs(loop.field).max()
    ends = [loop.resistance[sign * loop.field > 0.9 * top] for sign in (1, -1)]
    low, high = np.percentile(loop.resistance, (2, 98))
    return all(len(end) and abs((float(np.median(end)) - low) / (high - low) - 0.5) < 0.25 for end in ends)


def _hard(loop: FieldLoop, noise: float, levels: tuple[float, float]) -> FieldShape:
    state = np.zeros(len(loop.field))
    return FieldShape(loop, "hard", np.array(loop.field), 1, state, (), {}, noise, levels)


def _easy(
    loop: FieldLoop,
    ways: list[tuple[int, int, int]],
    level: FloatArray,
    noise: float,
    levels: tuple[float, float],
) -> FieldShape:
    state = np.empty(len(level))
    now = -1.0 if level[0] > 0.5 else 1.0
    for k, value in enumerate(level.tolist()):
        depth = value if now > 0 else 1 - value
        if depth > LEAVE:
            now = -now
        state[k] = now
    rising = np.empty(len(level), dtype=bool)
    for a, b, sign in ways:
        rising[a:b] = sign > 0
    at = (np.flatnonzero(np.diff(state)) + 1).tolist()
    votes = sum((1 if state[k] > 0 else -1) * (1 if rising[k] else -1) for k in at)
    polarity: Literal[1, -1] = 1 if votes >= 0 else -1
    against = [k for k in at if (state[k] > 0) != (rising[k] == (polarity > 0))]
    if len(against) > 0.2 * len(at):
        raise DataError(
            f"{loop.source}: the state changes both ways within one sweep ({len(against)} of {len(at)} changes): the "
            f"junction is superparamagnetic at this field or the contact is unsteady; dwell times say more of it"
        )
    if len({state[k] for k in at}) < 2:
        seen = "one change of state" if at else "no change of state"
        raise DataError(f"{loop.source}: only one branch: the sweeps show {seen}; go to one end, to the other and back")
    field = polarity * loop.field
    flips = []
    within: dict[bool, list[int]] = {True: [], False: []}
    for k in at:
        if k in against:
            continue
        to_parallel = bool(state[k] > 0)
        first = _between(level, k - 1, -1, state[k], 4 * noise / (levels[1] - levels[0]))
        last = _between(level, k, 1, state[k], 4 * noise / (levels[1] - levels[0]))
        within[to_parallel].append(last - first - 1)
        before, after = float(field[k - 1]), float(field[k])
        flips.append(Flip(k, to_parallel, min(before, after), max(before, after)))
    gradual = {way: float(np.median(counts)) >= 3 for way, counts in within.items()}
    return FieldShape(loop, "easy", field, polarity, state, tuple(flips), gradual, noise, levels)


def _between(level: FloatArray, k: int, step: int, new: float, margin: float) -> int:
    """The next point that is in its state beyond doubt, before (step -1) or after (+1) a change to `new`."""
    margin = max(margin, 0.2)
    settled = 1.0 if (new < 0) == (step > 0) else 0.0
    while 0 <= k < len(level) and abs(level[k] - settled) > margin:
        k += step
    return k
