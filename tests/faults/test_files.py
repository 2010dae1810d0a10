"""Fuzzed files: every loader reads a file or refuses it in one line, whatever is in it."""

from __future__ import annotations

import functools
import io
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from fowh.cells import read_sweep
from fowh.core import registry
from fowh.core.errors import LINE, InputError, one_line
from fowh.paper import kept
from fowh.paper.attributes import table
from fowh.paper.jobs import make_jobs
from fowh.records import store
from tests.faults import broken, driver

Loader = Callable[[Path], object]


def dataset(text: str) -> Loader:
    return lambda path: registry.load("dataset", text.format(path)).load()


def sweep(path: Path) -> object:
    return read_sweep(path)


def attributes(path: Path) -> object:
    return table.read(path, "a", "b")


def record(path: Path) -> object:
    """With the digests that it carries, then with those of what it says."""
    try:
        return store.load(path.parent)
    except InputError:
        broken.reseal(path.parent)
        return store.load(path.parent)


def observations(path: Path) -> object:
    """Beside a record of whatever arrays they are."""
    broken.reseal(path.parent)
    return store.load_observations(path.parent)


def network(path: Path) -> object:
    return registry.load("target", f"onnx:path={path}").sha256


def measured() -> bytes:
    """What is kept of a cell of the published experiment."""
    job, *_ = make_jobs("table1", "iris", "densenet", "afm_iris", (500,), 1)
    rows = {"gan": {"rank1": "01" * 10}}
    cell = kept.Kept("a", "b", "c", {"python": "3"}, np.repeat(np.arange(4), 5), rows)
    return kept.write(Path("whole"), job, cell).read_bytes()


def picture() -> bytes:
    """Of noise, so that edits of its bytes meet more than a run of zeros."""
    made = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (12, 12), np.uint8)
    Image.fromarray(noise).save(made, "PNG")
    return made.getvalue()


@functools.cache
def good(cell: Path) -> dict[str, tuple[str, Loader, bytes]]:
    """By kind of file: its name, what loads it, and a whole one; ``cell`` is one on record."""
    import faiss
    import pyarrow as pa
    from pyarrow import parquet

    from tests.targets import onnx_files

    values, whose = broken.vectors()
    index = faiss.IndexFlatL2(broken.WIDTH)
    index.add(values)
    columns = io.BytesIO()
    parquet.write_table(pa.table({"subject": whose, "embedding": values.tolist()}), columns)
    rows = "".join(f"{n % 2},{n},{n % 3}\n" for n in range(40))
    words_of_a_sweep = 'scheme = ["raw", "lsh"]\nattacks = ["ridge"]\ndataset = "gaussian"\n'
    graph = Path(onnx_files.network(Path("whole.onnx"))).read_bytes()
    text = b"".join(b"%d\n" % code for code in whose)
    stored = faiss.serialize_index(index).tobytes()
    vectors = broken.npz(embeddings=values, subjects=whose)
    own, labelled, indexed = (
        dataset(f"embeddings:path={words}")
        for words in ("{}", "b.npy,labels={}", "{},labels=b.subjects.npy")
    )
    return {
        "npz": ("a.npz", own, vectors),
        "npy": ("b.npy", own, broken.npy(values)),
        "labels": ("a.subjects.npy", labelled, broken.npy(whose)),
        "texts": ("a.txt", labelled, text),
        "parquet": ("a.parquet", own, columns.getvalue()),
        "faiss": ("a.faiss", indexed, stored),
        "toml": ("a.toml", sweep, words_of_a_sweep.encode()),
        "csv": ("a.csv", attributes, b"a,b,c\n" + rows.encode()),
        "record": ("record.json", record, (cell / "record.json").read_bytes()),
        "onnx": ("a.onnx", network, graph),
        "kept": ("kept.json", kept.read, measured()),
        "picture": ("people/a/0.png", dataset("folder:root=people"), picture()),
        "observations": (
            "observations.npz",
            observations,
            (cell / "observations.npz").read_bytes(),
        ),
    }


KINDS = (
    "npz",
    "npy",
    "labels",
    "texts",
    "parquet",
    "faiss",
    "toml",
    "csv",
    "record",
    "observations",
    "onnx",
    "kept",
    "picture",
)
STRANGE = {
    "nothing": b"",
    "zeros": b"\0" * 100,
    "no UTF-8": b"\xff\xfe\xfd" * 40,
    "deep": b"[" * 100_000,
    "deep TOML": b"scheme = " + b"[" * 50_000,
    "deep JSON": b'{"a":' * 50_000,
    "long": b"a" * 200_000,
    "quotes": b'"""' * 1000,
    "pickle": b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x07builtin\x94.",
    "numbers": b"9" * 5000 + b"\n",
    "escapes": b"\x1b[31m,\x07\n" * 20,
}


