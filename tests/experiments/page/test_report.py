"""The report: one page that stands alone, in which text stays text and findings come first."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
import shutil
import subprocess
import sys
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from experiments import collect, figures, run
from experiments.page import report

ROOT = Path(__file__).resolve().parents[3]
VOID = {"meta", "br", "hr", "img", "input", "link", "path", "use", "rect"}

# What matplotlib writes, in short: ids that all figures have, each kind of reference, a style for everything.
SVG = """<?xml version="1.0" encoding="utf-8" standalone="no"?>
<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN"
  "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">
<svg xmlns:xlink="http://www.w3.org/1999/xlink" width="10pt" height="10pt" viewBox="0 0 10 10" \
xmlns="http://www.w3.org/2000/svg" version="1.1">
 <metadata><a href="http://example.org/"/></metadata>
 <defs>
  <style type="text/css">*{stroke-linejoin: round; stroke-linecap: butt}</style>
  <path id="glyph" d="M 0 0"/>
  <clipPath id="clip"><rect x="0" y="0" width="1" height="1"/></clipPath>
 </defs>
 <g clip-path="url(#clip)"><use xlink:href="#glyph" x="1"/></g>
</svg>
"""
EVIL = "<script>alert('x')</script><b onclick=\"go()\">&amp;"


def content(**changes):
    """A page with every part."""
    parts = {
        "title": "Delta sweep",
        "command": "python -m experiments.run delta=1e-4,1e-8",
        "study": "delta_sweep",
        "question": "How wrong is each formula at each delta?",
        "findings": ["central_4 is best at delta 1e-3."],
        "figures": [("error", SVG, "The V."), ("ulps", SVG, "The same in ulps.")],
        "tables": [("table", "One row each.", ["x", "y"], ["the point", "a text"], [["1", "a"], ["-2e-3", "b"]], 99)],
        "configuration": {"job 0": "delta: 0.1\n"},
        "record": {"python": "3.11", "versions": {"numpy": "2.4.6", "jinja2": "3.1"}, "threads": None},
        "notes": ["2 rows vanished."],
        "files": [("the table", "table.parquet"), ("odd", "a b#c?.csv")],
        "outcome": "1 job done",
        "facts": ["99 rows"],
    }
    return report.Content(**{**parts, **changes})


class Page(HTMLParser):
    """The page as read: elements with attributes, the text, and that every element is closed."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.text, self.open = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] not in {"style", "script"}:
            self.text.append(data)

    def all(self, attribute):
        return [attributes[attribute] for _, attributes in self.elements if attribute in attributes]


def headings(page_text):
    return re.findall(r"<h2[^>]*>(.*?)</h2>", page_text)


def test_every_element_of_the_page_is_closed_and_every_id_is_used_once():
    page = Page(report.render(content()))
    assert page.open == []
    ids = page.all("id")
    assert len(ids) == len(set(ids))


def test_two_figures_that_share_ids_keep_their_own():
    page = Page(report.render(content()))
    ids = page.all("id")
    assert len(ids) == len(set(ids))
    clips = [clip.removeprefix("url(#").removesuffix(")") for clip in page.all("clip-path")]
    uses = [attributes["href"].removeprefix("#") for tag, attributes in page.elements if tag == "use"]
    for found in (clips, uses):
        assert set(found) <= set(ids)
        assert [name.startswith(f"figure-{k}-") for k, name in enumerate(found, start=1)] == [True, True]


def test_the_style_of_a_figure_stays_within_the_figure():
    text = report.render(content())
    assert ":where(#figure-1) *{stroke-linejoin" in text
    assert ">*{" not in text


def test_the_styles_that_several_elements_have_are_said_once():
    """With classes in the place of styles every element looks as it did; a style of one element stays where it is."""
    styled = SVG.replace("</svg>", '<path d="M 0 0" style="fill: red"/><path d="M 1 1" style="fill: {}"/></svg>')
    svgs = [styled.replace("{}", colour) for colour in ("red", "blue", "green")]
    text = report.render(content(figures=[(f"one_{k}", svg, "How to read it.") for k, svg in enumerate(svgs)]))
    rules = dict(re.findall(r"^\.(s\d+) \{(.*)\}$", text, re.MULTILINE))
    assert list(rules.values()) == ["fill: red"]
    paths = [attributes for tag, attributes in Page(text).elements if tag == "path"]
    looks = [rules[one["class"]] if "class" in one else one["style"] for one in paths if {"class", "style"} & {*one}]
    assert looks == ["fill: red", "fill: red", "fill: red", "fill: blue", "fill: red", "fill: green"]
    assert report.render(content(figures=[("one", svgs[0], "")])) == report.render(
        content(figures=[("one", svgs[0], "")])
    )


