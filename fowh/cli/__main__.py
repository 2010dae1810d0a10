"""``python -m fowh.cli``."""

from fowh.cli import main

main()
