"""The contract of a template scheme, beside what every scheme owes: its comparisons."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fowh.checks import release
from fowh.checks.contract import Broken, Claims, close, ensure
from fowh.checks.release import COUNT, DIMENSION, columns
from fowh.core.capability import Unprotect
from fowh.core.release import Floats, Keys, Release, known_token
from fowh.core.scheme import Scheme, TemplateScheme

NOISES = (0.5, 0.2, 1e-1, 1e-2, 1e-3, 1e-5)  # of a mated probe, against the spread of subjects
claims = Claims()


@dataclass(frozen=True)
class Case(release.Case):
    """A template scheme with people to enrol."""

    scheme: TemplateScheme

    @cached_property
    def fitted(self) -> TemplateScheme:
        """The scheme, fitted to people who are not those that are enrolled."""
        return self.scheme.fit(self.values(1, 200))

    def again(self, embeddings: Floats, noise: float) -> Floats:
        """Further readings of the same people."""
        rng = np.random.default_rng(99)
        step = rng.standard_normal(embeddings.shape, dtype=np.float32)
        return embeddings + step * np.float32(noise / DIMENSION**0.5)

    def enroll(self, seed: int = 3, keys: Keys | None = None) -> Release:
        """Templates of ``given``."""
        used = self.keys(4) if keys is None else keys
        return self.fitted.enroll(self.given, used, np.random.default_rng(seed))

    def use(self, scheme: Scheme) -> object:
        assert isinstance(scheme, TemplateScheme)
        people = self.values(1, 3)
        fitted = scheme.fit(people)
        templates = fitted.enroll(people, self.keys(4, 3), np.random.default_rng(0))
        return fitted.score(templates, people)


@claims
def _enrolled(case: Case) -> str:
    """What leaves is what was enrolled, with its keys, row by row."""
    templates, left = case.enroll(), case.let_out()
    for name, column in columns(templates).items():
        ensure(np.array_equal(column, columns(left)[name]), f"{name} leaves otherwise")
    ensure(np.array_equal(known_token(templates), case.keys(4)), "token is not the keys")
    rows = np.array([5, 1])
    alone = case.fitted.score(templates[rows], case.given[rows])
    close(alone, case.fitted.score(templates, case.given)[rows], "rows depend on each other")
    return f"{len(templates)} templates"


@claims
def _untouched(case: Case) -> str:
    """Comparing leaves its arguments as they were."""
    probes, keys, templates = case.given.copy(), case.keys(4), case.enroll()
    stored = {name: column.copy() for name, column in columns(templates).items()}
    for used in (keys, np.full_like(keys, 7), None):
        case.fitted.score(templates, probes, used)
        case.fitted.scores(templates[:2], probes, used)
    stored |= {"probes": case.given, "keys": case.keys(4)}
    for name, column in {**columns(templates), "probes": probes, "keys": keys}.items():
        ensure(np.array_equal(column, stored[name]), f"{name} changes")
    return ", ".join(stored)


@claims
def _pairs(case: Case) -> str:
    """Scores of all pairs agree with those row by row."""
    templates, probes = case.enroll()[:4], case.again(case.given, 1e-3)[:4]
    for keys in (None, case.keys(4)[:4], case.keys(5)[:4]):
        rows = case.fitted.score(templates, probes, keys)
        pairs = case.fitted.scores(templates, probes, keys)
        ensure(rows.shape == (4,) and pairs.shape == (4, 4), f"{rows.shape}, {pairs.shape}")
        ensure(rows.dtype == pairs.dtype == np.float32, f"{rows.dtype}, {pairs.dtype}")
        ensure(np.isfinite(pairs).all(), "a score is not finite")
        close(np.diag(pairs), rows, "the diagonal of scores is not score")
    own = case.fitted.score(templates, probes, templates.token)
    close(own, case.fitted.score(templates, probes), "the token as keys is not the default")
    for count in (0, 1):
        none = case.fitted.scores(templates[:count], probes[:count])
        ensure(none.shape == (count, count), f"scores of {count} templates: {none.shape}")
    return "with the template's own and with the presenters' keys"


@claims
def _identical(case: Case) -> str:
    """No probe scores higher than the enrolled embedding itself."""
    templates = case.enroll()
    same = case.fitted.score(templates, case.given)
    other = case.fitted.score(templates, np.roll(case.given, 1, axis=0))
    mated = case.fitted.score(templates, case.again(case.given, 0.5))
    rounding = 1e-3 * np.abs(same - other).max()
    ensure((same >= np.maximum(other, mated) - rounding).all(), "another probe scores higher")
    return f"{same.mean():.3g} on average, a stranger {other.mean():.3g}"


@claims
def _mated(case: Case) -> str:
    """Mated probes score above strangers."""
    templates = case.enroll()
    stranger = case.fitted.score(templates, np.roll(case.given, 1, axis=0)).mean()
    for noise in NOISES:
        if case.fitted.score(templates, case.again(case.given, noise)).mean() > stranger:
            return f"up to a noise of {noise:g} of the spread between people"
    raise Broken("not even probes with a noise of 1e-5 score above strangers")


@claims
def _renewal(case: Case) -> str | None:
    """Another key gives an unrelated template."""
    if not case.fitted.keyed:
        return None
    count = 16
    people, old, new = case.values(6, count), case.keys(7, count), case.keys(8, count)
    templates = case.fitted.enroll(people, old, np.random.default_rng(0))
    mated = case.fitted.score(templates, people, new)
    other = case.fitted.score(templates, np.roll(people, 1, axis=0), new)
    bound = 5 * np.sqrt((mated.var() + other.var()) / count) + 1e-6
    gap = abs(float(mated.mean() - other.mean()))
    ensure(gap < bound, f"one person under two keys: {mated.mean():.3g}, two: {other.mean():.3g}")
    own = case.fitted.score(templates, people).mean()
    ensure(own > mated.mean(), "the wrong key scores as well as the right one")
    return f"one person under two keys scores {mated.mean():.3g} like two ({other.mean():.3g})"


@claims
def _keyless(case: Case) -> str | None:
    """A scheme without keys ignores them."""
    if case.fitted.keyed:
        return None
    one, two = columns(case.enroll()), columns(case.enroll(keys=case.keys(9)))
    ensure(all(np.array_equal(one[name], two[name]) for name in one), "keys change the template")
    if not np.array_equal(case.enroll(seed=10).code, one["code"]):
        return "fresh salts renew a template"
    ensure(isinstance(case.fitted, Unprotect), "neither keys nor salts: nothing can be renewed")
    return "not renewable: without keys and salts, and it says how to un-protect it"


@claims
def _secrets(case: Case) -> str:
    """Neither the key nor the embedding is stored."""
    templates = case.enroll()
    for row, key in enumerate(case.keys(4)):
        held = b"".join(column[row].tobytes() for column in columns(templates).values())
        ensure(key.tobytes() not in held, "the key is stored beside the code")
        if isinstance(case.fitted, Unprotect):
            continue
        for values in (case.given[row], case.fitted.centre(case.given[row])):
            for dtype in ("<f4", "<f8", "<f2"):
                piece = values.astype(dtype)[:8].tobytes()
                ensure(piece not in held, "the embedding is stored in the clear")
    return f"searched in code and aux of {COUNT} templates"
