"""The schema of a record: a JSON Schema beside this file, in words in docs/records.md."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

VERSION = 3
FILE = Path(__file__).with_name("record-3.schema.json")


def problem(record: Any) -> str | None:
    """What is wrong with a record, in one line; None where nothing is.

    Args:
        record: as read from JSON.
    """
    from jsonschema.exceptions import best_match

    error = best_match(_validator().iter_errors(record))
    if error is None:
        return None
    where = ".".join(map(str, error.absolute_path)) or "the record"
    return f"{where}: {' '.join(error.message.split())[:200]}"


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(json.loads(FILE.read_text(encoding="utf-8")))
