"""``POST /predict`` against a running service."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.client import ApiError, AsyncClient, Client
from tests.support.finetuning import add_head, make_bundle, pairs, reviews, small, tune
from tests.support.service import Service, running
from tests.support.tiny_encoder import make_tiny_xlmr
from xite_core.bundle.bundle import Bundle, open_bundle
from xite_core.bundle.derive import bundle_encoder
from xite_core.bundle.store import BundleStore
from xite_core.encoder.spec import EncoderSpec
from xite_core.encoder.transformers_encoder import TransformersEncoder
from xite_core.finetune.predictor import Predictor
from xite_core.types import Example

ACTIVATIONS = 20
CLIENTS = 3
TEXTS = reviews(90, "xx", seed=5)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(tmp_path_factory.mktemp("predict"))


@pytest.fixture(scope="module")
def tuned(home: Path) -> Bundle:
    """Bundle ``base``: ``r1`` as built, ``tuned`` with a head on the same encoder."""
    plain = make_bundle(home)
    add_head(make_bundle(home, rows=pairs(60), texts=_pool_of_pairs(), name="pairs"), home, "tuned")
    return add_head(plain, home, "tuned")


def _pool_of_pairs() -> dict[str, list[Example]]:
    return {lang: pairs(30, lang, seed=8, labeled=False) for lang in ("en", "xx")}


@pytest.fixture(scope="module")
def predicting(home: Path, tuned: Bundle) -> Iterator[Service]:
    with running(home, default_bundle="base", max_inputs=100) as service:
        service.store.activate("base", "tuned")
        service.store.activate("pairs", "tuned")
        httpx.post(f"{service.url}/bundles/base/activate", json={"revision": "tuned"}).raise_for_status()
        yield service


def test_the_answer_is_the_librarys(predicting: Service, tuned: Bundle) -> None:
    expected = Predictor(tuned, bundle_encoder(tuned)).predict(TEXTS)
    inputs = [{"id": str(i), "text": text.text} for i, text in enumerate(TEXTS)]
    answer = httpx.post(predicting.url + "/predict", json={"inputs": inputs}, timeout=60).raise_for_status().json()
    assert answer["bundle"] == {"name": "base", "revision": "tuned"}
    assert [item["label"] for item in answer["data"]] == expected.labels
    assert [(item["index"], item["id"]) for item in answer["data"]] == [(i, str(i)) for i in range(len(TEXTS))]
    for item, row in zip(answer["data"], expected.probabilities, strict=True):
        assert item["probabilities"] == pytest.approx(dict(zip(tuned.labels, row.tolist(), strict=True)), abs=1e-5)
        assert sum(item["probabilities"].values()) == pytest.approx(1)
        assert not item["truncated"]
    assert answer["usage"] == {"tokens": sum(item["n_tokens"] for item in answer["data"]), "texts": len(TEXTS)}


def test_pairs(predicting: Service) -> None:
    inputs = [{"text": "good film", "text_pair": "it is good"}]
    answer = httpx.post(predicting.url + "/predict", json={"bundle": "pairs", "inputs": inputs}).raise_for_status()
    assert set(answer.json()["data"][0]["probabilities"]) == {"yes", "no"}


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"inputs": []}, 422, "inputs"),
        ({"inputs": ["a", ""]}, 422, "inputs[1]"),
        ({"inputs": [{"text": "a", "text_pair": "b"}]}, 422, "inputs[0].text_pair"),
        ({"inputs": ["a"], "bundle": "pairs"}, 422, "inputs[0].text_pair"),
        ({"inputs": ["a"] * 101}, 422, "inputs"),
        ({"inputs": ["a"], "k": 3}, 422, "k"),
        ({"inputs": ["a"], "bundle": "nothing"}, 404, None),
        ({"inputs": ["a"], "bundle": "../x"}, 422, "bundle"),
    ],
)
def test_bad_bodies(predicting: Service, body: dict[str, Any], status: int, field: str | None) -> None:
    answer = httpx.post(predicting.url + "/predict", json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert field is None or answer.json()["errors"][0]["field"] == field


def test_without_a_head_and_with_one_again(predicting: Service) -> None:
    with Client(predicting.url) as client:
        client.activate("base", "r1")
        with pytest.raises(ApiError, match="fine-tune it") as told:
            client.predict(["good film"])
        assert (told.value.status, told.value.kind) == (409, "no-head")
        client.activate("base", "tuned")
        found = client.predict(["good great film", "awful dull food"])
        assert [item.label for item in found.data] == ["positive", "negative"]

    async def ask() -> None:
        async with AsyncClient(predicting.url) as client:
            assert await client.predict(["good great film", "awful dull food"], bundle="base") == found

    asyncio.run(ask())


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bundle ``tiny``: ``r1`` with its encoder, ``tuned`` with one of its own and a head."""
    home = Path(tmp_path_factory.mktemp("moved"))
    directory = make_tiny_xlmr(home / "encoder")
    encoder = TransformersEncoder(EncoderSpec(str(directory), max_tokens=32), directory)
    bundle = make_bundle(home, encoder, reviews(80), name="tiny")
    options = small(depth="top:1", lr=2e-3, epochs=1, max_english_drop=1.0)
    target = reviews(40, "xx", labeled=False)
    made = tune(bundle, home / "work", home, options, encoder=encoder, target=target).bundle
    assert made.manifest.fingerprint != bundle.manifest.fingerprint
    return home


class Load:
    """Clients that ask for a labeled text's own neighbours: only the same revision's encoder finds it at cosine 1."""

    def __init__(self, url: str, text: str) -> None:
        self.url, self.text, self.stopped = url, text, threading.Event()
        self.failures: list[Any] = []
        self.seen: set[str] = set()
        self.threads = [threading.Thread(target=self._ask) for _ in range(CLIENTS)]

    def __enter__(self) -> Load:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        for thread in self.threads:
            thread.join()

    def _ask(self) -> None:
        with httpx.Client(base_url=self.url, timeout=60) as http:
            while not self.stopped.is_set():
                answer = http.post("/match", json={"inputs": [self.text], "scoring": "cosine"})
                if answer.status_code != 200 or answer.json()["data"][0]["neighbors"][0]["cosine"] < 0.9999:
                    self.failures.append(answer.text)
                    return
                self.seen.add(answer.json()["bundle"]["revision"])
                predicted = http.post("/predict", json={"inputs": [self.text]})
                if predicted.status_code not in (200, 409):
                    self.failures.append(predicted.text)


def test_swaps_between_a_tuned_and_an_untuned_encoder_under_load(moved: Path) -> None:
    text = open_bundle(BundleStore(moved).resolve("tiny", "r1")).anchors.examples.example(0).text
    with running(moved) as service, httpx.Client(base_url=service.url, timeout=60) as http:
        with Load(service.url, text) as load:
            for i in range(ACTIVATIONS):
                wanted = ("r1", "tuned")[i % 2]
                http.post("/bundles/tiny/activate", json={"revision": wanted}).raise_for_status()
                answer = http.post("/predict", json={"inputs": [text]})
                assert answer.status_code == (200 if wanted == "tuned" else 409), answer.text
        assert load.failures == []
        assert load.seen == {"r1", "tuned"}
        names = [model["id"] for model in http.get("/v1/models").json()["data"]]
        assert names == ["tiny"], "a tuned encoder does not go by the name of the one that it came from"
