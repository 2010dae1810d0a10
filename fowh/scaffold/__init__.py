"""``fowh new``: a commented plug-in and its test, which keep the contract from the first minute."""

from __future__ import annotations

import contextlib
import difflib
import importlib.util
import keyword
import os
import re
import sys
from pathlib import Path
from string import Template

from fowh.core.errors import InputError
from fowh.core.registry import KINDS as REGISTERED
from fowh.core.registry import Kind, names
from fowh.core.trust import folder as home

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
            folder that cannot be written to or is that of the built-in plug-ins. Nothing is
            written then.
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
    for each in REGISTERED:
        if name in names(each):
            raise InputError(f"there is a plug-in {name!r} already, a {each}: choose another name")
    if folder.resolve() in [home(each).resolve() for each in KINDS]:
        raise InputError(
            f"{folder} is where built-in plug-ins live, and a test there would be taken for one: "
            "choose another --folder, and move the plug-in when it is done"
        )
    files = [folder / f"{name}.py", folder / f"test_{name}.py"]
    for file in files:
        if os.path.lexists(file):
            raise InputError(f"{file} exists: choose another name or --folder")
    if name in sys.stdlib_module_names or importlib.util.find_spec(name):
        raise InputError(f"{name} is the name of a module that others import: choose another name")
    words = {"name": name, "Name": class_of(name)}
    texts = [
        Template((HOME / f"{part}.txt").read_text(encoding="utf-8")).substitute(words)
        for part in (kind, "test")
    ]
    there = folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in zip(files, texts, strict=True):
            file.write_text(text, encoding="utf-8")
    except OSError as error:
        for file in files:
            with contextlib.suppress(OSError):
                file.unlink()  # it was not there before
        if not there:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise InputError(f"cannot write to {folder}: {error.strerror}; choose another") from error
    return files


def class_of(name: str) -> str:
    """The class in a file of this name: ``my_scheme`` holds ``MyScheme``."""
    return "".join(part.capitalize() for part in name.split("_"))
