"""One fold's clients: they train a network together, and the victims' updates are stolen."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fowh.core.cache import Arrays, cached, digest
from fowh.core.leak import Leaves, Setting, Successes, System
from fowh.core.memory import fits
from fowh.core.modality import Columns
from fowh.core.protocol import Indices
from fowh.core.randomness import stream
from fowh.core.registry import load
from fowh.core.release import Floats, Keys, Release
from fowh.core.sources import code_digest
from fowh.core.updates import UpdateScheme
from fowh.kit import federated, matching
from fowh.kit.images import as_tensor
from fowh.kit.rounds import most_often
from fowh.kit.training import restore, state_of
from fowh.leaks._batches import Batches
from fowh.leaks._gallery import Gallery, searched
from fowh.metrics import inversion

if TYPE_CHECKING:
    from numpy.random import Generator
    from torch import nn

SEEDS = 3  # trainings behind the accuracy
KIT = Path(federated.__file__).parent


@dataclass(frozen=True, eq=False)
class Clients(System):
    """A federated classifier at some round of its training.

    Attributes:
        setting: what it was deployed from.
        batches: who stands behind which update.
        labels: (n,) class of every sample of the dataset.
        shared: the network that was sent out to compute the updates on.
        steps: of local training behind an update.
        size: samples of each client, in the attacked round and in all that were before; likewise
            their steps.
    """

    setting: Setting
    scheme: UpdateScheme
    keys: Keys
    release: Release
    terms: Columns
    facts: Mapping[str, float]
    batches: Batches
    labels: NDArray[np.int64]
    shared: nn.Module
    steps: int
    size: int

    def utility(self) -> dict[str, Columns]:
        """Whether each test sample of the victims is named, by models trained without and with."""
        fold, setting = self.setting.fold, self.setting
        rows = np.setdiff1d(np.intersect1d(fold.victims, fold.gallery), setting.learned)
        repeated = np.tile(setting.subjects[rows], SEEDS)
        made = {}
        # The reference by its own name: a cell of it trains its networks once.
        for scenario, of in (("unprotected", load("scheme", "plain")), ("protected", self.scheme)):
            right = []
            for seed in range(SEEDS):
                after = trained(setting, of, federated.ROUNDS, seed, self.size, self.steps)
                right.append(said(setting, after)[rows].argmax(axis=1) == self.labels[rows])
            made[scenario] = {"correct": np.concatenate(right), "subject": repeated}
        return made

    def told(self) -> Floats:
        """What the shared network answers to the attacker's own samples."""
        return federated.named(self.shared, tensor(self.setting, self.setting.fold.attacker))

    def network(self) -> nn.Module:
        return copy.deepcopy(self.shared)

    @property
    def known_classes(self) -> NDArray[np.int64]:
        return self.labels

    def planted(self, network: nn.Module) -> Release:
        return updates(
            *(self.setting, self.scheme, network, self.batches, self.labels),
            steps=self.steps,
            rng=self.setting.stream("planted"),
        )

    def instead(self) -> dict[str, Leaves]:
        """Zeros; where all stolen rows are in one release, also that of people none of whom is one.

        (Elsewhere another of the releases stands for another's update.)
        """
        rows, each, setting = len(self.release), self.release.each, self.setting

        def prior(network: nn.Module) -> Release:
            return Release(np.zeros((rows, federated.size_of(network)), np.float32), each=each)

        theirs = setting.subjects[setting.fold.victims]
        strangers = setting.learned[~np.isin(setting.subjects[setting.learned], theirs)]
        if rows > 1 or not 1 < each <= len(strangers):
            return {"prior": prior}  # another row stands for another's update
        rng = setting.stream("strangers")
        batch = Batches(rng.permutation(strangers)[None, :each], self.batches.place)
        given = (batch, self.labels, self.steps, rng)
        return {
            "prior": prior,
            "shuffled": lambda network: updates(setting, self.scheme, network, *given),
        }

    def match(self, made: Floats) -> NDArray[np.intp]:
        return self.batches.match(made, self.setting.values)

    def claimed(self, claims: NDArray[np.int64]) -> Columns:
        """``labelled``: 1 where a claim names the class of the sample, else 0."""
        return {"labelled": self.batches.labelled(claims.astype(np.int64), self.labels)}

    @cached_property
    def _gallery(self) -> Gallery:
        return searched(self.setting)

    def judge(self, made: Floats) -> Columns:
        return self.probed(made, None)

    def probed(self, made: Floats, rows: Indices | None) -> Columns:
        mean = self.setting.values[self.setting.fold.development].mean(axis=0)
        seen = inversion.compare(made, *self._gallery, mean, rows)._asdict()
        return {name: seen[name] for name in ("rank1", "distance", "purity", "purity_centred")}

    def tries(self, guesses: Floats, successes: Successes) -> Columns:
        """As in ``System``, all guesses in one product each."""
        gallery, subjects, rows = self._gallery
        distance = matching.l2(gallery[rows], guesses)
        found = {"rank1": inversion.rank1_of_each(guesses, gallery, subjects, rows)}
        for name, limit in self.terms.items():
            found[f"type1_at_fmr_{name}"] = distance <= limit[:, None]
        return {name: inversion.first(hits) for name, hits in found.items()}


