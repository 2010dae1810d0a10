"""One cell, top to bottom: what it is, and its folds in turn. Data flows one way."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fowh.core.attack import Attack
from fowh.core.cache import source_digest
from fowh.core.dataset import Dataset, Samples
from fowh.core.errors import InputError
from fowh.core.registry import describe
from fowh.core.scheme import Scheme
from fowh.core.target import Target
from fowh.engine.findings import Findings
from fowh.engine.plan import make_plan, protocol_of
from fowh.protocols import standard as protocol
from fowh.targets._trained import TrainedTarget

Note = Callable[[str, float], None]  # (stage, fraction of the whole run)


@dataclass(frozen=True)
class Threat:
    """The axes of the threat model that a cell states.

    Attributes:
        keys: one key for each subject, or one for all.
        leaked: whether the keys leak with the database.
        box: black box (queries only) or white box (the network itself).
        queries: budget of the counted query handle, per fold.
        samples: how many samples of his own the attacker has, at most.
        versions: which versions of the target he may query (final; train: all that there are), and
            whether the stolen samples' templates leaked under all of them (all).
    """

    keys: Literal["subject", "shared"] = "subject"
    leaked: bool = True
    box: Literal["black", "white"] = "black"
    queries: int = 50_000
    samples: int = protocol.MAX_OWN
    versions: Literal["final", "train", "all"] = "train"


@dataclass(frozen=True, eq=False)
class Cell:
    """What one run evaluates."""

    dataset: Dataset
    target: Target | None
    scheme: Scheme
    attacks: tuple[Attack, ...]
    threat: Threat = Threat()
    seed: int = 0
    judge: Target | None = None  # a recogniser that no attack queries, for a second opinion

    def __post_init__(self) -> None:
        if self.judge is None:
            return
        if self.target is None or describe(self.judge, "target") == describe(self.target, "target"):
            raise InputError("the judge is the target itself: name another recogniser")
        if getattr(self.judge, "schedule", "upslope") != "upslope":
            raise InputError("the judge has one version: leave its schedule out")


def spec_of(cell: Cell, samples: Samples) -> dict[str, Any]:
    """Everything that determines the record, as JSON values."""
    plugins = (cell.scheme, *cell.attacks, cell.dataset)  # targets digest their own code
    target = None
    if samples.images is not None and cell.target is not None:
        target = {**describe(cell.target, "target"), "sha256": cell.target.sha256}
        if isinstance(cell.target, TrainedTarget):
            target["initial_weights"] = cell.target.origin()
    judge = None
    if cell.judge is not None:
        judge = {**describe(cell.judge, "target"), "sha256": cell.judge.sha256}
    return {
        "dataset": {**describe(cell.dataset, "dataset"), "sha256": samples.sha256},
        "target": target,
        "judge": judge,
        "scheme": describe(cell.scheme, "scheme"),
        "attacks": [describe(attack, "attack") for attack in cell.attacks],
        "protocol": _protocol(cell),
        "threat": dataclasses.asdict(cell.threat),
        "seed": cell.seed,
        "code": _code(plugins),
    }


def _protocol(cell: Cell) -> dict[str, Any]:
    """The protocol's name and numbers."""
    name = protocol_of(cell.dataset, cell.target)
    if name == "standard":
        return protocol.STANDARD
    from fowh.protocols._afm import published_protocol

    return published_protocol(name)


def _code(plugins: tuple[Any, ...]) -> str:
    """Digest of the plug-ins' sources, of what they share, and of what measures them.

    Without it a record would answer for code that has changed since.
    """
    rooms = ("core", "kit", "metrics", "engine", "records", "protocols")
    files = {file for room in rooms for file in (Path(__file__).parents[1] / room).glob("*.py")}
    for plugin in plugins:
        source = inspect.getsourcefile(type(plugin))
        if source is not None:
            files |= {Path(source), *Path(source).parent.glob("_*.py")}
            files |= set(Path(source).parent.glob("_*/*.py"))
    return source_digest(*(str(file) for file in sorted(files)))


def label(attack: Attack) -> str:
    """How a table calls an attack: its name and the parameters that are not the default."""
    named = describe(attack, "attack")
    defaults = {field.name: field.default for field in dataclasses.fields(attack)}  # type: ignore[arg-type]
    changed = [f"{k}={v}" for k, v in named["params"].items() if v != defaults[k]]
    return str(named["name"]) + (":" + ",".join(changed) if changed else "")


def plugin_name(attack: Attack) -> str:
    """Names an attack's stream of randomness: its variants start from the same seed, as pairs."""
    return str(describe(attack, "attack")["name"])


def observe(cell: Cell, samples: Samples, device: str, note: Note) -> Findings:
    """Run the whole cell.

    Args:
        cell: what to evaluate.
        samples: of its dataset, loaded.
        device: torch device name.
        note: is told what is going on.

    Returns:
        The raw observations of all folds.

    Raises:
        InputError: the dataset does not fit the protocol, the target or the scheme.
    """
    from fowh.engine.fold import FoldRun

    if cell.judge is not None and samples.images is None:
        raise InputError(
            "a judge looks at pictures, and this dataset holds embeddings: leave it out"
        )
    found = Findings()
    with found.clock("embed"):
        plan = make_plan(
            cell.dataset,
            samples,
            cell.target,
            cell.threat.samples,
            cell.seed,
            device,
            lambda text, done: note(text, 0.3 * done),
        )
    if plan.data.not_found is not None:
        found.facts["not_found"] = plan.data.not_found
    for fold in plan.folds:
        FoldRun(cell, plan, fold, device, found, note).run()
    return found
