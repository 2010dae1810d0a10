"""What every scheme that compares codes must do; each scheme's test calls these."""

import numpy as np

from fowh.core.randomness import key_stream
from fowh.core.scheme import CodeScheme


def people(seed=0, subjects=30, dimension=128, noise=0.4):
    """Two readings per subject, far from centred, as real embeddings are: (enrolled, probes)."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((subjects, dimension)) + 1
    readings = centres + noise * rng.standard_normal((2, subjects, dimension))
    return readings.astype(np.float32)


def pairs(cosine, count, dimension, seed=0):
    """Unit vectors x, y with exactly this cosine, uniform otherwise; two (count, d) float32."""
    rng = np.random.default_rng(seed)
    x, z = rng.standard_normal((2, count, dimension))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    z -= (z * x).sum(axis=1, keepdims=True) * x
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    y = cosine * x + np.sqrt(max(0, 1 - cosine**2)) * z
    return x.astype(np.float32), y.astype(np.float32)


def assert_consistent(scheme: CodeScheme, tolerance=1e-3):
    """Grouping by key, row-wise and all-pairs scores, and search tell one story.

    A float product may round differently in another batch: rarely, one digit flips.
    """
    enrolled, probes = people()
    enrolled.setflags(write=False)
    probes.setflags(write=False)
    scheme = scheme.fit(enrolled)
    rng = np.random.default_rng(0)
    shared = np.full(30, 7, dtype=np.uint64)
    own = np.arange(30, dtype=np.uint64)[::-1] % 20 + 5  # some keys used twice, unsorted
    for keys in (shared, own):
        templates = scheme.enroll(enrolled, keys, rng)
        singly = [scheme.protect(enrolled[i : i + 1], int(keys[i]))[0] for i in range(30)]
        assert (templates.code == np.stack(singly)).mean() > 0.999
        stolen = scheme.scores(templates, probes)
        by_rows = scheme.score(templates, probes)
        np.testing.assert_allclose(np.diag(stolen), by_rows, atol=3 * tolerance)
        np.testing.assert_allclose(
            np.diag(scheme.scores(templates, probes, keys)), by_rows, atol=3 * tolerance
        )
        strangers = ~np.eye(30, dtype=bool)
        assert np.diag(stolen).mean() > stolen[strangers].mean()  # it recognises
        assert stolen.dtype == by_rows.dtype == np.float32 and stolen.shape == (30, 30)

    templates = scheme.enroll(enrolled, shared, rng)
    found, ids = scheme.index(templates).search(scheme.protect(probes, 7), 4)
    scores = scheme.scores(templates, probes).T
    np.testing.assert_allclose(found, -np.sort(-scores, axis=1)[:, :4], atol=tolerance)
    np.testing.assert_allclose(np.take_along_axis(scores, ids, axis=1), found, atol=tolerance)
    assert len(scheme.features(templates)) == 30
    assert scheme.features(templates).dtype == np.float32


def assert_locality(scheme: CodeScheme, cosine, dimension=24, keys=24):
    """The mean score of pairs with this cosine, each under its own key, against the theory.

    Independent draws: within five standard errors of the binomial, plus float32's share.
    """
    x, y = pairs(cosine, keys, dimension)
    token = np.arange(keys, dtype=np.uint64)
    templates = scheme.enroll(x, token, np.random.default_rng(0))
    mean = float(scheme.score(templates, y).astype(np.float64).mean())
    expected = float(scheme.expected_score(np.array([cosine]))[0])
    error = np.sqrt(expected * (1 - expected) / (keys * scheme.trials))
    assert abs(mean - expected) <= 5 * error + 1e-3, (cosine, mean, expected, error)


def purity(scheme: CodeScheme, count=60, dimension=512):
    """Mean cosine between x, uniform on the sphere, and the slack's gradient at the mean."""
    import torch

    x, _ = pairs(0, count, dimension)
    templates = scheme.enroll(x, np.full(count, 3, dtype=np.uint64), np.random.default_rng(0))
    start = torch.zeros(count, dimension, requires_grad=True)
    scheme.slack(templates)(start).sum().backward()
    guess = start.grad.numpy()
    return float((guess * x).sum(axis=1).dot(1 / np.linalg.norm(guess, axis=1)) / count)


def assert_slack_holds_where_enrolled(scheme: CodeScheme, tolerance=1e-3):
    """Non-negative at the enrolled embeddings, in their own order, and not at others'."""
    import torch

    enrolled, _ = people()
    scheme = scheme.fit(enrolled)
    for keys in (np.full(30, 7), np.arange(30)[::-1] % 20):
        templates = scheme.enroll(enrolled, keys.astype(np.uint64), np.random.default_rng(0))
        slack = scheme.slack(templates)
        here = slack(torch.from_numpy(enrolled))
        assert here.shape[0] == 30 and here.min() >= -tolerance
        there = slack(torch.from_numpy(np.roll(enrolled, 1, axis=0)))
        assert (there < -tolerance).any(dim=1).all()
        assert torch.equal(here, slack(torch.from_numpy(enrolled)))  # drawn once


def public_draws(key, purpose, shape):
    """The N(0, 1) draws that a key stands for, straight from the stream."""
    return key_stream(key, purpose).standard_normal(shape, dtype=np.float32)
