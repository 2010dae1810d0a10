"""What every attack declares of itself."""

from __future__ import annotations

import dataclasses

import pytest

from fowh.core.attack import Attack
from fowh.core.registry import names, plugin_class

ATTACKS: dict[str, type[Attack]] = {name: plugin_class("attack", name) for name in names("attack")}


@pytest.mark.parametrize("name", ATTACKS)
def test_quick_parameters_are_its_own_and_allowed(name: str) -> None:
    found = ATTACKS[name]
    plain = found()
    quick = dataclasses.replace(plain, **found.quick)  # type: ignore[type-var]
    assert (quick != plain) == bool(found.quick)


def test_what_takes_steps_can_be_turned_down() -> None:
    for name, found in ATTACKS.items():
        fields = {field.name for field in dataclasses.fields(found)}  # type: ignore[arg-type]
        for knob in fields & {"steps", "synthetic", "queries"}:
            assert knob in found.quick, name


def test_the_closed_forms_are_those_that_learned_attacks_are_held_to() -> None:
    closed = {name for name, found in ATTACKS.items() if found.closed_form}
    assert closed == {"preimage", "image_ridge", "label", "first_layer", "imprint"}
    assert not any(found.blind and found.learned for found in ATTACKS.values())
