"""``xite finetune`` and ``xite predict``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.commands.arguments import (
    BundleOption,
    ColumnOption,
    HomeOption,
    MatchingOptions,
    OutputArgument,
    PoolOption,
    RevisionOption,
    SkipOption,
    TextsArgument,
    err,
    given,
    named_values,
    pool_files,
)
from app.commands.groups import grouped
from app.commands.server import connected
from app.settings import home

if TYPE_CHECKING:
    from app.finetuning import FineTuneRequest


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """How a bundle is fine-tuned, by the names of `FineTuneOptions`; ``None`` is the default."""

    depth: Annotated[str | None, typer.Option(help="head, top:N or full: what is trained; default: head")] = None
    epochs: Annotated[int | None, typer.Option(help="passes over the synthetic examples, at most")] = None
    batch_size: Annotated[int | None, typer.Option(help="examples of a step, English ones included")] = None
    lr: Annotated[float | None, typer.Option(help="peak learning rate; default: by depth")] = None
    lora_rank: Annotated[int | None, typer.Option(help="top:N, full: train LoRA adapters of this rank alone")] = None
    replay: Annotated[float | None, typer.Option(help="fraction of each batch that is plain English")] = None
    fraction: Annotated[float | None, typer.Option(help="share of the matched texts used, surest first")] = None
    balance: Annotated[bool | None, typer.Option(help="as many synthetic examples of each label")] = None
    patience: Annotated[int | None, typer.Option(help="epochs without improvement before the end; 0: off")] = None
    english_epochs: Annotated[int | None, typer.Option(help="epochs on English alone before the matching")] = None
    adoption: Annotated[str | None, typer.Option(help="vote, head or views: whose label a text adopts")] = None
    rounds: Annotated[int | None, typer.Option(help="views: how often the lexicon and the labels are made")] = None
    lexicon: Annotated[float | None, typer.Option(help="views: weight of the lexicon beside the head")] = None
    prior: Annotated[float | None, typer.Option(help="views: how far class shares are drawn to equal ones")] = None
    max_english_drop: Annotated[float | None, typer.Option(help="accuracy on English that may be lost")] = None
    encoder_dtype: Annotated[
        str | None, typer.Option("--dtype", help="float32 or float16: how a tuned encoder is stored")
    ] = None
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda")] = None
    seed: Annotated[int | None, typer.Option(help="of every random choice")] = None


@grouped
def finetune(
    targets: Annotated[list[str], typer.Argument(help="unlabeled text: FILE, or ko=FILE where rows state no language")],
    bundle: BundleOption = None,
    revision: RevisionOption = None,
    name: Annotated[str | None, typer.Option(help="bundle of the result; default: the same one")] = None,
    test: Annotated[list[str] | None, typer.Option(help="labeled target rows, for evaluation only; repeatable")] = None,
    source: Annotated[Path | None, typer.Option(help="labeled English rows beside the bundle's")] = None,
    pool: PoolOption = None,
    *,
    training: TrainingOptions,
    matching: MatchingOptions,
    activate: Annotated[bool, typer.Option(help="make a result that passes the gate the active revision")] = False,
    work: Annotated[Path | None, typer.Option(help="folder of checkpoints and artifacts; default: in --home")] = None,
    column: ColumnOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the whole report as JSON")] = False,
    server: Annotated[str | None, typer.Option(help="URL of a service that is to do it as a job")] = None,
    home_dir: HomeOption = None,
) -> None:
    """Fine-tune a bundle on unlabeled target text; goes on where it was after an interruption.

    The result is a new revision with a head for predict. It fails its gate where English accuracy drops by more than
    --max-english-drop; such a result is kept but never activated by itself.
    """
    from app.finetuning import FineTuneRequest

    request = FineTuneRequest(
        home=home_dir or home(),
        targets=targets,
        bundle=bundle,
        revision=revision,
        name=name,
        target_test=test or [],
        source=source,
        pool=pool_files(pool),
        options=given(training),
        augment=asdict(matching),
        columns=named_values(column, "column"),
        work=work,
        activate=activate,
    )
    bundle, revision, passed, report = _finetuned(request, server)
    if as_json:
        print(json.dumps({"bundle": bundle, "revision": revision, "report": report}, ensure_ascii=False, indent=1))
        return
    print(f"{bundle} {revision}: gate {'passed' if passed else 'failed'}")
    if server is None:
        _tell_active(request.home, bundle, revision, passed=passed)
    elif passed and not activate:
        print(f'activate it by POST /bundles/{bundle}/activate {{"revision": "{revision}"}}')


def _finetuned(request: FineTuneRequest, server: str | None) -> tuple[str, str, bool, Mapping[str, Any]]:
    """Fine-tune here or by a job; gives bundle, revision, verdict of the gate and report."""
    if server is None:
        from app.finetuning import finetune_bundle

        made = finetune_bundle(request, err)
        return made.bundle.name, made.bundle.revision, made.passed, made.report
    from app.following import finetune_by_job

    with connected(server) as client:
        result = finetune_by_job(client, request, err)
    return result.bundle, result.revision, result.passed, result.report


def _tell_active(home_dir: Path, bundle: str, revision: str, *, passed: bool) -> None:
    from xite_core.bundle.store import BundleStore

    active = BundleStore(home_dir).resolve(bundle).name
    if active == revision:
        print("active" if passed else "active, though its gate failed: it is the first of its name")
    elif passed:
        print(f"not active; use it with --revision {revision}, or: xite activate {bundle} {revision}")
    else:
        print(f"not active; active is {active}")


def predict(
    source: TextsArgument,
    target: OutputArgument,
    bundle: BundleOption = None,
    revision: RevisionOption = None,
    skip_bad_rows: SkipOption = False,
    column: ColumnOption = None,
    home_dir: HomeOption = None,
) -> None:
    """Classify a file of texts with a fine-tuned bundle."""
    from app.predicting import PredictionRequest, predict_file

    columns = named_values(column, "column")
    request = PredictionRequest(home_dir or home(), source, target, bundle, revision, skip_bad_rows, columns)
    print(json.dumps(predict_file(request, err), ensure_ascii=False, indent=1))
