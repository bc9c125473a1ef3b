"""Stage 6: retrieval on the Tatoeba dev halves, student against student, P@1 target to English."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import torch
import torch.nn.functional as F  # noqa: N812
from transformers import AutoModel, AutoTokenizer, PreTrainedModel

from training.config import Config, from_command_line


def encode(model: PreTrainedModel, folder: Path, texts: list[str]) -> npt.NDArray[np.float32]:
    """Mean-pooled unit vectors, float32 (n, d)."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    order = np.argsort([len(text) for text in texts])
    out = np.empty((len(texts), model.config.hidden_size), np.float32)
    model.eval()
    with torch.inference_mode():
        for first in range(0, len(texts), 128):
            rows = order[first : first + 128]
            batch = tokenizer(
                [texts[i] for i in rows], padding=True, truncation=True, max_length=128, return_tensors="pt"
            )
            mask = batch["attention_mask"].unsqueeze(-1).float()
            hidden = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).last_hidden_state
            out[rows] = F.normalize((hidden * mask).sum(1) / mask.sum(1), dim=1).numpy()
    return out


def retrieval_dev(config: Config, model: PreTrainedModel) -> dict[str, float]:
    """P@1 of each language and the mean over them; identical English candidates count as right."""
    scores: dict[str, float] = {}
    files = sorted(config.path("retrieval").glob("*.parquet"))
    tables = [pq.read_table(file) for file in files]
    english = sorted({text for table in tables for text in table["en"].to_pylist()})
    vectors = dict(zip(english, encode(model, config.work / "tokenizer", english), strict=True))
    for file, table in zip(files, tables, strict=True):
        gold = table["en"].to_pylist()
        candidates = np.stack([vectors[text] for text in gold])
        best = (encode(model, config.work / "tokenizer", table["xx"].to_pylist()) @ candidates.T).argmax(1)
        scores[file.name.split(".")[1]] = round(float(np.mean([gold[i] == gold[j] for j, i in enumerate(best)])), 3)
    return {**scores, "mean": round(float(np.mean(list(scores.values()))), 4)}


def main() -> None:
    """Evaluate the checkpoint, or the initialisation where there is none."""
    config, options = from_command_line(__doc__)
    folder = options.from_checkpoint or config.work / "checkpoint" / "model"
    model = AutoModel.from_pretrained(folder, dtype=torch.float32, add_pooling_layer=False)
    print(json.dumps(retrieval_dev(config, model), indent=1))


if __name__ == "__main__":
    main()