def test_every_reference_within_the_page_leads_somewhere():
    page = Page(report.render(content()))
    ids = set(page.all("id"))
    inside = [link[1:] for link in page.all("href") if link.startswith("#")]
    inside += [name for label in page.all("aria-labelledby") for name in label.split()]
    assert len(inside) > 7
    assert set(inside) <= ids


def test_the_page_asks_nothing_of_another_place():
    text = report.render(content())
    page = Page(text)
    assert not re.search(r"https?:", text)
    assert "@import" not in text
    assert "src" not in {name for _, attributes in page.elements for name in attributes}
    assert not {"link", "iframe", "img", "object"} & {tag for tag, _ in page.elements}
    assert re.findall(r"url\((?!#)", text) == []
    assert all(re.match(r"#|[\w.%/-]+$", link) for link in page.all("href"))


@pytest.mark.parametrize(
    "changes",
    [
        {"title": EVIL},
        {"command": EVIL},
        {"study": EVIL},
        {"question": EVIL},
        {"findings": [EVIL]},
        {"notes": [EVIL]},
        {"printed": [EVIL]},
        {"figures": [(EVIL, SVG, EVIL)]},
        {"tables": [(EVIL, EVIL, [EVIL], [EVIL], [[EVIL]], 1)]},
        {"configuration": {EVIL: EVIL}},
        {"record": {EVIL: {EVIL: [EVIL]}}},
        {"files": [(EVIL, EVIL)]},
        {"outcome": EVIL},
        {"facts": [EVIL]},
        {"slider": report.Slider([{"name": EVIL}], [EVIL])},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_text_from_outside_never_becomes_markup(changes):
    plain = {"slider": report.Slider([{"name": ""}], [""])} if "slider" in changes else {}
    before = [tag for tag, _ in Page(report.render(content(**plain))).elements]
    page = Page(report.render(content(**changes)))
    assert {tag for tag, _ in page.elements} <= set(before)
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert EVIL in "".join(page.text)


def test_a_lesson_stands_before_its_figure_and_what_was_printed_keeps_its_lines():
    told = content(lesson={"ulps": ("A heading", "Some words.")}, printed=["(0, 0)  (1, 2)", "a < b"])
    page = report.render(told)
    assert headings(page)[3] == "Printed"
    assert "(0, 0)  (1, 2)\na &lt; b" in page
    heading = page.index("<h3>A heading</h3>\n<p>Some words.</p>")
    assert page.index('id="figure-1"') < heading < page.index('id="figure-2"')
    assert "<b>Figure 1: Error.</b>" in page
    assert "<b>Figure 2.</b>" in page


def test_findings_come_first_and_the_contents_list_every_section():
    text = report.render(content())
    names = ["Findings", "Notes", "Figures", "Tables", "Configuration", "Record", "Files"]
    assert headings(text) == names
    listed = re.findall(r'<li><a href="#([\w-]+)">([\w ]+)</a>', text)
    parts = {"Figures": ["1 Error", "2 Ulps"], "Tables": ["Table"]}
    assert [name for _, name in listed] == [one for name in names for one in (name, *parts.get(name, ()))]


def test_a_part_that_is_empty_is_left_out_and_a_short_page_has_no_contents():
    text = report.render(content(notes=(), figures=(), tables=(), configuration={}, files=()))
    assert headings(text) == ["Findings", "Record"]
    assert "<nav" not in text


def test_a_table_says_how_many_of_its_rows_are_shown_and_what_its_columns_mean():
    text = report.render(content())
    assert "The first 2 of 99 rows." in text
    assert "<dt>x</dt><dd>the point</dd>" in text
    rows = [["1", "a"], ["-2e-3", "b"]]
    whole = report.render(content(tables=[("table", "", ["x", "y"], ["", ""], rows, 2)]))
    assert "The first" not in whole
    assert "2 rows." in whole
    spread = report.render(content(tables=[("table", "", ["x", "y"], ["", ""], rows, 9999, True)]))
    assert "2 of 9,999 rows, taken evenly from the first to the last" in spread


def test_a_column_without_a_value_is_not_drawn_and_it_is_said_how_many_are_left_out():
    columns = (["x", "left", "y"], ["the point", "the slope on the left", "a text"])
    text = report.render(content(tables=[("table", "", *columns, [["", " ", "a"], ["-2e-3", "", "b"]], 2)]))
    assert "<td>-2e-3</td><td>b</td>" in text
    assert "<td></td><td>a</td>" in text
    assert "2 rows. 1 column without a value here is left out." in text
    assert "<dt>x</dt><dd>the point</dd>" in text
    assert "left</" not in text
    assert ">left</th>" in report.render(content(tables=[("table", "", *columns, [], 0)]))


def test_a_figure_that_is_called_by_its_number_has_it_wherever_it_stands():
    text = report.render(content(figures=[("figure_07", SVG, "A line."), ("figure_16", SVG, "A sum."), ("v", SVG, "")]))
    assert re.findall(r"<b>Figure (\d+): ([\w ]+)", text) == [("7", "Figure 07"), ("16", "Figure 16"), ("3", "V")]


def test_numbers_stand_at_the_right_and_texts_at_the_left():
    text = report.render(content())
    assert "<td>-2e-3</td><td>b</td>" in text
    assert ".table-1 :is(td:nth-child(1)) { text-align: right; white-space: nowrap; }" in text


def test_a_figure_has_its_title_and_without_one_its_name_in_words():
    text = report.render(content(figures=[("error", SVG, "The V.", "Error against delta"), ("all_of_it", SVG, "")]))
    assert "<b>Figure 1: Error against delta.</b> The V." in text
    assert "<b>Figure 2: All of it.</b>" in text
    assert '<a href="#figure-1">1 Error against delta</a>' in text


def test_data_that_only_figures_show_is_folded_below_the_other_tables():
    rows = (["x"], ["the point"], [["1"]], 1)
    tables = [
        report.Table("curves", "Points of lines.", *rows, folded=True),
        report.Table("summary", "In short.", *rows),
    ]
    text = report.render(content(tables=tables))
    assert text.index('<h3 id="table-2">Summary</h3>') < text.index('<h3 id="data">Data behind the figures</h3>')
    assert '<details class="folded" id="table-1"><summary>Curves: Points of lines. 1 row.</summary>' in text
    listed = re.findall(r'<li><a href="#(table-\d|data)">([\w ]+)</a>', text)
    assert listed == [("table-2", "Summary"), ("data", "Data behind the figures")]


def test_a_figure_is_not_shrunk_below_seven_tenths_of_its_width():
    assert report.render(content()).count('style="--least: 7.0pt"') == 2
    assert 'style="--least: 0.0pt"' in report.render(content(figures=[("one", SVG.replace("10pt", "100%"), "")]))


def test_a_figure_has_a_label_for_those_who_cannot_see_it():
    page = Page(report.render(content()))
    images = [attributes for _, attributes in page.elements if attributes.get("role") == "img"]
    assert [image["aria-label"] for image in images] == ["Error: The V.", "Ulps: The same in ulps."]


def test_jobs_of_one_configuration_are_told_once():
    text = report.render(content(configuration={"job 0": "a: 1\n", "job 1": "a: 2\n", "job 2": "a: 1\n"}))
    assert re.findall(r"<summary>(job.*?)</summary>", text) == ["job 0, job 2", "job 1"]


def test_a_record_within_the_record_is_written_in_words():
    text = "".join(Page(report.render(content())).text)
    assert "numpy 2.4.6, jinja2 3.1" in text
    assert "threadsnone" in text.replace("\n", "")


def test_a_file_with_an_odd_name_is_linked_as_a_file():
    hrefs = Page(report.render(content(files=[("odd", "a b#c?.csv"), ("evil", "javascript:go()")]))).all("href")
    assert "a%20b%23c%3F.csv" in hrefs
    assert "javascript%3Ago%28%29" in hrefs


def test_the_page_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    report.write(path, content())
    whole = path.read_bytes()
    assert whole.decode() == report.render(content())
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]

    def broken(*_):
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", broken)
    with pytest.raises(OSError, match="no space left"):
        report.write(path, content(title="another"))
    assert path.read_bytes() == whole


def test_a_real_figure_is_taken_in_and_keeps_every_reference(tmp_path):
    figure = Figure()
    ax = figure.add_subplot()
    ax.plot([1, 2, 3], marker="o", label="a line")
    ax.legend()
    svg = figures.save(figure, tmp_path, "real", ["svg"])[0].read_text(encoding="utf-8")
    page = Page(report.render(content(figures=[("one", svg, ""), ("two", svg, "")])))
    ids = page.all("id")
    assert len(ids) == len(set(ids))
    inside = [link[1:] for link in page.all("href") if link.startswith("#figure")]
    clips = re.findall(r"url\(#([^)]*)\)", " ".join(page.all("clip-path")))
    assert len(inside) > 10
    assert clips
    assert {*inside, *clips} <= set(ids)


def test_a_lesson_comes_before_its_findings_and_is_called_so():
    told = headings(report.render(content(lesson={"error": ("The V", "See how it falls.")})))
    assert told.index("Lesson") < told.index("Findings")
    assert headings(report.render(content()))[0] == "Findings"


def test_a_cell_keeps_its_spaces_and_a_long_text_is_broken_into_lines():
    rows = [["1", "[ 0  2  8]", "a text of thirty characters ok", "c" * 61]]
    text = report.render(content(tables=[("table", "", ["x", "y", "z", "w"], [""] * 4, rows, 1)]))
    assert '<td>1</td><td>[ 0  2  8]</td><td class="text">a text' in text
    assert f'<td class="wide">{"c" * 61}</td>' in text
    assert re.search(r"\ntd \{ white-space: pre; \}", text)


def test_a_long_name_of_a_column_may_be_broken_at_its_underscores_and_stays_escaped():
    text = report.render(content(tables=[("table", "", ["order_<b>_here"], [""], [["1"]], 1)]))
    assert '<th scope="col" title="" class="number">order_<wbr>&lt;b&gt;_<wbr>here</th>' in text


def test_a_figure_says_that_it_scrolls_below_the_width_at_which_it_does():
    wide = SVG.replace('width="10pt"', 'width="600pt"')
    text = report.render(content(figures=[("error", wide, "The V.")]))
    # 70 % of 600 points are 560 pixels, and 22 lie beside the figure.
    assert re.search(r"@container \(max-width: 582px\) \{ #figure-1 .sideways \{ display: block; \}", text)
    assert text.count('class="sideways"') == 1


def test_a_long_configuration_is_folded_and_a_short_one_is_not():
    folded = '<details class="folded"><summary>job 0'
    assert folded not in report.render(content())
    assert folded in report.render(content(configuration={"job 0": "a: 1\n" * 61}))


def test_what_is_the_same_is_said_once():
    text = report.render(content(title="delta_sweep", files=[("table.csv", "table.csv")]))
    assert "Study:" not in text
    assert text.count("table.csv") == 2


def test_the_same_content_is_the_same_page_to_the_byte():
    assert report.render(content()) == report.render(content())


def test_the_finding_of_a_figure_stands_apart_from_what_it_shows():
    text = report.render(content(figures=[("error", SVG, "It is least at 1.1e-07.\n\nThe V.")]))
    found = '<p class="found"><b>Figure 1: Error.</b> It is least at <span class="n">1.1e-07</span>.</p>'
    assert found in text
    assert "<p>The V.</p>" in text
    assert 'aria-label="Error: It is least at 1.1e-07. The V."' in text


def test_how_the_run_went_is_told_first():
    text = report.render(content())
    assert '<li class="good">✓ 1 job done</li>' in text
    assert text.index("1 job done") < text.index("99 rows") < text.index("<h2")
    assert '<li class="bad">! 1 of 2 jobs done</li>' in report.render(content(outcome="1 of 2 jobs done", well=False))


def policy_faults(text: str) -> list[str]:
    """The scripts of a page that its policy would not run, or that it would run though they are not ours."""
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1].replace("&#39;", "'")
    allowed = set(re.findall(r"'sha256-([^']*)'", policy))
    scripts = re.findall(r"<script>(.*?)</script>", text, flags=re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in scripts]
    faults = [f"script {k} is refused" for k, one in enumerate(hashes) if one not in allowed]
    return faults + ["it loads"] * ("default-src 'none'" not in policy) + ["a hash too many"] * (len(allowed) > 1)


