"""Fredrikson et al. (2014): a hidden attribute inferred from a model's outcome, on a table."""
