"""One cell: what a run evaluates, its spec and its labels; nothing runs here."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from fowh.core.attack import Attack
from fowh.core.dataset import Dataset, Samples
from fowh.core.errors import InputError
from fowh.core.leak import Leak
from fowh.core.modality import Modality
from fowh.core.protocol import Protocol
from fowh.core.registry import Kind, describe, described, load
from fowh.core.scheme import Scheme
from fowh.core.sources import code_digest
from fowh.core.target import Target
from fowh.core.threat import Threat
from fowh.metrics import Metric, candidates, learn

HOME = Path(__file__).parents[1]
ROOMS = ("core", "kit", "metrics", "engine", "records")  # that measure, whatever the plug-ins


@dataclass(frozen=True, eq=False)
class Cell:
    """What one run evaluates.

    Attributes:
        dataset, scheme, attacks, leak, protocol, threat, seed: as the command line takes them.
        target: None for the usual one of the dataset's modality, or for ready embeddings.
        witness: a recogniser that no attack queries; None for none.

    Raises:
        InputError: parts that do not fit each other.
    """

    dataset: Dataset
    target: Target | None
    scheme: Scheme
    attacks: tuple[Attack, ...]
    leak: Leak
    protocol: Protocol
    threat: Threat = field(default_factory=Threat)
    seed: int = 0
    witness: Target | None = None

    def __post_init__(self) -> None:
        if type(self.seed) is not int or self.seed < 0:
            raise InputError(f"--seed {self.seed}: expected an integer of at least 0")
        scheme = describe(self.scheme, "scheme")
        leak = self.leak.guarded or describe(self.leak, "leak")["name"]
        if self.scheme.protects != leak:
            raise InputError(
                f"scheme {scheme['name']!r} protects {self.scheme.protects}, not {leak}: "
                f"give --leak {self.scheme.protects}, or a scheme that `fowh list` has under {leak}"
            )
        seen: set[str] = set()
        for name in map(row_name, self.attacks):
            if name in self.protocol.controls:
                raise InputError(f"attack {name!r} is a control of every run already: leave it out")
            if name in seen:
                raise InputError(f"attack {name!r} is given twice: leave one out")
            seen.add(name)

    def on(self, samples: Samples) -> Cell:
        """The cell with the target that its samples need.

        Raises:
            InputError: a target or a witness that these samples cannot have.
        """
        kind, target = modality_of(samples), self.target
        try:
            learn(own_metrics(self, samples))
        except ValueError as error:
            raise InputError(f"leak or modality: {error}") from error
        if kind.embedded and self.leak.closed_set:
            raise InputError(
                f"leak {describe(self.leak, 'leak')['name']} is about what a classifier answers, "
                "and this dataset holds embeddings: name a dataset of samples"
            )
        if kind.embedded:
            if target is not None or self.witness is not None:
                which = "a target embeds" if target is not None else "a witness looks at"
                raise InputError(
                    f"{which} samples, and this dataset holds embeddings: leave it out"
                )
            return self
        if target is None:
            if not kind.target:
                raise InputError(
                    f"this dataset holds samples of kind {samples.modality!r}: name a target "
                    "model with --target"
                )
            target = cast(Target, load("target", kind.target))
        witness = self.witness and self.witness.beside(target)
        for name, model in (("target", target), ("witness", witness)):
            if model is not None and model.modality != samples.modality:
                raise InputError(
                    f"{name} {describe(model, 'target')['name']} takes samples of kind "
                    f"{model.modality!r}, this dataset holds {samples.modality!r}: name another"
                )
        if self.leak.foreign and not (witness or kind.target):
            raise InputError(
                f"leak {describe(self.leak, 'leak')['name']} needs a recogniser of samples of kind "
                f"{samples.modality!r} that judges: name one with --witness"
            )
        if witness and describe(witness, "target") == describe(target, "target"):
            raise InputError("the witness is the target itself: name another recogniser")
        return replace(self, target=target, witness=witness)


def modality_of(samples: Samples) -> Modality:
    """The plug-in that knows what these samples are."""
    made: Modality = load("modality", samples.modality)
    return made


def own_metrics(cell: Cell, samples: Samples) -> tuple[Metric, ...]:
    """What the leak and the modality measure beside what the table of metrics has.

    Of a leak's own successes also those of attacks that return several candidates a row.
    """
    leak = cell.leak
    wanted = [metric for metric in leak.metrics if metric.name in leak.headline.success]
    several = [each for metric in wanted for each in candidates(metric)]
    return (*leak.metrics, *several, *modality_of(samples).metrics)


def spec_of(cell: Cell, samples: Samples) -> dict[str, Any]:
    """Everything that determines the record, as JSON values.

    Args:
        cell: what is evaluated.
        samples: of its dataset, loaded.
    """
    cell = cell.on(samples)
    blind = map(control, cell.protocol.controls)
    own = (cell.dataset, cell.leak, cell.scheme, cell.protocol, *cell.attacks, *blind)
    return {
        "dataset": {
            **described(cell.dataset, "dataset"),
            "modality": samples.modality,
            "sha256": samples.sha256,
        },
        "target": _model(cell.target),
        "leak": described(cell.leak, "leak"),
        "scheme": described(cell.scheme, "scheme"),
        "protocol": {**described(cell.protocol, "protocol"), "numbers": cell.protocol.numbers()},
        "threat": dataclasses.asdict(cell.threat),
        "attacks": [described(attack, "attack") for attack in cell.attacks],
        "witness": _model(cell.witness),
        "seed": cell.seed,
        # Without it a record would answer for code that has changed; targets digest their own.
        "code": code_digest((*own, modality_of(samples)), [HOME / room for room in ROOMS]),
    }


def _model(target: Target | None) -> dict[str, Any] | None:
    if target is None:
        return None
    return {**described(target, "target"), **target.notes(), "sha256": target.sha256}


def control(name: str) -> Attack:
    """A blind attack of the protocol."""
    attack: Attack = load("attack", name)
    return attack


def source_of(attack: Attack) -> str:
    """Digest of an attack's own code and of what every plug-in builds on, for what it trains."""
    return code_digest([attack], [HOME / "kit"])


def row_name(attack: Attack) -> str:
    """How a table calls an attack: its name and the parameters that are not the default."""
    named = describe(attack, "attack")
    defaults = {item.name: item.default for item in dataclasses.fields(cast(Any, attack))}
    changed = [f"{k}={v}" for k, v in named["params"].items() if v != defaults[k]]
    return str(named["name"]) + (":" + ",".join(changed) if changed else "")


def plugin_name(attack: Attack) -> str:
    """Names an attack's stream of randomness: its variants start from the same seed, as pairs."""
    return str(describe(attack, "attack")["name"])


def cell_name(cell: Cell) -> str:
    """A cell in one line, for messages: plug-ins with their parameters, the threat and the seed."""
    parts: tuple[tuple[Kind, Any], ...] = (
        ("dataset", cell.dataset),
        ("target", cell.target),
        ("leak", cell.leak),
        ("scheme", cell.scheme),
        ("protocol", cell.protocol),
        ("target", cell.witness),
    )
    words = []
    for kind, plugin in parts:
        if plugin is not None:
            named = describe(plugin, kind)
            params = ",".join(f"{key}={value}" for key, value in named["params"].items())
            words.append(f"{named['name']}:{params}" if params else str(named["name"]))
    words += [f"{axis}={value}" for axis, value in dataclasses.asdict(cell.threat).items()]
    return f"{' '.join(words)} seed={cell.seed}"
