"""CASIA's layout in small: drawn eyes; those in which none is found are left out and counted."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from PIL import Image

from fowh.core.errors import InputError
from fowh.datasets.casia_iris import CasiaIris
from tests.kit.test_eyes import drawn


def save(file: Path, values: np.ndarray) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(file)


def eyes(root: Path, people: int = 2, readings: int = 3) -> Path:
    for person in range(1, people + 1):
        for letter in "LR":
            for k in range(readings):
                seed = 10 * person + k
                name = f"S1{person:03d}{letter}{k + 1:02d}.png"
                save(root / f"{person:03d}" / letter / name, drawn(150 + 5 * k, seed=seed))
    return root


@pytest.mark.parametrize("form", ["ring", "unrolled"])
def test_every_eye_is_a_subject(form: Literal["ring", "unrolled"], tmp_path: Path) -> None:
    samples = CasiaIris(str(eyes(tmp_path)), form=form).load()
    assert samples.names == ("001-left", "001-right", "002-left", "002-right")
    assert samples.traits["left"].tolist() == [True, False, True, False]
    assert samples.subjects.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert samples.values.shape == (12, 64, 64) and samples.left_out == 0
    if form == "ring":  # wherever the eye was in the photograph
        assert (samples.values[:, 30:34, 32:36] == 0).all()
        assert (samples.values[:, 0, 0] == 0).all()
    else:
        assert (samples.values[:, :40].min(axis=(1, 2)) > 60).all()  # neither pupil nor lamp


@pytest.mark.parametrize("form", ["ring", "unrolled"])
def test_what_lies_beyond_a_lid_is_cut_where_that_is_asked(
    form: Literal["ring", "unrolled"], tmp_path: Path
) -> None:
    """Every drawn eye has an upper lid; what is in front of it stays as it is."""
    root = str(eyes(tmp_path))
    kept, cut = (CasiaIris(root, form=form, lids=lids).load().values for lids in ("keep", "cut"))
    lost = (cut == 0) & (kept > 0)
    assert lost.any(axis=(1, 2)).all() and 0.01 < lost.mean() < 0.2
    assert (cut == kept).mean() > 0.8  # the edge is blurred as all is
    if form == "ring":
        assert np.array_equal(cut[:, 32:], kept[:, 32:])


def test_an_image_without_an_eye_is_left_out_and_counted(tmp_path: Path) -> None:
    root = eyes(tmp_path, people=4, readings=3)
    save(root / "003" / "L" / "S1003L02.png", np.full((280, 320), 90, dtype=np.uint8))
    with pytest.warns(UserWarning, match=r"1 of 24 images .* left out .*S1003L02.*no pupil"):
        samples = CasiaIris(str(root)).load()
    assert samples.left_out == 1 and len(samples) == 23
    assert np.bincount(samples.subjects).tolist() == [3, 3, 3, 3, 2, 3, 3, 3]
    whole = CasiaIris(str(eyes(tmp_path / "again", people=4))).load()
    kept = np.delete(np.arange(24), 13)
    np.testing.assert_array_equal(samples.values, whole.values[kept])
    with pytest.warns(UserWarning):  # nor is an eye with too few of them
        few = CasiaIris(str(root), readings=3).load()
    assert "003-left" not in few.names and len(few) == 21
    assert few.traits["left"].sum() == 3


def test_many_images_without_an_eye_are_refused(tmp_path: Path) -> None:
    root = eyes(tmp_path)
    save(root / "001" / "L" / "S1001L01.png", np.full((280, 320), 90, dtype=np.uint8))
    with pytest.raises(InputError, match=r"1 of 12 images unusable .*no pupil"):
        CasiaIris(str(root)).load()


def test_another_layout_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "001").mkdir()
    with pytest.raises(InputError, match=r"no images in PERSON/L or PERSON/R"):
        CasiaIris(str(tmp_path)).load()
