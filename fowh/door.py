"""What ``import fowh`` offers: one cell from Python, with the arguments of the command line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fowh.cells import make_cell
from fowh.core.attack import Attack
from fowh.core.cache import Arrays
from fowh.core.dataset import Dataset, read
from fowh.core.errors import InputError, contained
from fowh.core.leak import Leak
from fowh.core.protocol import Protocol
from fowh.core.registry import Kind
from fowh.core.registry import load as load_plugin
from fowh.core.scheme import Scheme
from fowh.core.target import Progress, Target
from fowh.core.threat import Threat
from fowh.kit.parallel import spare_the_cores

if TYPE_CHECKING:
    from rich.table import Table

    from fowh.checks import Finding

spare_the_cores()  # before torch and NumPy are loaded, where they are not yet


@dataclass(frozen=True, eq=False)
class Result:
    """One evaluated cell.

    Attributes:
        record: everything measured, as JSON values; docs/records.md describes it.
        observations: what it was measured from, as named arrays.
    """

    record: dict[str, Any]
    observations: Arrays

    @property
    def flags(self) -> list[str]:
        """Names of the reasons for doubt; ``record["flags"]`` has them in words."""
        return [flag["flag"] for flag in self.record["flags"]]

    @property
    def pictures(self) -> Arrays:
        """Samples of the first fold, (k, ...) by name: original, nearest, attack.NAME ..."""
        head = "shown."
        return {
            name.removeprefix(head): samples
            for name, samples in self.observations.items()
            if name.startswith(head) and name != "shown.subject"
        }

    def table(self) -> Table:
        """What a thief gets back, as a table that rich prints."""
        from fowh.report.terminal import table

        return table(self.record)

    def save(self, folder: str | Path) -> Path:
        """Write record, observations and page into a folder, as the command line does.

        Returns:
            The folder.
        """
        from fowh.records import store
        from fowh.run import write_report

        place = Path(folder)
        store.save(place, self.record, self.observations)
        write_report(place, self.record)
        return place

    def _repr_html_(self) -> str:
        from fowh.report.html import fragment

        return fragment(self.record)

    def __repr__(self) -> str:
        from fowh.report.page import page

        scheme = self.record["spec"]["scheme"]["name"]
        return f"<fowh.Result {scheme}: {page(self.record).verdict.short}>"


def evaluate(
    scheme: str | Scheme,
    *,
    dataset: str | Dataset = "orl",
    target: str | Target | None = None,
    attacks: str | Attack | Iterable[str | Attack] = (),
    leak: str | Leak = "templates",
    protocol: str | Protocol | None = None,
    witness: str | Target | None = None,
    seed: int = 0,
    device: str = "auto",
    out: str | Path | None = None,
    force: bool = False,
    trusted: bool = False,
    progress: Progress | None = None,
    **threat: Any,
) -> Result:
    """Evaluate one cell: does the scheme keep the system useful, and what does a thief get back?

    Args:
        scheme: what stands between target and leak; a text as on the command line, or an object.
        dataset: whose samples.
        target: what embeds them; None for the usual one of their modality.
        attacks: none for the standard suite of the leak.
        leak: what is stolen.
        protocol: who is who; None for the usual one of the leak.
        witness: a recogniser that no attack queries, for a second opinion.
        seed: of every stream of randomness.
        device: auto, cpu, cuda, cuda:1 ...
        out: folder of records: a cell on record is answered from it, another is written to it.
            None: nothing is written but caches.
        force: run again although recorded.
        trusted: run third parties' schemes and attacks in this process, where they can reach the
            truth; else those that are given as texts have processes of their own.
        progress: is told (what is going on, which fraction is done).
        threat: axes of ``Threat``: keys, leaked, box, queries, samples, versions, server,
            candidates.

    Raises:
        InputError: anything that the command line would refuse; one line says what to do.
    """
    from fowh.engine.observe import observe
    from fowh.records import store
    from fowh.records.summarise import summarise
    from fowh.run import answer_or_run, pick_device

    note = progress or (lambda text, done: None)
    cell = make_cell(
        *(scheme, dataset, target, attacks),
        leak=leak,
        protocol=protocol,
        threat=_threat_of(threat),
        seed=seed,
        witness=witness,
        trusted=trusted,
    )
    with contained():  # an exit of somebody's plug-in must not be the caller's
        samples = read(cell.dataset, note)
        if out is not None:
            done = answer_or_run(cell, samples, Path(out), device, force, note)
            return Result(done.record, store.load_observations(done.folder))
        place = pick_device(device)
        found = observe(cell, samples, place, note)
        return Result(*summarise(cell, samples, found, place))


def _threat_of(axes: dict[str, Any]) -> Threat:
    unknown = set(axes) - set(Threat.__dataclass_fields__)
    if unknown:
        known = ", ".join(Threat.__dataclass_fields__)
        raise InputError(f"unknown argument {min(unknown)!r}: the threat has {known}")
    return Threat(**axes)


def load(kind: Kind, text: str) -> Any:
    """Build a plug-in from a text as on the command line: ``load("scheme", "iom:hashes=100")``.

    Raises:
        InputError: unknown plug-in, unknown parameter, or a value of the wrong type.
    """
    return load_plugin(kind, text)


def check(plugin: str | object) -> list[Finding]:
    """Check that a plug-in keeps its contract: its name, ``module:Class``, or an object.

    Raises:
        InputError: no such plug-in.
    """
    from fowh.checks import run_checks

    return run_checks(plugin)
