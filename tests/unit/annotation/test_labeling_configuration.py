"""Which control of a labeling configuration a bundle answers."""

from __future__ import annotations

import pytest

from app.annotation.label_studio.configuration import Labeling, labeling_of
from app.errors import FieldError

LABELS = ("negative", "positive")
TEXT = '<Text name="t" value="$review"/>'
TWO = '<Text name="a" value="$premise"/><Text name="b" value="$hypothesis"/>'


def choices(*values: str, more: str = "", to: str = "t", name: str = "c") -> str:
    inner = "".join(f'<Choice value="{value}"/>' for value in values)
    return f'<Choices name="{name}" toName="{to}" {more}>{inner}</Choices>'


def view(*parts: str) -> str:
    return "<View>" + "".join(parts) + "</View>"


def found(*parts: str, labels: tuple[str, ...] = LABELS, pairs: bool = False) -> Labeling:
    return labeling_of(view(*parts), labels, pairs=pairs)


def test_a_single_choice_about_a_text() -> None:
    labeling = found(TEXT, choices("positive", "negative"))
    assert [field.key for field in labeling.texts] == ["review"]
    assert labeling.said == {"negative": "negative", "positive": "positive"}
    assert labeling.control.value("positive") == {"choices": ["positive"]}


def test_an_alias_is_what_a_result_says() -> None:
    said = '<Choices name="c" toName="t"><Choice value="Good" alias="positive"/><Choice value="negative"/></Choices>'
    assert found(TEXT, said).said == {"positive": "positive", "negative": "negative"}
    shown = '<Choices name="c" toName="t"><Choice value="positive" alias="1"/><Choice value="negative"/></Choices>'
    assert found(TEXT, shown).said["positive"] == "1"
    assert found(TEXT, shown).label_of("1") == "positive"


def test_case_may_differ_where_it_is_clear() -> None:
    assert found(TEXT, choices("Positive", "NEGATIVE")).said == {"positive": "Positive", "negative": "NEGATIVE"}
    assert "positive" not in found(TEXT, choices("Positive", "POSITIVE", "negative")).said


def test_choices_that_the_bundle_does_not_know_are_left_alone() -> None:
    assert found(TEXT, choices("positive", "neutral")).said == {"positive": "positive"}


def test_the_control_with_most_of_the_labels_is_taken() -> None:
    parts = choices("positive", name="one"), choices("positive", "negative", name="two")
    assert found(TEXT, *parts).control.name == "two"


@pytest.mark.parametrize("more", ['choice="multiple"', 'perRegion="true"'])
def test_controls_that_take_no_single_label_are_passed_over(more: str) -> None:
    with pytest.raises(FieldError, match="no control found"):
        found(TEXT, choices("positive", more=more))


def test_pairs_by_two_texts_or_by_both_names() -> None:
    labels = ("entailment", "neutral")
    for to in ("a", "a,b"):
        labeling = found(TWO, choices(*labels, to=to), labels=labels, pairs=True)
        assert [field.key for field in labeling.texts] == ["premise", "hypothesis"]
        assert labeling.control.to_names[0] == "a"


def test_pairwise() -> None:
    labeling = found(TWO, '<Pairwise name="p" toName="a,b"/>', labels=("left", "right"), pairs=True)
    assert labeling.control.kind == "pairwise"
    assert labeling.control.value("left") == {"selected": "left"}
    assert labeling.control.choice_in({"selected": "right"}) == "right"


@pytest.mark.parametrize(
    ("parts", "pairs", "words"),
    [
        ((), False, "no control found"),
        ((TEXT, choices("cat", "dog")), False, "the choices are cat, dog"),
        ((TEXT, choices("positive")), True, "two <Text> tags"),
        ((TWO, choices("positive", to="a,b")), False, "the bundle holds texts"),
        (('<Text name="t" value="$x" valueType="url"/>', choices("positive")), False, "is about a <Text> tag"),
        (('<Image name="t" value="$x"/>', choices("positive")), False, "is about a <Text> tag"),
        ((TEXT, choices("positive", to="other")), False, "is about a <Text> tag"),
    ],
)
def test_what_cannot_be_answered_is_told(parts: tuple[str, ...], pairs: bool, words: str) -> None:
    with pytest.raises(FieldError, match=words):
        found(*parts, pairs=pairs)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<View",
        '<!DOCTYPE v [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><View>&b;</View>',
        '<!DOCTYPE v SYSTEM "file:///etc/passwd"><View/>',
        '<!DOCTYPE v [<!ENTITY x SYSTEM "file:///etc/passwd">]><View>&x;</View>',
        "<View>\ud800</View>",
    ],
)
def test_no_entities_no_document_types(text: str) -> None:
    with pytest.raises(FieldError) as refused:
        labeling_of(text, LABELS, pairs=False)
    assert "root:" not in str(refused.value)
