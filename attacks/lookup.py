"""The informed adversary: which of the samples that he knows already is behind an update?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from fowh.core.attack import Attack
from fowh.core.updates import UpdateScheme
from fowh.core.view import View

CHUNK = 2**24  # numbers of gradients that are worked on at a time
KEPT = 2**28  # numbers that are kept from one row to the next, a gigabyte


@dataclass(frozen=True)
class Lookup(Attack):
    """Of candidates that he is given, those whose gradients explain a row best.

    The prior-aware attack of Hayes, Mahloujifar and Balle (2023, "Bounding training data
    reconstruction in DP-SGD"): every candidate's gradient, under the label that it is trained with,
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
        if view.candidate_classes is None:
            return "it has to know under which labels the candidates are trained"
        return unlabelled(view)

    def run(self, view: View, rng: np.random.Generator) -> NDArray[np.uint8]:
        import torch

        from fowh.kit.federated import per_sample
        from fowh.kit.images import as_tensor

        scheme, release = view.scheme, view.release
        assert view.candidates is not None and view.candidate_classes is not None
        assert view.module is not None
        assert isinstance(scheme, UpdateScheme)
        view.remarks.append(
            f"informed: the {len(view.candidates)} candidates that it was given hold the truth"
        )
        each, size = release.each, release.each // scheme.summed
        rows = torch.from_numpy(release.code).to(view.device)
        pictures = as_tensor(view.candidates, view.device)
        labels = torch.from_numpy(view.candidate_classes).to(view.device)
        chosen = np.empty((len(rows), each), dtype=np.intp)
        step = max(1, CHUNK // (each * rows.shape[1]))
        parts = [slice(start, start + step) for start in range(0, len(pictures), step)]
        # Kept for all rows where they fit: the network is the same for all of them.
        few = len(pictures) * rows.shape[1] <= KEPT
        kept: dict[int, torch.Tensor] = {}

        def gradients(number: int) -> torch.Tensor:
            if number not in kept:
                some = pictures[parts[number]], labels[parts[number]]
                made = per_sample(view.module, *some).detach()  # type: ignore[arg-type]
                if not few:
                    return made
                kept[number] = made
            return kept[number]

        for row in range(len(rows)):
            held = torch.zeros(each, rows.shape[1], device=view.device)  # of those chosen so far
            for place in range(each):
                misfit = []
                for number in range(len(parts)):
                    theirs = gradients(number)
                    whole = held.repeat(len(theirs), 1, 1)
                    whole[:, place] = theirs
                    seen = rows[row].expand(len(theirs), -1)
                    misfit.append(scheme.misfit(whole, seen, size))
                lost = torch.cat(misfit).cpu().numpy()
                lost[chosen[row, :place]] = np.inf
                best = int(lost.argmin())
                held[place] = gradients(best // step)[best % step]
                chosen[row, place] = best
            view.progress("lookup", (row + 1) / len(rows))
        made: NDArray[np.uint8] = view.candidates[chosen.ravel()]
        return made
