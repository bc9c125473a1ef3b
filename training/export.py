"""Stage 8: write the trained encoder into the package: fp16 weights, tokenizer, card."""

from __future__ import annotations

import json
import shutil

import torch
from transformers import AutoModel

from training.config import from_command_line


def main() -> None:
    """Export the checkpoint (or ``--from-checkpoint``)."""
    config, options = from_command_line(__doc__)
    source = options.from_checkpoint or config.work / "checkpoint" / "model"
    target = config.path("export")
    target.mkdir(parents=True, exist_ok=True)
    model = AutoModel.from_pretrained(source, dtype=torch.float32, add_pooling_layer=False).half()
    model.save_pretrained(target)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(config.work / "tokenizer" / name, target / name)
    card = {
        "description": "Small multilingual sentence encoder, distilled from all-MiniLM-L6-v2; runs offline on a CPU.",
        "languages": ["en", *config["data"]["languages"].split()],
        "pooling": "mean",
        "max_tokens": 128,
    }
    (target / "xite_encoder.json").write_text(json.dumps(card, indent=1) + "\n", "utf8")
    size = sum(path.stat().st_size for path in target.iterdir())
    print(f"{target}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
