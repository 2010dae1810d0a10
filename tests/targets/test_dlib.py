"""The dlib target: detection, the torch port against dlib itself, recognition on real faces."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from fowh.core.errors import InputError
from fowh.core.target import Prepared
from fowh.datasets.orl import Orl
from fowh.targets import _faces
from fowh.targets import dlib as target_file
from fowh.targets.dlib import Dlib

PEOPLE = 4  # of ORL; three readings each


@pytest.fixture(scope="module")
def photographs() -> NDArray[np.uint8]:
    return Orl().load().values.reshape(40, 10, 112, 92)[::10, :3].reshape(-1, 112, 92)


@pytest.fixture(scope="module")
def prepared(photographs: NDArray[np.uint8]) -> Prepared:
    return Dlib().prepare(photographs)


@pytest.fixture(scope="module")
def embeddings(prepared: Prepared) -> NDArray[np.float32]:
    return Dlib().embed(prepared.samples)


def colour(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Grey images with another tint in every channel."""
    tint = np.array([1.0, 0.8, 0.6])
    return np.asarray(images[..., None] * tint).astype(np.uint8)


def test_faces_are_found_and_aligned(photographs: NDArray[np.uint8], prepared: Prepared) -> None:
    assert prepared.samples.shape == (len(photographs), 150, 150)
    assert prepared.samples.dtype == np.uint8
    assert prepared.found.all()
    # upright chips put the eyes on one line: dlib's five landmarks, found anew on the chip
    import dlib

    detector = dlib.get_frontal_face_detector()
    marks = dlib.shape_predictor(str(_faces.weights(target_file.LANDMARKS)))
    for chip in prepared.samples[::3]:
        scene = np.pad(chip, 60, mode="edge")
        face = marks(scene, detector.run(scene, 1, -0.5)[0][0])
        eyes = np.array([(face.part(i).x - 60, face.part(i).y - 60) for i in range(4)])
        assert abs(eyes[:2, 1].mean() - eyes[2:, 1].mean()) < 6
        assert abs(eyes[:, 0].mean() - 75) < 8


