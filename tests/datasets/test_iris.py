"""Synthetic irises: what tells two eyes apart, and what must not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fowh.core.dataset import Samples
from fowh.core.errors import InputError
from fowh.datasets.iris import ANGLES, RINGS, Iris, photograph, texture

EYES, READINGS, SIDE = 40, 12, 64


@pytest.fixture(scope="module")
def samples() -> Samples:
    return Iris(people=EYES // 2, readings=READINGS).load()


@pytest.fixture(scope="module")
def images(samples: Samples) -> NDArray[np.float64]:
    """(eyes, readings, side, side)."""
    return samples.values.reshape(EYES, READINGS, SIDE, SIDE).astype(np.float64)


@pytest.fixture(scope="module")
def textures() -> NDArray[np.float32]:
    return np.stack([texture(np.random.default_rng([9, eye])) for eye in range(80)])


def radii(side: int) -> NDArray[np.float64]:
    """Distance of each pixel from the centre of the picture, whose half side is 1."""
    axis = (np.arange(side) + 0.5) * 2 / side - 1
    return np.asarray(np.hypot(axis[:, None], axis))


def test_samples_are_ordered_and_named() -> None:
    got = Iris(people=3, readings=2, side=32).load()
    assert got.modality == "image"
    assert got.values.shape == (12, 32, 32) and got.values.dtype == np.uint8
    assert got.subjects.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert got.subjects.dtype == np.int64
    assert got.names == ("p1-left", "p1-right", "p2-left", "p2-right", "p3-left", "p3-right")
    assert set(got.traits) == {"left"} and got.traits["left"].dtype == np.bool_
    assert got.traits["left"].tolist() == [name.endswith("left") for name in got.names]


def test_the_default_has_the_people_of_nd_iris() -> None:
    assert Iris().people == 356


def test_a_seed_is_a_dataset(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    first = Iris(people=3, readings=2, side=32, seed=4).load()
    other = Iris(people=3, readings=2, side=32, seed=5).load()
    monkeypatch.setenv("FOWH_CACHE_DIR", str(tmp_path))  # draw again, do not read again
    again = Iris(people=3, readings=2, side=32, seed=4).load()
    assert np.array_equal(first.values, again.values)
    assert first.sha256 == again.sha256 != other.sha256
    same = np.asarray(first.values == other.values).all(axis=(1, 2))
    assert not same.any()


def test_more_people_leave_the_first_ones_as_they_are() -> None:
    few, many = (Iris(people=people, readings=3, side=32).load() for people in (4, 6))
    assert np.array_equal(many.values[: len(few)], few.values)
    assert many.names[:8] == few.names
    assert len(np.unique(many.values, axis=0)) == len(many)  # nobody is drawn twice


@pytest.mark.parametrize("side", [16, 64, 100])
def test_all_that_is_not_iris_is_black(side: int) -> None:
    got = Iris(people=4, readings=6, side=side).load().values
    shift, pixel = 0.03 * 2**0.5, 1 / side  # the centre wanders; an edge is one pixel wide
    radius = radii(side)
    corners, hole = radius > 0.95 + shift + pixel, radius < 0.26 - shift - pixel
    assert corners.any() and hole.any()
    assert not got[:, corners].any()
    assert not got[:, hole].any()
    # below the upper lid and above the lower one there is iris on both sides
    sides = (radius > 0.55) & (radius < 0.8)
    sides[: side // 2 - side // 16] = sides[side // 2 + side // 16 :] = False
    assert (got[:, sides] > 0).mean() > 0.95


def test_readings_differ_in_pupil_and_brightness(images: NDArray[np.float64]) -> None:
    dark = (images == 0)[..., SIDE // 2 - 2 : SIDE // 2 + 2, :].mean(axis=(2, 3))
    assert (dark.std(axis=1) > 0.01).all()  # pupils of one eye are now wider, now narrower
    visible = images.sum(axis=(2, 3)) / (images > 0).sum(axis=(2, 3))
    assert (visible.std(axis=1) > 3).all()


@pytest.mark.parametrize("cue", ["mean", "contrast", "total"])
def test_brightness_tells_nothing(images: NDArray[np.float64], cue: str) -> None:
    """One-way analysis of variance: F(39, 440) exceeds 1.9 in one of 1000 draws by chance."""
    flat = images.reshape(EYES, READINGS, -1)
    iris = np.where(flat > 0, flat, np.nan)
    measure: Any = {"mean": np.nanmean, "contrast": np.nanstd, "total": np.nansum}[cue]
    value = measure(iris, axis=2)
    between = READINGS * value.mean(axis=1).var(ddof=1)
    within = value.var(axis=1, ddof=1).mean()
    assert between / within < 1.9
    # and a nearest-mean classifier of half of the readings is at chance, 1 in 40
    known, unknown = value[:, ::2].mean(axis=1), value[:, 1::2]
    guess = np.abs(unknown[:, :, None] - known).argmin(axis=2)
    assert (guess == np.arange(EYES)[:, None]).mean() < 0.08  # 240 trials: 5 standard deviations


def test_an_eye_that_is_brighter_would_be_noticed(images: NDArray[np.float64]) -> None:
    """The bound above is one that a cue of half the illumination's spread exceeds."""
    value = images.sum(axis=(2, 3)) / (images > 0).sum(axis=(2, 3))
    spread = value.std()
    tinted = value + np.random.default_rng(0).normal(0, spread / 2, (EYES, 1))
    between = READINGS * tinted.mean(axis=1).var(ddof=1)
    assert between / tinted.var(axis=1, ddof=1).mean() > 1.9


