"""Plug-ins of third parties in processes of their own, which never hold the truth."""
