"""The page of a run in a real browser: it moves, sorts, filters, prints and is read without eyes and without script.

Every kind of check is a function that lists faults; each is also held against a page that was broken on purpose.
"""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from yardstick import SIZES

playwright = pytest.importorskip("playwright.sync_api", reason="the extra `browser` is not installed")
axe = pytest.importorskip("axe_core_python", reason="the extra `browser` is not installed")
ROOT = Path(__file__).resolve().parents[3]
BROWSER = next((path for path in map(Path, ("/usr/bin/chromium", "/usr/bin/chromium-browser")) if path.exists()), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="there is no chromium in /usr/bin"),
]
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
PAPER = {"width": 680, "height": 1000}
"""An upright sheet of A4 within its margins of 15 mm, at 96 pixels to the inch."""
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=str(BROWSER), args=list(ARGUMENTS))
        yield started
        started.close()


def command(directory: Path, module: str, *words: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "LAB_OUTPUTS": str(directory.parent)}
    subprocess.run(
        [sys.executable, "-m", module, *words], check=True, capture_output=True, cwd=directory.parent, env=environment
    )


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    """The page of a real run: two functions, three methods, with an expression that is no markup."""
    directory = tmp_path_factory.mktemp("runs") / "run"
    words = ("function=[exp,sin]", "x=1", "figures.formats=[svg]", f"hydra.sweep.dir={directory}")
    command(directory, "experiments.run", *words)
    return directory / "report.html"


