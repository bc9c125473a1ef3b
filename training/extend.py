"""Add a language to a finished encoder from a file of parallel pairs.

New unigram pieces go behind the old vocabulary, start as mixes of the old pieces that they translate to (IBM Model 1)
and are trained towards the encoder's own English vectors. Old rows and layers stay, so other languages keep theirs.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from tokenizers import Tokenizer
from transformers import AutoModel, AutoTokenizer

from training.bootstrap import mean_interval
from training.config import Config
from training.evaluate import encode
from training.extend_check import compare, split_pairs
from training.extend_pieces import extend_tokenizer
from training.extend_train import Extension, Pairs, first_rows
from training.prepare import canonical, digest, heldout, tidy
from training.tokens import Tokens, tokenize

Pair = tuple[str, str]


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m training.extend", description=__doc__)
    parser.add_argument("--encoder", type=Path, required=True, help="directory of the encoder that is extended")
    parser.add_argument("--pairs", type=Path, required=True, help=".tsv, .jsonl or .parquet with columns en and xx")
    parser.add_argument(
        "--lang", required=True, help="the new language's tag; chooses rows where there is a column lang"
    )
    parser.add_argument("--out", type=Path, required=True, help="directory that is written")
    parser.add_argument("--pieces", type=int, default=2000, help="new pieces, at most")
    parser.add_argument("--minutes", type=float, default=10, help="time for training")
    parser.add_argument("--passes", type=int, default=20, help="passes over the pairs, at most")
    parser.add_argument("--all-rows", type=float, default=0.0, metavar="RATE", help="learning rate of the old rows")
    parser.add_argument("--protect", type=Path, help="more texts, one a line, whose segmentation must not change")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--config", type=Path, default=Path(__file__).with_name("config.toml"))
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    return parser.parse_args(argv)


def read_pairs(file: Path, language: str) -> list[Pair]:
    """English and other side of each row, of ``language`` where the rows say which they are of.

    Raises
    ------
    SystemExit
        If the file's kind is unknown or a column is missing.
    """
    if file.suffix == ".parquet":
        rows: list[dict[str, Any]] = pq.read_table(file).to_pylist()
    elif file.suffix == ".jsonl":
        rows = [json.loads(line) for line in file.read_text("utf8").splitlines() if line.strip()]
    elif file.suffix == ".tsv":
        with file.open(encoding="utf8", newline="") as handle:
            rows = list(csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE))
    else:
        raise SystemExit(f"{file}: expected .tsv, .jsonl or .parquet")
    if not rows or not {"en", "xx"} <= rows[0].keys():
        raise SystemExit(f"{file}: expected rows with columns en and xx")
    return [(row["en"] or "", row["xx"] or "") for row in rows if row.get("lang", language) == language]


def clean_pairs(pairs: list[Pair], forbidden: set[bytes], config: Config) -> list[Pair]:
    """Each good pair once: two different texts of bearable length, neither of them held out."""
    longest, ratio = config["data"]["max_characters"], config["data"]["max_length_ratio"]
    kept: dict[Pair, Pair] = {}
    for english, text in ((tidy(a), tidy(b)) for a, b in pairs):
        if not (1 < len(english) <= longest and 1 <= len(text) <= longest):
            continue
        if not 1 / ratio < (len(english) + 8) / (len(text) + 8) < ratio:
            continue
        key = (canonical(english), canonical(text))
        if key[0] == key[1] or any(digest(side) in forbidden for side in (english, text)):
            continue
        kept.setdefault(key, (english, text))
    return list(kept.values())


def protected_texts(config: Config, more: Path | None, english: list[str]) -> list[str]:
    """The pairs' English, the reference texts that ship with the product where they are, and a file of the user's."""
    texts = list(english)
    if config.path("reference_texts").exists():
        texts += pq.read_table(config.path("reference_texts"), columns=["text"])["text"].to_pylist()
    if more is not None:
        texts += [line for line in more.read_text("utf8").splitlines() if line.strip()]
    return texts


class Run:
    """One extension from the read pairs to the written directory."""

    def __init__(self, options: argparse.Namespace, config: Config) -> None:
        self.options, self.config = options, config
        self.card = json.loads((options.encoder / "xite_encoder.json").read_text("utf8"))
        forbidden = heldout(config) if config.path("heldout_hashes").exists() else set()
        pairs = clean_pairs(read_pairs(options.pairs, options.lang), forbidden, config)
        self.train, self.test = split_pairs(pairs, config["data"]["seed"])
        self.model: Any = AutoModel.from_pretrained(options.encoder, dtype=torch.float32, add_pooling_layer=False)
        self.report: dict[str, Any] = {
            "language": options.lang,
            "pairs": {"read": len(pairs), "train": len(self.train), "held_out": len(self.test)},
        }

    def hits(self, folder: Path) -> dict[str, float]:
        """P@1 of the held-out texts among their English sides, as the model is now."""
        english = [a for a, _ in self.test]
        candidates = encode(self.model, self.options.encoder, english)
        best = (encode(self.model, folder, [b for _, b in self.test]) @ candidates.T).argmax(1)
        return mean_interval([english[i] == english[j] for j, i in enumerate(best)]).as_dict()

    def vocabulary(self) -> int:
        """Write the extended tokenizer; gives the size of the vocabulary."""
        options = self.options
        base = Tokenizer.from_file(str(options.encoder / "tokenizer.json"))
        protected = protected_texts(self.config, options.protect, [a for a, _ in self.train])
        texts = [b for _, b in self.train]
        languages = len(self.card.get("languages", ()))
        extended, dropped = extend_tokenizer(base, texts, protected, options.pieces, languages)
        options.out.mkdir(parents=True, exist_ok=True)
        extended.save(str(options.out / "tokenizer.json"), pretty=False)
        shutil.copyfile(options.encoder / "tokenizer_config.json", options.out / "tokenizer_config.json")
        added = extended.get_vocab_size() - base.get_vocab_size()
        self.report["pieces"] = {"added": added, "left_out_for_other_languages": dropped}
        return extended.get_vocab_size()

    def tokens(self, side: list[str]) -> Tokens:
        """Token ids by the extended tokenizer, which cuts English as before."""
        return tokenize(AutoTokenizer.from_pretrained(self.options.out), side, self.config["distill"]["max_tokens"])

    def grow(self, size: int, english: Tokens, other: Tokens) -> int:
        """Give the model's table its new rows; gives how many it had."""
        embedding = self.model.get_input_embeddings()
        old = embedding.weight.detach().numpy().copy()
        rows = first_rows(old, english, other, size, self.config)
        self.model.resize_token_embeddings(size, mean_resizing=False)
        with torch.no_grad():
            self.model.get_input_embeddings().weight.copy_(torch.from_numpy(rows))
        return len(old)

    def fit(self, n_old: int, english: list[str], other: Tokens) -> None:
        """Train towards the English vectors that the encoder has."""
        ids: dict[str, int] = {}
        rows = np.array([ids.setdefault(text, len(ids)) for text in english], np.int64)
        vectors = encode(self.model, self.options.encoder, list(ids))
        names = AutoTokenizer.from_pretrained(self.options.out)
        special = (names.cls_token_id, names.sep_token_id, names.pad_token_id)
        extension = Extension(self.model, n_old, special, self.config, self.options.all_rows)
        start = time.monotonic()
        extension.run(Pairs(other, rows, vectors), self.options.minutes, self.options.passes)
        minutes = round((time.monotonic() - start) / 60, 2)
        self.report["training"] = {"examples": extension.examples, "minutes": minutes}

    def write(self) -> None:
        """Weights in fp16, and the card with the language."""
        out = self.options.out
        self.model.half().save_pretrained(out)
        languages = [*self.card.get("languages", ()), self.options.lang]
        self.card["languages"] = list(dict.fromkeys(languages))
        (out / "xite_encoder.json").write_text(json.dumps(self.card, indent=1) + "\n", "utf8")

    def run(self) -> dict[str, Any]:
        """All steps; gives the report, which is also written."""
        english = [a for a, _ in self.train]
        score: dict[str, dict[str, float]] = {"before": self.hits(self.options.encoder)}
        size = self.vocabulary()
        other = self.tokens([b for _, b in self.train])
        n_old = self.grow(size, self.tokens(english), other)
        score["initialised"] = self.hits(self.options.out)
        self.fit(n_old, english, other)
        score["trained"] = self.hits(self.options.out)
        self.report["retrieval_p1"] = score
        self.write()
        sample = protected_texts(self.config, None, [a for a, _ in self.test])
        self.report["unchanged"] = compare(self.options.encoder, self.options.out, sample)
        (self.options.out / "extension.json").write_text(json.dumps(self.report, indent=1) + "\n", "utf8")
        return self.report


def main() -> None:
    """Extend and report."""
    options = arguments()
    torch.set_num_threads(options.threads)
    config = Config(options.config, options.set)
    torch.manual_seed(config["distill"]["seed"])
    print(json.dumps(Run(options, config).run(), indent=1))


if __name__ == "__main__":
    main()
