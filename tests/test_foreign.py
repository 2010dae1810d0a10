"""What a third party brings in one module: a plug-in of every kind, and metrics of its own."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import fowh
from fowh import metrics
from fowh.records import schema, store
from fowh.report import html
from fowh.report.page import page
from fowh.report.terminal import print_cell

MODULE = '''"""Words, what a model makes of them, and a leak of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

import fowh
from fowh.core.cache import digest
from fowh.metrics import intervals
from fowh.protocols.standard import Standard

NAMES = ("ada", "bruno", "clara", "dimitri", "eleni", "fatima", "gustav", "hana", "ivan", "jun")


@dataclass(frozen=True)
class Word(fowh.Modality):
    """Samples (n,) of words."""

    target: ClassVar[str] = "foreign:Letters"
    metrics: ClassVar[tuple[fowh.Metric, ...]] = (
        fowh.Metric(
            "foreign_letters",
            "Letters right",
            "higher",
            (0.0, 1.0),
            "Share of the letters that are those of the true word.",
            "likeness",
            heading=("letters", "right"),
        ),
    )

    def check(self, made, count, like):
        if made.shape != (count,) or made.dtype.kind != "U":
            raise ValueError(f"returned {made.shape} {made.dtype}, expected ({count},) words")
        return made

    def likeness(self, made, true):
        rates = [
            sum(a == b for a, b in zip(one, two)) / max(len(one), len(two), 1)
            for one, two in zip(made.tolist(), true.tolist(), strict=True)
        ]
        return {"foreign_letters": np.array(rates, dtype=np.float64)}

    def show(self, sample):
        return fowh.Shown(str(sample))


@dataclass(frozen=True)
class Names(fowh.Dataset):
    """Everybody writes his name often, now and then with a letter too many."""

    readings: int = 4

    def __post_init__(self):
        if self.readings < 2:
            raise fowh.InputError("names: give readings of at least 2")

    def load(self):
        rng = np.random.default_rng(0)
        subjects = np.repeat(np.arange(len(NAMES)), self.readings)
        extra = rng.choice(list("aeiou"), len(subjects))
        values = np.array([3 * NAMES[s] + e * int(e > "e") for s, e in zip(subjects, extra)])
        said = digest(subjects, values.tolist())
        return fowh.Samples(subjects, NAMES, said, values, "foreign:Word")


@dataclass(frozen=True)
class Letters(fowh.Target):
    """How often each letter occurs."""

    modality: ClassVar[str] = "foreign:Word"

    def prepare(self, samples):
        return fowh.Prepared(samples, np.ones(len(samples), dtype=np.bool_))

    def embed(self, samples, device="cpu"):
        codes = samples.astype("U40").view(np.uint32).reshape(len(samples), 40)
        hits = codes[:, :, None] == np.arange(ord("a"), ord("z") + 1)
        return hits.sum(axis=1).astype(np.float32)

    @property
    def sha256(self):
        return digest("letters")


@dataclass(frozen=True)
class Closest(fowh.Attack):
    """Own words that leave as nearly the same; turns embeddings into words too."""

    yields: ClassVar[str] = "samples"
    modality: ClassVar[str] = "foreign:Word"

    def run(self, view, rng):
        keys = view.release.token
        keys = np.zeros(len(view.release), np.uint64) if keys is None else keys
        stolen, near = view.scheme.features(view.release), np.zeros(len(view.release), np.intp)
        for key in np.unique(keys):
            used = np.full(len(view.embeddings), key, dtype=np.uint64)
            own = view.scheme.features(view.simulate(view.embeddings, used, rng))
            mine = keys == key
            near[mine] = np.square(stolen[mine][:, None] - own).sum(axis=2).argmin(axis=1)
        return view.samples[near]

    def render(self, view, embeddings, rng):
        apart = np.square(embeddings[:, None] - view.embeddings).sum(axis=2)
        return view.samples[apart.argmin(axis=1)]


