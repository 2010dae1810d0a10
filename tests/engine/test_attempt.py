"""One attack on one view: whatever it raises or returns stays in its own row."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

import fowh
from fowh.engine.attempt import attempt

POPULATION = "gaussian:subjects=8,readings=3,dim=16,within=0.3"
STOLEN = 24  # one template of every sample, over all folds


def run(*attacks: str | fowh.Attack, **more: Any) -> fowh.Result:
    return fowh.evaluate("raw", dataset=POPULATION, attacks=attacks, device="cpu", **more)


def row(result: fowh.Result, word: str) -> dict[str, Any]:
    """The row of the attack that this file defines."""
    (name,) = [name for name in result.record["attacks"] if word in name]
    found: dict[str, Any] = result.record["attacks"][name]
    return found


def test_a_crashing_attack_loses_only_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    from attacks.dictionary import Dictionary

    def crash(self: Dictionary, view: object, rng: object) -> None:
        raise RuntimeError("out of paper")

    monkeypatch.setattr(Dictionary, "run", crash)
    result = run("dictionary", "preimage")
    assert result.record["status"] == "failed"
    assert "out of paper" in result.record["attacks"]["dictionary"]["reason"]
    assert "out of paper" in result.record["reason"]
    other = result.record["attacks"]["preimage"]
    assert other["status"] == "ok" and other["metrics"]["rank1"]["value"] >= 0.9
    assert result.flags[0] == "attack-failed"
    assert result.record["worst"]["of"] == ["preimage"]


@dataclass(frozen=True)
class Wrong(fowh.Attack):
    """Returns something that is not one finite embedding for each row."""

    candidates = 10

    how: str = "wide"

    def run(self, view: fowh.View, rng: np.random.Generator) -> Any:
        right = np.ones((len(view.release), view.embeddings.shape[1]), dtype=np.float32)
        made = {
            "wide": right[:, :-1],
            "short": right[:-1],
            "flat": right.ravel(),
            "nan": right * np.nan,
            "infinite": right / 0 if self.how == "infinite" else right,
            "nothing": None,
            "eleven candidates": np.stack([right] * 11, axis=1),
            "no candidates": right[:, None][:, :0],
        }
        return made[self.how]


@pytest.mark.parametrize(
    "how", ["wide", "short", "flat", "nan", "infinite", "eleven candidates", "no candidates"]
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_wrong_shapes_and_numbers_fail_their_own_row_only(how: str) -> None:
    result = run("preimage", Wrong(how))
    failed = row(result, "Wrong")
    assert failed["status"] == "failed" and failed["metrics"] == {}
    assert "finite embeddings" in failed["reason"] and ", 16)" in failed["reason"]
    assert result.record["attacks"]["preimage"]["status"] == "ok"
    assert result.record["status"] == "failed"


@dataclass(frozen=True)
class Several(fowh.Attack):
    """Ten candidates: nonsense, but for the one of that number (from 1), which is the truth."""

    candidates = 10

    right: int = 1

    def run(self, view: fowh.View, rng: np.random.Generator) -> Any:
        truth = view.release.code
        made = np.stack([truth + 50] * 10, axis=1)
        made[:, self.right - 1] = truth
        return made


@pytest.mark.parametrize(
    ("right", "expected"), [(1, (1, 1, 1)), (2, (0, 1, 1)), (3, (0, 0, 1)), (10, (0, 0, 1))]
)
def test_the_first_candidate_is_the_answer_and_the_others_are_counted(
    right: int, expected: tuple[int, int, int]
) -> None:
    result = run(Several(right))
    found = row(result, "Several")["metrics"]
    name = "type1_at_fmr_1e-3"
    names = (name, f"{name}_within_2", f"{name}_within_10")
    assert tuple(found[each]["value"] for each in names) == expected
    assert found[names[1]]["n"] == STOLEN
    (attack,) = result.record["attacks"]
    assert set(result.observations[f"attack.{attack}.tries_{name}"]) == {float(right)}
    assert set(result.observations[f"attack.{attack}.candidates"]) == {10.0}
    followed = result.record["best"]["followed"][name]
    assert (followed["1"]["value"], followed["10"]["value"]) == (expected[0], 1.0)
    assert result.record["worst"]["metrics"][name]["value"] == expected[0]


def test_returning_nothing_fails_its_own_row_only() -> None:
    result = run("preimage", Wrong("nothing"))
    assert row(result, "Wrong")["status"] == "failed"
    assert result.record["attacks"]["preimage"]["status"] == "ok"


@dataclass(frozen=True)
class Counting(fowh.Attack):
    """Fails in the second fold, and counts how often it was tried."""

    tried: ClassVar[list[int]] = [0]

    def run(self, view: fowh.View, rng: np.random.Generator) -> Any:
        self.tried[0] += 1
        if self.tried[0] == 2:
            raise RuntimeError("no more")
        return np.zeros((len(view.release), view.embeddings.shape[1]), dtype=np.float32)


def test_what_failed_in_one_fold_is_not_tried_in_the_next_and_counts_for_nothing() -> None:
    Counting.tried[0] = 0
    result = run("preimage", Counting())
    assert Counting.tried[0] == 2
    assert row(result, "Counting")["metrics"] == {}
    assert result.record["worst"]["of"] == ["preimage"]


@dataclass(frozen=True)
class Pictures(fowh.Attack):
    """Makes samples, and does not ask whether there are any to make."""

    yields = "samples"

    def run(self, view: fowh.View, rng: np.random.Generator) -> Any:
        return np.zeros((len(view.release), 16, 16), dtype=np.uint8)


def test_samples_cannot_be_made_of_a_dataset_that_has_none() -> None:
    skipped = row(run(Pictures()), "Pictures")
    assert skipped["status"] == "skipped" and skipped["folds"] == 0
    assert "embeddings" in skipped["reason"]


@dataclass(frozen=True)
class Vandal(fowh.Attack):
    """Overwrites all that it is given."""

    def run(self, view: fowh.View, rng: np.random.Generator) -> Any:
        view.release.code[:] = 0
        view.embeddings[:] = 0
        view.subjects[:] = 0
        for values in view.scheme.public.values():
            values[:] = 1e3
        return np.zeros((len(view.release), view.embeddings.shape[1]), dtype=np.float32)


def test_what_an_attack_does_to_its_view_reaches_nobody_else() -> None:
    alone, after = run("preimage", "dictionary"), run(Vandal(), "preimage", "dictionary")
    for name in ("preimage", "dictionary"):
        ours, theirs = (r.record["attacks"][name]["metrics"] for r in (after, alone))
        assert ours == theirs
    assert after.record["controls"]["unprotected"] == alone.record["controls"]["unprotected"]
    assert row(after, "Vandal")["metrics"]["rank1"]["n"] == STOLEN


@dataclass(frozen=True)
class Talkative(fowh.Attack):
    """Has something to say about its run."""

    def run(self, view: fowh.View, rng: np.random.Generator) -> Any:
        view.remarks.append("the same in every fold")
        view.remarks.append(f"rows: {len(view.release)}")
        return np.zeros((len(view.release), view.embeddings.shape[1]), dtype=np.float32)


def test_remarks_are_kept_once_in_their_order() -> None:
    assert row(run(Talkative()), "Talkative")["remarks"] == [*("the same in every fold", "rows: 6")]


@dataclass(frozen=True)
class Leaving(fowh.Attack):
    """Ends the program where it is asked whether it can run."""

    def unsupported(self, view: fowh.View) -> str | None:
        raise SystemExit(0)

    def run(self, view: fowh.View, rng: np.random.Generator) -> Any:
        return np.zeros((len(view.release), view.embeddings.shape[1]), dtype=np.float32)


def test_an_attack_that_ends_the_program_when_it_is_asked_loses_only_itself() -> None:
    result = run("preimage", Leaving())
    failed = row(result, "Leaving")
    assert failed["status"] == "failed" and "SystemExit" in failed["reason"]
    assert result.record["attacks"]["preimage"]["status"] == "ok"


class Unkind:
    """A network that ends the program where it is copied."""

    def __deepcopy__(self, memo: object) -> Any:
        raise SystemExit(0)


@dataclass(frozen=True)
class Planting(fowh.Attack):
    """A malicious server's."""

    yields = "samples"

    def plant(self, view: fowh.View, rng: np.random.Generator) -> Any:
        return Unkind()

    def run(self, view: fowh.View, rng: np.random.Generator) -> Any:
        raise AssertionError("its network was never handed out")


def test_a_planted_network_that_ends_the_program_fails_its_attack() -> None:
    nothing: Any = None
    view = fowh.View(
        nothing, nothing, nothing, nothing, np.ones(1), malicious=True, modality="image"
    )
    judge: Any = SimpleNamespace(system=SimpleNamespace(planted=lambda module: None))
    made = attempt(Planting(), view, judge, np.random.default_rng(0))
    assert made.status == "failed" and "SystemExit" in str(made.reason)
