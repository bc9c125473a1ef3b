"""Figures of an encoder directory: retrieval, English kept, zero-shot transfer; writes JSON and Markdown.

Everything is measured on development rows (``--config`` says where they are); final test sets are no part of it.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from training.benchmark_heads import Heads
from training.benchmark_retrieval import retrieval
from training.benchmark_tables import markdown
from training.config import Config
from training.teacher import teacher_directory
from training.vectors import CachedEncoder

SECTIONS = ("retrieval", "english", "topic", "sentiment")


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m training.benchmark", description=__doc__)
    parser.add_argument("--encoder", type=Path, required=True, help="directory of the encoder that is measured")
    parser.add_argument("--out", type=Path, required=True, help="folder for figures.json and figures.md")
    parser.add_argument("--teacher", type=Path, help="directory of the English encoder it is compared with")
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--train-rows", type=int, default=10_000, help="rows of each English sentiment set")
    parser.add_argument("--validation-rows", type=int, default=2_000, help="rows of each set that chooses C for SST-2")
    parser.add_argument("--unlabeled-rows", type=int, default=2_000, help="target texts for a language's mean")
    parser.add_argument("--cache", type=Path, help="folder of kept vectors; by default in the work folder")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--config", type=Path, default=Path(__file__).with_name("config.toml"))
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    return parser.parse_args(argv)


def measure(options: argparse.Namespace, config: Config) -> dict[str, Any]:
    """Run the chosen sections; each adds its seconds."""
    cache = options.cache or config.work / "vectors"
    student = CachedEncoder(options.encoder, cache)
    limits = {
        "train": options.train_rows,
        "validation": options.validation_rows,
        "unlabeled": options.unlabeled_rows,
    }
    heads = Heads(config.path("tasks"), limits)
    sections: dict[str, Callable[[], dict[str, Any]]] = {
        "retrieval": lambda: retrieval(student, config.path("retrieval")),
        "english": lambda: heads.english_kept(student, CachedEncoder(options.teacher or teacher_directory(), cache)),
        "topic": lambda: heads.zero_shot_topic(student),
        "sentiment": lambda: heads.zero_shot_sentiment(student),
    }
    figures: dict[str, Any] = {"fingerprint": student.fingerprint, "limits": limits, "seconds": {}}
    for name in options.sections:
        start = time.monotonic()
        figures[name] = sections[name]()
        figures["seconds"][name] = round(time.monotonic() - start, 1)
        write(options.out, figures)
        print(f"{name}: {figures['seconds'][name]} s", flush=True)
    return figures


def write(folder: Path, figures: dict[str, Any]) -> None:
    """Write what has been measured so far."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "figures.json").write_text(json.dumps(figures, indent=1) + "\n", "utf8")
    (folder / "figures.md").write_text(markdown(figures), "utf8")


def main() -> None:
    """Measure and write."""
    options = arguments()
    torch.set_num_threads(options.threads)
    print(markdown(measure(options, Config(options.config, options.set))))


if __name__ == "__main__":
    main()
