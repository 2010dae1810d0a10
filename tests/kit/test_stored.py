"""Every stored column as numbers, and those of them that vary."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fowh.core.release import Release
from fowh.kit import ridge
from fowh.kit.stored import LIMIT, Stored, columns

RNG = np.random.default_rng(0)
HIDDEN = RNG.standard_normal((1000, 6)).astype(np.float32)


def test_numbers_are_numbers_and_bytes_are_bits() -> None:
    release = Release(
        np.array([[True], [False]]),
        {
            "b": np.array([[True, False], [False, False]]),
            "a": np.array([[3], [255]], dtype=np.uint8),
        },
    )
    expected = [[1, *(0, 0, 0, 0, 0, 0, 1, 1), 3, 1, 0], [0, *(1,) * 8, 255, 0, 0]]
    assert columns(release).tolist() == expected  # the code, then aux by name
    assert columns(Release(np.zeros((2, 0)))).shape == (2, 0)


def test_signed_numbers_are_bits_and_floats_too() -> None:
    """Bits of each byte, the number itself, then what else its bytes may be."""
    whole = Release(np.array([[-7], [9]], dtype="<i2"))
    assert columns(whole).tolist() == [[-7], [9]]
    made = columns(whole, deep=True)
    assert made[:, :17].tolist() == [
        [*(1, 1, 1, 1, 1, 0, 0, 1), *(1,) * 8, -7],
        [*(0, 0, 0, 0, 1, 0, 0, 1), *(0,) * 8, 9],
    ]
    half = np.array([0x0900], ">u2").view(">f2")[0]  # nine, read from the other end
    assert made.shape == (2, 19) and made[1, 18] == half


def packed(dtype: str) -> Any:
    raw = np.ascontiguousarray(HIDDEN.astype(dtype)).view(np.uint8)
    return raw.reshape(len(HIDDEN), -1)


@pytest.mark.parametrize(
    "column",
    [
        HIDDEN,
        HIDDEN.astype(np.float64)[:, :, None],
        HIDDEN + 1j,
        (1000 * HIDDEN).astype(np.int16),
        (30 * HIDDEN + 128).clip(0, 255).astype(np.uint8),
        (1000 * HIDDEN + 9000).astype(np.uint16),
        packed("<f4"),
        packed("<f2"),
        packed("<f8"),
        packed("<f4").view("S24"),
    ],
    ids=lambda column: str(column.dtype),
)
def test_a_vector_is_found_however_it_is_stored(column: Any) -> None:
    """By a linear map, beside a salt and a constant."""
    salt = RNG.integers(0, 256, (1000, 8), dtype=np.uint8)
    release = Release(salt, {"version": np.ones(1000, np.uint8), "x": column})
    stored = Stored.of(release[:900], HIDDEN[:900])
    weights = ridge.fit(stored(release[:900]), HIDDEN[:900], 1.0)
    found = stored(release[900:]) @ weights
    assert np.corrcoef(found.ravel(), HIDDEN[900:].ravel())[0, 1] > 0.95


def test_what_does_not_vary_or_is_no_number_is_left_out_and_all_else_has_one_scale() -> None:
    code = np.stack([np.full(1000, 7.0), 1e6 * HIDDEN[:, 0], HIDDEN[:, 1]], axis=1)
    wild = np.where(np.arange(1000) == 3, np.nan, HIDDEN[:, 2])
    stored = Stored.of(Release(code, {"wild": wild}), HIDDEN)
    assert stored.kept.tolist() == [1, 2]
    seen = stored(Release(code, {"wild": wild}))
    np.testing.assert_allclose(seen.std(axis=0), 1, atol=0.02)
    far = np.array([[7, np.inf, 1e9]])
    assert stored(Release(far, {"wild": wild[:1]})).tolist() == [[0, LIMIT]]


def test_noise_pushes_nothing_out() -> None:
    noise = RNG.integers(0, 2, (1000, 900), dtype=np.uint8).astype(bool)
    stored = Stored.of(Release(noise, {"x": HIDDEN}), HIDDEN, most=20)
    assert len(stored.kept) == 20
    assert set(range(900, 906)) <= set(stored.kept.tolist())
