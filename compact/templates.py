"""Finding and filling the text templates, wherever the package is installed."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import jinja2

__all__ = ["render", "template_dir"]


def template_dir(name: str) -> Path:
    """Folder of templates, inside an installed package or beside it in a checkout.

    Parameters
    ----------
    name : {"netlists", "veriloga", "pages"}
        Which one.

    Raises
    ------
    FileNotFoundError
        If the installation lacks it.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / name, package.parent / name):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"templates '{name}' are missing from the installation at {package}")


@functools.cache
def _environment(name: str) -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(template_dir(name)),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        # Netlists hold text as it is: every value in them was checked where it was declared. Pages escape it.
        autoescape=jinja2.select_autoescape(("html.j2",), default=False, default_for_string=False),
    )


def render(path: str, **values: Any) -> str:
    """Fill the template `path`, such as "netlists/subckt.lib.j2"; an undefined name in it is an error."""
    name, _, rest = path.partition("/")
    return _environment(name).get_template(rest).render(**values)
