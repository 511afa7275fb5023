"""Files that are there whole or not at all, and where derived ones are kept."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

__all__ = ["cache_dir", "staged"]


@contextlib.contextmanager
def staged(path: str | Path) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place when the block ends well, and is removed otherwise.

    Parameters
    ----------
    path : str or pathlib.Path
        Where the file is to be; its folder is made if need be.

    Yields
    ------
    pathlib.Path
        File to write, with the same suffix.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=path.suffix)
    os.close(handle)
    try:
        yield Path(name)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def cache_dir() -> Path:
    """Where text that takes long to derive is kept: $SPINBRICKS_CACHE, else the user's cache directory.

    Where that cannot be written, a folder of this process's own that goes with it.
    """
    base = os.environ.get("SPINBRICKS_CACHE")
    folder = Path(base or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "spinbricks")
    return folder if _writable(folder) else Path(_own_folder().name)


@lru_cache
def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


@lru_cache
def _own_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="spinbricks-cache-")
