"""Stage 2: a Unigram vocabulary that holds the teacher's English pieces and new pieces for the other languages.

Words are split as the teacher splits them. A word in Latin letters or digits starts with U+2581, so that the English
piece ``▁word`` is the teacher's ``word`` and ``ing`` is its ``##ing``: English keeps its segmentation and its vectors.
Other scripts go without the mark, which would cost them half of a small vocabulary (ours; tried).
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import sentencepiece as spm
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from training.config import Config, from_command_line
from training.teacher import teacher_directory

MARK = "\u2581"
_LATIN_OR_DIGIT = re.compile(r"[0-9a-z\u00c0-\u024f]")
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def normalizer() -> normalizers.Normalizer:
    """NFKC and lower case; Arabic-script spelling variants that carry no meaning are folded."""
    fold = {
        "أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ی", "ي": "ی", "ك": "ک", "ة": "ہ", "ه": "ہ", "ۀ": "ہ", "ؤ": "و",
    }  # fmt: skip
    return normalizers.Sequence(
        [
            normalizers.NFKC(),
            normalizers.Lowercase(),
            normalizers.Replace(Regex(r"[\p{Cc}\p{Cf}&&[^\u200c\u200d]]"), " "),
            normalizers.Replace(Regex(r"[\u0640\u064b-\u0652\u0654\u0670\u0591-\u05c7\u200c\u200d]"), ""),
            *(normalizers.Replace(old, new) for old, new in fold.items()),
            normalizers.Replace(Regex(r"(?<![\p{Latin}\p{Nd}])(?=[\p{Latin}\p{Nd}])"), MARK),
        ]
    )


def word_frequencies(config: Config) -> Counter[str]:
    """Words of all languages with their weighted frequencies, each language scaled to its share."""
    normalize, split = normalizer(), pre_tokenizers.BertPreTokenizer()
    pairs = pq.read_table(config.work / "pairs.parquet", columns=["lang", "text", "source"])
    weight, boost = config["tokenizer"]["source_weight"], config["tokenizer"]["language_weight"]
    by_language: dict[str, Counter[str]] = {}
    for language, text, source in zip(*(pairs[name].to_pylist() for name in ("lang", "text", "source")), strict=True):
        counts = by_language.setdefault(language, Counter())
        for word, _ in split.pre_tokenize_str(normalize.normalize_str(text)):
            counts[word] += weight.get(source, 1)
    total: Counter[str] = Counter()
    for language, counts in by_language.items():
        scale = 3e5 * boost.get(language, boost["*"]) / sum(counts.values())
        for word, count in counts.items():
            total[word] += round(count * scale)
    return total


def train_pieces(config: Config) -> dict[str, float]:
    """SentencePiece unigram pieces of the words, with their log probabilities."""
    settings = config["tokenizer"]
    corpus = config.work / "words.tsv"
    lines = (f"{word}\t{count}" for word, count in word_frequencies(config).items() if count and len(word) < 40)
    corpus.write_text("\n".join(lines), "utf8")
    prefix = config.work / "pieces"
    spm.SentencePieceTrainer.train(
        input=str(corpus),
        input_format="tsv",
        model_prefix=str(prefix),
        vocab_size=settings["pieces"],
        model_type="unigram",
        character_coverage=settings["character_coverage"],
        normalization_rule_name="identity",
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        num_threads=2,
        minloglevel=1,
    )
    cells = (line.split("\t") for line in Path(f"{prefix}.vocab").read_text("utf8").splitlines())
    return {piece: float(score) for piece, score in cells if piece not in ("<unk>", "<s>", "</s>")}


def our_spelling(wordpiece: str) -> str:
    """The teacher's piece as this vocabulary writes it."""
    if wordpiece.startswith("##"):
        return wordpiece[2:]
    return MARK + wordpiece if _LATIN_OR_DIGIT.match(wordpiece) else wordpiece


def english_pieces(config: Config) -> Counter[str]:
    """The teacher's pieces in our spelling, counted over the English side."""
    tokenizer = AutoTokenizer.from_pretrained(teacher_directory())
    texts = pq.read_table(config.work / "english.parquet", columns=["text"])["text"].to_pylist()
    extra = [
        config.path("tasks") / "sentiment" / "en.sst2.train.parquet",
        config.path("tasks") / "sentiment" / "en.blitzer.train.parquet",
    ]
    for file in (path for path in extra if path.exists()):
        texts += pq.read_table(file, columns=["text"])["text"].to_pylist()
    counts: Counter[int] = Counter()
    for start in range(0, len(texts), 8192):
        for ids in tokenizer(texts[start : start + 8192], add_special_tokens=False)["input_ids"]:
            counts.update(ids)
    names = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    return Counter({our_spelling(names[i]): n for i, n in counts.items()})


def merge(new: dict[str, float], english: Counter[str], minimum: int) -> list[tuple[str, float]]:
    """One vocabulary: special tokens, English pieces seen often enough, new pieces; scores are log probabilities."""
    total = sum(english.values())
    scores = {piece: math.log(n / total) for piece, n in english.items() if n >= minimum and piece not in SPECIAL}
    for piece, score in new.items():
        scores.setdefault(piece, score)
    scores[MARK] = -12.0  # a lone mark only where no piece that carries it fits
    return [(token, 0.0) for token in SPECIAL] + sorted(scores.items(), key=lambda item: -item[1])


def build(vocabulary: list[tuple[str, float]]) -> PreTrainedTokenizerFast:
    """A fast tokenizer with BERT's special tokens around one text or a pair."""
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=SPECIAL.index("[UNK]")))
    tokenizer.normalizer = normalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(name, SPECIAL.index(name)) for name in ("[CLS]", "[SEP]")],
    )
    names: dict[str, Any] = {
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "mask_token": "[MASK]",
    }
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=256, **names)


def main() -> None:
    """Run the stage."""
    config, _ = from_command_line(__doc__)
    english = english_pieces(config)
    vocabulary = merge(train_pieces(config), english, config["tokenizer"]["english_min_count"])
    build(vocabulary).save_pretrained(config.work / "tokenizer")
    (config.work / "vocabulary.json").write_text(json.dumps(vocabulary, ensure_ascii=False), "utf8")
    kept = sum(count >= config["tokenizer"]["english_min_count"] for count in english.values())
    print(f"{len(vocabulary)} pieces, {kept} of them English")


if __name__ == "__main__":
    main()
