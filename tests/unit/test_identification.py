"""Languages are told by letters: against scikit-learn, on written text, and where nothing can be told."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.naive_bayes import MultinomialNB

from tests.support.bundles import demo_rows
from xite_core.identification import (
    BITS,
    UNLIKELY,
    UNSEEN,
    LanguageIdentifier,
    _buckets,
    _counts,
    _letters,
    fit_identifier,
)
from xite_core.languages import UNDETERMINED
from xite_core.reference import known_languages, reference_texts
from xite_core.scripts import LOOK
from xite_core.types import Example

LATIN = ("de", "en", "es", "fr", "ha", "id", "sw", "tr", "vi")


@pytest.fixture(scope="module")
def identifier() -> LanguageIdentifier:
    return fit_identifier(reference_texts())


def parts(start: int, stop: int) -> dict[str, list[Example]]:
    return {language: rows[start:stop] for language, rows in reference_texts().items()}


def test_it_is_naive_bayes_with_equal_priors() -> None:
    learned = {language: parts(0, 200)[language] for language in LATIN}
    fitted = fit_identifier(learned)
    counts = np.stack([_counts(row.text for row in rows) for rows in learned.values()])
    shares = counts / counts.sum(axis=1, keepdims=True)
    oracle = MultinomialNB(alpha=UNSEEN, fit_prior=False).fit(shares, np.arange(len(LATIN)))
    np.testing.assert_allclose(fitted.ngrams.T, oracle.feature_log_prob_, rtol=1e-3)
    for rows in parts(200, 256).values():
        for row in rows[:8]:
            scores = oracle.predict_joint_log_proba(_counts([row.text])[None])
            if (told := fitted.identify(row)) != UNDETERMINED:
                assert told == LATIN[int(scores.argmax())]


@pytest.mark.parametrize("language", sorted(reference_texts()))
def test_texts_that_it_has_not_seen(language: str) -> None:
    fitted = fit_identifier(parts(0, 192))
    told = [fitted.identify(row) for row in parts(192, 256)[language]]
    assert np.mean([name == language for name in told]) >= 0.93


@pytest.mark.parametrize("language", ["en", "ko", "ar", "ur", "hi"])
def test_reviews(identifier: LanguageIdentifier, language: str) -> None:
    told = [identifier.identify(Example(row.text)) for row in demo_rows("reviews", language, 50)]
    assert np.mean([name == language for name in told]) >= 0.96


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("쩝. 걍... 퉤퉤퉤", "ko"),  # syllables that the pool has not: the script tells
        ("ㅋㅋㅋ", "ko"),
        ("영화 The Godfather 를 정말로 다시 한번 감동적으로 보았습니다", "ko"),
        ("واہ", "ur"),
        ("جيد", "ar"),
        ("すごい", "ja"),
        ("好", "zh"),
        ("10/10 !!!", UNDETERMINED),
        ("😀👍", UNDETERMINED),
        ("", UNDETERMINED),
        ("ძალიან კარგი", UNDETERMINED),  # no language of the pool is in this script
    ],
)
def test_short_and_odd_texts(identifier: LanguageIdentifier, text: str, language: str) -> None:
    assert identifier.identify(Example(text)) == language


def test_of_a_pair_both_sides_count(identifier: LanguageIdentifier) -> None:
    long = "10 / 10 " * LOOK
    assert identifier.identify(Example(long, "Mtoto huyu anacheza na mbwa wake nje ya nyumba")) == "sw"
    assert identifier.identify(Example("Mtoto huyu anacheza na mbwa wake", long)) == "sw"


def test_a_language_of_the_user_is_told_like_the_others() -> None:
    yoruba = ["Ọmọ náà ń ṣeré níta pẹ̀lú ajá rẹ̀.", "Mo fẹ́ràn oúnjẹ yìí gan-an ni.", "Níbo ni o ń gbé báyìí?"]
    fitted = fit_identifier({**reference_texts(), "yo": [Example(text) for text in yoruba]})
    assert fitted.identify(Example("Ó dára gan-an, mo fẹ́ràn rẹ̀.")) == "yo"
    assert fitted.identify(Example("It was very good, I liked it.")) == "en"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("O filme é muito bom, mas o final não me convenceu.", "pt"),
        ("این فیلم خیلی خوب بود ولی پایانش را دوست نداشتم.", "fa"),
        ("চলচ্চিত্রটা খুব ভালো লেগেছে।", "bn"),
        ("Der Film war sehr gut, nur das Ende nicht.", "de"),
        ("இந்தப் படம் மிகவும் நன்றாக இருந்தது.", "ta"),
    ],
)
def test_languages_outside_the_pool_are_told_too(text: str, language: str) -> None:
    pool = {"en": reference_texts()["en"], "es": reference_texts()["es"], "ur": reference_texts()["ur"]}
    assert fit_identifier(pool, known_languages()).identify(Example(text)) == language


def test_one_that_is_in_the_pool_by_whatever_tag_is_not_told_twice() -> None:
    fitted = fit_identifier({"en": [Example("a good film")], "pt-BR": [Example("um bom filme")]}, known_languages())
    assert "pt" not in fitted.languages
    assert fitted.languages[:2] == ("en", "pt-BR")
    assert fitted.prior.tolist() == [0.0, 0.0, *[-UNLIKELY] * (len(fitted.languages) - 2)]


def test_romanised_text_is_not_mixed_with_what_is_known_of_another_script() -> None:
    hinglish = ["yeh film bahut achhi thi", "khana bilkul thanda tha yaar", "mujhe yeh phone pasand nahi aaya"]
    pool = {"en": reference_texts()["en"], "hi-Latn": [Example(text) for text in hinglish]}
    fitted = fit_identifier(pool, known_languages())
    assert fitted.identify(Example("yeh khana achhi nahi thi")) == "hi-Latn"
    assert fitted.identify(Example("यह फ़िल्म बहुत अच्छी थी")) == "hi"


def test_texts_of_the_pool_s_languages_stay_there(identifier: LanguageIdentifier) -> None:
    wider = fit_identifier(reference_texts(), known_languages())
    rows = [row for language in ("ko", "ar", "ur", "hi") for row in demo_rows("reviews", language, 50)]
    same = [wider.identify(Example(row.text)) == identifier.identify(Example(row.text)) for row in rows]
    assert np.mean(same) >= 0.98


def test_every_known_language_has_enough_sentences() -> None:
    profiles = known_languages()
    assert len(profiles) == 41
    assert min(profile.scripts.total() for profile in profiles.values()) >= 128
    assert all(profile.scripts[None] == 0 for profile in profiles.values())


def test_a_stray_text_does_not_bring_its_script() -> None:
    rows = [*[Example("좋은 영화였어요")] * 199, Example("very good film")]
    fitted = fit_identifier({"en": [Example("a good film")], "ko": rows})
    assert fitted.identify(Example("영화")) == "ko"
    assert fitted.identify(Example("very good")) == "en"


def test_a_pool_without_letters_tells_nothing() -> None:
    fitted = fit_identifier({"en": [Example("1")], "ko": [Example("2")]})
    assert fitted.identify(Example("good")) == UNDETERMINED


def test_case_signs_and_digits_do_not_count(identifier: LanguageIdentifier) -> None:
    assert np.array_equal(_letters("Nzuri  SANA, 100%!"), _letters("nzuri sana"))
    assert np.array_equal(_letters("Việt"), _letters("Việt"))


@given(st.text(st.characters(categories=["L", "M"]), min_size=1, max_size=30))
def test_every_ngram_has_a_bucket(text: str) -> None:
    letters = _letters(text)
    buckets = _buckets(letters)
    n = len(letters)
    assert len(buckets) == sum(max(n - length + 1, 0) for length in range(1, 6))
    assert buckets.min() >= 0
    assert buckets.max() < 2**BITS


@given(st.text(max_size=500))
def test_any_text_is_told_or_not(text: str) -> None:
    fitted = fit_identifier({"en": [Example("a good film")], "ko": [Example("좋은 영화")]})
    assert fitted.identify(Example(text)) in ("en", "ko", UNDETERMINED)
