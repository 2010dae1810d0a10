"""Protocols: who learns, who attacks, who is attacked."""
