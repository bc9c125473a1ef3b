"""Stage 1: clean the parallel pairs, leave out every evaluation text, write ``english.parquet`` and ``pairs.parquet``.

The English side is stored once per distinct sentence, since the teacher encodes it once.
"""

from __future__ import annotations

import csv
import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from training.config import ROOT, Config, from_command_line

Row = tuple[str, str, str, str]  # source, language, English, translation
_SPACE = re.compile(r"\s+")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|<br\s*/?>")
_LETTERS = re.compile(r"[^\W\d_]", re.UNICODE)
_LATIN = re.compile(r"[A-Za-z]")
LATIN_LANGUAGES = frozenset(("fr", "es", "de", "id", "ms", "pl", "it", "tr", "vi", "pt", "sw", "da", "sv", "no"))
LATIN_LANGUAGES |= {"hu", "ro", "cs", "nl", "fi", "tl", "ha"}


def canonical(text: str) -> str:
    """Text as the held-out hashes see it: NFKC, casefold, white space folded to one blank."""
    return _SPACE.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()


@lru_cache(maxsize=400_000)
def digest(text: str) -> bytes:
    """First eight bytes of the SHA-256 of the canonical text."""
    return hashlib.sha256(canonical(text).encode()).digest()[:8]


def heldout(config: Config) -> set[bytes]:
    """Hashes of all texts that training must not see: final evaluation and the retrieval dev sets."""
    column = pq.read_table(config.path("heldout_hashes")).column(0).to_pylist()
    hashes = {bytes.fromhex(value) if isinstance(value, str) else bytes(value) for value in column}
    for file in sorted(config.path("retrieval").glob("*.parquet")):
        table = pq.read_table(file)
        for name in ("en", "xx"):
            hashes.update(digest(text) for text in table[name].to_pylist())
    return hashes


def parallel_rows(path: Path) -> Iterator[Row]:
    """Rows of the parallel Parquet file, batch by batch."""
    for batch in pq.ParquetFile(path).iter_batches(columns=["source", "lang", "en", "xx"]):
        columns = (batch.column(name).to_pylist() for name in ("source", "lang", "en", "xx"))
        yield from zip(*columns, strict=True)


def written_rows(folders: Iterable[Path]) -> Iterator[Row]:
    """Rows of tab-separated files whose first line names the languages and whose first column is English."""
    for folder in folders:
        for file in sorted(folder.glob("*.tsv")):
            with file.open(encoding="utf8", newline="") as handle:
                reader = csv.reader(handle, delimiter="\t", quoting=csv.QUOTE_NONE)
                languages = next(reader)
                for cells in reader:
                    if len(cells) == len(languages):
                        for language, text in zip(languages[1:], cells[1:], strict=True):
                            yield "written", language, cells[0], text


def tidy(text: str) -> str:
    """One line, single blanks, no leading bullets or heading marks."""
    return _SPACE.sub(" ", text).strip().lstrip("#*•-–—>|").strip()


def is_translation(language: str, english: str, text: str, config: Config) -> bool:
    """Whether a pair looks like a translation at all (length, script, not a copy)."""
    settings = config["data"]
    if not (1 < len(english) <= settings["max_characters"] and 1 <= len(text) <= settings["max_characters"]):
        return False
    letters = len(_LETTERS.findall(text))
    if letters < 0.4 * len(text.replace(" ", "")) or canonical(english) == canonical(text):
        return False
    if language not in LATIN_LANGUAGES and len(_LATIN.findall(text)) > 0.6 * letters:
        return False
    ratio = (len(english) + 8) / (len(text.encode()) / (3 if text.encode()[0] > 224 else 1) + 8)
    return 1 / settings["max_length_ratio"] < ratio < settings["max_length_ratio"]


def clean(rows: Iterable[Row], forbidden: set[bytes], config: Config) -> tuple[list[Row], Counter[str]]:
    """Keep each good pair once; count why the others went."""
    aliases: dict[str, str] = config["data"]["aliases"]
    languages = set(config["data"]["languages"].split())
    seen: set[bytes] = set()
    kept: list[Row] = []
    why: Counter[str] = Counter()
    for source, raw_language, raw_english, raw_text in rows:
        language = aliases.get(raw_language, raw_language)
        if language not in languages:
            why["another language"] += 1
            continue
        english, text = tidy(raw_english or ""), tidy(raw_text or "")
        if not english or not text or not is_translation(language, english, text, config):
            why["not a translation"] += 1
            continue
        if any(digest(value) in forbidden for value in {english, text, raw_english, raw_text}):
            why["held out"] += 1
            continue
        key = hashlib.sha256(f"{language}\t{canonical(english)}\t{canonical(text)}".encode()).digest()[:8]
        if key in seen:
            why["duplicate"] += 1
            continue
        seen.add(key)
        kept.append((source, language, english, text))
    why["kept"] = len(kept)
    return kept, why


def english_sentences(files: Iterable[Path], forbidden: set[bytes], config: Config) -> Iterator[str]:
    """Sentences of English texts that have no translation, held-out ones left out, in the files' order."""
    shortest, longest = 8, config["data"]["max_characters"]
    for file in files:
        table = pq.read_table(file)
        for name in ("text", "text_pair"):
            texts = table[name].to_pylist() if name in table.column_names else []
            for text in texts:
                for sentence in map(tidy, _SENTENCE_END.split(text or "")):
                    if shortest <= len(sentence) <= longest and digest(sentence) not in forbidden:
                        yield sentence


def check(work: Path, forbidden: set[bytes]) -> None:
    """Fail if any text that the later stages read is held out.

    Raises
    ------
    SystemExit
        If a held-out text is found in ``english.parquet`` or ``pairs.parquet``.
    """
    for name, column in (("english.parquet", "text"), ("pairs.parquet", "text")):
        for text in pq.read_table(work / name, columns=[column])[column].to_pylist():
            if digest(text) in forbidden:
                raise SystemExit(f"{name}: held-out text {text!r}")


def main() -> None:
    """Run the stage."""
    config, _ = from_command_line(__doc__)
    forbidden = heldout(config)
    folders = [ROOT / folder for folder in config["paths"]["written"]]
    rows = [*parallel_rows(config.path("parallel")), *written_rows(folders)]
    kept, why = clean(rows, forbidden, config)
    ids: dict[str, int] = {}
    english_ids = [ids.setdefault(english, len(ids)) for _, _, english, _ in kept]
    alone = [config.path("tasks") / name for name in config["paths"]["english"]]
    for sentence in english_sentences((file for file in alone if file.exists()), forbidden, config):
        ids.setdefault(sentence, len(ids))
    everyday = {english_ids[i] for i, row in enumerate(kept) if row[0] in ("written", "tatoeba_train")}
    pq.write_table(
        pa.table({"text": list(ids), "everyday": [i in everyday for i in range(len(ids))]}),
        config.work / "english.parquet",
        compression="zstd",
    )
    pq.write_table(
        pa.table(
            {
                "english": pa.array(english_ids, pa.int32()),
                "lang": pa.array([row[1] for row in kept]).dictionary_encode(),
                "source": pa.array([row[0] for row in kept]).dictionary_encode(),
                "text": [row[3] for row in kept],
            }
        ),
        config.work / "pairs.parquet",
        compression="zstd",
    )
    check(config.work, forbidden)
    for reason, count in why.most_common():
        print(f"{count:9,d} {reason}")
    for language, count in Counter(row[1] for row in kept).most_common():
        print(f"{count:9,d} {language}")
    print("check: no held-out text in the training files")


if __name__ == "__main__":
    main()
