"""CSV: rows that cannot be used are told with their line, and cost no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.rows import csv_file, read
from xite_core.errors import InputError, RowError
from xite_core.records import text_files
from xite_core.records.bad_rows import BadRows
from xite_core.records.readers import find_problems


def test_csv_rows_with_the_wrong_number_of_cells(tmp_path: Path) -> None:
    path = csv_file(tmp_path, 'text,label\n"two\nlines",a\none, two,b\nx\n\ny,c\n')
    problems = find_problems(path, labeled=True)
    assert [str(problem) for problem in problems] == [
        "rows.csv, line 4: 3 cells, the header has 2; cells that hold commas need double quotes",
        "rows.csv, line 5: 1 cells, the header has 2; cells that hold commas need double quotes",
    ]


def test_csv_with_broken_quotes_goes_on(tmp_path: Path) -> None:
    path = csv_file(tmp_path, 'text,label\nx,a\n"y"y,b\nz,\n"never closed,c\n')
    problems = find_problems(path, labeled=True)
    assert [(problem.row, problem.problem.split(" (")[0]) for problem in problems] == [
        (3, "broken CSV"),
        (4, "'label' is empty, expected the row's label"),
        (5, "broken CSV"),
    ]


def test_a_quote_that_is_not_closed_costs_its_own_line_alone(tmp_path: Path) -> None:
    good = [f"row {i}" for i in range(50)]
    lines = ['"never closed,a', *(f"{text},b" for text in good), '"two\nlines",c', '"again', '"again",d']
    left_out = BadRows()
    rows = read(csv_file(tmp_path, "text,label\n" + "\n".join(lines) + "\n"), bad_rows=left_out)
    assert [row.text for row in rows] == [*good, "two\nlines", "again"]
    told = left_out.as_dict()["listed"]
    assert [line.split(":")[0] for line in told] == ["rows.csv, line 2", "rows.csv, line 55"]


def test_a_row_of_several_lines_with_too_many_cells_says_where_it_ends(tmp_path: Path) -> None:
    path = csv_file(tmp_path, 'text,label\n"first\nprose,pos\nlast",neg,extra\nnext,b\n')
    left_out = BadRows()
    assert [row.text for row in read(path, bad_rows=left_out)] == ["next"], "what is within a cell is no row"
    (told,) = left_out.as_dict()["listed"]
    assert told.startswith("rows.csv, line 2: 3 cells")
    assert told.endswith("(up to line 4)")


def test_what_is_read_again_has_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_files, "REREAD", 2000)
    path = csv_file(tmp_path, "text,label\n" + 'x",",z\n' * 100)
    problems = find_problems(path, labeled=True, limit=1000)
    assert 1 < len(problems) < 10, "each of these lines opens a quote, up to the end of the file"
    assert problems[-1].problem.endswith("(up to line 101)")


def test_a_row_with_a_line_that_is_no_text_is_left_out(tmp_path: Path) -> None:
    path = csv_file(tmp_path, b'text,label\n"first\nmid\xffdle\nlast",a\n"two\nlines",b\n')
    left_out = BadRows()
    assert [row.text for row in read(path, bad_rows=left_out)] == ["two\nlines"]
    assert left_out.as_dict()["listed"][0].startswith("rows.csv, line 3: not valid UTF-8")


def test_each_csv_error_has_its_own_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b'text,label\n\xff,a\n"never,a\nrow,b\n')
    told = [(problem.row, problem.problem.split(" (")[0][:15]) for problem in find_problems(path, labeled=True)]
    assert told == [(2, "not valid UTF-8"), (3, "broken CSV")]


@pytest.mark.parametrize("header", [b'"te"xt,label', b"te\xffxt,label", b"te\0xt,label"])
def test_no_row_stands_for_a_broken_header(tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(header + b"\nab,a\ncd,b\n")
    with pytest.raises(RowError, match=r"rows.csv, line 1: "):
        read(path, bad_rows=BadRows())


def test_a_long_csv_cell(tmp_path: Path) -> None:
    assert len(read(csv_file(tmp_path, f'text\n"{"long " * 100_000}"\n'), labeled=False)[0].text) == 500_000


@pytest.mark.parametrize(
    ("header", "problem"),
    [("a,b", "no column 'text'; found 'a', 'b'"), ("text,", "without a name"), ("text,text", "twice")],
)
def test_a_csv_header_that_cannot_be_used(tmp_path: Path, header: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        read(csv_file(tmp_path, header + "\nx,y\n"), labeled=False)
