"""What a name keeps from revision to revision, since clients and heads rely on it: encoder, labels, texts or pairs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from xite_core.bundle.manifest import Manifest, read_manifest
from xite_core.bundle.store import BundleStore
from xite_core.encoder.spec import EncoderSpec
from xite_core.errors import BundleDamagedError, BundleNotFoundError, InputError
from xite_core.types import Example


@dataclass(frozen=True, slots=True)
class Succession:
    """Checks what is to become the next revision of a name.

    Parameters
    ----------
    present : Manifest
        Of the revision that it follows.
    advice : str
        What the user can do instead, for the errors.
    """

    present: Manifest
    advice: str = "choose another name"

    def check(self, encoder: EncoderSpec, labels: Collection[str], pairs: bool) -> None:
        """Refuse whatever the single checks refuse."""
        self.check_encoder(encoder)
        self.check_form(pairs)
        self.check_labels(labels)

    def check_encoder(self, spec: EncoderSpec) -> None:
        """Refuse another encoder than the present one, and one whose vectors are made in another way.

        Raises
        ------
        InputError
            If it differs; the message names the first field that does.
        """
        given, present = spec.as_dict(), EncoderSpec.from_dict(self.present.encoder).as_dict()
        for field, value in given.items():
            if value != present[field]:
                what = "encoder" if field == "name" else field
                raise self._error(f"was built with {what} {present[field]!r}, not with {value!r}")

    def check_labels(self, labels: Collection[str]) -> None:
        """Refuse other labels than the present ones, be they more or fewer.

        Raises
        ------
        InputError
            If they differ.
        """
        differing = sorted(set(labels) ^ set(self.present.labels))
        if differing:
            which = f"{differing[0][:80]!r} is {'new' if differing[0] in labels else 'missing'}"
            raise self._error(f"holds other labels ({', '.join(self.present.labels[:20])}); {which}")

    def check_form(self, pairs: bool) -> None:
        """Refuse pairs where the present revision has single texts, and the reverse.

        Raises
        ------
        InputError
            If the form is the other one.
        """
        if pairs != self.present.pairs:
            raise self._error("holds text pairs" if self.present.pairs else "holds single texts, not pairs")

    def checked_additions(self, chunks: Iterable[list[Example]]) -> Iterator[list[Example]]:
        """Give rows that are to be added as they are read, up to the first with a label that is new.

        Raises
        ------
        InputError
            At such a row; the message names it.
        """
        before = 0
        for chunk in chunks:
            for row, example in enumerate(chunk, before + 1):
                if example.label not in self.present.labels:
                    raise self._error(
                        f"holds {', '.join(self.present.labels[:20])}, but row {row} has the label {example.label!r}"
                    )
            before += len(chunk)
            yield chunk

    def checked_replacement(self, chunks: Iterable[list[Example]]) -> Iterator[list[Example]]:
        """The same for rows that take the place of the present ones: none may be of the other form, no label missing.

        Raises
        ------
        InputError
            At the row, or after the last one.
        """
        seen: set[str] = set()
        for chunk in self.checked_additions(chunks):
            for example in chunk:
                self.check_form(example.text_pair is not None)
                seen.add(example.label or "")
            yield chunk
        if seen:
            self.check_labels(seen)

    def _error(self, what: str) -> InputError:
        return InputError(f"bundle {self.present.name!r} {what}; {self.advice}")


def succession(store: BundleStore, name: str) -> Succession | None:
    """What a new revision of a name has to keep; ``None`` where there is none, or none that can be read."""
    if name not in store.names():
        return None
    with suppress(BundleDamagedError, BundleNotFoundError):
        return Succession(read_manifest(store.resolve(name)))
    for revision in reversed(store.revisions(name)):  # the pointer or the active one is damaged
        with suppress(BundleDamagedError):
            return Succession(read_manifest(store.directory(name, revision)))
    return None


def check_succession(store: BundleStore, directory: Path) -> None:
    """Refuse to publish what does not keep what its name has; the last look, after others may have published.

    Parameters
    ----------
    store : BundleStore
        Where it is to be published.
    directory : Path
        What is to be published.

    Raises
    ------
    InputError
        If encoder, labels or form differ.
    """
    made = read_manifest(directory)
    before = succession(store, made.name)
    if before is not None:
        before.check(EncoderSpec.from_dict(made.encoder), made.labels, made.pairs)
