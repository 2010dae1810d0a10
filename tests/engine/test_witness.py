"""A second opinion on pictures: a judge that the attack never asked, on one small trained cell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fowh.core.cache import Arrays
from fowh.core.registry import load
from fowh.engine.cell import Cell, Threat, label, observe, spec_of
from fowh.engine.judge import Truth
from fowh.engine.plan import make_plan
from fowh.engine.witness import Opinion
from fowh.metrics.realism import Manifold
from fowh.protocols.standard import FMRS
from fowh.records.summarise import summarise

GAN, RIDGE = load("attack", "gan:steps=20,batch=8,base=8"), load("attack", "image_ridge")
COLUMNS = ("transfer_rank1", *(f"transfer_type1_at_fmr_{fmr}" for fmr in FMRS), "realism")
ATTACKS = (GAN, RIDGE, load("attack", "ridge"))


def cell(judge: str | None, attacks: tuple[Any, ...] = ATTACKS) -> Cell:
    return Cell(
        load("dataset", "iris:people=12,readings=6"),
        load("target", "densenet:epochs=4"),
        load("scheme", "raw"),
        attacks,
        Threat(keys="shared", samples=40),
        judge=None if judge is None else load("target", judge),
    )


def run(asked: Cell) -> tuple[dict[str, Any], Arrays]:
    samples = asked.dataset.load()
    found = observe(asked, samples, "cpu", lambda text, fraction: None)
    return summarise(asked, samples, found, "cpu")


@pytest.fixture(scope="module")
def judged() -> tuple[dict[str, Any], Arrays]:
    return run(cell("resnet:epochs=4"))


@pytest.fixture(scope="module")
def unjudged() -> tuple[dict[str, Any], Arrays]:
    return run(cell(None))


def metrics(record: dict[str, Any], section: str, name: str) -> dict[str, Any]:
    assert record[section][name]["status"] == "ok", record[section][name].get("reason")
    found: dict[str, Any] = record[section][name]["metrics"]
    return found


@pytest.mark.parametrize("attack", [GAN, RIDGE], ids=["gan", "image_ridge"])
def test_pictures_are_judged(judged: tuple[dict[str, Any], Arrays], attack: Any) -> None:
    seen = metrics(judged[0], "attacks", label(attack))
    for column in COLUMNS:
        value = seen[column]
        assert 0 <= value["ci_low"] <= value["value"] <= value["ci_high"] <= 1
        assert value["n"] == seen["rank1"]["n"]
    assert (
        seen["transfer_type1_at_fmr_1e-3"]["value"] <= seen["transfer_type1_at_fmr_1e-2"]["value"]
    )


def test_the_originals_are_the_scale_to_read_it_on(judged: tuple[dict[str, Any], Arrays]) -> None:
    original = metrics(judged[0], "controls", "unprotected")
    assert set(COLUMNS) <= set(original)
    assert original["transfer_rank1"]["n"] == original["rank1"]["n"]
    # An original is itself in the judge's gallery, but its own row is no hit.
    assert original["transfer_type1_at_fmr_1e-3"]["value"] == 1
    assert original["realism"]["value"] > 0.2


def test_embeddings_are_not_pictures(judged: tuple[dict[str, Any], Arrays]) -> None:
    for section, name in (("attacks", "ridge"), ("controls", "mean"), ("controls", "random")):
        assert not set(COLUMNS) & set(metrics(judged[0], section, name))


def test_without_a_judge_nothing_is_said_and_all_else_is_the_same(
    judged: tuple[dict[str, Any], Arrays], unjudged: tuple[dict[str, Any], Arrays]
) -> None:
    for section in ("attacks", "controls"):
        assert set(unjudged[0][section]) == set(judged[0][section])
        for name in unjudged[0][section]:
            plain = metrics(unjudged[0], section, name)
            assert not set(COLUMNS) & set(plain)
            both = metrics(judged[0], section, name)
            assert {key: both[key] for key in plain} == plain  # a judge changes no attack
    assert unjudged[0]["spec"]["judge"] is None
    assert judged[0]["spec"]["judge"]["params"]["epochs"] == 4
    assert judged[0]["id"] != unjudged[0]["id"]


def test_the_record_belongs_to_its_judge() -> None:
    samples = cell(None).dataset.load()
    specs = [spec_of(cell(judge), samples) for judge in (None, "resnet", "resnet:seed=2")]
    assert len({str(spec["judge"]) for spec in specs}) == 3


def test_the_worst_case_is_about_the_attacked_system_only(
    judged: tuple[dict[str, Any], Arrays], unjudged: tuple[dict[str, Any], Arrays]
) -> None:
    worst = judged[0]["worst"]["metrics"]
    assert worst["rank1"] == unjudged[0]["worst"]["metrics"]["rank1"]
    assert not {"ssim", "psnr", "realism"} & set(worst)


class Blocks:
    """A judge made by hand: the mean grey of the quarters of a picture."""

    asked: list[tuple[int, ...]]

    def __init__(self) -> None:
        self.asked = []

    def embed(self, images: np.ndarray, device: str) -> np.ndarray:
        self.asked.append(images.shape)
        if images.ndim == 4:
            images = images.mean(axis=3)
        quarters = images.reshape(len(images), 2, 8, 2, 8).mean(axis=(2, 4))
        return quarters.reshape(len(images), 4).astype(np.float32)


def plain(*greys: float) -> np.ndarray:
    return np.repeat(np.array(greys), 256).reshape(-1, 16, 16).astype(np.uint8)


def by_hand(judge: Blocks) -> tuple[Opinion, Truth]:
    """Two subjects with two readings each: 10 and 12, 200 and 204; the first ones are stolen."""
    gallery = judge.embed(plain(10, 12, 200, 204), "cpu")
    manifold = Manifold(gallery.astype(np.float64), np.array([4.0, 4, 16, 16]))
    limits = {"1e-2": 25.0, "1e-3": 4.5}
    colour = np.repeat(plain(0)[..., None], 3, axis=-1)
    opinion = Opinion(judge, gallery, limits, manifold, colour, "cpu")  # type: ignore[arg-type]
    truth = object.__new__(Truth)
    object.__setattr__(truth, "gallery_subjects", np.array([0, 0, 1, 1]))
    object.__setattr__(truth, "stolen", np.array([0, 2]))
    return opinion, truth


def test_columns_by_hand() -> None:
    judge = Blocks()
    opinion, truth = by_hand(judge)
    close, off = opinion(plain(11, 202), truth), opinion(plain(20, 150), truth)
    swapped = opinion(plain(202, 11), truth)
    assert judge.asked[-1] == (2, 16, 16, 3)  # grey pictures, for a judge that knows colours
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


def test_the_judge_learns_from_what_is_neither_attacked_nor_the_attacker_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lessons: list[Any] = []
    asked = cell("resnet:epochs=1", ())
    judge = asked.judge
    assert judge is not None
    real = type(judge).fit

    def fit(self: Any, given: Any, *rest: Any) -> Any:
        lessons.append(given)
        return real(self, given, *rest)

    monkeypatch.setattr(type(judge), "fit", fit)
    samples = asked.dataset.load()
    plan = make_plan(asked.dataset, samples, asked.target, 40, 0, "cpu", lambda *_: None)
    (fold,) = plan.folds
    opinion = Opinion.make(judge, plan, fold, "cpu", np.random.default_rng(0))
    (given,) = lessons
    assert plan.data.images is not None
    taught = {image.tobytes() for image in given.images}
    for rows in (fold.own, fold.stolen, fold.gallery):
        assert not taught & {image.tobytes() for image in plan.data.images[rows]}
    assert not set(given.subjects.tolist()) & set(plan.samples.subjects[fold.stolen].tolist())
    assert opinion.gallery.shape[0] == len(fold.gallery)
    assert 0 < opinion.thresholds["1e-3"] <= opinion.thresholds["1e-2"]


def test_a_judge_is_trained_only_where_pictures_are_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The standard protocol judges pictures on its first fold only."""
    from tests.test_pictures import Blobs, Linear

    trained: list[int] = []
    real = Opinion.make

    def make(judge: Any, plan: Any, fold: Any, *rest: Any) -> Opinion:
        trained.append(fold.number)
        return real(judge, plan, fold, *rest)

    monkeypatch.setattr(Opinion, "make", make)
    judge = load("target", "resnet:epochs=1,dimension=8,side=32")
    few = Cell(Blobs(), Linear(), load("scheme", "raw"), (), judge=judge)
    found = observe(few, few.dataset.load(), "cpu", lambda text, fraction: None)
    summarise(few, few.dataset.load(), found, "cpu")
    assert trained == [0]
