"""``xite evaluate`` and ``xite tune``: what the method gives on one's own data, and options chosen for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from app.commands.arguments import (
    ActivateOption,
    ColumnOption,
    EncoderOptions,
    HomeOption,
    LanguageOption,
    err,
    named_values,
)
from app.commands.groups import grouped
from app.settings import home

UnlabeledOption = Annotated[list[Path], typer.Option(help="file of target texts, labels are ignored; repeatable")]


@grouped
def evaluate(
    source: Annotated[list[Path], typer.Option(help="labeled English file; repeatable, files are pooled")],
    unlabeled: UnlabeledOption,
    test: Annotated[list[Path], typer.Option(help="labeled target file, for scoring only; repeatable")],
    lang: LanguageOption,
    out: Annotated[
        Path, typer.Option(file_okay=False, help="directory of the report; started again, an evaluation goes on there")
    ],
    english_test: Annotated[
        list[Path] | None,
        typer.Option(help="labeled English file for scoring; default: 15% of the source; repeatable"),
    ] = None,
    task: Annotated[str, typer.Option(help="a name for the report")] = "task",
    seeds: Annotated[int, typer.Option(help="runs of each main variant at depth head")] = 5,
    limit: Annotated[int, typer.Option(help="source rows, and unlabeled rows, that are used at most")] = 4000,
    *,
    encoder: EncoderOptions,
    depths: Annotated[
        str, typer.Option(help="comma-separated: head, top:n, full; the first one is the default")
    ] = "head",
    quick: Annotated[bool, typer.Option("--quick", help="only the main variants, no sweeps")] = False,
    cache: Annotated[Path | None, typer.Option(help="directory of vectors, to be shared between evaluations")] = None,
    column: ColumnOption = None,
) -> None:
    """Compare zero-shot, label transfer, XITE and its variants on labeled target rows."""
    from app.evaluating import EvaluationRequest, evaluate_files
    from xite_core.evaluation.study import EvaluationOptions

    request = EvaluationRequest(
        source=source,
        unlabeled=unlabeled,
        test=test,
        english_test=english_test or (),
        lang=lang,
        task=task,
        out=out,
        encoder=encoder.spec(),
        options=EvaluationOptions(seeds, limit, tuple(part.strip() for part in depths.split(",")), quick),
        columns=named_values(column or [], "column"),
        cache=cache,
    )
    evaluate_files(request, err)


def tune(
    unlabeled: UnlabeledOption,
    lang: LanguageOption,
    bundle: Annotated[str | None, typer.Argument(help="its name; default: the only one there is")] = None,
    limit: Annotated[int, typer.Option(help="texts that are used at most")] = 2000,
    activate: ActivateOption = True,
    column: ColumnOption = None,
    home_dir: HomeOption = None,
) -> None:
    """Choose a bundle's options without target labels and write them into a new revision."""
    from app.evaluating import tune_bundle

    columns = named_values(column or [], "column")
    made, tuned = tune_bundle(home_dir or home(), bundle, unlabeled, lang, limit, columns, err, activate=activate)
    chosen = {"bundle": made.name, "revision": made.revision, "replay": tuned.replay}
    print(json.dumps({**chosen, "options": tuned.options.as_dict()}, ensure_ascii=False, indent=1))
