"""Logistic-regression heads on frozen vectors: is English kept, and what carries over to other languages.

The regulariser is chosen by held-out *sets* where the training rows are phrases of one another (SST-2), otherwise by
cross-validation; never on the rows that are reported.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import LeaveOneGroupOut, StratifiedKFold, cross_val_score

from training.bootstrap import Ints, macro_f1_interval, mean_interval, mean_of_groups
from training.vectors import CachedEncoder, Vectors

REGULARISERS = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
SENTIMENT = ("negative", "positive")
SENTIMENT_TARGETS = ("ko.nsmc", "ar.elsahar_res1", "ur.usc", "hi.amazon_hsac")
SENTIMENT_SOURCES = ("sst2", "blitzer", "cad_imdb")
TOPIC_TARGETS = ("kor_Hang", "arb_Arab", "urd_Arab", "hin_Deva", "swh_Latn", "tha_Thai")


@dataclass(frozen=True)
class Rows:
    """Labeled texts; ``codes`` index the task's classes."""

    texts: list[str]
    codes: Ints

    def __len__(self) -> int:
        return len(self.texts)


def read_rows(file: Path, classes: tuple[str, ...], limit: int | None = None, seed: int = 0) -> Rows:
    """Rows of a task file; other labels (neutral) are dropped, and at most ``limit`` rows drawn."""
    table = pq.read_table(file, columns=["label", "text"])
    pairs = zip(table["label"].to_pylist(), table["text"].to_pylist(), strict=True)
    kept = [(text, classes.index(label)) for label, text in pairs if label in classes]
    if limit is not None and limit < len(kept):
        drawn = np.random.default_rng(seed).choice(len(kept), limit, replace=False)
        kept = [kept[i] for i in np.sort(drawn)]
    return Rows([text for text, _ in kept], np.array([code for _, code in kept], np.int64))


def joined(parts: list[Rows]) -> tuple[Rows, Ints]:
    """One set of several, and the part that each row is of."""
    texts = [text for part in parts for text in part.texts]
    part_of = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    return Rows(texts, np.concatenate([part.codes for part in parts])), part_of


def head(c: float) -> LogisticRegression:
    """An untrained head."""
    return LogisticRegression(C=c, max_iter=5000)


def choose_by_sets(x: Vectors, y: Ints, part: Ints) -> float:
    """Regulariser with the best mean accuracy when each set is left out in turn."""
    folds = LeaveOneGroupOut()
    return _best([float(cross_val_score(head(c), x, y, groups=part, cv=folds).mean()) for c in REGULARISERS])


def choose_by_folds(x: Vectors, y: Ints) -> float:
    """Regulariser with the best mean accuracy of five stratified folds."""
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    return _best([float(cross_val_score(head(c), x, y, cv=folds).mean()) for c in REGULARISERS])


def _best(scores: list[float]) -> float:
    return REGULARISERS[int(np.argmax(scores))]


def centred(x: Vectors, mean: Vectors) -> Vectors:
    """Vectors without their language's mean, of unit length again."""
    moved = x - mean
    return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True), np.float32)