@pytest.mark.parametrize("slider", [None, report.Slider([], [])], ids=["plain", "slider"])
def test_the_policy_lets_the_script_of_the_page_run_and_no_other(slider):
    text = report.render(content(slider=slider))
    assert policy_faults(text) == []
    assert policy_faults(text.replace("</body>", "<script>go()</script></body>")) == ["script 1 is refused"]
    assert policy_faults(text.replace("default-src", "img-src")) == ["it loads"]


def test_the_data_of_the_slider_are_there_and_cannot_end_their_element():
    places = [{"name": "a < b & c > d </script>", "x": 1.0}]
    text = report.render(content(slider=report.Slider(places, ["It grows."])))
    (data,) = re.findall(r'<script type="application/json" id="slider-data">(.*?)</script>', text)
    assert "<" not in data
    assert json.loads(data) == places
    assert 'id="slider-data"' not in report.render(content())


TEXTS = [
    *itertools.product(("ink", "soft", "accent"), ("ground", "tint", "hover")),
    *itertools.product(("good", "warn"), ("ground",)),
    ("accent", "accent-tint"),
    ("good", "good-tint"),
    *itertools.product(("warn", "ink", "soft"), ("warn-tint",)),
]
"""Colours of letters, each with a ground that they stand on."""


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb (WCAG 2.2)."""
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def contrast_faults(style: str) -> list[str]:
    """The colours of letters that stand out too little, in either theme."""
    pairs = dict(re.findall(r"--([\w-]+): light-dark\((#\w{6}, #\w{6})\)", style))
    themes = {name: colours.split(", ") for name, colours in pairs.items()}
    faults = [
        f"{ink} on {ground}, {theme}"
        for ink, ground in TEXTS
        for theme, (a, b) in zip(("light", "dark"), zip(themes[ink], themes[ground], strict=True), strict=True)
        if contrast(a, b) < 4.5
    ]
    edges = zip(("light", "dark"), zip(themes["edge"], themes["ground"], strict=True), strict=True)
    return faults + [f"edge, {theme}" for theme, (a, b) in edges if contrast(a, b) < 3.0]


def test_every_letter_stands_out_in_both_themes():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    style = (report.PAGE / "style.css").read_text(encoding="utf-8")
    assert contrast_faults(style) == []
    assert "soft on ground, light" in contrast_faults(re.sub(r"(--soft: light-dark\()#\w+", r"\1#909090", style))


def test_an_installed_copy_has_the_page(tmp_path):
    pytest.importorskip("setuptools", reason="a wheel is built with it", minversion="77")
    source, target = tmp_path / "source", tmp_path / "wheel"
    for name in ("derivkit", "experiments", "hydra_plugins", "conf"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    target.mkdir()
    build = f"from setuptools.build_meta import build_wheel; build_wheel({str(target)!r})"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True)
    (wheel,) = target.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        files = {name for name in packed.namelist() if name.startswith("experiments/page/templates/")}
    assert files == {f"experiments/page/templates/{path.name}" for path in report.PAGE.iterdir()}
    assert len(files) == 4


def test_a_run_that_is_gathered_again_has_the_same_page_to_the_byte(tmp_path):
    words = ["function=exp", "x=1", "method=central_2", "figures.formats=[svg]", f"hydra.sweep.dir={tmp_path / 'run'}"]
    assert run.main(words) == 0
    page = (tmp_path / "run" / "report.html").read_bytes()
    assert b"slider-data" in page
    assert collect.main([str(tmp_path / "run")]) == 0
    assert (tmp_path / "run" / "report.html").read_bytes() == page


@pytest.mark.parametrize("text", ["1" * 200_000, "a" * 200_000, "1." * 100_000, "a = " * 50_000, "1e-" * 60_000])
def test_a_long_text_is_set_in_linear_work(text: str):
    # The quadratic one took 84 s for half as much.
    assert len(report._whole_numbers(text)) >= len(text)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("at x = 1.5e-4, 2e-3", ["x = 1.5e-4", "2e-3"]),
        ("error 3.05e-10 (delta = 1e-05)", ["3.05e-10", "delta = 1e-05"]),
        ("-1e-5 in 10-11-51-123456", ["1e-5", "10-11-51"]),
        ("10-11-51 and figures.delta = 1e-3", ["10-11-51", "1e-3"]),
        ("1e5 and 1.5", []),
    ],
)
def test_a_small_number_is_not_broken_at_its_minus(text: str, kept: list[str]):
    assert re.findall('<span class="n">(.*?)</span>', report._whole_numbers(text)) == kept
