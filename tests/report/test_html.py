"""The pages: complete, escaped, and in need of nothing else."""

from __future__ import annotations

import html as escaping
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from fowh.metrics import METRICS
from fowh.report import html
from fowh.report.numbers import interval, number
from fowh.report.summary import command, rows
from fowh.report.tables import ADVANTAGE
from fowh.report.verdict import short_verdict, verdict
from tests.report.cells import broken, observations, resisting

VOID = {"meta", "img", "br", "hr", "link", "input", "path", "use"}


class Page(HTMLParser):
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


@pytest.fixture(scope="module")
def source() -> str:
    return html.render(broken() | {"command": "fowh evaluate --scheme iom"}, observations())


@pytest.fixture(scope="module")
def page(source: str) -> Page:
    return Page(source)


@pytest.fixture
def plotless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the drawing, which test_plots.py covers and which takes most of the time."""
    monkeypatch.setattr(html.plane, "planes", lambda records: [])


def small(record: dict[str, Any]) -> str:
    """A page without plots of observations: fast."""
    return html.render(record, {})


def test_every_value_and_interval_is_there(page: Page) -> None:
    record = broken()
    for row in rows(record):
        assert row.label in page.text
        for metric, value in row.metrics.items():
            assert number(metric, value["value"]) in page.text
            assert interval(metric, value) in page.text
    for values in record["recognition"].values():
        for metric, value in values.items():
            assert number(metric, value["value"]) in page.text
    head, _, rest = verdict(record).partition(": ")
    assert head in page.text
    assert rest[1:] in page.text


def test_blocks_hold_their_rows(page: Page) -> None:
    order = ["Attacks", "dictionary", "Worst case: any", "worst case", "Blind controls: attackers"]
    order += ["random stranger", "another's template", "mean → face", "References: what"]
    order += ["nearest own sample", "mated probe", "unprotected → face"]
    text = page.text[page.text.index("What a thief gets back") :]
    places = [text.index(word) for word in order]
    assert places == sorted(places)


@pytest.mark.usefixtures("plotless")
def test_only_what_beats_the_blind_controls_is_coloured(page: Page) -> None:
    alarms = [attrs for tag, attrs in page.tags if tag == "td" and attrs.get("class") == "alarm"]
    assert len(alarms) == 6 + 6 + 5 + 5 + 6  # preimage, ridge, gan, preimage → face, worst case
    assert 'class="alarm"' not in small(resisting())


def test_the_whole_record_is_there(page: Page) -> None:
    record = broken() | {"command": "fowh evaluate --scheme iom"}
    text = page.text[page.text.index("The whole record") :]
    assert json.loads(text[text.index("{") : text.rindex("}") + 1]) == record
    for name in ("spec", "environment"):
        assert json.dumps(record[name], indent=1) in page.text


def test_commands_and_meanings_are_there(page: Page) -> None:
    assert command(broken()) in page.text
    assert "As it was typed:fowh evaluate --scheme iom" in page.text
    used = {name for row in rows(broken()) for name in row.metrics}
    for metric in METRICS:
        assert (metric.description in page.text) or metric.name not in used
    assert "Advantage in " in page.text
    assert ADVANTAGE in page.text


def test_nothing_is_requested(source: str, page: Page) -> None:
    assert not re.search(r"https?:|=\"//", source)
    assert all(address.startswith(("data:image/png;base64,", "#")) for address in page.addresses)
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "link", "iframe", "object"})
    assert "url(" not in re.sub(r"url\(#", "", source)
    assert len(source.encode()) < 3_000_000


def test_tables_and_pictures_are_accessible(page: Page) -> None:
    assert all(attrs.get("scope") for tag, attrs in page.tags if tag == "th")
    alts = [attrs["alt"] for tag, attrs in page.tags if tag == "img"]
    assert len(alts) == 5 * 6
    assert "subject 3: gan" in alts
    ids = [attrs["id"] for tag, attrs in page.tags if attrs.get("id") and tag in ("h2", "div")]
    named = [attrs["aria-labelledby"] for _, attrs in page.tags if "aria-labelledby" in attrs]
    assert len(ids) == len(set(ids))
    assert set(named) <= set(ids)
    assert ("html", {"lang": "en"}) in page.tags
    assert [tag for tag, _ in page.tags].count("h1") == 1


@pytest.mark.usefixtures("plotless")
def test_rank_1_hits_are_framed() -> None:
    found = {name: array for name, array in observations().items() if name.startswith("image.")}
    people = found["image.subject"]
    found |= {"attack.gan.subject": people, "attack.gan.fold": people * 0}
    found["attack.gan.rank1"] = people == 3
    page = Page(html.render(broken(), found))
    alts = [attrs["alt"] for tag, attrs in page.tags if tag == "img"]
    assert "subject 3: gan, rank 1" in alts
    assert "subject 2: gan, not rank 1" in alts
    assert sum(attrs.get("class") == "hit" for _, attrs in page.tags) == 1


@pytest.mark.usefixtures("plotless")
def test_everything_is_escaped() -> None:
    evil = "<script>alert('x')</script>&\""
    record = broken()
    record["spec"]["scheme"] = {"name": evil, "params": {evil: evil}}
    record["attacks"] = {evil: record["attacks"]["ridge"]}
    record["attacks"]["gone"] = {"status": "failed", "reason": f"{evil}\n{evil}", "metrics": {}}
    record["faces"] = record["controls"] = {evil: {"metrics": broken()["worst"]["metrics"]}}
    record["flags"] = [{"flag": evil, "text": evil}]
    record["environment"] = {evil: evil}
    record["security"] = {evil: 1.5}
    record["command"] = evil
    for text in (small(record), html.render_index([(Path(evil), record)])):
        assert "<script" not in text
        assert escaping.escape("<script>alert(") in text
        Page(text)


@pytest.mark.usefixtures("plotless")
@pytest.mark.parametrize(
    "missing",
    ["recognition", "attacks", "faces", "worst", "controls", "unlinkability", "security", "cost",
     "flags", "stats", "environment", "data"],
)  # fmt: skip
def test_any_part_may_be_missing(missing: str) -> None:
    record = broken()
    del record[missing]
    Page(small(record))
    Page(small(record | {missing: None}))


@pytest.mark.usefixtures("plotless")
def test_reasons_in_words_and_tracebacks_behind_a_fold() -> None:
    record = broken()
    failed = "Traceback (most recent call last):\n  File x\nValueError: it broke"
    record["attacks"]["gan"] = {"status": "failed", "reason": failed, "metrics": {}}
    page = Page(small(record))
    assert "skipped: the scheme stores no helper data that could be decoded" in page.text
    assert "failed: ValueError: it broke" in page.text
    assert f"Traceback of gan{failed}" in page.text


@pytest.mark.usefixtures("plotless")
def test_a_cell_that_never_ran() -> None:
    bare = {name: broken()[name] for name in ("schema", "id", "spec")}
    page = Page(small(bare | {"status": "skipped", "reason": "no images"}))
    assert "no images" in page.text.lower()


@pytest.mark.usefixtures("plotless")
def test_unknown_values_are_dashes() -> None:
    record = resisting()
    record["worst"]["metrics"]["rank1"] = {"value": None, "ci_low": None, "ci_high": None, "n": 0}
    record["worst"]["metrics"]["purity"] = None
    assert "\u2013" in Page(small(record)).text


@pytest.mark.usefixtures("plotless")
def test_operating_points_of_the_attacks_thresholds() -> None:
    record = broken()
    record["recognition"]["stolen_key"]["measured_at_fmr_1e-2"] = {"fmr": 0.0123, "fnmr": 0.0456}
    text = Page(small(record)).text
    assert "FMR 1 %" in text
    assert "FMR is 1.23 % and their FNMR 4.56 %" in text


def test_index_groups_links_and_numbers_cells() -> None:
    other = resisting()
    other["spec"] = other["spec"] | {"dataset": {"name": "lfw", "params": {}}}
    cells = [(Path("a"), broken()), (Path("deep/b"), resisting(0.9)), (Path("c"), other)]
    source = html.render_index(cells)
    page = Page(source)
    links = [attrs["href"] for tag, attrs in page.tags if tag == "a"]
    assert links == ["a/report.html", "deep/b/report.html", "c/report.html"]
    assert not re.search(r"https?:|=\"//", source)
    for _, record in cells:
        assert short_verdict(record) in page.text
        for metric in ("rank1", "type1_at_fmr_1e-3"):
            value = record["worst"]["metrics"][metric]
            assert number(metric, value["value"]) in page.text
            assert interval(metric, value) in page.text
    assert "dlib on orl" in page.text
    assert "dlib on lfw" in page.text
    assert "1. iom:hashes=300,group=16" in page.text
    assert "2. salted_hash" in page.text
    assert "doubt: learned-below-closed-form" in page.text


def test_the_command_is_complete() -> None:
    record = broken()
    record["spec"]["threat"] |= {"keys": "shared", "leaked": False, "box": "white"}
    words = command(record)
    assert words.startswith("fowh evaluate --scheme iom:hashes=300,group=16 --dataset orl ")
    for part in (
        "--target dlib",
        "--attack preimage:steps=200",
        "--attack gan:incorporate=rand,steps=2000",
        "--keys shared",
        "--secret-keys",
        "--white-box",
        "--queries 10000",
        "--seed 0",
    ):
        assert part in words
    assert "--secret-keys" not in command(broken())
    record["spec"]["dataset"]["params"] = {"path": "my faces.npz"}
    assert "'embeddings" not in command(record)
    assert "'orl:path=my faces.npz'" in command(record)