@contextmanager
def opened(browser: Any, path: Path, **context: Any) -> Iterator[Any]:
    """The page in a window of its own; what it asked for and complained of is in `page.asked` and `page.complaints`."""
    window = browser.new_context(**{"viewport": WIDE, **context})
    page = window.new_page()
    page.asked, page.refused, page.complaints = [], [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("requestfailed", lambda request: page.refused.append((request.url, request.failure)))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("console", lambda said: page.complaints.append(said.text) if said.type in {"error", "warning"} else None)
    page.goto(path.as_uri())
    yield page
    window.close()


def unfold(page: Any, *, unfolded: bool = True) -> None:
    page.evaluate("(to) => document.querySelectorAll('details.folded').forEach((one) => { one.open = to; })", unfolded)


@pytest.fixture
def broken(report: Path, tmp_path: Path) -> Callable[..., Path]:
    """The page with something replaced; its policy goes, as it would refuse another script, unless it is kept.

    Its figures are empty, as they take the longest to load.
    """

    def make(old: str, new: str, *, keep_policy: bool = False) -> Path:
        text = re.sub(
            r"(<svg aria-hidden[^>]*>).*?(?=</svg>)", r"\1", report.read_text(encoding="utf-8"), flags=re.DOTALL
        )
        assert old in text
        text = text if keep_policy else POLICY.sub("", text)
        path = tmp_path / "broken.html"
        path.write_text(text.replace(old, new), encoding="utf-8")
        return path

    return make


# Nothing leaves the file, nothing is complained of


def strangers(page: Any) -> list[str]:
    return [url for url in page.asked if not url.startswith(("file:", "data:"))]


def test_nothing_is_asked_of_another_place_and_nothing_is_complained_of(browser, report) -> None:
    with opened(browser, report) as page:
        page.locator("#slider-delta").press("ArrowLeft")
        page.mouse.wheel(0, 5000)
        assert len(page.asked) == 1
        assert strangers(page) == []
        assert page.complaints == []


def test_a_request_and_a_complaint_are_caught(browser, broken) -> None:
    with opened(browser, broken("</main>", '<img alt="" src="https://example.invalid/a.png"></main>')) as page:
        assert strangers(page) == ["https://example.invalid/a.png"]
    with opened(browser, broken("</main>", "<script>throw new Error('no')</script></main>")) as page:
        assert page.complaints == ["no"]


@pytest.mark.parametrize(
    "foreign", ["<script>document.title = 'taken'</script>", '<img alt="" src="https://example.invalid/a.png">']
)
def test_the_policy_of_the_page_refuses_what_is_foreign(browser, broken, foreign) -> None:
    with opened(browser, broken("</main>", f"{foreign}</main>", keep_policy=True)) as page:
        assert {(url, "csp") for url in strangers(page)} <= set(page.refused)
        assert "Content Security Policy" in page.complaints[0]
        assert page.title() == "Error against delta"


# The slider


def slope(page: Any, selector: str) -> float:
    """The slope of a line on the screen, whose y goes down."""
    x1, y1, x2, y2 = (float(page.locator(selector).get_attribute(name)) for name in ("x1", "y1", "x2", "y2"))
    return (y1 - y2) / (x2 - x1)


MOVED = """
() => {
  const at = (id) => document.getElementById(`slider-${id}`);
  const lines = () => [at("secant"), at("graph").querySelector(".tangent")].map((line) => {
    const [x1, y1, x2, y2] = ["x1", "y1", "x2", "y2"].map((name) => Number(line.getAttribute(name)));
    return (y1 - y2) / (x2 - x1);
  });
  return JSON.parse(at("data").textContent)[0].methods.map((method, place) => {
    at("method").selectedIndex = place;
    at("method").dispatchEvent(new Event("change"));
    const states = method.delta.map((_, k) => {
      at("delta").value = k;
      at("delta").dispatchEvent(new Event("input"));
      const [secant, tangent] = lines();
      const y = Number(at("here").getAttribute("cy"));
      return { words: at("told").textContent, away: Math.abs(secant - tangent), y };
    });
    return { name: method.name, error: method.error, states };
  });
}
"""
"""Moves the slider through all deltas of each method, and tells what is seen at each."""


def slider_faults(page: Any) -> list[str]:
    """What is wrong with the slider, moved over all of its deltas, method by method."""
    faults = []
    for method in page.evaluate(MOVED):
        name, error, states = method["name"], method["error"], method["states"]
        known = [k for k, value in enumerate(error) if value is not None]
        for k in known:
            told = re.search(r"the error is ([\d.e-]+)\. ", states[k]["words"])
            if told is None or float(told[1]) != pytest.approx(error[k], rel=5e-3):
                faults.append(f"{name}: {states[k]['words']!r} does not tell the error {error[k]}")
            if re.match(r"With delta = (\S+),.* at a (larger|smaller) delta, \1\.$", states[k]["words"]):
                faults.append(f"{name}: {states[k]['words']!r} calls a delta larger or smaller than itself")
        best = min(known, key=error.__getitem__)
        small, least, large = (states[k] for k in (known[0], best, known[-1]))
        if not least["away"] < large["away"]:
            faults.append(f"{name}: the secant does not move towards the tangent")
        if not least["away"] < small["away"]:
            faults.append(f"{name}: the secant does not leave the tangent again")
        if not (least["y"] > large["y"] and least["y"] > small["y"]):  # y goes down on a screen
            faults.append(f"{name}: the error does not grow to both sides")
    return faults


def test_the_slider_moves_the_secant_to_the_tangent_and_the_error_grows_back(browser, report) -> None:
    with opened(browser, report) as page:
        assert slider_faults(page) == []


def test_keys_and_the_mouse_move_the_slider(browser, report) -> None:
    with opened(browser, report) as page:
        delta, told = page.locator("#slider-delta"), page.locator("#slider-told")
        assert float(re.search(r"the error is ([\d.e-]+)\. ", told.text_content())[1]) < 1e-7
        delta.focus()
        page.keyboard.press("End")
        assert "With delta = 1," in told.text_content()
        before = slope(page, "#slider-secant")
        for _ in range(8):  # eight deltas per decade
            page.keyboard.press("ArrowLeft")
        assert "With delta = 0.1," in told.text_content()
        assert "delta 0.1, error" in delta.get_attribute("aria-valuetext")
        assert slope(page, "#slider-secant") < before
        page.keyboard.press("Home")
        assert "no estimate" in told.text_content()
        page.keyboard.press("End")
        delta.scroll_into_view_if_needed()
        box = delta.bounding_box()
        page.mouse.move(box["x"] + box["width"] - 8, box["y"] + box["height"] / 2)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=4)
        page.mouse.up()
        assert int(delta.input_value()) == pytest.approx(64, abs=3)
        assert re.search(r"delta = [\d.]+e-(7|8|9),", told.text_content())


