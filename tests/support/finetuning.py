"""A small sentiment world in two languages that share some words, so that even hashed n-grams can transfer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from xite_core.bundle.build import Builder, BuildOptions
from xite_core.bundle.bundle import Bundle
from xite_core.bundle.derive import HEAD_FILE, Derivation, publish_derived
from xite_core.bundle.store import BundleStore
from xite_core.encoder.hashing import HashingEncoder
from xite_core.encoder.protocol import Encoder
from xite_core.finetune.corpus import FineTuneInputs
from xite_core.finetune.head import fit_logistic
from xite_core.finetune.options import FineTuneOptions
from xite_core.finetune.tuner import FineTuner, FineTuneResult
from xite_core.types import Example

GOOD, BAD = ["good", "great", "lovely", "fine"], ["bad", "awful", "dull", "poor"]
THINGS = ["film", "book", "food", "song", "play"]
FILLERS = {"en": ["the", "was", "and", "very", "today"], "xx": ["zza", "zzu", "zzi", "zzoro", "zzeke"]}


def reviews(count: int, lang: str = "en", seed: int = 0, *, labeled: bool = True) -> list[Example]:
    """Half positive, half negative; a word in ten is of the other class."""
    rng = np.random.default_rng([seed, len(lang), ord(lang[0])])
    rows = []
    for i in range(count):
        own, other = (GOOD, BAD) if i % 2 else (BAD, GOOD)
        words = [str(rng.choice(other if rng.random() < 0.1 else own)) for _ in range(3)]
        words += [str(rng.choice(THINGS)), *map(str, rng.choice(FILLERS[lang], 3))]
        text = " ".join(rng.permutation(words))
        label = ("positive" if i % 2 else "negative") if labeled else None
        rows.append(Example(text, label=label, lang=lang))
    return rows


def pairs(count: int, lang: str = "en", seed: int = 0, *, labeled: bool = True) -> list[Example]:
    """Entailed where the hypothesis repeats the premise's judgement."""
    rows = reviews(count, lang, seed)
    rng = np.random.default_rng([seed, 99])
    made = []
    for row in rows:
        same = bool(rng.random() < 0.5)
        good = (row.label == "positive") == same
        hypothesis = f"it is {rng.choice(GOOD if good else BAD)} {rng.choice(FILLERS[lang])}"
        label = ("yes" if same else "no") if labeled else None
        made.append(Example(row.text, hypothesis, label=label, lang=lang))
    return made


def pool(size: int = 40) -> dict[str, list[Example]]:
    return {lang: reviews(size, lang, seed=50, labeled=False) for lang in FILLERS}


def make_bundle(
    home: Path,
    encoder: Encoder | None = None,
    rows: Sequence[Example] | None = None,
    *,
    name: str = "base",
    validation: float = 0.2,
    texts: Mapping[str, Sequence[Example]] | None = None,
) -> Bundle:
    builder = Builder(BundleStore(home), encoder or HashingEncoder(), BuildOptions(validation=validation))
    return builder.build(name, [list(rows or reviews(200))], texts or pool(), revision="r1")


def tune(
    bundle: Bundle,
    workspace: Path,
    home: Path,
    options: FineTuneOptions | None = None,
    *,
    encoder: Encoder | None = None,
    target: Sequence[Example] | None = None,
    revision: str = "tuned",
    inputs: Mapping[str, Any] | None = None,
    **rest: Any,
) -> FineTuneResult:
    """One run with small defaults."""
    given = FineTuneInputs(
        bundle,
        encoder or HashingEncoder(),
        target if target is not None else reviews(60, "xx", labeled=False),
        **{"pool": pool(), **(inputs or {})},
    )
    tuner = FineTuner(given, options or small(), workspace, **rest)
    return tuner.run(BundleStore(home), bundle.name, revision)


def add_head(bundle: Bundle, home: Path, revision: str) -> Bundle:
    """Publish and activate a revision with a head fitted on the bundle's own anchors, without a fine-tuning run."""
    anchors = bundle.anchors
    head = fit_logistic(np.asarray(anchors.vectors), anchors.label_codes, len(bundle.labels), 10.0)
    derivation = Derivation(bundle, {"depth": "head"}, {}, lambda directory: head.write(directory / HEAD_FILE))
    store = BundleStore(home)
    made = publish_derived(store, bundle.name, revision, derivation)
    store.activate(bundle.name, revision)
    return made


def small(**changes: Any) -> FineTuneOptions:
    return FineTuneOptions(**{"epochs": 2, "batch_size": 16, "device": "cpu", **changes})
