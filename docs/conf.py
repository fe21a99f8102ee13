"""How Sphinx builds the site: ``python -m sphinx -W docs build/site``."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import reference_pages  # noqa: E402 - it lies beside this file

import derivkit as dk  # noqa: E402 - after the path, as Sphinx reads this file on its own

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "The derivative laboratory"
author = "the authors of the derivative laboratory"
release = version = dk.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["notebooks", "reference/choices/errors.md"]  # which the page of statuses includes
default_role = "code"
myst_heading_anchors = 3

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "none"  # the sections of the docstrings say more
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_custom_sections = [("Attributes", "params_style")]  # several on a line stay together
napoleon_use_rtype = False

html_theme = "furo"
html_title = "Derivative laboratory"
html_static_path = ["static"]
html_css_files, html_js_files = ["site.css"], ["site.js"]
html_copy_source = html_show_sourcelink = html_show_copyright = False

LITERAL = re.compile(r"(``.*?``|`[^`]*`)")
"""Pieces of a line that are set as they are typed."""


def made_literal(_app: Sphinx, what: str, _name: str, _of: object, _options: object, lines: list[str]) -> None:
    """Write a docstring such that what it says is not read as markup.

    Two bars, as around the x of ``|x|``, mean a substitution to docutils, and napoleon takes what stands before a colon
    on the first line of an attribute for its type.
    """
    if what in {"attribute", "property"}:
        lines.insert(0, "")
    for number, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            pieces = LITERAL.split(line)
            lines[number] = "".join(p if LITERAL.fullmatch(p) else p.replace("|", r"\|") for p in pieces)


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the pages of the reference before Sphinx looks for pages."""
    app.connect("builder-inited", lambda _: reference_pages.write(HERE / "reference"))
    app.connect("autodoc-process-docstring", made_literal, priority=400)  # before napoleon, whose priority is 500
    return {"parallel_read_safe": True}
