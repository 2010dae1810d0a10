"""Messages: what crosses comes out as it went in, and nothing else crosses."""

from __future__ import annotations

import json
import pickle
import socket
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from fowh.core.release import Release
from fowh.isolation import wire

Line = tuple[socket.socket, socket.socket]


@pytest.fixture
def line() -> Iterator[Line]:
    one, other = socket.socketpair()
    one.settimeout(20)
    other.settimeout(20)
    yield one, other
    one.close()
    other.close()


def crossed(line: Line, message: Any) -> Any:
    sender = threading.Thread(target=wire.send, args=(line[0], message))
    sender.start()
    found = wire.receive(line[1])
    sender.join()
    return found


def said(line: Line, tree: Any, shapes: Any, data: bytes = b"") -> None:
    head = json.dumps([tree, shapes]).encode()
    line[0].sendall(wire.HEAD.pack(len(head)) + head + data)


def test_values_and_arrays_come_out_as_they_went_in(line: Line) -> None:
    large = np.arange(2**20, dtype=np.float32).reshape(2, -1)
    message = {
        "plain": [1, 2.5, None, True, "list", ["array", 0], float("inf")],
        "arrays": [large, large.T, np.array(3), np.empty((0, 4), np.uint8), np.array(["a", "bc"])],
    }
    found = crossed(line, message)
    assert found["plain"] == message["plain"]
    for left, right in zip(found["arrays"], message["arrays"], strict=True):
        assert left.dtype == right.dtype and left.shape == np.shape(right)
        assert np.array_equal(left, right)


def test_a_release_comes_out_whole(line: Line) -> None:
    sent = Release(np.eye(3), {"salt": np.ones((3, 2))}, np.arange(3, dtype=np.uint64), 2)
    found = crossed(line, sent)
    assert np.array_equal(found.code, sent.code) and found.each == 2
    assert np.array_equal(found.aux["salt"], sent.aux["salt"])
    assert np.array_equal(found.token, sent.token)


@pytest.mark.parametrize("bits", [np.random.PCG64, np.random.SFC64])
def test_a_generator_draws_the_same_and_keeps_its_seed(line: Line, bits: Any) -> None:
    def drawn(*seed: int) -> tuple[Any, Any]:
        mine = np.random.Generator(bits(np.random.SeedSequence(seed)))
        mine.random(3)
        return mine, crossed(line, mine)

    mine, theirs = drawn(987654321, 2)
    assert np.array_equal(theirs.random(4), mine.random(4))
    assert "987654321" not in str(theirs.bit_generator.seed_seq.state)
    # What is spawned is repeatable, depends on the seed, and on what was spawned before.
    first, again, other = (drawn(number)[1].spawn(1)[0].random() for number in (1, 1, 2))
    assert first == again != other
    mine.spawn(1)
    assert crossed(line, mine).spawn(1)[0].random() != theirs.spawn(1)[0].random()


@pytest.mark.parametrize("value", [np.array([{}]), {1, 2}, object(), {1: 2}, b"bytes"])
def test_what_is_no_plain_value_does_not_cross(line: Line, value: Any) -> None:
    with pytest.raises(TypeError, match="does not cross"):
        wire.send(line[0], [value])


@pytest.mark.parametrize(
    ("tree", "shapes"),
    [
        (["array", 0], [["|O", [1]]]),
        (["array", 0], [["<f4", [-1]]]),
        (["array", 0], [["<f4", [2**40, 2**40]]]),
        (["array", 0], [["f4,O", [1]]]),
        (["array", 3], []),
        (["release", ["list"], {}, None, 1], []),
        (["generator", {"bit_generator": "MT19937"}, ["list", 0, ["list"], 4, 0]], []),
        (["call", "os.system"], []),
        ([], []),
        ({"a": 1}, 5),
    ],
)
def test_what_is_no_message_is_refused(line: Line, tree: Any, shapes: Any) -> None:
    said(line, tree, shapes)
    with pytest.raises(wire.Broken):
        wire.receive(line[1])


def test_pickles_are_no_messages(line: Line) -> None:
    line[0].sendall(pickle.dumps(Release(np.eye(2))) * 4)
    line[0].close()
    with pytest.raises(wire.Broken):
        wire.receive(line[1])
