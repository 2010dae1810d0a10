"""The contract of a dataset."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fowh.checks import contract
from fowh.checks.contract import Claims, Finding, ensure
from fowh.core.dataset import Dataset, Samples
from fowh.core.errors import InputError
from fowh.core.modality import Modality
from fowh.core.registry import load

claims = Claims()


def check(dataset: Dataset) -> Iterator[Finding]:
    """Run every check, with the cheap parameters that the dataset declares, if it does."""
    return claims.run(Case(dataset))


@dataclass(frozen=True)
class Case:
    """A dataset, loaded once for all checks that change nothing."""

    given: Dataset

    @cached_property
    def dataset(self) -> Dataset:
        """The dataset that is loaded."""
        made: Dataset = contract.quick(self.given)
        return made

    @cached_property
    def samples(self) -> Samples:
        """All samples."""
        return self.dataset.load()

    @cached_property
    def modality(self) -> Modality:
        """What they are."""
        made: Modality = load("modality", self.samples.modality)
        return made


@claims
def _ordered(case: Case) -> str:
    """Samples are ordered by subject, subjects numbered from 0."""
    codes = case.samples.subjects
    ensure(codes.ndim == 1 and codes.dtype == np.int64, f"subjects are {codes.dtype} {codes.shape}")
    ensure(len(codes) == len(case.samples.values), f"{len(codes)} labels, other samples")
    ensure((np.diff(codes) >= 0).all(), "samples are not ordered by subject")
    ensure(np.array_equal(np.unique(codes), np.arange(codes.max() + 1)), "a number has no sample")
    return f"{len(codes)} samples of {codes.max() + 1} subjects"


@claims
def _named(case: Case) -> str:
    """Every subject has a name of its own."""
    found, count = case.samples.names, int(case.samples.subjects.max()) + 1
    ensure(isinstance(found, tuple) and len(found) == count, f"{len(found)} names of {count}")
    ensure(all(isinstance(name, str) and name for name in found), "a name is empty or no text")
    ensure(len(set(found)) == count, "two subjects have one name")
    return f"{found[0]} to {found[-1]}"


@claims
def _enough(case: Case) -> str:
    """There are two subjects or more, with two readings or more."""
    readings = np.bincount(case.samples.subjects)
    ensure(len(readings) > 1, "one subject only: nobody to tell from")
    ensure((readings > 1).any(), "one reading of each subject: nothing can be recognised")
    return f"{readings.min()} to {readings.max()} readings"


@claims
def _modality(case: Case) -> str:
    """Samples are of a known modality, and can be shown."""
    values = case.samples.values
    contract.ensure_there("modality", case.samples.modality)
    ensure(values.dtype != object, "samples are Python objects")
    if case.modality.embedded:
        fits = values.ndim == 2 and values.dtype == np.float32 and np.isfinite(values).all()
        ensure(fits, f"{values.dtype} {values.shape}, not finite float32 (n, d)")
    elif case.samples.modality == "image":
        fits = values.ndim in (3, 4) and values.shape[3:] in ((), (3,)) and values.dtype == np.uint8
        ensure(fits, f"{values.dtype} {values.shape}, not uint8 (n, h, w) or (n, h, w, 3)")
    shown = case.modality.show(values[0])
    ensure(shown.text or shown.png, "a sample shows nothing")
    return f"{case.samples.modality}: {values.dtype} {values.shape[1:]}"


@claims
def _repeatable(case: Case) -> str:
    """Loaded again, the samples are the same, whatever became of the first."""
    kept, first = case.samples.values.copy(), case.dataset.load()
    if first.values.flags.writeable and first.values.dtype.kind in "fiu":
        first.values[:] = 0
    again = case.dataset.load()
    ensure(np.array_equal(again.values, kept), "other samples")
    ensure(np.array_equal(again.subjects, case.samples.subjects), "other subjects")
    ensure(again.sha256 == case.samples.sha256, "the same samples, another digest")
    return "equal bytes, equal digest"


@claims
def _digest(case: Case) -> str:
    """The digest is that of the content."""
    ensure(re.fullmatch("[0-9a-f]{64}", case.samples.sha256), f"sha256 is {case.samples.sha256!r}")
    tried = []
    for name, other in contract.variants(case.dataset, "dataset"):
        try:
            found = other.load()
        except InputError:
            continue
        same = (
            found.values.shape == case.samples.values.shape
            and np.array_equal(found.values, case.samples.values)
            and np.array_equal(found.subjects, case.samples.subjects)
        )
        told = "the same samples, another" if same else "other samples, the same"
        ensure(same == (found.sha256 == case.samples.sha256), f"another {name}: {told} digest")
        tried.append(name)
    return f"other samples have another: {', '.join(tried)}" if tried else "64 hex digits"


@claims
def _traits(case: Case) -> str | None:
    """What else is known is known of every subject."""
    for name, trait in case.samples.traits.items():
        ensure(len(trait) == len(case.samples.names), f"{name}: {len(trait)} values")
    return ", ".join(case.samples.traits) or None


@claims
def _parameters(case: Case) -> str:
    """Parameters survive the command line."""
    return contract.parameters_survive_the_command_line(case.given, "dataset")


@claims
def _nonsense(case: Case) -> str | None:
    """Absurd parameters work or are refused in one line."""
    return contract.nonsense_is_refused_in_one_line(
        case.dataset, "dataset", lambda dataset: dataset.load()
    )
