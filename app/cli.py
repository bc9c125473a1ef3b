"""The command line: ``xite build | revise | augment | finetune | predict | evaluate | info | serve | ...``.

Heavy imports happen inside the commands, after the thread counts are set and so that ``--help`` answers at once.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from app.auth.commands import commands as keys
from app.commands.annotation import export, review
from app.commands.arguments import (
    ActivateOption,
    BundleOption,
    ColumnOption,
    EncoderOptions,
    HomeOption,
    MatchingOptions,
    OutputArgument,
    PoolOption,
    RevisionOption,
    RowLanguageOption,
    SkipOption,
    TextsArgument,
    err,
    named_values,
    pool_files,
)
from app.commands.evidence import evaluate, tune
from app.commands.groups import grouped
from app.commands.jobs import commands as jobs
from app.commands.jobs import worker
from app.commands.training import finetune, predict
from app.settings import home, set_up_libraries
from xite_core.errors import OptionError, XiteError
from xite_core.types import IndexKind

cli = typer.Typer(
    help="Training data for low-resource languages from labeled English.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""


def main() -> None:
    """Entry point: one-line errors on standard error, exit status 2 for what the user can mend."""
    set_up_libraries()
    try:
        status = cli(standalone_mode=False)
    except XiteError as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except (KeyboardInterrupt, typer.Abort):
        status = INTERRUPTED
    except Exception as error:
        # Typer carries its own copy of Click, so its usage errors are known by their method.
        if not hasattr(error, "format_message"):
            raise
        _fail(error.format_message())
    if status == INTERRUPTED:
        err.print("interrupted")
    sys.exit(status)


def _fail(message: str) -> NoReturn:
    if message:  # none where the help was printed
        err.print("[bold red]error:[/] " + escape(message), highlight=False, soft_wrap=True)
    sys.exit(2)


@cli.command()
@grouped
def build(
    source: Annotated[Path, typer.Argument(help="labeled English: .jsonl, .csv, .parquet or a dataset directory")],
    name: Annotated[str, typer.Option(help="name of the bundle")],
    pool: PoolOption = None,
    *,
    encoder: EncoderOptions,
    index: Annotated[IndexKind, typer.Option(help="search structure")] = IndexKind.AUTO,
    validation: Annotated[float, typer.Option(help="fraction of the labeled rows held out")] = 0.05,
    column: ColumnOption = None,
    activate: ActivateOption = True,
    seed: Annotated[int, typer.Option(help="of all random choices")] = 0,
    home_dir: HomeOption = None,
) -> None:
    """Build a bundle from labeled English text."""
    from app.building import BuildRequest, build_bundle

    request = BuildRequest(
        home=home_dir or home(),
        name=name,
        source=source,
        pool=pool_files(pool),
        encoder=encoder.spec(),
        index=index,
        validation=validation,
        columns=named_values(column, "column"),
        activate=activate,
        seed=seed,
    )
    bundle = build_bundle(request, err)
    facts = bundle.manifest
    print(f"{bundle.name} {bundle.revision}: {facts.counts['anchors']:,} examples, {', '.join(bundle.labels)}")
    _tell_active(request.home, bundle.name, bundle.revision)


@cli.command()
def revise(
    name: Annotated[str, typer.Argument(help="a bundle")],
    add: Annotated[Path | None, typer.Option(help="labeled rows to add: a file as for build")] = None,
    remove: Annotated[list[str] | None, typer.Option(help="id of a row to remove; repeatable")] = None,
    new_labels: Annotated[bool, typer.Option("--new-labels", help="take labels that the bundle does not hold")] = False,
    activate: ActivateOption = True,
    home_dir: HomeOption = None,
) -> None:
    """Make a new revision of a bundle with labeled rows added or removed."""
    from app.building import revise_bundle

    if add is None and not remove:
        raise OptionError("add", None, "a file of rows to add, or --remove with an id")
    bundle = revise_bundle(home_dir or home(), name, add, remove or [], activate, err, new_labels=new_labels)
    facts = bundle.manifest
    print(f"{bundle.name} {bundle.revision}: {facts.counts['anchors']:,} examples, {', '.join(bundle.labels)}")
    if not facts.head:
        print("it has no head: fine-tune it for predictions, or go back to an earlier revision")
    _tell_active(home_dir or home(), bundle.name, bundle.revision)


@cli.command()
def activate(
    name: Annotated[str, typer.Argument(help="a bundle")],
    revision: Annotated[str, typer.Argument(help="one of its revisions, or latest for the newest")],
    home_dir: HomeOption = None,
) -> None:
    """Make a revision the active one, if it can be opened; running services take it up within a second."""
    from xite_core.bundle.bundle import open_bundle
    from xite_core.bundle.store import BundleStore

    store = BundleStore(home_dir or home())
    directory = store.newest(name) if revision == "latest" else store.resolve(name, revision)
    open_bundle(directory)
    print(f"{name} {store.activate(name, directory.name).revision}: activated")


@cli.command()
def rollback(
    name: Annotated[str, typer.Argument(help="a bundle")],
    home_dir: HomeOption = None,
) -> None:
    """Go back to the revision that was active before."""
    from xite_core.bundle.store import BundleStore

    print(f"{name} {BundleStore(home_dir or home()).rollback(name).revision}: activated")


def _tell_active(home_dir: Path, name: str, revision: str) -> None:
    from xite_core.bundle.store import BundleStore

    active = BundleStore(home_dir).resolve(name).name
    print("activated" if active == revision else f"not activated; active is {active}")


@cli.command()
@grouped
def augment(
    source: TextsArgument,
    target: OutputArgument,
    bundle: BundleOption = None,
    revision: RevisionOption = None,
    lang: RowLanguageOption = None,
    *,
    matching: MatchingOptions,
    normalize: Annotated[bool | None, typer.Option(help="scale them to unit length")] = None,
    seed: Annotated[int | None, typer.Option(help="of the draws")] = None,
    neighbors: Annotated[bool, typer.Option(help="write the neighbours of each text too")] = False,
    skip_bad_rows: SkipOption = False,
    column: ColumnOption = None,
    home_dir: HomeOption = None,
) -> None:
    """Adopt labels for target texts and write interpolated embeddings; resumes after an interruption."""
    from app.augmenting import AugmentationRequest, augment_file

    request = AugmentationRequest(
        home=home_dir or home(),
        source=source,
        target=target,
        bundle=bundle,
        revision=revision,
        changes={**asdict(matching), "normalize": normalize, "seed": seed},
        lang=lang,
        neighbors=neighbors,
        skip_bad_rows=skip_bad_rows,
        columns=named_values(column, "column"),
    )
    report = augment_file(request, err)
    print(json.dumps(report, ensure_ascii=False, indent=1))


cli.command()(finetune)
cli.command()(predict)
cli.command()(evaluate)
cli.command()(tune)
cli.command()(review)
cli.command()(export)
cli.command()(worker)


@cli.command()
def info(
    name: Annotated[str | None, typer.Argument(help="a bundle; default: list all")] = None,
    revision: RevisionOption = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="hash every file again and count those that are whole")
    ] = False,
    home_dir: HomeOption = None,
) -> None:
    """Show the bundles, or one of them."""
    from xite_core.bundle.bundle import open_bundle
    from xite_core.bundle.store import BundleStore

    store = BundleStore(home_dir or home())
    if name is None:
        print(json.dumps({bundle: _revisions(store, bundle) for bundle in store.names()}, indent=1))
        return
    bundle = open_bundle(store.resolve(name, revision), full_check=verify)
    facts = bundle.manifest
    shown = ("name", "revision", "created_at", "encoder", "fingerprint", "dimension", "pairs", "labels", "languages",
             "counts", "index", "options", "origin")  # fmt: skip
    values = {field: getattr(facts, field) for field in shown}
    verified = {"verified": len(facts.files)} if verify else {}  # files whose hash is what the manifest says
    print(json.dumps(values | verified, ensure_ascii=False, indent=1))


def _revisions(store: Any, name: str) -> dict[str, Any]:
    from xite_core.errors import BundleDamagedError

    revisions = store.revisions(name)
    try:
        active = store.activation(name)
    except BundleDamagedError as error:
        return {"active": None, "revisions": revisions, "problem": str(error)}
    return {"active": active.revision if active else None, "revisions": revisions}


@cli.command()
def encoders() -> None:
    """List the encoders that come with the package, with their speed on this machine."""
    from app.encoders import measured_encoders

    table = Table("name", "MB", "texts/s", "languages", "", box=None)
    for encoder, speed in measured_encoders():
        languages = f"{len(encoder.languages)}: {' '.join(encoder.languages)}" if encoder.languages else "-"
        table.add_row(encoder.name, f"{encoder.size_bytes / 1e6:.0f}", speed, languages, encoder.description)
    Console().print(table)


cli.add_typer(keys, name="keys")
cli.add_typer(jobs, name="jobs")


@cli.command()
def serve(
    host: Annotated[str | None, typer.Option(help="address to listen on; default: XITE_HOST or 127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(help="port; default: XITE_PORT or 8000")] = None,
    workers: Annotated[int | None, typer.Option(help="processes; default: XITE_WORKERS or 1")] = None,
    bundle: Annotated[str | None, typer.Option(help="bundle of requests that name none")] = None,
    insecure: Annotated[bool | None, typer.Option("--insecure", help="listen on any address without API keys")] = None,
    home_dir: HomeOption = None,
) -> None:
    """Serve the bundles over HTTP until stopped."""
    from app.serve import run

    run(host, port, workers, home_dir, bundle, insecure=insecure)


@cli.command()
def demo(
    port: Annotated[int, typer.Option(help="port of the service; another one where it is taken")] = 8000,
    oneshot: Annotated[bool, typer.Option(help="end after the demonstration")] = False,
    home_dir: HomeOption = None,
) -> None:
    """Serve the demonstration bundle and augment Korean, Arabic, Urdu and Hindi reviews over HTTP."""
    from app.demo import run_demo

    run_demo(home_dir or home(), port, Console(), oneshot=oneshot)
