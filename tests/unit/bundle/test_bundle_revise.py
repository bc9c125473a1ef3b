"""Adding and removing rows makes a new revision."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.support.bundles import CountingEncoder, build_small, content_digest, demo_rows
from xite_core.bundle.build import Builder, BuildOptions
from xite_core.bundle.bundle import Bundle, open_bundle
from xite_core.bundle.store import BundleStore
from xite_core.errors import InputError, RowError
from xite_core.index.labeled import LabeledIndex
from xite_core.records.readers import read_examples
from xite_core.types import Example

NEW = [Example(row.text, label=row.label, id=f"new-{row.id}") for row in demo_rows("reviews", "en", 140)[120:]]


@pytest.fixture
def present(tmp_path: Path) -> Bundle:
    return build_small(tmp_path)


@pytest.fixture
def encoder() -> CountingEncoder:
    return CountingEncoder()


@pytest.fixture
def builder(tmp_path: Path, encoder: CountingEncoder) -> Builder:
    return Builder(BundleStore(tmp_path), encoder)


def by_id(index: LabeledIndex | None) -> dict[str, tuple[Example, bytes]]:
    assert index is not None
    examples = index.examples.take(np.arange(len(index)))
    return {
        example.id or "": (example, vector.tobytes()) for example, vector in zip(examples, index.vectors, strict=True)
    }


def test_rows_are_added_and_removed(present: Bundle, builder: Builder, encoder: CountingEncoder) -> None:
    old = by_id(present.anchors)
    gone = sorted(old)[:3]
    revised = builder.revise(present, add=[NEW[:12], [], NEW[12:]], remove=gone)
    new = by_id(revised.anchors)
    assert set(new) == set(old) - set(gone) | {row.id for row in NEW}
    assert {name: new[name] for name in set(old) - set(gone)} == {name: old[name] for name in set(old) - set(gone)}
    assert encoder.encoded == len(NEW)
    assert revised.manifest.counts == {"anchors": len(old) - 3 + 20, "validation": len(present.validation() or ())}
    assert revised.manifest.origin["parent"] == present.revision
    assert revised.manifest.options == present.manifest.options
    assert open_bundle(revised.directory, full_check=True).manifest == revised.manifest


def test_the_old_revision_stays_as_it_was(present: Bundle, builder: Builder) -> None:
    before = content_digest(present.directory)
    builder.revise(present, add=[NEW])
    assert content_digest(present.directory) == before
    open_bundle(present.directory, full_check=True)


def test_the_new_revision_serves_only_when_activated(present: Bundle, builder: Builder) -> None:
    builder.store.activate(present.name, present.revision)
    revised = builder.revise(present, add=[NEW])
    assert builder.store.resolve(present.name) == present.directory
    assert builder.store.revisions(present.name) == [present.revision, revised.revision]


def test_held_out_rows_stay_held_out(present: Bundle, builder: Builder) -> None:
    revised = builder.revise(builder.revise(present, add=[NEW]), remove=[NEW[0].id or ""])
    assert by_id(revised.validation()) == by_id(present.validation())
    assert not by_id(revised.validation()).keys() & by_id(revised.anchors).keys()


def test_an_added_row_of_a_held_out_text_is_held_out_too(present: Bundle, builder: Builder) -> None:
    held = next(iter(by_id(present.validation()).values()))[0]
    revised = builder.revise(present, add=[[Example(held.text, label="positive", id="again"), *NEW]])
    assert "again" in by_id(revised.validation())
    assert "again" not in by_id(revised.anchors)


def test_a_held_out_row_can_be_removed(present: Bundle, builder: Builder) -> None:
    name = next(iter(by_id(present.validation())))
    assert name not in by_id(builder.revise(present, remove=[name]).validation())


def test_rows_without_id_can_be_added_after_a_removal(tmp_path: Path, builder: Builder) -> None:
    rows = [Example(row.text, label=row.label) for row in demo_rows("reviews", "en", 40)]
    present = build_small(tmp_path, rows, name="plain", options=BuildOptions(validation=0))
    added = [Example(row.text, label=row.label) for row in NEW]
    revised = builder.revise(present, add=[added], remove=["row-0", "row-7"])
    assert revised.anchors.ntotal == 40 - 2 + 20
    assert len(by_id(revised.anchors)) == 58


@pytest.mark.parametrize("names", [["nobody"], ["nobody", "else"]])
def test_an_unknown_id_is_named_and_nothing_published(present: Bundle, builder: Builder, names: list[str]) -> None:
    with pytest.raises(InputError, match=f"'nobody'.*{len(names)} unknown"):
        builder.revise(present, remove=names)
    assert builder.store.revisions(present.name) == [present.revision]


def test_a_taken_id_is_refused(present: Bundle, builder: Builder) -> None:
    for part in (present.anchors, present.validation()):
        taken = next(iter(by_id(part)))
        with pytest.raises(RowError, match=f"the id '{taken}' is taken"):
            builder.revise(present, add=[[Example("a new text", label="positive", id=taken)]])
    assert builder.store.revisions(present.name) == [present.revision]


def test_errors_of_added_rows_count_the_added_rows(present: Bundle, builder: Builder, tmp_path: Path) -> None:
    taken = next(iter(by_id(present.anchors)))
    first = [Example(f"new {i}", label="positive") for i in range(5)]
    with pytest.raises(RowError, match=f"labeled rows, row 7: the id '{taken}'"):
        builder.revise(present, add=[first, [first[0], Example("again", label="positive", id=taken)]])
    file = tmp_path / "more.jsonl"
    file.write_text('{"text": "a", "label": "positive"}\n{"text"\n', "utf8")
    with pytest.raises(RowError, match=r"more.jsonl, line 2: broken JSON"):
        builder.revise(present, add=read_examples(file, labeled=True))


def test_held_out_rows_do_not_keep_a_label_alive(present: Bundle, builder: Builder) -> None:
    rows = [Example(f"so so {i}", label="neutral", id=f"n{i}") for i in range(2)]
    held = present.validation()
    assert held is not None
    text = next(iter(by_id(held).values()))[0].text
    more = builder.revise(present, add=[[*rows, Example(text, label="neutral", id="held")]])
    with pytest.raises(InputError, match="'neutral' is left with held-out rows alone"):
        builder.revise(more, remove=["n0", "n1"])
    assert builder.revise(more, remove=["n0", "n1", "held"]).labels == present.labels


def test_a_label_cannot_lose_all_its_rows(present: Bundle, builder: Builder) -> None:
    negative = [name for name, (example, _) in by_id(present.anchors).items() if example.label == "negative"]
    with pytest.raises(InputError, match="one label only"):
        builder.revise(present, remove=negative)


def test_a_new_label_can_come_in(present: Bundle, builder: Builder) -> None:
    added = [Example(row.text, label="mixed", id=row.id) for row in NEW[:4]]
    assert builder.revise(present, add=[added]).labels == ("mixed", "negative", "positive")


def test_pairs_do_not_come_into_single_texts(present: Bundle, builder: Builder) -> None:
    with pytest.raises(InputError, match="'p1': texts and text pairs are mixed"):
        builder.revise(present, add=[[Example("a", "b", "positive", "p1")]])
