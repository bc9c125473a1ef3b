"""Write ``augment_ko.json`` anew: ``python -m tests.golden.regenerate``, from the root of the repository.

Do so only when a change of the results is meant, and say in the changelog what changed. The file holds what a bundle of
40 English demonstration reviews (hashing encoder) makes of 8 Korean ones. A vector is represented by its products with
four fixed directions, which are compared with a tolerance.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from tests.support.bundles import demo_rows, unlabeled
from xite_core.augmenter import Augmenter
from xite_core.bundle.build import Builder, BuildOptions
from xite_core.bundle.store import BundleStore
from xite_core.encoder.hashing import HashingEncoder
from xite_core.options import AugmentOptions

GOLDEN = Path(__file__).parent / "augment_ko.json"
VARIANTS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "cosine_nearest_none": {"scoring": "cosine", "voting": "nearest", "subspace": "none", "lam": 0.3},
    "margin_neutral_drawn": {"scoring": "margin", "subspace": "neutral", "alpha": 0.4, "n": 2, "seed": 3},
    "csls_label_abstaining": {"subspace": "label", "tau": 0.5, "min_confidence": 0.6, "normalize": True},
    "csls_orthogonal": {"subspace": "orthogonal", "k": 3, "lam": 0.7},
}


def golden_results() -> dict[str, list[dict[str, Any]]]:
    """What the library makes of the texts now, by variant."""
    pool = {lang: demo_rows("reviews", lang)[-24:] for lang in ("en", "ko", "ar", "hi")}
    probes = np.cos(np.outer(np.arange(4) + 1, np.arange(256)))
    with tempfile.TemporaryDirectory() as home:
        builder = Builder(BundleStore(Path(home)), HashingEncoder(), BuildOptions(validation=0.1))
        bundle = builder.build("golden", [demo_rows("reviews", "en", 40)], pool)
        augmenter = Augmenter(bundle, HashingEncoder())
        texts = unlabeled(demo_rows("reviews", "ko", 8))
        results = {}
        for name, changes in VARIANTS.items():
            made = augmenter.augment(texts, AugmentOptions().replaced(changes))
            results[name] = [
                {
                    "status": str(text.match.status),
                    "label": text.match.label,
                    "lang": text.match.lang,
                    "confidence": round(text.match.confidence, 5),
                    "score": round(text.match.score, 5),
                    "neighbors": [neighbor.id for neighbor in text.match.neighbors],
                    "source_ids": [each.source_id for each in text.embeddings],
                    "lams": [round(each.lam, 6) for each in text.embeddings],
                    "vectors": [(probes @ each.vector).round(5).tolist() for each in text.embeddings],
                }
                for text in made.texts
            ]
    return results


if __name__ == "__main__":
    variants = (
        f"{json.dumps(name)}: [\n" + ",\n".join(map(json.dumps, rows)) + "\n]"
        for name, rows in golden_results().items()
    )
    GOLDEN.write_text("{\n" + ",\n".join(variants) + "\n}\n", "utf8")
