"""Everything that the laboratory computes, prints and draws, held to the bit: what a restructuring must leave equal.

    python tests/yardstick.py                      # every preset at a small size, and a few other commands
    python tests/yardstick.py --only honesty training --jobs 1
    python tests/yardstick.py --write [--only ...] # store what comes out now

It runs commands alone, in a directory of its own, and reads what they leave; modules may move under it. Held in
``yardstick.json`` are, for every run, a digest of each column of each table and the content hash in run.json, the lines
printed in the terminal, findings, best row, the page's text, and the digest of each figure's SVG and of table.csv.

What a clock measured is outside: a column marked so in its Parquet file, and what `CLOCKED` and `CLOCKED_FIGURES` name.
`--write` runs everything twice and stores nothing that fails or differs between the two. A new preset needs its row in
`SIZES`; without one the yardstick refuses.

Bits depend on NumPy, on the processor and on what draws. Where these differ from those stored, this is said, and only
the tables' names, columns and rows and the figures' names are held; texts are compared without their numbers, and what
differs is shown but is no failure. The exit status is 0 if all that is held is equal, else 1.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import hashlib
import html
import importlib
import io
import json
import multiprocessing
import os
import platform
import re
import shlex
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
STORED = Path(__file__).with_suffix(".json")

SIZES: dict[str, tuple[str, ...]] = {
    "analytical_vs_numerical": ("samples=200", "repeats=1", "per_decade=2"),
    "best_delta": ("hydra/sweeper=basic", "delta=1e-12,1e-6,1e-1", "method=forward_1,central_4"),
    "brute_force": ("network=[tiny,tiny_tanh]", "divide=[1,2]", "samples=[1,2,4]", "part=4", "repeats=1"),
    "chapter": ("samples=4", "features=4", "repeats=1"),
    "convergence": ("method=[forward_1,backward_3,central_2,central_8]",),
    "delta_sweep": ("delta=${logspace:-16,0,33}", "function=[exp,sin,tanh],[absolute,sqrt]"),
    "derivations": (),
    "diagnose": (),
    "expression_swell": ("depth=[3,4,6]",),
    "float32_or_float64": ("x=[0.5,1]", "lowest_exponent=-2", "highest_exponent=0"),
    "gradient_check": ("kinds=[factor,entry]", "sizes=[1e-2,1e-6]", "plants=1", "correct=2"),
    "honesty": ("points=4", "landscapes=1"),
    "leaderboard": ("population=edges", "points=1", "estimator=[derivative,ridders]"),
    "network_gradient": ("network=[tiny,tiny_tanh]", "batches=[1,8]", "parameters=20", "delta=${logspace:-8,0,9}"),
    "noise": ("points=1", "levels=[1e-10,1e-6]"),
    "per_sample": ("network=[tiny,regression]", "samples=16", "steps=[0,4]", "draws=20", "batches=[1,4,16]"),
    "precision": ("x=[0.5,1]", "delta=${powers_of_two:0,-30}", "lowest_exponent=-4", "highest_exponent=1"),
    "sampled": ("signals=[five]", "smoother=[from_samples,smoother_1,local_quadratic,np.gradient]", "samples=150"),
    "speed": ("network=[tiny]", "samples=[4]", "points=100", "many_points=[100]", "sampled=[100]", "deltas=5",
              "table_points=10", "repeats=1", "quick_repeats=2"),
    "tangents": (),
    "training": ("steps=6", "samples=16", "held_out=16", "batch=8"),
    "population": ("population=edges", "points=2"),
    "where_it_breaks": (),
    "which_delta": ("function=[exp,sin]", "deltas=33"),
    "worksheet": (),
    "which_formula": ("delta=${logspace:-16,0,33}",),
}  # fmt: skip
"""At which size each preset runs: seconds, yet every table has rows and every kind of figure is drawn."""

RUN = ("experiments.run", "figures.formats=[svg]")
QUICK = (*RUN, "function=[sin,exp]", "delta=${logspace:-8,0,9}", "figures.draw=null")
CALLABLE = ("python=math:sinh", "x=[0.5,1]")
CASES: dict[str, tuple[tuple[str, ...], ...]] = {
    **{preset: ((*RUN, f"experiment={preset}", *words, "hydra.sweep.dir=run"),) for preset, words in SIZES.items()},
    "first_command": ((*RUN, "delta=1e-4,1e-8", "hydra.sweep.dir=run"),),
    "second_derivative": ((*RUN, "derivative=2", "expression=x**3*sin(x)", "x=0.5,1", "hydra.sweep.dir=run"),),
    "callable": (  # of which nothing is known but its values
        (*RUN, *CALLABLE, "delta=${logspace:-12,0,13}", "hydra.sweep.dir=sweep"),
        (*RUN, *CALLABLE, "experiment=which_delta", "hydra.sweep.dir=which_delta"),
        (*RUN, *CALLABLE, "experiment=tangents", "hydra.sweep.dir=tangents"),
    ),
    "compare": (
        (*QUICK, "method=[forward_1,central_2]", "hydra.sweep.dir=run1"),
        (*QUICK, "method=[forward_1,central_4]", 'function.sin.expression="sin(x)+1e-6*x^2"', "hydra.sweep.dir=run2"),
        (*QUICK, "method=[forward_1]", "hydra.sweep.dir=run3"),
        (*QUICK, "method=[central_6]", "hydra.sweep.dir=run4"),
        (*QUICK, "method=[backward_2]", "x=2", "hydra.sweep.dir=run5"),
        ("experiments.compare", "run1", "run2", "--fail-on-change"),
        ("experiments.compare", "run1", "run2", "run3"),
        ("experiments.compare", "run1", "run2", "run3", "run4", "run5"),
    ),
}
"""Every case: its commands, each a module that is run and its words. Directories named run<n> are not looked into."""

STATUSES = {"experiments.compare run1 run2 --fail-on-change": 1}
"""Exit statuses other than 0."""

CLOCKED: dict[str, tuple[str, ...]] = {
    "analytical_vs_numerical": (
        r"(?<=Is it much quicker[?]).*",
        r"(?<=a point costs ).*(?= They lose)",
        r"  +[\d.]+  +[\d.e+]+$",
    ),
    "brute_force": (
        r"[\d.e+-]+ (ns|µs|ms|s|minutes|hours)\b",
        r"\b(naive|batched|incremental|backprop) [\d.e+-]+",
        r"the time of \d+ forward passes",
        r"[\d.]+ forward passes(?=: another)",
        r"[\d.]+ times as (fast|slow)",
        r"^Batched .*(?= It grows)",
        r"^Figure \d+[.] .*",
        r"(?<= times, is within a factor of ).*",
        r"(By the cost model, |Nothing is predicted for ).*",
        r"(  +[\d.e+-]+){6}$",
    ),
    "chapter": (
        r"^Figure 2[01][.] .*",
        r"took .*(?= of the time)",
        r"(?<=on the whole batch, ).*(?= times the analytical)",
    ),
    "leaderboard": (r"[\d.e+-]+(?=  +(this library|step rule|tool with))",),
    "sampled": (r"  +(seconds|[\d.e+-]+)$",),
    "speed": (r"(?<=: )[\d.e+-]+ times .*", r" +[\d.e+-]+ +(-|[\d.]+) +(-|[\d.]+)$"),
    "training": (r"(?<=and took )[\d.e+]+(?= times as long)",),
}
"""What a text tells of times; it is replaced by dots."""

CLOCKED_FIGURES = {
    "analytical_vs_numerical": ("worth.svg",),
    "brute_force": ("parameters.svg", "passes.svg", "samples.svg", "model.svg"),
    "chapter": ("figure_20.svg", "figure_21.svg"),
    "sampled": ("time.svg",),
}
"""Figures of times, of which only the names are held."""

ABSENT = ("jax", "scipy", "torch")
"""Other tools, which the study `speed` would time as well where they are installed."""

DISTRIBUTIONS = (
    "numpy",
    "pandas",
    "pyarrow",
    "matplotlib",
    "python-flint",
    "jinja2",
    "rich",
    "hydra-core",
    "omegaconf",
)
WIDTH = "100000"
"""Columns of the terminal in which all is printed."""
DIGITS = 12
"""Hexadecimal digits that are kept of a digest: 48 bits, as nobody makes two things alike on purpose."""
STATUS, TEXT = "exit status ", "text "
MOST_SHOWN = 40
"""Lines shown of the difference of one text."""

Observed = dict[str, Any]
"""What is held of a case: ``texts``, ``tables``, ``figures``."""


# What a case leaves


def observe(name: str) -> Observed:
    """Run the commands of a case in a directory of its own and return what they print and leave."""
    with tempfile.TemporaryDirectory(prefix="yardstick-") as place, contextlib.chdir(place):
        texts = {f"printed {k}": _printed(*command) for k, command in enumerate(CASES[name], start=1)}
        observed: Observed = {"texts": dict(texts), "tables": {}, "figures": {}}
        for report in sorted(Path().rglob("report.html")):
            directory = report.parent
            if not re.fullmatch(r"run\d", directory.name):
                kind = f"comparison {len(observed['texts']) - len(texts) + 1}"
                name_of_run = "" if directory.name == "run" else f"{directory.name} "
                label = f"{kind} " if "compare" in directory.parts else name_of_run
                _add(observed, label, directory)
    return _without_times(name, observed)


def _printed(module: str, *words: str) -> list[str]:
    """Return what a command prints, its exit status, and, where this is not 0, what it says of errors."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = importlib.import_module(module).main(list(words))
        except BaseException as error:  # noqa: BLE001 - the other cases go on
            traceback.print_exc()
            status = repr(error)
    said = [_text(out), *(["error output:", _text(err)] if status else [])]
    return [f"$ python -m {module} {shlex.join(words)}", *"".join(said).splitlines(), f"{STATUS}{status}"]


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    return _masked_places(stream.buffer.getvalue().decode())  # type: ignore[attr-defined]  # a BytesIO


