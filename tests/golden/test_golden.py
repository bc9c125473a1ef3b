"""The results stay what they were; see `tests.golden.regenerate` where a change is meant."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from tests.golden.regenerate import GOLDEN, VARIANTS, golden_results

EXACT = ("status", "label", "lang", "neighbors", "source_ids")
CLOSE = ("confidence", "score", "lams", "vectors")


@pytest.fixture(scope="module")
def results() -> dict[str, list[dict[str, Any]]]:
    return golden_results()


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_results_are_the_golden_ones(results: dict[str, list[dict[str, Any]]], variant: str) -> None:
    golden = json.loads(GOLDEN.read_text("utf8"))
    assert set(golden) == set(VARIANTS)
    assert len(results[variant]) == len(golden[variant]) == 8
    for now, then in zip(results[variant], golden[variant], strict=True):
        assert set(now) == set(then) == {*EXACT, *CLOSE}
        assert {name: now[name] for name in EXACT} == {name: then[name] for name in EXACT}
        for name in CLOSE:
            np.testing.assert_allclose(now[name], then[name], atol=1e-4, err_msg=name)


def test_the_golden_file_has_both_outcomes() -> None:
    golden = json.loads(GOLDEN.read_text("utf8"))
    outcomes = {row["status"] for row in golden["csls_label_abstaining"]}
    assert outcomes == {"matched", "abstained"}
