"""What a template-protection scheme is, and what it may add so that it can be attacked adaptively.

Vocabulary of ISO/IEC 24745: a stored *template* is a pseudonymous identifier (``code``) and
auxiliary data (``aux``); the ``token`` is what only the user holds (here: the key).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # torch takes seconds to import; only attacks need it
    import torch

    from fowh.kit.matching import Index

COMPARISONS = 2**20  # per fold and scenario, unless a scheme says otherwise
Floats = NDArray[np.float32]
Keys = NDArray[np.uint64]
Slack = Callable[["torch.Tensor"], "torch.Tensor"]


@dataclass(frozen=True, eq=False)
class Templates:
    """A column of enrolled templates.

    Attributes:
        code: (n, ...) pseudonymous identifiers, dtype of the scheme's choice.
        aux: auxiliary data stored beside the code (salts, helper data), each (n, ...).
        token: (n,) uint64 keys that only the users hold; None where the holder of these
            templates does not know them (a thief, when keys do not leak).
    """

    code: NDArray[Any]
    aux: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    token: Keys | None = None

    def __len__(self) -> int:
        return len(self.code)

    def __getitem__(self, rows: Any) -> Templates:
        """The templates at ``rows`` (a slice, an index array or a mask)."""
        return Templates(
            self.code[rows],
            {name: column[rows] for name, column in self.aux.items()},
            None if self.token is None else self.token[rows],
        )

    def without_token(self) -> Templates:
        """What a thief of the database holds when the keys do not leak."""
        return replace(self, token=None)

    @property
    def bytes_each(self) -> float:
        """Stored bytes per template (code and aux; the token is the user's)."""
        stored = self.code.nbytes + sum(column.nbytes for column in self.aux.values())
        return stored / max(len(self), 1)


class Scheme(ABC):
    """A template-protection scheme: a frozen dataclass whose fields are its hyper-parameters.

    ``public`` holds what ``fit`` learnt; it is no hyper-parameter and appears in no record's spec.
    A subclass is ``@dataclass(frozen=True)``, validates in ``__post_init__`` with ``InputError``,
    and must not change the arrays it is given.
    """

    public: Mapping[str, NDArray[Any]]
    keyed: ClassVar[bool] = True  # False: keys are ignored (raw, salted_hash)

    def fit(self, development: Floats) -> Self:
        """Learn public parameters from development subjects only.

        Args:
            development: (n, d) float32 embeddings of development subjects.

        Returns:
            A fitted copy; the default learns the mean, which centres every embedding
            (``self.centre``): embeddings of real models are far from centred.
        """
        mean = np.asarray(development, dtype=np.float32).mean(axis=0, dtype=np.float64)
        return replace(self, public={"mean": mean.astype(np.float32)})  # type: ignore[type-var]

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

    @abstractmethod
    def enroll(self, embeddings: Floats, keys: Keys, rng: np.random.Generator) -> Templates:
        """Protect embeddings.

        Args:
            embeddings: (n, d) float32.
            keys: (n,) uint64, one per row; equal keys are the same key.
            rng: randomness of the enrolment itself (salts, codewords).

        Returns:
            n templates with ``token=keys``.
        """

    @abstractmethod
    def score(self, templates: Templates, probes: Floats, keys: Keys | None = None) -> Floats:
        """Compare row by row: template i with probe i; higher is more alike.

        Args:
            templates: n templates, with their token.
            probes: (n, d) float32 raw probe embeddings.
            keys: (n,) keys that the presenters use; default: the templates' own token.

        Returns:
            (n,) float32.
        """

    def scores(self, templates: Templates, probes: Floats, keys: Keys | None = None) -> Floats:
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

    def features(self, templates: Templates) -> Floats:
        """What a learned attack reads: (n, f) float32; default: the code itself."""
        return templates.code.reshape(len(templates), -1).astype(np.float32)


@dataclass(frozen=True)
class CodeScheme(Scheme):
    """A scheme whose verification protects the probe under the same key and compares codes.

    A subclass gives ``protect``, ``agree`` and ``compare``; grouping by key is done here, so
    cost grows with the number of distinct keys and no loop runs over templates or pairs.
    """

    public: Mapping[str, NDArray[Any]] = field(
        default_factory=dict, repr=False, compare=False, kw_only=True
    )

    @abstractmethod
    def protect(self, embeddings: Floats, key: int) -> NDArray[Any]:
        """Codes (n, ...) of embeddings (n, d) under one key."""

    @abstractmethod
    def agree(self, left: NDArray[Any], right: NDArray[Any]) -> Floats:
        """Scores (n,) of codes row by row; higher is more alike."""

    @abstractmethod
    def compare(self, left: NDArray[Any], right: NDArray[Any]) -> Floats:
        """Scores (n, p) of every left code with every right code."""

    def enroll(self, embeddings: Floats, keys: Keys, rng: np.random.Generator) -> Templates:
        return Templates(self._protect_each(embeddings, keys), token=keys)

    def score(self, templates: Templates, probes: Floats, keys: Keys | None = None) -> Floats:
        used = known_token(templates) if keys is None else keys
        return self.agree(templates.code, self._protect_each(probes, used))

    def scores(self, templates: Templates, probes: Floats, keys: Keys | None = None) -> Floats:
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


@runtime_checkable
class Inequalities(Protocol):
    """A template implies inequalities on the embedding (sign and arg-max schemes).

    ``slack(templates)`` returns a function of x, an (n, d) float32 torch tensor in the *original*
    (uncentred) embedding space, to an (n, k) tensor that is >= 0 wherever the template's
    inequalities hold. It is differentiable, and it draws the key's projections once. Scaled so
    that the gradient of its sum over k, at the development mean, is the closed-form estimate of
    the centred embedding's direction where one exists. Needs the token.
    """

    def slack(self, templates: Templates) -> Slack: ...


@runtime_checkable
class Unprotect(Protocol):
    """Algebraic un-protection: (n, d) float32 estimates of the embeddings, from the key alone."""

    def unprotect(self, templates: Templates) -> Floats: ...


@runtime_checkable
class Shortcut(Protocol):
    """All-pairs scores for an evaluator, who knows what was enrolled; equal to real verification.

    For schemes whose verification is slow (decoding) although its outcome is known in closed
    form. A property test must prove the equality with ``score``. Same shapes and keys as
    ``Scheme.scores``; ``enrolled`` holds the (n, d) embeddings of the templates.
    """

    def scores_known(
        self, templates: Templates, enrolled: Floats, probes: Floats, keys: Keys | None = None
    ) -> Floats: ...


@runtime_checkable
class Searchable(Protocol):
    """One-to-many search in the protected domain under one shared key, through FAISS."""

    def index(self, templates: Templates) -> Index: ...

    def protect(self, embeddings: Floats, key: int) -> NDArray[Any]: ...


@runtime_checkable
class Theory(Protocol):
    """Locality in closed form: the expected score of two unit vectors with this cosine.

    Cosine of the *centred* embeddings; (n,) -> (n,) float64. ``trials`` is how many independent
    draws the score averages, for binomial bounds.
    """

    @property
    def trials(self) -> int: ...

    def expected_score(self, cosine: NDArray[np.float64]) -> NDArray[np.float64]: ...


def by_key(keys: Keys) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Each distinct key with the rows that use it, in order of the key."""
    distinct, inverse = np.unique(keys, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    bounds = np.searchsorted(inverse[order], np.arange(len(distinct) + 1))
    for number, key in enumerate(distinct):
        yield int(key), order[bounds[number] : bounds[number + 1]]


def known_token(templates: Templates) -> Keys:
    """The token, or a ValueError for whoever does not hold it."""
    if templates.token is None:
        raise ValueError("these templates come without their keys (the token did not leak)")
    return templates.token


def key_stream(key: int, purpose: str) -> np.random.Generator:
    """The public randomness that a key stands for: one stream per (key, purpose)."""
    words = [key & 0xFFFFFFFF, key >> 32, *purpose.encode()]
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(words)))
