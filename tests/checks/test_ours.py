"""Every plug-in of this repository keeps the contract of its kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fowh.checks import Finding, run_checks
from fowh.core.registry import KINDS, Kind, load, names
from tests.datasets.test_casia_iris import eyes
from tests.targets.onnx_files import network

SMALL = {  # where the defaults take long
    "iris": "people=4,readings=3,side=32",
    "gaussian": "subjects=8,readings=3,dim=16",
    "densenet": "epochs=1",
    "resnet": "epochs=1",
}
VARIANTS: list[tuple[Kind, str]] = [
    ("scheme", "salted_hash:step=4"),
    ("scheme", "salted_hash:kdf=argon2id"),
    ("scheme", "fuzzy_commitment:length=31,message=6"),
    ("scheme", "fuzzy_commitment:length=127,message=29,repeat=3"),
    ("scheme", "iom:hashes=10,group=200"),
    ("scheme", "iom_urp:hashes=50,window=20,order=1"),
    ("scheme", "lsh:bits=100"),
    *(("scheme", f"{name}:centred=true") for name in ("iom", "iom_urp", "lsh", "lsh_pstable")),
    ("scheme", "round_scores:digits=0"),
    ("target", "densenet:epochs=1,schedule=update"),
    ("target", "resnet:epochs=1,schedule=downslope"),
]
SLOW = (
    *("gan", "morph_gan", "fuzzy_commitment", "salted_hash:kdf=argon2id"),
    "fuzzy_commitment:length=127,message=29,repeat=3",
)


def save(file: Path, seed: int, *shape: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    Image.fromarray(noise).save(file)


def folder(root: Path) -> str:
    for person in range(4):
        for reading in range(2):
            save(root / f"person{person}" / f"{reading}.png", 10 * person + reading, 20, 16)
    return f"root={root},side=16"


def lfw(root: Path) -> str:
    for person in range(4):
        for reading in range(1, 4):
            name = f"First_Last{person}"
            save(root / name / f"{name}_{reading:04d}.jpg", 10 * person + reading, 250, 250, 3)
    return f"root={root},readings=3,side=32"


def nd_iris(root: Path) -> str:
    lines = ["file,subject,eye"]
    for person in range(3):
        for reading, eye in enumerate(("Left", "Left", "Right", "Right")):
            file = f"{person:05d}/{person:05d}d{reading}.png"
            save(root / file, 10 * person + reading, 48, 64)
            lines.append(f"{file},{person:05d},{eye}")
    (root / "metadata.csv").write_text("\n".join(lines), encoding="utf-8")
    return f"root={root},side=16"


def casia_iris(root: Path) -> str:
    return f"root={eyes(root, people=2, readings=2)},side=16"


def embeddings(root: Path) -> str:
    root.mkdir()
    values = np.random.default_rng(0).standard_normal((12, 5), dtype=np.float32)
    np.savez(root / "mine.npz", embeddings=values, subjects=np.repeat(np.arange(4), 3))
    return f"path={root / 'mine.npz'}"


def onnx(root: Path) -> str:
    pytest.importorskip("onnxruntime", reason="the extra fowh[onnx] is not installed")
    root.mkdir()
    return f"path={network(root / 'mine.onnx', batch=1)}"


FILES: dict[str, Callable[[Path], str]] = {
    "folder": folder,
    "lfw": lfw,
    "nd_iris": nd_iris,
    "casia_iris": casia_iris,
    "embeddings": embeddings,
    "onnx": onnx,
}
PLUGINS: list[tuple[Kind, str]] = [
    *((kind, name) for kind in KINDS for name in names(kind)),
    *VARIANTS,
]


@pytest.mark.parametrize(
    ("kind", "plugin"),
    [pytest.param(*each, marks=[pytest.mark.slow] * (each[1] in SLOW)) for each in PLUGINS],
    ids=lambda value: str(value),
)
def test_it_keeps_the_contract(kind: Kind, plugin: str, tmp_path: Path) -> None:
    text = plugin
    if plugin in FILES:
        text = f"{plugin}:{FILES[plugin](tmp_path / plugin)}"
    elif plugin in SMALL:
        text = f"{plugin}:{SMALL[plugin]}"
    findings = run_checks(text, kind)
    assert len(findings) >= 7
    assert [finding for finding in findings if not finding.passed] == []


def test_dlib_keeps_it_on_faces_that_it_finds() -> None:
    from fowh.checks.target import check
    from fowh.core.dataset import Samples

    whole = load("dataset", "orl").load()
    few = np.flatnonzero(np.isin(whole.subjects, (0, 1, 2)) & (np.arange(len(whole)) % 5 < 2))
    subjects = whole.subjects[few]
    assert len(few) == 12
    samples = Samples(subjects, whole.names[:3], whole.sha256, whole.values[few], "image")
    findings = list(check(load("target", "dlib"), samples))
    assert [finding for finding in findings if not finding.passed] == []
    assert "12 found" in text_of(findings, "Every sample is prepared")


def text_of(findings: list[Finding], claim: str) -> str:
    (found,) = [finding for finding in findings if finding.check.startswith(claim)]
    return found.text
