"""A form is the same however the network cuts it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.datasets.form import Form
from app.errors import FieldError, MalformedBodyError


def encoded(file: bytes, fields: dict[str, str], filename: str = "rows.jsonl") -> tuple[bytes, bytes]:
    """Boundary and body, as httpx sends them."""
    request = httpx.Request("POST", "http://x", data=fields, files={"file": (filename, file, "text/csv")})
    boundary = request.headers["content-type"].partition("boundary=")[2]
    return boundary.encode(), request.read()


def parsed(boundary: bytes, chunks: Sequence[bytes]) -> tuple[Form, bytes]:
    form, file = Form(boundary), b""
    for chunk in chunks:
        file += b"".join(form.feed(chunk))
    form.finish()
    return form, file


@given(file=st.binary(min_size=1, max_size=200), cuts=st.lists(st.integers(0, 600), max_size=8))
def test_any_cut_gives_the_same_file(file: bytes, cuts: list[int]) -> None:
    boundary, body = encoded(file, {"name": "reviews", "lang": "한국어"}, "a b.csv")
    places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    form, received = parsed(boundary, [body[a:b] for a, b in itertools.pairwise(places)])
    assert received == file
    assert form.fields == {"name": ["reviews"], "lang": ["한국어"]}
    assert (form.filename, form.media) == ("a b.csv", "text/csv")


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_in_words(content: bytes) -> None:
    with pytest.raises((MalformedBodyError, FieldError)):
        parsed(b"xyz", [content])


def test_a_form_that_ends_in_the_middle() -> None:
    boundary, body = encoded(b"abc", {})
    with pytest.raises(MalformedBodyError, match="last boundary"):
        parsed(boundary, [body[:-10]])


def test_no_boundary() -> None:
    with pytest.raises(MalformedBodyError, match="boundary"):
        Form(b"")


@pytest.mark.parametrize(
    ("fields", "problem"), [({"nam": "x"}, "nam: unknown field"), ({"name": "x" * 5000}, "name: longer than")]
)
def test_fields_that_cannot_be_used(fields: dict[str, str], problem: str) -> None:
    with pytest.raises(FieldError, match=problem):
        parsed(*(lambda boundary, body: (boundary, [body]))(*encoded(b"a", fields)))


def test_two_files() -> None:
    request = httpx.Request("POST", "http://x", files=[("file", ("a.csv", b"a")), ("file", ("b.csv", b"b"))])
    with pytest.raises(FieldError, match="two files"):
        parsed(request.headers["content-type"].partition("boundary=")[2].encode(), [request.read()])