def test_the_slider_has_every_function_and_method_and_says_why_small_is_not_best(browser, report) -> None:
    with opened(browser, report) as page:
        names = page.locator("#slider-place option").all_text_contents()
        assert names == ["exp at x = 1", "sin at x = 1"]
        page.locator("#slider-place").select_option("sin at x = 1")
        page.locator("#slider-method").select_option("central_2")
        shown = page.locator("#slider-turning li:visible").all_text_contents()
        assert len(shown) == 1
        assert shown[0].startswith("sin at x = 1, central_2: from delta = 1 to ")
        assert "Below that rounding takes over: at delta = " in shown[0]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('at("told").textContent = words;', "", "does not tell"),
        ("if (method.delta[k] === method.best) return", "if (false) return", "larger or smaller than itself"),
        ("method.height[k], method.estimate[k])", "method.height[k], method.estimate[0])", "towards the tangent"),
        ("(at ?? FRAME.bottom).toFixed(2)", "FRAME.bottom", "does not grow"),
    ],
)
def test_a_slider_that_lies_is_caught(browser, broken, old, new, fault) -> None:
    with opened(browser, broken(old, new)) as page:
        assert any(fault in one for one in slider_faults(page))


# Tables


def cells(page: Any, table: int, *, visible: bool = False) -> list[list[str]]:
    rows = "[...document.querySelectorAll('table[data-sortable]')][%d].tBodies[0].rows" % table  # noqa: UP031 - has braces
    chosen = ".filter((row) => !row.hidden)" if visible else ""
    return page.evaluate(f"[...{rows}]{chosen}.map((row) => [...row.cells].map((cell) => cell.textContent))")


def number(text: str) -> float:
    return math.nan if text.strip() in {"", "-"} else float(text)


def in_order(rows: list[list[str]], column: int, *, numeric: bool, down: bool) -> list[int]:
    """The places of the rows as they should be sorted: equal ones in their order, blanks last."""
    blank = [k for k, row in enumerate(rows) if row[column].strip() in {"", "-", "nan"}]
    full = [k for k in range(len(rows)) if k not in set(blank)]
    return sorted(full, key=lambda k: number(rows[k][column]) if numeric else rows[k][column], reverse=down) + blank


SORTED = """
(place) => {
  const table = document.querySelectorAll("table[data-sortable]")[place];
  const lines = () => [...table.tBodies[0].rows];
  const first = lines();
  return [...table.tHead.rows[0].cells].map((head, column) => {
    const states = [0, 1, 2].map(() => {
      head.querySelector("button").click();
      return { said: head.getAttribute("aria-sort"), order: lines().map((line) => first.indexOf(line)) };
    });
    return { numeric: head.classList.contains("number"), states };
  });
}
"""
"""Clicks on each head of a table three times, and tells the order of the rows after each."""


def sorting_faults(page: Any, table: int) -> list[str]:
    """The columns of a table that a click sorts otherwise than it should."""
    faults = []
    first = cells(page, table)
    for column, found in enumerate(page.evaluate(SORTED, table)):
        wanted = [in_order(first, column, numeric=found["numeric"], down=down) for down in (False, True)]
        for (state, order), one in zip(
            (("ascending", wanted[0]), ("descending", wanted[1]), (None, list(range(len(first))))),
            found["states"],
            strict=True,
        ):
            if one["said"] != state:
                faults.append(f"column {column} is not said to be {state}")
            if one["order"] != order:
                faults.append(f"column {column} is not {state}")
    return faults