@dataclass(frozen=True)
class Three(Standard):
    """The first three of the standard protocol's folds."""

    def numbers(self):
        return super().numbers() | {"folds": 3}

    def folds(self, samples, target, closed_set, threat, seed):
        return super().folds(samples, target, closed_set, threat, seed)[:3]


@dataclass(frozen=True)
class Clear(fowh.Scheme):
    """Protects nothing."""

    protects: ClassVar[str] = "foreign:Updates"
    keyed: ClassVar[bool] = False

    def release(self, values, keys, rng):
        return fowh.Release(values.copy(), token=keys)


@dataclass(frozen=True)
class Coarse(Clear):
    """Rounds to multiples of a step, and asks of no key."""

    step: float = 2.0

    def release(self, values, keys, rng):
        return fowh.Release(np.round(values / self.step).astype(np.float32), token=keys)


@dataclass(frozen=True)
class Guesses(fowh.Attack):
    """Three candidates for each row, the truth of what nobody protected the second of them."""

    candidates = 3

    def run(self, view, rng):
        code = view.release.code
        return np.stack([code + 9, code, code - 9], axis=1)


class Learning(fowh.System):
    """What was computed from each stolen sample leaves as it is."""

    def __init__(self, setting):
        fold = setting.fold
        self.setting, self.terms, self.facts = setting, {}, {"people": 7.0}
        self.scheme = setting.scheme.fit(setting.values[fold.development])
        self.keys = np.zeros(len(fold.stolen), dtype=np.uint64)
        truth = setting.values[fold.stolen]
        self.release = self.scheme.release(truth, self.keys, setting.stream("leave"))

    def utility(self):
        rows = self.setting.fold.victims
        clear = self.setting.values[rows]
        keys = np.zeros(len(rows), np.uint64)
        left = self.scheme.release(clear, keys, self.setting.stream("use"))
        kept = np.linalg.norm(clear - left.code, axis=1) < 1e-3
        subject = self.setting.subjects[rows]
        return {
            "plain": {"kept": np.ones(len(rows)), "subject": subject},
            "left": {"kept": kept.astype(np.float64), "subject": subject},
        }

    def judge(self, made):
        truth = self.setting.values[self.setting.fold.stolen]
        return {"gap": np.linalg.norm(np.asarray(made, np.float64) - truth, axis=1)}


@dataclass(frozen=True)
class Updates(fowh.Leak):
    """What a learner sends about each sample."""

    reference: ClassVar[str] = "foreign:Clear"
    suite: ClassVar[tuple[str, ...]] = ("foreign:Closest", "foreign:Guesses")
    headline: ClassVar[fowh.Headline] = fowh.Headline(
        "foreign_kept", "left", "plain", 0.5, ("foreign_back",), margin=0.02
    )
    scenarios: ClassVar[Mapping[str, str]] = {"plain": "as computed", "left": "as sent"}
    metrics: ClassVar[tuple[fowh.Metric, ...]] = (
        fowh.Metric(
            "foreign_kept",
            "Updates kept",
            "lower",
            (0.0, 1.0),
            "Share of the updates that arrive as they were computed.",
            "utility",
        ),
        fowh.Metric(
            "foreign_back",
            "Update got back",
            "higher",
            (0.0, 1.0),
            "The reconstruction is the update.",
            "success",
            heading=("update", "back"),
            goal="gets {} % of the updates back",
        ),
    )

    def deploy(self, setting):
        if setting.scheme.protects != "foreign:Updates":
            raise fowh.InputError(f"updates: {type(setting.scheme).__name__} protects no updates")
        return Learning(setting)

    def successes(self, columns, terms):
        assert {"subject", "fold"} <= set(columns)  # labels come with every row
        return {"foreign_back": (columns["gap"] < 1e-3).astype(np.float64)}

    def summary(self, observed):
        kept = {
            name: np.concatenate([part["kept"] for part in parts])
            for name, parts in observed.utility.items()
        }
        whose = np.concatenate([part["subject"] for part in observed.utility["plain"]])
        said: dict[str, Any] = {
            name: {"foreign_kept": intervals.rate(v, whose, observed.stream(name)).to_json()}
            for name, v in kept.items()
        }
        lost = intervals.difference(kept["plain"], kept["left"], whose, observed.stream("lost"))
        said["left"]["utility_loss"] = lost.to_json()
        chance = {"foreign_back": 1 / observed.facts[0]["people"]}
        return {"utility": said, "chance": chance, "data": {}, "cost": {}, "properties": {}}
