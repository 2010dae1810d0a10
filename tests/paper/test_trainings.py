"""Trainings behind a table, on kept files made by hand."""

from __future__ import annotations

import numpy as np

from fowh.paper import trainings
from fowh.paper.jobs import Job
from fowh.paper.kept import Kept
from tests.paper.common import jobs_of

WHOSE = np.array([3, 3, 8, 8])
TYPE1 = "type1_at_fmr_1e-2"


def kept(mean: str = "0110", target: str = "") -> Kept:
    return Kept("", "", "", {}, WHOSE, {"mean": {TYPE1: mean, "rank1": "0000"}}, target)


def cells(table: str) -> list[Job]:
    """Three runs: seeds 0/0, 1/1 and 2/2."""
    return [job for job in jobs_of(table, seeds=3) if job.leak == "templates"]


def test_trainings_are_counted_by_seed_as_far_as_they_are_known() -> None:
    jobs = [job for seeds in (9,) for job in jobs_of("slots", seeds=seeds)]
    jobs = sorted((j for j in jobs if j.leak == "templates"), key=lambda j: (j.draw, j.seed))
    targets = ["a", "a", "b", "c", "", "c", "", "", ""]
    table = {job: kept(target=name) for job, name in zip(jobs, targets, strict=True)}
    assert trainings.counted(table) == (
        "Trainings of the target known to be in it: seed 0: 2; seed 1: 1 and unknown for 1 file "
        "kept before; seed 2: unknown for 3 files kept before."
    )


def test_the_blind_mean_tells_two_trainings_of_old_files_apart() -> None:
    slots, dropout, alignment = (cells(table) for table in ("slots", "dropout", "alignment"))
    found = {job: kept() for job in (*slots, *dropout, *alignment)}
    found[dropout[2]] = kept("1010")
    mine = {job: found[job] for job in dropout}
    assert trainings.others(mine, found) == (
        "Run 2/2 attacked another training than in `alignment` and `slots` (the blind `mean` "
        "differs in 2 rows)."
    )
    theirs = {job: found[job] for job in slots}
    assert "than in `dropout` (the blind" in trainings.others(theirs, found)


def test_a_digest_says_more_than_a_blind_control() -> None:
    slots, dropout = cells("slots"), cells("dropout")
    found = {job: kept(target="a") for job in (*slots, *dropout)}
    found[dropout[0]] = kept(target="b")  # where the mean happens to succeed alike
    found[dropout[1]] = kept("1111", target="a")
    mine = {job: found[job] for job in dropout}
    assert trainings.others(mine, found) == "Run 0/0 attacked another training than in `slots`."


def test_other_attackers_and_what_was_not_measured_tell_nothing() -> None:
    slots, dropout = cells("slots"), cells("dropout")
    found = {job: kept(mean) for job, mean in zip(slots, ("0000", "0011", "0001"), strict=True)}
    found |= dict.fromkeys(dropout[:2], Kept("", "", "", {}, WHOSE, {}))
    assert trainings.others({job: found[job] for job in dropout[:2]}, found) == ""
    assert trainings.others({job: found[job] for job in slots}, found) == ""
