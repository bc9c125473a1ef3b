from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from app.augment import schemas
from app.augment.endpoints import ARROW, accepts_arrow
from app.errors import ServiceError
from app.faults import TABLE, fault_of
from app.settings.service import load_settings
from xite_core import errors as core
from xite_core.errors import OptionError
from xite_core.options import MAX_DRAWS, MAX_K
from xite_core.types import Scoring, SubspaceKind, Voting


@pytest.mark.parametrize(
    ("names", "kinds"),
    [(schemas.ScoringName, Scoring), (schemas.VotingName, Voting), (schemas.SubspaceName, SubspaceKind)],
)
def test_names_in_requests_are_those_of_the_library(names: object, kinds: type) -> None:
    assert set(get_args(names)) == {str(kind) for kind in kinds}  # type: ignore[attr-defined]


def test_limits_in_requests_are_those_of_the_library() -> None:
    body = schemas.AugmentRequest.model_json_schema()
    assert body["properties"]["k"]["anyOf"][0]["maximum"] == MAX_K
    assert body["$defs"]["Interpolation"]["properties"]["n"]["anyOf"][0]["maximum"] == MAX_DRAWS


def kinds_below(kind: type[Exception]) -> list[type[Exception]]:
    return [kind, *(found for child in kind.__subclasses__() for found in kinds_below(child))]


@pytest.mark.parametrize("kind", [*kinds_below(core.XiteError), *kinds_below(ServiceError)])
def test_every_exception_is_in_the_table(kind: type[Exception]) -> None:
    assert any(base in TABLE for base in kind.__mro__)


def test_an_unexpected_exception_says_nothing_of_itself() -> None:
    fault = fault_of(ValueError("a secret text"))
    assert fault.kind.status == 500
    assert "secret" not in fault.detail


@pytest.mark.parametrize(
    ("header", "arrow"),
    [("*/*", False), (ARROW, True), (f"application/json, {ARROW};q=0.5", True), (f"{ARROW};q=0", False)],
)
def test_accept(header: str, arrow: bool) -> None:
    assert accepts_arrow(header) is arrow


def test_flags_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XITE_PORT", "9001")
    monkeypatch.setenv("XITE_HOME", "/data")
    assert load_settings().port == 9001
    assert load_settings(port=9002, host=None).port == 9002
    assert load_settings().home == Path("/data")


def test_a_bad_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XITE_BATCH_TOKENS", "many")
    with pytest.raises(OptionError, match="XITE_BATCH_TOKENS"):
        load_settings()
