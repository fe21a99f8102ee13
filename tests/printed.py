"""The pages that somebody reads: their blocks, as they are printed, are run, and what they print is compared.

A block of Python may be followed by a block ``text`` with what it prints, and an expression by a comment with its
value, behind it or below; a block ``sh`` has one command a line, and may be followed by what these print. ``...``
stands for anything. A block is a file where its first line is a comment with the name, or the name is behind ``text``.
"""

from __future__ import annotations

import ast
import contextlib
import doctest
import importlib
import importlib.util
import io
import itertools
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
    if path.parent.parent.name != "reference"  # which is made from the code
}
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"\A(?:# @package _global_\n)?# (\S+\.(?:py|yaml|toml))\n")
"""The name of a file; that of a preset is on the second line."""
STATUS = re.compile(r"# exit status (\d+)")
"""How a comment says with which status a command ends, where it is not 0."""


@dataclass(frozen=True)
class Block:
    """A block of a page: its language and text, that of the block after it where it is its output, and a name."""

    kind: str
    text: str
    output: str | None = None
    name: str | None = None

    @property
    def file(self) -> str | None:
        """The name of the file that the block shows, from behind its language or from its first comment."""
        match = FILE.match(self.text)
        return match[1] if match else self.name


def blocks_of(page: str) -> Iterator[Block]:
    """Yield the blocks of a page; a ``text`` that follows another, with nothing between them, is its output."""
    found = [*BLOCK.finditer(page)]
    for one, after in itertools.zip_longest(found, found[1:]):
        follows = after and after[1] == "text" and not after[2] and not page[one.end() : after.start()].strip()
        yield Block(one[1], one[3], after[3] if after and follows else None, one[2])


def difference(printed: str, shown: str) -> str:
    """How what was printed differs from what a page shows; nothing if it does not."""
    checker, flags = doctest.OutputChecker(), doctest.ELLIPSIS | doctest.REPORT_NDIFF
    same = checker.check_output(shown, printed, flags)
    return "" if same else checker.output_difference(doctest.Example("", shown), printed, flags)


def is_possible(block: Block) -> bool:
    """Whether all that a block of Python imports is installed."""
    modules = re.findall(r"^(?:import|from) (\w+)", block.text, re.MULTILINE)
    return all(importlib.util.find_spec(name) for name in modules)


def comment_of(node: ast.stmt, lines: list[str]) -> str | None:
    """The comment behind a statement, or else on the line below it."""
    last = node.end_lineno or 0
    behind = lines[last - 1].encode()[node.end_col_offset or 0 :].decode()
    comment = next((text.strip() for text in (behind, *lines[last : last + 1]) if text.strip()), "")
    return comment[2:] if comment.startswith("# ") else None


def run_python(block: Block, names: dict[str, Any]) -> str:
    """Run a block; return how what it prints, or the value of an expression, differs from what the page says."""
    lines, faults = block.text.splitlines(), []
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        for node in ast.parse(block.text).body:
            shown = comment_of(node, lines) if isinstance(node, ast.Expr) else None
            if isinstance(node, ast.Expr) and shown:
                value = eval(compile(ast.Expression(node.value), "<page>", "eval"), names)
                differences = [difference(f"{text}\n", f"{shown}\n") for text in (str(value), repr(value))]
                faults += [] if "" in differences else [f"{ast.unparse(node)}: {differences[0]}"]
            else:
                exec(compile(ast.Module([node], []), "<page>", "exec"), names)
    return "\n".join(filter(None, [*faults, difference(printed.getvalue(), block.output or "")]))


def run_line(line: str) -> str:
    """Run a command of the laboratory in this process; return what it prints, of a refusal the error too."""
    command = re.sub("^derivative-lab", "python -m experiments.__main__", line)
    _, _, module, *words = shlex.split(command, comments=True)
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = importlib.import_module(module).main(words)
    text, errors = (stream.buffer.getvalue().decode() for stream in (out, err) if not stream.flush())
    expected = STATUS.search(line)
    assert status == (int(expected[1]) if expected else 0), f"{line}\n{text}{errors}"
    return text + (errors if status else "")
