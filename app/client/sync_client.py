"""The client whose calls wait."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
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


class Client(Base):
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
        self._http = http or httpx.Client(base_url=base_url, timeout=TIMEOUT, headers=headers_of(api_key))
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

    def finetune(self, *, idempotency_key: str | None = None, **request: Any) -> JobBody:
        """Submit a fine-tuning job; the request is that of ``POST /jobs/finetune``.

        Sent again where the answer got lost, it is still one job; a key of your own holds beyond this call.
        """
        return self._do(self._submit("finetune", idempotency_key, request))

    def augment_job(self, *, idempotency_key: str | None = None, **request: Any) -> JobBody:
        """Submit a job that augments any number of texts into a file; see `finetune`."""
        return self._do(self._submit("augment", idempotency_key, request))

    def build(self, *, idempotency_key: str | None = None, **request: Any) -> JobBody:
        """Submit a job that builds a bundle; see `finetune`."""
        return self._do(self._submit("build", idempotency_key, request))

    def job(self, job_id: str) -> JobBody:
        """One job as it is."""
        return self._do(self._job(job_id))

    def jobs(self, *, after: str | None = None, limit: int = 20) -> JobList:
        """Jobs, newest first; ``after`` the last id of the page before."""
        return self._do(self._jobs(after, limit))

    def cancel(self, job_id: str) -> JobBody:
        """Cancel a job that has not ended."""
        return self._do(self._steer(job_id, "cancel"))

    def resume(self, job_id: str) -> JobBody:
        """Let a cancelled or failed job go on."""
        return self._do(self._steer(job_id, "resume"))

    def events(self, job_id: str, *, after: int = 0, limit: int = 100) -> EventList:
        """Events so far, oldest first."""
        return self._do(self._events(job_id, after, limit))

    def follow(self, job_id: str, *, after: int = 0) -> Iterator[EventBody]:
        """Give the events as they happen until the job has ended; broken connections are made anew, nothing is lost."""
        return self._stream(self._follow(job_id, after))

    def wait(self, job_id: str, *, tell: Tell | None = None) -> JobBody:
        """Wait until the job has ended, however it did; ``tell`` is called with each event."""
        return self._do(self._wait(job_id, tell))

    def download(self, job_id: str, name: str, path: str | Path) -> Path:
        """Write an artifact of a job to a file or into a directory; it appears whole and with the right hash, or not.

        Raises
        ------
        DamagedError
            If what came has another SHA-256 than the service told.
        """
        return self._do(self._download(job_id, name, path))

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

    def _do(self, flow: Flow[Result]) -> Result:
        with ExitStack() as opened:
            try:
                step = next(flow)
                while True:
                    step = flow.send(self._outcome(step, opened))
            except StopIteration as end:
                result: Result = end.value
                return result

    def _stream(self, flow: Stream[Item]) -> Iterator[Item]:
        outcome: Outcome = None
        with ExitStack() as opened:
            while (step := advance(flow, outcome)) is not None:
                outcome = None
                if isinstance(step, Emit):
                    yield step.item
                else:
                    outcome = self._outcome(step, opened)

    def _outcome(self, step: Step, opened: ExitStack) -> Outcome:
        try:
            match step:
                case Pause():
                    time.sleep(step.seconds)
                    return None
                case Send():
                    return self._http.send(step.request)
                case Open():
                    return self._open(step, opened)
                case Take():
                    return cast("Outcome", next(step.opened.pieces, None))
        except httpx.TransportError as error:
            return error

    def _open(self, step: Open, opened: ExitStack) -> Outcome:
        response = self._http.send(step.request, stream=True)
        opened.callback(response.close)
        if not response.is_success:
            response.read()
            return response
        source = EventSource(response)
        return Opened(response, source.iter_sse() if step.pieces == "events" else response.iter_bytes())
