"""Broken files: what a disk, a network or somebody hostile makes of a good one."""

from __future__ import annotations

import contextlib
import io
import json
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fowh.core import npz as archives
from fowh.core.cache import Arrays, content
from fowh.core.errors import InputError
from fowh.records import store

PEOPLE, READINGS, WIDTH = 6, 2, 4


def vectors() -> tuple[np.ndarray, np.ndarray]:
    """A few embeddings and their labels."""
    rng = np.random.default_rng(0)
    whose = np.repeat(np.arange(PEOPLE), READINGS)
    centres = rng.standard_normal((PEOPLE, WIDTH))
    return (centres[whose] + 0.1 * rng.standard_normal((len(whose), WIDTH))).astype("f4"), whose


def npz(**arrays: object) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def npy(array: object) -> bytes:
    file = io.BytesIO()
    np.save(file, np.asarray(array))
    return file.getvalue()


def resealed(text: str, arrays: Arrays | None = None) -> str:
    """A record with an identity and digests that fit what it says now, if it is one at all.

    Without them no damage gets further than to the comparison of digests.

    Args:
        text: of the record.
        arrays: its observations; None: it keeps the digest of those that it had.
    """
    try:
        record = json.loads(text)
        record["id"] = store.record_id(record["spec"])
        kept = record["digests"]["observations"] if arrays is None else content(arrays)
        record["digests"] = {"observations": kept}
        record["digests"]["record"] = store._digest(record)
        return json.dumps(record)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return text


def reseal(folder: Path) -> None:
    """Let the record in a folder fit itself, and the observations beside it where they are read."""
    arrays = None
    with contextlib.suppress(OSError, archives.Damaged, InputError):
        arrays, _ = archives.read(folder / "observations.npz")
    file = folder / "record.json"
    with contextlib.suppress(OSError, UnicodeError):
        text = file.read_text(encoding="utf-8")
        file.write_text(resealed(text, arrays), encoding="utf-8")


def damaged(whole: bytes, seed: int, count: int) -> Iterator[bytes]:
    """Copies of a file that were cut, flipped, filled, or doubled somewhere."""
    stream = random.Random(seed)
    for _ in range(count):
        at, data = stream.randrange(len(whole)), bytearray(whole)
        kind = stream.randrange(5)
        if kind == 0:
            yield bytes(data[:at])
        elif kind == 1:
            data[at] ^= 1 << stream.randrange(8)
            yield bytes(data)
        elif kind == 2:
            size = stream.choice((1, 4, 8, 64))
            data[at : at + size] = stream.choice((b"\xff", b"\0", b"\x7f")) * size
            yield bytes(data)
        elif kind == 3:
            yield bytes(data[:at] + data[at // 2 :])
        else:
            yield bytes(data[at:])


def odd_arrays() -> dict[str, bytes]:
    """npz files that are intact and hold what nobody can use."""
    good, whose = vectors()
    many = np.repeat(np.arange(4), 3)
    odd = {
        "nan": {"embeddings": np.where(good > 0, np.nan, good), "subjects": whose},
        "inf": {"embeddings": np.where(good > 0, np.inf, good), "subjects": whose},
        "huge": {"embeddings": good.astype("f8") * 1e200, "subjects": whose},
        "large": {"embeddings": good * np.float32(1e18), "subjects": whose},
        "zeros": {"embeddings": good * 0, "subjects": whose},
        "equal": {"embeddings": np.ones_like(good), "subjects": whose},
        "complex": {"embeddings": good * 1j, "subjects": whose},
        "text": {"embeddings": good.astype(str), "subjects": whose},
        "objects": {"embeddings": np.array([{}] * 4, dtype=object), "subjects": whose},
        "flat": {"embeddings": good.ravel(), "subjects": whose},
        "empty": {"embeddings": good[:0], "subjects": whose[:0]},
        "thin": {"embeddings": good[:, :0], "subjects": whose},
        "short": {"embeddings": good, "subjects": whose[:-1]},
        "unlabelled": {"embeddings": good},
        "renamed": {"vectors": good, "subjects": whose},
        "labels nan": {"embeddings": good, "subjects": np.where(whose > 2, np.nan, whose)},
        "labels empty": {"embeddings": good, "subjects": np.where(whose > 2, "", "a")},
        "labels 2d": {"embeddings": good, "subjects": whose[:, None]},
        "one person": {"embeddings": good, "subjects": whose * 0},
        "all alone": {"embeddings": good, "subjects": np.arange(len(good))},
        "two people": {"embeddings": good, "subjects": whose % 2},
        "three people": {"embeddings": good, "subjects": whose % 3},
        "dates": {"embeddings": good, "subjects": whose.astype("M8[s]")},
        "records": {"embeddings": np.zeros(12, "f4,f4"), "subjects": whose},
        "wide": {"embeddings": np.ones((12, 1), "f4"), "subjects": many},
    }
    return {name: npz(**arrays) for name, arrays in odd.items()}
