"""Updates as they are: what a server sees that protects nothing."""

from __future__ import annotations

from dataclasses import dataclass

from fowh.core.updates import UpdateScheme


@dataclass(frozen=True)
class Plain(UpdateScheme):
    """The reference: every client sends the mean gradient of its batch (McMahan et al. 2017)."""
