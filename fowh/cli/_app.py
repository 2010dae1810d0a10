"""The ``fowh`` command itself, and the options that several commands share."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, ParamSpec

import typer

from fowh import __version__
from fowh.cli._door import say
from fowh.core.errors import InputError, PluginExit, contained
from fowh.kit.parallel import spare_the_cores

spare_the_cores()  # before torch and NumPy are loaded, which read it once

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Can what leaked of people be inverted? Evaluate what stands between a model and a leak.",
)

_USAGE: Any = next(e for e in typer.BadParameter.__mro__ if e.__name__ == "ClickException")
_Given = ParamSpec("_Given")

Out = Annotated[Path, typer.Option(help="Folder for records and reports.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 ...")]
Force = Annotated[bool, typer.Option("--force", help="Run again although recorded.")]
Trusted = Annotated[
    bool,
    typer.Option("--trusted", help="Third parties' code in this process, where the truth is."),
]


def command(
    name: str | None = None,
) -> Callable[[Callable[_Given, int | None]], Callable[_Given, None]]:
    """Make a function a command; it returns its exit code, or None where it cannot fail.

    Args:
        name: of the command; None for that of the function.
    """

    def register(body: Callable[_Given, int | None]) -> Callable[_Given, None]:
        @functools.wraps(body)
        def begun(*given: _Given.args, **named: _Given.kwargs) -> None:
            with _theirs():
                code = body(*given, **named)
            if code:
                raise typer.Exit(code)

        return app.command(name)(begun)

    return register


@contextlib.contextmanager
def _theirs() -> Iterator[None]:
    """Below a command: what would end the program there, or pass for the framework's, is theirs."""
    try:
        with contained():
            yield
    except (typer.Exit, typer.Abort, _USAGE) as error:
        raise PluginExit(f"{type(error).__name__}: {error}".rstrip(": ")) from error


def _offline(asked: bool) -> None:
    if asked:
        os.environ["FOWH_OFFLINE"] = "1"  # workers inherit it


Offline = Annotated[
    bool,
    typer.Option("--offline", callback=_offline, help="Download nothing (published weights)."),
]


def _version(asked: bool) -> None:
    if asked:
        say(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


def run(words: list[str]) -> int:
    """Run a command without the framework's own handler, which prints lines of its own.

    Args:
        words: of the command, without ``fowh``.

    Returns:
        Its exit code.
    """
    command = typer.main.get_command(app)
    _once(command, words)
    try:
        with command.make_context("fowh", words) as context:
            command.invoke(context)
    except typer.Exit as done:
        return int(done.exit_code)
    except _USAGE as error:
        said: Any = error
        raise InputError(
            f"{said.format_message()} See `fowh --help`, `fowh COMMAND --help`"
        ) from error
    return 0


def _once(command: Any, words: list[str]) -> None:
    """Refuse an option that is given twice, of which the framework would take the last."""
    known = getattr(command, "commands", {}).get(words[0])
    for option in known.params if known else ():
        names = [name for name in option.opts if name.startswith("--")]
        given = [word for word in words[1:] if word.partition("=")[0] in names]
        if len(given) > 1 and not option.multiple:
            raise InputError(f"{names[0]} is given {len(given)} times: expected once; leave one")
