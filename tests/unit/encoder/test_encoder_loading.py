from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertModel, DebertaV2Config, DebertaV2Model, DistilBertConfig, DistilBertModel

from tests.support.tiny_encoder import make_tiny_tokenizer, make_tiny_xlmr, write_tokenizer
from xite_core.encoder import EncoderSpec, load_encoder
from xite_core.encoder.transformers_encoder import TransformersEncoder
from xite_core.errors import EncoderError, OptionError
from xite_core.types import Example

TEXTS = [Example("the film was good"), Example("음식이 별로였고 서비스도 느렸어요"), Example("bad")]


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **changes}), "utf-8")


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(EncoderError, match=name):
        load_encoder(str(copy))


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors", "tokenizer_config.json"])
def test_a_damaged_file_is_an_encoder_error(copy: Path, name: str) -> None:
    edit(copy / "config.json", type_vocab_size=2 if name == "tokenizer_config.json" else 1)
    if name == "tokenizer_config.json":
        weights = load_file(copy / "model.safetensors")
        key = "embeddings.token_type_embeddings.weight"
        save_file({**weights, key: weights[key].repeat(2, 1)}, copy / "model.safetensors", {"format": "pt"})
    (copy / name).write_bytes(b"{ no")
    with pytest.raises(EncoderError) as caught:
        load_encoder(str(copy))
    assert str(copy) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["./nowhere/at/all", "~nobody-here/model", "x/" * 3000, "a\0b"])
def test_a_path_that_is_not_there(name: str) -> None:
    with pytest.raises(EncoderError, match="no such directory"):
        load_encoder(name)


