"""Every doubt flag, raised and not raised."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import pytest

from fowh.leaks.outputs import Outputs
from fowh.leaks.templates import Templates
from fowh.records.flags import lost, raise_flags, refuted
from fowh.records.witnessed import adversarial


def value(x: float, low: float | None = None) -> dict[str, Any]:
    return {"value": x, "ci_low": x if low is None else low, "ci_high": x, "n": 10}


def attack(
    rank1: float, *, learned: bool = False, closed: bool = False, yields: str = "embeddings"
) -> dict[str, Any]:
    return {
        "status": "ok",
        "yields": yields,
        "learned": learned,
        "closed_form": closed,
        "exhausted": False,
        "metrics": {"rank1": value(rank1), "advantage_rank1": value(0.5, 0.5)},
    }


def control(**metrics: float) -> dict[str, Any]:
    shown = {name.replace("_at_", "_at_fmr_1e-"): value(x) for name, x in metrics.items()}
    return {"yields": "embeddings", "blind": True, "derived": False, "metrics": shown}


SOUND: dict[str, Any] = {
    "spec": {
        "target": {"name": "dlib", "params": {}},
        "scheme": {"name": "iom"},
        "attacks": [{"name": "ridge"}],
    },
    "headline": dataclasses.asdict(Templates.headline),
    "data": {"pairs_above": 41, "not_found": 0},
    "utility": {"stolen_key": {"fnmr_at_fmr_1e-2": value(0.01)}},
    "attacks": {
        "preimage": attack(0.95, closed=True),
        "ridge": attack(0.94, learned=True),
        "image_ridge": attack(0.55, learned=True, closed=True, yields="samples"),
        "gan": attack(0.6, learned=True, yields="samples"),
        "dictionary": attack(0.2),
    },
    "rendered": {
        "preimage": {"metrics": {"rank1": value(0.5), "advantage_rank1": value(0.4, 0.2)}},
    },
    "controls": {"mean": control(type1_at_2=0.05), "unprotected": control() | {"blind": False}},
}


def changed(path: tuple[str, ...], to: Any, record: dict[str, Any] = SOUND) -> dict[str, Any]:
    made = copy.deepcopy(record)
    at = made
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = to
    return made


def raised(record: dict[str, Any], leak: Any = None) -> list[str]:
    return [flag["flag"] for flag in raise_flags(record, leak or Templates())]


def test_a_sound_record_raises_no_flag() -> None:
    assert raise_flags(SOUND, Templates()) == []


def test_one_training_of_a_target_is_said_to_be_one() -> None:
    trained = {"name": "densenet", "params": {"seed": 0, "epochs": 8}}
    assert raised(changed(("spec", "target"), trained)) == ["one-training"]
    assert raised(changed(("spec", "target"), None)) == []  # embeddings came from outside


RANK1 = ("metrics", "rank1", "value")


@pytest.mark.parametrize(
    ("path", "to", "flag", "said"),
    [
        (("attacks", "ridge", *RANK1), 0.5, "under-trained", "ridge (Rank-1 50.0 %)"),
        (("attacks", "gan", *RANK1), 0.4, "under-trained", "gan (Rank-1 40.0 %)"),
        (("attacks", "gan", "status"), "failed", "attack-failed", "gan"),
        (("attacks", "gan", "exhausted"), True, "budget-exhausted", "gan used all"),
        (
            ("utility", "stolen_key", "fnmr_at_fmr_1e-2", "value"),
            0.9,
            "utility-too-poor",
            "FNMR at FMR 1 % is as bad as 50 %",
        ),
        (
            ("controls", "mean", "metrics", "type1_at_fmr_1e-2", "value"),
            0.63,
            "type1-is-cheap",
            "63 %",
        ),
        (("data", "pairs_above"), 9, "few-comparisons", "9 pairs of people"),
        (("data", "not_found"), 3, "samples-not-found", "3 samples"),
    ],
)
def test_each_flag(path: tuple[str, ...], to: Any, flag: str, said: str) -> None:
    found = raise_flags(changed(path, to), Templates())
    assert [one["flag"] for one in found] == [flag]
    assert said in found[0]["text"]


def test_a_learned_attack_may_lose_a_little_and_one_that_learns_nothing_everything() -> None:
    assert raised(changed(("attacks", "ridge", *RANK1), 0.93)) == []  # 2 % less than 95 %
    assert raised(changed(("attacks", "ridge", *RANK1), 0.925)) == ["under-trained"]
    assert raised(changed(("attacks", "dictionary", *RANK1), 0.0)) == []


@pytest.mark.parametrize(
    ("gain", "flag"),
    [
        (value(0.3, 0.1), "under-trained"),
        (value(0.3, 1e-9), "under-trained"),
        (value(0.3, 0.0), "not-identifiable"),  # a blind guess may be as good
        (value(0.0, -0.2), "not-identifiable"),
        ({"value": None, "ci_low": None, "ci_high": None, "n": 0}, "under-trained"),
    ],
)
def test_what_learns_less_than_the_closed_form_learns_little_or_nothing(
    gain: dict[str, Any], flag: str
) -> None:
    """Told apart by the interval of its advantage over a blind guess."""
    worse = changed(("attacks", "ridge", *RANK1), 0.5)
    found = raise_flags(
        changed(("attacks", "ridge", "metrics", "advantage_rank1"), gain, worse), Templates()
    )
    assert [one["flag"] for one in found] == [flag]
    assert "ridge (Rank-1 50.0 %) loses to the closed form (95.0 %)" in found[0]["text"]
    good = changed(("attacks", "ridge", "metrics", "advantage_rank1"), gain)
    assert raised(good) == []  # as good as the closed form: no matter


@pytest.mark.parametrize(
    ("gain", "flags"),
    [
        (value(0.3, 0.1), []),
        (value(0.3, 1e-9), []),
        (value(0.3, 0.0), ["learned-nothing"]),
        (value(0.0, -0.2), ["learned-nothing"]),
        ({"value": None, "ci_low": None, "ci_high": None, "n": 0}, []),  # nothing to compare with
    ],
)
def test_without_a_closed_form_it_is_not_known_why_nothing_was_learned(
    gain: dict[str, Any], flags: list[str]
) -> None:
    """A skipped closed form is none; what learned nothing is held to the blind guess alone."""
    record = changed(("attacks", "preimage", "status"), "skipped")
    record = changed(("attacks", "ridge", "metrics", "advantage_rank1"), gain, record)
    found = raise_flags(changed(("attacks", "ridge", *RANK1), 0.082, record), Templates())
    assert [one["flag"] for one in found] == flags
    for one in found:
        assert "ridge (Rank-1 8.2 %) does no better than a blind guess" in one["text"]
        assert "under-trained, or" in one["text"] and "not known" in one["text"]


def test_a_third_party_s_word_of_its_attack_accuses_nobody_else() -> None:
    """It may call any attack learned, or a closed form: ours are not held to that."""

    def with_theirs(**said: bool) -> dict[str, Any]:
        row = attack(1.0, **said) | {"process": "own"}
        return SOUND | {"attacks": SOUND["attacks"] | {"their:Own:steps=3": row}}

    assert raised(with_theirs(closed=True)) == raised(with_theirs(learned=True)) == ["unread"]
    blind = with_theirs(learned=True)
    for metric, number in (("rank1", 0.5), ("advantage_rank1", 0.0)):
        blind = changed(("attacks", "ridge", "metrics", metric), value(number, 0.0), blind)
    assert raised(blind) == ["unread", "not-identifiable"]  # of ours none sees anything
    poor = changed(("attacks", "their:Own:steps=3", *RANK1), 0.5, with_theirs(learned=True))
    assert raised(poor) == ["unread", "under-trained"]  # theirs is held to ours


def test_pictures_are_compared_with_pictures() -> None:
    """Of the closed forms: those that make pictures, and embeddings as they were rendered."""
    better = changed(("rendered", "preimage", *RANK1), 0.7)
    assert raised(better) == ["under-trained"]
    nothing = changed(("attacks", "image_ridge", *RANK1), 0.0)
    assert raised(changed(("attacks", "gan", *RANK1), 0.49, nothing)) == []
    assert raised(changed(("attacks", "gan", *RANK1), 0.45, nothing)) == ["under-trained"]


def test_no_better_than_blind_needs_every_attack_to_fail() -> None:
    record = copy.deepcopy(SOUND)
    for row in (*record["attacks"].values(), *record["rendered"].values()):
        row["metrics"]["advantage_rank1"] = value(0.01, -0.02)
    assert raised(record) == ["no-better-than-blind"]
    for section, name in (("attacks", "gan"), ("rendered", "preimage")):
        one = changed((section, name, "metrics", "advantage_rank1"), value(0.3, 0.1), record)
        assert raised(one) == [], name
    assert raised(changed(("attacks",), {}, record)) == []  # nobody tried


# --- utility --------------------------------------------------------------------------------


def test_utility_is_lost_beyond_the_limit_in_its_own_direction() -> None:
    rate = ("utility", "stolen_key", "fnmr_at_fmr_1e-2", "value")
    assert not lost(changed(rate, 0.49)) and lost(changed(rate, 0.5))
    assert lost(changed(rate, None)) and lost(changed(("utility",), {}))  # unknown is no success


def named(accuracy: float) -> dict[str, Any]:
    """A record of answers: more accuracy is better, and the main success has another name."""
    row = attack(0.0) | {"metrics": {"named": value(0.9), "advantage_named": value(0.5, 0.5)}}
    return {
        "spec": {"target": None, "scheme": {"name": "top_label"}, "attacks": [{"name": "gan"}]},
        "headline": dataclasses.asdict(Outputs.headline),
        "data": {"not_found": None},
        "utility": {"protected": {"accuracy": value(accuracy)}},
        "attacks": {"gan": row | {"learned": True, "yields": "samples"}},
        "rendered": {},
        "controls": {},
    }


def test_flags_of_answers_read_accuracy_and_who_is_named() -> None:
    assert raised(named(0.51), Outputs()) == []
    found = raise_flags(named(0.5), Outputs())
    assert [flag["flag"] for flag in found] == ["utility-too-poor"]
    assert "Accuracy is as bad as 50 %" in found[0]["text"]
    blind = changed(("attacks", "gan", "metrics", "advantage_named"), value(0, 0), named(0.9))
    nothing, none = raise_flags(blind, Outputs())
    assert nothing["flag"] == "learned-nothing"
    assert none["flag"] == "no-better-than-blind" and "Named by the target" in none["text"]


# --- adversarial examples -------------------------------------------------------------------


def seen(
    section: str,
    name: str,
    mine: float,
    witness: float,
    true: tuple[float, float] | None = (0.9, 0.8),
) -> dict[str, Any]:
    """Rank-1 under the target and the witness, and the same of pictures of true embeddings.

    The latter's interval, of which only the lower end counts, begins where it is given.
    """
    record = changed((section, name, *RANK1), mine)
    record[section][name]["metrics"]["transfer_rank1"] = value(witness)
    if true is not None:
        shown = {"rank1": value(true[0]), "transfer_rank1": value(0.9, true[1])}
        record["controls"]["unprotected_rendered"] = control() | {"blind": False, "metrics": shown}
    return record


@pytest.mark.parametrize(("section", "name"), [("attacks", "gan"), ("rendered", "preimage")])
def test_pictures_that_only_the_target_believes_are_adversarial(section: str, name: str) -> None:
    record = seen(section, name, mine=0.8, witness=0.1)
    assert adversarial(record, "rank1") == [(section, name)]
    found = {flag["flag"]: flag["text"] for flag in raise_flags(record, Templates())}
    assert "witness-unable" not in found
    said = f"{name} has Rank-1 80 % under the target and Rank-1 10 % under the witness"
    assert said in found["adversarial"]


@pytest.mark.parametrize(
    ("mine", "witness"),
    [
        (0.8, 0.18),  # a quarter of 0.8 * 0.8 / 0.9 is 0.178
        (0.09, 0.0),  # nobody believes it: no matter
    ],
)
def test_pictures_that_the_witness_believes_as_it_can_are_none(mine: float, witness: float) -> None:
    assert adversarial(seen("attacks", "gan", mine, witness), "rank1") == []
    assert adversarial(seen("attacks", "gan", mine, witness - 0.01), "rank1") == (
        [("attacks", "gan")] if mine > 0.1 else []
    )


def test_a_row_whose_interval_reaches_what_is_expected_is_not_flagged() -> None:
    record = seen("attacks", "gan", mine=0.12, witness=0.0)
    assert adversarial(record, "rank1") == [("attacks", "gan")]
    record["attacks"]["gan"]["metrics"]["transfer_rank1"]["ci_high"] = 0.11  # 0.12 * 0.8 / 0.9
    assert adversarial(record, "rank1") == []


@pytest.mark.parametrize(
    "true",
    [
        None,  # nothing renders, and the witness knows no other pictures
        (0.9, 0.2),  # surely no more than a fifth of them, of the target's nine tenths
        (0.9, 0.0),
    ],
)
def test_a_witness_that_does_not_know_pictures_of_true_embeddings_judges_none(true: Any) -> None:
    """However high its rate of them is: it is 90 %, of too few people to be sure."""
    record = seen("attacks", "gan", mine=0.8, witness=0.0, true=true)
    assert adversarial(record, "rank1") == []
    assert raised(record) == ["witness-unable"]


@pytest.mark.parametrize(("low", "flag"), [(0.3, "adversarial"), (0.1, "witness-unable")])
def test_where_nothing_renders_what_it_knows_best_stands_for_it(low: float, flag: str) -> None:
    """The linear map to pixels has Rank-1 55 %, of which a quarter is 14; look-ups are none."""
    record = seen("attacks", "gan", mine=0.8, witness=0.0, true=None)
    record["attacks"]["image_ridge"]["metrics"]["transfer_rank1"] = value(0.4, low)
    shown = {"rank1": value(1.0), "transfer_rank1": value(1.0)}
    record["attacks"]["lookup"] = attack(1.0) | {"informed": True, "metrics": shown}
    assert flag in raised(record)
    assert len({"adversarial", "witness-unable"} & set(raised(record))) == 1


@pytest.mark.parametrize("known", [0.95, 0.1])
def test_who_makes_pictures_does_not_bring_what_they_are_held_to(known: float) -> None:
    """Blank pictures of true embeddings would make any witness unable; so the originals count."""
    record = seen("attacks", "gan", mine=0.8, witness=0.0, true=(0.05, 0.0))
    theirs = {"process": "own"}
    record["controls"]["unprotected_rendered"] |= theirs
    record["attacks"]["gan"] |= theirs
    assert raised(record) == ["unread", "witness-unable"]  # nothing says what it knows
    shown = {"rank1": value(0.97), "transfer_rank1": value(known)}
    record["controls"]["unprotected"] = control() | {"blind": False, "metrics": shown}
    assert raised(record) == ["unread", "adversarial" if known > 0.5 else "witness-unable"]
    record["attacks"]["image_ridge"]["metrics"]["transfer_rank1"] = value(0.0)  # one of ours
    assert raised(record) == ["unread", "witness-unable"]


def test_a_witness_is_held_to_what_it_knows_and_beyond_chance() -> None:
    """One that surely knows 32 % where the target knows 92 %, in a gallery where chance is 12 %."""
    low = seen("attacks", "gan", mine=0.92, witness=0.15, true=(0.92, 0.32))
    assert adversarial(low, "rank1", chance=0.12) == []  # a quarter of what it keeps is no quarter
    known = seen("attacks", "gan", mine=0.92, witness=0.15, true=(0.92, 0.42))
    assert adversarial(known, "rank1", chance=0.12) == [("attacks", "gan")]
    assert adversarial(known, "rank1") == []  # 15 % would be more than a quarter of 42
    record = known | {"chance": {"rank1": 0.12}}
    assert "adversarial" in raised(record) and "adversarial" not in raised(known)


def test_without_a_witness_nothing_is_adversarial() -> None:
    assert adversarial(changed(("attacks", "gan", *RANK1), 1.0), "rank1") == []
    assert raised(changed(("attacks", "gan", *RANK1), 1.0)) == []


# --- white box ------------------------------------------------------------------------------


def white(gain: float, room: float = 0.3, witness: float | None = None) -> dict[str, Any]:
    """A record of ``gan`` with and without the network; lower ends, the witness's upper end."""
    rows = {"of": "gan:steps=0", "gains": {}, "room": {"rank1": value(0.4, room)}}
    rows["gains"]["rank1"] = value(0.2, gain)
    if witness is not None:
        rows["gains"]["transfer_rank1"] = value(-0.2) | {"ci_high": witness}
    record = changed(("attacks", "gan", "black_box"), rows)
    record["attacks"]["gan:steps=0"] = attack(0.6, learned=True, yields="samples")
    return record


