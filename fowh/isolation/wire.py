"""Messages between processes: JSON that says what, and the bytes of plain arrays.

Nothing is unpickled in either direction: what comes in is numbers, texts, lists, dictionaries with
text keys, arrays of plain numbers or texts, releases and generators, or it is refused.
"""

from __future__ import annotations

import hashlib
import json
import math
import socket
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh.core.release import Release

KINDS = "biufcSU"  # of arrays: numbers and texts, no objects
MOST = 2**34  # bytes of one message
HEAD = struct.Struct("<Q")
PID = struct.Struct("<q")


class Broken(Exception):
    """The other side is gone, or says what no message may say."""


def send(line: socket.socket, message: Any) -> None:
    """Send one message.

    Raises:
        TypeError: it holds what does not cross.
    """
    arrays: list[NDArray[Any]] = []
    tree = _packed(message, arrays)
    shapes = [[array.dtype.str, list(array.shape)] for array in arrays]
    head = json.dumps([tree, shapes]).encode()
    line.sendall(HEAD.pack(len(head)) + head)
    for array in arrays:
        if array.nbytes:
            line.sendall(_bytes(array))


def receive(line: socket.socket) -> Any:
    """Wait for one message.

    Raises:
        Broken: there is none, or it is none.
        TimeoutError: nothing came for as long as the socket waits.
    """
    (length,) = HEAD.unpack(_exactly(line, HEAD.size))
    if length > MOST:
        raise Broken("a message is too long")
    try:
        tree, shapes = json.loads(_exactly(line, length))
        arrays = [_empty(dtype, shape) for dtype, shape in shapes]
    except (ValueError, TypeError, RecursionError) as error:
        raise Broken(f"a message cannot be read: {error}") from error
    for array in arrays:
        if array.nbytes:
            _fill(line, _bytes(array))
    try:
        return _unpacked(tree, arrays)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise Broken(f"a message cannot be read: {error}") from error


def _packed(value: Any, arrays: list[NDArray[Any]]) -> Any:
    """A value as JSON has it; arrays are put aside. A tagged value is a list of its tag and parts.

    A plain list begins with the tag "list", so that no text can be taken for a tag.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return _packed(value.item(), arrays)
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in KINDS:
            raise TypeError(f"an array of {value.dtype} does not cross between processes")
        arrays.append(np.ascontiguousarray(value).reshape(value.shape))
        return ["array", len(arrays) - 1]
    if isinstance(value, Release):
        parts = [value.code, dict(value.aux), value.token, value.each]
        return ["release", *(_packed(part, arrays) for part in parts)]
    if isinstance(value, np.random.Generator):
        return ["generator", *_packed(_state(value), arrays)[1:]]
    if isinstance(value, list | tuple):
        return ["list", *(_packed(item, arrays) for item in value)]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _packed(item, arrays) for key, item in value.items()}
    raise TypeError(f"{type(value).__name__} does not cross between processes")


def _unpacked(tree: Any, arrays: list[NDArray[Any]]) -> Any:
    if isinstance(tree, dict):
        return {key: _unpacked(item, arrays) for key, item in tree.items()}
    if not isinstance(tree, list):
        return tree
    tag, *rest = tree
    if tag == "array":
        return arrays[rest[0]]
    parts = [_unpacked(item, arrays) for item in rest]
    if tag == "list":
        return parts
    if tag == "release":
        return _release(*parts)
    if tag == "generator":
        return _generator(*parts)
    raise ValueError(f"unknown part {tag!r}")


def _release(code: Any, aux: Any, token: Any, each: Any) -> Release:
    """A release of what came in, if it is one: rows of arrays, as many of each."""
    columns = [code, *aux.values(), *([] if token is None else [token])]
    if not all(isinstance(c, np.ndarray) and c.ndim and len(c) == len(code) for c in columns):
        raise ValueError("a release has other rows in its columns")
    if type(each) is not int or each < 1 or (token is not None and token.dtype != np.uint64):
        raise ValueError("a release has keys or counts of another type")
    return Release(code, aux, token, each)


def _state(rng: np.random.Generator) -> list[Any]:
    """What a generator is at, so that the same numbers are drawn on the other side.

    Its seed stays here: it says where every other stream of the cell begins, that of the keys for
    one. What is spawned there comes from a digest of it.
    """
    seeds: Any = rng.bit_generator.seed_seq
    origin = [seeds.entropy, seeds.spawn_key, seeds.pool_size, seeds.n_children_spawned]
    return [dict(rng.bit_generator.state), hashlib.sha256(repr(origin).encode()).hexdigest()]


def _generator(state: dict[str, Any], origin: str) -> np.random.Generator:
    named = {"PCG64": np.random.PCG64, "SFC64": np.random.SFC64}
    bits = named[state["bit_generator"]](np.random.SeedSequence(int(origin, 16)))
    bits.state = state
    return np.random.Generator(bits)


def _empty(dtype: str, shape: list[int]) -> NDArray[Any]:
    """Where an array goes; plain ones only, of a size that a message may have."""
    kind = np.dtype(dtype)
    if kind.kind not in KINDS or kind.str != dtype:
        raise ValueError(f"an array of {dtype}")
    if any(type(n) is not int or n < 0 for n in shape) or math.prod(shape) * kind.itemsize > MOST:
        raise ValueError(f"an array of shape {shape}")
    return np.empty(shape, kind)


def _bytes(array: NDArray[Any]) -> memoryview:
    return memoryview(array.reshape(-1).view(np.uint8))  # type: ignore[arg-type]


def _exactly(line: socket.socket, count: int) -> bytes:
    whole = bytearray(count)
    _fill(line, memoryview(whole))
    return bytes(whole)


def _fill(line: socket.socket, room: memoryview) -> None:
    while room.nbytes:
        try:
            got = line.recv_into(room)
        except ConnectionError as error:
            raise Broken("the other side is gone") from error
        if not got:
            raise Broken("the other side is gone")
        room = room[got:]
