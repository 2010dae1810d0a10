"""Labels behind updates, by the last layer's bias."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fowh.core.view import View


def labels_of(view: View) -> NDArray[np.int64]:
    """Classes (u, each) behind every row: 1 - answer is missing from the bias where a label was.

    A sample's gradient of the last bias is its answer minus one at its label (Zhao et al. 2020,
    iDLG). Alone, that is the only one below zero, however long the gradient is; over a batch the
    answers are taken to be as they are on the attacker's own samples.
    """
    count, classes = len(view.release), view.embeddings.shape[1]
    each = view.release.each
    left = -view.release.code[:, -classes:]
    if each > 1:
        left = left + view.embeddings.mean(axis=0)
    labels = np.empty((count, each), dtype=np.int64)
    for place in range(each):
        labels[:, place] = left.argmax(axis=1)
        left[np.arange(count), labels[:, place]] -= 1 / each
    return labels
