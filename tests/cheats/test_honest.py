"""Every scheme and every attack of ours ends with no flag that says of a plug-in that it cheats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

import fowh
from fowh.core.registry import attribute, names
from tests.cheats.pictures import Blobs, Blocks
from tests.cheats.world import CHEAT_FLAGS

PEOPLE = "gaussian:subjects=25,readings=3,dim=24,within=0.4,offset=1"
SMALL: Mapping[str, str] = {
    "iom": "hashes=150",
    "iom_urp": "hashes=200,window=24",
    "fuzzy_commitment": "length=31,message=6",
}
LONGER = (
    *("iom", "iom_urp", "fuzzy_commitment", "lsh_pstable"),
    "fuzzy_commitment:length=127,message=29",
    "fuzzy_commitment:length=127,message=29,repeat=3",
    "iom_urp:hashes=200,window=24,centred=true",
)
# Of templates and vectors; the perceptron and the ridge at a size at which they learn something.
ON_VECTORS = (
    *("dictionary:comparisons=512", "preimage", "ridge:synthetic=300"),
    *("mlp:synthetic=300,hidden=64,steps=100", "brute_force:budget=1024", "best_probe:probes=64"),
    "score_regression:probes=300",
)


def of(leak: str) -> list[str]:
    return [name for name in names("scheme") if attribute("scheme", name, "protects") == leak]


def quick(name: str) -> str:
    """An attack with the parameters that make it cheap."""
    given = attribute("attack", name, "quick")
    params = ",".join(f"{key}={value}" for key, value in given.items())
    return f"{name}:{params}" if params else name


ALL = [name for name in names("attack") if not attribute("attack", name, "blind")]


def accused(result: fowh.Result) -> set[str]:
    assert result.record["status"] == "ok", result.record["reason"]
    return (CHEAT_FLAGS | {"witness-unable", "adversarial"}) & set(result.flags)


@pytest.mark.parametrize(
    "name",
    [
        *(name for name in of("templates") if name not in LONGER),
        *(pytest.param(name, marks=pytest.mark.slow) for name in LONGER),
    ],
)
def test_schemes_and_attacks_on_templates(name: str) -> None:
    scheme = f"{name}:{SMALL[name]}" if name in SMALL else name
    found = fowh.evaluate(scheme, dataset=PEOPLE, attacks=ON_VECTORS, device="cpu")
    assert not accused(found)
    remarks = [text for row in found.record["attacks"].values() for text in row["remarks"]]
    assert not any("not believed" in text for text in remarks)


def test_all_attacks_on_pictures_before_a_witness() -> None:
    """Those that need something else say so, and are skipped."""
    found = fowh.evaluate(
        "lsh:bits=96",
        dataset=Blobs(people=20, readings=3),
        target=Blocks(),
        witness=Blocks(seed=4),
        attacks=["image_ridge", "preimage", "ridge", "dictionary"],
        device="cpu",
    )
    assert not accused(found)
    assert found.record["attacks"]["image_ridge"]["metrics"]["transfer_rank1"]["value"] > 0.5


ELSEWHERE: Mapping[str, Mapping[str, Any]] = {
    "outputs": {
        "dataset": "iris:people=16,readings=8,side=32",
        "target": "densenet:epochs=1,side=32",
        "protocol": "afm_iris",
        "leak": "outputs",
    },
    "gradients": {
        "dataset": "iris:people=24,readings=6,side=32",
        "target": "mlp",
        "leak": "gradients:batch=2,round=2",
        "candidates": 40,
        "witness": Blocks(seed=4),
    },
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("leak", "scheme"), [(leak, scheme) for leak in ELSEWHERE for scheme in of(leak)]
)
def test_schemes_and_attacks_elsewhere(leak: str, scheme: str) -> None:
    attacks = [quick(name) for name in ALL]
    found = fowh.evaluate(scheme, attacks=attacks, device="cpu", **ELSEWHERE[leak])
    failed = {k: v["reason"] for k, v in found.record["attacks"].items() if v["status"] == "failed"}
    assert not failed
    assert not CHEAT_FLAGS & set(found.flags)


def test_no_scheme_is_left_out() -> None:
    assert set(names("scheme")) == {name for leak in ("templates", *ELSEWHERE) for name in of(leak)}