def read(name: str, load: Loader, data: bytes) -> str | None:
    """Load what is in the working directory; what a loader did that none may do."""
    Path(name).write_bytes(data)
    try:
        load(Path(name))
    except InputError as error:
        said = one_line(str(error))
        return None if 15 < len(said) <= LINE else f"says {said!r}"
    except BaseException as error:
        return f"{type(error).__name__}: {error}"[:200]
    return None


@pytest.fixture(autouse=True)
def here(cell: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files beside the one that is fuzzed."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(cell / "record.json", "record.json")
    values, whose = broken.vectors()
    np.save("b.npy", values)
    np.save("b.subjects.npy", whose)
    for name in (f"{person}/{number}" for person in "abcd" for number in range(2)):
        Path(f"people/{name}.png").parent.mkdir(parents=True, exist_ok=True)
        Path(f"people/{name}.png").write_bytes(picture())


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_read_or_refused_in_one_line(
    kind: str, cell: Path, request: pytest.FixtureRequest
) -> None:
    name, load, whole = good(cell)[kind]
    Path(name).write_bytes(whole)
    assert load(Path(name)) is not None
    many = 400 if request.config.getoption("--run-slow") else 40
    cases = [*STRANGE.values(), *broken.damaged(whole, seed=1, count=many)]
    wrong = [f"{data[:60]!r}: {seen}" for data in cases if (seen := read(name, load, data))]
    assert not wrong, "\n".join(wrong[:10])


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_no_bytes_break_a_loader(kind: str, cell: Path) -> None:
    """Hypothesis over every loader, whole bytes and edits of a good file.

    Two minutes in all; ``FOWH_THOROUGH=1`` makes ten of it.
    """
    name, load, whole = good(cell)[kind]
    edits = st.lists(st.tuples(st.integers(0, len(whole)), st.binary(max_size=12)), max_size=6)

    @settings(
        max_examples=4000 if "FOWH_THOROUGH" in os.environ else 800,
        deadline=None,
        derandomize=True,
        suppress_health_check=[*HealthCheck],
    )
    @given(st.one_of(st.binary(max_size=400), edits))
    def holds(change: bytes | list[tuple[int, bytes]]) -> None:
        data = change if isinstance(change, bytes) else _edited(whole, change)
        assert read(name, load, data) is None

    holds()


def _edited(whole: bytes, edits: list[tuple[int, bytes]]) -> bytes:
    data = bytearray(whole)
    for at, piece in edits:
        data[at : at + len(piece)] = piece
    return bytes(data)


@pytest.mark.parametrize("name", broken.odd_arrays())
def test_arrays_that_nobody_can_use_are_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "odd.npz").write_bytes(broken.odd_arrays()[name])
    words = ["evaluate", "--scheme", "raw", "--dataset", "embeddings:path=odd.npz"]
    seen = driver.check([*words, "--attack", "ridge"], tmp_path, 2)
    assert "odd.npz" in seen.err or "people" in seen.err or "subjects" in seen.err


@pytest.mark.parametrize(
    "name",
    ["~nobody-at-all/a.npz", "x" * 300, "a/" * 3000, "nul\0", "\udcff", ".", "/dev/zero", "fifo"],
)
@pytest.mark.parametrize(
    "dataset", ["embeddings:path=", "folder:root=", "lfw:root=", "nd_iris:root="]
)
def test_a_path_that_is_none_is_refused(dataset: str, name: str, tmp_path: Path) -> None:
    os.mkfifo("fifo")
    words = ["evaluate", "--scheme", "raw", "--dataset", f"{dataset}{name}", "--attack", "ridge"]
    driver.check(words, tmp_path, 2)


@pytest.mark.parametrize(
    "text",
    [
        "subjects=10000000,readings=1000",
        "subjects=999999999999",
        "dim=9007199254740992",
        "dim=1000000000",
    ],
)
def test_what_never_fits_is_refused_before_it_is_allocated(text: str, tmp_path: Path) -> None:
    words = ["evaluate", "--scheme", "raw", "--dataset", f"gaussian:{text}", "--attack", "ridge"]
    assert "GiB" in driver.check(words, tmp_path, 2).err


@pytest.mark.parametrize(
    "scheme",
    [
        "lsh:bits=1000000000000",
        "iom:hashes=100000000000",
        "iom_urp:hashes=100000000000",
        "lsh_pstable:hashes=100000000000",
    ],
)
def test_a_scheme_that_never_fits_is_refused(scheme: str, tmp_path: Path) -> None:
    seen = driver.check(["evaluate", "--scheme", scheme, *driver.QUICK], tmp_path, 2)
    assert "GiB" in seen.err or "expected" in seen.err or "give" in seen.err
