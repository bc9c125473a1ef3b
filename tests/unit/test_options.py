"""Options: every bad value is refused by name."""

from __future__ import annotations

import math
from typing import Any

import pytest

from xite_core.errors import OptionError
from xite_core.options import AugmentOptions
from xite_core.types import Scoring


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lam", math.nan),
        ("lam", -0.1),
        ("lam", 1.01),
        ("lam", "0.5"),
        ("lam", True),
        ("k", 0),
        ("k", 2.5),
        ("k", 10**9),
        ("tau", 0),
        ("tau", math.inf),
        ("alpha", 0),
        ("n", 0),
        ("seed", -1),
        ("min_cosine", 1.5),
        ("min_confidence", math.nan),
        ("scoring", "dot"),
        ("voting", "all"),
        ("subspace", "poor"),
        ("normalize", 1),
    ],
)
def test_bad_values_are_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(OptionError, match=f"^{name}=") as caught:
        AugmentOptions().replaced({name: value})
    assert "expected" in str(caught.value)


def test_unknown_option_lists_the_known_ones() -> None:
    with pytest.raises(OptionError, match=r"lambda=.*lam, .*scoring"):
        AugmentOptions().replaced({"lambda": 0.5})


def test_none_keeps_the_default_and_strings_become_kinds() -> None:
    options = AugmentOptions(k=3).replaced({"k": None, "scoring": "margin"})
    assert (options.k, options.scoring) == (3, Scoring.MARGIN)
    assert AugmentOptions().replaced(options.as_dict()) == options


def test_a_given_lam_is_not_drawn() -> None:
    drawn = AugmentOptions(alpha=0.5)
    assert drawn.replaced({"lam": 0.3}).alpha is None
    assert drawn.replaced({"lam": None, "k": 3}).alpha == 0.5
    assert drawn.replaced({"lam": 0.3, "alpha": 2.0}).alpha == 2.0
    assert AugmentOptions().replaced(drawn.as_dict()) == drawn
