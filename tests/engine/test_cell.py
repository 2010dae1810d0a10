"""A cell before anything runs: what fits together, its spec, its labels."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from fowh.cells import make_cell
from fowh.core.dataset import Samples
from fowh.core.errors import InputError
from fowh.core.registry import load
from fowh.core.target import Prepared, Target
from fowh.core.threat import Threat
from fowh.engine.cell import cell_name, modality_of, plugin_name, row_name, spec_of

POPULATION = "gaussian:subjects=6,readings=2,dim=8"
IRISES = "iris:people=4,readings=2,side=16"


@dataclass(frozen=True)
class Reader(Target):
    """A target that reads sentences."""

    modality = "text"

    def prepare(self, samples: Any) -> Prepared:
        return Prepared(samples, np.ones(len(samples), dtype=np.bool_))

    def embed(self, samples: Any, device: str = "cpu") -> np.ndarray:
        return np.zeros((len(samples), 2), dtype=np.float32)

    @property
    def sha256(self) -> str:
        return "reader"


def refused(**cell: Any) -> str:
    """The one line that a cell is refused with, whether at once or for its samples."""
    with pytest.raises(InputError) as caught:
        made = make_cell(**cell)
        made.on(made.dataset.load())
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- parts that do not fit ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scheme", "leak", "said"),
    [
        ("raw", "outputs", "scheme 'raw' protects templates, not outputs: give --leak templates"),
        ("top_label", "templates", "'top_label' protects outputs, not templates: give --leak"),
    ],
)
def test_a_scheme_that_does_not_fit_the_leak(scheme: str, leak: str, said: str) -> None:
    text = refused(scheme=scheme, leak=leak, dataset=POPULATION)
    assert said in text and f"has under {leak}" in text


@pytest.mark.parametrize(
    ("box", "given", "tried"),
    [
        ("white", ["morph_gan", "ridge"], ["morph_gan", "ridge", "morph_gan:descent=0"]),
        ("white", ["morph_gan:descent=0", "morph_gan"], ["morph_gan:descent=0", "morph_gan"]),
        ("black", ["morph_gan", "ridge"], ["morph_gan", "ridge"]),
    ],
)
def test_under_white_box_what_can_do_without_the_network_is_run_without_it_too(
    box: Any, given: list[str], tried: list[str]
) -> None:
    made = make_cell("raw", POPULATION, attacks=given, threat=Threat(box=box))
    assert [row_name(attack) for attack in made.attacks] == tried


def test_what_an_attack_needs_to_do_without_a_network_are_parameters_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(type(load("attack", "ridge")), "without_network", {"rounds": 0})
    text = refused(scheme="raw", dataset=POPULATION, attacks="ridge", threat=Threat(box="white"))
    assert text.startswith("attack Ridge: without_network names 'rounds'")


def test_an_attack_given_twice() -> None:
    text = refused(scheme="raw", dataset=POPULATION, attacks=["ridge", "preimage", "ridge"])
    assert text == "attack 'ridge' is given twice: leave one out"
    steps = load("attack", "morph_gan").steps
    same = ["morph_gan", f"morph_gan:steps={steps}"]  # the default, said aloud
    assert "'morph_gan' is given twice" in refused(scheme="raw", dataset=POPULATION, attacks=same)


def test_two_variants_of_an_attack_are_two_attacks() -> None:
    cell = make_cell(scheme="raw", dataset=POPULATION, attacks=["gan", "gan:steps=7"])
    assert [row_name(attack) for attack in cell.attacks] == ["gan", "gan:steps=7"]


@pytest.mark.parametrize("control", ["random", "mean", "medoid"])
def test_a_control_given_as_an_attack(control: str) -> None:
    text = refused(scheme="raw", dataset=POPULATION, attacks=["ridge", control])
    assert text == f"attack '{control}' is a control of every run already: leave it out"


def test_a_negative_seed() -> None:
    assert "--seed -1: expected an integer" in refused(scheme="raw", dataset=POPULATION, seed=-1)


def test_vectors_need_no_target_and_no_witness() -> None:
    text = refused(scheme="raw", dataset=POPULATION, target="dlib")
    assert text.startswith("a target embeds samples, and") and "leave it out" in text
    text = refused(scheme="raw", dataset=POPULATION, witness="dlib")
    assert text.startswith("a witness looks at samples, and") and "leave it out" in text
    cell = make_cell(scheme="raw", dataset=POPULATION)
    assert cell.on(cell.dataset.load()).target is None


@pytest.mark.parametrize("target", ["dlib", None, "densenet:epochs=3"])
def test_a_witness_that_is_the_target_itself(target: str | None) -> None:
    """Also where the target is the usual one and nobody named it."""
    text = refused(scheme="raw", dataset=IRISES, target=target, witness=target or "dlib")
    assert text == "the witness is the target itself: name another recogniser"


def test_a_witness_of_the_same_kind_but_with_other_parameters_is_another() -> None:
    cell = make_cell(
        scheme="raw", dataset=IRISES, target="densenet:epochs=3", witness="densenet:epochs=4"
    )
    assert cell.on(cell.dataset.load()).witness == cell.witness


@pytest.mark.parametrize("role", ["target", "witness"])
def test_a_model_of_another_modality(role: str) -> None:
    text = refused(scheme="raw", dataset=IRISES, **{role: Reader()})
    assert text.startswith(f"{role} ") and "Reader takes samples of kind 'text'" in text
    assert "this dataset holds 'image'" in text


def test_images_have_a_usual_target() -> None:
    cell = make_cell(scheme="raw", dataset=IRISES)
    assert cell.target is None
    assert cell.on(cell.dataset.load()).target == load("target", "dlib")


def test_an_unknown_modality_is_named() -> None:
    odd = Samples(np.zeros(1, np.int64), ("a",), "0", np.zeros((1, 2)), "smell")
    with pytest.raises(InputError, match="unknown modality 'smell'"):
        modality_of(odd)


def test_without_attacks_the_leak_says_which() -> None:
    for scheme, leak in (("raw", "templates"), ("full_scores", "outputs")):
        cell = make_cell(scheme=scheme, leak=leak, dataset=IRISES)
        assert tuple(plugin_name(attack) for attack in cell.attacks) == cell.leak.suite


# --- the spec -------------------------------------------------------------------------------


def spec(**cell: Any) -> dict[str, Any]:
    made = make_cell(**{"scheme": "lsh", "dataset": POPULATION} | cell)
    return spec_of(made, made.dataset.load())


def test_the_spec_holds_what_determines_the_record_and_nothing_else() -> None:
    samples = load("dataset", POPULATION).load()
    said = spec(attacks=["ridge"], threat=Threat(keys="shared"))
    assert set(said) == {
        *("dataset", "target", "leak", "scheme", "protocol", "threat", "attacks", "witness"),
        *("seed", "code"),
    }
    assert said["target"] is None and said["witness"] is None
    assert said["dataset"]["sha256"] == samples.sha256
    assert said["dataset"]["modality"] == "vector"
    assert said["scheme"] == {"name": "lsh", "params": {"centred": False, "bits": 512}}
    assert said["leak"]["name"] == "templates"
    assert said["protocol"]["name"] == "standard" and said["protocol"]["numbers"]["folds"] == 5
    assert said["threat"] == dataclasses.asdict(Threat(keys="shared"))
    assert [attack["name"] for attack in said["attacks"]] == ["ridge"]


CHANGES: dict[str, dict[str, Any]] = {
    "dataset": {"dataset": POPULATION + ",seed=1"},
    "scheme": {"scheme": "lsh:bits=64"},
    "attacks": {"attacks": ["ridge"]},
    "threat": {"threat": Threat(leaked=False)},
    "seed": {"seed": 1},
}


@pytest.mark.parametrize("part", CHANGES)
def test_every_part_of_a_cell_is_in_its_spec(part: str) -> None:
    one, other = spec(attacks=["preimage"]), spec(**{"attacks": ["preimage"]} | CHANGES[part])
    differing = {key for key in one if one[key] != other[key]}
    assert part in differing
    assert differing <= {part, "code"}  # whose files are those of the plug-ins used


def test_the_code_of_the_plugins_is_in_the_spec() -> None:
    assert spec(scheme="lsh")["code"] != spec(scheme="iom")["code"]
    assert spec(attacks=["ridge"])["code"] != spec(attacks=["gan"])["code"]
    assert spec(scheme="lsh")["code"] == spec(scheme="lsh:bits=64")["code"]


def test_the_target_in_use_is_in_the_spec_though_nobody_named_it() -> None:
    said, named = spec(dataset=IRISES), spec(dataset=IRISES, target="dlib")
    assert said == named
    assert said["target"]["name"] == "dlib" and len(said["target"]["sha256"]) == 64


def test_a_witness_is_in_the_spec() -> None:
    specs = [spec(dataset=IRISES, witness=name) for name in (None, "resnet", "resnet:seed=2")]
    assert len({str(said["witness"]) for said in specs}) == 3


# --- names ----------------------------------------------------------------------------------


def test_labels_name_what_is_not_the_default() -> None:
    assert row_name(load("attack", "ridge")) == "ridge"
    assert row_name(load("attack", "morph_gan:steps=7")) == "morph_gan:steps=7"
    assert plugin_name(load("attack", "morph_gan:steps=7")) == "morph_gan"


def test_a_cell_is_named_in_one_line() -> None:
    made = make_cell(scheme="raw", dataset=POPULATION, threat=Threat(keys="shared"), seed=3)
    name = cell_name(made)
    assert name.startswith("gaussian:subjects=6,readings=2,dim=8,")
    assert " templates raw standard keys=shared leaked=True " in name
    assert name.endswith(" versions=train server=honest candidates=0 stolen=0 seed=3")
    assert "\n" not in name


def test_a_control_counts_in_the_digest_of_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its results are in the record; a record must not answer for another control's code."""
    from fowh.core.sources import code_digest
    from fowh.engine import cell as module

    digested: list[object] = []

    def spy(plugins: Any, folders: Any) -> str:
        digested.extend(plugins := list(plugins))
        return code_digest(plugins, folders)

    monkeypatch.setattr(module, "code_digest", spy)
    made = make_cell("raw", dataset="gaussian:subjects=4,readings=2,dim=4", attacks=["ridge"])
    spec_of(made, made.dataset.load())
    assert {"Random", "Mean", "Medoid", "Ridge"} <= {type(each).__name__ for each in digested}
