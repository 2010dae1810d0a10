"""What decides a verdict does not depend on how many threads a machine gives."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

CODE = """
import sys
import faiss, numpy, torch
threads = int(sys.argv[1])
torch.set_num_threads(threads)
faiss.omp_set_num_threads(threads)
import fowh
made = fowh.evaluate(
    "lsh:bits=128",
    dataset="gaussian:subjects=30,readings=3,dim=64,within=0.3",
    attacks=["preimage", "ridge", "mlp", "score_regression"],
    device="cpu",
)
found = made.record["environment"]["threads"]
assert made.record["status"] == "ok" and found["torch"] == found["blas"] == threads
numpy.savez(sys.argv[2], **made.observations)
"""


@pytest.mark.slow
def test_observations_at_one_and_at_three_threads_are_the_same(tmp_path: Path) -> None:
    seen = []
    for threads in (1, 3):
        file = tmp_path / f"{threads}.npz"
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        subprocess.run(
            [sys.executable, "-c", CODE, str(threads), str(file)],
            env={
                **os.environ,
                **dict.fromkeys(names, str(threads)),
                "FOWH_CACHE_DIR": str(tmp_path / f"cache{threads}"),
            },
            check=True,
        )
        with np.load(file) as stored:
            seen.append({name: stored[name] for name in stored.files})
    one, three = seen
    assert one.keys() == three.keys()
    for name, values in one.items():
        if values.dtype.kind == "f":
            scale = max(1.0, np.abs(values[np.isfinite(values)]).max(initial=0.0))
            np.testing.assert_allclose(values, three[name], rtol=0, atol=1e-6 * scale, err_msg=name)
        else:
            np.testing.assert_array_equal(values, three[name], err_msg=name)
