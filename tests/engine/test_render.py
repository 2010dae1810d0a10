"""Samples in a cell: reconstructions that are pictures, embeddings as pictures, their union."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import fowh
from fowh.core.attack import inverter_of
from fowh.core.registry import load
from fowh.core.target import Prepared
from fowh.report import html, plots

WEIGHTS = np.random.default_rng(9).normal(size=(64 * 64, 24)).astype(np.float32) / 64
TINY = "morph_gan:queries=60,steps=2,batch=8,channels=4"


@dataclass(frozen=True)
class Blobs(fowh.Dataset):
    """Ten subjects with four smooth pictures each."""

    def load(self) -> fowh.Samples:
        rng = np.random.default_rng(0)
        people = rng.normal(size=(10, 1, 4, 4)) + 0.2 * rng.normal(size=(10, 4, 4, 4))
        smooth = np.kron(people.reshape(40, 4, 4), np.ones((16, 16)))
        pictures = np.clip(128 + 40 * smooth, 0, 255).astype(np.uint8)
        names = tuple(f"s{number}" for number in range(10))
        return fowh.Samples(np.repeat(np.arange(10), 4), names, "blobs", pictures, "image")


@dataclass(frozen=True)
class Linear(fowh.Target):
    """Pixels times a matrix; the last picture is one in which nothing is found."""

    modality = "image"

    def prepare(self, samples: np.ndarray) -> Prepared:
        return Prepared(samples, np.arange(len(samples)) < len(samples) - 1)

    def embed(self, samples: np.ndarray, device: str = "cpu") -> np.ndarray:
        return samples.reshape(len(samples), -1).astype(np.float32) / 255 @ WEIGHTS

    @property
    def sha256(self) -> str:
        return "linear"


def run(*attacks: str | fowh.Attack, **more: Any) -> fowh.Result:
    return fowh.evaluate(
        "lsh:bits=256", dataset=Blobs(), target=Linear(), attacks=attacks, device="cpu", **more
    )


@pytest.fixture(scope="module")
def cell() -> fowh.Result:
    return run("preimage", TINY)


def test_the_inverter_is_judged_on_every_fold(cell: fowh.Result) -> None:
    row = cell.record["attacks"][TINY]
    assert (row["status"], row["folds"], row["metrics"]["rank1"]["n"]) == ("ok", 5, 40)
    assert row["yields"] == "samples"
    assert row["queries"] == 5 * (60 + 2 * 8)
    assert -1 <= row["metrics"]["ssim"]["value"] <= 1
    assert cell.record["attacks"]["preimage"]["folds"] == 5
    assert cell.record["data"]["not_found"] == 1
    assert "samples-not-found" in cell.flags


def test_embeddings_become_pictures_and_are_compared_with_blind_pictures(
    cell: fowh.Result,
) -> None:
    seen = cell.record["rendered"]["preimage"]["metrics"]
    assert seen["rank1"]["n"] == 40 and "ssim" in seen
    names = ("random", "mean", "medoid", "shuffled", "mean_rendered", "shuffled_rendered")
    blind = [cell.observations[f"control.{name}.rank1"].mean() for name in names]
    expected = seen["rank1"]["value"] - max(blind)
    assert seen["advantage_rank1"]["value"] == pytest.approx(expected)


def test_rendered_controls_say_what_they_are(cell: fowh.Result) -> None:
    controls = {
        name: (row["blind"], row["derived"])
        for name, row in cell.record["controls"].items()
        if name.endswith("_rendered")
    }
    assert controls == {
        "unprotected_rendered": (False, False),
        "mean_rendered": (True, False),
        "shuffled_rendered": (True, True),
    }
    assert "ssim" not in cell.record["controls"]["mean"]["metrics"]  # it is no picture


def test_the_union_counts_pictures_too(cell: fowh.Result) -> None:
    seen = cell.observations
    best = seen["attack.preimage.rank1"].astype(float)
    for row in (f"attack.{TINY}.rank1", "rendered.preimage.rank1"):
        best = np.maximum(best, seen[row])
    worst = cell.record["worst"]
    assert worst["metrics"]["rank1"]["value"] == pytest.approx(best.mean())
    assert worst["metrics"]["rank1"]["n"] == 40
    assert set(worst["of"]) == {"preimage", TINY, "preimage > rendered"}


def test_the_report_shows_the_pictures(cell: fowh.Result) -> None:
    assert {"original", "nearest", f"attack.{TINY}", "rendered.preimage"} <= set(cell.pictures)
    assert "subject" not in cell.pictures  # labels are none
    assert len(cell.pictures["original"]) == 2  # a picture for each victim of the fold
    assert len(cell.observations["shown.subject"]) == 2
    page = html.render(cell.record, cell.observations)
    assert "data:image/" in page
    assert plots.summary(cell.record, cell.observations).startswith(b"\x89PNG")


@dataclass(frozen=True)
class Odd(fowh.Attack):
    """Returns pictures that cannot be judged."""

    yields = "samples"
    how: str = "small"

    def run(self, view: fowh.View, rng: np.random.Generator) -> np.ndarray:
        count = len(view.release)
        made: dict[str, np.ndarray] = {
            "small": np.zeros((count, 5, 5), np.uint8),
            "oblong": np.zeros((count, 16, 20), np.uint8),
            "fractions": np.zeros((count, 16, 16), np.float32),
            "too few": np.zeros((count - 1, 16, 16), np.uint8),
            "two colours": np.zeros((count, 16, 16, 2), np.uint8),
        }
        return made[self.how]


@pytest.mark.parametrize("how", ["small", "oblong", "fractions", "too few", "two colours"])
def test_unusable_pictures_fail_their_own_row_only(how: str) -> None:
    result = run("dictionary", Odd(how))
    (name,) = [name for name in result.record["attacks"] if "Odd" in name]
    assert result.record["attacks"][name]["status"] == "failed"
    assert "(8, s, s[, 3]) uint8" in result.record["attacks"][name]["reason"]
    assert result.record["attacks"]["dictionary"]["status"] == "ok"
    assert result.record["status"] == "failed"


@dataclass(frozen=True)
class Poor(fowh.Attack):
    """Inverts nothing, and renders nothing that can be judged."""

    yields = "samples"

    def run(self, view: fowh.View, rng: np.random.Generator) -> np.ndarray:
        return np.zeros((len(view.release), 64, 64), np.uint8)

    def render(self, view: fowh.View, embeddings: Any, rng: np.random.Generator) -> np.ndarray:
        raise RuntimeError("no paint")


def test_a_renderer_that_fails_leaves_the_embeddings_results() -> None:
    result = run("dictionary", Poor())
    (name,) = [name for name in result.record["attacks"] if "Poor" in name]
    assert "no paint" in result.record["attacks"][name]["reason"]
    assert result.record["attacks"]["dictionary"]["status"] == "ok"
    assert result.record["rendered"] == {} and result.record["status"] == "failed"


@dataclass(frozen=True)
class Blank(Poor):
    """Renders nothing, and says nothing."""

    def render(self, view: fowh.View, embeddings: Any, rng: np.random.Generator) -> np.ndarray:
        return self.run(view, rng)


def test_ours_renders_before_a_third_party_s() -> None:
    """Whose pictures of true embeddings are blank would make any witness unable."""
    ours = load("attack", TINY)
    assert inverter_of([Blank(), ours]) == ours and inverter_of([Blank()]) == Blank()
    assert inverter_of([load("attack", "ridge")]) is None


def test_controls_of_a_third_party_s_inverter_say_so(cell: fowh.Result) -> None:
    controls = run("dictionary", Blank()).record["controls"]
    assert controls["unprotected_rendered"]["process"] == "testbed"
    assert not any("process" in row for row in cell.record["controls"].values())


def test_a_tiny_budget_raises_the_flag() -> None:
    result = run(TINY, queries=20)
    assert "budget-exhausted" in result.flags
    assert result.record["attacks"][TINY]["queries"] == 5 * 20  # a budget for each fold


def test_with_the_box_white_there_is_a_network_and_with_a_black_one_none() -> None:
    @dataclass(frozen=True)
    class Peek(fowh.Attack):
        """Says what it was given."""

        def run(self, view: fowh.View, rng: np.random.Generator) -> np.ndarray:
            view.remarks.append(f"module: {view.module}")
            return np.zeros((len(view.release), view.embeddings.shape[1]), np.float32)

    @dataclass(frozen=True)
    class Network(Linear):
        """Has one."""

        def module(self, device: str = "cpu") -> Any:
            return "network"

    said = {}
    for box in ("black", "white"):
        result = fowh.evaluate(
            "raw", dataset=Blobs(), target=Network(), attacks=[Peek()], box=box, device="cpu"
        )
        (row,) = result.record["attacks"].values()
        said[box] = row["remarks"]
    assert said == {"black": ["module: None"], "white": ["module: network"]}


@dataclass(frozen=True)
class Fickle(fowh.Attack):
    """Runs, and ends the program where it is asked whether it can render."""

    def unsupported(self, view: fowh.View) -> str | None:
        if any(frame.function == "rendered" for frame in inspect.stack()):
            raise SystemExit(0)
        return None

    def run(self, view: fowh.View, rng: np.random.Generator) -> Any:
        return np.zeros((len(view.release), view.embeddings.shape[1]), dtype=np.float32)

    def render(self, view: fowh.View, embeddings: Any, rng: np.random.Generator) -> Any:
        raise AssertionError("it was not asked to")


def test_a_renderer_that_ends_the_program_when_it_is_asked_loses_only_itself() -> None:
    result = run("preimage", Fickle())
    assert result.record["attacks"]["preimage"]["status"] == "ok"
    (failed,) = [row for name, row in result.record["attacks"].items() if "Fickle" in name]
    assert failed["status"] == "failed" and "SystemExit" in failed["reason"]