def _masked_places(text: str) -> str:
    text = text.replace(str(Path.cwd()), "PLACE")
    text = re.sub(r"\d{4}-\d\d-\d\d/\d\d-\d\d-\d\d-\d+-\d+", "DATE", text)
    return re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?([.]\d+)?( UTC|[+]00:00)?", "DATE", text)


def _add(observed: Observed, label: str, directory: Path) -> None:
    record = json.loads(_read(directory / "run.json") or "{}")
    for path in sorted(directory.glob("*.parquet")):
        hashed = record.get("tables", {}).get(path.stem, {}).get("hash", "")[:DIGITS]
        observed["tables"][f"{label}{path.stem}"] = _table(path) | {"hash": hashed}
    measured = {name for name, table in observed["tables"].items() if "clock" in table["columns"].values()}
    for path in (*sorted(directory.glob("figures/*.svg")), *sorted(directory.glob("*.csv"))):
        clock = f"{label}{path.stem}" in measured and path.suffix == ".csv"
        observed["figures"][f"{label}{path.name}"] = "clock" if clock else _digest(path.read_bytes())
    observed["texts"][f"{label}page"] = _page(_read(directory / "report.html"), label, measured)
    if "best" in record:
        observed["texts"][f"{label}best"] = [json.dumps(record["best"])]


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:DIGITS]


