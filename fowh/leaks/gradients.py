"""Gradients: clients train a classifier together, and the updates that they send are stolen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from fowh.core.errors import InputError
from fowh.core.leak import Doubt, Headline, Leak, Observed, Setting
from fowh.core.modality import Columns
from fowh.core.target import Learner, Target
from fowh.core.updates import UpdateScheme
from fowh.leaks import _clients, _privacy
from fowh.leaks._accuracy import accuracy
from fowh.leaks._batches import Batches
from fowh.leaks._clients import Clients
from fowh.leaks._gallery import SIZES, chance, distances
from fowh.leaks._measures import METRICS

LOOSE = 10.0  # epsilon from which a guarantee promises next to nothing


@dataclass(frozen=True)
class Gradients(Leak):
    """Updates of a federated classifier (McMahan et al. 2017), as the server sees them.

    They are good for training: accuracy of what is trained under the scheme. Got back is a sample
    that a recogniser, which no attack ever touched, takes for the victim's.

    Attributes:
        batch: samples behind a client's update.
        round: of the training under the scheme, in which the updates are stolen; 0 is before it.
        steps: of local training behind an update (FederatedAveraging; 1 is one gradient).
    """

    batch: int = 1
    round: int = 0
    steps: int = 1

    closed_set: ClassVar[bool] = True
    foreign: ClassVar[bool] = True
    protocol: ClassVar[str] = "federated"
    reference: ClassVar[str] = "plain"
    suite: ClassVar[tuple[str, ...]] = (
        *("label", "first_layer", "invert_gradients:steps=150,tv=0.1", "generative:steps=150"),
    )
    headline: ClassVar[Headline] = Headline(
        utility="accuracy",
        scenario="protected",
        reference="unprotected",
        useless=0.5,
        success=("rank1", "type1_at_fmr_1e-3"),
    )
    scenarios: ClassVar[Mapping[str, str]] = {
        "unprotected": "trained as it is",
        "protected": "trained under the scheme",
    }
    metrics: ClassVar[tuple[Any, ...]] = METRICS

    def __post_init__(self) -> None:
        for name, least in (("batch", 1), ("round", 0), ("steps", 1)):
            given = getattr(self, name)
            if type(given) is not int or given < least:
                raise InputError(
                    f"gradients:{name}={given}: expected an integer of at least {least}"
                )

    def observed(self, target: Target) -> Target:
        if not isinstance(target, Learner):
            raise InputError(
                f"leak gradients: nobody trains target {type(target).__name__.lower()} in rounds; "
                "try --target mlp, softmax, lenet or convnet"
            )
        return target

    def deploy(self, setting: Setting) -> Clients:
        scheme, learner = setting.scheme, setting.target
        if not isinstance(scheme, UpdateScheme):
            raise InputError(
                f"{type(scheme).__name__} protects no updates: derive it from fowh.UpdateScheme"
            )
        if not isinstance(learner, Learner) or setting.samples is None or not len(setting.learned):
            raise InputError(
                "leak gradients wants a target that learns and a protocol that says from whom: "
                "try --target mlp --protocol federated"
            )
        single = self.steps == 1 and learner.alone
        promised = _privacy.promised(setting, scheme, self.batch, single)
        labels = _clients.classes_of(setting)
        batches = Batches.of(
            setting.fold, setting.learned, self.batch * scheme.summed, setting.stream("batches")
        )
        shared = _clients.trained(setting, scheme, self.round, 0, self.batch, self.steps)
        left = _clients.updates(
            *(setting, scheme, shared, batches, labels, self.steps), setting.stream("update")
        )
        facts: dict[str, float] = {
            "accuracy_at_round": _clients.accuracy(setting, shared),
            "bytes_per_update": scheme.bits(left.code.shape[1]) / 8,
            "coordinates": left.code.shape[1],
            "chance_label": batches.chance(labels, setting.fold.attacker, setting.stream("lots")),
            **chance(setting.subjects, setting.fold),
            **promised,
        }
        keys = np.zeros(len(setting.fold.stolen), dtype=np.uint64)  # nobody holds one
        return Clients(
            *(setting, scheme, keys, left, distances(setting), facts, batches, labels),
            *(shared, self.steps, self.batch),
        )

    def successes(self, columns: Columns, terms: Columns) -> Columns:
        if "labelled" in columns:
            return {"label": columns["labelled"]}
        made = {name: np.asarray(columns[name], np.float64) for name in ("rank1", "purity")}
        near = {f"type1_at_fmr_{at}": columns["distance"] <= limit for at, limit in terms.items()}
        made |= {name: np.asarray(passed, np.float64) for name, passed in near.items()}
        return made | {"purity_centred": columns["purity_centred"]}

    def summary(self, observed: Observed) -> dict[str, Any]:
        first = observed.facts[0]
        privacy = ("epsilon", "epsilon_models", "delta", "participations")
        parts = {"network": ("accuracy_at_round",), "privacy": privacy}
        properties = {
            part: {name: first[name] for name in names if name in first}
            for part, names in parts.items()
        }
        return {
            "utility": accuracy(observed),
            "chance": {
                "rank1": float(np.mean([facts["chance_rank1"] for facts in observed.facts])),
                "label": float(np.mean([facts["chance_label"] for facts in observed.facts])),
            },
            "data": {
                "dimension": int(first["coordinates"]),
                "trainings": _clients.SEEDS,
                **{name: int(first[name]) for name in SIZES},
            },
            "properties": properties,
            "cost": {"bytes_per_update": first["bytes_per_update"]},
        }

    def doubts(self, record: Mapping[str, Any]) -> Iterator[Doubt]:
        epsilon = record["properties"].get("privacy", {}).get("epsilon")
        if epsilon is not None and epsilon > LOOSE:
            yield (
                "loose-epsilon",
                f"epsilon {epsilon:,.1f} is above {LOOSE:.0f}: the guarantee promises next to "
                "nothing, whatever the attacks of this suite reach",
            )
