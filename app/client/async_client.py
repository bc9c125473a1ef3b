"""The client whose calls are awaited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self, TypeVar, cast

import httpx
from httpx_sse import EventSource

from app.annotation.review.schemas import ReviewResponse
from app.annotation.suggestions.schemas import ArgillaResponse
from app.augment.schemas import AugmentItem, AugmentResponse, MatchResponse
from app.bundles.schemas import BundleDetail, BundleItem, BundleList, Deleted
from app.client.base import CHUNK, PATIENCE, TIMEOUT, Base, headers_of
from app.client.flows import Emit, Flow, Open, Opened, Outcome, Pause, Progress, Send, Step, Stream, Take, advance
from app.client.jobs import Tell
from app.datasets.schemas import Dataset, DatasetDeleted, DatasetList, Kind
from app.health.schemas import Info, Ready
from app.jobs.schemas import EventBody, EventList, JobBody, JobList
from app.predict.schemas import PredictResponse

Result = TypeVar("Result")
Item = TypeVar("Item")


class AsyncClient(Base):
    """The same calls to be awaited; the parameters are those of `Client`."""

    def __init__(
        self,
        base_url: str,
        *,
        patience: float = PATIENCE,
        api_key: str | None = None,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        self._http = http or httpx.AsyncClient(base_url=base_url, timeout=TIMEOUT, headers=headers_of(api_key))
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

    def finetune(self, *, idempotency_key: str | None = None, **request: Any) -> Awaitable[JobBody]:
        """See `Client.finetune`."""
        return self._do(self._submit("finetune", idempotency_key, request))

    def augment_job(self, *, idempotency_key: str | None = None, **request: Any) -> Awaitable[JobBody]:
        """See `Client.augment_job`."""
        return self._do(self._submit("augment", idempotency_key, request))

    def build(self, *, idempotency_key: str | None = None, **request: Any) -> Awaitable[JobBody]:
        """See `Client.build`."""
        return self._do(self._submit("build", idempotency_key, request))

    def job(self, job_id: str) -> Awaitable[JobBody]:
        """See `Client.job`."""
        return self._do(self._job(job_id))

    def jobs(self, *, after: str | None = None, limit: int = 20) -> Awaitable[JobList]:
        """See `Client.jobs`."""
        return self._do(self._jobs(after, limit))

    def cancel(self, job_id: str) -> Awaitable[JobBody]:
        """See `Client.cancel`."""
        return self._do(self._steer(job_id, "cancel"))

    def resume(self, job_id: str) -> Awaitable[JobBody]:
        """See `Client.resume`."""
        return self._do(self._steer(job_id, "resume"))

    def events(self, job_id: str, *, after: int = 0, limit: int = 100) -> Awaitable[EventList]:
        """See `Client.events`."""
        return self._do(self._events(job_id, after, limit))

    def follow(self, job_id: str, *, after: int = 0) -> AsyncIterator[EventBody]:
        """See `Client.follow`."""
        return self._stream(self._follow(job_id, after))

    def wait(self, job_id: str, *, tell: Tell | None = None) -> Awaitable[JobBody]:
        """See `Client.wait`."""
        return self._do(self._wait(job_id, tell))

    def download(self, job_id: str, name: str, path: str | Path) -> Awaitable[Path]:
        """See `Client.download`."""
        return self._do(self._download(job_id, name, path))

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

    async def _do(self, flow: Flow[Result]) -> Result:
        async with AsyncExitStack() as opened:
            try:
                step = next(flow)
                while True:
                    step = flow.send(await self._outcome(step, opened))
            except StopIteration as end:
                result: Result = end.value
                return result

    async def _stream(self, flow: Stream[Item]) -> AsyncIterator[Item]:
        outcome: Outcome = None
        async with AsyncExitStack() as opened:
            while (step := advance(flow, outcome)) is not None:
                outcome = None
                if isinstance(step, Emit):
                    yield step.item
                else:
                    outcome = await self._outcome(step, opened)

    async def _outcome(self, step: Step, opened: AsyncExitStack) -> Outcome:
        try:
            match step:
                case Pause():
                    await asyncio.sleep(step.seconds)
                    return None
                case Send():
                    return await self._http.send(step.request)
                case Open():
                    return await self._open(step, opened)
                case Take():
                    return cast("Outcome", await anext(step.opened.pieces, None))
        except httpx.TransportError as error:
            return error

    async def _open(self, step: Open, opened: AsyncExitStack) -> Outcome:
        response = await self._http.send(step.request, stream=True)
        opened.push_async_callback(response.aclose)
        if not response.is_success:
            await response.aread()
            return response
        source = EventSource(response)
        return Opened(response, source.aiter_sse() if step.pieces == "events" else response.aiter_bytes())
