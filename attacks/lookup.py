"""The informed adversary: which of the samples that he knows already is behind an update?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from fowh.core.attack import Attack
from fowh.core.updates import UpdateScheme
from fowh.core.view import View

CHUNK = 2**24  # numbers of gradients that are held at a time


@dataclass(frozen=True)
class Lookup(Attack):
    """Of candidates that he is given, those whose gradients explain a row best.

    The prior-aware attack of Hayes, Mahloujifar and Balle (2023, "Bounding training data
    reconstruction in DP-SGD"): every candidate's gradient, under the labels that the row shows,
    against the row in the scheme's own likelihood. Of a batch, candidates are added one after
    another, each where it explains most. He is informed, no one else in the table is: it says what
    a row gives away, not what an attacker makes of it.
    """

    yields: ClassVar[Literal["samples"]] = "samples"
    informed: ClassVar[bool] = True

    def unsupported(self, view: View) -> str | None:
        from attacks._labels import unlabelled

        if view.candidates is None:
            return "it chooses among candidates, and none are known: give --candidates 80"
        if len(view.candidates) < view.release.each:
            return f"{view.release.each} samples are behind a row: give --candidates more than that"
        return unlabelled(view)

    def run(self, view: View, rng: np.random.Generator) -> NDArray[np.uint8]:
        import torch

        from attacks._labels import labels_of
        from fowh.kit.federated import per_sample
        from fowh.kit.images import as_tensor

        scheme, release = view.scheme, view.release
        assert view.candidates is not None and view.module is not None
        assert isinstance(scheme, UpdateScheme)
        view.remarks.append(
            f"informed: the {len(view.candidates)} candidates that it was given hold the truth"
        )
        each, size = release.each, release.each // scheme.summed
        rows = torch.from_numpy(release.code).to(view.device)
        labels, pictures = labels_of(view), as_tensor(view.candidates, view.device)
        chosen = np.empty((len(rows), each), dtype=np.intp)
        step = max(1, CHUNK // (each * rows.shape[1]))
        for row, named in enumerate(labels):
            held = torch.zeros(each, rows.shape[1], device=view.device)  # of those chosen so far
            misfit = np.empty(len(pictures))
            for place, label in enumerate(named):
                for start in range(0, len(pictures), step):
                    some = pictures[start : start + step]
                    y = torch.full((len(some),), int(label), device=view.device)
                    whole = held.repeat(len(some), 1, 1)
                    whole[:, place] = per_sample(view.module, some, y).detach()
                    seen = rows[row].expand(len(some), -1)
                    misfit[start : start + step] = scheme.misfit(whole, seen, size).cpu().numpy()
                misfit[chosen[row, :place]] = np.inf
                best = int(misfit.argmin())
                y = torch.full((1,), int(label), device=view.device)
                held[place] = per_sample(view.module, pictures[[best]], y).detach()[0]
                chosen[row, place] = best
            view.progress("lookup", (row + 1) / len(labels))
        made: NDArray[np.uint8] = view.candidates[chosen.ravel()]
        return made
