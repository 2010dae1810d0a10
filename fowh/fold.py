"""One fold of one cell: recognise, steal, attack, judge."""

from __future__ import annotations

import copy
import time
import traceback
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh import protocol
from fowh.attack import Attack, ImageInverter, Query, View
from fowh.dataset import Samples
from fowh.evaluate import Cell, Note, label
from fowh.findings import Findings, Row
from fowh.judge import (
    Truth,
    another_reading,
    judge,
    nearest_rows,
    other_subject,
    unmeasured,
)
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
        guesses: Guesses = {}
        for attack in (*map(_control, protocol.BLIND), *self.cell.attacks):
            self._attack(attack, truth, guesses)
        self._controls(truth, guesses)
        if self.data.images is not None and self.fold.number < protocol.IMAGE_FOLDS:
            self._faces(truth, guesses)

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
        mate = another_reading(subjects[fold.development])
        paired = mate != np.arange(len(mate))
        cosine = _cosine(centred[paired], centred[mate[paired]])
        self._fact("mated_angle", float(np.median(np.arccos(cosine))) if len(cosine) else np.nan)
        self._fact("effective_dimension", effective_dimension(develop))
        t_embedding, t_protected = self._thresholds(raw), self._thresholds(scheme)
        keys = subject_keys(whose, self.cell.threat.keys, self._stream("keys"))
        fresh = subject_keys(whose, self.cell.threat.keys, self._stream("renewed keys"))
        started = time.perf_counter()
        templates = scheme.enroll(victims, keys, self._stream("enrol"))
        self._fact("enrolments_per_s", len(victims) / (time.perf_counter() - started))
        self._fact("bytes_per_template", templates.bytes_each)
        self._fact("dimension", victims.shape[1])
        self._fact("own", len(fold.own))
        unprotected = raw.enroll(victims, keys, self._stream("enrol"))
        scenarios: dict[str, tuple[Scheme, Templates, Keys | None]] = {
            "unprotected": (raw, unprotected, None),
            "stolen_key": (scheme, templates, None),
            "renewed": (scheme, templates, fresh),
        }
        if self.cell.threat.keys == "subject":  # with one key for all there is no other key
            scenarios["own_key"] = (scheme, templates, keys)
        for name, (judged, stored, used) in scenarios.items():
            seen = compare(judged, stored, victims, whose, self._stream("pairs", name), used)
            self.found.comparisons[name].append(seen)
        few = slice(0, min(256, scheme.comparison_cap))
        started = time.perf_counter()
        scheme.score(templates[few], victims[few])  # real verification, whatever was cheaper above
        self._fact("verifications_per_s", len(victims[few]) / (time.perf_counter() - started))
        stolen = np.searchsorted(fold.victims, fold.stolen)
        mate = another_reading(whose)[stolen]
        renewed = scheme.enroll(victims[mate], fresh[stolen], self._stream("renew"))
        truth = Truth(
            fold=fold.number,
            scheme=scheme,
            templates=templates[stolen],
            renewed=renewed,
            alone=mate == stolen,
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
        fewest = self.found.facts.get("development_non_mated", np.inf)
        self.found.facts["development_non_mated"] = min(fewest, len(strangers))
        return {
            fmr: recognition.threshold_at_fmr(strangers, rate)
            for fmr, rate in protocol.FMRS.items()
        }

    def _view(self, truth: Truth) -> View:
        """Exactly what the threat model grants, as copies: nothing an attack does reaches on."""
        threat, own, target = self.cell.threat, self.fold.own, self.cell.target
        images = None if self.data.images is None else self.data.images[own]
        query = module = None
        if images is not None and target is not None:
            query = Query(partial(target.embed, device=self.device), threat.queries)
            module = target.module(self.device) if threat.box == "white" else None
        stolen = truth.templates if threat.leaked else truth.templates.without_token()
        return View(
            scheme=copy.deepcopy(truth.scheme),
            templates=copy.deepcopy(stolen),
            embeddings=self.data.embeddings[own],
            subjects=self.samples.subjects[own],
            images=images,
            query=query,
            module=module,
            device=self.device,
            progress=partial(_progress, self.note, self.fold.number, self.of),
        )

    def _attack(self, attack: Attack, truth: Truth, guesses: Guesses) -> None:
        """Run one attack and judge it; a reason or a traceback instead where it cannot."""
        name, section = label(attack), "controls" if attack.blind else "attacks"
        late = attack.yields == "images" and self.fold.number >= protocol.IMAGE_FOLDS
        if late or name in self.found.failed:
            return
        view = self._view(truth)
        self._say(name, 0.1)
        try:
            reason = attack.unsupported(view)
            if reason is not None:
                self.found.skipped[name] = reason
                return
            with self.found.clock(name):
                made = _checked(attack, attack.run(view, self._stream("attack", name)), view)
            if attack.yields == "images":
                made = self._embed_again((section, name), made, truth)
            outcome = judge(truth, made)
        except Exception:  # one broken attack must not lose the results of the others
            self.found.failed[name] = traceback.format_exc()
            return
        if view.query:
            self.found.queries[name] += view.query.used
            if 0 < view.query.budget <= view.query.used:
                self.found.exhausted.add(name)
        guesses[section, name] = made
        self.found.outcomes[section, name].append(outcome)

    def _controls(self, truth: Truth, guesses: Guesses) -> None:
        """Controls that need the truth: only the judge may make them."""
        everyone, after = self.data.embeddings, another_reading(self.samples.subjects)
        # Not the reading that the renewed template holds, where the subject has a third one.
        mate = np.where(after[after] == np.arange(len(after)), after, after[after])
        own = everyone[self.fold.own]
        reference = {
            "unprotected": everyone[truth.stolen],
            "nearest": own[nearest_rows(everyone[truth.stolen], own)],
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
        probe = unmeasured(judge(truth, everyone[mate[truth.stolen]]), truth.alone)
        self.found.outcomes["controls", "mated_probe"].append(probe)

    def _faces(self, truth: Truth, guesses: Guesses) -> None:
        """Turn every embedding-level reconstruction into a picture, embed that, judge it."""
        view = self._view(truth)
        able = [
            attack
            for attack in self.cell.attacks
            if isinstance(attack, ImageInverter) and label(attack) not in self.found.failed
        ]
        if not able or able[0].unsupported(view) is not None:
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
            rng = self._stream("attack", label(inverter))
            try:
                with self.found.clock("faces"):
                    pictures = _checked(inverter, inverter.invert(view, made, rng), view)
                    again = self._embed_again(row, pictures, truth)
            except Exception:  # as above: the embeddings' own results stand
                self.found.failed[label(inverter)] = traceback.format_exc()
                return
            self.found.outcomes[row].append(judge(truth, again))
            if row[1] == "unprotected_face":  # the inverter, given somebody else's template
                swapped = other_subject(truth.subjects, self._stream("shuffle"))
                outcome = judge(truth, again[swapped])
                self.found.outcomes["controls", "shuffled_face"].append(outcome)
        if view.query:
            self.found.queries["faces"] += view.query.used

    def _embed_again(self, row: Row, pictures: NDArray[Any], truth: Truth) -> Floats:
        """Embeddings of pictures; keeps their likeness to the originals, and some to show."""
        from fowh.metrics.image import psnr, ssim
        from fowh.target import alike, resize

        target, images = self.cell.target, self.data.images
        assert target is not None and images is not None  # image attacks need both
        originals = alike(resize(images[truth.stolen], pictures.shape[1]), pictures)
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


def _progress(note: Note, fold: int, of: int, text: str, done: float) -> None:
    """Bound to plain values only: a view must not lead back to the truth."""
    note(f"fold {fold + 1}: {text}", (fold + 0.1 + 0.7 * done) / of)


def _checked(attack: Attack, made: NDArray[Any], view: View) -> NDArray[Any]:
    """What an attack returned, if it is one usable reconstruction per template."""
    count, width = len(view.templates), view.embeddings.shape[1]
    if attack.yields == "embeddings":
        fits = made.shape == (count, width) and bool(np.isfinite(made).all())
        expected = f"({count}, {width}) finite embeddings"
    else:
        square = made.ndim >= 3 and made.shape[1] == made.shape[2] >= 11  # SSIM's window
        fits = square and made.shape[3:] in ((), (3,)) and len(made) == count
        fits = fits and made.dtype == np.uint8
        expected = f"({count}, s, s[, 3]) uint8 images, s at least 11"
    if not fits:
        raise ValueError(f"returned {made.shape} {made.dtype}, expected {expected}")
    return made.astype(np.float32, copy=False) if attack.yields == "embeddings" else made