def _table(path: Path) -> dict[str, Any]:
    """Return the rows of a table, in a file or in a folder of parts, and a digest of each column."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - after the laboratory, which has a say in how NumPy is loaded

    table = pq.read_table(path)
    clocked = {field.name for field in table.schema if b"measured" in (field.metadata or {})}
    columns = {name: "clock" if name in clocked else _column(table[name]) for name in table.column_names}
    return {"rows": table.num_rows, "columns": columns}


def _column(column: Any) -> str:
    """Return the digest of a column's type and values; a missing number is the one NaN."""
    import numpy as np  # noqa: PLC0415 - as above

    values = column.to_numpy()
    if values.dtype.kind == "f":
        values = np.where(np.isnan(values), np.nan, values)
    content = json.dumps(list(values)).encode() if values.dtype.kind == "O" else values.tobytes()
    return f"{values.dtype.kind} {_digest(content)}"


def _page(text: str, label: str, measured: set[str]) -> list[str]:
    """Return a page's text up to its configuration and record, drawings and the rows of tables as digests."""
    body = re.split(r'<section aria-labelledby="(?:configuration|record)"', text[text.find("<section") :])[0]
    body = re.sub(r"<svg.*?</svg>", _mark if label.startswith("comparison") else "", body, flags=re.DOTALL)
    body = re.sub(r"<(script|style).*?</\1>", _mark, body, flags=re.DOTALL)
    return [
        line
        for part in re.split(r"(?=<h3|<details class=\"folded\" id=)", body)
        for line in _lines(part, f"{label}{_heading(part)}" in measured)
    ]


