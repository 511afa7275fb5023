"""What was applied in a measurement: voltages or currents."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Biased"]


class Biased:
    """A table with either voltages or currents, each of shape (n,)."""

    voltage: NDArray[np.float64] | None
    current: NDArray[np.float64] | None

    @property
    def quantity(self) -> Literal["voltage", "current"]:
        """What was applied."""
        return "voltage" if self.current is None else "current"

    @property
    def unit(self) -> str:
        """Its unit."""
        return "V" if self.current is None else "A"

    @property
    def level(self) -> NDArray[np.float64]:
        """What was applied at each point [V or A], shape (n,)."""
        level = self.voltage if self.current is None else self.current
        assert level is not None
        return level
