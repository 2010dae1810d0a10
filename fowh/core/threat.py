"""The threat model: what its axes are, and which values make sense."""

from __future__ import annotations

import typing
from dataclasses import dataclass, fields
from typing import Literal

from fowh.core.errors import InputError


@dataclass(frozen=True)
class Threat:
    """The axes of the threat model that a cell states.

    Attributes:
        keys: one key for each subject, or one for all.
        leaked: whether the keys leak with the database.
        box: black box (queries only) or white box (the network itself).
        queries: budget of the counted query handle, per fold.
        samples: how many samples of his own the attacker has, at most.
        versions: which versions of the target he may query (final; train: all that there are), and
            whether what was stolen leaked under all of them (all).
        server: honest (it reads what it gets) or malicious (it also chooses the network that
            clients compute on).
        candidates: samples, the stolen ones among them, that an informed attacker knows beforehand;
            0: none.
        stolen: how many of the rows that the protocol attacks leak in a fold, drawn at random; 0:
            all of them.

    Raises:
        InputError: a value that an axis does not have.
    """

    keys: Literal["subject", "shared"] = "subject"
    leaked: bool = True
    box: Literal["black", "white"] = "black"
    queries: int = 50_000
    samples: int = 2000
    versions: Literal["final", "train", "all"] = "train"
    server: Literal["honest", "malicious"] = "honest"
    candidates: int = 0
    stolen: int = 0

    def __post_init__(self) -> None:
        hints = typing.get_type_hints(type(self))
        for axis in fields(self):
            given, hint = getattr(self, axis.name), hints[axis.name]
            if typing.get_origin(hint) is Literal and given not in typing.get_args(hint):
                choices = typing.get_args(hint)
                words = " or ".join([", ".join(choices[:-1]), choices[-1]])
                raise InputError(f"threat, {axis.name}: {given!r}; expected {words}")
            if hint in (int, bool) and type(given) is not hint:
                expected = "an integer" if hint is int else "True or False"
                raise InputError(f"threat, {axis.name}: {given!r}; expected {expected}")
        if self.queries < 0:
            raise InputError(f"--queries {self.queries}: expected numbers of at least 0")
        if self.candidates < 0:
            raise InputError(f"--candidates {self.candidates}: expected numbers of at least 0")
        if self.stolen < 0:
            raise InputError(f"--stolen {self.stolen}: expected numbers of at least 0")
        if self.samples < 2:
            raise InputError(f"--samples {self.samples}: expected at least 2 samples")