def _heading(part: str) -> str:
    """Return the name of the table that a part of the page is of, as the page writes it."""
    found = re.match(r'<h3[^>]*>(.*?)</h3>|<details class="folded" id=[^>]*><summary>(.*?):', part)
    name = ((found[1] or found[2]) if found else "").lower().replace(" ", "_")
    return "table" if name == "main_table" else name


def _lines(part: str, measured: bool) -> Iterator[str]:  # noqa: FBT001 - of one caller
    part = re.sub(r"<tbody.*?</tbody>", "" if measured else _mark, part, flags=re.DOTALL)
    part = re.sub(r"<(thead|dl).*?</\1>", _mark, part, flags=re.DOTALL)
    part = re.sub(r"(?<=[^\n])\n(?=[^<\n])", " ", part) if "<pre" not in part else part
    for line in html.unescape(re.sub(r"<[^>]*>", "", part)).splitlines():
        if line.strip():
            yield _masked_places(line.rstrip())


def _mark(match: re.Match[str]) -> str:
    """Stand for a part of a page by its digest."""
    name = re.match(r"<(\w+)", match[0])
    assert name is not None
    return f"[{name[1]} {_digest(_masked_places(match[0]).encode())}]"


def _without_times(name: str, observed: Observed) -> Observed:
    """Replace what the texts tell of times, and forget the bytes of the figures that show them."""
    texts, figures = observed["texts"], observed["figures"]
    for pattern in CLOCKED.get(name, ()):
        texts = {one: [re.sub(pattern, "...", line) for line in lines] for one, lines in texts.items()}
    if name in CLOCKED:  # the width of a column is that of the longest number
        texts = {one: [re.sub(r"  +", "  ", line) for line in lines] for one, lines in texts.items()}
    figures |= dict.fromkeys(figures.keys() & CLOCKED_FIGURES.get(name, ()), "clock")
    return observed | {"texts": texts, "figures": figures}


def failures(observed: Observed) -> list[str]:
    """Return what the commands said that ended with another status than they should."""
    said = [lines for lines in observed["texts"].values() if lines and lines[-1].startswith(STATUS)]
    failed = [lines for lines in said if lines[-1] != f"{STATUS}{_expected(lines[0])}"]
    return [line for lines in failed for line in (lines[0], *lines[1:][-MOST_SHOWN:])]


def _expected(command: str) -> int:
    return STATUSES.get(command.removeprefix("$ python -m "), 0)


def _masked_numbers(lines: Sequence[str]) -> list[str]:
    without_digests = [re.sub(rf"\[(\w+) [0-9a-f]{{{DIGITS}}}\]", r"[\1]", line) for line in lines]
    return [re.sub(r"[ -]*[\d.,]*\d(e[+-]?\d+)?[ -]*", " # ", line) for line in without_digests]


