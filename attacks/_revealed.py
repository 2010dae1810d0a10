"""What a scheme reveals of its rows, believed only where it explains the attacker's own.

A scheme may offer to undo itself, or to say what a row implies (``fowh.core.capability``). Nobody
who is measured has to tell the truth: a surrogate that lies, or says nothing, would make every
attack that reads through it as blind as the scheme likes.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from attacks._readout import ASCENT, Population, ascend, blocks, with_token
from fowh.core.capability import Inequalities, Unprotect, unprotects
from fowh.core.release import Floats, Release
from fowh.core.scheme import TemplateScheme
from fowh.core.view import View

Way = Literal["unprotect", "slack", "features"]

TRIED = 64  # own samples on which it is tried
ROUNDING = 1e-4  # of the largest slack, what counts as satisfied all the same
WORTH = 0.5  # as many violations as somebody else's embedding has, at most
SURE = 3.0  # standard errors by which an estimate must be nearer to the truth than to another


def revealed(view: View, population: Population, rng: np.random.Generator) -> Way:
    """By what the stolen rows can be read: own samples, enrolled under stolen keys, are the trial.

    Un-protection holds where its estimates point at the own embeddings rather than at others of
    them; inequalities, where their own embeddings violate at most half as many as others do. The
    rest is read as ``features``, and a remark says so. It draws from a child of ``rng``, whose own
    stream stays where it is.
    """
    scheme, token = view.scheme, with_token(view).token
    if token is None or not (unprotects(scheme) or isinstance(scheme, Inequalities)):
        return "features"
    (rng,) = rng.spawn(1)
    count = min(TRIED, len(view.embeddings))
    own = view.embeddings[rng.choice(len(view.embeddings), count, replace=False)]
    release = view.simulate(own, token[rng.integers(len(token), size=count)], rng)
    if unprotects(scheme):
        gap = _pointing(scheme.unprotect(release), own, population)
        if gap.mean() > SURE * gap.std() / max(1, count - 1) ** 0.5:
            return "unprotect"
        view.remarks.append(
            "the scheme's own un-protection does not find the embeddings of own samples, and is "
            "not believed: what else is stored is read instead"
        )
    if not isinstance(scheme, Inequalities):
        return "features"
    mine, other = _violated(view, release, own), _violated(view, release, np.roll(own, 1, axis=0))
    if mine <= WORTH * other and other > 0:
        return "slack"
    view.remarks.append(
        "the scheme's inequalities do not explain the codes of own samples better than those of "
        "others, and are not believed: what is stored is read instead, by a linear map"
    )
    return "features"


def _pointing(estimate: Floats, own: Floats, population: Population) -> Floats:
    """(n,) cosine to the own embedding less that to another one, about the mean."""

    def unit(x: Floats) -> Floats:
        centred = np.nan_to_num(x) - population.mean
        out: Floats = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
        return out

    made, mine = unit(estimate), unit(own)
    gap: Floats = np.einsum("ij,ij->i", made, mine - np.roll(mine, 1, axis=0))
    return gap


def _violated(view: View, release: Release, x: Floats) -> float:
    """Share of the inequalities that embeddings x (n, d) violate; 0 where there are none."""
    import torch

    assert isinstance(view.scheme, Inequalities)
    wrong = total = 0
    for rows in blocks(release):
        with torch.no_grad():
            slack = view.scheme.slack(release[rows])(torch.from_numpy(x[rows]).to(view.device))
        if not slack.numel():
            continue
        holds = slack >= -ROUNDING * slack.abs().max()
        wrong, total = wrong + int((~holds).sum()), total + holds.numel()
    return wrong / max(1, total)


def read(
    view: View, way: Way, population: Population, starts: Floats | None, release: Release
) -> Floats:
    """What one product tells of a row under its own key; (n, d), or else (n, f) features.

    An estimate of the embedding where the keys are known and what the scheme reveals can be
    believed (``revealed``); it means the same under every key. Of a code that is even about the
    mean the slack's gradient vanishes there: it is followed from the best scoring of ``starts``
    (m, d) instead, to an estimate of either sign.
    """
    import torch

    if release.token is None or way == "features":
        return view.scheme.features(release)
    if way == "unprotect":
        assert isinstance(view.scheme, Unprotect)
        return view.scheme.unprotect(release)
    assert isinstance(view.scheme, Inequalities)
    out = np.empty((len(release), len(population.mean)), dtype=np.float32)
    for rows in blocks(release):
        start = np.tile(population.mean, (len(rows), 1))
        if starts is not None and isinstance(view.scheme, TemplateScheme):
            start = starts[view.scheme.scores(release[rows], starts).argmax(axis=1)]
        slack = view.scheme.slack(release[rows])
        begin = torch.from_numpy(start).to(view.device)
        steps = 1 if starts is None else ASCENT
        out[rows] = ascend(slack, begin, population, steps).cpu().numpy()
    return out
