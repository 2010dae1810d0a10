"""Target models: one file per model."""