def test_textures_are_normalised_ring_by_ring(textures: NDArray[np.float32]) -> None:
    assert textures.shape == (80, RINGS, ANGLES) and textures.dtype == np.float32
    assert np.abs(textures.mean(axis=2)).max() < 1e-5
    np.testing.assert_allclose(textures.std(axis=(1, 2)), 1, atol=1e-5)


def test_textures_close_around_the_pupil(textures: NDArray[np.float32]) -> None:
    steps = np.abs(np.diff(textures, axis=2, append=textures[:, :, :1]))
    assert steps[..., -1].mean() < 1.2 * steps.mean()  # no seam where the angle is 0


def test_left_and_right_eye_share_nothing(images: NDArray[np.float64]) -> None:
    """Their textures are as far apart as those of two people (Daugman, 2004)."""
    drawn = [texture(np.random.default_rng([0, eye])) for eye in range(EYES)]
    both = np.asarray(np.corrcoef(np.stack(drawn).reshape(EYES, -1)))
    left, right = np.arange(0, EYES, 2), np.arange(1, EYES, 2)
    pairs, others = both[left, right], both[np.triu_indices(EYES, 1)]
    noise = others.std() / np.sqrt(len(pairs))
    assert abs(pairs.mean()) < 3 * noise
    assert np.abs(pairs).max() < 0.5
    # those are the textures in the pictures: the first reading is drawn from one of them
    rng = np.random.default_rng([0, 7])
    assert np.array_equal(photograph(texture(rng), SIDE, READINGS, rng), images[7])


def test_readings_of_an_eye_are_more_alike_than_eyes(images: NDArray[np.float64]) -> None:
    centred = images - images.mean(axis=(0, 1))
    first, second = centred[:, ::2].mean(axis=1), centred[:, 1::2].mean(axis=1)
    alike = np.corrcoef(first.reshape(EYES, -1), second.reshape(EYES, -1))[:EYES, EYES:]
    mated = np.diag(alike)
    non_mated = alike[~np.eye(EYES, dtype=bool)]
    assert mated.mean() > non_mated.mean() + 2 * non_mated.std()
    assert (alike.argmax(axis=1) == np.arange(EYES)).mean() > 0.5  # chance is 0.025


@pytest.mark.parametrize(
    "wrong",
    [{"people": 1}, {"readings": 1}, {"side": 15}, {"side": 513}, {"seed": -1}, {"people": -3}],
)
def test_bad_parameters_are_refused_in_one_line(wrong: dict[str, int]) -> None:
    with pytest.raises(InputError, match="iris: ") as caught:
        Iris(**wrong)
    ((name, value),) = wrong.items()
    assert f"{name}={value}" in str(caught.value)
    assert "\n" not in str(caught.value)
