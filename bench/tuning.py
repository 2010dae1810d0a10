"""Choose the settings of attacks on networks, on people whom no table of ours attacks.

python -m bench.tuning LFW attacks
python -m bench.tuning LFW targets
python -m bench.tuning LFW schemes
python -m bench.tuning LFW estimates

LFW is the folder of people of Labeled Faces in the Wild. Forty of those with at least ten
photographs stand where ORL's people stand in the tables. Nothing here knows the recogniser that
judges there: whose face a prototype shows is decided by Fisherfaces (Belhumeur et al. 1997) that
were learned from everybody else. What is printed is kept in bench/records/tuning.json.
"""

from __future__ import annotations

import itertools
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from numpy.typing import NDArray

from attacks import _ratios, first_layer
from attacks.first_layer import FirstLayer
from attacks.invert_gradients import InvertGradients
from attacks.mi_face import MiFace
from fowh.core.dataset import Samples
from fowh.core.registry import load
from fowh.core.release import Release
from fowh.core.updates import UpdateScheme
from fowh.core.view import View
from fowh.kit import federated
from fowh.kit.images import alike, as_tensor, resize
from fowh.kit.rounds import clients_of
from fowh.metrics.image import psnr
from schemes.full_scores import FullScores
from schemes.plain import Plain

RECORD = Path(__file__).parent / "records" / "tuning.json"
PEOPLE, READINGS, MEMBERS, VICTIMS = 40, 10, 7, 16  # as in protocol federated on ORL
OTHERS = 2000  # photographs that Fisherfaces learn from
AXES = (200, 100)  # principal components, then discriminants
SIDES = (32, 64)
STEPS, RATES, WEIGHTS = (25, 50, 100, 200), (0.0025, 0.005, 0.01), (1.0, 3.0, 10.0, 30.0)
TV = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
ROUNDS = (0, 50, 200)
PACES = (0.1, 0.3, 1, 2, 5, 10, 20, 50)
LONGER = (200, 1000, 5000)  # where gradients are clipped in L1
SCHEMES = (
    *("plain", "clip", *(f"dp_sgd:sigma={sigma}" for sigma in (0.03, 0.1, 0.3, 1))),
    *("top_k:share=0.01", "laplace:scale=0.0001"),
)
SEEDS = 1
SIGMAS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
MAP = (  # SURE, OFF and LOUD of the estimate
    *itertools.product((0.0, 1.0, 3.0), (0.3, 1.0), (2.0,)),
    (3.0, 0.3, 1e9),
)
TARGETS = (*("mlp", "softmax", "lenet", "convnet:norm=none", "convnet:norm=train"),)
RATES_OF_ALL = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)


