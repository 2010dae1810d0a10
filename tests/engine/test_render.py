"""A whole cell with pictures: a linear target, smooth faces, a short training of the inverter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from fowh.core.attack import Attack
from fowh.core.cache import Arrays
from fowh.core.dataset import Dataset, Samples
from fowh.core.registry import load
from fowh.core.target import Prepared, Target
from fowh.core.view import View
from fowh.engine.cell import Cell, Threat, observe
from fowh.kit.images import alike, resize
from fowh.records.summarise import summarise
from fowh.report import html, plots

WEIGHTS = np.random.default_rng(9).normal(size=(64 * 64, 24)).astype(np.float32) / 64


@dataclass(frozen=True)
class Blobs(Dataset):
    """Ten subjects with four smooth pictures each."""

    def load(self) -> Samples:
        rng = np.random.default_rng(0)
        people = rng.normal(size=(10, 1, 4, 4)) + 0.2 * rng.normal(size=(10, 4, 4, 4))
        smooth = np.kron(people.reshape(40, 4, 4), np.ones((16, 16)))
        pictures = np.clip(128 + 40 * smooth, 0, 255).astype(np.uint8)
        names = tuple(f"s{number}" for number in range(10))
        return Samples(np.repeat(np.arange(10), 4), names, "blobs", images=pictures)


@dataclass(frozen=True)
class Linear(Target):
    """Pixels times a matrix; the last picture is one in which nothing is found."""

    def prepare(self, images: np.ndarray) -> Prepared:
        return Prepared(images, np.arange(len(images)) < len(images) - 1)

    def embed(self, images: np.ndarray, device: str = "cpu") -> np.ndarray:
        return images.reshape(len(images), -1).astype(np.float32) / 255 @ WEIGHTS

    @property
    def sha256(self) -> str:
        return "linear"


def run(attacks: tuple[Attack, ...], **threat: Any) -> tuple[dict[str, Any], Arrays]:
    cell = Cell(Blobs(), Linear(), load("scheme", "lsh:bits=256"), attacks, Threat(**threat))
    samples = cell.dataset.load()
    found = observe(cell, samples, "cpu", lambda text, fraction: None)
    return summarise(cell, samples, found, "cpu")


TINY = "morph_gan:queries=60,steps=2,batch=8,channels=4"


@pytest.fixture(scope="module")
def cell() -> tuple[dict[str, Any], Arrays]:
    return run((load("attack", "preimage"), load("attack", TINY)))


def test_the_inverter_is_judged_on_its_one_fold(cell: tuple[dict[str, Any], Arrays]) -> None:
    record, _ = cell
    name = next(name for name in record["attacks"] if name.startswith("morph_gan"))
    row = record["attacks"][name]
    assert (row["status"], row["folds"], row["metrics"]["rank1"]["n"]) == ("ok", 1, 8)
    assert row["queries"] == 60 + 2 * 8
    assert -1 <= row["metrics"]["ssim"]["value"] <= 1
    assert record["attacks"]["preimage"]["folds"] == 5
    assert record["data"]["not_found"] == 1
    assert "faces-not-found" in [flag["flag"] for flag in record["flags"]]


def test_embeddings_become_pictures_and_are_compared_with_blind_pictures(
    cell: tuple[dict[str, Any], Arrays],
) -> None:
    record, observations = cell
    face = record["faces"]["preimage"]["metrics"]
    assert face["rank1"]["n"] == 8
    blind = [
        observations[f"control.{name}.rank1"][:8].mean()
        for name in ("random", "mean", "medoid", "shuffled", "mean_face", "shuffled_face")
    ]
    expected = face["rank1"]["value"] - max(blind)
    assert face["advantage_rank1"]["value"] == pytest.approx(expected)
    assert set(record["controls"]) >= {"unprotected_face", "mean_face", "shuffled_face"}


def test_the_worst_case_counts_pictures_on_their_own_rows_only(
    cell: tuple[dict[str, Any], Arrays],
) -> None:
    record, observations = cell
    name = next(name for name in record["attacks"] if name.startswith("morph_gan"))
    best = observations["attack.preimage.rank1"].astype(float)
    for row in (f"attack.{name}.rank1", "face.preimage.rank1"):
        best[:8] = np.maximum(best[:8], observations[row])
    assert record["worst"]["metrics"]["rank1"]["value"] == pytest.approx(best.mean())
    assert record["worst"]["metrics"]["rank1"]["n"] == 40


def test_the_report_shows_the_pictures(cell: tuple[dict[str, Any], Arrays]) -> None:
    record, observations = cell
    shown = [name for name in observations if name.startswith("image.")]
    assert {"image.original", "image.nearest", "image.face.preimage"} <= set(shown)
    assert len(observations["image.original"]) == 2  # a picture for each victim of the fold
    page = html.render(record, observations)
    assert "data:image/" in page
    assert plots.summary(record, observations).startswith(b"\x89PNG")


@dataclass(frozen=True)
class Odd(Attack):
    """Returns pictures that cannot be judged."""

    yields = "images"
    side: int = 5

    def run(self, view: View, rng: np.random.Generator) -> np.ndarray:
        return np.zeros((len(view.release), self.side, self.side), dtype=np.uint8)


def test_unusable_pictures_fail_their_own_row_only() -> None:
    record, _ = run((load("attack", "preimage"), Odd()))
    name = next(name for name in record["attacks"] if "Odd" in name)
    assert record["attacks"][name]["status"] == "failed"
    assert "(8, s, s[, 3]) uint8" in record["attacks"][name]["reason"]
    assert record["attacks"]["preimage"]["status"] == "ok"
    assert record["status"] == "failed"


@dataclass(frozen=True)
class Vandal(Attack):
    """Overwrites all that it is given."""

    def run(self, view: View, rng: np.random.Generator) -> np.ndarray:
        view.release.code[:] = 0
        view.scheme.public["mean"][:] = 1e3
        view.embeddings[:] = 0
        return np.zeros_like(view.embeddings, shape=(len(view.release), 24))


def test_what_an_attack_does_to_its_view_reaches_nobody_else() -> None:
    alone, _ = run((load("attack", "preimage"),))
    after, _ = run((Vandal(), load("attack", "preimage")))
    assert after["attacks"]["preimage"]["metrics"] == alone["attacks"]["preimage"]["metrics"]
    assert after["controls"]["unprotected"] == alone["controls"]["unprotected"]


def test_a_tiny_budget_raises_the_flag() -> None:
    record, _ = run((load("attack", TINY),), queries=20)
    assert "budget-exhausted" in [flag["flag"] for flag in record["flags"]]


def test_resizing_and_colours() -> None:
    grey = np.arange(2 * 20 * 20, dtype=np.uint8).reshape(2, 20, 20)
    assert resize(grey, 20) is grey
    assert resize(grey, 11).shape == (2, 11, 11)
    colour = alike(grey, np.zeros((1, 4, 4, 3), np.uint8))
    assert colour.shape == (2, 20, 20, 3)
    np.testing.assert_array_equal(alike(colour, grey), grey)