def embed_dlib(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The reference: dlib itself, on the CPU; about ten times slower than the port."""
    rgb = images if images.ndim == 4 else np.repeat(images[..., None], 3, axis=-1)
    model = _faces.dlib().face_recognition_model_v1(str(_faces.weights(target_file.NETWORK)))
    return np.array(model.compute_face_descriptor(list(rgb)), dtype=np.float32)


def test_the_port_agrees_with_dlib(prepared: Prepared, embeddings: NDArray[np.float32]) -> None:
    target = Dlib()
    reference = embed_dlib(prepared.samples[:6])
    assert np.abs(embeddings[:6] - reference).max() <= 1e-4
    tinted = colour(prepared.samples[6:8])
    assert np.abs(target.embed(tinted) - embed_dlib(tinted)).max() <= 1e-4
    assert np.abs(target.embed(tinted) - embed_dlib(prepared.samples[6:8])).max() > 1e-2


def test_people_are_told_apart(embeddings: NDArray[np.float32]) -> None:
    assert embeddings.shape == (3 * PEOPLE, 128) and embeddings.dtype == np.float32
    distances = np.linalg.norm(embeddings[:, None] - embeddings, axis=2)
    same = np.equal.outer(*[np.repeat(np.arange(PEOPLE), 3)] * 2)
    assert distances[same].max() < 0.55 < distances[~same].min()


def test_colour_photographs_give_colour_chips(
    photographs: NDArray[np.uint8], prepared: Prepared, embeddings: NDArray[np.float32]
) -> None:
    grey_in_rgb = np.repeat(photographs[:2, ..., None], 3, axis=-1)
    got = Dlib().prepare(grey_in_rgb)
    assert got.samples.shape == (2, 150, 150, 3) and got.found.all()
    assert np.abs(got.samples.astype(int) - prepared.samples[:2, ..., None]).max() <= 1
    assert np.abs(Dlib().embed(got.samples) - embeddings[:2]).max() < 1e-2


@pytest.mark.parametrize("shape", [(112, 92), (300, 400), (64, 64, 3)])
def test_where_no_face_is_found_the_centre_is_taken(shape: tuple[int, ...]) -> None:
    height, width = shape[:2]
    side = min(height, width)
    image = np.full((1, *shape), 40, dtype=np.uint8)
    top, left = (height - side) // 2, (width - side) // 2
    image[:, top : top + side, left : left + side] = 200
    got = Dlib().prepare(image)
    assert got.found.tolist() == [False]
    assert got.samples.shape == (1, 150, 150, *shape[2:]) and (got.samples == 200).all()
    assert np.isfinite(Dlib().embed(got.samples)).all()


def test_a_larger_photograph_of_the_same_face_is_the_same_face(
    photographs: NDArray[np.uint8], embeddings: NDArray[np.float32]
) -> None:
    larger = np.asarray(Image.fromarray(photographs[0]).resize((368, 448)))  # not enlarged again
    got = Dlib().prepare(larger[None])
    assert got.found.all()
    assert np.linalg.norm(Dlib().embed(got.samples)[0] - embeddings[0]) < 0.3


@pytest.mark.parametrize("side", [64, 300])
def test_other_sizes_are_resized(
    side: int, prepared: Prepared, embeddings: NDArray[np.float32]
) -> None:
    chips = [np.asarray(Image.fromarray(chip).resize((side, side))) for chip in prepared.samples]
    got = Dlib().embed(np.stack(chips))
    assert np.linalg.norm(got - embeddings, axis=1).max() < 0.3  # the same person still


def test_embedding_is_deterministic_and_row_by_row(
    prepared: Prepared, embeddings: NDArray[np.float32]
) -> None:
    before = prepared.samples.copy()
    again = Dlib().embed(prepared.samples)
    assert again.tobytes() == embeddings.tobytes()
    assert np.array_equal(prepared.samples, before)
    assert np.abs(Dlib().embed(prepared.samples[5:6]) - embeddings[5]).max() < 1e-5
    many = np.tile(prepared.samples, (6, 1, 1))[:66]  # more than one batch
    assert np.abs(Dlib().embed(many)[64:] - embeddings[4:6]).max() < 1e-5
    assert Dlib().embed(prepared.samples[:0]).shape == (0, 128)


def test_the_module_is_frozen_and_differentiable(
    prepared: Prepared, embeddings: NDArray[np.float32]
) -> None:
    network = Dlib().module()
    assert not network.training
    assert not any(weight.requires_grad for weight in network.parameters())
    images = torch.tensor(prepared.samples[:2])[:, None].float() / 255
    images.requires_grad_()
    out = network(images)
    assert np.abs(out.detach().numpy() - embeddings[:2]).max() < 1e-5
    rgb = network(images.detach().expand(-1, 3, -1, -1))
    assert (rgb - out).abs().max() < 1e-5
    # the gradient is that of the network: a step along it lowers the distance to another face
    goal = torch.tensor(embeddings[-2:])
    loss = (out - goal).square().sum()
    (slope,) = torch.autograd.grad(loss, images)
    assert torch.isfinite(slope).all() and (slope.abs() > 0).float().mean() > 0.5
    step = 1e-3 / slope.norm()
    with torch.no_grad():
        moved = (network(images - step * slope) - goal).square().sum()
    assert moved.item() - loss.item() == pytest.approx(-1e-3 * slope.norm().item(), rel=0.1)
    small = torch.rand(1, 1, 64, 64, requires_grad=True)
    (slope,) = torch.autograd.grad(network(small).sum(), small)
    assert (slope != 0).float().mean() > 0.5


def test_a_module_is_nobody_elses(prepared: Prepared, embeddings: NDArray[np.float32]) -> None:
    network = Dlib().module()
    for weight in network.parameters():
        weight.zero_()
    assert not network(torch.rand(1, 1, 150, 150)).any()
    assert np.abs(Dlib().embed(prepared.samples[:1]) - embeddings[:1]).max() < 1e-5


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 9, 9), dtype=np.float32),
        np.zeros((9, 9), dtype=np.uint8),
        np.zeros((2, 9, 9, 4), dtype=np.uint8),
    ],
)
def test_wrong_images_are_refused(images: Any) -> None:
    for take in (Dlib().prepare, Dlib().embed):
        with pytest.raises(InputError, match="expected uint8"):
            take(images)


def test_the_digest_covers_the_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    whole = Dlib().sha256
    assert whole == Dlib().sha256 and len(whole) == 64
    damaged = tmp_path / target_file.NETWORK
    data = bytearray(_faces.weights(target_file.NETWORK).read_bytes())
    data[-1000] ^= 1
    damaged.write_bytes(data)
    find = _faces.weights
    monkeypatch.setattr(
        _faces, "weights", lambda name: damaged if name == damaged.name else find(name)
    )
    assert Dlib().sha256 != whole


def test_weights_that_nobody_published_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A wheel of the same name with another network in it."""
    (tmp_path / "models").mkdir()
    data = bytearray(_faces.weights(target_file.NETWORK).read_bytes())
    data[-1] ^= 1
    (tmp_path / "models" / target_file.NETWORK).write_bytes(data)
    place = SimpleNamespace(origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(_faces, "find_spec", lambda name: place)
    with pytest.raises(InputError, match=r"is not the file that was published .*reinstall"):
        _faces.weights(target_file.NETWORK)


def test_without_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_faces, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install face-recognition-models"):
        Dlib().module()


@pytest.mark.slow
def test_recognition_on_all_of_orl() -> None:
    """FNMR 0.0 / 1.2 % at FMR 1 % / 0.1 % and 400 faces found were measured beforehand."""
    samples = Orl().load()
    ready = Dlib().prepare(samples.values)
    assert ready.found.all()
    x = Dlib().embed(ready.samples).astype(np.float64)
    squares = (x**2).sum(axis=1)
    left, right = np.triu_indices(len(x), 1)
    distances = (squares[:, None] + squares - 2 * x @ x.T)[left, right]
    mated = samples.subjects[left] == samples.subjects[right]
    for fmr, limit in ((1e-2, 0.005), (1e-3, 0.02)):
        threshold = np.quantile(distances[~mated], fmr)
        assert (distances[mated] > threshold).mean() <= limit
