"""What is checked before a job is accepted: everything that can be known without the encoder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from app.augment.options import check_neighbours, with_choices
from app.augment.schemas import AugmentChoices, InputObject
from app.datasets.store import DatasetStore
from app.errors import FieldError
from app.jobs.finetune_options import finetune_options
from app.jobs.schemas import (
    AugmentJobRequest,
    BuildRequest,
    FinetuneRequest,
    LabeledRef,
    LabeledRow,
    PoolRef,
    TextsRef,
)
from app.languages import pool_problem
from xite_core.bundle.manifest import Manifest, read_manifest
from xite_core.bundle.store import BundleStore
from xite_core.bundle.succession import succession
from xite_core.encoder.registry import XITE_MINI, default_spec, list_encoders
from xite_core.encoder.spec import EncoderSpec
from xite_core.errors import InputError
from xite_core.languages import folded
from xite_core.options import AugmentOptions
from xite_core.subspace import FEWEST


def check(
    home: Path, request: FinetuneRequest | AugmentJobRequest | BuildRequest, default: str | None
) -> dict[str, Any]:
    """Refuse what cannot work, and give what is fixed from now on: the revisions that the job starts from.

    Raises
    ------
    FieldError, OptionError
        If a field does not do; both name it.
    BundleNotFoundError, DatasetNotFoundError
        If something that it names is not there.
    """
    match request:
        case FinetuneRequest():
            return _finetune(home, request)
        case AugmentJobRequest():
            return _augment(home, request, default)
        case BuildRequest():
            return _build(home, request)


def _finetune(home: Path, request: FinetuneRequest) -> dict[str, Any]:
    manifest = _manifest(home, request.source.bundle) if request.source.bundle else None
    if manifest:
        labels: Collection[str] = manifest.labels
        _check_labels(labels)
        pairs, encoder = manifest.pairs, EncoderSpec.from_dict(manifest.encoder)
        present, anchors = manifest.default_options, manifest.counts["anchors"]
        if not manifest.counts.get("validation"):
            raise FieldError(
                f"bundle {manifest.name!r} has no held-out English rows, which the gate needs; build it with "
                "validation above 0",
                *("source", "bundle"),
            )
    else:
        if request.bundle is None:
            raise FieldError("a name for the result is needed where the source is no bundle", "bundle")
        counts, pairs = _source(home, request.source)
        labels, anchors = counts, sum(counts.values())
        encoder, present = default_spec(XITE_MINI), AugmentOptions()
    finetune_options(request, present)
    _check_target(home, request.target, pairs)
    for where, reference in (("annotated", request.annotated), ("target_test", request.target_test)):
        if reference:
            given, given_pairs = _labels(home, reference, where)
            if where == "annotated":
                anchors += sum(given.values())
                _check_ids(home, reference, where)
            _check_form(given_pairs, pairs, where)
            _check_known(given, labels, where)
    if request.augment and request.augment.k is not None:
        check_neighbours(request.augment.k, anchors)
    if request.bundle:
        _check_result(home, request.bundle, encoder, labels, pairs)
    return {"revision": manifest.revision if manifest else None}


def _augment(home: Path, request: AugmentJobRequest, default: str | None) -> dict[str, Any]:
    name = request.bundle or default or BundleStore(home).only_name()
    manifest = _manifest(home, name)
    options = with_choices(manifest.default_options, request.augment or AugmentChoices())
    check_neighbours(options.k, manifest.counts["anchors"])
    _check_target(home, request.target, manifest.pairs)
    return {"bundle": manifest.name, "revision": manifest.revision}


def _build(home: Path, request: BuildRequest) -> dict[str, Any]:
    names = [encoder.name for encoder in list_encoders() if encoder.available]
    if request.encoder not in names:
        raise FieldError(f"expected one of {', '.join(names)}", "encoder")
    labels, pairs = _source(home, request.source)
    _check_pool(home, request.pool, pairs)
    with_choices(AugmentOptions(), request.options or AugmentChoices())
    _check_result(home, request.bundle, default_spec(request.encoder), labels, pairs)
    return {}


def _manifest(home: Path, name: str) -> Manifest:
    return read_manifest(BundleStore(home).resolve(name))


def _source(home: Path, reference: LabeledRef) -> tuple[Mapping[str, int], bool]:
    """Label names of rows that are to become a bundle, and whether they are pairs."""
    labels, pairs = _labels(home, reference, "source")
    _check_labels(labels)
    single = sorted(label for label, count in labels.items() if count < FEWEST)
    if single:
        raise FieldError(f"at least {FEWEST} rows of each label are needed; {single[0][:80]!r} has one", "source")
    _check_ids(home, reference, "source")
    return labels, pairs


def _labels(home: Path, reference: LabeledRef, where: str) -> tuple[Mapping[str, int], bool]:
    """Rows of each label, and whether the rows are pairs."""
    if reference.rows is not None:
        for i, row in enumerate(reference.rows):
            _check_storable(row, where, "rows", i)
        pairs = {row.text_pair is not None for row in reference.rows}
        if len(pairs) > 1:
            raise FieldError("single texts and pairs are mixed; give text_pair in every row or in none", where, "rows")
        return Counter(row.label for row in reference.rows), pairs.pop()
    assert reference.dataset is not None
    record = DatasetStore(home).get(reference.dataset)
    if not record.labeled:
        raise FieldError(f"dataset {record.id} has rows without a label", where, "dataset")
    return record.labels, record.pairs


def _check_pool(home: Path, pool: Sequence[PoolRef], pairs: bool) -> None:
    languages: set[str] = set()
    for i, part in enumerate(pool):
        if (wanted := pool_problem(part.lang)) is not None:
            raise FieldError(f"expected {wanted}", "pool", i, "lang")
        if folded(part.lang) in languages:
            raise FieldError(f"there are texts of {part.lang!r} already; give each language once", "pool", i, "lang")
        languages.add(folded(part.lang))
        if part.dataset:
            record = DatasetStore(home).get(part.dataset)
            if record.rows < 2:
                raise FieldError("at least 2 texts are needed", "pool", i, "dataset")
            if record.pairs and not pairs:
                raise FieldError(_form_words(pairs), "pool", i, "dataset")
            continue
        if len(part.texts or []) < 2:
            raise FieldError("at least 2 texts are needed", "pool", i, "texts")
        for j, item in enumerate(part.texts or []):
            _check_storable(item, "pool", i, "texts", j)
            if _is_pair(item) and not pairs:
                raise FieldError(_form_words(pairs), "pool", i, "texts", j)


def _check_ids(home: Path, reference: LabeledRef, where: str) -> None:
    """Rows of a bundle are named by their ids; those without one get it later."""
    if reference.dataset:
        repeated = DatasetStore(home).get(reference.dataset).repeated_id
        if repeated is not None:
            raise FieldError(_repeated_words(repeated), where, "dataset")
    seen: set[str] = set()
    for i, row in enumerate(reference.rows or []):
        if row.id in seen:
            raise FieldError(_repeated_words(row.id), where, "rows", i, "id")
        if row.id is not None:
            seen.add(row.id)


def _repeated_words(name: str) -> str:
    return f"several rows have the id {name[:80]!r}; give each one of its own, or none"


def _check_labels(labels: Collection[str]) -> None:
    if len(labels) < 2:
        found = ", ".join(sorted(labels)) or "none"
        raise FieldError(f"at least 2 labels are needed to learn a difference; there is {found}", "source")


def _check_target(home: Path, target: TextsRef, pairs: bool) -> None:
    if target.dataset:
        _check_form(DatasetStore(home).get(target.dataset).pairs, pairs, "target")
        return
    for i, item in enumerate(target.texts or []):
        _check_storable(item, "target", "texts", i)
        if _is_pair(item) != pairs:
            raise FieldError(_form_words(pairs), "target", "texts", i)


def _check_storable(item: str | InputObject | LabeledRow, *where: str | int) -> None:
    """Refuse what no file of rows may hold: a job writes its texts down and reads them again."""
    cells = {"": item} if isinstance(item, str) else item.model_dump(exclude_none=True)
    for name, value in cells.items():
        if "\0" in value:
            raise FieldError("holds a NUL character, expected text", *where, *filter(None, (name,)))


def _is_pair(item: str | InputObject) -> bool:
    return isinstance(item, InputObject) and item.text_pair is not None


def _check_form(given: bool, pairs: bool, where: str) -> None:
    if given != pairs:
        raise FieldError(_form_words(pairs), where)


def _form_words(pairs: bool) -> str:
    form = "text pairs: give text_pair too" if pairs else "single texts: leave text_pair out"
    return f"the source holds {form}"


def _check_known(given: Collection[str], labels: Collection[str], where: str) -> None:
    unknown = sorted(set(given) - set(labels))
    if unknown:
        known = ", ".join(sorted(labels)[:20])
        raise FieldError(f"label {unknown[0][:80]!r} is not one of the source's: {known}", where)


def _check_result(home: Path, name: str, encoder: EncoderSpec, labels: Collection[str], pairs: bool) -> None:
    before = succession(BundleStore(home), name)
    if before is None:
        return
    try:
        before.check(encoder, labels, pairs)
    except InputError as error:
        raise FieldError(str(error), "bundle") from None
