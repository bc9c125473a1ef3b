"""What the service answers is what the library computes."""

from __future__ import annotations

import json
import time

import httpx
import numpy as np
import pyarrow as pa

from app.augment.rendering import ARROW, METADATA
from app.augment.schemas import AugmentResponse
from tests.support.service import Service
from xite_core.augmenter import Augmenter
from xite_core.bundle.bundle import open_bundle
from xite_core.encoder.hashing import HashingEncoder
from xite_core.records.rows import AUGMENTED
from xite_core.types import Example

TEXTS = ["good tasty film", "rude and cold 정말", "a dull evening"]


def library(service: Service, answer: AugmentResponse) -> Augmenter:
    bundle = open_bundle(service.store.resolve(answer.bundle.name, answer.bundle.revision))
    return Augmenter(bundle, HashingEncoder())


def test_vectors_are_those_of_the_library(service: Service, http: httpx.Client) -> None:
    options = {"k": 4, "interpolation": {"alpha": 2.0, "n": 2, "normalize": True}, "seed": 3}
    answers = [
        AugmentResponse.model_validate(
            http.post("/augment", json={"inputs": TEXTS, "encoding_format": form, **options}).raise_for_status().json()
        )
        for form in ("float", "base64")
    ]
    augmenter = library(service, answers[0])
    changed = augmenter.bundle.options.replaced({"k": 4, "alpha": 2.0, "n": 2, "normalize": True, "seed": 3})
    expected = augmenter.augment([Example(text) for text in TEXTS], changed)
    for answer in answers:
        for item, text in zip(answer.data, expected.texts, strict=True):
            assert item.label == text.match.label
            assert [neighbor.id for neighbor in item.neighbors or []] == [n.id for n in text.match.neighbors]
            for made, one in zip(item.embeddings or [], text.embeddings, strict=True):
                np.testing.assert_allclose(np.asarray(made.values()), one.vector, atol=1e-6)
                assert made.source_id == one.source_id


def test_a_big_request_is_split_and_answered_in_order(http: httpx.Client) -> None:
    inputs = [{"id": str(i), "text": f"good film number {i}"} for i in range(300)]
    data = http.post("/augment", json={"inputs": inputs, "include": []}).raise_for_status().json()["data"]
    assert [item["id"] for item in data] == [str(i) for i in range(300)]
    assert [item["index"] for item in data] == list(range(300))
    assert "embeddings" not in data[0]
    assert "neighbors" not in data[0]


def test_null_is_the_bundles_value_and_the_answer_says_which(http: httpx.Client) -> None:
    nothing = {"k": None, "scoring": None, "interpolation": {"lam": None}, "seed": None, "include": None}
    plain = http.post("/augment", json={"inputs": TEXTS}).json()
    assert http.post("/augment", json={"inputs": TEXTS, **nothing}).json()["options"] == plain["options"]
    again = http.post("/augment", json={"inputs": TEXTS, **plain["options"]})
    assert again.json() == plain


def test_abstained_items_have_a_reason_and_no_embeddings(http: httpx.Client) -> None:
    answer = http.post("/augment", json={"inputs": TEXTS, "min_cosine": 1.0}).json()
    assert answer["report"]["coverage"] == 0
    for item in answer["data"]:
        assert (item["status"], item["reason"], item["label"]) == ("abstained", "below_min_cosine", None)
        assert item["embeddings"] == []


def test_match_ignores_interpolation_and_embedding(http: httpx.Client) -> None:
    sent = {"inputs": TEXTS, "interpolation": {"lam": 0.1}, "include": ["embedding"]}
    item = http.post("/match", json=sent).raise_for_status().json()["data"][0]
    assert "embeddings" not in item


def test_pairs(http: httpx.Client) -> None:
    sent = {"bundle": "pairs", "inputs": [{"text": "good film", "text_pair": "it was 3"}], "k": 2}
    answer = AugmentResponse.model_validate(http.post("/augment", json=sent).raise_for_status().json())
    assert (answer.data[0].neighbors or [])[0].text_pair


def test_arrow_stream(http: httpx.Client) -> None:
    sent = {"inputs": TEXTS, "interpolation": {"alpha": 1.0, "n": 2}}
    answer = http.post("/augment", json=sent, headers={"accept": ARROW})
    assert answer.headers["content-type"] == ARROW
    table = pa.ipc.open_stream(answer.content).read_all()
    assert table.schema.remove_metadata().equals(AUGMENTED)
    assert table.num_rows == 6
    facts = json.loads(table.schema.metadata[METADATA])
    plain = http.post("/augment", json=sent).json()
    assert facts == {key: plain[key] for key in ("bundle", "report", "options", "usage")}
    first = plain["data"][0]["embeddings"][1]["embedding"]
    np.testing.assert_array_equal(np.array(first, np.float32), table["vector"][1].as_py())


def test_request_ids_come_back(http: httpx.Client) -> None:
    assert http.get("/info", headers={"x-request-id": "mine-7"}).headers["x-request-id"] == "mine-7"
    made = http.get("/info", headers={"x-request-id": "two words"}).headers["x-request-id"]
    assert len(made) == 32


def test_info(service: Service, http: httpx.Client) -> None:
    info = http.get("/info").json()
    assert info["limits"]["max_inputs"] == 300
    assert info["model"]["name"] == "hashing"
    assert info["bundle"]["name"] == "demo-sentiment"


def test_logs_are_json_lines(service: Service, http: httpx.Client) -> None:
    http.get("/info", headers={"x-request-id": "find-me"})
    until = time.monotonic() + 10  # the line is written after the answer has been sent
    while "find-me" not in service.log.read_text("utf8") and time.monotonic() < until:
        time.sleep(0.05)
    lines = [json.loads(line) for line in service.log.read_text("utf8").splitlines()]
    assert any(line.get("request_id") == "find-me" and line["status"] == 200 for line in lines)
