"""The body of an upload to a file on disk, as it arrives: raw, or the file of a multipart form."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import BufferedWriter
from pathlib import Path, PurePosixPath

from fastapi import Request
from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect

from app.datasets.form import Form
from app.errors import BodyTooLargeError, ClientGoneError, DeadlineError, FieldError, MediaTypeError
from xite_core.storage import storage_errors

MULTIPART = "multipart/form-data"
SUFFIXES: Mapping[str, str] = {
    "application/jsonl": ".jsonl",
    "application/x-ndjson": ".jsonl",
    "text/csv": ".csv",
    "application/vnd.apache.parquet": ".parquet",
}
_KNOWN = {".jsonl": ".jsonl", ".ndjson": ".jsonl", ".csv": ".csv", ".parquet": ".parquet"}
_BUFFER = 2**20


@dataclass(frozen=True, slots=True)
class Received:
    """A file that arrived whole.

    Parameters
    ----------
    path : Path
        Where it is, under a suffix that states its format.
    filename : str or None
        Its name on the client's side, without folders.
    fields : mapping of str to list of str
        The other fields of the form.
    """

    path: Path
    filename: str | None
    fields: Mapping[str, list[str]]


@asynccontextmanager
async def received(request: Request, folder: Path, limit: int, patience: float) -> AsyncIterator[Received]:
    """Receive the file of an upload; it is removed when the block ends.

    Parameters
    ----------
    request : Request
        Its body is read here.
    folder : Path
        Where the file is kept meanwhile.
    limit : int
        Bytes of the file.
    patience : float
        Seconds without a byte after which the upload is given up.

    Raises
    ------
    MediaTypeError, FieldError, MalformedBodyError
        If it is no upload.
    BodyTooLargeError, DeadlineError, ClientGoneError, StorageError
        If it does not arrive whole, or the disk refuses.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    media = kind.decode("latin-1")
    if media != MULTIPART and media not in SUFFIXES:
        raise MediaTypeError(f"content type {media[:80] or '(none)'!r}; expected {', '.join([MULTIPART, *SUFFIXES])}")
    sink, chunks = _Sink(folder, limit), _chunks(request, patience)
    try:
        if media == MULTIPART:
            yield await _from_form(Form(options.get(b"boundary", b"")), chunks, sink)
        else:
            sink.open(SUFFIXES[media])
            async for chunk in chunks:
                await sink.write(chunk)
            yield Received(await sink.finished(), None, {})
    finally:
        sink.remove()


async def _from_form(form: Form, chunks: AsyncIterator[bytes], sink: _Sink) -> Received:
    async for chunk in chunks:
        for data in form.feed(chunk):
            if sink.path is None:
                sink.open(_suffix(form))
            await sink.write(data)
    form.finish()
    if sink.path is None:
        raise FieldError("the file to upload is missing, or empty", "file")
    return Received(await sink.finished(), _basename(form.filename), form.fields)


def _suffix(form: Form) -> str:
    """By the file's name, else by the type that its part states."""
    known = _KNOWN.get(PurePosixPath(form.filename or "").suffix.lower()) or SUFFIXES.get(form.media)
    if known is None:
        raise FieldError(f"unknown format; name it with one of {', '.join(_KNOWN)}, or state its type", "file")
    return known


def _basename(filename: str | None) -> str | None:
    name = (filename or "").replace("\\", "/").rpartition("/")[2]
    return "".join(character for character in name if character.isprintable()) or None


async def _chunks(request: Request, patience: float) -> AsyncIterator[bytes]:
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout(patience):
                chunk = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise DeadlineError(f"nothing arrived for {patience:g} s") from None
        except ClientDisconnect:
            raise ClientGoneError("the client closed the connection") from None
        yield chunk


class _Sink:
    """A hidden file that grows in large steps, off the event loop."""

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder, self.limit = folder, limit
        self.path: Path | None = None
        self._file: BufferedWriter | None = None
        self._buffer = bytearray()
        self._size = 0

    def open(self, suffix: str) -> None:
        with storage_errors(self.folder, every=True):
            self.folder.mkdir(parents=True, exist_ok=True)
            self.path = self.folder / f".upload-{secrets.token_hex(8)}.tmp{suffix}"
            self._file = self.path.open("xb")

    async def write(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self.limit:
            raise BodyTooLargeError(self.limit)
        self._buffer += data
        if len(self._buffer) >= _BUFFER:
            await asyncio.to_thread(self._flush)

    async def finished(self) -> Path:
        assert self.path is not None
        await asyncio.to_thread(self._flush)
        self._close()
        return self.path

    def remove(self) -> None:
        self._close()
        if self.path is not None:
            self.path.unlink(missing_ok=True)

    def _flush(self) -> None:
        assert self._file is not None
        with storage_errors(self.folder, every=True):
            self._file.write(self._buffer)
            self._file.flush()
        self._buffer.clear()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