@pytest.mark.parametrize(
    ("gain", "room", "flags"),
    [
        (0.01, 0.3, []),
        (0.0, 0.3, ["white-box-gains-nothing"]),
        (-0.1, 0.3, ["white-box-gains-nothing"]),
        (-0.1, 0.0, []),  # the black box succeeds nearly always: a ceiling
    ],
)
def test_a_network_that_is_worth_nothing_though_there_is_room(
    gain: float, room: float, flags: list[str]
) -> None:
    record = white(gain, room)
    assert raised(record) == flags
    for flag in raise_flags(record, Templates()):
        assert "gan holds the target's network" in flag["text"]
        assert "Rank-1 60.0 % and 60.0 %" in flag["text"] and "under-trained" in flag["text"]


def test_any_success_that_is_surely_gained_is_a_gain() -> None:
    record = white(gain=-0.1)
    rows = record["attacks"]["gan"]["black_box"]
    strict = "type1_at_fmr_1e-3"
    rows["gains"][strict], rows["room"][strict] = value(0.2, 0.1), value(0.4, 0.2)
    assert raised(record) == []
    rows["room"][strict] = value(0.0)  # of what there is to gain
    assert raised(record) == ["white-box-gains-nothing"]


@pytest.mark.parametrize(
    ("most", "flags"), [(0.01, []), (-0.01, ["white-box-gains-nothing"]), (None, [])]
)
def test_what_the_witness_surely_loses_is_no_gain(most: float | None, flags: list[str]) -> None:
    record = white(gain=0.1, witness=most)
    record["attacks"]["gan"]["metrics"]["transfer_rank1"] = value(0.5)
    record["controls"]["unprotected_rendered"] = control() | {
        "blind": False,
        "metrics": {"rank1": value(0.9), "transfer_rank1": value(0.8)},
    }
    assert raised(record) == flags
    assert all("does not see" in flag["text"] for flag in raise_flags(record, Templates()))


