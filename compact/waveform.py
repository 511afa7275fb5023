"""Results of a simulation: named signals over one axis, named alike for every simulator."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from compact.errors import SimulationError, unknown

__all__ = ["Waveforms", "signal_name"]

_VOLTAGE = re.compile(r"v\(([^(),]+)\)")


def signal_name(name: str) -> str:
    """Canonical form of a signal's name: lower case, no blanks, ``v(out)`` as ``out``."""
    text = re.sub(r"\s+", "", str(name)).lower()
    match = _VOLTAGE.fullmatch(text)
    return match[1] if match else text


@dataclass(frozen=True)
class Waveforms(Mapping[str, np.ndarray]):
    """Signals over one axis.

    Names do not depend on the simulator: a node voltage is ``out`` (or ``v(out)``), the current through a
    source ``i(vdd)`` (positive into its first terminal, so that a supply that delivers reads negative),
    an internal node or state of an instance ``xmtj1.z``. Case does not matter.

    Parameters
    ----------
    axis_name : str
        ``time`` [s], ``frequency`` [Hz], the swept source [V or A], or ``point`` for an operating point.
    axis : numpy.ndarray
        Values of the axis, shape (n,).
    signals : mapping of str to numpy.ndarray
        Values, shape (n,); complex for an AC analysis.
    info : mapping
        How the result came about: simulator, version, seconds, warnings.
    """

    axis_name: str
    axis: np.ndarray
    signals: Mapping[str, np.ndarray]
    info: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> np.ndarray:
        key = signal_name(name)
        if key in self.signals:
            return self.signals[key]
        if key == self.axis_name:
            return self.axis
        raise SimulationError(unknown("signal", name, self.signals))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and signal_name(name) in self.signals

    def __iter__(self) -> Iterator[str]:
        return iter(self.signals)

    def __len__(self) -> int:
        return len(self.signals)

    def __repr__(self) -> str:
        return f"Waveforms({len(self.axis)} points over {self.axis_name}: {', '.join(self.signals)})"

    def state(self, instance: str, name: str) -> np.ndarray:
        """State or internal node of an instance, e.g. ``state("xmtj1", "z")``."""
        return self[f"{instance}.{name}"]

    def value(self, name: str) -> float:
        """Last value of a real signal: the value at an operating point, the final one of a transient."""
        return float(self[name][-1])

    def at(self, name: str, x: float) -> float:
        """Value of a real signal at `x` on the axis, linearly interpolated; the axis must increase."""
        return float(np.interp(x, self.axis, self[name]))

    def to_csv(self, path: str | Path) -> Path:
        """Write all signals as comma-separated columns; complex ones as two columns."""
        columns: dict[str, np.ndarray] = {self.axis_name: self.axis}
        for name, values in self.signals.items():
            if np.iscomplexobj(values):
                columns |= {f"re({name})": values.real, f"im({name})": values.imag}
            else:
                columns[name] = values
        path = Path(path)
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))
        return path

    def to_npz(self, path: str | Path) -> Path:
        """Write all signals to a compressed NumPy archive."""
        path = Path(path)
        with path.open("wb") as file:
            np.savez_compressed(file, **{self.axis_name: self.axis, **self.signals})  # type: ignore[arg-type]
        return path
