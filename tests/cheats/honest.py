"""Schemes of ours as a third party's: copies, which run in processes of their own."""

from __future__ import annotations

from dataclasses import dataclass

from schemes.iom import Iom
from schemes.lsh import Lsh
from schemes.lsh_pstable import LshPstable
from schemes.raw import Raw
from schemes.salted_hash import SaltedHash


@dataclass(frozen=True)
class Bits(Lsh):
    """Of ``lsh``."""


@dataclass(frozen=True)
class Steps(LshPstable):
    """Of ``lsh_pstable``."""


@dataclass(frozen=True)
class Index(Iom):
    """Of ``iom``."""


@dataclass(frozen=True)
class Hashed(SaltedHash):
    """Of ``salted_hash``, which knows its scores."""


@dataclass(frozen=True)
class Clear(Raw):
    """Of ``raw``, which says that it can be un-protected."""
