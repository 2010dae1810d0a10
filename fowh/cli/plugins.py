"""``fowh list``, ``check``, ``new`` and ``doctor``: what there is, and whether it works."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fowh.cli._app import command
from fowh.cli._door import say
from fowh.core.errors import InputError


@command("list")
def list_plugins() -> None:
    """List every kind of plug-in; schemes by the leak that they protect from."""
    from fowh.core.registry import KINDS, attribute, names, plural, summary

    for kind in KINDS:
        if kind != "scheme":
            _print_names(plural(kind), [(name, summary(kind, name)) for name in names(kind)])
            continue
        groups: dict[str, list[tuple[str, str]]] = {}
        for name in names(kind):
            try:
                group, text = (
                    f"schemes for {attribute(kind, name, 'protects')}",
                    summary(kind, name),
                )
            except InputError as error:  # a third party's: the others are listed all the same
                group, text = "schemes that cannot be loaded", str(error)
            groups.setdefault(group, []).append((name, text))
        for group, found in groups.items():
            _print_names(group, found)


def _print_names(title: str, found: list[tuple[str, str]]) -> None:
    say(title)
    for name, text in found:
        say(f"  {name:<18} {text}")


@command()
def check(plugin: Annotated[str, typer.Argument(help="a name, or package.module:Class")]) -> int:
    """Check that a plug-in, yours included, keeps its contract."""
    from fowh.checks import checked

    count = failed = 0
    for finding in checked(plugin):  # told as they come: a plug-in may take its time
        say(f"{'ok  ' if finding.passed else 'FAIL'} {finding.check}: {finding.text}")
        count, failed = count + 1, failed + (not finding.passed)
    say(f"{count - failed} passed, {failed} failed")
    return int(failed > 0)


@command()
def new(
    kind: Annotated[str, typer.Argument(help="scheme or attack")],
    name: Annotated[str, typer.Argument(help="of the file, in lower case: my_scheme")],
    folder: Annotated[Path, typer.Option(help="Where the files go.")] = Path(),
) -> None:
    """Write a commented plug-in and its test, which pass `fowh check` at once."""
    from fowh.scaffold import class_of
    from fowh.scaffold import new as write

    files = write(kind, name, folder)
    for file in files:
        say(f"wrote {file}")
    say(f"now, in that folder: fowh check {name}:{class_of(name)}")


@command()
def doctor() -> None:
    """Say what this installation can do: versions, devices, weights, cache."""
    import faiss
    import torch

    from fowh.core.cache import cache_dir
    from fowh.core.registry import load
    from fowh.records.store import environment

    for name, version in environment("cpu")["versions"].items():
        say(f"{name:<14} {version}")
    say(f"torch devices  cpu{', cuda' * torch.cuda.is_available()}")
    say(f"faiss GPUs     {faiss.get_num_gpus()}")
    say(f"cache          {cache_dir()}")
    say(f"orl            {len(load('dataset', 'orl').load())} photographs")
    say(f"dlib weights   {load('target', 'dlib').sha256[:16]}")
