"""One fold of one cell: recognise, steal, attack, judge."""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh import protocol
from fowh.attack import Attack, ImageInverter, Query, View
from fowh.dataset import Samples
from fowh.evaluate import Cell, Note, label
from fowh.findings import Findings, Row
from fowh.judge import Truth, another_reading, judge, nearest_rows, other_subject
from fowh.metrics import recognition
from fowh.metrics.security import effective_dimension
from fowh.protocol import Fold, compare, stream, subject_keys
from fowh.registry import load
from fowh.scheme import Floats, Keys, Scheme, Templates
from fowh.target import Embedded

SHOWN = 8  # victims in the report's picture grid
Guesses = dict[Row, Floats]


@dataclass(frozen=True, eq=False)
class FoldRun:
    """One fold of one cell; what it finds goes into ``found``."""

    cell: Cell
    samples: Samples
    data: Embedded
    fold: Fold
    device: str
    found: Findings
    note: Note
    of: int

    def run(self) -> None:
        """Recognise the victims, then attack and judge."""
        with self.found.clock("recognition"):
            truth = self._recognise()
        view = self._view(truth)
        guesses: Guesses = {}
        for attack in (*map(_control, protocol.BLIND), *self.cell.attacks):
            self._attack(attack, view, truth, guesses)
        self._controls(truth, view, guesses)
        if view.images is not None and self.fold.number < protocol.IMAGE_FOLDS:
            self._faces(view, truth, guesses)

    def _stream(self, *stage: str) -> np.random.Generator:
        return stream(self.cell.seed, *stage, self.fold.number)

    def _say(self, text: str, within: float) -> None:
        self.note(f"fold {self.fold.number + 1}: {text}", (self.fold.number + within) / self.of)

    def _recognise(self) -> Truth:
        """Fit, set thresholds on development subjects, enrol the victims and compare them."""
        self._say("recognition", 0.0)
        everyone, subjects, fold = self.data.embeddings, self.samples.subjects, self.fold
        develop, victims = everyone[fold.development], everyone[fold.victims]
        whose = subjects[fold.victims]
        raw, scheme = load("scheme", "raw"), self.cell.scheme.fit(develop)
        centred = develop - develop.mean(axis=0)
        mates = centred[another_reading(subjects[fold.development])]
        self._fact("mated_angle", float(np.median(np.arccos(_cosine(centred, mates)))))
        self._fact("effective_dimension", effective_dimension(develop))
        t_embedding, t_protected = self._thresholds(raw), self._thresholds(scheme)
        keys = subject_keys(whose, self.cell.threat.keys, self._stream("keys"))
        fresh = subject_keys(whose, self.cell.threat.keys, self._stream("renewed keys"))
        started = time.perf_counter()
        templates = scheme.enroll(victims, keys, self._stream("enrol"))
        self._fact("enrolments_per_s", len(victims) / (time.perf_counter() - started))
        self._fact("bytes_per_template", templates.bytes_each)
        self._fact("dimension", victims.shape[1])
        unprotected = raw.enroll(victims, keys, self._stream("enrol"))
        scenarios: dict[str, tuple[Scheme, Templates, Keys | None]] = {
            "unprotected": (raw, unprotected, None),
            "stolen_key": (scheme, templates, None),
            "renewed": (scheme, templates, fresh),
        }
        if self.cell.threat.keys == "subject":  # with one key for all there is no other key
            scenarios["own_key"] = (scheme, templates, keys)
        for name, (judged, stored, used) in scenarios.items():
            started = time.perf_counter()
            seen = compare(judged, stored, victims, whose, self._stream("pairs", name), used)
            if name == "stolen_key":
                seconds = time.perf_counter() - started
                self._fact("comparisons_per_s", len(seen.score) / seconds)
            self.found.comparisons[name].append(seen)
        stolen = np.searchsorted(fold.victims, fold.stolen)
        renewed = scheme.enroll(
            victims[another_reading(whose)[stolen]], fresh[stolen], self._stream("renew")
        )
        truth = Truth(
            fold=fold.number,
            scheme=scheme,
            templates=templates[stolen],
            renewed=renewed,
            gallery=everyone,
            gallery_subjects=subjects,
            stolen=fold.stolen,
            mean=develop.mean(axis=0),
            t_embedding={fmr: -t for fmr, t in t_embedding.items()},  # raw's score is -distance
            t_protected=t_protected,
        )
        self.found.thresholds.append(truth.thresholds)
        return truth

    def _thresholds(self, scheme: Scheme) -> dict[str, float]:
        """Score thresholds by FMR, from non-mated comparisons of development subjects."""
        rows = self.fold.development
        develop, whose = self.data.embeddings[rows], self.samples.subjects[rows]
        keys = subject_keys(whose, self.cell.threat.keys, self._stream("development keys"))
        enrolled = scheme.enroll(develop, keys, self._stream("development enrol"))
        seen = compare(scheme, enrolled, develop, whose, self._stream("development pairs"))
        strangers = seen.score[~seen.mated]
        self._fact("development_non_mated", len(strangers))
        return {
            fmr: recognition.threshold_at_fmr(strangers, rate)
            for fmr, rate in protocol.FMRS.items()
        }

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
            progress=lambda text, done: self._say(text, 0.1 + 0.7 * done),
        )

    def _attack(self, attack: Attack, view: View, truth: Truth, guesses: Guesses) -> None:
        """Run one attack and judge it; a reason or a traceback instead where it cannot."""
        name, section = label(attack), "controls" if attack.blind else "attacks"
        if attack.yields == "images" and self.fold.number >= protocol.IMAGE_FOLDS:
            return
        reason = attack.unsupported(view)
        if reason is not None:
            self.found.skipped[name] = reason
            return
        self._say(name, 0.1)
        used = view.query.used if view.query else 0
        try:
            with self.found.clock(name):
                made = _checked(attack, attack.run(view, self._stream("attack", name)), view)
        except Exception:  # one broken attack must not lose the results of the others
            self.found.failed[name] = traceback.format_exc()
            return
        if view.query:
            self.found.queries[name] += view.query.used - used
        if attack.yields == "images":
            made = self._embed_again((section, name), made, truth)
        guesses[section, name] = made
        self.found.outcomes[section, name].append(judge(truth, made))

    def _controls(self, truth: Truth, view: View, guesses: Guesses) -> None:
        """Controls that need the truth: only the judge may make them."""
        everyone, after = self.data.embeddings, another_reading(self.samples.subjects)
        # Not the reading that the renewed template holds, where the subject has a third one.
        mate = np.where(after[after] == np.arange(len(after)), after, after[after])
        reference = {
            "mated_probe": everyone[mate[truth.stolen]],
            "unprotected": everyone[truth.stolen],
            "nearest": view.embeddings[nearest_rows(everyone[truth.stolen], view.embeddings)],
        }
        strength = {
            row: float(self.found.outcomes[row][-1].rank1.mean())
            for row in guesses
            if row[0] == "attacks"
        }
        if strength:  # the strongest attack, given somebody else's template
            strongest = max(strength, key=lambda row: strength[row])
            swapped = other_subject(truth.subjects, self._stream("shuffle"))
            reference["shuffled"] = guesses[strongest][swapped]
        for name, made in reference.items():
            self.found.outcomes["controls", name].append(judge(truth, made))

    def _faces(self, view: View, truth: Truth, guesses: Guesses) -> None:
        """Turn every embedding-level reconstruction into a picture, embed that, judge it."""
        able = [
            attack
            for attack in self.cell.attacks
            if isinstance(attack, ImageInverter) and attack.unsupported(view) is None
        ]
        if not able or label(able[0]) in self.found.failed:
            return
        inverter = able[0]
        direct = {label(attack) for attack in self.cell.attacks if attack.yields == "images"}
        inputs: Guesses = {
            ("faces", name): made
            for (section, name), made in guesses.items()
            if section == "attacks" and name not in direct
        }
        inputs["controls", "unprotected_face"] = self.data.embeddings[truth.stolen]
        inputs["controls", "mean_face"] = guesses["controls", "mean"]
        for row, made in inputs.items():
            self._say(f"{row[1]} as pictures", 0.9)
            with self.found.clock("faces"):
                pictures = inverter.invert(view, made, self._stream("attack", label(inverter)))
                again = self._embed_again(row, pictures, truth)
            self.found.outcomes[row].append(judge(truth, again))
            if row[1] == "unprotected_face":  # the inverter, given somebody else's template
                swapped = other_subject(truth.subjects, self._stream("shuffle"))
                outcome = judge(truth, again[swapped])
                self.found.outcomes["controls", "shuffled_face"].append(outcome)

    def _embed_again(self, row: Row, pictures: NDArray[Any], truth: Truth) -> Floats:
        """Embeddings of pictures; keeps their likeness to the originals, and some to show."""
        from fowh.metrics.image import psnr, ssim
        from fowh.target import resize

        target, images = self.cell.target, self.data.images
        assert target is not None and images is not None  # image attacks need both
        originals = resize(images[truth.stolen], pictures.shape[1])
        self.found.likeness[row].append(
            {"ssim": ssim(originals, pictures), "psnr": psnr(originals, pictures)}
        )
        if self.fold.number == 0:
            shown = np.unique(truth.subjects, return_index=True)[1][:SHOWN]
            rows, own = truth.stolen[shown], self.fold.own
            near = nearest_rows(self.data.embeddings[rows], self.data.embeddings[own])
            self.found.pictures |= {
                "original": images[rows],
                "nearest": images[own[near]],
                "subject": truth.subjects[shown],
                f"{row[0].removesuffix('s')}.{row[1]}": pictures[shown],
            }
        return target.embed(pictures, self.device)

    def _fact(self, name: str, value: float) -> None:
        self.found.facts.setdefault(name, value)


def _control(name: str) -> Attack:
    attack: Attack = load("attack", name)
    return attack


def _cosine(left: Floats, right: Floats) -> Floats:
    norms = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    cosine: Floats = np.clip((left * right).sum(axis=1) / norms, -1, 1)
    return cosine


def _checked(attack: Attack, made: NDArray[Any], view: View) -> NDArray[Any]:
    """What an attack returned, if it is one usable reconstruction per template."""
    count, width = len(view.templates), view.embeddings.shape[1]
    if attack.yields == "embeddings":
        fits = made.shape == (count, width) and bool(np.isfinite(made).all())
        expected = f"({count}, {width}) finite embeddings"
    else:
        fits = made.dtype == np.uint8 and len(made) == count and made.ndim in (3, 4)
        expected = f"({count}, s, s) uint8 images"
    if not fits:
        raise ValueError(f"returned {made.shape} {made.dtype}, expected {expected}")
    return made
