"""The matrix's page and table: every cell is on them, whatever anybody said is text, and nothing can run."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from archive.signing import Signer
from compat_tests.findings import measured
from lifecycle.cli.matrix_table import lines_of
from lifecycle.errors import OutputExistsError
from lifecycle.matrix.cells import Cell
from lifecycle.matrix.markdown import tables
from lifecycle.matrix.page import NAME, grids_of, render, sentence_of, write_page
from lifecycle.matrix.results import read_results, write_results
from tests.lifecycle.matrix.test_results import RESULTS, ROW

GOOD = Cell(ROW, "passed", "It speaks as it did.", "torchscript 2.13.0", layers=RESULTS.cells[0].layers[:2])
HOSTILE = "<script>alert(1)</script>\N{RIGHT-TO-LEFT OVERRIDE}\x1b[2J"


def test_every_cell_is_on_the_page_with_its_words_and_figures() -> None:
    page = render(RESULTS)
    assert "ada does not speak as it did everywhere" in page
    assert "waveform: Samples differ." in page and "There is no python3.99 here." in page
    assert "logits 2.5e-05" in page and "samples 5.0e-01" in page and "13 stand-in libraries" in page
    assert page.count('<td class="drifted">') == 1 and page.count('<td class="not-run">') == 1
    assert render(RESULTS) == page


def test_what_others_said_is_text() -> None:
    bad = replace(GOOD, verdict="refused", told=HOSTILE, runtime=HOSTILE)
    page = render(replace(RESULTS, voice=HOSTILE, cells=(bad,), machine={"system": HOSTILE}))
    assert "<script" not in page and "\N{RIGHT-TO-LEFT OVERRIDE}" not in page and "\x1b" not in page
    assert "&lt;script&gt;" in page


def test_its_policy_allows_its_own_style_and_nothing_else() -> None:
    page = render(RESULTS)
    style = re.search(r"<style>(.*)</style>", page, re.DOTALL)
    assert style
    allowed = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"default-src 'none'; img-src data:; style-src 'sha256-{allowed}'" in page
    assert not re.search(r"https?://", page) and " style=" not in page and "<script" not in page


def test_a_grid_has_a_place_for_each_row_and_says_where_there_is_none() -> None:
    cells = tuple(
        replace(GOOD, row=replace(ROW, version=version, isa=isa))
        for version, isa in (("1.13.1", "native"), ("2.13.0", "native"), ("2.13.0", "avx2"))
    )
    (grid,) = grids_of(cells)
    assert grid.columns == ("Python 3.11, native, 1 thread", "Python 3.11, avx2, 1 thread")
    assert grid.lines == (("1.13.1", (cells[0], None)), ("2.13.0", (cells[1], cells[2])))
    both = grids_of((*cells, replace(GOOD, row=replace(ROW, runner="torch"))))
    assert [one.title.partition(":")[0] for one in both] == ["TorchScript", "torch"]


def test_the_matrix_in_one_sentence() -> None:
    assert sentence_of(replace(RESULTS, cells=(GOOD, GOOD))) == "ada speaks as it did on all 2 rows."
    told = sentence_of(RESULTS)
    assert told.startswith("Of 2 rows 1 drifted, 1 not run. The first that drifted is torchscript, torch 2.13.0")


def test_the_table_has_a_line_for_each_cell_and_words_for_what_did_not_pass() -> None:
    lines = lines_of(replace(RESULTS, cells=(GOOD, *RESULTS.cells)))
    assert lines[0].split() == [
        "runner",
        "version",
        "python",
        "isa",
        "threads",
        "verdict",
        "logits",
        "samples",
        "seconds",
    ]
    assert lines[1].split()[:7] == ["torchscript", "2.13.0", "3.11", "native", "1", "passed", "2.5e-05"]
    assert "drifted: waveform" in lines[2] and lines[3].rstrip().endswith("not run")
    assert lines[5] == "not run: torchscript, torch 2.13.0, Python 3.99, native, 1 thread. There is no python3.99 here."
    assert lines[-1].startswith("Of 3 rows 1 passed, 1 drifted, 1 not run.")


def test_a_page_replaces_an_earlier_one_and_nothing_else(tmp_path: Path) -> None:
    path = write_page(tmp_path, RESULTS)
    assert path.name == NAME and write_page(tmp_path, RESULTS) == path
    path.write_text("somebody's notes")
    with pytest.raises(OutputExistsError):
        write_page(tmp_path, RESULTS)


def test_results_become_the_tables_of_the_document(tmp_path: Path) -> None:
    signer = Signer.generate(os.urandom, "ada")
    first = write_results(RESULTS, tmp_path, "ada.voice", signer)
    same = replace(GOOD, row=replace(ROW, version="1.13.1"), layers=(measured("tokens", "", 0.0, 1, ""),))
    later = replace(RESULTS, when=RESULTS.when.replace(year=2046), cells=(GOOD, same))
    second = write_results(later, tmp_path, "ada.voice", signer)
    told = tables([read_results(first), read_results(second)])
    # The later cell stands in place of the earlier one that drifted; what did not run is told in its words.
    assert told.startswith(
        "### ada: 2 passed, 1 not run\n\n2046-11-21T12:00:00Z, lifecycle 0.1.0; architecture riscv64"
    )
    assert "| TorchScript | 3.11, native, 1 | 3.99, native, 1 |" in told
    assert "| 1.13.1 | 0 /  |  |\n| 2.13.0 | 2.5e-05 /  | **not run** |" in told
    assert "* torchscript, torch 2.13.0, Python 3.99, native, 1: **not run**. There is no python3.99 here." in told
