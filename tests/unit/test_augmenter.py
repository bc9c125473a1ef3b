"""The method, composed: against a NumPy oracle end to end, and its invariants through the whole call."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from safetensors.numpy import load_file
from sklearn.covariance import ledoit_wolf

from tests.support.anchors import oracle_mean_of_nearest, oracle_scores, oracle_vote
from tests.support.bundles import (
    CountingEncoder,
    assert_same_texts,
    augmentation_digest,
    build_small,
    demo_rows,
    unlabeled,
)
from xite_core.augmenter import Augmentation, Augmenter
from xite_core.bundle.build import BuildOptions
from xite_core.bundle.bundle import Bundle
from xite_core.encoder.hashing import HashingEncoder
from xite_core.errors import InputError, OptionError, RowError
from xite_core.interpolation import draw_lambdas
from xite_core.options import AugmentOptions
from xite_core.types import AbstentionReason, Example, Scoring, Status, SubspaceKind, Voting

TEXTS = [Example(row.text, lang=lang) for lang in ("ko", "ar", "hi") for row in demo_rows("reviews", lang, 6)]
COMBINATIONS = list(itertools.product(Scoring, SubspaceKind))


class Oracle:
    """The method recomputed from the stored arrays; shares no code with the library."""

    def __init__(self, directory: Path) -> None:
        stored = load_file(directory / "anchors/vectors.safetensors")
        self.sources = next(iter(stored.values()))[:, : HashingEncoder().dimension].astype(np.float64)
        table = pa.ipc.open_file(pa.memory_map(str(directory / "anchors/examples.arrow"))).read_all()
        self.ids, labels = table["id"].to_pylist(), table["label"].to_pylist()
        self.names = sorted(set(labels))
        self.codes = np.array([self.names.index(label) for label in labels])
        self.pool = {name: rows.astype(np.float64) for name, rows in load_file(directory / "pool.safetensors").items()}
        self.languages = ["en", *sorted(set(self.pool) - {"en"})]

        self.hubness = functools.cache(self.hubness_of)

    def hubness_of(self, lang: str) -> np.ndarray:
        each = {name: np.maximum(oracle_mean_of_nearest(self.sources, self.pool[name], 10), 1e-6) for name in self.pool}
        return each[lang] if lang in each else np.mean([each[name] for name in self.languages[1:]], axis=0)

    def projected(self, vectors: np.ndarray, kind: str) -> np.ndarray:
        if kind == "none":
            return vectors
        if kind == "label":
            x, codes = self.sources, self.codes
        else:
            x = np.concatenate([self.pool[name] for name in self.languages])
            codes = np.repeat(np.arange(len(self.languages)), [len(self.pool[name]) for name in self.languages])
        means = np.stack([x[codes == code].mean(0) for code in range(codes.max() + 1)])
        mu = means.mean(0)
        within = ledoit_wolf(x - means[codes], assume_centered=True)[0]
        carriers = (means - mu)[:-1].T  # spans the differences of the means
        filters = np.linalg.solve(within, carriers)
        if kind == "orthogonal":
            projector = filters @ np.linalg.pinv(filters)
        else:
            projector = carriers @ np.linalg.inv(filters.T @ carriers) @ filters.T
        if kind == "neutral":
            projector = np.eye(len(mu)) - projector
        return mu + (vectors - mu) @ projector.T

    def check(self, text, vector: np.ndarray, options: AugmentOptions) -> None:
        """Compare one augmented text with what the formulas give."""
        r_target = self.hubness(text.match.lang)[None]
        scores = oracle_scores(vector[None], self.sources, r_target, options.scoring)[0]
        best = np.argsort(-scores.round(6), kind="stable")[: options.k]  # equal scores by row
        shares = oracle_vote(scores[best][None], self.codes[best][None], len(self.names), options.tau)[0]
        label = self.codes[best][0] if options.voting == "nearest" else shares.argmax()
        partner = next(row for row in best if self.codes[row] == label)
        match = text.match
        assert [n.id for n in match.neighbors] == [self.ids[row] for row in best]
        np.testing.assert_allclose([n.score for n in match.neighbors], scores[best], atol=2e-5, rtol=2e-5)
        np.testing.assert_allclose([n.cosine for n in match.neighbors], self.sources[best] @ vector, atol=1e-5)
        assert match.label == self.names[label]
        np.testing.assert_allclose(match.confidence, shares[label], atol=2e-3)
        assert match.matched_example.id == self.ids[partner]
        np.testing.assert_allclose(
            [match.score, match.cosine], [scores[partner], self.sources[partner] @ vector], atol=3e-5
        )
        target = self.projected(vector[None], options.subspace)[0]
        for made in text.embeddings:
            assert made.source_id == self.ids[partner]
            wanted = made.lam * self.sources[partner] + (1 - made.lam) * target
            np.testing.assert_allclose(made.vector, wanted, atol=2e-5)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle with nothing held out, so that its pool is the pool that was given."""
    return build_small(tmp_path_factory.mktemp("whole"), options=BuildOptions(validation=0))


