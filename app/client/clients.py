"""The two clients: each does the steps of a flow in its own way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Generator, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx
from pydantic import BaseModel

from app.annotation.review.schemas import ReviewResponse
from app.annotation.suggestions.schemas import ArgillaResponse
from app.augment.schemas import AugmentItem, AugmentResponse, MatchResponse
from app.bundles.schemas import BundleDetail, BundleItem, BundleList, Deleted
from app.client.flows import Emit, Flow, Flows, Outcome, Pause, Progress, Send, Stream, augment_body
from app.datasets.schemas import Dataset, DatasetDeleted, DatasetList, Kind
from app.health.schemas import Info, Ready
from app.predict.schemas import PredictResponse
from app.settings import api_key

Model = TypeVar("Model", bound=BaseModel)

CHUNK = 256
PATIENCE = 120.0
TIMEOUT = httpx.Timeout(90.0, connect=5.0)


class _Base:
    def __init__(self, http: httpx.Client | httpx.AsyncClient, patience: float) -> None:
        self._flows = Flows(http.build_request, patience)

    def _match(self, inputs: Iterable[Any], options: dict[str, Any]) -> Flow[MatchResponse]:
        return self._flows.call(MatchResponse, "POST", "/match", {**options, "inputs": list(inputs)})

    def _augment(self, inputs: Iterable[Any], options: dict[str, Any]) -> Flow[AugmentResponse]:
        return self._flows.call(AugmentResponse, "POST", "/augment", augment_body(inputs, options))

    def _predict(self, inputs: Iterable[Any], bundle: str | None) -> Flow[PredictResponse]:
        return self._flows.call(PredictResponse, "POST", "/predict", {"bundle": bundle, "inputs": list(inputs)})

    def _review(self, inputs: Iterable[Any], options: dict[str, Any]) -> Flow[ReviewResponse]:
        return self._flows.call(ReviewResponse, "POST", "/review", {**options, "inputs": list(inputs)})

    def _suggest(self, records: Iterable[Any], options: dict[str, Any]) -> Flow[ArgillaResponse]:
        return self._flows.call(ArgillaResponse, "POST", "/argilla/suggestions", {**options, "records": list(records)})

    def _activate(self, name: str, revision: str) -> Flow[BundleItem]:
        return self._flows.call(BundleItem, "POST", f"/bundles/{name}/activate", {"revision": revision})

    def _roll_back(self, name: str) -> Flow[BundleItem]:
        return self._flows.call(BundleItem, "POST", f"/bundles/{name}/rollback")

    def _delete(self, name: str, revision: str) -> Flow[Deleted]:
        return self._flows.call(Deleted, "DELETE", f"/bundles/{name}/{revision}")

    def _upload(self, path: str | Path, progress: Progress | None, fields: dict[str, Any]) -> Flow[Dataset]:
        columns = fields.pop("columns") or {}
        return self._flows.upload(Path(path), progress, {**fields, "column": [f"{k}={v}" for k, v in columns.items()]})

    def _datasets(self, after: str | None, limit: int) -> Flow[DatasetList]:
        return self._flows.call(
            DatasetList, "GET", "/datasets", params={"limit": limit, **({"after": after} if after else {})}
        )


class Client(_Base):
    """Calls the service and waits for the answer.

    Where the service is busy (429, 503) the call waits as long as ``Retry-After`` says, up to ``patience`` in all.

    Parameters
    ----------
    base_url : str
        Where the service is, such as ``http://127.0.0.1:8000``.
    patience : float
        Seconds that a call may spend waiting for a busy service.
    api_key : str, optional
        Sent with each call; by default ``XITE_API_KEY``, if that is set.
    http : httpx.Client, optional
        In place of an own one, for proxies, certificates and tests.
    """

    def __init__(
        self,
        base_url: str,
        *,
        patience: float = PATIENCE,
        api_key: str | None = None,
        http: httpx.Client | None = None,
    ) -> None:
        self._http = http or httpx.Client(base_url=base_url, timeout=TIMEOUT, headers=_headers(api_key))
        super().__init__(self._http, patience)

    def match(self, inputs: Iterable[Any], **options: Any) -> MatchResponse:
        """Adopt labels; inputs are texts or mappings, options those of ``POST /match``."""
        return self._do(self._match(inputs, options))

    def augment(self, inputs: Iterable[Any], **options: Any) -> AugmentResponse:
        """Adopt labels and make embeddings; options are those of ``POST /augment``."""
        return self._do(self._augment(inputs, options))

    def augment_all(
        self, inputs: Iterable[Any], *, chunk: int = CHUNK, progress: Progress | None = None, **options: Any
    ) -> Iterator[AugmentItem]:
        """Augment any number of inputs, ``chunk`` in a request, and give the items as they come."""
        return self._stream(self._flows.augment_all(inputs, chunk, progress, options))

    def predict(self, inputs: Iterable[Any], *, bundle: str | None = None) -> PredictResponse:
        """Classify by a bundle's fine-tuned head; inputs are texts or mappings."""
        return self._do(self._predict(inputs, bundle))

    def review(self, inputs: Iterable[Any], **options: Any) -> ReviewResponse:
        """Tell what people should look at; options are those of ``POST /review``."""
        return self._do(self._review(inputs, options))

    def suggest(self, records: Iterable[Any], **options: Any) -> ArgillaResponse:
        """Suggest answers for Argilla records; options are those of ``POST /argilla/suggestions``."""
        return self._do(self._suggest(records, options))

    def bundles(self) -> BundleList:
        """All bundles."""
        return self._do(self._flows.call(BundleList, "GET", "/bundles"))

    def bundle(self, name: str) -> BundleDetail:
        """One bundle with its revisions."""
        return self._do(self._flows.call(BundleDetail, "GET", f"/bundles/{name}"))

    def activate(self, name: str, revision: str) -> BundleItem:
        """Make a revision the active one."""
        return self._do(self._activate(name, revision))

    def roll_back(self, name: str) -> BundleItem:
        """Return to the revision that was active before."""
        return self._do(self._roll_back(name))

    def delete_revision(self, name: str, revision: str) -> Deleted:
        """Delete a revision that is not active."""
        return self._do(self._delete(name, revision))

    def upload_dataset(
        self,
        path: str | Path,
        *,
        name: str | None = None,
        lang: str | None = None,
        kind: Kind | None = None,
        columns: Mapping[str, str] | None = None,
        progress: Progress | None = None,
    ) -> Dataset:
        """Upload a JSONL, CSV or Parquet file; bad rows are left out and told in ``bad_rows``."""
        return self._do(self._upload(path, progress, {"name": name, "lang": lang, "kind": kind, "columns": columns}))

    def datasets(self, *, after: str | None = None, limit: int = 20) -> DatasetList:
        """Datasets, newest first; ``after`` the last id of the page before."""
        return self._do(self._datasets(after, limit))

    def dataset(self, dataset_id: str) -> Dataset:
        """One dataset."""
        return self._do(self._flows.call(Dataset, "GET", f"/datasets/{dataset_id}"))

    def delete_dataset(self, dataset_id: str) -> DatasetDeleted:
        """Remove a dataset."""
        return self._do(self._flows.call(DatasetDeleted, "DELETE", f"/datasets/{dataset_id}"))

    def info(self) -> Info:
        """Model, active revision, limits, version."""
        return self._do(self._flows.call(Info, "GET", "/info"))

    def wait_until_ready(self) -> Ready:
        """Wait, up to ``patience``, until requests are served."""
        return self._do(self._flows.call(Ready, "GET", "/health/ready"))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _do(self, flow: Flow[Model]) -> Model:
        try:
            step = next(flow)
            while True:
                step = flow.send(self._outcome(step))
        except StopIteration as end:
            result: Model = end.value
            return result

    def _stream(self, flow: Stream[AugmentItem]) -> Iterator[AugmentItem]:
        outcome: Outcome = None
        while (step := _advance(flow, outcome)) is not None:
            outcome = None
            if isinstance(step, Emit):
                yield step.item
            else:
                outcome = self._outcome(step)

    def _outcome(self, step: Send | Pause) -> Outcome:
        if isinstance(step, Pause):
            time.sleep(step.seconds)
            return None
        try:
            return self._http.send(step.request)
        except httpx.TransportError as error:
            return error


