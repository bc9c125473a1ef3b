"""The loaded bundles: one active revision of each name, encoders shared, revisions swapped without a gap."""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, TypeVarTuple
from weakref import WeakValueDictionary

import numpy as np
import structlog

from app.errors import NotReadyError
from app.metrics.instruments import show_bundle
from app.runtime.remembered import default_name
from xite_core.augmenter import Augmenter
from xite_core.bundle.bundle import Bundle, open_bundle
from xite_core.bundle.derive import bundle_encoder, has_head
from xite_core.bundle.store import Activation, BundleStore
from xite_core.encoder.protocol import Encoder
from xite_core.errors import BundleError, BundleNotFoundError, XiteError
from xite_core.finetune.predictor import Predictor
from xite_core.types import Encoded, Example

log = structlog.get_logger(__name__)
T = TypeVar("T")
Ts = TypeVarTuple("Ts")
Signature = tuple[int, ...] | tuple[str, ...]

RETRY = 30.0
"""Seconds after which a revision that could not be loaded is tried again; memory or files may have been short."""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Resident:
    """A loaded revision; whoever holds it computes with exactly this one.

    Parameters
    ----------
    augmenter : Augmenter
        Its index and its encoder.
    predictor : Predictor, optional
        Its fine-tuned head, where it has one.
    """

    augmenter: Augmenter
    predictor: Predictor | None = None

    @property
    def bundle(self) -> Bundle:
        """The opened bundle."""
        return self.augmenter.bundle

    @property
    def encoder(self) -> Encoder:
        """Its encoder, warm."""
        return self.augmenter.encoder


