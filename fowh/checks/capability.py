"""The contract of what a template scheme may add: inequalities, search, theory and the like."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from fowh.checks.contract import Claims, close, ensure
from fowh.checks.release import COUNT, DIMENSION
from fowh.checks.scheme import NOISES, Case
from fowh.core.capability import Guessable, Inequalities, Searchable, Shortcut, Theory, unprotects
from fowh.core.release import Floats

FEW_GUESSES = 2**12
claims = Claims()


@claims
def _inequalities(case: Case) -> str | None:
    """Inequalities hold for the enrolled embedding."""
    if not isinstance(case.fitted, Inequalities):
        return None
    import torch

    slack = case.fitted.slack(case.enroll())
    truth = slack(torch.from_numpy(case.given))
    stranger = slack(torch.from_numpy(np.roll(case.given, 1, axis=0)))
    ensure(truth.ndim == 2 and len(truth) == COUNT, f"shape {tuple(truth.shape)}")
    ensure(float(truth.min()) >= -1e-4 * float(truth.abs().max()), f"{float(truth.min()):.3g} < 0")
    wrong = float((stranger < 0).float().mean())
    ensure(wrong > 0, "a stranger satisfies them all: they say nothing")
    return f"{truth.shape[1]} each, a stranger violates {wrong:.0%}"


@claims
def _unprotection(case: Case) -> str | None:
    """Un-protection gives embeddings."""
    if not unprotects(case.fitted):
        return None
    estimate = case.fitted.unprotect(case.enroll())
    ensure(estimate.shape == case.given.shape, f"shape {estimate.shape}")
    ensure(estimate.dtype == np.float32 and np.isfinite(estimate).all(), "not finite float32")
    mean = case.values(1, 200).mean(axis=0)
    return f"centred cosine to the truth {_cosine(estimate - mean, case.given - mean):.2f}"


@claims
def _guesses(case: Case) -> str | None:
    """A secret that is found opens its template."""
    if not isinstance(case.fitted, Guessable):
        return None
    import torch

    templates, bits = case.enroll(), case.fitted.secret_bits
    ensure(bits is not None and bits > 0, "it says not how many secrets there are")
    count = int(min(2 ** (bits or 0), FEW_GUESSES))
    numbers = case.fitted.guess(templates, 0, count)
    ensure(numbers.shape == (COUNT,) and numbers.dtype == np.int64, f"{numbers.dtype} numbers")
    ensure(bool((numbers < count).all()), "it finds what it did not try")
    again = case.fitted.guess(templates, count // 2, count - count // 2)
    later = np.where(numbers >= count // 2, numbers, -1)
    ensure(np.array_equal(again, later), "the same secret has several numbers")
    found = np.flatnonzero(numbers >= 0)
    if count == 2 ** (bits or 0):
        ensure(len(found) == COUNT, f"{COUNT - len(found)} templates have no secret at all")
    if len(found):
        slack = case.fitted.opened(templates[found], numbers[found])
        truth = slack(torch.from_numpy(case.given[found]))
        ensure(float(truth.min()) >= -1e-4 * float(truth.abs().max()), "the embedding is outside")
        stranger = slack(torch.from_numpy(np.roll(case.given, 1, axis=0)[found]))
        ensure(bool((stranger < 0).any()), "a stranger satisfies it all: it says nothing")
    return f"{len(found)} of {COUNT} opened with {count:,} of 2^{bits:g} guesses"


@claims
def _search(case: Case) -> str | None:
    """Search finds what the scores say."""
    if not isinstance(case.fitted, Searchable):
        return None
    scheme: Any = case.fitted
    people, key = case.values(11, 200), 12345
    shared = np.full(len(people), key, dtype=np.uint64)
    templates = scheme.enroll(people, shared, np.random.default_rng(0))
    probes = case.again(people[:20], 0.5)
    found, rows = scheme.index(templates).search(scheme.protect(probes, key), 5)
    pairs = scheme.scores(templates, probes).T
    close(found, -np.sort(-pairs, axis=1)[:, :5], "not the best scores")
    close(found, np.take_along_axis(pairs, rows, axis=1), "rows and scores do not belong together")
    return "the 5 best of 200 are those of an exhaustive comparison"


@claims
def _theory(case: Case) -> str | None:
    """Scores follow the stated theory."""
    if not isinstance(case.fitted, Theory):
        return None
    scheme: Any = replace(case.fitted, public={})  # type: ignore[type-var]  # centred as they are
    rng, worst = np.random.default_rng(12), 0.0
    for cosine in (-0.5, 0.0, 0.3, 0.6, 0.9):
        basis = np.linalg.qr(rng.standard_normal((16, DIMENSION, 2)))[0].astype(np.float32)
        left = basis[:, :, 0]
        right = cosine * left + np.float32((1 - cosine**2) ** 0.5) * basis[:, :, 1]
        templates = scheme.enroll(left, np.repeat(case.keys(13, 4), 4), rng)
        expected = float(scheme.expected_score(np.array([cosine]))[0])
        bound = np.sqrt(expected * (1 - expected) / (16 * scheme.trials))
        worst = max(worst, abs(float(scheme.score(templates, right).mean()) - expected) / bound)
    ensure(worst < 4.5, f"{worst:.1f} standard errors off")
    return f"within {worst:.1f} binomial standard errors"


@claims
def _shortcut(case: Case) -> str | None:
    """The evaluator's shortcut equals verification."""
    if not isinstance(case.fitted, Shortcut):
        return None
    people, templates = case.given[:4], case.enroll()[:4]
    probes = np.concatenate([case.again(people, noise)[:1] for noise in (0, *NOISES)])
    for keys in (None, case.keys(4)[: len(probes)]):
        known = case.fitted.scores_known(templates, people, probes, keys)
        ensure(np.array_equal(known, case.fitted.scores(templates, probes, keys)), "it differs")
    return f"equal to verification on {known.size} comparisons, {int(known.sum())} accepted"


def _cosine(left: Floats, right: Floats) -> float:
    norms = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return float(((left * right).sum(axis=1) / norms).mean())