def test_every_column_of_a_table_is_sorted_both_ways_and_back(browser, report) -> None:
    with opened(browser, report) as page:
        assert sorting_faults(page, 0) == []
        assert sorting_faults(page, 1) == []


def test_a_table_is_sorted_by_keys_and_equal_rows_keep_their_order(browser, report) -> None:
    with opened(browser, report) as page:
        unfold(page)
        first = cells(page, 1)
        names = page.locator("table[data-sortable]").nth(1).locator("thead th").all_text_contents()
        button = page.get_by_role("region", name="Table: Main table").get_by_role("button", name="evaluations")
        button.focus()
        page.keyboard.press("Enter")
        column = names.index("evaluations")
        assert cells(page, 1) == sorted(first, key=lambda row: int(row[column]))
        page.keyboard.press("Space")
        assert cells(page, 1) == sorted(first, key=lambda row: -int(row[column]))


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("sign * apart(a, b)", "sign * collator.compare(String(a), String(b))", "is not ascending"),
        ('head.setAttribute("aria-sort", order)', "0", "is not said to be"),
        ("...keyed.filter(blank)]", "]", "is not ascending"),
    ],
)
def test_a_wrong_sorting_is_caught(browser, broken, old, new, fault) -> None:
    with opened(browser, broken(old, new)) as page:
        unfold(page)
        assert any(fault in one for one in sorting_faults(page, main_table(page)))


FILTERS: dict[str, Callable[[dict[str, str]], bool]] = {
    "error < 1e-8": lambda row: number(row["error"]) < 1e-8,
    "1e-8 forward": lambda row: "forward" in row["method"] and any("1e-8" in cell for cell in row.values()),
    "error>=1e-3 and method = central_4": lambda row: number(row["error"]) >= 1e-3 and row["method"] == "central_4",
    "relative error < 1e-10, sin": lambda row: number(row["relative_error"]) < 1e-10 and row["function"] == "sin",
    "status != ok": lambda row: row["status"] != "ok",
    "EXP(": lambda row: "exp(" in row["expression"],
}


def main_table(page: Any) -> int:
    """Which of the tables of a page is the main one: that of estimates by methods."""
    tables = page.locator("table[data-sortable]").all()
    heads = [set(table.locator("thead th").all_text_contents()) for table in tables]
    return next(place for place, names in enumerate(heads) if {"method", "estimate"} <= names)


def filter_faults(page: Any) -> list[str]:
    """The filters of the main table that show other rows than they should, or another number of them."""
    faults = []
    unfold(page)
    main = main_table(page)
    heads = page.locator("table[data-sortable]").nth(main).locator("thead th").all_text_contents()
    rows = cells(page, main)
    box = page.get_by_role("searchbox", name="Filter the rows: Table: Main table")
    status = page.locator(".tools", has=box).locator("output")
    for text, holds in FILTERS.items():
        box.fill(text)
        wanted = [row for row in rows if holds(dict(zip(heads, row, strict=True)))]
        if cells(page, main, visible=True) != wanted:
            faults.append(f"{text}: other rows are shown")
        if status.text_content() != f"{len(wanted)} of {len(rows)} rows shown":
            faults.append(f"{text}: it says {status.text_content()!r}")
    return faults


def test_a_filter_shows_the_rows_that_it_names_and_says_how_many(browser, report) -> None:
    with opened(browser, report) as page:
        assert filter_faults(page) == []


