"""``/datasets``: upload, list, describe, delete."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from app.datasets import examples
from app.datasets.receiving import received
from app.datasets.schemas import ID_PATTERN, Dataset, DatasetDeleted, DatasetList
from app.datasets.service import Datasets, fields_of
from app.jobs.endpoints import JobsDependency
from app.routing import JsonRoute, Responses, problems, unless_gone

router = APIRouter(prefix="/datasets", tags=["datasets"], route_class=JsonRoute)


def datasets_of(request: Request) -> Datasets:
    """Dependency: the datasets."""
    datasets: Datasets = request.state.datasets
    return datasets


def _refusals() -> Responses:
    """Describe the errors of an upload."""
    described = problems(400, 413, 415, 422, 429, 503)
    described[400]["description"] = "The form cannot be read."
    described[415]["description"] = "The body is of another type than those listed."
    described[422]["description"] = "A field, or the file, cannot be used; `errors` lists bad rows with their lines."
    return described


def _example(value: Any) -> dict[str, Any]:
    return {"example": {"value": value}}


DatasetsDependency = Annotated[Datasets, Depends(datasets_of)]
IdParameter = Annotated[str, Path(description="id of a dataset", openapi_examples=_example(examples.DATASET_ID))]
Name = Annotated[
    str | None, Query(description="for your own use; default: the file's name", openapi_examples=_example("reviews"))
]
Lang = Annotated[str | None, Query(description="language of rows that state none", openapi_examples=_example("en"))]
Kind = Annotated[
    str | None,
    Query(
        description="`labeled`: a row without a label is bad; `unlabeled`: labels are ignored; default: labeled if any "
        "of the first 1,000 rows is",
        openapi_examples=_example("labeled"),
    ),
]
Column = Annotated[
    list[str],
    Query(
        description="the file's name of text, text_pair, label, id or lang, as FIELD=COLUMN; repeatable",
        openapi_examples=_example(["text=review", "label=stars"]),
    ),
]
After = Annotated[
    str | None,
    Query(
        pattern=ID_PATTERN,
        description="the last id of the page before",
        openapi_examples=_example(examples.DATASET_ID),
    ),
]
Limit = Annotated[int, Query(ge=1, le=100, description="datasets at most", openapi_examples=_example(20))]


@router.post(
    "",
    operation_id="create_dataset",
    summary="Upload a dataset",
    status_code=201,
    response_model_exclude_none=True,
    responses=_refusals()
    | {
        201: {
            "description": "The dataset, at the address in `Location`.",
            "headers": {"Location": {"description": "address", "schema": {"type": "string"}}},
        }
    },
    openapi_extra={"requestBody": examples.REQUEST_BODY},
)
async def create_dataset(
    request: Request,
    response: Response,
    datasets: DatasetsDependency,
    name: Name = None,
    lang: Lang = None,
    kind: Kind = None,
    column: Column = [],  # noqa: B006 (FastAPI copies it)
) -> Dataset:
    """Store the good rows of a JSONL, CSV or Parquet file; bad ones are left out and reported with their lines."""
    settings = datasets.settings
    query = {"name": name, "lang": lang, "kind": kind, "column": column}
    fields_of(query)  # what is wrong with them is told before the file is sent
    with datasets.receiving():
        async with received(
            request, datasets.store.root, settings.max_dataset_bytes, settings.deadline_seconds
        ) as upload:
            made = await unless_gone(request, datasets.keep(upload, query))
    response.headers["Location"] = f"/datasets/{made.id}"
    return made


@router.get(
    "",
    operation_id="list_datasets",
    summary="List the datasets",
    response_model_exclude_none=True,
    responses=problems(422, 503),
)
async def list_datasets(datasets: DatasetsDependency, after: After = None, limit: Limit = 20) -> DatasetList:
    """Newest first; `after` and `has_more` lead to the next page."""
    return await datasets.page(after, limit)


@router.get(
    "/{dataset_id}",
    operation_id="get_dataset",
    summary="Describe a dataset",
    response_model_exclude_none=True,
    responses=problems(404, 503),
)
async def get_dataset(datasets: DatasetsDependency, dataset_id: IdParameter) -> Dataset:
    """What it holds, and which rows were left out."""
    return await datasets.get(dataset_id)


@router.delete(
    "/{dataset_id}", operation_id="delete_dataset", summary="Delete a dataset", responses=problems(404, 409, 503)
)
async def delete_dataset(datasets: DatasetsDependency, jobs: JobsDependency, dataset_id: IdParameter) -> DatasetDeleted:
    """Remove a dataset that no unfinished job is known to need."""
    await jobs.check_unneeded(f"dataset {dataset_id}", dataset_id)
    return await datasets.delete(dataset_id)
