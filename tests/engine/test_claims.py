"""Claims of who was learned from, end to end: folds are pooled, controls know nothing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

import fowh
from fowh.checks import world
from fowh.core.cache import digest

PEOPLE, READINGS = 12, 18  # half of 216 readings are not learned from: one of them may pass at 1 %


@dataclass(frozen=True)
class Pictures(fowh.Dataset):
    """Twelve people, eighteen readings each."""

    def load(self) -> fowh.Samples:
        values, whose = world.pictures(PEOPLE, READINGS), world.subjects(PEOPLE, READINGS)
        names = tuple(f"person {number}" for number in range(PEOPLE))
        return fowh.Samples(whose, names, "pictures", values, "image")


@dataclass(frozen=True)
class Parrot(fowh.Target):
    """Names everybody, and is surer of what it has seen before."""

    modality = "image"
    seen: Any = field(default=None, repr=False)

    def prepare(self, samples: Any) -> Any:
        return world.Deaf().prepare(samples)

    def fit(self, lessons: Any, device: str = "cpu", progress: Any = None) -> Parrot:
        return replace(self, seen={sample.tobytes() for sample in lessons.samples})

    def classifier(self) -> Parrot:
        return self

    def embed(self, samples: Any, device: str = "cpu") -> Any:
        known = world.pictures(PEOPLE, READINGS)
        whose = {picture.tobytes(): row // READINGS for row, picture in enumerate(known)}
        said = np.full((len(samples), PEOPLE), 0.01, dtype=np.float32)
        for row, sample in enumerate(samples):
            sure = 0.9 if sample.tobytes() in self.seen else 0.6
            said[row, whose[sample.tobytes()]] = sure
        return said

    @property
    def sha256(self) -> str:
        return digest("parrot")


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    return fowh.evaluate(
        "full_scores",
        dataset=Pictures(),
        target=Parrot(),
        leak="membership",
        attacks="membership",
        device="cpu",
    ).record


def test_one_in_a_hundred_is_told_in_all_folds_together(record: dict[str, Any]) -> None:
    found = record["attacks"]["membership"]["metrics"]
    assert record["data"]["members"] == record["data"]["candidates"] / 2 == 108
    assert found["member_at_fpr_1e-2"]["value"] == found["member_auc"]["value"] == 1
    assert found["member_at_fpr_1e-2"]["n"] == 108
    assert record["chance"] == {"member_at_fpr_1e-2": 2 / 109, "member_auc": 0.5}


def test_one_in_a_thousand_is_not_measured(record: dict[str, Any]) -> None:
    value = record["attacks"]["membership"]["metrics"]["member_at_fpr_1e-3"]
    assert value == {"value": None, "ci_low": None, "ci_high": None, "n": 0}


def test_somebody_else_s_claims_know_nothing(record: dict[str, Any]) -> None:
    """Of others as many are claimed as of members: none passes, and the area is a half."""
    found = record["controls"]["shuffled"]["metrics"]
    assert found["member_at_fpr_1e-2"]["value"] == 0
    assert found["member_auc"]["value"] == pytest.approx(0.5, abs=0.1)
    gain = record["attacks"]["membership"]["metrics"]["advantage_member_auc"]
    assert gain["value"] > 0.3
