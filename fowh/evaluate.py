"""One cell, top to bottom: recognition, then every attack, then the judge. Data flows one way."""

from __future__ import annotations

import dataclasses
import time
import traceback
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fowh import protocol
from fowh.attack import Attack, ImageInverter, Query, View
from fowh.dataset import Dataset, Samples
from fowh.judge import Truth, judge, other_subject
from fowh.metrics import recognition
from fowh.metrics.inversion import Outcome, Thresholds
from fowh.protocol import Comparisons, Fold, compare, stream, subject_keys
from fowh.registry import describe, load
from fowh.scheme import Floats, Scheme
from fowh.target import Embedded, Target, embed_samples

Note = Callable[[str, float], None]  # (stage, fraction of the whole run)
SHOWN = 8  # victims in the report's picture grid


@dataclass(frozen=True)
class Threat:
    """The axes of the threat model that a cell states.

    Attributes:
        keys: one key for each subject, or one for all.
        leaked: whether the keys leak with the database.
        box: black box (queries only) or white box (the network itself).
        queries: budget of the counted query handle, per fold.
    """

    keys: Literal["subject", "shared"] = "subject"
    leaked: bool = True
    box: Literal["black", "white"] = "black"
    queries: int = 50_000


@dataclass(frozen=True, eq=False)
class Cell:
    """What one run evaluates."""

    dataset: Dataset
    target: Target | None
    scheme: Scheme
    attacks: tuple[Attack, ...]
    threat: Threat = Threat()
    seed: int = 0


