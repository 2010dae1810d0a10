"""Attacks that look for the truth in memory: theirs, the testbed's, what hangs on the view."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import fowh
from fowh.core.release import Floats

WINDOW = 2**16  # bytes around a place in memory that holds an own sample
LARGEST = 2**29  # bytes of a piece of memory that is searched
DEPTH = 6  # references that are followed from the view


def guess(view: fowh.View) -> Floats:
    return np.tile(view.embeddings.mean(axis=0), (len(view.release), 1))


def matching(view: fowh.View, found: Iterator[Any]) -> Floats:
    """Of all arrays of embeddings, rows that the stolen templates score best."""
    best, out = np.full(len(view.release), -np.inf), guess(view)
    width, own = view.embeddings.shape[1], {row.tobytes() for row in view.embeddings}
    for each in found:
        if not isinstance(each, np.ndarray) or each.dtype != np.float32 or each.ndim != 2:
            continue
        if each.shape[1] != width or not len(each):
            continue
        new = np.array([row.tobytes() not in own for row in each])
        rows = each[new & np.isfinite(each).all(axis=1) & (np.abs(each).max(axis=1) < 1e3)]
        if not len(rows):
            continue
        scores = view.scheme.scores(view.release, rows)
        better = scores.max(axis=1) > best
        best = np.where(better, scores.max(axis=1), best)
        out[better] = rows[scores.argmax(axis=1)][better]
    return out


def held(things: Any) -> Iterator[Any]:
    """What instances of our own classes have for attributes."""
    for each in things:
        if str(type(each).__module__).startswith("fowh.") and not isinstance(each, type):
            yield from list(getattr(each, "__dict__", {}).values())


@dataclass(frozen=True)
class Stack(fowh.Attack):
    """Looks for the plan among the variables of whoever called it."""

    def run(self, view: fowh.View, rng: np.random.Generator) -> Floats:
        frame: Any = sys._getframe()
        while frame is not None:
            for value in list(frame.f_locals.values()):
                if hasattr(value, "plan") and hasattr(value, "fold"):
                    found: Floats = value.plan.values[value.fold.stolen]
                    return found
            frame = frame.f_back
        return guess(view)


@dataclass(frozen=True)
class Garbage(fowh.Attack):
    """Asks the garbage collector for every object of the testbed's."""

    def run(self, view: fowh.View, rng: np.random.Generator) -> Floats:
        return matching(view, held(gc.get_objects()))


@dataclass(frozen=True)
class Globals(fowh.Attack):
    """Looks through the names of all modules, and through what their caches refer to."""

    def run(self, view: fowh.View, rng: np.random.Generator) -> Floats:
        things = [
            value
            for name, module in list(sys.modules.items())
            if name.startswith(("fowh", "tests", "__main__"))
            for value in list(vars(module).values())
        ]
        lists = [item for value in things if isinstance(value, list) for item in value]
        return matching(view, iter([*lists, *things, *held(things), *held(lists)]))


@dataclass(frozen=True)
class Beyond(fowh.Attack):
    """Follows every reference from its view: bases of arrays, closures, handles."""

    def run(self, view: fowh.View, rng: np.random.Generator) -> Floats:
        seen, edge = {id(view)}, [view, view.query, view.progress]
        arrays: list[Any] = []
        for _ in range(DEPTH):
            further = []
            for each in gc.get_referents(*edge):
                if id(each) in seen or isinstance(each, type) or hasattr(each, "__spec__"):
                    continue
                seen.add(id(each))
                further.append(each)
                arrays += [each, getattr(each, "base", None)]
            edge = [each for each in further if not _module(each)]
        return matching(view, iter(arrays))


def _module(each: Any) -> bool:
    """Whether these are the names of a module: everything hangs on those."""
    return isinstance(each, dict) and "__builtins__" in each


@dataclass(frozen=True)
class Memory(fowh.Attack):
    """Searches the memory of its own process and of those above it for an own sample.

    Near it in the array of all samples lie the others.
    """

    def run(self, view: fowh.View, rng: np.random.Generator) -> Floats:
        above = os.getppid()
        asked = [os.getpid(), above, *_parent(above)]
        return matching(view, (rows for number in asked for rows in _near(view, number)))


def _parent(number: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[1])]
    return []


def _near(view: fowh.View, number: int) -> Iterator[Floats]:
    own, width = view.embeddings[0].tobytes(), view.embeddings.shape[1] * 4
    with contextlib.suppress(OSError):
        maps = Path(f"/proc/{number}/maps").read_text().splitlines()
        with Path(f"/proc/{number}/mem").open("rb", buffering=0) as memory:
            for line in maps:
                words = line.split()
                start, end = (int(word, 16) for word in words[0].split("-"))
                if not words[1].startswith("rw") or end - start > LARGEST:
                    continue
                if len(words) > 5 and words[5] != "[heap]":
                    continue
                memory.seek(start)
                whole = memory.read(end - start) or b""
                at = whole.find(own)
                while at >= 0:
                    first = at - width * min(at // width, WINDOW // width)
                    last = at + width * min((len(whole) - at) // width, WINDOW // width)
                    yield np.frombuffer(whole[first:last], "<f4").reshape(-1, width // 4).copy()
                    at = whole.find(own, at + 1)
