"""Your own embeddings with subject labels, from .npz, .npy, .parquet or a FAISS index."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh.dataset import Dataset, Samples, check_embeddings
from fowh.errors import InputError

Array = NDArray[Any]


@dataclass(frozen=True)
class Embeddings(Dataset):
    """Vectors (n, d) and one label per row, any numbers or strings.

    - ``.npz``: arrays ``embeddings`` (n, d) and ``subjects`` (n,).
    - ``.npy``: embeddings (n, d); labels in a second file.
    - ``.parquet``: column ``subject``, and a list column ``embedding`` or numeric columns only.
    - ``.faiss``, ``.index``: a FAISS index that can reconstruct its vectors; labels in a second
      file, in the order in which the vectors were added.

    Nothing is ever unpickled.

    Attributes:
        path: the file.
        labels: file of labels, .npy or UTF-8 text with one label a line; by default those inside
            the .npz or .parquet, else STEM.subjects.npy or STEM.subjects.txt beside ``path``.
    """

    path: str
    labels: str = ""

    def load(self) -> Samples:
        """Read and check the file.

        Raises:
            InputError: for every defect one line: what was found, what is expected.
        """
        path = _existing(self.path)
        reader = READERS.get(path.suffix.lower())
        if reader is None:
            raise InputError(
                f"{path}: a file of unknown kind; expected {', '.join(READERS)}: convert it"
            )
        vectors, labels = _guard(path, reader)
        if self.labels or labels is None:
            file = _existing(self.labels) if self.labels else _beside(path)
            labels = _guard(file, _labels)
        return check_embeddings(vectors, labels, str(path))


def _existing(name: str) -> Path:
    path = Path(name).expanduser()
    if not path.is_file():
        found = "is a folder" if path.is_dir() else "does not exist"
        raise InputError(f"{path} {found}; expected a file: check the path")
    return path


def _beside(path: Path) -> Path:
    """The file of labels that belongs to a file of embeddings."""
    files = [path.with_suffix(f".subjects{kind}") for kind in (".npy", ".txt")]
    for file in files:
        if file.is_file():
            return file
    raise InputError(
        f"{path}: no subject labels, neither inside (subjects, subject) nor in {files[0].name} or "
        f"{files[1].name} beside it; expected one label per row: give embeddings:labels=FILE"
    )


def _guard(path: Path, reader: Callable[[Path], Any]) -> Any:
    """Read, and turn whatever a library throws at a damaged file into one line."""
    try:
        return reader(path)
    except InputError:
        raise
    except Exception as error:  # parsers of hostile bytes raise nearly everything
        reason = (str(error).splitlines() or [""])[0][:200] or type(error).__name__
        raise InputError(
            f"{path}: cannot be read ({reason}); expected an intact {path.suffix} of numbers and "
            "strings without Python objects: write it again"
        ) from error


def _npz(path: Path) -> tuple[Array, Array | None]:
    with np.load(path, allow_pickle=False) as stored:
        if "embeddings" not in stored:
            raise InputError(
                f"{path}: holds {', '.join(stored) or 'nothing'}; expected an array 'embeddings' "
                "(n, d) and an array 'subjects' (n,): rename them"
            )
        return stored["embeddings"], stored.get("subjects")


def _npy(path: Path) -> tuple[Array, None]:
    return np.load(path, allow_pickle=False), None


def _parquet(path: Path) -> tuple[Array, Array | None]:
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import parquet

    table = parquet.read_table(path)
    if any(column.null_count for column in table.columns):
        raise InputError(f"{path}: has empty cells (nulls); expected none: drop those rows")
    labels = None
    if "subject" in table.column_names:
        labels = np.asarray(table["subject"].to_pylist())
        table = table.drop_columns("subject")
    if "embedding" not in table.column_names:
        is_number = (pa.types.is_floating, pa.types.is_integer)
        others = [f.name for f in table.schema if not any(test(f.type) for test in is_number)]
        if others or not table.num_columns:
            raise InputError(
                f"{path}: no column 'embedding', and {', '.join(others) or 'nothing'} beside "
                "'subject' is no number; expected a list column 'embedding' or numeric columns: "
                "drop or rename columns"
            )
        return np.column_stack([column.to_numpy() for column in table.columns]), labels
    column = table["embedding"]
    lengths = pc.unique(pc.list_value_length(column)).to_pylist()
    if len(lengths) != 1:
        raise InputError(
            f"{path}: embeddings of {len(lengths)} different lengths; expected one: repair them"
        )
    flat = pc.list_flatten(column).to_numpy()
    return flat.reshape(len(column), lengths[0]), labels


def _faiss(path: Path) -> tuple[Array, None]:
    import faiss

    index = faiss.read_index(str(path))
    return index.reconstruct_n(0, index.ntotal), None


def _labels(path: Path) -> Array:
    if path.suffix.lower() == ".npy":
        return np.asarray(np.load(path, allow_pickle=False))
    return np.array([line.strip() for line in path.read_text("utf-8-sig").splitlines()])


READERS = {".npz": _npz, ".npy": _npy, ".parquet": _parquet, ".faiss": _faiss, ".index": _faiss}
