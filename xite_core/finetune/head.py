"""The linear head: a multinomial logistic regression on text vectors, and a lexicon beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from xite_core.errors import BundleDamagedError
from xite_core.index.vectors_file import read_matrices, write_matrices
from xite_core.lexicon import BUCKETS, Bag, Lexicon
from xite_core.types import FloatArray, IntArray

STRENGTHS = (0.01, 0.1, 1.0, 10.0, 100.0, 1000.0, 10000.0)
"""Inverse regularisers C that are tried."""

WORSE = 2
"""So many regularisers in a row that do no better end the search: the weaker ones take longest to fit."""

MAX_ITERATIONS = 500
_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Head:
    """Class scores ``W u + b``, and those of a lexicon added where there is one.

    Parameters
    ----------
    weight : ndarray of float32, (C, d)
        W.
    bias : ndarray of float32, (C,)
        b.
    lexicon : Lexicon, optional
        Of the target languages.
    turn : ndarray of float32, (C, d), optional
        Added to W as far as a text is in the lexicon's languages, so that English is judged by W alone.
    """

    weight: FloatArray
    bias: FloatArray
    lexicon: Lexicon | None = None
    turn: FloatArray | None = None

    def scores(self, vectors: FloatArray, bag: Bag | None = None) -> FloatArray:
        """Class scores, float32 (n, C).

        Parameters
        ----------
        vectors : ndarray of float32, (n, d)
            Unit vectors.
        bag : CSR matrix, (n, BUCKETS), optional
            Features of the same texts; without it they count as English.
        """
        linear = vectors @ self.weight.T + self.bias
        if self.lexicon is None or bag is None:
            return linear
        said = linear + self.lexicon.scores(bag)
        if self.turn is None:
            return said
        share = self.lexicon.familiarity(bag).astype(np.float32)
        return np.asarray(said + share[:, None] * (vectors @ self.turn.T), np.float32)

    def probabilities(self, vectors: FloatArray, bag: Bag | None = None) -> FloatArray:
        """Distribution over the classes, float32 (n, C); arguments as in `scores`."""
        return np.asarray(softmax(self.scores(vectors, bag).astype(np.float64), axis=1), np.float32)

    def predict(self, vectors: FloatArray, bag: Bag | None = None) -> IntArray:
        """Most likely class, int64 (n,); arguments as in `scores`."""
        return np.asarray(self.scores(vectors, bag).argmax(1), np.int64)

    def write(self, path: Path) -> None:
        """Write a safetensors file."""
        arrays = {"weight": self.weight, "bias": self.bias}
        if self.lexicon is not None:
            arrays |= {"lexicon": self.lexicon.weight, "lexicon_bias": self.lexicon.bias}
        if self.turn is not None:
            arrays["turn"] = self.turn
        write_matrices(path, arrays)


def read_head(path: Path) -> Head:
    """Read what `Head.write` wrote.

    Raises
    ------
    BundleDamagedError
        If it is missing or no head.
    """
    arrays = read_matrices(path)
    try:
        lexicon = None
        if "lexicon" in arrays:
            lexicon = Lexicon(np.array(arrays["lexicon"]), np.array(arrays["lexicon_bias"]))
        turn = np.array(arrays["turn"]) if "turn" in arrays else None
        head = Head(np.array(arrays["weight"]), np.array(arrays["bias"]), lexicon, turn)
    except KeyError as error:
        raise BundleDamagedError(f"{path}: not a head (no {error})") from error
    if head.weight.ndim != 2 or head.bias.shape != head.weight.shape[:1]:
        raise BundleDamagedError(f"{path}: not a head (shapes {head.weight.shape} and {head.bias.shape})")
    if head.turn is not None and head.turn.shape != head.weight.shape:
        raise BundleDamagedError(f"{path}: not a head (its turn has shape {head.turn.shape})")
    if head.lexicon is not None and head.lexicon.weight.shape != (BUCKETS, len(head.bias)):
        raise BundleDamagedError(f"{path}: not a head (its lexicon has shape {head.lexicon.weight.shape})")
    return head


def fit_logistic(
    vectors: FloatArray,
    codes: IntArray,
    n_classes: int,
    strength: float,
    start: Head | None = None,
    poll: Callable[[], None] | None = None,
) -> Head:
    """Fit to convergence by L-BFGS: minimises ``|W|^2 / 2 + C sum_i -log p(y_i | u_i)``; the bias is free.

    The same objective as scikit-learn's ``LogisticRegression``; ours, so that a long fit can be cancelled.

    Parameters
    ----------
    vectors : ndarray of float32, (n, d)
        Unit vectors.
    codes : ndarray of int64, (n,)
        Classes.
    n_classes : int
        C.
    strength : float
        Inverse regulariser C.
    start : Head, optional
        Where to begin.
    poll : callable, optional
        Called at every iteration; may raise.
    """
    x = np.ascontiguousarray(vectors, np.float32)
    hot = np.zeros((len(x), n_classes), np.float32)
    hot[np.arange(len(x)), codes] = 1
    shape = (n_classes, x.shape[1] + 1)

    def loss(flat: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        if poll:
            poll()
        table = flat.reshape(shape)
        logs = log_softmax((x @ table[:, :-1].T.astype(np.float32)).astype(np.float64) + table[:, -1], axis=1)
        error = np.exp(logs) - hot
        gradient = np.empty(shape)
        gradient[:, :-1] = error.T.astype(np.float32) @ x + table[:, :-1] / strength
        gradient[:, -1] = error.sum(0)
        value = -float((hot * logs).sum()) + float((table[:, :-1] ** 2).sum()) / (2 * strength)
        return value / len(x), gradient.ravel() / len(x)

    first = np.zeros(shape) if start is None else np.hstack([start.weight, start.bias[:, None]]).astype(np.float64)
    options = {"maxiter": MAX_ITERATIONS, "gtol": _TOLERANCE, "ftol": 1e-10}
    table = minimize(loss, first.ravel(), jac=True, method="L-BFGS-B", options=options).x.reshape(shape)
    return Head(table[:, :-1].astype(np.float32), table[:, -1].astype(np.float32))


def fit_head(
    vectors: FloatArray,
    codes: IntArray,
    held_out: tuple[FloatArray, IntArray],
    n_classes: int,
    poll: Callable[[], None] | None = None,
) -> tuple[Head, float]:
    """Fit the English head, its regulariser chosen by the likelihood of held-out English rows (ours).

    Parameters
    ----------
    vectors, codes : ndarray, (n, d) and (n,)
        English anchors.
    held_out : pair of ndarray, (v, d) and (v,)
        English validation rows.
    n_classes : int
        C.
    poll : callable, optional
        Called at every iteration; may raise.

    Returns
    -------
    head, strength
        The head and its C; of equal ones the more regularised.
    """
    best: tuple[Head, float] | None = None
    best_loss, head = np.inf, None
    worse = 0
    for strength in STRENGTHS:
        head = fit_logistic(vectors, codes, n_classes, strength, head, poll)
        likely = head.probabilities(held_out[0])[np.arange(len(held_out[1])), held_out[1]]
        loss = -float(np.log(np.maximum(likely, 1e-12)).mean())
        if best is None or loss < best_loss - 1e-6:
            best, best_loss, worse = (head, strength), loss, 0
        elif (worse := worse + 1) == WORSE:
            break
    assert best is not None
    return best
