"""How a plug-in is named to ``fowh check``, and what is said of a name that is none."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from fowh import checks
from fowh.checks import run_checks
from fowh.checks.contract import Claims, ensure, leads_to, quick, variants
from fowh.core import registry
from fowh.core.errors import InputError
from fowh.core.registry import Kind
from schemes.lsh import Lsh


@pytest.mark.parametrize(
    "plugin", ["schemes.lsh:Lsh:bits=32", "attacks.mean:Mean", "fowh.modalities.vector:Vector"]
)
def test_a_third_partys_class_is_checked_by_its_path(plugin: str) -> None:
    findings = run_checks(plugin)
    assert len(findings) >= 8
    assert all(finding.passed for finding in findings)


def test_an_object_is_checked_as_it_is() -> None:
    (rows,) = [f for f in run_checks(Lsh(bits=8)) if f.check.startswith("One row leaves")]
    assert (rows.passed, rows.text) == (True, "1 bytes each")


@pytest.mark.parametrize(
    ("plugin", "said"),
    [
        ("ism", "did you mean iom"),
        ("zzzzzzzz", "fowh list"),
        ("attack/iom", "unknown attack 'iom'"),
        ("no.module:Scheme", "cannot load"),
        ("fowh.core.threat:Threat", "is no plug-in"),
        ("fowh.core.errors:Nothing", "cannot load"),
        ("iom:group=x", "expected an integer"),
        (Lsh, "is no plug-in"),  # a class, where an object is wanted
        (7, "is no plug-in"),
    ],
)
def test_what_cannot_be_checked_is_one_line(plugin: object, said: str) -> None:
    with pytest.raises(InputError) as caught:
        run_checks(plugin)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_name_of_several_kinds_asks_for_the_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    namesake = {"mean": EntryPoint("mean", "schemes.raw", "fowh.schemes")}
    third_party = registry._third_party

    def with_namesake(kind: Kind) -> dict[str, EntryPoint]:
        return namesake if kind == "scheme" else third_party(kind)

    monkeypatch.setattr(registry, "_third_party", with_namesake)
    with pytest.raises(InputError, match="several kinds: write scheme/mean or attack/mean"):
        run_checks("mean")
    assert run_checks("attack/mean")[0].text == "yields embeddings, blind"
    assert run_checks("mean", kind="attack") == run_checks("attack/mean")


def test_a_slash_in_a_parameter_is_no_kind(tmp_path: Path) -> None:
    findings = run_checks(f"folder:root={tmp_path}/nothing")
    assert "no such folder" in findings[0].text


def test_every_kind_has_a_contract() -> None:
    assert set(checks._CONTRACTS) == set(checks._INTERFACES) == set(registry.KINDS)


def test_claims_are_reported_in_order_and_crashes_as_findings() -> None:
    claims = Claims()

    @claims
    def _holds(case: str) -> str:
        """It holds."""
        return f"seen in {case}"

    @claims
    def _breaks(case: str) -> str:
        """It breaks."""
        ensure(False, "two\nlines")
        return "never"

    @claims
    def _applies(case: str) -> None:
        """It does not apply."""

    @claims
    def _raises(case: str) -> str:
        """It raises."""
        raise KeyError("lost")

    found = [(f.check, f.passed, f.text) for f in claims.run("x")]
    assert found == [
        ("It holds", True, "seen in x"),
        ("It breaks", False, "two lines"),
        ("It raises", False, "raises KeyError: 'lost'"),
    ]


def test_quick_leaves_alone_what_the_user_chose() -> None:
    cheap = type("Cheap", (Lsh,), {"quick": {"bits": 8}})
    assert quick(cheap()).bits == 8
    assert quick(cheap(bits=64)).bits == 64
    assert quick(Lsh()).bits == Lsh().bits


def test_variants_change_one_number_that_is_accepted() -> None:
    found = {name: (other.bits, other.centred) for name, other in variants(Lsh(bits=5), "scheme")}
    assert found == {"bits": (6, False), "centred": (5, True)}


def test_references_are_followed_through_closures_and_containers() -> None:
    secret = Lsh()
    assert leads_to([{"deep": (lambda: secret,)}], Lsh)
    assert not leads_to([{"deep": (lambda: 1,)}], Lsh)
