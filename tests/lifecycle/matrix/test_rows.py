"""Rows: a lane or a file becomes frozen rows, and whatever breaks the schema is told at its table and key."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lifecycle.errors import MatrixError
from lifecycle.matrix.rows import Row, read_matrix


def read_rows(named: str) -> tuple[Row, ...]:
    return read_matrix(named).rows


def written(directory: Path, text: str) -> str:
    path = directory / "mine.toml"
    path.write_text("schema = 1\n" + text)
    return str(path)


def test_the_lanes_are_what_the_documentation_says() -> None:
    fast, full = read_rows("fast"), read_rows("full")
    assert {row.version for row in fast if row.package == "torch"} == {"2.13.0", "2.9.1"}
    assert {row.version for row in fast if row.package == "onnxruntime"} >= {"1.15.1"}
    versions = {row.version for row in full if row.runner == "torchscript"}
    assert versions == {"1.13.1", "2.0.1", "2.4.1", "2.6.0", "2.9.1", "2.11.0", "2.13.0", "2.15.0"}
    assert {row.isa for row in full} == {"native", "avx2"} and {row.threads for row in full} == {1, 2}
    assert len({row.python for row in full}) > 1


def test_a_table_is_a_product_and_no_row_stands_twice(tmp_path: Path) -> None:
    table = (
        '[[rows]]\ntorch = ["2.13.0", "2.6.0"]\npython = ["3.11", "this"]\nisa = ["native", "avx2"]\nthreads = [1, 2]\n'
    )
    rows = read_rows(written(tmp_path, table * 2))
    here = f"3.{sys.version_info.minor}"
    assert len(rows) == 2 * len({"3.11", here}) * 2 * 2
    assert {row.python for row in rows} == {"3.11", here}


def test_old_packages_stand_beside_the_numpy_they_were_built_with(tmp_path: Path) -> None:
    rows = read_rows(
        written(tmp_path, '[[rows]]\ntorch = ["2.2.2", "2.10.0"]\n[[rows]]\nonnxruntime = ["1.9.0", "1.20.1"]')
    )
    numpy = {row.version: next(pin for pin in row.lock if pin.startswith("numpy==")) for row in rows}
    assert numpy["2.2.2"] == numpy["1.9.0"] == "numpy==1.26.4"
    assert numpy["2.10.0"] == numpy["1.20.1"] and numpy["1.20.1"] > "numpy==2"


def test_a_file_may_bring_companions_of_its_own(tmp_path: Path) -> None:
    text = '[[rows]]\ntorch = ["2.13.0"]\n[[companions]]\nof = "torch"\npackages = ["numpy==2.3.0"]\n'
    assert read_rows(written(tmp_path, text))[0].lock == ("torch==2.13.0", "numpy==2.3.0")


def test_the_lock_holds_all_that_makes_an_environment() -> None:
    rows = read_rows("full")
    for row in rows:
        alike = [other for other in rows if other.lock_text == row.lock_text]
        assert {(other.package, other.version, other.python) for other in alike} == {
            (row.package, row.version, row.python)
        }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "mine.toml: rows is missing"),
        ("rows = 3", "mine.toml: rows is missing"),
        ("[[rows]]\n", "table 1 names torch or onnxruntime"),
        ('[[rows]]\ntorch = ["2.6.0"]\nonnxruntime = ["1.15.1"]', "names torch or onnxruntime: one of them"),
        ('[[rows]]\ntorch = "2.6.0"', "torch is no list"),
        ("[[rows]]\ntorch = []", "torch is no list"),
        ('[[rows]]\ntorch = ["2.6.0 --index-url http://x"]', "torch cannot be"),
        ('[[rows]]\ntorch = ["2.6.0"]\nrunners = ["onnx"]', "runners cannot be 'onnx'"),
        ('[[rows]]\ntorch = ["2.6.0"]\nisa = ["avx9"]', "isa cannot be 'avx9'"),
        ('[[rows]]\ntorch = ["2.6.0"]\npython = ["2.7"]', "python cannot be '2.7'"),
        ('[[rows]]\ntorch = ["2.6.0"]\nthreads = [0]', "threads cannot be 0"),
        ('[[rows]]\ntorch = ["2.6.0"]\nthreads = [true]', "threads cannot be True"),
        ('[[rows]]\ntorch = ["2.6.0"]\nthread = [1]', "thread is not known"),
        ("row = 1", "row is not known"),
        ('limit_s = 0\n[[rows]]\ntorch = ["2.6.0"]', "limit_s cannot be 0"),
        ('[[companions]]\nof = "torch"\npackages = ["-e ."]', "packages is no list of pins"),
        ('[[companions]]\nof = "numpy"\npackages = []', "holds of ="),
        ("not toml at all", "is not TOML"),
    ],
)
def test_what_breaks_the_schema_is_told_where_it_stands(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(MatrixError, match=r".") as error:
        read_rows(written(tmp_path, text))
    assert told in str(error.value)


def test_another_schema_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('schema = 2\n[[rows]]\ntorch = ["2.6.0"]\n')
    with pytest.raises(MatrixError, match="schema is 2"):
        read_rows(str(tmp_path / "mine.toml"))


def test_a_matrix_has_an_end(tmp_path: Path) -> None:
    versions = ", ".join(f'"2.{number}.0"' for number in range(300))
    with pytest.raises(MatrixError, match="more than 500 rows"):
        read_rows(written(tmp_path, f"[[rows]]\ntorch = [{versions}]\nthreads = [1, 2]\n"))
