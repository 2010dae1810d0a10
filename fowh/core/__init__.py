"""Interfaces and what they need: no torch, no paper, no face at import."""
