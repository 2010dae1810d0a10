"""What a scheme may add so that it can be attacked adaptively, searched or checked.

Each is a small protocol found by isinstance; none of them is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from fowh.core.release import Floats, Keys, Release

if TYPE_CHECKING:  # torch takes seconds to import; only attacks need it
    import torch

Slack = Callable[["torch.Tensor"], "torch.Tensor"]
Ids = NDArray[np.int64]


@runtime_checkable
class Inequalities(Protocol):
    """A template implies inequalities on the embedding (sign and arg-max schemes).

    ``slack(templates)`` returns a function of x, an (n, d) float32 torch tensor in the *original*
    (uncentred) embedding space, to an (n, k) tensor that is >= 0 wherever the template's
    inequalities hold. It is differentiable, and it draws the key's projections once. Scaled so
    that the gradient of its sum over k, where the scheme has its centre (the development mean, or
    zero if it does not centre), is the closed-form estimate of the direction in which the
    embedding lies from there, where one exists. Needs the token.
    """

    def slack(self, templates: Release) -> Slack: ...


@runtime_checkable
class Unprotect(Protocol):
    """Algebraic un-protection: (n, d) float32 estimates of the embeddings, from the key alone.

    A scheme where this depends on its parameters says so in a bool property ``unprotectable``: ask
    ``unprotects``.
    """

    def unprotect(self, templates: Release) -> Floats: ...


def unprotects(scheme: object) -> TypeGuard[Unprotect]:
    """Whether a scheme can be un-protected with the parameters that it has."""
    return isinstance(scheme, Unprotect) and bool(getattr(scheme, "unprotectable", True))


@runtime_checkable
class Guessable(Protocol):
    """A template commits to a secret of few bits behind a fast digest, which tells right guesses.

    Secrets are numbered from 0 to 2^secret_bits - 1, in an order of the scheme's choice in which
    a guess is cheap. No key is needed to guess; ``opened`` needs the token.
    """

    @property
    def secret_bits(self) -> float | None: ...

    def guess(self, templates: Release, first: int, count: int) -> Ids:
        """(n,) int64: which of the secrets ``first`` to ``first + count - 1`` opens each; else -1.

        On as many threads as torch uses.
        """

    def opened(self, templates: Release, numbers: Ids) -> Slack:
        """What the embedding satisfies, given each template's secret (n,); as ``Inequalities``."""


@runtime_checkable
class Pitfalls(Protocol):
    """A scheme that knows of flaws of the parameters that it has: one sentence for each."""

    @property
    def pitfalls(self) -> tuple[str, ...]: ...


@runtime_checkable
class Shortcut(Protocol):
    """All-pairs scores for an evaluator, who knows what was enrolled; equal to real verification.

    For schemes whose verification is slow (decoding) although its outcome is known in closed
    form. A property test must prove the equality with ``score``, and every cell verifies a sample
    of pairs for real. Same shapes and keys as ``TemplateScheme.scores``; ``enrolled`` holds the
    (n, d) embeddings of the templates.
    """

    def scores_known(
        self, templates: Release, enrolled: Floats, probes: Floats, keys: Keys | None = None
    ) -> Floats: ...


class Index(Protocol):
    """An enrolled gallery that can be searched."""

    @property
    def nbytes(self) -> int:
        """Bytes of the enrolled codes as the index keeps them."""

    def search(self, queries: NDArray[Any], k: int) -> tuple[Floats, Ids]:
        """The k most alike enrolled templates of each query.

        Args:
            queries: (n, ...) codes as the gallery's own.
            k: how many; at most the size of the gallery is returned.

        Returns:
            Scores (n, k) float32, best first, and row numbers (n, k) int64. The scores are those
            of an exhaustive search; which of several equally good rows appear is unspecified.
        """


@runtime_checkable
class Searchable(Protocol):
    """One-to-many search in the protected domain under one shared key, through FAISS."""

    def index(self, templates: Release) -> Index: ...

    def protect(self, embeddings: Floats, key: int) -> NDArray[Any]: ...


@runtime_checkable
class Theory(Protocol):
    """Locality in closed form: the expected score of two unit vectors with this cosine.

    Cosine of the embeddings as they are hashed, centred or not; (n,) -> (n,) float64.
    ``trials`` is how many independent draws the score averages, for binomial bounds.
    """

    @property
    def trials(self) -> int: ...

    def expected_score(self, cosine: NDArray[np.float64]) -> NDArray[np.float64]: ...
