"""How much memory there is, and that sizes are refused before they are allocated."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from fowh.core import memory
from fowh.core.errors import InputError
from fowh.core.registry import load
from fowh.core.release import Release
from fowh.kit import projection
from fowh.kit.vectors import check_embeddings

GIB = 2**30


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, []),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, []),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "1000\n"}, [1000]),
        (
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/b/memory.max": "max\n",
                "sys/fs/cgroup/a/memory.max": "2000\n",
            },
            [2000],
        ),
        (
            {
                "proc/self/cgroup": "9:name=systemd:/\n4:cpu,memory:/a\n",
                "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "3000\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            },
            [3000, 9223372036854771712],
        ),
    ],
    ids=["none", "unlimited", "second version", "nested", "first version"],
)
def test_a_container_s_limit_counts(
    files: dict[str, str], expected: list[int], tmp_path: Path
) -> None:
    assert list(memory.granted(write(tmp_path, files))) == expected


def test_a_shell_s_limit_counts() -> None:
    code = "import resource as r; r.setrlimit(r.RLIMIT_AS, (2**30, r.RLIM_INFINITY)); "
    code += "from fowh.core import memory; print(memory.limit())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) == GIB // 2
    assert memory.limit() <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def test_projections_that_are_kept_have_a_bound_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "KEPT", 10_000)
    first = projection.gaussian(10**6, "bound", (10, 100))
    for key in range(1, 5):
        projection.gaussian(10**6 + key, "bound", (10, 100))
        assert sum(each.nbytes for each in projection.kept.values()) <= 10_000
    again = projection.gaussian(10**6 + 4, "bound", (10, 100))
    assert projection.gaussian(10**6 + 4, "bound", (10, 100)) is again
    drawn = projection.gaussian(10**6, "bound", (10, 100))
    assert drawn is not first
    np.testing.assert_array_equal(drawn, first)
    large = projection.gaussian(1, "bound", (10, 1000))
    assert projection.gaussian(1, "bound", (10, 1000)) is not large


@pytest.mark.parametrize(
    "scheme",
    [
        "iom:hashes=400,group=2",
        "lsh:bits=8000",
        "lsh_pstable:hashes=400",
        "iom_urp:hashes=600,window=2",
    ],
)
def test_codes_that_do_not_fit_are_refused_before_they_are_allocated(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "limit", lambda: 1_000_000)
    vectors = np.ones((3000, 4), dtype=np.float32)
    made = load("scheme", scheme)
    assert len(made.protect(vectors[:10], 1)) == 10
    with pytest.raises(InputError, match=r"codes: 3000 x .* give less"):
        made.protect(vectors, 1)


@pytest.mark.parametrize("scheme", ["iom:hashes=100", "iom_urp:hashes=1000,window=2"])
def test_features_that_do_not_fit_are_refused_before_they_are_allocated(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = load("scheme", scheme)
    release = Release(made.protect(np.ones((400, 4), dtype=np.float32), 1))
    monkeypatch.setattr(memory, "limit", lambda: 1_000_000)
    assert len(made.features(release[:10])) == 10
    with pytest.raises(InputError, match=r"features: .*400 x .* give less"):
        made.features(release)


def test_projections_of_a_commitment_that_do_not_fit_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = load("scheme", "fuzzy_commitment:length=31,message=6,centred=false")
    vectors = np.ones((9000, 4), dtype=np.float32)
    keys = np.zeros(len(vectors), dtype=np.uint64)
    monkeypatch.setattr(memory, "limit", lambda: 1_000_000)
    assert made.bits(vectors[:10], keys[:10]).shape == (10, 1, 31)
    with pytest.raises(InputError, match=r"projections: .*9000 x 1 x 31"):
        made.bits(vectors, keys)


@pytest.mark.parametrize("how", ["float64", "unsorted", "fortran"])
def test_a_copy_of_vectors_that_does_not_fit_is_refused(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = np.random.default_rng(0).standard_normal((400, 8), dtype=np.float32)
    whose = np.repeat(np.arange(100), 4)
    monkeypatch.setattr(memory, "limit", lambda: 10_000)
    assert len(check_embeddings(vectors, whose, "mine")) == 400  # nothing is copied
    given = {
        "float64": (vectors.astype(np.float64), whose),
        "unsorted": (vectors, whose[::-1]),
        "fortran": (np.asfortranarray(vectors), whose),
    }
    with pytest.raises(InputError, match=r"^mine: .*400 x 8"):
        check_embeddings(*given[how], "mine")


def test_vectors_are_compared_in_blocks() -> None:
    vectors = np.ones((8000, 512), dtype=np.float32)
    vectors[-1] = 2  # the one that differs is found at the end
    whose = np.repeat(np.arange(2000), 4)
    tracemalloc.start()
    check_embeddings(vectors, whose, "mine")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < vectors.size // 2  # a bool for each number would be twice as much
    vectors[-1] = 1
    with pytest.raises(InputError, match="all 8000 vectors are equal"):
        check_embeddings(vectors, whose, "mine")


def test_an_index_and_its_copy_fit_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import faiss

    vectors = np.random.default_rng(0).standard_normal((100, 8), dtype=np.float32)
    index = faiss.IndexFlatL2(8)
    index.add(vectors)
    faiss.write_index(index, str(tmp_path / "mine.faiss"))
    np.save(tmp_path / "mine.subjects.npy", np.repeat(np.arange(25), 4))
    dataset = load("dataset", f"embeddings:path={tmp_path / 'mine.faiss'}")
    assert len(dataset.load()) == 100
    monkeypatch.setattr(memory, "limit", lambda: 5_000)  # 3,200 bytes of vectors
    with pytest.raises(InputError, match="at most"):
        dataset.load()
