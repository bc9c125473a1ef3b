"""What the two clients share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import httpx

from app.annotation.review.schemas import ReviewResponse
from app.annotation.suggestions.schemas import ArgillaResponse
from app.augment.schemas import AugmentResponse, MatchResponse
from app.bundles.schemas import BundleItem, Deleted
from app.client import jobs
from app.client.flows import Flow, Flows, Progress, Stream, augment_body
from app.client.jobs import Tell
from app.datasets.schemas import Dataset, DatasetList
from app.jobs.schemas import EventBody, EventList, JobBody, JobList
from app.predict.schemas import PredictResponse
from app.settings import api_key

CHUNK = 256
PATIENCE = 120.0
TIMEOUT = httpx.Timeout(90.0, connect=5.0)


class Base:
    """Makes the flows; the two clients differ in doing their steps."""

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

    def _submit(self, kind: str, key: str | None, body: Mapping[str, Any]) -> Flow[JobBody]:
        return jobs.submit(self._flows, kind, key, body)

    def _job(self, job_id: str) -> Flow[JobBody]:
        return self._flows.call(JobBody, "GET", f"/jobs/{job_id}", repeatable=True)

    def _jobs(self, after: str | None, limit: int) -> Flow[JobList]:
        params = {"limit": limit, **({"after": after} if after else {})}
        return self._flows.call(JobList, "GET", "/jobs", repeatable=True, params=params)

    def _steer(self, job_id: str, verb: str) -> Flow[JobBody]:
        return self._flows.call(JobBody, "POST", f"/jobs/{job_id}/{verb}")

    def _events(self, job_id: str, after: int, limit: int) -> Flow[EventList]:
        params = {"after": after, "limit": limit}
        return self._flows.call(EventList, "GET", f"/jobs/{job_id}/events", repeatable=True, params=params)

    def _follow(self, job_id: str, after: int) -> Stream[EventBody]:
        return jobs.follow(self._flows, job_id, after)

    def _wait(self, job_id: str, tell: Tell | None) -> Flow[JobBody]:
        return jobs.wait(self._flows, job_id, tell)

    def _download(self, job_id: str, name: str, path: str | Path) -> Flow[Path]:
        return jobs.download(self._flows, job_id, name, Path(path))


def headers_of(key: str | None) -> dict[str, str]:
    """Headers of all requests of a client."""
    chosen = key or api_key()
    return {"Authorization": f"Bearer {chosen}"} if chosen else {}
