"""What an attack is."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from fowh.core.errors import InputError
from fowh.core.release import Floats
from fowh.core.trust import ran_in
from fowh.core.updates import UpdateScheme
from fowh.core.view import View

if TYPE_CHECKING:
    from torch import nn


class Attack(ABC):
    """An inverter: a frozen dataclass whose fields are its hyper-parameters.

    Attributes:
        yields: what ``run`` returns: "embeddings" (n, d) float32, "samples" in the target's
            canonical form, as the dataset's modality has them, or "claims" (n,): one number of each
            sample, what the leak says (whose it is, whether it was learned from).
        candidates: how many embeddings ``run`` may return for each row, at most, where what was
            released leaves several open.
        modality: the one kind of samples that it works on; None where any will do.
        blind: True for a control that never reads the release.
        learned: True when it trains on the attacker's own samples.
        closed_form: True when it solves what a learned attack of the same kind approximates: a
            learned one that does worse is under-trained.
        informed: True where it is given what no thief has (candidates with the truth among them): a
            yardstick, which counts neither for the best nor for the union of attacks.
        quick: parameters that make it cheap, for tests and checks.
        without_network: parameters under which it makes no use of a network that it is granted.
            Under white box it is run with them as well: what the network is worth is the difference
            of the two rows. Empty where it never uses one, or cannot do without.
    """

    yields: ClassVar[Literal["embeddings", "samples", "claims"]] = "embeddings"
    candidates: ClassVar[int] = 1
    modality: ClassVar[str | None] = None
    blind: ClassVar[bool] = False
    learned: ClassVar[bool] = False
    closed_form: ClassVar[bool] = False
    informed: ClassVar[bool] = False
    quick: ClassVar[Mapping[str, Any]] = {}
    without_network: ClassVar[Mapping[str, Any]] = {}

    def unsupported(self, view: View) -> str | None:
        """Why this attack cannot run on a view of its kind of samples, in words; None if it can."""
        return None

    @abstractmethod
    def run(self, view: View, rng: np.random.Generator) -> NDArray[Any]:
        """Reconstruct every row of the release.

        Args:
            view: what the threat model grants.
            rng: the only source of randomness; torch gets its generator from it.

        Returns:
            One reconstruction per row, in order (see ``yields``); where several samples are behind
            each row (``Release.each``), so many one after another, in any order. Of embeddings
            also (n, k, d), k at most ``candidates``: several per row, best first. The first is the
            attack's answer; the others count only as found within so many guesses.
        """


@runtime_checkable
class Renderer(Protocol):
    """An attack that can also turn known embeddings into samples.

    With it every embedding-level reconstruction becomes a sample, so that a broken scheme is seen
    (or heard), and the true embedding gives a reference.
    """

    def render(self, view: View, embeddings: Floats, rng: np.random.Generator) -> NDArray[Any]:
        """(n, d) embeddings to n samples in the target's canonical form."""
        ...


def inverter_of(attacks: Iterable[Attack]) -> Renderer | None:
    """The attack that renders what others reconstruct: the first of ours that can, else the first.

    Its pictures of true embeddings are what a witness is held to: no third party brings those.
    """
    able = [each for each in attacks if isinstance(each, Renderer)]
    return min(able, key=lambda each: bool(ran_in(each, "attack")), default=None)


@runtime_checkable
class Planter(Protocol):
    """An attack of a malicious server: it chooses the network that clients compute updates on."""

    def plant(self, view: View, rng: np.random.Generator) -> nn.Module:
        """The network to hand out, made from the honest one (``view.module``) before any update."""
        ...


def black_box(attack: Attack) -> Attack | None:
    """The same attack without the network that a white box grants; None where that says nothing.

    That is where it never uses one, cannot do without, or is told not to use it already.

    Raises:
        InputError: ``without_network`` names what is no parameter of it.
    """
    given: Any = attack
    if not attack.without_network:
        return None
    unknown = set(attack.without_network) - {each.name for each in dataclasses.fields(given)}
    if unknown:
        raise InputError(
            f"attack {type(attack).__name__}: without_network names {min(unknown)!r}: expected "
            "parameters of the attack"
        )
    bare = dataclasses.replace(given, **attack.without_network)
    return None if bare == attack else bare


def unfit(attack: Attack, view: View) -> str | None:
    """Why an attack cannot run on a view, in words; None when it can."""
    if attack.modality not in (None, view.modality):
        return f"it works on samples of kind {attack.modality!r}, and these are {view.modality!r}"
    if attack.yields == "embeddings" and isinstance(view.scheme, UpdateScheme):
        return "it makes embeddings, and what updates are computed on are samples"
    if isinstance(attack, Planter) and not view.malicious:
        return "it is a malicious server's, and this one is honest: give --server malicious"
    if attack.yields == "samples" and view.samples is None:
        return "it makes samples, and the attacker has embeddings only"
    return attack.unsupported(view)
