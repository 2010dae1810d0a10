"""What a scheme is: the public function between what a target computes and what leaves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from fowh.core.release import Floats, Keys, Release, by_key, known_token

COMPARISONS = 2**20  # per fold and scenario, unless a scheme says otherwise


@dataclass(frozen=True)
class Scheme(ABC):
    """A scheme: a frozen dataclass whose fields are its hyper-parameters.

    ``public`` holds what ``fit`` learnt; it is no hyper-parameter and appears in no record's spec.
    A subclass is ``@dataclass(frozen=True)``, validates in ``__post_init__`` with ``InputError``,
    and must not change the arrays it is given.

    Attributes:
        protects: name of the leak that it stands in front of ("templates", "outputs").
        keyed: whether keys mean anything to it.
    """

    public: Mapping[str, NDArray[Any]] = field(
        default_factory=dict, repr=False, compare=False, kw_only=True
    )
    protects: ClassVar[str]
    keyed: ClassVar[bool] = True

    @property
    def parts(self) -> tuple[Scheme, ...]:
        """Schemes that it is made of, whose code is then its own as well; default: none."""
        return ()

    @property
    def secret_bits(self) -> float | None:
        """What its designers count as its secret, in bits; None where they count none."""
        return None

    def fit(self, development: Floats) -> Self:
        """Learn public parameters from development subjects only.

        Args:
            development: (n, d) float32 values of development subjects.

        Returns:
            A fitted copy, or itself where there is nothing to learn (the default).
        """
        return self

    @abstractmethod
    def release(self, values: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        """What leaves when the target said ``values``.

        Args:
            values: (n, d) float32.
            keys: (n,) uint64, one per row; equal keys are the same key.
            rng: randomness of the scheme itself (salts, codewords, noise).

        Returns:
            n rows.
        """

    def features(self, release: Release) -> Floats:
        """What a learned attack reads: (n, f) float32; default: the code itself."""
        return release.code.reshape(len(release), -1).astype(np.float32)


@dataclass(frozen=True)
class TemplateScheme(Scheme):
    """A template-protection scheme: enrols embeddings, and compares probes with templates."""

    protects: ClassVar[str] = "templates"

    def fit(self, development: Floats) -> Self:
        """Learn the development mean, which centres every embedding (``self.centre``).

        Embeddings of real models are far from centred.
        """
        mean = np.asarray(development, dtype=np.float32).mean(axis=0, dtype=np.float64)
        return replace(self, public={"mean": mean.astype(np.float32)})

    def centre(self, embeddings: Floats) -> Floats:
        """Embeddings minus the development mean; (n, d) float32. A copy, never in place."""
        values = np.asarray(embeddings, dtype=np.float32)
        mean = self.public.get("mean")
        return values if mean is None else values - mean

    @property
    def comparison_cap(self) -> int:
        """Real comparisons that one fold can afford, per scenario or attack; beyond it, a sample.

        A scheme whose comparison is slow (a memory-hard hash, a decoder) lowers it.
        """
        return COMPARISONS

    @property
    def verifiers(self) -> tuple[TemplateScheme, ...]:
        """Itself where verification is measured: in one place, or in three that share no memory.

        Two of those for the halves of all comparisons, and one to be asked again
        (``fowh.kit.again``).
        """
        return (self,)

    @abstractmethod
    def enroll(self, embeddings: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        """Protect embeddings.

        Args:
            embeddings: (n, d) float32.
            keys: (n,) uint64, one per row; equal keys are the same key.
            rng: randomness of the enrolment itself (salts, codewords).

        Returns:
            n templates with ``token=keys``.
        """

    def release(self, values: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        """What leaves is what was enrolled."""
        return self.enroll(values, keys, rng)

    @abstractmethod
    def score(self, templates: Release, probes: Floats, keys: Keys | None = None) -> Floats:
        """Compare row by row: template i with probe i; higher is more alike.

        Args:
            templates: n templates, with their token.
            probes: (n, d) float32 raw probe embeddings.
            keys: (n,) keys that the presenters use; default: the templates' own token.

        Returns:
            (n,) float32.
        """

    def scores(self, templates: Release, probes: Floats, keys: Keys | None = None) -> Floats:
        """Compare every template with every probe.

        Args:
            templates: n templates, with their token.
            probes: (p, d) float32.
            keys: (p,) keys that the presenters use (their own); default: for each comparison the
                template's own key (the stolen-key scenario).

        Returns:
            (n, p) float32.
        """
        out = np.empty((len(templates), len(probes)), dtype=np.float32)
        step = max(1, 2**22 // max(1, len(probes) * probes.shape[1]))
        for start in range(0, len(templates), step):
            rows = np.arange(start, min(start + step, len(templates)))
            left = templates[np.repeat(rows, len(probes))]
            right = np.tile(probes, (len(rows), 1))
            used = None if keys is None else np.tile(keys, len(rows))
            out[rows] = self.score(left, right, used).reshape(len(rows), len(probes))
        return out


@dataclass(frozen=True)
class CodeScheme(TemplateScheme):
    """A scheme whose verification protects the probe under the same key and compares codes.

    A subclass gives ``protect``, ``agree`` and ``compare``; grouping by key is done here, so
    cost grows with the number of distinct keys and no loop runs over templates or pairs.
    """

    @abstractmethod
    def protect(self, embeddings: Floats, key: int) -> NDArray[Any]:
        """Codes (n, ...) of embeddings (n, d) under one key."""

    @abstractmethod
    def agree(self, left: NDArray[Any], right: NDArray[Any]) -> Floats:
        """Scores (n,) of codes row by row; higher is more alike."""

    @abstractmethod
    def compare(self, left: NDArray[Any], right: NDArray[Any]) -> Floats:
        """Scores (n, p) of every left code with every right code."""

    def enroll(self, embeddings: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        return Release(self._protect_each(embeddings, keys), token=keys)

    def score(self, templates: Release, probes: Floats, keys: Keys | None = None) -> Floats:
        used = known_token(templates) if keys is None else keys
        return self.agree(templates.code, self._protect_each(probes, used))

    def scores(self, templates: Release, probes: Floats, keys: Keys | None = None) -> Floats:
        if keys is not None:
            return self.compare(templates.code, self._protect_each(probes, keys))
        out = np.empty((len(templates), len(probes)), dtype=np.float32)
        for key, rows in by_key(known_token(templates)):
            out[rows] = self.compare(templates.code[rows], self.protect(probes, key))
        return out

    def _protect_each(self, embeddings: Floats, keys: Keys) -> NDArray[Any]:
        groups = list(by_key(keys))
        if len(groups) == 1:  # a shared key: one product, no scatter
            return self.protect(embeddings, groups[0][0])
        code: NDArray[Any] | None = None
        for key, rows in groups:
            part = self.protect(embeddings[rows], key)
            if code is None:
                code = np.empty((len(embeddings), *part.shape[1:]), dtype=part.dtype)
            code[rows] = part
        if code is None:
            return self.protect(embeddings, 0)
        return code


@dataclass(frozen=True)
class OutputScheme(Scheme):
    """What a classifier's answers pass before they are given out.

    A subclass gives ``limit``. Whoever asks, the attacker too, is given limited answers: what he
    learns from has passed it once, and is not passed through it again (``View.simulate``).
    """

    protects: ClassVar[str] = "outputs"
    keyed: ClassVar[bool] = False

    @abstractmethod
    def limit(self, answers: Floats, rng: np.random.Generator) -> Floats:
        """Answers (n, c) as they leave, from the target's own (n, c); float32."""

    def release(self, values: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        """The limited answers; keys play no part."""
        return Release(self.limit(values, rng), token=keys)
