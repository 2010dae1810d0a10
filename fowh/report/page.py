"""The page: everything that a report says of one cell, computed once; its forms lay it out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from fowh.metrics import BY_NAME, from_json, learn
from fowh.records.store import Record
from fowh.report import lines, words
from fowh.report.evidence import Guess, best_guess, strongest, worst_level
from fowh.report.lines import Grid, Line
from fowh.report.numbers import Number, heading, label
from fowh.report.samples import Observations, Strip, strips, victims
from fowh.report.verdict import Verdict, decide


@dataclass(frozen=True)
class Place:
    """Where a cell lies in a plane of utility against success.

    Attributes:
        utility: as protected.
        success: of the best single attack.
        clear: the same two without protection.
        guess: the best blind control; None where none was measured.
        axes: what the two are called.
    """

    utility: Number
    success: Number
    clear: tuple[Number, Number]
    guess: Guess | None
    axes: tuple[str, str]


@dataclass(frozen=True, eq=False)
class Page:
    """A report before it has a form.

    Attributes:
        record: that it is about.
        title: the scheme.
        where: target and dataset.
        comparable: what cells must share to stand in one table.
        leak: what is stolen.
        asked: what the cell asked, in words.
        verdict: on the cell.
        flags: names and words of the doubts.
        success: the table of attacks.
        utility: the table of scenarios.
        everything: all values of all attacks.
        chance: of the successes that can be drawn by lot, in words.
        headline: the values that place the cell: utility, then the best single attack.
        heads: their headings, in two lines.
        places: the same, with what they are compared with, by metric of success.
        strips: samples; none where no observations were given.
        victims: whose samples they are.
        framed: what a framed sample has achieved.
        operating: what thresholds amount to, in sentences.
        closing: properties, cost and time.
        meanings: of the metrics.
        command: that measures the cell again.
    """

    record: Record
    title: str
    where: str
    comparable: str
    leak: str
    asked: Mapping[str, str]
    verdict: Verdict
    flags: Sequence[tuple[str, str]]
    success: Grid
    utility: Grid
    everything: Grid
    chance: str
    headline: Sequence[Number]
    heads: Sequence[tuple[str, str]]
    places: Mapping[str, Place]
    strips: Sequence[Strip]
    victims: Sequence[str]
    framed: str
    operating: Sequence[str]
    closing: Mapping[str, str]
    meanings: Mapping[str, str]
    command: str

    @property
    def failures(self) -> list[Line]:
        """Lines of attacks that raised."""
        return [line for line in self.success.lines if line.traceback]


def page(record: Record, observations: Observations | None = None) -> Page:
    """The page of a cell.

    Args:
        record: of the cell.
        observations: its raw ones, for samples; None for a page without.

    Raises:
        InputError: samples of a modality, or of a leak, that is not installed.
    """
    observations = {} if observations is None else observations
    learn(map(from_json, record["metrics"].values()))
    success, utility = lines.success(record), lines.utility(record)
    places = _places(record)
    wanted = record["headline"]["success"]
    properties = [name for part in record["properties"].values() for name in part]
    return Page(
        record,
        title=words.called(record["spec"]["scheme"]),
        where=words.where(record),
        comparable=words.comparable(record),
        leak=record["spec"]["leak"]["name"],
        asked=words.asked(record),
        verdict=decide(record, success.lines),
        flags=[(flag["flag"], flag["text"]) for flag in record["flags"]],
        success=success,
        utility=utility,
        everything=lines.everything(success),
        chance=words.chance(record),
        headline=[places[wanted[0]].utility, *(place.success for place in places.values())],
        heads=[
            heading(record["headline"]["utility"]),
            *((f"best {first}", second) for first, second in map(heading, wanted)),
        ],
        places=places,
        strips=strips(record, observations),
        victims=victims(observations),
        framed=BY_NAME[wanted[0]].label,
        operating=words.operating(record),
        closing=words.closing(record),
        meanings=lines.explained((success, utility), properties),
        command=words.command(record),
    )


def grouped(pages: Iterable[Page]) -> dict[str, list[Page]]:
    """Pages that may be compared, in order."""
    groups: dict[str, list[Page]] = {}
    for each in pages:
        groups.setdefault(each.comparable, []).append(each)
    return groups


def _places(record: Record) -> dict[str, Place]:
    headline = record["headline"]
    kept, clear = lines.protected_and_clear(record)
    reference = record["controls"].get("unprotected", {"metrics": {}})["metrics"]
    spoken = f"{label(kept.metric)}, {words.scenario(record, headline['scenario'])}"
    return {
        wanted: Place(
            kept,
            strongest(record, wanted),
            (clear, Number.of(wanted, reference.get(wanted))),
            best_guess(record, wanted, worst_level(record)),
            (spoken, f"best attack, {label(wanted)}"),
        )
        for wanted in headline["success"]
    }
