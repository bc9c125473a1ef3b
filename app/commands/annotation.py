"""``xite review`` and ``xite export``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from app.commands.arguments import (
    BundleOption,
    ColumnOption,
    HomeOption,
    KOption,
    RevisionOption,
    ScoringOption,
    TauOption,
    ThresholdOption,
    VotingOption,
    err,
    named_values,
)
from app.settings import home


def review(
    source: Annotated[Path, typer.Argument(help="target texts: .jsonl, .csv, .parquet or a dataset directory")],
    target: Annotated[Path, typer.Argument(help=".csv, .jsonl, .parquet, or no suffix for a dataset directory")],
    bundle: BundleOption = None,
    revision: RevisionOption = None,
    lang: Annotated[str | None, typer.Option(help="language of rows that state none; default: predicted")] = None,
    order: Annotated[str, typer.Option(help="uncertainty, contradiction or input")] = "uncertainty",
    near: Annotated[float | None, typer.Option(min=0.5, max=1, help="cosine of near-duplicates; default: 0.9")] = None,
    k: KOption = None,
    scoring: ScoringOption = None,
    voting: VotingOption = None,
    tau: TauOption = None,
    min_cosine: ThresholdOption = None,
    min_score: ThresholdOption = None,
    min_confidence: ThresholdOption = None,
    column: ColumnOption = None,
    home_dir: HomeOption = None,
) -> None:
    """Tell which texts people should look at: coverage, doubtful ones first, near-duplicates, label balance."""
    from app.annotation.review.files import FileReview, review_file
    from xite_core.errors import OptionError
    from xite_core.review import NEAR, Order

    if order not in list(Order):
        raise OptionError("order", order, ", ".join(Order))
    options = {
        "k": k, "scoring": scoring, "voting": voting, "tau": tau, "min_cosine": min_cosine, "min_score": min_score,
        "min_confidence": min_confidence,
    }  # fmt: skip
    request = FileReview(
        home=home_dir or home(),
        source=source,
        target=target,
        bundle=bundle,
        revision=revision,
        lang=lang,
        order=Order(order),
        near=NEAR if near is None else near,
        options=options,
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
