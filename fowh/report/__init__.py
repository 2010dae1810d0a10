"""A record as text, plots and a self-contained page."""
