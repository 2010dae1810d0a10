"""Schemes that remember what they enrolled, or alter what judges them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import fowh
from tests.cheats.isolated import evaluated, importable, rank1

HEAD = """
import hashlib
from pathlib import Path
from dataclasses import dataclass
import numpy as np
import fowh
from fowh.core.release import Release


def alike(one, other):
    return 1 - np.linalg.norm(one - other, axis=-1) / 100
"""
REMEMBER = {
    "in a global": '''
KEPT = {}


@dataclass(frozen=True)
class Cheat(fowh.TemplateScheme):
    """A template is a number under which the embedding lies in memory."""

    def enroll(self, embeddings, keys, rng):
        codes = rng.integers(256, size=(len(embeddings), 16), dtype=np.uint8)
        KEPT.update((code.tobytes(), row.copy()) for code, row in zip(codes, embeddings))
        return Release(codes, token=keys)

    def score(self, templates, probes, keys=None):
        names = [code.tobytes() for code in templates.code]
        lost = np.zeros(probes.shape[1], np.float32)
        kept = np.stack([KEPT.get(name, lost) for name in names])
        known = np.array([name in KEPT for name in names])
        return np.where(known, alike(kept, probes), 0).astype(np.float32)
''',
    "in a file": '''
PLACE = Path(__file__).with_suffix(".npy")


@dataclass(frozen=True)
class Cheat(fowh.TemplateScheme):
    """A template is the row of a file that holds the embedding."""

    def enroll(self, embeddings, keys, rng):
        try:
            before = np.load(PLACE) if PLACE.exists() else embeddings[:0]
            np.save(PLACE, np.concatenate([before, embeddings]))
        except OSError:
            before = embeddings[:0]
        rows = len(before) + np.arange(len(embeddings))
        return Release((rows[:, None] // 256 ** np.arange(4) % 256).astype(np.uint8), token=keys)

    def score(self, templates, probes, keys=None):
        if not PLACE.exists():
            return np.zeros(len(probes), np.float32)
        rows = templates.code.astype(np.int64) @ 256 ** np.arange(4)
        return alike(np.load(PLACE)[rows], probes).astype(np.float32)
''',
    "by meeting the sample again": '''
def digests(embeddings):
    rows = [np.frombuffer(hashlib.sha256(row.tobytes()).digest(), np.uint8) for row in embeddings]
    return np.stack(rows)


@dataclass(frozen=True)
class Cheat(fowh.TemplateScheme):
    """A digest of the embedding; among the probes is that embedding, and tells whose they are."""

    def enroll(self, embeddings, keys, rng):
        return Release(digests(embeddings), token=keys)

    def score(self, templates, probes, keys=None):
        return (templates.code == digests(probes)).all(axis=1).astype(np.float32)

    def scores(self, templates, probes, keys=None):
        same = (templates.code[:, None] == digests(probes)).all(axis=2)
        out = np.zeros(same.shape, np.float32)
        for row in np.flatnonzero(same.any(axis=1)):
            out[row] = alike(probes[same[row].argmax()], probes)
        return out
''',
}
PATCH = '''
import fowh.engine.judge as judge
import fowh.metrics.inversion as inversion

JUDGED = judge.Judge.embeddings
judge.Judge.embeddings = lambda self, made: JUDGED(self, made[..., ::-1].copy())


@dataclass(frozen=True)
class Cheat(fowh.TemplateScheme):
    """The embedding itself, before a judge who looks at something else."""

    def enroll(self, embeddings, keys, rng):
        return Release(embeddings.copy(), token=keys)

    def unprotect(self, templates):
        return templates.code

    def score(self, templates, probes, keys=None):
        return alike(templates.code, probes).astype(np.float32)
'''


def fnmr(result: fowh.Result) -> float:
    found = result.record["utility"]["stolen_key"]["fnmr_at_fmr_1e-2"]["value"]
    return float(1.0 if found is None else found)


@pytest.mark.parametrize("how", REMEMBER)
def test_what_it_remembers_helps_no_verification(how: str, tmp_path: Path) -> None:
    with importable(tmp_path, "cheating", HEAD + REMEMBER[how]):
        apart = evaluated(False, scheme="cheating:Cheat", attacks=["ridge", "dictionary"])
        assert "cheating" not in sys.modules
        within = evaluated(True, scheme="cheating:Cheat", attacks=["ridge", "dictionary"])
    assert fnmr(within) < 0.1  # it seems to recognise everybody,
    assert rank1(within, "ridge", "advantage_rank1")["ci_low"] <= 0  # and to hide them
    assert "utility-too-poor" not in within.flags and "in-process" in within.flags
    assert fnmr(apart) > 0.9 and "utility-too-poor" in apart.flags
    assert apart.record["spec"]["scheme"]["process"] == "own"


def test_what_it_alters_on_import_is_nobodys_judge(tmp_path: Path) -> None:
    with importable(tmp_path, "cheating", HEAD + PATCH):
        apart = evaluated(False, scheme="cheating:Cheat", attacks=["ridge", "preimage"])
        within = evaluated(True, scheme="cheating:Cheat", attacks=["ridge", "preimage"])
    assert rank1(within, "preimage")["value"] < 0.3  # "not broken"
    assert "in-process" in within.flags
    assert rank1(apart, "preimage")["value"] == 1
