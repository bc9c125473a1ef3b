"""The summary of an augmentation."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest

from tests.support.bundles import demo_rows
from xite_core.augmenter import Augmentation, Augmenter
from xite_core.options import AugmentOptions
from xite_core.report import Report
from xite_core.types import Example

TEXTS = [Example(row.text, lang=lang) for lang in ("ko", "ar") for row in demo_rows("reviews", lang, 8)]
OPTIONS = AugmentOptions(k=5, tau=0.5, min_confidence=0.7)


@pytest.fixture(scope="module")
def parts(augmenter: Augmenter) -> list[Augmentation]:
    return [augmenter.augment(TEXTS[start : start + 5], OPTIONS) for start in range(0, len(TEXTS), 5)]


def reported(augmenter: Augmenter, parts: list[Augmentation]) -> Report:
    report = Report(augmenter.bundle.anchors.ntotal)
    for part in parts:
        report.add(part)
    return report


def test_it_counts_what_is_there(augmenter: Augmenter, parts: list[Augmentation]) -> None:
    told = reported(augmenter, parts).as_dict()
    texts = [text for part in parts for text in part.texts]
    matched = [text for text in texts if text.match.label]
    assert 0 < len(matched) < len(texts)
    assert told["texts"] == 16
    assert told["coverage"] == len(matched) / 16
    assert told["label_counts"] == Counter(text.match.label for text in matched)
    assert told["abstentions"] == {"below_min_confidence": 16 - len(matched)}
    assert told["languages"] == {"ko": 8, "ar": 8}
    assert told["tokens"] == sum(text.n_tokens for text in texts)
    assert told["truncated"] == 0
    json.dumps(told)


def test_hubness_is_the_skewness_of_the_k_occurrence(augmenter: Augmenter, parts: list[Augmentation]) -> None:
    total = augmenter.bundle.anchors.ntotal
    counts = np.bincount(np.concatenate([part.neighbors.ravel() for part in parts]), minlength=total)
    assert counts.sum() == 16 * 5
    deviation = counts - counts.mean()
    expected = (deviation**3).mean() / (deviation**2).mean() ** 1.5
    np.testing.assert_allclose(reported(augmenter, parts).as_dict()["hubness"], expected)


def test_merging_the_parts_gives_the_whole(augmenter: Augmenter, parts: list[Augmentation]) -> None:
    merged = Report(augmenter.bundle.anchors.ntotal)
    for part in parts:
        merged.merge(json.loads(json.dumps(reported(augmenter, [part]).state())))
    assert merged.as_dict() == reported(augmenter, parts).as_dict()
    assert merged.state() == reported(augmenter, parts).state()


def test_an_empty_report(augmenter: Augmenter) -> None:
    told = Report(augmenter.bundle.anchors.ntotal).as_dict()
    assert (told["texts"], told["coverage"], told["hubness"], told["label_counts"]) == (0, 0.0, 0.0, {})