def tensor(setting: Setting, rows: NDArray[np.intp]) -> Tensor:
    """Samples as the network takes them."""
    assert setting.samples is not None  # the leak refuses a dataset without
    return as_tensor(setting.samples[rows], setting.device)


def classes_of(setting: Setting) -> NDArray[np.int64]:
    """(n,) class of every sample: the number of its subject among those that are learned."""
    return np.searchsorted(np.unique(setting.subjects[setting.learned]), setting.subjects)


def trained(
    setting: Setting, scheme: UpdateScheme, rounds: int, seed: int, size: int, steps: int
) -> nn.Module:
    """The network after so many rounds under a scheme; the same for every fold, and cached.

    ``seed`` counts trainings, on from the target's own. Clients hold ``size`` samples and take
    ``steps`` steps of their own, as those do whose updates are stolen: accuracy and attack are of
    one system.
    """
    learner = setting.target
    seed += learner.seed  # type: ignore[union-attr]
    labels, rows = classes_of(setting), setting.learned
    pictures = tensor(setting, rows)

    def new() -> nn.Module:
        first = int(stream(seed, "federated", "weights").integers(2**62))
        weights = torch.Generator().manual_seed(first)
        made: nn.Module = learner.network(int(labels.max()) + 1, pictures.shape[1], weights)  # type: ignore[union-attr]
        return made.to(setting.device)

    def build() -> Arrays:
        network = new()
        federated.train(
            *(network, pictures, torch.from_numpy(labels[rows]).to(setting.device)),
            *(scheme, rounds, learner.rate),  # type: ignore[union-attr]
            stream(seed, "federated", "rounds"),
            alone=learner.alone,  # type: ignore[union-attr]
            size=size,
            steps=steps,
        )
        return state_of(network)

    assert setting.samples is not None and learner is not None
    parts = (learner.sha256, repr(scheme), code_digest([scheme], [KIT]), rounds, seed)
    key = digest(
        *parts, size, steps, setting.samples[rows], labels[rows], setting.device.partition(":")[0]
    )
    return restore(new(), cached("trained", key, build))


def said(setting: Setting, network: nn.Module) -> Floats:
    """Answers (n, classes) of a network to every sample of the dataset."""
    every = tensor(setting, np.arange(len(setting.subjects)))
    return federated.named(copy.deepcopy(network).eval(), every)


def accuracy(setting: Setting, network: nn.Module) -> float:
    """How many samples that it did not learn from a network names."""
    labels = classes_of(setting)
    test = np.setdiff1d(np.arange(len(labels)), setting.learned)
    return float((said(setting, network)[test].argmax(axis=1) == labels[test]).mean())


def busiest(setting: Setting, size: int) -> int:
    """Rounds of the attacked training in which the sample that is drawn most often takes part.

    A server that is sent each client's update knows who took part: sampling hides nobody, and a
    sample's own rounds add up. Of several clients' sum that is an upper bound: one's noise counts.
    """
    rng = stream(setting.target.seed, "federated", "rounds")  # type: ignore[union-attr]
    return most_often(federated.ROUNDS, len(setting.learned), size, rng)


def updates(
    setting: Setting,
    scheme: UpdateScheme,
    network: nn.Module,
    batches: Batches,
    labels: NDArray[np.int64],
    steps: int,
    rng: Generator,
) -> Release:
    """What the server sees of the clients, row by row: blocks fit into memory."""
    count, each = batches.members.shape
    clients, size = scheme.summed, each // scheme.summed
    learner: Any = setting.target
    parts, keys = [], np.zeros(clients, dtype=np.uint64)
    apart = size if learner.alone and steps == 1 else 1
    weights = sum(each.numel() for each in network.parameters())
    fits(f"gradients of the {each} samples behind an update", (clients, apart, weights))
    for row in range(count):
        x = tensor(setting, batches.members[row])
        y = torch.from_numpy(labels[batches.members[row]]).to(setting.device)
        x, y = x.reshape(clients, size, *x.shape[1:]), y.reshape(clients, size)
        found = federated.gradients_of(network, x, y, learner.alone, steps, learner.rate)
        values = found.detach().cpu().numpy()
        parts.append(scheme.release(values, keys, rng, size).code)
    return Release(np.concatenate(parts), each=each)
