"""The reference of the site leaves out nothing that the laboratory has, and says it as the tables do."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

import derivkit as dk

DOCS = Path(__file__).resolve().parents[1] / "docs"
SPECIFICATION = importlib.util.spec_from_file_location("reference_pages", DOCS / "reference_pages.py")
assert SPECIFICATION is not None
assert SPECIFICATION.loader is not None
reference = sys.modules["reference_pages"] = importlib.util.module_from_spec(SPECIFICATION)
SPECIFICATION.loader.exec_module(reference)


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return dict(reference.pages())


@pytest.mark.parametrize("preset", reference.PRESETS)
def test_the_help_of_a_preset_gives_the_meaning_of_every_key(preset: str) -> None:
    described, keys = reference.described_keys(preset), reference.defaults_of(preset)
    assert [key for key in keys if key not in described] == []
    assert [key for key in described if key not in keys and not key.startswith("hydra")] == []


def test_a_key_is_read_whether_its_meaning_stands_beside_it_or_below(monkeypatch: pytest.MonkeyPatch) -> None:
    header = "Keys\n  x=1      where\n           exactly\n  'expression=sin(x)'\n           what\n"
    monkeypatch.setattr(reference.catalog, "header", lambda _: header)
    assert reference.described_keys("tangents") == {
        "x": ("x=1", "where exactly"),
        "expression": ("'expression=sin(x)'", "what"),
    }


def test_every_public_name_has_its_place(pages: dict[str, str]) -> None:
    lines = [line for text in pages.values() for line in text.splitlines()]
    entries = [line.partition(":: derivkit.")[2] for line in lines if line.startswith(".. auto")]
    assert sorted(entries) == dk.__all__


def test_every_column_of_every_study_has_its_row(pages: dict[str, str]) -> None:
    for preset in reference.PRESETS:
        for rows in reference.study_of(preset).tables.values():
            text = pages[f"studies/{reference.study_of(preset).name}"]
            assert [name for name in rows.columns if f"| `{name}` |" not in text] == []


def test_a_cell_shows_a_text_as_it_is() -> None:
    assert reference.escaped("|C| step^p *max*") == r"\|C\| step^p \*max\*"
    assert reference.code("a | b") == r"`a \| b`"
    assert reference.table(("name", "empty", "why"), [("a", "", "b")]) == "| name | why |\n| --- | --- |\n| a | b |"


def test_a_page_that_is_right_keeps_its_time_and_one_of_nothing_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference, "pages", lambda: iter([("dk/index", "# A page\n")]))
    reference.write(tmp_path)
    (tmp_path / "dk/gone.md").write_text("# What is no longer there\n")
    (tmp_path / "statuses.md").write_text("# Written by hand\n")
    before = (tmp_path / "dk/index.md").stat().st_mtime_ns
    reference.write(tmp_path)
    assert (tmp_path / "dk/index.md").stat().st_mtime_ns == before
    assert sorted(path.name for path in tmp_path.rglob("*.md")) == ["index.md", "statuses.md"]
