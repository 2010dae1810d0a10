"""Leaks: what leaves a system and is stolen."""
