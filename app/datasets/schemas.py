"""Bodies of the ``/datasets`` calls; imported by the client too, so pydantic is all they need."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field
from pydantic.functional_validators import AfterValidator
from pydantic_core import PydanticCustomError

from app.augment.schemas import LanguageTag, Request

Kind = Literal["labeled", "unlabeled"]
ID_PATTERN = r"^ds_[0-9a-f]{23}$"
COLUMN_FIELDS = ("text", "text_pair", "label", "id", "lang")


def _name(value: str) -> str:
    if not value.strip() or not value.isprintable() or "/" in value or "\\" in value:
        raise PydanticCustomError("dataset_name", "expected printable text without slashes")
    return value


def _column(value: str) -> str:
    field, _, name = value.partition("=")
    if field not in COLUMN_FIELDS or not name:
        expected = ", ".join(COLUMN_FIELDS)
        raise PydanticCustomError("column", f"expected FIELD=COLUMN such as text=review; the fields are {expected}")
    return value


class UploadFields(Request):
    """What is said about a file, as query parameters or as fields of the form."""

    name: Annotated[str, AfterValidator(_name)] | None = Field(None, max_length=200)
    lang: LanguageTag | None = None
    kind: Kind | None = None
    column: list[Annotated[str, AfterValidator(_column)]] = Field(default_factory=list, max_length=5)

    @property
    def columns(self) -> dict[str, str]:
        """The file's names of the fields."""
        return dict(item.split("=", 1) for item in self.column)


class BadRowItem(BaseModel):
    """A row that was left out."""

    line: int | None = Field(None, description="line of a text file, from 1")
    row: int | None = Field(None, description="row of a table, from 1")
    detail: str


class BadRowsReport(BaseModel):
    """What was left out."""

    count: int
    listed: list[BadRowItem] = Field(description="the first of them")


class Dataset(BaseModel):
    """A stored dataset."""

    id: str
    object: Literal["dataset"] = "dataset"
    name: str
    created_at: int = Field(description="Unix time in seconds")
    bytes: int = Field(description="size of the uploaded file")
    rows: int = Field(description="rows that are kept")
    labels: dict[str, int] = Field(description="rows of each label")
    languages: dict[str, int] = Field(description="rows of each stated language")
    pairs: bool = Field(description="whether the rows are text pairs")
    labeled: bool = Field(description="whether every row has a label")
    bad_rows: BadRowsReport
    repeated_id: str | None = Field(
        None, description="an id that several rows have; such a dataset cannot be the labeled source of a bundle"
    )


class DatasetList(BaseModel):
    """Datasets, newest first."""

    object: Literal["list"] = "list"
    data: list[Dataset]
    has_more: bool = Field(description="whether there are more after the last one")


class DatasetDeleted(BaseModel):
    """What was deleted."""

    id: str
    object: Literal["dataset"] = "dataset"
    deleted: Literal[True] = True
