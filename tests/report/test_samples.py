"""The samples of a report: which, in which order, how they are shown, and which of them hit."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from fowh.core.errors import InputError
from fowh.report import samples
from tests.report.cells import answering, answers, broken, judged, observations, row


def test_strips_are_in_order_and_have_the_names_of_the_table() -> None:
    found = observations()
    assert [strip.label for strip in samples.strips(broken(), found)] == [
        "the victim",
        "attacker's nearest own",
        "gan",
        "preimage → image",
        "mean embedding → image",
        "unprotected → image",
    ]
    assert samples.victims(found) == [f"subject {number}" for number in range(6)]


def test_without_samples_there_is_nothing_to_show() -> None:
    assert samples.strips(broken(), observations(images=False)) == []
    assert samples.victims({}) == []


def test_no_more_than_there_is_room_for() -> None:
    many = {"shown.original": np.zeros((50, 16, 16), np.uint8), "shown.subject": np.arange(50)}
    assert len(samples.strips(broken(), many)[0].samples) == samples.MOST
    assert len(samples.victims(many)) == samples.MOST


def test_pictures_are_the_modalitys_own() -> None:
    found = observations()
    shown = samples.strips(broken(), found)[0].samples[2]
    assert shown.png is not None
    opened = np.asarray(Image.open(io.BytesIO(shown.png)))
    assert np.array_equal(opened, found["shown.original"][2])


def test_samples_of_another_modality_are_shown_as_that_one_shows_them() -> None:
    record = broken()
    record["spec"]["dataset"]["modality"] = "vector"
    vectors = {"shown.original": np.eye(2, 5), "shown.subject": np.arange(2)}
    shown = samples.strips(record, vectors)[0].samples
    assert [each.png for each in shown] == [None, None]
    assert shown[0].text.startswith("[1.00, 0.00")


def test_a_modality_that_is_not_installed_is_named() -> None:
    record = broken()
    record["spec"]["dataset"]["modality"] = "smell"
    with pytest.raises(InputError, match="smell"):
        samples.strips(record, observations())


def test_hits_belong_to_the_samples_shown() -> None:
    """Each shown victim's first stolen row of the first fold, not of a later one."""
    hit = [True, True, False, True, False]
    found = row("attack.gan", judged([2, 5, 2, 2, 5], [1, 0, 0, 0, 0], hit))
    found["shown.subject"] = np.array([2, 5])
    assert samples.hits(broken(), found, "attack.gan") == [False, True]
    assert samples.hits(broken(), found, "attack.other") is None
    found["shown.subject"] = np.array([7])
    assert samples.hits(broken(), found, "attack.gan") is None


def test_rows_whose_names_begin_alike_are_told_apart() -> None:
    found = row("attack.gan:fidelity=0", judged([3], [0], [True]))
    found |= row("attack.gan:fidelity=0.25", judged([3, 4], [0, 0], [False, False]))
    found["shown.subject"] = np.array([3])
    assert samples.hits(broken(), found, "attack.gan:fidelity=0") == [True]
    assert samples.hits(broken(), found, "attack.gan:fidelity=0.25") == [False]


def test_a_hit_is_what_the_leak_calls_success() -> None:
    """Of outputs, no rank 1 is observed; two readings of each victim are shown."""
    assert samples.hits(answering(), answers(), "attack.gan") == [True, False, False, True]


def test_thresholds_of_all_folds_do_not_disturb_the_first() -> None:
    found = row("attack.gan", judged([2, 5], [0, 0], [True, False]))
    found |= {"term.t_embedding.1e-2": np.zeros(9), "term.t_protected.1e-2": np.zeros(9)}
    found["shown.subject"] = np.array([2, 5])
    assert samples.hits(broken(), found, "attack.gan") == [True, False]
