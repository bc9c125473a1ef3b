"""What tests of augmented files share: rows, options, and readers of every format."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.support.bundles import demo_rows
from xite_core.options import AugmentOptions

COLUMNS = [
    *("id", "text", "text_pair", "lang", "status", "reason", "label", "confidence", "score", "cosine"),
    *("source_id", "source_text", "source_text_pair", "source_label", "neighbors"),
    *("draw", "lam", "subspace", "seed", "vector", "n_tokens", "truncated", "bundle", "revision"),
]
ROWS = [row for lang in ("ko", "ar", "hi", "ur") for row in demo_rows("reviews", lang, 10)]
CHUNK = 8
PARTS = 5
OPTIONS = AugmentOptions(k=5, tau=0.5, alpha=0.5, n=2, min_confidence=0.6)


class StopError(Exception):
    """What the tests interrupt with."""


def write_rows(path: Path, rows: int = len(ROWS), broken: int | None = None) -> Path:
    lines = [
        json.dumps({"id": row.id, "text": row.text, "lang": row.lang if i % 3 else None}, ensure_ascii=False)
        for i, row in enumerate(ROWS[:rows])
    ]
    if broken is not None:
        lines[broken - 1] = lines[broken - 1][:-3]
    path.write_text("\n".join(lines) + "\n", "utf8")
    return path


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def read_any(path: Path) -> list[dict[str, Any]]:
    if path.is_dir():
        return pa.ipc.open_stream(pa.memory_map(str(path / "data-00000-of-00001.arrow"))).read_all().to_pylist()
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    if path.suffix != ".csv":
        return [json.loads(line) for line in path.read_text("utf8").splitlines()]
    with path.open(encoding="utf8", newline="") as handle:
        return [{name: csv_value(name, cell) for name, cell in row.items()} for row in csv.DictReader(handle)]


def csv_value(name: str, cell: str) -> Any:
    if not cell:
        return None
    if name in ("neighbors", "vector"):
        return json.loads(cell)
    if name in ("confidence", "score", "cosine", "lam"):
        return float(cell)
    if name in ("draw", "seed", "n_tokens"):
        return int(cell)
    return cell == "True" if name == "truncated" else cell
