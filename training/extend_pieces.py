"""New vocabulary pieces for one more language, put behind those that a Unigram tokenizer has.

Old pieces keep their ids and scores. A new piece that would cut a protected text (English, the other languages)
differently is left out again, so that the encoder's old vectors stay as they are.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import sentencepiece as spm
from tokenizers import Tokenizer

#: SentencePiece repeats a word as often as its count says, so the counts are scaled down to this sum.
TOTAL = 1_000_000
LONGEST_WORD = 60
SPM_SYMBOLS = ("<unk>", "<s>", "</s>")


def word_counts(tokenizer: Tokenizer, texts: Iterable[str]) -> Counter[str]:
    """Words as the tokenizer's own normaliser and pre-tokeniser cut them."""
    counts: Counter[str] = Counter()
    for text in texts:
        normal = tokenizer.normalizer.normalize_str(text) if tokenizer.normalizer else text
        words = tokenizer.pre_tokenizer.pre_tokenize_str(normal) if tokenizer.pre_tokenizer else [(normal, (0, 0))]
        counts.update(word for word, _ in words if len(word) <= LONGEST_WORD)
    return counts


def train_pieces(counts: Counter[str], pieces: int) -> dict[str, float]:
    """SentencePiece unigram pieces of the words with their log probabilities, the most probable first.

    Raises
    ------
    SystemExit
        If there are no words, or the language has more characters than pieces are asked for.
    """
    if not counts:
        raise SystemExit("no words on the new language's side")
    scale = min(1.0, TOTAL / sum(counts.values()))
    with tempfile.TemporaryDirectory() as folder:
        corpus, prefix = Path(folder) / "words.tsv", Path(folder) / "pieces"
        corpus.write_text("".join(f"{word}\t{max(1, round(n * scale))}\n" for word, n in counts.items()), "utf8")
        try:
            spm.SentencePieceTrainer.train(
                input=str(corpus),
                input_format="tsv",
                model_prefix=str(prefix),
                vocab_size=pieces,
                hard_vocab_limit=False,
                model_type="unigram",
                character_coverage=0.9998,
                normalization_rule_name="identity",
                add_dummy_prefix=False,
                remove_extra_whitespaces=False,
                num_threads=1,
                minloglevel=2,
            )
        except RuntimeError as error:
            raise SystemExit(f"no pieces can be trained: {str(error).splitlines()[0]}") from error
        cells = [line.split("\t") for line in Path(f"{prefix}.vocab").read_text("utf8").splitlines()]
    found = {piece: float(score) for piece, score in cells if piece not in SPM_SYMBOLS}
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def unigram_state(tokenizer: Tokenizer) -> dict[str, Any]:
    """The tokenizer's JSON.

    Raises
    ------
    SystemExit
        If it is of another kind than Unigram.
    """
    state: dict[str, Any] = json.loads(tokenizer.to_str())
    if state["model"]["type"] != "Unigram":
        raise SystemExit(f"only Unigram tokenizers can be extended, not {state['model']['type']}")
    return state


def append(tokenizer: Tokenizer, pieces: dict[str, float]) -> Tokenizer:
    """A copy with the pieces behind the old ones.

    Raises
    ------
    SystemExit
        If tokens were added behind the vocabulary, since new pieces would take their ids.
    """
    state = unigram_state(tokenizer)
    size = len(state["model"]["vocab"])
    if any(token["id"] >= size for token in state["added_tokens"]):
        raise SystemExit("this tokenizer has added tokens behind its vocabulary")
    state["model"]["vocab"] += [[piece, score] for piece, score in pieces.items()]
    return Tokenizer.from_str(json.dumps(state, ensure_ascii=False))


def new_ids(tokenizer: Tokenizer, texts: list[str], size: int) -> set[int]:
    """Pieces from ``size`` on that occur in the texts."""
    encodings = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    return {i for encoding in encodings for i in encoding.ids if i >= size}


def extend_tokenizer(
    tokenizer: Tokenizer, texts: list[str], protected: list[str], pieces: int, n_languages: int
) -> tuple[Tokenizer, int]:
    """Add pieces of a new language.

    Parameters
    ----------
    tokenizer : Tokenizer
        A Unigram tokenizer; left as it is.
    texts : list of str
        Texts of the new language.
    protected : list of str
        Texts whose segmentation must not change.
    pieces : int
        How many new pieces are wanted; fewer come where the language or the protection gives fewer.
    n_languages : int
        Languages that the encoder has. A piece's score is its log probability in text of all of them, so the new
        language's pieces are scored as a share of one in so many.

    Returns
    -------
    tokenizer : Tokenizer
        With the new pieces behind the old ones.
    dropped : int
        Pieces left out because they would change a protected text.
    """
    old = tokenizer.get_vocab()
    shift = math.log(n_languages + 1)
    trained = train_pieces(word_counts(tokenizer, texts), pieces + pieces // 2)
    wanted = [(piece, score - shift) for piece, score in trained.items() if piece not in old][:pieces]
    chosen = dict(wanted)
    while True:
        extended = append(tokenizer, chosen)
        found = new_ids(extended, protected, len(old)) if protected else set()
        if not found:
            return extended, len(wanted) - len(chosen)
        names = list(chosen)
        for i in found:
            del chosen[names[i - len(old)]]