class Heads:
    """The evaluations of one student (and its teacher, on English).

    Parameters
    ----------
    tasks : Path
        Folder with ``sentiment`` and ``topic``.
    limits : dict
        ``train``: rows of each English training set. ``validation``: rows of each set that a regulariser is chosen on.
        ``unlabeled``: target texts that a language's mean is taken over.
    """

    def __init__(self, tasks: Path, limits: dict[str, int]) -> None:
        self.tasks, self.limits = tasks, limits
        topics = pq.read_table(tasks / "topic" / "eng_Latn.sib200.train.parquet", columns=["label"])["label"]
        self.topics: tuple[str, ...] = tuple(sorted(set(topics.to_pylist())))

    def sentiment(self, name: str, split: str, limit: int | None = None) -> Rows:
        """Two-class rows of ``name`` such as ``en.sst2``."""
        return read_rows(self.tasks / "sentiment" / f"{name}.{split}.parquet", SENTIMENT, limit)

    def topic(self, language: str, splits: tuple[str, ...]) -> Rows:
        """SIB-200 rows of a language."""
        files = [self.tasks / "topic" / f"{language}.sib200.{split}.parquet" for split in splits]
        return joined([read_rows(file, self.topics) for file in files])[0]

    def sst2_hits(self, encoder: CachedEncoder) -> tuple[npt.NDArray[np.float64], float]:
        """Correctness on SST-2's test rows; the regulariser is chosen on two other sets of reviews."""
        train = self.sentiment("en.sst2", "train", self.limits["train"])
        x = encoder(train.texts)
        others = [self.sentiment(f"en.{name}", "train", self.limits["validation"]) for name in SENTIMENT_SOURCES[1:]]
        scores = [
            float(np.mean([model.score(encoder(rows.texts), rows.codes) for rows in others]))
            for model in (head(c).fit(x, train.codes) for c in REGULARISERS)
        ]
        test = self.sentiment("en.sst2", "test")
        found = head(_best(scores)).fit(x, train.codes).predict(encoder(test.texts))
        return (found == test.codes).astype(np.float64), _best(scores)

    def topic_hits(self, encoder: CachedEncoder) -> tuple[npt.NDArray[np.float64], float]:
        """Correctness on English SIB-200, dev and test rows together."""
        train, test = self.topic("eng_Latn", ("train",)), self.topic("eng_Latn", ("dev", "test"))
        c = choose_by_folds(encoder(train.texts), train.codes)
        found = head(c).fit(encoder(train.texts), train.codes).predict(encoder(test.texts))
        return (found == test.codes).astype(np.float64), c

    def english_kept(self, student: CachedEncoder, teacher: CachedEncoder) -> dict[str, Any]:
        """Accuracy of both and the paired difference in points, for each English task."""
        report: dict[str, Any] = {}
        for name, measure in (("sst2", self.sst2_hits), ("sib200", self.topic_hits)):
            (ours, our_c), (theirs, their_c) = measure(student), measure(teacher)
            report[name] = {
                "rows": len(ours),
                "student": {**mean_interval(ours).as_dict(), "C": our_c},
                "teacher": {**mean_interval(theirs).as_dict(), "C": their_c},
                "difference_points": mean_interval(100 * (ours - theirs)).as_dict(),
            }
        return report

    def zero_shot_sentiment(self, encoder: CachedEncoder) -> dict[str, Any]:
        """An English head on other languages: as it is (raw), and with each language's mean removed (centred)."""
        sources = [self.sentiment(f"en.{name}", "train", self.limits["train"]) for name in SENTIMENT_SOURCES]
        train, part = joined(sources)
        x = encoder(train.texts)
        mean = x.mean(0)
        c = choose_by_sets(x, train.codes, part)
        raw, moved = head(c).fit(x, train.codes), head(c).fit(centred(x, mean), train.codes)
        report: dict[str, Any] = {"train_rows": len(train), "C": c, "targets": {}}
        for name in SENTIMENT_TARGETS:
            rows = self.sentiment(name, "dev")
            vectors = encoder(rows.texts)
            unlabeled = encoder(self.sentiment(name, "train", self.limits["unlabeled"]).texts)
            report["targets"][name] = {
                "rows": len(rows),
                "positive_share": round(float(rows.codes.mean()), 3),
                "raw": scores(rows.codes, raw.predict(vectors), len(SENTIMENT)),
                "centred": scores(rows.codes, moved.predict(centred(vectors, unlabeled.mean(0))), len(SENTIMENT)),
            }
        return report

    def zero_shot_topic(self, encoder: CachedEncoder) -> dict[str, Any]:
        """An English SIB-200 head on the dev and test rows of six languages."""
        train = self.topic("eng_Latn", ("train",))
        x = encoder(train.texts)
        c = choose_by_folds(x, train.codes)
        model = head(c).fit(x, train.codes)
        report: dict[str, Any] = {"C": c, "targets": {}}
        right = []
        for language in TOPIC_TARGETS:
            rows = self.topic(language, ("dev", "test"))
            found = model.predict(encoder(rows.texts))
            right.append((found == rows.codes).astype(np.float64))
            report["targets"][language] = {"rows": len(rows), **scores(rows.codes, found, len(self.topics))}
        report["mean_accuracy"] = mean_of_groups(right).as_dict()
        return report


def scores(gold: Ints, found: Ints, n_classes: int) -> dict[str, Any]:
    """Accuracy and macro-F1 with their intervals."""
    return {
        "accuracy": mean_interval(gold == found).as_dict(),
        "macro_f1": macro_f1_interval(gold, found, n_classes).as_dict(),
    }