def test_what_only_the_target_believes_is_no_gain_and_a_witness_that_is_unable_says_nothing() -> (
    None
):
    record = white(gain=0.1, witness=0.2)
    record["attacks"]["gan"]["metrics"]["transfer_rank1"] = value(0.05)
    shown = {"rank1": value(0.9), "transfer_rank1": value(0.8)}
    record["controls"]["unprotected_rendered"] = control() | {"blind": False, "metrics": shown}
    assert raised(record) == ["white-box-gains-nothing", "adversarial"]
    shown["transfer_rank1"] = value(0.8, 0.0)
    record["attacks"]["gan"]["black_box"]["gains"]["transfer_rank1"] = value(-0.2)
    assert raised(record) == ["witness-unable"]


# --- what contradicts itself ----------------------------------------------------------------


def test_a_closed_form_that_learned_attacks_surely_surpass_is_a_doubt() -> None:
    """The reverse of a learned attack that loses to the closed form."""
    lost_to = changed(("attacks", "preimage", *RANK1[:2]), value(0.06))
    (flag,) = [f for f in raise_flags(lost_to, Templates()) if "closed" in f["flag"]]
    assert flag["flag"] == "closed-form-below-learned"
    assert "preimage (Rank-1 6.0 %)" in flag["text"] and "(94.0 %)" in flag["text"]
    near = changed(("attacks", "preimage", *RANK1[:2]), value(0.925))
    assert raised(near) == []
    wide = changed(
        ("attacks", "preimage", *RANK1[:2]), value(0.6) | {"ci_low": 0.3, "ci_high": 0.95}
    )
    assert raised(wide) == []  # it may be as good


