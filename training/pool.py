"""Stage 7: the reference texts that ship with the product, drawn from the sentences written for it."""

from __future__ import annotations

import csv
import random

import pyarrow as pa
import pyarrow.parquet as pq

from training.config import ROOT, from_command_line

PER_LANGUAGE = 256


def main() -> None:
    """Draw the same number of sentences of every written language."""
    config, _ = from_command_line(__doc__)
    texts: dict[str, list[str]] = {}
    for file in sorted(file for folder in config["paths"]["written"] for file in (ROOT / folder).glob("*.tsv")):
        with file.open(encoding="utf8", newline="") as handle:
            reader = csv.reader(handle, delimiter="\t", quoting=csv.QUOTE_NONE)
            languages = next(reader)
            rows = [cells for cells in reader if len(cells) == len(languages)]
        for i, language in enumerate(languages):
            texts.setdefault(language, []).extend(cells[i] for cells in rows)
    rng = random.Random(config["data"]["seed"])
    drawn = {
        language: sorted(rng.sample(sorted(set(found)), PER_LANGUAGE)) for language, found in sorted(texts.items())
    }
    table = pa.table(
        {
            "lang": [language for language in drawn for _ in range(PER_LANGUAGE)],
            "text": [text for found in drawn.values() for text in found],
        }
    )
    pq.write_table(table, config.path("reference_texts"), compression="zstd")
    print(f"{len(drawn)} languages, {PER_LANGUAGE} texts each")


if __name__ == "__main__":
    main()
