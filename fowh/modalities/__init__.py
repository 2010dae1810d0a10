"""Modalities: what a sample is."""
