"""``/review``, ``/argilla/suggestions`` and ``/doccano/label`` against a running service."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

TEXTS = ["good film 1", "bad film 2", "good bad film 3", "GOOD  film 1", "rude and kind", "정말 좋은 영화"]


def reviewed(http: httpx.Client, **body: Any) -> dict[str, Any]:
    answer = http.post("/review", json={"inputs": TEXTS, **body})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_review_says_the_same_as_a_match(http: httpx.Client) -> None:
    review = reviewed(http, min_confidence=0.8, order="input")
    match = http.post("/match", json={"inputs": TEXTS, "min_confidence": 0.8}).json()
    for item, matched in zip(review["data"], match["data"], strict=True):
        for name in ("index", "status", "reason", "label", "lang"):
            assert item[name] == matched[name]
        assert item["confidence"] == pytest.approx(matched["confidence"], abs=1e-4)
        others = [near["label"] for near in matched["neighbors"]]
        adopted = others[[near["cosine"] for near in matched["neighbors"]].index(matched["cosine"])]
        assert item["disagreement"] == sum(label != adopted for label in others) / len(others)
    assert review["summary"]["coverage"] == match["report"]["coverage"]


def test_coverage_is_told_below_the_threshold_too(http: httpx.Client) -> None:
    summary = reviewed(http, min_confidence=1, thresholds=[0.9, 0])["summary"]
    assert [row["min_confidence"] for row in summary["coverage_by_confidence"]] == [0, 0.9]
    assert summary["coverage_by_confidence"][0]["coverage"] == 1
    assert summary["coverage"] < 1


def test_orders_and_near_duplicates(http: httpx.Client) -> None:
    for order in ("uncertainty", "contradiction"):
        data = reviewed(http, order=order)["data"]
        assert sorted(item["index"] for item in data) == list(range(len(TEXTS)))
    doubts = [item["uncertainty"] for item in reviewed(http)["data"]]
    assert doubts == sorted(doubts, reverse=True)
    data = reviewed(http, order="input")["data"]
    assert data[3]["near_duplicate_of"] == {"index": 0, "cosine": 1.0}
    assert data[0]["neighbors"] is None
    assert len(reviewed(http, neighbors=True, k=3)["data"][0]["neighbors"]) == 3


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/review", {"inputs": ["a"], "order": "random"}, "order"),
        ("/review", {"inputs": ["a"], "near": 0.2}, "near"),
        ("/review", {"inputs": ["a"], "thresholds": [2]}, "thresholds[0]"),
        ("/review", {"inputs": ["a"], "k": 200}, "k"),
        ("/review", {"inputs": ["a"] * 301}, "inputs"),
        ("/review", {"inputs": ["a"], "bundle": "pairs"}, "inputs[0].text_pair"),
        ("/argilla/suggestions", {"records": [{"fields": {"other": "a"}}]}, "records[0].fields.text"),
        ("/argilla/suggestions", {"records": [{"fields": {"text": " "}}]}, "records[0].fields"),
        ("/argilla/suggestions", {"records": [{"fields": {"text": "a"}}], "bundle": "pairs"}, "field_pair"),
        ("/argilla/suggestions", {"records": []}, "records"),
        ("/doccano/label", {"text": ""}, "text"),
        ("/doccano/label", {"text": "a", "bundle": "pairs"}, "inputs[0].text_pair"),
    ],
)
def test_what_cannot_be_used_is_named(http: httpx.Client, path: str, body: dict[str, Any], field: str) -> None:
    answer = http.post(path, json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["field"] == field


def test_suggestions_in_the_order_of_the_records(http: httpx.Client) -> None:
    records = [{"id": i, "fields": {"review": f"{word} film {i}"}} for i, word in enumerate(("good", "rude") * 40)]
    body = {"records": records, "field": "review", "question": "mood"}
    data = http.post("/argilla/suggestions", json=body).raise_for_status().json()["data"]
    assert [item["id"] for item in data] == list(range(80))
    assert [item["suggestions"]["mood"]["value"] for item in data] == ["positive", "negative"] * 40
    records[0]["metadata"] = {"lang": "English language"}  # what is no tag is not looked at
    assert http.post("/argilla/suggestions", json=body).raise_for_status().json()["data"] == data
    none = http.post("/argilla/suggestions", json={**body, "min_cosine": 1}).json()["data"]
    assert all(item["suggestions"] == {} and item["reason"] == "below_min_cosine" for item in none)


def test_pairs_of_records(http: httpx.Client) -> None:
    body = {
        "records": [{"fields": {"text": "good film", "other": "it was 1"}}],
        "field_pair": "other",
        "bundle": "pairs",
    }
    (item,) = http.post("/argilla/suggestions", json=body).raise_for_status().json()["data"]
    assert item["suggestions"]["label"]["value"] in ("positive", "negative")


def test_labels_by_the_fine_tuned_head(http: httpx.Client) -> None:
    text = {"text": "good film", "bundle": "tuned"}
    head = http.post("/doccano/label", json={**text, "by": "head"}).raise_for_status().json()
    predicted = http.post("/predict", json={"bundle": "tuned", "inputs": ["good film"]}).json()["data"][0]
    assert head["label"] == predicted["label"]
    assert head["confidence"] == pytest.approx(predicted["probabilities"][predicted["label"]], abs=1e-4)
    assert head["labels"] == [{"label": head["label"]}]
    none = http.post("/doccano/label", json={**text, "by": "head", "min_confidence": 1}).json()
    assert (none["labels"], none["label"], none["reason"]) == ([], None, "below_min_confidence")
    assert http.post("/doccano/label", json={"text": "good", "by": "head"}).status_code == 409
