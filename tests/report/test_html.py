"""The pages: complete, escaped, and in need of nothing else."""

from __future__ import annotations

import html as escaping
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fowh.report import html
from fowh.report.page import page
from tests.report.cells import answering, answers, broken, judged, observations, resisting, row
from tests.report.cells import stopped as did_not_run

VOID = {"meta", "img", "br", "hr", "link", "input", "path", "use"}


class Parsed(HTMLParser):
    """Text, addresses and the nesting of tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.addresses, self.tags, self.stack = "", [], [], []  # type: ignore[var-annotated]
        self.feed(text)
        assert self.stack == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.addresses += [v for k, v in attrs if k.rpartition(":")[2] in ("src", "href", "action")]
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.addresses += [v for k, v in attrs if k.rpartition(":")[2] in ("src", "href", "action")]

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    @property
    def alts(self) -> list[str | None]:
        return [attrs["alt"] for tag, attrs in self.tags if tag == "img"]


@pytest.fixture(scope="module")
def source() -> str:
    return html.render(broken(), observations())


@pytest.fixture(scope="module")
def parsed(source: str) -> Parsed:
    return Parsed(source)


@pytest.fixture
def plotless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the drawing, which test_plots.py covers and which takes most of the time."""
    monkeypatch.setattr(html.plane, "planes", lambda pages: [])


def small(record: dict[str, Any]) -> str:
    """A page without plots of observations: fast."""
    return html.render(record, {})


def test_every_value_and_interval_is_there(parsed: Parsed) -> None:
    cell = page(broken())
    for line in (*cell.success.lines, *cell.utility.lines):
        assert line.label in parsed.text
        for number in line.numbers.values():
            assert number.text in parsed.text
            assert number.interval in parsed.text
    assert cell.verdict.head in parsed.text
    assert cell.verdict.rest[1:] in parsed.text


def test_everything_else_that_a_page_says_is_there(parsed: Parsed) -> None:
    cell = page(broken())
    said = [*cell.asked.values(), *cell.closing.values(), *cell.meanings.values(), cell.command]
    for text in (*said, *(text for flag in cell.flags for text in flag)):
        assert text in parsed.text


def test_blocks_hold_their_rows(parsed: Parsed) -> None:
    order = ["Attacks", "dictionary", "The best of them, chosen", "preimage"]
    order += ["Any of them, and any of as many", "union of attacks", "2 blind guesses"]
    order += ["Blind controls: attackers", "random stranger", "another's leak"]
    order += ["mean embedding → image", "10 blind guesses", "1,000 blind guesses"]
    order += ["References: what"]
    order += ["nearest own sample", "mated probe", "unprotected → image"]
    text = parsed.text[parsed.text.index("What a thief gets back") :]
    at = 0
    for word in order:
        at = text.index(word, at)


@pytest.mark.usefixtures("plotless")
def test_only_what_beats_the_blind_controls_is_coloured(parsed: Parsed) -> None:
    def alarms(found: Parsed) -> int:
        return sum(tag == "td" and attrs.get("class") == "alarm" for tag, attrs in found.tags)

    cell = page(broken())
    shown = [line.numbers.values() for line in cell.everything.lines]
    in_the_list = sum(number.alarm for numbers in shown for number in numbers)
    # preimage, ridge, gan, preimage → image, the best of them, their union
    assert alarms(parsed) == 6 + 6 + 5 + 5 + 6 + 6 + in_the_list
    assert alarms(Parsed(small(resisting()))) == 0


def test_the_whole_record_is_there(parsed: Parsed) -> None:
    record = broken()
    text = parsed.text[parsed.text.index("The whole record") :]
    assert json.loads(text[text.index("{") : text.rindex("}") + 1]) == record
    for name in ("spec", "environment"):
        assert json.dumps(record[name], indent=1) in parsed.text


def test_nothing_is_requested(source: str, parsed: Parsed) -> None:
    assert not re.search(r"https?:|=\"//", source)
    assert all(address.startswith(("data:image/png;base64,", "#")) for address in parsed.addresses)
    assert {tag for tag, _ in parsed.tags}.isdisjoint({"script", "link", "iframe", "object"})
    assert "url(" not in re.sub(r"url\(#", "", source)
    assert len(source.encode()) < 3_000_000


def test_tables_and_pictures_are_accessible(parsed: Parsed) -> None:
    assert all(attrs.get("scope") for tag, attrs in parsed.tags if tag == "th")
    assert len(parsed.alts) == 6 * 6
    assert "subject 3: gan" in parsed.alts
    ids = [attrs["id"] for tag, attrs in parsed.tags if attrs.get("id") and tag in ("h2", "div")]
    named = [attrs["aria-labelledby"] for _, attrs in parsed.tags if "aria-labelledby" in attrs]
    assert len(ids) == len(set(ids))
    assert set(named) <= set(ids)
    assert ("html", {"lang": "en"}) in parsed.tags
    assert [tag for tag, _ in parsed.tags].count("h1") == 1


