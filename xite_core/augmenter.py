"""The method, composed: encode, match, project, interpolate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xite_core.bundle.bundle import Bundle, check_encoder, check_form
from xite_core.encoder.protocol import Encoder
from xite_core.interpolation import draw_lambdas, lerp, unit
from xite_core.matching import Matcher, MatchTable, without_unreadable
from xite_core.options import AugmentOptions
from xite_core.types import (
    AugmentedText,
    Encoded,
    Example,
    FloatArray,
    IntArray,
    Match,
    Neighbor,
    Status,
    SyntheticEmbedding,
)


@dataclass(frozen=True, slots=True)
class Augmentation:
    """What became of some target texts, in their order.

    Parameters
    ----------
    texts : list of AugmentedText
        One for each input.
    options : AugmentOptions
        The options that were used, defaults filled in.
    neighbors : ndarray of int64, (n, k)
        Rows of the retrieved anchors, for the hubness of a report.
    """

    texts: list[AugmentedText]
    options: AugmentOptions
    neighbors: IntArray


class Augmenter:
    """Makes labeled synthetic examples from unlabeled target texts.

    Parameters
    ----------
    bundle : Bundle
        Labeled anchors, subspaces and default options.
    encoder : Encoder
        The encoder that the bundle was built with.

    Raises
    ------
    EncoderMismatchError
        If it is another encoder.
    """

    def __init__(self, bundle: Bundle, encoder: Encoder) -> None:
        check_encoder(bundle, encoder)
        self.bundle, self.encoder = bundle, encoder
        self._matcher = Matcher(bundle.anchors, len(bundle.labels))

    def augment(
        self,
        examples: Sequence[Example],
        options: AugmentOptions | None = None,
        *,
        encoded: Encoded | None = None,
        interpolate: bool = True,
    ) -> Augmentation:
        """Match target texts, adopt labels, interpolate.

        Parameters
        ----------
        examples : sequence of Example
            Target texts, or pairs where the bundle holds pairs; labels are ignored.
        options : AugmentOptions, optional
            The bundle's own where not given.
        encoded : Encoded, optional
            The texts' vectors, where the caller has encoded them already.
        interpolate : bool
            Whether to make synthetic embeddings (else only match).

        Raises
        ------
        RowError
            If a text is empty, or pairs are given to a bundle of single texts or the reverse.
        OptionError
            If k is larger than the bundle's number of anchors.
        """
        options = options or self.bundle.options
        check_form(self.bundle, examples)
        encoded = encoded or self.encoder.encode(examples)
        languages = self.languages(examples, encoded.vectors)
        table = self._matcher.match(encoded.vectors, self.bundle.pool.columns(languages), options)
        table = without_unreadable(table, encoded.unreadable)
        matches = self._matches(table, languages)
        made = self._interpolate(examples, encoded.vectors, table, options) if interpolate else [()] * len(examples)
        texts = [
            AugmentedText(example, match, embeddings, int(n), bool(cut))
            for example, match, embeddings, n, cut in zip(
                examples, matches, made, encoded.n_tokens, encoded.truncated, strict=True
            )
        ]
        return Augmentation(texts, options, table.rows)

    def languages(self, examples: Sequence[Example], vectors: FloatArray) -> list[str]:
        """Each text's language tag; where it is missing, the language that it is most likely in.

        Its letters tell that. The fitted LDA decides in bundles that cannot look at letters; their vectors were made to
        tell languages badly.
        """
        subspace, told = self.bundle.subspaces.language, [self.bundle.pool.language_of(example) for example in examples]
        untold = [i for i, language in enumerate(told) if language is None]
        guesses = iter(subspace.predict(vectors[untold]))
        return [subspace.classes[next(guesses)] if language is None else language for language in told]

    def _matches(self, table: MatchTable, languages: list[str]) -> list[Match]:
        anchors = self.bundle.anchors.examples.take(table.rows.ravel())
        k = table.rows.shape[1]
        scores, cosines = table.scores.tolist(), table.cosines.tolist()
        matches = []
        for i, reason in enumerate(table.reason):
            neighbors = tuple(
                Neighbor(a.id or "", a.text, a.text_pair, a.label or "", scores[i][j], cosines[i][j])
                for j, a in enumerate(anchors[i * k : (i + 1) * k])
            )
            partner = int(table.partner[i])
            matches.append(
                Match(
                    status=Status.ABSTAINED if reason else Status.MATCHED,
                    reason=reason,
                    label=None if reason else self.bundle.labels[table.label[i]],
                    confidence=float(table.confidence[i]),
                    score=scores[i][partner],
                    cosine=cosines[i][partner],
                    lang=languages[i],
                    neighbors=neighbors,
                    partner=partner,
                )
            )
        return matches

    def _interpolate(
        self, examples: Sequence[Example], vectors: FloatArray, table: MatchTable, options: AugmentOptions
    ) -> list[tuple[SyntheticEmbedding, ...]]:
        rows = table.at_partner(table.rows)
        matched = np.flatnonzero(table.matched).tolist()
        made: list[tuple[SyntheticEmbedding, ...]] = [()] * len(examples)
        if not matched:
            return made
        source = self.bundle.anchors.vectors[rows[matched]]
        target = self.bundle.subspaces.project(vectors[matched], options.subspace)
        lambdas = draw_lambdas([examples[i] for i in matched], options)
        ids = [anchor.id or "" for anchor in self.bundle.anchors.examples.take(rows[matched])]
        mixed = [lerp(source, target, lambdas[:, draw]) for draw in range(options.n)]
        if options.normalize:
            mixed = [unit(vectors) for vectors in mixed]
        for position, i in enumerate(matched):
            made[i] = tuple(
                SyntheticEmbedding(
                    mixed[draw][position], float(lambdas[position, draw]), options.subspace, ids[position], options.seed
                )
                for draw in range(options.n)
            )
        return made
