"""Held-out pairs of an extension."""

from __future__ import annotations

import pytest

from training.extend_check import split_pairs


def test_no_held_out_text_is_on_either_side_of_the_training_pairs() -> None:
    pairs = [(f"sentence {i % 90}", f"წინადადება {i % 130}") for i in range(400)]
    train, test = split_pairs(pairs, 1)
    assert len(test) == 40
    assert not {a for a, _ in test} & {a for a, _ in train}
    assert not {b for _, b in test} & {b for _, b in train}
    assert len({a for a, _ in test}) == len(test)


def test_at_most_500_are_held_out() -> None:
    train, test = split_pairs([(f"sentence {i}", f"წ {i}") for i in range(6000)], 1)
    assert (len(train), len(test)) == (5500, 500)


def test_too_few_pairs() -> None:
    with pytest.raises(SystemExit, match="at least 50"):
        split_pairs([("a", "b")] * 3, 1)