class AsyncClient(_Base):
    """The same calls to be awaited; the parameters are those of `Client`."""

    def __init__(
        self,
        base_url: str,
        *,
        patience: float = PATIENCE,
        api_key: str | None = None,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        self._http = http or httpx.AsyncClient(base_url=base_url, timeout=TIMEOUT, headers=_headers(api_key))
        super().__init__(self._http, patience)

    def match(self, inputs: Iterable[Any], **options: Any) -> Awaitable[MatchResponse]:
        """See `Client.match`."""
        return self._do(self._match(inputs, options))

    def augment(self, inputs: Iterable[Any], **options: Any) -> Awaitable[AugmentResponse]:
        """See `Client.augment`."""
        return self._do(self._augment(inputs, options))

    def augment_all(
        self, inputs: Iterable[Any], *, chunk: int = CHUNK, progress: Progress | None = None, **options: Any
    ) -> AsyncIterator[AugmentItem]:
        """See `Client.augment_all`."""
        return self._stream(self._flows.augment_all(inputs, chunk, progress, options))

    def predict(self, inputs: Iterable[Any], *, bundle: str | None = None) -> Awaitable[PredictResponse]:
        """See `Client.predict`."""
        return self._do(self._predict(inputs, bundle))

    def review(self, inputs: Iterable[Any], **options: Any) -> Awaitable[ReviewResponse]:
        """See `Client.review`."""
        return self._do(self._review(inputs, options))

    def suggest(self, records: Iterable[Any], **options: Any) -> Awaitable[ArgillaResponse]:
        """See `Client.suggest`."""
        return self._do(self._suggest(records, options))

    def bundles(self) -> Awaitable[BundleList]:
        """See `Client.bundles`."""
        return self._do(self._flows.call(BundleList, "GET", "/bundles"))

    def bundle(self, name: str) -> Awaitable[BundleDetail]:
        """See `Client.bundle`."""
        return self._do(self._flows.call(BundleDetail, "GET", f"/bundles/{name}"))

    def activate(self, name: str, revision: str) -> Awaitable[BundleItem]:
        """See `Client.activate`."""
        return self._do(self._activate(name, revision))

    def roll_back(self, name: str) -> Awaitable[BundleItem]:
        """See `Client.roll_back`."""
        return self._do(self._roll_back(name))

    def delete_revision(self, name: str, revision: str) -> Awaitable[Deleted]:
        """See `Client.delete_revision`."""
        return self._do(self._delete(name, revision))

    def upload_dataset(
        self,
        path: str | Path,
        *,
        name: str | None = None,
        lang: str | None = None,
        kind: Kind | None = None,
        columns: Mapping[str, str] | None = None,
        progress: Progress | None = None,
    ) -> Awaitable[Dataset]:
        """See `Client.upload_dataset`."""
        return self._do(self._upload(path, progress, {"name": name, "lang": lang, "kind": kind, "columns": columns}))

    def datasets(self, *, after: str | None = None, limit: int = 20) -> Awaitable[DatasetList]:
        """See `Client.datasets`."""
        return self._do(self._datasets(after, limit))

    def dataset(self, dataset_id: str) -> Awaitable[Dataset]:
        """See `Client.dataset`."""
        return self._do(self._flows.call(Dataset, "GET", f"/datasets/{dataset_id}"))

    def delete_dataset(self, dataset_id: str) -> Awaitable[DatasetDeleted]:
        """See `Client.delete_dataset`."""
        return self._do(self._flows.call(DatasetDeleted, "DELETE", f"/datasets/{dataset_id}"))

    def info(self) -> Awaitable[Info]:
        """See `Client.info`."""
        return self._do(self._flows.call(Info, "GET", "/info"))

    def wait_until_ready(self) -> Awaitable[Ready]:
        """See `Client.wait_until_ready`."""
        return self._do(self._flows.call(Ready, "GET", "/health/ready"))

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _do(self, flow: Flow[Model]) -> Model:
        try:
            step = next(flow)
            while True:
                step = flow.send(await self._outcome(step))
        except StopIteration as end:
            result: Model = end.value
            return result

    async def _stream(self, flow: Stream[AugmentItem]) -> AsyncIterator[AugmentItem]:
        outcome: Outcome = None
        while (step := _advance(flow, outcome)) is not None:
            outcome = None
            if isinstance(step, Emit):
                yield step.item
            else:
                outcome = await self._outcome(step)

    async def _outcome(self, step: Send | Pause) -> Outcome:
        if isinstance(step, Pause):
            await asyncio.sleep(step.seconds)
            return None
        try:
            return await self._http.send(step.request)
        except httpx.TransportError as error:
            return error


def _headers(key: str | None) -> dict[str, str]:
    chosen = key or api_key()
    return {"Authorization": f"Bearer {chosen}"} if chosen else {}


Step = TypeVar("Step")


def _advance(flow: Generator[Step, Outcome, None], outcome: Outcome) -> Step | None:
    """The next step, ``None`` at the end."""
    try:
        return flow.send(outcome)
    except StopIteration:
        return None
