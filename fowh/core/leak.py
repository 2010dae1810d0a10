"""What a leak is: what leaves a system, what it is good for, what counts as got back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fowh.core.modality import Columns
from fowh.core.protocol import Fold, Indices
from fowh.core.release import Floats, Keys, Release
from fowh.core.scheme import Scheme
from fowh.core.target import Progress, Target, quiet
from fowh.core.threat import Threat

if TYPE_CHECKING:
    from torch import nn

Stream = Callable[..., np.random.Generator]  # names of a stage -> its randomness
Says = Callable[[Floats], Floats]
Successes = Callable[[Columns, Columns], Columns]  # of what was observed, and of the terms
Leaves = Callable[[Any], Release]  # the network that was handed out -> what leaves
Doubt = tuple[str, str]  # its name, and in words what raises it


@dataclass(frozen=True)
class Headline:
    """Which numbers place a cell.

    Attributes:
        utility: metric that says how well the system still does its job.
        scenario: in which it is read, protected.
        reference: in which it is read, unprotected.
        useless: from this value on (in the attacker's direction) the job is not done.
        success: what an attacker wants, most important first.
        margin: of non-inferiority: how much more a system may err and still do its job as before.
        accepted: what the system itself takes for the victim, for comparisons; "" without.
        decided: stands for ``utility`` where yes or no is all, and does not reach that; "" without.
    """

    utility: str
    scenario: str
    reference: str
    useless: float
    success: tuple[str, ...]
    accepted: str = ""
    margin: float = 0.01
    decided: str = ""


@dataclass(frozen=True, eq=False)
class Setting:
    """What a system is deployed from, in one fold.

    Attributes:
        scheme: not yet fitted.
        values: (n, d) float32, what the target says of every sample of the dataset; NaN where the
            fold does not need it.
        subjects, fold: (n,) whose they are; which rows are for what.
        threat: the policy of keys.
        stream: the randomness of a stage of this fold, by its names.
        samples: (n, ...) as the target takes them; None where there are only its values.
        target: what runs: trained, but where the leak trains it.
        learned: rows that it learns from; none where it came trained.
        device: torch device name.
        note: is told how deploying and measuring it goes.
    """

    scheme: Scheme
    values: Floats
    subjects: NDArray[np.int64]
    fold: Fold
    threat: Threat
    stream: Stream
    samples: NDArray[Any] | None = None
    target: Target | None = None
    learned: Indices = field(default_factory=lambda: np.empty(0, dtype=np.intp))
    device: str = "cpu"
    note: Progress = field(default=quiet, repr=False)


class System(ABC):
    """A deployed system with all its secrets; an attack gets what the threat grants of it.

    Attributes:
        setting: what it was deployed from.
        scheme: fitted.
        keys: (n,) of the rows that are stolen.
        release: the (n) stolen rows as they left, with their keys.
        terms: what success is measured by, (n,) by name (thresholds).
        facts: single numbers for the record.
        says_released: whether what ``says`` gives has passed the scheme.
    """

    setting: Setting
    scheme: Scheme
    keys: Keys
    release: Release
    terms: Columns
    facts: Mapping[str, float]
    says_released: ClassVar[bool] = False

    @property
    def known_classes(self) -> NDArray[np.int64] | None:
        """(n,) class of every sample, where who takes part knows his own; default: none."""
        return None

    def under(self, values: Floats, stage: str) -> tuple[Scheme, Release]:
        """The fitted scheme and what left of the stolen rows, had the target said other values.

        Args:
            values: (n, d) of every sample of the dataset, as an earlier version of it said.
            stage: names the randomness.
        """
        setting, fold = self.setting, self.setting.fold
        fitted = setting.scheme.fit(values[fold.development])
        rng = setting.stream("enrol", stage)
        return fitted, fitted.release(values[fold.stolen], self.keys, rng)

    @abstractmethod
    def utility(self) -> dict[str, Columns]:
        """Raw observations of how well it does its job, by scenario."""

    @abstractmethod
    def judge(self, made: Floats) -> Columns:
        """Raw observations of (n, d) reconstructions, row i of stolen row i."""

    def probed(self, made: Floats, rows: Indices) -> Columns:
        """``judge`` of other readings of the stolen rows' subjects; default: the same.

        Args:
            made: (n, d).
            rows: (n,) of the fold's gallery, where each of them is: nobody is found by that.
        """
        return self.judge(made)

    def tries(self, guesses: Floats, successes: Successes) -> Columns:
        """On which turn each stolen row falls to a list of guesses that knows nothing of it.

        Args:
            guesses: (g, d), in the order in which they are made.
            successes: of the leak.

        Returns:
            (n,) float64 by success metric, from 1; inf where no guess succeeds, -k where none of
            the first k does and the others were not judged.
        """
        made: dict[str, NDArray[Any]] = {}
        setting, rows = self.setting, self.setting.fold.stolen
        labels = {
            "subject": setting.subjects[rows],
            "fold": np.full(len(rows), setting.fold.number),
        }
        for turn, guess in enumerate(guesses, 1):
            same = np.broadcast_to(guess, (len(rows), len(guess)))
            for name, hit in successes(labels | self.judge(same), self.terms).items():
                turns = made.setdefault(name, np.full(len(same), np.inf))
                turns[(hit == 1) & np.isinf(turns)] = turn
        return made

    def says(self) -> Says:
        """What anybody who asks is told, as a function of what the target says; default: that.

        An attack holds this function: it must not lead back to the system.
        """
        return unchanged

    def told(self) -> Floats:
        """What the attacker is told of his own samples; (n, d)."""
        return self.says()(self.setting.values[self.setting.fold.attacker])

    def network(self) -> nn.Module | None:
        """The network that everybody who takes part holds, in a copy; default: nobody does."""
        return None

    def planted(self, network: nn.Module) -> Release:
        """What leaves where a malicious server hands out another network.

        Raises:
            ValueError: nobody would run it.
        """
        raise ValueError("this system takes no network from outside")

    def instead(self) -> Mapping[str, Leaves]:
        """What leaves that says nothing of the victims, by the control it makes; default: none."""
        return {}

    def match(self, made: Floats) -> NDArray[np.intp]:
        """Which of an attack's (m, d) reconstructions stands for each stolen row.

        Those of several samples behind one row of the release come in no order; everybody's are
        matched alike, controls' too. Default: row by row.
        """
        return np.arange(len(made))

    def claimed(self, claims: NDArray[Any]) -> Columns:
        """Raw observations of (m,) claims, one of every sample behind the release.

        Raises:
            ValueError: there is nothing to claim.
        """
        raise ValueError("this leak takes no claims")


def unchanged(values: Floats) -> Floats:
    """What the target says, as it is."""
    return values


@dataclass(frozen=True, eq=False)
class Observed:
    """Raw observations of all folds, for ``Leak.summary``; one entry per fold.

    Attributes:
        utility: by scenario.
        terms, facts: of each fold's system.
        scheme, stream: not fitted; the randomness of resampling, by its names.
        note: is told how summing up goes.
    """

    utility: Mapping[str, Sequence[Columns]]
    terms: Sequence[Columns]
    facts: Sequence[Mapping[str, float]]
    scheme: Scheme
    stream: Stream
    note: Progress = field(default=quiet, repr=False)


class Leak(ABC):
    """What leaves a system and is stolen: a frozen dataclass whose fields are its parameters.

    Attributes:
        closed_set: whether the system knows a closed set of subjects, those attacked among them.
        foreign: whether the target is no recogniser, so that somebody else's judges: the witness,
            or the usual one of the modality. The system then trains the target itself.
        claims: whether what is got back is a claim of each stolen row, not the row itself.
        guarded: the leak whose schemes stand in front of this one as well; "" for its own.
        protocol: the usual one.
        reference: the scheme that protects nothing.
        suite: the standard suite of attacks.
        headline: which numbers place a cell.
        scenarios: what tables call the scenarios of ``System.utility``, in their order.
        metrics: of its own (``fowh.Metric``), where the table of metrics lacks what it measures.
    """

    closed_set: ClassVar[bool] = False
    foreign: ClassVar[bool] = False
    claims: ClassVar[bool] = False
    guarded: ClassVar[str] = ""
    protocol: ClassVar[str] = "standard"
    reference: ClassVar[str]
    suite: ClassVar[tuple[str, ...]]
    headline: ClassVar[Headline]
    scenarios: ClassVar[Mapping[str, str]]
    metrics: ClassVar[tuple[Any, ...]] = ()

    def observed(self, target: Target) -> Target:
        """The function whose values leave the system; default: the target itself.

        Raises:
            InputError: the target cannot do what this leak is about.
        """
        return target

    @abstractmethod
    def deploy(self, setting: Setting) -> System:
        """Fit the scheme and let the victims' rows leave."""

    def pooled(self, parts: Sequence[Columns]) -> list[Columns]:
        """What ``System.judge`` or ``claimed`` observed of a row of the record, fold by fold.

        Where success is measured among the rows of all folds (a threshold that one in a hundred
        may pass), a leak adds columns here. Default: every fold stands by itself.

        Args:
            parts: (n_i, ...) by name, of each fold in which the row ran.
        """
        return list(parts)

    @abstractmethod
    def successes(self, columns: Columns, terms: Columns) -> Columns:
        """Success of each row, (n,) float64 by metric, from what ``System.judge`` observed."""

    @abstractmethod
    def summary(self, observed: Observed) -> dict[str, Any]:
        """What a record says of this leak, as JSON values.

        Returns:
            ``utility`` (by scenario and metric; the protected one's ``utility_loss`` is what it
            errs more than the reference, paired), ``chance`` (by metric, what a lot reaches),
            ``data``, ``cost`` (numbers by name) and ``properties`` (by section and name).
        """

    def doubts(self, record: Mapping[str, Any]) -> Iterator[Doubt]:
        """Reasons for doubt that only this leak knows, read off the record."""
        yield from ()
