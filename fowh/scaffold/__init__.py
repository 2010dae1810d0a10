"""``fowh new``: a commented plug-in and its test, which keep the contract from the first minute."""

from __future__ import annotations

import difflib
import keyword
import os
import re
from pathlib import Path
from string import Template

from fowh.core.errors import InputError
from fowh.core.registry import Kind, names

KINDS: tuple[Kind, ...] = ("scheme", "attack")
HOME = Path(__file__).parent


def new(kind: str, name: str, folder: Path) -> list[Path]:
    """Write ``NAME.py`` and ``test_NAME.py``.

    Args:
        kind: scheme or attack.
        name: of the file, in lower case: ``my_scheme``; its class is ``MyScheme``.
        folder: where the files go; made where it is missing.

    Returns:
        The files, the plug-in first.

    Raises:
        InputError: another kind, a name that is no module's or is taken, files that exist, or a
            folder that cannot be written to. Nothing is written then.
    """
    known = next((each for each in KINDS if each == kind), None)
    if known is None:
        near = difflib.get_close_matches(kind, KINDS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"expected {' or '.join(KINDS)}"
        raise InputError(f"cannot begin a {kind!r}: {hint}")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise InputError(
            f"{name!r} is no name for a file of Python: give lower-case letters, digits and "
            "underscores, such as my_scheme"
        )
    if name in names(known):
        raise InputError(f"there is a {kind} {name!r} already: choose another name")
    files = [folder / f"{name}.py", folder / f"test_{name}.py"]
    for file in files:
        if os.path.lexists(file):
            raise InputError(f"{file} exists: choose another name or --folder")
    words = {"name": name, "Name": class_of(name)}
    texts = [
        Template((HOME / f"{part}.txt").read_text(encoding="utf-8")).substitute(words)
        for part in (kind, "test")
    ]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in zip(files, texts, strict=True):
            file.write_text(text, encoding="utf-8")
    except OSError as error:
        for file in files:
            if file.is_file():  # it was not there before
                file.unlink()
        raise InputError(f"cannot write to {folder}: {error.strerror}; choose another") from error
    return files


def class_of(name: str) -> str:
    """The class in a file of this name: ``my_scheme`` holds ``MyScheme``."""
    return "".join(part.capitalize() for part in name.split("_"))
