"""Rows that leak, read with the truth at hand: is the embedding in them in clear?"""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fowh.core.randomness import stream
from fowh.core.release import Release
from fowh.leaks._checked import LEAST, Call, Enrolment, in_clear, verified, with_enrolled
from schemes.lsh import Lsh
from tests.cheats.hiding import Shares
from tests.cheats.lying import Invented

NOTHING = {"clear_cosine": 0.1, "clear_permuted": 0.0, "clear_said": 0.0}
WIDTH = 16


def people(count: int, readings: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    each = rng.normal(size=(count, 1, WIDTH)) + 0.3 * rng.normal(size=(count, readings, WIDTH))
    return each.reshape(-1, WIDTH).astype(np.float32), np.repeat(np.arange(count), readings)


def called(code: np.ndarray, count: int, keys: np.ndarray | None = None) -> Call:
    values, whose = people(count)
    own = whose.astype(np.uint64) if keys is None else keys
    return Call(Release(code), values, whose, own)


def cosine(*calls: Call) -> float:
    return with_enrolled(NOTHING, calls, np.random.default_rng(1))["clear_cosine"]


@pytest.mark.parametrize("count", [4, 8])
def test_of_few_people_each_number_is_found(count: int) -> None:
    values, _ = people(count)
    turned = -2 * values[:, ::-1] + 1
    assert cosine(called(turned, count)) > 0.999


def test_of_many_people_any_mixture_is_found() -> None:
    values, _ = people(40)
    mixed = values @ np.random.default_rng(2).normal(size=(WIDTH, WIDTH)).astype(np.float32)
    assert cosine(called(mixed, 40)) > 0.999


def test_one_of_two_calls_is_enough() -> None:
    values, _ = people(8)
    noise = np.random.default_rng(3).normal(size=values.shape).astype(np.float32)
    assert cosine(called(noise, 8), called(values, 8)) > 0.999
    assert cosine(called(noise, 8)) == NOTHING["clear_cosine"]


@pytest.mark.parametrize("count", [4, 40])
def test_a_code_under_keys_is_a_code(count: int) -> None:
    values, whose = people(count)
    keys = whose.astype(np.uint64)
    code = Lsh(bits=512).enroll(values, keys, np.random.default_rng(0)).code
    assert cosine(called(code, count)) == NOTHING["clear_cosine"]


def test_under_one_key_for_all_only_another_key_tells() -> None:
    values, whose = people(40)
    one, other = (np.full(len(whose), key, np.uint64) for key in (1, 2))
    turned = values[:, np.random.default_rng(4).permutation(WIDTH)]  # as the key says
    assert cosine(called(turned, 40, one)) == NOTHING["clear_cosine"]
    assert cosine(called(turned, 40, one), called(values, 40, other)) == NOTHING["clear_cosine"]
    assert cosine(called(values, 40, one), called(values, 40, other)) > 0.999


@dataclass(frozen=True)
class Slow(Shares):
    """Says that it can be asked next to nothing."""

    @property
    def comparison_cap(self) -> int:
        return 12


def test_a_scheme_says_nothing_of_how_much_of_it_is_tried() -> None:
    values, whose = people(40)
    setting: Any = SimpleNamespace(
        stream=lambda *stage: stream(0, *stage),
        fold=SimpleNamespace(development=np.arange(len(values))),
        values=values,
        subjects=whose,
    )
    assert in_clear(setting, Slow())["clear_cosine"] > 0.99


class Shy(Invented):
    """Says that four comparisons are all that it can do."""

    @property
    def comparison_cap(self) -> int:
        return 4


def test_a_low_cap_spares_nobody_a_thousand_pairs_in_five_folds() -> None:
    values, whose = people(6)
    scheme, keys = Shy(), whose.astype(np.uint64)
    templates = scheme.enroll(values, keys, np.random.default_rng(0))
    system = Enrolment(templates, values, values, whose, keys, np.arange(len(whose)))
    found = verified(scheme, system, np.random.default_rng(1))
    assert found["verified_pairs"] >= LEAST == 200
    assert found["verified_unlike"] > 0.9 * found["verified_pairs"]