@pytest.mark.usefixtures("plotless")
def test_hits_are_framed() -> None:
    found = {name: array for name, array in observations().items() if name.startswith("shown.")}
    people = found["shown.subject"]
    found |= row("attack.gan", judged(people, people * 0, people == 3))
    parsed = Parsed(html.render(broken(), found))
    assert "subject 3: gan, Rank-1" in parsed.alts
    assert "subject 2: gan, not Rank-1" in parsed.alts
    assert "subject 2: the victim" in parsed.alts
    assert sum(attrs.get("class") == "hit" for _, attrs in parsed.tags) == 1


def test_a_classifiers_answers_have_a_page() -> None:
    """No scores, no DET; its own utility, success and pictures."""
    parsed = Parsed(html.render(answering(), answers()))
    for words in ("as they leave", "Accuracy", "named", "240 bytes per answer", "--leak outputs"):
        assert words in parsed.text
    for words in ("FNMR", "DET", "Rank-1", "one key"):
        assert words not in parsed.text
    assert "Success within so many guesses" in parsed.text
    assert "Utility against inversion" in parsed.text
    assert "subject 1: gan, Named by the target" in parsed.alts


@pytest.mark.usefixtures("plotless")
def test_samples_that_are_text_are_printed() -> None:
    record = broken()
    record["spec"]["dataset"]["modality"] = "vector"
    shown = {"shown.original": np.eye(2, 5), "shown.subject": np.arange(2)}
    parsed = Parsed(html.render(record, shown))
    assert parsed.alts == []
    assert "[1.00, 0.00, 0.00, 0.00, ...] (5)" in parsed.text


@pytest.mark.usefixtures("plotless")
def test_everything_is_escaped() -> None:
    evil = "<script>alert('x')</script>&\""
    record = broken()
    record["spec"]["scheme"] = {"name": evil, "params": {evil: evil}}
    record["spec"]["dataset"]["modality"] = evil
    record["attacks"] = {evil: record["attacks"]["ridge"]}
    record["attacks"]["gone"] = did_not_run("failed", f"{evil}\n{evil}")
    record["rendered"] = {evil: record["rendered"]["preimage"]}
    record["controls"] = {evil: record["controls"]["random"]}
    record["utility"] = {evil: record["utility"]["stolen_key"]}
    record["flags"] = [{"flag": evil, "text": evil}]
    record["environment"] = {evil: evil}
    record["properties"] = {evil: {evil: 1.5}}
    for text in (small(record), html.render_index([(Path(evil), record)]), html.fragment(record)):
        assert "<script" not in text
        assert escaping.escape("<script>alert(") in text
        Parsed(text)


@pytest.mark.usefixtures("plotless")
@pytest.mark.parametrize("part", ["attacks", "rendered", "controls", "utility", "properties"])
def test_any_part_may_be_empty(part: str) -> None:
    Parsed(small(broken() | {part: {}}))


@pytest.mark.usefixtures("plotless")
def test_tracebacks_are_behind_a_fold() -> None:
    record = broken()
    failed = "Traceback (most recent call last):\n  File x\nValueError: it broke"
    record["attacks"]["gan"] = did_not_run("failed", failed)
    parsed = Parsed(small(record))
    assert "skipped: the scheme stores no helper data that could be decoded" in parsed.text
    assert "failed: ValueError: it broke" in parsed.text
    assert f"Traceback of gan{failed}" in parsed.text


@pytest.mark.usefixtures("plotless")
def test_unknown_values_are_dashes() -> None:
    record = resisting()
    before = small(record).count("<b>\u2013</b>")  # guesses have no purity
    record["best"]["metrics"]["rank1"] = {"value": None, "ci_low": None, "ci_high": None, "n": 0}
    assert small(record).count("<b>\u2013</b>") == before + 2  # in both tables


def test_index_groups_links_and_numbers_cells() -> None:
    cells = [(Path("a"), broken()), (Path("deep/b"), resisting(0.9)), (Path("c"), answering())]
    source = html.render_index(cells)
    parsed = Parsed(source)
    links = [attrs["href"] for tag, attrs in parsed.tags if tag == "a"]
    assert links == ["a/report.html", "deep/b/report.html", "c/report.html"]
    assert not re.search(r"https?:|=\"//", source)
    for _, record in cells:
        cell = page(record)
        assert cell.verdict.short in parsed.text
        assert cell.comparable in parsed.text
        for number in cell.headline:
            assert number.text in parsed.text
            assert number.interval in parsed.text
    assert "1. iom:hashes=300,group=16" in parsed.text
    assert "2. salted_hash" in parsed.text
    assert "1. round_scores:digits=2" in parsed.text
    assert "best named" in parsed.text
    assert "doubt: under-trained" in parsed.text


@pytest.mark.parametrize("record", [broken(), resisting(), answering()])
def test_a_notebook_gets_the_verdict_and_the_table(record: dict[str, Any]) -> None:
    source = html.fragment(record)
    parsed, cell = Parsed(source), page(record)
    assert cell.verdict.rest in parsed.text
    for line in cell.success.lines:
        assert line.label in parsed.text
        for metric in cell.success.columns:
            assert line.reason or line[metric].text in parsed.text
    tags = [tag for tag, _ in parsed.tags]
    assert {"html", "body", "style", "script", "svg"}.isdisjoint(tags)
    assert len(source) < 12_000
