"""All commands, which register themselves when they are imported."""

from fowh.cli import cache, evaluate, many, plugins
from fowh.cli._app import app, run

__all__ = ["app", "cache", "evaluate", "many", "plugins", "run"]