@pytest.mark.parametrize(
    ("pairs", "unlike", "flags"),
    [(5120, 5, []), (5120, 6, ["shortcut-refuted"]), (None, None, []), (1024, 1, [])],
)
def test_scores_that_verification_does_not_give_fail_the_cell(
    pairs: int | None, unlike: int | None, flags: list[str]
) -> None:
    record = changed(("data", "verified_pairs"), pairs)
    record["data"]["verified_unlike"] = unlike
    assert raised(record) == flags
    record["flags"] = raise_flags(record, Templates())
    text = refuted(record)
    assert (text is not None) == bool(flags)
    assert text is None or "of 5,120 pairs" in text


@pytest.mark.parametrize(
    ("low", "high", "flags"),
    [(0.9, 1.0, []), (0.0, 0.89, ["recognition-refuted"]), (0.97, 1.0, ["recognition-refuted"])],
)
def test_recognition_and_mated_probes_say_the_same_or_the_cell_fails(
    low: float, high: float, flags: list[str]
) -> None:
    """The interval of one does not meet that of the other, 90 to 96 %."""
    seen = value(low) | {"ci_low": low, "ci_high": high}
    record = changed(
        ("controls", "mated_probe"),
        control() | {"blind": False, "metrics": {"accept_at_fmr_1e-2": seen}},
    )
    record["data"]["mated_accepted"] = {"1e-2": {**value(0.93, 0.9), "ci_high": 0.96}}
    assert raised(record) == flags


