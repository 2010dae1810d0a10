"""One fold's recognition system: thresholds, enrolled victims, what a reconstruction reaches."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fowh.core.capability import Shortcut
from fowh.core.leak import Setting, Successes, System
from fowh.core.modality import Columns
from fowh.core.protocol import Indices
from fowh.core.release import Floats, Keys, Release
from fowh.core.scheme import TemplateScheme
from fowh.kit import matching
from fowh.kit.again import compare_again
from fowh.kit.comparing import Comparisons, compare, compare_vectors, subject_keys
from fowh.kit.pairing import another_reading
from fowh.kit.parts import counting, within
from fowh.leaks._checked import Call, Enrolment, in_clear, verified, with_enrolled
from fowh.leaks._features_alike import features_alike
from fowh.leaks._gallery import Gallery, chance, searched
from fowh.metrics import FMRS, inversion, recognition
from fowh.metrics.inversion import Outcome
from fowh.metrics.security import effective_dimension

VERIFIED = 256  # probes whose verification is timed
# Where in the progress of a fold's recognition each scenario is.
SHARES = {"stolen_key": (0.4, 0.6), "renewed": (0.6, 0.8), "own_key": (0.8, 1.0)}


@dataclass(frozen=True, eq=False)
class Enrolled(System):
    """The victims enrolled under a fitted scheme.

    Attributes:
        setting: what it was deployed from.
        everybody: templates of all victims' samples, and ``their_keys``, their ``fresh`` keys.
        renewed: (n) templates of another reading of the same subject, under a fresh key.
        alone: (n,) bool, where the subject has no other reading: nothing is measured there.
        mean: (d,) development mean.
    """

    setting: Setting
    scheme: TemplateScheme
    everybody: Release
    their_keys: Keys
    fresh: Keys
    keys: Keys
    release: Release
    renewed: Release
    alone: NDArray[np.bool_]
    mean: Floats
    terms: Columns
    facts: Mapping[str, float]

    @classmethod
    def of(cls, setting: Setting, unfitted: TemplateScheme) -> Enrolled:
        """Fit, set thresholds on development subjects, and enrol the victims."""
        values, fold, stream = setting.values, setting.fold, setting.stream
        develop, victims = values[fold.development], values[fold.victims]
        whose = setting.subjects[fold.victims]
        setting.note("fitting", 0.0)
        scheme = unfitted.fit(develop)
        keys = subject_keys(whose, setting.threat.keys, stream("keys"))
        fresh = subject_keys(whose, setting.threat.keys, stream("renewed keys"))
        started = time.perf_counter()
        setting.note(f"enrolling {len(victims):,} samples", 0.05)
        templates = scheme.enroll(victims, keys, stream("enrol"))
        rate = len(victims) / (time.perf_counter() - started)
        stolen = np.searchsorted(fold.victims, fold.stolen)
        mate = another_reading(whose)[stolen]
        known = Enrolment(templates[stolen], victims[stolen], victims, whose, fresh, stolen)
        renewed = scheme.enroll(victims[mate], fresh[stolen], stream("renew"))
        calls = (
            Call(templates, victims, whose, keys),
            Call(renewed, victims[mate], whose[stolen], fresh[stolen]),
        )
        developed = _developed(setting, scheme)
        clear = with_enrolled(in_clear(setting, scheme), calls, stream("enrolled in clear"))
        alike = features_alike(setting, scheme, calls[0], stream("features alike"))
        speed = _speed(scheme, templates, develop)
        limits, counts = _thresholds(setting, scheme, developed)  # all that is enrolled is by now
        return cls(
            setting,
            scheme,
            everybody=templates,
            their_keys=keys,
            fresh=fresh,
            keys=keys[stolen],
            release=templates[stolen],
            renewed=renewed,
            alone=mate == stolen,
            mean=develop.mean(axis=0),
            terms={name: np.full(len(stolen), limit) for name, limit in limits.items()},
            facts={
                **_population(develop, setting.subjects[fold.development], limits),
                **counts,
                "enrolments_per_s": rate,
                "verifications_per_s": speed,
                "bytes_per_template": templates.bytes_each,
                "dimension": victims.shape[1],
                "own": len(fold.attacker),
                "enrolled": len(victims),
                "enrolled_subjects": len(np.unique(whose)),
                "development": len(develop),
                "development_subjects": len(np.unique(setting.subjects[fold.development])),
                **chance(setting.subjects, fold),
                **verified(scheme, known, stream("verified")),
                **clear,
                **alike,
                "comparison_cap": scheme.comparison_cap,
            },
        )

    def utility(self) -> dict[str, Columns]:
        """Comparisons of the victims: unprotected, with stolen keys, across keys, with own keys.

        ``again`` are some of those with stolen keys once more, of a third party's scheme.
        """
        setting, fold = self.setting, self.setting.fold
        victims, whose = setting.values[fold.victims], setting.subjects[fold.victims]

        def protected(scenario: str, keys: Keys | None) -> Comparisons:
            rng, share = setting.stream("pairs", scenario), SHARES[scenario]
            tell = counting(within(setting.note, *share), f"recognition, {scenario}")
            return compare(self.scheme, self.everybody, victims, whose, rng, keys, tell)

        made = {
            "unprotected": compare_vectors(victims, whose, setting.stream("pairs", "unprotected")),
            "stolen_key": protected("stolen_key", None),
            "renewed": protected("renewed", self.fresh),
        }
        if setting.threat.keys == "subject":  # with one key for all there is no other key
            made["own_key"] = protected("own_key", self.their_keys)
        rng = setting.stream("pairs", "again")
        again = compare_again(self.scheme, self.everybody, victims, whose, rng)
        if again is not None:
            made["again"] = again
        return {scenario: dict(vars(seen)) for scenario, seen in made.items()}

    @cached_property
    def _gallery(self) -> Gallery:
        return searched(self.setting)

    def judge(self, made: Floats) -> Columns:
        return self.probed(made, None)

    def probed(self, made: Floats, rows: Indices | None) -> Columns:
        seen = inversion.compare(made, *self._gallery, self.mean, rows)
        renewed = self.scheme.score(self.renewed, made)
        return {
            **seen._asdict(),
            "accept_score": self.scheme.score(self.release, made),
            "renewed_score": np.where(self.alone, np.nan, renewed),
        }

    def tries(self, guesses: Floats, successes: Successes) -> Columns:
        """As in ``System``, all guesses in one product each; purities are no success.

        A scheme is asked as often as its cap on comparisons allows: a row that accepts none of k
        guesses, when there were more, has turn -k (``inversion.within``).
        """
        gallery, subjects, rows = self._gallery
        scored, distance = self._scored(guesses), matching.l2(gallery[rows], guesses)
        found = {"rank1": inversion.rank1_of_each(guesses, gallery, subjects, rows)}
        for name, limit in self.terms.items():
            kind, _, fmr = name.partition(".")
            if kind == "t_embedding":
                found[f"type1_at_fmr_{fmr}"] = distance <= limit[:, None]
            elif scored.shape[1] or not len(guesses):
                found[f"accept_at_fmr_{fmr}"] = scored >= limit[:, None]
        return {name: inversion.first(hits, len(guesses)) for name, hits in found.items()}

    def _scored(self, guesses: Floats) -> Floats:
        """(n, k) scores of the stolen templates for as many guesses as can be paid for.

        All of them where the outcome of a slow verification is known in closed form.
        """
        if isinstance(self.scheme, Shortcut) and len(guesses):
            enrolled = self.setting.values[self.setting.fold.stolen]
            return self.scheme.scores_known(self.release, enrolled, guesses)
        most = self.scheme.comparison_cap // max(1, len(self.release))
        if not len(guesses[:most]):
            return np.empty((len(self.release), 0), dtype=np.float32)
        return self.scheme.scores(self.release, guesses[:most])


def outcome_of(columns: Columns) -> Outcome:
    """The columns of ``Enrolled.judge`` as the metrics take them."""
    return Outcome(**{name: columns[name] for name in Outcome.__dataclass_fields__})


def _developed(setting: Setting, scheme: TemplateScheme) -> Release:
    """Templates of the development people."""
    rows, stream = setting.fold.development, setting.stream
    keys = subject_keys(setting.subjects[rows], setting.threat.keys, stream("development keys"))
    setting.note(f"enrolling {len(rows):,} samples of development subjects", 0.1)
    return scheme.enroll(setting.values[rows], keys, stream("development enrol"))


def _thresholds(
    setting: Setting, scheme: TemplateScheme, enrolled: Release
) -> tuple[dict[str, float], dict[str, float]]:
    """Thresholds from non-mated development comparisons, and on how many they rest.

    ``t_embedding`` are distances of raw embeddings, ``t_protected`` scores of the scheme. Of the
    strictest ones it is counted how many pairs of people have a comparison above them: those of one
    pair rise and fall together.
    """
    rows, stream = setting.fold.development, setting.stream
    develop, whose = setting.values[rows], setting.subjects[rows]
    plain = compare_vectors(develop, whose, stream("development pairs"))
    tell = counting(within(setting.note, 0.2, 0.4), "thresholds")
    seen = compare(scheme, enrolled, develop, whose, stream("development pairs"), tell=tell)
    clear, coded = (part.score[~part.mated] for part in (plain, seen))
    made, above = {}, []
    for name, rate in FMRS.items():
        made[f"t_embedding.{name}"] = -recognition.threshold_at_fmr(clear, rate)
        made[f"t_protected.{name}"] = recognition.threshold_at_fmr(coded, rate)
        above.append(_pairs_above(plain, -made[f"t_embedding.{name}"]))
        above.append(_pairs_above(seen, made[f"t_protected.{name}"]))
    fewest = min(len(clear), len(coded))
    return made, {"development_non_mated": fewest, "pairs_above": min(above, default=0)}


def _pairs_above(seen: Comparisons, limit: float) -> int:
    """How many pairs of people have a non-mated comparison at or above a threshold."""
    above = (seen.score >= limit) & ~seen.mated
    pairs = np.sort(np.stack([seen.subject_a[above], seen.subject_b[above]], axis=1), axis=1)
    return len(np.unique(pairs, axis=0))


def _population(
    develop: Floats, subjects: NDArray[np.int64], limits: Mapping[str, float]
) -> dict[str, float]:
    """The strictest threshold as an angle, and how many dimensions subjects fill.

    The angle is that of two embeddings at the threshold's distance, both as far from the mean as
    embeddings are. Subjects are counted, not samples: each by its mean.
    """
    centred = develop - develop.mean(axis=0)
    radius = float(np.sqrt(np.square(centred).sum(axis=1).mean()))
    distance = min(limit for name, limit in limits.items() if name.startswith("t_embedding"))
    _, codes, counts = np.unique(subjects, return_inverse=True, return_counts=True)
    means = np.zeros((len(counts), develop.shape[1]))
    np.add.at(means, codes, develop)
    means /= counts[:, None]
    if not (radius > 0 and np.ptp(means, axis=0).any()):  # they do not vary: no angle, no dimension
        return {"operating_angle": math.nan, "effective_dimension": math.nan}
    return {
        "operating_angle": 2 * float(np.arcsin(np.clip(distance / (2 * radius), 0, 1))),
        "effective_dimension": effective_dimension(means),
    }


def _speed(scheme: TemplateScheme, templates: Release, probes: Floats) -> float:
    """Real verifications a second, whatever is cheaper in the comparisons.

    The probes are nobody's who is enrolled: this must not tell a scheme whose template is whose.
    """
    count = min(VERIFIED, scheme.comparison_cap, len(templates), len(probes))
    started = time.perf_counter()
    scheme.score(templates[:count], probes[:count])
    return count / (time.perf_counter() - started)
