"""An ONNX file as a recogniser: read, checked, and run by onnxruntime."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from fowh.core.errors import InputError
from fowh.core.release import Floats
from fowh.core.texts import path_of
from fowh.kit.parallel import threaded

BLOCK = 32  # pictures at once, where the graph takes any number


@dataclass(frozen=True, eq=False)
class Graph:
    """A network with one input, pictures (n, channels, side, side), and one output (n, d).

    Attributes:
        path: where it was read.
        data: the file.
        sha256: of the file, in hex.
        session: of onnxruntime; it has one thread.
        name: of the input.
        batch: pictures that it takes at once; 0 for any number.
        channels: 1 or 3.
        side: pixels; 0 where the graph leaves it open.
    """

    path: str
    data: bytes
    sha256: str
    session: Any
    name: str
    batch: int
    channels: int
    side: int

    def run(self, pictures: Floats) -> Floats:
        """What the network says of pictures (n, channels, side, side); (n, d) float32.

        Blocks go to as many threads as torch uses, each to one of them: a result does not depend
        on their number.

        Raises:
            InputError: it fails, or says something else than finite vectors.
        """
        step, count = self.batch or BLOCK, len(pictures)
        said: dict[int, Floats] = {}

        def work(rows: slice) -> None:
            block = pictures[rows]
            missing = max(0, self.batch - len(block))  # of the last block, where its size is fixed
            whole = np.pad(block, ((0, missing), (0, 0), (0, 0), (0, 0)))
            said[rows.start] = self._block(whole)[: len(block)]

        if not count:
            return self.run(np.zeros((1, *pictures.shape[1:]), np.float32))[:0]
        threaded(work, count, step)
        made = np.concatenate([said[start] for start in range(0, count, step)])
        bad = ~np.isfinite(made).all(axis=1)
        if bad.any():
            raise InputError(
                f"{self.path}: {int(bad.sum())} of {count} embeddings are not finite (the first is "
                f"row {int(bad.argmax())}); expected finite numbers: check mean and scale"
            )
        return made

    def _block(self, pictures: Floats) -> Floats:
        try:
            (said,) = self.session.run(None, {self.name: pictures})
        except Exception as error:
            raise InputError(
                f"{self.path}: fails on pictures {pictures.shape} ({_line(error)}); expected it to "
                "take them: check size, or export it again"
            ) from error
        if said.ndim != 2 or len(said) != len(pictures):
            raise InputError(
                f"{self.path}: says {said.shape} of {len(pictures)} pictures; expected one vector "
                "each, (n, d): export the embedding layer"
            )
        made: Floats = said.astype(np.float32, copy=False)
        return made


def read(path: str) -> Graph:
    """The graph of a file, once as long as the file stays the same.

    Raises:
        InputError: onnxruntime is not installed, no such file, or none that can be used.
    """
    file = path_of(path, "an ONNX model")
    try:
        is_file, state = file.is_file(), file.stat()
    except (OSError, ValueError):
        is_file = False
    if not is_file:
        raise InputError(f"{file}: no such file; expected an ONNX model: check the path")
    return _read(str(file), state.st_mtime_ns, state.st_size)


def side_of(graph: Graph, size: int) -> int:
    """Side of the input in pixels, as the graph says, else as the user does (0: he does not).

    Raises:
        InputError: neither says it, or they do not agree.
    """
    if not (graph.side or size):
        raise InputError(
            f"{graph.path}: leaves height and width open; expected a number: give onnx:size=112, "
            "or what it was trained on"
        )
    if graph.side and size not in (0, graph.side):
        raise InputError(
            f"{graph.path}: takes {graph.side} x {graph.side} pixels, not size={size}: leave size "
            "out"
        )
    return graph.side or size


def library(name: str) -> Any:
    """A library of the extra.

    Raises:
        InputError: it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise InputError(
            f"target onnx needs {name} ({_line(error)}); run: pip install 'fowh[onnx]'"
        ) from error


@lru_cache(maxsize=2)
def _read(path: str, changed: int, length: int) -> Graph:
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); expected a readable file: check its "
            "permissions"
        ) from error
    _refuse_other_files(path, data)
    runtime = library("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 3  # errors, which are raised as well
    try:
        session = runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise InputError(
            f"{path}: onnxruntime cannot load it ({_line(error)}); expected an ONNX model of "
            "standard operators: export it again"
        ) from error
    name, shape = _signature(path, session)
    return Graph(path, data, hashlib.sha256(data).hexdigest(), session, name, *shape[:3])


def _signature(path: str, session: Any) -> tuple[str, list[int]]:
    """Name and shape of the input, if it is one of pictures and there is one output of vectors."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or len(outputs) != 1:
        raise InputError(
            f"{path}: has {len(inputs)} inputs and {len(outputs)} outputs; expected one of each: "
            "export the recogniser alone"
        )
    (given,), (said,) = inputs, outputs
    shape = [part if isinstance(part, int) and part > 0 else 0 for part in given.shape]
    fits = len(shape) == 4 and shape[1] in (1, 3) and shape[2] == shape[3]
    if not fits or given.type != "tensor(float)":
        raise InputError(
            f"{path}: input {given.name} is {given.type} {given.shape}; expected tensor(float) "
            "(n, 1 or 3, side, side): export it for squares, channels first, in float32"
        )
    if said.shape and len(said.shape) != 2:  # what it leaves open is seen when it runs
        raise InputError(
            f"{path}: output {said.name} is {said.shape}; expected one vector for each picture, "
            "(n, d): export the embedding layer"
        )
    return given.name, shape


def _refuse_other_files(path: str, data: bytes) -> None:
    """Refuse what is no ONNX model, and one whose weights lie in other files.

    Names of such files are the model's to choose, and no digest would cover them.
    """
    onnx = library("onnx")
    try:
        model = onnx.load_model_from_string(data)
    except Exception as error:
        raise InputError(
            f"{path}: is no ONNX model ({_line(error)}); expected one: check the path"
        ) from error
    if not model.graph.node:
        raise InputError(f"{path}: is no ONNX model, or an empty one; expected one: check the path")
    outside = onnx.TensorProto.EXTERNAL
    for message in _messages(model):
        if isinstance(message, onnx.TensorProto) and message.data_location == outside:
            raise InputError(
                f"{path}: keeps weights in another file; expected everything in one: save it by "
                "onnx.save_model(onnx.load(FILE), ONE_FILE)"
            )


def _messages(message: Any) -> Iterator[Any]:
    """A protobuf message and all inside it, subgraphs and functions included."""
    todo = [message]
    while todo:
        yield (each := todo.pop())
        for field, value in each.ListFields():
            if field.type == field.TYPE_MESSAGE:
                todo += [value] if hasattr(value, "ListFields") else list(value)


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