@pytest.mark.parametrize(
    ("again", "rate", "flags"),
    [
        ("mated_again", 0.95, []),
        ("mated_again", 0.3, ["recognition-refuted"]),
        ("strangers_again", 0.02, []),
        ("strangers_again", 0.5, ["recognition-refuted"]),  # it accepts whoever comes
    ],
)
def test_answers_that_change_when_asked_again_are_a_doubt(
    again: str, rate: float, flags: list[str]
) -> None:
    first = {
        "mated_again": ("mated_accepted", 0.95),
        "strangers_again": ("strangers_accepted", 0.01),
    }
    name, before = first[again]
    record = changed(("data", name), {"1e-2": around(before)})
    record["data"][again] = {"1e-2": around(rate)}
    assert raised(record) == flags


def around(rate: float) -> dict[str, Any]:
    return {**value(rate, max(0, rate - 0.03)), "ci_high": min(1, rate + 0.03)}


@pytest.mark.parametrize(
    ("cosine", "permuted", "said", "flags"),
    [
        (0.999, 0.01, 0.0, ["stored-in-clear"]),
        (0.98, 0.01, 0.0, []),  # what a long code of known places gives away
        (0.999, 0.01, 1.0, []),  # nothing is hidden
        (0.999, 0.995, 0.0, []),  # everybody is alike
    ],
)
def test_an_embedding_in_clear_is_a_doubt(
    cosine: float, permuted: float, said: float, flags: list[str]
) -> None:
    record = changed(("data", "clear_cosine"), cosine)
    record["data"] |= {"clear_permuted": permuted, "clear_said": said}
    assert raised(record) == flags


