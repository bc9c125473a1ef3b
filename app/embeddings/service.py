"""What ``/v1`` does, without HTTP."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime
from typing import Any

import orjson

from app.augment.rendering import encoded_vector
from app.embeddings.schemas import EmbeddingsRequest, ModelList, ModelObject
from app.errors import FieldError, ModelNotFoundError
from app.runtime import Resident, Residents, Runtime
from xite_core.bundle.derive import has_own_encoder
from xite_core.bundle.manifest import Manifest, read_manifest
from xite_core.errors import BundleError
from xite_core.types import Encoded, Example


async def embeddings(runtime: Runtime, request: EmbeddingsRequest) -> bytes:
    """Encode texts and render the answer.

    Raises
    ------
    ModelNotFoundError
        If no bundle has that encoder.
    XiteError, ServiceError
        See the table in `app.faults`.
    """
    texts = [request.input] if isinstance(request.input, str) else request.input
    limit = runtime.settings.max_text_chars
    for i, text in enumerate(texts):
        if len(text) > limit:
            raise FieldError(f"{len(text):,} characters, at most {limit:,}", "input", i)
    resident = await _resident(runtime.residents, request.model)
    dimension = resident.encoder.dimension
    if request.dimensions not in (None, dimension):
        raise FieldError(f"this encoder's vectors have {dimension} numbers and cannot be shortened", "dimensions")
    encoded = await runtime.encode(resident.encoder, [Example(text) for text in texts])
    return await runtime.in_pool(lambda: _rendered(encoded, request))


async def models(residents: Residents) -> ModelList:
    """The encoders of all bundles' active revisions, by their own names and by those of the bundles."""
    created: dict[str, int] = {}
    for manifest in await asyncio.to_thread(_manifests, residents):
        made = int(datetime.fromisoformat(manifest.created_at).timestamp())
        for name in _names(manifest):
            created[name] = min(made, created.get(name, made))
    return ModelList(data=[ModelObject(id=name, created=made) for name, made in sorted(created.items())])


async def model(residents: Residents, name: str) -> ModelObject:
    """One encoder.

    Raises
    ------
    ModelNotFoundError
        If no bundle has it.
    """
    for found in (await models(residents)).data:
        if found.id == name:
            return found
    raise _unknown(name)


async def _resident(residents: Residents, name: str) -> Resident:
    """A bundle with that encoder, the default one first; or the bundle of that name."""
    default = residents.default
    for loaded in ([default] if default else []) + list(residents.active.values()):
        if name in _names(loaded.bundle.manifest):
            return loaded
    for manifest in await asyncio.to_thread(_manifests, residents):
        if name in _names(manifest):
            return await residents.snapshot(manifest.name)
    raise _unknown(name)


def _names(manifest: Manifest) -> tuple[str, ...]:
    """What a bundle's encoder goes by: the bundle's name, and its own where fine-tuning has not changed it."""
    return (manifest.name,) if has_own_encoder(manifest) else (str(manifest.encoder["name"]), manifest.name)


def _unknown(name: str) -> ModelNotFoundError:
    return ModelNotFoundError(f"there is no model {name[:100]!r}; GET /v1/models lists them")


def _manifests(residents: Residents) -> list[Manifest]:
    found = []
    for name in residents.store.names():
        with suppress(BundleError):  # one that is damaged does not hide the others
            found.append(read_manifest(residents.store.resolve(name)))
    return found


def _rendered(encoded: Encoded, request: EmbeddingsRequest) -> bytes:
    form, tokens = request.encoding_format or "float", int(encoded.n_tokens.sum())
    data: list[dict[str, Any]] = [
        {"object": "embedding", "index": i, "embedding": encoded_vector(vector, form)}
        for i, vector in enumerate(encoded.vectors)
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    body = {"object": "list", "data": data, "model": request.model, "usage": usage}
    return orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)