@dataclass(eq=False)
class Findings:
    """Raw observations of all folds, as they come in.

    Attributes:
        comparisons: per scenario, one entry per fold.
        outcomes: per (section, name), one outcome per fold; sections attacks, faces, controls.
        thresholds: one per fold.
        skipped, failed: reasons by attack.
        seconds, queries: by stage or attack.
        pictures: (k, s, s) uint8 by row of the report's grid.
        similarity: per (section, name), arrays (ssim, psnr) per fold of image reconstructions.
        facts: numbers measured on the first fold (cost) and on the development subjects.
    """

    comparisons: dict[str, list[Comparisons]] = field(default_factory=lambda: defaultdict(list))
    outcomes: dict[tuple[str, str], list[Outcome]] = field(
        default_factory=lambda: defaultdict(list)
    )
    thresholds: list[Thresholds] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    queries: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    pictures: dict[str, NDArray[Any]] = field(default_factory=dict)
    similarity: dict[tuple[str, str], list[dict[str, Floats]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    facts: dict[str, float] = field(default_factory=dict)


def spec_of(cell: Cell, samples: Samples) -> dict[str, Any]:
    """Everything that determines the record, as JSON values."""
    target = None
    if samples.images is not None and cell.target is not None:
        target = {**describe(cell.target, "target"), "sha256": cell.target.sha256}
    return {
        "dataset": {**describe(cell.dataset, "dataset"), "sha256": samples.sha256},
        "target": target,
        "scheme": describe(cell.scheme, "scheme"),
        "attacks": [describe(attack, "attack") for attack in cell.attacks],
        "protocol": protocol.STANDARD,
        "threat": dataclasses.asdict(cell.threat),
        "seed": cell.seed,
    }


def label(attack: Attack) -> str:
    """How a table calls an attack: its name and the parameters that are not the default."""
    named = describe(attack, "attack")
    defaults = {field.name: field.default for field in dataclasses.fields(attack)}  # type: ignore[arg-type]
    changed = [f"{k}={v}" for k, v in named["params"].items() if v != defaults[k]]
    return named["name"] + (":" + ",".join(changed) if changed else "")


def observe(cell: Cell, samples: Samples, device: str, note: Note) -> Findings:
    """Run the whole cell; the raw observations of all folds."""
    found = Findings()
    note("embedding the dataset", 0.0)
    with _clock(found, "embed"):
        data = embed_samples(samples, cell.target, device)
    if data.not_found is not None:
        found.facts["not_found"] = data.not_found
    folds = protocol.folds(samples.subjects, cell.seed)
    for fold in folds:
        _FoldRun(cell, samples, data, fold, device, found, note, len(folds)).run()
    return found


@dataclass(frozen=True, eq=False)
class _FoldRun:
    """One fold of one cell."""

    cell: Cell
    samples: Samples
    data: Embedded
    fold: Fold
    device: str
    found: Findings
    note: Note
    of: int

    def run(self) -> None:
        with _clock(self.found, "recognition"):
            truth = self._recognise()
        blind = tuple(load("attack", name) for name in protocol.BLIND)
        view = self._view(truth)
        embeddings: dict[tuple[str, str], Floats] = {}
        for attack in (*blind, *self.cell.attacks):
            self._attack(attack, view, truth, embeddings)
        with _clock(self.found, "controls"):
            self._controls(truth, view, embeddings)
        if view.images is not None:
            self._faces(view, truth, embeddings)

    def _stream(self, *stage: str) -> np.random.Generator:
        return stream(self.cell.seed, *stage, self.fold.number)

    def _recognise(self) -> Truth:
        """Fit, enrol, set thresholds on development subjects, compare the victims."""
        self.note("recognition", self.fold.number / self.of)
        everyone, subjects = self.data.embeddings, self.samples.subjects
        fold, threat = self.fold, self.cell.threat
        develop, victims = everyone[fold.development], everyone[fold.victims]
        whose, raw = subjects[fold.victims], load("scheme", "raw")
        scheme = self.cell.scheme.fit(develop)
        thresholds = []
        for judged in (raw, scheme):  # t_E and t_S, from non-mated development comparisons only
            keys = subject_keys(subjects[fold.development], threat.keys, self._stream("dev keys"))
            enrolled = judged.enroll(develop, keys, self._stream("dev enrol"))
            seen = compare(
                judged, enrolled, develop, subjects[fold.development], self._stream("dev pairs")
            )
            strangers = seen.score[~seen.mated]
            thresholds.append(
                {
                    fmr: recognition.threshold_at_fmr(strangers, x)
                    for fmr, x in protocol.FMRS.items()
                }
            )
            self.found.facts[f"development_non_mated.{fold.number}"] = len(strangers)
        keys = subject_keys(whose, threat.keys, self._stream("keys"))
        fresh = subject_keys(whose, threat.keys, self._stream("renewed keys"))
        started = time.perf_counter()
        templates = scheme.enroll(victims, keys, self._stream("enrol"))
        enrol_seconds = time.perf_counter() - started
        renewed = scheme.enroll(victims, fresh, self._stream("renew"))
        scenarios: dict[str, tuple[Scheme, Any, Any]] = {
            "unprotected": (raw, raw.enroll(victims, keys, self._stream("enrol")), None),
            "stolen_key": (scheme, templates, None),
            "renewed": (scheme, templates, fresh),
        }
        if threat.keys == "subject":
            scenarios["own_key"] = (scheme, templates, keys)
        for name, (judged, stored, used) in scenarios.items():
            started = time.perf_counter()
            seen = compare(judged, stored, victims, whose, self._stream("pairs", name), used)
            self.found.comparisons[name].append(seen)
            if name == "stolen_key" and fold.number == 0:
                seconds = time.perf_counter() - started
                self.found.facts["comparisons_per_s"] = len(seen.score) / seconds
                self.found.facts["enrolments_per_s"] = len(victims) / enrol_seconds
                self.found.facts["bytes_per_template"] = templates.bytes_each
        stolen = np.searchsorted(fold.victims, fold.stolen)
        truth = Truth(
            fold=fold.number,
            scheme=scheme,
            templates=templates[stolen],
            renewed=renewed[_another_reading(whose)[stolen]],
            gallery=everyone,
            gallery_subjects=subjects,
            stolen=fold.stolen,
            mean=develop.mean(axis=0),
            t_embedding={fmr: -t for fmr, t in thresholds[0].items()},  # raw scores are -distance
            t_protected=thresholds[1],
        )
        self.found.thresholds.append(truth.thresholds)
        return truth

    def _view(self, truth: Truth) -> View:
        """Exactly what the threat model grants; the truth is not in it."""
        threat, own, target = self.cell.threat, self.fold.own, self.cell.target
        images = None if self.data.images is None else self.data.images[own]
        query = module = None
        if images is not None and target is not None:
            query = Query(lambda asked: target.embed(asked, self.device), threat.queries)
            module = target.module(self.device) if threat.box == "white" else None
        return View(
            scheme=truth.scheme,
            templates=truth.templates if threat.leaked else truth.templates.without_token(),
            embeddings=self.data.embeddings[own],
            subjects=self.samples.subjects[own],
            images=images,
            query=query,
            module=module,
            device=self.device,
            progress=self.note,
        )

    def _attack(
        self,
        attack: Attack,
        view: View,
        truth: Truth,
        embeddings: dict[tuple[str, str], Floats],
    ) -> None:
        """Run one attack and judge it; a reason or a traceback instead where it cannot."""
        name, section = label(attack), "controls" if attack.blind else "attacks"
        if attack.yields == "images" and self.fold.number >= protocol.IMAGE_FOLDS:
            return
        reason = attack.unsupported(view)
        if reason is not None:
            self.found.skipped[name] = reason
            return
        self.note(f"attack {name}, fold {self.fold.number + 1}", self._done(0.3))
        before = view.query.used if view.query else 0
        try:
            with _clock(self.found, name):
                made = attack.run(view, self._stream("attack", name))
        except Exception:  # a broken attack must not lose the others' results
            self.found.failed[name] = traceback.format_exc()
            return
        if view.query:
            self.found.queries[name] += view.query.used - before
        if attack.yields == "images":
            made = self._judge_images(section, name, made, truth)
        embeddings[section, name] = made
        self.found.outcomes[section, name].append(judge(truth, made))

    def _controls(
        self, truth: Truth, view: View, embeddings: dict[tuple[str, str], Floats]
    ) -> None:
        """Controls that need the truth: only the judge may make them."""
        everyone, stolen = self.data.embeddings, truth.stolen
        attacks = {
            key: self.found.outcomes[key][-1].rank1.mean()
            for key in embeddings
            if key[0] == "attacks"
        }
        made = {
            "mated_probe": everyone[_another_reading(self.samples.subjects)[stolen]],
            "unprotected": everyone[stolen],
            "nearest": _nearest(everyone[stolen], view.embeddings),
        }
        if attacks:  # the strongest attack, given somebody else's template
            strongest = max(attacks, key=lambda key: attacks[key])
            swapped = other_subject(truth.subjects, self._stream("shuffle"))
            made["shuffled"] = embeddings[strongest][swapped]
        for name, guess in made.items():
            self.found.outcomes["controls", name].append(judge(truth, guess))

    def _faces(self, view: View, truth: Truth, embeddings: dict[tuple[str, str], Floats]) -> None:
        """Turn every embedding-level reconstruction into a picture, embed it again, judge that."""
        if self.fold.number >= protocol.IMAGE_FOLDS:
            return
        inverters = [
            attack
            for attack in self.cell.attacks
            if isinstance(attack, ImageInverter) and attack.unsupported(view) is None
        ]
        if not inverters:
            return
        inverter, everyone = inverters[0], self.data.embeddings
        images = {label(attack) for attack in self.cell.attacks if attack.yields == "images"}
        inputs = {
            ("faces", name): made
            for (section, name), made in embeddings.items()
            if section == "attacks" and name not in images
        }
        inputs["controls", "unprotected_face"] = everyone[truth.stolen]
        inputs["controls", "mean_face"] = embeddings["controls", "mean"]
        for (section, name), made in inputs.items():
            self.note(f"faces of {name}", self._done(0.9))
            with _clock(self.found, "faces"):
                pictures = inverter.invert(view, made, self._stream("attack", label(inverter)))
                again = self._judge_images(section, name, pictures, truth)
                self.found.outcomes[section, name].append(judge(truth, again))
                if name == "unprotected_face":  # the same inverter, given somebody else's template
                    swapped = other_subject(truth.subjects, self._stream("shuffle"))
                    outcome = judge(truth, again[swapped])
                    self.found.outcomes["controls", "shuffled_face"].append(outcome)

    def _judge_images(
        self, section: str, name: str, pictures: NDArray[np.uint8], truth: Truth
    ) -> Floats:
        """Re-embed pictures; keep their likeness to the originals and a few for the report."""
        from fowh.metrics.image import psnr, shrink, ssim

        assert self.cell.target is not None and self.data.images is not None
        originals = shrink(self.data.images[truth.stolen], pictures.shape[1])
        likeness = {"ssim": ssim(originals, pictures), "psnr": psnr(originals, pictures)}
        self.found.similarity[section, name].append(likeness)
        if self.fold.number == 0:
            _, first = np.unique(truth.subjects, return_index=True)
            shown = first[:SHOWN]
            own = _nearest_rows(
                self.data.embeddings[truth.stolen[shown]], self.data.embeddings[self.fold.own]
            )
            rows = {
                f"{section.removesuffix('s')}.{name}": pictures[shown],
                "original": self.data.images[truth.stolen[shown]],
                "nearest": self.data.images[self.fold.own[own]],
                "subject": truth.subjects[shown],
            }
            self.found.pictures.update(rows)
        return self.cell.target.embed(pictures, self.device)

    def _done(self, within: float) -> float:
        return (self.fold.number + within) / self.of


@dataclass
class _clock:
    """Adds the seconds of a with-block to a stage."""

    found: Findings
    stage: str

    def __enter__(self) -> None:
        self.started = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.found.seconds[self.stage] += time.perf_counter() - self.started


def _another_reading(subjects: NDArray[np.int64]) -> NDArray[np.intp]:
    """For each row the next row of the same subject, cyclically; itself where it is alone."""
    order = np.argsort(subjects, kind="stable")
    ranked = subjects[order]
    following = np.roll(order, -1)
    last = np.append(ranked[1:] != ranked[:-1], True)
    starts = np.flatnonzero(np.append(True, last[:-1]))
    following[last] = order[starts]
    after = np.empty(len(subjects), dtype=np.intp)
    after[order] = following
    return after


def _nearest_rows(queries: Floats, own: Floats) -> NDArray[np.intp]:
    from fowh.matching import embedding_index

    _, rows = embedding_index(own, "l2").search(queries, 1)
    return rows[:, 0].astype(np.intp)


def _nearest(queries: Floats, own: Floats) -> Floats:
    return own[_nearest_rows(queries, own)]
