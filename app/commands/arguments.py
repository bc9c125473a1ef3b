"""Options that several commands have, and how their values are read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from xite_core.errors import OptionError
from xite_core.types import Scoring, SubspaceKind, Voting

err = Console(stderr=True)

BundleOption = Annotated[str | None, typer.Option(help="its name; default: the only one there is")]
RevisionOption = Annotated[str | None, typer.Option(help="default: the active one")]
ColumnOption = Annotated[list[str] | None, typer.Option(help="the file's column names, as text=review; repeatable")]
PoolOption = Annotated[list[str] | None, typer.Option(help="unlabeled text of a language, as ko=FILE; repeatable")]
HomeOption = Annotated[Path | None, typer.Option("--home", help="data directory; default: XITE_HOME")]

KOption = Annotated[int | None, typer.Option(help="neighbours")]
ScoringOption = Annotated[Scoring | None, typer.Option(help="how texts are compared")]
VotingOption = Annotated[Voting | None, typer.Option(help="how the label is adopted")]
TauOption = Annotated[float | None, typer.Option(help="temperature of the vote")]
ThresholdOption = Annotated[float | None, typer.Option(help="abstain below")]
SubspaceOption = Annotated[SubspaceKind | None, typer.Option(help="projection of the target vector")]
LamOption = Annotated[float | None, typer.Option(help="interpolation coefficient; 1 is the English end")]
AlphaOption = Annotated[float | None, typer.Option(help="draw lam from Beta(alpha, alpha)")]
DrawsOption = Annotated[int | None, typer.Option(help="synthetic embeddings of each text")]


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
        out[name] = value
    return out
