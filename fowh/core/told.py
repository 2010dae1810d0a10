"""Lines on stderr, which are no result: one each, and no terminal obeys them."""

from __future__ import annotations

import contextlib
import sys
from typing import Any

from fowh.core.errors import one_line


def tell(text: str) -> None:
    """One line on stderr, for what is no result."""
    with contextlib.suppress(OSError, ValueError):  # nobody listens
        sys.stderr.write(f"{one_line(text)}\n")
        sys.stderr.flush()


def note(message: Warning | str, *where: Any, **more: Any) -> None:
    """A warning (``warnings.showwarning``) for a user, whom no line of our code concerns."""
    tell(f"note: {message}")
