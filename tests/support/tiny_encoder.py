"""A tiny XLM-R with random weights and a Unigram tokenizer, written in the layout that real encoders have."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import XLMRobertaConfig, XLMRobertaModel

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
CORPUS = [
    "the film was good and the food was bad",
    "a small dog runs over the green grass",
    "nobody liked the end of this book",
    "영화가 정말 좋았어요 다시 보고 싶어요",
    "음식이 별로였고 서비스도 느렸어요",
    "كان الفيلم جميلا والطعام سيئا",
    "यह फिल्म बहुत अच्छी थी और खाना खराब था",
    "یہ کتاب بہت اچھی تھی",
]


def make_tiny_xlmr(
    directory: Path, *, seed: int = 0, layers: int = 3, hidden: int = 32, dtype: torch.dtype = torch.float32
) -> Path:
    """Write config.json, model.safetensors, tokenizer.json and tokenizer_config.json; give the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    tokenizer = make_tiny_tokenizer()
    config = XLMRobertaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=4,
        intermediate_size=2 * hidden,
        max_position_embeddings=130,
        type_vocab_size=1,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
        initializer_range=0.3,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        XLMRobertaModel(config, add_pooling_layer=False).to(dtype).save_pretrained(directory)
    write_tokenizer(tokenizer, directory)
    return directory


def write_tokenizer(tokenizer: Tokenizer, directory: Path) -> None:
    tokenizer.save(str(directory / "tokenizer.json"))
    settings = {"tokenizer_class": "XLMRobertaTokenizer", "pad_token": "<pad>", "model_max_length": 128}
    (directory / "tokenizer_config.json").write_text(json.dumps(settings), "utf-8")


def make_tiny_tokenizer() -> Tokenizer:
    """A Unigram tokenizer with XLM-R's special tokens and templates; not trained, since training differs by run."""
    tokenizer = Tokenizer(models.Unigram(_vocabulary(), unk_id=SPECIAL.index("<unk>")))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace("\t", " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.add_special_tokens(SPECIAL)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B:1 </s>:1", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return tokenizer


def _vocabulary() -> list[tuple[str, float]]:
    """The corpus's words, pairs of letters and letters, the longer the likelier."""
    words = sorted({word for line in CORPUS for word in line.split()})
    pairs = sorted({word[i : i + 2] for word in words for i in range(len(word) - 1)})
    letters = sorted({letter for word in words for letter in word})
    scored = {
        **dict.fromkeys(["\u2581", *letters], -8.0),
        **dict.fromkeys(pairs, -9.0),
        **dict.fromkeys((f"\u2581{word}" for word in words), -4.0),
    }
    return [*((token, 0.0) for token in SPECIAL), *scored.items()]
