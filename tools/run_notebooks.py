"""Execute notebooks, each from its own folder, and leave them without outputs.

Usage: python tools/run_notebooks.py [--keep FOLDER] NOTEBOOK...
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

LIMIT = 300


def strip(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Remove outputs, counters and everything that changes from run to run."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            cell.metadata.pop("execution", None)
    notebook.metadata.get("language_info", {}).pop("version", None)
    return notebook


def execute(path: Path, keep: Path | None = None) -> float:
    """Run a notebook; the time it took [s].

    Parameters
    ----------
    path : pathlib.Path
        The notebook; it is not changed.
    keep : pathlib.Path, optional
        Folder for a copy with its outputs.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell fails.
    """
    notebook = strip(nbformat.read(path, as_version=4))
    start = time.perf_counter()
    NotebookClient(notebook, timeout=LIMIT, resources={"metadata": {"path": str(path.parent)}}).execute()
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, keep / path.name)
    return time.perf_counter() - start


def main() -> int:
    """Run what is named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notebooks", nargs="*", type=Path)
    parser.add_argument("--keep", type=Path, help="folder for copies with outputs")
    arguments = parser.parse_args()
    failed = 0
    for path in (p for p in arguments.notebooks if p.is_file()):
        try:
            print(f"{path}: {execute(path, arguments.keep):.1f} s")
        except CellExecutionError as error:
            failed += 1
            print(f"{path}: failed\n{error}", file=sys.stderr)
        stripped = nbformat.writes(strip(nbformat.read(path, as_version=4))) + "\n"
        if stripped != path.read_text(encoding="utf-8"):
            path.write_text(stripped, encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
