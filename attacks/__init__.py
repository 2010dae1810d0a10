"""Inverters: one file per attack; they import fowh and their own family only."""