'''

KINDS = {
    "modality": "Word",
    "dataset": "Names",
    "target": "Letters",
    "attack": "Closest",
    "protocol": "Three",
    "scheme": "Clear",
    "leak": "Updates",
}


@pytest.fixture(scope="module", autouse=True)
def module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The third party's module can be imported; afterwards nobody knows its metrics."""
    folder = tmp_path_factory.mktemp("theirs")
    (folder / "foreign.py").write_text(MODULE)
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))
    sys.modules.pop("foreign", None)
    for name in set(metrics.BY_NAME) - metrics.BUILT_IN:
        del metrics.BY_NAME[name]


@pytest.fixture(scope="module")
def result(module: Path) -> fowh.Result:
    return fowh.evaluate(
        "foreign:Clear",
        dataset="foreign:Names",
        leak="foreign:Updates",
        protocol="foreign:Three",
        device="cpu",
    )


@pytest.mark.parametrize("kind", KINDS)
def test_each_passes_the_contract_of_its_kind(kind: str) -> None:
    found = list(fowh.check(f"{kind}/foreign:{KINDS[kind]}"))
    assert found
    assert [finding for finding in found if not finding.passed] == []


def test_a_cell_of_theirs_has_a_valid_record(result: fowh.Result) -> None:
    record = json.loads(json.dumps(result.record, allow_nan=False))
    assert record["status"] == "ok", record["reason"]
    assert schema.problem(record) is None
    assert record["spec"]["target"]["name"] == "foreign:Letters"  # the modality's usual one
    assert record["spec"]["protocol"]["numbers"]["folds"] == 3
    assert record["chance"] == {"foreign_back": 1 / 7}
    assert {row["folds"] for row in record["attacks"].values()} == {3}


def test_their_metrics_are_measured_and_carried(result: fowh.Result) -> None:
    record = result.record
    own = {"foreign_kept", "foreign_back", "foreign_letters"}
    several = {"foreign_back_within_2", "foreign_back_within_10"}
    assert set(record["metrics"]) == own | several
    words = record["attacks"]["foreign:Closest"]
    assert words["yields"] == "samples"
    assert words["metrics"]["foreign_back"]["value"] == 0  # everybody has a name of his own
    assert 0 < words["metrics"]["foreign_letters"]["value"] < 0.9
    assert set(record["guesses"]) == {"foreign_back"}
    lost = record["utility"]["left"]["utility_loss"]
    assert (lost["value"], record["headline"]["margin"]) == (0, 0.02)


def test_their_candidates_are_counted(result: fowh.Result) -> None:
    """The first of three is always wrong and the second always right."""
    found = result.record["attacks"]["foreign:Guesses"]["metrics"]
    rates = {name: value["value"] for name, value in found.items() if "advantage" not in name}
    assert rates == {
        "foreign_back": 0.0,
        "foreign_back_within_2": 1.0,
        "foreign_back_within_10": 1.0,
    }
    assert set(result.observations["attack.foreign:Guesses.tries_foreign_back"]) == {2.0}


def result_words() -> list[str]:
    words: list[str] = fowh.load("dataset", "foreign:Names").load().values.tolist()
    return words


def test_words_are_made_of_embeddings_and_shown(result: fowh.Result) -> None:
    assert "foreign:Guesses" in result.record["rendered"]
    assert "foreign_letters" in result.record["rendered"]["foreign:Guesses"]["metrics"]
    shown = result.observations["shown.original"]
    assert shown.dtype.kind == "U" and set(shown.tolist()) <= set(result_words())


def test_page_and_table_call_their_metrics_by_label(result: fowh.Result) -> None:
    cell = page(result.record, result.observations)
    assert "foreign_back" in cell.success.columns and "foreign_letters" in cell.success.columns
    assert cell.meanings["Update got back"] == "The reconstruction is the update."
    assert "gets 0.0 % of the updates back (by foreign:" in cell.verdict.text
    assert "chance: 14.3 %" in cell.verdict.text
    assert "Updates kept is 100 % (as sent)" in cell.verdict.text
    source = html.render(result.record, result.observations)
    file = io.StringIO()
    print_cell(result.record, {}, Console(file=file, width=140), result.observations)
    for text in (source, file.getvalue()):
        for words in ("update", "back", "letters", "right", "Updates kept", "as computed"):
            assert words in text
    for label in ("Letters right", "Update got back within 2 candidates"):
        assert label in source
    assert "foreign_back" not in source.split("The whole record")[0].replace("foreign:", "")


def test_what_protects_a_little_costs_what_it_keeps(module: Path) -> None:
    made = fowh.evaluate(
        "foreign:Coarse",
        dataset="foreign:Names",
        leak="foreign:Updates",
        protocol="foreign:Three",
        attacks="foreign:Guesses",
        device="cpu",
    )
    assert made.record["status"] == "ok", made.record["reason"]
    clear, left = (made.record["utility"][name] for name in ("plain", "left"))
    lost = clear["foreign_kept"]["value"] - left["foreign_kept"]["value"]
    assert lost > 0.5 and left["utility_loss"]["value"] == pytest.approx(lost)
    assert "does not do its job" in page(made.record).verdict.short.lower()


def test_a_record_is_drawn_where_nobody_has_their_module(
    result: fowh.Result, tmp_path: Path
) -> None:
    """A fresh process knows no metric of theirs; the record carries them."""
    folder = tmp_path / "cell"
    result.save(folder)
    code = f"""
from pathlib import Path
from fowh import metrics
from fowh.records import store
from fowh.report import html, plots
assert "foreign_back" not in metrics.BY_NAME
record = store.load(Path({str(folder)!r}))
found = store.load_observations(Path({str(folder)!r}))
kept = {{name: v for name, v in found.items() if not name.startswith("shown.")}}
assert plots.summary(record, kept).startswith(b"\\x89PNG")
text = html.render(record, kept)
assert "Letters right" in text and "Updates kept" in text
assert metrics.BY_NAME["foreign_back"].goal == "gets {{}} % of the updates back"
print("drawn")
"""
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert run.stdout.strip() == "drawn", run.stderr


def test_a_name_that_is_taken_keeps_its_meaning(
    result: fowh.Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    import foreign  # type: ignore[import-not-found]

    taken = fowh.Metric("rank1", "Mine", "higher", (0.0, 1.0), "Another thing.", "likeness")
    monkeypatch.setattr(foreign.Word, "metrics", (taken,))
    with pytest.raises(fowh.InputError, match="metric 'rank1' already") as caught:
        fowh.evaluate("raw", dataset="foreign:Names", attacks="foreign:Closest", device="cpu")
    assert "\n" not in str(caught.value)
    assert metrics.BY_NAME["rank1"].label == "Rank-1"


def test_their_words_under_our_leak_and_scheme() -> None:
    """A modality, a dataset, a target and an attack of theirs; all else is ours."""
    made = fowh.evaluate(
        "lsh:bits=128",
        dataset="foreign:Names",
        attacks=["preimage", "foreign:Closest"],
        device="cpu",
    )
    assert made.record["status"] == "ok", made.record["reason"]
    assert schema.problem(made.record) is None
    assert set(made.record["metrics"]) == {"foreign_letters"}
    assert "foreign_letters" in made.record["rendered"]["preimage"]["metrics"]
    assert np.isfinite(made.record["best"]["metrics"]["rank1"]["value"])
    assert store.record_id(made.record["spec"]) == made.record["id"]
