"""Reconstructions as pictures: made, embedded again, compared with the originals, shown."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fowh.core.attack import Attack, ImageInverter, View
from fowh.core.scheme import Floats
from fowh.engine.cell import label, plugin_name
from fowh.engine.findings import Row
from fowh.engine.judge import Truth, judge, nearest_rows, other_subject

if TYPE_CHECKING:
    from fowh.engine.fold import FoldRun

SHOWN = 8  # pictures in each column of the report's grid


def draw_faces(run: FoldRun, truth: Truth, guesses: dict[Row, Floats]) -> None:
    """Turn every embedding-level reconstruction into a picture, embed that, judge it."""
    view = run.view(truth)
    able = [
        attack
        for attack in run.cell.attacks
        if isinstance(attack, ImageInverter) and label(attack) not in run.found.failed
    ]
    if not able or able[0].unsupported(view) is not None:
        return
    inverter = able[0]
    direct = {label(attack) for attack in run.cell.attacks if attack.yields == "images"}
    inputs: dict[Row, Floats] = {
        ("faces", name): made
        for (section, name), made in guesses.items()
        if section == "attacks" and name not in direct
    }
    inputs["controls", "unprotected_face"] = run.plan.data.embeddings[truth.rows]
    inputs["controls", "mean_face"] = guesses["controls", "mean"]
    for row, made in inputs.items():
        run.say(f"{row[1]} as pictures", 0.9)
        rng = run.stream("attack", plugin_name(inverter))
        try:
            with run.found.clock("faces"):
                pictures = checked(inverter, inverter.invert(view, made, rng), view)
                again = embed_again(run, row, pictures, truth)
        except Exception:  # as above: the embeddings' own results stand
            run.found.failed[label(inverter)] = traceback.format_exc()
            return
        run.found.outcomes[row].append(judge(truth, again))
        if row[1] == "unprotected_face":  # the inverter, given somebody else's template
            swapped = other_subject(truth.subjects, run.stream("shuffle"))
            outcome = judge(truth, again[swapped])
            run.found.outcomes["controls", "shuffled_face"].append(outcome)
    if view.query:
        run.found.queries["faces"] += view.query.used


def embed_again(run: FoldRun, row: Row, pictures: NDArray[Any], truth: Truth) -> Floats:
    """Embeddings of pictures; keeps their likeness to the originals, and some to show."""
    from fowh.core.target import alike, resize
    from fowh.metrics.image import psnr, ssim

    target, images = run.plan.target, run.plan.data.images
    assert target is not None and images is not None  # image attacks need both
    originals = alike(resize(images[truth.rows], pictures.shape[1]), pictures)
    run.found.likeness[row].append(
        {"ssim": ssim(originals, pictures), "psnr": psnr(originals, pictures)}
    )
    opinion = run.opinion()
    if opinion is not None:
        run.found.likeness[row][-1] |= opinion(pictures, truth)
    if run.fold.number == 0:
        shown = _shown(truth.subjects, 1 if run.fold.gallery is None else 2)
        rows, own = truth.rows[shown], run.fold.own
        near = nearest_rows(run.plan.data.embeddings[rows], run.plan.data.embeddings[own])
        run.found.pictures |= {
            "original": images[rows],
            "nearest": images[own[near]],
            "subject": truth.subjects[shown],
            f"{row[0].removesuffix('s')}.{row[1]}": pictures[shown],
        }
    return target.embed(pictures, run.device)


def _shown(subjects: NDArray[np.int64], each: int) -> NDArray[np.intp]:
    """Rows in the grid: the first ``each`` readings of as many subjects as there is room for.

    Two of each under the published protocols, as in the paper's fig. 3: an inverter of a classifier
    may make the same picture of both.
    """
    people, counts = np.unique(subjects, return_counts=True)
    chosen = people[counts >= each][: SHOWN // each]
    rows = [np.flatnonzero(subjects == person)[:each] for person in chosen]
    return np.concatenate(rows) if rows else np.arange(min(SHOWN, len(subjects)))


def checked(attack: Attack, made: NDArray[Any], view: View) -> NDArray[Any]:
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
