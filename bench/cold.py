"""Seconds of commands from an empty cache: ``python -m bench.cold [NAME ...]``.

Each runs once, as a new user would run it, in a folder and with a cache of its own, one after the
other on a machine that does nothing else. What it took stands in bench/records/cold.json, by name,
with the commit, the processor and its threads.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from fowh.core.files import write_atomically
from fowh.records.store import commit_of, environment

KEPT = Path(__file__).parent / "records" / "cold.json"
UPDATES = "--leak gradients --target mlp --scheme dp_sgd:sigma=0.1 --witness dlib"
COMMANDS = {"main": "evaluate --scheme iom", "gradients": f"evaluate {UPDATES}"}


def seconds(command: str) -> float:
    """Of one run that nothing on record or in a cache answers."""
    with tempfile.TemporaryDirectory() as folder:
        given = {"FOWH_CACHE_DIR": f"{folder}/cache"}
        given["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
        begun = time.perf_counter()
        words = [sys.executable, "-m", "fowh.cli", *command.split()]
        subprocess.run(words, check=True, cwd=folder, env=os.environ | given)
        return time.perf_counter() - begun


def main() -> None:
    """Measure, and keep."""
    names = sys.argv[1:] or list(COMMANDS)
    if not set(names) <= set(COMMANDS):
        raise SystemExit(__doc__)
    kept: dict[str, Any] = json.loads(KEPT.read_text("utf-8")) if KEPT.exists() else {}
    for name in names:
        machine = environment("cpu")
        kept[name] = {
            "command": f"fowh {COMMANDS[name]}",
            "seconds": round(seconds(COMMANDS[name]), 1),
            "commit": commit_of(machine),
            "processor": machine["processor"],
            "threads": machine["threads"],
        }
        text = json.dumps(kept, indent=1) + "\n"
        write_atomically(KEPT, lambda partial, text=text: partial.write_text(text))  # type: ignore[misc]


if __name__ == "__main__":
    main()
