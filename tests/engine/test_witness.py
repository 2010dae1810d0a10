"""A second opinion on pictures: a recogniser that no attack ever asked, on a small trained cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import fowh
from fowh.cells import make_cell
from fowh.core.registry import load
from fowh.core.target import Prepared
from fowh.engine.cell import Cell
from fowh.engine.observe import observe
from fowh.engine.plan import make_plan
from fowh.engine.witness import Witness
from fowh.metrics.realism import Manifold

GAN = "gan:steps=20,batch=8,base=8"
COLUMNS = (
    *("transfer_rank1", "transfer_type1_at_fmr_1e-2", "transfer_type1_at_fmr_1e-3"),
    "realism",
)


def run(witness: str | None) -> fowh.Result:
    return fowh.evaluate(
        "raw",
        dataset="iris:people=12,readings=6",
        target="densenet:epochs=4",
        attacks=[GAN, "image_ridge", "ridge"],
        protocol="afm_iris",
        witness=witness,
        keys="shared",
        samples=40,
        device="cpu",
    )


@pytest.fixture(scope="module")
def witnessed() -> fowh.Result:
    return run("resnet:epochs=4")


@pytest.fixture(scope="module")
def alone() -> fowh.Result:
    return run(None)


def metrics(result: fowh.Result, section: str, name: str) -> dict[str, Any]:
    row = result.record[section][name]
    assert row["status"] == "ok", row.get("reason")
    found: dict[str, Any] = row["metrics"]
    return found


@pytest.mark.parametrize("attack", [GAN, "image_ridge"])
def test_pictures_are_looked_at(witnessed: fowh.Result, attack: str) -> None:
    seen = metrics(witnessed, "attacks", attack)
    for column in COLUMNS:
        value = seen[column]
        assert 0 <= value["ci_low"] <= value["value"] <= value["ci_high"] <= 1
        assert value["n"] == seen["rank1"]["n"]
    assert (
        seen["transfer_type1_at_fmr_1e-3"]["value"] <= seen["transfer_type1_at_fmr_1e-2"]["value"]
    )


def test_the_originals_are_the_scale_to_read_it_on(witnessed: fowh.Result) -> None:
    original = metrics(witnessed, "controls", "unprotected")
    assert set(COLUMNS) <= set(original)
    assert original["transfer_rank1"]["n"] == original["rank1"]["n"]
    # An original is itself in the witness's gallery, but its own row is no hit.
    assert original["transfer_type1_at_fmr_1e-3"]["value"] == 1
    assert original["realism"]["value"] > 0.2


def test_embeddings_are_not_pictures(witnessed: fowh.Result) -> None:
    for section, name in (("attacks", "ridge"), ("controls", "mean"), ("controls", "random")):
        assert not set(COLUMNS) & set(metrics(witnessed, section, name))


def test_without_a_witness_nothing_is_said_and_all_else_is_the_same(
    witnessed: fowh.Result, alone: fowh.Result
) -> None:
    for section in ("attacks", "rendered", "controls"):
        assert set(alone.record[section]) == set(witnessed.record[section])
        for name in alone.record[section]:
            plain = metrics(alone, section, name)
            assert not set(COLUMNS) & set(plain)
            both = metrics(witnessed, section, name)
            assert {key: both[key] for key in plain} == plain  # a witness changes no attack
    assert alone.record["spec"]["witness"] is None
    assert witnessed.record["spec"]["witness"]["params"]["epochs"] == 4
    assert witnessed.record["id"] != alone.record["id"]


def test_the_worst_case_is_about_the_attacked_system_only(
    witnessed: fowh.Result, alone: fowh.Result
) -> None:
    worst = witnessed.record["worst"]["metrics"]
    assert "adversarial" not in witnessed.flags  # what only the target believes would not count
    assert worst["rank1"] == alone.record["worst"]["metrics"]["rank1"]
    assert not {"ssim", "psnr", "realism"} & set(worst)


class Blocks:
    """A witness made by hand: the mean grey of the quarters of a picture."""

    asked: list[tuple[int, ...]]

    def __init__(self) -> None:
        self.asked = []

    def embed(self, samples: np.ndarray, device: str) -> np.ndarray:
        self.asked.append(samples.shape)
        if samples.ndim == 4:
            samples = samples.mean(axis=3)
        quarters = samples.reshape(len(samples), 2, 8, 2, 8).mean(axis=(2, 4))
        return quarters.reshape(len(samples), 4).astype(np.float32)

    appearance = embed


def plain(*greys: float) -> np.ndarray:
    return np.repeat(np.array(greys), 256).reshape(-1, 16, 16).astype(np.uint8)


def by_hand(target: Blocks) -> Witness:
    """Two subjects with two readings each: 10 and 12, 200 and 204; the first ones are stolen."""
    gallery = target.embed(plain(10, 12, 200, 204), "cpu")
    return Witness(
        target,  # type: ignore[arg-type]
        load("modality", "image"),
        gallery,
        subjects=np.array([0, 0, 1, 1]),
        stolen=np.array([0, 2]),
        thresholds={"1e-2": 25.0, "1e-3": 4.5},
        manifold=Manifold(gallery.astype(np.float64), np.array([4.0, 4, 16, 16])),
        like=np.repeat(plain(0)[..., None], 3, axis=-1),
        device="cpu",
    )


def test_columns_by_hand() -> None:
    target = Blocks()
    witness = by_hand(target)
    close, off = witness(plain(11, 202)), witness(plain(20, 150))
    swapped = witness(plain(202, 11))
    assert target.asked[-1] == (2, 16, 16, 3)  # grey pictures, for one that knows colours
    # Grey 20 is 2 * 10 away from 10, in four quarters; 150 is 100 away from 200.
    assert {name: values.tolist() for name, values in close.items()} == {
        "transfer_rank1": [1, 1],
        "transfer_type1_at_fmr_1e-2": [1, 1],
        "transfer_type1_at_fmr_1e-3": [1, 1],
        "realism": [1, 1],
    }
    assert {name: values.tolist() for name, values in off.items()} == {
        "transfer_rank1": [1, 1],
        "transfer_type1_at_fmr_1e-2": [1, 0],
        "transfer_type1_at_fmr_1e-3": [0, 0],
        "realism": [0, 0],
    }
    assert swapped["transfer_rank1"].tolist() == [0, 0]
    assert swapped["realism"].tolist() == [1, 1]  # of somebody else, but real


def tiny() -> Cell:
    return make_cell(
        scheme="raw",
        dataset="iris:people=12,readings=6",
        target="densenet:epochs=4",
        attacks=["ridge"],
        protocol="afm_iris",
        threat=fowh.Threat(samples=40),
        witness="resnet:epochs=1",
    )


def test_the_witness_learns_from_what_is_neither_attacked_nor_the_attacker_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lessons: list[fowh.Lessons] = []
    cell = tiny()
    real = type(cell.witness).fit  # type: ignore[union-attr]

    def fit(self: Any, given: Any, *rest: Any) -> Any:
        lessons.append(given)
        return real(self, given, *rest)

    monkeypatch.setattr(type(cell.witness), "fit", fit)
    samples = cell.dataset.load()
    plan = make_plan(cell.on(samples), samples, "cpu", lambda text, done: None)
    (fold,) = plan.folds
    lessons.clear()  # the target's own
    witness = Witness.make(cell, plan, fold, "cpu", np.random.default_rng(0))
    (given,) = lessons
    assert plan.prepared is not None
    taught = {image.tobytes() for image in given.samples}
    for rows in (fold.attacker, fold.development, fold.stolen, fold.gallery):
        assert not taught & {image.tobytes() for image in plan.prepared[rows]}
    assert not set(given.subjects.tolist()) & set(samples.subjects[fold.stolen].tolist())
    assert witness.gallery.shape[0] == len(fold.gallery)
    np.testing.assert_array_equal(fold.gallery[witness.stolen], fold.stolen)
    np.testing.assert_array_equal(witness.subjects, samples.subjects[fold.gallery])
    assert 0 < witness.thresholds["1e-3"] <= witness.thresholds["1e-2"]


@dataclass(frozen=True)
class Blobs(fowh.Dataset):
    """Ten subjects with four smooth pictures each."""

    def load(self) -> fowh.Samples:
        rng = np.random.default_rng(0)
        people = rng.normal(size=(10, 1, 4, 4)) + 0.2 * rng.normal(size=(10, 4, 4, 4))
        smooth = np.kron(people.reshape(40, 4, 4), np.ones((8, 8)))
        pictures = np.clip(128 + 40 * smooth, 0, 255).astype(np.uint8)
        names = tuple(f"s{number}" for number in range(10))
        return fowh.Samples(np.repeat(np.arange(10), 4), names, "blobs32", pictures, "image")


@dataclass(frozen=True)
class Linear(fowh.Target):
    """Every fortieth pixel."""

    modality = "image"

    def prepare(self, samples: np.ndarray) -> Prepared:
        return Prepared(samples, np.ones(len(samples), dtype=np.bool_))

    def embed(self, samples: np.ndarray, device: str = "cpu") -> np.ndarray:
        return samples.reshape(len(samples), -1)[:, ::40].astype(np.float32) / 255

    @property
    def sha256(self) -> str:
        return "every fortieth pixel"


def test_a_witness_is_trained_only_where_pictures_are_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On every fold: each has other people, and a witness of its own."""
    trained: list[int] = []
    real = Witness.make

    def make(cell: Any, plan: Any, fold: Any, *rest: Any) -> Witness:
        trained.append(fold.number)
        return real(cell, plan, fold, *rest)

    monkeypatch.setattr(Witness, "make", make)
    cell = make_cell(
        scheme="raw",
        dataset=Blobs(),
        target=Linear(),
        attacks=["dictionary"],
        witness="resnet:epochs=1,dimension=8,side=32",
    )
    found = observe(cell, cell.dataset.load(), "cpu", lambda text, done: None)
    assert trained == [0, 1, 2, 3, 4]
    assert len(found.stolen) == 5


