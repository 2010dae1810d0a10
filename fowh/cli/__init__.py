"""The command line; beside workers' notes nothing else prints.

Nothing is imported before signals and errors are heard, and nothing heavy before it is needed.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fowh.cli.commands import app as app


def main(words: Sequence[str] | None = None) -> None:
    """Entry point; ends the process with the exit code of ``_door``.

    Args:
        words: of the command, without its name; None for those of the process.
    """
    heard = None
    if threading.current_thread() is threading.main_thread():
        heard = signal.signal(signal.SIGINT, signal.SIG_DFL)  # until somebody can say it in a line
    from fowh.cli._door import guarded

    if heard is not None:
        signal.signal(signal.SIGINT, heard)
    given = list(sys.argv[1:] if words is None else words)

    def work() -> int:
        from fowh.cli.commands import run

        return run(given or ["--help"])

    sys.exit(guarded(work))


def __getattr__(name: str) -> Any:
    if name == "app":
        from fowh.cli.commands import app

        return app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
