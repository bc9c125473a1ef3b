from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from xite_core.encoder import EncoderSpec, HashingEncoder, list_encoders, load_encoder, registry
from xite_core.errors import EncoderError
from xite_core.types import Example


@pytest.fixture
def mini(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(registry, "mini_directory", lambda: tmp_path / "mini")
    return tmp_path / "mini"


def test_mini_is_looked_for_beside_the_code() -> None:
    assert registry.mini_directory() == Path(registry.__file__).parent / "xite_mini"


def test_mini_without_weights_says_so(mini: Path) -> None:
    with pytest.raises(EncoderError, match=r"xite-mini.*reinstall"):
        load_encoder("xite-mini")
    info = list_encoders()[0]
    assert (info.name, info.size_bytes, info.languages, info.available) == ("xite-mini", 0, (), False)


def test_mini_is_loaded_from_its_directory(mini: Path, tiny: Path) -> None:
    shutil.copytree(tiny, mini)
    card = {"languages": ["ko", "ar"], "description": "Small."}
    (mini / "xite_encoder.json").write_text(json.dumps(card), "utf-8")
    encoder = load_encoder("xite-mini")
    assert encoder.name == "xite-mini"
    assert len(encoder.encode([Example("good")])) == 1
    info = list_encoders()[0]
    assert (info.languages, info.description, info.available) == (("ko", "ar"), "Small.", True)
    assert info.size_bytes == sum(path.stat().st_size for path in mini.iterdir())


@pytest.mark.parametrize("text", ["{ no", "[]"])
def test_a_damaged_card_is_no_obstacle(mini: Path, text: str) -> None:
    mini.mkdir()
    (mini / "xite_encoder.json").write_text(text, "utf-8")
    assert list_encoders()[0].languages == ()


def test_hashing_by_name_and_by_spec() -> None:
    by_name, by_spec = load_encoder("hashing"), load_encoder(EncoderSpec("hashing", max_tokens=50))
    assert isinstance(by_name, HashingEncoder)
    assert isinstance(by_spec, HashingEncoder)
    assert (by_name.spec.max_tokens, by_spec.spec.max_tokens) == (512, 50)
    assert "hashing" in [info.name for info in list_encoders()]
