"""The ``fowh`` command itself, and the options that several commands share."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

from fowh import __version__
from fowh.cli._ending import interruptible
from fowh.core.errors import InputError
from fowh.kit.parallel import spare_the_cores

spare_the_cores()  # before torch and NumPy are loaded, which read it once

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Can what leaked of people be inverted? Evaluate what stands between a model and a leak.",
)

Out = Annotated[Path, typer.Option(help="Folder for records and reports.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 ...")]
Force = Annotated[bool, typer.Option("--force", help="Run again although recorded.")]
Trusted = Annotated[
    bool,
    typer.Option("--trusted", help="Third parties' code in this process, where the truth is."),
]


def _offline(asked: bool) -> None:
    if asked:
        os.environ["FOWH_OFFLINE"] = "1"  # workers inherit it


Offline = Annotated[
    bool,
    typer.Option("--offline", callback=_offline, help="Download nothing (published weights)."),
]


def _version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


def _note(message: Warning | str, *where: Any, **more: Any) -> None:
    """A warning as one line for a user, whom no line of our code concerns."""
    typer.echo(f"note: {message}", err=True)


def main() -> None:
    """Entry point: bad input is one line on stderr and exit code 2."""
    warnings.showwarning = _note
    with interruptible():
        try:
            app()
        except InputError as error:
            typer.echo(f"fowh: {error}", err=True)
            sys.exit(2)
