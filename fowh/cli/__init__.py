"""The command line; nothing else prints. Nothing heavy is imported before a command needs it."""

from fowh.cli import cache, evaluate, many, plugins
from fowh.cli._app import app, main

__all__ = ["app", "cache", "evaluate", "main", "many", "plugins"]
