"""fowh: a defence testbed for fuzzy one-way hashing."""

__version__ = "0.1.0"
