"""The union of balls against a double loop, and what it says of clouds that are known."""

import numpy as np
import pytest

from fowh.metrics import realism
from fowh.metrics.realism import NEIGHBOURS, Manifold


def cloud(count: int, seed: int, dimension: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, dimension))


def by_hand(real: np.ndarray, made: np.ndarray) -> list[bool]:
    """Each real point reaches as far as its third nearest other; is a made one reached?"""
    reach = []
    for i, point in enumerate(real):
        others = [np.linalg.norm(point - other) for j, other in enumerate(real) if j != i]
        reach.append(sorted(others)[min(NEIGHBOURS, len(others)) - 1])
    return [
        any(np.linalg.norm(point - centre) <= r for centre, r in zip(real, reach, strict=True))
        for point in made
    ]


@pytest.mark.parametrize("count", [2, 3, 4, 5, 30])
def test_agrees_with_a_double_loop(count: int) -> None:
    real, made = cloud(count, 1), 1.5 * cloud(80, 2)
    found = Manifold.of(real).holds(made)
    assert found.dtype == np.bool_
    assert found.tolist() == by_hand(real, made)
    if count == 30:
        assert 0 < found.mean() < 1  # both answers were checked


def test_radii_on_a_line() -> None:
    manifold = Manifold.of(np.array([[0.0], [1], [3], [7], [20]]))
    assert manifold.radii == pytest.approx([49, 36, 16, 49, 19**2])  # squared, the third nearest
    inside = manifold.holds(np.array([[-7.0], [-7.1], [12.9], [39.0], [39.1]]))
    assert inside.tolist() == [True, False, True, True, False]


def test_real_points_are_inside_and_so_are_most_of_the_same_cloud_but_none_far_away() -> None:
    real = cloud(400, 3)
    manifold = Manifold.of(real)
    assert manifold.holds(real).all()
    held_out = manifold.holds(cloud(400, 4)).mean()
    assert 0.6 < held_out < 1  # left-out real ones do not reach 1 either
    assert not manifold.holds(cloud(50, 5) + 10).any()


def test_a_repeated_picture_reaches_nobody_else() -> None:
    """Four copies of one point: its third nearest neighbour is itself."""
    manifold = Manifold.of(np.concatenate([np.zeros((4, 2)), [[100.0, 0]]]))
    assert manifold.radii[:4] == pytest.approx(0)
    assert manifold.holds(np.zeros((1, 2))).all()
    assert not manifold.holds(np.array([[0.0, -0.5]])).all()


@pytest.mark.parametrize("block", [1, 7, 64])
def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    real, made = cloud(50, 6), 1.3 * cloud(61, 7)
    whole = Manifold.of(real)
    inside = whole.holds(made)
    monkeypatch.setattr(realism, "_BLOCK", block)
    parts = Manifold.of(real)
    np.testing.assert_allclose(parts.radii, whole.radii, rtol=1e-10)
    np.testing.assert_array_equal(parts.holds(made), inside)


def test_single_precision_is_measured_in_double_and_left_alone() -> None:
    real = (cloud(60, 8) + 300).astype(np.float32)  # far from the origin, where float32 is coarse
    before = real.copy()
    made = (1.5 * cloud(60, 9) + 300).astype(np.float32)
    assert Manifold.of(real).holds(made).tolist() == by_hand(
        real.astype(np.float64), made.astype(np.float64)
    )
    np.testing.assert_array_equal(real, before)


def test_nothing_made_is_nothing_inside() -> None:
    assert Manifold.of(cloud(5, 1)).holds(np.empty((0, 6))).shape == (0,)
