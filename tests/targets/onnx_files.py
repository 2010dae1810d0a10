"""Tiny ONNX files for tests; needs onnx."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

SIDE = 8


def save(
    path: Path,
    nodes: list[Any],
    shape: tuple[int | str, ...] = ("n", 3, SIDE, SIDE),
    out: tuple[int | str, ...] | None = ("n", 3),
    constants: dict[str, Any] | None = None,
    extra: tuple[str, ...] = (),
    kind: int = 1,
) -> str:
    """Write a graph from ``x`` to ``y``; returns its path. ``extra``: names of more inputs."""
    from onnx import helper, numpy_helper, save_model

    taken = [helper.make_tensor_value_info(name, kind, shape) for name in ("x", *extra)]
    given = [
        numpy_helper.from_array(np.asarray(value), name)
        for name, value in (constants or {}).items()
    ]
    said = [helper.make_tensor_value_info("y", kind, out)]
    graph = helper.make_graph(nodes, "tiny", taken, said, given)
    opset = [helper.make_opsetid("", 17)]
    save_model(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return str(path)


def means(path: Path, *more: str, **how: Any) -> str:
    """The mean of every channel, and functions of one argument after it."""
    from onnx import helper

    names = ["x", *(f"h{number}" for number in range(len(more))), "y"]
    nodes = [helper.make_node("ReduceMean", names[:1], names[1:2], axes=[2, 3], keepdims=0)]
    nodes += [
        helper.make_node(f, [a], [b]) for f, a, b in zip(more, names[1:-1], names[2:], strict=True)
    ]
    return save(path, nodes, **how)


def network(path: Path, batch: int | str = "n", channels: int = 3, seed: int = 0) -> str:
    """Convolution, ReLU, and a linear layer of 5; one that names its batch reshapes to it."""
    from onnx import helper

    rng = np.random.default_rng(seed)
    rows = -1 if isinstance(batch, str) else batch
    inner = 4 * (SIDE - 2) ** 2
    constants = {
        "kernel": rng.standard_normal((4, channels, 3, 3)).astype(np.float32),
        "shape": np.array([rows, inner], dtype=np.int64),
        "weight": rng.standard_normal((inner, 5)).astype(np.float32),
        "bias": rng.standard_normal(5).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["x", "kernel"], ["c"]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Reshape", ["r", "shape"], ["f"]),
        helper.make_node("Gemm", ["f", "weight", "bias"], ["y"]),
    ]
    return save(path, nodes, (batch, channels, SIDE, SIDE), (batch, 5), constants)
