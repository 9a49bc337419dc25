"""k-means, and how well its clusters agree with labels (paper sections 5.2 and 5.3): for images, objects and parts."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from vitscope.errors import ModelError

STARTS = 10  # n_init of the scikit-learn of 2022, on which the published numbers rest; its default is 1 today
SCORES = ("purity", "nmi", "ari")


def kmeans(vectors_ID: np.ndarray, clusters: int, seed: int = 0) -> np.ndarray:
    """The cluster of every row, int64 (I,), by scikit-learn's k-means: k-means++, Lloyd, ten starts, seeded.

    Features are taken as they are: no standardising, no unit length. Where fewer rows than `clusters` differ, some
    clusters stay empty. Raises ModelError for features that are not finite.
    """
    vectors = np.asarray(vectors_ID, dtype=np.float32)
    if not np.isfinite(vectors).all():
        raise ModelError(
            "features that are not finite cannot be clustered: the activations overflow in this number format, so try "
            "--precision fp32 or another checkpoint."
        )
    options: dict[str, Any] = {"n_clusters": clusters, "n_init": STARTS, "random_state": seed}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # rows that are all alike: said above
        return np.asarray(KMeans(**options).fit_predict(vectors), dtype=np.int64)


def scores(labels_I: np.ndarray, clusters_I: np.ndarray) -> tuple[float, float, float]:
    """Purity, NMI and ARI, in the order of SCORES, of clusters against labels."""
    return purity(labels_I, clusters_I), nmi(labels_I, clusters_I), ari(labels_I, clusters_I)


def purity(labels_I: np.ndarray, clusters_I: np.ndarray) -> float:
    """Share of the rows that have the commonest label of their cluster: 1/n · Σ_c max_y |c ∩ y|.

    1 when every row is a cluster of its own; the share of the largest class when there is one cluster.

    >>> purity(np.array([0, 0, 0, 1, 1, 1, 2, 2, 2, 2]), np.array([1, 1, 0, 0, 0, 0, 2, 2, 2, 1]))
    0.8
    """
    return float(contingency(labels_I, clusters_I).max(axis=0).sum() / len(labels_I))


def nmi(labels_I: np.ndarray, clusters_I: np.ndarray) -> float:
    """Mutual information over the arithmetic mean of the two entropies, as scikit-learn computes it."""
    return float(normalized_mutual_info_score(labels_I, clusters_I, average_method="arithmetic"))


def ari(labels_I: np.ndarray, clusters_I: np.ndarray) -> float:
    """Rand index adjusted for chance (Hubert and Arabie 1985), as scikit-learn computes it: 0 by chance, 1 at best."""
    return float(adjusted_rand_score(labels_I, clusters_I))


def contingency(labels_I: np.ndarray, clusters_I: np.ndarray) -> np.ndarray:
    """How many rows have each label in each cluster, int64 (labels, clusters), both in ascending order."""
    names, label = np.unique(labels_I, return_inverse=True)
    groups, cluster = np.unique(clusters_I, return_inverse=True)
    counts = np.zeros((len(names), len(groups)), dtype=np.int64)
    np.add.at(counts, (label, cluster), 1)
    return counts
