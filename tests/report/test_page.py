"""The page model: what every form of the report says, computed once from a record."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from fowh.core.registry import load
from fowh.records import schema, store
from fowh.report.lines import narrowed
from fowh.report.page import grouped, page
from tests.report.cells import answering, broken, observations, plugin, resisting, stopped, value

NOTHING: dict[str, Any] = {  # of a record whose attacks all failed
    "best": {"metrics": {}, "chosen": {}},
    "worst": {"metrics": {}, "folds": 0, "of": [], "blind": {}},
}


@pytest.mark.parametrize("record", [broken(), resisting(), answering()])
def test_the_fabricated_records_are_records(record: dict[str, Any]) -> None:
    assert schema.problem(store.seal(record, {})) is None


def test_lines_are_in_order_and_in_words() -> None:
    found = page(broken()).success.lines
    assert [(line.kind, line.label) for line in found] == [
        *(("attack", name) for name in ("dictionary", "preimage", "ridge", "gan", "decode")),
        ("rendered", "preimage → image"),
        ("best", "best: preimage"),
        ("worst", "union of attacks"),
        ("worst", "2 blind guesses"),
        ("blind", "random stranger"),
        ("blind", "mean embedding"),
        ("blind", "medoid"),
        ("blind", "another's leak"),
        ("control", "nearest own sample"),
        ("control", "mated probe"),
        ("control", "unprotected"),
        ("blind", "mean embedding → image"),
        ("control", "unprotected → image"),
        ("blind", "10 blind guesses"),
        ("blind", "100 blind guesses"),
        ("blind", "1,000 blind guesses"),
    ]
    blocks = page(broken()).success.blocks()
    assert [len(lines) for lines in blocks.values()] == [5, 1, 1, 2, 8, 4]


def test_the_best_attack_stands_under_its_name_or_names() -> None:
    """Which one is best depends on whom it is chosen: then several are named."""
    (best,) = (line for line in page(broken()).success.lines if line.kind == "best")
    assert (best.label, best["rank1"].value) == ("best: preimage", 0.985)
    (best,) = (line for line in page(resisting()).success.lines if line.kind == "best")
    assert best.label == "best: ridge / preimage"


def test_the_union_stands_beside_as_many_blind_guesses() -> None:
    union, blind = (line for line in page(resisting()).success.lines if line.kind == "worst")
    assert (union.label, union["rank1"].value) == ("union of attacks", 0.055)
    assert (blind.label, blind["rank1"].value) == ("3 blind guesses", 0.037)
    record = resisting()
    record["worst"]["of"] = ["ridge"]
    assert "1 blind guess" in [line.label for line in page(record).success.lines]


def test_blind_guesses_have_a_line_by_their_number() -> None:
    found = {line.label: line for line in page(broken()).success.lines}
    for label, rank1 in (("10", 0.17), ("100", 0.53), ("1,000", 1.0)):
        number = found[f"{label} blind guesses"]["rank1"]
        assert number.value == pytest.approx(0.433 * rank1)
        assert not number.alarm
    record = broken() | {"guesses": {}}
    assert not any("00 blind" in line.label for line in page(record).success.lines)


def test_chance_is_said_with_the_gallery_that_it_is_of() -> None:
    assert page(broken()).chance == (
        "Chance: Rank-1 5.7 %, in a gallery of 160 readings of 16 people, none of them the "
        "attacker's"
    )
    assert page(answering()).chance == "Chance: Named by the target 1.7 %"
    assert page(broken() | {"chance": {}}).chance == ""


def test_controls_that_a_protocol_brings_have_a_line() -> None:
    record = broken()
    record["controls"]["grey_noise"] = record["controls"]["random"]
    assert "grey noise" in [line.label for line in page(record).success.lines]


def test_what_beats_the_blind_controls_alarms() -> None:
    cell = page(broken())
    red = {
        line.label: [metric for metric in cell.success.columns if line[metric].alarm]
        for line in cell.success.lines
    }
    everything = list(cell.success.columns)
    without_purity = everything[:-1]
    assert {label: metrics for label, metrics in red.items() if metrics} == {
        "preimage": everything,
        "best: preimage": everything,
        "ridge": everything,
        "gan": without_purity,
        "preimage → image": without_purity,
        "union of attacks": everything,
    }
    best = next(line for line in cell.success.lines if line.kind == "best")
    assert all(best[metric].alarm for metric in everything)  # of the same name as its attack
    assert not any(
        n.alarm for line in page(resisting()).success.lines for n in line.numbers.values()
    )


def test_columns_are_what_was_measured_and_has_a_heading() -> None:
    columns = ["rank1", "type1_at_fmr_1e-2", "type1_at_fmr_1e-3", "type2_at_fmr_1e-3"]
    assert page(broken()).success.columns == [*columns, "accept_at_fmr_1e-3", "purity"]
    assert page(answering()).success.columns == ["named"]
    record = answering()
    record["attacks"]["gan"]["metrics"]["realism"] = value(0.9)
    assert page(record).success.columns == ["named", "realism"]


def test_what_a_leak_is_about_is_shown_though_nothing_ran() -> None:
    record = answering()
    record["attacks"] = {"gan": stopped("skipped", "no images")}
    record |= {"controls": {}, **NOTHING}
    assert page(record).success.columns == ["named"]


def test_few_columns_are_the_headlines_and_a_witnesss() -> None:
    record = broken()
    record["attacks"]["gan"]["metrics"] |= {"transfer_rank1": value(0.1), "realism": value(0.2)}
    table = page(record).success
    assert narrowed(table, 99, record).columns == table.columns
    assert narrowed(table, 5, record).columns == [
        *("rank1", "type1_at_fmr_1e-3", "accept_at_fmr_1e-3", "transfer_rank1", "realism"),
    ]
    assert narrowed(table, 1, record).columns == [
        *("rank1", "type1_at_fmr_1e-3", "accept_at_fmr_1e-3"),
    ]


def test_every_metric_of_every_line_is_somewhere() -> None:
    cell = page(broken())
    for line in cell.success.lines:
        assert set(line.numbers) <= set(cell.everything.columns)
    assert "decode" not in [line.label for line in cell.everything.lines]
    assert len(cell.everything.lines) == len(cell.success.lines) - 1


def test_reasons_are_one_line_and_tracebacks_are_kept() -> None:
    record = broken()
    failed = "Traceback (most recent call last):\n  File x\nValueError: it broke"
    record["attacks"]["gan"] = stopped("failed", failed)
    cell = page(record)
    reasons = {line.label: line.reason for line in cell.success.lines if line.reason}
    assert reasons == {
        "gan": "failed: ValueError: it broke",
        "decode": "skipped: the scheme stores no helper data that could be decoded",
    }
    assert [(line.label, line.traceback) for line in cell.failures] == [("gan", failed)]


def test_utility_has_its_scenarios_in_the_leaks_order_and_words() -> None:
    cell = page(broken())
    errors = ["fnmr_at_fmr_1e-2", "fnmr_at_fmr_1e-3", "eer"]
    assert cell.utility.columns == [*errors, "utility_loss"]
    assert [line.label for line in cell.utility.lines] == [
        *("unprotected", "protected, own keys", "protected, stolen key"),
    ]
    assert [line.n for line in cell.utility.lines] == [3600] * 3
    other = page(answering()).utility
    assert other.columns == ["accuracy", "utility_loss"]
    assert [line.label for line in other.lines] == ["all scores", "as they leave"]


def test_an_older_record_s_equal_error_rate_of_decisions_is_not_shown() -> None:
    record = broken()
    record["utility"]["stolen_key"] |= {"fnmr": {"value": 0.03}, "fmr": {"value": 0.001}}
    by_label = {line.label: line for line in page(record).utility.lines}
    assert "eer" not in by_label["protected, stolen key"].numbers
    assert "eer" in by_label["unprotected"].numbers


def test_operating_points_of_the_attacks_thresholds() -> None:
    record = broken()
    record["utility"]["stolen_key"]["measured_at_fmr_1e-2"] = {"fmr": 0.0123, "fnmr": 0.0456}
    cell = page(record)
    (text,) = cell.operating
    assert "threshold for FMR 1 %" in text
    assert "FMR is 1.23 % and their FNMR 4.56 %" in text
    assert "measured_at_fmr_1e-2" not in cell.utility.columns
    assert page(answering()).operating == []


def test_the_headline_is_utility_and_then_the_best_single_attack() -> None:
    cell = page(broken())
    assert [number.text for number in cell.headline] == ["1.1", "98.5", "96.9"]
    assert cell.heads == [("FNMR", "FMR 1 %"), ("best rank 1", ""), ("best type 1", "FMR 0.1 %")]
    other = page(answering())
    assert [number.text for number in other.headline] == ["94.0", "71.6"]
    assert other.heads == [("Accuracy", ""), ("best named", "")]


def test_places_hold_what_a_cell_is_compared_with() -> None:
    place = page(answering()).places["named"]
    assert (place.utility.value, place.success.value) == (0.94, 0.716)
    assert [number.value for number in place.clear] == [0.947, 0.947]
    assert place.guess is not None
    assert (place.guess.value, place.guess.bar) == pytest.approx((0.011, 0.031))
    assert place.axes == ("Accuracy, as they leave", "best attack, Named by the target")


def test_pictures_that_no_witness_saw_are_told() -> None:
    """The default run has none, and what only the target believes would count."""
    seen = broken()
    assert page(seen).asked["witness"].startswith("none: patterns that the target alone believes")
    seen["spec"]["witness"] = {"name": "dlib", "params": {}}
    assert page(seen).asked["witness"] == "dlib"
    assert "witness" not in page(resisting()).asked


def test_what_was_asked_is_in_words() -> None:
    asked = page(broken()).asked
    assert asked["data"] == "400 samples of 40 subjects, 128 dimensions; detection failed on 3"
    assert asked["stolen"] == (
        "400 templates; one key per subject, leaked; at most 2,000 samples of his own; "
        "black box, 10,000 queries"
    )
    assert asked["cell"] == "0f3a9c41d2e87b65, protocol standard, seed 0"
    other = page(answering()).asked
    assert other["witness"] == "resnet:epochs=2"
    assert other["stolen"].startswith("87 outputs; at most")


def test_a_threat_that_differs_is_said_in_words() -> None:
    record = broken()
    record["spec"]["threat"] |= {"keys": "shared", "leaked": False, "box": "white"}
    record["spec"]["threat"] |= {"versions": "all"}
    said = page(record).asked["stolen"]
    for words in (
        "one key for all, secret",
        "white box",
        "templates of all versions of the target",
    ):
        assert words in said
    record["spec"]["threat"]["versions"] = "final"
    assert "only the final version" in page(record).asked["stolen"]


def test_ready_embeddings_have_no_target_to_query() -> None:
    record = broken()
    record["spec"]["target"] = None
    cell = page(record)
    assert cell.where == "orl"
    assert "queries" not in cell.asked["stolen"]
    assert "--target" not in cell.command


def test_properties_cost_and_time_are_in_words() -> None:
    closing = page(broken()).closing
    assert closing["unlinkability"] == (
        "D_sys 0.93 (100 bins, 0.043 to 0.974), Maximal linkability 0.87 (30 bins, 0.043 to 0.974)"
    )
    assert "Cap estimate (bits) 23.7" in closing["security"]
    assert "operating angle degrees 38.6" in closing["security"]
    assert closing["cost"].startswith("150 bytes per template, 41,873 enrolments/s")
    assert closing["time"] == "embed 3.12 s, gan 183 s, 1,600 queries to the target"
    assert list(page(answering()).closing) == ["cost", "time"]


def test_unknown_properties_are_left_out() -> None:
    record = broken()
    record["properties"]["unlinkability"]["d_sys"]["value"] = None
    record["properties"]["security"] = {"cap_estimate_bits": None}
    closing = page(record).closing
    assert "D_sys" not in closing["unlinkability"]
    assert "security" not in closing


def test_every_metric_shown_has_a_meaning() -> None:
    cell = page(broken())
    for words in ("Rank-1", "FNMR at FMR 1 %", "D_sys", "SSIM", "Advantage in Rank-1"):
        assert cell.meanings[words]
    assert "Named by the target" not in cell.meanings
    assert "FNMR at FMR 1 %" not in page(answering()).meanings


def test_the_command_says_everything() -> None:
    record = answering()
    record["spec"]["threat"] |= {"keys": "shared", "leaked": False, "box": "white", "samples": 120}
    record["spec"]["dataset"]["params"] = {"path": "my eyes.npz"}
    assert shlex.split(page(record).command) == [
        *("fowh", "evaluate", "--scheme", "round_scores:digits=2"),
        *("--dataset", "iris:path=my eyes.npz", "--target", "densenet:epochs=2"),
        *("--leak", "outputs", "--protocol", "afm_iris", "--attack", "gan:steps=40"),
        *("--keys", "shared", "--secret-keys", "--white-box"),
        *("--samples", "120", "--versions", "train", "--witness", "resnet:epochs=2"),
        *("--queries", "10000", "--seed", "0"),
    ]
    assert "--secret-keys" not in page(broken()).command
    assert "--witness" not in page(broken()).command


def test_the_command_reads_back_as_the_plug_ins_that_ran() -> None:
    """Texts, truth values and empty ones too."""
    given = load("attack", "gan:incorporate=srwal,copies=true,rate=0.003")
    record = broken()
    record["spec"]["attacks"] = [plugin("gan", **vars(given))]
    words = shlex.split(page(record).command)
    assert load("attack", words[words.index("--attack") + 1]) == given


def test_samples_come_with_observations_only() -> None:
    assert page(broken()).strips == []
    assert len(page(broken(), observations()).strips) == 6


def test_pages_that_may_not_be_compared_are_apart() -> None:
    elsewhere = resisting()
    elsewhere["spec"] = elsewhere["spec"] | {
        "dataset": elsewhere["spec"]["dataset"] | plugin("lfw")
    }
    otherwise = resisting()
    otherwise["spec"] = otherwise["spec"] | {"protocol": plugin("afm_face") | {"numbers": {}}}
    cells = [broken(), answering(), resisting(), elsewhere, otherwise]
    groups = grouped(map(page, cells))
    assert {name: [each.title for each in found] for name, found in groups.items()} == {
        "dlib on orl, leak templates, protocol standard": [
            "iom:hashes=300,group=16",
            "salted_hash",
        ],
        "densenet:epochs=2 on iris:people=60, leak outputs, protocol afm_iris": [
            "round_scores:digits=2"
        ],
        "dlib on lfw, leak templates, protocol standard": ["salted_hash"],
        "dlib on orl, leak templates, protocol afm_face": ["salted_hash"],
    }


@pytest.mark.parametrize("part", ["attacks", "rendered", "controls", "utility", "properties"])
def test_any_part_may_be_empty(part: str) -> None:
    assert page(broken() | {part: {}}).verdict.text
