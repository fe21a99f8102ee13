"""The population as a data package, and answers that come back as a file."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from laboratory import record_of

import derivkit as dk
from experiments import population, run


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("package") / "new"
    assert population.main([str(directory), "population=[edges,noisy]", "points=3"]) == 0
    return directory


def table(directory: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(directory / f"{name}.parquet")


def test_the_package_describes_every_table_and_column(package: Path) -> None:
    described = json.loads((package / "datapackage.json").read_text())
    assert [one["name"] for one in described["resources"]] == ["table", "functions", "values"]
    for resource in described["resources"]:
        rows = table(package, resource["name"])
        fields = resource["schema"]["fields"]
        assert [field["name"] for field in fields] == list(rows.columns)
        assert all(field["description"] for field in fields)
        kinds = {"string": "OT", "number": "f", "integer": "i", "boolean": "b"}
        for field in fields:
            assert rows[field["name"]].dtype.kind in kinds[field["type"]], field
        assert not rows.duplicated(resource["schema"]["primaryKey"]).any()


def test_the_package_says_how_its_formulas_are_read(package: Path) -> None:
    """Every name in a formula is a function, a constant or the variable that the package describes."""
    package_said = json.loads((package / "datapackage.json").read_text())
    assert all(name in package_said["answers"] for name in ("function", "x", "value", "error", "missing"))
    said = package_said["grammar"]
    assert "most tightly first" in said["order"]
    named = {"x", "True", *said["functions"], *said["constants"]}
    for formula in table(package, "functions")["expression"]:
        assert set(re.findall(r"(?<![\w.])[A-Za-z_]\w*", formula)) <= named
        assert set(re.sub(r"[\w.\s(),<>=]", "", formula)) <= set("".join(said["operators"]))


def test_truths_are_those_of_the_formulas_and_values_those_of_the_functions(package: Path) -> None:
    points, functions, values = (table(package, name) for name in ("table", "functions", "values"))
    formulas = functions[functions["expression"] != ""]
    assert len(formulas)
    assert len(functions) > len(formulas)
    for row in formulas.head(5).itertuples():
        mine = points[(points["function"] == row.function) & points["truth"].notna()]
        for point in mine.itertuples():
            exact = dk.exact(row.expression, point.x)
            if str(exact.status) == "ok":
                assert abs(float(exact.value) - point.truth) <= exact.error + abs(point.truth) * 2.0**-53
    without = set(functions.loc[functions["expression"] == "", "function"])
    assert set(values["function"]) == without
    ends = functions.set_index("function")
    for name, some in values.groupby("function"):
        assert set(some["x"]) == set(points.loc[points["function"] == name, "x"])
        assert some["t"].between(ends.loc[name, "lower"], ends.loc[name, "upper"]).all()


@pytest.mark.slow
def test_another_seed_gives_other_points_of_the_same_functions(package: Path, tmp_path: Path) -> None:
    assert population.main([str(tmp_path / "other"), "population=[edges,noisy]", "points=3", "seed=1"]) == 0
    one, two = table(package, "table"), table(tmp_path / "other", "table")
    assert set(one["function"]) == set(two["function"])
    assert set(one["x"]) != set(two["x"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["points=3"], "points=3: a directory is wanted first; write"),
        (["{there}"], "there is something already; name a directory that is not there"),
        (["{new}", "points=0"], "points=0: must be at least 1"),
        ([], "the following arguments are required: DIR; see"),
    ],
)
def test_a_command_that_is_wrong_is_answered_in_a_line(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there/file").touch()
    places = {"there": str(tmp_path / "there"), "new": str(tmp_path / "new")}
    assert population.main([word.format(**places) for word in words]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert message in said[-1]


# Answers


@pytest.fixture
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_OUTPUTS", str(tmp_path / "outputs"))
    return tmp_path / "outputs"


def answered(directory: Path, points: pd.DataFrame, off: float) -> Path:
    """The truth, off by a part, with a bar of a millionth."""
    some = points[points["truth"].notna()]
    size = np.abs(some["truth"]) + 1e-300
    answers = pd.DataFrame(
        {"function": some["function"], "x": some["x"], "value": some["truth"] + off * size, "error": 1e-6 * size}
    )
    answers.to_csv(directory / "mine.csv", index=False)
    return directory / "mine.csv"


def board(outputs: Path, *words: str) -> dict[str, dict[str, object]]:
    assert run.main(["experiment=leaderboard", "population=edges", "points=3", "figures.formats=[svg]", *words]) == 0
    (record,) = outputs.rglob("run.json")
    rows = table(record.parent, "details").to_dict("records")
    return {str(row["tool"]): row for row in rows}


@pytest.mark.slow
@pytest.mark.parametrize(("off", "covered"), [(1e-7, 1.0), (1e-5, 0.0)])
def test_answers_of_a_file_are_judged_like_those_of_a_tool(
    off: float, covered: float, outputs: Path, package: Path, tmp_path: Path
) -> None:
    functions = table(package, "functions")
    edges = set(functions.loc[functions["noise"] == "", "function"])
    points = table(package, "table")
    path = answered(tmp_path, points[points["function"].isin(edges)], off)
    said = board(outputs, "estimator=ridders", f"answers={path}")
    assert set(said) == {"ridders", "mine.csv"}
    assert said["mine.csv"]["ok_covered"] == covered
    assert said["mine.csv"]["points"] == said["ridders"]["points"]
    assert record_of(next(outputs.rglob("run.json")).parent)["status"] == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("function,x,value\nsqrt,1,1\n", "there is no column error; the columns are function, x, value, error"),
        (
            "function,x,value,error\nsqrt,1.5,0.5,1e-9\n",
            "row 1, sqrt at x = 1.5, is no point of this population: ",
        ),
        (
            "function,x,value,error\nexp_abov_0,0,1,1\n",
            "did you mean exp_above_0?; the command population DIR, with the population of this one",
        ),
        (
            "function,x,value,error\nexp_above_0,7.5,1,1\n",
            "exp_above_0 at x = 7.5, is no point of this population, which has exp_above_0 at 0.0",
        ),
        (
            "function,x,value,error,status\nexp_above_0,0,1,1,fine\n",
            "line 2 of column status is 'fine'; the statuses are ok, ",
        ),
        ("function,x,value,error\nsqrt,one,0.5,1e-9\n", "line 2 of column x is 'one'; write a finite number there"),
        ("function,x,value,error\n", "there are no rows below the header"),
        (
            "function,x,value,error\nexp_above_0,0,1,1\nexp_above_0,0,1,2\n",
            "row 2, exp_above_0 at x = 0.0, is there twice",
        ),
        ("function,x,value,error\nexp_above_0,0,1,-1\n", "line 2 of column error is -1; write 0 or more"),
    ],
)
def test_answers_that_cannot_be_read_are_refused_in_a_line(
    text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.csv").write_text(text)
    words = ["experiment=leaderboard", "population=edges", "estimator=ridders", f"answers={tmp_path / 'mine.csv'}"]
    assert run.main(words) == 2
    assert message in capsys.readouterr().err