@pytest.mark.parametrize(("scoring", "subspace"), COMBINATIONS)
def test_the_whole_call_is_what_the_formulas_say(whole: Bundle, scoring: Scoring, subspace: SubspaceKind) -> None:
    oracle = Oracle(whole.directory)
    texts = [*TEXTS, Example("Nakala isiyo na lugha hapa", lang="sw"), Example("A plain text about food", lang="en")]
    vectors = HashingEncoder().encode(texts).vectors.astype(np.float64)
    for voting, tau, lam in ((Voting.WEIGHTED, 0.05, 0.3), (Voting.NEAREST, 0.5, 0.0)):
        options = AugmentOptions(k=7, scoring=scoring, voting=voting, tau=tau, subspace=subspace, lam=lam)
        made = Augmenter(whole, HashingEncoder()).augment(texts, options)
        for text, vector in zip(made.texts, vectors, strict=True):
            oracle.check(text, vector, options)


@pytest.mark.parametrize(("scoring", "subspace"), COMBINATIONS)
def test_lam_1_is_the_stored_english_vector_bit_for_bit(
    augmenter: Augmenter, scoring: Scoring, subspace: SubspaceKind
) -> None:
    rows = augmenter.bundle.anchors.examples.rows_of(
        e.id for chunk in augmenter.bundle.anchors.examples.chunks(64) for e in chunk if e.id
    )
    for voting in Voting:
        options = AugmentOptions(scoring=scoring, subspace=subspace, voting=voting, lam=1.0, n=2)
        for text in augmenter.augment(TEXTS, options).texts:
            for made in text.embeddings:
                assert made.vector.tobytes() == augmenter.bundle.anchors.vectors[rows[made.source_id]].tobytes()


def test_lam_0_without_subspace_is_the_target_vector(augmenter: Augmenter) -> None:
    made = augmenter.augment(TEXTS, AugmentOptions(lam=0.0, subspace="none"))
    vectors = augmenter.encoder.encode(TEXTS).vectors
    for text, vector in zip(made.texts, vectors, strict=True):
        np.testing.assert_array_equal(text.embeddings[0].vector, vector)


@pytest.mark.parametrize("voting", Voting)
def test_the_partner_has_the_adopted_label(augmenter: Augmenter, voting: Voting) -> None:
    made = augmenter.augment(TEXTS, AugmentOptions(k=9, voting=voting, tau=1.0))
    assert {text.match.label for text in made.texts} == {"positive", "negative"}
    if voting is Voting.WEIGHTED:
        assert any(text.match.partner for text in made.texts)
    for text in made.texts:
        match = text.match
        assert match.matched_example.label == match.label
        assert all(n.label != match.label for n in match.neighbors[: match.partner])
        assert [made.source_id for made in text.embeddings] == [match.matched_example.id]
        assert (match.score, match.cosine) == (match.matched_example.score, match.matched_example.cosine)


def test_every_text_has_n_draws_with_provenance(augmenter: Augmenter) -> None:
    made = augmenter.augment(TEXTS, AugmentOptions(n=5, alpha=0.4, subspace="neutral", seed=11))
    drawn = {each.lam for text in made.texts for each in text.embeddings}
    assert len(drawn) == 5 * len(TEXTS)
    assert all(0 <= lam <= 1 for lam in drawn)
    for text in made.texts:
        assert len(text.embeddings) == 5
        assert {(each.subspace, each.seed) for each in text.embeddings} == {(SubspaceKind.NEUTRAL, 11)}
        assert all(each.vector.dtype == np.float32 for each in text.embeddings)


@pytest.mark.parametrize("subspace", SubspaceKind)
def test_normalize_gives_unit_norms(augmenter: Augmenter, subspace: SubspaceKind) -> None:
    options = AugmentOptions(n=3, alpha=1.0, subspace=subspace)
    plain, scaled = (augmenter.augment(TEXTS, options.replaced({"normalize": value})) for value in (False, True))
    for a, b in zip(plain.texts, scaled.texts, strict=True):
        for x, y in zip(a.embeddings, b.embeddings, strict=True):
            np.testing.assert_allclose(np.linalg.norm(y.vector), 1, atol=1e-6)
            np.testing.assert_allclose(y.vector, x.vector / np.linalg.norm(x.vector), atol=1e-6)
    assert any(abs(np.linalg.norm(each.vector) - 1) > 0.01 for text in plain.texts for each in text.embeddings)


