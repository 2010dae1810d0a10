"""One fold of one cell: recognise, steal, attack, judge."""

from __future__ import annotations

import copy
import time
import traceback
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from fowh.core.attack import Attack, Query, Version, View
from fowh.core.registry import load
from fowh.core.scheme import Floats, Keys, Scheme, Templates
from fowh.engine.cell import Cell, Note, label, plugin_name
from fowh.engine.findings import Findings, Row
from fowh.engine.judge import (
    Truth,
    another_reading,
    judge,
    nearest_rows,
    other_subject,
    unmeasured,
)
from fowh.engine.plan import Plan
from fowh.engine.render import checked, draw_faces, embed_again
from fowh.engine.witness import Opinion
from fowh.metrics import recognition
from fowh.metrics.security import effective_dimension
from fowh.protocols import standard as protocol
from fowh.protocols.standard import Fold, compare, stream, subject_keys

Guesses = dict[Row, Floats]


@dataclass(frozen=True, eq=False)
class FoldRun:
    """One fold of one cell; what it finds goes into ``found``."""

    cell: Cell
    plan: Plan
    fold: Fold
    device: str
    found: Findings
    note: Note

    def run(self) -> None:
        """Recognise the victims, then attack and judge."""
        with self.found.clock("recognition"):
            truth = self._recognise()
        guesses: Guesses = {}
        if self.fold.number < protocol.IMAGE_FOLDS:
            self.opinion()  # a judge that cannot be trained stops the run before the attacks
        for attack in (*map(_control, protocol.BLIND), *self.cell.attacks):
            self._attack(attack, truth, guesses)
        self._controls(truth, guesses)
        if self.plan.data.images is not None and self.fold.number < protocol.IMAGE_FOLDS:
            draw_faces(self, truth, guesses)

    @cached_property
    def _opinion(self) -> Opinion | None:
        if self.cell.judge is None or self.plan.data.images is None:
            return None
        self.say("training the judge", 0.05)
        rng = self.stream("judge")
        with self.found.clock("judge"):
            return Opinion.make(self.cell.judge, self.plan, self.fold, self.device, rng)

    def opinion(self) -> Opinion | None:
        """The second opinion on pictures, if one was asked for."""
        return self._opinion

    def stream(self, *stage: str) -> np.random.Generator:
        return stream(self.cell.seed, *stage, self.fold.number)

    def say(self, text: str, within: float) -> None:
        self.note(f"fold {self.fold.number + 1}: {text}", self._share(within))

    def _share(self, within: float) -> float:
        """Fraction of the whole run, the first part of which embeds."""
        return 0.3 + 0.7 * (self.fold.number + within) / len(self.plan.folds)

    def _recognise(self) -> Truth:
        """Fit, set thresholds on development subjects, enrol the victims and compare them."""
        self.say("recognition", 0.3)
        everyone, subjects, fold = self.plan.data.embeddings, self.plan.samples.subjects, self.fold
        develop, victims = everyone[fold.development], everyone[fold.victims]
        whose = subjects[fold.victims]
        raw, scheme = load("scheme", "raw"), self.cell.scheme.fit(develop)
        centred = develop - develop.mean(axis=0)
        mate = another_reading(subjects[fold.development])
        paired = mate != np.arange(len(mate))
        cosine = _cosine(centred[paired], centred[mate[paired]])
        self._fact("mated_angle", float(np.median(np.arccos(cosine))) if len(cosine) else np.nan)
        self._fact("effective_dimension", effective_dimension(develop))
        t_embedding, t_protected = self._thresholds(raw), self._thresholds(scheme)
        keys = subject_keys(whose, self.cell.threat.keys, self.stream("keys"))
        fresh = subject_keys(whose, self.cell.threat.keys, self.stream("renewed keys"))
        started = time.perf_counter()
        templates = scheme.enroll(victims, keys, self.stream("enrol"))
        self._fact("enrolments_per_s", len(victims) / (time.perf_counter() - started))
        self._fact("bytes_per_template", templates.bytes_each)
        self._fact("dimension", victims.shape[1])
        self._fact("own", len(fold.own))
        unprotected = raw.enroll(victims, keys, self.stream("enrol"))
        scenarios: dict[str, tuple[Scheme, Templates, Keys | None]] = {
            "unprotected": (raw, unprotected, None),
            "stolen_key": (scheme, templates, None),
            "renewed": (scheme, templates, fresh),
        }
        if self.cell.threat.keys == "subject":  # with one key for all there is no other key
            scenarios["own_key"] = (scheme, templates, keys)
        for name, (judged, stored, used) in scenarios.items():
            seen = compare(judged, stored, victims, whose, self.stream("pairs", name), used)
            self.found.comparisons[name].append(seen)
        few = slice(0, min(256, scheme.comparison_cap))
        started = time.perf_counter()
        scheme.score(templates[few], victims[few])  # real verification, whatever was cheaper above
        self._fact("verifications_per_s", len(victims[few]) / (time.perf_counter() - started))
        stolen = np.searchsorted(fold.victims, fold.stolen)
        mate = another_reading(whose)[stolen]
        renewed = scheme.enroll(victims[mate], fresh[stolen], self.stream("renew"))
        gallery = np.arange(len(everyone)) if fold.gallery is None else fold.gallery
        truth = Truth(
            fold=fold.number,
            scheme=scheme,
            templates=templates[stolen],
            renewed=renewed,
            alone=mate == stolen,
            gallery=everyone[gallery],
            gallery_subjects=subjects[gallery],
            stolen=np.searchsorted(gallery, fold.stolen),
            rows=fold.stolen,
            mean=develop.mean(axis=0),
            t_embedding={fmr: -t for fmr, t in t_embedding.items()},  # raw's score is -distance
            t_protected=t_protected,
            versions=self._versions(scheme, keys[stolen], templates[stolen]),
            classes=self._classes(),
        )
        self.found.thresholds.append(truth.thresholds)
        return truth

    def _versions(self, scheme: Scheme, keys: Keys, stolen: Templates) -> tuple[Version, ...]:
        """What the threat grants of each version: the system protected them all in one way."""
        granted, fold = self.cell.threat.versions, self.fold
        if granted == "final" or not self.plan.versions:
            return ()
        made = []
        for name, embeddings in self.plan.versions[:-1]:
            fitted, templates = self.cell.scheme.fit(embeddings[fold.development]), None
            if granted == "all":
                rng = self.stream("enrol", name)
                templates = self._leaked(fitted.enroll(embeddings[fold.stolen], keys, rng))
            made.append(Version(name, fitted, embeddings[fold.own], templates))
        name, embeddings = self.plan.versions[-1]
        made.append(Version(name, scheme, embeddings[fold.own], self._leaked(stolen)))
        return tuple(made)

    def _leaked(self, templates: Templates) -> Templates:
        return templates if self.cell.threat.leaked else templates.without_token()

    def _classes(self) -> NDArray[np.int64] | None:
        """Subjects by the index of their probability, where the target classifies."""
        target = self.plan.target
        if target is None or not target.classifies:
            return None
        return np.unique(self.plan.samples.subjects[self.fold.development])

    def _thresholds(self, scheme: Scheme) -> dict[str, float]:
        """Score thresholds by FMR, from non-mated comparisons of development subjects."""
        rows = self.fold.development
        develop, whose = self.plan.data.embeddings[rows], self.plan.samples.subjects[rows]
        keys = subject_keys(whose, self.cell.threat.keys, self.stream("development keys"))
        enrolled = scheme.enroll(develop, keys, self.stream("development enrol"))
        seen = compare(scheme, enrolled, develop, whose, self.stream("development pairs"))
        strangers = seen.score[~seen.mated]
        fewest = self.found.facts.get("development_non_mated", np.inf)
        self.found.facts["development_non_mated"] = min(fewest, len(strangers))
        return {
            fmr: recognition.threshold_at_fmr(strangers, rate)
            for fmr, rate in protocol.FMRS.items()
        }

    def view(self, truth: Truth) -> View:
        """Exactly what the threat model grants, as copies: nothing an attack does reaches on."""
        threat, own, target = self.cell.threat, self.fold.own, self.plan.target
        images = None if self.plan.data.images is None else self.plan.data.images[own]
        query = module = None
        if images is not None and target is not None:
            query = Query(partial(target.embed, device=self.device), threat.queries)
            module = target.module(self.device) if threat.box == "white" else None
        return View(
            scheme=copy.deepcopy(truth.scheme),
            templates=copy.deepcopy(self._leaked(truth.templates)),
            embeddings=self.plan.data.embeddings[own],
            subjects=self.plan.samples.subjects[own],
            images=images,
            query=query,
            module=module,
            classifies=target is not None and target.classifies,
            versions=copy.deepcopy(truth.versions),
            device=self.device,
            progress=partial(_progress, self.note, self._share(0.1), self._share(0.8)),
        )

    def _attack(self, attack: Attack, truth: Truth, guesses: Guesses) -> None:
        """Run one attack and judge it; a reason or a traceback instead where it cannot."""
        name, section = label(attack), "controls" if attack.blind else "attacks"
        late = attack.yields == "images" and self.fold.number >= protocol.IMAGE_FOLDS
        if late or name in self.found.failed:
            return
        view = self.view(truth)
        self.say(name, 0.1)
        try:
            reason = attack.unsupported(view)
            if reason is not None:
                self.found.skipped[name] = reason
                return
            with self.found.clock(name):
                made = checked(
                    attack, attack.run(view, self.stream("attack", plugin_name(attack))), view
                )
            if attack.yields == "images":
                made = embed_again(self, (section, name), made, truth)
            outcome = judge(truth, made)
        except Exception:  # one broken attack must not lose the results of the others
            self.found.failed[name] = traceback.format_exc()
            return
        if view.query:
            self.found.queries[name] += view.query.used
            if 0 < view.query.budget <= view.query.used:
                self.found.exhausted.add(name)
        self.found.remarks[name] |= dict.fromkeys(view.remarks)
        guesses[section, name] = made
        self.found.outcomes[section, name].append(outcome)

    def _controls(self, truth: Truth, guesses: Guesses) -> None:
        """Controls that need the truth: only the judge may make them."""
        after, own = (
            another_reading(truth.gallery_subjects),
            self.plan.data.embeddings[self.fold.own],
        )
        # Not the reading that the renewed template holds, where the subject has a third one.
        mate = np.where(after[after] == np.arange(len(after)), after, after[after])
        stolen = truth.gallery[truth.stolen]
        reference = {"unprotected": stolen, "nearest": own[nearest_rows(stolen, own)]}
        strength = {
            row: float(self.found.outcomes[row][-1].rank1.mean())
            for row in guesses
            if row[0] == "attacks"
        }
        if strength:  # the strongest attack, given somebody else's template
            strongest = max(strength, key=lambda row: strength[row])
            swapped = other_subject(truth.subjects, self.stream("shuffle"))
            reference["shuffled"] = guesses[strongest][swapped]
        for name, made in reference.items():
            self.found.outcomes["controls", name].append(judge(truth, made))
        pictured = self.fold.number < protocol.IMAGE_FOLDS
        opinion, images = self.opinion() if pictured else None, self.plan.data.images
        if opinion is not None and images is not None:  # what the judge says of the originals
            said = opinion(images[truth.rows], truth)
            self.found.likeness["controls", "unprotected"].append(said)
        probe = unmeasured(judge(truth, truth.gallery[mate[truth.stolen]]), truth.alone)
        self.found.outcomes["controls", "mated_probe"].append(probe)

    def _fact(self, name: str, value: float) -> None:
        self.found.facts.setdefault(name, value)


def _control(name: str) -> Attack:
    attack: Attack = load("attack", name)
    return attack


def _cosine(left: Floats, right: Floats) -> Floats:
    norms = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    cosine: Floats = np.clip((left * right).sum(axis=1) / norms, -1, 1)
    return cosine


def _progress(note: Note, low: float, high: float, text: str, done: float) -> None:
    """Bound to plain values only: a view must not lead back to the truth."""
    note(text, low + (high - low) * done)
