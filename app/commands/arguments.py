"""Options that several commands have, and how their values are read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from app.languages import EXPECTED, LANGUAGE_SHAPE, pool_problem
from xite_core.errors import OptionError
from xite_core.languages import folded
from xite_core.types import Scoring, SubspaceKind, Voting

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

err = Console(stderr=True)


def _language(tag: str | None) -> str | None:
    if tag is not None and not re.fullmatch(LANGUAGE_SHAPE, tag):
        raise OptionError("lang", tag, EXPECTED)
    return tag


BundleOption = Annotated[str | None, typer.Option(help="its name; default: the only one there is")]
RevisionOption = Annotated[str | None, typer.Option(help="default: the active one")]
ColumnOption = Annotated[list[str] | None, typer.Option(help="the file's column names, as text=review; repeatable")]
PoolOption = Annotated[list[str] | None, typer.Option(help="unlabeled text of a language, as ko=FILE; repeatable")]
ThresholdOption = Annotated[float | None, typer.Option(help="abstain below")]
HomeOption = Annotated[Path | None, typer.Option("--home", help="data directory; default: XITE_HOME")]

TextsArgument = Annotated[Path, typer.Argument(help="texts: .jsonl, .csv, .parquet or a dataset directory")]
OutputArgument = Annotated[Path, typer.Argument(help=".parquet, .jsonl, .csv, or no suffix for a dataset directory")]
SkipOption = Annotated[
    bool, typer.Option("--skip-bad-rows", help="leave out rows that cannot be used, and report them")
]
RowLanguageOption = Annotated[
    str | None, typer.Option(help="language of rows that state none; default: predicted", callback=_language)
]
LanguageOption = Annotated[str, typer.Option(help="target language, such as ko", callback=_language)]
ActivateOption = Annotated[bool, typer.Option(help="make the new revision the active one")]


@dataclass(frozen=True, slots=True)
class LabelOptions:
    """How texts adopt labels; ``None`` is the bundle's own value."""

    k: Annotated[int | None, typer.Option(help="neighbours")] = None
    scoring: Annotated[Scoring | None, typer.Option(help="how texts are compared")] = None
    voting: Annotated[Voting | None, typer.Option(help="how the label is adopted")] = None
    tau: Annotated[float | None, typer.Option(help="temperature of the vote")] = None
    min_cosine: ThresholdOption = None
    min_score: ThresholdOption = None
    min_confidence: ThresholdOption = None


@dataclass(frozen=True, slots=True)
class MatchingOptions(LabelOptions):
    """The same, and how embeddings are made."""

    subspace: Annotated[SubspaceKind | None, typer.Option(help="projection of the target vector")] = None
    lam: Annotated[float | None, typer.Option(help="interpolation coefficient; 1 is the English end")] = None
    alpha: Annotated[float | None, typer.Option(help="draw lam from Beta(alpha, alpha)")] = None
    n: Annotated[int | None, typer.Option(help="synthetic embeddings of each text")] = None


@dataclass(frozen=True, slots=True)
class EncoderOptions:
    """The encoder and how texts become its vectors; ``None`` is the encoder's own value."""

    encoder: Annotated[str, typer.Option(help="xite-mini, hashing, a local directory, or a hub name")] = "xite-mini"
    pooling: Annotated[str | None, typer.Option(help="mean or cls")] = None
    layer: Annotated[int | None, typer.Option(help="hidden layer; -1 is the last")] = None
    pairs: Annotated[str | None, typer.Option(help="text pairs as 'joint' or 'features'")] = None
    prefix: Annotated[str | None, typer.Option(help="put before every text, such as 'query: '")] = None
    max_tokens: Annotated[int | None, typer.Option(help="longer texts are cut")] = None

    def spec(self) -> dict[str, Any]:
        """What was chosen, by the names of `EncoderSpec`."""
        chosen = given(self)
        return {"name": chosen.pop("encoder"), **chosen}


def given(options: DataclassInstance) -> dict[str, Any]:
    """The options of a group that have a value."""
    return {name: value for name, value in asdict(options).items() if value is not None}


def named_values(items: Sequence[str] | None, option: str) -> dict[str, str]:
    """``NAME=VALUE`` items as a mapping.

    Raises
    ------
    OptionError
        If an item has another form.
    """
    out: dict[str, str] = {}
    for item in items or ():
        name, sign, value = item.partition("=")
        if not (name and sign and value):
            raise OptionError(option, item, "NAME=VALUE")
        if name in out:
            raise OptionError(option, item, f"each name once; {name} is {out[name]} already")
        out[name] = value
    return out


def pool_files(items: Sequence[str] | None) -> dict[str, Path]:
    """``ko=FILE`` items as files by language.

    Raises
    ------
    OptionError
        If an item has another form, or a name is no language.
    """
    files, seen = named_values(items, "pool"), set()
    for language, file in files.items():
        if (wanted := pool_problem(language)) is not None:
            raise OptionError("pool", f"{language}={file}", wanted)
        if folded(language) in seen:
            raise OptionError("pool", f"{language}={file}", "each language once")
        seen.add(folded(language))
    return {language: Path(file) for language, file in files.items()}