def test_the_same_seed_reproduces_and_another_does_not(augmenter: Augmenter) -> None:
    options = AugmentOptions(alpha=0.5, n=3, seed=5)
    first, second = augmenter.augment(TEXTS, options), augmenter.augment(TEXTS, options)
    other = augmenter.augment(TEXTS, options.replaced({"seed": 6}))
    assert augmentation_digest(first) == augmentation_digest(second)
    assert not lambdas(first) & lambdas(other)


def lambdas(made: Augmentation) -> set[float]:
    return {each.lam for text in made.texts for each in text.embeddings}


@pytest.mark.parametrize("scoring", Scoring)
def test_permuting_the_input_permutes_the_output(augmenter: Augmenter, scoring: Scoring) -> None:
    order = np.random.default_rng(3).permutation(len(TEXTS))
    options = AugmentOptions(scoring=scoring, alpha=0.5, n=2)
    made = augmenter.augment(TEXTS, options)
    permuted = augmenter.augment([TEXTS[i] for i in order], options)
    assert_same_texts(dataclasses.replace(made, texts=[made.texts[i] for i in order]), permuted)


@pytest.mark.parametrize("size", [1, 2, 5, 17])
@pytest.mark.parametrize("scoring", Scoring)
def test_splitting_the_input_changes_nothing(augmenter: Augmenter, scoring: Scoring, size: int) -> None:
    texts = unlabeled(TEXTS)
    options = AugmentOptions(scoring=scoring, alpha=0.5, n=2)
    made = augmenter.augment(texts, options)
    parts = [augmenter.augment(texts[start : start + size], options) for start in range(0, len(texts), size)]
    assert_same_texts(made, dataclasses.replace(made, texts=[text for part in parts for text in part.texts]))
    np.testing.assert_array_equal(np.concatenate([part.neighbors for part in parts]), made.neighbors)


def test_a_language_is_taken_where_given_and_predicted_where_not(augmenter: Augmenter) -> None:
    given = augmenter.augment([dataclasses.replace(text, lang="hi") for text in TEXTS]).texts
    assert {text.match.lang for text in given} == {"hi"}
    missing = augmenter.augment(unlabeled(TEXTS)).texts
    right = [text.match.lang == gold.lang for text, gold in zip(missing, TEXTS, strict=True)]
    assert all(right)
    empty = augmenter.augment([dataclasses.replace(text, lang="") for text in TEXTS]).texts
    assert [text.match.lang for text in empty] == [text.match.lang for text in missing]


def test_languages_are_told_by_letters_or_not_at_all(bundle: Bundle) -> None:
    texts = [Example("10/10 !!!"), Example("정말 좋아요"), Example("ძალიან"), Example("?", lang="ar")]
    texts.append(Example("정말 좋아요", lang="und"))
    augmenter, vectors = Augmenter(bundle, HashingEncoder()), HashingEncoder().encode(texts).vectors
    assert augmenter.languages(texts, vectors) == ["und", "ko", "und", "ar", "ko"]
    assert augmenter.languages([], vectors[:0]) == []


def test_an_unknown_language_is_accepted(augmenter: Augmenter) -> None:
    made = augmenter.augment([dataclasses.replace(text, lang="xx-new") for text in TEXTS])
    assert {(text.match.lang, text.match.status) for text in made.texts} == {("xx-new", Status.MATCHED)}


@pytest.mark.parametrize(
    ("threshold", "reason"),
    [
        ({"min_cosine": 0.99}, AbstentionReason.MIN_COSINE),
        ({"min_score": 5.0}, AbstentionReason.MIN_SCORE),
        ({"min_confidence": 1.0}, AbstentionReason.MIN_CONFIDENCE),
    ],
)
def test_an_abstained_text_has_a_reason_and_no_embedding(
    augmenter: Augmenter, threshold: dict[str, float], reason: AbstentionReason
) -> None:
    options = AugmentOptions(n=2, tau=1.0)
    open_, made = augmenter.augment(TEXTS, options), augmenter.augment(TEXTS, options.replaced(threshold))
    for text, before in zip(made.texts, open_.texts, strict=True):
        match = text.match
        assert (match.status, match.reason, match.label) == (Status.ABSTAINED, reason, None)
        assert text.embeddings == ()
        assert (match.neighbors, match.partner) == (before.match.neighbors, before.match.partner)
        assert (match.confidence, match.score) == (before.match.confidence, before.match.score)


def test_a_threshold_parts_the_texts_at_its_value(augmenter: Augmenter) -> None:
    made = augmenter.augment(TEXTS, AugmentOptions(tau=0.5))
    limit = float(np.median([text.match.confidence for text in made.texts]))
    parted = augmenter.augment(TEXTS, AugmentOptions(tau=0.5, min_confidence=limit))
    for before, after in zip(made.texts, parted.texts, strict=True):
        matched = before.match.confidence >= np.float32(limit)
        assert (after.match.status is Status.MATCHED) == matched
        assert bool(after.embeddings) == matched
        if matched:
            np.testing.assert_array_equal(after.embeddings[0].vector, before.embeddings[0].vector)


