"""How many texts get the right language: by their letters, by the fitted LDA alone, by py3langid.

python -m benchmarks.identification ../shared/data [--texts 300]

The first table has the languages of the shipped pool: target sides of the retrieval sets, development files of
sentiment and topic (where there is none, the training file). The second has the other languages that are told: strings
of programs and pages and course text from the parallel data. Letters and the peer choose among all languages that are
known, the LDA among those of the pool. The peer is optional: the extra ``benchmarks``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from xite_core.encoder.registry import load_encoder
from xite_core.identification import fit_identifier
from xite_core.pool import ReferencePool
from xite_core.reference import known_languages, reference_texts
from xite_core.types import Example

Tell = Callable[[Sequence[Example]], Sequence[str | None]]

CODES = {
    "ara": "ar", "cmn": "zh", "deu": "de", "eng": "en", "fra": "fr", "hin": "hi", "ind": "id", "jpn": "ja",
    "kor": "ko", "rus": "ru", "spa": "es", "swh": "sw", "tha": "th", "tur": "tr", "urd": "ur", "vie": "vi", "arb": "ar",
    "pt": "pt-BR",
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--texts", type=int, default=300)
    args = parser.parse_args()
    tellers = {"letters": by_letters(), "LDA": by_lda(), "py3langid": by_peer()}
    table(files(args.data, args.texts), {name: tell for name, tell in tellers.items() if tell})
    others = {name: tell for name, tell in tellers.items() if tell and name != "LDA"}
    table(other_files(args.data, args.texts), others)


def table(found: Iterable[tuple[str, str, list[Example]]], present: Mapping[str, Tell]) -> None:
    print("\n| file | texts | " + " | ".join(present) + " |")
    print("|---|---:|" + "---:|" * len(present))
    shares: dict[str, list[float]] = {name: [] for name in present}
    seconds, texts = dict.fromkeys(present, 0.0), 0
    for file, language, rows in found:
        texts += len(rows)
        for name, tell in present.items():
            start = time.perf_counter()
            shares[name].append(float(np.mean([told == language for told in tell(rows)])))
            seconds[name] += time.perf_counter() - start
        print(f"| {file} | {len(rows)} | " + " | ".join(f"{shares[name][-1]:.3f}" for name in present) + " |")
    print(f"| mean | {texts} | " + " | ".join(f"{np.mean(shares[name]):.3f}" for name in present) + " |")
    print("| ms a text | | " + " | ".join(f"{1000 * seconds[name] / texts:.2f}" for name in present) + " |")


def by_letters() -> Tell:
    identifier = fit_identifier(reference_texts(), known_languages())
    return lambda rows: [identifier.identify(row) for row in rows]


def by_lda() -> Tell:
    encoder = load_encoder("xite-mini")
    pool = ReferencePool({name: encoder.encode(rows).vectors for name, rows in reference_texts().items()})
    subspace = pool.fit_language_subspace()
    return lambda rows: [subspace.classes[code] for code in subspace.predict(encoder.encode(rows).vectors)]


def by_peer() -> Tell | None:
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError:
        return None
    peer = LanguageIdentifier.from_model_file(MODEL_FILE)
    peer.set_languages([language for language in known_languages() if language in peer.nb_classes])
    return lambda rows: [peer.classify(row.text)[0] for row in rows]


def files(data: Path, count: int) -> Iterator[tuple[str, str, list[Example]]]:
    """Name, language and rows of each file."""
    for path in sorted((data / "retrieval").glob("tatoeba.*.dev.parquet")):
        yield path.stem, CODES[path.stem.split(".")[1]], rows_of(path, "xx", count)
    for task in ("sentiment", "topic"):
        for path in sorted((data / "tasks" / task).glob("*.parquet")):
            name, split = path.stem.rsplit(".", 1)
            alone = split == "train" and not path.with_stem(name + ".dev").exists()
            if split == "dev" or alone:
                language = name.split("_")[0].split(".")[0]
                yield path.stem, CODES.get(language, language), rows_of(path, "text", count)


def other_files(data: Path, count: int) -> Iterator[tuple[str, str, list[Example]]]:
    """The same of languages outside the pool: texts of 25 to 200 characters without placeholders."""
    rows = pq.read_table(data / "parallel.parquet", columns=["source", "lang", "xx"])
    for language in sorted(set(known_languages()) - set(reference_texts())):
        for source in ("aosp_strings", "coop", "mozilla_www", "tico19"):
            wanted = pc.and_(pc.equal(rows["lang"], CODES.get(language, language)), pc.equal(rows["source"], source))
            texts = [text for text in rows.filter(wanted)["xx"].unique().to_pylist() if 25 <= len(text) <= 200]
            texts = [text for text in texts if not set(text) & set("%{<")]
            if len(texts) >= 200:
                yield f"{language}.{source}", language, [Example(text) for text in texts[:: len(texts) // count or 1]]


def rows_of(path: Path, column: str, count: int) -> list[Example]:
    texts = pq.read_table(path, columns=[column])[column].to_pylist()
    return [Example(text) for text in texts if text.strip()][:count]


if __name__ == "__main__":
    main()
