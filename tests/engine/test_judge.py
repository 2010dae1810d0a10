"""The judge's own pieces, against hand-made cases."""

from __future__ import annotations

import numpy as np

from fowh.engine.judge import Judged, unmeasured


def test_unmeasured_rows_are_nan_and_the_others_untouched() -> None:
    columns = {
        "subject": np.array([4, 4, 9]),
        "fold": np.zeros(3, dtype=int),
        "rank1": np.array([True, False, True]),
        "distance": np.array([0.5, 1.0, 2.0]),
        "other_distance": np.ones((3, 2)),
    }
    before = Judged(np.ones((3, 4), np.float32), columns, {"ssim": np.ones(3)})
    after = unmeasured(before, np.array([False, True, False]))
    for name in ("rank1", "distance"):
        np.testing.assert_array_equal(np.isnan(after.columns[name]), [False, True, False])
    np.testing.assert_array_equal(after.columns["distance"][[0, 2]], [0.5, 2.0])
    np.testing.assert_array_equal(np.isnan(after.columns["other_distance"]).any(axis=1), [0, 1, 0])
    assert np.isnan(after.columns["other_distance"][1]).all()
    for name in ("subject", "fold"):
        np.testing.assert_array_equal(after.columns[name], columns[name])
    assert after.embeddings is before.embeddings and after.likeness is before.likeness
    assert not np.isnan(before.columns["distance"]).any()  # nobody else's columns change
