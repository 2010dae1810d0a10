"""The published experiment as data, its cells, its tables."""
