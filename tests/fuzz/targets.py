"""The parsers, each as a function of bytes. What they may raise is what a caller is told; all else is a crash."""

from __future__ import annotations

import io
import os
import re
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter, ValidationError

from app.annotation.label_studio.configuration import labeling_of
from app.annotation.label_studio.schemas import PredictRequest, SetupRequest, WebhookRequest
from app.augment.schemas import AugmentRequest
from app.auth.credentials import secret_of
from app.auth.scopes import scope_of
from app.datasets.parquet import check_parquet
from app.embeddings.schemas import EmbeddingsRequest
from app.errors import ServiceError
from app.faults import fault_of
from app.jobs.schemas import AugmentJobRequest, BuildRequest, FinetuneRequest
from app.routing import check_media_type, parse_json
from xite_core.errors import XiteError
from xite_core.records.readers import scan_examples

TOLD = (ServiceError, XiteError)
SHAPES = [
    TypeAdapter(shape)
    for shape in (AugmentRequest, EmbeddingsRequest, FinetuneRequest, AugmentJobRequest, BuildRequest, SetupRequest,
                  PredictRequest, WebhookRequest)
]  # fmt: skip
FIELDS = sorted({name for shape in SHAPES for name in re.findall(r"'([a-z_]+)': \{", str(shape.json_schema()))})
"""Names of fields, nested ones too."""

_FOLDER = Path(tempfile.mkdtemp(prefix="xite-fuzz-"))


def json_body(data: bytes) -> None:
    """A body, and all schemas on what it holds."""
    try:
        value = parse_json(data)
    except TOLD as error:
        fault_of(error)
        return
    orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS) if _is_text(data) else None
    for shape in SHAPES:
        try:
            shape.validate_python(value)
        except ValidationError as error:
            error.errors()


def request(data: bytes) -> None:
    """A body with the fields that there are and anything in them: most bytes are no JSON at all."""
    json_body(orjson.dumps(_built(iter(data), 6)))


def jsonl(data: bytes) -> None:
    """A file of JSON lines."""
    _scan(data, ".jsonl")


def csv(data: bytes) -> None:
    """A CSV file."""
    _scan(data, ".csv")


def parquet(data: bytes) -> None:
    """A Parquet file, decoded in a process of its own as the service does: a decoder that aborts ends only that.

    No coverage comes back from there, so the bytes say what is changed in a whole file, three for each place.
    """
    child = os.fork()
    if child == 0:
        os._exit(_decoded(_damaged(data)))
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status) > 0:
        raise RuntimeError("an error that nobody is told")


def _damaged(data: bytes) -> bytes:
    made = bytearray(PARQUET[data[0] % len(PARQUET)] if data else b"")
    for high, low, value in zip(data[1::3], data[2::3], data[3::3], strict=False):
        made[(high << 8 | low) % len(made)] = value
    return bytes(made)


def _decoded(data: bytes) -> int:
    path = _FOLDER / "rows.parquet"
    path.write_bytes(data)
    try:
        check_parquet(path, {}, max_rows=10_000, max_bytes=2**24)
        _scan(data, ".parquet")
    except TOLD:
        return 0
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def configuration(data: bytes) -> None:
    """A labeling configuration of Label Studio."""
    for pairs in (False, True):
        try:
            labeling_of(data.decode("utf-8", "replace"), ["positive", "negative"], pairs=pairs)
        except TOLD as error:
            fault_of(error)


def headers(data: bytes) -> None:
    """What is read from headers and the path before anything else."""
    text = data.decode("latin-1")
    secret_of(text)
    scope_of("POST", text)
    try:
        check_media_type(text)
    except TOLD as error:
        fault_of(error)


def _built(source: Iterator[int], depth: int) -> Any:
    """A JSON value that the bytes stand for; the first of them says of which kind it is."""
    kind, size = next(source, 0) % 8, next(source, 0)
    match kind:
        case 0:
            return None
        case 1:
            return size % 2 == 0
        case 2:
            return (size - 128) * 10 ** (next(source, 0) % 17)
        case 3:
            return (size - 128) / (1 + next(source, 0))
        case 4 | 5:
            return bytes(islice(source, size % 24)).decode("utf-8", "ignore")
        case 6 if depth:
            return [_built(source, depth - 1) for _ in range(size % 5)]
        case 7 if depth:
            return {FIELDS[next(source, 0) % len(FIELDS)]: _built(source, depth - 1) for _ in range(size % 9)}
    return size


def _scan(data: bytes, suffix: str) -> None:
    path = _FOLDER / ("rows" + suffix)
    path.write_bytes(data)
    for labeled in (True, False):
        try:
            for row in scan_examples(path, labeled=labeled):
                str(row)
        except TOLD as error:
            fault_of(error)


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return b"\\u" not in data and b"N" not in data and b"I" not in data


def _parquet_seed(columns: dict[str, Sequence[object]]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


PARQUET = [
    _parquet_seed({"text": ["a", "b"], "label": ["x", None]}),
    _parquet_seed({"text": ["a"] * 50, "id": list(range(50))}),
    _parquet_seed({"text": ["long text " * 20] * 9, "label": ["x", "y", "z"] * 3, "lang": ["ko"] * 9}),
]

TARGETS: dict[str, tuple[Callable[[bytes], None], list[bytes]]] = {
    "json": (
        json_body,
        [
            b'{"inputs": ["a", {"id": "a7", "text": "b", "lang": "ko"}], "k": 8, "interpolation": {"lam": 0.5}}',
            b'{"input": ["a"], "model": "m", "encoding_format": "base64"}',
            b'{"target": {"texts": ["a"], "lang": "ko"}, "depth": "head", "hyperparameters": {"epochs": 3}}',
            b'{"action": "ANNOTATION_CREATED", "project": {"id": 1}, "annotation": {"id": 2, "result": []}}',
            '{"tasks": [{"data": {"text": "\\ud800 좋아요"}}], "label_config": "<View/>", "k": NaN}'.encode(),
        ],
    ),
    "request": (
        request,
        [b"\x07\x08" + bytes(range(200)), b"\x07\x04\x06\x04" * 30, b"\x07\x07\x05\x06\x03\x04\x05abcde" * 9],
    ),
    "jsonl": (jsonl, [b'{"text": "a", "label": "x"}\n{"text": "b", "label": "y", "id": 1}\n', b"\xef\xbb\xbf{}\n"]),
    "csv": (csv, [b'text,label\n"a, ""b""",x\nc,y\n', b"\xef\xbb\xbftext;label\r\na;b\r\n", b"text\n=1+1\n"]),
    "parquet": (parquet, [b"\x00", b"\x01" + bytes(range(30)), b"\x02" + b"\x01\x02\x03" * 20]),
    "configuration": (
        configuration,
        [
            b'<View><Text name="text" value="$text"/><Choices name="s" toName="text"><Choice value="positive"/>'
            b'<Choice value="negative" alias="n"/></Choices></View>',
            b'<!DOCTYPE a [<!ENTITY b "c">]><View>&b;</View>',
            b'<View><Text name="a" value="$a"/><Text name="b" value="$b"/><Choices name="c" toName="a,b"/></View>',
        ],
    ),
    "headers": (
        headers,
        [b"Bearer abc", b"Basic eDphYmM=", b"application/json; charset=utf-8", b"/bundles/a/activate"],
    ),
}
"""Name, function, seeds."""
