"""The language subspace: LDA with the language or the task label as the class, and its projections (METHOD step 2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh

from xite_core.errors import InputError
from xite_core.types import FloatArray, IntArray, SubspaceKind

Float64Array = npt.NDArray[np.float64]


LABEL_SAMPLE = 20_000
"""Labeled rows on which the label subspace is fitted; a few more where a label is rare."""

FEWEST = 2
"""Vectors of each class, at least: fewer have no scatter."""


@dataclass(frozen=True, slots=True)
class Subspace:
    """A fitted discriminant subspace of rank r, float64.

    With Q an orthonormal basis of the span of the LDA scalings W and S_w the shrunk within-class scatter, the oblique
    projector is ``P = S_w W (W^T S_w W)^-1 W^T = A Q^T`` with ``A = S_w Q (Q^T S_w Q)^-1``: the columns of W are
    filters, and what they filter out lies in the span of ``S_w W``, the differences of the class means (ours).

    Parameters
    ----------
    classes : tuple of str
        Languages or labels, in the order of ``means``.
    mean : ndarray, (d,)
        Mean of the class means.
    means : ndarray, (C, d)
        Class means.
    scalings : ndarray, (d, r)
        W, with ``W^T S_w W = I``.
    basis : ndarray, (d, r)
        Q.
    carrier : ndarray, (d, r)
        A, with ``Q^T A = I``.
    """

    classes: tuple[str, ...]
    mean: Float64Array
    means: Float64Array
    scalings: Float64Array
    basis: Float64Array
    carrier: Float64Array

    @property
    def rank(self) -> int:
        """r, the rank of P: the number of classes less one, at most d."""
        return int(self.basis.shape[1])

    @property
    def projector(self) -> Float64Array:
        """P, (d, d); idempotent."""
        return self.carrier @ self.basis.T

    def rich(self, vectors: FloatArray) -> FloatArray:
        """``mu + P (u - mu)``, float32 (n, d): the target's language signature."""
        return (self.mean + (vectors - self.mean) @ self.basis @ self.carrier.T).astype(np.float32)

    def neutral(self, vectors: FloatArray) -> FloatArray:
        """``mu + (I - P)(u - mu)``, float32 (n, d): what is left without the language."""
        return (vectors - (vectors - self.mean) @ self.basis @ self.carrier.T).astype(np.float32)

    def orthogonal(self, vectors: FloatArray) -> FloatArray:
        """``mu + Q Q^T (u - mu)``, float32 (n, d)."""
        return (self.mean + (vectors - self.mean) @ self.basis @ self.basis.T).astype(np.float32)

    def predict(self, vectors: FloatArray) -> IntArray:
        """Nearest class mean in the LDA metric, int64 (n,): the code of the most likely class under equal priors.

        Parameters
        ----------
        vectors : ndarray of float32, (n, d)
            Unit vectors.
        """
        scaled = vectors @ self.scalings
        centres = self.means @ self.scalings
        return np.asarray(((centres**2).sum(1) - 2 * scaled @ centres.T).argmin(1), np.int64)


def fit_subspace(vectors: FloatArray, codes: IntArray, classes: tuple[str, ...]) -> Subspace:
    """Fit LDA by the generalised eigenproblem of S_b against one Ledoit-Wolf-shrunk S_w, in float64.

    scikit-learn's ``eigen`` solver shrinks the total and the within-class scatter separately before it subtracts them,
    which makes the projector inexact; here both scatters come from the same decomposition.

    Parameters
    ----------
    vectors : ndarray of float32, (n, d)
        Balanced over the classes.
    codes : ndarray of int64, (n,)
        Class of each vector.
    classes : tuple of str
        Names of the classes.

    Raises
    ------
    InputError
        If there are fewer than two classes or a class has fewer than two vectors.
    """
    from sklearn.covariance import LedoitWolf  # slow to import, and only a build fits

    counts = np.bincount(codes, minlength=len(classes))
    if len(classes) < 2 or counts.min() < FEWEST:
        raise InputError(
            "a subspace needs at least two classes with two texts each; found " + _listing(classes, counts)
        )
    x = vectors.astype(np.float64)
    means = np.stack([x[codes == code].mean(0) for code in range(len(classes))])
    mean = means.mean(0)
    within = LedoitWolf(assume_centered=True, store_precision=False).fit(x - means[codes]).covariance_
    between = (means - mean).T @ (means - mean) / len(classes)
    rank = min(len(classes) - 1, x.shape[1])
    _, vectors_of = eigh(between, within)
    scalings = np.ascontiguousarray(vectors_of[:, ::-1][:, :rank])
    basis = np.linalg.qr(scalings)[0]
    carrier = np.linalg.solve(basis.T @ within @ basis, (within @ basis).T).T
    return Subspace(classes, mean, means, scalings, basis, carrier)


def fit_label_subspace(vectors: FloatArray, codes: IntArray, labels: tuple[str, ...], seed: int = 0) -> Subspace:
    """LDA with the task label as the class, on a sample of labeled English that holds every label.

    Parameters
    ----------
    vectors : ndarray of float32, (n, d)
        Labeled English.
    codes : ndarray of int64, (n,)
        Their labels.
    labels : tuple of str
        Names of the labels.
    seed : int
        Of the sample.

    Raises
    ------
    InputError
        If there are fewer than two labels, or a label has fewer than two rows.
    """
    counts = np.bincount(codes, minlength=len(labels))
    few = int(counts.argmin())
    if counts[few] < FEWEST:
        raise InputError(
            f"label {labels[few]!r} has too few rows ({counts[few]}); at least {FEWEST} of each label are needed: add "
            "some, or leave the label out"
        )
    order = np.random.default_rng(seed).permutation(len(vectors))
    rare = [order[codes[order] == code][:FEWEST] for code in range(len(labels))]
    drawn = np.unique(np.concatenate([order[:LABEL_SAMPLE], *rare]))
    return fit_subspace(vectors[drawn], codes[drawn], labels)


def _listing(classes: tuple[str, ...], counts: IntArray) -> str:
    return ", ".join(f"{name}: {count}" for name, count in zip(classes, counts, strict=True)) or "none"


@dataclass(frozen=True, slots=True)
class Subspaces:
    """The two readings of the method's subspace: by language, and by task label on English."""

    language: Subspace
    label: Subspace

    def project(self, vectors: FloatArray, kind: SubspaceKind) -> FloatArray:
        """``pi(u)``, float32 (n, d): the target end of the interpolation."""
        match kind:
            case SubspaceKind.NONE:
                return vectors
            case SubspaceKind.RICH:
                return self.language.rich(vectors)
            case SubspaceKind.NEUTRAL:
                return self.language.neutral(vectors)
            case SubspaceKind.ORTHOGONAL:
                return self.language.orthogonal(vectors)
            case SubspaceKind.LABEL:
                return self.label.rich(vectors)
