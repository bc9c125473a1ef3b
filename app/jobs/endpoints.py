"""The ``/jobs`` calls."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Body, Depends, Header, Path, Query, Request
from fastapi.responses import FileResponse, Response, StreamingResponse

from app.errors import FieldError, ForbiddenError
from app.jobs import examples
from app.jobs.schemas import AugmentJobRequest, BuildRequest, EventList, FinetuneRequest, JobBody, JobList
from app.jobs.service import AnyRequest, Jobs, event_bodies, job_body
from app.jobs.streaming import EVENT_STREAM, EventStreams
from app.routing import BODY_PROBLEMS, JsonRoute, Responses, problems, runtime_of

Endpoint = TypeVar("Endpoint", bound=Callable[..., Coroutine[Any, Any, JobBody]])
router = APIRouter(prefix="/jobs", tags=["jobs"], route_class=JsonRoute)

MAX_EVENT = 2**53
"""Far beyond any event; Redis takes no number of more than 64 bits."""

_ID = r"^[A-Za-z0-9_-]{1,64}$"


def _example(value: object) -> Any:
    return {"example": {"value": value}}


JobId = Annotated[str, Path(pattern=_ID, description="a job's id", openapi_examples=_example(examples.DONE))]
WaitingId = Annotated[str, Path(pattern=_ID, description="a job's id", openapi_examples=_example(examples.WAITING))]
HaltedId = Annotated[str, Path(pattern=_ID, description="a job's id", openapi_examples=_example(examples.HALTED))]
ArtifactName = Annotated[
    str, Path(max_length=128, description="as the result lists it", openapi_examples=_example(examples.ARTIFACT))
]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        json_schema_extra={"pattern": r"^[!-~]{1,255}$"},
        description="the same key and body give the first answer again, for a week",
        openapi_examples=_example("monday-reviews"),
    ),
]
AfterJob = Annotated[
    str | None,
    Query(max_length=64, description="a job's id: give those that follow it", openapi_examples=_example(examples.DONE)),
]
Limit = Annotated[int, Query(ge=1, le=100, description="jobs at most", openapi_examples=_example(20))]
AfterEvent = Annotated[
    int, Query(ge=0, le=MAX_EVENT, description="an event's id: give those that follow it", openapi_examples=_example(1))
]
EventLimit = Annotated[int, Query(ge=1, le=1000, description="events at most", openapi_examples=_example(100))]
LastEvent = Annotated[
    str | None,
    Header(
        alias="Last-Event-ID",
        max_length=32,
        json_schema_extra={"pattern": r"^[0-9]*$"},
        description="where a broken stream goes on; sent by browsers on their own",
        openapi_examples=_example("1"),
    ),
]
_ACCEPTED: Responses = {
    202: {"description": "Accepted; `Location` is the job.", "headers": {"Location": {"schema": {"type": "string"}}}}
}
_SUBMIT = problems(404, *BODY_PROBLEMS)


def jobs_of(request: Request) -> Jobs:
    """Dependency: the jobs of this installation."""
    jobs: Jobs = request.state.jobs
    return jobs


def streams_of(request: Request) -> EventStreams:
    """Dependency: the open event streams."""
    streams: EventStreams = request.state.streams
    return streams


JobsDependency = Annotated[Jobs, Depends(jobs_of)]


class Submission:
    """Dependency: what every call that makes a job is given beside its body."""

    def __init__(self, request: Request, response: Response, jobs: JobsDependency, key: Key = None) -> None:
        self._request, self._response, self._jobs, self._key = request, response, jobs, key

    async def __call__(self, body: AnyRequest) -> JobBody:
        """Submit the job and answer where it is.

        Raises
        ------
        ForbiddenError
            If it would activate its result and the key must not.
        """
        if activates(body) and not getattr(self._request.state, "may_activate", True):
            raise ForbiddenError("making the result active needs the scope admin; leave it inactive, or use such a key")
        job = await self._jobs.submit(body, self._key, runtime_of(self._request).residents.default_name)
        self._response.headers["Location"] = f"/jobs/{job.id}"
        return job_body(job)


SubmissionDependency = Annotated[Submission, Depends()]


def _submits(path: str, operation_id: str, summary: str) -> Callable[[Endpoint], Endpoint]:
    return router.post(
        path,
        operation_id=operation_id,
        summary=summary,
        status_code=202,
        response_model=JobBody,
        responses=_SUBMIT | _ACCEPTED,
    )


@_submits("/finetune", "create_finetune_job", "Fine-tune on synthetic examples of target texts")
async def create_finetune_job(
    body: Annotated[FinetuneRequest, Body(openapi_examples=examples.FINETUNE)], submit: SubmissionDependency
) -> JobBody:
    """Match the target texts, interpolate, train a head (or more) with English beside it, evaluate, publish."""
    return await submit(body)


@_submits("/augment", "create_augment_job", "Augment a dataset into a file")
async def create_augment_job(
    body: Annotated[AugmentJobRequest, Body(openapi_examples=examples.AUGMENT)], submit: SubmissionDependency
) -> JobBody:
    """Do what `/augment` does for any number of texts; the result is an artifact."""
    return await submit(body)


@_submits("/build", "create_build_job", "Build a bundle from labeled English")
async def create_build_job(
    body: Annotated[BuildRequest, Body(openapi_examples=examples.BUILD)], submit: SubmissionDependency
) -> JobBody:
    """Encode labeled English rows and a reference pool, fit the subspaces, publish a revision."""
    return await submit(body)


@router.get("", operation_id="list_jobs", summary="List jobs", responses=problems(422, 503))
async def list_jobs(
    jobs: JobsDependency,
    after: AfterJob = None,
    limit: Limit = 20,
) -> JobList:
    """Jobs, the newest first."""
    found, more = await jobs.page(after, limit)
    return JobList(data=[job_body(job) for job in found], has_more=more)


@router.get("/{job_id}", operation_id="get_job", summary="Get a job", responses=problems(404, 422, 503))
async def get_job(jobs: JobsDependency, job_id: JobId) -> JobBody:
    """State, progress, result."""
    return job_body(await jobs.get(job_id))


@router.post(
    "/{job_id}/cancel", operation_id="cancel_job", summary="Cancel a job", responses=problems(404, 409, 422, 503)
)
async def cancel_job(jobs: JobsDependency, job_id: WaitingId) -> JobBody:
    """Cancel a queued job at once; one at work ends within two seconds and keeps its checkpoint."""
    return job_body(await jobs.cancel(job_id))


@router.post(
    "/{job_id}/resume", operation_id="resume_job", summary="Resume a job", responses=problems(404, 409, 422, 503)
)
async def resume_job(jobs: JobsDependency, job_id: HaltedId) -> JobBody:
    """Queue a cancelled or failed job again; it goes on from its last checkpoint."""
    return job_body(await jobs.resume(job_id))


@router.get(
    "/{job_id}/events",
    operation_id="list_job_events",
    summary="List or follow a job's events",
    response_model=EventList,
    responses=problems(404, 422, 503)
    | {
        200: {
            "description": f"A list; with `Accept: {EVENT_STREAM}` server-sent events from `after` or `Last-Event-ID` "
            "on, until the job has ended.",
            "content": {EVENT_STREAM: {"schema": {"type": "string"}}},
        }
    },
)
async def list_job_events(
    request: Request,
    jobs: JobsDependency,
    streams: Annotated[EventStreams, Depends(streams_of)],
    job_id: JobId,
    after: AfterEvent = 0,
    limit: EventLimit = 100,
    last_event_id: LastEvent = None,
) -> Response:
    """States, progress and metrics, oldest first."""
    start = max(after, _event_id(last_event_id))
    if EVENT_STREAM in request.headers.get("accept", ""):
        await jobs.get(job_id)
        body = streams.follow(jobs, job_id, start)
        return StreamingResponse(body, media_type=EVENT_STREAM, headers={"Cache-Control": "no-store"})
    found, more = await jobs.events(job_id, start, limit)
    listed = EventList(data=event_bodies(found), has_more=more)
    return Response(listed.model_dump_json(), media_type="application/json")


@router.get(
    "/{job_id}/artifacts/{name}",
    operation_id="get_job_artifact",
    summary="Download an artifact",
    response_class=FileResponse,
    responses=problems(404, 409, 422, 503)
    | {
        200: {
            "description": "The file; `ETag` and `X-Content-SHA256` are its SHA-256.",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def get_job_artifact(
    jobs: JobsDependency,
    job_id: JobId,
    name: ArtifactName,
) -> FileResponse:
    """A file that a job has made."""
    path, digest = await jobs.artifact(job_id, name)
    headers = {"ETag": f'"{digest}"', "X-Content-SHA256": digest, "X-Content-Type-Options": "nosniff"}
    return FileResponse(path, filename=name, headers=headers)


def activates(body: AnyRequest) -> bool:
    """Whether a job would change what is served."""
    match body:
        case FinetuneRequest():
            return body.auto_activate
        case BuildRequest():
            return body.activate
    return False


def _event_id(text: str | None) -> int:
    if not text:
        return 0
    if not text.isdecimal():
        raise FieldError("expected the id of an event, a whole number", "Last-Event-ID")
    return min(int(text), MAX_EVENT)
