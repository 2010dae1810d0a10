"""Every scheme and every attack of ours ends with no flag that says of a plug-in that it cheats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

import fowh
from fowh.core.registry import attribute, names
from tests.cheats.pictures import Blobs, Blocks
from tests.cheats.world import CHEAT_FLAGS, PLUGINS

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


FEW = ("preimage", "ridge:synthetic=300", "score_regression:probes=300")
ALL = [name for name in names("attack") if not attribute("attack", name, "blind")]


def accused(result: fowh.Result, *expected: str) -> set[str]:
    """Flags that say of a plug-in that it cheats, or of a witness that it cannot tell."""
    assert result.record["status"] == "ok", result.record["reason"]
    found = (CHEAT_FLAGS | {"witness-unable", "adversarial"}) & set(result.flags)
    assert found >= set(expected)
    return found - set(expected)


OURS_TO_TEST = "in-process"  # pictures and their recognisers are no plug-ins of ours: that is said


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


@pytest.mark.parametrize(
    ("attack", "people"),
    [
        ("image_ridge", 20),
        pytest.param(
            "morph_gan:queries=300,steps=20,batch=8,rate=1e-3,channels=4",
            16,
            marks=pytest.mark.slow,
        ),
    ],
)
def test_pictures_before_a_witness(attack: str, people: int) -> None:
    """Of the linear map, and of the generator that renders the others' embeddings as well."""
    found = fowh.evaluate(
        "lsh:bits=96",
        dataset=Blobs(people=people, readings=3),
        target=Blocks(),
        witness=Blocks(seed=4),
        attacks=[attack, "preimage", "ridge", "dictionary"],
        device="cpu",
    )
    assert not accused(found, OURS_TO_TEST)
    row, *_ = found.record["attacks"].values()
    assert row["metrics"]["transfer_rank1"]["value"] > 0.5
    assert set(found.record["rendered"]) == (
        set() if attack == "image_ridge" else {"preimage", "ridge", "dictionary"}
    )


@pytest.mark.parametrize(
    "name",
    [
        "Clear",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("Bits", "Steps", "Index:hashes=150", "Hashed:step=0.5")
        ),
    ],
)
def test_a_copy_of_an_honest_scheme_in_processes_of_its_own(name: str) -> None:
    """All that is asked of a third party's scheme, asked of one of ours."""
    scheme = f"{PLUGINS}honest:{name}"
    found = fowh.evaluate(scheme, dataset=PEOPLE, attacks=FEW, device="cpu")
    assert found.record["spec"]["scheme"]["process"] == "own"
    assert found.record["data"]["mated_again"]  # it was asked again
    assert not accused(found)


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
        "candidates": 25,
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
    assert not accused(found, *([OURS_TO_TEST] if "witness" in ELSEWHERE[leak] else []))


def test_no_scheme_is_left_out() -> None:
    assert set(names("scheme")) == {name for leak in ("templates", *ELSEWHERE) for name in of(leak)}
