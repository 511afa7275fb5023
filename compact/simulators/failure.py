"""What is left on disk when a run fails."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from compact.errors import SimulationError

__all__ = ["fail", "keep_files"]


def keep_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write text files into a folder, which is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)


def fail(simulator: str, name: str, deck: str, keep: str | Path | None, message: str, log: str = "") -> SimulationError:
    """Keep deck and log of a failed run and make the error that names them."""
    folder = Path(keep) if keep else Path(tempfile.mkdtemp(prefix=f"spinbricks-{simulator}-"))
    logged = Path(name).with_suffix(".log").name
    keep_files(folder, {name: deck, logged: f"{message}\n{log}\n"})
    return SimulationError(f"{simulator}: {' '.join(message.split())}", folder / name, folder / logged)
