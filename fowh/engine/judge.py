"""Judge: compares reconstructions with the truth, which no attack ever sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh.core.leak import Leak, System
from fowh.core.modality import Columns
from fowh.core.protocol import Fold, Indices
from fowh.core.release import Floats
from fowh.engine.plan import Plan
from fowh.engine.witness import Witness
from fowh.metrics.inversion import first

TRIES = "tries_"  # begins the column that says on which turn a row's candidates succeed
CANDIDATES = "candidates"  # the column that says how many candidates a row has


@dataclass(frozen=True, eq=False)
class Judged:
    """What became of one row of the table.

    Attributes:
        embeddings: (n, d) that were judged; (n,) claims where there is nothing else to get back.
        columns: raw observations, (n, ...) by name.
        likeness: of reconstructions that are samples: by metric, with what the witness says.
        samples: those reconstructions; None where embeddings were handed in.
        handed: the same as they were handed in, before those of a batch were told apart.
    """

    embeddings: Floats
    columns: Columns
    likeness: Columns
    samples: NDArray[Any] | None = None
    handed: NDArray[Any] | None = None


@dataclass(frozen=True, eq=False)
class Judge:
    """Knows the truth of one fold.

    Attributes:
        leak: says what counts as got back.
        system: deployed.
        plan: what the run works on.
        fold: which rows are stolen.
        witness: a second opinion on samples, where one was asked for.
        device: torch device name.
    """

    leak: Leak
    system: System
    plan: Plan
    fold: Fold
    witness: Witness | None
    device: str

    def embeddings(self, made: Floats) -> Judged:
        """Judge (n, d) embeddings, row i of stolen row i.

        Of candidates (n, k, d) the first is judged; of all of them, on which turn one succeeds.
        """
        labels = self._labels()
        if made.ndim == 2:
            return Judged(made, labels | self.system.judge(made), {})
        turns = [labels | self.system.judge(made[:, turn]) for turn in range(made.shape[1])]
        hits = [self.leak.successes(seen, self.system.terms) for seen in turns]
        tries = {
            f"{TRIES}{name}": first(np.stack([hit[name] == 1 for hit in hits], axis=1))
            for name in self.leak.headline.success
        }
        tries[CANDIDATES] = np.full(len(made), made.shape[1], np.float64)
        return Judged(made[:, 0], turns[0] | tries, {})

    def probes(self, made: Floats, rows: Indices) -> Judged:
        """Judge (n, d) embeddings that are themselves in these rows of the gallery."""
        return Judged(made, self._labels() | self.system.probed(made, rows), {})

    def samples(self, made: NDArray[Any]) -> Judged:
        """Embed samples again and judge that; beside it their likeness to the originals."""
        recogniser, prepared = self.plan.recogniser, self.plan.prepared
        assert recogniser is not None and prepared is not None  # such attacks need both
        seen = recogniser.embed(made, self.device)
        rows, handed = self.system.match(seen), made
        made, seen = made[rows], seen[rows]
        likeness = self.plan.modality.likeness(made, prepared[self.fold.stolen])
        if self.witness is not None:
            likeness = likeness | self.witness(made)
        judged = self.embeddings(seen)
        return Judged(judged.embeddings, judged.columns, likeness, made, handed)

    def claims(self, made: NDArray[Any]) -> Judged:
        """Judge claims (m,), one of each sample behind the release."""
        columns = self._labels() | self.system.claimed(made)
        bare = np.empty((len(self.fold.stolen), 0), dtype=np.float32)
        return Judged(made if self.leak.claims else bare, columns, {})

    def success(self, judged: Judged) -> float:
        """Mean success in what an attacker wants most of what a fold can measure; 0 if untried."""
        found = self.leak.successes(judged.columns, self.system.terms)
        wanted = [found.get(name, np.zeros(1)) for name in self.leak.headline.success]
        return next((float(np.nanmean(x)) for x in wanted if not np.isnan(x).all()), 0.0)

    def _labels(self) -> Columns:
        stolen = self.fold.stolen
        return {
            "subject": self.plan.samples.subjects[stolen],
            "fold": np.full(len(stolen), self.fold.number),
        }


def unmeasured(judged: Judged, rows: NDArray[np.bool_]) -> Judged:
    """The same with NaN, not measured, in these rows."""
    columns = {
        name: values
        if name in ("subject", "fold")
        else np.where(rows[:, None] if values.ndim == 2 else rows, np.nan, values)
        for name, values in judged.columns.items()
    }
    return Judged(judged.embeddings, columns, judged.likeness, judged.samples)
