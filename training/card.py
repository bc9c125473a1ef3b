"""Fill the figures into the model card: from a benchmark, the training files and the checkpoint.

``MODEL_CARD.template.md`` has places such as ``TODO-FIGURE(table:retrieval)``. What is not known yet stays as it is.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from training.benchmark_tables import interval, section_tables
from training.config import Config

_PLACE = re.compile(r"TODO-FIGURE\(([^)]+)\)")


def benchmark_facts(figures: dict[str, Any]) -> dict[str, str]:
    """Tables and means of `training.benchmark`."""
    facts = {f"table:{name}": text for name, text in section_tables(figures).items()}
    if "retrieval" in figures:
        facts["retrieval mean"] = interval(figures["retrieval"]["mean"])
    if "topic" in figures:
        facts["topic mean"] = interval(figures["topic"]["mean_accuracy"])
    return facts


def work_facts(work: Path) -> dict[str, str]:
    """Pairs of each source, and how long the encoder was trained."""
    facts: dict[str, str] = {}
    if (work / "pairs.parquet").exists():
        sources = Counter(pq.read_table(work / "pairs.parquet", columns=["source"])["source"].to_pylist())
        facts |= {f"pairs:{name}": f"{count:,d}" for name, count in sources.items()}
        facts["pairs"] = f"{sources.total():,d}"
        facts["English sentences"] = f"{pq.read_metadata(work / 'english.parquet').num_rows:,d}"
    progress = work / "checkpoint" / "progress.json"
    if progress.exists():
        values = json.loads(progress.read_text("utf8"))
        facts["examples"] = f"{values['examples']:,d}"
        facts["hours"] = f"{values['seconds'] / 3600:.1f}"
    return facts


def filled(template: str, facts: dict[str, str]) -> tuple[str, list[str]]:
    """The card, and the places that nothing was known for."""
    left: list[str] = []

    def value(place: re.Match[str]) -> str:
        if place[1] not in facts:
            left.append(place[1])
        return facts.get(place[1], place[0])

    return _PLACE.sub(value, template), left


def main() -> None:
    """Write the card."""
    parser = argparse.ArgumentParser(prog="python -m training.card", description=__doc__)
    parser.add_argument("--figures", type=Path, nargs="*", default=[], help="figures.json of training.benchmark")
    parser.add_argument("--no-work", action="store_true", help="do not read the work folder (training still runs)")
    parser.add_argument("--fact", action="append", default=[], metavar="NAME=VALUE", help="any other place")
    parser.add_argument("--config", type=Path, default=Path(__file__).with_name("config.toml"))
    parser.add_argument("--out", type=Path, help="by default MODEL_CARD.md of the exported encoder")
    options = parser.parse_args()
    config = Config(options.config)
    facts = {} if options.no_work else work_facts(config.path("work"))
    for file in options.figures:
        facts |= benchmark_facts(json.loads(file.read_text("utf8")))
    facts |= dict(fact.split("=", 1) for fact in options.fact)
    card, left = filled(Path(__file__).with_name("MODEL_CARD.template.md").read_text("utf8"), facts)
    (options.out or config.path("export") / "MODEL_CARD.md").write_text(card, "utf8")
    print("not known yet: " + ", ".join(left) if left else "all figures are in")


if __name__ == "__main__":
    main()
