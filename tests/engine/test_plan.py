"""What a run works on: prepared once, embedded once, and only where a fold asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import fowh
from fowh.cells import make_cell
from fowh.core.target import quiet
from fowh.engine.plan import PART, Plan, _prepared, make_plan


@dataclass(frozen=True)
class Greys(fowh.Dataset):
    """Eight subjects with three pictures each, of one grey level each."""

    def load(self) -> fowh.Samples:
        levels = np.arange(24, dtype=np.uint8).reshape(24, 1, 1) * np.uint8(10)
        pictures = np.broadcast_to(levels, (24, 12, 12)).copy()
        names = tuple(f"s{number}" for number in range(8))
        return fowh.Samples(np.repeat(np.arange(8), 3), names, "greys", pictures, "image")


@dataclass(frozen=True)
class Level(fowh.Target):
    """The grey level, twice; counts what it is asked."""

    modality = "image"
    asked: ClassVar[list[str]] = []

    def prepare(self, samples: Any) -> fowh.Prepared:
        self.asked.append(f"prepare {len(samples)}")
        return fowh.Prepared(samples // 10, np.arange(len(samples)) > 4)

    def embed(self, samples: Any, device: str = "cpu") -> Any:
        self.asked.append(f"embed {len(samples)}")
        return np.repeat(samples[:, :1, 0], 2, axis=1).astype(np.float32)

    @property
    def sha256(self) -> str:
        return "level"


@dataclass(frozen=True)
class Half(fowh.Protocol):
    """One fold; the last two subjects are nobody's, the witness has the first."""

    def folds(
        self, samples: Any, target: Any, closed_set: bool, threat: Any, seed: int
    ) -> list[fowh.Fold]:
        rows = np.arange(24)
        parts = (rows[3:9], rows[3:9:2], rows[9:18], rows[9:18:3], rows[9:18], rows[:0], rows[:3])
        return [fowh.Fold(0, *parts)]


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FOWH_CACHE_DIR", str(tmp_path))
    Level.asked.clear()


def plan(**cell: Any) -> Plan:
    made = make_cell(**{"scheme": "raw", "dataset": Greys(), "target": Level()} | cell)
    samples = made.dataset.load()
    return make_plan(made.on(samples), samples, "cpu", lambda text, done: None)


def test_rows_are_those_of_the_dataset() -> None:
    made = plan()
    assert made.prepared is not None
    np.testing.assert_array_equal(made.prepared[:, 0, 0], np.arange(24))
    np.testing.assert_array_equal(made.values[:, 0], np.arange(24))
    assert made.not_found == 5 and len(made.folds) == 4
    assert made.versions == ()  # there is one only


def test_the_second_time_nothing_is_asked() -> None:
    first, again = plan(), plan(scheme="lsh")
    assert Level.asked == ["prepare 24", "embed 24"]
    np.testing.assert_array_equal(first.values, again.values)
    assert again.not_found == 5


def test_what_no_fold_uses_is_not_embedded() -> None:
    made = plan(protocol=Half())
    assert Level.asked == ["prepare 24", "embed 15"]
    used = np.arange(3, 18)
    np.testing.assert_array_equal(made.values[used, 0], used)
    assert np.isnan(np.delete(made.values, used, axis=0)).all()


def test_vectors_are_taken_as_they_are() -> None:
    made = plan(dataset="gaussian:subjects=8,readings=3,dim=4", target=None)
    assert made.prepared is None and made.target is None and made.not_found is None
    assert made.values is made.samples.values


@dataclass(frozen=True)
class Versions(Level):
    """Two models, of which the second is in use; it learns nothing."""

    add: float = 1.0

    def versions(self) -> dict[str, fowh.Target]:
        return {"old": Versions(add=0.0), "new": self}

    def embed(self, samples: Any, device: str = "cpu") -> Any:
        return super().embed(samples) + np.float32(self.add)

    @property
    def sha256(self) -> str:
        return f"level {self.add}"


def test_every_version_embeds_and_the_last_one_is_in_use() -> None:
    made = plan(target=Versions())
    assert [name for name, _ in made.versions] == ["old", "new"]
    np.testing.assert_array_equal(made.versions[0][1][:, 0], np.arange(24))
    assert made.values is made.versions[-1][1]
    np.testing.assert_array_equal(made.values[:, 0], np.arange(24) + 1)


def test_a_target_that_is_trained_here_needs_a_protocol_that_trains_it() -> None:
    with pytest.raises(fowh.InputError, match="--protocol afm_iris or --protocol afm_face"):
        plan(target="densenet:epochs=1,side=32")


def test_the_standard_protocol_knows_no_closed_set() -> None:
    with pytest.raises(fowh.InputError, match="a closed set wants a protocol that trains"):
        plan(scheme="full_scores", leak="outputs")
    assert Level.asked == []  # before anything takes time


class Seen:
    """What ``_prepared`` needs of a target; notes which samples it was given."""

    batch, preparation = 8, "halved"

    def __init__(self, most: int) -> None:
        self.most, self.rows = most, 0

    def prepare(self, values: np.ndarray) -> fowh.Prepared:
        if self.rows >= self.most:
            raise KeyboardInterrupt
        self.rows += len(values)
        return fowh.Prepared(values // 2, values[:, 0] > 3)


def test_preparing_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FOWH_CACHE_DIR", str(tmp_path))
    values = np.random.default_rng(0).integers(0, 256, (3 * PART + 5, 4), dtype=np.uint8)
    samples = fowh.Samples(np.arange(len(values)), ("a",), "some", values, "image")
    first, second, third = Seen(2 * PART), Seen(10**6), Seen(0)
    with pytest.raises(KeyboardInterrupt):
        _prepared(samples, first, quiet)  # type: ignore[arg-type]
    prepared, found = _prepared(samples, second, quiet)  # type: ignore[arg-type]
    assert (first.rows, second.rows) == (2 * PART, PART + 5)
    np.testing.assert_array_equal(prepared, values // 2)
    np.testing.assert_array_equal(found, values[:, 0] > 3)
    again, _ = _prepared(samples, third, quiet)  # type: ignore[arg-type]
    np.testing.assert_array_equal(again, prepared)
