"""``fowh evaluate``: one cell."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from fowh.cli._app import Device, Force, Offline, Out, Trusted, command
from fowh.cli._door import put
from fowh.core.told import tell


@command()
def evaluate(
    scheme: Annotated[str, typer.Option(help="name or name:key=value,... or module:Class")],
    dataset: Annotated[str, typer.Option(help="orl, embeddings:path=FILE, gaussian ...")] = "orl",
    target: Annotated[
        str, typer.Option(help="The model that embeds samples; default for images: dlib.")
    ] = "",
    leak: Annotated[
        str, typer.Option(help="What is stolen: templates, outputs, membership, gradients:batch=1.")
    ] = "templates",
    protocol: Annotated[
        str, typer.Option(help="standard, federated, afm_iris, afm_face; default: the leak's own.")
    ] = "",
    attack: Annotated[
        list[str] | None, typer.Option(help="Repeatable; default: the leak's standard suite.")
    ] = None,
    witness: Annotated[
        str, typer.Option(help="A target that no attack queries, for a second opinion.")
    ] = "",
    keys: Annotated[str, typer.Option(help="subject (one key each) or shared.")] = "subject",
    secret_keys: Annotated[
        bool, typer.Option("--secret-keys", help="The keys do not leak with the database.")
    ] = False,
    white_box: Annotated[
        bool, typer.Option("--white-box", help="Grant the attacker the target's network.")
    ] = False,
    queries: Annotated[int, typer.Option(help="Query budget of the attacker, per fold.")] = 50_000,
    samples: Annotated[
        int, typer.Option(help="How many samples of his own the attacker has, at most.")
    ] = 2000,
    versions: Annotated[
        str, typer.Option(help="Versions of the target he may query: final, train or all (leaked).")
    ] = "train",
    server: Annotated[
        str, typer.Option(help="honest, or malicious: it chooses the network that clients run.")
    ] = "honest",
    candidates: Annotated[
        int, typer.Option(help="Samples, the stolen among them, that an informed attacker knows.")
    ] = 0,
    stolen: Annotated[
        int, typer.Option(help="How many rows leak in a fold, at random; 0: all of the protocol's.")
    ] = 0,
    seed: Annotated[int, typer.Option(help="Seed of every stream of randomness.")] = 0,
    device: Device = "auto",
    out: Out = Path("results"),
    as_json: Annotated[
        bool, typer.Option("--json", help="The record on stdout, all else on stderr.")
    ] = False,
    force: Force = False,
    trusted: Trusted = False,
    offline: Offline = False,
) -> int:
    """Evaluate one cell: does SCHEME keep the system useful, and what does a thief get back?"""
    from fowh.cells import make_cell
    from fowh.cli.progress import progress
    from fowh.core.dataset import read
    from fowh.core.threat import Threat
    from fowh.run import answer_or_run, check_writable

    started = time.perf_counter()
    axes: dict[str, Any] = {"keys": keys, "leaked": not secret_keys, "versions": versions}
    axes |= {"box": "white" if white_box else "black", "queries": queries, "samples": samples}
    axes |= {"server": server, "candidates": candidates, "stolen": stolen}
    cell = make_cell(
        *(scheme, dataset, target, attack or ()),
        leak=leak,
        protocol=protocol,
        threat=Threat(**axes),
        seed=seed,
        witness=witness,
        trusted=trusted,
    )
    out = check_writable(out)
    aside = contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext()
    with aside, progress() as note:  # a plug-in that prints spoils no JSON
        note("loading the dataset", 0.0)
        done = answer_or_run(cell, read(cell.dataset, note), out, device, force, note)
    if done.answered:
        tell(f"answered from the record of an earlier run: {done.folder}")
    if as_json:
        put(json.dumps(done.record, indent=1, allow_nan=False))
    else:
        from rich.console import Console

        from fowh.records import store
        from fowh.report.terminal import print_cell

        names = ("report.html", "summary.png", "record.json")
        paths = {name: str(done.folder / name) for name in names}
        took = f"{time.perf_counter() - started:.1f} s"
        observations = store.load_observations(done.folder)
        print_cell(done.record, paths | {"took": took}, Console(), observations)
    return int(done.record["status"] == "failed")
