"""The nouns of the method: texts going in, vectors between, matches and synthetic examples coming out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


class Scoring(StrEnum):
    """How an anchor and a target text are compared (METHOD step 1)."""

    COSINE = "cosine"
    MARGIN = "margin"
    CSLS = "csls"


class Voting(StrEnum):
    """How the label is adopted from the neighbours."""

    NEAREST = "nearest"
    WEIGHTED = "weighted"


class SubspaceKind(StrEnum):
    """Onto what the target vector is projected before interpolation (METHOD step 2)."""

    RICH = "rich"
    ORTHOGONAL = "orthogonal"
    NEUTRAL = "neutral"
    LABEL = "label"
    NONE = "none"


class IndexKind(StrEnum):
    """Which search structure holds the anchors."""

    AUTO = "auto"
    FLAT = "flat"
    HNSW = "hnsw"
    IVF_SQ8 = "ivf_sq8"


class Status(StrEnum):
    """What became of a target text."""

    MATCHED = "matched"
    ABSTAINED = "abstained"


class AbstentionReason(StrEnum):
    """Why a target text got no label."""

    MIN_COSINE = "below_min_cosine"
    MIN_SCORE = "below_min_score"
    MIN_CONFIDENCE = "below_min_confidence"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Example:
    """A text or a text pair, with a label where one is known.

    Parameters
    ----------
    text : str
        The text, or the premise of a pair.
    text_pair : str, optional
        The hypothesis of a pair.
    label : str, optional
        The gold label; ``None`` for unlabeled text.
    id : str, optional
        The caller's own name for the row.
    lang : str, optional
        Language tag, such as ``"ko"``.
    """

    text: str
    text_pair: str | None = None
    label: str | None = None
    id: str | None = None
    lang: str | None = None


@dataclass(frozen=True, slots=True)
class Encoded:
    """Unit vectors of some texts and what the tokenizer did to them.

    Parameters
    ----------
    vectors : ndarray of float32, (n, d)
        Pooled embeddings, L2-normalised.
    n_tokens : ndarray of int64, (n,)
        Tokens that were encoded, special tokens included.
    truncated : ndarray of bool, (n,)
        Whether the text was cut to the encoder's maximum.
    unreadable : ndarray of bool, (n,)
        Whether the encoder's vocabulary holds so little of the text that its vector means nothing.
    """

    vectors: FloatArray
    n_tokens: IntArray
    truncated: BoolArray
    unreadable: BoolArray

    def __len__(self) -> int:
        return len(self.vectors)

    def part(self, rows: slice) -> Encoded:
        """Some of the texts."""
        return Encoded(self.vectors[rows], self.n_tokens[rows], self.truncated[rows], self.unreadable[rows])

    @classmethod
    def joined(cls, parts: Sequence[Encoded]) -> Encoded:
        """Several as one, in their order; at least one."""
        return cls(
            np.concatenate([part.vectors for part in parts]),
            np.concatenate([part.n_tokens for part in parts]),
            np.concatenate([part.truncated for part in parts]),
            np.concatenate([part.unreadable for part in parts]),
        )


@dataclass(frozen=True, slots=True)
class Neighbor:
    """An anchor that a target text was compared with; ``score`` is by the chosen scoring, ``cosine`` the plain one."""

    id: str
    text: str
    text_pair: str | None
    label: str
    score: float
    cosine: float


@dataclass(frozen=True, slots=True)
class Match:
    """What the matching found for one target text.

    ``label`` is ``None`` and ``reason`` set where the text was abstained. ``confidence`` is the adopted label's share
    in the vote, also where the label came from the nearest neighbour alone. ``partner`` is the position in
    ``neighbors`` of the best one that has the adopted label; ``score`` and ``cosine`` are its.
    """

    status: Status
    reason: AbstentionReason | None
    label: str | None
    confidence: float
    score: float
    cosine: float
    lang: str
    neighbors: tuple[Neighbor, ...]
    partner: int = 0

    @property
    def matched_example(self) -> Neighbor:
        """The English example whose label was, or would have been, adopted."""
        return self.neighbors[self.partner]


@dataclass(frozen=True, slots=True)
class SyntheticEmbedding:
    """One interpolated vector, float32 (d,), with its provenance."""

    vector: FloatArray
    lam: float
    subspace: SubspaceKind
    source_id: str
    seed: int


@dataclass(frozen=True, slots=True)
class AugmentedText:
    """A target text, its match, and the synthetic embeddings made from both (none where abstained)."""

    example: Example
    match: Match
    embeddings: tuple[SyntheticEmbedding, ...]
    n_tokens: int
    truncated: bool