class Residents:
    """Loads, snapshots and swaps.

    Parameters
    ----------
    home : Path
        The data directory.
    default : str, optional
        Bundle of requests that name none; by default the one that `default_name` finds.
    """

    def __init__(self, home: Path, default: str | None = None) -> None:
        self.store = BundleStore(home)
        self._home, self._default = home, default
        self._active: dict[str, Resident] = {}
        self._seen: dict[str, Signature] = {}
        self._failed: dict[str, float] = {}
        self._loaded: WeakValueDictionary[tuple[str, str], Resident] = WeakValueDictionary()
        self._encoders: WeakValueDictionary[str, Encoder] = WeakValueDictionary()
        self._loader = ThreadPoolExecutor(1, "loader")
        self._lock = asyncio.Lock()
        self.problem = "the bundle is being loaded"
        """Why the service is not ready, in words."""

    @property
    def active(self) -> dict[str, Resident]:
        """The active revision of each loaded name."""
        return dict(self._active)

    @property
    def default_name(self) -> str | None:
        """Name of the default bundle; ``None`` where none is set and there are none or several."""
        return self._default

    @property
    def default(self) -> Resident | None:
        """What a request without a name gets; ``None`` while there is no such bundle."""
        return self._active.get(self._default or "")

    @property
    def ready(self) -> bool:
        """Whether requests can be served: the default is loaded or, without a default, any bundle is."""
        return self.default is not None if self._default else bool(self._active)

    async def start(self) -> None:
        """Load the default bundle, or all where there is none; a failure is told by `problem` and tried again later."""
        try:
            self._default = self._default or default_name(self._home)
            names = [self._default]
        except BundleNotFoundError as error:
            names, self.problem = self.store.names(), str(error)
        for name in names:
            await self._try(name)

    async def snapshot(self, name: str | None) -> Resident:
        """Give the active revision of a name, loading it where this is the first request for it.

        Raises
        ------
        BundleNotFoundError
            If there is no such bundle, or none is named and there is no default.
        NotReadyError
            If the default is still being loaded.
        """
        chosen = self._default if name is None else name
        if chosen is None:
            chosen = await self._run(self.store.only_name)
        found = self._active.get(chosen)
        if found is not None:
            return found
        if chosen == self._default and not self.ready:
            raise NotReadyError(self.problem)
        async with self._lock:
            return self._active.get(chosen) or await self._sync(chosen)

    async def refresh(self) -> None:
        """Follow activations by other processes; one that cannot be loaded leaves the present revision at work."""
        if not self.ready:
            await self.start()
        for name in list(self._active):
            again = time.monotonic() - self._failed.get(name, math.inf) > RETRY
            if again or await self._run(self._signature, name) != self._seen.get(name):
                await self._try(name)

    async def activate(self, name: str, revision: str) -> tuple[Activation, Resident]:
        """Load a revision, then point to it, then serve it.

        Raises
        ------
        BundleNotFoundError, BundleDamagedError
            If it is not there or cannot be read; what is active stays so.
        """
        async with self._lock:
            loaded = await self._load(name, revision)
            activation = await self._run(self.store.activate, name, revision)
            await self._sync(name)
            return activation, loaded

    async def rollback(self, name: str) -> tuple[Activation, Resident]:
        """Return to the revision that was active before.

        Raises
        ------
        BundleError
            If there is none.
        """
        async with self._lock:
            target = await self._run(self.store.previous, name)
            loaded = await self._load(name, target)
            activation = await self._run(self.store.rollback, name)
            await self._sync(name)
            return activation, loaded

    async def delete(self, name: str, revision: str) -> None:
        """Delete a revision that is not active.

        Raises
        ------
        BundleNotFoundError
            If it is not there.
        BundleError
            If it is active.
        """
        async with self._lock:
            await self._run(self._delete, name, revision)

    def close(self) -> None:
        """Let the loader thread end."""
        self._loader.shutdown(wait=False, cancel_futures=True)

    async def _try(self, name: str) -> None:
        try:
            async with self._lock:
                await self._sync(name)
        except (XiteError, OSError, MemoryError) as error:
            self._failed[name] = time.monotonic()
            reason = str(error) or type(error).__name__
            if self.problem == reason:
                return
            self.problem = reason
            log.error("bundle not loaded", bundle=name, error=type(error).__name__, reason=reason)

    async def _sync(self, name: str) -> Resident:
        """Load and serve what the pointer says; the signature is read first, so that a later change is seen again."""
        signature = await self._run(self._signature, name)
        self._seen[name] = signature
        revision = (await self._run(self.store.resolve, name)).name
        resident = await self._load(name, revision)
        before = self._active.get(name)
        self._active[name] = resident
        self._failed.pop(name, None)
        if before is not resident:
            show_bundle(before.bundle if before else None, resident.bundle)
            log.info("bundle active", bundle=name, revision=revision)
        return resident

    async def _load(self, name: str, revision: str) -> Resident:
        held = self._loaded.get((name, revision))
        if held is None:
            held = await self._run(self._open, name, revision)
            self._loaded[name, revision] = held
        return held

    def _open(self, name: str, revision: str) -> Resident:
        bundle = open_bundle(self.store.resolve(name, revision))
        augmenter = Augmenter(bundle, self._encoder(bundle))
        self._touch(augmenter)
        return Resident(augmenter, Predictor(bundle, augmenter.encoder) if has_head(bundle) else None)

    def _encoder(self, bundle: Bundle) -> Encoder:
        fingerprint = bundle.manifest.fingerprint
        encoder = self._encoders.get(fingerprint)
        if encoder is None:
            encoder = bundle_encoder(bundle)
            encoder.warmup()
            self._encoders[encoder.fingerprint] = encoder
        return encoder

    @staticmethod
    def _touch(augmenter: Augmenter) -> None:
        """Match once, so that the first request does not pay for the first look at the mapped files."""
        bundle = augmenter.bundle
        vector = next(iter(bundle.pool.vectors.values()))[:1]
        example = Example("warm-up", "warm-up" if bundle.manifest.pairs else None)
        encoded = Encoded(vector, np.ones(1, np.int64), np.zeros(1, np.bool_), np.zeros(1, np.bool_))
        augmenter.augment([example], encoded=encoded)

    def _signature(self, name: str) -> Signature:
        """Changes when the active revision may have changed."""
        try:
            status = os.stat(self.store.root / name / "active.json")
            return (status.st_mtime_ns, status.st_ino, status.st_size)
        except OSError:
            return tuple(self.store.revisions(name))

    def _delete(self, name: str, revision: str) -> None:
        self.store.resolve(name, revision)
        if self.store.resolve(name).name == revision:
            raise BundleError(f"revision {revision!r} of {name!r} is active; activate another one first")
        self.store.delete(name, revision)

    async def _run(self, function: Callable[[*Ts], T], *args: *Ts) -> T:
        """Run blocking work in the loader's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._loader, function, *args)
