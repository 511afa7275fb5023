"""Binary raw files, the form in which SPICE programs write results."""

from __future__ import annotations

from pathlib import Path

import numpy as np

__all__ = ["read_raw"]


def read_raw(path: Path) -> dict[str, np.ndarray]:
    """Vectors of a binary SPICE raw file by their names; of the last plot, if there are several.

    Raises
    ------
    ValueError
        If the file is not one.
    """
    data = path.read_bytes()
    result: dict[str, np.ndarray] = {}
    start = 0
    while (end := data.find(b"Binary:\n", start)) >= 0:
        header = data[start:end].decode(errors="replace")
        fields = dict(line.split(":", 1) for line in header.splitlines() if ":" in line and line[0] not in " \t")
        count, points = int(fields["No. Variables"]), int(fields["No. Points"])
        kind = np.dtype("c16" if "complex" in fields["Flags"] else "f8")
        rows = header.split("Variables:\n", 1)[1].splitlines()[:count]
        names = [row.split()[1] for row in rows]
        begin = end + len(b"Binary:\n")
        start = begin + count * points * kind.itemsize
        if start > len(data):
            raise ValueError(f"{path.name} is cut short")
        table = np.frombuffer(data, kind, count * points, begin).reshape(points, count)
        result = {name: np.ascontiguousarray(table[:, k]) for k, name in enumerate(names)}
    if not result:
        raise ValueError(f"{path.name} is not a binary raw file")
    return result
