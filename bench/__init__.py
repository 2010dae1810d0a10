"""Benchmarks and sweeps: `python -m bench.report` and `python -m bench.results`."""