def test_a_hub_name_that_cannot_be_had_fails_fast(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls = []

    def unreachable(name: str, *, local_files_only: bool, **_: object) -> str:
        calls.append(local_files_only)
        raise ConnectionError("no route\nsecond line")

    monkeypatch.setattr("huggingface_hub.snapshot_download", unreachable)
    start = time.monotonic()
    with pytest.raises(EncoderError, match="local directory") as caught:
        load_encoder("nobody/no-such-encoder")
    assert time.monotonic() - start < 5
    assert calls == [True, False]
    assert "no route" in str(caught.value)
    assert caught.value.__cause__ is None
    assert "\n" not in str(caught.value)


def test_a_cached_hub_name_needs_no_network(monkeypatch: pytest.MonkeyPatch, tiny: Path) -> None:
    calls = []

    def cached(name: str, *, local_files_only: bool, **_: object) -> str:
        calls.append((name, local_files_only))
        return str(tiny)

    monkeypatch.setattr("huggingface_hub.snapshot_download", cached)
    encoder = load_encoder("org/some-encoder")
    assert calls == [("org/some-encoder", True)]
    assert encoder.name == "org/some-encoder"
    assert encoder.fingerprint == load_encoder(str(tiny)).fingerprint


def test_remote_code_is_never_run(copy: Path) -> None:
    (copy / "evil.py").write_text(f"open({str(copy / 'ran')!r}, 'w')\n", "utf-8")
    for name in ("config.json", "tokenizer_config.json"):
        edit(copy / name, auto_map={"AutoConfig": "evil.Config", "AutoModel": "evil.Model", "AutoTokenizer": "evil.T"})
    encoder = load_encoder(str(copy))
    assert type(encoder.model).__name__ == "XLMRobertaModel"
    edit(copy / "config.json", model_type="evil")
    with pytest.raises(EncoderError, match="never executed"):
        load_encoder(str(copy))
    assert not (copy / "ran").exists()


def test_half_precision_on_disk_is_single_in_memory(tmp_path: Path) -> None:
    half = make_tiny_xlmr(tmp_path / "half", dtype=torch.float16)
    assert {tensor.dtype for tensor in load_file(half / "model.safetensors").values()} == {torch.float16}
    encoder = TransformersEncoder(EncoderSpec(str(half)))
    assert {parameter.dtype for parameter in encoder.model.parameters()} == {torch.float32}
    assert not encoder.model.training


def test_weights_of_another_model_are_refused(copy: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    kept = {name: tensor for name, tensor in weights.items() if "layer.1." not in name}
    save_file(kept, copy / "model.safetensors", {"format": "pt"})
    with pytest.raises(EncoderError, match=r"weights lack .*layer\.1\."):
        load_encoder(str(copy))


def test_a_tokenizer_of_another_model_is_refused(copy: Path) -> None:
    tokenizer = make_tiny_tokenizer()
    tokenizer.add_tokens([f"<extra{i}>" for i in range(9)])
    tokenizer.save(str(copy / "tokenizer.json"))
    with pytest.raises(EncoderError, match="tokens, the model"):
        load_encoder(str(copy))


def test_sharded_weights(copy: Path, tiny: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    (copy / "model.safetensors").unlink()
    names = sorted(weights)
    shards = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for shard, keys in shards.items():
        save_file({key: weights[key].clone() for key in keys}, copy / shard, {"format": "pt"})
    table = {key: shard for shard, keys in shards.items() for key in keys}
    index = {"metadata": {"total_size": 1}, "weight_map": table}
    (copy / "model.safetensors.index.json").write_text(json.dumps(index), "utf-8")
    sharded, whole = load_encoder(str(copy)), load_encoder(str(tiny))
    np.testing.assert_array_equal(sharded.encode(TEXTS).vectors, whole.encode(TEXTS).vectors)
    first = sharded.fingerprint
    with (copy / "b.safetensors").open("ab") as file:
        file.write(b"\0")
    assert load_files_fingerprint(copy) != first
    (copy / "b.safetensors").unlink()
    with pytest.raises(EncoderError, match=r"b\.safetensors"):
        load_encoder(str(copy))
    table[names[0]] = "../a.safetensors"
    (copy / "model.safetensors.index.json").write_text(json.dumps(index), "utf-8")
    with pytest.raises(EncoderError, match="outside"):
        load_encoder(str(copy))


def load_files_fingerprint(directory: Path) -> str:
    from xite_core.encoder.source import files_in

    return files_in(directory).fingerprint(EncoderSpec(str(directory)))


def test_a_layer_is_the_hidden_state_of_that_index(tiny: Path) -> None:
    full = TransformersEncoder(EncoderSpec(str(tiny)))
    tokenized = full.tokenize(TEXTS[:1])
    with torch.inference_mode():
        states = full.model(torch.tensor(tokenized.ids), output_hidden_states=True).hidden_states
    for layer in (0, 1, 2, 3, -2, -4):
        encoder = TransformersEncoder(EncoderSpec(str(tiny), layer=layer))
        expected = torch.nn.functional.normalize(states[layer].mean(dim=1), dim=-1).numpy()
        np.testing.assert_allclose(encoder.forward(tokenized), expected, atol=1e-5)
        assert encoder.layers is not None
        assert len(encoder.layers) == (layer if layer >= 0 else 4 + layer)


def test_a_cut_model_can_be_saved_and_loaded(tiny: Path, tmp_path: Path) -> None:
    encoder = TransformersEncoder(EncoderSpec(str(tiny), layer=2))
    encoder.model.save_pretrained(tmp_path / "saved")
    write_tokenizer(make_tiny_tokenizer(), tmp_path / "saved")
    (tmp_path / "saved/tokenizer.json").write_bytes((tiny / "tokenizer.json").read_bytes())
    again = TransformersEncoder(EncoderSpec(str(tmp_path / "saved")))
    np.testing.assert_allclose(again.encode(TEXTS).vectors, encoder.encode(TEXTS).vectors, atol=1e-6)


@pytest.mark.parametrize("change", [{"layer": 4}, {"layer": -5}, {"max_tokens": 129}])
def test_a_choice_beyond_the_model_is_refused(tiny: Path, change: dict[str, int]) -> None:
    with pytest.raises(OptionError) as caught:
        load_encoder(EncoderSpec(str(tiny), **change))
    assert caught.value.option in change


def small(**more: object) -> dict[str, object]:
    common = {"vocab_size": 260, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    return {**common, "intermediate_size": 32, "pad_token_id": 1, **more}


@pytest.mark.parametrize("layer", [-1, 1])
def test_deberta_with_and_without_padding(tmp_path: Path, layer: int) -> None:
    relative = small(
        type_vocab_size=0, relative_attention=True, position_biased_input=False, pos_att_type=["p2c", "c2p"]
    )
    model = DebertaV2Model(
        DebertaV2Config(**relative, position_buckets=8, share_att_key=True, norm_rel_ebd="layer_norm")
    )
    model.save_pretrained(tmp_path)
    write_tokenizer(make_tiny_tokenizer(), tmp_path)
    encoder = TransformersEncoder(EncoderSpec(str(tmp_path), layer=layer, max_tokens=512))
    together = encoder.encode(TEXTS).vectors
    alone = np.concatenate([encoder.encode([text]).vectors for text in TEXTS])
    assert (together * alone).sum(axis=1).min() > 0.9999
    ids = torch.tensor(encoder.tokenize(TEXTS[:1]).ids)
    with torch.inference_mode():
        state = model.eval()(ids, output_hidden_states=True).hidden_states[layer].mean(dim=1)
    np.testing.assert_allclose(together[:1], torch.nn.functional.normalize(state, dim=-1).numpy(), atol=1e-5)


def test_an_architecture_without_encoder_layer(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = DistilBertConfig(vocab_size=260, dim=16, n_layers=2, n_heads=2, hidden_dim=32, initializer_range=0.3)
    DistilBertModel(config).save_pretrained(tmp_path)
    write_tokenizer(make_tiny_tokenizer(), tmp_path)
    last, first = (TransformersEncoder(EncoderSpec(str(tmp_path), layer=layer)) for layer in (2, 1))
    usual = TransformersEncoder(EncoderSpec(str(tmp_path)))
    assert first.layers is None
    np.testing.assert_array_equal(last.encode(TEXTS).vectors, usual.encode(TEXTS).vectors)
    assert (first.encode(TEXTS).vectors * last.encode(TEXTS).vectors).sum(axis=1).max() < 0.9999


@pytest.mark.parametrize(
    ("settings", "used"),
    [
        ({"tokenizer_class": "BertTokenizer"}, True),
        ({"tokenizer_class": "XLMRobertaTokenizer"}, False),
        ({"tokenizer_class": "XLMRobertaTokenizer", "model_input_names": ["input_ids", "token_type_ids"]}, True),
        ({}, True),
    ],
)
def test_segments_go_only_to_models_that_know_them(tmp_path: Path, settings: dict[str, object], used: bool) -> None:
    BertModel(BertConfig(**small(type_vocab_size=2))).save_pretrained(tmp_path)
    write_tokenizer(make_tiny_tokenizer(), tmp_path)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings), "utf-8")
    encoder = TransformersEncoder(EncoderSpec(str(tmp_path)))
    batch = encoder.collate(encoder.tokenize([Example("good", "bad"), Example("the film", "dog")]), np.arange(2))
    assert (batch.token_type_ids is not None) == used
