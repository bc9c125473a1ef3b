from __future__ import annotations

import base64

import httpx
import numpy as np
import pytest

from tests.support.service import Service
from xite_core.encoder.hashing import HashingEncoder
from xite_core.types import Example

openai = pytest.importorskip("openai")
TEXTS = ["good film", "정말 좋아요"]


@pytest.fixture
def expected() -> np.ndarray:
    return HashingEncoder().encode([Example(text) for text in TEXTS]).vectors


@pytest.mark.parametrize("form", ["float", "base64", None])
def test_the_openai_client_reads_embeddings(service: Service, expected: np.ndarray, form: str | None) -> None:
    extra = {"encoding_format": form} if form else {}
    with openai.OpenAI(base_url=service.url + "/v1", api_key="none", max_retries=0) as client:
        answer = client.embeddings.create(model="hashing", input=TEXTS, **extra)
    vectors = [item.embedding for item in answer.data]
    if form == "base64":
        vectors = [np.frombuffer(base64.b64decode(vector), "<f4") for vector in vectors]
    np.testing.assert_allclose(np.array(vectors, np.float32), expected, atol=1e-6)
    assert answer.usage.total_tokens > 0


def test_the_openai_client_reads_models_and_errors(service: Service) -> None:
    with openai.OpenAI(base_url=service.url + "/v1", api_key="none", max_retries=0) as client:
        assert "hashing" in [model.id for model in client.models.list()]
        with pytest.raises(openai.NotFoundError):
            client.embeddings.create(model="gpt", input="a")
        with pytest.raises(openai.BadRequestError):
            client.embeddings.create(model="hashing", input=[])


def test_both_forms_hold_the_same_numbers(http: httpx.Client) -> None:
    def vector(form: str) -> np.ndarray:
        answer = http.post("/v1/embeddings", json={"model": "hashing", "input": TEXTS[0], "encoding_format": form})
        given = answer.json()["data"][0]["embedding"]
        return np.frombuffer(base64.b64decode(given), "<f4") if form == "base64" else np.array(given, np.float32)

    np.testing.assert_array_equal(vector("float"), vector("base64"))
