"""A user's own vectors, validated row by row before they become samples."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh.core.cache import digest
from fowh.core.dataset import Samples
from fowh.core.errors import InputError
from fowh.core.memory import fits

BLOCK = 1024  # rows that are compared at a time
LARGEST = 1e30  # square of a vector's length: squares of distances stay below the end of float32


def check_embeddings(embeddings: NDArray[Any], labels: NDArray[Any], source: str) -> Samples:
    """Validate a user's vectors and make them samples.

    Args:
        embeddings: (n, d) any real dtype.
        labels: (n,) any labels (numbers or strings).
        source: what to call the input in an error.

    Returns:
        Samples ordered by subject; values float32, C-contiguous.

    Raises:
        InputError: wrong shapes, NaN or infinity, zero vectors, fewer than two subjects, or no
            subject with two readings.
    """
    vectors, labels = np.asarray(embeddings), np.asarray(labels)
    if vectors.dtype.kind not in "fiu" or vectors.ndim != 2 or 0 in vectors.shape:
        raise InputError(
            f"{source}: embeddings are {vectors.dtype} {vectors.shape}; expected real numbers "
            "(n, d): store one vector per row"
        )
    if labels.dtype.kind not in "fiuUS" or labels.shape != vectors.shape[:1]:
        raise InputError(
            f"{source}: subject labels are {labels.dtype} {labels.shape}; expected numbers or "
            f"strings ({len(vectors)},): give every embedding one label"
        )
    if vectors.dtype != np.float32 or not vectors.flags.c_contiguous:
        fits(f"{source}: embeddings in float32", vectors.shape)
    with np.errstate(over="ignore", invalid="ignore"):  # becomes infinity, reported below
        vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        squares: NDArray[np.float32] = np.einsum("nd,nd->n", vectors, vectors)
    odd = ~(squares < LARGEST)
    _refuse_rows(odd, source, "NaN, infinity or huge values", f"a square length below {LARGEST:g}")
    _refuse_rows(squares == 0, source, "only zeros", "a vector with a direction")
    starts = range(0, len(vectors), BLOCK)
    if all((vectors[at : at + BLOCK] == vectors[0]).all() for at in starts):
        raise InputError(
            f"{source}: all {len(vectors)} vectors are equal; expected vectors that differ from "
            "person to person: check how they were made"
        )
    empty: NDArray[Any]
    empty = ~np.isfinite(labels) if labels.dtype.kind in "fiu" else labels == labels.dtype.type()
    _refuse_rows(empty, source, "an empty subject label", "a number or a string")
    people, subjects, readings = np.unique(labels, return_inverse=True, return_counts=True)
    if len(people) < 2 or readings.max() < 2:
        raise InputError(
            f"{source}: {len(people)} subjects with at most {readings.max()} readings each; "
            "expected two subjects or more, with two readings or more: check the labels"
        )
    subjects = subjects.astype(np.int64)
    if (np.diff(subjects) < 0).any():
        fits(f"{source}: embeddings in the order of their labels", vectors.shape)
        order = np.argsort(subjects, kind="stable")
        vectors, subjects = vectors[order], subjects[order]
    names = tuple(map(_name, people.tolist()))
    return Samples(subjects, names, digest(names, subjects, vectors), vectors, "vector")


def _refuse_rows(bad: NDArray[Any], source: str, found: str, expected: str) -> None:
    """One line that says how many rows are bad and which is the first."""
    if bad.any():
        raise InputError(
            f"{source}: {int(bad.sum())} of {len(bad)} rows hold {found} (the first is row "
            f"{int(bad.argmax())}); expected {expected}: remove or repair them"
        )


def _name(label: float | int | str | bytes) -> str:
    """A label as text; whole numbers without a decimal point."""
    if isinstance(label, bytes):
        return label.decode("utf-8", "backslashreplace")
    return str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)
