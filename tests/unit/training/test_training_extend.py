"""A language added to a tiny encoder, from the pairs to the written directory."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from training_recipe import recipe

for module in ("numba", "sentencepiece", "tqdm"):
    pytest.importorskip(module, reason=f"{module} is part of the extra 'training'")

from transformers import BertConfig, BertModel  # noqa: E402

from training.extend import Run, arguments, clean_pairs, read_pairs  # noqa: E402
from training.extend_train import SplitTable, nearest  # noqa: E402
from training.tokenizer import MARK, SPECIAL, build  # noqa: E402

WORDS = {"sun": "მზე", "sea": "ზღვა", "day": "დღე", "night": "ღამე", "red": "წითელი", "old": "ძველი", "house": "სახლი"}


def pairs(n: int) -> list[tuple[str, str]]:
    rng = np.random.default_rng(0)
    drawn = [rng.choice(list(WORDS), rng.integers(1, 5), replace=False).tolist() for _ in range(n)]
    return [(" ".join(words), " ".join(WORDS[word] for word in words)) for words in drawn]


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    folder = tmp_path / "base"
    letters = [(letter, -8.0) for letter in "abcdefghijklmnopqrstuvwxyz"]
    vocabulary = [(name, 0.0) for name in SPECIAL] + [(MARK + word, -3.0) for word in WORDS] + letters + [(MARK, -9.0)]
    build(vocabulary).save_pretrained(folder)
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    model = BertModel(BertConfig(vocab_size=len(vocabulary), pad_token_id=0, **shape), add_pooling_layer=False)
    model.half().save_pretrained(folder)
    (folder / "xite_encoder.json").write_text('{"languages": ["en"]}', "utf8")
    return folder


def test_a_language_is_added(tmp_path: Path, encoder: Path) -> None:
    file = tmp_path / "pairs.jsonl"
    lines = [json.dumps({"en": a, "xx": b, "lang": "ka"}) for a, b in pairs(300)]
    file.write_text("\n".join([*lines, json.dumps({"en": "sun", "xx": "sol", "lang": "es"})]), "utf8")
    out = tmp_path / "out"
    command = f"--encoder {encoder} --pairs {file} --lang ka --out {out} --pieces 60 --minutes 0.2 --passes 3"
    report = Run(arguments(command.split()), recipe(tmp_path)).run()
    assert report["pieces"]["added"] > 10
    assert report["training"]["examples"] > 0
    scores = report["retrieval_p1"]
    assert scores["trained"]["value"] > scores["before"]["value"]
    assert report["unchanged"]["with_same_tokens"] == report["unchanged"]["texts"]
    assert report["unchanged"]["least_cosine_of_these"] > 0.99999
    assert json.loads((out / "xite_encoder.json").read_text("utf8"))["languages"] == ["en", "ka"]
    assert json.loads((out / "extension.json").read_text("utf8")) == report


def test_read_pairs_of_every_kind(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text('en\txx\na "quoted" one\tერთი\n', "utf8")
    assert read_pairs(tmp_path / "a.tsv", "ka") == [('a "quoted" one', "ერთი")]
    for name, text in (("a.csv", "en,xx\n"), ("b.tsv", "english\tother\na\tb\n")):
        (tmp_path / name).write_text(text, "utf8")
        with pytest.raises(SystemExit, match="expected"):
            read_pairs(tmp_path / name, "ka")


def test_clean_pairs_drops_copies_repeats_and_held_out_texts(tmp_path: Path) -> None:
    from training.prepare import digest

    rows = [("the sun", "მზე"), ("The  sun", "მზე"), ("OK then", "ok then"), ("", "ზღვა"), ("the sea", "ზღვა")]
    assert clean_pairs(rows, {digest("ზღვა")}, recipe(tmp_path)) == [("the sun", "მზე")]


def test_only_new_rows_get_a_gradient() -> None:
    table = torch.randn(6, 3)
    split = SplitTable(table, 4)
    ids = torch.tensor([[0, 3, 4, 5]])
    assert torch.equal(split(ids), table[ids])
    split(ids).sum().backward()
    assert split.old.weight.grad is None
    assert split.new.weight.grad is not None
    assert torch.equal(split.joined(), table)


def test_nearest_leaves_itself_out() -> None:
    vectors = np.eye(5, dtype=np.float32)[[0, 0, 1, 2]]
    found = nearest(vectors, k=24, chunk=3)
    assert found.shape == (4, 24)
    assert all(i not in row for i, row in enumerate(found.tolist()))
    assert found[0, :3].max() == 3
    assert (found[:, 3:] == -1).all()
