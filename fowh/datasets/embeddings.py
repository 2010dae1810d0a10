"""Your own embeddings with subject labels, from .npz, .npy, .parquet or a FAISS index."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh.core import memory, npz
from fowh.core.dataset import Dataset, Samples
from fowh.core.errors import InputError
from fowh.core.texts import path_of, text_of
from fowh.kit.vectors import check_embeddings

Array = NDArray[Any]
EXACT = ("IndexFlat", "IndexFlatL2", "IndexFlatIP", "IndexIVFFlat", "IndexHNSWFlat")


@dataclass(frozen=True)
class Embeddings(Dataset):
    """Vectors (n, d) and one label per row, any numbers or strings; nothing is ever unpickled.

    - ``.npz``: arrays ``embeddings`` (n, d) and ``subjects`` (n,).
    - ``.npy``: embeddings (n, d); labels in a second file. Mapped into memory: float32 in the order
      of the labels are never copied as a whole.
    - ``.parquet``: column ``subject``, and a list column ``embedding`` or numeric columns only.
    - ``.faiss``, ``.index``: an index that keeps its vectors as they are (flat, IVF-flat,
      HNSW-flat, ID maps of them); labels in a second file, in the order of addition.

    Attributes:
        path: the file.
        labels: file of labels, .npy or UTF-8 text with one label a line; by default those inside
            the .npz or .parquet, else STEM.subjects.npy or STEM.subjects.txt beside ``path``.
    """

    path: str
    labels: str = ""

    def load(self) -> Samples:
        """Read and check the file; every defect is an InputError of its own."""
        path = _existing(self.path)
        reader = READERS.get(path.suffix.lower())
        if not reader:
            raise InputError(f"{path}: unknown kind; expected {', '.join(READERS)}: convert it")
        vectors, labels = _guard(path, reader)
        if self.labels or labels is None:
            labels = _guard(_existing(self.labels) if self.labels else _beside(path), _labels)
        return check_embeddings(vectors, labels, str(path))


def _existing(name: str) -> Path:
    path = path_of(name, "embeddings or labels")
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected embeddings or labels: check the path")
    return path


def _beside(path: Path) -> Path:
    for kind in (".npy", ".txt"):
        if (file := path.with_suffix(f".subjects{kind}")).is_file():
            return file
    raise InputError(
        f"{path}: no subject labels inside, nor in {path.stem}.subjects.npy or .txt beside it; "
        "expected one label per row: give embeddings:labels=FILE"
    )


def _guard(path: Path, reader: Callable[[Path], Any]) -> Any:
    """Read, and turn whatever a library throws at a damaged file into one line."""
    try:
        return reader(path)
    except InputError:
        raise
    except ModuleNotFoundError as error:
        raise InputError(f"{path}: expected {error.name}: pip install {error.name}") from error
    except Exception as error:  # parsers of hostile bytes raise nearly everything
        reason = (str(error).splitlines() or [""])[0][:200] or type(error).__name__
        raise InputError(
            f"{path}: cannot be read ({reason}); expected an intact {path.suffix} of numbers and "
            "strings without Python objects: write it again"
        ) from error


def _npz(path: Path) -> tuple[Array, Array | None]:
    npz.check(path)  # by its headers, before anything is inflated
    with np.load(path, allow_pickle=False) as stored:
        if "embeddings" not in stored:
            raise InputError(f"{path}: {list(stored)}; expected embeddings, subjects: rename them")
        return stored["embeddings"], stored.get("subjects")


def _npy(path: Path) -> tuple[Array, None]:
    return np.load(path, mmap_mode="r", allow_pickle=False), None  # read where it is asked for


def _parquet(path: Path) -> tuple[Array, Array | None]:
    from pyarrow import compute, parquet, types

    meta = parquet.read_metadata(path)
    size = sum(meta.row_group(n).total_byte_size for n in range(meta.num_row_groups))
    memory.fits(f"{path}: once inflated", (size,), 1)
    table = parquet.read_table(path, partitioning=None)
    if any(column.null_count for column in table.columns):
        raise InputError(f"{path}: has empty cells (nulls); expected none: drop those rows")
    labels = None
    if "subject" in table.column_names:
        labels = np.asarray(table["subject"].to_pylist())
        table = table.drop_columns("subject")
    if "embedding" not in table.column_names:
        tests = (types.is_floating, types.is_integer)
        others = [f.name for f in table.schema if not any(test(f.type) for test in tests)]
        if others or not table.num_columns:
            raise InputError(
                f"{path}: {', '.join(others) or 'nothing'} beside 'subject'; expected a column "
                "'embedding' of lists, or numeric columns only: rename or drop columns"
            )
        return np.column_stack([column.to_numpy() for column in table.columns]), labels
    column = table["embedding"]
    lengths = compute.unique(compute.list_value_length(column)).to_pylist()
    if len(lengths) != 1:
        raise InputError(f"{path}: rows of {len(lengths)} lengths; expected one: repair them")
    return compute.list_flatten(column).to_numpy().reshape(len(column), lengths[0]), labels


def _faiss(path: Path) -> tuple[Array, None]:
    faiss: Any = import_module("faiss")

    size = path.stat().st_size
    memory.fits(f"{path}: the index and a copy of its vectors", (2, size), 1)
    limit = faiss.get_deserialization_vector_byte_limit()
    faiss.set_deserialization_vector_byte_limit(size + 1)  # a damaged count would fill the memory
    try:
        index = outer = faiss.read_index(str(path))  # outer owns what is inside: keep it
    finally:
        faiss.set_deserialization_vector_byte_limit(limit)
    if isinstance(outer, faiss.IndexIDMap):
        index = faiss.downcast_index(outer.index)
    kind, shape = type(index).__name__, (index.ntotal, index.d)
    if kind not in EXACT or 4 * shape[0] * shape[1] > size:  # others compress, or crash when asked
        raise InputError(
            f"{path}: an {kind} {shape} in {size} bytes; expected an intact {' or '.join(EXACT)}: "
            "export the vectors as .npy"
        )
    return index.reconstruct_n(0, shape[0], np.full(shape, np.nan, np.float32)), None  # NaN: none


def _labels(path: Path) -> Array:
    if path.suffix.lower() == ".npy":
        return np.asarray(np.load(path, allow_pickle=False))
    lines = text_of(path, "one label a line in UTF-8").splitlines()
    return np.array([line.strip() for line in lines])


READERS = {".npz": _npz, ".npy": _npy, ".parquet": _parquet, ".faiss": _faiss, ".index": _faiss}
