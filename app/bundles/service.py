"""What the ``/bundles`` calls do, without HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from app.augment.options import echoed
from app.bundles.schemas import BundleDetail, BundleItem, BundleList, Deleted, RevisionItem
from app.runtime import Residents
from xite_core.bundle.manifest import Manifest, read_manifest
from xite_core.errors import BundleDamagedError, BundleNotFoundError, BundleVersionError

LATEST = "latest"


async def list_bundles(residents: Residents) -> BundleList:
    """All names, in order."""
    names = await asyncio.to_thread(residents.store.names)
    return BundleList(data=await asyncio.to_thread(_listed, residents, names))


async def describe(residents: Residents, name: str) -> BundleDetail:
    """One name with the contents of its revisions.

    Raises
    ------
    BundleNotFoundError
        If there is no such bundle.
    """
    return await asyncio.to_thread(_detail, residents, name)


async def activate(residents: Residents, name: str, revision: str) -> BundleItem:
    """Activate a revision; when this returns, this process answers with it.

    Raises
    ------
    BundleNotFoundError
        If there is no such revision.
    """
    if revision == LATEST:
        revision = (await asyncio.to_thread(residents.store.newest, name)).name
    await residents.activate(name, revision)
    return BundleItem(**await asyncio.to_thread(_facts, residents, name))


async def roll_back(residents: Residents, name: str) -> BundleItem:
    """Activate the revision that was active before.

    Raises
    ------
    BundleError
        If there is none.
    """
    await residents.rollback(name)
    return BundleItem(**await asyncio.to_thread(_facts, residents, name))


async def delete(residents: Residents, name: str, revision: str) -> Deleted:
    """Delete a revision that is not active.

    Raises
    ------
    BundleNotFoundError
        If there is no such revision.
    BundleError
        If it is active.
    """
    await residents.delete(name, revision)
    return Deleted(name=name, revision=revision)


def _listed(residents: Residents, names: Sequence[str]) -> list[BundleItem]:
    items = []
    for name in names:
        try:
            items.append(BundleItem(**_facts(residents, name)))
        except (BundleDamagedError, BundleNotFoundError) as error:  # the others are listed all the same
            problem = str(error).replace(f"{residents.store.root}/", "")
            items.append(BundleItem(**_present(residents, name), active=None, history=[], problem=problem))
    return items


def _facts(residents: Residents, name: str) -> dict[str, Any]:
    active = residents.store.resolve(name).name
    activation = residents.store.activation(name)
    history = list(activation.history) if activation else []
    return {**_present(residents, name), "active": active, "history": history}


def _present(residents: Residents, name: str) -> dict[str, Any]:
    loaded = residents.active.get(name)
    return {
        "name": name,
        "default": name == residents.default_name,
        "loaded": loaded.bundle.revision if loaded else None,
        "revisions": residents.store.revisions(name),
    }


def _detail(residents: Residents, name: str) -> BundleDetail:
    facts = _facts(residents, name)
    manifests = []
    for revision in facts["revisions"]:
        with suppress(BundleDamagedError, BundleVersionError):  # listed all the same, without its contents
            manifests.append(read_manifest(residents.store.directory(name, revision)))
    active = next((manifest for manifest in manifests if manifest.revision == facts["active"]), None)
    if active is None:
        read_manifest(residents.store.directory(name, facts["active"]))  # says what is wrong with it
        raise BundleNotFoundError(f"bundle {name!r} changed while it was read; ask again")
    options = echoed(active.default_options)
    contents = [_contents(manifest, facts["active"]) for manifest in manifests]
    return BundleDetail(**facts, contents=contents, options=options)


def _contents(manifest: Manifest, active: str) -> RevisionItem:
    return RevisionItem(
        revision=manifest.revision,
        created_at=manifest.created_at,
        active=manifest.revision == active,
        encoder=str(manifest.encoder["name"]),
        labels=list(manifest.labels),
        languages=list(manifest.languages),
        pairs=manifest.pairs,
        counts=dict(manifest.counts),
    )
