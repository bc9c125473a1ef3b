"""``xite review`` and ``xite export``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from app.commands.arguments import (
    BundleOption,
    ColumnOption,
    HomeOption,
    LabelOptions,
    OutputArgument,
    RevisionOption,
    RowLanguageOption,
    TextsArgument,
    err,
    named_values,
)
from app.commands.groups import grouped
from app.settings import home


@grouped
def review(
    source: TextsArgument,
    target: OutputArgument,
    bundle: BundleOption = None,
    revision: RevisionOption = None,
    lang: RowLanguageOption = None,
    order: Annotated[str, typer.Option(help="uncertainty, contradiction or input")] = "uncertainty",
    near: Annotated[float | None, typer.Option(min=0.5, max=1, help="cosine of near-duplicates; default: 0.9")] = None,
    *,
    labels: LabelOptions,
    column: ColumnOption = None,
    home_dir: HomeOption = None,
) -> None:
    """Tell which texts people should look at: coverage, doubtful ones first, near-duplicates, label balance."""
    from app.annotation.review.files import FileReview, review_file
    from xite_core.errors import OptionError
    from xite_core.review import NEAR, Order

    if order not in list(Order):
        raise OptionError("order", order, ", ".join(Order))
    request = FileReview(
        home=home_dir or home(),
        source=source,
        target=target,
        bundle=bundle,
        revision=revision,
        lang=lang,
        order=Order(order),
        near=NEAR if near is None else near,
        options=asdict(labels),
        columns=named_values(column, "column"),
    )
    print(json.dumps(review_file(request, err), ensure_ascii=False, indent=1))


def export(
    source: Annotated[Path, typer.Argument(help="what augment wrote: .parquet, .jsonl or a dataset directory")],
    target: Annotated[Path, typer.Argument(help=".json for label-studio and argilla, .jsonl for doccano")],
    form: Annotated[str, typer.Option("--for", help="label-studio, argilla, doccano, or table")],
    question: Annotated[str, typer.Option(help="name of the Choices tag, or of Argilla's question")] = "label",
) -> None:
    """Write an augmented file as tasks, records or lines with predictions; or as a table without vectors."""
    from app.annotation.exports.writing import Kind, export_file
    from xite_core.errors import OptionError

    if form not in list(Kind):
        raise OptionError("for", form, ", ".join(Kind))
    print(f"{export_file(source, target, Kind(form), question):,} texts")
