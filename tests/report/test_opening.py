"""The picture that README begins with, of fabricated cells."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from bench import opening
from bench.results import read_kept
from tests.report.cells import broken, observations, plugin


def test_the_attack_is_the_one_whose_pictures_are_named_most_often() -> None:
    record, found = broken(), observations()
    made = opening.inverted(record, found, "1 lsh")
    rates = {
        name: record[part][name]["metrics"]["rank1"]["value"]
        for part, family in (("rendered", "rendered"), ("attacks", "attack"))
        for name in record[part]
        if f"shown.{family}.{name}" in found
    }
    best = max(rates, key=lambda name: rates[name])
    assert len(rates) > 1 and made is not None
    assert made.label == f"1 lsh\n{best}, {100 * rates[best]:.0f} %"
    assert opening.inverted(record, observations(images=False), "1 lsh") is None


def test_schemes_of_one_name_are_told_apart() -> None:
    cells = []
    for params in ({"bits": 8, "centred": False}, {"bits": 16, "centred": False}):
        record = broken()
        record["spec"]["scheme"] = plugin("lsh", **params)
        cells.append((record, observations()))
    assert opening.named(cells) == ["1 lsh", "2 lsh,\nbits=16"]
    with Image.open(io.BytesIO(opening.drawn(cells))) as drawn:
        assert drawn.width > drawn.height > 400
        assert len(np.unique(np.asarray(drawn.convert("L")))) > 50  # faces are in it


def test_a_record_whose_pictures_are_gone_is_named(
    tmp_path: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["opening", str(tmp_path)])
    with pytest.raises(SystemExit, match=read_kept()[opening.SWEEP][0]["id"]):
        opening.main()
