"""Tasks as texts, verdicts as predictions, events as labeled texts, labeled texts as trainings."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from app.annotation.label_studio.configuration import labeling_of
from app.annotation.label_studio.events import annotated_in
from app.annotation.label_studio.jobs import finetune_request
from app.annotation.label_studio.schemas import ProjectFacts, SetupRequest, WebhookRequest
from app.annotation.label_studio.store import ABANDONED, Annotated, AnnotationStore, Training
from app.annotation.label_studio.tasks import NOTHING, Unusable, predicted, read_task
from app.annotation.label_studio.training import MIN_HELD_OUT, MIN_ROWS, training_request
from app.annotation.verdicts import Verdict
from app.errors import FieldError
from xite_core.errors import StorageError
from xite_core.types import Example

CONFIGURATION = (
    '<View><Text name="t" value="$review"/><Choices name="c" toName="t"><Choice value="positive"/></Choices></View>'
)
LABELING = labeling_of(CONFIGURATION, ("negative", "positive"), pairs=False)


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        (5, "no data"),
        ({"id": 1}, "no data"),
        ({"data": {}}, "data.review is missing"),
        ({"data": {"review": ["a"]}}, "not a text"),
        ({"data": {"review": " \n"}}, "empty"),
        ({"data": {"review": "\ud800"}}, "no text"),
        ({"data": {"review": "x" * 101}}, "more than 100"),
    ],
)
def test_a_task_without_a_text_says_why(task: Any, reason: str) -> None:
    read = read_task(task, LABELING, 100)
    assert isinstance(read, Unusable)
    assert reason in read.reason


def test_a_task_with_a_text() -> None:
    assert read_task({"data": {"review": "좋아요", "lang": "ko"}}, LABELING, 100) == Example("좋아요", lang="ko")
    for no_tag in (7, "Korean", "", "ko" * 40):
        assert read_task({"data": {"review": "좋아요", "lang": no_tag}}, LABELING, 100) == Example("좋아요")
    nested = labeling_of(CONFIGURATION.replace("$review", "$a.b"), ("positive",), pairs=False)
    assert read_task({"data": {"a": {"b": "좋아요"}}}, nested, 100) == Example("좋아요")
    assert read_task({"data": {"a.b": "좋아요"}}, nested, 100) == Example("좋아요")


def test_predictions() -> None:
    made = predicted(Verdict("positive", 0.8, None, 3, False), LABELING, "r1")
    assert made.score == 0.8
    assert made.result == [{"from_name": "c", "to_name": "t", "type": "choices", "value": {"choices": ["positive"]}}]
    abstained = predicted(Verdict(None, 0.6, "below_min_confidence", 3, False), LABELING, "r1")
    unknown = predicted(Verdict("negative", 0.9, None, 3, False), LABELING, "r1")
    assert (abstained.result, abstained.score, abstained.reason) == ([], NOTHING, "below_min_confidence")
    assert (unknown.result, unknown.score, unknown.reason) == ([], NOTHING, "label_is_no_choice")


def event(**changes: Any) -> WebhookRequest:
    region = {"from_name": "c", "to_name": "t", "type": "choices", "value": {"choices": ["positive"]}}
    annotation = {"id": 5, "task": 3, "result": [region], **changes}
    task = {"id": 3, "data": {"review": "좋아요", "lang": "ko"}}
    return WebhookRequest.model_validate({"action": "ANNOTATION_CREATED", "annotation": annotation, "task": task})


def test_an_annotation_is_a_labeled_text() -> None:
    found, gone = annotated_in(event(), LABELING, 100)
    assert found == [Annotated(5, 3, Example("좋아요", label="positive", lang="ko"))]
    assert gone == []


@pytest.mark.parametrize(
    "changes",
    [
        {"was_cancelled": True},
        {"result": []},
        {"result": [{"from_name": "c", "value": {"choices": ["other"]}}]},
        {"result": [{"from_name": "c", "value": {"choices": ["positive", "positive"]}}]},
        {"result": [{"from_name": "other", "value": {"choices": ["positive"]}}]},
        {"result": [{"from_name": "c", "value": 5}]},
        {"task": 99},
    ],
)
def test_an_annotation_without_a_label_is_forgotten(changes: dict[str, Any]) -> None:
    assert annotated_in(event(**changes), LABELING, 100) == ([], [5])


def test_the_project_has_one_name_in_all_calls() -> None:
    facts = ProjectFacts.model_validate({"id": 2, "created_at": "2026-11-25T00:03:00.75Z"})
    assert facts.uid == "2.1795564980"


@pytest.mark.parametrize("given", [{"k": 3}, '{"k": 3}'])
def test_extra_parameters_come_as_object_or_as_text(given: Any) -> None:
    request = SetupRequest.model_validate({"schema": "<View/>", "extra_params": given})
    assert request.extra_params is not None
    assert request.extra_params.k == 3


def annotated(count: int, labels: tuple[str, ...] = ("negative", "positive")) -> list[Annotated]:
    return [Annotated(i, i, Example(f"text {i}", label=labels[i % len(labels)])) for i in range(count)]


def test_a_training_needs_rows_and_labels() -> None:
    with pytest.raises(FieldError, match=f"at least {MIN_ROWS}"):
        training_request("1.2", "b", annotated(MIN_ROWS - 1))
    with pytest.raises(FieldError, match="1 labels"):
        training_request("1.2", "b", annotated(20, ("positive",)))


def test_some_rows_are_kept_for_evaluation_where_there_are_many() -> None:
    few, many = (training_request("1.2", "b", annotated(count)) for count in (MIN_HELD_OUT - 1, MIN_HELD_OUT))
    assert not few.test
    assert len(many.test) == MIN_HELD_OUT // 5
    assert not set(many.test) & set(many.rows)
    assert len(many.rows) + len(many.test) == MIN_HELD_OUT
    body = finetune_request(many)
    assert body.source.bundle == "b"
    assert body.annotated is not None
    assert body.annotated.rows is not None
    assert [row.label for row in body.annotated.rows] == [row.label for row in many.rows]


def test_a_task_on_which_annotators_differ_is_left_out() -> None:
    rows = [*annotated(10), Annotated(100, 9, Example("text 9", label="negative"))]
    rows.sort(key=lambda one: one.task)
    assert len(training_request("1.2", "b", rows).rows) == 9


def test_the_store_keeps_annotations_by_number(tmp_path: Path) -> None:
    store = AnnotationStore(tmp_path)
    assert store.connection("1.2") is None
    store.connect("1.2", "{}")
    assert store.connection("1.2") == "{}"
    assert store.record("1.2", annotated(3), []) == 3
    assert store.record("other", annotated(1), []) == 1
    changed = Annotated(2, 2, Example("text 2", "pair", "positive", lang="ko"))
    assert store.record("1.2", [changed], [0]) == 2
    assert AnnotationStore(tmp_path).annotations("1.2") == [annotated(3)[1], changed]


def test_one_training_a_project_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = AnnotationStore(tmp_path)
    assert store.claim("1.2", None)
    assert not store.claim("1.2", None)
    assert not store.claim("1.2", store.training("1.2"))
    assert store.claim("other", None)
    store.started("1.2", "job_1")
    last = store.training("1.2")
    assert isinstance(last, Training)
    assert not store.claim("1.2", None)
    assert store.claim("1.2", last)
    store.release("1.2")
    assert store.training("1.2") is None
    assert store.claim("1.2", None)
    abandoned = store.training("1.2")
    monkeypatch.setattr("time.time", lambda: (abandoned.claimed if abandoned else 0) + ABANDONED + 1)
    assert store.claim("1.2", abandoned)


def test_of_many_demands_at_once_one_starts(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(lambda _: AnnotationStore(tmp_path).claim("1.2", None), range(16)))
    assert sum(claims) == 1


def test_a_broken_file_is_told(tmp_path: Path) -> None:
    store = AnnotationStore(tmp_path)
    store.connect("1.2", "{}")
    store.path.write_bytes(b"no database" * 1000)
    with pytest.raises(StorageError):
        store.connection("1.2")
