"""The library on real text: memory of build and augment, encoding speed and labels beside a plain script.

    python -m benchmarks.library SOURCE TARGET --rows 30000

SOURCE is labeled English (sst2), TARGET unlabeled Korean (NSMC), both Parquet. The peer is what one would write by
hand: sentence-transformers with its defaults for the vectors and NumPy for neighbours and vote, same weights.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from xite_core.streaming import CHUNK

K, TAU = 8, 0.05
WEIGHTS = Path(__file__).resolve().parent.parent / "xite_core" / "encoder" / "xite_mini"


def watched(command: list[str], partial: Path | None = None) -> dict[str, object]:
    """Run a command; peak resident memory and, by the parts it has written, the least and the most meanwhile."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    child, peak, by_part = psutil.Process(process.pid), 0, {}
    while process.poll() is None:
        try:
            resident = child.memory_info().rss
        except psutil.NoSuchProcess:
            break
        peak = max(peak, resident)
        if partial is not None and partial.is_dir():
            part = sum(path.suffix == ".json" for path in partial.glob("part-*"))
            least, most = by_part.get(part, (resident, resident))
            by_part[part] = min(least, resident), max(most, resident)
        time.sleep(0.05)
    if process.wait() != 0:
        raise SystemExit(f"failed: {' '.join(command)}")
    return {"seconds": time.perf_counter() - start, "peak_mb": peak / 2**20, "by_part": by_part}


def peer(source: list[str], labels: np.ndarray, target: list[str]) -> tuple[np.ndarray, float]:
    """Labels by sentence-transformers and NumPy, and the seconds spent on encoding the target."""
    from sentence_transformers import SentenceTransformer

    # by default the weights would be computed with as they are stored, in half precision
    model = SentenceTransformer(str(WEIGHTS), device="cpu", model_kwargs={"dtype": "float32"})
    model.max_seq_length = 128
    anchors = model.encode(source, normalize_embeddings=True, batch_size=128)
    start = time.perf_counter()
    vectors = model.encode(target, normalize_embeddings=True)
    seconds = time.perf_counter() - start
    adopted = np.empty(len(target), labels.dtype)
    names = np.unique(labels)
    for first in range(0, len(target), 512):
        cosines = vectors[first : first + 512] @ anchors.T
        best = np.argpartition(-cosines, K, axis=1)[:, :K]  # the vote does not ask for their order
        weights = np.exp((np.take_along_axis(cosines, best, 1) - cosines.max(1, keepdims=True)) / TAU)
        shares = np.stack([(weights * (labels[best] == name)).sum(1) for name in names], 1)
        adopted[first : first + 512] = names[shares.argmax(1)]
    return adopted, seconds


def ours(target: list[str]) -> float:
    """Seconds of encoding texts with the library, in this process."""
    from xite_core.encoder.registry import load_encoder
    from xite_core.types import Example

    encoder = load_encoder("xite-mini")
    encoder.warmup()
    examples = [Example(text) for text in target]
    start = time.perf_counter()
    for first in range(0, len(examples), CHUNK):
        encoder.encode(examples[first : first + CHUNK])
    return time.perf_counter() - start


def encoding(texts: list[str], source: list[str], labels: np.ndarray, repeats: int) -> dict[str, object]:
    """Texts a second of both, medians, and the ratio of each pair of runs, which follow each other."""
    pairs = [(ours(texts), peer(source, labels, texts)[1]) for _ in range(repeats)]
    own, other = (len(texts) / statistics.median(seconds) for seconds in zip(*pairs, strict=True))
    ratios = [theirs / mine for mine, theirs in pairs]
    return {
        "encode_ours_per_second": own,
        "encode_peer_per_second": other,
        "encode_ratios": ratios,
        "encode_ratio": statistics.median(ratios),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--rows", type=int, default=30000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="xite-bench-"))
    table = pq.read_table(options.target).slice(0, options.rows)
    texts = table["text"].to_pylist()
    target = home / "target.parquet"
    pq.write_table(pa.table({"text": texts, "lang": ["ko"] * len(texts)}), target)
    xite = [str(Path(sys.executable).with_name("xite"))]
    build = watched([*xite, "build", str(options.source), "--name", "bench", "--validation", "0", "--home", str(home)])
    out = home / "out.parquet"
    command = [*xite, "augment", str(target), str(out), "--bundle", "bench", "--home", str(home)]
    run = watched([*command, "--scoring", "cosine", "--k", str(K), "--tau", str(TAU)], home / ".out.parquet.partial")
    parts = run.pop("by_part")
    held = {part * CHUNK: least / 2**20 for part, (least, _) in parts.items()}
    most = {part * CHUNK: peak / 2**20 for part, (_, peak) in parts.items()}
    english = pq.read_table(options.source)
    told(cores=os.cpu_count(), anchors=english.num_rows, texts=len(texts), build=build)
    told(augment={**run, "mb_held_from_row": held, "mb_at_most_from_row": most})
    labels = np.array(english["label"].to_pylist())
    sources = english["text"].to_pylist()
    told(**encoding(texts[:: max(1, len(texts) // 4000)], sources[:64], labels[:64], options.repeats))
    adopted, seconds = peer(sources, labels, texts)
    got = pq.read_table(out)
    unreadable = np.array(got["reason"].to_pylist()) == "unreadable"  # the plain script labels those too
    same = (adopted == np.array(got["label"].to_pylist()))[~unreadable]
    told(encode_peer_all_seconds=seconds, unreadable=int(unreadable.sum()))
    told(labels_identical=float(same.mean()), labels_differing=int((~same).sum()))
    shutil.rmtree(home)


def told(**figures: object) -> None:
    """Print figures as soon as they are known: the whole takes long."""
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