# Comparison


def environment() -> dict[str, str]:
    """Return what the bits of a result and of a drawing depend on apart from the code."""
    from numpy._core._multiarray_umath import __cpu_features__ as features  # noqa: PLC0415 - as above

    return {
        "python": platform.python_version(),
        "libc": " ".join(platform.libc_ver()),
        "machine": platform.machine(),
        "features": " ".join(sorted(name for name, enabled in features.items() if enabled)),
        "variables": " ".join(f"{name}={os.environ[name]}" for name in sorted(os.environ) if "CORETYPE" in name),
        **{name: _version(name) for name in DISTRIBUTIONS},
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def differences(stored: Observed, found: Observed, *, bits: bool) -> Iterator[str]:
    """Say in lines what differs between what is stored of a case and what came out."""
    for name, old, new in _pairs(stored["texts"], found["texts"]):
        if old is None or new is None:
            yield f"text {name} {'is new' if old is None else 'is missing'}"
            continue
        before, after = (old, new) if bits else (_masked_numbers(old), _masked_numbers(new))
        if before != after:
            lines = list(difflib.unified_diff(before, after, "stored", "now", lineterm="", n=0))[2:]
            more = [f"... and {len(lines) - MOST_SHOWN} lines more"] if len(lines) > MOST_SHOWN else []
            yield "\n".join([f"{TEXT}{name} differs:", *(f"      {line}" for line in [*lines[:MOST_SHOWN], *more])])
    for name, old, new in _pairs(stored["tables"], found["tables"]):
        told = _table_differences(old, new, bits=bits)
        if told:
            yield f"table {name}: {'; '.join(told)}"
    for name, old, new in _pairs(stored["figures"], found["figures"]):
        if old is None or new is None:
            yield f"figure or file {name} {'is new' if old is None else 'is missing'}"
        elif bits and old != new:
            yield f"figure or file {name} differs"


def _pairs(stored: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for name in dict.fromkeys([*stored, *found]):
        yield name, stored.get(name), found.get(name)


def _table_differences(old: Any, new: Any, *, bits: bool) -> list[str]:
    if old is None or new is None:
        return ["is new" if old is None else "is missing"]
    told = [f"{new['rows']} rows, stored {old['rows']}"] if old["rows"] != new["rows"] else []
    if list(old["columns"]) != list(new["columns"]):
        told.append(f"columns are {', '.join(new['columns'])}; stored {', '.join(old['columns'])}")
    both = [name for name in new["columns"] if name in old["columns"]]
    changed = [name for name in both if _kept(old["columns"][name], bits) != _kept(new["columns"][name], bits)]
    if changed:
        told.append(f"of {len(both)} columns differ {', '.join(changed)}")
    if bits and old["hash"] != new["hash"]:
        told.append("its hash in run.json differs" + ("" if told else ", though its columns are equal"))
    return told


def _kept(digest: str, bits: bool) -> str:  # noqa: FBT001 - of one caller
    return digest if bits else digest.split(maxsplit=1)[0]


# The command


def main(argv: Sequence[str] | None = None) -> int:
    """Run the cases, compare or store what comes out, and return 0 if all is equal, else 1."""
    missing = {path.stem for path in (ROOT / "conf/experiment").glob("*.yaml")} - SIZES.keys()
    if missing:
        print(f"no size is given for {', '.join(sorted(missing))}: add a row to SIZES")  # noqa: T201
        return 1
    args = _arguments(argv)
    content = json.loads(STORED.read_text(encoding="utf-8")) if STORED.exists() else {"cases": {}}
    if args.write and args.only != list(CASES) and content.get("environment") != environment():
        print("the environment is not the one that is stored: write all cases, without --only")  # noqa: T201
        return 1
    started = time.monotonic()
    found = _observed(args.only, args.jobs)
    status = _write(content, found, args) if args.write else _compare(content, found)
    print(f"{len(found)} cases, {time.monotonic() - started:.0f} s")  # noqa: T201
    return status


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", metavar="CASE", choices=list(CASES), default=list(CASES),
                        help=f"some of {', '.join(CASES)}")  # fmt: skip
    parser.add_argument("--write", action="store_true", help="run twice, and store what comes out")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="processes; else one a core")
    return parser.parse_args(argv)


