"""The contract of a scheme."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh.checks import suite as contract
from fowh.checks.suite import Finding, Suite, close, ensure
from fowh.core.capability import Unprotect
from fowh.core.registry import describe
from fowh.core.release import Floats, Keys, Release, known_token
from fowh.core.scheme import Scheme

DIMENSION = 128
COUNT = 8  # templates; slow hashes take a tenth of a second each
NOISES = (0.5, 0.2, 1e-1, 1e-2, 1e-3, 1e-5)  # of a mated probe, against the spread of subjects
suite = Suite()


def check_scheme(scheme: Scheme) -> Iterator[Finding]:
    """Run every check that applies, on Gaussian embeddings of 128 dimensions."""
    from fowh.checks.capability import suite as capabilities

    case = Case(scheme)
    yield from suite.run(case)
    yield from capabilities.run(case)


@dataclass(frozen=True)
class Case:
    """A scheme with people to enrol, drawn anew from fixed seeds."""

    scheme: Scheme

    def people(self, seed: int, count: int) -> Floats:
        """(count, d) embeddings of different people, off centre as those of real models are."""
        rng = np.random.default_rng(seed)
        people = 2 + rng.standard_normal((count, DIMENSION), dtype=np.float32)
        return people / np.float32(DIMENSION**0.5)

    def again(self, embeddings: Floats, noise: float) -> Floats:
        """Further readings of the same people."""
        rng = np.random.default_rng(99)
        step = rng.standard_normal(embeddings.shape, dtype=np.float32)
        return embeddings + step * np.float32(noise / DIMENSION**0.5)

    def keys(self, seed: int, count: int = COUNT) -> Keys:
        return np.random.default_rng(seed).integers(2**64, size=count, dtype=np.uint64)

    @cached_property
    def fitted(self) -> Scheme:
        return self.scheme.fit(self.people(1, 200))

    @property  # not cached: a scheme that changes what it is given must not hide it
    def enrolled(self) -> Floats:
        return self.people(2, COUNT)

    def enroll(self, seed: int = 3, keys: Keys | None = None) -> Release:
        used = self.keys(4) if keys is None else keys
        return self.fitted.enroll(self.enrolled, used, np.random.default_rng(seed))

    @cached_property
    def templates(self) -> Release:
        return self.enroll()


@suite
def _fit(case: Case) -> str:
    """Fitting returns a copy and changes nothing."""
    development = case.people(1, 200)
    kept, before = development.copy(), dict(case.scheme.public)
    fitted = case.scheme.fit(development)
    ensure(np.array_equal(development, kept), "it changes the embeddings it is given")
    ensure(dict(case.scheme.public) == before, "it changes the scheme itself")
    ensure(describe(fitted, "scheme") == describe(case.scheme, "scheme"), "parameters change")
    return f"learnt: {', '.join(fitted.public) or 'nothing'}"


@suite
def _repeatable(case: Case) -> str:
    """Equal keys and an equal generator give equal templates."""
    one, two = _stored(case.templates), _stored(case.enroll())
    for name, column in one.items():
        ensure(np.array_equal(column, two[name]), f"{name} differs with equal keys and generator")
    return "the same from the same keys and generator"


@suite
def _rows(case: Case) -> str:
    """There is one template for each embedding."""
    templates = case.templates
    ensure(len(templates) == COUNT, f"{len(templates)} templates of {COUNT} embeddings")
    for name, column in _stored(templates).items():
        ensure(len(column) == COUNT, f"{name} has {len(column)} rows, not {COUNT}")
        ensure(column.dtype != object, f"{name} holds Python objects")
    ensure(np.array_equal(known_token(templates), case.keys(4)), "token is not the keys")
    rows = np.array([5, 1])
    alone = case.fitted.score(templates[rows], case.enrolled[rows])
    close(alone, case.fitted.score(templates, case.enrolled)[rows], "rows depend on each other")
    return f"{templates.bytes_each:.0f} bytes each"


@suite
def _untouched(case: Case) -> str:
    """Arguments are left as they were."""
    embeddings, keys, templates = case.enrolled.copy(), case.keys(4), case.enroll()
    stored = {name: column.copy() for name, column in _stored(templates).items()}
    for used in (keys, np.full_like(keys, 7)):  # a shared key may save the copy
        case.fitted.enroll(embeddings, used, np.random.default_rng(0))
        case.fitted.score(templates, embeddings, used)
    case.fitted.scores(templates[:2], embeddings[:2])
    case.fitted.features(templates)
    stored |= {"embeddings": case.enrolled, "keys": case.keys(4)}
    for name, column in {**_stored(templates), "embeddings": embeddings, "keys": keys}.items():
        ensure(np.array_equal(column, stored[name]), f"{name} changes")
    return ", ".join(stored)


@suite
def _pairs(case: Case) -> str:
    """Scores of all pairs agree with those row by row."""
    templates, probes = case.templates[:4], case.again(case.enrolled, 1e-3)[:4]
    for keys in (None, case.keys(4)[:4], case.keys(5)[:4]):
        rows = case.fitted.score(templates, probes, keys)
        pairs = case.fitted.scores(templates, probes, keys)
        ensure(rows.shape == (4,) and pairs.shape == (4, 4), f"{rows.shape}, {pairs.shape}")
        ensure(rows.dtype == pairs.dtype == np.float32, f"{rows.dtype}, {pairs.dtype}")
        ensure(np.isfinite(pairs).all(), "a score is not finite")
        close(np.diag(pairs), rows, "the diagonal of scores is not score")
    own = case.fitted.score(templates, probes, templates.token)
    close(own, case.fitted.score(templates, probes), "the token as keys is not the default")
    return "with the template's own and with the presenters' keys"


@suite
def _identical(case: Case) -> str:
    """No probe scores higher than the enrolled embedding itself."""
    same = case.fitted.score(case.templates, case.enrolled)
    other = case.fitted.score(case.templates, np.roll(case.enrolled, 1, axis=0))
    mated = case.fitted.score(case.templates, case.again(case.enrolled, 0.5))
    rounding = 1e-3 * np.abs(same - other).max()
    ensure((same >= np.maximum(other, mated) - rounding).all(), "another probe scores higher")
    return f"{same.mean():.3g} on average, a stranger {other.mean():.3g}"


@suite
def _mated(case: Case) -> str:
    """Mated probes score above strangers."""
    stranger = case.fitted.score(case.templates, np.roll(case.enrolled, 1, axis=0)).mean()
    for noise in NOISES:
        if case.fitted.score(case.templates, case.again(case.enrolled, noise)).mean() > stranger:
            return f"up to a noise of {noise:g} of the spread between people"
    raise contract.Broken("not even probes with a noise of 1e-5 score above strangers")


@suite
def _renewal(case: Case) -> str | None:
    """Another key gives an unrelated template."""
    if not case.fitted.keyed:
        return None
    count = 16
    people, old, new = case.people(6, count), case.keys(7, count), case.keys(8, count)
    templates = case.fitted.enroll(people, old, np.random.default_rng(0))
    mated = case.fitted.score(templates, people, new)
    other = case.fitted.score(templates, np.roll(people, 1, axis=0), new)
    bound = 5 * np.sqrt((mated.var() + other.var()) / count) + 1e-6
    gap = abs(float(mated.mean() - other.mean()))
    ensure(gap < bound, f"one person under two keys: {mated.mean():.3g}, two: {other.mean():.3g}")
    own = case.fitted.score(templates, people).mean()
    ensure(own > mated.mean(), "the wrong key scores as well as the right one")
    return f"one person under two keys scores {mated.mean():.3g} like two ({other.mean():.3g})"


@suite
def _keyless(case: Case) -> str | None:
    """A scheme without keys ignores them."""
    if case.fitted.keyed:
        return None
    one, two = _stored(case.templates), _stored(case.enroll(keys=case.keys(9)))
    ensure(all(np.array_equal(one[name], two[name]) for name in one), "keys change the template")
    fresh = case.enroll(seed=10)
    if not np.array_equal(fresh.code, case.templates.code):
        return "fresh salts renew a template"
    ensure(isinstance(case.fitted, Unprotect), "neither keys nor salts: nothing can be renewed")
    return "not renewable: without keys and salts, and it says how to un-protect it"


@suite
def _secrets(case: Case) -> str:
    """Neither the key nor the embedding is stored."""
    for row, key in enumerate(case.keys(4)):
        held = b"".join(column[row].tobytes() for column in _stored(case.templates).values())
        ensure(key.tobytes() not in held, "the key is stored beside the code")
        if isinstance(case.fitted, Unprotect):
            continue
        for values in (case.enrolled[row], case.fitted.centre(case.enrolled[row])):
            for dtype in ("<f4", "<f8", "<f2"):
                piece = values.astype(dtype)[:8].tobytes()
                ensure(piece not in held, "the embedding is stored in the clear")
    return "searched in code and aux"


@suite
def _features(case: Case) -> str:
    """A thief without keys can read features."""
    features = case.fitted.features(case.templates.without_token())
    ensure(features.ndim == 2 and len(features) == COUNT, f"shape {features.shape}")
    ensure(features.dtype == np.float32, f"dtype {features.dtype}")
    ensure(np.isfinite(features).all(), "a feature is not finite")
    return f"{features.shape[1]} features"


@suite
def _few(case: Case) -> str:
    """No rows and one row are no special cases."""
    for count in (0, 1):
        people, keys = case.enrolled[:count], case.keys(4)[:count]
        templates = case.fitted.enroll(people, keys, np.random.default_rng(3))
        ensure(len(templates) == count, f"{len(templates)} templates of {count}")
        ensure(case.fitted.score(templates, people).shape == (count,), f"score of {count} rows")
        ensure(case.fitted.scores(templates, people).shape == (count, count), "scores")
    return "enrolled and compared"


@suite
def _parameters(case: Case) -> str:
    """Parameters survive the command line."""
    return contract.parameters_survive_the_command_line(case.scheme, "scheme")


@suite
def _nonsense(case: Case) -> str | None:
    """Absurd parameters work or are refused in one line."""

    def use(scheme: Scheme) -> Floats:
        people = case.people(1, 3)
        fitted = scheme.fit(people)
        templates = fitted.enroll(people, case.keys(4, 3), np.random.default_rng(0))
        return fitted.score(templates, people)

    return contract.nonsense_is_refused_in_one_line(case.scheme, "scheme", use)


def _stored(templates: Release) -> dict[str, NDArray[Any]]:
    return {"code": templates.code, **templates.aux}
