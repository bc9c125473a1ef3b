"""Building: what a bundle holds, what is held out, what is refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tests.support.bundles import LANGUAGES, NAME, POOL_ROWS, build_small, demo_rows, small_pool
from xite_core.augmenter import Augmenter
from xite_core.bundle.build import Builder, BuildOptions
from xite_core.bundle.bundle import Bundle, open_bundle
from xite_core.bundle.hold_out import Lot
from xite_core.bundle.store import BundleStore
from xite_core.encoder.hashing import HashingEncoder
from xite_core.encoder.spec import EncoderSpec, PairMode
from xite_core.errors import AlreadyExistsError, InputError, OptionError, RowError, StorageError
from xite_core.identification import fit_identifier
from xite_core.options import AugmentOptions
from xite_core.reference import known_languages
from xite_core.storage import sha256_of
from xite_core.subspace import FEWEST
from xite_core.types import Example, IndexKind


def builder(home: Path, options: BuildOptions | None = None) -> Builder:
    return Builder(BundleStore(home), HashingEncoder(), options)


def texts_of(bundle: Bundle, held_out: bool) -> list[str]:
    index = bundle.validation() if held_out else bundle.anchors
    assert index is not None
    return [example.text for chunk in index.examples.chunks(512) for example in chunk]


def test_the_manifest_says_what_is_in_the_bundle(bundle: Bundle) -> None:
    facts = bundle.manifest
    assert (facts.name, facts.revision) == (NAME, bundle.directory.name)
    assert facts.encoder == HashingEncoder().spec.as_dict()
    assert facts.fingerprint == HashingEncoder().fingerprint
    assert facts.dimension == HashingEncoder().dimension == bundle.anchors.vectors.shape[1]
    assert facts.labels == ("negative", "positive")
    assert facts.languages == LANGUAGES
    assert bundle.anchors.hubness.shape[1] == len(LANGUAGES) + 1
    assert facts.counts["anchors"] == bundle.anchors.ntotal
    assert sum(facts.counts.values()) == 120
    assert facts.index["kind"] == "flat"
    assert facts.options == AugmentOptions().as_dict()
    assert (facts.pairs, facts.schema_version) == (False, 1)
    assert facts.created_at.endswith("+00:00")


def test_every_file_is_in_the_manifest_with_size_and_hash(bundle: Bundle) -> None:
    there = {p.relative_to(bundle.directory).as_posix() for p in bundle.directory.rglob("*") if p.is_file()}
    assert there == {*bundle.manifest.files, "manifest.json"}
    for name, record in bundle.manifest.files.items():
        path = bundle.directory / name
        assert (record.size, record.sha256) == (path.stat().st_size, sha256_of(path))


def test_no_file_is_a_pickle(bundle: Bundle) -> None:
    assert {Path(name).suffix for name in bundle.manifest.files} <= {".safetensors", ".arrow", ".json", ".faiss"}


def test_opening_gives_what_building_gave(bundle: Bundle) -> None:
    again = open_bundle(bundle.directory, full_check=True)
    assert again.manifest == bundle.manifest
    np.testing.assert_array_equal(again.anchors.matrix, bundle.anchors.matrix)
    np.testing.assert_array_equal(again.subspaces.language.projector, bundle.subspaces.language.projector)
    np.testing.assert_array_equal(again.subspaces.label.projector, bundle.subspaces.label.projector)
    assert again.subspaces.language.classes == LANGUAGES
    assert again.subspaces.label.classes == bundle.labels
    assert list(again.pool.vectors) == list(LANGUAGES)
    assert again.options == AugmentOptions()


def test_what_tells_languages_apart_lies_beside_the_pool(bundle: Bundle) -> None:
    expected = fit_identifier(small_pool(), known_languages())
    found = bundle.pool.identifier
    assert found is not None
    assert (found.languages, list(found.scripts)) == (expected.languages, list(expected.scripts))
    for script, shares in expected.scripts.items():
        np.testing.assert_array_equal(found.scripts[script], shares)
    # texts that might be held out of the labeled rows are not in the English pool
    np.testing.assert_array_equal(found.ngrams[:, 1:], expected.ngrams[:, 1:])
    np.testing.assert_array_equal(found.prior, expected.prior)
    assert found.identify(Example("정말 좋아요")) == "ko"


def test_a_bundle_of_an_earlier_version_opens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xite_core.bundle.build.fit_identifier", lambda *_: None)
    earlier = build_small(tmp_path)
    assert "identifier.safetensors" not in earlier.manifest.files
    texts = [Example(row.text) for row in demo_rows("reviews", "ko", 8)]
    vectors, subspace = HashingEncoder().encode(texts).vectors, earlier.subspaces.language
    assert set(Augmenter(earlier, HashingEncoder()).languages(texts, vectors)) == {"ko"}, "the shipped texts tell"
    (earlier.directory / "identifier.safetensors").unlink(missing_ok=True)
    monkeypatch.setattr("xite_core.bundle.bundle.reference_texts", dict)
    alone = open_bundle(earlier.directory)
    by_lda = [subspace.classes[code] for code in subspace.predict(vectors)]
    assert Augmenter(alone, HashingEncoder()).languages(texts, vectors) == by_lda


def test_every_label_keeps_anchors(tmp_path: Path) -> None:
    rows = [Example(f"text {label} {i}", label=f"label {label}") for i in range(4) for label in range(20)]
    built = build_small(tmp_path, rows, options=BuildOptions(validation=0.5))
    assert len(built.labels) == 20
    assert np.bincount(built.anchors.label_codes).min() >= FEWEST
    assert built.manifest.counts["validation"] > 10


def test_a_text_that_is_spared_once_is_never_held_out(tmp_path: Path) -> None:
    options = BuildOptions(validation=0.5)
    twice = next(f"text {i}" for i in range(100) if Lot(0.5, 0).falls_on(f"text {i}"))
    rows = [Example(twice, label="a"), *(Example(f"more {i}", label="ab"[i % 2]) for i in range(20))]
    built = build_small(tmp_path, [*rows, Example(twice, label="a"), Example(twice, label="b")], options=options)
    assert twice not in texts_of(built, True)
    assert texts_of(built, False).count(twice) == 3


def test_a_label_whose_texts_are_held_out_under_others_keeps_anchors(tmp_path: Path) -> None:
    lot = Lot(0.5, 0)
    rows = [Example(f"text {i}", f"other {label}", label=label) for label in "abc" for i in range(40)]
    rows = [row for row in rows if row.label != "c" or lot.falls_on(row.text)]
    built = build_small(tmp_path, rows, options=BuildOptions(validation=0.5))
    assert built.labels == ("a", "b", "c")
    assert np.bincount(built.anchors.label_codes).min() == FEWEST
    held = built.validation()
    assert held is not None
    assert held.labels == built.labels


def test_held_out_rows_have_no_label_of_their_own(tmp_path: Path) -> None:
    rows = [Example(f"text {i}", label="ab"[i % 2]) for i in range(20)]
    with pytest.raises(InputError, match="the label 'c' is left with held-out rows alone"):
        builder(tmp_path).build("small", [rows], small_pool(), validation=[Example("text", label="c")])


@pytest.mark.parametrize(("rows", "k"), [(6, 6), (20, 8)])
def test_there_are_no_more_neighbours_than_anchors(tmp_path: Path, rows: int, k: int) -> None:
    few = [Example(f"text {i}", label="ab"[i % 2]) for i in range(rows)]
    built = build_small(tmp_path, few, options=BuildOptions(validation=0))
    assert built.options.k == k
    assert len(Augmenter(built, HashingEncoder()).augment([Example("text")]).texts) == 1
    more = [Example(f"more {i}", label="ab"[i % 2]) for i in range(20)]
    assert builder(tmp_path).revise(built, add=[more]).options.k == 8, "what was wished for holds once there are enough"


def test_a_label_of_one_row_is_named(tmp_path: Path) -> None:
    rows = [*(Example(f"text {i}", label="ab"[i % 2]) for i in range(20)), Example("one", label="rare")]
    with pytest.raises(InputError, match=r"label 'rare' has too few rows \(1\)"):
        build_small(tmp_path, rows)


def test_a_rare_label_is_in_the_sample_of_the_label_subspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xite_core.subspace.LABEL_SAMPLE", 10)
    rows = [Example(f"text {i}", label="ab"[i % 2]) for i in range(300)]
    rare = [Example(f"rare {i}", label="c") for i in range(3)]
    assert build_small(tmp_path, [*rows, *rare], options=BuildOptions(validation=0)).subspaces.label.classes == (
        "a",
        "b",
        "c",
    )


def test_anchors_are_the_encoder_s_vectors_bit_for_bit(bundle: Bundle) -> None:
    examples = bundle.anchors.examples.take(np.arange(bundle.anchors.ntotal))
    np.testing.assert_array_equal(bundle.anchors.vectors, HashingEncoder().encode(examples).vectors)


def test_two_builds_of_the_same_rows_differ_in_name_and_time_only(bundle: Bundle, tmp_path: Path) -> None:
    again = build_small(tmp_path)
    assert again.manifest.files == bundle.manifest.files
    assert again.revision != bundle.revision


def test_the_chunks_of_the_source_change_nothing(bundle: Bundle, tmp_path: Path) -> None:
    rows = demo_rows("reviews", "en", 120)
    options = BuildOptions(validation=0.1)
    again = builder(tmp_path, options).build(NAME, [rows[:7], [], rows[7:9], rows[9:]], small_pool())
    assert again.anchors.labels == bundle.anchors.labels
    assert texts_of(again, False) == texts_of(bundle, False)
    np.testing.assert_array_equal(again.anchors.vectors, bundle.anchors.vectors)
    np.testing.assert_allclose(again.anchors.hubness, bundle.anchors.hubness, atol=1e-6)


def test_held_out_rows_are_not_anchors(bundle: Bundle) -> None:
    held, kept = texts_of(bundle, True), texts_of(bundle, False)
    assert 4 <= len(held) <= 24
    assert not set(held) & set(kept)
    assert sorted(held + kept) == sorted(row.text for row in demo_rows("reviews", "en", 120))


@pytest.mark.parametrize("most", [1, 3, 1000])
def test_duplicates_stay_on_one_side(tmp_path: Path, most: int) -> None:
    rows = [
        dataclasses.replace(row, id=f"{row.id}-{copy}", label=label)
        for copy, label in enumerate(("positive", "negative", "positive"))
        for row in demo_rows("reviews", "en", 30)
    ]
    built = build_small(tmp_path, rows, options=BuildOptions(validation=0.4, max_validation=most))
    held, kept = texts_of(built, True), texts_of(built, False)
    assert not set(held) & set(kept)
    assert all(held.count(text) == 3 for text in held)
    assert len(set(held)) <= most


def test_pairs_of_one_premise_stay_on_one_side(tmp_path: Path) -> None:
    rows = [
        Example(row.text, f"hypothesis {i} {label}", label)
        for row in demo_rows("reviews", "en", 30)
        for i, label in enumerate(("entailment", "neutral", "contradiction"))
    ]
    built = build_small(tmp_path, rows, options=BuildOptions(validation=0.3))
    assert built.manifest.pairs
    assert texts_of(built, True)
    assert not set(texts_of(built, True)) & set(texts_of(built, False))


def test_held_out_texts_do_not_come_in_by_the_english_pool(tmp_path: Path) -> None:
    rows = demo_rows("reviews", "en", 60)
    pool = {**small_pool(), "en": rows}
    built = builder(tmp_path, BuildOptions(validation=0.3)).build(NAME, [rows], pool)
    held = HashingEncoder().encode([Example(text) for text in texts_of(built, True)]).vectors
    assert (held @ built.pool.vectors["en"].T).max() < 0.999
    assert built.anchors.ntotal - FEWEST * len(built.labels) <= len(built.pool.vectors["en"]) <= built.anchors.ntotal


def test_nothing_is_held_out_where_none_is_asked_for(tmp_path: Path) -> None:
    built = build_small(tmp_path, options=BuildOptions(validation=0))
    assert built.manifest.counts == {"anchors": 120, "validation": 0}
    assert built.validation() is None
    assert not (built.directory / "validation").exists()
    assert len(built.pool.vectors["en"]) == POOL_ROWS


def test_rows_without_id_get_names_that_nobody_has(tmp_path: Path) -> None:
    texts = [row.text for row in demo_rows("reviews", "en", 20)]
    rows = [Example(text, label="ab"[i % 2], id="row-3" if i == 1 else None) for i, text in enumerate(texts)]
    built = build_small(tmp_path, rows, options=BuildOptions(validation=0.3))
    held = built.validation()
    assert held is not None
    ids = [e.id for part in (held, built.anchors) for chunk in part.examples.chunks(64) for e in chunk]
    assert len(set(ids)) == 20


def test_a_name_that_is_made_up_leaves_given_ones_free(tmp_path: Path) -> None:
    rows = [Example(f"text {i}", label="ab"[i % 2], id=f"row-{i - 10}" if i >= 10 else None) for i in range(20)]
    built = build_small(tmp_path, rows, options=BuildOptions(validation=0))
    found = built.anchors.examples.take(np.arange(20))
    assert {row.text: row.id for row in found if row.text in ("text 10", "text 19")} == {
        "text 10": "row-0",
        "text 19": "row-9",
    }


def test_an_id_twice_is_refused_also_where_one_row_is_held_out(tmp_path: Path) -> None:
    rows = [dataclasses.replace(row, id=f"id-{i % 19}") for i, row in enumerate(demo_rows("reviews", "en", 20))]
    for validation in (0.0, 0.5):
        with pytest.raises(RowError, match=r"row 20: the id 'id-0' is taken"):
            build_small(tmp_path, rows, options=BuildOptions(validation=validation))
    assert BundleStore(tmp_path).names() == []


def test_joint_and_features_pairs(tmp_path: Path) -> None:
    rows = demo_rows("nli", "en", 60)
    spec = EncoderSpec("hashing", pairs=PairMode.FEATURES, max_tokens=512)
    encoders = {"joint": HashingEncoder(), "features": HashingEncoder(spec, 32)}
    joint, features = (build_small(tmp_path, rows, name=name, encoder=e) for name, e in encoders.items())
    assert joint.manifest.dimension == 256
    assert features.manifest.dimension == 128
    assert features.manifest.labels == ("contradiction", "entailment", "neutral")
    for built in (joint, features):
        made = Augmenter(built, encoders[built.name]).augment(demo_rows("nli", "ko", 4))
        assert all(len(text.embeddings[0].vector) == built.manifest.dimension for text in made.texts)


@pytest.mark.parametrize("kind", [IndexKind.HNSW, IndexKind.IVF_SQ8])
def test_every_index_finds_the_same_neighbours(bundle: Bundle, tmp_path: Path, kind: IndexKind) -> None:
    built = build_small(tmp_path, options=BuildOptions(kind, validation=0.1))
    assert built.manifest.index["kind"] == kind
    assert "anchors/index.faiss" in built.manifest.files
    texts = [row for lang in ("ko", "hi") for row in demo_rows("reviews", lang, 10)]
    options = AugmentOptions(k=5)
    for scoring in ("cosine", "csls", "margin"):
        flat, other = (
            Augmenter(each, HashingEncoder()).augment(texts, options.replaced({"scoring": scoring}))
            for each in (bundle, built)
        )
        assert [[n.id for n in text.match.neighbors] for text in other.texts] == [
            [n.id for n in text.match.neighbors] for text in flat.texts
        ]


def test_an_existing_revision_is_never_replaced(tmp_path: Path) -> None:
    first = build_small(tmp_path, revision="r1")
    with pytest.raises(AlreadyExistsError, match="r1"):
        build_small(tmp_path, demo_rows("reviews", "en", 60), revision="r1")
    assert open_bundle(first.directory, full_check=True).manifest == first.manifest


def test_a_build_does_not_activate(tmp_path: Path) -> None:
    build_small(tmp_path)
    assert BundleStore(tmp_path).activation(NAME) is None


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "no labeled rows"),
        ([Example("a", label="x"), Example("b", label="x")], "one label only"),
        ([Example("a", label="x"), Example("b", "c", label="y")], "texts and text pairs are mixed"),
        ([Example("a", label="x"), Example("b")], "has no label"),
    ],
)
def test_unusable_rows_publish_nothing(tmp_path: Path, rows: list[Example], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build_small(tmp_path, rows)
    assert BundleStore(tmp_path).names() == []
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_an_error_in_the_middle_of_the_source_publishes_nothing(tmp_path: Path) -> None:
    def source():
        yield demo_rows("reviews", "en", 20)
        raise RowError("reviews.jsonl", 21, "broken JSON")

    with pytest.raises(RowError, match="line 21"):
        builder(tmp_path).build(NAME, source(), small_pool())
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"en": None}, "needs English"),
        ({"ar": None, "hi": None, "ko": None}, "at least one other language"),
        ({"ko": []}, "'ko': 0 texts"),
        ({"ko": [Example("하나")]}, "'ko': 1 texts"),
        ({"ko": [Example("하나", "둘"), Example("셋", "넷")]}, "'ko' holds text pairs"),
    ],
)
def test_unusable_pools_are_refused(tmp_path: Path, change: dict, message: str) -> None:
    pool = {language: rows for language, rows in {**small_pool(), **change}.items() if rows is not None}
    with pytest.raises(InputError, match=message):
        builder(tmp_path).build(NAME, [demo_rows("reviews", "en", 20)], pool)
    assert BundleStore(tmp_path).names() == []


@pytest.mark.parametrize(
    "change",
    [{"validation": -0.1}, {"validation": 0.6}, {"validation": float("nan")}, {"seed": -1}, {"max_validation": -1}],
)
def test_options_out_of_range_are_named(change: dict) -> None:
    with pytest.raises(OptionError, match=next(iter(change))):
        BuildOptions(**change)


@pytest.mark.parametrize("size", ["40k", "120k", "1m", "5m"])
def test_a_full_disk_publishes_nothing(small_disk, size: str) -> None:
    with small_disk(size) as disk:
        with pytest.raises(StorageError, match=str(disk)):
            build_small(disk)
        store = BundleStore(disk)
        assert (store.names(), store.revisions(NAME)) == ([], [])
        assert not [path for path in disk.rglob("*") if path.is_file()]


def test_a_bundle_needs_less_than_the_disks_that_were_too_small(small_disk) -> None:
    with small_disk("16m") as disk:
        assert build_small(disk).anchors.ntotal