def _observed(names: Sequence[str], jobs: int) -> dict[str, Observed]:
    for name in ("LAB_OUTPUTS", "FORCE_COLOR", "PYTHONWARNINGS"):
        os.environ.pop(name, None)
    os.environ |= {"COLUMNS": WIDTH, "NO_COLOR": "1", "PYTHONPATH": str(ROOT)}
    found = {}
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=spawn, initializer=_prepare) as pool:
        futures = {pool.submit(_timed, name): name for name in names}
        for future in as_completed(futures):
            found[futures[future]], seconds = future.result()
            print(f"  {futures[future]} {seconds:.1f} s", file=sys.stderr, flush=True)  # noqa: T201
    return {name: found[name] for name in names}


def _prepare() -> None:
    """Import the laboratory of this tree, not ``tests/experiments``, and find no other tools."""
    sys.path[:] = [str(ROOT), *(place for place in sys.path if place != str(ROOT / "tests"))]
    sys.modules.update(dict.fromkeys(ABSENT))  # type: ignore[arg-type]  # so they are not found


def _timed(name: str) -> tuple[Observed, float]:
    began = time.process_time()
    return observe(name), time.process_time() - began


def _compare(content: Mapping[str, Any], found: Mapping[str, Observed]) -> int:
    old, new = content.get("environment", {}), environment()
    bits = old == new
    if not bits:
        print("NOT compared are the bits of tables and figures, and numbers in texts: the environment differs.")  # noqa: T201
        for name, before, after in _pairs(old, new):
            if before != after:
                print(f"  {name}: {after}; stored {before}")  # noqa: T201
    differ = 0
    for name, observed in found.items():
        if name not in content["cases"]:
            told = ["nothing is stored: run with --write"]
        else:
            told = failures(observed) or list(differences(content["cases"][name], observed, bits=bits))
        differ += any(bits or not line.startswith(TEXT) for line in told)
        for line in [name, *(f"  {line}" for line in told)] if told else []:
            print(line)  # noqa: T201
    what = "to the bit" if bits else "as far as they can be compared here"
    print(f"{differ} of {len(found)} cases differ" if differ else f"all {len(found)} cases are equal {what}")  # noqa: T201
    return int(differ > 0)


def _write(content: dict[str, Any], found: Mapping[str, Observed], args: argparse.Namespace) -> int:
    again = _observed(args.only, args.jobs)
    for name, observed in found.items():
        told = list(differences(observed, again[name], bits=True))
        told = failures(observed) or told
        if told:
            print("\n  ".join([f"{name} is not stored: it fails, or differs when it is repeated", *told]))  # noqa: T201
            content["cases"].pop(name, None)
        else:
            content["cases"][name] = observed
    cases = {name: content["cases"][name] for name in CASES if name in content["cases"]}
    STORED.write_text(_json({"environment": environment(), "cases": cases}), encoding="utf-8")
    return int(not found.keys() <= cases.keys())


def _json(content: Any, indent: str = "") -> str:
    """Return JSON with a table on one line, and a text as one line for each of its own."""
    if not content or not isinstance(content, dict | list) or (isinstance(content, dict) and "columns" in content):
        return json.dumps(content, ensure_ascii=False)
    deeper = indent + " "
    if isinstance(content, list):
        parts = [json.dumps(one, ensure_ascii=False) for one in content]
        return "[\n" + ",\n".join(deeper + part for part in parts) + f"\n{indent}]"
    parts = [f"{deeper}{json.dumps(key)}: {_json(value, deeper)}" for key, value in content.items()]
    return "{\n" + ",\n".join(parts) + f"\n{indent}}}"


if __name__ == "__main__":
    sys.exit(main())