def test_matching_alone_makes_no_embedding(augmenter: Augmenter) -> None:
    made = augmenter.augment(TEXTS, interpolate=False)
    assert {(text.match.status, text.embeddings) for text in made.texts} == {(Status.MATCHED, ())}


def test_texts_that_are_encoded_already_are_not_encoded_again(bundle: Bundle) -> None:
    encoder = CountingEncoder()
    augmenter = Augmenter(bundle, encoder)
    made = augmenter.augment(TEXTS, encoded=HashingEncoder().encode(TEXTS))
    assert encoder.encoded == 0
    assert augmentation_digest(made) == augmentation_digest(augmenter.augment(TEXTS))


def test_pairs_and_single_texts_do_not_mix(bundle: Bundle, pair_bundle: Bundle) -> None:
    single, pair = Example("하나"), Example("하나", "둘")
    with pytest.raises(RowError, match=r"item 1: bundle 'small' holds single texts") as caught:
        Augmenter(bundle, HashingEncoder()).augment([single, pair])
    assert caught.value.row == 1
    with pytest.raises(RowError, match=r"item 0: bundle 'small' holds text pairs: give 'text_pair'"):
        Augmenter(pair_bundle, HashingEncoder()).augment([single])
    made = Augmenter(pair_bundle, HashingEncoder()).augment(demo_rows("nli", "ko", 3))
    assert all(neighbor.text_pair for text in made.texts for neighbor in text.match.neighbors)


def test_labels_of_the_target_are_ignored(augmenter: Augmenter) -> None:
    golden = [dataclasses.replace(text, label="positive") for text in TEXTS]
    assert_same_texts(
        augmenter.augment(TEXTS),
        dataclasses.replace(augmenter.augment(golden), texts=augmenter.augment(TEXTS).texts),
    )
    assert [t.match for t in augmenter.augment(golden).texts] == [t.match for t in augmenter.augment(TEXTS).texts]


def test_k_up_to_the_index_and_no_further(augmenter: Augmenter) -> None:
    total = augmenter.bundle.anchors.ntotal
    assert len(augmenter.augment(TEXTS[:2], AugmentOptions(k=total)).texts[0].match.neighbors) == total
    for scoring in Scoring:
        with pytest.raises(OptionError, match=f"k={total + 1}: expected at most {total}"):
            augmenter.augment(TEXTS[:2], AugmentOptions(k=total + 1, scoring=scoring))


@pytest.mark.parametrize("scoring", Scoring)
def test_no_texts_give_no_result(augmenter: Augmenter, scoring: Scoring) -> None:
    made = augmenter.augment([], AugmentOptions(scoring=scoring, k=4))
    assert made.texts == []
    assert made.neighbors.shape == (0, 4)


@pytest.mark.parametrize("text", ["", "  \n", "\ud800"])
def test_an_unusable_text_is_named(augmenter: Augmenter, text: str) -> None:
    with pytest.raises(InputError, match="item 1"):
        augmenter.augment([Example("좋아요"), Example(text)])


def test_the_bundle_s_options_are_the_defaults(bundle: Bundle) -> None:
    own = dataclasses.replace(bundle, options=AugmentOptions(k=3, lam=0.25, n=2))
    made = Augmenter(own, HashingEncoder()).augment(TEXTS[:2])
    assert made.options == own.options
    assert [each.lam for each in made.texts[0].embeddings] == [0.25, 0.25]


def test_truncation_is_told(augmenter: Augmenter) -> None:
    short, long = augmenter.augment([Example("짧다"), Example("길다 " * 400)]).texts
    assert (short.truncated, long.truncated) == (False, True)
    assert short.n_tokens < long.n_tokens == 512


def test_draws_do_not_depend_on_the_position() -> None:
    options = AugmentOptions(alpha=0.3, n=4)
    np.testing.assert_array_equal(draw_lambdas(TEXTS, options)[::-1], draw_lambdas(TEXTS[::-1], options))


def test_a_text_that_the_encoder_cannot_read_is_abstained_however_well_it_matches(
    augmenter: Augmenter,
) -> None:
    examples = [Example("good"), Example("bad")]
    encoded = augmenter.encoder.encode(examples)
    hidden = dataclasses.replace(encoded, unreadable=np.array([True, False]))
    made = augmenter.augment(examples, encoded=hidden).texts
    assert [text.match.reason for text in made] == [AbstentionReason.UNREADABLE, None]
    assert (made[0].match.status, made[0].match.label, made[0].embeddings) == (Status.ABSTAINED, None, ())
    assert made[0].match.neighbors
    assert made[1].embeddings