def test_a_pretrained_witness_is_taken_as_it_is() -> None:
    """Its thresholds come from the fold's samples for it all the same."""

    @dataclass(frozen=True)
    class Other(Linear):
        """Other pixels."""

        def embed(self, samples: np.ndarray, device: str = "cpu") -> np.ndarray:
            return samples.reshape(len(samples), -1)[:, 7::40].astype(np.float32) / 255

        @property
        def sha256(self) -> str:
            return "others"

    cell = make_cell(
        scheme="raw", dataset=Blobs(), target=Linear(), attacks=["dictionary"], witness=Other()
    )
    samples = cell.dataset.load()
    plan = make_plan(cell.on(samples), samples, "cpu", lambda text, done: None)
    fold = plan.folds[0]
    witness = Witness.make(cell, plan, fold, "cpu", np.random.default_rng(0))
    known = Other().embed(samples.values[fold.witness])
    whose = samples.subjects[fold.witness]
    apart = np.linalg.norm(known[:, None] - known, axis=2)[whose[:, None] != whose]
    assert (apart <= witness.thresholds["1e-2"]).mean() <= 0.01
    assert (apart <= witness.thresholds["1e-2"] * 1.5).mean() > 0.01
    columns = witness(samples.values[fold.stolen])
    assert columns["transfer_type1_at_fmr_1e-3"].all()  # an original passes for itself
