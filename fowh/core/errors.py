"""The one error a user can cause, the words for it, and what others' code may not do with it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

LINE = 500  # characters of a message, at most


class InputError(ValueError):
    """Bad input: one line that says what was given, what was expected and what to do.

    The command line prints the line and leaves with exit code 2.
    """


class Interrupted(KeyboardInterrupt):
    """The user ended the run. Only handlers of signals raise it, and no boundary stops it.

    Attributes:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class PluginExit(RuntimeError):
    """Somebody else's code tried to end the program, by ``sys.exit`` for example."""


@contextmanager
def contained() -> Iterator[None]:
    """Around somebody else's code: what would end the program is an error like any other.

    SystemExit, and a KeyboardInterrupt that the code raised by itself, become ``PluginExit``. One
    that the user caused stays what it is. ``os._exit``, which nobody could hear, is SystemExit.
    """
    with _user_is_heard(), _exit_is_heard():
        try:
            yield
        except (Exception, Interrupted):
            raise
        except BaseException as error:
            raise PluginExit(f"{type(error).__name__}: {error}".rstrip(": ")) from error


@contextmanager
def refusing(doing: str) -> Iterator[None]:
    """Around the construction of plug-ins: whatever it raises is an InputError.

    Args:
        doing: completes "cannot ...".
    """
    try:
        with contained():
            yield
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"cannot {doing}: {reason(error)}") from error


def reason(error: BaseException) -> str:
    """An error of somebody else's in one line: its kind and the first line that it says."""
    kind = "" if isinstance(error, PluginExit) else type(error).__name__
    words = (said(error).strip().splitlines() or [""])[0]
    return f"{kind}: {words}" if kind and words else kind or words


def said(error: BaseException) -> str:
    """What an error says; nothing where it raises instead, as somebody else's may."""
    try:
        with contained():
            return str(error)
    except Exception:
        return ""


def one_line(text: str, most: int = LINE) -> str:
    """Text that no terminal obeys, in one line; of a longer one the beginning and the end."""
    made = escaped(" ".join(filter(None, map(str.rstrip, text.splitlines()))))
    if len(made) <= most:
        return made
    end = most // 3  # what to do stands there
    return f"{made[: most - end - 5]} ... {made[len(made) - end :]}"


def escaped(text: str) -> str:
    """Text with whatever is not to be printed (control characters, half characters) spelt out."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\xa0" else _spelt(c) for c in text)


def printable(value: Any) -> Any:
    """The same JSON value with every text ``escaped``, lines kept."""
    if isinstance(value, str):
        return "\n".join(map(escaped, value.split("\n")))
    if isinstance(value, dict):
        return {printable(key): printable(item) for key, item in value.items()}
    return [*map(printable, value)] if isinstance(value, list) else value


def _spelt(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")


def interrupt(number: int, frame: object) -> NoReturn:
    """Handler of signals: the user's own interrupt, told from one that a plug-in raises."""
    raise Interrupted(number)


@contextmanager
def _user_is_heard() -> Iterator[None]:
    """Where Python's own handler of SIGINT is in place, ours instead of it."""
    swap = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if swap:
        signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        if swap:
            signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def _exit_is_heard() -> Iterator[None]:
    """``os._exit`` raises instead, in this thread of this process: others end as they would."""
    mine, leave = (os.getpid(), threading.get_ident()), os._exit

    def ends(status: int) -> NoReturn:
        if (os.getpid(), threading.get_ident()) == mine:
            raise SystemExit(status)
        leave(status)

    os._exit = ends
    try:
        yield
    finally:
        os._exit = leave
