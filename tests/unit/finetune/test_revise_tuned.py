"""A revision of a fine-tuned bundle keeps its encoder, and its head while that still fits; encoders are shared."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from app.augmenting import open_augmenter
from app.building import revise_bundle
from app.runtime import Resident, Residents
from tests.support.finetuning import add_head, make_bundle, reviews, small, tune
from xite_core.bundle.bundle import Bundle, open_bundle
from xite_core.bundle.derive import ENCODER, bundle_encoder, has_head, has_own_encoder
from xite_core.bundle.store import BundleStore
from xite_core.encoder.transformers_encoder import TransformersEncoder
from xite_core.finetune.predictor import Predictor

QUIET = Console(quiet=True)


@pytest.fixture
def tuned(tiny: TransformersEncoder, tmp_path: Path, home: Path) -> Bundle:
    bundle = make_bundle(home, tiny, reviews(80), name="tiny")
    target = reviews(30, "xx", labeled=False)
    options = small(depth="top:1", epochs=1, max_english_drop=1.0)
    made = tune(bundle, tmp_path / "w", home, options, encoder=tiny, target=target).bundle
    BundleStore(home).activate("tiny", made.revision)
    return made


def rows_file(folder: Path, label: str) -> Path:
    path = folder / "more.csv"
    path.write_text(f"text,label\nsome other text,{label}\nanother text,{label}\n", "utf8")
    return path


def test_rows_are_added_with_the_tuned_encoder(tuned: Bundle, tmp_path: Path, home: Path) -> None:
    made = revise_bundle(home, "tiny", rows_file(tmp_path, "positive"), [], True, QUIET)
    assert made.manifest.fingerprint == tuned.manifest.fingerprint
    assert made.manifest.head == tuned.manifest.head
    assert made.manifest.counts["anchors"] == tuned.manifest.counts["anchors"] + 2
    open_bundle(made.directory, full_check=True)
    (weights,) = (made.directory / ENCODER).glob("*.safetensors")
    assert weights.stat().st_ino == (tuned.directory / ENCODER / weights.name).stat().st_ino
    before = Predictor(tuned, bundle_encoder(tuned)).predict(reviews(5))
    after = Predictor(made, open_augmenter(home, "tiny", None).encoder).predict(reviews(5))
    np.testing.assert_array_equal(before.probabilities, after.probabilities)


def test_another_label_leaves_the_head_behind(tuned: Bundle, tmp_path: Path, home: Path) -> None:
    made = revise_bundle(home, "tiny", rows_file(tmp_path, "mixed"), [], True, QUIET, new_labels=True)
    assert not has_head(made)
    assert made.manifest.head == {}
    assert has_own_encoder(made.manifest)
    assert bundle_encoder(made).fingerprint == made.manifest.fingerprint


def test_residents_share_encoders_by_fingerprint(tuned: Bundle, home: Path) -> None:
    again = add_head(tuned, home, "again")
    store = BundleStore(home)

    async def load(residents: Residents, revision: str) -> Resident:
        return (await residents.activate("tiny", revision))[1]

    async def walk() -> None:
        residents = Residents(home)
        plain = await load(residents, "r1")
        moved, same = await load(residents, tuned.revision), await load(residents, again.revision)
        assert moved.encoder is same.encoder
        assert moved.encoder is not plain.encoder
        assert (plain.predictor, moved.predictor is None) == (None, False)
        assert moved.predictor is not None
        assert moved.predictor.encoder is moved.encoder
        assert await load(residents, tuned.revision) is moved
        residents.close()

    asyncio.run(walk())
    assert store.resolve("tiny").name == tuned.revision
