"""The recipe's settings with every path under a temporary folder."""

from __future__ import annotations

from pathlib import Path

from training.config import ROOT, Config

PATHS = ("work", "parallel", "retrieval", "heldout_hashes", "tasks", "export", "reference_texts")


def recipe(folder: Path, *overrides: str) -> Config:
    """Config of the repository that reads and writes nothing outside ``folder``."""
    moved = [f'paths.{name}="{folder / name}"' for name in PATHS]
    return Config(ROOT / "training" / "config.toml", [*moved, *overrides])
