"""Patterns that only the attacked network believes: the witness says so, and of no honest picture.

The attack is optimised against the target alone, at several strengths: the largest change of a
pixel. How few people are too few for that is in docs/flags.md, by ``bench/witness.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

import fowh
from tests.cheats.pictures import SIDE, Blobs, Blocks, Textured, grey
from tests.cheats.world import undone

TARGET, WITNESS = Textured(fine=1.05), Blocks(seed=9)
PEOPLE = Blobs(people=200, readings=2)
STRENGTHS = (1, 2, 3, 5, 8, 12)
HONEST = ("image_ridge", "dictionary")


@dataclass(frozen=True)
class Patterns(fowh.Attack):
    """Own pictures, changed pixel by pixel until the target takes them for the victim's.

    Against scheme ``raw``, whose template is the embedding: signed gradient steps on its squared
    distance (Madry et al., ICLR 2018, section 2.1), in a box around the picture.

    Attributes:
        level: largest change of a pixel, of 255.
        steps: of the descent.
    """

    yields = "samples"
    level: int = 4
    steps: int = 20

    def run(self, view: fowh.View, rng: np.random.Generator) -> np.ndarray:
        own, weights, wanted = view.samples, TARGET.weights(), view.release.code
        assert own is not None
        start = own[rng.integers(len(own), size=len(wanted))].astype(np.float64)
        made = start.copy()
        for _ in range(self.steps):
            off = grey(made) @ weights - wanted
            downhill = -np.sign(off @ weights.T).reshape(-1, SIDE, SIDE)
            made = made + 2.5 * self.level / self.steps * downhill
            low, high = np.maximum(0, start - self.level), np.minimum(255, start + self.level)
            made = np.clip(made, low, high)
        out: np.ndarray = np.rint(made).astype(np.uint8)
        return out


@pytest.fixture(scope="module")
def witnessed() -> fowh.Result:
    with undone():
        return fowh.evaluate(
            "raw",
            dataset=PEOPLE,
            target=TARGET,
            witness=WITNESS,
            attacks=[*HONEST, *(Patterns(level=level) for level in STRENGTHS)],
            device="cpu",
        )


def rank1(result: fowh.Result, name: str, of: str = "rank1") -> float:
    return float(result.record["attacks"][name]["metrics"][of]["value"])


def called_adversarial(result: fowh.Result) -> set[str]:
    texts = [each["text"] for each in result.record["flags"] if each["flag"] == "adversarial"]
    return {text.partition(" has ")[0] for text in texts}


def test_patterns_are_called_adversarial_at_every_strength_that_counts(
    witnessed: fowh.Result,
) -> None:
    names = [name for name in witnessed.record["attacks"] if "Patterns" in name]
    assert len(names) == len(STRENGTHS)
    counting = {name for name in names if rank1(witnessed, name) >= 0.1}
    reached = sorted(rank1(witnessed, name) for name in counting)
    assert len(reached) >= 4 and reached[0] < 0.2 and reached[-1] > 0.95
    assert called_adversarial(witnessed) == counting  # and so nothing honest
    assert "witness-unable" not in witnessed.flags
    for name in counting:
        assert rank1(witnessed, name, of="transfer_rank1") < 0.1


@pytest.mark.parametrize(
    "bits", [24, *(pytest.param(bits, marks=pytest.mark.slow) for bits in (12, 96))]
)
def test_pictures_that_are_weak_are_no_patterns(bits: int) -> None:
    """Of short codes, which tell an honest attack little; the target and the witness alike."""
    scheme = f"lsh:bits={bits}"
    found = fowh.evaluate(
        scheme, dataset=PEOPLE, target=TARGET, witness=WITNESS, attacks="image_ridge", device="cpu"
    )
    assert "adversarial" not in found.flags and "witness-unable" not in found.flags
    assert rank1(found, "image_ridge", of="transfer_rank1") > 0.5 * rank1(found, "image_ridge")


def test_patterns_alone_are_called_adversarial_as_well() -> None:
    """Nothing renders, and no picture of ours is there that the witness could know."""
    with undone():
        found = fowh.evaluate(
            "raw",
            dataset=PEOPLE,
            target=TARGET,
            witness=WITNESS,
            attacks=[Patterns(level=5)],
            device="cpu",
        )
    assert called_adversarial(found) and "witness-unable" not in found.flags
    assert not found.record["best"]["chosen"]


def test_patterns_count_for_no_attack(witnessed: fowh.Result) -> None:
    """Else the strongest of them would be the best attack of the cell."""
    chosen = witnessed.record["best"]["chosen"]
    assert set(chosen["rank1"]) == {"image_ridge"} == set(chosen["transfer_rank1"])
