"""``fowh cache``: what lies there, and an end of it."""

from __future__ import annotations

from typing import Annotated

import typer

from fowh.cli._app import command
from fowh.cli._door import say
from fowh.core.errors import InputError


@command()
def cache(
    kinds: Annotated[list[str] | None, typer.Argument(help="Which; default: all.")] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Remove them.")] = False,
) -> None:
    """Show what the cache holds, by kind, or empty it: people's pictures and embeddings."""
    from fowh.core import files
    from fowh.core.cache import cache_dir, rooms

    found = rooms()
    there = {room.kind for room in found}
    if unknown := set(kinds or ()) - there:
        raise InputError(
            f"{min(unknown)!r} is no kind that the cache holds; expected one of "
            f"{', '.join(sorted(there)) or 'none, it is empty'}: see `fowh cache`"
        )
    chosen = [room for room in found if not kinds or room.kind in kinds]
    stuck: list[str] = []
    for room in chosen:
        say(f"{room.kind:<14} {len(room.files):6,} files {room.size / 1e6:10,.1f} MB")
        if clear:
            files.sweep(cache_dir() / room.kind)  # what is being written stays
            for file in room.files:
                if not file.name.endswith(files.PARTIAL):
                    try:
                        file.unlink(missing_ok=True)
                    except OSError as error:
                        stuck.append(f"{file} ({error.strerror})")
    whole = f"{sum(room.size for room in chosen) / 1e6:,.1f} MB"
    if stuck:
        raise InputError(
            f"{len(stuck)} of the cache's files stay, the first is {stuck[0]}; expected files that "
            "can be removed: remove them by hand"
        )
    say(f"{whole} removed from {cache_dir()}" if clear else f"{whole} in {cache_dir()}")