def test_a_filter_that_is_not_understood_says_why_and_hides_nothing(browser, report) -> None:
    with opened(browser, report) as page:
        unfold(page)
        main = main_table(page)
        box = page.get_by_role("searchbox", name="Filter the rows: Table: Main table")
        status = page.locator(".tools", has=box).locator("output")
        box.fill("eror < 1e-8")
        assert "no column “eror”; there are function, expression," in status.text_content()
        assert box.get_attribute("aria-invalid") == "true"
        assert cells(page, main, visible=True) == cells(page, main)
        box.fill("error <")
        assert "write a condition as" in status.text_content()


@pytest.mark.parametrize(
    ("old", "new"), [('"<": (a, b) => a < b', '"<": (a, b) => a > b'), ("shown += !row.line.hidden", "shown += 1")]
)
def test_a_wrong_filter_is_caught(browser, broken, old, new) -> None:
    with opened(browser, broken(old, new)) as page:
        assert filter_faults(page)


# Contents, width, themes, print, no script


VISITED = """
async () => {
  const frame = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const faults = [];
  for (const link of document.querySelectorAll("nav.contents a")) {
    const part = document.querySelector(link.hash);
    if (!part) { faults.push(`${link.hash} leads nowhere`); continue; }
    part.scrollIntoView({ behavior: "instant" });
    await frame();
    const marked = document.querySelectorAll("nav.contents a[aria-current]").length;
    if (marked !== 1) faults.push(`${marked} links are marked`);
  }
  return faults;
}
"""
"""Follows every link of the contents, and lists those that lead nowhere or are not marked when one is there."""


def test_every_link_of_the_contents_leads_to_its_part_and_is_marked_there(browser, report) -> None:
    with opened(browser, report) as page:
        assert page.evaluate(VISITED) == []
        page.emulate_media(reduced_motion="reduce")
        link = page.locator("nav.contents a", has_text="3 The graph and its secants")
        link.click()
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        assert link.get_attribute("aria-current") == "true"
        assert 0 <= page.locator("#figure-3").bounding_box()["y"] < 100


def test_contents_that_lead_nowhere_or_mark_nothing_are_caught(browser, broken) -> None:
    with opened(browser, broken('id="tables"', "")) as page:
        assert "#tables leads nowhere" in page.evaluate(VISITED)
    with opened(browser, broken('link.setAttribute("aria-current", "true")', "0")) as page:
        assert "0 links are marked" in page.evaluate(VISITED)


def test_the_contents_stand_beside_the_text_where_there_is_room_and_are_folded_where_not(browser, report) -> None:
    with opened(browser, report) as page:
        assert page.locator("nav.contents ol").first.is_visible()
        assert page.locator("nav.contents").bounding_box()["width"] < page.locator("main").bounding_box()["x"]
    with opened(browser, report, viewport=NARROW) as page:
        assert not page.locator("nav.contents ol").first.is_visible()
        page.locator("nav.contents summary").click()
        assert page.locator("nav.contents ol").first.is_visible()


