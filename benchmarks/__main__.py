"""Runs the benchmarks, prints a table of each, and writes all figures as JSON."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import compact
from compact.files import staged

FOLDER = Path(__file__).resolve().parent
PAIRS = (("ratio", "target"), ("seconds", "limit"), ("peak_mb", "limit_mb"))
"""A figure and the column that says how large it may be."""
HIDDEN = {"step", "stop"}
SHORT = {"points_resistor": "(resistor)", "iterations_resistor": "(resistor)", "seconds_resistor": "(resistor)"}


def names() -> list[str]:
    """The benchmarks that are here."""
    return sorted(path.stem.removeprefix("bench_") for path in FOLDER.glob("bench_*.py"))


def met(row: dict[str, Any]) -> bool | None:
    """Whether a row keeps within its limits; None if it has none."""
    checks = [row[figure] <= row[limit] for figure, limit in PAIRS if row.get(limit) is not None]
    return all(checks) if checks else None


def table(name: str, rows: list[dict[str, Any]]) -> Table:
    """Rows as a table; columns that are empty throughout are left out, and so are steps, which the JSON has."""
    result = Table(title=name, title_justify="left")
    columns = [k for k in dict.fromkeys(k for row in rows for k in row) if any(row.get(k) is not None for row in rows)]
    columns = [k for k in columns if k not in HIDDEN]
    for column in [*columns, ""]:
        side: Any = "left" if column in ("what", "card", "engine") else "right"
        result.add_column(SHORT.get(column, column.replace("_", " ")), no_wrap=True, justify=side)
    for row in rows:
        mark = {True: "[green]met[/]", False: "[red]missed[/]", None: ""}[met(row)]
        result.add_row(*(_text(row.get(column)) for column in columns), mark)
    return result


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    return "" if value is None else str(value)


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", nargs="*", choices=[*names(), []], help="which ones; all by default")
    parser.add_argument("--repeat", type=int, default=5, help="runs of each case, of which the fastest counts")
    parser.add_argument("--json", type=Path, default=Path("spinbricks_out/benchmarks.json"), help="file of the figures")
    asked = parser.parse_args()
    console = Console()
    console = Console(width=max(console.width, 150))
    console.print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.2f}, "
                  f"least of {asked.repeat} runs")  # fmt: skip
    results: dict[str, Any] = {"spinbricks": compact.__version__, "repeat": asked.repeat, "load": os.getloadavg()}
    for name in asked.name or names():
        rows = importlib.import_module(f"benchmarks.bench_{name}").rows(asked.repeat)
        results[name] = rows
        console.print(table(name, rows))
    with staged(asked.json) as part:
        part.write_text(json.dumps(results, indent=1, default=float) + "\n", encoding="utf-8")
    console.print(f"figures: {asked.json}")


if __name__ == "__main__":
    main()