@dataclass(frozen=True, eq=False)
class World:
    """Forty people, as squares of 64 pixels, and a judge.

    Attributes:
        faces: (400, 64, 64) grey, ten a person.
        labels: (400,) 0..39.
        mean: (4096,) that the judge subtracts.
        axes: (4096, k) on which it looks.
    """

    faces: NDArray[np.uint8]
    labels: NDArray[np.intp]
    mean: NDArray[np.float64]
    axes: NDArray[np.float64]

    @property
    def members(self) -> NDArray[np.bool_]:
        """Readings that are trained on."""
        return np.arange(len(self.labels)) % READINGS < MEMBERS

    @property
    def victims(self) -> NDArray[np.bool_]:
        """Readings of people who are not the attacker's."""
        return self.labels < VICTIMS

    def seen(self, faces: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Unit vectors (n, k) of faces of any size."""
        flat = resize(faces, SIDES[-1]).reshape(len(faces), -1) - self.mean
        flat = flat / flat.std(axis=1, keepdims=True).clip(1e-9)
        found: NDArray[np.float64] = flat @ self.axes
        return found / np.linalg.norm(found, axis=1, keepdims=True).clip(1e-9)


def world(samples: Samples) -> World:
    """Choose forty people, align all faces, and learn the judge from the others."""
    rng = np.random.default_rng(0)
    people, counts = np.unique(samples.subjects, return_counts=True)
    chosen = rng.permutation(people[counts >= READINGS])[:PEOPLE]
    rows = np.concatenate([np.flatnonzero(samples.subjects == who)[:READINGS] for who in chosen])
    rest = rng.permutation(np.flatnonzero(~np.isin(samples.subjects, chosen)))[:OTHERS]
    aligner = load("target", "dlib")
    squares = [
        resize(alike(aligner.prepare(samples.values[part]).samples, np.empty((0, 0, 0))), SIDES[-1])
        for part in (rows, rest)
    ]
    mean, axes = fisherfaces(squares[1], samples.subjects[rest])
    return World(squares[0], np.repeat(np.arange(PEOPLE), READINGS), mean, axes)


def fisherfaces(
    faces: NDArray[np.uint8], whose: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and axes: principal components, then discriminants of people with several faces."""
    flat = faces.reshape(len(faces), -1).astype(np.float64)
    mean = flat.mean(axis=0)
    flat = flat - mean
    flat /= flat.std(axis=1, keepdims=True).clip(1e-9)
    _, _, main = np.linalg.svd(flat, full_matrices=False)
    found = flat @ main[: AXES[0]].T
    _, inverse = np.unique(whose, return_inverse=True)
    counts = np.bincount(inverse)
    centres = np.zeros((len(counts), found.shape[1]))
    np.add.at(centres, inverse, found)
    centres /= counts[:, None]
    within = (found - centres[inverse])[counts[inverse] > 1]
    spread, turn = np.linalg.eigh(within.T @ within / len(within))
    white = turn / np.sqrt(spread + 1e-3 * spread.max())
    _, _, apart = np.linalg.svd(centres[counts > 1] @ white, full_matrices=False)
    return mean, main[: AXES[0]].T @ white @ apart[: AXES[1]].T


def trained(target: str, given: World, side: int, rounds: int) -> torch.nn.Module:
    """A network after so many rounds with the forty."""
    learner: Any = load("target", f"{target}:side={side}")
    network: torch.nn.Module = learner.network(PEOPLE, 1, torch.Generator().manual_seed(0))
    pictures = as_tensor(resize(given.faces, side)[given.members], "cpu")
    labels = torch.from_numpy(given.labels[given.members])
    rng = np.random.default_rng(1)
    federated.train(network, pictures, labels, UpdateScheme(), rounds, learner.rate, rng)
    return network


def rank1(given: World, made: NDArray[np.uint8], whose: NDArray[np.intp]) -> float:
    """How often the nearest test reading of the victims is of whom a picture was made."""
    there = given.victims & ~given.members
    near = (given.seen(made) @ given.seen(given.faces[there]).T).argmax(axis=1)
    return float((given.labels[there][near] == whose).mean())


def prototypes(given: World, side: int) -> dict[str, float]:
    """Rank-1 of MI-Face by setting, on softmax regression of that size."""
    network = torch.nn.Sequential(trained("softmax", given, side, federated.ROUNDS))
    network.append(torch.nn.Softmax(dim=1)).eval().requires_grad_(False)
    own = resize(given.faces[~given.victims], side)
    answers = np.eye(PEOPLE, dtype=np.float32)[:VICTIMS]
    subjects = given.labels[~given.victims].astype(np.int64)
    known = np.eye(PEOPLE, dtype=np.float32)[subjects]
    release = Release(answers)
    view = View(FullScores(), release, known, subjects, own, module=network, as_released=True)
    mean = np.repeat(own.mean(axis=0).astype(np.uint8)[None], VICTIMS, axis=0)
    found = {"mean face": rank1(given, mean, np.arange(VICTIMS))}
    for steps, rate, weight in itertools.product(STEPS, RATES, WEIGHTS):
        attack = MiFace(steps=steps, rate=rate, weight=weight)
        made = attack.run(view, np.random.default_rng(0))
        name = f"steps={steps},rate={rate},weight={weight}"
        found[name] = rank1(given, made, np.arange(VICTIMS))
    return found


def smoothness(given: World, rounds: int) -> dict[str, float]:
    """Mean PSNR of gradients of single victims' samples inverted, by weight of the variation."""
    network = trained("convnet", given, SIDES[0], rounds)
    small = resize(given.faces, SIDES[0])
    rows = np.flatnonzero(given.victims & given.members)[::MEMBERS]
    x, y = as_tensor(small[rows], "cpu"), torch.from_numpy(given.labels[rows])
    code = federated.per_sample(network, x, y).numpy()
    own, subjects = small[~given.victims], given.labels[~given.victims].astype(np.int64)
    known = np.zeros((len(own), PEOPLE), np.float32)
    view = View(Plain(), Release(code), known, subjects, own, module=network)
    found = {}
    for weight in TV:
        made = InvertGradients(steps=300, tv=weight).run(view, np.random.default_rng(0))
        found[f"tv={weight}"] = float(psnr(made, small[rows]).mean())
    return found


def estimates(given: World, sigma: float) -> dict[str, float]:
    """Mean PSNR of MAP's pictures of the victims' single updates, by what it takes for sure."""
    network, small = trained("mlp", given, SIDES[0], 20), resize(given.faces, SIDES[0])
    rows = np.flatnonzero(given.victims & given.members)[::2]
    x, y = as_tensor(small[rows], "cpu"), torch.from_numpy(given.labels[rows])
    clean = federated.per_sample(network, x, y).detach().numpy()[:, None]
    scheme, keys = load("scheme", f"dp_sgd:sigma={sigma}"), np.zeros(len(rows), np.uint64)
    release = scheme.release(clean, keys, np.random.default_rng(2), 1)
    own, subjects = small[~given.victims], given.labels[~given.victims].astype(np.int64)
    answers = federated.named(network, as_tensor(own, "cpu"))
    view = View(scheme, release, answers, subjects, own, module=network, classes=subjects)
    mean = np.repeat(own.mean(axis=0).round().astype(np.uint8)[None], len(rows), axis=0)
    found = {"mean face": float(psnr(mean, small[rows]).mean())}
    for sure, off, loud in MAP:
        with (
            patch.multiple(_ratios, SURE=sure, OFF=off),
            patch.object(first_layer, "LOUD", loud),
        ):
            made = FirstLayer().run(view, np.random.default_rng(0))
        found[f"sure={sure},off={off},loud={loud}"] = float(psnr(made, small[rows]).mean())
    return found


def accuracy(
    given: World, scheme: UpdateScheme, pace: float, target: str = "mlp", size: int | None = None
) -> float:
    """Of a target trained under a scheme at that pace, on readings that it did not learn from."""
    clients = clients_of(int(given.members.sum()), size)
    learner: Any = load("target", target)
    small = resize(given.faces, SIDES[0])
    x, y = as_tensor(small, "cpu"), torch.from_numpy(given.labels)
    member, right = torch.from_numpy(given.members), []
    for seed in range(SEEDS):
        network = learner.network(PEOPLE, 1, torch.Generator().manual_seed(seed))
        rate, rng = learner.rate * pace / scheme.pace(clients), np.random.default_rng(seed)
        seen, whose = x[member], y[member]
        rounds, alone = federated.ROUNDS, learner.alone
        federated.train(network, seen, whose, scheme, rounds, rate, rng, alone, size=size)
        network.eval()
        said = federated.named(network, x[~member]).argmax(axis=1)
        right.append((said == given.labels[~given.members]).mean())
    return float(np.mean(right))


def rates(given: World, target: str) -> dict[str, float]:
    """Accuracy by the learner's rate."""
    own = load("target", target).rate
    return {f"rate={r}": accuracy(given, UpdateScheme(), r / own, target) for r in RATES_OF_ALL}


def paces(given: World, text: str, size: int | None) -> dict[str, float]:
    """Accuracy by pace, where each client has so many samples, or one party has all."""
    scheme: UpdateScheme = load("scheme", text)
    tried = (*PACES, *(LONGER if text.startswith("laplace") else ()))
    return {f"pace={pace}": accuracy(given, scheme, pace, size=size) for pace in tried}


def attacks(given: World) -> dict[str, dict[str, float]]:
    """Tables of settings of attacks."""
    real = given.victims & given.members
    own = rank1(given, given.faces[real], given.labels[real])
    made = {"judge": {"Rank-1 of the victims' own photographs": own}}
    made |= {f"mi_face, softmax:side={side}": prototypes(given, side) for side in SIDES}
    for rounds in ROUNDS:
        name = f"invert_gradients, convnet at round {rounds}, PSNR"
        made[name] = smoothness(given, rounds)
    return made


def main() -> None:
    """Measure, print and keep."""
    if len(sys.argv) != 3 or sys.argv[2] not in ("attacks", "targets", "schemes", "estimates"):
        raise SystemExit(__doc__)
    given = world(load("dataset", f"folder:root={sys.argv[1]},side=250,colour=true").load())
    tables = json.loads(RECORD.read_text("utf-8")) if RECORD.exists() else {}
    if sys.argv[2] == "attacks":
        tables |= attacks(given)
    for target in TARGETS if sys.argv[2] == "targets" else ():
        tables[f"accuracy of {target}"] = found = rates(given, target)
        print(target, found, file=sys.stderr, flush=True)
    for sigma in SIGMAS if sys.argv[2] == "estimates" else ():
        tables[f"first_layer, dp_sgd:sigma={sigma}, PSNR"] = estimates(given, sigma)
    for text in SCHEMES if sys.argv[2] == "schemes" else ():
        for who, size in (("one party", None), ("clients of one sample", 1)):
            tables[f"accuracy under {text}, {who}"] = found = paces(given, text, size)
            print(text, who, found, file=sys.stderr, flush=True)
    for name, rows in tables.items():
        print(name, *(f"  {key:36} {value:.3f}" for key, value in rows.items()), sep="\n")
    RECORD.write_text(json.dumps(tables, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