def overflow(page: Any) -> int:
    """How many pixels the document is wider than the window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_a_phone_in_either_theme(browser, report, scheme) -> None:
    with opened(browser, report, viewport=NARROW, color_scheme=scheme) as page:
        assert overflow(page) == 0
        page.locator("#slider-delta").press("ArrowLeft")
        assert overflow(page) == 0


def test_a_page_that_is_too_wide_is_caught(browser, broken) -> None:
    with opened(browser, broken("</main>", '<div style="width: 500px">wide</div></main>'), viewport=NARROW) as page:
        assert overflow(page) > 0


def ground(page: Any) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_the_theme_is_that_of_the_system_until_the_button_is_pressed(browser, report) -> None:
    light, dark = "rgb(255, 255, 255)", "rgb(20, 23, 26)"
    with opened(browser, report, color_scheme="dark") as page:
        assert ground(page) == dark
        page.get_by_role("button", name="Light theme").click()
        assert ground(page) == light
        page.get_by_role("button", name="Dark theme").click()
        assert ground(page) == dark
        page.emulate_media(media="print")
        assert ground(page) == light


CONTROLS = "button.theme, input, select, nav, .skip, .tools, .slider"


PRINTED = """
(controls) => {
  const seen = (one) => one.checkVisibility({ contentVisibilityAuto: true });
  const shown = [...document.querySelectorAll(controls)].filter(seen);
  const away = "nav, .slider, .folded:not([open])";
  const said = [...document.querySelectorAll("tbody tr, dd, figcaption, pre, li")].filter((one) => !one.closest(away));
  const lost = said.filter((one) => !seen(one)).length;
  const faults = shown.map((one) => `a control is printed: ${one.outerHTML.slice(0, 60)}`);
  const folded = [...document.querySelectorAll(".folded:not([open])")].filter(seen).length;
  if (folded) faults.push(`${folded} folded parts are printed`);
  return lost ? [...faults, `${lost} parts are not printed`] : faults;
}
"""


def print_faults(page: Any, *, unfolded: bool = True) -> list[str]:
    """What paper shows though it cannot be used there, and what it hides."""
    page.emulate_media(media="screen")
    unfold(page)
    page.get_by_role("searchbox").first.fill("nothing has this")
    unfold(page, unfolded=unfolded)
    page.emulate_media(media="print")
    return page.evaluate(PRINTED, CONTROLS)


def test_paper_shows_what_is_unfolded_and_no_control(browser, report) -> None:
    for unfolded in (False, True):
        with opened(browser, report) as page:
            assert print_faults(page, unfolded=unfolded) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (".contents, .skip, .theme, .tools,", ".contents, .skip, .theme,", "a control is printed"),
        (".folded:not([open]), :is(", ".unfolded, :is(", "folded parts are printed"),
        ("tr[hidden] { display: table-row; }", "", "are not printed"),
        ("content-visibility: visible;", "", "are not printed"),
    ],
)
def test_a_bad_print_is_caught(browser, broken, old, new, fault) -> None:
    with opened(browser, broken(old, new)) as page:
        assert any(fault in one for one in [*print_faults(page), *print_faults(page, unfolded=False)])


SAID = {
    "findings": ".findings li",
    "rows": "tbody tr",
    "figures": ".card svg",
    "captions": "figure > figcaption",
    "turning points": "#slider-turning li",
}


def silent_faults(page: Any) -> list[str]:
    """What a page without script lacks."""
    faults = [f"no {what}" for what, selector in SAID.items() if not page.locator(f"{selector}:visible").count()]
    return faults + ["a slider that does not move"] * page.locator("#slider-parts").is_visible()


def test_without_a_script_the_page_says_the_same(browser, report) -> None:
    with opened(browser, report, java_script_enabled=False) as page:
        assert silent_faults(page) == []
        assert page.locator("#slider-turning li").count() == 6
        assert page.locator(".sort").count() == 0
    with opened(browser, report, java_script_enabled=False, viewport=NARROW) as page:
        assert overflow(page) == 0


def test_a_page_that_needs_its_script_is_caught(browser, broken) -> None:
    with opened(
        browser, broken('<ul class="findings"', '<ul hidden class="findings"'), java_script_enabled=False
    ) as page:
        assert silent_faults(page) == ["no findings"]
    with opened(browser, broken('id="slider-parts" hidden', 'id="slider-parts"'), java_script_enabled=False) as page:
        assert silent_faults(page) == ["a slider that does not move"]


# Without eyes

AUDIT = r"""
() => {
  const faults = [];
  const words = (node) => (node ? node.textContent.trim() : "");
  const nameOf = (one) => one.getAttribute("aria-label")?.trim()
    || (one.getAttribute("aria-labelledby") ?? "").split(/\s+/).filter(Boolean)
      .map((id) => words(document.getElementById(id))).join(" ").trim()
    || [...(one.labels ?? [])].map(words).join(" ").trim()
    || (one.matches("input, select, [role=img], nav, [role=region], table") ? "" : words(one));
  const shown = (one) => one.outerHTML.slice(0, 60);
  const named = "a[href], button, input, select, summary, nav, [role=img], [role=region], img";
  for (const one of document.querySelectorAll(named)) if (!nameOf(one)) faults.push(`no name: ${shown(one)}`);
  for (const svg of document.querySelectorAll("svg")) {
    const hidden = svg.closest("[aria-hidden=true]");
    if (!hidden && svg.getAttribute("role") !== "img") faults.push(`no role: ${shown(svg)}`);
  }
  let level = 0;
  for (const head of document.querySelectorAll("h1, h2, h3, h4, h5, h6")) {
    const next = Number(head.tagName[1]);
    if (next > level + 1) faults.push(`a heading is skipped: ${shown(head)}`);
    level = next;
  }
  for (const [selector, count] of [["h1", 1], ["main", 1], ["html[lang]", 1], [".skip[href='#main']", 1]]) {
    if (document.querySelectorAll(selector).length !== count) faults.push(`not ${count}: ${selector}`);
  }
  const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) faults.push(`an id twice: ${id}`);
  for (const region of document.querySelectorAll(".scroll, .card")) {
    if (region.scrollWidth > region.clientWidth && region.tabIndex < 0) faults.push(`no key scrolls: ${shown(region)}`);
  }
  return faults;
}
"""


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
def test_the_page_can_be_used_without_eyes(browser, report, viewport) -> None:
    with opened(browser, report, viewport=viewport) as page:
        assert page.evaluate(AUDIT) == []
        assert page.locator("#slider-told").get_attribute("aria-live") == "polite"


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ("<button></button>", "no name"),
        ("<input>", "no name"),
        ('<svg role="img"></svg>', "no name"),
        ("<svg></svg>", "no role"),
        ("<h5>deep</h5>", "skipped"),
        ("<h1>two</h1>", "not 1: h1"),
        ('<p id="main"></p>', "an id twice: main"),
    ],
)
def test_a_page_that_cannot_be_used_without_eyes_is_caught(browser, broken, more, fault) -> None:
    with opened(browser, broken("</main>", f"{more}</main>")) as page:
        assert any(fault in one for one in page.evaluate(AUDIT))


def test_the_first_key_leads_past_the_contents_and_the_focus_is_seen(browser, report) -> None:
    with opened(browser, report) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        assert page.locator(".skip").bounding_box()["y"] >= 0
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "theme"
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


VIOLATIONS = """
axe.run({ exclude: [[".card svg"]] }).then((found) => found.violations.map((one) => `${one.id}: ${one.nodes[0].html}`))
"""


def violations(page: Any) -> list[str]:
    """What axe-core objects to, with the first place of each."""
    page.evaluate((Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8"))
    return list(page.evaluate(VIOLATIONS))


@pytest.fixture(scope="module")
def comparison(tmp_path_factory) -> Path:
    """The page of two runs of which rows differ."""
    home = tmp_path_factory.mktemp("compared")
    for name, more in {"one": [], "two": ["function.sin.expression='sin(x)+1e-6*x^2'"]}.items():
        words = ("function=sin", "x=1", *more, "figures.formats=[svg]", f"hydra.sweep.dir={home / name}")
        command(home / name, "experiments.run", *words)
    command(home / "one", "experiments.compare", str(home / "one"), str(home / "two"))
    return next(home.glob("**/compare*/**/report.html"))


@pytest.fixture(scope="module")
def lesson(tmp_path_factory) -> Path:
    """A page that tells a lesson."""
    directory = tmp_path_factory.mktemp("lessons") / "run"
    words = (
        "experiment=where_it_breaks",
        "case=[kink,two_kinks,edge]",
        "figures.formats=[svg]",
        f"hydra.sweep.dir={directory}",
    )
    command(directory, "experiments.run", *words)
    return directory / "report.html"


@pytest.mark.parametrize("name", ["report", "lesson", "comparison"])
@pytest.mark.parametrize(("viewport", "scheme"), [(WIDE, "light"), (NARROW, "dark")], ids=["wide", "narrow"])
def test_axe_core_has_nothing_to_object_to(browser, request, name, viewport, scheme) -> None:
    path = request.getfixturevalue(name)
    with opened(browser, path, viewport=viewport, color_scheme=scheme, bypass_csp=True) as page:
        unfold(page)
        assert violations(page) == []


@pytest.mark.parametrize(
    ("more", "fault"), [("<button></button>", "button-name"), ('<p style="color: #bbb">pale</p>', "color-contrast")]
)
def test_what_axe_core_objects_to_is_caught(browser, broken, more, fault) -> None:
    with opened(browser, broken("</main>", f"{more}</main>")) as page:
        assert any(one.startswith(fault) for one in violations(page))


# Every study

SMALL = SIZES | {"honesty": ("points=2", "landscapes=0", "population=[edges]", "estimator=[derivative,ridders]")}
"""Words that make a preset small; its page has every kind of part that it ever has."""
MOST_BYTES = 400_000
"""What a page weighs at most: twenty figures and a dozen tables, and no crowd of points that hide one another."""
SIDEWAYS = """
() => [...document.querySelectorAll(".card")].filter((card) => card.scrollWidth > card.clientWidth + 1).map((card) => {
  const hint = card.parentElement.querySelector(".sideways");
  return { figure: card.parentElement.id, cut: Boolean(card.querySelector(".parts")),
           hinted: Boolean(hint?.checkVisibility()) };
})
"""
"""The figures that do not fit, whether they could be cut into panels, and whether it is said that they scroll."""
SHORTER = "() => document.querySelectorAll('tbody tr:nth-child(n + 6)').forEach((row) => row.remove())"
"""Leaves five rows of each table: they are alike, and axe-core takes a minute for thousands of cells."""


@pytest.mark.parametrize("preset", sorted(SMALL))
def test_the_page_of_every_study_is_light_fits_a_phone_and_can_be_used_without_eyes(browser, tmp_path, preset) -> None:
    directory = tmp_path / "run"
    words = (f"experiment={preset}", *SMALL[preset], "figures.formats=[svg]", f"hydra.sweep.dir={directory}")
    command(directory, "experiments.run", *words)
    path = directory / "report.html"
    assert path.stat().st_size <= MOST_BYTES
    for viewport, scheme in ((WIDE, "light"), (NARROW, "dark")):
        with opened(browser, path, viewport=viewport, color_scheme=scheme, bypass_csp=True) as page:
            unfold(page)
            assert overflow(page) == 0
            assert [one for one in page.evaluate(SIDEWAYS) if one["cut"] or not one["hinted"]] == []
            assert page.evaluate(AUDIT) == []
            page.evaluate(SHORTER)
            assert violations(page) == []


def test_a_figure_that_does_not_fit_though_it_could_be_cut_is_caught(browser, broken) -> None:
    path = broken("min-width: min(calc(.6 * var(--full)), 100%);", "min-width: 600px;")
    with opened(browser, path, viewport=NARROW) as page:
        assert any(one["cut"] for one in page.evaluate(SIDEWAYS))


def test_paper_has_the_whole_figure_unless_its_letters_would_be_too_small(browser, report, lesson) -> None:
    for path, cut in ((report, False), (lesson, True)):  # of the lesson a table stands beside each figure
        with opened(browser, path, viewport=NARROW) as page:
            assert page.locator(".card .parts").first.is_visible()
            page.emulate_media(media="print")
            page.set_viewport_size(PAPER)
            shown = page.locator(".card").filter(has=page.locator(".parts > svg + svg"))
            assert shown.count()
            assert {card.locator(".parts").is_visible() for card in shown.all()} == {cut}