@pytest.mark.parametrize(
    ("others", "victims", "flags"),
    [
        (0.7, 0.3, ["features-refuted"]),
        (0.7, -0.1, ["features-refuted"]),
        (0.7, 0.4, []),
        (0.25, 0.0, []),  # they tell of nobody
    ],
)
def test_features_that_tell_of_everybody_but_the_victims(
    others: float, victims: float, flags: list[str]
) -> None:
    record = changed(("data", "features_others"), others)
    record["data"]["features_victims"] = victims
    assert raised(record) == flags


def test_what_was_run_and_not_read_counts_once_it_was() -> None:
    """A third party's scheme that resists, and a third party's attack that succeeds."""
    theirs = {"name": "their:Own", "params": {}, "process": "own"}
    resisting = copy.deepcopy(SOUND)
    for row in (*resisting["attacks"].values(), *resisting["rendered"].values()):
        row["metrics"]["advantage_rank1"] = value(0.01, -0.02)
    for record, expected in ((SOUND, []), (resisting, ["unread", "no-better-than-blind"])):
        assert raised(record | {"spec": record["spec"] | {"scheme": theirs}}) == expected
    for record, expected in ((SOUND, ["unread"]), (resisting, ["no-better-than-blind"])):
        ridge = record["attacks"]["ridge"] | {"process": "own"}
        assert raised(changed(("attacks", "ridge"), ridge, record)) == expected


KINDS = ("scheme", "attack", "dataset", "target", "leak", "protocol", "witness")


@pytest.mark.parametrize("part", KINDS)
def test_a_third_partys_code_beside_the_truth_is_flagged(part: str) -> None:
    for process, expected in (("testbed", ["in-process"]), ("own", [])):
        theirs = {"name": "their:Own", "params": {}, "process": process}
        spec = {"target": None, "scheme": {"name": "iom"}, "attacks": [{"name": "ridge"}]}
        spec = spec | ({"attacks": [theirs]} if part == "attack" else {part: theirs})
        found = raise_flags(SOUND | {"spec": spec}, Templates())
        assert [flag["flag"] for flag in found] == expected
        assert all("their:Own" in flag["text"] for flag in found)
