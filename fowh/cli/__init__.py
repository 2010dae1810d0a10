"""The command line; nothing else prints. Nothing heavy is imported before a command needs it."""

from fowh.cli import evaluate, many, plugins
from fowh.cli._app import app, main

__all__ = ["app", "evaluate", "main", "many", "plugins"]
