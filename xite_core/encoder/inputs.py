"""What every encoder refuses: empty texts, broken Unicode, texts and pairs in one call."""

from __future__ import annotations

from collections.abc import Sequence

from xite_core.errors import InputError, RowError
from xite_core.types import Example

WHERE = "inputs"


def check_examples(examples: Sequence[Example]) -> bool:
    """Check the examples and tell whether they are pairs.

    Raises
    ------
    RowError
        If a text is empty or not valid Unicode; it carries the position.
    InputError
        If texts and pairs are mixed.
    """
    pairs = [example.text_pair is not None for example in examples]
    if any(pairs) and not all(pairs):
        raise InputError(
            f"{WHERE}: item {pairs.index(True)} is a text pair and item {pairs.index(False)} a single text; "
            "give texts or pairs, not both"
        )
    for row, example in enumerate(examples):
        _check_text(row, example.text, "text")
        if example.text_pair is not None:
            _check_text(row, example.text_pair, "text_pair")
    return any(pairs)


def _check_text(row: int, text: str, field: str) -> None:
    if not isinstance(text, str):
        raise RowError(WHERE, row, f"{field} is {type(text).__name__}, expected a text", unit="item")
    if not text.strip():
        raise RowError(WHERE, row, f"{field} is empty", unit="item")
    if not text.isascii() and _has_surrogate(text):
        raise RowError(WHERE, row, f"{field} is not valid Unicode (it holds half of a surrogate pair)", unit="item")


def _has_surrogate(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False
